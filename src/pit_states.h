/*
 * The states of one entity after the other, and which of them a label is about.
 */
#ifndef DATOM_PIT_STATES_H
#define DATOM_PIT_STATES_H

#include "compat.h"
#include "utils/rel.h"

#include "entity_table.h"
#include "facts.h"
#include "instant.h"
#include "pit_labels.h"

/* Columns in the order of the table's. */
typedef struct DatomPitState
{
	TimestampTz from;
	TimestampTz to;				/* excluded */
	TimestampTz event;			/* by the event time's column, where there is one */
	TimestampTz earliest;		/* `from` of those with no later event time */
	Datum	   *values;
	bool	   *nulls;
} DatomPitState;

typedef struct DatomPitStates DatomPitStates;

/*
 * Of entities as far as their facts are known at a moment, which stays settled.
 * event: the column that says when a state happened, a timestamptz or a date; -1:
 * there is none, and states are told by when they were said. A state that began
 * more than max_age (NULL: any) before a label is none.
 */
extern DatomPitStates *datom_pit_states_make(Relation db, const DatomEntityTable *table,
											 const bool *needed, const DatomSettled *at,
											 int event, const Interval *max_age);
extern void datom_pit_states_free(DatomPitStates *states);

/* The next entity's, from its facts. */
extern void datom_pit_states_begin(DatomPitStates *states, int64 e);
extern void datom_pit_states_take(DatomPitStates *states, const char *ident, int len,
								  const DatomFact *facts, int n);
extern void datom_pit_states_end(DatomPitStates *states);

/* All of it by a reader of the past. */
extern void datom_pit_states_read(DatomPitStates *states, DatomReader *reader, int64 e);

/* That of the entity at hand which counts for the label; NULL: none does. */
extern const DatomPitState *datom_pit_states_find(DatomPitStates *states,
												  const DatomPitLabel *label);

#endif
