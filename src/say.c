/*
 * say.c: writing the facts that a transaction says.
 *
 * With one INSERT, so that triggers see one statement. It is analyzed and
 * rewritten as the role whose rights count, with that role noted in the range
 * table, as the rewriter does it for views; then planned and run as the caller.
 * So triggers run as whoever writes, row-level security is that of the role,
 * and the caller need not see the schema of the table.
 */
#include "say.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "parser/analyze.h"
#include "tcop/tcopprot.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "append.h"

/* Columns of what is written, as arrays. */
enum
{
	SAY_E,
	SAY_A,
	SAY_V,
	SAY_ADDED,
	SAY_COLUMNS
};

Oid
datom_say_type(const char *name)
{
	return GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum(name),
						   ObjectIdGetDatum(get_namespace_oid("datom", false)));
}

ArrayType *
datom_say_array(Datum *values, int n, Oid type)
{
	int16		len;
	bool		byval;
	char		align;

	get_typlenbyvalalign(type, &len, &byval, &align);
	return construct_array(values, n, type, len, byval, align);
}

Datum
datom_say_attribute(const DatomAttr *attr)
{
	return PointerGetDatum(cstring_to_text_with_len(attr->ident, attr->len));
}

/* What rules make of the statement, with the rights of the role. */
static List *
analyze_as(const char *sql, Oid *types, Oid role)
{
	RawStmt    *raw = linitial_node(RawStmt, pg_parse_query(sql));
	Query	   *query;
	List	   *queries;
	ListCell   *lc;
	Oid			user;
	int			context;

	/* An error restores the user by itself. */
	GetUserIdAndSecContext(&user, &context);
	SetUserIdAndSecContext(role, context | SECURITY_LOCAL_USERID_CHANGE);
	query = parse_analyze_fixedparams(raw, sql, types, SAY_COLUMNS, NULL);
	foreach(lc, query->rtable)
		if (lfirst_node(RangeTblEntry, lc)->rtekind == RTE_RELATION)
			lfirst_node(RangeTblEntry, lc)->checkAsUser = role;
	queries = pg_rewrite_query(query);
	SetUserIdAndSecContext(user, context);
	return queries;
}

static void
run(PlannedStmt *plan, const char *sql, ParamListInfo params)
{
	QueryDesc  *desc;

	if (plan->utilityStmt)
	{
		ProcessUtility(plan, sql, true, PROCESS_UTILITY_QUERY, params, NULL,
					   None_Receiver, NULL);
		return;
	}
	desc = CreateQueryDesc(plan, sql, GetActiveSnapshot(), InvalidSnapshot,
						   None_Receiver, params, NULL, 0);
	ExecutorStart(desc, 0);
	ExecutorRun(desc, ForwardScanDirection, 0, true);
	ExecutorFinish(desc);
	ExecutorEnd(desc);
	FreeQueryDesc(desc);
}

static ParamListInfo
make_params(Datum *arrays, Oid *types)
{
	ParamListInfo params = makeParamList(SAY_COLUMNS);

	for (int i = 0; i < SAY_COLUMNS; i++)
		params->params[i] = (ParamExternData) {
			.value = arrays[i], .pflags = PARAM_FLAG_CONST, .ptype = types[i]
		};
	return params;
}

static void
insert(Relation rel, Oid role, int n, Datum *columns[SAY_COLUMNS])
{
	Oid			types[SAY_COLUMNS] = {INT8OID, datom_say_type("attribute"),
	datom_say_type("value"), BOOLOID};
	Oid			array_types[SAY_COLUMNS];
	Datum		arrays[SAY_COLUMNS];
	const char *sql;
	List	   *plans;
	ListCell   *lc;

	for (int i = 0; i < SAY_COLUMNS; i++)
	{
		array_types[i] = get_array_type(types[i]);
		arrays[i] = PointerGetDatum(datom_say_array(columns[i], n, types[i]));
	}
	sql = psprintf("INSERT INTO %s (e, a, v, added) SELECT * FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3), pg_catalog.unnest($4))",
				   quote_qualified_identifier(get_namespace_name(RelationGetNamespace(rel)),
											  RelationGetRelationName(rel)));
	PushActiveSnapshot(GetTransactionSnapshot());
	plans = pg_plan_queries(analyze_as(sql, array_types, role), sql, 0, NULL);
	foreach(lc, plans)
	{
		CommandCounterIncrement();
		UpdateActiveSnapshotCommandId();
		run(lfirst_node(PlannedStmt, lc), sql, make_params(arrays, array_types));
	}
	PopActiveSnapshot();
	CommandCounterIncrement();
}

/* What is written, retractions first. */
static pg_noinline int
fill_columns(TxFact *facts, int count, Datum *columns[SAY_COLUMNS])
{
	int			n = 0;

	for (int i = 0; i < SAY_COLUMNS; i++)
		columns[i] = palloc_extended(sizeof(Datum) * (count + 1), MCXT_ALLOC_HUGE);
	for (int pass = 0; pass < 2; pass++)
		for (int i = 0; i < count; i++)
		{
			TxFact	   *fact = &facts[i];

			if (fact->implied || fact->added != (pass == 1))
				continue;
			columns[SAY_E][n] = Int64GetDatum(fact->e);
			columns[SAY_A][n] = datom_say_attribute(fact->attr);
			columns[SAY_V][n] = PointerGetDatum(fact->v);
			columns[SAY_ADDED][n] = BoolGetDatum(fact->added);
			n++;
		}
	return n;
}

void
datom_say(Relation rel, Oid role, TxFact *facts, int count)
{
	Datum	   *columns[SAY_COLUMNS];
	int			n = fill_columns(facts, count, columns);

	if (n == 0)
		return;
	PG_TRY();
	{
		datom_append_schema_allowed++;
		insert(rel, role, n, columns);
	}
	PG_FINALLY();
	{
		datom_append_schema_allowed--;
	}
	PG_END_TRY();
}
