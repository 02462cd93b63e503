/*
 * A whole datom table at a moment: all facts, with their beginnings and ends.
 */
#ifndef DATOM_DB_H
#define DATOM_DB_H

#include "compat.h"
#include "utils/rel.h"

#include "datom.h"
#include "instant.h"
#include "rowsort.h"

/* Takes the facts of one entity and attribute; `a` is a datom.attribute. */
typedef void (*DatomFactsFn) (void *arg, int64 e, Datum a,
							  const DatomFact *facts, int n);

/* Hands out all rows that were said at or before the settled moment. */
extern void datom_db_rows(Relation rel, const DatomSettled *at,
						  DatomRowsFn take, void *arg);

/*
 * Hands out all facts that began at or before the settled moment, entity by
 * entity. Ends that lie above it are not known to it.
 */
extern void datom_db_facts(Relation rel, const DatomSettled *at,
						   DatomFactsFn take, void *arg);

#endif
