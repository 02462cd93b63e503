/*
 * What a query gives: the elements of :find over the set of its rows.
 */
#ifndef DATOM_DATALOG_FIND_H
#define DATOM_DATALOG_FIND_H

#include "compat.h"

#include "datalog_scope.h"

/*
 * The SELECT of a query whose clauses are compiled, and its results, as many as
 * the elements.
 */
extern SqlSelect *datom_datalog_find(DatalogScope *scope, const DatalogQuery *query,
									 const DatalogTarget *target, DatalogResult **results);

#endif
