/*
 * call_scan.c: a scan in place of a call of datom.entities().
 *
 * What the planner can see of the call is an entity table that nobody has made:
 * it has the paths, sizes and costs of one, and its scan is that of one. It is a
 * custom scan and not a foreign one, because the server believes a foreign scan
 * of one relation to be of a foreign table.
 *
 * Rights are those of the function: the caller's to the datom table, or those of
 * the role on whose behalf it is read, see behalf.c. They are
 * asked when a plan is made, since of a table that one may not read nothing is
 * estimated, and each time it starts. All that cannot be a scan, or would be an
 * error, is left to the function.
 *
 * Rows have the call's columns in their order, and the row as a whole behind them
 * if something reads it.
 *
 * custom_private	the function as it stands in the query, the node's plan, (behalf)
 * custom_exprs		those of the node's plan
 */
#include "call_scan.h"

#include "access/htup_details.h"
#include "commands/explain.h"
#include "executor/executor.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/extensible.h"
#include "nodes/makefuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/planmain.h"
#include "optimizer/plancat.h"
#include "optimizer/restrictinfo.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "behalf.h"
#include "entity_call.h"
#include "entity_paths.h"
#include "entity_slot.h"
#include "log.h"
#include "settings.h"

typedef struct CallScanState
{
	CustomScanState css;
	DatomEntityNode node;
	DatomEntitySlots slots;
	Index		rti;
	TupleDesc	whole_desc;		/* of the row as a whole; NULL: nobody reads it */
	int		   *picked;			/* the columns of the result; NULL: it is projected */
} CallScanState;

static const CustomPathMethods path_methods;
static const CustomScanMethods scan_methods;
static const CustomExecMethods exec_methods;

/*
 * Which calls
 */

/* What the call shows; NULL: it is left to the function. */
static DatomEntityTable *
table_of(RangeTblEntry *rte, DatomEntityCall *call)
{
	RangeTblFunction *function;
	Oid			reader;

	if (!datom_enable_scan || rte->rtekind != RTE_FUNCTION || rte->funcordinality ||
		list_length(rte->functions) != 1)
		return NULL;
	function = linitial(rte->functions);
	reader = datom_behalf_role(datom_behalf_of(rte));
	if (!datom_entity_call(function, call) ||
		!(datom_log_readable_by(call->db, reader) ||
		  (DATOM_BROKEN(BREAK_NO_CHECK) && datom_log_is(call->db))))
		return NULL;
	return datom_entity_call_table(call->db, reader, call->attributes,
								   datom_entity_call_desc(function), true);
}

bool
datom_call_scan_takes(RangeTblEntry *rte)
{
	DatomEntityCall call;

	return table_of(rte, &call) != NULL;
}

/*
 * Paths
 */

static Path *
make_path(PlannerInfo *root, RelOptInfo *rel, ParamPathInfo *param_info, List *private)
{
	CustomPath *path = makeNode(CustomPath);

	path->path.pathtype = T_CustomScan;
	path->path.parent = rel;
	path->path.pathtarget = rel->reltarget;
	path->path.param_info = param_info;
	path->path.parallel_safe = rel->consider_parallel;
	path->flags = CUSTOMPATH_SUPPORT_PROJECTION;
	path->custom_private = private;
	path->methods = &path_methods;
	return &path->path;
}

bool
datom_call_scan_is_path(const Path *path)
{
	return IsA(path, CustomPath) && ((const CustomPath *) path)->methods == &path_methods;
}

/* The same each time, since what it is made of is locked then. */
static DatomEntityRel *
entity_rel(PlannerInfo *root, RelOptInfo *rel, RangeTblEntry *rte)
{
	DatomEntityTable *table;
	DatomEntityCall call;

	if (rel->rtekind != RTE_FUNCTION)
		return NULL;
	if (rel->fdw_private == NULL && (table = table_of(rte, &call)) != NULL)
		rel->fdw_private = datom_entity_rel_make(root, rel, table, make_path);
	return rel->fdw_private;
}

/*
 * The server has asked whether the call may run in a worker. It is the scan that
 * runs there, with the moment settled by the leader.
 */
static bool
may_be_parallel(PlannerInfo *root, RelOptInfo *rel, RangeTblEntry *rte)
{
	DatomEntityCall call;

	return root->glob->parallelModeOK && rel->reloptkind == RELOPT_BASEREL &&
		datom_entity_call(linitial(rte->functions), &call) &&
		is_parallel_safe(root, (Node *) call.moment) &&
		is_parallel_safe(root, (Node *) rel->baserestrictinfo) &&
		is_parallel_safe(root, (Node *) rel->reltarget->exprs);
}

bool
datom_call_scan_offer(PlannerInfo *root, RelOptInfo *rel, RangeTblEntry *rte)
{
	if (entity_rel(root, rel, rte) == NULL)
		return false;
	datom_entity_rel_size(root, rel);
	rel->consider_parallel = may_be_parallel(root, rel, rte);
	rel->pathlist = NIL;
	rel->partial_pathlist = NIL;
	datom_entity_rel_paths(root, rel);
	return true;
}

/* The server asks for the first time before it knows how many rows there are. */
bool
datom_call_scan_statistics(PlannerInfo *root, RelOptInfo *rel, RangeTblEntry *rte,
						   AttrNumber column, VariableStatData *data)
{
	DatomEntityRel *entity = column > 0 ? entity_rel(root, rel, rte) : NULL;

	return entity && datom_entity_rel_statistics(entity, InvalidOid, column, data);
}

/*
 * The plan
 */

/* The target list will not do: it may be replaced when the plan is complete. */
static bool
is_whole_read(RelOptInfo *rel, List *clauses)
{
	Bitmapset  *columns = NULL;

	pull_varattnos((Node *) rel->reltarget->exprs, rel->relid, &columns);
	pull_varattnos((Node *) clauses, rel->relid, &columns);
	return bms_is_member(-FirstLowInvalidHeapAttributeNumber, columns);
}

static List *
scan_tlist(PlannerInfo *root, RelOptInfo *rel, bool whole)
{
	List	   *tlist = build_physical_tlist(root, rel);
	Var		   *var;

	if (whole)
	{
		var = makeWholeRowVar(root->simple_rte_array[rel->relid], rel->relid, 0, false);
		tlist = lappend(tlist, makeTargetEntry((Expr *) var, list_length(tlist) + 1, NULL,
											   false));
	}
	return tlist;
}

static Plan *
make_plan(PlannerInfo *root, RelOptInfo *rel, CustomPath *path, List *tlist,
		  List *clauses, List *custom_plans)
{
	RangeTblEntry *rte = root->simple_rte_array[rel->relid];
	RangeTblFunction *function = linitial(rte->functions);
	DatomEntityPlan plan = datom_entity_rel_plan(root, rel, path->custom_private, clauses);
	CustomScan *scan = makeNode(CustomScan);
	DatomEntityCall call;

	if (!datom_entity_call_read(function, &call))
		elog(ERROR, "not a call of datom.entities()");
	plan.moment = call.moment;
	plan.function = call.function;
	scan->scan.plan.targetlist = tlist;
	scan->scan.plan.qual = datom_entity_rel_quals(rel, clauses);
	scan->custom_scan_tlist = scan_tlist(root, rel,
										 is_whole_read(rel, extract_actual_clauses(clauses, false)));
	scan->flags = path->flags;
	scan->custom_exprs = datom_entity_plan_exprs(&plan);
	scan->custom_private = list_make3(function, datom_entity_plan_private(&plan),
									  list_make1_oid(datom_behalf_of(rte)));
	scan->methods = &scan_methods;
	/* The plan no longer mentions the function nor, to the plan cache, the table. */
	root->glob->relationOids = lappend_oid(root->glob->relationOids, call.db);
	record_plan_function_dependency(root, call.function);
	return &scan->scan.plan;
}

/*
 * Starting
 */

static Node *
create_state(CustomScan *plan)
{
	CallScanState *state = (CallScanState *) newNode(sizeof(CallScanState), T_CustomScanState);

	state->css.methods = &exec_methods;
	state->rti = bms_singleton_member(plan->custom_relids);
	return (Node *) state;
}

/* Is the result made of columns alone? Sets which of the slots' columns. */
static void
pick_columns(CallScanState *state)
{
	List	   *tlist = state->css.ss.ps.plan->targetlist;
	int		   *picked = palloc(sizeof(int) * Max(list_length(tlist), 1));
	ListCell   *lc;

	if (state->css.ss.ps.ps_ProjInfo == NULL)
		return;
	foreach(lc, tlist)
	{
		Var		   *var = (Var *) lfirst_node(TargetEntry, lc)->expr;
		int			i = 0;

		if (!IsA(var, Var))
			return;
		while (i < state->slots.ncolumns && state->slots.columns[i].slot != var->varattno - 1)
			i++;
		if (i == state->slots.ncolumns)
			return;
		picked[foreach_current_index(lc)] = i;
	}
	state->picked = picked;
}

static void
begin_node(CustomScanState *css, EState *estate, int eflags)
{
	CallScanState *state = (CallScanState *) css;
	CustomScan *plan = (CustomScan *) css->ss.ps.plan;
	RangeTblFunction *function = linitial(plan->custom_private);
	TupleDesc	desc = datom_entity_call_desc(function);
	Oid			reader = datom_behalf_role(linitial_oid(lthird(plan->custom_private)));
	DatomEntityCall call;

	datom_entity_node_start(&state->node, &css->ss.ps, lsecond(plan->custom_private),
							plan->custom_exprs);
	if (!datom_entity_call_read(function, &call))
		elog(ERROR, "not a call of datom.entities()");
	/* In a worker the leader has done it. */
	if (!IsParallelWorker() && !DATOM_BROKEN(BREAK_NO_CHECK))
		datom_log_require_of(call.db, reader, ACL_SELECT);
	datom_entity_node_open(&state->node,
						   datom_entity_call_table(call.db, reader, call.attributes, desc, false),
						   eflags);
	if (list_length(plan->custom_scan_tlist) > desc->natts)
		state->whole_desc = BlessTupleDesc(desc);
	datom_entity_slots_init(&state->slots, &state->node);
	pick_columns(state);
}

/*
 * Scanning
 */

static void
complete_row(const CallScanState *state, TupleTableSlot *slot)
{
	TupleDesc	desc = state->whole_desc;
	MemoryContext old;
	HeapTuple	tuple;

	if (desc == NULL)
		return;
	old = MemoryContextSwitchTo(state->css.ss.ps.ps_ExprContext->ecxt_per_tuple_memory);
	tuple = heap_form_tuple(desc, slot->tts_values, slot->tts_isnull);
	slot->tts_values[desc->natts] = heap_copy_tuple_as_datum(tuple, desc);
	slot->tts_isnull[desc->natts] = false;
	MemoryContextSwitchTo(old);
}

static bool
next_row(CallScanState *state, TupleTableSlot *slot)
{
	if (!datom_entity_slots_advance(&state->slots))
	{
		ExecClearTuple(slot);
		return false;
	}
	datom_entity_slots_store(&state->slots, slot);
	complete_row(state, slot);
	return true;
}

static TupleTableSlot *
access_row(ScanState *scan)
{
	(void) next_row((CallScanState *) scan, scan->ss_ScanTupleSlot);
	return scan->ss_ScanTupleSlot;
}

/*
 * A row that another query has changed in the meantime is looked at again,
 * together with our row that it was joined with, which the query kept. Where it
 * kept none, in a subquery, we are asked for all of ours.
 */
static bool
recheck_row(ScanState *scan, TupleTableSlot *slot)
{
	CallScanState *state = (CallScanState *) scan;
	EPQState   *epq = scan->ps.state->es_epq_active;

	if (epq->relsubs_rowmark[state->rti - 1] == NULL)
		return next_row(state, slot);
	if (epq->relsubs_done[state->rti - 1])
		return false;
	epq->relsubs_done[state->rti - 1] = true;
	if (!EvalPlanQualFetchRowMark(epq, state->rti, slot))
		return false;
	complete_row(state, slot);
	return true;
}

/* Does the row at hand meet the conditions? */
static bool
is_met(CallScanState *state)
{
	ScanState  *scan = &state->css.ss;

	if (scan->ps.qual == NULL)
		return true;
	datom_entity_slots_store(&state->slots, scan->ss_ScanTupleSlot);
	complete_row(state, scan->ss_ScanTupleSlot);
	scan->ps.ps_ExprContext->ecxt_scantuple = scan->ss_ScanTupleSlot;
	if (ExecQual(scan->ps.qual, scan->ps.ps_ExprContext))
		return true;
	InstrCountFiltered1(scan, 1);
	return false;
}

/*
 * As ExecScan() does, but the columns of the result are taken from where the batch
 * has them. The server projects the rows of any custom scan, and those of a
 * foreign scan mostly not.
 */
static TupleTableSlot *
next_picked(CallScanState *state)
{
	TupleTableSlot *slot = state->css.ss.ps.ps_ResultTupleSlot;

	do
	{
		ResetExprContext(state->css.ss.ps.ps_ExprContext);
		if (!datom_entity_slots_advance(&state->slots))
			return ExecClearTuple(slot);
	} while (!is_met(state));
	datom_entity_slots_pick(&state->slots, state->picked, slot);
	return slot;
}

static TupleTableSlot *
exec_node(CustomScanState *css)
{
	CallScanState *state = (CallScanState *) css;

	if (state->picked && css->ss.ps.state->es_epq_active == NULL)
		return next_picked(state);
	return ExecScan(&css->ss, access_row, recheck_row);
}

static void
rescan_node(CustomScanState *css)
{
	CallScanState *state = (CallScanState *) css;

	datom_entity_node_rescan(&state->node);
	datom_entity_slots_rescan(&state->slots);
	ExecScanReScan(&css->ss);
}

static void
end_node(CustomScanState *css)
{
	datom_entity_node_end(&((CallScanState *) css)->node);
}

DatomEntityNode *
datom_call_scan_node(CustomScanState *css)
{
	Assert(css->methods == &exec_methods);
	return &((CallScanState *) css)->node;
}

/*
 * Workers
 */

static Size
estimate_shared(CustomScanState *css, ParallelContext *pcxt)
{
	return datom_entity_node_shared_size(datom_call_scan_node(css), pcxt);
}

static void
begin_shared(CustomScanState *css, ParallelContext *pcxt, void *coordinate)
{
	datom_entity_node_share(datom_call_scan_node(css), coordinate);
}

static void
begin_shared_again(CustomScanState *css, ParallelContext *pcxt, void *coordinate)
{
	datom_entity_node_share_again(datom_call_scan_node(css), coordinate);
}

static void
begin_worker(CustomScanState *css, shm_toc *toc, void *coordinate)
{
	datom_entity_node_join(datom_call_scan_node(css), coordinate);
}

static void
shutdown_node(CustomScanState *css)
{
	datom_entity_node_shutdown(datom_call_scan_node(css));
}

/*
 * EXPLAIN
 */

static void
explain_node(CustomScanState *css, List *ancestors, ExplainState *es)
{
	CallScanState *state = (CallScanState *) css;
	const char *alias = list_nth(es->rtable_names, state->rti - 1);
	StringInfoData name;

	initStringInfo(&name);
	appendStringInfoString(&name, quote_identifier(get_rel_name(state->node.table->db)));
	if (alias && strcmp(alias, get_func_name(state->node.plan.function)) != 0)
		appendStringInfo(&name, " %s", quote_identifier(alias));
	ExplainPropertyText("Datom Table", name.data, es);
	datom_entity_node_explain(&state->node, ancestors, es);
}

static const CustomPathMethods path_methods = {
	.CustomName = "DatomEntities",
	.PlanCustomPath = make_plan
};

static const CustomScanMethods scan_methods = {
	.CustomName = "DatomEntities",
	.CreateCustomScanState = create_state
};

static const CustomExecMethods exec_methods = {
	.CustomName = "DatomEntities",
	.BeginCustomScan = begin_node,
	.ExecCustomScan = exec_node,
	.EndCustomScan = end_node,
	.ReScanCustomScan = rescan_node,
	.EstimateDSMCustomScan = estimate_shared,
	.InitializeDSMCustomScan = begin_shared,
	.ReInitializeDSMCustomScan = begin_shared_again,
	.InitializeWorkerCustomScan = begin_worker,
	.ShutdownCustomScan = shutdown_node,
	.ExplainCustomScan = explain_node
};

void
datom_call_scan_init(void)
{
	RegisterCustomScanMethods(&scan_methods);
}
