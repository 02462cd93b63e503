/*
 * Proving that orders hold what the log says.
 */
#ifndef DATOM_AUDIT_H
#define DATOM_AUDIT_H

#include "compat.h"
#include "utils/rel.h"

/* Takes what is wrong with an order. */
typedef void (*DatomAuditFn) (void *arg, const char *what);

extern void datom_audit_orders(Relation rel, DatomAuditFn report, void *arg);

#endif
