/*
 * What an attribute is: its type, cardinality and uniqueness, as a fold over
 * the datoms that say so. The log hands those datoms in; nothing here reads.
 */
#ifndef DATOM_SCHEMA_H
#define DATOM_SCHEMA_H

#include "datom.h"

/* The attributes that every datom table has, by number. */
typedef enum DatomBuiltin
{
	DB_IDENT,
	DB_VALUE_TYPE,
	DB_CARDINALITY,
	DB_UNIQUE,
	DB_INDEX,
	DB_IS_COMPONENT,
	DB_DOC,
	DB_TX_INSTANT,
	DB_BUILTINS
} DatomBuiltin;

typedef enum DatomUnique
{
	UNIQUE_NONE,
	UNIQUE_VALUE,
	UNIQUE_IDENTITY
} DatomUnique;

typedef struct DatomCardinality
{
	TimestampTz since;
	bool		many;
} DatomCardinality;

typedef struct DatomAttr
{
	const char *ident;			/* with its colon */
	int			len;
	int			builtin;		/* DatomBuiltin, or -1 */
	int64		e;				/* the attribute as an entity; 0 if built in */
	DatomKind	type;
	DatomUnique unique;
	bool		many;
	bool		indexed;
	bool		component;
	const char *doc;			/* may be NULL */
	TimestampTz since;			/* when it got its type */
	TimestampTz unique_since;	/* when it became unique, as it is */
	TimestampTz indexed_since;
	int			changes;		/* of cardinality, oldest first */
	DatomCardinality *cardinality;
} DatomAttr;

typedef struct DatomSchema DatomSchema;

/* Idents in this name space are the extension's own. */
#define DB_PREFIX ":db/"
#define DB_PREFIX_END ":db0"	/* the first text after all of them */

extern int	datom_schema_builtin(const char *ident, int len);
extern const char *datom_schema_builtin_ident(int builtin);
extern bool datom_schema_reserved(const char *ident, int len);

/*
 * The schema said by `rows` (of built-in attributes, aid = DatomBuiltin), as
 * of `at`; sorts the rows. Allocates in the current memory context and keeps
 * pointers to the rows' values.
 */
extern DatomSchema *datom_schema_build(Datom *rows, int n, TimestampTz at);

/* NULL where unknown. */
extern const DatomAttr *datom_schema_find(const DatomSchema *schema,
										  const char *ident, int len);
extern const DatomAttr *datom_schema_find_entity(const DatomSchema *schema,
												 int64 e);

/* All attributes, built-in ones first, then by ident. */
extern int	datom_schema_count(const DatomSchema *schema);
extern const DatomAttr *datom_schema_nth(const DatomSchema *schema, int i);

/* A DatomManyFn over a DatomAttr; an unknown attribute (NULL) is many. */
extern bool datom_schema_many(const void *attr, TimestampTz at);

/*
 * As datom_schema_find, but an error naming the attribute and the table, and
 * the character where the source has the attribute, if pos is above 0.
 */
extern const DatomAttr *datom_schema_need(const DatomSchema *schema,
										  const char *ident, int len,
										  const char *table, int pos);

extern const char *datom_unique_name(DatomUnique unique);

#endif
