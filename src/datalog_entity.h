/*
 * Entities that arguments name, by an ident or a lookup ref, instead of by number.
 */
#ifndef DATOM_DATALOG_ENTITY_H
#define DATOM_DATALOG_ENTITY_H

#include "compat.h"

#include "datalog_given.h"
#include "datalog_source.h"

/* [attribute value], as JSON and EDN write one. */
extern bool datom_datalog_is_lookup_ref(const DatalogGiven *given);

/* A lookup ref, a keyword, or text that can be one. */
extern bool datom_datalog_names_entity(const DatalogGiven *given);

/*
 * The source of which a variable of :in is an entity: that of the first clause
 * that says so, in rules too, or of a pull. NULL: nothing says so.
 */
extern const DatalogSource *datom_datalog_entity_source(const DatalogQuery *query,
														const DatalogInput *inputs,
														DatalogSources *sources,
														const char *name);

/*
 * The entity that is named so in a source, at its moment; 0, of which nothing is
 * ever said, if there is none. Since a moment, and in a history, it is that of the
 * moment in force.
 */
extern int64 datom_datalog_entity(const DatalogSource *source, const DatalogGiven *given);

#endif
