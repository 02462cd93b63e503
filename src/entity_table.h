/*
 * What a foreign table of the wrapper `datom` shows: columns of the entities of
 * a datom table.
 */
#ifndef DATOM_ENTITY_TABLE_H
#define DATOM_ENTITY_TABLE_H

#include "compat.h"
#include "utils/rel.h"

#include "schema.h"

typedef struct DatomEntityColumn
{
	AttrNumber	number;			/* in the foreign table */
	const char *name;
	const char *ident;			/* of its attribute; NULL: the entity itself */
	bool		many;			/* an array of all values */
	Oid			type;			/* of a value */
	int32		typmod;
	const char *identity;		/* NULL, or of a ref: the ident of the unique attribute
								 * of what it points to, which is shown instead */
} DatomEntityColumn;

typedef struct DatomEntityTable
{
	Oid			relid;			/* the foreign table; invalid: a call of datom.entities() */
	Oid			owner;			/* whose rights on db count */
	Oid			db;				/* the datom table */
	const char *namespace;		/* without a colon; may be NULL */
	const char *key;			/* ident of the attribute that makes an entity a row;
								 * NULL: that of any column */
	int			ncolumns;
	DatomEntityColumn *columns; /* without dropped ones */
} DatomEntityTable;

/* The wrapper's name, and that of the server that the extension makes. */
#define DATOM_WRAPPER "datom"

/* Is it a foreign table of the wrapper? */
extern bool datom_entity_table_is(Oid relid);

/*
 * As its options say, in the current memory context. An error if they are wrong,
 * and before the datom table is locked, if the owner may not read it.
 */
extern DatomEntityTable *datom_entity_table(Relation foreign);

/* The same without types, and whatever they are; for commands that may mend it. */
extern DatomEntityTable *datom_entity_table_unchecked(Relation foreign);

/*
 * Sets what a column shows by its own type; false if no values have that, or not
 * those of the attribute, which may be NULL.
 */
extern bool datom_entity_column_type(DatomEntityColumn *column, Oid type, int32 typmod,
									 const DatomAttr *attr);

/* The error about such a type; `table` is NULL for a call of datom.entities(). */
extern void datom_entity_refuse_type(const char *table, const char *column, Oid type,
									 const DatomAttr *attr);

/* The datom table that its options name; InvalidOid if there is none. */
extern Oid	datom_entity_table_db(Oid relid, bool missing_ok);

/* The error where a row must have its entity and there is no column for it. */
extern void datom_entity_refuse_nameless(const DatomEntityTable *table);

/* Which of its columns has that number; it has one. */
extern int	datom_entity_table_column(const DatomEntityTable *table, AttrNumber number);

/* The number of the column that is the entity; invalid: there is none. */
extern AttrNumber datom_entity_table_e(const DatomEntityTable *table);

/*
 * Refuses to show columns of which the attribute is not defined now, so that a query
 * over a table that was made anew does not find nothing and say nothing. Of the
 * columns that are needed; NULL: of all. `db` is open.
 */
extern void datom_entity_require_attributes(const DatomEntityTable *table, Relation db,
											const bool *needed);

/* Refuses what the table's owner may not do with the datom table, or RLS there. */
extern void datom_entity_require(const DatomEntityTable *table, AclMode mode);

#endif
