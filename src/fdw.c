/*
 * fdw.c: the foreign data wrapper `datom`: scanning entity tables.
 *
 * What is common to all nodes that read entities is in entity_node.c and
 * entity_slot.c; here are rows that a statement locks, and samples for ANALYZE.
 */
#include "fdw.h"

#include "access/table.h"
#include "commands/vacuum.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/memutils.h"
#include "utils/sampling.h"
#include "utils/snapmgr.h"

#include "entity_slot.h"
#include "fdw_lock.h"
#include "fdw_plan.h"
#include "log.h"

typedef struct EntityScanState
{
	DatomEntityNode node;
	DatomEntitySlots slots;
	DatomRowLocker *locker;		/* NULL: the rows are only read */
} EntityScanState;

/*
 * Scanning
 */

static void
begin_scan(ForeignScanState *css, int eflags)
{
	EntityScanState *state = palloc0(sizeof(EntityScanState));
	ForeignScan *plan = (ForeignScan *) css->ss.ps.plan;

	css->fdw_state = state;
	datom_entity_node_start(&state->node, &css->ss.ps, plan->fdw_private, plan->fdw_exprs);
	datom_entity_node_open(&state->node, datom_entity_table(css->ss.ss_currentRelation), eflags);
	state->locker = datom_row_locker(css, state->node.rel, state->node.table);
	if (state->locker)
		memset(state->node.needed, true, sizeof(bool) * state->node.table->ncolumns);
	else
		datom_entity_require_attributes(state->node.table, state->node.rel, state->node.needed);
	datom_entity_slots_init(&state->slots, &state->node);
}

DatomEntityNode *
datom_fdw_node(ForeignScanState *css)
{
	return &((EntityScanState *) css->fdw_state)->node;
}

static TupleTableSlot *
next_row(ForeignScanState *css)
{
	EntityScanState *state = css->fdw_state;
	TupleTableSlot *slot = css->ss.ss_ScanTupleSlot;

	if (!datom_entity_slots_advance(&state->slots))
	{
		ExecClearTuple(slot);
		return NULL;
	}
	datom_entity_slots_store(&state->slots, slot);
	return slot;
}

static TupleTableSlot *
next_locked_row(ForeignScanState *css)
{
	EntityScanState *state = css->fdw_state;

	return state->locker ? datom_row_locker_next(state->locker, next_row) : next_row(css);
}

static void
rescan(ForeignScanState *css)
{
	EntityScanState *state = css->fdw_state;

	if (state->locker)
		datom_row_locker_rescan(state->locker);
	datom_entity_node_rescan(&state->node);
	datom_entity_slots_rescan(&state->slots);
}

static void
end_scan(ForeignScanState *css)
{
	EntityScanState *state = css->fdw_state;

	if (state == NULL)
		return;
	if (state->locker)
		datom_row_locker_end(state->locker);
	datom_entity_node_end(&state->node);
}

static void
explain_scan(ForeignScanState *css, ExplainState *es)
{
	EntityScanState *state = css->fdw_state;

	datom_entity_node_explain(&state->node, NIL, es);
}

/*
 * Workers
 */

static Size
shared_size(ForeignScanState *css, ParallelContext *pcxt)
{
	return datom_entity_node_shared_size(&((EntityScanState *) css->fdw_state)->node, pcxt);
}

static void
share(ForeignScanState *css, ParallelContext *pcxt, void *coordinate)
{
	datom_entity_node_share(&((EntityScanState *) css->fdw_state)->node, coordinate);
}

static void
share_again(ForeignScanState *css, ParallelContext *pcxt, void *coordinate)
{
	datom_entity_node_share_again(&((EntityScanState *) css->fdw_state)->node, coordinate);
}

static void
join_scan(ForeignScanState *css, shm_toc *toc, void *coordinate)
{
	datom_entity_node_join(&((EntityScanState *) css->fdw_state)->node, coordinate);
}

static void
shut_down(ForeignScanState *css)
{
	EntityScanState *state = css->fdw_state;

	if (state)
		datom_entity_node_shutdown(&state->node);
}

/*
 * ANALYZE
 */

static void
form_row(DatomEntityScan *scan, const DatomEntityTable *table, TupleDesc desc, int row,
		 HeapTuple *tuple)
{
	Datum	   *values = palloc0(sizeof(Datum) * desc->natts);
	bool	   *nulls = palloc(sizeof(bool) * desc->natts);

	memset(nulls, true, sizeof(bool) * desc->natts);
	for (int i = 0; i < table->ncolumns; i++)
	{
		const Datum *from;
		const bool *from_nulls;

		datom_entity_values(scan, i, &from, &from_nulls);
		values[table->columns[i].number - 1] = from[row];
		nulls[table->columns[i].number - 1] = from_nulls[row];
	}
	*tuple = heap_form_tuple(desc, values, nulls);
	pfree(values);
	pfree(nulls);
}

/* A sample of all rows, as of now; by Vitter's algorithm, as the server's own. */
static int
sample_rows(Relation foreign, int elevel, HeapTuple *rows, int room, double *total,
			double *dead)
{
	DatomEntityTable *table = datom_entity_table(foreign);
	Relation	db = table_open(table->db, AccessShareLock);
	bool	   *needed = palloc(sizeof(bool) * Max(table->ncolumns, 1));
	DatomEntityQuery query = {
		.table = table, .needed = needed, .since = DT_NOBEGIN,
		.e_min = PG_INT64_MIN, .e_max = PG_INT64_MAX
	};
	DatomSettled at = {.at = DT_NOEND, .snapshot = GetActiveSnapshot()};
	ReservoirStateData reservoir;
	double		to_skip = -1;
	int			count = 0;
	DatomEntityScan *scan;
	const int64 *e;
	int			n;

	memset(needed, true, sizeof(bool) * table->ncolumns);
	reservoir_init_selection_state(&reservoir, room);
	*total = *dead = 0;
	scan = datom_entity_begin(db, &at, &query, NULL);
	while ((n = datom_entity_next(scan, &e)) > 0)
	{
		vacuum_delay_point();
		for (int row = 0; row < n; row++, *total += 1)
		{
			int			place = count;

			if (count < room)
				count++;
			else
			{
				if (to_skip < 0)
					to_skip = reservoir_get_next_S(&reservoir, *total, room);
				if (to_skip-- > 0)
					continue;
				place = (int) (room * sampler_random_fract(&reservoir.randstate));
				heap_freetuple(rows[place]);
			}
			form_row(scan, table, RelationGetDescr(foreign), row, &rows[place]);
		}
	}
	datom_entity_end(scan);
	table_close(db, NoLock);
	return count;
}

static bool
may_analyze(Relation foreign, AcquireSampleRowsFunc *sample, BlockNumber *pages)
{
	Relation	db = table_open(datom_entity_table(foreign)->db, AccessShareLock);

	*sample = sample_rows;
	*pages = RelationGetNumberOfBlocks(db);
	table_close(db, NoLock);
	return true;
}

PG_FUNCTION_INFO_V1(datom_fdw_handler);

/* datom.fdw_handler(): the routines of the foreign data wrapper. */
Datum
datom_fdw_handler(PG_FUNCTION_ARGS)
{
	FdwRoutine *routine = makeNode(FdwRoutine);

	datom_fdw_plan_routines(routine);
	routine->BeginForeignScan = begin_scan;
	routine->IterateForeignScan = next_locked_row;
	routine->ReScanForeignScan = rescan;
	routine->EndForeignScan = end_scan;
	routine->ExplainForeignScan = explain_scan;
	routine->EstimateDSMForeignScan = shared_size;
	routine->InitializeDSMForeignScan = share;
	routine->ReInitializeDSMForeignScan = share_again;
	routine->InitializeWorkerForeignScan = join_scan;
	routine->ShutdownForeignScan = shut_down;
	routine->AnalyzeForeignTable = may_analyze;
	datom_fdw_import_routines(routine);
	datom_fdw_write_routines(routine);
	datom_fdw_aggregate_routines(routine);
	PG_RETURN_POINTER(routine);
}
