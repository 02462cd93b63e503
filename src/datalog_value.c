/*
 * datalog_value.c: equality and order between expressions of different types.
 *
 * Values mean what datom.value means by them: a long, a bigdec and a double of one
 * amount are equal, and order is total, strings going by their bytes. Where both
 * sides are of one SQL type and that agrees, it is compared as such, so that scans
 * can look it up; else as datom.value.
 *
 * An entity is an integer, and equal to a long of its number. A transaction's
 * number is that of its entity, negated.
 */
#include "datalog_value.h"

#include "catalog/pg_type.h"
#include "utils/lsyscache.h"

#include "value.h"

bool
datom_type_is_integer(DatalogType type)
{
	return type == DATALOG_LONG || type == DATALOG_REF ||
		type == DATALOG_TX;
}

bool
datom_type_is_number(DatalogType type)
{
	return datom_type_is_integer(type) || type == DATALOG_BIGDEC ||
		type == DATALOG_DOUBLE;
}

const char *
datom_type_name(DatalogType type)
{
	switch (type)
	{
		case DATALOG_ANY:
			return "value";
		case DATALOG_LITERAL:
			return "string";
		case DATALOG_TX:
			return "transaction";
		case DATALOG_ARRAY:
			return "array";
		case DATALOG_OBJECT:
			return "map";
		case DATALOG_TUPLE:
			return "tuple";
		default:
			return datom_value_kind_name((DatomKind) type);
	}
}

void
datom_expr_settle(SqlExpr *expr, DatalogType type)
{
	Oid			sql_type;

	if (expr->type != DATALOG_LITERAL || type == DATALOG_LITERAL)
		return;
	if (type == DATALOG_TUPLE)
		type = DATALOG_STRING;
	sql_type = datom_datalog_sql_type(type);
	expr->type = type;
	expr->sql_type = sql_type;
	if (expr->param == NULL)
		return;
	expr->param->datalog_type = type;
	expr->param->type = expr->param->what == PARAM_COLUMN ? get_array_type(sql_type) : sql_type;
}

DatalogType
datom_type_common(DatalogType a, DatalogType b)
{
	if (a == b || b == DATALOG_LITERAL)
		return a;
	if (a == DATALOG_LITERAL)
		return b;
	if (datom_type_is_integer(a) && datom_type_is_integer(b) &&
		a != DATALOG_TX && b != DATALOG_TX)
		return DATALOG_REF;
	if ((a == DATALOG_BIGDEC && b == DATALOG_LONG) ||
		(b == DATALOG_BIGDEC && a == DATALOG_LONG))
		return DATALOG_BIGDEC;
	return DATALOG_ANY;
}

static bool
is_attribute(const SqlExpr *expr)
{
	return expr->type == DATALOG_KEYWORD && expr->sql_type != TEXTOID;
}

/* A keyword as text; the other side may be of datom.attribute. */
static SqlExpr *
plain(SqlExpr *expr)
{
	return is_attribute(expr) ? datom_sql_cast(expr, DATALOG_KEYWORD) : expr;
}

static SqlExpr *
as_value(SqlExpr *expr)
{
	datom_expr_settle(expr, DATALOG_STRING);
	if (expr->type == DATALOG_ANY)
		return expr;
	if (expr->type == DATALOG_REF)
		return datom_sql_call(DATALOG_ANY, "datom.ref", list_make1(expr));
	if (expr->type == DATALOG_KEYWORD && !is_attribute(expr))
		return datom_sql_call(DATALOG_ANY, "datom.keyword", list_make1(expr));
	return datom_sql_call(DATALOG_ANY, "datom.value", list_make1(expr));
}

SqlExpr *
datom_expr_as(SqlExpr *expr, DatalogType type)
{
	datom_expr_settle(expr, type);
	if (type == DATALOG_ANY)
		return as_value(expr);
	expr = plain(expr);
	if (datom_datalog_sql_type(type) != expr->sql_type)
		return datom_sql_cast(expr, type);
	return expr;
}

static SqlExpr *
same(SqlExpr *a, SqlExpr *b)
{
	return datom_sql_operator(DATALOG_BOOLEAN, "? = ?", a, b, NULL);
}

/* What an integer equals among values of any kind: a long, or an entity. */
static SqlExpr *
among_values(SqlExpr *any, SqlExpr *integer)
{
	return datom_sql_operator(DATALOG_BOOLEAN, "? = ANY (ARRAY[datom.value(?), datom.ref(?)])",
						  any, integer, integer, NULL);
}

static SqlExpr *
equal_keywords(SqlExpr *a, SqlExpr *b)
{
	if (is_attribute(a) == is_attribute(b))
		return same(a, b);
	if (is_attribute(b))
		return equal_keywords(b, a);

	/* What is given from outside is made an attribute, for which scans can look. */
	if (b->param)
		return same(a, datom_sql_cast_to(b, datom_datalog_attribute_type(), -1));
	return same(plain(a), b);
}

static SqlExpr *
equal_tuples(SqlExpr *a, SqlExpr *b)
{
	List	   *each = NIL;
	ListCell   *la;
	ListCell   *lb;

	if (a->type != b->type || list_length(a->args) != list_length(b->args))
		return datom_sql_bool(false);
	forboth(la, a->args, lb, b->args)
		each = lappend(each, datom_expr_equal(lfirst(la), lfirst(lb)));
	return each == NIL ? datom_sql_bool(true) : datom_sql_list(DATALOG_BOOLEAN, " AND ", each);
}

static bool
are_tx_and_entity(const SqlExpr *a, const SqlExpr *b)
{
	return a->type == DATALOG_TX && b->type == DATALOG_REF;
}

SqlExpr *
datom_expr_equal(SqlExpr *a, SqlExpr *b)
{
	datom_expr_settle(a, b->type);
	datom_expr_settle(b, a->type);
	if (a->type == DATALOG_LITERAL)
	{
		datom_expr_settle(a, DATALOG_STRING);
		datom_expr_settle(b, DATALOG_STRING);
	}
	if (a->type == DATALOG_TUPLE || b->type == DATALOG_TUPLE)
		return equal_tuples(a, b);
	if (are_tx_and_entity(a, b) || are_tx_and_entity(b, a))
		return datom_sql_operator(DATALOG_BOOLEAN, "? = - ?", a, b, NULL);
	if (a->type == DATALOG_KEYWORD && b->type == DATALOG_KEYWORD)
		return equal_keywords(a, b);
	if (datom_type_common(a->type, b->type) != DATALOG_ANY ||
		(datom_type_is_integer(a->type) && datom_type_is_integer(b->type)))
		return same(a, b);
	if (a->type == DATALOG_ANY && b->type == DATALOG_LONG)
		return among_values(a, b);
	if (b->type == DATALOG_ANY && a->type == DATALOG_LONG)
		return among_values(b, a);
	if (a->type != DATALOG_ANY && b->type != DATALOG_ANY &&
		!(datom_type_is_number(a->type) && datom_type_is_number(b->type)))
		return datom_sql_bool(false);
	return same(as_value(a), as_value(b));
}

/* Do the operators of the SQL type order values as datom.value does? */
static bool
is_ordered_natively(DatalogType type)
{
	return datom_type_is_number(type) || type == DATALOG_BOOLEAN ||
		type == DATALOG_INSTANT || type == DATALOG_DATE ||
		type == DATALOG_UUID;
}

SqlExpr *
datom_expr_compare(const char *operator, SqlExpr *a, SqlExpr *b)
{
	DatalogType common;

	datom_expr_settle(a, b->type);
	datom_expr_settle(b, a->type);
	common = datom_type_common(a->type, b->type);
	if (common == DATALOG_STRING || common == DATALOG_LITERAL)
	{
		datom_expr_settle(a, DATALOG_STRING);
		datom_expr_settle(b, DATALOG_STRING);
		return datom_sql_operator(DATALOG_BOOLEAN, psprintf("? COLLATE \"C\" %s ?", operator), a, b, NULL);
	}
	if (is_ordered_natively(common))
		return datom_sql_operator(DATALOG_BOOLEAN, psprintf("? %s ?", operator), a, b, NULL);
	return datom_sql_operator(DATALOG_BOOLEAN, psprintf("? %s ?", operator), as_value(a), as_value(b),
						  NULL);
}
