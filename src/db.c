/*
 * db.c: a whole datom table at a moment.
 *
 * The plain way: read the log, leave out what was said after the moment, sort
 * by entity, attribute and instant, and fold. It costs a scan and a sort of
 * the whole past, in work_mem and then on disk.
 */
#include "db.h"

#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "port/pg_bswap.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/tuplesort.h"

#include "log.h"
#include "basis.h"
#include "txlog.h"

/*
 * What is sorted: a row as bytes that sort as it does, so that the server's sort
 * of bytea does it. Its abbreviated key is the entity.
 *
 *	0	varlena header
 *	4	e			8 bytes, most significant first, sign flipped
 *	12	aid			4 bytes
 *	16	instant		as e
 *	24	tx			as e
 *	32	added		1 byte
 *	36	v			a varlena; its bytes do not sort, see sort_group()
 */
#define ROW_E 4
#define ROW_AID 12
#define ROW_INSTANT 16
#define ROW_TX 24
#define ROW_ADDED 32
#define ROW_V 36

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

static void
put_number(char *bytes, int64 number)
{
	uint64		flipped = pg_hton64((uint64) number ^ PG_INT64_MIN);

	memcpy(bytes, &flipped, sizeof(flipped));
}

static int64
get_number(const char *bytes)
{
	uint64		flipped;

	memcpy(&flipped, bytes, sizeof(flipped));
	return (int64) (pg_ntoh64(flipped) ^ (uint64) PG_INT64_MIN);
}

/* Writes a row into *buffer, which grows as it must. */
static Datum
pack_row(StringInfo buffer, const DatomRow *row, int aid, TimestampTz instant)
{
	Size		size = ROW_V + VARSIZE_ANY(row->v);
	uint32		number = pg_hton32((uint32) aid);
	char	   *bytes;

	resetStringInfo(buffer);
	enlargeStringInfo(buffer, size);
	bytes = buffer->data;
	SET_VARSIZE(bytes, size);
	put_number(bytes + ROW_E, row->e);
	memcpy(bytes + ROW_AID, &number, sizeof(number));
	put_number(bytes + ROW_INSTANT, instant);
	put_number(bytes + ROW_TX, row->tx);
	memset(bytes + ROW_ADDED, 0, ROW_V - ROW_ADDED);
	bytes[ROW_ADDED] = row->added;
	memcpy(bytes + ROW_V, row->v, VARSIZE_ANY(row->v));
	return PointerGetDatum(bytes);
}

static Datom
unpack_row(Datum packed)
{
	char	   *bytes = DatumGetPointer(packed);
	uint32		aid;

	memcpy(&aid, bytes + ROW_AID, sizeof(aid));
	return (Datom) {
		.e = get_number(bytes + ROW_E), .aid = (int) pg_ntoh32(aid),
		.instant = get_number(bytes + ROW_INSTANT), .tx = get_number(bytes + ROW_TX),
		.added = bytes[ROW_ADDED], .v = (DatomValue *) (bytes + ROW_V)
	};
}

static Tuplesortstate *
begin_sort(void)
{
	return tuplesort_begin_datum(BYTEAOID, ByteaLessOperator, InvalidOid, false,
								 work_mem, NULL, TUPLESORT_NONE);
}

static void
fill_sort(Tuplesortstate *sort, Relation rel, const DatomSettled *at, Attrs *attrs)
{
	DatomTxMap *map = datom_txmap_create(RelationGetRelid(rel), at->snapshot);
	const DatomSchema *schema = datom_log_schema(rel);
	DatomLogScan *scan = datom_log_scan(rel, at->snapshot);
	MemoryContext own = CurrentMemoryContext;
	MemoryContext each = AllocSetContextCreate(own, "datom row",
											   ALLOCSET_DEFAULT_SIZES);
	StringInfoData buffer;
	DatomRow	row;

	initStringInfo(&buffer);
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
		tuplesort_putdatum(sort, pack_row(&buffer, &row,
										  number_attribute(attrs, &row, schema),
										  instant), false);
	}
	pfree(buffer.data);
	MemoryContextDelete(each);
	datom_log_end(scan);
}

/*
 * The rows of one entity and attribute, while they come out of the sort, each as
 * a copy. The row that shows that a group is complete belongs to the next one,
 * so two contexts take turns: when a group is handed out, that of the rows
 * before the last change of turns is reset.
 */
typedef struct RowGroup
{
	MemoryContext contexts[2];
	int			turn;			/* which of them takes rows in */
	Datom	   *rows;
	int			count;
	int			room;
} RowGroup;

static void
group_add(RowGroup *group, Datom row)
{
	if (group->count == group->room)
		group->rows = repalloc_huge(group->rows, sizeof(Datom) * (group->room *= 2));
	group->rows[group->count++] = row;
}

/* Rows that only their values tell apart come in any order. */
static void
sort_group(RowGroup *group)
{
	for (int i = 1; i < group->count; i++)
		if (group->rows[i].tx == group->rows[i - 1].tx &&
			group->rows[i].added == group->rows[i - 1].added)
		{
			qsort(group->rows, group->count, sizeof(Datom), datom_compare);
			return;
		}
}

/* Hands the group out, in a context that is reset afterwards. */
static void
group_take(RowGroup *group, const Attrs *attrs, DatomRowsFn take, void *arg)
{
	MemoryContext done = group->contexts[!group->turn];
	MemoryContext old = MemoryContextSwitchTo(done);
	int			aid = group->rows[0].aid;

	sort_group(group);
	take(arg, attrs->list[aid].a, attrs->list[aid].attr, group->rows, group->count);
	MemoryContextSwitchTo(old);
	MemoryContextReset(done);
	group->turn = !group->turn;
	group->count = 0;
}

static void
drain_sort(Tuplesortstate *sort, const Attrs *attrs, DatomRowsFn take, void *arg)
{
	RowGroup	group = {.room = 64};
	MemoryContext own = CurrentMemoryContext;
	Datum		packed;
	bool		isnull;

	for (int i = 0; i < 2; i++)
		group.contexts[i] = AllocSetContextCreate(own, "datom group",
												  ALLOCSET_DEFAULT_SIZES);
	group.rows = palloc(sizeof(Datom) * group.room);
	for (;;)
	{
		Datom		row;
		bool		more;

		CHECK_FOR_INTERRUPTS();
		MemoryContextSwitchTo(group.contexts[group.turn]);
		more = tuplesort_getdatum(sort, true, &packed, &isnull, NULL);
		MemoryContextSwitchTo(own);
		if (!more)
			break;
		row = unpack_row(packed);
		if (group.count > 0 && (row.e != group.rows[0].e || row.aid != group.rows[0].aid))
			group_take(&group, attrs, take, arg);
		group_add(&group, row);
	}
	if (group.count > 0)
		group_take(&group, attrs, take, arg);
	MemoryContextDelete(group.contexts[0]);
	MemoryContextDelete(group.contexts[1]);
}

void
datom_db_rows(Relation rel, const DatomSettled *at, DatomRowsFn take, void *arg)
{
	Tuplesortstate *sort = begin_sort();
	Attrs		attrs = {0};

	fill_sort(sort, rel, at, &attrs);
	tuplesort_performsort(sort);
	drain_sort(sort, &attrs, take, arg);
	tuplesort_end(sort);
}

typedef struct FactsTaker
{
	DatomFactsFn take;
	void	   *arg;
	MemoryContext context;
	DatomFact  *facts;			/* room for the largest group so far */
	int			room;
} FactsTaker;

static void
fold_rows(void *arg, Datum a, const DatomAttr *attr, const Datom *rows, int n)
{
	FactsTaker *taker = arg;

	if (n > taker->room)
	{
		if (taker->facts)
			pfree(taker->facts);
		taker->room = n * 2;
		taker->facts = MemoryContextAllocHuge(taker->context,
											  sizeof(DatomFact) * taker->room);
	}
	taker->take(taker->arg, rows[0].e, a, taker->facts,
				datom_fold(rows, n, datom_schema_many, attr, taker->facts));
}

void
datom_db_facts(Relation rel, const DatomSettled *at, DatomFactsFn take, void *arg)
{
	FactsTaker	taker = {.take = take, .arg = arg, .context = CurrentMemoryContext};

	datom_db_rows(rel, at, fold_rows, &taker);
}
