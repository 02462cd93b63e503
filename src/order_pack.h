/*
 * order_pack.h
 *		Integers packed with as many bits as their range needs.
 */
#ifndef DATOM_ORDER_PACK_H
#define DATOM_ORDER_PACK_H

#include "compat.h"
#include "port/pg_bitutils.h"
#include "port/pg_bswap.h"

/* Reading a number may read this many bytes after the last of them. */
#define DATOM_PACK_SLACK 8

typedef struct DatomPacked
{
	const char *bytes;			/* those of the first, and 8 more after the last */
	int64		base;
	uint8		bits;			/* 0 to 64 */
} DatomPacked;

/* What is still to be read of a block, without its slack. */
typedef struct DatomCursor
{
	const char *at;
	const char *end;
} DatomCursor;

static inline int
datom_bits_of(uint64 range)
{
	return range == 0 ? 0 : pg_leftmost_one_pos64(range) + 1;
}

static inline uint64
datom_packed_word(const char *at)
{
	uint64		word;

	memcpy(&word, at, sizeof(word));
#ifdef WORDS_BIGENDIAN
	word = pg_bswap64(word);
#endif
	return word;
}

static inline int64
datom_packed_get(const DatomPacked *packed, int i)
{
	uint64		bit = (uint64) i * packed->bits;
	const char *at = packed->bytes + (bit >> 3);
	int			shift = bit & 7;
	uint64		word;

	if (packed->bits == 0)
		return packed->base;
	word = datom_packed_word(at) >> shift;
	if (packed->bits + shift > 64)
		word |= (uint64) (unsigned char) at[8] << (64 - shift);
	if (packed->bits < 64)
		word &= (UINT64CONST(1) << packed->bits) - 1;
	return (int64) ((uint64) packed->base + word);
}

/* All n of them at once, which is faster. */
extern void datom_packed_unpack(const DatomPacked *packed, int n, int64 *out);

/* Is each of the n numbers at least 0 and below count, which is at most 16,384? */
extern bool datom_packed_below(const DatomPacked *packed, int n, int count);

/* Bytes that n numbers from min to max take, and writing them; returns the end. */
extern int	datom_pack_size(int n, int64 min, int64 max);
extern char *datom_pack_write(char *at, const int64 *numbers, int n, int64 min, int64 max);

/* False if they do not lie within the bytes. */
extern bool datom_pack_read(DatomCursor *cursor, int n, DatomPacked *packed);

/* The next bytes, NULL if there are not so many; a number of two of them. */
extern const char *datom_cursor_take(DatomCursor *cursor, int len);
extern bool datom_cursor_uint16(DatomCursor *cursor, int *number);

#endif
