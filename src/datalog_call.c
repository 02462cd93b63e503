/*
 * datalog_call.c: predicates and functions, as expressions over the server's own.
 *
 * Numbers go by what they are: longs stay longs, with a bigdec they become bigdecs
 * and with a double doubles; a quotient of longs is a bigdec. Text is compared by
 * its bytes. A name with a schema, written schema.name or schema/name, is a
 * function in SQL: it must be immutable, and the caller may execute it.
 */
#include "datalog_call.h"

#include "catalog/namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "parser/parse_coerce.h"
#include "parser/parse_func.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "datalog_pattern.h"
#include "datalog_value.h"

/* Of arguments, as many as may be. */
#define ANY_NUMBER 200

typedef struct Call
{
	DatalogScope *scope;
	const DatalogClause *clause;
	const char *name;
	int			n;
	SqlExpr   **args;			/* of constants and variables; NULL: a source */
} Call;

typedef SqlExpr *(*MakeFn) (Call *call);

static void
refuse_argument(const Call *call, int i, const char *what)
{
	datom_datalog_fail(ERRCODE_DATATYPE_MISMATCH, call->clause->terms[i].pos,
					   "function \"%s\" needs %s, but argument %d is of type %s", call->name, what,
					   i + 1, datom_type_name(call->args[i]->type));
}

/*
 * Numbers
 */

/* The type in which these are computed; a division makes longs bigdecs. */
static DatalogType
number_type(Call *call, bool divides)
{
	DatalogType type = divides ? DATALOG_BIGDEC : DATALOG_LONG;

	for (int i = 0; i < call->n; i++)
	{
		DatalogType own = call->args[i]->type;

		if (own == DATALOG_DOUBLE)
			type = DATALOG_DOUBLE;
		else if ((own == DATALOG_BIGDEC || own == DATALOG_ANY || own == DATALOG_LITERAL) &&
				 type != DATALOG_DOUBLE)
			type = DATALOG_BIGDEC;
		else if (!datom_type_is_number(own))
			refuse_argument(call, i, "numbers");
	}
	return type;
}

static SqlExpr *
number(SqlExpr *expr, DatalogType type)
{
	datom_expr_settle(expr, type);
	return datom_expr_as(expr, type);
}

/* a op b op c ... */
static SqlExpr *
chain(Call *call, const char *form, DatalogType type)
{
	SqlExpr    *sum = number(call->args[0], type);

	for (int i = 1; i < call->n; i++)
		sum = datom_sql_operator(type, form, sum, number(call->args[i], type), NULL);
	return sum;
}

static SqlExpr *
make_plus(Call *call)
{
	return chain(call, "? + ?", number_type(call, false));
}

static SqlExpr *
make_minus(Call *call)
{
	DatalogType type = number_type(call, false);

	if (call->n == 1)
		return datom_sql_operator(type, "- ?", number(call->args[0], type), NULL);
	return chain(call, "? - ?", type);
}

static SqlExpr *
make_times(Call *call)
{
	return chain(call, "? * ?", number_type(call, false));
}

static SqlExpr *
make_divided(Call *call)
{
	DatalogType type = number_type(call, true);

	if (call->n == 1)
		return datom_sql_operator(type, "1 / ?", number(call->args[0], type), NULL);
	return chain(call, "? / ?", type);
}

/* Truncated, as Clojure has it. */
static SqlExpr *
make_quot(Call *call)
{
	DatalogType type = number_type(call, false);
	SqlExpr    *quotient = chain(call, "? / ?", type);

	if (type == DATALOG_LONG)
		return quotient;
	return datom_sql_call(type, "pg_catalog.trunc", list_make1(quotient));
}

/* Doubles have no remainder in SQL: theirs is that of their decimals. */
static SqlExpr *
remainder_of(Call *call, const char *form)
{
	DatalogType type = number_type(call, false);
	DatalogType within = type == DATALOG_DOUBLE ? DATALOG_BIGDEC : type;
	SqlExpr    *a = datom_expr_as(number(call->args[0], type), within);
	SqlExpr    *b = datom_expr_as(number(call->args[1], type), within);
	SqlExpr    *result = datom_sql_operator(within, form, a, b, b, b, NULL);

	return datom_expr_as(result, type);
}

static SqlExpr *
make_rem(Call *call)
{
	return remainder_of(call, "pg_catalog.mod(?, ?)");
}

/* Its sign is that of the divisor. */
static SqlExpr *
make_mod(Call *call)
{
	return remainder_of(call, "pg_catalog.mod(pg_catalog.mod(?, ?) + ?, ?)");
}

static SqlExpr *
make_inc(Call *call)
{
	DatalogType type = number_type(call, false);

	return datom_sql_operator(type, "? + 1", number(call->args[0], type), NULL);
}

static SqlExpr *
make_dec(Call *call)
{
	DatalogType type = number_type(call, false);

	return datom_sql_operator(type, "? - 1", number(call->args[0], type), NULL);
}

static SqlExpr *
make_abs(Call *call)
{
	DatalogType type = number_type(call, false);

	return datom_sql_call(type, "pg_catalog.abs", list_make1(number(call->args[0], type)));
}

/*
 * Comparisons
 */

static SqlExpr *
all_of(List *each)
{
	return list_length(each) == 1 ? linitial(each) : datom_sql_list(DATALOG_BOOLEAN, " AND ", each);
}

static SqlExpr *
make_ordered(Call *call)
{
	List	   *each = NIL;

	for (int i = 0; i + 1 < call->n; i++)
		each = lappend(each, datom_expr_compare(call->name, call->args[i], call->args[i + 1]));
	return all_of(each);
}

static SqlExpr *
make_equal(Call *call)
{
	List	   *each = NIL;

	for (int i = 0; i + 1 < call->n; i++)
		each = lappend(each, datom_expr_equal(call->args[i], call->args[i + 1]));
	return all_of(each);
}

static SqlExpr *
make_unequal(Call *call)
{
	return datom_sql_form(DATALOG_BOOLEAN, "NOT (?)", make_equal(call), NULL);
}

/*
 * Text
 */

static SqlExpr *
text_of(SqlExpr *expr)
{
	datom_expr_settle(expr, DATALOG_STRING);
	if (expr->type == DATALOG_STRING)
		return expr;
	return datom_sql_cast(datom_expr_as(expr, DATALOG_ANY), DATALOG_STRING);
}

static SqlExpr *
make_str(Call *call)
{
	List	   *texts = NIL;

	for (int i = 0; i < call->n; i++)
		texts = lappend(texts, text_of(call->args[i]));
	return texts == NIL ? datom_context_text(call->scope->context, "") :
		datom_sql_list(DATALOG_STRING, " || ", texts);
}

static SqlExpr *
string_argument(Call *call, int i)
{
	datom_expr_settle(call->args[i], DATALOG_STRING);
	if (call->args[i]->type == DATALOG_ANY)
		return datom_sql_cast(call->args[i], DATALOG_STRING);
	if (call->args[i]->type != DATALOG_STRING)
		refuse_argument(call, i, "a string");
	return call->args[i];
}

static SqlExpr *
long_argument(Call *call, int i)
{
	datom_expr_settle(call->args[i], DATALOG_LONG);
	if (!datom_type_is_integer(call->args[i]->type) && call->args[i]->type != DATALOG_ANY)
		refuse_argument(call, i, "a long");
	return datom_expr_as(call->args[i], DATALOG_LONG);
}

/* From a character on, counted from 0, or up to before another. */
static SqlExpr *
make_subs(Call *call)
{
	SqlExpr    *text = string_argument(call, 0);
	SqlExpr    *from = long_argument(call, 1);

	if (call->n == 2)
		return datom_sql_operator(DATALOG_STRING, "pg_catalog.substr(?, CAST(? + 1 AS integer))",
								  text, from, NULL);
	return datom_sql_operator(DATALOG_STRING,
							  "pg_catalog.substr(?, CAST(? + 1 AS integer), CAST(? - ? AS integer))",
							  text, from, long_argument(call, 2), from, NULL);
}

static SqlExpr *
make_count(Call *call)
{
	if (call->args[0]->type == DATALOG_TUPLE)
		return datom_context_value(call->scope->context,
								   datom_value_make_long(list_length(call->args[0]->args)), DATALOG_LONG);
	return datom_sql_cast(datom_sql_call(DATALOG_LONG, "pg_catalog.length",
										 list_make1(string_argument(call, 0))), DATALOG_LONG);
}

/*
 * What an entity has
 */

/* The table, and how many arguments its source takes: none if it is left out. */
static DatalogTable *
source_argument(Call *call, int *skip)
{
	const DatalogTerm *first = &call->clause->terms[0];

	*skip = first->kind == TERM_SOURCE ? 1 : 0;
	return datom_scope_table(call->scope, *skip ? first->name : call->clause->source,
							 call->clause->pos);
}

/* How many come after the source. */
static void
need_terms(const Call *call, int least, int most, int skip)
{
	if (call->n - skip < least || call->n - skip > most)
		datom_datalog_fail(ERRCODE_SYNTAX_ERROR, call->clause->name_pos,
						   "function \"%s\" needs %s arguments", call->name,
						   call->n - skip < least ? "more" : "fewer");
}

static SqlExpr *
make_missing(Call *call)
{
	int			skip;
	DatalogTable *table = source_argument(call, &skip);
	const DatalogTerm *terms = call->clause->terms + skip;

	need_terms(call, 2, 2, skip);
	return datom_sql_form(DATALOG_BOOLEAN, "NOT (?)",
						  datom_datalog_has(call->scope, table, &terms[0],
											datom_datalog_attribute(table, &terms[1])), NULL);
}

static SqlExpr *
make_get_else(Call *call)
{
	int			skip;
	DatalogTable *table = source_argument(call, &skip);
	const DatalogTerm *terms = call->clause->terms + skip;
	const DatomAttr *attr;
	SqlExpr    *value;
	SqlExpr    *otherwise;
	DatalogType type;

	need_terms(call, 3, 3, skip);
	attr = datom_datalog_attribute(table, &terms[1]);
	value = datom_datalog_optional(call->scope, table, &terms[0], attr);
	otherwise = call->args[skip + 2];
	if (terms[2].kind == TERM_CONSTANT)
	{
		DatomValue *fitting = datom_value_coerce(datom_datalog_constant(&terms[2]), attr->type);

		if (fitting)
			otherwise = datom_context_value(call->scope->context, fitting, (DatalogType) attr->type);
	}
	datom_expr_settle(otherwise, value->type);
	type = datom_type_common(value->type, otherwise->type);
	return datom_sql_form(type, "coalesce(?, ?)", datom_expr_as(value, type),
						  datom_expr_as(otherwise, type), NULL);
}

static SqlExpr *
make_tuple(Call *call)
{
	List	   *args = NIL;

	for (int i = 0; i < call->n; i++)
		args = lappend(args, call->args[i]);
	return datom_sql_call(DATALOG_TUPLE, "", args);
}

/* [attribute value] of the first attribute that the entity has; it must have one. */
static SqlExpr *
make_get_some(Call *call)
{
	int			skip;
	DatalogTable *table = source_argument(call, &skip);
	const DatalogTerm *terms = call->clause->terms + skip;
	int			n = call->n - skip - 1;
	SqlExpr   **values = palloc(sizeof(SqlExpr *) * (call->n + 1));
	DatalogType type = DATALOG_LITERAL;
	List	   *idents = NIL;
	List	   *all = NIL;
	SqlExpr    *value;

	need_terms(call, 2, ANY_NUMBER, skip);
	for (int i = 0; i < n; i++)
	{
		const DatomAttr *attr = datom_datalog_attribute(table, &terms[i + 1]);
		DatomValue *ident = datom_value_make_keyword(attr->ident, attr->len);

		values[i] = datom_datalog_optional(call->scope, table, &terms[0], attr);
		type = i == 0 ? values[i]->type : datom_type_common(type, values[i]->type);
		idents = lappend(idents,
						 datom_sql_operator(DATALOG_KEYWORD, "CASE WHEN ? IS NOT NULL THEN ? END", values[i],
											datom_context_value(call->scope->context, ident,
																DATALOG_KEYWORD), NULL));
	}
	for (int i = 0; i < n; i++)
		all = lappend(all, datom_expr_as(values[i], type));
	value = datom_sql_call(type, "coalesce", all);
	datom_scope_require(call->scope, datom_sql_operator(DATALOG_BOOLEAN, "? IS NOT NULL", value, NULL));
	return datom_sql_call(DATALOG_TUPLE, "",
						  list_make2(datom_sql_call(DATALOG_KEYWORD, "coalesce", idents), value));
}

static SqlExpr *
make_same(Call *call)
{
	return call->args[0];
}

static SqlExpr *
make_untuple(Call *call)
{
	if (call->args[0]->type != DATALOG_TUPLE)
		refuse_argument(call, 0, "a tuple");
	return call->args[0];
}

/*
 * By name
 */

static const struct
{
	const char *name;
	int			least;
	int			most;
	MakeFn		make;
}			functions[] = {
	{"+", 1, ANY_NUMBER, make_plus},
	{"-", 1, ANY_NUMBER, make_minus},
	{"*", 1, ANY_NUMBER, make_times},
	{"/", 1, ANY_NUMBER, make_divided},
	{"quot", 2, 2, make_quot},
	{"rem", 2, 2, make_rem},
	{"mod", 2, 2, make_mod},
	{"inc", 1, 1, make_inc},
	{"dec", 1, 1, make_dec},
	{"abs", 1, 1, make_abs},
	{"<", 2, ANY_NUMBER, make_ordered},
	{"<=", 2, ANY_NUMBER, make_ordered},
	{">", 2, ANY_NUMBER, make_ordered},
	{">=", 2, ANY_NUMBER, make_ordered},
	{"=", 2, ANY_NUMBER, make_equal},
	{"==", 2, ANY_NUMBER, make_equal},
	{"!=", 2, ANY_NUMBER, make_unequal},
	{"not=", 2, ANY_NUMBER, make_unequal},
	{"str", 0, ANY_NUMBER, make_str},
	{"subs", 2, 3, make_subs},
	{"count", 1, 1, make_count},
	{"missing?", 2, 3, make_missing},
	{"get-else", 3, 4, make_get_else},
	{"get-some", 2, ANY_NUMBER, make_get_some},
	{"tuple", 1, ANY_NUMBER, make_tuple},
	{"untuple", 1, 1, make_untuple},
	{"identity", 1, 1, make_same}
};

static const char *clip_name(const Call *call)
{
	return datom_edn_clip(call->name, strlen(call->name));
}

/* NULL: there is none of that name. */
static SqlExpr *
make_builtin(Call *call)
{
	for (int i = 0; i < (int) lengthof(functions); i++)
	{
		if (strcmp(functions[i].name, call->name) != 0)
			continue;
		if (call->n < functions[i].least || call->n > functions[i].most)
			datom_datalog_fail(ERRCODE_SYNTAX_ERROR, call->clause->name_pos,
							   "function \"%s\" cannot have %d arguments", call->name, call->n);
		return functions[i].make(call);
	}
	return NULL;
}

/*
 * Functions in SQL
 */

/* schema/name, or schema.name; NIL if it is neither. */
static List *
qualified_name(const char *name)
{
	const char *cut = strchr(name, '/');

	if (cut == NULL)
		cut = strrchr(name, '.');
	if (cut == NULL || cut == name || cut[1] == '\0')
		return NIL;
	return list_make2(makeString(pnstrdup(name, cut - name)), makeString(pstrdup(cut + 1)));
}

/* The type of what SQL has as that; DATALOG_TUPLE if there is none. */
static DatalogType
type_of_sql(Oid type)
{
	switch (type)
	{
		case BOOLOID:
			return DATALOG_BOOLEAN;
		case INT2OID:
		case INT4OID:
		case INT8OID:
			return DATALOG_LONG;
		case FLOAT4OID:
		case FLOAT8OID:
			return DATALOG_DOUBLE;
		case NUMERICOID:
			return DATALOG_BIGDEC;
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
		case NAMEOID:
			return DATALOG_STRING;
		case TIMESTAMPTZOID:
			return DATALOG_INSTANT;
		case DATEOID:
			return DATALOG_DATE;
		case UUIDOID:
			return DATALOG_UUID;
		case BYTEAOID:
			return DATALOG_BYTES;
		case JSONOID:
		case JSONBOID:
			return DATALOG_JSON;
		default:
			if (type == datom_datalog_value_type())
				return DATALOG_ANY;
			if (type == datom_datalog_attribute_type())
				return DATALOG_KEYWORD;
			return DATALOG_TUPLE;
	}
}

typedef struct SqlFunction
{
	Oid			oid;
	Oid			result;
	bool		returns_set;
	Oid		   *types;			/* of its arguments */
} SqlFunction;

static void
check_function(const Call *call, const SqlFunction *function)
{
	if (func_volatile(function->oid) != PROVOLATILE_IMMUTABLE)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_FUNCTION_DEFINITION),
				 errmsg("function \"%s\" is not immutable", clip_name(call)),
				 datom_edn_at(call->clause->name_pos, NULL),
				 errhint("What a query calls must give the same answer for ever.")));
	if (pg_proc_aclcheck(function->oid, GetUserId(), ACL_EXECUTE) != ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_FUNCTION, get_func_name(function->oid));
}

static void
refuse_function(const Call *call)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_FUNCTION),
			 errmsg("function \"%s\" is not known for these arguments", clip_name(call)),
			 datom_edn_at(call->clause->name_pos, NULL),
			 errhint("Functions in SQL are written with their schema: schema.name or schema/name.")));
}

static SqlFunction
find_function(const Call *call, List *name)
{
	SqlFunction function = {0};
	Oid		   *given = palloc(sizeof(Oid) * (call->n + 1));
	Oid			variadic;
	int			nvariadic;
	List	   *defaults = NIL;
	FuncDetailCode code;

	if (!OidIsValid(get_namespace_oid(strVal(linitial(name)), true)))
		refuse_function(call);
	for (int i = 0; i < call->n; i++)
		given[i] = call->args[i] == NULL || call->args[i]->type == DATALOG_LITERAL ? UNKNOWNOID :
			call->args[i]->sql_type;
	code = func_get_detail(name, NIL, NIL, call->n, given, false, false, false, &function.oid,
						   &function.result, &function.returns_set, &nvariadic, &variadic,
						   &function.types, &defaults);
	if (code != FUNCDETAIL_NORMAL)
		refuse_function(call);
	check_function(call, &function);
	return function;
}

/* The expression as one of a type of SQL. */
static SqlExpr *
sql_argument(Call *call, int i, Oid type)
{
	DatalogType wanted = type_of_sql(type);

	if (call->args[i] == NULL || call->args[i]->type == DATALOG_TUPLE)
		datom_datalog_fail(ERRCODE_SYNTAX_ERROR, call->clause->terms[i].pos,
						   "an argument of function \"%s\" must be a value", clip_name(call));
	datom_expr_settle(call->args[i], wanted);
	return call->args[i]->sql_type == type || IsPolymorphicType(type) ? call->args[i] :
		datom_sql_cast_to(call->args[i], type, -1);
}

/* A call of it, of the type that its result has in SQL. */
static SqlExpr *
make_sql_call(Call *call, SqlFunction *function)
{
	char	   *name = quote_qualified_identifier(get_namespace_name(get_func_namespace(function->oid)),
												  get_func_name(function->oid));
	List	   *args = NIL;
	SqlExpr    *expr;

	for (int i = 0; i < call->n; i++)
		args = lappend(args, sql_argument(call, i, function->types[i]));
	expr = datom_sql_call(type_of_sql(function->result), name, args);
	expr->sql_type = function->result;
	return expr;
}

static SqlExpr *
make_sql_scalar(Call *call, SqlFunction *function)
{
	SqlExpr    *expr = make_sql_call(call, function);

	if (function->returns_set)
		datom_datalog_fail(ERRCODE_DATATYPE_MISMATCH, call->clause->name_pos,
						   "function \"%s\" does not return one value", clip_name(call));
	if (expr->type == DATALOG_TUPLE)
		datom_datalog_fail(ERRCODE_DATATYPE_MISMATCH, call->clause->name_pos,
						   "function \"%s\" returns %s, which no value can be", clip_name(call),
						   format_type_be(function->result));
	if (expr->sql_type != datom_datalog_sql_type(expr->type) &&
		expr->type != DATALOG_KEYWORD)
		expr = datom_sql_cast(expr, expr->type);
	return expr;
}

/* Its rows, or the elements of its array: a column. */
static SqlExpr *
add_sql_rows(Call *call, SqlFunction *function)
{
	SqlExpr    *rows = make_sql_call(call, function);
	SqlItem    *item = datom_scope_item(call->scope, 'i');
	Oid			element = function->returns_set ? function->result :
	get_element_type(function->result);
	DatalogType type = OidIsValid(element) ? type_of_sql(element) : DATALOG_TUPLE;
	SqlExpr    *column;

	if (type == DATALOG_TUPLE)
		datom_datalog_fail(ERRCODE_DATATYPE_MISMATCH, call->clause->name_pos,
						   "function \"%s\" returns neither an array nor rows of values",
						   clip_name(call));
	item->call = function->returns_set ? rows :
		datom_sql_call(DATALOG_TUPLE, "unnest", list_make1(rows));
	column = datom_sql_add_column(item, type, NULL);
	column->sql_type = element;
	if (element != datom_datalog_sql_type(type) && type != DATALOG_KEYWORD)
		column = datom_sql_cast(column, type);
	return column;
}

/*
 * Clauses
 */

static Call
make_call(DatalogScope *scope, const DatalogClause *clause, bool operands)
{
	Call		call = {
		.scope = scope, .clause = clause, .name = clause->name, .n = clause->nterms,
		.args = palloc0(sizeof(SqlExpr *) * (clause->nterms + 1))
	};

	for (int i = 0; operands && i < clause->nterms; i++)
		if (clause->terms[i].kind != TERM_SOURCE)
			call.args[i] = datom_scope_operand(scope, &clause->terms[i]);
	return call;
}

static bool
takes_entities(const char *name)
{
	return strcmp(name, "get-else") == 0 || strcmp(name, "get-some") == 0 ||
		strcmp(name, "missing?") == 0;
}

/* Entities and attributes are not values: only a default and variables are. */
static void
add_values_of(Call *call)
{
	for (int i = 0; i < call->n; i++)
	{
		const DatalogTerm *term = &call->clause->terms[i];

		if (term->kind == TERM_VARIABLE ||
			(strcmp(call->name, "get-else") == 0 && i == call->n - 1))
			call->args[i] = datom_scope_operand(call->scope, term);
	}
}

static SqlExpr *
evaluate(Call *call)
{
	SqlExpr    *expr;
	List	   *name;
	SqlFunction function;

	for (int i = 0; !takes_entities(call->name) && i < call->n; i++)
		if (call->args[i] == NULL)
			datom_datalog_fail(ERRCODE_SYNTAX_ERROR, call->clause->terms[i].pos,
							   "an argument of function \"%s\" must be a value", clip_name(call));
	expr = make_builtin(call);
	if (expr)
		return expr;
	name = qualified_name(call->name);
	if (name == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("function \"%s\" is not known", clip_name(call)),
				 datom_edn_at(call->clause->name_pos, NULL),
				 errhint("Functions in SQL are written with their schema: schema.name or schema/name.")));
	function = find_function(call, name);
	return make_sql_scalar(call, &function);
}

void
datom_datalog_predicate(DatalogScope *scope, const DatalogClause *clause)
{
	Call		call = make_call(scope, clause, !takes_entities(clause->name));
	SqlExpr    *expr;

	if (takes_entities(clause->name))
		add_values_of(&call);
	expr = evaluate(&call);
	if (expr->type != DATALOG_BOOLEAN)
		datom_datalog_fail(ERRCODE_DATATYPE_MISMATCH, clause->name_pos,
						   "predicate \"%s\" is of type %s, not boolean", clip_name(&call),
						   datom_type_name(expr->type));
	datom_scope_require(scope, expr);
}

static void
bind_term(DatalogScope *scope, const DatalogTerm *term, SqlExpr *expr)
{
	if (term->kind == TERM_VARIABLE)
		datom_scope_bind(scope, term->name, expr);
}

void
datom_datalog_destructure(DatalogScope *scope, const DatalogBinding *binding, SqlExpr **columns)
{
	for (int i = 0; i < binding->nterms; i++)
		bind_term(scope, &binding->terms[i], columns[i]);
}

static void
bind_tuple(DatalogScope *scope, const DatalogClause *clause, SqlExpr *expr)
{
	ListCell   *lc;

	if (expr->type != DATALOG_TUPLE)
		datom_datalog_fail(ERRCODE_DATATYPE_MISMATCH, clause->binding.pos,
						   "function \"%s\" does not return a tuple",
						   datom_edn_clip(clause->name, strlen(clause->name)));
	foreach(lc, expr->args)
		if (foreach_current_index(lc) < clause->binding.nterms)
			bind_term(scope, &clause->binding.terms[foreach_current_index(lc)], lfirst(lc));
	if (list_length(expr->args) < clause->binding.nterms)
		datom_datalog_fail(ERRCODE_DATATYPE_MISMATCH, clause->binding.pos,
						   "the tuple has %d values, not %d", list_length(expr->args),
						   clause->binding.nterms);
}

/*
 * Ground: constants
 */

static bool
is_sequence(const Edn *form)
{
	return form->kind == EDN_VECTOR || form->kind == EDN_LIST || form->kind == EDN_SET;
}

static SqlExpr *
ground_value(DatalogScope *scope, const Edn *form)
{
	return datom_scope_operand(scope, &(DatalogTerm) {
		.kind = TERM_CONSTANT, .pos = form->pos, .form = form
	});
}

static void
need_sequence(const DatalogClause *clause, const Edn *form, int least)
{
	if (!is_sequence(form) || form->count < least)
		datom_datalog_fail(ERRCODE_SYNTAX_ERROR, form->pos,
						   "\"ground\" has no values for all of its variables");
}

/* Column k of the rows: the values of row i are those of row_item(i). */
static SqlExpr *
ground_column(DatalogScope *scope, const Edn *rows, int k, bool nested, DatalogType *type)
{
	List	   *values = NIL;
	List	   *typed = NIL;
	StringInfoData form;
	ListCell   *lc;
	SqlExpr    *array;

	initStringInfo(&form);
	for (int i = 0; i < rows->count; i++)
	{
		SqlExpr    *value = ground_value(scope, nested ? rows->items[i]->items[k] : rows->items[i]);

		*type = i == 0 ? value->type : datom_type_common(*type, value->type);
		values = lappend(values, value);
	}
	foreach(lc, values)
	{
		typed = lappend(typed, datom_expr_as(lfirst(lc), *type));
		appendStringInfoString(&form, foreach_current_index(lc) ? ", ?" : "ARRAY[?");
	}
	appendStringInfoChar(&form, ']');
	array = datom_sql_form(DATALOG_TUPLE, form.data, NULL);
	array->args = typed;
	return array;
}

static void
ground_rows(DatalogScope *scope, const DatalogClause *clause, const Edn *rows, bool nested)
{
	const DatalogBinding *binding = &clause->binding;
	List	   *arrays = NIL;
	SqlItem    *item;

	for (int i = 0; nested && i < rows->count; i++)
		need_sequence(clause, rows->items[i], binding->nterms);
	if (rows->count == 0)
	{
		/* No rows; what would be bound is still of some type. */
		datom_scope_require(scope, datom_sql_bool(false));
		for (int k = 0; k < binding->nterms; k++)
			bind_term(scope, &binding->terms[k], datom_context_text(scope->context, ""));
		return;
	}
	item = datom_scope_item(scope, 'i');
	for (int k = 0; k < binding->nterms; k++)
	{
		DatalogType type = DATALOG_LITERAL;
		SqlExpr    *array = ground_column(scope, rows, k, nested, &type);

		arrays = lappend(arrays, array);
		bind_term(scope, &binding->terms[k], datom_sql_add_column(item, type, NULL));
	}
	item->call = datom_sql_call(DATALOG_TUPLE, "unnest", arrays);
}

static void
add_ground(DatalogScope *scope, const DatalogClause *clause)
{
	const DatalogBinding *binding = &clause->binding;
	const DatalogTerm *term = &clause->terms[0];

	if (clause->nterms != 1)
		datom_datalog_fail(ERRCODE_SYNTAX_ERROR, clause->name_pos,
						   "function \"%s\" cannot have %d arguments", clause->name, clause->nterms);
	if (binding->kind == BIND_SCALAR || term->kind != TERM_CONSTANT)
		bind_term(scope, &binding->terms[0], datom_scope_operand(scope, term));
	else if (binding->kind == BIND_TUPLE)
	{
		need_sequence(clause, term->form, binding->nterms);
		for (int i = 0; i < binding->nterms; i++)
			bind_term(scope, &binding->terms[i], ground_value(scope, term->form->items[i]));
	}
	else
	{
		need_sequence(clause, term->form, 0);
		ground_rows(scope, clause, term->form, binding->kind == BIND_RELATION);
	}
}

/* Does the query itself say that this is less? */
static bool
is_below(const SqlExpr *expr, int64 least)
{
	return expr->param->what == PARAM_VALUE && datom_value_get_int(expr->param->value) < least;
}

/*
 * The remainder of an entity is its shard, which scans know how to read. No shard
 * has a number below zero, and there are one at least.
 */
static bool
add_shard(Call *call)
{
	const DatalogBinding *binding = &call->clause->binding;
	SqlExpr    *i;

	if (strcmp(call->name, "mod") != 0 || call->n != 2 || binding->kind != BIND_SCALAR ||
		binding->terms[0].kind != TERM_VARIABLE ||
		call->args[0] == NULL || call->args[1] == NULL ||
		call->args[0]->kind != SQL_COLUMN || call->args[0]->type != DATALOG_REF ||
		call->args[1]->kind != SQL_PARAM)
		return false;
	i = datom_scope_find(call->scope, binding->terms[0].name);
	if (i == NULL || i->kind != SQL_PARAM)
		return false;
	datom_expr_settle(call->args[1], DATALOG_LONG);
	datom_expr_settle(i, DATALOG_LONG);
	if (call->args[1]->type != DATALOG_LONG || i->type != DATALOG_LONG ||
		is_below(call->args[1], 1) || is_below(i, 0))
		return false;
	datom_scope_require(call->scope, datom_sql_call(DATALOG_BOOLEAN, "datom.shard",
													list_make3(call->args[0], i, call->args[1])));
	return true;
}

static void
bind_result(Call *call)
{
	const DatalogBinding *binding = &call->clause->binding;
	List	   *name = qualified_name(call->name);

	if (binding->kind == BIND_COLLECTION && name != NIL)
	{
		SqlFunction function = find_function(call, name);

		bind_term(call->scope, &binding->terms[0], add_sql_rows(call, &function));
	}
	else if (binding->kind == BIND_SCALAR)
		bind_term(call->scope, &binding->terms[0], evaluate(call));
	else if (binding->kind == BIND_BLANK)
		(void) evaluate(call);
	else
		bind_tuple(call->scope, call->clause, evaluate(call));
}

void
datom_datalog_function(DatalogScope *scope, const DatalogClause *clause)
{
	Call		call;

	if (strcmp(clause->name, "ground") == 0)
	{
		add_ground(scope, clause);
		return;
	}
	call = make_call(scope, clause, !takes_entities(clause->name));
	if (takes_entities(clause->name))
		add_values_of(&call);
	if (!add_shard(&call))
		bind_result(&call);
}
