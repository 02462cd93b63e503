/*
 * order_view.c: an order as a question sees it.
 *
 * The snapshot comes first, then the metapage, then the entries of datom.tx that
 * the tail is made of; see src/README on why this order is right. Runs are read
 * as of `bound` = min(basis of the snapshot, watermark, moment).
 */
#include "order_view.h"

#include "access/xact.h"

#include "basis.h"
#include "merge.h"
#include "settings.h"
#include "tail.h"

/*
 * A reader merges a tail of so many rows, which costs about as much as to fold
 * them, but once.
 */
#define LONG_TAIL 20000

static void
set_bound(DatomOrderView *view, Relation rel, const DatomSettled *at)
{
	view->basis = at->at != DT_NOEND ? at->at :
		datom_basis_entry(RelationGetRelid(rel), at->snapshot);
	view->bound = Min(Min(view->basis, view->order->meta.watermark), at->at);
#ifdef DATOM_TEST
	if (datom_test_break == BREAK_XID_ONLY)
		view->bound = Min(view->order->meta.watermark, at->at);
#endif
}

/* False: the tail is too long to be kept, or must not be. */
static bool
read_tail(DatomOrderView *view, Relation rel, const DatomSettled *at)
{
	DatomTailQuery query = {
		.which = TAIL_ALL, .above = view->bound, .at = at->at,
		.snapshot = at->snapshot, .basis = view->basis
	};

	view->ntail = 0;
	if (at->at > view->bound)
		view->ntail = datom_tail_rows(rel, &query, &view->tail);
	if (view->ntail >= 0)
		return true;
	view->ntail = 0;
	return false;
}

DatomOrder *
datom_order_usable(Relation rel, DatomOrderKind kind)
{
	const DatomTable *table = datom_log_table(rel);
	DatomOrder *order;

	if (!datom_enable_orders || !OidIsValid(table->te_index) ||
		!OidIsValid(table->orders[kind]))
		return NULL;
	order = datom_order_open(table->orders[kind], AccessShareLock);
	if (!order->meta.distrusted)
		return order;
	datom_order_close(order, AccessShareLock);
	return NULL;
}

bool
datom_order_view(DatomOrderView *view, Relation rel, const DatomSettled *at)
{
	set_bound(view, rel, at);
	if (read_tail(view, rel, at) && view->ntail < LONG_TAIL)
		return true;
	/* Serializable transactions have no tail at all. */
	if (!IsolationIsSerializable())
		datom_merge_relieve(rel, true);
	datom_order_read_meta(view->order);
	set_bound(view, rel, at);
	return read_tail(view, rel, at);
}

void
datom_order_view_again(DatomOrderView *view, Relation rel, const DatomSettled *at,
					   const DatomOrderMeta *meta)
{
	view->order->meta = *meta;
	set_bound(view, rel, at);
	if (read_tail(view, rel, at))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			 errmsg("could not scan \"%s\" in several processes",
					RelationGetRelationName(rel)),
			 errdetail("Entries were given by hand meanwhile."),
			 errhint("The query might succeed if retried.")));
}

void
datom_order_view_end(DatomOrderView *view)
{
	if (view->order)
		datom_order_close(view->order, AccessShareLock);
	view->order = NULL;
}
