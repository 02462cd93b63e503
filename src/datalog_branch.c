/*
 * datalog_branch.c: alternatives as unions.
 *
 * Rows that come twice do no harm: a query is a set, which its outermost SELECT
 * sees to. So unions keep duplicates, and the planner may look into their arms.
 */
#include "datalog_branch.h"

#include "datalog_value.h"

DatalogScope *
datom_branch_scope(const DatalogView *view, const DatalogBranch *branch)
{
	DatalogScope *scope = datom_scope_make(view->context, view->outer, view->source);
	ListCell   *lc;

	scope->sees_all = view->sees_all;
	scope->seen = view->seen;
	foreach(lc, branch->bound)
	{
		const DatalogVar *var = lfirst(lc);

		datom_scope_bind(scope, var->name, var->expr);
	}
	view->context->clauses(scope, branch->n, branch->clauses);
	return scope;
}

static SqlExpr *
output_of(const DatalogScope *scope, const char *name)
{
	SqlExpr    *expr = datom_scope_find(scope, name);

	if (expr == NULL)
		datom_datalog_fail(ERRCODE_INVALID_COLUMN_REFERENCE, 0, "variable \"%s\" is not bound",
						   datom_edn_clip(name, strlen(name)));
	datom_expr_settle(expr, DATALOG_STRING);
	if (expr->type == DATALOG_TUPLE)
		datom_datalog_fail(ERRCODE_FEATURE_NOT_SUPPORTED, 0,
						   "tuple \"%s\" cannot leave an or, a rule or a query", name);
	return expr;
}

SqlSelect *
datom_scopes_rows(List *scopes, List *branches, int nout, DatalogType *types)
{
	SqlSelect  *rows = palloc0(sizeof(SqlSelect));
	ListCell   *ls;
	ListCell   *lb;

	for (int i = 0; i < nout; i++)
	{
		bool		first = types[i] == 0;

		forboth(ls, scopes, lb, branches)
		{
			DatalogType type = output_of(lfirst(ls), ((DatalogBranch *) lfirst(lb))->outs[i])->type;

			types[i] = first ? type : datom_type_common(types[i], type);
			first = false;
		}
	}
	forboth(ls, scopes, lb, branches)
	{
		DatalogScope *scope = lfirst(ls);

		for (int i = 0; i < nout; i++)
			datom_sql_add_output(scope->select,
								 datom_expr_as(output_of(scope, ((DatalogBranch *) lfirst(lb))->outs[i]),
											   types[i]),
								 psprintf("c%d", i + 1));
		rows->arms = lappend(rows->arms, scope->select);
	}
	if (list_length(scopes) == 1)
		return ((DatalogScope *) linitial(scopes))->select;
	rows->between = "UNION ALL";
	return rows;
}

SqlSelect *
datom_branches_rows(const DatalogView *view, List *branches, int nout, DatalogType *types)
{
	List	   *scopes = NIL;
	ListCell   *lc;

	foreach(lc, branches)
		scopes = lappend(scopes, datom_branch_scope(view, lfirst(lc)));
	return datom_scopes_rows(scopes, branches, nout, types);
}

SqlExpr *
datom_sql_not(SqlExpr *condition)
{
	return datom_sql_operator(DATALOG_BOOLEAN, "NOT ?",
							  condition->kind == SQL_OPERATOR ?
							  datom_sql_list(DATALOG_BOOLEAN, "", list_make1(condition)) : condition,
							  NULL);
}

SqlExpr *
datom_scope_exists(DatalogScope *scope)
{
	if (datom_scope_is_empty(scope))
		return datom_sql_bool(false);
	if (scope->select->from)
		return datom_sql_select(DATALOG_BOOLEAN, "EXISTS ", scope->select);
	if (scope->select->where == NIL)
		return datom_sql_bool(true);
	return datom_sql_list(DATALOG_BOOLEAN, " AND ", scope->select->where);
}

SqlExpr *
datom_branches_exist(const DatalogView *view, List *branches)
{
	List	   *each = NIL;
	ListCell   *lc;

	foreach(lc, branches)
		each = lappend(each, datom_scope_exists(datom_branch_scope(view, lfirst(lc))));
	return datom_sql_list(DATALOG_BOOLEAN, " OR ", each);
}

SqlExpr **
datom_rows_item(DatalogScope *scope, SqlSelect *rows, int n, const DatalogType *types, bool lateral)
{
	SqlItem    *item = datom_scope_item(scope, 's');
	SqlExpr   **columns = palloc(sizeof(SqlExpr *) * (n + 1));

	item->select = rows;
	item->lateral = lateral;
	for (int i = 0; i < n; i++)
		columns[i] = datom_sql_add_column(item, types[i], NULL);
	return columns;
}

SqlExpr *
datom_rows_have(DatalogScope *scope, SqlSelect *rows, int n, const DatalogType *types,
				SqlExpr **exprs)
{
	DatalogScope *inner = datom_scope_make(scope->context, scope, scope->source);
	SqlExpr   **columns = datom_rows_item(inner, rows, n, types, false);

	for (int i = 0; i < n; i++)
		datom_scope_require(inner, datom_expr_equal(columns[i], exprs[i]));
	return datom_scope_exists(inner);
}
