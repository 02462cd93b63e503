'use strict';
// datalog.js SEED WORLDS QUESTIONS: as many worlds from this seed on, and as many
// random queries about each, answered by DataScript and by datom.q_json, and some
// by datom.q.
//
// `datalog.js SEED 1 N ONLY` asks only the Nth.

const { Random } = require('./random');
const { World } = require('./world');
const { Questions } = require('./questions');
const { complaint, agree } = require('./compare');
const { ALL, features } = require('./features');
const { shrink } = require('./shrink');
const { spoilt } = require('./spoil');
const { by_rows } = require('./rows');
const server = require('./server');

const [seed, worlds, per_world, only] = process.argv.slice(2).map(Number);
const MOST_REPORTS = Number(process.env.DATOM_REPORTS || 8);
const NAMES = ['ora', 'orb', 'orc'];

const tally = { asked: 0, rows: 0, rows_asked: 0, plannable: 0, planned: 0, wrong: 0, spoilt: 0, noticed: 0, hits: new Map(ALL.map((name) => [name, 0])), refused: {}, elapsed: 0 };

const hit = (name) => tally.hits.set(name, (tally.hits.get(name) || 0) + 1);

// What the question sets, for the session alone: the main source, the moment.
function under(settings, work) {
	for (const [name, to] of Object.entries(settings))
		if (to)
			server.do(`SET ${name} = '${to}'`);
	try {
		return work();
	} finally {
		for (const [name, to] of Object.entries(settings))
			if (to)
				server.do(`RESET ${name}`);
	}
}

function main_table(query) {
	const main = query.sources.find((source) => source.name === '$');
	return main && !query.sources_given ? main.table : null;
}

// Our answer, as texts of JSON.
function answer(asker, { query, as_of }, text = asker.ours.write(query)) {
	const set = as_of && as_of.how === 'setting';
	return under({ 'datom.db': main_table(query), 'datom.as_of': set ? as_of.text : null }, () =>
		server.rows('SELECT datom.q_json($1, $2::jsonb, $3)', [text, JSON.stringify(asker.ours.args(query)), as_of && !set ? as_of.text : null])
			.map(([row]) => row));
}

// An entity that is given by another name is looked up when the query runs.
const is_plannable = ({ inputs }) => !inputs.some(({ rows }) => rows.flat().some(({ kind }) => kind === 'lookup' || kind === 'ident'));

// The same by datom.q.
function ask_rows(asker, { query, as_of, expected }, at) {
	let rows;
	try {
		rows = under({ 'datom.db': main_table(query), 'datom.as_of': as_of && as_of.text }, () =>
			by_rows(query, asker.ours.write(query), asker.ours.args(query), expected.length));
	} catch (error) {
		rows = { odd: `${error.state}: ${error.message}` };
	}
	if (!rows)
		return;
	tally.rows_asked++;
	if (is_plannable(query)) {
		tally.plannable++;
		tally.planned += rows.planned;
		if (!rows.planned)
			server.note(`NOT PLANNED: ${at}\n${asker.ours.write(query)}\nargs ${JSON.stringify(asker.ours.args(query))}`);
	}
	if (rows.odd) {
		tally.wrong++;
		server.note(`DIFFERENT: ${at}, by datom.q: ${rows.odd}`);
	}
}

function judge(world, asker, question) {
	try {
		return complaint(question, world, answer(asker, question));
	} catch (error) {
		return `${error.state}: ${error.message}`;
	}
}

// The first ones in full: the rest may have the same cause.
function report(world, asker, question, at, how) {
	if (tally.wrong > MOST_REPORTS) {
		server.note(`DIFFERENT: ${at}${how}: ${judge(world, asker, question)}`);
		return;
	}
	const same = (said) => said.split(/[:\n]/)[0];
	const first = judge(world, asker, question);
	const wrong = (candidate) => {
		const expected = asker.ask(candidate.query);
		const said = expected && expected.length <= 5000 && judge(world, asker, Object.assign(candidate, { expected }));
		// An error may not become another one, nor a wrong answer an error.
		return said && (/^\w{5}:/.test(said) ? same(said) === same(first) : !/^\w{5}:/.test(first)) ? said : null;
	};
	const [small, said] = shrink(question, wrong);
	const text = asker.ours.write(small.query);
	const args = JSON.stringify(asker.ours.args(small.query));
	let sql = 'none';
	try {
		sql = server.rows('SELECT datom.q_sql($1)', [text]).map(([row]) => row).join('\n');
	} catch (error) {
		sql = error.message;
	}
	server.note(`DIFFERENT: ${at}${how}\n${asker.ours.write(question.query)}\nargs ${JSON.stringify(asker.ours.args(question.query))}`
		+ ` as of ${JSON.stringify(question.as_of)}\n${first}\n-- smaller:\n${text}\nargs ${args}`
		+ ` sources ${small.query.sources.map((source) => source.name + '=' + source.table).join()}\n${said}\nDataScript: ${asker.theirs.write(small.query)}\n`
		+ `${JSON.stringify(asker.theirs.inputs(small.query))}\n${JSON.stringify(small.expected.slice(0, 5))}\nSQL: ${sql}`);
}

// A query that joins wrongly, and whether the comparison sees it. Where it does
// not matter by DataScript's answer, because what is joined follows from the
// rest, there is nothing to be seen.
function control(asker, question, random) {
	const { query, expected } = question;
	if (['tuple', 'scalar'].includes(query.find) || query.limit !== undefined)
		return;
	const wrong = spoilt(query, random);
	const rows = wrong && asker.ask(wrong);
	if (!rows || rows.length > 5000 || agree(query, rows, expected))
		return;
	let texts;
	try {
		texts = answer(asker, question, asker.ours.write(wrong));
	} catch (error) {
		// With a pattern less, a variable may be bound nowhere.
		return;
	}
	tally.spoilt++;
	if (complaint(question, asker.world, texts))
		tally.noticed++;
	else
		server.note(`NOT NOTICED:\n${asker.ours.write(wrong)}\nfor\n${asker.ours.write(query)}\nargs ${JSON.stringify(asker.ours.args(wrong))}`);
}

function ask(world, asker, question, at, random) {
	const scan = random.maybe(0.8);
	server.do(`SET datom.enable_scan = ${scan ? 'on' : 'off'}`);
	tally.asked++;
	tally.rows += question.expected.length > 0;
	features(question).forEach(hit);
	hit(scan ? 'scans' : 'no scans');
	const began = Date.now();
	const wrong = judge(world, asker, question);
	tally.elapsed += Date.now() - began;
	if (wrong) {
		tally.wrong++;
		report(world, asker, question, at, scan ? '' : ', without scans');
	} else if (random.maybe(0.5))
		control(asker, question, random);
	if (!wrong && random.maybe(0.5))
		ask_rows(asker, question, at);
}

// The random numbers of a question are its own, so that it can be asked alone.
// `wanted`: names of features, of which it must have one to be asked.
function one_question(world, number, i, wanted) {
	const random = new Random(number * 100003 + i);
	const asker = new Questions(world, random);
	const question = asker.next();
	if (!wanted || [...features(question)].some((name) => wanted.includes(name)))
		ask(world, asker, question, `seed ${number}, question ${i}`, random);
	for (const [why, n] of Object.entries(asker.refused))
		tally.refused[why] = (tally.refused[why] || 0) + n;
}

const missed = () => ALL.filter((name) => tally.hits.get(name) === 0);
// The rarest comes up once in some hundreds of questions.
const MOST_MORE = 20000;

function one_world(number, last) {
	const random = new Random(number);
	const world = new World(random, server, NAMES);
	world.create();
	world.begin();
	world.live(random.int(30, 90));
	for (let i = 0; i < per_world; i++) {
		if (i === per_world >> 1)
			world.live(random.int(10, 60));
		if (!(only >= 0) || i === only)
			one_question(world, number, i);
	}
	// What has not come up by chance, wrong joins included.
	for (let i = per_world; last && !(only >= 0) && i < per_world + MOST_MORE && (missed().length || !tally.spoilt); i++)
		one_question(world, number, i, tally.spoilt ? missed() : undefined);
	if (only >= per_world)
		one_question(world, number, only);
}

function summary() {
	const counts = [...tally.hits].map(([name, n]) => `${name} ${n}`).join(', ');
	server.note(`${tally.asked} questions, ${tally.rows} with rows, ${tally.wrong} differ; ${tally.elapsed} ms of ours`);
	server.note(`of the grammar: ${counts}`);
	server.note(`DataScript refused while they were made: ${JSON.stringify(tally.refused)}`);
	if (only >= 0)
		return;
	server.ok(missed().length === 0, `all of the grammar is asked, but: ${missed().join(', ') || 'nothing'}`);
	server.ok(tally.rows > 0.6 * tally.asked, `${tally.rows} of ${tally.asked} queries have rows`);
	server.ok(tally.planned === tally.plannable && tally.planned > 0,
		`${tally.rows_asked} are asked as rows too, ${tally.planned} of them in place of the call, of ${tally.plannable} that can be`);
	server.ok(tally.noticed === tally.spoilt && tally.spoilt > 0, `control: ${tally.noticed} of ${tally.spoilt} wrong joins are noticed`);
}

server.note(`SEED=${seed} worlds ${worlds}, questions ${per_world} each`);
for (let number = seed; number < seed + worlds; number++) {
	const before = tally.wrong;
	one_world(number, number === seed + worlds - 1);
	server.ok(tally.wrong === before, `seed ${number}: ${per_world} queries are answered as DataScript does`);
}
summary();
