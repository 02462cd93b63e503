'use strict';
// questions.js: random queries about a world, with DataScript's answers.
//
// A query is made clause by clause, and after each DataScript says what rows
// there are, so that the next one is about some of them, and one that leaves none
// or too many is dropped.
//
// A question is { query, as_of, expected }: as_of { text, how } or null, expected
// all rows of DataScript.

const { value, is_number } = require('./values');
const { Scope } = require('./scope');
const { Theirs, Ours, walk } = require('./query');
const { ATTRIBUTES, KEYWORDS, pools } = require('./world');
const { read, q } = require('./peer');
const clauses = require('./clauses');
const { either, none } = require('./compound');
const { use_rule } = require('./rules');

const MOST_ROWS = 1500;

// A value as DataScript returns it.
function typed(raw, kind) {
	if (raw instanceof Date)
		return value('instant', raw.getTime());
	if (Array.isArray(raw))
		return value('tuple', raw);
	if (raw !== null && typeof raw === 'object')
		return value('uuid', String(raw));
	if (typeof raw === 'string' && (kind === 'keyword' || kind === 'any') && KEYWORDS.has(raw))
		return value('keyword', KEYWORDS.get(raw));
	if (kind === 'entity')
		return value('ref', raw);
	if (kind === 'any')
		return value({ string: 'string', boolean: 'boolean' }[typeof raw] || 'number', raw);
	return value(kind, raw);
}

const makers = {
	pattern: (scope) => clauses.pattern(scope),
	compare: clauses.compare,
	arithmetic: clauses.arithmetic,
	text: clauses.text,
	ground: clauses.ground,
	lookup: clauses.lookup,
	tuple: clauses.tuple,
	moment: clauses.moment,
	either,
	none,
};
const WEIGHTS = { pattern: 10, compare: 3, arithmetic: 2.5, text: 1.7, ground: 1, lookup: 1.7, tuple: 1.5, moment: 0.8, either: 2, none: 2, rule: 3.5 };

class Questions {
	constructor(world, random) {
		this.world = world;
		this.random = random;
		this.theirs = new Theirs(world);
		this.ours = new Ours(world);
		this.refused = {};
	}

	// The next question.
	next() {
		for (;;) {
			const question = this.attempt();
			if (question)
				return question;
		}
	}

	attempt() {
		const { random } = this;
		const frame = this.frame();
		const draft = this.body(frame.sources);
		if (!draft)
			return undefined;
		const query = { ...frame, inputs: [], with: [], where: draft.where, rules: draft.families.flatMap((family) => family.rules),
			families: draft.families, map: random.maybe(0.3), declared: random.maybe(0.5) };
		this.inputs(query, draft);
		if (vague(query, draft.scope))
			return undefined;
		if (!draft.scope.vars.size)
			return undefined;
		this.find(query, draft.scope);
		const expected = this.ask(query);
		if (!expected || expected.length > MOST_ROWS)
			return undefined;
		return { query, as_of: frame.as_of, expected };
	}

	//
	// Sources
	//

	frame() {
		const { random, world } = this;
		const given = random.maybe(0.35);
		const databases = random.some(world.databases, Number(random.weighted({ 1: 6, 2: 3, 3: 1 })));
		const moment = random.maybe(given ? 0.3 : 0.5) ? this.moment() : null;
		const sources = databases.map((database, i) => ({
			name: i === 0 && random.maybe(0.75) ? '$' : given ? '$' + 'abc'[i] : '$' + database.name,
			...given ? this.given(database, moment) : this.plain(database, moment) }));
		const how = moment && random.weighted({ instant: 3, tx: databases.length === 1 && moment.database === databases[0] ? 2 : 0, setting: 2 });
		return { sources, sources_given: given, as_of: moment && { how, text: how === 'tx' ? String(world.our_tx(moment.tx)) : moment.instant } };
	}

	// Rarely of the beginning, when there was little.
	moment() {
		const { random, world: { moments } } = this;
		return moments[random.int(random.maybe(0.1) ? world_begins(moments) : Math.floor(moments.length / 2), moments.length - 1)];
	}

	plain(database, moment) {
		const state = moment ? database.at(moment.tx) : database.now();
		return { ...this.world.facts('db', state), state, view: 'db', table: database.name, argument: database.name };
	}

	given(database, moment) {
		const { random, world } = this;
		const db = database.name;
		const view = random.weighted({ plain: 3, past: 3, since: moment ? 0 : 1, history: moment ? 0 : 2 });
		const at = this.moment();
		switch (view) {
			case 'plain': return this.plain(database, moment);
			case 'past': return { ...this.plain(database, at), own: 'as-of', argument: { db, 'as-of': at.instant } };
			case 'since': {
				const after = world.moments[Math.floor(world.moments.length * random.pick([0.3, 0.5, 0.7]))];
				return { ...world.facts('since', database.now(), after.tx), view, table: db, argument: { db, since: after.instant } };
			}
			case 'history': return { ...world.facts('history', database.now()), view, table: db, argument: { db, history: true } };
		}
	}

	//
	// What is said
	//

	body(sources) {
		const { random } = this;
		let scope = new Scope(random, sources);
		let [where, families, rows] = [[], [], []];
		const n = random.int(1, 6);
		for (let tries = 0; where.length < n && tries < 20; tries++) {
			const draft = scope.copy();
			const made = this.clause(draft, rows, families, where.length === 0);
			if (!made)
				continue;
			const all = [...families, ...made.family && !families.includes(made.family) ? [made.family] : []];
			const found = this.rows([...where, made.clause], draft, all);
			if (!found || found.length > MOST_ROWS || found.length === 0 && random.maybe(0.95))
				continue;
			where.push(made.clause);
			families = all;
			rows = random.some(found, 40).map((row) => new Map([...draft.vars].map(([name, it], i) => [name, typed(row[i], it.kind)])));
			scope = rows.length ? draft.in_row(rows[0]) : draft;
			if (!rows.length)
				break;
		}
		return where.length ? { where, families, scope, rows } : undefined;
	}

	clause(scope, rows, families, first) {
		const what = this.random.weighted(first ? { pattern: 8, either: 1, rule: 1.5, ground: 0.2 } : WEIGHTS);
		if (what === 'rule')
			return use_rule(scope, families);
		const clause = makers[what](scope, rows);
		return clause && { clause };
	}

	// All variables of all rows; undefined if DataScript refuses.
	rows(where, scope, families) {
		const elements = [...scope.vars.keys()].map((name) => ({ fn: null, var: name }));
		if (!elements.length)
			return undefined;
		return this.ask({ find: 'relation', elements, with: [], sources: scope.sources, inputs: [], where,
			rules: families.flatMap((family) => family.rules) });
	}

	ask(query) {
		try {
			return q(this.theirs.write(query), [...this.their_sources(query), ...this.their_inputs(query)]);
		} catch (error) {
			const why = String(error.message).replace(/[[:?"(].*/s, '').trim();
			this.refused[why] = (this.refused[why] || 0) + 1;
			this.last_refusal = error.message;
			return undefined;
		}
	}

	their_sources(query) {
		return query.sources.flatMap(({ source, state }) => state ? [source, this.world.instants(state)] : [source]);
	}

	their_inputs(query) {
		const [rules, ...others] = query.rules.length ? this.theirs.inputs(query) : [undefined, ...this.theirs.inputs(query)];
		return [...rules === undefined ? [] : [rules], ...others.map(read)];
	}

	//
	// What comes from outside
	//

	inputs(query, { scope, rows }) {
		const { random } = this;
		if (random.maybe(0.4))
			this.replace_constants(query, scope);
		if (rows.length && random.maybe(0.35))
			this.give_variables(query, scope, rows);
	}

	// Constants of the query become inputs.
	replace_constants(query, scope) {
		const { random } = this;
		const sites = random.some(constant_sites(query.where, scope), random.int(1, 2));
		const names = sites.map((site) => {
			const { is, attribute } = site.terms[site.i];
			const v = is || value('keyword', attribute);
			const name = scope.fresh('in');
			site.terms[site.i] = { var: name };
			scope.vars.set(name, { kind: v.e ? 'ref' : v.kind, value: v });
			return [name, v];
		});
		if (!names.length)
			return;
		const vars = names.map(([name]) => name);
		const row = names.map(([, v]) => v);
		const as = random.pick(names.length === 1 ? ['scalar', 'scalar', 'collection', 'relation'] : ['scalar', 'tuple', 'relation']);
		if (as === 'scalar')
			names.forEach(([name, v]) => query.inputs.push({ as, vars: [name], rows: [[v]] }));
		else
			query.inputs.push({ as, vars, rows: as === 'tuple' ? [row] : random.shuffle([row, ...this.others(row), ...this.others(row)]) });
	}

	// Rows of values like those of one.
	others(row) {
		const { random } = this;
		const like = (v) => {
			switch (v.kind) {
				case 'string': return pools.nick(random);
				case 'long': return value('long', 1 + pools.age(random).v);
				case 'keyword': return KEYWORDS.get(v.v.replace(/^:.*\//, '')).startsWith(':color') ? pools.color(random) : v;
				case 'ref': return value('ref', v.v + random.int(-3, 3));
				case 'instant': return pools.day(random);
				default: return v;
			}
		};
		return random.maybe(0.6) ? [row.map(like)] : [];
	}

	// Variables of the query are given values before, of some rows there are.
	give_variables(query, scope, rows) {
		const { random } = this;
		const given = query.inputs.flatMap((input) => input.vars);
		// A transaction's number, which as an entity it has negated.
		const patterns = [...walk(query.where)].map(([clause]) => clause).filter(({ t }) => t === 'pattern');
		const as_tx = (name) => patterns.some(({ terms }) => (terms[3] || {}).var === name)
			&& !patterns.some(({ terms }) => terms[0].var === name);
		const fits = scope.which((it) => !['any', 'tuple', 'number', 'moment'].includes(it.kind)).map(([name, it]) => [name, it.kind])
			.filter(([name, kind]) => !given.includes(name) && (kind !== 'tx' || as_tx(name))).map(([name]) => name);
		const vars = random.some(fits, random.int(1, 2));
		if (!vars.length)
			return;
		const as = random.pick(vars.length === 1 ? ['scalar', 'collection', 'collection', 'relation'] : ['tuple', 'relation', 'relation']);
		const some = ['scalar', 'tuple'].includes(as) ? rows.slice(0, 1) : random.some(rows, random.int(1, 4));
		let given_rows = some.filter((row) => vars.every((name) => row.has(name))).map((row) => vars.map((name) => row.get(name)));
		if (!given_rows.length)
			return;
		if (vars.length === 1 && random.maybe(0.5))
			given_rows = this.by_name(query, scope, vars[0], given_rows);
		if (['tuple', 'relation'].includes(as) && random.maybe(0.3)) {
			vars.push('_');
			given_rows.forEach((row) => row.push(value('string', 'not read')));
		}
		query.inputs.push({ as, vars, rows: given_rows });
	}

	// Entities by lookup refs and idents, some of them, if the variable is one of
	// a single source.
	by_name(query, scope, name, rows) {
		const { random } = this;
		if (scope.vars.get(name).kind !== 'ref')
			return rows;
		const sources = [...walk(query.where)].filter(([{ t, terms, args }]) => t !== 'call' && (terms || args || []).some((term) => term.var === name))
			.map(([clause, inside]) => [clause, ...[...inside].reverse()].map((one) => one.source).find((one) => one) || '$');
		const { facts, view } = query.sources.find((one) => one.name === sources[0]) || {};
		if (!sources.every((source) => source === sources[0]) || view !== 'db')
			return rows;
		return rows.map(([v]) => [random.maybe(0.8) && random.pick(facts.names(v.v)) || v]);
	}

	//
	// What is found
	//

	find(query, scope) {
		const { random } = this;
		const all = [...scope.vars].map(([name, it]) => ({ fn: null, var: name, kind: it.kind }));
		const kind = random.weighted({ relation: 6, collection: 1.5, tuple: 1, scalar: 1 });
		const n = kind === 'collection' || kind === 'scalar' ? 1 : random.int(1, Math.min(4, all.length));
		query.find = kind;
		query.elements = random.some(all, n);
		if (random.maybe(0.45))
			this.aggregate(query, all);
		else if (random.maybe(0.15))
			this.pull(query, scope);
		const rest = all.filter((one) => !query.elements.some((element) => element.var === one.var));
		if (rest.length && random.maybe(query.elements.some((element) => element.fn) ? 0.4 : 0.04))
			query.with = random.some(rest, random.int(1, 2)).map((one) => one.var);
		if (['relation', 'tuple'].includes(kind) && random.maybe(0.2))
			query.names = { how: random.pick(['keys', 'strs', 'syms']), names: query.elements.map((_, i) => ['first', 'second-one', 'third', 'x4', 'x5'][i]) };
		if (kind === 'relation' && random.maybe(0.05))
			[query.limit, query.offset] = [random.int(1, 8), random.int(0, 4)];
	}

	// One element more, or the only one, is pulled.
	pull(query, scope) {
		const { random } = this;
		const source = random.pick(query.sources.filter((one) => one.view === 'db'));
		const [name] = scope.pick((it) => it.kind === 'ref') || [];
		if (!name || !source)
			return;
		const some = (n) => random.some(ATTRIBUTES.filter((a) => !a.component && a.of !== 'tx'), n).map((a) => a.ident);
		const refs = random.some(ATTRIBUTES.filter((a) => a.kind === 'ref' && !a.component), random.int(0, 1))
			.map((a) => `{${random.maybe(0.3) ? a.ident.replace('/', '/_') : a.ident} [${some(2).join(' ')}]}`);
		const element = { fn: 'pull', source: source.name, var: name, pattern: `[${[':db/id', ...some(3).filter((a) => !refs.some((ref) => ref.includes(a))), ...refs].join(' ')}]` };
		if (query.elements.length === 1)
			query.elements = [element];
		else
			query.elements[0] = element;
	}

	// Some elements become aggregates.
	aggregate(query, all) {
		const { random } = this;
		query.elements = query.elements.map((element) => random.maybe(0.6) ? this.aggregated(element) : element);
		if (!query.elements.some((element) => element.fn) && all.length)
			query.elements[query.elements.length - 1] = this.aggregated(random.pick(all));
		// The same aggregate of the same variable twice says nothing more.
		query.elements = query.elements.filter((element, i) => query.elements.findIndex((other) => other.var === element.var && other.fn === element.fn) === i);
	}

	aggregated(element) {
		const { random } = this;
		const { kind } = element;
		const ordered = !['any', 'tuple', 'keyword', 'boolean', 'entity', 'tx'].includes(kind);
		const fn = random.weighted({ count: 3, 'count-distinct': 2, distinct: 2, rand: 1, sample: 1,
			...is_number(kind) ? { sum: 4, avg: 3, median: 3, variance: 3, stddev: 3 } : {}, ...ordered ? { min: 2, max: 2, 'min n': 1.5, 'max n': 1.5 } : {} });
		const several = fn.endsWith(' n') || fn === 'rand' || fn === 'sample';
		return { ...element, fn: fn.replace(' n', ''), ...several ? { n: random.int(1, 4) } : {} };
	}
}

const COMPUTES = ['+', '-', '*', '/', 'mod', 'quot', 'rem', 'count', 'subs'];

// Text of JSON is a string beside a value of any kind, and does not become what
// else it could be. And to compute with such a value is an error, whether or not
// another clause would have left only numbers: which comes first is open.
function vague({ where, inputs }, { vars }) {
	const texts = inputs.flatMap(({ vars: names, rows }) => names.filter((_, i) => rows.some((row) => ['string', 'keyword', 'instant', 'uuid'].includes(row[i].kind))));
	const values = [...walk(where)].map(([{ t, terms }]) => t === 'pattern' && terms[2] && !terms[1].attribute && terms[2].var);
	const open = (term) => values.includes(term.var) || vars.has(term.var) && vars.get(term.var).kind === 'any';
	return [...walk(where)].some(([{ t, terms, fn, args }]) => t === 'pattern' ? terms[2] && texts.includes(terms[2].var) && values.includes(terms[2].var)
		: t === 'call' && COMPUTES.includes(fn) && args.some(open) || t === 'call' && args.some((arg) => texts.includes(arg.var)) && args.some(open));
}

const world_begins = (moments) => Math.floor(moments.length / 6);

// Where constants stand that can come from outside: not in rules, nor where only
// some variables go.
function constant_sites(where, { random, vars }) {
	const sites = [];
	for (const [clause, inside] of walk(where)) {
		const terms = clause.t === 'pattern' ? clause.terms : clause.t === 'call' && !['ground', 'get-else', 'subs'].includes(clause.fn) ? clause.args : [];
		// And in `or` all branches must have the same variables.
		if (inside.some((one) => one.join || one.t === 'or'))
			continue;
		// Where the attribute is not known, neither is what kind of value comes.
		terms.forEach((term, i) => {
			const of_unknown = clause.t === 'pattern' ? i === 2 && !clause.terms[1].attribute
				: terms.some((other) => other.var && vars.has(other.var) && vars.get(other.var).kind === 'any');
			const attribute = clause.t === 'pattern' && !clause.moments && i === 1 && term.attribute && !(terms[2] || {}).is && random.maybe(0.1);
			// A shard, if anybody says so later, has a number that is not negative.
			const shard = clause.fn === 'mod' && term.is && term.is.v < 0;
			if (term.is && !of_unknown && !shard || attribute)
				sites.push({ terms, i });
		});
	}
	return sites;
}

module.exports = { Questions };
