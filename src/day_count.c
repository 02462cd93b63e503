/*
 * day_count.c: day count conventions.
 *
 * Days are counted from the first date, which is included, to the second, which
 * is not. Exchanged dates give the same count with a minus, in every convention,
 * so that time from a to b and back is none. (QuantLib exchanges nothing for the
 * kinds of 30/360 and BUS/252, and gives other counts where a date is the end of a
 * month or no business day.)
 *
 *	ACT/360, ACT/365F	2006 ISDA Definitions 4.16(e), (d): days / 360, / 365
 *	ACT/ACT ISDA		4.16(b): days in leap years / 366 + other days / 365
 *	30/360				4.16(f), bond basis:	D1 31 is 30; then D2 31 is 30 if D1 is
 *	30E/360				4.16(g), eurobond:		31 is 30 in both
 *	30E/360 ISDA		4.16(h): also the last of February is 30, but D2 is not if it
 *						is the termination date
 *	30/360 US			as bond basis, but first the last of February is 30: in D2 if
 *						in D1 too (SIFMA, Standard Securities Calculation Methods)
 *	BUS/252				business days / 252, as rates are quoted in Brazil
 */
#include "day_count.h"

#include "catalog/pg_type.h"
#include "utils/datetime.h"
#include "utils/datum.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"

#include "decimal.h"

static const DatomWord conventions[] = {
	{"ACT/360", ACT_360, "ACT/360"},
	{"A/360", ACT_360, NULL},
	{"ACT/365F", ACT_365F, "ACT/365F"},
	{"ACT/365FIXED", ACT_365F, NULL},
	{"A/365F", ACT_365F, NULL},
	{"A/365FIXED", ACT_365F, NULL},
	{"ACT/ACTISDA", ACT_ACT_ISDA, "ACT/ACT ISDA"},
	{"ACT/ACT", ACT_ACT_ISDA, NULL},
	{"A/AISDA", ACT_ACT_ISDA, NULL},
	{"30/360", THIRTY_360, "30/360"},
	{"30/360BONDBASIS", THIRTY_360, NULL},
	{"BONDBASIS", THIRTY_360, NULL},
	{"360/360", THIRTY_360, NULL},
	{"30E/360", THIRTY_E_360, "30E/360"},
	{"30E/360EUROBOND", THIRTY_E_360, NULL},
	{"30/360EUROBOND", THIRTY_E_360, NULL},
	{"EUROBONDBASIS", THIRTY_E_360, NULL},
	{"EUROBOND", THIRTY_E_360, NULL},
	{"30E/360ISDA", THIRTY_E_360_ISDA, "30E/360 ISDA"},
	{"30/360US", THIRTY_360_US, "30/360 US"},
	{"30/360USA", THIRTY_360_US, NULL},
	{"30U/360", THIRTY_360_US, NULL},
	{"30US/360", THIRTY_360_US, NULL},
	{"BUS/252", BUS_252, "BUS/252"},
	{"BUSINESS/252", BUS_252, NULL},
	{"BD/252", BUS_252, NULL},
	{"DU/252", BUS_252, NULL},
	{0}
};

DatomConvention
datom_convention(DatomChoice *last, const text *given)
{
	return datom_choice(last, given, conventions, "day count convention");
}

void
datom_date_finite(DateADT day)
{
	if (DATE_NOT_FINITE(day))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("no days can be counted to the date \"%s\"",
						DATE_IS_NOEND(day) ? "infinity" : "-infinity")));
}

/*
 * Business days
 */

static int
floor_div(int64 x, int y)
{
	return x / y - (x % y < 0);
}

/* Since Monday, 1999-12-27, which is day -5. */
static int64
weekdays_before(DateADT day)
{
	int64		d = (int64) day + 5;
	int			weeks = floor_div(d, 7);

	return (int64) weeks * 5 + Min(d - (int64) weeks * 7, 5);
}

static bool
is_weekday(DateADT day)
{
	return weekdays_before(day + 1) > weekdays_before(day);
}

/* The number of holidays before a day. */
static int
holidays_before(const DatomHolidays *holidays, DateADT day)
{
	int			low = 0;
	int			high = holidays->n;

	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (holidays->days[middle] < day)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int
business_days(DateADT from, DateADT to, const DatomHolidays *holidays)
{
	return weekdays_before(to) - weekdays_before(from) -
		(holidays_before(holidays, to) - holidays_before(holidays, from));
}

bool
datom_is_business_day(DateADT day, const DatomHolidays *holidays)
{
	return business_days(day, day + 1, holidays) > 0;
}

static int
compare_days(const void *a, const void *b)
{
	DateADT		x = *(const DateADT *) a;
	DateADT		y = *(const DateADT *) b;

	return (x > y) - (x < y);
}

static void
read_holidays(DatomHolidays *holidays)
{
	Datum	   *elements;
	bool	   *nulls;
	int			n;

	deconstruct_array(holidays->given, DATEOID, sizeof(DateADT), true, TYPALIGN_INT,
					  &elements, &nulls, &n);
	holidays->days = palloc(sizeof(DateADT) * Max(n, 1));
	holidays->n = 0;
	for (int i = 0; i < n; i++)
	{
		DateADT		day = DatumGetDateADT(elements[i]);

		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("a holiday must not be null")));
		if (!DATE_NOT_FINITE(day) && is_weekday(day))
			holidays->days[holidays->n++] = day;
	}
	qsort(holidays->days, holidays->n, sizeof(DateADT), compare_days);
	n = 0;
	for (int i = 0; i < holidays->n; i++)
		if (n == 0 || holidays->days[n - 1] != holidays->days[i])
			holidays->days[n++] = holidays->days[i];
	holidays->n = n;
	pfree(elements);
	pfree(nulls);
}

/*
 * The address says nothing: other rows may have other arrays there. Comparing the
 * bytes of two centuries of holidays takes less than the numeric arithmetic of a
 * row.
 */
void
datom_holidays_arg(DatomHolidays *last, FunctionCallInfo fcinfo, int argno)
{
	ArrayType  *given = PG_GETARG_ARRAYTYPE_P(argno);
	MemoryContext old;

	if (last->given && VARSIZE(last->given) == VARSIZE(given) &&
		memcmp(last->given, given, VARSIZE(given)) == 0)
		return;
	old = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
	if (last->given)
	{
		pfree(last->given);
		pfree(last->days);
		last->given = NULL;
	}
	last->given = (ArrayType *) datumCopy(PointerGetDatum(given), false, -1);
	read_holidays(last);
	MemoryContextSwitchTo(old);
}

/*
 * Days of a calendar
 */

typedef struct Day
{
	int			y;
	int			m;
	int			d;
} Day;

static Day
day_of(DateADT date)
{
	Day			day;

	j2date(date + POSTGRES_EPOCH_JDATE, &day.y, &day.m, &day.d);
	return day;
}

static bool
ends_february(Day day)
{
	return day.m == 2 && day.d == (isleap(day.y) ? 29 : 28);
}

static int
thirty_360(DatomConvention convention, DateADT d1, DateADT d2, const DateADT *termination)
{
	Day			a = day_of(d1);
	Day			b = day_of(d2);
	bool		a_ends = ends_february(a);
	bool		b_ends = ends_february(b);

	if (convention == THIRTY_E_360_ISDA)
	{
		if (a_ends)
			a.d = 30;
		if (b_ends && !(termination && *termination == d2))
			b.d = 30;
	}
	if (convention == THIRTY_360_US && a_ends)
	{
		a.d = 30;
		if (b_ends)
			b.d = 30;
	}
	if (a.d == 31)
		a.d = 30;
	if (b.d == 31 && (a.d == 30 || convention == THIRTY_E_360 || convention == THIRTY_E_360_ISDA))
		b.d = 30;
	return (b.y - a.y) * 360 + (b.m - a.m) * 30 + (b.d - a.d);
}

/* Days of leap years before a date, from the year 1 on. */
static int64
leap_days_before(DateADT date)
{
	int			y = day_of(date).y;
	int			past = floor_div(y - 1, 4) - floor_div(y - 1, 100) + floor_div(y - 1, 400);

	return (int64) past * 366 +
		(isleap(y) ? date + POSTGRES_EPOCH_JDATE - date2j(y, 1, 1) : 0);
}

/* 365 * 366: the least of which a day of any year is a whole part. */
static DatomDuration
act_act(DateADT d1, DateADT d2)
{
	int64		leap = leap_days_before(d2) - leap_days_before(d1);

	return (DatomDuration) {
		.days = d2 - d1,
		.num = leap * 365 + (d2 - d1 - leap) * 366,
		.den = 365 * 366
	};
}

static DatomDuration
forwards(DatomConvention convention, DateADT d1, DateADT d2,
		 const DateADT *termination, const DatomHolidays *holidays)
{
	DatomDuration time = {.den = 360};

	switch (convention)
	{
		case ACT_ACT_ISDA:
			return act_act(d1, d2);
		case ACT_360:
			time.days = d2 - d1;
			break;
		case ACT_365F:
			time.days = d2 - d1;
			time.den = 365;
			break;
		case BUS_252:
			time.days = business_days(d1, d2, holidays);
			time.den = 252;
			break;
		default:
			time.days = thirty_360(convention, d1, d2, termination);
	}
	time.num = time.days;
	return time;
}

DatomDuration
datom_duration(DatomConvention convention, DateADT d1, DateADT d2,
			   const DateADT *termination, const DatomHolidays *holidays)
{
	DatomDuration time;

	datom_date_finite(d1);
	datom_date_finite(d2);
	if (d1 <= d2)
		return forwards(convention, d1, d2, termination, holidays);
	time = forwards(convention, d2, d1, termination, holidays);
	time.days = -time.days;
	time.num = -time.num;
	return time;
}

/*
 * Functions
 */

typedef struct Site
{
	DatomChoice convention;
	DatomHolidays holidays;
} Site;

/* False if an argument is null that must not be. */
static bool
duration_of(FunctionCallInfo fcinfo, DatomDuration *time)
{
	Site	   *site = fcinfo->flinfo->fn_extra;
	DateADT		termination;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2) || PG_ARGISNULL(4))
		return false;
	if (!site)
		site = fcinfo->flinfo->fn_extra = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(Site));
	datom_holidays_arg(&site->holidays, fcinfo, 4);
	termination = PG_ARGISNULL(3) ? 0 : PG_GETARG_DATEADT(3);
	*time = datom_duration(datom_convention(&site->convention, PG_GETARG_TEXT_PP(2)),
						   PG_GETARG_DATEADT(0), PG_GETARG_DATEADT(1),
						   PG_ARGISNULL(3) ? NULL : &termination, &site->holidays);
	return true;
}

PG_FUNCTION_INFO_V1(datom_day_count);

/*
 * datom.day_count(d1, d2, convention, termination, holidays): the days from d1,
 * included, to d2, excluded; below 0 if d2 is before d1. `termination` counts in
 * 30E/360 ISDA, `holidays` in BUS/252, which knows weekends by itself. Null if
 * another argument is. 22023 for an unknown convention, 22008 for infinity.
 */
Datum
datom_day_count(PG_FUNCTION_ARGS)
{
	DatomDuration time;

	if (!duration_of(fcinfo, &time))
		PG_RETURN_NULL();
	PG_RETURN_INT32(time.days);
}

PG_FUNCTION_INFO_V1(datom_year_fraction);

/*
 * datom.year_fraction(...): the same in years, exactly where that has an end, and
 * else to 20 decimals: casts to float8 are then as near as can be.
 */
Datum
datom_year_fraction(PG_FUNCTION_ARGS)
{
	DatomDuration time;

	if (!duration_of(fcinfo, &time))
		PG_RETURN_NULL();
	PG_RETURN_NUMERIC(datom_decimal_div(datom_decimal_pad(int64_to_numeric(time.num), 20),
										int64_to_numeric(time.den)));
}
