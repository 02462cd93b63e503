'use strict';
// compound.js: clauses made of clauses. As clauses.js, and `rows` are rows there
// are, of all variables of the scope, name to value.

const { value, is_ordered } = require('./values');
const { name_of, is, call, constant, hint_of, pattern, attribute_of, compare, ground } = require('./clauses');
const { TX0 } = require('./peer');

const entity = (it) => it.kind === 'ref' && it.value.v < TX0;
const has = (source, ...terms) => ({ t: 'pattern', source: name_of(source), terms });

// Says the source once, if all inside is about it.
function qualified(clause, random) {
	const inside = (clause.branches ? clause.branches.flat() : clause.clauses);
	const about = (c) => c.t === 'pattern' || c.t === 'rule' || c.t === 'not' || c.t === 'or';
	const [source] = inside.filter(about).map((c) => c.source);
	if (!source || !inside.every((c) => !about(c) || c.source === source) || random.maybe(0.3))
		return clause;
	const bare = (list) => list.map((c) => about(c) ? { ...c, source: null } : c);
	return { ...clause, source, ...clause.branches ? { branches: clause.branches.map(bare) } : { clauses: bare(clause.clauses) } };
}

//
// or, or-join
//

function either(scope, rows, depth = 0) {
	const { random } = scope;
	const source = scope.pick_source((one) => one.view !== 'history');
	if (!source || !source.facts.entities.length)
		return undefined;
	const bound = random.maybe(0.9) && scope.pick(entity);
	const e = bound ? bound[0] : scope.add('e', 'ref', value('ref', random.pick(source.facts.entities)));
	const f = attribute_of(scope, source, scope.vars.get(e).value.v);
	const target = f && !['tx'].includes(f.v.kind) && random.maybe(bound ? 0.6 : 0.8) ? scope.fresh(hint_of(f.a)) : null;
	const join = random.maybe(0.5);
	const more = join && bound && random.maybe(0.4) && scope.pick((it) => is_ordered(it.kind));
	const seen = [...new Set([e, ...more ? [more[0]] : []])];
	const branches = [];
	for (let i = random.int(2, 3); i > 0; i--) {
		const inner = scope.in_row(rows.length && i > 1 ? random.pick(rows) : new Map(), join ? seen : undefined);
		if (!bound)
			inner.vars.set(e, { kind: 'ref', value: value('ref', random.pick(source.facts.entities)) });
		const branch = branch_of(inner, source, e, target && { name: target, kind: f.v.kind }, join, depth);
		if (!branch)
			return undefined;
		branches.push(branch);
	}
	if (target)
		scope.vars.set(target, { kind: f.v.kind, value: f.v });
	return qualified({ t: 'or', source: null, branches, join: joined(scope, branches, { join, bound, seen, target }) }, random);
}

// What goes into an or-join; null for an or, all branches of which have the same
// variables.
function joined(scope, branches, { join, bound, seen, target }) {
	const used = branches.map((branch) => [...variables(branch)].filter((name) => scope.vars.has(name)));
	const all = [...new Set(used.flat())];
	if (!join && used.every((names) => names.length === all.length))
		return null;
	const vars = join ? [...seen, ...target ? [target] : []] : all;
	const required = bound && scope.random.maybe(0.4) ? vars.filter((name) => name !== target) : [];
	return { required, vars: vars.filter((name) => !required.includes(name)) };
}

const variables = (clauses) => new Set(JSON.stringify(clauses).match(/(?<=")\?[a-z][\w-]*(?=")/g));

// Says something of the entity variable `e`, in which `target`, if there is one,
// gets a value. `join`: there may be other variables.
function branch_of(scope, source, e, target, join, depth) {
	const { random } = scope;
	const of = scope.vars.get(e).value.v;
	const f = attribute_of(scope, source, of, target && target.kind);
	if (!f)
		return undefined;
	const that = target ? { var: target.name } : is(f.v);
	const plain = has(source, { var: e }, { attribute: f.a }, that);
	const bound = target ? scope.copy() : scope;
	if (target)
		bound.vars.set(target.name, { kind: target.kind, value: f.v });
	switch (random.weighted({ plain: 4, where: 3, ground: target ? 1 : 0, exists: target ? 0 : 1, via: join ? 3 : 0, none: 1, either: depth < 1 ? 1 : 0, compare: target ? 0 : 1 })) {
		case 'plain': return [plain];
		case 'where': return listed(plain, random.maybe(0.6) ? compare(bound) : condition(bound, source, e));
		case 'exists': return [has(source, { var: e }, { attribute: f.a })];
		case 'ground': return listed(condition(scope, source, e), call('ground', [{ forms: f.v }], 'scalar', target.name));
		case 'via': return via(scope, source, e, target);
		case 'none': return listed(plain, { t: 'not', source: null, join: null, clauses: listed(condition(bound, source, e)) });
		case 'either': return listed(plain, { t: 'or', source: null, join: null, branches: [listed(condition(bound, source, e)), listed(condition(bound, source, e))] });
		case 'compare': return listed(compare(scope) || plain);
	}
}

const listed = (...clauses) => clauses.filter((clause) => clause);

function condition(scope, source, e) {
	const f = attribute_of(scope, source, scope.random.maybe(0.5) ? scope.vars.get(e).value.v : scope.random.pick(source.facts.entities));
	return f && has(source, { var: e }, { attribute: f.a }, ...scope.random.maybe(0.7) ? [is(f.v)] : []);
}

// Over a reference, in either direction.
function via(scope, source, e, target) {
	const { random } = scope;
	const of = scope.vars.get(e).value.v;
	const refs = [...source.facts.of(of).filter((f) => f.v.kind === 'ref').map((f) => [f, f.v.v]),
		...(source.facts.by_ref.get(of) || []).map((f) => [f, f.e])];
	const [ref, other] = random.pick(refs) || [];
	const g = ref && attribute_of(scope, source, other, target && target.kind);
	if (!g)
		return undefined;
	const there = { var: scope.fresh('via') };
	const step = ref.e === of && other === ref.v.v ? [{ var: e }, { attribute: ref.a }, there] : [there, { attribute: ref.a }, { var: e }];
	return [has(source, ...step), has(source, there, { attribute: g.a }, target ? { var: target.name } : is(g.v))];
}

//
// not, not-join
//

function none(scope, rows, depth = 0) {
	const { random } = scope;
	const usable = scope.which((it) => it.kind !== 'tuple').map(([name]) => name);
	if (!usable.length)
		return undefined;
	const join = random.maybe(0.4) ? random.some(usable, random.int(1, 2)) : null;
	const inner = scope.in_row(rows.length ? random.pick(rows) : new Map(), join || undefined);
	const [around] = inner.pick(entity) || [];
	const clauses = listed(random.maybe(0.8) ? pattern(inner, { around }) : compare(inner));
	for (let i = random.int(0, 2); i > 0 && clauses.length; i--)
		switch (random.weighted({ pattern: 3, compare: 2, none: depth < 1 ? 1.5 : 0, either: depth < 1 ? 1 : 0 })) {
			case 'pattern': clauses.push(...listed(pattern(inner))); break;
			case 'compare': clauses.push(...listed(compare(inner))); break;
			case 'none': clauses.push(...listed(none(inner, [], depth + 1))); break;
			case 'either': clauses.push(...listed(either(inner, [], depth + 1))); break;
		}
	return clauses.length ? qualified({ t: 'not', source: null, join, clauses }, random) : undefined;
}

module.exports = { either, none };
