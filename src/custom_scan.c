/*
 * custom_scan.c: the node of a plan that scans a datom table.
 *
 * It answers what a table in FROM or a call of as_of(), since() or history()
 * there asks, with the same rows, but hands conditions to the scan as bounds,
 * and does not make what nobody reads. Conditions are checked on each row all
 * the same, by the executor.
 *
 * Rights are checked when the plan starts: of a function those that its call
 * needs, as the current user, but to the table as the role on whose behalf it is
 * read; of a table the executor has checked them. Only then is the table locked.
 *
 * The moment is settled once, when the first row is asked for, as the function
 * would do it: a scan that is never run raises no error. In a plan with workers
 * it is settled when the plan starts, because in parallel mode no newer snapshot
 * may be taken, and the workers are given the moment and its snapshot. A moment
 * that depends on rows of other tables is looked at with each rescan. What was
 * settled stays so until the end, across rescans and fetches, so its snapshot
 * belongs to the resource owner under which the plan was started.
 *
 * custom_private	(relid funcid cast behalf) (kind flags) "order"
 * custom_exprs		the moment, if there is one, the clauses of the bounds and of
 *					shards
 */
#include "custom_scan.h"

#include "access/parallel.h"
#include "access/table.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_proc.h"
#include "commands/explain.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/extensible.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/appendinfo.h"
#include "optimizer/optimizer.h"
#include "optimizer/planmain.h"
#include "optimizer/plancat.h"
#include "optimizer/restrictinfo.h"
#include "optimizer/tlist.h"
#include "storage/predicate.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/ruleutils.h"
#include "utils/snapmgr.h"
#include "utils/typcache.h"

#include "behalf.h"
#include "bounds.h"
#include "datom.h"
#include "log.h"
#include "node.h"
#include "settings.h"
#include "shard_clause.h"
#include "tail.h"
#include "timetravel.h"

/* Flags of a plan, and of what its rows must have. */
#define HAS_MOMENT 1
#define IS_LATE 2
#define NEED_WHOLE 4			/* the row as a whole, in the column below */
#define NEED_A 8				/* these: known when the plan starts */
#define NEED_V 16
#define NEED_TX 32

/* The column behind those of a question's rows, for NEED_WHOLE. */
#define WHOLE_ROW Natts_datom

/* What the processes of a scan share. */
typedef struct ScanShared
{
	DatomScanShared scan;
	DatomNodeShared node;
} ScanShared;

typedef struct DatomScanState
{
	CustomScanState css;
	DatomQuestion question;
	const char *order;			/* expected when the plan was made */
	int			flags;
	TupleDesc	whole_desc;		/* for NEED_WHOLE */
	Index		rti;
	Relation	rel;

	ExprState  *moment;
	DatomBound *bounds;
	int			nbounds;
	DatomShardClause *shards;
	int			nshards;
	DatomShard	shard;			/* of the last scan */

	DatomNodeMoment at;
	DatomMoment asked;			/* what it was settled for */

	MemoryContext context;		/* of one scan */
	bool		begun;
	DatomScan  *scan;			/* NULL though begun: no row can come */
	DatomScanCounts counts;		/* of the scans that have ended */
	ScanShared *shared;
} DatomScanState;

DatomScanMode
datom_question_mode(const DatomQuestion *question)
{
	switch (question->kind)
	{
		case QUESTION_ROWS:
			return SCAN_ROWS;
		case QUESTION_HISTORY:
			return SCAN_HISTORY;
		default:
			return SCAN_AS_OF;
	}
}

/*
 * Planning
 */

static const CustomPathMethods path_methods;
static const CustomScanMethods scan_methods;
static const CustomExecMethods exec_methods;

CustomPath *
datom_custom_path(RelOptInfo *rel, ParamPathInfo *param_info,
				  const DatomQuestion *question, const char *order, List *implied)
{
	CustomPath *path = makeNode(CustomPath);

	path->path.pathtype = T_CustomScan;
	path->path.parent = rel;
	path->path.pathtarget = rel->reltarget;
	path->path.param_info = param_info;
	path->flags = CUSTOMPATH_SUPPORT_PROJECTION;
	path->custom_private = list_make5(list_make4_oid(question->relid, question->funcid,
													 question->cast, question->behalf),
									  list_make2_int(question->kind, question->late),
									  makeString(pstrdup(order ? order : "")),
									  question->moment, implied);
	path->methods = &path_methods;
	return path;
}

static DatomQuestion
question_of_path(const CustomPath *path)
{
	List	   *oids = linitial(path->custom_private);
	List	   *ints = lsecond(path->custom_private);

	return (DatomQuestion) {
		.relid = linitial_oid(oids), .funcid = lsecond_oid(oids), .cast = lthird_oid(oids),
			.behalf = lfourth_oid(oids),
			.kind = linitial_int(ints), .late = lsecond_int(ints),
			.moment = lfourth(path->custom_private)
	};
}

/* A join of partitions: the outer relation is now one of its children. */
static List *
reparameterize(PlannerInfo *root, List *custom_private, RelOptInfo *child)
{
	List	   *private = list_copy(custom_private);

	if (lfourth(private) != NULL)
		lfourth(private) = adjust_appendrel_attrs_multilevel(root, lfourth(private),
															 child->relids,
															 child->top_parent_relids);
	return private;
}

/*
 * A question's rows have the columns of a datom in their order, and the row as a
 * whole behind them if something reads it.
 */
static List *
scan_tlist(PlannerInfo *root, RelOptInfo *rel, bool whole)
{
	List	   *tlist = build_physical_tlist(root, rel);
	Var		   *var;

	if (whole)
	{
		var = makeWholeRowVar(root->simple_rte_array[rel->relid], rel->relid, 0, false);
		tlist = lappend(tlist, makeTargetEntry((Expr *) var, WHOLE_ROW + 1, NULL, false));
	}
	return tlist;
}

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
bound_clauses(List *clauses, Index relid, Oid cast)
{
	List	   *found = NIL;
	DatomBound	bound;
	DatomShardClause shard;
	ListCell   *lc;

	foreach(lc, clauses)
		if (datom_bound_match_cast(lfirst(lc), relid, cast, &bound))
			found = lappend(found, bound.clause);
		else if (datom_shard_match(lfirst(lc), relid, Anum_datom_e, &shard))
			found = lappend(found, shard.clause);
	return found;
}

/*
 * The plan no longer mentions the function nor, to the eyes of the plan cache,
 * the table.
 */
static void
note_dependencies(PlannerInfo *root, const DatomQuestion *question)
{
	if (!OidIsValid(question->funcid))
		return;
	root->glob->relationOids = lappend_oid(root->glob->relationOids, question->relid);
	record_plan_function_dependency(root, question->funcid);
}

static Plan *
make_plan(PlannerInfo *root, RelOptInfo *rel, CustomPath *path, List *tlist,
		  List *clauses, List *custom_plans)
{
	DatomQuestion question = question_of_path(path);
	CustomScan *scan = makeNode(CustomScan);
	int			flags = question.late ? IS_LATE : 0;

	clauses = extract_actual_clauses(clauses, false);
	if (OidIsValid(question.funcid) && is_whole_read(rel, clauses))
		flags |= NEED_WHOLE;
	scan->scan.plan.targetlist = tlist;
	scan->scan.plan.qual = clauses;
	if (OidIsValid(question.funcid))
		scan->custom_scan_tlist = scan_tlist(root, rel, flags & NEED_WHOLE);
	else
		scan->scan.scanrelid = rel->relid;
	scan->flags = path->flags;
	scan->custom_exprs = list_concat(bound_clauses(clauses, rel->relid, question.cast),
									 bound_clauses(list_nth(path->custom_private, 4), rel->relid,
												   question.cast));
	if (question.moment)
	{
		scan->custom_exprs = lcons(question.moment, scan->custom_exprs);
		flags |= HAS_MOMENT;
	}
	scan->custom_private = list_make3(linitial(path->custom_private),
									  list_make2_int(question.kind, flags),
									  lthird(path->custom_private));
	scan->methods = &scan_methods;
	note_dependencies(root, &question);
	return &scan->scan.plan;
}

/*
 * Starting
 */

static Node *
create_state(CustomScan *plan)
{
	DatomScanState *state = (DatomScanState *) newNode(sizeof(DatomScanState), T_CustomScanState);
	List	   *oids = linitial(plan->custom_private);
	List	   *ints = lsecond(plan->custom_private);

	state->css.methods = &exec_methods;
	state->flags = lsecond_int(ints);
	state->question = (DatomQuestion) {
		.relid = linitial_oid(oids), .funcid = lsecond_oid(oids), .behalf = lfourth_oid(oids),
			.kind = linitial_int(ints), .late = state->flags & IS_LATE
	};
	if (state->flags & HAS_MOMENT)
		state->question.moment = linitial(plan->custom_exprs);
	state->order = strVal(lthird(plan->custom_private));
	state->rti = bms_singleton_member(plan->custom_relids);
	return (Node *) state;
}

/* The columns that the node's expressions read; 0 is the row as a whole. */
static int
needs_of(const CustomScan *plan, int varno)
{
	Bitmapset  *columns = NULL;
	int			needs = 0;
	int			i = -1;

	pull_varattnos((Node *) plan->scan.plan.targetlist, varno, &columns);
	pull_varattnos((Node *) plan->scan.plan.qual, varno, &columns);
	while ((i = bms_next_member(columns, i)) >= 0)
		switch (i + FirstLowInvalidHeapAttributeNumber)
		{
			case Anum_datom_a:
				needs |= NEED_A;
				break;
			case Anum_datom_v:
				needs |= NEED_V;
				break;
			case Anum_datom_tx:
				needs |= NEED_TX;
				break;
			case 0:
			case WHOLE_ROW + 1:
				needs |= NEED_A | NEED_V | NEED_TX;
				break;
		}
	return needs;
}

/* What a call of the function asks for, before it opens the table. */
static void
check_rights(const DatomQuestion *question)
{
	AclResult	result;

	if (DATOM_BROKEN(BREAK_NO_CHECK))
		return;
	result = pg_proc_aclcheck(question->funcid, GetUserId(), ACL_EXECUTE);
	if (result != ACLCHECK_OK)
		aclcheck_error(result, OBJECT_FUNCTION, get_func_name(question->funcid));
	InvokeFunctionExecuteHook(question->funcid);
	datom_log_require_of(question->relid, datom_behalf_role(question->behalf), ACL_SELECT);
}

static void
init_expressions(DatomScanState *state)
{
	CustomScan *plan = (CustomScan *) state->css.ss.ps.plan;
	int			varno = plan->scan.scanrelid > 0 ? (int) plan->scan.scanrelid : INDEX_VAR;
	ListCell   *lc;

	state->flags |= needs_of(plan, varno);
	state->bounds = palloc(sizeof(DatomBound) * list_length(plan->custom_exprs));
	state->shards = palloc(sizeof(DatomShardClause) * list_length(plan->custom_exprs));
	foreach(lc, plan->custom_exprs)
	{
		DatomBound *bound = &state->bounds[state->nbounds];
		DatomShardClause *shard = &state->shards[state->nshards];

		if (lfirst(lc) == state->question.moment)
		{
			state->moment = ExecInitExpr(lfirst(lc), &state->css.ss.ps);
			continue;
		}
		if (datom_shard_match(lfirst(lc), varno, Anum_datom_e, shard))
		{
			datom_shard_init(shard, &state->css.ss.ps);
			state->nshards++;
			continue;
		}
		/* A function in it may have turned volatile; the condition itself stays. */
		if (!datom_bound_match(lfirst(lc), varno, bound))
			continue;
		bound->state = ExecInitExpr(bound->operand, &state->css.ss.ps);
		state->nbounds++;
	}
}

/* A question's rows as composite values are of the type of its last column. */
static TupleDesc
whole_desc(const CustomScan *plan)
{
	TargetEntry *last = llast_node(TargetEntry, plan->custom_scan_tlist);

	return lookup_rowtype_tupdesc_copy(exprType((Node *) last->expr), -1);
}

static void settle(DatomScanState *state, bool early);

static void
begin_node(CustomScanState *css, EState *estate, int eflags)
{
	DatomScanState *state = (DatomScanState *) css;

	init_expressions(state);
	state->at.owner = CurrentResourceOwner;
	state->counts.basis = DT_NOBEGIN;
	state->context = AllocSetContextCreate(CurrentMemoryContext, "datom scan",
										   ALLOCSET_DEFAULT_SIZES);
	if (OidIsValid(state->question.funcid))
	{
		/* In a worker the leader has done it. */
		if (!IsParallelWorker())
			check_rights(&state->question);
		state->rel = table_open(state->question.relid, AccessShareLock);
	}
	else
	{
		/* WHERE CURRENT OF would look for the place of our rows in the heap. */
		state->rel = css->ss.ss_currentRelation;
		css->ss.ss_currentRelation = NULL;
	}
	if (state->flags & NEED_WHOLE)
		state->whole_desc = whole_desc((CustomScan *) css->ss.ps.plan);
	if (estate->es_plannedstmt->parallelModeNeeded && !IsParallelWorker() &&
		(eflags & EXEC_FLAG_EXPLAIN_ONLY) == 0)
		settle(state, true);
}

/*
 * The moment
 */

/* False where it is null and that need not be an error yet. */
static bool
read_moment(DatomScanState *state, bool null_ok, DatomMoment *moment)
{
	bool		isnull;
	Datum		value = ExecEvalExprSwitchContext(state->moment,
												  state->css.ss.ps.ps_ExprContext,
												  &isnull);

	if (isnull && null_ok)
		return false;
	*moment = datom_moment_of(exprType(state->question.moment), value, isnull);
	return true;
}

static void
settle_for(DatomScanState *state, DatomMoment moment)
{
	datom_node_settle(&state->at, state->question.relid, moment);
	state->asked = moment;
}

static bool
is_asked(const DatomScanState *state, DatomMoment moment)
{
	return state->asked.kind == moment.kind && state->asked.tx == moment.tx &&
		state->asked.instant == moment.instant;
}

/* `early`: before anything asks for a row; see the head of this file. */
static void
settle(DatomScanState *state, bool early)
{
	DatomMoment moment = {.kind = MOMENT_NOW};

	if (state->question.kind == QUESTION_ROWS)
	{
		datom_node_borrow(&state->at, state->css.ss.ps.state->es_snapshot);
		return;
	}
	if (state->moment && !read_moment(state, early, &moment))
		return;
	state->at.since = state->question.kind == QUESTION_SINCE ?
		datom_moment_instant(state->question.relid, moment) : DT_NOBEGIN;
	if (state->question.kind == QUESTION_AS_OF && state->moment)
	{
		if (!state->at.is_settled || !is_asked(state, moment))
			settle_for(state, moment);
	}
	else if (!state->at.is_settled)
		settle_for(state, datom_moment_in_force());
}

/*
 * Scanning
 */

static void
begin_scan(DatomScanState *state)
{
	MemoryContext old = MemoryContextSwitchTo(state->context);
	DatomScanQuery query = {
		.mode = datom_question_mode(&state->question),
		.e_min = PG_INT64_MIN, .e_max = PG_INT64_MAX,
		.need_a = state->flags & NEED_A, .need_v = state->flags & NEED_V,
		.need_tx = state->flags & NEED_TX
	};

	if (!state->at.is_settled || state->question.late)
		settle(state, false);
	query.since = state->at.since;
	if (datom_shards_eval(state->shards, state->nshards,
						  state->css.ss.ps.ps_ExprContext, &query.shard) &&
		datom_bounds_apply(state->rel, state->bounds, state->nbounds,
						   state->css.ss.ps.ps_ExprContext, &query))
	{
		state->shard = query.shard;
		/* What is read from an order, heap does not see. */
		if (state->at.settled.at == DT_NOEND)
			PredicateLockRelation(state->rel, state->at.settled.snapshot);
		state->scan = datom_scan_begin(state->rel, &state->at.settled, &query,
									   state->shared ? &state->shared->scan : NULL);
	}
	MemoryContextSwitchTo(old);
	state->begun = true;
}

static void
end_scan(DatomScanState *state)
{
	if (state->scan)
	{
		datom_node_add_counts(&state->counts, datom_scan_counts(state->scan));
		datom_scan_end(state->scan);
	}
	state->scan = NULL;
	state->begun = false;
	MemoryContextReset(state->context);
}

static Datum
whole_row(const DatomScanState *state, Datum *values, bool *nulls)
{
	HeapTuple	tuple = heap_form_tuple(state->whole_desc, values, nulls);

	return heap_copy_tuple_as_datum(tuple, state->whole_desc);
}

/* Columns that nobody reads are null, whatever the scan left there. */
static void
complete_row(const DatomScanState *state, Datum *values, bool *nulls)
{
	nulls[Anum_datom_a - 1] |= (state->flags & NEED_A) == 0;
	nulls[Anum_datom_v - 1] |= (state->flags & NEED_V) == 0;
	nulls[Anum_datom_tx - 1] |= (state->flags & NEED_TX) == 0;
	if (state->flags & NEED_WHOLE)
	{
		values[WHOLE_ROW] = whole_row(state, values, nulls);
		nulls[WHOLE_ROW] = false;
	}
}

static TupleTableSlot *
next_row(DatomScanState *state)
{
	TupleTableSlot *slot = state->css.ss.ss_ScanTupleSlot;
	MemoryContext old;
	bool		found;

	ExecClearTuple(slot);
	if (!state->begun)
		begin_scan(state);
	if (state->scan == NULL)
		return slot;
	old = MemoryContextSwitchTo(state->css.ss.ps.ps_ExprContext->ecxt_per_tuple_memory);
	memset(slot->tts_isnull, false, sizeof(bool) * Natts_datom);
	found = datom_scan_next(state->scan, slot->tts_values, slot->tts_isnull);
	if (found)
		complete_row(state, slot->tts_values, slot->tts_isnull);
	MemoryContextSwitchTo(old);
	if (found)
	{
		ExecStoreVirtualTuple(slot);
		slot->tts_tableOid = RelationGetRelid(state->rel);
	}
	return slot;
}

static TupleTableSlot *
access_row(ScanState *scan)
{
	return next_row((DatomScanState *) scan);
}

/*
 * A row that another query has changed in the meantime is looked at again,
 * together with our row that it was joined with, which the query kept. Where it
 * kept none, in a subquery, we are asked for all of ours.
 */
static bool
recheck_row(ScanState *scan, TupleTableSlot *slot)
{
	DatomScanState *state = (DatomScanState *) scan;
	EPQState   *epq = scan->ps.state->es_epq_active;

	if (OidIsValid(state->question.funcid))
	{
		if (epq->relsubs_rowmark[state->rti - 1] == NULL)
			return !TupIsNull(next_row(state));
		if (epq->relsubs_done[state->rti - 1])
			return false;
		epq->relsubs_done[state->rti - 1] = true;
		if (!EvalPlanQualFetchRowMark(epq, state->rti, slot))
			return false;
		if (state->flags & NEED_WHOLE)
		{
			slot->tts_values[WHOLE_ROW] = whole_row(state, slot->tts_values, slot->tts_isnull);
			slot->tts_isnull[WHOLE_ROW] = false;
		}
	}
	return true;
}

static TupleTableSlot *
exec_node(CustomScanState *css)
{
	return ExecScan(&css->ss, access_row, recheck_row);
}

static void
rescan_node(CustomScanState *css)
{
	end_scan((DatomScanState *) css);
	ExecScanReScan(&css->ss);
}

static void
end_node(CustomScanState *css)
{
	DatomScanState *state = (DatomScanState *) css;

	end_scan(state);
	datom_node_unsettle(&state->at);
	if (OidIsValid(state->question.funcid))
		table_close(state->rel, NoLock);
}

/*
 * Workers
 */

static Size
estimate_shared(CustomScanState *css, ParallelContext *pcxt)
{
	DatomScanState *state = (DatomScanState *) css;

	return add_size(offsetof(ScanShared, node),
					datom_node_shared_size(&state->at, state->question.relid, pcxt));
}

static void
begin_shared(CustomScanState *css, ParallelContext *pcxt, void *coordinate)
{
	DatomScanState *state = (DatomScanState *) css;

	state->shared = coordinate;
	datom_scan_shared_init(&state->shared->scan);
	datom_node_share(&state->shared->node, &state->at, state->question.relid);
}

static void
begin_shared_again(CustomScanState *css, ParallelContext *pcxt, void *coordinate)
{
	datom_scan_shared_init(&((ScanShared *) coordinate)->scan);
}

static void
begin_worker(CustomScanState *css, shm_toc *toc, void *coordinate)
{
	DatomScanState *state = (DatomScanState *) css;

	state->shared = coordinate;
	datom_node_join(&state->shared->node, &state->at);
}

/* The memory that is shared may be gone afterwards. */
static void
shutdown_node(CustomScanState *css)
{
	DatomScanState *state = (DatomScanState *) css;

	if (state->shared == NULL)
		return;
	if (IsParallelWorker())
	{
		end_scan(state);
		datom_node_give_counts(&state->shared->node, &state->counts);
	}
	else
		datom_node_take_counts(&state->shared->node, &state->counts,
							   GetMemoryChunkContext(state));
	state->shared = NULL;
}

/*
 * EXPLAIN
 */

static char *
deparse(CustomScanState *css, Node *node, List *ancestors, ExplainState *es)
{
	List	   *context = set_deparse_context_plan(es->deparse_cxt, css->ss.ps.plan,
												  ancestors);

	return deparse_expression(node, context, es->verbose, false);
}

static void
explain_question(DatomScanState *state, ExplainState *es)
{
	const char *alias = list_nth(es->rtable_names, state->rti - 1);
	const char *name = get_func_name(state->question.funcid);
	StringInfoData call;

	if (!OidIsValid(state->question.funcid))
		return;
	initStringInfo(&call);
	appendStringInfo(&call, "%s(%s)", name,
					 quote_identifier(get_rel_name(state->question.relid)));
	if (alias && strcmp(alias, name) != 0)
		appendStringInfo(&call, " %s", quote_identifier(alias));
	ExplainPropertyText("Facts", call.data, es);
}

/* As written, or what came of it when the plan ran. */
static void
explain_moment(DatomScanState *state, List *ancestors, ExplainState *es)
{
	bool		is_since = state->question.kind == QUESTION_SINCE;
	const char *label = is_since ? "Since" : "As of";

	if (state->question.moment)
	{
		if (es->analyze && state->at.is_settled && !state->question.late)
			datom_node_explain_instant(label, is_since ? state->at.since : state->at.settled.at, es);
		else
			ExplainPropertyText(label, deparse(&state->css, state->question.moment,
											   ancestors, es), es);
	}
	else if (es->analyze && state->at.is_settled && state->at.settled.at != DT_NOEND)
		datom_node_explain_instant("As of", state->at.settled.at, es);
}

static void
explain_bounds(DatomScanState *state, List *ancestors, ExplainState *es)
{
	List	   *clauses = NIL;

	for (int i = 0; i < state->nbounds; i++)
		clauses = lappend(clauses, state->bounds[i].clause);
	if (clauses != NIL)
		ExplainPropertyText("Bounds", deparse(&state->css,
											  (Node *) make_ands_explicit(clauses),
											  ancestors, es), es);
}

/* As written, i/n where that is known. */
static void
explain_shards(DatomScanState *state, List *ancestors, ExplainState *es)
{
	List	   *clauses = NIL;
	DatomShard	shard = state->shard;
	char	   *text;

	for (int i = 0; i < state->nshards; i++)
		clauses = lappend(clauses, state->shards[i].clause);
	if (clauses == NIL)
		return;
	if (shard.n == 0)
		(void) datom_shard_known(state->shards, state->nshards, &shard);
	if (shard.n != 0)
		text = psprintf(INT64_FORMAT "/" INT64_FORMAT, shard.i, shard.n);
	else
		text = deparse(&state->css, (Node *) make_ands_explicit(clauses), ancestors, es);
	ExplainPropertyText("Shard", text, es);
}

static void
explain_node(CustomScanState *css, List *ancestors, ExplainState *es)
{
	DatomScanState *state = (DatomScanState *) css;
	DatomScanCounts counts = state->counts;
	const char *order = state->order[0] ? state->order : NULL;

	if (state->scan)
		datom_node_add_counts(&counts, datom_scan_counts(state->scan));
	if (es->analyze)
		order = counts.order;
	explain_question(state, es);
	ExplainPropertyText("Order", order ? order : "Log", es);
	explain_moment(state, ancestors, es);
	explain_bounds(state, ancestors, es);
	explain_shards(state, ancestors, es);
	if (es->analyze)
		datom_node_explain_counts(&counts, es);
}

static const CustomPathMethods path_methods = {
	.CustomName = "DatomScan",
	.PlanCustomPath = make_plan,
	.ReparameterizeCustomPathByChild = reparameterize
};

static const CustomScanMethods scan_methods = {
	.CustomName = "DatomScan",
	.CreateCustomScanState = create_state
};

static const CustomExecMethods exec_methods = {
	.CustomName = "DatomScan",
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
datom_custom_scan_init(void)
{
	RegisterCustomScanMethods(&scan_methods);
}
