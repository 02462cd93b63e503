/*
 * Groups of rows with equal keys.
 */
#ifndef DATOM_ENTITY_GROUPS_H
#define DATOM_ENTITY_GROUPS_H

#include "compat.h"

#include "entity_selected.h"

typedef struct DatomGroupKey
{
	int			column;			/* of the table's columns */
	Oid			type;			/* of the column in SQL */
	Oid			equal;			/* the operator, which hashes */
	Oid			collation;
} DatomGroupKey;

typedef struct DatomGroups DatomGroups;

/* In the current memory context. */
extern DatomGroups *datom_groups_create(const DatomGroupKey *keys, int nkeys);

/* The group of each selected row; groups are numbered as they come, from 0. */
extern const uint32 *datom_groups_of(DatomGroups *groups, const DatomSelection *batch);
extern uint32 datom_groups_count(const DatomGroups *groups);

/* A key of the first row of a group. */
extern Datum datom_groups_key(const DatomGroups *groups, uint32 group, int key, bool *isnull);

/* About how much memory a group takes, keys that are no plain words apart. */
extern Size datom_groups_size(int nkeys);

#endif
