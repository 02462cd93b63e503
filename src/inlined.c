/*
 * inlined.c: functions in SQL that are inlined before the query is planned.
 *
 * The server inlines functions in FROM too late for what is replaced in a query
 * tree. Whoever replaces asks for the body, and keeps the call if there was nothing
 * to be replaced in it.
 */
#include "inlined.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "utils/builtins.h"
#include "utils/syscache.h"

/* Can it be that the function's body mentions it? */
static bool
may_mention(Oid function, const char *mention)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	bool		may = false;
	bool		isnull;
	Datum		source;

	if (!HeapTupleIsValid(tuple))
		return false;
	if (((Form_pg_proc) GETSTRUCT(tuple))->prolang == SQLlanguageId)
	{
		(void) SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_prosqlbody, &isnull);
		may = !isnull;
		source = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_prosrc, &isnull);
		if (!may && !isnull)
			may = strstr(TextDatumGetCString(source), mention) != NULL;
	}
	ReleaseSysCache(tuple);
	return may;
}

Query *
datom_inlined(PlannerInfo *root, RangeTblEntry *rte, const char *mention)
{
	FuncExpr   *call;
	RangeTblEntry *copy;

	if (rte->rtekind != RTE_FUNCTION || list_length(rte->functions) != 1)
		return NULL;
	call = (FuncExpr *) ((RangeTblFunction *) linitial(rte->functions))->funcexpr;
	if (!IsA(call, FuncExpr) || call->funcid < FirstNormalObjectId ||
		!may_mention(call->funcid, mention))
		return NULL;
	copy = copyObject(rte);
	copy->functions = (List *) eval_const_expressions(root, (Node *) copy->functions);
	return inline_set_returning_function(root, copy);
}

void
datom_inlined_put(RangeTblEntry *rte, Query *query)
{
	rte->rtekind = RTE_SUBQUERY;
	rte->subquery = query;
	rte->security_barrier = false;
	rte->functions = NIL;
	rte->funcordinality = false;
}
