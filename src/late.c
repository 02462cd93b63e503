/*
 * late.c: what is to be paid for paying late.
 *
 * A bill of `amount`, due on a day, paid on another, or not yet: then it is
 * measured on the day that the moment in force is in `zone`. All it takes is
 * arguments, so that nothing of the law is built in but the defaults.
 *
 *	When	The last day to pay without charges is the due date; if holidays are
 *			given and it is none of the business days, the next one that is (Lei
 *			7.089/1983); and `grace_days` more. Up to then all charges are 0.
 *			After it the days count from the due date itself (STJ, REsp 1.954.924:
 *			who misses the next business day owes from the original due date).
 *	Fine	amount * fine, once (multa; CDC, Lei 8.078/1990, art. 52, par. 1: 2 % at
 *			most).
 *	Mora	amount * mora_monthly * days / 30, simple (juros de mora; 1 % a month:
 *			CTN, Lei 5.172/1966, art. 161, par. 1). With a day count convention in
 *			place of "30": amount * mora_monthly * 12 * years.
 *	Remuneratory	amount * ((1 + remuneratory) ^ years - 1), the yearly rate of the
 *			contract, or of its last invoice. By default over business days.
 *	Cap		All charges together are at most amount * cap, rounded down (Lei
 *			14.690/2023, art. 28: 1). What comes last is cut first: remuneratory
 *			interest, then mora, then the fine.
 *
 * These three are all that may be charged (Resolucao CMN 4.882/2020, art. 2).
 * Each is rounded by itself, and the total is the sum of what is returned. An
 * amount of 0 or below owes nothing more.
 */
#include "compat.h"

#include "access/htup_details.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

#include "interest.h"
#include "instant.h"
#include "settings.h"

enum
{
	ARG_AMOUNT, ARG_DUE, ARG_PAID, ARG_FINE, ARG_MORA_MONTHLY, ARG_MORA_BASIS,
	ARG_REMUNERATORY, ARG_REMUNERATORY_BASIS, ARG_GRACE_DAYS, ARG_CAP, ARG_SCALE,
	ARG_ROUNDING, ARG_HOLIDAYS, ARG_ZONE
};

#define CHARGES 3
#define COLUMNS (CHARGES + 2)
#define MONTHS_OF_30 (-1)

/* The day in a zone at an instant, and what it was computed of. */
typedef struct Today
{
	bool		known;
	TimestampTz now;
	text	   *zone;
	DateADT		day;
} Today;

/* What a call site has read. */
typedef struct Site
{
	DatomChoice mora_basis;
	DatomChoice remuneratory_basis;
	DatomChoice rounding;
	DatomHolidays holidays;
	Today		today;
	TupleDesc	columns;
} Site;

typedef struct Bill
{
	Numeric		amount;
	DateADT		due;
	DateADT		paid;
	Numeric		fine;
	Numeric		mora_monthly;
	int			mora_basis;		/* a DatomConvention, or MONTHS_OF_30 */
	Numeric		remuneratory;
	DatomConvention remuneratory_basis;
	Numeric		cap;			/* NULL: none */
	DatomRounding rounding;
} Bill;

static Site *
site_of(FunctionCallInfo fcinfo)
{
	Site	   *site = fcinfo->flinfo->fn_extra;
	MemoryContext old;

	if (site)
		return site;
	old = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
	site = palloc0(sizeof(Site));
	if (get_call_result_type(fcinfo, NULL, &site->columns) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "late() must return a row");
	site->columns = BlessTupleDesc(site->columns);
	MemoryContextSwitchTo(old);
	return fcinfo->flinfo->fn_extra = site;
}

static bool
same_text(const text *x, const text *y)
{
	return VARSIZE_ANY_EXHDR(x) == VARSIZE_ANY_EXHDR(y) &&
		memcmp(VARDATA_ANY(x), VARDATA_ANY(y), VARSIZE_ANY_EXHDR(x)) == 0;
}

/* The moment is looked up for each row: it may be set within a statement. */
static DateADT
today_in(Today *today, text *zone, MemoryContext context)
{
	TimestampTz now = datom_moment_now();
	Datum		local;

	if (today->known && today->now == now && same_text(today->zone, zone))
		return today->day;
	local = DirectFunctionCall2(timestamptz_zone, PointerGetDatum(zone), TimestampTzGetDatum(now));
	today->day = DatumGetDateADT(DirectFunctionCall1(timestamp_date, local));
	today->now = now;
	today->zone = memcpy(MemoryContextAlloc(context, VARSIZE_ANY(zone)), zone, VARSIZE_ANY(zone));
	today->known = true;
	return today->day;
}

/* A number that must not be below 0. */
static Numeric
share_arg(FunctionCallInfo fcinfo, int argno, const char *name)
{
	Numeric		share = PG_GETARG_NUMERIC(argno);

	if (datom_decimal_sign(share) < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" must not be below 0", name)));
	return share;
}

static int
grace_arg(FunctionCallInfo fcinfo)
{
	int			days = PG_GETARG_INT32(ARG_GRACE_DAYS);

	if (days < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" must not be below 0", "grace_days")));
	return days;
}

static int
mora_basis_of(DatomChoice *last, const text *name)
{
	if (VARSIZE_ANY_EXHDR(name) == 2 && memcmp(VARDATA_ANY(name), "30", 2) == 0)
		return MONTHS_OF_30;
	return datom_convention(last, name);
}

static Bill
read_bill(FunctionCallInfo fcinfo, Site *site)
{
	Bill		bill = {
		.amount = PG_GETARG_NUMERIC(ARG_AMOUNT),
		.due = PG_GETARG_DATEADT(ARG_DUE),
		.fine = share_arg(fcinfo, ARG_FINE, "fine"),
		.mora_monthly = share_arg(fcinfo, ARG_MORA_MONTHLY, "mora_monthly"),
		.remuneratory = share_arg(fcinfo, ARG_REMUNERATORY, "remuneratory"),
		.cap = PG_ARGISNULL(ARG_CAP) ? NULL : share_arg(fcinfo, ARG_CAP, "cap")
	};

	bill.paid = PG_ARGISNULL(ARG_PAID) ?
		today_in(&site->today, PG_GETARG_TEXT_PP(ARG_ZONE), fcinfo->flinfo->fn_mcxt) :
		PG_GETARG_DATEADT(ARG_PAID);
	datom_date_finite(bill.due);
	datom_date_finite(bill.paid);
	bill.mora_basis = mora_basis_of(&site->mora_basis, PG_GETARG_TEXT_PP(ARG_MORA_BASIS));
	bill.remuneratory_basis = datom_convention(&site->remuneratory_basis,
											   PG_GETARG_TEXT_PP(ARG_REMUNERATORY_BASIS));
	bill.rounding = datom_rounding(&site->rounding, PG_ARGISNULL(ARG_SCALE),
								   PG_ARGISNULL(ARG_SCALE) ? 0 : PG_GETARG_INT32(ARG_SCALE),
								   PG_GETARG_TEXT_PP(ARG_ROUNDING));
	return bill;
}

static int
days_late(const Bill *bill, int grace, const DatomHolidays *holidays)
{
	int64		last = bill->due;

	if (bill->paid <= bill->due)
		return 0;
	if (holidays->given && ArrayGetNItems(ARR_NDIM(holidays->given), ARR_DIMS(holidays->given)) > 0)
		while (!datom_is_business_day(last, holidays))
			last++;
	return bill->paid <= last + grace ? 0 : bill->paid - bill->due;
}

static Numeric
mora_of(const Bill *bill, int days, const DatomHolidays *holidays)
{
	Numeric		a_month = datom_decimal_mul(bill->amount, bill->mora_monthly);
	DatomDuration time = {.num = days, .den = 30};

	if (bill->mora_basis != MONTHS_OF_30)
	{
		time = datom_duration(bill->mora_basis, bill->due, bill->paid, NULL, holidays);
		time.num *= 12;
	}
	return datom_decimal_quotient(datom_decimal_mul(a_month, int64_to_numeric(time.num)),
								  time.den, &bill->rounding);
}

static Numeric
remuneratory_of(const Bill *bill, const DatomHolidays *holidays)
{
	DatomLoan	loan = {
		.principal = bill->amount,
		.rate = bill->remuneratory,
		.time = datom_duration(bill->remuneratory_basis, bill->due, bill->paid, NULL, holidays),
		.compounding = INTEREST_COMPOUNDED,
		.frequency = 1,
		.rounding = bill->rounding
	};

	return datom_interest_of(&loan);
}

/* The charges in the order in which they are returned. */
static void
cut(const Bill *bill, Numeric *charges)
{
	DatomRounding down = bill->rounding;
	Numeric		left;

	if (!bill->cap)
		return;
	down.mode = ROUND_DOWN;
	left = datom_decimal_round(datom_decimal_mul(bill->amount, bill->cap), &down);
	for (int i = 0; i < CHARGES; i++)
	{
		if (datom_decimal_cmp(charges[i], left) > 0)
			charges[i] = left;
		left = datom_decimal_sub(left, charges[i]);
	}
}

static void
charge_for(const Bill *bill, int days, const DatomHolidays *holidays, Numeric *charges)
{
	Numeric		none = datom_decimal_round(int64_to_numeric(0), &bill->rounding);

	for (int i = 0; i < CHARGES; i++)
		charges[i] = none;
	if (days == 0 || datom_decimal_sign(bill->amount) <= 0)
		return;
	charges[0] = datom_decimal_round(datom_decimal_mul(bill->amount, bill->fine), &bill->rounding);
	charges[1] = mora_of(bill, days, holidays);
	if (datom_decimal_sign(bill->remuneratory) > 0)
		charges[2] = remuneratory_of(bill, holidays);
	cut(bill, charges);
}

PG_FUNCTION_INFO_V1(datom_late);

/*
 * datom.late(amount, due, paid, fine, mora_monthly, mora_basis, remuneratory,
 * remuneratory_basis, grace_days, cap, scale, rounding, holidays, zone): one row
 * of days late, three charges, and the total with the amount. Shares and rates are
 * fractions of 1. Null if an argument other than paid, cap and scale is. A scale
 * of null rounds nothing. 22023 for unknown words and what must not be below 0,
 * 22008 for infinite dates.
 */
Datum
datom_late(PG_FUNCTION_ARGS)
{
	Site	   *site;
	Bill		bill;
	int			days;
	Numeric		charges[CHARGES];
	Numeric		total;
	Datum		values[COLUMNS];
	bool		nulls[COLUMNS] = {0};

	for (int i = 0; i < PG_NARGS(); i++)
		if (PG_ARGISNULL(i) && i != ARG_PAID && i != ARG_CAP && i != ARG_SCALE)
			PG_RETURN_NULL();
	site = site_of(fcinfo);
	datom_holidays_arg(&site->holidays, fcinfo, ARG_HOLIDAYS);
	bill = read_bill(fcinfo, site);
	days = days_late(&bill, grace_arg(fcinfo), &site->holidays);
	charge_for(&bill, days, &site->holidays, charges);
	total = bill.amount;
	for (int i = 0; i < CHARGES; i++)
	{
		total = datom_decimal_add(total, charges[i]);
		values[i + 1] = NumericGetDatum(charges[i]);
	}
	values[0] = Int32GetDatum(days);
	values[COLUMNS - 1] = NumericGetDatum(total);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(site->columns, values, nulls)));
}
