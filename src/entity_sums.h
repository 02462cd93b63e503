/*
 * Aggregates over rows of entities, batch by batch: what Postgres's own would give.
 */
#ifndef DATOM_ENTITY_SUMS_H
#define DATOM_ENTITY_SUMS_H

#include "compat.h"

#include "entity_selected.h"

typedef enum DatomSumKind
{
	SUM_ROWS,					/* count(*) */
	SUM_COUNT,					/* of values that are not null */
	SUM_SUM,
	SUM_AVG,
	SUM_MIN,
	SUM_MAX
} DatomSumKind;

typedef struct DatomSum
{
	DatomSumKind kind;
	int			column;			/* of the table's columns; none for SUM_ROWS */
	Oid			type;			/* of the column in SQL */
	int32		typmod;
	Oid			collation;		/* of min and max */
	Oid			better;			/* of min and max: the transition function */
} DatomSum;

typedef struct DatomSums DatomSums;

/* Are values of the type summed? Counted they are, whatever it is. */
extern bool datom_sums_type(Oid type);

/* In the current memory context. */
extern DatomSums *datom_sums_create(const DatomSum *list, int n);

/*
 * Adds the selected rows of a batch to their groups, of which there are now
 * ngroups; groups is NULL if all rows are of group 0.
 */
extern void datom_sums_add(DatomSums *sums, const DatomSelection *batch,
						   const uint32 *groups, uint32 ngroups);

/* What came out for a group, in the current memory context. */
extern Datum datom_sums_result(DatomSums *sums, uint32 group, int i, bool *isnull);

/* About how much memory a group takes. */
extern Size datom_sums_size(int n);

#endif
