/*
 * Clauses that say the same of other variables.
 */
#ifndef DATOM_DATALOG_CLOSURE_H
#define DATOM_DATALOG_CLOSURE_H

#include "compat.h"
#include "nodes/pg_list.h"

#include "datalog_tree.h"

/*
 * Do the clauses, without that one, say of variables what the others say of those
 * that stand in their places? from and to are names, side by side, of which that
 * is asked.
 */
extern bool datom_clauses_alike(int n, DatalogClause *const *clauses,
								const DatalogClause *without, int nothers,
								DatalogClause *const *others, List *from, List *to);

#endif
