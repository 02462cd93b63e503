/*
 * run_table.c: runs, in shared memory and over restarts.
 *
 * datom.max_runs slots, each with room for all that a run may have, so that a run
 * that has begun can never be out of room. RunShared.lock guards all of it: runs
 * begin and shards end some times a second at most. Pages of slots that were never
 * used are never touched.
 *
 * pg_stat/datom_runs.stat (stat_file.c) has, for each run, DatomQueryRun and its
 * shards. Attempts that were under way when the server stopped have failed.
 */
#include "run_table.h"

#include "catalog/pg_authid.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/pg_list.h"
#include "pgstat.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#include "stat_file.h"

#define FILE_NAME PGSTAT_STAT_PERMANENT_DIRECTORY "/datom_runs.stat"
#define FILE_VERSION 1

typedef struct Slot
{
	bool		used;
	DatomQueryRun	run;
	DatomQueryShard shards[DATOM_RUN_SHARDS];
} Slot;

typedef struct RunShared
{
	LWLock		lock;
	Slot		slots[FLEXIBLE_ARRAY_MEMBER];
} RunShared;

static int	max_runs = 200;
static RunShared *shared = NULL;
static shmem_request_hook_type prev_shmem_request = NULL;
static shmem_startup_hook_type prev_shmem_startup = NULL;

void
datom_run_table_require(void)
{
	if (shared == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("this server keeps no runs"),
				 errhint("Add \"datom\" to shared_preload_libraries and restart the server.")));
}

/*
 * States
 */

DatomShardState
datom_run_shard_state(const DatomQueryShard *shard)
{
	if (shard->done)
		return SHARD_DONE;
	if (shard->running > 0)
		return SHARD_RUNNING;
	return shard->attempts > 0 ? SHARD_FAILED : SHARD_WAITING;
}

/* Reckons what the shards make of the run, unless it is aborted. */
static void
sum_up(Slot *slot)
{
	DatomQueryRun *run = &slot->run;
	int			count[SHARD_FAILED + 1] = {0};

	if (run->state == RUN_ABORTED)
		return;
	run->rows = 0;
	for (int i = 0; i < run->nshards; i++)
	{
		count[datom_run_shard_state(&slot->shards[i])]++;
		run->rows += slot->shards[i].rows;
		run->ended = Max(run->ended, slot->shards[i].ended);
	}
	run->shards_done = count[SHARD_DONE];
	if (run->shards_done == run->nshards)
		run->state = RUN_COMPLETE;
	else if (count[SHARD_DONE] + count[SHARD_FAILED] == run->nshards)
		run->state = RUN_FAILED;
	else
		run->state = count[SHARD_WAITING] == run->nshards ? RUN_STARTED : RUN_RUNNING;
}

/*
 * Slots; the lock is held
 */

static Slot *
find(const pg_uuid_t *id)
{
	for (int i = 0; shared && i < max_runs; i++)
		if (shared->slots[i].used && shared->slots[i].run.db == MyDatabaseId &&
			memcmp(&shared->slots[i].run.id, id, sizeof(pg_uuid_t)) == 0)
			return &shared->slots[i];
	return NULL;
}

static bool
goes_before(const Slot *a, const Slot *b)
{
	bool		a_ended = a->run.state >= RUN_COMPLETE;
	bool		b_ended = b->run.state >= RUN_COMPLETE;

	if (a_ended != b_ended)
		return a_ended;
	return a->run.started < b->run.started;
}

/* A free slot, or the one whose run goes. */
static Slot *
free_slot(void)
{
	Slot	   *oldest = NULL;

	for (int i = 0; i < max_runs; i++)
	{
		Slot	   *slot = &shared->slots[i];

		if (!slot->used)
			return slot;
		if (oldest == NULL || goes_before(slot, oldest))
			oldest = slot;
	}
	return oldest;
}

void
datom_run_put(const DatomQueryRun *run)
{
	Slot	   *slot;

	LWLockAcquire(&shared->lock, LW_EXCLUSIVE);
	slot = free_slot();
	slot->used = true;
	slot->run = *run;
	memset(slot->shards, 0, sizeof(DatomQueryShard) * run->nshards);
	LWLockRelease(&shared->lock);
}

static char *
text_of(const pg_uuid_t *id)
{
	return DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(id)));
}

/* The slot of a run, with the lock held shared; an error if there is none. */
static Slot *
find_locked(const pg_uuid_t *id)
{
	Slot	   *slot;

	datom_run_table_require();
	LWLockAcquire(&shared->lock, LW_SHARED);
	slot = find(id);
	if (slot == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("run \"%s\" is not known", text_of(id)),
				 errdetail("This server remembers its own runs, as many as datom.max_runs says.")));
	return slot;
}

DatomQueryRun *
datom_run_get(const pg_uuid_t *id)
{
	DatomQueryRun *run = palloc(sizeof(DatomQueryRun));

	*run = find_locked(id)->run;
	LWLockRelease(&shared->lock);
	return run;
}

DatomQueryShard *
datom_run_shards_of(const pg_uuid_t *id, int *n)
{
	DatomQueryShard *shards = palloc(sizeof(DatomQueryShard) * DATOM_RUN_SHARDS);
	Slot	   *slot = find_locked(id);

	*n = slot->run.nshards;
	memcpy(shards, slot->shards, sizeof(DatomQueryShard) * *n);
	LWLockRelease(&shared->lock);
	return shards;
}

bool
datom_run_open_to_caller(const DatomQueryRun *run)
{
	return has_privs_of_role(GetUserId(), run->role) ||
		has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS);
}

void
datom_run_refuse(const pg_uuid_t *id)
{
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied for run \"%s\"", text_of(id)),
			 errdetail("It is another role's.")));
}

static bool
is_over(const DatomQueryRun *run)
{
	return run->state == RUN_COMPLETE || run->state == RUN_ABORTED;
}

bool
datom_run_abort(const pg_uuid_t *id, DatomQueryRun *run)
{
	Slot	   *slot;
	bool		can;

	LWLockAcquire(&shared->lock, LW_EXCLUSIVE);
	slot = find(id);
	can = slot != NULL && !is_over(&slot->run);
	if (can)
	{
		slot->run.state = RUN_ABORTED;
		slot->run.ended = GetCurrentTimestamp();
		*run = slot->run;
	}
	LWLockRelease(&shared->lock);
	return can;
}

static int
by_start(const ListCell *a, const ListCell *b)
{
	TimestampTz x = ((DatomQueryRun *) lfirst(a))->started;
	TimestampTz y = ((DatomQueryRun *) lfirst(b))->started;

	return x < y ? -1 : x > y;
}

List *
datom_runs_of(Oid db)
{
	List	   *runs = NIL;

	datom_run_table_require();
	LWLockAcquire(&shared->lock, LW_SHARED);
	for (int i = 0; i < max_runs; i++)
		if (shared->slots[i].used && shared->slots[i].run.db == db)
		{
			DatomQueryRun *run = palloc(sizeof(DatomQueryRun));

			*run = shared->slots[i].run;
			runs = lappend(runs, run);
		}
	LWLockRelease(&shared->lock);
	list_sort(runs, by_start);
	return runs;
}

void
datom_run_plan(const pg_uuid_t *id, int *nshards, TimestampTz *basis)
{
	Slot	   *slot = find_locked(id);

	if (slot->run.state == RUN_ABORTED)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("run \"%s\" was aborted", text_of(id))));
	*nshards = slot->run.nshards;
	*basis = slot->run.basis;
	LWLockRelease(&shared->lock);
}

/*
 * Attempts
 */

bool
datom_run_attempt(const pg_uuid_t *id, int shard)
{
	Slot	   *slot;
	bool		known;

	if (shared == NULL)
		return false;
	LWLockAcquire(&shared->lock, LW_EXCLUSIVE);
	slot = find(id);
	known = slot != NULL && shard >= 0 && shard < slot->run.nshards;
	if (known)
	{
		slot->shards[shard].attempts++;
		slot->shards[shard].running++;
		slot->shards[shard].started = GetCurrentTimestamp();
		sum_up(slot);
	}
	LWLockRelease(&shared->lock);
	return known;
}

static void
settle(DatomQueryShard *shard, DatomAttempt how, int64 rows)
{
	if (shard->running > 0)
		shard->running--;
	if (how == ATTEMPT_NEVER_RAN)
	{
		shard->attempts--;
		return;
	}
	shard->ended = GetCurrentTimestamp();
	if (how == ATTEMPT_DONE)
	{
		shard->done = true;
		shard->rows = rows;
	}
}

bool
datom_run_attempt_ended(const pg_uuid_t *id, int shard, DatomAttempt how, int64 rows,
						DatomQueryRun *run)
{
	Slot	   *slot;
	bool		ended = false;

	LWLockAcquire(&shared->lock, LW_EXCLUSIVE);
	slot = find(id);
	if (slot && shard < slot->run.nshards)
	{
		bool		was_over = is_over(&slot->run);

		settle(&slot->shards[shard], how, rows);
		sum_up(slot);
		ended = !was_over && slot->run.state >= RUN_COMPLETE && how != ATTEMPT_NEVER_RAN;
		if (ended)
			*run = slot->run;
	}
	LWLockRelease(&shared->lock);
	return ended;
}

/*
 * Shared memory, and the file
 */

static void
write_file(int code, Datum arg)
{
	StringInfoData data;

	if (code != 0 || shared == NULL)
		return;
	initStringInfo(&data);
	for (int i = 0; i < max_runs; i++)
	{
		Slot	   *slot = &shared->slots[i];

		if (!slot->used)
			continue;
		appendBinaryStringInfo(&data, (char *) &slot->run, sizeof(DatomQueryRun));
		appendBinaryStringInfo(&data, (char *) slot->shards,
							   sizeof(DatomQueryShard) * slot->run.nshards);
	}
	datom_stat_file_write(FILE_NAME, FILE_VERSION, &data);
	pfree(data.data);
}

static bool
read_run(StringInfo data, Slot *slot)
{
	if (!datom_stat_file_take(data, &slot->run, sizeof(DatomQueryRun)) ||
		!datom_stat_file_take(data, slot->shards, sizeof(DatomQueryShard) * slot->run.nshards))
		return false;
	for (int i = 0; i < slot->run.nshards; i++)
		slot->shards[i].running = 0;
	sum_up(slot);
	return true;
}

static void
read_file(void)
{
	StringInfo	data = datom_stat_file_read(FILE_NAME, FILE_VERSION);
	Slot	   *slot = NULL;

	if (data == NULL)
		return;
	/* datom.max_runs may have been lowered: then the file has more. */
	while (data->cursor < data->len)
	{
		slot = free_slot();
		slot->used = read_run(data, slot);
		if (!slot->used)
			break;
	}
	pfree(data->data);
	pfree(data);
}

static Size
shared_size(void)
{
	return add_size(offsetof(RunShared, slots), mul_size(max_runs, sizeof(Slot)));
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
	shared = ShmemInitStruct("datom runs", shared_size(), &found);
	if (!found)
	{
		LWLockInitialize(&shared->lock, LWLockNewTrancheId());
		for (int i = 0; i < max_runs; i++)
			shared->slots[i].used = false;
	}
	LWLockRelease(AddinShmemInitLock);
	LWLockRegisterTranche(shared->lock.tranche, "DatomRuns");
	if (!IsUnderPostmaster)
	{
		on_shmem_exit(write_file, (Datum) 0);
		read_file();
	}
}

void
datom_run_table_init(void)
{
	if (!process_shared_preload_libraries_in_progress)
		return;
	DefineCustomIntVariable("datom.max_runs",
							"How many runs of saved queries are remembered.",
							NULL, &max_runs, 200, 1, 10000,
							PGC_POSTMASTER, 0, NULL, NULL, NULL);
	prev_shmem_request = shmem_request_hook;
	shmem_request_hook = shmem_request;
	prev_shmem_startup = shmem_startup_hook;
	shmem_startup_hook = shmem_startup;
}
