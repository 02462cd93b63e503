/*
 * Values of facts as values of columns.
 */
#ifndef DATOM_SQL_VALUE_H
#define DATOM_SQL_VALUE_H

#include "compat.h"

#include "schema.h"
#include "value.h"

/* The type of a column for values of a kind. */
extern Oid	datom_sql_type(DatomKind kind);

/* Is it the type of a column for values of some kind? */
extern bool datom_sql_is_type(Oid type);

/*
 * The value as one of the type, palloc'd if need be. An error that names the
 * attribute if it is of a kind that the type cannot show. A typmod of numeric is applied.
 */
extern Datum datom_sql_from_value(const DatomValue *v, Oid type, int32 typmod,
								  const char *ident);

/* A value of the kind that belongs to the type; text is a string. */
extern DatomValue *datom_sql_make_value(Datum value, Oid type);

/* The value as one of the attribute's, to compare with these; NULL: it is none. */
extern DatomValue *datom_sql_operand(Datum value, Oid type, const DatomAttr *attr);

/* The value as one of the attribute's; an error if the attribute cannot have it. */
extern DatomValue *datom_sql_to_value(Datum value, Oid type, const DatomAttr *attr);

#endif
