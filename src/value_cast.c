/*
 * value_cast.c
 *		Owns the casts between datom.value and the server's types, and the SQL
 *		functions that make refs and keywords.
 *
 * A cast to a value keeps all of what it is given and makes a typed value.  A
 * cast from a value is for its own kind only, with few exceptions among
 * numbers; any other kind is error 42804, which names the kind found and never
 * shows the value.  All are strict.
 */
#include "postgres.h"

#include <math.h>

#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "attribute.h"
#include "value.h"


/* ---- to values ---- */

/* datom.value(text), also for varchar: string. */
PG_FUNCTION_INFO_V1(datom_value_from_text);
Datum
datom_value_from_text(PG_FUNCTION_ARGS)
{
	text	   *from = PG_GETARG_TEXT_PP(0);

	PG_RETURN_DATOM_VALUE(datom_value_make_string(VARDATA_ANY(from),
												  VARSIZE_ANY_EXHDR(from)));
}

/* datom.value(bpchar): string, without the blanks that pad it. */
PG_FUNCTION_INFO_V1(datom_value_from_bpchar);
Datum
datom_value_from_bpchar(PG_FUNCTION_ARGS)
{
	BpChar	   *from = PG_GETARG_BPCHAR_PP(0);
	int			len = bpchartruelen(VARDATA_ANY(from), VARSIZE_ANY_EXHDR(from));

	PG_RETURN_DATOM_VALUE(datom_value_make_string(VARDATA_ANY(from), len));
}

/* datom.value(smallint): long. */
PG_FUNCTION_INFO_V1(datom_value_from_int2);
Datum
datom_value_from_int2(PG_FUNCTION_ARGS)
{
	PG_RETURN_DATOM_VALUE(datom_value_make_long(PG_GETARG_INT16(0)));
}

/* datom.value(integer): long. */
PG_FUNCTION_INFO_V1(datom_value_from_int4);
Datum
datom_value_from_int4(PG_FUNCTION_ARGS)
{
	PG_RETURN_DATOM_VALUE(datom_value_make_long(PG_GETARG_INT32(0)));
}

/* datom.value(bigint): long. */
PG_FUNCTION_INFO_V1(datom_value_from_int8);
Datum
datom_value_from_int8(PG_FUNCTION_ARGS)
{
	PG_RETURN_DATOM_VALUE(datom_value_make_long(PG_GETARG_INT64(0)));
}

/* datom.value(real): double, of the very same number. */
PG_FUNCTION_INFO_V1(datom_value_from_float4);
Datum
datom_value_from_float4(PG_FUNCTION_ARGS)
{
	PG_RETURN_DATOM_VALUE(datom_value_make_double(PG_GETARG_FLOAT4(0)));
}

/* datom.value(double precision): double. */
PG_FUNCTION_INFO_V1(datom_value_from_float8);
Datum
datom_value_from_float8(PG_FUNCTION_ARGS)
{
	PG_RETURN_DATOM_VALUE(datom_value_make_double(PG_GETARG_FLOAT8(0)));
}

/* datom.value(numeric): bigdec; 22003 for NaN and infinities. */
PG_FUNCTION_INFO_V1(datom_value_from_numeric);
Datum
datom_value_from_numeric(PG_FUNCTION_ARGS)
{
	PG_RETURN_DATOM_VALUE(datom_value_make_bigdec(PG_GETARG_NUMERIC(0)));
}

/* datom.value(boolean): boolean. */
PG_FUNCTION_INFO_V1(datom_value_from_bool);
Datum
datom_value_from_bool(PG_FUNCTION_ARGS)
{
	PG_RETURN_DATOM_VALUE(datom_value_make_boolean(PG_GETARG_BOOL(0)));
}

/* datom.value(timestamptz): instant. */
PG_FUNCTION_INFO_V1(datom_value_from_timestamptz);
Datum
datom_value_from_timestamptz(PG_FUNCTION_ARGS)
{
	PG_RETURN_DATOM_VALUE(datom_value_make_instant(PG_GETARG_TIMESTAMPTZ(0)));
}

/* datom.value(date): date. */
PG_FUNCTION_INFO_V1(datom_value_from_date);
Datum
datom_value_from_date(PG_FUNCTION_ARGS)
{
	PG_RETURN_DATOM_VALUE(datom_value_make_date(PG_GETARG_DATEADT(0)));
}

/* datom.value(uuid): uuid. */
PG_FUNCTION_INFO_V1(datom_value_from_uuid);
Datum
datom_value_from_uuid(PG_FUNCTION_ARGS)
{
	PG_RETURN_DATOM_VALUE(datom_value_make_uuid(PG_GETARG_UUID_P(0)->data));
}

/* datom.value(bytea): bytes. */
PG_FUNCTION_INFO_V1(datom_value_from_bytea);
Datum
datom_value_from_bytea(PG_FUNCTION_ARGS)
{
	bytea	   *from = PG_GETARG_BYTEA_PP(0);

	PG_RETURN_DATOM_VALUE(datom_value_make_bytes(VARDATA_ANY(from),
												 VARSIZE_ANY_EXHDR(from)));
}

/* datom.value(jsonb): json. */
PG_FUNCTION_INFO_V1(datom_value_from_jsonb);
Datum
datom_value_from_jsonb(PG_FUNCTION_ARGS)
{
	PG_RETURN_DATOM_VALUE(datom_value_make_json(PG_GETARG_JSONB_P(0)));
}

/* datom.value(json): json, as jsonb reads it. */
PG_FUNCTION_INFO_V1(datom_value_from_json);
Datum
datom_value_from_json(PG_FUNCTION_ARGS)
{
	char	   *from = TextDatumGetCString(PG_GETARG_DATUM(0));

	PG_RETURN_DATOM_VALUE(datom_value_make_json(DatumGetJsonbP(DirectFunctionCall1(jsonb_in,
																				   CStringGetDatum(from)))));
}

/* datom.value(attribute): keyword. */
PG_FUNCTION_INFO_V1(datom_value_from_attribute);
Datum
datom_value_from_attribute(PG_FUNCTION_ARGS)
{
	text	   *from = PG_GETARG_TEXT_PP(0);

	PG_RETURN_DATOM_VALUE(datom_value_make_keyword(VARDATA_ANY(from),
												   VARSIZE_ANY_EXHDR(from)));
}

/* datom.ref(bigint): a reference to the entity. */
PG_FUNCTION_INFO_V1(datom_ref);
Datum
datom_ref(PG_FUNCTION_ARGS)
{
	PG_RETURN_DATOM_VALUE(datom_value_make_ref(PG_GETARG_INT64(0)));
}

/* datom.keyword(text): the keyword, colon in front; 22P02 if it is not one. */
PG_FUNCTION_INFO_V1(datom_keyword);
Datum
datom_keyword(PG_FUNCTION_ARGS)
{
	text	   *from = PG_GETARG_TEXT_PP(0);

	if (!datom_edn_keyword_valid(VARDATA_ANY(from), VARSIZE_ANY_EXHDR(from)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("invalid keyword"),
				 errhint("A keyword begins with a colon, as in \":status/open\".")));
	PG_RETURN_DATOM_VALUE(datom_value_make_keyword(VARDATA_ANY(from),
												   VARSIZE_ANY_EXHDR(from)));
}


/* ---- from values ---- */

static void
refuse(const DatomValue *v, const char *type)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("cannot cast a value of type \"%s\" to %s",
					datom_value_kind_name(datom_value_kind(v)), type)));
}

/* Returns the value if it is of the kind, else refuses. */
static DatomValue *
expect(DatomValue *v, DatomKind kind, const char *type)
{
	if (datom_value_kind(v) != kind)
		refuse(v, type);
	return v;
}

/* The integer of a long or a ref. */
static int64
expect_int(const DatomValue *v, const char *type)
{
	if (datom_value_kind(v) != DATOM_LONG && datom_value_kind(v) != DATOM_REF)
		refuse(v, type);
	return datom_value_get_int(v);
}

/* datom.value_to_text(value): natural text of any kind; a string as it is. */
PG_FUNCTION_INFO_V1(datom_value_to_text);
Datum
datom_value_to_text(PG_FUNCTION_ARGS)
{
	DatomValue *v = PG_GETARG_DATOM_VALUE_PP(0);
	const char *bytes;
	int			len;

	if (datom_value_kind(v) != DATOM_STRING)
		PG_RETURN_TEXT_P(cstring_to_text(datom_value_text_cstring(v)));
	bytes = datom_value_get_text(v, &len);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(bytes, len));
}

/* datom.value_to_int8(value): from long and ref. */
PG_FUNCTION_INFO_V1(datom_value_to_int8);
Datum
datom_value_to_int8(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(expect_int(PG_GETARG_DATOM_VALUE_PP(0), "bigint"));
}

/* datom.value_to_int4(value): from long and ref; 22003 if it does not fit. */
PG_FUNCTION_INFO_V1(datom_value_to_int4);
Datum
datom_value_to_int4(PG_FUNCTION_ARGS)
{
	int64		number = expect_int(PG_GETARG_DATOM_VALUE_PP(0), "integer");

	return DirectFunctionCall1(int84, Int64GetDatum(number));
}

/* datom.value_to_int2(value): from long and ref; 22003 if it does not fit. */
PG_FUNCTION_INFO_V1(datom_value_to_int2);
Datum
datom_value_to_int2(PG_FUNCTION_ARGS)
{
	int64		number = expect_int(PG_GETARG_DATOM_VALUE_PP(0), "smallint");

	return DirectFunctionCall1(int82, Int64GetDatum(number));
}

/* datom.value_to_numeric(value): from long, bigdec, and double as float8 does. */
PG_FUNCTION_INFO_V1(datom_value_to_numeric);
Datum
datom_value_to_numeric(PG_FUNCTION_ARGS)
{
	DatomValue *v = PG_GETARG_DATOM_VALUE_PP(0);

	switch (datom_value_kind(v))
	{
		case DATOM_LONG:
			PG_RETURN_NUMERIC(int64_to_numeric(datom_value_get_int(v)));
		case DATOM_DOUBLE:
			return DirectFunctionCall1(float8_numeric,
									   Float8GetDatum(datom_value_get_double(v)));
		default:
			v = expect(v, DATOM_BIGDEC, "numeric");
			PG_RETURN_NUMERIC(datom_value_get_bigdec(v));
	}
}

/* The nearest double.  Not numeric_float8(), whose error shows the number. */
static double
bigdec_to_float8(const DatomValue *v)
{
	double		near = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow,
														  NumericGetDatum(datom_value_get_bigdec(v))));

	if (isinf(near))
		float_overflow_error();
	return near;
}

/* datom.value_to_float8(value): from long, double, bigdec, rounded; 22003 if too large. */
PG_FUNCTION_INFO_V1(datom_value_to_float8);
Datum
datom_value_to_float8(PG_FUNCTION_ARGS)
{
	DatomValue *v = PG_GETARG_DATOM_VALUE_PP(0);

	switch (datom_value_kind(v))
	{
		case DATOM_LONG:
			PG_RETURN_FLOAT8((double) datom_value_get_int(v));
		case DATOM_BIGDEC:
			PG_RETURN_FLOAT8(bigdec_to_float8(v));
		default:
			v = expect(v, DATOM_DOUBLE, "double precision");
			PG_RETURN_FLOAT8(datom_value_get_double(v));
	}
}

/* datom.value_to_bool(value): from boolean. */
PG_FUNCTION_INFO_V1(datom_value_to_bool);
Datum
datom_value_to_bool(PG_FUNCTION_ARGS)
{
	DatomValue *v = PG_GETARG_DATOM_VALUE_PP(0);

	PG_RETURN_BOOL(datom_value_get_bool(expect(v, DATOM_BOOLEAN, "boolean")));
}

/* datom.value_to_timestamptz(value): from instant. */
PG_FUNCTION_INFO_V1(datom_value_to_timestamptz);
Datum
datom_value_to_timestamptz(PG_FUNCTION_ARGS)
{
	DatomValue *v = expect(PG_GETARG_DATOM_VALUE_PP(0), DATOM_INSTANT,
						   "timestamp with time zone");

	PG_RETURN_TIMESTAMPTZ(datom_value_get_instant(v));
}

/* datom.value_to_date(value): from date. */
PG_FUNCTION_INFO_V1(datom_value_to_date);
Datum
datom_value_to_date(PG_FUNCTION_ARGS)
{
	DatomValue *v = PG_GETARG_DATOM_VALUE_PP(0);

	PG_RETURN_DATEADT(datom_value_get_date(expect(v, DATOM_DATE, "date")));
}

/* datom.value_to_uuid(value): from uuid. */
PG_FUNCTION_INFO_V1(datom_value_to_uuid);
Datum
datom_value_to_uuid(PG_FUNCTION_ARGS)
{
	DatomValue *v = expect(PG_GETARG_DATOM_VALUE_PP(0), DATOM_UUID, "uuid");
	pg_uuid_t  *uuid = palloc(sizeof(pg_uuid_t));

	memcpy(uuid->data, datom_value_get_uuid(v), UUID_LEN);
	PG_RETURN_UUID_P(uuid);
}

/* datom.value_to_bytea(value): from bytes. */
PG_FUNCTION_INFO_V1(datom_value_to_bytea);
Datum
datom_value_to_bytea(PG_FUNCTION_ARGS)
{
	DatomValue *v = expect(PG_GETARG_DATOM_VALUE_PP(0), DATOM_BYTES, "bytea");
	int			len;
	const char *bytes = datom_value_get_text(v, &len);

	/* text and bytea are laid out alike. */
	PG_RETURN_BYTEA_P(cstring_to_text_with_len(bytes, len));
}

/* datom.value_to_jsonb(value): natural JSON of any kind. */
PG_FUNCTION_INFO_V1(datom_value_to_jsonb);
Datum
datom_value_to_jsonb(PG_FUNCTION_ARGS)
{
	DatomValue *v = PG_GETARG_DATOM_VALUE_PP(0);
	JsonbValue	json;

	if (datom_value_kind(v) == DATOM_JSON)
		PG_RETURN_JSONB_P(datom_value_get_json(v));
	datom_value_push_json(&json, v);
	PG_RETURN_JSONB_P(JsonbValueToJsonb(&json));
}

/* datom.value_to_attribute(value): from keyword; a longer one is refused like other kinds. */
PG_FUNCTION_INFO_V1(datom_value_to_attribute);
Datum
datom_value_to_attribute(PG_FUNCTION_ARGS)
{
	DatomValue *v = expect(PG_GETARG_DATOM_VALUE_PP(0), DATOM_KEYWORD,
						   "datom.attribute");
	int			len;
	const char *text = datom_value_get_text(v, &len);

	if (!datom_attribute_valid(text, len))
		refuse(v, "datom.attribute");
	PG_RETURN_POINTER(datom_attribute_make(text, len));
}
