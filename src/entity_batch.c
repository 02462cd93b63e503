/*
 * entity_batch.c: values of a batch of entities.
 *
 * Values are made from what blocks hold without a datom.value in between where
 * the column is of the type that shows the kind: integers as they are, decimals
 * from their digits, and each distinct text of a block once. All else goes by
 * way of a value.
 */
#include "entity_batch.h"

#include "catalog/pg_type.h"
#include "utils/date.h"
#include "utils/memutils.h"

#include "far.h"
#include "order_codec.h"
#include "sql_value.h"

/* Of a column, so many times fewer rows are asked for that each is looked up. */
#define SPARSE 4

/* The most digits before and after the point that an int64 surely holds. */
#define MOST_NUMBER_DIGITS 18

/*
 * Places
 */

static bool
is_same(const DatomStreamPart *part, const int64 *e, int n)
{
	return part->end - part->pos == n &&
		memcmp(part->e + part->pos, e, sizeof(int64) * n) == 0;
}

static void
place_part(DatomStreamPart *part, int number, const int64 *e, int n, uint32 *places)
{
	int			at = part->pos;

	if (n * SPARSE > part->end - part->pos)
		(void) datom_stream_unpack(part);
	if (part->e && is_same(part, e, n))
	{
		for (int i = 0; i < n; i++)
			places[i] = DATOM_PLACE(number, datom_stream_row(part, at + i));
		return;
	}
	for (int i = 0; i < n && at < part->end; i++)
	{
		at = datom_stream_find(part, at, e[i]);
		if (at < part->end && datom_stream_e(part, at) == e[i])
			places[i] = DATOM_PLACE(number, datom_stream_row(part, at));
	}
}

void
datom_batch_places(const DatomAttrStream *stream, const int64 *e, int n, uint32 *places)
{
	memset(places, 0xFF, sizeof(uint32) * n);
	for (int i = 0; i < stream->nparts; i++)
		if (stream->parts[i].pos < stream->parts[i].end)
			place_part(&stream->parts[i], i, e, n, places);
}

/*
 * Numbers
 */

/* The type of integers as they are stored; false: they are not shown so. */
static bool
is_shown(const DatomValues *values, Oid type)
{
	return values->codec == CODEC_INTEGER &&
		datom_sql_type((DatomKind) values->detail) == type;
}

static const int64 *
all_numbers(DatomStreamPart *part)
{
	const DatomValues *values = part->values;

	if (part->numbers == NULL)
	{
		part->numbers = MemoryContextAlloc(part->open.context,
										   sizeof(int64) * Max(values->entries, 1));
		datom_packed_unpack(&values->numbers, values->entries, part->numbers);
	}
	return part->numbers;
}

static inline int
entry_of(const DatomStreamPart *part, int row)
{
	const DatomValues *values = part->values;
	int			i = row - part->first;

	if (!values->listed)
		return i;
	i = (int) datom_packed_get(&values->index, i);
	return Min(i, values->entries - 1);
}

static inline int64
number_at(const DatomStreamPart *part, int row)
{
	int			i = entry_of(part, row);

	return part->numbers ? part->numbers[i] : datom_packed_get(&part->values->numbers, i);
}

/* All numbers at once, unless few are asked for. */
static void
prepare_numbers(const DatomBatchColumn *batch)
{
	for (int i = 0; i < batch->stream->nparts; i++)
	{
		DatomStreamPart *part = &batch->stream->parts[i];

		if (part->pos < part->end && part->values->codec != CODEC_BYTES &&
			batch->n * SPARSE > part->end - part->pos)
			(void) all_numbers(part);
	}
}

static Datum
integer_datum(const DatomValues *values, int64 number)
{
	switch (values->detail)
	{
		case DATOM_BOOLEAN:
			return BoolGetDatum(number != 0);
		case DATOM_DATE:
			return DateADTGetDatum((DateADT) number);
		default:
			return Int64GetDatum(number);
	}
}

/* The digits after the point that the column shows; -1: as many as there are. */
static int
shown_scale(const DatomEntityColumn *column)
{
	return column->typmod < (int32) VARHDRSZ ? -1 : (column->typmod - VARHDRSZ) & 0x7FF;
}

static int
shown_precision(const DatomEntityColumn *column)
{
	return column->typmod < (int32) VARHDRSZ ? PG_INT32_MAX :
		((column->typmod - VARHDRSZ) >> 16) & 0xFFFF;
}

static const int64 power_of_ten[MOST_NUMBER_DIGITS + 1] = {
	INT64CONST(1), INT64CONST(10), INT64CONST(100), INT64CONST(1000),
	INT64CONST(10000), INT64CONST(100000), INT64CONST(1000000),
	INT64CONST(10000000), INT64CONST(100000000), INT64CONST(1000000000),
	INT64CONST(10000000000), INT64CONST(100000000000),
	INT64CONST(1000000000000), INT64CONST(10000000000000),
	INT64CONST(100000000000000), INT64CONST(1000000000000000),
	INT64CONST(10000000000000000), INT64CONST(100000000000000000),
	INT64CONST(1000000000000000000)
};

/*
 * The least number that the column cannot show when it has so many digits after
 * the point, and the factor that gives it as many; false: a value must be made.
 */
static bool
decimal_factor(const DatomEntityColumn *column, int scale, int64 *factor, int64 *limit)
{
	int			shown = shown_scale(column);
	int			precision = shown_precision(column);

	if (column->type != NUMERICOID || shown > MOST_SCALE || (shown >= 0 && shown < scale))
		return false;
	if (shown < 0)
		shown = scale;
	*factor = power_of_ten[shown - scale];
	*limit = power_of_ten[Min(precision, MOST_NUMBER_DIGITS)] / *factor;
	return true;
}

/*
 * Values
 */

DatomValue *
datom_batch_value(const DatomBatchColumn *batch, int number, int row)
{
	DatomStreamPart *part = &batch->stream->parts[number];
	uint64		hash;
	DatomValue *v = datom_values_get(part->values, row - part->first, &hash);
	DatomRecord record;

	if (v)
		return v;
	datom_block_record(&part->open.block, row, &record);
	record.far = true;
	record.far_hash = hash;
	return datom_far_value(batch->rel, batch->snapshot, &record);
}

/*
 * A text from a value whose only other byte is its kind: that byte becomes its
 * header if it is short.
 */
static Datum
text_of(DatomValue *v)
{
	Size		len = VARSIZE(v) - VARHDRSZ - 1;
	char	   *text = VARDATA(v);

	if (len + 1 > VARATT_SHORT_MAX)
	{
		memmove(text, text + 1, len);
		SET_VARSIZE(v, VARHDRSZ + len);
		return PointerGetDatum(v);
	}
	SET_VARSIZE_1B(text, len + VARHDRSZ_SHORT);
	return PointerGetDatum(text);
}

static Datum
make_value(const DatomBatchColumn *batch, int part, int row)
{
	const DatomEntityColumn *column = batch->column;
	DatomValue *v = datom_batch_value(batch, part, row);
	DatomKind	kind = datom_value_kind(v);

	if (column->type == TEXTOID && (kind == DATOM_STRING || kind == DATOM_KEYWORD) &&
		!datom_value_is_literal(v) && VARATT_IS_4B_U(v))
		return text_of(v);
	return datom_sql_from_value(v, column->type, column->typmod, column->ident);
}

/* Of a range of numbers with so few bits, each value has a number of its own. */
#define CODE_BITS 11

/*
 * How many distinct values the column may have: those that it lists, or those
 * between the least and the greatest of its numbers; 0: not known.
 */
static int
code_count(const DatomStreamPart *part)
{
	const DatomValues *values = part->values;

	if (values->listed)
		return values->entries;
	if (values->codec == CODEC_BYTES || values->numbers.bits > CODE_BITS)
		return 0;
	return 1 << values->numbers.bits;
}

static int
code_of(const DatomStreamPart *part, int row)
{
	return part->values->listed ? entry_of(part, row) :
		(int) (number_at(part, row) - part->values->numbers.base);
}

/* Each distinct value is made once, and lives as long as the block is open. */
static Datum
listed_value(const DatomBatchColumn *batch, int number, int row)
{
	DatomStreamPart *part = &batch->stream->parts[number];
	int			entry = code_of(part, row);
	int			count = code_count(part);
	MemoryContext old;

	if (part->entries == NULL)
	{
		part->entries = MemoryContextAlloc(part->open.context, sizeof(Datum) * count);
		part->entry_made = MemoryContextAllocZero(part->open.context, sizeof(bool) * count);
	}
	if (part->entry_made[entry])
		return part->entries[entry];
	old = MemoryContextSwitchTo(part->open.context);
	part->entries[entry] = make_value(batch, number, row);
	part->entry_made[entry] = true;
	MemoryContextSwitchTo(old);
	return part->entries[entry];
}

typedef enum Maker
{
	MAKE_INTEGER,
	MAKE_DECIMAL,
	MAKE_LISTED,
	MAKE_TEXT,
	MAKE_VALUE
} Maker;

typedef struct PartMaker
{
	Maker		maker;
	int64		factor;
	int64		limit;
} PartMaker;

static PartMaker
maker_of(const DatomBatchColumn *batch, const DatomValues *values)
{
	PartMaker	made = {.maker = MAKE_VALUE};

	if (is_shown(values, batch->column->type))
		made.maker = MAKE_INTEGER;
	else if (values->codec == CODEC_DECIMAL &&
			 decimal_factor(batch->column, values->detail, &made.factor, &made.limit))
		made.maker = MAKE_DECIMAL;
	else if (values->listed)
		made.maker = MAKE_LISTED;
	else if (batch->column->type == TEXTOID)
		made.maker = MAKE_TEXT;
	return made;
}

/* The longest decimal that is made of an int64. */
#define DECIMAL_ROOM MAXALIGN(VARHDRSZ + DECIMAL_LEN)

static Datum
decimal_datum(const DatomBatchColumn *batch, const PartMaker *maker, int number, int row,
			  char *room)
{
	const DatomStreamPart *part = &batch->stream->parts[number];
	int64		digits = number_at(part, row);
	int			scale = Max(shown_scale(batch->column), part->values->detail);

	if (digits >= maker->limit || digits <= -maker->limit)
		return make_value(batch, number, row);
	SET_VARSIZE(room, VARHDRSZ + datom_decimal_write(VARDATA(room), digits * maker->factor,
													 scale));
	return PointerGetDatum(room);
}

/* Room for short texts, one after the other. */
typedef struct TextRoom
{
	char	   *at;
	char	   *end;
} TextRoom;

#define TEXT_ROOM 16384

static Datum
text_datum(const DatomBatchColumn *batch, int number, int row, TextRoom *room)
{
	const DatomStreamPart *part = &batch->stream->parts[number];
	char	   *text;
	int			len;

	if (room->end - room->at < VARATT_SHORT_MAX)
	{
		room->at = palloc(TEXT_ROOM);
		room->end = room->at + TEXT_ROOM;
	}
	text = room->at;
	len = datom_values_text(part->values, row - part->first, text + VARHDRSZ_SHORT,
							VARATT_SHORT_MAX - VARHDRSZ_SHORT);
	if (len < 0)
		return make_value(batch, number, row);
	SET_VARSIZE_1B(text, VARHDRSZ_SHORT + len);
	room->at += VARHDRSZ_SHORT + len;
	return PointerGetDatum(text);
}

void
datom_batch_values(const DatomBatchColumn *batch, Datum *values, bool *nulls)
{
	PartMaker	makers[2 * DATOM_MAX_RUNS];
	char	   *room = NULL;
	TextRoom	texts = {NULL, NULL};

	prepare_numbers(batch);
	for (int i = 0; i < batch->stream->nparts; i++)
		if (batch->stream->parts[i].pos < batch->stream->parts[i].end)
		{
			makers[i] = maker_of(batch, batch->stream->parts[i].values);
			if (makers[i].maker == MAKE_DECIMAL && room == NULL)
				room = palloc(DECIMAL_ROOM * batch->n);
		}
	for (int i = 0; i < batch->n; i++)
	{
		int			part = DATOM_PLACE_PART(batch->places[i]);
		int			row = DATOM_PLACE_ROW(batch->places[i]);

		nulls[i] = batch->places[i] == DATOM_NOWHERE;
		values[i] = (Datum) 0;
		if (nulls[i])
			continue;
		switch (makers[part].maker)
		{
			case MAKE_INTEGER:
				values[i] = integer_datum(batch->stream->parts[part].values,
										  number_at(&batch->stream->parts[part], row));
				break;
			case MAKE_DECIMAL:
				values[i] = decimal_datum(batch, &makers[part], part, row,
										  room + DECIMAL_ROOM * i);
				break;
			case MAKE_LISTED:
				values[i] = listed_value(batch, part, row);
				break;
			case MAKE_TEXT:
				values[i] = text_datum(batch, part, row, &texts);
				break;
			case MAKE_VALUE:
				values[i] = make_value(batch, part, row);
				break;
		}
	}
}

/*
 * Numbers and lists for whoever computes with them
 */

/* What the numbers of the parts have in common; false: nothing. */
static bool
common_scale(const DatomBatchColumn *batch, int *scale, bool *decimal)
{
	const DatomEntityColumn *column = batch->column;
	bool		first = true;
	int64		factor;
	int64		limit;

	*scale = 0;
	*decimal = column->type == NUMERICOID;
	if (column->type == FLOAT8OID)
		return false;
	for (int i = 0; i < batch->stream->nparts; i++)
	{
		const DatomStreamPart *part = &batch->stream->parts[i];

		if (part->pos >= part->end)
			continue;
		if (!*decimal)
		{
			if (!is_shown(part->values, column->type))
				return false;
			continue;
		}
		if (part->values->codec != CODEC_DECIMAL ||
			!decimal_factor(column, part->values->detail, &factor, &limit) ||
			(!first && *scale != part->values->detail))
			return false;
		*scale = part->values->detail;
		first = false;
	}
	return true;
}

/* Where the numbers of the batch are next to each other; NULL: they are not. */
static const int64 *
run_of_numbers(const DatomBatchColumn *batch)
{
	uint32		first = batch->places[0];
	const DatomStreamPart *part;

	if (first == DATOM_NOWHERE || batch->places[batch->n - 1] - first != (uint32) batch->n - 1)
		return NULL;
	part = &batch->stream->parts[DATOM_PLACE_PART(first)];
	if (part->numbers == NULL || part->values->listed)
		return NULL;
	for (int i = 1; i < batch->n; i++)
		if (batch->places[i] != first + i)
			return NULL;
	return part->numbers + DATOM_PLACE_ROW(first) - part->first;
}

static void
gather_numbers(const DatomBatchColumn *batch, int64 *numbers, bool *nulls)
{
	const int64 *run = run_of_numbers(batch);

	if (run)
	{
		memcpy(numbers, run, sizeof(int64) * batch->n);
		memset(nulls, 0, sizeof(bool) * batch->n);
		return;
	}
	for (int i = 0; i < batch->n; i++)
	{
		uint32		place = batch->places[i];

		nulls[i] = place == DATOM_NOWHERE;
		numbers[i] = nulls[i] ? 0 :
			number_at(&batch->stream->parts[DATOM_PLACE_PART(place)], DATOM_PLACE_ROW(place));
	}
}

bool
datom_batch_numbers(const DatomBatchColumn *batch, int64 *numbers, bool *nulls,
					int *scale, bool *decimal)
{
	int64		factor = 1;
	int64		limit = PG_INT64_MAX;

	if (!common_scale(batch, scale, decimal))
		return false;
	prepare_numbers(batch);
	if (*decimal)
		(void) decimal_factor(batch->column, *scale, &factor, &limit);
	gather_numbers(batch, numbers, nulls);
	if (!*decimal)
		return true;
	for (int i = 0; i < batch->n; i++)
		if (numbers[i] >= limit || numbers[i] <= -limit)
			return false;
	if (factor != 1)
		for (int i = 0; i < batch->n; i++)
			numbers[i] *= factor;
	*scale = Max(shown_scale(batch->column), *scale);
	return true;
}

/* Of a batch that comes from one part only. */
bool
datom_batch_listed(const DatomBatchColumn *batch, uint16 *codes, const Datum **values,
				   int *count)
{
	int			only = -1;
	DatomStreamPart *part;

	for (int i = 0; i < batch->stream->nparts; i++)
		if (batch->stream->parts[i].pos < batch->stream->parts[i].end)
		{
			if (only >= 0)
				return false;
			only = i;
		}
	if (only < 0)
		return false;
	part = &batch->stream->parts[only];
	*count = code_count(part);
	if (*count == 0)
		return false;
	if (!part->values->listed)
		prepare_numbers(batch);
	for (int i = 0; i < batch->n; i++)
	{
		uint32		place = batch->places[i];

		codes[i] = *count;
		if (place == DATOM_NOWHERE)
			continue;
		codes[i] = code_of(part, DATOM_PLACE_ROW(place));
		if (part->entries == NULL || !part->entry_made[codes[i]])
			(void) listed_value(batch, only, DATOM_PLACE_ROW(place));
	}
	*values = part->entries;
	return part->entries != NULL;
}
