/*
 * The tables in which the order of commits is written down.
 */
#ifndef DATOM_LEDGER_H
#define DATOM_LEDGER_H

#include "compat.h"
#include "access/genam.h"
#include "catalog/indexing.h"
#include "datatype/timestamp.h"
#include "utils/relcache.h"
#include "utils/snapshot.h"

enum
{
	Anum_tx_db = 1,
	Anum_tx_instant,
	Anum_tx_tx,
	Anum_tx_low,
	Anum_tx_role,
	Anum_tx_application,
	Natts_tx = Anum_tx_application
};

enum
{
	Anum_clock_instant = 1,
	Anum_clock_low,
	Natts_clock = Anum_clock_low
};

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

/* One of the tables, open, with the indexes that entries go into. */
typedef struct Ledger
{
	Relation	rel;
	CatalogIndexState indexes;
} Ledger;

/*
 * A walk through one of the tables by one of its indexes, dirty: it returns
 * what is physically there, and the caller judges.
 */
typedef struct Walk
{
	Relation	rel;
	Relation	index;
	SysScanDesc scan;
	ScanDirection direction;
} Walk;

typedef enum EntryState
{
	ENTRY_RUNNING,
	ENTRY_COMMITTED,
	ENTRY_ABORTED
} EntryState;

extern Oid datom_ledger_oid(const char *name);
extern Ledger datom_ledger_open(const char *name);
extern void datom_ledger_close(Ledger *ledger);
extern void datom_ledger_insert(Ledger *ledger, Datum *values, bool *nulls);
extern void datom_walk_begin(Walk *walk, const char *table, const char *index,
							 Oid key_type, Datum key, ScanDirection direction);
extern HeapTuple datom_walk_next(Walk *walk);
extern void datom_walk_end(Walk *walk);
extern void datom_walk_entries(Walk *walk, Oid db, ScanDirection direction);
extern void datom_walk_entries_above(Walk *walk, Oid db, TimestampTz above);
extern void datom_walk_ticks(Walk *walk);
extern Datum datom_walk_get(Walk *walk, HeapTuple tuple, int attnum);
extern EntryState datom_entry_state(HeapTuple tuple, Snapshot snapshot);
extern bool datom_entry_deleted(HeapTuple tuple, Snapshot snapshot);
extern TimestampTz datom_ledger_newest(Oid db);
extern TimestampTz datom_ledger_newest_tick(void);

#endif
