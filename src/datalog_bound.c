/*
 * datalog_bound.c: which variables clauses bind.
 *
 * A pattern binds all its variables, a function those behind it once its arguments
 * are bound; of the branches of an or, and of the bodies of a rule, each must. A
 * rule that is being looked at already is taken to bind everything: what it binds
 * is decided by the bodies in which it does not call itself.
 */
#include "datalog_bound.h"

#include "miscadmin.h"

/* A question about a rule: what its bodies bind if some arguments are given. */
typedef struct Asked
{
	const DatalogRules *rules;
	List	   *running;		/* names of rules */
} Asked;

bool
datom_names_have(List *names, const char *name)
{
	ListCell   *lc;

	foreach(lc, names)
		if (strcmp(lfirst(lc), name) == 0)
			return true;
	return false;
}

List *
datom_names_add(List *names, const char *name)
{
	return datom_names_have(names, name) ? names : lappend(names, (void *) name);
}

static List *
add_terms(List *names, int n, const DatalogTerm *terms)
{
	for (int i = 0; i < n; i++)
		if (terms[i].kind == TERM_VARIABLE)
			names = datom_names_add(names, terms[i].name);
	return names;
}

List *
datom_clause_names(List *names, const DatalogClause *clause)
{
	if (clause->join)
	{
		names = add_terms(names, clause->nrequired, clause->required);
		return add_terms(names, clause->nvars, clause->vars);
	}
	names = add_terms(names, clause->nterms, clause->terms);
	if (clause->kind == CLAUSE_FUNCTION)
		names = add_terms(names, clause->binding.nterms, clause->binding.terms);
	for (int i = 0; i < clause->nclauses; i++)
		names = datom_clause_names(names, clause->clauses[i]);
	return names;
}

static List *bind_all(Asked *asked, int n, DatalogClause *const *clauses, List *given);

static bool
all_bound(List *names, int n, const DatalogTerm *terms)
{
	for (int i = 0; i < n; i++)
		if (terms[i].kind == TERM_VARIABLE && !datom_names_have(names, terms[i].name))
			return false;
	return true;
}

/* What every branch binds, of what is seen of the or. */
static List *
bind_or(Asked *asked, const DatalogClause *clause, List *given)
{
	List	   *names = given;
	ListCell   *lc;

	foreach(lc, datom_clause_names(NIL, clause))
	{
		bool		bound = true;

		for (int i = 0; bound && i < clause->nclauses; i++)
			bound = datom_names_have(bind_all(asked, 1, &clause->clauses[i], list_copy(given)),
									 lfirst(lc));
		if (bound)
			names = datom_names_add(names, lfirst(lc));
	}
	return names;
}

/* Does each body bind the argument, if those of `given` are? */
static bool
body_binds(Asked *asked, const DatalogRule *rule, int arg, const bool *given)
{
	List	   *names = NIL;

	for (int i = 0; i < rule->nvars; i++)
		if (given && given[i])
			names = datom_names_add(names, rule->vars[i].name);
	names = bind_all(asked, rule->nclauses, rule->clauses, names);
	return datom_names_have(names, rule->vars[arg].name);
}

static bool
rule_binds(Asked *asked, const char *name, int arg, const bool *given)
{
	bool		bound = true;

	if (datom_names_have(asked->running, name))
		return true;
	asked->running = lcons((void *) name, asked->running);
	for (int i = 0; bound && asked->rules && i < asked->rules->n; i++)
	{
		const DatalogRule *rule = &asked->rules->rules[i];

		if (strcmp(rule->name, name) == 0)
			bound = arg < rule->nvars && body_binds(asked, rule, arg, given);
	}
	asked->running = list_delete_first(asked->running);
	return bound;
}

static List *
bind_rule(Asked *asked, const DatalogClause *clause, List *given)
{
	bool	   *bound = palloc(sizeof(bool) * (clause->nterms + 1));
	List	   *names = given;

	for (int i = 0; i < clause->nterms; i++)
		bound[i] = clause->terms[i].kind == TERM_CONSTANT ||
			(clause->terms[i].kind == TERM_VARIABLE &&
			 datom_names_have(given, clause->terms[i].name));
	for (int i = 0; i < clause->nterms; i++)
		if (clause->terms[i].kind == TERM_VARIABLE && !bound[i] &&
			rule_binds(asked, clause->name, i, bound))
			names = datom_names_add(names, clause->terms[i].name);
	return names;
}

static List *
bind_clause(Asked *asked, const DatalogClause *clause, List *given)
{
	switch (clause->kind)
	{
		case CLAUSE_PATTERN:
			return add_terms(given, clause->nterms, clause->terms);
		case CLAUSE_FUNCTION:
			if (all_bound(given, clause->nterms, clause->terms))
				return add_terms(given, clause->binding.nterms, clause->binding.terms);
			return given;
		case CLAUSE_RULE:
			return bind_rule(asked, clause, given);
		case CLAUSE_OR:
			return bind_or(asked, clause, given);
		case CLAUSE_AND:
			return bind_all(asked, clause->nclauses, clause->clauses, given);
		default:
			return given;
	}
}

static List *
bind_all(Asked *asked, int n, DatalogClause *const *clauses, List *given)
{
	int			before;

	check_stack_depth();
	CHECK_FOR_INTERRUPTS();
	do
	{
		before = list_length(given);
		for (int i = 0; i < n; i++)
			given = bind_clause(asked, clauses[i], given);
	} while (list_length(given) > before);
	return given;
}

List *
datom_clauses_bind(const DatalogRules *rules, int n, DatalogClause *const *clauses, List *given)
{
	Asked		asked = {.rules = rules};

	return bind_all(&asked, n, clauses, given);
}

bool
datom_or_binds(const DatalogRules *rules, const DatalogClause *clause, List *given)
{
	Asked		asked = {.rules = rules};
	List	   *bound = bind_or(&asked, clause, list_copy(given));
	ListCell   *lc;

	for (int i = 0; i < clause->nrequired; i++)
		if (!datom_names_have(given, clause->required[i].name))
			return false;
	foreach(lc, datom_clause_names(NIL, clause))
		if (!datom_names_have(bound, lfirst(lc)))
			return false;
	return true;
}

static bool
is_required(const DatalogRules *rules, const char *name, int arg)
{
	for (int i = 0; i < rules->n; i++)
		if (strcmp(rules->rules[i].name, name) == 0 && arg < rules->rules[i].nrequired)
			return true;
	return false;
}

bool
datom_rule_binds(const DatalogRules *rules, const char *name, int n, const bool *given)
{
	for (int i = 0; i < n; i++)
	{
		Asked		asked = {.rules = rules};

		if (!given[i] && (is_required(rules, name, i) || !rule_binds(&asked, name, i, given)))
			return false;
	}
	return true;
}

bool
datom_rule_needs(const DatalogRules *rules, const char *name, int arg)
{
	Asked		asked = {.rules = rules};

	return is_required(rules, name, arg) || !rule_binds(&asked, name, arg, NULL);
}

/*
 * Who calls whom
 */

List *
datom_rule_bodies(const DatalogRules *rules, const char *name)
{
	List	   *bodies = NIL;

	for (int i = 0; rules && i < rules->n; i++)
		if (strcmp(rules->rules[i].name, name) == 0)
			bodies = lappend(bodies, &rules->rules[i]);
	return bodies;
}

static bool calls(const DatalogRules *rules, List **seen, int n, DatalogClause *const *clauses,
				  const char *other);

static bool
rule_calls(const DatalogRules *rules, List **seen, const char *name, const char *other)
{
	if (datom_names_have(*seen, name))
		return false;
	*seen = lappend(*seen, (void *) name);
	for (int i = 0; i < rules->n; i++)
		if (strcmp(rules->rules[i].name, name) == 0 &&
			calls(rules, seen, rules->rules[i].nclauses, rules->rules[i].clauses, other))
			return true;
	return false;
}

static bool
calls(const DatalogRules *rules, List **seen, int n, DatalogClause *const *clauses,
	  const char *other)
{
	check_stack_depth();
	for (int i = 0; i < n; i++)
	{
		if (clauses[i]->kind == CLAUSE_RULE &&
			(strcmp(clauses[i]->name, other) == 0 ||
			 rule_calls(rules, seen, clauses[i]->name, other)))
			return true;
		if (calls(rules, seen, clauses[i]->nclauses, clauses[i]->clauses, other))
			return true;
	}
	return false;
}

bool
datom_rule_calls(const DatalogRules *rules, const char *name, const char *other)
{
	List	   *seen = NIL;

	return rules && rule_calls(rules, &seen, name, other);
}

bool
datom_rule_is_recursive(const DatalogRules *rules, const char *name)
{
	return datom_rule_calls(rules, name, name);
}
