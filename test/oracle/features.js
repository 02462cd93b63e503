'use strict';
// features.js: what of the grammar a question has, by name.

const { walk } = require('./query');

const FUNCTIONS = ['<', '>', '<=', '>=', '=', '!=', '+', '-', '*', '/', 'mod', 'quot', 'rem', 'str', 'subs', 'count',
	'ground', 'get-else', 'get-some', 'missing?', 'tuple', 'untuple'];
const AGGREGATES = ['count', 'count-distinct', 'sum', 'avg', 'min', 'max', 'median', 'variance', 'stddev', 'distinct',
	'min n', 'max n', 'rand', 'sample'];
const POSITIONS = ['e', 'a', 'v', 'tx', 'op'];

const ALL = [
	...['relation', 'collection', 'tuple', 'scalar'].map((find) => 'find ' + find),
	'keys', 'strs', 'syms', 'with', 'limit', 'map form', 'vector form',
	...['scalar', 'tuple', 'collection', 'relation', 'rules', 'blank', 'lookup ref', 'ident', 'attribute'].map((what) => 'in ' + what),
	...['by name', 'undeclared', 'by argument', 'several', 'as-of', 'since', 'history'].map((what) => 'source ' + what),
	...['instant', 'tx', 'setting'].map((how) => 'as of ' + how), 'now',
	...[2, 3, 4, 5].map((n) => `pattern of ${n}`),
	...POSITIONS.flatMap((position) => ['variable', 'constant', 'blank'].map((what) => `${what} as ${position}`)),
	...['e', 'v'].flatMap((position) => ['lookup ref', 'ident'].map((what) => `${what} as ${position}`)),
	'schema facts', 'facts of transactions', 'moments of transactions', 'a variable twice in a pattern',
	...FUNCTIONS.map((fn) => '(' + fn + ')'),
	...['scalar', 'tuple', 'collection', 'relation'].map((as) => 'ground ' + as),
	'string compared', 'three compared', 'literal first',
	'or', 'or-join', 'or-join with required', 'and', 'not', 'not-join', 'not in not', 'or in or', 'not in or', 'or in not', 'source before or', 'source before not',
	...['left recursion', 'right recursion', 'non-linear recursion', 'required recursion', 'mutual recursion', 'recursion inside', 'recursion that counts',
		'a rule with not', 'a rule with or'],
	'rule', 'required variable of a rule', 'source before a rule', 'constant for a rule', 'blank for a rule',
	...AGGREGATES.map((fn) => 'aggregate ' + fn), 'pull',
];

function* of_terms(terms) {
	for (const [i, term] of terms.entries()) {
		const kind = term.is && term.is.kind;
		if (kind === 'lookup' || kind === 'ident')
			yield `${kind === 'lookup' ? 'lookup ref' : 'ident'} as ${POSITIONS[i]}`;
		else
			yield `${term.var ? 'variable' : term.blank ? 'blank' : 'constant'} as ${POSITIONS[i]}`;
	}
	if ((terms[1].attribute || '').startsWith(':db/'))
		yield 'schema facts';
	if (terms[1].attribute === ':db/txInstant')
		yield 'moments of transactions';
	if (terms[1].attribute === ':audit/by')
		yield 'facts of transactions';
	if (terms.some((term, i) => term.var && terms.findIndex((other) => other.var === term.var) < i))
		yield 'a variable twice in a pattern';
}

function* of_call({ fn, args, binding }) {
	yield `(${fn})`;
	if (fn === 'ground')
		yield 'ground ' + binding.as;
	if (['<', '>', '<=', '>='].includes(fn)) {
		if (args.some((arg) => arg.is && arg.is.kind === 'string'))
			yield 'string compared';
		if (args.length > 2)
			yield 'three compared';
		if (args[0].is)
			yield 'literal first';
	}
}

function* of_clause(clause, inside, query) {
	switch (clause.t) {
		case 'pattern':
			yield `pattern of ${clause.terms.length}`;
			yield* of_terms(clause.terms);
			break;
		case 'call':
			yield* of_call(clause);
			break;
		case 'rule':
			yield 'rule';
			if (clause.source)
				yield 'source before a rule';
			if (clause.args.some((term) => term.is))
				yield 'constant for a rule';
			if (clause.args.some((term) => term.blank))
				yield 'blank for a rule';
			break;
		default:
			yield clause.t + (clause.join ? '-join' : '');
			if (clause.source)
				yield `source before ${clause.t}`;
			if (clause.join && clause.join.required && clause.join.required.length)
				yield 'or-join with required';
			if (clause.branches && clause.branches.some((branch) => branch.length > 1))
				yield 'and';
			if (inside.length)
				yield `${clause.t} in ${inside[inside.length - 1].t}`;
	}
}

function* of_query(query) {
	yield 'find ' + query.find;
	if (query.names)
		yield query.names.how;
	if (query.with.length)
		yield 'with';
	if (query.limit !== undefined)
		yield 'limit';
	yield query.map ? 'map form' : 'vector form';
	for (const input of query.inputs) {
		yield 'in ' + input.as;
		if (input.vars.includes('_'))
			yield 'in blank';
		if (input.rows.flat().some((v) => v.kind === 'lookup'))
			yield 'in lookup ref';
		if (input.rows.flat().some((v) => v.kind === 'ident'))
			yield 'in ident';
		if (input.vars.some((name) => query.where.some((clause) => clause.t === 'pattern' && (clause.terms[1] || {}).var === name)))
			yield 'in attribute';
	}
	for (const { fn, n } of query.elements)
		if (fn === 'pull')
			yield fn;
		else if (fn)
			yield `aggregate ${fn}${n !== undefined && (fn === 'min' || fn === 'max') ? ' n' : ''}`;
	for (const source of query.sources)
		if (source.own || source.view !== 'db')
			yield 'source ' + (source.own || source.view);
	yield query.sources_given ? 'source by argument' : query.declared ? 'source by name' : 'source undeclared';
	if (query.sources.length > 1)
		yield 'source several';
	if (query.rules.length)
		yield 'in rules';
	for (const { shape } of query.families)
		if (shape)
			yield shape;
	if (query.rules.some((rule) => rule.required.length))
		yield 'required variable of a rule';
}

function features({ query, as_of }) {
	const found = new Set(of_query(query));
	found.add(as_of ? 'as of ' + as_of.how : 'now');
	for (const [clause, inside] of walk([...query.where, ...query.rules.flatMap((rule) => rule.clauses)]))
		for (const name of of_clause(clause, inside, query))
			found.add(name);
	return found;
}

module.exports = { ALL, features };
