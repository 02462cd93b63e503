/*
 * check.c: datom.check(), which proves what the log promises.
 *
 * Six readings, each for what it alone can see:
 *
 *	entries		instant		strictly increasing, one for each transaction
 *	rows		entity		positive, or a transaction of this table
 *				attribute	defined when it was used
 *				type		of the attribute
 *				entry		of the transaction that said it
 *	groups		cardinality	one value asserted in one transaction
 *	facts		unique		one entity at a time has a unique value
 *	sequences	sequence	above all entities and transactions
 *	orders		order		what the log says, up to the watermark
 *
 * A row that is not sound names the rule and where it is broken, never a value.
 */
#include "compat.h"

#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/tuplesort.h"
#include "utils/typcache.h"

#include "append.h"
#include "attribute.h"
#include "audit.h"
#include "db.h"
#include "attrs.h"
#include "log.h"
#include "basis.h"
#include "txlog.h"

typedef struct Check
{
	Relation	rel;
	DatomSettled at;
	const DatomSchema *schema;
	DatomTxMap *map;
	ReturnSetInfo *result;
	TimestampTz last;			/* of the entries read so far */
	int64		max_e;
	int64		max_tx;
	Tuplesortstate *unique;		/* facts of unique attributes */
	TupleTableSlot *slot;
} Check;

enum
{
	FAULT_RULE,
	FAULT_E,
	FAULT_A,
	FAULT_TX,
	FAULT_DETAIL,
	FAULT_COLUMNS
};

/* e and tx 0, a without text: not to be named. */
static void
report(Check *check, const char *rule, int64 e, const char *a, int alen, int64 tx,
	   const char *detail)
{
	Datum		values[FAULT_COLUMNS];
	bool		nulls[FAULT_COLUMNS] = {0};

	values[FAULT_RULE] = CStringGetTextDatum(rule);
	values[FAULT_E] = Int64GetDatum(e);
	nulls[FAULT_A] = a == NULL;
	values[FAULT_A] = a ? PointerGetDatum(cstring_to_text_with_len(a, alen)) : (Datum) 0;
	nulls[FAULT_TX] = tx == 0;
	values[FAULT_TX] = Int64GetDatum(tx);
	nulls[FAULT_E] = a == NULL && e == 0;
	values[FAULT_DETAIL] = CStringGetTextDatum(detail);
	tuplestore_putvalues(check->result->setResult, check->result->setDesc, values, nulls);
}

/*
 * Entries
 */

static void
check_entry(void *arg, const DatomEntry *entry)
{
	Check	   *check = arg;

	check->max_tx = Max(check->max_tx, entry->tx);
	if (entry->instant <= check->last)
		report(check, "instant", 0, NULL, 0, entry->tx,
			   "Another transaction of the table has the same instant.");
	else if (datom_txmap_instant(check->map, entry->tx) != entry->instant)
		report(check, "instant", 0, NULL, 0, entry->tx,
			   "The transaction has two entries in the table.");
	check->last = entry->instant;
}

/*
 * Rows
 */

static bool
is_transaction(Check *check, int64 tx)
{
	return datom_txmap_instant(check->map, tx) != DT_NOEND ||
		datom_txlog_is_own(RelationGetRelid(check->rel), tx);
}

static void
check_row(Check *check, const DatomRow *row)
{
	const DatomAttr *attr = datom_schema_find(check->schema, row->a, row->alen);

	check->max_tx = Max(check->max_tx, row->tx);
	if (!is_transaction(check, row->tx))
		report(check, "entry", row->e, row->a, row->alen, row->tx,
			   "The transaction has no entry in datom.tx.");
	if (row->e > 0)
		check->max_e = Max(check->max_e, row->e);
	else if (row->e == 0 || row->e == PG_INT64_MIN || !is_transaction(check, -row->e))
		report(check, "entity", row->e, row->a, row->alen, row->tx,
			   "It is neither a positive number nor a transaction of the table.");
	if (attr == NULL || attr->since > datom_txmap_instant(check->map, row->tx))
		report(check, "attribute", row->e, row->a, row->alen, row->tx,
			   "The attribute was not defined then.");
	else if (datom_value_kind(row->v) != attr->type)
		report(check, "type", row->e, row->a, row->alen, row->tx,
			   psprintf("The value is of type \"%s\", the attribute of type \"%s\".",
						datom_value_kind_name(datom_value_kind(row->v)),
						datom_value_kind_name(attr->type)));
}

static void
check_rows(Check *check)
{
	MemoryContext each = AllocSetContextCreate(CurrentMemoryContext, "datom check",
											   ALLOCSET_DEFAULT_SIZES);
	MemoryContext own = CurrentMemoryContext;
	DatomLogScan *scan = datom_log_scan(check->rel, check->at.snapshot);
	DatomRow	row;

	MemoryContextSwitchTo(each);
	while (datom_log_next(scan, &row))
	{
		check_row(check, &row);
		MemoryContextReset(each);
	}
	MemoryContextSwitchTo(own);
	datom_log_end(scan);
	MemoryContextDelete(each);
}

/*
 * Groups: cardinality, and the facts of unique attributes for later
 */

enum
{
	UNIQUE_A,
	UNIQUE_V,
	UNIQUE_FROM,
	UNIQUE_TO,
	UNIQUE_E,
	UNIQUE_TX,
	UNIQUE_COLUMNS
};

static void
begin_unique(Check *check)
{
	TupleDesc	desc = CreateTemplateTupleDesc(UNIQUE_COLUMNS);
	TupleDesc	datom = RelationGetDescr(check->rel);
	AttrNumber	columns[] = {UNIQUE_A + 1, UNIQUE_V + 1, UNIQUE_FROM + 1};
	Oid			operators[lengthof(columns)];
	Oid			collations[lengthof(columns)] = {0};
	bool		nulls_first[lengthof(columns)] = {0};

	TupleDescInitEntry(desc, UNIQUE_A + 1, "a", TupleDescAttr(datom, Anum_datom_a - 1)->atttypid, -1, 0);
	TupleDescInitEntry(desc, UNIQUE_V + 1, "v", TupleDescAttr(datom, Anum_datom_v - 1)->atttypid, -1, 0);
	TupleDescInitEntry(desc, UNIQUE_FROM + 1, "from", INT8OID, -1, 0);
	TupleDescInitEntry(desc, UNIQUE_TO + 1, "to", INT8OID, -1, 0);
	TupleDescInitEntry(desc, UNIQUE_E + 1, "e", INT8OID, -1, 0);
	TupleDescInitEntry(desc, UNIQUE_TX + 1, "tx", INT8OID, -1, 0);
	for (int i = 0; i < (int) lengthof(columns); i++)
		operators[i] = lookup_type_cache(TupleDescAttr(desc, columns[i] - 1)->atttypid,
										 TYPECACHE_LT_OPR)->lt_opr;
	check->slot = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
	check->unique = tuplesort_begin_heap(desc, lengthof(columns), columns, operators,
										 collations, nulls_first, work_mem, NULL,
										 TUPLESORT_NONE);
}

/* When a fact ends, as far as is known; one that holds never ends. */
static TimestampTz
end_of(const DatomFact *fact)
{
	return fact->to_tx ? fact->to : DT_NOEND;
}

static void
keep_unique(Check *check, Datum a, int64 e, const DatomAttr *attr, const DatomFact *fact)
{
	Datum	   *values = check->slot->tts_values;

	if (end_of(fact) <= attr->unique_since)
		return;
	ExecClearTuple(check->slot);
	values[UNIQUE_A] = a;
	values[UNIQUE_V] = PointerGetDatum(fact->v);
	values[UNIQUE_FROM] = Int64GetDatum(Max(fact->from, attr->unique_since));
	values[UNIQUE_TO] = Int64GetDatum(end_of(fact));
	values[UNIQUE_E] = Int64GetDatum(e);
	values[UNIQUE_TX] = Int64GetDatum(fact->tx);
	memset(check->slot->tts_isnull, 0, sizeof(bool) * UNIQUE_COLUMNS);
	ExecStoreVirtualTuple(check->slot);
	tuplesort_puttupleslot(check->unique, check->slot);
}

static void
check_group(void *arg, Datum a, const DatomAttr *attr, const Datom *rows, int n)
{
	Check	   *check = arg;
	const Datom *asserted = NULL;
	DatomFact  *facts;
	int			count;

	if (attr == NULL)
		return;
	for (int i = 0; i < n; i++)
	{
		if (!rows[i].added)
			continue;
		if (asserted && asserted->tx == rows[i].tx &&
			!datom_schema_many(attr, rows[i].instant) &&
			!datom_value_equal(asserted->v, rows[i].v))
			report(check, "cardinality", rows[i].e, attr->ident, attr->len, rows[i].tx,
				   "One transaction asserts two values.");
		asserted = &rows[i];
	}
	if (attr->unique == UNIQUE_NONE)
		return;
	facts = palloc(sizeof(DatomFact) * n);
	count = datom_fold(rows, n, datom_schema_many, attr, facts);
	for (int i = 0; i < count; i++)
		keep_unique(check, a, rows[0].e, attr, &facts[i]);
}

/* Are these facts of one value, of which the second begins before the first ends? */
static bool
overlap(const Datum *old, const Datum *values)
{
	return DatumGetInt64(old[UNIQUE_TO]) > DatumGetInt64(values[UNIQUE_FROM]) &&
		strcmp(TextDatumGetCString(old[UNIQUE_A]), TextDatumGetCString(values[UNIQUE_A])) == 0 &&
		datom_value_equal((DatomValue *) DatumGetPointer(old[UNIQUE_V]),
						  (DatomValue *) DatumGetPointer(values[UNIQUE_V]));
}

static void
report_unique(Check *check, const Datum *old, const Datum *values)
{
	const char *a = TextDatumGetCString(values[UNIQUE_A]);

	report(check, "unique", DatumGetInt64(values[UNIQUE_E]), a, strlen(a),
		   DatumGetInt64(values[UNIQUE_TX]),
		   psprintf("Entity " INT64_FORMAT " has the same value.",
					DatumGetInt64(old[UNIQUE_E])));
}

/*
 * Facts of unique attributes, by value and beginning: each must begin when all
 * before it, of other entities, have ended.
 */
static void
check_unique(Check *check)
{
	TupleDesc	desc = check->slot->tts_tupleDescriptor;
	TupleTableSlot *next = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
	TupleTableSlot *before = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);

	tuplesort_performsort(check->unique);
	while (tuplesort_gettupleslot(check->unique, true, true, next, NULL))
	{
		TupleTableSlot *swap = before;
		Datum	   *values = next->tts_values;
		Datum	   *old = before->tts_values;

		slot_getallattrs(next);
		if (!TTS_EMPTY(before) && overlap(old, values))
		{
			if (DatumGetInt64(old[UNIQUE_E]) != DatumGetInt64(values[UNIQUE_E]))
				report_unique(check, old, values);
			if (DatumGetInt64(old[UNIQUE_TO]) > DatumGetInt64(values[UNIQUE_TO]))
				continue;
		}
		before = next;
		next = swap;
	}
	ExecDropSingleTupleTableSlot(next);
	ExecDropSingleTupleTableSlot(before);
	ExecDropSingleTupleTableSlot(check->slot);
	tuplesort_end(check->unique);
}

static void
check_sequences(Check *check)
{
	Oid			sequence = datom_log_table(check->rel)->sequence;
	Oid			tx_id = get_relname_relid("tx_id", get_namespace_oid("datom", false));

	if (OidIsValid(sequence) && datom_append_sequence_value(sequence) < check->max_e)
		report(check, "sequence", check->max_e, NULL, 0, 0,
			   psprintf("Sequence \"%s\" is below this entity.", get_rel_name(sequence)));
	if (datom_append_sequence_value(tx_id) < check->max_tx)
		report(check, "sequence", 0, NULL, 0, check->max_tx,
			   "Sequence \"datom.tx_id\" is below this transaction.");
}

static void
report_order(void *arg, const char *what)
{
	report(arg, "order", 0, NULL, 0, 0, what);
}

PG_FUNCTION_INFO_V1(datom_check);

/*
 * datom.check(db): proves what the log promises, and names the rule and the
 * place of each fault; no rows if there is none. Reads the whole table twice.
 */
Datum
datom_check(PG_FUNCTION_ARGS)
{
	Check		check = {.rel = datom_log_open(PG_GETARG_OID(0), ACL_SELECT)};
	Oid			db = RelationGetRelid(check.rel);

	InitMaterializedSRF(fcinfo, 0);
	check.result = (ReturnSetInfo *) fcinfo->resultinfo;
	check.at = datom_settle(db, (DatomMoment) {.kind = MOMENT_NOW});
	check.schema = datom_attrs(check.rel);
	check.map = datom_txmap_create(db, check.at.snapshot);
	check.last = DT_NOBEGIN;
	datom_txmap_load(check.map);
	datom_basis_each(db, check.at.snapshot, DT_NOBEGIN, check_entry, &check);
	check_rows(&check);
	begin_unique(&check);
	datom_db_rows(check.rel, &check.at, check_group, &check);
	check_unique(&check);
	check_sequences(&check);
	datom_audit_orders(check.rel, report_order, &check);
	datom_settled_end(&check.at);
	table_close(check.rel, AccessShareLock);
	return (Datum) 0;
}
