/*
 * Predicates and functions.
 */
#ifndef DATOM_DATALOG_CALL_H
#define DATOM_DATALOG_CALL_H

#include "compat.h"

#include "datalog_scope.h"

/* [(f args)], [(f args) binding]: its arguments must be bound. */
extern void datom_datalog_predicate(DatalogScope *scope, const DatalogClause *clause);
extern void datom_datalog_function(DatalogScope *scope, const DatalogClause *clause);

/*
 * Binds what is bound by a binding to columns, one for each of its terms; a scalar's
 * and a tuple's are expressions of one row.
 */
extern void datom_datalog_destructure(DatalogScope *scope, const DatalogBinding *binding,
									  SqlExpr **columns);

#endif
