'use strict';
// rows.js: the same query as rows of SQL, by datom.q in FROM.
//
// The planner puts the query in place of the call, or the function answers; both
// must give the same rows, and as many as datom.q_json has given.

const server = require('./server');

// Which rows there are is free, or in which order doubles are added, so that two
// ways may differ.
const is_free = (query) => ['tuple', 'scalar'].includes(query.find) || query.limit !== undefined || query.offset !== undefined
	|| query.elements.some(({ fn, kind }) => ['rand', 'sample'].includes(fn)
		|| ['sum', 'avg', 'variance', 'stddev'].includes(fn) && kind !== 'long' && kind !== 'bigdec');

const quoted = (text) => `'${text.replace(/'/g, "''")}'`;

function literal(argument) {
	switch (typeof argument) {
		case 'string': return quoted(argument);
		case 'number': case 'boolean': return String(argument);
		default: return argument === null ? 'NULL' : quoted(JSON.stringify(argument)) + '::jsonb';
	}
}

function call(query, text, args) {
	const columns = query.elements.map((_, i) => `c${i} text`).join(', ');
	return `datom.q(${[text, ...args].map(literal).join(', ')}) AS x(${columns})`;
}

// Of equal numbers of an open attribute, 1 and 1.0 and 1M, a set shows either.
const shown = String.raw`regexp_replace(x::text, '[.0MN]', '', 'g')`;
const digest = (from) => server.rows(`SELECT count(*), md5(string_agg(${shown}, '|' ORDER BY ${shown} COLLATE "C")) FROM ${from}`)[0];

const is_called = (from) => server.rows(`EXPLAIN SELECT * FROM ${from}`).some(([line]) => line.includes('Function Scan on q'));

// { planned: is the query in place of the call, odd: what is wrong, or null }; or
// nothing, where ways may differ. The settings of the question are in force.
function by_rows(query, text, args, count) {
	if (is_free(query))
		return null;
	const from = call(query, text, args);
	const answers = ['on', 'off'].map((scan) => {
		server.do(`SET datom.enable_scan = ${scan}`);
		return digest(from);
	});
	server.do('SET datom.enable_scan = on');
	const [planned, called] = answers;
	const odd = planned.join() !== called.join() ? `${planned} planned, ${called} by the function` : Number(planned[0]) !== count ? `${planned[0]} rows, not ${count}` : null;
	return { planned: !is_called(from), odd: odd && `${odd}\n${from}` };
}

module.exports = { by_rows };
