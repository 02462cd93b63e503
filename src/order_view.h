/*
 * An order as a question sees it: its runs up to a bound, and the tail above.
 */
#ifndef DATOM_ORDER_VIEW_H
#define DATOM_ORDER_VIEW_H

#include "compat.h"
#include "utils/rel.h"

#include "instant.h"
#include "log.h"
#include "order.h"

typedef struct DatomOrderView
{
	DatomOrder *order;			/* NULL: none is open */
	TimestampTz basis;
	TimestampTz bound;			/* runs are read as of this */
	DatomRow   *tail;			/* what was said above it */
	int			ntail;
} DatomOrderView;

/* The table's order of that kind, open, if questions may go by it; else NULL. */
extern DatomOrder *datom_order_usable(Relation rel, DatomOrderKind kind);

/*
 * Settles the view of an open order at a moment. Merges first where the tail is
 * long and that is possible. False, and the order is still open: the tail is too
 * long to be kept, or must not be.
 */
extern bool datom_order_view(DatomOrderView *view, Relation rel, const DatomSettled *at);

/* The same with the runs that another process of the query reads. */
extern void datom_order_view_again(DatomOrderView *view, Relation rel, const DatomSettled *at,
								   const DatomOrderMeta *meta);
extern void datom_order_view_end(DatomOrderView *view);

#endif
