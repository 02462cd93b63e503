/*
 * settings.c: datom.as_of, datom.db, datom.wait, datom.shard, and what the planner may use.
 *
 * datom.as_of and datom.shard are text without a check hook, on purpose. A check that fails
 * while a library is loaded late only warns, and the session would then answer
 * as of now, or all shards, where it was told otherwise. Bad text is an error
 * when it is used.
 */
#include "settings.h"

#include <limits.h>

#include "utils/guc.h"
#include "utils/plancache.h"

char	   *datom_as_of = NULL;
char	   *datom_db = NULL;
int			datom_wait = 2000;
char	   *datom_shard_setting = NULL;
bool		datom_enable_scan = true;
bool		datom_enable_orders = true;
bool		datom_enable_aggregates = true;
bool		datom_track_usage = true;

#ifdef DATOM_TEST
static const struct config_enum_entry break_options[] = {
	{"none", BREAK_NONE, false},
	{"write_time", BREAK_WRITE_TIME, false},
	{"early_release", BREAK_EARLY_RELEASE, false},
	{"no_lock", BREAK_NO_LOCK, false},
	{"below_running", BREAK_BELOW_RUNNING, false},
	{"xid_only", BREAK_XID_ONLY, false},
	{"no_check", BREAK_NO_CHECK, false},
	{"no_row_lock", BREAK_NO_ROW_LOCK, false},
	{"early_until", BREAK_EARLY_UNTIL, false},
	{NULL, 0, false}
};
int			datom_test_break = BREAK_NONE;
int			datom_test_clock_offset = 0;
int			datom_test_commit_delay = 0;
int			datom_test_gate = 0;
int			datom_test_merge_step = 0;
int			datom_test_tail_rows = 200000;
#endif

bool
datom_as_of_in_force(void)
{
	return datom_as_of != NULL && datom_as_of[0] != '\0';
}

/* Plans of queries on $ have the table in them. */
static void
assign_db(const char *value, void *extra)
{
	if (strcmp(value ? value : "", datom_db ? datom_db : "") != 0)
		ResetPlanCache();
}

void
datom_settings_init(void)
{
	DefineCustomStringVariable("datom.as_of",
							   "The moment as of which the session asks.",
							   "An instant with its time zone, or the number of a transaction; empty: now.",
							   &datom_as_of, "", PGC_USERSET, 0,
							   NULL, NULL, NULL);
	DefineCustomStringVariable("datom.db",
							   "The datom table that queries call $.",
							   "As written in SQL; looked up along search_path when it is used.",
							   &datom_db, "", PGC_USERSET, 0,
							   NULL, assign_db, NULL);
	DefineCustomIntVariable("datom.wait",
							"How long a question waits until its moment is final.",
							NULL, &datom_wait, 2000, 0, INT_MAX,
							PGC_USERSET, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomStringVariable("datom.shard",
							   "The shard whose entities datom.shard(e) picks.",
							   "Its number, from 0, a slash and how many there are, such as 3/35; empty: all.",
							   &datom_shard_setting, "", PGC_USERSET, 0,
							   NULL, NULL, NULL);
	DefineCustomBoolVariable("datom.enable_orders",
							 "Answers come from orders where there are any.",
							 "The same answers come from the log, slowly.",
							 &datom_enable_orders, true, PGC_USERSET, GUC_EXPLAIN,
							 NULL, NULL, NULL);
	DefineCustomBoolVariable("datom.enable_aggregates",
							 "Lets the planner compute aggregates inside scans of entity tables.",
							 "Plans made while it is on stay in use.",
							 &datom_enable_aggregates, true, PGC_USERSET, GUC_EXPLAIN,
							 NULL, NULL, NULL);
	DefineCustomBoolVariable("datom.enable_scan",
							 "Lets the planner read datom tables by a scan of their own.",
							 "Plans made while it is on stay in use.",
							 &datom_enable_scan, true, PGC_USERSET, GUC_EXPLAIN,
							 NULL, NULL, NULL);
	DefineCustomBoolVariable("datom.track_usage",
							 "Counts the use of saved queries.",
							 NULL, &datom_track_usage, true, PGC_SUSET, 0,
							 NULL, NULL, NULL);
#ifdef DATOM_TEST
	DefineCustomEnumVariable("datom.test_break", "Breaks a rule, for tests.", NULL,
							 &datom_test_break, BREAK_NONE, break_options,
							 PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("datom.test_clock_offset", "Moves the clock, for tests.", NULL,
							&datom_test_clock_offset, 0, -INT_MAX, INT_MAX,
							PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable("datom.test_commit_delay", "Delays commits between entry and end, for tests.", NULL,
							&datom_test_commit_delay, 0, 0, 600000,
							PGC_SUSET, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable("datom.test_tail_rows", "How many rows of a tail are kept, for tests.", NULL,
							&datom_test_tail_rows, 200000, 1, INT_MAX,
							PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("datom.test_gate", "An advisory lock that a merge waits for before it replaces runs, for tests.", NULL,
							&datom_test_gate, 0, 0, INT_MAX,
							PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("datom.test_merge_step", "Kills the backend at that step of a merge, for tests.", NULL,
							&datom_test_merge_step, 0, 0, INT_MAX,
							PGC_SUSET, 0, NULL, NULL, NULL);
#endif
}
