/*
 * ticker.c: ticks when nobody commits.
 *
 * A tick says that nothing will ever be said at or below its instant. Commits
 * add one a second. When the database is idle, a background worker adds one as
 * soon as somebody asks about a moment above the basis, and one a second while
 * a standby listens, so that the standby can answer as of now.
 *
 * A worker belongs to one database. It is started by whoever asks first, or by
 * the launcher for each database while a standby listens, and leaves when it
 * has been idle for a minute. DROP DATABASE and its kin send it away, also one
 * that is still on its way, and the launcher lets them lock the database before
 * it starts another.
 *
 * TickerShared.lock guards the slots. Nobody holds it while waiting.
 */
#include "ticker.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_database.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "replication/walsender.h"
#include "replication/walsender_private.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "storage/shmem.h"
#include "tcop/tcopprot.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "txlog.h"

#define SLOTS 64
#define IDLE_MS 60000
#define START_MS 5000			/* a worker that is not up by then has failed */
#define LEAVE_MS 5000
#define LEFT_MS 500			/* then the launcher may start others */
#define ABSENT_MS 60000			/* then look for the extension again */

typedef struct TickerSlot
{
	Oid			database;		/* InvalidOid: free */
	pid_t		pid;			/* 0: no worker */
	Latch	   *latch;			/* of the worker */
	TimestampTz starting;		/* when a worker was asked for; 0: not */
	bool		asked;			/* somebody wants a tick */
	bool		leave;
	TimestampTz absent;			/* when the extension was not in this database */
} TickerSlot;

typedef struct TickerShared
{
	LWLock		lock;
	TimestampTz left;			/* when workers were sent away; 0: never */
	TickerSlot	slots[SLOTS];
} TickerShared;

static TickerShared *shared = NULL;
static TickerSlot *mine = NULL;
static shmem_request_hook_type prev_shmem_request = NULL;
static shmem_startup_hook_type prev_shmem_startup = NULL;

PGDLLEXPORT void datom_ticker_main(Datum arg);
PGDLLEXPORT void datom_ticker_launcher_main(Datum arg);

static void
shmem_request(void)
{
	if (prev_shmem_request)
		prev_shmem_request();
	RequestAddinShmemSpace(sizeof(TickerShared));
}

static void
shmem_startup(void)
{
	bool		found;

	if (prev_shmem_startup)
		prev_shmem_startup();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	shared = ShmemInitStruct("datom ticker", sizeof(TickerShared), &found);
	if (!found)
	{
		memset(shared, 0, sizeof(TickerShared));
		LWLockInitialize(&shared->lock, LWLockNewTrancheId());
	}
	LWLockRelease(AddinShmemInitLock);
	LWLockRegisterTranche(shared->lock.tranche, "DatomTicker");
}

/* Does a standby, or anything else, read this server's WAL as it comes? */
static bool
somebody_listens(void)
{
	for (int i = 0; i < max_wal_senders; i++)
		if (WalSndCtl->walsnds[i].pid != 0)
			return true;
	return false;
}

/*
 * The slot of a database, or one made its own: one that nobody has, else that
 * of a database without a worker. NULL if there is none.
 */
static TickerSlot *
find_slot(Oid database)
{
	TickerSlot *free = NULL;

	for (int i = 0; i < SLOTS; i++)
	{
		TickerSlot *slot = &shared->slots[i];

		if (slot->database == database)
			return slot;
		if (slot->pid == 0 && !slot->asked &&
			(free == NULL || (OidIsValid(free->database) && !OidIsValid(slot->database))))
			free = slot;
	}
	if (free)
	{
		memset(free, 0, sizeof(TickerSlot));
		free->database = database;
	}
	return free;
}

static bool
start_worker(Oid database)
{
	BackgroundWorker worker = {
		.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION,
		.bgw_start_time = BgWorkerStart_RecoveryFinished,
		.bgw_restart_time = BGW_NEVER_RESTART,
		.bgw_main_arg = ObjectIdGetDatum(database)
	};

	strlcpy(worker.bgw_name, "datom ticker", BGW_MAXLEN);
	strlcpy(worker.bgw_type, "datom ticker", BGW_MAXLEN);
	strlcpy(worker.bgw_library_name, "datom", BGW_MAXLEN);
	strlcpy(worker.bgw_function_name, "datom_ticker_main", BGW_MAXLEN);
	return RegisterDynamicBackgroundWorker(&worker, NULL);
}

static bool
on_its_way(TickerSlot *slot, TimestampTz now)
{
	return slot->starting != 0 &&
		!TimestampDifferenceExceeds(slot->starting, now, START_MS);
}

/* Makes sure that the slot's worker runs or is on its way; lock held. */
static bool
ensure_worker(TickerSlot *slot)
{
	TimestampTz now = GetCurrentTimestamp();

	if (slot->pid != 0)
	{
		SetLatch(slot->latch);
		return true;
	}
	if (on_its_way(slot, now))
		return true;
	if (!start_worker(slot->database))
		return false;
	slot->starting = now;
	slot->leave = false;
	return true;
}

bool
datom_ticker_ask(void)
{
	TickerSlot *slot;
	bool		coming;

	if (shared == NULL || RecoveryInProgress())
		return false;
	LWLockAcquire(&shared->lock, LW_EXCLUSIVE);
	slot = find_slot(MyDatabaseId);
	if (slot)
	{
		slot->asked = true;
		slot->absent = 0;
	}
	coming = slot && ensure_worker(slot);
	LWLockRelease(&shared->lock);
	return coming;
}

static bool
workers_left(void)
{
	TimestampTz now = GetCurrentTimestamp();
	bool		left = false;

	LWLockAcquire(&shared->lock, LW_EXCLUSIVE);
	shared->left = now;
	for (int i = 0; i < SLOTS; i++)
	{
		TickerSlot *slot = &shared->slots[i];

		if (slot->pid == 0 && !on_its_way(slot, now))
			continue;
		slot->leave = true;
		if (slot->pid != 0)
			SetLatch(slot->latch);
		left = true;
	}
	LWLockRelease(&shared->lock);
	return left;
}

void
datom_ticker_leave(void)
{
	if (shared == NULL)
		return;
	for (int waited = 0; workers_left() && waited < LEAVE_MS; waited += 10)
	{
		CHECK_FOR_INTERRUPTS();
		pg_usleep(10000L);
	}
}

/*
 * The worker
 */

static void
leave_slot(int code, Datum arg)
{
	LWLockAcquire(&shared->lock, LW_EXCLUSIVE);
	mine->pid = 0;
	mine->latch = NULL;
	mine->starting = 0;
	mine->asked = false;
	/* leave stays set, for one that was late and has been replaced since */
	LWLockRelease(&shared->lock);
}

/* False if another worker serves this database already. */
static bool
enter_slot(void)
{
	bool		entered = false;

	LWLockAcquire(&shared->lock, LW_EXCLUSIVE);
	mine = find_slot(MyDatabaseId);
	if (mine && mine->pid == 0)
	{
		mine->pid = MyProcPid;
		mine->latch = &MyProc->procLatch;
		mine->starting = 0;
		entered = true;
	}
	LWLockRelease(&shared->lock);
	if (entered)
		before_shmem_exit(leave_slot, (Datum) 0);
	return entered;
}

static bool
take_request(void)
{
	bool		asked;

	LWLockAcquire(&shared->lock, LW_EXCLUSIVE);
	asked = mine->asked;
	mine->asked = false;
	LWLockRelease(&shared->lock);
	return asked;
}

/* Adds a tick in a transaction of its own; false if there is no extension. */
static bool
tick(void)
{
	bool		present;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	pgstat_report_activity(STATE_RUNNING, "adding a tick");
	present = OidIsValid(get_extension_oid("datom", true));
	if (present)
		datom_txlog_add_tick();
	PopActiveSnapshot();
	CommitTransactionCommand();
	pgstat_report_activity(STATE_IDLE, NULL);
	return present;
}

void
datom_ticker_main(Datum arg)
{
	TimestampTz busy = GetCurrentTimestamp();
	TimestampTz began = 0;
	bool		present = true;

	pqsignal(SIGTERM, die);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnectionByOid(DatumGetObjectId(arg), InvalidOid, 0);
	if (!enter_slot())
		proc_exit(0);
	while (present && !mine->leave)
	{
		bool		listened = somebody_listens();

		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}
		if (take_request() || (listened && datom_txlog_tick_due()))
		{
			began = GetCurrentTimestamp();
			present = tick();
			busy = GetCurrentTimestamp();
			continue;
		}
		if (!listened && TimestampDifferenceExceeds(busy, GetCurrentTimestamp(), IDLE_MS))
			break;
		WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
				  listened ? 250 : 5000, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
	}
	if (!present)
	{
		LWLockAcquire(&shared->lock, LW_EXCLUSIVE);
		mine->absent = began;
		LWLockRelease(&shared->lock);
	}
	proc_exit(0);
}

/*
 * The launcher
 */

/* Databases that can be connected to. In TopMemoryContext; the caller frees. */
static List *
databases(void)
{
	List	   *list = NIL;
	Relation	rel;
	TableScanDesc scan;
	HeapTuple	tuple;

	StartTransactionCommand();
	GetTransactionSnapshot();
	rel = table_open(DatabaseRelationId, AccessShareLock);
	scan = table_beginscan_catalog(rel, 0, NULL);
	while ((tuple = heap_getnext(scan, ForwardScanDirection)) != NULL)
	{
		Form_pg_database form = (Form_pg_database) GETSTRUCT(tuple);
		MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

		if (form->datallowconn && !form->datistemplate)
			list = lappend_oid(list, form->oid);
		MemoryContextSwitchTo(old);
	}
	table_endscan(scan);
	table_close(rel, AccessShareLock);
	CommitTransactionCommand();
	return list;
}

static void
launch(void)
{
	List	   *list = databases();
	TimestampTz now = GetCurrentTimestamp();
	ListCell   *lc;

	LWLockAcquire(&shared->lock, LW_EXCLUSIVE);
	foreach(lc, list)
	{
		TickerSlot *slot = find_slot(lfirst_oid(lc));

		if (!TimestampDifferenceExceeds(shared->left, now, LEFT_MS))
			break;
		/*
		 * A tick since then tells that the extension has come. A restore
		 * brings it without one.
		 */
		if (slot && slot->pid == 0 &&
			(slot->absent == 0 || datom_txlog_last_tick(slot->database) > slot->absent ||
			 TimestampDifferenceExceeds(slot->absent, now, ABSENT_MS)))
			ensure_worker(slot);
	}
	LWLockRelease(&shared->lock);
	list_free(list);
}

void
datom_ticker_launcher_main(Datum arg)
{
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		if (somebody_listens())
			launch();
		WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
				  1000, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
	}
}

void
datom_ticker_init(void)
{
	BackgroundWorker launcher = {
		.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION,
		.bgw_start_time = BgWorkerStart_RecoveryFinished,
		.bgw_restart_time = 5
	};

	if (!process_shared_preload_libraries_in_progress)
		return;
	prev_shmem_request = shmem_request_hook;
	shmem_request_hook = shmem_request;
	prev_shmem_startup = shmem_startup_hook;
	shmem_startup_hook = shmem_startup;
	strlcpy(launcher.bgw_name, "datom ticker launcher", BGW_MAXLEN);
	strlcpy(launcher.bgw_type, "datom ticker launcher", BGW_MAXLEN);
	strlcpy(launcher.bgw_library_name, "datom", BGW_MAXLEN);
	strlcpy(launcher.bgw_function_name, "datom_ticker_launcher_main", BGW_MAXLEN);
	RegisterBackgroundWorker(&launcher);
}
