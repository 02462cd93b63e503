/*
 * datalog_compile.c: a query becomes one SELECT.
 *
 * First what :in declares becomes known: sources, rules, patterns, and variables,
 * which are bound to parameters. Then come the clauses, then :find.
 */
#include "datalog_compile.h"

#include "datalog_call.h"
#include "datalog_clause.h"
#include "datalog_find.h"
#include "datalog_scope.h"

/* Values of several rows, as arrays side by side. */
static void
add_rows(DatalogScope *scope, const DatalogBinding *binding, const DatalogInput *input, int i)
{
	SqlItem    *item = datom_scope_item(scope, 'i');
	SqlExpr   **columns = palloc0(sizeof(SqlExpr *) * (binding->nterms + 1));
	List	   *arrays = NIL;

	for (int k = 0; k < binding->nterms; k++)
	{
		SqlExpr    *array = datom_context_input(scope->context, input->types[k], i, k, true);

		arrays = lappend(arrays, array);
		columns[k] = datom_sql_add_column(item, input->types[k], NULL);
		columns[k]->param = array->param;
	}
	item->call = datom_sql_call(DATALOG_TUPLE, "unnest", arrays);
	datom_datalog_destructure(scope, binding, columns);
}

static void
add_values(DatalogScope *scope, const DatalogBinding *binding, const DatalogInput *input, int i)
{
	SqlExpr   **values = palloc0(sizeof(SqlExpr *) * (binding->nterms + 1));

	for (int k = 0; k < binding->nterms; k++)
		if (binding->terms[k].kind == TERM_VARIABLE)
			values[k] = datom_context_input(scope->context, input->types[k], i, k, false);
	datom_datalog_destructure(scope, binding, values);
}

static void
add_pattern(DatalogContext *context, const char *name, const Edn *form)
{
	DatalogNamedPattern *pattern = palloc(sizeof(DatalogNamedPattern));

	*pattern = (DatalogNamedPattern) {
		.name = name, .form = form
	};
	context->patterns = lappend(context->patterns, pattern);
}

static void
add_input(DatalogScope *scope, const DatalogBinding *binding, const DatalogInput *input, int i)
{
	switch (binding->kind)
	{
		case BIND_BLANK:
			break;
		case BIND_SCALAR:
		case BIND_TUPLE:
			add_values(scope, binding, input, i);
			break;
		case BIND_COLLECTION:
		case BIND_RELATION:
			add_rows(scope, binding, input, i);
			break;
		case BIND_SOURCE:
			datom_context_add_source(scope->context, binding->name, &input->source, binding->pos);
			break;
		case BIND_RULES:
			scope->context->rules = input->rules;
			break;
		case BIND_PATTERN:
			add_pattern(scope->context, binding->name, input->pattern);
			break;
	}
}

static void
list_params(const DatalogContext *context, DatalogSql *sql)
{
	ListCell   *lc;

	sql->nparams = list_length(context->params);
	sql->params = palloc(sizeof(DatalogParam) * (sql->nparams + 1));
	foreach(lc, context->params)
		sql->params[foreach_current_index(lc)] = *(DatalogParam *) lfirst(lc);
}

DatalogSql *
datom_datalog_compile(const DatalogQuery *query, const DatalogInput *inputs,
					  DatalogSourceFn source, void *arg, const DatalogTarget *target)
{
	DatalogContext context = {
		.find_source = source, .arg = arg, .clauses = datom_datalog_clauses
	};
	DatalogScope *scope = datom_scope_make(&context, NULL, "$");
	DatalogSql *sql = palloc0(sizeof(DatalogSql));
	SqlSelect  *select;

	for (int i = 0; i < query->nin; i++)
		add_input(scope, &query->in[i], &inputs[i], i);
	datom_datalog_clauses(scope, query->nclauses, query->clauses);
	select = datom_datalog_find(scope, query, target, &sql->results);
	sql->nresults = query->nelements;
	sql->text = datom_sql_print(select);
	list_params(&context, sql);
	sql->tables = context.tables;
	return sql;
}
