/*
 * order_am.c: the index access method "datom_order".
 *
 *	CREATE INDEX ON pur USING datom_order (a, e)		AEVT
 *	                                      (e, a)		EAVT
 *	                                      (a, v)		AVET
 *	                                      (v, a)		VAET
 *
 * An order is an index so that it is dropped, rebuilt, dumped and moved with
 * its table. Insertion does nothing: rows reach an order when VACUUM or a
 * writer merges. Core never plans a scan of one, since it can fetch neither
 * tuples nor bitmaps; the readings of a datom table find it themselves.
 */
#include "compat.h"

#include "access/amapi.h"
#include "access/genam.h"
#include "access/reloptions.h"
#include "access/table.h"
#include "commands/vacuum.h"
#include "fmgr.h"
#include "nodes/execnodes.h"
#include "storage/bufmgr.h"

#include "log.h"
#include "merge.h"
#include "order.h"
#include "order_am.h"

static relopt_kind option_kind;

static void
check_attributes(const char *list)
{
	if (list && list[0] != '\0' && list[0] != ':')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" is not a list of attributes", list),
				 errhint("List idents, such as \":purchase/at,:purchase/amount\".")));
}

static bytea *
options(Datum reloptions, bool validate)
{
	static const relopt_parse_elt known[] = {
		{"attributes", RELOPT_TYPE_STRING, offsetof(DatomOrderOptions, attributes)}
	};

	return (bytea *) build_reloptions(reloptions, validate, option_kind,
									  sizeof(DatomOrderOptions), known, lengthof(known));
}

static void
require_order(Relation rel, Relation index, DatomOrderKind *kind)
{
	if (!datom_log_is(RelationGetRelid(rel)))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not a datom table", RelationGetRelationName(rel)),
				 errdetail("Only a datom table has orders.")));
	if (!datom_order_kind(index, kind))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("index \"%s\" has no columns of an order", RelationGetRelationName(index)),
				 errhint("Orders are on (a, e), (e, a), (a, v) or (v, a), of the whole table.")));
}

static IndexBuildResult *
build(Relation rel, Relation index, IndexInfo *info)
{
	IndexBuildResult *result = palloc0(sizeof(IndexBuildResult));
	DatomOrderKind kind;

	require_order(rel, index, &kind);
	datom_order_create(index, kind);
	result->index_tuples = datom_merge_build(rel, index);
	/* Rows that are not final yet are not read: the count stays as it was. */
	result->heap_tuples = -1;
	return result;
}

/* Unlogged datom tables are refused. */
static void
build_empty(Relation index)
{
	elog(ERROR, "an unlogged order");
}

static bool
insert(Relation index, Datum *values, bool *isnull, ItemPointer tid, Relation rel,
	   IndexUniqueCheck unique, bool unchanged, IndexInfo *info)
{
	return false;
}

/* Rows that VACUUM removes were rolled back, and in no order. */
static IndexBulkDeleteResult *
bulk_delete(IndexVacuumInfo *info, IndexBulkDeleteResult *stats,
			IndexBulkDeleteCallback callback, void *state)
{
	return stats ? stats : palloc0(sizeof(IndexBulkDeleteResult));
}

static IndexBulkDeleteResult *
vacuum_cleanup(IndexVacuumInfo *info, IndexBulkDeleteResult *stats)
{
	Relation	rel;
	DatomOrder *order;

	if (info->analyze_only)
		return stats;
	if (stats == NULL)
		stats = palloc0(sizeof(IndexBulkDeleteResult));
	rel = table_open(info->index->rd_index->indrelid, NoLock);
	datom_merge_vacuum(rel);
	table_close(rel, NoLock);
	order = datom_order_open(RelationGetRelid(info->index), NoLock);
	for (int i = 0; i < order->meta.nruns; i++)
		stats->num_index_tuples += order->meta.runs[i].parts[PART_OPEN].records +
			order->meta.runs[i].parts[PART_CLOSED].records;
	stats->num_pages = RelationGetNumberOfBlocks(info->index);
	datom_order_close(order, NoLock);
	return stats;
}

/* Never asked, since no path can use the index; expensive, to be sure. */
static void
cost_estimate(struct PlannerInfo *root, struct IndexPath *path, double loops,
			  Cost *startup, Cost *total, Selectivity *selectivity,
			  double *correlation, double *pages)
{
	*startup = *total = 1.0e10;
	*selectivity = 1.0;
	*correlation = 0.0;
	*pages = 1.0e10;
}

static bool
validate(Oid opclass)
{
	return true;
}

PG_FUNCTION_INFO_V1(datom_order_handler);

/* datom.order_handler(internal): the access method. */
Datum
datom_order_handler(PG_FUNCTION_ARGS)
{
	IndexAmRoutine *am = makeNode(IndexAmRoutine);

	am->amcanmulticol = true;
	am->amoptionalkey = true;
	am->amsearchnulls = true;
	am->amusemaintenanceworkmem = true;
	am->amparallelvacuumoptions = VACUUM_OPTION_NO_PARALLEL;
	am->ambuild = build;
	am->ambuildempty = build_empty;
	am->aminsert = insert;
	am->ambulkdelete = bulk_delete;
	am->amvacuumcleanup = vacuum_cleanup;
	am->amcostestimate = cost_estimate;
	am->amoptions = options;
	am->amvalidate = validate;
	PG_RETURN_POINTER(am);
}

void
datom_order_am_init(void)
{
	option_kind = add_reloption_kind();
	add_string_reloption(option_kind, "attributes",
						 "Attributes that AVET holds besides unique and indexed ones.",
						 NULL, check_attributes, AccessExclusiveLock);
}
