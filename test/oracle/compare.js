'use strict';
// compare.js: whether two answers are the same.
//
// Every value becomes a text by which equal ones are equal, whichever side it
// comes from. Numbers are compared by eleven digits; where rows differ still,
// once more with a tolerance.

const { KEYWORDS } = require('./world');
const { TX0 } = require('./peer');

const KNOWN = new Set(KEYWORDS.values());
const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d(:?\d\d)?)$/;
// Milliseconds are all that JavaScript has.
const instant = (text) => 'i' + Date.parse(text.replace(/(\.\d{3})\d+/, '$1'));

// Whatever it is, with all digits of the second.
const moment = (text) => 'm' + String(text).replace(/(\.\d+)?(Z|[+]00(:?00)?)$/, (_, fraction) => (fraction || '.').padEnd(7, '0'));

// What was pulled: keywords by their names, many values in any order.
function pulled(object, as) {
	if (Array.isArray(object))
		return `{${object.map((one) => pulled(one, as)).sort().join()}}`;
	// A date or a uuid is an object, too.
	if (object === null || typeof object !== 'object' || object.toString !== Object.prototype.toString)
		return as(object, 'any');
	return `<${Object.keys(object).map((key) => [key.replace(/^:(.*\/)?/, ''), key === 'id' || key === ':db/id' ? as(object[key], 'ref') : pulled(object[key], as)].join('=')).sort().join()}>`;
}

// DataScript's.
function theirs(raw, kind) {
	if (raw === null || raw === undefined)
		return 'null';
	if (kind === 'moment')
		return moment(raw);
	if (raw instanceof Date)
		return 'i' + raw.getTime();
	if (Array.isArray(raw))
		return `[${raw.map((one) => theirs(one, 'any')).join()}]`;
	switch (typeof raw) {
		case 'number': return 'n' + Number(raw.toPrecision(11));
		case 'boolean': return 'b' + raw;
		case 'string':
			if (kind !== 'string' && KNOWN.has(raw))
				return 'k' + raw;
			return KEYWORDS.has(raw) && kind !== 'string' ? 'k' + KEYWORDS.get(raw) : ISO.test(raw) && kind === 'any' ? instant(raw) : 's' + JSON.stringify(raw);
	}
	return 's' + JSON.stringify(String(raw));
}

// Ours, from JSON. A transaction is its number, or as an entity that negated.
function ours(json, kind, world) {
	if (json === null)
		return 'null';
	if (kind === 'moment')
		return moment(json);
	if (Array.isArray(json))
		return `[${json.map((one) => ours(one, 'any', world)).join()}]`;
	switch (typeof json) {
		case 'number': {
			const tx = kind === 'tx' ? Math.abs(json) : (kind === 'ref' || kind === 'entity') && json < 0 ? -json : null;
			return 'n' + Number((tx === null ? json : world.their_tx(tx)).toPrecision(11));
		}
		case 'boolean': return 'b' + json;
		case 'string':
			if (KNOWN.has(json) && kind !== 'string')
				return 'k' + json;
			return (kind === 'instant' || kind === 'any') && ISO.test(json) ? instant(json) : 's' + JSON.stringify(json);
	}
	return 'o' + JSON.stringify(json);
}

// Aggregates that return several values, of which the order says nothing; those
// left to chance are looked at apart.
const by_chance = (element) => element.fn === 'rand' || element.fn === 'sample';
const several = (element) => element.fn === 'distinct' || ['min', 'max'].includes(element.fn) && element.n !== undefined;
const result_kind = (element) => ['count', 'count-distinct', 'sum', 'avg', 'median', 'variance', 'stddev'].includes(element.fn) ? 'number' : element.kind;

function cell(element, raw, as) {
	if (by_chance(element))
		return '*';
	if (element.fn === 'pull')
		return pulled(raw, as);
	const kind = result_kind(element);
	if (several(element))
		return Array.isArray(raw) ? `{${raw.map((one) => as(one, kind)).sort().join()}}` : `not several: ${JSON.stringify(raw)}`;
	return as(raw, kind);
}

const row_text = (elements, row, as) => elements.map((element, i) => cell(element, row[i], as)).join(' ');

// Our rows as arrays; an error if one is not as the query wants it.
function our_rows({ query }, texts) {
	return texts.map((text) => {
		const json = JSON.parse(text);
		if (query.names) {
			const { names } = query.names;
			if (json === null || typeof json !== 'object' || Object.keys(json).sort().join() !== [...names].sort().join())
				throw new Error(`not an object of ${names}: ${text}`);
			return names.map((name) => json[name]);
		}
		if (query.find === 'collection' || query.find === 'scalar')
			return [json];
		if (!Array.isArray(json) || json.length !== query.elements.length)
			throw new Error(`not an array of ${query.elements.length}: ${text}`);
		return json;
	});
}

const near = (a, b) => a.length === b.length && a.every((text, i) => {
	if (text === b[i])
		return true;
	const [x, y] = [Number(text.slice(1)), Number(b[i].slice(1))];
	return text[0] === 'n' && b[i][0] === 'n' && Math.abs(x - y) <= 1e-9 * Math.max(1, Math.abs(x), Math.abs(y));
});

// What one list has more than the other, both ways.
function difference(left, right) {
	const counts = new Map();
	for (const text of right)
		counts.set(text, (counts.get(text) || 0) + 1);
	const more = left.filter((text) => {
		const n = counts.get(text) || 0;
		counts.set(text, n - 1);
		return n <= 0;
	});
	const less = [...counts].flatMap(([text, n]) => Array(Math.max(0, n)).fill(text));
	return [more, less];
}

function tolerant([more, less]) {
	const split = (text) => text.split(/(?<=[\s,{}[\]])/);
	const left = less.map(split);
	const over = more.filter((text) => {
		const at = left.findIndex((other) => near(split(text), other));
		if (at >= 0)
			left.splice(at, 1);
		return at < 0;
	});
	return [over, left.map((parts) => parts.join(''))];
}

// What is drawn by chance must be among what there is, as many as asked for: a
// sample draws each once, rand any number of times.
function ill_drawn(question, world, rows) {
	const { query: { elements }, expected } = question;
	const there = new Map(expected.map((row) => [row_text(elements, row, theirs), row]));
	const mine = (raw, kind) => ours(raw, kind, world);
	for (const row of rows) {
		const all = there.get(row_text(elements, row, mine));
		for (const [i, element] of elements.entries()) {
			if (!by_chance(element) || !all)
				continue;
			const from = new Set(all[i].map((one) => theirs(one, element.kind)));
			const drawn = Array.isArray(row[i]) ? row[i].map((one) => mine(one, element.kind)) : ['?'];
			const n = element.fn === 'sample' ? Math.min(element.n, from.size) : element.n;
			if (drawn.length !== n || drawn.some((one) => !from.has(one)) || element.fn === 'sample' && new Set(drawn).size !== n)
				return `${JSON.stringify(row[i])} is not drawn from ${[...from].join()}`;
		}
	}
	return null;
}

// What is wrong with our answer, JSON texts; null if nothing.
function complaint(question, world, texts) {
	const { query, expected } = question;
	let rows;
	try {
		rows = our_rows(question, texts);
	} catch (error) {
		return error.message;
	}
	const want = expected.map((row) => row_text(query.elements, row, theirs));
	const have = rows.map((row) => row_text(query.elements, row, (raw, kind) => ours(raw, kind, world)));
	const one = query.find === 'tuple' || query.find === 'scalar';
	const n = one ? Math.min(1, want.length)
		: query.limit === undefined ? want.length : Math.max(0, Math.min(query.limit, want.length - query.offset));
	const [more, less] = tolerant(difference(have, want));
	if (more.length || have.length !== n || n === want.length && less.length)
		return `${have.length} rows, not ${n}` + (more.length ? `\nnot expected: ${more.slice(0, 5).join(' | ')}` : '')
			+ (less.length ? `\nmissing: ${less.slice(0, 5).join(' | ')}` : '');
	return ill_drawn(question, world, rows);
}

// Whether two answers of DataScript to a query that wants all rows are the same.
function agree({ elements }, one, other) {
	const texts = (rows) => rows.map((row) => row_text(elements, row, theirs));
	return tolerant(difference(texts(one), texts(other))).every((rows) => rows.length === 0);
}

module.exports = { complaint, agree };
