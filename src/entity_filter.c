/*
 * entity_filter.c: which rows of a batch meet the conditions of a scan.
 *
 * Conditions are checked one after the other, each on the rows that the ones
 * before have left. Three forms are not evaluated but computed, and come first,
 * since they can neither fail nor tell anybody what they saw:
 *
 *	range	a column of numbers compared with something that is the same for all
 *			rows: its numbers lie between two others
 *	null	a column is null, or is not
 *	shard	an entity is of one shard; if it is the only one, the scan has made sure
 *
 * All others are evaluated, in their order in the plan: on each row, or where a
 * condition reads one column whose batch lists its distinct values, once for each
 * value that is met.
 */
#include "entity_filter.h"

#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "entity_clause.h"
#include "shard_clause.h"

/* The most digits that an operand of a range may have. */
#define OPERAND_DIGITS 36

/* A column's value in the slot on which conditions are evaluated. */
typedef struct FilterColumn
{
	int			column;			/* of the table's columns */
	int			slot;
	const Datum *values;
	const bool *nulls;
} FilterColumn;

typedef enum FilterForm
{
	FILTER_RANGE,
	FILTER_NULL,
	FILTER_SHARD,
	FILTER_ROWS
} FilterForm;

typedef struct FilterCondition
{
	FilterForm	form;
	DatomEntityClause clause;	/* of a range */
	int			column;			/* of a range, or null */
	bool		is_null;		/* what a column is to be */
	DatomShardClause shard_clause;
	ExprState  *state;			/* the condition itself */
	bool		once;			/* its value depends on columns alone */
	FilterColumn *columns;		/* that it reads */
	int			ncolumns;

	/* In this scan */
	bool		evaluated;		/* whatever its form */
	bool		never;			/* no row meets it */
	int128		digits;			/* the operand, digits / 10^scale */
	int			scale;
	DatomShard	shard;
} FilterCondition;

struct DatomFilter
{
	ScanState  *scan;
	const DatomEntityTable *table;
	int			n;
	FilterCondition *list;
	int			nshards;
};

/*
 * Recognising
 */

static bool
has_numbers(const DatomEntityColumn *column)
{
	switch (column->ident ? column->type : INT8OID)
	{
		case INT8OID:
		case NUMERICOID:
		case DATEOID:
		case TIMESTAMPTZOID:
			return true;
		default:
			return false;
	}
}

static bool
match_range(const DatomEntityTable *table, Expr *expr, int varno, FilterCondition *condition)
{
	const DatomEntityClause *clause = &condition->clause;

	if (!datom_entity_clause(table, expr, varno, &condition->clause) || clause->any ||
		clause->strategy == InvalidStrategy || !has_numbers(&table->columns[clause->column]))
		return false;
	condition->column = clause->column;
	return true;
}

static bool
match_null(const DatomEntityTable *table, Expr *expr, int varno, FilterCondition *condition)
{
	NullTest   *test = (NullTest *) expr;
	Var		   *var;

	if (!IsA(expr, NullTest) || test->argisrow || !IsA(test->arg, Var))
		return false;
	var = (Var *) test->arg;
	if (var->varno != varno || var->varlevelsup != 0)
		return false;
	condition->column = datom_entity_table_column(table, var->varattno);
	condition->is_null = test->nulltesttype == IS_NULL;
	return true;
}

static AttrNumber
entity_number(const DatomEntityTable *table)
{
	for (int i = 0; i < table->ncolumns; i++)
		if (table->columns[i].ident == NULL)
			return table->columns[i].number;
	return InvalidAttrNumber;
}

static bool
match_shard(const DatomEntityTable *table, Expr *expr, int varno, FilterCondition *condition)
{
	AttrNumber	e = entity_number(table);

	return e != InvalidAttrNumber &&
		datom_shard_match(expr, varno, e, &condition->shard_clause);
}

static void
list_columns(const DatomEntityTable *table, Expr *expr, int varno, FilterCondition *condition)
{
	Bitmapset  *numbers = NULL;
	int			i = -1;

	pull_varattnos((Node *) expr, varno, &numbers);
	condition->columns = palloc(sizeof(FilterColumn) * Max(bms_num_members(numbers), 1));
	while ((i = bms_next_member(numbers, i)) >= 0)
	{
		AttrNumber	number = i + FirstLowInvalidHeapAttributeNumber;

		condition->columns[condition->ncolumns++] = (FilterColumn) {
			.column = datom_entity_table_column(table, number), .slot = number - 1
		};
	}
}

static FilterCondition
make_condition(DatomFilter *filter, Expr *expr)
{
	ScanState  *scan = filter->scan;
	int			relid = ((Scan *) scan->ps.plan)->scanrelid;
	int			varno = relid > 0 ? relid : INDEX_VAR;
	FilterCondition condition = {.form = FILTER_ROWS};

	if (match_range(filter->table, expr, varno, &condition))
	{
		condition.form = FILTER_RANGE;
		condition.clause.state = ExecInitExpr(condition.clause.operand, &scan->ps);
	}
	else if (match_null(filter->table, expr, varno, &condition))
		condition.form = FILTER_NULL;
	else if (match_shard(filter->table, expr, varno, &condition))
	{
		condition.form = FILTER_SHARD;
		datom_shard_init(&condition.shard_clause, &scan->ps);
		filter->nshards++;
	}
	condition.state = ExecInitQual(list_make1(expr), &scan->ps);
	condition.once = !contain_volatile_functions((Node *) expr) &&
		!contain_subplans((Node *) expr);
	list_columns(filter->table, expr, varno, &condition);
	return condition;
}

/* Those that are computed first, else as they stand. */
DatomFilter *
datom_filter_create(ScanState *scan, const DatomEntityTable *table)
{
	DatomFilter *filter = palloc0(sizeof(DatomFilter));
	List	   *quals = scan->ps.plan->qual;
	FilterCondition *made = palloc0(sizeof(FilterCondition) * Max(list_length(quals), 1));
	ListCell   *lc;

	filter->scan = scan;
	filter->table = table;
	filter->list = palloc0(sizeof(FilterCondition) * Max(list_length(quals), 1));
	foreach(lc, quals)
		made[foreach_current_index(lc)] = make_condition(filter, lfirst(lc));
	for (int evaluated = 0; evaluated <= 1; evaluated++)
		for (int i = 0; i < list_length(quals); i++)
			if ((made[i].form == FILTER_ROWS) == evaluated)
				filter->list[filter->n++] = made[i];
	pfree(made);
	return filter;
}

/*
 * Operands
 */

/* False if it has too many digits, or none. */
static bool
read_numeric(Numeric number, int128 *digits, int *scale)
{
	char	   *text = DatumGetCString(DirectFunctionCall1(numeric_out,
														   NumericGetDatum(number)));
	bool		after = false;
	int			n = 0;

	*digits = 0;
	*scale = 0;
	if (numeric_is_nan(number) || numeric_is_inf(number))
		return false;
	for (const char *at = text; *at; at++)
		if (*at == '.')
			after = true;
		else if (*at != '-')
		{
			if (++n > OPERAND_DIGITS)
				return false;
			*digits = *digits * 10 + (*at - '0');
			*scale += after;
		}
	if (text[0] == '-')
		*digits = -*digits;
	return true;
}

static bool
read_operand(FilterCondition *condition, Datum value)
{
	switch (condition->clause.type)
	{
		case INT2OID:
			condition->digits = DatumGetInt16(value);
			break;
		case INT4OID:
			condition->digits = DatumGetInt32(value);
			break;
		case INT8OID:
			condition->digits = DatumGetInt64(value);
			break;
		case DATEOID:
			condition->digits = DatumGetDateADT(value);
			break;
		case TIMESTAMPTZOID:
			condition->digits = DatumGetTimestampTz(value);
			break;
		case NUMERICOID:
			return read_numeric(DatumGetNumeric(value), &condition->digits,
								&condition->scale);
		default:
			return false;
	}
	condition->scale = 0;
	return true;
}

static void
begin_range(FilterCondition *condition, ExprContext *econtext)
{
	bool		isnull;
	Datum		value = ExecEvalExprSwitchContext(condition->clause.state, econtext, &isnull);

	condition->never = isnull;
	if (!isnull)
		condition->evaluated = !read_operand(condition, value);
}

void
datom_filter_begin(DatomFilter *filter)
{
	ExprContext *econtext = filter->scan->ps.ps_ExprContext;

	for (int i = 0; i < filter->n; i++)
	{
		FilterCondition *condition = &filter->list[i];

		condition->never = false;
		condition->evaluated = condition->form == FILTER_ROWS;
		if (condition->form == FILTER_RANGE)
			begin_range(condition, econtext);
		else if (condition->form == FILTER_SHARD)
		{
			condition->never = !datom_shard_eval(&condition->shard_clause, econtext,
												 &condition->shard);
			/* True for all, or an error. */
			condition->evaluated = !condition->never && condition->shard.n == 0;
		}
	}
}

/*
 * Ranges
 */

/* The last number, of so many digits behind the point, at or below the operand. */
static bool
floor_of(const FilterCondition *condition, int scale, int128 *floor, bool *exact)
{
	int128		power = 1;

	for (int i = scale; i != condition->scale; i += i < condition->scale ? 1 : -1)
		power *= 10;
	*exact = true;
	if (scale >= condition->scale)
		return !__builtin_mul_overflow(condition->digits, power, floor);
	*floor = condition->digits / power;
	*exact = *floor * power == condition->digits;
	if (!*exact && condition->digits < 0)
		(*floor)--;
	return true;
}

/* The least and the greatest number that meet the condition; false: there are none. */
static bool
range_of(const FilterCondition *condition, int128 floor, bool exact, int64 *min, int64 *max)
{
	int128		low = PG_INT64_MIN;
	int128		high = PG_INT64_MAX;

	switch (condition->clause.strategy)
	{
		case BTLessStrategyNumber:
			high = exact ? floor - 1 : floor;
			break;
		case BTLessEqualStrategyNumber:
			high = floor;
			break;
		case BTEqualStrategyNumber:
			if (!exact)
				return false;
			low = high = floor;
			break;
		case BTGreaterEqualStrategyNumber:
			low = exact ? floor : floor + 1;
			break;
		case BTGreaterStrategyNumber:
			low = floor + 1;
			break;
	}
	if (low > PG_INT64_MAX || high < PG_INT64_MIN)
		return false;
	*min = (int64) Max(low, PG_INT64_MIN);
	*max = (int64) Min(high, PG_INT64_MAX);
	return *min <= *max;
}

/* False if the batch has no numbers. */
static bool
select_range(const FilterCondition *condition, DatomSelection *batch)
{
	const int64 *numbers;
	const bool *nulls;
	int			scale;
	int128		floor;
	bool		exact;
	int64		min;
	int64		max;
	int			n = 0;

	if (!datom_selected_numbers(batch, condition->column, &numbers, &nulls, &scale) ||
		!floor_of(condition, scale, &floor, &exact))
		return false;
	if (range_of(condition, floor, exact, &min, &max))
		for (int i = 0; i < batch->n; i++)
		{
			int			row = batch->rows[i];

			batch->rows[n] = row;
			n += !nulls[row] & (numbers[row] >= min) & (numbers[row] <= max);
		}
	batch->n = n;
	return true;
}

static void
select_null(const FilterCondition *condition, DatomSelection *batch)
{
	bool		room[DATOM_BATCH];
	const bool *nulls = datom_selected_nulls(batch, condition->column, room);
	int			n = 0;

	for (int i = 0; i < batch->n; i++)
		if (nulls[batch->rows[i]] == condition->is_null)
			batch->rows[n++] = batch->rows[i];
	batch->n = n;
}

static void
select_shard(const FilterCondition *condition, DatomSelection *batch)
{
	int			n = 0;

	for (int i = 0; i < batch->n; i++)
		if (datom_shard_has(&condition->shard, batch->e[batch->rows[i]]))
			batch->rows[n++] = batch->rows[i];
	batch->n = n;
}

/*
 * Evaluating
 */

static bool
is_met(DatomFilter *filter, FilterCondition *condition)
{
	ExprContext *econtext = filter->scan->ps.ps_ExprContext;
	bool		met = ExecQual(condition->state, econtext);

	ResetExprContext(econtext);
	return met;
}

/* By the distinct values of the one column that is read. */
static bool
select_listed(DatomFilter *filter, FilterCondition *condition, DatomSelection *batch)
{
	enum {UNKNOWN, MET, NOT_MET};
	const FilterColumn *column = condition->columns;
	TupleTableSlot *slot = filter->scan->ss_ScanTupleSlot;
	const uint16 *codes;
	const Datum *values;
	int			count;
	uint8	   *known;
	int			n = 0;

	if (!condition->once || condition->ncolumns != 1 ||
		!datom_selected_listed(batch, column->column, &codes, &values, &count))
		return false;
	known = palloc0(sizeof(uint8) * (count + 1));
	for (int i = 0; i < batch->n; i++)
	{
		int			row = batch->rows[i];
		int			code = codes[row];

		if (known[code] == UNKNOWN)
		{
			slot->tts_values[column->slot] = code < count ? values[code] : 0;
			slot->tts_isnull[column->slot] = code == count;
			known[code] = is_met(filter, condition) ? MET : NOT_MET;
		}
		batch->rows[n] = row;
		n += known[code] == MET;
	}
	batch->n = n;
	pfree(known);
	return true;
}

static void
select_rows(DatomFilter *filter, FilterCondition *condition, DatomSelection *batch)
{
	TupleTableSlot *slot = filter->scan->ss_ScanTupleSlot;
	int			n = 0;

	for (int c = 0; c < condition->ncolumns; c++)
		datom_selected_values(batch, condition->columns[c].column,
							  &condition->columns[c].values, &condition->columns[c].nulls);
	for (int i = 0; i < batch->n; i++)
	{
		int			row = batch->rows[i];

		for (int c = 0; c < condition->ncolumns; c++)
		{
			const FilterColumn *column = &condition->columns[c];

			slot->tts_values[column->slot] = column->values[row];
			slot->tts_isnull[column->slot] = column->nulls[row];
		}
		if (is_met(filter, condition))
			batch->rows[n++] = row;
	}
	batch->n = n;
}

static void
evaluate(DatomFilter *filter, FilterCondition *condition, DatomSelection *batch)
{
	TupleTableSlot *slot = filter->scan->ss_ScanTupleSlot;

	ExecClearTuple(slot);
	memset(slot->tts_isnull, true, sizeof(bool) * slot->tts_tupleDescriptor->natts);
	ExecStoreVirtualTuple(slot);
	filter->scan->ps.ps_ExprContext->ecxt_scantuple = slot;
	if (!select_listed(filter, condition, batch))
		select_rows(filter, condition, batch);
	ExecClearTuple(slot);
}

static void
apply(DatomFilter *filter, FilterCondition *condition, DatomSelection *batch)
{
	if (condition->never)
		batch->n = 0;
	else if (condition->evaluated)
		evaluate(filter, condition, batch);
	else if (condition->form == FILTER_RANGE)
	{
		if (!select_range(condition, batch))
			evaluate(filter, condition, batch);
	}
	else if (condition->form == FILTER_NULL)
		select_null(condition, batch);
	else if (filter->nshards > 1)
		select_shard(condition, batch);
}

void
datom_filter_select(DatomFilter *filter, DatomSelection *batch)
{
	for (int i = 0; i < filter->n && batch->n > 0; i++)
		apply(filter, &filter->list[i], batch);
}
