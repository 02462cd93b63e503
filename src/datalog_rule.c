/*
 * datalog_rule.c: rules that do not call themselves, and the choice among ways.
 *
 * A rule with one body is compiled in place of the call: its patterns join scans
 * that are there. One with several bodies is an alternative, as an or is. One that
 * calls itself is in datalog_recursion.c.
 */
#include "datalog_rule.h"

#include "datalog_bound.h"
#include "datalog_branch.h"
#include "datalog_recursion.h"

static void
check_call(const DatalogClause *clause, List *bodies)
{
	const DatalogRule *rule;

	if (bodies == NIL)
		datom_datalog_fail(ERRCODE_UNDEFINED_FUNCTION, clause->name_pos,
						   "rule \"%s\" is not defined",
						   datom_edn_clip(clause->name, strlen(clause->name)));
	rule = linitial(bodies);
	if (rule->nvars != clause->nterms)
		datom_datalog_fail(ERRCODE_SYNTAX_ERROR, clause->name_pos,
						   "rule \"%s\" has %d arguments, not %d",
						   datom_edn_clip(clause->name, strlen(clause->name)), rule->nvars,
						   clause->nterms);
}

bool
datom_rule_is_ready(const DatalogScope *scope, const DatalogClause *clause)
{
	const DatalogRules *rules = scope->context->rules;
	bool	   *given = palloc(sizeof(bool) * (clause->nterms + 1));

	check_call(clause, datom_rule_bodies(rules, clause->name));
	for (int i = 0; i < clause->nterms; i++)
		given[i] = clause->terms[i].kind == TERM_CONSTANT ||
			(clause->terms[i].kind == TERM_VARIABLE &&
			 datom_scope_find(scope, clause->terms[i].name));
	return datom_rule_binds(rules, clause->name, clause->nterms, given);
}

/*
 * Alternatives
 */

/* What a body is given: constants, and if it sees them the bound variables. */
static List *
given_to(const DatalogRule *rule, SqlExpr **args, const DatalogClause *clause, bool all)
{
	List	   *given = NIL;

	for (int i = 0; i < rule->nvars; i++)
	{
		DatalogVar *var;

		if (args[i] == NULL || (!all && clause->terms[i].kind != TERM_CONSTANT))
			continue;
		var = palloc(sizeof(DatalogVar));
		*var = (DatalogVar) {
			.name = rule->vars[i].name, .expr = args[i]
		};
		given = lappend(given, var);
	}
	return given;
}

/* The arguments that come out of the bodies: by their place. */
static List *
outputs_of(const DatalogClause *clause, SqlExpr **args, bool alone)
{
	List	   *outs = NIL;

	for (int i = 0; i < clause->nterms; i++)
		if (clause->terms[i].kind == TERM_VARIABLE && (alone || args[i] == NULL))
			outs = lappend_int(outs, i);
	return outs;
}

static List *
rule_branches(List *bodies, const DatalogClause *clause, SqlExpr **args, List *outs, bool alone)
{
	List	   *branches = NIL;
	ListCell   *lc;
	ListCell   *lo;

	foreach(lc, bodies)
	{
		const DatalogRule *rule = lfirst(lc);
		DatalogBranch *branch = palloc0(sizeof(DatalogBranch));

		*branch = (DatalogBranch) {
			.n = rule->nclauses, .clauses = rule->clauses,
				.bound = given_to(rule, args, clause, !alone),
				.outs = palloc(sizeof(char *) * (list_length(outs) + 1))
		};
		foreach(lo, outs)
			branch->outs[foreach_current_index(lo)] = rule->vars[lfirst_int(lo)].name;
		branches = lappend(branches, branch);
	}
	return branches;
}

static bool
needs_some(const DatalogScope *scope, const DatalogClause *clause)
{
	for (int i = 0; i < clause->nterms; i++)
		if (clause->terms[i].kind == TERM_VARIABLE &&
			datom_rule_needs(scope->context->rules, clause->name, i))
			return true;
	return false;
}

static void
add_alternatives(DatalogScope *scope, const DatalogClause *clause, List *bodies, SqlExpr **args,
				 const char *source)
{
	bool		alone = !needs_some(scope, clause);
	List	   *outs = outputs_of(clause, args, alone);
	int			n = list_length(outs);
	List	   *branches = rule_branches(bodies, clause, args, outs, alone);
	DatalogType *types = palloc0(sizeof(DatalogType) * (n + 1));
	SqlExpr   **columns = palloc(sizeof(SqlExpr *) * (n + 1));
	bool		condition = true;
	ListCell   *lc;
	DatalogView view = {
		.context = scope->context, .source = source
	};

	foreach(lc, outs)
	{
		columns[foreach_current_index(lc)] = args[lfirst_int(lc)];
		condition = condition && args[lfirst_int(lc)] != NULL;
	}
	if (condition && n == 0)
	{
		datom_scope_require(scope, datom_branches_exist(&view, branches));
		return;
	}
	if (condition)
	{
		SqlSelect  *rows = datom_branches_rows(&view, branches, n, types);

		datom_scope_require(scope, datom_rows_have(scope, rows, n, types, columns));
		return;
	}
	columns = datom_rows_item(scope, datom_branches_rows(&view, branches, n, types), n, types,
							  !alone);
	foreach(lc, outs)
		datom_scope_bind(scope, clause->terms[lfirst_int(lc)].name,
						 columns[foreach_current_index(lc)]);
}

/*
 * One body
 */

static void
add_in_place(DatalogScope *scope, const DatalogClause *clause, const DatalogRule *rule,
			 SqlExpr **args, const char *source)
{
	DatalogScope *inner = datom_scope_make_within(scope, source);

	for (int i = 0; i < rule->nvars; i++)
		if (args[i])
			datom_scope_bind(inner, rule->vars[i].name, args[i]);
	scope->context->clauses(inner, rule->nclauses, rule->clauses);
	for (int i = 0; i < rule->nvars; i++)
		if (clause->terms[i].kind == TERM_VARIABLE)
			datom_scope_bind(scope, clause->terms[i].name,
							 datom_scope_need(inner, &rule->vars[i]));
}

void
datom_datalog_rule(DatalogScope *scope, const DatalogClause *clause)
{
	List	   *bodies = datom_rule_bodies(scope->context->rules, clause->name);
	SqlExpr   **args = palloc0(sizeof(SqlExpr *) * (clause->nterms + 1));
	const char *source = clause->source ? clause->source : scope->source;

	for (int i = 0; i < clause->nterms; i++)
	{
		const DatalogTerm *term = &clause->terms[i];

		if (term->kind == TERM_CONSTANT)
			args[i] = datom_scope_operand(scope, term);
		else if (term->kind == TERM_VARIABLE)
			args[i] = datom_scope_find(scope, term->name);
	}
	if (datom_recursion_refer(scope, clause, args))
		return;
	if (datom_rule_is_recursive(scope->context->rules, clause->name))
		datom_datalog_recursion(scope, clause, bodies, args, source);
	else if (list_length(bodies) == 1)
		add_in_place(scope, clause, linitial(bodies), args, source);
	else
		add_alternatives(scope, clause, bodies, args, source);
}
