/*
 * datalog_describe.c: what a query finds, takes and reads.
 *
 * The compiler says it: it makes of an argument whose type is not known what that
 * is compared with, and notes which attributes it looks up on its way.
 */
#include "datalog_describe.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"

#include "datalog_args.h"
#include "datalog_compile.h"
#include "datalog_parse.h"
#include "datalog_scope.h"

typedef struct Describe
{
	const DatalogQuery *query;
	const DatalogSql *sql;
	DatalogDescription *result;
} Describe;

/*
 * Columns
 */

static bool
is_taken(const DatalogColumn *columns, int n, const char *name)
{
	for (int i = 0; i < n; i++)
		if (strcmp(columns[i].name, name) == 0)
			return true;
	return false;
}

/* Of columns of one name, the second gets "_2" behind it. */
static const char *
different_name(const DatalogColumn *columns, int n, const char *name)
{
	const char *result = name;

	for (int i = 2; is_taken(columns, n, result); i++)
		result = psprintf("%s_%d", name, i);
	return result;
}

static void
describe_columns(Describe *describe)
{
	int			n = describe->sql->nresults;
	DatalogColumn *columns = palloc(sizeof(DatalogColumn) * Max(1, n));

	for (int i = 0; i < n; i++)
	{
		const DatalogResult *result = &describe->sql->results[i];
		const char *name = describe->query->keys == KEYS_NONE ? result->name :
		describe->query->key_names[i];

		columns[i] = (DatalogColumn) {
			.name = different_name(columns, i, name), .type = result->sql_type
		};
	}
	describe->result->ncolumns = n;
	describe->result->columns = columns;
}

/*
 * Arguments
 */

/* What the compiler made of it; text: nothing. */
static Oid
type_of_input(const Describe *describe, int input)
{
	for (int i = 0; i < describe->sql->nparams; i++)
	{
		const DatalogParam *param = &describe->sql->params[i];

		if ((param->what == PARAM_SCALAR || param->what == PARAM_COLUMN) &&
			param->input == input)
			return param->type;
	}
	return TEXTOID;
}

static DatalogColumn
describe_argument(const Describe *describe, int input)
{
	const DatalogBinding *binding = &describe->query->in[input];
	bool		is_json = binding->kind == BIND_TUPLE || binding->kind == BIND_RELATION;

	return (DatalogColumn) {
		.name = datom_datalog_called(binding) + 1,
			.type = is_json ? JSONBOID : type_of_input(describe, input)
	};
}

static void
describe_arguments(Describe *describe)
{
	DatalogDescription *result = describe->result;

	result->args = palloc(sizeof(DatalogColumn) * Max(1, describe->query->nin));
	for (int i = 0; i < describe->query->nin; i++)
		switch (describe->query->in[i].kind)
		{
			case BIND_BLANK:
			case BIND_SOURCE:
			case BIND_PATTERN:
				break;
			case BIND_RULES:
				result->rules = true;
				break;
			default:
				result->args[result->nargs++] = describe_argument(describe, i);
		}
}

/*
 * What it reads
 */

static bool
is_noted(const DatalogDescription *result, Oid db, const char *attribute)
{
	for (int i = 0; i < result->nreads; i++)
	{
		const DatalogRead *read = &result->reads[i];

		if (read->db == db && (read->attribute == NULL) == (attribute == NULL) &&
			(attribute == NULL || strcmp(read->attribute, attribute) == 0))
			return true;
	}
	return false;
}

static void
note_read(DatalogDescription *result, Oid db, const char *attribute)
{
	if (!is_noted(result, db, attribute))
		result->reads[result->nreads++] = (DatalogRead) {
			.db = db, .attribute = attribute
		};
}

static void
describe_tables(Describe *describe)
{
	DatalogDescription *result = describe->result;
	int			room = 0;
	ListCell   *lc;
	ListCell   *attribute;

	foreach(lc, describe->sql->tables)
		room += list_length(((DatalogTable *) lfirst(lc))->read) + 1;
	result->sources = palloc(sizeof(DatalogNamed) * (room + 1));
	result->reads = palloc(sizeof(DatalogRead) * (room + 1));
	foreach(lc, describe->sql->tables)
	{
		const DatalogTable *table = lfirst(lc);

		result->sources[result->nsources++] = (DatalogNamed) {
			.name = table->name, .db = table->source.db
		};
		foreach(attribute, table->read)
			note_read(result, table->source.db, lfirst(attribute));
		if (table->reads_any)
			note_read(result, table->source.db, NULL);
	}
}

static DatalogGiven
given_rules(const char *text, int len)
{
	return datom_datalog_given_edn(datom_edn_parse(text, len));
}

DatalogDescription *
datom_datalog_describe(const char *edn, int len, const char *rules, int rules_len)
{
	Describe	describe = {
		.query = datom_datalog_read(edn, len), .result = palloc0(sizeof(DatalogDescription))
	};
	DatalogSources sources = {0};
	DatalogGiven given;
	DatalogArgs *args;

	if (rules)
		given = given_rules(rules, rules_len);
	args = datom_datalog_args_unknown(describe.query, rules ? &given : NULL, &sources);
	describe.sql = datom_datalog_compile(describe.query, args->inputs,
										 datom_datalog_source_named, &sources, NULL);
	describe_columns(&describe);
	describe_arguments(&describe);
	describe_tables(&describe);
	return describe.result;
}

/*
 * As JSON
 */

static void
put_key(StringInfo json, const char *key)
{
	appendStringInfo(json, "%s\"%s\": ", json->len > 1 ? ", " : "", key);
}

/* The next of a list: of two strings an array. */
static void
put_pair(StringInfo json, int i, const char *a, const char *b)
{
	appendStringInfoString(json, i > 0 ? ", [" : "[");
	escape_json(json, a);
	if (b)
	{
		appendStringInfoString(json, ", ");
		escape_json(json, b);
	}
	appendStringInfoChar(json, ']');
}

static void
put_columns(StringInfo json, const char *key, int n, const DatalogColumn *columns)
{
	put_key(json, key);
	appendStringInfoChar(json, '[');
	for (int i = 0; i < n; i++)
		put_pair(json, i, columns[i].name, format_type_be(columns[i].type));
	appendStringInfoChar(json, ']');
}

static const char *
table_name(Oid db)
{
	return DatumGetCString(DirectFunctionCall1(regclassout, ObjectIdGetDatum(db)));
}

static char *
json_of(const DatalogDescription *description)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	put_columns(&json, "columns", description->ncolumns, description->columns);
	put_columns(&json, "args", description->nargs, description->args);
	put_key(&json, "rules");
	appendStringInfoString(&json, description->rules ? "true" : "false");
	put_key(&json, "sources");
	appendStringInfoChar(&json, '[');
	for (int i = 0; i < description->nsources; i++)
		put_pair(&json, i, description->sources[i].name, table_name(description->sources[i].db));
	appendStringInfoChar(&json, ']');
	put_key(&json, "reads");
	appendStringInfoChar(&json, '[');
	for (int i = 0; i < description->nreads; i++)
		put_pair(&json, i, table_name(description->reads[i].db), description->reads[i].attribute);
	appendStringInfoString(&json, "]}");
	return json.data;
}

PG_FUNCTION_INFO_V1(datom_q_describe);

/*
 * datom.q_describe(query, rules): what a query finds, takes and reads, as JSON:
 * "columns" and "args" with their types, "sources" with their tables, "reads" as
 * pairs of table and attribute, or the table alone where any attribute is read.
 * `rules` may be null. Errors as of q.
 */
Datum
datom_q_describe(PG_FUNCTION_ARGS)
{
	text	   *query;
	text	   *rules = PG_ARGISNULL(1) ? NULL : PG_GETARG_TEXT_PP(1);

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	query = PG_GETARG_TEXT_PP(0);
	return DirectFunctionCall1(jsonb_in,
							   CStringGetDatum(json_of(datom_datalog_describe(VARDATA_ANY(query), VARSIZE_ANY_EXHDR(query),
																			  rules ? VARDATA_ANY(rules) : NULL,
																			  rules ? VARSIZE_ANY_EXHDR(rules) : 0))));
}
