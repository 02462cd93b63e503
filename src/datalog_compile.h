/*
 * From a query and what its arguments are to SQL.
 */
#ifndef DATOM_DATALOG_COMPILE_H
#define DATOM_DATALOG_COMPILE_H

#include "datalog_types.h"

/*
 * The SQL of a query. `inputs` are as many as its bindings of :in. A source that
 * is not among them is asked of `source`. Reads the schema of the datom tables,
 * after asking whether the caller may read these. With a target the columns are
 * cast to its types, an error if they are not as many.
 */
extern DatalogSql *datom_datalog_compile(const DatalogQuery *query,
										 const DatalogInput *inputs,
										 DatalogSourceFn source, void *arg,
										 const DatalogTarget *target);

#endif
