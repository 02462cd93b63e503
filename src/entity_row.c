/*
 * entity_row.c: one row of an entity table, from the facts of its entity.
 *
 * The plain way, fact by fact. What is faster must give the same.
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

static void
fill_column(DatomEntityRow *row, int i, const DatomFact *facts, int n)
{
	DatomValue **values;
	int			count = holding_values(facts, n, row->at.at, row->since, &values);

	row->nulls[i] = !datom_entity_row_show(row, row->e, i, values, count, &row->values[i]);
}

static bool
any_holds(DatomEntityRow *row, const DatomFact *facts, int n)
{
	for (int i = 0; i < n; i++)
		if (datom_fact_holds(&facts[i], row->at.at) && facts[i].from > row->since)
			return true;
	return false;
}

static bool
is_ident(const char *ident, const char *other, int len)
{
	return ident && strncmp(ident, other, len) == 0 && ident[len] == '\0';
}

void
datom_entity_row_take(DatomEntityRow *row, const char *ident, int len,
					  const DatomFact *facts, int n)
{
	const DatomEntityTable *table = row->table;
	bool		by_any = table->key == NULL || row->since != DT_NOBEGIN;
	MemoryContext old = MemoryContextSwitchTo(row->each);

	if (!any_holds(row, facts, n))
		n = 0;
	if (n > 0 && !by_any)
		row->is_row |= is_ident(table->key, ident, len);
	for (int i = 0; n > 0 && i < table->ncolumns; i++)
	{
		if (!is_ident(table->columns[i].ident, ident, len))
			continue;
		row->is_row |= by_any;
		row->missing -= row->required[i];
		if (row->needed == NULL || row->needed[i])
			fill_column(row, i, facts, n);
	}
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

bool
datom_entity_row_read(DatomEntityRow *row, DatomReader *reader, int64 e,
					  const Datum **values, const bool **nulls)
{
	DatomEntityFacts *attrs;
	MemoryContext old;
	int			n;

	datom_entity_row_begin(row, e);
	old = MemoryContextSwitchTo(row->each);
	n = datom_facts_entity(reader, e, &attrs);
	MemoryContextSwitchTo(old);
	for (int i = 0; i < n; i++)
		datom_entity_row_take(row, attrs[i].ident, strlen(attrs[i].ident),
							  attrs[i].facts, attrs[i].count);
	return datom_entity_row_end(row, values, nulls);
}
