/*
 * Entity tables at other moments, in FROM: scans in place of function calls.
 */
#ifndef DATOM_ENTITY_REWRITE_H
#define DATOM_ENTITY_REWRITE_H

#include "compat.h"
#include "nodes/params.h"
#include "nodes/parsenodes.h"
#include "nodes/plannodes.h"

/* What the plan of a query depends on besides what is in the query. */
typedef struct DatomRewritten
{
	List	   *items;			/* for its invalItems */
	bool		on_role;
} DatomRewritten;

/* Does what can be done to a query before it is planned. */
extern DatomRewritten datom_entity_rewrite(Query *query, ParamListInfo params);

/* To be called with the plan. */
extern void datom_entity_rewritten(const DatomRewritten *rewritten, PlannedStmt *plan);

#endif
