/*
 * Rows of the log about one entity, one value, or attributes: from orders and
 * the tail where a table has them, else from the log.
 */
#ifndef DATOM_ROWS_H
#define DATOM_ROWS_H

#include "compat.h"
#include "utils/rel.h"
#include "utils/snapshot.h"

#include "log.h"
#include "order.h"
#include "schema.h"

typedef struct DatomRows DatomRows;

/*
 * Rows said at or below `at` that the snapshot sees: `at` is at or below its
 * basis, or DT_NOEND for all that it sees; then it may be SnapshotSelf. Unless
 * `past`, rows may be missing that make no difference to what holds at `at`.
 */
extern DatomRows *datom_rows_open(Relation rel, Snapshot snapshot, TimestampTz at,
								  bool past);
extern void datom_rows_close(DatomRows *rows);

/* The snapshot was taken just now, as it is where it is SnapshotSelf. */
extern void datom_rows_fresh(DatomRows *rows);

/*
 * The basis of the table in the snapshot, if it is known already, and if it became
 * known; DT_NOBEGIN: it is not.
 */
extern void datom_rows_tell_basis(DatomRows *rows, TimestampTz basis);
extern TimestampTz datom_rows_basis(const DatomRows *rows);

/* Lends it an order that is open, and that it closes. */
extern void datom_rows_adopt(DatomRows *rows, DatomOrder *order);

/* What it has read since the last call, added to the counts; and up to where from orders. */
extern TimestampTz datom_rows_count(DatomRows *rows, int64 *blocks_read,
									int64 *blocks_skipped);

/* Was the tail too long at some question? Then the log was read. */
extern bool datom_rows_gave_up(const DatomRows *rows);

/* Copies, in no order, in the current context; attr may be NULL for any. */
extern int	datom_rows_entity(DatomRows *rows, int64 e, const DatomAttr *attr,
							  DatomRow **out);
extern int	datom_rows_value(DatomRows *rows, const DatomAttr *attr,
							 const DatomValue *v, DatomRow **out);
extern int	datom_rows_schema(DatomRows *rows, DatomRow **out);

/* Who takes what holds of an entity. */
typedef struct DatomHolding
{
	/* The caller's number for an attribute; -1: it does not ask for it. */
	int			(*which) (void *arg, const char *a, int alen);
	void		(*take) (void *arg, int which, DatomValue *v);
	void	   *arg;
} DatomHolding;

/*
 * Hands out what holds of an entity at `at`, by attribute if there is one run only.
 * False, and nothing is handed out, if that takes more than a look at EAVT.
 */
extern bool datom_rows_holding(DatomRows *rows, int64 e, const DatomHolding *holding);

/* An entity of which a value may hold. */
typedef struct DatomHolder
{
	int64		e;
	bool		sure;			/* it does */
} DatomHolder;

/*
 * The entities of which (attr, v) may hold at `at`: all of whom it does, in no
 * order, and perhaps more than once. -1: that takes more than a look at the order
 * of values.
 */
extern int	datom_rows_holders(DatomRows *rows, const DatomAttr *attr, const DatomValue *v,
							   DatomHolder **holders);

/* Was anything ever said about the attribute? */
extern bool datom_rows_any(DatomRows *rows, const DatomAttr *attr);

#endif
