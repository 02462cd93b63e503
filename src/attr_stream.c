/*
 * attr_stream.c: the facts of one attribute in the order of their entities.
 *
 * Each part of each run is sorted by itself, and has at most one block open. So
 * all that a batch is made of is at hand at once, and is not copied: a batch goes
 * up to the least of the entities with which an open block ends.
 *
 * Of a cardinality of one at most one fact of an entity holds, whatever runs and
 * parts there are; so which of them it comes from makes no difference.
 */
#include "attr_stream.h"

#include "miscadmin.h"
#include "utils/memutils.h"

/*
 * Opening
 */

static void
add_part(DatomAttrStream *stream, const DatomRun *run, DatomPartKind part,
		 const DatomBlockRange *range)
{
	DatomBlockRef *refs;
	int			n = datom_order_blocks(stream->order, run, part, range, &refs);

	if (n == 0)
		return;
	stream->parts[stream->nparts++] = (DatomStreamPart) {
		.run = run, .part = part, .refs = refs, .nrefs = n, .ref = -1,
		.open = {
			.number = InvalidBlockNumber,
			.context = AllocSetContextCreate(stream->context, "datom block",
											 ALLOCSET_DEFAULT_SIZES)
		},
		.e_room = palloc(sizeof(int64) * DATOM_BLOCK_FACTS),
		.rows_room = palloc(sizeof(uint16) * DATOM_BLOCK_FACTS),
		.from = stream->past ? palloc(sizeof(int64) * DATOM_BLOCK_FACTS) : NULL,
		.to = stream->past ? palloc(sizeof(int64) * DATOM_BLOCK_FACTS) : NULL
	};
}

/* All parts in which there may be facts of the stream. */
static DatomAttrStream *
open_stream(DatomAttrStream model, const DatomBlockRange *zone)
{
	DatomAttrStream *stream = palloc(sizeof(DatomAttrStream));
	const DatomOrderMeta *meta = &model.order->meta;
	DatomProbe	probe = {.a = model.ident, .alen = strlen(model.ident)};
	DatomBlockRange range = *zone;

	*stream = model;
	stream->len = probe.alen;
	stream->context = CurrentMemoryContext;
	stream->parts = palloc0(sizeof(DatomStreamPart) * 2 * Max(meta->nruns, 1));
	range.lo = range.hi = &probe;
	range.from_min = stream->begun;
	range.from_max = stream->bound;
	for (int i = 0; i < meta->nruns; i++)
	{
		range.to_after = DT_NOBEGIN;
		add_part(stream, &meta->runs[i], PART_OPEN, &range);
		range.to_after = stream->past ? DT_NOBEGIN : stream->bound;
		if (stream->past || stream->bound < meta->watermark)
			add_part(stream, &meta->runs[i], PART_CLOSED, &range);
	}
	return stream;
}

DatomAttrStream *
datom_stream_open(DatomOrder *order, const char *ident, TimestampTz bound,
				  TimestampTz begun, const DatomBlockRange *zone, bool entities_only)
{
	return open_stream((DatomAttrStream) {
		.order = order, .ident = ident, .bound = bound, .begun = begun,
		.entities_only = entities_only
	}, zone);
}

DatomAttrStream *
datom_stream_open_past(DatomOrder *order, const char *ident, TimestampTz bound,
					   const DatomBlockRange *zone)
{
	return open_stream((DatomAttrStream) {
		.order = order, .ident = ident, .bound = bound, .begun = DT_NOBEGIN, .past = true
	}, zone);
}

void
datom_stream_close(DatomAttrStream *stream)
{
	for (int i = 0; i < stream->nparts; i++)
	{
		datom_open_block_end(&stream->parts[i].open);
		MemoryContextDelete(stream->parts[i].open.context);
	}
}

/*
 * One block
 */

/* Rows from..to of the block are the attribute's: false if it has none. */
static bool
find_attribute(const DatomAttrStream *stream, DatomStreamPart *part, int *from, int *to)
{
	const DatomBlock *block = &part->open.block;
	int			attr = -1;

	for (int i = 0; i < block->nattrs; i++)
		if (block->attrs[i].len == stream->len &&
			memcmp(block->attrs[i].name, stream->ident, stream->len) == 0)
			attr = i;
	*from = *to = 0;
	if (attr < 0)
		return false;
	part->values = block->attrs[attr].values;
	if (block->nattrs == 1)
	{
		*to = block->n;
		return true;
	}
	while (*from < block->n && datom_packed_get(&block->attr, *from) != attr)
		++*from;
	for (*to = *from; *to < block->n && datom_packed_get(&block->attr, *to) == attr;)
		++*to;
	return *to > *from;
}

/* Which of the rows are the stream's; how many. */
static int
pick(const DatomAttrStream *stream, const DatomStreamPart *part, int from, int to)
{
	const DatomBlock *block = &part->open.block;
	int64	   *room = MemoryContextAlloc(part->open.context,
										  sizeof(int64) * (4 * DATOM_BLOCK_FACTS + block->ntxs));
	int64	   *begin = room;
	int64	   *end = room + DATOM_BLOCK_FACTS;
	int64	   *kind = room + 2 * DATOM_BLOCK_FACTS;
	int64	   *instants = room + 3 * DATOM_BLOCK_FACTS;
	bool		closed = !block->open;
	int			count = 0;

	datom_packed_unpack(&block->tx_instant, block->ntxs, instants);
	datom_block_instants(block, &block->from, instants, begin);
	if (closed)
	{
		datom_block_instants(block, &block->to, instants, end);
		datom_packed_unpack(&block->kind, block->n, kind);
	}
	for (int row = from; row < to; row++)
		if (begin[row] <= stream->bound && begin[row] >= stream->begun &&
			(!closed || (kind[row] <= RECORD_RETRACTED &&
						 (stream->past || end[row] > stream->bound))) &&
			!datom_open_block_dead(&part->open, row))
		{
			if (stream->past)
			{
				part->from[count] = begin[row];
				part->to[count] = closed ? end[row] : DT_NOEND;
			}
			part->rows_room[count++] = row;
		}
	pfree(room);
	return count;
}

/* Do all facts of the block hold that the directory tells of, whatever is dead? */
static bool
all_hold(const DatomAttrStream *stream, const DatomStreamPart *part)
{
	const DatomZone *zone = &part->refs[part->ref].zone;

	return part->part == PART_OPEN && zone->from_max <= stream->bound &&
		zone->from_min >= stream->begun;
}

/*
 * Where nobody asks for values, a block without gaps need not be read. Only the
 * first and the last block of an attribute may have facts of another.
 */
static bool
take_dense(DatomAttrStream *stream, DatomStreamPart *part)
{
	const DatomBlockRef *ref = &part->refs[part->ref];
	uint64		dead[DATOM_DEAD_WORDS];

	part->dense = stream->entities_only && part->ref > 0 && part->ref < part->nrefs - 1 &&
		all_hold(stream, part) &&
		ref->zone.e_max - ref->zone.e_min == (int64) ref->records - 1 &&
		!datom_order_dead(stream->order, part->run, ref->block, dead);
	if (!part->dense)
		return false;
	part->least = ref->zone.e_min;
	part->most = ref->zone.e_max;
	part->count = ref->records;
	part->first = 0;
	part->e = NULL;
	part->rows = NULL;
	part->pos = part->end = 0;
	stream->order->blocks_skipped++;
	return true;
}

static void
open_block(DatomAttrStream *stream, DatomStreamPart *part)
{
	const DatomBlockRef *ref = &part->refs[part->ref];
	int64	   *e;
	int			from,
				to;

	CHECK_FOR_INTERRUPTS();
	if (take_dense(stream, part))
		return;
	datom_open_block(&part->open, stream->order, part->run, part->part, ref->block);
	part->numbers = NULL;
	part->entries = NULL;
	part->rows = NULL;
	part->e = NULL;
	part->pos = part->end = part->count = 0;
	if (!find_attribute(stream, part, &from, &to))
		return;
	part->first = from;
	part->count = to - from;
	if (part->values->count != part->count)
		ereport(ERROR,
				(errcode(ERRCODE_INDEX_CORRUPTED),
				 errmsg("a block of an order is damaged")));
	if (stream->past || !all_hold(stream, part) || part->open.any_dead)
	{
		e = datom_open_block_e(&part->open);
		part->count = pick(stream, part, from, to);
		part->rows = part->rows_room;
		part->e = part->e_room;
		for (int i = 0; i < part->count; i++)
			part->e[i] = e[part->rows[i]];
	}
	if (part->count == 0)
		return;
	part->least = datom_stream_e(part, 0);
	part->most = datom_stream_e(part, part->count - 1);
	part->density = part->most > part->least ?
		(part->count - 1) / ((double) part->most - (double) part->least) : 0;
}

int64 *
datom_stream_unpack(DatomStreamPart *part)
{
	if (part->e)
		return part->e;
	if (part->dense)
	{
		part->e = part->e_room;
		for (int i = 0; i < part->count; i++)
			part->e[i] = part->least + i;
	}
	else
		part->e = datom_open_block_e(&part->open) + part->first;
	return part->e;
}

/*
 * Finding entities
 */

/*
 * Where entities are as dense as elsewhere in the block, the first look is at
 * the right one. From there to the left or the right in steps that double.
 */
static int
find_packed(const DatomStreamPart *part, int pos, int64 e)
{
	int			low;
	int			high;
	int			guess;

	if (e <= part->least)
		return pos;
	if (e > part->most)
		return part->count;
	if (part->dense)
		return Max((int) (e - part->least), pos);
	guess = Max((int) (((double) e - (double) part->least) * part->density), pos);
	guess = Min(guess, part->count - 1);
	if (datom_stream_e(part, guess) >= e &&
		(guess == pos || datom_stream_e(part, guess - 1) < e))
		return guess;
	if (datom_stream_e(part, guess) < e)
	{
		int			step = 1;

		/* What is at `low` is below e. */
		for (low = guess; low + step < part->count && datom_stream_e(part, low + step) < e;
			 step *= 2)
			low += step;
		high = Min(low + step, part->count);
	}
	else
	{
		int			step = 1;

		/* What is at `high` is not below e. */
		for (high = guess; high - step > pos && datom_stream_e(part, high - step) >= e;
			 step *= 2)
			high -= step;
		low = Max(high - step, pos) - 1;
	}
	for (low++; low < high;)
	{
		int			middle = low + (high - low) / 2;

		if (datom_stream_e(part, middle) < e)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int
datom_stream_find(const DatomStreamPart *part, int pos, int64 e)
{
	return part->e ? datom_stream_gallop(part->e, pos, part->count, e) :
		find_packed(part, pos, e);
}

/*
 * Moving on
 */

static bool
seek_part(DatomAttrStream *stream, DatomStreamPart *part, int64 e)
{
	if (part->count > 0)
		part->pos = datom_stream_find(part, part->pos, e);
	while (part->pos >= part->count)
	{
		if (part->ref >= part->nrefs - 1)
		{
			part->ref = part->nrefs;
			part->pos = part->count = 0;
			return false;
		}
		part->ref++;
		if (part->refs[part->ref].zone.e_max < e)
		{
			stream->order->blocks_skipped++;
			continue;
		}
		open_block(stream, part);
		if (part->count > 0)
			part->pos = datom_stream_find(part, 0, e);
	}
	return true;
}

bool
datom_stream_seek(DatomAttrStream *stream, int64 e, int64 *head)
{
	bool		found = false;

	for (int i = 0; i < stream->nparts; i++)
	{
		DatomStreamPart *part = &stream->parts[i];
		int64		here;

		if (!seek_part(stream, part, e))
			continue;
		here = datom_stream_e(part, part->pos);
		if (!found || here < *head)
			*head = here;
		found = true;
	}
	return found;
}

int64
datom_stream_reach(const DatomAttrStream *stream)
{
	int64		reach = PG_INT64_MAX;

	for (int i = 0; i < stream->nparts; i++)
	{
		const DatomStreamPart *part = &stream->parts[i];

		/* Values of one entity may go on in the next block. */
		if (part->count > 0 && part->ref < part->nrefs - 1)
			reach = Min(reach, part->most);
	}
	return reach;
}

int64
datom_stream_whole(const DatomAttrStream *stream)
{
	int64		whole = PG_INT64_MAX;

	for (int i = 0; i < stream->nparts; i++)
	{
		const DatomStreamPart *part = &stream->parts[i];

		/* All blocks but the first begin with the attribute. */
		if (part->count > 0 && part->ref < part->nrefs - 1)
			whole = Min(whole, part->refs[part->ref + 1].e - 1);
	}
	return whole;
}

void
datom_stream_take(DatomAttrStream *stream, int64 last)
{
	for (int i = 0; i < stream->nparts; i++)
	{
		DatomStreamPart *part = &stream->parts[i];

		part->end = part->count == 0 || part->most <= last ? part->count :
			datom_stream_find(part, part->pos, last + 1);
	}
}
