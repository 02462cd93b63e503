/*
 * node.c: what nodes of plans that read datom tables have in common.
 *
 * What was settled stays so until the end, across rescans and fetches, so its
 * snapshot belongs to the resource owner under which the plan was started: a
 * cursor may be fetched from in a subtransaction that is taken back.
 *
 * Workers are given the leader's moment with its snapshot, because in parallel
 * mode no newer one may be taken, and the number of its own transaction in the
 * table. Counts are added up when workers end.
 */
#include "node.h"

#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "tail.h"
#include "value.h"

void
datom_node_unsettle(DatomNodeMoment *moment)
{
	if (moment->is_settled && !moment->is_borrowed)
		UnregisterSnapshotFromOwner(moment->settled.snapshot, moment->owner);
	moment->is_settled = false;
}

void
datom_node_settle(DatomNodeMoment *moment, Oid db, DatomMoment asked)
{
	ResourceOwner current = CurrentResourceOwner;

	datom_node_unsettle(moment);
	CurrentResourceOwner = moment->owner;
	PG_TRY();
	{
		moment->settled = datom_settle(db, asked);
	}
	PG_FINALLY();
	{
		CurrentResourceOwner = current;
	}
	PG_END_TRY();
	moment->is_settled = true;
	moment->is_borrowed = false;
}

void
datom_node_borrow(DatomNodeMoment *moment, Snapshot snapshot)
{
	datom_node_unsettle(moment);
	moment->settled = (DatomSettled) {.at = DT_NOEND, .snapshot = snapshot};
	moment->is_settled = moment->is_borrowed = true;
}

/*
 * Counts
 */

void
datom_node_add_counts(DatomScanCounts *sum, const DatomScanCounts *counts)
{
	sum->order = counts->order;
	sum->basis = counts->basis;
	sum->blocks_read += counts->blocks_read;
	sum->blocks_skipped += counts->blocks_skipped;
	sum->tail_rows += counts->tail_rows;
}

void
datom_node_explain_instant(const char *label, TimestampTz instant, ExplainState *es)
{
	char		text[DATOM_TIME_LEN];

	datom_instant_format(instant, text);
	ExplainPropertyText(label, text, es);
}

void
datom_node_explain_counts(const DatomScanCounts *counts, ExplainState *es)
{
	if (counts->basis != DT_NOBEGIN)
		datom_node_explain_instant("Basis", counts->basis, es);
	ExplainPropertyInteger("Blocks Read", NULL, counts->blocks_read, es);
	ExplainPropertyInteger("Blocks Skipped", NULL, counts->blocks_skipped, es);
	ExplainPropertyInteger("Tail Rows", NULL, counts->tail_rows, es);
}

/*
 * Workers
 */

Size
datom_node_shared_size(const DatomNodeMoment *moment, Oid db, ParallelContext *pcxt)
{
	Size		size = offsetof(DatomNodeShared, snapshot);

	if (moment->is_settled)
		size = add_size(size, EstimateSnapshotSpace(moment->settled.snapshot));
	/* Own rows that only this process can find: no workers, as if none were free. */
	if (datom_tail_own(db) < 0)
		pcxt->nworkers = 0;
	return size;
}

void
datom_node_share(DatomNodeShared *shared, const DatomNodeMoment *moment, Oid db)
{
	pg_atomic_init_u64(&shared->blocks_read, 0);
	pg_atomic_init_u64(&shared->blocks_skipped, 0);
	pg_atomic_init_u64(&shared->tail_rows, 0);
	shared->order[0] = '\0';
	shared->own_tx = datom_tail_own(db);
	shared->settled = moment->is_settled;
	if (!moment->is_settled)
		return;
	shared->at = moment->settled.at;
	shared->since = moment->since;
	SerializeSnapshot(moment->settled.snapshot, shared->snapshot);
}

void
datom_node_join(DatomNodeShared *shared, DatomNodeMoment *moment)
{
	if (shared->own_tx > 0)
		datom_tail_own_tx = shared->own_tx;
	if (!shared->settled)
		return;
	moment->settled.at = shared->at;
	moment->settled.snapshot = RegisterSnapshotOnOwner(RestoreSnapshot(shared->snapshot),
													   moment->owner);
	moment->since = shared->since;
	moment->is_settled = true;
}

void
datom_node_give_counts(DatomNodeShared *shared, const DatomScanCounts *counts)
{
	pg_atomic_fetch_add_u64(&shared->blocks_read, counts->blocks_read);
	pg_atomic_fetch_add_u64(&shared->blocks_skipped, counts->blocks_skipped);
	pg_atomic_fetch_add_u64(&shared->tail_rows, counts->tail_rows);
	if (counts->order == NULL)
		return;
	strlcpy(shared->order, counts->order, sizeof(shared->order));
	shared->basis = counts->basis;
}

void
datom_node_take_counts(DatomNodeShared *shared, DatomScanCounts *counts,
					   MemoryContext context)
{
	counts->blocks_read += pg_atomic_exchange_u64(&shared->blocks_read, 0);
	counts->blocks_skipped += pg_atomic_exchange_u64(&shared->blocks_skipped, 0);
	counts->tail_rows += pg_atomic_exchange_u64(&shared->tail_rows, 0);
	if (counts->order != NULL || shared->order[0] == '\0')
		return;
	counts->order = MemoryContextStrdup(context, shared->order);
	counts->basis = shared->basis;
}
