'use strict';
// clauses.js: random clauses, true of the row that a scope is about.
//
// Each function takes a scope and returns a clause, or a list of them, or
// undefined where it finds nothing to say. Variables that a clause brings are
// added to the scope.

const { value, same, is_number, is_ordered } = require('./values');
const { BY_IDENT, ATTRIBUTES, pools, is_mine, is_schema } = require('./world');
const { TX0 } = require('./peer');

const name_of = (source) => source.name === '$' ? null : source.name;
const is = (it) => ({ is: it });
const call = (fn, args, as, ...vars) => ({ t: 'call', fn, args, binding: as ? { as, vars } : null });
const constant = (kind, v) => is(value(kind, v));

//
// Patterns
//

// A fact near the row, or `around` this variable.
function near(scope, source, around) {
	const { random } = scope;
	const { facts } = source;
	const anchors = around ? [around] : scope.which((it) => ['ref', 'entity', 'tx'].includes(it.kind)).map(([name]) => name);
	if (anchors.length && (around || random.maybe(0.85))) {
		const e = scope.vars.get(random.pick(anchors)).value.v;
		return random.pick(random.maybe(0.7) ? facts.of(e) : facts.by_ref.get(e) || []);
	}
	const [, joined] = random.maybe(0.7) && scope.pick((it) => !['ref', 'entity', 'tx', 'tuple', 'number', 'moment'].includes(it.kind)) || [];
	if (joined)
		return random.pick(facts.list.filter((f) => f.v.v === joined.value.v && !is_schema(f.e)));
	return random.pick(random.maybe(0.95) ? facts.list.filter((f) => !is_schema(f.e)) : facts.list);
}

function entity_term(scope, source, e, attribute) {
	const { random } = scope;
	const known = scope.which((it) => (it.kind === 'ref' || it.kind === 'entity' || it.kind === 'tx' && attribute) && it.value.v === e).map(([name]) => name);
	if (known.length && random.maybe(0.85))
		return { var: random.pick(known) };
	// Only transactions have it.
	if (attribute === ':audit/by')
		return { var: scope.add('tx', 'tx', value('tx', e)) };
	const names = source.view === 'db' ? source.facts.names(e) : [];
	switch (random.weighted({ variable: 7, blank: 0.5, number: 0.7, name: names.length ? 1.2 : 0 })) {
		case 'variable': return { var: scope.add('e', attribute ? 'ref' : 'entity', value('ref', e)) };
		case 'blank': return { blank: true };
		case 'number': return e < TX0 ? constant('ref', e) : { blank: true };
		case 'name': return is(pick_name(random, names));
	}
}

function pick_name(random, names) {
	const ident = names.find((one) => one.kind === 'ident');
	return ident && random.maybe(0.8) ? ident : random.pick(names);
}

function attribute_term(scope, f) {
	const { random } = scope;
	const known = scope.which((it) => it.kind === 'keyword' && it.value.v === f.a);
	if (known.length && random.maybe(0.5))
		return { var: random.pick(known)[0] };
	switch (random.weighted({ constant: 20, variable: 2, blank: 1 })) {
		case 'constant': return { attribute: f.a };
		case 'variable': return { var: scope.add('a', 'keyword', value('keyword', f.a)) };
		case 'blank': return { blank: true };
	}
}

// `known`: whether the attribute is, and so the kind.
function value_term(scope, source, f, known) {
	const { random } = scope;
	const kind = known ? f.v.kind : 'any';
	const others = scope.which((it) => known ? same(it.value, f.v) && (it.kind === kind || it.kind === 'entity')
		: it.value.v === f.v.v && it.kind !== 'tx' && it.kind !== 'number').map(([name]) => name);
	if (others.length && random.maybe(0.75))
		return { var: random.pick(others) };
	if (f.v.kind === 'ref' && known && random.maybe(0.3)) {
		const names = source.view === 'db' ? source.facts.names(f.v.v) : [];
		return is(names.length && random.maybe(0.7) ? pick_name(random, names) : f.v);
	}
	switch (random.weighted({ variable: 6, constant: 2, blank: 1 })) {
		case 'variable': return { var: scope.add(hint_of(f.a), kind, f.v, known && !!(BY_IDENT.get(f.a) || {}).long) };
		case 'constant': return is(f.v);
		case 'blank': return { blank: true };
	}
}

const hint_of = (attribute) => attribute.replace(/^:.*\//, '');

// Appends to terms the transaction, and whether it asserts.
function late_terms(scope, source, f, terms) {
	const { random } = scope;
	const known = scope.which((it) => it.kind === 'tx' && it.value.v === f.tx).map(([name]) => name);
	if (known.length && random.maybe(0.7))
		terms.push({ var: random.pick(known) });
	else
		switch (random.weighted({ variable: 5, constant: 1, blank: 1 })) {
			case 'variable': terms.push({ var: scope.add('tx', 'tx', value('tx', f.tx)) }); break;
			case 'constant': terms.push(constant('tx', f.tx)); break;
			case 'blank': terms.push({ blank: true }); break;
		}
	if (random.maybe(source.view === 'history' ? 0.8 : 0.2))
		switch (random.weighted({ variable: 3, constant: 3, blank: 1 })) {
			case 'variable': terms.push({ var: scope.add('op', 'boolean', value('boolean', f.added)) }); break;
			case 'constant': terms.push(constant('boolean', f.added)); break;
			case 'blank': terms.push({ blank: true }); break;
		}
}

function pattern(scope, { around, source = scope.pick_source() } = {}) {
	const { random } = scope;
	const f = near(scope, source, around);
	if (!f)
		return undefined;
	const attribute = attribute_term(scope, f);
	const terms = [entity_term(scope, source, f.e, attribute.attribute), attribute];
	if (random.maybe(0.93)) {
		terms.push(value_term(scope, source, f, !!terms[1].attribute));
		if (random.maybe(source.view === 'history' ? 0.7 : 0.12))
			late_terms(scope, source, f, terms);
	}
	if (terms.every((term) => !term.var && !term.attribute))
		return undefined;
	return { t: 'pattern', source: name_of(source), terms };
}

// An attribute of the entity, with a value of this kind, if one is given.
function attribute_of(scope, source, e, kind) {
	const fits = source.facts.of(e).filter((f) => !kind || f.v.kind === kind);
	return scope.random.pick(fits.length ? fits : source.facts.list.filter((f) => is_mine(f.e) && (!kind || f.v.kind === kind)));
}

//
// Predicates
//

const tests = {
	'<': (a, b) => a < b, '<=': (a, b) => a <= b, '>': (a, b) => a > b, '>=': (a, b) => a >= b,
	'=': (a, b) => a === b, '!=': (a, b) => a !== b,
};

// A value to be compared with one.
function beside(scope, it) {
	const { random } = scope;
	switch (it.kind) {
		case 'long': return value('long', it.v + random.int(-5, 5));
		case 'number': return value('long', Math.round(it.v) + random.int(-5, 5));
		case 'ref': return value('ref', it.v + random.int(-4, 4));
		case 'double': return value('double', it.v + random.int(-3, 3));
		case 'bigdec': return value('bigdec', it.v + random.int(-40, 40) / 4);
		case 'string': return pools.nick(random);
		case 'instant': return pools.day(random);
		default: return it;
	}
}

const comparable = (a, b) => a.kind === b.kind || is_number(a.kind) && is_number(b.kind);

function compare(scope) {
	const { random } = scope;
	// Of entities there is not much to say.
	const [name, left] = random.maybe(0.85) && scope.pick((it) => !['tuple', 'moment', 'ref', 'entity', 'any'].includes(it.kind))
		|| scope.pick((it) => !['tuple', 'moment'].includes(it.kind)) || [];
	if (!name)
		return undefined;
	const plain = left.kind === 'any' ? left.value : left;
	const [other, right] = random.maybe(0.4) && scope.pick((it) => it !== left && comparable(it, left)) || [];
	const that = other ? right.value : beside(scope, left.value);
	// 5 is 5.0 for one and not for the other.
	const ordered = left.kind !== 'any' && is_ordered(plain.kind);
	const equal = plain.kind !== 'number' && that.kind === plain.kind || left.kind === 'any';
	const fits = Object.keys(tests).filter((fn) => ['=', '!='].includes(fn) ? equal : ordered)
		.filter((fn) => tests[fn](left.value.v, that.v));
	const fn = random.pick(fits);
	if (!fn || !other && that.kind === 'number')
		return undefined;
	// As an entity it may have another number.
	if (!other && left.kind === 'tx')
		return undefined;
	const right_term = other ? { var: other } : is(that);
	if (!other && fn === '<' && is_number(left.kind) && random.maybe(0.6))
		return call('<', [constant('long', Math.floor(left.value.v) - random.int(1, 9)), { var: name }, right_term]);
	if (random.maybe(0.15)) {
		const turned = { '<': '>', '<=': '>=', '>': '<', '>=': '<=', '=': '=', '!=': '!=' }[fn];
		return call(turned, [right_term, { var: name }]);
	}
	return call(fn, [{ var: name }, right_term]);
}

//
// Functions
//

// Of the result: a double that may be whole is only a number.
function numeric(fn, kinds) {
	if (fn === '/')
		return 'number';
	if (kinds.every((kind) => kind === 'long'))
		return 'long';
	return kinds.every((kind) => kind === 'long' || kind === 'bigdec') ? 'bigdec' : 'number';
}

function arithmetic(scope) {
	const { random } = scope;
	const [name, left] = scope.pick((it) => is_number(it.kind)) || random.maybe(0.4) && scope.pick((it) => it.kind === 'ref') || [];
	if (!name)
		return undefined;
	const whole = left.kind === 'long' || left.kind === 'ref';
	const fn = random.pick(left.kind === 'ref' ? ['mod', 'rem'] : ['+', '-', '*', '/', ...whole ? ['mod', 'quot', 'rem', 'mod', 'quot', 'quot', 'rem'] : []]);
	const [other, right] = ['+', '-', '*'].includes(fn) && random.maybe(0.5) && scope.pick((it) => it !== left && is_number(it.kind)) || [];
	const n = value('long', random.pick(fn === '/' ? [2, 4, -8] : [1, 2, 3, 7, -3]));
	const args = [{ var: name }, other ? { var: other } : is(n)];
	if (fn !== '/' && !['mod', 'quot', 'rem'].includes(fn) && random.maybe(0.2))
		args.push(constant('long', random.int(1, 5)));
	if (!other && ['+', '-', '*'].includes(fn) && random.maybe(0.2))
		args.reverse();
	const kind = left.kind === 'ref' ? 'long' : numeric(fn, [left.kind, other ? right.kind : 'long']);
	return call(fn, args, 'scalar', scope.add('n', kind, value(kind, 0)));
}

function text(scope) {
	const { random } = scope;
	const [long, it] = scope.pick((one) => one.long) || [];
	const what = long ? random.pick(['subs', 'subs', 'str', 'count']) : random.pick(['str', 'count']);
	if (what === 'subs') {
		const [from, to] = random.pick([[0, 1], [0, 2], [1, 3], [1], [2]]);
		return call('subs', [{ var: long }, constant('long', from), ...to ? [constant('long', to)] : []], 'scalar',
			scope.add('s', 'string', value('string', it.value.v.substring(from, to))));
	}
	if (what === 'count') {
		const [name, counted] = scope.pick((one) => one.kind === 'string') || [];
		return name && call('count', [{ var: name }], 'scalar', scope.add('n', 'long', value('long', counted.value.v.length)));
	}
	const parts = random.some(scope.which((one) => ['string', 'long', 'double', 'keyword', 'boolean', 'uuid'].includes(one.kind)), random.int(1, 2));
	if (!parts.length)
		return undefined;
	const args = parts.map(([name]) => ({ var: name }));
	if (random.maybe(0.5))
		args.splice(random.int(0, args.length), 0, constant('string', random.pick(['-', "'", ' of ', '"'])));
	return call('str', args, 'scalar', scope.add('s', 'string', value('string', '')));
}

// Literals, which have the kinds of EDN.
function ground(scope) {
	const { random } = scope;
	const some = (kind, v) => {
		switch (kind) {
			case 'string': return [v, pools.name(random), pools.nick(random)];
			case 'long': return [v, value('long', v.v + 1), pools.small(random)];
			case 'keyword': return [v, pools.color(random)];
			case 'ref': return [v, value('ref', v.v + 1), value('ref', v.v + 2)];
			default: return [v];
		}
	};
	const known = ['string', 'long', 'keyword', 'boolean', 'ref', 'double', 'instant', 'uuid'];
	const [name, it] = random.maybe(0.6) && scope.pick((one) => known.includes(one.kind)) || [];
	const kind = it ? it.kind : random.pick(['string', 'long', 'keyword']);
	const v = it ? it.value : { string: pools.name, long: pools.small, keyword: pools.color }[kind](random);
	const values = random.shuffle(distinct(some(kind, v)));
	const bound = () => name || scope.add('g', kind, v);
	switch (random.weighted({ scalar: 2, collection: 3, relation: 2, tuple: 1 })) {
		case 'scalar': return call('ground', [{ forms: v }], 'scalar', bound());
		case 'collection': return call('ground', [{ forms: values }], 'collection', bound());
		case 'relation': return call('ground', [{ forms: values.map((one, i) => [one, value('long', i)]) }], 'relation',
			bound(), random.maybe(0.3) ? '_' : scope.add('i', 'long', value('long', values.indexOf(v))));
		case 'tuple': return call('ground', [{ forms: [v, value('string', 'tuple')] }], 'tuple',
			bound(), random.maybe(0.3) ? '_' : scope.add('g', 'string', value('string', 'tuple')));
	}
}

function distinct(values) {
	return values.filter((v, i) => values.findIndex((other) => same(v, other)) === i);
}

// get-else, get-some, missing?
function lookup(scope) {
	const { random } = scope;
	const source = scope.pick_source((one) => one.view !== 'history');
	const [name, it] = scope.pick((one) => one.kind === 'ref' && one.value.v < TX0) || [];
	if (!source || !name)
		return undefined;
	const db = { source: source.name };
	const ones = ATTRIBUTES.filter((a) => !a.many && a.of !== 'tx');
	const a = random.pick(ones.filter((one) => !one.unique));
	// DataScript takes all for missing in what came since a moment.
	switch (random.pick(['get-else', 'get-some', ...source.view === 'db' ? ['missing?'] : []])) {
		case 'get-else': {
			const other = a.pool ? pools[a.pool](random) : value('ref', 1000);
			return call('get-else', [db, { var: name }, { attribute: a.ident }, is(other)], 'scalar',
				scope.add(hint_of(a.ident), a.kind, other, a.long));
		}
		case 'get-some': {
			const all = [a, ...random.some(ones.filter((one) => one !== a && one.kind === a.kind), 2)];
			const attribute = random.maybe(0.3) ? '_' : scope.add('a', 'keyword', value('keyword', a.ident));
			return call('get-some', [db, { var: name }, ...all.map((one) => ({ attribute: one.ident }))], 'tuple',
				attribute, scope.add('some', a.kind, value(a.kind, null), all.every((one) => one.long)));
		}
		case 'missing?': {
			const lacking = ATTRIBUTES.filter((one) => one.of !== 'tx' && !source.facts.of(it.value.v).some((f) => f.a === one.ident));
			return lacking.length ? call('missing?', [db, { var: name }, { attribute: random.pick(lacking).ident }]) : undefined;
		}
	}
}

function tuple(scope) {
	const { random } = scope;
	const known = random.maybe(0.9) && scope.pick((it) => it.kind === 'tuple');
	if (known) {
		const vars = known[1].of.map(([hint, kind, v]) => random.maybe(0.2) ? '_' : scope.add(hint, kind, v));
		return call('untuple', [{ var: known[0] }], 'tuple', ...vars);
	}
	const parts = random.some(scope.which((it) => !['tuple', 'any', 'tx', 'entity'].includes(it.kind)), random.int(1, 3));
	if (!parts.length)
		return undefined;
	const name = scope.add('t', 'tuple', value('tuple', null));
	scope.vars.get(name).of = parts.map(([part, it]) => [part.slice(1), it.kind, it.value]);
	return call('tuple', parts.map(([part]) => ({ var: part })), 'scalar', name);
}

// When a transaction was.
function moment(scope) {
	const { random } = scope;
	const source = scope.pick_source((one) => one.view === 'db');
	const known = scope.pick((it) => it.kind === 'tx');
	const f = source && random.pick(source.facts.list);
	if (!f || !known && random.maybe(0.7))
		return undefined;
	return { t: 'pattern', source: name_of(source), moments: true, terms: [{ var: known ? known[0] : scope.add('tx', 'tx', value('tx', f.tx)) },
		{ attribute: ':db/txInstant' }, { var: scope.add('when', 'moment', value('moment', '')) }] };
}

module.exports = { name_of, is, call, constant, hint_of, near, pattern, attribute_of, compare, beside, arithmetic, text, ground, lookup, tuple, moment };
