/*
 * Values of a batch of entities, from the blocks where they are.
 */
#ifndef DATOM_ENTITY_BATCH_H
#define DATOM_ENTITY_BATCH_H

#include "compat.h"
#include "utils/rel.h"
#include "utils/snapshot.h"

#include "attr_stream.h"
#include "entity_table.h"

/* A fact of a batch: the part of its stream, and its row in the open block. */
#define DATOM_NOWHERE PG_UINT32_MAX
#define DATOM_PLACE(part, row) ((uint32) (part) << 16 | (uint32) (row))
#define DATOM_PLACE_PART(place) ((place) >> 16)
#define DATOM_PLACE_ROW(place) ((place) & 0xFFFF)

/* Where the facts of n entities are, which are ascending and each once. */
extern void datom_batch_places(const DatomAttrStream *stream, const int64 *e, int n,
							   uint32 *places);

/* What all that makes values of a column needs. */
typedef struct DatomBatchColumn
{
	Relation	rel;			/* for values that are not in the block */
	Snapshot	snapshot;
	const DatomEntityColumn *column;
	DatomAttrStream *stream;
	const int64 *e;
	const uint32 *places;
	int			n;
} DatomBatchColumn;

/* In the current context. */
extern void datom_batch_values(const DatomBatchColumn *batch, Datum *values, bool *nulls);

/* The value in one place. */
extern DatomValue *datom_batch_value(const DatomBatchColumn *batch, int part, int row);

/* As datom_entity_numbers() and datom_entity_listed(). */
extern bool datom_batch_numbers(const DatomBatchColumn *batch, int64 *numbers, bool *nulls,
								int *scale, bool *decimal);
extern bool datom_batch_listed(const DatomBatchColumn *batch, uint16 *codes,
							   const Datum **values, int *count);

#endif
