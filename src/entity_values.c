/*
 * entity_values.c: the values of a batch of entities, column by column, made when
 * they are asked for.
 */
#include "entity_scan.h"

#include "utils/memutils.h"

#include "entity_batch.h"

static uint32 *
places_of(DatomEntityScan *scan, EntityCell *cell)
{
	if (cell->placed)
		return cell->places;
	cell->places = palloc(sizeof(uint32) * scan->room);
	datom_batch_places(scan->attrs[cell->attr].stream, scan->e, scan->n, cell->places);
	cell->placed = true;
	return cell->places;
}

static DatomBatchColumn
batch_column(DatomEntityScan *scan, int column)
{
	EntityCell *cell = &scan->cells[column];

	return (DatomBatchColumn) {
		.rel = scan->rel, .snapshot = scan->at.snapshot,
			.column = &scan->query.table->columns[column],
			.stream = scan->attrs[cell->attr].stream,
			.e = scan->e, .places = places_of(scan, cell), .n = scan->n
	};
}

/*
 * All values of entity e that are at hand; -1: there may be more in the next
 * block of a part.
 */
static int
values_at_hand(const DatomBatchColumn *batch, int64 e, DatomValue ***list)
{
	int			count = 0;
	int			room = 8;

	*list = palloc(sizeof(DatomValue *) * room);
	for (int i = 0; i < batch->stream->nparts; i++)
	{
		const DatomStreamPart *part = &batch->stream->parts[i];
		int			at = part->pos < part->end ? datom_stream_find(part, part->pos, e) : part->end;

		for (; at < part->end && datom_stream_e(part, at) == e; at++)
		{
			if (at == part->count - 1 && part->ref < part->nrefs - 1)
				return -1;
			if (count == room)
				*list = repalloc(*list, sizeof(DatomValue *) * (room *= 2));
			(*list)[count++] = datom_batch_value(batch, i, datom_stream_row(part, at));
		}
	}
	return count;
}

static int
values_of_entity(DatomEntityScan *scan, int attr, int64 e, DatomValue ***list)
{
	DatomFact  *facts;
	int			n = datom_facts_read(datom_entity_reader(scan), e, scan->attrs[attr].attr, &facts);
	int			count = 0;

	*list = palloc(sizeof(DatomValue *) * Max(n, 1));
	for (int i = 0; i < n; i++)
		if (datom_fact_holds(&facts[i], scan->at.at) && facts[i].from > scan->query.since)
			(*list)[count++] = facts[i].v;
	return count;
}

/* Lists, and what entities are identified by. */
static void
make_shown(DatomEntityScan *scan, const DatomBatchColumn *batch, int column)
{
	EntityCell *cell = &scan->cells[column];

	for (int i = 0; i < batch->n; i++)
	{
		DatomValue **list;
		int			n = values_at_hand(batch, batch->e[i], &list);

		if (n < 0)
			n = values_of_entity(scan, cell->attr, batch->e[i], &list);
		cell->values[i] = (Datum) 0;
		cell->nulls[i] = !datom_entity_row_show(scan->row, batch->e[i], column, list, n,
												&cell->values[i]);
	}
}

static void
make_values(DatomEntityScan *scan, int column, EntityCell *cell)
{
	const DatomEntityColumn *shown = &scan->query.table->columns[column];
	DatomBatchColumn batch;

	if (cell->attr < 0)
	{
		for (int i = 0; i < scan->n; i++)
			cell->values[i] = Int64GetDatum(scan->e[i]);
		memset(cell->nulls, 0, sizeof(bool) * scan->n);
		return;
	}
	if (scan->attrs[cell->attr].stream == NULL)
	{
		memset(cell->nulls, 1, sizeof(bool) * scan->n);
		return;
	}
	batch = batch_column(scan, column);
	if (shown->many || shown->identity || scan->attrs[cell->attr].many)
		make_shown(scan, &batch, column);
	else
		datom_batch_values(&batch, cell->values, cell->nulls);
}

void
datom_entity_values(DatomEntityScan *scan, int column, const Datum **values,
					const bool **nulls)
{
	EntityCell *cell = &scan->cells[column];

	if (cell->values == NULL)
	{
		cell->values = MemoryContextAlloc(scan->context, sizeof(Datum) * scan->room);
		cell->nulls = MemoryContextAlloc(scan->context, sizeof(bool) * scan->room);
	}
	if (!cell->made)
	{
		MemoryContext old = MemoryContextSwitchTo(scan->batch);

		make_values(scan, column, cell);
		MemoryContextSwitchTo(old);
		cell->made = true;
	}
	*values = cell->values;
	*nulls = cell->nulls;
}

/* Is there one value at most in a place of the batch's own blocks? */
static bool
is_plain(const DatomEntityScan *scan, int column)
{
	const DatomEntityColumn *shown = &scan->query.table->columns[column];
	int			attr = scan->cells[column].attr;

	return scan->by_places && attr >= 0 && scan->attrs[attr].stream && !shown->many &&
		!shown->identity && !scan->attrs[attr].many;
}

bool
datom_entity_numbers(DatomEntityScan *scan, int column, const int64 **numbers,
					 const bool **nulls, int *scale, bool *decimal)
{
	EntityCell *cell = &scan->cells[column];
	MemoryContext old;
	DatomBatchColumn batch;
	bool		found;

	if (!is_plain(scan, column))
		return false;
	old = MemoryContextSwitchTo(scan->batch);
	if (cell->numbers == NULL)
	{
		cell->numbers = MemoryContextAlloc(scan->context, sizeof(int64) * scan->room);
		cell->number_nulls = MemoryContextAlloc(scan->context, sizeof(bool) * scan->room);
	}
	batch = batch_column(scan, column);
	found = datom_batch_numbers(&batch, cell->numbers, cell->number_nulls, scale, decimal);
	MemoryContextSwitchTo(old);
	*numbers = cell->numbers;
	*nulls = cell->number_nulls;
	return found;
}

bool
datom_entity_listed(DatomEntityScan *scan, int column, const uint16 **codes,
					const Datum **values, int *count)
{
	EntityCell *cell = &scan->cells[column];
	MemoryContext old;
	DatomBatchColumn batch;
	bool		found;

	if (!is_plain(scan, column))
		return false;
	old = MemoryContextSwitchTo(scan->batch);
	if (cell->codes == NULL)
		cell->codes = MemoryContextAlloc(scan->context, sizeof(uint16) * scan->room);
	batch = batch_column(scan, column);
	found = datom_batch_listed(&batch, cell->codes, values, count);
	MemoryContextSwitchTo(old);
	*codes = cell->codes;
	return found;
}
