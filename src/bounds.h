/*
 * Bounds: conditions on the columns of a datom table that save its scan work.
 */
#ifndef DATOM_BOUNDS_H
#define DATOM_BOUNDS_H

#include "compat.h"
#include "access/stratnum.h"
#include "nodes/execnodes.h"
#include "nodes/primnodes.h"

#include "scan.h"

/* A comparison of e, a or v with something that is the same for all rows. */
typedef struct DatomBound
{
	AttrNumber	column;
	Oid			cast;			/* the type that v is cast to; invalid: none */
	StrategyNumber strategy;	/* of a btree */
	bool		any;			/* = ANY (array) */
	Expr	   *clause;			/* with the column on its left */
	Expr	   *operand;
	Oid			type;			/* of the operand, or of its elements */
	ExprState  *state;			/* for whoever evaluates it */
} DatomBound;

/*
 * Is the clause a bound of the relation that is `varno`? The operand of one may
 * be of any other relation.
 */
extern bool datom_bound_match(Expr *clause, int varno, DatomBound *bound);

/* Is the expression a column, or v cast to a type that some attribute's values have? */
extern bool datom_bound_is_on(Node *node, int varno, AttrNumber column);

/*
 * The type that shows the values of the one attribute that the clauses ask for; a
 * bound on v cast to this is one on v. Invalid: none is.
 */
extern Oid	datom_bounds_cast(Relation rel, List *clauses, int varno);

/* The same as datom_bound_match(), of what is a bound then. */
extern bool datom_bound_match_cast(Expr *clause, int varno, Oid cast, DatomBound *bound);

/* What is known of the bounds among the clauses when a plan is made. */
extern void datom_bounds_shape(Relation rel, List *clauses, int varno, Oid cast,
							   DatomScanShape *shape);

/*
 * Narrows the query by the values of the bounds, which live in the current
 * context from then on. False if no row can meet them.
 */
extern bool datom_bounds_apply(Relation rel, DatomBound *bounds, int n,
							   ExprContext *econtext, DatomScanQuery *query);

#endif
