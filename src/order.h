/*
 * Orders: sorted, compressed copies of the log, as files of pages. What is in
 * them is decided by merge.c; here they are stored, found and recycled.
 */
#ifndef DATOM_ORDER_H
#define DATOM_ORDER_H

#include "compat.h"
#include "storage/block.h"
#include "storage/buf.h"
#include "utils/rel.h"

#include "order_block.h"

typedef enum DatomOrderKind
{
	ORDER_AEVT,
	ORDER_EAVT,
	ORDER_AVET,					/* unique and indexed attributes */
	ORDER_VAET,					/* refs */
	ORDER_KINDS
} DatomOrderKind;

typedef enum DatomPartKind
{
	PART_OPEN,					/* facts that had not ended when the run was made */
	PART_CLOSED,				/* ended facts, and rows that changed nothing */
	PART_DEAD,					/* locators of open facts of older runs that the
								 * closed ones of this run are the end of */
	PART_KINDS
} DatomPartKind;

typedef struct DatomPart
{
	BlockNumber root;			/* a directory; invalid: the part is empty */
	uint32		levels;			/* of directories */
	uint32		blocks;
	uint64		records;
} DatomPart;

typedef struct DatomRun
{
	uint32		id;
	uint32		pages;
	DatomPart	parts[PART_KINDS];
} DatomRun;

#define DATOM_MAX_RUNS 30

typedef struct DatomOrderMeta
{
	uint32		magic;
	uint16		version;
	uint8		kind;			/* DatomOrderKind */
	uint8		nruns;			/* oldest first */
	uint32		distrusted;		/* the log has, or may get, rows of the past that
								 * the runs lack: nobody reads them */
	BlockNumber retired;		/* newest page of the list of runs that readers of
								 * an older metapage may still be reading */
	uint32		nretired;		/* runs in it */
	uint32		next_run;
	TimestampTz watermark;		/* up to here the runs hold everything */
	TimestampTz built;			/* the watermark when the order was built whole */
	BlockNumber log_blocks;		/* pages of the log when it was last read */
	uint32		wanted;			/* hash of the option "attributes" when built */
	DatomRun	runs[DATOM_MAX_RUNS];
} DatomOrderMeta;

/*
 * Part of a key, in the order's own sequence of columns: what is missing at its
 * end is any.
 */
typedef struct DatomProbe
{
	const char *a;				/* NULL: missing */
	int			alen;
	bool		has_e;
	int64		e;
	const DatomValue *v;		/* NULL: missing */
} DatomProbe;

/* What a directory says of a block. */
typedef struct DatomBlockRef
{
	BlockNumber block;
	uint32		records;
	DatomZone	zone;
	int64		e;				/* the first record's; v may be cut short */
	int			alen;
	const char *a;
	DatomValue *v;				/* NULL but in AVET and VAET, or if it is far */
	bool		cut;
} DatomBlockRef;

/* Which blocks: keys from lo to hi (NULL: no bound), and zones. */
typedef struct DatomBlockRange
{
	const DatomProbe *lo;
	const DatomProbe *hi;
	int64		e_min;
	int64		e_max;
	TimestampTz from_min;		/* with facts that began in this range */
	TimestampTz from_max;
	TimestampTz to_after;		/* and ended after this */
	bool		has_v;			/* of integers, where the zone knows */
	int64		v_min;
	int64		v_max;
} DatomBlockRange;

extern const DatomBlockRange datom_order_everything;

/* An order open for reading or merging, and its metapage as it was then. */
typedef struct DatomOrder
{
	Relation	index;
	DatomOrderKind kind;
	DatomOrderMeta meta;
	MemoryContext context;		/* in which it was opened */
	int64	   *dead;			/* all locators, sorted; NULL: not loaded */
	int64		ndead;
	int			dead_asked;		/* how often, before they were loaded */
	int64		blocks_read;
	int64		blocks_skipped;
	bool		undated;		/* runs are retired by what is not published */
} DatomOrder;

/* WITH (attributes = ':ns/name,...') */
typedef struct DatomOrderOptions
{
	int32		vl_len_;
	int			attributes;		/* offset of the text, 0: not given */
} DatomOrderOptions;

/* A locator of a record: its block and its number there. */
#define DATOM_LOCATOR_BITS 12
static inline int64
datom_locator(BlockNumber block, int row)
{
	return ((int64) block << DATOM_LOCATOR_BITS) | row;
}

#define DATOM_DEAD_WORDS (DATOM_BLOCK_FACTS / 64)

/* Values that orders sorted by value hold as far ones. */
extern bool datom_far_key(const DatomValue *v);

/* Some far value: a probe with it agrees with all of an attribute. */
extern const DatomValue *datom_far_probe(void);

/* The beginning of a long string, which sorts before it; v itself if short. */
extern DatomValue *datom_value_cut(const DatomValue *v);

/* Does the option name the attribute? And a hash of the option. */
extern bool datom_order_lists(Relation index, const char *ident);
extern uint32 datom_order_option_hash(Relation index);

extern const char *datom_order_name(DatomOrderKind kind);
extern bool datom_order_kind(Relation index, DatomOrderKind *kind);

extern int	datom_record_compare(DatomOrderKind kind, const DatomRecord *x,
								 const DatomRecord *y);
extern int	datom_probe_record(DatomOrderKind kind, const DatomRecord *record,
							   const DatomProbe *probe);

extern int	datom_probe_ref(DatomOrderKind kind, const DatomBlockRef *ref,
							const DatomProbe *probe);
extern bool datom_in_zone(const DatomZone *zone, const DatomBlockRange *range);

/* Reading. The caller holds a snapshot that it took before. */
extern DatomOrder *datom_order_open(Oid index, LOCKMODE lock);
extern void datom_order_close(DatomOrder *order, LOCKMODE lock);
extern void datom_order_read_meta(DatomOrder *order);
/* What was read since the last call, added to the counts. */
extern void datom_order_count(DatomOrder *order, int64 *blocks_read, int64 *blocks_skipped);
extern int	datom_order_blocks(DatomOrder *order, const DatomRun *run, DatomPartKind part,
							   const DatomBlockRange *range, DatomBlockRef **refs);
extern Buffer datom_order_block(DatomOrder *order, const DatomRun *run,
								BlockNumber number, DatomBlock *block);
extern void datom_order_load_dead(DatomOrder *order);
extern void datom_order_forget_dead(DatomOrder *order);
extern bool datom_order_dead(DatomOrder *order, const DatomRun *run, BlockNumber block,
							 uint64 *bits);

/* Writing: one at a time for each order, see merge.c for the lock. */
typedef struct DatomRunWriter DatomRunWriter;

extern void datom_order_create(Relation index, DatomOrderKind kind);
extern void datom_order_publish(DatomOrder *order);
extern void datom_order_retire(DatomOrder *order, int from, int count);
extern void datom_order_drop_retired(DatomOrder *order);
extern DatomRunWriter *datom_run_begin(DatomOrder *order);
extern void datom_run_add(DatomRunWriter *writer, DatomPartKind part,
						  const DatomRecord *record);
extern void datom_run_add_dead(DatomRunWriter *writer, int64 locator);
extern DatomRun datom_run_end(DatomRunWriter *writer);

#endif
