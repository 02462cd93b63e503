'use strict';
// peer.js: DataScript, with keywords.
//
// Its JavaScript interface gives no way to make a keyword, and drops the
// namespaces of those it returns. But what its reader reads in a query reaches
// a function that is an input of it. So schema, facts, queries and inputs are
// handed over as EDN; and all keywords of a world have different names, by which
// they are known again.

const path = require('path');
const vm = require('vm');

const datascript = require(path.join(process.env.DATOM_DATASCRIPT || path.join(__dirname, '../../build/oracle'),
	'node_modules/datascript'));

// It prints what it refuses, and standard output is not ours to use.
console.log = () => {};

const TX0 = 0x20000000;
const TIMEOUT = 400;

// What EDN text says, as DataScript's own data.
function read(text) {
	let found;
	datascript.q(`[:find ?x . :in ?f :where [(?f ${text}) ?x]]`, (form) => {
		found = form;
		return 1;
	});
	return found;
}

// Its rules take no required variables, though its parser does; and here is
// where a query that never ends is ended.
function q(text, inputs) {
	return limited(() => datascript.q(text, ...inputs));
}

function limited(question) {
	globalThis.datom_question = question;
	return vm.runInThisContext('datom_question()', { timeout: TIMEOUT });
}

// One database, and what it was after each transaction.
class Database {
	constructor(name, schema) {
		this.name = name;
		this.connection = datascript.create_conn(read(schema));
		this.last = TX0;
		this.log = [];
		this.states = [];
	}

	// Says transaction data as the transaction of this number, which lies above
	// all before.
	transact(text, tx) {
		while (this.last < tx - 1)
			this.say('[]');
		this.say(text);
		this.states.push({ database: this, tx, db: datascript.db(this.connection), said: this.log.length });
	}

	say(text) {
		this.last++;
		const report = datascript.transact(this.connection, read(text));
		// A retraction has a negative transaction.
		for (const d of report.tx_data)
			this.log.push([d.e, d.a, d.v, Math.abs(d.tx), d.tx > 0]);
	}

	now() {
		return this.states[this.states.length - 1];
	}

	// After the last transaction at or below this one.
	at(tx) {
		let found = this.states[0];
		for (const state of this.states)
			if (state.tx <= tx)
				found = state;
		return found;
	}
}

// What is handed to a query as a source, and its facts as [e a v tx added].
const views = {
	db: (state) => state.db,
	since: (state, after) => datascript.filter(state.db, (db, datom) => datom.tx > after),
	history: (state) => state.database.log.slice(0, state.said),
};

function datoms(source) {
	if (Array.isArray(source))
		return source;
	return datascript.datoms(source, ':eavt').map((d) => [d.e, d.a, d.v, d.tx, true]);
}

module.exports = { TX0, Database, read, q, limited, views, datoms };
