'use strict';
// rules.js: families of rules, and clauses that use them.
//
// A family is { name, params, rules, shape }: the rule to be used, its params
// { kind, required }, all rules that it takes, and how it recurs. DataScript does
// not come to an end where a rule begins with itself. It is told the same in
// another way, which stands in `instead` of the clauses.

const { value } = require('./values');
const { name_of, is, call, constant } = require('./clauses');
const { is_mine } = require('./world');
const { TX0 } = require('./peer');

const ref = { kind: 'ref' };
const needed = (kind) => ({ kind, required: true });
const v = (name) => ({ var: '?' + name });
const long = (n) => constant('long', n);

// [?e attribute x]: x a name, a term, or nothing.
function data(e, attribute, x) {
	const last = x === undefined ? [] : [typeof x === 'string' ? v(x) : x];
	return { t: 'pattern', source: null, terms: [v(e), { attribute }, ...last] };
}

const use = (name, ...args) => ({ t: 'rule', source: null, name, args: args.map(v) });
const rule = (name, required, vars, ...clauses) => ({ name, required: required.map((one) => '?' + one), vars: vars.map((one) => '?' + one), clauses });
const not = (...clauses) => ({ t: 'not', source: null, join: null, clauses });

// Friends have circles, and many ways round; the others are functions, or trees.
const STEPS = [':person/boss', ':person/mentor', ':item/parts'];

const families = {
	filter(random) {
		return { name: 'grown', params: [ref], rules: [
			rule('grown', [], ['who'], data('who', ':person/age', 'age'), call('>=', [v('age'), long(random.int(10, 40))]))] };
	},

	label(random) {
		const [kind, attributes] = random.pick([['string', [':person/name', ':person/nick', ':item/title']],
			['long', [':person/age', ':person/lucky', ':item/qty']]]);
		return { name: 'label', params: [ref, { kind }], rules: attributes.map((a) => rule('label', [], ['x', 'says'], data('x', a, 'says'))) };
	},

	compare(random) {
		return { name: 'beats', params: [needed('long'), needed('long')], rules: [
			rule('beats', ['x', 'y'], [], call(random.pick(['<', '>', '!=', '<=']), [v('x'), v('y')]))] };
	},

	linked() {
		return { name: 'linked', params: [ref, ref], rules: [
			rule('linked', [], ['a', 'b'], data('a', ':person/friend', 'b')),
			rule('linked', [], ['x', 'y'], data('y', ':person/friend', 'x')),
			rule('linked', [], ['a', 'b'], data('a', ':person/boss', 'b'))] };
	},

	stranger() {
		return { name: 'stranger', params: [needed('ref'), needed('ref')], shape: 'a rule with not', rules: [...families.linked().rules,
			rule('stranger', ['a', 'b'], [], not(use('linked', 'a', 'b')), call('!=', [v('a'), v('b')]))] };
	},

	known() {
		const branches = [[data('k', ':person/active', constant('boolean', true))],
			[data('k', ':item/qty', 'q'), call('>', [v('q'), long(2)])]];
		return { name: 'known', params: [ref], shape: 'a rule with or', rules: [
			rule('known', [], ['k'], { t: 'or', source: null, join: { required: [], vars: ['?k'] }, branches })] };
	},

	reach(random) {
		const a = random.maybe(0.15) ? ':person/friend' : random.pick(STEPS);
		const shape = random.weighted({ left: 3, right: 3, 'non-linear': 2, required: 4 });
		const heads = shape === 'required' ? [['from'], ['to']] : [[], ['from', 'to']];
		const again = {
			left: [use('reach', 'from', 'via'), data('via', a, 'to')],
			right: [data('from', a, 'via'), use('reach', 'via', 'to')],
			'non-linear': [use('reach', 'from', 'via'), use('reach', 'via', 'to')],
		};
		again.required = again.right;
		return { name: 'reach', params: [shape === 'required' ? needed('ref') : ref, ref], shape: shape + ' recursion', rules: [
			rule('reach', ...heads, data('from', a, 'to')),
			{ ...rule('reach', ...heads, ...again[shape]), instead: again.right }] };
	},

	mutual(random) {
		const a = random.pick(STEPS);
		return { name: random.pick(['odd', 'even']), params: [ref, ref], shape: 'mutual recursion', rules: [
			rule('odd', [], ['x', 'y'], data('x', a, 'y')),
			rule('odd', [], ['x', 'y'], data('x', a, 'z'), use('even', 'z', 'y')),
			rule('even', [], ['x', 'y'], data('x', a, 'z'), use('odd', 'z', 'y'))] };
	},

	generation(random) {
		const a = random.pick(STEPS);
		return { name: 'same-age', params: [ref, ref], shape: 'recursion inside', rules: [
			rule('same-age', [], ['x', 'y'], data('x', a, 'z'), data('y', a, 'z')),
			rule('same-age', [], ['x', 'y'], data('x', a, 'u'), use('same-age', 'u', 'w'), data('y', a, 'w'))] };
	},

	depth() {
		return { name: 'depth', params: [ref, ref, { kind: 'long' }], shape: 'recursion that counts', rules: [
			rule('depth', [], ['x', 'y', 'n'], data('x', ':person/boss', 'y'), call('ground', [{ forms: value('long', 1) }], 'scalar', '?n')),
			rule('depth', [], ['x', 'y', 'n'], data('x', ':person/boss', 'z'), use('depth', 'z', 'y', 'm'),
				call('+', [v('m'), long(1)], 'scalar', '?n'))] };
	},
};

const WEIGHTS = { filter: 1, label: 1.2, compare: 1.5, linked: 0.7, stranger: 2, known: 1, reach: 5, mutual: 1.3, generation: 1, depth: 2 };

// What is handed to a param; undefined if there is nothing.
function argument(scope, source, param) {
	const { random } = scope;
	const known = random.pick(scope.which((it) => it.kind === param.kind && (it.kind !== 'ref' || it.value.v < TX0)));
	const f = random.pick(source.facts.list.filter((one) => is_mine(one.e) && (param.kind === 'ref' || one.v.kind === param.kind)));
	if (!f)
		return undefined;
	const fact_value = param.kind === 'ref' ? value('ref', f.e) : f.v;
	switch (random.weighted({ known: known ? 6 : 0, fresh: param.required ? 0 : 3, constant: 1, blank: param.required ? 0 : 0.4 })) {
		case 'known': return { var: known[0] };
		case 'fresh': return { var: scope.add(param.kind === 'ref' ? 'r' : 'x', param.kind, fact_value) };
		case 'constant': return is(fact_value);
		case 'blank': return { blank: true };
	}
}

// A clause that uses a rule of a family, one that the query has already or another.
function use_rule(scope, had) {
	const { random } = scope;
	const source = scope.pick_source((one) => one.view !== 'history');
	if (!source)
		return undefined;
	const family = had.length && random.maybe(0.5) ? random.pick(had) : families[random.weighted(WEIGHTS)](random);
	// Two families, or the same one twice, must not mean different things.
	if (!had.includes(family) && had.some((other) => other.rules.some((one) => family.rules.some(({ name }) => name === one.name))))
		return undefined;
	const args = [];
	for (const param of family.params) {
		const term = argument(scope, source, param);
		if (!term || term.var && args.some((other) => other.var === term.var))
			return undefined;
		args.push(term);
	}
	if (!args.some((term) => term.var))
		return undefined;
	return { clause: { t: 'rule', source: name_of(source), name: family.name, args }, family };
}

module.exports = { use_rule };
