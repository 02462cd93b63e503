/*
 * pit_blocks.c: the past of entities from blocks.
 *
 * Of each attribute that is needed a stream has the facts of the past, entity by
 * entity, in as many parts as there are runs, open and ended ones apart. Labels
 * come in the same order, so each part is gone through once, and blocks without an
 * entity that is asked for are passed over.
 *
 * A row is as many places as it has columns: of each attribute the fact that held
 * then. Values are made of places for a batch of labels at once, which ends where a
 * stream needs its next block.
 *
 * An entity of which the tail speaks, or whose facts go on in the next block of a
 * part, is left to who reads single entities.
 */
#include "pit_blocks.h"

#include "storage/bufmgr.h"
#include "utils/memutils.h"

#include "attr_stream.h"
#include "attrs.h"
#include "entity_batch.h"
#include "order_view.h"

/* For fewer blocks, what is dead in them is looked up for each. */
#define MANY_BLOCKS 16

typedef struct PitAttr
{
	const char *ident;
	bool		makes_row;
	DatomAttrStream *stream;	/* NULL: it is not defined */
	int		   *at;				/* of each part, the first fact of the entity at hand */
	uint32	   *places;			/* of the batch */
} PitAttr;

typedef struct PitCell
{
	int			attr;			/* -1: the entity, or not needed */
	Datum	   *values;
	bool	   *nulls;
} PitCell;

struct DatomPitBlocks
{
	Relation	db;
	const DatomEntityTable *table;
	const bool *needed;
	DatomSettled at;
	DatomOrderView view;
	bool		simple;
	PitAttr    *attrs;
	int			nattrs;
	PitCell    *cells;
	int64	   *touched;		/* entities of which the tail speaks */
	int			ntouched;
	int			next_touched;

	bool		open;			/* blocks are, for entities up to: */
	int64		whole;
	int64		e;				/* at hand */
	MemoryContext batch;
	int			n;
	int64		entities[DATOM_PIT_BATCH];
};

/*
 * Opening
 */

static int
add_attr(DatomPitBlocks *blocks, const char *ident)
{
	for (int i = 0; i < blocks->nattrs; i++)
		if (strcmp(blocks->attrs[i].ident, ident) == 0)
			return i;
	blocks->attrs[blocks->nattrs] = (PitAttr) {.ident = ident};
	return blocks->nattrs++;
}

/* Was it ever more than one value? Places are of one. */
static bool
is_ever_many(const DatomAttr *attr)
{
	for (int i = 0; i < attr->changes; i++)
		if (attr->cardinality[i].many)
			return true;
	return attr->many;
}

static void
list_attrs(DatomPitBlocks *blocks)
{
	const DatomEntityTable *table = blocks->table;
	const DatomSchema *schema = datom_attrs(blocks->db);

	blocks->attrs = palloc0(sizeof(PitAttr) * (table->ncolumns + 1));
	blocks->cells = palloc0(sizeof(PitCell) * Max(table->ncolumns, 1));
	blocks->simple = true;
	if (table->key)
		blocks->attrs[add_attr(blocks, table->key)].makes_row = true;
	for (int c = 0; c < table->ncolumns; c++)
	{
		const DatomEntityColumn *column = &table->columns[c];
		const DatomAttr *attr;

		blocks->cells[c].attr = -1;
		if (column->ident == NULL || (table->key && !blocks->needed[c]))
			continue;
		attr = datom_schema_find(schema, column->ident, strlen(column->ident));
		blocks->cells[c].attr = add_attr(blocks, column->ident);
		blocks->attrs[blocks->cells[c].attr].makes_row |= table->key == NULL;
		blocks->simple &= !blocks->needed[c] ||
			(!column->many && !column->identity && (attr == NULL || !is_ever_many(attr)));
	}
}

static void
open_streams(DatomPitBlocks *blocks, int64 least, int64 most)
{
	const DatomSchema *schema = datom_attrs(blocks->db);
	DatomBlockRange range = datom_order_everything;
	int			nblocks = 0;

	range.e_min = least;
	range.e_max = most;
	for (int i = 0; i < blocks->nattrs; i++)
	{
		PitAttr    *attr = &blocks->attrs[i];

		if (datom_schema_find(schema, attr->ident, strlen(attr->ident)) == NULL)
			continue;
		attr->stream = datom_stream_open_past(blocks->view.order, attr->ident,
											  blocks->view.bound, &range);
		attr->at = palloc0(sizeof(int) * Max(attr->stream->nparts, 1));
		attr->places = palloc(sizeof(uint32) * DATOM_PIT_BATCH);
		for (int p = 0; p < attr->stream->nparts; p++)
			nblocks += attr->stream->parts[p].nrefs;
	}
	if (nblocks > MANY_BLOCKS)
		datom_order_load_dead(blocks->view.order);
}

static int
by_number(const void *a, const void *b)
{
	int64		x = *(const int64 *) a;
	int64		y = *(const int64 *) b;

	return x < y ? -1 : x > y;
}

static bool
is_asked(const DatomPitBlocks *blocks, const DatomRow *row)
{
	for (int i = 0; i < blocks->nattrs; i++)
		if ((int) strlen(blocks->attrs[i].ident) == row->alen &&
			memcmp(blocks->attrs[i].ident, row->a, row->alen) == 0)
			return true;
	return false;
}

static void
list_touched(DatomPitBlocks *blocks)
{
	const DatomOrderView *view = &blocks->view;

	blocks->touched = palloc(sizeof(int64) * Max(view->ntail, 1));
	for (int i = 0; i < view->ntail; i++)
		if (is_asked(blocks, &view->tail[i]))
			blocks->touched[blocks->ntouched++] = view->tail[i].e;
	qsort(blocks->touched, blocks->ntouched, sizeof(int64), by_number);
}

double
datom_pit_blocks_count(Relation db)
{
	DatomOrder *order = datom_order_usable(db, ORDER_AEVT);
	double		blocks = 0;

	if (order == NULL)
		return RelationGetNumberOfBlocks(db);
	for (int i = 0; i < order->meta.nruns; i++)
		blocks += (double) order->meta.runs[i].parts[PART_OPEN].blocks +
			order->meta.runs[i].parts[PART_CLOSED].blocks;
	datom_order_close(order, AccessShareLock);
	return blocks;
}

DatomPitBlocks *
datom_pit_blocks_open(Relation db, const DatomEntityTable *table, const bool *needed,
					  const DatomSettled *at, int64 least, int64 most)
{
	DatomPitBlocks *blocks = palloc0(sizeof(DatomPitBlocks));

	blocks->db = db;
	blocks->table = table;
	blocks->needed = needed;
	blocks->at = *at;
	blocks->view.order = datom_order_usable(db, ORDER_AEVT);
	if (blocks->view.order == NULL)
		return NULL;
	if (!datom_order_view(&blocks->view, db, at))
	{
		datom_order_view_end(&blocks->view);
		return NULL;
	}
	blocks->batch = AllocSetContextCreate(CurrentMemoryContext, "datom labels",
										  ALLOCSET_DEFAULT_SIZES);
	list_attrs(blocks);
	open_streams(blocks, least, most);
	list_touched(blocks);
	return blocks;
}

void
datom_pit_blocks_close(DatomPitBlocks *blocks)
{
	for (int i = 0; i < blocks->nattrs; i++)
		if (blocks->attrs[i].stream)
			datom_stream_close(blocks->attrs[i].stream);
	datom_order_view_end(&blocks->view);
	MemoryContextDelete(blocks->batch);
}

bool
datom_pit_blocks_simple(const DatomPitBlocks *blocks)
{
	return blocks->simple;
}

/*
 * Entities
 */

bool
datom_pit_blocks_reach(const DatomPitBlocks *blocks, int64 e)
{
	return blocks->open && e <= blocks->whole;
}

static void
open_blocks(DatomPitBlocks *blocks, int64 e)
{
	Assert(blocks->n == 0);
	blocks->open = true;
	blocks->whole = PG_INT64_MAX;
	for (int i = 0; i < blocks->nattrs; i++)
	{
		PitAttr    *attr = &blocks->attrs[i];
		int64		head;

		if (attr->stream == NULL)
			continue;
		(void) datom_stream_seek(attr->stream, e, &head);
		blocks->whole = Min(blocks->whole, datom_stream_whole(attr->stream));
		for (int p = 0; p < attr->stream->nparts; p++)
		{
			attr->stream->parts[p].end = attr->stream->parts[p].count;
			attr->at[p] = attr->stream->parts[p].pos;
		}
	}
}

static bool
is_touched(DatomPitBlocks *blocks, int64 e)
{
	blocks->next_touched = datom_stream_gallop(blocks->touched, blocks->next_touched,
											   blocks->ntouched, e);
	return blocks->next_touched < blocks->ntouched && blocks->touched[blocks->next_touched] == e;
}

bool
datom_pit_blocks_go(DatomPitBlocks *blocks, int64 e)
{
	blocks->e = e;
	if (!datom_pit_blocks_reach(blocks, e))
		open_blocks(blocks, e);
	if (is_touched(blocks, e) || e > blocks->whole)
		return false;
	for (int i = 0; i < blocks->nattrs; i++)
	{
		PitAttr    *attr = &blocks->attrs[i];

		for (int p = 0; attr->stream && p < attr->stream->nparts; p++)
		{
			const DatomStreamPart *part = &attr->stream->parts[p];

			if (attr->at[p] < part->count)
				attr->at[p] = datom_stream_gallop(part->e, attr->at[p], part->count, e);
		}
	}
	return true;
}

/*
 * States
 */

static int
count_facts(const PitAttr *attr, int64 e)
{
	int			count = 0;

	for (int p = 0; p < attr->stream->nparts; p++)
	{
		const DatomStreamPart *part = &attr->stream->parts[p];

		for (int i = attr->at[p]; i < part->count && part->e[i] == e; i++)
			count++;
	}
	return count;
}

/* Facts of the attribute as the order has them; who needs states needs no numbers. */
static int
list_facts(DatomPitBlocks *blocks, const PitAttr *attr, DatomFact **facts)
{
	DatomBatchColumn batch = {
		.rel = blocks->db, .snapshot = blocks->at.snapshot, .stream = attr->stream
	};
	int			n = 0;

	*facts = palloc_extended(sizeof(DatomFact) * Max(count_facts(attr, blocks->e), 1),
							 MCXT_ALLOC_HUGE);
	for (int p = 0; p < attr->stream->nparts; p++)
	{
		const DatomStreamPart *part = &attr->stream->parts[p];

		for (int i = attr->at[p]; i < part->count && part->e[i] == blocks->e; i++)
			(*facts)[n++] = (DatomFact) {
				.v = datom_batch_value(&batch, p, datom_stream_row(part, i)),
					.from = part->from[i], .to = part->to[i],
					.to_tx = part->to[i] == DT_NOEND ? 0 : 1
			};
	}
	return n;
}

void
datom_pit_blocks_states(DatomPitBlocks *blocks, DatomPitStates *states)
{
	MemoryContext old = MemoryContextSwitchTo(blocks->batch);

	datom_pit_states_begin(states, blocks->e);
	for (int i = 0; i < blocks->nattrs; i++)
	{
		const PitAttr *attr = &blocks->attrs[i];
		DatomFact  *facts;
		int			n;

		if (attr->stream == NULL)
			continue;
		n = list_facts(blocks, attr, &facts);
		datom_pit_states_take(states, attr->ident, strlen(attr->ident), facts, n);
	}
	datom_pit_states_end(states);
	MemoryContextSwitchTo(old);
	MemoryContextReset(blocks->batch);
}

/*
 * The batch
 */

static uint32
place_at(const PitAttr *attr, int64 e, TimestampTz at)
{
	for (int p = 0; p < attr->stream->nparts; p++)
	{
		const DatomStreamPart *part = &attr->stream->parts[p];

		for (int i = attr->at[p]; i < part->count && part->e[i] == e; i++)
			if (part->from[i] <= at && part->to[i] > at)
				return DATOM_PLACE(p, datom_stream_row(part, i));
	}
	return DATOM_NOWHERE;
}

bool
datom_pit_blocks_add(DatomPitBlocks *blocks, TimestampTz at)
{
	bool		is_row = false;

	for (int i = 0; i < blocks->nattrs; i++)
	{
		PitAttr    *attr = &blocks->attrs[i];

		if (attr->stream == NULL)
			continue;
		attr->places[blocks->n] = place_at(attr, blocks->e, at);
		is_row |= attr->makes_row && attr->places[blocks->n] != DATOM_NOWHERE;
	}
	if (is_row)
		blocks->entities[blocks->n++] = blocks->e;
	return is_row;
}

static void
make_values(DatomPitBlocks *blocks, int column, PitCell *cell)
{
	const PitAttr *attr = cell->attr < 0 ? NULL : &blocks->attrs[cell->attr];

	cell->values = palloc(sizeof(Datum) * blocks->n);
	cell->nulls = palloc0(sizeof(bool) * blocks->n);
	if (attr == NULL)
		for (int i = 0; i < blocks->n; i++)
			cell->values[i] = Int64GetDatum(blocks->entities[i]);
	else if (attr->stream == NULL)
		memset(cell->nulls, true, sizeof(bool) * blocks->n);
	else
		datom_batch_values(&(DatomBatchColumn) {
			.rel = blocks->db, .snapshot = blocks->at.snapshot,
				.column = &blocks->table->columns[column], .stream = attr->stream,
				.e = blocks->entities, .places = attr->places, .n = blocks->n
		}, cell->values, cell->nulls);
}

void
datom_pit_blocks_values(DatomPitBlocks *blocks, int column, const Datum **values,
						const bool **nulls)
{
	PitCell    *cell = &blocks->cells[column];
	MemoryContext old = MemoryContextSwitchTo(blocks->batch);

	make_values(blocks, column, cell);
	MemoryContextSwitchTo(old);
	*values = cell->values;
	*nulls = cell->nulls;
}

void
datom_pit_blocks_clear(DatomPitBlocks *blocks)
{
	blocks->n = 0;
	MemoryContextReset(blocks->batch);
}
