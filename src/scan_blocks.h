/*
 * Scanning the blocks of one order.
 */
#ifndef DATOM_SCAN_BLOCKS_H
#define DATOM_SCAN_BLOCKS_H

#include "compat.h"
#include "port/atomics.h"
#include "utils/rel.h"
#include "utils/snapshot.h"

#include "order.h"
#include "schema.h"
#include "shard.h"

typedef enum DatomScanMode
{
	SCAN_ROWS,					/* the rows of the log, as the snapshot sees them */
	SCAN_AS_OF,					/* facts that hold at the moment and began after `since` */
	SCAN_HISTORY				/* beginnings and ends, from `since` until the moment */
} DatomScanMode;

/*
 * What is asked. Bounds only save work: rows outside of them may come too,
 * so the caller checks what must hold; but none from outside of the shard.
 */
typedef struct DatomScanQuery
{
	DatomScanMode mode;
	TimestampTz since;			/* DT_NOBEGIN: all; nothing to SCAN_ROWS */
	int64		e_min;			/* PG_INT64_MIN, PG_INT64_MAX: any */
	int64		e_max;
	DatomShard	shard;
	int			nattrs;			/* 0: any */
	const char **attrs;			/* idents, NUL-terminated */
	DatomValue *v_min;			/* inclusive; NULL: no bound */
	DatomValue *v_max;
	bool		need_a;
	bool		need_v;
	bool		need_tx;
} DatomScanQuery;

/* Attributes by number, in the order in which they are met. */
typedef struct DatomIdent
{
	const char *name;
	int			len;
	Datum		a;				/* datom.attribute */
} DatomIdent;

typedef struct DatomIdents
{
	DatomIdent *list;
	int			count;
	int			room;
	int			last;
} DatomIdents;

/* The number of an attribute; -1 if it was not met and shall not be added. */
extern int	datom_idents_number(DatomIdents *idents, const char *name, int len, bool add);

/*
 * What the zones of blocks say of values: the bound as they have it, untouched if
 * v is NULL; false if they know nothing of it.
 */
extern bool datom_zone_bound(const DatomAttr *attr, const DatomValue *v, int64 *bound);

typedef struct DatomBlockScan DatomBlockScan;

/*
 * A scan of the order as of `bound`, which is at or below its watermark. attr:
 * what the schema says of the only attribute that is asked for, or NULL. With a
 * counter, processes share the blocks.
 */
extern DatomBlockScan *datom_blocks_begin(Relation rel, Snapshot snapshot, DatomOrder *order,
										  TimestampTz bound, const DatomScanQuery *query,
										  const DatomAttr *attr, pg_atomic_uint64 *counter);

/* Records of this entity and attribute are not to be handed out. */
extern void datom_blocks_touch(DatomBlockScan *scan, int64 e, const char *a, int alen);
extern bool datom_blocks_next(DatomBlockScan *scan, Datum *values, bool *nulls);
extern void datom_blocks_end(DatomBlockScan *scan);

#endif
