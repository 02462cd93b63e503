/*
 * query.c: the statements that an extract sends.
 *
 * What is copied must be the same bytes whichever server answers, and when. So
 * all settings that say how values print are set, and rows come in an order
 * that leaves nothing open: rows that are equal by it print alike.
 *
 * Literals and identifiers are quoted for UTF-8 and for standard strings, which
 * the first statement of each session sets.
 */
#include "query.h"

#include "common/logging.h"
#include "fe_utils/psqlscan.h"
#include "fe_utils/string_utils.h"
#include "mb/pg_wchar.h"

/* What a user's query cannot have as the name of a column, hopefully. */
#define ROWS "datom_extract_rows"

static void
put_literal(PQExpBuffer out, const char *text)
{
	appendStringLiteral(out, text, PG_UTF8, true);
}

static void
put_identifier(PQExpBuffer out, const char *name)
{
	appendPQExpBufferChar(out, '"');
	for (; *name; name++)
		appendPQExpBuffer(out, *name == '"' ? "\"%c" : "%c", *name);
	appendPQExpBufferChar(out, '"');
}

/*
 * Variables: those of psql, by psql's own lexer.
 */

typedef struct Filler
{
	const DatomPairs *variables;
	char	   *missing;
} Filler;

static char *
get_variable(const char *name, PsqlScanQuoteType quote, void *arg)
{
	Filler	   *filler = arg;
	const char *value = datom_pairs_find(filler->variables, name);
	PQExpBuffer out;
	char	   *quoted;

	if (value == NULL)
	{
		/* A plain one may as well be the slice of an array. */
		if (quote != PQUOTE_PLAIN && filler->missing == NULL)
			filler->missing = pg_strdup(name);
		return NULL;
	}
	out = createPQExpBuffer();
	if (quote == PQUOTE_SQL_LITERAL)
		put_literal(out, value);
	else if (quote == PQUOTE_SQL_IDENT)
		put_identifier(out, value);
	else
		appendPQExpBufferStr(out, value);
	quoted = pg_strdup(out->data);
	destroyPQExpBuffer(out);
	return quoted;
}

static bool
is_blank(const char *text)
{
	return text[strspn(text, " \t\r\n")] == '\0';
}

/* One statement, that ends where its text does, with or without a semicolon. */
static void
check_end(PsqlScanState scan, PsqlScanResult result, promptStatus_t prompt)
{
	PQExpBuffer rest = createPQExpBuffer();

	if (result == PSCAN_SEMICOLON)
	{
		result = psql_scan(scan, rest, &prompt);
		if (result != PSCAN_BACKSLASH && !is_blank(rest->data))
			pg_fatal("there is more than one statement in the query");
	}
	if (result == PSCAN_BACKSLASH)
		pg_fatal("there is a backslash command in the query");
	if (prompt != PROMPT_READY && prompt != PROMPT_CONTINUE)
		pg_fatal("the query ends inside %s",
				 prompt == PROMPT_PAREN ? "a parenthesis" :
				 prompt == PROMPT_COMMENT ? "a comment" : "quotes");
	destroyPQExpBuffer(rest);
}

/* The query with the variables in their places. */
char *
datom_query_fill(const char *query, const DatomPairs *variables)
{
	static const PsqlScanCallbacks callbacks = {get_variable};
	Filler		filler = {.variables = variables};
	PsqlScanState scan = psql_scan_create(&callbacks);
	PQExpBuffer out = createPQExpBuffer();
	promptStatus_t prompt;
	PsqlScanResult result;
	char	   *filled;

	psql_scan_set_passthrough(scan, &filler);
	psql_scan_setup(scan, query, strlen(query), PG_UTF8, true);
	result = psql_scan(scan, out, &prompt);
	if (filler.missing)
		pg_fatal("the query reads the variable \"%s\", which is not given", filler.missing);
	if (result == PSCAN_SEMICOLON)
		out->data[--out->len] = '\0';
	check_end(scan, result, prompt);
	if (is_blank(out->data))
		pg_fatal("the query is empty");
	psql_scan_finish(scan);
	psql_scan_destroy(scan);
	filled = pg_strdup(out->data);
	destroyPQExpBuffer(out);
	return filled;
}

/*
 * Statements
 */

/*
 * What each session begins with. The user's own settings come last. A server
 * would not notice that we were killed while it sorts or sleeps: it is to look.
 */
void
datom_query_settings(const DatomPlan *plan, PQExpBuffer out)
{
	appendPQExpBufferStr(out,
						 "SET client_encoding = 'UTF8';\n"
						 "SET standard_conforming_strings = on;\n"
						 "SET timezone = 'UTC';\n"
						 "SET datestyle = 'ISO, YMD';\n"
						 "SET intervalstyle = 'postgres';\n"
						 "SET extra_float_digits = 1;\n"
						 "SET bytea_output = 'hex';\n"
						 "SET xmloption = 'content';\n"
						 "SET statement_timeout = 0;\n"
						 "SET lock_timeout = 0;\n"
						 "SET idle_session_timeout = 0;\n"
						 "SET client_connection_check_interval = '2s';\n"
						 "SET default_transaction_read_only = on;\n");
	for (int i = 0; i < plan->settings.count; i++)
	{
		appendPQExpBufferStr(out, "SELECT pg_catalog.set_config(");
		put_literal(out, plan->settings.items[i].name);
		appendPQExpBufferStr(out, ", ");
		put_literal(out, plan->settings.items[i].value);
		appendPQExpBufferStr(out, ", false);\n");
	}
}

/*
 * Who answers, and which moment to take if none is given: on the primary its
 * clock, which leaves out nothing that has committed; a commit may be above it
 * if the clock has been set back. On a standby the newest tick that it has, so
 * that it needs nothing from the primary. Either may have to be waited for, but
 * not for long.
 */
void
datom_query_identity(const DatomPlan *plan, PQExpBuffer out)
{
	appendPQExpBufferStr(out,
						 "SELECT (pg_catalog.pg_control_system()).system_identifier,\n"
						 "  pg_catalog.current_database(),\n"
						 "  pg_catalog.current_setting('server_version'),\n"
						 "  pg_catalog.pg_is_in_recovery(),\n");
	if (plan->basis || plan->as_of)
	{
		appendPQExpBufferStr(out, "  NULL");
		return;
	}
	appendPQExpBufferStr(out,
						 "  pg_catalog.to_char(CASE WHEN pg_catalog.pg_is_in_recovery()\n"
						 "      THEN coalesce((SELECT pg_catalog.max(instant) FROM datom.clock), pg_catalog.clock_timestamp())\n"
						 "      ELSE greatest((SELECT pg_catalog.max(datom.basis(c.oid))\n"
						 "        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_am m ON m.oid = c.relam\n"
						 "        WHERE m.amname = 'datom' AND pg_catalog.has_table_privilege(c.oid, 'SELECT')),\n"
						 "        pg_catalog.clock_timestamp()) END AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')");
}

/* Until the server has all there is up to the moment, without a snapshot. */
void
datom_query_sync(const char *moment, int seconds, PQExpBuffer out)
{
	appendPQExpBufferStr(out, "CALL datom.sync(");
	put_literal(out, moment);
	appendPQExpBuffer(out, "::text, '%d seconds')", seconds);
}

/* From here on the session asks as of the moment; returns it as an instant. */
void
datom_query_as_of(const char *moment, PQExpBuffer out)
{
	appendPQExpBufferStr(out, "SET datom.as_of = ");
	put_literal(out, moment);
	appendPQExpBufferStr(out, ";\nSELECT pg_catalog.to_char(datom.now() AT TIME ZONE 'UTC',"
						 " 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') WHERE datom.assert_as_of(");
	put_literal(out, moment);
	appendPQExpBufferStr(out, ")");
}

/* By default rows of an entity that differ at all are not left in any order. */
static void
put_order(const DatomPlan *plan, PQExpBuffer out)
{
	if (plan->order_by)
	{
		appendPQExpBufferStr(out, plan->order_by);
		return;
	}
	appendPQExpBufferStr(out, ROWS ".");
	put_identifier(out, plan->shard_column);
	appendPQExpBufferStr(out, ", " ROWS " USING OPERATOR(pg_catalog.*<)");
}

void
datom_query_copy(const DatomPlan *plan, const char *filled, int shard,
				 PQExpBuffer out)
{
	bool		by_setting = strcmp(plan->shard_by, "setting") == 0;

	if (by_setting)
		appendPQExpBuffer(out, "SET datom.shard = '%d/%d';\n", shard, (int) plan->shards);
	appendPQExpBuffer(out, "COPY (SELECT * FROM (\n%s\n) AS " ROWS "\n", filled);
	if (!by_setting)
	{
		appendPQExpBufferStr(out, "WHERE datom.shard(" ROWS ".");
		put_identifier(out, plan->shard_column);
		appendPQExpBuffer(out, ", %d, %d)\n", shard, (int) plan->shards);
	}
	appendPQExpBufferStr(out, "ORDER BY ");
	put_order(plan, out);
	appendPQExpBuffer(out, ") TO STDOUT (FORMAT %s%s)", plan->format,
					  plan->header ? ", HEADER true" : "");
}
