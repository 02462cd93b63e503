/*
 * log.c: reading a datom table, and what a backend remembers about one.
 *
 * A row has the shape of the type datom.datom: e, a, v, tx, added. Scans go by
 * an index where the table has one that serves, on (e, a), (a, value_hash(v)) or
 * (tx, e), and otherwise read the whole table, with the same rows.
 *
 * The cache holds, for each table, its indexes, its sequence, whether it is
 * importing, and its schema as this transaction sees it. Whoever changes one of
 * these sends a relcache invalidation for the table, which reaches every
 * backend and every standby with the commit. A schema that is invalidated may
 * still be in use further up the stack, so it is freed at the end of the
 * transaction only.
 */
#include "log.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "attribute.h"
#include "basis.h"
#include "txlog.h"

struct DatomLogScan
{
	Relation	rel;
	Relation	index;			/* NULL: the table itself is scanned */
	TableScanDesc table_scan;
	IndexScanDesc index_scan;
	TupleTableSlot *slot;
	ScanKeyData keys[2];
	int			nkeys;
	/* What a row must have, where no index sees to it. */
	bool		want_tx;
	int64		tx;
	bool		want_e;
	int64		e;
	const DatomAttr *attr;
	const DatomValue *v;
	bool		want_schema;
};

static HTAB *tables = NULL;
static List *stale_contexts = NIL;	/* in TopMemoryContext */

/*
 * The cache
 */

static void
invalidate(Datum arg, Oid relid)
{
	HASH_SEQ_STATUS status;
	DatomTable *table;

	if (tables == NULL)
		return;
	if (OidIsValid(relid))
	{
		table = hash_search(tables, &relid, HASH_FIND, NULL);
		if (table)
			table->valid = false;
		return;
	}
	hash_seq_init(&status, tables);
	while ((table = hash_seq_search(&status)) != NULL)
		table->valid = false;
}

static void
free_stale(XactEvent event, void *arg)
{
	ListCell   *lc;

	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT)
		return;
	foreach(lc, stale_contexts)
		MemoryContextDelete(lfirst(lc));
	list_free(stale_contexts);
	stale_contexts = NIL;
}

static void
drop_schema(DatomTable *table)
{
	MemoryContext old;

	if (table->schema_context)
	{
		old = MemoryContextSwitchTo(TopMemoryContext);
		stale_contexts = lappend(stale_contexts, table->schema_context);
		MemoryContextSwitchTo(old);
	}
	table->schema_context = NULL;
	table->schema = NULL;
}

static bool
is_value_hash(Node *expression)
{
	FuncExpr   *call = (FuncExpr *) expression;
	Var		   *var;

	if (!IsA(expression, FuncExpr) || list_length(call->args) != 1)
		return false;
	var = linitial(call->args);
	return IsA(var, Var) && var->varattno == Anum_datom_v &&
		strcmp(get_func_name(call->funcid), "value_hash") == 0 &&
		get_func_namespace(call->funcid) == get_namespace_oid("datom", true);
}

static void
note_index(DatomTable *table, Relation index)
{
	Form_pg_index form = index->rd_index;
	DatomOrderKind kind;

	if (form->indisvalid && index->rd_rel->relam == get_am_oid("datom_order", true) &&
		datom_order_kind(index, &kind))
		table->orders[kind] = RelationGetRelid(index);
	if (!form->indisvalid || index->rd_rel->relam != BTREE_AM_OID ||
		form->indnkeyatts < 2 || RelationGetIndexPredicate(index) != NIL)
		return;
	if (form->indkey.values[0] == Anum_datom_e &&
		form->indkey.values[1] == Anum_datom_a)
		table->ea_index = RelationGetRelid(index);
	if (form->indkey.values[0] == Anum_datom_a && form->indkey.values[1] == 0 &&
		is_value_hash(linitial(RelationGetIndexExpressions(index))))
		table->av_index = RelationGetRelid(index);
	if (form->indkey.values[0] == Anum_datom_tx &&
		form->indkey.values[1] == Anum_datom_e)
		table->te_index = RelationGetRelid(index);
}

static void
note_indexes(DatomTable *table, Relation rel)
{
	List	   *indexes = RelationGetIndexList(rel);
	ListCell   *lc;

	table->ea_index = table->av_index = table->te_index = InvalidOid;
	memset(table->orders, 0, sizeof(table->orders));
	table->merged_blocks = 0;
	foreach(lc, indexes)
	{
		Relation	index = index_open(lfirst_oid(lc), AccessShareLock);

		note_index(table, index);
		index_close(index, NoLock);
	}
	list_free(indexes);
}

DatomTable *
datom_log_table(Relation rel)
{
	Oid			relid = RelationGetRelid(rel);
	List	   *sequences;
	DatomTable *table;
	bool		found;

	table = hash_search(tables, &relid, HASH_ENTER, &found);
	if (!found)
	{
		memset(table, 0, sizeof(DatomTable));
		table->relid = relid;
	}
	while (!table->valid)
	{
		/* An invalidation that comes while we look makes us look again. */
		table->valid = true;
		drop_schema(table);
		note_indexes(table, rel);
		sequences = getOwnedSequences(relid);
		table->sequence = sequences == NIL ? InvalidOid : linitial_oid(sequences);
		table->e_reached = table->tx_reached = 0;
		table->importing = datom_txlog_importing(relid, NULL);
	}
	return table;
}

/*
 * Keeps a schema in the cache, with the context that it lives in. It is good
 * until the end of the transaction at least.
 */
void
datom_log_keep_schema(DatomTable *table, DatomSchema *schema, MemoryContext context)
{
	drop_schema(table);
	table->schema = schema;
	table->schema_context = context;
}

/*
 * Opening
 */

bool
datom_log_is(Oid relid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	bool		is;

	if (!HeapTupleIsValid(tuple))
		return false;
	is = ((Form_pg_class) GETSTRUCT(tuple))->relkind == RELKIND_RELATION &&
		((Form_pg_class) GETSTRUCT(tuple))->relam == get_am_oid("datom", true);
	ReleaseSysCache(tuple);
	return is;
}

static bool
may(Oid relid, Oid role, AclMode mode)
{
	if (pg_class_aclcheck(relid, role, mode) == ACLCHECK_OK)
		return true;
	return pg_attribute_aclcheck_all(relid, role, mode, ACLMASK_ALL) == ACLCHECK_OK;
}

/* The datom tables of this database. */
List *
datom_log_tables(Snapshot snapshot)
{
	Oid			am = get_am_oid("datom", false);
	Relation	pgclass = table_open(RelationRelationId, AccessShareLock);
	TableScanDesc scan = table_beginscan(pgclass, snapshot, 0, NULL);
	List	   *list = NIL;
	HeapTuple	tuple;

	while ((tuple = heap_getnext(scan, ForwardScanDirection)) != NULL)
	{
		Form_pg_class form = (Form_pg_class) GETSTRUCT(tuple);

		if (form->relam == am && form->relkind == RELKIND_RELATION)
			list = lappend_oid(list, form->oid);
	}
	table_endscan(scan);
	table_close(pgclass, AccessShareLock);
	return list;
}

bool
datom_log_readable(Oid relid)
{
	return datom_log_readable_by(relid, GetUserId());
}

bool
datom_log_readable_by(Oid relid, Oid role)
{
	return datom_log_is(relid) && may(relid, role, ACL_SELECT) &&
		check_enable_rls(relid, role, true) != RLS_ENABLED;
}

void
datom_log_require(Oid relid, AclMode mode)
{
	datom_log_require_of(relid, GetUserId(), mode);
}

void
datom_log_require_of(Oid relid, Oid role, AclMode mode)
{
	char	   *name = get_rel_name(relid);

	if (name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", relid)));
	if (!datom_log_is(relid))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not a datom table", name),
				 errhint("Create a datom table with datom.create().")));
	if (((mode & ACL_SELECT) && !may(relid, role, ACL_SELECT)) ||
		((mode & ACL_INSERT) && !may(relid, role, ACL_INSERT)))
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_TABLE, name);
	if (check_enable_rls(relid, role, true) == RLS_ENABLED)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("row-level security applies to \"%s\"", name),
				 errdetail("Functions over facts see all rows or none."),
				 errhint("Select from the table itself.")));
}

/* Opens a datom table with the lock of a reader or of a writer. */
Relation
datom_log_open(Oid relid, AclMode mode)
{
	datom_log_require(relid, mode);
	return table_open(relid, (mode & ACL_INSERT) ? RowExclusiveLock : AccessShareLock);
}

/*
 * Scans
 */

static void
index_key(ScanKey key, Relation index, int attno, StrategyNumber strategy, Datum value)
{
	Oid			type = index->rd_opcintype[attno - 1];
	Oid			operator = get_opfamily_member(index->rd_opfamily[attno - 1],
											   type, type, strategy);

	ScanKeyEntryInitialize(key, 0, attno, strategy, InvalidOid,
						   index->rd_indcollation[attno - 1],
						   get_opcode(operator), value);
}

static DatomLogScan *
begin_scan(Relation rel, Snapshot snapshot, Oid index)
{
	DatomLogScan *scan = palloc0(sizeof(DatomLogScan));

	scan->rel = rel;
	scan->slot = table_slot_create(rel, NULL);
	if (OidIsValid(index))
		scan->index = index_open(index, AccessShareLock);
	else
		scan->table_scan = table_beginscan(rel, snapshot, 0, NULL);
	return scan;
}

static void
add_key(DatomLogScan *scan, int attno, StrategyNumber strategy, Datum value)
{
	index_key(&scan->keys[scan->nkeys++], scan->index, attno, strategy, value);
}

static void
begin_index(DatomLogScan *scan, Snapshot snapshot)
{
	scan->index_scan = index_beginscan(scan->rel, scan->index, snapshot,
									   scan->nkeys, 0);
	index_rescan(scan->index_scan, scan->keys, scan->nkeys, NULL, 0);
}

DatomLogScan *
datom_log_scan(Relation rel, Snapshot snapshot)
{
	return begin_scan(rel, snapshot, InvalidOid);
}

static Datum
ident_datum(const DatomAttr *attr)
{
	return PointerGetDatum(cstring_to_text_with_len(attr->ident, attr->len));
}

DatomLogScan *
datom_log_scan_entity(Relation rel, Snapshot snapshot, int64 e,
					  const DatomAttr *attr)
{
	DatomLogScan *scan = begin_scan(rel, snapshot, datom_log_table(rel)->ea_index);

	scan->want_e = true;
	scan->e = e;
	scan->attr = attr;
	if (scan->index)
	{
		add_key(scan, 1, BTEqualStrategyNumber, Int64GetDatum(e));
		if (attr)
			add_key(scan, 2, BTEqualStrategyNumber, ident_datum(attr));
		begin_index(scan, snapshot);
	}
	return scan;
}

DatomLogScan *
datom_log_scan_value(Relation rel, Snapshot snapshot, const DatomAttr *attr,
					 const DatomValue *v)
{
	DatomLogScan *scan = begin_scan(rel, snapshot, datom_log_table(rel)->av_index);

	scan->attr = attr;
	scan->v = v;
	if (scan->index)
	{
		add_key(scan, 1, BTEqualStrategyNumber, ident_datum(attr));
		if (v)
			add_key(scan, 2, BTEqualStrategyNumber,
					Int32GetDatum((int32) datom_value_hash(v)));
		begin_index(scan, snapshot);
	}
	return scan;
}

/* The rows about attributes. */
DatomLogScan *
datom_log_scan_schema(Relation rel, Snapshot snapshot)
{
	DatomLogScan *scan = begin_scan(rel, snapshot, datom_log_table(rel)->av_index);

	scan->want_schema = true;
	if (scan->index)
	{
		add_key(scan, 1, BTGreaterEqualStrategyNumber,
				PointerGetDatum(cstring_to_text(DB_PREFIX)));
		add_key(scan, 1, BTLessStrategyNumber,
				PointerGetDatum(cstring_to_text(DB_PREFIX_END)));
		begin_index(scan, snapshot);
	}
	return scan;
}

/* The rows of one transaction, about entity *e unless that is NULL. */
DatomLogScan *
datom_log_scan_tx(Relation rel, Snapshot snapshot, int64 tx, const int64 *e)
{
	DatomLogScan *scan = begin_scan(rel, snapshot, datom_log_table(rel)->te_index);

	scan->want_tx = true;
	scan->tx = tx;
	scan->want_e = e != NULL;
	scan->e = e ? *e : 0;
	if (scan->index)
	{
		add_key(scan, 1, BTEqualStrategyNumber, Int64GetDatum(tx));
		if (e)
			add_key(scan, 2, BTEqualStrategyNumber, Int64GetDatum(*e));
		begin_index(scan, snapshot);
	}
	return scan;
}

/* Begins the scan of a transaction again, for another; with an entity if it had one. */
void
datom_log_rescan_tx(DatomLogScan *scan, int64 tx, int64 e)
{
	scan->tx = tx;
	scan->e = e;
	if (scan->index == NULL)
	{
		table_rescan(scan->table_scan, NULL);
		return;
	}
	scan->keys[0].sk_argument = Int64GetDatum(tx);
	if (scan->nkeys == 2)
		scan->keys[1].sk_argument = Int64GetDatum(e);
	index_rescan(scan->index_scan, scan->keys, scan->nkeys, NULL, 0);
}

static bool
fetch(DatomLogScan *scan)
{
	if (scan->index)
		return index_getnext_slot(scan->index_scan, ForwardScanDirection, scan->slot);
	return table_scan_getnextslot(scan->table_scan, ForwardScanDirection, scan->slot);
}

static void
read_row(TupleTableSlot *slot, DatomRow *row)
{
	text	   *a;

	slot_getallattrs(slot);
	a = (text *) DatumGetPointer(slot->tts_values[Anum_datom_a - 1]);
	row->e = DatumGetInt64(slot->tts_values[Anum_datom_e - 1]);
	row->a = VARDATA_ANY(a);
	row->alen = VARSIZE_ANY_EXHDR(a);
	row->v = (DatomValue *) PG_DETOAST_DATUM_PACKED(slot->tts_values[Anum_datom_v - 1]);
	row->tx = DatumGetInt64(slot->tts_values[Anum_datom_tx - 1]);
	row->added = DatumGetBool(slot->tts_values[Anum_datom_added - 1]);
	row->instant = DT_NOBEGIN;
}

static bool
wanted(const DatomLogScan *scan, const DatomRow *row)
{
	if (scan->want_tx && row->tx != scan->tx)
		return false;
	if (scan->want_e && row->e != scan->e)
		return false;
	if (scan->attr && (row->alen != scan->attr->len ||
					   memcmp(row->a, scan->attr->ident, row->alen) != 0))
		return false;
	if (scan->want_schema && (row->alen < 4 || memcmp(row->a, DB_PREFIX, 4) != 0))
		return false;
	return scan->v == NULL || datom_value_equal(row->v, scan->v);
}

bool
datom_log_next(DatomLogScan *scan, DatomRow *row)
{
	while (fetch(scan))
	{
		CHECK_FOR_INTERRUPTS();
		read_row(scan->slot, row);
		if (wanted(scan, row))
			return true;
	}
	return false;
}

/* The slot of the row just returned, for whoever needs its tid or its xmin. */
TupleTableSlot *
datom_log_slot(DatomLogScan *scan)
{
	return scan->slot;
}

void
datom_log_end(DatomLogScan *scan)
{
	if (scan->index_scan)
		index_endscan(scan->index_scan);
	if (scan->index)
		index_close(scan->index, AccessShareLock);
	if (scan->table_scan)
		table_endscan(scan->table_scan);
	ExecDropSingleTupleTableSlot(scan->slot);
	pfree(scan);
}

void
datom_log_init(void)
{
	HASHCTL		control = {
		.keysize = sizeof(Oid), .entrysize = sizeof(DatomTable),
		.hcxt = TopMemoryContext
	};

	tables = hash_create("datom tables", 16, &control,
						 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	CacheRegisterRelcacheCallback(invalidate, (Datum) 0);
	RegisterXactCallback(free_stale, NULL);
}
