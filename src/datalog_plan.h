/*
 * From the SQL of a query to what the server plans; and plans that are kept.
 */
#ifndef DATOM_DATALOG_PLAN_H
#define DATOM_DATALOG_PLAN_H

#include "compat.h"
#include "nodes/parsenodes.h"
#include "utils/plancache.h"

#include "datalog_types.h"

/* The SQL as a query tree, all of which is read on behalf of a role, if it is valid. */
extern Query *datom_datalog_analyze(const DatalogSql *sql, Oid behalf);

/*
 * A plan of the SQL, to be released with the current resource owner. What it
 * needs is kept in the backend.
 */
extern CachedPlan *datom_datalog_plan(const DatalogSql *sql, ParamListInfo params);

#endif
