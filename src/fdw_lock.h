/*
 * Rows of an entity table that a statement will change, or was asked to lock.
 */
#ifndef DATOM_FDW_LOCK_H
#define DATOM_FDW_LOCK_H

#include "compat.h"
#include "nodes/execnodes.h"

#include "entity_table.h"

typedef struct DatomRowLocker DatomRowLocker;

/*
 * For a scan whose rows UPDATE or DELETE changes, or FOR UPDATE and its kin lock;
 * NULL for any other. The scan must give the whole of its rows.
 */
extern DatomRowLocker *datom_row_locker(ForeignScanState *node, Relation db,
										const DatomEntityTable *table);

/*
 * The next row, locked and as it is now, out of those that `next` gives and that
 * the scan's conditions accept as they were; NULL: there are no more.
 */
extern TupleTableSlot *datom_row_locker_next(DatomRowLocker *locker,
											 TupleTableSlot *(*next) (ForeignScanState *node));
extern void datom_row_locker_rescan(DatomRowLocker *locker);
extern void datom_row_locker_end(DatomRowLocker *locker);

#endif
