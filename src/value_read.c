/*
 * value_read.c
 *		Owns reading: text and EDN forms to values, and literals again to the
 *		kind that an attribute asks for.
 *
 * The readers of single kinds return NULL for text that does not fit, and ask
 * the server's own parsers, which would raise an error, only once the text is
 * known to be good.  Text is in the server's encoding and not NUL-terminated.
 */
#include "postgres.h"

#include <ctype.h>
#include <math.h>

#include "common/int.h"
#include "common/jsonapi.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/fmgrprotos.h"

#include "value.h"
#include "value_rep.h"

/* What numeric can hold: digits before and behind the point. */
#define NUMERIC_WHOLE_DIGITS	131072
#define NUMERIC_FRACTION_DIGITS 16383

#define UUID_TEXT_LEN 36

typedef DatomValue *(*KindReader) (const char *text, int len);

/* A number as EDN writes it. */
typedef struct NumberText
{
	const char *digits;			/* behind the sign */
	int			whole_digits;
	int			fraction_digits;
	int			exponent;		/* held within +-NUMBER_EXPONENT_MAX */
	bool		has_exponent;
	bool		is_zero;
	int			len;			/* all but the suffix */
	char		suffix;			/* 'N', 'M' or none: '\0' */
} NumberText;

#define NUMBER_EXPONENT_MAX 1000000


/* ---- numbers ---- */

/* Counts the digits at text[at]. */
static int
count_digits(const char *text, int at, int len)
{
	int			from = at;

	while (at < len && text[at] >= '0' && text[at] <= '9')
		at++;
	return at - from;
}

/* Reads [ "e" sign digits ] at text[at]; returns where it ends, -1 if broken. */
static int
scan_exponent(const char *text, int at, int len, NumberText *n)
{
	bool		negative;
	int			digits;

	if (at == len || (text[at] != 'e' && text[at] != 'E'))
		return at;
	at++;
	negative = at < len && text[at] == '-';
	if (negative || (at < len && text[at] == '+'))
		at++;
	digits = count_digits(text, at, len);
	if (digits == 0)
		return -1;
	for (; digits > 0; digits--, at++)
		n->exponent = Min(n->exponent * 10 + (text[at] - '0'), NUMBER_EXPONENT_MAX);
	if (negative)
		n->exponent = -n->exponent;
	n->has_exponent = true;
	return at;
}

static bool
all_zeros(const char *p, const char *end)
{
	while (p < end && (*p == '0' || *p == '.'))
		p++;
	return p == end;
}

/*
 * number = [ sign ] ( "0" | "1".."9" digits ) [ "." digits ] [ exponent ]
 *			[ "N" | "M" ], "N" only behind an integer
 *
 * False if the text is anything else.
 */
static bool
scan_number(const char *text, int len, NumberText *n)
{
	int			at = 0;

	memset(n, 0, sizeof(*n));
	if (len > 0 && (text[0] == '-' || text[0] == '+'))
		at++;
	n->digits = text + at;
	n->whole_digits = count_digits(text, at, len);
	if (n->whole_digits == 0 || (text[at] == '0' && n->whole_digits > 1))
		return false;
	at += n->whole_digits;
	if (at < len && text[at] == '.')
	{
		n->fraction_digits = count_digits(text, at + 1, len);
		if (n->fraction_digits == 0)
			return false;
		at += 1 + n->fraction_digits;
	}
	n->is_zero = all_zeros(n->digits, text + at);
	at = scan_exponent(text, at, len, n);
	n->len = at;
	if (at == len - 1 && (text[at] == 'M' || text[at] == 'N'))
		n->suffix = text[at++];
	return at == len &&
		(n->suffix != 'N' || (n->fraction_digits == 0 && !n->has_exponent));
}

/* The scanned number as a NUL-terminated text without its suffix. */
static char *
number_text(const char *text, const NumberText *n)
{
	return pnstrdup(text, n->len);
}

static bool
is_integer(const NumberText *n)
{
	return n->fraction_digits == 0 && !n->has_exponent && n->suffix != 'M';
}

/* The scanned integer, if 64 bits hold it. */
static bool
to_int64(const char *text, const NumberText *n, int64 *number)
{
	int64		sum = 0;		/* negative, for there is one more below zero */
	int			i;

	for (i = 0; i < n->whole_digits; i++)
	{
		if (pg_mul_s64_overflow(sum, 10, &sum) ||
			pg_sub_s64_overflow(sum, n->digits[i] - '0', &sum))
			return false;
	}
	if (*text != '-' && sum == PG_INT64_MIN)
		return false;
	*number = *text == '-' ? sum : -sum;
	return true;
}

/* The nearest double; NULL if that is infinite, or zero though n is not. */
static DatomValue *
to_double(const char *text, const NumberText *n)
{
	char	   *digits = number_text(text, n);
	double		number = strtod(digits, NULL);

	pfree(digits);
	if (isinf(number) || (number == 0 && !n->is_zero))
		return NULL;
	return datom_value_make_double(number);
}

/* Can a numeric hold all digits of the number? */
static bool
fits_numeric(const NumberText *n)
{
	return n->whole_digits + n->exponent <= NUMERIC_WHOLE_DIGITS &&
		n->fraction_digits - n->exponent <= NUMERIC_FRACTION_DIGITS;
}

static DatomValue *
to_bigdec(const char *text, const NumberText *n)
{
	if (!fits_numeric(n))
		return NULL;
	return datom_value_make_bigdec(DatumGetNumeric(DirectFunctionCall3(numeric_in,
																	   CStringGetDatum(number_text(text, n)),
																	   ObjectIdGetDatum(InvalidOid),
																	   Int32GetDatum(-1))));
}

/*
 * The number as the kind that its form asks for.  An integer too long for a
 * long, or a double too large or too small for one, stays exact as a bigdec.
 * NULL if not even that can hold it.
 */
static DatomValue *
to_number(const char *text, const NumberText *n)
{
	DatomValue *v = NULL;
	int64		whole;

	if (n->suffix != '\0')
		return to_bigdec(text, n);
	if (!is_integer(n))
		v = to_double(text, n);
	else if (to_int64(text, n, &whole))
		v = datom_value_make_long(whole);
	return v != NULL ? v : to_bigdec(text, n);
}


/* ---- the kinds, as literals write them ---- */

static bool
text_is(const char *text, int len, const char *word)
{
	return len == (int) strlen(word) && memcmp(text, word, len) == 0;
}

static DatomValue *
read_boolean(const char *text, int len)
{
	if (text_is(text, len, "true"))
		return datom_value_make_boolean(true);
	if (text_is(text, len, "false"))
		return datom_value_make_boolean(false);
	return NULL;
}

static bool
read_int64(const char *text, int len, int64 *number)
{
	NumberText	n;

	return scan_number(text, len, &n) && is_integer(&n) &&
		to_int64(text, &n, number);
}

static DatomValue *
read_long(const char *text, int len)
{
	int64		number;

	return read_int64(text, len, &number) ? datom_value_make_long(number) : NULL;
}

static DatomValue *
read_ref(const char *text, int len)
{
	int64		entity;

	return read_int64(text, len, &entity) ? datom_value_make_ref(entity) : NULL;
}

static DatomValue *
read_double(const char *text, int len)
{
	NumberText	n;

	return scan_number(text, len, &n) ? to_double(text, &n) : NULL;
}

static DatomValue *
read_bigdec(const char *text, int len)
{
	NumberText	n;

	return scan_number(text, len, &n) ? to_bigdec(text, &n) : NULL;
}

static DatomValue *
read_keyword(const char *text, int len)
{
	return datom_edn_keyword_valid(text, len) ?
		datom_value_make_keyword(text, len) : NULL;
}

static DatomValue *
read_instant(const char *text, int len)
{
	TimestampTz instant;

	return datom_instant_parse(text, len, &instant) ?
		datom_value_make_instant(instant) : NULL;
}

static DatomValue *
read_date(const char *text, int len)
{
	DateADT		date;

	return datom_date_parse(text, len, &date) ? datom_value_make_date(date) : NULL;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Two digits at *text, which moves on; -1 if there are none. */
static int
hex_byte(const char **text)
{
	int			high = hex_digit((*text)[0]);
	int			low = high < 0 ? -1 : hex_digit((*text)[1]);

	*text += 2;
	return low < 0 ? -1 : high << 4 | low;
}

static DatomValue *
read_uuid(const char *text, int len)
{
	unsigned char bytes[16];
	int			i;

	if (len != UUID_TEXT_LEN)
		return NULL;
	for (i = 0; i < 16; i++)
	{
		int			byte;

		if ((i == 4 || i == 6 || i == 8 || i == 10) && *text++ != '-')
			return NULL;
		byte = hex_byte(&text);
		if (byte < 0)
			return NULL;
		bytes[i] = byte;
	}
	return datom_value_make_uuid(bytes);
}

/* Bytes from bare hexadecimal digits. */
static DatomValue *
read_hex(const char *text, int len)
{
	char	   *bytes;
	int			i;

	if (len % 2 != 0)
		return NULL;
	bytes = palloc(len / 2 + 1);
	for (i = 0; i < len / 2; i++)
	{
		int			byte = hex_byte(&text);

		if (byte < 0)
			return NULL;
		bytes[i] = (char) byte;
	}
	return datom_value_make_bytes(bytes, len / 2);
}

static DatomValue *
read_bytes(const char *text, int len)
{
	return len >= 2 && text[0] == '\\' && text[1] == 'x' ?
		read_hex(text + 2, len - 2) : NULL;
}

/* Clears the flag at state for a number that jsonb could not hold. */
static void
check_json_number(void *state, char *token, JsonTokenType type)
{
	NumberText	n;

	if (type == JSON_TOKEN_NUMBER &&
		!(scan_number(token, strlen(token), &n) && fits_numeric(&n)))
		*(bool *) state = false;
}

/*
 * Nesting and sizes beyond what jsonb can hold are the server's errors; all
 * else that jsonb_in() would refuse is found before it is asked.
 */
static DatomValue *
read_json(const char *text, int len)
{
	char	   *copy = pnstrdup(text, len);
	bool		numbers_fit = true;
	JsonSemAction actions = {.semstate = &numbers_fit,.scalar = check_json_number};
	JsonLexContext *lex = makeJsonLexContextCstringLen(copy, len,
													   GetDatabaseEncoding(), true);

	if (pg_parse_json(lex, &actions) != JSON_SUCCESS || !numbers_fit)
		return NULL;
	return datom_value_make_json(DatumGetJsonbP(DirectFunctionCall1(jsonb_in,
																	CStringGetDatum(copy))));
}

static const KindReader kind_readers[DATOM_KIND_LAST + 1] = {
	[DATOM_BOOLEAN] = read_boolean,
	[DATOM_LONG] = read_long,
	[DATOM_DOUBLE] = read_double,
	[DATOM_BIGDEC] = read_bigdec,
	[DATOM_KEYWORD] = read_keyword,
	[DATOM_STRING] = datom_value_make_string,
	[DATOM_INSTANT] = read_instant,
	[DATOM_DATE] = read_date,
	[DATOM_UUID] = read_uuid,
	[DATOM_REF] = read_ref,
	[DATOM_BYTES] = read_bytes,
	[DATOM_JSON] = read_json
};


/* ---- tags ---- */

static DatomValue *
read_inst(const char *text, int len)
{
	TimestampTz instant;

	return datom_instant_parse_lenient(text, len, &instant) ?
		datom_value_make_instant(instant) : NULL;
}

static const struct
{
	const char *name;
	EdnKind		content;
	KindReader	read;
}			tags[] = {
	{"inst", EDN_STRING, read_inst},
	{"date", EDN_STRING, read_date},
	{"uuid", EDN_STRING, read_uuid},
	{"ref", EDN_INT, read_ref},
	{"bytes", EDN_STRING, read_hex},
	{"json", EDN_STRING, read_json}
};

/* The tag's place in tags, or -1. */
static int
find_tag(const char *name, int len)
{
	int			i;

	for (i = 0; i < (int) lengthof(tags); i++)
	{
		if (text_is(name, len, tags[i].name))
			return i;
	}
	return -1;
}

static DatomValue *
from_tagged(const Edn *form)
{
	int			tag = find_tag(form->text, form->len);
	const Edn  *content = form->items[0];
	DatomValue *v = NULL;

	if (tag < 0)
		return NULL;
	if (content->kind == tags[tag].content)
		v = tags[tag].read(content->text, content->len);
	if (v == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("invalid content of tag \"#%s\"", form->text),
				 errdetail("At character %d.", content->pos)));
	return v;
}


/* ---- literals ---- */

/* The settled value with the text it came from. */
static DatomValue *
make_literal(const DatomValue *v, const char *source, int len, uint8 flags)
{
	Size		value_len = VARSIZE(v);
	uint32		word = len;
	DatomValue *literal = palloc(value_len + len + sizeof(word));

	memcpy(literal, v, value_len);
	SET_VARSIZE(literal, value_len + len + sizeof(word));
	*VARDATA(literal) |= VALUE_LITERAL | flags;
	memcpy((char *) literal + value_len, source, len);
	memcpy((char *) literal + value_len + len, &word, sizeof(word));
	return literal;
}

/* A literal string that is its own source. */
static DatomValue *
make_bare_string(const char *text, int len)
{
	Size		total = VARHDRSZ + 1 + len + sizeof(uint32);
	uint32		word = SOURCE_IS_PAYLOAD;
	DatomValue *literal = palloc(total);

	SET_VARSIZE(literal, total);
	*VARDATA(literal) = (char) (DATOM_STRING | VALUE_LITERAL);
	memcpy(VARDATA(literal) + 1, text, len);
	memcpy((char *) literal + total - sizeof(word), &word, sizeof(word));
	return literal;
}

/* Narrows the text by the blanks around it. */
static void
trim(const char **text, int *len)
{
	while (*len > 0 && strchr(" \t\n\r\f\v", **text) != NULL)
	{
		(*text)++;
		(*len)--;
	}
	while (*len > 0 && strchr(" \t\n\r\f\v", (*text)[*len - 1]) != NULL)
		(*len)--;
}

/* Text that begins with "#": a known tag, or one of the three ##s. */
static DatomValue *
read_hash(const char *text, int len)
{
	int			name_len = 1;

	while (name_len < len && text[name_len] >= 'a' && text[name_len] <= 'z')
		name_len++;
	if (find_tag(text + 1, name_len - 1) >= 0 &&
		(name_len == len || !isalnum((unsigned char) text[name_len])))
		return from_tagged(datom_edn_parse(text, len));
	if (text_is(text, len, "##NaN"))
		return datom_value_make_double(get_float8_nan());
	if (text_is(text, len, "##Inf"))
		return datom_value_make_double(get_float8_infinity());
	if (text_is(text, len, "##-Inf"))
		return datom_value_make_double(-get_float8_infinity());
	return NULL;
}

/* The text, without blanks around it, as one EDN scalar; NULL if it is none. */
static DatomValue *
read_scalar(const char *text, int len)
{
	NumberText	n;
	const Edn  *form;

	if (len == 0)
		return NULL;
	switch (text[0])
	{
		case '"':
			form = datom_edn_parse(text, len);
			return datom_value_make_string(form->text, form->len);
		case '#':
			return read_hash(text, len);
		case ':':
			return read_keyword(text, len);
		case 't':
		case 'f':
			return read_boolean(text, len);
		default:
			return scan_number(text, len, &n) ? to_number(text, &n) : NULL;
	}
}

DatomValue *
datom_value_literal(const char *text, int len)
{
	const char *scalar = text;
	int			scalar_len = len;
	DatomValue *v;

	trim(&scalar, &scalar_len);
	v = read_scalar(scalar, scalar_len);
	return v == NULL ? make_bare_string(text, len) : make_literal(v, text, len, 0);
}


/* ---- EDN forms ---- */

static DatomValue *
from_number(const Edn *form)
{
	NumberText	n;
	DatomValue *v;

	if (!scan_number(form->text, form->len, &n))
		return datom_value_make_double(form->real); /* ##NaN and the like */
	n.suffix = form->kind == EDN_DECIMAL ? 'M' : form->kind == EDN_BIGINT ? 'N' : '\0';
	v = to_number(form->text, &n);
	if (v == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("number out of range"),
				 errdetail("At character %d.", form->pos)));
	return make_literal(v, form->text, form->len, VALUE_NUMBER_ONLY);
}

DatomValue *
datom_value_from_edn(const Edn *form)
{
	switch (form->kind)
	{
		case EDN_BOOL:
			return datom_value_make_boolean(form->truth);
		case EDN_INT:
		case EDN_BIGINT:
		case EDN_DOUBLE:
		case EDN_DECIMAL:
			return from_number(form);
		case EDN_STRING:
		case EDN_CHAR:
			return datom_value_make_string(form->text, form->len);
		case EDN_KEYWORD:
			return datom_value_make_keyword(form->text, form->len);
		case EDN_TAGGED:
			return from_tagged(form);
		default:
			return NULL;
	}
}


/* ---- coercion ---- */

/* Reads a literal's source again, as the kind. */
static DatomValue *
coerce_literal(const DatomValue *v, DatomKind to)
{
	uint32		word = value_source_word(v);
	const char *source = value_payload(v);
	int			len = value_payload_len(v);

	if ((value_head(v) & VALUE_NUMBER_ONLY) && to != DATOM_LONG &&
		to != DATOM_DOUBLE && to != DATOM_BIGDEC && to != DATOM_REF)
		return NULL;
	if (word != SOURCE_IS_PAYLOAD)
	{
		source += len;
		len = (int) word;
	}
	if (to != DATOM_STRING)
		trim(&source, &len);
	return kind_readers[to] (source, len);
}

/* A long as another kind; NULL if that is no number or cannot be equal. */
static DatomValue *
coerce_long(int64 number, DatomKind to)
{
	double		near = (double) number;

	switch (to)
	{
		case DATOM_BIGDEC:
			return datom_value_make_bigdec(int64_to_numeric(number));
		case DATOM_REF:
			return datom_value_make_ref(number);
		case DATOM_DOUBLE:
			return near < 9223372036854775808.0 && (int64) near == number ?
				datom_value_make_double(near) : NULL;
		default:
			return NULL;
	}
}

DatomValue *
datom_value_coerce(DatomValue *v, DatomKind to)
{
	if (value_kind(v) == to)
		return datom_value_settle(v);
	if (datom_value_is_literal(v))
		return coerce_literal(v, to);
	if (value_kind(v) == DATOM_LONG)
		return coerce_long(value_int64(v), to);
	return NULL;
}
