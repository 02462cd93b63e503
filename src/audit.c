/*
 * audit.c: proving that orders hold what the log says.
 *
 * What an order must hold up to its watermark is made anew from the log, and
 * compared by number and by a sum of hashes with what it holds, in each part
 * apart. Its keys must rise.
 */
#include "audit.h"

#include "common/hashfn.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "attrs.h"
#include "basis.h"
#include "cover.h"
#include "log.h"
#include "merge.h"
#include "order_read.h"

typedef struct Digest
{
	uint64		count;
	uint64		sum;
} Digest;

typedef struct Audit
{
	DatomOrder *order;
	const DatomSchema *schema;	/* at its watermark */
	Digest		said[PART_DEAD];	/* by the log */
	Digest		held[PART_DEAD];	/* by the order */
	bool		rises;
} Audit;

static void
add_record(Digest *digests, const DatomRecord *record)
{
	int64		numbers[] = {
		record->e, record->tx, record->from, record->to_tx, record->to, record->kind,
		record->far ? record->far_hash : datom_value_far_hash(record->v)
	};
	Digest	   *digest = &digests[record->kind == RECORD_OPEN ? PART_OPEN : PART_CLOSED];
	uint64		attr = hash_bytes_extended((const unsigned char *) record->a, record->alen, 0);

	digest->count++;
	digest->sum += hash_bytes_extended((const unsigned char *) numbers, sizeof(numbers), attr);
}

/*
 * AVET may hold some of an attribute that it held, or will hold; nobody reads
 * that.
 */
static bool
is_held(const Audit *audit, const DatomRecord *record)
{
	const DatomAttr *attr = datom_schema_find(audit->schema, record->a, record->alen);

	return attr == NULL || datom_cover_all(audit->order, attr);
}

static void
take_said(void *arg, const DatomAttr *attr, const DatomRecord *record)
{
	Audit	   *audit = arg;

	if (datom_cover_all(audit->order, attr))
		add_record(audit->said, record);
}

static void
read_held(Audit *audit)
{
	for (int part = 0; part < PART_DEAD; part++)
	{
		DatomMergeCursor *cursor = datom_merge_cursor_begin(audit->order, 0, part,
															&datom_order_everything);
		MemoryContext contexts[2];
		DatomRecord record;
		DatomRecord before;
		bool		any = false;
		int			turn = 0;

		for (int i = 0; i < 2; i++)
			contexts[i] = AllocSetContextCreate(CurrentMemoryContext, "datom record",
												ALLOCSET_SMALL_SIZES);
		while (datom_merge_cursor_next(cursor, &record))
		{
			CHECK_FOR_INTERRUPTS();
			if (is_held(audit, &record))
				add_record(audit->held, &record);
			if (any && datom_record_compare(audit->order->kind, &before, &record) > 0)
				audit->rises = false;
			turn = !turn;
			MemoryContextReset(contexts[turn]);
			before = datom_record_copy(contexts[turn], &record);
			any = true;
		}
		datom_merge_cursor_end(cursor);
		for (int i = 0; i < 2; i++)
			MemoryContextDelete(contexts[i]);
	}
}

static void
audit_order(Relation rel, Oid index, DatomAuditFn report, void *arg)
{
	Snapshot	before = RegisterSnapshot(datom_basis_snapshot());
	DatomOrder *order = datom_order_open(index, AccessShareLock);
	Snapshot	snapshot = RegisterSnapshot(datom_basis_snapshot());
	Audit		audit = {.order = order, .rises = true};
	const char *name = RelationGetRelationName(order->index);

	if (!order->meta.distrusted && order->meta.watermark != DT_NOBEGIN)
	{
		audit.schema = datom_attrs_at(rel, snapshot, order->meta.watermark);
		read_held(&audit);
		if (!audit.rises)
			report(arg, psprintf("The keys of index \"%s\" do not rise.", name));
		if (!datom_merge_records(rel, snapshot, order->meta.watermark, take_said, &audit) ||
			memcmp(audit.said, audit.held, sizeof(audit.said)) != 0)
			report(arg, psprintf("Index \"%s\" does not hold what the log says: REINDEX it.", name));
	}
	datom_order_close(order, AccessShareLock);
	UnregisterSnapshot(snapshot);
	UnregisterSnapshot(before);
}

void
datom_audit_orders(Relation rel, DatomAuditFn report, void *arg)
{
	const DatomTable *table = datom_log_table(rel);
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "datom audit",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Oid			orders[ORDER_KINDS];

	memcpy(orders, table->orders, sizeof(orders));
	for (int i = 0; i < ORDER_KINDS; i++)
		if (OidIsValid(orders[i]))
			audit_order(rel, orders[i], report, arg);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}
