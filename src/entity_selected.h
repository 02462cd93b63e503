/*
 * Selected rows of a batch of an entity scan.
 */
#ifndef DATOM_ENTITY_SELECTED_H
#define DATOM_ENTITY_SELECTED_H

#include "compat.h"

#include "entity_rows.h"

typedef struct DatomSelection
{
	DatomEntityScan *scan;
	const DatomEntityTable *table;
	const int64 *e;				/* of all its rows */
	int			size;			/* how many those are */
	int			n;				/* how many are selected */
	uint16		rows[DATOM_BATCH];	/* which, ascending */
} DatomSelection;

/* The most digits that every int64 has room for. */
#define DATOM_INT64_DIGITS 18
extern const int64 datom_power_of_ten[DATOM_INT64_DIGITS + 1];

/* All rows of the next batch are selected; false if there is none. */
extern bool datom_selected_next(DatomSelection *batch);

/* As the functions of the scan, for the entity's own column, too. */
extern void datom_selected_values(const DatomSelection *batch, int column,
								  const Datum **values, const bool **nulls);
extern bool datom_selected_listed(const DatomSelection *batch, int column,
								  const uint16 **codes, const Datum **values, int *count);

/* Which rows are null; in `room`, perhaps. */
extern const bool *datom_selected_nulls(const DatomSelection *batch, int column,
										bool room[DATOM_BATCH]);

/*
 * The numbers of a column of bigint, date, timestamptz or numeric, if they are
 * what the column shows: number / 10^scale, where a column with a scale of its own
 * shows more digits, which are 0.
 */
extern bool datom_selected_numbers(const DatomSelection *batch, int column,
								   const int64 **numbers, const bool **nulls, int *scale);

/* The scale of a numeric that has one of its own, or -1. */
extern int	datom_scale_of_type(Oid type, int32 typmod);

#endif
