/*
 * The states that the rows of an entity table have had.
 */
#ifndef DATOM_ENTITY_HISTORY_H
#define DATOM_ENTITY_HISTORY_H

#include "compat.h"
#include "utils/rel.h"

#include "datom.h"
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

/*
 * The same of the facts of one entity after the other, which the caller has, all
 * that began up to the moment. Of a table's columns those that are not `needed`
 * (NULL: all are) make rows and no states of their own, and are null.
 */
typedef struct DatomHistory DatomHistory;

extern DatomHistory *datom_history_make(Relation db, const DatomEntityTable *table,
										const bool *needed, const DatomSettled *at,
										DatomEntityStateFn take, void *arg);
extern void datom_history_free(DatomHistory *history);
extern void datom_history_begin(DatomHistory *history, int64 e);

/* The facts of one attribute of it, in any order. Their values are copied. */
extern void datom_history_take(DatomHistory *history, const char *ident, int len,
							   const DatomFact *facts, int n);

/* Hands out its states. What values point to is good until another entity begins. */
extern void datom_history_end(DatomHistory *history);

#endif
