/*
 * bounds.c: from conditions of a query to bounds of a scan.
 *
 * e, a and v compared with something that is the same for all rows: e and v by
 * any operator of their order, also = ANY (array), a by equality only. A bound
 * is looser than its condition where that is simpler: strict comparisons are
 * taken as inclusive, and of an array only the least and the greatest element
 * count for e and v. The executor checks the condition itself on each row.
 *
 * Their operators are strict, so a bound whose operand is null is met by no row.
 *
 * A comparison of v cast to another type, (v)::bigint = x, is a bound on v where
 * the rows are those of one attribute, whose values are all of the kind that the
 * type shows. Which attribute that is the plan may know only when it runs.
 */
#include "bounds.h"

#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "attrs.h"
#include "datom.h"
#include "expression.h"
#include "sql_value.h"

/*
 * Recognising
 */

static bool
is_column(Node *node, int varno)
{
	Var		   *var = (Var *) node;

	return IsA(node, Var) && var->varno == varno && var->varlevelsup == 0 &&
		var->varattno >= Anum_datom_e && var->varattno <= Anum_datom_v;
}

/* A cast of datom.value to a type that shows values of a kind. */
static bool
is_cast(FuncExpr *call)
{
	const char *symbol;

	if (!IsA(call, FuncExpr) || list_length(call->args) != 1 ||
		!datom_sql_is_type(call->funcresulttype))
		return false;
	symbol = datom_function_symbol(call->funcid);
	return symbol && strncmp(symbol, "datom_value_to_", strlen("datom_value_to_")) == 0;
}

/* The column; `cast` is set if it is v, cast to that. NULL: it is none. */
static Var *
column_of(Node *node, int varno, Oid *cast)
{
	FuncExpr   *call = (FuncExpr *) node;
	Var		   *column;

	*cast = InvalidOid;
	if (is_column(node, varno))
		return (Var *) node;
	if (!IsA(node, FuncExpr) || list_length(call->args) != 1 ||
		!is_column(linitial(call->args), varno))
		return NULL;
	column = linitial(call->args);
	if (column->varattno != Anum_datom_v || !is_cast(call))
		return NULL;
	*cast = call->funcresulttype;
	return column;
}

bool
datom_bound_is_on(Node *node, int varno, AttrNumber column)
{
	Oid			cast;
	Var		   *var = column_of(node, varno, &cast);

	return var && var->varattno == column;
}

/* Texts have a collation, which datom.value has not, and are compared for equality only. */
static bool
is_cast_comparable(const DatomBound *bound, Oid collation)
{
	if (bound->cast == TEXTOID &&
		(bound->strategy != BTEqualStrategyNumber ||
		 (OidIsValid(collation) && !get_collation_isdeterministic(collation))))
		return false;
	return bound->type == bound->cast || (bound->cast == INT8OID && datom_is_integer(bound->type));
}

static bool
is_comparable(const DatomBound *bound, Oid column_type, Oid collation)
{
	if (bound->strategy == InvalidStrategy)
		return false;
	if (bound->column == Anum_datom_a || bound->any)
		if (bound->strategy != BTEqualStrategyNumber)
			return false;
	if (OidIsValid(bound->cast))
		return is_cast_comparable(bound, collation);
	if (bound->column == Anum_datom_e)
		return datom_is_integer(bound->type);
	return bound->type == column_type;
}

static bool
match_operator(OpExpr *clause, int varno, DatomBound *bound)
{
	Var		   *column;
	Oid			cast;

	if (list_length(clause->args) != 2)
		return false;
	column = column_of(linitial(clause->args), varno, &cast);
	if (column == NULL)
	{
		column = column_of(lsecond(clause->args), varno, &cast);
		if (column == NULL || !OidIsValid(get_commutator(clause->opno)))
			return false;
		clause = copyObject(clause);
		CommuteOpExpr(clause);
	}
	if (!datom_is_operand(lsecond(clause->args), varno))
		return false;
	*bound = (DatomBound) {
		.column = column->varattno, .cast = cast, .clause = (Expr *) clause,
			.strategy = datom_operator_strategy(clause->opno, exprType(linitial(clause->args))),
			.operand = lsecond(clause->args), .type = exprType(lsecond(clause->args))
	};
	return is_comparable(bound, column->vartype, clause->inputcollid);
}

static bool
match_array(ScalarArrayOpExpr *clause, int varno, DatomBound *bound)
{
	Oid			cast;
	Var		   *column = column_of(linitial(clause->args), varno, &cast);

	if (!clause->useOr || column == NULL || !datom_is_operand(lsecond(clause->args), varno))
		return false;
	*bound = (DatomBound) {
		.column = column->varattno, .cast = cast, .any = true, .clause = (Expr *) clause,
			.strategy = datom_operator_strategy(clause->opno, exprType(linitial(clause->args))),
			.operand = lsecond(clause->args),
			.type = get_element_type(exprType(lsecond(clause->args)))
	};
	return is_comparable(bound, column->vartype, clause->inputcollid);
}

bool
datom_bound_match(Expr *clause, int varno, DatomBound *bound)
{
	if (IsA(clause, OpExpr))
		return match_operator((OpExpr *) clause, varno, bound);
	if (IsA(clause, ScalarArrayOpExpr))
		return match_array((ScalarArrayOpExpr *) clause, varno, bound);
	return false;
}

bool
datom_bound_match_cast(Expr *clause, int varno, Oid cast, DatomBound *bound)
{
	return datom_bound_match(clause, varno, bound) &&
		(!OidIsValid(bound->cast) || bound->cast == cast);
}

/*
 * Values
 */

static bool
is_lower(const DatomBound *bound)
{
	return bound->strategy >= BTEqualStrategyNumber;
}

static bool
is_upper(const DatomBound *bound)
{
	return bound->strategy <= BTEqualStrategyNumber;
}

static bool
narrow_e(const DatomBound *bound, const Datum *values, int n, DatomScanQuery *query)
{
	int64		least = PG_INT64_MAX;
	int64		greatest = PG_INT64_MIN;

	for (int i = 0; i < n; i++)
	{
		least = Min(least, datom_integer_of(bound->type, values[i]));
		greatest = Max(greatest, datom_integer_of(bound->type, values[i]));
	}
	if (is_lower(bound))
		query->e_min = Max(query->e_min, least);
	if (is_upper(bound))
		query->e_max = Min(query->e_max, greatest);
	return query->e_min <= query->e_max;
}

static bool
is_among(const char *ident, const char **idents, int n)
{
	for (int i = 0; i < n; i++)
		if (strcmp(ident, idents[i]) == 0)
			return true;
	return false;
}

/* Those that were wanted and are among the values, each once. */
static bool
narrow_a(const Datum *values, int n, DatomScanQuery *query)
{
	const char **idents = palloc(sizeof(char *) * n);
	int			count = 0;

	for (int i = 0; i < n; i++)
	{
		const char *ident = TextDatumGetCString(values[i]);

		if ((query->nattrs == 0 || is_among(ident, query->attrs, query->nattrs)) &&
			!is_among(ident, idents, count))
			idents[count++] = ident;
	}
	query->attrs = idents;
	query->nattrs = count;
	return count > 0;
}

static bool
narrow_v(const DatomBound *bound, const Datum *values, int n, DatomScanQuery *query)
{
	DatomValue *least = NULL;
	DatomValue *greatest = NULL;

	for (int i = 0; i < n; i++)
	{
		DatomValue *v = (DatomValue *) PG_DETOAST_DATUM_COPY(values[i]);

		if (least == NULL || datom_value_cmp(v, least) < 0)
			least = v;
		if (greatest == NULL || datom_value_cmp(v, greatest) > 0)
			greatest = v;
	}
	if (is_lower(bound) &&
		(query->v_min == NULL || datom_value_cmp(least, query->v_min) > 0))
		query->v_min = least;
	if (is_upper(bound) &&
		(query->v_max == NULL || datom_value_cmp(greatest, query->v_max) < 0))
		query->v_max = greatest;
	return query->v_min == NULL || query->v_max == NULL ||
		datom_value_cmp(query->v_min, query->v_max) <= 0;
}

/* Bounds of v cast to a type, as those of values of the attribute. */
static bool
narrow_cast(const DatomBound *bound, const DatomAttr *attr, Datum *values, int n,
			DatomScanQuery *query)
{
	if (attr == NULL || datom_sql_type(attr->type) != bound->cast)
		return true;
	for (int i = 0; i < n; i++)
	{
		Datum		value = datom_is_integer(bound->type) ?
		Int64GetDatum(datom_integer_of(bound->type, values[i])) : values[i];
		DatomValue *v = datom_sql_operand(value, bound->cast, attr);

		if (v == NULL)
			return true;
		values[i] = PointerGetDatum(v);
	}
	return narrow_v(bound, values, n, query);
}

/* The one attribute that the query asks for; NULL: not one. */
static const DatomAttr *
only_attr(Relation rel, const DatomScanQuery *query)
{
	return query->nattrs != 1 ? NULL :
		datom_schema_find(datom_attrs(rel), query->attrs[0], strlen(query->attrs[0]));
}

static bool
narrow(Relation rel, const DatomBound *bound, Datum value, bool isnull, DatomScanQuery *query)
{
	Datum	   *values;
	int			n = datom_operand_values(bound->type, bound->any, value, isnull, &values);

	if (n == 0)
		return false;
	if (OidIsValid(bound->cast))
		return narrow_cast(bound, only_attr(rel, query), values, n, query);
	switch (bound->column)
	{
		case Anum_datom_e:
			return narrow_e(bound, values, n, query);
		case Anum_datom_a:
			return narrow_a(values, n, query);
		default:
			return narrow_v(bound, values, n, query);
	}
}

/* Those of v cast to a type come last, when it is known of which attribute. */
bool
datom_bounds_apply(Relation rel, DatomBound *bounds, int n, ExprContext *econtext,
				   DatomScanQuery *query)
{
	for (int casts = 0; casts <= 1; casts++)
		for (int i = 0; i < n; i++)
		{
			bool		isnull;
			Datum		value;

			if (OidIsValid(bounds[i].cast) != casts)
				continue;
			value = ExecEvalExpr(bounds[i].state, econtext, &isnull);
			if (!narrow(rel, &bounds[i], value, isnull, query))
				return false;
		}
	return true;
}

/*
 * Planning
 */

/* How many attributes to expect where the plan does not know them. */
#define UNKNOWN_ATTRS 10

static void
shape_a(const DatomBound *bound, DatomScanShape *shape)
{
	Const	   *operand = (Const *) bound->operand;
	DatomScanQuery query = {.nattrs = 0};

	if (!IsA(operand, Const))
	{
		if (shape->nattrs == 0)
			shape->nattrs = bound->any ? UNKNOWN_ATTRS : 1;
		return;
	}
	narrow(NULL, bound, operand->constvalue, operand->constisnull, &query);
	if (query.nattrs == 0 || (shape->attrs && shape->nattrs <= query.nattrs))
		return;
	shape->nattrs = query.nattrs;
	shape->attrs = query.attrs;
}

Oid
datom_bounds_cast(Relation rel, List *clauses, int varno)
{
	DatomScanQuery query = {.nattrs = 0};
	const DatomAttr *attr;
	DatomBound	bound;
	ListCell   *lc;

	foreach(lc, clauses)
	{
		Const	   *operand;

		if (!datom_bound_match(lfirst(lc), varno, &bound) || bound.column != Anum_datom_a)
			continue;
		operand = (Const *) bound.operand;
		if (IsA(operand, Const))
			narrow(rel, &bound, operand->constvalue, operand->constisnull, &query);
	}
	attr = only_attr(rel, &query);
	return attr ? datom_sql_type(attr->type) : InvalidOid;
}

/* The value that is asked for, if a clause says it by itself. */
static void
shape_v(Relation rel, List *clauses, int varno, Oid cast, DatomScanShape *shape)
{
	DatomScanQuery query = {.nattrs = shape->nattrs, .attrs = shape->attrs};
	DatomBound	bound;
	ListCell   *lc;

	foreach(lc, clauses)
	{
		Const	   *operand;

		if (!datom_bound_match_cast(lfirst(lc), varno, cast, &bound) ||
			bound.column != Anum_datom_v || bound.any ||
			bound.strategy != BTEqualStrategyNumber)
			continue;
		operand = (Const *) bound.operand;
		if (IsA(operand, Const))
			narrow(rel, &bound, operand->constvalue, operand->constisnull, &query);
	}
	shape->v = query.v_min;
}

void
datom_bounds_shape(Relation rel, List *clauses, int varno, Oid cast, DatomScanShape *shape)
{
	ListCell   *lc;
	DatomBound	bound;

	*shape = (DatomScanShape) {0};
	foreach(lc, clauses)
	{
		bool		equal;

		if (!datom_bound_match_cast(lfirst(lc), varno, cast, &bound))
			continue;
		equal = bound.strategy == BTEqualStrategyNumber && !bound.any;
		if (bound.column == Anum_datom_a)
			shape_a(&bound, shape);
		else if (bound.column == Anum_datom_e)
			*(equal ? &shape->e_equal : &shape->e_range) = true;
		else
			*(equal ? &shape->v_equal : &shape->v_range) = true;
	}
	if (shape->v_equal && shape->attrs)
		shape_v(rel, clauses, varno, cast, shape);
}
