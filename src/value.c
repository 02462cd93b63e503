/*
 * value.c
 *		Owns the representation of datom.value (see value_rep.h): making values,
 *		taking them apart, comparing and hashing them.
 *
 * All values have one order: booleans, numbers, keywords, strings, instants,
 * dates, uuids, refs, bytes, json.  Numbers compare by what they are exactly,
 * whichever of the three kinds they are of, NaN highest; nothing is rounded on
 * the way, for rounding would make equality intransitive (2^53 and 2^53 + 1
 * are the same double).  Strings and the strings within json compare bytewise,
 * so the order does not depend on a collation that may change.
 *
 * Comparing fixed-size kinds and strings allocates nothing.
 */
#include "postgres.h"

#include <math.h>

#include "common/hashfn.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/fmgrprotos.h"
#include "utils/sortsupport.h"

#include "value.h"
#include "value_rep.h"

static const char *const kind_names[DATOM_KIND_LAST + 1] = {
	[DATOM_BOOLEAN] = "boolean",
	[DATOM_LONG] = "long",
	[DATOM_DOUBLE] = "double",
	[DATOM_BIGDEC] = "bigdec",
	[DATOM_KEYWORD] = "keyword",
	[DATOM_STRING] = "string",
	[DATOM_INSTANT] = "instant",
	[DATOM_DATE] = "date",
	[DATOM_UUID] = "uuid",
	[DATOM_REF] = "ref",
	[DATOM_BYTES] = "bytes",
	[DATOM_JSON] = "json"
};

/* Bigdecs up to this many bytes are compared on the stack. */
#define BORROW_LEN 128

/*
 * A numeric within a value, in aligned memory, as numeric.c wants it.
 */
typedef struct BorrowedNumeric
{
	Numeric		number;
	union
	{
		char		bytes[BORROW_LEN];
		int64		aligned;
	}			room;
} BorrowedNumeric;


/* ---- kinds ---- */

DatomKind
datom_value_kind(const DatomValue *v)
{
	return value_kind(v);
}

const char *
datom_value_kind_name(DatomKind kind)
{
	if (kind < DATOM_KIND_FIRST || kind > DATOM_KIND_LAST)
		elog(ERROR, "unknown kind of value: %d", (int) kind);
	return kind_names[kind];
}

bool
datom_value_kind_by_name(const char *name, DatomKind *kind)
{
	int			k;

	for (k = DATOM_KIND_FIRST; k <= DATOM_KIND_LAST; k++)
	{
		if (strcmp(kind_names[k], name) == 0)
		{
			*kind = (DatomKind) k;
			return true;
		}
	}
	return false;
}


/* ---- making values ---- */

/* A value of the kind with that payload. */
static DatomValue *
make_value(DatomKind kind, const void *payload, Size len)
{
	DatomValue *v = palloc(VARHDRSZ + 1 + len);

	SET_VARSIZE(v, VARHDRSZ + 1 + len);
	*VARDATA(v) = (char) kind;
	memcpy(VARDATA(v) + 1, payload, len);
	return v;
}

DatomValue *
datom_value_make_boolean(bool truth)
{
	char		byte = truth ? 1 : 0;

	return make_value(DATOM_BOOLEAN, &byte, 1);
}

DatomValue *
datom_value_make_long(int64 number)
{
	return make_value(DATOM_LONG, &number, sizeof(number));
}

DatomValue *
datom_value_make_double(double number)
{
	/* One NaN only, or equal values would differ in their bytes. */
	if (isnan(number))
		number = get_float8_nan();
	return make_value(DATOM_DOUBLE, &number, sizeof(number));
}

DatomValue *
datom_value_make_bigdec(Numeric number)
{
	if (numeric_is_nan(number) || numeric_is_inf(number))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("a value of type \"bigdec\" must be finite")));
	return make_value(DATOM_BIGDEC, VARDATA(number), VARSIZE(number) - VARHDRSZ);
}

DatomValue *
datom_value_make_keyword(const char *text, int len)
{
	return make_value(DATOM_KEYWORD, text, len);
}

DatomValue *
datom_value_make_string(const char *text, int len)
{
	return make_value(DATOM_STRING, text, len);
}

DatomValue *
datom_value_make_instant(TimestampTz instant)
{
	return make_value(DATOM_INSTANT, &instant, sizeof(instant));
}

DatomValue *
datom_value_make_date(DateADT date)
{
	return make_value(DATOM_DATE, &date, sizeof(date));
}

DatomValue *
datom_value_make_uuid(const unsigned char *sixteen)
{
	return make_value(DATOM_UUID, sixteen, 16);
}

DatomValue *
datom_value_make_ref(int64 entity)
{
	return make_value(DATOM_REF, &entity, sizeof(entity));
}

DatomValue *
datom_value_make_bytes(const char *bytes, int len)
{
	return make_value(DATOM_BYTES, bytes, len);
}

DatomValue *
datom_value_make_json(const Jsonb *json)
{
	return make_value(DATOM_JSON, VARDATA(json), VARSIZE(json) - VARHDRSZ);
}


/* ---- taking them apart ---- */

bool
datom_value_get_bool(const DatomValue *v)
{
	Assert(value_kind(v) == DATOM_BOOLEAN);
	return *value_payload(v) != 0;
}

int64
datom_value_get_int(const DatomValue *v)
{
	Assert(value_kind(v) == DATOM_LONG || value_kind(v) == DATOM_REF);
	return value_int64(v);
}

double
datom_value_get_double(const DatomValue *v)
{
	Assert(value_kind(v) == DATOM_DOUBLE);
	return value_double(v);
}

TimestampTz
datom_value_get_instant(const DatomValue *v)
{
	Assert(value_kind(v) == DATOM_INSTANT);
	return value_int64(v);
}

DateADT
datom_value_get_date(const DatomValue *v)
{
	Assert(value_kind(v) == DATOM_DATE);
	return value_int32(v);
}

const unsigned char *
datom_value_get_uuid(const DatomValue *v)
{
	Assert(value_kind(v) == DATOM_UUID);
	return (const unsigned char *) value_payload(v);
}

const char *
datom_value_get_text(const DatomValue *v, int *len)
{
	Assert(value_kind(v) == DATOM_STRING || value_kind(v) == DATOM_KEYWORD ||
		   value_kind(v) == DATOM_BYTES);
	*len = value_payload_len(v);
	return value_payload(v);
}

/* The payload as a varlena of its own, aligned as palloc aligns. */
static void *
payload_varlena(const DatomValue *v)
{
	int			len = value_payload_len(v);
	struct varlena *copy = palloc(VARHDRSZ + len);

	SET_VARSIZE(copy, VARHDRSZ + len);
	memcpy(VARDATA(copy), value_payload(v), len);
	return copy;
}

Numeric
datom_value_get_bigdec(const DatomValue *v)
{
	Assert(value_kind(v) == DATOM_BIGDEC);
	return payload_varlena(v);
}

Jsonb *
datom_value_get_json(const DatomValue *v)
{
	Assert(value_kind(v) == DATOM_JSON);
	return payload_varlena(v);
}

/* Sets b->number to v's numeric; give it back with return_numeric(). */
static void
borrow_numeric(const DatomValue *v, BorrowedNumeric *b)
{
	int			len = value_payload_len(v);

	if (VARHDRSZ + len > BORROW_LEN)
	{
		b->number = payload_varlena(v);
		return;
	}
	b->number = (Numeric) b->room.bytes;
	SET_VARSIZE(b->number, VARHDRSZ + len);
	memcpy(VARDATA(b->number), value_payload(v), len);
}

static void
return_numeric(BorrowedNumeric *b)
{
	if ((char *) b->number != b->room.bytes)
		pfree(b->number);
}


/* ---- literals ---- */

bool
datom_value_is_literal(const DatomValue *v)
{
	return (value_head(v) & VALUE_LITERAL) != 0;
}

DatomValue *
datom_value_settle(DatomValue *v)
{
	if (!datom_value_is_literal(v))
		return v;
	return make_value(value_kind(v), value_payload(v), value_payload_len(v));
}


/* ---- numbers ---- */

static int
compare_int64(int64 a, int64 b)
{
	return (a > b) - (a < b);
}

/* The double must not be NaN. */
static int
compare_long_double(int64 a, double b)
{
	double		whole;

	if (b >= 9223372036854775808.0)
		return -1;
	if (b < -9223372036854775808.0)
		return 1;
	whole = trunc(b);
	if (a != (int64) whole)
		return compare_int64(a, (int64) whole);
	return (whole > b) - (whole < b);
}

/* The double nearest to the number, infinite if it is beyond all. */
static double
nearest_double(Numeric number)
{
	return DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow,
											  NumericGetDatum(number)));
}

/* number * 2^power, exactly and in memory of its own; power >= 0. */
static Numeric
times_power_of_two(Numeric number, int power)
{
	Numeric		product = palloc(VARSIZE(number));

	memcpy(product, number, VARSIZE(number));
	while (power > 0)
	{
		int			step = Min(power, 62);
		Numeric		factor = int64_to_numeric(INT64CONST(1) << step);
		Numeric		next = numeric_mul_opt_error(product, factor, NULL);

		pfree(product);
		pfree(factor);
		product = next;
		power -= step;
	}
	return product;
}

/*
 * Compares a numeric with the finite double nearest to it, exactly: as the
 * double is m * 2^e, both sides become numerics that need no rounding.
 */
static int
compare_with_nearest(Numeric a, double b)
{
	int			exponent;
	Numeric		m = int64_to_numeric((int64) ldexp(frexp(b, &exponent), 53));
	Numeric		x = times_power_of_two(a, Max(53 - exponent, 0));
	Numeric		y = times_power_of_two(m, Max(exponent - 53, 0));
	int			order = DatumGetInt32(DirectFunctionCall2(numeric_cmp,
														  NumericGetDatum(x),
														  NumericGetDatum(y)));

	pfree(m);
	pfree(x);
	pfree(y);
	return order;
}

/* The double must not be NaN. */
static int
compare_numeric_double(Numeric a, double b)
{
	double		near = nearest_double(a);

	/* Rounding keeps order: only a tie leaves the question open. */
	if (near != b)
		return near < b ? -1 : 1;
	if (isinf(b))
		return b > 0 ? -1 : 1;
	return compare_with_nearest(a, b);
}

/* A bigdec against a number of any kind, not NaN. */
static int
compare_bigdec(const DatomValue *a, const DatomValue *b)
{
	BorrowedNumeric x;
	BorrowedNumeric y;
	int			order;

	borrow_numeric(a, &x);
	if (value_kind(b) == DATOM_DOUBLE)
		order = compare_numeric_double(x.number, value_double(b));
	else
	{
		if (value_kind(b) == DATOM_LONG)
			y.number = int64_to_numeric(value_int64(b));
		else
			borrow_numeric(b, &y);
		order = DatumGetInt32(DirectFunctionCall2(numeric_cmp,
												  NumericGetDatum(x.number),
												  NumericGetDatum(y.number)));
		return_numeric(&y);
	}
	return_numeric(&x);
	return order;
}

static bool
is_nan(const DatomValue *v)
{
	return value_kind(v) == DATOM_DOUBLE && isnan(value_double(v));
}

static int
compare_numbers(const DatomValue *a, const DatomValue *b)
{
	DatomKind	ak = value_kind(a);
	DatomKind	bk = value_kind(b);

	if (ak == DATOM_LONG && bk == DATOM_LONG)
		return compare_int64(value_int64(a), value_int64(b));
	if (is_nan(a) || is_nan(b))
		return is_nan(a) - is_nan(b);
	if (ak == DATOM_BIGDEC)
		return compare_bigdec(a, b);
	if (bk == DATOM_BIGDEC)
		return -compare_bigdec(b, a);
	if (ak == DATOM_LONG)
		return compare_long_double(value_int64(a), value_double(b));
	if (bk == DATOM_LONG)
		return -compare_long_double(value_int64(b), value_double(a));
	return (value_double(a) > value_double(b)) - (value_double(a) < value_double(b));
}


/* ---- json ---- */

static int
compare_bytes(const char *a, int a_len, const char *b, int b_len)
{
	int			order = memcmp(a, b, Min(a_len, b_len));

	return order != 0 ? order : (a_len > b_len) - (a_len < b_len);
}

/* Two scalars or keys: null, strings, numbers, booleans, in that order. */
static int
compare_json_scalars(const JsonbValue *a, const JsonbValue *b)
{
	if (a->type != b->type)
		return a->type < b->type ? -1 : 1;
	switch (a->type)
	{
		case jbvString:
			return compare_bytes(a->val.string.val, a->val.string.len,
								 b->val.string.val, b->val.string.len);
		case jbvNumeric:
			return DatumGetInt32(DirectFunctionCall2(numeric_cmp,
													 NumericGetDatum(a->val.numeric),
													 NumericGetDatum(b->val.numeric)));
		case jbvBool:
			return (int) a->val.boolean - (int) b->val.boolean;
		default:
			return 0;
	}
}

/* What follows an opening bracket: its size, and whether it is none really. */
static int
compare_json_openings(JsonbIteratorToken token, const JsonbValue *a, const JsonbValue *b)
{
	if (token == WJB_BEGIN_OBJECT)
		return compare_int64(a->val.object.nPairs, b->val.object.nPairs);
	if (a->val.array.rawScalar != b->val.array.rawScalar)
		return a->val.array.rawScalar ? -1 : 1;
	return compare_int64(a->val.array.nElems, b->val.array.nElems);
}

/* One token of two documents at the same place. */
static int
compare_json_tokens(JsonbIteratorToken a_token, const JsonbValue *a,
					JsonbIteratorToken b_token, const JsonbValue *b)
{
	if (a_token != b_token)
		return a_token < b_token ? -1 : 1;
	switch (a_token)
	{
		case WJB_KEY:
		case WJB_VALUE:
		case WJB_ELEM:
			return compare_json_scalars(a, b);
		case WJB_BEGIN_ARRAY:
		case WJB_BEGIN_OBJECT:
			return compare_json_openings(a_token, a, b);
		default:
			return 0;
	}
}

static void
free_iterator(JsonbIterator *at)
{
	while (at != NULL)
	{
		JsonbIterator *parent = at->parent;

		pfree(at);
		at = parent;
	}
}

/*
 * Not compareJsonbContainers(), which asks the database's collation.  The
 * order is that of the two documents' tokens, read side by side.
 */
static int
compare_json(const DatomValue *a, const DatomValue *b)
{
	Jsonb	   *x = payload_varlena(a);
	Jsonb	   *y = payload_varlena(b);
	JsonbIterator *x_at = JsonbIteratorInit(&x->root);
	JsonbIterator *y_at = JsonbIteratorInit(&y->root);
	int			order = 0;

	for (;;)
	{
		JsonbValue	x_value;
		JsonbValue	y_value;
		JsonbIteratorToken x_token = JsonbIteratorNext(&x_at, &x_value, false);
		JsonbIteratorToken y_token = JsonbIteratorNext(&y_at, &y_value, false);

		order = compare_json_tokens(x_token, &x_value, y_token, &y_value);
		if (order != 0 || x_token == WJB_DONE)
			break;
	}
	free_iterator(x_at);
	free_iterator(y_at);
	pfree(x);
	pfree(y);
	return order;
}


/* ---- the order ---- */

/* The kind's place in the order. */
static inline int
kind_rank(DatomKind kind)
{
	return kind == DATOM_DOUBLE || kind == DATOM_BIGDEC ? DATOM_LONG : kind;
}

int
datom_value_cmp(const DatomValue *a, const DatomValue *b)
{
	int			a_rank = kind_rank(value_kind(a));
	int			b_rank = kind_rank(value_kind(b));

	if (a_rank != b_rank)
		return a_rank < b_rank ? -1 : 1;
	switch (a_rank)
	{
		case DATOM_LONG:
			return compare_numbers(a, b);
		case DATOM_INSTANT:
		case DATOM_REF:
			return compare_int64(value_int64(a), value_int64(b));
		case DATOM_DATE:
			return compare_int64(value_int32(a), value_int32(b));
		case DATOM_JSON:
			return compare_json(a, b);
		default:
			return compare_bytes(value_payload(a), value_payload_len(a),
								 value_payload(b), value_payload_len(b));
	}
}

bool
datom_value_equal(const DatomValue *a, const DatomValue *b)
{
	return datom_value_cmp(a, b) == 0;
}


/* ---- hashing ---- */

static uint64
hash_memory(const void *bytes, int len, uint64 seed)
{
	return hash_bytes_extended((const unsigned char *) bytes, len, seed);
}

static uint64
hash_long(int64 number, uint64 seed)
{
	return hash_memory(&number, sizeof(number), seed);
}

/*
 * A double that equals a long must hash like it.  No other may hash like the
 * long of the same bits.
 */
static uint64
hash_double(double number, uint64 seed)
{
	if (number >= -9223372036854775808.0 && number < 9223372036854775808.0 &&
		number == trunc(number))
		return hash_long((int64) number, seed);
	return hash_combine64(hash_memory(&number, sizeof(number), seed), DATOM_DOUBLE);
}

/* The shortest of the texts that numerics of this value have: 1.50 is "1.5". */
static char *
shortest_digits(Numeric number)
{
	char	   *digits = DatumGetCString(DirectFunctionCall1(numeric_out,
															 NumericGetDatum(number)));
	char	   *end = digits + strlen(digits);

	if (strchr(digits, '.') != NULL)
	{
		while (end[-1] == '0')
			end--;
		if (end[-1] == '.')
			end--;
		*end = '\0';
	}
	return digits;
}

/* A bigdec that equals a long or a double must hash like it. */
static uint64
hash_bigdec(const DatomValue *v, uint64 seed)
{
	BorrowedNumeric b;
	char	   *digits;
	char	   *end;
	int64		whole;
	double		near;
	uint64		hash;

	borrow_numeric(v, &b);
	digits = shortest_digits(b.number);
	errno = 0;
	whole = strtoi64(digits, &end, 10);
	near = nearest_double(b.number);
	if (errno == 0 && *end == '\0')
		hash = hash_long(whole, seed);
	else if (!isinf(near) && compare_with_nearest(b.number, near) == 0)
		hash = hash_double(near, seed);
	else
		hash = hash_memory(digits, strlen(digits), seed);
	pfree(digits);
	return_numeric(&b);
	return hash;
}

static uint64
hash_json(const DatomValue *v, uint64 seed)
{
	Jsonb	   *json = payload_varlena(v);
	uint64		hash = DatumGetUInt64(DirectFunctionCall2(jsonb_hash_extended,
														  JsonbPGetDatum(json),
														  UInt64GetDatum(seed)));

	pfree(json);
	return hash;
}

/* Values equal under datom_value_cmp() have the same hash for the same seed. */
static uint64
hash_value(const DatomValue *v, uint64 seed)
{
	DatomKind	kind = value_kind(v);
	uint64		hash;

	switch (kind)
	{
		case DATOM_LONG:
			hash = hash_long(value_int64(v), seed);
			break;
		case DATOM_DOUBLE:
			hash = hash_double(value_double(v), seed);
			break;
		case DATOM_BIGDEC:
			hash = hash_bigdec(v, seed);
			break;
		case DATOM_JSON:
			hash = hash_json(v, seed);
			break;
		default:
			hash = hash_memory(value_payload(v), value_payload_len(v), seed);
	}
	return hash_combine64(hash, kind_rank(kind));
}

uint32
datom_value_hash(const DatomValue *v)
{
	return (uint32) hash_value(v, 0);
}


/* ---- SQL ---- */

/* datom.value_type(value): the name of its kind. */
PG_FUNCTION_INFO_V1(datom_value_type);
Datum
datom_value_type(PG_FUNCTION_ARGS)
{
	DatomValue *v = PG_GETARG_DATOM_VALUE_PP(0);

	PG_RETURN_TEXT_P(cstring_to_text(datom_value_kind_name(value_kind(v))));
}

/* datom.value_hash(value): 32 bits, the same for ever; indexes store them. */
PG_FUNCTION_INFO_V1(datom_value_hash_sql);
Datum
datom_value_hash_sql(PG_FUNCTION_ARGS)
{
	DatomValue *v = PG_GETARG_DATOM_VALUE_PP(0);
	uint32		hash = datom_value_hash(v);

	PG_FREE_IF_COPY(v, 0);
	PG_RETURN_UINT32(hash);
}

/* datom.value_hash_extended(value, bigint): 64 bits, with a seed. */
PG_FUNCTION_INFO_V1(datom_value_hash_extended);
Datum
datom_value_hash_extended(PG_FUNCTION_ARGS)
{
	DatomValue *v = PG_GETARG_DATOM_VALUE_PP(0);
	uint64		hash = hash_value(v, (uint64) PG_GETARG_INT64(1));

	PG_FREE_IF_COPY(v, 0);
	PG_RETURN_UINT64(hash);
}

/* The order of two datums, toasted or not; <0, 0, >0. */
static int
compare_datums(Datum x, Datum y)
{
	DatomValue *a = DatumGetDatomValuePP(x);
	DatomValue *b = DatumGetDatomValuePP(y);
	int			order = datom_value_cmp(a, b);

	if ((Pointer) a != DatumGetPointer(x))
		pfree(a);
	if ((Pointer) b != DatumGetPointer(y))
		pfree(b);
	return order;
}

/* datom.value_cmp(value, value): the btree order. */
PG_FUNCTION_INFO_V1(datom_value_cmp_sql);
Datum
datom_value_cmp_sql(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(compare_datums(PG_GETARG_DATUM(0), PG_GETARG_DATUM(1)));
}

/* The six comparison operators: datom.value_eq and its kin. */
#define COMPARISON(name, test) \
PG_FUNCTION_INFO_V1(datom_value_##name); \
Datum \
datom_value_##name(PG_FUNCTION_ARGS) \
{ \
	PG_RETURN_BOOL(compare_datums(PG_GETARG_DATUM(0), PG_GETARG_DATUM(1)) test 0); \
}

COMPARISON(eq, ==)
COMPARISON(ne, !=)
COMPARISON(lt, <)
COMPARISON(le, <=)
COMPARISON(gt, >)
COMPARISON(ge, >=)


/* ---- sorting ---- */

static int
compare_for_sort(Datum x, Datum y, SortSupport ssup)
{
	return compare_datums(x, y);
}

/* Sixty-four bits that, as unsigned, order like the doubles; NaN highest. */
static uint64
double_prefix(double number)
{
	uint64		bits;

	if (number == 0)
		number = 0;				/* both zeros alike */
	memcpy(&bits, &number, sizeof(bits));
	return (bits >> 63) ? ~bits : bits | (UINT64CONST(1) << 63);
}

static uint64
bytes_prefix(const char *bytes, int len)
{
	uint64		prefix = 0;
	int			i;

	for (i = 0; i < (int) sizeof(prefix); i++)
		prefix = prefix << 8 | (i < len ? (unsigned char) bytes[i] : 0);
	return prefix;
}

static uint64
bigdec_prefix(const DatomValue *v)
{
	BorrowedNumeric b;
	double		near;

	borrow_numeric(v, &b);
	near = nearest_double(b.number);
	return_numeric(&b);
	return double_prefix(near);
}

/* Sixty-four bits that never decrease in the order of values of one rank. */
static uint64
value_prefix(const DatomValue *v)
{
	switch (value_kind(v))
	{
		case DATOM_LONG:
			return double_prefix((double) value_int64(v));
		case DATOM_DOUBLE:
			return double_prefix(value_double(v));
		case DATOM_BIGDEC:
			return bigdec_prefix(v);
		case DATOM_INSTANT:
		case DATOM_REF:
			return (uint64) value_int64(v) ^ (UINT64CONST(1) << 63);
		case DATOM_DATE:
			return ((uint64) value_int32(v) << 32) ^ (UINT64CONST(1) << 63);
		case DATOM_JSON:
			return 0;
		default:
			return bytes_prefix(value_payload(v), value_payload_len(v));
	}
}

/* The rank in the upper four bits, then as much of the prefix as fits. */
static Datum
abbreviate(Datum original, SortSupport ssup)
{
	DatomValue *v = DatumGetDatomValuePP(original);
	uint64		key = (uint64) kind_rank(value_kind(v)) << 60 | value_prefix(v) >> 4;

	if ((Pointer) v != DatumGetPointer(original))
		pfree(v);
	return (Datum) key;
}

/* Making a key costs less than one comparison saved: never give up. */
static bool
never_abort(int tuples, SortSupport ssup)
{
	return false;
}

/* datom.value_sortsupport(internal): comparison without fmgr, abbreviated keys. */
PG_FUNCTION_INFO_V1(datom_value_sortsupport);
Datum
datom_value_sortsupport(PG_FUNCTION_ARGS)
{
	SortSupport ssup = (SortSupport) PG_GETARG_POINTER(0);

	ssup->comparator = compare_for_sort;
	/* A key takes a Datum of 64 bits. */
	if (ssup->abbreviate && sizeof(Datum) == sizeof(uint64))
	{
		ssup->abbrev_full_comparator = compare_for_sort;
		ssup->comparator = ssup_datum_unsigned_cmp;
		ssup->abbrev_converter = abbreviate;
		ssup->abbrev_abort = never_abort;
	}
	PG_RETURN_VOID();
}
