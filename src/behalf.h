/*
 * On whose behalf a function reads, if not on that of the current user.
 */
#ifndef DATOM_BEHALF_H
#define DATOM_BEHALF_H

#include "compat.h"
#include "fmgr.h"
#include "nodes/parsenodes.h"

/* Has the entry, which is of a function, be read with the rights of the role. */
extern void datom_behalf_set(RangeTblEntry *rte, Oid role);

/* That role, or InvalidOid: it is the current user. */
extern Oid	datom_behalf_of(const RangeTblEntry *rte);

/* The same of a function that reads the table that is its argument. */
extern void datom_behalf_set_table(Const *table, Oid role);
extern Oid	datom_behalf_of_table(FunctionCallInfo fcinfo, int argno);

/* The role whose rights count: `behalf`, or the current user where it is invalid. */
extern Oid	datom_behalf_role(Oid behalf);

#endif
