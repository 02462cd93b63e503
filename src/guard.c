/*
 * guard.c: commands that would change a datom table behind the log's back.
 *
 * Some changes never reach the access method, or reach it when the table
 * already has another name. They are met on their way in: ALTER TABLE ... SET
 * ACCESS METHOD, NOT OF and changes of columns, CLUSTER, children by
 * inheritance, and VACUUM FULL, which skips datom tables. What is created with our access method must be OF datom.datom,
 * however it was asked for, and what is dropped takes its entries along: both
 * are met where the catalog changes.
 *
 * DROP DATABASE and its kin wait for a database to be left by everybody, so the
 * ticker is sent away first.
 */
#include "compat.h"

#include "guard.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/catalog.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "nodes/makefuncs.h"
#include "nodes/parsenodes.h"
#include "tcop/utility.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "fdw_import.h"
#include "log.h"
#include "log_am.h"
#include "ticker.h"
#include "txlog.h"

static ProcessUtility_hook_type prev_process_utility = NULL;
static object_access_hook_type prev_object_access = NULL;

static Oid
datom_type(void)
{
	return GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum("datom"),
						   ObjectIdGetDatum(get_namespace_oid("datom", true)));
}

/* Rows of a child would show in the table and in no function over facts. */
static void
check_parent(RangeVar *parent)
{
	if (datom_log_is(RangeVarGetRelid(parent, NoLock, true)))
		datom_refuse(REFUSE_CHILD, parent->relname);
}

static void
check_create(CreateStmt *stmt)
{
	ListCell   *lc;

	foreach(lc, stmt->inhRelations)
		check_parent(lfirst_node(RangeVar, lc));
}

static void
check_rename(RenameStmt *stmt)
{
	Oid			relid;

	if (stmt->renameType != OBJECT_ATTRIBUTE)
		return;
	relid = RangeVarGetRelid(stmt->relation, NoLock, true);
	if (OidIsValid(relid) && get_rel_type_id(relid) == datom_type())
		datom_refuse(REFUSE_TYPE, "datom");
}

/* Without a table CLUSTER takes those with a marked index: none of ours. */
static void
check_cluster(ClusterStmt *stmt)
{
	if (stmt->relation != NULL &&
		datom_log_is(RangeVarGetRelid(stmt->relation, NoLock, true)))
		datom_refuse(REFUSE_CLUSTER, stmt->relation->relname);
}

static void
check_alter(AlterTableStmt *stmt)
{
	Oid			relid = RangeVarGetRelid(stmt->relation, NoLock, true);
	bool		is_datom;
	ListCell   *lc;

	if (!OidIsValid(relid))
		return;
	if (get_rel_relkind(relid) == RELKIND_COMPOSITE_TYPE)
	{
		if (get_rel_type_id(relid) == datom_type())
			datom_refuse(REFUSE_TYPE, "datom");
		return;
	}
	is_datom = datom_log_is(relid);
	foreach(lc, stmt->cmds)
	{
		AlterTableCmd *cmd = lfirst_node(AlterTableCmd, lc);

		if (cmd->subtype == AT_SetAccessMethod && is_datom)
			datom_refuse(REFUSE_ACCESS_METHOD, stmt->relation->relname);
		if (cmd->subtype == AT_SetAccessMethod && strcmp(cmd->name, "datom") == 0)
			datom_refuse(REFUSE_TO_DATOM, stmt->relation->relname);
		if (is_datom && (cmd->subtype == AT_DropOf || cmd->subtype == AT_AddOf ||
						 cmd->subtype == AT_AddColumn || cmd->subtype == AT_DropColumn ||
						 cmd->subtype == AT_AlterColumnType || cmd->subtype == AT_AddInherit))
			datom_refuse(REFUSE_TYPE, stmt->relation->relname);
		if (is_datom && cmd->subtype == AT_ClusterOn)
			datom_refuse(REFUSE_CLUSTER, stmt->relation->relname);
		if (cmd->subtype == AT_AddInherit)
			check_parent((RangeVar *) cmd->def);
		if (is_datom && cmd->subtype == AT_SetUnLogged)
			datom_refuse(REFUSE_PERSISTENCE, stmt->relation->relname);
	}
}

static bool
is_full(VacuumStmt *stmt)
{
	ListCell   *lc;

	foreach(lc, stmt->options)
	{
		DefElem    *option = lfirst_node(DefElem, lc);

		if (strcmp(option->defname, "full") == 0)
			return defGetBoolean(option);
	}
	return false;
}

static void
skip_notice(Oid relid)
{
	ereport(NOTICE,
			(errmsg("skipping datom table \"%s\"", get_rel_name(relid)),
			 errdetail("A datom table is appended to and never rewritten.")));
}

/*
 * All relations that VACUUM without a list would take, less the datom tables. Of
 * the extension's own one nobody wants to hear.
 */
static List *
all_but_datoms(void)
{
	Relation	pgclass = table_open(RelationRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(pgclass, InvalidOid, false, NULL, 0, NULL);
	List	   *rels = NIL;
	HeapTuple	tuple;

	while ((tuple = systable_getnext(scan)) != NULL)
	{
		Form_pg_class form = (Form_pg_class) GETSTRUCT(tuple);

		if (form->relkind != RELKIND_RELATION && form->relkind != RELKIND_MATVIEW &&
			form->relkind != RELKIND_PARTITIONED_TABLE)
			continue;
		if (isOtherTempNamespace(form->relnamespace))
			continue;
		if (!datom_log_is(form->oid))
			rels = lappend(rels, makeVacuumRelation(NULL, form->oid, NIL));
		else if (form->relnamespace != get_namespace_oid("datom", false))
			skip_notice(form->oid);
	}
	systable_endscan(scan);
	table_close(pgclass, AccessShareLock);
	return rels;
}

/* False if nothing is left to vacuum. */
static bool
filter_vacuum(VacuumStmt *stmt)
{
	List	   *kept = NIL;
	ListCell   *lc;

	if (stmt->rels == NIL)
		kept = all_but_datoms();
	foreach(lc, stmt->rels)
	{
		VacuumRelation *vr = lfirst_node(VacuumRelation, lc);
		Oid			relid = OidIsValid(vr->oid) ? vr->oid :
			RangeVarGetRelid(vr->relation, NoLock, true);

		if (OidIsValid(relid) && datom_log_is(relid))
			skip_notice(relid);
		else
			kept = lappend(kept, vr);
	}
	stmt->rels = kept;
	return kept != NIL;
}

static bool
has_extension(void)
{
	return OidIsValid(get_namespace_oid("datom", true));
}

/* Docs of attributes become comments on the columns that have just been made. */
static void
comment_columns(Node *stmt)
{
	RangeVar   *name = NULL;

	if (IsA(stmt, CreateForeignTableStmt))
		name = ((CreateForeignTableStmt *) stmt)->base.relation;
	else if (IsA(stmt, AlterTableStmt) &&
			 ((AlterTableStmt *) stmt)->objtype == OBJECT_FOREIGN_TABLE)
		name = ((AlterTableStmt *) stmt)->relation;
	if (name && has_extension())
		datom_fdw_comment(RangeVarGetRelid(name, NoLock, true));
}

static void
process_utility(PlannedStmt *pstmt, const char *query, bool read_only_tree,
				ProcessUtilityContext context, ParamListInfo params,
				QueryEnvironment *env, DestReceiver *dest, QueryCompletion *qc)
{
	Node	   *stmt = pstmt->utilityStmt;

	switch (nodeTag(stmt))
	{
		case T_AlterTableStmt:
			if (has_extension())
				check_alter((AlterTableStmt *) stmt);
			break;
		case T_VacuumStmt:
			if (is_full((VacuumStmt *) stmt) && has_extension())
			{
				pstmt = copyObject(pstmt);
				if (!filter_vacuum((VacuumStmt *) pstmt->utilityStmt))
					return;
			}
			break;
		case T_ClusterStmt:
			if (has_extension())
				check_cluster((ClusterStmt *) stmt);
			break;
		case T_CreateStmt:
			if (has_extension())
				check_create((CreateStmt *) stmt);
			break;
		case T_DropdbStmt:
		case T_CreatedbStmt:
		case T_AlterDatabaseStmt:
			datom_ticker_leave();
			break;
		case T_RenameStmt:
			if (has_extension())
				check_rename((RenameStmt *) stmt);
			if (((RenameStmt *) stmt)->renameType == OBJECT_DATABASE)
				datom_ticker_leave();
			break;
		default:
			break;
	}
	if (prev_process_utility)
		prev_process_utility(pstmt, query, read_only_tree, context, params, env,
							 dest, qc);
	else
		standard_ProcessUtility(pstmt, query, read_only_tree, context, params,
								env, dest, qc);
	comment_columns(pstmt->utilityStmt);
}

/* A relation has just been entered into pg_class, by this command. */
static void
check_created(Oid relid)
{
	Relation	pgclass = table_open(RelationRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_class_oid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relid));
	scan = systable_beginscan(pgclass, ClassOidIndexId, true, SnapshotSelf, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		Form_pg_class form = (Form_pg_class) GETSTRUCT(tuple);

		if (OidIsValid(form->relam) && form->relkind != RELKIND_INDEX &&
			form->relam == get_am_oid("datom", true) &&
			form->reloftype != datom_type())
			datom_refuse(REFUSE_SHAPE, NameStr(form->relname));
	}
	systable_endscan(scan);
	table_close(pgclass, AccessShareLock);
}

static void
object_access(ObjectAccessType access, Oid class, Oid object, int sub, void *arg)
{
	if (prev_object_access)
		prev_object_access(access, class, object, sub, arg);
	if (class != RelationRelationId || sub != 0 || IsCatalogRelationOid(object))
		return;
	if (access == OAT_POST_CREATE && has_extension())
		check_created(object);
	else if (access == OAT_DROP && datom_log_is(object))
		datom_txlog_forget(object);
}

void
datom_guard_init(void)
{
	prev_process_utility = ProcessUtility_hook;
	ProcessUtility_hook = process_utility;
	prev_object_access = object_access_hook;
	object_access_hook = object_access;
}
