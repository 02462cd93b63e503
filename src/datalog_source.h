/*
 * Sources of a query: from what a caller gives or names to datom tables.
 */
#ifndef DATOM_DATALOG_SOURCE_H
#define DATOM_DATALOG_SOURCE_H

#include "compat.h"
#include "nodes/pg_list.h"

#include "datalog_types.h"
#include "datalog_given.h"
#include "instant.h"

/* What one call says of its sources, and which tables these were. */
typedef struct DatalogSources
{
	const DatalogGiven *named;	/* a map: what is meant by names; or NULL */
	DatomMoment as_of;			/* of those that say no moment */
	Oid			behalf;			/* whose rights count; see behalf.h */
	bool		by_name;		/* arguments too go by their names */
	List	   *tables;			/* Oids of those that were asked for */
} DatalogSources;

/* As moments are written in maps and messages; an error names whose it is. */
extern DatomMoment datom_datalog_moment(const DatalogGiven *given, const char *whose);

/* The source that an argument is, for the binding of this name. */
extern DatalogSource datom_datalog_source_of(DatalogSources *sources, const char *name,
											 const DatalogGiven *given);

/* The source of this name: a DatalogSourceFn over a DatalogSources. */
extern DatalogSource datom_datalog_source_named(void *sources, const char *name, int pos);

#endif
