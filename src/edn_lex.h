/*
 * edn_lex.h: the spelling of EDN's scalars.
 *
 * Text ends in a NUL unless its length or end is given.  Compiles without the
 * server when DATOM_STANDALONE is defined.
 */
#ifndef DATOM_EDN_LEX_H
#define DATOM_EDN_LEX_H

#ifdef DATOM_STANDALONE
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef int64_t int64;
#endif

/* Characters end numbers and names if they are among the delimiters. */
#define EDN_BLANKS		" ,\t\n\v\f\r"
#define EDN_DELIMITERS	EDN_BLANKS "()[]{}\";\\"

/* The length of the legal UTF-8 sequence at p, or 0. */
extern int	datom_edn_utf8_length(const char *p);

/* Writes a code point as UTF-8 and returns the bytes written, at most 4. */
extern int	datom_edn_utf8_encode(int code, char *to);

/*
 * The code point of the escape at p, behind its backslash, and its length
 * there; -1 if it is none.
 */
extern int	datom_edn_escape(const char *p, int *len);

/* The code point of a character's name, such as "newline", or -1. */
extern int	datom_edn_named_char(const char *name);

/* Is this the start of a number, or of an attempt at one, such as "-.5"? */
extern bool datom_edn_starts_number(const char *p, const char *end);

/* These return where what they skip ends: p itself if it is optional... */
extern const char *datom_edn_skip_sign(const char *p);
extern const char *datom_edn_skip_fraction(const char *p);

/* ...and NULL if there is no integer. */
extern const char *datom_edn_skip_integer(const char *p);

/* Is all of the text such a name?  Tags come without their "#". */
extern bool datom_edn_symbol_valid(const char *text, int len);
extern bool datom_edn_keyword_valid(const char *text, int len);
extern bool datom_edn_tag_valid(const char *text, int len);

#ifndef DATOM_STANDALONE
/* The text as an EDN string literal, palloc'd. */
extern char *datom_edn_quote(const char *text, int len);
#endif

#endif							/* DATOM_EDN_LEX_H */
