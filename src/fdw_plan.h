/*
 * Planning the scan of an entity table.
 */
#ifndef DATOM_FDW_PLAN_H
#define DATOM_FDW_PLAN_H

#include "compat.h"
#include "foreign/fdwapi.h"
#include "nodes/pathnodes.h"
#include "utils/selfuncs.h"

#include "entity_node.h"

/* What is known of a base relation, in its fdw_private. */
typedef struct DatomEntityRel
{
	DatomEntityTable *table;
	DatomEntityPlan plan;		/* by the relation's own clauses */
	List	   *implied;		/* clauses on shards that follow from others' */
	double		entities;		/* of the whole table */
	double		reach;			/* of the shard, and between bounds of e */
} DatomEntityRel;

extern void datom_fdw_plan_routines(FdwRoutine *routine);

/* What a scan costs that reads these columns and hands out rows to be computed with. */
extern Cost datom_fdw_scan_cost(PlannerInfo *root, RelOptInfo *rel, Bitmapset *columns);

/* Among how many processes work is divided, as the server's own costing has it. */
extern double datom_parallel_divisor(int workers);

/* The clauses of the relation, less what the scan is exact for. */
extern List *datom_fdw_quals(RelOptInfo *rel, List *rinfos);

/*
 * What orders tell of a column of an entity table that was not analyzed; false:
 * it is none, or was.
 */
extern bool datom_fdw_statistics(RangeTblEntry *rte, AttrNumber column,
								 VariableStatData *data);

#endif
