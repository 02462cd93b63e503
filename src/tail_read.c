/*
 * tail_read.c: rows of given transactions, by the index on (tx, e). Without it,
 * by whatever else serves, once for all of them.
 */
#include "tail_read.h"

#include "access/htup_details.h"
#include "access/sysattr.h"
#include "access/transam.h"
#include "access/xact.h"
#include "utils/snapmgr.h"

#include "ledger.h"
#include "settings.h"

void
datom_tail_add_entry(DatomTailEntries *entries, int64 tx, TimestampTz instant)
{
	if (entries->count == entries->room)
	{
		entries->room = Max(16, entries->room * 2);
		entries->list = entries->list ?
			repalloc_huge(entries->list, sizeof(DatomTailEntry) * entries->room) :
			palloc(sizeof(DatomTailEntry) * entries->room);
	}
	entries->list[entries->count++] = (DatomTailEntry) {
		.tx = tx, .instant = instant
	};
}

void
datom_tail_free_entries(DatomTailEntries *entries)
{
	if (entries->list)
		pfree(entries->list);
	memset(entries, 0, sizeof(DatomTailEntries));
}

DatomTailEntries
datom_tail_asked_for(const DatomTailEntries *entries, const DatomTailQuery *query)
{
	DatomTailEntries asked = {0};

	for (int i = 0; i < entries->count; i++)
		if (entries->list[i].instant > query->above && entries->list[i].instant <= query->at)
			datom_tail_add_entry(&asked, entries->list[i].tx, entries->list[i].instant);
	return asked;
}

static bool
about(const DatomTailQuery *query, const DatomRow *row)
{
	return row->alen == query->alen && memcmp(row->a, query->a, row->alen) == 0;
}

bool
datom_tail_matches(const DatomTailQuery *query, const DatomRow *row)
{
	switch (query->which)
	{
		case TAIL_ENTITY:
			return row->e == query->e && (query->a == NULL || about(query, row));
		case TAIL_VALUE:
			return about(query, row) &&
				(query->v == NULL || datom_value_equal(row->v, query->v));
		case TAIL_SCHEMA:
			return row->alen >= (int) strlen(DB_PREFIX) &&
				memcmp(row->a, DB_PREFIX, strlen(DB_PREFIX)) == 0;
		case TAIL_ALL:
			break;
	}
	return true;
}

/* A value that was detoasted is freed: there may be many. */
static void
free_value(DatomLogScan *scan, DatomRow *row)
{
	if ((Pointer) row->v !=
		DatumGetPointer(datom_log_slot(scan)->tts_values[Anum_datom_v - 1]))
		pfree(row->v);
}

static bool
is_mine(DatomLogScan *scan)
{
	bool		isnull;
	Datum		xmin;

	if (!TransactionIdIsValid(GetTopTransactionIdIfAny()))
		return false;
	xmin = slot_getsysattr(datom_log_slot(scan), MinTransactionIdAttributeNumber, &isnull);
	return TransactionIdIsCurrentTransactionId(DatumGetTransactionId(xmin));
}

/* Is the row seen, where the scan returns all that is there? */
static bool
is_seen(const DatomTailReading *reading, DatomLogScan *scan)
{
	HeapTuple	tuple = ((HeapTupleTableSlot *) datom_log_slot(scan))->tuple;
	EntryState	state = datom_entry_state(tuple, reading->snapshot);

	if (state == ENTRY_RUNNING)
		*reading->unseen = true;
	*reading->xmin = HeapTupleHeaderGetXmin(tuple->t_data);
	return state == ENTRY_COMMITTED;
}

static bool
wanted(const DatomTailReading *reading, DatomLogScan *scan, const DatomRow *row)
{
	if (reading->query && !datom_tail_matches(reading->query, row))
		return false;
	if (reading->whose != WHOSE_ANYBODYS &&
		is_mine(scan) != (reading->whose == WHOSE_MINE))
		return false;
	return reading->unseen == NULL || is_seen(reading, scan);
}

static Snapshot
scan_snapshot(const DatomTailReading *reading)
{
	return reading->unseen ? SnapshotAny : reading->snapshot;
}

bool
datom_tail_read_scan(const DatomTailReading *reading, DatomLogScan *scan,
					 TimestampTz instant)
{
	DatomRow	row;
	bool		more = true;

	while (more && datom_log_next(scan, &row))
	{
		row.instant = instant;
		if (wanted(reading, scan, &row))
			more = reading->take(reading->arg, &row);
		free_value(scan, &row);
	}
	return more;
}

static int
compare_entries(const void *a, const void *b)
{
	int64		x = ((const DatomTailEntry *) a)->tx;
	int64		y = ((const DatomTailEntry *) b)->tx;

	return x < y ? -1 : x > y;
}

static DatomLogScan *
scan_without_index(const DatomTailReading *reading)
{
	const DatomTailQuery *query = reading->query;
	Snapshot	snapshot = scan_snapshot(reading);
	DatomAttr  *attr;

	if (query && query->which == TAIL_ENTITY)
		return datom_log_scan_entity(reading->rel, snapshot, query->e, NULL);
	if (query && query->which == TAIL_VALUE)
	{
		attr = palloc0(sizeof(DatomAttr));
		attr->ident = query->a;
		attr->len = query->alen;
		return datom_log_scan_value(reading->rel, snapshot, attr, query->v);
	}
	if (query && query->which == TAIL_SCHEMA)
		return datom_log_scan_schema(reading->rel, snapshot);
	return datom_log_scan(reading->rel, snapshot);
}

static bool
read_without_index(const DatomTailReading *reading, const DatomTailEntries *entries)
{
	Size		size = sizeof(DatomTailEntry) * entries->count;
	DatomTailEntry *sorted = palloc(size);
	DatomLogScan *scan = scan_without_index(reading);
	DatomRow	row;
	bool		more = true;

	memcpy(sorted, entries->list, size);
	qsort(sorted, entries->count, sizeof(DatomTailEntry), compare_entries);
	while (more && datom_log_next(scan, &row))
	{
		DatomTailEntry key = {.tx = row.tx};
		DatomTailEntry *entry = bsearch(&key, sorted, entries->count,
										sizeof(DatomTailEntry), compare_entries);

		if (entry && wanted(reading, scan, &row))
		{
			row.instant = entry->instant;
			more = reading->take(reading->arg, &row);
		}
		free_value(scan, &row);
	}
	datom_log_end(scan);
	pfree(sorted);
	return more;
}

bool
datom_tail_read(const DatomTailReading *reading, const DatomTailEntries *entries)
{
	const DatomTailQuery *query = reading->query;
	const int64 *e = query && query->which == TAIL_ENTITY ? &query->e : NULL;
	DatomLogScan *scan = NULL;
	bool		more = true;

	if (entries->count == 0)
		return true;
	if (!OidIsValid(datom_log_table(reading->rel)->te_index))
		return read_without_index(reading, entries);
	for (int i = 0; more && i < entries->count; i++)
	{
		if (scan)
			datom_log_rescan_tx(scan, entries->list[i].tx, e ? *e : 0);
		else
			scan = datom_log_scan_tx(reading->rel, scan_snapshot(reading),
									 entries->list[i].tx, e);
		more = datom_tail_read_scan(reading, scan, entries->list[i].instant);
	}
	datom_log_end(scan);
	return more;
}

DatomRow *
datom_tail_out_row(DatomTailOut *out)
{
	if (out->count == out->room)
	{
		out->room = Max(8, out->room * 2);
		out->rows = out->rows ?
			repalloc_huge(out->rows, sizeof(DatomRow) * out->room) :
			palloc(sizeof(DatomRow) * out->room);
	}
	return &out->rows[out->count++];
}

bool
datom_tail_take_copy(void *arg, const DatomRow *row)
{
	DatomTailOut *out = arg;
	DatomRow   *copy;
	Size		size = VARSIZE_ANY(row->v);

	if (out->count >= TAIL_MOST_ROWS || out->copied > TAIL_MOST_BYTES)
		return false;
	out->copied += size;
	if (out->ident == NULL || out->ident_len != row->alen ||
		memcmp(out->ident, row->a, row->alen) != 0)
	{
		out->ident = pnstrdup(row->a, row->alen);
		out->ident_len = row->alen;
	}
	copy = datom_tail_out_row(out);
	*copy = *row;
	copy->a = out->ident;
	copy->v = palloc(size);
	memcpy(copy->v, row->v, size);
	return true;
}

