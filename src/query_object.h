/*
 * The view or the function that a saved query is.
 */
#ifndef DATOM_QUERY_OBJECT_H
#define DATOM_QUERY_OBJECT_H

#include "compat.h"
#include "catalog/objectaddress.h"

#include "query_text.h"

/* Where it is, or is to be. */
typedef struct QueryName
{
	Oid			schema;
	const char *schema_name;
	const char *name;
	const char *qualified;		/* both, quoted where need be */
} QueryName;

/*
 * What has this name: the function with this signature, or, if that is NULL, the
 * relation, which may be of any kind. InvalidObjectAddress: nothing.
 */
extern ObjectAddress datom_query_object(const QueryName *name, const char *signature);

/*
 * The same, locked until the transaction ends against whoever would rename, change or
 * drop it. Refuses who is not its owner.
 */
extern ObjectAddress datom_query_object_lock(const QueryName *name, const char *signature);

/*
 * Makes the query the view or the function of that name, as the caller, in place of
 * `old`, if that is valid: with its owner, grants, options and comments of columns,
 * unless one is a view and the other a function. What else has the name is an error.
 * `old` is locked.
 */
extern ObjectAddress datom_query_object_put(const QueryName *name, const QueryText *text,
											ObjectAddress old);

/* Drops it, which is locked; an error if something depends on it. */
extern void datom_query_object_drop(ObjectAddress object);

/* Refuses who is not its owner. */
extern void datom_query_object_require(ObjectAddress object);

#endif
