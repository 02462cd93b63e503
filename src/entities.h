/*
 * Entities as rows: entities, and those of entity tables at other moments,
 * entities_as_of, entities_since, entities_history.
 */
#ifndef DATOM_ENTITIES_H
#define DATOM_ENTITIES_H

#include "compat.h"
#include "fmgr.h"

/* The entity table whose rows are of the type; InvalidOid if there is none. */
extern Oid	datom_entities_table(Oid type);

/*
 * That of a call's first argument; refuses another type, and a table of which the
 * current user may not read all columns.
 */
extern Oid	datom_entities_asked(FunctionCallInfo fcinfo);

/* May the current user read all columns of it? */
extern bool datom_entities_readable(Oid relid);

#endif
