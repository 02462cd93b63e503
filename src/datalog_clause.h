/*
 * Clauses of a query, a rule or a branch, in an order in which they can be compiled.
 */
#ifndef DATOM_DATALOG_CLAUSE_H
#define DATOM_DATALOG_CLAUSE_H

#include "compat.h"

#include "datalog_scope.h"

extern void datom_datalog_clauses(DatalogScope *scope, int n, DatalogClause *const *clauses);

#endif
