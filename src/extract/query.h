/*
 * The statements that an extract sends.
 */
#ifndef DATOM_QUERY_H
#define DATOM_QUERY_H

#include "postgres_fe.h"

#include "pqexpbuffer.h"

#include "plan.h"

extern char *datom_query_fill(const char *query, const DatomPairs *variables);
extern void datom_query_settings(const DatomPlan *plan, PQExpBuffer out);
extern void datom_query_identity(const DatomPlan *plan, PQExpBuffer out);
extern void datom_query_sync(const char *moment, int seconds, PQExpBuffer out);
extern void datom_query_as_of(const char *moment, PQExpBuffer out);
extern void datom_query_copy(const DatomPlan *plan, const char *filled, int shard,
							 PQExpBuffer out);

#endif
