/*
 * pull_pattern.c: pull patterns, as Datomic writes them.
 *
 *	pattern	= [element+]
 *	element	= attr | "*" | {(attr (pattern | depth))+}
 *	attr	= :ns/name | :ns/_name
 *			| [attr option+] | [limit attr most] | [default attr value]
 *	option	= :as scalar | :limit most | :default value
 *	most	= number above 0 | nil
 *	depth	= number above 0 | ...
 *
 * Brackets are those of a vector or a list; *, ..., limit and default are symbols
 * or strings. Nothing is known here of what attributes there are. The EDN reader
 * bounds how deep all this nests.
 */
#ifdef DATOM_STANDALONE
#include <stdio.h>
#else
#include "postgres.h"
#endif

#include <stdlib.h>
#include <string.h>

#include "pull_pattern.h"

#define DB_ID ":db/id"
#define MOST_SHOWN 60			/* bytes of a name in a message */
#define MOST_SPECS 100000		/* of one pattern */

typedef struct Reader
{
	void	   *(*alloc) (size_t);
	EdnError   *err;
} Reader;

static const DatomPullPattern *read_pattern(Reader *r, const Edn *form);

/*
 * Failing: these return false, for callers to return in turn
 */

static bool
fail(Reader *r, int pos, const char *sqlstate, const char *message)
{
	r->err->sqlstate = sqlstate;
	r->err->pos = pos;
	snprintf(r->err->message, sizeof(r->err->message), "%s", message);
	return false;
}

/* "... expected in pull pattern, but found keyword ":xyz"" */
static bool
fail_expecting(Reader *r, const Edn *form, const char *what)
{
	char		message[sizeof(r->err->message)];
	bool		named = form->kind == EDN_KEYWORD || form->kind == EDN_SYMBOL;
	int			shown = named ? form->len : 0;

	if (shown > MOST_SHOWN)
		for (shown = MOST_SHOWN; ((unsigned char) form->text[shown] & 0xC0) == 0x80;)
			shown--;			/* not half a character */
	snprintf(message, sizeof(message), "%s expected in pull pattern, but found %s%s%.*s%s",
			 what, datom_edn_kind_name(form->kind), named ? " \"" : "", shown,
			 named ? form->text : "", !named ? "" : shown < form->len ? "...\"" : "\"");
	return fail(r, form->pos, "42601", message);
}

/*
 * Forms
 */

static bool
is_sequence(const Edn *form)
{
	return form->kind == EDN_VECTOR || form->kind == EDN_LIST;
}

/* A terminal may be a string where there are no symbols. */
static bool
is_word(const Edn *form, const char *word)
{
	return (form->kind == EDN_SYMBOL || form->kind == EDN_STRING) &&
		strcmp(form->text, word) == 0;
}

/* Behind the name space's slash, or the colon if there is none. */
static int
name_at(const Edn *keyword)
{
	const char *slash = strchr(keyword->text, '/');

	return slash ? (int) (slash - keyword->text) + 1 : 1;
}

/* :ns/name | :ns/_name */
static bool
read_name(Reader *r, const Edn *form, DatomPullSpec *spec)
{
	int			at = name_at(form);

	memset(spec, 0, sizeof(*spec));
	spec->ident = spec->key = form->text;
	spec->len = spec->key_len = form->len;
	spec->pos = form->pos;
	spec->reverse = form->text[at] == '_' && form->text[at + 1] != '\0';
	if (spec->reverse)
	{
		char	   *ident = r->alloc(form->len);

		memcpy(ident, form->text, at);
		memcpy(ident + at, form->text + at + 1, form->len - at);
		spec->ident = ident;
		spec->len = form->len - 1;
	}
	spec->is_id = strcmp(spec->ident, DB_ID) == 0;
	if (spec->is_id && spec->reverse)
		return fail_expecting(r, form, "an attribute");
	return true;
}

/*
 * Options
 */

static bool
read_limit(Reader *r, const Edn *form, DatomPullSpec *spec)
{
	if (form->kind == EDN_NIL)
		spec->limit = DATOM_PULL_ALL;
	else if (form->kind == EDN_INT && form->integer > 0)
		spec->limit = form->integer;
	else
		return fail_expecting(r, form, "a number above 0 or nil as limit");
	return true;
}

/* It becomes a key of JSON. */
static bool
read_as(Reader *r, const Edn *form, DatomPullSpec *spec)
{
	if (form->text == NULL || form->kind == EDN_TAGGED || form->kind == EDN_NIL)
		return fail_expecting(r, form, "a name behind :as");
	spec->key = form->text;
	spec->key_len = form->len;
	return true;
}

static bool
read_default(const Edn *form, DatomPullSpec *spec)
{
	spec->fallback = form->kind == EDN_NIL ? NULL : form;
	return true;
}

static bool
read_option(Reader *r, const Edn *name, const Edn *form, DatomPullSpec *spec)
{
	const char *option = name->kind == EDN_KEYWORD ? name->text : "";

	if (strcmp(option, ":as") == 0)
		return read_as(r, form, spec);
	if (strcmp(option, ":limit") == 0)
		return read_limit(r, form, spec);
	if (strcmp(option, ":default") == 0)
		return read_default(form, spec);
	if (strcmp(option, ":xform") == 0)
		return fail(r, name->pos, "0A000", "option \":xform\" of pull patterns is not supported");
	return fail_expecting(r, name, ":as, :limit or :default");
}

/*
 * Attributes
 */

static bool read_attr(Reader *r, const Edn *form, DatomPullSpec *spec);

/* [limit attr most] | [default attr value] */
static bool
read_legacy(Reader *r, const Edn *form, DatomPullSpec *spec)
{
	if (form->count != 3)
		return fail(r, form->pos, "42601",
					"limit and default take an attribute and a value in a pull pattern");
	if (!read_attr(r, form->items[1], spec))
		return false;
	return is_word(form->items[0], "limit") ? read_limit(r, form->items[2], spec) :
		read_default(form->items[2], spec);
}

/* [attr option+] */
static bool
read_with_options(Reader *r, const Edn *form, DatomPullSpec *spec)
{
	if (!read_attr(r, form->items[0], spec))
		return false;
	if (form->count < 2)
		return fail(r, form->pos, "42601",
					"an attribute in brackets must have options in a pull pattern");
	for (int i = 1; i < form->count; i += 2)
	{
		if (i + 1 == form->count)
			return fail(r, form->items[i]->pos, "42601",
						"last option of an attribute has no value in a pull pattern");
		if (!read_option(r, form->items[i], form->items[i + 1], spec))
			return false;
	}
	return true;
}

static bool
read_attr(Reader *r, const Edn *form, DatomPullSpec *spec)
{
	if (form->kind == EDN_KEYWORD)
		return read_name(r, form, spec);
	if (!is_sequence(form) || form->count == 0)
		return fail_expecting(r, form, "an attribute");
	if (is_word(form->items[0], "limit") || is_word(form->items[0], "default"))
		return read_legacy(r, form, spec);
	return read_with_options(r, form, spec);
}

/* attr (pattern | depth) */
static bool
read_entry(Reader *r, const Edn *key, const Edn *form, DatomPullSpec *spec)
{
	if (!read_attr(r, key, spec))
		return false;
	if (spec->is_id)
		return fail(r, spec->pos, "42601",
					"\":db/id\" is no attribute that refers to an entity");
	if (is_word(form, "..."))
		spec->depth = DATOM_PULL_ALL;
	else if (form->kind == EDN_INT && form->integer > 0)
		spec->depth = form->integer;
	else if (is_sequence(form))
		return (spec->pattern = read_pattern(r, form)) != NULL;
	else
		return fail_expecting(r, form, "a pattern, a number above 0 or ...");
	return true;
}

/*
 * Patterns
 */

static int
compare_text(const char *a, int alen, const char *b, int blen)
{
	int			order = memcmp(a, b, alen < blen ? alen : blen);

	return order != 0 ? order : alen - blen;
}

/* Of equal keys, in the order of the source. */
static int
by_key(const void *a, const void *b)
{
	const DatomPullSpec *x = a;
	const DatomPullSpec *y = b;
	int			order = (int) x->reverse - (int) y->reverse;

	if (order == 0)
		order = compare_text(x->key, x->key_len, y->key, y->key_len);
	return order != 0 ? order : x->pos - y->pos;
}

static int
by_ident(const void *a, const void *b)
{
	const DatomPullSpec *x = a;
	const DatomPullSpec *y = b;
	int			order = (int) x->reverse - (int) y->reverse;

	if (order == 0)
		order = compare_text(x->ident, x->len, y->ident, y->len);
	return order != 0 ? order : x->pos - y->pos;
}

/* Of specs with one key the last one counts. */
static void
arrange(DatomPullPattern *pattern)
{
	DatomPullSpec *specs = pattern->specs;
	int			kept = 0;

	qsort(specs, pattern->nspecs, sizeof(DatomPullSpec), by_key);
	for (int i = 0; i < pattern->nspecs; i++)
	{
		if (kept > 0 && specs[kept - 1].reverse == specs[i].reverse &&
			compare_text(specs[kept - 1].key, specs[kept - 1].key_len,
						 specs[i].key, specs[i].key_len) == 0)
			kept--;
		specs[kept++] = specs[i];
	}
	pattern->nspecs = kept;
	qsort(specs, kept, sizeof(DatomPullSpec), by_ident);
	while (pattern->nforward < kept && !specs[pattern->nforward].reverse)
		pattern->nforward++;
}

/* How many specs there may be at most. */
static int
room_for(const Edn *form)
{
	int			room = 1;

	for (int i = 0; i < form->count && room <= MOST_SPECS; i++)
		room += form->items[i]->kind == EDN_MAP ? form->items[i]->count / 2 : 1;
	return room;
}

static bool
read_element(Reader *r, const Edn *form, DatomPullPattern *pattern)
{
	if (is_word(form, "*"))
		return pattern->wildcard = true;
	if (form->kind != EDN_MAP)
	{
		if (form->kind != EDN_KEYWORD && !is_sequence(form))
			return fail_expecting(r, form, "an attribute, a map or *");
		return read_attr(r, form, &pattern->specs[pattern->nspecs++]);
	}
	if (form->count == 0)
		return fail(r, form->pos, "42601", "a map in a pull pattern must not be empty");
	for (int i = 0; i < form->count; i += 2)
		if (!read_entry(r, form->items[i], form->items[i + 1],
						&pattern->specs[pattern->nspecs++]))
			return false;
	return true;
}

static const DatomPullPattern *
read_pattern(Reader *r, const Edn *form)
{
	DatomPullPattern *pattern;
	int			room;

	if (!is_sequence(form) && !fail_expecting(r, form, "a vector"))
		return NULL;
	if (form->count == 0 && !fail(r, form->pos, "42601", "a pull pattern must not be empty"))
		return NULL;
	room = room_for(form);
	if (room > MOST_SPECS && !fail(r, form->pos, "54000", "a pull pattern has too many elements"))
		return NULL;
	pattern = r->alloc(sizeof(DatomPullPattern));
	memset(pattern, 0, sizeof(*pattern));
	pattern->specs = r->alloc(sizeof(DatomPullSpec) * room);
	for (int i = 0; i < form->count; i++)
		if (!read_element(r, form->items[i], pattern))
			return NULL;
	arrange(pattern);
	return pattern;
}

const DatomPullPattern *
datom_pull_pattern(const Edn *form, void *(*alloc) (size_t), EdnError *err)
{
	Reader		r = {.alloc = alloc, .err = err};

	return read_pattern(&r, form);
}

#ifndef DATOM_STANDALONE

const DatomPullPattern *
datom_pull_pattern_parse(const char *src, size_t len)
{
	EdnError	err = {0};
	const DatomPullPattern *pattern = datom_pull_pattern(datom_edn_parse(src, len), palloc, &err);

	if (pattern == NULL)
		datom_edn_raise(&err);
	return pattern;
}

#endif							/* DATOM_STANDALONE */
