/*
 * entities.c: functions that return entities as rows.
 *
 * Those of entity tables at other moments are told the table by the type of its
 * rows, so that they can return such rows. Whoever calls them needs SELECT on the
 * whole table; the right to the datom table is its owner's, as when the table is
 * scanned. datom.entities() is told the datom table, and goes by the caller's
 * right to that.
 *
 * In FROM the planner puts a scan in place of most calls, see entity_rewrite.c
 * and planner.c; here they answer alone.
 */
#include "entities.h"

#include "access/table.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "entity_call.h"
#include "entity_history.h"
#include "entity_rows.h"
#include "log.h"
#include "settings.h"
#include "timetravel.h"

Oid
datom_entities_table(Oid type)
{
	Oid			relid = OidIsValid(type) ? get_typ_typrelid(type) : InvalidOid;

	return OidIsValid(relid) && datom_entity_table_is(relid) ? relid : InvalidOid;
}

bool
datom_entities_readable(Oid relid)
{
	return DATOM_BROKEN(BREAK_NO_CHECK) ||
		pg_class_aclcheck(relid, GetUserId(), ACL_SELECT) == ACLCHECK_OK ||
		pg_attribute_aclcheck_all(relid, GetUserId(), ACL_SELECT, ACLMASK_ALL) == ACLCHECK_OK;
}

/* What is asked, with the tables open. */
typedef struct Asked
{
	Relation	foreign;		/* NULL: none was */
	DatomEntityTable *table;
	Relation	db;
	TimestampTz since;
	DatomSettled settled;
} Asked;

Oid
datom_entities_asked(FunctionCallInfo fcinfo)
{
	Oid			type = get_fn_expr_argtype(fcinfo->flinfo, 0);
	Oid			relid = datom_entities_table(type);

	if (!OidIsValid(relid))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("type %s is not that of an entity table's rows",
						format_type_be(type)),
				 errhint("Give a null of the table's type, as in entities_as_of(NULL::purchase, now()).")));
	if (!datom_entities_readable(relid))
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_FOREIGN_TABLE, get_rel_name(relid));
	return relid;
}

static void
open_tables(FunctionCallInfo fcinfo, Asked *asked)
{
	asked->foreign = table_open(datom_entities_asked(fcinfo), AccessShareLock);
	asked->table = datom_entity_table(asked->foreign);
	asked->db = table_open(asked->table->db, AccessShareLock);
	datom_entity_require_attributes(asked->table, asked->db, NULL);
}

static void
close_tables(Asked *asked)
{
	datom_settled_end(&asked->settled);
	table_close(asked->db, AccessShareLock);
	if (asked->foreign)
		table_close(asked->foreign, NoLock);
}

/* Values of the table's columns as they stand in its rows. */
static void
place(const DatomEntityTable *table, const Datum *values, const bool *nulls,
	  Datum *row_values, bool *row_nulls)
{
	for (int i = 0; i < table->ncolumns; i++)
	{
		row_values[table->columns[i].number - 1] = values[i];
		row_nulls[table->columns[i].number - 1] = nulls[i];
	}
}

/* What place() leaves is dropped, and null. */
static void
make_room(int natts, Datum **values, bool **nulls)
{
	*values = palloc0(sizeof(Datum) * Max(natts, 1));
	*nulls = palloc(sizeof(bool) * Max(natts, 1));
	memset(*nulls, true, sizeof(bool) * natts);
}

static void
put_batch(ReturnSetInfo *result, DatomEntityScan *scan, const DatomEntityTable *table, int n,
		  Datum *values, bool *nulls)
{
	const Datum **columns = palloc(sizeof(Datum *) * Max(table->ncolumns, 1));
	const bool **column_nulls = palloc(sizeof(bool *) * Max(table->ncolumns, 1));

	for (int i = 0; i < table->ncolumns; i++)
		datom_entity_values(scan, i, &columns[i], &column_nulls[i]);
	for (int row = 0; row < n; row++)
	{
		for (int i = 0; i < table->ncolumns; i++)
		{
			values[table->columns[i].number - 1] = columns[i][row];
			nulls[table->columns[i].number - 1] = column_nulls[i][row];
		}
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	pfree(columns);
	pfree(column_nulls);
}

/* Into the result, which has been initialized. */
static Datum
answer(FunctionCallInfo fcinfo, Asked *asked)
{
	const DatomEntityTable *table = asked->table;
	bool	   *needed = palloc(sizeof(bool) * Max(table->ncolumns, 1));
	DatomEntityQuery query = {
		.table = table, .needed = needed, .since = asked->since,
		.e_min = PG_INT64_MIN, .e_max = PG_INT64_MAX
	};
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	DatomEntityScan *scan;
	const int64 *e;
	Datum	   *values;
	bool	   *nulls;
	int			n;

	make_room(result->setDesc->natts, &values, &nulls);
	memset(needed, true, sizeof(bool) * table->ncolumns);
	scan = datom_entity_begin(asked->db, &asked->settled, &query, NULL);
	while ((n = datom_entity_next(scan, &e)) > 0)
	{
		CHECK_FOR_INTERRUPTS();
		put_batch(result, scan, table, n, values, nulls);
	}
	datom_entity_end(scan);
	close_tables(asked);
	return (Datum) 0;
}

PG_FUNCTION_INFO_V1(datom_entities_as_of);

/*
 * datom.entities_as_of(NULL::purchase, at): the rows of an entity table as of a
 * moment, which is included. 42809 if the first argument is of another type; it
 * is not looked at otherwise. A moment that is not final is waited for, or an
 * error, as in as_of().
 */
Datum
datom_entities_as_of(PG_FUNCTION_ARGS)
{
	Asked		asked = {.since = DT_NOBEGIN};

	open_tables(fcinfo, &asked);
	InitMaterializedSRF(fcinfo, 0);
	asked.settled = datom_settle(asked.table->db, datom_moment_arg(fcinfo, 1));
	return answer(fcinfo, &asked);
}

PG_FUNCTION_INFO_V1(datom_entities_since);

/*
 * datom.entities_since(NULL::purchase, at): the rows of those entities of which
 * facts hold, at the moment in force, that began after `at`, which is excluded;
 * a column of which none did is null.
 */
Datum
datom_entities_since(PG_FUNCTION_ARGS)
{
	Asked		asked;

	open_tables(fcinfo, &asked);
	InitMaterializedSRF(fcinfo, 0);
	asked.since = datom_moment_instant(asked.table->db, datom_moment_arg(fcinfo, 1));
	asked.settled = datom_settle(asked.table->db, datom_moment_in_force());
	return answer(fcinfo, &asked);
}

PG_FUNCTION_INFO_V1(datom_entities);

/*
 * datom.entities(db, attributes [, at]): the entities of which any of the
 * attributes holds at the moment, or without one at that in force: the entity,
 * then the value of each attribute, an array where it may have many, null where it
 * has none. 42804 if the columns that the query defines are not such.
 */
Datum
datom_entities(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Asked		asked = {.since = DT_NOBEGIN};

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the %s must not be null",
						PG_ARGISNULL(0) ? "datom table" : "attributes")));
	asked.db = datom_log_open(PG_GETARG_OID(0), ACL_SELECT);
	asked.table = datom_entity_call_table(RelationGetRelid(asked.db), GetUserId(),
										  PG_GETARG_ARRAYTYPE_P(1), result->setDesc, false);
	asked.settled = datom_settle(asked.table->db, datom_moment_arg(fcinfo, 2));
	return answer(fcinfo, &asked);
}

/*
 * History
 */

enum
{
	HISTORY_ENTITY,
	HISTORY_FROM,
	HISTORY_TO,
	HISTORY_COLUMNS
};

typedef struct HistoryRows
{
	const DatomEntityTable *table;
	ReturnSetInfo *result;
	TupleDesc	desc;			/* of the table's rows */
	Datum	   *values;			/* of one of them */
	bool	   *nulls;
} HistoryRows;

static void
put_state(void *arg, const DatomEntityState *state)
{
	HistoryRows *rows = arg;
	Datum		values[HISTORY_COLUMNS];
	bool		nulls[HISTORY_COLUMNS] = {0};
	HeapTuple	tuple;

	place(rows->table, state->values, state->nulls, rows->values, rows->nulls);
	tuple = heap_form_tuple(rows->desc, rows->values, rows->nulls);
	values[HISTORY_ENTITY] = heap_copy_tuple_as_datum(tuple, rows->desc);
	values[HISTORY_FROM] = TimestampTzGetDatum(state->from);
	nulls[HISTORY_FROM] = !state->from_known;
	values[HISTORY_TO] = TimestampTzGetDatum(state->to);
	nulls[HISTORY_TO] = !state->to_known;
	tuplestore_putvalues(rows->result->setResult, rows->result->setDesc, values, nulls);
	heap_freetuple(tuple);
	pfree(DatumGetPointer(values[HISTORY_ENTITY]));
}

PG_FUNCTION_INFO_V1(datom_entities_history);

/*
 * datom.entities_history(NULL::purchase): each state that each row has had up to
 * the moment in force, from valid_from until before valid_to, which is infinity
 * for what holds then. What this transaction itself has said begins and ends at
 * an instant that is given when it commits: null.
 */
Datum
datom_entities_history(PG_FUNCTION_ARGS)
{
	Asked		asked = {.since = DT_NOBEGIN};
	HistoryRows rows;

	open_tables(fcinfo, &asked);
	asked.settled = datom_settle(asked.table->db, datom_moment_in_force());
	InitMaterializedSRF(fcinfo, 0);
	rows.table = asked.table;
	rows.result = (ReturnSetInfo *) fcinfo->resultinfo;
	rows.desc = lookup_rowtype_tupdesc_copy(get_fn_expr_argtype(fcinfo->flinfo, 0), -1);
	make_room(rows.desc->natts, &rows.values, &rows.nulls);
	datom_entity_history(asked.db, asked.table, &asked.settled, put_state, &rows);
	close_tables(&asked);
	return (Datum) 0;
}
