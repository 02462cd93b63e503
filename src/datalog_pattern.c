/*
 * datalog_pattern.c: data patterns as scans.
 *
 * Patterns on one entity that ask for attributes of cardinality one, as of a
 * moment, become one scan of entities with a column for each attribute:
 *
 *	datom.entities('public.pur'::regclass, '{:purchase/id,:purchase/amount}')
 *		AS e1(e bigint, c1 text, c2 numeric)
 *
 * A pattern of any other shape becomes a scan of facts of its own: with an
 * attribute of many values, with a variable in its place, with a transaction, or
 * of a source that is since a moment or a history.
 *
 * What stands for an entity is always a variable here. A number, an ident and a
 * lookup ref get one that nobody can write, and it is bound by what it says. An
 * attribute is its ident where it is one, and its entity where it is asked about.
 */
#include "datalog_pattern.h"

#include "utils/builtins.h"

#include "datalog_value.h"

/* A scan of entities in a scope; more columns may be added to it. */
typedef struct EntityScan
{
	DatalogTable *table;
	SqlItem    *item;
	SqlExpr    *key;			/* what its entity is bound to; e, or what that equals */
	SqlExpr    *e;
	SqlExpr    *attributes;		/* the literal */
	List	   *columns;		/* of EntityColumn */
} EntityScan;

typedef struct EntityColumn
{
	const DatomAttr *attr;
	SqlExpr    *expr;
	bool		required;
} EntityColumn;

/* The columns of a fact: of scans of facts. */
typedef struct Fact
{
	SqlExpr    *e;
	SqlExpr    *a;				/* NULL: one attribute, which is known */
	SqlExpr    *v;				/* as a value of the attribute, if that is known */
	SqlExpr    *raw;			/* as datom.value */
	SqlExpr    *tx;
	SqlExpr    *added;			/* NULL: it is always an assertion */
} Fact;

const DatomAttr *
datom_datalog_attribute(DatalogTable *table, const DatalogTerm *term)
{
	const Edn  *form = term->form;
	const DatomAttr *attr;

	if (term->kind != TERM_CONSTANT || (form->kind != EDN_KEYWORD && form->kind != EDN_INT))
		datom_datalog_fail(ERRCODE_SYNTAX_ERROR, term->pos,
						   "an attribute must be a keyword, such as :person/name");
	if (form->kind == EDN_KEYWORD)
		attr = datom_schema_need(table->schema, form->text, form->len, table->relname, term->pos);
	else
		attr = datom_schema_find_entity(table->schema, form->integer);
	if (attr == NULL)
		datom_datalog_fail(ERRCODE_UNDEFINED_OBJECT, term->pos,
						   "entity " INT64_FORMAT " of datom table \"%s\" is no attribute",
						   form->integer, table->relname);
	datom_table_note(table, attr->ident, attr->len);
	return attr;
}

static SqlExpr *
table_literal(const DatalogTable *table)
{
	return datom_sql_literal(table->relname, "regclass");
}

/* A call that has the table first and a moment last, if one is given. */
static SqlExpr *
table_call(const DatalogTable *table, const char *function, SqlExpr *more)
{
	List	   *args = list_make1(table_literal(table));

	if (more)
		args = lappend(args, more);
	if (table->moment && table->source.view != SOURCE_HISTORY)
		args = lappend(args, table->moment);
	return datom_sql_call(DATALOG_TUPLE, function, args);
}

/*
 * Scans of entities
 */

/* Has the attribute had one value at a time, always? */
static bool
is_single(const DatomAttr *attr)
{
	for (int i = 0; i < attr->changes; i++)
		if (attr->cardinality[i].many)
			return false;
	return !attr->many;
}

static bool
is_column(const DatalogTable *table, const DatomAttr *attr)
{
	return table->source.view == SOURCE_AS_OF && is_single(attr) &&
		attr->builtin != DB_TX_INSTANT;
}

static EntityScan *
find_scan(const DatalogScope *scope, const DatalogTable *table, const SqlExpr *entity)
{
	ListCell   *lc;

	foreach(lc, scope->home->scans)
	{
		EntityScan *scan = lfirst(lc);

		if (scan->table == table && (scan->key == entity || scan->e == entity))
			return scan;
	}
	return NULL;
}

/* The last column tells rows apart, as of any moment. */
static void
mark_key(SqlItem *item)
{
	((SqlColumn *) llast(item->columns))->key = true;
}

static EntityScan *
make_scan(DatalogTable *table, SqlItem *item)
{
	EntityScan *scan = palloc0(sizeof(EntityScan));

	scan->table = table;
	scan->item = item;
	scan->attributes = datom_sql_literal("{}", "datom.attribute[]");
	item->call = table_call(table, "datom.entities", scan->attributes);
	item->typed = true;
	scan->e = datom_sql_add_column(item, DATALOG_REF, "e");
	mark_key(item);
	return scan;
}

/* Idents have none of the characters that mean something in an array. */
static void
write_attributes(EntityScan *scan)
{
	StringInfoData text;
	ListCell   *lc;

	initStringInfo(&text);
	foreach(lc, scan->columns)
	{
		const DatomAttr *attr = ((EntityColumn *) lfirst(lc))->attr;

		appendStringInfo(&text, "%c%.*s", foreach_current_index(lc) == 0 ? '{' : ',', attr->len, attr->ident);
	}
	appendStringInfoChar(&text, '}');
	scan->attributes->text = text.data;
}

static EntityColumn *
scan_column(EntityScan *scan, const DatomAttr *attr)
{
	EntityColumn *column;
	ListCell   *lc;

	foreach(lc, scan->columns)
	{
		column = lfirst(lc);
		if (column->attr == attr)
			return column;
	}
	column = palloc0(sizeof(EntityColumn));
	column->attr = attr;
	column->expr = datom_sql_add_column(scan->item, (DatalogType) attr->type,
										psprintf("c%d", list_length(scan->columns) + 1));
	if (attr->unique != UNIQUE_NONE && attr->unique_since <= attr->since)
		mark_key(scan->item);
	scan->columns = lappend(scan->columns, column);
	write_attributes(scan);
	return column;
}

static EntityScan *
need_scan(DatalogScope *scope, DatalogTable *table, const char *name)
{
	SqlExpr    *known = datom_scope_find(scope, name);
	EntityScan *scan = known ? find_scan(scope, table, known) : NULL;

	if (scan == NULL)
	{
		scan = make_scan(table, datom_scope_item(scope, 'e'));
		scan->key = known ? known : scan->e;
		scope->home->scans = lappend(scope->home->scans, scan);
		datom_scope_bind(scope, name, scan->e);
	}
	return scan;
}

static SqlExpr *
not_null(SqlExpr *expr)
{
	return datom_sql_operator(DATALOG_BOOLEAN, "? IS NOT NULL", expr, NULL);
}

/*
 * Scans of facts
 */

static SqlExpr *
in_force(SqlExpr *instant)
{
	return datom_sql_form(DATALOG_BOOLEAN,
						  "(pg_catalog.current_setting('datom.as_of') = '' OR ? <= datom.now())",
						  instant, NULL);
}

/* The moment of a table as an instant; NULL: that in force. */
static SqlExpr *
moment_instant(const DatalogTable *table)
{
	if (table->moment == NULL || table->moment->param->moment.kind == MOMENT_INSTANT)
		return table->moment;
	/* datom.instant() tells its caller only of what that one may read. */
	if (OidIsValid(table->source.behalf))
		return datom_sql_form(DATALOG_INSTANT,
							  "(SELECT pg_catalog.min(m.instant) FROM datom.tx AS m WHERE m.tx = ?)",
							  table->moment, NULL);
	return datom_sql_call(DATALOG_INSTANT, "datom.instant", list_make1(table->moment));
}

/* Instants of transactions stand in a table of their own. */
static Fact
add_instants(DatalogScope *scope, const DatalogTable *table)
{
	SqlItem    *item = datom_scope_item(scope, 't');
	SqlExpr    *tx = datom_sql_column(DATALOG_TX, item, "tx");
	SqlExpr    *instant = datom_sql_column(DATALOG_INSTANT, item, "instant");
	SqlExpr    *moment = moment_instant(table);

	item->call = datom_sql_form(DATALOG_TUPLE, "datom.tx", NULL);
	datom_scope_require(scope, datom_sql_operator(DATALOG_BOOLEAN, "? = ?",
												  datom_sql_column(DATALOG_TUPLE, item, "db"),
												  table_literal(table), NULL));
	datom_scope_require(scope, moment == NULL ? in_force(instant) :
						datom_sql_operator(DATALOG_BOOLEAN,
										   table->source.view == SOURCE_SINCE ? "? > ?" : "? <= ?",
										   instant, moment, NULL));
	return (Fact) {
		.e = tx, .v = instant, .tx = tx
	};
}

static const char *
facts_function(const DatalogTable *table)
{
	static const char *const names[] = {
		[SOURCE_AS_OF] = "datom.as_of", [SOURCE_SINCE] = "datom.since",
		[SOURCE_HISTORY] = "datom.history"
	};

	return names[table->source.view];
}

static Fact
add_facts(DatalogScope *scope, const DatalogTable *table, const DatomAttr *attr)
{
	SqlItem    *item = datom_scope_item(scope, 'f');
	Fact		fact = {
		.e = datom_sql_column(DATALOG_REF, item, "e"),
		.a = datom_sql_column(DATALOG_KEYWORD, item, "a"),
		.raw = datom_sql_column(DATALOG_ANY, item, "v"),
		.tx = datom_sql_column(DATALOG_TX, item, "tx"),
		.added = datom_sql_column(DATALOG_BOOLEAN, item, "added")
	};

	fact.a->sql_type = datom_datalog_attribute_type();
	item->call = table_call(table, facts_function(table), NULL);
	if (table->source.view == SOURCE_HISTORY && table->moment)
		datom_scope_require(scope, datom_sql_operator(DATALOG_BOOLEAN, "datom.instant(?) <= ?", fact.tx,
													  moment_instant(table), NULL));
	fact.v = fact.raw;
	if (attr == NULL)
		return fact;
	datom_scope_require(scope, datom_sql_operator(DATALOG_BOOLEAN, "? = ?", fact.a,
												  datom_sql_literal(pnstrdup(attr->ident, attr->len),
																	"datom.attribute"), NULL));
	fact.a = NULL;
	fact.v = datom_sql_cast(fact.raw, (DatalogType) attr->type);
	return fact;
}

static Fact
add_fact(DatalogScope *scope, const DatalogTable *table, const DatomAttr *attr)
{
	if (attr && attr->builtin == DB_TX_INSTANT)
		return add_instants(scope, table);
	return add_facts(scope, table, attr);
}

/*
 * Terms
 */

static void place(DatalogScope *scope, DatalogTable *table, const char *name,
				  const DatomAttr *attr, const DatalogTerm *v);

static const char *
hidden_name(DatalogScope *scope)
{
	return psprintf("entity %d", ++scope->context->numbers[0]);
}

/* The entity that [attribute value] is about. */
static const char *
lookup_name(DatalogScope *scope, DatalogTable *table, const DatalogTerm *term)
{
	const Edn  *form = term->form;
	const char *name = hidden_name(scope);
	const DatomAttr *attr;

	if (form->count != 2)
		datom_datalog_fail(ERRCODE_SYNTAX_ERROR, term->pos,
						   "a lookup ref has an attribute and a value");
	attr = datom_datalog_attribute(table, &(DatalogTerm) {
		.kind = TERM_CONSTANT, .pos = form->items[0]->pos, .form = form->items[0]
	});
	if (attr->unique == UNIQUE_NONE)
		datom_datalog_fail(ERRCODE_INVALID_PARAMETER_VALUE, term->pos,
						   "attribute \"%s\" of a lookup ref is not unique", attr->ident);
	place(scope, table, name, attr, &(DatalogTerm) {
		.kind = TERM_CONSTANT, .pos = form->items[1]->pos, .form = form->items[1]
	});
	return name;
}

static const char *
ident_name(DatalogScope *scope, DatalogTable *table, const DatalogTerm *term)
{
	const char *name = hidden_name(scope);
	const char *ident = datom_schema_builtin_ident(DB_IDENT);

	place(scope, table, name, datom_schema_find(table->schema, ident, strlen(ident)), term);
	return name;
}

static bool
is_keyword(const DatalogScope *scope, const DatalogTerm *var)
{
	const SqlExpr *known = datom_scope_find(scope, var->name);

	return known && known->type == DATALOG_KEYWORD;
}

/* The variable of the entity that the term is, bound if need be. */
static const char *
entity_name(DatalogScope *scope, DatalogTable *table, const DatalogTerm *term)
{
	const char *name;

	if (term->kind == TERM_VARIABLE)
		return is_keyword(scope, term) ? ident_name(scope, table, term) : term->name;
	if (term->kind == TERM_BLANK)
		return hidden_name(scope);
	switch (term->kind == TERM_CONSTANT ? term->form->kind : EDN_NIL)
	{
		case EDN_INT:
			name = psprintf("entity = " INT64_FORMAT, term->form->integer);
			if (datom_scope_find(scope, name) == NULL)
				datom_scope_bind(scope, name,
								 datom_context_value(scope->context,
													 datom_value_make_ref(term->form->integer),
													 DATALOG_REF));
			return name;
		case EDN_KEYWORD:
			return ident_name(scope, table, term);
		case EDN_VECTOR:
			return lookup_name(scope, table, term);
		default:
			datom_datalog_fail(ERRCODE_SYNTAX_ERROR, term->pos,
							   "an entity must be a variable, a number, an ident or a lookup ref");
	}
	return NULL;				/* not reached */
}

/* An ident or a lookup ref, where the value is a reference. */
static bool
is_reference(const DatomAttr *attr, const DatalogTerm *term)
{
	return attr && attr->type == DATOM_REF && term->kind == TERM_CONSTANT &&
		(term->form->kind == EDN_KEYWORD || term->form->kind == EDN_VECTOR);
}

/* A constant is of the attribute's kind, if it can be. */
static SqlExpr *
constant(DatalogScope *scope, const DatomAttr *attr, const DatalogTerm *term)
{
	DatomValue *value = datom_datalog_constant(term);
	DatomValue *fitting = attr ? datom_value_coerce(value, attr->type) : NULL;

	value = fitting ? fitting : datom_value_settle(value);
	return datom_context_value(scope->context, value, datom_datalog_kind(value));
}

/*
 * The term is what the expression is. True: a condition says so which nulls do not
 * meet.
 */
static bool
match(DatalogScope *scope, DatalogTable *table, const DatomAttr *attr, const DatalogTerm *term,
	  SqlExpr *expr)
{
	SqlExpr    *known = NULL;

	switch (term->kind)
	{
		case TERM_BLANK:
			return false;
		case TERM_VARIABLE:
			known = datom_scope_find(scope, term->name);
			datom_scope_bind(scope, term->name, expr);
			return known != NULL;
		case TERM_CONSTANT:
			if (is_reference(attr, term))
				known = datom_scope_find(scope, entity_name(scope, table, term));
			else
				known = constant(scope, attr, term);
			datom_scope_require(scope, datom_expr_equal(expr, known));
			return true;
		default:
			datom_datalog_fail(ERRCODE_SYNTAX_ERROR, term->pos,
							   "source \"%s\" must stand first in a pattern", term->name);
	}
	return false;				/* not reached */
}

/* A value, which is compared as it is stored where it is a constant. */
static void
match_value(DatalogScope *scope, DatalogTable *table, const DatomAttr *attr,
			const DatalogTerm *term, const Fact *fact)
{
	bool		as_stored = term->kind == TERM_CONSTANT && !is_reference(attr, term) && fact->raw;
	SqlExpr    *stored;

	if (!as_stored)
	{
		(void) match(scope, table, attr, term, fact->v);
		return;
	}
	stored = constant(scope, attr, term);
	if (attr)
		stored = datom_expr_as(stored, DATALOG_ANY);
	datom_scope_require(scope, datom_expr_equal(fact->raw, stored));
}

static const DatalogTerm blank = {.kind = TERM_BLANK};

/* [name attr v]: a column of the entity's scan, or a scan of its own. */
static void
place(DatalogScope *scope, DatalogTable *table, const char *name, const DatomAttr *attr,
	  const DatalogTerm *v)
{
	EntityColumn *column;
	Fact		fact;

	if (!is_column(table, attr))
	{
		fact = add_fact(scope, table, attr);
		datom_scope_bind(scope, name, fact.e);
		match_value(scope, table, attr, v, &fact);
		return;
	}
	column = scan_column(need_scan(scope, table, name), attr);
	if (!match(scope, table, attr, v, column->expr) && !column->required)
	{
		column->required = true;
		datom_scope_require(scope, not_null(column->expr));
	}
}

/* An attribute whose entity is known goes by its ident. */
static void
match_attribute(DatalogScope *scope, DatalogTable *table, const DatalogTerm *term,
				const Fact *fact)
{
	const SqlExpr *known = term->kind == TERM_VARIABLE ? datom_scope_find(scope, term->name) : NULL;
	const char *ident = datom_schema_builtin_ident(DB_IDENT);
	DatalogTerm name = {.kind = TERM_VARIABLE, .pos = term->pos};

	if (known == NULL || !datom_type_is_integer(known->type))
	{
		(void) match(scope, table, NULL, term, fact->a);
		return;
	}
	name.name = hidden_name(scope);
	datom_scope_bind(scope, name.name, fact->a);
	place(scope, table, term->name, datom_schema_find(table->schema, ident, strlen(ident)), &name);
}

static const DatalogTerm *
nth_term(const DatalogClause *clause, int i)
{
	return i < clause->nterms ? &clause->terms[i] : &blank;
}

static const DatomAttr *
attribute_of(DatalogTable *table, const DatalogTerm *term)
{
	return term->kind == TERM_CONSTANT ? datom_datalog_attribute(table, term) : NULL;
}

/* Facts are all assertions where there is no history. */
static SqlExpr *
added_of(const Fact *fact)
{
	return fact->added ? fact->added : datom_sql_bool(true);
}

void
datom_datalog_pattern(DatalogScope *scope, const DatalogClause *clause)
{
	DatalogTable *table = datom_scope_table(scope, clause->source, clause->pos);
	const DatalogTerm *a = nth_term(clause, 1);
	const DatalogTerm *v = nth_term(clause, 2);
	const DatalogTerm *tx = nth_term(clause, 3);
	const DatalogTerm *added = nth_term(clause, 4);
	const DatomAttr *attr = attribute_of(table, a);
	const char *name = entity_name(scope, table, nth_term(clause, 0));
	Fact		fact;

	if (attr && tx->kind == TERM_BLANK && added->kind == TERM_BLANK)
	{
		place(scope, table, name, attr, v);
		return;
	}
	fact = add_fact(scope, table, attr);
	datom_scope_bind(scope, name, fact.e);
	table->reads_any |= attr == NULL;
	if (attr == NULL)
		match_attribute(scope, table, a, &fact);
	match_value(scope, table, attr, v, &fact);
	(void) match(scope, table, NULL, tx, fact.tx);
	(void) match(scope, table, NULL, added, added_of(&fact));
}

/*
 * What an entity may not have
 */

/* A subquery of one value, of an entity that is bound. */
static SqlSelect *
value_of(DatalogScope *scope, DatalogTable *table, SqlExpr *e, const DatomAttr *attr)
{
	DatalogScope *inner = datom_scope_make(scope->context, scope, scope->source);
	Fact		fact;

	if (is_column(table, attr))
	{
		EntityScan *scan = make_scan(table, datom_scope_item(inner, 'e'));

		fact = (Fact) {
			.e = scan->e, .v = scan_column(scan, attr)->expr
		};
		datom_scope_require(inner, not_null(fact.v));
	}
	else
		fact = add_fact(inner, table, attr);
	datom_scope_require(inner, datom_expr_equal(fact.e, e));
	datom_sql_add_output(inner->select, fact.v, NULL);
	return inner->select;
}

static SqlExpr *
entity_of(DatalogScope *scope, DatalogTable *table, const DatalogTerm *term)
{
	if (term->kind == TERM_VARIABLE)
		return datom_scope_need(scope, term);
	return datom_scope_find(scope, entity_name(scope, table, term));
}

SqlExpr *
datom_datalog_optional(DatalogScope *scope, DatalogTable *table, const DatalogTerm *e,
					   const DatomAttr *attr)
{
	SqlExpr    *entity = entity_of(scope, table, e);
	EntityScan *scan = find_scan(scope, table, entity);
	SqlSelect  *select;

	if (!is_single(attr))
		datom_datalog_fail(ERRCODE_INVALID_PARAMETER_VALUE, e->pos,
						   "attribute \"%s\" may have many values", attr->ident);
	if (scan && is_column(table, attr))
		return scan_column(scan, attr)->expr;
	select = value_of(scope, table, entity, attr);
	select->limit = datom_sql_form(DATALOG_LONG, "1", NULL);
	return datom_sql_select((DatalogType) attr->type, "", select);
}

SqlExpr *
datom_datalog_has(DatalogScope *scope, DatalogTable *table, const DatalogTerm *e,
				  const DatomAttr *attr)
{
	SqlExpr    *entity = entity_of(scope, table, e);
	EntityScan *scan = find_scan(scope, table, entity);

	if (scan && is_column(table, attr))
		return not_null(scan_column(scan, attr)->expr);
	return datom_sql_select(DATALOG_BOOLEAN, "EXISTS ", value_of(scope, table, entity, attr));
}
