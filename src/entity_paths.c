/*
 * entity_paths.c: planning the scan of entities: of an entity table, or of a call
 * of datom.entities().
 *
 * Paths: all entities, also in their order, and in several processes; those that
 * a clause lists one by one, by their number or by a value that orders find; and
 * of these also those that depend on rows of other relations, for nested loops.
 *
 * Without a key an entity is a row by any of the attributes. Where a condition
 * asks for a column that is not null, its attribute is a key for this scan: no
 * other is read to find rows, and there are as many as the rarest such attribute
 * has facts.
 *
 * Sizes come from the directories of orders. Whoever may not read the table
 * learns nothing by it, and waits for no lock: that is our callers' to see to.
 */
#include "entity_paths.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_operator_d.h"
#include "catalog/pg_statistic.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "nodes/makefuncs.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/planmain.h"
#include "optimizer/restrictinfo.h"
#include "utils/lsyscache.h"
#include "utils/selfuncs.h"
#include "utils/spccache.h"
#include "utils/syscache.h"

#include "attrs.h"
#include "count.h"
#include "moment_clause.h"
#include "scan.h"

/* Of which share of the entities facts are taken to have begun since a moment. */
#define SINCE_SELECTIVITY 0.1

/* Making a value, compared with an operator's cost. */
#define VALUE_OPERATORS 1

/* Pages that one entity costs to look up, and those that find it by a value. */
#define ENTITY_PAGES 2
#define VALUE_PAGES 2

static DatomEntityRel *
entity_rel(RelOptInfo *rel)
{
	return rel->fdw_private;
}

/* A column that is an attribute, and that a condition asks to be not null. */
static bool
is_required(const DatomEntityRel *entity, int column)
{
	for (int i = 0; i < entity->plan.nclauses; i++)
		if (entity->plan.clauses[i].column == column)
			return entity->table->columns[column].ident != NULL;
	return false;
}

/* Is any attribute of the table enough to make a row that is asked for? */
static bool
is_row_by_any(const DatomEntityRel *entity)
{
	for (int i = 0; i < entity->plan.nclauses; i++)
		if (is_required(entity, entity->plan.clauses[i].column))
			return false;
	return entity->table->key == NULL;
}

/*
 * Clauses
 */

static void
add_clause(DatomEntityRel *entity, RelOptInfo *rel, DatomEntityPlan *plan, Expr *expr)
{
	DatomEntityClause clause;
	DatomShardClause shard;
	DatomMomentClause moment;

	if (datom_moment_clause(expr, rel->relid, &moment))
	{
		plan->moment = moment.moment;
		plan->since = moment.since;
		plan->function = moment.function;
	}
	else if (datom_entity_clause(entity->table, expr, rel->relid, &clause))
		plan->clauses[plan->nclauses++] = clause;
	else if (datom_shard_match(expr, rel->relid, datom_entity_table_e(entity->table), &shard))
		plan->shards[plan->nshards++] = shard;
}

static DatomEntityPlan
read_clauses(DatomEntityRel *entity, RelOptInfo *rel, List *rinfos)
{
	int			room = list_length(rinfos) + list_length(entity->implied) + 1;
	DatomEntityPlan plan = {
		.lister = -1,
		.clauses = palloc(sizeof(DatomEntityClause) * room),
		.shards = palloc(sizeof(DatomShardClause) * room)
	};
	ListCell   *lc;

	foreach(lc, rinfos)
	{
		RestrictInfo *rinfo = lfirst_node(RestrictInfo, lc);

		if (!rinfo->pseudoconstant)
			add_clause(entity, rel, &plan, rinfo->clause);
	}
	return plan;
}

/* What the scan may go by besides, though no row is held to it. */
static void
add_implied(DatomEntityRel *entity, RelOptInfo *rel, DatomEntityPlan *plan)
{
	ListCell   *lc;

	foreach(lc, entity->implied)
		add_clause(entity, rel, plan, lfirst(lc));
}

/*
 * Is the scan exact for this clause? Then nobody need check it on rows, nor make
 * values for that.
 */
static bool
is_exact_shard(DatomEntityRel *entity, RelOptInfo *rel, Expr *expr)
{
	DatomShardClause shard;
	DatomShard	known;

	return datom_shard_match(expr, rel->relid, datom_entity_table_e(entity->table), &shard) &&
		shard.form != SHARD_SESSION && IsA(shard.i, Const) && IsA(shard.n, Const) &&
		datom_shard_known(&shard, 1, &known) && known.n > 0;
}

/* Rows of an entity table may be locked, and are then read again by the clauses. */
static bool
is_exact_presence(DatomEntityRel *entity, RelOptInfo *rel, Expr *expr)
{
	DatomEntityClause clause;

	return !OidIsValid(entity->table->relid) && IsA(expr, NullTest) &&
		datom_entity_clause(entity->table, expr, rel->relid, &clause);
}

/* All but what tells the moment, which is never evaluated. */
List *
datom_entity_rel_conditions(RelOptInfo *rel, List *rinfos)
{
	List	   *quals = NIL;
	DatomMomentClause moment;
	ListCell   *lc;

	foreach(lc, extract_actual_clauses(rinfos, false))
		if (!datom_moment_clause(lfirst(lc), rel->relid, &moment))
			quals = lappend(quals, lfirst(lc));
	return quals;
}

List *
datom_entity_rel_quals(RelOptInfo *rel, List *rinfos)
{
	DatomEntityRel *entity = entity_rel(rel);
	/* Of several shard clauses the scan takes one. */
	bool		one_shard = read_clauses(entity, rel, rinfos).nshards == 1;
	List	   *quals = NIL;
	ListCell   *lc;

	foreach(lc, datom_entity_rel_conditions(rel, rinfos))
		if (!is_exact_presence(entity, rel, lfirst(lc)) &&
			(!one_shard || !is_exact_shard(entity, rel, lfirst(lc))))
			quals = lappend(quals, lfirst(lc));
	return quals;
}

/*
 * Sizes
 */

static void
add_ident(DatomScanShape *shape, const char *ident)
{
	for (int i = 0; i < shape->nattrs; i++)
		if (strcmp(shape->attrs[i], ident) == 0)
			return;
	shape->attrs[shape->nattrs++] = ident;
}

/* The facts that the scan reads of these columns, and what makes rows. */
static DatomScanEstimate
estimate(Relation db, const DatomEntityRel *entity, const Bitmapset *columns)
{
	const DatomEntityTable *table = entity->table;
	bool		by_any = is_row_by_any(entity);
	DatomScanShape shape = {.attrs = palloc(sizeof(char *) * (table->ncolumns + 1))};
	DatomScanEstimate result;

	if (table->key)
		add_ident(&shape, table->key);
	for (int i = 0; i < table->ncolumns; i++)
		if (table->columns[i].ident &&
			(by_any || is_required(entity, i) ||
			 bms_is_member(table->columns[i].number, columns)))
			add_ident(&shape, table->columns[i].ident);
	datom_scan_estimate(db, SCAN_AS_OF, &shape, &result);
	return result;
}

static double
count_facts(Relation db, const char *ident)
{
	DatomScanShape shape = {.nattrs = 1, .attrs = &ident};
	DatomScanEstimate result;

	datom_scan_estimate(db, SCAN_AS_OF, &shape, &result);
	return result.rows;
}

static double
count_column(Relation db, DatomEntityRel *entity, int column)
{
	if (entity->facts[column] < 0)
		entity->facts[column] = count_facts(db, entity->table->columns[column].ident);
	return entity->facts[column];
}

/* How many entities the table has, or of those that are asked for the most there are. */
static double
count_entities(Relation db, DatomEntityRel *entity)
{
	const DatomEntityTable *table = entity->table;
	bool		by_any = is_row_by_any(entity);
	double		sum = 0;
	double		least = -1;

	if (table->key)
		return count_facts(db, table->key);
	for (int i = 0; i < table->ncolumns; i++)
		if (table->columns[i].ident && (by_any || is_required(entity, i)))
		{
			double		n = count_column(db, entity, i);

			sum += n;
			least = least < 0 ? n : Min(least, n);
		}
	/* Of any of the columns: as if each attribute were there as often as another. */
	return by_any ? sum / Max(table->ncolumns - 1, 1) : least;
}

/* The clause that lists the fewest entities; -1: none does. */
static int
best_lister(PlannerInfo *root, DatomEntityRel *entity, Relation db,
			const DatomEntityPlan *plan, double *count)
{
	int			best = -1;

	for (int i = 0; i < plan->nclauses; i++)
	{
		double		n;

		if (!datom_entity_clause_lists(entity->table, db, &plan->clauses[i]))
			continue;
		n = datom_entity_clause_count(root, entity->table, db, &plan->clauses[i]);
		if (best >= 0 && n >= *count)
			continue;
		best = i;
		*count = n;
	}
	return best;
}

/* All but what was counted. */
static List *
other_conditions(RelOptInfo *rel, const DatomEntityClause *counted, List *rinfos)
{
	List	   *others = NIL;
	DatomEntityClause clause;
	ListCell   *lc;

	foreach(lc, rinfos)
		if (!datom_entity_clause(entity_rel(rel)->table, lfirst_node(RestrictInfo, lc)->clause,
								 rel->relid, &clause) ||
			clause.column != counted->column || clause.strategy != counted->strategy ||
			!equal(clause.operand, counted->operand))
			others = lappend(others, lfirst(lc));
	return others;
}

/* Rows that meet the clauses; of a list of entities those that meet the others. */
static double
count_rows(PlannerInfo *root, RelOptInfo *rel, Relation db,
		   const DatomEntityPlan *plan, List *rinfos)
{
	DatomEntityRel *entity = entity_rel(rel);
	double		rows = entity->entities;
	double		listed;
	int			lister = best_lister(root, entity, db, plan, &listed);

	if (lister >= 0)
	{
		rows = Min(rows, listed);
		rinfos = other_conditions(rel, &plan->clauses[lister], rinfos);
	}
	return clamp_row_est(rows * clauselist_selectivity(root, rinfos, rel->relid, JOIN_INNER,
													   NULL));
}

DatomEntityRel *
datom_entity_rel_make(PlannerInfo *root, RelOptInfo *rel, DatomEntityTable *table,
					  DatomEntityPathFn make_path)
{
	DatomEntityRel *entity = palloc0(sizeof(DatomEntityRel));
	AttrNumber	e = datom_entity_table_e(table);
	Relation	db = table_open(table->db, AccessShareLock);

	entity->table = table;
	entity->make_path = make_path;
	entity->facts = palloc(sizeof(double) * Max(table->ncolumns, 1));
	for (int i = 0; i < table->ncolumns; i++)
		entity->facts[i] = -1;
	(void) datom_shard_estimate(root, rel, e);
	entity->implied = datom_shard_implied(root, rel, e);
	entity->plan = read_clauses(entity, rel, rel->baserestrictinfo);
	add_implied(entity, rel, &entity->plan);
	entity->entities = count_entities(db, entity);
	if (entity->plan.since)
		entity->entities *= SINCE_SELECTIVITY;
	entity->reach = entity->entities;
	for (int i = 0; i < entity->plan.nshards; i++)
		entity->reach /= datom_shard_count(&entity->plan.shards[i], root);
	rel->tuples = entity->entities;
	table_close(db, NoLock);
	return entity;
}

void
datom_entity_rel_size(PlannerInfo *root, RelOptInfo *rel)
{
	DatomEntityRel *entity = entity_rel(rel);
	Relation	db = table_open(entity->table->db, NoLock);

	rel->rows = count_rows(root, rel, db, &entity->plan, rel->baserestrictinfo);
	table_close(db, NoLock);
}

/*
 * Statistics
 */

/*
 * The share of the entities that have a value, and how many values there are as
 * pg_statistic says it: less than 0, as a share of the entities; 0, nobody knows.
 */
static void
column_shares(Relation db, DatomEntityRel *entity, int i, double *present, double *distinct)
{
	const DatomEntityColumn *column = &entity->table->columns[i];
	const DatomAttr *attr;
	double		facts;

	*present = 1;
	*distinct = -1;
	if (column->ident == NULL)
		return;
	facts = count_column(db, entity, i) * (entity->plan.since ? SINCE_SELECTIVITY : 1);
	if (entity->table->key != NULL || !is_required(entity, i))
		*present = Min(facts / Max(entity->entities, 1), 1);
	attr = datom_schema_find(datom_attrs(db), column->ident, strlen(column->ident));
	if (attr && attr->unique != UNIQUE_NONE && !column->many)
		*distinct = -*present;
	else if (column->type == BOOLOID && !column->many)
		*distinct = 2;
	else
		*distinct = attr && !column->many ? datom_count_distinct(db, attr, facts) : 0;
}

static HeapTuple
form_statistics(Oid relid, AttrNumber number, double present, double distinct)
{
	Relation	catalog = table_open(StatisticRelationId, AccessShareLock);
	Datum		values[Natts_pg_statistic] = {0};
	bool		nulls[Natts_pg_statistic] = {0};
	HeapTuple	tuple;

	values[Anum_pg_statistic_starelid - 1] = ObjectIdGetDatum(relid);
	values[Anum_pg_statistic_staattnum - 1] = Int16GetDatum(number);
	values[Anum_pg_statistic_stanullfrac - 1] = Float4GetDatum(1 - present);
	values[Anum_pg_statistic_stadistinct - 1] = Float4GetDatum(distinct);
	for (int i = 0; i < STATISTIC_NUM_SLOTS; i++)
	{
		nulls[Anum_pg_statistic_stanumbers1 - 1 + i] = true;
		nulls[Anum_pg_statistic_stavalues1 - 1 + i] = true;
	}
	tuple = heap_form_tuple(RelationGetDescr(catalog), values, nulls);
	table_close(catalog, AccessShareLock);
	return tuple;
}

/* There is no value in it, so whoever may plan the query may know it. */
bool
datom_entity_rel_statistics(DatomEntityRel *entity, Oid relid, AttrNumber number,
							VariableStatData *data)
{
	const DatomEntityTable *table = entity->table;
	Relation	db;
	double		present;
	double		distinct;

	for (int i = 0; i < table->ncolumns; i++)
		if (table->columns[i].number == number)
		{
			db = table_open(table->db, NoLock);
			column_shares(db, entity, i, &present, &distinct);
			table_close(db, NoLock);
			data->statsTuple = form_statistics(relid, number, present, distinct);
			data->freefunc = heap_freetuple;
			data->acl_ok = true;
			return true;
		}
	return false;
}

/*
 * Costs
 */

static Bitmapset *
columns_read(RelOptInfo *rel, List *quals)
{
	Bitmapset  *shifted = NULL;
	Bitmapset  *columns = NULL;
	int			i = -1;

	pull_varattnos((Node *) rel->reltarget->exprs, rel->relid, &shifted);
	pull_varattnos((Node *) quals, rel->relid, &shifted);
	while ((i = bms_next_member(shifted, i)) >= 0)
	{
		int			number = i + FirstLowInvalidHeapAttributeNumber;

		if (number == 0)
			for (int k = 1; k <= rel->max_attr; k++)
				columns = bms_add_member(columns, k);
		else if (number > 0)
			columns = bms_add_member(columns, number);
	}
	return columns;
}

/* Reading the blocks of these columns, and making their values. */
static void
reading_cost(DatomEntityRel *entity, const Bitmapset *columns, Cost *pages, Cost *cpu)
{
	Relation	db = table_open(entity->table->db, NoLock);
	DatomScanEstimate scan = estimate(db, entity, columns);
	double		random_page;
	double		page;

	get_tablespace_page_costs(db->rd_rel->reltablespace, &random_page, &page);
	table_close(db, NoLock);
	*pages = scan.pages * page;
	*cpu = entity->entities * cpu_operator_cost * 0.1 +
		entity->reach * bms_num_members(columns) * VALUE_OPERATORS * cpu_operator_cost;
	/* Without orders the whole past is read and sorted. */
	if (scan.order == NULL)
		*cpu += 2 * cpu_operator_cost * scan.rows * log2(Max(2, scan.rows));
}

/*
 * Paths
 */

/* What a path knows of its scan; `plan` is made again with the clauses it gets. */
static List *
path_private(bool ordered, bool listed)
{
	return list_make1(list_make2_int(ordered, listed));
}

static Path *
make_path(PlannerInfo *root, RelOptInfo *rel, double rows, Cost startup, Cost total,
		  List *pathkeys, ParamPathInfo *param_info, bool listed)
{
	Path	   *path = entity_rel(rel)->make_path(root, rel, param_info,
												  path_private(pathkeys != NIL, listed));

	path->rows = rows;
	path->startup_cost = startup;
	path->total_cost = total;
	path->pathkeys = pathkeys;
	return path;
}

/* The cost of all entities, divided among `divisor` processes. */
static void
full_cost(PlannerInfo *root, RelOptInfo *rel, double divisor, Cost *startup, Cost *total)
{
	DatomEntityRel *entity = entity_rel(rel);
	List	   *quals = datom_entity_rel_quals(rel, rel->baserestrictinfo);
	QualCost	cost;
	Cost		pages;
	Cost		cpu;

	cost_qual_eval(&cost, quals, root);
	reading_cost(entity, columns_read(rel, quals), &pages, &cpu);
	cpu += entity->reach * (cpu_tuple_cost + cost.per_tuple) +
		rel->rows * rel->reltarget->cost.per_tuple;
	*startup = cost.startup + rel->reltarget->cost.startup;
	*total = *startup + pages + cpu / divisor;
}

static void
add_full_paths(PlannerInfo *root, RelOptInfo *rel)
{
	DatomEntityRel *entity = entity_rel(rel);
	AttrNumber	e = datom_entity_table_e(entity->table);
	List	   *pathkeys = NIL;
	Cost		startup;
	Cost		total;

	full_cost(root, rel, 1, &startup, &total);
	add_path(rel, make_path(root, rel, rel->rows, startup, total, NIL,
							get_baserel_parampathinfo(root, rel, rel->lateral_relids), false));
	if (e != InvalidAttrNumber)
		pathkeys = build_expression_pathkey(root, (Expr *) makeVar(rel->relid, e, INT8OID, -1,
																   InvalidOid, 0),
											NULL, Int8LessOperator, rel->relids, false);
	pathkeys = truncate_useless_pathkeys(root, rel, pathkeys);
	if (pathkeys != NIL && bms_is_empty(rel->lateral_relids))
		add_path(rel, make_path(root, rel, rel->rows, startup,
								total + rel->rows * 0.1 * cpu_operator_cost, pathkeys, NULL,
								false));
}

double
datom_parallel_divisor(int workers)
{
	double		leader = 1.0 - 0.3 * workers;

	return workers + (parallel_leader_participation && leader > 0 ? leader : 0);
}

static void
add_parallel_path(PlannerInfo *root, RelOptInfo *rel)
{
	DatomEntityRel *entity = entity_rel(rel);
	Relation	db = table_open(entity->table->db, NoLock);
	List	   *quals = datom_entity_rel_quals(rel, rel->baserestrictinfo);
	DatomScanEstimate scan = estimate(db, entity, columns_read(rel, quals));
	int			workers = 0;
	Path	   *path;
	Cost		startup;
	Cost		total;

	table_close(db, NoLock);
	if (rel->consider_parallel && bms_is_empty(rel->lateral_relids) && scan.order != NULL)
		workers = compute_parallel_worker(rel, scan.pages, -1, max_parallel_workers_per_gather);
	if (workers <= 0)
		return;
	full_cost(root, rel, datom_parallel_divisor(workers), &startup, &total);
	path = make_path(root, rel, clamp_row_est(rel->rows / datom_parallel_divisor(workers)), startup,
					 total, NIL, NULL, false);
	path->parallel_aware = true;
	path->parallel_workers = workers;
	add_partial_path(rel, path);
}

/* Of those entities that a clause lists, if one does. */
static void
add_listed_path(PlannerInfo *root, RelOptInfo *rel, Relation db,
				ParamPathInfo *param_info)
{
	DatomEntityRel *entity = entity_rel(rel);
	List	   *rinfos = param_info ?
	list_concat_copy(rel->baserestrictinfo, param_info->ppi_clauses) : rel->baserestrictinfo;
	DatomEntityPlan plan = read_clauses(entity, rel, rinfos);
	double		listed = 0;
	int			lister = best_lister(root, entity, db, &plan, &listed);
	double		random_page;
	double		page;
	double		rows;
	Cost		total;

	if (lister < 0)
		return;
	get_tablespace_page_costs(InvalidOid, &random_page, &page);
	rows = param_info ? Min(param_info->ppi_rows, listed) : rel->rows;
	if (param_info)
		param_info->ppi_rows = rows;
	/* Pages of directories, and those that many entities share, stay in memory. */
	total = Min(listed * ENTITY_PAGES, Max(datom_entity_pages(db), ENTITY_PAGES)) * page +
		listed * 20 * cpu_tuple_cost + rows * rel->reltarget->cost.per_tuple;
	if (entity->table->columns[plan.clauses[lister].column].ident)
		total += VALUE_PAGES * page;
	add_path(rel, make_path(root, rel, rows, 0, total, NIL, param_info, true));
}

/* The other relations whose rows this clause compares with. */
static Relids
outer_of(RelOptInfo *rel, Relation db, RestrictInfo *rinfo)
{
	DatomEntityRel *entity = entity_rel(rel);
	DatomEntityClause clause;
	Relids		outer;

	if (!join_clause_is_movable_to(rinfo, rel) ||
		!datom_entity_clause(entity->table, rinfo->clause, rel->relid, &clause) ||
		!datom_entity_clause_lists(entity->table, db, &clause))
		return NULL;
	outer = bms_union(rinfo->clause_relids, rel->lateral_relids);
	return bms_del_member(outer, rel->relid);
}

static List *
note_outer(PlannerInfo *root, RelOptInfo *rel, Relation db, List *outers,
		   List *rinfos)
{
	ListCell   *lc;

	foreach(lc, rinfos)
	{
		Relids		outer = outer_of(rel, db, lfirst_node(RestrictInfo, lc));

		if (!bms_is_empty(outer))
			outers = list_append_unique_ptr(outers,
											get_baserel_parampathinfo(root, rel, outer));
	}
	return outers;
}

static bool
is_member_column(PlannerInfo *root, RelOptInfo *rel, EquivalenceClass *ec,
				 EquivalenceMember *em, void *column)
{
	Var		   *var = (Var *) em->em_expr;

	return IsA(var, Var) && var->varno == (int) rel->relid &&
		var->varattno == *(AttrNumber *) column;
}

/* Paths for nested loops, which look a column of an outer row up. */
static void
add_lookups(PlannerInfo *root, RelOptInfo *rel, Relation db)
{
	DatomEntityRel *entity = entity_rel(rel);
	List	   *outers = note_outer(root, rel, db, NIL, rel->joininfo);
	ListCell   *lc;

	for (int i = 0; rel->has_eclass_joins && i < entity->table->ncolumns; i++)
		outers = note_outer(root, rel, db, outers,
							generate_implied_equalities_for_column(root, rel, is_member_column,
																   &entity->table->columns[i].number,
																   rel->lateral_referencers));
	foreach(lc, outers)
		add_listed_path(root, rel, db, lfirst(lc));
}

void
datom_entity_rel_paths(PlannerInfo *root, RelOptInfo *rel)
{
	Relation	db = table_open(entity_rel(rel)->table->db, NoLock);

	add_full_paths(root, rel);
	if (bms_is_empty(rel->lateral_relids))
		add_listed_path(root, rel, db, NULL);
	add_parallel_path(root, rel);
	add_lookups(root, rel, db);
	table_close(db, NoLock);
}

/*
 * The plan
 */

/* The target list will not do: it may have columns that nobody reads. */
static List *
column_list(const Bitmapset *columns)
{
	List	   *list = NIL;
	int			i = -1;

	while ((i = bms_next_member(columns, i)) >= 0)
		list = lappend_int(list, i);
	return list;
}

DatomEntityPlan
datom_entity_rel_plan(PlannerInfo *root, RelOptInfo *rel, List *private, List *rinfos)
{
	DatomEntityRel *entity = entity_rel(rel);
	DatomEntityPlan plan = read_clauses(entity, rel, rinfos);
	List	   *flags = linitial(private);
	Relation	db = table_open(entity->table->db, NoLock);
	double		listed;

	add_implied(entity, rel, &plan);
	plan.ordered = linitial_int(flags);
	plan.columns = column_list(columns_read(rel, datom_entity_rel_quals(rel, rinfos)));
	if (lsecond_int(flags))
		plan.lister = best_lister(root, entity, db, &plan, &listed);
	table_close(db, NoLock);
	return plan;
}
