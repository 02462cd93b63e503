/*
 * entity_row.c: one row of an entity table, from the facts of its entity.
 *
 * The plain way, fact by fact, and a shorter one where it does not matter when facts
 * began. What is faster must give the same.
 */
#include "entity_row.h"

#include "utils/array.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "attrs.h"
#include "sql_value.h"

struct DatomEntityRow
{
	Relation	db;
	const DatomEntityTable *table;
	const bool *needed;			/* NULL: all */
	DatomSettled at;
	TimestampTz since;
	DatomReader *targets;		/* of what refs point to; NULL until asked */
	MemoryContext context;		/* of all rows */
	MemoryContext each;			/* of one row */
	bool	   *required;		/* of the table's columns */
	int			nrequired;
	int			missing;		/* of these, in this row */
	bool		is_row;
	int64		e;
	Datum	   *values;
	bool	   *nulls;
};

DatomEntityRow *
datom_entity_row_make(Relation db, const DatomEntityTable *table, const bool *needed,
					  const DatomSettled *at, TimestampTz since)
{
	DatomEntityRow *row = palloc0(sizeof(DatomEntityRow));

	row->db = db;
	row->table = table;
	row->needed = needed;
	row->at = *at;
	row->since = since;
	row->context = CurrentMemoryContext;
	row->each = AllocSetContextCreate(row->context, "datom entity row",
									  ALLOCSET_DEFAULT_SIZES);
	row->values = palloc(sizeof(Datum) * Max(table->ncolumns, 1));
	row->nulls = palloc(sizeof(bool) * Max(table->ncolumns, 1));
	row->required = palloc0(sizeof(bool) * Max(table->ncolumns, 1));
	return row;
}

void
datom_entity_row_require(DatomEntityRow *row, int column)
{
	row->nrequired += !row->required[column];
	row->required[column] = true;
}

void
datom_entity_row_free(DatomEntityRow *row)
{
	if (row->targets)
		datom_facts_end(row->targets);
	MemoryContextDelete(row->each);
	pfree(row->values);
	pfree(row->nulls);
	pfree(row->required);
	pfree(row);
}

void
datom_entity_row_begin(DatomEntityRow *row, int64 e)
{
	MemoryContextReset(row->each);
	row->e = e;
	row->is_row = false;
	row->missing = row->nrequired;
	for (int i = 0; i < row->table->ncolumns; i++)
	{
		row->nulls[i] = row->table->columns[i].ident != NULL;
		row->values[i] = Int64GetDatum(e);
	}
}

static int
by_value(const void *a, const void *b)
{
	return datom_value_cmp(*(DatomValue *const *) a, *(DatomValue *const *) b);
}

/* The values that hold. */
static int
holding_values(const DatomFact *facts, int n, TimestampTz at, TimestampTz since,
			   DatomValue ***values)
{
	int			count = 0;

	*values = palloc(sizeof(DatomValue *) * Max(n, 1));
	for (int i = 0; i < n; i++)
		if (datom_fact_holds(&facts[i], at) && facts[i].from > since)
			(*values)[count++] = facts[i].v;
	return count;
}

static DatomReader *
targets(DatomEntityRow *row)
{
	if (row->targets == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(row->context);

		row->targets = datom_facts_reader(row->db, row->at.snapshot, row->at.at);
		MemoryContextSwitchTo(old);
	}
	return row->targets;
}

/*
 * In place of refs: the identities, in their order, of those who have one, of
 * each the least.
 */
static int
identities(DatomEntityRow *row, const char *ident, DatomValue **values, int n)
{
	DatomReader *reader = targets(row);
	const DatomAttr *attr = datom_schema_find(reader->schema, ident, strlen(ident));
	int			count = 0;

	for (int i = 0; attr && i < n; i++)
	{
		DatomValue **held;
		DatomFact  *facts;
		int			all;

		if (datom_value_kind(values[i]) != DATOM_REF)
			continue;
		all = datom_facts_read(reader, datom_value_get_int(values[i]), attr, &facts);
		all = holding_values(facts, all, row->at.at, DT_NOBEGIN, &held);
		qsort(held, all, sizeof(DatomValue *), by_value);
		if (all > 0)
			values[count++] = held[0];
	}
	qsort(values, count, sizeof(DatomValue *), by_value);
	return count;
}

static Datum
make_array(const DatomEntityColumn *column, Datum *elements, int n)
{
	int16		len;
	bool		byval;
	char		align;

	get_typlenbyvalalign(column->type, &len, &byval, &align);
	return PointerGetDatum(construct_array(elements, n, column->type, len, byval, align));
}

static Datum
array_of(const DatomEntityColumn *column, DatomValue **values, int n, const char *ident)
{
	Datum	   *elements = palloc(sizeof(Datum) * n);

	for (int i = 0; i < n; i++)
		elements[i] = datom_sql_from_value(values[i], column->type, column->typmod, ident);
	return make_array(column, elements, n);
}

/* An element, and what it is ordered by. */
typedef struct Element
{
	DatomValue *v;
	Datum		datum;
} Element;

static int
by_element(const void *a, const void *b)
{
	const Element *x = a;
	const Element *y = b;
	int			order = datom_value_cmp(x->v, y->v);

	if (order != 0)
		return order;
	return datom_value_preferred(y->v, x->v) - datom_value_preferred(x->v, y->v);
}

Datum
datom_entity_array(const DatomEntityColumn *column, Datum *elements, int n)
{
	Element    *sorted = palloc(sizeof(Element) * n);
	int			distinct = 0;

	for (int i = 0; i < n; i++)
		sorted[i] = (Element) {
			.v = datom_sql_make_value(elements[i], column->type), .datum = elements[i]
		};
	qsort(sorted, n, sizeof(Element), by_element);
	for (int i = 0; i < n; i++)
		if (i == 0 || !datom_value_equal(sorted[i].v, sorted[i - 1].v))
			elements[distinct++] = sorted[i].datum;
	return make_array(column, elements, distinct);
}

static void
refuse_several(int64 e, const DatomEntityColumn *column)
{
	ereport(ERROR,
			(errcode(ERRCODE_CARDINALITY_VIOLATION),
			 errmsg("entity " INT64_FORMAT " has several values of attribute \"%s\", and column \"%s\" can show one",
					e, column->ident, column->name),
			 errhint("Make the column an array.")));
}

bool
datom_entity_row_show(DatomEntityRow *row, int64 e, int i, DatomValue **values, int n,
					  Datum *shown)
{
	const DatomEntityColumn *column = &row->table->columns[i];
	const char *ident = column->identity ? column->identity : column->ident;

	qsort(values, n, sizeof(DatomValue *), by_value);
	if (n > 0 && column->identity)
		n = identities(row, column->identity, values, n);
	if (n == 0)
		return false;
	if (n > 1 && !column->many)
		refuse_several(e, column);
	*shown = column->many ? array_of(column, values, n, ident) :
		datom_sql_from_value(values[0], column->type, column->typmod, ident);
	return true;
}

static bool
is_ident(const char *ident, const char *other, int len)
{
	return ident && strncmp(ident, other, len) == 0 && ident[len] == '\0';
}

/* Does any attribute of the table make a row? */
static bool
is_row_by_any(const DatomEntityRow *row)
{
	return row->table->key == NULL || row->since != DT_NOBEGIN;
}

static bool
is_needed(const DatomEntityRow *row, int column)
{
	return row->needed == NULL || row->needed[column];
}

/* Showing a column changes the list. */
static void
fill_column(DatomEntityRow *row, int i, DatomValue *const *values, int n)
{
	DatomValue **copy = palloc(sizeof(DatomValue *) * n);

	memcpy(copy, values, sizeof(DatomValue *) * n);
	row->nulls[i] = !datom_entity_row_show(row, row->e, i, copy, n, &row->values[i]);
}

/* What holds of one attribute. */
static void
take_values(DatomEntityRow *row, const char *ident, int len, DatomValue *const *values, int n)
{
	const DatomEntityTable *table = row->table;

	if (n == 0)
		return;
	row->is_row |= !is_row_by_any(row) && is_ident(table->key, ident, len);
	for (int i = 0; i < table->ncolumns; i++)
	{
		if (!is_ident(table->columns[i].ident, ident, len))
			continue;
		row->is_row |= is_row_by_any(row);
		row->missing -= row->required[i];
		if (is_needed(row, i))
			fill_column(row, i, values, n);
	}
}

void
datom_entity_row_take(DatomEntityRow *row, const char *ident, int len,
					  const DatomFact *facts, int n)
{
	MemoryContext old = MemoryContextSwitchTo(row->each);
	DatomValue **values;

	n = holding_values(facts, n, row->at.at, row->since, &values);
	take_values(row, ident, len, values, n);
	MemoryContextSwitchTo(old);
}

bool
datom_entity_row_end(DatomEntityRow *row, const Datum **values, const bool **nulls)
{
	*values = row->values;
	*nulls = row->nulls;
	return row->is_row && row->missing == 0;
}

TupleTableSlot *
datom_entity_row_store(const DatomEntityTable *table, const Datum *values,
					   const bool *nulls, TupleTableSlot *slot)
{
	ExecClearTuple(slot);
	memset(slot->tts_isnull, true, sizeof(bool) * slot->tts_tupleDescriptor->natts);
	for (int i = 0; i < table->ncolumns; i++)
	{
		slot->tts_values[table->columns[i].number - 1] = values[i];
		slot->tts_isnull[table->columns[i].number - 1] = nulls[i];
	}
	return ExecStoreVirtualTuple(slot);
}

/*
 * The way of single entities: what holds of them, and no other facts
 */

/* What holds of an attribute. */
typedef struct Held
{
	DatomValue **values;
	int			n;
	int			room;
} Held;

typedef struct HeldTaker
{
	const DatomEntityRow *row;
	Held	   *held;			/* by the first of its columns; behind them: the key */
} HeldTaker;

/* Of several columns of one attribute it is the first that takes what holds. */
static int
choose_column(void *arg, const char *a, int alen)
{
	const DatomEntityRow *row = ((HeldTaker *) arg)->row;
	const DatomEntityTable *table = row->table;
	bool		asked = is_row_by_any(row);
	int			first = -1;

	if (!asked && is_ident(table->key, a, alen))
		return table->ncolumns;
	for (int i = 0; i < table->ncolumns; i++)
	{
		if (!is_ident(table->columns[i].ident, a, alen))
			continue;
		first = first < 0 ? i : first;
		asked |= row->required[i] || is_needed(row, i);
	}
	return asked ? first : -1;
}

static void
take_held(void *arg, int which, DatomValue *v)
{
	Held	   *held = &((HeldTaker *) arg)->held[which];

	if (held->n == held->room)
	{
		held->room = Max(4, held->room * 2);
		held->values = held->values ?
			repalloc_huge(held->values, sizeof(DatomValue *) * held->room) :
			palloc(sizeof(DatomValue *) * held->room);
	}
	held->values[held->n++] = v;
}

static void
read_holding(DatomEntityRow *row, DatomReader *reader, int64 e)
{
	const DatomEntityTable *table = row->table;
	HeldTaker	taker = {.row = row};
	DatomHolding holding = {.which = choose_column, .take = take_held, .arg = &taker};

	taker.held = palloc0(sizeof(Held) * (table->ncolumns + 1));
	datom_facts_holding(reader, e, row->at.at, &holding);
	for (int i = 0; i <= table->ncolumns; i++)
	{
		const char *ident = i < table->ncolumns ? table->columns[i].ident : table->key;
		const Held *held = &taker.held[i];

		if (held->n > 0)
			take_values(row, ident, strlen(ident), held->values, held->n);
	}
}

static void
read_facts(DatomEntityRow *row, DatomReader *reader, int64 e)
{
	DatomEntityFacts *attrs;
	int			n = datom_facts_entity(reader, e, &attrs);

	for (int i = 0; i < n; i++)
		datom_entity_row_take(row, attrs[i].ident, strlen(attrs[i].ident),
							  attrs[i].facts, attrs[i].count);
}

bool
datom_entity_row_read(DatomEntityRow *row, DatomReader *reader, int64 e,
					  const Datum **values, const bool **nulls)
{
	MemoryContext old;

	datom_entity_row_begin(row, e);
	old = MemoryContextSwitchTo(row->each);
	if (row->since == DT_NOBEGIN)
		read_holding(row, reader, e);
	else
		read_facts(row, reader, e);
	MemoryContextSwitchTo(old);
	return datom_entity_row_end(row, values, nulls);
}
