/*
 * Planning the scan of an entity table.
 */
#ifndef DATOM_FDW_PLAN_H
#define DATOM_FDW_PLAN_H

#include "compat.h"
#include "foreign/fdwapi.h"
#include "nodes/pathnodes.h"
#include "utils/selfuncs.h"

extern void datom_fdw_plan_routines(FdwRoutine *routine);

/*
 * What orders tell of a column of an entity table that was not analyzed; false:
 * it is none, or was.
 */
extern bool datom_fdw_statistics(PlannerInfo *root, RelOptInfo *rel, RangeTblEntry *rte,
								 AttrNumber column, VariableStatData *data);

#endif
