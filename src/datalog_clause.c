/*
 * datalog_clause.c: clauses that hold together.
 *
 * They are compiled as they are written, but for those whose variables are bound by
 * later ones: these wait. What is negated waits for all others, because it binds
 * nothing. The order says nothing about how the query is run, with one exception:
 * a rule that calls itself starts from what is bound before it.
 *
 * An or whose variables are all bound is a condition, one that binds is an item of
 * FROM. Both are subqueries that stand by themselves wherever each branch can bind
 * what it needs, so that the planner may join them in any order.
 */
#include "datalog_clause.h"

#include "miscadmin.h"

#include "datalog_bound.h"
#include "datalog_branch.h"
#include "datalog_call.h"
#include "datalog_pattern.h"
#include "datalog_rule.h"

#define MOST_CLAUSES 10000

/* The names that are bound in the scope. */
static List *
bound_of(const DatalogScope *scope, List *names)
{
	List	   *bound = NIL;
	ListCell   *lc;

	foreach(lc, names)
		if (datom_scope_find(scope, lfirst(lc)))
			bound = lappend(bound, lfirst(lc));
	return bound;
}

/*
 * Not
 */

static void
require_bound(const DatalogScope *scope, const DatalogClause *clause)
{
	List	   *names = datom_clause_names(NIL, clause);

	for (int i = 0; i < clause->nvars; i++)
		(void) datom_scope_need(scope, &clause->vars[i]);
	if (names && bound_of(scope, names) == NIL)
		datom_datalog_fail(ERRCODE_INVALID_COLUMN_REFERENCE, clause->pos,
						   "none of the variables of \"not\" is bound, such as \"%s\"",
						   datom_edn_clip(linitial(names), strlen(linitial(names))));
}

static void
add_not(DatalogScope *scope, const DatalogClause *clause)
{
	DatalogScope *inner = datom_scope_make(scope->context, scope,
										   clause->source ? clause->source : scope->source);

	require_bound(scope, clause);
	inner->sees_all = !clause->join;
	inner->seen = datom_clause_names(NIL, clause);
	datom_datalog_clauses(inner, clause->nclauses, clause->clauses);
	datom_scope_require(scope, datom_sql_not(datom_scope_exists(inner)));
}

/*
 * Or
 */

static void
check_branches(const DatalogClause *clause)
{
	List	   *names = datom_clause_names(NIL, clause);

	for (int i = 0; !clause->join && i < clause->nclauses; i++)
	{
		List	   *own = datom_clause_names(NIL, clause->clauses[i]);
		ListCell   *lc;

		foreach(lc, names)
			if (!datom_names_have(own, lfirst(lc)))
				datom_datalog_fail(ERRCODE_SYNTAX_ERROR, clause->clauses[i]->pos,
								   "variable \"%s\" is not in all branches of \"or\"; use or-join",
								   datom_edn_clip(lfirst(lc), strlen(lfirst(lc))));
	}
}

static const char **
names_array(List *names)
{
	const char **array = palloc(sizeof(char *) * (list_length(names) + 1));
	ListCell   *lc;

	foreach(lc, names)
		array[foreach_current_index(lc)] = lfirst(lc);
	return array;
}

static List *
or_branches(const DatalogClause *clause, const char **outs)
{
	List	   *branches = NIL;

	for (int i = 0; i < clause->nclauses; i++)
	{
		DatalogBranch *branch = palloc0(sizeof(DatalogBranch));

		*branch = (DatalogBranch) {
			.n = 1, .clauses = &clause->clauses[i], .outs = outs
		};
		branches = lappend(branches, branch);
	}
	return branches;
}

static bool
or_is_ready(const DatalogScope *scope, const DatalogClause *clause)
{
	check_branches(clause);
	return datom_or_binds(scope->context->rules, clause,
						  bound_of(scope, datom_clause_names(NIL, clause)));
}

static void
add_or(DatalogScope *scope, const DatalogClause *clause)
{
	List	   *names = datom_clause_names(NIL, clause);
	List	   *bound = bound_of(scope, names);
	bool		alone = datom_or_binds(scope->context->rules, clause, NIL);
	bool		condition = list_length(bound) == list_length(names);
	List	   *outs = alone ? names : list_difference_ptr(names, bound);
	int			n = list_length(outs);
	const char **array = names_array(outs);
	List	   *branches = or_branches(clause, array);
	DatalogType *types = palloc0(sizeof(DatalogType) * (n + 1));
	SqlExpr   **columns = palloc(sizeof(SqlExpr *) * (n + 1));
	DatalogView view = {
		.context = scope->context, .outer = alone ? NULL : scope, .seen = bound,
		.source = clause->source ? clause->source : scope->source
	};

	if (condition && !alone)
	{
		datom_scope_require(scope, datom_branches_exist(&view, branches));
		return;
	}
	if (condition)
	{
		SqlSelect  *rows = datom_branches_rows(&view, branches, n, types);

		for (int i = 0; i < n; i++)
			columns[i] = datom_scope_find(scope, array[i]);
		datom_scope_require(scope, datom_rows_have(scope, rows, n, types, columns));
		return;
	}
	columns = datom_rows_item(scope, datom_branches_rows(&view, branches, n, types), n, types,
							  !alone);
	for (int i = 0; i < n; i++)
		datom_scope_bind(scope, array[i], columns[i]);
}

/*
 * The order
 */

static bool
are_bound(const DatalogScope *scope, const DatalogClause *clause)
{
	for (int i = 0; i < clause->nterms; i++)
		if (clause->terms[i].kind == TERM_VARIABLE &&
			datom_scope_find(scope, clause->terms[i].name) == NULL)
			return false;
	return true;
}

static bool
is_ready(const DatalogScope *scope, const DatalogClause *clause)
{
	switch (clause->kind)
	{
		case CLAUSE_PREDICATE:
		case CLAUSE_FUNCTION:
			return are_bound(scope, clause);
		case CLAUSE_RULE:
			return datom_rule_is_ready(scope, clause);
		case CLAUSE_OR:
			return or_is_ready(scope, clause);
		case CLAUSE_NOT:
			return false;
		default:
			return true;
	}
}

static void
add_clause(DatalogScope *scope, const DatalogClause *clause)
{
	switch (clause->kind)
	{
		case CLAUSE_PATTERN:
			datom_datalog_pattern(scope, clause);
			break;
		case CLAUSE_PREDICATE:
			datom_datalog_predicate(scope, clause);
			break;
		case CLAUSE_FUNCTION:
			datom_datalog_function(scope, clause);
			break;
		case CLAUSE_RULE:
			datom_datalog_rule(scope, clause);
			break;
		case CLAUSE_NOT:
			add_not(scope, clause);
			break;
		case CLAUSE_OR:
			add_or(scope, clause);
			break;
		case CLAUSE_AND:
			datom_datalog_clauses(scope, clause->nclauses, clause->clauses);
			break;
	}
}

/* Clauses of rules count as often as the rules are compiled: that may be 2^n times. */
static void
count_clauses(DatalogContext *context, int n, DatalogClause *const *clauses)
{
	context->nclauses += n;
	if (context->nclauses > MOST_CLAUSES)
		datom_datalog_fail(ERRCODE_PROGRAM_LIMIT_EXCEEDED, clauses[0]->pos,
						   "more than %d clauses, with those of rules in place of their calls",
						   MOST_CLAUSES);
	CHECK_FOR_INTERRUPTS();
}

/* The first variable that is missing, in words. */
static void
refuse_unbound(const DatalogScope *scope, const DatalogClause *clause)
{
	ListCell   *lc;

	for (int i = 0; i < clause->nterms; i++)
		if (clause->terms[i].kind == TERM_VARIABLE)
			(void) datom_scope_need(scope, &clause->terms[i]);
	foreach(lc, datom_clause_names(NIL, clause))
		(void) datom_scope_need(scope, &(DatalogTerm) {
			.name = lfirst(lc), .pos = clause->pos
		});
}

static bool
is_variable(const DatalogClause *clause, int term)
{
	return clause->nterms > term && clause->terms[term].kind == TERM_VARIABLE;
}

/*
 * A transaction is told by its number, an attribute by its ident. What says so
 * comes before what takes them for entities.
 */
static bool
names_others(const DatalogClause *clause)
{
	return clause->kind == CLAUSE_PATTERN && (is_variable(clause, 1) || is_variable(clause, 3));
}

static List *
in_first_order(int n, DatalogClause *const *clauses)
{
	List	   *first = NIL;
	List	   *others = NIL;

	for (int i = 0; i < n; i++)
		if (names_others(clauses[i]))
			first = lappend(first, clauses[i]);
		else
			others = lappend(others, clauses[i]);
	return list_concat(first, others);
}

/* The first that is ready, taken out; NULL if none is. */
static DatalogClause *
take_ready(const DatalogScope *scope, List **waiting)
{
	ListCell   *lc;

	foreach(lc, *waiting)
	{
		DatalogClause *clause = lfirst(lc);

		if (!is_ready(scope, clause))
			continue;
		*waiting = foreach_delete_current(*waiting, lc);
		return clause;
	}
	return NULL;
}

void
datom_datalog_clauses(DatalogScope *scope, int n, DatalogClause *const *clauses)
{
	List	   *waiting = in_first_order(n, clauses);
	DatalogClause *clause;
	ListCell   *lc;

	check_stack_depth();
	count_clauses(scope->context, n, clauses);
	while ((clause = take_ready(scope, &waiting)) != NULL)
		add_clause(scope, clause);
	foreach(lc, waiting)
		if (((DatalogClause *) lfirst(lc))->kind != CLAUSE_NOT)
			refuse_unbound(scope, lfirst(lc));
	foreach(lc, waiting)
		add_clause(scope, lfirst(lc));
}
