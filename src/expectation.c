/*
 * expectation.c: what is expected of the rows of saved queries.
 *
 * A declaration is an entity of the catalogue. Nothing is said about it later, so
 * that one transaction may declare and drop the same expectation: of those with
 * the same query and name the last counts, in the order of commits and then of
 * entities, which is the order of the calls of one session. The view
 * datom.expectation has them.
 *
 * Predicates are other people's code, and so are views. A check runs them
 *
 *  - with the rights of the view's owner, and as REFRESH MATERIALIZED VIEW does, so
 *    that they cannot become somebody else;
 *  - only if whoever declared the expectation has the owner's rights: a view goes by
 *    its name, and another may have that name by now;
 *  - in a subtransaction that cannot write and that is always undone, settings
 *    with it;
 *  - under the search_path of the declaration, in which its names were understood.
 *
 * What comes out is shown to whoever may read the view, if it shows them what it
 * shows its owner: see audience.c.
 */
#include "compat.h"

#include "access/table.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/regproc.h"
#include "utils/resowner.h"
#include "utils/varlena.h"

#include "audience.h"
#include "catalogue.h"
#include "expectation_query.h"
#include "instant.h"

/* What is said about a declaration. */
typedef struct Expectation
{
	const char *query;			/* the relation, with its schema */
	const char *name;
	const char *predicate;		/* NULL: it is dropped */
	const char *doc;
	const char *search_path;
	const char *author;			/* the role that declared it */
} Expectation;

static const DatomCatalogueAttr attributes[] = {
	{":expectation/query", ":db.type/string", .doc = "the view of which rows something is expected"},
	{":expectation/name", ":db.type/string", .doc = "the expectation's name"},
	{":expectation/predicate", ":db.type/string", .doc = "what each row must meet; none: it is dropped"},
	{":expectation/doc", ":db.type/string", .doc = "what it is for"},
	{":expectation/search-path", ":db.type/string", .doc = "the schemas in which names were looked up"},
	{":expectation/author", ":db.type/string", .doc = "the role that declared it"}
};

static void
write_declaration(const Expectation *said)
{
	JsonbParseState *state = NULL;

	pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	datom_catalogue_add_string(&state, ":expectation/query", said->query);
	datom_catalogue_add_string(&state, ":expectation/name", said->name);
	datom_catalogue_add_string(&state, ":expectation/predicate", said->predicate);
	datom_catalogue_add_string(&state, ":expectation/doc", said->doc);
	datom_catalogue_add_string(&state, ":expectation/search-path", said->search_path);
	datom_catalogue_add_string(&state, ":expectation/author", said->author);
	pushJsonbValue(&state, WJB_END_OBJECT, NULL);
	datom_catalogue_define(attributes, lengthof(attributes));
	datom_catalogue_transact(JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_ARRAY, NULL)));
}

/* A column of a row that SPI has found, in the caller's memory. */
static const char *
column(HeapTuple row, int i, MemoryContext context)
{
	const char *value = SPI_getvalue(row, SPI_tuptable->tupdesc, i);

	return value ? MemoryContextStrdup(context, value) : NULL;
}

/* All as of the moment in force. */
static List *
read_expectations(void)
{
	MemoryContext context = CurrentMemoryContext;
	List	   *all = NIL;

	SPI_connect();
	if (SPI_execute("SELECT query, name, predicate, doc, search_path, author"
					" FROM datom.expectation"
					" ORDER BY query COLLATE pg_catalog.\"C\", name COLLATE pg_catalog.\"C\"",
					true, 0) != SPI_OK_SELECT)
		elog(ERROR, "reading datom.expectation failed");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		HeapTuple	row = SPI_tuptable->vals[i];
		MemoryContext old = MemoryContextSwitchTo(context);
		Expectation *one = palloc(sizeof(Expectation));

		one->query = column(row, 1, context);
		one->name = column(row, 2, context);
		one->predicate = column(row, 3, context);
		one->doc = column(row, 4, context);
		one->search_path = column(row, 5, context);
		one->author = column(row, 6, context);
		all = lappend(all, one);
		MemoryContextSwitchTo(old);
	}
	SPI_finish();
	return all;
}

/*
 * Names of relations
 */

static RangeVar *
read_name(text *name)
{
	return makeRangeVarFromNameList(textToQualifiedNameList(name));
}

static const char *
qualified_name(Oid relid)
{
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)),
									  get_rel_name(relid));
}

/* As in the catalogue; of a relation that is not there any more, as it is given. */
static const char *
name_in_catalogue(text *given)
{
	RangeVar   *var = read_name(given);
	Oid			relid = RangeVarGetRelid(var, NoLock, true);

	if (OidIsValid(relid))
		return qualified_name(relid);
	return var->schemaname ? quote_qualified_identifier(var->schemaname, var->relname) :
		quote_identifier(var->relname);
}

/* Without rights having a say. */
static Oid
find_relation(const RangeVar *var)
{
	Oid			namespace = get_namespace_oid(var->schemaname, true);

	return OidIsValid(namespace) ? get_relname_relid(var->relname, namespace) : InvalidOid;
}

static bool
may_read(Oid relid)
{
	return pg_class_aclcheck(relid, GetUserId(), ACL_SELECT) == ACLCHECK_OK &&
		pg_namespace_aclcheck(get_rel_namespace(relid), GetUserId(), ACL_USAGE) == ACLCHECK_OK;
}

static void
require_owner(Oid relid, const char *name)
{
	if (!pg_class_ownercheck(relid, GetUserId()))
		aclcheck_error(ACLCHECK_NOT_OWNER, get_relkind_objtype(get_rel_relkind(relid)), name);
}

/* For RangeVarGetRelidExtended(): before the lock is taken. */
static void
check_relation(const RangeVar *var, Oid relid, Oid old_relid, void *arg)
{
	if (!OidIsValid(relid))
		return;
	require_owner(relid, var->relname);
	switch (get_rel_relkind(relid))
	{
		case RELKIND_VIEW:
		case RELKIND_MATVIEW:
		case RELKIND_FOREIGN_TABLE:
		case RELKIND_RELATION:
		case RELKIND_PARTITIONED_TABLE:
			break;
		default:
			ereport(ERROR,
					(errcode(ERRCODE_WRONG_OBJECT_TYPE),
					 errmsg("\"%s\" is no view or table", var->relname)));
	}
	if (isAnyTempNamespace(get_rel_namespace(relid)))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is temporary", var->relname),
				 errdetail("Expectations are kept, and checked by others.")));
}

/*
 * Declaring
 */

/* What cannot be null or empty. */
static text *
wanted(FunctionCallInfo fcinfo, int i, const char *what)
{
	text	   *value = PG_ARGISNULL(i) ? NULL : PG_GETARG_TEXT_PP(i);

	if (value == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the %s of an expectation must not be null", what)));
	if (VARSIZE_ANY_EXHDR(value) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the %s of an expectation must not be empty", what)));
	return value;
}

static const char *
search_path_in_force(void)
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

PG_FUNCTION_INFO_V1(datom_expect);

/*
 * datom.expect(query, name, predicate, doc): declares that each row of the view (or
 * table) `query` meets the predicate, a SQL condition on its columns; a row of which
 * that is unknown passes. An expectation of the same name is replaced. 42501 unless
 * the caller owns the view; what is wrong with the predicate is an error with its
 * position. `doc` may be NULL.
 */
Datum
datom_expect(PG_FUNCTION_ARGS)
{
	text	   *query = wanted(fcinfo, 0, "query");
	Expectation said = {
		.name = text_to_cstring(wanted(fcinfo, 1, "name")),
		.predicate = text_to_cstring(wanted(fcinfo, 2, "predicate")),
		.doc = PG_ARGISNULL(3) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(3)),
		.search_path = search_path_in_force(),
		.author = GetUserNameFromId(GetUserId(), false)
	};
	RangeVar   *var = read_name(query);
	Oid			relid = RangeVarGetRelidExtended(var, AccessShareLock, 0, check_relation, NULL);

	said.query = qualified_name(relid);
	datom_expectation_analyze(var, said.predicate);
	write_declaration(&said);
	PG_RETURN_VOID();
}

/* Of a relation that is not there, whoever may make one in its place. */
static void
require_right_to_drop(const RangeVar *var)
{
	Oid			relid = find_relation(var);
	Oid			namespace = get_namespace_oid(var->schemaname, true);
	AclResult	acl;

	if (OidIsValid(relid))
		require_owner(relid, var->relname);
	else if (OidIsValid(namespace))
	{
		acl = pg_namespace_aclcheck(namespace, GetUserId(), ACL_CREATE);
		if (acl != ACLCHECK_OK)
			aclcheck_error(acl, OBJECT_SCHEMA, var->schemaname);
	}
	else if (!superuser())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be superuser to drop expectations of \"%s\"", var->relname),
				 errdetail("Schema \"%s\" does not exist.", var->schemaname)));
}

PG_FUNCTION_INFO_V1(datom_drop_expectation);

/*
 * datom.drop_expectation(query, name): it counts no more; what it was stays in the
 * catalogue. 42704 if there is none; 42501 unless the caller owns the view.
 */
Datum
datom_drop_expectation(PG_FUNCTION_ARGS)
{
	Expectation said = {
		.query = name_in_catalogue(wanted(fcinfo, 0, "query")),
		.name = text_to_cstring(wanted(fcinfo, 1, "name")),
		.author = GetUserNameFromId(GetUserId(), false)
	};
	bool		found = false;
	ListCell   *lc;

	foreach(lc, read_expectations())
	{
		Expectation *one = lfirst(lc);

		found |= strcmp(one->query, said.query) == 0 && strcmp(one->name, said.name) == 0;
	}
	if (!found)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("expectation \"%s\" of \"%s\" does not exist", said.name, said.query)));
	require_right_to_drop(read_name(cstring_to_text(said.query)));
	write_declaration(&said);
	PG_RETURN_VOID();
}

/*
 * Checking
 */

static void
set_for_now(const char *setting, const char *value)
{
	set_config_option(setting, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0, false);
}

/* Who declared it may be asked to stand for it: see the head of this file. */
static void
require_author(const Expectation *one, Oid owner)
{
	Oid			author = get_role_oid(one->author, true);

	if (!OidIsValid(author) || !has_privs_of_role(author, owner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("role \"%s\", who declared this, does not own \"%s\"", one->author,
						one->query)));
}

static void
require_audience(const Expectation *one, Relation rel)
{
	if (!datom_audience_sees_all(rel, GetUserId()))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("what \"%s\" shows may depend on who asks, so only its owner may check it",
						one->query)));
}

/* In a subtransaction that will be undone. `found` is in memory that outlives it. */
static void
check_in_subtransaction(const Expectation *one, const char *as_of, ExpectationFound *found)
{
	RangeVar   *var = read_name(cstring_to_text(one->query));
	Relation	rel;
	Oid			owner;
	Oid			caller;
	int			context;

	rel = table_openrv(var, AccessShareLock);
	owner = rel->rd_rel->relowner;
	require_author(one, owner);
	require_audience(one, rel);
	table_close(rel, NoLock);
	set_for_now("transaction_read_only", "on");
	set_for_now("search_path", one->search_path ? one->search_path : "");
	if (as_of)
		set_for_now("datom.as_of", as_of);
	GetUserIdAndSecContext(&caller, &context);
	SetUserIdAndSecContext(owner, context | SECURITY_RESTRICTED_OPERATION);
	datom_expectation_run(var, one->predicate, found);
}

/* What it finds, or the error, which is the caller's if the statement is to end. */
static ErrorData *
check(const Expectation *one, const char *as_of, ExpectationFound *found)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData  *volatile error = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		check_in_subtransaction(one, as_of, found);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
	}
	PG_END_TRY();
	RollbackAndReleaseCurrentSubTransaction();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	if (error && error->sqlerrcode == ERRCODE_QUERY_CANCELED)
		ReThrowError(error);
	return error;
}

static void
put_row(ReturnSetInfo *result, const Expectation *one, const ExpectationFound *found,
		const ErrorData *error)
{
	Datum		values[6] = {CStringGetTextDatum(one->query), CStringGetTextDatum(one->name)};
	bool		nulls[6] = {false, false, error != NULL, error != NULL, true, error == NULL};

	values[2] = Int64GetDatum(found->rows);
	values[3] = Int64GetDatum(found->failures);
	if (error == NULL && found->examples)
	{
		values[4] = JsonbPGetDatum(found->examples);
		nulls[4] = false;
	}
	if (error)
		values[5] = CStringGetTextDatum(error->message);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* Is there a relation that the caller may not read? */
static bool
is_hidden(const Expectation *one)
{
	Oid			relid = find_relation(read_name(cstring_to_text(one->query)));

	return OidIsValid(relid) && !may_read(relid);
}

/* Who asks of one query in particular is not told in silence that all is well. */
static void
require_query(text *given, const char *name, const List *expectations)
{
	Oid			relid = RangeVarGetRelid(read_name(given), NoLock, true);
	ListCell   *lc;

	if (OidIsValid(relid) && !may_read(relid))
		aclcheck_error(ACLCHECK_NO_PRIV, get_relkind_objtype(get_rel_relkind(relid)), name);
	if (OidIsValid(relid))
		return;
	foreach(lc, expectations)
		if (strcmp(((Expectation *) lfirst(lc))->query, name) == 0)
			return;
	RangeVarGetRelid(read_name(given), NoLock, false);
}

PG_FUNCTION_INFO_V1(datom_check_expectations);

/*
 * datom.check_expectations(as_of, query): checks the expectations that are declared
 * at the moment in force, all or those of one query, of rows as of `as_of` (NULL: the
 * moment in force). A row for each, of views that the caller may read: how many
 * rows there are, how many fail, some of these as JSON; or the error that came of
 * it, which does not keep others from being checked.
 */
Datum
datom_check_expectations(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	const char *as_of = PG_ARGISNULL(0) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(0));
	const char *query = PG_ARGISNULL(1) ? NULL : name_in_catalogue(PG_GETARG_TEXT_PP(1));
	List	   *expectations = read_expectations();
	ListCell   *lc;

	InitMaterializedSRF(fcinfo, 0);
	if (as_of)
		datom_moment_read(as_of);
	if (query)
		require_query(PG_GETARG_TEXT_PP(1), query, expectations);
	foreach(lc, expectations)
	{
		const Expectation *one = lfirst(lc);
		ExpectationFound found = {0};

		if ((query && strcmp(query, one->query) != 0) || is_hidden(one))
			continue;
		put_row(result, one, &found, check(one, as_of, &found));
	}
	return (Datum) 0;
}
