/*
 * edn_lex.c: what characters, escapes, numbers and names of EDN look like.
 *
 * This file owns the spelling of EDN's scalars, given as comments above the
 * functions that recognise it.  They look at text and remember nothing;
 * errors and memory are the reader's affair (edn.c).
 */
#ifndef DATOM_STANDALONE
#include "postgres.h"

#include "lib/stringinfo.h"
#endif

#include <string.h>

#include "edn_lex.h"

/* ---- characters ---- */

static bool
among(char c, const char *set)
{
	return c != '\0' && strchr(set, c) != NULL;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* letter = "a".."z" | "A".."Z" | any character beyond ASCII */
static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		((unsigned char) c & 0x80) != 0;
}

/* initial = letter | one of the characters below */
static bool
is_initial(char c)
{
	return is_letter(c) || among(c, ".*+!-_?$%&=<>");
}

/* constituent = initial | digit | ":" | "#" */
static bool
is_constituent(char c)
{
	return is_initial(c) || is_digit(c) || c == ':' || c == '#';
}

/*
 * The length of the legal UTF-8 sequence at s, or 0.  As in RFC 3629: no
 * overlong forms, no surrogates, nothing beyond U+10FFFF.
 */
int
datom_edn_utf8_length(const char *s)
{
	static const unsigned least[] = {0, 0, 0x80, 0x800, 0x10000};
	const unsigned char *p = (const unsigned char *) s;
	int			len = *p < 0x80 ? 1 : *p < 0xE0 ? 2 : *p < 0xF0 ? 3 : 4;
	unsigned	code = *p & (0x7F >> len);
	int			i;

	if (len == 1)
		return 1;
	for (i = 1; i < len; i++)
	{
		if ((p[i] & 0xC0) != 0x80)
			return 0;
		code = code << 6 | (p[i] & 0x3F);
	}
	return *p < 0xC0 || *p > 0xF4 || code < least[len] || code > 0x10FFFF ||
		(code >= 0xD800 && code <= 0xDFFF) ? 0 : len;
}

/* Writes a code point as UTF-8 and returns the bytes written. */
int
datom_edn_utf8_encode(int code, char *to)
{
	static const unsigned char lead[] = {0, 0, 0xC0, 0xE0, 0xF0};
	int			len = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
	int			i;

	for (i = len - 1; i > 0; i--, code >>= 6)
		to[i] = (char) (0x80 | (code & 0x3F));
	to[0] = (char) (lead[len] | code);
	return len;
}

/* ---- numbers ---- */

const char *
datom_edn_skip_sign(const char *p)
{
	return *p == '+' || *p == '-' ? p + 1 : p;
}

/* Is this the start of a number, or of an attempt at one, such as "-.5"? */
bool
datom_edn_starts_number(const char *p, const char *end)
{
	if (p < end && (*p == '+' || *p == '-'))
		p++;
	if (p < end && *p == '.')
		p++;
	return p < end && is_digit(*p);
}

/* integer = [ sign ] ( "0" | "1".."9" { digit } ).  Returns its end or NULL. */
const char *
datom_edn_skip_integer(const char *p)
{
	p = datom_edn_skip_sign(p);
	if (!is_digit(*p))
		return NULL;
	return *p == '0' ? p + 1 : p + strspn(p, "0123456789");
}

/*
 * fraction = "." digit { digit }
 * exponent = ( "e" | "E" ) [ sign ] digit { digit }
 *
 * Returns where they end; p itself if there is neither.
 */
const char *
datom_edn_skip_fraction(const char *p)
{
	if (*p == '.' && is_digit(p[1]))
		p += 1 + strspn(p + 1, "0123456789");
	if ((*p == 'e' || *p == 'E') && is_digit(*datom_edn_skip_sign(p + 1)))
	{
		p = datom_edn_skip_sign(p + 1);
		p += strspn(p, "0123456789");
	}
	return p;
}

/* ---- names ---- */

/* part = initial { constituent }, unless it starts like a number */
static bool
part_valid(const char *p, const char *end)
{
	if (p == end || !is_initial(*p) || datom_edn_starts_number(p, end))
		return false;
	while (p < end && is_constituent(*p))
		p++;
	return p == end;
}

/* symbol = "/" | part | part "/" part */
bool
datom_edn_symbol_valid(const char *p, int len)
{
	const char *end = p + len;
	const char *slash = memchr(p, '/', len);

	if (slash == NULL || len == 1)
		return slash != NULL || part_valid(p, end);
	return part_valid(p, slash) && part_valid(slash + 1, end);
}

/* keyword = ":" symbol, but not ":/" */
bool
datom_edn_keyword_valid(const char *text, int len)
{
	return len >= 2 && text[0] == ':' && text[1] != '/' &&
		datom_edn_symbol_valid(text + 1, len - 1);
}

/* tag = "#" symbol, where the symbol begins with a letter */
bool
datom_edn_tag_valid(const char *text, int len)
{
	return len >= 1 && is_letter(text[0]) && datom_edn_symbol_valid(text, len);
}

/* ---- escapes ---- */

/* Letters after a backslash and what they stand for. */
static const char escape_letters[] = "\"\\nrtbf";
static const char escape_values[] = "\"\\\n\r\t\b\f";

/* unit = "u" hex hex hex hex.  Returns -1 if that is not what is at p. */
static int
read_unit(const char *p)
{
	static const char hex[] = "0123456789abcdefABCDEF";
	int			code = 0;
	int			i;

	if (*p != 'u')
		return -1;
	for (i = 1; i <= 4; i++)
	{
		int			digit;

		if (!among(p[i], hex))
			return -1;
		digit = (int) (strchr(hex, p[i]) - hex);
		code = code << 4 | (digit < 16 ? digit : digit - 6);
	}
	return code;
}

/*
 * escape = "\" ( letter | unit | unit "\" unit ): two units are surrogates,
 * for what lies beyond U+FFFF.
 *
 * Returns the code point of the escape at p, after its backslash, and its
 * length; -1 if it is none.
 */
int
datom_edn_escape(const char *p, int *len)
{
	int			high = read_unit(p);
	int			low;

	*len = 1;
	if (among(*p, escape_letters))
		return escape_values[strchr(escape_letters, *p) - escape_letters];
	*len = 5;
	if (high < 0xD800 || high > 0xDFFF)
		return high;
	low = p[5] == '\\' ? read_unit(p + 6) : -1;
	*len = 11;
	if (high > 0xDBFF || low < 0xDC00 || low > 0xDFFF)
		return -1;
	return 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
}

/* The code point of a character's name, or -1. */
int
datom_edn_named_char(const char *name)
{
	static const char *const names[] =
	{"newline", "return", "space", "tab", "formfeed", "backspace"};
	static const char codes[] = "\n\r \t\f\b";
	int			code = strlen(name) == 5 ? read_unit(name) : -1;
	int			i;

	for (i = 0; codes[i] != '\0'; i++)
	{
		if (strcmp(names[i], name) == 0)
			return codes[i];
	}
	return code >= 0xD800 && code <= 0xDFFF ? -1 : code;
}

#ifndef DATOM_STANDALONE

char *
datom_edn_quote(const char *text, int len)
{
	StringInfoData out;
	const char *p;

	initStringInfo(&out);
	appendStringInfoChar(&out, '"');
	for (p = text; p < text + len; p++)
	{
		/* The first five escapes are those every EDN reader knows. */
		const char *escape = memchr(escape_values, *p, 5);

		if (escape != NULL)
		{
			appendStringInfoChar(&out, '\\');
			appendStringInfoChar(&out, escape_letters[escape - escape_values]);
		}
		else if ((unsigned char) *p < 0x20 || *p == 0x7F)
			appendStringInfo(&out, "\\u%04x", (unsigned) *p);
		else
			appendStringInfoCharMacro(&out, *p);
	}
	appendStringInfoChar(&out, '"');
	return out.data;
}

#endif							/* DATOM_STANDALONE */
