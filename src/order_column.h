/*
 * order_column.h
 *		Writing the values that an attribute has in a block.
 *
 * Writing is in two steps, so that a block can be tried at several lengths:
 * values are prepared once, in the order of their records, and a column's size
 * is known for any number of them, because it is kept in statistics that are
 * cheap to copy and to set back.
 */
#ifndef DATOM_ORDER_COLUMN_H
#define DATOM_ORDER_COLUMN_H

#include "order_values.h"

/* A value on its way into a block. */
typedef struct DatomCell
{
	const char *image;			/* kind and payload; of a far one its hash */
	const char *bytes;			/* what is stored for it: the image, or it compressed */
	int			image_len;
	int			len;
	int64		number;			/* with a codec of numbers */
	uint8		codec;			/* of numbers, or none */
	uint8		detail;			/* of that codec: kind, or digits after the point */
	uint8		mark;			/* how bytes are stored */
	uint8		digits;			/* at the end of the image, which `number` is */
	bool		padded;			/* the first digit is 0, and not the only one */
	bool		alike;			/* `number` means what the column's first one means */
	bool		fresh;			/* the first of its value in the column */
	uint16		entry;			/* which of the distinct values of the column */
	uint16		common;			/* bytes it shares with the column's first plain one */
	uint16		column;
	uint16		next;			/* the column's next cell, if there is one */
} DatomCell;

/* All values, and those that are fresh. */
typedef enum { COLUMN_ALL, COLUMN_FRESH } DatomColumnSet;

typedef struct DatomColumnStats
{
	int			count[2];
	int			marked[2];
	int			plain_len[2];	/* of all that are not marked */
	int			marked_len[2];
	int			common;
	int			shortest;		/* of the plain ones */
	int			longest;
	bool		numbers;		/* all are alike */
	int64		min;
	int64		max;
	int			padded_digits;	/* of all that are padded; 0 none, -1 they differ */
	int			fewest_digits;
} DatomColumnStats;

typedef struct DatomColumn
{
	DatomCell  *first;
	DatomCell  *last;			/* prepared */
	DatomCell  *plain;			/* the first that is not marked */
	int			entries;		/* distinct ones of those prepared */
	DatomColumnStats stats;		/* of those added */
	DatomColumnStats kept;
} DatomColumn;

/* Finds equal values of a column; one for all columns of a block. */
typedef struct DatomCellMap
{
	uint16		slots[2 * DATOM_BLOCK_FACTS];	/* index of a cell plus 1; 0 is free */
	DatomCell  *cells;
} DatomCellMap;

/*
 * Prepares the map's cell i with a settled value, or, if v is NULL, one that is
 * far. The value must stay; what is allocated is in the current context.
 */
extern void datom_cell_prepare(DatomCellMap *map, int i, int column_number,
							   DatomColumn *column, DatomValue *v, const uint64 *far_hash);

/* Adds a prepared cell; they must be added in the order of their preparation. */
extern void datom_column_add(DatomColumn *column, const DatomCell *cell);

/* Bytes that the added values take; writes them, scratch has room for them all. */
extern int	datom_column_size(const DatomColumn *column);
extern char *datom_column_write(char *at, const DatomColumn *column,
								const DatomCell *cells, int64 *scratch);

/* All its values are integers of one kind, from *min to *max. */
extern bool datom_column_integers(const DatomColumn *column, DatomKind *kind,
								  int64 *min, int64 *max);

#endif
