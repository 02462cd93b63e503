/*
 * What is asked of expressions in more than one place.
 */
#ifndef DATOM_EXPRESSION_H
#define DATOM_EXPRESSION_H

#include "compat.h"
#include "nodes/primnodes.h"

/*
 * Is the expression the same for all rows of the relation that is `varno`? It
 * may be of rows of other relations.
 */
extern bool datom_is_operand(Node *node, int varno);

/*
 * The C symbol of a function of the extension, by which it is known whatever its
 * arguments are; NULL if it is none.
 */
extern const char *datom_function_symbol(Oid funcid);

#endif
