/*
 * Pull patterns with what the schema knows of their attributes.
 */
#ifndef DATOM_PULL_PLAN_H
#define DATOM_PULL_PLAN_H

#include "compat.h"
#include "utils/jsonb.h"

#include "facts.h"
#include "pull_pattern.h"

typedef struct DatomPullPlan DatomPullPlan;

/* One attribute that is asked for, or a reverse one, or :db/id. */
typedef struct DatomPullAttr
{
	const DatomPullSpec *spec;	/* NULL: a wildcard asks for it */
	const DatomAttr *attr;		/* NULL: not defined, or not needed */
	JsonbValue	key;
	uint32		rank;			/* of the key among all of the plan, as jsonb sorts them */
	bool		many;			/* an array even of one */
	int64		limit;
	JsonbValue *fallback;		/* NULL: none */
	const DatomPullPlan *sub;	/* of what is referred to; NULL: it is no ref */
	int64		depth;			/* of recursion: 0, or as in a spec */
	int			counter;		/* equal recursive specs count together */
	bool		expands;		/* what was met on the path is not entered again */
} DatomPullAttr;

/* What is asked for of one attribute's facts. */
typedef struct DatomPullColumn
{
	const char *ident;
	int			len;
	int			nattrs;
	DatomPullAttr *attrs;
} DatomPullColumn;

struct DatomPullPlan
{
	int			ncolumns;
	DatomPullColumn *columns;	/* by ident */
	int			nfallbacks;		/* columns of which the absence has a say */
	int		   *fallbacks;
	int			nids;
	DatomPullAttr *ids;			/* each :db/id */
	int			nreverse;
	DatomPullAttr *reverse;
	bool		is_id;			/* {:db/id e} is all that it asks for */
	bool		is_pure;		/* the answer depends on nothing but the entity */
	bool		repeats;		/* some keys are equal; then the last of them counts */
};

/*
 * The plan of a pattern as of a moment that the reader reads, in the current
 * context. It points to the pattern and to the schema. 42804 if something is to be
 * followed that is not a ref.
 */
extern const DatomPullPlan *datom_pull_plan(DatomReader *reader, TimestampTz at,
											const DatomPullPattern *pattern);

/* The column of an attribute, looked for first at *hint, which is moved; -1: none. */
extern int	datom_pull_column(const DatomPullPlan *plan, const char *ident, int len,
							  int *hint);

/* {":db/id": e} */
extern void datom_pull_id(int64 e, JsonbValue *out);

#endif
