/*
 * datalog_find.c: from the rows that meet all clauses to what :find asks for.
 *
 * The rows are a set over the variables of :find and :with. Where it is not known
 * that no row comes twice, they go through SELECT DISTINCT, and aggregates and
 * pulls stand around that; so :with counts, and what is aggregated does.
 *
 * Aggregates of nothing are no row, also where nothing is grouped.
 */
#include "datalog_find.h"

#include "utils/lsyscache.h"

#include "datalog_set.h"
#include "datalog_value.h"
#include "pull_pattern.h"

/* An element in the making. */
typedef struct Element
{
	const DatalogElement *element;
	SqlExpr    *base;			/* of its variable */
	SqlExpr    *expr;			/* what it gives */
	DatalogType type;
	DatalogType of;				/* of the elements of an array */
} Element;

typedef struct Find
{
	DatalogScope *scope;
	const DatalogQuery *query;
	const DatalogTarget *target;	/* NULL: as they are */
	int			n;
	Element    *elements;
	bool		aggregates;
	List	   *with;			/* of SqlExpr */
	SqlSelect  *select;			/* where the elements are evaluated */
} Find;

/*
 * Aggregates
 */

static SqlExpr *
sort_key(SqlExpr *expr)
{
	if (expr->type == DATALOG_STRING || expr->type == DATALOG_KEYWORD)
		return datom_sql_operator(expr->type, "? COLLATE \"C\"", expr, NULL);
	if (expr->type == DATALOG_JSON)
		return datom_expr_as(expr, DATALOG_ANY);
	return expr;
}

static bool
has_minimum(DatalogType type)
{
	return datom_type_is_number(type) || type == DATALOG_STRING ||
		type == DATALOG_KEYWORD || type == DATALOG_INSTANT ||
		type == DATALOG_DATE;
}

static void
give(Element *element, SqlExpr *expr, DatalogType type)
{
	element->type = type;
	element->expr = expr;
	expr->type = type;
	expr->sql_type = datom_datalog_sql_type(type);
}

static void
give_array(Element *element, SqlExpr *expr)
{
	element->type = DATALOG_ARRAY;
	element->of = element->base->type;
	element->expr = expr;
	expr->type = DATALOG_ARRAY;
	expr->sql_type = get_array_type(element->base->sql_type);
}

static const char *
element_name(const Element *element)
{
	return datom_edn_clip(element->element->name, strlen(element->element->name));
}

/* The number of an aggregate such as (min 3 ?x). */
static SqlExpr *
count_of(Find *find, const Element *element)
{
	const DatalogTerm *term = &element->element->terms[0];

	if (term->kind != TERM_CONSTANT || term->form->kind != EDN_INT || term->form->integer < 0 ||
		term->form->integer > PG_INT32_MAX)
		datom_datalog_fail(ERRCODE_INVALID_PARAMETER_VALUE, term->pos,
						   "aggregate \"%s\" needs a number of values", element_name(element));
	return datom_sql_form(DATALOG_LONG, "CAST(? AS integer)",
						  datom_context_value(find->scope->context,
											  datom_value_make_long(term->form->integer), DATALOG_LONG),
						  NULL);
}

/* As a number to be computed with. */
static SqlExpr *
number_of(const Element *element, bool exact)
{
	SqlExpr    *base = element->base;

	if (base->type == DATALOG_ANY || (exact && datom_type_is_integer(base->type)))
		return datom_expr_as(base, DATALOG_BIGDEC);
	if (!datom_type_is_number(base->type))
		datom_datalog_fail(ERRCODE_DATATYPE_MISMATCH, element->element->pos,
						   "aggregate \"%s\" needs numbers, but \"%s\" is of type %s",
						   element_name(element),
						   datom_edn_clip(element->element->var.name,
										  strlen(element->element->var.name)),
						   datom_type_name(base->type));
	return base;
}

static DatalogType
number_result(const SqlExpr *number)
{
	return number->type == DATALOG_DOUBLE ? DATALOG_DOUBLE :
		DATALOG_BIGDEC;
}

static void
make_count(Find *find, Element *element)
{
	give(element, datom_sql_form(DATALOG_LONG, "pg_catalog.count(*)", NULL), DATALOG_LONG);
}

static void
make_count_distinct(Find *find, Element *element)
{
	give(element, datom_sql_form(DATALOG_LONG, "pg_catalog.count(DISTINCT ?)", element->base, NULL),
		 DATALOG_LONG);
}

static void
give_number(Element *element, const char *form, bool exact)
{
	SqlExpr    *number = number_of(element, exact);

	give(element, datom_sql_form(DATALOG_BIGDEC, form, number, number, NULL), number_result(number));
}

static void
make_sum(Find *find, Element *element)
{
	give_number(element, "pg_catalog.sum(?)", false);
}

static void
make_avg(Find *find, Element *element)
{
	give_number(element, "pg_catalog.avg(?)", false);
}

/* The mean of the values in the middle, of which there are one or two. */
static void
make_median(Find *find, Element *element)
{
	give_number(element,
				"(pg_catalog.percentile_disc(0.5) WITHIN GROUP (ORDER BY ?) + "
				"pg_catalog.percentile_disc(0.5) WITHIN GROUP (ORDER BY ? DESC)) / 2", true);
}

/* Of the values, which are taken for all there are. */
static void
make_variance(Find *find, Element *element)
{
	give_number(element, "pg_catalog.var_pop(?)", false);
}

static void
make_stddev(Find *find, Element *element)
{
	give_number(element, "pg_catalog.stddev_pop(?)", false);
}

static void
make_extreme(Find *find, Element *element, const char *function, const char *direction)
{
	SqlExpr    *base = element->base;

	if (has_minimum(base->type))
		give(element, datom_sql_call(base->type, function, list_make1(sort_key(base))), base->type);
	else
		give(element, datom_sql_form(base->type,
									 psprintf("(pg_catalog.array_agg(? ORDER BY ?%s))[1]", direction),
									 base, sort_key(base), NULL), base->type);
}

/* The first so many, in ascending order. */
static void
make_extremes(Find *find, Element *element, const char *direction)
{
	SqlExpr    *base = element->base;
	bool		text = base->type == DATALOG_STRING ||
		base->type == DATALOG_KEYWORD;
	const char *form = psprintf("ARRAY(SELECT x FROM unnest("
								"(pg_catalog.array_agg(? ORDER BY ?%s))[1:?]) AS u(x) ORDER BY x%s)",
								direction, text ? " COLLATE \"C\"" : "");

	give_array(element, datom_sql_form(base->type, form, base, sort_key(base),
									   count_of(find, element), NULL));
}

static void
make_min(Find *find, Element *element)
{
	if (element->element->nterms == 0)
		make_extreme(find, element, "pg_catalog.min", "");
	else
		make_extremes(find, element, "");
}

static void
make_max(Find *find, Element *element)
{
	if (element->element->nterms == 0)
		make_extreme(find, element, "pg_catalog.max", " DESC");
	else
		make_extremes(find, element, " DESC");
}

static void
make_distinct(Find *find, Element *element)
{
	give_array(element, datom_sql_form(element->base->type, "pg_catalog.array_agg(DISTINCT ?)",
									   element->base, NULL));
}

/* One at random, or so many, each drawn from all. */
static void
make_rand(Find *find, Element *element)
{
	SqlExpr    *base = element->base;

	if (element->element->nterms == 0)
		give(element, datom_sql_form(base->type,
									 "(pg_catalog.array_agg(? ORDER BY pg_catalog.random()))[1]",
									 base, NULL), base->type);
	else
		give_array(element,
				   datom_sql_form(base->type,
								  "ARRAY(SELECT (pg_catalog.array_agg(?))"
								  "[1 + CAST(pg_catalog.floor(pg_catalog.random() * pg_catalog.count(?)) AS integer)]"
								  " FROM pg_catalog.generate_series(1, ?))",
								  base, base, count_of(find, element), NULL));
}

/* So many different ones at random. */
static void
make_sample(Find *find, Element *element)
{
	give_array(element,
			   datom_sql_form(element->base->type,
							  "ARRAY(SELECT x FROM (SELECT DISTINCT x FROM unnest("
							  "pg_catalog.array_agg(?)) AS u(x)) AS d ORDER BY pg_catalog.random() LIMIT ?)",
							  element->base, count_of(find, element), NULL));
}

static const struct
{
	const char *name;
	int			least;			/* arguments before the variable */
	int			most;
	bool		of_set;			/* duplicates make no difference */
	void		(*make) (Find *find, Element *element);
}			aggregates[] = {
	{"count", 0, 0, false, make_count},
	{"count-distinct", 0, 0, true, make_count_distinct},
	{"sum", 0, 0, false, make_sum},
	{"avg", 0, 0, false, make_avg},
	{"median", 0, 0, false, make_median},
	{"variance", 0, 0, false, make_variance},
	{"stddev", 0, 0, false, make_stddev},
	{"min", 0, 1, true, make_min},
	{"max", 0, 1, true, make_max},
	{"distinct", 0, 0, true, make_distinct},
	{"rand", 0, 1, false, make_rand},
	{"sample", 1, 1, true, make_sample}
};

static int
find_aggregate(const DatalogElement *element)
{
	for (int i = 0; i < (int) lengthof(aggregates); i++)
	{
		if (strcmp(aggregates[i].name, element->name) != 0)
			continue;
		if (element->nterms < aggregates[i].least || element->nterms > aggregates[i].most)
			datom_datalog_fail(ERRCODE_SYNTAX_ERROR, element->pos,
							   "aggregate \"%s\" cannot have %d arguments", element->name,
							   element->nterms + 1);
		return i;
	}
	datom_datalog_fail(ERRCODE_UNDEFINED_FUNCTION, element->pos, "aggregate \"%s\" is not known",
					   datom_edn_clip(element->name, strlen(element->name)));
	return -1;					/* not reached */
}

/* Does it give the same if rows come twice? With a number, min and max do not. */
static bool
is_of_set(const DatalogElement *element)
{
	return aggregates[find_aggregate(element)].of_set &&
		(element->nterms == 0 || strcmp(element->name, "sample") == 0);
}

/*
 * Pull
 */

static const Edn *
pattern_of(const Find *find, const DatalogTerm *term)
{
	ListCell   *lc;

	if (term->kind == TERM_CONSTANT)
		return term->form;
	foreach(lc, find->scope->context->patterns)
	{
		const DatalogNamedPattern *pattern = lfirst(lc);

		if (strcmp(pattern->name, term->name) == 0)
			return pattern->form;
	}
	datom_datalog_fail(ERRCODE_INVALID_COLUMN_REFERENCE, term->pos,
					   "pull pattern \"%s\" is not among :in",
					   datom_edn_clip(term->name, strlen(term->name)));
	return NULL;				/* not reached */
}

/* Components come with all that they have. */
static bool
pulls_component(const DatalogTable *table, const DatomPullSpec *spec)
{
	const DatomAttr *attr = datom_schema_find(table->schema, spec->ident, spec->len);

	return attr && attr->component && !spec->reverse && !spec->pattern && spec->depth == 0;
}

/* What a pull may read; the idents are looked up when it runs. */
static void
note_pulled(DatalogTable *table, const DatomPullPattern *pattern)
{
	table->reads_any |= pattern->wildcard;
	for (int i = 0; i < pattern->nspecs; i++)
	{
		const DatomPullSpec *spec = &pattern->specs[i];

		if (spec->is_id)
			continue;
		datom_table_note(table, spec->ident, spec->len);
		table->reads_any |= pulls_component(table, spec);
		if (spec->pattern)
			note_pulled(table, spec->pattern);
	}
}

static const DatomPullPattern *
read_pulled(const Edn *form)
{
	EdnError	err = {0};
	const DatomPullPattern *pattern = datom_pull_pattern(form, palloc, &err);

	if (pattern == NULL)
		datom_edn_raise(&err);
	return pattern;
}

static void
make_pull(Find *find, Element *element)
{
	DatalogTable *table = datom_scope_table(find->scope, element->element->source,
											element->element->pos);
	const Edn  *pattern = pattern_of(find, &element->element->pattern);
	List	   *args;

	if (table->source.view != SOURCE_AS_OF)
		datom_datalog_fail(ERRCODE_FEATURE_NOT_SUPPORTED, element->element->pos,
						   "pull needs a source as of a moment, not \"%s\"", table->name);
	if (element->base->type == DATALOG_ANY)
		element->base = datom_sql_form(DATALOG_REF,
									   "CASE datom.value_type(?) WHEN 'ref' THEN CAST(? AS bigint) END",
									   element->base, element->base, NULL);
	if (!datom_type_is_integer(element->base->type))
		datom_datalog_fail(ERRCODE_DATATYPE_MISMATCH, element->element->pos,
						   "\"%s\" is no entity but of type %s", element->element->var.name,
						   datom_type_name(element->base->type));
	note_pulled(table, read_pulled(pattern));
	args = list_make3(datom_sql_literal(table->relname, "regclass"),
					  datom_context_text(find->scope->context, datom_edn_text(pattern)),
					  element->base->type == DATALOG_TX ?
					  datom_sql_operator(DATALOG_REF, "- ?", element->base, NULL) : element->base);
	if (table->moment)
		args = lappend(args, table->moment);
	give(element, datom_sql_call(DATALOG_OBJECT, "datom.pull", args), DATALOG_OBJECT);
}

/*
 * Rows
 */

/* A tuple becomes a JSON array, in which values of SQL's own types are as they are. */
static SqlExpr *
json_of(SqlExpr *expr)
{
	List	   *items = NIL;
	ListCell   *lc;

	if (expr->type != DATALOG_TUPLE)
		return datom_sql_cast(datom_expr_as(expr, DATALOG_ANY), DATALOG_JSON);
	foreach(lc, expr->args)
		items = lappend(items, json_of(lfirst(lc)));
	return datom_sql_call(DATALOG_OBJECT, "pg_catalog.jsonb_build_array", items);
}

static SqlExpr *
output_of(SqlExpr *expr)
{
	datom_expr_settle(expr, DATALOG_STRING);
	return expr->type == DATALOG_TUPLE ? json_of(expr) : datom_expr_as(expr, expr->type);
}

/* Does it depend on the row? What a subquery depends on is not looked for. */
static bool
is_of_row(const SqlExpr *expr)
{
	ListCell   *lc;

	if (expr->kind == SQL_COLUMN)
		return true;
	foreach(lc, expr->args)
		if (is_of_row(lfirst(lc)))
			return true;
	return false;
}

/*
 * An aggregate that stands in a subquery is the outer query's only if its argument
 * is, and what comes from outside is nobody's.
 */
static bool
needs_column(const Element *element)
{
	return element->element->kind == ELEMENT_AGGREGATE && element->element->nterms > 0 &&
		!is_of_row(element->base);
}

static bool
needs_set(const Find *find)
{
	List	   *exprs = list_copy(find->with);
	bool		of_set = find->aggregates;

	for (int i = 0; i < find->n; i++)
	{
		const DatalogElement *element = find->elements[i].element;

		if (element->kind == ELEMENT_AGGREGATE && !is_of_set(element))
			of_set = false;
		exprs = lappend(exprs, find->elements[i].base);
	}
	return !of_set && !datom_sql_is_set(find->scope->select, exprs);
}

/* Columns of the rows as a set, in place of the expressions. */
static void
go_through_set(Find *find)
{
	DatalogScope *outer = datom_scope_make(find->scope->context, NULL, find->scope->source);
	SqlItem    *item = datom_scope_item(outer, 's');
	SqlSelect  *inner = find->scope->select;
	ListCell   *lc;

	inner->distinct = true;
	item->select = inner;
	for (int i = 0; i < find->n; i++)
	{
		SqlExpr    *base = find->elements[i].base;

		find->elements[i].base = datom_sql_add_column(item, base->type, NULL);
		datom_sql_add_output(inner, base, NULL);
	}
	foreach(lc, find->with)
	{
		datom_sql_add_output(inner, lfirst(lc), NULL);
		(void) datom_sql_add_column(item, ((SqlExpr *) lfirst(lc))->type, NULL);
	}
	find->select = outer->select;
}

static bool
is_plain(const Find *find)
{
	for (int i = 0; i < find->n; i++)
		if (find->elements[i].element->kind != ELEMENT_VARIABLE)
			return false;
	return find->with == NIL;
}

/* How many rows; -1: all. Of a tuple and a scalar there is one. */
static int64
limit_of(const DatalogQuery *query)
{
	bool		one = query->find == FIND_TUPLE || query->find == FIND_SCALAR;

	return one && query->limit != 0 ? 1 : query->limit;
}

/* Of rows that come twice, one is as good as another. */
static bool
is_any_row(const Find *find)
{
	return is_plain(find) && limit_of(find->query) == 1 && find->query->offset == 0;
}

static bool
is_of_target(const SqlExpr *expr, const DatalogTarget *target, int i)
{
	return target == NULL || (expr->sql_type == target->types[i] && target->typmods[i] < 0);
}

/* What is cast may become equal, and is more than one row nevertheless. */
static bool
is_cast(const Find *find)
{
	for (int i = 0; i < find->n; i++)
		if (!is_of_target(find->elements[i].base, find->target, i))
			return true;
	return false;
}

static void
make_rows(Find *find)
{
	bool		columns = false;

	for (int i = 0; i < find->n; i++)
		columns = columns || needs_column(&find->elements[i]);
	find->select = find->scope->select;
	if (is_any_row(find) || (!columns && !needs_set(find)))
		return;
	if (is_plain(find) && !is_cast(find))
		find->select->distinct = true;
	else
		go_through_set(find);
}

static void
make_element(Find *find, Element *element)
{
	switch (element->element->kind)
	{
		case ELEMENT_VARIABLE:
			element->type = element->base->type;
			element->expr = element->base;
			break;
		case ELEMENT_AGGREGATE:
			aggregates[find_aggregate(element->element)].make(find, element);
			break;
		case ELEMENT_PULL:
			make_pull(find, element);
			break;
	}
}

static void
make_groups(Find *find)
{
	if (!find->aggregates)
		return;
	for (int i = 0; i < find->n; i++)
		if (find->elements[i].element->kind != ELEMENT_AGGREGATE)
			find->select->group_by = lappend(find->select->group_by, find->elements[i].base);
	if (find->select->group_by == NIL)
		find->select->having = datom_sql_form(DATALOG_BOOLEAN, "pg_catalog.count(*) > 0", NULL);
}

static const char *
result_name(const DatalogElement *element)
{
	const char *name = element->var.name + 1;

	return element->kind == ELEMENT_AGGREGATE ? psprintf("%s_%s", element->name, name) : name;
}

static SqlExpr *
of_target(SqlExpr *expr, const DatalogTarget *target, int i)
{
	if (is_of_target(expr, target, i))
		return expr;
	return datom_sql_cast_to(expr, target->types[i], target->typmods[i]);
}

static SqlExpr *
long_param(Find *find, int64 number)
{
	return datom_context_value(find->scope->context, datom_value_make_long(number), DATALOG_LONG);
}

static void
check_target(const DatalogQuery *query, const DatalogTarget *target)
{
	if (target && target->n != query->nelements)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("the query finds %d columns, but %d are asked for", query->nelements,
						target->n)));
}

SqlSelect *
datom_datalog_find(DatalogScope *scope, const DatalogQuery *query, const DatalogTarget *target,
				   DatalogResult **results)
{
	Find		find = {.scope = scope, .query = query, .target = target, .n = query->nelements};
	int64		limit = limit_of(query);

	check_target(query, target);
	find.elements = palloc0(sizeof(Element) * find.n);
	for (int i = 0; i < find.n; i++)
	{
		find.elements[i].element = &query->elements[i];
		find.elements[i].base = output_of(datom_scope_need(scope, &query->elements[i].var));
		find.aggregates = find.aggregates || query->elements[i].kind == ELEMENT_AGGREGATE;
	}
	for (int i = 0; i < query->nwith; i++)
		find.with = lappend(find.with, output_of(datom_scope_need(scope, &query->with[i])));
	make_rows(&find);
	make_groups(&find);
	*results = palloc0(sizeof(DatalogResult) * find.n);
	for (int i = 0; i < find.n; i++)
	{
		Element    *element = &find.elements[i];

		make_element(&find, element);
		(*results)[i] = (DatalogResult) {
			.name = result_name(element->element), .type = element->type, .element = element->of,
				.sql_type = element->expr->sql_type
		};
		datom_sql_add_output(find.select, of_target(element->expr, target, i), (*results)[i].name);
	}
	if (limit >= 0)
		find.select->limit = long_param(&find, limit);
	if (query->offset > 0)
		find.select->offset = long_param(&find, query->offset);
	return find.select;
}
