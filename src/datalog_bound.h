/*
 * Which variables clauses bind, before any of them is compiled.
 */
#ifndef DATOM_DATALOG_BOUND_H
#define DATOM_DATALOG_BOUND_H

#include "compat.h"
#include "nodes/pg_list.h"

#include "datalog_parse.h"

/* Lists of names. */
extern bool datom_names_have(List *names, const char *name);
extern List *datom_names_add(List *names, const char *name);

/* The variables of a clause that whoever is around it sees. */
extern List *datom_clause_names(List *names, const DatalogClause *clause);

/* Those that are bound when all clauses are done that can be, `given` among them. */
extern List *datom_clauses_bind(const DatalogRules *rules, int n,
								DatalogClause *const *clauses, List *given);

/* Do all branches of an or bind all its variables, if those that are given are bound? */
extern bool datom_or_binds(const DatalogRules *rules, const DatalogClause *clause, List *given);

/* The same of a rule's arguments. */
extern bool datom_rule_binds(const DatalogRules *rules, const char *name, int n,
							 const bool *given);

/* Must an argument of the rule be given, whichever others are not? */
extern bool datom_rule_needs(const DatalogRules *rules, const char *name, int arg);

/* The rules of that name: its bodies. */
extern List *datom_rule_bodies(const DatalogRules *rules, const char *name);

/* Does the rule call itself, perhaps through others? */
extern bool datom_rule_is_recursive(const DatalogRules *rules, const char *name);

/* Does it come to that other one? */
extern bool datom_rule_calls(const DatalogRules *rules, const char *name, const char *other);

#endif
