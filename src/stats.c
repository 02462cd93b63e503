/*
 * stats.c: datom.stats(), what the orders of a datom table are made of.
 */
#include "compat.h"

#include "access/table.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "catalog/pg_type.h"

#include "log.h"
#include "order.h"

enum
{
	STATS_NAME,
	STATS_KIND,
	STATS_WATERMARK,
	STATS_TRUSTED,
	STATS_RUNS,
	STATS_RECORDS,
	STATS_CLOSED,
	STATS_DEAD,
	STATS_LEVELS,
	STATS_PAGES,
	STATS_RETIRED,
	STATS_TAIL_PAGES,
	STATS_BYTES,
	STATS_COLUMNS
};

/* Records of each run, oldest first. */
static Datum
levels(const DatomOrderMeta *meta)
{
	Datum		sizes[DATOM_MAX_RUNS];

	for (int i = 0; i < meta->nruns; i++)
		sizes[i] = Int64GetDatum(meta->runs[i].parts[PART_OPEN].records +
								 meta->runs[i].parts[PART_CLOSED].records);
	return PointerGetDatum(construct_array(sizes, meta->nruns, INT8OID, 8, FLOAT8PASSBYVAL,
										   TYPALIGN_DOUBLE));
}

static void
push(JsonbParseState **state, const char *a, int alen, int64 bytes)
{
	JsonbValue	key = {.type = jbvString};
	JsonbValue	value = {.type = jbvNumeric};

	key.val.string.val = pnstrdup(a, alen);
	key.val.string.len = alen;
	value.val.numeric = int64_to_numeric(bytes);
	pushJsonbValue(state, WJB_KEY, &key);
	pushJsonbValue(state, WJB_VALUE, &value);
}

typedef struct AttrBytes
{
	const char *a;
	int			alen;
	int64		bytes;
} AttrBytes;

/* Blocks count for the attribute that they begin with. */
static Datum
bytes_by_attribute(DatomOrder *order)
{
	JsonbParseState *state = NULL;
	AttrBytes  *attrs = palloc(sizeof(AttrBytes));
	int			count = 0;

	for (int i = 0; i < order->meta.nruns; i++)
		for (int part = 0; part < PART_DEAD; part++)
		{
			DatomBlockRef *refs;
			int			n = datom_order_blocks(order, &order->meta.runs[i], part,
											   &datom_order_everything, &refs);

			for (int k = 0; k < n; k++)
			{
				int			at = count;

				while (at-- > 0)
					if (attrs[at].alen == refs[k].alen &&
						memcmp(attrs[at].a, refs[k].a, refs[k].alen) == 0)
						break;
				if (at < 0)
				{
					attrs = repalloc(attrs, sizeof(AttrBytes) * (count + 1));
					attrs[at = count++] = (AttrBytes) {refs[k].a, refs[k].alen, 0};
				}
				attrs[at].bytes += BLCKSZ;
			}
		}
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	for (int i = 0; i < count; i++)
		push(&state, attrs[i].a, attrs[i].alen, attrs[i].bytes);
	return JsonbPGetDatum(JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL)));
}

static void
put_order(ReturnSetInfo *result, Relation rel, Oid index)
{
	DatomOrder *order = datom_order_open(index, AccessShareLock);
	const DatomOrderMeta *meta = &order->meta;
	BlockNumber blocks = RelationGetNumberOfBlocks(rel);
	int64		records[PART_KINDS] = {0};
	Datum		values[STATS_COLUMNS];
	bool		nulls[STATS_COLUMNS] = {0};

	for (int i = 0; i < meta->nruns; i++)
		for (int part = 0; part < PART_KINDS; part++)
			records[part] += meta->runs[i].parts[part].records;
	values[STATS_NAME] = ObjectIdGetDatum(index);
	values[STATS_KIND] = CStringGetTextDatum(datom_order_name(order->kind));
	values[STATS_WATERMARK] = Int64GetDatum(meta->watermark);
	values[STATS_TRUSTED] = BoolGetDatum(!meta->distrusted);
	values[STATS_RUNS] = Int32GetDatum(meta->nruns);
	values[STATS_RECORDS] = Int64GetDatum(records[PART_OPEN] + records[PART_CLOSED]);
	values[STATS_CLOSED] = Int64GetDatum(records[PART_CLOSED]);
	values[STATS_DEAD] = Int64GetDatum(records[PART_DEAD]);
	values[STATS_LEVELS] = levels(meta);
	values[STATS_PAGES] = Int64GetDatum(RelationGetNumberOfBlocks(order->index));
	values[STATS_RETIRED] = Int32GetDatum(meta->nretired);
	values[STATS_TAIL_PAGES] = Int64GetDatum(blocks - Min(meta->log_blocks, blocks));
	nulls[STATS_BYTES] = order->kind != ORDER_AEVT;
	values[STATS_BYTES] = nulls[STATS_BYTES] ? (Datum) 0 : bytes_by_attribute(order);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	datom_order_close(order, AccessShareLock);
}

PG_FUNCTION_INFO_V1(datom_stats);

/*
 * datom.stats(db): one row for each order: what it holds up to which instant, in
 * how many runs and pages, and how many pages of the log are newer.
 */
Datum
datom_stats(PG_FUNCTION_ARGS)
{
	Relation	rel = datom_log_open(PG_GETARG_OID(0), ACL_SELECT);
	const DatomTable *table = datom_log_table(rel);
	Oid			orders[ORDER_KINDS];

	InitMaterializedSRF(fcinfo, 0);
	memcpy(orders, table->orders, sizeof(orders));
	for (int i = 0; i < ORDER_KINDS; i++)
		if (OidIsValid(orders[i]))
			put_order((ReturnSetInfo *) fcinfo->resultinfo, rel, orders[i]);
	table_close(rel, AccessShareLock);
	return (Datum) 0;
}
