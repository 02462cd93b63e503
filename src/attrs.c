/*
 * attrs.c: the attributes of a datom table, read from what it says of them.
 */
#include "attrs.h"

#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "basis.h"
#include "log.h"
#include "rows.h"

/* The rows about attributes that were said until `at`. */
static int
read_schema_rows(Relation rel, Snapshot snapshot, TimestampTz at, Datom **out)
{
	DatomTxMap *map = datom_txmap_create(RelationGetRelid(rel),
										 snapshot == SnapshotSelf ? NULL : snapshot);
	DatomRows  *rows = datom_rows_open(rel, snapshot, at, true);
	DatomRow   *said;
	int			n = datom_rows_schema(rows, &said);
	int			count = 0;

	*out = palloc(sizeof(Datom) * Max(n, 1));
	for (int i = 0; i < n; i++)
	{
		const DatomRow *row = &said[i];
		int			builtin = datom_schema_builtin(row->a, row->alen);
		TimestampTz instant = row->instant != DT_NOBEGIN ? row->instant :
			datom_txmap_instant(map, row->tx);

		if (builtin < 0 || instant > at)
			continue;
		(*out)[count++] = (Datom) {
			.e = row->e, .tx = row->tx, .aid = builtin, .added = row->added,
			.instant = instant, .v = row->v
		};
	}
	datom_rows_close(rows);
	return count;
}

const DatomSchema *
datom_attrs(Relation rel)
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
	datom_log_keep_schema(table, schema, context);
	return schema;
}

const DatomSchema *
datom_attrs_at(Relation rel, Snapshot snapshot, TimestampTz at)
{
	Datom	   *rows;
	int			n = read_schema_rows(rel, snapshot, at, &rows);

	return datom_schema_build(rows, n, at);
}
