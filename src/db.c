/*
 * db.c: a whole datom table at a moment.
 *
 * The plain way: read the log, leave out what was said after the moment, sort
 * by entity, attribute and instant, and fold. It costs a scan and a sort of
 * the whole past, in work_mem and then on disk.
 */
#include "db.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "basis.h"
#include "attrs.h"
#include "log.h"
#include "rowsort.h"

static void
fill_sort(DatomRowSort *sort, Relation rel, const DatomSettled *at)
{
	DatomTxMap *map = datom_txmap_create(RelationGetRelid(rel), at->snapshot);
	DatomLogScan *scan = datom_log_scan(rel, at->snapshot);
	MemoryContext own = CurrentMemoryContext;
	MemoryContext each = AllocSetContextCreate(own, "datom row",
											   ALLOCSET_DEFAULT_SIZES);
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
		if (instant <= at->at)
			datom_rowsort_put(sort, &row, instant);
	}
	MemoryContextDelete(each);
	datom_log_end(scan);
}

void
datom_db_rows(Relation rel, const DatomSettled *at, DatomRowsFn take, void *arg)
{
	DatomRowSort *sort = datom_rowsort_begin(datom_attrs(rel), work_mem);

	fill_sort(sort, rel, at);
	datom_rowsort_drain(sort, take, arg);
	datom_rowsort_end(sort);
}

typedef struct FactsTaker
{
	DatomFactsFn take;
	void	   *arg;
	MemoryContext context;
	DatomFact  *facts;			/* room for the largest group so far */
	int			room;
} FactsTaker;

static void
fold_rows(void *arg, Datum a, const DatomAttr *attr, const Datom *rows, int n)
{
	FactsTaker *taker = arg;

	if (n > taker->room)
	{
		if (taker->facts)
			pfree(taker->facts);
		taker->room = n * 2;
		taker->facts = MemoryContextAllocHuge(taker->context,
											  sizeof(DatomFact) * taker->room);
	}
	taker->take(taker->arg, rows[0].e, a, taker->facts,
				datom_fold(rows, n, datom_schema_many, attr, taker->facts));
}

void
datom_db_facts(Relation rel, const DatomSettled *at, DatomFactsFn take, void *arg)
{
	FactsTaker	taker = {.take = take, .arg = arg, .context = CurrentMemoryContext};

	datom_db_rows(rel, at, fold_rows, &taker);
}
