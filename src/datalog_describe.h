/*
 * What a query finds, takes and reads, told without asking it.
 */
#ifndef DATOM_DATALOG_DESCRIBE_H
#define DATOM_DATALOG_DESCRIBE_H

#include "compat.h"

typedef struct DatalogColumn
{
	const char *name;
	Oid			type;
} DatalogColumn;

/* An attribute of a datom table. */
typedef struct DatalogRead
{
	Oid			db;
	const char *attribute;		/* NULL: any */
} DatalogRead;

typedef struct DatalogNamed
{
	const char *name;			/* "$pur" */
	Oid			db;
} DatalogNamed;

typedef struct DatalogDescription
{
	int			ncolumns;
	DatalogColumn *columns;		/* of the result, by different names */
	int			nargs;
	DatalogColumn *args;		/* of :in, without sources, rules and blanks; without "?" */
	int			nsources;
	DatalogNamed *sources;		/* all that the query names, declared in :in or not */
	bool		rules;			/* :in has % */
	int			nreads;
	DatalogRead *reads;
} DatalogDescription;

/*
 * Describes the query in EDN; `rules` may be NULL. Sources go by their names, as
 * they do in datom.q(). An argument is of the type of what it is compared with
 * first, and text if nothing says; it is an array of that where the query takes a
 * collection, and jsonb where it takes a tuple or a relation, which is called by its
 * variables, joined by "_". Errors are those of q; one that takes a pull pattern as
 * an argument cannot be described.
 */
extern DatalogDescription *datom_datalog_describe(const char *edn, int len,
												  const char *rules, int rules_len);

#endif
