/*
 * entity_rewrite.c: scans in place of entities_as_of() and entities_since().
 *
 * A call in FROM becomes, before the query is planned,
 *
 *	(SELECT * FROM ONLY purchase WHERE <the moment is x>)
 *
 * with a condition that the table's scan takes for its moment; see
 * moment_clause.c. So at any moment the table has the paths, the estimates and
 * the costs that it has now, and two moments can be joined.
 *
 * That is done only where the answer is the same: one function and nothing else;
 * a table named by a null, that the current user may read as a whole; a moment
 * that depends on no row, is not volatile and has no subquery; and columns that
 * are what the query takes them for, which they need not be if it was kept while
 * the table changed. All else is left to the function, with its errors.
 *
 * A function in SQL that would be inlined, and whose body has such a call, is
 * inlined here, because the server does it too late for us.
 *
 * Rights are those of the function: the executor asks for those of whoever runs
 * the plan, in views too, since the new entry belongs to no view. The table is
 * locked here after its rights are asked, and by the plan cache with the rest of a
 * plan that is kept.
 */
#include "entity_rewrite.h"

#include "access/htup_details.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "access/transam.h"
#include "catalog/pg_class.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/pathnodes.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "entities.h"
#include "entity_table.h"
#include "expression.h"
#include "inlined.h"
#include "moment_clause.h"
#include "settings.h"

/*
 * Which calls
 */

static bool
is_entities_call(FuncExpr *call, Oid *relid, DatomMomentClause *moment)
{
	const char *symbol;

	if (!IsA(call, FuncExpr) || !call->funcretset || list_length(call->args) != 2)
		return false;
	symbol = datom_function_symbol(call->funcid);
	if (symbol == NULL || (strcmp(symbol, "datom_entities_as_of") != 0 &&
						   strcmp(symbol, "datom_entities_since") != 0))
		return false;
	*relid = datom_entities_table(call->funcresulttype);
	*moment = (DatomMomentClause) {
		.since = strcmp(symbol, "datom_entities_since") == 0,
			.function = call->funcid, .moment = lsecond(call->args)
	};
	return OidIsValid(*relid) && IsA(linitial(call->args), Const) &&
		exprType(linitial(call->args)) == call->funcresulttype &&
		datom_is_fixed((Node *) moment->moment);
}

static bool
is_entities(RangeTblEntry *rte, Oid *relid, DatomMomentClause *moment)
{
	RangeTblFunction *function;

	if (rte->rtekind != RTE_FUNCTION || rte->funcordinality ||
		list_length(rte->functions) != 1)
		return false;
	function = linitial(rte->functions);
	return function->funccolnames == NIL &&
		is_entities_call((FuncExpr *) function->funcexpr, relid, moment) &&
		datom_entities_readable(*relid);
}

/*
 * Does the query take the columns of entry `rti` for what they are?
 */
typedef struct ColumnCheck
{
	int			rti;
	int			level;			/* of queries within the one that has the entry */
	TupleDesc	desc;
} ColumnCheck;

static bool
is_wrong_column(const Var *var, TupleDesc desc)
{
	Form_pg_attribute att;

	if (var->varattno == 0)
		return var->vartype != desc->tdtypeid && var->vartype != RECORDOID;
	if (var->varattno < 0 || var->varattno > desc->natts)
		return true;
	att = TupleDescAttr(desc, var->varattno - 1);
	return att->attisdropped || att->atttypid != var->vartype ||
		att->atttypmod != var->vartypmod || att->attcollation != var->varcollid;
}

static bool
has_wrong_column(Node *node, void *context)
{
	ColumnCheck *check = context;
	bool		found;

	if (node == NULL)
		return false;
	if (IsA(node, Var))
	{
		Var		   *var = (Var *) node;

		return var->varno == check->rti && (int) var->varlevelsup == check->level &&
			is_wrong_column(var, check->desc);
	}
	if (!IsA(node, Query))
		return expression_tree_walker(node, has_wrong_column, context);
	check->level++;
	found = query_tree_walker((Query *) node, has_wrong_column, context, 0);
	check->level--;
	return found;
}

/*
 * The subquery
 */

/* Empty for dropped columns, as in a function's entry. */
static List *
column_names(TupleDesc desc)
{
	List	   *names = NIL;

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		names = lappend(names, makeString(att->attisdropped ? pstrdup("") :
										  pstrdup(NameStr(att->attname))));
	}
	return names;
}

static RangeTblEntry *
table_entry(Relation foreign, const char *alias)
{
	RangeTblEntry *rte = makeNode(RangeTblEntry);

	rte->rtekind = RTE_RELATION;
	rte->relid = RelationGetRelid(foreign);
	rte->relkind = RELKIND_FOREIGN_TABLE;
	rte->rellockmode = AccessShareLock;
	rte->eref = makeAlias(alias, column_names(RelationGetDescr(foreign)));
	rte->inFromCl = true;
	rte->requiredPerms = ACL_SELECT;
	rte->selectedCols = bms_make_singleton(0 - FirstLowInvalidHeapAttributeNumber);
	return rte;
}

/* All columns in their places; *first is one that is not dropped, or NULL. */
static List *
column_list(TupleDesc desc, Var **first)
{
	List	   *list = NIL;

	*first = NULL;
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);
		Expr	   *expr;

		if (att->attisdropped)
			expr = (Expr *) makeNullConst(INT4OID, -1, InvalidOid);
		else
			expr = (Expr *) makeVar(1, i + 1, att->atttypid, att->atttypmod,
									att->attcollation, 0);
		if (*first == NULL && !att->attisdropped)
			*first = (Var *) expr;
		list = lappend(list, makeTargetEntry(expr, i + 1, pstrdup(NameStr(att->attname)),
											 false));
	}
	return list;
}

/* NULL: it cannot be made. */
static Query *
make_subquery(Relation foreign, const char *alias, const DatomMomentClause *moment)
{
	Query	   *query = makeNode(Query);
	RangeTblRef *ref = makeNode(RangeTblRef);
	Expr	   *condition = NULL;
	Var		   *column;

	query->commandType = CMD_SELECT;
	query->querySource = QSRC_ORIGINAL;
	query->canSetTag = true;
	query->rtable = list_make1(table_entry(foreign, alias));
	query->targetList = column_list(RelationGetDescr(foreign), &column);
	if (column)
		condition = datom_moment_clause_make(copyObject(column), moment);
	ref->rtindex = 1;
	query->jointree = makeFromExpr(list_make1(ref), (Node *) condition);
	return condition ? query : NULL;
}

/* Columns that the table got after the query was parsed count in its whole rows. */
static void
complete_names(RangeTblEntry *rte, TupleDesc desc)
{
	List	   *names = column_names(desc);

	for (int i = list_length(rte->eref->colnames); i < desc->natts; i++)
		rte->eref->colnames = lappend(rte->eref->colnames, list_nth(names, i));
}

/* True if it was replaced. */
static bool
replace_call(Query *query, int rti, RangeTblEntry *rte)
{
	DatomMomentClause moment;
	Query	   *subquery = NULL;
	Oid			relid;
	Relation	foreign;
	ColumnCheck check = {.rti = rti};

	if (!is_entities(rte, &relid, &moment))
		return false;
	foreign = try_table_open(relid, AccessShareLock);
	if (foreign == NULL)
		return false;
	check.desc = RelationGetDescr(foreign);
	if (datom_entity_table_is(relid) &&
		!query_tree_walker(query, has_wrong_column, &check, 0))
		subquery = make_subquery(foreign, rte->eref->aliasname, &moment);
	if (subquery)
	{
		complete_names(rte, check.desc);
		datom_inlined_put(rte, subquery);
		rte->lateral = false;
	}
	table_close(foreign, NoLock);
	return subquery != NULL;
}

/*
 * Functions in SQL
 */

typedef struct Rewrite
{
	PlannerInfo *root;			/* of no query: for parameters and dependencies */
	int			replaced;
} Rewrite;

static bool replace_calls(Node *node, void *context);

/* Only if there is something to be replaced in it. */
static void
inline_function(RangeTblEntry *rte, Rewrite *rewrite)
{
	int			before = rewrite->replaced;
	List	   *items = list_copy(rewrite->root->glob->invalItems);
	Query	   *query = datom_inlined(rewrite->root, rte, "entities_");

	if (query)
		(void) replace_calls((Node *) query, rewrite);
	if (rewrite->replaced > before)
		datom_inlined_put(rte, query);
	else
		rewrite->root->glob->invalItems = items;
}

static bool
replace_calls(Node *node, void *context)
{
	Query	   *query = (Query *) node;
	Rewrite    *rewrite = context;
	int			rti = 0;
	ListCell   *lc;

	if (node == NULL)
		return false;
	if (!IsA(node, Query))
		return expression_tree_walker(node, replace_calls, context);
	foreach(lc, query->rtable)
	{
		if (replace_call(query, ++rti, lfirst(lc)))
			rewrite->replaced++;
		else
			inline_function(lfirst(lc), rewrite);
	}
	return query_tree_walker(query, replace_calls, context, 0);
}

DatomRewritten
datom_entity_rewrite(Query *query, ParamListInfo params)
{
	PlannerGlobal glob = {.type = T_PlannerGlobal, .boundParams = params};
	PlannerInfo root = {.type = T_PlannerInfo, .glob = &glob};
	Rewrite		rewrite = {.root = &root};

	if (datom_enable_scan)
		(void) replace_calls((Node *) query, &rewrite);
	return (DatomRewritten) {
		.items = glob.invalItems, .on_role = glob.dependsOnRole
	};
}

void
datom_entity_rewritten(const DatomRewritten *rewritten, PlannedStmt *plan)
{
	plan->invalItems = list_concat(plan->invalItems, rewritten->items);
	plan->dependsOnRole |= rewritten->on_role;
}
