/*
 * Interest on a principal over a time.
 */
#ifndef DATOM_INTEREST_H
#define DATOM_INTEREST_H

#include "compat.h"

#include "day_count.h"
#include "decimal.h"

typedef enum DatomCompounding
{
	INTEREST_SIMPLE,
	INTEREST_COMPOUNDED,
	INTEREST_CONTINUOUS
} DatomCompounding;

/* What is owed for having the principal: what comes on top of it. */
typedef struct DatomLoan
{
	Numeric		principal;
	Numeric		rate;			/* a year */
	DatomDuration time;
	DatomCompounding compounding;
	int			frequency;		/* of compounding, a year */
	DatomRounding rounding;
} DatomLoan;

extern Numeric datom_interest_of(const DatomLoan *loan);

#endif
