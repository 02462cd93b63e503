/*
 * expression.c: what is asked of expressions in more than one place.
 */
#include "expression.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/namespace.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "utils/builtins.h"
#include "utils/syscache.h"

static bool
mentions(Node *node, void *varno)
{
	if (node == NULL)
		return false;
	if (IsA(node, Var))
		return ((Var *) node)->varno == *(int *) varno &&
			((Var *) node)->varlevelsup == 0;
	/* Of these one cannot see, or not cheaply, what is in them. */
	if (IsA(node, PlaceHolderVar) || IsA(node, SubPlan) ||
		IsA(node, AlternativeSubPlan) || IsA(node, SubLink))
		return true;
	return expression_tree_walker(node, mentions, varno);
}

bool
datom_is_operand(Node *node, int varno)
{
	return !mentions(node, &varno) && !contain_volatile_functions(node);
}

const char *
datom_function_symbol(Oid funcid)
{
	HeapTuple	tuple;
	Form_pg_proc proc;
	const char *symbol = NULL;
	bool		isnull;
	Datum		source;

	if (funcid < FirstNormalObjectId)
		return NULL;
	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(funcid));
	if (!HeapTupleIsValid(tuple))
		return NULL;
	proc = (Form_pg_proc) GETSTRUCT(tuple);
	source = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_prosrc, &isnull);
	if (proc->prolang == ClanguageId && !isnull &&
		proc->pronamespace == get_namespace_oid("datom", true))
		symbol = TextDatumGetCString(source);
	ReleaseSysCache(tuple);
	return symbol;
}
