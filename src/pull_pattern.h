/*
 * Pull patterns: from EDN to a tree of what is asked of an entity.
 *
 * Compiles without the server when DATOM_STANDALONE is defined; what needs
 * palloc and ereport is then left out.
 */
#ifndef DATOM_PULL_PATTERN_H
#define DATOM_PULL_PATTERN_H

#include "edn.h"

#define DATOM_PULL_USUAL 0
#define DATOM_PULL_ALL (-1)

typedef struct DatomPullPattern DatomPullPattern;

/* One attribute that is asked for, or :db/id. */
typedef struct DatomPullSpec
{
	const char *ident;			/* the attribute's, with its colon */
	int			len;
	bool		is_id;
	bool		reverse;		/* those who refer by it */
	const char *key;			/* in the answer */
	int			key_len;
	int64		limit;			/* of values; DATOM_PULL_USUAL, DATOM_PULL_ALL */
	const Edn  *fallback;		/* where there is none; NULL: nothing */
	const DatomPullPattern *pattern;	/* of what refs point to; NULL: the usual */
	int64		depth;			/* the pattern recurs so often; 0: it does not;
								 * DATOM_PULL_ALL */
	int			pos;			/* in the source */
} DatomPullSpec;

/*
 * No two specs of one direction have the same key. They are sorted by idents:
 * forward ones, then reverse ones.
 */
struct DatomPullPattern
{
	bool		wildcard;
	int			nspecs;
	int			nforward;
	DatomPullSpec *specs;
};

/*
 * Reads a form as a pattern. Returns NULL and fills *err if it is none: "42601",
 * "0A000" for :xform, "54000" if it is too long. Memory comes from alloc, as
 * datom_edn_read()'s does. The pattern points into the form.
 */
extern const DatomPullPattern *datom_pull_pattern(const Edn *form, void *(*alloc) (size_t),
												  EdnError *err);

#ifndef DATOM_STANDALONE
/* Text as a pattern in the current memory context, raising what is wrong. */
extern const DatomPullPattern *datom_pull_pattern_parse(const char *src, size_t len);
#endif

#endif							/* DATOM_PULL_PATTERN_H */
