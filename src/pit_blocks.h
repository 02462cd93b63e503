/*
 * The past of entities from blocks of an order, for labels in the order of their
 * entities.
 */
#ifndef DATOM_PIT_BLOCKS_H
#define DATOM_PIT_BLOCKS_H

#include "compat.h"
#include "utils/rel.h"

#include "entity_table.h"
#include "instant.h"
#include "pit_states.h"

typedef struct DatomPitBlocks DatomPitBlocks;

/* Labels at once. */
#define DATOM_PIT_BATCH 1024

/* Blocks that there are to be read, of the order or else of the log. */
extern double datom_pit_blocks_count(Relation db);

/*
 * Entities from least to most, as far as their facts are known at a moment, which
 * stays settled. NULL: there is no order for it, or its tail is too long to be kept.
 */
extern DatomPitBlocks *datom_pit_blocks_open(Relation db, const DatomEntityTable *table,
											 const bool *needed, const DatomSettled *at,
											 int64 least, int64 most);
extern void datom_pit_blocks_close(DatomPitBlocks *blocks);

/* Is each needed column one value of one fact? Then it can be found in a place. */
extern bool datom_pit_blocks_simple(const DatomPitBlocks *blocks);

/*
 * Is the next entity, which is not below the one at hand, in blocks that are open?
 * If not, values that have been found must be fetched before it is gone to.
 */
extern bool datom_pit_blocks_reach(const DatomPitBlocks *blocks, int64 e);

/*
 * Goes to the entity. False: not all of its facts are at hand, or the tail speaks
 * of it.
 */
extern bool datom_pit_blocks_go(DatomPitBlocks *blocks, int64 e);

/* Its states. */
extern void datom_pit_blocks_states(DatomPitBlocks *blocks, DatomPitStates *states);

/* Adds its row at an instant to the batch, which has room; false: it is none then. */
extern bool datom_pit_blocks_add(DatomPitBlocks *blocks, TimestampTz at);

/* The batch: a needed column of its rows, good until another one begins. */
extern void datom_pit_blocks_values(DatomPitBlocks *blocks, int column, const Datum **values,
									const bool **nulls);
extern void datom_pit_blocks_clear(DatomPitBlocks *blocks);

#endif
