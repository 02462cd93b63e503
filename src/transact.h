/*
 * From operations to facts, with the checks and locks of datom.transact().
 */
#ifndef DATOM_TRANSACT_H
#define DATOM_TRANSACT_H

#include "compat.h"
#include "utils/jsonb.h"
#include "utils/rel.h"

#include "facts.h"
#include "txdata.h"

/* Looks at what holds when all locks are taken and entities are known. */
typedef void (*DatomTransactCheck) (void *arg, DatomReader *reader);

/*
 * Carries out operations (TxOp, with those of their nodes that are tempids or
 * lookups) as if they were given to datom.transact(), with the rights of a role,
 * which the caller has asked for. The relation is open for writing.
 */
extern void datom_transact_ops(Relation rel, List *ops, List *nodes, Oid role,
							   DatomTransactCheck check, void *arg);

/* Carries out transaction data in JSON with the rights of a role, likewise. */
extern void datom_transact_json_as(Relation rel, Jsonb *json, Oid role);

#endif
