/*
 * entity_blocks.c: batches of entities from the blocks of AEVT.
 *
 * A batch goes from one entity to another. Where it begins is the greatest of the
 * entities at which the attributes that a row must have go on; it ends where the
 * first of the open blocks does. So whole blocks are passed over where one of
 * these attributes has a gap. What rows there are is decided by entities alone,
 * before any value is looked at.
 *
 * In a parallel scan each process takes the next stretch of entities from a
 * common counter: what a few blocks of the longest part hold. All see the same
 * runs, so the stretches are the same to all.
 */
#include "entity_scan.h"

#include "entity_batch.h"

/* Blocks of the longest part in a stretch. */
#define STRETCH_BLOCKS 4

/* From so many on, the locators of all dead facts are read at once. */
#define MANY_BLOCKS 16

/*
 * Stretches
 */

/* The entities of stretch i: false if there is none. */
static bool
set_stretch(DatomEntityScan *scan, uint64 i)
{
	const DatomStreamPart *part = scan->longest;
	uint64		first = i * STRETCH_BLOCKS;
	uint64		next = first + STRETCH_BLOCKS;

	if (i > 0 && (part == NULL || first >= (uint64) part->nrefs))
		return false;
	/* The first block may begin with facts of another attribute. */
	scan->from = i == 0 ? scan->query.e_min : part->refs[first].e;
	scan->stop = part == NULL || next >= (uint64) part->nrefs ? scan->query.e_max :
		part->refs[next].e - 1;
	return true;
}

/* Alone, a process takes all as one stretch. */
bool
datom_entity_blocks_run(DatomEntityScan *scan)
{
	if (scan->running)
		return true;
	if (scan->shared)
		return scan->running = set_stretch(scan, pg_atomic_fetch_add_u64(&scan->shared->next, 1));
	if (scan->done)
		return false;
	scan->done = true;
	scan->from = scan->query.e_min;
	scan->stop = scan->query.e_max;
	return scan->running = true;
}

/*
 * Moves `from` to where all required attributes go on, and all others that are
 * needed to there; false: there is no row any more.
 */
static bool
find_beginning(DatomEntityScan *scan, int64 last)
{
	bool		required = false;
	bool		any = false;
	int64		least = PG_INT64_MAX;
	int64		head;

	for (int i = 0; i < scan->nattrs; i++)
	{
		EntityAttr *attr = &scan->attrs[i];

		if (!attr->required)
			continue;
		required = true;
		if (attr->stream == NULL || !datom_stream_seek(attr->stream, scan->from, &head))
			return false;
		scan->from = Max(scan->from, head);
	}
	for (int i = 0; i < scan->nattrs; i++)
	{
		EntityAttr *attr = &scan->attrs[i];

		if (attr->stream == NULL || !datom_stream_seek(attr->stream, scan->from, &head))
			continue;
		least = Min(least, head);
		any = true;
	}
	if (!required)
		scan->from = Max(scan->from, least);
	return any && scan->from <= last;
}

static int
by_number(const void *a, const void *b)
{
	int64		x = *(const int64 *) a;
	int64		y = *(const int64 *) b;

	return x < y ? -1 : x > y;
}

/* Adds the entities that a stream has at hand to the pool. */
static int
pool_stream(DatomEntityScan *scan, DatomAttrStream *stream, int n, int *sources)
{
	for (int i = 0; i < stream->nparts; i++)
	{
		DatomStreamPart *part = &stream->parts[i];
		int			count = part->end - part->pos;

		if (count <= 0)
			continue;
		if (n + count > scan->pool_room)
		{
			scan->pool_room = (n + count) * 2;
			scan->pool = repalloc(scan->pool, sizeof(int64) * scan->pool_room);
		}
		memcpy(scan->pool + n, datom_stream_unpack(part) + part->pos, sizeof(int64) * count);
		n += count;
		++*sources;
	}
	return n;
}

static int
drop_repeated(int64 *list, int n)
{
	int			kept = 0;

	for (int i = 0; i < n; i++)
		if (kept == 0 || list[kept - 1] != list[i])
			list[kept++] = list[i];
	return kept;
}

static int
count_at_hand(const DatomAttrStream *stream)
{
	int			n = 0;

	for (int i = 0; i < stream->nparts; i++)
		n += Max(stream->parts[i].end - stream->parts[i].pos, 0);
	return n;
}

/*
 * The attribute whose entities are the candidates: of those that a row must have
 * the one with the fewest facts at hand; -1: those of all.
 */
static int
candidates_of(const DatomEntityScan *scan)
{
	int			best = -1;
	int			least = 0;

	for (int i = 0; i < scan->nattrs; i++)
	{
		int			n = scan->attrs[i].required ? count_at_hand(scan->attrs[i].stream) : -1;

		if (n < 0 || (best >= 0 && n >= least))
			continue;
		best = i;
		least = n;
	}
	return best;
}

/* To look a member of a shard up costs as much as to test so many entities. */
#define LOOKUP_TESTS 8

/*
 * Of a shard whose members are rare, those that there are, by looking them up in
 * the only part that has facts in the batch; -1: that is not the way.
 */
static int
collect_members(DatomEntityScan *scan, const EntityAttr *attr)
{
	const DatomShard *shard = &scan->query.shard;
	const DatomStreamPart *part = NULL;
	int			n = 0;
	int64		least;
	int64		most;
	int64		first;

	if (attr->stream == NULL || attr->many || shard->n < 2 || shard->i < 0)
		return -1;
	for (int i = 0; i < attr->stream->nparts; i++)
		if (attr->stream->parts[i].pos < attr->stream->parts[i].end)
		{
			if (part)
				return -1;
			part = &attr->stream->parts[i];
		}
	if (part == NULL || shard->i >= shard->n)
		return 0;
	least = datom_stream_e(part, part->pos);
	most = datom_stream_e(part, part->end - 1);
	if (least < 0 || most > PG_INT64_MAX - shard->n ||
		(most - least) / shard->n > (part->end - part->pos) / LOOKUP_TESTS)
		return -1;
	first = (shard->i - least) % shard->n;
	least += first < 0 ? first + shard->n : first;
	for (int at = part->pos; least <= most; least += shard->n)
	{
		at = datom_stream_find(part, at, least);
		if (at < part->end && datom_stream_e(part, at) == least)
			scan->pool[n++] = least;
	}
	return n;
}

/* The entities that may be rows of the batch up to *last, which may become less. */
static int
collect(DatomEntityScan *scan, int only, int64 *last)
{
	int			sources = 0;
	int			n = only < 0 ? -1 : collect_members(scan, &scan->attrs[only]);

	if (n >= 0)
		return n;
	n = 0;
	for (int i = 0; i < scan->nattrs; i++)
		if (scan->attrs[i].stream && (only < 0 || only == i))
			n = pool_stream(scan, scan->attrs[i].stream, n, &sources);
	if (sources > 1)
		qsort(scan->pool, n, sizeof(int64), by_number);
	if (sources > 1 || only < 0 || scan->attrs[only].many)
		n = drop_repeated(scan->pool, n);
	if (n <= DATOM_BATCH)
		return n;
	*last = scan->pool[DATOM_BATCH - 1];
	return DATOM_BATCH;
}

static int
keep_chosen(int64 *e, const uint16 *chosen, int n)
{
	for (int i = 0; i < n; i++)
		e[i] = e[chosen[i]];
	return n;
}

/* Without those of which the tail speaks. */
static int
drop_touched(DatomEntityScan *scan, int64 *e, int n)
{
	int			at = datom_stream_gallop(scan->rest, 0, scan->nrest, e[0]);
	int			kept = 0;

	for (int i = 0; i < n; i++)
	{
		at = datom_stream_gallop(scan->rest, at, scan->nrest, e[i]);
		if (at >= scan->nrest || scan->rest[at] != e[i])
			e[kept++] = e[i];
	}
	return kept;
}

/* Those that have all attributes that a row must have; they have that one. */
static int
drop_lacking(DatomEntityScan *scan, int only, int64 *e, int n)
{
	uint32	   *places = NULL;

	for (int i = 0; i < scan->nattrs && n > 0; i++)
	{
		int			kept = 0;

		if (!scan->attrs[i].required || i == only)
			continue;
		if (places == NULL)
			places = palloc(sizeof(uint32) * DATOM_BATCH);
		datom_batch_places(scan->attrs[i].stream, e, n, places);
		for (int k = 0; k < n; k++)
			if (places[k] != DATOM_NOWHERE)
				e[kept++] = e[k];
		n = kept;
	}
	return n;
}

static int
choose(DatomEntityScan *scan, int only, int64 *e, int n)
{
	if (n > 0 && scan->query.shard.n != 0)
		n = keep_chosen(e, scan->chosen,
						datom_shard_select(&scan->query.shard, e, n, scan->chosen));
	if (n > 0 && scan->nrest > 0)
		n = drop_touched(scan, e, n);
	return n > 0 ? drop_lacking(scan, only, e, n) : n;
}

/* Sets the ends of what is at hand to an entity that lies before them. */
static void
take_until(DatomEntityScan *scan, int64 last)
{
	for (int i = 0; i < scan->nattrs; i++)
		if (scan->attrs[i].stream)
			datom_stream_take(scan->attrs[i].stream, last);
}

/* The last entity before a row that is made of its facts, where order counts. */
static int64
before_rest(const DatomEntityScan *scan)
{
	if (!scan->query.ordered || scan->next_rest >= scan->nrest)
		return scan->stop;
	return Min(scan->stop, scan->rest[scan->next_rest] - 1);
}

void
datom_entity_blocks_next(DatomEntityScan *scan)
{
	int64		last = before_rest(scan);
	int			only;

	scan->by_places = true;
	if (!find_beginning(scan, last))
	{
		/* What is there may lie behind a row that is to come first. */
		if (last == scan->stop)
			scan->running = false;
		else
			scan->from = Max(scan->from, last + 1);
		return;
	}
	for (int i = 0; i < scan->nattrs; i++)
		if (scan->attrs[i].stream)
			last = Min(last, datom_stream_reach(scan->attrs[i].stream));
	take_until(scan, last);
	only = candidates_of(scan);
	scan->n = collect(scan, only, &last);
	if (scan->n == DATOM_BATCH)
		take_until(scan, last);
	memcpy(scan->e, scan->pool, sizeof(int64) * scan->n);
	scan->n = choose(scan, only, scan->e, scan->n);
	scan->running = last < scan->stop;
	if (scan->running)
		scan->from = last + 1;
}

/*
 * Beginning and end
 */

/* Narrows the zones of the blocks that an attribute is read from. */
static void
set_zones(const DatomEntityScan *scan, int attr, DatomBlockRange *range)
{
	*range = datom_order_everything;
	range->e_min = scan->query.e_min;
	range->e_max = scan->query.e_max;
	for (int i = 0; i < scan->query.nbounds; i++)
	{
		const DatomEntityBound *bound = &scan->query.bounds[i];
		int64		v_min = PG_INT64_MIN;
		int64		v_max = PG_INT64_MAX;

		if (scan->cells[bound->column].attr != attr ||
			!datom_zone_bound(scan->attrs[attr].attr, bound->min, &v_min) ||
			!datom_zone_bound(scan->attrs[attr].attr, bound->max, &v_max))
			continue;
		if (!range->has_v)
		{
			range->v_min = PG_INT64_MIN;
			range->v_max = PG_INT64_MAX;
		}
		range->has_v = true;
		range->v_min = Max(range->v_min, v_min);
		range->v_max = Min(range->v_max, v_max);
	}
}

static void
open_streams(DatomEntityScan *scan)
{
	TimestampTz since = scan->query.since;
	int64		blocks = 0;

	for (int i = 0; i < scan->nattrs; i++)
	{
		EntityAttr *attr = &scan->attrs[i];
		DatomBlockRange range;

		if (!attr->needed || attr->attr == NULL)
			continue;
		set_zones(scan, i, &range);
		attr->stream = datom_stream_open(scan->view.order, attr->ident, scan->view.bound,
										 since == DT_NOBEGIN ? DT_NOBEGIN : since + 1,
										 &range, !attr->shown && !attr->many);
		for (int k = 0; k < attr->stream->nparts; k++)
		{
			DatomStreamPart *part = &attr->stream->parts[k];

			blocks += part->nrefs;
			if (scan->longest == NULL || part->nrefs > scan->longest->nrefs)
				scan->longest = part;
		}
	}
	if (blocks > MANY_BLOCKS)
		datom_order_load_dead(scan->view.order);
}

/* The entities of which the tail says what matters. */
static void
list_touched(DatomEntityScan *scan)
{
	const DatomOrderView *view = &scan->view;

	scan->rest = palloc_extended(sizeof(int64) * Max(view->ntail, 1), MCXT_ALLOC_HUGE);
	for (int i = 0; i < view->ntail; i++)
	{
		const DatomRow *row = &view->tail[i];

		for (int k = 0; k < scan->nattrs; k++)
			if (scan->attrs[k].needed && (int) strlen(scan->attrs[k].ident) == row->alen &&
				memcmp(scan->attrs[k].ident, row->a, row->alen) == 0 &&
				datom_entity_is_within(&scan->query, row->e))
			{
				scan->rest[scan->nrest++] = row->e;
				break;
			}
	}
	qsort(scan->rest, scan->nrest, sizeof(int64), by_number);
	scan->nrest = drop_repeated(scan->rest, scan->nrest);
}

void
datom_entity_blocks_open(DatomEntityScan *scan)
{
	scan->pool_room = DATOM_BATCH;
	scan->pool = palloc(sizeof(int64) * scan->pool_room);
	open_streams(scan);
	list_touched(scan);
	scan->counts.basis = scan->view.bound;
	scan->counts.tail_rows = scan->view.ntail;
}

void
datom_entity_blocks_close(DatomEntityScan *scan)
{
	for (int i = 0; i < scan->nattrs; i++)
		if (scan->attrs[i].stream)
			datom_stream_close(scan->attrs[i].stream);
}
