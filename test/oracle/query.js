'use strict';
// query.js: queries as trees, and how they are written for either side.
//
// term		{ var } | { blank } | { is: value } | { attribute } | { source }
//			| { forms: values, or lists of them }
// clause	{ t: 'pattern', source, terms }			up to 5 terms
//			{ t: 'call', fn, args, binding }		binding null: a predicate
//			{ t: 'rule', source, name, args }
//			{ t: 'not', source, join, clauses }		join: variables, or null
//			{ t: 'or', source, join, branches }		join: { required, vars }, or null
// binding	{ as: 'scalar' | 'tuple' | 'collection' | 'relation', vars }
// input	{ as, vars, rows }						`rows` of values
// rule		{ name, required, vars, clauses, instead }	`instead`: for DataScript
// element	{ fn, n, var, kind }					fn null: the variable
//			{ fn: 'pull', source, var, pattern }	`pattern` as text
// query	{ find, elements, names, with, sources, inputs, where, rules,
//			  declared, sources_given, map, limit, offset }
//
// `source` null is $. A source is { name, view, state, ... }, see questions.js.

const { edn, our_edn, json } = require('./values');

class Writer {
	constructor(world) {
		this.world = world;
	}

	form(it) {
		if (Array.isArray(it))
			return `[${it.map((one) => this.form(one)).join(' ')}]`;
		return this.value(it);
	}

	term(term) {
		if (term.var) return term.var;
		if (term.blank) return '_';
		if (term.attribute) return term.attribute;
		if (term.source) return term.source;
		if (term.forms) return this.form(term.forms);
		return this.value(term.is);
	}

	terms(terms) {
		return terms.map((term) => this.term(term)).join(' ');
	}

	binding({ as, vars }) {
		switch (as) {
			case 'scalar': return vars[0];
			case 'tuple': return `[${vars.join(' ')}]`;
			case 'collection': return `[${vars[0]} ...]`;
			case 'relation': return `[[${vars.join(' ')}]]`;
		}
	}

	// The forms that a clause becomes.
	forms(clause) {
		const source = clause.source ? clause.source + ' ' : '';
		switch (clause.t) {
			case 'pattern':
				return this.pattern(clause, source);
			case 'call': {
				const call = `(${clause.fn} ${this.terms(clause.args)})`;
				return [clause.binding ? `[${call} ${this.binding(clause.binding)}]` : `[${call}]`];
			}
			case 'rule':
				return [`(${source}${clause.name} ${this.terms(clause.args)})`];
			case 'not':
				return [`(${source}not${clause.join ? `-join [${clause.join.join(' ')}]` : ''} ${this.all(clause.clauses).join(' ')})`];
			case 'or':
				return [`(${source}or${clause.join ? '-join ' + this.head(clause.join) : ''} ${clause.branches.map((branch) => this.branch(branch)).join(' ')})`];
		}
	}

	pattern(clause, source) {
		return [`[${source}${this.terms(clause.terms)}]`];
	}

	all(clauses) {
		return clauses.flatMap((clause) => this.forms(clause));
	}

	branch(clauses) {
		const forms = this.all(clauses);
		return forms.length === 1 ? forms[0] : `(and ${forms.join(' ')})`;
	}

	head({ required, vars }) {
		return `[${[...required.length ? [`[${required.join(' ')}]`] : [], ...vars].join(' ')}]`;
	}

	rules(rules) {
		return '[' + rules.map((rule) => `[(${rule.name} ${this.head(rule).slice(1, -1)}) ${this.all(rule.clauses).join(' ')}]`).join('\n ') + ']';
	}

	element({ fn, n, var: name, source, pattern }) {
		if (fn === 'pull')
			return `(pull ${source} ${name} ${pattern})`;
		return fn ? `(${[fn, ...n === undefined ? [] : [n], name].join(' ')})` : name;
	}

	find(query) {
		const elements = query.elements.map((element) => this.element(element)).join(' ');
		switch (query.find) {
			case 'relation': return elements;
			case 'collection': return `[${elements} ...]`;
			case 'tuple': return `[${elements}]`;
			case 'scalar': return elements + ' .';
		}
	}

	in(query) {
		return [...query.sources.map((source) => source.name), ...query.rules.length ? ['%'] : [],
			...query.inputs.map((input) => this.binding(input))];
	}

	query(query, sections) {
		const all = { find: this.find(query), ...query.names ? { [query.names.how]: query.names.names.join(' ') } : {},
			...query.with.length ? { with: query.with.join(' ') } : {}, ...sections, where: this.all(query.where).join('\n ') };
		const vector = (key, text) => `:${key} [${text}]`;
		const plain = (key, text) => `:${key} ${text}`;
		const number = (key) => ['limit', 'offset'].includes(key);
		return query.map ? `{${Object.entries(all).map(([key, text]) => number(key) ? plain(key, text) : vector(key, text)).join('\n ')}}`
			: `[${Object.entries(all).map(([key, text]) => plain(key, text)).join('\n ')}]`;
	}
}

// What DataScript lacks is said in other words. Its rules have no required
// variables, its patterns know nothing of the fifth term (but those over history,
// which it is given as rows), and in a pattern a variable does not equal itself.
// Moments of transactions are rows of a source of their own. It does not join
// idents among inputs, and returns lookup refs as they were given: it gets numbers.
class Theirs extends Writer {
	value(it) {
		return edn(it);
	}

	head({ required, vars }) {
		return `[${[...required, ...vars].join(' ')}]`;
	}

	rules(rules) {
		return rules.length ? super.rules(rules.map((rule) => ({ ...rule, clauses: rule.instead || rule.clauses }))) : undefined;
	}

	forms(clause) {
		const around = this.around;
		this.around = clause.source || around;
		// In or-join it does have them.
		const forms = clause.t === 'or' && clause.join
			? [`(${clause.source ? clause.source + ' ' : ''}or-join ${super.head(clause.join)} ${clause.branches.map((branch) => this.branch(branch)).join(' ')})`]
			: super.forms(clause);
		this.around = around;
		return forms;
	}

	pattern(clause, source) {
		const history = (this.sources.find(({ name }) => name === this.around) || {}).view === 'history';
		const terms = [...clause.terms];
		const more = [];
		if (clause.moments)
			return [`[${moments_of(this.around)} ${this.terms([terms[0], terms[2]])}]`];
		if (terms.length === 5 && !history) {
			const [op] = terms.splice(4);
			if (op.var)
				more.push(`[(ground true) ${op.var}]`);
		}
		terms.forEach((term, i) => {
			if (term.var && terms.findIndex((other) => other.var === term.var) < i) {
				terms[i] = { var: term.var + '-again' };
				more.push(`[(= ${term.var} ${term.var}-again)]`);
			}
		});
		return [`[${source}${this.terms(terms)}]`, ...more];
	}

	// Which ones are drawn is left to chance: all that can be.
	element(element) {
		return ['rand', 'sample'].includes(element.fn) ? `(distinct ${element.var})` : super.element(element);
	}

	// All rows, where only one of them is asked for, and as arrays.
	find(query) {
		return query.elements.map((element) => this.element(element)).join(' ');
	}

	write(query) {
		this.sources = query.sources;
		this.around = '$';
		const sources = query.sources.flatMap(({ name, state }) => state ? [{ name }, { name: moments_of(name) }] : [{ name }]);
		return this.query({ ...query, names: null }, { in: this.in({ ...query, sources }).join(' ') });
	}

	// What follows the sources: EDN texts.
	inputs(query) {
		const rules = this.rules(query.rules);
		const number = (v) => v.e ? { kind: 'ref', v: v.e } : v;
		return [...rules ? [rules] : [], ...query.inputs.map((input) => this.form(shaped({ ...input, rows: input.rows.map((row) => row.map(number)) })))];
	}
}

const moments_of = (source) => source + '-moments';

class Ours extends Writer {
	value(it) {
		return our_edn(it, this.world);
	}

	write(query) {
		const inputs = this.in(query);
		const declared = query.sources_given || query.declared ? inputs : inputs.slice(query.sources.length);
		const limits = query.limit === undefined ? {} : { limit: query.limit, offset: query.offset };
		return this.query(query, { ...declared.length ? { in: declared.join(' ') } : {}, ...limits });
	}

	args(query) {
		const plain = (it) => Array.isArray(it) ? it.map(plain) : json(it, this.world);
		return [...query.sources_given ? query.sources.map((source) => source.argument) : [],
			...query.rules.length ? [this.rules(query.rules)] : [], ...query.inputs.map((input) => plain(shaped(input)))];
	}
}

function shaped({ as, rows }) {
	switch (as) {
		case 'scalar': return rows[0][0];
		case 'tuple': return rows[0];
		case 'collection': return rows.map(([v]) => v);
		case 'relation': return rows;
	}
}

// Each clause, with those it is inside of.
function* walk(clauses, inside = []) {
	for (const clause of clauses) {
		yield [clause, inside];
		for (const inner of clause.branches || (clause.clauses ? [clause.clauses] : []))
			yield* walk(inner, [...inside, clause]);
	}
}

module.exports = { Theirs, Ours, walk };
