/*
 * Locks between transactions that say things about the same entity or value.
 */
#ifndef DATOM_LOCKS_H
#define DATOM_LOCKS_H

#include "compat.h"

/* Each returns true if the lock was not held by this transaction before. */
extern bool datom_lock_importer(Oid db);
extern bool datom_lock_all(Oid db);

/* Does this transaction hold the lock of the whole table? */
extern bool datom_lock_all_held(Oid db);

extern uint32 datom_lock_entity_bucket(int64 e);
extern uint32 datom_lock_value_bucket(const char *ident, int len, uint32 value_hash);
extern bool datom_lock_bucket(Oid db, uint32 bucket);

/* With more buckets than this at once, the whole table is locked. */
#define DATOM_MANY_LOCKS 512

/* Takes them in their order, and sorts them; true if one was not held. */
extern bool datom_lock_buckets(Oid db, uint32 *buckets, int n);

extern bool datom_lock_merge(Oid db, bool wait);
extern void datom_unlock_merge(Oid db);
extern bool datom_lock_merge_shared(Oid db);

extern bool datom_lock_prune(void);

#endif
