/*
 * What a row must be before it enters the log.
 */
#ifndef DATOM_APPEND_H
#define DATOM_APPEND_H

#include "compat.h"
#include "executor/tuptable.h"
#include "utils/rel.h"

#include "schema.h"

extern void datom_append_init(void);

/*
 * Complete and check rows that are about to be inserted: fill tx and added,
 * give values the type of their attribute, advance the entity sequence. The
 * rows of a batch see each other as if inserted one after the other.
 */
extern void datom_append_row(Relation rel, TupleTableSlot *slot);
extern void datom_append_batch(Relation rel, TupleTableSlot **slots, int n);

/*
 * While this is above 0, facts about attributes may be inserted. Raised and
 * lowered by datom.transact() alone, which knows what they must not contradict.
 */
extern int	datom_append_schema_allowed;

/* An error if a moment of the past is in force. */
extern void datom_append_refuse_as_of(const char *table);

/* The error for a unique value of e, at pos, that another entity has. */
extern void datom_append_refuse_taken(Relation rel, int64 e,
									  const DatomAttr *attr, int64 other,
									  int pos);

/* The error for facts about attributes that do not come from transact(). */
extern void datom_append_refuse_schema(Relation rel, const char *a, int alen);

/* Moves the entity sequence to e, if it is not there or above already. */
extern void datom_append_reach(Relation rel, int64 e);
extern int64 datom_append_sequence_value(Oid sequence);

#endif
