/*
 * value_write.c
 *		Owns what values look like: as EDN, which reading gives back the same
 *		value, as the plain text of v::text, and as JSON.  No setting of the
 *		session has a say in any of them.
 */
#include "postgres.h"

#include <math.h>

#include "common/shortest_dec.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "value.h"
#include "value_rep.h"

#define UUID_TEXT_LEN 36


/* ---- texts that EDN and v::text share ---- */

static char *
copy_payload(const DatomValue *v)
{
	return pnstrdup(value_payload(v), value_payload_len(v));
}

static char *
bigdec_text(const DatomValue *v)
{
	return DatumGetCString(DirectFunctionCall1(numeric_out,
											   NumericGetDatum(datom_value_get_bigdec(v))));
}

static char *
instant_text(const DatomValue *v)
{
	char	   *out = palloc(DATOM_TIME_LEN);

	datom_instant_format(value_int64(v), out);
	return out;
}

static char *
date_text(const DatomValue *v)
{
	char	   *out = palloc(DATOM_TIME_LEN);

	datom_date_format(value_int32(v), out);
	return out;
}

static char *
uuid_text(const DatomValue *v)
{
	const char *bytes = value_payload(v);
	char	   *out = palloc(UUID_TEXT_LEN + 1);
	char	   *at = out;
	int			i;

	for (i = 0; i < 16; i++)
	{
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*at++ = '-';
		at += hex_encode(bytes + i, 1, at);
	}
	*at = '\0';
	return out;
}

/* The bytes in hexadecimal, after the prefix. */
static char *
bytes_text(const DatomValue *v, const char *prefix)
{
	int			len = value_payload_len(v);
	int			prefix_len = strlen(prefix);
	char	   *out = palloc(prefix_len + (Size) len * 2 + 1);

	memcpy(out, prefix, prefix_len);
	hex_encode(value_payload(v), len, out + prefix_len);
	out[prefix_len + (Size) len * 2] = '\0';
	return out;
}

static char *
json_text(const DatomValue *v)
{
	Jsonb	   *json = datom_value_get_json(v);

	return JsonbToCString(NULL, &json->root, VARSIZE(json));
}


/* ---- EDN ---- */

/* Digits enough to give back the same double, and a point to tell it is one. */
static char *
double_edn(double number)
{
	char		digits[DOUBLE_SHORTEST_DECIMAL_LEN];
	char	   *exponent;
	const char *point;

	if (isnan(number))
		return pstrdup("##NaN");
	if (isinf(number))
		return pstrdup(number > 0 ? "##Inf" : "##-Inf");
	double_to_shortest_decimal_buf(number, digits);
	exponent = strchr(digits, 'e');
	point = strchr(digits, '.') == NULL ? ".0" : "";
	if (exponent == NULL)
		return psprintf("%s%s", digits, point);
	*exponent = '\0';
	return psprintf("%s%sE%d", digits, point, atoi(exponent + 1));
}

/* #tag "text" */
static char *
tagged(const char *tag, const char *text)
{
	return psprintf("#%s %s", tag, datom_edn_quote(text, strlen(text)));
}

char *
datom_value_out_cstring(const DatomValue *v)
{
	switch (value_kind(v))
	{
		case DATOM_BOOLEAN:
			return pstrdup(datom_value_get_bool(v) ? "true" : "false");
		case DATOM_LONG:
			return psprintf(INT64_FORMAT, value_int64(v));
		case DATOM_DOUBLE:
			return double_edn(value_double(v));
		case DATOM_BIGDEC:
			return psprintf("%sM", bigdec_text(v));
		case DATOM_KEYWORD:
			return copy_payload(v);
		case DATOM_STRING:
			return datom_edn_quote(value_payload(v), value_payload_len(v));
		case DATOM_INSTANT:
			return tagged("inst", instant_text(v));
		case DATOM_DATE:
			return tagged("date", date_text(v));
		case DATOM_UUID:
			return tagged("uuid", uuid_text(v));
		case DATOM_REF:
			return psprintf("#ref " INT64_FORMAT, value_int64(v));
		case DATOM_BYTES:
			return tagged("bytes", bytes_text(v, ""));
		case DATOM_JSON:
			return tagged("json", json_text(v));
	}
	elog(ERROR, "unknown kind of value: %d", (int) value_kind(v));
}

bool
datom_value_preferred(const DatomValue *a, const DatomValue *b)
{
	int			alen = value_payload_len(a);
	int			blen = value_payload_len(b);
	char	   *atext;
	char	   *btext;

	if (value_kind(a) == value_kind(b) && alen == blen &&
		memcmp(value_payload(a), value_payload(b), alen) == 0)
		return false;
	atext = datom_value_out_cstring(a);
	btext = datom_value_out_cstring(b);
	alen = strlen(atext);
	blen = strlen(btext);
	return alen != blen ? alen < blen : strcmp(atext, btext) < 0;
}


/* ---- v::text ---- */

/* As the server writes a float8. */
static char *
double_text(double number)
{
	char	   *digits;

	if (isnan(number))
		return pstrdup("NaN");
	if (isinf(number))
		return pstrdup(number > 0 ? "Infinity" : "-Infinity");
	digits = palloc(DOUBLE_SHORTEST_DECIMAL_LEN);
	double_to_shortest_decimal_buf(number, digits);
	return digits;
}

char *
datom_value_text_cstring(const DatomValue *v)
{
	switch (value_kind(v))
	{
		case DATOM_LONG:
		case DATOM_REF:
			return psprintf(INT64_FORMAT, value_int64(v));
		case DATOM_DOUBLE:
			return double_text(value_double(v));
		case DATOM_BIGDEC:
			return bigdec_text(v);
		case DATOM_STRING:
			return copy_payload(v);
		case DATOM_INSTANT:
			return instant_text(v);
		case DATOM_DATE:
			return date_text(v);
		case DATOM_UUID:
			return uuid_text(v);
		case DATOM_BYTES:
			return bytes_text(v, "\\x");
		case DATOM_JSON:
			return json_text(v);
		case DATOM_BOOLEAN:
		case DATOM_KEYWORD:
			break;
	}
	/* These look the same in EDN. */
	return datom_value_out_cstring(v);
}


/* ---- JSON ---- */

static void
push_string(JsonbValue *out, const DatomValue *v)
{
	out->type = jbvString;
	out->val.string.val = datom_value_text_cstring(v);
	out->val.string.len = strlen(out->val.string.val);
}

static void
push_double(JsonbValue *out, const DatomValue *v)
{
	double		number = value_double(v);

	if (isnan(number) || isinf(number))
	{
		push_string(out, v);
		return;
	}
	/* From the digits: float8_numeric() would keep only fifteen of them. */
	out->type = jbvNumeric;
	out->val.numeric = DatumGetNumeric(DirectFunctionCall3(numeric_in,
														   CStringGetDatum(double_text(number)),
														   ObjectIdGetDatum(InvalidOid),
														   Int32GetDatum(-1)));
}

void
datom_value_push_json(JsonbValue *out, const DatomValue *v)
{
	Jsonb	   *json;

	switch (value_kind(v))
	{
		case DATOM_BOOLEAN:
			out->type = jbvBool;
			out->val.boolean = datom_value_get_bool(v);
			break;
		case DATOM_LONG:
		case DATOM_REF:
			out->type = jbvNumeric;
			out->val.numeric = int64_to_numeric(value_int64(v));
			break;
		case DATOM_DOUBLE:
			push_double(out, v);
			break;
		case DATOM_BIGDEC:
			out->type = jbvNumeric;
			out->val.numeric = datom_value_get_bigdec(v);
			break;
		case DATOM_JSON:
			json = datom_value_get_json(v);
			if (!JsonbExtractScalar(&json->root, out))
				JsonbToJsonbValue(json, out);
			break;
		default:
			push_string(out, v);
	}
}
