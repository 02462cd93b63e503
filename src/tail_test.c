/*
 * tail_test.c: the tail as a function of SQL, in the test build alone.
 *
 * Not part of the extension: test/t/071_tail.pl declares it.
 */
#include "compat.h"

#include "settings.h"
#include "tail.h"

#ifdef DATOM_TEST

#include "access/parallel.h"
#include "access/table.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "basis.h"

static DatomTailWhich
which_of(const char *name)
{
	return strcmp(name, "entity") == 0 ? TAIL_ENTITY :
		strcmp(name, "value") == 0 ? TAIL_VALUE :
		strcmp(name, "schema") == 0 ? TAIL_SCHEMA : TAIL_ALL;
}

static void
put_row(ReturnSetInfo *result, const DatomRow *row)
{
	Datum		values[Natts_datom + 1];
	bool		nulls[Natts_datom + 1] = {0};

	values[Anum_datom_e - 1] = Int64GetDatum(row->e);
	values[Anum_datom_a - 1] = PointerGetDatum(cstring_to_text_with_len(row->a, row->alen));
	values[Anum_datom_v - 1] = PointerGetDatum(row->v);
	values[Anum_datom_tx - 1] = Int64GetDatum(row->tx);
	values[Anum_datom_added - 1] = BoolGetDatum(row->added);
	values[Natts_datom] = TimestampTzGetDatum(row->instant);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

static DatomTailQuery
query_of(FunctionCallInfo fcinfo, Relation rel)
{
	DatomTailQuery query = {
		.above = PG_GETARG_TIMESTAMPTZ(1), .at = PG_GETARG_TIMESTAMPTZ(2),
		.which = which_of(text_to_cstring(PG_GETARG_TEXT_PP(3))),
		.snapshot = GetActiveSnapshot(), .self = PG_GETARG_BOOL(7)
	};
	text	   *a = PG_ARGISNULL(5) ? NULL : PG_GETARG_TEXT_PP(5);

	if (IsParallelWorker())
		datom_tail_own_tx = PG_GETARG_INT64(8);
	query.basis = datom_basis_of(RelationGetRelid(rel), query.snapshot);
	query.above = Min(query.above, query.basis);
	query.e = PG_ARGISNULL(4) ? 0 : PG_GETARG_INT64(4);
	query.a = a ? VARDATA_ANY(a) : NULL;
	query.alen = a ? VARSIZE_ANY_EXHDR(a) : 0;
	query.v = PG_ARGISNULL(6) ? NULL : PG_GETARG_DATOM_VALUE_PP(6);
	return query;
}

PG_FUNCTION_INFO_V1(datom_test_tail);

/*
 * datom_test_tail(db, above, at, which, e, a, v, self, own): the rows with their
 * instants. One row of nulls if there are too many. `own` is what a parallel
 * worker is told.
 */
Datum
datom_test_tail(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Relation	rel = table_open(PG_GETARG_OID(0), AccessShareLock);
	DatomTailQuery query = query_of(fcinfo, rel);
	DatomRow   *rows;
	Datum		values[Natts_datom + 1] = {0};
	bool		nulls[Natts_datom + 1];
	int			n = datom_tail_rows(rel, &query, &rows);

	InitMaterializedSRF(fcinfo, 0);
	memset(nulls, true, sizeof(nulls));
	for (int i = 0; i < n; i++)
		put_row(result, &rows[i]);
	if (n < 0)
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	table_close(rel, AccessShareLock);
	return (Datum) 0;
}

PG_FUNCTION_INFO_V1(datom_test_own);

Datum
datom_test_own(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(datom_tail_own(PG_GETARG_OID(0)));
}

PG_FUNCTION_INFO_V1(datom_test_basis);

Datum
datom_test_basis(PG_FUNCTION_ARGS)
{
	PG_RETURN_TIMESTAMPTZ(datom_basis_of(PG_GETARG_OID(0), GetActiveSnapshot()));
}

PG_FUNCTION_INFO_V1(datom_test_tail_cost);

/*
 * datom_test_tail_cost(db, above, e, n): the microseconds that each of n
 * questions for an entity takes.
 */
Datum
datom_test_tail_cost(PG_FUNCTION_ARGS)
{
	Relation	rel = table_open(PG_GETARG_OID(0), AccessShareLock);
	int			n = PG_GETARG_INT32(3);
	TimestampTz began = GetCurrentTimestamp();
	DatomTailQuery query = {
		.which = TAIL_ENTITY, .e = PG_GETARG_INT64(2),
		.above = PG_GETARG_TIMESTAMPTZ(1), .at = DT_NOEND,
		.snapshot = GetActiveSnapshot()
	};
	DatomRow   *rows = NULL;

	query.basis = datom_basis_of(RelationGetRelid(rel), query.snapshot);
	query.above = Min(query.above, query.basis);
	for (int i = 0; i < n; i++)
	{
		datom_tail_rows(rel, &query, &rows);
		if (rows)
			pfree(rows);
		query.e++;
	}
	table_close(rel, AccessShareLock);
	PG_RETURN_FLOAT8((double) (GetCurrentTimestamp() - began) / n);
}

#endif
