/*
 * What a saved query reads, by name.
 */
#ifndef DATOM_QUERY_INPUTS_H
#define DATOM_QUERY_INPUTS_H

#include "compat.h"
#include "nodes/parsenodes.h"

#include "datalog_describe.h"

/*
 * Sorted names, each once: of relations, functions that return rows, and attributes
 * behind the name of their datom table. Views and functions in SQL are looked into.
 */
extern List *datom_query_inputs(Query *query);
extern List *datom_query_inputs_described(const DatalogDescription *description);

/* The same of what a saved query is now: a view, or else a function. */
extern List *datom_query_inputs_of(Oid view, Oid function);

/* The relation's name with its schema, quoted where need be. */
extern char *datom_query_relation_name(Oid relid);

#endif
