/*
 * query_object.c: views and functions of saved queries.
 *
 * They are made by the server's own commands, given as trees, so rights, locks,
 * dependencies and event triggers are the server's. CREATE OR REPLACE is tried
 * first, in a subtransaction: whether a view or function can be replaced in place
 * is the server's to know. If not, it is dropped, if nothing depends on it, and
 * made anew with what had been given to the old one.
 *
 * What is to be replaced or dropped is locked before it is looked at, so that a plain
 * DROP or ALTER comes before or after. A query that was dropped meanwhile is made anew.
 */
#include "query_object.h"

#include "access/htup_details.h"
#include "access/reloptions.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "catalog/pg_proc.h"
#include "commands/alter.h"
#include "commands/comment.h"
#include "commands/defrem.h"
#include "commands/tablecmds.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "storage/lmgr.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/resowner.h"
#include "utils/syscache.h"

/* What a column has been given. */
typedef struct KeptColumn
{
	const char *name;
	char	   *comment;
	Acl		   *acl;
} KeptColumn;

/* What the object has been given since it was made. */
typedef struct Kept
{
	Oid			owner;
	Acl		   *acl;			/* NULL: the default */
	List	   *options;		/* DefElem */
	List	   *columns;		/* KeptColumn */
} Kept;

/*
 * Finding
 */

ObjectAddress
datom_query_object(const QueryName *name, const char *signature)
{
	ObjectAddress object = InvalidObjectAddress;

	if (signature == NULL)
		ObjectAddressSet(object, RelationRelationId,
						 get_relname_relid(name->name, name->schema));
	else
	{
		LOCAL_FCINFO(fcinfo, 1);
		Oid			oid;

		InitFunctionCallInfoData(*fcinfo, NULL, 1, InvalidOid, NULL, NULL);
		fcinfo->args[0].value = CStringGetTextDatum(signature);
		fcinfo->args[0].isnull = false;
		oid = DatumGetObjectId(to_regprocedure(fcinfo));
		ObjectAddressSet(object, ProcedureRelationId, fcinfo->isnull ? InvalidOid : oid);
	}
	return OidIsValid(object.objectId) ? object : InvalidObjectAddress;
}

void
datom_query_object_require(ObjectAddress object)
{
	bool		view = object.classId == RelationRelationId;

	if (view && !pg_class_ownercheck(object.objectId, GetUserId()))
		aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_VIEW, get_rel_name(object.objectId));
	if (!view && !pg_proc_ownercheck(object.objectId, GetUserId()))
		aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_FUNCTION, get_func_name(object.objectId));
}

static bool
is_same(ObjectAddress a, ObjectAddress b)
{
	return a.classId == b.classId && a.objectId == b.objectId;
}

/* As the server does for its own commands: what has the name once it is locked counts. */
ObjectAddress
datom_query_object_lock(const QueryName *name, const char *signature)
{
	ObjectAddress object;

	while (OidIsValid((object = datom_query_object(name, signature)).objectId))
	{
		bool		view = object.classId == RelationRelationId;

		datom_query_object_require(object);
		if (view)
			LockRelationOid(object.objectId, AccessExclusiveLock);
		else
			LockDatabaseObject(object.classId, object.objectId, 0, AccessExclusiveLock);
		if (is_same(datom_query_object(name, signature), object))
			break;
		if (view)
			UnlockRelationOid(object.objectId, AccessExclusiveLock);
		else
			UnlockDatabaseObject(object.classId, object.objectId, 0, AccessExclusiveLock);
	}
	return object;
}

/* Has a function other than this one the name? */
static bool
is_other_function(const QueryName *name, Oid known)
{
	CatCList   *list = SearchSysCacheList1(PROCNAMEARGSNSP, CStringGetDatum(name->name));
	bool		other = false;

	for (int i = 0; i < list->n_members; i++)
	{
		Form_pg_proc proc = (Form_pg_proc) GETSTRUCT(&list->members[i]->tuple);

		other |= proc->pronamespace == name->schema && proc->oid != known;
	}
	ReleaseSysCacheList(list);
	return other;
}

static void
refuse_others(const QueryName *name, bool function, ObjectAddress old)
{
	Oid			relid = get_relname_relid(name->name, name->schema);

	if (function ? is_other_function(name, old.objectId) :
		OidIsValid(relid) &&
		(relid != old.objectId || get_rel_relkind(relid) != RELKIND_VIEW))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("\"%s\" exists and is no saved query", name->qualified),
				 errhint("Save the query under another name, or drop or rename what has this one.")));
}

/*
 * Commands
 */

static void
execute(Node *stmt, const char *source)
{
	PlannedStmt *command = makeNode(PlannedStmt);

	command->commandType = CMD_UTILITY;
	command->utilityStmt = stmt;
	ProcessUtility(command, source, false, PROCESS_UTILITY_QUERY, NULL, NULL,
				   None_Receiver, NULL);
	CommandCounterIncrement();
}

static List *
qualified(const QueryName *name)
{
	return list_make2(makeString(pstrdup(name->schema_name)), makeString(pstrdup(name->name)));
}

static Node *
view_statement(const QueryName *name, const QueryText *text, List *options)
{
	ViewStmt   *stmt = makeNode(ViewStmt);

	stmt->view = makeRangeVar(pstrdup(name->schema_name), pstrdup(name->name), -1);
	stmt->query = copyObject((Node *) text->select);
	stmt->options = copyObject(options);
	stmt->replace = true;
	stmt->withCheckOption = NO_CHECK_OPTION;
	return (Node *) stmt;
}

static List *
table_parameters(const List *columns)
{
	List	   *parameters = NIL;
	ListCell   *lc;

	foreach(lc, columns)
	{
		ColumnDef  *column = lfirst_node(ColumnDef, lc);
		FunctionParameter *parameter = makeNode(FunctionParameter);

		parameter->name = column->colname;
		parameter->argType = copyObject(column->typeName);
		parameter->mode = FUNC_PARAM_TABLE;
		parameters = lappend(parameters, parameter);
	}
	return parameters;
}

/* What RETURNS TABLE returns: rows, or the values of the only column. */
static TypeName *
table_type(const List *columns)
{
	TypeName   *type = list_length(columns) == 1 ?
		copyObject(linitial_node(ColumnDef, columns)->typeName) :
		makeTypeNameFromNameList(list_make2(makeString("pg_catalog"), makeString("record")));

	type->setof = true;
	return type;
}

/* Of the kind that the server puts in place of its call: STABLE, in SQL, one SELECT. */
static Node *
function_statement(const QueryName *name, const QueryText *text)
{
	CreateFunctionStmt *stmt = makeNode(CreateFunctionStmt);

	stmt->replace = true;
	stmt->funcname = qualified(name);
	stmt->parameters = list_concat(copyObject(text->arguments), table_parameters(text->columns));
	stmt->returnType = table_type(text->columns);
	stmt->options = list_make2(makeDefElem("language", (Node *) makeString("sql"), -1),
							   makeDefElem("volatility", (Node *) makeString("stable"), -1));
	stmt->sql_body = (Node *) list_make1(list_make1(copyObject(text->select)));
	return (Node *) stmt;
}

static ObjectAddress
make(const QueryName *name, const QueryText *text, List *options)
{
	ObjectAddress object;
	Oid			oid;

	execute(text->is_function ? function_statement(name, text) :
			view_statement(name, text, options), text->source);
	if (!text->is_function)
		return datom_query_object(name, NULL);
	oid = GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid, CStringGetDatum(name->name),
						  PointerGetDatum(text->types), ObjectIdGetDatum(name->schema));
	ObjectAddressSet(object, ProcedureRelationId, oid);
	return object;
}

/* Which errors say that it cannot be replaced in place? */
static bool
is_refusal(int code)
{
	return code == ERRCODE_INVALID_TABLE_DEFINITION ||
		code == ERRCODE_INVALID_FUNCTION_DEFINITION;
}

static bool
try_replace(const QueryName *name, const QueryText *text, List *options)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData  *volatile error = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		make(name, text, options);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	if (error && !is_refusal(error->sqlerrcode))
		ReThrowError(error);
	return error == NULL;
}

/*
 * Dropping
 */

static Node *
drop_statement(ObjectAddress object)
{
	DropStmt   *stmt = makeNode(DropStmt);
	Oid		   *types;
	int			n;
	ObjectWithArgs *function;

	stmt->behavior = DROP_RESTRICT;
	if (object.classId == RelationRelationId)
	{
		stmt->removeType = OBJECT_VIEW;
		stmt->objects = list_make1(list_make2(makeString(get_namespace_name(get_rel_namespace(object.objectId))),
											  makeString(get_rel_name(object.objectId))));
		return (Node *) stmt;
	}
	function = makeNode(ObjectWithArgs);
	function->objname = list_make2(makeString(get_namespace_name(get_func_namespace(object.objectId))),
								   makeString(get_func_name(object.objectId)));
	(void) get_func_signature(object.objectId, &types, &n);
	for (int i = 0; i < n; i++)
		function->objargs = lappend(function->objargs, makeTypeNameFromOid(types[i], -1));
	stmt->removeType = OBJECT_FUNCTION;
	stmt->objects = list_make1(function);
	return (Node *) stmt;
}

void
datom_query_object_drop(ObjectAddress object)
{
	MemoryContext context = CurrentMemoryContext;

	PG_TRY();
	{
		execute(drop_statement(object), "DROP");
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		if (error->sqlerrcode == ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST)
			error->hint = "Keep its columns and arguments as they are, or drop what depends on it first.";
		FlushErrorState();
		ReThrowError(error);
	}
	PG_END_TRY();
}

/*
 * Keeping what was given to an object that is made anew
 */

static Acl *
acl_of(int cache, HeapTuple tuple, AttrNumber number)
{
	bool		isnull;
	Datum		acl = SysCacheGetAttr(cache, tuple, number, &isnull);

	return isnull ? NULL : DatumGetAclPCopy(acl);
}

static List *
keep_columns(Oid relid)
{
	List	   *columns = NIL;
	HeapTuple	tuple;

	for (int i = 1; (tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(relid), Int16GetDatum(i))) != NULL; i++)
	{
		KeptColumn *column = palloc(sizeof(KeptColumn));

		column->name = pstrdup(NameStr(((Form_pg_attribute) GETSTRUCT(tuple))->attname));
		column->comment = GetComment(relid, RelationRelationId, i);
		column->acl = acl_of(ATTNUM, tuple, Anum_pg_attribute_attacl);
		columns = lappend(columns, column);
		ReleaseSysCache(tuple);
	}
	return columns;
}

static List *
keep_options(HeapTuple tuple)
{
	bool		isnull;
	Datum		options = SysCacheGetAttr(RELOID, tuple, Anum_pg_class_reloptions, &isnull);

	return isnull ? NIL : untransformRelOptions(options);
}

static Kept *
keep(ObjectAddress object)
{
	bool		view = object.classId == RelationRelationId;
	int			cache = view ? RELOID : PROCOID;
	HeapTuple	tuple = SearchSysCache1(cache, ObjectIdGetDatum(object.objectId));
	Kept	   *kept = palloc0(sizeof(Kept));

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for object %u", object.objectId);
	kept->owner = view ? ((Form_pg_class) GETSTRUCT(tuple))->relowner :
		((Form_pg_proc) GETSTRUCT(tuple))->proowner;
	kept->acl = acl_of(cache, tuple, view ? Anum_pg_class_relacl : Anum_pg_proc_proacl);
	if (view)
	{
		kept->options = keep_options(tuple);
		kept->columns = keep_columns(object.objectId);
	}
	ReleaseSysCache(tuple);
	return kept;
}

/*
 * Makes the grants on an object, or on a column of it, those of another of the same
 * owner; the tuple that has them is of the catalog.
 */
static void
set_acl(Oid catalog, HeapTuple tuple, AttrNumber number, ObjectAddress object, Oid owner,
		const Acl *acl)
{
	Relation	rel = table_open(catalog, RowExclusiveLock);
	int			natts = RelationGetNumberOfAttributes(rel);
	Datum	   *values = palloc0(sizeof(Datum) * natts);
	bool	   *nulls = palloc0(sizeof(bool) * natts);
	bool	   *replaces = palloc0(sizeof(bool) * natts);
	bool		isnull;
	Datum		old = heap_getattr(tuple, number, RelationGetDescr(rel), &isnull);
	Oid		   *old_members = NULL;
	Oid		   *members = NULL;
	int			nold = isnull ? 0 : aclmembers(DatumGetAclPCopy(old), &old_members);
	int			n = acl ? aclmembers(acl, &members) : 0;

	values[number - 1] = PointerGetDatum(acl);
	nulls[number - 1] = acl == NULL;
	replaces[number - 1] = true;
	tuple = heap_modify_tuple(tuple, RelationGetDescr(rel), values, nulls, replaces);
	CatalogTupleUpdate(rel, &tuple->t_self, tuple);
	updateAclDependencies(object.classId, object.objectId, object.objectSubId, owner,
						  nold, old_members, n, members);
	table_close(rel, RowExclusiveLock);
}

static void
restore_owner(ObjectAddress object, Oid owner)
{
	Relation	rel;

	if (object.classId == RelationRelationId)
		ATExecChangeOwner(object.objectId, owner, false, AccessExclusiveLock);
	else
	{
		rel = table_open(ProcedureRelationId, RowExclusiveLock);
		AlterObjectOwner_internal(rel, object.objectId, owner);
		table_close(rel, RowExclusiveLock);
	}
	CommandCounterIncrement();
}

static void
restore_column(Oid relid, Oid owner, const KeptColumn *column)
{
	HeapTuple	tuple = SearchSysCacheAttName(relid, column->name);
	ObjectAddress object;

	if (!HeapTupleIsValid(tuple))
		return;
	ObjectAddressSubSet(object, RelationRelationId, relid,
						((Form_pg_attribute) GETSTRUCT(tuple))->attnum);
	if (column->comment)
		CreateComments(relid, RelationRelationId, object.objectSubId, column->comment);
	if (column->acl)
		set_acl(AttributeRelationId, tuple, Anum_pg_attribute_attacl, object, owner,
				column->acl);
	ReleaseSysCache(tuple);
}

static void
restore(ObjectAddress object, const Kept *kept)
{
	bool		view = object.classId == RelationRelationId;
	HeapTuple	tuple = SearchSysCache1(view ? RELOID : PROCOID, ObjectIdGetDatum(object.objectId));
	ListCell   *lc;

	set_acl(object.classId, tuple, view ? Anum_pg_class_relacl : Anum_pg_proc_proacl,
			object, kept->owner, kept->acl);
	ReleaseSysCache(tuple);
	CommandCounterIncrement();
	if (view)
		foreach(lc, kept->columns)
			restore_column(object.objectId, kept->owner, lfirst(lc));
	CommandCounterIncrement();
}

/* Could CREATE OR REPLACE be meant for it? A function of other types would be another. */
static bool
is_same_object(ObjectAddress old, const QueryText *text)
{
	Oid		   *types;
	int			n;

	if (text->is_function != (old.classId == ProcedureRelationId))
		return false;
	if (!text->is_function)
		return true;
	(void) get_func_signature(old.objectId, &types, &n);
	return n == text->types->dim1 &&
		(n == 0 || memcmp(types, text->types->values, sizeof(Oid) * n) == 0);
}

static ObjectAddress
replace(const QueryName *name, const QueryText *text, ObjectAddress old)
{
	bool		same_kind = text->is_function == (old.classId == ProcedureRelationId);
	Kept	   *kept = keep(old);
	ObjectAddress new;

	if (is_same_object(old, text) && try_replace(name, text, kept->options))
		return old;
	datom_query_object_drop(old);
	new = make(name, text, same_kind ? kept->options : NIL);
	if (kept->owner != GetUserId())
		restore_owner(new, kept->owner);
	if (same_kind)
		restore(new, kept);
	return new;
}

ObjectAddress
datom_query_object_put(const QueryName *name, const QueryText *text, ObjectAddress old)
{
	refuse_others(name, text->is_function, old);
	return OidIsValid(old.objectId) ? replace(name, text, old) : make(name, text, NIL);
}
