/*
 * rows.c: a few rows of the log, by orders and tail.
 *
 * Orders hold records; a record stands for one row or two. Rows at or below
 *
 *	bound = min(basis of the snapshot, watermark, at)
 *
 * come from the runs, all others from the log by way of the tail. What is at or
 * below the basis is final, so nothing that comes from a run needs to be looked
 * at with a snapshot. The snapshot is taken first, then the metapages are read,
 * then entries.
 *
 * Where there is no order that serves, or the tail is too long to be kept, the
 * log is read, with the same rows.
 */
#include "rows.h"

#include "storage/bufmgr.h"
#include "storage/proc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "basis.h"
#include "cover.h"
#include "far.h"
#include "order_read.h"
#include "settings.h"
#include "tail.h"

struct DatomRows
{
	Relation	rel;
	Snapshot	given;			/* as the caller says */
	Snapshot	snapshot;		/* MVCC, registered; NULL: not taken yet */
	TimestampTz at;
	bool		past;
	TimestampTz basis;			/* DT_NOBEGIN: not known */
	DatomOrder *orders[ORDER_KINDS];
	DatomLookup *lookups[ORDER_KINDS];
	bool		fresh;
	bool		gave_up;		/* the tail was too long */
	/* What is being collected. */
	DatomRow   *out;
	int			count;
	int			room;
	TimestampTz bound;
	const DatomValue *v;		/* only this one, where the key does not say so */
};

DatomRows *
datom_rows_open(Relation rel, Snapshot snapshot, TimestampTz at, bool past)
{
	DatomRows  *rows = palloc0(sizeof(DatomRows));

	rows->rel = rel;
	rows->given = snapshot;
	rows->at = at;
	rows->past = past;
	rows->basis = rows->bound = DT_NOBEGIN;
	return rows;
}

void
datom_rows_close(DatomRows *rows)
{
	for (int i = 0; i < ORDER_KINDS; i++)
		if (rows->orders[i])
		{
			datom_lookup_end(rows->lookups[i]);
			datom_order_close(rows->orders[i], AccessShareLock);
		}
	if (rows->snapshot)
		UnregisterSnapshot(rows->snapshot);
	pfree(rows);
}

TimestampTz
datom_rows_count(DatomRows *rows, int64 *blocks_read, int64 *blocks_skipped)
{
	for (int i = 0; i < ORDER_KINDS; i++)
		if (rows->orders[i])
			datom_order_count(rows->orders[i], blocks_read, blocks_skipped);
	return rows->bound;
}

/*
 * An import has its own entries above the basis, which a walk would pass each
 * time. What was the basis earlier in the transaction still lies at or below it
 * in a snapshot taken since.
 */
static TimestampTz
basis_of_import(Oid relid, Snapshot snapshot)
{
	static Oid	known_relid = InvalidOid;
	static LocalTransactionId known_lxid = InvalidLocalTransactionId;
	static TimestampTz known = DT_NOBEGIN;

	if (known_relid != relid || known_lxid != MyProc->lxid)
	{
		known = datom_basis_entry(relid, snapshot);
		known_relid = relid;
		known_lxid = MyProc->lxid;
	}
	return known;
}

static void
take_snapshot(DatomRows *rows)
{
	Oid			relid = RelationGetRelid(rows->rel);
	bool		self = rows->given->snapshot_type != SNAPSHOT_MVCC;

	if (rows->snapshot)
		return;
	rows->snapshot = RegisterSnapshot(self ? datom_basis_snapshot() : rows->given);
	if (rows->at != DT_NOEND)
		rows->basis = rows->at;
	else if (rows->basis != DT_NOBEGIN)
		return;
	else if ((self || rows->fresh) && datom_log_table(rows->rel)->importing &&
			 datom_tail_own(relid) != 0)
		rows->basis = basis_of_import(relid, rows->snapshot);
	else
		rows->basis = datom_basis_entry(relid, rows->snapshot);
}

void
datom_rows_fresh(DatomRows *rows)
{
	rows->fresh = true;
}

void
datom_rows_tell_basis(DatomRows *rows, TimestampTz basis)
{
	rows->basis = basis;
}

TimestampTz
datom_rows_basis(const DatomRows *rows)
{
	return rows->basis;
}

void
datom_rows_adopt(DatomRows *rows, DatomOrder *order)
{
	take_snapshot(rows);
	rows->orders[order->kind] = order;
	rows->lookups[order->kind] = datom_lookup_begin(order, false);
}

/* The order of that kind, open, and the bound for it; NULL: there is none. */
static DatomOrder *
open_order(DatomRows *rows, DatomOrderKind kind)
{
	DatomTable *table = datom_log_table(rows->rel);

	if (!datom_enable_orders || !OidIsValid(table->orders[kind]) ||
		!OidIsValid(table->te_index))
		return NULL;
	take_snapshot(rows);
	if (rows->orders[kind] == NULL)
	{
		/* A caller may collect rows in a context that is reset for each. */
		MemoryContext old = MemoryContextSwitchTo(GetMemoryChunkContext(rows));

		rows->orders[kind] = datom_order_open(table->orders[kind], AccessShareLock);
		rows->lookups[kind] = datom_lookup_begin(rows->orders[kind], false);
		MemoryContextSwitchTo(old);
	}
	if (rows->orders[kind]->meta.distrusted)
		return NULL;
	rows->bound = Min(Min(rows->basis, rows->orders[kind]->meta.watermark), rows->at);
#ifdef DATOM_TEST
	if (datom_test_break == BREAK_XID_ONLY)
		rows->bound = Min(rows->orders[kind]->meta.watermark, rows->at);
#endif
	return rows->orders[kind];
}

/*
 * Collecting
 */

static void
begin(DatomRows *rows)
{
	rows->room = 16;
	rows->count = 0;
	rows->out = palloc(sizeof(DatomRow) * rows->room);
	rows->v = NULL;
}

static void
add_row(DatomRows *rows, DatomRow row)
{
	if (rows->count == rows->room)
		rows->out = repalloc_huge(rows->out, sizeof(DatomRow) * (rows->room *= 2));
	rows->out[rows->count++] = row;
}

static void
add_copy(DatomRows *rows, const DatomRow *row)
{
	DatomRow	copy = *row;

	copy.a = pnstrdup(row->a, row->alen);
	copy.v = (DatomValue *) PG_DETOAST_DATUM_COPY(PointerGetDatum(row->v));
	add_row(rows, copy);
}

/* The rows that a record stands for, as far as they are at or below the bound. */
static void
add_record(void *arg, const DatomRecord *record, int64 locator)
{
	DatomRows  *rows = arg;
	bool		fact = record->kind <= RECORD_RETRACTED;
	DatomRow	row = {
		.e = record->e, .tx = record->tx, .instant = record->from, .alen = record->alen,
		.added = record->kind != RECORD_RETRACTION
	};

	if (record->from > rows->bound ||
		(!rows->past && (!fact || record->to <= rows->bound)))
		return;
	row.v = datom_far_value(rows->rel, rows->snapshot, record);
	if (rows->v && !datom_value_equal(row.v, rows->v))
		return;
	row.a = pnstrdup(record->a, record->alen);
	add_row(rows, row);
	if (record->kind != RECORD_RETRACTED || record->to > rows->bound)
		return;
	row.added = false;
	row.tx = record->to_tx;
	row.instant = record->to;
	add_row(rows, row);
}

static void
add_from_order(DatomRows *rows, DatomOrder *order, const DatomProbe *probe,
			   DatomBlockRange range)
{
	range.from_max = rows->bound;
	datom_lookup_each(rows->lookups[order->kind], PART_OPEN, &range, probe, add_record, rows);
	if (!rows->past)
	{
		/* Ended facts count if their end is not in the runs' view. */
		if (rows->bound >= order->meta.watermark)
			return;
		range.to_after = rows->bound;
	}
	datom_lookup_each(rows->lookups[order->kind], PART_CLOSED, &range, probe, add_record, rows);
}

/* False: the tail is too long. */
static bool
add_from_tail(DatomRows *rows, DatomTailQuery query)
{
	DatomRow   *tail;
	int			n;

	if (rows->at <= rows->bound)
		return true;
	query.above = rows->bound;
	query.at = rows->at;
	query.snapshot = rows->snapshot;
	query.basis = rows->basis;
	query.self = rows->given->snapshot_type != SNAPSHOT_MVCC;
	n = datom_tail_rows(rows->rel, &query, &tail);
	for (int i = 0; i < n; i++)
		add_copy(rows, &tail[i]);
	rows->gave_up |= n < 0;
	return n >= 0;
}

bool
datom_rows_gave_up(const DatomRows *rows)
{
	return rows->gave_up;
}

/* The slow way. Rows above `at` come too, if their instant is not known. */
static int
read_log(DatomRows *rows, DatomLogScan *scan, DatomRow **out)
{
	DatomRow	row;

	begin(rows);
	while (datom_log_next(scan, &row))
		add_copy(rows, &row);
	datom_log_end(scan);
	*out = rows->out;
	return rows->count;
}

/*
 * Questions
 */

int
datom_rows_entity(DatomRows *rows, int64 e, const DatomAttr *attr, DatomRow **out)
{
	DatomOrder *order = open_order(rows, ORDER_EAVT);
	DatomBlockRange range = datom_order_everything;
	DatomProbe	probe = {
		.has_e = true, .e = e, .a = attr ? attr->ident : NULL, .alen = attr ? attr->len : 0
	};

	if (order == NULL && attr)
		order = open_order(rows, ORDER_AEVT);
	if (order == NULL)
		return read_log(rows, datom_log_scan_entity(rows->rel, rows->given, e, attr), out);
	begin(rows);
	range.e_min = range.e_max = e;
	add_from_order(rows, order, &probe, range);
	if (!add_from_tail(rows, (DatomTailQuery) {
		.which = TAIL_ENTITY, .e = e, .a = probe.a, .alen = probe.alen
	}))
		return read_log(rows, datom_log_scan_entity(rows->rel, rows->given, e, attr), out);
	*out = rows->out;
	return rows->count;
}

/* Is something said of the entity above the bound? Also true if nobody knows. */
static bool
is_in_tail(DatomRows *rows, int64 e)
{
	DatomTailQuery query = {
		.which = TAIL_ENTITY, .e = e, .above = rows->bound, .at = rows->at,
		.snapshot = rows->snapshot, .basis = rows->basis,
		.self = rows->given->snapshot_type != SNAPSHOT_MVCC
	};
	DatomRow   *tail;
	int			n;

	if (rows->at <= rows->bound)
		return false;
	n = datom_tail_rows(rows->rel, &query, &tail);
	rows->gave_up |= n < 0;
	return n != 0;
}

typedef struct HoldingTaker
{
	DatomRows  *rows;
	const DatomHolding *holding;
} HoldingTaker;

static void
take_holding(void *arg, DatomOpenBlock *open, int row)
{
	HoldingTaker *taker = arg;
	const DatomHolding *holding = taker->holding;
	const DatomBlockAttr *attr = datom_block_attr(&open->block, row);
	int			which = holding->which(holding->arg, attr->name, attr->len);
	DatomRecord record;
	DatomValue *v;
	uint64		far_hash;

	if (which < 0)
		return;
	v = datom_block_value(&open->block, row, &far_hash);
	if (v == NULL)
	{
		datom_open_block_record(open, row, &record);
		v = datom_far_value(taker->rows->rel, taker->rows->snapshot, &record);
	}
	holding->take(holding->arg, which, v);
}

bool
datom_rows_holding(DatomRows *rows, int64 e, const DatomHolding *holding)
{
	DatomOrder *order = open_order(rows, ORDER_EAVT);
	HoldingTaker taker = {rows, holding};

	if (order == NULL || is_in_tail(rows, e))
		return false;
	datom_lookup_entity(rows->lookups[ORDER_EAVT], e, rows->bound, take_holding, &taker);
	return true;
}

/*
 * AVET or, for a ref, VAET if they hold the attribute; else AEVT, all of it. All
 * values of one attribute do not stand together in VAET.
 */
static DatomOrder *
order_by_value(DatomRows *rows, const DatomAttr *attr, const DatomValue *v)
{
	static const DatomOrderKind kinds[] = {ORDER_AVET, ORDER_VAET};

	for (int i = 0; i < (v ? 2 : 1); i++)
	{
		DatomOrder *order = open_order(rows, kinds[i]);

		if (order && datom_cover_all(order, attr))
			return order;
	}
	return open_order(rows, ORDER_AEVT);
}

int
datom_rows_value(DatomRows *rows, const DatomAttr *attr, const DatomValue *v,
				 DatomRow **out)
{
	DatomOrder *order = order_by_value(rows, attr, v);
	DatomProbe	probe = {.a = attr->ident, .alen = attr->len};

	if (order == NULL)
		return read_log(rows, datom_log_scan_value(rows->rel, rows->given, attr, v), out);
	begin(rows);
	rows->v = v;
	if (order->kind != ORDER_AEVT)
		probe.v = v;
	add_from_order(rows, order, &probe, datom_order_everything);
	if (!add_from_tail(rows, (DatomTailQuery) {
		.which = TAIL_VALUE, .a = attr->ident, .alen = attr->len, .v = v
	}))
		return read_log(rows, datom_log_scan_value(rows->rel, rows->given, attr, v), out);
	*out = rows->out;
	return rows->count;
}

typedef struct HolderList
{
	TimestampTz bound;
	DatomHolder *list;
	int			n;
	int			room;
} HolderList;

static void
add_holder(HolderList *holders, int64 e, bool sure)
{
	if (holders->n == holders->room)
	{
		holders->room = Max(16, holders->room * 2);
		holders->list = holders->list ?
			repalloc_huge(holders->list, sizeof(DatomHolder) * holders->room) :
			palloc(sizeof(DatomHolder) * holders->room);
	}
	holders->list[holders->n++] = (DatomHolder) {.e = e, .sure = sure};
}

static void
take_holder(void *arg, const DatomRecord *record, int64 locator)
{
	HolderList *holders = arg;

	if (record->kind <= RECORD_RETRACTED && record->from <= holders->bound &&
		record->to > holders->bound)
		add_holder(holders, record->e, true);
}

/* What holds at the bound still does if nothing is said of the entity above. */
int
datom_rows_holders(DatomRows *rows, const DatomAttr *attr, const DatomValue *v,
				   DatomHolder **list)
{
	DatomOrder *order = order_by_value(rows, attr, v);
	DatomProbe	probe = {.a = attr->ident, .alen = attr->len, .v = v};
	DatomBlockRange range = datom_order_everything;
	HolderList	holders = {.bound = rows->bound};

	if (order == NULL || order->kind == ORDER_AEVT || datom_far_key(v))
		return -1;
	range.from_max = rows->bound;
	datom_lookup_each(rows->lookups[order->kind], PART_OPEN, &range, &probe, take_holder, &holders);
	range.to_after = rows->bound;
	if (rows->bound < order->meta.watermark)
		datom_lookup_each(rows->lookups[order->kind], PART_CLOSED, &range, &probe, take_holder,
						  &holders);
	for (int i = 0; i < holders.n; i++)
		holders.list[i].sure = !is_in_tail(rows, holders.list[i].e);
	begin(rows);
	if (!add_from_tail(rows, (DatomTailQuery) {
		.which = TAIL_VALUE, .a = attr->ident, .alen = attr->len, .v = v
	}))
		return -1;
	for (int i = 0; i < rows->count; i++)
		if (rows->out[i].added)
			add_holder(&holders, rows->out[i].e, false);
	*list = holders.list;
	return holders.n;
}

/* Rows about attributes: those of the built-in ones, each in turn. */
int
datom_rows_schema(DatomRows *rows, DatomRow **out)
{
	DatomOrder *order = open_order(rows, ORDER_AEVT);

	if (order == NULL)
		return read_log(rows, datom_log_scan_schema(rows->rel, rows->given), out);
	begin(rows);
	for (int i = 0; i < DB_BUILTINS; i++)
	{
		const char *ident = datom_schema_builtin_ident(i);
		DatomProbe	probe = {.a = ident, .alen = strlen(ident)};

		add_from_order(rows, order, &probe, datom_order_everything);
	}
	if (!add_from_tail(rows, (DatomTailQuery) {.which = TAIL_SCHEMA}))
		return read_log(rows, datom_log_scan_schema(rows->rel, rows->given), out);
	*out = rows->out;
	return rows->count;
}

static bool
any_in_log(DatomRows *rows, const DatomAttr *attr)
{
	DatomLogScan *scan = datom_log_scan_value(rows->rel, rows->given, attr, NULL);
	DatomRow	row;
	bool		found = datom_log_next(scan, &row);

	datom_log_end(scan);
	return found;
}

bool
datom_rows_any(DatomRows *rows, const DatomAttr *attr)
{
	DatomOrder *order = open_order(rows, ORDER_AEVT);
	DatomProbe	probe = {.a = attr->ident, .alen = attr->len};
	DatomBlockRange range = datom_order_everything;
	DatomRow   *tail;
	int			n;

	if (order == NULL)
		return any_in_log(rows, attr);
	/* Attributes share blocks, so a block found is not yet a fact. */
	range.lo = range.hi = &probe;
	for (int i = 0; i < order->meta.nruns; i++)
		for (int part = 0; part < PART_DEAD; part++)
		{
			DatomBlockRef *refs;

			if (datom_order_blocks(order, &order->meta.runs[i], part, &range, &refs) > 2)
				return true;
		}
	begin(rows);
	add_from_order(rows, order, &probe, datom_order_everything);
	if (rows->count > 0)
		return true;
	n = datom_tail_rows(rows->rel, &(DatomTailQuery) {
		.which = TAIL_VALUE, .a = attr->ident, .alen = attr->len, .above = rows->bound,
		.at = rows->at, .snapshot = rows->snapshot, .basis = rows->basis,
		.self = rows->given->snapshot_type != SNAPSHOT_MVCC
	}, &tail);
	return n < 0 ? any_in_log(rows, attr) : n > 0;
}
