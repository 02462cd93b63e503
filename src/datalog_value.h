/*
 * Expressions that are compared: what equality and order mean between types.
 */
#ifndef DATOM_DATALOG_VALUE_H
#define DATOM_DATALOG_VALUE_H

#include "compat.h"

#include "datalog_sql.h"

/* A literal becomes of that type; others stay what they are. */
extern void datom_expr_settle(SqlExpr *expr, DatalogType type);

/* An entity, a transaction, a long: what int8 shows. */
extern bool datom_type_is_integer(DatalogType type);
extern bool datom_type_is_number(DatalogType type);

/* The type that holds values of both. */
extern DatalogType datom_type_common(DatalogType a, DatalogType b);

/* The expression as one of a type that holds its values; a literal is settled. */
extern SqlExpr *datom_expr_as(SqlExpr *expr, DatalogType type);

/* Are they the same value? Values of different kinds never are, numbers apart. */
extern SqlExpr *datom_expr_equal(SqlExpr *a, SqlExpr *b);

/* "<", "<=", ">", ">=", in the order of values. */
extern SqlExpr *datom_expr_compare(const char *operator, SqlExpr *a, SqlExpr *b);

/* "string", "long" ...; for messages */
extern const char *datom_type_name(DatalogType type);

#endif
