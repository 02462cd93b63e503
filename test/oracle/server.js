'use strict';
// server.js: the server, through whoever runs this program.
//
// A line of JSON to it, { sql, args }, and a line from it: { rows }, of texts, or
// { error, state }. What it is to report comes as { note } or { ok, name }.

const fs = require('fs');

let pending = Buffer.alloc(0);

function read_line() {
	for (;;) {
		const end = pending.indexOf(10);
		if (end >= 0) {
			const line = pending.subarray(0, end).toString();
			pending = pending.subarray(end + 1);
			return line;
		}
		const chunk = Buffer.alloc(1 << 16);
		const n = fs.readSync(0, chunk, 0, chunk.length, null);
		if (n === 0)
			process.exit(1);
		pending = Buffer.concat([pending, chunk.subarray(0, n)]);
	}
}

function write_line(message) {
	const line = Buffer.from(JSON.stringify(message) + '\n');
	for (let at = 0; at < line.length;)
		at += fs.writeSync(1, line, at);
}

class SqlError extends Error {
	constructor(message, state) {
		super(message);
		this.state = state;
	}
}

module.exports = {
	rows(sql, args = []) {
		write_line({ sql, args });
		const answer = JSON.parse(read_line());
		if ('error' in answer)
			throw new SqlError(answer.error, answer.state);
		return answer.rows;
	},
	do(sql) {
		this.rows(sql);
	},
	note(text) {
		write_line({ note: text });
	},
	ok(good, name) {
		write_line({ ok: !!good, name });
	},
};
