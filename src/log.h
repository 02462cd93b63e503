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
} DatomRow;

/* What a backend keeps about a datom table. */
typedef struct DatomTable
{
	Oid			relid;			/* hash key */
	bool		valid;
	bool		importing;
	Oid			ea_index;		/* btree (e, a), or InvalidOid */
	Oid			av_index;		/* btree (a, value_hash(v)), or InvalidOid */
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

/* Refuses what is not a datom table, or what the caller may not do with it. */
extern void datom_log_require(Oid relid, AclMode mode);
extern Relation datom_log_open(Oid relid, AclMode mode);

extern DatomTable *datom_log_table(Relation rel);
extern const DatomSchema *datom_log_schema(Relation rel);
extern const DatomSchema *datom_log_schema_at(Relation rel, Snapshot snapshot,
											  TimestampTz at);

/* Scans. A NULL attribute means any; a NULL value, any value. */
extern DatomLogScan *datom_log_scan(Relation rel, Snapshot snapshot);
extern DatomLogScan *datom_log_scan_entity(Relation rel, Snapshot snapshot,
										   int64 e, const DatomAttr *attr);
extern DatomLogScan *datom_log_scan_value(Relation rel, Snapshot snapshot,
										  const DatomAttr *attr,
										  const DatomValue *v);
extern DatomLogScan *datom_log_scan_schema(Relation rel, Snapshot snapshot);
extern bool datom_log_next(DatomLogScan *scan, DatomRow *row);
extern TupleTableSlot *datom_log_slot(DatomLogScan *scan);
extern void datom_log_end(DatomLogScan *scan);

#endif
