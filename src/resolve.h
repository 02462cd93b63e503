/*
 * Which entities transaction data speak of.
 */
#ifndef DATOM_RESOLVE_H
#define DATOM_RESOLVE_H

#include "compat.h"

#include "facts.h"
#include "txdata.h"

/*
 * Finds the entity of each node in what the reader sees: lookup refs, idents,
 * and tempids that an identity value makes an entity that exists already.
 * Nodes of new entities stay at 0. May be called again with a newer reader.
 */
extern void datom_resolve(TxData *data, DatomReader *reader, int64 tx);

/* The node that speaks for this one's entity. */
extern TxNode *datom_resolve_find(TxNode *node);

/* Gives numbers from the sequence to the entities that are new. */
extern void datom_resolve_allocate(TxData *data, Oid sequence);

/* A number for one new entity of the table. */
extern int64 datom_resolve_new(const char *table, Oid sequence);

/* An op's value; its node must have a number. */
extern DatomValue *datom_resolve_value(const TxValue *value);

/* The entity of a lookup ref; 0 if there is none. */
extern int64 datom_resolve_lookup(DatomReader *reader, const DatomAttr *attr,
								  const DatomValue *v, TimestampTz at);

#endif
