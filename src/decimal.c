/*
 * decimal.c: arithmetic of numeric.
 *
 * Nothing here goes through binary floating point but estimates of how many
 * digits to compute. NaN and infinities go through as they do in SQL.
 */
#include "decimal.h"

#include <math.h>

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"

static const DatomWord modes[] = {
	{"HALFUP", ROUND_HALF_UP, "half_up"},
	{"HALFEVEN", ROUND_HALF_EVEN, "half_even"},
	{"HALFDOWN", ROUND_HALF_DOWN, "half_down"},
	{"UP", ROUND_UP, "up"},
	{"DOWN", ROUND_DOWN, "down"},
	{"CEILING", ROUND_CEILING, "ceiling"},
	{"FLOOR", ROUND_FLOOR, "floor"},
	{0}
};

DatomRounding
datom_rounding(DatomChoice *last, bool exact, int scale, const text *mode)
{
	DatomRounding to = {.exact = exact, .scale = scale};

	to.mode = datom_choice(last, mode, modes, "rounding");
	if (!exact && (scale < -DATOM_SCALE_MAX || scale > DATOM_SCALE_MAX))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the scale %d is out of range", scale),
				 errhint("It is from %d to %d.", -DATOM_SCALE_MAX, DATOM_SCALE_MAX)));
	return to;
}

#define CALL1(f, x) DirectFunctionCall1(f, NumericGetDatum(x))
#define CALL2(f, x, y) DirectFunctionCall2(f, NumericGetDatum(x), NumericGetDatum(y))

Numeric
datom_decimal_add(Numeric x, Numeric y)
{
	return numeric_add_opt_error(x, y, NULL);
}

Numeric
datom_decimal_sub(Numeric x, Numeric y)
{
	return numeric_sub_opt_error(x, y, NULL);
}

Numeric
datom_decimal_mul(Numeric x, Numeric y)
{
	return numeric_mul_opt_error(x, y, NULL);
}

Numeric
datom_decimal_div(Numeric x, Numeric y)
{
	return numeric_div_opt_error(x, y, NULL);
}

int
datom_decimal_cmp(Numeric x, Numeric y)
{
	return DatumGetInt32(CALL2(numeric_cmp, x, y));
}

/* Made once: signs are asked for several times a row. */
static Numeric
zero(void)
{
	static Numeric made = NULL;

	if (!made)
	{
		MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

		made = int64_to_numeric(0);
		MemoryContextSwitchTo(old);
	}
	return made;
}

int
datom_decimal_sign(Numeric x)
{
	return datom_decimal_cmp(x, zero());
}

Numeric
datom_decimal_pad(Numeric x, int scale)
{
	return datom_decimal_add(x, int64_div_fast_to_numeric(0, scale));
}

Numeric
datom_decimal_power(Numeric x, int n)
{
	Numeric		power = NULL;

	for (;; x = datom_decimal_mul(x, x))
	{
		if (n & 1)
			power = power ? datom_decimal_mul(power, x) : x;
		if ((n >>= 1) == 0)
			return power;
	}
}

double
datom_decimal_magnitude(Numeric x)
{
	return log10(fabs(DatumGetFloat8(CALL1(numeric_float8_no_overflow, x))));
}

/* 10 to the power of n. */
static Numeric
ten_to(int n)
{
	if (n <= 0)
		return int64_div_fast_to_numeric(1, -n);
	return datom_decimal_power(int64_to_numeric(10), n);
}

/*
 * Is one to be added to the magnitude of q, the quotient cut off, if `rest`
 * remains of what was divided by y? Both have the sign of the quotient, or are 0.
 */
static bool
goes_up(Numeric q, Numeric rest, Numeric y, DatomRoundingMode mode)
{
	int			sign = datom_decimal_sign(rest);
	int			half;

	if (sign == 0 || mode == ROUND_DOWN)
		return false;
	if (mode == ROUND_UP)
		return true;
	if (mode == ROUND_CEILING || mode == ROUND_FLOOR)
		return (sign > 0) == (mode == ROUND_CEILING);
	rest = datom_decimal_add(rest, rest);
	half = sign * datom_decimal_cmp(rest, sign > 0 ? y :
									DatumGetNumeric(CALL1(numeric_uminus, y)));
	if (half != 0)
		return half > 0;
	return mode == ROUND_HALF_UP ||
		(mode == ROUND_HALF_EVEN &&
		 datom_decimal_sign(numeric_mod_opt_error(q, int64_to_numeric(2), NULL)) != 0);
}

/* x / unit, at once: (2 x + unit) / (2 unit), cut off; below 0 likewise. */
static Numeric
half_up(Numeric x, Numeric unit)
{
	Numeric		twice = datom_decimal_add(x, x);

	twice = datom_decimal_sign(x) < 0 ? datom_decimal_sub(twice, unit) :
		datom_decimal_add(twice, unit);
	return DatumGetNumeric(CALL2(numeric_div_trunc, twice, datom_decimal_add(unit, unit)));
}

static bool
is_special(Numeric x)
{
	return numeric_is_nan(x) || numeric_is_inf(x);
}

Numeric
datom_decimal_quotient(Numeric x, int64 y, const DatomRounding *to)
{
	Numeric		unit;
	Numeric		q;
	Numeric		rest;

	if (is_special(x))
		return x;
	if (to->exact)
	{
		int			scale = DatumGetInt32(CALL1(numeric_scale, x));

		return y == 1 ? x :
			datom_decimal_div(datom_decimal_pad(x, scale + 3), int64_to_numeric(y));
	}
	if (y == 1 && to->mode == ROUND_HALF_UP)
		return DatumGetNumeric(DirectFunctionCall2(numeric_round, NumericGetDatum(x),
												   Int32GetDatum(to->scale)));
	unit = to->scale >= 0 ? int64_div_fast_to_numeric(y, to->scale) :
		datom_decimal_mul(int64_to_numeric(y), ten_to(-to->scale));
	if (to->mode == ROUND_HALF_UP)
		return datom_decimal_mul(half_up(x, unit), ten_to(-to->scale));
	q = DatumGetNumeric(CALL2(numeric_div_trunc, x, unit));
	rest = datom_decimal_sub(x, datom_decimal_mul(q, unit));
	if (goes_up(q, rest, unit, to->mode))
		q = datom_decimal_add(q, int64_to_numeric(datom_decimal_sign(rest)));
	return datom_decimal_mul(q, ten_to(-to->scale));
}

Numeric
datom_decimal_round(Numeric x, const DatomRounding *to)
{
	return datom_decimal_quotient(x, 1, to);
}
