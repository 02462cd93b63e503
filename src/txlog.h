/*
 * The order of commits: which transaction said something in which datom table
 * at which instant, and up to which instant a snapshot knows all there is.
 */
#ifndef DATOM_TXLOG_H
#define DATOM_TXLOG_H

#include "compat.h"
#include "datatype/timestamp.h"
#include "utils/snapshot.h"

extern void datom_txlog_init(void);

/* Writing. */
extern int64 datom_txlog_current_tx(void);
extern int64 datom_txlog_write_tx(Oid db, bool importing);
extern int64 datom_txlog_drawn_tx(void);
extern bool datom_txlog_is_own(Oid db, int64 tx);
extern void datom_txlog_require_shmem(void);

/* Importing. */
extern bool datom_txlog_importing(Oid db, Snapshot snapshot);
extern void datom_txlog_set_importing(Oid db, bool importing);
extern int64 datom_txlog_import(Oid db, TimestampTz at);
extern void datom_txlog_forget(Oid db);

/* The clock. */
extern TimestampTz datom_txlog_clock(void);
extern void datom_txlog_add_tick(void);
extern bool datom_txlog_tick_due(void);
extern TimestampTz datom_txlog_last_tick(Oid database);
extern TimestampTz datom_txlog_last(void);
extern uint64 datom_txlog_given(void);
extern void datom_txlog_entries_given(void);

#endif
