/*
 * order_read.c: reading the records of an order.
 */
#include "order_read.h"

#include "lib/binaryheap.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/memutils.h"

/*
 * One block
 */

void
datom_open_block_end(DatomOpenBlock *open)
{
	if (BlockNumberIsValid(open->number) && BufferIsValid(open->buffer))
		ReleaseBuffer(open->buffer);
	open->number = InvalidBlockNumber;
	open->buffer = InvalidBuffer;
}

/* Opens a block in place of the one that is open; open->context must be there. */
void
datom_open_block(DatomOpenBlock *open, DatomOrder *order, const DatomRun *run,
				 DatomPartKind part, BlockNumber number)
{
	MemoryContext old;

	if (open->number == number)
		return;
	datom_open_block_end(open);
	MemoryContextReset(open->context);
	old = MemoryContextSwitchTo(open->context);
	open->e = NULL;
	open->buffer = datom_order_block(order, run, number, &open->block);
	open->number = number;
	open->any_dead = part == PART_OPEN && datom_order_dead(order, run, number, open->dead);
	MemoryContextSwitchTo(old);
}

int64 *
datom_open_block_e(DatomOpenBlock *open)
{
	if (open->e == NULL)
	{
		open->e = MemoryContextAlloc(open->context, sizeof(int64) * DATOM_BLOCK_FACTS);
		datom_packed_unpack(&open->block.e, open->block.n, open->e);
	}
	return open->e;
}

void
datom_open_block_record(DatomOpenBlock *open, int row, DatomRecord *record)
{
	datom_block_record(&open->block, row, record);
	record->far_hash = 0;
	record->v = datom_block_value(&open->block, row, &record->far_hash);
	record->far = record->v == NULL;
}

DatomRecord
datom_record_copy(MemoryContext context, const DatomRecord *record)
{
	DatomRecord copy = *record;
	char	   *a = MemoryContextAlloc(context, record->alen + 1);

	memcpy(a, record->a, record->alen);
	copy.a = a;
	if (record->v)
	{
		copy.v = MemoryContextAlloc(context, VARSIZE_ANY(record->v));
		memcpy(copy.v, record->v, VARSIZE_ANY(record->v));
	}
	return copy;
}

/*
 * Lookups
 */

/* Blocks kept open of one run and part, by their numbers. */
#define OPEN_BLOCKS 32

typedef struct LookupPart
{
	DatomBlockRef *refs;		/* all of them, where there are many keys */
	int			nrefs;			/* -1: not read yet */
	DatomOpenBlock *open[OPEN_BLOCKS];	/* NULL: not used yet */
} LookupPart;

struct DatomLookup
{
	DatomOrder *order;
	bool		many;
	MemoryContext context;
	LookupPart	parts[DATOM_MAX_RUNS][PART_DEAD];
};

DatomLookup *
datom_lookup_begin(DatomOrder *order, bool many)
{
	DatomLookup *lookup = palloc0(sizeof(DatomLookup));

	lookup->order = order;
	lookup->many = many;
	lookup->context = CurrentMemoryContext;
	for (int i = 0; i < DATOM_MAX_RUNS; i++)
		for (int part = 0; part < PART_DEAD; part++)
			lookup->parts[i][part].nrefs = -1;
	if (many)
		datom_order_load_dead(order);
	return lookup;
}

static void
end_part(LookupPart *part)
{
	for (int i = 0; i < OPEN_BLOCKS; i++)
		if (part->open[i])
		{
			datom_open_block_end(part->open[i]);
			MemoryContextDelete(part->open[i]->context);
			pfree(part->open[i]);
		}
}

void
datom_lookup_end(DatomLookup *lookup)
{
	for (int i = 0; i < lookup->order->meta.nruns; i++)
		for (int part = 0; part < PART_DEAD; part++)
			end_part(&lookup->parts[i][part]);
	pfree(lookup);
}

/* The place where a block is open, or will be. */
static DatomOpenBlock *
place_of(DatomLookup *lookup, LookupPart *part, BlockNumber number)
{
	DatomOpenBlock **open = &part->open[lookup->many ? number % OPEN_BLOCKS : 0];

	if (*open == NULL)
	{
		*open = MemoryContextAllocZero(lookup->context, sizeof(DatomOpenBlock));
		(*open)->number = InvalidBlockNumber;
		(*open)->context = AllocSetContextCreate(lookup->context, "datom block",
												 ALLOCSET_DEFAULT_SIZES);
	}
	return *open;
}

static int
probe_row(DatomOrderKind kind, DatomOpenBlock *open, int row, const DatomProbe *probe)
{
	const DatomBlockAttr *attr = datom_block_attr(&open->block, row);
	DatomRecord record = {
		.e = datom_packed_get(&open->block.e, row), .a = attr->name, .alen = attr->len
	};

	if (probe->v && (kind == ORDER_AVET || kind == ORDER_VAET))
	{
		record.v = datom_block_value(&open->block, row, &record.far_hash);
		record.far = record.v == NULL;
	}
	return datom_probe_record(kind, &record, probe);
}

static int
first_row(DatomOrderKind kind, DatomOpenBlock *open, const DatomProbe *probe)
{
	int			low = 0;
	int			high = open->block.n;

	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (probe_row(kind, open, middle, probe) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void
look_into(DatomLookup *lookup, DatomOpenBlock *open, const DatomProbe *probe,
		  DatomRecordFn take, void *arg)
{
	DatomOrderKind kind = lookup->order->kind;

	for (int row = first_row(kind, open, probe); row < open->block.n; row++)
	{
		DatomRecord record;

		datom_open_block_record(open, row, &record);
		if (datom_probe_record(kind, &record, probe) != 0)
			break;
		if (!datom_open_block_dead(open, row))
			take(arg, &record, datom_locator(open->number, row));
	}
}

static void
read_all_refs(DatomLookup *lookup, int run, DatomPartKind kind)
{
	LookupPart *part = &lookup->parts[run][kind];
	MemoryContext old = MemoryContextSwitchTo(lookup->context);

	part->nrefs = datom_order_blocks(lookup->order, &lookup->order->meta.runs[run], kind,
									 &datom_order_everything, &part->refs);
	MemoryContextSwitchTo(old);
}

/* The first of the blocks in which the probe may be. */
static int
first_ref(DatomOrderKind kind, const LookupPart *part, const DatomProbe *probe)
{
	int			low = 0;
	int			high = part->nrefs;

	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (datom_probe_ref(kind, &part->refs[middle], probe) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return Max(low - 1, 0);
}

static void
look_into_block(DatomLookup *lookup, int run, DatomPartKind kind, BlockNumber number,
				const DatomProbe *probe, DatomRecordFn take, void *arg)
{
	DatomOpenBlock *open = place_of(lookup, &lookup->parts[run][kind], number);

	CHECK_FOR_INTERRUPTS();
	datom_open_block(open, lookup->order, &lookup->order->meta.runs[run], kind, number);
	look_into(lookup, open, probe, take, arg);
}

/* By what is in memory of the directories. */
static void
look_into_run(DatomLookup *lookup, int run, DatomPartKind kind, const DatomBlockRange *range,
			  const DatomProbe *probe, DatomRecordFn take, void *arg)
{
	LookupPart *part = &lookup->parts[run][kind];
	DatomOrderKind order = lookup->order->kind;

	if (part->nrefs < 0)
		read_all_refs(lookup, run, kind);
	for (int i = first_ref(order, part, probe);
		 i < part->nrefs && datom_probe_ref(order, &part->refs[i], probe) <= 0; i++)
		if (datom_in_zone(&part->refs[i].zone, range))
			look_into_block(lookup, run, kind, part->refs[i].block, probe, take, arg);
}

void
datom_lookup_each(DatomLookup *lookup, DatomPartKind part, const DatomBlockRange *range,
				  const DatomProbe *probe, DatomRecordFn take, void *arg)
{
	DatomOrder *order = lookup->order;
	DatomBlockRange narrowed = *range;

	narrowed.lo = narrowed.hi = probe;
	for (int i = 0; i < order->meta.nruns; i++)
	{
		DatomBlockRef *refs;
		int			n;

		if (lookup->many)
		{
			look_into_run(lookup, i, part, range, probe, take, arg);
			continue;
		}
		n = datom_order_blocks(order, &order->meta.runs[i], part, &narrowed, &refs);
		for (int k = 0; k < n; k++)
			look_into_block(lookup, i, part, refs[k].block, probe, take, arg);
	}
}

/*
 * What holds of an entity
 */

/* The first record between low and high, which may be it, of an entity not below e. */
static int
bisect_entity(const DatomPacked *list, int low, int high, int64 e)
{
	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (datom_packed_get(list, middle) < e)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/*
 * The same of all. Entities of a block have about equally many records, so the
 * first look is at where it should be, and the next ones are close to that.
 */
static int
first_of_entity(const DatomBlock *block, int64 e)
{
	const DatomPacked *list = &block->e;
	int			n = block->n;
	int64		least = datom_packed_get(list, 0);
	int64		most = datom_packed_get(list, n - 1);
	int			low;
	int			high;
	int			step = 8;

	if (e <= least || e > most)
		return e <= least ? 0 : n;
	/* Differences, because large numbers that are close are one double. */
	low = high = (int) ((double) ((uint64) e - (uint64) least) /
						(double) ((uint64) most - (uint64) least) * (n - 1));
	if (datom_packed_get(list, low) < e)
	{
		for (; low + step < n && datom_packed_get(list, low + step) < e; step *= 2)
			low += step;
		return bisect_entity(list, low + 1, Min(low + step, n), e);
	}
	for (; high - step >= 0 && datom_packed_get(list, high - step) >= e; step *= 2)
		high -= step;
	return bisect_entity(list, Max(high - step, 0), high, e);
}

/* Is all that the part says of an entity in the block that is open? */
static bool
is_inside(const DatomOpenBlock *open, int64 e)
{
	return BlockNumberIsValid(open->number) && datom_packed_get(&open->block.e, 0) < e &&
		datom_packed_get(&open->block.e, open->block.n - 1) > e;
}

/* What has not ended in the run may be dead, what has may not have ended yet. */
static bool
holds_at(const DatomOpenBlock *open, int row, TimestampTz bound)
{
	DatomRecord record;

	if (open->block.open)
		return !datom_open_block_dead(open, row) &&
			datom_packed_get(&open->block.tx_instant, datom_block_from(&open->block, row)) <= bound;
	datom_block_record(&open->block, row, &record);
	return record.kind <= RECORD_RETRACTED && record.from <= bound && record.to > bound;
}

static void
take_entity(DatomOpenBlock *open, int64 e, TimestampTz bound, DatomOpenRecordFn take, void *arg)
{
	for (int row = first_of_entity(&open->block, e);
		 row < open->block.n && datom_packed_get(&open->block.e, row) == e; row++)
		if (holds_at(open, row, bound))
			take(arg, open, row);
}

static void
look_for_entity(DatomLookup *lookup, int run, DatomPartKind kind, int64 e, TimestampTz bound,
				DatomOpenRecordFn take, void *arg)
{
	DatomOpenBlock *open = place_of(lookup, &lookup->parts[run][kind], 0);
	const DatomRun *of = &lookup->order->meta.runs[run];
	DatomBlockRange range = datom_order_everything;
	DatomProbe	probe = {.has_e = true, .e = e};
	DatomBlockRef *refs;
	int			n;

	if (is_inside(open, e))
	{
		take_entity(open, e, bound, take, arg);
		return;
	}
	range.lo = range.hi = &probe;
	range.e_min = range.e_max = e;
	range.from_max = bound;
	if (kind == PART_CLOSED)
		range.to_after = bound;
	n = datom_order_blocks(lookup->order, of, kind, &range, &refs);
	for (int i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		datom_open_block(open, lookup->order, of, kind, refs[i].block);
		take_entity(open, e, bound, take, arg);
		pfree((void *) refs[i].a);
	}
	if (refs)
		pfree(refs);
}

void
datom_lookup_entity(DatomLookup *lookup, int64 e, TimestampTz bound, DatomOpenRecordFn take,
					void *arg)
{
	const DatomOrderMeta *meta = &lookup->order->meta;

	Assert(lookup->order->kind == ORDER_EAVT && !lookup->many);
	for (int i = 0; i < meta->nruns; i++)
	{
		look_for_entity(lookup, i, PART_OPEN, e, bound, take, arg);
		if (bound < meta->watermark)
			look_for_entity(lookup, i, PART_CLOSED, e, bound, take, arg);
	}
}

/*
 * Merging
 */

typedef struct RunCursor
{
	const DatomRun *run;
	DatomBlockRef *refs;
	int			nrefs;
	int			next;			/* of refs */
	DatomOpenBlock open;
	int			row;
	MemoryContext values;		/* of the record that waits */
	DatomRecord record;
} RunCursor;

struct DatomMergeCursor
{
	DatomOrder *order;
	DatomPartKind part;
	int			count;
	RunCursor  *runs;
	binaryheap *heap;			/* of indexes of runs, the least key first */
	int			current;		/* whose record was handed out; -1 */
};

static int
compare_runs(Datum a, Datum b, void *arg)
{
	DatomMergeCursor *cursor = arg;

	/* A binary heap has the greatest on top. */
	return -datom_record_compare(cursor->order->kind,
								 &cursor->runs[DatumGetInt32(a)].record,
								 &cursor->runs[DatumGetInt32(b)].record);
}

/* Moves on to the next record that is not dead. */
static bool
advance(DatomMergeCursor *cursor, RunCursor *run)
{
	MemoryContext old;

	for (;;)
	{
		if (!BlockNumberIsValid(run->open.number) || ++run->row >= run->open.block.n)
		{
			CHECK_FOR_INTERRUPTS();
			if (run->next == run->nrefs)
				return false;
			datom_open_block(&run->open, cursor->order, run->run, cursor->part,
							 run->refs[run->next++].block);
			run->row = 0;
		}
		if (!datom_open_block_dead(&run->open, run->row))
			break;
	}
	MemoryContextReset(run->values);
	old = MemoryContextSwitchTo(run->values);
	datom_open_block_record(&run->open, run->row, &run->record);
	MemoryContextSwitchTo(old);
	return true;
}

/* Of the runs from number from_run on. */
DatomMergeCursor *
datom_merge_cursor_begin(DatomOrder *order, int from_run, DatomPartKind part,
						 const DatomBlockRange *range)
{
	DatomMergeCursor *cursor = palloc0(sizeof(DatomMergeCursor));

	cursor->order = order;
	cursor->part = part;
	cursor->count = order->meta.nruns - from_run;
	cursor->runs = palloc0(sizeof(RunCursor) * Max(cursor->count, 1));
	cursor->heap = binaryheap_allocate(Max(cursor->count, 1), compare_runs, cursor);
	cursor->current = -1;
	for (int i = 0; i < cursor->count; i++)
	{
		RunCursor  *run = &cursor->runs[i];

		run->run = &order->meta.runs[from_run + i];
		run->nrefs = datom_order_blocks(order, run->run, part, range, &run->refs);
		run->open.number = InvalidBlockNumber;
		run->open.context = AllocSetContextCreate(CurrentMemoryContext, "datom block",
												  ALLOCSET_SMALL_SIZES);
		run->values = AllocSetContextCreate(CurrentMemoryContext, "datom value",
											ALLOCSET_SMALL_SIZES);
		if (advance(cursor, run))
			binaryheap_add_unordered(cursor->heap, Int32GetDatum(i));
	}
	binaryheap_build(cursor->heap);
	return cursor;
}

bool
datom_merge_cursor_next(DatomMergeCursor *cursor, DatomRecord *record)
{
	if (cursor->current >= 0)
	{
		if (advance(cursor, &cursor->runs[cursor->current]))
			binaryheap_replace_first(cursor->heap, Int32GetDatum(cursor->current));
		else
			binaryheap_remove_first(cursor->heap);
	}
	if (binaryheap_empty(cursor->heap))
		return false;
	cursor->current = DatumGetInt32(binaryheap_first(cursor->heap));
	*record = cursor->runs[cursor->current].record;
	return true;
}

void
datom_merge_cursor_end(DatomMergeCursor *cursor)
{
	for (int i = 0; i < cursor->count; i++)
	{
		datom_open_block_end(&cursor->runs[i].open);
		MemoryContextDelete(cursor->runs[i].open.context);
		MemoryContextDelete(cursor->runs[i].values);
	}
	binaryheap_free(cursor->heap);
	pfree(cursor->runs);
	pfree(cursor);
}
