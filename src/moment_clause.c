/*
 * moment_clause.c: a moment as a condition of a query.
 *
 *	datom.entities_at(column, since, function, moment)
 *
 * The planner takes it for a condition on one relation and hands it to the scan
 * of that, through subqueries and joins of all kinds. The scan takes the moment
 * and drops the condition, so it is never evaluated. It mentions a column only to
 * belong to the relation.
 */
#include "moment_clause.h"

#include "catalog/objectaccess.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/pg_list.h"
#include "nodes/supportnodes.h"
#include "parser/parse_func.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"

#include "expression.h"
#include "settings.h"

static Expr *
oid_const(Oid oid)
{
	return (Expr *) makeConst(OIDOID, -1, InvalidOid, sizeof(Oid), ObjectIdGetDatum(oid),
							  false, true);
}

Expr *
datom_moment_clause_make(Var *column, const DatomMomentClause *moment)
{
	Oid			types[] = {ANYOID, BOOLOID, OIDOID, ANYOID};
	List	   *name = list_make2(makeString("datom"), makeString("entities_at"));
	Oid			function = LookupFuncName(name, lengthof(types), types, true);
	List	   *args;

	if (!OidIsValid(function))
		return NULL;
	args = list_make4(column, makeBoolConst(moment->since, false),
					  oid_const(moment->function), moment->moment);
	return (Expr *) makeFuncExpr(function, BOOLOID, args, InvalidOid, InvalidOid,
								 COERCE_EXPLICIT_CALL);
}

bool
datom_moment_clause(Expr *clause, int varno, DatomMomentClause *moment)
{
	FuncExpr   *call = (FuncExpr *) clause;
	const char *symbol;
	Var		   *column;

	if (!IsA(clause, FuncExpr) || list_length(call->args) != 4)
		return false;
	column = linitial(call->args);
	if (!IsA(column, Var) || column->varno != varno || column->varlevelsup != 0)
		return false;
	symbol = datom_function_symbol(call->funcid);
	if (symbol == NULL || strcmp(symbol, "datom_entities_at") != 0)
		return false;
	*moment = (DatomMomentClause) {
		.since = DatumGetBool(lsecond_node(Const, call->args)->constvalue),
			.function = DatumGetObjectId(lthird_node(Const, call->args)->constvalue),
			.moment = lfourth(call->args)
	};
	return true;
}

void
datom_moment_clause_require(Oid function)
{
	AclResult	result;

	if (DATOM_BROKEN(BREAK_NO_CHECK))
		return;
	result = pg_proc_aclcheck(function, GetUserId(), ACL_EXECUTE);
	if (result != ACLCHECK_OK)
		aclcheck_error(result, OBJECT_FUNCTION, get_func_name(function));
	InvokeFunctionExecuteHook(function);
}

PG_FUNCTION_INFO_V1(datom_entities_at);

/*
 * datom.entities_at(column, since, function, moment): stands in plans only, and
 * is not to be called.
 */
Datum
datom_entities_at(PG_FUNCTION_ARGS)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("datom.entities_at() is for the planner only"),
			 errhint("Call datom.entities_as_of().")));
}

PG_FUNCTION_INFO_V1(datom_entities_at_support);

/* datom.entities_at_support(internal): it selects all rows, and costs nothing. */
Datum
datom_entities_at_support(PG_FUNCTION_ARGS)
{
	Node	   *request = (Node *) PG_GETARG_POINTER(0);

	if (IsA(request, SupportRequestSelectivity))
		((SupportRequestSelectivity *) request)->selectivity = 1;
	else if (IsA(request, SupportRequestCost))
	{
		((SupportRequestCost *) request)->startup = 0;
		((SupportRequestCost *) request)->per_tuple = 0;
	}
	else
		request = NULL;
	PG_RETURN_POINTER(request);
}
