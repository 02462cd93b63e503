/*
 * append.c: what a row must be before it enters the log.
 *
 * A row comes in two ways. Without a tx it is said now: the attribute must be
 * defined, the value of its type, a value of a unique attribute belong to no
 * other entity, and one transaction may not say two values of a cardinality-one
 * attribute. With a tx it comes from a dump or a copy: that takes INSERT on
 * datom.tx, and the row is taken as it is; datom.check() proves the whole.
 *
 * Two values in one transaction. All that the transaction has asserted of
 * cardinality-one attributes is kept as a set of 64-bit fingerprints, and so
 * are its values of unique attributes. It only filters: a hit is looked up in
 * the log, because a savepoint may have taken the row back, or another row may
 * have the same fingerprint. Past MAX_PRINTS a Bloom filter takes the rest: of
 * 100 million rows, one in a hundred is then looked up in vain.
 *
 * Uniqueness. The value's lock is taken first and kept until the transaction
 * ends, so that whoever else wants the value waits; then the log is read as it
 * is now, rows of the running command included (SnapshotSelf). Rows of the
 * batch that is being prepared are in no table yet and are compared in memory.
 * A bulk load, which locks the whole table, reads the log only for values that
 * its fingerprints have met, as long as nobody had the attribute before it.
 */
#include "append.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "access/xact.h"
#include "access/xloginsert.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/sequence.h"
#include "common/hashfn.h"
#include "executor/executor.h"
#include "lib/bloomfilter.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "storage/proc.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "attribute.h"
#include "facts.h"
#include "ledger.h"
#include "locks.h"
#include "attrs.h"
#include "rows.h"
#include "log.h"
#include "merge.h"
#include "settings.h"
#include "basis.h"
#include "tail.h"
#include "txlog.h"

#define MAX_PRINTS (4 * 1024 * 1024)
/* 128 MB; said to be for so many that it takes 3 bits an element. */
#define OVERFLOW_KB (128 * 1024)
#define OVERFLOW_ELEMENTS INT64CONST(256 * 1024 * 1024)
/* Above this no entity is accepted that was not drawn, lest none be left to draw. */
#define MAX_ENTITY (INT64CONST(1) << 62)
/* A batch of this size is a bulk load and locks the whole table. */
#define BULK 100

/* A unique attribute in a bulk load. */
typedef struct Fresh
{
	int64		attr;
	SubTransactionId since;		/* in which the table was locked and nobody had
								 * the attribute; invalid: somebody has it */
} Fresh;

#define MAX_FRESH 8

/* Fingerprints of what one transaction has asserted in one table. */
typedef struct PrintSet
{
	Oid			relid;
	int64		tx;
	uint64	   *slots;			/* 0: empty */
	uint64		mask;
	uint64		count;
	bloom_filter *overflow;		/* past MAX_PRINTS */
	Fresh		fresh[MAX_FRESH];
	int			nfresh;
	struct PrintSet *next;
} PrintSet;

/* The rows of one call. */
typedef struct Rows
{
	Relation	rel;
	DatomTable *table;
	const DatomSchema *schema;
	TupleTableSlot **slots;
	int			done;			/* rows of the batch that are prepared */
	const DatomAttr *attr;		/* of the row before */
	int64		max_e;
	int64		max_tx;			/* of those that are given */
	bool		bulk;
	bool		trusted;		/* some row says which transaction said it */
	bool		copy;
	bool		schema_changes;
} Rows;

int			datom_append_schema_allowed = 0;

static PrintSet *print_sets = NULL; /* in TopTransactionContext */
static LocalTransactionId trusted_lxid = InvalidLocalTransactionId;
static Oid	trusted_user = InvalidOid;

void
datom_append_refuse_as_of(const char *table)
{
	if (datom_as_of_in_force())
		ereport(ERROR,
				(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
				 errmsg("cannot write to \"%s\" while datom.as_of is set", table),
				 errhint("The past does not change: RESET datom.as_of first.")));
}

/*
 * Errors. Each names the entity, the attribute and the table; a value is never
 * shown, because logs are read by people who may not read the table.
 */

static void
refuse_null(const char *column, Relation rel)
{
	ereport(ERROR,
			(errcode(ERRCODE_NOT_NULL_VIOLATION),
			 errmsg("null value in column \"%s\" of datom table \"%s\"",
					column, RelationGetRelationName(rel))));
}

static void
refuse_type(Relation rel, int64 e, const DatomAttr *attr, const DatomValue *v)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("the value of entity " INT64_FORMAT ", attribute \"%s\" in \"%s\" is not of type \"%s\"",
					e, attr->ident, RelationGetRelationName(rel),
					datom_value_kind_name(attr->type)),
			 errdetail(datom_value_is_literal(v) ?
					   "The literal cannot be read as \"%s\" without loss." :
					   "The value given is of type \"%s\".",
					   datom_value_kind_name(datom_value_is_literal(v) ?
											 attr->type : datom_value_kind(v)))));
}

static void
refuse_second(Relation rel, int64 e, const DatomAttr *attr)
{
	ereport(ERROR,
			(errcode(ERRCODE_CARDINALITY_VIOLATION),
			 errmsg("entity " INT64_FORMAT " would have two values of attribute \"%s\" in \"%s\"",
					e, attr->ident, RelationGetRelationName(rel)),
			 errdetail("The attribute is of cardinality one, and one transaction asserts both."),
			 errtable(rel)));
}

void
datom_append_refuse_taken(Relation rel, int64 e, const DatomAttr *attr,
						  int64 other, int pos)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNIQUE_VIOLATION),
			 errmsg("the value of entity " INT64_FORMAT ", attribute \"%s\" in \"%s\" belongs to another entity",
					e, attr->ident, RelationGetRelationName(rel)),
			 datom_edn_at(pos, psprintf("The attribute is unique, and entity " INT64_FORMAT " has this value.",
										other)),
			 errtable(rel)));
}

void
datom_append_refuse_schema(Relation rel, const char *a, int alen)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("cannot insert attribute \"%.*s\" into \"%s\" directly",
					alen, a, RelationGetRelationName(rel)),
			 errhint("Use datom.define_attribute() or datom.transact().")));
}

static void
refuse_entity(Relation rel, int64 e)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("entity " INT64_FORMAT " in \"%s\" is not valid",
					e, RelationGetRelationName(rel)),
			 errdetail(e >= 0 ? "An entity is a positive number up to 2^62." :
					   "A negative entity stands for a transaction of this table, and there is none with this number.")));
}

/*
 * The entity sequence
 */

/*
 * Raises the sequence to e in one step under the buffer's lock. setval() could
 * put it back below what a concurrent nextval() has just handed out. The page
 * and the WAL record are those of setval(). Returns where the sequence stands.
 */
static int64
raise_sequence(Relation seq, int64 e)
{
	Buffer		buffer = ReadBuffer(seq, 0);
	Page		page;
	HeapTupleData tuple;
	ItemId		item;
	Form_pg_sequence_data data;
	int64		stands;

	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	page = BufferGetPage(buffer);
	item = PageGetItemId(page, FirstOffsetNumber);
	tuple.t_data = (HeapTupleHeader) PageGetItem(page, item);
	tuple.t_len = ItemIdGetLength(item);
	data = (Form_pg_sequence_data) GETSTRUCT(&tuple);
	if (data->last_value < e)
	{
		GetTopTransactionId();
		START_CRIT_SECTION();
		data->last_value = e;
		data->is_called = true;
		data->log_cnt = 0;
		MarkBufferDirty(buffer);
		if (RelationNeedsWAL(seq))
		{
			xl_seq_rec	record = {.node = seq->rd_node};
			XLogRecPtr	end;

			XLogBeginInsert();
			XLogRegisterBuffer(0, buffer, REGBUF_WILL_INIT);
			XLogRegisterData((char *) &record, sizeof(record));
			XLogRegisterData((char *) tuple.t_data, tuple.t_len);
			end = XLogInsert(RM_SEQ_ID, XLOG_SEQ_LOG);
			PageSetLSN(page, end);
		}
		END_CRIT_SECTION();
	}
	stands = data->last_value;
	UnlockReleaseBuffer(buffer);
	return stands;
}

/* The last number that a sequence has given, or that it was raised to. */
int64
datom_append_sequence_value(Oid sequence)
{
	Relation	seq = relation_open(sequence, AccessShareLock);
	Buffer		buffer = ReadBuffer(seq, 0);
	Form_pg_sequence_data data;
	int64		value;
	Page		page;

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	page = BufferGetPage(buffer);
	data = (Form_pg_sequence_data)
		((char *) PageGetItem(page, PageGetItemId(page, FirstOffsetNumber)) +
		 ((HeapTupleHeader) PageGetItem(page, PageGetItemId(page, FirstOffsetNumber)))->t_hoff);
	value = data->is_called ? data->last_value : data->last_value - 1;
	UnlockReleaseBuffer(buffer);
	relation_close(seq, AccessShareLock);
	return value;
}

void
datom_append_reach(Relation rel, int64 e)
{
	DatomTable *table = datom_log_table(rel);
	Relation	seq;

	if (e <= table->e_reached || e > MAX_ENTITY || !OidIsValid(table->sequence))
		return;
	seq = relation_open(table->sequence, RowExclusiveLock);
	table->e_reached = raise_sequence(seq, e);
	relation_close(seq, NoLock);
}

/*
 * Two values in one transaction
 */

/* Of an attribute's entity, or of its value, with different seeds. */
static uint64
fingerprint(int64 number, const DatomAttr *attr, bool is_value)
{
	int64		id = attr->builtin < 0 ? attr->e : -1 - attr->builtin;
	uint64		hash = hash_bytes_extended((const unsigned char *) &number,
										   sizeof(number), id * 2 + is_value);

	return hash == 0 ? 1 : hash;
}

static void
grow_prints(PrintSet *set)
{
	uint64		old_size = set->slots ? set->mask + 1 : 0;
	uint64	   *old = set->slots;

	set->mask = old_size ? old_size * 2 - 1 : 63;
	set->slots = MemoryContextAllocExtended(TopTransactionContext,
											sizeof(uint64) * (set->mask + 1),
											MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (uint64 i = 0; i < old_size; i++)
		if (old[i] != 0)
		{
			uint64		k = old[i] & set->mask;

			while (set->slots[k] != 0)
				k = (k + 1) & set->mask;
			set->slots[k] = old[i];
		}
	if (old)
		pfree(old);
}

static bool
add_overflow(PrintSet *set, uint64 print)
{
	if (set->overflow == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(TopTransactionContext);

		set->overflow = bloom_create(OVERFLOW_ELEMENTS, OVERFLOW_KB, 0);
		MemoryContextSwitchTo(old);
	}
	if (!bloom_lacks_element(set->overflow, (unsigned char *) &print, sizeof(print)))
		return true;
	bloom_add_element(set->overflow, (unsigned char *) &print, sizeof(print));
	return false;
}

/* Adds a fingerprint; true if it may have been there. */
static bool
add_print(PrintSet *set, uint64 print)
{
	uint64		k;

	if (set->slots == NULL ||
		(set->count > set->mask / 2 && set->count < MAX_PRINTS))
		grow_prints(set);
	for (k = print & set->mask; set->slots[k] != 0; k = (k + 1) & set->mask)
		if (set->slots[k] == print)
			return true;
	if (set->count >= MAX_PRINTS)
		return add_overflow(set, print);
	set->slots[k] = print;
	set->count++;
	return false;
}

static PrintSet *
prints_of(Oid relid, int64 tx)
{
	PrintSet   *set;

	for (set = print_sets; set; set = set->next)
		if (set->relid == relid)
			break;
	if (set == NULL)
	{
		set = MemoryContextAllocZero(TopTransactionContext, sizeof(PrintSet));
		set->relid = relid;
		set->next = print_sets;
		print_sets = set;
	}
	if (set->tx != tx)
	{
		/* Another transaction of an import. */
		set->tx = tx;
		set->count = 0;
		set->nfresh = 0;
		if (set->slots)
			pfree(set->slots);
		set->slots = NULL;
		if (set->overflow)
			bloom_free(set->overflow);
		set->overflow = NULL;
	}
	return set;
}

/* The row in a slot that is prepared. */
static DatomRow
prepared_row(const TupleTableSlot *slot)
{
	text	   *a = (text *) DatumGetPointer(slot->tts_values[Anum_datom_a - 1]);

	return (DatomRow) {
		.e = DatumGetInt64(slot->tts_values[Anum_datom_e - 1]),
			.a = VARDATA_ANY(a), .alen = VARSIZE_ANY_EXHDR(a),
			.v = (DatomValue *) DatumGetPointer(slot->tts_values[Anum_datom_v - 1]),
			.tx = DatumGetInt64(slot->tts_values[Anum_datom_tx - 1]),
			.added = DatumGetBool(slot->tts_values[Anum_datom_added - 1])
	};
}

static bool
about(const DatomRow *row, const DatomAttr *attr)
{
	return row->alen == attr->len && memcmp(row->a, attr->ident, attr->len) == 0;
}

static void
check_second(Rows *rows, const DatomRow *row, const DatomAttr *attr)
{
	DatomLogScan *scan;
	DatomRow	other;

	if (!add_print(prints_of(rows->table->relid, row->tx),
				   fingerprint(row->e, attr, false)))
		return;
	for (int i = 0; i < rows->done; i++)
	{
		other = prepared_row(rows->slots[i]);
		if (other.e == row->e && other.added && other.tx == row->tx &&
			about(&other, attr) && !datom_value_equal(other.v, row->v))
			refuse_second(rows->rel, row->e, attr);
	}
	scan = datom_log_scan_tx(rows->rel, SnapshotSelf, row->tx, &row->e);
	while (datom_log_next(scan, &other))
		if (other.added && about(&other, attr) && !datom_value_equal(other.v, row->v))
			refuse_second(rows->rel, row->e, attr);
	datom_log_end(scan);
}

/*
 * Uniqueness
 */

/* Under the lock of the whole table. */
static bool
nobody_has(Relation rel, const DatomAttr *attr)
{
	DatomRows  *rows = datom_rows_open(rel, SnapshotSelf, DT_NOEND, true);
	bool		found = datom_rows_any(rows, attr);

	datom_rows_close(rows);
	return !found;
}

/*
 * Is every value of the attribute among the fingerprints? The lock goes with
 * the subtransaction that took it.
 */
static bool
is_fresh(Rows *rows, PrintSet *set, const DatomAttr *attr)
{
	Fresh	   *fresh = set->fresh;

	if (!rows->bulk || rows->trusted)
		return false;
	while (fresh < set->fresh + set->nfresh && fresh->attr != attr->e)
		fresh++;
	if (fresh == set->fresh + MAX_FRESH)
		return false;
	if (fresh == set->fresh + set->nfresh)
	{
		set->nfresh++;
		fresh->attr = attr->e;
		fresh->since = nobody_has(rows->rel, attr) ?
			GetCurrentSubTransactionId() : InvalidSubTransactionId;
	}
	return fresh->since != InvalidSubTransactionId &&
		SubTransactionIsActive(fresh->since);
}

/* A row that is taken as it is leaves no fingerprint. */
static void
trust_row(Rows *rows)
{
	rows->trusted = true;
	datom_merge_distrust(rows->rel);
	for (PrintSet *set = print_sets; set; set = set->next)
		for (int i = 0; set->relid == rows->table->relid && i < set->nfresh; i++)
			set->fresh[i].since = InvalidSubTransactionId;
}

static void
check_unique(Rows *rows, const DatomRow *row, const DatomAttr *attr)
{
	PrintSet   *set = prints_of(rows->table->relid, row->tx);
	uint32		hash = datom_value_hash(row->v);
	bool		repeated = add_print(set, fingerprint(hash, attr, true));
	int64		owner;

	if (rows->bulk)
		datom_lock_all(rows->table->relid);
	else
		datom_lock_bucket(rows->table->relid,
						  datom_lock_value_bucket(attr->ident, attr->len, hash));
	if (is_fresh(rows, set, attr) && !repeated)
		return;
	for (int i = 0; (repeated || rows->trusted) && i < rows->done; i++)
	{
		DatomRow	other = prepared_row(rows->slots[i]);

		if (other.added && other.e != row->e && about(&other, attr) &&
			datom_value_equal(other.v, row->v))
			datom_append_refuse_taken(rows->rel, row->e, attr, other.e, 0);
	}
	if (datom_facts_owner(rows->rel, SnapshotSelf, attr, row->v, &owner) &&
		owner != row->e)
		datom_append_refuse_taken(rows->rel, row->e, attr, owner, 0);
}

/*
 * One row
 */

/* May the user say which transaction said it? Asked once a transaction. */
static void
require_trust(Relation rel)
{
	Oid			tx_table;

	if (trusted_lxid == MyProc->lxid && trusted_user == GetUserId())
		return;
	tx_table = get_relname_relid("tx", get_namespace_oid("datom", false));
	if (pg_class_aclcheck(tx_table, GetUserId(), ACL_INSERT) != ACLCHECK_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to give column \"tx\" of datom table \"%s\"",
						RelationGetRelationName(rel)),
				 errdetail("Only roles with INSERT on \"datom.tx\" may say which transaction said it."),
				 errhint("Leave \"tx\" out: it is the number of the current transaction.")));
	trusted_lxid = MyProc->lxid;
	trusted_user = GetUserId();
}

static void
note_entity(Rows *rows, int64 e)
{
	if (e <= MAX_ENTITY)
		rows->max_e = Max(rows->max_e, e);
}

static bool
is_drawn(Rows *rows, int64 e)
{
	Oid			sequence = rows->table->sequence;

	return OidIsValid(sequence) && e <= datom_append_sequence_value(sequence);
}

static void
check_entity(Rows *rows, const DatomRow *row)
{
	DatomEntry	entry;

	if (row->e > 0 && (row->e <= MAX_ENTITY || is_drawn(rows, row->e)))
	{
		note_entity(rows, row->e);
		return;
	}
	if (row->e >= 0 || row->e == PG_INT64_MIN ||
		(!datom_txlog_is_own(rows->table->relid, -row->e) &&
		 !datom_basis_find(-row->e, rows->table->relid, &entry)))
		refuse_entity(rows->rel, row->e);
}

static const DatomAttr *
find_attribute(Rows *rows, const DatomRow *row)
{
	if (rows->attr && about(row, rows->attr))
		return rows->attr;
	if (rows->schema == NULL)
		rows->schema = datom_attrs(rows->rel);
	rows->attr = datom_schema_need(rows->schema, row->a, row->alen,
									 RelationGetRelationName(rows->rel), 0);
	return rows->attr;
}

/* Fills and checks a row that is said now; its values may be replaced. */
static void
say_row(Rows *rows, DatomRow *row)
{
	const DatomAttr *attr;
	DatomValue *v;

	if (datom_schema_reserved(row->a, row->alen))
	{
		if (datom_append_schema_allowed == 0)
			datom_append_refuse_schema(rows->rel, row->a, row->alen);
		rows->schema = NULL;
	}
	attr = find_attribute(rows, row);
	row->tx = datom_txlog_write_tx(rows->table->relid, rows->table->importing);
	check_entity(rows, row);
	if (attr->type == datom_value_kind(row->v) && !datom_value_is_literal(row->v))
		v = row->v;
	else
		v = datom_value_coerce(row->v, attr->type);
	if (v == NULL)
		refuse_type(rows->rel, row->e, attr, row->v);
	row->v = v;
	if (!row->added)
		return;
	if (!attr->many)
		check_second(rows, row, attr);
	if (attr->unique != UNIQUE_NONE)
		check_unique(rows, row, attr);
}

/*
 * Puts the row back into its slot. The slots of COPY hold values only, and heap
 * makes their tuples right after; any other may hold a tuple, which is
 * replaced, with a copy of everything.
 */
static void
store_row(TupleTableSlot *slot, const DatomRow *row, bool copy)
{
	bool		physical = (TTS_IS_HEAPTUPLE(slot) || TTS_IS_BUFFERTUPLE(slot)) &&
		((HeapTupleTableSlot *) slot)->tuple != NULL;
	Oid			tableoid = slot->tts_tableOid;

	slot->tts_values[Anum_datom_v - 1] = PointerGetDatum(row->v);
	slot->tts_values[Anum_datom_tx - 1] = Int64GetDatum(row->tx);
	slot->tts_values[Anum_datom_added - 1] = BoolGetDatum(row->added);
	slot->tts_isnull[Anum_datom_tx - 1] = false;
	slot->tts_isnull[Anum_datom_added - 1] = false;
	if (!copy && !physical)
		return;
	ExecForceStoreHeapTuple(heap_form_tuple(slot->tts_tupleDescriptor,
											slot->tts_values, slot->tts_isnull),
							slot, true);
	slot->tts_tableOid = tableoid;
	slot_getallattrs(slot);
}

static void
prepare_row(Rows *rows, TupleTableSlot *slot)
{
	static const char *const required[] = {"e", "a", "v"};
	DatomRow	row;
	Datum	   *values;
	bool	   *nulls;
	bool		given;

	slot_getallattrs(slot);
	values = slot->tts_values;
	nulls = slot->tts_isnull;
	given = !nulls[Anum_datom_tx - 1];
	for (int i = 0; i < (int) lengthof(required); i++)
		if (nulls[i])
			refuse_null(required[i], rows->rel);
	if (nulls[Anum_datom_tx - 1])
		values[Anum_datom_tx - 1] = Int64GetDatum(0);
	if (nulls[Anum_datom_added - 1])
		values[Anum_datom_added - 1] = BoolGetDatum(true);
	values[Anum_datom_a - 1] = PointerGetDatum(PG_DETOAST_DATUM_PACKED(values[Anum_datom_a - 1]));
	row = prepared_row(slot);
	row.v = DatumGetDatomValuePP(PointerGetDatum(row.v));
	if (!given)
		say_row(rows, &row);
	else
	{
		require_trust(rows->rel);
		trust_row(rows);
		row.v = datom_value_settle(row.v);
		rows->max_tx = Max(rows->max_tx, row.tx);
		note_entity(rows, row.e);
	}
	/* Who is pointed to is somebody, and not to be the next new entity. */
	if (datom_value_kind(row.v) == DATOM_REF)
		note_entity(rows, datom_value_get_int(row.v));
	rows->schema_changes |= datom_schema_reserved(row.a, row.alen);
	datom_tail_note(rows->rel, &row, given, given || rows->attr->unique != UNIQUE_NONE ||
					rows->attr->type == DATOM_REF);
	store_row(slot, &row, rows->copy);
}

/* A number that came from elsewhere must not be drawn here for another one. */
static void
reach_tx(Rows *rows)
{
	Relation	seq = relation_open(datom_ledger_oid("tx_id"), RowExclusiveLock);

	rows->table->tx_reached = raise_sequence(seq, rows->max_tx);
	relation_close(seq, NoLock);
}

static void
prepare(Rows *rows, int n)
{
	datom_append_refuse_as_of(RelationGetRelationName(rows->rel));
	rows->table = datom_log_table(rows->rel);
	if (datom_tail_own(rows->table->relid) == 0)
		datom_merge_relieve(rows->rel, false);
	if (rows->table->importing && datom_lock_importer(rows->table->relid))
	{
		AcceptInvalidationMessages();
		rows->table = datom_log_table(rows->rel);
	}
	for (rows->done = 0; rows->done < n; rows->done++)
		prepare_row(rows, rows->slots[rows->done]);
	if (rows->max_e > 0)
		datom_append_reach(rows->rel, rows->max_e);
	if (rows->max_tx > rows->table->tx_reached)
		reach_tx(rows);
	if (rows->schema_changes)
		CacheInvalidateRelcache(rows->rel);
}

/*
 * One row, which is copied into its slot: INSERT calls this in a context that
 * lives as long as the query.
 */
void
datom_append_row(Relation rel, TupleTableSlot *slot)
{
	Rows		rows = {.rel = rel, .slots = &slot, .copy = true};
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "datom append",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);

	prepare(&rows, 1);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

/* Rows of COPY; what they point to lives in the current context. */
void
datom_append_batch(Relation rel, TupleTableSlot **slots, int n)
{
	Rows		rows = {.rel = rel, .slots = slots, .bulk = n >= BULK};

	prepare(&rows, n);
}

static void
forget_transaction(XactEvent event, void *arg)
{
	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT)
		return;
	print_sets = NULL;
	datom_append_schema_allowed = 0;
	trusted_lxid = InvalidLocalTransactionId;
}

void
datom_append_init(void)
{
	RegisterXactCallback(forget_transaction, NULL);
}
