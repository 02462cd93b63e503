/*
 * rowsort.c: rows of the log, sorted by entity, attribute and time.
 *
 * Attributes that the schema knows are numbered in the order of their idents
 * beforehand, so groups of one entity come in that order; others are numbered
 * as they are met, and come after them.
 */
#include "rowsort.h"

#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "port/pg_bswap.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/tuplesort.h"

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

typedef struct Known
{
	Datum		a;				/* datom.attribute */
	const DatomAttr *attr;		/* NULL: not defined */
} Known;

struct DatomRowSort
{
	Tuplesortstate *sort;
	StringInfoData buffer;
	int64		rows;
	Known	   *attrs;			/* by number */
	int			count;
	int			room;
	int			defined;		/* those of the schema come first */
	int			last;			/* met */
};

static void
add_attr(DatomRowSort *sort, const char *a, int alen, const DatomAttr *attr)
{
	if (sort->count == sort->room)
	{
		sort->room = Max(16, sort->room * 2);
		sort->attrs = sort->attrs ?
			repalloc(sort->attrs, sizeof(Known) * sort->room) :
			palloc(sizeof(Known) * sort->room);
	}
	sort->attrs[sort->count++] = (Known) {
		.a = PointerGetDatum(cstring_to_text_with_len(a, alen)), .attr = attr
	};
}

static int
by_ident(const void *a, const void *b)
{
	const DatomAttr *x = *(const DatomAttr *const *) a;
	const DatomAttr *y = *(const DatomAttr *const *) b;
	int			order = memcmp(x->ident, y->ident, Min(x->len, y->len));

	return order != 0 ? order : x->len - y->len;
}

static void
add_schema(DatomRowSort *sort, const DatomSchema *schema)
{
	int			n = datom_schema_count(schema);
	const DatomAttr **attrs = palloc(sizeof(DatomAttr *) * n);

	for (int i = 0; i < n; i++)
		attrs[i] = datom_schema_nth(schema, i);
	qsort(attrs, n, sizeof(DatomAttr *), by_ident);
	for (int i = 0; i < n; i++)
		add_attr(sort, attrs[i]->ident, attrs[i]->len, attrs[i]);
	sort->defined = n;
	pfree(attrs);
}

static bool
is_attr(const DatomRowSort *sort, int k, const DatomRow *row)
{
	struct varlena *a = (struct varlena *) DatumGetPointer(sort->attrs[k].a);

	return VARSIZE(a) - VARHDRSZ == (Size) row->alen &&
		memcmp(VARDATA(a), row->a, row->alen) == 0;
}

static int
number_attribute(DatomRowSort *sort, const DatomRow *row)
{
	for (int i = 0; i < sort->count; i++)
	{
		/* The last one is the likeliest, then the one met after it. */
		int			k = (sort->last + i) % sort->count;

		if (is_attr(sort, k, row))
			return sort->last = k;
	}
	sort->last = sort->count;
	add_attr(sort, row->a, row->alen, NULL);
	return sort->last;
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

/* Begins to sort, in so many kilobytes of memory. */
DatomRowSort *
datom_rowsort_begin(const DatomSchema *schema, int kilobytes)
{
	DatomRowSort *sort = palloc0(sizeof(DatomRowSort));

	sort->sort = tuplesort_begin_datum(BYTEAOID, ByteaLessOperator, InvalidOid, false,
									   kilobytes, NULL, TUPLESORT_NONE);
	initStringInfo(&sort->buffer);
	add_schema(sort, schema);
	return sort;
}

/* False if the row's attribute is not defined. */
bool
datom_rowsort_put(DatomRowSort *sort, const DatomRow *row, TimestampTz instant)
{
	int			aid = number_attribute(sort, row);

	tuplesort_putdatum(sort->sort, pack_row(&sort->buffer, row, aid, instant), false);
	sort->rows++;
	return aid < sort->defined;
}

int64
datom_rowsort_count(const DatomRowSort *sort)
{
	return sort->rows;
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
group_take(RowGroup *group, const DatomRowSort *sort, DatomRowsFn take, void *arg)
{
	MemoryContext done = group->contexts[!group->turn];
	MemoryContext old = MemoryContextSwitchTo(done);
	int			aid = group->rows[0].aid;

	sort_group(group);
	take(arg, sort->attrs[aid].a, sort->attrs[aid].attr, group->rows, group->count);
	MemoryContextSwitchTo(old);
	MemoryContextReset(done);
	group->turn = !group->turn;
	group->count = 0;
}

/* Hands out the groups in their order. */
void
datom_rowsort_drain(DatomRowSort *sort, DatomRowsFn take, void *arg)
{
	RowGroup	group = {.room = 64};
	MemoryContext own = CurrentMemoryContext;
	Datum		packed;
	bool		isnull;

	tuplesort_performsort(sort->sort);
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
		more = tuplesort_getdatum(sort->sort, true, &packed, &isnull, NULL);
		MemoryContextSwitchTo(own);
		if (!more)
			break;
		row = unpack_row(packed);
		if (group.count > 0 && (row.e != group.rows[0].e || row.aid != group.rows[0].aid))
			group_take(&group, sort, take, arg);
		group_add(&group, row);
	}
	if (group.count > 0)
		group_take(&group, sort, take, arg);
	MemoryContextDelete(group.contexts[0]);
	MemoryContextDelete(group.contexts[1]);
}

void
datom_rowsort_end(DatomRowSort *sort)
{
	tuplesort_end(sort->sort);
	pfree(sort->buffer.data);
	pfree(sort);
}
