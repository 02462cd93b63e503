/*
 * query_check.c: which saved queries cannot be asked any more.
 *
 * Each is planned as the caller, with parameters for its arguments, and its plan is
 * started as EXPLAIN starts it, which asks for rights and runs nothing. It happens
 * in a subtransaction each, so that one error does not hide the next.
 */
#include "compat.h"

#include "access/xact.h"
#include "catalog/pg_proc.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "tcop/dest.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"

typedef struct SavedObject
{
	const char *name;
	Oid			relation;		/* a view, or InvalidOid */
	Oid			function;		/* likewise */
} SavedObject;

static List *
saved_objects(MemoryContext context)
{
	List	   *objects = NIL;

	SPI_execute("SELECT name, relation::pg_catalog.oid, function::pg_catalog.oid FROM datom.saved_query ORDER BY name", true, 0);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(context);
		HeapTuple	tuple = SPI_tuptable->vals[i];
		SavedObject *object = palloc0(sizeof(SavedObject));
		bool		isnull;

		object->name = SPI_getvalue(tuple, SPI_tuptable->tupdesc, 1);
		object->relation = DatumGetObjectId(SPI_getbinval(tuple, SPI_tuptable->tupdesc, 2, &isnull));
		object->function = DatumGetObjectId(SPI_getbinval(tuple, SPI_tuptable->tupdesc, 3, &isnull));
		objects = lappend(objects, object);
		MemoryContextSwitchTo(old);
	}
	return objects;
}

/* The name of the query is quoted where need be. */
static const char *
statement(const SavedObject *object, int nargs, bool variadic)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT * FROM %s", object->name);
	if (OidIsValid(object->function))
	{
		appendStringInfoChar(&sql, '(');
		for (int i = 1; i <= nargs; i++)
			appendStringInfo(&sql, "%s%s$%d", i > 1 ? ", " : "",
							 variadic && i == nargs ? "VARIADIC " : "", i);
		appendStringInfoChar(&sql, ')');
	}
	return sql.data;
}

static void
start(PlannedStmt *plan, const char *sql)
{
	QueryDesc  *desc = CreateQueryDesc(plan, sql, GetActiveSnapshot(), InvalidSnapshot,
									   None_Receiver, NULL, NULL, 0);

	ExecutorStart(desc, EXEC_FLAG_EXPLAIN_ONLY);
	ExecutorEnd(desc);
	FreeQueryDesc(desc);
}

static void
plan(const SavedObject *object)
{
	Oid		   *types = NULL;
	int			nargs = 0;
	const char *sql;
	SPIPlanPtr	prepared;
	CachedPlan *plan;

	if (!OidIsValid(object->relation) && !OidIsValid(object->function))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no view or function \"%s\"", object->name),
				 errhint("datom.undo_query() makes it anew, datom.drop_query() drops the query.")));
	if (OidIsValid(object->function))
		(void) get_func_signature(object->function, &types, &nargs);
	sql = statement(object, nargs,
					OidIsValid(object->function) && OidIsValid(get_func_variadictype(object->function)));
	prepared = SPI_prepare(sql, nargs, types);
	if (prepared == NULL)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	PushActiveSnapshot(GetTransactionSnapshot());
	plan = SPI_plan_get_cached_plan(prepared);
	start(linitial_node(PlannedStmt, plan->stmt_list), sql);
	ReleaseCachedPlan(plan, NULL);
	PopActiveSnapshot();
	SPI_freeplan(prepared);
}

/* The error that planning it raises; NULL: none. */
static const char *
error_of(const SavedObject *object)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	const char *volatile message = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		plan(object);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		if (error->sqlerrcode == ERRCODE_QUERY_CANCELED)
			ReThrowError(error);
		message = error->message;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	return message;
}

PG_FUNCTION_INFO_V1(datom_check_queries);

/*
 * datom.check_queries(): the saved queries that the caller cannot ask, each with the
 * error that says why: what it reads is gone, or the caller may not read it.
 */
Datum
datom_check_queries(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext context = CurrentMemoryContext;
	ListCell   *lc;

	InitMaterializedSRF(fcinfo, 0);
	SPI_connect();
	foreach(lc, saved_objects(context))
	{
		const SavedObject *object = lfirst(lc);
		const char *error = error_of(object);
		Datum		values[2];
		bool		nulls[2] = {0};

		CHECK_FOR_INTERRUPTS();
		if (error == NULL)
			continue;
		values[0] = CStringGetTextDatum(object->name);
		values[1] = CStringGetTextDatum(error);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	SPI_finish();
	return (Datum) 0;
}
