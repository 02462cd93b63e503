/*
 * One row of an entity table, from the facts of its entity.
 */
#ifndef DATOM_ENTITY_ROW_H
#define DATOM_ENTITY_ROW_H

#include "compat.h"
#include "executor/tuptable.h"
#include "utils/rel.h"

#include "datom.h"
#include "entity_table.h"
#include "facts.h"
#include "instant.h"

typedef struct DatomEntityRow DatomEntityRow;

/*
 * Makes rows of the datom table as of a moment that stays settled. NULL `needed`:
 * all columns. With `since`, only facts that began after it count, and one of
 * any column makes a row; else DT_NOBEGIN.
 */
extern DatomEntityRow *datom_entity_row_make(Relation db, const DatomEntityTable *table,
											 const bool *needed, const DatomSettled *at,
											 TimestampTz since);
/* Without a fact of this column, which is no entity's, there is no row. */
extern void datom_entity_row_require(DatomEntityRow *row, int column);
extern void datom_entity_row_free(DatomEntityRow *row);

/* Begins the row of an entity, then takes the facts of one attribute of it. */
extern void datom_entity_row_begin(DatomEntityRow *row, int64 e);
extern void datom_entity_row_take(DatomEntityRow *row, const char *ident, int len,
								  const DatomFact *facts, int n);

/*
 * Is the entity a row? Then its columns, in the order of the table's; valid until
 * the next row begins.
 */
extern bool datom_entity_row_end(DatomEntityRow *row, const Datum **values,
								 const bool **nulls);

/*
 * What a column shows of the values that hold of entity e, which it sorts; in the
 * current context. False: null.
 */
extern bool datom_entity_row_show(DatomEntityRow *row, int64 e, int column,
								  DatomValue **values, int n, Datum *shown);

/* The columns as a row of the foreign table. */
extern TupleTableSlot *datom_entity_row_store(const DatomEntityTable *table,
											  const Datum *values, const bool *nulls,
											  TupleTableSlot *slot);

/* An array of these values of a column as a row has it: in their order, each once. */
extern Datum datom_entity_array(const DatomEntityColumn *column, Datum *elements, int n);

/* All of it for an entity as the reader sees it. */
extern bool datom_entity_row_read(DatomEntityRow *row, DatomReader *reader, int64 e,
								  const Datum **values, const bool **nulls);

#endif
