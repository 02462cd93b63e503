/*
 * order_pack.c: integers packed with as many bits as their range needs.
 *
 * The layout of n numbers:
 *
 *	0	bits		1 byte, 0 to 64
 *	1	base_len	1 byte, 0 to 8
 *	2	base		base_len bytes, the least first, sign-extended
 *	..	n * bits bits, rounded up to bytes: each number less the base, the first
 *		in the lowest bits of the first byte
 *
 * Nothing is aligned. A number is read by loading eight bytes, so eight more
 * must follow at the end of the block.
 */
#include "order_pack.h"

static int
base_len(int64 base)
{
	if (base == 0)
		return 0;
	return (datom_bits_of((uint64) (base < 0 ? ~base : base)) + 1 + 7) / 8;
}

static inline int
bits_len(int n, int bits)
{
	return (int) (((int64) n * bits + 7) / 8);
}

int
datom_pack_size(int n, int64 min, int64 max)
{
	return 2 + base_len(min) +
		bits_len(n, datom_bits_of((uint64) max - (uint64) min));
}

static inline void
put_word(char *at, uint64 word)
{
#ifdef WORDS_BIGENDIAN
	word = pg_bswap64(word);
#endif
	memcpy(at, &word, sizeof(word));
}

static char *
put_bits(char *at, const int64 *numbers, int n, int64 base, int bits)
{
	uint64		word = 0;
	int			filled = 0;

	for (int i = 0; i < n; i++)
	{
		uint64		number = (uint64) numbers[i] - (uint64) base;

		word |= number << filled;
		filled += bits;
		if (filled >= 64)
		{
			put_word(at, word);
			at += sizeof(word);
			filled -= 64;
			word = filled == 0 ? 0 : number >> (bits - filled);
		}
	}
	for (; filled > 0; filled -= 8, word >>= 8)
		*at++ = (char) word;
	return at;
}

char *
datom_pack_write(char *at, const int64 *numbers, int n, int64 min, int64 max)
{
	int			bits = datom_bits_of((uint64) max - (uint64) min);
	int			len = base_len(min);

	*at++ = (char) bits;
	*at++ = (char) len;
	for (int k = 0; k < len; k++)
		*at++ = (char) ((uint64) min >> (8 * k));
	return bits == 0 ? at : put_bits(at, numbers, n, min, bits);
}

const char *
datom_cursor_take(DatomCursor *cursor, int len)
{
	const char *at = cursor->at;

	if (len > cursor->end - at)
		return NULL;
	cursor->at += len;
	return at;
}

bool
datom_cursor_uint16(DatomCursor *cursor, int *number)
{
	const char *at = datom_cursor_take(cursor, sizeof(uint16));
	uint16		word;

	if (at == NULL)
		return false;
	memcpy(&word, at, sizeof(word));
	*number = word;
	return true;
}

bool
datom_pack_read(DatomCursor *cursor, int n, DatomPacked *packed)
{
	const char *head = datom_cursor_take(cursor, 2);
	const unsigned char *bytes;
	uint64		base = 0;
	int			len;

	if (head == NULL)
		return false;
	packed->bits = (uint8) head[0];
	len = (uint8) head[1];
	if (packed->bits > 64 || len > 8)
		return false;
	bytes = (const unsigned char *) datom_cursor_take(cursor, len);
	if (bytes == NULL)
		return false;
	for (int k = 0; k < len; k++)
		base |= (uint64) bytes[k] << (8 * k);
	if (len > 0 && len < 8 && (bytes[len - 1] & 0x80) != 0)
		base |= PG_UINT64_MAX << (8 * len);
	packed->base = (int64) base;
	packed->bytes = datom_cursor_take(cursor, bits_len(n, packed->bits));
	return packed->bytes != NULL;
}

/* Where eight bytes hold any of the numbers. */
static void
unpack_words(const DatomPacked *packed, int n, int64 *out)
{
	const char *bytes = packed->bytes;
	uint64		base = (uint64) packed->base;
	uint64		bits = packed->bits;
	uint64		mask = (UINT64CONST(1) << bits) - 1;
	uint64		bit = 0;

	for (int i = 0; i < n; i++, bit += bits)
		out[i] = (int64) (base + (datom_packed_word(bytes + (bit >> 3)) >> (bit & 7) & mask));
}

/* With `type` wide numbers, which lie at whole bytes. */
#ifndef WORDS_BIGENDIAN
#define UNPACK_BYTES(type) \
	for (int i = 0; i < n; i++) \
	{ \
		type		number; \
		memcpy(&number, packed->bytes + (Size) i * sizeof(type), sizeof(type)); \
		out[i] = (int64) ((uint64) packed->base + number); \
	}
#else
#define UNPACK_BYTES(type) \
	for (int i = 0; i < n; i++) \
		out[i] = datom_packed_get(packed, i);
#endif

void
datom_packed_unpack(const DatomPacked *packed, int n, int64 *out)
{
	switch (packed->bits)
	{
		case 0:
			for (int i = 0; i < n; i++)
				out[i] = packed->base;
			break;
		case 8:
			UNPACK_BYTES(uint8);
			break;
		case 16:
			UNPACK_BYTES(uint16);
			break;
		case 32:
			UNPACK_BYTES(uint32);
			break;
		case 64:
			UNPACK_BYTES(uint64);
			break;
		default:
			if (packed->bits <= 56)
				unpack_words(packed, n, out);
			else
				for (int i = 0; i < n; i++)
					out[i] = datom_packed_get(packed, i);
	}
}

/*
 * As many numbers of up to 14 bits at once as a word has, those at even and at odd
 * places in turn: each then has room for a carry, which tells that it is above
 * `most`. Returns how many numbers it looked at; -1 if one is above.
 */
static int
count_below(const DatomPacked *packed, int n, uint64 most)
{
	int			bits = packed->bits;
	int			pairs = 56 / bits / 2;	/* seven bits may be another number's */
	uint64		field = (UINT64CONST(1) << bits) - 1;
	uint64		ones = 0;
	uint64		carries = 0;
	uint64		bit = 0;
	int			i = 0;

	for (int k = 0; k < pairs; k++)
		ones |= UINT64CONST(1) << (2 * k * bits);
	for (; i + 2 * pairs <= n; i += 2 * pairs, bit += 2 * pairs * bits)
	{
		uint64		word = datom_packed_word(packed->bytes + (bit >> 3)) >> (bit & 7);

		carries |= (word & ones * field) + ones * (field - most);
		carries |= (word >> bits & ones * field) + ones * (field - most);
	}
	return (carries & ones << bits) == 0 ? i : -1;
}

bool
datom_packed_below(const DatomPacked *packed, int n, int count)
{
	int64		most = count - 1 - packed->base;
	int			i;

	if (packed->base < 0 || packed->base >= count || packed->bits > 14)
		return false;
	if ((INT64CONST(1) << packed->bits) - 1 <= most)
		return true;
	i = count_below(packed, n, most);
	for (; i >= 0 && i < n; i++)
		if (datom_packed_get(packed, i) >= count)
			return false;
	return i >= 0;
}
