/*
 * order_codec.h
 *		The bytes of a column of values, for order_values.c and order_column.c only.
 *
 * A column has the values that an attribute has in a block, in the shortest of
 * some forms.
 *
 * A value's image is its kind byte and its payload (value_rep.h), which is what
 * comes out again, byte by byte. The layout of a column:
 *
 *	codec		1 byte: CODEC_*, and the flags COLUMN_*
 *	count		2 bytes: values, of as many records
 *	COLUMN_LISTED: each distinct value once; what follows is of `entries` values
 *		entries		2 bytes
 *		index		packed, count numbers: which entry
 *	CODEC_INTEGER: long, ref, instant, double (its bits), date, boolean
 *		kind		1 byte
 *		numbers		packed
 *	CODEC_DECIMAL: bigdec of one scale, whose digits are an int64
 *		scale		1 byte
 *		numbers		packed: the value times 10 to the scale
 *	CODEC_DIGITS: images that are a stem, common to all, and a decimal number
 *		width		1 byte: the digits are padded with 0 to this many
 *		stem_len	2 bytes
 *		stem
 *		numbers		packed
 *	CODEC_BYTES: any
 *		prefix_len	2 bytes
 *		prefix		what all images that are not marked begin with
 *		total		2 bytes: length of `bytes`
 *		COLUMN_MARKS: marks, packed: MARK_*, how each one is stored
 *		COLUMN_ENDS: ends, packed: where in `bytes` each one ends
 *		else: each, 2 bytes: the length of each one
 *		bytes		one after the other
 *
 * What a mark makes of the bytes of a value:
 *
 *	MARK_PLAIN	the image without the prefix
 *	MARK_PGLZ, MARK_LZ4
 *				4 bytes: length of the image; then it, compressed. Images of
 *				more than LONG_IMAGE bytes are, if it makes them shorter.
 *	MARK_FAR	8 bytes: its hash. More than FAR_IMAGE bytes, even compressed.
 */
#ifndef DATOM_ORDER_CODEC_H
#define DATOM_ORDER_CODEC_H

#include "kind.h"

#include "utils/date.h"

#define CODEC_NONE 0
#define CODEC_INTEGER 1
#define CODEC_DECIMAL 2
#define CODEC_DIGITS 3
#define CODEC_BYTES 4
#define CODEC_MASK 0x0F

#define COLUMN_LISTED 0x80
#define COLUMN_MARKS 0x40
#define COLUMN_ENDS 0x20

#define MARK_PLAIN 0
#define MARK_PGLZ 1
#define MARK_LZ4 2
#define MARK_FAR 3

#define LONG_IMAGE 256
#define FAR_IMAGE 1900

/* So many digits fit into an int64 whatever they are. */
#define MOST_DIGITS 18

/* Up to this scale ten to it, and the digits after the point, fit. */
#define MOST_SCALE 16

/*
 * Numerics: numeric.c's short form, which is what it makes of all numbers with
 * a scale of up to 63. A header of 2 bytes, then digits of base 10,000 without
 * zeros at either end; the first stands for 10,000 to the weight.
 */
#define SHORT_MASK 0xC000
#define SHORT_FORM 0x8000
#define SHORT_NEGATIVE 0x2000
#define SHORT_SCALE(header) (((header) & 0x1F80) >> 7)
#define SHORT_WEIGHT(header) \
	((int) ((header) & 0x3F) - (((header) & 0x40) != 0 ? 64 : 0))
#define NUMERIC_BASE 10000

/* The longest payload of a bigdec that has CODEC_DECIMAL. */
#define DECIMAL_LEN 20

/* Bytes of a payload of this kind; 0 if they vary. */
static inline int
payload_size(DatomKind kind)
{
	switch (kind)
	{
		case DATOM_BOOLEAN:
			return 1;
		case DATOM_DATE:
			return sizeof(DateADT);
		case DATOM_LONG:
		case DATOM_DOUBLE:
		case DATOM_INSTANT:
		case DATOM_REF:
			return sizeof(int64);
		case DATOM_UUID:
			return 16;
		default:
			return 0;
	}
}

#endif
