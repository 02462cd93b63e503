/*
 * What nodes of plans that read datom tables have in common: a moment that is
 * settled once, counts, and what workers need to know of both.
 */
#ifndef DATOM_NODE_H
#define DATOM_NODE_H

#include "compat.h"
#include "access/parallel.h"
#include "commands/explain.h"
#include "port/atomics.h"
#include "utils/resowner.h"

#include "instant.h"
#include "scan.h"

typedef struct DatomNodeMoment
{
	ResourceOwner owner;		/* under which the plan was started */
	bool		is_settled;
	bool		is_borrowed;	/* its snapshot is registered by another */
	DatomSettled settled;
	TimestampTz since;
} DatomNodeMoment;

/* In place of what was settled before. */
extern void datom_node_settle(DatomNodeMoment *moment, Oid db, DatomMoment asked);

/* Now, as a snapshot sees it that lives as long as the node. */
extern void datom_node_borrow(DatomNodeMoment *moment, Snapshot snapshot);
extern void datom_node_unsettle(DatomNodeMoment *moment);

extern void datom_node_add_counts(DatomScanCounts *sum, const DatomScanCounts *counts);
extern void datom_node_explain_instant(const char *label, TimestampTz instant,
									   ExplainState *es);
extern void datom_node_explain_counts(const DatomScanCounts *counts, ExplainState *es);

/* What the processes of a node share; the last member of what is theirs. */
typedef struct DatomNodeShared
{
	pg_atomic_uint64 blocks_read;	/* of the workers, as far as they are done */
	pg_atomic_uint64 blocks_skipped;
	pg_atomic_uint64 tail_rows;
	char		order[8];		/* that they read; all of them the same */
	TimestampTz basis;
	bool		settled;		/* what follows is there */
	TimestampTz at;
	TimestampTz since;
	int64		own_tx;			/* of the leader's own rows in the table; 0: none */
	char		snapshot[FLEXIBLE_ARRAY_MEMBER];
} DatomNodeShared;

/* Its size; no workers where they could not find the transaction's own rows. */
extern Size datom_node_shared_size(const DatomNodeMoment *moment, Oid db,
								   ParallelContext *pcxt);
extern void datom_node_share(DatomNodeShared *shared, const DatomNodeMoment *moment, Oid db);
extern void datom_node_join(DatomNodeShared *shared, DatomNodeMoment *moment);

/* At the end: a worker gives its counts, the leader takes them. */
extern void datom_node_give_counts(DatomNodeShared *shared, const DatomScanCounts *counts);
extern void datom_node_take_counts(DatomNodeShared *shared, DatomScanCounts *counts,
								   MemoryContext context);

#endif
