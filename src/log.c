/*
 * log.c: reading a datom table, and what a backend remembers about one.
 *
 * A row has the shape of the type datom.datom: e, a, v, tx, added. Scans go by
 * an index where the table has the two that datom.create() makes, (e, a) and
 * (a, value_hash(v)), and otherwise read the whole table, with the same rows.
 *
 * The cache holds, for each table, its indexes, its sequence, whether it is
 * importing, and its schema as this transaction sees it. Whoever changes one of
 * these sends a relcache invalidation for the table, which reaches every
 * backend and every standby with the commit. A schema that is invalidated may
 * still be in use further up the stack, so it is freed at the end of the
 * transaction only.
 */
#include "log.h"

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
	/* What a row must have, where no index sees to it. */
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

	if (!form->indisvalid || index->rd_rel->relam != BTREE_AM_OID ||
		form->indnkeyatts < 2 || RelationGetIndexPredicate(index) != NIL)
		return;
	if (form->indkey.values[0] == Anum_datom_e &&
		form->indkey.values[1] == Anum_datom_a)
		table->ea_index = RelationGetRelid(index);
	if (form->indkey.values[0] == Anum_datom_a && form->indkey.values[1] == 0 &&
		is_value_hash(linitial(RelationGetIndexExpressions(index))))
		table->av_index = RelationGetRelid(index);
}

static void
note_indexes(DatomTable *table, Relation rel)
{
	List	   *indexes = RelationGetIndexList(rel);
	ListCell   *lc;

	table->ea_index = table->av_index = InvalidOid;
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

/* The rows about attributes that were said until `at`. */
static int
read_schema_rows(Relation rel, Snapshot snapshot, TimestampTz at, Datom **rows)
{
	DatomTxMap *map = datom_txmap_create(RelationGetRelid(rel),
										 snapshot == SnapshotSelf ? NULL : snapshot);
	DatomLogScan *scan = datom_log_scan_schema(rel, snapshot);
	DatomRow	row;
	int			count = 0;
	int			room = 64;

	*rows = palloc(sizeof(Datom) * room);
	while (datom_log_next(scan, &row))
	{
		int			builtin = datom_schema_builtin(row.a, row.alen);
		TimestampTz instant = datom_txmap_instant(map, row.tx);

		if (builtin < 0 || instant > at)
			continue;
		if (count == room)
			*rows = repalloc(*rows, sizeof(Datom) * (room *= 2));
		(*rows)[count++] = (Datom) {
			.e = row.e, .tx = row.tx, .aid = builtin, .added = row.added,
			.instant = instant,
			.v = (DatomValue *) PG_DETOAST_DATUM_COPY(PointerGetDatum(row.v))
		};
	}
	datom_log_end(scan);
	return count;
}

/*
 * The attributes of the table as of now, what this transaction has said about
 * them included, with the past of their cardinalities. Valid until the end of
 * the transaction.
 */
const DatomSchema *
datom_log_schema(Relation rel)
{
	DatomTable *table = datom_log_table(rel);
	MemoryContext context;
	MemoryContext old;
	DatomSchema *schema;
	Datom	   *rows;
	int			n;

	if (table->schema)
		return table->schema;
	context = AllocSetContextCreate(CurrentMemoryContext, "datom schema",
									ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(context);
	n = read_schema_rows(rel, SnapshotSelf, DT_NOEND, &rows);
	schema = datom_schema_build(rows, n, DT_NOEND);
	MemoryContextSwitchTo(old);
	MemoryContextSetParent(context, TopMemoryContext);
	drop_schema(table);
	table->schema = schema;
	table->schema_context = context;
	return schema;
}

/* The attributes as of a moment that the snapshot knows all about. */
const DatomSchema *
datom_log_schema_at(Relation rel, Snapshot snapshot, TimestampTz at)
{
	Datom	   *rows;
	int			n = read_schema_rows(rel, snapshot, at, &rows);

	return datom_schema_build(rows, n, at);
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
may(Oid relid, AclMode mode)
{
	if (pg_class_aclcheck(relid, GetUserId(), mode) == ACLCHECK_OK)
		return true;
	return pg_attribute_aclcheck_all(relid, GetUserId(), mode,
									 ACLMASK_ALL) == ACLCHECK_OK;
}

void
datom_log_require(Oid relid, AclMode mode)
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
	if (((mode & ACL_SELECT) && !may(relid, ACL_SELECT)) ||
		((mode & ACL_INSERT) && !may(relid, ACL_INSERT)))
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_TABLE, name);
	if (check_enable_rls(relid, InvalidOid, true) == RLS_ENABLED)
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
begin_index(DatomLogScan *scan, Snapshot snapshot, ScanKey keys, int nkeys)
{
	scan->index_scan = index_beginscan(scan->rel, scan->index, snapshot, nkeys, 0);
	index_rescan(scan->index_scan, keys, nkeys, NULL, 0);
}

DatomLogScan *
datom_log_scan(Relation rel, Snapshot snapshot)
{
	return begin_scan(rel, snapshot, InvalidOid);
}

DatomLogScan *
datom_log_scan_entity(Relation rel, Snapshot snapshot, int64 e,
					  const DatomAttr *attr)
{
	DatomLogScan *scan = begin_scan(rel, snapshot, datom_log_table(rel)->ea_index);
	ScanKeyData keys[2];
	int			nkeys = 1;

	scan->want_e = true;
	scan->e = e;
	scan->attr = attr;
	if (scan->index)
	{
		index_key(&keys[0], scan->index, 1, BTEqualStrategyNumber, Int64GetDatum(e));
		if (attr)
			index_key(&keys[nkeys++], scan->index, 2, BTEqualStrategyNumber,
					  PointerGetDatum(cstring_to_text_with_len(attr->ident, attr->len)));
		begin_index(scan, snapshot, keys, nkeys);
	}
	return scan;
}

DatomLogScan *
datom_log_scan_value(Relation rel, Snapshot snapshot, const DatomAttr *attr,
					 const DatomValue *v)
{
	DatomLogScan *scan = begin_scan(rel, snapshot, datom_log_table(rel)->av_index);
	ScanKeyData keys[2];
	int			nkeys = 1;

	scan->attr = attr;
	scan->v = v;
	if (scan->index)
	{
		index_key(&keys[0], scan->index, 1, BTEqualStrategyNumber,
				  PointerGetDatum(cstring_to_text_with_len(attr->ident, attr->len)));
		if (v)
			index_key(&keys[nkeys++], scan->index, 2, BTEqualStrategyNumber,
					  Int32GetDatum((int32) datom_value_hash(v)));
		begin_index(scan, snapshot, keys, nkeys);
	}
	return scan;
}

/* The rows about attributes. */
DatomLogScan *
datom_log_scan_schema(Relation rel, Snapshot snapshot)
{
	DatomLogScan *scan = begin_scan(rel, snapshot, datom_log_table(rel)->av_index);
	ScanKeyData keys[2];

	scan->want_schema = true;
	if (scan->index)
	{
		index_key(&keys[0], scan->index, 1, BTGreaterEqualStrategyNumber,
				  PointerGetDatum(cstring_to_text(DB_PREFIX)));
		index_key(&keys[1], scan->index, 1, BTLessStrategyNumber,
				  PointerGetDatum(cstring_to_text(DB_PREFIX_END)));
		begin_index(scan, snapshot, keys, 2);
	}
	return scan;
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
}

static bool
wanted(const DatomLogScan *scan, const DatomRow *row)
{
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
