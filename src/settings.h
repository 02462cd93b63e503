/*
 * The settings that a session may change. Read when they are used, never
 * earlier: a plan made under one value may run under another.
 */
#ifndef DATOM_SETTINGS_H
#define DATOM_SETTINGS_H

#include "compat.h"

extern char *datom_as_of;		/* an instant with its zone, or a tx */
extern int	datom_wait;			/* milliseconds */

#ifdef DATOM_TEST
/* Ways to break the order of commits, so that tests can be seen to notice. */
enum
{
	BREAK_NONE,
	BREAK_WRITE_TIME,			/* the instant is that of the first write */
	BREAK_EARLY_RELEASE,		/* the lock is released before the insert */
	BREAK_NO_LOCK,
	BREAK_BELOW_RUNNING			/* basis just below the running entry */
};
extern int	datom_test_break;
extern int	datom_test_clock_offset;	/* milliseconds */
extern int	datom_test_commit_delay;	/* milliseconds */
#endif

extern void datom_settings_init(void);

/* Is a moment of the past in force? */
extern bool datom_as_of_in_force(void);

#endif
