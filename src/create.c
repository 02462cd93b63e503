/*
 * create.c: making a datom table, filling it with the past, and going live.
 */
#include "create.h"

#include "access/table.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "commands/defrem.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/timestamp.h"
#include "utils/varlena.h"

#include "append.h"
#include "locks.h"
#include "log.h"
#include "ledger.h"
#include "txlog.h"

static void
run(const char *format, ...) pg_attribute_printf(1, 2);

static void
run(const char *format, ...)
{
	StringInfoData sql;
	va_list		args;
	int			needed;

	initStringInfo(&sql);
	for (;;)
	{
		va_start(args, format);
		needed = appendStringInfoVA(&sql, format, args);
		va_end(args);
		if (needed == 0)
			break;
		enlargeStringInfo(&sql, needed);
	}
	SPI_execute(sql.data, false, 0);
	pfree(sql.data);
}

PG_FUNCTION_INFO_V1(datom_create);

/*
 * datom.create(name, importing): makes a datom table with its entity sequence
 * and its indexes, and returns it. Name may be qualified by a schema. Needs
 * CREATE on the schema.
 */
Datum
datom_create(PG_FUNCTION_ARGS)
{
	RangeVar   *name = makeRangeVarFromNameList(textToQualifiedNameList(PG_GETARG_TEXT_PP(0)));
	Oid			schema = RangeVarGetCreationNamespace(name);
	const char *schema_name = get_namespace_name(schema);
	char	   *table = quote_qualified_identifier(schema_name, name->relname);
	char	   *sequence = quote_qualified_identifier(schema_name,
													  ChooseRelationName(name->relname, "e", "seq", schema, false));
	Oid			relid;

	datom_txlog_require_shmem();
	SPI_connect();
	run("CREATE TABLE %s OF datom.datom USING datom", table);
	run("CREATE SEQUENCE %s OWNED BY %s.e", sequence, table);
	run("ALTER TABLE %s ALTER e SET DEFAULT pg_catalog.nextval(%s::pg_catalog.regclass)",
		table, quote_literal_cstr(sequence));
	relid = get_relname_relid(name->relname, schema);
	/* Orders of a live table begin at the basis; those of an import before it. */
	if (PG_GETARG_BOOL(1))
		datom_txlog_set_importing(relid, true);
	run("CREATE INDEX ON %s (tx, e)", table);
	run("CREATE INDEX ON %s USING datom_order (a, e)", table);
	run("CREATE INDEX ON %s USING datom_order (e, a)", table);
	run("CREATE INDEX ON %s USING datom_order (a, v)", table);
	run("CREATE INDEX ON %s USING datom_order (v, a)", table);
	SPI_finish();
	PG_RETURN_OID(relid);
}

/* The lock of the one who imports, and the table as it is under it. */
static void
require_importing(Oid relid)
{
	datom_lock_importer(relid);
	AcceptInvalidationMessages();
	if (!datom_txlog_importing(relid, NULL))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("datom table \"%s\" is live", get_rel_name(relid)),
				 errdetail("Its transactions get their instants when they commit.")));
}

PG_FUNCTION_INFO_V1(datom_live);

/*
 * datom.live(db): ends the import: from here on instants come from commits.
 * For the owner of the table.
 */
Datum
datom_live(PG_FUNCTION_ARGS)
{
	Oid			relid = PG_GETARG_OID(0);

	datom_log_require(relid, 0);
	if (!pg_class_ownercheck(relid, GetUserId()))
		aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_TABLE, get_rel_name(relid));
	PreventCommandIfReadOnly("datom.live()");
	require_importing(relid);
	datom_txlog_set_importing(relid, false);
	PG_RETURN_VOID();
}

static void
check_import_instant(Oid relid, TimestampTz at)
{
	TimestampTz newest = datom_ledger_newest(relid);

	if (TIMESTAMP_NOT_FINITE(at))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_FIELD_OVERFLOW),
				 errmsg("the instant of a transaction must be finite")));
	if (at > datom_txlog_clock())
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the instant %s is in the future", timestamptz_to_str(at))));
	if (at <= newest)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the instant %s is not later than the last of \"%s\"",
						timestamptz_to_str(at), get_rel_name(relid)),
				 errdetail("Transactions are imported in the order of their instants."),
				 errhint("Sort what you import by its instant.")));
}

/* Begins a transaction at an instant of the past; the table is open. */
int64
datom_import_begin(Relation rel, TimestampTz at)
{
	Oid			relid = RelationGetRelid(rel);

	datom_txlog_require_shmem();
	require_importing(relid);
	check_import_instant(relid, at);
	return datom_txlog_import(relid, at);
}

PG_FUNCTION_INFO_V1(datom_import_tx);

/*
 * datom.import_tx(db, at): begins a transaction at an instant of the past, in
 * a table that is importing; what this database transaction inserts into the
 * table from here on is said by it. Returns its number. Each instant is later
 * than the table's last and not in the future.
 */
Datum
datom_import_tx(PG_FUNCTION_ARGS)
{
	Relation	rel = datom_log_open(PG_GETARG_OID(0), ACL_INSERT);
	int64		tx;

	PreventCommandIfReadOnly("datom.import_tx()");
	datom_append_refuse_as_of(RelationGetRelationName(rel));
	tx = datom_import_begin(rel, PG_GETARG_TIMESTAMPTZ(1));
	table_close(rel, NoLock);
	PG_RETURN_INT64(tx);
}
