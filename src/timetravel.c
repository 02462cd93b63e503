/*
 * timetravel.c: the functions that ask about the past.
 *
 * Each is a selection of the facts, which come from a scan where the table has
 * orders (scan.c) and else from the whole log (db.c):
 *
 *	as_of(x)		those that hold at x
 *	since(x)		those that hold at the moment in force and began after x
 *	history()		each beginning, and each end that is known
 *	log(x, y)		history from x until before y, in the order of commits
 *	diff(x, y)		those that hold at one of the two moments only
 *
 * Rows are of the type datom.datom. A fact that ends appears in history, log
 * and diff as a retraction by the transaction that ended it, whether that
 * retracted the value or asserted another.
 */
#include "timetravel.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "executor/spi.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/tuplesort.h"
#include "utils/typcache.h"

#include "db.h"
#include "log.h"
#include "scan.h"
#include "settings.h"
#include "ticker.h"
#include "basis.h"
#include "ledger.h"
#include "txlog.h"

/* What a function picks from the facts, and where it puts the rows. */
typedef struct Pick
{
	ReturnSetInfo *result;
	Tuplesortstate *sort;		/* log: rows wait here for their order */
	TupleTableSlot *slot;
	TimestampTz from;
	TimestampTz to;
} Pick;

static void
refuse_null_argument(const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
			 errmsg("%s must not be null", what)));
}

DatomMoment
datom_moment_of(Oid type, Datum value, bool isnull)
{
	if (isnull)
		refuse_null_argument("the moment");
	switch (type)
	{
		case INT8OID:
			return (DatomMoment) {
				.kind = MOMENT_TX, .tx = DatumGetInt64(value)
			};
		case TIMESTAMPTZOID:
			return (DatomMoment) {
				.kind = MOMENT_INSTANT, .instant = DatumGetTimestampTz(value)
			};
		default:
			return datom_moment_read(TextDatumGetCString(value));
	}
}

DatomMoment
datom_moment_arg(FunctionCallInfo fcinfo, int argno)
{
	if (PG_NARGS() <= argno)
		return datom_moment_in_force();
	return datom_moment_of(get_fn_expr_argtype(fcinfo->flinfo, argno),
						   PG_GETARG_DATUM(argno), PG_ARGISNULL(argno));
}

static Relation
open_for_reading(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(0))
		refuse_null_argument("the datom table");
	return datom_log_open(PG_GETARG_OID(0), ACL_SELECT);
}

static void
put(Pick *pick, int64 e, Datum a, DatomValue *v, int64 tx, bool added)
{
	Datum		values[Natts_datom];
	bool		nulls[Natts_datom] = {0};

	values[Anum_datom_e - 1] = Int64GetDatum(e);
	values[Anum_datom_a - 1] = a;
	values[Anum_datom_v - 1] = PointerGetDatum(v);
	values[Anum_datom_tx - 1] = Int64GetDatum(tx);
	values[Anum_datom_added - 1] = BoolGetDatum(added);
	tuplestore_putvalues(pick->result->setResult, pick->result->setDesc, values, nulls);
}

/* Runs `take` over the facts of the table and returns its rows. */
static Datum
answer(FunctionCallInfo fcinfo, Relation rel, DatomSettled *settled,
	   DatomFactsFn take, Pick *pick)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "datom question",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old;

	InitMaterializedSRF(fcinfo, 0);
	pick->result = (ReturnSetInfo *) fcinfo->resultinfo;
	old = MemoryContextSwitchTo(context);
	datom_db_facts(rel, settled, take, pick);
	MemoryContextSwitchTo(old);
	datom_settled_end(settled);
	table_close(rel, AccessShareLock);
	MemoryContextDelete(context);
	return (Datum) 0;
}

/* The same by a scan, where orders make it quick. */
static Datum
answer_by_scan(FunctionCallInfo fcinfo, Relation rel, DatomSettled *settled,
			   DatomScanMode mode, TimestampTz since)
{
	DatomScanQuery query = {
		.mode = mode, .since = since, .e_min = PG_INT64_MIN, .e_max = PG_INT64_MAX,
		.need_a = true, .need_v = true, .need_tx = true
	};
	MemoryContext each = AllocSetContextCreate(CurrentMemoryContext, "datom row",
											   ALLOCSET_DEFAULT_SIZES);
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	DatomScan  *scan;
	Datum		values[Natts_datom];
	bool		nulls[Natts_datom] = {0};
	MemoryContext old;

	InitMaterializedSRF(fcinfo, 0);
	scan = datom_scan_begin(rel, settled, &query, NULL);
	old = MemoryContextSwitchTo(each);
	while (datom_scan_next(scan, values, nulls))
	{
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
		MemoryContextReset(each);
	}
	MemoryContextSwitchTo(old);
	datom_scan_end(scan);
	datom_settled_end(settled);
	table_close(rel, AccessShareLock);
	MemoryContextDelete(each);
	return (Datum) 0;
}

static void
take_as_of(void *arg, int64 e, Datum a, const DatomFact *facts, int n)
{
	Pick	   *pick = arg;

	for (int i = 0; i < n; i++)
		if (datom_fact_holds(&facts[i], pick->to) && facts[i].from > pick->from)
			put(pick, e, a, facts[i].v, facts[i].tx, true);
}

static void
take_history(void *arg, int64 e, Datum a, const DatomFact *facts, int n)
{
	Pick	   *pick = arg;

	for (int i = 0; i < n; i++)
	{
		put(pick, e, a, facts[i].v, facts[i].tx, true);
		if (facts[i].to_tx != 0)
			put(pick, e, a, facts[i].v, facts[i].to_tx, false);
	}
}

PG_FUNCTION_INFO_V1(datom_as_of_facts);

/*
 * datom.as_of(db [, at]): the facts that hold at the moment, which is
 * included; without one, at the moment in force. A moment that is not final is
 * waited for, or an error.
 */
Datum
datom_as_of_facts(PG_FUNCTION_ARGS)
{
	Relation	rel = open_for_reading(fcinfo);
	DatomSettled settled = datom_settle(RelationGetRelid(rel),
										datom_moment_arg(fcinfo, 1));
	Pick		pick = {.from = DT_NOBEGIN, .to = settled.at};

	if (datom_scan_by_orders(rel))
		return answer_by_scan(fcinfo, rel, &settled, SCAN_AS_OF, DT_NOBEGIN);
	return answer(fcinfo, rel, &settled, take_as_of, &pick);
}

PG_FUNCTION_INFO_V1(datom_since);

/*
 * datom.since(db, at): the facts that hold at the moment in force and were
 * asserted after `at`, which is excluded.
 */
Datum
datom_since(PG_FUNCTION_ARGS)
{
	Relation	rel = open_for_reading(fcinfo);
	TimestampTz from = datom_moment_instant(RelationGetRelid(rel),
											datom_moment_arg(fcinfo, 1));
	DatomSettled settled = datom_settle(RelationGetRelid(rel), datom_moment_in_force());
	Pick		pick = {.from = from, .to = settled.at};

	if (datom_scan_by_orders(rel))
		return answer_by_scan(fcinfo, rel, &settled, SCAN_AS_OF, from);
	return answer(fcinfo, rel, &settled, take_as_of, &pick);
}

PG_FUNCTION_INFO_V1(datom_history);

/*
 * datom.history(db): every assertion and retraction up to the moment in force,
 * those that another value implies too, and none that changed nothing.
 */
Datum
datom_history(PG_FUNCTION_ARGS)
{
	Relation	rel = open_for_reading(fcinfo);
	DatomSettled settled = datom_settle(RelationGetRelid(rel), datom_moment_in_force());
	Pick		pick = {.to = settled.at};

	if (datom_scan_by_orders(rel))
		return answer_by_scan(fcinfo, rel, &settled, SCAN_HISTORY, DT_NOBEGIN);
	return answer(fcinfo, rel, &settled, take_history, &pick);
}

/*
 * log
 */

enum
{
	LOG_INSTANT,
	LOG_TX,
	LOG_ADDED,
	LOG_E,
	LOG_A,
	LOG_V,
	LOG_COLUMNS
};

static TupleDesc
log_desc(TupleDesc datom)
{
	TupleDesc	desc = CreateTemplateTupleDesc(LOG_COLUMNS);

	TupleDescInitEntry(desc, LOG_INSTANT + 1, "instant", INT8OID, -1, 0);
	TupleDescInitEntry(desc, LOG_TX + 1, "tx", INT8OID, -1, 0);
	TupleDescInitEntry(desc, LOG_ADDED + 1, "added", BOOLOID, -1, 0);
	TupleDescInitEntry(desc, LOG_E + 1, "e", INT8OID, -1, 0);
	TupleDescInitEntry(desc, LOG_A + 1, "a",
					   TupleDescAttr(datom, Anum_datom_a - 1)->atttypid, -1, 0);
	TupleDescInitEntry(desc, LOG_V + 1, "v",
					   TupleDescAttr(datom, Anum_datom_v - 1)->atttypid, -1, 0);
	return desc;
}

/* In the order of commits; in one transaction retractions first. */
static void
begin_log_sort(Pick *pick, TupleDesc datom)
{
	TupleDesc	desc = log_desc(datom);
	AttrNumber	columns[LOG_COLUMNS];
	Oid			operators[LOG_COLUMNS];
	Oid			collations[LOG_COLUMNS] = {0};
	bool		nulls_first[LOG_COLUMNS] = {0};

	for (int i = 0; i < LOG_COLUMNS; i++)
	{
		columns[i] = i + 1;
		operators[i] = lookup_type_cache(TupleDescAttr(desc, i)->atttypid,
										 TYPECACHE_LT_OPR)->lt_opr;
	}
	pick->slot = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
	pick->sort = tuplesort_begin_heap(desc, LOG_COLUMNS, columns, operators,
									  collations, nulls_first, work_mem, NULL,
									  TUPLESORT_NONE);
}

static void
sort_event(Pick *pick, int64 e, Datum a, Datum v, int64 tx, TimestampTz instant, bool added)
{
	Datum	   *values = pick->slot->tts_values;

	if (instant < pick->from || (instant >= pick->to && pick->to != DT_NOEND))
		return;
	ExecClearTuple(pick->slot);
	values[LOG_INSTANT] = Int64GetDatum(instant);
	values[LOG_TX] = Int64GetDatum(tx);
	values[LOG_ADDED] = BoolGetDatum(added);
	values[LOG_E] = Int64GetDatum(e);
	values[LOG_A] = a;
	values[LOG_V] = v;
	memset(pick->slot->tts_isnull, 0, sizeof(bool) * LOG_COLUMNS);
	ExecStoreVirtualTuple(pick->slot);
	tuplesort_puttupleslot(pick->sort, pick->slot);
}

/* The events of a scan of history, from pick->from on. */
static void
sort_scanned(FunctionCallInfo fcinfo, Relation rel, DatomSettled *settled, Pick *pick)
{
	DatomScanQuery query = {
		.mode = SCAN_HISTORY, .since = pick->from, .e_min = PG_INT64_MIN,
		.e_max = PG_INT64_MAX, .need_a = true, .need_v = true, .need_tx = true
	};
	DatomTxMap *map = datom_txmap_create(RelationGetRelid(rel), settled->snapshot);
	MemoryContext each = AllocSetContextCreate(CurrentMemoryContext, "datom row",
											   ALLOCSET_DEFAULT_SIZES);
	DatomScan  *scan;
	Datum		values[Natts_datom];
	bool		nulls[Natts_datom] = {0};
	MemoryContext old;

	InitMaterializedSRF(fcinfo, 0);
	pick->result = (ReturnSetInfo *) fcinfo->resultinfo;
	if (pick->from == DT_NOBEGIN)
		datom_txmap_load(map);
	scan = datom_scan_begin(rel, settled, &query, NULL);
	old = MemoryContextSwitchTo(each);
	while (datom_scan_next(scan, values, nulls))
	{
		int64		tx = DatumGetInt64(values[Anum_datom_tx - 1]);

		sort_event(pick, DatumGetInt64(values[Anum_datom_e - 1]), values[Anum_datom_a - 1],
				   values[Anum_datom_v - 1], tx, datom_txmap_instant(map, tx),
				   DatumGetBool(values[Anum_datom_added - 1]));
		MemoryContextReset(each);
	}
	MemoryContextSwitchTo(old);
	datom_scan_end(scan);
	datom_settled_end(settled);
	table_close(rel, AccessShareLock);
	MemoryContextDelete(each);
}

static void
take_log(void *arg, int64 e, Datum a, const DatomFact *facts, int n)
{
	for (int i = 0; i < n; i++)
	{
		Datum		v = PointerGetDatum(facts[i].v);

		sort_event(arg, e, a, v, facts[i].tx, facts[i].from, true);
		if (facts[i].to_tx != 0)
			sort_event(arg, e, a, v, facts[i].to_tx, facts[i].to, false);
	}
}

static void
drain_log(Pick *pick)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(pick->slot->tts_tupleDescriptor,
													&TTSOpsMinimalTuple);

	tuplesort_performsort(pick->sort);
	while (tuplesort_gettupleslot(pick->sort, true, false, slot, NULL))
	{
		Datum	   *values = slot->tts_values;

		CHECK_FOR_INTERRUPTS();
		slot_getallattrs(slot);
		put(pick, DatumGetInt64(values[LOG_E]), values[LOG_A],
			(DatomValue *) DatumGetPointer(values[LOG_V]),
			DatumGetInt64(values[LOG_TX]), DatumGetBool(values[LOG_ADDED]));
	}
	ExecDropSingleTupleTableSlot(slot);
	ExecDropSingleTupleTableSlot(pick->slot);
	tuplesort_end(pick->sort);
}

PG_FUNCTION_INFO_V1(datom_log);

/*
 * datom.log(db, from_, to_): history from a moment on, which is included,
 * until a moment that is not, in the order of commits. NULL: from the
 * beginning; until the moment in force, which is then included.
 */
Datum
datom_log(PG_FUNCTION_ARGS)
{
	Relation	rel = open_for_reading(fcinfo);
	Oid			relid = RelationGetRelid(rel);
	Pick		pick = {.from = DT_NOBEGIN, .to = DT_NOEND};
	DatomSettled settled;

	if (!PG_ARGISNULL(1))
		pick.from = datom_moment_instant(relid, datom_moment_arg(fcinfo, 1));
	if (PG_ARGISNULL(2))
		settled = datom_settle(relid, datom_moment_in_force());
	else
	{
		pick.to = datom_moment_instant(relid, datom_moment_arg(fcinfo, 2));
		settled = datom_settle_instant(relid, pick.to - 1);
	}
	begin_log_sort(&pick, RelationGetDescr(rel));
	if (datom_scan_by_orders(rel))
		sort_scanned(fcinfo, rel, &settled, &pick);
	else
		answer(fcinfo, rel, &settled, take_log, &pick);
	drain_log(&pick);
	return (Datum) 0;
}

/*
 * diff
 */

/* Is there a fact with this value that holds at `at`? */
static bool
holds(const DatomFact *facts, int n, const DatomValue *v, TimestampTz at)
{
	for (int i = 0; i < n; i++)
		if (datom_fact_holds(&facts[i], at) && datom_value_equal(facts[i].v, v))
			return true;
	return false;
}

static void
take_diff(void *arg, int64 e, Datum a, const DatomFact *facts, int n)
{
	Pick	   *pick = arg;

	for (int i = 0; i < n; i++)
	{
		bool		before = datom_fact_holds(&facts[i], pick->from);
		bool		after = datom_fact_holds(&facts[i], pick->to);

		if (before && !after && !holds(facts, n, facts[i].v, pick->to))
			put(pick, e, a, facts[i].v, facts[i].to_tx, false);
		if (after && !before && !holds(facts, n, facts[i].v, pick->from))
			put(pick, e, a, facts[i].v, facts[i].tx, true);
	}
}

PG_FUNCTION_INFO_V1(datom_diff);

/*
 * datom.diff(db, a, b): what came (added, with the transaction that asserted
 * it) and what went (with the one that ended it) between two moments, both
 * included. A later a than b is an error.
 */
Datum
datom_diff(PG_FUNCTION_ARGS)
{
	Relation	rel = open_for_reading(fcinfo);
	Oid			relid = RelationGetRelid(rel);
	Pick		pick;
	DatomSettled settled;

	pick.from = datom_moment_instant(relid, datom_moment_arg(fcinfo, 1));
	pick.to = datom_moment_instant(relid, datom_moment_arg(fcinfo, 2));
	if (pick.from > pick.to)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the first moment must not be after the second")));
	settled = datom_settle_instant(relid, pick.to);
	return answer(fcinfo, rel, &settled, take_diff, &pick);
}

/*
 * Moments
 */

PG_FUNCTION_INFO_V1(datom_basis);

/*
 * datom.basis(db): the newest instant up to which everything in the table is
 * final for this statement; -infinity if nothing is.
 */
Datum
datom_basis(PG_FUNCTION_ARGS)
{
	Oid			relid = PG_GETARG_OID(0);

	datom_log_require(relid, ACL_SELECT);
	PG_RETURN_TIMESTAMPTZ(datom_basis_of(relid, GetActiveSnapshot()));
}

PG_FUNCTION_INFO_V1(datom_instant);

/* datom.instant(tx): when the transaction committed; NULL if it has not. */
Datum
datom_instant(PG_FUNCTION_ARGS)
{
	DatomEntry	entry;

	if (!datom_basis_find(PG_GETARG_INT64(0), InvalidOid, &entry) || entry.running)
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMPTZ(entry.instant);
}

PG_FUNCTION_INFO_V1(datom_now);

/*
 * datom.now(): the moment in force: what datom.as_of says, otherwise the start
 * of the transaction, as now() gives it.
 */
Datum
datom_now(PG_FUNCTION_ARGS)
{
	PG_RETURN_TIMESTAMPTZ(datom_moment_now());
}

void
datom_moment_require(DatomMoment wanted)
{
	DatomMoment have = datom_moment_in_force();

	if (have.kind != wanted.kind || have.tx != wanted.tx ||
		have.instant != wanted.instant)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the session does not ask as of that moment"),
				 datom_as_of_in_force() ?
				 errdetail("It asks as of %s.", datom_as_of) :
				 errdetail("It asks as of now.")));
}

PG_FUNCTION_INFO_V1(datom_assert_as_of);

/*
 * datom.assert_as_of(moment): true if the moment in force is this one, as
 * written in datom.as_of; otherwise an error. For clients that set it on
 * connecting and must not fall back to now unseen.
 */
Datum
datom_assert_as_of(PG_FUNCTION_ARGS)
{
	datom_moment_require(datom_moment_read(text_to_cstring(PG_GETARG_TEXT_PP(0))));
	PG_RETURN_BOOL(true);
}

PG_FUNCTION_INFO_V1(datom_current_tx);

/* datom.current_tx(): the number of this transaction, drawn if need be. */
Datum
datom_current_tx(PG_FUNCTION_ARGS)
{
	PreventCommandIfReadOnly("datom.current_tx()");
	PreventCommandIfParallelMode("datom.current_tx()");
	PG_RETURN_INT64(datom_txlog_current_tx());
}

/*
 * sync
 */

/*
 * Does a snapshot taken now know all that is up to the moment, in every live
 * table? A transaction that is not known here yet has not arrived.
 */
static bool
arrived(DatomMoment moment)
{
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	TimestampTz at = moment.instant;
	DatomEntry	entry;
	ListCell   *lc;
	List	   *tables;
	bool		live = false;
	bool		all = true;

	PushActiveSnapshot(snapshot);
	if (moment.kind == MOMENT_TX)
	{
		all = datom_basis_find(moment.tx, InvalidOid, &entry) && !entry.running;
		at = all ? entry.instant : DT_NOEND;
	}
	tables = all ? datom_log_tables(snapshot) : NIL;
	foreach(lc, tables)
	{
		if (datom_txlog_importing(lfirst_oid(lc), snapshot))
			continue;
		live = true;
		all = all && datom_basis_of(lfirst_oid(lc), snapshot) >= at;
	}
	if (all && !live)
		all = datom_ledger_newest_tick() >= at || moment.kind == MOMENT_TX;
	PopActiveSnapshot();
	UnregisterSnapshot(snapshot);
	return all;
}

static void
refuse_late(DatomMoment moment)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 moment.kind == MOMENT_TX ?
			 errmsg("transaction " INT64_FORMAT " has not arrived here in time",
					moment.tx) :
			 errmsg("the moment has not become final here in time"),
			 errhint("Is the clock of this server behind, or replication late?")));
}

PG_FUNCTION_INFO_V1(datom_sync);

/*
 * CALL datom.sync(moment, timeout): returns when this server has all that was
 * said up to the moment, in every live datom table; raises an error when the
 * timeout passes before. Holds no snapshot while it waits, so that it delays
 * neither VACUUM nor the replay of WAL. Not inside a transaction block.
 */
Datum
datom_sync(PG_FUNCTION_ARGS)
{
	DatomMoment moment = datom_moment_arg(fcinfo, 0);
	bool		atomic = !(fcinfo->context && IsA(fcinfo->context, CallContext) &&
						   !castNode(CallContext, fcinfo->context)->atomic);
	TimestampTz until = DatumGetTimestampTz(DirectFunctionCall2(timestamptz_pl_interval,
																TimestampTzGetDatum(GetCurrentTimestamp()),
																PG_GETARG_DATUM(1)));

	if (atomic)
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("datom.sync() cannot run inside a transaction block"),
				 errdetail("It waits without a snapshot.")));
	SPI_connect_ext(SPI_OPT_NONATOMIC);
	SPI_commit();
	for (int rounds = 0; !arrived(moment); rounds++)
	{
		SPI_commit();
		if (GetCurrentTimestamp() > until)
			refuse_late(moment);
		if (rounds % 100 == 0)
			datom_ticker_ask();
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 1, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
	SPI_finish();
	PG_RETURN_VOID();
}
