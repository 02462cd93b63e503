/*
 * Conditions of a query that save a scan of an entity table work.
 */
#ifndef DATOM_ENTITY_CLAUSE_H
#define DATOM_ENTITY_CLAUSE_H

#include "compat.h"
#include "access/stratnum.h"
#include "nodes/execnodes.h"
#include "nodes/pathnodes.h"

#include "entity_rows.h"

/* A comparison of a column with something that is the same for all rows. */
typedef struct DatomEntityClause
{
	int			column;			/* of the table's columns */
	StrategyNumber strategy;	/* of a btree; 0: it is not null */
	bool		any;			/* = ANY (array) */
	Oid			type;			/* of the operand, or of its elements */
	Expr	   *operand;
	ExprState  *state;			/* for whoever evaluates it */
} DatomEntityClause;

/*
 * Is the clause such a one of the relation that is `varno`? No row meets it whose
 * column is null.
 */
extern bool datom_entity_clause(const DatomEntityTable *table, Expr *clause, int varno,
								DatomEntityClause *out);

/* Does it say which entities, one by one? */
extern bool datom_entity_clause_lists(const DatomEntityTable *table, Relation db,
									  const DatomEntityClause *clause);

/* About how many it lists. */
extern double datom_entity_clause_count(PlannerInfo *root, const DatomEntityTable *table,
										Relation db, const DatomEntityClause *clause);

/*
 * Narrows the query by the values of the clauses, which live in the current
 * context from then on; `bounds` has room for one for each. False: no row can
 * meet them.
 */
extern bool datom_entity_clauses_apply(Relation rel, DatomEntityClause *clauses, int n,
									   ExprContext *econtext, DatomEntityQuery *query,
									   DatomEntityBound *bounds);

/*
 * The entities that a clause lists, ascending, each once. What they are looked up
 * by may not be theirs at the moment, so whoever asks checks the clause.
 */
extern int	datom_entity_clause_entities(DatomReader *reader, const DatomEntityTable *table,
										 DatomEntityClause *clause, ExprContext *econtext,
										 int64 **entities);

#endif
