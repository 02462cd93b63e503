'use strict';
// world.js: random databases, said to both sides, and what is a fact in them.
//
// All databases of a world have the same attributes, so that a rule fits each;
// and values from the same small pools, so that they can be joined. All that is
// a keyword has a name of its own (see peer.js), which no string is.

const { value, edn, literal, same } = require('./values');
const { TX0, Database, views, datoms } = require('./peer');

const NAMES = ['Ann', 'Bob', "O'Hara", 'Zoë', 'say "hi"', 'back\\slash', 'Eve', 'Émile', 'Ida', 'Sam'];
// These look like values of other kinds, or like what is special somewhere.
const NICKS = [...NAMES, 'Bo', '', ':odd', '12', 'true', '2.5', '$1', '?x', '%s', "'; --", 'two\nlines', '[]', '_'];
const COLORS = ['red', 'green', 'blue', 'cyan'].map((name) => ':color/' + name);
const TAGS = ['fast', 'cheap', 'good', 'new'].map((name) => ':tag/' + name);
const KINDS = ['gold', 'silver', 'bronze'].map((name) => ':kind/' + name);
const WHO = ['first', 'second', 'third'].map((name) => ':who/' + name);
const SCHEMA_WORDS = [':db/ident', ':db/valueType', ':db/cardinality', ':db/unique', ':db/index', ':db/isComponent', ':db/doc',
	':db/txInstant', ':db.cardinality/one', ':db.cardinality/many', ':db.unique/identity', ':db.unique/value',
	...['string', 'long', 'double', 'bigdec', 'boolean', 'keyword', 'instant', 'uuid', 'ref'].map((name) => ':db.type/' + name)];
const DAY = 86400000;
const uuid_of = (n) => '00000000-0000-4000-8000-' + String(n).padStart(12, '0');

// A random value of each attribute. Of `random` only; refs need entities.
const pools = {
	name: (r) => value('string', r.pick(NAMES)),
	nick: (r) => value('string', r.pick(NICKS)),
	title: (r) => value('string', r.pick(['Desk', 'Chair', 'Lamp', 'Shelf', 'Ann', 'Eve'])),
	age: (r) => value('long', r.int(0, 60)),
	small: (r) => value('long', r.int(-6, 12)),
	fraction: (r) => value('double', r.int(-4, 8) + r.pick([0.25, 0.5, 0.75])),
	money: (r) => value('bigdec', r.int(-40, 4000) / 4),
	truth: (r) => value('boolean', r.maybe(0.5)),
	color: (r) => value('keyword', r.pick(COLORS)),
	tag: (r) => value('keyword', r.pick(TAGS)),
	day: (r) => value('instant', Date.UTC(2019, 11, 28) + r.int(0, 9) * DAY + r.pick([0, 0, 1, 45296789])),
	uuid: (r) => value('uuid', uuid_of(r.int(1, 8))),
};

// `of` is the kind of entities that have it, `to` those it points to; `long` are
// strings that have at least three characters.
const ATTRIBUTES = [
	{ ident: ':person/code', kind: 'string', of: 'person', unique: 'identity', serial: (n) => 'P-' + n, long: true },
	{ ident: ':person/serial', kind: 'long', of: 'person', unique: 'value', serial: (n) => 700 + n },
	{ ident: ':person/name', kind: 'string', of: 'person', pool: 'name', long: true },
	{ ident: ':person/nick', kind: 'string', of: 'person', pool: 'nick', many: true },
	{ ident: ':person/age', kind: 'long', of: 'person', pool: 'age' },
	{ ident: ':person/lucky', kind: 'long', of: 'person', pool: 'small', many: true },
	{ ident: ':person/score', kind: 'double', of: 'person', pool: 'fraction' },
	{ ident: ':person/rates', kind: 'double', of: 'person', pool: 'fraction', many: true },
	{ ident: ':person/salary', kind: 'bigdec', of: 'person', pool: 'money' },
	{ ident: ':person/active', kind: 'boolean', of: 'person', pool: 'truth' },
	{ ident: ':person/color', kind: 'keyword', of: 'person', pool: 'color' },
	{ ident: ':person/tags', kind: 'keyword', of: 'person', pool: 'tag', many: true },
	{ ident: ':person/born', kind: 'instant', of: 'person', pool: 'day' },
	{ ident: ':person/uid', kind: 'uuid', of: 'person', pool: 'uuid' },
	{ ident: ':person/friend', kind: 'ref', of: 'person', to: 'person', many: true },
	{ ident: ':person/boss', kind: 'ref', of: 'person', to: 'lower' },
	{ ident: ':person/mentor', kind: 'ref', of: 'person', to: 'person' },
	{ ident: ':person/sort', kind: 'ref', of: 'person', to: 'kind' },
	{ ident: ':item/sku', kind: 'string', of: 'item', unique: 'identity', serial: (n) => 'sku-' + n, long: true },
	{ ident: ':item/title', kind: 'string', of: 'item', pool: 'title', long: true },
	{ ident: ':item/price', kind: 'bigdec', of: 'item', pool: 'money' },
	{ ident: ':item/qty', kind: 'long', of: 'item', pool: 'small' },
	{ ident: ':item/seen', kind: 'instant', of: 'item', pool: 'day', many: true },
	{ ident: ':item/owner', kind: 'ref', of: 'item', to: 'person' },
	{ ident: ':item/parts', kind: 'ref', of: 'item', to: 'later', many: true, component: true },
	{ ident: ':audit/by', kind: 'string', of: 'tx', pool: 'name', long: true },
];
const BY_IDENT = new Map(ATTRIBUTES.map((a) => [a.ident, a]));
const IDENT = ':db/ident';

const KEYWORDS = new Map([...ATTRIBUTES.map((a) => a.ident), ...COLORS, ...TAGS, ...KINDS, ...WHO, ...SCHEMA_WORDS]
	.map((keyword) => [keyword.replace(/^:.*\//, ''), keyword]));

// Entities that are neither attributes nor transactions begin at 1000. Attributes
// come after 5000, so that no long value is one of their numbers.
const FIRST = 1000;
const SCHEMA = 5000;
const is_mine = (e) => e >= FIRST && e < SCHEMA;
const is_schema = (e) => e >= SCHEMA && e < TX0;

// Facts of a source, by what they can be found by.
class Facts {
	constructor(list) {
		this.list = list;
		this.by_e = group(list, (f) => f.e);
		this.by_a = group(list, (f) => f.a);
		this.by_ref = group(list.filter((f) => f.v.kind === 'ref'), (f) => f.v.v);
		this.entities = [...this.by_e.keys()].filter(is_mine);
	}

	of(e) {
		return this.by_e.get(e) || [];
	}

	// What may stand in place of the entity's number.
	names(e) {
		return this.of(e).filter((f) => f.a === IDENT || (BY_IDENT.get(f.a) || {}).unique)
			.map((f) => ({ ...f.a === IDENT ? value('ident', f.v.v) : value('lookup', { attribute: f.a, value: f.v }), e }));
	}
}

function group(list, key) {
	const groups = new Map();
	for (const it of list) {
		const k = key(it);
		if (!groups.has(k))
			groups.set(k, []);
		groups.get(k).push(it);
	}
	return groups;
}

const SCHEMA_KIND = { ':db/index': 'boolean', ':db/isComponent': 'boolean' };

function kind_of(attribute) {
	return BY_IDENT.has(attribute) ? BY_IDENT.get(attribute).kind : SCHEMA_KIND[attribute] || 'keyword';
}

function fact([e, a, v, tx, added]) {
	const kind = kind_of(String(a));
	const plain = kind === 'instant' ? v.getTime() : kind === 'keyword' || kind === 'uuid' ? String(v) : v;
	return { e, a: String(a), v: value(kind, plain), tx, added };
}

class World {
	constructor(random, server, names) {
		this.random = random;
		this.server = server;
		this.names = names;
		this.serial = 0;
		this.said = 0;
		this.cache = new Map();
	}

	our_tx(tx) {
		return tx - TX0 + this.base;
	}

	our_entity(e) {
		return e >= TX0 ? -this.our_tx(e) : e;
	}

	their_tx(tx) {
		return tx - this.base + TX0;
	}

	// Makes the datom tables and says their schema.
	create() {
		this.indexed = ATTRIBUTES.map(() => this.random.maybe(0.3));
		const schema = '{' + ATTRIBUTES.map((a) => `${a.ident} {` + [a.kind === 'ref' ? ':db/valueType :db.type/ref' : '',
			a.many ? ':db/cardinality :db.cardinality/many' : '', a.unique ? `:db/unique :db.unique/${a.unique}` : '',
			a.component ? ':db/isComponent true' : ''].join(' ') + '}').join('\n') + '}';
		this.databases = this.names.map((name) => this.create_table(name, schema));
	}

	create_table(name, schema) {
		const server = this.server;
		server.do(`DROP TABLE IF EXISTS ${name}`);
		server.rows('SELECT datom.create($1)', [name]);
		server.do('BEGIN');
		server.rows(`SELECT setval(pg_get_serial_sequence($1, 'e'), $2)`, [name, String(SCHEMA)]);
		ATTRIBUTES.forEach((a, i) => server.rows('SELECT datom.define_attribute($1::regclass, $2, $3, $4, $5, $6::boolean, $7::boolean)',
			[name, a.ident, a.kind, a.many ? 'many' : 'one', a.unique || null, String(this.indexed[i]), String(!!a.component)]));
		server.do('COMMIT');
		const rows = server.rows(`SELECT e || ' ' || a || ' ' || v, tx FROM ${name}`);
		const tx = Number(rows[0][1]);
		// The numbers of transactions are shared by all that there is on a server.
		this.base ??= tx - 1;
		const database = new Database(name, schema);
		database.transact('[' + rows.map(([row]) => `[:db/add ${row}]`).join('\n') + ']', this.their_tx(tx));
		database.people = this.numbers(this.random.int(8, 18));
		database.things = this.numbers(this.random.int(5, 12), 100);
		database.kinds = KINDS.map((ident, i) => ({ ident, e: 1200 + i }));
		return database;
	}

	numbers(n, from = 0) {
		return Array.from({ length: n }, (_, i) => FIRST + from + 3 * i + this.random.int(0, 2));
	}

	// The facts of a source that is such a view of a state.
	facts(view, state, after) {
		const key = [view, state.database.name, state.tx, after].join();
		if (!this.cache.has(key)) {
			const source = views[view](state, after);
			this.cache.set(key, { source, facts: new Facts(datoms(source).map(fact)) });
		}
		return this.cache.get(key);
	}

	// The transactions of a state, with the texts of their instants.
	instants(state) {
		return this.moments.filter(({ database, tx }) => database === state.database && tx <= state.tx).map(({ tx, instant }) => [tx, instant]);
	}

	current(database) {
		return this.facts('db', database.now()).facts;
	}

	// Says n transactions, in all databases, and merges some into the orders.
	live(n) {
		for (let i = 0; i < n; i++) {
			const database = this.random.pick(this.databases);
			this.say(database, this.something(database));
			if (this.random.maybe(0.12))
				this.server.do(`VACUUM (TRUNCATE off) ${this.random.pick(this.names)}`);
		}
		this.moments = this.server.rows(`SELECT tx, to_char(instant AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), db
			FROM datom.tx WHERE db = ANY ($1::regclass[]) ORDER BY instant`, [`{${this.names.join()}}`])
			.map(([tx, instant, db]) => ({ tx: this.their_tx(Number(tx)), instant, database: this.databases[this.names.indexOf(db)] }));
	}

	// The first transactions: entities with most of what they can have.
	begin() {
		for (const database of this.databases) {
			const named = [...database.kinds, ...WHO.slice(0, 2).map((ident, i) => ({ e: database.people[i], ident }))];
			this.say(database, named.map(({ e, ident }) => ({ op: 'add', e, a: IDENT, v: value('keyword', ident) })));
			for (const [all, kind] of [[database.people, 'person'], [database.things, 'item']])
				for (let from = 0; from < all.length; from += 6)
					this.say(database, all.slice(from, from + 6).flatMap((e) => this.birth(database, e, kind)));
		}
	}

	birth(database, e, kind) {
		return ATTRIBUTES.filter((a) => a.of === kind && (a.unique || this.random.maybe(a.kind === 'ref' ? 0.6 : 0.75)))
			.flatMap((a) => this.adds(database, e, a, a.many ? this.random.int(1, 3) : 1));
	}

	adds(database, e, a, n) {
		const adds = [];
		for (let i = 0; i < n; i++) {
			const v = this.value_for(database, e, a);
			if (v && !adds.some((add) => same(add.v, v)))
				adds.push({ op: 'add', e, a: a.ident, v });
		}
		return adds;
	}

	value_for(database, e, a) {
		const { random } = this;
		if (a.serial)
			return value(a.kind, a.serial(++this.serial));
		if (a.pool)
			return pools[a.pool](random);
		const to = {
			person: () => random.pick(database.people),
			// So that there are no circles; friends and mentors have some.
			lower: () => random.pick(database.people.filter((other) => other < e)),
			later: () => random.pick(database.things.filter((other) => other > e)),
			kind: () => random.pick(database.kinds).e,
		}[a.to]();
		return to && value('ref', to);
	}

	something(database) {
		const acts = { change: 6, grow: 4, retract: 3, forget: 0.5, again: 1, name: 0.4, retract_nothing: 0.3 };
		const facts = this.current(database);
		const ops = this.act(this.random.weighted(acts), database, facts);
		return ops.length ? ops : this.act('change', database, facts);
	}

	act(what, database, facts) {
		const { random } = this;
		const mine = facts.list.filter((f) => is_mine(f.e) && f.a !== IDENT);
		const e = random.pick([...database.people, ...database.things]);
		const own = ATTRIBUTES.filter((a) => a.of === (database.people.includes(e) ? 'person' : 'item'));
		switch (what) {
			case 'change': return random.some(own.filter((a) => !a.unique || random.maybe(0.1)), 3).flatMap((a) => this.adds(database, e, a, 1));
			case 'grow': return random.some(own.filter((a) => a.many), 2).flatMap((a) => this.adds(database, e, a, 3));
			case 'retract': return random.some(mine, random.int(1, 4)).map((f) => ({ op: 'retract', e: f.e, a: f.a, v: f.v }));
			case 'retract_nothing': return [{ op: 'retract', e, a: ':person/nick', v: value('string', 'nobody') }];
			case 'forget': return [{ op: 'forget', e }];
			case 'again': return random.some(mine, 3).map((f) => ({ op: 'add', e: f.e, a: f.a, v: f.v }));
			case 'name': return [{ op: 'add', e, a: IDENT, v: value('keyword', random.pick(WHO)) }]
				.filter(({ v }) => !facts.list.some((f) => f.a === IDENT && f.v.v === v.v) && !facts.of(e).some((f) => f.a === IDENT));
		}
	}

	say(database, ops) {
		const by_hand = ops.every((op) => op.op !== 'forget' && op.a !== IDENT) && this.random.maybe(0.4);
		const about = !by_hand && this.random.maybe(0.3) ? [`[:db/add "datomic.tx" :audit/by ${edn(pools.name(this.random))}]`] : [];
		const text = '[' + [...ops.map(written), ...about].join('\n') + ']';
		const tx = by_hand ? this.insert(database.name, ops)
			: this.server.rows('SELECT tx FROM datom.transact($1::regclass, $2::text)', [database.name, text])[0][0];
		this.said++;
		database.transact(text, this.their_tx(Number(tx)));
	}

	insert(table, ops) {
		const values = ops.map((op, i) => `($${4 * i + 1}::bigint, $${4 * i + 2}::datom.attribute, $${4 * i + 3}::datom.value, $${4 * i + 4}::boolean)`);
		return this.server.rows(`INSERT INTO ${table} (e, a, v, added) VALUES ${values.join()} RETURNING tx`,
			ops.flatMap((op) => [String(op.e), op.a, literal(op.v), String(op.op === 'add')]))[0][0];
	}
}

function written(op) {
	if (op.op === 'forget')
		return `[:db/retractEntity ${op.e}]`;
	return `[:db/${op.op} ${op.e} ${op.a} ${edn(op.v)}]`;
}

module.exports = { World, ATTRIBUTES, BY_IDENT, KEYWORDS, IDENT, pools, kind_of, is_mine, is_schema };
