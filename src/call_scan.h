/*
 * The node of a plan that takes the place of a call of datom.entities() in FROM.
 */
#ifndef DATOM_CALL_SCAN_H
#define DATOM_CALL_SCAN_H

#include "compat.h"
#include "nodes/execnodes.h"
#include "nodes/pathnodes.h"
#include "utils/selfuncs.h"

#include "entity_node.h"

extern void datom_call_scan_init(void);

/* Does such a node take the place of this function, if the caller may read it all? */
extern bool datom_call_scan_takes(RangeTblEntry *rte);

/* Makes its size and its paths those of the node; false if it is none. */
extern bool datom_call_scan_offer(PlannerInfo *root, RelOptInfo *rel, RangeTblEntry *rte);

/* What orders tell of a column of it; false if it is none. */
extern bool datom_call_scan_statistics(PlannerInfo *root, RelOptInfo *rel, RangeTblEntry *rte,
									   AttrNumber column, VariableStatData *data);

extern bool datom_call_scan_is_path(const Path *path);

/* What reads the entities of such a node of a plan. */
extern DatomEntityNode *datom_call_scan_node(CustomScanState *css);

#endif
