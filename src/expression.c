/*
 * expression.c: what is asked of expressions in more than one place.
 */
#include "expression.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/namespace.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

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

static bool
depends_on_rows(Node *node, void *context)
{
	if (node == NULL)
		return false;
	switch (nodeTag(node))
	{
		case T_Var:
		case T_SubLink:
		case T_SubPlan:
		case T_AlternativeSubPlan:
		case T_PlaceHolderVar:
		case T_Aggref:
		case T_GroupingFunc:
		case T_WindowFunc:
			return true;
		case T_Param:
			return ((Param *) node)->paramkind != PARAM_EXTERN;
		default:
			return expression_tree_walker(node, depends_on_rows, context);
	}
}

bool
datom_is_fixed(Node *node)
{
	return !depends_on_rows(node, NULL) && !contain_volatile_functions(node);
}

StrategyNumber
datom_operator_strategy(Oid operator, Oid type)
{
	TypeCacheEntry *entry = lookup_type_cache(type, TYPECACHE_BTREE_OPFAMILY);

	if (!OidIsValid(entry->btree_opf) || !op_strict(operator))
		return InvalidStrategy;
	return get_op_opfamily_strategy(operator, entry->btree_opf);
}

bool
datom_is_integer(Oid type)
{
	return type == INT8OID || type == INT4OID || type == INT2OID;
}

int64
datom_integer_of(Oid type, Datum value)
{
	switch (type)
	{
		case INT2OID:
			return DatumGetInt16(value);
		case INT4OID:
			return DatumGetInt32(value);
		default:
			return DatumGetInt64(value);
	}
}

int
datom_operand_values(Oid type, bool any, Datum value, bool isnull, Datum **values)
{
	int16		length;
	bool		by_value;
	char		align;
	bool	   *nulls;
	int			count;
	int			n = 0;

	if (isnull)
		return 0;
	get_typlenbyvalalign(type, &length, &by_value, &align);
	if (!any)
	{
		*values = palloc(sizeof(Datum));
		(*values)[0] = datumCopy(value, by_value, length);
		return 1;
	}
	deconstruct_array(DatumGetArrayTypePCopy(value), type, length, by_value, align,
					  values, &nulls, &count);
	for (int i = 0; i < count; i++)
		if (!nulls[i])
			(*values)[n++] = (*values)[i];
	return n;
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
