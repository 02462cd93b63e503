/*
 * One block of an order: up to 1,024 facts, packed, on one page. Knows neither
 * pages nor runs; order.c puts blocks on pages.
 */
#ifndef DATOM_ORDER_BLOCK_H
#define DATOM_ORDER_BLOCK_H

#include "compat.h"
#include "datatype/timestamp.h"

#include "order_values.h"

/* What a record of an order stands for. */
typedef enum DatomRecordKind
{
	RECORD_OPEN,				/* a fact that has not ended: to_tx 0, to DT_NOEND */
	RECORD_ENDED,				/* a fact that another value ended */
	RECORD_RETRACTED,			/* a fact that a row with its value ended */
	RECORD_ASSERTION,			/* a row that changed nothing: to_tx tx, to from */
	RECORD_RETRACTION			/* the same */
} DatomRecordKind;

/*
 * A fact, or a row that changed nothing, as an order holds it. A value too long
 * for a block is `far`: v is NULL, and far_hash is its datom_value_far_hash();
 * it is in the log, in a row of transaction tx about e and a.
 */
typedef struct DatomRecord
{
	int64		e;
	const char *a;				/* not NUL-terminated */
	int			alen;
	DatomRecordKind kind;
	DatomValue *v;
	uint64		far_hash;
	bool		far;
	int64		tx;
	TimestampTz from;
	int64		to_tx;
	TimestampTz to;
} DatomRecord;

/* Bounds of what is in a block, for a reader to skip it. */
typedef struct DatomZone
{
	int64		e_min;
	int64		e_max;
	TimestampTz from_min;
	TimestampTz from_max;
	TimestampTz to_max;
	int64		v_min;			/* if v_known: all values are of one kind, one of */
	int64		v_max;			/* long, ref, instant, date, boolean */
	bool		v_known;
} DatomZone;

typedef struct DatomBlockAttr
{
	const char *name;
	int			len;
	DatomValues *values;
} DatomBlockAttr;

/*
 * A block opened for reading. It points into the page, which must stay. What it
 * allocated is `attrs` and, once a value has been asked for, `ordinals`, in the
 * same context; either may be NULL.
 */
typedef struct DatomBlock
{
	int			n;
	bool		numbers;		/* made by datom_block_fill_numbers: only e */
	bool		open;			/* all records are RECORD_OPEN: no `to`, no `kind` */
	DatomPacked e;
	DatomPacked from;			/* per record: index into the instants, see below */
	DatomPacked to;
	DatomPacked kind;
	DatomPacked attr;			/* index into attrs; not there if nattrs is 1 */
	bool		from_is_row;	/* the index is the record's own number */
	int			ntxs;			/* distinct transactions of the block */
	DatomPacked tx_number;
	DatomPacked tx_instant;
	int			nattrs;
	DatomBlockAttr *attrs;
	uint16	   *ordinals;		/* per record: which of its attribute's values... */
	int			first_ordinal;	/* ...from this one on... */
	int			nordinals;		/* ...to before this one, more when they are needed */
} DatomBlock;

/*
 * Writes as many of the records as fit into `size` bytes (at least one, at most
 * DATOM_BLOCK_FACTS, in the order given), says how many, sets *used to the
 * bytes written and *zone to their bounds. The records of one call are either
 * all RECORD_OPEN or none is. Any number of attributes.
 */
extern int	datom_block_fill(char *room, int size, const DatomRecord *records,
							 int n, DatomZone *zone, int *used);

/* The same for bare numbers, sorted; at most DATOM_BLOCK_FACTS. */
extern int	datom_block_fill_numbers(char *room, int size, const int64 *numbers,
									 int n, int *used);

/*
 * Opens a block of `size` bytes; palloc's what it needs in the current context.
 * NULL if it is sound, else what is wrong. What passes can be read without any
 * access outside of the bytes, whatever they are.
 */
extern const char *datom_block_open(DatomBlock *block, const char *room, int size);

extern void datom_block_damaged(void) pg_attribute_noreturn();

/*
 * The transaction of which `from` or `to` speaks at record i. Checked here and not
 * when a block is opened, because who looks a record up asks for few of them.
 */
static inline int
datom_block_tx(const DatomBlock *block, const DatomPacked *index, int i)
{
	uint64		tx = (uint64) datom_packed_get(index, i);

	if (tx >= (uint64) block->ntxs)
		datom_block_damaged();
	return (int) tx;
}

static inline int
datom_block_from(const DatomBlock *block, int i)
{
	return block->from_is_row ? i : datom_block_tx(block, &block->from, i);
}

/* For all records, of all instants of the block those that `from` or `to` names. */
extern void datom_block_instants(const DatomBlock *block, const DatomPacked *index,
								 const int64 *instants, int64 *out);

/* The attribute of record i, which there is. */
static inline const DatomBlockAttr *
datom_block_attr(const DatomBlock *block, int i)
{
	return &block->attrs[block->nattrs == 1 ? 0 : datom_packed_get(&block->attr, i)];
}

/* Record i, its value apart. Its `a` points into the page. */
extern void datom_block_record(const DatomBlock *block, int i, DatomRecord *record);

/*
 * The value of record i, palloc'd in the current context with a four-byte
 * header; NULL and *far_hash if it is far.
 */
extern DatomValue *datom_block_value(DatomBlock *block, int i, uint64 *far_hash);

#endif
