/*
 * The states that the rows of an entity table have had.
 */
#ifndef DATOM_ENTITY_HISTORY_H
#define DATOM_ENTITY_HISTORY_H

#include "compat.h"
#include "utils/rel.h"

#include "entity_table.h"
#include "instant.h"

/*
 * A row as it was for a while: its columns in the order of the table's. What this
 * transaction itself begins or ends has no instant yet, which is DT_NOEND with
 * *_known false; the end of what still holds is DT_NOEND and known.
 */
typedef struct DatomEntityState
{
	const Datum *values;
	const bool *nulls;
	TimestampTz from;
	bool		from_known;
	TimestampTz to;				/* excluded */
	bool		to_known;
} DatomEntityState;

typedef void (*DatomEntityStateFn) (void *arg, const DatomEntityState *state);

/*
 * Hands out all states up to the settled moment, entity by entity, each as long as
 * nothing that the columns show changed.
 */
extern void datom_entity_history(Relation db, const DatomEntityTable *table,
								 const DatomSettled *at, DatomEntityStateFn take, void *arg);

#endif
