/*
 * Rows as a set.
 */
#ifndef DATOM_DATALOG_SET_H
#define DATOM_DATALOG_SET_H

#include "compat.h"

#include "datalog_sql.h"

/*
 * Can no two rows of the SELECT agree in all of these expressions, of its own
 * items? False if that is not known.
 */
extern bool datom_sql_is_set(const SqlSelect *select, List *exprs);

#endif
