/*
 * usage_table.c: the counts, in shared memory and over restarts.
 *
 * A hash table of datom.usage_max entries. UsageShared.lock is held shared to find
 * an entry and exclusively to add or to remove one; an entry's own spinlock guards
 * its counts among those who hold the lock shared. When the table is full, those
 * with the fewest calls make room, and of these the ones not used for the longest
 * time, a twentieth at once, so that the search for them costs little.
 *
 * pg_stat/datom_usage.stat (stat_file.c) has DatomUsageRecord after
 * DatomUsageRecord.
 */
#include "usage_table.h"

#include <limits.h>

#include "access/xact.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "storage/spin.h"
#include "utils/guc.h"
#include "utils/hsearch.h"

#include "stat_file.h"

#define FILE_NAME PGSTAT_STAT_PERMANENT_DIRECTORY "/datom_usage.stat"
#define FILE_VERSION 1

typedef struct Entry
{
	DatomUsageKey key;
	slock_t		mutex;
	DatomUsage	usage;
} Entry;

typedef struct UsageShared
{
	LWLock		lock;
} UsageShared;

static int	usage_max = 5000;
static UsageShared *shared = NULL;
static HTAB *entries = NULL;
static shmem_request_hook_type prev_shmem_request = NULL;
static shmem_startup_hook_type prev_shmem_startup = NULL;

bool
datom_usage_table_is_there(void)
{
	return shared != NULL;
}

/*
 * Room
 */

static int
by_use(const void *a, const void *b)
{
	const DatomUsage *x = &(*(Entry *const *) a)->usage;
	const DatomUsage *y = &(*(Entry *const *) b)->usage;

	if (x->calls != y->calls)
		return x->calls < y->calls ? -1 : 1;
	return x->last_used < y->last_used ? -1 : x->last_used > y->last_used;
}

static void
make_room(void)
{
	int			n = hash_get_num_entries(entries);
	int			leaving = Min(n, Max(n / 20, 1));
	Entry	  **all = palloc(sizeof(Entry *) * n);
	HASH_SEQ_STATUS status;
	Entry	   *entry;
	int			i = 0;

	hash_seq_init(&status, entries);
	while ((entry = hash_seq_search(&status)) != NULL)
		all[i++] = entry;
	qsort(all, n, sizeof(Entry *), by_use);
	for (i = 0; i < leaving; i++)
		hash_search(entries, &all[i]->key, HASH_REMOVE, NULL);
	pfree(all);
}

/* The lock is held exclusively, or nobody else is there yet. */
static Entry *
enter(const DatomUsageKey *key)
{
	Entry	   *entry;
	bool		found;

	entry = hash_search(entries, key, HASH_FIND, NULL);
	if (entry)
		return entry;
	if (hash_get_num_entries(entries) >= usage_max)
		make_room();
	entry = hash_search(entries, key, HASH_ENTER, &found);
	SpinLockInit(&entry->mutex);
	entry->usage = (DatomUsage) {0};
	return entry;
}

void
datom_usage_count(const DatomUsageKey *key, int64 rows, double time)
{
	Entry	   *entry;
	DatomUsage *usage;

	LWLockAcquire(&shared->lock, LW_SHARED);
	entry = hash_search(entries, key, HASH_FIND, NULL);
	if (entry == NULL)
	{
		LWLockRelease(&shared->lock);
		LWLockAcquire(&shared->lock, LW_EXCLUSIVE);
		entry = enter(key);
	}
	usage = &entry->usage;
	SpinLockAcquire(&entry->mutex);
	usage->calls++;
	usage->rows += rows;
	usage->time += time;
	usage->last_used = Max(usage->last_used, GetCurrentStatementStartTimestamp());
	SpinLockRelease(&entry->mutex);
	LWLockRelease(&shared->lock);
}

DatomUsageRecord *
datom_usage_records(Oid db, int *n)
{
	DatomUsageRecord *records;
	HASH_SEQ_STATUS status;
	Entry	   *entry;

	*n = 0;
	LWLockAcquire(&shared->lock, LW_SHARED);
	records = palloc(sizeof(DatomUsageRecord) * (hash_get_num_entries(entries) + 1));
	hash_seq_init(&status, entries);
	while ((entry = hash_seq_search(&status)) != NULL)
	{
		if (entry->key.db != db)
			continue;
		records[*n].key = entry->key;
		SpinLockAcquire(&entry->mutex);
		records[*n].usage = entry->usage;
		SpinLockRelease(&entry->mutex);
		(*n)++;
	}
	LWLockRelease(&shared->lock);
	return records;
}

/*
 * Shared memory, and the file
 */

static void
write_file(int code, Datum arg)
{
	StringInfoData data;
	HASH_SEQ_STATUS status;
	Entry	   *entry;

	if (code != 0 || entries == NULL)
		return;
	initStringInfo(&data);
	hash_seq_init(&status, entries);
	while ((entry = hash_seq_search(&status)) != NULL)
	{
		DatomUsageRecord record = {entry->key, entry->usage};

		appendBinaryStringInfo(&data, (char *) &record, sizeof(record));
	}
	datom_stat_file_write(FILE_NAME, FILE_VERSION, &data);
	pfree(data.data);
}

static void
read_file(void)
{
	StringInfo	data = datom_stat_file_read(FILE_NAME, FILE_VERSION);
	DatomUsageRecord record;

	if (data == NULL)
		return;
	while (datom_stat_file_take(data, &record, sizeof(record)))
		enter(&record.key)->usage = record.usage;
	pfree(data->data);
	pfree(data);
}

static void
shmem_request(void)
{
	if (prev_shmem_request)
		prev_shmem_request();
	RequestAddinShmemSpace(add_size(sizeof(UsageShared),
									hash_estimate_size(usage_max, sizeof(Entry))));
}

static void
shmem_startup(void)
{
	HASHCTL		control = {.keysize = sizeof(DatomUsageKey), .entrysize = sizeof(Entry)};
	bool		found;

	if (prev_shmem_startup)
		prev_shmem_startup();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	shared = ShmemInitStruct("datom usage", sizeof(UsageShared), &found);
	entries = ShmemInitHash("datom usage entries", usage_max, usage_max, &control,
							HASH_ELEM | HASH_BLOBS);
	if (!found)
		LWLockInitialize(&shared->lock, LWLockNewTrancheId());
	LWLockRelease(AddinShmemInitLock);
	LWLockRegisterTranche(shared->lock.tranche, "DatomUsage");
	if (!IsUnderPostmaster)
	{
		on_shmem_exit(write_file, (Datum) 0);
		read_file();
	}
}

void
datom_usage_table_init(void)
{
	if (!process_shared_preload_libraries_in_progress)
		return;
	DefineCustomIntVariable("datom.usage_max",
							"How many views and functions by role the use of saved queries counts.",
							NULL, &usage_max, 5000, 100, 1000000,
							PGC_POSTMASTER, 0, NULL, NULL, NULL);
	prev_shmem_request = shmem_request_hook;
	shmem_request_hook = shmem_request;
	prev_shmem_startup = shmem_startup_hook;
	shmem_startup_hook = shmem_startup;
}
