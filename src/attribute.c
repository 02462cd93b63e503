/*
 * attribute.c
 *		Owns the type datom.attribute: its syntax, its text and binary form,
 *		its order.
 *
 * An attribute is stored exactly as text, so that the cast to text costs
 * nothing and every text function works on it.  It compares bytewise, whatever
 * the collation: two attributes are equal only if they are the same bytes.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/sortsupport.h"

#include "attribute.h"
#include "edn.h"

/* Characters of a malformed attribute that an error message repeats. */
#define SHOWN_BYTES 64

bool
datom_attribute_valid(const char *text, int len)
{
	return len <= DATOM_ATTRIBUTE_MAX && datom_edn_keyword_valid(text, len);
}

struct varlena *
datom_attribute_make(const char *text, int len)
{
	if (len > DATOM_ATTRIBUTE_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_NAME_TOO_LONG),
				 errmsg("attribute \"%.*s...\" is too long",
						pg_mbcliplen(text, len, SHOWN_BYTES), text),
				 errdetail("An attribute has at most %d bytes.",
						   DATOM_ATTRIBUTE_MAX)));
	if (!datom_edn_keyword_valid(text, len))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("invalid attribute \"%.*s\"",
						pg_mbcliplen(text, len, SHOWN_BYTES), text),
				 errhint("An attribute is a keyword such as \":person/name\".")));
	return cstring_to_text_with_len(text, len);
}

/* datom.attribute_in(cstring): 22P02 unless a keyword, 42622 if too long. */
PG_FUNCTION_INFO_V1(datom_attribute_in);
Datum
datom_attribute_in(PG_FUNCTION_ARGS)
{
	char	   *text = PG_GETARG_CSTRING(0);

	PG_RETURN_POINTER(datom_attribute_make(text, strlen(text)));
}

/* datom.attribute_out(attribute): the keyword, colon in front. */
PG_FUNCTION_INFO_V1(datom_attribute_out);
Datum
datom_attribute_out(PG_FUNCTION_ARGS)
{
	PG_RETURN_CSTRING(TextDatumGetCString(PG_GETARG_DATUM(0)));
}

/* datom.attribute_recv(internal): text in the client's encoding, as attribute_in. */
PG_FUNCTION_INFO_V1(datom_attribute_recv);
Datum
datom_attribute_recv(PG_FUNCTION_ARGS)
{
	StringInfo	buf = (StringInfo) PG_GETARG_POINTER(0);
	int			len;
	char	   *text = pq_getmsgtext(buf, buf->len - buf->cursor, &len);

	PG_RETURN_POINTER(datom_attribute_make(text, len));
}

/* datom.attribute_send(attribute): the keyword in the client's encoding. */
PG_FUNCTION_INFO_V1(datom_attribute_send);
Datum
datom_attribute_send(PG_FUNCTION_ARGS)
{
	text	   *attribute = PG_GETARG_TEXT_PP(0);
	StringInfoData buf;

	pq_begintypsend(&buf);
	pq_sendtext(&buf, VARDATA_ANY(attribute), VARSIZE_ANY_EXHDR(attribute));
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}

/* datom.attribute(text): the cast from text, with attribute_in's checks. */
PG_FUNCTION_INFO_V1(datom_attribute_from_text);
Datum
datom_attribute_from_text(PG_FUNCTION_ARGS)
{
	text	   *from = PG_GETARG_TEXT_PP(0);

	PG_RETURN_POINTER(datom_attribute_make(VARDATA_ANY(from),
										   VARSIZE_ANY_EXHDR(from)));
}

/* The bytewise order of two datums; <0, 0, >0. */
static int
compare_datums(Datum x, Datum y)
{
	text	   *a = DatumGetTextPP(x);
	text	   *b = DatumGetTextPP(y);
	int			a_len = VARSIZE_ANY_EXHDR(a);
	int			b_len = VARSIZE_ANY_EXHDR(b);
	int			order = memcmp(VARDATA_ANY(a), VARDATA_ANY(b), Min(a_len, b_len));

	if (order == 0)
		order = (a_len > b_len) - (a_len < b_len);
	if ((Pointer) a != DatumGetPointer(x))
		pfree(a);
	if ((Pointer) b != DatumGetPointer(y))
		pfree(b);
	return order;
}

static int
compare_for_sort(Datum x, Datum y, SortSupport ssup)
{
	return compare_datums(x, y);
}

/* datom.attribute_cmp(attribute, attribute): the btree order, bytewise. */
PG_FUNCTION_INFO_V1(datom_attribute_cmp);
Datum
datom_attribute_cmp(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(compare_datums(PG_GETARG_DATUM(0), PG_GETARG_DATUM(1)));
}

/* datom.attribute_sortsupport(internal): the same order without fmgr calls. */
PG_FUNCTION_INFO_V1(datom_attribute_sortsupport);
Datum
datom_attribute_sortsupport(PG_FUNCTION_ARGS)
{
	((SortSupport) PG_GETARG_POINTER(0))->comparator = compare_for_sort;
	PG_RETURN_VOID();
}

/* The six comparison operators: datom.attribute_eq and its kin. */
#define COMPARISON(name, test) \
PG_FUNCTION_INFO_V1(datom_attribute_##name); \
Datum \
datom_attribute_##name(PG_FUNCTION_ARGS) \
{ \
	PG_RETURN_BOOL(compare_datums(PG_GETARG_DATUM(0), PG_GETARG_DATUM(1)) test 0); \
}

COMPARISON(eq, ==)
COMPARISON(ne, !=)
COMPARISON(lt, <)
COMPARISON(le, <=)
COMPARISON(gt, >)
COMPARISON(ge, >=)

/* datom.attribute_hash(attribute): 32 bits for hash joins and indexes. */
PG_FUNCTION_INFO_V1(datom_attribute_hash);
Datum
datom_attribute_hash(PG_FUNCTION_ARGS)
{
	text	   *attribute = PG_GETARG_TEXT_PP(0);

	return hash_any((unsigned char *) VARDATA_ANY(attribute),
					VARSIZE_ANY_EXHDR(attribute));
}

/* datom.attribute_hash_extended(attribute, bigint): 64 bits, with a seed. */
PG_FUNCTION_INFO_V1(datom_attribute_hash_extended);
Datum
datom_attribute_hash_extended(PG_FUNCTION_ARGS)
{
	text	   *attribute = PG_GETARG_TEXT_PP(0);

	return hash_any_extended((unsigned char *) VARDATA_ANY(attribute),
							 VARSIZE_ANY_EXHDR(attribute),
							 PG_GETARG_INT64(1));
}
