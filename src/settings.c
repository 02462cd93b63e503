/*
 * settings.c: datom.as_of and datom.wait.
 *
 * datom.as_of is text without a check hook, on purpose. A check that fails
 * while a library is loaded late only warns, and the session would then answer
 * as of now where it was told otherwise. Bad text is an error when it is used.
 */
#include "settings.h"

#include <limits.h>

#include "utils/guc.h"

char	   *datom_as_of = NULL;
int			datom_wait = 2000;

#ifdef DATOM_TEST
static const struct config_enum_entry break_options[] = {
	{"none", BREAK_NONE, false},
	{"write_time", BREAK_WRITE_TIME, false},
	{"early_release", BREAK_EARLY_RELEASE, false},
	{"no_lock", BREAK_NO_LOCK, false},
	{"below_running", BREAK_BELOW_RUNNING, false},
	{NULL, 0, false}
};
int			datom_test_break = BREAK_NONE;
int			datom_test_clock_offset = 0;
int			datom_test_commit_delay = 0;
#endif

bool
datom_as_of_in_force(void)
{
	return datom_as_of != NULL && datom_as_of[0] != '\0';
}

void
datom_settings_init(void)
{
	DefineCustomStringVariable("datom.as_of",
							   "The moment as of which the session asks.",
							   "An instant with its time zone, or the number of a transaction; empty: now.",
							   &datom_as_of, "", PGC_USERSET, 0,
							   NULL, NULL, NULL);
	DefineCustomIntVariable("datom.wait",
							"How long a question waits until its moment is final.",
							NULL, &datom_wait, 2000, 0, INT_MAX,
							PGC_USERSET, GUC_UNIT_MS, NULL, NULL, NULL);
#ifdef DATOM_TEST
	DefineCustomEnumVariable("datom.test_break", "Breaks a rule, for tests.", NULL,
							 &datom_test_break, BREAK_NONE, break_options,
							 PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("datom.test_clock_offset", "Moves the clock, for tests.", NULL,
							&datom_test_clock_offset, 0, -INT_MAX, INT_MAX,
							PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable("datom.test_commit_delay", "Delays commits between entry and end, for tests.", NULL,
							&datom_test_commit_delay, 0, 0, 10000,
							PGC_SUSET, GUC_UNIT_MS, NULL, NULL, NULL);
#endif
}
