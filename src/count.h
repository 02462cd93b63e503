/*
 * About how many facts there are, for the planner: as the directories of orders say.
 */
#ifndef DATOM_COUNT_H
#define DATOM_COUNT_H

#include "compat.h"
#include "utils/rel.h"

#include "order.h"
#include "schema.h"
#include "value.h"

/* The order that finds entities by values of the attribute; invalid: none holds all. */
extern Oid	datom_order_of_values(Relation rel, const DatomAttr *attr);

/* How many facts of the attribute have not ended, in AEVT. */
extern double datom_count_attr(DatomOrder *order, const char *ident);

/*
 * How many entities have a value of the attribute now; v is NULL where nobody
 * knows yet which.
 */
extern double datom_count_value(Relation rel, const DatomAttr *attr, const DatomValue *v);

/*
 * How many values there are among so many facts of an attribute, of which each entity
 * has one; 0: no order tells.
 */
extern double datom_count_distinct(Relation rel, const DatomAttr *attr, double facts);

#endif
