/*
 * Calls of datom.entities(): entities of a datom table as rows of columns that
 * the query names, without a foreign table.
 */
#ifndef DATOM_ENTITY_CALL_H
#define DATOM_ENTITY_CALL_H

#include "compat.h"
#include "access/tupdesc.h"
#include "nodes/parsenodes.h"
#include "utils/array.h"

#include "entity_table.h"

typedef struct DatomEntityCall
{
	Oid			function;
	Oid			db;
	ArrayType  *attributes;
	Expr	   *moment;			/* NULL: that in force */
} DatomEntityCall;

/*
 * Is the function in FROM such a call, of a table and attributes that are known
 * when the query is planned, and as of one moment for the whole query?
 */
extern bool datom_entity_call(const RangeTblFunction *function, DatomEntityCall *call);

/* Reads one that was. A function in its moment may have turned volatile since. */
extern bool datom_entity_call_read(const RangeTblFunction *function, DatomEntityCall *call);

/* The columns that the query defines. */
extern TupleDesc datom_entity_call_desc(const RangeTblFunction *function);

/*
 * What a call shows whose rows are described so: the entity, then each of the
 * attributes. In the current memory context, with the rights of `reader`, which have
 * been asked for. If the columns cannot be those of the attributes, an
 * error; NULL if `missing_ok`. A null among the attributes is one too.
 */
extern DatomEntityTable *datom_entity_call_table(Oid db, Oid reader, ArrayType *attributes,
												 TupleDesc desc, bool missing_ok);

#endif
