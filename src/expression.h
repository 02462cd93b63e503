/*
 * What is asked of expressions in more than one place.
 */
#ifndef DATOM_EXPRESSION_H
#define DATOM_EXPRESSION_H

#include "compat.h"
#include "access/stratnum.h"
#include "nodes/primnodes.h"

/*
 * Is the expression the same for all rows of the relation that is `varno`? It
 * may be of rows of other relations.
 */
extern bool datom_is_operand(Node *node, int varno);

/*
 * Is its value one and the same for a whole query? It is of no row, has no subquery
 * and is not volatile.
 */
extern bool datom_is_fixed(Node *node);

/*
 * How the operator compares in the order of the type, as a strategy of its btrees;
 * 0: not at all.
 */
extern StrategyNumber datom_operator_strategy(Oid operator, Oid type);

/* Is it smallint, integer or bigint? And a value of such. */
extern bool datom_is_integer(Oid type);
extern int64 datom_integer_of(Oid type, Datum value);

/*
 * Copies of an operand's value, or if it is an array (`any`) of its elements, of
 * this type, without nulls; how many.
 */
extern int	datom_operand_values(Oid type, bool any, Datum value, bool isnull,
								 Datum **values);

/*
 * The C symbol of a function of the extension, by which it is known whatever its
 * arguments are; NULL if it is none.
 */
extern const char *datom_function_symbol(Oid funcid);

#endif
