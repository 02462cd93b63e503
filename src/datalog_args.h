/*
 * Arguments of a query: what each binding of :in gets, and what the SQL is handed.
 */
#ifndef DATOM_DATALOG_ARGS_H
#define DATOM_DATALOG_ARGS_H

#include "compat.h"

#include "datalog_types.h"
#include "datalog_given.h"
#include "datalog_source.h"

/* What was given for one binding. */
typedef struct DatalogArg
{
	int			argument;		/* which it was, from 0; -1: none, it goes by its name */
	bool		unknown;		/* but for its type */
	int			nrows;
	const DatalogGiven **cells; /* nrows times as many as the binding has terms */
	const DatalogSource **entities; /* of each term: where idents and lookup refs are
									 * looked up; NULL: it has none */
} DatalogArg;

typedef struct DatalogArgs
{
	const DatalogQuery *query;
	DatalogInput *inputs;		/* for the compiler */
	DatalogArg *args;

	bool		by_name;		/* so the caller gave them */

	/* An argument whose value is unknown would have to be known. */
	bool		undecided;
} DatalogArgs;

/*
 * Puts arguments to the bindings of the query. With as many as it has bindings
 * that are no sources, sources go by their names. Raises what is wrong with them.
 */
extern DatalogArgs *datom_datalog_args(const DatalogQuery *query, const DatalogGiven *given,
									   int n, DatalogSources *sources);

/*
 * The same where none is known but rules, which may be NULL: each is text, in the
 * shape that its binding has.
 */
extern DatalogArgs *datom_datalog_args_unknown(const DatalogQuery *query,
											   const DatalogGiven *rules,
											   DatalogSources *sources);

/*
 * What an argument goes by where arguments go by their names: "?name" and "[?x ...]"
 * by the variable, a tuple and a relation by theirs, joined by "_", others as they
 * are written.
 */
extern const char *datom_datalog_called(const DatalogBinding *binding);

/* Of an argument, for a message: argument 2, "?name", or argument "?name" */
extern const char *datom_datalog_name(const DatalogArgs *args, int input);

/* Raises an error unless it is one value, or many of them. */
extern void datom_datalog_check(const char *argument, const DatalogGiven *given, bool many);

/* Is it an entity by its name, which is another one at another time? */
extern bool datom_datalog_is_looked_up(const DatalogArgs *args, const DatalogParam *param);

/* What is to be handed over for a parameter of the SQL. */
extern Datum datom_datalog_param(const DatalogArgs *args, const DatalogParam *param,
								 bool *isnull);

#endif
