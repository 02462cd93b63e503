/*
 * The settings that a session may change. Read when they are used, never
 * earlier: a plan made under one value may run under another.
 */
#ifndef DATOM_SETTINGS_H
#define DATOM_SETTINGS_H

#include "compat.h"

extern char *datom_as_of;		/* an instant with its zone, or a tx */
extern char *datom_db;			/* the datom table that $ stands for; empty: none */
extern int	datom_wait;			/* milliseconds */
extern char *datom_shard_setting;	/* i/n: what datom.shard(e) picks; empty: all */
extern bool datom_enable_scan;	/* of plans, not of answers */
extern bool datom_enable_aggregates;	/* of plans, not of answers */
extern bool datom_enable_orders;	/* readers use orders */
extern bool datom_track_usage;	/* statements are counted; see usage.c */

#ifdef DATOM_TEST
/* Ways to break the order of commits, so that tests can be seen to notice. */
enum
{
	BREAK_NONE,
	BREAK_WRITE_TIME,			/* the instant is that of the first write */
	BREAK_EARLY_RELEASE,		/* the lock is released before the insert */
	BREAK_NO_LOCK,
	BREAK_BELOW_RUNNING,		/* basis just below the running entry */
	BREAK_XID_ONLY,				/* runs are read up to the watermark */
	BREAK_NO_CHECK,				/* the custom scan checks no rights */
	BREAK_NO_ROW_LOCK,			/* rows to be changed are not locked when scanned */
	BREAK_EARLY_UNTIL			/* retired runs are dated before they are replaced */
};
extern int	datom_test_break;
extern int	datom_test_clock_offset;	/* milliseconds */
extern int	datom_test_commit_delay;	/* milliseconds */
extern int	datom_test_gate;	/* an advisory lock that a merge waits for */
extern int	datom_test_merge_step;	/* of a merge, at which the backend is killed */
extern int	datom_test_tail_rows;	/* the most that are kept of a table */
#define DATOM_BROKEN(how) (datom_test_break == (how))
#else
#define DATOM_BROKEN(how) false
#endif

extern void datom_settings_init(void);

/* Is a moment of the past in force? */
extern bool datom_as_of_in_force(void);

#endif
