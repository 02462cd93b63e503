/*
 * behalf.c: on whose behalf a function reads.
 *
 * The server puts into each entry of a view's FROM as whom it is checked, also
 * into that of a function, where nothing looks at it: a function checks whoever
 * runs it. That stays so. Only what the planner puts in place of datom.saved_q() is
 * read on behalf of the view's owner, and such an entry says so: it requires the
 * right to select, which the parser never asks of a function. So no text of a query
 * makes one.
 *
 * A function elsewhere finds the role with the constant that is its table: as a type
 * modifier, which regclass does not have, so that here too no text makes one.
 */
#include "behalf.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"

void
datom_behalf_set(RangeTblEntry *rte, Oid role)
{
	Assert(rte->rtekind == RTE_FUNCTION);
	rte->checkAsUser = role;
	rte->requiredPerms = ACL_SELECT;
}

Oid
datom_behalf_of(const RangeTblEntry *rte)
{
	return rte->rtekind == RTE_FUNCTION && (rte->requiredPerms & ACL_SELECT) ?
		rte->checkAsUser : InvalidOid;
}

void
datom_behalf_set_table(Const *table, Oid role)
{
	Assert(table->consttype == REGCLASSOID);
	table->consttypmod = (int32) role;
}

Oid
datom_behalf_of_table(FunctionCallInfo fcinfo, int argno)
{
	FuncExpr   *call = (FuncExpr *) fcinfo->flinfo->fn_expr;
	Const	   *table = call && IsA(call, FuncExpr) ? list_nth(call->args, argno) : NULL;

	return table && IsA(table, Const) && table->consttype == REGCLASSOID &&
		table->consttypmod != -1 ? (Oid) table->consttypmod : InvalidOid;
}

Oid
datom_behalf_role(Oid behalf)
{
	return OidIsValid(behalf) ? behalf : GetUserId();
}
