/*
 * entity_table.c: what a foreign table of the wrapper `datom` shows.
 *
 * Its options name the datom table, the namespace and the key, those of its
 * columns the attributes; what is not said follows from names. They are read
 * each time, together with the attributes that are defined then: attributes come
 * and gain uniqueness without the foreign table noticing.
 *
 * The name of the datom table must mean the same whoever asks, because the rights
 * that count are those of the foreign table's owner. So search_path has no say:
 * a name without a schema is looked for beside the foreign table, then in public.
 */
#include "entity_table.h"

#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "foreign/foreign.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/syscache.h"

#include "attrs.h"
#include "attribute.h"
#include "log.h"
#include "settings.h"
#include "sql_value.h"

/* The column that is the entity, if no option makes it something else. */
#define ENTITY_COLUMN "e"

static const char *
option(List *options, const char *name)
{
	ListCell   *lc;

	foreach(lc, options)
	{
		DefElem    *def = lfirst_node(DefElem, lc);

		if (strcmp(def->defname, name) == 0)
			return defGetString(def);
	}
	return NULL;
}

bool
datom_entity_table_is(Oid relid)
{
	ForeignServer *server;

	if (get_rel_relkind(relid) != RELKIND_FOREIGN_TABLE)
		return false;
	server = GetForeignServer(GetForeignTable(relid)->serverid);
	return strcmp(GetForeignDataWrapper(server->fdwid)->fdwname, DATOM_WRAPPER) == 0;
}

static Oid
find_db(Oid relid, const char *name)
{
	RangeVar   *place = makeRangeVarFromNameList(stringToQualifiedNameList(name));
	Oid			found;

	/* As with a view, the caller need not have rights on the schema. */
	if (place->schemaname)
		return get_relname_relid(place->relname, get_namespace_oid(place->schemaname, true));
	found = get_relname_relid(place->relname, get_rel_namespace(relid));
	return OidIsValid(found) ? found :
		get_relname_relid(place->relname, get_namespace_oid("public", true));
}

Oid
datom_entity_table_db(Oid relid, bool missing_ok)
{
	const char *name = option(GetForeignTable(relid)->options, "db");
	Oid			db = name ? find_db(relid, name) : InvalidOid;

	if (!OidIsValid(db) && !missing_ok)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 name ? errmsg("datom table \"%s\" of entity table \"%s\" does not exist",
							   name, get_rel_name(relid)) :
				 errmsg("entity table \"%s\" has no option \"db\"", get_rel_name(relid)),
				 errhint("Name it with its schema: ALTER FOREIGN TABLE ... OPTIONS (SET db 'public.pur').")));
	return db;
}

/*
 * The attribute of a column that does not say which: underscores stand for
 * hyphens, unless there is one with underscores.
 */
static const char *
ident_by_name(const DatomSchema *schema, const char *namespace, const char *column)
{
	char	   *ident = psprintf(":%s/%s", namespace, column);
	char	   *dashed;

	if (strchr(column, '_') == NULL || datom_schema_find(schema, ident, strlen(ident)))
		return ident;
	dashed = pstrdup(ident);
	for (char *c = dashed + strlen(namespace) + 2; *c; c++)
		if (*c == '_')
			*c = '-';
	return datom_schema_find(schema, dashed, strlen(dashed)) ? dashed : ident;
}

void
datom_entity_refuse_type(const char *table, const char *column, Oid type, const DatomAttr *attr)
{
	Oid			wanted = attr ? datom_sql_type(attr->type) : InvalidOid;

	if (attr && attr->many)
		wanted = get_array_type(wanted);
	ereport(ERROR,
			(errcode(table ? ERRCODE_FDW_INVALID_DATA_TYPE : ERRCODE_DATATYPE_MISMATCH),
			 table ? errmsg("column \"%s\" of entity table \"%s\" cannot be of type %s",
							column, table, format_type_be(type)) :
			 errmsg("column \"%s\" cannot be of type %s", column, format_type_be(type)),
			 wanted ? errhint("Give it type %s.", format_type_be(wanted)) :
			 errhint("Columns are of type boolean, bigint, double precision, numeric, text, timestamp with time zone, date, uuid, bytea or jsonb, or arrays of these.")));
}

static void
refuse_column(Relation foreign, Form_pg_attribute att, const DatomAttr *attr)
{
	datom_entity_refuse_type(RelationGetRelationName(foreign), NameStr(att->attname),
							 att->atttypid, attr);
}

bool
datom_entity_column_type(DatomEntityColumn *column, Oid type, int32 typmod,
						 const DatomAttr *attr)
{
	Oid			element = get_element_type(type);

	column->many = OidIsValid(element);
	column->type = column->many ? element : type;
	column->typmod = typmod;
	return datom_sql_is_type(column->type) &&
		(typmod < 0 || column->type == NUMERICOID) &&
		(attr == NULL || !attr->many || column->many);
}

/* The type of its values; refuses one that no values have. */
static void
read_type(Relation foreign, Form_pg_attribute att, const DatomAttr *attr,
		  DatomEntityColumn *column)
{
	if (!datom_entity_column_type(column, att->atttypid, att->atttypmod, attr))
		refuse_column(foreign, att, attr);
}

static const DatomAttr *
attr_of(const DatomSchema *schema, const char *ident)
{
	return ident ? datom_schema_find(schema, ident, strlen(ident)) : NULL;
}

/* What the options and the name of a column say. */
static void
read_column(Oid relid, const DatomSchema *schema, const char *namespace,
			Form_pg_attribute att, DatomEntityColumn *column)
{
	List	   *options = GetForeignColumnOptions(relid, att->attnum);

	*column = (DatomEntityColumn) {
		.number = att->attnum, .name = pstrdup(NameStr(att->attname)),
			.ident = option(options, "attribute"), .identity = option(options, "identity")
	};
	if (column->ident == NULL && namespace && strcmp(column->name, ENTITY_COLUMN) != 0)
		column->ident = ident_by_name(schema, namespace, column->name);
}

/* And its type, which must be able to show what the attribute has. */
static void
check_column(Relation foreign, const DatomSchema *schema, Form_pg_attribute att,
			 DatomEntityColumn *column)
{
	const DatomAttr *shown = attr_of(schema, column->ident);

	if (column->ident == NULL && strcmp(column->name, ENTITY_COLUMN) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_COLUMN_NAME),
				 errmsg("column \"%s\" of entity table \"%s\" has no attribute",
						column->name, RelationGetRelationName(foreign)),
				 errhint("Give the column an option \"attribute\", or the table an option \"namespace\".")));
	if (shown && column->identity)
	{
		const DatomAttr *identity = attr_of(schema, column->identity);
		DatomAttr	mixed;

		/* What is shown is of the type of the one and of the number of the other. */
		mixed = identity ? *identity : *shown;
		mixed.many = shown->many;
		read_type(foreign, att, identity ? &mixed : NULL, column);
	}
	else
		read_type(foreign, att, shown, column);
	if (column->ident == NULL && att->atttypid != INT8OID)
		refuse_column(foreign, att, &(DatomAttr) {.type = DATOM_REF});
}

/* The one attribute of the namespace that identifies; NULL if none, or several. */
static const char *
default_key(const DatomSchema *schema, const char *namespace)
{
	int			len = namespace ? strlen(namespace) : 0;
	const char *key = NULL;

	for (int i = 0; len > 0 && i < datom_schema_count(schema); i++)
	{
		const DatomAttr *attr = datom_schema_nth(schema, i);

		if (attr->builtin >= 0 || attr->unique != UNIQUE_IDENTITY ||
			attr->len < len + 2 || memcmp(attr->ident + 1, namespace, len) != 0 ||
			attr->ident[len + 1] != '/')
			continue;
		if (key)
			return NULL;
		key = attr->ident;
	}
	return key;
}

static const char *
read_key(List *options, const DatomSchema *schema, const char *namespace)
{
	const char *key = option(options, "key");

	if (key && strcmp(key, "any") == 0)
		return NULL;
	if (key == NULL)
		key = default_key(schema, namespace);
	return key ? pstrdup(key) : NULL;
}

static DatomEntityTable *
read_table(Relation foreign, bool check)
{
	List	   *options = GetForeignTable(RelationGetRelid(foreign))->options;
	TupleDesc	desc = RelationGetDescr(foreign);
	DatomEntityTable *table = palloc0(sizeof(DatomEntityTable));
	const DatomSchema *schema;
	Relation	db;

	table->relid = RelationGetRelid(foreign);
	table->owner = foreign->rd_rel->relowner;
	table->db = datom_entity_table_db(table->relid, false);
	if (!datom_log_is(table->db))
		datom_log_require_of(table->db, table->owner, ACL_NO_RIGHTS);
	if (check)
		datom_entity_require(table, ACL_SELECT);
	db = table_open(table->db, AccessShareLock);
	schema = datom_attrs(db);
	table->namespace = option(options, "namespace");
	table->key = read_key(options, schema, table->namespace);
	table->columns = palloc(sizeof(DatomEntityColumn) * Max(desc->natts, 1));
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);
		DatomEntityColumn *column = &table->columns[table->ncolumns];

		if (att->attisdropped)
			continue;
		read_column(table->relid, schema, table->namespace, att, column);
		if (check)
			check_column(foreign, schema, att, column);
		table->ncolumns++;
	}
	table_close(db, NoLock);
	return table;
}

DatomEntityTable *
datom_entity_table(Relation foreign)
{
	return read_table(foreign, true);
}

DatomEntityTable *
datom_entity_table_unchecked(Relation foreign)
{
	return read_table(foreign, false);
}

int
datom_entity_table_column(const DatomEntityTable *table, AttrNumber number)
{
	for (int i = 0; i < table->ncolumns; i++)
		if (table->columns[i].number == number)
			return i;
	elog(ERROR, "entity table %u has no column %d", table->relid, number);
	return -1;					/* not reached */
}

AttrNumber
datom_entity_table_e(const DatomEntityTable *table)
{
	for (int i = 0; i < table->ncolumns; i++)
		if (table->columns[i].ident == NULL)
			return table->columns[i].number;
	return InvalidAttrNumber;
}

void
datom_entity_require(const DatomEntityTable *table, AclMode mode)
{
	if (!DATOM_BROKEN(BREAK_NO_CHECK))
		datom_log_require_of(table->db, table->owner, mode);
}

void
datom_entity_refuse_nameless(const DatomEntityTable *table)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("entity table \"%s\" has no column for the entity",
					get_rel_name(table->relid)),
			 errhint("ALTER FOREIGN TABLE ... ADD COLUMN e bigint.")));
}

void
datom_entity_require_attributes(const DatomEntityTable *table, Relation db, const bool *needed)
{
	const DatomSchema *schema = datom_attrs(db);

	for (int i = 0; i < table->ncolumns; i++)
	{
		const char *ident = table->columns[i].ident;

		if (ident && (needed == NULL || needed[i]))
			datom_schema_need(schema, ident, strlen(ident), RelationGetRelationName(db), 0);
	}
}
