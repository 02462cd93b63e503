/*
 * pit_states.c: the states of one entity, and which of them a label is about.
 *
 * By the order of commits that is the one that held at the label's moment. By event
 * time it is, of the states that had begun by the moment up to which the label
 * knows, the one with the latest event time that is not after the label; of equal
 * ones that which began last. So states are sorted by event time and beginning, and
 * one looks back from the label's moment for the first that was known. `earliest`
 * tells when there is none any more: where all was recorded late, one look does.
 */
#include "pit_states.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "entity_history.h"

struct DatomPitStates
{
	const DatomEntityTable *table;
	int			event;
	const Interval *max_age;
	DatomHistory *history;
	MemoryContext each;			/* of one entity */
	DatomPitState *list;
	int			n;
	int			room;
};

/* False: a state without it, which nobody finds. */
static bool
event_of(const DatomPitStates *states, const DatomEntityState *state, TimestampTz *event)
{
	int			overflow;

	if (states->event < 0)
		return true;
	if (state->nulls[states->event])
		return false;
	if (states->table->columns[states->event].type == TIMESTAMPTZOID)
		*event = DatumGetTimestampTz(state->values[states->event]);
	else
		*event = date2timestamptz_opt_overflow(DatumGetDateADT(state->values[states->event]),
											   &overflow);
	return true;
}

/* What has no instant yet was said after every moment. */
static void
take_state(void *arg, const DatomEntityState *state)
{
	DatomPitStates *states = arg;
	int			ncolumns = states->table->ncolumns;
	TimestampTz event = DT_NOBEGIN;
	DatomPitState *added;
	MemoryContext old;

	if (!state->from_known || !event_of(states, state, &event))
		return;
	old = MemoryContextSwitchTo(states->each);
	if (states->n == states->room)
	{
		states->room = Max(8, states->room * 2);
		states->list = states->list ?
			repalloc_huge(states->list, sizeof(DatomPitState) * states->room) :
			palloc(sizeof(DatomPitState) * states->room);
	}
	added = &states->list[states->n++];
	*added = (DatomPitState) {
		.from = state->from, .to = state->to, .event = event,
			.values = palloc(sizeof(Datum) * Max(ncolumns, 1)),
			.nulls = palloc(sizeof(bool) * Max(ncolumns, 1))
	};
	memcpy(added->values, state->values, sizeof(Datum) * ncolumns);
	memcpy(added->nulls, state->nulls, sizeof(bool) * ncolumns);
	MemoryContextSwitchTo(old);
}

DatomPitStates *
datom_pit_states_make(Relation db, const DatomEntityTable *table, const bool *needed,
					  const DatomSettled *at, int event, const Interval *max_age)
{
	DatomPitStates *states = palloc0(sizeof(DatomPitStates));

	states->table = table;
	states->event = event;
	states->max_age = max_age;
	states->each = AllocSetContextCreate(CurrentMemoryContext, "datom states",
										 ALLOCSET_DEFAULT_SIZES);
	states->history = datom_history_make(db, table, needed, at, take_state, states);
	return states;
}

void
datom_pit_states_free(DatomPitStates *states)
{
	datom_history_free(states->history);
	MemoryContextDelete(states->each);
}

/*
 * One entity
 */

void
datom_pit_states_begin(DatomPitStates *states, int64 e)
{
	MemoryContextReset(states->each);
	states->list = NULL;
	states->n = states->room = 0;
	datom_history_begin(states->history, e);
}

void
datom_pit_states_take(DatomPitStates *states, const char *ident, int len,
					  const DatomFact *facts, int n)
{
	datom_history_take(states->history, ident, len, facts, n);
}

static int
by_event(const void *a, const void *b)
{
	const DatomPitState *x = a;
	const DatomPitState *y = b;

	if (x->event != y->event)
		return x->event < y->event ? -1 : 1;
	return x->from < y->from ? -1 : x->from > y->from;
}

void
datom_pit_states_end(DatomPitStates *states)
{
	datom_history_end(states->history);
	if (states->event < 0)
		return;
	if (states->n > 1)
		qsort(states->list, states->n, sizeof(DatomPitState), by_event);
	for (int i = 0; i < states->n; i++)
		states->list[i].earliest = i == 0 ? states->list[i].from :
			Min(states->list[i - 1].earliest, states->list[i].from);
}

void
datom_pit_states_read(DatomPitStates *states, DatomReader *reader, int64 e)
{
	DatomEntityFacts *attrs;
	MemoryContext old;
	int			n;

	datom_pit_states_begin(states, e);
	old = MemoryContextSwitchTo(states->each);
	n = datom_facts_entity(reader, e, &attrs);
	MemoryContextSwitchTo(old);
	for (int i = 0; i < n; i++)
		datom_pit_states_take(states, attrs[i].ident, strlen(attrs[i].ident), attrs[i].facts,
							  attrs[i].count);
	datom_pit_states_end(states);
}

/*
 * Finding
 */

/* How many of the states began, or happened, at or before an instant. */
static int
count_until(const DatomPitStates *states, TimestampTz at)
{
	int			low = 0;
	int			high = states->n;

	while (low < high)
	{
		int			middle = low + (high - low) / 2;
		const DatomPitState *state = &states->list[middle];

		if ((states->event < 0 ? state->from : state->event) <= at)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static const DatomPitState *
find_by_commit(const DatomPitStates *states, TimestampTz at)
{
	int			n = count_until(states, at);

	return n > 0 && states->list[n - 1].to > at ? &states->list[n - 1] : NULL;
}

static const DatomPitState *
find_by_event(const DatomPitStates *states, TimestampTz at, TimestampTz known)
{
	for (int i = count_until(states, at) - 1; i >= 0 && states->list[i].earliest <= known; i--)
		if (states->list[i].from <= known)
			return &states->list[i];
	return NULL;
}

/* Does it reach back to before all instants? */
static bool
is_endless(const Interval *age, TimestampTz at)
{
	double		days = age->day + age->month * DAYS_PER_YEAR / MONTHS_PER_YEAR;
	double		span = age->time + days * USECS_PER_DAY;
	double		room = (double) at - MIN_TIMESTAMP;

	/* Months are not of one length. */
	return span > room - 2.0 * DAYS_PER_MONTH * USECS_PER_DAY;
}

static bool
is_too_old(const DatomPitStates *states, const DatomPitState *state, TimestampTz at)
{
	TimestampTz began = states->event < 0 ? state->from : state->event;
	Datum		oldest;

	if (states->max_age == NULL || is_endless(states->max_age, at))
		return false;
	oldest = DirectFunctionCall2(timestamptz_mi_interval, TimestampTzGetDatum(at),
								 IntervalPGetDatum(states->max_age));
	return began < DatumGetTimestampTz(oldest);
}

const DatomPitState *
datom_pit_states_find(DatomPitStates *states, const DatomPitLabel *label)
{
	const DatomPitState *state = states->event < 0 ? find_by_commit(states, label->known) :
		find_by_event(states, label->until, label->known);

	return state && !is_too_old(states, state, label->at) ? state : NULL;
}
