/*
 * A node of a plan that reads entity rows: what is common to the scan of an
 * entity table and to aggregates computed in it.
 */
#ifndef DATOM_ENTITY_NODE_H
#define DATOM_ENTITY_NODE_H

#include "compat.h"
#include "nodes/execnodes.h"

#include "entity_clause.h"
#include "node.h"
#include "shard_clause.h"

/* What a plan says of its scan. */
typedef struct DatomEntityPlan
{
	Expr	   *moment;			/* NULL: that in force */
	bool		since;			/* it is what facts begin after */
	Oid			function;		/* by which it came; invalid: none */
	bool		ordered;
	List	   *columns;		/* numbers of those that are read, in the foreign table */
	int			lister;			/* the clause that says which entities; -1: all */
	int			nclauses;
	DatomEntityClause *clauses;
	int			nshards;
	DatomShardClause *shards;
} DatomEntityPlan;

/* The plan as lists that a plan node may hold: `exprs` are to be fixed as its own. */
extern List *datom_entity_plan_private(const DatomEntityPlan *plan);
extern List *datom_entity_plan_exprs(const DatomEntityPlan *plan);

typedef struct DatomEntityNode
{
	DatomEntityPlan plan;
	DatomEntityTable *table;
	Relation	rel;			/* the datom table */
	PlanState  *ps;
	bool	   *needed;			/* of the table's columns */
	ExprState  *moment;
	DatomNodeMoment at;
	DatomReader *reader;		/* of single entities; NULL: not asked yet */
	MemoryContext context;		/* of one scan */
	bool		begun;
	DatomEntityScan *scan;		/* NULL though begun: no row can come */
	DatomShard	shard;
	DatomScanCounts counts;		/* of scans that have ended */
	struct EntityNodeShared *shared;
} DatomEntityNode;

/*
 * Starts a node: asks whether the caller may call the function by which its moment
 * came.
 */
extern void datom_entity_node_start(DatomEntityNode *node, PlanState *ps, List *private,
									List *exprs);

/* Then, of a table whose rights have been asked for: locks the datom table. */
extern void datom_entity_node_open(DatomEntityNode *node, DatomEntityTable *table, int eflags);

/*
 * The scan, begun if it has not been since the last rescan; NULL: there are no
 * rows. A node above may take its batches and call for no row; the conditions are
 * its own to check then.
 */
extern DatomEntityScan *datom_entity_node_scan(DatomEntityNode *node);
extern void datom_entity_node_rescan(DatomEntityNode *node);
extern void datom_entity_node_end(DatomEntityNode *node);
extern void datom_entity_node_explain(DatomEntityNode *node, List *ancestors, ExplainState *es);

/* Workers */
extern Size datom_entity_node_shared_size(DatomEntityNode *node, ParallelContext *pcxt);
extern void datom_entity_node_share(DatomEntityNode *node, void *coordinate);
extern void datom_entity_node_share_again(DatomEntityNode *node, void *coordinate);
extern void datom_entity_node_join(DatomEntityNode *node, void *coordinate);
extern void datom_entity_node_shutdown(DatomEntityNode *node);

#endif
