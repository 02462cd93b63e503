'use strict';
// pull.js SEED WORLDS QUESTIONS: as many worlds from this seed on, and as many
// random patterns about each, pulled by DataScript and by datom.pull_many and
// datom.pull.
//
// `pull.js SEED 1 N ONLY` asks only the Nth.

const path = require('path');
const { Random } = require('./random');
const { World, KEYWORDS } = require('./pull_world');
const { Patterns, written, FEATURES } = require('./pull_random');
const { read, limited } = require('./peer');
const server = require('./server');

const datascript = require(path.join(process.env.DATOM_DATASCRIPT || path.join(__dirname, '../../build/oracle'),
	'node_modules/datascript'));

const [seed, worlds, per_world, only] = process.argv.slice(2).map(Number);

// How it is asked, and what comes of it.
const WAYS = ['now', 'as of an instant', 'as of a transaction', 'as of a text', 'as of a setting', 'own facts', 'repeatable read', 'serializable',
	'without orders', 'pull', 'pull of a text', 'nothing', 'more than the limit', 'a circle'];
// Longer answers say no more, and take long.
const LONG = 300000;

const tally = { asked: 0, long: 0, answers: 0, wrong: 0, spoilt: 0, noticed: 0, elapsed: 0, hits: new Map([...FEATURES, ...WAYS].map((name) => [name, 0])) };
const hit = (name) => tally.hits.set(name, tally.hits.get(name) + 1);

//
// Answers as text, by which equal ones are equal
//

const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;
const named = (name) => KEYWORDS.get(name) || name;

function canonical(value, name) {
	if (value === null || value === undefined)
		return 'null';
	if (value instanceof Date)
		return 'i' + value.getTime();
	if (Array.isArray(value))
		return `[${value.map((one) => canonical(one, name)).join()}]`;
	if (typeof value === 'string')
		return ISO.test(value) ? 'i' + Date.parse(value) : JSON.stringify(name(value));
	if (typeof value !== 'object')
		return String(value);
	if (Object.getPrototypeOf(value) !== Object.prototype)
		return JSON.stringify(String(value));
	return `{${Object.entries(value).map(([key, one]) => `${JSON.stringify(name(key))}:${canonical(one, name)}`).sort().join()}}`;
}

const theirs = (db, pattern, e) => canonical(datascript.pull(db, pattern, e), named);
const ours = (text) => canonical(JSON.parse(text), (name) => name);

//
// Questions
//

function our_answers(world, pattern, entities, moment) {
	const how = moment.how;
	const at = { instant: [', $4::timestamptz', moment.instant], tx: [', $4::bigint', String(moment.tx)],
		text: [', $4::text', moment.instant], }[how] || ['', undefined];
	const rest = at[1] === undefined ? [] : [at[1]];
	const call = { many: `SELECT coalesce(p::text, 'null') FROM datom.pull_many($1::regclass, $2, $3::bigint[]${at[0]}) p`,
		one: `SELECT coalesce(datom.pull($1::regclass, $2, e${at[0]})::text, 'null') FROM unnest($3::bigint[]) WITH ORDINALITY AS x (e, n) ORDER BY n`,
		text: `SELECT coalesce(datom.pull($1::regclass, $2, e::text${at[0]})::text, 'null') FROM unnest($3::bigint[]) WITH ORDINALITY AS x (e, n) ORDER BY n` };
	return server.rows(call[moment.call], [world.name, pattern, `{${entities.join()}}`, ...rest]).map(([text]) => ours(text));
}

// Runs `what` where the moment, or the transaction, is as the question wants it.
function within(world, moment, what) {
	const begin = { setting: `SET datom.as_of = '${moment.instant}'`, own: 'BEGIN', repeatable: 'BEGIN ISOLATION LEVEL REPEATABLE READ',
		serializable: 'BEGIN ISOLATION LEVEL SERIALIZABLE' }[moment.how];
	const end = moment.how === 'setting' ? 'RESET datom.as_of' : 'ROLLBACK';
	if (!begin)
		return what();
	server.do(begin);
	try {
		if (moment.how !== 'setting')
			server.rows('SELECT 1 FROM datom.transact($1::regclass, $2::text)', [world.name, moment.data]);
		return what();
	} finally {
		server.do(end);
	}
}

function judge(world, question, moment = question.moment) {
	let answers;
	const began = Date.now();
	try {
		answers = within(world, moment, () => our_answers(world, question.pattern, question.entities, moment));
	} catch (error) {
		return `${error.state}: ${error.message}`;
	}
	tally.elapsed += Date.now() - began;
	const at = question.expected.findIndex((text, i) => text !== answers[i]);
	if (at < 0 && answers.length === question.expected.length)
		return null;
	return `entity ${question.entities[at]}\nexpected ${question.expected[at]}\nbut got  ${answers[at]}`;
}

const NAMES = { now: 'now', instant: 'as of an instant', tx: 'as of a transaction', text: 'as of a text', setting: 'as of a setting',
	own: 'own facts', repeatable: 'repeatable read', serializable: 'serializable' };

function choose_moment(world, random) {
	const how = random.weighted({ now: 4, instant: 1, tx: 1, text: 1, setting: 1, own: 0.6, repeatable: 0.3, serializable: 0.2 });
	const call = random.weighted({ many: 4, one: 2, text: 0.5 });
	const i = random.int(0, world.moments.length - 1);
	const last = world.moments[world.moments.length - 1];
	if (how === 'now')
		return { ...last, how, call };
	if (['instant', 'tx', 'text', 'setting'].includes(how))
		return { ...world.moments[i], next: world.moments[i + 1], how, call };
	const said = world.said.length;
	const data = '[' + world.operations(random.int(1, 12)).join('\n') + ']';
	world.said.length = said;
	return { how, call, data, db: datascript.db_with(last.db, read(data)) };
}

const is_long = (text) => (text.match(/\d,\d/g) || []).length > 900 || (text.match(/":db\/id"/g) || []).length > 900;

// Does its answer have an entity that is given by its number where it is met again?
function is_circle({ elements, expected }) {
	return elements.some((element) => / \.\.\./.test(element)) && expected.some((text) => /\{":db\/id":\d+\}/.test(text));
}

// What of the grammar, and of ways to ask, it has.
function features(question, patterns) {
	const { moment: { how, call }, orders, expected } = question;
	const found = { 'without orders': !orders, pull: call === 'one', 'pull of a text': call === 'text', nothing: expected.includes('null'),
		'more than the limit': expected.some(is_long), 'a circle': is_circle(question) };
	return [...patterns.found, NAMES[how], ...Object.keys(found).filter((name) => found[name])];
}

// The control: as of the next transaction it is another answer.
function control(world, question) {
	const { moment, expected } = question;
	if (!moment.next)
		return;
	const later = in_time(() => asked({ ...question, moment: moment.next }));
	if (!later || later.expected.every((text, i) => text === expected[i]))
		return;
	tally.spoilt++;
	if (judge(world, question, { ...moment.next, how: moment.how, call: moment.call }))
		tally.noticed++;
}

// Without the elements that are not needed for it to differ.
function shrink(world, question) {
	for (let i = 0; i < question.elements.length && question.elements.length > 1;) {
		const elements = question.elements.filter((_, k) => k !== i);
		const smaller = asked({ ...question, elements, pattern: written({ elements }) });
		if (judge(world, smaller))
			question = smaller;
		else
			i++;
	}
	return question;
}

function asked(question) {
	const { moment, pattern, entities } = question;
	return { ...question, expected: entities.map((e) => theirs(moment.db, pattern, e)) };
}

// What DataScript makes of it; undefined if it does not come to an end.
function in_time(work) {
	try {
		return limited(work);
	} catch (error) {
		if (error.code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT')
			throw error;
		return undefined;
	}
}

function report(world, question, at) {
	const small = shrink(world, question);
	server.note(`${at}: ${small.moment.how} ${small.moment.instant || small.moment.data || ''} ${small.moment.call}\n${small.pattern}\n${judge(world, small)}`);
}

// A pattern with its moment, of which the answers are not too long.
function next_question(world, random) {
	for (;;) {
		const patterns = new Patterns(random);
		const { elements, list } = patterns.pattern();
		const entities = random.some([...world.entities, 999], 4);
		if (random.maybe(0.05))
			entities.push(world.hub);
		const moment = choose_moment(world, random);
		const orders = random.maybe(0.8);
		const question = in_time(() => asked({ elements, pattern: written({ elements, list }), entities, moment, orders }));
		if (question && question.expected.join().length <= LONG)
			return { ...question, features: features(question, patterns) };
		tally.long++;
	}
}

function ask(world, question, at, random) {
	server.do(`SET datom.enable_orders = ${question.orders ? 'on' : 'off'}`);
	tally.asked++;
	tally.answers += question.expected.filter((text) => text !== 'null').length;
	question.features.forEach(hit);
	if (judge(world, question)) {
		tally.wrong++;
		report(world, question, at + (question.orders ? '' : ', without orders'));
	} else if (random.maybe(0.3))
		control(world, question);
}

// The random numbers of a question are its own, so that it can be asked alone.
function one_question(world, number, i, wanted) {
	const random = new Random(number * 100003 + i);
	const question = next_question(world, random);
	if (!wanted || question.features.some((name) => wanted.includes(name)))
		ask(world, question, `seed ${number}, question ${i}`, random);
}

const missed = () => [...tally.hits.keys()].filter((name) => tally.hits.get(name) === 0);
// The rarest comes up once in some hundreds of patterns.
const MOST_MORE = 20000;

function one_world(number, last) {
	const world = new World(new Random(number), server, 'pul');
	world.create();
	world.live(world.random.int(10, 40));
	for (let i = 0; i < per_world; i++) {
		if (i === per_world >> 1)
			world.live(world.random.int(5, 20));
		if (!(only >= 0) || i === only)
			one_question(world, number, i);
	}
	// What has not come up by chance, answers that differ a transaction later included.
	for (let i = per_world; last && !(only >= 0) && i < per_world + MOST_MORE && (missed().length || !tally.spoilt); i++)
		one_question(world, number, i, tally.spoilt ? missed() : undefined);
	if (only >= per_world)
		one_question(world, number, only);
}

function summary() {
	server.note(`${tally.asked} patterns, ${tally.answers} answers, ${tally.wrong} differ; ${tally.long} are too long; ${tally.elapsed} ms of ours`);
	server.note('of the grammar: ' + [...tally.hits].map(([name, n]) => `${name} ${n}`).join(', '));
	if (only >= 0)
		return;
	server.ok(missed().length === 0, `all of the grammar is asked, but: ${missed().join(', ') || 'nothing'}`);
	server.ok(tally.answers > tally.asked, `${tally.answers} answers to ${tally.asked} patterns are something`);
	server.ok(tally.noticed === tally.spoilt && tally.spoilt > 0, `control: ${tally.noticed} of ${tally.spoilt} answers as of one transaction later are noticed`);
}

server.note(`SEED=${seed} worlds ${worlds}, patterns ${per_world} each`);
for (let number = seed; number < seed + worlds; number++) {
	const before = tally.wrong;
	one_world(number, number === seed + worlds - 1);
	server.ok(tally.wrong === before, `seed ${number}: ${per_world} patterns are pulled as DataScript does`);
}
summary();
