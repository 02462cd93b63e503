/*
 * datalog_sql.c: SQL as a tree, and its text.
 *
 * Types and functions of the extension are printed with its schema, those of the
 * server with pg_catalog where a user could put something else in their place:
 * the text means the same under any search_path. Operators cannot be named so and
 * stay readable; the caller sees to the search_path under which they are looked
 * up.
 */
#include "datalog_sql.h"

#include <stdarg.h>

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/syscache.h"

#include "sql_value.h"

/*
 * Making
 */

static Oid
type_of_extension(const char *name)
{
	Oid			schema = get_namespace_oid("datom", false);
	Oid			type = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid,
									   CStringGetDatum(name), ObjectIdGetDatum(schema));

	if (!OidIsValid(type))
		elog(ERROR, "type datom.%s is missing", name);
	return type;
}

Oid
datom_datalog_value_type(void)
{
	return type_of_extension("value");
}

Oid
datom_datalog_attribute_type(void)
{
	return type_of_extension("attribute");
}

Oid
datom_datalog_sql_type(DatalogType type)
{
	switch (type)
	{
		case DATALOG_ANY:
			return datom_datalog_value_type();
		case DATALOG_LITERAL:
			return TEXTOID;
		case DATALOG_TX:
			return INT8OID;
		case DATALOG_OBJECT:
		case DATALOG_TUPLE:
			return JSONBOID;
		case DATALOG_ARRAY:
			return InvalidOid;
		default:
			return datom_sql_type((DatomKind) type);
	}
}

static SqlExpr *
make(SqlKind kind, DatalogType type, const char *text, List *args)
{
	SqlExpr    *expr = palloc0(sizeof(SqlExpr));

	expr->kind = kind;
	expr->type = type;
	expr->sql_type = datom_datalog_sql_type(type);
	expr->typmod = -1;
	expr->text = text;
	expr->args = args;
	return expr;
}

static List *
args_of(va_list list)
{
	List	   *args = NIL;
	SqlExpr    *arg;

	while ((arg = va_arg(list, SqlExpr *)) != NULL)
		args = lappend(args, arg);
	return args;
}

SqlExpr *
datom_sql_form(DatalogType type, const char *form, ...)
{
	va_list		list;
	SqlExpr    *expr;

	va_start(list, form);
	expr = make(SQL_FORM, type, form, args_of(list));
	va_end(list);
	return expr;
}

SqlExpr *
datom_sql_operator(DatalogType type, const char *form, ...)
{
	va_list		list;
	SqlExpr    *expr;

	va_start(list, form);
	expr = make(SQL_OPERATOR, type, form, args_of(list));
	va_end(list);
	return expr;
}

SqlExpr *
datom_sql_list(DatalogType type, const char *between, List *args)
{
	return make(SQL_LIST, type, between, args);
}

SqlExpr *
datom_sql_call(DatalogType type, const char *name, List *args)
{
	return make(SQL_CALL, type, name, args);
}

SqlExpr *
datom_sql_column(DatalogType type, SqlItem *item, const char *name)
{
	SqlExpr    *expr = make(SQL_COLUMN, type, name, NIL);

	expr->item = item;
	return expr;
}

SqlExpr *
datom_sql_literal(const char *text, const char *type_name)
{
	SqlExpr    *expr = make(SQL_LITERAL, DATALOG_STRING, text, NIL);

	expr->args = list_make1((void *) type_name);
	return expr;
}

SqlExpr *
datom_sql_cast_to(SqlExpr *expr, Oid type, int32 typmod)
{
	SqlExpr    *cast = make(SQL_CAST, expr->type, NULL, list_make1(expr));

	cast->sql_type = type;
	cast->typmod = typmod;
	return cast;
}

SqlExpr *
datom_sql_cast(SqlExpr *expr, DatalogType type)
{
	return make(SQL_CAST, type, NULL, list_make1(expr));
}

SqlExpr *
datom_sql_select(DatalogType type, const char *before, SqlSelect *select)
{
	SqlExpr    *expr = make(SQL_SELECT, type, before, NIL);

	expr->select = select;
	return expr;
}

SqlExpr *
datom_sql_bool(bool truth)
{
	return make(SQL_FORM, DATALOG_BOOLEAN, truth ? "true" : "false", NIL);
}

bool
datom_sql_is_bool(const SqlExpr *expr, bool truth)
{
	return expr->kind == SQL_FORM && strcmp(expr->text, truth ? "true" : "false") == 0;
}

void
datom_sql_add_output(SqlSelect *select, SqlExpr *expr, const char *name)
{
	SqlOutput  *output = palloc(sizeof(SqlOutput));

	*output = (SqlOutput) {
		.expr = expr, .name = name
	};
	select->outputs = lappend(select->outputs, output);
}

SqlExpr *
datom_sql_add_column(SqlItem *item, DatalogType type, const char *name)
{
	SqlColumn  *column = palloc0(sizeof(SqlColumn));

	*column = (SqlColumn) {
		.name = name ? name : psprintf("c%d", list_length(item->columns) + 1),
			.sql_type = datom_datalog_sql_type(type)
	};
	item->columns = lappend(item->columns, column);
	return datom_sql_column(type, item, column->name);
}

/*
 * Printing
 */

static void print_select(StringInfo out, const SqlSelect *select);
static void print_expr(StringInfo out, const SqlExpr *expr);

static void
print_alias(StringInfo out, const SqlItem *item)
{
	appendStringInfo(out, "%c%d", item->letter, item->number);
}

static const char *
type_name(Oid type, int32 typmod)
{
	return format_type_extended(type, typmod,
								FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY);
}

static void
print_form(StringInfo out, const SqlExpr *expr)
{
	int			next = 0;

	for (const char *c = expr->text; *c; c++)
	{
		const SqlExpr *arg = *c == '?' ? list_nth(expr->args, next++) : NULL;
		bool		nested = arg && arg->kind == SQL_OPERATOR && expr->kind == SQL_OPERATOR;

		if (arg == NULL)
		{
			appendStringInfoChar(out, *c);
			continue;
		}
		if (nested)
			appendStringInfoChar(out, '(');
		print_expr(out, arg);
		if (nested)
			appendStringInfoChar(out, ')');
	}
}

static void
print_exprs(StringInfo out, const char *between, List *exprs)
{
	ListCell   *lc;

	foreach(lc, exprs)
	{
		if (foreach_current_index(lc) > 0)
			appendStringInfoString(out, between);
		print_expr(out, lfirst(lc));
	}
}

static void
print_expr(StringInfo out, const SqlExpr *expr)
{
	check_stack_depth();
	switch (expr->kind)
	{
		case SQL_FORM:
		case SQL_OPERATOR:
			print_form(out, expr);
			break;
		case SQL_LIST:
			appendStringInfoChar(out, '(');
			print_exprs(out, expr->text, expr->args);
			appendStringInfoChar(out, ')');
			break;
		case SQL_CALL:
			appendStringInfo(out, "%s(", expr->text);
			print_exprs(out, ", ", expr->args);
			appendStringInfoChar(out, ')');
			break;
		case SQL_COLUMN:
			print_alias(out, expr->item);
			appendStringInfo(out, ".%s", expr->text);
			break;
		case SQL_PARAM:
			appendStringInfo(out, "$%d", expr->param->number);
			break;
		case SQL_LITERAL:
			appendStringInfo(out, "%s::%s", quote_literal_cstr(expr->text),
							 (const char *) linitial(expr->args));
			break;
		case SQL_CAST:
			appendStringInfoString(out, "CAST(");
			print_expr(out, linitial(expr->args));
			appendStringInfo(out, " AS %s)", type_name(expr->sql_type, expr->typmod));
			break;
		case SQL_SELECT:
			appendStringInfo(out, "%s(", expr->text);
			print_select(out, expr->select);
			appendStringInfoChar(out, ')');
			break;
	}
}

static void
print_columns(StringInfo out, const SqlItem *item)
{
	ListCell   *lc;

	appendStringInfoChar(out, '(');
	foreach(lc, item->columns)
	{
		const SqlColumn *column = lfirst(lc);

		appendStringInfo(out, "%s%s", foreach_current_index(lc) > 0 ? ", " : "", column->name);
		if (item->typed)
			appendStringInfo(out, " %s", type_name(column->sql_type, -1));
	}
	appendStringInfoChar(out, ')');
}

static void
print_item(StringInfo out, const SqlItem *item)
{
	if (item->lateral)
		appendStringInfoString(out, "LATERAL ");
	if (item->cte)
		print_alias(out, item->cte);
	else if (item->call)
		print_expr(out, item->call);
	else
	{
		appendStringInfoChar(out, '(');
		print_select(out, item->select);
		appendStringInfoChar(out, ')');
	}
	appendStringInfoString(out, " AS ");
	print_alias(out, item);
	if (item->columns)
		print_columns(out, item);
}

static void
print_with(StringInfo out, const SqlSelect *select)
{
	ListCell   *lc;

	appendStringInfoString(out, select->recursive ? "WITH RECURSIVE " : "WITH ");
	foreach(lc, select->with)
	{
		const SqlItem *item = lfirst(lc);

		if (foreach_current_index(lc) > 0)
			appendStringInfoString(out, ", ");
		print_alias(out, item);
		print_columns(out, item);
		appendStringInfoString(out, " AS (");
		print_select(out, item->select);
		appendStringInfoChar(out, ')');
	}
	appendStringInfoChar(out, ' ');
}

static void
print_outputs(StringInfo out, List *outputs)
{
	ListCell   *lc;

	foreach(lc, outputs)
	{
		const SqlOutput *output = lfirst(lc);

		appendStringInfoString(out, foreach_current_index(lc) > 0 ? ", " : " ");
		print_expr(out, output->expr);
		if (output->name)
			appendStringInfo(out, " AS %s", quote_identifier(output->name));
	}
}

static void
print_arms(StringInfo out, const SqlSelect *select)
{
	ListCell   *lc;

	foreach(lc, select->arms)
	{
		if (foreach_current_index(lc) > 0)
			appendStringInfo(out, " %s ", select->between);
		appendStringInfoChar(out, '(');
		print_select(out, lfirst(lc));
		appendStringInfoChar(out, ')');
	}
}

static void
print_body(StringInfo out, const SqlSelect *select)
{
	ListCell   *lc;

	appendStringInfoString(out, select->distinct ? "SELECT DISTINCT" : "SELECT");
	print_outputs(out, select->outputs);
	foreach(lc, select->from)
	{
		appendStringInfoString(out, foreach_current_index(lc) > 0 ? ", " : " FROM ");
		print_item(out, lfirst(lc));
	}
	if (select->where)
	{
		appendStringInfoString(out, " WHERE ");
		print_exprs(out, " AND ", select->where);
	}
	if (select->group_by)
	{
		appendStringInfoString(out, " GROUP BY ");
		print_exprs(out, ", ", select->group_by);
	}
}

static void
print_clause(StringInfo out, const char *word, const SqlExpr *expr)
{
	if (expr == NULL)
		return;
	appendStringInfo(out, " %s ", word);
	print_expr(out, expr);
}

static void
print_select(StringInfo out, const SqlSelect *select)
{
	check_stack_depth();
	if (select->with)
		print_with(out, select);
	if (select->arms)
		print_arms(out, select);
	else
		print_body(out, select);
	print_clause(out, "HAVING", select->having);
	print_clause(out, "ORDER BY", select->order_by);
	print_clause(out, "LIMIT", select->limit);
	print_clause(out, "OFFSET", select->offset);
}

char *
datom_sql_print(const SqlSelect *select)
{
	StringInfoData out;

	initStringInfo(&out);
	print_select(&out, select);
	return out.data;
}
