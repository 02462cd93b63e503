/*
 * entity_history.c: the states that the rows of an entity table have had.
 *
 * All facts of an entity are gathered, from the log as a whole or by the caller.
 * The instants at which one of them begins or ends cut time into pieces, in each
 * of which the row is the same. From piece to piece only what changed is looked
 * at, and pieces that show the same are joined: a fact may change what no column
 * shows, as the third decimal of a column that has two.
 *
 * Where a column shows the identity of what a ref points to, the instants are
 * also those at which that changed.
 */
#include "entity_history.h"

#include "catalog/pg_type.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "attrs.h"
#include "db.h"
#include "entity_row.h"
#include "facts.h"

/* A fact of the entity at hand. */
typedef struct PastFact
{
	DatomFact	fact;
	DatomFact  *targets;		/* identities of what it points to, if these are shown */
	int			ntargets;
} PastFact;

/* A column of it, or the attribute that makes it a row. */
typedef struct PastColumn
{
	int16		length;
	bool		by_value;
	PastFact   *facts;			/* by their beginnings, once all are there */
	int			n;
	int			room;
	int			next;			/* the first one that has not begun */
	PastFact  **live;
	int			nlive;
	Datum		value;			/* shown */
	bool		isnull;
} PastColumn;

struct DatomHistory
{
	DatomEntityTable shown;		/* with identities in place of refs */
	const DatomEntityTable *table;
	const bool *needed;			/* NULL: all */
	DatomEntityRow *row;		/* of `shown` */
	DatomReader *reader;		/* of identities */
	Relation	db;
	const DatomSettled *at;
	DatomEntityStateFn take;
	void	   *arg;
	MemoryContext each;			/* of one entity */
	int64		e;
	PastColumn *columns;		/* the key is behind the last one */
	TimestampTz *instants;
	int			ninstants;
	int			room;
	bool		open;			/* there is a state, from: */
	TimestampTz from;
	Datum	   *values;
	bool	   *nulls;
};

/*
 * Gathering
 */

static void
add_fact(DatomHistory *history, PastColumn *column, const DatomFact *fact)
{
	PastFact   *past;

	if (column->n == column->room)
	{
		column->room = Max(4, column->room * 2);
		column->facts = column->facts ?
			repalloc_huge(column->facts, sizeof(PastFact) * column->room) :
			MemoryContextAllocHuge(history->each, sizeof(PastFact) * column->room);
	}
	past = &column->facts[column->n++];
	*past = (PastFact) {.fact = *fact};
	past->fact.v = MemoryContextAlloc(history->each, VARSIZE_ANY(fact->v));
	memcpy(past->fact.v, fact->v, VARSIZE_ANY(fact->v));
}

static bool
is_ident(const char *ident, const char *other, int len)
{
	return ident && strncmp(ident, other, len) == 0 && ident[len] == '\0';
}

void
datom_history_begin(DatomHistory *history, int64 e)
{
	MemoryContextReset(history->each);
	history->e = e;
	history->open = false;
	history->instants = NULL;
	history->ninstants = history->room = 0;
	for (int i = 0; i <= history->table->ncolumns; i++)
	{
		PastColumn *column = &history->columns[i];

		column->facts = NULL;
		column->n = column->room = column->next = column->nlive = 0;
		column->isnull = i == history->table->ncolumns ||
			history->table->columns[i].ident != NULL;
		column->value = Int64GetDatum(e);
	}
}

static bool
is_needed(const DatomHistory *history, int column)
{
	return history->needed == NULL || history->needed[column];
}

/*
 * Identities
 */

static void
find_targets(DatomHistory *history, PastFact *past, const DatomAttr *attr)
{
	if (attr == NULL || datom_value_kind(past->fact.v) != DATOM_REF)
		return;
	past->ntargets = datom_facts_read(history->reader, datom_value_get_int(past->fact.v),
									  attr, &past->targets);
}

static void
find_all_targets(DatomHistory *history)
{
	const DatomEntityTable *table = history->table;

	for (int i = 0; i < table->ncolumns; i++)
	{
		const char *identity = table->columns[i].identity;
		const DatomAttr *attr;

		if (identity == NULL || history->columns[i].n == 0 || !is_needed(history, i))
			continue;
		if (history->reader == NULL)
		{
			MemoryContext old = MemoryContextSwitchTo(GetMemoryChunkContext(history));

			history->reader = datom_facts_reader_past(history->db, history->at->snapshot,
													  history->at->at);
			MemoryContextSwitchTo(old);
		}
		attr = datom_schema_find(history->reader->schema, identity, strlen(identity));
		for (int k = 0; k < history->columns[i].n; k++)
			find_targets(history, &history->columns[i].facts[k], attr);
	}
}

/* The least of the identities that hold; NULL: it has none. */
static DatomValue *
identity_at(const PastFact *past, TimestampTz at)
{
	DatomValue *least = NULL;

	for (int i = 0; i < past->ntargets; i++)
		if (datom_fact_holds(&past->targets[i], at) &&
			(least == NULL || datom_value_cmp(past->targets[i].v, least) < 0))
			least = past->targets[i].v;
	return least;
}

/*
 * Instants
 */

static void
add_instant(DatomHistory *history, TimestampTz instant)
{
	if (history->ninstants == history->room)
	{
		history->room = Max(16, history->room * 2);
		history->instants = history->instants ?
			repalloc_huge(history->instants, sizeof(TimestampTz) * history->room) :
			MemoryContextAllocHuge(history->each, sizeof(TimestampTz) * history->room);
	}
	history->instants[history->ninstants++] = instant;
}

static void
add_instants(DatomHistory *history, const DatomFact *fact)
{
	add_instant(history, fact->from);
	if (fact->to_tx != 0)
		add_instant(history, fact->to);
}

static int
by_instant(const void *a, const void *b)
{
	TimestampTz x = *(const TimestampTz *) a;
	TimestampTz y = *(const TimestampTz *) b;

	return x < y ? -1 : x > y;
}

static int
by_beginning(const void *a, const void *b)
{
	return by_instant(&((const PastFact *) a)->fact.from, &((const PastFact *) b)->fact.from);
}

static void
sort_instants(DatomHistory *history)
{
	int			kept = 0;

	for (int i = 0; i <= history->table->ncolumns; i++)
	{
		PastColumn *column = &history->columns[i];

		for (int k = 0; k < column->n; k++)
		{
			add_instants(history, &column->facts[k].fact);
			for (int t = 0; t < column->facts[k].ntargets; t++)
				add_instants(history, &column->facts[k].targets[t]);
		}
		qsort(column->facts, column->n, sizeof(PastFact), by_beginning);
		column->live = palloc_extended(sizeof(PastFact *) * Max(column->n, 1), MCXT_ALLOC_HUGE);
	}
	qsort(history->instants, history->ninstants, sizeof(TimestampTz), by_instant);
	for (int i = 0; i < history->ninstants; i++)
		if (kept == 0 || history->instants[kept - 1] != history->instants[i])
			history->instants[kept++] = history->instants[i];
	history->ninstants = kept;
}

/*
 * States
 */

/* Moves the column on to an instant: true if other facts hold than before. */
static bool
move_on(PastColumn *column, TimestampTz at)
{
	int			kept = 0;
	bool		changed = false;

	for (int i = 0; i < column->nlive; i++)
		if (datom_fact_holds(&column->live[i]->fact, at))
			column->live[kept++] = column->live[i];
	changed = kept < column->nlive;
	column->nlive = kept;
	for (; column->next < column->n && column->facts[column->next].fact.from <= at;
		 column->next++)
		if (datom_fact_holds(&column->facts[column->next].fact, at))
		{
			column->live[column->nlive++] = &column->facts[column->next];
			changed = true;
		}
	return changed;
}

/* What column i shows; true if that is another value than before. */
static bool
show(DatomHistory *history, int i, TimestampTz at)
{
	PastColumn *column = &history->columns[i];
	bool		by_identity = history->table->columns[i].identity != NULL;
	DatomValue **values = palloc_extended(sizeof(DatomValue *) * Max(column->nlive, 1),
										  MCXT_ALLOC_HUGE);
	PastColumn	before = *column;
	int			n = 0;

	for (int k = 0; k < column->nlive; k++)
	{
		DatomValue *v = by_identity ? identity_at(column->live[k], at) : column->live[k]->fact.v;

		if (v)
			values[n++] = v;
	}
	column->isnull = !datom_entity_row_show(history->row, history->e, i, values, n,
											&column->value);
	if (before.isnull || column->isnull)
		return before.isnull != column->isnull;
	return !datum_image_eq(before.value, column->value, column->by_value, column->length);
}

static void
close_state(DatomHistory *history, TimestampTz to, bool to_known)
{
	DatomEntityState state = {
		.values = history->values, .nulls = history->nulls,
		.from = history->from, .from_known = history->from != DT_NOEND,
		.to = to, .to_known = to_known
	};

	if (history->open)
		history->take(history->arg, &state);
	history->open = false;
}

static void
open_state(DatomHistory *history, TimestampTz from)
{
	for (int i = 0; i < history->table->ncolumns; i++)
	{
		history->values[i] = history->columns[i].value;
		history->nulls[i] = history->columns[i].isnull;
	}
	history->from = from;
	history->open = true;
}

static void
enter(DatomHistory *history, TimestampTz at)
{
	const DatomEntityTable *table = history->table;
	PastColumn *key = &history->columns[table->ncolumns];
	bool		is_row = false;
	bool		changed = false;

	(void) move_on(key, at);
	for (int i = 0; i < table->ncolumns; i++)
	{
		bool		moved = move_on(&history->columns[i], at);

		is_row |= history->columns[i].nlive > 0;
		if (is_needed(history, i) &&
			(moved || (table->columns[i].identity && history->columns[i].nlive > 0)))
			changed |= show(history, i, at);
	}
	if (table->key)
		is_row = key->nlive > 0;
	if (history->open && is_row && !changed)
		return;
	close_state(history, at, at != DT_NOEND);
	if (is_row)
		open_state(history, at);
}

void
datom_history_end(DatomHistory *history)
{
	MemoryContext old = MemoryContextSwitchTo(history->each);

	find_all_targets(history);
	sort_instants(history);
	for (int i = 0; i < history->ninstants; i++)
		enter(history, history->instants[i]);
	close_state(history, DT_NOEND, true);
	MemoryContextSwitchTo(old);
}

void
datom_history_take(DatomHistory *history, const char *ident, int len, const DatomFact *facts,
				   int n)
{
	const DatomEntityTable *table = history->table;

	for (int i = 0; i <= table->ncolumns; i++)
	{
		bool		is_key = i == table->ncolumns;

		if (!is_ident(is_key ? table->key : table->columns[i].ident, ident, len) ||
			(!is_key && table->key && !is_needed(history, i)))
			continue;
		for (int k = 0; k < n; k++)
			add_fact(history, &history->columns[i], &facts[k]);
	}
}

/* As if each identity were a value of the column itself. */
static DatomEntityTable
without_identities(const DatomEntityTable *table)
{
	DatomEntityTable shown = *table;

	shown.columns = palloc(sizeof(DatomEntityColumn) * Max(table->ncolumns, 1));
	for (int i = 0; i < table->ncolumns; i++)
	{
		shown.columns[i] = table->columns[i];
		if (table->columns[i].identity)
			shown.columns[i].ident = table->columns[i].identity;
		shown.columns[i].identity = NULL;
	}
	return shown;
}

DatomHistory *
datom_history_make(Relation db, const DatomEntityTable *table, const bool *needed,
				   const DatomSettled *at, DatomEntityStateFn take, void *arg)
{
	DatomHistory *history = palloc0(sizeof(DatomHistory));

	history->table = table;
	history->needed = needed;
	history->shown = without_identities(table);
	history->db = db;
	history->at = at;
	history->take = take;
	history->arg = arg;
	history->each = AllocSetContextCreate(CurrentMemoryContext, "datom entity history",
										  ALLOCSET_DEFAULT_SIZES);
	history->row = datom_entity_row_make(db, &history->shown, NULL, at, DT_NOBEGIN);
	history->columns = palloc0(sizeof(PastColumn) * (table->ncolumns + 1));
	history->values = palloc(sizeof(Datum) * Max(table->ncolumns, 1));
	history->nulls = palloc(sizeof(bool) * Max(table->ncolumns, 1));
	for (int i = 0; i < table->ncolumns; i++)
	{
		const DatomEntityColumn *column = &table->columns[i];

		get_typlenbyval(column->ident == NULL ? INT8OID : column->many ?
						get_array_type(column->type) : column->type,
						&history->columns[i].length, &history->columns[i].by_value);
	}
	return history;
}

void
datom_history_free(DatomHistory *history)
{
	if (history->reader)
		datom_facts_end(history->reader);
	datom_entity_row_free(history->row);
	MemoryContextDelete(history->each);
}

/*
 * A whole table
 */

typedef struct WholeTable
{
	DatomHistory *history;
	bool		any;			/* an entity has begun */
	int64		e;
} WholeTable;

static void
take_facts(void *arg, int64 e, Datum a, const DatomFact *facts, int n)
{
	WholeTable *whole = arg;
	struct varlena *ident = (struct varlena *) DatumGetPointer(a);

	if (!whole->any || whole->e != e)
	{
		if (whole->any)
			datom_history_end(whole->history);
		datom_history_begin(whole->history, e);
		whole->any = true;
		whole->e = e;
	}
	datom_history_take(whole->history, VARDATA_ANY(ident), VARSIZE_ANY_EXHDR(ident), facts, n);
}

void
datom_entity_history(Relation db, const DatomEntityTable *table, const DatomSettled *at,
					 DatomEntityStateFn take, void *arg)
{
	WholeTable	whole = {.history = datom_history_make(db, table, NULL, at, take, arg)};

	datom_db_facts(db, at, take_facts, &whole);
	if (whole.any)
		datom_history_end(whole.history);
	datom_history_free(whole.history);
}
