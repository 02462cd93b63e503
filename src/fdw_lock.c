/*
 * fdw_lock.c: rows of an entity table that a statement will change, or was asked
 * to lock.
 *
 * A scan finds rows as of the statement's snapshot. Another transaction may have
 * changed them since, or be about to. The executor has no way to compute a row of
 * a foreign table again when it comes to writing it. So the entities are locked
 * when they are scanned, then read again with a snapshot taken after the lock, and
 * conditions and new values are computed from what they are by then: lock,
 * then snapshot, then read, as transact() does it. A row that is none any more, or
 * that the conditions do not accept any more, is left out, as with a table.
 *
 * UPDATE and DELETE first collect all rows that the conditions accept and take the
 * locks in the order of transact(), all at once, or the lock of the whole table
 * where they are many: such statements do not deadlock with each other. FOR UPDATE
 * locks row by row, since a LIMIT may stand above.
 *
 * Nothing is read twice when the newer snapshot sees what the older one saw. In
 * REPEATABLE READ and above, a row about which there is something that the
 * transaction's snapshot does not see is error 40001.
 */
#include "fdw_lock.h"

#include "access/xact.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/tuplestore.h"

#include "append.h"
#include "entity_row.h"
#include "facts.h"
#include "locks.h"
#include "rows.h"
#include "settings.h"

struct DatomRowLocker
{
	ForeignScanState *node;
	Relation	db;
	const DatomEntityTable *table;
	AttrNumber	e;				/* the column of the entity */
	bool		by_row;
	ExprState  *qual;			/* the scan's conditions, which the executor leaves to us */
	MemoryContext context;		/* of one reading */
	Tuplestorestate *found;		/* NULL: not collected yet */
	TupleTableSlot *stored;
	uint32	   *buckets;
	int			nbuckets;		/* up to one more than locks are taken */
	bool		is_stale;		/* rows must be read again */
	Snapshot	snapshot;
	DatomReader *reader;
	DatomEntityRow *row;
};

/* The strongest that the query asks for rows of the scan; NULL: none. */
static PlanRowMark *
row_mark(ForeignScanState *node, Index relid)
{
	ListCell   *lc;

	foreach(lc, node->ss.ps.state->es_plannedstmt->rowMarks)
	{
		PlanRowMark *mark = lfirst_node(PlanRowMark, lc);

		if (mark->rti == relid && mark->strength != LCS_NONE && !mark->isParent)
			return mark;
	}
	return NULL;
}

static void
refuse_wait_policy(const DatomEntityTable *table)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("rows of entity table \"%s\" cannot be locked without waiting",
					get_rel_name(table->relid)),
			 errhint("Set lock_timeout in place of NOWAIT and SKIP LOCKED.")));
}

DatomRowLocker *
datom_row_locker(ForeignScanState *node, Relation db, const DatomEntityTable *table)
{
	Index		relid = ((Scan *) node->ss.ps.plan)->scanrelid;
	bool		is_target = ExecRelationIsTargetRelation(node->ss.ps.state, relid);
	PlanRowMark *mark = row_mark(node, relid);
	DatomRowLocker *locker;

	/* Where a row is looked at again in place of a plan's, there is nothing to scan. */
	if ((!is_target && mark == NULL) || node->ss.ps.state->es_epq_active != NULL ||
		DATOM_BROKEN(BREAK_NO_ROW_LOCK))
		return NULL;
	if (mark && mark->waitPolicy != LockWaitBlock)
		refuse_wait_policy(table);
	datom_append_refuse_as_of(get_rel_name(table->relid));
	locker = palloc0(sizeof(DatomRowLocker));
	locker->node = node;
	locker->db = db;
	locker->table = table;
	locker->by_row = !is_target;
	locker->e = datom_entity_table_e(table);
	if (locker->e == InvalidAttrNumber)
		datom_entity_refuse_nameless(table);
	locker->context = AllocSetContextCreate(CurrentMemoryContext, "datom row locks",
											ALLOCSET_DEFAULT_SIZES);
	locker->stored = MakeSingleTupleTableSlot(RelationGetDescr(node->ss.ss_currentRelation),
											  &TTSOpsMinimalTuple);
	locker->buckets = palloc(sizeof(uint32) * (DATOM_MANY_LOCKS + 1));
	locker->qual = node->ss.ps.qual;
	node->ss.ps.qual = NULL;
	return locker;
}

/*
 * Reading again
 */

static bool
sees_the_same(Snapshot a, Snapshot b)
{
	return a->snapshot_type == SNAPSHOT_MVCC && b->snapshot_type == SNAPSHOT_MVCC &&
		a->xmin == b->xmin && a->xmax == b->xmax && a->curcid == b->curcid &&
		a->xcnt == b->xcnt && a->subxcnt == b->subxcnt &&
		a->suboverflowed == b->suboverflowed &&
		memcmp(a->xip, b->xip, sizeof(TransactionId) * a->xcnt) == 0 &&
		(a->subxcnt <= 0 ||
		 memcmp(a->subxip, b->subxip, sizeof(TransactionId) * a->subxcnt) == 0);
}

static void
end_reading(DatomRowLocker *locker)
{
	if (locker->reader)
	{
		datom_entity_row_free(locker->row);
		datom_facts_end(locker->reader);
		UnregisterSnapshot(locker->snapshot);
	}
	locker->reader = NULL;
	MemoryContextReset(locker->context);
}

/* After the locks: from now on rows are as they are now. */
static void
begin_reading(DatomRowLocker *locker)
{
	MemoryContext old = MemoryContextSwitchTo(locker->context);

	locker->snapshot = RegisterSnapshot(GetLatestSnapshot());
	locker->is_stale = !sees_the_same(locker->snapshot, locker->node->ss.ps.state->es_snapshot);
	if (locker->is_stale)
	{
		DatomSettled now = {.at = DT_NOEND, .snapshot = locker->snapshot};

		locker->reader = datom_facts_reader(locker->db, locker->snapshot, DT_NOEND);
		datom_rows_fresh(locker->reader->rows);
		if (IsolationUsesXactSnapshot())
			locker->reader->must_see = GetTransactionSnapshot();
		locker->row = datom_entity_row_make(locker->db, locker->table, NULL, &now,
											DT_NOBEGIN);
	}
	else
		UnregisterSnapshot(locker->snapshot);
	MemoryContextSwitchTo(old);
}

static int64
entity_in(DatomRowLocker *locker, TupleTableSlot *slot)
{
	bool		isnull;

	return DatumGetInt64(slot_getattr(slot, locker->e, &isnull));
}

/* The entity's row as the reader sees it, in the scan's slot; NULL if it is none. */
static TupleTableSlot *
read_again(DatomRowLocker *locker, int64 e)
{
	TupleTableSlot *slot = locker->node->ss.ss_ScanTupleSlot;
	const Datum *values;
	const bool *nulls;

	if (!datom_entity_row_read(locker->row, locker->reader, e, &values, &nulls))
		return NULL;
	return datom_entity_row_store(locker->table, values, nulls, slot);
}

/*
 * Once for what the scan gives, and once more for a row that is read again: as
 * often as for a table, since a condition may be volatile.
 */
static bool
is_accepted(DatomRowLocker *locker, TupleTableSlot *slot)
{
	ExprContext *econtext = locker->node->ss.ps.ps_ExprContext;

	ResetExprContext(econtext);
	econtext->ecxt_scantuple = slot;
	if (ExecQual(locker->qual, econtext))
		return true;
	InstrCountFiltered1(locker->node, 1);
	return false;
}

/*
 * All at once
 */

static void
note_bucket(DatomRowLocker *locker, int64 e)
{
	if (locker->nbuckets <= DATOM_MANY_LOCKS)
		locker->buckets[locker->nbuckets++] = datom_lock_entity_bucket(e);
}

/* Rows that the conditions accept as they were. */
static void
collect(DatomRowLocker *locker, TupleTableSlot *(*next) (ForeignScanState *node))
{
	MemoryContext old = MemoryContextSwitchTo(locker->node->ss.ps.state->es_query_cxt);
	TupleTableSlot *slot;

	locker->found = tuplestore_begin_heap(false, false, work_mem);
	locker->nbuckets = 0;
	MemoryContextSwitchTo(old);
	while ((slot = next(locker->node)) != NULL)
	{
		CHECK_FOR_INTERRUPTS();
		if (!is_accepted(locker, slot))
			continue;
		tuplestore_puttupleslot(locker->found, slot);
		note_bucket(locker, entity_in(locker, slot));
	}
	datom_lock_buckets(locker->table->db, locker->buckets, locker->nbuckets);
	begin_reading(locker);
}

/* A row from disk is in the current context, which goes with the row. */
static bool
fetch_collected(DatomRowLocker *locker)
{
	MemoryContext old = MemoryContextSwitchTo(locker->stored->tts_mcxt);
	bool		found = tuplestore_gettupleslot(locker->found, true, false, locker->stored);

	MemoryContextSwitchTo(old);
	return found;
}

static TupleTableSlot *
next_collected(DatomRowLocker *locker)
{
	TupleTableSlot *slot = locker->node->ss.ss_ScanTupleSlot;

	while (fetch_collected(locker))
	{
		CHECK_FOR_INTERRUPTS();
		if (!locker->is_stale)
			return ExecCopySlot(slot, locker->stored);
		if (read_again(locker, entity_in(locker, locker->stored)) &&
			is_accepted(locker, slot))
			return slot;
	}
	return NULL;
}

/*
 * Row by row
 */

static TupleTableSlot *
next_by_row(DatomRowLocker *locker, TupleTableSlot *(*next) (ForeignScanState *node))
{
	TupleTableSlot *slot;

	while ((slot = next(locker->node)) != NULL)
	{
		uint32		bucket = datom_lock_entity_bucket(entity_in(locker, slot));
		bool		is_row = true;

		CHECK_FOR_INTERRUPTS();
		if (!is_accepted(locker, slot))
			continue;
		datom_lock_buckets(locker->table->db, &bucket, 1);
		begin_reading(locker);
		if (locker->is_stale)
		{
			is_row = read_again(locker, entity_in(locker, slot)) && is_accepted(locker, slot);
			ExecMaterializeSlot(slot);
		}
		end_reading(locker);
		if (is_row)
			return slot;
	}
	return NULL;
}

TupleTableSlot *
datom_row_locker_next(DatomRowLocker *locker,
					  TupleTableSlot *(*next) (ForeignScanState *node))
{
	if (locker->by_row)
		return next_by_row(locker, next);
	if (locker->found == NULL)
		collect(locker, next);
	return next_collected(locker);
}

void
datom_row_locker_rescan(DatomRowLocker *locker)
{
	end_reading(locker);
	if (locker->found)
		tuplestore_end(locker->found);
	locker->found = NULL;
}

void
datom_row_locker_end(DatomRowLocker *locker)
{
	datom_row_locker_rescan(locker);
	ExecDropSingleTupleTableSlot(locker->stored);
	MemoryContextDelete(locker->context);
}
