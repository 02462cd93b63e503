'use strict';
// pull_world.js: one random datom table, said to both sides, for patterns to be
// pulled from.
//
// Refs of every kind make circles, components too. One entity has more values
// than are pulled unless they are asked for. All that is a keyword has a name of
// its own (see peer.js), which no string is.

const { TX0, Database } = require('./peer');

const COLORS = ['red', 'green', 'blue'].map((name) => ':color/' + name);
const WORDS = ['Ann', 'Bob', 'Zoë', 'say "hi"', 'back\\slash', '', ':odd', '12', 'null', '2020-01-01', '{}'];
const text = (string) => '"' + string.replace(/["\\]/g, '\\$&') + '"';

const pools = {
	word: (r) => text(r.pick(WORDS)),
	number: (r) => String(r.int(-5, 30)),
	money: (r) => (r.int(-40, 400) / 4).toFixed(2) + 'M',
	fraction: (r) => String(r.int(-4, 8) + 0.5),
	truth: (r) => String(r.maybe(0.5)),
	color: (r) => r.pick(COLORS),
	day: (r) => `#inst "20${r.int(10, 20)}-0${r.int(1, 9)}-11T0${r.int(0, 9)}:20:30.${r.pick(['000', '250'])}Z"`,
	uuid: (r) => `#uuid "00000000-0000-4000-8000-00000000000${r.int(1, 9)}"`,
};

const ATTRIBUTES = [
	{ ident: ':n/name', kind: 'string', pool: 'word' },
	{ ident: ':n/label', kind: 'string', pool: 'word', many: true },
	{ ident: ':n/size', kind: 'long', pool: 'number' },
	{ ident: ':n/rank', kind: 'long', pool: 'number', many: true },
	{ ident: ':n/price', kind: 'bigdec', pool: 'money' },
	{ ident: ':n/weight', kind: 'double', pool: 'fraction', many: true },
	{ ident: ':n/open', kind: 'boolean', pool: 'truth' },
	{ ident: ':n/color', kind: 'keyword', pool: 'color' },
	{ ident: ':n/shade', kind: 'keyword', pool: 'color', many: true },
	{ ident: ':n/born', kind: 'instant', pool: 'day' },
	{ ident: ':n/uid', kind: 'uuid', pool: 'uuid' },
	{ ident: ':n/boss', kind: 'ref' },
	{ ident: ':n/mate', kind: 'ref' },
	{ ident: ':n/friend', kind: 'ref', many: true },
	{ ident: ':other/foe', kind: 'ref', many: true },
	{ ident: ':n/core', kind: 'ref', component: true },
	{ ident: ':n/part', kind: 'ref', many: true, component: true },
	{ ident: ':a/before', kind: 'string', pool: 'word' },
	{ ident: ':other/twin', kind: 'ref', component: true },
];
const UNKNOWN = ':n/nothing';

class World {
	constructor(random, server, name) {
		this.random = random;
		this.server = server;
		this.name = name;
		this.entities = Array.from({ length: random.int(8, 20) }, (_, i) => 1000 + 3 * i + random.int(0, 2));
		this.hub = 2000;
		this.moments = [];
	}

	create() {
		const { server, name } = this;
		server.do(`DROP TABLE IF EXISTS ${name}`);
		server.rows('SELECT datom.create($1)', [name]);
		server.do('BEGIN');
		for (const a of ATTRIBUTES)
			server.rows('SELECT datom.define_attribute($1::regclass, $2, $3, $4, NULL, false, $5::boolean)',
				[name, a.ident, a.kind, a.many ? 'many' : 'one', String(!!a.component)]);
		server.do('COMMIT');
		this.base = Number(server.rows(`SELECT max(tx) FROM ${name}`)[0][0]) - 1;
		this.database = new Database(name, '{' + ATTRIBUTES.map((a) => `${a.ident} {` + (a.kind === 'ref' ? ':db/valueType :db.type/ref ' : '')
			+ (a.many ? ':db/cardinality :db.cardinality/many ' : '') + (a.component ? ':db/isComponent true' : '') + '}').join('\n') + '}');
		this.say_there('[]', this.base + 1);
	}

	say_there(data, tx) {
		this.database.transact(data, tx - this.base + TX0);
	}

	// Says transaction data in both places.
	say(data) {
		const tx = Number(this.server.rows('SELECT tx FROM datom.transact($1::regclass, $2::text)', [this.name, data])[0][0]);
		this.say_there(data, tx);
		this.moments.push({ tx });
	}

	// Parts come mostly later, or what is pulled with all its parts has no end.
	value(e, a) {
		const later = a.component && this.random.maybe(0.9) ? this.entities.filter((other) => other > e) : [];
		return a.kind === 'ref' ? String(this.random.pick(later.length ? later : this.entities)) : pools[a.pool](this.random);
	}

	add() {
		const a = this.random.pick(ATTRIBUTES);
		const e = this.random.pick(this.entities);
		return `[:db/add ${e} ${a.ident} ${this.value(e, a)}]`;
	}

	// Something that was said once, and perhaps still holds.
	retract() {
		const [e, a, v] = this.random.pick(this.said);
		return `[:db/retract ${e} ${a} ${v}]`;
	}

	// One value at most for what is one, and no value twice.
	operations(n) {
		const taken = new Set();
		const ops = [];
		for (let i = 0; i < n; i++) {
			const op = this.said.length && this.random.maybe(0.25) ? this.retract() : this.add();
			const [, , e, ident, v] = op.match(/^\[:db\/(\w+) (\d+) (\S+) (.*)\]$/s);
			const place = ATTRIBUTES.find((a) => a.ident === ident).many ? `${e} ${ident} ${v}` : `${e} ${ident}`;
			if (taken.has(place))
				continue;
			taken.add(place);
			ops.push(op);
			this.said.push([e, ident, v]);
		}
		return ops;
	}

	crowd() {
		const range = Array.from({ length: 1010 }, (_, i) => 3000 + i);
		this.say('[' + range.flatMap((n) => [`[:db/add ${this.hub} :n/rank ${n}]`, `[:db/add ${n} :n/friend ${this.hub}]`,
			`[:db/add ${n} :n/size ${n % 7}]`, `[:db/add ${this.hub} :other/foe ${n}]`]).join('\n') + ']');
	}

	// n transactions; some of them are merged into the orders.
	live(n) {
		this.said = this.said || [];
		if (!this.moments.length)
			this.crowd();
		for (let i = 0; i < n; i++) {
			this.say('[' + this.operations(this.random.int(1, 25)).join('\n') + ']');
			if (this.random.maybe(0.15))
				this.server.do(`VACUUM (TRUNCATE off) ${this.name}`);
		}
		const instants = new Map(this.server.rows(`SELECT tx, to_char(instant AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
			FROM datom.tx WHERE db = $1::regclass`, [this.name]).map(([tx, instant]) => [Number(tx), instant]));
		for (const moment of this.moments) {
			moment.instant = instants.get(moment.tx);
			moment.db = this.database.at(moment.tx - this.base + TX0).db;
		}
	}
}

// Keywords by the names that DataScript gives back in their place.
const KEYWORDS = new Map([':db/id', UNKNOWN, ...COLORS,
	...ATTRIBUTES.flatMap((a) => [a.ident, a.ident.replace('/', '/_')])].map((keyword) => [keyword.replace(/^:.*\//, ''), keyword]));

module.exports = { World, ATTRIBUTES, UNKNOWN, KEYWORDS };
