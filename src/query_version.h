/*
 * Versions of saved queries, from and to the catalogue.
 */
#ifndef DATOM_QUERY_VERSION_H
#define DATOM_QUERY_VERSION_H

#include "compat.h"
#include "nodes/pg_list.h"

/* What is said about a version. */
typedef struct QueryVersion
{
	int64		e;
	int64		number;
	int64		restores;		/* the version that this one repeats; 0: none */
	bool		dropped;
	const char *name;			/* qualified */
	const char *language;
	const char *query;
	const char *arguments;		/* NULL: it is a view */
	const char *rules;
	const char *doc;
	const char *owner;
	const char *stability;
	const char *signature;		/* of the function; NULL: it is a view */
	const char *search_path;
	const char *db;				/* datom.db */
	List	   *tags;
	List	   *inputs;
} QueryVersion;

/* All of a name, oldest first, as of just now, whatever moment is in force. */
extern List *datom_query_versions(const char *name);

/* The last of them, or NULL; and whether it is one that was not dropped. */
extern const QueryVersion *datom_query_newest(const List *versions);
extern bool datom_query_is_there(const QueryVersion *version);

/* Says a new version, or that this one was dropped. */
extern void datom_query_write(const QueryVersion *version);
extern void datom_query_write_dropped(const QueryVersion *version);

#endif
