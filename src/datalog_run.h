/*
 * Queries that are run: their rows to whoever takes them.
 */
#ifndef DATOM_DATALOG_RUN_H
#define DATOM_DATALOG_RUN_H

#include "compat.h"
#include "tcop/dest.h"

#include "datalog_args.h"
#include "datalog_source.h"
#include "datalog_types.h"

/* A query that is asked. */
typedef struct DatalogAsked
{
	const DatalogQuery *query;
	DatalogArgs *args;
	DatalogSources sources;
	DatalogSql *sql;
} DatalogAsked;

/*
 * Compiles the query for its arguments; `sources` and `query` have been filled in.
 * Leaves `sql` NULL if an argument that is not known would have to be.
 */
extern void datom_datalog_prepare(DatalogAsked *asked, const DatalogGiven *given, int n,
								  const DatalogTarget *target);

/* Hands to `dest` the rows that the active snapshot shows. Nothing is written. */
extern void datom_datalog_run(const DatalogAsked *asked, DestReceiver *dest);

#endif
