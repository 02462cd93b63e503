/*
 * sql_value.c: values of facts as values of columns, and back.
 *
 * A column has the type that belongs to its attribute's kind. Among numbers a
 * wider type will do as well, as the casts of datom.value have it: long in
 * numeric and float8, bigdec in float8. Anything else is an error that names the
 * attribute and both types, and never shows the value. Writing is stricter than
 * reading: what is stored is what was given, or nothing is.
 */
#include "sql_value.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "attribute.h"

/* In value_cast.c. */
extern Datum datom_value_to_float8(PG_FUNCTION_ARGS);

Oid
datom_sql_type(DatomKind kind)
{
	switch (kind)
	{
		case DATOM_BOOLEAN:
			return BOOLOID;
		case DATOM_LONG:
		case DATOM_REF:
			return INT8OID;
		case DATOM_DOUBLE:
			return FLOAT8OID;
		case DATOM_BIGDEC:
			return NUMERICOID;
		case DATOM_KEYWORD:
		case DATOM_STRING:
			return TEXTOID;
		case DATOM_INSTANT:
			return TIMESTAMPTZOID;
		case DATOM_DATE:
			return DATEOID;
		case DATOM_UUID:
			return UUIDOID;
		case DATOM_BYTES:
			return BYTEAOID;
		case DATOM_JSON:
			return JSONBOID;
	}
	elog(ERROR, "no type for values of kind %d", kind);
}

bool
datom_sql_is_type(Oid type)
{
	for (int kind = DATOM_KIND_FIRST; kind <= DATOM_KIND_LAST; kind++)
		if (datom_sql_type(kind) == type)
			return true;
	return false;
}

static void
refuse_kind(DatomKind kind, Oid type, const char *ident)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("a value of attribute \"%s\" is of type \"%s\", which a column of type %s cannot show",
					ident, datom_value_kind_name(kind), format_type_be(type)),
			 errhint("Give the column type %s.", format_type_be(datom_sql_type(kind)))));
}

/* False if a column of the type does not show values of the kind. */
static bool
is_shown(DatomKind kind, Oid type)
{
	if (datom_sql_type(kind) == type)
		return true;
	return (type == NUMERICOID && kind == DATOM_LONG) ||
		(type == FLOAT8OID && (kind == DATOM_LONG || kind == DATOM_BIGDEC));
}

static Datum
number_of(const DatomValue *v, Oid type, int32 typmod)
{
	Datum		number = datom_value_kind(v) == DATOM_LONG ?
		NumericGetDatum(int64_to_numeric(datom_value_get_int(v))) :
		NumericGetDatum(datom_value_get_bigdec(v));

	if (type == FLOAT8OID)
		return DirectFunctionCall1(datom_value_to_float8, PointerGetDatum(v));
	return typmod < 0 ? number :
		DirectFunctionCall2(numeric, number, Int32GetDatum(typmod));
}

static Datum
bytes_of(const DatomValue *v)
{
	int			len;
	const char *bytes = datom_value_get_text(v, &len);

	/* text and bytea are laid out alike. */
	return PointerGetDatum(cstring_to_text_with_len(bytes, len));
}

static Datum
uuid_of(const DatomValue *v)
{
	pg_uuid_t  *uuid = palloc(sizeof(pg_uuid_t));

	memcpy(uuid->data, datom_value_get_uuid(v), UUID_LEN);
	return UUIDPGetDatum(uuid);
}

Datum
datom_sql_from_value(const DatomValue *v, Oid type, int32 typmod, const char *ident)
{
	DatomKind	kind = datom_value_kind(v);

	if (!is_shown(kind, type))
		refuse_kind(kind, type, ident);
	switch (kind)
	{
		case DATOM_BOOLEAN:
			return BoolGetDatum(datom_value_get_bool(v));
		case DATOM_REF:
			return Int64GetDatum(datom_value_get_int(v));
		case DATOM_LONG:
			return type == INT8OID ? Int64GetDatum(datom_value_get_int(v)) :
				number_of(v, type, typmod);
		case DATOM_BIGDEC:
			return number_of(v, type, typmod);
		case DATOM_DOUBLE:
			return Float8GetDatum(datom_value_get_double(v));
		case DATOM_KEYWORD:
		case DATOM_STRING:
		case DATOM_BYTES:
			return bytes_of(v);
		case DATOM_INSTANT:
			return TimestampTzGetDatum(datom_value_get_instant(v));
		case DATOM_DATE:
			return DateADTGetDatum(datom_value_get_date(v));
		case DATOM_UUID:
			return uuid_of(v);
		case DATOM_JSON:
			return JsonbPGetDatum(datom_value_get_json(v));
	}
	elog(ERROR, "no column shows a value of kind %d", kind);
}

DatomValue *
datom_sql_make_value(Datum value, Oid type)
{
	struct varlena *bytes;

	switch (type)
	{
		case BOOLOID:
			return datom_value_make_boolean(DatumGetBool(value));
		case INT8OID:
			return datom_value_make_long(DatumGetInt64(value));
		case FLOAT8OID:
			return datom_value_make_double(DatumGetFloat8(value));
		case NUMERICOID:
			return datom_value_make_bigdec(DatumGetNumeric(value));
		case TEXTOID:
			bytes = PG_DETOAST_DATUM_PACKED(value);
			return datom_value_make_string(VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
		case BYTEAOID:
			bytes = PG_DETOAST_DATUM_PACKED(value);
			return datom_value_make_bytes(VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
		case TIMESTAMPTZOID:
			return datom_value_make_instant(DatumGetTimestampTz(value));
		case DATEOID:
			return datom_value_make_date(DatumGetDateADT(value));
		case UUIDOID:
			return datom_value_make_uuid(DatumGetUUIDP(value)->data);
		case JSONBOID:
			return datom_value_make_json(DatumGetJsonbP(value));
	}
	elog(ERROR, "no values of type %u", type);
}

static DatomValue *
make_keyword(Datum value)
{
	struct varlena *text = PG_DETOAST_DATUM_PACKED(value);

	if (!datom_edn_keyword_valid(VARDATA_ANY(text), VARSIZE_ANY_EXHDR(text)))
		return NULL;
	return datom_value_make_keyword(VARDATA_ANY(text), VARSIZE_ANY_EXHDR(text));
}

/* The number as a long, if it is one. */
static DatomValue *
make_long(Datum value, Oid type)
{
	Datum		number = type == NUMERICOID ? value :
		DirectFunctionCall1(float8_numeric, value);
	Datum		whole;

	if (numeric_is_nan(DatumGetNumeric(number)) || numeric_is_inf(DatumGetNumeric(number)))
		return NULL;
	whole = DirectFunctionCall2(numeric_trunc, number, Int32GetDatum(0));
	if (!DatumGetBool(DirectFunctionCall2(numeric_eq, number, whole)))
		return NULL;
	return datom_value_make_long(DatumGetInt64(DirectFunctionCall1(numeric_int8, number)));
}

static DatomValue *
value_for(Datum value, Oid type, DatomKind kind)
{
	if (kind == DATOM_KEYWORD && type == TEXTOID)
		return make_keyword(value);
	if (kind == DATOM_LONG && (type == NUMERICOID || type == FLOAT8OID))
		return make_long(value, type);
	if (kind == DATOM_BIGDEC && type == FLOAT8OID)
		return datom_value_make_bigdec(DatumGetNumeric(DirectFunctionCall1(float8_numeric, value)));
	return datom_value_coerce(datom_sql_make_value(value, type), kind);
}

DatomValue *
datom_sql_operand(Datum value, Oid type, const DatomAttr *attr)
{
	if (type == NUMERICOID && (numeric_is_nan(DatumGetNumeric(value)) ||
							   numeric_is_inf(DatumGetNumeric(value))))
		return NULL;
	return value_for(value, type, attr->type);
}

DatomValue *
datom_sql_to_value(Datum value, Oid type, const DatomAttr *attr)
{
	DatomValue *v = value_for(value, type, attr->type);

	if (v == NULL)
		ereport(ERROR,
				(errcode(is_shown(attr->type, type) ? ERRCODE_INVALID_TEXT_REPRESENTATION :
						 ERRCODE_DATATYPE_MISMATCH),
				 errmsg("the value of type %s cannot be one of attribute \"%s\", which is of type \"%s\"",
						format_type_be(type), attr->ident,
						datom_value_kind_name(attr->type)),
				 attr->type == DATOM_KEYWORD ?
				 errhint("A keyword begins with a colon, as in \":status/open\".") : 0));
	return v;
}
