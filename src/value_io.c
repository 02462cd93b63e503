/*
 * value_io.c
 *		Owns datom.value's input, output, receive and send functions.
 *
 * The wire form is the kind, one byte, and then
 *
 *		boolean			1 byte
 *		long, ref		int64		date	int32 days		double	float8
 *		instant			int64 microseconds
 *		bigdec			as numeric_send
 *		uuid			16 bytes
 *		bytes			the rest
 *		keyword, string, json	the rest: text in the client's encoding
 *
 * with integers in network order; days and microseconds count from 2000-01-01.
 * A received value is a typed one, never a literal.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "value.h"
#include "value_rep.h"

/* datom.value_in(cstring): see datom_value_literal(). */
PG_FUNCTION_INFO_V1(datom_value_in);
Datum
datom_value_in(PG_FUNCTION_ARGS)
{
	char	   *text = PG_GETARG_CSTRING(0);

	PG_RETURN_DATOM_VALUE(datom_value_literal(text, strlen(text)));
}

/* datom.value_out(value): EDN that value_in reads as the same value. */
PG_FUNCTION_INFO_V1(datom_value_out);
Datum
datom_value_out(PG_FUNCTION_ARGS)
{
	PG_RETURN_CSTRING(datom_value_out_cstring(PG_GETARG_DATOM_VALUE_PP(0)));
}


/* ---- sending ---- */

static void
send_text(StringInfo buf, const DatomValue *v)
{
	pq_sendtext(buf, value_payload(v), value_payload_len(v));
}

/* What the server's send function makes of the payload, without its header. */
static void
send_as(StringInfo buf, PGFunction send, Datum payload)
{
	bytea	   *sent = DatumGetByteaPP(DirectFunctionCall1(send, payload));

	pq_sendbytes(buf, VARDATA_ANY(sent), VARSIZE_ANY_EXHDR(sent));
}

static void
send_json(StringInfo buf, const DatomValue *v)
{
	char	   *text = datom_value_text_cstring(v);

	pq_sendtext(buf, text, strlen(text));
}

static void
send_payload(StringInfo buf, const DatomValue *v)
{
	switch (value_kind(v))
	{
		case DATOM_BOOLEAN:
			pq_sendbyte(buf, datom_value_get_bool(v));
			break;
		case DATOM_LONG:
		case DATOM_REF:
		case DATOM_INSTANT:
			pq_sendint64(buf, value_int64(v));
			break;
		case DATOM_DOUBLE:
			pq_sendfloat8(buf, value_double(v));
			break;
		case DATOM_DATE:
			pq_sendint32(buf, value_int32(v));
			break;
		case DATOM_BIGDEC:
			send_as(buf, numeric_send, NumericGetDatum(datom_value_get_bigdec(v)));
			break;
		case DATOM_KEYWORD:
		case DATOM_STRING:
			send_text(buf, v);
			break;
		case DATOM_UUID:
		case DATOM_BYTES:
			pq_sendbytes(buf, value_payload(v), value_payload_len(v));
			break;
		case DATOM_JSON:
			send_json(buf, v);
			break;
	}
}

/* datom.value_send(value): the wire form. */
PG_FUNCTION_INFO_V1(datom_value_send);
Datum
datom_value_send(PG_FUNCTION_ARGS)
{
	DatomValue *v = PG_GETARG_DATOM_VALUE_PP(0);
	StringInfoData buf;

	pq_begintypsend(&buf);
	pq_sendbyte(&buf, value_kind(v));
	send_payload(&buf, v);
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}


/* ---- receiving ---- */

/* The server's receive functions check what they read. */
static Datum
receive_as(PGFunction receive, StringInfo buf)
{
	return DirectFunctionCall3(receive, PointerGetDatum(buf),
							   ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
}

static char *
receive_text(StringInfo buf, int *len)
{
	return pq_getmsgtext(buf, buf->len - buf->cursor, len);
}

static DatomValue *
receive_keyword(StringInfo buf)
{
	int			len;
	char	   *text = receive_text(buf, &len);

	if (!datom_edn_keyword_valid(text, len))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("invalid keyword in value of type \"%s\"", "datom.value")));
	return datom_value_make_keyword(text, len);
}

static DatomValue *
receive_string(StringInfo buf)
{
	int			len;
	char	   *text = receive_text(buf, &len);

	return datom_value_make_string(text, len);
}

static DatomValue *
receive_bytes(StringInfo buf)
{
	int			len = buf->len - buf->cursor;

	return datom_value_make_bytes(pq_getmsgbytes(buf, len), len);
}

static DatomValue *
receive_json(StringInfo buf)
{
	int			len;
	char	   *text = receive_text(buf, &len);

	return datom_value_make_json(DatumGetJsonbP(DirectFunctionCall1(jsonb_in,
																	CStringGetDatum(text))));
}

static DatomValue *
receive_payload(DatomKind kind, StringInfo buf)
{
	switch (kind)
	{
		case DATOM_BOOLEAN:
			return datom_value_make_boolean(pq_getmsgbyte(buf) != 0);
		case DATOM_LONG:
			return datom_value_make_long(pq_getmsgint64(buf));
		case DATOM_REF:
			return datom_value_make_ref(pq_getmsgint64(buf));
		case DATOM_DOUBLE:
			return datom_value_make_double(pq_getmsgfloat8(buf));
		case DATOM_BIGDEC:
			return datom_value_make_bigdec(DatumGetNumeric(receive_as(numeric_recv, buf)));
		case DATOM_KEYWORD:
			return receive_keyword(buf);
		case DATOM_STRING:
			return receive_string(buf);
		case DATOM_INSTANT:
			return datom_value_make_instant(DatumGetTimestampTz(receive_as(timestamptz_recv, buf)));
		case DATOM_DATE:
			return datom_value_make_date(DatumGetDateADT(receive_as(date_recv, buf)));
		case DATOM_UUID:
			return datom_value_make_uuid((const unsigned char *) pq_getmsgbytes(buf, UUID_LEN));
		case DATOM_BYTES:
			return receive_bytes(buf);
		case DATOM_JSON:
			return receive_json(buf);
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
			 errmsg("invalid kind %d in value of type \"%s\"", (int) kind, "datom.value")));
}

/*
 * datom.value_recv(internal): reads the wire form.  22P03 for an unknown kind
 * or a wrong length, 22021 for wrong encoding, else as the server's types.
 */
PG_FUNCTION_INFO_V1(datom_value_recv);
Datum
datom_value_recv(PG_FUNCTION_ARGS)
{
	StringInfo	buf = (StringInfo) PG_GETARG_POINTER(0);
	DatomKind	kind = (DatomKind) pq_getmsgbyte(buf);

	PG_RETURN_DATOM_VALUE(receive_payload(kind, buf));
}
