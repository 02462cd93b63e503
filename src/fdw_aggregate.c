/*
 * fdw_aggregate.c: aggregates computed inside the scan of an entity table, or of a
 * call of datom.entities().
 *
 * A custom scan takes the place of the aggregate and has the plain scan below it.
 * It does not ask it for rows: it takes the batches of its scan, checks the
 * conditions that the plan left to the executor, and adds what is selected. So the
 * moment, rights, bounds and shards are the plain scan's own, and so is what
 * EXPLAIN says of them.
 *
 * Offered for one relation, grouped by plain columns or not at all, with
 * count(*), count, sum, avg, min and max of plain columns; an expression over
 * them, and HAVING, are evaluated by the node on its rows. Results are those of
 * Postgres's aggregates, see entity_sums.c.
 *
 * custom_scan_tlist	keys, then aggregates
 * custom_private		the equality operators of the keys
 */
#include "fdw.h"

#include "catalog/objectaccess.h"
#include "catalog/pg_aggregate.h"
#include "commands/explain.h"
#include "executor/executor.h"
#include "executor/instrument.h"
#include "miscadmin.h"
#include "nodes/extensible.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/tlist.h"
#include "utils/acl.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/ruleutils.h"
#include "utils/selfuncs.h"
#include "utils/syscache.h"

#include "call_scan.h"
#include "entity_selected.h"
#include "entity_filter.h"
#include "entity_groups.h"
#include "entity_sums.h"
#include "settings.h"

/* What adding a value costs, in operators. */
#define ADDING 0.1

/* What is left of a scan's costs for rows and their values if none are handed out. */
#define SCANNING 0.1

typedef struct AggregateState
{
	CustomScanState css;
	ScanState  *child;
	DatomFilter *filter;		/* the scan's conditions; NULL: not looked at yet */
	int			nkeys;
	int			nsums;

	MemoryContext context;		/* of what was computed */
	MemoryContext row_context;
	bool		done;
	DatomGroups *groups;		/* NULL: one group of all rows */
	DatomSums  *sums;
	uint32		next;			/* group to be returned */
} AggregateState;

static const CustomPathMethods path_methods;
static const CustomScanMethods scan_methods;
static const CustomExecMethods exec_methods;

/*
 * Aggregates
 */

/* The column, or 0. */
static AttrNumber
plain_column(const Expr *expr)
{
	const Var  *var = (const Var *) expr;

	return IsA(expr, Var) && var->varlevelsup == 0 && var->varattno > 0 ? var->varattno : 0;
}

/* min and max are those that a sort operator could answer. */
static bool
match_best(Oid aggregate, DatomSum *sum)
{
	HeapTuple	tuple = SearchSysCache1(AGGFNOID, ObjectIdGetDatum(aggregate));
	Form_pg_aggregate form = (Form_pg_aggregate) GETSTRUCT(tuple);
	Oid			family;
	Oid			type;
	int16		strategy;
	bool		found = aggregate < FirstNormalObjectId &&
	get_ordering_op_properties(form->aggsortop, &family, &type, &strategy);

	if (found)
	{
		sum->kind = strategy == BTLessStrategyNumber ? SUM_MIN : SUM_MAX;
		sum->better = form->aggtransfn;
	}
	ReleaseSysCache(tuple);
	return found;
}

static bool
match_kind(Oid aggregate, DatomSum *sum)
{
	switch (aggregate)
	{
		case F_COUNT_ANY:
			sum->kind = SUM_COUNT;
			return true;
		case F_SUM_INT8:
		case F_SUM_NUMERIC:
		case F_SUM_FLOAT8:
			sum->kind = SUM_SUM;
			return true;
		case F_AVG_INT8:
		case F_AVG_NUMERIC:
		case F_AVG_FLOAT8:
			sum->kind = SUM_AVG;
			return true;
		default:
			return match_best(aggregate, sum);
	}
}

/* Is it one that we compute? Its column is a number in the foreign table then. */
static bool
match_aggregate(const Aggref *agg, DatomSum *sum)
{
	const Expr *argument;

	*sum = (DatomSum) {.kind = SUM_ROWS};
	if (agg->aggkind != AGGKIND_NORMAL || agg->aggfilter || agg->aggdistinct ||
		agg->aggorder || agg->aggsplit != AGGSPLIT_SIMPLE)
		return false;
	if (agg->aggfnoid == F_COUNT_)
		return true;
	if (list_length(agg->args) != 1)
		return false;
	argument = linitial_node(TargetEntry, agg->args)->expr;
	if (agg->aggfnoid == F_COUNT_ANY && IsA(argument, Const))
		return !((const Const *) argument)->constisnull;
	sum->column = plain_column(argument);
	sum->type = exprType((const Node *) argument);
	sum->typmod = exprTypmod((const Node *) argument);
	sum->collation = agg->inputcollid;
	return sum->column != 0 && match_kind(agg->aggfnoid, sum);
}

/*
 * Planning
 */

/* The cheapest plain scan of the table, with the columns that are read. */
static Path *
find_scan(RelOptInfo *rel)
{
	Path	   *best = NULL;
	ListCell   *lc;

	foreach(lc, rel->pathlist)
	{
		Path	   *path = lfirst(lc);
		Path	   *scan = path;

		while (IsA(scan, ProjectionPath))
			scan = ((ProjectionPath *) scan)->subpath;
		if ((IsA(scan, ForeignPath) || datom_call_scan_is_path(scan)) &&
			path->param_info == NULL &&
			!path->parallel_aware && (best == NULL || path->total_cost < best->total_cost))
			best = path;
	}
	return best;
}

/* Conditions that are checked row by row, on columns. */
static bool
are_quals_plain(RelOptInfo *rel)
{
	ListCell   *lc;

	foreach(lc, rel->baserestrictinfo)
	{
		RestrictInfo *info = lfirst_node(RestrictInfo, lc);
		Bitmapset  *columns = NULL;

		if (info->pseudoconstant)
			return false;
		pull_varattnos((Node *) info->clause, rel->relid, &columns);
		if (bms_next_member(columns, -1) >= 0 &&
			bms_next_member(columns, -1) + FirstLowInvalidHeapAttributeNumber <= 0)
			return false;
	}
	return true;
}

/* Adds the keys and their operators; false if one is no plain column. */
static bool
add_keys(PlannerInfo *root, List **tlist, List **equals)
{
	ListCell   *lc;

	foreach(lc, root->parse->groupClause)
	{
		SortGroupClause *clause = lfirst_node(SortGroupClause, lc);
		Expr	   *expr = (Expr *) get_sortgroupclause_expr(clause, root->processed_tlist);

		if (plain_column(expr) == 0 || !clause->hashable)
			return false;
		if (tlist_member(expr, *tlist))
			continue;
		*tlist = add_to_flat_tlist(*tlist, list_make1(expr));
		*equals = lappend_oid(*equals, clause->eqop);
	}
	return true;
}

/* Adds the aggregates of the expressions; false if something else is read. */
static bool
add_aggregates(List *exprs, List **tlist)
{
	List	   *found = pull_var_clause((Node *) exprs, PVC_INCLUDE_AGGREGATES |
										PVC_RECURSE_PLACEHOLDERS);
	ListCell   *lc;

	foreach(lc, found)
	{
		DatomSum	sum;

		if (tlist_member(lfirst(lc), *tlist))
			continue;
		if (!IsA(lfirst(lc), Aggref) || !match_aggregate(lfirst(lc), &sum))
			return false;
		*tlist = add_to_flat_tlist(*tlist, list_make1(lfirst(lc)));
	}
	return true;
}

/* Does the memory for hash tables hold so many groups? */
static bool
fits_memory(const List *tlist, int nkeys, double groups)
{
	Size		size = datom_groups_size(nkeys) + datom_sums_size(list_length(tlist) - nkeys);

	for (int i = 0; i < nkeys; i++)
	{
		Node	   *key = (Node *) list_nth_node(TargetEntry, tlist, i)->expr;

		if (!get_typbyval(exprType(key)))
			size += get_typavgwidth(exprType(key), exprTypmod(key));
	}
	return nkeys == 0 || groups * size <= get_hash_memory_limit();
}

/* Rows are not handed out, which is most of what a scan costs. */
static void
set_costs(PlannerInfo *root, CustomPath *path, const Path *scan, double groups,
		  double entries, List *having)
{
	Cost		handing = scan->rows * (cpu_tuple_cost + cpu_operator_cost *
										list_length(scan->pathtarget->exprs));
	Cost		cost = scan->total_cost -
	Min(handing, scan->total_cost - scan->startup_cost) * (1 - SCANNING);

	cost += scan->rows * entries * cpu_operator_cost * ADDING;
	path->path.startup_cost = cost;
	path->path.total_cost = cost + groups * cpu_tuple_cost;
	path->path.rows = groups;
	if (having != NIL)
	{
		QualCost	quals;

		cost_qual_eval(&quals, having, root);
		path->path.startup_cost += quals.startup;
		path->path.total_cost += quals.startup + quals.per_tuple * groups;
		path->path.rows = clamp_row_est(groups * clauselist_selectivity(root, having, 0,
																		JOIN_INNER, NULL));
	}
	path->path.startup_cost += path->path.pathtarget->cost.startup;
	path->path.total_cost += path->path.pathtarget->cost.startup +
		path->path.pathtarget->cost.per_tuple * path->path.rows;
}

static void
offer(PlannerInfo *root, RelOptInfo *input, RelOptInfo *output, List *having)
{
	Path	   *scan = find_scan(input);
	CustomPath *path;
	List	   *tlist = NIL;
	List	   *equals = NIL;
	double		groups = 1;

	if (scan == NULL || !are_quals_plain(input) || !add_keys(root, &tlist, &equals) ||
		!add_aggregates(output->reltarget->exprs, &tlist) || !add_aggregates(having, &tlist))
		return;
	if (equals != NIL)
		groups = estimate_num_groups(root, get_sortgrouplist_exprs(root->parse->groupClause,
																   root->processed_tlist),
									 scan->rows, NULL, NULL);
	if (!fits_memory(tlist, list_length(equals), groups))
		return;
	path = makeNode(CustomPath);
	path->path.pathtype = T_CustomScan;
	path->path.parent = output;
	path->path.pathtarget = output->reltarget;
	path->flags = CUSTOMPATH_SUPPORT_PROJECTION;
	path->custom_paths = list_make1(scan);
	path->custom_private = list_make3(tlist, equals, having);
	path->methods = &path_methods;
	set_costs(root, path, scan, groups, list_length(tlist), having);
	add_path(output, &path->path);
}

void
datom_aggregate_offer(PlannerInfo *root, UpperRelationKind stage, RelOptInfo *input,
					  RelOptInfo *output, void *extra)
{
	const GroupPathExtraData *grouping = extra;

	if (stage != UPPERREL_GROUP_AGG || !datom_enable_aggregates ||
		input->reloptkind != RELOPT_BASEREL || root->parse->groupingSets ||
		grouping->patype != PARTITIONWISE_AGGREGATE_NONE)
		return;
	offer(root, input, output, (List *) grouping->havingQual);
}

static Plan *
make_plan(PlannerInfo *root, RelOptInfo *rel, CustomPath *path, List *tlist,
		  List *clauses, List *custom_plans)
{
	CustomScan *scan = makeNode(CustomScan);

	scan->scan.plan.targetlist = tlist;
	scan->scan.plan.qual = lthird(path->custom_private);
	scan->flags = path->flags;
	scan->custom_plans = custom_plans;
	scan->custom_scan_tlist = linitial(path->custom_private);
	scan->custom_private = lsecond(path->custom_private);
	scan->methods = &scan_methods;
	return &scan->scan.plan;
}

/*
 * Starting
 */

static Node *
create_state(CustomScan *plan)
{
	AggregateState *state = (AggregateState *) newNode(sizeof(AggregateState), T_CustomScanState);

	state->css.methods = &exec_methods;
	state->nkeys = list_length(plan->custom_private);
	state->nsums = list_length(plan->custom_scan_tlist) - state->nkeys;
	return (Node *) state;
}

/* As the executor does for an aggregate that it computes. */
static void
check_rights(const AggregateState *state)
{
	const CustomScan *plan = (const CustomScan *) state->css.ss.ps.plan;

	for (int i = 0; i < state->nsums; i++)
	{
		Oid			function = castNode(Aggref, list_nth_node(TargetEntry, plan->custom_scan_tlist,
															  state->nkeys + i)->expr)->aggfnoid;
		AclResult	result = pg_proc_aclcheck(function, GetUserId(), ACL_EXECUTE);

		if (result != ACLCHECK_OK)
			aclcheck_error(result, OBJECT_AGGREGATE, get_func_name(function));
		InvokeFunctionExecuteHook(function);
	}
}

static void
begin_node(CustomScanState *css, EState *estate, int eflags)
{
	AggregateState *state = (AggregateState *) css;
	CustomScan *plan = (CustomScan *) css->ss.ps.plan;
	PlanState  *child = ExecInitNode(linitial(plan->custom_plans), estate, eflags);

	css->custom_ps = list_make1(child);
	state->child = (ScanState *) child;
	state->context = AllocSetContextCreate(CurrentMemoryContext, "datom aggregates",
										   ALLOCSET_DEFAULT_SIZES);
	state->row_context = AllocSetContextCreate(CurrentMemoryContext, "datom aggregates row",
											   ALLOCSET_SMALL_SIZES);
	check_rights(state);
}

/*
 * Computing
 */

static DatomGroups *
create_groups(AggregateState *state, const DatomEntityTable *table)
{
	CustomScan *plan = (CustomScan *) state->css.ss.ps.plan;
	DatomGroupKey *keys = palloc(sizeof(DatomGroupKey) * state->nkeys);

	for (int i = 0; i < state->nkeys; i++)
	{
		Var		   *var = castNode(Var, list_nth_node(TargetEntry, plan->custom_scan_tlist, i)->expr);

		keys[i] = (DatomGroupKey) {
			.column = datom_entity_table_column(table, var->varattno), .type = var->vartype,
				.equal = list_nth_oid(plan->custom_private, i), .collation = var->varcollid
		};
	}
	return datom_groups_create(keys, state->nkeys);
}

static DatomSums *
create_sums(AggregateState *state, const DatomEntityTable *table)
{
	CustomScan *plan = (CustomScan *) state->css.ss.ps.plan;
	DatomSum   *list = palloc(sizeof(DatomSum) * state->nsums);

	for (int i = 0; i < state->nsums; i++)
	{
		TargetEntry *entry = list_nth_node(TargetEntry, plan->custom_scan_tlist, state->nkeys + i);

		if (!match_aggregate(castNode(Aggref, entry->expr), &list[i]))
			elog(ERROR, "not an aggregate of entity tables");
		if (list[i].kind != SUM_ROWS)
			list[i].column = datom_entity_table_column(table, list[i].column);
	}
	return datom_sums_create(list, state->nsums);
}

/* The scan below counts its rows as if it had handed them out. */
static bool
next_batch(AggregateState *state, DatomSelection *batch)
{
	Instrumentation *instrument = state->child->ps.instrument;
	bool		found;

	CHECK_FOR_INTERRUPTS();
	if (instrument)
		InstrStartNode(instrument);
	found = datom_selected_next(batch);
	if (found)
	{
		datom_filter_select(state->filter, batch);
		InstrCountFiltered1(state->child, batch->size - batch->n);
	}
	if (instrument)
		InstrStopNode(instrument, found ? batch->n : 0);
	return found;
}

/* What belongs to the plan node stays as long as that. */
static void
begin_filter(AggregateState *state, const DatomEntityTable *table)
{
	MemoryContext old = MemoryContextSwitchTo(state->css.ss.ps.state->es_query_cxt);

	if (state->filter == NULL)
		state->filter = datom_filter_create(state->child, table);
	MemoryContextSwitchTo(state->row_context);
	datom_filter_begin(state->filter);
	MemoryContextSwitchTo(old);
	MemoryContextReset(state->row_context);
}

static DatomEntityNode *
node_of(ScanState *scan)
{
	return IsA(scan, ForeignScanState) ? datom_fdw_node((ForeignScanState *) scan) :
		datom_call_scan_node((CustomScanState *) scan);
}

static void
compute(AggregateState *state)
{
	MemoryContext old = MemoryContextSwitchTo(state->context);
	DatomSelection *batch = palloc0(sizeof(DatomSelection));
	DatomEntityNode *node = node_of(state->child);
	const uint32 *groups = NULL;
	uint32		ngroups = 1;

	if (state->child->ps.chgParam != NULL)
		ExecReScan(&state->child->ps);
	batch->scan = datom_entity_node_scan(node);
	batch->table = node->table;
	state->groups = state->nkeys > 0 ? create_groups(state, batch->table) : NULL;
	state->sums = create_sums(state, batch->table);
	if (batch->scan != NULL)
		begin_filter(state, batch->table);
	while (batch->scan != NULL && next_batch(state, batch))
	{
		MemoryContextSwitchTo(state->row_context);
		if (state->groups)
		{
			groups = datom_groups_of(state->groups, batch);
			ngroups = datom_groups_count(state->groups);
		}
		datom_sums_add(state->sums, batch, groups, ngroups);
		MemoryContextReset(state->row_context);
	}
	pfree(batch);
	MemoryContextSwitchTo(old);
	state->done = true;
	state->next = 0;
}

/*
 * Returning
 */

static void
fill_slot(AggregateState *state, TupleTableSlot *slot)
{
	for (int i = 0; i < state->nkeys; i++)
		slot->tts_values[i] = datom_groups_key(state->groups, state->next, i,
											   &slot->tts_isnull[i]);
	for (int i = 0; i < state->nsums; i++)
		slot->tts_values[state->nkeys + i] =
			datom_sums_result(state->sums, state->next, i, &slot->tts_isnull[state->nkeys + i]);
}

static TupleTableSlot *
access_group(ScanState *scan)
{
	AggregateState *state = (AggregateState *) scan;
	TupleTableSlot *slot = scan->ss_ScanTupleSlot;
	MemoryContext old;

	ExecClearTuple(slot);
	if (!state->done)
		compute(state);
	if (state->next >= (state->groups ? datom_groups_count(state->groups) : 1))
		return slot;
	MemoryContextReset(state->row_context);
	old = MemoryContextSwitchTo(state->row_context);
	fill_slot(state, slot);
	MemoryContextSwitchTo(old);
	state->next++;
	return ExecStoreVirtualTuple(slot);
}

/*
 * Where a row of another table is looked at again that a concurrent transaction has
 * changed, a subquery in its conditions is run again, and may ask here for all of ours.
 */
static bool
recheck_group(ScanState *scan, TupleTableSlot *slot)
{
	return !TupIsNull(access_group(scan));
}

static TupleTableSlot *
exec_node(CustomScanState *css)
{
	return ExecScan(&css->ss, access_group, recheck_group);
}

/* What was computed stays, unless the scan below depends on what has changed. */
static void
rescan_node(CustomScanState *css)
{
	AggregateState *state = (AggregateState *) css;
	PlanState  *child = &state->child->ps;

	ExecScanReScan(&css->ss);
	state->next = 0;
	if (css->ss.ps.chgParam != NULL)
		UpdateChangedParamSet(child, css->ss.ps.chgParam);
	if (child->chgParam == NULL)
		return;
	MemoryContextReset(state->context);
	state->done = false;
}

static void
end_node(CustomScanState *css)
{
	ExecEndNode(linitial(css->custom_ps));
}

/*
 * EXPLAIN
 */

static void
explain_list(const char *label, AggregateState *state, int from, int to,
			 List *ancestors, ExplainState *es)
{
	CustomScan *plan = (CustomScan *) state->css.ss.ps.plan;
	List	   *context = set_deparse_context_plan(es->deparse_cxt, &plan->scan.plan, ancestors);
	bool		prefix = list_length(es->rtable) > 1 || es->verbose;
	List	   *texts = NIL;

	for (int i = from; i < to; i++)
		texts = lappend(texts, deparse_expression((Node *) list_nth_node(TargetEntry,
																		 plan->custom_scan_tlist,
																		 i)->expr,
												  context, prefix, false));
	if (texts != NIL)
		ExplainPropertyList(label, texts, es);
}

static void
explain_node(CustomScanState *css, List *ancestors, ExplainState *es)
{
	AggregateState *state = (AggregateState *) css;

	explain_list("Group Key", state, 0, state->nkeys, ancestors, es);
	explain_list("Aggregated in Scan", state, state->nkeys, state->nkeys + state->nsums,
				 ancestors, es);
}

static const CustomPathMethods path_methods = {
	.CustomName = "DatomAggregate",
	.PlanCustomPath = make_plan
};

static const CustomScanMethods scan_methods = {
	.CustomName = "DatomAggregate",
	.CreateCustomScanState = create_state
};

static const CustomExecMethods exec_methods = {
	.CustomName = "DatomAggregate",
	.BeginCustomScan = begin_node,
	.ExecCustomScan = exec_node,
	.EndCustomScan = end_node,
	.ReScanCustomScan = rescan_node,
	.ExplainCustomScan = explain_node
};

void
datom_fdw_aggregate_routines(FdwRoutine *routine)
{
	routine->GetForeignUpperPaths = datom_aggregate_offer;
}
