'use strict';
// scope.js: the variables of a query that is being made, each with its kind and
// its value in one row that there is. What is said about this row is true, so
// queries made by it are seldom empty.
//
// A variable is { kind, value, long }; `long`: strings of three characters at
// least.

class Scope {
	constructor(random, sources, names = new Map()) {
		this.random = random;
		this.sources = sources;
		this.vars = new Map();
		// How often each name was taken, in the whole query.
		this.names = names;
	}

	copy() {
		const copy = new Scope(this.random, this.sources, this.names);
		copy.vars = new Map(this.vars);
		return copy;
	}

	// The same variables, or those of these names, in another row.
	in_row(row, only) {
		const copy = this.copy();
		for (const [name, it] of this.vars)
			if (only && !only.includes(name))
				copy.vars.delete(name);
			else if (row.has(name))
				copy.vars.set(name, { ...it, value: row.get(name) });
		return copy;
	}

	fresh(hint) {
		const n = (this.names.get(hint) || 0) + 1;
		this.names.set(hint, n);
		return '?' + hint + (n > 1 ? n : '');
	}

	add(hint, kind, value, long = false) {
		const name = this.fresh(hint);
		this.vars.set(name, { kind, value, long });
		return name;
	}

	// Entries [name, variable] for which the test holds.
	which(test) {
		return [...this.vars].filter(([, it]) => test(it));
	}

	pick(test) {
		return this.random.pick(this.which(test));
	}

	pick_source(test = () => true) {
		return this.random.pick(this.sources.filter(test));
	}
}

module.exports = { Scope };
