/*
 * pit_labels.c: reading labels.
 *
 * A query of ours reads them, as the caller, so that a label may come from
 * whatever the caller may select from. Its rows go from the executor straight to
 * the sort: the entity, the moment as an instant, the moment up to which it knows if
 * that is another, and the columns that are asked for, unless they are one of these
 * as it stands.
 *
 * Most of the time labels fit into work_mem. Then sorting them is cheap, and what
 * costs is to fetch each from another place in memory than the one before it. So
 * we sort them ourselves, and have the processor fetch a few in advance; more of
 * them are the server's to sort.
 *
 * Instants are whole microseconds, so strictly before one is at or before the one
 * before it.
 */
#include "pit_labels.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "tcop/dest.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/tuplesort.h"

#include "instant.h"
#include "settings.h"

/* Columns of the query and the sort that come before those asked for. */
enum
{
	LABEL_E,
	LABEL_AT,
	LABEL_KNOWN					/* only if it is not `at` */
};

typedef struct TxInstant
{
	int64		tx;
	TimestampTz instant;
} TxInstant;

/* A label in memory: its values, and nulls behind them. */
typedef struct SortedLabel
{
	int64		e;				/* the least number if it asks nothing */
	Datum	   *values;
} SortedLabel;

#define ST_SORT sort_labels
#define ST_ELEMENT_TYPE SortedLabel
#define ST_COMPARE(a, b) ((a)->e < (b)->e ? -1 : (a)->e > (b)->e)
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

/* Bits of entities that labels are sorted by at once; and at most by so many. */
#define RADIX_BITS 11
#define RADIX (1 << RADIX_BITS)
#define MOST_RADIX_BITS (4 * RADIX_BITS)

/* So many labels ahead are fetched from memory. */
#define FETCH_AHEAD 8

/* Labels in one piece of memory. */
#define LABELS_AT_ONCE 512

struct DatomPitLabels
{
	DestReceiver dest;			/* first, since the executor knows only this */
	const DatomPitQuery *query;
	bool		apart;			/* `known` is not `at` */
	int		   *places;			/* of the columns asked for */
	int			width;
	DatomPitColumn *columns;	/* in these places */
	TupleDesc	desc;
	MemoryContext context;		/* of labels in memory */
	char	   *piece;			/* for the next of them */
	Size		each;			/* bytes of one */
	SortedLabel *list;
	int64		room;
	int64		next;			/* to be handed out */
	Tuplesortstate *sort;		/* NULL: they are in memory */
	TupleTableSlot *given;		/* to it */
	TupleTableSlot *sorted;		/* by it */
	HTAB	   *txs;			/* of numbers met, their instants; NULL: none was */
	int64		count;
	TimestampTz most_known;
	bool		any;
	int64		least;
	int64		most;
};

/*
 * Columns and rights
 */

bool
datom_pit_column(Oid relid, const char *name, DatomPitColumn *column)
{
	HeapTuple	tuple = SearchSysCacheAttName(relid, name);
	Form_pg_attribute att;

	if (!HeapTupleIsValid(tuple))
		return false;
	att = (Form_pg_attribute) GETSTRUCT(tuple);
	*column = (DatomPitColumn) {
		.name = pstrdup(name), .number = att->attnum,
			.type = att->atttypid, .typmod = att->atttypmod
	};
	ReleaseSysCache(tuple);
	return column->number > 0;
}

static bool
is_readable(Oid relid, const DatomPitColumn *columns, int n)
{
	if (DATOM_BROKEN(BREAK_NO_CHECK) ||
		pg_class_aclcheck(relid, GetUserId(), ACL_SELECT) == ACLCHECK_OK)
		return true;
	if (n == 0)
		return pg_attribute_aclcheck_all(relid, GetUserId(), ACL_SELECT, ACLMASK_ANY) == ACLCHECK_OK;
	for (int i = 0; i < n; i++)
		if (columns[i].number != InvalidAttrNumber &&
			pg_attribute_aclcheck(relid, columns[i].number, GetUserId(), ACL_SELECT) != ACLCHECK_OK)
			return false;
	return true;
}

void
datom_pit_require(Oid relid, const DatomPitColumn *columns, int n)
{
	char		kind = get_rel_relkind(relid);

	if (kind == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", relid)));
	if (kind != RELKIND_RELATION && kind != RELKIND_PARTITIONED_TABLE && kind != RELKIND_VIEW &&
		kind != RELKIND_MATVIEW && kind != RELKIND_FOREIGN_TABLE)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not a table or view", get_rel_name(relid))));
	if (!is_readable(relid, columns, n))
		aclcheck_error(ACLCHECK_NO_PRIV, get_relkind_objtype(kind), get_rel_name(relid));
}

/*
 * Receiving
 */

static TimestampTz
instant_of_tx(DatomPitLabels *labels, int64 tx)
{
	DatomMoment moment = {.kind = MOMENT_TX, .tx = tx};
	TxInstant  *known;
	bool		found;

	if (labels->txs == NULL)
	{
		HASHCTL		ctl = {
			.keysize = sizeof(int64), .entrysize = sizeof(TxInstant),
			.hcxt = GetMemoryChunkContext(labels)
		};

		labels->txs = hash_create("datom transactions of labels", 256, &ctl,
								  HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	known = hash_search(labels->txs, &tx, HASH_FIND, NULL);
	if (known == NULL)
	{
		TimestampTz instant = datom_moment_instant(labels->query->db, moment);

		known = hash_search(labels->txs, &tx, HASH_ENTER, &found);
		known->instant = instant;
	}
	return known->instant;
}

static TimestampTz
instant_of(DatomPitLabels *labels, const DatomPitColumn *column, Datum value)
{
	return column->type == INT8OID ? instant_of_tx(labels, DatumGetInt64(value)) :
		DatumGetTimestampTz(value);
}

/* The last instant that counts. */
static TimestampTz
last_instant(const DatomPitLabels *labels, TimestampTz at)
{
	return labels->query->inclusive || TIMESTAMP_NOT_FINITE(at) ? at : at - 1;
}

/* Moments at which something was said must come to be final, so infinity is none. */
static TimestampTz
last_known(const DatomPitLabels *labels, TimestampTz at)
{
	DatomMoment moment = {.kind = MOMENT_INSTANT, .instant = at};

	return last_instant(labels, datom_moment_instant(labels->query->db, moment));
}

static void
note_label(DatomPitLabels *labels, int64 e, TimestampTz known)
{
	labels->most_known = Max(labels->most_known, known);
	labels->least = labels->any ? Min(labels->least, e) : e;
	labels->most = labels->any ? Max(labels->most, e) : e;
	labels->any = true;
}

static bool
is_null(const DatomPitLabels *labels, const bool *nulls)
{
	return nulls[LABEL_E] || nulls[LABEL_AT] || (labels->apart && nulls[LABEL_KNOWN]);
}

static bool *
nulls_of(const DatomPitLabels *labels, const Datum *values)
{
	return (bool *) (values + labels->width);
}

static void
put_into_sort(DatomPitLabels *labels, const Datum *values, const bool *nulls)
{
	TupleTableSlot *slot = labels->given;

	ExecClearTuple(slot);
	memcpy(slot->tts_values, values, sizeof(Datum) * labels->width);
	memcpy(slot->tts_isnull, nulls, sizeof(bool) * labels->width);
	tuplesort_puttupleslot(labels->sort, ExecStoreVirtualTuple(slot));
}

/* Has the server sort them: they are too many. */
static void
give_to_server(DatomPitLabels *labels)
{
	AttrNumber	column = LABEL_E + 1;
	Oid			less = Int8LessOperator;
	Oid			collation = InvalidOid;
	bool		nulls_first = true;
	MemoryContext old = MemoryContextSwitchTo(GetMemoryChunkContext(labels));

	labels->sort = tuplesort_begin_heap(labels->desc, 1, &column, &less, &collation,
										&nulls_first, work_mem, NULL, TUPLESORT_NONE);
	MemoryContextSwitchTo(old);
	for (int64 i = 0; i < labels->count; i++)
		put_into_sort(labels, labels->list[i].values, nulls_of(labels, labels->list[i].values));
	MemoryContextReset(labels->context);
	labels->list = NULL;
}

static void
copy_label(const DatomPitLabels *labels, Datum *to, const Datum *values, const bool *nulls)
{
	memcpy(to, values, sizeof(Datum) * labels->width);
	memcpy(nulls_of(labels, to), nulls, sizeof(bool) * labels->width);
	for (int i = 0; i < labels->width; i++)
	{
		Form_pg_attribute att = TupleDescAttr(labels->desc, i);

		if (!att->attbyval && !nulls[i])
			to[i] = datumCopy(values[i], false, att->attlen);
	}
}

static void
keep(DatomPitLabels *labels, int64 e, const Datum *values, const bool *nulls)
{
	MemoryContext old = MemoryContextSwitchTo(labels->context);
	Datum	   *kept;

	if (labels->count % LABELS_AT_ONCE == 0)
		labels->piece = palloc(labels->each * LABELS_AT_ONCE);
	kept = (Datum *) labels->piece;
	labels->piece += labels->each;
	copy_label(labels, kept, values, nulls);
	if (labels->count == labels->room)
		labels->list = repalloc_huge(labels->list, sizeof(SortedLabel) * (labels->room *= 2));
	labels->list[labels->count++] = (SortedLabel) {.e = e, .values = kept};
	MemoryContextSwitchTo(old);
	if (MemoryContextMemAllocated(labels->context, false) > (Size) work_mem * 1024)
		give_to_server(labels);
}

static void
put_label(DatomPitLabels *labels, int64 e, const Datum *values, const bool *nulls)
{
	if (labels->sort == NULL)
	{
		keep(labels, e, values, nulls);
		return;
	}
	put_into_sort(labels, values, nulls);
	labels->count++;
}

static bool
receive(TupleTableSlot *from, DestReceiver *self)
{
	DatomPitLabels *labels = (DatomPitLabels *) self;
	const DatomPitQuery *query = labels->query;
	Datum	   *values = from->tts_values;
	int64		e = PG_INT64_MIN;

	slot_getallattrs(from);
	if (!is_null(labels, from->tts_isnull))
	{
		TimestampTz at = instant_of(labels, &query->at, values[LABEL_AT]);
		TimestampTz known = at;

		values[LABEL_AT] = TimestampTzGetDatum(at);
		if (labels->apart)
		{
			known = instant_of(labels, &query->known, values[LABEL_KNOWN]);
			values[LABEL_KNOWN] = TimestampTzGetDatum(known);
		}
		e = DatumGetInt64(values[LABEL_E]);
		note_label(labels, e, last_known(labels, known));
	}
	put_label(labels, e, values, from->tts_isnull);
	return true;
}

void
datom_pit_refuse_changed(Oid relid, const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_IN_USE),
			 errmsg("column \"%s\" of \"%s\" was changed meanwhile", name,
					get_rel_name(relid))));
}

/* Columns were looked up before the relation was locked. */
static void
start_receiving(DestReceiver *self, int operation, TupleDesc desc)
{
	const DatomPitLabels *labels = (DatomPitLabels *) self;

	for (int i = 0; i < labels->width; i++)
		if (TupleDescAttr(desc, i)->atttypid != labels->columns[i].type && i != LABEL_E)
			datom_pit_refuse_changed(labels->query->relid, labels->columns[i].name);
}

static void
stop_receiving(DestReceiver *self)
{
}

/*
 * Reading
 */

static int
place_of(DatomPitLabels *labels, const DatomPitColumn *column)
{
	int			fixed = labels->apart ? LABEL_KNOWN + 1 : LABEL_AT + 1;

	/* Numbers of transactions become instants, and entities of any size bigints. */
	for (int i = 0; i < fixed; i++)
		if (labels->columns[i].number == column->number &&
			column->type == (i == LABEL_E ? INT8OID : TIMESTAMPTZOID))
			return i;
	labels->columns[labels->width] = *column;
	return labels->width++;
}

static void
place_columns(DatomPitLabels *labels)
{
	const DatomPitQuery *query = labels->query;

	labels->apart = query->known.number != InvalidAttrNumber;
	labels->columns = palloc(sizeof(DatomPitColumn) * (query->ncolumns + LABEL_KNOWN + 1));
	labels->columns[labels->width++] = query->e;
	labels->columns[labels->width++] = query->at;
	if (labels->apart)
		labels->columns[labels->width++] = query->known;
	labels->places = palloc(sizeof(int) * Max(query->ncolumns, 1));
	for (int i = 0; i < query->ncolumns; i++)
		labels->places[i] = place_of(labels, &query->columns[i]);
}

/* Of how far an entity is from the least. */
static inline int
bits_of(const DatomPitLabels *labels, int64 e, int shift)
{
	return ((uint64) e - (uint64) labels->least) >> shift & (RADIX - 1);
}

static void
sort_by_bits(const DatomPitLabels *labels, const SortedLabel *from, SortedLabel *to, int shift)
{
	int64		places[RADIX] = {0};
	int64		place = 0;

	for (int64 i = 0; i < labels->count; i++)
		places[bits_of(labels, from[i].e, shift)]++;
	for (int k = 0; k < RADIX; k++)
	{
		int64		n = places[k];

		places[k] = place;
		place += n;
	}
	for (int64 i = 0; i < labels->count; i++)
		to[places[bits_of(labels, from[i].e, shift)]++] = from[i];
}

/* Entities of a table are close to each other, so this is a few passes over all. */
static void
sort_in_memory(DatomPitLabels *labels)
{
	uint64		range = (uint64) labels->most - (uint64) labels->least;
	SortedLabel *other;

	if (labels->count < RADIX || range >> MOST_RADIX_BITS != 0)
	{
		sort_labels(labels->list, labels->count);
		return;
	}
	other = palloc_extended(sizeof(SortedLabel) * labels->count, MCXT_ALLOC_HUGE);
	for (int64 i = 0; i < labels->count; i++)
		labels->list[i].e = Max(labels->list[i].e, labels->least);
	for (int shift = 0; range >> shift != 0; shift += RADIX_BITS)
	{
		SortedLabel *sorted = other;

		sort_by_bits(labels, labels->list, sorted, shift);
		other = labels->list;
		labels->list = sorted;
	}
	pfree(other);
}

static TupleDesc
sort_desc(const DatomPitLabels *labels)
{
	TupleDesc	desc = CreateTemplateTupleDesc(labels->width);

	for (int i = 0; i < labels->width; i++)
	{
		bool		moment = i == LABEL_AT || (i == LABEL_KNOWN && labels->apart);

		TupleDescInitEntry(desc, i + 1, NULL, i == LABEL_E ? INT8OID : moment ? TIMESTAMPTZOID :
						   labels->columns[i].type, -1, 0);
	}
	return desc;
}

static char *
query_text(const DatomPitLabels *labels)
{
	Oid			relid = labels->query->relid;
	StringInfoData sql;

	initStringInfo(&sql);
	for (int i = 0; i < labels->width; i++)
		appendStringInfo(&sql, "%s l.%s%s", i == 0 ? "SELECT" : ",",
						 quote_identifier(labels->columns[i].name),
						 i == LABEL_E ? "::pg_catalog.int8" : "");
	appendStringInfo(&sql, " FROM %s l",
					 quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)),
												get_rel_name(relid)));
	return sql.data;
}

static void
run_query(DatomPitLabels *labels)
{
	SPIExecuteOptions options = {.read_only = true, .dest = &labels->dest};

	SPI_connect();
	SPI_execute_extended(query_text(labels), &options);
	SPI_finish();
}

DatomPitLabels *
datom_pit_labels_read(const DatomPitQuery *query)
{
	DatomPitLabels *labels = palloc0(sizeof(DatomPitLabels));
	labels->dest = (DestReceiver) {
		.receiveSlot = receive, .rStartup = start_receiving, .rShutdown = stop_receiving,
			.rDestroy = stop_receiving, .mydest = DestNone
	};
	labels->query = query;
	place_columns(labels);
	labels->desc = sort_desc(labels);
	labels->context = GenerationContextCreate(CurrentMemoryContext, "datom labels in memory",
											  ALLOCSET_DEFAULT_SIZES);
	labels->room = 1024;
	labels->list = MemoryContextAlloc(labels->context, sizeof(SortedLabel) * labels->room);
	labels->each = MAXALIGN((sizeof(Datum) + sizeof(bool)) * labels->width);
	labels->given = MakeSingleTupleTableSlot(labels->desc, &TTSOpsVirtual);
	labels->sorted = MakeSingleTupleTableSlot(labels->desc, &TTSOpsMinimalTuple);
	run_query(labels);
	if (labels->sort)
		tuplesort_performsort(labels->sort);
	else
		sort_in_memory(labels);
	return labels;
}

int
datom_pit_labels_place(const DatomPitLabels *labels, int i)
{
	return labels->places[i];
}

int64
datom_pit_labels_count(const DatomPitLabels *labels)
{
	return labels->count;
}

TimestampTz
datom_pit_labels_known(const DatomPitLabels *labels)
{
	return labels->most_known;
}

bool
datom_pit_labels_range(const DatomPitLabels *labels, int64 *least, int64 *most)
{
	*least = labels->least;
	*most = labels->most;
	return labels->any;
}

static bool
fetch(DatomPitLabels *labels, DatomPitLabel *label)
{
	CHECK_FOR_INTERRUPTS();
	if (labels->sort)
	{
		if (!tuplesort_gettupleslot(labels->sort, true, false, labels->sorted, NULL))
			return false;
		slot_getallattrs(labels->sorted);
		label->values = labels->sorted->tts_values;
		label->nulls = labels->sorted->tts_isnull;
		return true;
	}
	if (labels->next == labels->count)
		return false;
	__builtin_prefetch(labels->list[Min(labels->next + FETCH_AHEAD, labels->count - 1)].values);
	label->values = labels->list[labels->next++].values;
	label->nulls = nulls_of(labels, label->values);
	return true;
}

void
datom_pit_labels_keep(const DatomPitLabels *labels, DatomPitLabel *label)
{
	Datum	   *kept;

	if (labels->sort == NULL)
		return;
	kept = palloc(labels->each);
	copy_label(labels, kept, label->values, label->nulls);
	label->values = kept;
	label->nulls = nulls_of(labels, kept);
}

bool
datom_pit_labels_next(DatomPitLabels *labels, DatomPitLabel *label)
{
	if (!fetch(labels, label))
		return false;
	label->asks = !is_null(labels, label->nulls);
	if (!label->asks)
		return true;
	label->e = DatumGetInt64(label->values[LABEL_E]);
	label->at = DatumGetTimestampTz(label->values[LABEL_AT]);
	label->until = last_instant(labels, label->at);
	label->known = labels->apart ?
		last_instant(labels, DatumGetTimestampTz(label->values[LABEL_KNOWN])) : label->until;
	return true;
}

void
datom_pit_labels_end(DatomPitLabels *labels)
{
	ExecDropSingleTupleTableSlot(labels->given);
	ExecDropSingleTupleTableSlot(labels->sorted);
	if (labels->sort)
		tuplesort_end(labels->sort);
	MemoryContextDelete(labels->context);
	if (labels->txs)
		hash_destroy(labels->txs);
}
