/*
 * entity_scan.c: rows of entities at a moment, in batches.
 *
 * Three ways, with the same rows:
 *
 *	blocks	merges the facts of each attribute, which AEVT has in the order of
 *			entities; see entity_blocks.c
 *	few		for given entities: reads the facts of one after the other
 *	log		without orders, or with a tail too long to be kept
 *
 * An entity of which the tail says something about one of the attributes is left
 * out of those batches, and its row is made of its facts: at the end, or in its
 * place where rows must be in order.
 */
#include "entity_scan.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "attrs.h"
#include "db.h"

static Oid
shown_type(const DatomEntityColumn *column)
{
	if (column->ident == NULL)
		return INT8OID;
	return column->many ? get_array_type(column->type) : column->type;
}

static int
attr_number(const DatomEntityScan *scan, const char *ident)
{
	for (int i = 0; i < scan->nattrs; i++)
		if (strcmp(scan->attrs[i].ident, ident) == 0)
			return i;
	return -1;
}

/*
 * Few
 */

DatomReader *
datom_entity_reader(DatomEntityScan *scan)
{
	if (scan->reader == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(scan->context);

		scan->reader = datom_facts_reader(scan->rel, scan->at.snapshot, scan->at.at);
		MemoryContextSwitchTo(old);
	}
	return scan->reader;
}

static void
room_for_values(DatomEntityScan *scan)
{
	for (int c = 0; c < scan->query.table->ncolumns; c++)
	{
		EntityCell *cell = &scan->cells[c];

		if (cell->values == NULL)
		{
			cell->values = MemoryContextAlloc(scan->context, sizeof(Datum) * scan->room);
			cell->nulls = MemoryContextAlloc(scan->context, sizeof(bool) * scan->room);
		}
		cell->made = true;
	}
}

/* Values that go with the next row are copied. */
static void
put_row(DatomEntityScan *scan, int64 e, const Datum *values, const bool *nulls, bool copy)
{
	for (int c = 0; c < scan->query.table->ncolumns; c++)
	{
		EntityCell *cell = &scan->cells[c];

		cell->nulls[scan->n] = nulls[c];
		cell->values[scan->n] = nulls[c] || !copy ? values[c] :
			datumCopy(values[c], cell->by_value, cell->length);
	}
	scan->e[scan->n++] = e;
}

/* A batch of the rows of `rest` up to an entity. */
static bool
next_few(DatomEntityScan *scan, int64 last)
{
	scan->by_places = false;
	room_for_values(scan);
	while (scan->next_rest < scan->nrest && scan->rest[scan->next_rest] <= last &&
		   scan->n < scan->room)
	{
		int64		e = scan->rest[scan->next_rest++];
		const Datum *values;
		const bool *nulls;

		CHECK_FOR_INTERRUPTS();
		if (datom_entity_row_read(scan->row, datom_entity_reader(scan), e, &values, &nulls))
			put_row(scan, e, values, nulls, true);
	}
	return scan->n > 0;
}

/*
 * The log
 */

typedef struct LogRows
{
	DatomEntityScan *scan;
	bool		any;
	int64		e;
} LogRows;

static void
end_entity(LogRows *rows)
{
	DatomEntityScan *scan = rows->scan;
	int			ncolumns = scan->query.table->ncolumns;
	const Datum *values;
	const bool *nulls;

	if (!rows->any || !datom_entity_row_end(scan->row, &values, &nulls))
		return;
	memcpy(scan->ready_values, values, sizeof(Datum) * ncolumns);
	memcpy(scan->ready_nulls, nulls, sizeof(bool) * ncolumns);
	scan->ready_values[ncolumns] = Int64GetDatum(rows->e);
	scan->ready_nulls[ncolumns] = false;
	tuplestore_putvalues(scan->ready, scan->slot->tts_tupleDescriptor,
						 scan->ready_values, scan->ready_nulls);
}

static void
take_facts(void *arg, int64 e, Datum a, const DatomFact *facts, int n)
{
	LogRows    *rows = arg;
	DatomEntityScan *scan = rows->scan;
	struct varlena *ident = (struct varlena *) DatumGetPointer(a);

	if (e < scan->query.e_min || e > scan->query.e_max ||
		!datom_shard_has(&scan->query.shard, e))
		return;
	if (!rows->any || rows->e != e)
	{
		end_entity(rows);
		rows->any = true;
		rows->e = e;
		datom_entity_row_begin(scan->row, e);
	}
	datom_entity_row_take(scan->row, VARDATA_ANY(ident), VARSIZE_ANY_EXHDR(ident), facts, n);
}

/* All columns, and the entity behind them. */
static TupleDesc
ready_desc(const DatomEntityTable *table)
{
	TupleDesc	desc = CreateTemplateTupleDesc(table->ncolumns + 1);

	for (int c = 0; c < table->ncolumns; c++)
		TupleDescInitEntry(desc, c + 1, NULL, shown_type(&table->columns[c]), -1, 0);
	TupleDescInitEntry(desc, table->ncolumns + 1, NULL, INT8OID, -1, 0);
	return desc;
}

static void
read_log(DatomEntityScan *scan)
{
	MemoryContext old = MemoryContextSwitchTo(scan->context);
	int			ncolumns = scan->query.table->ncolumns;
	LogRows		rows = {.scan = scan};

	scan->ready = tuplestore_begin_heap(false, false, work_mem);
	scan->slot = MakeSingleTupleTableSlot(ready_desc(scan->query.table), &TTSOpsMinimalTuple);
	scan->ready_values = palloc(sizeof(Datum) * (ncolumns + 1));
	scan->ready_nulls = palloc(sizeof(bool) * (ncolumns + 1));
	datom_db_facts(scan->rel, &scan->at, take_facts, &rows);
	end_entity(&rows);
	MemoryContextSwitchTo(old);
}

static bool
next_ready(DatomEntityScan *scan)
{
	int			ncolumns = scan->query.table->ncolumns;

	scan->by_places = false;
	room_for_values(scan);
	while (scan->n < scan->room &&
		   tuplestore_gettupleslot(scan->ready, true, true, scan->slot))
	{
		MinimalTuple tuple = ExecCopySlotMinimalTuple(scan->slot);

		ExecForceStoreMinimalTuple(tuple, scan->slot, false);
		slot_getallattrs(scan->slot);
		put_row(scan, DatumGetInt64(scan->slot->tts_values[ncolumns]),
				scan->slot->tts_values, scan->slot->tts_isnull, false);
	}
	ExecClearTuple(scan->slot);
	return scan->n > 0;
}

/*
 * Batches
 */

/* Also of a batch that turned out to be empty: the next one is made otherwise. */
static void
forget_values(DatomEntityScan *scan)
{
	for (int c = 0; c < scan->query.table->ncolumns; c++)
	{
		scan->cells[c].placed = scan->cells[c].made = scan->cells[c].counted = false;
		scan->cells[c].places = NULL;
	}
}

static void
begin_batch(DatomEntityScan *scan)
{
	MemoryContextReset(scan->batch);
	scan->n = 0;
}

/* Does this process make what comes from no block? Asked once. */
static bool
takes_rest(DatomEntityScan *scan)
{
	return scan->shared == NULL ||
		pg_atomic_fetch_add_u64(&scan->shared->rest_taken, 1) == 0;
}

static bool
next_rest(DatomEntityScan *scan)
{
	if (scan->way == BY_LOG && scan->ready == NULL)
	{
		if (scan->rest_taken || !takes_rest(scan))
			return false;
		scan->rest_taken = true;
		read_log(scan);
	}
	if (scan->way == BY_LOG)
		return next_ready(scan);
	if (!scan->rest_taken && !takes_rest(scan))
		scan->next_rest = scan->nrest;
	scan->rest_taken = true;
	while (scan->next_rest < scan->nrest)
		if (next_few(scan, PG_INT64_MAX))
			return true;
	return false;
}

/* Is a row of the rest the next one? */
static bool
is_rest_next(const DatomEntityScan *scan)
{
	return scan->query.ordered && scan->next_rest < scan->nrest &&
		scan->rest[scan->next_rest] <= scan->from;
}

int
datom_entity_next(DatomEntityScan *scan, const int64 **e)
{
	MemoryContext old;

	begin_batch(scan);
	old = MemoryContextSwitchTo(scan->batch);
	while (scan->way == BY_BLOCKS && scan->n == 0 && datom_entity_blocks_run(scan))
	{
		forget_values(scan);
		if (is_rest_next(scan))
			(void) next_few(scan, scan->from);
		else
			datom_entity_blocks_next(scan);
	}
	if (scan->n == 0)
	{
		forget_values(scan);
		(void) next_rest(scan);
	}
	MemoryContextSwitchTo(old);
	*e = scan->e;
	return scan->n;
}

/*
 * Beginning
 */

static int
add_attr(DatomEntityScan *scan, const char *ident)
{
	const DatomAttr *attr;
	EntityAttr *added;
	int			i = attr_number(scan, ident);

	if (i >= 0)
		return i;
	attr = datom_schema_find(datom_attrs(scan->rel), ident, strlen(ident));
	added = &scan->attrs[scan->nattrs];
	*added = (EntityAttr) {.ident = ident, .attr = attr};
	for (int k = 0; attr && k < attr->changes; k++)
		added->many |= attr->cardinality[k].many;
	if (attr)
		added->many |= attr->many;
	return scan->nattrs++;
}

/* Is there a bound on an attribute? Then no entity without it is asked for. */
static bool
is_any_required(const DatomEntityQuery *query)
{
	for (int i = 0; i < query->nbounds; i++)
		if (query->table->columns[query->bounds[i].column].ident)
			return true;
	return false;
}

/*
 * What attributes there are, and what for. Where any of them makes a row, all are
 * needed to find the rows, unless one is required.
 */
static void
list_attrs(DatomEntityScan *scan)
{
	const DatomEntityQuery *query = &scan->query;
	const DatomEntityTable *table = query->table;
	bool		by_key = table->key != NULL && query->since == DT_NOBEGIN;
	bool		any = !by_key && !is_any_required(query);

	scan->attrs = palloc0(sizeof(EntityAttr) * (table->ncolumns + 1));
	scan->cells = palloc0(sizeof(EntityCell) * Max(table->ncolumns, 1));
	if (by_key)
	{
		EntityAttr *key = &scan->attrs[add_attr(scan, table->key)];

		key->needed = key->required = true;
	}
	for (int c = 0; c < table->ncolumns; c++)
	{
		const char *ident = table->columns[c].ident;

		scan->cells[c].attr = ident ? add_attr(scan, ident) : -1;
		if (ident)
		{
			scan->attrs[scan->cells[c].attr].needed |= any || query->needed[c];
			scan->attrs[scan->cells[c].attr].shown |= query->needed[c];
		}
		get_typlenbyval(shown_type(&table->columns[c]), &scan->cells[c].length,
						&scan->cells[c].by_value);
	}
	for (int i = 0; i < query->nbounds; i++)
	{
		int			attr = scan->cells[query->bounds[i].column].attr;

		if (attr < 0)
			continue;
		scan->attrs[attr].needed = scan->attrs[attr].required = true;
		datom_entity_row_require(scan->row, query->bounds[i].column);
	}
}

static void
list_given(DatomEntityScan *scan)
{
	const DatomEntityQuery *query = &scan->query;

	scan->rest = palloc_extended(sizeof(int64) * Max(query->nentities, 1), MCXT_ALLOC_HUGE);
	if (query->entities == NULL && datom_entity_is_within(query, query->e_min))
		scan->rest[scan->nrest++] = query->e_min;
	for (int i = 0; query->entities && i < query->nentities; i++)
		if (datom_entity_is_within(query, query->entities[i]))
			scan->rest[scan->nrest++] = query->entities[i];
}

static void
choose_way(DatomEntityScan *scan)
{
	if (scan->query.entities || scan->query.e_min == scan->query.e_max)
	{
		scan->way = BY_FEW;
		return;
	}
	scan->view.order = datom_order_usable(scan->rel, ORDER_AEVT);
	scan->way = scan->view.order && datom_order_view(&scan->view, scan->rel, &scan->at) ?
		BY_BLOCKS : BY_LOG;
}

static void
lead(DatomEntityScan *scan)
{
	DatomEntityShared *shared = scan->shared;

	choose_way(scan);
	if (shared == NULL)
		return;
	shared->way = scan->way;
	if (scan->way == BY_BLOCKS)
		shared->meta = scan->view.order->meta;
	datom_scan_first_done(&shared->state);
}

static void
follow(DatomEntityScan *scan)
{
	scan->way = scan->shared->way;
	if (scan->way != BY_BLOCKS)
		return;
	scan->view.order = datom_order_open(datom_log_table(scan->rel)->orders[ORDER_AEVT],
										AccessShareLock);
	datom_order_view_again(&scan->view, scan->rel, &scan->at, &scan->shared->meta);
}

DatomEntityScan *
datom_entity_begin(Relation rel, const DatomSettled *at, const DatomEntityQuery *query,
				   DatomEntityShared *shared)
{
	DatomEntityScan *scan = palloc0(sizeof(DatomEntityScan));

	scan->rel = rel;
	scan->at = *at;
	scan->query = *query;
	scan->shared = shared;
	scan->context = CurrentMemoryContext;
	scan->batch = AllocSetContextCreate(scan->context, "datom entities",
										ALLOCSET_DEFAULT_SIZES);
	scan->reader = query->reader;
	scan->counts.basis = DT_NOBEGIN;
	scan->row = datom_entity_row_make(rel, query->table, query->needed, at, query->since);
	list_attrs(scan);
	if (shared == NULL || datom_scan_first(&shared->state))
		lead(scan);
	else
		follow(scan);
	if (scan->way == BY_FEW)
		list_given(scan);
	scan->room = scan->way == BY_FEW ? Min(Max(scan->nrest, 1), DATOM_BATCH) : DATOM_BATCH;
	scan->e = palloc(sizeof(int64) * scan->room);
	scan->chosen = palloc(sizeof(uint16) * scan->room);
	if (scan->way == BY_BLOCKS)
		datom_entity_blocks_open(scan);
	scan->counts.order = scan->way == BY_LOG ? NULL :
		datom_order_name(scan->way == BY_FEW ? ORDER_EAVT : ORDER_AEVT);
	return scan;
}

/*
 * End
 */

const DatomScanCounts *
datom_entity_counts(const DatomEntityScan *scan)
{
	DatomEntityScan *own = (DatomEntityScan *) scan;

	if (scan->view.order)
		datom_order_count(scan->view.order, &own->counts.blocks_read,
						  &own->counts.blocks_skipped);
	if (scan->reader)
	{
		TimestampTz basis = datom_rows_count(scan->reader->rows, &own->counts.blocks_read,
											 &own->counts.blocks_skipped);

		if (scan->way == BY_FEW)
			own->counts.basis = basis;
	}
	return &scan->counts;
}

void
datom_entity_end(DatomEntityScan *scan)
{
	datom_entity_blocks_close(scan);
	if (scan->reader && scan->reader != scan->query.reader)
		datom_facts_end(scan->reader);
	datom_entity_row_free(scan->row);
	datom_order_view_end(&scan->view);
	if (scan->ready)
	{
		ExecDropSingleTupleTableSlot(scan->slot);
		tuplestore_end(scan->ready);
	}
	MemoryContextDelete(scan->batch);
}

void
datom_entity_shared_init(DatomEntityShared *shared)
{
	pg_atomic_init_u64(&shared->next, 0);
	pg_atomic_init_u64(&shared->rest_taken, 0);
	datom_scan_first_init(&shared->state);
}
