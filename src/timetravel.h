/*
 * The functions that ask about the past: as_of, since, history, log, diff,
 * basis, instant, now, sync.
 */
#ifndef DATOM_TIMETRAVEL_H
#define DATOM_TIMETRAVEL_H

#include "compat.h"
#include "fmgr.h"

#include "instant.h"

/* The moment that a timestamptz, bigint or text says. */
extern DatomMoment datom_moment_of(Oid type, Datum value, bool isnull);

/* The moment in an argument of a function that has a form for each type. */
extern DatomMoment datom_moment_arg(FunctionCallInfo fcinfo, int argno);

/* Refuses a session that asks as of another moment. */
extern void datom_moment_require(DatomMoment wanted);

#endif
