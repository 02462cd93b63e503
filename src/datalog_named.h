/*
 * Arguments of a query by their names, in pairs: '$', table, '?name', value, ...
 */
#ifndef DATOM_DATALOG_NAMED_H
#define DATOM_DATALOG_NAMED_H

#include "compat.h"

#include "datalog_args.h"

typedef struct DatalogPairs
{
	int			n;				/* arguments of :in, without sources, in their order */
	DatalogGiven *given;
	int		   *from;			/* which of the pairs it was, from 0; -1: a blank */
	bool		undecided;		/* a source, the rules or a pattern is not known yet */
} DatalogPairs;

/*
 * Sorts `n` names and values by the bindings of the query. A source may be one that
 * :in does not declare, or may be left out; all that are given go into `sources`.
 * Raises what is wrong with the names.
 */
extern DatalogPairs datom_datalog_pairs(const DatalogQuery *query, const DatalogGiven *given,
										int n, DatalogSources *sources);

#endif
