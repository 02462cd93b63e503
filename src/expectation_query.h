/*
 * The queries by which an expectation is checked.
 */
#ifndef DATOM_EXPECTATION_QUERY_H
#define DATOM_EXPECTATION_QUERY_H

#include "compat.h"
#include "nodes/primnodes.h"
#include "utils/jsonb.h"

/* Rows that are shown of those that fail. */
#define EXPECTATION_EXAMPLES 5

typedef struct ExpectationFound
{
	int64		rows;
	int64		failures;
	Jsonb	   *examples;		/* an array of rows; NULL: none fails */
} ExpectationFound;

/*
 * An error, with its position in the predicate, unless that is one condition on
 * the columns of the relation. Nothing is executed.
 */
extern void datom_expectation_analyze(const RangeVar *relation, const char *predicate);

/* As the current user, with the active snapshot. `found` lives as the caller's memory. */
extern void datom_expectation_run(const RangeVar *relation, const char *predicate,
								  ExpectationFound *found);

#endif
