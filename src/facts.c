/*
 * facts.c: the facts of single entities, folded from their rows.
 *
 * Costs what the rows of the entity cost, by the index on (e, a), and for the
 * reverse those of the value, by the index on (a, value_hash(v)), and then the
 * rows of each entity found: an entity that had the value may have another.
 */
#include "facts.h"

#include "access/htup_details.h"
#include "access/sysattr.h"
#include "access/xact.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

DatomReader *
datom_facts_reader(Relation rel, Snapshot snapshot)
{
	DatomReader *reader = palloc0(sizeof(DatomReader));

	reader->rel = rel;
	reader->snapshot = snapshot;
	reader->schema = datom_log_schema(rel);
	reader->map = datom_txmap_create(RelationGetRelid(rel),
									 snapshot->snapshot_type == SNAPSHOT_MVCC ?
									 snapshot : NULL);
	return reader;
}

/* Rows with their instants; the attributes numbered as they are met. */
typedef struct Gathered
{
	Datom	   *rows;
	int			count;
	int			room;
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

/* A row that the transaction's own snapshot misses cannot be decided upon. */
static void
check_seen(const DatomReader *reader, DatomLogScan *scan)
{
	TupleTableSlot *slot = datom_log_slot(scan);
	bool		isnull;
	TransactionId xmin = DatumGetTransactionId(slot_getsysattr(slot,
															   MinTransactionIdAttributeNumber,
															   &isnull));

	if (TransactionIdIsNormal(xmin) && !TransactionIdIsCurrentTransactionId(xmin) &&
		XidInMVCCSnapshot(xmin, reader->must_see))
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("could not serialize access to \"%s\" due to concurrent facts",
						RelationGetRelationName(reader->rel)),
				 errhint("The transaction might succeed if retried.")));
}

static Gathered
gather(DatomReader *reader, DatomLogScan *scan)
{
	Gathered	gathered = {.room = 8};
	DatomRow	row;

	gathered.rows = palloc(sizeof(Datom) * gathered.room);
	while (datom_log_next(scan, &row))
	{
		if (reader->must_see)
			check_seen(reader, scan);
		if (gathered.count == gathered.room)
			gathered.rows = repalloc_huge(gathered.rows,
										  sizeof(Datom) * (gathered.room *= 2));
		gathered.rows[gathered.count++] = (Datom) {
			.e = row.e, .tx = row.tx, .added = row.added,
			.instant = datom_txmap_instant(reader->map, row.tx),
			.aid = number_ident(&gathered, &row),
			.v = (DatomValue *) PG_DETOAST_DATUM_COPY(PointerGetDatum(row.v))
		};
	}
	datom_log_end(scan);
	qsort(gathered.rows, gathered.count, sizeof(Datom), datom_compare);
	return gathered;
}

int
datom_facts_read(DatomReader *reader, int64 e, const DatomAttr *attr,
				 DatomFact **facts)
{
	Gathered	gathered = gather(reader,
								  datom_log_scan_entity(reader->rel, reader->snapshot, e, attr));

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
	Gathered	gathered = gather(reader,
								  datom_log_scan_entity(reader->rel, reader->snapshot, e, NULL));
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

/* The entities of which (attr, v) was ever asserted, each once. */
static int
candidates(DatomReader *reader, const DatomAttr *attr, const DatomValue *v,
		   int64 **entities)
{
	DatomLogScan *scan = datom_log_scan_value(reader->rel, reader->snapshot, attr, v);
	DatomRow	row;
	int			count = 0;
	int			room = 8;
	int			distinct = 0;

	*entities = palloc(sizeof(int64) * room);
	while (datom_log_next(scan, &row))
	{
		if (!row.added)
			continue;
		if (count == room)
			*entities = repalloc_huge(*entities, sizeof(int64) * (room *= 2));
		(*entities)[count++] = row.e;
	}
	datom_log_end(scan);
	qsort(*entities, count, sizeof(int64), by_number);
	for (int i = 0; i < count; i++)
		if (i == 0 || (*entities)[i] != (*entities)[i - 1])
			(*entities)[distinct++] = (*entities)[i];
	return distinct;
}

int
datom_facts_with(DatomReader *reader, const DatomAttr *attr,
				 const DatomValue *v, TimestampTz at, int64 **entities)
{
	int			n = candidates(reader, attr, v, entities);
	int			count = 0;

	for (int i = 0; i < n; i++)
		if (datom_facts_holds(reader, (*entities)[i], attr, v, at))
			(*entities)[count++] = (*entities)[i];
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
	int64	   *entities;
	bool		found;

	found = datom_facts_with(datom_facts_reader(rel, snapshot), attr, v,
							 DT_NOEND, &entities) > 0;
	if (found)
		*owner = entities[0];
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
