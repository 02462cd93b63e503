/*
 * The attributes of a datom table.
 */
#ifndef DATOM_ATTRS_H
#define DATOM_ATTRS_H

#include "compat.h"
#include "utils/rel.h"
#include "utils/snapshot.h"

#include "schema.h"

/*
 * The attributes of the table as of now, what this transaction has said about
 * them included, with the past of their cardinalities. Valid until the end of
 * the transaction.
 */
extern const DatomSchema *datom_attrs(Relation rel);

/* The attributes as of a moment that the snapshot knows all about. */
extern const DatomSchema *datom_attrs_at(Relation rel, Snapshot snapshot, TimestampTz at);

#endif
