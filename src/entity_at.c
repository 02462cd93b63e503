/*
 * entity_at.c: datom.entity_as_of(), one row of an entity table at a moment.
 *
 * A query calls it for each of its rows, with another moment each time. What the
 * call site keeps is what the table shows, and up to where the snapshot is known
 * to be final: a moment below need not be asked about. None of it is a lock, a
 * buffer or a snapshot.
 */
#include "compat.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/proc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "entities.h"
#include "entity_row.h"
#include "sight.h"
#include "timetravel.h"

enum
{
	ARG_ENTITY,
	ARG_E,
	ARG_MOMENT
};

typedef struct Site
{
	MemoryContext context;		/* of the table */
	LocalTransactionId lxid;	/* in which it was read */
	TupleDesc	desc;			/* of the foreign table then */
	DatomEntityTable *table;	/* NULL: not read yet */

	DatomSight	sight;
	Oid			db;				/* invalid: no snapshot is known */
	TimestampTz final;			/* it knows all up to here */
} Site;

static Site *
call_site(FunctionCallInfo fcinfo)
{
	MemoryContext context = fcinfo->flinfo->fn_mcxt;
	Site	   *site = fcinfo->flinfo->fn_extra;

	if (site)
		return site;
	site = MemoryContextAllocZero(context, sizeof(Site));
	site->context = AllocSetContextCreate(context, "datom entity table", ALLOCSET_SMALL_SIZES);
	fcinfo->flinfo->fn_extra = site;
	return site;
}

/*
 * What the table shows. It is locked until the end of the transaction, and a call
 * site ends with its statement. Columns that this transaction changes meanwhile are
 * seen; options count for the next statement.
 */
static const DatomEntityTable *
keep_table(Site *site, Relation foreign)
{
	MemoryContext old;
	DatomEntityTable *table;
	Relation	db;

	if (site->table && site->lxid == MyProc->lxid &&
		equalTupleDescs(site->desc, RelationGetDescr(foreign)))
	{
		datom_entity_require(site->table, ACL_SELECT);
		return site->table;
	}
	site->table = NULL;
	MemoryContextReset(site->context);
	old = MemoryContextSwitchTo(site->context);
	site->desc = CreateTupleDescCopyConstr(RelationGetDescr(foreign));
	table = datom_entity_table(foreign);
	MemoryContextSwitchTo(old);
	db = table_open(table->db, AccessShareLock);
	datom_entity_require_attributes(table, db, NULL);
	table_close(db, NoLock);
	site->table = table;
	site->lxid = MyProc->lxid;
	return site->table;
}

static DatomSettled
settle(Site *site, Oid db, TimestampTz at)
{
	Snapshot	active = GetActiveSnapshot();
	bool		known = site->db == db && datom_sight_same(&site->sight, active);
	DatomSettled settled;

	if (known && at <= site->final)
		return (DatomSettled) {
			.at = at, .snapshot = RegisterSnapshot(active)
		};
	settled = datom_settle_instant(db, at);
	if (settled.snapshot != active)
		return settled;
	site->db = known || datom_sight_set(&site->sight, active) ? db : InvalidOid;
	site->final = at;
	return settled;
}

/* The row of the entity as a datum of the table's type; false: it is none. */
static bool
read_row(const DatomEntityTable *table, TupleDesc desc, Relation db,
		 const DatomSettled *settled, int64 e, Datum *result)
{
	DatomEntityRow *row = datom_entity_row_make(db, table, NULL, settled, DT_NOBEGIN);
	DatomReader *reader = datom_facts_reader(db, settled->snapshot, settled->at);
	const Datum *values;
	const bool *nulls;
	bool		found = datom_entity_row_read(row, reader, e, &values, &nulls);

	if (found)
	{
		TupleTableSlot *slot = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
		HeapTuple	tuple = ExecCopySlotHeapTuple(datom_entity_row_store(table, values, nulls, slot));

		*result = heap_copy_tuple_as_datum(tuple, desc);
		ExecDropSingleTupleTableSlot(slot);
	}
	datom_facts_end(reader);
	datom_entity_row_free(row);
	return found;
}

/* The same, as of the moment that the call names. */
static bool
answer(FunctionCallInfo fcinfo, Oid relid, Datum *result)
{
	Site	   *site = call_site(fcinfo);
	Relation	foreign = table_open(relid, AccessShareLock);
	const DatomEntityTable *table = keep_table(site, foreign);
	Relation	db = table_open(table->db, AccessShareLock);
	TimestampTz at = datom_moment_instant(table->db, datom_moment_arg(fcinfo, ARG_MOMENT));
	DatomSettled settled = settle(site, table->db, at);
	bool		found = read_row(table, RelationGetDescr(foreign), db, &settled,
								 PG_GETARG_INT64(ARG_E), result);

	datom_settled_end(&settled);
	table_close(db, AccessShareLock);
	table_close(foreign, NoLock);
	return found;
}

PG_FUNCTION_INFO_V1(datom_entity_as_of);

/*
 * datom.entity_as_of(NULL::purchase, e, at): the row of an entity table for the
 * entity as of a moment, which is included; no row if it was none, or if e or the
 * moment is null. The right that is needed and errors are those of
 * entities_as_of().
 */
Datum
datom_entity_as_of(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Oid			relid = datom_entities_asked(fcinfo);
	Datum		row = (Datum) 0;

	if (result == NULL || !IsA(result, ReturnSetInfo))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("set-valued function called in context that cannot accept a set")));
	result->isDone = !PG_ARGISNULL(ARG_E) && !PG_ARGISNULL(ARG_MOMENT) &&
		answer(fcinfo, relid, &row) ? ExprSingleResult : ExprEndResult;
	if (result->isDone == ExprEndResult)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(row);
}
