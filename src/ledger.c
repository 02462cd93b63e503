/*
 * ledger.c: the tables of the extension's own schema in which the order of
 * commits is written down, and the walks through them.
 *
 *	datom.tx		(db, instant, tx, low, role, application): an entry for each
 *					transaction and each datom table it wrote in
 *	datom.clock		(instant, low): ticks, entries that belong to no table
 *	datom.importing (db): the tables that are not live yet
 *
 * Walks are dirty: they return every tuple that is there, and the walker judges
 * by its xmin what a snapshot knows of it. A stored xid would not do, because
 * it would not survive dump and restore. Frozen means ended. One's own entry
 * counts as running: snapshots omit one's own xid.
 *
 * A table that is opened for insertion is locked RowExclusive, and so are its
 * indexes, until the end of the transaction.
 */
#include "ledger.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "storage/procarray.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

/*
 * Names are looked up at every walk. The cache is by the address of the name,
 * which is a constant of its caller.
 */
static struct
{
	const char *name;
	Oid			oid;
}			known[16];
static int	nknown = 0;

static void
forget_known(Datum arg, int cacheid, uint32 hash)
{
	nknown = 0;
}

Oid
datom_ledger_oid(const char *name)
{
	static bool registered = false;
	Oid			oid;

	for (int i = 0; i < nknown; i++)
		if (known[i].name == name)
			return known[i].oid;
	if (!registered)
		CacheRegisterSyscacheCallback(RELNAMENSP, forget_known, (Datum) 0);
	registered = true;
	oid = get_relname_relid(name, get_namespace_oid("datom", false));
	if (!OidIsValid(oid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("table \"datom.%s\" does not exist", name),
				 errhint("Is the extension \"datom\" installed in this database?")));
	if (nknown < (int) lengthof(known))
	{
		known[nknown].name = name;
		known[nknown++].oid = oid;
	}
	return oid;
}

/* Opens a table for inserting, its indexes locked until the transaction ends. */
Ledger
datom_ledger_open(const char *name)
{
	Ledger		ledger;
	List	   *indexes;
	ListCell   *lc;

	ledger.rel = table_open(datom_ledger_oid(name), RowExclusiveLock);
	indexes = RelationGetIndexList(ledger.rel);
	foreach(lc, indexes)
		LockRelationOid(lfirst_oid(lc), RowExclusiveLock);
	list_free(indexes);
	ledger.indexes = CatalogOpenIndexes(ledger.rel);
	return ledger;
}

void
datom_ledger_close(Ledger *ledger)
{
	CatalogCloseIndexes(ledger->indexes);
	table_close(ledger->rel, NoLock);
}

void
datom_ledger_insert(Ledger *ledger, Datum *values, bool *nulls)
{
	HeapTuple	tuple = heap_form_tuple(RelationGetDescr(ledger->rel), values, nulls);

	/*
	 * A server with assertions wants a snapshot wherever TOAST might be needed.
	 * Names of roles and applications are too short for it.
	 */
#ifdef USE_ASSERT_CHECKING
	PushActiveSnapshot(GetLatestSnapshot());
#endif
	CatalogTupleInsertWithInfo(ledger->rel, tuple, ledger->indexes);
#ifdef USE_ASSERT_CHECKING
	PopActiveSnapshot();
#endif
	heap_freetuple(tuple);
}

/* Opens the walk with keys on columns of the index. */
static void
begin_walk(Walk *walk, const char *table, const char *index, ScanKey keys, int nkeys,
		   ScanDirection direction)
{
	walk->rel = table_open(datom_ledger_oid(table), AccessShareLock);
	walk->index = index_open(datom_ledger_oid(index), AccessShareLock);
	walk->direction = direction;
	for (int i = 0; i < nkeys; i++)
		keys[i].sk_attno = walk->index->rd_index->indkey.values[i];
	walk->scan = systable_beginscan_ordered(walk->rel, walk->index, SnapshotAny,
											nkeys, keys);
}

void
datom_walk_begin(Walk *walk, const char *table, const char *index, Oid key_type,
		   Datum key, ScanDirection direction)
{
	ScanKeyData skey;

	if (OidIsValid(key_type))
		ScanKeyInit(&skey, 1, BTEqualStrategyNumber,
					key_type == OIDOID ? F_OIDEQ : F_INT8EQ, key);
	begin_walk(walk, table, index, &skey, OidIsValid(key_type), direction);
}

HeapTuple
datom_walk_next(Walk *walk)
{
	CHECK_FOR_INTERRUPTS();
	return systable_getnext_ordered(walk->scan, walk->direction);
}

void
datom_walk_end(Walk *walk)
{
	systable_endscan_ordered(walk->scan);
	index_close(walk->index, AccessShareLock);
	table_close(walk->rel, AccessShareLock);
}

void
datom_walk_entries(Walk *walk, Oid db, ScanDirection direction)
{
	datom_walk_begin(walk, "tx", "tx_db_instant_idx", OIDOID, ObjectIdGetDatum(db),
			   direction);
}

/* The entries of a table above an instant, the oldest first. */
void
datom_walk_entries_above(Walk *walk, Oid db, TimestampTz above)
{
	ScanKeyData keys[2];

	ScanKeyInit(&keys[0], 1, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(db));
	ScanKeyInit(&keys[1], 2, BTGreaterStrategyNumber, F_TIMESTAMPTZ_GT,
				TimestampTzGetDatum(above));
	begin_walk(walk, "tx", "tx_db_instant_idx", keys, 2, ForwardScanDirection);
}

void
datom_walk_ticks(Walk *walk)
{
	datom_walk_begin(walk, "clock", "clock_instant_idx", InvalidOid, 0,
			   BackwardScanDirection);
}

Datum
datom_walk_get(Walk *walk, HeapTuple tuple, int attnum)
{
	bool		isnull;
	Datum		value = heap_getattr(tuple, attnum, RelationGetDescr(walk->rel),
									 &isnull);

	return isnull ? (Datum) 0 : value;
}

/*
 * What a snapshot knows of an entry's transaction. Without a snapshot: what is
 * known now, where running counts for what matters, an instant given.
 */
EntryState
datom_entry_state(HeapTuple tuple, Snapshot snapshot)
{
	HeapTupleHeader header = tuple->t_data;
	TransactionId xmin = HeapTupleHeaderGetXmin(header);

	if (!TransactionIdIsNormal(xmin))
		return TransactionIdIsValid(xmin) ? ENTRY_COMMITTED : ENTRY_ABORTED;
	if (TransactionIdIsCurrentTransactionId(xmin))
		return ENTRY_RUNNING;
	if (snapshot ? XidInMVCCSnapshot(xmin, snapshot) :
		TransactionIdIsInProgress(xmin))
		return ENTRY_RUNNING;
	if (HeapTupleHeaderXminCommitted(header))
		return ENTRY_COMMITTED;
	if (HeapTupleHeaderXminInvalid(header))
		return ENTRY_ABORTED;
	return TransactionIdDidCommit(xmin) ? ENTRY_COMMITTED : ENTRY_ABORTED;
}

/*
 * Is the entry gone, for this transaction or for all whom the snapshot knows?
 * Without a snapshot: for all. A deletion that was rolled back leaves its mark
 * on the tuple.
 */
bool
datom_entry_deleted(HeapTuple tuple, Snapshot snapshot)
{
	HeapTupleHeader header = tuple->t_data;
	TransactionId xmax;

	if ((header->t_infomask & HEAP_XMAX_INVALID) ||
		HEAP_XMAX_IS_LOCKED_ONLY(header->t_infomask))
		return false;
	xmax = HeapTupleHeaderGetUpdateXid(header);
	if (TransactionIdIsCurrentTransactionId(xmax))
		return true;
	return !(snapshot && XidInMVCCSnapshot(xmax, snapshot)) && TransactionIdDidCommit(xmax);
}

/* The newest instant not of an aborted transaction; DT_NOBEGIN if none. */
static TimestampTz
newest(Walk *walk, int attnum)
{
	TimestampTz instant = DT_NOBEGIN;
	HeapTuple	tuple;

	while ((tuple = datom_walk_next(walk)) != NULL)
		if (datom_entry_state(tuple, NULL) != ENTRY_ABORTED)
		{
			instant = DatumGetTimestampTz(datom_walk_get(walk, tuple, attnum));
			break;
		}
	datom_walk_end(walk);
	return instant;
}

TimestampTz
datom_ledger_newest(Oid db)
{
	Walk		walk;

	datom_walk_entries(&walk, db, BackwardScanDirection);
	return newest(&walk, Anum_tx_instant);
}

TimestampTz
datom_ledger_newest_tick(void)
{
	Walk		walk;

	datom_walk_ticks(&walk);
	return newest(&walk, Anum_clock_instant);
}
