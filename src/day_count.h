/*
 * Time between two dates, by convention.
 */
#ifndef DATOM_DAY_COUNT_H
#define DATOM_DAY_COUNT_H

#include "compat.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/date.h"

#include "choice.h"

typedef enum DatomConvention
{
	ACT_360,
	ACT_365F,
	ACT_ACT_ISDA,
	THIRTY_360,
	THIRTY_E_360,
	THIRTY_E_360_ISDA,
	THIRTY_360_US,
	BUS_252
} DatomConvention;

/* A number of days, and num / den years. */
typedef struct DatomDuration
{
	int			days;
	int64		num;
	int64		den;
} DatomDuration;

/*
 * Holidays as an argument, read once per call site: the days that are not
 * weekends anyway, each once, in order. Zeros at first.
 */
typedef struct DatomHolidays
{
	ArrayType  *given;			/* a copy */
	int			n;
	DateADT    *days;
} DatomHolidays;

extern DatomConvention datom_convention(DatomChoice *last, const text *given);
extern void datom_holidays_arg(DatomHolidays *last, FunctionCallInfo fcinfo, int argno);

extern bool datom_is_business_day(DateADT day, const DatomHolidays *holidays);

/* 22008 for infinity. */
extern void datom_date_finite(DateADT day);

/* `termination` may be NULL. */
extern DatomDuration datom_duration(DatomConvention convention, DateADT d1, DateADT d2,
									const DateADT *termination,
									const DatomHolidays *holidays);

#endif
