'use strict';
// shrink.js: a question that is answered wrongly, made smaller while it still is.

const copy = (query) => ({ ...query, elements: [...query.elements], with: [...query.with], inputs: [...query.inputs],
	where: [...query.where], sources: query.sources });

const without = (list, i) => [...list.slice(0, i), ...list.slice(i + 1)];

// A clause with something less inside.
function* smaller_clauses(clause) {
	if (clause.t === 'not') {
		for (let i = 0; clause.clauses.length > 1 && i < clause.clauses.length; i++)
			yield { ...clause, clauses: without(clause.clauses, i) };
		for (const [i, inner] of clause.clauses.entries())
			for (const less of smaller_clauses(inner))
				yield { ...clause, clauses: [...clause.clauses.slice(0, i), less, ...clause.clauses.slice(i + 1)] };
	}
	if (clause.t === 'or') {
		for (let i = 0; clause.branches.length > 1 && i < clause.branches.length; i++)
			yield { ...clause, branches: without(clause.branches, i) };
		for (const [i, branch] of clause.branches.entries()) {
			const put = (less) => ({ ...clause, branches: [...clause.branches.slice(0, i), less, ...clause.branches.slice(i + 1)] });
			for (let j = 0; branch.length > 1 && j < branch.length; j++)
				yield put(without(branch, j));
			for (const [j, inner] of branch.entries())
				for (const less of smaller_clauses(inner))
					yield put([...branch.slice(0, j), less, ...branch.slice(j + 1)]);
		}
	}
	if (clause.t === 'pattern' && clause.terms.length > 2)
		yield { ...clause, terms: clause.terms.slice(0, -1) };
}

function* smaller(query) {
	const put = (change) => Object.assign(copy(query), change);
	for (let i = 0; i < query.where.length; i++)
		yield put({ where: without(query.where, i) });
	for (let i = 0; i < query.inputs.length; i++)
		yield put({ inputs: without(query.inputs, i) });
	for (let i = 0; query.elements.length > 1 && i < query.elements.length; i++)
		yield put({ elements: without(query.elements, i), names: query.names && { ...query.names, names: without(query.names.names, i) } });
	if (query.find !== 'relation')
		yield put({ find: 'relation' });
	if (query.names)
		yield put({ names: null });
	if (query.limit !== undefined)
		yield put({ limit: undefined });
	if (query.map)
		yield put({ map: false });
	for (let i = 0; i < query.with.length; i++)
		yield put({ with: without(query.with, i) });
	for (const [i, element] of query.elements.entries())
		if (element.fn)
			yield put({ elements: [...query.elements.slice(0, i), { ...element, fn: null, n: undefined }, ...query.elements.slice(i + 1)] });
	for (const [i, clause] of query.where.entries())
		for (const less of smaller_clauses(clause))
			yield put({ where: [...query.where.slice(0, i), less, ...query.where.slice(i + 1)] });
	for (const [i, input] of query.inputs.entries())
		if (input.rows.length > 1)
			for (let j = 0; j < input.rows.length; j++)
				yield put({ inputs: [...query.inputs.slice(0, i), { ...input, rows: without(input.rows, j) }, ...query.inputs.slice(i + 1)] });
	for (let i = 0; i < query.rules.length; i++)
		yield put({ rules: without(query.rules, i) });
	for (let i = 0; query.sources.length > 1 && i < query.sources.length; i++)
		yield put({ sources: without(query.sources, i) });
}

// `wrong` asks both sides: a complaint about a question, or null.
function shrink(question, wrong, most = 200) {
	let [best, complaint] = [question, wrong(question)];
	for (let tries = 0, found = true; found && tries < most;) {
		found = false;
		for (const query of smaller(best.query)) {
			if (++tries > most)
				break;
			const candidate = { ...best, query };
			const said = wrong(candidate);
			if (said) {
				[best, complaint, found] = [candidate, said, true];
				break;
			}
		}
	}
	return [best, complaint];
}

module.exports = { shrink };
