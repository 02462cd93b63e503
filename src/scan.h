/*
 * Questions to a whole datom table, row by row: what the custom scan runs.
 */
#ifndef DATOM_SCAN_H
#define DATOM_SCAN_H

#include "compat.h"
#include "port/atomics.h"
#include "utils/rel.h"

#include "instant.h"
#include "scan_blocks.h"

/* The same, as far as it is known when a plan is made. */
typedef struct DatomScanShape
{
	bool		e_equal;
	bool		e_range;
	int			nattrs;			/* 0: any */
	const char **attrs;			/* NULL: not known yet */
	bool		v_equal;
	const DatomValue *v;		/* which is asked for; NULL: not known yet */
	bool		v_range;
	double		shards;			/* of which one is asked for; 0: all */
} DatomScanShape;

typedef struct DatomScanEstimate
{
	const char *order;			/* "aevt", "eavt", "avet", "vaet"; NULL: the log */
	bool		by_value;		/* rows are those that have a value */
	double		rows;
	double		tested;			/* for the shard they are in */
	double		pages;			/* to be read */
} DatomScanEstimate;

/* What a scan did, for EXPLAIN. */
typedef struct DatomScanCounts
{
	const char *order;			/* NULL: the log */
	TimestampTz basis;			/* up to which it read orders; DT_NOBEGIN: none */
	int64		blocks_read;
	int64		blocks_skipped;
	int64		tail_rows;
} DatomScanCounts;

/*
 * What the processes of a parallel scan share. All of them read the same runs:
 * those of the metapage that the first of them read.
 */
typedef struct DatomScanShared
{
	pg_atomic_uint64 next_block;
	pg_atomic_uint64 rest_taken;	/* what comes from no block is one process's */
	pg_atomic_uint32 state;		/* of what follows: see datom_scan_first() */
	int			way;
	Oid			index;
	DatomOrderMeta meta;
} DatomScanShared;

/*
 * Of the processes of a scan the first one to ask says how all go about it: true
 * for it, and then it must say that it is done; the others return when it has.
 */
extern bool datom_scan_first(pg_atomic_uint32 *state);
extern void datom_scan_first_done(pg_atomic_uint32 *state);
extern void datom_scan_first_init(pg_atomic_uint32 *state);

typedef struct DatomScan DatomScan;

extern void datom_scan_estimate(Relation rel, DatomScanMode mode, const DatomScanShape *shape,
								DatomScanEstimate *estimate);

/* How many pages many lookups of entities come down to: infinite without an order. */
extern double datom_entity_pages(Relation rel);

/* The moment must stay settled until the end of the scan. shared may be NULL. */
extern DatomScan *datom_scan_begin(Relation rel, const DatomSettled *at,
								   const DatomScanQuery *query, DatomScanShared *shared);

/*
 * The next row: columns of datom.datom, v and tx only if needed. What values
 * point to lives in the current context or until the end of the scan.
 */
extern bool datom_scan_next(DatomScan *scan, Datum *values, bool *nulls);
extern const DatomScanCounts *datom_scan_counts(const DatomScan *scan);
extern void datom_scan_end(DatomScan *scan);

/* Has the table orders that questions, and several processes, can go by? */
extern bool datom_scan_by_orders(Relation rel);

/* Is there an order that holds all facts of the attribute by their values? */
extern bool datom_scan_by_values(Relation rel, const DatomAttr *attr);
extern void datom_scan_shared_init(DatomScanShared *shared);

#endif
