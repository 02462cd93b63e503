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
}
