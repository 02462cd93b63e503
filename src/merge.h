/*
 * Bringing orders up to date with the log.
 */
#ifndef DATOM_MERGE_H
#define DATOM_MERGE_H

#include "compat.h"
#include "utils/rel.h"
#include "utils/snapshot.h"

#include "order_block.h"
#include "schema.h"


/* Pages of new rows at which writers, and readers, merge. */
#define DATOM_RELIEF_PAGES 64

/* Makes an order from the whole log; returns its records. */
extern double datom_merge_build(Relation rel, Relation index);

/* For VACUUM: merges what is final, and runs with runs. */
extern void datom_merge_vacuum(Relation rel);

/*
 * Merges if there are many new rows, or if `now`, unless somebody else does.
 * The caller should hold no lock that others wait for.
 */
extern void datom_merge_relieve(Relation rel, bool now);

typedef void (*DatomMergeFn) (void *arg, const DatomAttr *attr, const DatomRecord *record);

extern bool datom_merge_records(Relation rel, Snapshot snapshot, TimestampTz upto,
								DatomMergeFn take, void *arg);

/*
 * Empties the orders of a table into which somebody writes the past; nobody
 * merges until the transaction has ended.
 */
extern void datom_merge_distrust(Relation rel);

#endif
