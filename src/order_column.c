/*
 * order_column.c: writing the values that an attribute has in a block, in the
 * shortest of the forms that order_codec.h describes.
 */
#include "order_column.h"

#include "access/toast_compression.h"
#include "common/int.h"

#include "order_codec.h"

/* The number that datom_decimal_write() makes this payload of, if there is one. */
static bool
read_decimal(const char *payload, int len, int64 *number, int *scale)
{
	uint16		header;
	int			weight,
				groups = (len - 2) / 2,
				last;
	int64		sum = 0;
	char		again[DECIMAL_LEN];

	if (len < 2)
		return false;
	memcpy(&header, payload, sizeof(header));
	*scale = SHORT_SCALE(header);
	weight = SHORT_WEIGHT(header);
	if ((header & SHORT_MASK) != SHORT_FORM || *scale > MOST_SCALE || weight > 4)
		return false;
	last = weight - groups + 1;	/* the weight of the last digit */
	if (last < -4)
		return false;
	for (int i = 0; i < groups; i++)
	{
		int16		group;

		memcpy(&group, payload + 2 + 2 * i, sizeof(group));
		if (pg_mul_s64_overflow(sum, NUMERIC_BASE, &sum) || pg_add_s64_overflow(sum, group, &sum))
			return false;
	}
	/* sum * 10000^last * 10^scale; a scale inside of a group cuts off its zeros */
	for (last = 4 * last + *scale; last > 0; last--)
		if (pg_mul_s64_overflow(sum, 10, &sum))
			return false;
	for (; last < 0; last++)
	{
		if (sum % 10 != 0)
			return false;
		sum /= 10;
	}
	*number = (header & SHORT_NEGATIVE) != 0 ? -sum : sum;
	return datom_decimal_write(again, *number, *scale) == len && memcmp(again, payload, len) == 0;
}

static inline int64
read_integer(DatomKind kind, const char *payload)
{
	int64		number;
	int32		date;

	if (kind == DATOM_BOOLEAN)
		return *payload;
	if (kind == DATOM_DATE)
	{
		memcpy(&date, payload, sizeof(date));
		return date;
	}
	memcpy(&number, payload, sizeof(number));
	return number;
}

/* Takes the digits at the end of the image. */
static void
classify_text(DatomCell *cell)
{
	const char *end = cell->image + cell->image_len;
	const char *at = end;
	const char *stop = Max(cell->image + 1, end - MOST_DIGITS);

	while (at > stop && at[-1] >= '0' && at[-1] <= '9')
		at--;
	if (at == end)
		return;
	cell->codec = CODEC_DIGITS;
	cell->digits = end - at;
	cell->padded = *at == '0' && end - at > 1;
	for (cell->number = 0; at < end; at++)
		cell->number = cell->number * 10 + (*at - '0');
}

/* Finds the codec of numbers that the image can have. */
static void
classify(DatomCell *cell)
{
	DatomKind	kind = (DatomKind) (uint8) cell->image[0];
	int			len = cell->image_len - 1;
	int			scale;

	switch (kind)
	{
		case DATOM_BOOLEAN:
		case DATOM_DATE:
		case DATOM_LONG:
		case DATOM_DOUBLE:
		case DATOM_INSTANT:
		case DATOM_REF:
			if (len != payload_size(kind))
				break;
			cell->codec = CODEC_INTEGER;
			cell->detail = kind;
			cell->number = read_integer(kind, cell->image + 1);
			break;
		case DATOM_BIGDEC:
			if (!read_decimal(cell->image + 1, len, &cell->number, &scale))
				break;
			cell->codec = CODEC_DECIMAL;
			cell->detail = scale;
			break;
		case DATOM_KEYWORD:
		case DATOM_STRING:
			classify_text(cell);
			break;
		default:
			break;
	}
}

static bool
same_meaning(const DatomCell *a, const DatomCell *b)
{
	int			stem = a->image_len - a->digits;

	if (a->codec != b->codec || a->codec == CODEC_NONE)
		return false;
	if (a->codec != CODEC_DIGITS)
		return a->detail == b->detail;
	return stem == b->image_len - b->digits && memcmp(a->image, b->image, stem) == 0;
}

/* The image as it is stored if it is long: compressed, or far. */
static void
shorten(DatomCell *cell, const DatomValue *v)
{
	struct varlena *compressed;
	uint32		raw = (uint32) cell->image_len;
	char	   *bytes;

#ifdef USE_LZ4
	compressed = lz4_compress_datum(v);
	cell->mark = MARK_LZ4;
#else
	compressed = pglz_compress_datum(v);
	cell->mark = MARK_PGLZ;
#endif
	/* The length takes the place of that which a toasted value has. */
	if (compressed != NULL && VARSIZE(compressed) - VARHDRSZ < raw)
	{
		bytes = (char *) compressed + VARHDRSZ;
		memcpy(bytes, &raw, sizeof(raw));
		cell->bytes = bytes;
		cell->len = VARSIZE(compressed) - VARHDRSZ;
	}
	else
		cell->mark = MARK_PLAIN;
	if (cell->len > FAR_IMAGE)
	{
		uint64		hash = datom_value_far_hash(v);

		cell->mark = MARK_FAR;
		cell->codec = CODEC_NONE;
		cell->len = sizeof(hash);
		cell->bytes = memcpy(palloc(sizeof(hash)), &hash, sizeof(hash));
	}
}

static int
common_prefix(const DatomCell *a, const DatomCell *b)
{
	int			len = Min(a->image_len, b->image_len);
	int			i = 0;

	for (; i + 8 <= len; i += 8)
		if (memcmp(a->image + i, b->image + i, 8) != 0)
			break;
	while (i < len && a->image[i] == b->image[i])
		i++;
	return i;
}

static uint32
hash_cell(const DatomCell *cell)
{
	uint64		hash = (uint64) cell->column << 32 | (uint32) cell->image_len;
	const char *at = cell->image;
	int			len = cell->image_len;

	for (; len > 0; at += 8, len -= 8)
	{
		uint64		word = 0;

		if (len >= 8)
			memcpy(&word, at, 8);
		else
			memcpy(&word, at, len);
		hash = (hash ^ word) * UINT64CONST(0x9E3779B97F4A7C15);
		hash ^= hash >> 32;
	}
	return (uint32) hash;
}

/* The cell of the column with this value that was prepared first, itself if new. */
static DatomCell *
find_cell(DatomCellMap *map, int i)
{
	DatomCell  *cell = &map->cells[i];
	uint32		slot = hash_cell(cell) % lengthof(map->slots);

	for (; map->slots[slot] != 0; slot = (slot + 1) % lengthof(map->slots))
	{
		DatomCell  *other = &map->cells[map->slots[slot] - 1];

		if (other->column == cell->column && other->image_len == cell->image_len &&
			(other->image == other->bytes && other->mark == MARK_FAR) == (cell->mark == MARK_FAR) &&
			memcmp(other->image, cell->image, cell->image_len) == 0)
			return other;
	}
	map->slots[slot] = i + 1;
	return cell;
}

static void
prepare_fresh(DatomCell *cell, DatomColumn *column, const DatomValue *v)
{
	cell->fresh = true;
	cell->entry = column->entries++;
	if (cell->mark == MARK_PLAIN)
	{
		classify(cell);
		if (cell->image_len > LONG_IMAGE)
			shorten(cell, v);
	}
	cell->alike = cell == column->first ? cell->codec != CODEC_NONE :
		same_meaning(cell, column->first);
	if (cell->mark == MARK_PLAIN)
	{
		if (column->plain == NULL)
			column->plain = cell;
		cell->common = common_prefix(cell, column->plain);
	}
}

void
datom_cell_prepare(DatomCellMap *map, int i, int column_number,
				   DatomColumn *column, DatomValue *v, const uint64 *far_hash)
{
	DatomCell  *cell = &map->cells[i];
	DatomCell  *same;

	memset(cell, 0, sizeof(*cell));
	cell->column = column_number;
	if (v != NULL)
	{
		v = datom_value_settle(v);
		cell->image = VARDATA_ANY(v);
		cell->image_len = VARSIZE_ANY_EXHDR(v);
	}
	else
	{
		cell->mark = MARK_FAR;
		cell->image = memcpy(palloc(sizeof(*far_hash)), far_hash, sizeof(*far_hash));
		cell->image_len = sizeof(*far_hash);
	}
	cell->bytes = cell->image;
	cell->len = cell->image_len;
	if (column->first == NULL)
		column->first = cell;
	else
		column->last->next = i;
	column->last = cell;
	same = find_cell(map, i);
	if (same == cell)
	{
		prepare_fresh(cell, column, v);
		return;
	}
	*cell = *same;
	cell->fresh = false;
	cell->next = 0;
}

static void
add_fresh(DatomColumnStats *stats, const DatomCell *cell)
{
	bool		first = stats->count[COLUMN_FRESH] == 0;

	if (cell->mark == MARK_PLAIN)
	{
		bool		plain = stats->marked[COLUMN_FRESH] == stats->count[COLUMN_FRESH];

		stats->common = plain ? cell->common : Min(stats->common, cell->common);
		stats->shortest = plain ? cell->len : Min(stats->shortest, cell->len);
		stats->longest = Max(stats->longest, cell->len);
	}
	stats->numbers = cell->alike && (first || stats->numbers);
	if (!stats->numbers)
		return;
	stats->min = first ? cell->number : Min(stats->min, cell->number);
	stats->max = first ? cell->number : Max(stats->max, cell->number);
	stats->fewest_digits = first ? cell->digits : Min(stats->fewest_digits, cell->digits);
	if (cell->padded)
		stats->padded_digits =
			stats->padded_digits == 0 || stats->padded_digits == cell->digits ?
			cell->digits : -1;
}

static inline void
count_cell(DatomColumnStats *stats, DatomColumnSet set, const DatomCell *cell)
{
	stats->count[set]++;
	if (cell->mark == MARK_PLAIN)
		stats->plain_len[set] += cell->len;
	else
	{
		stats->marked[set]++;
		stats->marked_len[set] += cell->len;
	}
}

void
datom_column_add(DatomColumn *column, const DatomCell *cell)
{
	if (cell->fresh)
	{
		add_fresh(&column->stats, cell);
		count_cell(&column->stats, COLUMN_FRESH, cell);
	}
	count_cell(&column->stats, COLUMN_ALL, cell);
}

bool
datom_column_integers(const DatomColumn *column, DatomKind *kind, int64 *min, int64 *max)
{
	if (!column->stats.numbers || column->first->codec != CODEC_INTEGER ||
		column->first->detail == DATOM_DOUBLE)
		return false;
	*kind = (DatomKind) column->first->detail;
	*min = column->stats.min;
	*max = column->stats.max;
	return true;
}

/* The width that digits are padded to: 1 if none is, 0 if there is not one. */
static int
digits_width(const DatomColumnStats *stats)
{
	if (stats->padded_digits == 0)
		return 1;
	return stats->padded_digits > stats->fewest_digits ? 0 : Max(stats->padded_digits, 0);
}

/* Can the values have the codec of their numbers? */
static bool
has_numbers(const DatomColumn *column)
{
	return column->stats.numbers &&
		(column->first->codec != CODEC_DIGITS || digits_width(&column->stats) > 0);
}

static int
numbers_size(const DatomColumn *column, DatomColumnSet set)
{
	const DatomColumnStats *stats = &column->stats;
	int			size = 1 + datom_pack_size(stats->count[set], stats->min, stats->max);

	if (column->first->codec == CODEC_DIGITS)
		size += 2 + column->first->image_len - column->first->digits;
	return size;
}

/* Bytes of all values without their prefix. */
static int
bytes_total(const DatomColumnStats *stats, DatomColumnSet set)
{
	return stats->plain_len[set] + stats->marked_len[set] -
		(stats->count[set] - stats->marked[set]) * stats->common;
}

static int
bytes_size(const DatomColumnStats *stats, DatomColumnSet set)
{
	int			total = bytes_total(stats, set);
	int			size = 2 + stats->common + 2 + total;

	if (stats->marked[set] > 0)
		size += datom_pack_size(stats->count[set], 0, MARK_FAR);
	if (stats->marked[set] > 0 || stats->shortest < stats->longest)
		size += datom_pack_size(stats->count[set], 0, total);
	else
		size += 2;
	return size;
}

/* The shorter of the codecs, for all values or for each distinct one. */
static int
set_size(const DatomColumn *column, DatomColumnSet set, bool *numbers)
{
	int			size = bytes_size(&column->stats, set);
	int			other = has_numbers(column) ? numbers_size(column, set) : size + 1;

	*numbers = other <= size;
	return Min(size, other);
}

static int
list_size(const DatomColumn *column)
{
	const DatomColumnStats *stats = &column->stats;

	return 2 + datom_pack_size(stats->count[COLUMN_ALL], 0, stats->count[COLUMN_FRESH] - 1);
}

static int
column_size(const DatomColumn *column, DatomColumnSet *set, bool *numbers)
{
	bool		listed_numbers;
	int			size = set_size(column, COLUMN_ALL, numbers);
	int			listed = list_size(column) + set_size(column, COLUMN_FRESH, &listed_numbers);

	*set = listed < size ? COLUMN_FRESH : COLUMN_ALL;
	if (*set == COLUMN_FRESH)
		*numbers = listed_numbers;
	return 1 + 2 + Min(size, listed);
}

int
datom_column_size(const DatomColumn *column)
{
	DatomColumnSet set;
	bool		numbers;

	return column_size(column, &set, &numbers);
}

static char *
put_uint16(char *at, int number)
{
	uint16		word = (uint16) number;

	memcpy(at, &word, sizeof(word));
	return at + sizeof(word);
}

/* For each cell of the column's set that is added: each.at. */
#define COLUMN_EACH(column, cells, set) \
	for (struct { int left; const DatomCell *at; } each = \
		 {(column)->stats.count[COLUMN_ALL], (column)->first}; \
		 each.left > 0; each.left--, each.at = &(cells)[each.at->next]) \
		if ((set) == COLUMN_ALL || each.at->fresh)

static char *
write_numbers(char *at, const DatomColumn *column, const DatomCell *cells,
			  DatomColumnSet set, int64 *scratch)
{
	const DatomCell *first = column->first;
	int			stem = first->image_len - first->digits;
	int			n = 0;

	if (first->codec == CODEC_DIGITS)
	{
		*at++ = (char) digits_width(&column->stats);
		at = put_uint16(at, stem);
		memcpy(at, first->image, stem);
		at += stem;
	}
	else
		*at++ = (char) first->detail;
	COLUMN_EACH(column, cells, set)
		scratch[n++] = each.at->number;
	return datom_pack_write(at, scratch, n, column->stats.min, column->stats.max);
}

static char *
write_marks(char *at, const DatomColumn *column, const DatomCell *cells,
			DatomColumnSet set, int64 *scratch)
{
	int			n = 0;

	COLUMN_EACH(column, cells, set)
		scratch[n++] = each.at->mark;
	return datom_pack_write(at, scratch, n, 0, MARK_FAR);
}

static char *
write_bytes(char *at, uint8 *flags, const DatomColumn *column, const DatomCell *cells,
			DatomColumnSet set, int64 *scratch)
{
	const DatomColumnStats *stats = &column->stats;
	int			total = bytes_total(stats, set);
	int			n = 0,
				end = 0;

	at = put_uint16(at, stats->common);
	if (stats->common > 0)
		memcpy(at, column->plain->image, stats->common);
	at = put_uint16(at + stats->common, total);
	if (stats->marked[set] > 0)
	{
		*flags |= COLUMN_MARKS;
		at = write_marks(at, column, cells, set, scratch);
	}
	if (stats->marked[set] > 0 || stats->shortest < stats->longest)
	{
		*flags |= COLUMN_ENDS;
		COLUMN_EACH(column, cells, set)
			scratch[n++] = end += each.at->len - (each.at->mark == MARK_PLAIN ? stats->common : 0);
		at = datom_pack_write(at, scratch, n, 0, total);
	}
	else
		at = put_uint16(at, stats->longest - stats->common);
	COLUMN_EACH(column, cells, set)
	{
		int			skip = each.at->mark == MARK_PLAIN ? stats->common : 0;

		memcpy(at, each.at->bytes + skip, each.at->len - skip);
		at += each.at->len - skip;
	}
	return at;
}

char *
datom_column_write(char *at, const DatomColumn *column, const DatomCell *cells, int64 *scratch)
{
	const DatomColumnStats *stats = &column->stats;
	char	   *head = at;
	uint8		flags = 0;
	DatomColumnSet set;
	bool		numbers;
	int			n = 0;

	column_size(column, &set, &numbers);
	at = put_uint16(at + 1, stats->count[COLUMN_ALL]);
	if (set == COLUMN_FRESH)
	{
		flags = COLUMN_LISTED;
		at = put_uint16(at, stats->count[COLUMN_FRESH]);
		COLUMN_EACH(column, cells, COLUMN_ALL)
			scratch[n++] = each.at->entry;
		at = datom_pack_write(at, scratch, n, 0, stats->count[COLUMN_FRESH] - 1);
	}
	if (numbers)
		at = write_numbers(at, column, cells, set, scratch);
	else
		at = write_bytes(at, &flags, column, cells, set, scratch);
	*head = (char) (flags | (numbers ? column->first->codec : CODEC_BYTES));
	return at;
}
