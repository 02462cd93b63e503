/*
 * entity_sums.c: count, sum, avg, min and max over batches of rows.
 *
 * Results are those of Postgres to the last digit, so each way to add is one that
 * cannot be told from Postgres's:
 *
 *	integers and decimals	are exact in any order. They are summed as 128-bit
 *		integers of one unit for a column (10^-unit), and what numeric shows of
 *		its inputs, the largest scale, is kept for each group. Values that are no
 *		such numbers are given to numeric's own transition function, and its
 *		state is added at the end. The division of avg is numeric's.
 *	doubles					are added in the order of rows, by the same operations.
 *	min and max				of equal values the last one stays, since 1.0 and 1.00
 *		may be equal; what has no numbers is compared by the transition function.
 *
 * A column's unit grows with the scales of its batches; min and max are kept in it,
 * too. Where it would grow too far, or a number does not fit, the batch goes the way
 * of values. Its min and max do so from then on.
 */
#include "entity_sums.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "common/int.h"
#include "nodes/execnodes.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datum.h"
#include "utils/float.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

/* A unit finer than this is not chosen for what comes later. */
#define FINE_UNIT 9

/* What a sum may be, so that adding a batch cannot overflow. */
#define SUM_LIMIT (((int128) 1) << 120)

typedef enum Way
{
	AS_INTEGERS,				/* bigint, date, timestamptz */
	AS_DECIMALS,				/* numeric */
	AS_DOUBLES,
	AS_VALUES
} Way;

/* A column that is asked for. */
typedef struct Source
{
	int			column;
	Oid			type;
	int32		typmod;
	Way			way;
	bool		counted_only;
	int			unit;			/* -1: not chosen yet */

	/* the batch */
	const bool *nulls;
	const Datum *values;		/* NULL: it has numbers, or is only counted */
	const int64 *numbers;		/* NULL: it has values */
	int			scale;			/* that the numbers show */
	int64		own_numbers[DATOM_BATCH];
	bool		own_nulls[DATOM_BATCH];
} Source;

typedef struct Sum
{
	DatomSum	asked;
	Source	   *source;			/* NULL: rows */
	bool		by_values;		/* min, max: no longer by numbers */
	FmgrInfo	better;
	int16		len;
	bool		byval;
} Sum;

/* What is known of a group and an aggregate. */
typedef struct State
{
	union
	{
		int128		number;		/* the sum, min or max, in the unit */
		struct
		{
			double		sum;
			double		squares;	/* of avg, whose overflow is an error, too */
		}			real;
	}			u;
	int64		n;				/* values that were not null */
	Datum		rest;			/* numeric's state of other values; the best value */
	bool		has_rest;
	int			scale;			/* that is shown */
} State;

struct DatomSums
{
	MemoryContext context;
	MemoryContext batch_context;
	int			n;
	Sum		   *list;
	int			nsources;
	Source	   *sources;
	uint32		ngroups;
	uint32		room;
	State	   *states;			/* n of each group */
	WindowAggState *caller;		/* tells transition functions where to allocate */
	FmgrInfo	accumulate;
	FmgrInfo	total;
};

/* The batch as loops want it. */
typedef struct Rows
{
	const uint16 *rows;
	int			n;
	const uint32 *groups;
	State	   *states;			/* of the aggregate in group 0 */
	int			stride;
} Rows;

/*
 * Runs the statement for each row whose value is not null; `row` is its number and
 * `state` its group's. A single group's state stays in registers.
 */
#define FOR_EACH(all, nulls, statement) \
	do { \
		if ((all)->groups == NULL) \
		{ \
			State		kept = *(all)->states; \
			State	   *state = &kept; \
			for (int i_ = 0; i_ < (all)->n; i_++) \
			{ \
				int			row = (all)->rows[i_]; \
				if (!(nulls)[row]) \
					statement; \
			} \
			*(all)->states = kept; \
		} \
		else \
			for (int i_ = 0; i_ < (all)->n; i_++) \
			{ \
				int			row = (all)->rows[i_]; \
				State	   *state = &(all)->states[(Size) (all)->groups[i_] * (all)->stride]; \
				if (!(nulls)[row]) \
					statement; \
			} \
	} while (0)

static inline bool
is_best(DatomSumKind kind)
{
	return kind == SUM_MIN || kind == SUM_MAX;
}

/*
 * Numbers as numeric
 */

/* number / 10^unit, of which `scale` digits are shown; the others are 0. */
static Numeric
numeric_of(int128 number, int unit, int scale)
{
	char		text[64];
	char	   *at = text + sizeof(text);
	uint128		rest = number < 0 ? -(uint128) number : (uint128) number;

	if (number == (int64) number && unit == scale)
		return unit == 0 ? int64_to_numeric((int64) number) :
			int64_div_fast_to_numeric((int64) number, unit);
	for (; unit > scale; unit--)
		rest /= 10;
	*--at = '\0';
	for (int digit = 0; digit <= scale || rest > 0; digit++)
	{
		if (digit == scale && scale > 0)
			*--at = '.';
		*--at = '0' + (int) (rest % 10);
		rest /= 10;
	}
	if (number < 0)
		*--at = '-';
	return DatumGetNumeric(DirectFunctionCall3(numeric_in, CStringGetDatum(at),
											   ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
}

/* A min or max as a value of its type. */
static Datum
value_of(const Source *source, int128 number, int scale)
{
	switch (source->type)
	{
		case INT8OID:
			return Int64GetDatum((int64) number);
		case DATEOID:
			return DateADTGetDatum((DateADT) number);
		case TIMESTAMPTZOID:
			return TimestampTzGetDatum((TimestampTz) number);
		default:
			return NumericGetDatum(numeric_of(number, source->unit, scale));
	}
}

/*
 * Transition functions
 */

/* numeric's state, with one more value. */
static void
accumulate(DatomSums *sums, State *state, Datum value)
{
	LOCAL_FCINFO(fcinfo, 2);

	InitFunctionCallInfoData(*fcinfo, &sums->accumulate, 2, InvalidOid,
							 (Node *) sums->caller, NULL);
	fcinfo->args[0] = (NullableDatum) {.value = state->rest, .isnull = !state->has_rest};
	fcinfo->args[1] = (NullableDatum) {.value = value};
	state->rest = FunctionCallInvoke(fcinfo);
	state->has_rest = true;
}

/* The better one of what is known and the value. */
static void
choose(const DatomSums *sums, Sum *sum, State *state, Datum value)
{
	Datum		old = state->rest;
	MemoryContext current;

	if (state->has_rest)
	{
		value = FunctionCall2Coll(&sum->better, sum->asked.collation, old, value);
		if (value == old && !sum->byval)
			return;
	}
	current = MemoryContextSwitchTo(sums->context);
	state->rest = datumCopy(value, sum->byval, sum->len);
	MemoryContextSwitchTo(current);
	if (state->has_rest && !sum->byval)
		pfree(DatumGetPointer(old));
	state->has_rest = true;
}

/*
 * Units
 */

/* What is known, in a finer unit; what does not fit goes to numeric's state. */
static void
refine_state(DatomSums *sums, Sum *sum, State *state, int from, int by)
{
	int128		number;

	if (state->n == 0)
		return;
	if (!__builtin_mul_overflow(state->u.number, (int128) datom_power_of_ten[by], &number) &&
		number < SUM_LIMIT && number > -SUM_LIMIT)
	{
		state->u.number = number;
		return;
	}
	accumulate(sums, state, NumericGetDatum(numeric_of(state->u.number, from, state->scale)));
	state->u.number = 0;
}

static void
by_values_from_now(DatomSums *sums, Sum *sum)
{
	State	   *state = sums->states + (sum - sums->list);

	sum->by_values = true;
	for (uint32 g = 0; g < sums->ngroups; g++, state += sums->n)
		if (state->n > 0)
			choose(sums, sum, state, value_of(sum->source, state->u.number, state->scale));
}

static void
refine(DatomSums *sums, Source *source, int unit)
{
	int			by = unit - source->unit;

	for (int i = 0; i < sums->n; i++)
	{
		Sum		   *sum = &sums->list[i];
		State	   *state = sums->states + i;

		if (sum->source != source || sum->asked.kind == SUM_COUNT || sum->by_values)
			continue;
		for (uint32 g = 0; g < sums->ngroups; g++, state += sums->n)
			refine_state(sums, sum, state, source->unit, by);
	}
	source->unit = unit;
}

/*
 * Columns of a batch
 */

/* Numbers of selected rows in the source's unit; false if one does not fit. */
static bool
scale_numbers(Source *source, const DatomSelection *batch, const int64 *numbers, int64 by)
{
	for (int i = 0; i < batch->n; i++)
	{
		int			row = batch->rows[i];

		if (!source->nulls[row] &&
			pg_mul_s64_overflow(numbers[row], by, &source->own_numbers[row]))
			return false;
	}
	source->numbers = source->own_numbers;
	return true;
}

static bool
take_decimals(DatomSums *sums, Source *source, const DatomSelection *batch,
			  const int64 *numbers, int scale)
{
	int			type_scale = datom_scale_of_type(source->type, source->typmod);

	if (type_scale > DATOM_INT64_DIGITS)
		return false;
	if (source->unit < 0)
		source->unit = Max(scale, type_scale);
	else if (scale > source->unit && scale > FINE_UNIT)
		return false;
	else if (scale > source->unit)
		refine(sums, source, scale);
	source->scale = type_scale >= 0 ? type_scale : scale;
	source->numbers = numbers;
	return scale == source->unit ||
		scale_numbers(source, batch, numbers, datom_power_of_ten[source->unit - scale]);
}

static void
take_integers(Source *source, const DatomSelection *batch)
{
	const Datum *values;

	datom_selected_values(batch, source->column, &values, &source->nulls);
	for (int i = 0; i < batch->n; i++)
	{
		int			row = batch->rows[i];

		if (!source->nulls[row])
			source->own_numbers[row] = source->type == DATEOID ?
				DatumGetDateADT(values[row]) : DatumGetInt64(values[row]);
	}
	source->numbers = source->own_numbers;
}

static bool
take_numbers(DatomSums *sums, Source *source, const DatomSelection *batch)
{
	const int64 *numbers;
	int			scale;

	if (!datom_selected_numbers(batch, source->column, &numbers, &source->nulls, &scale))
		return false;
	if (source->way == AS_DECIMALS)
		return take_decimals(sums, source, batch, numbers, scale);
	source->numbers = numbers;
	return true;
}

/* Numbers if it can be, else values. */
static void
take_source(DatomSums *sums, Source *source, const DatomSelection *batch)
{
	source->values = NULL;
	source->numbers = NULL;
	source->scale = 0;
	if (source->counted_only)
	{
		source->nulls = datom_selected_nulls(batch, source->column, source->own_nulls);
		return;
	}
	if (source->way <= AS_DECIMALS && take_numbers(sums, source, batch))
		return;
	source->numbers = NULL;
	if (source->way == AS_INTEGERS)
		take_integers(source, batch);
	else
		datom_selected_values(batch, source->column, &source->values, &source->nulls);
}

/*
 * Rows of a batch
 */

static void
add_count(const Rows *all, const bool *nulls)
{
	FOR_EACH(all, nulls, state->n++);
}

static inline void
add_number(State *state, int64 number, int scale)
{
	state->u.number += number;
	state->n++;
	state->scale = Max(state->scale, scale);
}

static void
add_numbers(const Rows *all, const Source *source)
{
	const int64 *numbers = source->numbers;
	int			scale = source->scale;

	FOR_EACH(all, source->nulls, add_number(state, numbers[row], scale));
}

/* The last one of those that are equal. */
static inline void
take_least(State *state, int64 number, int scale)
{
	if (state->n++ == 0 || number <= state->u.number)
	{
		state->u.number = number;
		state->scale = scale;
	}
}

static inline void
take_greatest(State *state, int64 number, int scale)
{
	if (state->n++ == 0 || number >= state->u.number)
	{
		state->u.number = number;
		state->scale = scale;
	}
}

static void
best_numbers(const Rows *all, const Source *source, DatomSumKind kind)
{
	const int64 *numbers = source->numbers;
	int			scale = source->scale;

	if (kind == SUM_MIN)
		FOR_EACH(all, source->nulls, take_least(state, numbers[row], scale));
	else
		FOR_EACH(all, source->nulls, take_greatest(state, numbers[row], scale));
}

static inline void
accumulate_value(DatomSums *sums, State *state, Datum value)
{
	accumulate(sums, state, value);
	state->n++;
}

static inline void
choose_value(DatomSums *sums, Sum *sum, State *state, Datum value)
{
	choose(sums, sum, state, value);
	state->n++;
}

/* sum(float8) */
static inline void
add_double(State *state, double number)
{
	state->u.real.sum = state->n++ == 0 ? number : float8_pl(state->u.real.sum, number);
}

/*
 * avg(float8), whose transition function keeps sums by Youngs and Cramer. Only the
 * first is used, but an overflow of the other is an error all the same.
 */
static inline void
average_double(State *state, double number)
{
	double		n = ++state->n;
	double		sum = state->u.real.sum + number;
	double		deviation;

	if (n > 1)
	{
		deviation = number * n - sum;
		state->u.real.squares += deviation * deviation / (n * (n - 1));
		if (isinf(sum) || isinf(state->u.real.squares))
		{
			if (!isinf(state->u.real.sum) && !isinf(number))
				float_overflow_error();
			state->u.real.squares = get_float8_nan();
		}
	}
	else if (isnan(number) || isinf(number))
		state->u.real.squares = get_float8_nan();
	state->u.real.sum = sum;
}

static void
add_doubles(const Rows *all, const Source *source, DatomSumKind kind)
{
	const Datum *values = source->values;

	if (kind == SUM_SUM)
		FOR_EACH(all, source->nulls, add_double(state, DatumGetFloat8(values[row])));
	else
		FOR_EACH(all, source->nulls, average_double(state, DatumGetFloat8(values[row])));
}

static void
add_values(DatomSums *sums, Sum *sum, const Rows *all)
{
	const Source *source = sum->source;
	const Datum *values = source->values;

	if (is_best(sum->asked.kind))
		FOR_EACH(all, source->nulls, choose_value(sums, sum, state, values[row]));
	else if (source->way == AS_DOUBLES)
		add_doubles(all, source, sum->asked.kind);
	else
		FOR_EACH(all, source->nulls, accumulate_value(sums, state, values[row]));
}

/* min and max of decimals whose batch has values, or had them once. */
static bool
goes_by_values(DatomSums *sums, Sum *sum, const DatomSelection *batch)
{
	Source	   *source = sum->source;

	if (!is_best(sum->asked.kind))
		return source->values != NULL;
	if (source->way == AS_DECIMALS && !sum->by_values && source->values != NULL)
		by_values_from_now(sums, sum);
	if (sum->by_values && source->values == NULL)
		datom_selected_values(batch, source->column, &source->values, &source->nulls);
	return source->values != NULL;
}

static void
add_rows(DatomSums *sums, Sum *sum, const DatomSelection *batch, const Rows *all)
{
	static const bool no_nulls[DATOM_BATCH];

	if (sum->asked.kind == SUM_ROWS && all->groups == NULL)
		all->states->n += all->n;
	else if (sum->asked.kind == SUM_ROWS)
		add_count(all, no_nulls);
	else if (sum->asked.kind == SUM_COUNT)
		add_count(all, sum->source->nulls);
	else if (goes_by_values(sums, sum, batch))
		add_values(sums, sum, all);
	else if (is_best(sum->asked.kind))
		best_numbers(all, sum->source, sum->asked.kind);
	else
		add_numbers(all, sum->source);
}

/* States of groups that are new. */
static void
make_room(DatomSums *sums, uint32 ngroups)
{
	Size		size = sizeof(State) * sums->n;

	if (ngroups > sums->room)
	{
		sums->room = Max(ngroups, sums->room * 2);
		sums->states = sums->states == NULL ?
			MemoryContextAllocHuge(sums->context, size * sums->room) :
			repalloc_huge(sums->states, size * sums->room);
	}
	memset((char *) sums->states + size * sums->ngroups, 0, size * (ngroups - sums->ngroups));
	sums->ngroups = ngroups;
}

void
datom_sums_add(DatomSums *sums, const DatomSelection *batch, const uint32 *groups, uint32 ngroups)
{
	MemoryContext old = MemoryContextSwitchTo(sums->batch_context);

	if (ngroups > sums->ngroups)
		make_room(sums, ngroups);
	for (int i = 0; i < sums->nsources; i++)
		take_source(sums, &sums->sources[i], batch);
	for (int i = 0; i < sums->n; i++)
	{
		Rows		all = {
			.rows = batch->rows, .n = batch->n, .groups = groups,
			.states = sums->states + i, .stride = sums->n
		};

		add_rows(sums, &sums->list[i], batch, &all);
	}
	MemoryContextSwitchTo(old);
	MemoryContextReset(sums->batch_context);
}

/*
 * Beginning and end
 */

static Way
way_of(Oid type)
{
	switch (type)
	{
		case INT8OID:
		case DATEOID:
		case TIMESTAMPTZOID:
			return AS_INTEGERS;
		case NUMERICOID:
			return AS_DECIMALS;
		case FLOAT8OID:
			return AS_DOUBLES;
		default:
			return AS_VALUES;
	}
}

bool
datom_sums_type(Oid type)
{
	return type == INT8OID || type == NUMERICOID || type == FLOAT8OID;
}

static Source *
source_of(DatomSums *sums, const DatomSum *asked)
{
	Source	   *source;

	for (int i = 0; i < sums->nsources; i++)
		if (sums->sources[i].column == asked->column)
			return &sums->sources[i];
	source = &sums->sources[sums->nsources++];
	source->column = asked->column;
	source->type = asked->type;
	source->typmod = asked->typmod;
	source->way = way_of(asked->type);
	source->unit = source->way == AS_INTEGERS ? 0 : -1;
	source->counted_only = true;
	return source;
}

static void
init_sum(DatomSums *sums, Sum *sum, const DatomSum *asked)
{
	sum->asked = *asked;
	if (asked->kind == SUM_ROWS)
		return;
	sum->source = source_of(sums, asked);
	if (asked->kind != SUM_COUNT)
		sum->source->counted_only = false;
	if (is_best(asked->kind))
		fmgr_info(asked->better, &sum->better);
	get_typlenbyval(asked->type, &sum->len, &sum->byval);
}

DatomSums *
datom_sums_create(const DatomSum *list, int n)
{
	DatomSums  *sums = palloc0(sizeof(DatomSums));

	sums->context = CurrentMemoryContext;
	sums->batch_context = AllocSetContextCreate(CurrentMemoryContext, "datom batch",
												ALLOCSET_DEFAULT_SIZES);
	sums->caller = makeNode(WindowAggState);
	sums->caller->curaggcontext = sums->context;
	fmgr_info(F_NUMERIC_AVG_ACCUM, &sums->accumulate);
	fmgr_info(F_NUMERIC_SUM, &sums->total);
	sums->n = n;
	sums->list = palloc0(sizeof(Sum) * n);
	sums->sources = palloc0(sizeof(Source) * n);
	for (int i = 0; i < n; i++)
		init_sum(sums, &sums->list[i], &list[i]);
	return sums;
}

/* The sum of integers or decimals, which are not none. */
static Datum
total(DatomSums *sums, const Sum *sum, const State *state)
{
	LOCAL_FCINFO(fcinfo, 1);
	Datum		number = NumericGetDatum(numeric_of(state->u.number,
													Max(sum->source->unit, 0), state->scale));

	if (!state->has_rest)
		return number;
	InitFunctionCallInfoData(*fcinfo, &sums->total, 1, InvalidOid,
							 (Node *) sums->caller, NULL);
	fcinfo->args[0] = (NullableDatum) {.value = state->rest};
	return DirectFunctionCall2(numeric_add, number, FunctionCallInvoke(fcinfo));
}

static Datum
average(DatomSums *sums, const Sum *sum, const State *state)
{
	if (sum->source->way == AS_DOUBLES)
		return Float8GetDatum(state->u.real.sum / (double) state->n);
	return DirectFunctionCall2(numeric_div, total(sums, sum, state),
							   NumericGetDatum(int64_to_numeric(state->n)));
}

static Datum
best(const Sum *sum, const State *state)
{
	if (state->has_rest)
		return datumCopy(state->rest, sum->byval, sum->len);
	return value_of(sum->source, state->u.number, state->scale);
}

Datum
datom_sums_result(DatomSums *sums, uint32 group, int i, bool *isnull)
{
	const Sum  *sum = &sums->list[i];
	static const State nothing;
	const State *state = group < sums->ngroups ?
	&sums->states[(Size) group * sums->n + i] : &nothing;

	*isnull = state->n == 0 && sum->asked.kind > SUM_COUNT;
	if (*isnull)
		return 0;
	switch (sum->asked.kind)
	{
		case SUM_ROWS:
		case SUM_COUNT:
			return Int64GetDatum(state->n);
		case SUM_SUM:
			return sum->source->way == AS_DOUBLES ?
				Float8GetDatum(state->u.real.sum) : total(sums, sum, state);
		case SUM_AVG:
			return average(sums, sum, state);
		default:
			return best(sum, state);
	}
}

Size
datom_sums_size(int n)
{
	return sizeof(State) * n;
}
