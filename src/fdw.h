/*
 * The foreign data wrapper `datom`: entity tables.
 */
#ifndef DATOM_FDW_H
#define DATOM_FDW_H

#include "compat.h"
#include "foreign/fdwapi.h"
#include "nodes/execnodes.h"
#include "nodes/pathnodes.h"

#include "entity_rows.h"

/* fdw_write.c, fdw_import.c, fdw_aggregate.c: fill in their routines. */
extern void datom_fdw_write_routines(FdwRoutine *routine);
extern void datom_fdw_import_routines(FdwRoutine *routine);
extern void datom_fdw_aggregate_routines(FdwRoutine *routine);

/*
 * For a node above that takes the batches itself and calls for no row: the scan of
 * a plan's node, begun if it has not been since the last rescan, or NULL if no row
 * can come; and the table, whose columns are those of the foreign table. The
 * node's conditions are the caller's to check.
 */
extern DatomEntityScan *datom_fdw_scan(ForeignScanState *node, const DatomEntityTable **table);

#endif
