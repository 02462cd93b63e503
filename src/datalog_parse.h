/*
 * Datalog from EDN to trees. No catalogs and no schema.
 *
 * Compiles without the server when DATOM_STANDALONE is defined.
 */
#ifndef DATOM_DATALOG_PARSE_H
#define DATOM_DATALOG_PARSE_H

#include "datalog_tree.h"

/*
 * Each returns NULL and fills *err if the form is not one: 42601 if it is not as
 * the grammar says, 22023 if a number is out of range, 0A000 for what Datomic
 * has and we have not, 54000 if there is too much of something. What is returned
 * points into the form. As for alloc, see datom_edn_read().
 */
extern DatalogQuery *datom_datalog_parse(const Edn *form, void *(*alloc) (size_t),
										 EdnError *err);
extern DatalogRules *datom_datalog_parse_rules(const Edn *form, void *(*alloc) (size_t),
											   EdnError *err);
extern DatalogMessage *datom_datalog_parse_message(const Edn *form, void *(*alloc) (size_t),
												   EdnError *err);

#ifndef DATOM_STANDALONE
/* The same in the current memory context, from text, raising what is wrong. */
extern DatalogQuery *datom_datalog_read(const char *text, size_t len);
extern DatalogRules *datom_datalog_read_rules(const char *text, size_t len);
#endif

#endif							/* DATOM_DATALOG_PARSE_H */
