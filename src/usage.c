/*
 * usage.c: which views and SQL functions a statement uses.
 *
 * Whether one of them is a saved query is asked when counts are read, not when
 * statements run: it is right the moment a query is saved, and costs a statement
 * nothing. So all views and SQL functions of users are counted.
 *
 * The rewriter leaves an entry of each view in the range table, also when its
 * query has become part of the one around it. Of functions, inlined or called, the
 * plan knows the hash of their catalog key, since it has to be made anew when they
 * change.
 */
#include "usage.h"

#include "access/transam.h"
#include "catalog/pg_class.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "common/hashfn.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/pg_list.h"
#include "nodes/plannodes.h"
#include "utils/builtins.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "settings.h"
#include "usage_table.h"
#include "watch.h"

/* Names what a statement uses once, however often it does. */
static List *
note(List *used, Oid class, Oid schema, const NameData *name)
{
	DatomUsageKey *key;
	ListCell   *lc;

	foreach(lc, used)
	{
		key = lfirst(lc);
		if (key->class == class && key->schema == schema &&
			strcmp(NameStr(key->name), NameStr(*name)) == 0)
			return used;
	}
	key = palloc0(sizeof(DatomUsageKey));
	key->db = MyDatabaseId;
	key->role = GetUserId();
	key->class = class;
	key->schema = schema;
	namestrcpy(&key->name, NameStr(*name));
	return lappend(used, key);
}

static List *
note_view(List *used, Oid relid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Form_pg_class form;

	if (!HeapTupleIsValid(tuple))
		return used;
	form = (Form_pg_class) GETSTRUCT(tuple);
	if (form->relpersistence != RELPERSISTENCE_TEMP)
		used = note(used, RelationRelationId, form->relnamespace, &form->relname);
	ReleaseSysCache(tuple);
	return used;
}

/*
 * The function whose catalog key has this hash. The hash of an OID is
 * murmurhash32(), which maps 32 bits one to one; these are its steps backwards.
 * Should a server hash otherwise, no function is found.
 */
static Oid
function_of_hash(uint32 hash)
{
	uint32		h = hash;

	h ^= h >> 16;
	h *= 0x7ed1b41d;
	h ^= (h >> 13) ^ (h >> 26);
	h *= 0xa5cb9243;
	h ^= h >> 16;
	return GetSysCacheHashValue1(PROCOID, ObjectIdGetDatum(h)) == hash ? h : InvalidOid;
}

static List *
note_function(List *used, Oid funcid)
{
	HeapTuple	tuple;
	Form_pg_proc form;

	if (funcid < FirstNormalObjectId)
		return used;
	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(funcid));
	if (!HeapTupleIsValid(tuple))
		return used;
	form = (Form_pg_proc) GETSTRUCT(tuple);
	if (form->prolang == SQLlanguageId)
		used = note(used, ProcedureRelationId, form->pronamespace, &form->proname);
	ReleaseSysCache(tuple);
	return used;
}

static void *
begin(QueryDesc *desc)
{
	List	   *used = NIL;
	ListCell   *lc;

	if (!datom_track_usage || !datom_usage_table_is_there())
		return NULL;
	foreach(lc, desc->plannedstmt->rtable)
	{
		RangeTblEntry *rte = lfirst(lc);

		if (rte->rtekind == RTE_RELATION && rte->relkind == RELKIND_VIEW &&
			rte->relid >= FirstNormalObjectId)
			used = note_view(used, rte->relid);
	}
	foreach(lc, desc->plannedstmt->invalItems)
	{
		PlanInvalItem *item = lfirst(lc);

		if (item->cacheId == PROCOID)
			used = note_function(used, function_of_hash(item->hashValue));
	}
	return used;
}

/* A call counts when it has come to its end, or was closed after it had begun. */
static void
end(void *state, const DatomWatched *statement)
{
	ListCell   *lc;

	if (statement->failed || !statement->ran)
		return;
	foreach(lc, (List *) state)
		datom_usage_count(lfirst(lc), statement->rows, statement->time);
}

PG_FUNCTION_INFO_V1(datom_usage);

/*
 * datom.usage(): the counts of all views and SQL functions of this database that
 * were used, by role. Time is in milliseconds.
 */
Datum
datom_usage(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	DatomUsageRecord *records;
	int			n;

	if (!datom_usage_table_is_there())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("this server does not count the use of saved queries"),
				 errhint("Add \"datom\" to shared_preload_libraries and restart the server.")));
	InitMaterializedSRF(fcinfo, 0);
	records = datom_usage_records(MyDatabaseId, &n);
	for (int i = 0; i < n; i++)
	{
		DatomUsageRecord *record = &records[i];
		bool		nulls[8] = {0};
		Datum		values[] = {
			ObjectIdGetDatum(record->key.class), ObjectIdGetDatum(record->key.schema),
			NameGetDatum(&record->key.name), ObjectIdGetDatum(record->key.role),
			Int64GetDatum(record->usage.calls), Int64GetDatum(record->usage.rows),
			Float8GetDatum(record->usage.time), TimestampTzGetDatum(record->usage.last_used)
		};

		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

void
datom_usage_init(void)
{
	static const DatomWatcher watcher = {.begin = begin, .end = end};

	datom_watch_add(&watcher);
}
