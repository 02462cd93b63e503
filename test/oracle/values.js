'use strict';
// values.js: values with their kinds, and how they are written.
//
// A value is { kind, v }. Kinds are those of attributes; and
//
//	tx		a transaction, by DataScript's number of it
//	entity	a ref that can be a transaction: its number is another one for us
//	lookup	[attribute, value] in place of an entity: v is { attribute, value }
//	ident	a keyword in place of an entity; either has the entity's number as `e`
//	any		a value of an attribute that is not known: `v` is a value
//	moment	of a transaction, as text: JavaScript has no microseconds
//
// Instants are milliseconds since 1970. Doubles and bigdecs are multiples of
// 0.25, so that sums are exact in both worlds; doubles are never whole, because
// JavaScript cannot tell 1.0 from 1.

const value = (kind, v) => ({ kind, v });

const escaped = (text) => '"' + text.replace(/["\\]/g, '\\$&').replace(/\n/g, '\\n') + '"';

// EDN, for DataScript; `world` has its numbers of transactions.
function edn(it) {
	switch (it.kind) {
		case 'string': return escaped(it.v);
		case 'bigdec': return it.v.toFixed(2) + 'M';
		case 'instant': return `#inst "${new Date(it.v).toISOString()}"`;
		case 'uuid': return `#uuid "${it.v}"`;
		case 'lookup': return `[${it.v.attribute} ${edn(it.v.value)}]`;
		case 'any': return edn(it.v);
		default: return String(it.v);
	}
}

// EDN, for us, who have other numbers of transactions.
function our_edn(it, world) {
	return it.kind === 'tx' ? String(world.our_tx(it.v)) : it.kind === 'ref' ? String(world.our_entity(it.v)) : edn(it);
}

// What stands among the arguments of datom.q_json.
function json(it, world) {
	switch (it.kind) {
		case 'instant': return new Date(it.v).toISOString();
		case 'lookup': return [it.v.attribute, json(it.v.value, world)];
		case 'tx': return world.our_tx(it.v);
		case 'ref': return world.our_entity(it.v);
		case 'any': return json(it.v, world);
		default: return it.v;
	}
}

// An untyped literal of SQL, of datom.value.
function literal(it) {
	return it.kind === 'instant' ? new Date(it.v).toISOString() : String(it.v);
}

const same = (a, b) => a.kind === b.kind && JSON.stringify(a.v) === JSON.stringify(b.v);

const NUMBERS = ['long', 'double', 'bigdec', 'number'];
const is_number = (kind) => NUMBERS.includes(kind);
const is_ordered = (kind) => is_number(kind) || kind === 'string' || kind === 'instant';

module.exports = { value, edn, our_edn, json, literal, same, escaped, is_number, is_ordered };
