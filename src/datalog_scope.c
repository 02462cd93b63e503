/*
 * datalog_scope.c: variables, sources and parameters of a query in the making.
 *
 * A scope is one SELECT. Scopes nest as subqueries do, and a variable that is
 * bound further out is referred to from within, which SQL allows in EXISTS and
 * behind LATERAL. Where a subquery stands by itself, its scope has no outer one.
 */
#include "datalog_scope.h"

#include <stdarg.h>

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "access/table.h"

#include "attrs.h"
#include "behalf.h"
#include "datalog_value.h"
#include "log.h"
#include "settings.h"

void
datom_datalog_fail(int sqlstate, int pos, const char *format,...)
{
	char		message[1024];
	va_list		args;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	ereport(ERROR,
			(errcode(sqlstate), errmsg_internal("%s", message), datom_edn_at(pos, NULL)));
}

/*
 * Scopes and variables
 */

DatalogScope *
datom_scope_make(DatalogContext *context, DatalogScope *outer, const char *source)
{
	DatalogScope *scope = palloc0(sizeof(DatalogScope));

	scope->context = context;
	scope->home = scope;
	scope->outer = outer;
	scope->sees_all = true;
	scope->select = palloc0(sizeof(SqlSelect));
	scope->source = source;
	return scope;
}

DatalogScope *
datom_scope_make_within(DatalogScope *home, const char *source)
{
	DatalogScope *scope = datom_scope_make(home->context, NULL, source);

	scope->home = home->home;
	scope->select = home->select;
	return scope;
}

static bool
sees(const DatalogScope *scope, const char *name)
{
	ListCell   *lc;

	if (scope->sees_all)
		return true;
	foreach(lc, scope->seen)
		if (strcmp(lfirst(lc), name) == 0)
			return true;
	return false;
}

SqlExpr *
datom_scope_find(const DatalogScope *scope, const char *name)
{
	while (scope)
	{
		ListCell   *lc;

		foreach(lc, scope->vars)
		{
			const DatalogVar *var = lfirst(lc);

			if (strcmp(var->name, name) == 0)
				return var->expr;
		}
		scope = sees(scope, name) ? scope->outer : NULL;
	}
	return NULL;
}

SqlExpr *
datom_scope_need(const DatalogScope *scope, const DatalogTerm *var)
{
	SqlExpr    *expr = datom_scope_find(scope, var->name);

	if (expr == NULL)
		datom_datalog_fail(ERRCODE_INVALID_COLUMN_REFERENCE, var->pos,
						   "variable \"%s\" is not bound", datom_edn_clip(var->name, strlen(var->name)));
	return expr;
}

void
datom_scope_require(DatalogScope *scope, SqlExpr *condition)
{
	if (!datom_sql_is_bool(condition, true))
		scope->select->where = lappend(scope->select->where, condition);
}

bool
datom_scope_is_empty(const DatalogScope *scope)
{
	ListCell   *lc;

	foreach(lc, scope->select->where)
		if (datom_sql_is_bool(lfirst(lc), false))
			return true;
	return false;
}

static bool
is_vague(const SqlExpr *expr)
{
	return expr->type == DATALOG_ANY || expr->type == DATALOG_LITERAL;
}

/* What is equal stands for the variable where its type says more. */
static void
specify(DatalogScope *scope, const char *name, SqlExpr *expr)
{
	ListCell   *lc;

	foreach(lc, scope->vars)
	{
		DatalogVar *var = lfirst(lc);

		if (strcmp(var->name, name) == 0 && var->expr->type == DATALOG_ANY && !is_vague(expr))
			var->expr = expr;
	}
}

void
datom_scope_bind(DatalogScope *scope, const char *name, SqlExpr *expr)
{
	SqlExpr    *known = datom_scope_find(scope, name);
	DatalogVar *var;

	if (known == expr)
		return;
	if (known)
	{
		datom_scope_require(scope, datom_expr_equal(expr, known));
		specify(scope, name, expr);
		return;
	}
	var = palloc(sizeof(DatalogVar));
	*var = (DatalogVar) {
		.name = name, .expr = expr
	};
	scope->vars = lappend(scope->vars, var);
}

SqlItem *
datom_context_item(DatalogContext *context, char letter)
{
	SqlItem    *item = palloc0(sizeof(SqlItem));

	item->letter = letter;
	item->number = ++context->numbers[(int) letter];
	return item;
}

SqlItem *
datom_scope_item(DatalogScope *scope, char letter)
{
	SqlItem    *item = datom_context_item(scope->context, letter);

	scope->select->from = lappend(scope->select->from, item);
	return item;
}

/*
 * Parameters
 */

static SqlExpr *
add_param(DatalogContext *context, DatalogParam param)
{
	DatalogParam *copy = palloc(sizeof(DatalogParam));
	SqlExpr    *expr = palloc0(sizeof(SqlExpr));

	*copy = param;
	context->params = lappend(context->params, copy);
	copy->number = list_length(context->params);
	*expr = (SqlExpr) {
		.kind = SQL_PARAM, .type = param.datalog_type, .typmod = -1, .param = copy
	};
	if (param.what != PARAM_MOMENT)
	{
		expr->sql_type = datom_datalog_sql_type(param.datalog_type);
		copy->type = param.what == PARAM_COLUMN ? get_array_type(expr->sql_type) : expr->sql_type;
	}
	return expr;
}

SqlExpr *
datom_context_value(DatalogContext *context, DatomValue *value, DatalogType type)
{
	return add_param(context, (DatalogParam) {
		.what = PARAM_VALUE, .datalog_type = type, .value = value
	});
}

SqlExpr *
datom_context_text(DatalogContext *context, const char *text)
{
	return datom_context_value(context, datom_value_make_string(text, strlen(text)), DATALOG_STRING);
}

SqlExpr *
datom_context_input(DatalogContext *context, DatalogType type, int input, int term, bool column)
{
	return add_param(context, (DatalogParam) {
		.what = column ? PARAM_COLUMN : PARAM_SCALAR, .datalog_type = type,
			.input = input, .term = term
	});
}

DatalogType
datom_datalog_kind(const DatomValue *value)
{
	return (DatalogType) datom_value_kind(value);
}

DatomValue *
datom_datalog_constant(const DatalogTerm *term)
{
	DatomValue *value = datom_value_from_edn(term->form);

	if (value == NULL)
		datom_datalog_fail(ERRCODE_SYNTAX_ERROR, term->pos, "%s cannot stand here as a value",
						   datom_edn_kind_name(term->form->kind));
	return value;
}

SqlExpr *
datom_scope_operand(DatalogScope *scope, const DatalogTerm *term)
{
	DatomValue *value;

	if (term->kind == TERM_VARIABLE)
		return datom_scope_need(scope, term);
	if (term->kind != TERM_CONSTANT)
		datom_datalog_fail(ERRCODE_SYNTAX_ERROR, term->pos,
						   "an argument must be a variable or a value");
	value = datom_datalog_constant(term);
	return datom_context_value(scope->context, value, datom_datalog_kind(value));
}

/*
 * Sources
 */

static void
add_moment(DatalogContext *context, DatalogTable *table)
{
	DatomMoment moment = table->source.moment;

	if (moment.kind != MOMENT_NOW)
		table->moment = add_param(context, (DatalogParam) {
			.what = PARAM_MOMENT, .moment = moment,
				.type = moment.kind == MOMENT_TX ? INT8OID : TIMESTAMPTZOID
		});
}

static DatalogTable *
add_table(DatalogContext *context, const char *name, const DatalogSource *source)
{
	DatalogTable *table = palloc0(sizeof(DatalogTable));
	Relation	rel;

	/* The rights are asked before anything is locked. */
	if (!DATOM_BROKEN(BREAK_NO_CHECK))
		datom_log_require_of(source->db, datom_behalf_role(source->behalf), ACL_SELECT);
	rel = table_open(source->db, AccessShareLock);
	table->name = name;
	table->source = *source;
	table->schema = datom_attrs(rel);
	table->relname = quote_qualified_identifier(get_namespace_name(RelationGetNamespace(rel)),
												RelationGetRelationName(rel));
	table_close(rel, NoLock);
	add_moment(context, table);
	context->tables = lappend(context->tables, table);
	return table;
}

static DatalogTable *
find_table(DatalogContext *context, const char *name)
{
	ListCell   *lc;

	foreach(lc, context->tables)
	{
		DatalogTable *table = lfirst(lc);

		if (strcmp(table->name, name) == 0)
			return table;
	}
	return NULL;
}

void
datom_context_add_source(DatalogContext *context, const char *name, const DatalogSource *source,
						 int pos)
{
	(void) add_table(context, name, source);
}

DatalogTable *
datom_scope_table(DatalogScope *scope, const char *name, int pos)
{
	DatalogContext *context = scope->context;
	DatalogTable *table;
	DatalogSource source;

	if (name == NULL || strcmp(name, "$") == 0)
		name = scope->source;
	table = find_table(context, name);
	if (table)
		return table;
	source = context->find_source(context->arg, name, pos);
	return add_table(context, name, &source);
}

void
datom_table_note(DatalogTable *table, const char *ident, int len)
{
	ListCell   *lc;

	foreach(lc, table->read)
		if (strlen(lfirst(lc)) == (size_t) len && memcmp(lfirst(lc), ident, len) == 0)
			return;
	table->read = lappend(table->read, pnstrdup(ident, len));
}
