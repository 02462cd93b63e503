/*
 * run.c: datom.run() plans the reading of a saved query, and statements that carry
 * its conditions are counted.
 *
 * The condition of a shard has datom.in_run(run, i, n). It has no columns, so the
 * planner makes a gate of it, a Result whose one-time filter it is, above the scan
 * or the join: it is asked once, sees to it that the session asks as of the run's
 * basis, and leaves the plan below as it would be without. The plan tells which
 * shard a statement reads; whoever merely evaluates the function reads none.
 */
#include "run.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "nodes/supportnodes.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/plancache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "basis.h"
#include "instant.h"
#include "lineage.h"
#include "query_inputs.h"
#include "run_args.h"
#include "run_table.h"
#include "timetravel.h"
#include "value.h"
#include "watch.h"

/*
 * Statements that read a shard
 */

typedef struct Reading
{
	pg_uuid_t	run;
	int			shard;
	bool		several;		/* of one run or more: rows cannot be told apart */
	bool		found;
} Reading;

/* The catalog hash and OID of datom.in_run(), since the planner first met it. */
static uint32 in_run_hash = 0;
static Oid	in_run_oid = InvalidOid;

PG_FUNCTION_INFO_V1(datom_in_run_support);

/* Plans are made by the backend that runs them, so it knows the function by then. */
Datum
datom_in_run_support(PG_FUNCTION_ARGS)
{
	Node	   *request = (Node *) PG_GETARG_POINTER(0);

	if (IsA(request, SupportRequestSimplify))
	{
		in_run_oid = ((SupportRequestSimplify *) request)->fcall->funcid;
		in_run_hash = GetSysCacheHashValue1(PROCOID, ObjectIdGetDatum(in_run_oid));
	}
	PG_RETURN_POINTER(NULL);
}

static void
note(Reading *reading, FuncExpr *call)
{
	Const	   *run = linitial(call->args);
	Const	   *shard = lsecond(call->args);
	pg_uuid_t  *id;

	if (call->funcid != in_run_oid || !IsA(run, Const) || !IsA(shard, Const) ||
		run->constisnull || shard->constisnull)
		return;
	id = DatumGetUUIDP(run->constvalue);
	if (reading->found && (reading->shard != DatumGetInt32(shard->constvalue) ||
						   memcmp(&reading->run, id, sizeof(pg_uuid_t)) != 0))
		reading->several = true;
	reading->found = true;
	reading->run = *id;
	reading->shard = DatumGetInt32(shard->constvalue);
}

static bool
look_for_gates(PlanState *state, void *reading)
{
	if (state == NULL)
		return false;
	if (IsA(state, ResultState))
	{
		ListCell   *lc;

		foreach(lc, (List *) ((Result *) state->plan)->resconstantqual)
			if (IsA(lfirst(lc), FuncExpr) && list_length(((FuncExpr *) lfirst(lc))->args) >= 2)
				note(reading, lfirst(lc));
	}
	return planstate_tree_walker(state, look_for_gates, reading);
}

static bool
mentions_runs(PlannedStmt *plan)
{
	ListCell   *lc;

	if (!OidIsValid(in_run_oid))
		return false;
	foreach(lc, plan->invalItems)
	{
		PlanInvalItem *item = lfirst(lc);

		if (item->cacheId == PROCOID && item->hashValue == in_run_hash)
			return true;
	}
	return false;
}

static void *
begin(QueryDesc *desc)
{
	Reading    *reading;

	if (!mentions_runs(desc->plannedstmt))
		return NULL;
	reading = palloc0(sizeof(Reading));
	look_for_gates(desc->planstate, reading);
	if (!reading->found || reading->several ||
		!datom_run_attempt(&reading->run, reading->shard))
		return NULL;
	return reading;
}

/*
 * A cursor that has given its last row has read the shard, whatever becomes of its
 * transaction; one that is closed before has not.
 */
static void
end(void *state, const DatomWatched *statement)
{
	static DatomQueryRun run;		/* too large for what stack an error may have left */
	Reading    *reading = state;
	DatomAttempt how = statement->whole ? ATTEMPT_DONE :
		statement->ran || statement->failed ? ATTEMPT_FAILED : ATTEMPT_NEVER_RAN;

	if (datom_run_attempt_ended(&reading->run, reading->shard, how, statement->rows, &run))
		datom_lineage_emit(&run);
}

PG_FUNCTION_INFO_V1(datom_in_run);

/*
 * datom.in_run(run, i, n): true, for statements that read shard i of n of the run.
 * An error if there is no such run or shard, if the run was aborted, or if the session
 * asks as of another moment than its basis.
 */
Datum
datom_in_run(PG_FUNCTION_ARGS)
{
	pg_uuid_t  *id = PG_GETARG_UUID_P(0);
	int32		i = PG_GETARG_INT32(1);
	int32		n = PG_GETARG_INT32(2);
	int			nshards;
	TimestampTz basis;

	datom_run_plan(id, &nshards, &basis);
	if (n != nshards || i < 0 || i >= n)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("shard %d of %d does not exist", i, n),
				 errdetail("The run has %d, numbered from 0.", nshards)));
	datom_moment_require((DatomMoment) {.kind = MOMENT_INSTANT, .instant = basis});
	PG_RETURN_BOOL(true);
}

/*
 * datom.run()
 */

/* What the arguments ask for, and what is found out about it. */
typedef struct RunPlan
{
	DatomQueryRun	run;
	const char *query;			/* as given */
	Jsonb	   *args;
	const char *key;			/* the column by which shards are made */
	Datum		inputs;			/* text[] */
	List	   *dbs;			/* the datom tables among them */
	char	   *sql;
	TupleDesc	columns;
} RunPlan;

static void
refuse_too_long(const char *what, Size most)
{
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("%s is too long", what),
			 errdetail("It may have %zu bytes.", most)));
}

static void
keep(char *to, const char *text, Size size, const char *what)
{
	if (strlen(text) >= size)
		refuse_too_long(what, size - 1);
	strcpy(to, text);
}

static void
take_arguments(FunctionCallInfo fcinfo, RunPlan *plan)
{
	int32		shards;

	for (int i = 0; i < 6; i++)
		if (PG_ARGISNULL(i) && i != 2 && i != 4)
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("of the arguments of a run only the basis and the job may be null")));
	plan->query = text_to_cstring(PG_GETARG_TEXT_PP(0));
	plan->args = PG_GETARG_JSONB_P(1);
	keep(plan->run.args, JsonbToCString(NULL, &plan->args->root, VARSIZE(plan->args)),
		 sizeof(plan->run.args), "the text of the arguments");
	shards = PG_GETARG_INT32(3);
	if (shards < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the number of shards must be at least 1, not %d", shards)));
	if (shards > DATOM_RUN_SHARDS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a run has at most %d shards, not %d", DATOM_RUN_SHARDS, shards)));
	plan->run.nshards = shards;
	keep(plan->run.job, PG_ARGISNULL(4) ? "" : text_to_cstring(PG_GETARG_TEXT_PP(4)),
		 sizeof(plan->run.job), "the name of the job");
	plan->key = text_to_cstring(PG_GETARG_TEXT_PP(5));
}

/* Runs a statement that gives one row, and leaves that in SPI_tuptable. */
static HeapTuple
one_row(const char *sql, int nargs, Oid *types, Datum *values)
{
	if (SPI_execute_with_args(sql, nargs, types, values, NULL, true, 2) != SPI_OK_SELECT)
		elog(ERROR, "could not ask: %s", sql);
	return SPI_processed == 0 ? NULL : SPI_tuptable->vals[0];
}

static Datum
column(HeapTuple row, int number, bool *isnull)
{
	return SPI_getbinval(row, SPI_tuptable->tupdesc, number, isnull);
}

/* The caller's right to ask the view or the function. */
static void
require_right(Oid relation, Oid function)
{
	Oid			user = GetUserId();

	if (OidIsValid(relation))
	{
		if (pg_class_aclcheck(relation, user, ACL_SELECT) != ACLCHECK_OK &&
			pg_attribute_aclcheck_all(relation, user, ACL_SELECT, ACLMASK_ANY) != ACLCHECK_OK)
			aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_VIEW, get_rel_name(relation));
	}
	else if (pg_proc_aclcheck(function, user, ACL_EXECUTE) != ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_FUNCTION, get_func_name(function));
}

static void
refuse_gone(const char *query)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("saved query \"%s\" is not known", query),
			 errhint("Names are those of datom.saved_query. If it is there, its view or function is not: save it again.")));
}

static Datum
texts_of_list(const List *list)
{
	Datum	   *texts = palloc(sizeof(Datum) * (list_length(list) + 1));
	int			n = 0;
	ListCell   *lc;

	foreach(lc, list)
		texts[n++] = CStringGetTextDatum(lfirst(lc));
	return PointerGetDatum(construct_array(texts, n, TEXTOID, -1, false, TYPALIGN_INT));
}

/* The names that a query may have: as given, or along the search path. text[] */
static Datum
possible_names(const char *query)
{
	List	   *schemas = strchr(query, '.') ? NIL : fetch_search_path(false);
	Datum	   *names = palloc(sizeof(Datum) * (list_length(schemas) + 1));
	int			n = 0;
	ListCell   *lc;

	names[n++] = CStringGetTextDatum(query);
	foreach(lc, schemas)
	{
		const char *schema = get_namespace_name(lfirst_oid(lc));

		if (schema)
			names[n++] = CStringGetTextDatum(psprintf("%s.%s", quote_identifier(schema), query));
	}
	return PointerGetDatum(construct_array(names, n, TEXTOID, -1, false, TYPALIGN_INT));
}

/* The saved query, and the SELECT that asks it with the arguments. */
static void
find_query(RunPlan *plan, Datum names)
{
	Oid			type = TEXTARRAYOID;
	HeapTuple	row = one_row("SELECT name, relation::oid, function::oid FROM datom.saved_query "
							  "WHERE name = ANY ($1) ORDER BY array_position($1, name) LIMIT 1",
							  1, &type, &names);
	bool		isnull;
	Oid			view;
	Oid			function;

	if (row == NULL)
		refuse_gone(plan->query);
	keep(plan->run.query, TextDatumGetCString(column(row, 1, &isnull)),
		 sizeof(plan->run.query), "the name of the query");
	view = DatumGetObjectId(column(row, 2, &isnull));
	function = DatumGetObjectId(column(row, 3, &isnull));
	if (!OidIsValid(view) && !OidIsValid(function))
		refuse_gone(plan->query);
	require_right(view, function);
	plan->inputs = texts_of_list(datom_query_inputs_of(view, function));
	plan->sql = psprintf("SELECT * FROM %s%s", plan->run.query,
						 datom_run_arguments(function, plan->args));
}

/* The server's parser reads the SELECT: do arguments fit, which are its columns? */
static void
read_columns(RunPlan *plan)
{
	SPIPlanPtr	prepared = SPI_prepare(plan->sql, 0, NULL);
	CachedPlanSource *source = linitial(SPI_plan_get_plan_sources(prepared));
	TupleDesc	columns = source->resultDesc;

	plan->columns = CreateTupleDescCopy(columns);
	SPI_freeplan(prepared);
	if (plan->run.nshards == 1)
		return;
	for (int i = 0; i < plan->columns->natts; i++)
	{
		Form_pg_attribute attr = TupleDescAttr(plan->columns, i);

		if (attr->atttypid == INT8OID && strcmp(NameStr(attr->attname), plan->key) == 0)
			return;
	}
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("saved query \"%s\" has no column \"%s\" of type bigint", plan->run.query, plan->key),
			 errhint("Name the column that has the entity, or ask for one shard.")));
}

static void
find_datom_tables(RunPlan *plan)
{
	Oid			type = TEXTARRAYOID;

	if (SPI_execute_with_args("SELECT t FROM datom.run_tables($1) t",
							  1, &type, &plan->inputs, NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not ask for the inputs of a saved query");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool		isnull;

		plan->dbs = lappend_oid(plan->dbs, DatumGetObjectId(column(SPI_tuptable->vals[i], 1, &isnull)));
	}
}

/*
 * The moment as of which the run reads: `wanted`, or the newest that is final in
 * all tables. Whoever may ask the query may know, so the tables' own rights do
 * not matter.
 */
static void
settle_basis(RunPlan *plan, DatomMoment wanted)
{
	TimestampTz basis = DT_NOEND;
	ListCell   *lc;

	if (wanted.kind != MOMENT_NOW)
		basis = datom_moment_instant(plan->dbs ? linitial_oid(plan->dbs) : InvalidOid, wanted);
	else
		foreach(lc, plan->dbs)
		{
			TimestampTz newest = datom_basis_of(lfirst_oid(lc), GetActiveSnapshot());

			if (newest != DT_NOBEGIN)
				basis = Min(basis, newest);
		}
	if (basis == DT_NOEND)
		basis = GetCurrentTransactionStartTimestamp();
	foreach(lc, plan->dbs)
	{
		DatomSettled settled = datom_settle_instant(lfirst_oid(lc), basis);

		datom_settled_end(&settled);
	}
	plan->run.basis = basis;
}

static const char *
text_of(TimestampTz instant)
{
	char	   *text = palloc(DATOM_TIME_LEN);

	datom_instant_format(instant, text);
	return text;
}

static Datum
texts_of_columns(TupleDesc columns, bool types)
{
	Datum	   *texts = palloc(sizeof(Datum) * (columns->natts + 1));

	for (int i = 0; i < columns->natts; i++)
	{
		Form_pg_attribute attr = TupleDescAttr(columns, i);

		texts[i] = CStringGetTextDatum(types ? format_type_with_typemod(attr->atttypid, attr->atttypmod) :
									   NameStr(attr->attname));
	}
	return PointerGetDatum(construct_array(texts, columns->natts, TEXTOID, -1, false, TYPALIGN_INT));
}

/* What all events of the run say; false if it is more than there is room for. */
static bool
describe(RunPlan *plan, bool with_schemas)
{
	DatomQueryRun *run = &plan->run;
	const char *basis = text_of(run->basis);
	Oid			types[] = {UUIDOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, JSONBOID, INT4OID,
	TEXTOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, BOOLOID};
	Datum		values[] = {
		UUIDPGetDatum(&run->id), CStringGetTextDatum(run->query), CStringGetTextDatum(run->job),
		CStringGetTextDatum(datom_lineage_namespace()), CStringGetTextDatum(plan->sql),
		JsonbPGetDatum(plan->args), Int32GetDatum(run->nshards), CStringGetTextDatum(basis),
		plan->inputs, texts_of_columns(plan->columns, false), texts_of_columns(plan->columns, true),
		BoolGetDatum(with_schemas)
	};
	HeapTuple	row = one_row("SELECT e.common, e.output FROM datom.run_event($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) e",
							  lengthof(types), types, values);
	bool		isnull;
	char	   *common = TextDatumGetCString(column(row, 1, &isnull));
	char	   *output = TextDatumGetCString(column(row, 2, &isnull));

	run->event_len = strlen(common) + strlen(output) + 2;
	if (run->event_len > (int) sizeof(run->event))
		return false;
	strcpy(run->event, common);
	strcpy(run->event + strlen(common) + 1, output);
	return true;
}

static void
set_here(const char *setting, const char *value)
{
	(void) set_config_option(setting, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

/*
 * The catalogue and the names in it are read as of now, whatever moment is in
 * force: it is today's view that will be asked.
 */
static void
make_plan(RunPlan *plan, DatomMoment wanted)
{
	Datum		names = possible_names(plan->query);
	int			level = NewGUCNestLevel();

	set_here("datom.as_of", "");
	set_here("search_path", "pg_catalog, pg_temp");
	/* Questions to catalogs are shorter than the planner thinks. */
	set_here("jit", "off");
	find_query(plan, names);
	read_columns(plan);
	find_datom_tables(plan);
	settle_basis(plan, wanted);
	plan->run.id = *DatumGetUUIDP(OidFunctionCall0(F_GEN_RANDOM_UUID));
	if (plan->run.job[0] == '\0')
		strcpy(plan->run.job, plan->run.query);
	if (!describe(plan, true) && !describe(plan, false))
		refuse_too_long("what its events would say of the run", DATOM_RUN_EVENT);
	AtEOXact_GUC(true, level);
}

static Datum
predicates_of(const RunPlan *plan)
{
	int			n = plan->run.nshards;
	Datum	   *predicates = palloc(sizeof(Datum) * n);
	const char *id = DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(&plan->run.id)));
	const char *key = quote_identifier(plan->key);

	for (int i = 0; i < n; i++)
		predicates[i] = CStringGetTextDatum(n == 1 ?
											psprintf("datom.in_run('%s', 0, 1)", id) :
											psprintf("datom.in_run('%s', %d, %d) AND datom.shard(%s, %d, %d)",
													 id, i, n, key, i, n));
	return PointerGetDatum(construct_array(predicates, n, TEXTOID, -1, false, TYPALIGN_INT));
}

PG_FUNCTION_INFO_V1(datom_run);

/*
 * datom.run(query, args, basis, shards, job, key): plans the reading of a saved query
 * as of one moment, and returns what to send: the SELECT, a condition for each shard,
 * of which each row meets exactly one, and the setting that sessions need. `args` are
 * the function's, by name or by position; `basis` is a moment as in datom.as_of, by
 * default the one in force, or else the newest that is final in all datom tables
 * that the query reads. Needs the right to ask the query, and writes nothing.
 */
Datum
datom_run(PG_FUNCTION_ARGS)
{
	RunPlan    *plan = palloc0(sizeof(RunPlan));
	DatomMoment wanted;
	TupleDesc	desc;
	char	   *sql;
	Datum		values[5];
	bool		nulls[5] = {0};

	datom_run_table_require();
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	take_arguments(fcinfo, plan);
	wanted = PG_ARGISNULL(2) ? datom_moment_in_force() :
		datom_moment_read(text_to_cstring(PG_GETARG_TEXT_PP(2)));
	SPI_connect();
	make_plan(plan, wanted);
	sql = strcpy(SPI_palloc(strlen(plan->sql) + 1), plan->sql);
	SPI_finish();
	plan->run.db = MyDatabaseId;
	plan->run.role = GetUserId();
	plan->run.started = GetCurrentTimestamp();
	datom_run_put(&plan->run);
	datom_lineage_emit(&plan->run);

	values[0] = UUIDPGetDatum(&plan->run.id);
	values[1] = TimestampTzGetDatum(plan->run.basis);
	values[2] = CStringGetTextDatum(sql);
	values[3] = predicates_of(plan);
	values[4] = CStringGetTextDatum(psprintf("SET datom.as_of = '%s'", text_of(plan->run.basis)));
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

/*
 * Progress
 */

static Datum
or_null(TimestampTz at, bool *isnull)
{
	*isnull = at == 0;
	return TimestampTzGetDatum(at);
}

PG_FUNCTION_INFO_V1(datom_run_list);

/* datom.run_list(): the runs of this database; arguments only for whom they are. */
Datum
datom_run_list(PG_FUNCTION_ARGS)
{
	static const char *const states[] = {"started", "running", "complete", "failed", "aborted"};
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	ListCell   *lc;

	InitMaterializedSRF(fcinfo, 0);
	foreach(lc, datom_runs_of(MyDatabaseId))
	{
		DatomQueryRun *run = lfirst(lc);
		bool		nulls[12] = {0};
		Datum		values[12];

		nulls[3] = !datom_run_open_to_caller(run);
		values[0] = UUIDPGetDatum(&run->id);
		values[1] = CStringGetTextDatum(run->query);
		values[2] = CStringGetTextDatum(run->job);
		values[3] = nulls[3] ? 0 : DirectFunctionCall1(jsonb_in, CStringGetDatum(run->args));
		values[4] = TimestampTzGetDatum(run->basis);
		values[5] = Int32GetDatum(run->nshards);
		values[6] = ObjectIdGetDatum(run->role);
		values[7] = TimestampTzGetDatum(run->started);
		values[8] = or_null(run->state >= RUN_COMPLETE ? run->ended : 0, &nulls[8]);
		values[9] = Int32GetDatum(run->shards_done);
		values[10] = Int64GetDatum(run->rows);
		values[11] = CStringGetTextDatum(states[run->state]);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

PG_FUNCTION_INFO_V1(datom_run_shards);

/* datom.run_shards(run): its shards, and how far they are. */
Datum
datom_run_shards(PG_FUNCTION_ARGS)
{
	static const char *const states[] = {"waiting", "running", "done", "failed"};
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	DatomQueryShard *shards;
	int			n;

	InitMaterializedSRF(fcinfo, 0);
	shards = datom_run_shards_of(PG_GETARG_UUID_P(0), &n);
	for (int i = 0; i < n; i++)
	{
		DatomQueryShard *shard = &shards[i];
		bool		nulls[6] = {0};
		Datum		values[6];

		values[0] = Int32GetDatum(i);
		values[1] = Int32GetDatum(shard->attempts);
		nulls[2] = !shard->done;
		values[2] = Int64GetDatum(shard->rows);
		values[3] = CStringGetTextDatum(states[datom_run_shard_state(shard)]);
		values[4] = or_null(shard->started, &nulls[4]);
		values[5] = or_null(shard->ended, &nulls[5]);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

PG_FUNCTION_INFO_V1(datom_abort_run);

/*
 * datom.abort_run(run): ends a run that nobody will read to its end, or again where it
 * has failed. For who asked for it. Statements that are reading shards go on, and count
 * for nothing; later ones get an error.
 */
Datum
datom_abort_run(PG_FUNCTION_ARGS)
{
	pg_uuid_t  *id = PG_GETARG_UUID_P(0);
	DatomQueryRun *run = datom_run_get(id);

	if (!has_privs_of_role(GetUserId(), run->role))
		datom_run_refuse(id);
	if (!datom_run_abort(id, run))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("run \"%s\" has ended", DatumGetCString(DirectFunctionCall1(uuid_out, PG_GETARG_DATUM(0)))),
				 errdetail("It is complete, or was aborted.")));
	datom_lineage_emit(run);
	PG_RETURN_VOID();
}

void
datom_run_init(void)
{
	static const DatomWatcher watcher = {.begin = begin, .end = end};

	datom_watch_add(&watcher);
}
