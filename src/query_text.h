/*
 * The text of a saved query, read: SQL or EDN to one SELECT.
 */
#ifndef DATOM_QUERY_TEXT_H
#define DATOM_QUERY_TEXT_H

#include "compat.h"
#include "nodes/parsenodes.h"

typedef struct QueryText
{
	const char *language;		/* "sql" or "edn" */
	const char *source;			/* what positions in the tree refer to */
	SelectStmt *select;			/* not analyzed */
	bool		is_function;	/* it takes arguments, be they none */
	List	   *arguments;		/* FunctionParameter */
	oidvector  *types;			/* of the arguments */
	List	   *columns;		/* ColumnDef, of the result */
	List	   *inputs;			/* names of what it reads, in order */
} QueryText;

/*
 * Reads and analyzes it as the caller. `arguments`, as in CREATE FUNCTION, and
 * `rules`, in EDN, may be NULL. `name` is what arguments can be qualified with.
 */
extern QueryText *datom_query_text(const char *name, const char *query,
								   const char *arguments, const char *rules);

#endif
