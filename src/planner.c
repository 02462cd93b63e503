/*
 * planner.c: paths over datom tables, and what they cost.
 *
 * as_of(), since() and history() in FROM become custom scans where the planner
 * can see what they ask: one function and nothing else, of a table that is
 * named by a constant and that the current user may read, or the role on whose
 * behalf it is read (see behalf.c), with a moment that is
 * not volatile. The custom scan then replaces the call, whatever it costs, so
 * that it is known from the query alone which calls are left. For a datom table
 * itself a custom scan is offered beside the server's own paths.
 *
 * A call that is left runs in the leader, where it may have to take a newer
 * snapshot, which parallel mode forbids. So such a query is planned without
 * workers; the functions are only "parallel restricted", because otherwise the
 * server would not plan workers for those either that the custom scan takes. A
 * moment that depends on rows is in the same case.
 *
 * Of a table that the user may not read nothing is estimated, since the estimate
 * would show how much there is.
 */
#include "planner.h"

#include <math.h>

#include "access/parallel.h"
#include "access/table.h"
#include "access/transam.h"
#include "catalog/pg_statistic.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/planner.h"
#include "optimizer/prep.h"
#include "optimizer/restrictinfo.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/selfuncs.h"
#include "utils/spccache.h"
#include "utils/syscache.h"

#include "behalf.h"
#include "bounds.h"
#include "call_scan.h"
#include "custom_scan.h"
#include "datalog_rewrite.h"
#include "datom.h"
#include "entity_paths.h"
#include "entity_rewrite.h"
#include "expression.h"
#include "fdw.h"
#include "fdw_plan.h"
#include "log.h"
#include "scan.h"
#include "settings.h"
#include "shard_clause.h"

/* Which share of the facts since() is taken to select. */
#define SINCE_SELECTIVITY 0.1

/* Of testing in which shard a packed entity is, in cpu_operator_cost. */
#define SHARD_TEST_COST 0.2

static planner_hook_type prev_planner = NULL;
static set_rel_pathlist_hook_type prev_pathlist = NULL;
static get_relation_stats_hook_type prev_stats = NULL;
static create_upper_paths_hook_type prev_upper = NULL;

/*
 * Questions in a query
 */

static const struct
{
	const char *symbol;
	DatomQuestionKind kind;
}			functions[] = {
	{"datom_as_of_facts", QUESTION_AS_OF},
	{"datom_since", QUESTION_SINCE},
	{"datom_history", QUESTION_HISTORY}
};

/* Is the call one of a question? */
static bool
is_call(Node *node, DatomQuestionKind *kind)
{
	FuncExpr   *call = (FuncExpr *) node;
	const char *symbol;

	if (!IsA(node, FuncExpr) || !call->funcretset)
		return false;
	symbol = datom_function_symbol(call->funcid);
	for (int i = 0; symbol && i < (int) lengthof(functions); i++)
		if (strcmp(symbol, functions[i].symbol) == 0)
		{
			*kind = functions[i].kind;
			return true;
		}
	return false;
}

/* Is it one that asks for rows of entities? */
static bool
is_entities_call(Node *node)
{
	const char *symbol = NULL;

	if (IsA(node, FuncExpr) && ((FuncExpr *) node)->funcretset)
		symbol = datom_function_symbol(((FuncExpr *) node)->funcid);
	return symbol && (strncmp(symbol, "datom_entities", strlen("datom_entities")) == 0 ||
					  strcmp(symbol, "datom_entity_as_of") == 0);
}

/* Is its value known only when rows of the query are? */
static bool
is_late(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Var) || IsA(node, PlaceHolderVar) ||
		(IsA(node, Param) && ((Param *) node)->paramkind != PARAM_EXTERN))
		return true;
	return expression_tree_walker(node, is_late, context);
}

static bool
is_question_call(Node *node, DatomQuestion *question)
{
	FuncExpr   *call = (FuncExpr *) node;
	Const	   *table;

	if (!is_call(node, &question->kind))
		return false;
	table = linitial(call->args);
	if (!IsA(table, Const) || table->constisnull)
		return false;
	question->relid = DatumGetObjectId(table->constvalue);
	question->funcid = call->funcid;
	question->moment = list_length(call->args) > 1 ? lsecond(call->args) : NULL;
	question->late = question->moment && is_late(question->moment, NULL);
	return question->moment == NULL ||
		(!contain_volatile_functions(question->moment) &&
		 !contain_subplans(question->moment));
}

/* Does a custom scan take the place of this function in FROM? */
static bool
is_question(RangeTblEntry *rte, DatomQuestion *question)
{
	RangeTblFunction *function;

	if (!datom_enable_scan || rte->rtekind != RTE_FUNCTION || rte->funcordinality ||
		list_length(rte->functions) != 1)
		return false;
	function = linitial(rte->functions);
	question->behalf = datom_behalf_of(rte);
	return function->funccolnames == NIL &&
		is_question_call(function->funcexpr, question) &&
		(datom_log_readable_by(question->relid, datom_behalf_role(question->behalf)) ||
		 (DATOM_BROKEN(BREAK_NO_CHECK) && datom_log_is(question->relid)));
}

/*
 * Workers, or none
 */

/* Counts the calls of questions, less those that scans with workers may take. */
static bool
count_calls(Node *node, void *count)
{
	DatomQuestion question;

	if (node == NULL)
		return false;
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, count_calls, count,
								 QTW_EXAMINE_RTES_BEFORE);
	if (IsA(node, RangeTblEntry))
	{
		if ((is_question((RangeTblEntry *) node, &question) && !question.late) ||
			datom_call_scan_takes((RangeTblEntry *) node))
			--*(int *) count;
		return false;
	}
	if (is_call(node, &question.kind) || is_entities_call(node))
		++*(int *) count;
	return expression_tree_walker(node, count_calls, count);
}

static PlannedStmt *
plan_query(Query *query, const char *text, int options, ParamListInfo params)
{
	DatalogRewritten asked = datom_datalog_rewrite(query, params);
	DatomRewritten rewritten = datom_entity_rewrite(query, params);
	int			left = 0;
	PlannedStmt *plan;

	if ((options & CURSOR_OPT_PARALLEL_OK) && query->commandType == CMD_SELECT &&
		max_parallel_workers_per_gather > 0 && !IsParallelWorker())
		(void) count_calls((Node *) query, &left);
	if (left > 0)
		options &= ~CURSOR_OPT_PARALLEL_OK;
	plan = prev_planner ? prev_planner(query, text, options, params) :
		standard_planner(query, text, options, params);
	datom_entity_rewritten(&rewritten, plan);
	datom_datalog_rewritten(&asked, plan);
	return plan;
}

/*
 * Rows and costs
 */

/* A relation for which paths are made. */
typedef struct Offer
{
	PlannerInfo *root;
	RelOptInfo *rel;
	DatomQuestion question;
	List	   *implied;		/* clauses on shards that follow from others' */
	Relation	table;			/* open */
} Offer;

static bool
is_function(const Offer *offer)
{
	return OidIsValid(offer->question.funcid);
}

/* Of how many shards they leave one. */
static double
shards_of(const Offer *offer, List *clauses)
{
	double		shards = 1;
	DatomShardClause shard;
	ListCell   *lc;

	foreach(lc, clauses)
		if (datom_shard_match(lfirst(lc), offer->rel->relid, Anum_datom_e, &shard))
			shards *= datom_shard_count(&shard, offer->root);
	return shards;
}

/* What the scan reads if it is bounded by these of the relation's clauses. */
static DatomScanEstimate
estimate(const Offer *offer, List *clauses)
{
	DatomScanShape shape;
	DatomScanEstimate result;

	datom_bounds_shape(offer->table, clauses, offer->rel->relid, offer->question.cast, &shape);
	shape.shards = shards_of(offer, clauses) * shards_of(offer, offer->implied);
	datom_scan_estimate(offer->table, datom_question_mode(&offer->question), &shape,
						&result);
	if (offer->question.kind == QUESTION_SINCE)
		result.rows *= SINCE_SELECTIVITY;
	return result;
}

/* Does the estimate speak of the rows that meet this clause? Not of ranges. */
static bool
is_estimated(const Offer *offer, Expr *clause, bool by_value)
{
	DatomBound	bound;

	return datom_bound_match_cast(clause, offer->rel->relid, offer->question.cast, &bound) &&
		bound.strategy == BTEqualStrategyNumber && (by_value || !OidIsValid(bound.cast)) &&
		(!bound.any || (bound.column == Anum_datom_a && IsA(bound.operand, Const)));
}

/*
 * The rows of a question: those of the bounds that the scan can estimate, and
 * of these what the other clauses leave.
 */
static double
question_rows(const Offer *offer, List *rinfos)
{
	bool		by_value = estimate(offer, extract_actual_clauses(rinfos, false)).by_value;
	List	   *estimated = NIL;
	List	   *rest = NIL;
	ListCell   *lc;

	foreach(lc, rinfos)
	{
		RestrictInfo *rinfo = lfirst_node(RestrictInfo, lc);

		if (is_estimated(offer, rinfo->clause, by_value))
			estimated = lappend(estimated, rinfo->clause);
		else
			rest = lappend(rest, rinfo);
	}
	return clamp_row_est(estimate(offer, estimated).rows *
						 clauselist_selectivity(offer->root, rest, offer->rel->relid,
												JOIN_INNER, NULL));
}

/* Without orders the whole past is read and sorted. */
static Cost
sorting_cost(const DatomScanEstimate *scan, DatomScanMode mode)
{
	double		rows = Max(2, scan->rows);

	if (scan->order != NULL || mode == SCAN_ROWS)
		return 0;
	return 2 * cpu_operator_cost * rows * log2(rows);
}

/* Divided among `divisor` processes. */
static void
cost_path(const Offer *offer, Path *path, List *clauses, const DatomScanEstimate *scan,
		  double divisor)
{
	QualCost	quals;
	double		random_page;
	double		page;
	Cost		cpu;

	get_tablespace_page_costs(offer->table->rd_rel->reltablespace, &random_page, &page);
	cost_qual_eval(&quals, clauses, offer->root);
	cpu = scan->rows * (cpu_tuple_cost + quals.per_tuple) +
		scan->tested * SHARD_TEST_COST * cpu_operator_cost +
		path->rows * divisor * path->pathtarget->cost.per_tuple;
	path->startup_cost = quals.startup + path->pathtarget->cost.startup +
		sorting_cost(scan, datom_question_mode(&offer->question));
	path->total_cost = path->startup_cost + scan->pages * page + cpu / divisor;
}

/*
 * Paths
 */

static List *
clauses_of(const Offer *offer, ParamPathInfo *param_info)
{
	List	   *rinfos = offer->rel->baserestrictinfo;

	return param_info ? list_concat_copy(rinfos, param_info->ppi_clauses) : rinfos;
}

static void
add_serial_path(const Offer *offer, ParamPathInfo *param_info)
{
	List	   *rinfos = clauses_of(offer, param_info);
	DatomScanEstimate scan = estimate(offer, extract_actual_clauses(rinfos, false));
	CustomPath *path;

	/* Reading the log of the table is what a sequential scan does. */
	if (!is_function(offer) && scan.order == NULL)
		return;
	path = datom_custom_path(offer->rel, param_info, &offer->question, scan.order,
							 offer->implied);
	path->path.parallel_safe = !is_function(offer) && offer->rel->consider_parallel;
	if (is_function(offer) && param_info)
		param_info->ppi_rows = question_rows(offer, rinfos);
	path->path.rows = param_info ? param_info->ppi_rows :
		clamp_row_est(offer->rel->rows / shards_of(offer, offer->implied));
	cost_path(offer, &path->path, rinfos, &scan, 1);
	add_path(offer->rel, &path->path);
}

static void
add_parallel_path(const Offer *offer)
{
	RelOptInfo *rel = offer->rel;
	DatomScanEstimate scan = estimate(offer, extract_actual_clauses(rel->baserestrictinfo, false));
	CustomPath *path;
	int			workers;

	if (!rel->consider_parallel || !bms_is_empty(rel->lateral_relids) ||
		!datom_scan_by_orders(offer->table) ||
		(!is_function(offer) && scan.order == NULL))
		return;
	workers = compute_parallel_worker(rel, scan.pages, -1, max_parallel_workers_per_gather);
	if (workers <= 0)
		return;
	path = datom_custom_path(rel, NULL, &offer->question, scan.order, offer->implied);
	path->path.parallel_aware = true;
	path->path.parallel_safe = true;
	path->path.parallel_workers = workers;
	path->path.rows = clamp_row_est(rel->rows / shards_of(offer, offer->implied) /
									datom_parallel_divisor(workers));
	cost_path(offer, &path->path, rel->baserestrictinfo, &scan, datom_parallel_divisor(workers));
	add_partial_path(rel, &path->path);
}

/* The other relations whose rows this clause takes a bound from. */
static Relids
outer_of(const Offer *offer, RestrictInfo *rinfo)
{
	Relids		outer;
	DatomBound	bound;

	if (!join_clause_is_movable_to(rinfo, offer->rel) ||
		!datom_bound_match_cast(rinfo->clause, offer->rel->relid, offer->question.cast, &bound) ||
		bound.strategy != BTEqualStrategyNumber)
		return NULL;
	outer = bms_union(rinfo->clause_relids, offer->rel->lateral_relids);
	return bms_del_member(outer, offer->rel->relid);
}

static List *
note_outer(const Offer *offer, List *outers, List *rinfos)
{
	ListCell   *lc;

	foreach(lc, rinfos)
	{
		Relids		outer = outer_of(offer, lfirst_node(RestrictInfo, lc));

		if (!bms_is_empty(outer))
			outers = list_append_unique_ptr(outers,
											get_baserel_parampathinfo(offer->root,
																	  offer->rel, outer));
	}
	return outers;
}

static bool
is_member_column(PlannerInfo *root, RelOptInfo *rel, EquivalenceClass *ec,
				 EquivalenceMember *em, void *column)
{
	return datom_bound_is_on((Node *) em->em_expr, rel->relid, *(AttrNumber *) column);
}

/* Paths for nested loops, which look e, a or v of an outer row up. */
static void
add_lookups(const Offer *offer)
{
	List	   *outers = note_outer(offer, NIL, offer->rel->joininfo);
	ListCell   *lc;

	for (AttrNumber column = Anum_datom_e;
		 offer->rel->has_eclass_joins && column <= Anum_datom_v; column++)
		outers = note_outer(offer, outers,
							generate_implied_equalities_for_column(offer->root, offer->rel,
																   is_member_column, &column,
																   offer->rel->lateral_referencers));
	foreach(lc, outers)
		add_serial_path(offer, lfirst(lc));
}

static void
add_paths(const Offer *offer)
{
	add_serial_path(offer, get_baserel_parampathinfo(offer->root, offer->rel,
													 offer->rel->lateral_relids));
	add_parallel_path(offer);
	add_lookups(offer);
}

static void
open_table(Offer *offer, LOCKMODE lock)
{
	List	   *clauses = extract_actual_clauses(offer->rel->baserestrictinfo, false);

	offer->table = table_open(offer->question.relid, lock);
	offer->question.cast = datom_bounds_cast(offer->table, clauses, offer->rel->relid);
}

/*
 * The server has asked whether the call may run in a worker. It is the scan that
 * runs there, with the moment settled by the leader.
 */
static bool
may_be_parallel(const Offer *offer)
{
	PlannerInfo *root = offer->root;
	RelOptInfo *rel = offer->rel;

	return root->glob->parallelModeOK && !offer->question.late &&
		rel->reloptkind == RELOPT_BASEREL &&
		is_parallel_safe(root, offer->question.moment) &&
		is_parallel_safe(root, (Node *) rel->baserestrictinfo) &&
		is_parallel_safe(root, (Node *) rel->reltarget->exprs);
}

static void
offer_question(Offer *offer)
{
	RelOptInfo *rel = offer->rel;

	open_table(offer, AccessShareLock);
	rel->tuples = clamp_row_est(estimate(offer, NIL).rows);
	(void) datom_shard_estimate(offer->root, rel, Anum_datom_e);
	rel->rows = question_rows(offer, rel->baserestrictinfo);
	offer->implied = datom_shard_implied(offer->root, rel, Anum_datom_e);
	rel->consider_parallel = may_be_parallel(offer);
	rel->pathlist = NIL;
	rel->partial_pathlist = NIL;
	add_paths(offer);
	table_close(offer->table, NoLock);
}

/*
 * Tables
 */

/* Columns that only a row of the heap has. */
static bool
needs_heap(RelOptInfo *rel)
{
	Bitmapset  *columns = NULL;
	int			i = -1;

	pull_varattnos((Node *) rel->reltarget->exprs, rel->relid, &columns);
	pull_varattnos((Node *) extract_actual_clauses(rel->baserestrictinfo, false), rel->relid,
				   &columns);
	while ((i = bms_next_member(columns, i)) >= 0)
	{
		int			column = i + FirstLowInvalidHeapAttributeNumber;

		if (column < 0 && column != TableOidAttributeNumber)
			return true;
	}
	return false;
}

static bool
is_secured(RelOptInfo *rel, RangeTblEntry *rte)
{
	ListCell   *lc;

	if (rte->securityQuals != NIL)
		return true;
	foreach(lc, rel->baserestrictinfo)
		if (lfirst_node(RestrictInfo, lc)->security_level > 0)
			return true;
	return false;
}

static bool
is_table(PlannerInfo *root, RelOptInfo *rel, RangeTblEntry *rte)
{
	return rte->rtekind == RTE_RELATION && rte->relkind == RELKIND_RELATION &&
		rte->relid >= FirstNormalObjectId && !rte->inh && rte->tablesample == NULL &&
		datom_log_is(rte->relid) && !is_secured(rel, rte) && !needs_heap(rel) &&
		!bms_is_member(rel->relid, root->all_result_relids) &&
		get_plan_rowmark(root->rowMarks, rel->relid) == NULL;
}

static void
scale_rows(List *paths, double factor)
{
	ListCell   *lc;

	foreach(lc, paths)
	{
		Path	   *path = lfirst(lc);

		path->rows = clamp_row_est(path->rows * factor);
	}
}

/*
 * The server has made its paths taking an equality of whatever is computed for
 * one row in 200.
 */
static void
correct_rows(const Offer *offer)
{
	RelOptInfo *rel = offer->rel;
	double		before = rel->rows;
	ListCell   *lc;

	if (!datom_shard_estimate(offer->root, rel, Anum_datom_e))
		return;
	set_baserel_size_estimates(offer->root, rel);
	foreach(lc, rel->ppilist)
	{
		ParamPathInfo *info = lfirst(lc);

		info->ppi_rows = clamp_row_est(info->ppi_rows * rel->rows / before);
	}
	scale_rows(rel->pathlist, rel->rows / before);
	scale_rows(rel->partial_pathlist, rel->rows / before);
}

static void
offer_table(Offer *offer)
{
	correct_rows(offer);
	offer->implied = datom_shard_implied(offer->root, offer->rel, Anum_datom_e);
	open_table(offer, NoLock);
	add_paths(offer);
	table_close(offer->table, NoLock);
}

static void
offer_paths(PlannerInfo *root, RelOptInfo *rel, Index rti, RangeTblEntry *rte)
{
	Offer		offer = {.root = root, .rel = rel};

	if (prev_pathlist)
		prev_pathlist(root, rel, rti, rte);
	if (!datom_enable_scan || IS_DUMMY_REL(rel))
		return;
	if (is_question(rte, &offer.question))
		offer_question(&offer);
	else if (datom_call_scan_offer(root, rel, rte))
		return;
	else if (is_table(root, rel, rte))
	{
		offer.question = (DatomQuestion) {
			.kind = QUESTION_ROWS, .relid = rte->relid
		};
		offer_table(&offer);
	}
}

static RelOptInfo *
find_rel(PlannerInfo *root, RangeTblEntry *rte)
{
	for (int i = 1; i < root->simple_rel_array_size; i++)
		if (root->simple_rte_array[i] == rte)
			return root->simple_rel_array[i];
	return NULL;
}

/*
 * Statistics: those of the table stand for its facts as of any moment. Who may
 * not read the table has no question in its place.
 */
static bool
lend_statistics(PlannerInfo *root, RangeTblEntry *rte, AttrNumber column,
				VariableStatData *data)
{
	RelOptInfo *rel = find_rel(root, rte);
	DatomQuestion question;

	if (prev_stats && prev_stats(root, rte, column, data))
		return true;
	if (rel && (datom_fdw_statistics(root, rel, rte, column, data) ||
				datom_call_scan_statistics(root, rel, rte, column, data)))
		return true;
	if (column <= 0 || !is_question(rte, &question))
		return false;
	data->statsTuple = SearchSysCache3(STATRELATTINH, ObjectIdGetDatum(question.relid),
									   Int16GetDatum(column), BoolGetDatum(false));
	data->freefunc = ReleaseSysCache;
	data->acl_ok = true;
	return HeapTupleIsValid(data->statsTuple);
}

/* The server asks wrappers only about foreign tables. */
static void
offer_upper(PlannerInfo *root, UpperRelationKind stage, RelOptInfo *input,
			RelOptInfo *output, void *extra)
{
	if (prev_upper)
		prev_upper(root, stage, input, output, extra);
	if (stage == UPPERREL_GROUP_AGG && input->rtekind == RTE_FUNCTION)
		datom_aggregate_offer(root, stage, input, output, extra);
}

void
datom_planner_init(void)
{
	prev_planner = planner_hook;
	planner_hook = plan_query;
	prev_pathlist = set_rel_pathlist_hook;
	set_rel_pathlist_hook = offer_paths;
	prev_stats = get_relation_stats_hook;
	get_relation_stats_hook = lend_statistics;
	prev_upper = create_upper_paths_hook;
	create_upper_paths_hook = offer_upper;
}
