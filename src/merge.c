/*
 * merge.c: bringing orders up to date with the log.
 *
 * The orders of a table are merged together: one reading of the new rows, one
 * sort by entity and attribute, one fold. What the rows change is written as a
 * new run of each order:
 *
 *	open	facts that began and have not ended
 *	closed	facts that have ended, and rows that changed nothing
 *	dead	where the open facts of older runs stand that are closed here
 *
 * New rows are those of transactions above the watermark and at or below the
 * basis, so nothing will ever be added among them. The fold of an entity and
 * attribute begins with its open facts, which are looked up in EAVT or AEVT.
 * Then the newest runs are merged with each other, so that each is more than
 * three times as large as all that are newer. Only the newest are merged, so
 * nothing outside points into what is replaced.
 *
 * Each step counts when its metapage is published, and what was published
 * before is right without it. Orders of one table may stand at different
 * watermarks: one that was just made, or after a crash between two of them.
 * Such are merged in groups of one watermark. A group without EAVT and AEVT has
 * nowhere to look facts up and is made anew from the whole log.
 *
 * Who locks what. The merge lock of the table is held exclusively by whoever
 * merges, and given up at once; a writer does not wait for it. It is held
 * shared, until its transaction ends, by whoever writes rows of the past
 * (restores) or entries by hand, because they may come to lie below a
 * watermark. They empty the orders first.
 */
#include "merge.h"

#include "access/genam.h"
#include "access/parallel.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "common/hashfn.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/tuplesort.h"
#include "utils/typcache.h"

#include "attrs.h"
#include "basis.h"
#include "cover.h"
#include "far.h"
#include "locks.h"
#include "log.h"
#include "order_read.h"
#include "rowsort.h"
#include "txlog.h"

/* What a writer merges of runs, unless there are many. */
#define FOREGROUND_RECORDS 1000000
#define MANY_RUNS 12

/* For so many new rows, directories are read as a whole. */
#define MANY_ROWS 1000

/* One order that is being merged. */
typedef struct Target
{
	DatomOrder *order;
	DatomRunWriter *writer;
	DatomLookup *lookup;		/* where open facts of older runs stand; NULL: none do */
	Tuplesortstate *sort;		/* AVET, VAET */
	TupleTableSlot *slot;
} Target;

typedef struct Merge
{
	Relation	rel;
	Snapshot	snapshot;
	const DatomSchema *schema;	/* as of upto */
	TimestampTz above;
	TimestampTz upto;
	bool		unfit;			/* the log has rows that no order can hold */
	bool		many;			/* rows: directories are read as a whole */
	Target		targets[ORDER_KINDS];
	int			ntargets;
	DatomMergeFn take;			/* instead of targets, for who only looks */
	void	   *arg;
	DatomLookup *seeds;			/* of the order to look facts up in */
} Merge;

/*
 * Records
 */

enum
{
	SORT_A,
	SORT_V,						/* null: far */
	SORT_HASH,
	SORT_E,
	SORT_FROM,
	SORT_TX,
	SORT_TO,
	SORT_TO_TX,
	SORT_KIND,
	SORT_SEED,
	SORT_COLUMNS
};

static void
begin_sort(Target *target, TupleDesc datom, int kilobytes)
{
	static const int keys[ORDER_KINDS][5] = {
		[ORDER_AVET] = {SORT_A, SORT_V, SORT_HASH, SORT_E, SORT_FROM},
		[ORDER_VAET] = {SORT_V, SORT_HASH, SORT_A, SORT_E, SORT_FROM}
	};
	TupleDesc	desc = CreateTemplateTupleDesc(SORT_COLUMNS);
	AttrNumber	columns[5];
	Oid			operators[5];
	Oid			collations[5] = {0};
	bool		nulls_first[5] = {0};

	for (int i = 0; i < SORT_COLUMNS; i++)
		TupleDescInitEntry(desc, i + 1, NULL,
						   i == SORT_A ? TupleDescAttr(datom, Anum_datom_a - 1)->atttypid :
						   i == SORT_V ? TupleDescAttr(datom, Anum_datom_v - 1)->atttypid :
						   i == SORT_SEED ? BOOLOID : i == SORT_KIND ? INT4OID : INT8OID,
						   -1, 0);
	for (int i = 0; i < 5; i++)
	{
		columns[i] = keys[target->order->kind][i] + 1;
		operators[i] = lookup_type_cache(TupleDescAttr(desc, columns[i] - 1)->atttypid,
										 TYPECACHE_LT_OPR)->lt_opr;
	}
	target->slot = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
	target->sort = tuplesort_begin_heap(desc, 5, columns, operators, collations,
										nulls_first, kilobytes, NULL, TUPLESORT_NONE);
}

static void
sort_record(Target *target, Datum a, const DatomRecord *record, bool seed)
{
	Datum	   *values = target->slot->tts_values;
	bool	   *nulls = target->slot->tts_isnull;
	bool		far = datom_far_key(record->v);

	ExecClearTuple(target->slot);
	memset(nulls, 0, sizeof(bool) * SORT_COLUMNS);
	values[SORT_A] = a;
	values[SORT_V] = PointerGetDatum(record->v);
	nulls[SORT_V] = far;
	values[SORT_HASH] = UInt64GetDatum(far ? datom_value_far_hash(record->v) : 0);
	values[SORT_E] = Int64GetDatum(record->e);
	values[SORT_FROM] = Int64GetDatum(record->from);
	values[SORT_TX] = Int64GetDatum(record->tx);
	values[SORT_TO] = Int64GetDatum(record->to);
	values[SORT_TO_TX] = Int64GetDatum(record->to_tx);
	values[SORT_KIND] = Int32GetDatum(record->kind);
	values[SORT_SEED] = BoolGetDatum(seed);
	ExecStoreVirtualTuple(target->slot);
	tuplesort_puttupleslot(target->sort, target->slot);
}

typedef struct Locate
{
	const DatomRecord *record;
	uint64		hash;			/* of its value, if it is needed */
	int64		locator;		/* -1: not found */
} Locate;

/* A probe for a far value ends with the attribute, so other entities' come, too. */
static void
locate_record(void *arg, const DatomRecord *found, int64 locator)
{
	Locate	   *locate = arg;
	const DatomRecord *record = locate->record;

	if (found->e != record->e || found->from != record->from)
		return;
	if (found->far ?
		found->far_hash == (record->far ? record->far_hash : datom_value_far_hash(record->v)) :
		!record->far && datom_value_equal(found->v, record->v))
		locate->locator = locator;
}

/* The part of a key that finds a record in an order. */
static DatomProbe
probe_for(DatomOrderKind kind, const DatomRecord *record)
{
	return (DatomProbe) {
		.a = record->a, .alen = record->alen, .has_e = true, .e = record->e,
		.v = kind == ORDER_AVET || kind == ORDER_VAET ? record->v : NULL
	};
}

/* Where the open fact stands that this record is the end of. */
static int64
locate_open(Target *target, const DatomRecord *record)
{
	Locate		locate = {.record = record, .locator = -1};
	DatomProbe	probe = probe_for(target->order->kind, record);
	DatomBlockRange range = datom_order_everything;

	if (record->far)
		probe.v = NULL;
	range.from_min = range.from_max = record->from;
	range.e_min = range.e_max = record->e;
	datom_lookup_each(target->lookup, PART_OPEN, &range, &probe, locate_record, &locate);
	if (locate.locator < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INDEX_CORRUPTED),
				 errmsg("index \"%s\" lacks a fact of entity " INT64_FORMAT ", attribute \"%.*s\"",
						RelationGetRelationName(target->order->index), record->e,
						record->alen, record->a),
				 errhint("REINDEX it: the log has all that it held.")));
	return locate.locator;
}

/* `seed`: the fact stands open in an older run. */
static void
write_record(Target *target, const DatomRecord *record, bool seed)
{
	datom_run_add(target->writer, record->kind == RECORD_OPEN ? PART_OPEN : PART_CLOSED,
				  record);
	if (seed)
		datom_run_add_dead(target->writer, locate_open(target, record));
}

static void
drain_sort(Target *target)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(target->slot->tts_tupleDescriptor,
													&TTSOpsMinimalTuple);
	Datum	   *values = slot->tts_values;
	MemoryContext each = AllocSetContextCreate(CurrentMemoryContext, "datom record",
											   ALLOCSET_SMALL_SIZES);
	MemoryContext own = CurrentMemoryContext;

	tuplesort_performsort(target->sort);
	while (tuplesort_gettupleslot(target->sort, true, false, slot, NULL))
	{
		text	   *a;
		DatomRecord record;

		slot_getallattrs(slot);
		a = (text *) DatumGetPointer(values[SORT_A]);
		record = (DatomRecord) {
			.e = DatumGetInt64(values[SORT_E]), .a = VARDATA_ANY(a),
			.alen = VARSIZE_ANY_EXHDR(a), .kind = DatumGetInt32(values[SORT_KIND]),
			.far = slot->tts_isnull[SORT_V], .far_hash = DatumGetUInt64(values[SORT_HASH]),
			.v = slot->tts_isnull[SORT_V] ? NULL : (DatomValue *) DatumGetPointer(values[SORT_V]),
			.tx = DatumGetInt64(values[SORT_TX]), .from = DatumGetInt64(values[SORT_FROM]),
			.to_tx = DatumGetInt64(values[SORT_TO_TX]), .to = DatumGetInt64(values[SORT_TO])
		};
		MemoryContextSwitchTo(each);
		write_record(target, &record, DatumGetBool(values[SORT_SEED]));
		MemoryContextSwitchTo(own);
		MemoryContextReset(each);
	}
	MemoryContextDelete(each);
	ExecDropSingleTupleTableSlot(slot);
	ExecDropSingleTupleTableSlot(target->slot);
	tuplesort_end(target->sort);
}

static void
emit(Merge *merge, Datum a, const DatomAttr *attr, const DatomRecord *record, bool seed)
{
	if (merge->take)
		merge->take(merge->arg, attr, record);
	for (int i = 0; i < merge->ntargets; i++)
	{
		Target	   *target = &merge->targets[i];

		/* What it lacks it gets as a whole when it is made anew, by VACUUM. */
		if (target->lookup ? !datom_cover_all(target->order, attr) :
			!datom_cover_includes(target->order, attr))
			continue;
		if (target->sort)
			sort_record(target, a, record, seed);
		else
			write_record(target, record, seed);
	}
}

/*
 * Groups: the new rows of one entity and attribute
 */

typedef struct FoldGroup
{
	Merge	   *merge;
	Datom	   *rows;			/* open facts, as assertions, then new rows */
	int			nseeds;
	int			count;
	int			room;
} FoldGroup;

static void
add_seed(void *arg, const DatomRecord *record, int64 locator)
{
	FoldGroup	   *group = arg;

	if (group->count == group->room)
		group->rows = repalloc_huge(group->rows, sizeof(Datom) * (group->room *= 2));
	group->rows[group->count++] = (Datom) {
		.e = record->e, .tx = record->tx, .instant = record->from, .added = true,
		.v = datom_far_value(group->merge->rel, group->merge->snapshot, record)
	};
}

static void
add_seeds(FoldGroup *group, int64 e, text *a)
{
	Merge	   *merge = group->merge;
	DatomProbe	probe = {
		.a = VARDATA_ANY(a), .alen = VARSIZE_ANY_EXHDR(a), .has_e = true, .e = e
	};
	DatomBlockRange range = datom_order_everything;

	range.e_min = range.e_max = e;
	datom_lookup_each(merge->seeds, PART_OPEN, &range, &probe, add_seed, group);
	group->nseeds = group->count;
}

typedef struct Emitted
{
	DatomRecord record;
	bool		seed;
} Emitted;

/* Records of one group are written in the order of their beginnings. */
static int
by_from(const void *a, const void *b)
{
	const Emitted *x = a;
	const Emitted *y = b;

	return x->record.from < y->record.from ? -1 : x->record.from > y->record.from;
}

/* The records that the rows of a group make. */
static int
make_records(const FoldGroup *group, const DatomRecord *pattern, const DatomAttr *attr,
			 Emitted *out)
{
	DatomFact  *facts = palloc(sizeof(DatomFact) * group->count);
	bool	   *used = palloc0(sizeof(bool) * group->count);
	int			nfacts = datom_fold(group->rows, group->count, datom_schema_many, attr, facts);
	int			count = 0;

	for (int i = 0; i < nfacts; i++)
	{
		const DatomFact *fact = &facts[i];
		DatomRecord record = *pattern;
		bool		seed = fact->began_by < group->nseeds;

		used[fact->began_by] = true;
		if (fact->ended_by >= 0)
			used[fact->ended_by] = true;
		if (fact->to_tx == 0 && seed)
			continue;
		record.v = fact->v;
		record.tx = fact->tx;
		record.from = fact->from;
		record.to_tx = fact->to_tx;
		record.to = fact->to_tx == 0 ? DT_NOEND : fact->to;
		record.kind = fact->to_tx == 0 ? RECORD_OPEN :
			fact->ended_by >= 0 ? RECORD_RETRACTED : RECORD_ENDED;
		out[count++] = (Emitted) {record, seed};
	}
	for (int i = group->nseeds; i < group->count; i++)
	{
		const Datom *row = &group->rows[i];
		DatomRecord record = *pattern;

		if (used[i])
			continue;
		record.v = row->v;
		record.tx = record.to_tx = row->tx;
		record.from = record.to = row->instant;
		record.kind = row->added ? RECORD_ASSERTION : RECORD_RETRACTION;
		out[count++] = (Emitted) {record, false};
	}
	qsort(out, count, sizeof(Emitted), by_from);
	return count;
}

static void
take_group(void *arg, Datum a, const DatomAttr *attr, const Datom *rows, int n)
{
	Merge	   *merge = arg;
	text	   *ident = (text *) DatumGetPointer(a);
	FoldGroup		group = {.merge = merge, .room = n + 4};
	DatomRecord pattern = {
		.e = rows[0].e, .a = VARDATA_ANY(ident), .alen = VARSIZE_ANY_EXHDR(ident)
	};
	Emitted    *records;
	int			count;

	group.rows = palloc_extended(sizeof(Datom) * group.room, MCXT_ALLOC_HUGE);
	if (merge->seeds)
		add_seeds(&group, rows[0].e, ident);
	if (group.count + n > group.room)
		group.rows = repalloc_huge(group.rows, sizeof(Datom) * (group.count + n));
	memcpy(group.rows + group.count, rows, sizeof(Datom) * n);
	group.count += n;
	records = palloc_extended(sizeof(Emitted) * group.count, MCXT_ALLOC_HUGE);
	count = make_records(&group, &pattern, attr, records);
	for (int i = 0; i < count; i++)
		emit(merge, a, attr, &records[i].record, records[i].seed);
}

/*
 * New rows
 */

static void
put_row(Merge *merge, DatomRowSort *sort, const DatomRow *row, TimestampTz instant)
{
	if (!datom_rowsort_put(sort, row, instant))
		merge->unfit = true;
}

/* By reading the whole log. */
static void
read_log(Merge *merge, DatomRowSort *sort)
{
	Oid			db = RelationGetRelid(merge->rel);
	DatomTxMap *map = datom_txmap_create(db, merge->snapshot);
	DatomLogScan *scan = datom_log_scan(merge->rel, merge->snapshot);
	MemoryContext each = AllocSetContextCreate(CurrentMemoryContext, "datom row",
											   ALLOCSET_DEFAULT_SIZES);
	MemoryContext own = CurrentMemoryContext;
	DatomRow	row;

	datom_txmap_load(map);
	for (;;)
	{
		TimestampTz instant;
		bool		more;

		MemoryContextReset(each);
		MemoryContextSwitchTo(each);
		more = datom_log_next(scan, &row);
		MemoryContextSwitchTo(own);
		if (!more)
			break;
		instant = datom_txmap_instant(map, row.tx);
		if (instant > merge->above && instant <= merge->upto)
			put_row(merge, sort, &row, instant);
		/* A row whose transaction is unknown would be found by nobody. */
		merge->unfit |= instant == DT_NOEND && !datom_txlog_is_own(db, row.tx);
	}
	MemoryContextDelete(each);
	datom_log_end(scan);
}

typedef struct EntryReader
{
	Merge	   *merge;
	DatomRowSort *sort;
} EntryReader;

static void
read_entry(void *arg, const DatomEntry *entry)
{
	EntryReader *reader = arg;
	Merge	   *merge = reader->merge;
	DatomLogScan *scan;
	DatomRow	row;

	if (entry->instant > merge->upto)
		return;
	scan = datom_log_scan_tx(merge->rel, merge->snapshot, entry->tx, NULL);
	while (datom_log_next(scan, &row))
		put_row(merge, reader->sort, &row, entry->instant);
	datom_log_end(scan);
}

/* By the index on tx, unless much of the log is new. */
static void
read_rows(Merge *merge, DatomRowSort *sort, BlockNumber old_blocks, BlockNumber blocks)
{
	EntryReader reader = {merge, sort};

	if (merge->above == DT_NOBEGIN || blocks - Min(old_blocks, blocks) > blocks / 4 ||
		!OidIsValid(datom_log_table(merge->rel)->te_index))
		read_log(merge, sort);
	else
		datom_basis_each(RelationGetRelid(merge->rel), merge->snapshot, merge->above,
							   read_entry, &reader);
}

/*
 * A run
 */

static void
begin_target(Merge *merge, Target *target, int kilobytes)
{
	DatomOrderKind kind = target->order->kind;

	target->writer = datom_run_begin(target->order);
	/* From here on the option counts; it is published with the run. */
	if (merge->above == DT_NOBEGIN)
		target->order->meta.wanted = datom_order_option_hash(target->order->index);
	target->lookup = merge->above == DT_NOBEGIN ? NULL : datom_lookup_begin(target->order, merge->many);
	if (kind == ORDER_AVET || kind == ORDER_VAET)
		begin_sort(target, RelationGetDescr(merge->rel), kilobytes);
	if (target->lookup && merge->seeds == NULL &&
		(kind == ORDER_EAVT || kind == ORDER_AEVT))
		merge->seeds = datom_lookup_begin(target->order, merge->many);
}

static void
end_target(Merge *merge, Target *target, BlockNumber blocks)
{
	DatomOrderMeta *meta = &target->order->meta;
	DatomRun	run;

	if (target->sort)
		drain_sort(target);
	run = datom_run_end(target->writer);
	if (target->lookup)
		datom_lookup_end(target->lookup);
	datom_order_forget_dead(target->order);
	if (merge->above == DT_NOBEGIN)
	{
		datom_order_retire(target->order, 0, meta->nruns);
		meta->built = merge->upto;
	}
	if (run.pages > 0)
		meta->runs[meta->nruns++] = run;
	meta->watermark = merge->upto;
	meta->log_blocks = blocks;
	meta->distrusted = false;
	datom_order_publish(target->order);
}

/* Its runs stay named, unread, until the order is made anew. */
static void
distrust(DatomOrder *order)
{
	if (order->meta.distrusted)
		return;
	order->meta.distrusted = true;
	order->meta.watermark = DT_NOBEGIN;
	datom_order_publish(order);
}

/* Brings the targets, which stand at merge->above, up to merge->upto. */
static bool
merge_targets(Merge *merge)
{
	BlockNumber blocks = RelationGetNumberOfBlocks(merge->rel);
	BlockNumber old_blocks = merge->targets[0].order->meta.log_blocks;
	DatomRowSort *sort;

	merge->schema = datom_attrs_at(merge->rel, merge->snapshot, merge->upto);
	merge->unfit = false;
	merge->seeds = NULL;
	sort = datom_rowsort_begin(merge->schema, maintenance_work_mem / 2);
	read_rows(merge, sort, old_blocks, blocks);
	merge->many = datom_rowsort_count(sort) > MANY_ROWS;
	for (int i = 0; i < merge->ntargets && merge->unfit; i++)
		distrust(merge->targets[i].order);
	if (!merge->unfit)
	{
		/* EAVT comes after AEVT, and serves better to look up entities. */
		for (int i = merge->ntargets; i-- > 0;)
			begin_target(merge, &merge->targets[i], maintenance_work_mem / 4);
		datom_rowsort_drain(sort, take_group, merge);
		if (merge->seeds)
			datom_lookup_end(merge->seeds);
		for (int i = 0; i < merge->ntargets; i++)
			end_target(merge, &merge->targets[i], blocks);
	}
	datom_rowsort_end(sort);
	return !merge->unfit;
}

/*
 * Runs with runs
 */

static uint64
run_size(const DatomRun *run)
{
	return run->parts[PART_OPEN].records + run->parts[PART_CLOSED].records +
		run->parts[PART_DEAD].records;
}

/*
 * The first of the newest runs that should become one, which may have so many
 * records; nruns - 1: none. Afterwards each of those looked at is more than three
 * times as large as all after it: fewer runs make readers quicker, for some more
 * writing.
 */
static int
runs_to_merge(const DatomOrderMeta *meta, uint64 most)
{
	int			from = meta->nruns - 1;
	uint64		after = run_size(&meta->runs[from]);

	for (int i = from - 1; i >= 0; i--)
	{
		uint64		size = run_size(&meta->runs[i]);

		if (after + size > most)
			break;
		if (size <= 3 * after)
			from = i;
		after += size;
	}
	return from;
}

static int
by_number(const void *a, const void *b)
{
	BlockNumber x = *(const BlockNumber *) a;
	BlockNumber y = *(const BlockNumber *) b;

	return x < y ? -1 : x > y;
}

/* The blocks of open facts in the runs from `from` on, sorted. */
static int
open_blocks(DatomOrder *order, int from, BlockNumber **numbers)
{
	int			count = 0;
	int			total = 0;

	for (int i = from; i < order->meta.nruns; i++)
		total += order->meta.runs[i].parts[PART_OPEN].blocks;
	*numbers = palloc(sizeof(BlockNumber) * Max(total, 1));
	for (int i = from; i < order->meta.nruns; i++)
	{
		DatomBlockRef *refs;
		int			n = datom_order_blocks(order, &order->meta.runs[i], PART_OPEN,
										   &datom_order_everything, &refs);

		for (int k = 0; k < n && count < total; k++)
			(*numbers)[count++] = refs[k].block;
	}
	qsort(*numbers, count, sizeof(BlockNumber), by_number);
	return count;
}

/* Facts that are dead in runs older than `from` stay dead. */
static void
keep_dead(DatomOrder *order, int from, DatomRunWriter *writer)
{
	BlockNumber *inside;
	int			count = open_blocks(order, from, &inside);

	for (int64 i = 0; i < order->ndead; i++)
	{
		BlockNumber block = order->dead[i] >> DATOM_LOCATOR_BITS;

		if (bsearch(&block, inside, count, sizeof(BlockNumber), by_number) == NULL)
			datom_run_add_dead(writer, order->dead[i]);
	}
}

/* Locators of the runs from `from` on, of which order->dead has no others. */
static void
load_dead_from(DatomOrder *order, int from)
{
	DatomOrderMeta whole = order->meta;

	datom_order_forget_dead(order);
	memmove(&order->meta.runs[0], &order->meta.runs[from],
			sizeof(DatomRun) * (order->meta.nruns - from));
	order->meta.nruns -= from;
	datom_order_load_dead(order);
	order->meta = whole;
}

/* Makes one run of those from `from` on. */
static void
merge_runs(DatomOrder *order, int from)
{
	DatomOrderMeta *meta = &order->meta;
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "datom runs",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	DatomRunWriter *writer = datom_run_begin(order);
	DatomRun	run;

	load_dead_from(order, from);
	for (int part = 0; part < PART_DEAD; part++)
	{
		DatomMergeCursor *cursor = datom_merge_cursor_begin(order, from, part,
															&datom_order_everything);
		DatomRecord record;

		while (datom_merge_cursor_next(cursor, &record))
			datom_run_add(writer, part, &record);
		datom_merge_cursor_end(cursor);
	}
	keep_dead(order, from, writer);
	run = datom_run_end(writer);
	datom_order_retire(order, from, meta->nruns - from);
	if (run.pages > 0)
		meta->runs[meta->nruns++] = run;
	datom_order_publish(order);
	datom_order_forget_dead(order);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

static bool
merge_runs_if_due(DatomOrder *order, bool vacuum)
{
	DatomOrderMeta *meta = &order->meta;
	int			from;

	if (meta->nruns < 2)
		return false;
	from = runs_to_merge(meta, vacuum || meta->nruns >= MANY_RUNS ? PG_UINT64_MAX :
						 FOREGROUND_RECORDS);
	if (from < meta->nruns - 1)
		merge_runs(order, from);
	return from < meta->nruns - 1;
}

/*
 * All orders of a table
 */

/*
 * Takes the orders at one watermark, of those not done yet, as targets. False:
 * all are done.
 */
static bool
choose_targets(Merge *merge, DatomOrder **orders, int norders, bool *done)
{
	bool		seeds = false;

	merge->ntargets = 0;
	for (int i = 0; i < norders; i++)
	{
		DatomOrder *order = orders[i];

		if (done[i])
			continue;
		if (merge->ntargets == 0)
			merge->above = order->meta.watermark;
		if (order->meta.watermark != merge->above)
			continue;
		done[i] = true;
		seeds |= order->kind == ORDER_AEVT || order->kind == ORDER_EAVT;
		memset(&merge->targets[merge->ntargets], 0, sizeof(Target));
		merge->targets[merge->ntargets++].order = order;
	}
	if (merge->ntargets == 0)
		return false;
	if (!seeds && merge->above < merge->upto)
		merge->above = DT_NOBEGIN;
	for (int i = 0; i < merge->ntargets; i++)
		if (merge->above != DT_NOBEGIN &&
			merge->targets[i].order->meta.nruns == DATOM_MAX_RUNS)
			merge->targets[i--] = merge->targets[--merge->ntargets];
	return true;
}

/* AVET orders that lack an attribute are made anew. */
static void
rebuild_lacking(Merge *merge, DatomOrder **orders, int norders)
{
	const DatomSchema *schema = datom_attrs_at(merge->rel, merge->snapshot, merge->upto);

	for (int i = 0; i < norders; i++)
		if (orders[i]->meta.watermark != DT_NOBEGIN &&
			datom_cover_lacks(orders[i], schema))
		{
			merge->above = DT_NOBEGIN;
			merge->ntargets = 1;
			merge->targets[0] = (Target) {.order = orders[i]};
			merge_targets(merge);
		}
}

static void
merge_orders(Merge *merge, DatomOrder **orders, int norders, bool vacuum)
{
	bool		done[ORDER_KINDS * 4] = {0};
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "datom merge",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);

	while (choose_targets(merge, orders, norders, done))
	{
		if (merge->ntargets > 0 && merge->above < merge->upto)
			merge_targets(merge);
		MemoryContextReset(context);
	}
	if (vacuum && merge->upto > DT_NOBEGIN)
		rebuild_lacking(merge, orders, norders);
	/* A writer merges the runs of one, lest the tail grow long meanwhile. */
	for (int i = 0; i < norders; i++)
		if (merge_runs_if_due(orders[i], vacuum) && !vacuum)
			break;
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

/* With the merge lock held. */
static void
merge_table(Relation rel, bool vacuum)
{
	DatomTable *table = datom_log_table(rel);
	DatomOrder *orders[ORDER_KINDS];
	int			norders = 0;
	Merge		merge = {.rel = rel, .snapshot = RegisterSnapshot(datom_basis_snapshot())};

	merge.upto = datom_basis_entry(RelationGetRelid(rel), merge.snapshot);
	for (int i = 0; i < ORDER_KINDS; i++)
		if (OidIsValid(table->orders[i]))
		{
			orders[norders] = datom_order_open(table->orders[i], RowExclusiveLock);
			/* A full list would keep the order from merging, for ever. */
			datom_order_drop_retired(orders[norders++]);
		}
	merge_orders(&merge, orders, norders, vacuum);
	for (int i = 0; i < norders; i++)
		datom_order_close(orders[i], RowExclusiveLock);
	UnregisterSnapshot(merge.snapshot);
}

void
datom_merge_vacuum(Relation rel)
{
	if (!datom_lock_merge(RelationGetRelid(rel), true))
		return;
	merge_table(rel, true);
	datom_unlock_merge(RelationGetRelid(rel));
}

/*
 * Are there so many new rows that a writer merges? Asked by every transaction
 * that writes, so the metapage is read only if the log has grown since it was.
 * One order speaks for all. VACUUM makes distrusted ones anew.
 */
static bool
is_due(Relation rel, DatomTable *table, bool now)
{
	BlockNumber blocks = RelationGetNumberOfBlocks(rel);

	if (!now && blocks < table->merged_blocks + DATOM_RELIEF_PAGES)
		return false;
	for (int i = 0; i < ORDER_KINDS; i++)
		if (OidIsValid(table->orders[i]))
		{
			DatomOrder *order = datom_order_open(table->orders[i], AccessShareLock);
			bool		distrusted = order->meta.distrusted;

			table->merged_blocks = order->meta.log_blocks;
			datom_order_close(order, AccessShareLock);
			return !distrusted &&
				(now || blocks >= table->merged_blocks + DATOM_RELIEF_PAGES);
		}
	return false;
}

void
datom_merge_relieve(Relation rel, bool now)
{
	DatomTable *table = datom_log_table(rel);

	if (RecoveryInProgress() || IsInParallelMode() || !OidIsValid(table->te_index) ||
		!is_due(rel, table, now) || !datom_lock_merge(RelationGetRelid(rel), false))
		return;
	merge_table(rel, false);
	datom_unlock_merge(RelationGetRelid(rel));
}

double
datom_merge_build(Relation rel, Relation index)
{
	DatomOrder *order = datom_order_open(RelationGetRelid(index), NoLock);
	Merge		merge = {
		.rel = rel, .snapshot = RegisterSnapshot(datom_basis_snapshot()),
		.above = DT_NOBEGIN, .ntargets = 1, .targets = {{.order = order}}
	};
	double		records = 0;

	merge.upto = datom_basis_entry(RelationGetRelid(rel), merge.snapshot);
	if (merge.upto > DT_NOBEGIN && merge_targets(&merge) && order->meta.nruns > 0)
		records = run_size(&order->meta.runs[0]);
	UnregisterSnapshot(merge.snapshot);
	datom_order_close(order, NoLock);
	return records;
}

/*
 * Hands out what orders hold, as it is made from the whole log up to an instant
 * at or below the snapshot's basis. False: the log has rows that none can hold.
 */
bool
datom_merge_records(Relation rel, Snapshot snapshot, TimestampTz upto,
					DatomMergeFn take, void *arg)
{
	Merge		merge = {
		.rel = rel, .snapshot = snapshot, .above = DT_NOBEGIN, .upto = upto,
		.schema = datom_attrs_at(rel, snapshot, upto), .take = take, .arg = arg
	};
	DatomRowSort *sort = datom_rowsort_begin(merge.schema, maintenance_work_mem);

	read_log(&merge, sort);
	if (!merge.unfit)
		datom_rowsort_drain(sort, take_group, &merge);
	datom_rowsort_end(sort);
	return !merge.unfit;
}

void
datom_merge_distrust(Relation rel)
{
	DatomTable *table = datom_log_table(rel);

	if (!datom_lock_merge_shared(RelationGetRelid(rel)))
		return;
	for (int i = 0; i < ORDER_KINDS; i++)
		if (OidIsValid(table->orders[i]))
		{
			DatomOrder *order = datom_order_open(table->orders[i], RowExclusiveLock);

			distrust(order);
			datom_order_close(order, NoLock);
		}
}

PG_FUNCTION_INFO_V1(datom_entries_given);

/*
 * Trigger after datom.tx or datom.clock was changed by hand, by statement. Caches
 * elsewhere are told with the commit; orders are distrusted, because entries of
 * the past may belong to rows that they lack.
 */
Datum
datom_entries_given(PG_FUNCTION_ARGS)
{
	List	   *tables = datom_log_tables(datom_basis_snapshot());
	ListCell   *lc;

	datom_txlog_entries_given();
	if (CALLED_AS_TRIGGER(fcinfo))
		CacheInvalidateRelcache(((TriggerData *) fcinfo->context)->tg_relation);
	foreach(lc, tables)
	{
		Relation	rel = try_relation_open(lfirst_oid(lc), AccessShareLock);

		if (rel == NULL)
			continue;
		datom_merge_distrust(rel);
		relation_close(rel, NoLock);
	}
	return PointerGetDatum(NULL);
}
