/*
 * scan_blocks.c: scanning the blocks of one order.
 *
 * In each block it is first decided, on packed numbers, which records are
 * wanted; these are `picks`, each the number of a record and whether its
 * beginning or its end is meant. Values are decoded when a pick is handed out.
 */
#include "scan_blocks.h"

#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "datom.h"
#include "far.h"
#include "order_read.h"

/* For fewer blocks, what is dead in them is looked up for each. */
#define MANY_BLOCKS 16

typedef struct TouchedKey
{
	int64		e;
	int64		attr;			/* in touched_attrs */
} TouchedKey;

typedef struct Touched
{
	TouchedKey	key;
	char		status;
} Touched;

#define SH_PREFIX touchset
#define SH_ELEMENT_TYPE Touched
#define SH_KEY_TYPE TouchedKey
#define SH_KEY key
#define SH_HASH_KEY(tb, k) \
	((uint32) (((uint64) (k).e * 31 + (k).attr) * UINT64CONST(0x9E3779B97F4A7C15) >> 32))
#define SH_EQUAL(tb, a, b) ((a).e == (b).e && (a).attr == (b).attr)
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

typedef struct ScanItem
{
	const DatomRun *run;
	DatomPartKind part;
	BlockNumber block;
	DatomZone	zone;
} ScanItem;

#define PICK(row, added) ((uint16) ((row) << 1 | (added)))
#define MOST_TXS (2 * DATOM_BLOCK_FACTS)

struct DatomBlockScan
{
	Relation	rel;
	Snapshot	snapshot;
	DatomOrder *order;
	TimestampTz bound;
	DatomScanQuery query;
	pg_atomic_uint64 *counter;	/* NULL: nobody else takes blocks */
	int64		next;
	MemoryContext context;
	ScanItem	   *items;
	int			nitems;
	int			room;
	touchset_hash *touched;		/* NULL: nothing is */
	DatomIdents touched_attrs;
	DatomIdents idents;			/* met */
	DatomIdents asked;			/* of the query */

	/* The block that is open. */
	DatomOpenBlock open;
	const ScanItem *item;
	int64	   *e;
	int			nrows;			/* those of the shard */
	uint16		rows[DATOM_BLOCK_FACTS];
	int		   *numbers;		/* of its attributes, in idents */
	bool	   *unasked;		/* those that are not asked for */
	int		   *touchable;		/* their numbers in touched_attrs; -1 */
	uint16		picks[MOST_TXS];
	int			npicks;
	int			pick;
	bool		attrs_known;
	int64		attr[DATOM_BLOCK_FACTS];
	int64		instants[MOST_TXS]; /* of the block's transactions */
	int64		from[DATOM_BLOCK_FACTS];
	int64		to[DATOM_BLOCK_FACTS];
	int64		kind[DATOM_BLOCK_FACTS];
};

/*
 * Attributes
 */

static bool
is_ident(const DatomIdent *ident, const char *name, int len)
{
	return ident->len == len && memcmp(ident->name, name, len) == 0;
}

int
datom_idents_number(DatomIdents *idents, const char *name, int len, bool add)
{
	text	   *a;

	for (int i = 0; i < idents->count; i++)
	{
		/* The last one is the likeliest, then the one met after it. */
		int			k = (idents->last + i) % idents->count;

		if (is_ident(&idents->list[k], name, len))
			return idents->last = k;
	}
	if (!add)
		return -1;
	if (idents->count == idents->room)
	{
		idents->room = Max(8, idents->room * 2);
		idents->list = idents->list ?
			repalloc(idents->list, sizeof(DatomIdent) * idents->room) :
			palloc(sizeof(DatomIdent) * idents->room);
	}
	a = cstring_to_text_with_len(name, len);
	idents->list[idents->count] = (DatomIdent) {
		.name = VARDATA(a), .len = len, .a = PointerGetDatum(a)
	};
	return idents->last = idents->count++;
}

/*
 * Which blocks
 */

static void
add_items(DatomBlockScan *scan, const DatomBlockRange *range, const DatomRun *run,
		  DatomPartKind part)
{
	DatomBlockRef *refs;
	int			n = datom_order_blocks(scan->order, run, part, range, &refs);

	if (scan->nitems + n > scan->room)
	{
		scan->room = (scan->nitems + n) * 2;
		scan->items = scan->items ?
			repalloc_huge(scan->items, sizeof(ScanItem) * scan->room) :
			palloc_extended(sizeof(ScanItem) * scan->room, MCXT_ALLOC_HUGE);
	}
	for (int i = 0; i < n; i++)
		if (datom_shard_may_have(&scan->query.shard, refs[i].zone.e_min, refs[i].zone.e_max))
			scan->items[scan->nitems++] = (ScanItem) {
				.run = run, .part = part, .block = refs[i].block, .zone = refs[i].zone
			};
		else
			scan->order->blocks_skipped++;
}

/* Facts that began before this need not be looked at for having begun. */
static TimestampTz
begun_after(const DatomScanQuery *query)
{
	if (query->mode == SCAN_ROWS || query->since == DT_NOBEGIN)
		return DT_NOBEGIN + 1;
	return query->mode == SCAN_AS_OF ? query->since + 1 : query->since;
}

/* In all parts where wanted records may be. */
static void
add_range(DatomBlockScan *scan, DatomBlockRange *range)
{
	const DatomOrderMeta *meta = &scan->order->meta;
	bool		as_of = scan->query.mode == SCAN_AS_OF;

	for (int i = 0; i < meta->nruns; i++)
	{
		range->from_min = begun_after(&scan->query);
		range->to_after = DT_NOBEGIN;
		add_items(scan, range, &meta->runs[i], PART_OPEN);
		if (as_of && scan->bound >= meta->watermark)
			continue;
		if (as_of)
			range->to_after = scan->bound;
		else
		{
			/* What began before may have ended since. */
			range->from_min = DT_NOBEGIN;
			range->to_after = begun_after(&scan->query) - 1;
		}
		add_items(scan, range, &meta->runs[i], PART_CLOSED);
	}
}

/* Bounds of values that zones know: integers of the attribute's own kind. */
bool
datom_zone_bound(const DatomAttr *attr, const DatomValue *v, int64 *bound)
{
	if (v == NULL)
		return true;
	if (attr == NULL || datom_value_kind(v) != attr->type)
		return false;
	switch (attr->type)
	{
		case DATOM_LONG:
		case DATOM_REF:
			*bound = datom_value_get_int(v);
			return true;
		case DATOM_INSTANT:
			*bound = datom_value_get_instant(v);
			return true;
		case DATOM_DATE:
			*bound = datom_value_get_date(v);
			return true;
		case DATOM_BOOLEAN:
			*bound = datom_value_get_bool(v);
			return true;
		default:
			return false;
	}
}

static void
add_keys(DatomBlockScan *scan, DatomBlockRange *range, const DatomProbe *lo,
		 const DatomProbe *hi)
{
	range->lo = lo;
	range->hi = hi;
	add_range(scan, range);
}

/* The keys of an attribute between bounds of values; far ones come last, unsorted. */
static void
add_values(DatomBlockScan *scan, DatomBlockRange *range, DatomProbe attr)
{
	const DatomScanQuery *query = &scan->query;
	DatomProbe	lo = attr;
	DatomProbe	hi = attr;

	if (query->v_min && !datom_far_key(query->v_min))
		lo.v = query->v_min;
	if (query->v_max && !datom_far_key(query->v_max))
		hi.v = query->v_max;
	add_keys(scan, range, &lo, &hi);
	if (hi.v == NULL)
		return;
	attr.v = datom_far_probe();
	add_keys(scan, range, &attr, &attr);
}

static void
add_attribute(DatomBlockScan *scan, DatomBlockRange *range, const char *ident)
{
	const DatomScanQuery *query = &scan->query;
	DatomProbe	lo = {.a = ident, .alen = strlen(ident)};
	DatomProbe	hi = lo;

	if (scan->order->kind == ORDER_AVET)
	{
		add_values(scan, range, lo);
		return;
	}
	lo.has_e = query->e_min != PG_INT64_MIN;
	lo.e = query->e_min;
	hi.has_e = query->e_max != PG_INT64_MAX;
	hi.e = query->e_max;
	add_keys(scan, range, &lo, &hi);
}

static int
by_place(const void *a, const void *b)
{
	const ScanItem *x = a;
	const ScanItem *y = b;

	if (x->run != y->run)
		return x->run < y->run ? -1 : 1;
	if (x->part != y->part)
		return x->part < y->part ? -1 : 1;
	return x->block < y->block ? -1 : x->block > y->block;
}

/* A block in which one range ends and another begins is wanted for both. */
static void
drop_repeated_items(DatomBlockScan *scan)
{
	int			kept = 0;

	qsort(scan->items, scan->nitems, sizeof(ScanItem), by_place);
	for (int i = 0; i < scan->nitems; i++)
		if (kept == 0 || by_place(&scan->items[kept - 1], &scan->items[i]) != 0)
			scan->items[kept++] = scan->items[i];
	scan->nitems = kept;
}

static void
find_items(DatomBlockScan *scan, const DatomAttr *attr)
{
	const DatomScanQuery *query = &scan->query;
	DatomBlockRange range = datom_order_everything;
	DatomProbe	lo = {.has_e = true, .e = query->e_min};
	DatomProbe	hi = {.has_e = true, .e = query->e_max};

	range.e_min = query->e_min;
	range.e_max = query->e_max;
	range.from_max = scan->bound;
	range.v_min = PG_INT64_MIN;
	range.v_max = PG_INT64_MAX;
	range.has_v = datom_zone_bound(attr, query->v_min, &range.v_min) &&
		datom_zone_bound(attr, query->v_max, &range.v_max);
	if (scan->order->kind == ORDER_EAVT)
	{
		range.lo = &lo;
		range.hi = &hi;
		add_range(scan, &range);
	}
	else if (query->nattrs == 0)
		add_range(scan, &range);
	else
		for (int i = 0; i < query->nattrs; i++)
			add_attribute(scan, &range, query->attrs[i]);
	if ((query->nattrs > 1 || scan->order->kind == ORDER_AVET) && scan->nitems > 1)
		drop_repeated_items(scan);
}

/*
 * Picking
 */

/* The attributes of the block by the numbers that the scan has for them. */
static void
know_attrs(DatomBlockScan *scan)
{
	const DatomBlock *block = &scan->open.block;
	MemoryContext old = MemoryContextSwitchTo(scan->open.context);

	scan->numbers = palloc(sizeof(int) * block->nattrs);
	scan->unasked = palloc(sizeof(bool) * block->nattrs);
	scan->touchable = palloc(sizeof(int) * block->nattrs);
	MemoryContextSwitchTo(scan->context);
	for (int i = 0; i < block->nattrs; i++)
	{
		const DatomBlockAttr *attr = &block->attrs[i];

		scan->numbers[i] = datom_idents_number(&scan->idents, attr->name, attr->len, true);
		scan->unasked[i] = scan->query.nattrs > 0 &&
			datom_idents_number(&scan->asked, attr->name, attr->len, false) < 0;
		scan->touchable[i] = scan->touched == NULL ? -1 :
			datom_idents_number(&scan->touched_attrs, attr->name, attr->len, false);
	}
	MemoryContextSwitchTo(old);
	if (block->nattrs > 1)
		datom_packed_unpack(&block->attr, block->n, scan->attr);
}

static int
attr_of(const DatomBlockScan *scan, int row)
{
	int			attr = scan->open.block.nattrs > 1 ? (int) scan->attr[row] : 0;

	return Min(attr, scan->open.block.nattrs - 1);
}

static void
pick_open(DatomBlockScan *scan)
{
	const DatomBlock *block = &scan->open.block;
	TimestampTz begun = begun_after(&scan->query);
	bool		by_from = scan->item->zone.from_max > scan->bound ||
		scan->item->zone.from_min < begun;

	if (by_from)
	{
		datom_packed_unpack(&block->tx_instant, block->ntxs, scan->instants);
		datom_block_instants(block, &block->from, scan->instants, scan->from);
	}
	for (int i = 0; i < scan->nrows; i++)
	{
		int			row = scan->rows[i];

		if ((!by_from || (scan->from[row] <= scan->bound && scan->from[row] >= begun)) &&
			!datom_open_block_dead(&scan->open, row))
			scan->picks[scan->npicks++] = PICK(row, true);
	}
}

static void
pick_closed(DatomBlockScan *scan)
{
	const DatomBlock *block = &scan->open.block;
	DatomScanMode mode = scan->query.mode;
	TimestampTz begun = begun_after(&scan->query);

	datom_packed_unpack(&block->tx_instant, block->ntxs, scan->instants);
	datom_block_instants(block, &block->from, scan->instants, scan->from);
	datom_block_instants(block, &block->to, scan->instants, scan->to);
	datom_packed_unpack(&block->kind, block->n, scan->kind);
	for (int i = 0; i < scan->nrows; i++)
	{
		int			row = scan->rows[i];
		int64		kind = scan->kind[row];
		bool		fact = kind <= RECORD_RETRACTED;
		bool		began = scan->from[row] <= scan->bound;
		bool		ended = scan->to[row] <= scan->bound;

		if (mode == SCAN_AS_OF)
		{
			if (fact && began && !ended && scan->from[row] >= begun)
				scan->picks[scan->npicks++] = PICK(row, true);
			continue;
		}
		if (!began || (!fact && mode == SCAN_HISTORY))
			continue;
		if (kind != RECORD_RETRACTION && scan->from[row] >= begun)
			scan->picks[scan->npicks++] = PICK(row, true);
		if (kind == RECORD_RETRACTION ||
			(ended && scan->to[row] >= begun &&
			 (kind == RECORD_RETRACTED || (fact && mode == SCAN_HISTORY))))
			scan->picks[scan->npicks++] = PICK(row, false);
	}
}

static bool
is_touched(DatomBlockScan *scan, int row)
{
	int			attr = scan->touchable[attr_of(scan, row)];

	return attr >= 0 &&
		touchset_lookup(scan->touched, (TouchedKey) {scan->e[row], attr}) != NULL;
}

/* Takes out what is not asked for, or touched. */
static void
drop_picks(DatomBlockScan *scan)
{
	const DatomScanQuery *query = &scan->query;
	bool		by_e = scan->item->zone.e_min < query->e_min ||
		scan->item->zone.e_max > query->e_max;
	bool		by_attr = false;
	int			kept = 0;

	for (int i = 0; i < scan->open.block.nattrs; i++)
		by_attr |= scan->unasked[i];
	if (!by_e && !by_attr && scan->touched == NULL)
		return;
	for (int i = 0; i < scan->npicks; i++)
	{
		int			row = scan->picks[i] >> 1;

		if ((by_e && (scan->e[row] < query->e_min || scan->e[row] > query->e_max)) ||
			(by_attr && scan->unasked[attr_of(scan, row)]) ||
			(scan->touched && is_touched(scan, row)))
			continue;
		scan->picks[kept++] = scan->picks[i];
	}
	scan->npicks = kept;
}

/* False: there are no more blocks. */
static bool
next_block(DatomBlockScan *scan)
{
	int64		next = scan->counter ? (int64) pg_atomic_fetch_add_u64(scan->counter, 1) :
	scan->next++;

	CHECK_FOR_INTERRUPTS();
	if (next >= scan->nitems)
		return false;
	scan->item = &scan->items[next];
	datom_open_block(&scan->open, scan->order, scan->item->run, scan->item->part,
					 scan->item->block);
	scan->e = datom_open_block_e(&scan->open);
	scan->nrows = datom_shard_select(&scan->query.shard, scan->e, scan->open.block.n,
									 scan->rows);
	scan->npicks = scan->pick = 0;
	if (scan->nrows == 0)
		return true;
	know_attrs(scan);
	if (scan->item->part == PART_OPEN)
		pick_open(scan);
	else
		pick_closed(scan);
	drop_picks(scan);
	return true;
}

/*
 * Handing out
 */

static DatomValue *
value_of(DatomBlockScan *scan, int row)
{
	uint64		hash;
	DatomValue *v = datom_block_value(&scan->open.block, row, &hash);
	DatomRecord record;

	if (v)
		return v;
	datom_block_record(&scan->open.block, row, &record);
	record.far = true;
	record.far_hash = hash;
	return datom_far_value(scan->rel, scan->snapshot, &record);
}

static int64
tx_of(const DatomBlockScan *scan, uint16 pick)
{
	DatomRecord record;

	datom_block_record(&scan->open.block, pick >> 1, &record);
	return pick & 1 ? record.tx : record.to_tx;
}

/* Columns that are not needed are null; the caller has set all others not null. */
bool
datom_blocks_next(DatomBlockScan *scan, Datum *values, bool *nulls)
{
	uint16		pick;
	int			row;

	while (scan->pick >= scan->npicks)
		if (!next_block(scan))
			return false;
	pick = scan->picks[scan->pick++];
	row = pick >> 1;
	values[Anum_datom_e - 1] = Int64GetDatum(scan->e[row]);
	values[Anum_datom_added - 1] = BoolGetDatum(pick & 1);
	if (scan->query.need_a)
		values[Anum_datom_a - 1] = scan->idents.list[scan->numbers[attr_of(scan, row)]].a;
	else
		nulls[Anum_datom_a - 1] = true;
	if (scan->query.need_v)
		values[Anum_datom_v - 1] = PointerGetDatum(value_of(scan, row));
	else
		nulls[Anum_datom_v - 1] = true;
	if (scan->query.need_tx)
		values[Anum_datom_tx - 1] = Int64GetDatum(tx_of(scan, pick));
	else
		nulls[Anum_datom_tx - 1] = true;
	return true;
}

/*
 * Beginning and end
 */

DatomBlockScan *
datom_blocks_begin(Relation rel, Snapshot snapshot, DatomOrder *order, TimestampTz bound,
				   const DatomScanQuery *query, const DatomAttr *attr,
				   pg_atomic_uint64 *counter)
{
	DatomBlockScan *scan = palloc0(sizeof(DatomBlockScan));

	scan->rel = rel;
	scan->snapshot = snapshot;
	scan->order = order;
	scan->bound = bound;
	scan->query = *query;
	scan->counter = counter;
	scan->context = CurrentMemoryContext;
	scan->open.number = InvalidBlockNumber;
	scan->open.context = AllocSetContextCreate(scan->context, "datom block",
											   ALLOCSET_DEFAULT_SIZES);
	for (int i = 0; i < query->nattrs; i++)
		datom_idents_number(&scan->asked, query->attrs[i], strlen(query->attrs[i]), true);
	find_items(scan, attr);
	if (scan->nitems > MANY_BLOCKS)
		datom_order_load_dead(order);
	return scan;
}

void
datom_blocks_touch(DatomBlockScan *scan, int64 e, const char *a, int alen)
{
	MemoryContext old = MemoryContextSwitchTo(scan->context);
	bool		found;

	if (scan->touched == NULL)
		scan->touched = touchset_create(scan->context, 64, NULL);
	touchset_insert(scan->touched, (TouchedKey) {
		e, datom_idents_number(&scan->touched_attrs, a, alen, true)
	}, &found);
	MemoryContextSwitchTo(old);
}

void
datom_blocks_end(DatomBlockScan *scan)
{
	datom_open_block_end(&scan->open);
	MemoryContextDelete(scan->open.context);
}
