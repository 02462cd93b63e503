/*
 * Rules.
 */
#ifndef DATOM_DATALOG_RULE_H
#define DATOM_DATALOG_RULE_H

#include "compat.h"

#include "datalog_scope.h"

/* Are those of its arguments bound that must be? */
extern bool datom_rule_is_ready(const DatalogScope *scope, const DatalogClause *clause);
extern void datom_datalog_rule(DatalogScope *scope, const DatalogClause *clause);

#endif
