/*
 * interest.c: interest.
 *
 *	simple		P r t
 *	compounded	P ((1 + r / f) ^ (f t) - 1)
 *	continuous	P (e ^ (r t) - 1)
 *
 * for the principal P, the yearly rate r, the time t in years and f periods a
 * year, as QuantLib's InterestRate has them (ql/interestrate.cpp); t is a quotient
 * of whole numbers, see day_count.c.
 *
 * Simple interest is computed without any loss and rounded once; where it is not to
 * be rounded and has no end, it has 16 digits. Compounded interest over a whole
 * number of periods is without loss, too, as long as the power has no more than
 * 100 decimals. Everything else has 18 correct digits, and where a scale is given
 * also 8 correct digits behind it: numeric_power() and numeric_exp() give as many
 * decimals as their arguments have, so these are padded. Before 1 is taken from a
 * power close to it, it needs as many digits more as that takes away.
 */
#include "interest.h"

#include <math.h>

#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#define DIGITS 18
#define DIGITS_BEHIND_SCALE 8
#define EXACT_DECIMALS 100
#define FREQUENCY_MAX 366

static const DatomWord compoundings[] = {
	{"SIMPLE", INTEREST_SIMPLE, "simple"},
	{"COMPOUNDED", INTEREST_COMPOUNDED, "compounded"},
	{"COMPOUND", INTEREST_COMPOUNDED, NULL},
	{"CONTINUOUS", INTEREST_CONTINUOUS, "continuous"},
	{0}
};

static Numeric
whole(int64 n)
{
	return int64_to_numeric(n);
}

static double
as_double(Numeric x)
{
	return DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, NumericGetDatum(x)));
}

/*
 * The decimals that a growth factor of about e ^ x must have, and x, whose error
 * grows with the factor.
 */
static int
decimals_needed(const DatomLoan *loan, double x)
{
	double		growth = fabs(expm1(x));
	double		digits = growth > 0 ? DIGITS - log10(growth) : DATOM_SCALE_MAX;

	if (!loan->rounding.exact)
		digits = Max(digits, loan->rounding.scale + DIGITS_BEHIND_SCALE +
					 datom_decimal_magnitude(loan->principal));
	return (int) Min(Max(digits, DIGITS) + Max(x * M_LOG10E, 0) + 2, DATOM_SCALE_MAX);
}

/* x * num / den with so many decimals. */
static Numeric
scaled(Numeric x, int64 num, int64 den, int decimals)
{
	return datom_decimal_div(datom_decimal_pad(datom_decimal_mul(x, whole(num)), decimals),
							 whole(den));
}

/* Interest by a factor that is not exact: no digits are shown that are not right. */
static Numeric
by_factor(const DatomLoan *loan, Numeric factor)
{
	Numeric		interest = datom_decimal_mul(loan->principal,
											 datom_decimal_sub(factor, whole(1)));
	double		magnitude = datom_decimal_magnitude(interest);
	DatomRounding digits = {.mode = ROUND_HALF_EVEN};

	if (!loan->rounding.exact || !isfinite(magnitude))
		return datom_decimal_round(interest, &loan->rounding);
	digits.scale = (int) Min(Max(DIGITS - 1 - floor(magnitude), 0), DATOM_SCALE_MAX);
	return datom_decimal_round(interest, &digits);
}

static Numeric
continuous(const DatomLoan *loan)
{
	double		x = as_double(loan->rate) * loan->time.num / loan->time.den;
	Numeric		exponent = scaled(loan->rate, loan->time.num, loan->time.den,
								  decimals_needed(loan, x));

	return by_factor(loan, DatumGetNumeric(DirectFunctionCall1(numeric_exp,
															   NumericGetDatum(exponent))));
}

static void
refuse_base(const DatomLoan *loan, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_ARGUMENT_FOR_POWER_FUNCTION),
			 errmsg("the rate %s cannot be compounded %d times a year",
					DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(loan->rate))),
					loan->frequency),
			 errdetail("%s", detail)));
}

static void
check_base(const DatomLoan *loan, Numeric base, bool whole_periods)
{
	int			sign = datom_decimal_sign(base);

	if (sign <= 0 && !whole_periods)
		refuse_base(loan, "1 + rate / frequency must be above 0 unless the time is a whole number of periods.");
	if (sign == 0 && loan->time.num < 0)
		refuse_base(loan, "1 + rate / frequency must not be 0 back in time.");
}

/* The decimals of x without zeros at its end. */
static int
min_scale(Numeric x)
{
	return DatumGetInt32(DirectFunctionCall1(numeric_min_scale, NumericGetDatum(x)));
}

/* The digits that raising 1 + step to a power costs. */
static int
guard_of(double step, double power)
{
	double		base = fabs(log10(fabs(1 + step)));

	return (int) (log10(1 + fabs(power)) + Min(base, 20)) + 2;
}

/* (1 + r / f) ^ (f t), with f t = periods / den */
static Numeric
compounded(const DatomLoan *loan)
{
	int64		periods = loan->time.num * loan->frequency;
	int64		n = periods / loan->time.den;
	bool		whole_periods = periods % loan->time.den == 0;
	double		step = as_double(loan->rate) / loan->frequency;
	double		x = log(fabs(1 + step)) * periods / loan->time.den;
	int			decimals = decimals_needed(loan, isfinite(x) && step > -1 ? x : 0);
	Numeric		part = scaled(loan->rate, 1, loan->frequency, decimals +
							  guard_of(step, (double) periods / loan->time.den));
	Numeric		base = datom_decimal_add(part, whole(1));

	check_base(loan, base, whole_periods);
	if (whole_periods && n > 0 && n * min_scale(base) <= EXACT_DECIMALS && n <= PG_INT16_MAX &&
		datom_decimal_cmp(datom_decimal_mul(part, whole(loan->frequency)), loan->rate) == 0)
	{
		base = DatumGetNumeric(DirectFunctionCall1(numeric_trim_scale, NumericGetDatum(base)));
		return datom_decimal_round(datom_decimal_mul(loan->principal,
													 datom_decimal_sub(datom_decimal_power(base, n), whole(1))),
								   &loan->rounding);
	}
	return by_factor(loan, DatumGetNumeric(DirectFunctionCall2(numeric_power, NumericGetDatum(base),
															   NumericGetDatum(scaled(whole(1), periods, loan->time.den, decimals)))));
}

static bool
is_special(Numeric x)
{
	return numeric_is_nan(x) || numeric_is_inf(x);
}

Numeric
datom_interest_of(const DatomLoan *loan)
{
	/* What numeric makes of these is not worth digits. */
	if (loan->compounding == INTEREST_SIMPLE || loan->time.num == 0 ||
		is_special(loan->principal) || is_special(loan->rate))
		return datom_decimal_quotient(datom_decimal_mul(datom_decimal_mul(loan->principal, loan->rate),
														whole(loan->time.num)),
									  loan->time.den, &loan->rounding);
	if (loan->compounding == INTEREST_CONTINUOUS)
		return continuous(loan);
	return compounded(loan);
}

typedef struct Site
{
	DatomChoice convention;
	DatomChoice compounding;
	DatomChoice rounding;
	DatomHolidays holidays;
} Site;

enum
{
	ARG_PRINCIPAL, ARG_RATE, ARG_D1, ARG_D2, ARG_CONVENTION, ARG_COMPOUNDING,
	ARG_FREQUENCY, ARG_SCALE, ARG_ROUNDING, ARG_TERMINATION, ARG_HOLIDAYS
};

static int
frequency_arg(FunctionCallInfo fcinfo)
{
	int			frequency = PG_GETARG_INT32(ARG_FREQUENCY);

	if (frequency < 1 || frequency > FREQUENCY_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the frequency %d is out of range", frequency),
				 errhint("It is the number of periods a year, from 1 to %d.", FREQUENCY_MAX)));
	return frequency;
}

PG_FUNCTION_INFO_V1(datom_interest);

/*
 * datom.interest(principal, rate, d1, d2, convention, compounding, frequency,
 * scale, rounding, termination, holidays): the interest, without the principal,
 * from d1 until d2. `rate` is a year's, 0.05 for 5 %; below 0 interest is, too.
 * A scale of null rounds nothing. Null if any other argument but the termination is.
 * 22023 for unknown words, 2201F where a base of 0 or below is to be raised to a
 * fraction.
 */
Datum
datom_interest(PG_FUNCTION_ARGS)
{
	Site	   *site = fcinfo->flinfo->fn_extra;
	DateADT		termination;
	DatomLoan	loan;

	for (int i = 0; i < PG_NARGS(); i++)
		if (PG_ARGISNULL(i) && i != ARG_SCALE && i != ARG_TERMINATION)
			PG_RETURN_NULL();
	if (!site)
		site = fcinfo->flinfo->fn_extra = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(Site));
	datom_holidays_arg(&site->holidays, fcinfo, ARG_HOLIDAYS);
	termination = PG_ARGISNULL(ARG_TERMINATION) ? 0 : PG_GETARG_DATEADT(ARG_TERMINATION);
	loan.principal = PG_GETARG_NUMERIC(ARG_PRINCIPAL);
	loan.rate = PG_GETARG_NUMERIC(ARG_RATE);
	loan.compounding = datom_choice(&site->compounding, PG_GETARG_TEXT_PP(ARG_COMPOUNDING),
									compoundings, "compounding");
	loan.frequency = frequency_arg(fcinfo);
	loan.rounding = datom_rounding(&site->rounding, PG_ARGISNULL(ARG_SCALE),
								   PG_ARGISNULL(ARG_SCALE) ? 0 : PG_GETARG_INT32(ARG_SCALE),
								   PG_GETARG_TEXT_PP(ARG_ROUNDING));
	loan.time = datom_duration(datom_convention(&site->convention, PG_GETARG_TEXT_PP(ARG_CONVENTION)),
							   PG_GETARG_DATEADT(ARG_D1), PG_GETARG_DATEADT(ARG_D2),
							   PG_ARGISNULL(ARG_TERMINATION) ? NULL : &termination, &site->holidays);
	PG_RETURN_NUMERIC(datom_interest_of(&loan));
}
