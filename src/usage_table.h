/*
 * How often views and SQL functions were asked, by role.
 */
#ifndef DATOM_USAGE_TABLE_H
#define DATOM_USAGE_TABLE_H

#include "compat.h"
#include "datatype/timestamp.h"

/* By name, so that counts go on when a view is dropped and made anew. No padding. */
typedef struct DatomUsageKey
{
	Oid			db;
	Oid			role;
	Oid			class;			/* pg_class or pg_proc */
	Oid			schema;
	NameData	name;
} DatomUsageKey;

typedef struct DatomUsage
{
	int64		calls;
	int64		rows;
	double		time;			/* ms */
	TimestampTz last_used;
} DatomUsage;

typedef struct DatomUsageRecord
{
	DatomUsageKey key;
	DatomUsage	usage;
} DatomUsageRecord;

extern void datom_usage_table_init(void);

/* False where the library was not preloaded: then there is no table. */
extern bool datom_usage_table_is_there(void);

/* One call more. */
extern void datom_usage_count(const DatomUsageKey *key, int64 rows, double time);

/* All records of a database. */
extern DatomUsageRecord *datom_usage_records(Oid db, int *n);

#endif
