/*
 * order_block_test.c: blocks of random records, read back and damaged. Only in
 * the test build; test/t/070_order_block.pl creates the functions.
 */
#include "compat.h"

#ifdef DATOM_TEST

#include <sys/mman.h>
#include <unistd.h>

#include "fmgr.h"
#include "miscadmin.h"
#include "portability/instr_time.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

#include "order_block.h"

#define BLOCK_SIZE 8152

/* What follows the bytes of a block and must not be written. */
#define FENCE 64

typedef struct Random
{
	uint64		state;
} Random;

static uint64
next(Random *r)
{
	uint64		z = (r->state += UINT64CONST(0x9E3779B97F4A7C15));

	z = (z ^ (z >> 30)) * UINT64CONST(0xBF58476D1CE4E5B9);
	z = (z ^ (z >> 27)) * UINT64CONST(0x94D049BB133111EB);
	return z ^ (z >> 31);
}

static int
below(Random *r, int n)
{
	return (int) (next(r) % (uint64) n);
}

/* Any, with small ones and the extremes more often than by chance. */
static int64
any_int(Random *r)
{
	switch (below(r, 8))
	{
		case 0:
			return PG_INT64_MIN + below(r, 2);
		case 1:
			return PG_INT64_MAX - below(r, 2);
		case 2:
			return below(r, 3) - 1;
		case 3:
			return (int64) next(r);
		default:
			return (int64) (next(r) >> below(r, 64)) * (below(r, 2) ? 1 : -1);
	}
}

static char *
any_bytes(Random *r, int len, bool dense)
{
	char	   *bytes = palloc(len + 1);

	for (int i = 0; i < len; i++)
		bytes[i] = dense ? (char) (1 + next(r) % 255) : "abcab"[below(r, 5)];
	bytes[len] = 0;
	return bytes;
}

static DatomValue *
any_decimal(Random *r)
{
	static const char *const texts[] = {
		"0", "0.00", "-0.0", "1.50", "-1.5", "10000", "0.0001", "1e20", "1e-20",
		"9223372036854775807", "-9223372036854775808", "922337203685477580.7",
		"99999999.99999999", "0.9999999999999999", "0.00000000000000001",
		"123456789012345678901234567890.123456789", "1e1000", "1e-100", "10000.0000",
		"100000000", "0.10000000", "999900000000.0001"
	};
	const char *text = texts[below(r, lengthof(texts))];

	if (below(r, 2))
		text = psprintf(INT64_FORMAT "." UINT64_FORMAT, any_int(r), next(r) >> below(r, 64));
	return datom_value_make_bigdec(DatumGetNumeric(
		DirectFunctionCall3(numeric_in, CStringGetDatum(text), InvalidOid, -1)));
}

static DatomValue *
any_double(Random *r)
{
	int64		bits = any_int(r);
	double		number;

	switch (below(r, 4))
	{
		case 0:
			return datom_value_make_double(below(r, 2) ? -0.0 : 0.0);
		case 1:
			return datom_value_make_double((below(r, 2000) - 1000) / 100.0);
		default:
			memcpy(&number, &bits, sizeof(number));
			return datom_value_make_double(number);
	}
}

static DatomValue *
text_value(Random *r, char *text)
{
	return below(r, 2) ? datom_value_make_string(text, strlen(text)) :
		datom_value_make_keyword(text, strlen(text));
}

static DatomValue *
string(const char *text)
{
	return datom_value_make_string(text, strlen(text));
}

/* Columns of one style compress in a way that mixed ones do not. */
#define STYLES 24

static DatomValue *
any_value(Random *r, int style)
{
	char	   *text;

	switch (style)
	{
		case 0:
			return datom_value_make_boolean(below(r, 2));
		case 1:
			return datom_value_make_long(any_int(r));
		case 2:
			return datom_value_make_long(below(r, 1000));
		case 3:
			return any_double(r);
		case 4:
			return any_decimal(r);
		case 5:
			return datom_value_make_bigdec(DatumGetNumeric(DirectFunctionCall3(numeric_in,
				CStringGetDatum(psprintf("%d.%02d", below(r, 100000) - 50000, below(r, 100))),
				InvalidOid, -1)));
		case 6:
			text = any_bytes(r, below(r, 40), true);
			return text_value(r, text);
		case 7:
			return string(psprintf("pur-%d", below(r, 1000000)));
		case 8:
			return string(psprintf("pur-%07d", below(r, 10000000)));
		case 9:
			return string(psprintf("%03d", below(r, 10000)));
		case 10:
			return string(psprintf("%0*d", 1 + below(r, 5), below(r, 200)));
		case 11:
			return string(psprintf("x" UINT64_FORMAT "%d", next(r), below(r, 100)));
		case 12:
			return datom_value_make_instant(any_int(r));
		case 13:
			return datom_value_make_date((DateADT) any_int(r));
		case 14:
			return datom_value_make_uuid((unsigned char *) any_bytes(r, 16, true));
		case 15:
			return datom_value_make_ref(any_int(r));
		case 16:
			return datom_value_make_bytes(any_bytes(r, 100, true), below(r, 100));
		case 17:
			return datom_value_make_json(DatumGetJsonbP(DirectFunctionCall1(jsonb_in,
				CStringGetDatum(psprintf("{\"a\": [%d, null, \"%s\"]}", below(r, 100),
										 any_bytes(r, below(r, 30), false))))));
		case 18:
			return string(below(r, 2) ? ":male" : ":female");
		case 19:
			return string("");
		case 20:
			return text_value(r, any_bytes(r, 200 + below(r, 4000), false));
		case 21:
			return datom_value_make_bytes(any_bytes(r, 4000, true), below(r, 4000));
		case 22:
			return string(psprintf("%s%d", any_bytes(r, 250 + below(r, 20), false), below(r, 10)));
		default:
			return any_value(r, below(r, STYLES - 1));
	}
}

/* With a header of one byte where there can be one. */
static DatomValue *
short_value(DatomValue *v)
{
	DatomValue *copy;
	Size		len = VARSIZE(v) - VARHDRSZ;

	if (!VARATT_CAN_MAKE_SHORT(v))
		return v;
	copy = palloc(len + VARHDRSZ_SHORT);
	SET_VARSIZE_SHORT(copy, len + VARHDRSZ_SHORT);
	memcpy(VARDATA_SHORT(copy), VARDATA(v), len);
	return copy;
}

typedef struct Plan
{
	int			nattrs;
	int			styles[DATOM_BLOCK_FACTS];
	char	   *names[DATOM_BLOCK_FACTS];
	bool		open;
	bool		grouped;
	int			txs;			/* 0: each its own; else so many */
	int			far;			/* one in so many */
	bool		repeat;
	bool		wide;			/* any e and tx */
} Plan;

static void
make_plan(Random *r, Plan *plan)
{
	static const int nattrs[] = {1, 1, 1, 2, 5, 5, 40, DATOM_BLOCK_FACTS};
	int			style = below(r, 2 * STYLES);

	plan->nattrs = nattrs[below(r, lengthof(nattrs))];
	for (int i = 0; i < plan->nattrs; i++)
	{
		plan->styles[i] = style < STYLES ? style : below(r, STYLES);
		plan->names[i] = psprintf(":%.*s/a%d", below(r, 10) == 0 ? 240 : 3,
								  any_bytes(r, 240, false), i);
	}
	plan->open = below(r, 2);
	plan->grouped = below(r, 2);
	plan->txs = below(r, 3) == 0 ? 0 : 1 + below(r, 40) * below(r, 2);
	plan->far = below(r, 4) == 0 ? 3 : 1000000;
	plan->repeat = below(r, 4) == 0;
	plan->wide = below(r, 4) == 0;
}

static void
make_tx(Random *r, const Plan *plan, int i, int64 *tx, TimestampTz *instant)
{
	uint64		seed = plan->txs == 0 ? i : below(r, plan->txs);
	Random		own = {seed};

	*tx = plan->wide ? any_int(&own) : 1000000 + (int64) seed;
	*instant = plan->wide ? any_int(&own) : 800000000000000 + (int64) seed * 1000;
}

static void
make_record(Random *r, const Plan *plan, DatomRecord *records, int i)
{
	DatomRecord *record = &records[i];
	int			attr = plan->grouped ? i % plan->nattrs : below(r, plan->nattrs);

	memset(record, 0, sizeof(*record));
	record->e = plan->wide ? any_int(r) : 100000 + i / plan->nattrs;
	record->a = plan->names[attr];
	record->alen = strlen(record->a);
	make_tx(r, plan, i, &record->tx, &record->from);
	record->to = DT_NOEND;
	record->kind = plan->open ? RECORD_OPEN : 1 + below(r, 4);
	if (record->kind == RECORD_ASSERTION || record->kind == RECORD_RETRACTION)
	{
		record->to_tx = record->tx;
		record->to = record->from;
	}
	else if (!plan->open)
		make_tx(r, plan, DATOM_BLOCK_FACTS + i, &record->to_tx, &record->to);
	record->far = below(r, plan->far) == 0;
	if (record->far)
		record->far_hash = below(r, 2) ? next(r) : 7;
	else if (plan->repeat && i > 0 && records[i - 1].v != NULL)
		record->v = records[below(r, i)].v;
	else
		record->v = any_value(r, plan->styles[attr]);
	if (!record->far && record->v == NULL)
		record->v = string("again");
	if (!record->far && !VARATT_IS_SHORT(record->v) && below(r, 2))
		record->v = short_value(record->v);
}

/* Was it right to store no value? */
static bool
may_be_far(const DatomRecord *record, uint64 hash)
{
	if (record->far)
		return hash == record->far_hash;
	return VARSIZE_ANY_EXHDR(record->v) > 1900 && hash == datom_value_far_hash(record->v);
}

static bool
same_value(const DatomRecord *record, const DatomValue *v, uint64 hash)
{
	if (v == NULL)
		return may_be_far(record, hash);
	return !record->far && !VARATT_IS_SHORT(v) &&
		VARSIZE(v) - VARHDRSZ == VARSIZE_ANY_EXHDR(record->v) &&
		memcmp(VARDATA(v), VARDATA_ANY(record->v), VARSIZE_ANY_EXHDR(record->v)) == 0;
}

/* When all records began and ended, at once. */
static void
unpack_instants(const DatomBlock *block, int64 *from, int64 *to)
{
	int64	   *instants = palloc(sizeof(int64) * block->ntxs);

	datom_packed_unpack(&block->tx_instant, block->ntxs, instants);
	datom_block_instants(block, &block->from, instants, from);
	for (int i = 0; i < block->n; i++)
		to[i] = DT_NOEND;
	if (!block->open)
		datom_block_instants(block, &block->to, instants, to);
	pfree(instants);
}

/* In an order that begins with record `first`: any must do. */
static void
compare(DatomBlock *block, const DatomRecord *records, int first)
{
	int			step = block->n % 7 == 0 ? 1 : 7;
	int64		es[DATOM_BLOCK_FACTS];
	int64		from[DATOM_BLOCK_FACTS];
	int64		to[DATOM_BLOCK_FACTS];
	DatomRecord got;

	datom_packed_unpack(&block->e, block->n, es);
	unpack_instants(block, from, to);
	for (int k = 0; k < block->n; k++)
	{
		int			i = (first + k * step) % block->n;
		const DatomRecord *want = &records[i];
		uint64		hash = 0;
		DatomValue *v;

		datom_block_record(block, i, &got);
		if (got.e != want->e || es[i] != want->e || got.alen != want->alen ||
			memcmp(got.a, want->a, got.alen) != 0 || got.kind != want->kind ||
			got.tx != want->tx || got.from != want->from || got.to_tx != want->to_tx ||
			got.to != want->to || from[i] != want->from || to[i] != want->to)
			elog(ERROR, "record %d of %d is another one", i, block->n);
		v = datom_block_value(block, i, &hash);
		if (!same_value(want, v, hash))
			elog(ERROR, "value %d of %d is %s instead of %s", i, block->n,
				 v == NULL ? "far" : datom_value_out_cstring(v),
				 want->far ? "far" : datom_value_out_cstring(want->v));
	}
}

static int64
integer_of(const DatomValue *v)
{
	switch (datom_value_kind(v))
	{
		case DATOM_BOOLEAN:
			return datom_value_get_bool(v);
		case DATOM_DATE:
			return datom_value_get_date(v);
		case DATOM_INSTANT:
			return datom_value_get_instant(v);
		default:
			return datom_value_get_int(v);
	}
}

static void
check_zone(const DatomZone *zone, const DatomRecord *records, int n, bool open)
{
	for (int i = 0; i < n; i++)
	{
		if (records[i].e < zone->e_min || records[i].e > zone->e_max ||
			records[i].from < zone->from_min || records[i].from > zone->from_max ||
			records[i].to > zone->to_max)
			elog(ERROR, "record %d is outside of its zone", i);
		if (zone->v_known &&
			(records[i].far || datom_value_kind(records[i].v) != datom_value_kind(records[0].v) ||
			 integer_of(records[i].v) < zone->v_min || integer_of(records[i].v) > zone->v_max))
			elog(ERROR, "value %d is outside of its zone", i);
	}
}

/* Uses all that a reader may; true if no error came of it. */
static bool
read_damaged(const char *room, int size)
{
	MemoryContext context = CurrentMemoryContext;
	DatomBlock	block;
	int64		from[DATOM_BLOCK_FACTS];
	int64		to[DATOM_BLOCK_FACTS];
	volatile bool fine = true;
	volatile int i = 0;

	if (datom_block_open(&block, room, size) != NULL)
		return false;
	for (i = 0; i < block.n; i++)
	{
		DatomRecord record;
		uint64		hash;

		PG_TRY();
		{
			if (i == 0 && !block.numbers)
				unpack_instants(&block, from, to);
			datom_block_record(&block, i, &record);
			if (!block.numbers)
				datom_block_value(&block, i, &hash);
		}
		PG_CATCH();
		{
			MemoryContextSwitchTo(context);
			FlushErrorState();
			fine = false;
			i += 50;			/* errors are slow */
		}
		PG_END_TRY();
	}
	return fine;
}

/*
 * Room between two pages that cannot be read, at the end or the beginning of it:
 * who reads outside of a block there is killed.
 */
#define GUARDED (64 * 1024)

static char *
guarded(int size, bool at_end)
{
	static char *room = NULL;
	long		page = sysconf(_SC_PAGESIZE);

	if (room == NULL)
	{
		room = mmap(NULL, GUARDED + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (room == MAP_FAILED || mprotect(room + page, GUARDED, PROT_READ | PROT_WRITE) != 0)
			elog(ERROR, "no guarded memory: %m");
		room += page;
	}
	return at_end ? room + GUARDED - size : room;
}

/* Damages or cuts copies of a block; returns how many could still be read. */
static int
damage(Random *r, const char *room, int size)
{
	int			survived = 0;

	for (int k = 0; k < 20; k++)
	{
		int			len = k % 5 == 0 ? 1 + below(r, size) : size;
		char	   *copy = guarded(len, k % 4 != 0);
		int			flips = 1 + below(r, 4);

		memcpy(copy, room, len);
		while (flips-- > 0)
		{
			/* The heads of columns are more rewarding than their bytes. */
			int			at = below(r, 3) == 0 ? below(r, Min(len, 60)) : below(r, len);

			copy[at] = below(r, 2) ? (char) next(r) : copy[at] ^ (1 << below(r, 8));
		}
		survived += read_damaged(copy, len);
	}
	return survived;
}

static int
try_numbers(Random *r, char *room)
{
	int64		numbers[DATOM_BLOCK_FACTS];
	int			count = 1 + below(r, DATOM_BLOCK_FACTS);
	int64		step = below(r, 4) == 0 ? (int64) (PG_UINT64_MAX / DATOM_BLOCK_FACTS) : below(r, 100000);
	int			n,
				used;
	DatomBlock	block;

	for (int i = 0; i < count; i++)
		numbers[i] = (int64) ((uint64) PG_INT64_MIN + (uint64) i * step);
	n = datom_block_fill_numbers(room, BLOCK_SIZE, numbers, count, &used);
	if (n < Min(count, 1000) || used > BLOCK_SIZE)
		elog(ERROR, "only %d of %d numbers in %d bytes", n, count, used);
	if (datom_block_open(&block, room, used) != NULL || !block.numbers || block.n != n)
		elog(ERROR, "a block of numbers cannot be opened");
	for (int i = 0; i < n; i++)
		if (datom_packed_get(&block.e, i) != numbers[i])
			elog(ERROR, "number %d of %d is another one", i, n);
	damage(r, room, used);
	return n;
}

/* Is it known of packed numbers whether all are below another one? */
static void
try_below(Random *r)
{
	int			most = below(r, 1 << below(r, 15));
	int			n = 1 + below(r, DATOM_BLOCK_FACTS);
	int			count = below(r, 2) ? most + below(r, 3) : below(r, 1 << 14);
	int64		numbers[DATOM_BLOCK_FACTS];
	char		room[2 * DATOM_BLOCK_FACTS + FENCE] = {0};
	DatomCursor cursor = {room, room + sizeof(room)};
	DatomPacked packed;
	bool		below_all = true;

	for (int i = 0; i < n; i++)
	{
		numbers[i] = below(r, most + 1);
		below_all &= numbers[i] < count;
	}
	datom_pack_write(room, numbers, n, 0, most);
	if (!datom_pack_read(&cursor, n, &packed))
		elog(ERROR, "packed numbers cannot be read");
	if (datom_packed_below(&packed, n, count) != below_all)
		elog(ERROR, "%d numbers up to %d are taken to be %sbelow %d", n, most,
			 below_all ? "not " : "", count);
}

/* Fills blocks until all records are in one. */
static int
try_records(Random *r, char *room, const DatomRecord *records, int count, int *survived)
{
	int			blocks = 0;

	for (int done = 0; done < count; blocks++)
	{
		DatomZone	zone;
		DatomBlock	block;
		const char *wrong;
		char		again[BLOCK_SIZE];
		int			used,
					reused,
					n;

		memset(room, 0x5A, BLOCK_SIZE + FENCE);
		n = datom_block_fill(room, BLOCK_SIZE, records + done, count - done, &zone, &used);
		if (n < 1 || n > count - done || used > BLOCK_SIZE)
			elog(ERROR, "%d records in %d bytes", n, used);
		for (int i = used; i < BLOCK_SIZE + FENCE; i++)
			if (room[i] != 0x5A)
				elog(ERROR, "byte %d was written after the %d of the block", i, used);
		if (datom_block_fill(again, used, records + done, count - done, &zone, &reused) < n)
			elog(ERROR, "fewer than %d records fit into the %d bytes they took", n, used);
		wrong = datom_block_open(&block, room, used);
		if (wrong != NULL || block.n != n)
			elog(ERROR, "a block cannot be opened: %s", wrong);
		compare(&block, records + done, below(r, n));
		check_zone(&zone, records + done, n, block.open);
		*survived += damage(r, room, used);
		done += n;
	}
	return blocks;
}

PG_FUNCTION_INFO_V1(datom_test_blocks);
Datum
datom_test_blocks(PG_FUNCTION_ARGS)
{
	Random		r = {(uint64) PG_GETARG_INT64(0)};
	int			rounds = PG_GETARG_INT32(1);
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "test of blocks",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	int			blocks = 0,
				survived = 0;
	int64		total = 0;

	for (int round = 0; round < rounds; round++)
	{
		Plan	   *plan = palloc(sizeof(Plan));
		int			count = below(&r, 3) == 0 ? 1 + below(&r, 4) : 1 + below(&r, 2000);
		DatomRecord *records = palloc(sizeof(DatomRecord) * count);
		char	   *room = palloc(BLOCK_SIZE + FENCE);

		CHECK_FOR_INTERRUPTS();
		make_plan(&r, plan);
		for (int i = 0; i < count; i++)
			make_record(&r, plan, records, i);
		blocks += try_records(&r, room, records, count, &survived);
		total += count + try_numbers(&r, room);
		try_below(&r);
		MemoryContextReset(context);
	}
	MemoryContextSwitchTo(old);
	PG_RETURN_TEXT_P(cstring_to_text(psprintf(
		INT64_FORMAT " records in %d blocks, %d of %d damaged ones read without an error",
		total, blocks, survived, 20 * blocks)));
}

/* Changes one of the things that compare() compares. */
static void
change(DatomRecord *record, int what)
{
	DatomValue *v = record->v;

	switch (what)
	{
		case 0:
			record->e ^= INT64CONST(1) << 40;
			break;
		case 1:
			record->a = ":other/name";
			record->alen = strlen(record->a);
			break;
		case 2:
			record->kind = record->kind == RECORD_ENDED ? RECORD_RETRACTED : RECORD_ENDED;
			break;
		case 3:
			record->tx++;
			break;
		case 4:
			record->from++;
			break;
		case 5:
			record->to_tx++;
			break;
		case 6:
			record->to++;
			break;
		case 7:
			record->v = memcpy(palloc(VARSIZE_ANY(v)), v, VARSIZE_ANY(v));
			VARDATA_ANY(record->v)[VARSIZE_ANY_EXHDR(v) - 1] ^= 1;
			break;
		default:
			record->far = true;
			record->far_hash = 1;
	}
}

#define CHANGES 9

/* Is it noticed that a record is not what was put into the block? */
static bool
notices(DatomBlock *block, DatomRecord *records, int i, int what)
{
	MemoryContext context = CurrentMemoryContext;
	DatomRecord kept = records[i];
	volatile bool noticed = false;

	change(&records[i], what);
	PG_TRY();
	{
		compare(block, records, 0);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		FlushErrorState();
		noticed = true;
	}
	PG_END_TRY();
	records[i] = kept;
	return noticed;
}

/* The control of datom_test_blocks(): how many of CHANGES changes are noticed. */
PG_FUNCTION_INFO_V1(datom_test_block_changes);
Datum
datom_test_block_changes(PG_FUNCTION_ARGS)
{
	Random		r = {(uint64) PG_GETARG_INT64(0)};
	DatomRecord records[100];
	char		room[BLOCK_SIZE];
	Plan		plan = {.nattrs = 3, .styles = {2, 5, 7}, .names = {":x/a", ":x/b", ":x/c"},
		.txs = 20, .far = 1000000};
	DatomZone	zone;
	DatomBlock	block;
	int			n,
				used,
				noticed = 0;

	for (int i = 0; i < (int) lengthof(records); i++)
		make_record(&r, &plan, records, i);
	n = datom_block_fill(room, BLOCK_SIZE, records, lengthof(records), &zone, &used);
	if (n != lengthof(records) || datom_block_open(&block, room, used) != NULL)
		elog(ERROR, "a block cannot be filled and opened");
	compare(&block, records, 0);
	for (int what = 0; what < CHANGES; what++)
		noticed += notices(&block, records, below(&r, n), what);
	PG_RETURN_TEXT_P(cstring_to_text(psprintf("%d of %d", noticed, CHANGES)));
}

/* The control of guarded memory: reads one byte more, which must kill us. */
PG_FUNCTION_INFO_V1(datom_test_block_guard);
Datum
datom_test_block_guard(PG_FUNCTION_ARGS)
{
	const volatile char *room = guarded(1, true);

	PG_RETURN_INT32(room[0] + room[PG_GETARG_INT32(0)]);
}

/* Facts of purchases as a stream of transactions brings them. */
#define PURCHASE_ATTRS 5

static DatomValue *
purchase_value(Random *r, int64 purchase, int attr)
{
	switch (attr)
	{
		case 0:
			return string(psprintf("pur-" INT64_FORMAT, purchase));
		case 1:
			return string(psprintf("cus-%d", below(r, 100000)));
		case 2:
			return datom_value_make_bigdec(DatumGetNumeric(DirectFunctionCall3(numeric_in,
				CStringGetDatum(psprintf("%d.%02d", below(r, 500), below(r, 100))),
				InvalidOid, -1)));
		case 3:
			return string(psprintf("merchant-%d", below(r, 997)));
		default:
			return datom_value_make_instant(INT64CONST(820000000000000) +
											purchase * 3000000 + below(r, 3000000));
	}
}

/* attr: one of them, as in AEVT; PURCHASE_ATTRS: all of them, as in EAVT. */
static DatomRecord *
make_purchases(Random *r, int n, int attr, bool one_tx)
{
	static const char *const names[PURCHASE_ATTRS] = {
		":purchase/id", ":purchase/customer", ":purchase/amount", ":purchase/merchant",
		":purchase/at"
	};
	DatomRecord *records = palloc0(sizeof(DatomRecord) * n);
	TimestampTz instant = INT64CONST(820000000000000);

	for (int i = 0; i < n; i++)
	{
		int64		purchase = attr < PURCHASE_ATTRS ? i : i / PURCHASE_ATTRS;
		int			k = attr < PURCHASE_ATTRS ? attr : i % PURCHASE_ATTRS;

		if (i == 0 || purchase != (int64) (records[i - 1].e - 1000000))
			instant += 50 + below(r, 500);
		records[i] = (DatomRecord) {
			.e = 1000000 + purchase, .a = names[k], .alen = strlen(names[k]),
			.v = purchase_value(r, 4000000 + purchase, k),
			.tx = one_tx ? 7 : 3000000 + purchase, .from = one_tx ? 7 : instant, .to = DT_NOEND
		};
	}
	return records;
}

static double
elapsed(const instr_time *began)
{
	instr_time	now;

	INSTR_TIME_SET_CURRENT(now);
	INSTR_TIME_SUBTRACT(now, *began);
	return INSTR_TIME_GET_DOUBLE(now) * 1e9;
}

/* Nanoseconds a record for: columns, values one after the other, any values. */
static void
time_reading(Random *r, const char *room, int used, int times, double ns[4])
{
	DatomBlock	block;
	int64		out[DATOM_BLOCK_FACTS];
	uint64		hash;
	instr_time	began;

	INSTR_TIME_SET_CURRENT(began);
	for (int k = 0; k < times; k++)
		datom_block_open(&block, room, used);
	ns[0] = elapsed(&began) / times;
	INSTR_TIME_SET_CURRENT(began);
	for (int k = 0; k < times; k++)
	{
		datom_packed_unpack(&block.e, block.n, out);
		datom_packed_unpack(&block.tx_instant, block.ntxs, out);
	}
	ns[1] = elapsed(&began) / times / (block.n + block.ntxs);
	INSTR_TIME_SET_CURRENT(began);
	for (int k = 0; k < times; k++)
		for (int i = 0; i < block.n; i++)
			pfree(datom_block_value(&block, i, &hash));
	ns[2] = elapsed(&began) / times / block.n;
	INSTR_TIME_SET_CURRENT(began);
	for (int k = 0; k < times; k++)
		for (int i = 0; i < block.n; i++)
			pfree(datom_block_value(&block, below(r, block.n), &hash));
	ns[3] = elapsed(&began) / times / block.n;
}

/* What blocks of purchases take, in bytes and nanoseconds a fact. */
PG_FUNCTION_INFO_V1(datom_test_block_costs);
Datum
datom_test_block_costs(PG_FUNCTION_ARGS)
{
	Random		r = {1};
	int			n = PG_GETARG_INT32(0);
	StringInfoData told;

	initStringInfo(&told);
	for (int k = 0; k <= 2 * PURCHASE_ATTRS + 1; k++)
	{
		int			attr = k / 2;
		DatomRecord *records = make_purchases(&r, n, attr, k % 2 == 1);
		char		room[BLOCK_SIZE];
		int			used = 0,
					took = 0,
					first = 0,
					blocks = 0;
		DatomZone	zone;
		instr_time	began;
		double		fill,
					ns[4];

		INSTR_TIME_SET_CURRENT(began);
		for (int done = 0; done < n; blocks++, done += took)
		{
			took = datom_block_fill(room, BLOCK_SIZE, records + done, n - done, &zone, &used);
			if (blocks == 0)
				first = used;
		}
		fill = elapsed(&began) / n;
		took = datom_block_fill(room, BLOCK_SIZE, records, n, &zone, &used);
		time_reading(&r, room, used, 200, ns);
		appendStringInfo(&told, "attribute %d, %s: %d facts in %d bytes (%.2f a fact; %d blocks); "
						 "ns: fill %.0f, open %.0f a block, unpack %.2f, value %.0f, any value %.0f\n",
						 attr, k % 2 == 1 ? "one transaction" : "own transactions",
						 took, first, (double) first / took, blocks, fill, ns[0], ns[1], ns[2], ns[3]);
	}
	PG_RETURN_TEXT_P(cstring_to_text(told.data));
}

#endif
