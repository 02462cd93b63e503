/*
 * fdw_import.c: options of entity tables, and IMPORT FOREIGN SCHEMA.
 *
 * The schema that is imported is a datom table. Each namespace of its attributes
 * becomes a foreign table, each attribute a column. Names are made so that they
 * can be written without quotes where that is possible: hyphens and dots become
 * underscores. A column says its attribute in so many words, so it may be renamed.
 */
#include "fdw_import.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/reloptions.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "catalog/pg_description.h"
#include "catalog/pg_foreign_table.h"
#include "catalog/pg_type.h"
#include "commands/comment.h"
#include "commands/defrem.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "foreign/foreign.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/syscache.h"

#include "attribute.h"
#include "attrs.h"
#include "fdw.h"
#include "log.h"
#include "sql_value.h"

/*
 * Options
 */

typedef void (*CheckFn) (const char *name, const char *value);

static void
check_ident(const char *name, const char *value)
{
	if (!datom_attribute_valid(value, strlen(value)))
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
				 errmsg("invalid value for option \"%s\": \"%s\"", name, value),
				 errhint("An attribute is a keyword such as \":person/name\".")));
}

static void
check_key(const char *name, const char *value)
{
	if (strcmp(value, "any") != 0)
		check_ident(name, value);
}

static void
check_namespace(const char *name, const char *value)
{
	const char *ident = psprintf(":%s/a", value);

	if (!datom_attribute_valid(ident, strlen(ident)))
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
				 errmsg("invalid value for option \"%s\": \"%s\"", name, value),
				 errhint("The namespace of \":person/name\" is \"person\".")));
}

static void
check_db(const char *name, const char *value)
{
	stringToQualifiedNameList(value);
}

static const struct
{
	const char *name;
	Oid			catalog;
	CheckFn		check;
}			known_options[] = {
	{"db", ForeignTableRelationId, check_db},
	{"namespace", ForeignTableRelationId, check_namespace},
	{"key", ForeignTableRelationId, check_key},
	{"attribute", AttributeRelationId, check_ident},
	{"identity", AttributeRelationId, check_ident}
};

static void
refuse_option(const char *name, Oid catalog)
{
	StringInfoData valid;

	initStringInfo(&valid);
	for (int i = 0; i < (int) lengthof(known_options); i++)
		if (known_options[i].catalog == catalog)
			appendStringInfo(&valid, "%s%s", valid.len > 0 ? ", " : "",
							 known_options[i].name);
	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
			 errmsg("invalid option \"%s\"", name),
			 valid.len > 0 ? errhint("Valid options in this context are: %s.", valid.data) :
			 errhint("There are no valid options in this context.")));
}

static void
check_option(const DefElem *def, Oid catalog)
{
	for (int i = 0; i < (int) lengthof(known_options); i++)
		if (known_options[i].catalog == catalog &&
			strcmp(known_options[i].name, def->defname) == 0)
		{
			known_options[i].check(def->defname, defGetString((DefElem *) def));
			return;
		}
	refuse_option(def->defname, catalog);
}

PG_FUNCTION_INFO_V1(datom_fdw_validator);

/*
 * datom.fdw_validator(options, catalog): an error for options that are not known
 * or cannot be right. What they name need not exist, so that a dump restores in
 * any order.
 */
Datum
datom_fdw_validator(PG_FUNCTION_ARGS)
{
	List	   *options = untransformRelOptions(PG_GETARG_DATUM(0));
	Oid			catalog = PG_GETARG_OID(1);
	bool		has_db = false;
	ListCell   *lc;

	foreach(lc, options)
	{
		check_option(lfirst_node(DefElem, lc), catalog);
		has_db |= strcmp(lfirst_node(DefElem, lc)->defname, "db") == 0;
	}
	if (catalog == ForeignTableRelationId && !has_db)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_OPTION_NAME_NOT_FOUND),
				 errmsg("option \"db\" is missing"),
				 errhint("Name the datom table: OPTIONS (db 'pur', namespace 'purchase').")));
	PG_RETURN_VOID();
}

/*
 * Names
 */

/* An attribute of a namespace, as a column. */
typedef struct Column
{
	const DatomAttr *attr;
	const char *name;
} Column;

/* The attributes of a namespace, as a table. */
typedef struct Table
{
	const char *namespace;
	const char *name;
	bool		has_key;		/* one of the columns is the key */
	List	   *columns;
} Table;

static bool
is_taken(List *names, const char *name)
{
	ListCell   *lc;

	foreach(lc, names)
		if (strcmp(lfirst(lc), name) == 0)
			return true;
	return false;
}

/* A name that is not taken yet, and is now. */
static const char *
take_name(List **names, const char *wanted, const char *replaced)
{
	char	   *name = pnstrdup(wanted, pg_mbcliplen(wanted, strlen(wanted), NAMEDATALEN - 1));

	for (char *c = name; *c; c++)
		if (strchr(replaced, *c))
			*c = '_';
	for (int n = 2; is_taken(*names, name); n++)
	{
		char	   *suffix = psprintf("_%d", n);

		name = psprintf("%.*s%s", pg_mbcliplen(name, strlen(name),
											   NAMEDATALEN - 1 - strlen(suffix)),
						name, suffix);
	}
	*names = lappend(*names, name);
	return name;
}

static Table *
table_of(List **tables, const char *namespace)
{
	Table	   *table;
	ListCell   *lc;

	foreach(lc, *tables)
		if (strcmp(((Table *) lfirst(lc))->namespace, namespace) == 0)
			return lfirst(lc);
	table = palloc0(sizeof(Table));
	table->namespace = namespace;
	*tables = lappend(*tables, table);
	return table;
}

/*
 * Where a namespace ends: at the slash. An attribute without one belongs to no
 * table.
 */
static const char *
namespace_of(const DatomAttr *attr)
{
	const char *slash = strchr(attr->ident, '/');

	return slash ? pnstrdup(attr->ident + 1, slash - attr->ident - 1) : NULL;
}

/* By namespace, and by ident in each: the order of the schema. */
static List *
tables_of(const DatomSchema *schema)
{
	List	   *tables = NIL;
	List	   *names = NIL;
	ListCell   *lc;

	for (int i = 0; i < datom_schema_count(schema); i++)
	{
		const DatomAttr *attr = datom_schema_nth(schema, i);
		const char *namespace = attr->builtin < 0 ? namespace_of(attr) : NULL;
		Column	   *column;
		Table	   *table;

		if (namespace == NULL)
			continue;
		column = palloc0(sizeof(Column));
		column->attr = attr;
		table = table_of(&tables, namespace);
		table->columns = lappend(table->columns, column);
	}
	foreach(lc, tables)
	{
		Table	   *table = lfirst(lc);
		List	   *columns = list_make1("e");
		int			identities = 0;
		ListCell   *at;

		table->name = take_name(&names, table->namespace, "-.");
		foreach(at, table->columns)
		{
			Column	   *column = lfirst(at);

			column->name = take_name(&columns, strchr(column->attr->ident, '/') + 1, "-");
			identities += column->attr->unique == UNIQUE_IDENTITY;
		}
		table->has_key = identities == 1;
	}
	return tables;
}

/*
 * Commands
 */

/* What the options of IMPORT FOREIGN SCHEMA say. */
typedef struct ImportOptions
{
	const char *decimal;		/* the type of bigdecs */
} ImportOptions;

static void
add_column(StringInfo sql, const Table *table, const Column *column,
		   const ImportOptions *options)
{
	const DatomAttr *attr = column->attr;

	appendStringInfo(sql, "%s %s%s OPTIONS (attribute %s)%s", quote_identifier(column->name),
					 attr->type == DATOM_BIGDEC && options->decimal ? options->decimal :
					 format_type_be_qualified(datom_sql_type(attr->type)),
					 attr->many ? "[]" : "", quote_literal_cstr(attr->ident),
					 table->has_key && attr->unique == UNIQUE_IDENTITY ? " NOT NULL" : "");
}

static char *
create_command(Oid db, const char *schema, const Table *table, const char *server,
			   const ImportOptions *options)
{
	const char *name = quote_qualified_identifier(get_namespace_name(get_rel_namespace(db)),
												  get_rel_name(db));
	StringInfoData sql;
	ListCell   *lc;

	initStringInfo(&sql);
	appendStringInfo(&sql, "CREATE FOREIGN TABLE %s (e bigint NOT NULL",
					 quote_qualified_identifier(schema, table->name));
	foreach(lc, table->columns)
	{
		appendStringInfoString(&sql, ", ");
		add_column(&sql, table, lfirst(lc), options);
	}
	appendStringInfo(&sql, ") SERVER %s OPTIONS (db %s, namespace %s)",
					 quote_identifier(server), quote_literal_cstr(name),
					 quote_literal_cstr(table->namespace));
	return sql.data;
}

/* "18,2" as what stands behind numeric. */
static const char *
read_decimal(const char *value)
{
	int			precision;
	int			scale;
	char		rest;

	if (strlen(value) > 20 || sscanf(value, "%d,%d%c", &precision, &scale, &rest) != 2 ||
		precision < 1 || precision > NUMERIC_MAX_PRECISION || scale < 0 || scale > precision)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
				 errmsg("invalid value for option \"numeric\": \"%s\"", value),
				 errhint("Give precision and scale: numeric '18,2'.")));
	return psprintf("pg_catalog.numeric(%d,%d)", precision, scale);
}

static ImportOptions
read_options(List *defs)
{
	ImportOptions options = {0};
	ListCell   *lc;

	foreach(lc, defs)
	{
		DefElem    *def = lfirst_node(DefElem, lc);

		if (strcmp(def->defname, "numeric") != 0)
			ereport(ERROR,
					(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
					 errmsg("invalid option \"%s\"", def->defname),
					 errhint("Valid options in this context are: %s.", "numeric")));
		options.decimal = read_decimal(defGetString(def));
	}
	return options;
}

/*
 * The datom table that is imported: its name as it stands, of the search_path or
 * with its schema, or as SQL would write it.
 */
static Oid
find_db(const char *name)
{
	Oid			db = RelnameGetRelid(name);
	const char *dot = strchr(name, '.');

	if (!OidIsValid(db) && dot)
	{
		Oid			namespace = get_namespace_oid(pnstrdup(name, dot - name), true);

		if (OidIsValid(namespace))
			db = get_relname_relid(dot + 1, namespace);
	}
	if (!OidIsValid(db))
		db = RangeVarGetRelid(makeRangeVarFromNameList(stringToQualifiedNameList(name)),
							  NoLock, true);
	if (!OidIsValid(db))
		ereport(ERROR,
				(errcode(ERRCODE_FDW_SCHEMA_NOT_FOUND),
				 errmsg("datom table \"%s\" does not exist", name),
				 errhint("The schema to import is the name of a datom table.")));
	return db;
}

static List *
import_schema(ImportForeignSchemaStmt *stmt, Oid server)
{
	ImportOptions options = read_options(stmt->options);
	Relation	db = datom_log_open(find_db(stmt->remote_schema), ACL_SELECT);
	List	   *tables = tables_of(datom_attrs(db));
	List	   *commands = NIL;
	ListCell   *lc;

	foreach(lc, tables)
		if (IsImportableForeignTable(((Table *) lfirst(lc))->name, stmt))
			commands = lappend(commands,
							   create_command(RelationGetRelid(db), stmt->local_schema,
											  lfirst(lc), stmt->server_name, &options));
	table_close(db, NoLock);
	return commands;
}

/*
 * Bringing up to date
 */

/* The table in the schema that shows the namespace already. */
static Oid
find_shown(Oid schema, Oid db, const Table *table)
{
	Relation	pgclass = table_open(ForeignTableRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(pgclass, InvalidOid, false, NULL, 0, NULL);
	Oid			found = InvalidOid;
	HeapTuple	tuple;

	while ((tuple = systable_getnext(scan)) != NULL)
	{
		Oid			relid = ((Form_pg_foreign_table) GETSTRUCT(tuple))->ftrelid;
		ListCell   *lc;

		if (get_rel_namespace(relid) != schema || !datom_entity_table_is(relid) ||
			datom_entity_table_db(relid, true) != db)
			continue;
		foreach(lc, GetForeignTable(relid)->options)
		{
			DefElem    *def = lfirst_node(DefElem, lc);

			if (strcmp(def->defname, "namespace") == 0 &&
				strcmp(defGetString(def), table->namespace) == 0 &&
				(!OidIsValid(found) || strcmp(get_rel_name(relid), table->name) == 0))
				found = relid;
		}
	}
	systable_endscan(scan);
	table_close(pgclass, AccessShareLock);
	return found;
}

static bool
is_shown(const DatomEntityTable *shown, const DatomAttr *attr)
{
	for (int i = 0; i < shown->ncolumns; i++)
		if (shown->columns[i].ident && strcmp(shown->columns[i].ident, attr->ident) == 0)
			return true;
	return false;
}

/*
 * ALTER FOREIGN TABLE for the attributes that have come; NULL if none has, or the
 * table is not the caller's: it is not even locked then.
 */
static char *
alter_command(Oid relid, const Table *table)
{
	Relation	rel;
	DatomEntityTable *shown;
	ImportOptions options = {0};
	List	   *names = NIL;
	StringInfoData sql;
	ListCell   *lc;
	int			added = 0;

	if (!pg_class_ownercheck(relid, GetUserId()))
		return NULL;
	rel = table_open(relid, AccessShareLock);
	shown = datom_entity_table_unchecked(rel);
	for (int i = 0; i < shown->ncolumns; i++)
		names = lappend(names, (char *) shown->columns[i].name);
	initStringInfo(&sql);
	appendStringInfo(&sql, "ALTER FOREIGN TABLE %s",
					 quote_qualified_identifier(get_namespace_name(RelationGetNamespace(rel)),
												RelationGetRelationName(rel)));
	foreach(lc, table->columns)
	{
		Column		column = *(Column *) lfirst(lc);

		if (is_shown(shown, column.attr))
			continue;
		column.name = take_name(&names, column.name, "");
		appendStringInfoString(&sql, added++ > 0 ? ", ADD COLUMN " : " ADD COLUMN ");
		add_column(&sql, table, &column, &options);
	}
	table_close(rel, NoLock);
	return added > 0 ? sql.data : NULL;
}

static void
run(ReturnSetInfo *result, const char *command)
{
	Datum		value = CStringGetTextDatum(command);
	bool		isnull = false;

	if (SPI_execute(command, false, 0) != SPI_OK_UTILITY)
		elog(ERROR, "could not run \"%s\"", command);
	tuplestore_putvalues(result->setResult, result->setDesc, &value, &isnull);
}

PG_FUNCTION_INFO_V1(datom_refresh_entities);

/*
 * datom.refresh_entities(db, into_schema): makes the foreign tables that IMPORT
 * FOREIGN SCHEMA would make and that are not there, and adds columns for
 * attributes that none shows to those that the caller owns. Returns the commands it ran, as the caller. Needs
 * SELECT on the datom table.
 */
Datum
datom_refresh_entities(PG_FUNCTION_ARGS)
{
	Oid			schema = PG_GETARG_OID(1);
	Relation	db = datom_log_open(PG_GETARG_OID(0), ACL_SELECT);
	List	   *tables = tables_of(datom_attrs(db));
	ImportOptions options = {0};
	ListCell   *lc;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	SPI_connect();
	foreach(lc, tables)
	{
		Oid			shown = find_shown(schema, RelationGetRelid(db), lfirst(lc));
		char	   *command = OidIsValid(shown) ? alter_command(shown, lfirst(lc)) :
			create_command(RelationGetRelid(db), get_namespace_name(schema), lfirst(lc),
						   DATOM_WRAPPER, &options);

		if (command)
			run((ReturnSetInfo *) fcinfo->resultinfo, command);
	}
	SPI_finish();
	table_close(db, NoLock);
	return (Datum) 0;
}

/*
 * Comments
 */

static bool
can_read(Oid relid)
{
	Oid			db;
	HeapTuple	tuple;
	Oid			owner;

	if (!OidIsValid(relid) || !datom_entity_table_is(relid) ||
		!pg_class_ownercheck(relid, GetUserId()))
		return false;
	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	db = datom_entity_table_db(relid, true);
	return OidIsValid(db) && datom_log_readable_by(db, owner);
}

void
datom_fdw_comment(Oid relid)
{
	Relation	rel;
	Relation	db;
	DatomEntityTable *table;

	if (!can_read(relid))
		return;
	CommandCounterIncrement();
	rel = table_open(relid, AccessShareLock);
	table = datom_entity_table_unchecked(rel);
	db = table_open(table->db, AccessShareLock);
	for (int i = 0; i < table->ncolumns; i++)
	{
		const DatomEntityColumn *column = &table->columns[i];
		const DatomAttr *attr = column->ident ?
			datom_schema_find(datom_attrs(db), column->ident, strlen(column->ident)) : NULL;

		if (attr && attr->doc &&
			GetComment(relid, RelationRelationId, column->number) == NULL)
			CreateComments(relid, RelationRelationId, column->number, (char *) attr->doc);
	}
	table_close(db, NoLock);
	table_close(rel, NoLock);
}

void
datom_fdw_import_routines(FdwRoutine *routine)
{
	routine->ImportForeignSchema = import_schema;
}
