/*
 * entity_node.c: a node of a plan that reads entity rows.
 *
 * The executor has checked the caller's right to the entity table. That to the
 * datom table is its owner's, as with a view, or the caller's, of a call of
 * datom.entities(). It is asked each time a plan starts, since a cached plan
 * outlives grants and policies.
 *
 * The moment is settled when the first row is asked for: a scan that is never run
 * raises no error. In a plan with workers it is settled when the plan starts,
 * because in parallel mode no newer snapshot may be taken. Now is what the
 * statement's own snapshot sees.
 *
 * In a plan:	private	(flags lister) (column strategy any ...) (type ...) (form ...)
 *					(column ...) (function)
 *				exprs	the moment if there is one, an operand for each clause,
 *						i and n for each shard clause that has them
 */
#include "entity_node.h"

#include "access/table.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "storage/predicate.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/ruleutils.h"
#include "utils/snapmgr.h"

#include "moment_clause.h"
#include "tail.h"
#include "timetravel.h"

#define HAS_MOMENT 1
#define IS_SINCE 2
#define IS_ORDERED 4

/* What the processes of a scan share. */
typedef struct EntityNodeShared
{
	DatomEntityShared scan;
	DatomNodeShared node;
} EntityNodeShared;

/*
 * Plans
 */

List *
datom_entity_plan_private(const DatomEntityPlan *plan)
{
	int			flags = (plan->moment ? HAS_MOMENT : 0) | (plan->since ? IS_SINCE : 0) |
	(plan->ordered ? IS_ORDERED : 0);
	List	   *columns = NIL;
	List	   *types = NIL;
	List	   *forms = NIL;

	for (int i = 0; i < plan->nclauses; i++)
	{
		const DatomEntityClause *clause = &plan->clauses[i];

		columns = lappend_int(columns, clause->column);
		columns = lappend_int(columns, clause->strategy);
		columns = lappend_int(columns, clause->any);
		types = lappend_oid(types, clause->type);
	}
	for (int i = 0; i < plan->nshards; i++)
		forms = lappend_int(forms, plan->shards[i].form);
	return lappend(list_make5(list_make2_int(flags, plan->lister), columns, types, forms,
							  plan->columns), list_make1_oid(plan->function));
}

List *
datom_entity_plan_exprs(const DatomEntityPlan *plan)
{
	List	   *exprs = plan->moment ? list_make1(plan->moment) : NIL;

	for (int i = 0; i < plan->nclauses; i++)
		exprs = lappend(exprs, plan->clauses[i].operand);
	for (int i = 0; i < plan->nshards; i++)
		if (plan->shards[i].form != SHARD_SESSION)
			exprs = lappend(lappend(exprs, plan->shards[i].i), plan->shards[i].n);
	return exprs;
}

static DatomEntityPlan
read_plan(List *private, List *exprs)
{
	int			flags = linitial_int(linitial(private));
	List	   *columns = lsecond(private);
	List	   *types = lthird(private);
	List	   *forms = lfourth(private);
	DatomEntityPlan plan = {
		.since = (flags & IS_SINCE) != 0, .ordered = (flags & IS_ORDERED) != 0,
		.lister = lsecond_int(linitial(private)), .nclauses = list_length(types),
		.nshards = list_length(forms), .columns = list_nth(private, 4),
		.function = linitial_oid(list_nth(private, 5))
	};
	int			next = 0;

	if (flags & HAS_MOMENT)
		plan.moment = list_nth(exprs, next++);
	plan.clauses = palloc0(sizeof(DatomEntityClause) * Max(plan.nclauses, 1));
	for (int i = 0; i < plan.nclauses; i++)
		plan.clauses[i] = (DatomEntityClause) {
			.column = list_nth_int(columns, 3 * i),
				.strategy = list_nth_int(columns, 3 * i + 1),
				.any = list_nth_int(columns, 3 * i + 2), .type = list_nth_oid(types, i),
				.operand = list_nth(exprs, next++)
		};
	plan.shards = palloc0(sizeof(DatomShardClause) * Max(plan.nshards, 1));
	for (int i = 0; i < plan.nshards; i++)
	{
		plan.shards[i].form = list_nth_int(forms, i);
		if (plan.shards[i].form == SHARD_SESSION)
			continue;
		plan.shards[i].i = list_nth(exprs, next++);
		plan.shards[i].n = list_nth(exprs, next++);
	}
	return plan;
}

/*
 * The moment
 */

/* `early`: before anything asks for a row; a null is then no error yet. */
static void
settle(DatomEntityNode *node, bool early)
{
	DatomMoment moment = {.kind = MOMENT_NOW};
	bool		isnull;
	Datum		value;

	node->at.since = DT_NOBEGIN;
	if (node->moment)
	{
		value = ExecEvalExprSwitchContext(node->moment, node->ps->ps_ExprContext, &isnull);
		if (isnull && early)
			return;
		moment = datom_moment_of(exprType((Node *) node->plan.moment), value, isnull);
	}
	if (node->plan.since)
		node->at.since = datom_moment_instant(node->table->db, moment);
	if (node->plan.since || node->moment == NULL)
		moment = datom_moment_in_force();
	if (moment.kind == MOMENT_NOW)
		datom_node_borrow(&node->at, node->ps->state->es_snapshot);
	else
		datom_node_settle(&node->at, node->table->db, moment);
}

/*
 * Starting
 */

static void
init_expressions(DatomEntityNode *node)
{
	DatomEntityPlan *plan = &node->plan;

	if (plan->moment)
		node->moment = ExecInitExpr(plan->moment, node->ps);
	for (int i = 0; i < plan->nclauses; i++)
		plan->clauses[i].state = ExecInitExpr(plan->clauses[i].operand, node->ps);
	for (int i = 0; i < plan->nshards; i++)
		datom_shard_init(&plan->shards[i], node->ps);
}

void
datom_entity_node_start(DatomEntityNode *node, PlanState *ps, List *private, List *exprs)
{
	node->ps = ps;
	node->plan = read_plan(private, exprs);
	/* In a worker the leader has done it. */
	if (OidIsValid(node->plan.function) && !IsParallelWorker())
		datom_moment_clause_require(node->plan.function);
}

void
datom_entity_node_open(DatomEntityNode *node, DatomEntityTable *table, int eflags)
{
	node->table = table;
	node->rel = table_open(table->db, AccessShareLock);
	node->needed = palloc(sizeof(bool) * Max(table->ncolumns, 1));
	for (int i = 0; i < table->ncolumns; i++)
		node->needed[i] = list_member_int(node->plan.columns, table->columns[i].number);
	node->at.owner = CurrentResourceOwner;
	node->counts.basis = DT_NOBEGIN;
	node->context = AllocSetContextCreate(CurrentMemoryContext, "datom entity scan",
										  ALLOCSET_DEFAULT_SIZES);
	init_expressions(node);
	if (node->ps->state->es_plannedstmt->parallelModeNeeded && !IsParallelWorker() &&
		(eflags & EXEC_FLAG_EXPLAIN_ONLY) == 0)
		settle(node, true);
}

/*
 * Scanning
 */

/*
 * The reader of single entities. What was settled stays so, so it serves all scans of
 * the node: in a nested loop they are many, and opening orders costs more than to
 * read one entity.
 */
static DatomReader *
reader_of(DatomEntityNode *node)
{
	MemoryContext old;

	if (node->reader == NULL)
	{
		old = MemoryContextSwitchTo(GetMemoryChunkContext(node->needed));
		node->reader = datom_facts_reader(node->rel, node->at.settled.snapshot,
										  node->at.settled.at);
		MemoryContextSwitchTo(old);
	}
	return node->reader;
}

/* False: no row can come. */
static bool
make_query(DatomEntityNode *node, DatomEntityQuery *query)
{
	DatomEntityPlan *plan = &node->plan;
	ExprContext *econtext = node->ps->ps_ExprContext;
	DatomEntityBound *bounds = palloc(sizeof(DatomEntityBound) * Max(plan->nclauses, 1));
	int64	   *entities;

	*query = (DatomEntityQuery) {
		.table = node->table, .needed = node->needed, .ordered = plan->ordered,
		.since = node->at.since, .e_min = PG_INT64_MIN, .e_max = PG_INT64_MAX
	};
	if (!datom_shards_eval(plan->shards, plan->nshards, econtext, &query->shard) ||
		!datom_entity_clauses_apply(node->rel, plan->clauses, plan->nclauses, econtext,
									query, bounds))
		return false;
	node->shard = query->shard;
	if (plan->lister < 0)
		return true;
	query->reader = reader_of(node);
	query->nentities = datom_entity_clause_entities(query->reader, node->table,
													&plan->clauses[plan->lister], econtext,
													&entities);
	query->entities = entities;
	return query->nentities > 0;
}

DatomEntityScan *
datom_entity_node_scan(DatomEntityNode *node)
{
	MemoryContext old;
	DatomEntityQuery query;

	if (node->begun)
		return node->scan;
	if (!node->at.is_settled)
		settle(node, false);
	old = MemoryContextSwitchTo(node->context);
	if (make_query(node, &query))
	{
		/* What is read from an order, heap does not see. */
		if (node->at.settled.at == DT_NOEND)
			PredicateLockRelation(node->rel, node->at.settled.snapshot);
		node->scan = datom_entity_begin(node->rel, &node->at.settled, &query,
										node->shared ? &node->shared->scan : NULL);
	}
	MemoryContextSwitchTo(old);
	node->begun = true;
	return node->scan;
}

void
datom_entity_node_rescan(DatomEntityNode *node)
{
	if (node->scan)
	{
		datom_node_add_counts(&node->counts, datom_entity_counts(node->scan));
		datom_entity_end(node->scan);
	}
	node->scan = NULL;
	node->begun = false;
	MemoryContextReset(node->context);
}

void
datom_entity_node_end(DatomEntityNode *node)
{
	datom_entity_node_rescan(node);
	if (node->reader)
		datom_facts_end(node->reader);
	datom_node_unsettle(&node->at);
	table_close(node->rel, NoLock);
}

/*
 * Workers
 */

Size
datom_entity_node_shared_size(DatomEntityNode *node, ParallelContext *pcxt)
{
	return add_size(offsetof(EntityNodeShared, node),
					datom_node_shared_size(&node->at, node->table->db, pcxt));
}

void
datom_entity_node_share(DatomEntityNode *node, void *coordinate)
{
	node->shared = coordinate;
	datom_entity_shared_init(&node->shared->scan);
	datom_node_share(&node->shared->node, &node->at, node->table->db);
}

void
datom_entity_node_share_again(DatomEntityNode *node, void *coordinate)
{
	datom_entity_shared_init(&((EntityNodeShared *) coordinate)->scan);
}

void
datom_entity_node_join(DatomEntityNode *node, void *coordinate)
{
	node->shared = coordinate;
	datom_node_join(&node->shared->node, &node->at);
}

/* The memory that is shared may be gone afterwards. */
void
datom_entity_node_shutdown(DatomEntityNode *node)
{
	if (node->shared == NULL)
		return;
	if (IsParallelWorker())
	{
		datom_entity_node_rescan(node);
		datom_node_give_counts(&node->shared->node, &node->counts);
	}
	else
		datom_node_take_counts(&node->shared->node, &node->counts,
							   GetMemoryChunkContext(node->needed));
	node->shared = NULL;
}

/*
 * EXPLAIN
 */

static char *
deparse(DatomEntityNode *node, Node *expr, List *ancestors, ExplainState *es)
{
	List	   *context = set_deparse_context_plan(es->deparse_cxt, node->ps->plan, ancestors);

	return deparse_expression(expr, context, es->verbose, false);
}

static void
explain_columns(const char *label, List *names, ExplainState *es)
{
	for (ListCell *lc = list_head(names); lc; lc = lnext(names, lc))
		lfirst(lc) = strVal(lfirst(lc));
	ExplainPropertyList(label, names, es);
}

/* Is the column an attribute that a condition asks for? */
static bool
is_required(const DatomEntityNode *node, int column)
{
	for (int i = 0; i < node->plan.nclauses; i++)
		if (node->plan.clauses[i].column == column)
			return node->table->columns[column].ident != NULL;
	return false;
}

/* Are all attributes read to find rows, because any makes one? */
static bool
is_row_by_any(const DatomEntityNode *node)
{
	for (int i = 0; i < node->table->ncolumns; i++)
		if (is_required(node, i))
			return false;
	return node->table->key == NULL || node->plan.since;
}

static void
explain_attributes(DatomEntityNode *node, ExplainState *es)
{
	const DatomEntityTable *table = node->table;
	bool		by_any = is_row_by_any(node);
	List	   *idents = NIL;

	if (table->key && !node->plan.since)
		idents = lappend(idents, makeString(pstrdup(table->key)));
	for (int i = 0; i < table->ncolumns; i++)
		if (table->columns[i].ident && (node->needed[i] || by_any || is_required(node, i)))
			idents = list_append_unique(idents, makeString(pstrdup(table->columns[i].ident)));
	explain_columns("Attributes", idents, es);
}

/* As written, or what came of it when the plan ran. */
static void
explain_moment(DatomEntityNode *node, List *ancestors, ExplainState *es)
{
	const char *label = node->plan.since ? "Since" : "As of";

	if (es->analyze && node->at.is_settled && node->plan.since)
		datom_node_explain_instant(label, node->at.since, es);
	else if (es->analyze && node->at.is_settled && node->at.settled.at != DT_NOEND)
		datom_node_explain_instant(label, node->at.settled.at, es);
	else if (node->plan.moment)
		ExplainPropertyText(label, deparse(node, (Node *) node->plan.moment, ancestors, es), es);
}

static void
explain_shard(DatomEntityNode *node, List *ancestors, ExplainState *es)
{
	DatomShard	shard = node->shard;

	if (node->plan.nshards == 0)
		return;
	if (!es->analyze && !datom_shard_known(node->plan.shards, node->plan.nshards, &shard))
		ExplainPropertyText("Shard", "when it runs", es);
	else if (shard.n != 0)
		ExplainPropertyText("Shard", psprintf(INT64_FORMAT "/" INT64_FORMAT, shard.i, shard.n),
							es);
}

/* Of a call, that a column is not null is the scan's to see to, and no filter. */
static void
explain_clauses(DatomEntityNode *node, ExplainState *es)
{
	const DatomEntityPlan *plan = &node->plan;
	List	   *names = NIL;
	List	   *required = NIL;

	for (int i = 0; i < plan->nclauses; i++)
	{
		String	   *name = makeString(pstrdup(node->table->columns[plan->clauses[i].column].name));

		if (!OidIsValid(node->table->relid) && plan->clauses[i].strategy == InvalidStrategy)
			required = list_append_unique(required, name);
		else if (plan->lister < 0 || plan->lister == i)
			names = list_append_unique(names, name);
	}
	if (required != NIL)
		explain_columns("Not Null", required, es);
	if (names != NIL)
		explain_columns(plan->lister >= 0 ? "Looked up by" : "Bounded by", names, es);
}

void
datom_entity_node_explain(DatomEntityNode *node, List *ancestors, ExplainState *es)
{
	DatomScanCounts counts = node->counts;

	if (node->scan)
		datom_node_add_counts(&counts, datom_entity_counts(node->scan));
	explain_attributes(node, es);
	explain_moment(node, ancestors, es);
	explain_shard(node, ancestors, es);
	explain_clauses(node, es);
	if (!es->analyze)
		return;
	ExplainPropertyText("Order", counts.order ? counts.order : "Log", es);
	datom_node_explain_counts(&counts, es);
}
