/*
 * fdw_plan.c: planning the scan of an entity table.
 *
 * Whoever may not read the table learns nothing by it, and waits for no lock: the
 * rights are asked here already.
 */
#include "fdw_plan.h"

#include "access/table.h"
#include "catalog/pg_statistic.h"
#include "executor/executor.h"
#include "optimizer/pathnode.h"
#include "optimizer/planmain.h"
#include "utils/syscache.h"

#include "entity_paths.h"

static Path *
make_path(PlannerInfo *root, RelOptInfo *rel, ParamPathInfo *param_info, List *private)
{
	ForeignPath *path = create_foreignscan_path(root, rel, NULL, 0, 0, 0, NIL,
												param_info ? param_info->ppi_req_outer : NULL,
												NULL, private);

	path->path.param_info = param_info;
	return &path->path;
}

static DatomEntityRel *
make_rel(PlannerInfo *root, RelOptInfo *rel, Oid relid)
{
	Relation	foreign = table_open(relid, NoLock);
	DatomEntityTable *table = datom_entity_table(foreign);

	table_close(foreign, NoLock);
	return datom_entity_rel_make(root, rel, table, make_path);
}

static void
set_size(PlannerInfo *root, RelOptInfo *rel, Oid relid)
{
	/* As the executor will ask, but before anything is locked. */
	ExecCheckRTPerms(list_make1(root->simple_rte_array[rel->relid]), true);
	rel->fdw_private = make_rel(root, rel, relid);
	datom_entity_rel_size(root, rel);
}

static void
add_paths(PlannerInfo *root, RelOptInfo *rel, Oid relid)
{
	datom_entity_rel_paths(root, rel);
}

static ForeignScan *
make_plan(PlannerInfo *root, RelOptInfo *rel, Oid relid, ForeignPath *path,
		  List *tlist, List *rinfos, Plan *outer)
{
	DatomEntityPlan plan = datom_entity_rel_plan(root, rel, path->fdw_private, rinfos);

	if (OidIsValid(plan.function))
		record_plan_function_dependency(root, plan.function);
	return make_foreignscan(tlist, datom_entity_rel_quals(rel, rinfos), rel->relid,
							datom_entity_plan_exprs(&plan), datom_entity_plan_private(&plan),
							NIL, datom_entity_rel_conditions(rel, rinfos), outer);
}

static bool
is_parallel_safe_scan(PlannerInfo *root, RelOptInfo *rel, RangeTblEntry *rte)
{
	return true;
}

bool
datom_fdw_statistics(PlannerInfo *root, RelOptInfo *rel, RangeTblEntry *rte,
					 AttrNumber number, VariableStatData *data)
{
	DatomEntityRel *entity = rel->fdw_private;

	if (rte->rtekind != RTE_RELATION || rte->relkind != RELKIND_FOREIGN_TABLE ||
		number <= 0 || !datom_entity_table_is(rte->relid) ||
		SearchSysCacheExists3(STATRELATTINH, ObjectIdGetDatum(rte->relid),
							  Int16GetDatum(number), BoolGetDatum(false)))
		return false;
	if (entity == NULL)
		entity = make_rel(root, rel, rte->relid);
	return datom_entity_rel_statistics(entity, rte->relid, number, data);
}

void
datom_fdw_plan_routines(FdwRoutine *routine)
{
	routine->GetForeignRelSize = set_size;
	routine->GetForeignPaths = add_paths;
	routine->GetForeignPlan = make_plan;
	routine->IsForeignScanParallelSafe = is_parallel_safe_scan;
}
