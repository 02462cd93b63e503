/*
 * basis.c: what a snapshot knows of the order of commits.
 *
 * The rules by which entries are written, at the head of txlog.c, are what the
 * readings here lean on.
 */
#include "basis.h"

#include "access/transam.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "ledger.h"
#include "settings.h"
#include "txlog.h"

/* One that was deleted is none: it must not depend on VACUUM. */
EntryState
datom_basis_state(HeapTuple tuple, Snapshot snapshot)
{
	return datom_entry_deleted(tuple, snapshot) ? ENTRY_ABORTED :
		datom_entry_state(tuple, snapshot);
}

/* The newest tick that the snapshot sees, below `below`. */
static TimestampTz
visible_tick(Snapshot snapshot, TimestampTz below)
{
	TimestampTz tick = DT_NOBEGIN;
	HeapTuple	tuple;
	Walk		walk;

	datom_walk_ticks(&walk);
	while ((tuple = datom_walk_next(&walk)) != NULL)
	{
		TimestampTz instant = DatumGetTimestampTz(datom_walk_get(&walk, tuple, Anum_clock_instant));

		if (instant < below && datom_basis_state(tuple, snapshot) == ENTRY_COMMITTED)
		{
			tick = instant;
			break;
		}
	}
	datom_walk_end(&walk);
	return tick;
}

/*
 * The newest committed entry below the lowest running one, which *running is
 * set to; DT_NOBEGIN and DT_NOEND if there is none.
 */
static TimestampTz
committed_entry(Oid db, Snapshot snapshot, TimestampTz *running)
{
	TimestampTz committed = DT_NOBEGIN;
	TimestampTz stop = DT_NOBEGIN;
	bool		ended = false;
	HeapTuple	tuple;
	Walk		walk;

	*running = DT_NOEND;
	datom_walk_entries(&walk, db, BackwardScanDirection);
	while ((tuple = datom_walk_next(&walk)) != NULL)
	{
		TimestampTz instant = DatumGetTimestampTz(datom_walk_get(&walk, tuple, Anum_tx_instant));
		EntryState	state = datom_basis_state(tuple, snapshot);

		if (ended && instant < stop && committed != DT_NOBEGIN)
			break;
		if (state == ENTRY_RUNNING)
		{
			*running = instant;
			committed = DT_NOBEGIN;
			continue;
		}
		if (state == ENTRY_COMMITTED && committed == DT_NOBEGIN)
			committed = instant;
		/* One of an import may be gone without those before it: see txlog.c. */
		if (!ended && state == ENTRY_COMMITTED)
		{
			stop = DatumGetTimestampTz(datom_walk_get(&walk, tuple, Anum_tx_low));
			ended = true;
		}
	}
	datom_walk_end(&walk);
	return committed;
}

/*
 * The newest instant up to which the snapshot knows all that is or ever will
 * be in the table: DT_NOBEGIN if there is none. See the head of the file.
 */
TimestampTz
datom_basis_of(Oid db, Snapshot snapshot)
{
	TimestampTz running;
	TimestampTz committed = committed_entry(db, snapshot, &running);

#ifdef DATOM_TEST
	if (datom_test_break == BREAK_BELOW_RUNNING && running != DT_NOEND)
		return running - 1;
#endif
	if (datom_txlog_importing(db, snapshot))
		return committed;
	return Max(committed, visible_tick(snapshot, running));
}

/*
 * The same without ticks: at or below the basis, with nothing in between. What
 * a reader of rows needs, who has them all then.
 */
TimestampTz
datom_basis_entry(Oid db, Snapshot snapshot)
{
	TimestampTz running;

	return committed_entry(db, snapshot, &running);
}

static char *
walk_text(Walk *walk, HeapTuple tuple, int attnum)
{
	Datum		value = datom_walk_get(walk, tuple, attnum);

	return value ? TextDatumGetCString(value) : NULL;
}

/* As the policy on datom.tx: who may use the table may know of its entries. */
static bool
may_know(Oid db)
{
	bool		gone = false;

	return pg_class_aclcheck_ext(db, GetUserId(), ACL_SELECT | ACL_INSERT,
								 &gone) == ACLCHECK_OK && !gone;
}

/*
 * What is known here of a transaction that has not failed, in one table, which
 * the caller has a right to, or (InvalidOid) in any that the user may use.
 * False: nothing.
 */
bool
datom_basis_find(int64 tx, Oid db, DatomEntry *entry)
{
	bool		found = false;
	HeapTuple	tuple;
	Walk		walk;

	datom_walk_begin(&walk, "tx", "tx_tx_idx", INT8OID, Int64GetDatum(tx),
			   ForwardScanDirection);
	while (!found && (tuple = datom_walk_next(&walk)) != NULL)
	{
		EntryState	state = datom_basis_state(tuple, NULL);

		entry->db = DatumGetObjectId(datom_walk_get(&walk, tuple, Anum_tx_db));
		if ((OidIsValid(db) ? entry->db != db : !may_know(entry->db)) ||
			state == ENTRY_ABORTED)
			continue;
		found = true;
		entry->running = state == ENTRY_RUNNING;
		entry->tx = tx;
		entry->instant = DatumGetTimestampTz(datom_walk_get(&walk, tuple, Anum_tx_instant));
		entry->role = walk_text(&walk, tuple, Anum_tx_role);
		entry->application = walk_text(&walk, tuple, Anum_tx_application);
	}
	datom_walk_end(&walk);
	return found;
}

/*
 * The entry of a transaction that this database transaction writes or has been
 * given the rows of: committed in the snapshot, or running, which means one's
 * own here, with its instant; aborted: it has none.
 */
EntryState
datom_basis_own(Oid db, int64 tx, Snapshot snapshot, TimestampTz *instant)
{
	EntryState	state = ENTRY_ABORTED;
	HeapTuple	tuple;
	Walk		walk;

	datom_walk_begin(&walk, "tx", "tx_tx_idx", INT8OID, Int64GetDatum(tx),
			   ForwardScanDirection);
	while (state == ENTRY_ABORTED && (tuple = datom_walk_next(&walk)) != NULL)
	{
		if (DatumGetObjectId(datom_walk_get(&walk, tuple, Anum_tx_db)) != db)
			continue;
		state = datom_basis_state(tuple, snapshot);
		if (state == ENTRY_RUNNING &&
			!TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(tuple->t_data)))
			state = ENTRY_ABORTED;
		*instant = DatumGetTimestampTz(datom_walk_get(&walk, tuple, Anum_tx_instant));
	}
	datom_walk_end(&walk);
	return state;
}

/*
 * Hands out the committed entries of a table above an instant (DT_NOBEGIN: all)
 * in the order of their instants.
 */
void
datom_basis_each(Oid db, Snapshot snapshot, TimestampTz above,
				 void (*take) (void *arg, const DatomEntry *entry), void *arg)
{
	HeapTuple	tuple;
	Walk		walk;

	datom_walk_entries_above(&walk, db, above);
	while ((tuple = datom_walk_next(&walk)) != NULL)
	{
		DatomEntry	entry = {.db = db};

		if (datom_basis_state(tuple, snapshot) != ENTRY_COMMITTED)
			continue;
		entry.tx = DatumGetInt64(datom_walk_get(&walk, tuple, Anum_tx_tx));
		entry.instant = DatumGetTimestampTz(datom_walk_get(&walk, tuple, Anum_tx_instant));
		take(arg, &entry);
	}
	datom_walk_end(&walk);
}

/*
 * A snapshot that sees all that has committed by now. In parallel mode no other
 * than the one for catalogs can be had, and it is as good.
 */
Snapshot
datom_basis_snapshot(void)
{
	if (!IsInParallelMode())
		return GetLatestSnapshot();
	InvalidateCatalogSnapshot();
	return GetCatalogSnapshot(InvalidOid);
}

/*
 * The map: instants in pages of 1,024 transactions, because the numbers that
 * a table uses lie close together.
 */
#define PAGE_BITS 10
#define PAGE_SLOTS (1 << PAGE_BITS)
#define NOT_LOOKED_UP DT_NOBEGIN

typedef struct MapPage
{
	int64		number;
	TimestampTz *instants;
	char		status;
} MapPage;

#define SH_PREFIX mappages
#define SH_ELEMENT_TYPE MapPage
#define SH_KEY_TYPE int64
#define SH_KEY number
#define SH_HASH_KEY(tb, key) ((uint32) ((uint64) (key) * UINT64CONST(0x9E3779B97F4A7C15) >> 32))
#define SH_EQUAL(tb, a, b) ((a) == (b))
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

struct DatomTxMap
{
	Oid			db;
	Snapshot	snapshot;
	bool		loaded;
	int64		last_number;
	TimestampTz *last_page;
	mappages_hash *pages;
};

DatomTxMap *
datom_txmap_create(Oid db, Snapshot snapshot)
{
	DatomTxMap *map = palloc0(sizeof(DatomTxMap));

	map->db = db;
	map->snapshot = snapshot;
	map->last_number = -1;
	map->pages = mappages_create(CurrentMemoryContext, 16, NULL);
	return map;
}

static TimestampTz *
map_slot(DatomTxMap *map, int64 tx)
{
	int64		number = tx >> PAGE_BITS;

	if (number != map->last_number)
	{
		bool		found;
		MapPage    *page = mappages_insert(map->pages, number, &found);

		if (!found)
		{
			page->instants = MemoryContextAlloc(map->pages->ctx,
												sizeof(TimestampTz) * PAGE_SLOTS);
			for (int i = 0; i < PAGE_SLOTS; i++)
				page->instants[i] = NOT_LOOKED_UP;
		}
		map->last_number = number;
		map->last_page = page->instants;
	}
	return &map->last_page[tx & (PAGE_SLOTS - 1)];
}

/*
 * May the map use this entry? One's own, of an import, has its instant before
 * it commits.
 */
static bool
entry_counts(const DatomTxMap *map, HeapTuple tuple)
{
	EntryState	state = datom_basis_state(tuple, map->snapshot);

	return state == ENTRY_COMMITTED ||
		(state == ENTRY_RUNNING &&
		 TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(tuple->t_data)));
}

/* Reads all entries at once, for a reader of the whole table. */
void
datom_txmap_load(DatomTxMap *map)
{
	HeapTuple	tuple;
	Walk		walk;

	datom_walk_entries(&walk, map->db, ForwardScanDirection);
	while ((tuple = datom_walk_next(&walk)) != NULL)
		if (entry_counts(map, tuple))
			*map_slot(map, DatumGetInt64(datom_walk_get(&walk, tuple, Anum_tx_tx))) =
				DatumGetTimestampTz(datom_walk_get(&walk, tuple, Anum_tx_instant));
	datom_walk_end(&walk);
	map->loaded = true;
}

static TimestampTz
look_up_instant(DatomTxMap *map, int64 tx)
{
	TimestampTz instant = DT_NOEND;
	HeapTuple	tuple;
	Walk		walk;

	datom_walk_begin(&walk, "tx", "tx_tx_idx", INT8OID, Int64GetDatum(tx),
			   ForwardScanDirection);
	while ((tuple = datom_walk_next(&walk)) != NULL)
		if (DatumGetObjectId(datom_walk_get(&walk, tuple, Anum_tx_db)) == map->db &&
			entry_counts(map, tuple))
		{
			instant = DatumGetTimestampTz(datom_walk_get(&walk, tuple, Anum_tx_instant));
			break;
		}
	datom_walk_end(&walk);
	return instant;
}

/*
 * The instant of a transaction, DT_NOEND if it has none that the snapshot
 * sees. The snapshot may be NULL: then what has committed by now counts.
 */
TimestampTz
datom_txmap_instant(DatomTxMap *map, int64 tx)
{
	TimestampTz *slot = map_slot(map, tx);

	if (*slot == NOT_LOOKED_UP)
		*slot = map->loaded ? DT_NOEND : look_up_instant(map, tx);
	return *slot;
}
