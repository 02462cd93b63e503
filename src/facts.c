/*
 * facts.c: the facts of single entities, folded from their rows.
 *
 * Costs what the rows of the entity cost, by EAVT, and for the reverse those of
 * the value, by AVET, and then the rows of each entity found: an entity that had
 * the value may have another.
 */
#include "facts.h"

#include "access/xact.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "attrs.h"
#include "rows.h"
#include "txlog.h"

static DatomReader *
make_reader(Relation rel, Snapshot snapshot, TimestampTz at, bool past)
{
	DatomReader *reader = palloc0(sizeof(DatomReader));

	reader->rel = rel;
	reader->snapshot = snapshot;
	reader->schema = datom_attrs(rel);
	reader->rows = datom_rows_open(rel, snapshot, at, past);
	reader->map = datom_txmap_create(RelationGetRelid(rel),
									 snapshot->snapshot_type == SNAPSHOT_MVCC ?
									 snapshot : NULL);
	return reader;
}

DatomReader *
datom_facts_reader(Relation rel, Snapshot snapshot, TimestampTz at)
{
	return make_reader(rel, snapshot, at, false);
}

DatomReader *
datom_facts_reader_past(Relation rel, Snapshot snapshot, TimestampTz at)
{
	return make_reader(rel, snapshot, at, true);
}

void
datom_facts_end(DatomReader *reader)
{
	datom_rows_close(reader->rows);
	pfree(reader);
}

const DatomSchema *
datom_facts_schema(DatomReader *reader, TimestampTz at)
{
	return IsolationUsesXactSnapshot() ?
		datom_attrs_at(reader->rel, reader->snapshot, at) : reader->schema;
}

/* Rows with their instants; the attributes numbered as they are met. */
typedef struct Gathered
{
	Datom	   *rows;
	int			count;
	const char **idents;
	int			nidents;
} Gathered;

static int
number_ident(Gathered *gathered, const DatomRow *row)
{
	const char **idents = gathered->idents;
	int			n = gathered->nidents;

	for (int i = n - 1; i >= 0; i--)
		if (strlen(idents[i]) == (size_t) row->alen &&
			memcmp(idents[i], row->a, row->alen) == 0)
			return i;
	if (n == 0)
		gathered->idents = palloc(sizeof(char *) * 8);
	else if (n >= 8 && (n & (n - 1)) == 0)
		gathered->idents = repalloc(gathered->idents, sizeof(char *) * n * 2);
	gathered->idents[n] = pnstrdup(row->a, row->alen);
	return gathered->nidents++;
}

/*
 * A row that the transaction's own snapshot misses cannot be decided upon. What
 * lies at or below its basis is not missed.
 */
static void
check_seen(DatomReader *reader, const DatomRow *row)
{
	Oid			db = RelationGetRelid(reader->rel);

	if (reader->seen == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(GetMemoryChunkContext(reader));

		reader->seen = datom_txmap_create(db, reader->must_see);
		reader->seen_basis = datom_basis_of(db, reader->must_see);
		MemoryContextSwitchTo(old);
	}
	if ((row->instant != DT_NOBEGIN && row->instant <= reader->seen_basis) ||
		datom_txlog_is_own(db, row->tx) ||
		datom_txmap_instant(reader->seen, row->tx) != DT_NOEND)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			 errmsg("could not serialize access to \"%s\" due to concurrent facts",
					RelationGetRelationName(reader->rel)),
			 errhint("The transaction might succeed if retried.")));
}

static Gathered
gather(DatomReader *reader, const DatomRow *rows, int n)
{
	Gathered	gathered = {.count = n};

	gathered.rows = palloc_extended(sizeof(Datom) * Max(n, 1), MCXT_ALLOC_HUGE);
	for (int i = 0; i < n; i++)
	{
		const DatomRow *row = &rows[i];

		if (reader->must_see)
			check_seen(reader, row);
		gathered.rows[i] = (Datom) {
			.e = row->e, .tx = row->tx, .added = row->added,
			.instant = row->instant != DT_NOBEGIN ? row->instant :
			datom_txmap_instant(reader->map, row->tx),
			.aid = number_ident(&gathered, row), .v = row->v
		};
	}
	qsort(gathered.rows, gathered.count, sizeof(Datom), datom_compare);
	return gathered;
}

static Gathered
gather_entity(DatomReader *reader, int64 e, const DatomAttr *attr)
{
	DatomRow   *rows;
	int			n = datom_rows_entity(reader->rows, e, attr, &rows);

	return gather(reader, rows, n);
}

int
datom_facts_read(DatomReader *reader, int64 e, const DatomAttr *attr,
				 DatomFact **facts)
{
	Gathered	gathered = gather_entity(reader, e, attr);

	*facts = palloc(sizeof(DatomFact) * Max(gathered.count, 1));
	return datom_fold(gathered.rows, gathered.count, datom_schema_many, attr, *facts);
}

static int
by_ident(const void *a, const void *b)
{
	return strcmp(((const DatomEntityFacts *) a)->ident,
				  ((const DatomEntityFacts *) b)->ident);
}

int
datom_facts_entity(DatomReader *reader, int64 e, DatomEntityFacts **attrs)
{
	Gathered	gathered = gather_entity(reader, e, NULL);
	int			count = 0;

	*attrs = palloc(sizeof(DatomEntityFacts) * Max(gathered.nidents, 1));
	for (int i = 0, end; i < gathered.count; i = end)
	{
		DatomEntityFacts *one = &(*attrs)[count++];

		for (end = i + 1; end < gathered.count &&
			 gathered.rows[end].aid == gathered.rows[i].aid; end++)
			;
		one->ident = gathered.idents[gathered.rows[i].aid];
		one->attr = datom_schema_find(reader->schema, one->ident, strlen(one->ident));
		one->facts = palloc(sizeof(DatomFact) * (end - i));
		one->count = datom_fold(gathered.rows + i, end - i, datom_schema_many,
								one->attr, one->facts);
	}
	qsort(*attrs, count, sizeof(DatomEntityFacts), by_ident);
	return count;
}

void
datom_facts_holding(DatomReader *reader, int64 e, TimestampTz at, const DatomHolding *holding)
{
	DatomEntityFacts *attrs;
	int			n;

	if (reader->must_see == NULL && datom_rows_holding(reader->rows, e, holding))
		return;
	n = datom_facts_entity(reader, e, &attrs);
	for (int i = 0; i < n; i++)
	{
		int			which = holding->which(holding->arg, attrs[i].ident, strlen(attrs[i].ident));

		for (int k = 0; which >= 0 && k < attrs[i].count; k++)
			if (datom_fact_holds(&attrs[i].facts[k], at))
				holding->take(holding->arg, which, attrs[i].facts[k].v);
	}
}

bool
datom_facts_entry(DatomReader *reader, int64 tx, TimestampTz at, DatomEntry *entry)
{
	return datom_txmap_instant(reader->map, tx) != DT_NOEND &&
		datom_basis_find(tx, RelationGetRelid(reader->rel), entry) &&
		!entry->running && entry->instant <= at;
}

bool
datom_facts_holds(DatomReader *reader, int64 e, const DatomAttr *attr,
				  const DatomValue *v, TimestampTz at)
{
	DatomFact  *facts;
	int			n = datom_facts_read(reader, e, attr, &facts);

	for (int i = 0; i < n; i++)
		if (datom_fact_holds(&facts[i], at) && datom_value_equal(facts[i].v, v))
			return true;
	return false;
}

static int
by_number(const void *a, const void *b)
{
	int64		x = *(const int64 *) a;
	int64		y = *(const int64 *) b;

	return x < y ? -1 : x > y;
}

int
datom_facts_candidates(DatomReader *reader, const DatomAttr *attr, const DatomValue *v,
					   int64 **entities)
{
	DatomRow   *rows;
	int			n = datom_rows_value(reader->rows, attr, v, &rows);
	int			count = 0;
	int			distinct = 0;

	*entities = palloc_extended(sizeof(int64) * Max(n, 1), MCXT_ALLOC_HUGE);
	for (int i = 0; i < n; i++)
		if (rows[i].added)
			(*entities)[count++] = rows[i].e;
	qsort(*entities, count, sizeof(int64), by_number);
	for (int i = 0; i < count; i++)
		if (i == 0 || (*entities)[i] != (*entities)[i - 1])
			(*entities)[distinct++] = (*entities)[i];
	return distinct;
}

static int
by_entity(const void *a, const void *b)
{
	int64		x = ((const DatomHolder *) a)->e;
	int64		y = ((const DatomHolder *) b)->e;

	return x < y ? -1 : x > y;
}

/* Who is met twice is not sure: the tail speaks of it. */
static int
sort_holders(DatomHolder *holders, int n)
{
	int			distinct = 0;

	qsort(holders, n, sizeof(DatomHolder), by_entity);
	for (int i = 0; i < n; i++)
		if (i == 0 || holders[i].e != holders[i - 1].e)
			holders[distinct++] = holders[i];
	return distinct;
}

int
datom_facts_holders(DatomReader *reader, const DatomAttr *attr, const DatomValue *v,
					DatomHolder **holders)
{
	int64	   *entities;
	int			n = reader->must_see ? -1 :
		datom_rows_holders(reader->rows, attr, v, holders);

	if (n >= 0)
		return sort_holders(*holders, n);
	n = datom_facts_candidates(reader, attr, v, &entities);
	*holders = palloc_extended(sizeof(DatomHolder) * Max(n, 1), MCXT_ALLOC_HUGE);
	for (int i = 0; i < n; i++)
		(*holders)[i] = (DatomHolder) {.e = entities[i], .sure = false};
	return n;
}

int
datom_facts_with(DatomReader *reader, const DatomAttr *attr,
				 const DatomValue *v, TimestampTz at, int64 **entities)
{
	DatomHolder *holders;
	int			n = datom_facts_holders(reader, attr, v, &holders);
	int			count = 0;

	*entities = palloc_extended(sizeof(int64) * Max(n, 1), MCXT_ALLOC_HUGE);
	for (int i = 0; i < n; i++)
		if (holders[i].sure || datom_facts_holds(reader, holders[i].e, attr, v, at))
			(*entities)[count++] = holders[i].e;
	return count;
}

bool
datom_facts_owner(Relation rel, Snapshot snapshot, const DatomAttr *attr,
				  const DatomValue *v, int64 *owner)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "datom owner",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	DatomReader *reader;
	int64	   *entities;
	bool		found;

	reader = datom_facts_reader(rel, snapshot, DT_NOEND);
	found = datom_facts_with(reader, attr, v, DT_NOEND, &entities) > 0;
	if (found)
		*owner = entities[0];
	datom_facts_end(reader);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return found;
}

/*
 * The value of a lookup ref, as its attribute's type; the attribute must be
 * unique.
 */
DatomValue *
datom_facts_lookup_value(const DatomAttr *attr, DatomValue *v, int pos)
{
	DatomValue *typed;

	if (attr->unique == UNIQUE_NONE)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("attribute \"%s\" does not identify an entity", attr->ident),
				 datom_edn_at(pos, "Only the value of a unique attribute belongs to one entity.")));
	typed = datom_value_coerce(v, attr->type);
	if (typed == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("the value to look up by attribute \"%s\" is not of type \"%s\"",
						attr->ident, datom_value_kind_name(attr->type)),
				 datom_edn_at(pos, NULL)));
	return typed;
}
