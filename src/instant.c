/*
 * instant.c: moments.
 *
 * A moment of the past may be answered when it is at or below the basis of the
 * table in the snapshot that answers. On the primary the basis follows the
 * clock: we ask for a tick and look again with a new snapshot, for a time. In
 * REPEATABLE READ and above, in a parallel plan, on a standby and while the
 * table is importing no newer snapshot may be taken or would help, and the
 * question is refused at once.
 *
 * A moment above the clock, the newest entry and the newest tick, all three,
 * is in the future. The clock alone would not do: it may have stepped back
 * behind a moment that was answered.
 */
#include "instant.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "settings.h"
#include "ticker.h"
#include "basis.h"
#include "ledger.h"
#include "txlog.h"
#include "value.h"

/* How often to look whether the moment is final, and to ask again, in ms. */
#define LOOK_MS 1
#define ASK_MS 100

/*
 * Reads what datom.as_of and the text forms of functions accept: the number of
 * a transaction, or an instant with its zone.
 */
DatomMoment
datom_moment_read(const char *text)
{
	DatomMoment moment = {.kind = MOMENT_TX};
	size_t		len = strlen(text);

	if (len > 0 && len < 19 && strspn(text, "0123456789") == len)
	{
		moment.tx = pg_strtoint64(text);
		return moment;
	}
	moment.kind = MOMENT_INSTANT;
	if (!datom_instant_parse(text, len, &moment.instant))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_DATETIME_FORMAT),
				 errmsg("\"%s\" is not a moment", datom_edn_clip(text, len)),
				 errhint("Give an instant with its time zone, such as \"2014-11-15T13:37:42Z\", or the number of a transaction.")));
	return moment;
}

/* The moment that datom.as_of sets for the session. */
DatomMoment
datom_moment_in_force(void)
{
	if (!datom_as_of_in_force())
		return (DatomMoment) {
			.kind = MOMENT_NOW
		};
	return datom_moment_read(datom_as_of);
}

static TimestampTz
instant_of_tx(Oid db, int64 tx)
{
	DatomEntry	entry;

	if (!datom_basis_find(tx, db, &entry) &&
		!datom_basis_find(tx, InvalidOid, &entry))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("transaction " INT64_FORMAT " is not known", tx),
				 RecoveryInProgress() ?
				 errhint("It may not have arrived on this standby yet: CALL datom.sync().") : 0));
	return entry.instant;
}

static const char *
show(TimestampTz instant)
{
	char	   *text = palloc(DATOM_TIME_LEN);

	datom_instant_format(instant, text);
	return text;
}

static void
refuse_as_future(TimestampTz at)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("the moment %s is in the future", show(at)),
			 errdetail("Facts may still be said before it.")));
}

TimestampTz
datom_moment_instant(Oid db, DatomMoment moment)
{
	switch (moment.kind)
	{
		case MOMENT_TX:
			return instant_of_tx(db, moment.tx);
		case MOMENT_INSTANT:
			if (TIMESTAMP_IS_NOEND(moment.instant))
				refuse_as_future(moment.instant);
			return moment.instant;
		default:
			return DT_NOEND;
	}
}

TimestampTz
datom_moment_now(void)
{
	DatomMoment moment = datom_moment_in_force();

	return moment.kind == MOMENT_NOW ?
		GetCurrentTransactionStartTimestamp() :
		datom_moment_instant(InvalidOid, moment);
}

static void
refuse_future(Oid db, TimestampTz at)
{
	TimestampTz newest = Max(datom_ledger_newest(db), datom_ledger_newest_tick());

	if (at > Max(datom_txlog_clock(), newest))
		refuse_as_future(at);
}

/* The question cannot be answered, and here is why. */
static void
refuse_unsettled(Oid db, TimestampTz at, TimestampTz basis, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("datom table \"%s\" is not final as of %s",
					get_rel_name(db), show(at)),
			 basis == DT_NOBEGIN ?
			 errdetail("Nothing is final yet.") :
			 errdetail("It is final up to %s.", show(basis)),
			 errhint("%s", hint)));
}

static void
refuse_where_waiting_is_vain(Oid db, TimestampTz at, TimestampTz basis)
{
	if (RecoveryInProgress())
		refuse_unsettled(db, at, basis,
						 "This standby may learn of it soon: CALL datom.sync().");
	refuse_future(db, at);
	if (datom_txlog_importing(db, NULL))
		refuse_unsettled(db, at, basis,
						 "The table is importing: only what is imported is final, until datom.live().");
	if (IsolationUsesXactSnapshot())
		refuse_unsettled(db, at, basis,
						 "Ask in a new transaction: the snapshot of this one is older.");
	if (IsInParallelMode())
		refuse_unsettled(db, at, basis,
						 "Ask again, or with max_parallel_workers_per_gather = 0.");
}

static DatomSettled
wait_until_settled(Oid db, TimestampTz at)
{
	TimestampTz started = GetCurrentTimestamp();

	for (long rounds = 0;; rounds++)
	{
		Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
		TimestampTz basis = datom_basis_of(db, snapshot);

		if (at <= basis)
			return (DatomSettled) {
				.at = at, .snapshot = snapshot
			};
		UnregisterSnapshot(snapshot);
		if (TimestampDifferenceExceeds(started, GetCurrentTimestamp(), datom_wait))
			refuse_unsettled(db, at, basis,
							 "Ask again, or raise datom.wait.");
		if (rounds % (ASK_MS / LOOK_MS) == 0 &&
			at > Max(datom_ledger_newest(db), datom_ledger_newest_tick()) &&
			!datom_ticker_ask())
			refuse_unsettled(db, at, basis,
							 "Nobody says when it will be: add \"datom\" to shared_preload_libraries, and see that max_worker_processes leaves room for it.");
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 LOOK_MS, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
}

/*
 * A snapshot that knows all that is or ever will be in the table at or below
 * `at`; the statement's own if it does. Waits for it, or raises an error that
 * says why it cannot be had. The caller has checked rights on the table.
 */
DatomSettled
datom_settle_instant(Oid db, TimestampTz at)
{
	Snapshot	snapshot = GetActiveSnapshot();
	TimestampTz basis;

	if (at == DT_NOEND)
		return (DatomSettled) {
			.at = DT_NOEND, .snapshot = RegisterSnapshot(snapshot)
		};
	/* Ticks need not be asked where an entry lies above already. */
	basis = datom_basis_entry(db, snapshot);
	if (at > basis)
		basis = datom_basis_of(db, snapshot);
	if (at <= basis)
		return (DatomSettled) {
			.at = at, .snapshot = RegisterSnapshot(snapshot)
		};
	refuse_where_waiting_is_vain(db, at, basis);
	return wait_until_settled(db, at);
}

DatomSettled
datom_settle(Oid db, DatomMoment moment)
{
	return datom_settle_instant(db, datom_moment_instant(db, moment));
}

void
datom_settled_end(DatomSettled *settled)
{
	UnregisterSnapshot(settled->snapshot);
}
