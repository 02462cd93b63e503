/*
 * edn_fuzz.c: libFuzzer target for the EDN reader.
 *
 * Reads arbitrary bytes and aborts if the tree or the error that comes back
 * breaks a promise of edn.h.  Build and run:
 *
 *	clang -g -O1 -DDATOM_STANDALONE -fsanitize=fuzzer,address,undefined \
 *		-fno-sanitize-recover=undefined edn_fuzz.c edn.c edn_lex.c -o edn_fuzz
 *	./edn_fuzz -max_len=4096 -dict=edn.dict new corpus
 *
 * where "new" is a directory for what it finds.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "edn.h"

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PROMISE(x) \
	do { if (!(x)) { fprintf(stderr, "broken: %s\n", #x); abort(); } } while (0)

static int	characters;			/* in the source */
static const char *source;		/* the byte behind each position */
static size_t source_size;

/* Characters as the reader counts them: continuation bytes do not. */
static int
count_characters(const char *p, size_t size)
{
	int			n = 0;

	while (size-- > 0)
		n += ((unsigned char) *p++ & 0xC0) != 0x80;
	return n;
}

static const char *
byte_at(int pos)
{
	size_t		i;

	for (i = 0; i < source_size; i++)
	{
		if (((unsigned char) source[i] & 0xC0) != 0x80 && --pos == 0)
			return source + i;
	}
	return "";
}

static void
check_begin(const Edn *form)
{
	char		c = *byte_at(form->pos);

	switch (form->kind)
	{
		case EDN_STRING:
			PROMISE(c == '"');
			break;
		case EDN_CHAR:
			PROMISE(c == '\\');
			break;
		case EDN_LIST:
			PROMISE(c == '(');
			break;
		case EDN_VECTOR:
			PROMISE(c == '[');
			break;
		case EDN_MAP:
			PROMISE(c == '{');
			break;
		case EDN_SET:
		case EDN_TAGGED:
			PROMISE(c == '#');
			break;
		default:
			PROMISE(c == form->text[0]);
	}
}

static void
check_text(const Edn *form)
{
	const char *p = form->text;
	int			step;

	PROMISE(form->len >= 0 && (size_t) form->len <= source_size);
	PROMISE(strlen(form->text) == (size_t) form->len);
	for (; *p != '\0'; p += step)
	{
		step = datom_edn_utf8_length(p);
		PROMISE(step > 0);
	}
	PROMISE(p == form->text + form->len);
}

static void
check_number(const Edn *form)
{
	char		digits[32];
	char	   *end;

	if (form->kind == EDN_INT)
	{
		snprintf(digits, sizeof(digits), "%lld", (long long) form->integer);
		PROMISE(strcmp(digits, form->text + (*form->text == '+')) == 0 ||
				strcmp(form->text, "-0") == 0);
	}
	if (form->kind == EDN_DOUBLE && form->text[0] != '#')
	{
		double		real = strtod(form->text, &end);

		PROMISE(*end == '\0' && real == form->real);
	}
	if (form->kind == EDN_DECIMAL || form->kind == EDN_BIGINT)
		PROMISE(strspn(form->text, "+-.eE0123456789") == (size_t) form->len);
}

static void
check_count(const Edn *form)
{
	bool		holder = form->kind >= EDN_LIST;

	PROMISE(form->count >= 0 && (form->count == 0) == (form->items == NULL));
	PROMISE(holder || form->count == 0);
	PROMISE(form->kind != EDN_MAP || form->count % 2 == 0);
	PROMISE(form->kind != EDN_TAGGED || form->count == 1);
	PROMISE((form->text == NULL) == (holder && form->kind != EDN_TAGGED));
}

/* Forms come in the source's order, so that positions grow. */
static int
check_form(const Edn *form, int after, int depth)
{
	int			i;

	PROMISE(form->kind >= EDN_NIL && form->kind <= EDN_TAGGED);
	PROMISE(datom_edn_kind_name(form->kind)[0] != '\0');
	PROMISE(form->pos > after && form->pos <= characters);
	PROMISE(depth <= 1001);
	check_count(form);
	check_begin(form);
	if (form->text != NULL)
		check_text(form);
	check_number(form);
	if (form->kind == EDN_KEYWORD)
		PROMISE(datom_edn_keyword_valid(form->text, form->len));
	after = form->pos;
	for (i = 0; i < form->count; i++)
		after = check_form(form->items[i], after, depth + 1);
	return after;
}

/* Every keyword key must be found again, and with it its own value. */
static void
check_keys(const Edn *form)
{
	int			i;

	for (i = 0; i < form->count; i++)
	{
		const Edn  *item = form->items[i];

		if (form->kind == EDN_MAP && i % 2 == 0 && item->kind == EDN_KEYWORD)
			PROMISE(datom_edn_get(form, item->text) == form->items[i + 1]);
		check_keys(item);
	}
}

static void
check_error(const EdnError *err)
{
	const char *p = err->message;
	int			step;

	PROMISE(strcmp(err->sqlstate, "22P02") == 0 ||
			strcmp(err->sqlstate, "22021") == 0 ||
			strcmp(err->sqlstate, "54001") == 0);
	PROMISE(memchr(err->message, '\0', sizeof(err->message)) != NULL);
	PROMISE(err->message[0] != '\0');
	PROMISE(err->pos >= 1 && err->pos <= characters + 1);
	for (; *p != '\0'; p += step)
	{
		step = datom_edn_utf8_length(p);
		PROMISE(step > 0);
	}
}

/* Reads the text as the only element of a vector, which changes nothing. */
static void
check_wrapped(const Edn *form)
{
	char	   *text = arena_alloc(source_size + 4);
	EdnError	err;
	Edn		   *vector;

	text[0] = '[';
	memcpy(text + 1, source, source_size);
	memcpy(text + 1 + source_size, "\n]", 2);
	vector = datom_edn_read(text, source_size + 3, arena_alloc, &err);
	if (vector == NULL)
		PROMISE(strcmp(err.sqlstate, "54001") == 0);
	else
		PROMISE(vector->count == 1 && vector->items[0]->kind == form->kind &&
				vector->items[0]->pos == form->pos + 1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	EdnError	err;
	Edn		   *form;

	memset(&err, 0xA5, sizeof(err));
	source = (const char *) data;
	source_size = size;
	characters = count_characters(source, size);
	form = datom_edn_read(source, size, arena_alloc, &err);
	if (form == NULL)
		check_error(&err);
	else
	{
		check_form(form, 0, 1);
		check_keys(form);
		check_wrapped(form);
	}
	arena_free();
	return 0;
}
