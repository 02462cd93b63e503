/*
 * Rows of a node that reads entities, one by one.
 */
#ifndef DATOM_ENTITY_SLOT_H
#define DATOM_ENTITY_SLOT_H

#include "compat.h"
#include "executor/tuptable.h"

#include "entity_node.h"

/* A column of the slot, and where the batch has it. */
typedef struct DatomSlotColumn
{
	int			column;			/* of the table's columns */
	int			slot;			/* its place in the slot */
	const Datum *values;
	const bool *nulls;
} DatomSlotColumn;

typedef struct DatomEntitySlots
{
	DatomEntityNode *node;
	DatomSlotColumn *columns;	/* those that are needed */
	int			ncolumns;
	int			n;				/* rows of the batch */
	int			row;			/* that it is at */
} DatomEntitySlots;

/* Once it is known what the node needs. */
extern void datom_entity_slots_init(DatomEntitySlots *slots, DatomEntityNode *node);

/* Goes on to the next row; false: there is none. */
extern bool datom_entity_slots_advance(DatomEntitySlots *slots);

/* Stores that row, whose columns stand by their numbers, the others null. */
extern void datom_entity_slots_store(const DatomEntitySlots *slots, TupleTableSlot *slot);

/* Or these of its columns, as they stand in `columns`, and nothing else. */
extern void datom_entity_slots_pick(const DatomEntitySlots *slots, const int *picked,
									TupleTableSlot *slot);

/* To be called with the node's own rescan. */
extern void datom_entity_slots_rescan(DatomEntitySlots *slots);

#endif
