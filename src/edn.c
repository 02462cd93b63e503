/*
 * edn.c: EDN text to a tree of forms.
 *
 * This file owns the grammar of EDN, given as comments above the functions
 * that read it (the spelling of scalars is edn_lex.c's), and the equality of
 * forms, by which a map's keys and a set's elements must differ.  It knows no
 * catalogs and gives tags no meaning.
 *
 * Input is not trusted:
 *
 *	- A copy with a NUL behind it is checked as UTF-8 without NUL first; later
 *	  steps rely on whole characters and on the NUL as the end.
 *	- Time is linear in the text's length, but for the search for duplicates,
 *	  which sorts.  A comparison costs no more than its smaller operand.
 *	- Collections, tags and discards nest no more than EDN_MAX_DEPTH deep.
 *	- Positions count characters from 1.  The reader remembers the last place
 *	  it counted to, so that all forms' positions together cost one pass.
 */
#ifdef DATOM_STANDALONE
#include <stdio.h>
#define CHECK_FOR_INTERRUPTS() ((void) 0)
#else
#include "postgres.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#endif

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "edn.h"

#define EDN_MAX_DEPTH	1000
#define EDN_MAX_BYTES	0x3ffffffe	/* with a NUL, what palloc can give */
#define EDN_MAX_ITEMS	(1 << 26)	/* an array of pointers stays below that */
#define EDN_MAX_NAMED	64			/* bytes of source shown in a message */

/* Points to an element of a set, or to a map's key, followed by its value. */
typedef Edn **Slot;

/* What is allocated for a form: callers see only the first member. */
typedef struct Node
{
	Edn			form;
	Slot	   *order;			/* set, map: sorted slots, to compare with */
} Node;

typedef struct Reader
{
	const char *at;				/* next byte to read */
	const char *mark;			/* positions were counted up to here, */
	int			mark_pos;		/* which is this one */
	int			depth;
	Edn		  **stack;			/* items of the collections still open */
	int			used;
	int			room;
	void	   *(*alloc) (size_t);
	EdnError   *err;
} Reader;

static Edn *read_form(Reader *r);
static int	compare_forms(const Edn *a, const Edn *b);

/* ---- errors, positions, new forms ---- */

/* Fills in the error and returns NULL, for callers to return in turn. */
static void *
fail(Reader *r, int pos, const char *sqlstate, const char *message)
{
	r->err->sqlstate = sqlstate;
	r->err->pos = pos;
	snprintf(r->err->message, sizeof(r->err->message), "%s", message);
	return NULL;
}

/* A syntax error that shows a piece of the source: invalid number "1x". */
static void *
fail_naming(Reader *r, int pos, const char *what, const char *text, int len)
{
	char		message[sizeof(r->err->message)];
	int			shown = len < EDN_MAX_NAMED ? len : EDN_MAX_NAMED;

	while (shown < len && ((unsigned char) text[shown] & 0xC0) == 0x80)
		shown--;				/* not half a character */
	snprintf(message, sizeof(message), "%s \"%.*s%s\"", what, shown, text,
			 shown < len ? "..." : "");
	return fail(r, pos, "22P02", message);
}

static void *
fail_nul(Reader *r, int pos)
{
	return fail(r, pos, "22021", "NUL character in EDN text");
}

static void *
invalid(Reader *r, const char *what, const Edn *form)
{
	return fail_naming(r, form->pos, what, form->text, form->len);
}

/* The position of a byte at or after the last one asked for. */
static int
position(Reader *r, const char *at)
{
	for (; r->mark < at; r->mark++)
		r->mark_pos += ((unsigned char) *r->mark & 0xC0) != 0x80;
	return r->mark_pos;
}

/* A form that begins here. */
static Edn *
new_form(Reader *r, EdnKind kind)
{
	Node	   *node = r->alloc(sizeof(Node));

	memset(node, 0, sizeof(Node));
	node->form.kind = kind;
	node->form.pos = position(r, r->at);
	return &node->form;
}

static void
set_text(Reader *r, Edn *form, const char *text, size_t len)
{
	char	   *copy = r->alloc(len + 1);

	memcpy(copy, text, len);
	copy[len] = '\0';
	form->text = copy;
	form->len = (int) len;
}

/*
 * Reads up to the next delimiter.  The text leaves out the prefix, a "\" or
 * "#", and has a first character even if that is a delimiter.
 */
static Edn *
new_token(Reader *r, EdnKind kind, int prefix, int first)
{
	Edn		   *form = new_form(r, kind);
	size_t		len = first + strcspn(r->at + prefix + first, EDN_DELIMITERS);

	set_text(r, form, r->at + prefix, len);
	r->at += prefix + len;
	return form;
}

static bool
descend(Reader *r, int pos)
{
	if (++r->depth > EDN_MAX_DEPTH)
		fail(r, pos, "54001", "EDN forms are nested too deeply");
	return r->depth <= EDN_MAX_DEPTH;
}

/* ---- characters and strings ---- */

/* Is the text legal UTF-8 without NUL? */
static bool
check_characters(Reader *r, size_t len)
{
	const char *end = r->at + len;
	const char *p;
	int			pos = 1;
	int			step;

	for (p = r->at; p < end && *p != '\0'; p += step, pos++)
	{
		step = datom_edn_utf8_length(p);
		if (step == 0)
		{
			fail(r, pos, "22021", "invalid UTF-8 in EDN text");
			return false;
		}
		if ((pos & 0xFFFF) == 0)
			CHECK_FOR_INTERRUPTS();
	}
	if (p < end)
		fail_nul(r, pos);
	return p == end;
}

static void *
fail_escape(Reader *r, const char *escape, int code)
{
	int			pos = position(r, escape);

	return code == 0 ? fail_nul(r, pos) :
		fail_naming(r, pos, "invalid escape", escape,
					1 + datom_edn_utf8_length(escape + 1));
}

/* Gives the form what the source from p to the quote at end stands for. */
static Edn *
decode_string(Reader *r, Edn *form, const char *p, const char *end)
{
	char	   *text = r->alloc(end - p + 1);
	char	   *to = text;

	while (p < end)
	{
		int			len;
		int			code;

		if (*p != '\\')
		{
			*to++ = *p++;
			continue;
		}
		code = datom_edn_escape(p + 1, &len);
		if (code <= 0)
			return fail_escape(r, p, code);
		to += datom_edn_utf8_encode(code, to);
		p += 1 + len;
	}
	*to = '\0';
	form->text = text;
	form->len = (int) (to - text);
	return form;
}

/* string = quote { character | escape } quote */
static Edn *
read_string(Reader *r)
{
	Edn		   *form = new_form(r, EDN_STRING);
	const char *p = r->at + 1;

	while (*p != '\0' && *p != '"')
		p += *p == '\\' && p[1] != '\0' ? 2 : 1;
	if (*p == '\0')
		return fail(r, form->pos, "22P02", "nothing closes the string");
	form = decode_string(r, form, r->at + 1, p);
	r->at = p + 1;
	return form;
}

/* char = "\" ( any character but a blank | name | unit ) */
static Edn *
read_char(Reader *r)
{
	bool		none = strchr(" \t\n\v\f\r", r->at[1]) != NULL;	/* or NUL */
	int			first = none ? 0 : datom_edn_utf8_length(r->at + 1);
	Edn		   *form = new_token(r, EDN_CHAR, 1, first);
	char		text[4];
	int			code;

	if (!none && form->len == first)
		return form;
	code = datom_edn_named_char(form->text);
	if (code == 0)
		return fail_nul(r, form->pos);
	if (code < 0)
		return invalid(r, "invalid character name", form);
	set_text(r, form, text, datom_edn_utf8_encode(code, text));
	return form;
}

/* ---- numbers and names ---- */

/*
 * number = integer [ "N" ] | integer [ fraction ] [ exponent ] [ "M" ]
 *
 * Without a suffix it is a double if it has a fraction or an exponent.
 */
static Edn *
read_number(Reader *r, Edn *form)
{
	const char *whole = datom_edn_skip_integer(form->text);
	const char *end = whole == NULL ? "" : datom_edn_skip_fraction(whole);

	form->kind = end == whole ? EDN_INT : EDN_DOUBLE;
	if (*end == 'M')
		form->kind = EDN_DECIMAL;
	else if (*end == 'N' && end == whole)
		form->kind = EDN_BIGINT;
	if (whole == NULL || strlen(end) != (form->kind == EDN_DECIMAL ||
										 form->kind == EDN_BIGINT))
		return invalid(r, "invalid number", form);
	if (*end != '\0')
		set_text(r, form, form->text, end - form->text);
	errno = 0;
	if (form->kind == EDN_DOUBLE)
		form->real = strtod(form->text, NULL);
	else if (form->kind == EDN_INT)
		form->integer = strtoll(form->text, NULL, 10);
	if (form->kind == EDN_INT && errno == ERANGE)
		form->kind = EDN_BIGINT;
	return form;
}

/* symbolic = "##NaN" | "##Inf" | "##-Inf" */
static Edn *
read_symbolic(Reader *r)
{
	Edn		   *form = new_token(r, EDN_DOUBLE, 0, 2);

	if (strcmp(form->text, "##NaN") != 0 && strcmp(form->text, "##Inf") != 0 &&
		strcmp(form->text, "##-Inf") != 0)
		return invalid(r, "invalid symbolic value", form);
	form->real = strtod(form->text + 2, NULL);
	return form;
}

/* token = number | keyword | "nil" | "true" | "false" | symbol */
static Edn *
read_token(Reader *r)
{
	Edn		   *form = new_token(r, EDN_SYMBOL, 0, 0);

	form->truth = strcmp(form->text, "true") == 0;
	if (datom_edn_starts_number(form->text, form->text + form->len))
		return read_number(r, form);
	if (form->text[0] == ':')
		form->kind = EDN_KEYWORD;
	else if (strcmp(form->text, "nil") == 0)
		form->kind = EDN_NIL;
	else if (form->truth || strcmp(form->text, "false") == 0)
		form->kind = EDN_BOOL;
	if (form->kind == EDN_KEYWORD &&
		!datom_edn_keyword_valid(form->text, form->len))
		return invalid(r, "invalid keyword", form);
	if (form->kind == EDN_SYMBOL &&
		!datom_edn_symbol_valid(form->text, form->len))
		return invalid(r, "invalid symbol", form);
	return form;
}

/* ---- equality ---- */

/* Any total order finds duplicates; this one looks at lengths first. */
static int
compare_bytes(const char *a, size_t a_len, const char *b, size_t b_len)
{
	return a_len != b_len ? (a_len < b_len ? -1 : 1) : memcmp(a, b, a_len);
}

/* 1, +1 and 1N are equal, and so are 0 and -0. */
static int
compare_integers(const Edn *a, const Edn *b)
{
	const char *x = datom_edn_skip_sign(a->text);
	const char *y = datom_edn_skip_sign(b->text);
	bool		x_negative = *a->text == '-' && *x != '0';
	bool		y_negative = *b->text == '-' && *y != '0';

	return x_negative != y_negative ? x_negative - y_negative :
		compare_bytes(x, a->text + a->len - x, y, b->text + b->len - y);
}

static int
compare_items(const Edn *a, const Edn *b)
{
	int			c = a->count - b->count;
	int			i;

	for (i = 0; c == 0 && i < a->count; i++)
		c = compare_forms(a->items[i], b->items[i]);
	return c;
}

/* Sets or maps: in sorted order, equal ones stand side by side. */
static int
compare_unordered(const Edn *a, const Edn *b)
{
	Slot	   *a_order = ((const Node *) a)->order;
	Slot	   *b_order = ((const Node *) b)->order;
	int			stride = a->kind == EDN_MAP ? 2 : 1;
	int			c = a->count - b->count;
	int			i;

	for (i = 0; c == 0 && i < a->count; i++)
		c = compare_forms(a_order[i / stride][i % stride],
						  b_order[i / stride][i % stride]);
	return c;
}

/* Equality crosses kinds twice: int and bigint, list and vector. */
static EdnKind
family(EdnKind kind)
{
	return kind == EDN_BIGINT ? EDN_INT : kind == EDN_LIST ? EDN_VECTOR : kind;
}

/* A total order of forms, whose only use is to bring equal ones together. */
static int
compare_forms(const Edn *a, const Edn *b)
{
	int			c = (int) family(a->kind) - (int) family(b->kind);

	if (c != 0)
		return c;
	switch (family(a->kind))
	{
		case EDN_INT:
			return compare_integers(a, b);
		case EDN_DOUBLE:		/* bitwise, so that NaN equals NaN */
			return memcmp(&a->real, &b->real, sizeof(a->real));
		case EDN_VECTOR:
			return compare_items(a, b);
		case EDN_SET:
		case EDN_MAP:
			return compare_unordered(a, b);
		default:
			c = compare_bytes(a->text, a->len, b->text, b->len);
			return c != 0 ? c : compare_items(a, b);	/* behind a tag */
	}
}

static int
compare_slots(const void *a, const void *b)
{
	const Edn  *x = **(const Slot *) a;
	const Edn  *y = **(const Slot *) b;
	int			c = compare_forms(x, y);

	CHECK_FOR_INTERRUPTS();
	return c != 0 ? c : x->pos - y->pos;
}

static Edn *
fail_duplicate(Reader *r, const Edn *form, const Edn *twice)
{
	char		what[64];

	snprintf(what, sizeof(what), "duplicate %s in %s",
			 datom_edn_kind_name(twice->kind), datom_edn_kind_name(form->kind));
	/* Names are shown, values are not. */
	return twice->kind == EDN_KEYWORD || twice->kind == EDN_SYMBOL ?
		invalid(r, what, twice) : fail(r, twice->pos, "22P02", what);
}

/*
 * Sorts the set's elements or the map's keys, and fails at the first one in
 * the source that is there already.
 */
static Edn *
check_unique(Reader *r, Edn *form)
{
	int			stride = form->kind == EDN_MAP ? 2 : 1;
	int			n = form->count / stride;
	Slot	   *order = r->alloc(n * sizeof(Slot));
	const Edn  *twice = NULL;
	int			i;

	for (i = 0; i < n; i++)
		order[i] = form->items + i * stride;
	qsort(order, n, sizeof(Slot), compare_slots);
	for (i = 1; i < n; i++)
	{
		if (compare_forms(*order[i - 1], *order[i]) == 0 &&
			(twice == NULL || (*order[i])->pos < twice->pos))
			twice = *order[i];
	}
	((Node *) form)->order = order;
	return twice == NULL ? form : fail_duplicate(r, form, twice);
}

/* ---- collections ---- */

static bool
push(Reader *r, Edn *item)
{
	if (r->used == EDN_MAX_ITEMS)
	{
		fail(r, item->pos, "54000", "EDN text has too many forms");
		return false;
	}
	if (r->used == r->room)
	{
		Edn		  **stack;

		r->room = r->room == 0 ? 64 : r->room * 2;
		stack = r->alloc(r->room * sizeof(Edn *));
		if (r->used > 0)
			memcpy(stack, r->stack, r->used * sizeof(Edn *));
		r->stack = stack;
	}
	r->stack[r->used++] = item;
	return true;
}

/* Moves the stack's items from base on into the form. */
static Edn *
pop_items(Reader *r, Edn *form, int base)
{
	form->count = r->used - base;
	r->used = base;
	if (form->count == 0)
		return form;
	form->items = r->alloc(form->count * sizeof(Edn *));
	memcpy(form->items, r->stack + base, form->count * sizeof(Edn *));
	return form;
}

/* Reads the form behind a tag or a discard, which counts as a level. */
static Edn *
read_behind(Reader *r, int pos)
{
	Edn		   *form = descend(r, pos) ? read_form(r) : NULL;

	r->depth--;
	return form;
}

/*
 * space = { blank | comment | discard }
 * comment = ";" all up to the line's end
 * discard = "#_" form
 *
 * False after an error.
 */
static bool
skip_space(Reader *r)
{
	for (;;)
	{
		r->at += strspn(r->at, EDN_BLANKS);
		if (*r->at == ';')
			r->at += strcspn(r->at, "\r\n");
		else if (r->at[0] == '#' && r->at[1] == '_')
		{
			r->at += 2;
			if (read_behind(r, position(r, r->at - 2)) == NULL)
				return false;
		}
		else
			return true;
	}
}

/* Reads { form } between the brackets. */
static Edn *
read_items(Reader *r, EdnKind kind, const char *open, char close)
{
	Edn		   *form = new_form(r, kind);
	int			base = r->used;
	Edn		   *item;

	if (!descend(r, form->pos))
		return NULL;
	r->at += strlen(open);
	for (;;)
	{
		if (!skip_space(r))
			return NULL;
		if (*r->at == '\0')
			return fail_naming(r, form->pos, "nothing closes", open,
							   (int) strlen(open));
		if (*r->at == close)
			break;
		item = read_form(r);
		if (item == NULL || !push(r, item))
			return NULL;
	}
	r->at++;
	r->depth--;
	return pop_items(r, form, base);
}

/*
 * set = "#{" { form } "}", no two of them equal
 * map = "{" { form form } "}", no two keys equal
 */
static Edn *
read_unique(Reader *r, EdnKind kind, const char *open)
{
	Edn		   *form = read_items(r, kind, open, '}');

	if (form == NULL || form->count == 0)
		return form;
	if (kind == EDN_MAP && form->count % 2 != 0)
		return fail(r, form->items[form->count - 1]->pos, "22P02",
					"last key of map has no value");
	return check_unique(r, form);
}

/* tagged = "#" symbol form, where the symbol begins with a letter */
static Edn *
read_tagged(Reader *r)
{
	Edn		   *form = new_token(r, EDN_TAGGED, 1, 0);
	int			base = r->used;
	Edn		   *item;

	if (!datom_edn_tag_valid(form->text, form->len))
		return invalid(r, "invalid tag", form);
	item = read_behind(r, form->pos);
	return item == NULL || !push(r, item) ? NULL : pop_items(r, form, base);
}

/*
 * form = space ( list | vector | set | map | tagged | string | char |
 *				  symbolic | token )
 * list = "(" { form } ")"
 * vector = "[" { form } "]"
 */
static Edn *
read_form(Reader *r)
{
	CHECK_FOR_INTERRUPTS();
	if (!skip_space(r))
		return NULL;
	switch (*r->at)
	{
		case '\0':
			return fail(r, position(r, r->at), "22P02", "unexpected end of EDN text");
		case '(':
			return read_items(r, EDN_LIST, "(", ')');
		case '[':
			return read_items(r, EDN_VECTOR, "[", ']');
		case '{':
			return read_unique(r, EDN_MAP, "{");
		case '"':
			return read_string(r);
		case '\\':
			return read_char(r);
		case '#':
			return r->at[1] == '{' ? read_unique(r, EDN_SET, "#{") :
				r->at[1] == '#' ? read_symbolic(r) : read_tagged(r);
		case ')':
		case ']':
		case '}':
			return fail_naming(r, position(r, r->at), "nothing opens", r->at, 1);
		default:
			return read_token(r);
	}
}

/* ---- entry points ---- */

Edn *
datom_edn_read(const char *src, size_t len, void *(*alloc) (size_t),
			   EdnError *err)
{
	Reader		r = {.mark_pos = 1, .alloc = alloc, .err = err};
	char	   *copy;
	Edn		   *form;

	if (len > EDN_MAX_BYTES)
		return fail(&r, 1, "54000", "EDN text is too long");
	copy = alloc(len + 1);
	memcpy(copy, src, len);
	copy[len] = '\0';
	r.at = r.mark = copy;
	if (!check_characters(&r, len))
		return NULL;
	form = read_form(&r);
	if (form == NULL || !skip_space(&r))
		return NULL;
	return *r.at == '\0' ? form :
		fail(&r, position(&r, r.at), "22P02", "EDN text has more than one form");
}

const char *
datom_edn_kind_name(EdnKind kind)
{
	static const char *const names[] = {
		"nil", "boolean", "integer", "big integer", "double", "decimal",
		"string", "character", "keyword", "symbol",
		"list", "vector", "set", "map", "tagged form"
	};

	return names[kind];
}

const Edn *
datom_edn_get(const Edn *map, const char *keyword)
{
	int			i;

	for (i = 0; i < map->count; i += 2)
	{
		const Edn  *key = map->items[i];

		if (key->kind == EDN_KEYWORD && strcmp(key->text, keyword) == 0)
			return map->items[i + 1];
	}
	return NULL;
}

#ifndef DATOM_STANDALONE

void
datom_edn_raise(const EdnError *err)
{
	const char *s = err->sqlstate;

	ereport(ERROR,
			(errcode(MAKE_SQLSTATE(s[0], s[1], s[2], s[3], s[4])),
			 errmsg_internal("%s", err->message),
			 datom_edn_at(err->pos, NULL)));
}

Edn *
datom_edn_parse(const char *src, size_t len)
{
	EdnError	err = {0};
	Edn		   *form = datom_edn_read(src, len, palloc, &err);

	if (form == NULL)
		datom_edn_raise(&err);
	return form;
}

static void print_form(StringInfo out, const Edn *form);

static void
print_items(StringInfo out, const char *open, const Edn *form, const char *close)
{
	appendStringInfoString(out, open);
	for (int i = 0; i < form->count; i++)
	{
		if (i > 0)
			appendStringInfoChar(out, ' ');
		print_form(out, form->items[i]);
	}
	appendStringInfoString(out, close);
}

static void
print_form(StringInfo out, const Edn *form)
{
	check_stack_depth();
	switch (form->kind)
	{
		case EDN_NIL:
			appendStringInfoString(out, "nil");
			break;
		case EDN_BOOL:
			appendStringInfoString(out, form->truth ? "true" : "false");
			break;
		case EDN_STRING:
			appendStringInfoString(out, datom_edn_quote(form->text, form->len));
			break;
		case EDN_CHAR:
			appendStringInfo(out, "\\u%04X", utf8_to_unicode((const unsigned char *) form->text));
			break;
		case EDN_BIGINT:
			appendStringInfo(out, "%sN", form->text);
			break;
		case EDN_DECIMAL:
			appendStringInfo(out, "%sM", form->text);
			break;
		case EDN_LIST:
			print_items(out, "(", form, ")");
			break;
		case EDN_VECTOR:
			print_items(out, "[", form, "]");
			break;
		case EDN_SET:
			print_items(out, "#{", form, "}");
			break;
		case EDN_MAP:
			print_items(out, "{", form, "}");
			break;
		case EDN_TAGGED:
			appendStringInfo(out, "#%s ", form->text);
			print_form(out, form->items[0]);
			break;
		default:
			appendStringInfoString(out, form->text);
			break;
	}
}

char *
datom_edn_text(const Edn *form)
{
	StringInfoData out;

	initStringInfo(&out);
	print_form(&out, form);
	return out.data;
}

const char *
datom_edn_clip(const char *text, int len)
{
	int			shown = pg_mbcliplen(text, len, EDN_MAX_NAME);

	return psprintf("%.*s%s", shown, text, shown < len ? "..." : "");
}

int
datom_edn_at(int pos, const char *detail)
{
	if (pos <= 0)
		return detail ? errdetail_internal("%s", detail) : 0;
	return detail ? errdetail("%s At character %d.", detail, pos) :
		errdetail("At character %d.", pos);
}

#endif							/* DATOM_STANDALONE */
