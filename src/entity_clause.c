/*
 * entity_clause.c: from conditions on an entity table to what its scan reads.
 *
 * A bound is looser than its condition where that is simpler: strict comparisons
 * are taken as inclusive, of an array only the least and the greatest element
 * count, and a column that shows fewer digits than its values have is given as
 * much room. The executor checks the condition itself on each row.
 *
 * Values sort as their columns do but for texts, which have a collation. These
 * are compared for equality only.
 */
#include "entity_clause.h"

#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/selfuncs.h"

#include "attrs.h"
#include "count.h"
#include "expression.h"
#include "facts.h"
#include "sql_value.h"

/*
 * Recognising
 */

/* The table's column that the expression is; -1: none. */
static int
column_of(const DatomEntityTable *table, Node *node, int varno)
{
	Var		   *var = (Var *) node;

	if (!IsA(node, Var) || var->varno != varno || var->varlevelsup != 0)
		return -1;
	for (int i = 0; i < table->ncolumns; i++)
		if (table->columns[i].number == var->varattno)
			return i;
	return -1;
}

static bool
is_comparable(const DatomEntityTable *table, const DatomEntityClause *clause, Oid collation)
{
	const DatomEntityColumn *column = &table->columns[clause->column];
	Oid			type = column->ident ? column->type : INT8OID;

	if (clause->strategy == InvalidStrategy || (column->ident && column->many))
		return false;
	if (clause->strategy != BTEqualStrategyNumber && (clause->any || type == TEXTOID))
		return false;
	if (type == TEXTOID && OidIsValid(collation) && !get_collation_isdeterministic(collation))
		return false;
	return clause->type == type || (type == INT8OID && datom_is_integer(clause->type));
}

static bool
match_operator(const DatomEntityTable *table, OpExpr *clause, int varno,
			   DatomEntityClause *out)
{
	int			column;

	if (list_length(clause->args) != 2)
		return false;
	column = column_of(table, linitial(clause->args), varno);
	if (column < 0)
	{
		column = column_of(table, lsecond(clause->args), varno);
		if (column < 0 || !OidIsValid(get_commutator(clause->opno)))
			return false;
		clause = copyObject(clause);
		CommuteOpExpr(clause);
	}
	if (!datom_is_operand(lsecond(clause->args), varno))
		return false;
	*out = (DatomEntityClause) {
		.column = column, .operand = lsecond(clause->args),
			.strategy = datom_operator_strategy(clause->opno, exprType(linitial(clause->args))),
			.type = exprType(lsecond(clause->args))
	};
	return is_comparable(table, out, clause->inputcollid);
}

static bool
match_array(const DatomEntityTable *table, ScalarArrayOpExpr *clause, int varno,
			DatomEntityClause *out)
{
	int			column = column_of(table, linitial(clause->args), varno);

	if (column < 0 || !clause->useOr || !datom_is_operand(lsecond(clause->args), varno))
		return false;
	*out = (DatomEntityClause) {
		.column = column, .any = true, .operand = lsecond(clause->args),
			.strategy = datom_operator_strategy(clause->opno, exprType(linitial(clause->args))),
			.type = get_element_type(exprType(lsecond(clause->args)))
	};
	return is_comparable(table, out, clause->inputcollid);
}

static bool
match_null_test(const DatomEntityTable *table, NullTest *test, int varno,
				DatomEntityClause *out)
{
	int			column = column_of(table, (Node *) test->arg, varno);

	/* What an entity is identified by may be missing where it points to one. */
	if (column < 0 || test->nulltesttype != IS_NOT_NULL || test->argisrow ||
		table->columns[column].ident == NULL)
		return false;
	*out = (DatomEntityClause) {
		.column = column, .operand = (Expr *) makeBoolConst(true, false), .type = BOOLOID
	};
	return true;
}

bool
datom_entity_clause(const DatomEntityTable *table, Expr *clause, int varno,
					DatomEntityClause *out)
{
	if (IsA(clause, OpExpr))
		return match_operator(table, (OpExpr *) clause, varno, out);
	if (IsA(clause, ScalarArrayOpExpr))
		return match_array(table, (ScalarArrayOpExpr *) clause, varno, out);
	if (IsA(clause, NullTest))
		return match_null_test(table, (NullTest *) clause, varno, out);
	return false;
}

/* Of the columns, those whose values are the facts' own. */
static const DatomAttr *
attr_of(const DatomEntityColumn *column, const DatomSchema *schema)
{
	const DatomAttr *attr = column->ident && column->identity == NULL ?
	datom_schema_find(schema, column->ident, strlen(column->ident)) : NULL;

	return attr && datom_sql_type(attr->type) == column->type ? attr : NULL;
}

static bool
is_rounded(const DatomEntityColumn *column)
{
	return column->type == NUMERICOID && column->typmod >= (int32) VARHDRSZ;
}

bool
datom_entity_clause_lists(const DatomEntityTable *table, Relation db,
						  const DatomEntityClause *clause)
{
	const DatomEntityColumn *column = &table->columns[clause->column];
	const DatomAttr *attr;

	if (clause->strategy != BTEqualStrategyNumber)
		return false;
	if (column->ident == NULL)
		return true;
	attr = attr_of(column, datom_attrs(db));
	return attr && !is_rounded(column) &&
		(attr->unique != UNIQUE_NONE || attr->indexed || attr->type == DATOM_REF ||
		 datom_scan_by_values(db, attr));
}

/*
 * Values
 */

static int
operands(const DatomEntityClause *clause, ExprContext *econtext, Datum **values)
{
	bool		isnull;
	Datum		value = ExecEvalExpr(clause->state, econtext, &isnull);

	return datom_operand_values(clause->type, clause->any, value, isnull, values);
}

/* As a value of the attribute; NULL if it cannot be one. */
static DatomValue *
value_of(const DatomEntityClause *clause, const DatomEntityColumn *column,
		 const DatomAttr *attr, Datum value)
{
	if (datom_is_integer(clause->type))
		value = Int64GetDatum(datom_integer_of(clause->type, value));
	return datom_sql_operand(value, column->type, attr);
}

static bool
is_lower(const DatomEntityClause *clause)
{
	return clause->strategy >= BTEqualStrategyNumber;
}

static bool
is_upper(const DatomEntityClause *clause)
{
	return clause->strategy <= BTEqualStrategyNumber;
}

static bool
narrow_entities(const DatomEntityClause *clause, const Datum *values, int n,
				DatomEntityQuery *query)
{
	int64		least = PG_INT64_MAX;
	int64		greatest = PG_INT64_MIN;

	for (int i = 0; i < n; i++)
	{
		least = Min(least, datom_integer_of(clause->type, values[i]));
		greatest = Max(greatest, datom_integer_of(clause->type, values[i]));
	}
	if (is_lower(clause))
		query->e_min = Max(query->e_min, least);
	if (is_upper(clause))
		query->e_max = Min(query->e_max, greatest);
	return query->e_min <= query->e_max;
}

/* A unit of the last digit that the column shows, added or taken away. */
static Datum
rounded_away(const DatomEntityColumn *column, Datum value, bool up)
{
	int			scale = (column->typmod - VARHDRSZ) & 0x7FF;
	Numeric		unit = int64_div_fast_to_numeric(1, scale);

	return DirectFunctionCall2(up ? numeric_add : numeric_sub, value, NumericGetDatum(unit));
}

/* Of several values the least or the greatest; NULL: there is no bound. */
static const DatomValue *
extreme(const DatomEntityClause *clause, const DatomEntityColumn *column,
		const DatomAttr *attr, const Datum *values, int n, bool greatest)
{
	DatomValue *best = NULL;

	for (int i = 0; i < n; i++)
	{
		Datum		value = values[i];
		DatomValue *v;

		if (is_rounded(column))
			value = rounded_away(column, value, greatest);
		v = value_of(clause, column, attr, value);
		if (v == NULL)
			return NULL;
		if (best == NULL || (datom_value_cmp(v, best) > 0) == greatest)
			best = v;
	}
	return best;
}

/* Of an array no more values are looked up to be counted. */
#define COUNTED_VALUES 100

double
datom_entity_clause_count(PlannerInfo *root, const DatomEntityTable *table, Relation db,
						  const DatomEntityClause *clause)
{
	const DatomEntityColumn *column = &table->columns[clause->column];
	const DatomAttr *attr = attr_of(column, datom_attrs(db));
	Const	   *operand = (Const *) estimate_expression_value(root, (Node *) clause->operand);
	double		n = clause->any ? estimate_array_length((Node *) operand) : 1;
	double		count = 0;
	Datum	   *values;

	if (attr == NULL || attr->unique != UNIQUE_NONE)
		return n;
	if (!IsA(operand, Const) || n > COUNTED_VALUES)
		return n * datom_count_value(db, attr, NULL);
	n = datom_operand_values(clause->type, clause->any, operand->constvalue,
							 operand->constisnull, &values);
	for (int i = 0; i < n; i++)
	{
		const DatomValue *v = value_of(clause, column, attr, values[i]);

		count += v ? datom_count_value(db, attr, v) : 0;
	}
	return count;
}

bool
datom_entity_clauses_apply(Relation rel, DatomEntityClause *clauses, int n,
						   ExprContext *econtext, DatomEntityQuery *query,
						   DatomEntityBound *bounds)
{
	const DatomSchema *schema = datom_attrs(rel);

	query->bounds = bounds;
	for (int i = 0; i < n; i++)
	{
		const DatomEntityClause *clause = &clauses[i];
		const DatomEntityColumn *column = &query->table->columns[clause->column];
		const DatomAttr *attr = attr_of(column, schema);
		DatomEntityBound *bound;
		Datum	   *values;
		int			count = operands(clause, econtext, &values);

		if (count == 0)
			return false;
		if (column->ident == NULL)
		{
			if (!narrow_entities(clause, values, count, query))
				return false;
			continue;
		}
		bound = &bounds[query->nbounds++];
		*bound = (DatomEntityBound) {.column = clause->column};
		if (attr == NULL || clause->strategy == InvalidStrategy)
			continue;
		if (is_lower(clause))
			bound->min = extreme(clause, column, attr, values, count, false);
		if (is_upper(clause))
			bound->max = extreme(clause, column, attr, values, count, true);
	}
	return true;
}

/*
 * Entities, one by one
 */

static int
by_number(const void *a, const void *b)
{
	int64		x = *(const int64 *) a;
	int64		y = *(const int64 *) b;

	return x < y ? -1 : x > y;
}

static void
add_owners(DatomReader *reader, const DatomAttr *attr, const DatomValue *v, int64 **list,
		   int *count, int *room)
{
	int64	   *found;
	int			n = datom_facts_candidates(reader, attr, v, &found);

	if (*count + n > *room)
	{
		*room = (*count + n) * 2;
		*list = repalloc_huge(*list, sizeof(int64) * *room);
	}
	memcpy(*list + *count, found, sizeof(int64) * n);
	*count += n;
	pfree(found);
}

int
datom_entity_clause_entities(DatomReader *reader, const DatomEntityTable *table,
							 DatomEntityClause *clause, ExprContext *econtext,
							 int64 **entities)
{
	const DatomEntityColumn *column = &table->columns[clause->column];
	const DatomAttr *attr = attr_of(column, reader->schema);
	Datum	   *values;
	int			n = operands(clause, econtext, &values);
	int			room = Max(n, 1);
	int			count = 0;
	int			distinct = 0;

	*entities = palloc_extended(sizeof(int64) * room, MCXT_ALLOC_HUGE);
	for (int i = 0; i < n; i++)
	{
		const DatomValue *v;

		if (column->ident == NULL)
			(*entities)[count++] = datom_integer_of(clause->type, values[i]);
		else if (attr && (v = value_of(clause, column, attr, values[i])) != NULL)
			add_owners(reader, attr, v, entities, &count, &room);
	}
	qsort(*entities, count, sizeof(int64), by_number);
	for (int i = 0; i < count; i++)
		if (distinct == 0 || (*entities)[distinct - 1] != (*entities)[i])
			(*entities)[distinct++] = (*entities)[i];
	return distinct;
}
