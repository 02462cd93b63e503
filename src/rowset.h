/*
 * Rows of a datom table in memory, found by entity, by attribute and value, and
 * by being about attributes.
 */
#ifndef DATOM_ROWSET_H
#define DATOM_ROWSET_H

#include "compat.h"

#include "log.h"

typedef struct DatomRowSet DatomRowSet;

/* In a memory context of its own, below `parent`. */
extern DatomRowSet *datom_rowset_create(MemoryContext parent);
extern MemoryContext datom_rowset_context(const DatomRowSet *set);
extern Size datom_rowset_size(const DatomRowSet *set);
extern int	datom_rowset_count(const DatomRowSet *set);

/* Adds a copy, and who inserted it. After an error the set may only be thrown away. */
extern void datom_rowset_add(DatomRowSet *set, const DatomRow *row, TransactionId xmin);

/*
 * Walks through rows; places count from 0 in the order of adding. Rows that are
 * not meant may come as well.
 */
typedef struct DatomRowSetWalk
{
	const DatomRowSet *set;
	int			at;
	int			chain;			/* -1: all */
	int			last;			/* place of the row returned last */
} DatomRowSetWalk;

extern void datom_rowset_all(DatomRowSetWalk *walk, const DatomRowSet *set);
extern void datom_rowset_entity(DatomRowSetWalk *walk, const DatomRowSet *set, int64 e);
extern void datom_rowset_value(DatomRowSetWalk *walk, const DatomRowSet *set,
							   const char *a, int alen, const DatomValue *v);
extern void datom_rowset_schema(DatomRowSetWalk *walk, const DatomRowSet *set);
extern const DatomRow *datom_rowset_next(DatomRowSetWalk *walk);
extern TransactionId datom_rowset_xmin(const DatomRowSetWalk *walk);

#endif
