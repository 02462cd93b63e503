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
extern bool datom_basis_find(int64 tx, Oid db, DatomEntry *entry);
extern void datom_basis_each(Oid db, Snapshot snapshot,
							 void (*take) (void *arg, const DatomEntry *entry),
							 void *arg);
extern DatomTxMap *datom_txmap_create(Oid db, Snapshot snapshot);
extern void datom_txmap_load(DatomTxMap *map);
extern TimestampTz datom_txmap_instant(DatomTxMap *map, int64 tx);

#endif
