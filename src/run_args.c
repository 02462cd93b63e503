/*
 * run_args.c: arguments in JSON, by name or by position, to those of a call.
 *
 * They become literals, each with the type that the function wants, so whether they
 * fit is the server's to say. An array of JSON becomes one of Postgres, unless JSON
 * is wanted.
 */
#include "run_args.h"

#include "access/htup_details.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

/* What a function takes. */
typedef struct Wanted
{
	int			n;
	Oid		   *types;
	char	  **names;			/* "$1" where it has none */
} Wanted;

static Wanted
wanted_by(Oid function)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Wanted		wanted = {0};
	oidvector  *types;
	bool		unnamed;
	bool		no_modes;
	Datum		names;
	Datum		modes;

	if (!HeapTupleIsValid(tuple))
		return wanted;
	types = &((Form_pg_proc) GETSTRUCT(tuple))->proargtypes;
	wanted.n = types->dim1;
	wanted.types = memcpy(palloc(sizeof(Oid) * Max(1, wanted.n)), types->values, sizeof(Oid) * wanted.n);
	names = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_proargnames, &unnamed);
	modes = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_proargmodes, &no_modes);
	if (unnamed || get_func_input_arg_names(names, no_modes ? (Datum) 0 : modes, &wanted.names) == 0)
		wanted.names = palloc0(sizeof(char *) * Max(1, wanted.n));
	for (int i = 0; i < wanted.n; i++)
		if (wanted.names[i] == NULL)
			wanted.names[i] = psprintf("$%d", i + 1);
	ReleaseSysCache(tuple);
	return wanted;
}

static const char *
listed(const Wanted *wanted)
{
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; i < wanted->n; i++)
		appendStringInfo(&list, "%s%s", i ? ", " : "", wanted->names[i]);
	return list.data;
}

static void
refuse_unknown(const Wanted *wanted, const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("the saved query has no argument \"%s\"", name),
			 wanted->n ? errdetail("It has %s.", listed(wanted)) : errdetail("It has none.")));
}

static void
require_names(const Wanted *wanted, Jsonb *args)
{
	JsonbIterator *it = JsonbIteratorInit(&args->root);
	JsonbIteratorToken token;
	JsonbValue	v;

	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		bool		known = token != WJB_KEY;
		char	   *key = known ? NULL : pnstrdup(v.val.string.val, v.val.string.len);

		for (int i = 0; i < wanted->n && !known; i++)
			known = strcmp(wanted->names[i], key) == 0;
		if (!known)
			refuse_unknown(wanted, key);
	}
}

/* The one that is given for argument i; NULL: none is. */
static JsonbValue *
given_for(const Wanted *wanted, Jsonb *args, int i)
{
	if (JB_ROOT_IS_ARRAY(args))
		return getIthJsonbValueFromContainer(&args->root, i);
	return getKeyJsonValueFromContainer(&args->root, wanted->names[i],
										strlen(wanted->names[i]), NULL);
}

static char *
json_text(JsonbValue *value)
{
	Jsonb	   *json = JsonbValueToJsonb(value);

	return JsonbToCString(NULL, &json->root, VARSIZE(json));
}

/* A string as it is, all else as JSON. */
static char *
plain_text(JsonbValue *value)
{
	return value->type == jbvString ? pnstrdup(value->val.string.val, value->val.string.len) :
		json_text(value);
}

static char *
array_text(JsonbContainer *array)
{
	int			n = JsonContainerSize(array);
	Datum	   *texts = palloc0(sizeof(Datum) * Max(1, n));
	bool	   *nulls = palloc(sizeof(bool) * Max(1, n));
	int			lower = 1;

	for (int i = 0; i < n; i++)
	{
		JsonbValue *element = getIthJsonbValueFromContainer(array, i);

		nulls[i] = element->type == jbvNull;
		if (!nulls[i])
			texts[i] = CStringGetTextDatum(plain_text(element));
	}
	return OidOutputFunctionCall(F_ARRAY_OUT,
								 PointerGetDatum(construct_md_array(texts, nulls, n ? 1 : 0, &n, &lower,
																	TEXTOID, -1, false, TYPALIGN_INT)));
}

static char *
literal(JsonbValue *value, Oid type)
{
	if (value->type == jbvNull)
		return "NULL";
	if (type == JSONOID || type == JSONBOID)
		return quote_literal_cstr(json_text(value));
	if (value->type == jbvBinary && JsonContainerIsArray(value->val.binary.data))
		return quote_literal_cstr(array_text(value->val.binary.data));
	return quote_literal_cstr(plain_text(value));
}

char *
datom_run_arguments(Oid function, Jsonb *args)
{
	Wanted		wanted = wanted_by(function);
	StringInfoData call;

	if (JB_ROOT_IS_SCALAR(args))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("arguments of a run must be a JSON object or array")));
	if (JB_ROOT_IS_OBJECT(args))
		require_names(&wanted, args);
	else if ((int) JB_ROOT_COUNT(args) > wanted.n)
		refuse_unknown(&wanted, psprintf("$%d", wanted.n + 1));
	if (!OidIsValid(function))
		return "";
	initStringInfo(&call);
	for (int i = 0; i < wanted.n; i++)
	{
		JsonbValue *value = given_for(&wanted, args, i);

		if (value)
			appendStringInfo(&call, "%s%s => %s::%s", call.len ? ", " : "",
							 quote_identifier(wanted.names[i]), literal(value, wanted.types[i]),
							 format_type_be_qualified(wanted.types[i]));
	}
	return psprintf("(%s)", call.data);
}
