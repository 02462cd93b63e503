/*
 * fdw_write.c: INSERT, UPDATE, DELETE and COPY on entity tables.
 *
 * They become the operations of transact() and are carried out with its checks
 * and locks, as part of the transaction in progress.
 *
 *	INSERT		a new entity, or the one given, which must not be a row yet; a
 *				fact for each column that is not null. Where transact() would find
 *				an entity by its identity, there is a unique violation.
 *	UPDATE		another value in place of the one before, a retraction for null,
 *				exactly the values of an array. Of columns that are set to
 *				something else than they show.
 *	DELETE		retracts the facts of the table's namespace, and of its columns'
 *				attributes and key where they are of another. Other facts of the
 *				entity stay, and so do references to it.
 *
 * The scan has locked the entities that are updated or deleted and read them
 * after that (fdw_lock.c), so what the executor computes is not stale.
 *
 * Rows are carried out many at a time: INSERT by the executor's batches, COPY,
 * UPDATE and DELETE here, the last of them when the statement ends. Where a
 * trigger of the entity table could see the difference, one at a time. Batches are
 * small until the table's lock is held, or else they would take it.
 *
 * A row is changed once by a statement, even if a join gives it several times or
 * another part of the statement finds it as well.
 */
#include "fdw.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/sequence.h"
#include "executor/executor.h"
#include "foreign/fdwapi.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "optimizer/appendinfo.h"
#include "optimizer/inherit.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "parser/parsetree.h"
#include "utils/array.h"
#include "utils/datum.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "append.h"
#include "attrs.h"
#include "entity_row.h"
#include "locks.h"
#include "log.h"
#include "resolve.h"
#include "sql_value.h"
#include "transact.h"

/* Rows at once, and operations while others may write to the table. */
#define BATCH_ROWS 1000
#define BATCH_OPS 200

/* Junk columns of UPDATE and DELETE. */
#define ENTITY_JUNK "datom_e"
#define ROW_JUNK "wholerow"

typedef struct EntityWrite
{
	DatomEntityTable *table;
	Relation	foreign;
	Relation	db;
	const DatomAttr **attrs;	/* of each column; NULL: the entity, or not defined */
	int			entity;			/* the column of the entity, or -1 */
	bool	   *target;			/* columns that UPDATE sets */
	List	   *deleted;		/* attributes that DELETE retracts */
	AttrNumber	e_junk;
	AttrNumber	row_junk;
	bool		one_by_one;
	bool		do_nothing;		/* ON CONFLICT */
	EState	   *estate;			/* of the statement */
	struct EntityWrite *other;	/* another in progress, perhaps of the same statement */
	MemoryContextCallback gone;
	HTAB	   *given_here;		/* entities that rows were inserted for */
	HTAB	   *changed;		/* those that the statement has updated or deleted */
	/* Not carried out yet: */
	MemoryContext context;
	List	   *ops;
	List	   *nodes;			/* lookups */
	int			rows;
	int64	   *given;			/* entities that must not be rows yet */
	int			ngiven;
	int			room;
} EntityWrite;

/* Those in progress. */
static EntityWrite *writes = NULL;

/*
 * Planning
 */

static void
add_targets(PlannerInfo *root, Index rtindex, RangeTblEntry *rte, Relation foreign)
{
	DatomEntityTable *table = datom_entity_table_unchecked(foreign);
	AttrNumber	e = InvalidAttrNumber;

	for (int i = 0; i < table->ncolumns; i++)
		if (table->columns[i].ident == NULL)
			e = table->columns[i].number;
	if (e == InvalidAttrNumber)
		datom_entity_refuse_nameless(table);
	add_row_identity_var(root, makeVar(rtindex, e, INT8OID, -1, InvalidOid, 0), rtindex,
						 ENTITY_JUNK);
	/* UPDATE has it anyhow. */
	if (root->parse->commandType == CMD_DELETE && root->parse->returningList)
		add_row_identity_var(root, makeVar(rtindex, InvalidAttrNumber, RECORDOID, -1,
										   InvalidOid, 0), rtindex, ROW_JUNK);
}

static void
refuse_entity_change(Relation foreign, const DatomEntityColumn *column)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("column \"%s\" of entity table \"%s\" cannot be updated",
					column->name, RelationGetRelationName(foreign)),
			 errdetail("It is the entity that the row is about.")));
}

/* The columns that UPDATE sets; empty where triggers may set any. */
static List *
plan_write(PlannerInfo *root, ModifyTable *plan, Index relation, int subplan)
{
	RangeTblEntry *rte = planner_rt_fetch(relation, root);
	Relation	foreign;
	DatomEntityTable *table;
	Bitmapset  *updated;
	List	   *columns = NIL;

	if (plan->operation != CMD_UPDATE)
		return NIL;
	foreign = table_open(rte->relid, NoLock);
	table = datom_entity_table_unchecked(foreign);
	updated = get_rel_all_updated_cols(root, find_base_rel(root, relation));
	for (int i = 0; i < table->ncolumns; i++)
	{
		if (!bms_is_member(table->columns[i].number - FirstLowInvalidHeapAttributeNumber,
						   updated))
			continue;
		if (table->columns[i].ident == NULL)
			refuse_entity_change(foreign, &table->columns[i]);
		columns = lappend_int(columns, table->columns[i].number);
	}
	if (foreign->trigdesc && foreign->trigdesc->trig_update_before_row)
		columns = NIL;
	table_close(foreign, NoLock);
	return columns;
}

/*
 * Beginning
 */

static const DatomAttr *
find_attr(const DatomSchema *schema, const char *ident)
{
	return ident ? datom_schema_find(schema, ident, strlen(ident)) : NULL;
}

static bool
is_deleted(const EntityWrite *write, const DatomAttr *attr)
{
	const DatomEntityTable *table = write->table;
	int			len = table->namespace ? strlen(table->namespace) : 0;

	if (attr->builtin >= 0)
		return false;
	if (len > 0 && attr->len > len + 2 && attr->ident[len + 1] == '/' &&
		memcmp(attr->ident + 1, table->namespace, len) == 0)
		return true;
	if (table->key && strcmp(attr->ident, table->key) == 0)
		return true;
	for (int i = 0; i < table->ncolumns; i++)
		if (write->attrs[i] == attr)
			return true;
	return false;
}

static void
read_columns(EntityWrite *write, List *targets)
{
	const DatomEntityTable *table = write->table;
	const DatomSchema *schema = datom_attrs(write->db);

	write->attrs = palloc0(sizeof(DatomAttr *) * Max(table->ncolumns, 1));
	write->target = palloc0(sizeof(bool) * Max(table->ncolumns, 1));
	write->entity = -1;
	for (int i = 0; i < table->ncolumns; i++)
	{
		write->attrs[i] = find_attr(schema, table->columns[i].ident);
		write->target[i] = targets == NIL || list_member_int(targets, table->columns[i].number);
		if (table->columns[i].ident == NULL)
			write->entity = i;
	}
	for (int i = 0; i < datom_schema_count(schema); i++)
		if (is_deleted(write, datom_schema_nth(schema, i)))
			write->deleted = lappend(write->deleted, (void *) datom_schema_nth(schema, i));
}

static HTAB *
entity_set(void)
{
	HASHCTL		ctl = {
		.keysize = sizeof(int64), .entrysize = sizeof(int64), .hcxt = CurrentMemoryContext
	};

	return hash_create("datom entities", 256, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/* It has ended, or an error has ended it. */
static void
leave_writes(void *arg)
{
	EntityWrite **place = &writes;

	while (*place && *place != arg)
		place = &(*place)->other;
	if (*place)
		*place = (*place)->other;
}

/* A statement may write to a table in several places, and changes a row in one. */
static void
join_writes(EntityWrite *write, EState *estate)
{
	write->estate = estate;
	write->given_here = entity_set();
	for (EntityWrite *one = writes; one; one = one->other)
		if (one->estate == estate && one->table->relid == write->table->relid)
			write->changed = one->changed;
	if (write->changed == NULL)
		write->changed = entity_set();
	write->other = writes;
	writes = write;
	write->gone.func = leave_writes;
	write->gone.arg = write;
	MemoryContextRegisterResetCallback(estate->es_query_cxt, &write->gone);
}

static EntityWrite *
begin_write(ModifyTableState *mtstate, ResultRelInfo *info, List *targets)
{
	MemoryContext old = MemoryContextSwitchTo(mtstate->ps.state->es_query_cxt);
	EntityWrite *write = palloc0(sizeof(EntityWrite));
	ModifyTable *plan = (ModifyTable *) mtstate->ps.plan;

	write->foreign = info->ri_RelationDesc;
	write->table = datom_entity_table(write->foreign);
	datom_entity_require(write->table, ACL_SELECT | ACL_INSERT);
	datom_append_refuse_as_of(RelationGetRelationName(write->foreign));
	write->db = table_open(write->table->db, RowExclusiveLock);
	read_columns(write, targets);
	write->one_by_one = info->ri_TrigDesc != NULL;
	write->do_nothing = plan && plan->onConflictAction == ONCONFLICT_NOTHING;
	join_writes(write, mtstate->ps.state);
	write->context = AllocSetContextCreate(CurrentMemoryContext, "datom entity writes",
										   ALLOCSET_DEFAULT_SIZES);
	info->ri_FdwState = write;
	MemoryContextSwitchTo(old);
	return write;
}

static void
begin_modify(ModifyTableState *mtstate, ResultRelInfo *info, List *targets, int subplan,
			 int eflags)
{
	EntityWrite *write;
	List	   *tlist;

	if (eflags & EXEC_FLAG_EXPLAIN_ONLY)
		return;
	write = begin_write(mtstate, info, targets);
	if (mtstate->operation == CMD_INSERT)
		return;
	tlist = outerPlanState(mtstate)->plan->targetlist;
	write->e_junk = ExecFindJunkAttributeInTlist(tlist, ENTITY_JUNK);
	write->row_junk = ExecFindJunkAttributeInTlist(tlist, ROW_JUNK);
}

static void
begin_insert(ModifyTableState *mtstate, ResultRelInfo *info)
{
	/* UPDATE may move rows to a partition that it writes to as well. */
	if (info->ri_FdwState == NULL)
		begin_write(mtstate, info, NIL);
}

/*
 * Operations
 */

static TxOp *
add_op(EntityWrite *write, TxOpKind kind, TxNode *e, const DatomAttr *attr)
{
	TxOp	   *op = palloc0(sizeof(TxOp));

	op->kind = kind;
	op->e = e;
	op->attr = attr;
	write->ops = lappend(write->ops, op);
	return op;
}

static TxNode *
entity_node(int64 e, bool fresh)
{
	TxNode	   *node = palloc0(sizeof(TxNode));

	node->kind = NODE_FIXED;
	node->e = e;
	node->fresh = fresh;
	return node;
}

/* The attribute that a column writes. */
static const DatomAttr *
attr_to_write(EntityWrite *write, int i)
{
	const char *ident = write->table->columns[i].ident;

	if (datom_schema_reserved(ident, strlen(ident)))
		datom_append_refuse_schema(write->db, ident, strlen(ident));
	if (write->attrs[i] == NULL)
		write->attrs[i] = datom_schema_need(datom_attrs(write->db), ident, strlen(ident),
											RelationGetRelationName(write->db), 0);
	return write->attrs[i];
}

/* A value of a column, or who has the identity that it shows. */
static TxValue
value_to_write(EntityWrite *write, int i, Datum value)
{
	const DatomEntityColumn *column = &write->table->columns[i];
	const DatomAttr *identity;
	TxNode	   *node;

	if (column->identity == NULL)
		return (TxValue) {
			.v = datom_sql_to_value(value, column->type, write->attrs[i])
		};
	identity = datom_schema_need(datom_attrs(write->db), column->identity,
								 strlen(column->identity),
								 RelationGetRelationName(write->db), 0);
	node = palloc0(sizeof(TxNode));
	node->kind = NODE_LOOKUP;
	node->attr = identity;
	node->v = datom_facts_lookup_value(identity,
									   datom_sql_to_value(value, column->type, identity), 0);
	write->nodes = lappend(write->nodes, node);
	return (TxValue) {
		.node = node
	};
}

static int
read_array(EntityWrite *write, int i, Datum value, Datum **elements)
{
	const DatomEntityColumn *column = &write->table->columns[i];
	ArrayType  *array = DatumGetArrayTypeP(value);
	int16		len;
	bool		byval;
	char		align;
	int			n;

	if (ARR_NDIM(array) > 1 || array_contains_nulls(array))
		ereport(ERROR,
				(errcode(ARR_NDIM(array) > 1 ? ERRCODE_ARRAY_SUBSCRIPT_ERROR :
						 ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("column \"%s\" of entity table \"%s\" takes arrays of one dimension and without nulls",
						column->name, RelationGetRelationName(write->foreign))));
	get_typlenbyvalalign(column->type, &len, &byval, &align);
	deconstruct_array(array, column->type, len, byval, align, elements, NULL, &n);
	return n;
}

/* Sets a column of an entity; `other`: it may have had other values. */
static void
write_column(EntityWrite *write, TxNode *e, int i, Datum value, bool isnull, bool other)
{
	const DatomAttr *attr = attr_to_write(write, i);
	Datum	   *elements = &value;
	int			n = isnull ? 0 : 1;
	List	   *keep = NIL;

	if (!isnull && write->table->columns[i].many)
		n = read_array(write, i, value, &elements);
	if (n == 0 && other)
		add_op(write, OP_RETRACT_ATTRIBUTE, e, attr);
	for (int k = 0; k < n; k++)
	{
		TxOp	   *op = add_op(write, OP_ADD, e, attr);

		op->v = value_to_write(write, i, elements[k]);
		keep = lappend(keep, &op->v);
	}
	if (n > 0 && other && attr->many)
		add_op(write, OP_RETRACT_OTHERS, e, attr)->keep = keep;
}

/*
 * Carrying out
 */

static void
refuse_given(EntityWrite *write, int64 e)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNIQUE_VIOLATION),
			 errmsg("entity " INT64_FORMAT " is a row of entity table \"%s\" already",
					e, RelationGetRelationName(write->foreign)),
			 errtable(write->foreign)));
}

static bool
is_row(EntityWrite *write, DatomReader *reader, int64 e)
{
	DatomSettled now = {.at = DT_NOEND, .snapshot = reader->snapshot};
	bool	   *needed = palloc0(sizeof(bool) * Max(write->table->ncolumns, 1));
	DatomEntityRow *row = datom_entity_row_make(write->db, write->table, needed, &now,
												DT_NOBEGIN);
	const Datum *values;
	const bool *nulls;
	bool		found = datom_entity_row_read(row, reader, e, &values, &nulls);

	datom_entity_row_free(row);
	return found;
}

static void
check_given(void *arg, DatomReader *reader)
{
	EntityWrite *write = arg;

	for (int i = 0; i < write->ngiven; i++)
		if (is_row(write, reader, write->given[i]))
			refuse_given(write, write->given[i]);
}

static void
forget(EntityWrite *write)
{
	write->ops = NIL;
	write->nodes = NIL;
	write->rows = 0;
	write->given = NULL;
	write->ngiven = write->room = 0;
	MemoryContextReset(write->context);
}

static void
carry_out_one(EntityWrite *write)
{
	MemoryContext old;

	if (write->rows == 0)
		return;
	old = MemoryContextSwitchTo(write->context);
	if (write->ops)
		datom_transact_ops(write->db, write->ops, write->nodes, write->table->owner,
						   check_given, write);
	MemoryContextSwitchTo(old);
	forget(write);
}

/*
 * What the statement has changed elsewhere comes first: a value that it took from
 * one row may be given to another.
 */
static void
carry_out(EntityWrite *write)
{
	for (EntityWrite *one = writes; one; one = one->other)
		if (one != write && one->estate == write->estate && one->db == write->db)
			carry_out_one(one);
	carry_out_one(write);
}

/* A row more; `others`: while others may write to the table. */
static void
carry_out_if_many(EntityWrite *write, bool others)
{
	write->rows++;
	if (write->one_by_one || write->rows >= BATCH_ROWS ||
		(others && list_length(write->ops) >= BATCH_OPS &&
		 !datom_lock_all_held(write->table->db)))
		carry_out(write);
}

/* Was it not in the set? */
static bool
is_first(HTAB *set, int64 e)
{
	bool		found;

	hash_search(set, &e, HASH_ENTER, &found);
	return !found;
}

static void
end_write(EState *estate, ResultRelInfo *info)
{
	EntityWrite *write = info->ri_FdwState;

	if (write == NULL)
		return;
	carry_out(write);
	leave_writes(write);
	table_close(write->db, NoLock);
	info->ri_FdwState = NULL;
}

/*
 * Rows
 */

/* An array's values as they will be read: in their order, each once. */
static Datum
settled_array(EntityWrite *write, int i, Datum value, bool *isnull)
{
	const DatomEntityColumn *column = &write->table->columns[i];
	Datum	   *elements;
	int			n = read_array(write, i, value, &elements);

	*isnull = n == 0;
	return n == 0 ? value : datom_entity_array(column, elements, n);
}

/* The slot outlives the context of the batch. */
static void
store_tuple(TupleTableSlot *slot, TupleDesc desc, Datum *values, bool *nulls)
{
	MemoryContext old = MemoryContextSwitchTo(slot->tts_mcxt);
	Oid			tableoid = slot->tts_tableOid;

	ExecForceStoreHeapTuple(heap_form_tuple(desc, values, nulls), slot, true);
	slot->tts_tableOid = tableoid;
	slot_getallattrs(slot);
	MemoryContextSwitchTo(old);
}

/* What RETURNING and triggers are shown. */
static void
settle_slot(EntityWrite *write, TupleTableSlot *slot, const int64 *e)
{
	TupleDesc	desc = slot->tts_tupleDescriptor;
	Datum	   *values = palloc(sizeof(Datum) * desc->natts);
	bool	   *nulls = palloc(sizeof(bool) * desc->natts);
	bool		changed = false;

	slot_getallattrs(slot);
	memcpy(values, slot->tts_values, sizeof(Datum) * desc->natts);
	memcpy(nulls, slot->tts_isnull, sizeof(bool) * desc->natts);
	for (int i = 0; i < write->table->ncolumns; i++)
	{
		int			at = write->table->columns[i].number - 1;

		if (i == write->entity && e)
		{
			values[at] = Int64GetDatum(*e);
			nulls[at] = false;
			changed = true;
		}
		else if (write->table->columns[i].many && !nulls[at])
		{
			values[at] = settled_array(write, i, values[at], &nulls[at]);
			changed = true;
		}
	}
	if (changed)
		store_tuple(slot, desc, values, nulls);
}

static bool
is_key(const DatomEntityTable *table, int i)
{
	const char *ident = table->columns[i].ident;

	return ident && (table->key == NULL || strcmp(ident, table->key) == 0);
}

/* It must be a row afterwards; an UPDATE of other columns than the key leaves it one. */
static void
require_row(EntityWrite *write, TupleTableSlot *slot, bool is_new)
{
	const DatomEntityTable *table = write->table;
	bool		shown = false;

	for (int i = 0; i < table->ncolumns; i++)
	{
		if (!is_key(table, i))
			continue;
		shown = true;
		if (!slot->tts_isnull[table->columns[i].number - 1])
			return;
	}
	if (!shown && !is_new)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_NOT_NULL_VIOLATION),
			 table->key ?
			 errmsg("a row of entity table \"%s\" must have a value of attribute \"%s\"",
					RelationGetRelationName(write->foreign), table->key) :
			 errmsg("a row of entity table \"%s\" must have a value in some column",
					RelationGetRelationName(write->foreign)),
			 errtable(write->foreign)));
}

static void
check_row(EntityWrite *write, EState *estate, ResultRelInfo *info, TupleTableSlot *slot,
		  bool is_new)
{
	require_row(write, slot, is_new);
	if (RelationGetDescr(write->foreign)->constr)
		ExecConstraints(info, slot, estate);
}

/* The entity of a row that is inserted; false if it is a new one. */
static bool
is_given(EntityWrite *write, TupleTableSlot *slot, int64 *e)
{
	int			at = write->entity < 0 ? -1 : write->table->columns[write->entity].number - 1;

	slot_getallattrs(slot);
	if (at >= 0 && !slot->tts_isnull[at])
	{
		*e = DatumGetInt64(slot->tts_values[at]);
		return true;
	}
	*e = datom_resolve_new(RelationGetRelationName(write->db),
						   datom_log_table(write->db)->sequence);
	return false;
}

static void
note_given(EntityWrite *write, int64 e)
{
	if (!is_first(write->given_here, e))
		refuse_given(write, e);
	if (write->ngiven == write->room)
	{
		write->room = Max(64, write->room * 2);
		write->given = write->given ?
			repalloc(write->given, sizeof(int64) * write->room) :
			palloc(sizeof(int64) * write->room);
	}
	write->given[write->ngiven++] = e;
}

static void
add_insert(EntityWrite *write, EState *estate, ResultRelInfo *info, TupleTableSlot *slot)
{
	MemoryContext old = MemoryContextSwitchTo(write->context);
	int64		e;
	bool		given = is_given(write, slot, &e);
	TxNode	   *node = entity_node(e, !given);

	settle_slot(write, slot, given ? NULL : &e);
	check_row(write, estate, info, slot, true);
	if (given && !write->do_nothing)
		note_given(write, e);
	for (int i = 0; i < write->table->ncolumns; i++)
	{
		int			at = write->table->columns[i].number - 1;

		if (i != write->entity && !slot->tts_isnull[at])
			write_column(write, node, i, slot->tts_values[at], false, false);
	}
	MemoryContextSwitchTo(old);
}

/*
 * ON CONFLICT DO NOTHING: locks what the row must be alone with, and looks whether
 * it would be. The locks are kept, so that it stays true.
 */
static bool
conflicts(EntityWrite *write)
{
	uint32	   *buckets = palloc(sizeof(uint32) * (list_length(write->ops) + 1));
	TxNode	   *e = ((TxOp *) linitial(write->ops))->e;
	Snapshot	snapshot;
	DatomReader *reader;
	bool		found;
	int			n = 0;
	ListCell   *lc;

	if (!e->fresh)
		buckets[n++] = datom_lock_entity_bucket(e->e);
	foreach(lc, write->ops)
	{
		TxOp	   *op = lfirst(lc);

		if (op->attr->unique != UNIQUE_NONE && op->v.v)
			buckets[n++] = datom_lock_value_bucket(op->attr->ident, op->attr->len,
												   datom_value_hash(op->v.v));
	}
	datom_lock_buckets(write->table->db, buckets, n);
	snapshot = RegisterSnapshot(GetLatestSnapshot());
	reader = datom_facts_reader(write->db, snapshot, DT_NOEND);
	datom_rows_fresh(reader->rows);
	if (IsolationUsesXactSnapshot())
		reader->must_see = GetTransactionSnapshot();
	found = !e->fresh && is_row(write, reader, e->e);
	foreach(lc, write->ops)
	{
		TxOp	   *op = lfirst(lc);
		int64		owner = op->attr->unique != UNIQUE_NONE && op->v.v ?
			datom_resolve_lookup(reader, op->attr, op->v.v, DT_NOEND) : 0;

		found |= owner != 0 && owner != e->e;
	}
	datom_facts_end(reader);
	UnregisterSnapshot(snapshot);
	return found;
}

static TupleTableSlot *
exec_insert(EState *estate, ResultRelInfo *info, TupleTableSlot *slot, TupleTableSlot *plan)
{
	EntityWrite *write = info->ri_FdwState;

	add_insert(write, estate, info, slot);
	if (write->do_nothing)
	{
		MemoryContext old = MemoryContextSwitchTo(write->context);
		bool		skip = conflicts(write);

		MemoryContextSwitchTo(old);
		if (skip)
		{
			forget(write);
			return NULL;
		}
	}
	/* Only COPY has no plan; there the rest is carried out at its end. */
	if (plan == NULL)
		carry_out_if_many(write, false);
	else
	{
		write->rows++;
		carry_out(write);
	}
	return slot;
}

static TupleTableSlot **
exec_insert_batch(EState *estate, ResultRelInfo *info, TupleTableSlot **slots,
				  TupleTableSlot **plans, int *n)
{
	EntityWrite *write = info->ri_FdwState;

	for (int i = 0; i < *n; i++)
	{
		add_insert(write, estate, info, slots[i]);
		write->rows++;
	}
	carry_out(write);
	return slots;
}

static int
batch_size(ResultRelInfo *info)
{
	EntityWrite *write = info->ri_FdwState;

	if (info->ri_projectReturning || info->ri_WithCheckOptions != NIL ||
		info->ri_TrigDesc || (write && write->do_nothing))
		return 1;
	return BATCH_ROWS;
}

static int64
junk_entity(EntityWrite *write, TupleTableSlot *plan)
{
	bool		isnull;
	Datum		e = ExecGetJunkAttribute(plan, write->e_junk, &isnull);

	if (isnull)
		elog(ERROR, "a row to be changed has no entity");
	return DatumGetInt64(e);
}

/* The row as the scan gave it, as arrays. */
static void
junk_row(EntityWrite *write, TupleTableSlot *plan, Datum **values, bool **nulls)
{
	TupleDesc	desc = RelationGetDescr(write->foreign);
	bool		isnull;
	Datum		row = ExecGetJunkAttribute(plan, write->row_junk, &isnull);
	HeapTupleData tuple = {0};

	if (isnull)
		elog(ERROR, "a row to be changed is missing");
	tuple.t_data = DatumGetHeapTupleHeader(row);
	tuple.t_len = HeapTupleHeaderGetDatumLength(tuple.t_data);
	*values = palloc(sizeof(Datum) * desc->natts);
	*nulls = palloc(sizeof(bool) * desc->natts);
	heap_deform_tuple(&tuple, desc, *values, *nulls);
}

static bool
is_changed(TupleDesc desc, int at, TupleTableSlot *slot, const Datum *values,
		   const bool *nulls)
{
	Form_pg_attribute att = TupleDescAttr(desc, at);

	if (slot->tts_isnull[at] || nulls[at])
		return slot->tts_isnull[at] != nulls[at];
	return !datum_image_eq(slot->tts_values[at], values[at], att->attbyval, att->attlen);
}

static void
add_update(EntityWrite *write, int64 e, TupleTableSlot *slot, TupleTableSlot *plan)
{
	TupleDesc	desc = RelationGetDescr(write->foreign);
	TxNode	   *node = entity_node(e, false);
	Datum	   *values;
	bool	   *nulls;

	junk_row(write, plan, &values, &nulls);
	for (int i = 0; i < write->table->ncolumns; i++)
	{
		int			at = write->table->columns[i].number - 1;

		if (!write->target[i] || !is_changed(desc, at, slot, values, nulls))
			continue;
		if (i == write->entity)
			refuse_entity_change(write->foreign, &write->table->columns[i]);
		write_column(write, node, i, slot->tts_values[at], slot->tts_isnull[at], true);
	}
}

static TupleTableSlot *
exec_update(EState *estate, ResultRelInfo *info, TupleTableSlot *slot, TupleTableSlot *plan)
{
	EntityWrite *write = info->ri_FdwState;
	int64		e = junk_entity(write, plan);
	MemoryContext old;

	if (!is_first(write->changed, e))
		return NULL;
	old = MemoryContextSwitchTo(write->context);
	settle_slot(write, slot, NULL);
	check_row(write, estate, info, slot, false);
	add_update(write, e, slot, plan);
	MemoryContextSwitchTo(old);
	carry_out_if_many(write, true);
	return slot;
}

static TupleTableSlot *
exec_delete(EState *estate, ResultRelInfo *info, TupleTableSlot *slot, TupleTableSlot *plan)
{
	EntityWrite *write = info->ri_FdwState;
	int64		e = junk_entity(write, plan);
	MemoryContext old;
	Datum	   *values;
	bool	   *nulls;

	if (!is_first(write->changed, e))
		return NULL;
	old = MemoryContextSwitchTo(write->context);
	ExecStoreAllNullTuple(slot);
	if (write->row_junk != InvalidAttrNumber)
	{
		junk_row(write, plan, &values, &nulls);
		store_tuple(slot, RelationGetDescr(write->foreign), values, nulls);
	}
	add_op(write, OP_RETRACT_ATTRIBUTES, entity_node(e, false), NULL)->attrs = write->deleted;
	MemoryContextSwitchTo(old);
	carry_out_if_many(write, true);
	return slot;
}

static int
is_updatable(Relation foreign)
{
	return 1 << CMD_INSERT | 1 << CMD_UPDATE | 1 << CMD_DELETE;
}

void
datom_fdw_write_routines(FdwRoutine *routine)
{
	routine->AddForeignUpdateTargets = add_targets;
	routine->PlanForeignModify = plan_write;
	routine->BeginForeignModify = begin_modify;
	routine->ExecForeignInsert = exec_insert;
	routine->ExecForeignBatchInsert = exec_insert_batch;
	routine->GetForeignModifyBatchSize = batch_size;
	routine->ExecForeignUpdate = exec_update;
	routine->ExecForeignDelete = exec_delete;
	routine->EndForeignModify = end_write;
	routine->BeginForeignInsert = begin_insert;
	routine->EndForeignInsert = end_write;
	routine->IsForeignRelUpdatable = is_updatable;
}
