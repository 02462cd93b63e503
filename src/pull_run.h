/*
 * Pulling entities by a plan.
 */
#ifndef DATOM_PULL_RUN_H
#define DATOM_PULL_RUN_H

#include "compat.h"

#include "pull_plan.h"

typedef struct PullNode DatomPulled;

/*
 * What each of n entities is by the plan, as of the moment that reader and plan
 * have in common. All that is allocated is in the current context.
 */
extern DatomPulled *datom_pull_run(DatomReader *reader, TimestampTz at,
								   const DatomPullPlan *plan, const int64 *e, int n);

/* Of entity i; NULL: nothing. */
extern Jsonb *datom_pull_answer(const DatomPulled *pulled, int i);

#endif
