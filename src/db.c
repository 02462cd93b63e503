/*
 * db.c: a whole datom table at a moment.
 *
 * The plain way: read the log, leave out what was said after the moment, sort
 * by entity, attribute and instant, and fold. It costs a scan and a sort of
 * the whole past, in work_mem and then on disk.
 */
#include "db.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/tuplesort.h"
#include "utils/typcache.h"

#include "log.h"
#include "basis.h"
#include "txlog.h"

/* What is sorted: numbers first, so that the value is rarely looked at. */
enum
{
	SORT_E,
	SORT_INSTANT,
	SORT_TX,
	SORT_AID,
	SORT_ADDED,
	SORT_V,
	SORT_COLUMNS
};

/* Attributes by number, in the order they are met. */
typedef struct Attrs
{
	int			count;
	int			room;
	struct
	{
		Datum		a;			/* datom.attribute */
		const DatomAttr *attr;	/* NULL: not defined */
	}		   *list;
	int			last;
} Attrs;

static int
number_attribute(Attrs *attrs, const DatomRow *row, const DatomSchema *schema)
{
	for (int i = 0; i < attrs->count; i++)
	{
		/* The last one is the likeliest, then the one met after it. */
		int			k = (attrs->last + i) % attrs->count;
		struct varlena *a = (struct varlena *) DatumGetPointer(attrs->list[k].a);

		if (VARSIZE(a) - VARHDRSZ == (Size) row->alen &&
			memcmp(VARDATA(a), row->a, row->alen) == 0)
		{
			attrs->last = k;
			return k;
		}
	}
	if (attrs->count == attrs->room)
	{
		attrs->room = Max(16, attrs->room * 2);
		attrs->list = attrs->list ?
			repalloc(attrs->list, sizeof(*attrs->list) * attrs->room) :
			palloc(sizeof(*attrs->list) * attrs->room);
	}
	attrs->list[attrs->count].a =
		PointerGetDatum(cstring_to_text_with_len(row->a, row->alen));
	attrs->list[attrs->count].attr = datom_schema_find(schema, row->a, row->alen);
	attrs->last = attrs->count;
	return attrs->count++;
}

static TupleDesc
sort_desc(Oid value_type)
{
	TupleDesc	desc = CreateTemplateTupleDesc(SORT_COLUMNS);

	TupleDescInitEntry(desc, SORT_E + 1, "e", INT8OID, -1, 0);
	TupleDescInitEntry(desc, SORT_INSTANT + 1, "instant", INT8OID, -1, 0);
	TupleDescInitEntry(desc, SORT_TX + 1, "tx", INT8OID, -1, 0);
	TupleDescInitEntry(desc, SORT_AID + 1, "aid", INT4OID, -1, 0);
	TupleDescInitEntry(desc, SORT_ADDED + 1, "added", BOOLOID, -1, 0);
	TupleDescInitEntry(desc, SORT_V + 1, "v", value_type, -1, 0);
	return desc;
}

/* A sort in the order of datom_compare(). */
static Tuplesortstate *
begin_sort(TupleDesc desc)
{
	AttrNumber	columns[SORT_COLUMNS] = {SORT_E + 1, SORT_AID + 1,
	SORT_INSTANT + 1, SORT_TX + 1, SORT_ADDED + 1, SORT_V + 1};
	Oid			operators[SORT_COLUMNS];
	Oid			collations[SORT_COLUMNS] = {0};
	bool		nulls_first[SORT_COLUMNS] = {0};

	for (int i = 0; i < SORT_COLUMNS; i++)
		operators[i] = lookup_type_cache(TupleDescAttr(desc, columns[i] - 1)->atttypid,
										 TYPECACHE_LT_OPR)->lt_opr;
	return tuplesort_begin_heap(desc, SORT_COLUMNS, columns, operators, collations,
								nulls_first, work_mem, NULL, TUPLESORT_NONE);
}

static void
fill_sort(Tuplesortstate *sort, TupleTableSlot *slot, Relation rel,
		  const DatomSettled *at, Attrs *attrs)
{
	DatomTxMap *map = datom_txmap_create(RelationGetRelid(rel), at->snapshot);
	const DatomSchema *schema = datom_log_schema(rel);
	DatomLogScan *scan = datom_log_scan(rel, at->snapshot);
	MemoryContext own = CurrentMemoryContext;
	MemoryContext each = AllocSetContextCreate(own, "datom row",
											   ALLOCSET_DEFAULT_SIZES);
	DatomRow	row;

	datom_txmap_load(map);
	for (;;)
	{
		TimestampTz instant;
		bool		more;

		MemoryContextReset(each);
		MemoryContextSwitchTo(each);
		more = datom_log_next(scan, &row);
		MemoryContextSwitchTo(own);
		if (!more)
			break;
		instant = datom_txmap_instant(map, row.tx);
		if (instant > at->at)
			continue;
		ExecClearTuple(slot);
		slot->tts_values[SORT_E] = Int64GetDatum(row.e);
		slot->tts_values[SORT_INSTANT] = Int64GetDatum(instant);
		slot->tts_values[SORT_TX] = Int64GetDatum(row.tx);
		slot->tts_values[SORT_AID] = Int32GetDatum(number_attribute(attrs, &row, schema));
		slot->tts_values[SORT_ADDED] = BoolGetDatum(row.added);
		slot->tts_values[SORT_V] = PointerGetDatum(row.v);
		memset(slot->tts_isnull, 0, sizeof(bool) * SORT_COLUMNS);
		ExecStoreVirtualTuple(slot);
		tuplesort_puttupleslot(sort, slot);
	}
	MemoryContextDelete(each);
	datom_log_end(scan);
}

/* The rows of one entity and attribute, while they come out of the sort. */
typedef struct RowGroup
{
	MemoryContext context;		/* reset after each group */
	Datom	   *rows;
	int			count;
	int			room;
} RowGroup;

static void
group_add(RowGroup *group, TupleTableSlot *slot)
{
	Datum	   *values;
	Datom	   *row;
	MemoryContext old;

	slot_getallattrs(slot);
	values = slot->tts_values;
	if (group->count == group->room)
	{
		group->room *= 2;
		group->rows = repalloc_huge(group->rows, sizeof(Datom) * group->room);
	}
	row = &group->rows[group->count++];
	row->e = DatumGetInt64(values[SORT_E]);
	row->instant = DatumGetInt64(values[SORT_INSTANT]);
	row->tx = DatumGetInt64(values[SORT_TX]);
	row->aid = DatumGetInt32(values[SORT_AID]);
	row->added = DatumGetBool(values[SORT_ADDED]);
	old = MemoryContextSwitchTo(group->context);
	row->v = (DatomValue *) PG_DETOAST_DATUM_COPY(values[SORT_V]);
	MemoryContextSwitchTo(old);
}

static void
group_take(RowGroup *group, const Attrs *attrs, DatomRowsFn take, void *arg)
{
	MemoryContext old = MemoryContextSwitchTo(group->context);
	int			aid = group->rows[0].aid;

	take(arg, attrs->list[aid].a, attrs->list[aid].attr, group->rows, group->count);
	MemoryContextSwitchTo(old);
	MemoryContextReset(group->context);
	group->count = 0;
}

static bool
continues(const RowGroup *group, TupleTableSlot *slot)
{
	bool		isnull;

	return group->count == 0 ||
		(DatumGetInt64(slot_getattr(slot, SORT_E + 1, &isnull)) == group->rows[0].e &&
		 DatumGetInt32(slot_getattr(slot, SORT_AID + 1, &isnull)) == group->rows[0].aid);
}

static void
drain_sort(Tuplesortstate *sort, TupleTableSlot *slot, const Attrs *attrs,
		   DatomRowsFn take, void *arg)
{
	RowGroup		group = {.room = 64};

	group.context = AllocSetContextCreate(CurrentMemoryContext, "datom group",
										  ALLOCSET_DEFAULT_SIZES);
	group.rows = palloc(sizeof(Datom) * group.room);
	while (tuplesort_gettupleslot(sort, true, false, slot, NULL))
	{
		CHECK_FOR_INTERRUPTS();
		if (!continues(&group, slot))
			group_take(&group, attrs, take, arg);
		group_add(&group, slot);
	}
	if (group.count > 0)
		group_take(&group, attrs, take, arg);
	MemoryContextDelete(group.context);
}

void
datom_db_rows(Relation rel, const DatomSettled *at, DatomRowsFn take, void *arg)
{
	TupleDesc	desc = sort_desc(TupleDescAttr(RelationGetDescr(rel),
											   Anum_datom_v - 1)->atttypid);
	TupleTableSlot *in = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
	TupleTableSlot *out = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
	Tuplesortstate *sort = begin_sort(desc);
	Attrs		attrs = {0};

	fill_sort(sort, in, rel, at, &attrs);
	tuplesort_performsort(sort);
	drain_sort(sort, out, &attrs, take, arg);
	ExecDropSingleTupleTableSlot(in);
	ExecDropSingleTupleTableSlot(out);
	tuplesort_end(sort);
}

typedef struct FactsTaker
{
	DatomFactsFn take;
	void	   *arg;
} FactsTaker;

static void
fold_rows(void *arg, Datum a, const DatomAttr *attr, const Datom *rows, int n)
{
	FactsTaker *taker = arg;
	DatomFact  *facts = MemoryContextAllocHuge(CurrentMemoryContext,
											   sizeof(DatomFact) * n);

	taker->take(taker->arg, rows[0].e, a, facts,
				datom_fold(rows, n, datom_schema_many, attr, facts));
}

void
datom_db_facts(Relation rel, const DatomSettled *at, DatomFactsFn take, void *arg)
{
	FactsTaker	taker = {.take = take, .arg = arg};

	datom_db_rows(rel, at, fold_rows, &taker);
}
