/*
 * Rows of entities: what an entity table shows at a moment, in batches.
 */
#ifndef DATOM_ENTITY_ROWS_H
#define DATOM_ENTITY_ROWS_H

#include "compat.h"
#include "port/atomics.h"
#include "utils/rel.h"

#include "entity_table.h"
#include "facts.h"
#include "instant.h"
#include "scan.h"
#include "shard.h"

/*
 * What a column must be. No row comes without a fact of it, but rows outside of
 * it may.
 */
typedef struct DatomEntityBound
{
	int			column;			/* of the table's columns */
	const DatomValue *min;		/* inclusive; NULL: any */
	const DatomValue *max;
} DatomEntityBound;

typedef struct DatomEntityQuery
{
	const DatomEntityTable *table;
	const bool *needed;			/* of each column: its values are asked for */
	bool		ordered;		/* batches come by ascending entity */
	TimestampTz since;			/* DT_NOBEGIN; else only facts that began after it
								 * count, and a fact of any column makes a row */
	int64		e_min;			/* PG_INT64_MIN, PG_INT64_MAX: any */
	int64		e_max;
	const int64 *entities;		/* only these, ascending, each once; NULL: all */
	int			nentities;
	DatomReader *reader;		/* of facts at the moment; NULL: one is made if need be */
	DatomShard	shard;
	const DatomEntityBound *bounds;
	int			nbounds;
} DatomEntityQuery;

/* Rows at once. */
#define DATOM_BATCH DATOM_BLOCK_FACTS

/* What processes of a parallel scan share. */
typedef struct DatomEntityShared
{
	pg_atomic_uint64 next;		/* stretch of entities to be taken */
	pg_atomic_uint64 rest_taken;	/* what comes from no block is one process's */
	pg_atomic_uint32 state;		/* of what follows: see datom_scan_first() */
	int			way;
	DatomOrderMeta meta;
} DatomEntityShared;

typedef struct DatomEntityScan DatomEntityScan;

/* The moment must stay settled until the end of the scan. shared may be NULL. */
extern DatomEntityScan *datom_entity_begin(Relation rel, const DatomSettled *at,
										   const DatomEntityQuery *query,
										   DatomEntityShared *shared);

/*
 * The next rows: how many, and their entities, in ascending order unless the scan
 * is shared; 0: there are no more. Exact for entities and shard.
 */
extern int	datom_entity_next(DatomEntityScan *scan, const int64 **e);

/*
 * A column of the batch, which was asked for: a datum and a null flag for each
 * row. They live until the next batch.
 */
extern void datom_entity_values(DatomEntityScan *scan, int column,
								const Datum **values, const bool **nulls);

/*
 * The same, of a column of one integer or decimal for each row, as numbers:
 * number / 10^scale, which is a bigdec if *decimal, else of the kind's own unit.
 * False if the batch's values are not all such: then ask for values.
 */
extern bool datom_entity_numbers(DatomEntityScan *scan, int column, const int64 **numbers,
								 const bool **nulls, int *scale, bool *decimal);

/*
 * The same, of a column with few distinct values: for each row the number of its
 * value (*count for null), and the values. False if the batch has no such list.
 */
extern bool datom_entity_listed(DatomEntityScan *scan, int column, const uint16 **codes,
								const Datum **values, int *count);

/* What the scan did; `order` is NULL where the log was read. */
extern const DatomScanCounts *datom_entity_counts(const DatomEntityScan *scan);
extern void datom_entity_end(DatomEntityScan *scan);
extern void datom_entity_shared_init(DatomEntityShared *shared);

#endif
