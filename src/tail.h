/*
 * The tail of a datom table: rows that orders do not hold yet.
 */
#ifndef DATOM_TAIL_H
#define DATOM_TAIL_H

#include "compat.h"
#include "utils/rel.h"

#include "tail_own.h"
#include "tail_read.h"

/*
 * The rows, in no order, with their instants (DT_NOEND: the transaction's own).
 * They live in the current memory context, and until the end of the transaction
 * at the longest. -1, and no rows: there are more than can be kept, or SSI must
 * see what is read. Then the log itself must be read.
 */
extern int	datom_tail_rows(Relation rel, const DatomTailQuery *query, DatomRow **rows);

/*
 * A row is about to be inserted; `given`: with a tx that it came with;
 * `by_value`: its attribute is one whose values are looked up.
 */
extern void datom_tail_note(Relation rel, const DatomRow *row, bool given, bool by_value);

extern void datom_tail_init(void);

#endif
