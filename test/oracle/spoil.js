'use strict';
// spoil.js: controls. A query that joins wrongly: with a pattern less, or with a
// variable in one place of two that is another variable.

// Not where there is a not: what it joins with is for DataScript what is bound
// before it, and for us what is bound anywhere.
function spoilt(query, random) {
	if (query.where.some((clause) => clause.t === 'not'))
		return undefined;
	const patterns = query.where.map((clause, i) => [clause, i]).filter(([clause]) => clause.t === 'pattern');
	return random.maybe(0.5) ? less(query, patterns, random) : apart(query, patterns, random);
}

function less(query, patterns, random) {
	if (query.where.length < 2 || !patterns.length)
		return undefined;
	const [, at] = random.pick(patterns);
	return { ...query, where: query.where.filter((_, i) => i !== at) };
}

function apart(query, patterns, random) {
	const sites = patterns.flatMap(([clause, at]) => clause.terms.map((term, i) => [clause, at, i, term.var]))
		.filter(([clause, , , name]) => name && query.where.some((other) => other !== clause && JSON.stringify(other).includes(`"${name}"`)));
	if (!sites.length)
		return undefined;
	const [clause, at, i] = random.pick(sites);
	const terms = clause.terms.map((term, j) => j === i ? { var: '?stranger' } : term);
	return { ...query, where: query.where.map((other, j) => j === at ? { ...clause, terms } : other) };
}

module.exports = { spoilt };
