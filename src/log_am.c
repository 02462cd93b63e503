/*
 * log_am.c: the table access method "datom".
 *
 * Storage is heap's: visibility, freezing, toast, indexes, savepoints, logical
 * decoding, standbys. What differs is that rows are prepared before they go in
 * and that nothing can be changed or taken out. All WAL is heap's, so a server
 * without this library recovers and replicates a datom table.
 *
 * Two callbacks of heap look at the relation's access method and accept none
 * but their own; as_heap() lends it to them.
 */
#include "log_am.h"

#include "access/heapam.h"
#include "access/multixact.h"
#include "access/tableam.h"
#include "catalog/index.h"
#include "catalog/pg_am.h"
#include "commands/vacuum.h"
#include "fmgr.h"
#include "storage/bufmgr.h"
#include "utils/rel.h"

#include "append.h"
#include "datom.h"
#include "locks.h"
#include "log.h"

static const TableAmRoutine *heap;
static TableAmRoutine routine;

static const struct
{
	int			sqlstate;
	const char *message;		/* with the table's name */
	const char *detail;
	const char *hint;
}			refusals[] = {
	[REFUSE_UPDATE] = {ERRCODE_FEATURE_NOT_SUPPORTED,
		"cannot update datom table \"%s\"",
		"What was said stays said.",
	"Assert the new value with INSERT or datom.transact()."},
	[REFUSE_DELETE] = {ERRCODE_FEATURE_NOT_SUPPORTED,
		"cannot delete from datom table \"%s\"",
		"What was said stays said.",
	"Retract the fact: insert it with added = false, or use datom.transact()."},
	[REFUSE_TRUNCATE] = {ERRCODE_FEATURE_NOT_SUPPORTED,
		"cannot truncate datom table \"%s\"",
		"What was said stays said.",
	"Drop the table if all of its history is to go."},
	[REFUSE_LOCK] = {ERRCODE_FEATURE_NOT_SUPPORTED,
		"cannot lock rows of datom table \"%s\" for update",
		"Its rows never change.",
	"Use datom.transact(), which locks entities, or :db/cas in it."},
	[REFUSE_CLUSTER] = {ERRCODE_FEATURE_NOT_SUPPORTED,
		"cannot rewrite datom table \"%s\"",
		"A datom table is appended to and never rewritten.",
	"Plain VACUUM works."},
	[REFUSE_ACCESS_METHOD] = {ERRCODE_FEATURE_NOT_SUPPORTED,
		"cannot change the access method of datom table \"%s\"",
		"A datom table is appended to and never rewritten.",
	"Copy its rows into another table with CREATE TABLE AS."},
	[REFUSE_TO_DATOM] = {ERRCODE_FEATURE_NOT_SUPPORTED,
		"cannot make table \"%s\" a datom table",
		"A datom table begins empty.",
	"Create one with datom.create() and insert the rows as facts."},
	[REFUSE_SHAPE] = {ERRCODE_INVALID_TABLE_DEFINITION,
		"table \"%s\" does not have the shape of a datom table",
		"A datom table is of type datom.datom: e, a, v, tx, added.",
	"Use datom.create(), or CREATE TABLE ... OF datom.datom USING datom."},
	[REFUSE_TYPE] = {ERRCODE_FEATURE_NOT_SUPPORTED,
		"cannot change the shape of \"%s\"",
		"A datom table is of type datom.datom: e, a, v, tx, added.",
	"Define an attribute with datom.define_attribute() instead of a column."},
	[REFUSE_CHILD] = {ERRCODE_FEATURE_NOT_SUPPORTED,
		"cannot inherit from datom table \"%s\"",
		"Functions over facts would not see the rows of a child.",
	"Create another datom table, and a view over both."},
	[REFUSE_PERSISTENCE] = {ERRCODE_FEATURE_NOT_SUPPORTED,
		"datom table \"%s\" cannot be temporary or unlogged",
		"What was said must survive.",
	"Create a permanent table."},
};

void
datom_refuse(DatomRefusal why, const char *table)
{
	ereport(ERROR,
			(errcode(refusals[why].sqlstate),
			 errmsg(refusals[why].message, table),
			 errdetail("%s", refusals[why].detail),
			 errhint("%s", refusals[why].hint)));
}

/*
 * Insertion
 */

/* FREEZE would show rows to snapshots that do not see their entry. */
static int
allowed_options(int options)
{
	return options & ~HEAP_INSERT_FROZEN;
}

static void
tuple_insert(Relation rel, TupleTableSlot *slot, CommandId cid, int options,
			 BulkInsertState bistate)
{
	datom_append_row(rel, slot);
	heap->tuple_insert(rel, slot, cid, allowed_options(options), bistate);
}

static void
tuple_insert_speculative(Relation rel, TupleTableSlot *slot, CommandId cid,
						 int options, BulkInsertState bistate, uint32 token)
{
	datom_append_row(rel, slot);
	heap->tuple_insert_speculative(rel, slot, cid, allowed_options(options),
								   bistate, token);
}

static void
multi_insert(Relation rel, TupleTableSlot **slots, int nslots, CommandId cid,
			 int options, BulkInsertState bistate)
{
	datom_append_batch(rel, slots, nslots);
	heap->multi_insert(rel, slots, nslots, cid, allowed_options(options), bistate);
}

/*
 * Refusals
 */

static TM_Result
tuple_delete(Relation rel, ItemPointer tid, CommandId cid, Snapshot snapshot,
			 Snapshot crosscheck, bool wait, TM_FailureData *tmfd,
			 bool changing_part)
{
	datom_refuse(REFUSE_DELETE, RelationGetRelationName(rel));
}

static TM_Result
tuple_update(Relation rel, ItemPointer otid, TupleTableSlot *slot, CommandId cid,
			 Snapshot snapshot, Snapshot crosscheck, bool wait,
			 TM_FailureData *tmfd, LockTupleMode *lockmode, bool *update_indexes)
{
	datom_refuse(REFUSE_UPDATE, RelationGetRelationName(rel));
}

/*
 * A row that cannot change needs no lock to be shared: it is enough that it is
 * there. Nothing is written.
 */
static TM_Result
tuple_lock(Relation rel, ItemPointer tid, Snapshot snapshot, TupleTableSlot *slot,
		   CommandId cid, LockTupleMode mode, LockWaitPolicy wait_policy,
		   uint8 flags, TM_FailureData *tmfd)
{
	if (mode == LockTupleExclusive || mode == LockTupleNoKeyExclusive)
		datom_refuse(REFUSE_LOCK, RelationGetRelationName(rel));
	tmfd->traversed = false;
	return heap->tuple_fetch_row_version(rel, tid, snapshot, slot) ?
		TM_Ok : TM_Invisible;
}

/* That the table is OF datom.datom is seen to where it is created. */
static bool
has_shape(TupleDesc desc)
{
	static const char *const columns[Natts_datom] = {"e", "a", "v", "tx", "added"};

	if (desc->natts != Natts_datom)
		return false;
	for (int i = 0; i < Natts_datom; i++)
		if (strcmp(NameStr(TupleDescAttr(desc, i)->attname), columns[i]) != 0)
			return false;
	return true;
}

/*
 * A table in whose file nothing was ever written may be truncated: pg_restore
 * with several jobs does so before it fills one.
 */
static void
check_truncate(Relation rel)
{
	if (RelationGetNumberOfBlocks(rel) > 0)
		datom_refuse(REFUSE_TRUNCATE, RelationGetRelationName(rel));
}

/* Called for a new table and, with another file than its own, by TRUNCATE. */
static void
relation_set_new_filenode(Relation rel, const RelFileNode *newrnode,
						  char persistence, TransactionId *freezeXid,
						  MultiXactId *minmulti)
{
	const char *name = RelationGetRelationName(rel);

	if (newrnode->relNode != rel->rd_node.relNode)
		check_truncate(rel);
	if (persistence != RELPERSISTENCE_PERMANENT)
		datom_refuse(REFUSE_PERSISTENCE, name);
	if (rel->rd_rel->relkind != RELKIND_RELATION || !has_shape(RelationGetDescr(rel)))
		datom_refuse(REFUSE_SHAPE, name);
	heap->relation_set_new_filenode(rel, newrnode, persistence, freezeXid, minmulti);
}

static void
relation_nontransactional_truncate(Relation rel)
{
	check_truncate(rel);
}

static void
relation_copy_for_cluster(Relation from, Relation to, Relation index, bool use_sort,
						  TransactionId oldest_xmin, TransactionId *xid_cutoff,
						  MultiXactId *multi_cutoff, double *num_tuples,
						  double *tups_vacuumed, double *tups_recently_dead)
{
	datom_refuse(REFUSE_CLUSTER, RelationGetRelationName(from));
}

/*
 * Index builds
 */

static double
index_build_range_scan(Relation rel, Relation index, IndexInfo *info,
					   bool allow_sync, bool anyvisible, bool progress,
					   BlockNumber start, BlockNumber blocks,
					   IndexBuildCallback callback, void *state,
					   TableScanDesc scan)
{
	const TableAmRoutine *own = rel->rd_tableam;
	double		tuples = 0;

	PG_TRY();
	{
		rel->rd_tableam = heap;
		tuples = heap->index_build_range_scan(rel, index, info, allow_sync,
											  anyvisible, progress, start, blocks,
											  callback, state, scan);
	}
	PG_FINALLY();
	{
		rel->rd_tableam = own;
	}
	PG_END_TRY();
	return tuples;
}

static void
index_validate_scan(Relation rel, Relation index, IndexInfo *info,
					Snapshot snapshot, ValidateIndexState *state)
{
	const TableAmRoutine *own = rel->rd_tableam;

	PG_TRY();
	{
		rel->rd_tableam = heap;
		heap->index_validate_scan(rel, index, info, snapshot, state);
	}
	PG_FINALLY();
	{
		rel->rd_tableam = own;
	}
	PG_END_TRY();
}

static Oid
relation_toast_am(Relation rel)
{
	return HEAP_TABLE_AM_OID;
}

PG_FUNCTION_INFO_V1(datom_tableam_handler);

/* datom.tableam_handler(internal): the access method. */
Datum
datom_tableam_handler(PG_FUNCTION_ARGS)
{
	if (heap == NULL)
	{
		heap = GetHeapamTableAmRoutine();
		routine = *heap;
		routine.tuple_insert = tuple_insert;
		routine.tuple_insert_speculative = tuple_insert_speculative;
		routine.multi_insert = multi_insert;
		routine.tuple_delete = tuple_delete;
		routine.tuple_update = tuple_update;
		routine.tuple_lock = tuple_lock;
		routine.relation_set_new_filenode = relation_set_new_filenode;
		routine.relation_nontransactional_truncate = relation_nontransactional_truncate;
		routine.relation_copy_for_cluster = relation_copy_for_cluster;
		routine.index_build_range_scan = index_build_range_scan;
		routine.index_validate_scan = index_validate_scan;
		routine.relation_toast_am = relation_toast_am;
	}
	PG_RETURN_POINTER(&routine);
}
