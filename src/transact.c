/*
 * transact.c: datom.transact(), and whoever else has operations to carry out.
 *
 * In stages, each of which takes what the one before leaves:
 *
 *	read		text or jsonb to operations (txdata.c)
 *	settle		lock and resolve until nothing new is learned
 *	decide		what is to be asserted and retracted, given what holds
 *	check		contradictions, uniqueness, changes of attributes
 *	say			one INSERT, through triggers, constraints, rules and indexes
 *
 * Settling. The values that identify entities are locked, then what they lead
 * to is looked up, then those entities are locked, and then all is looked up
 * again with a snapshot taken after the last lock: what was found before a
 * wait may have changed meanwhile. When a round takes no lock, everything that
 * was read is protected until the transaction ends. Buckets are taken in
 * ascending order, values before entities, so that transactions of one call
 * each cannot deadlock. Many locks are taken as the lock of the whole table,
 * before the first bucket, because two who hold some cannot both have it; so is
 * that of a transaction function, before it runs.
 *
 * In REPEATABLE READ and above the snapshot after the locks may show facts
 * that the transaction's own does not; then 40001 is raised.
 *
 * Deciding. Asserting what holds adds nothing, retracting what does not hold
 * neither. A replaced value of a unique attribute is retracted in so many
 * words, before anything is asserted, so that values can change hands within
 * one transaction.
 */
#include "transact.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/tupdesc.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "append.h"
#include "create.h"
#include "evolve.h"
#include "facts.h"
#include "instant.h"
#include "locks.h"
#include "attrs.h"
#include "log.h"
#include "merge.h"
#include "resolve.h"
#include "say.h"
#include "tail.h"
#include "txdata.h"
#include "txlog.h"

/* An entity that points to one that is retracted, and with which attribute. */
typedef struct Referrer
{
	int64		e;
	const DatomAttr *attr;
	DatomValue *target;
} Referrer;

typedef struct Transact
{
	Relation	rel;
	TxData	   *data;
	Oid			role;			/* whose right to INSERT counts */
	DatomReader *reader;
	Snapshot	snapshot;
	int64		tx;
	List	   *closure;		/* entities that retractions reach; see reach() */
	List	   *referrers;		/* Referrer, outside of the closure */
	TxFact	   *facts;
	int			count;
	int			room;
} Transact;

/*
 * Settling
 */

/* Takes these buckets; true if one of them was not held. */
static bool
take_buckets(Transact *t, uint32 *buckets, int n)
{
	return t->data->calls ? datom_lock_all(t->data->db) :
		datom_lock_buckets(t->data->db, buckets, n);
}

static uint32
value_bucket(const DatomAttr *attr, const DatomValue *v)
{
	return datom_lock_value_bucket(attr->ident, attr->len, datom_value_hash(v));
}

/* May these operations take so many locks? */
static bool
are_many(Transact *t)
{
	int			n = 0;
	ListCell   *lc;

	foreach(lc, t->data->ops)
	{
		TxOp	   *op = lfirst(lc);

		n += op->attr && op->attr->unique != UNIQUE_NONE && op->v.node ? 2 : 1;
	}
	return n > DATOM_MANY_LOCKS;
}

/* The values by which entities are found, or which must not be found twice. */
static bool
lock_values(Transact *t)
{
	uint32	   *buckets = palloc(sizeof(uint32) *
								 (list_length(t->data->nodes) + list_length(t->data->ops) + 1));
	int			n = 0;
	ListCell   *lc;

	if (are_many(t))
		return datom_lock_all(t->data->db);
	foreach(lc, t->data->nodes)
	{
		TxNode	   *node = lfirst(lc);

		if (node->kind == NODE_LOOKUP)
			buckets[n++] = value_bucket(node->attr, node->v);
	}
	foreach(lc, t->data->ops)
	{
		TxOp	   *op = lfirst(lc);

		if (op->attr && op->attr->unique != UNIQUE_NONE && op->v.v)
			buckets[n++] = value_bucket(op->attr, op->v.v);
	}
	return take_buckets(t, buckets, n);
}

/* The entities that are spoken of, and whose facts this changes or depends on. */
static bool
lock_entities(Transact *t)
{
	uint32	   *buckets = palloc(sizeof(uint32) *
								 (list_length(t->data->ops) * 2 + list_length(t->closure) +
								  list_length(t->referrers) + 1));
	int			n = 0;
	ListCell   *lc;

	foreach(lc, t->data->ops)
	{
		TxOp	   *op = lfirst(lc);
		int64		e = datom_resolve_find(op->e)->e;
		int64		target = op->v.node ? datom_resolve_find(op->v.node)->e : 0;

		if (e != 0 && e != -t->tx)
			buckets[n++] = datom_lock_entity_bucket(e);
		if (op->attr && op->attr->unique != UNIQUE_NONE && target != 0)
			buckets[n++] = value_bucket(op->attr, datom_value_make_ref(target));
	}
	foreach(lc, t->closure)
		buckets[n++] = datom_lock_entity_bucket(*(int64 *) lfirst(lc));
	foreach(lc, t->referrers)
		buckets[n++] = datom_lock_entity_bucket(((Referrer *) lfirst(lc))->e);
	return take_buckets(t, buckets, n);
}

static bool
in_closure(Transact *t, int64 e)
{
	ListCell   *lc;

	foreach(lc, t->closure)
		if (*(int64 *) lfirst(lc) == e)
			return true;
	return false;
}

static void
add_to_closure(Transact *t, int64 e)
{
	int64	   *copy = palloc(sizeof(int64));

	*copy = e;
	t->closure = lappend(t->closure, copy);
}

/* An entity to be retracted, and its components. */
static void
reach(Transact *t, int64 e)
{
	DatomEntityFacts *attrs;
	int			n;

	check_stack_depth();
	if (in_closure(t, e))
		return;
	add_to_closure(t, e);
	n = datom_facts_entity(t->reader, e, &attrs);
	for (int i = 0; i < n; i++)
	{
		if (attrs[i].attr == NULL || !attrs[i].attr->component ||
			attrs[i].attr->type != DATOM_REF)
			continue;
		for (int k = 0; k < attrs[i].count; k++)
			if (datom_fact_holds(&attrs[i].facts[k], DT_NOEND))
				reach(t, datom_value_get_int(attrs[i].facts[k].v));
	}
}

static void
add_referrers(Transact *t, int64 to, const DatomAttr *attr)
{
	DatomValue *target = datom_value_make_ref(to);
	int64	   *entities;
	int			n = datom_facts_with(t->reader, attr, target, DT_NOEND, &entities);

	for (int i = 0; i < n; i++)
	{
		Referrer   *referrer = palloc(sizeof(Referrer));

		if (in_closure(t, entities[i]))
			continue;
		*referrer = (Referrer) {
			.e = entities[i], .attr = attr, .target = target
		};
		t->referrers = lappend(t->referrers, referrer);
	}
}

/* Who points to what is retracted loses the pointer. */
static void
find_referrers(Transact *t)
{
	ListCell   *lc;

	t->referrers = NIL;
	foreach(lc, t->closure)
		for (int i = 0; i < datom_schema_count(t->data->schema); i++)
			if (datom_schema_nth(t->data->schema, i)->type == DATOM_REF)
				add_referrers(t, *(int64 *) lfirst(lc),
							  datom_schema_nth(t->data->schema, i));
}

static void
end_reader(Transact *t)
{
	if (t->reader)
		datom_facts_end(t->reader);
	if (t->snapshot)
		UnregisterSnapshot(t->snapshot);
	t->reader = NULL;
	t->snapshot = NULL;
}

static DatomReader *
new_reader(Transact *t)
{
	end_reader(t);
	t->snapshot = RegisterSnapshot(GetLatestSnapshot());
	t->reader = datom_facts_reader(t->rel, t->snapshot, DT_NOEND);
	datom_rows_fresh(t->reader->rows);
	if (IsolationUsesXactSnapshot())
		t->reader->must_see = GetTransactionSnapshot();
	return t->reader;
}

static void
resolve_all(Transact *t)
{
	ListCell   *lc;

	datom_resolve(t->data, new_reader(t), t->tx);
	t->closure = NIL;
	foreach(lc, t->data->ops)
	{
		TxOp	   *op = lfirst(lc);

		if (op->kind == OP_RETRACT_ENTITY)
			reach(t, datom_resolve_find(op->e)->e);
	}
	find_referrers(t);
}

/* Does it say something else than what holds of an attribute that exists? */
static bool
changes_attribute(Transact *t, TxOp *op)
{
	int64		e = datom_resolve_find(op->e)->e;

	if (op->attr == NULL || !datom_evolve_matters(op->attr) ||
		datom_schema_find_entity(t->data->schema, e) == NULL)
		return false;
	return op->kind != OP_ADD ||
		!datom_facts_holds(t->reader, e, op->attr, op->v.v, DT_NOEND);
}

/*
 * Whoever changes what an attribute may hold waits for those who write and
 * keeps them out, so that nobody checks a row against what it was.
 */
static bool
lock_out_writers(Transact *t)
{
	ListCell   *lc;
	bool		changes = false;

	foreach(lc, t->data->ops)
		changes |= changes_attribute(t, lfirst(lc));
	if (!changes || CheckRelationLockedByMe(t->rel, ShareRowExclusiveLock, true))
		return false;
	LockRelation(t->rel, ShareRowExclusiveLock);
	return true;
}

/*
 * An entity that the data give by its number, if only by pointing to it, is not
 * given away to a tempid, of these data or of later ones.
 */
static void
reach_given(Transact *t)
{
	ListCell   *lc;

	foreach(lc, t->data->ops)
	{
		TxOp	   *op = lfirst(lc);

		if (op->e->kind == NODE_FIXED)
			datom_append_reach(t->rel, op->e->e);
		if (op->v.node && op->v.node->kind == NODE_FIXED)
			datom_append_reach(t->rel, op->v.node->e);
		if (op->v.v && datom_value_kind(op->v.v) == DATOM_REF)
			datom_append_reach(t->rel, datom_value_get_int(op->v.v));
	}
}

static void
settle(Transact *t)
{
	lock_values(t);
	do
	{
		CHECK_FOR_INTERRUPTS();
		resolve_all(t);
	} while (lock_entities(t) | lock_out_writers(t));
	reach_given(t);
	datom_resolve_allocate(t->data, datom_log_table(t->rel)->sequence);
}

/*
 * Deciding
 */

static TxFact *
add_fact(Transact *t, int64 e, const DatomAttr *attr, DatomValue *v, bool added,
		   int pos)
{
	if (t->count == t->room)
	{
		t->room = Max(64, t->room * 2);
		t->facts = t->facts ?
			repalloc_huge(t->facts, sizeof(TxFact) * t->room) :
			palloc(sizeof(TxFact) * t->room);
	}
	t->facts[t->count] = (TxFact) {
		.e = e, .attr = attr, .v = v, .added = added, .pos = pos
	};
	return &t->facts[t->count++];
}

/* Retracts what holds of (e, attr): all of it, or one value. */
static void
retract(Transact *t, int64 e, const DatomAttr *attr, const DatomValue *v, int pos)
{
	DatomFact  *facts;
	int			n = datom_facts_read(t->reader, e, attr, &facts);

	for (int i = 0; i < n; i++)
		if (datom_fact_holds(&facts[i], DT_NOEND) &&
			(v == NULL || datom_value_equal(facts[i].v, v)))
			add_fact(t, e, attr, facts[i].v, false, pos);
}

/* Asserts v, unless it holds, in place of what held. */
static void
assert_value(Transact *t, int64 e, bool fresh, const DatomAttr *attr,
			 DatomValue *v, int pos)
{
	DatomFact  *facts;
	int			n = fresh ? 0 : datom_facts_read(t->reader, e, attr, &facts);
	bool		held = false;

	for (int i = 0; i < n; i++)
	{
		if (!datom_fact_holds(&facts[i], DT_NOEND))
			continue;
		if (datom_value_equal(facts[i].v, v))
			held = true;
		else if (!attr->many)
			add_fact(t, e, attr, facts[i].v, false, pos)->implied =
				attr->unique == UNIQUE_NONE;
	}
	/* What holds is kept only to be seen by the check for contradictions. */
	add_fact(t, e, attr, v, true, pos)->implied = held;
}

static void
refuse_cas(Transact *t, const TxOp *op, int64 e)
{
	ereport(ERROR,
			(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			 errmsg("entity " INT64_FORMAT " does not have the expected value of attribute \"%s\" in \"%s\"",
					e, op->attr->ident, t->data->table),
			 errhint("Read it again and decide anew."),
			 datom_edn_at(op->pos, NULL)));
}

static void
compare_and_set(Transact *t, const TxOp *op, int64 e)
{
	DatomFact  *facts;
	int			n = datom_facts_read(t->reader, e, op->attr, &facts);
	const DatomValue *current = NULL;
	const DatomValue *expected = op->old.v || op->old.node ?
		datom_resolve_value(&op->old) : NULL;

	for (int i = 0; i < n; i++)
		if (datom_fact_holds(&facts[i], DT_NOEND))
			current = facts[i].v;
	if ((current == NULL) != (expected == NULL) ||
		(current && !datom_value_equal(current, expected)))
		refuse_cas(t, op, e);
	assert_value(t, e, false, op->attr, datom_resolve_value(&op->v), op->pos);
}

static void
retract_entity(Transact *t, int64 e)
{
	DatomEntityFacts *attrs;
	int			n = datom_facts_entity(t->reader, e, &attrs);

	for (int i = 0; i < n; i++)
		if (attrs[i].attr)
			retract(t, e, attrs[i].attr, NULL, 0);
}

/* The schema may have been read anew since the operations were made. */
static bool
is_among(const List *attrs, const DatomAttr *attr)
{
	ListCell   *lc;

	foreach(lc, attrs)
	{
		const DatomAttr *one = lfirst(lc);

		if (one->len == attr->len && memcmp(one->ident, attr->ident, one->len) == 0)
			return true;
	}
	return false;
}

static void
retract_attributes(Transact *t, int64 e, const List *attrs)
{
	DatomEntityFacts *held;
	int			n = datom_facts_entity(t->reader, e, &held);

	for (int i = 0; i < n; i++)
	{
		if (held[i].attr == NULL || !is_among(attrs, held[i].attr))
			continue;
		for (int k = 0; k < held[i].count; k++)
			if (datom_fact_holds(&held[i].facts[k], DT_NOEND))
				add_fact(t, e, held[i].attr, held[i].facts[k].v, false, 0);
	}
}

static bool
is_kept(const List *keep, const DatomValue *v)
{
	ListCell   *lc;

	foreach(lc, keep)
		if (datom_value_equal(datom_resolve_value(lfirst(lc)), v))
			return true;
	return false;
}

static void
retract_others(Transact *t, int64 e, const TxOp *op)
{
	DatomFact  *facts;
	int			n = datom_facts_read(t->reader, e, op->attr, &facts);

	for (int i = 0; i < n; i++)
		if (datom_fact_holds(&facts[i], DT_NOEND) && !is_kept(op->keep, facts[i].v))
			add_fact(t, e, op->attr, facts[i].v, false, op->pos);
}

static void
decide_op(Transact *t, const TxOp *op)
{
	int64		e = datom_resolve_find(op->e)->e;

	switch (op->kind)
	{
		case OP_ADD:
			assert_value(t, e, datom_resolve_find(op->e)->fresh, op->attr,
						 datom_resolve_value(&op->v), op->pos);
			break;
		case OP_RETRACT:
			retract(t, e, op->attr, datom_resolve_value(&op->v), op->pos);
			break;
		case OP_RETRACT_ATTRIBUTE:
			retract(t, e, op->attr, NULL, op->pos);
			break;
		case OP_CAS:
			compare_and_set(t, op, e);
			break;
		case OP_RETRACT_ATTRIBUTES:
			retract_attributes(t, e, op->attrs);
			break;
		case OP_RETRACT_OTHERS:
			retract_others(t, e, op);
			break;
		case OP_RETRACT_ENTITY:
			/* Done for the whole closure at once. */
			break;
	}
}

static void
decide(Transact *t)
{
	ListCell   *lc;

	foreach(lc, t->data->ops)
	{
		CHECK_FOR_INTERRUPTS();
		decide_op(t, lfirst(lc));
	}
	foreach(lc, t->closure)
		retract_entity(t, *(int64 *) lfirst(lc));
	foreach(lc, t->referrers)
	{
		Referrer   *referrer = lfirst(lc);

		retract(t, referrer->e, referrer->attr, referrer->target, 0);
	}
}

/*
 * Checking
 */

/* By entity, attribute, value; retractions first, what is said before implied. */
static int
by_fact(const void *a, const void *b)
{
	const TxFact *x = a;
	const TxFact *y = b;

	if (x->e != y->e)
		return x->e < y->e ? -1 : 1;
	if (x->attr != y->attr)
		return x->attr < y->attr ? -1 : 1;
	if (datom_value_cmp(x->v, y->v) != 0)
		return datom_value_cmp(x->v, y->v);
	if (x->added != y->added)
		return x->added ? 1 : -1;
	return x->implied - y->implied;
}

static void
refuse_contradiction(Transact *t, const TxFact *fact, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_CARDINALITY_VIOLATION),
			 errmsg("the data contradict themselves about entity " INT64_FORMAT ", attribute \"%s\" in \"%s\"",
					fact->e, fact->attr->ident, t->data->table),
			 datom_edn_at(fact->pos, detail)));
}

/*
 * Leaves each saying once, and refuses to assert and retract one fact or to
 * assert two values where there can be one.
 */
static void
check_contradictions(Transact *t)
{
	int			kept = 0;
	const TxFact *value = NULL; /* the value asserted of this (e, attr) */

	qsort(t->facts, t->count, sizeof(TxFact), by_fact);
	for (int i = 0; i < t->count; i++)
	{
		TxFact	   *s = &t->facts[i];
		TxFact	   *last = kept > 0 ? &t->facts[kept - 1] : NULL;
		bool		same = last && last->e == s->e && last->attr == s->attr;

		if (!same)
			value = NULL;
		if (same && datom_value_equal(last->v, s->v))
		{
			if (last->added != s->added)
				refuse_contradiction(t, s, NULL);
			if (datom_value_preferred(s->v, last->v))
				last->v = s->v;
			continue;
		}
		if (s->added && !s->attr->many)
		{
			if (value)
				refuse_contradiction(t, s, NULL);
			value = s;
		}
		t->facts[kept] = *s;
		if (value == s)
			value = &t->facts[kept];
		kept++;
	}
	t->count = kept;
}

/* Is there a row in which this very transaction asserts the same? */
static bool
is_own(Transact *t, const TxFact *s)
{
	DatomLogScan *scan = datom_log_scan_tx(t->rel, t->snapshot, t->tx, &s->e);
	DatomRow	row;
	bool		own = false;

	while (!own && datom_log_next(scan, &row))
		own = row.added && row.alen == s->attr->len &&
			memcmp(row.a, s->attr->ident, row.alen) == 0 && datom_value_equal(row.v, s->v);
	datom_log_end(scan);
	return own;
}

/*
 * A retraction of what this very transaction has asserted says nothing; also
 * where it asserted what held already.
 */
static void
check_own(Transact *t)
{
	for (int i = 0; i < t->count; i++)
		if (!t->facts[i].added && is_own(t, &t->facts[i]))
			refuse_contradiction(t, &t->facts[i],
								 "The transaction in progress has asserted the value that this takes back.");
}

static bool
is_retracted(const Transact *t, int64 e, const DatomAttr *attr, DatomValue *v)
{
	TxFact		key = {.e = e, .attr = attr, .v = v};
	int			low = 0;
	int			high = t->count;

	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (by_fact(&t->facts[middle], &key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < t->count && by_fact(&t->facts[low], &key) == 0;
}

static void
check_unique(Transact *t)
{
	for (int i = 0; i < t->count; i++)
	{
		TxFact	   *s = &t->facts[i];
		int64		owner;

		if (!s->added || s->attr->unique == UNIQUE_NONE || s->implied)
			continue;
		owner = datom_resolve_lookup(t->reader, s->attr, s->v, DT_NOEND);
		if (owner != 0 && owner != s->e && !is_retracted(t, owner, s->attr, s->v))
			datom_append_refuse_taken(t->rel, s->e, s->attr, owner, s->pos);
	}
}

/*
 * The answer
 */

static Datum
tempids_json(Transact *t)
{
	JsonbParseState *state = NULL;
	ListCell   *lc;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	foreach(lc, t->data->nodes)
	{
		TxNode	   *node = lfirst(lc);
		JsonbValue	v;

		if (node->tempid == NULL)
			continue;
		v.type = jbvString;
		v.val.string.val = (char *) node->tempid;
		v.val.string.len = strlen(node->tempid);
		pushJsonbValue(&state, WJB_KEY, &v);
		v.type = jbvNumeric;
		v.val.numeric = int64_to_numeric(datom_resolve_find(node)->e);
		pushJsonbValue(&state, WJB_VALUE, &v);
	}
	return JsonbPGetDatum(JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL)));
}

/* The facts that came and went, implied retractions too, as datom.datom[]. */
static Datum
datoms_array(Transact *t)
{
	Oid			type = datom_say_type("datom");
	TupleDesc	desc = lookup_rowtype_tupdesc(type, -1);
	Datum	   *rows = palloc(sizeof(Datum) * (t->count + 1));
	bool		nulls[Natts_datom] = {0};
	Datum		values[Natts_datom];
	Datum		array;
	int			n = 0;

	for (int i = 0; i < t->count; i++)
	{
		TxFact	   *fact = &t->facts[i];

		if (fact->implied && fact->added)
			continue;
		values[Anum_datom_e - 1] = Int64GetDatum(fact->e);
		values[Anum_datom_a - 1] = datom_say_attribute(fact->attr);
		values[Anum_datom_v - 1] = PointerGetDatum(fact->v);
		values[Anum_datom_tx - 1] = Int64GetDatum(t->tx);
		values[Anum_datom_added - 1] = BoolGetDatum(fact->added);
		rows[n++] = HeapTupleGetDatum(heap_form_tuple(desc, values, nulls));
	}
	array = PointerGetDatum(datom_say_array(rows, n, type));
	ReleaseTupleDesc(desc);
	return array;
}

static Datum
answer(FunctionCallInfo fcinfo, Transact *t)
{
	TupleDesc	desc;
	Datum		values[3];
	bool		nulls[3] = {0};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "datom.transact() must return a row");
	values[0] = Int64GetDatum(t->tx);
	values[1] = tempids_json(t);
	values[2] = datoms_array(t);
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

/*
 * The transaction that these data belong to; :db/txInstant among them begins
 * one at an instant of the past.
 */
static int64
begin(Transact *t)
{
	DatomTable *table = datom_log_table(t->rel);

	if (t->data->has_instant)
		datom_import_begin(t->rel, t->data->instant);
	else if (table->importing)
		datom_lock_importer(t->data->db);
	return datom_txlog_write_tx(t->data->db, datom_log_table(t->rel)->importing);
}

/* What comes before operations are made. */
static void
prepare(Transact *t)
{
	datom_append_refuse_as_of(RelationGetRelationName(t->rel));
	if (datom_tail_own(RelationGetRelid(t->rel)) == 0)
		datom_merge_relieve(t->rel, false);
}

static void
carry_out(Transact *t, DatomTransactCheck check, void *arg)
{
	t->tx = begin(t);
	settle(t);
	if (check)
		check(arg, t->reader);
	decide(t);
	check_contradictions(t);
	check_own(t);
	datom_evolve_check(t->reader, t->data->table, t->facts, t->count);
	check_unique(t);
	datom_say(t->rel, t->role, t->facts, t->count);
}

void
datom_transact_ops(Relation rel, List *ops, List *nodes, Oid role,
				   DatomTransactCheck check, void *arg)
{
	TxData		data = {
		.db = RelationGetRelid(rel), .table = RelationGetRelationName(rel),
		.schema = datom_attrs(rel), .ops = ops, .nodes = nodes
	};
	Transact	t = {.rel = rel, .data = &data, .role = role};

	prepare(&t);
	carry_out(&t, check, arg);
	end_reader(&t);
}

void
datom_transact_json_as(Relation rel, Jsonb *json, Oid role)
{
	Transact	t = {.rel = rel, .role = role};

	prepare(&t);
	t.data = datom_txdata_read(RelationGetRelid(rel), datom_attrs(rel),
							   datom_txdata_from_json(json), true);
	carry_out(&t, NULL, NULL);
	end_reader(&t);
}

static Datum
transact(FunctionCallInfo fcinfo, const Edn *form, bool json)
{
	Oid			db = PG_GETARG_OID(0);
	Transact	t = {
		.rel = datom_log_open(db, ACL_SELECT | ACL_INSERT), .role = GetUserId()
	};
	Datum		result;

	PreventCommandIfReadOnly("datom.transact()");
	PreventCommandIfParallelMode("datom.transact()");
	prepare(&t);
	t.data = datom_txdata_read(db, datom_attrs(t.rel), form, json);
	carry_out(&t, NULL, NULL);
	result = answer(fcinfo, &t);
	end_reader(&t);
	table_close(t.rel, NoLock);
	return result;
}

PG_FUNCTION_INFO_V1(datom_transact_edn);

/*
 * datom.transact(db, tx_data text): transaction data in EDN. Returns the
 * number of the transaction, the entities that tempids became, and the facts
 * that came and went. Needs SELECT and INSERT on the table.
 */
Datum
datom_transact_edn(PG_FUNCTION_ARGS)
{
	text	   *source = PG_GETARG_TEXT_PP(1);

	datom_log_require(PG_GETARG_OID(0), ACL_SELECT | ACL_INSERT);
	return transact(fcinfo, datom_edn_parse(VARDATA_ANY(source),
											VARSIZE_ANY_EXHDR(source)), false);
}

PG_FUNCTION_INFO_V1(datom_transact_json);

/* datom.transact(db, tx_data jsonb): the same in JSON. */
Datum
datom_transact_json(PG_FUNCTION_ARGS)
{
	datom_log_require(PG_GETARG_OID(0), ACL_SELECT | ACL_INSERT);
	return transact(fcinfo, datom_txdata_from_json(PG_GETARG_JSONB_P(1)), true);
}
