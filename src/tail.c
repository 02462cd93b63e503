/*
 * tail.c: rows above a watermark, from the log.
 *
 * Entries of datom.tx say which transactions lie above it, and the index on
 * (tx, e) has their rows. They come in three layers:
 *
 *	final	at or below the basis of the snapshot. That is all that will ever be
 *			there, so a backend keeps these rows, for every later snapshot.
 *	newer	above the basis, committed in the snapshot. They are few. A snapshot
 *			with the same members sees the same, so they are found once for it.
 *	own		of the transaction in progress; own.c knows where to look. They are
 *			in no other layer, even if their tx was given by hand and has long
 *			committed. Entries of one's own that own.c knows nothing of (in a
 *			parallel worker, or inserted by hand) are found with the newer ones.
 *
 * The cache of a table holds the final rows of (above, reached], and grows at
 * both ends by starting anew or by reading on. It is dropped when the relcache
 * entry of the table is invalidated, which an insertion of rows with a tx by
 * hand sees to, and when entries were inserted by hand.
 *
 * Serializable transactions are refused. SSI learns of a conflict when a reader
 * meets the row of a concurrent writer, and the point of all this is not to meet
 * rows; a writer that has no entry yet could not be met in any other way. What a
 * check reads under its lock (`self`) needs no SSI, and is given.
 *
 * Nothing here is shared between backends, and nothing is locked but the
 * tables and indexes that are read, as by any reader.
 */
#include "tail.h"

#include <limits.h>

#include "access/htup_details.h"
#include "access/transam.h"
#include "access/xact.h"
#include "storage/proc.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "basis.h"
#include "ledger.h"
#include "own.h"
#include "rowset.h"
#include "settings.h"
#include "txlog.h"

/* Up to so many transactions an entity is looked up in each of them. */
#define FEW_NEWER 8
#define FEW 64

/* After so many queries the cache may be cut to what they needed. */
#define WINDOW 64

/*
 * What a snapshot sees above `from`, which is its basis, or below that where
 * entries were inserted by hand.
 */
typedef struct Sight
{
	MemoryContext context;
	bool		valid;
	SnapshotData snapshot;		/* its members */
	TransactionId xid;			/* own, or invalid */
	TimestampTz basis;
	TimestampTz from;
	DatomTailEntries newer;
	DatomTailEntries own;		/* running, and the transaction's own */
	DatomRowSet *rows;			/* of the newer ones; NULL: not read */
	bool		full;			/* they are too many */
} Sight;

typedef struct Tail
{
	Oid			relid;			/* hash key */
	bool		valid;
	bool		filling;		/* after an error: an entry may be there in part */
	uint64		given;			/* datom_txlog_given() when it was begun */
	bool		unseen;			/* serves one query only: see fill() */
	LocalTransactionId filled_in;	/* the transaction that filled it last */
	int			settled;		/* rows that were there before that */
	TimestampTz above;
	TimestampTz reached;
	DatomRowSet *rows;			/* NULL: none */
	bool		lent;			/* somebody may point into rows */
	bool		full;			/* (full_above, full_at] is too much */
	TimestampTz full_above;
	TimestampTz full_at;
	int			queries;		/* in this window */
	TimestampTz lowest;			/* and what the lowest of them began with */
	TimestampTz trimmed;		/* the lowest of the last window */
	Sight		sight;
} Tail;

static HTAB *tails = NULL;
static Oid	tx_relid = InvalidOid;
static bool any_invalid = false;
static List *stale_contexts = NIL;	/* in TopMemoryContext */

/* Of which table, and where, this transaction has told that rows were given. */
static Oid	told_relid = InvalidOid;
static SubTransactionId told_in = InvalidSubTransactionId;

/*
 * Invalidation
 */

static void
invalidate(Datum arg, Oid relid)
{
	HASH_SEQ_STATUS status;
	Tail	   *tail;

	if (OidIsValid(relid) && relid != tx_relid)
	{
		tail = hash_search(tails, &relid, HASH_FIND, NULL);
		if (tail)
			tail->valid = false;
		any_invalid |= tail != NULL;
		return;
	}
	hash_seq_init(&status, tails);
	while ((tail = hash_seq_search(&status)) != NULL)
		tail->valid = false;
	any_invalid = true;
}

static void
drop_rows(Tail *tail)
{
	MemoryContext old;

	if (tail->rows && tail->lent)
	{
		old = MemoryContextSwitchTo(TopMemoryContext);
		stale_contexts = lappend(stale_contexts, datom_rowset_context(tail->rows));
		MemoryContextSwitchTo(old);
	}
	else if (tail->rows)
		MemoryContextDelete(datom_rowset_context(tail->rows));
	tail->rows = NULL;
	tail->lent = false;
}

static void
drop_sight(Sight *sight)
{
	if (sight->context)
		MemoryContextDelete(sight->context);
	memset(sight, 0, sizeof(Sight));
}

static void
end_transaction(XactEvent event, void *arg)
{
	HASH_SEQ_STATUS status;
	Tail	   *tail;
	ListCell   *lc;

	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT &&
		event != XACT_EVENT_PREPARE)
		return;
	if (any_invalid)
	{
		hash_seq_init(&status, tails);
		while ((tail = hash_seq_search(&status)) != NULL)
			if (!tail->valid)
			{
				tail->lent = false;
				drop_rows(tail);
				drop_sight(&tail->sight);
				hash_search(tails, &tail->relid, HASH_REMOVE, NULL);
			}
		any_invalid = false;
	}
	foreach(lc, stale_contexts)
		MemoryContextDelete(lfirst(lc));
	list_free(stale_contexts);
	stale_contexts = NIL;
	told_relid = InvalidOid;
	datom_tail_own_tx = 0;
}

/* Begins the cache of a table anew. */
static void
restart(Tail *tail, TimestampTz above)
{
	drop_rows(tail);
	tail->above = tail->reached = above;
	tail->filling = false;
	tail->filled_in = InvalidLocalTransactionId;
	tail->settled = 0;
	tail->queries = 0;
	tail->lowest = DT_NOEND;
}

/* The cache of a table, empty if it must not be used. */
static Tail *
current_tail(Relation rel)
{
	Oid			relid = RelationGetRelid(rel);
	bool		found;
	Tail	   *tail = hash_search(tails, &relid, HASH_ENTER, &found);

	if (!found)
	{
		memset(tail, 0, sizeof(Tail));
		tail->relid = relid;
		tx_relid = datom_ledger_oid("tx");
	}
	if (tail->valid && !tail->filling && !tail->unseen &&
		tail->given == datom_txlog_given())
		return tail;
	restart(tail, DT_NOEND);
	drop_sight(&tail->sight);
	tail->full = false;
	tail->unseen = false;
	tail->given = datom_txlog_given();
	tail->valid = true;
	return tail;
}

/*
 * Reading
 */

static bool
set_is_full(const DatomRowSet *set)
{
	return datom_rowset_count(set) >= TAIL_MOST_ROWS ||
		datom_rowset_size(set) > TAIL_MOST_BYTES;
}

typedef struct Filling
{
	DatomRowSet *set;
	TransactionId xmin;
} Filling;

/* A DatomTailTake. */
static bool
take_into_set(void *arg, const DatomRow *row)
{
	Filling    *filling = arg;

	if (set_is_full(filling->set))
		return false;
	datom_rowset_add(filling->set, row, filling->xmin);
	return true;
}

/*
 * Rows of a set up to an instant, those from place `settled` on only if the
 * snapshot sees them; false if they are too many to copy.
 */
static bool
take_from_set(const DatomRowSet *set, int settled, const DatomTailQuery *query,
			  TimestampTz upto, bool lend, DatomTailOut *out)
{
	DatomRowSetWalk walk;
	const DatomRow *row;

	if (query->which == TAIL_ENTITY)
		datom_rowset_entity(&walk, set, query->e);
	else if (query->which == TAIL_VALUE && query->v)
		datom_rowset_value(&walk, set, query->a, query->alen, query->v);
	else if (query->which == TAIL_SCHEMA)
		datom_rowset_schema(&walk, set);
	else
		datom_rowset_all(&walk, set);
	while ((row = datom_rowset_next(&walk)) != NULL)
	{
		if (row->instant <= query->above || row->instant > upto ||
			!datom_tail_matches(query, row) ||
			(walk.last >= settled &&
			 XidInMVCCSnapshot(datom_rowset_xmin(&walk), query->snapshot)))
			continue;
		if (lend)
			*datom_tail_out_row(out) = *row;
		else if (!datom_tail_take_copy(out, row))
			return false;
	}
	return true;
}

/*
 * DatomTailEntries
 */

/* Where too many subtransactions ran, their list does not count, or is not there. */
static int
listed_subxids(const SnapshotData *snapshot)
{
	return snapshot->suboverflowed && !snapshot->takenDuringRecovery ? 0 :
		snapshot->subxcnt;
}

static bool
same_xids(const TransactionId *a, const TransactionId *b, int n)
{
	return n == 0 || memcmp(a, b, sizeof(TransactionId) * n) == 0;
}

static bool
same_members(const SnapshotData *a, const SnapshotData *b)
{
	int			nsubxids = listed_subxids(a);

	return a->xmin == b->xmin && a->xmax == b->xmax && a->xcnt == b->xcnt &&
		a->suboverflowed == b->suboverflowed &&
		a->takenDuringRecovery == b->takenDuringRecovery &&
		nsubxids == listed_subxids(b) && same_xids(a->xip, b->xip, a->xcnt) &&
		same_xids(a->subxip, b->subxip, nsubxids);
}

static TransactionId *
copy_xids(const TransactionId *xids, int n)
{
	TransactionId *copy = palloc(sizeof(TransactionId) * Max(n, 1));

	if (n > 0)
		memcpy(copy, xids, sizeof(TransactionId) * n);
	return copy;
}

static bool
sight_serves(const Sight *sight, const DatomTailQuery *query)
{
	return sight->valid && sight->basis == query->basis &&
		sight->xid == GetTopTransactionIdIfAny() &&
		same_members(&sight->snapshot, query->snapshot);
}

/* Begins a sight anew; its lists are allocated in its context. */
static void
begin_sight(Sight *sight, const DatomTailQuery *query)
{
	MemoryContext context = sight->context;
	MemoryContext old;

	if (context)
		MemoryContextReset(context);
	else
		context = AllocSetContextCreate(TopMemoryContext, "datom sight",
										ALLOCSET_SMALL_SIZES);
	memset(sight, 0, sizeof(Sight));
	sight->context = context;
	old = MemoryContextSwitchTo(context);
	sight->snapshot = *query->snapshot;
	sight->snapshot.xip = copy_xids(query->snapshot->xip, query->snapshot->xcnt);
	sight->snapshot.subxip = copy_xids(query->snapshot->subxip,
									   listed_subxids(query->snapshot));
	MemoryContextSwitchTo(old);
	sight->xid = GetTopTransactionIdIfAny();
	sight->basis = query->basis;
}

/* What a walk through the entries of a table is to find. */
typedef struct Look
{
	const DatomTailQuery *query;
	TimestampTz reached;		/* final entries above it are wanted */
	TimestampTz final;			/* up to here; lowered by what is found */
	bool		beyond;			/* and all above that */
	DatomTailEntries fresh;
	DatomTailEntries *newer;
	DatomTailEntries *own;
	MemoryContext context;		/* of newer and own */
} Look;

static void
put_entry(const Look *look, DatomTailEntries *list, int64 tx, TimestampTz instant)
{
	MemoryContext old = CurrentMemoryContext;

	if (list != &look->fresh)
		MemoryContextSwitchTo(look->context);
	datom_tail_add_entry(list, tx, instant);
	MemoryContextSwitchTo(old);
}

/*
 * A running entry at or below the basis was inserted by hand since the snapshot
 * was taken: what is not below it is not final, others of its instant included.
 */
static void
lower_final(Look *look, TimestampTz instant)
{
	DatomTailEntries *fresh = &look->fresh;

	look->final = Min(look->final, instant - 1);
	while (fresh->count > 0 && fresh->list[fresh->count - 1].instant > look->final)
	{
		DatomTailEntry *last = &fresh->list[--fresh->count];

		put_entry(look, look->newer, last->tx, last->instant);
	}
}

static void
look_at_entry(Look *look, HeapTuple tuple, int64 tx, TimestampTz instant)
{
	EntryState	state = datom_basis_state(tuple, look->query->snapshot);

	if (state == ENTRY_RUNNING)
	{
		lower_final(look, instant);
		if (TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(tuple->t_data)))
			put_entry(look, look->own, tx, instant);
	}
	else if (state == ENTRY_COMMITTED && instant > look->final)
		put_entry(look, look->newer, tx, instant);
	else if (state == ENTRY_COMMITTED && instant > look->reached)
		put_entry(look, &look->fresh, tx, instant);
}

static void
look_at_entries(Look *look, Oid relid, TimestampTz start)
{
	TimestampTz bound = look->final;
	HeapTuple	tuple;
	Walk		walk;

	datom_walk_entries_above(&walk, relid, start);
	tx_relid = RelationGetRelid(walk.rel);
	while ((tuple = datom_walk_next(&walk)) != NULL)
	{
		TimestampTz instant = DatumGetTimestampTz(datom_walk_get(&walk, tuple, Anum_tx_instant));

		if (!look->beyond && instant > bound)
			break;
		look_at_entry(look, tuple, DatumGetInt64(datom_walk_get(&walk, tuple, Anum_tx_tx)),
					  instant);
	}
	datom_walk_end(&walk);
}

/*
 * Final rows
 */

static bool
mostly_below(const Tail *tail, TimestampTz above)
{
	DatomRowSetWalk walk;
	const DatomRow *row;
	int			below = 0;

	if (tail->rows == NULL)
		return true;
	datom_rowset_all(&walk, tail->rows);
	while ((row = datom_rowset_next(&walk)) != NULL)
		below += row->instant <= above;
	return below * 2 >= datom_rowset_count(tail->rows);
}

/*
 * Cuts the cache when the queries of a window had no need of most of it. Not at
 * once: orders of a table may have different watermarks.
 */
static void
trim(Tail *tail, TimestampTz above)
{
	tail->lowest = Min(tail->lowest, above);
	if (++tail->queries < WINDOW)
		return;
	if (tail->lowest > tail->above && tail->lowest != tail->trimmed &&
		mostly_below(tail, tail->lowest))
		restart(tail, tail->lowest);
	tail->trimmed = tail->lowest;
	tail->queries = 0;
	tail->lowest = DT_NOEND;
}

/* Makes the cache begin where the query can use it; false if it is too much. */
static bool
position(Tail *tail, TimestampTz above, TimestampTz bound)
{
	if (tail->full && above <= tail->full_above && bound >= tail->full_at)
		return false;
	trim(tail, above);
	if (above < tail->above || above > tail->reached)
		restart(tail, above);
	return true;
}

/* Remembers that (above, at] is too much, if that says more than is known. */
static void
give_up(Tail *tail, TimestampTz at)
{
	if (!tail->full || tail->above > tail->full_above ||
		(tail->above == tail->full_above && at < tail->full_at))
	{
		tail->full_above = tail->above;
		tail->full_at = at;
	}
	tail->full = true;
	restart(tail, DT_NOEND);
}

/*
 * Rows that were given the tx of a transaction that has long ended may be there,
 * but not for this snapshot. Another may see them, so what is read now serves
 * this query alone. Or they are there for this snapshot and not for an older one
 * that this transaction still has.
 */
static bool
fill(Relation rel, Tail *tail, const Look *look)
{
	Filling		filling;
	DatomTailReading reading = {
		.rel = rel, .snapshot = look->query->snapshot, .whose = WHOSE_OTHERS,
		.unseen = &tail->unseen, .xmin = &filling.xmin,
		.take = take_into_set, .arg = &filling
	};
	bool		all = look->fresh.count <= TAIL_MOST_ROWS;

	tail->filling = true;
	if (tail->rows == NULL && look->fresh.count > 0)
		tail->rows = datom_rowset_create(TopMemoryContext);
	filling.set = tail->rows;
	if (tail->filled_in != MyProc->lxid)
		tail->settled = tail->rows ? datom_rowset_count(tail->rows) : 0;
	tail->filled_in = MyProc->lxid;
	all = all && datom_tail_read(&reading, &look->fresh);
	tail->filling = false;
	if (all)
		tail->reached = Max(tail->reached, look->final);
	else
		give_up(tail, look->final);
	return all;
}

/* Brings the cache up to look->final, and the sight up to date if it is wanted. */
static bool
bring_up(Relation rel, Tail *tail, Look *look, bool keep)
{
	Sight	   *sight = &tail->sight;
	bool		behind = keep && look->final > tail->reached;
	bool		blind = look->beyond && !sight_serves(sight, look->query);
	bool		ok = true;

	if (!behind && !blind)
		return true;
	look->reached = behind ? tail->reached : look->final;
	if (look->beyond)
	{
		begin_sight(sight, look->query);
		look->newer = &sight->newer;
		look->own = &sight->own;
		look->context = sight->context;
	}
	look_at_entries(look, RelationGetRelid(rel), Min(look->reached, look->final));
	if (look->beyond)
	{
		sight->from = look->final;
		sight->valid = true;
	}
	if (behind)
		ok = fill(rel, tail, look);
	datom_tail_free_entries(&look->fresh);
	return ok;
}

/* What others have committed, to be copied. */
static DatomTailReading
committed_to(Relation rel, const DatomTailQuery *query, DatomTailOut *out)
{
	return (DatomTailReading) {
		.rel = rel, .snapshot = query->snapshot, .query = query,
		.whose = WHOSE_OTHERS, .take = datom_tail_take_copy, .arg = out
	};
}

/* Looks an entity up in each transaction, unless they are many. */
static bool
look_up_each(Relation rel, const DatomTailQuery *query, TimestampTz upto,
			 DatomTailOut *out)
{
	DatomTailReading reading = committed_to(rel, query, out);
	DatomTailEntries entries = {0};
	HeapTuple	tuple;
	Walk		walk;
	bool		few = true;

	if (query->which != TAIL_ENTITY)
		return false;
	datom_walk_entries_above(&walk, RelationGetRelid(rel), query->above);
	while (few && (tuple = datom_walk_next(&walk)) != NULL)
	{
		TimestampTz instant = DatumGetTimestampTz(datom_walk_get(&walk, tuple, Anum_tx_instant));

		if (instant > upto)
			break;
		if (datom_basis_state(tuple, query->snapshot) == ENTRY_COMMITTED)
			datom_tail_add_entry(&entries, DatumGetInt64(datom_walk_get(&walk, tuple, Anum_tx_tx)),
								 instant);
		few = entries.count <= FEW;
	}
	datom_walk_end(&walk);
	few = few && datom_tail_read(&reading, &entries);
	datom_tail_free_entries(&entries);
	return few;
}

/*
 * Newer rows
 */

static bool
read_newer(Relation rel, const DatomTailEntries *newer, const DatomTailQuery *query,
		   DatomTailOut *out)
{
	DatomTailReading reading = committed_to(rel, query, out);
	DatomTailEntries asked = datom_tail_asked_for(newer, query);
	bool		more = datom_tail_read(&reading, &asked);

	datom_tail_free_entries(&asked);
	return more;
}

/* Keeps the newer rows for other queries with this sight, unless they are many. */
static void
fill_sight(Relation rel, Sight *sight, const DatomTailQuery *query)
{
	DatomRowSet *rows = datom_rowset_create(sight->context);
	Filling		filling = {.set = rows};
	DatomTailReading reading = {
		.rel = rel, .snapshot = query->snapshot, .whose = WHOSE_OTHERS,
		.take = take_into_set, .arg = &filling
	};

	sight->full = !datom_tail_read(&reading, &sight->newer);
	if (sight->full)
		MemoryContextDelete(datom_rowset_context(rows));
	else
		sight->rows = rows;
}

static bool
newer_rows(Relation rel, Sight *sight, const DatomTailQuery *query, DatomTailOut *out)
{
	int			n = sight->newer.count;

	if (n == 0)
		return true;
	if (query->which == TAIL_ENTITY && n <= FEW_NEWER)
		return read_newer(rel, &sight->newer, query, out);
	if (sight->rows == NULL && !sight->full)
		fill_sight(rel, sight, query);
	if (sight->rows)
		return take_from_set(sight->rows, INT_MAX, query, DT_NOEND, false, out);
	return query->which == TAIL_ENTITY && n <= FEW &&
		read_newer(rel, &sight->newer, query, out);
}

/*
 * All
 */

/*
 * Brings the cache to serve the query; false if it does not, because there is
 * too much. What it held for other queries is given up first.
 */
static bool
keep_final(Relation rel, Tail *tail, Look *look)
{
	TimestampTz bound = look->final;

	for (int tries = 0; tries < 2 && position(tail, look->query->above, bound); tries++)
	{
		if (bring_up(rel, tail, look, true))
			return true;
		if (!look->beyond)
			datom_tail_free_entries(look->newer);
		look->final = bound;
	}
	bring_up(rel, tail, look, false);
	return false;
}

static bool
tail_rows(Relation rel, Tail *tail, const DatomTailQuery *query, DatomTailOut *out)
{
	DatomTailEntries newer = {0};
	DatomTailEntries own = {0};
	Look		look = {
		.query = query, .final = Min(query->basis, query->at),
		.beyond = query->at == DT_NOEND, .newer = &newer, .own = &own,
		.context = CurrentMemoryContext
	};
	bool		lend = query->which == TAIL_ALL;
	bool		ok = true;

	if (look.final <= query->above)
		bring_up(rel, tail, &look, false);
	else if (!keep_final(rel, tail, &look))
		ok = look_up_each(rel, query, look.beyond ? tail->sight.from : look.final, out);
	else if (tail->rows)
	{
		tail->lent |= lend;
		ok = take_from_set(tail->rows,
						   tail->filled_in == MyProc->lxid ? tail->settled : INT_MAX,
						   query, look.beyond ? tail->sight.from : look.final,
						   lend, out);
	}
	if (look.beyond)
		return ok && newer_rows(rel, &tail->sight, query, out) &&
			datom_tail_own_rows(rel, query, &tail->sight.own, out);
	ok = ok && read_newer(rel, &newer, query, out) &&
		datom_tail_own_rows(rel, query, &own, out);
	datom_tail_free_entries(&newer);
	datom_tail_free_entries(&own);
	return ok;
}

int
datom_tail_rows(Relation rel, const DatomTailQuery *query, DatomRow **rows)
{
	DatomTailOut out = {0};
	Tail	   *tail;
	bool		ok;

	*rows = NULL;
	if (IsolationIsSerializable() && !query->self)
		return -1;
	AcceptInvalidationMessages();
	tail = current_tail(rel);
	ok = tail_rows(rel, tail, query, &out);
	if (!tail->valid)
	{
		/* What was kept before this may miss what the snapshot sees. */
		out.count = 0;
		tail = current_tail(rel);
		ok = tail_rows(rel, tail, query, &out);
	}
	if (!ok)
		return -1;
	*rows = out.rows;
	return out.count;
}

/*
 * Rows with a tx by hand may belong to a transaction whose rows are kept
 * somewhere. Everybody hears of it with the commit.
 */
static void
tell_of_given(Relation rel)
{
	if (told_relid == RelationGetRelid(rel) && SubTransactionIsActive(told_in))
		return;
	CacheInvalidateRelcache(rel);
	told_relid = RelationGetRelid(rel);
	told_in = GetCurrentSubTransactionId();
}

void
datom_tail_note(Relation rel, const DatomRow *row, bool given, bool by_value)
{
	datom_own_note(RelationGetRelid(rel), row, by_value);
	if (given)
		tell_of_given(rel);
}

void
datom_tail_init(void)
{
	HASHCTL		control = {
		.keysize = sizeof(Oid), .entrysize = sizeof(Tail), .hcxt = TopMemoryContext
	};

	tails = hash_create("datom tails", 16, &control,
						HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	datom_own_init();
	CacheRegisterRelcacheCallback(invalidate, (Datum) 0);
	RegisterXactCallback(end_transaction, NULL);
}
