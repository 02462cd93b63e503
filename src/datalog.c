/*
 * datalog.c: the functions that ask Datalog.
 *
 *	q			rows, with the columns that the caller wants
 *	saved_q		the same with arguments by their names, for views and functions
 *	q_json		rows as JSON
 *	answer		a message, that says the query, its arguments and its sources
 *	q_sql		the SQL that a query becomes
 *
 * All of them ask as their caller. In FROM the planner puts the query itself in
 * place of q and saved_q, see datalog_rewrite.c; here they answer alone.
 */
#include "compat.h"

#include "access/tupconvert.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "executor/tstoreReceiver.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/tuplestore.h"

#include "datalog_compile.h"
#include "datalog_json.h"
#include "datalog_named.h"
#include "datalog_parse.h"
#include "datalog_run.h"
#include "log.h"
#include "settings.h"

static const DatalogQuery *
query_argument(FunctionCallInfo fcinfo)
{
	text	   *query;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the query must not be null")));
	query = PG_GETARG_TEXT_PP(0);
	return datom_datalog_read(VARDATA_ANY(query), VARSIZE_ANY_EXHDR(query));
}

/*
 * q
 */

/* Arguments behind the query; those of a VARIADIC array are its elements. */
static DatalogGiven
sql_arguments(FunctionCallInfo fcinfo)
{
	DatalogGiven all = {0};

	if (PG_NARGS() > 1 && get_fn_expr_variadic(fcinfo->flinfo))
	{
		if (!PG_ARGISNULL(1))
			all = datom_datalog_given_sql(get_fn_expr_argtype(fcinfo->flinfo, 1),
										  PG_GETARG_DATUM(1), false);
		return all;
	}
	all.n = PG_NARGS() - 1;
	all.items = palloc(sizeof(DatalogGiven) * Max(1, all.n));
	for (int i = 0; i < all.n; i++)
		all.items[i] = datom_datalog_given_sql(get_fn_expr_argtype(fcinfo->flinfo, i + 1),
											   PG_GETARG_DATUM(i + 1), PG_ARGISNULL(i + 1));
	return all;
}

/* The columns that the caller wants. */
static DatalogTarget
target_of(TupleDesc desc)
{
	DatalogTarget target = {.n = desc->natts};

	target.types = palloc(sizeof(Oid) * Max(1, target.n));
	target.typmods = palloc(sizeof(int32) * Max(1, target.n));
	for (int i = 0; i < target.n; i++)
	{
		target.types[i] = TupleDescAttr(desc, i)->atttypid;
		target.typmods[i] = TupleDescAttr(desc, i)->atttypmod;
	}
	return target;
}

static void
check_place(ReturnSetInfo *result, const char *function)
{
	if (result == NULL || !IsA(result, ReturnSetInfo) || result->expectedDesc == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("datom.%s() needs to be told its columns", function),
				 errhint("Call it in FROM, as in SELECT * FROM datom.%s('...') AS (name text, amount numeric).",
						 function)));
}

/* Answers as rows; the arguments go in their order, or by their names. */
static void
ask(FunctionCallInfo fcinfo, bool by_name)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	DatalogAsked asked = {.query = query_argument(fcinfo)};
	DatalogGiven given = sql_arguments(fcinfo);
	DatalogTarget target;
	DestReceiver *dest = CreateTuplestoreDestReceiver();

	check_place(result, by_name ? "saved_q" : "q");
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	target = target_of(result->setDesc);
	if (by_name)
	{
		DatalogPairs pairs = datom_datalog_pairs(asked.query, given.items, given.n,
												 &asked.sources);

		given.items = pairs.given;
		given.n = pairs.n;
	}
	datom_datalog_prepare(&asked, given.items, given.n, &target);
	SetTuplestoreDestReceiverParams(dest, result->setResult,
									result->econtext->ecxt_per_query_memory, false,
									result->setDesc, "the query returns other columns");
	datom_datalog_run(&asked, dest);
	dest->rDestroy(dest);
}

PG_FUNCTION_INFO_V1(datom_q);

/*
 * datom.q(query [, argument ...]): the rows that a query finds, as the columns of
 * the caller's list. Arguments are those of :in, in their order; sources may be
 * left out and are then found by their names. 22004 for a null; 42804 if the
 * columns are not as many as what is found; errors of the query say where in it.
 */
Datum
datom_q(PG_FUNCTION_ARGS)
{
	ask(fcinfo, false);
	return (Datum) 0;
}

PG_FUNCTION_INFO_V1(datom_saved_q);

/*
 * datom.saved_q(query [, name, argument ...]): the same for a query that is stored
 * in a view or a function. Arguments go by what they are called: '$' and any other
 * source, '%' for rules, '?name' for a variable or a collection of its values,
 * '?a_b' for a tuple or a relation of ?a and ?b. 22023 for a name that the query does
 * not take, or one that is missing or given twice. In a view the rights are those of
 * the view's owner, which the planner sees to; here they are the caller's.
 */
Datum
datom_saved_q(PG_FUNCTION_ARGS)
{
	ask(fcinfo, true);
	return (Datum) 0;
}

PG_FUNCTION_INFO_V1(datom_q_given);

/*
 * datom.q_given(name, argument, ...): true, or the error that q raises because an
 * argument is null or cannot be one. The planner puts it above a query in place of
 * q whose arguments are not known yet.
 */
Datum
datom_q_given(PG_FUNCTION_ARGS)
{
	for (int i = 0; i + 1 < PG_NARGS(); i += 2)
	{
		Oid			type = get_fn_expr_argtype(fcinfo->flinfo, i + 1);
		DatalogGiven given = datom_datalog_given_sql(type, PG_GETARG_DATUM(i + 1),
													 PG_ARGISNULL(i + 1));

		datom_datalog_check(text_to_cstring(PG_GETARG_TEXT_PP(i)), &given,
							OidIsValid(get_element_type(getBaseType(type))));
	}
	PG_RETURN_BOOL(true);
}

PG_FUNCTION_INFO_V1(datom_q_allowed);

/*
 * datom.q_allowed(role, db): true, or the error that the role may not read the datom
 * table. The planner puts it above a query of a view that scans nothing of a source.
 */
Datum
datom_q_allowed(PG_FUNCTION_ARGS)
{
	if (!DATOM_BROKEN(BREAK_NO_CHECK))
		datom_log_require_of(PG_GETARG_OID(1), PG_GETARG_OID(0), ACL_SELECT);
	PG_RETURN_BOOL(true);
}

/*
 * q_json
 */

/* An array of arguments; SQL null stands for an empty one. */
static DatalogGiven
json_arguments(FunctionCallInfo fcinfo, int argno)
{
	Jsonb	   *json;

	if (PG_ARGISNULL(argno))
		return (DatalogGiven) {
			.n = 0
		};
	json = PG_GETARG_JSONB_P(argno);
	if (!JB_ROOT_IS_ARRAY(json) || JB_ROOT_IS_SCALAR(json))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the arguments must be a JSON array")));
	return datom_datalog_given_jsonb(json);
}

static void
put_row(void *arg, Jsonb *row)
{
	ReturnSetInfo *result = arg;
	Datum		value = JsonbPGetDatum(row);
	bool		isnull = false;

	tuplestore_putvalues(result->setResult, result->setDesc, &value, &isnull);
}

PG_FUNCTION_INFO_V1(datom_q_json);

/*
 * datom.q_json(query, args, as_of): the rows that a query finds as JSON: arrays,
 * or objects if it has a return map; of a collection or a scalar the values.
 * `args` is a JSON array of the arguments of :in; null stands for none. `as_of` is
 * a moment for all sources that do not say one; null: the moment in force.
 */
Datum
datom_q_json(PG_FUNCTION_ARGS)
{
	DatalogAsked asked = {.query = query_argument(fcinfo)};
	DatalogGiven given = json_arguments(fcinfo, 1);

	if (!PG_ARGISNULL(2))
		asked.sources.as_of = datom_moment_read(text_to_cstring(PG_GETARG_TEXT_PP(2)));
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	datom_datalog_prepare(&asked, given.items, given.n, NULL);
	datom_datalog_rows(&asked, put_row, fcinfo->resultinfo);
	return (Datum) 0;
}

/*
 * q_sql
 */

PG_FUNCTION_INFO_V1(datom_q_sql);

/*
 * datom.q_sql(query, args): the SQL that a query becomes. Values are parameters in
 * it, so of `args`, as in q_json, only the kinds count, but for rules, patterns and
 * sources; null: as if all were strings.
 */
Datum
datom_q_sql(PG_FUNCTION_ARGS)
{
	DatalogAsked asked = {.query = query_argument(fcinfo)};
	DatalogGiven given = json_arguments(fcinfo, 1);

	if (PG_ARGISNULL(1))
		asked.args = datom_datalog_args_unknown(asked.query, NULL, &asked.sources);
	else
		asked.args = datom_datalog_args(asked.query, given.items, given.n, &asked.sources);
	asked.sql = datom_datalog_compile(asked.query, asked.args->inputs,
									  datom_datalog_source_named, &asked.sources, NULL);
	PG_RETURN_TEXT_P(cstring_to_text(asked.sql->text));
}

/*
 * answer
 */

static const DatalogQuery *
query_of(const Edn *form)
{
	EdnError	err = {0};
	const DatalogQuery *query;

	if (form->kind == EDN_STRING)
		return datom_datalog_read(form->text, form->len);
	query = datom_datalog_parse(form, palloc, &err);
	if (query == NULL)
		datom_edn_raise(&err);
	return query;
}

PG_FUNCTION_INFO_V1(datom_answer_edn);

/*
 * datom.answer(message text): the answer to a message in EDN, such as
 * {:as-of #inst "2014-11-15T13:37:42Z" :args ["pur-8"] :query [...]}, as JSON in
 * the shape of the query's :find: an array of rows, an array of values, a row or a
 * value, and null where nothing was found. :sources says what is meant by sources
 * that are not among the arguments: {$pur "shop.pur"}.
 */
Datum
datom_answer_edn(PG_FUNCTION_ARGS)
{
	text	   *from = PG_GETARG_TEXT_PP(0);
	EdnError	err = {0};
	DatalogMessage *message = datom_datalog_parse_message(datom_edn_parse(VARDATA_ANY(from),
																		  VARSIZE_ANY_EXHDR(from)),
														  palloc, &err);
	DatalogAsked asked = {0};
	DatalogGiven named;
	DatalogGiven moment;
	DatalogGiven *given;

	if (message == NULL)
		datom_edn_raise(&err);
	asked.query = query_of(message->query);
	if (message->as_of)
	{
		moment = datom_datalog_given_edn(message->as_of);
		asked.sources.as_of = datom_datalog_moment(&moment, "the message");
	}
	if (message->sources)
	{
		named = datom_datalog_given_edn(message->sources);
		asked.sources.named = &named;
	}
	given = palloc(sizeof(DatalogGiven) * Max(1, message->nargs));
	for (int i = 0; i < message->nargs; i++)
		given[i] = datom_datalog_given_edn(message->args[i]);
	datom_datalog_prepare(&asked, given, message->nargs, NULL);
	PG_RETURN_JSONB_P(datom_datalog_answer(&asked));
}

static void
refuse_message(const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s", what),
			 errhint("A message is as in {\"as-of\": \"2014-11-15T13:37:42Z\", \"args\": [\"pur-8\"], \"query\": \"[:find ...]\", \"sources\": {\"$pur\": \"pur\"}}.")));
}

/* Notes one part of a message in JSON. */
static void
take_part(DatalogAsked *asked, const char *key, const DatalogGiven *part, DatalogGiven *args)
{
	const char *text;

	if (strcmp(key, "query") == 0)
	{
		text = datom_datalog_given_text(part);
		if (text == NULL)
			refuse_message("the query of a message must be text in EDN");
		asked->query = datom_datalog_read(text, strlen(text));
	}
	else if (strcmp(key, "args") == 0)
	{
		if (part->items == NULL || part->keys)
			refuse_message("the arguments of a message must be a JSON array");
		*args = *part;
	}
	else if (strcmp(key, "as-of") == 0)
		asked->sources.as_of = datom_datalog_moment(part, "the message");
	else if (strcmp(key, "sources") == 0)
	{
		if (part->keys == NULL)
			refuse_message("the sources of a message must be a JSON object");
		asked->sources.named = part;
	}
	else
		refuse_message(psprintf("\"%s\" is not a part of a message",
								datom_edn_clip(key, strlen(key))));
}

PG_FUNCTION_INFO_V1(datom_answer_json);

/*
 * datom.answer(message jsonb): the same for a message in JSON, in which the query
 * is text in EDN. A part that is null counts as missing.
 */
Datum
datom_answer_json(PG_FUNCTION_ARGS)
{
	DatalogGiven message = datom_datalog_given_jsonb(PG_GETARG_JSONB_P(0));
	DatalogAsked asked = {0};
	DatalogGiven args = {0};

	if (message.keys == NULL)
		refuse_message("a message must be a JSON object");
	for (int i = 0; i < message.n; i++)
		if (!message.items[i].null)
			take_part(&asked, message.keys[i], &message.items[i], &args);
	if (asked.query == NULL)
		refuse_message("a message must have a query");
	datom_datalog_prepare(&asked, args.items, args.n, NULL);
	PG_RETURN_JSONB_P(datom_datalog_answer(&asked));
}
