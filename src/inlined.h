/*
 * Functions in SQL whose bodies the planner hook has to see.
 */
#ifndef DATOM_INLINED_H
#define DATOM_INLINED_H

#include "compat.h"
#include "nodes/parsenodes.h"
#include "nodes/pathnodes.h"

/*
 * The query that stands for the entry of FROM if it is a call of one function in SQL
 * that the server would inline; NULL if it would not, or if the body cannot have
 * what it is looked through for. What it depends on is noted in the root.
 */
extern Query *datom_inlined(PlannerInfo *root, RangeTblEntry *rte, const char *mention);

/* Puts a query into FROM in place of the function. */
extern void datom_inlined_put(RangeTblEntry *rte, Query *query);

#endif
