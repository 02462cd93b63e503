/*
 * Moments: from what a user writes to an instant and a snapshot that knows all
 * there is up to it.
 */
#ifndef DATOM_INSTANT_H
#define DATOM_INSTANT_H

#include "compat.h"
#include "datatype/timestamp.h"
#include "utils/snapshot.h"

typedef enum DatomMomentKind
{
	MOMENT_NOW,					/* what the snapshot sees */
	MOMENT_INSTANT,
	MOMENT_TX
} DatomMomentKind;

/* A moment as written. */
typedef struct DatomMoment
{
	DatomMomentKind kind;
	TimestampTz instant;
	int64		tx;
} DatomMoment;

/* A moment of one datom table that can be asked about. */
typedef struct DatomSettled
{
	TimestampTz at;				/* DT_NOEND: now */
	Snapshot	snapshot;		/* registered */
} DatomSettled;

extern DatomMoment datom_moment_read(const char *text);
extern DatomMoment datom_moment_in_force(void);

/* Its instant; the start of the transaction if it is now, as now() has it. */
extern TimestampTz datom_moment_now(void);

/* The instant of a moment in a table, for bounds that need not be final. */
extern TimestampTz datom_moment_instant(Oid db, DatomMoment moment);

extern DatomSettled datom_settle(Oid db, DatomMoment moment);
extern DatomSettled datom_settle_instant(Oid db, TimestampTz at);
extern void datom_settled_end(DatomSettled *settled);

#endif
