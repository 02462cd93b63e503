/*
 * The order of commits: which transaction said something in which datom table
 * at which instant, and up to which instant a snapshot knows all there is.
 */
#ifndef DATOM_TXLOG_H
#define DATOM_TXLOG_H

#include "compat.h"
#include "datatype/timestamp.h"
#include "utils/snapshot.h"

/* What datom.tx says of one transaction in one table. */
typedef struct DatomEntry
{
	Oid			db;
	int64		tx;
	TimestampTz instant;
	char	   *role;
	char	   *application;
	bool		running;		/* not known to have committed */
} DatomEntry;

/* From transaction to instant, for one table in one snapshot. */
typedef struct DatomTxMap DatomTxMap;

extern void datom_txlog_init(void);

/* Writing. */
extern int64 datom_txlog_current_tx(void);
extern int64 datom_txlog_write_tx(Oid db, bool importing);
extern bool datom_txlog_is_own(Oid db, int64 tx);
extern void datom_txlog_require_shmem(void);

/* Importing. */
extern bool datom_txlog_importing(Oid db, Snapshot snapshot);
extern void datom_txlog_set_importing(Oid db, bool importing);
extern int64 datom_txlog_import(Oid db, TimestampTz at);
extern void datom_txlog_forget(Oid db);

/* The clock. */
extern TimestampTz datom_txlog_clock(void);
extern TimestampTz datom_txlog_newest(Oid db);
extern TimestampTz datom_txlog_newest_tick(void);
extern void datom_txlog_add_tick(void);
extern bool datom_txlog_tick_due(void);
extern TimestampTz datom_txlog_last(void);

/* Reading. */
extern TimestampTz datom_txlog_basis(Oid db, Snapshot snapshot);
extern bool datom_txlog_find(int64 tx, Oid db, DatomEntry *entry);
extern void datom_txlog_each(Oid db, Snapshot snapshot,
							 void (*take) (void *arg, const DatomEntry *entry),
							 void *arg);
extern DatomTxMap *datom_txmap_create(Oid db, Snapshot snapshot);
extern void datom_txmap_load(DatomTxMap *map);
extern TimestampTz datom_txmap_instant(DatomTxMap *map, int64 tx);

#endif
