/*
 * What the user sees while an extract runs.
 */
#ifndef DATOM_PROGRESS_H
#define DATOM_PROGRESS_H

#include "postgres_fe.h"

#include "plan.h"

typedef struct DatomProgress
{
	bool		bar;			/* standard error is a terminal */
	bool		quiet;
	double		started;
	int			parts_before;	/* those of earlier runs */
	int64		rows_before;
	double		drawn;
} DatomProgress;

extern double datom_progress_now(void);
extern void datom_progress_begin(DatomProgress *progress, const DatomPlan *plan, bool quiet);
extern void datom_progress_part(DatomProgress *progress, const DatomPlan *plan, int shard);
extern void datom_progress_draw(DatomProgress *progress, const DatomPlan *plan,
								const int64 *running, int n);
extern void datom_progress_end(DatomProgress *progress, const DatomPlan *plan, const char *where);

#endif
