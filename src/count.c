/*
 * count.c: about how many facts there are, for the planner.
 *
 * A directory says how many records each block has, and the key of its first. So
 * an attribute is counted to a block, and so is a value that fills blocks. Of one
 * that does not it is only known that it is rarer than a block has records.
 *
 * How often some value is there, whichever, is told by how many values blocks
 * begin with. Looking at all directories of an attribute takes a while in a large
 * table, so what was seen is kept in the process, until runs have been made anew;
 * or, as to some value, until the order has grown by a tenth.
 */
#include "count.h"

#include "common/hashfn.h"
#include "utils/memutils.h"
#include "utils/selfuncs.h"

#include "attrs.h"
#include "cover.h"
#include "log.h"

/* About how many entities have a value of an attribute, where blocks do not tell. */
#define VALUE_ENTITIES 100

#define COUNTS 256

typedef struct Count
{
	Oid			index;
	uint32		ident;			/* hash */
	uint32		next_run;
	double		total;			/* of the order */
	double		records;
} Count;

/* What is said of one run: `n` blocks, in the order of their keys. */
typedef void (*RefsFn) (const DatomBlockRef *refs, int n, void *argument);

static Count *
find_count(Count *counts, Oid index, const char *ident, bool *found)
{
	uint32		hash = DatumGetUInt32(hash_any((const unsigned char *) ident, strlen(ident)));
	Count	   *count = &counts[hash_combine(hash, index) % COUNTS];

	*found = count->index == index && count->ident == hash;
	count->index = index;
	count->ident = hash;
	return count;
}

static void
each_run(DatomOrder *order, const DatomProbe *probe, RefsFn fn, void *argument)
{
	DatomBlockRange range = datom_order_everything;
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "datom estimate",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);

	range.lo = range.hi = probe;
	for (int run = 0; run < order->meta.nruns; run++)
	{
		DatomBlockRef *refs;
		int			n = datom_order_blocks(order, &order->meta.runs[run], PART_OPEN, &range,
										   &refs);

		fn(refs, n, argument);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

/*
 * Attributes
 */

static void
add_records(const DatomBlockRef *refs, int n, void *sum)
{
	for (int i = 0; i < n; i++)
		*(double *) sum += refs[i].records;
}

double
datom_count_attr(DatomOrder *order, const char *ident)
{
	static Count counts[COUNTS];
	DatomProbe	probe = {.a = ident, .alen = strlen(ident)};
	bool		found;
	Count	   *count = find_count(counts, RelationGetRelid(order->index), ident, &found);

	if (!found || count->next_run != order->meta.next_run)
	{
		count->index = InvalidOid;
		count->records = 0;
		each_run(order, &probe, add_records, &count->records);
		count->index = RelationGetRelid(order->index);
		count->next_run = order->meta.next_run;
	}
	return count->records;
}

/*
 * Values
 */

Oid
datom_order_of_values(Relation rel, const DatomAttr *attr)
{
	static const DatomOrderKind kinds[] = {ORDER_AVET, ORDER_VAET};
	const DatomTable *table = datom_log_table(rel);

	for (int i = 0; i < (int) lengthof(kinds); i++)
		if (OidIsValid(table->orders[kinds[i]]))
		{
			DatomOrder *order = datom_order_open(table->orders[kinds[i]], AccessShareLock);
			bool		covered = datom_cover_all(order, attr);

			datom_order_close(order, AccessShareLock);
			if (covered)
				return table->orders[kinds[i]];
		}
	return InvalidOid;
}

/* Blocks between two that may have other values too have nothing else. */
static void
add_value(const DatomBlockRef *refs, int n, void *sum)
{
	double		ends = 0;

	for (int i = 0; i < n; i++)
		*(i == 0 || i == n - 1 ? &ends : (double *) sum) += refs[i].records;
	*(double *) sum += Min(ends, VALUE_ENTITIES);
}

typedef struct Spread
{
	double		records;
	double		blocks;
	double		values;			/* with which blocks begin */
} Spread;

static void
add_spread(const DatomBlockRef *refs, int n, void *argument)
{
	Spread	   *spread = argument;

	for (int i = 0; i < n; i++)
	{
		spread->records += refs[i].records;
		spread->blocks++;
		if (i == 0 || refs[i].v == NULL || refs[i - 1].v == NULL || refs[i].cut ||
			datom_value_cmp(refs[i].v, refs[i - 1].v) != 0)
			spread->values++;
	}
}

static double
count_some_value(DatomOrder *order, const DatomAttr *attr)
{
	static Count counts[COUNTS];
	/* In VAET, where the value comes first, this is all refs. */
	DatomProbe	probe = {.a = attr->ident, .alen = strlen(attr->ident)};
	Spread		spread = {0};
	double		total = 0;
	bool		found;
	Count	   *count = find_count(counts, RelationGetRelid(order->index), attr->ident, &found);

	for (int i = 0; i < order->meta.nruns; i++)
		total += order->meta.runs[i].parts[PART_OPEN].records;
	if (!found || fabs(total - count->total) > 0.1 * total)
	{
		count->index = InvalidOid;
		each_run(order, &probe, add_spread, &spread);
		count->index = RelationGetRelid(order->index);
		count->total = total;
		/* Where most blocks begin with values of their own, values fill no blocks. */
		count->records = 2 * spread.values < spread.blocks ?
			spread.records / spread.values : VALUE_ENTITIES;
	}
	return count->records;
}

double
datom_count_value(Relation rel, const DatomAttr *attr, const DatomValue *v)
{
	Oid			index = attr->unique != UNIQUE_NONE ? InvalidOid :
	datom_order_of_values(rel, attr);
	DatomOrder *order;
	double		records = 0;

	if (!OidIsValid(index))
		return attr->unique != UNIQUE_NONE ? 1 : VALUE_ENTITIES;
	order = datom_order_open(index, AccessShareLock);
	if (v == NULL || datom_far_key(v))
		records = count_some_value(order, attr);
	else
	{
		DatomProbe	probe = {.a = attr->ident, .alen = strlen(attr->ident), .v = v};

		each_run(order, &probe, add_value, &records);
	}
	datom_order_close(order, AccessShareLock);
	return Max(records, 1);
}

double
datom_count_distinct(Relation rel, const DatomAttr *attr, double facts)
{
	double		each;

	if (!OidIsValid(datom_order_of_values(rel, attr)))
		return 0;
	each = datom_count_value(rel, attr, NULL);
	/* Of rare values there are some, which is not to be less than nothing known. */
	return ceil(each > VALUE_ENTITIES ? facts / each : Max(facts / each, DEFAULT_NUM_DISTINCT));
}
