/*
 * The state of a scan of entity rows, for entity_scan.c, entity_blocks.c and
 * entity_values.c only.
 */
#ifndef DATOM_ENTITY_SCAN_H
#define DATOM_ENTITY_SCAN_H

#include "compat.h"
#include "executor/tuptable.h"
#include "utils/tuplestore.h"

#include "attr_stream.h"
#include "entity_row.h"
#include "entity_rows.h"
#include "facts.h"
#include "order_view.h"

typedef enum EntityWay
{
	BY_BLOCKS,
	BY_FEW,
	BY_LOG
} EntityWay;

/* An attribute of the table. */
typedef struct EntityAttr
{
	const char *ident;
	const DatomAttr *attr;		/* NULL: not defined */
	bool		many;
	bool		needed;			/* its values, or where it holds */
	bool		shown;			/* its values */
	bool		required;		/* a row must have it */
	DatomAttrStream *stream;	/* NULL: not needed, or another way */
} EntityAttr;

/* A column of the batch at hand. */
typedef struct EntityCell
{
	int			attr;			/* -1: the entity */
	int16		length;			/* of the column's type */
	bool		by_value;
	bool		placed;
	bool		made;
	bool		counted;
	uint32	   *places;
	Datum	   *values;
	bool	   *nulls;
	int64	   *numbers;
	bool	   *number_nulls;
	uint16	   *codes;
} EntityCell;

struct DatomEntityScan
{
	Relation	rel;
	DatomSettled at;
	DatomEntityQuery query;
	DatomEntityShared *shared;
	MemoryContext context;
	EntityWay	way;
	DatomOrderView view;

	EntityAttr *attrs;
	int			nattrs;
	EntityCell *cells;

	/* Blocks */
	DatomStreamPart *longest;	/* what stretches are made of; NULL: one stretch */
	bool		running;		/* a stretch is */
	bool		done;
	int64		from;			/* where the next batch begins */
	int64		stop;			/* the last entity of the stretch */
	int64	   *pool;			/* room for the entities of a batch from several parts */
	int			pool_room;

	/* Entities whose rows are made of their facts */
	int64	   *rest;
	int			nrest;
	int			next_rest;
	bool		rest_taken;
	DatomReader *reader;		/* NULL: not asked yet */
	DatomEntityRow *row;

	/* The log */
	Tuplestorestate *ready;
	TupleTableSlot *slot;
	Datum	   *ready_values;	/* of one row, with its entity behind it */
	bool	   *ready_nulls;

	/* The batch */
	MemoryContext batch;
	int			room;			/* rows that it may have */
	int			n;
	bool		by_places;		/* it is of blocks */
	int64	   *e;
	uint16	   *chosen;
	DatomScanCounts counts;
};

static inline bool
datom_entity_is_within(const DatomEntityQuery *query, int64 e)
{
	return e >= query->e_min && e <= query->e_max && datom_shard_has(&query->shard, e);
}

/* Reads the facts of single entities; made when first asked for. */
extern DatomReader *datom_entity_reader(DatomEntityScan *scan);

/* entity_blocks.c: opens what is read of blocks, once the view is settled. */
extern void datom_entity_blocks_open(DatomEntityScan *scan);
extern void datom_entity_blocks_close(DatomEntityScan *scan);

/* Goes on to the next stretch unless one is running; false: there is none. */
extern bool datom_entity_blocks_run(DatomEntityScan *scan);

/* A batch of blocks; it may be empty. The last one of the stretch ends it. */
extern void datom_entity_blocks_next(DatomEntityScan *scan);

#endif
