/*
 * scan.c: questions to a whole datom table, row by row.
 *
 * Three ways, with the same rows:
 *
 *	blocks	reads the blocks of one order that can hold what is asked
 *	few		for one entity, or one value that AVET has: reads its rows as
 *			rows.c does, and folds them
 *	log		without orders, or with a tail too long to be kept
 *
 * Runs are read as of `bound`, as in rows.c. An entity and attribute about which
 * the tail says something are touched: their records in blocks are passed over,
 * and their facts are made of the rows of both. Where the rows of the log are
 * asked for, nothing is touched, and rows of the tail are added.
 *
 * In a parallel scan each process takes the next block from a common counter.
 * All read the metapage that the first of them read: its runs are not recycled
 * while the leader has its snapshot. What comes from no block is made by one of
 * them.
 */
#include "scan.h"

#include "access/xact.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

#include "attrs.h"
#include "basis.h"
#include "count.h"
#include "cover.h"
#include "db.h"
#include "log.h"
#include "merge.h"
#include "order_view.h"
#include "rows.h"
#include "settings.h"

/* Has the first process said how all go about it? */
enum
{
	SHARED_EMPTY,
	SHARED_FILLING,
	SHARED_FULL
};

/* How many rows are on a page of the log. */
#define ROWS_OF_PAGE 95

/* About how many facts an entity has. */
#define ENTITY_FACTS 8

/* More of them are not asked one by one. */
#define FEW_ENTITIES 200

typedef enum ScanWay
{
	BY_LOG,
	BY_FEW,
	BY_BLOCKS
} ScanWay;

struct DatomScan
{
	Relation	rel;
	DatomSettled at;
	DatomScanQuery query;
	DatomScanShared *shared;
	MemoryContext context;
	ScanWay		way;
	DatomOrderView view;
	DatomBlockScan *blocks;
	bool		rest_asked;		/* for what comes from no block */
	Tuplestorestate *ready;		/* that */
	TupleTableSlot *slot;
	DatomScanCounts counts;
};

/*
 * Rows that are ready
 */

static void
ready_row(DatomScan *scan, int64 e, Datum a, DatomValue *v, int64 tx, bool added)
{
	Datum		values[Natts_datom];
	bool		nulls[Natts_datom] = {0};

	if (scan->ready == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(scan->context);

		scan->ready = tuplestore_begin_heap(false, false, work_mem);
		scan->slot = MakeSingleTupleTableSlot(RelationGetDescr(scan->rel),
											  &TTSOpsMinimalTuple);
		MemoryContextSwitchTo(old);
	}
	values[Anum_datom_e - 1] = Int64GetDatum(e);
	values[Anum_datom_a - 1] = a;
	values[Anum_datom_v - 1] = PointerGetDatum(v);
	values[Anum_datom_tx - 1] = Int64GetDatum(tx);
	values[Anum_datom_added - 1] = BoolGetDatum(added);
	tuplestore_putvalues(scan->ready, scan->slot->tts_tupleDescriptor, values, nulls);
}

static bool
is_wanted(const DatomScanQuery *query, int64 e)
{
	return e >= query->e_min && e <= query->e_max && datom_shard_has(&query->shard, e);
}

/* What the question picks of the facts of one entity and attribute. */
static void
pick_facts(void *arg, int64 e, Datum a, const DatomFact *facts, int n)
{
	DatomScan  *scan = arg;

	if (!is_wanted(&scan->query, e))
		return;
	for (int i = 0; i < n; i++)
		if (scan->query.mode == SCAN_HISTORY)
		{
			if (facts[i].from >= scan->query.since)
				ready_row(scan, e, a, facts[i].v, facts[i].tx, true);
			if (facts[i].to_tx != 0 && facts[i].to >= scan->query.since)
				ready_row(scan, e, a, facts[i].v, facts[i].to_tx, false);
		}
		else if (datom_fact_holds(&facts[i], scan->at.at) &&
				 facts[i].from > scan->query.since)
			ready_row(scan, e, a, facts[i].v, facts[i].tx, true);
}

static void
ready_said(DatomScan *scan, const DatomRow *row)
{
	ready_row(scan, row->e, PointerGetDatum(cstring_to_text_with_len(row->a, row->alen)),
			  row->v, row->tx, row->added);
}

static void
ask_log(DatomScan *scan)
{
	DatomLogScan *log;
	DatomRow	row;

	if (scan->query.mode != SCAN_ROWS)
	{
		datom_db_facts(scan->rel, &scan->at, pick_facts, scan);
		return;
	}
	log = datom_log_scan(scan->rel, scan->at.snapshot);
	while (datom_log_next(log, &row))
		if (is_wanted(&scan->query, row.e))
			ready_said(scan, &row);
	datom_log_end(log);
}

/*
 * Few rows
 */

/* What is picked of rows, which are all that there are of their entities. */
static void
pick_rows(DatomScan *scan, const DatomRow *rows, int n)
{
	const DatomSchema *schema = datom_attrs(scan->rel);
	DatomTxMap *map = datom_txmap_create(RelationGetRelid(scan->rel), scan->at.snapshot);
	Datom	   *said = palloc_extended(sizeof(Datom) * Max(n, 1), MCXT_ALLOC_HUGE);
	DatomFact  *facts = palloc_extended(sizeof(DatomFact) * Max(n, 1), MCXT_ALLOC_HUGE);
	DatomIdents idents = {0};
	int			count = 0;

	for (int i = 0; i < n; i++)
	{
		const DatomRow *row = &rows[i];
		TimestampTz instant = row->instant != DT_NOBEGIN ? row->instant :
		datom_txmap_instant(map, row->tx);

		if (instant <= scan->at.at)
			said[count++] = (Datom) {
				.e = row->e, .tx = row->tx, .added = row->added, .v = row->v,
				.instant = instant,
				.aid = datom_idents_number(&idents, row->a, row->alen, true)
			};
	}
	qsort(said, count, sizeof(Datom), datom_compare);
	for (int i = 0, end; i < count; i = end)
	{
		const DatomIdent *ident = &idents.list[said[i].aid];

		for (end = i + 1; end < count && said[end].e == said[i].e &&
			 said[end].aid == said[i].aid; end++)
			;
		pick_facts(scan, said[i].e, ident->a, facts,
				   datom_fold(said + i, end - i, datom_schema_many,
							  datom_schema_find(schema, ident->name, ident->len), facts));
	}
}

/* The attribute that is asked for, if it is only one; NULL too if not defined. */
static const DatomAttr *
only_attr(const DatomScan *scan)
{
	const char *ident = scan->query.nattrs == 1 ? scan->query.attrs[0] : NULL;

	return ident ? datom_schema_find(datom_attrs(scan->rel), ident, strlen(ident)) : NULL;
}

static DatomRows *
open_rows(DatomScan *scan)
{
	return datom_rows_open(scan->rel, scan->at.snapshot, scan->at.at,
						   scan->query.mode != SCAN_AS_OF);
}

static void
ask_entity(DatomScan *scan, DatomRows *rows, int64 e, const DatomAttr *attr)
{
	DatomRow   *found;
	int			n;

	if (!datom_shard_has(&scan->query.shard, e))
		return;
	n = datom_rows_entity(rows, e, attr, &found);
	if (scan->query.mode != SCAN_ROWS)
		pick_rows(scan, found, n);
	else
		for (int i = 0; i < n; i++)
			ready_said(scan, &found[i]);
}

static int
by_number(const void *a, const void *b)
{
	int64		x = *(const int64 *) a;
	int64		y = *(const int64 *) b;

	return x < y ? -1 : x > y;
}

/* Who had the value may have another now, so the entities are asked. */
static void
ask_value(DatomScan *scan, DatomRows *rows, const DatomAttr *attr)
{
	DatomRow   *found;
	int			n = datom_rows_value(rows, attr, scan->query.v_min, &found);
	int64	   *entities = palloc_extended(sizeof(int64) * Max(n, 1), MCXT_ALLOC_HUGE);

	for (int i = 0; i < n; i++)
		if (scan->query.mode != SCAN_ROWS)
			entities[i] = found[i].e;
		else if (datom_shard_has(&scan->query.shard, found[i].e))
			ready_said(scan, &found[i]);
	if (scan->query.mode == SCAN_ROWS)
		return;
	qsort(entities, n, sizeof(int64), by_number);
	for (int i = 0; i < n; i++)
		if (i == 0 || entities[i] != entities[i - 1])
			ask_entity(scan, rows, entities[i], attr);
}

static void
ask_few(DatomScan *scan)
{
	DatomRows  *rows = open_rows(scan);
	const DatomAttr *attr = only_attr(scan);
	bool		gave_up;

	if (scan->view.order)
		datom_rows_adopt(rows, scan->view.order);
	scan->view.order = NULL;
	if (scan->query.e_min == scan->query.e_max)
		ask_entity(scan, rows, scan->query.e_min, attr);
	else
		ask_value(scan, rows, attr);
	scan->counts.basis = datom_rows_count(rows, &scan->counts.blocks_read,
										  &scan->counts.blocks_skipped);
	gave_up = datom_rows_gave_up(rows);
	datom_rows_close(rows);
	/* So that the next one need not read the log. */
	if (gave_up && !IsolationIsSerializable())
		datom_merge_relieve(scan->rel, true);
}

/*
 * Blocks
 */

static bool
is_one_value(const DatomScanQuery *query)
{
	return query->v_min && query->v_max && datom_value_equal(query->v_min, query->v_max);
}

static bool
has_order(DatomScan *scan, DatomOrderKind kind)
{
	const DatomTable *table = datom_log_table(scan->rel);

	return datom_enable_orders && OidIsValid(table->te_index) &&
		OidIsValid(table->orders[kind]);
}

/* The order of that kind, if it holds all facts of the attribute. */
static DatomOrder *
open_covering(DatomScan *scan, DatomOrderKind kind, const DatomAttr *attr)
{
	DatomOrder *order = datom_order_usable(scan->rel, kind);

	if (order == NULL || datom_cover_all(order, attr))
		return order;
	datom_order_close(order, AccessShareLock);
	return NULL;
}

/* AVET where values are bounded; VAET serves for one ref. */
static DatomOrder *
open_by_value(DatomScan *scan, const DatomAttr *attr)
{
	const DatomScanQuery *query = &scan->query;
	DatomOrder *order;

	if (attr == NULL || (query->v_min == NULL && query->v_max == NULL))
		return NULL;
	order = open_covering(scan, ORDER_AVET, attr);
	if (order == NULL && attr->type == DATOM_REF && is_one_value(query))
		order = open_covering(scan, ORDER_VAET, attr);
	return order;
}

/* In AVET the facts of a value that many entities have are next to each other. */
static bool
fills_blocks(DatomScan *scan, const DatomAttr *attr)
{
	return scan->view.order->kind == ORDER_AVET &&
		datom_count_value(scan->rel, attr, scan->query.v_min) > FEW_ENTITIES;
}

/* Which way to go, and by which order. */
static void
choose_way(DatomScan *scan)
{
	const DatomScanQuery *query = &scan->query;
	const DatomAttr *attr = only_attr(scan);
	bool		by_e = query->e_min != PG_INT64_MIN || query->e_max != PG_INT64_MAX;

	scan->way = BY_BLOCKS;
	if (query->e_min == query->e_max && has_order(scan, ORDER_EAVT))
	{
		scan->way = BY_FEW;
		return;
	}
	scan->view.order = open_by_value(scan, attr);
	if (scan->view.order)
	{
		scan->way = is_one_value(query) && !fills_blocks(scan, attr) ? BY_FEW : BY_BLOCKS;
		return;
	}
	if (query->nattrs == 0 && by_e)
		scan->view.order = datom_order_usable(scan->rel, ORDER_EAVT);
	if (scan->view.order == NULL)
		scan->view.order = datom_order_usable(scan->rel, ORDER_AEVT);
	if (scan->view.order == NULL)
		scan->view.order = datom_order_usable(scan->rel, ORDER_EAVT);
	if (scan->view.order == NULL)
		scan->way = BY_LOG;
}

static bool
is_asked(const DatomScanQuery *query, const DatomRow *row)
{
	bool		asked = query->nattrs == 0;

	for (int i = 0; i < query->nattrs && !asked; i++)
		asked = strlen(query->attrs[i]) == (size_t) row->alen &&
			memcmp(query->attrs[i], row->a, row->alen) == 0;
	return asked && is_wanted(query, row->e);
}

static int
by_entity(const void *a, const void *b)
{
	const DatomRow *x = a;
	const DatomRow *y = b;
	int			order;

	if (x->e != y->e)
		return x->e < y->e ? -1 : 1;
	order = memcmp(x->a, y->a, Min(x->alen, y->alen));
	return order != 0 ? order : x->alen - y->alen;
}

/* The first of n rows, which are sorted, and those of its entity and attribute. */
static int
group_of(const DatomRow *rows, int n)
{
	int			end = 1;

	while (end < n && by_entity(&rows[0], &rows[end]) == 0)
		end++;
	return end;
}

/*
 * Touches what the tail speaks of, and if `make` makes its rows ready.
 */
static void
add_tail(DatomScan *scan, DatomRow *tail, int n, bool make)
{
	const DatomSchema *schema = datom_attrs(scan->rel);
	DatomRows  *rows;
	int			kept = 0;

	for (int i = 0; i < n; i++)
		if (is_asked(&scan->query, &tail[i]))
			tail[kept++] = tail[i];
	if (kept == 0)
		return;
	if (scan->query.mode == SCAN_ROWS)
	{
		for (int i = 0; i < kept && make; i++)
			ready_said(scan, &tail[i]);
		return;
	}
	qsort(tail, kept, sizeof(DatomRow), by_entity);
	rows = open_rows(scan);
	for (int i = 0; i < kept; i += group_of(tail + i, kept - i))
	{
		const DatomAttr *attr = datom_schema_find(schema, tail[i].a, tail[i].alen);

		datom_blocks_touch(scan->blocks, tail[i].e, tail[i].a, tail[i].alen);
		if (make)
			ask_entity(scan, rows, tail[i].e, attr);
	}
	datom_rows_close(rows);
}

static pg_atomic_uint64 *
block_counter(DatomScan *scan)
{
	return scan->shared ? &scan->shared->next_block : NULL;
}

/* Does this process make what comes from no block? Asked once. */
static bool
takes_rest(DatomScan *scan)
{
	return scan->shared == NULL ||
		pg_atomic_fetch_add_u64(&scan->shared->rest_taken, 1) == 0;
}

bool
datom_scan_first(pg_atomic_uint32 *state)
{
	uint32		empty = SHARED_EMPTY;

	if (pg_atomic_compare_exchange_u32(state, &empty, SHARED_FILLING))
		return true;
	while (pg_atomic_read_u32(state) != SHARED_FULL)
	{
		CHECK_FOR_INTERRUPTS();
		pg_usleep(100);
	}
	pg_read_barrier();
	return false;
}

void
datom_scan_first_done(pg_atomic_uint32 *state)
{
	pg_write_barrier();
	pg_atomic_write_u32(state, SHARED_FULL);
}

void
datom_scan_first_init(pg_atomic_uint32 *state)
{
	pg_atomic_init_u32(state, SHARED_EMPTY);
}

static void
lead(DatomScan *scan)
{
	DatomScanShared *shared = scan->shared;

	if (shared == NULL)
		return;
	shared->way = scan->way;
	if (scan->way == BY_BLOCKS)
	{
		shared->meta = scan->view.order->meta;
		shared->index = RelationGetRelid(scan->view.order->index);
	}
	datom_scan_first_done(&shared->state);
}

static void
follow(DatomScan *scan)
{
	scan->way = scan->shared->way;
	if (scan->way != BY_BLOCKS)
		return;
	scan->view.order = datom_order_open(scan->shared->index, AccessShareLock);
}

static void
begin_blocks(DatomScan *scan)
{
	const DatomOrderView *view = &scan->view;

	scan->counts.basis = view->bound;
	scan->counts.tail_rows = view->ntail;
	scan->blocks = datom_blocks_begin(scan->rel, scan->at.snapshot, view->order, view->bound,
									  &scan->query, only_attr(scan), block_counter(scan));
	scan->rest_asked = true;
	add_tail(scan, view->tail, view->ntail, takes_rest(scan));
}

/* Goes the way, and by the runs, that the first process chose. */
static void
begin_following(DatomScan *scan)
{
	follow(scan);
	if (scan->way != BY_BLOCKS)
		return;
	datom_order_view_again(&scan->view, scan->rel, &scan->at, &scan->shared->meta);
	begin_blocks(scan);
}

static void
begin_leading(DatomScan *scan)
{
	choose_way(scan);
	if (scan->way == BY_BLOCKS && !datom_order_view(&scan->view, scan->rel, &scan->at))
		scan->way = BY_LOG;
	lead(scan);
	if (scan->way == BY_BLOCKS)
		begin_blocks(scan);
}

/*
 * The scan
 */

DatomScan *
datom_scan_begin(Relation rel, const DatomSettled *at, const DatomScanQuery *query,
				 DatomScanShared *shared)
{
	DatomScan  *scan = palloc0(sizeof(DatomScan));

	scan->rel = rel;
	scan->at = *at;
	scan->query = *query;
	scan->shared = shared;
	scan->context = CurrentMemoryContext;
	scan->counts.basis = DT_NOBEGIN;
	if (shared == NULL || datom_scan_first(&shared->state))
		begin_leading(scan);
	else
		begin_following(scan);
	scan->counts.order = scan->way == BY_LOG ? NULL :
		datom_order_name(scan->view.order ? scan->view.order->kind : ORDER_EAVT);
	return scan;
}

/* Makes what comes from no block, in a context that is given up. */
static void
ask_rest(DatomScan *scan)
{
	MemoryContext context = AllocSetContextCreate(scan->context, "datom question",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);

	scan->rest_asked = true;
	if (takes_rest(scan))
	{
		if (scan->way == BY_FEW)
			ask_few(scan);
		else
			ask_log(scan);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

/* A row from the store lives in its slot until the next one. */
static bool
next_ready(DatomScan *scan)
{
	MemoryContext old = MemoryContextSwitchTo(scan->context);
	bool		found = scan->ready &&
		tuplestore_gettupleslot(scan->ready, true, false, scan->slot);

	MemoryContextSwitchTo(old);
	return found;
}

bool
datom_scan_next(DatomScan *scan, Datum *values, bool *nulls)
{
	if (scan->blocks && datom_blocks_next(scan->blocks, values, nulls))
		return true;
	if (!scan->rest_asked)
		ask_rest(scan);
	if (!next_ready(scan))
		return false;
	slot_getallattrs(scan->slot);
	memcpy(values, scan->slot->tts_values, sizeof(Datum) * Natts_datom);
	memcpy(nulls, scan->slot->tts_isnull, sizeof(bool) * Natts_datom);
	return true;
}

const DatomScanCounts *
datom_scan_counts(const DatomScan *scan)
{
	DatomScan  *own = (DatomScan *) scan;

	if (scan->view.order)
	{
		own->counts.blocks_read = scan->view.order->blocks_read;
		own->counts.blocks_skipped = scan->view.order->blocks_skipped;
	}
	return &scan->counts;
}

void
datom_scan_end(DatomScan *scan)
{
	if (scan->blocks)
		datom_blocks_end(scan->blocks);
	if (scan->view.order)
		datom_order_close(scan->view.order, AccessShareLock);
	if (scan->ready)
	{
		ExecDropSingleTupleTableSlot(scan->slot);
		tuplestore_end(scan->ready);
	}
	pfree(scan);
}

/*
 * Plans
 */

/* Rows on a page of the log, as VACUUM or ANALYZE found them, or about. */
static double
rows_of_page(Relation rel)
{
	Form_pg_class form = rel->rd_rel;

	return form->reltuples > 0 && form->relpages > 0 ? form->reltuples / form->relpages :
		ROWS_OF_PAGE;
}

static uint64
open_records(const DatomOrderMeta *meta, bool past, double *blocks)
{
	uint64		records = 0;

	*blocks = 0;
	for (int i = 0; i < meta->nruns; i++)
	{
		const DatomPart *parts = meta->runs[i].parts;

		records += parts[PART_OPEN].records;
		*blocks += parts[PART_OPEN].blocks;
		if (past)
		{
			records += parts[PART_CLOSED].records;
			*blocks += parts[PART_CLOSED].blocks;
		}
	}
	return records;
}

double
datom_entity_pages(Relation rel)
{
	Oid			index = datom_log_table(rel)->orders[ORDER_EAVT];
	DatomOrder *order;
	double		pages;

	if (!datom_enable_orders || !OidIsValid(index))
		return get_float8_infinity();
	order = datom_order_open(index, AccessShareLock);
	(void) open_records(&order->meta, false, &pages);
	datom_order_close(order, AccessShareLock);
	return pages;
}

/* The share of the facts that attributes have, by the directories of AEVT. */
static double
share_of_attrs(DatomOrder *order, const DatomScanShape *shape)
{
	double		found = 0;
	double		blocks;
	double		all = open_records(&order->meta, false, &blocks);

	for (int i = 0; shape->attrs && i < shape->nattrs; i++)
		found += datom_count_attr(order, shape->attrs[i]);
	return all > 0 && shape->attrs ? Min(found / all, 1.0) : 0.2 * shape->nattrs;
}

static DatomOrderKind
kind_for(const DatomTable *table, const DatomScanShape *shape)
{
	if ((shape->e_equal || (shape->e_range && shape->nattrs == 0)) &&
		OidIsValid(table->orders[ORDER_EAVT]))
		return ORDER_EAVT;
	return OidIsValid(table->orders[ORDER_AEVT]) ? ORDER_AEVT : ORDER_EAVT;
}

/*
 * The attribute of which one value is asked for that an order finds; NULL: the order
 * is none, or it is not known yet which attribute.
 */
static const DatomAttr *
attr_by_value(Relation rel, const DatomScanShape *shape, Oid *order)
{
	const DatomTable *table = datom_log_table(rel);
	const DatomAttr *attr;

	*order = InvalidOid;
	if (!shape->v_equal || shape->nattrs != 1)
		return NULL;
	if (shape->attrs == NULL)
	{
		*order = table->orders[ORDER_AVET];
		return NULL;
	}
	attr = datom_schema_find(datom_attrs(rel), shape->attrs[0], strlen(shape->attrs[0]));
	if (attr)
		*order = datom_order_of_values(rel, attr);
	return attr;
}

/* Each entity that AVET or VAET finds is then asked whether it has the value. */
static bool
estimate_by_value(Relation rel, const DatomScanShape *shape, DatomScanEstimate *estimate)
{
	Oid			order;
	const DatomAttr *attr = attr_by_value(rel, shape, &order);
	double		rows;

	if (!OidIsValid(order))
		return false;
	rows = attr ? datom_count_value(rel, attr, shape->v) : 1;
	*estimate = (DatomScanEstimate) {
		.order = datom_order_name(order == datom_log_table(rel)->orders[ORDER_AVET] ?
								  ORDER_AVET : ORDER_VAET),
			.by_value = true, .rows = rows, .pages = 2 + Min(rows, datom_entity_pages(rel))
	};
	return true;
}

static void
estimate_all_shards(Relation rel, DatomScanMode mode, const DatomScanShape *shape,
					DatomScanEstimate *estimate)
{
	const DatomTable *table = datom_log_table(rel);
	DatomOrderKind kind = kind_for(table, shape);
	DatomOrder *order;

	*estimate = (DatomScanEstimate) {.pages = RelationGetNumberOfBlocks(rel)};
	estimate->rows = Max(estimate->pages * rows_of_page(rel), 1);
	if (!datom_enable_orders || !OidIsValid(table->te_index) || !OidIsValid(table->orders[kind]))
		return;
	if (estimate_by_value(rel, shape, estimate))
		return;
	order = datom_order_open(table->orders[kind], AccessShareLock);
	estimate->order = datom_order_name(kind);
	if (order->meta.nruns > 0)
	{
		double		tail = estimate->pages - Min(order->meta.log_blocks, estimate->pages);

		estimate->rows = open_records(&order->meta, mode != SCAN_AS_OF, &estimate->pages) +
			tail * rows_of_page(rel);
		if (shape->e_equal)
		{
			estimate->rows = Min(estimate->rows, shape->nattrs > 0 ? 1 : ENTITY_FACTS);
			estimate->pages = Min(estimate->pages, 1 + order->meta.nruns);
		}
		else if (shape->nattrs > 0 && kind == ORDER_AEVT)
		{
			double		share = share_of_attrs(order, shape);

			estimate->rows *= share;
			estimate->pages *= share;
		}
	}
	else if (shape->e_equal)
		estimate->rows = Min(estimate->rows, ENTITY_FACTS);
	else if (shape->nattrs > 0)
		estimate->rows *= Min(0.2 * shape->nattrs, 1.0);
	datom_order_close(order, AccessShareLock);
}

/* What a question of that shape reads and returns, to be estimated when planned. */
void
datom_scan_estimate(Relation rel, DatomScanMode mode, const DatomScanShape *shape,
					DatomScanEstimate *estimate)
{
	estimate_all_shards(rel, mode, shape, estimate);
	estimate->tested = shape->shards > 1 ? estimate->rows : 0;
	estimate->rows /= Max(shape->shards, 1);
}

bool
datom_scan_by_orders(Relation rel)
{
	const DatomTable *table = datom_log_table(rel);

	return datom_enable_orders && OidIsValid(table->te_index) &&
		(OidIsValid(table->orders[ORDER_AEVT]) || OidIsValid(table->orders[ORDER_EAVT]));
}

bool
datom_scan_by_values(Relation rel, const DatomAttr *attr)
{
	return datom_scan_by_orders(rel) && OidIsValid(datom_order_of_values(rel, attr));
}

void
datom_scan_shared_init(DatomScanShared *shared)
{
	pg_atomic_init_u64(&shared->next_block, 0);
	pg_atomic_init_u64(&shared->rest_taken, 0);
	datom_scan_first_init(&shared->state);
}
