/*
 * What a snapshot knows of the order of commits: up to which instant it knows
 * all, and the instants of transactions.
 */
#ifndef DATOM_BASIS_H
#define DATOM_BASIS_H

#include "compat.h"
#include "datatype/timestamp.h"
#include "utils/snapshot.h"

#include "ledger.h"

/* From transaction to instant, for one table in one snapshot. */
typedef struct DatomTxMap DatomTxMap;

extern TimestampTz datom_basis_of(Oid db, Snapshot snapshot);
extern TimestampTz datom_basis_entry(Oid db, Snapshot snapshot);
extern bool datom_basis_find(int64 tx, Oid db, DatomEntry *entry);
extern void datom_basis_each(Oid db, Snapshot snapshot, TimestampTz above,
							 void (*take) (void *arg, const DatomEntry *entry),
							 void *arg);
extern Snapshot datom_basis_snapshot(void);
extern EntryState datom_basis_state(HeapTuple tuple, Snapshot snapshot);
extern EntryState datom_basis_own(Oid db, int64 tx, Snapshot snapshot,
								  TimestampTz *instant);
extern DatomTxMap *datom_txmap_create(Oid db, Snapshot snapshot);
extern void datom_txmap_load(DatomTxMap *map);
extern TimestampTz datom_txmap_instant(DatomTxMap *map, int64 tx);

#endif
