/*
 * tail_own.c: the rows that the transaction in progress has appended.
 *
 * own.c knows where to look, in the backend that wrote them. A parallel worker
 * knows the entries of its leader, which are running and not others', and what
 * it is told. The same goes for entries that were inserted by hand for rows of
 * others.
 */
#include "tail_own.h"

#include "utils/snapmgr.h"

#include "basis.h"
#include "own.h"
#include "txlog.h"

int64		datom_tail_own_tx = 0;

int64
datom_tail_own(Oid relid)
{
	DatomOwn   *own = datom_own_find(relid);
	const int64 *txs;
	int			n;

	if (own == NULL)
		return datom_tail_own_tx;
	n = datom_own_txs(own, &txs);
	return n == 1 && txs[0] == datom_txlog_drawn_tx() ? txs[0] : -1;
}

static DatomTailReading
reading_of(Relation rel, const DatomTailQuery *query, DatomTailWhose whose,
		   DatomTailOut *out)
{
	return (DatomTailReading) {
		.rel = rel, .query = query, .whose = whose,
		.snapshot = query->self ? SnapshotSelf : query->snapshot,
		.take = datom_tail_take_copy, .arg = out
	};
}

/* Of running entries that own.c knows nothing of. */
static bool
unknown_rows(Relation rel, const DatomOwn *own, const DatomTailQuery *query,
			 const DatomTailEntries *running, DatomTailOut *out)
{
	DatomTailReading reading = reading_of(rel, query, WHOSE_ANYBODYS, out);
	DatomTailEntries entries = datom_tail_asked_for(running, query);
	int			count = 0;
	bool		more;

	for (int i = 0; i < entries.count; i++)
		if (own == NULL || !datom_own_has(own, entries.list[i].tx))
			entries.list[count++] = entries.list[i];
	entries.count = count;
	if (own == NULL && datom_tail_own_tx != 0 && query->at == DT_NOEND)
		datom_tail_add_entry(&entries, datom_tail_own_tx, DT_NOEND);
	more = datom_tail_read(&reading, &entries);
	datom_tail_free_entries(&entries);
	return more;
}

/*
 * The instant of rows that this transaction has appended, and whose of them are
 * wanted: if the entry has committed, those of others come with it. False: it is
 * not asked for.
 */
static bool
own_instant(Relation rel, const DatomTailQuery *query, int64 tx,
			TimestampTz *instant, DatomTailWhose *whose)
{
	EntryState	state = ENTRY_ABORTED;

	if (tx != datom_txlog_drawn_tx())
		state = datom_basis_own(RelationGetRelid(rel), tx, query->snapshot, instant);
	if (state == ENTRY_ABORTED)
		*instant = DT_NOEND;
	*whose = state == ENTRY_COMMITTED ? WHOSE_MINE : WHOSE_ANYBODYS;
	return *instant > query->above && *instant <= query->at;
}

static bool
all_rows(Relation rel, const DatomOwn *own, const DatomTailQuery *query,
		 DatomTailOut *out)
{
	DatomTailReading anybodys = reading_of(rel, query, WHOSE_ANYBODYS, out);
	DatomTailReading mine = reading_of(rel, query, WHOSE_MINE, out);
	DatomTailEntries entries = {0};
	DatomTailEntries committed = {0};
	DatomTailWhose whose;
	const int64 *txs;
	int			n = datom_own_txs(own, &txs);
	TimestampTz instant;
	bool		more;

	for (int i = 0; i < n; i++)
		if (own_instant(rel, query, txs[i], &instant, &whose))
			datom_tail_add_entry(whose == WHOSE_MINE ? &committed : &entries,
								 txs[i], instant);
	more = datom_tail_read(&anybodys, &entries) && datom_tail_read(&mine, &committed);
	datom_tail_free_entries(&entries);
	datom_tail_free_entries(&committed);
	return more;
}

static int
places_for(const DatomOwn *own, const DatomTailQuery *query, DatomOwnPlace **places)
{
	if (query->which == TAIL_ENTITY)
		return datom_own_entity(own, query->e, places);
	if (query->which == TAIL_VALUE && query->v)
		return datom_own_value(own, query->a, query->alen, query->v, places);
	if (query->which == TAIL_SCHEMA)
		return datom_own_schema(own, places);
	return -1;
}

static bool
read_places(Relation rel, const DatomOwnPlace *places, int n,
			const DatomTailQuery *query, DatomTailOut *out)
{
	DatomTailReading reading = reading_of(rel, query, WHOSE_ANYBODYS, out);
	DatomLogScan *scan = NULL;
	TimestampTz instant = DT_NOBEGIN;
	bool		asked = false;
	bool		more = true;

	for (int i = 0; more && i < n; i++)
	{
		if (i == 0 || places[i].tx != places[i - 1].tx)
			asked = own_instant(rel, query, places[i].tx, &instant, &reading.whose);
		if (!asked)
			continue;
		if (scan)
			datom_log_rescan_tx(scan, places[i].tx, places[i].e);
		else
			scan = datom_log_scan_tx(rel, reading.snapshot, places[i].tx, &places[i].e);
		more = datom_tail_read_scan(&reading, scan, instant);
	}
	if (scan)
		datom_log_end(scan);
	return more;
}

static bool
known_rows(Relation rel, const DatomOwn *own, const DatomTailQuery *query,
		   DatomTailOut *out)
{
	DatomOwnPlace *places;
	bool		more;
	int			n;

	n = OidIsValid(datom_log_table(rel)->te_index) ? places_for(own, query, &places) : -1;
	if (n < 0)
		return all_rows(rel, own, query, out);
	more = read_places(rel, places, n, query, out);
	pfree(places);
	return more;
}

bool
datom_tail_own_rows(Relation rel, const DatomTailQuery *query,
					const DatomTailEntries *running, DatomTailOut *out)
{
	const DatomOwn *own = datom_own_find(RelationGetRelid(rel));

	return unknown_rows(rel, own, query, running, out) &&
		(own == NULL || known_rows(rel, own, query, out));
}
