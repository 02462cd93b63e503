/*
 * Values too long for an order, which the log has.
 */
#ifndef DATOM_FAR_H
#define DATOM_FAR_H

#include "compat.h"
#include "utils/rel.h"
#include "utils/snapshot.h"

#include "order_block.h"

/* The value of a far record, palloc'd; v itself of any other. */
extern DatomValue *datom_far_value(Relation rel, Snapshot snapshot,
								   const DatomRecord *record);

#endif
