/*
 * Clauses of Datalog and rules, from forms. A form that is none fails.
 *
 * Compiles without the server when DATOM_STANDALONE is defined.
 */
#ifndef DATOM_DATALOG_WHERE_H
#define DATOM_DATALOG_WHERE_H

#include "datalog_form.h"

/* As many as there are forms. */
extern DatalogClause **datom_datalog_where(DatalogParser *p, DatalogForms forms);

extern DatalogRules *datom_datalog_rules(DatalogParser *p, const Edn *form);

#endif							/* DATOM_DATALOG_WHERE_H */
