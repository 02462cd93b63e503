/*
 * txlog.c: the order of commits.
 *
 * Gives transactions their instants, and writes entries and ticks (ledger.c has
 * the tables). basis.c reads them.
 *
 * An entry is inserted at XACT_EVENT_PRE_COMMIT, when all that the transaction
 * says is written. Under TxlogShared.lock the transaction takes its instant,
 * above every instant given before, shows it in its slot of `inflight`, notes
 * the lowest instant then in flight as `low`, and inserts. So the physical
 * order of entries is the order of their instants, and what bounds the
 * knowledge of a reader can be read off the entries themselves, here, after a
 * crash, or on a standby:
 *
 *	E has committed in a snapshot  =>  all entries below E.low have ended in it,
 *
 * because they had left `inflight`, which happens after they left the
 * ProcArray, before E was inserted; and their commit or abort records precede
 * E's entry in the WAL. A tick promises that every entry inserted later lies
 * above its instant.
 *
 * The basis of a table in a snapshot is the newest committed entry or tick
 * below the lowest entry that is still running in the snapshot. Nothing that
 * commits later can be at or below it. An instant just below the running entry
 * would not do: after a crash and with a clock set back, a new commit could
 * come to lie there. For the same reason nothing in shared memory is a
 * promise: every moment that was ever answered lies at or below something
 * durable.
 *
 * Who locks what. datom.tx and its indexes are locked RowExclusive before the
 * LWLock is taken, and until the end of the transaction. Nothing under the
 * LWLock waits for a transaction or flushes WAL. An importing table has one
 * writer at a time, who holds its importer lock until the end of the
 * transaction; its entries are inserted as they are asked for, without the
 * LWLock, and their `low` is their own instant: those below are of the same
 * transaction, or of importers before it. Slots of `inflight` are set under the LWLock and cleared without.
 *
 * TxlogShared.last is above all entries that went through the lock since the
 * server started. Those from before, imported ones, and those that a restore
 * inserts by hand are looked up in the table: once for each backend, and again
 * when TxlogShared.generation says that more have come.
 */
#include "txlog.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "commands/sequence.h"
#include "commands/trigger.h"
#include "common/pg_prng.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/backendid.h"
#include "storage/ipc.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "storage/shmem.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "ledger.h"
#include "locks.h"
#include "settings.h"

/* A tick is due when the last one is this old. */
#define TICK_INTERVAL USECS_PER_SEC
/* Ticks older than this are removed; a reader falls back to entries. */
#define TICK_KEEP (60 * USECS_PER_SEC)

/* When a tick was last added in a database, by the machine's clock. */
typedef struct TickTime
{
	pg_atomic_uint32 database;	/* 0: free */
	pg_atomic_uint64 at;
} TickTime;

#define TICK_TIMES 64

typedef struct TxlogShared
{
	LWLock		lock;
	TimestampTz last;			/* newest instant given since the start */
	pg_atomic_uint64 generation;	/* of entries that did not go through the lock */
	pg_atomic_uint64 given;		/* of entries that were inserted by hand */
	TickTime	ticks[TICK_TIMES];
	pg_atomic_uint64 inflight[FLEXIBLE_ARRAY_MEMBER];	/* by backend; 0: none */
} TxlogShared;

/* A table written by this transaction; `nest`: in which subtransaction. */
typedef struct Written
{
	Oid			db;
	int			nest;
	struct Written *next;
} Written;

/* A transaction given by datom.import_tx(); the newest first. */
typedef struct Import
{
	Oid			db;
	int			nest;
	int64		tx;
	struct Import *next;
} Import;

static TxlogShared *shared = NULL;
static shmem_request_hook_type prev_shmem_request = NULL;
static shmem_startup_hook_type prev_shmem_startup = NULL;

/* The transaction in progress; all reset at its end. */
static int64 current_tx = 0;
static Written *written = NULL;
static Import *imports = NULL;
static bool entries_added = false;
static bool in_flight = false;

#ifdef DATOM_TEST
static TimestampTz first_write = 0;
#endif

static Size
shared_size(void)
{
	return offsetof(TxlogShared, inflight) +
		sizeof(pg_atomic_uint64) * (MaxBackends + 1);
}

static void
shmem_request(void)
{
	if (prev_shmem_request)
		prev_shmem_request();
	RequestAddinShmemSpace(shared_size());
}

static void
shmem_startup(void)
{
	bool		found;

	if (prev_shmem_startup)
		prev_shmem_startup();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	shared = ShmemInitStruct("datom order of commits", shared_size(), &found);
	if (!found)
	{
		LWLockInitialize(&shared->lock, LWLockNewTrancheId());
		shared->last = 0;
		pg_atomic_init_u64(&shared->generation, 1);
		pg_atomic_init_u64(&shared->given, 1);
		for (int i = 0; i < TICK_TIMES; i++)
		{
			pg_atomic_init_u32(&shared->ticks[i].database, 0);
			pg_atomic_init_u64(&shared->ticks[i].at, 0);
		}
		for (int i = 0; i <= MaxBackends; i++)
			pg_atomic_init_u64(&shared->inflight[i], 0);
	}
	LWLockRelease(AddinShmemInitLock);
	LWLockRegisterTranche(shared->lock.tranche, "DatomOrder");
}

void
datom_txlog_require_shmem(void)
{
	if (shared == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("datom tables cannot be written on this server"),
				 errdetail("The order of commits is kept in shared memory."),
				 errhint("Add \"datom\" to shared_preload_libraries and restart the server.")));
}

TimestampTz
datom_txlog_clock(void)
{
#ifdef DATOM_TEST
	return GetCurrentTimestamp() + datom_test_clock_offset * INT64CONST(1000);
#else
	return GetCurrentTimestamp();
#endif
}

/* The newest instant given since the server started; 0 if none. */
TimestampTz
datom_txlog_last(void)
{
	TimestampTz last;

	if (shared == NULL)
		return 0;
	LWLockAcquire(&shared->lock, LW_SHARED);
	last = shared->last;
	LWLockRelease(&shared->lock);
	return last;
}

/*
 * Giving instants
 */

/*
 * Up to which generation this backend has looked at the entries of a table, or
 * at the ticks (InvalidOid).
 */
typedef struct Seen
{
	Oid			db;				/* hash key */
	uint64		generation;
} Seen;

static HTAB *seen = NULL;

/*
 * Raises `last` to what the entries of a table, or the ticks, say, unless this
 * backend has done so and nothing has come since that is not in it. It counts
 * as done only then: an error on the way, or later in the commit, must not
 * leave `last` below an entry that was seen.
 */
static void
look_at(Oid db)
{
	uint64		generation = pg_atomic_read_u64(&shared->generation);
	Seen	   *entry = hash_search(seen, &db, HASH_FIND, NULL);
	TimestampTz newest;

	if (entry && entry->generation == generation)
		return;
	newest = OidIsValid(db) ? datom_ledger_newest(db) : datom_ledger_newest_tick();
	LWLockAcquire(&shared->lock, LW_EXCLUSIVE);
	shared->last = Max(shared->last, newest);
	LWLockRelease(&shared->lock);
	entry = hash_search(seen, &db, HASH_ENTER, NULL);
	entry->generation = generation;
}

/*
 * Takes the lock and an instant above `last`, the clock's now or later, and
 * returns with the lock held, the instant in flight, and the lowest instant in
 * flight in *low.
 */
static TimestampTz
take_instant(TimestampTz *low)
{
	TimestampTz instant;

#ifdef DATOM_TEST
	if (datom_test_break != BREAK_NO_LOCK)
#endif
		LWLockAcquire(&shared->lock, LW_EXCLUSIVE);
	instant = Max(datom_txlog_clock(), shared->last + 1);
#ifdef DATOM_TEST
	if (datom_test_break == BREAK_WRITE_TIME && first_write != 0)
		instant = first_write;
#endif
	shared->last = Max(shared->last, instant);
	pg_atomic_write_u64(&shared->inflight[MyBackendId], (uint64) instant);
	in_flight = true;
	*low = instant;
	for (int i = 0; i <= MaxBackends; i++)
	{
		TimestampTz other = (TimestampTz) pg_atomic_read_u64(&shared->inflight[i]);

		if (other != 0 && other < *low)
			*low = other;
	}
	return instant;
}

static void
land(void)
{
	if (in_flight)
		pg_atomic_write_u64(&shared->inflight[MyBackendId], 0);
	in_flight = false;
}

/*
 * The place of this database; the one that has not ticked for longest gives
 * way if there is none. Two backends may take two places for one database,
 * which costs a tick too many.
 */
static TickTime *
tick_time(void)
{
	TickTime   *oldest = &shared->ticks[0];

	for (int i = 0; i < TICK_TIMES; i++)
	{
		TickTime   *time = &shared->ticks[i];

		if (pg_atomic_read_u32(&time->database) == MyDatabaseId)
			return time;
		if (pg_atomic_read_u64(&time->at) < pg_atomic_read_u64(&oldest->at))
			oldest = time;
	}
	pg_atomic_write_u32(&oldest->database, MyDatabaseId);
	pg_atomic_write_u64(&oldest->at, 0);
	return oldest;
}

static void
insert_tick(Ledger *clock, TimestampTz instant, TimestampTz low)
{
	Datum		values[Natts_clock];
	bool		nulls[Natts_clock] = {0};

	values[Anum_clock_instant - 1] = TimestampTzGetDatum(instant);
	values[Anum_clock_low - 1] = TimestampTzGetDatum(low);
	datom_ledger_insert(clock, values, nulls);
	pg_atomic_write_u64(&tick_time()->at, (uint64) GetCurrentTimestamp());
}

/* When a database last ticked, by the machine's clock; 0 if not known. */
TimestampTz
datom_txlog_last_tick(Oid database)
{
	for (int i = 0; i < TICK_TIMES; i++)
		if (pg_atomic_read_u32(&shared->ticks[i].database) == database)
			return (TimestampTz) pg_atomic_read_u64(&shared->ticks[i].at);
	return 0;
}

/* Is the last tick of this database older than a second? */
bool
datom_txlog_tick_due(void)
{
	TickTime   *time = tick_time();

	return GetCurrentTimestamp() - (TimestampTz) pg_atomic_read_u64(&time->at) >=
		TICK_INTERVAL;
}

/*
 * Removes ticks that newer committed ones have made useless. One at a time,
 * and whoever finds another at it leaves it to them.
 */
static void
prune_ticks(void)
{
	TimestampTz newest_committed = DT_NOBEGIN;
	HeapTuple	tuple;
	Walk		walk;

	if (!datom_lock_prune())
		return;
	datom_walk_ticks(&walk);
	while ((tuple = datom_walk_next(&walk)) != NULL)
	{
		TimestampTz instant = DatumGetTimestampTz(datom_walk_get(&walk, tuple, Anum_clock_instant));

		if (datom_entry_state(tuple, NULL) != ENTRY_COMMITTED || datom_entry_deleted(tuple, NULL))
			continue;
		if (newest_committed == DT_NOBEGIN)
			newest_committed = instant;
		else if (instant < newest_committed - TICK_KEEP)
			simple_heap_delete(walk.rel, &tuple->t_self);
	}
	datom_walk_end(&walk);
}

/* Adds a tick; the caller's transaction has written nothing and commits it. */
void
datom_txlog_add_tick(void)
{
	TimestampTz instant;
	TimestampTz low;
	Ledger		clock = datom_ledger_open("clock");

	look_at(InvalidOid);
	instant = take_instant(&low);
	insert_tick(&clock, instant, low);
	LWLockRelease(&shared->lock);
	datom_ledger_close(&clock);
	prune_ticks();
	ForceSyncCommit();
}

static void
insert_entry(Ledger *ledger, DatomEntry *entry, TimestampTz low)
{
	Datum		values[Natts_tx];
	bool		nulls[Natts_tx] = {0};

	values[Anum_tx_db - 1] = ObjectIdGetDatum(entry->db);
	values[Anum_tx_instant - 1] = TimestampTzGetDatum(entry->instant);
	values[Anum_tx_tx - 1] = Int64GetDatum(entry->tx);
	values[Anum_tx_low - 1] = TimestampTzGetDatum(low);
	values[Anum_tx_role - 1] = CStringGetTextDatum(entry->role);
	values[Anum_tx_application - 1] = CStringGetTextDatum(entry->application);
	datom_ledger_insert(ledger, values, nulls);
}

static DatomEntry
entry_of_caller(int64 tx)
{
	return (DatomEntry) {
		.tx = tx,
		.role = GetUserNameFromId(GetUserId(), false),
		.application = pstrdup(application_name ? application_name : "")
	};
}

/* Before an instant is given: above the ticks and all that was written to. */
static void
look_at_all_written(void)
{
	look_at(InvalidOid);
	for (Written *w = written; w; w = w->next)
		look_at(w->db);
}

/*
 * Entries were added without the lock, by an import or by hand: everybody looks
 * again before the next instant is given.
 */
static void
next_generation(void)
{
	if (shared)
		pg_atomic_fetch_add_u64(&shared->generation, 1);
}

/* Changes when entries were inserted by hand, before they are committed. */
uint64
datom_txlog_given(void)
{
	return shared ? pg_atomic_read_u64(&shared->given) : 0;
}

/*
 * Entries were inserted by hand. They may lie anywhere, below others too.
 * Whoever remembers entries is told at once.
 */
void
datom_txlog_entries_given(void)
{
	next_generation();
	if (shared)
		pg_atomic_fetch_add_u64(&shared->given, 1);
}

#ifdef DATOM_TEST
/* With the lock given up or never taken, a pause lets others in. */
static void
test_let_others_in(void)
{
	if (datom_test_break == BREAK_EARLY_RELEASE)
		LWLockRelease(&shared->lock);
	if (!LWLockHeldByMe(&shared->lock))
		pg_usleep(pg_prng_uint64_range(&pg_global_prng_state, 0, 4000));
}
#endif

/* PRE_COMMIT: one entry for each table written, all with one instant. */
static void
add_entries(void)
{
	DatomEntry	entry = entry_of_caller(current_tx);
	bool		tick = datom_txlog_tick_due();
	Ledger		tx = datom_ledger_open("tx");
	Ledger		clock = {NULL, NULL};
	TimestampTz low;

	if (tick)
		clock = datom_ledger_open("clock");
	look_at_all_written();
	entry.instant = take_instant(&low);
#ifdef DATOM_TEST
	test_let_others_in();
#endif
	for (Written *w = written; w; w = w->next)
	{
		entry.db = w->db;
		insert_entry(&tx, &entry, low);
	}
	if (tick)
		insert_tick(&clock, entry.instant, low);
#ifdef DATOM_TEST
	if (!LWLockHeldByMe(&shared->lock))
		LWLockAcquire(&shared->lock, LW_EXCLUSIVE);
#endif
	LWLockRelease(&shared->lock);
	if (tick)
	{
		datom_ledger_close(&clock);
		prune_ticks();
	}
	datom_ledger_close(&tx);
	ForceSyncCommit();
#ifdef DATOM_TEST
	if (datom_test_commit_delay > 0)
		pg_usleep(datom_test_commit_delay * 1000L);
#endif
}

/*
 * The transaction in progress
 */

/* The number of the current transaction, drawn when first asked for. */
int64
datom_txlog_current_tx(void)
{
	if (current_tx == 0)
	{
		current_tx = nextval_internal(datom_ledger_oid("tx_id"), false);
#ifdef DATOM_TEST
		first_write = datom_txlog_clock();
#endif
	}
	return current_tx;
}

static Written *
find_written(Oid db)
{
	for (Written *w = written; w; w = w->next)
		if (w->db == db)
			return w;
	return NULL;
}

static void
note_written(Oid db)
{
	Written    *w = find_written(db);
	int			nest = GetCurrentTransactionNestLevel();

	if (w)
	{
		w->nest = Min(w->nest, nest);
		return;
	}
	w = MemoryContextAlloc(TopTransactionContext, sizeof(Written));
	*w = (Written) {
		.db = db, .nest = nest, .next = written
	};
	written = w;
}

static Import *
find_import(Oid db)
{
	for (Import *import = imports; import; import = import->next)
		if (import->db == db)
			return import;
	return NULL;
}

/*
 * The transaction that a write into this table belongs to: in an importing
 * table the one given by datom_txlog_import(), if any, otherwise the current
 * one, which then gets an entry at commit.
 */
int64
datom_txlog_write_tx(Oid db, bool importing)
{
	Import	   *import = importing ? find_import(db) : NULL;

	if (entries_added)
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("cannot write to \"%s\" while the transaction commits",
						get_rel_name(db)),
				 errdetail("The transaction has its instant already.")));
	if (import)
		return import->tx;
	datom_txlog_require_shmem();
	note_written(db);
	return datom_txlog_current_tx();
}

/* The number of the current transaction if it was drawn, or 0. */
int64
datom_txlog_drawn_tx(void)
{
	return current_tx;
}

/* Is this a transaction that is being written now, here? */
bool
datom_txlog_is_own(Oid db, int64 tx)
{
	Import	   *import = find_import(db);

	return (import && import->tx == tx) || (current_tx != 0 && current_tx == tx);
}

static void
forget_transaction(void)
{
	land();
	current_tx = 0;
	written = NULL;
	imports = NULL;
	entries_added = false;
#ifdef DATOM_TEST
	first_write = 0;
#endif
}

/*
 * Tables that this transaction has dropped need no entry. Not before the end:
 * a savepoint may bring one back.
 */
static void
skip_dropped(void)
{
	Written   **w = &written;
	Import	  **import = &imports;

	while (*w)
		if (SearchSysCacheExists1(RELOID, ObjectIdGetDatum((*w)->db)))
			w = &(*w)->next;
		else
			*w = (*w)->next;
	while (*import)
		if (SearchSysCacheExists1(RELOID, ObjectIdGetDatum((*import)->db)))
			import = &(*import)->next;
		else
			*import = (*import)->next;
}

static void
on_transaction(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
			skip_dropped();
			if (written)
				add_entries();
			entries_added = written != NULL || imports != NULL;
			break;
		case XACT_EVENT_PRE_PREPARE:
			skip_dropped();
			if (written || imports)
				ereport(ERROR,
						(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						 errmsg("cannot prepare a transaction that has written to \"%s\"",
								get_rel_name(written ? written->db : imports->db)),
						 errdetail("The instant of a transaction is given when it commits.")));
			break;
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PREPARE:
			forget_transaction();
			break;
		default:
			break;
	}
}

/* What a subtransaction wrote goes with it, or becomes its parent's. */
static void
on_subtransaction(SubXactEvent event, SubTransactionId mine,
				  SubTransactionId parent, void *arg)
{
	int			nest = GetCurrentTransactionNestLevel();
	bool		abort = event == SUBXACT_EVENT_ABORT_SUB;

	if (!abort && event != SUBXACT_EVENT_COMMIT_SUB)
		return;
	for (Written **w = &written; *w;)
	{
		if ((*w)->nest >= nest && abort)
		{
			*w = (*w)->next;
			continue;
		}
		(*w)->nest = Min((*w)->nest, nest - 1);
		w = &(*w)->next;
	}
	while (abort && imports && imports->nest >= nest)
		imports = imports->next;
	for (Import *import = imports; import && import->nest >= nest; import = import->next)
		import->nest = nest - 1;
}

/*
 * Importing
 */

static bool
importing_tuple(Oid db, Snapshot snapshot, bool delete)
{
	Relation	rel = table_open(datom_ledger_oid("importing"),
								 delete ? RowExclusiveLock : AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		found;

	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(db));
	scan = systable_beginscan(rel, datom_ledger_oid("importing_pkey"), true, snapshot,
							  1, &key);
	tuple = systable_getnext(scan);
	found = HeapTupleIsValid(tuple);
	if (found && delete)
		simple_heap_delete(rel, &tuple->t_self);
	systable_endscan(scan);
	table_close(rel, delete ? NoLock : AccessShareLock);
	return found;
}

/*
 * Is the table importing, in this snapshot? NULL: now, by a catalog snapshot,
 * which may be had in a parallel worker, too.
 */
bool
datom_txlog_importing(Oid db, Snapshot snapshot)
{
	return importing_tuple(db, snapshot, false);
}

void
datom_txlog_set_importing(Oid db, bool importing)
{
	if (importing)
	{
		Datum		value = ObjectIdGetDatum(db);
		bool		null = false;
		Ledger		ledger = datom_ledger_open("importing");

		datom_ledger_insert(&ledger, &value, &null);
		datom_ledger_close(&ledger);
	}
	else
	{
		Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());

		importing_tuple(db, snapshot, true);
		UnregisterSnapshot(snapshot);
	}
	CacheInvalidateRelcacheByRelid(db);
	CommandCounterIncrement();
}

/*
 * What is said without an instant gets that of the commit, and was checked
 * against all that came before it: so nothing may come before it any more.
 */
static void
refuse_past_of_written(Oid db)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("cannot begin a transaction of the past in \"%s\"", get_rel_name(db)),
			 errdetail("This transaction has already said something there, as of its commit."),
			 errhint("Call datom.import_tx() first.")));
}

/*
 * Starts a transaction at an instant of the past, in a table that is importing
 * and whose importer lock the caller holds. Returns its number.
 */
int64
datom_txlog_import(Oid db, TimestampTz at)
{
	DatomEntry	entry = entry_of_caller(nextval_internal(datom_ledger_oid("tx_id"), false));
	int			nest = GetCurrentTransactionNestLevel();
	Ledger		ledger;

	if (find_written(db))
		refuse_past_of_written(db);
	entry.db = db;
	entry.instant = at;
	ledger = datom_ledger_open("tx");
	insert_entry(&ledger, &entry, at);
	datom_ledger_close(&ledger);
	next_generation();
	ForceSyncCommit();
	CommandCounterIncrement();
	if (imports == NULL || imports->db != db || imports->nest != nest)
	{
		Import	   *import = MemoryContextAlloc(TopTransactionContext, sizeof(Import));
		import->next = imports;
		imports = import;
	}
	imports->db = db;
	imports->nest = nest;
	imports->tx = entry.tx;
	return entry.tx;
}

static bool
ledgers_exist(void)
{
	static const char *const names[] = {"tx", "tx_db_instant_idx", "importing",
	"importing_pkey"};
	Oid			nsp = get_namespace_oid("datom", true);

	for (int i = 0; i < (int) lengthof(names); i++)
		if (!OidIsValid(get_relname_relid(names[i], nsp)))
			return false;
	return true;
}

/* The table is dropped: nothing of it may reach another with its oid. */
void
datom_txlog_forget(Oid db)
{
	HeapTuple	tuple;
	Walk		walk;
	Relation	rel;

	if (!ledgers_exist())
		return;					/* the extension itself is going */
	rel = table_open(datom_ledger_oid("tx"), RowExclusiveLock);
	datom_walk_entries(&walk, db, ForwardScanDirection);
	while ((tuple = datom_walk_next(&walk)) != NULL)
		if (datom_entry_state(tuple, NULL) != ENTRY_ABORTED && !datom_entry_deleted(tuple, NULL))
			simple_heap_delete(rel, &tuple->t_self);
	datom_walk_end(&walk);
	table_close(rel, NoLock);
	importing_tuple(db, NULL, true);
}

void
datom_txlog_init(void)
{
	HASHCTL		control = {
		.keysize = sizeof(Oid), .entrysize = sizeof(Seen), .hcxt = TopMemoryContext
	};

	seen = hash_create("datom entries seen", 16, &control,
					   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	RegisterXactCallback(on_transaction, NULL);
	RegisterSubXactCallback(on_subtransaction, NULL);
	if (!process_shared_preload_libraries_in_progress)
		return;
	prev_shmem_request = shmem_request_hook;
	shmem_request_hook = shmem_request;
	prev_shmem_startup = shmem_startup_hook;
	shmem_startup_hook = shmem_startup;
}
