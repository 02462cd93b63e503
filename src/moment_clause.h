/*
 * The condition that stands in a query for the moment of an entity table: what
 * becomes of entities_as_of() and entities_since() in FROM.
 */
#ifndef DATOM_MOMENT_CLAUSE_H
#define DATOM_MOMENT_CLAUSE_H

#include "compat.h"
#include "nodes/primnodes.h"

typedef struct DatomMomentClause
{
	bool		since;			/* what facts begin after; else as of which they hold */
	Oid			function;		/* that was called: for its rights and dependencies */
	Expr	   *moment;
} DatomMomentClause;

/* About the relation of which `column` is one; NULL: there is no such condition. */
extern Expr *datom_moment_clause_make(Var *column, const DatomMomentClause *moment);

/* Is the clause such a condition on the relation that is `varno`? */
extern bool datom_moment_clause(Expr *clause, int varno, DatomMomentClause *moment);

/* Refuses who may not call the function: to be asked each time a plan starts. */
extern void datom_moment_clause_require(Oid function);

#endif
