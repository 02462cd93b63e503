/*
 * audience.c: whether a relation shows everybody the same.
 *
 * Whoever may SELECT from a view sees what its owner sees, unless the view asks who
 * looks: it is security_invoker, a policy filters, or it calls what asks, such as
 * current_user, or datom.as_of(), which wants the caller's right to the datom table.
 * What a function asks cannot be known, so only those count as harmless that are
 * immutable; of the server's, those that are not for reasons of time or because
 * they print a value of any type; and of ours, those that go by the moment alone
 * or by the rights of the view's owner.
 */
#include "audience.h"

#include "access/table.h"
#include "access/transam.h"
#include "catalog/pg_class.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "rewrite/rewriteHandler.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/rls.h"

#include "expression.h"

static bool
is_of_ours(Oid funcid)
{
	static const char *const harmless[] = {"datom_saved_q", "datom_now", "datom_late"};
	const char *symbol = datom_function_symbol(funcid);

	for (int i = 0; symbol && i < (int) lengthof(harmless); i++)
		if (strcmp(symbol, harmless[i]) == 0)
			return true;
	return false;
}

static bool
is_of_time_or_any(Oid type)
{
	char		category;
	bool		preferred;

	if (get_typtype(type) == TYPTYPE_PSEUDO)
		return type != INTERNALOID && type != RECORDOID;
	get_type_category_preferred(type, &category, &preferred);
	return category == TYPCATEGORY_DATETIME || category == TYPCATEGORY_TIMESPAN;
}

static bool
is_of_server(Oid funcid)
{
	Oid		   *types;
	int			n;
	bool		found;

	if (funcid >= FirstGenbkiObjectId || func_volatile(funcid) != PROVOLATILE_STABLE)
		return false;
	found = is_of_time_or_any(get_func_signature(funcid, &types, &n));
	for (int i = 0; i < n && !found; i++)
		found = is_of_time_or_any(types[i]);
	return found;
}

static bool
may_ask(Oid funcid, void *context)
{
	return func_volatile(funcid) != PROVOLATILE_IMMUTABLE && !is_of_server(funcid) &&
		!is_of_ours(funcid);
}

static bool asks(Node *node, void *context);

/* A view in a view: its tables are read with its owner's rights, what it calls is not. */
static bool
view_asks(Oid view)
{
	Relation	rel = table_open(view, AccessShareLock);
	bool		found = asks((Node *) get_view_query(rel), &view);

	table_close(rel, NoLock);
	return found;
}

/* In the rule of the view `context`, which is in its own range table. */
static bool
asks(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, RangeTblEntry))
	{
		RangeTblEntry *rte = (RangeTblEntry *) node;

		return rte->rtekind == RTE_RELATION && rte->relkind == RELKIND_VIEW &&
			rte->relid != *(Oid *) context && view_asks(rte->relid);
	}
	if (IsA(node, SQLValueFunction) &&
		((SQLValueFunction *) node)->op > SVFOP_LOCALTIMESTAMP_N)
		return true;
	if (check_functions_in_node(node, may_ask, NULL))
		return true;
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, asks, context, QTW_EXAMINE_RTES_BEFORE);
	return expression_tree_walker(node, asks, context);
}

bool
datom_audience_sees_all(Relation rel, Oid role)
{
	if (has_privs_of_role(role, rel->rd_rel->relowner))
		return true;
	if (rel->rd_rel->relkind == RELKIND_VIEW)
		return !RelationHasSecurityInvoker(rel) && !view_asks(RelationGetRelid(rel));
	return check_enable_rls(RelationGetRelid(rel), role, true) == RLS_NONE;
}
