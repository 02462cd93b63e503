/*
 * A word among few as an argument of a function, read once per call site.
 */
#ifndef DATOM_CHOICE_H
#define DATOM_CHOICE_H

#include "compat.h"

/*
 * Spellings are compared without regard to case, spaces, ( ) . _ and -, and
 * ACTUAL is ACT: `key` is what is left. An alias has no name. The last is {0}.
 */
typedef struct DatomWord
{
	const char *key;
	int			value;
	const char *name;
} DatomWord;

/* What was read last; zeros at first. */
typedef struct DatomChoice
{
	bool		known;
	int			value;
	int			len;
	char		bytes[32];
} DatomChoice;

/* 22023 if it is none of them; `what` is what the words are. */
extern int	datom_choice(DatomChoice *last, const text *given,
						 const DatomWord *words, const char *what);

#endif
