/*
 * Data patterns: [e a v tx op] as scans of datom tables.
 */
#ifndef DATOM_DATALOG_PATTERN_H
#define DATOM_DATALOG_PATTERN_H

#include "compat.h"

#include "datalog_scope.h"

extern void datom_datalog_pattern(DatalogScope *scope, const DatalogClause *clause);

/*
 * The value of an attribute of cardinality one of an entity, or null: in a scan of
 * that entity if the scope has one, else by a subquery.
 */
extern SqlExpr *datom_datalog_optional(DatalogScope *scope, DatalogTable *table,
									   const DatalogTerm *e, const DatomAttr *attr);

/* Is there a fact of the attribute, of the entity? */
extern SqlExpr *datom_datalog_has(DatalogScope *scope, DatalogTable *table,
								  const DatalogTerm *e, const DatomAttr *attr);

/* The attribute that the term names. */
extern const DatomAttr *datom_datalog_attribute(DatalogTable *table, const DatalogTerm *term);

#endif
