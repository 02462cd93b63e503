/*
 * saved_query.c: saving queries, undoing and dropping them.
 *
 * A version of a saved query is an entity of the catalogue. Nothing is said about it
 * later but that it was dropped, so nothing is ever retracted, and one transaction
 * may save, drop and undo the same query. The newest version that is not dropped
 * is the query. Going back makes a new version of what an older one says.
 *
 * Who saves, undoes or drops needs CREATE on the schema, and must own the view or
 * function that is there. That is asked first. Then a lock on the name is taken,
 * until the transaction ends, and only what is read under it, with a snapshot taken
 * after it, decides. The name is what counts: a view that was renamed is no saved
 * query any more, and one that was dropped by hand is made anew.
 *
 * A version keeps the search_path and datom.db under which its names were
 * understood, so that going back means the same tables to whoever does it.
 */
#include "compat.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/comment.h"
#include "common/hashfn.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/varlena.h"

#include "append.h"
#include "catalogue.h"
#include "query_object.h"
#include "query_text.h"
#include "query_version.h"

/*
 * Names
 */

static QueryName
make_name(Oid schema, const char *name)
{
	QueryName	result = {
		.schema = schema, .schema_name = get_namespace_name(schema), .name = name
	};

	result.qualified = quote_qualified_identifier(result.schema_name, name);
	return result;
}

static RangeVar *
parse_name(text *name)
{
	return makeRangeVarFromNameList(textToQualifiedNameList(name));
}

/* Where CREATE VIEW would make it. */
static QueryName
name_to_make(text *name)
{
	RangeVar   *var = parse_name(name);
	Oid			schema = RangeVarGetCreationNamespace(var);

	if (isAnyTempNamespace(schema))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("a saved query cannot be temporary")));
	return make_name(schema, var->relname);
}

static void
refuse_unknown(const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("saved query \"%s\" does not exist", name)));
}

/* The schema that is named, or the first of search_path with such a saved query. */
static QueryName
name_to_find(text *given)
{
	RangeVar   *var = parse_name(given);
	QueryName	name;
	ListCell   *lc;

	if (var->schemaname)
	{
		name = make_name(get_namespace_oid(var->schemaname, false), var->relname);
		if (datom_query_versions(name.qualified) != NIL)
			return name;
	}
	else
		foreach(lc, fetch_search_path(false))
		{
			name = make_name(lfirst_oid(lc), var->relname);
			if (datom_query_versions(name.qualified) != NIL)
				return name;
		}
	refuse_unknown(text_to_cstring(given));
	pg_unreachable();
}

/* The view or the function of the query, if it is there, locked. */
static ObjectAddress
object_of(const QueryName *name, const QueryVersion *version)
{
	return datom_query_is_there(version) ? datom_query_object_lock(name, version->signature) :
		InvalidObjectAddress;
}

static void
require_rights(const QueryName *name)
{
	const QueryVersion *last = datom_query_newest(datom_query_versions(name->qualified));
	ObjectAddress object = datom_query_is_there(last) ? datom_query_object(name, last->signature) :
		InvalidObjectAddress;
	AclResult	acl = pg_namespace_aclcheck(name->schema, GetUserId(), ACL_CREATE);

	if (acl != ACLCHECK_OK)
		aclcheck_error(acl, OBJECT_SCHEMA, name->schema_name);
	if (OidIsValid(object.objectId))
		datom_query_object_require(object);
}

/* Nobody else saves, undoes or drops it until this transaction ends. */
static void
lock_name(const QueryName *name)
{
	uint32		hash = hash_bytes((const unsigned char *) name->qualified, strlen(name->qualified));

	/* Number 0 would be the table itself. */
	LockDatabaseObject(RelationRelationId, datom_catalogue(), (uint16) hash | 1, ExclusiveLock);
}

static void
prepare(const char *function)
{
	PreventCommandIfReadOnly(function);
	PreventCommandIfParallelMode(function);
	datom_append_refuse_as_of("datom.queries");
}

/*
 * Settings that decide what names mean
 */

static const char *
effective_search_path(void)
{
	StringInfoData path;
	ListCell   *lc;

	initStringInfo(&path);
	foreach(lc, fetch_search_path(false))
		if (!isAnyTempNamespace(lfirst_oid(lc)))
			appendStringInfo(&path, "%s%s", path.len ? ", " : "",
							 quote_identifier(get_namespace_name(lfirst_oid(lc))));
	return path.data;
}

static void
set_for_now(const char *setting, const char *value)
{
	set_config_option(setting, value ? value : "", PGC_USERSET, PGC_S_SESSION,
					  GUC_ACTION_SAVE, true, 0, false);
}

/*
 * Making a version
 */

static const char *
arguments_of(ObjectAddress function)
{
	return TextDatumGetCString(DirectFunctionCall1(pg_get_function_arguments,
												   ObjectIdGetDatum(function.objectId)));
}

/* Makes the view or function what the version says, and the version the newest. */
static void
put(const QueryName *name, QueryVersion *version, const QueryVersion *last)
{
	QueryText  *query = datom_query_text(name->name, version->query, version->arguments,
										 version->rules);
	ObjectAddress object = datom_query_object_put(name, query, object_of(name, last));

	CreateComments(object.objectId, object.classId, 0, version->doc);
	CommandCounterIncrement();
	version->name = name->qualified;
	version->number = last ? last->number + 1 : 1;
	version->language = query->language;
	version->inputs = query->inputs;
	version->signature = query->is_function ? format_procedure_qualified(object.objectId) : NULL;
	version->arguments = query->is_function ? arguments_of(object) : NULL;
	datom_query_write(version);
}

static const char *
text_argument(FunctionCallInfo fcinfo, int i)
{
	return PG_ARGISNULL(i) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(i));
}

static List *
read_tags(ArrayType *array)
{
	Datum	   *elements;
	bool	   *nulls;
	int			n;
	List	   *tags = NIL;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, &n);
	for (int i = 0; i < n; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("a tag of a saved query is null")));
		tags = lappend(tags, TextDatumGetCString(elements[i]));
	}
	return tags;
}

static void
check_stability(const char *stability)
{
	if (strcmp(stability, "experimental") != 0 && strcmp(stability, "production") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" is no stability of a saved query", stability),
				 errhint("It is \"experimental\" or \"production\".")));
}

/* Arguments of save_query. */
enum
{
	SAVE_NAME,
	SAVE_QUERY,
	SAVE_DOC,
	SAVE_OWNER,
	SAVE_TAGS,
	SAVE_STABILITY,
	SAVE_ARGUMENTS,
	SAVE_RULES
};

static QueryVersion *
given_version(FunctionCallInfo fcinfo)
{
	QueryVersion    *version = palloc0(sizeof(QueryVersion));

	if (PG_ARGISNULL(SAVE_NAME) || PG_ARGISNULL(SAVE_QUERY))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the %s of a saved query is null", PG_ARGISNULL(SAVE_NAME) ? "name" : "text")));
	version->query = text_argument(fcinfo, SAVE_QUERY);
	version->doc = text_argument(fcinfo, SAVE_DOC);
	version->owner = text_argument(fcinfo, SAVE_OWNER);
	version->stability = text_argument(fcinfo, SAVE_STABILITY);
	version->arguments = text_argument(fcinfo, SAVE_ARGUMENTS);
	version->rules = text_argument(fcinfo, SAVE_RULES);
	version->search_path = effective_search_path();
	version->db = GetConfigOption("datom.db", true, false);
	if (version->stability)
		check_stability(version->stability);
	if (!PG_ARGISNULL(SAVE_TAGS))
		version->tags = read_tags(PG_GETARG_ARRAYTYPE_P(SAVE_TAGS));
	return version;
}

/* What was not given stays as it was. */
static void
fill_version(QueryVersion *version, const QueryVersion *last, bool tags_given)
{
	const QueryVersion none = {.stability = "experimental"};

	if (!datom_query_is_there(last))
		last = &none;
	if (version->doc == NULL)
		version->doc = last->doc;
	if (version->owner == NULL)
		version->owner = last->owner ? last->owner : GetUserNameFromId(GetUserId(), false);
	if (version->stability == NULL)
		version->stability = last->stability;
	if (!tags_given)
		version->tags = last->tags;
}

PG_FUNCTION_INFO_V1(datom_save_query);

/*
 * datom.save_query(name, query, doc, owner, tags, stability, arguments, rules):
 * makes the query a view, or, if it takes arguments, a function, and a version in
 * the catalogue; returns its qualified name. The query is one SELECT, or EDN, which
 * begins with [ or {. The arguments of SQL are given as in CREATE FUNCTION; those of
 * EDN are its :in, unless they are given. Rules are those that EDN takes as %. The
 * owner is whoever answers for the query, and no more than a text. What is NULL
 * stays as it was in the version before; an empty doc is none.
 */
Datum
datom_save_query(PG_FUNCTION_ARGS)
{
	QueryVersion    *version = given_version(fcinfo);
	QueryName	name = name_to_make(PG_GETARG_TEXT_PP(SAVE_NAME));
	const QueryVersion *last;

	prepare("datom.save_query()");
	require_rights(&name);
	lock_name(&name);
	last = datom_query_newest(datom_query_versions(name.qualified));
	fill_version(version, last, !PG_ARGISNULL(SAVE_TAGS));
	put(&name, version, last);
	PG_RETURN_TEXT_P(cstring_to_text(name.qualified));
}

static const QueryVersion *
find_version(const List *versions, int64 number)
{
	ListCell   *lc;

	foreach(lc, versions)
		if (((QueryVersion *) lfirst(lc))->number == number)
			return lfirst(lc);
	return NULL;
}

/* The version whose text it has. */
static int64
origin(const QueryVersion *version)
{
	return version->restores ? version->restores : version->number;
}

/* To which version undo goes back: to what was dropped, or to the one before. */
static const QueryVersion *
version_before(const QueryName *name, const List *versions)
{
	const QueryVersion *last = datom_query_newest(versions);
	const QueryVersion *before;

	if (last->dropped)
		return last;
	before = find_version(versions, origin(last) - 1);
	if (before == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("saved query \"%s\" has no version before this one", name->qualified),
				 errhint("datom.drop_query() drops it.")));
	return before;
}

static const QueryVersion *
version_given(const QueryName *name, const List *versions, int64 number)
{
	const QueryVersion *version = find_version(versions, number);

	if (version == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("saved query \"%s\" has no version " INT64_FORMAT, name->qualified, number)));
	return version;
}

PG_FUNCTION_INFO_V1(datom_undo_query);

/*
 * datom.undo_query(name, version): makes a new version of an older one: of the one
 * before, if `version` is NULL, or of the last, if the query was dropped. Undone
 * again, it goes back one further. Returns the number of the new version.
 */
Datum
datom_undo_query(PG_FUNCTION_ARGS)
{
	QueryName	name;
	List	   *versions;
	QueryVersion		version;
	int			level;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	prepare("datom.undo_query()");
	name = name_to_find(PG_GETARG_TEXT_PP(0));
	require_rights(&name);
	lock_name(&name);
	versions = datom_query_versions(name.qualified);
	version = *(PG_ARGISNULL(1) ? version_before(&name, versions) :
				version_given(&name, versions, PG_GETARG_INT32(1)));
	version.restores = origin(&version);
	level = NewGUCNestLevel();
	set_for_now("search_path", version.search_path);
	set_for_now("datom.db", version.db);
	put(&name, &version, datom_query_newest(versions));
	AtEOXact_GUC(true, level);
	PG_RETURN_INT32((int32) version.number);
}

PG_FUNCTION_INFO_V1(datom_drop_query);

/*
 * datom.drop_query(name): drops the view or function, unless something depends on
 * it. Its versions stay, and datom.undo_query() brings it back.
 */
Datum
datom_drop_query(PG_FUNCTION_ARGS)
{
	QueryName	name;
	const QueryVersion *last;
	ObjectAddress object;

	prepare("datom.drop_query()");
	name = name_to_find(PG_GETARG_TEXT_PP(0));
	require_rights(&name);
	lock_name(&name);
	last = datom_query_newest(datom_query_versions(name.qualified));
	if (!datom_query_is_there(last))
		refuse_unknown(name.qualified);
	object = object_of(&name, last);
	if (OidIsValid(object.objectId))
		datom_query_object_drop(object);
	datom_query_write_dropped(last);
	PG_RETURN_VOID();
}
