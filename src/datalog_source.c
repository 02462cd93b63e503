/*
 * datalog_source.c: sources of a query.
 *
 *	source	= table | {:db table}
 *			| {:db table :as-of moment} | {:db table :since moment}
 *			| {:db table :history true}
 *	table	= a name as regclass reads it
 *	moment	= #inst | transaction | text with one of both
 *
 * A source that no argument stands for goes by its name: what the message says
 * about it; $ is the table that datom.db names, $pur the table pur, and
 * $shop.pur that of schema shop. There the name is taken as it is written.
 *
 * Names are looked up as the caller, whose right to read the table is asked
 * before anything is locked; in a view it may be that of the view's owner, and then
 * only what means the same for everybody will do: a regclass, or a name with its
 * schema.
 */
#include "datalog_source.h"

#include "catalog/namespace.h"
#include "nodes/makefuncs.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/varlena.h"

#include "behalf.h"
#include "log.h"
#include "settings.h"

/*
 * Moments
 */

DatomMoment
datom_datalog_moment(const DatalogGiven *given, const char *whose)
{
	const char *text = datom_datalog_given_text(given);

	if (text)
		return datom_moment_read(text);
	if (given->value && datom_value_kind(given->value) == DATOM_INSTANT)
		return (DatomMoment) {
			.kind = MOMENT_INSTANT, .instant = datom_value_get_instant(given->value)
		};
	if (given->value == NULL || datom_value_kind(given->value) != DATOM_LONG)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the moment of %s is none", whose),
				 errhint("Give an instant with its time zone, or the number of a transaction.")));
	return (DatomMoment) {
		.kind = MOMENT_TX, .tx = datom_value_get_int(given->value)
	};
}

/*
 * Tables
 */

/*
 * What a name without a schema means is up to whoever asks, who must not choose a
 * table on another's behalf.
 */
static void
refuse_name(const char *source, int pos)
{
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("source \"%s\" of a view goes by its name", source),
			 datom_edn_at(pos, "Another table may have that name for each user, and the rights are those of the view's owner."),
			 errhint("Give the table to datom.saved_q() as in '%s', 'public.pur'::regclass.", source)));
}

static Oid
find_table(const DatalogSources *sources, RangeVar *table, const char *source, int pos)
{
	Oid			relid;

	if (OidIsValid(sources->behalf) && table->schemaname == NULL)
		refuse_name(source, pos);
	relid = RangeVarGetRelid(table, NoLock, true);
	if (!OidIsValid(relid))
	{
		const char *name = table->schemaname ?
		psprintf("%s.%s", table->schemaname, table->relname) : table->relname;

		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("datom table \"%s\" does not exist",
						datom_edn_clip(name, strlen(name))),
				 datom_edn_at(pos, psprintf("It is asked for as source \"%s\".", source))));
	}
	return relid;
}

/* A name as regclass reads it. */
static Oid
table_called(const DatalogSources *sources, const char *text, const char *source, int pos)
{
	List	   *words;
	List	   *names = NIL;
	ListCell   *lc;

	if (!SplitIdentifierString(pstrdup(text), '.', &words) || words == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("\"%s\" is not the name of a datom table",
						datom_edn_clip(text, strlen(text))),
				 datom_edn_at(pos, psprintf("It is asked for as source \"%s\".", source))));
	foreach(lc, words)
		names = lappend(names, makeString(lfirst(lc)));
	return find_table(sources, makeRangeVarFromNameList(names), source, pos);
}

/* The name behind "$", as it is written. */
static Oid
table_spelled(const DatalogSources *sources, const char *name, const char *source, int pos)
{
	const char *dot = strchr(name, '.');

	return find_table(sources, dot ?
					  makeRangeVar(pnstrdup(name, dot - name), pstrdup(dot + 1), -1) :
					  makeRangeVar(NULL, pstrdup(name), -1),
					  source, pos);
}

static Oid
default_table(const DatalogSources *sources, int pos)
{
	if (OidIsValid(sources->behalf))
		refuse_name("$", pos);
	if (datom_db == NULL || datom_db[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("no datom table is given for source \"$\""),
				 datom_edn_at(pos, NULL),
				 errhint("Give one as an argument for $ in :in, or set datom.db to its name.")));
	return table_called(sources, datom_db, "$", pos);
}

static DatalogSource
make_source(DatalogSources *sources, Oid db)
{
	if (!DATOM_BROKEN(BREAK_NO_CHECK))
		datom_log_require_of(db, datom_behalf_role(sources->behalf), ACL_SELECT);
	sources->tables = list_append_unique_oid(sources->tables, db);
	return (DatalogSource) {
		.db = db, .view = SOURCE_AS_OF, .moment = sources->as_of, .behalf = sources->behalf
	};
}

/*
 * Sources
 */

static void
refuse_source(const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("source \"%s\" must be a datom table", name),
			 errhint("Give its name, or a map with its name as \"db\" and one of \"as-of\", \"since\" and \"history\".")));
}

static DatalogSource
table_source(DatalogSources *sources, const char *name, const DatalogGiven *given)
{
	const char *text = datom_datalog_given_text(given);

	if (OidIsValid(given->table))
		return make_source(sources, given->table);
	if (text == NULL)
		refuse_source(name);
	return make_source(sources, table_called(sources, text, name, 0));
}

static bool
is_said(const DatalogGiven *given)
{
	return given && !given->null &&
		!(given->value && datom_value_kind(given->value) == DATOM_BOOLEAN &&
		  !datom_value_get_bool(given->value));
}

static void
check_keys(const char *name, const DatalogGiven *map)
{
	static const char *const keys[] = {"db", "as-of", "since", "history"};
	int			moments = 0;

	for (int i = 0; i < map->n; i++)
	{
		int			k = 0;

		while (k < (int) lengthof(keys) && strcmp(map->keys[i], keys[k]) != 0)
			k++;
		if (k == (int) lengthof(keys))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("source \"%s\" has an unknown key \"%s\"", name,
							datom_edn_clip(map->keys[i], strlen(map->keys[i]))),
					 errhint("Its keys are \"db\", \"as-of\", \"since\" and \"history\".")));
		moments += k > 0 && is_said(&map->items[i]);
	}
	if (moments > 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("source \"%s\" can have only one of \"as-of\", \"since\" and \"history\"",
						name)));
}

/* A moment for all sources bounds the past, which these views do not know. */
static void
refuse_both(const DatalogSources *sources, const char *name)
{
	if (sources->as_of.kind != MOMENT_NOW)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("source \"%s\" cannot be as of a moment too", name),
				 errdetail("It asks for \"since\" or \"history\", and the query is as of a moment."),
				 errhint("Set datom.as_of to that moment.")));
}

static DatalogSource
map_source(DatalogSources *sources, const char *name, const DatalogGiven *map)
{
	const DatalogGiven *db = datom_datalog_given_get(map, "db");
	const DatalogGiven *as_of = datom_datalog_given_get(map, "as-of");
	const DatalogGiven *since = datom_datalog_given_get(map, "since");
	const char *whose = psprintf("source \"%s\"", name);
	DatalogSource source;

	check_keys(name, map);
	if (db == NULL)
		refuse_source(name);
	source = table_source(sources, name, db);
	if (is_said(as_of))
		source.moment = datom_datalog_moment(as_of, whose);
	else if (is_said(since) || is_said(datom_datalog_given_get(map, "history")))
	{
		refuse_both(sources, name);
		source.view = is_said(since) ? SOURCE_SINCE : SOURCE_HISTORY;
		if (is_said(since))
			source.moment = datom_datalog_moment(since, whose);
	}
	return source;
}

DatalogSource
datom_datalog_source_of(DatalogSources *sources, const char *name, const DatalogGiven *given)
{
	const char *text = datom_datalog_given_text(given);
	DatalogGiven written;

	name = datom_edn_clip(name, strlen(name));	/* for messages */
	if (given->keys)
		return map_source(sources, name, given);
	/* A map may be written in text; no name of a table begins so. */
	if (text && text[0] == '{')
	{
		written = datom_datalog_given_edn(datom_edn_parse(text, strlen(text)));
		return map_source(sources, name, &written);
	}
	return table_source(sources, name, given);
}

DatalogSource
datom_datalog_source_named(void *arg, const char *name, int pos)
{
	DatalogSources *sources = arg;
	const DatalogGiven *given = sources->named ?
	datom_datalog_given_get(sources->named, name) : NULL;

	if (given)
		return datom_datalog_source_of(sources, name, given);
	return make_source(sources, name[1] == '\0' ? default_table(sources, pos) :
					   table_spelled(sources, name + 1, datom_edn_clip(name, strlen(name)), pos));
}
