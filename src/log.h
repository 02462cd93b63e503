/*
 * The log: a datom table as it stands, row by row. What the rows mean as of a
 * moment is decided above.
 */
#ifndef DATOM_LOG_H
#define DATOM_LOG_H

#include "compat.h"
#include "access/genam.h"
#include "access/tableam.h"
#include "utils/acl.h"
#include "utils/rel.h"
#include "utils/snapshot.h"

#include "order.h"
#include "schema.h"

/* A row; a and v point into the scan until the next one. */
typedef struct DatomRow
{
	int64		e;
	int64		tx;
	const char *a;
	int			alen;
	bool		added;
	DatomValue *v;
	TimestampTz instant;		/* DT_NOBEGIN: not known; rows of the tail and of orders have it */
} DatomRow;

/* What a backend keeps about a datom table. */
typedef struct DatomTable
{
	Oid			relid;			/* hash key */
	bool		valid;
	bool		importing;
	Oid			ea_index;		/* btree (e, a), or InvalidOid */
	Oid			av_index;		/* btree (a, value_hash(v)), or InvalidOid */
	Oid			te_index;		/* btree (tx, e), or InvalidOid */
	Oid			orders[ORDER_KINDS];	/* or InvalidOid */
	BlockNumber merged_blocks;	/* pages of the log that orders are known to have */
	Oid			sequence;		/* owned by column e, or InvalidOid */
	const DatomSchema *schema;	/* NULL: not read yet */
	MemoryContext schema_context;
	int64		e_reached;		/* the sequence is known to be here or above */
	int64		tx_reached;		/* and that of transactions */
} DatomTable;

typedef struct DatomLogScan DatomLogScan;

extern void datom_log_init(void);

/* Is this a datom table? */
extern bool datom_log_is(Oid relid);

extern List *datom_log_tables(Snapshot snapshot);

/* May the caller read all of it? False too if it is none. */
extern bool datom_log_readable(Oid relid);
extern bool datom_log_readable_by(Oid relid, Oid role);

/* Refuses what is not a datom table, or what the caller may not do with it. */
extern void datom_log_require(Oid relid, AclMode mode);
extern void datom_log_require_of(Oid relid, Oid role, AclMode mode);
extern Relation datom_log_open(Oid relid, AclMode mode);

extern DatomTable *datom_log_table(Relation rel);
extern void datom_log_keep_schema(DatomTable *table, DatomSchema *schema,
								  MemoryContext context);

/* Scans. A NULL attribute means any; a NULL value, any value. */
extern DatomLogScan *datom_log_scan(Relation rel, Snapshot snapshot);
extern DatomLogScan *datom_log_scan_entity(Relation rel, Snapshot snapshot,
										   int64 e, const DatomAttr *attr);
extern DatomLogScan *datom_log_scan_value(Relation rel, Snapshot snapshot,
										  const DatomAttr *attr,
										  const DatomValue *v);
extern DatomLogScan *datom_log_scan_schema(Relation rel, Snapshot snapshot);
extern DatomLogScan *datom_log_scan_tx(Relation rel, Snapshot snapshot, int64 tx,
									   const int64 *e);
extern void datom_log_rescan_tx(DatomLogScan *scan, int64 tx, int64 e);
extern bool datom_log_next(DatomLogScan *scan, DatomRow *row);
extern TupleTableSlot *datom_log_slot(DatomLogScan *scan);
extern void datom_log_end(DatomLogScan *scan);

#endif
