'use strict';
// pull_random.js: random pull patterns.
//
// A pattern is a list of elements, and knows how it is written and what of the
// grammar it has. DataScript refuses some of what we take: a limit of one value,
// following what is no ref; and it gives an attribute once that is asked for twice.

const { ATTRIBUTES, UNKNOWN, KEYWORDS } = require('./pull_world');

const FEATURES = ['attribute', ':db/id', 'wildcard', 'wildcard as string', 'reverse', 'reverse of a component', 'map', 'map of several', 'reverse in a map',
	'options in a vector', 'options in a list', 'options in a map', ':as keyword', ':as string', ':as number', ':limit', ':limit nil', ':default scalar',
	':default collection', ':default false', '(limit)', '(limit nil)', '(default)', 'words as strings', 'a key twice', 'not defined', 'depth', 'depth ...',
	'reverse recursion', 'several recursions', 'recursion in a pattern', 'component', 'component in a map', 'wildcard of a component', 'nested twice',
	'a pattern in a list', ':db/id with options'];

const REFS = ATTRIBUTES.filter((a) => a.kind === 'ref');
const DEFAULTS = ['"none"', '7', '2.5', 'true', ':color/red', '#inst "2019-02-03T04:05:06.000Z"'];
const COLLECTIONS = ['[]', '[1 "two" [3]]', '{}', '{"a" 1, "b" {"c" nil}}', '(1 2)'];

const as_key = (name) => ':made/' + name;
const reversed = (ident) => ident.replace('/', '/_');

class Patterns {
	constructor(random) {
		this.random = random;
		this.found = new Set();
		this.made = 0;
	}

	hit(feature, condition = true) {
		if (condition)
			this.found.add(feature);
	}

	brackets(items) {
		return this.random.maybe(0.5) ? `[${items.join(' ')}]` : `(${items.join(' ')})`;
	}

	word(name) {
		const as_string = this.random.maybe(0.2);
		this.hit('words as strings', as_string);
		return as_string ? `"${name}"` : name;
	}

	key() {
		const { random } = this;
		const n = ++this.made;
		const how = random.pick(['keyword', 'string', 'number']);
		this.hit(':as ' + how);
		if (how === 'keyword')
			KEYWORDS.set(`made${n}`, as_key(`made${n}`));
		return how === 'keyword' ? as_key(`made${n}`) : how === 'string' ? `"made ${n}"` : String(9000 + n);
	}

	limit(name) {
		const most = this.random.pick(['1', '2', '3', '1005', 'nil']);
		this.hit(most === 'nil' ? `${name} nil`.replace(') nil', ' nil)') : name);
		return most;
	}

	fallback(name) {
		const { random } = this;
		const how = random.weighted({ scalar: 3, collection: 1, false: 1 });
		this.hit(name || `:default ${how}`);
		return how === 'scalar' ? random.pick(DEFAULTS) : how === 'false' ? 'false' : random.pick(COLLECTIONS);
	}

	// An attribute expression. In `taken` are keys of the pattern that it stands in.
	expression(ident, a, taken, in_map) {
		const { random } = this;
		const many = a && a.many;
		if (random.maybe(0.65))
			return ident;
		this.hit('options in a map', in_map);
		if (random.maybe(0.25)) {
			const limited = many && random.maybe(0.5);
			return this.brackets(limited ? [this.word('limit'), ident, this.limit('(limit)')] : [this.word('default'), ident, this.fallback('(default)')]);
		}
		const options = [];
		if (random.maybe(0.5)) {
			const again = taken.length && random.maybe(0.1);
			this.hit('a key twice', !!again);
			const key = again ? random.pick(taken) : this.key();
			taken.push(key);
			options.push(':as ' + key);
		}
		if (many && random.maybe(0.5))
			options.push(':limit ' + this.limit(':limit'));
		if (!options.length || random.maybe(0.4))
			options.push(':default ' + this.fallback());
		const expression = this.brackets([ident, ...random.shuffle(options)]);
		this.hit(expression[0] === '[' ? 'options in a vector' : 'options in a list');
		return expression;
	}

	attribute(scope) {
		const a = this.random.pick(ATTRIBUTES.filter((one) => !scope.used.has(one.ident)));
		scope.used.add(a.ident);
		this.hit('attribute');
		this.hit('component', !!a.component);
		return this.expression(a.ident, a, scope.keys, false);
	}

	reverse(scope) {
		const a = this.random.pick(REFS);
		this.hit('reverse');
		this.hit('reverse of a component', !!a.component);
		return this.expression(reversed(a.ident), a, scope.keys, false);
	}

	unknown(scope) {
		if (scope.used.has(UNKNOWN))
			return ':db/id';
		scope.used.add(UNKNOWN);
		this.hit('not defined');
		return this.expression(UNKNOWN, null, scope.keys, false);
	}

	id(scope) {
		const plain = this.random.maybe(0.8) || scope.used.has(':db/id');
		scope.used.add(':db/id');
		this.hit(':db/id');
		this.hit(':db/id with options', !plain);
		return plain ? ':db/id' : `[:db/id :as ${this.key()}]`;
	}

	wildcard() {
		const word = this.word('*');
		this.hit('wildcard');
		this.hit('wildcard as string', word !== '*');
		return word;
	}

	depth(back) {
		const depth = this.random.pick(['1', '2', '3', '...']);
		this.hit(depth === '...' ? 'depth ...' : 'depth');
		this.hit('reverse recursion', back);
		return depth;
	}

	entry(scope, level) {
		const { random } = this;
		const back = random.maybe(0.3);
		const free = REFS.filter((a) => back || !scope.used.has(a.ident));
		if (!free.length)
			return '';
		const a = random.pick(free);
		if (!back)
			scope.used.add(a.ident);
		const ident = back ? reversed(a.ident) : a.ident;
		this.hit('reverse in a map', back);
		this.hit('component in a map', !!a.component);
		const key = this.expression(ident, a, scope.keys, true);
		if (scope.recursions < 2 && random.maybe(level === 0 ? 0.35 : 0.2)) {
			this.hit('several recursions', scope.recursions++ > 0);
			this.hit('recursion in a pattern', level > 0);
			return `${key} ${this.depth(back)}`;
		}
		const sub = this.pattern(level + 1);
		this.hit('wildcard of a component', !!a.component && sub.elements.some((e) => /^"?\*/.test(e)));
		this.hit('nested twice', level > 0);
		return `${key} ${written(sub)}`;
	}

	map(scope, level) {
		const entries = Array.from({ length: this.random.maybe(0.3) ? 2 : 1 }, () => this.entry(scope, level)).filter((entry) => entry);
		const keys = entries.map((entry) => entry.split(' ')[0]);
		// A map must not have a key twice.
		const different = entries.filter((_, i) => keys.indexOf(keys[i]) === i);
		this.hit('map');
		this.hit('map of several', different.length > 1);
		return different.length ? `{${different.join(', ')}}` : ':db/id';
	}

	pattern(level = 0) {
		const { random } = this;
		const scope = { used: new Set(), keys: [], recursions: 0 };
		const weights = { attribute: 6, reverse: 2, unknown: 0.5, id: 2, wildcard: 0.7, map: level < 3 ? 4 - level : 0 };
		const elements = Array.from({ length: random.int(1, level === 0 ? 6 : 3) }, () => this[random.weighted(weights)](scope, level));
		const list = random.maybe(0.1);
		this.hit('a pattern in a list', list);
		return { elements, list };
	}
}

function written({ elements, list }) {
	return list ? `(${elements.join(' ')})` : `[${elements.join(' ')}]`;
}

module.exports = { Patterns, written, FEATURES };
