'use strict';
// random.js: random numbers from a seed, the same on every machine.

class Random {
	constructor(seed) {
		this.state = seed >>> 0;
	}

	// mulberry32
	next() {
		this.state = (this.state + 0x6d2b79f5) >>> 0;
		let t = this.state;
		t = Math.imul(t ^ (t >>> 15), t | 1);
		t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
		return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
	}

	// From `from` to `to`, both included.
	int(from, to) {
		return from + Math.floor(this.next() * (to - from + 1));
	}

	maybe(probability) {
		return this.next() < probability;
	}

	// undefined, if there is nothing.
	pick(list) {
		return list[Math.floor(this.next() * list.length)];
	}

	// One of the keys of { key: weight }.
	weighted(weights) {
		const entries = Object.entries(weights);
		let at = this.next() * entries.reduce((sum, [, weight]) => sum + weight, 0);
		for (const [key, weight] of entries) {
			at -= weight;
			if (at < 0)
				return key;
		}
		return entries[entries.length - 1][0];
	}

	shuffle(list) {
		const all = [...list];
		for (let i = all.length - 1; i > 0; i--) {
			const j = this.int(0, i);
			[all[i], all[j]] = [all[j], all[i]];
		}
		return all;
	}

	// n different ones, or all.
	some(list, n) {
		return this.shuffle(list).slice(0, n);
	}
}

module.exports = { Random };
