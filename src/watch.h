/*
 * Watching statements: what they return and how long they take.
 */
#ifndef DATOM_WATCH_H
#define DATOM_WATCH_H

#include "compat.h"
#include "executor/execdesc.h"

/* What has become of a statement. */
typedef struct DatomWatched
{
	uint64		rows;			/* that it returned, or changed */
	double		time;			/* spent running it, in ms */
	bool		ran;			/* at all: a cursor may be closed unread */
	bool		whole;			/* up to its last row */
	bool		failed;			/* then nothing may be allocated or raised */
} DatomWatched;

typedef struct DatomWatcher
{
	/*
	 * A statement begins: what the watcher wants to know at its end, allocated in
	 * the current memory context, or NULL if the statement does not matter to it.
	 */
	void	   *(*begin) (QueryDesc *desc);
	void		(*end) (void *state, const DatomWatched *statement);
} DatomWatcher;

extern void datom_watch_add(const DatomWatcher *watcher);
extern void datom_watch_init(void);

#endif
