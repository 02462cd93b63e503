/*
 * order_values.h
 *		Reading the values that an attribute has in a block.
 */
#ifndef DATOM_ORDER_VALUES_H
#define DATOM_ORDER_VALUES_H

#include "compat.h"

#include "value.h"
#include "order_pack.h"

/* Records of a block, and so values of a column; at most 8,192. */
#define DATOM_BLOCK_FACTS 2048

/* Values opened for reading. */
typedef struct DatomValues
{
	uint8		codec;
	uint8		detail;
	bool		listed;			/* distinct values, and an index per record */
	bool		has_marks;
	bool		has_ends;
	int			count;
	int			entries;
	DatomPacked index;
	DatomPacked numbers;		/* or, of bytes, where each one ends */
	DatomPacked marks;
	const char *prefix;
	int			prefix_len;
	const char *bytes;
	int			total;
	int			each;			/* length of each one, if there are no ends */
} DatomValues;

/* False if they do not lie within the bytes. */
extern bool datom_values_open(DatomValues *values, DatomCursor *cursor);

/*
 * Value i of the column, which must be below count; palloc'd, with a four-byte
 * header; NULL and *far_hash if it is far.
 */
extern DatomValue *datom_values_get(const DatomValues *values, int i, uint64 *far_hash);

/*
 * The bytes of value i if it is a string or a keyword and at most `room` long:
 * writes them and returns how many. -1: it is not.
 */
extern int	datom_values_text(const DatomValues *values, int i, char *out, int room);

/* Writes number / 10^scale as the payload of a bigdec; returns its length. */
extern int	datom_decimal_write(char *out, int64 number, int scale);

/* The fingerprint of a value that is too long for a block. */
extern uint64 datom_value_far_hash(const DatomValue *v);

#endif
