/*
 * The foreign data wrapper `datom`: entity tables.
 */
#ifndef DATOM_FDW_H
#define DATOM_FDW_H

#include "compat.h"
#include "foreign/fdwapi.h"
#include "nodes/execnodes.h"
#include "nodes/pathnodes.h"

#include "entity_node.h"

/* fdw_write.c, fdw_import.c, fdw_aggregate.c: fill in their routines. */
extern void datom_fdw_write_routines(FdwRoutine *routine);
extern void datom_fdw_import_routines(FdwRoutine *routine);
extern void datom_fdw_aggregate_routines(FdwRoutine *routine);

/* Offers aggregates in the scan that is the cheapest path of the input. */
extern void datom_aggregate_offer(PlannerInfo *root, UpperRelationKind stage,
								  RelOptInfo *input, RelOptInfo *output, void *extra);

/* What reads the entities of such a node of a plan. */
extern DatomEntityNode *datom_fdw_node(ForeignScanState *node);

#endif
