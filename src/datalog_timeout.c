/*
 * datalog_timeout.c: the time that a query gives itself.
 *
 * When it has passed, the query is cancelled as a user would, and the error that
 * this raises is changed into one that tells why. There is one timer; it is set for
 * the earliest of the limits in force.
 */
#include "datalog_timeout.h"

#include <signal.h>

#include "miscadmin.h"
#include "storage/latch.h"
#include "utils/memutils.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"

#define NO_LIMIT DT_NOEND

static TimeoutId timer = USER_TIMEOUT;
static bool registered = false;
static TimestampTz limit = NO_LIMIT;	/* the earliest in force */
static volatile sig_atomic_t passed = false;

static void
cancel(void)
{
	passed = true;
	QueryCancelPending = true;
	InterruptPending = true;
	SetLatch(MyLatch);
}

static void
set_limit(TimestampTz at)
{
	if (limit != NO_LIMIT)
		disable_timeout(timer, false);
	limit = at;
	if (limit != NO_LIMIT)
		enable_timeout_at(timer, limit);
}

/* Raises the error again, as what it is: because of the limit. */
static void
raise_as_timeout(MemoryContext context, int64 milliseconds)
{
	ErrorData  *error;

	MemoryContextSwitchTo(context);
	error = CopyErrorData();
	if (error->sqlerrcode != ERRCODE_QUERY_CANCELED)
		PG_RE_THROW();
	FlushErrorState();
	ereport(ERROR,
			(errcode(ERRCODE_QUERY_CANCELED),
			 errmsg("canceling query after its :timeout of " INT64_FORMAT " ms", milliseconds)));
}

static void
work_within(int64 milliseconds, TimestampTz until, void (*work) (void *), void *arg)
{
	MemoryContext context = CurrentMemoryContext;
	TimestampTz outer = limit;

	passed = false;
	set_limit(until);
	PG_TRY();
	{
		work(arg);
		set_limit(outer);
		/* It may have passed just now. */
		CHECK_FOR_INTERRUPTS();
		passed = false;
	}
	PG_CATCH();
	{
		bool		was_this = passed;

		passed = false;
		set_limit(outer);
		if (was_this)
			raise_as_timeout(context, milliseconds);
		PG_RE_THROW();
	}
	PG_END_TRY();
}

void
datom_datalog_within(int64 milliseconds, void (*work) (void *), void *arg)
{
	TimestampTz until;

	/* More than what a timer can be set to is no limit. */
	if (milliseconds <= 0 || milliseconds > PG_INT32_MAX)
	{
		work(arg);
		return;
	}
	if (!registered)
		timer = RegisterTimeout(USER_TIMEOUT, cancel);
	registered = true;
	until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), milliseconds);
	if (until < limit)
		work_within(milliseconds, until, work, arg);
	else
		work(arg);
}
