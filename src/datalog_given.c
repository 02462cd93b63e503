/*
 * datalog_given.c: arguments of a query as they were given.
 *
 *	SQL		values of types that facts have, arrays and rows of those, jsonb.
 *			Text is a literal: drivers send what is no number as text.
 *	JSON	strings are literals, since JSON has no other way to write an instant
 *			or a keyword; numbers are longs if they are whole, else bigdecs.
 *	EDN		says what it is.
 *
 * Text where a list is wanted is EDN, wherever it came from.
 */
#include "datalog_given.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "say.h"
#include "sql_value.h"

static DatalogGiven
given_value(DatomValue *v)
{
	return (DatalogGiven) {
		.value = v
	};
}

static DatalogGiven
given_literal(const char *text, int len)
{
	return (DatalogGiven) {
		.value = datom_value_make_string(text, len), .literal = true
	};
}

/*
 * JSON
 */

static DatalogGiven
given_number(Numeric number)
{
	char	   *text = DatumGetCString(DirectFunctionCall1(numeric_out,
														   NumericGetDatum(number)));
	DatomValue *v = datom_value_literal(text, strlen(text));

	return given_value(datom_value_kind(v) == DATOM_LONG ? datom_value_settle(v) :
					   datom_value_make_bigdec(number));
}

static DatalogGiven
given_container(JsonbContainer *container)
{
	JsonbIterator *it = JsonbIteratorInit(container);
	int			room = JsonContainerSize(container);
	DatalogGiven given = {.items = palloc(sizeof(DatalogGiven) * Max(room, 1))};
	JsonbIteratorToken token;
	JsonbValue	v;

	check_stack_depth();
	if (JsonContainerIsObject(container))
		given.keys = palloc(sizeof(char *) * Max(room, 1));
	(void) JsonbIteratorNext(&it, &v, true);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			given.keys[given.n] = pnstrdup(v.val.string.val, v.val.string.len);
		else if (token == WJB_ELEM || token == WJB_VALUE)
			given.items[given.n++] = datom_datalog_given_json(&v);
	}
	return given;
}

DatalogGiven
datom_datalog_given_json(const JsonbValue *json)
{
	DatalogGiven given;

	switch (json->type)
	{
		case jbvString:
			return given_literal(json->val.string.val, json->val.string.len);
		case jbvNumeric:
			return given_number(json->val.numeric);
		case jbvBool:
			return given_value(datom_value_make_boolean(json->val.boolean));
		case jbvBinary:
			given = given_container(json->val.binary.data);
			if (given.keys)
				given.json = datom_value_make_json(JsonbValueToJsonb((JsonbValue *) json));
			return given;
		default:
			return (DatalogGiven) {
				.null = true
			};
	}
}

/* The document as what it contains. */
DatalogGiven
datom_datalog_given_jsonb(Jsonb *json)
{
	JsonbValue	v;

	if (JsonbExtractScalar(&json->root, &v))
		return datom_datalog_given_json(&v);
	return given_container(&json->root);
}

/*
 * EDN
 */

static const char *
key_name(const Edn *key)
{
	if (key->text == NULL)
		return "";
	return key->kind == EDN_KEYWORD ? key->text + 1 : key->text;
}

static DatalogGiven
given_map(const Edn *form)
{
	DatalogGiven given = {.form = form, .n = form->count / 2};

	given.items = palloc(sizeof(DatalogGiven) * Max(given.n, 1));
	given.keys = palloc(sizeof(char *) * Max(given.n, 1));
	for (int i = 0; i < given.n; i++)
	{
		given.keys[i] = key_name(form->items[i * 2]);
		given.items[i] = datom_datalog_given_edn(form->items[i * 2 + 1]);
	}
	return given;
}

static DatalogGiven
given_items(const Edn *form)
{
	DatalogGiven given = {.form = form, .n = form->count};

	given.items = palloc(sizeof(DatalogGiven) * Max(given.n, 1));
	for (int i = 0; i < given.n; i++)
		given.items[i] = datom_datalog_given_edn(form->items[i]);
	return given;
}

DatalogGiven
datom_datalog_given_edn(const Edn *form)
{
	switch (form->kind)
	{
		case EDN_NIL:
			return (DatalogGiven) {
				.null = true, .form = form
			};
		case EDN_MAP:
			return given_map(form);
		case EDN_VECTOR:
		case EDN_LIST:
		case EDN_SET:
			return given_items(form);
		default:
			return (DatalogGiven) {
				.value = datom_value_from_edn(form), .form = form
			};
	}
}

/*
 * SQL
 */

bool
datom_datalog_type_of(Oid type, DatalogType *result)
{
	static const struct
	{
		Oid			type;
		DatalogType result;
	}			types[] = {
		{BOOLOID, DATALOG_BOOLEAN}, {INT2OID, DATALOG_LONG}, {INT4OID, DATALOG_LONG},
		{INT8OID, DATALOG_LONG}, {FLOAT4OID, DATALOG_DOUBLE}, {FLOAT8OID, DATALOG_DOUBLE},
		{NUMERICOID, DATALOG_BIGDEC}, {TEXTOID, DATALOG_LITERAL},
		{VARCHAROID, DATALOG_LITERAL}, {BPCHAROID, DATALOG_LITERAL},
		{NAMEOID, DATALOG_LITERAL}, {TIMESTAMPTZOID, DATALOG_INSTANT},
		{DATEOID, DATALOG_DATE}, {UUIDOID, DATALOG_UUID}, {BYTEAOID, DATALOG_BYTES},
		{JSONBOID, DATALOG_JSON}, {JSONOID, DATALOG_JSON}
	};
	Oid			base = getBaseType(type);

	for (int i = 0; i < (int) lengthof(types); i++)
		if (types[i].type == base)
		{
			*result = types[i].result;
			return true;
		}
	if (base == datom_say_type("attribute"))
		*result = DATALOG_KEYWORD;
	else if (base == datom_say_type("value"))
		*result = DATALOG_ANY;
	else
		return false;
	return true;
}

static void
refuse_type(Oid type)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("an argument of a query cannot be of type %s", format_type_be(type)),
			 type == TIMESTAMPOID ?
			 errhint("Give a timestamp with time zone.") :
			 errhint("Cast it to a type that facts have, such as text or bigint.")));
}

static DatomValue *
keyword_of(Datum value)
{
	struct varlena *text = PG_DETOAST_DATUM_PACKED(value);

	return datom_value_make_keyword(VARDATA_ANY(text), VARSIZE_ANY_EXHDR(text));
}

/* A value of a type that datom_datalog_type_of() knows, and that is not json. */
static DatomValue *
make_value(Oid type, Datum value)
{
	switch (type)
	{
		case INT2OID:
			return datom_value_make_long(DatumGetInt16(value));
		case INT4OID:
			return datom_value_make_long(DatumGetInt32(value));
		case FLOAT4OID:
			return datom_value_make_double(DatumGetFloat4(value));
		case BOOLOID:
		case INT8OID:
		case FLOAT8OID:
		case NUMERICOID:
		case TEXTOID:
		case TIMESTAMPTZOID:
		case DATEOID:
		case UUIDOID:
		case BYTEAOID:
			return datom_sql_make_value(value, type);
		case VARCHAROID:
			return datom_sql_make_value(value, TEXTOID);
		case BPCHAROID:
			return datom_sql_make_value(DirectFunctionCall1(rtrim1, value), TEXTOID);
		case NAMEOID:
			return datom_value_make_string(NameStr(*DatumGetName(value)),
										   strlen(NameStr(*DatumGetName(value))));
		default:
			if (type == datom_say_type("attribute"))
				return keyword_of(value);
			return datom_value_settle(DatumGetDatomValuePP(value));
	}
}

static DatalogGiven
given_scalar(Oid type, Datum value, DatalogType known)
{
	return (DatalogGiven) {
		.value = make_value(type, value), .literal = known == DATALOG_LITERAL
	};
}

/* Of an array; what its type is, is asked once. */
static DatalogGiven
given_elements(Oid type, const Datum *values, const bool *nulls, int n)
{
	DatalogGiven given = {.n = n, .items = MemoryContextAllocHuge(CurrentMemoryContext,
																  sizeof(DatalogGiven) * Max(n, 1))};
	DatalogType known;
	bool		plain = datom_datalog_type_of(type, &known) && known != DATALOG_JSON;
	Oid			base = getBaseType(type);

	for (int i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (plain && !nulls[i])
			given.items[i] = given_scalar(base, values[i], known);
		else
			given.items[i] = datom_datalog_given_sql(type, values[i], nulls[i]);
	}
	return given;
}

static DatalogGiven
given_array(Oid type, ArrayType *array)
{
	DatalogGiven given = {0};
	Datum	   *values;
	bool	   *nulls;
	int			count;
	int			width;
	int16		len;
	bool		byval;
	char		align;

	if (ARR_NDIM(array) > 2)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("an argument of a query cannot be an array of %d dimensions",
						ARR_NDIM(array))));
	get_typlenbyvalalign(type, &len, &byval, &align);
	deconstruct_array(array, type, len, byval, align, &values, &nulls, &count);
	if (ARR_NDIM(array) < 2)
		return given_elements(type, values, nulls, count);
	given.n = ARR_DIMS(array)[0];
	width = ARR_DIMS(array)[1];
	given.items = palloc(sizeof(DatalogGiven) * Max(given.n, 1));
	for (int i = 0; i < given.n; i++)
		given.items[i] = given_elements(type, values + i * width, nulls + i * width, width);
	return given;
}

static DatalogGiven
given_row(Datum value)
{
	HeapTupleHeader header = DatumGetHeapTupleHeader(value);
	TupleDesc	desc = lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(header),
											  HeapTupleHeaderGetTypMod(header));
	HeapTupleData tuple = {
		.t_len = HeapTupleHeaderGetDatumLength(header), .t_data = header
	};
	Datum	   *values = palloc(sizeof(Datum) * Max(desc->natts, 1));
	bool	   *nulls = palloc(sizeof(bool) * Max(desc->natts, 1));
	DatalogGiven given = {.items = palloc(sizeof(DatalogGiven) * Max(desc->natts, 1))};

	check_stack_depth();
	heap_deform_tuple(&tuple, desc, values, nulls);
	for (int i = 0; i < desc->natts; i++)
		if (!TupleDescAttr(desc, i)->attisdropped)
			given.items[given.n++] = datom_datalog_given_sql(TupleDescAttr(desc, i)->atttypid,
															 values[i], nulls[i]);
	ReleaseTupleDesc(desc);
	return given;
}

static DatalogGiven
given_document(Oid type, Datum value)
{
	Jsonb	   *json;
	DatalogGiven given;

	if (type == JSONOID)
		value = DirectFunctionCall1(jsonb_in, CStringGetDatum(TextDatumGetCString(value)));
	json = DatumGetJsonbP(value);
	given = datom_datalog_given_jsonb(json);
	given.null = false;
	given.json = datom_value_make_json(json);
	return given;
}

/* An error that names the type if arguments cannot be of it. */
DatalogGiven
datom_datalog_given_sql(Oid type, Datum value, bool isnull)
{
	Oid			base = getBaseType(type);
	DatalogType known;

	if (isnull)
		return (DatalogGiven) {
			.null = true
		};
	if (base == UNKNOWNOID)
		return given_literal(DatumGetCString(value), strlen(DatumGetCString(value)));
	if (base == REGCLASSOID)
		return (DatalogGiven) {
			.table = DatumGetObjectId(value)
		};
	if (base == JSONBOID || base == JSONOID)
		return given_document(base, value);
	if (OidIsValid(get_element_type(base)))
		return given_array(get_element_type(base), DatumGetArrayTypeP(value));
	if (type_is_rowtype(base))
		return given_row(value);
	if (!datom_datalog_type_of(base, &known))
		refuse_type(base);
	return given_scalar(base, value, known);
}

/*
 * What it is taken for
 */

const char *
datom_datalog_given_text(const DatalogGiven *given)
{
	const char *text;
	int			len;

	if (given->form && given->form->kind == EDN_SYMBOL)
		return given->form->text;
	if (given->value == NULL || datom_value_kind(given->value) != DATOM_STRING)
		return NULL;
	text = datom_value_get_text(given->value, &len);
	return pnstrdup(text, len);
}

bool
datom_datalog_given_list(const DatalogGiven *given, DatalogGiven *list)
{
	const char *text;

	*list = *given;
	if (list->items == NULL && (text = datom_datalog_given_text(given)) != NULL)
		*list = datom_datalog_given_edn(datom_edn_parse(text, strlen(text)));
	return list->items != NULL && list->keys == NULL;
}

const DatalogGiven *
datom_datalog_given_get(const DatalogGiven *map, const char *key)
{
	for (int i = 0; map->keys && i < map->n; i++)
		if (strcmp(map->keys[i], key) == 0)
			return &map->items[i];
	return NULL;
}
