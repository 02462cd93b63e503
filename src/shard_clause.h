/*
 * Conditions by which a query asks for one shard of a relation's entities.
 */
#ifndef DATOM_SHARD_CLAUSE_H
#define DATOM_SHARD_CLAUSE_H

#include "compat.h"
#include "nodes/execnodes.h"
#include "nodes/pathnodes.h"

#include "shard.h"

typedef enum DatomShardForm
{
	SHARD_MOD,					/* mod(e, n) = i, e % n = i */
	SHARD_FLOORED,				/* datom.shard(e, i, n) */
	SHARD_SESSION				/* datom.shard(e) */
} DatomShardForm;

typedef struct DatomShardClause
{
	DatomShardForm form;
	Expr	   *clause;
	Expr	   *i;				/* these: NULL for the session's */
	Expr	   *n;
	ExprState  *i_state;		/* for whoever evaluates them */
	ExprState  *n_state;
} DatomShardClause;

/*
 * Is the clause true only for one shard of what `column` of the relation `varno`
 * says? That column is never null.
 */
extern bool datom_shard_match(Expr *clause, int varno, AttrNumber column,
							  DatomShardClause *shard);

/* To be called before it is evaluated. */
extern void datom_shard_init(DatomShardClause *shard, PlanState *parent);

/*
 * Which shard it is. False: no row meets the clause. All entities (n is 0) where
 * it is true or an error for all: whoever checks the clause on rows finds out.
 */
extern bool datom_shard_eval(DatomShardClause *shard, ExprContext *econtext, DatomShard *out);

/* The first of several that is not all entities; false: no row meets all of them. */
extern bool datom_shards_eval(DatomShardClause *shards, int n, ExprContext *econtext,
							  DatomShard *out);

/* The same without evaluating anything: false if it is not written in the clauses. */
extern bool datom_shard_known(const DatomShardClause *shards, int n, DatomShard *out);

/* How many shards there are, as far as that is known when a plan is made. */
extern double datom_shard_count(const DatomShardClause *shard, PlannerInfo *root);

/*
 * Shard clauses on the relation's column that follow from those of relations
 * whose entity it equals in every row of the query. The executor need not check
 * them, and sizes do not count them: a join of two shards of which one follows
 * from the other has an Nth of the rows, not an Nth of an Nth.
 */
extern List *datom_shard_implied(PlannerInfo *root, RelOptInfo *rel, AttrNumber column);

/*
 * Lets the server estimate the relation's shard clauses as one in so many rows.
 * False if it has none.
 */
extern bool datom_shard_estimate(PlannerInfo *root, RelOptInfo *rel, AttrNumber column);

#endif
