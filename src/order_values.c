/*
 * order_values.c: reading the values that an attribute has in a block.
 *
 * What is opened lies within its bytes; what it says is not trusted.
 */
#include "order_values.h"

#include "access/toast_compression.h"
#include "access/toast_internals.h"
#include "common/hashfn.h"
#include "utils/builtins.h"

#include "order_codec.h"

/* More than any compression makes of a byte: a bound for what is damaged. */
#define MOST_EXPANSION 300

/* Of NUMERIC_BASE: 5 before the point, 4 after it. */
#define MOST_GROUPS 9

static const int64 power_of_ten[MOST_SCALE + 1] = {
	INT64CONST(1), INT64CONST(10), INT64CONST(100), INT64CONST(1000),
	INT64CONST(10000), INT64CONST(100000), INT64CONST(1000000),
	INT64CONST(10000000), INT64CONST(100000000), INT64CONST(1000000000),
	INT64CONST(10000000000), INT64CONST(100000000000),
	INT64CONST(1000000000000), INT64CONST(10000000000000),
	INT64CONST(100000000000000), INT64CONST(1000000000000000),
	INT64CONST(10000000000000000)
};

static void pg_attribute_noreturn()
damaged(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_INDEX_CORRUPTED),
			 errmsg("a value in an order is damaged")));
}

uint64
datom_value_far_hash(const DatomValue *v)
{
	return hash_bytes_extended((const unsigned char *) VARDATA_ANY(v),
							   VARSIZE_ANY_EXHDR(v), 0);
}

StaticAssertDecl(DECIMAL_LEN == 2 + 2 * MOST_GROUPS, "groups of a decimal");

int
datom_decimal_write(char *out, int64 number, int scale)
{
	uint64		rest = number < 0 ? -(uint64) number : (uint64) number;
	int			after = (scale + 3) / 4;
	uint64		whole = rest / power_of_ten[scale];
	uint64		part = rest % power_of_ten[scale] * power_of_ten[4 * after - scale];
	int16		groups[MOST_GROUPS];
	int			first = MOST_GROUPS - after;
	int			point = first;
	int			end = MOST_GROUPS;
	int			weight;
	uint16		header;

	for (int i = MOST_GROUPS - 1; i >= point; i--, part /= NUMERIC_BASE)
		groups[i] = part % NUMERIC_BASE;
	for (; whole > 0; whole /= NUMERIC_BASE)
		groups[--first] = whole % NUMERIC_BASE;
	while (end > first && groups[end - 1] == 0)
		end--;
	while (first < end && groups[first] == 0)
		first++;
	weight = first == end ? 0 : point - first - 1;
	header = SHORT_FORM | (number < 0 ? SHORT_NEGATIVE : 0) | scale << 7 | (weight & 0x7F);
	memcpy(out, &header, sizeof(header));
	memcpy(out + sizeof(header), groups + first, (end - first) * sizeof(int16));
	return sizeof(header) + (end - first) * sizeof(int16);
}

static inline void
write_integer(DatomKind kind, char *payload, int64 number)
{
	int32		date = (int32) number;

	if (kind == DATOM_BOOLEAN)
		*payload = (char) number;
	else if (kind == DATOM_DATE)
		memcpy(payload, &date, sizeof(date));
	else
		memcpy(payload, &number, sizeof(number));
}

static bool
open_byte(DatomCursor *cursor, uint8 *byte)
{
	const char *at = datom_cursor_take(cursor, 1);

	if (at == NULL)
		return false;
	*byte = (uint8) *at;
	return true;
}

static bool
open_prefix(DatomValues *values, DatomCursor *cursor)
{
	return datom_cursor_uint16(cursor, &values->prefix_len) &&
		(values->prefix = datom_cursor_take(cursor, values->prefix_len)) != NULL;
}

static bool
open_bytes(DatomValues *values, DatomCursor *cursor)
{
	if (!open_prefix(values, cursor) || !datom_cursor_uint16(cursor, &values->total) ||
		(values->has_marks && !datom_pack_read(cursor, values->entries, &values->marks)) ||
		(values->has_ends && !datom_pack_read(cursor, values->entries, &values->numbers)) ||
		(!values->has_ends && !datom_cursor_uint16(cursor, &values->each)))
		return false;
	values->bytes = datom_cursor_take(cursor, values->total);
	return values->bytes != NULL;
}

static bool
open_numbers(DatomValues *values, DatomCursor *cursor)
{
	if (!open_byte(cursor, &values->detail))
		return false;
	switch (values->codec)
	{
		case CODEC_INTEGER:
			if (payload_size((DatomKind) values->detail) == 0 || values->detail == DATOM_UUID)
				return false;
			break;
		case CODEC_DECIMAL:
			if (values->detail > MOST_SCALE)
				return false;
			break;
		case CODEC_DIGITS:
			if (values->detail > MOST_DIGITS || !open_prefix(values, cursor) ||
				values->prefix_len == 0 || (values->prefix[0] != DATOM_STRING &&
											values->prefix[0] != DATOM_KEYWORD))
				return false;
			break;
		default:
			return false;
	}
	return datom_pack_read(cursor, values->entries, &values->numbers);
}

bool
datom_values_open(DatomValues *values, DatomCursor *cursor)
{
	uint8		head;

	if (!open_byte(cursor, &head) || !datom_cursor_uint16(cursor, &values->count))
		return false;
	values->codec = head & CODEC_MASK;
	values->listed = (head & COLUMN_LISTED) != 0;
	values->has_marks = (head & COLUMN_MARKS) != 0;
	values->has_ends = (head & COLUMN_ENDS) != 0;
	values->entries = values->count;
	if (values->listed &&
		(!datom_cursor_uint16(cursor, &values->entries) ||
		 !datom_pack_read(cursor, values->count, &values->index)))
		return false;
	if (values->count > DATOM_BLOCK_FACTS || values->entries > DATOM_BLOCK_FACTS)
		return false;
	return values->codec == CODEC_BYTES ? open_bytes(values, cursor) :
		open_numbers(values, cursor);
}

/* A new value with room for an image of this length. */
static inline DatomValue *
new_value(int image_len)
{
	DatomValue *v = palloc(VARHDRSZ + image_len);

	SET_VARSIZE(v, VARHDRSZ + image_len);
	return v;
}

static DatomValue *
get_integer(const DatomValues *values, int i)
{
	DatomKind	kind = (DatomKind) values->detail;
	DatomValue *v = new_value(1 + payload_size(kind));

	*VARDATA(v) = (char) kind;
	write_integer(kind, VARDATA(v) + 1, datom_packed_get(&values->numbers, i));
	return v;
}

static DatomValue *
get_decimal(const DatomValues *values, int i)
{
	DatomValue *v = palloc(VARHDRSZ + 1 + DECIMAL_LEN);
	int			len = datom_decimal_write(VARDATA(v) + 1, datom_packed_get(&values->numbers, i),
									values->detail);

	*VARDATA(v) = (char) DATOM_BIGDEC;
	SET_VARSIZE(v, VARHDRSZ + 1 + len);
	return v;
}

/* The digits of value i of a column of digits; how many. */
static int
write_digits(const DatomValues *values, int i, char *digits)
{
	uint64		number = (uint64) datom_packed_get(&values->numbers, i);
	int			len = number > 0 ? pg_ulltoa_n(number, digits) : 0;
	int			zeros = values->detail - len;

	if (zeros <= 0)
		return len;
	memmove(digits + zeros, digits, len);
	memset(digits, '0', zeros);
	return values->detail;
}

static DatomValue *
get_digits(const DatomValues *values, int i)
{
	char		digits[20];
	int			len = write_digits(values, i, digits);
	DatomValue *v = new_value(values->prefix_len + len);

	memcpy(VARDATA(v), values->prefix, values->prefix_len);
	memcpy(VARDATA(v) + values->prefix_len, digits, len);
	return v;
}

/* What shorten() made of it; the bytes are copied because they are not aligned. */
static DatomValue *
get_compressed(const char *bytes, int len, int mark)
{
	struct varlena *compressed = palloc0(VARHDRSZ + len + DATOM_PACK_SLACK);
	DatomValue *v;
	uint32		raw;

	if (len <= (int) sizeof(raw))
		damaged();
	memcpy(&raw, bytes, sizeof(raw));
	if (raw == 0 || raw > (uint32) len * MOST_EXPANSION)
		damaged();
	SET_VARSIZE_COMPRESSED(compressed, VARHDRSZ + len);
	memcpy((char *) compressed + VARHDRSZ, bytes, len);
	TOAST_COMPRESS_SET_SIZE_AND_COMPRESS_METHOD(compressed, raw,
												mark == MARK_LZ4 ? TOAST_LZ4_COMPRESSION_ID :
												TOAST_PGLZ_COMPRESSION_ID);
	v = mark == MARK_LZ4 ? lz4_decompress_datum(compressed) : pglz_decompress_datum(compressed);
	if (VARSIZE(v) != VARHDRSZ + raw)
		damaged();
	pfree(compressed);
	return v;
}

/* Those who take a value apart rely on the length of what its kind says. */
static DatomValue *
check_image(DatomValue *v)
{
	int			len = VARSIZE(v) - VARHDRSZ - 1;
	uint8		kind = len < 0 ? 0 : *(uint8 *) VARDATA(v);
	int			size = payload_size((DatomKind) kind);

	if (kind < DATOM_KIND_FIRST || kind > DATOM_KIND_LAST || (size > 0 && len != size) ||
		(kind == DATOM_BIGDEC && (len < 2 || len % 2 != 0)) ||
		(kind == DATOM_JSON && len < (int) sizeof(uint32)))
		damaged();
	return v;
}

/* Where the bytes of value i are; how many. */
static int
find_bytes(const DatomValues *values, int i, const char **bytes)
{
	uint64		start,
				end;

	if (values->has_ends)
	{
		start = i == 0 ? 0 : (uint64) datom_packed_get(&values->numbers, i - 1);
		end = (uint64) datom_packed_get(&values->numbers, i);
	}
	else
	{
		start = (uint64) i * values->each;
		end = start + values->each;
	}
	if (start > end || end > (uint64) values->total)
		damaged();
	*bytes = values->bytes + start;
	return (int) (end - start);
}

static int
mark_of(const DatomValues *values, int i)
{
	return values->has_marks ? (int) datom_packed_get(&values->marks, i) : MARK_PLAIN;
}

static DatomValue *
get_bytes(const DatomValues *values, int i, uint64 *far_hash)
{
	int			mark = mark_of(values, i);
	int			skip = mark == MARK_PLAIN ? values->prefix_len : 0;
	const char *bytes;
	int			len = find_bytes(values, i, &bytes);
	DatomValue *v;

	if (mark == MARK_FAR)
	{
		if (len != sizeof(*far_hash))
			damaged();
		memcpy(far_hash, bytes, sizeof(*far_hash));
		return NULL;
	}
	if (mark != MARK_PLAIN)
		return check_image(get_compressed(bytes, len, mark));
	v = new_value(skip + len);
	memcpy(VARDATA(v), values->prefix, skip);
	memcpy(VARDATA(v) + skip, bytes, len);
	return check_image(v);
}

/* In a list, the entry of value i. */
static int
entry_of(const DatomValues *values, int i)
{
	uint64		entry;

	if (!values->listed)
		return i;
	entry = (uint64) datom_packed_get(&values->index, i);
	if (entry >= (uint64) values->entries)
		damaged();
	return (int) entry;
}

static int
text_of_bytes(const DatomValues *values, int i, char *out, int room)
{
	int			skip = values->prefix_len;
	const char *bytes;
	int			len = find_bytes(values, i, &bytes);
	char		kind;

	if (mark_of(values, i) != MARK_PLAIN || skip + len < 1 || skip + len - 1 > room)
		return -1;
	kind = skip > 0 ? values->prefix[0] : bytes[0];
	if (kind != DATOM_STRING && kind != DATOM_KEYWORD)
		return -1;
	if (skip > 0)
	{
		memcpy(out, values->prefix + 1, skip - 1);
		memcpy(out + skip - 1, bytes, len);
	}
	else
		memcpy(out, bytes + 1, len - 1);
	return skip + len - 1;
}

/* Room for the digits of any uint64. */
#define DIGITS_ROOM 20

int
datom_values_text(const DatomValues *values, int i, char *out, int room)
{
	int			before = values->prefix_len - 1;

	i = entry_of(values, i);
	if (values->codec == CODEC_BYTES)
		return text_of_bytes(values, i, out, room);
	if (values->codec != CODEC_DIGITS || before + DIGITS_ROOM > room)
		return -1;
	/* What follows the stem is still the block's. */
	if (before <= DATOM_PACK_SLACK)
		memcpy(out, values->prefix + 1, DATOM_PACK_SLACK);
	else
		memcpy(out, values->prefix + 1, before);
	return before + write_digits(values, i, out + before);
}

DatomValue *
datom_values_get(const DatomValues *values, int i, uint64 *far_hash)
{
	i = entry_of(values, i);
	switch (values->codec)
	{
		case CODEC_INTEGER:
			return get_integer(values, i);
		case CODEC_DECIMAL:
			return get_decimal(values, i);
		case CODEC_DIGITS:
			return get_digits(values, i);
		default:
			return get_bytes(values, i, far_hash);
	}
}
