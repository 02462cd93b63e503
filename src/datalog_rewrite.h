/*
 * datom.q() in FROM: the query itself in place of the call.
 */
#ifndef DATOM_DATALOG_REWRITE_H
#define DATOM_DATALOG_REWRITE_H

#include "compat.h"
#include "nodes/params.h"
#include "nodes/parsenodes.h"
#include "nodes/plannodes.h"

/* What the plan of a query depends on besides what is in the query. */
typedef struct DatalogRewritten
{
	List	   *tables;			/* Oids of datom tables: of their attributes */
	List	   *items;			/* for its invalItems */
} DatalogRewritten;

/* Puts in place of calls what they ask, before the query is planned. */
extern DatalogRewritten datom_datalog_rewrite(Query *query, ParamListInfo params);

/* To be called with the plan. */
extern void datom_datalog_rewritten(const DatalogRewritten *rewritten, PlannedStmt *plan);

#endif
