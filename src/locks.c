/*
 * locks.c: who waits for whom when facts are said.
 *
 * All are heavyweight locks of the kind that advisory locks are, under a class
 * of our own, so that Postgres finds their deadlocks, shows them in pg_locks
 * and releases them at the end of the transaction. Their key is (database,
 * datom table, number):
 *
 *	0 ..			a unique value, by its hash
 *	BUCKETS ..		an entity, by its hash
 *	GATE			held shared by whoever holds a bucket, exclusively by a
 *					bulk load, which then needs no buckets
 *	IMPORTER		held by the one transaction that writes an importing table
 *	MERGE			held by whoever merges orders, and shared by whoever writes
 *					rows or entries of the past
 *	PRUNE			(table 0) held by whoever removes old ticks
 *
 * The number of buckets is fixed, so that a transaction of any size cannot
 * use up the lock table. Whoever takes several takes them in ascending order,
 * values before entities: datom.transact() learns from values which entities
 * it writes.
 */
#include "locks.h"

#include "common/hashfn.h"
#include "miscadmin.h"
#include "storage/lock.h"

#define LOCK_CLASS 0xDA70
#define BUCKETS 1024

enum
{
	GATE = 2 * BUCKETS,
	IMPORTER,
	MERGE,
	PRUNE
};

static LockAcquireResult
acquire(Oid db, uint32 number, LOCKMODE mode, bool dont_wait)
{
	LOCKTAG		tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, db, number, LOCK_CLASS);
	return LockAcquire(&tag, mode, false, dont_wait);
}

bool
datom_lock_importer(Oid db)
{
	return acquire(db, IMPORTER, ExclusiveLock, false) == LOCKACQUIRE_OK;
}

/* All entities and values of the table at once, for a bulk load. */
bool
datom_lock_all(Oid db)
{
	return acquire(db, GATE, ExclusiveLock, false) == LOCKACQUIRE_OK;
}

uint32
datom_lock_entity_bucket(int64 e)
{
	return BUCKETS + hash_bytes((unsigned char *) &e, sizeof(e)) % BUCKETS;
}

uint32
datom_lock_value_bucket(const char *ident, int len, uint32 value_hash)
{
	return hash_combine(value_hash, hash_bytes((const unsigned char *) ident, len)) %
		BUCKETS;
}

bool
datom_lock_all_held(Oid db)
{
	LOCKTAG		tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, db, GATE, LOCK_CLASS);
	return LockHeldByMe(&tag, ExclusiveLock);
}

bool
datom_lock_bucket(Oid db, uint32 bucket)
{
	if (datom_lock_all_held(db))
		return false;
	acquire(db, GATE, ShareLock, false);
	return acquire(db, bucket, ExclusiveLock, false) == LOCKACQUIRE_OK;
}

static int
by_number(const void *a, const void *b)
{
	uint32		x = *(const uint32 *) a;
	uint32		y = *(const uint32 *) b;

	return x < y ? -1 : x > y;
}

bool
datom_lock_buckets(Oid db, uint32 *buckets, int n)
{
	bool		news = false;

	if (n > DATOM_MANY_LOCKS)
		return datom_lock_all(db);
	qsort(buckets, n, sizeof(uint32), by_number);
	for (int i = 0; i < n; i++)
		if (i == 0 || buckets[i] != buckets[i - 1])
			news |= datom_lock_bucket(db, buckets[i]);
	return news;
}

/* For removing ticks; false if somebody else does. */
bool
datom_lock_prune(void)
{
	return acquire(InvalidOid, PRUNE, ExclusiveLock, true) != LOCKACQUIRE_NOT_AVAIL;
}

/*
 * For merging; given up by datom_unlock_merge(). False: not had without waiting,
 * or held shared; to wait is to wait for another who merges.
 */
bool
datom_lock_merge(Oid db, bool wait)
{
	LOCKTAG		tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, db, MERGE, LOCK_CLASS);
	if (LockHeldByMe(&tag, ShareLock) || LockHeldByMe(&tag, ExclusiveLock))
		return false;
	if (acquire(db, MERGE, ExclusiveLock, true) != LOCKACQUIRE_NOT_AVAIL)
		return true;
	/* Who holds it shared may be long: there is nothing to merge meanwhile. */
	if (!wait || acquire(db, MERGE, ShareLock, true) != LOCKACQUIRE_NOT_AVAIL)
	{
		if (wait)
			LockRelease(&tag, ShareLock, false);
		return false;
	}
	return acquire(db, MERGE, ExclusiveLock, false) != LOCKACQUIRE_NOT_AVAIL;
}

void
datom_unlock_merge(Oid db)
{
	LOCKTAG		tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, db, MERGE, LOCK_CLASS);
	LockRelease(&tag, ExclusiveLock, false);
}

/* So that nobody merges until this transaction has ended. True if it is new. */
bool
datom_lock_merge_shared(Oid db)
{
	return acquire(db, MERGE, ShareLock, false) == LOCKACQUIRE_OK;
}
