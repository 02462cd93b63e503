/*
 * order_block.c: one block of an order, up to 1,024 facts, column by column.
 *
 * The layout of a block, nothing aligned; `packed` is that of order_pack.c:
 *
 *	0	n			2 bytes: records, or numbers
 *	2	flags		1 byte: BLOCK_*
 *	3	version		1 byte: BLOCK_VERSION
 *	4	nattrs		2 bytes: 0 if BLOCK_NUMBERS
 *	6	ntxs		2 bytes: the same
 *	8	e			packed, n
 *	and, without BLOCK_NUMBERS:
 *		attr		packed, n: index of the attribute; only if nattrs > 1
 *		tx_number	packed, ntxs: the distinct transactions, in the order in which
 *		tx_instant	packed, ntxs	the records name them, `from` before `to`
 *		from		packed, n: index of a transaction; not with BLOCK_FROM_IS_ROW,
 *					where it is the record's own number
 *		to			packed, n: the same; not with BLOCK_OPEN
 *		kind		packed, n: DatomRecordKind; not with BLOCK_OPEN
 *		nattrs times:
 *			len		1 byte
 *			name	without NUL
 *			values	see order_codec.h: those of the attribute's records
 *	then DATOM_PACK_SLACK bytes of 0
 *
 * The least number that a packed index can say is 0, so its base is too.
 */
#include "order_block.h"

#include "common/hashfn.h"
#include "utils/memutils.h"

#include "order_column.h"

#define BLOCK_NUMBERS 0x01
#define BLOCK_OPEN 0x02
#define BLOCK_FROM_IS_ROW 0x04

#define BLOCK_VERSION 1
#define HEADER_LEN 8

/* Most transactions that the records of a block can name. */
#define MOST_TXS (2 * DATOM_BLOCK_FACTS)

/* Records added between two looks at the size. */
#define FIRST_STEP 16
#define MOST_STEP 256

/* A long value is worth a look, because preparing another one is dear. */
#define LONG_VALUE 256

typedef struct BlockTx
{
	int64		number;
	TimestampTz instant;
} BlockTx;

typedef struct BlockAttr
{
	const char *name;
	int			len;
	DatomColumn column;
} BlockAttr;

typedef struct BlockRow
{
	uint16		attr;
	uint16		from;
	uint16		to;
} BlockRow;

/* Of the records added. */
typedef struct BlockStats
{
	int			n;
	int			nattrs;
	int			ntxs;
	int			names_len;
	bool		from_is_row;
	int64		e_min;
	int64		e_max;
	int64		tx_min;
	int64		tx_max;
	int64		instant_min;
	int64		instant_max;
	int			kind_min;
	int			kind_max;
} BlockStats;

/* A block being made. */
typedef struct Filler
{
	const DatomRecord *records;
	bool		open;
	int			prepared;
	int			nattrs;			/* of the records prepared */
	int			ntxs;
	BlockStats	stats;
	BlockStats	kept;
	BlockAttr  *attrs;
	int			attrs_room;
	int			last_attr;
	DatomCellMap map;
	uint16		attr_slots[2 * DATOM_BLOCK_FACTS];	/* index plus 1 */
	uint16		tx_slots[2 * MOST_TXS];
	BlockTx		txs[MOST_TXS];
	BlockRow	rows[DATOM_BLOCK_FACTS];
	DatomCell	cells[DATOM_BLOCK_FACTS];
	int64		scratch[MOST_TXS];
} Filler;

static Filler *
filler_create(const DatomRecord *records)
{
	Filler	   *filler = palloc(sizeof(Filler));

	memset(filler, 0, offsetof(Filler, txs));
	filler->records = records;
	filler->open = records[0].kind == RECORD_OPEN;
	filler->map.cells = filler->cells;
	return filler;
}

/* Preparing: what does not depend on how many records the block takes. */

static inline bool
is_attr(const BlockAttr *attr, const DatomRecord *record)
{
	return attr->len == record->alen &&
		(attr->name == record->a || memcmp(attr->name, record->a, record->alen) == 0);
}

static int
add_attr(Filler *filler, const DatomRecord *record)
{
	BlockAttr  *attr;

	if (filler->nattrs == filler->attrs_room)
	{
		filler->attrs_room = Max(8, filler->attrs_room * 2);
		filler->attrs = filler->attrs ?
			repalloc(filler->attrs, sizeof(BlockAttr) * filler->attrs_room) :
			palloc(sizeof(BlockAttr) * filler->attrs_room);
	}
	attr = &filler->attrs[filler->nattrs];
	memset(attr, 0, sizeof(*attr));
	attr->name = record->a;
	attr->len = record->alen;
	return filler->nattrs++;
}

static int
find_attr(Filler *filler, const DatomRecord *record)
{
	uint32		slot;

	if (filler->nattrs > 0 && is_attr(&filler->attrs[filler->last_attr], record))
		return filler->last_attr;
	slot = hash_bytes((const unsigned char *) record->a, record->alen);
	for (slot %= lengthof(filler->attr_slots); filler->attr_slots[slot] != 0;
		 slot = (slot + 1) % lengthof(filler->attr_slots))
		if (is_attr(&filler->attrs[filler->attr_slots[slot] - 1], record))
			return filler->last_attr = filler->attr_slots[slot] - 1;
	filler->last_attr = add_attr(filler, record);
	filler->attr_slots[slot] = filler->last_attr + 1;
	return filler->last_attr;
}

static int
find_tx(Filler *filler, int64 number, TimestampTz instant)
{
	uint32		slot = (uint32) (((uint64) number * UINT64CONST(0x9E3779B97F4A7C15) ^
								  (uint64) instant) * UINT64CONST(0x9E3779B97F4A7C15) >> 32);

	for (slot %= lengthof(filler->tx_slots); filler->tx_slots[slot] != 0;
		 slot = (slot + 1) % lengthof(filler->tx_slots))
	{
		const BlockTx *tx = &filler->txs[filler->tx_slots[slot] - 1];

		if (tx->number == number && tx->instant == instant)
			return filler->tx_slots[slot] - 1;
	}
	filler->txs[filler->ntxs] = (BlockTx) {number, instant};
	filler->tx_slots[slot] = ++filler->ntxs;
	return filler->ntxs - 1;
}

static void
prepare(Filler *filler)
{
	int			i = filler->prepared++;
	const DatomRecord *record = &filler->records[i];
	BlockRow   *row = &filler->rows[i];

	Assert((record->kind == RECORD_OPEN) == filler->open);
	row->attr = find_attr(filler, record);
	if (i > 0 && record->tx == record[-1].tx && record->from == record[-1].from)
		row->from = row[-1].from;
	else
		row->from = find_tx(filler, record->tx, record->from);
	row->to = filler->open ? 0 : find_tx(filler, record->to_tx, record->to);
	datom_cell_prepare(&filler->map, i, row->attr, &filler->attrs[row->attr].column,
					   record->far ? NULL : record->v, &record->far_hash);
}

/* Adding: the sizes of a block with one record more. */

static void
add_txs(Filler *filler, int most)
{
	BlockStats *stats = &filler->stats;

	for (; stats->ntxs <= most; stats->ntxs++)
	{
		const BlockTx *tx = &filler->txs[stats->ntxs];
		bool		first = stats->ntxs == 0;

		stats->tx_min = first ? tx->number : Min(stats->tx_min, tx->number);
		stats->tx_max = first ? tx->number : Max(stats->tx_max, tx->number);
		stats->instant_min = first ? tx->instant : Min(stats->instant_min, tx->instant);
		stats->instant_max = first ? tx->instant : Max(stats->instant_max, tx->instant);
	}
}

static void
add(Filler *filler, int i)
{
	const DatomRecord *record = &filler->records[i];
	const BlockRow *row = &filler->rows[i];
	BlockStats *stats = &filler->stats;

	stats->e_min = i == 0 ? record->e : Min(stats->e_min, record->e);
	stats->e_max = i == 0 ? record->e : Max(stats->e_max, record->e);
	stats->kind_min = i == 0 ? (int) record->kind : Min(stats->kind_min, (int) record->kind);
	stats->kind_max = Max(stats->kind_max, (int) record->kind);
	stats->from_is_row = row->from == i && (i == 0 || stats->from_is_row);
	if (Max(row->from, row->to) >= stats->ntxs)
		add_txs(filler, Max(row->from, row->to));
	if (row->attr >= stats->nattrs)
	{
		stats->nattrs = row->attr + 1;
		stats->names_len += 1 + record->alen;
	}
	datom_column_add(&filler->attrs[row->attr].column, &filler->cells[i]);
	stats->n = i + 1;
}

static void
keep(Filler *filler)
{
	filler->kept = filler->stats;
	for (int i = 0; i < filler->stats.nattrs; i++)
		filler->attrs[i].column.kept = filler->attrs[i].column.stats;
}

static void
set_back(Filler *filler)
{
	for (int i = 0; i < filler->stats.nattrs; i++)
		filler->attrs[i].column.stats = filler->attrs[i].column.kept;
	filler->stats = filler->kept;
}

static int
filler_size(const Filler *filler)
{
	const BlockStats *stats = &filler->stats;
	int			size = HEADER_LEN + DATOM_PACK_SLACK + stats->names_len;

	size += datom_pack_size(stats->n, stats->e_min, stats->e_max);
	size += datom_pack_size(stats->ntxs, stats->tx_min, stats->tx_max);
	size += datom_pack_size(stats->ntxs, stats->instant_min, stats->instant_max);
	if (stats->nattrs > 1)
		size += datom_pack_size(stats->n, 0, stats->nattrs - 1);
	if (!stats->from_is_row)
		size += datom_pack_size(stats->n, 0, stats->ntxs - 1);
	if (!filler->open)
		size += datom_pack_size(stats->n, 0, stats->ntxs - 1) +
			datom_pack_size(stats->n, stats->kind_min, stats->kind_max);
	for (int i = 0; i < stats->nattrs; i++)
		size += datom_column_size(&filler->attrs[i].column);
	return size;
}

/* Adds records until there are n, or a long value has been added. */
static void
advance(Filler *filler, int n)
{
	while (filler->stats.n < n)
	{
		int			i = filler->stats.n;

		if (i == filler->prepared)
			prepare(filler);
		add(filler, i);
		if (filler->cells[i].len > LONG_VALUE)
			return;
	}
}

/*
 * Adds the longest prefix of the records that fits: a few steps that grow to
 * what the size so far lets expect, and shrink when it was too much.
 */
static void
fit(Filler *filler, int size, int n)
{
	int			too_many = n + 1;
	int			step = FIRST_STEP;

	while (filler->kept.n + 1 < too_many)
	{
		int			used;

		advance(filler, Min(filler->stats.n + step, too_many - 1));
		used = filler_size(filler);
		if (used <= size)
		{
			int64		expected = (int64) (size - used) * filler->stats.n / used;

			step = Max(1, Min(expected, MOST_STEP));
			keep(filler);
		}
		else
		{
			too_many = filler->stats.n;
			set_back(filler);
			step = Max(1, (too_many - filler->stats.n) / 2);
		}
	}
	if (filler->stats.n == 0)
		elog(ERROR, "a record does not fit into a block of %d bytes", size);
}

static char *
put_header(char *at, int n, int flags, int nattrs, int ntxs)
{
	uint16		words[HEADER_LEN / 2] = {n, 0, nattrs, ntxs};

	memcpy(at, words, HEADER_LEN);
	at[2] = (char) flags;
	at[3] = BLOCK_VERSION;
	return at + HEADER_LEN;
}

/* Packs n expressions of i. */
#define PUT_COLUMN(n, min, max, expression) \
	do { \
		for (int i = 0; i < (n); i++) \
			filler->scratch[i] = (expression); \
		at = datom_pack_write(at, filler->scratch, n, min, max); \
	} while (0)

static char *
put_rows(Filler *filler, char *at)
{
	const BlockStats *stats = &filler->stats;

	PUT_COLUMN(stats->n, stats->e_min, stats->e_max, filler->records[i].e);
	if (stats->nattrs > 1)
		PUT_COLUMN(stats->n, 0, stats->nattrs - 1, filler->rows[i].attr);
	PUT_COLUMN(stats->ntxs, stats->tx_min, stats->tx_max, filler->txs[i].number);
	PUT_COLUMN(stats->ntxs, stats->instant_min, stats->instant_max, filler->txs[i].instant);
	if (!stats->from_is_row)
		PUT_COLUMN(stats->n, 0, stats->ntxs - 1, filler->rows[i].from);
	if (!filler->open)
	{
		PUT_COLUMN(stats->n, 0, stats->ntxs - 1, filler->rows[i].to);
		PUT_COLUMN(stats->n, stats->kind_min, stats->kind_max, filler->records[i].kind);
	}
	return at;
}

static char *
put_block(Filler *filler, char *at)
{
	const BlockStats *stats = &filler->stats;

	at = put_header(at, stats->n, (filler->open ? BLOCK_OPEN : 0) |
					(stats->from_is_row ? BLOCK_FROM_IS_ROW : 0), stats->nattrs, stats->ntxs);
	at = put_rows(filler, at);
	for (int i = 0; i < stats->nattrs; i++)
	{
		const BlockAttr *attr = &filler->attrs[i];

		*at++ = (char) attr->len;
		memcpy(at, attr->name, attr->len);
		at = datom_column_write(at + attr->len, &attr->column, filler->cells, filler->scratch);
	}
	memset(at, 0, DATOM_PACK_SLACK);
	return at + DATOM_PACK_SLACK;
}

/* The bounds of the values, if all are integers of one kind. */
static void
set_value_zone(const Filler *filler, DatomZone *zone)
{
	DatomKind	first = DATOM_LONG;

	zone->v_known = true;
	zone->v_min = zone->v_max = 0;
	for (int i = 0; i < filler->stats.nattrs && zone->v_known; i++)
	{
		DatomKind	kind;
		int64		min,
					max;

		zone->v_known = datom_column_integers(&filler->attrs[i].column, &kind, &min, &max) &&
			(i == 0 || kind == first);
		if (!zone->v_known)
			return;
		first = kind;
		zone->v_min = i == 0 ? min : Min(zone->v_min, min);
		zone->v_max = i == 0 ? max : Max(zone->v_max, max);
	}
}

static void
set_zone(const Filler *filler, DatomZone *zone)
{
	const DatomRecord *records = filler->records;

	zone->e_min = filler->stats.e_min;
	zone->e_max = filler->stats.e_max;
	zone->from_min = zone->from_max = records[0].from;
	zone->to_max = filler->open ? DT_NOEND : records[0].to;
	for (int i = 1; i < filler->stats.n; i++)
	{
		zone->from_min = Min(zone->from_min, records[i].from);
		zone->from_max = Max(zone->from_max, records[i].from);
		if (!filler->open)
			zone->to_max = Max(zone->to_max, records[i].to);
	}
	set_value_zone(filler, zone);
}

int
datom_block_fill(char *room, int size, const DatomRecord *records, int n,
				 DatomZone *zone, int *used)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "datom block",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Filler	   *filler = filler_create(records);

	Assert(n > 0);
	fit(filler, size, Min(n, DATOM_BLOCK_FACTS));
	n = filler->stats.n;
	*used = (int) (put_block(filler, room) - room);
	if (*used != filler_size(filler))
		elog(ERROR, "a block of %d records has %d bytes instead of %d",
			 n, *used, filler_size(filler));
	set_zone(filler, zone);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return n;
}

int
datom_block_fill_numbers(char *room, int size, const int64 *numbers, int n, int *used)
{
	char	   *at;
	int			spent = HEADER_LEN + DATOM_PACK_SLACK;
	int			fits = Min(n, DATOM_BLOCK_FACTS);

	/* They are sorted, so the bits of the last one are those of all. */
	while (spent + datom_pack_size(fits, numbers[0], numbers[fits - 1]) > size)
		fits--;
	at = put_header(room, fits, BLOCK_NUMBERS, 0, 0);
	at = datom_pack_write(at, numbers, fits, numbers[0], numbers[fits - 1]);
	memset(at, 0, DATOM_PACK_SLACK);
	*used = (int) (at + DATOM_PACK_SLACK - room);
	return fits;
}

/* Reading */

void
datom_block_damaged(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_INDEX_CORRUPTED),
			 errmsg("a block of an order is damaged")));
}

static bool
open_index(DatomCursor *cursor, int n, int count, DatomPacked *packed)
{
	return datom_pack_read(cursor, n, packed) && datom_packed_below(packed, n, count);
}

/* The columns of records, without their values; what is not there reads as 0. */
static const char *
open_rows(DatomBlock *block, DatomCursor *cursor)
{
	int			n = block->n;

	if (block->nattrs > 1 && !open_index(cursor, n, block->nattrs, &block->attr))
		return "attributes";
	if (!datom_pack_read(cursor, block->ntxs, &block->tx_number) ||
		!datom_pack_read(cursor, block->ntxs, &block->tx_instant))
		return "transactions";
	if (block->from_is_row ? block->ntxs < n : !datom_pack_read(cursor, n, &block->from))
		return "beginnings";
	if (block->open)
		return NULL;
	if (!datom_pack_read(cursor, n, &block->to))
		return "ends";
	if (!open_index(cursor, n, RECORD_RETRACTION + 1, &block->kind))
		return "kinds";
	return NULL;
}

static const char *
open_attrs(DatomBlock *block, DatomCursor *cursor)
{
	DatomValues *values;

	block->attrs = palloc0((sizeof(DatomBlockAttr) + sizeof(DatomValues)) * block->nattrs);
	values = (DatomValues *) (block->attrs + block->nattrs);
	for (int i = 0; i < block->nattrs; i++)
	{
		DatomBlockAttr *attr = &block->attrs[i];
		const char *len = datom_cursor_take(cursor, 1);

		if (len == NULL)
			return "attribute";
		attr->len = (uint8) *len;
		attr->name = datom_cursor_take(cursor, attr->len);
		attr->values = &values[i];
		if (attr->name == NULL)
			return "attribute";
		if (!datom_values_open(attr->values, cursor))
			return "values";
	}
	return NULL;
}

const char *
datom_block_open(DatomBlock *block, const char *room, int size)
{
	DatomCursor cursor = {room + HEADER_LEN, room + size - DATOM_PACK_SLACK};
	uint16		words[HEADER_LEN / 2];
	const char *wrong;

	memset(block, 0, sizeof(*block));
	if (size < HEADER_LEN + DATOM_PACK_SLACK)
		return "size";
	memcpy(words, room, HEADER_LEN);
	block->n = words[0];
	block->numbers = (room[2] & BLOCK_NUMBERS) != 0;
	block->open = (room[2] & BLOCK_OPEN) != 0;
	block->from_is_row = (room[2] & BLOCK_FROM_IS_ROW) != 0;
	block->nattrs = words[2];
	block->ntxs = words[3];
	if (room[3] != BLOCK_VERSION)
		return "version";
	if (block->n < 1 || block->n > DATOM_BLOCK_FACTS)
		return "number of records";
	if (!datom_pack_read(&cursor, block->n, &block->e))
		return "entities";
	if (block->numbers)
		return block->nattrs > 0 || block->ntxs > 0 ? "numbers" : NULL;
	if (block->nattrs < 1 || block->nattrs > block->n)
		return "number of attributes";
	if (block->ntxs < 1 || block->ntxs > MOST_TXS)
		return "number of transactions";
	wrong = open_rows(block, &cursor);
	return wrong != NULL ? wrong : open_attrs(block, &cursor);
}

void
datom_block_record(const DatomBlock *block, int i, DatomRecord *record)
{
	const DatomBlockAttr *attr;
	int			from,
				to;

	memset(record, 0, sizeof(*record));
	if (i < 0 || i >= block->n)
		datom_block_damaged();
	record->e = datom_packed_get(&block->e, i);
	if (block->numbers)
		return;
	attr = datom_block_attr(block, i);
	from = datom_block_from(block, i);
	record->a = attr->name;
	record->alen = attr->len;
	record->tx = datom_packed_get(&block->tx_number, from);
	record->from = datom_packed_get(&block->tx_instant, from);
	record->to = DT_NOEND;
	if (block->open)
		return;
	to = datom_block_tx(block, &block->to, i);
	record->kind = (DatomRecordKind) datom_packed_get(&block->kind, i);
	record->to_tx = datom_packed_get(&block->tx_number, to);
	record->to = datom_packed_get(&block->tx_instant, to);
}

void
datom_block_instants(const DatomBlock *block, const DatomPacked *index, const int64 *instants,
					 int64 *out)
{
	if (index == &block->from && block->from_is_row)
	{
		memcpy(out, instants, sizeof(int64) * block->n);
		return;
	}
	if (!datom_packed_below(index, block->n, block->ntxs))
		datom_block_damaged();
	datom_packed_unpack(index, block->n, out);
	for (int i = 0; i < block->n; i++)
		out[i] = instants[out[i]];
}

/* Counts the records of each attribute among the first n, a multiple of eight. */
static void
count_attrs(const DatomPacked *attr, int n, uint16 *counts)
{
	uint64		mask = (UINT64CONST(1) << attr->bits) - 1;

	if (attr->bits > 7)
	{
		for (int i = 0; i < n; i++)
			counts[datom_packed_get(attr, i)]++;
		return;
	}
	/* Eight numbers end with a whole byte, and begin with one. */
	counts += attr->base;
	for (const char *at = attr->bytes; n > 0; n -= 8, at += attr->bits)
	{
		uint64		word = datom_packed_word(at);

		for (int k = 0; k < 4; k++, word >>= 2 * attr->bits)
		{
			counts[word & mask]++;
			counts[word >> attr->bits & mask]++;
		}
	}
}

/*
 * What comes before the first row that is asked for is counted and no more. Who asks
 * for that too after all begins anew, once.
 */
static void
begin_ordinals(DatomBlock *block, int row)
{
	if (block->ordinals == NULL)
	{
		block->ordinals = MemoryContextAllocZero(GetMemoryChunkContext(block->attrs),
												 sizeof(uint16) * (block->n + block->nattrs));
		block->first_ordinal = block->nordinals = row / 8 * 8;
		count_attrs(&block->attr, block->nordinals, block->ordinals + block->n);
	}
	else if (row < block->first_ordinal)
	{
		memset(block->ordinals + block->n, 0, sizeof(uint16) * block->nattrs);
		block->first_ordinal = block->nordinals = 0;
	}
}

/*
 * Counts, for each record up to `row`, those before it of its attribute. Who reads
 * one entity of a block needs no more than that, and those from its first record on.
 */
static void
make_ordinals(DatomBlock *block, int row)
{
	const DatomPacked *attr = &block->attr;
	uint64		mask = (UINT64CONST(1) << attr->bits) - 1;
	uint16	   *ordinals;
	uint16	   *counts;
	int			i;

	begin_ordinals(block, row);
	ordinals = block->ordinals;
	counts = ordinals + block->n;
	i = block->nordinals;
	for (; i <= row && attr->bits <= 7 && i + 8 <= block->n; i += 8)
	{
		uint64		word = datom_packed_word(attr->bytes + i / 8 * attr->bits);

		for (int k = 0; k < 8; k++, word >>= attr->bits)
			ordinals[i + k] = counts[attr->base + (word & mask)]++;
	}
	for (; i <= row; i++)
		ordinals[i] = counts[datom_packed_get(attr, i)]++;
	block->nordinals = i;
}

DatomValue *
datom_block_value(DatomBlock *block, int i, uint64 *far_hash)
{
	const DatomValues *values;
	int			attr = 0,
				ordinal = i;

	if (i < 0 || i >= block->n || block->numbers)
		datom_block_damaged();
	if (block->nattrs > 1)
	{
		if (i >= block->nordinals || i < block->first_ordinal)
			make_ordinals(block, i);
		attr = (int) datom_packed_get(&block->attr, i);
		ordinal = block->ordinals[i];
	}
	values = block->attrs[attr].values;
	if (ordinal >= values->count)
		datom_block_damaged();
	return datom_values_get(values, ordinal, far_hash);
}
