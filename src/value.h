/*
 * value.h
 *		The type datom.value: one value of any of the kinds a fact can hold.
 */
#ifndef DATOM_VALUE_H
#define DATOM_VALUE_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "fmgr.h"
#include "utils/date.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

#include "edn.h"
#include "kind.h"

#define DatumGetDatomValuePP(d) ((DatomValue *) PG_DETOAST_DATUM_PACKED(d))
#define PG_GETARG_DATOM_VALUE_PP(n) DatumGetDatomValuePP(PG_GETARG_DATUM(n))
#define PG_RETURN_DATOM_VALUE(v) PG_RETURN_POINTER(v)

/* value.c: kinds, construction, comparison */

extern DatomKind datom_value_kind(const DatomValue *v);

/* "string", "long"...; as datom.value_type() and the schema spell it. */
extern const char *datom_value_kind_name(DatomKind kind);

/* False, and *kind untouched, if no kind has that name. */
extern bool datom_value_kind_by_name(const char *name, DatomKind *kind);

/*
 * One total order over all values: <0, 0, >0.  Equal values have equal hashes;
 * they may differ in kind (1, 1.0, 1M) and in scale (1.0M, 1.00M).
 */
extern int	datom_value_cmp(const DatomValue *a, const DatomValue *b);
extern bool datom_value_equal(const DatomValue *a, const DatomValue *b);

/* Of two equal values, is a the one to show? By their text, the shorter first. */
extern bool datom_value_preferred(const DatomValue *a, const DatomValue *b);
extern uint32 datom_value_hash(const DatomValue *v);

/* Did it come from untyped text, which datom_value_coerce() may read again? */
extern bool datom_value_is_literal(const DatomValue *v);

/* The value without the text it came from; v itself if there is none. */
extern DatomValue *datom_value_settle(DatomValue *v);

extern DatomValue *datom_value_make_boolean(bool truth);
extern DatomValue *datom_value_make_long(int64 number);
extern DatomValue *datom_value_make_double(double number);

/* Error 22003 for NaN and infinities, which a bigdec cannot be. */
extern DatomValue *datom_value_make_bigdec(Numeric number);

/* The caller answers for the syntax: see datom_edn_keyword_valid(). */
extern DatomValue *datom_value_make_keyword(const char *text, int len);
extern DatomValue *datom_value_make_string(const char *text, int len);
extern DatomValue *datom_value_make_instant(TimestampTz instant);
extern DatomValue *datom_value_make_date(DateADT date);
extern DatomValue *datom_value_make_uuid(const unsigned char *sixteen);
extern DatomValue *datom_value_make_ref(int64 entity);
extern DatomValue *datom_value_make_bytes(const char *bytes, int len);
extern DatomValue *datom_value_make_json(const Jsonb *json);

/* What a value of the kind holds; asking another kind is a bug. */
extern bool datom_value_get_bool(const DatomValue *v);
extern int64 datom_value_get_int(const DatomValue *v);	/* long, ref */
extern double datom_value_get_double(const DatomValue *v);
extern Numeric datom_value_get_bigdec(const DatomValue *v); /* a copy */
extern TimestampTz datom_value_get_instant(const DatomValue *v);
extern DateADT datom_value_get_date(const DatomValue *v);
extern const unsigned char *datom_value_get_uuid(const DatomValue *v);
extern Jsonb *datom_value_get_json(const DatomValue *v);	/* a copy */

/* string, keyword, bytes: points into v, not NUL-terminated */
extern const char *datom_value_get_text(const DatomValue *v, int *len);

/* value_read.c: from text to values */

/*
 * As the type's input function reads it: exactly one EDN scalar, or else the
 * text itself as a string.  22P02 for a broken quoted string or known tag.
 */
extern DatomValue *datom_value_literal(const char *text, int len);

/*
 * A scalar or a known tag (inst date uuid ref bytes json); NULL for all else.
 * Numbers keep their digits, so that coercing 10.5 to a bigdec is exact; they
 * coerce to numbers only.  22P02 if a known tag has a wrong content.
 */
extern DatomValue *datom_value_from_edn(const Edn *form);

/*
 * The value as one of kind `to`, settled; NULL if it is of another kind or
 * would lose something.  Never an error for text that does not fit.
 *
 * A typed value stays what it is, but a long may become a bigdec, a ref, or a
 * double that is equal to it.  A literal is read again from its text, as
 * values of the kind `to` are written in SQL.
 */
extern DatomValue *datom_value_coerce(DatomValue *v, DatomKind to);

/* value_write.c: from values to text */

extern char *datom_value_out_cstring(const DatomValue *v);	/* EDN */
extern char *datom_value_text_cstring(const DatomValue *v); /* as v::text */

/*
 * The value as natural JSON: numbers and booleans as such, the rest as strings;
 * json as it is.  NaN and infinities, which JSON has not, become strings.
 */
extern void datom_value_push_json(JsonbValue *out, const DatomValue *v);

/* value_time.c: instants and dates, ISO 8601, whatever DateStyle and TimeZone */

/* An instant with its zone, "2014-11-15T13:37:42Z"; false if it is not one. */
extern bool datom_instant_parse(const char *text, int len, TimestampTz *out);

/*
 * The same, but month, day, time and zone may be missing (then the earliest,
 * and UTC), and it may be "infinity" or "-infinity": what #inst may hold.
 */
extern bool datom_instant_parse_lenient(const char *text, int len, TimestampTz *out);
extern bool datom_date_parse(const char *text, int len, DateADT *out);

/* Room for any instant or date, and its NUL. */
#define DATOM_TIME_LEN 40

extern void datom_instant_format(TimestampTz instant, char *out);
extern void datom_date_format(DateADT date, char *out);

#endif							/* DATOM_VALUE_H */
