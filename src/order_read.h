/*
 * Reading the records of an order: those of one key, or all of them in turn.
 */
#ifndef DATOM_ORDER_READ_H
#define DATOM_ORDER_READ_H

#include "order.h"

/* A block that is open, with what is asked of it most. */
typedef struct DatomOpenBlock
{
	BlockNumber number;			/* invalid: none is open */
	Buffer		buffer;
	DatomBlock	block;
	MemoryContext context;		/* of what the block needs */
	int64	   *e;				/* unpacked; NULL: not yet */
	bool		any_dead;
	uint64		dead[DATOM_DEAD_WORDS];
} DatomOpenBlock;

extern void datom_open_block(DatomOpenBlock *open, DatomOrder *order, const DatomRun *run,
							 DatomPartKind part, BlockNumber number);
extern void datom_open_block_end(DatomOpenBlock *open);
extern int64 *datom_open_block_e(DatomOpenBlock *open);

static inline bool
datom_open_block_dead(const DatomOpenBlock *open, int row)
{
	return open->any_dead && (open->dead[row / 64] >> (row % 64) & 1);
}

/* Record `row` with its value, unless that is far; the value is palloc'd. */
extern void datom_open_block_record(DatomOpenBlock *open, int row, DatomRecord *record);

/* A copy that lives in the context. */
extern DatomRecord datom_record_copy(MemoryContext context, const DatomRecord *record);

/*
 * Reads records by their keys, again and again. Keeps some blocks of each run and
 * part open, and if there are `many` keys all of the directories in memory.
 */
typedef struct DatomLookup DatomLookup;

/* Takes a record, whose `a` lives as long as the lookup does not go on. */
typedef void (*DatomRecordFn) (void *arg, const DatomRecord *record, int64 locator);

extern DatomLookup *datom_lookup_begin(DatomOrder *order, bool many);

/* Hands out the records of a part that agree with the probe, dead ones apart. */
extern void datom_lookup_each(DatomLookup *lookup, DatomPartKind part,
							  const DatomBlockRange *range, const DatomProbe *probe,
							  DatomRecordFn take, void *arg);

/* Takes a record of a block that is open until the lookup goes on. */
typedef void (*DatomOpenRecordFn) (void *arg, DatomOpenBlock *open, int row);

/*
 * Hands out the facts of an entity that hold at `bound`, as far as the runs know:
 * of EAVT, not of `many`. Cheap where entities come in ascending order.
 */
extern void datom_lookup_entity(DatomLookup *lookup, int64 e, TimestampTz bound,
								DatomOpenRecordFn take, void *arg);
extern void datom_lookup_end(DatomLookup *lookup);

/*
 * The records of one part of several runs, merged in the order of their keys,
 * dead ones left out.
 */
typedef struct DatomMergeCursor DatomMergeCursor;

extern DatomMergeCursor *datom_merge_cursor_begin(DatomOrder *order, int from_run,
												  DatomPartKind part,
												  const DatomBlockRange *range);

/* The record is good until the next call. */
extern bool datom_merge_cursor_next(DatomMergeCursor *cursor, DatomRecord *record);
extern void datom_merge_cursor_end(DatomMergeCursor *cursor);

#endif
