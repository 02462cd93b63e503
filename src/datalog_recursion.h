/*
 * Rules that call themselves.
 */
#ifndef DATOM_DATALOG_RECURSION_H
#define DATOM_DATALOG_RECURSION_H

#include "compat.h"

#include "datalog_scope.h"

/*
 * A call of a rule that is being compiled: its rows are those found so far. False
 * if it is not being compiled. args are those that are bound, or NULL.
 */
extern bool datom_recursion_refer(DatalogScope *scope, const DatalogClause *clause,
								  SqlExpr **args);

/* A call of any other that comes back to itself; bodies are its rules. */
extern void datom_datalog_recursion(DatalogScope *scope, const DatalogClause *clause,
									List *bodies, SqlExpr **args, const char *source);

#endif
