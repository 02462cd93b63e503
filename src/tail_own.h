/*
 * The rows of a tail that the transaction in progress has appended itself.
 */
#ifndef DATOM_TAIL_OWN_H
#define DATOM_TAIL_OWN_H

#include "compat.h"

#include "tail_read.h"

/*
 * The one number that the transaction's own rows in the table bear; 0: there are
 * none. -1: there are several, and only the backend that wrote them knows. A
 * parallel worker that is to see them is told by datom_tail_own_tx.
 */
extern int64 datom_tail_own(Oid relid);
extern int64 datom_tail_own_tx;

/*
 * Takes them, those of the running entries included that are the transaction's
 * own. False: they are too many.
 */
extern bool datom_tail_own_rows(Relation rel, const DatomTailQuery *query,
								const DatomTailEntries *running, DatomTailOut *out);

#endif
