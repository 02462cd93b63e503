/*
 * pull.c: datom.pull() and datom.pull_many().
 *
 * A query may call pull() for each of its rows. What a call site keeps between
 * calls is the pattern, its plan, and what was found out about the snapshot: none
 * of it a lock, a buffer or a snapshot itself. So a call site may live as long as
 * it likes, as that of an expression in PL/pgSQL does, and be asked under others.
 */
#include "compat.h"

#include "access/table.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/proc.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "behalf.h"
#include "facts.h"
#include "instant.h"
#include "log.h"
#include "pull_run.h"
#include "settings.h"
#include "sight.h"
#include "timetravel.h"

/* Arguments of all forms. */
enum
{
	ARG_DB,
	ARG_PATTERN,
	ARG_ENTITY,
	ARG_MOMENT
};

/* What is known of the snapshot that was active at a call. */
typedef struct Known
{
	DatomSight	sight;
	Oid			db;				/* invalid: nothing is known */
	DatomMoment moment;			/* that was asked for, and settled in this snapshot */
	TimestampTz at;
	TimestampTz basis;			/* DT_NOBEGIN: not asked */
} Known;

/* What a call site keeps. */
typedef struct Site
{
	Known		known;
	MemoryContext pattern_context;
	text	   *source;			/* NULL: nothing is kept */
	const DatomPullPattern *pattern;
	MemoryContext plan_context; /* below the pattern's */
	const DatomPullPlan *plan;	/* NULL: none; else it is that of: */
	LocalTransactionId lxid;
	const DatomSchema *schema;
	TimestampTz at;
} Site;

/* What a call opens. */
typedef struct Call
{
	Site	   *site;
	Relation	rel;
	DatomSettled settled;
	DatomReader *reader;
	const DatomPullPlan *plan;
} Call;

static void
refuse_null(FunctionCallInfo fcinfo, int argno, const char *what)
{
	if (PG_ARGISNULL(argno))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must not be null", what)));
}

/*
 * The call site
 */

static Site *
call_site(FunctionCallInfo fcinfo)
{
	MemoryContext context = fcinfo->flinfo->fn_mcxt;
	Site	   *site = fcinfo->flinfo->fn_extra;

	if (site)
		return site;
	site = MemoryContextAllocZero(context, sizeof(Site));
	site->pattern_context = AllocSetContextCreate(context, "datom pull pattern",
												  ALLOCSET_SMALL_SIZES);
	fcinfo->flinfo->fn_extra = site;
	return site;
}

static void
keep_pattern(Site *site, const text *source)
{
	MemoryContext old;

	if (site->source && VARSIZE_ANY_EXHDR(source) == VARSIZE_ANY_EXHDR(site->source) &&
		memcmp(VARDATA_ANY(source), VARDATA_ANY(site->source), VARSIZE_ANY_EXHDR(source)) == 0)
		return;
	site->source = NULL;
	site->plan = NULL;
	site->plan_context = NULL;
	MemoryContextReset(site->pattern_context);
	old = MemoryContextSwitchTo(site->pattern_context);
	site->pattern = datom_pull_pattern_parse(VARDATA_ANY(source), VARSIZE_ANY_EXHDR(source));
	site->source = cstring_to_text_with_len(VARDATA_ANY(source), VARSIZE_ANY_EXHDR(source));
	MemoryContextSwitchTo(old);
}

/*
 * The schema is the table's, and lives until the end of the transaction; a table
 * that another one took the place of has another.
 */
static const DatomPullPlan *
keep_plan(Site *site, DatomReader *reader, TimestampTz at)
{
	MemoryContext old;

	if (site->plan && site->lxid == MyProc->lxid && site->schema == reader->schema &&
		site->at == at)
		return site->plan;
	site->plan = NULL;
	if (site->plan_context)
		MemoryContextDelete(site->plan_context);
	site->plan_context = AllocSetContextCreate(site->pattern_context, "datom pull plan",
											   ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(site->plan_context);
	site->plan = datom_pull_plan(reader, at, site->pattern);
	site->lxid = MyProc->lxid;
	site->schema = reader->schema;
	site->at = at;
	MemoryContextSwitchTo(old);
	return site->plan;
}

static bool
is_known(const Known *known, Oid db, const DatomMoment *moment)
{
	return known->db == db && known->moment.kind == moment->kind &&
		known->moment.instant == moment->instant && known->moment.tx == moment->tx &&
		datom_sight_same(&known->sight, GetActiveSnapshot());
}

/* As datom_settle(), but what is known need not be asked again. */
static DatomSettled
settle(Site *site, Oid db, DatomMoment moment)
{
	DatomSettled settled;

	if (is_known(&site->known, db, &moment))
		return (DatomSettled) {
			.at = site->known.at, .snapshot = RegisterSnapshot(GetActiveSnapshot())
		};
	settled = datom_settle(db, moment);
	site->known.db = settled.snapshot == GetActiveSnapshot() &&
		datom_sight_set(&site->known.sight, settled.snapshot) ? db : InvalidOid;
	site->known.moment = moment;
	site->known.at = settled.at;
	site->known.basis = DT_NOBEGIN;
	return settled;
}

/*
 * Calls
 */

static void
begin_call(FunctionCallInfo fcinfo, Call *call)
{
	Site	   *site = call->site = call_site(fcinfo);

	refuse_null(fcinfo, ARG_DB, "the datom table");
	refuse_null(fcinfo, ARG_PATTERN, "the pull pattern");
	if (!DATOM_BROKEN(BREAK_NO_CHECK))
		datom_log_require_of(PG_GETARG_OID(ARG_DB),
							 datom_behalf_role(datom_behalf_of_table(fcinfo, ARG_DB)), ACL_SELECT);
	call->rel = table_open(PG_GETARG_OID(ARG_DB), AccessShareLock);
	keep_pattern(site, PG_GETARG_TEXT_PP(ARG_PATTERN));
	call->settled = settle(site, RelationGetRelid(call->rel),
						   datom_moment_arg(fcinfo, ARG_MOMENT));
	call->reader = datom_facts_reader(call->rel, call->settled.snapshot, call->settled.at);
	datom_rows_tell_basis(call->reader->rows, site->known.basis);
	call->plan = keep_plan(site, call->reader, call->settled.at);
}

static void
end_call(Call *call)
{
	call->site->known.basis = datom_rows_basis(call->reader->rows);
	datom_facts_end(call->reader);
	datom_settled_end(&call->settled);
	table_close(call->rel, AccessShareLock);
}

/* The answer for one entity of a call, which it ends. */
static Datum
answer_one(FunctionCallInfo fcinfo, Call *call, int64 e)
{
	Jsonb	   *answer = datom_pull_answer(datom_pull_run(call->reader, call->settled.at,
													  call->plan, &e, 1), 0);

	end_call(call);
	if (answer == NULL)
		PG_RETURN_NULL();
	PG_RETURN_JSONB_P(answer);
}

PG_FUNCTION_INFO_V1(datom_pull);

/*
 * datom.pull(db, pattern, e [, at]): what a pattern finds of an entity as of a
 * moment, or at the moment in force. NULL if it finds nothing, or if e is null.
 * Needs SELECT on the datom table. 42601 and 22P02 for what is no pattern, 42804 for
 * one that follows what is not a ref; attributes that are not defined are absent.
 */
Datum
datom_pull(PG_FUNCTION_ARGS)
{
	Call		call;

	begin_call(fcinfo, &call);
	if (PG_ARGISNULL(ARG_ENTITY))
	{
		end_call(&call);
		PG_RETURN_NULL();
	}
	return answer_one(fcinfo, &call, PG_GETARG_INT64(ARG_ENTITY));
}

/*
 * Entities by other names
 */

static bool
find_by_value(Call *call, const DatomAttr *attr, DatomValue *v, int pos, int64 *e)
{
	int64	   *entities;

	v = datom_facts_lookup_value(attr, v, pos);
	if (datom_facts_with(call->reader, attr, v, call->settled.at, &entities) == 0)
		return false;
	*e = entities[0];
	return true;
}

static void
refuse_entity(const Edn *form)
{
	ereport(ERROR,
			(errcode(ERRCODE_SYNTAX_ERROR),
			 errmsg("the number of an entity, an ident or a lookup ref expected, but found %s",
					datom_edn_kind_name(form->kind)),
			 datom_edn_at(form->pos, NULL),
			 errhint("A lookup ref is written as [:purchase/id \"pur-8\"].")));
}

/* number | :ident | [:ns/unique value]; false: there is no such entity. */
static bool
find_entity(Call *call, const Edn *form, int64 *e)
{
	const DatomSchema *schema = call->reader->schema;
	const Edn  *a;
	DatomValue *v;

	if (form->kind == EDN_INT)
	{
		*e = form->integer;
		return true;
	}
	if (form->kind == EDN_KEYWORD)
		return find_by_value(call, datom_schema_find(schema, ":db/ident", strlen(":db/ident")),
							 datom_value_make_keyword(form->text, form->len), form->pos, e);
	if ((form->kind != EDN_VECTOR && form->kind != EDN_LIST) || form->count != 2 ||
		form->items[0]->kind != EDN_KEYWORD)
		refuse_entity(form);
	a = form->items[0];
	v = datom_value_from_edn(form->items[1]);
	if (v == NULL)
		refuse_entity(form);
	return find_by_value(call,
						 datom_schema_need(schema, a->text, a->len,
										   RelationGetRelationName(call->rel), a->pos),
						 v, form->items[1]->pos, e);
}

PG_FUNCTION_INFO_V1(datom_pull_entity);

/*
 * datom.pull(db, pattern, entity text [, at]): the same of an entity given in EDN,
 * by its number, its :db/ident or a lookup ref. NULL too if there is none.
 */
Datum
datom_pull_entity(PG_FUNCTION_ARGS)
{
	Call		call;
	text	   *entity = PG_ARGISNULL(ARG_ENTITY) ? NULL : PG_GETARG_TEXT_PP(ARG_ENTITY);
	int64		e;

	begin_call(fcinfo, &call);
	if (entity && find_entity(&call, datom_edn_parse(VARDATA_ANY(entity),
													 VARSIZE_ANY_EXHDR(entity)), &e))
		return answer_one(fcinfo, &call, e);
	end_call(&call);
	PG_RETURN_NULL();
}

/*
 * Many
 */

/*
 * Entities at once, which saves opening blocks. It begins with one, since it may be
 * big, and goes on with so many times more, or as many as there is memory for. Of
 * more at once the memory costs as much as the blocks.
 */
#define MOST_AT_ONCE 128
#define MOST_GROWTH 8

/* The entities of an array, and which elements are null. */
typedef struct Entities
{
	int			n;
	int64	   *e;
	bool	   *nulls;
} Entities;

static Entities
list_entities(ArrayType *array)
{
	Entities	list;
	Datum	   *values;

	deconstruct_array(array, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE,
					  &values, &list.nulls, &list.n);
	list.e = palloc_extended(sizeof(int64) * Max(list.n, 1), MCXT_ALLOC_HUGE);
	for (int i = 0; i < list.n; i++)
		list.e[i] = list.nulls[i] ? 0 : DatumGetInt64(values[i]);
	return list;
}

/* Rows for n of the entities from the first one on. */
static void
put_some(ReturnSetInfo *result, Call *call, const Entities *list, int first, int n)
{
	const DatomPulled *pulled = datom_pull_run(call->reader, call->settled.at, call->plan,
											   list->e + first, n);

	for (int i = 0; i < n; i++)
	{
		Jsonb	   *answer = list->nulls[first + i] ? NULL : datom_pull_answer(pulled, i);
		Datum		value = PointerGetDatum(answer);
		bool		isnull = answer == NULL;

		tuplestore_putvalues(result->setResult, result->setDesc, &value, &isnull);
		if (answer)
			pfree(answer);
	}
}

/* How many are next, by the memory that the last n took. */
static int
next_many(MemoryContext context, int n)
{
	Size		each = MemoryContextMemAllocated(context, true) / n;
	Size		most = Min((Size) n * MOST_GROWTH, MOST_AT_ONCE);

	return Max(1, Min((Size) work_mem * 1024 / Max(each, 1), most));
}

PG_FUNCTION_INFO_V1(datom_pull_many);

/*
 * datom.pull_many(db, pattern, entities [, at]): a row for each of the entities, in
 * their order, with what pull() gives; null for a null. No rows for a null array.
 */
Datum
datom_pull_many(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "datom pull",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old;
	Entities	list = {0};
	int			most = 1;
	Call		call;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	begin_call(fcinfo, &call);
	if (!PG_ARGISNULL(ARG_ENTITY))
		list = list_entities(PG_GETARG_ARRAYTYPE_P(ARG_ENTITY));
	old = MemoryContextSwitchTo(context);
	for (int first = 0, n; first < list.n; first += n)
	{
		n = Min(most, list.n - first);
		put_some(result, &call, &list, first, n);
		most = next_many(context, n);
		MemoryContextReset(context);
	}
	MemoryContextSwitchTo(old);
	end_call(&call);
	MemoryContextDelete(context);
	return (Datum) 0;
}
