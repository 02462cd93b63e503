/*
 * datalog_args.c: arguments of a query.
 *
 * The compiler is told of what kinds values are, and nothing else of them; so the
 * SQL is the same for all arguments of the same kinds. Values of a column that are
 * not of one kind are taken as datom.value, but longs among bigdecs become these.
 */
#include "datalog_args.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "attribute.h"
#include "datalog_entity.h"
#include "datalog_parse.h"
#include "say.h"
#include "sql_value.h"

/*
 * Names
 */

/* A binding as it is written, clipped. */
static const char *
spell(const DatalogBinding *binding)
{
	StringInfoData text;

	switch (binding->kind)
	{
		case BIND_BLANK:
			return "_";
		case BIND_SOURCE:
		case BIND_PATTERN:
			return datom_edn_clip(binding->name, strlen(binding->name));
		case BIND_RULES:
			return "%";
		case BIND_SCALAR:
			return datom_edn_clip(binding->terms[0].name, strlen(binding->terms[0].name));
		default:
			break;
	}
	initStringInfo(&text);
	appendStringInfoString(&text, binding->kind == BIND_RELATION ? "[[" : "[");
	for (int i = 0; i < binding->nterms; i++)
		appendStringInfo(&text, "%s%s", i > 0 ? " " : "",
						 binding->terms[i].kind == TERM_BLANK ? "_" : binding->terms[i].name);
	appendStringInfoString(&text, binding->kind == BIND_COLLECTION ? " ...]" :
						   binding->kind == BIND_RELATION ? "]]" : "]");
	return datom_edn_clip(text.data, text.len);
}

static const char *
spell_all(const DatalogQuery *query)
{
	StringInfoData text;

	initStringInfo(&text);
	for (int i = 0; i < query->nin; i++)
		appendStringInfo(&text, "%s%s", i > 0 ? " " : "", spell(&query->in[i]));
	return datom_edn_clip(text.data, text.len);
}

const char *
datom_datalog_name(const DatalogArgs *args, int input)
{
	if (args->by_name)
		return psprintf("argument \"%s\"", spell(&args->query->in[input]));
	return psprintf("argument %d, \"%s\",", args->args[input].argument + 1,
					spell(&args->query->in[input]));
}

const char *
datom_datalog_called(const DatalogBinding *binding)
{
	StringInfoData text;

	switch (binding->kind)
	{
		case BIND_SOURCE:
		case BIND_PATTERN:
			return binding->name;
		case BIND_RULES:
			return "%";
		case BIND_BLANK:
			return "_";
		default:
			break;
	}
	initStringInfo(&text);
	for (int i = 0; i < binding->nterms; i++)
		if (binding->terms[i].kind == TERM_VARIABLE)
			appendStringInfo(&text, "%s%s", text.len > 0 ? "_" : "",
							 binding->terms[i].name + (text.len > 0 ? 1 : 0));
	return text.len > 0 ? text.data : "_";
}

static void
refuse_null(const char *argument)
{
	ereport(ERROR,
			(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
			 errmsg("%s must not be null", argument)));
}

static void
refuse_shape(const char *argument, const char *expected)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s must be %s", argument, expected)));
}

/*
 * Values
 */

static bool
is_value(const DatalogGiven *given)
{
	return !given->null &&
		(given->value || given->json || datom_datalog_is_lookup_ref(given));
}

/* What is given is not one value. */
static void
refuse_value(const char *argument, const DatalogGiven *given)
{
	if (given->null)
		refuse_null(argument);
	refuse_shape(argument, "one value");
}

void
datom_datalog_check(const char *argument, const DatalogGiven *given, bool many)
{
	if (given->null)
		refuse_null(argument);
	if (!many && !is_value(given))
		refuse_value(argument, given);
	for (int i = 0; many && i < given->n; i++)
		if (!is_value(&given->items[i]))
			refuse_value(argument, &given->items[i]);
}

/* Notes one row of values; its blanks are not looked at. */
static void
put_row(DatalogArgs *args, int input, const DatalogGiven *items, int row)
{
	const DatalogBinding *binding = &args->query->in[input];
	DatalogArg *arg = &args->args[input];

	for (int i = 0; i < binding->nterms; i++)
	{
		if (binding->terms[i].kind != TERM_BLANK && !is_value(&items[i]))
			refuse_value(datom_datalog_name(args, input), &items[i]);
		arg->cells[row * binding->nterms + i] = &items[i];
	}
}

static void
make_rows(DatalogArgs *args, int input, int nrows)
{
	args->args[input].nrows = nrows;
	args->args[input].cells =
		MemoryContextAllocHuge(CurrentMemoryContext,
							   sizeof(DatalogGiven *) * Max(1, nrows) *
							   Max(1, args->query->in[input].nterms));
}

static void
put_tuple(DatalogArgs *args, int input, const DatalogGiven *given, int row)
{
	const DatalogBinding *binding = &args->query->in[input];
	DatalogGiven list;

	if (given->null)
		refuse_null(datom_datalog_name(args, input));
	if (!datom_datalog_given_list(given, &list))
		refuse_shape(datom_datalog_name(args, input), binding->kind == BIND_TUPLE ? "a list of values" :
					 "a list of lists of values");
	if (list.n != binding->nterms)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must have %d values, but has %d", datom_datalog_name(args, input),
						binding->nterms, list.n),
				 binding->kind == BIND_RELATION ? errdetail("In row %d.", row + 1) : 0));
	put_row(args, input, list.items, row);
}

static void
put_collection(DatalogArgs *args, int input, const DatalogGiven *given)
{
	bool		relation = args->query->in[input].kind == BIND_RELATION;
	DatalogGiven list;

	if (!datom_datalog_given_list(given, &list))
		refuse_shape(datom_datalog_name(args, input), relation ? "a list of lists of values" : "a list of values");
	make_rows(args, input, list.n);
	for (int i = 0; i < list.n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (relation)
			put_tuple(args, input, &list.items[i], i);
		else
			put_row(args, input, &list.items[i], i);
	}
}

/* Does a SQL type say of which kind a value is? */
static bool
is_known(Oid type, DatalogType *known)
{
	return datom_datalog_type_of(type, known) && *known != DATALOG_ANY;
}

/* An argument of which nothing but the type is known. */
static void
put_unknown(DatalogArgs *args, int input, Oid type)
{
	DatalogInput *in = &args->inputs[input];
	Oid			element = get_element_type(getBaseType(type));

	args->args[input].unknown = args->query->in[input].kind != BIND_BLANK;
	switch (args->query->in[input].kind)
	{
		case BIND_BLANK:
			break;
		case BIND_SCALAR:
			args->undecided |= !is_known(type, &in->types[0]);
			break;
		case BIND_COLLECTION:
			args->undecided |= !OidIsValid(element) || !is_known(element, &in->types[0]);
			break;
		default:
			args->undecided = true;
	}
}

static void
put_values(DatalogArgs *args, int input, const DatalogGiven *given)
{
	switch (args->query->in[input].kind)
	{
		case BIND_SCALAR:
			make_rows(args, input, 1);
			put_row(args, input, given, 0);
			break;
		case BIND_TUPLE:
			make_rows(args, input, 1);
			put_tuple(args, input, given, 0);
			break;
		default:
			put_collection(args, input, given);
	}
}

/*
 * Types
 */

static DatomValue *
value_of(const DatalogGiven *given)
{
	return given->json ? given->json : given->value;
}

static DatalogType
type_of(const DatalogGiven *given)
{
	if (given->literal && !given->json)
		return DATALOG_LITERAL;
	return (DatalogType) datom_value_kind(value_of(given));
}

static bool
is_exact(DatalogType type)
{
	return type == DATALOG_LONG || type == DATALOG_BIGDEC;
}

/* Of values of both types; 0 is no value. */
static DatalogType
common_type(DatalogType a, DatalogType b)
{
	if (a == 0 || a == b)
		return b;
	return is_exact(a) && is_exact(b) ? DATALOG_BIGDEC : DATALOG_ANY;
}

static DatalogType
column_type(const DatalogArg *arg, int nterms, int term)
{
	DatalogType type = 0;

	for (int row = 0; row < arg->nrows && type != DATALOG_ANY; row++)
		type = common_type(type, type_of(arg->cells[row * nterms + term]));
	return type == 0 ? DATALOG_LITERAL : type;
}

static void
refuse_lookup_ref(const char *argument)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s cannot be a lookup ref", argument),
			 errdetail("No clause takes it for an entity of a datom table.")));
}

/* Text may say a lookup ref in EDN, as it may for pull. */
static void
read_lookup_refs(const DatalogArgs *args, int input, int term, DatalogSources *sources)
{
	const DatalogBinding *binding = &args->query->in[input];
	const DatalogArg *arg = &args->args[input];

	for (int row = 0; row < arg->nrows; row++)
	{
		const DatalogGiven **cell = &arg->cells[row * binding->nterms + term];
		const char *text = (*cell)->literal && !(*cell)->json ?
		datom_datalog_given_text(*cell) : NULL;
		DatalogGiven *list;

		if (text == NULL || text[0] != '[' ||
			!datom_datalog_entity_source(args->query, args->inputs, sources,
										 binding->terms[term].name))
			continue;
		list = palloc(sizeof(DatalogGiven));
		if (datom_datalog_given_list(*cell, list) && datom_datalog_is_lookup_ref(list))
			*cell = list;
	}
}

/*
 * Where values of a term name entities, and it is one, all of them are entities.
 * NULL: it is not so.
 */
static const DatalogSource *
find_entities(const DatalogArgs *args, int input, int term, DatalogSources *sources)
{
	const DatalogBinding *binding = &args->query->in[input];
	const DatalogArg *arg = &args->args[input];
	const DatalogSource *source = NULL;
	bool		named = false;
	bool		lookup = false; /* and nothing else, as jsonb is */

	for (int row = 0; !lookup && row < arg->nrows; row++)
	{
		const DatalogGiven *given = arg->cells[row * binding->nterms + term];

		named = named || datom_datalog_names_entity(given);
		lookup = datom_datalog_is_lookup_ref(given) && !given->json;
	}
	if (named)
		source = datom_datalog_entity_source(args->query, args->inputs, sources,
											 binding->terms[term].name);
	if (lookup && source == NULL)
		refuse_lookup_ref(datom_datalog_name(args, input));
	return source;
}

/* A value of the type that is not known yet may name an entity. */
static void
check_entities(DatalogArgs *args, int input, DatalogSources *sources)
{
	DatalogType type = args->inputs[input].types[0];

	if ((type == DATALOG_KEYWORD || type == DATALOG_LITERAL || type == DATALOG_JSON) &&
		datom_datalog_entity_source(args->query, args->inputs, sources,
									args->query->in[input].terms[0].name))
		args->undecided = true;
}

static void
find_types(DatalogArgs *args, int input, DatalogSources *sources)
{
	const DatalogBinding *binding = &args->query->in[input];
	DatalogArg *arg = &args->args[input];
	DatalogType *types = args->inputs[input].types;

	arg->entities = palloc0(sizeof(DatalogSource *) * Max(1, binding->nterms));
	for (int i = 0; i < binding->nterms; i++)
	{
		if (binding->terms[i].kind == TERM_BLANK)
			continue;
		read_lookup_refs(args, input, i, sources);
		arg->entities[i] = find_entities(args, input, i, sources);
		types[i] = arg->entities[i] ? (DatalogType) DATOM_REF :
			column_type(arg, binding->nterms, i);
	}
}

/*
 * What is no value
 */

static DatalogRules *
rules_of(DatalogArgs *args, int input, const DatalogGiven *given)
{
	const char *text = datom_datalog_given_text(given);
	EdnError	err = {0};
	DatalogRules *rules;

	if (text)
		return datom_datalog_read_rules(text, strlen(text));
	if (given->form == NULL)
		refuse_shape(datom_datalog_name(args, input), "rules in EDN");
	rules = datom_datalog_parse_rules(given->form, palloc, &err);
	if (rules == NULL)
		datom_edn_raise(&err);
	return rules;
}

static const Edn *
pattern_of(DatalogArgs *args, int input, const DatalogGiven *given)
{
	const char *text = datom_datalog_given_text(given);

	if (text)
		return datom_edn_parse(text, strlen(text));
	if (given->form == NULL)
		refuse_shape(datom_datalog_name(args, input), "a pull pattern in EDN");
	return given->form;
}

/*
 * Arguments and bindings
 */

static int
count_sources(const DatalogQuery *query)
{
	int			n = 0;

	for (int i = 0; i < query->nin; i++)
		n += query->in[i].kind == BIND_SOURCE;
	return n;
}

static void
refuse_count(const DatalogQuery *query, int nsources, int given)
{
	int			expected = query->nin - nsources;

	if (nsources > 0 && given > expected)
		expected = query->nin;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg_plural("the query expects %d argument, but got %d",
						   "the query expects %d arguments, but got %d",
						   expected, expected, given),
			 query->nin == 0 ? errdetail("It has no :in.") :
			 nsources == 0 ? errdetail("It takes [%s].", spell_all(query)) :
			 errdetail("It takes [%s], and all or none of the sources may be left out.",
					   spell_all(query))));
}

static void
put(DatalogArgs *args, int input, const DatalogGiven *given, DatalogSources *sources)
{
	const DatalogBinding *binding = &args->query->in[input];
	DatalogInput *in = &args->inputs[input];

	if (given->unknown == UNKNOWNOID)
		return;
	if (OidIsValid(given->unknown))
		put_unknown(args, input, given->unknown);
	else if (given->null && binding->kind != BIND_BLANK)
		refuse_null(datom_datalog_name(args, input));
	else if (binding->kind == BIND_SOURCE)
		in->source = datom_datalog_source_of(sources, binding->name, given);
	else if (binding->kind == BIND_RULES)
		in->rules = rules_of(args, input, given);
	else if (binding->kind == BIND_PATTERN)
		in->pattern = pattern_of(args, input, given);
	else if (binding->kind != BIND_BLANK)
		put_values(args, input, given);
}

static DatalogArgs *
make_args(const DatalogQuery *query)
{
	DatalogArgs *args = palloc0(sizeof(DatalogArgs));

	args->query = query;
	args->inputs = palloc0(sizeof(DatalogInput) * Max(1, query->nin));
	args->args = palloc0(sizeof(DatalogArg) * Max(1, query->nin));
	for (int i = 0; i < query->nin; i++)
	{
		args->inputs[i].ntypes = query->in[i].nterms;
		args->inputs[i].types = palloc0(sizeof(DatalogType) * Max(1, query->in[i].nterms));
		args->args[i].argument = -1;
		for (int k = 0; k < query->in[i].nterms; k++)
			args->inputs[i].types[k] = DATALOG_LITERAL;
	}
	return args;
}

DatalogArgs *
datom_datalog_args(const DatalogQuery *query, const DatalogGiven *given, int n,
				   DatalogSources *sources)
{
	DatalogArgs *args = make_args(query);
	int			nsources = count_sources(query);
	bool		by_name = nsources > 0 && n == query->nin - nsources;
	int			next = 0;

	args->by_name = sources->by_name;
	if (n != query->nin && !by_name)
		refuse_count(query, nsources, n);
	for (int i = 0; i < query->nin; i++)
	{
		if (by_name && query->in[i].kind == BIND_SOURCE)
		{
			args->inputs[i].source = datom_datalog_source_named(sources, query->in[i].name,
																query->in[i].pos);
			continue;
		}
		args->args[i].argument = next;
		put(args, i, &given[next++], sources);
	}
	for (int i = 0; i < query->nin; i++)
	{
		if (args->args[i].cells)
			find_types(args, i, sources);
		else if (args->args[i].unknown && !args->undecided)
			check_entities(args, i, sources);
	}
	return args;
}

static void
refuse_unknown(const DatalogQuery *query, int input)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("the SQL of the query depends on \"%s\"", spell(&query->in[input])),
			 errhint("Give arguments for [%s].", spell_all(query))));
}

DatalogArgs *
datom_datalog_args_unknown(const DatalogQuery *query, const DatalogGiven *rules,
						   DatalogSources *sources)
{
	DatalogGiven *given = palloc0(sizeof(DatalogGiven) * Max(1, query->nin));
	int			n = 0;

	for (int i = 0; i < query->nin; i++)
	{
		if (query->in[i].kind == BIND_RULES && rules)
			given[n++] = *rules;
		else if (query->in[i].kind == BIND_RULES || query->in[i].kind == BIND_PATTERN)
			refuse_unknown(query, i);
		else if (query->in[i].kind != BIND_SOURCE)
			given[n++].unknown = UNKNOWNOID;
	}
	return datom_datalog_args(query, given, n, sources);
}

/*
 * Parameters
 */

static void
refuse_literal(const DatalogArgs *args, int input, const DatalogGiven *given, DatomKind kind)
{
	const char *text = datom_datalog_given_text(given);

	ereport(ERROR,
			(errcode(text ? ERRCODE_INVALID_TEXT_REPRESENTATION : ERRCODE_DATATYPE_MISMATCH),
			 text ?
			 errmsg("\"%s\" is not a value of type \"%s\"",
					datom_edn_clip(text, strlen(text)), datom_value_kind_name(kind)) :
			 errmsg("a value of type \"%s\" is not one of type \"%s\"",
					datom_value_kind_name(datom_value_kind(value_of(given))),
					datom_value_kind_name(kind)),
			 errdetail("It is given as %s and compared with such values.",
					   datom_datalog_name(args, input))));
}

/* The value of an argument as the query needs it. */
static DatomValue *
value_as(const DatalogArgs *args, int input, const DatalogGiven *given, DatalogType type)
{
	DatomKind	kind = type == DATALOG_TX ? DATOM_LONG : (DatomKind) type;
	DatomValue *v = value_of(given);
	int			len;
	const char *text;

	if (type == DATALOG_ANY || type == DATALOG_LITERAL)
		return datom_value_settle(v);
	if (given->literal && !given->json && kind != DATOM_STRING)
	{
		text = datom_value_get_text(v, &len);
		v = datom_value_literal(text, len);
	}
	v = datom_value_coerce(v, kind);
	if (v == NULL)
		refuse_literal(args, input, given, kind);
	return v;
}

static bool
names_entity(const DatalogArgs *args, const DatalogParam *param, const DatalogGiven *given)
{
	return args->args[param->input].entities[param->term] && datom_datalog_names_entity(given);
}

bool
datom_datalog_is_looked_up(const DatalogArgs *args, const DatalogParam *param)
{
	const DatalogBinding *binding;
	const DatalogArg *arg;

	if (param->what != PARAM_SCALAR && param->what != PARAM_COLUMN)
		return false;
	binding = &args->query->in[param->input];
	arg = &args->args[param->input];
	for (int row = 0; row < arg->nrows; row++)
		if (names_entity(args, param, arg->cells[row * binding->nterms + param->term]))
			return true;
	return false;
}

/* As a SQL value; types that are not those of columns are ours. */
static Datum
sql_of(DatomValue *v, Oid type)
{
	const char *text;
	int			len;

	if (datom_sql_is_type(type))
		return datom_sql_from_value(v, type, -1, "");
	if (type == datom_say_type("value"))
		return PointerGetDatum(v);
	text = datom_value_get_text(v, &len);
	return PointerGetDatum(datom_attribute_make(text, len));
}

static Datum
cell(const DatalogArgs *args, const DatalogParam *param, int row, Oid type, bool *isnull)
{
	const DatalogBinding *binding = &args->query->in[param->input];
	const DatalogGiven *given =
	args->args[param->input].cells[row * binding->nterms + param->term];

	*isnull = binding->terms[param->term].kind == TERM_BLANK;
	if (*isnull)
		return (Datum) 0;
	if (names_entity(args, param, given))
		return Int64GetDatum(datom_datalog_entity(args->args[param->input].entities[param->term],
												  given));
	return sql_of(value_as(args, param->input, given, param->datalog_type), type);
}

static Datum
column(const DatalogArgs *args, const DatalogParam *param)
{
	int			n = args->args[param->input].nrows;
	Datum	   *values = palloc(sizeof(Datum) * Max(1, n));
	bool	   *nulls = palloc(sizeof(bool) * Max(1, n));
	Oid			type = get_element_type(param->type);
	int			lower = 1;
	int16		len;
	bool		byval;
	char		align;

	for (int i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		values[i] = cell(args, param, i, type, &nulls[i]);
	}
	get_typlenbyvalalign(type, &len, &byval, &align);
	if (n == 0)
		return PointerGetDatum(construct_empty_array(type));
	return PointerGetDatum(construct_md_array(values, nulls, 1, &n, &lower, type, len, byval,
											  align));
}

Datum
datom_datalog_param(const DatalogArgs *args, const DatalogParam *param, bool *isnull)
{
	*isnull = false;
	switch (param->what)
	{
		case PARAM_VALUE:
			return sql_of(datom_value_settle(param->value), param->type);
		case PARAM_SCALAR:
			return cell(args, param, 0, param->type, isnull);
		case PARAM_COLUMN:
			return column(args, param);
		case PARAM_MOMENT:
			return param->moment.kind == MOMENT_TX ? Int64GetDatum(param->moment.tx) :
				TimestampTzGetDatum(param->moment.instant);
	}
	elog(ERROR, "unknown parameter");
}
