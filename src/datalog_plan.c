/*
 * datalog_plan.c: query trees and plans of the SQL that queries become.
 *
 * A backend keeps what it has analyzed, by the SQL and the types of its
 * parameters; so a query is analyzed once, and planned as often as the server's
 * plan cache thinks right. A query is compiled each time, so what the SQL says need
 * not be watched; what it speaks of is watched by the plan cache.
 *
 * The SQL names no schema for operators, and so is analyzed with pg_catalog alone
 * in the search path. Functions that it calls run with that of the caller, and
 * their bodies are inlined with it, as when the planner puts a query into another.
 * Therefore what is no longer valid, for whatever reason, is made anew here: the
 * plan cache would analyze it with the caller's path.
 *
 * A query in a view is read on behalf of the view's owner. Of datom.tx, the server
 * applies that role's policies then; the one that the extension makes speaks of the
 * tables that the current user may read, and is made to speak of the role.
 */
#include "datalog_plan.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "lib/ilist.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/analyze.h"
#include "tcop/cmdtag.h"
#include "tcop/tcopprot.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "behalf.h"
#include "expression.h"

/* How many are kept; then the one goes that was not used for the longest time. */
#define MAX_KEPT 200

typedef struct Kept
{
	dlist_node	node;
	uint32		hash;			/* of text and types */
	char	   *text;
	int			ntypes;
	Oid		   *types;
	CachedPlanSource *source;	/* NULL: none is made */
	bool		busy;			/* is being planned, so `source` must stay */
} Kept;

static MemoryContext context = NULL;
static dlist_head kept = DLIST_STATIC_INIT(kept);	/* last used first */
static int	count = 0;

/*
 * Analysis
 */

static Oid *
param_types(const DatalogSql *sql)
{
	Oid		   *types = palloc(sizeof(Oid) * Max(1, sql->nparams));

	for (int i = 0; i < sql->nparams; i++)
		types[i] = sql->params[i].type;
	return types;
}

static RawStmt *
parse(const DatalogSql *sql)
{
	List	   *statements = pg_parse_query(sql->text);

	if (list_length(statements) != 1)
		elog(ERROR, "a query became %d statements", list_length(statements));
	return linitial_node(RawStmt, statements);
}

static void
pull_on_behalf(FuncExpr *call, Oid role)
{
	const char *symbol = datom_function_symbol(call->funcid);

	if (symbol && strcmp(symbol, "datom_pull") == 0)
		datom_behalf_set_table(linitial_node(Const, call->args), role);
}

/* Entries of FROM that the compiler makes are functions, datom.tx and subqueries. */
static bool
read_on_behalf(Node *node, void *role)
{
	RangeTblEntry *rte = (RangeTblEntry *) node;

	if (node == NULL)
		return false;
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, read_on_behalf, role, QTW_EXAMINE_RTES_BEFORE);
	if (IsA(node, FuncExpr))
		pull_on_behalf((FuncExpr *) node, *(Oid *) role);
	if (!IsA(node, RangeTblEntry))
		return expression_tree_walker(node, read_on_behalf, role);
	if (rte->rtekind == RTE_RELATION)
		rte->checkAsUser = *(Oid *) role;
	else if (rte->rtekind == RTE_FUNCTION)
		datom_behalf_set(rte, *(Oid *) role);
	return false;
}

/* Of the policy on datom.tx: whether the role may read a table, not whoever runs this. */
static Node *
ask_of_role(Node *node, void *role)
{
	FuncExpr   *call = (FuncExpr *) node;

	if (node == NULL)
		return NULL;
	if (IsA(node, FuncExpr) && call->funcid == F_HAS_TABLE_PRIVILEGE_OID_TEXT)
		return (Node *) makeFuncExpr(F_HAS_TABLE_PRIVILEGE_OID_OID_TEXT, BOOLOID,
									 lcons(makeConst(OIDOID, -1, InvalidOid, sizeof(Oid),
													 ObjectIdGetDatum(*(Oid *) role), false, true),
										   call->args),
									 InvalidOid, InvalidOid, COERCE_EXPLICIT_CALL);
	return expression_tree_mutator(node, ask_of_role, role);
}

static bool
apply_policies_to(Node *node, void *role)
{
	RangeTblEntry *rte = (RangeTblEntry *) node;

	if (node == NULL)
		return false;
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, apply_policies_to, role, QTW_EXAMINE_RTES_BEFORE);
	if (!IsA(node, RangeTblEntry))
		return expression_tree_walker(node, apply_policies_to, role);
	rte->securityQuals = (List *) ask_of_role((Node *) rte->securityQuals, role);
	return false;
}

static List *
analyze(RawStmt *statement, const DatalogSql *sql, Oid behalf)
{
	OverrideSearchPath path = {.addCatalog = true};
	Query	   *query;
	List	   *queries;

	PushOverrideSearchPath(&path);
	query = parse_analyze_fixedparams(statement, sql->text, param_types(sql), sql->nparams,
									  NULL);
	if (OidIsValid(behalf))
		(void) read_on_behalf((Node *) query, &behalf);
	queries = pg_rewrite_query(query);
	PopOverrideSearchPath();
	if (list_length(queries) != 1 || linitial_node(Query, queries)->commandType != CMD_SELECT)
		elog(ERROR, "a query did not become one SELECT");
	if (OidIsValid(behalf))
		(void) apply_policies_to(linitial(queries), &behalf);
	return queries;
}

Query *
datom_datalog_analyze(const DatalogSql *sql, Oid behalf)
{
	return linitial_node(Query, analyze(parse(sql), sql, behalf));
}

/*
 * What is kept
 */

static uint32
hash_of(const DatalogSql *sql)
{
	uint32		hash = hash_bytes((const unsigned char *) sql->text, strlen(sql->text));

	for (int i = 0; i < sql->nparams; i++)
		hash = hash_combine(hash, sql->params[i].type);
	return hash;
}

static bool
is_same(const Kept *one, const DatalogSql *sql)
{
	if (one->ntypes != sql->nparams || strcmp(one->text, sql->text) != 0)
		return false;
	for (int i = 0; i < one->ntypes; i++)
		if (one->types[i] != sql->params[i].type)
			return false;
	return true;
}

static Kept *
find(const DatalogSql *sql, uint32 hash)
{
	dlist_iter	it;

	dlist_foreach(it, &kept)
	{
		Kept	   *one = dlist_container(Kept, node, it.cur);

		if (one->hash == hash && is_same(one, sql))
		{
			dlist_move_head(&kept, &one->node);
			return one;
		}
	}
	return NULL;
}

static void
drop(Kept *one)
{
	dlist_delete(&one->node);
	count--;
	if (one->source)
		DropCachedPlan(one->source);
	pfree(one->text);
	pfree(one->types);
	pfree(one);
}

static void
make_room(void)
{
	dlist_node *node = dlist_is_empty(&kept) ? NULL : dlist_tail_node(&kept);

	while (count >= MAX_KEPT && node)
	{
		Kept	   *one = dlist_container(Kept, node, node);

		node = dlist_has_prev(&kept, node) ? dlist_prev_node(&kept, node) : NULL;
		if (!one->busy)
			drop(one);
	}
}

static Kept *
keep(const DatalogSql *sql, uint32 hash)
{
	MemoryContext old;
	Kept	   *one;

	make_room();
	if (context == NULL)
		context = AllocSetContextCreate(CacheMemoryContext, "datom queries",
										ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	one = palloc0(sizeof(Kept));
	one->hash = hash;
	one->text = pstrdup(sql->text);
	one->ntypes = sql->nparams;
	one->types = param_types(sql);
	dlist_push_head(&kept, &one->node);
	count++;
	MemoryContextSwitchTo(old);
	return one;
}

static bool
is_valid(const CachedPlanSource *source)
{
	return source->is_valid && OverrideSearchPathMatchesCurrent(source->search_path);
}

static CachedPlanSource *
make_source(const DatalogSql *sql)
{
	RawStmt    *statement = parse(sql);
	CachedPlanSource *source = CreateCachedPlan(statement, sql->text, CMDTAG_SELECT);

	CompleteCachedPlan(source, analyze(statement, sql, InvalidOid), NULL, param_types(sql), sql->nparams,
					   NULL, NULL, CURSOR_OPT_PARALLEL_OK, false);
	SaveCachedPlan(source);
	return source;
}

/* With a source that is valid. */
static Kept *
kept_for(const DatalogSql *sql)
{
	uint32		hash = hash_of(sql);
	Kept	   *one = find(sql, hash);

	if (one && one->source && !one->busy && !is_valid(one->source))
	{
		CachedPlanSource *old = one->source;

		one->source = NULL;
		DropCachedPlan(old);
	}
	if (one == NULL || one->source == NULL)
	{
		CachedPlanSource *source = make_source(sql);

		/* Analysis may have run queries. */
		one = find(sql, hash);
		if (one == NULL)
			one = keep(sql, hash);
		if (one->source)
			DropCachedPlan(source);
		else
			one->source = source;
	}
	return one;
}

static pg_noinline CachedPlan *
plan(Kept *one, ParamListInfo params)
{
	CachedPlan *volatile result = NULL;
	bool		was_busy = one->busy;

	one->busy = true;
	PG_TRY();
	{
		result = GetCachedPlan(one->source, params, CurrentResourceOwner, NULL);
	}
	PG_FINALLY();
	{
		one->busy = was_busy;
	}
	PG_END_TRY();
	return result;
}

CachedPlan *
datom_datalog_plan(const DatalogSql *sql, ParamListInfo params)
{
	return plan(kept_for(sql), params);
}
