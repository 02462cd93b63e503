/*
 * Planning the scan of entities: sizes, costs and paths.
 */
#ifndef DATOM_ENTITY_PATHS_H
#define DATOM_ENTITY_PATHS_H

#include "compat.h"
#include "nodes/pathnodes.h"
#include "utils/selfuncs.h"

#include "entity_node.h"

/*
 * A path without rows, costs and order, of the node that is to scan the relation;
 * it keeps `private` for datom_entity_rel_plan().
 */
typedef Path *(*DatomEntityPathFn) (PlannerInfo *root, RelOptInfo *rel,
									ParamPathInfo *param_info, List *private);

/* What is known of a base relation, in its fdw_private. */
typedef struct DatomEntityRel
{
	DatomEntityTable *table;
	DatomEntityPathFn make_path;
	DatomEntityPlan plan;		/* by the relation's own clauses */
	List	   *implied;		/* clauses on shards that follow from others' */
	double		entities;		/* of the whole table */
	double		reach;			/* of the shard, and between bounds of e */
	double	   *facts;			/* of each column's attribute; below 0: not known yet */
} DatomEntityRel;

/* Of the relation; sets how many rows it has without its clauses. */
extern DatomEntityRel *datom_entity_rel_make(PlannerInfo *root, RelOptInfo *rel,
											 DatomEntityTable *table,
											 DatomEntityPathFn make_path);

/* Once it is in fdw_private: how many rows the relation has, and its paths. */
extern void datom_entity_rel_size(PlannerInfo *root, RelOptInfo *rel);
extern void datom_entity_rel_paths(PlannerInfo *root, RelOptInfo *rel);

/* What the plan says of a path, with all clauses that are to be checked. */
extern DatomEntityPlan datom_entity_rel_plan(PlannerInfo *root, RelOptInfo *rel,
											 List *private, List *rinfos);

/* The clauses, less the moment's; and less what the scan is exact for. */
extern List *datom_entity_rel_conditions(RelOptInfo *rel, List *rinfos);
extern List *datom_entity_rel_quals(RelOptInfo *rel, List *rinfos);

/* What orders tell of a column; `relid` is what it is said of, if anything. */
extern bool datom_entity_rel_statistics(DatomEntityRel *entity, Oid relid, AttrNumber column,
										VariableStatData *data);

/* Among how many processes work is divided, as the server's own costing has it. */
extern double datom_parallel_divisor(int workers);

#endif
