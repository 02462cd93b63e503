/*
 * edn.h: the EDN reader's forms and entry points.
 *
 * Compiles without the server when DATOM_STANDALONE is defined; what needs
 * palloc and ereport is then left out.
 */
#ifndef DATOM_EDN_H
#define DATOM_EDN_H

#include "edn_lex.h"

typedef enum EdnKind
{
	EDN_NIL,
	EDN_BOOL,
	EDN_INT,					/* fits int64 */
	EDN_BIGINT,					/* suffix N, or too big for int64 */
	EDN_DOUBLE,
	EDN_DECIMAL,				/* suffix M */
	EDN_STRING,
	EDN_CHAR,
	EDN_KEYWORD,
	EDN_SYMBOL,
	EDN_LIST,
	EDN_VECTOR,
	EDN_SET,
	EDN_MAP,
	EDN_TAGGED
} EdnKind;

typedef struct Edn
{
	EdnKind		kind;
	int			pos;			/* where the form begins: 1-based, counted in
								 * characters as errposition() counts */

	/*
	 * Scalars and tags: the decoded text, NUL-terminated.  A string's
	 * content; a keyword with its colon; a number's source digits without the
	 * suffix N or M; a tag without its '#'.  NULL for collections.
	 */
	const char *text;
	int			len;			/* bytes in text */
	int			count;			/* number of items; in a map twice the pairs */
	int64		integer;		/* EDN_INT */
	double		real;			/* EDN_DOUBLE; infinite if out of range */

	/*
	 * The elements of a list, vector or set; key, value, key, value... of a
	 * map, in source order; the one form behind a tag.
	 */
	struct Edn **items;
	bool		truth;			/* EDN_BOOL */
} Edn;

typedef struct EdnError
{
	/*
	 * "22P02" syntax, "22021" bad UTF-8 or NUL, "54001" nested too deeply,
	 * "54000" too big
	 */
	const char *sqlstate;
	char		message[160];
	int			pos;
} EdnError;

/*
 * Reads exactly one form; only blanks, comments and discarded forms may
 * surround it.  Returns NULL and fills *err if that fails.  All memory comes
 * from alloc, which must not return NULL; nothing is freed, so alloc should
 * serve a context or an arena.
 */
extern Edn *datom_edn_read(const char *src, size_t len,
						   void *(*alloc) (size_t), EdnError *err);

/* The kind's name in messages: "string", "vector"... */
extern const char *datom_edn_kind_name(EdnKind kind);

/*
 * The value of a keyword key (given with its colon) in a map, or NULL if the
 * map has no such key.  Looks at the keys one by one.
 */
extern const Edn *datom_edn_get(const Edn *map, const char *keyword);

#ifndef DATOM_STANDALONE
/* The error, raised. */
extern void datom_edn_raise(const EdnError *err) pg_attribute_noreturn();

/* datom_edn_read in the current memory context, raising what is wrong. */
extern Edn *datom_edn_parse(const char *src, size_t len);

/* The form as text that reads as the same form. */
extern char *datom_edn_text(const Edn *form);

/* A name, for a message: its first 255 bytes, since a text may be of any size. */
#define EDN_MAX_NAME 255
extern const char *datom_edn_clip(const char *text, int len);

/*
 * Inside ereport(): the detail, which may be NULL, and then "At character N."
 * if the position is known, which is above 0.
 */
extern int	datom_edn_at(int pos, const char *detail);
#endif

#endif							/* DATOM_EDN_H */
