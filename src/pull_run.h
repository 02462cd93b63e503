/*
 * Pulling entities by a plan.
 */
#ifndef DATOM_PULL_RUN_H
#define DATOM_PULL_RUN_H

#include "compat.h"

#include "pull_plan.h"

/*
 * What each of n entities is by the plan, as of the moment that reader and plan
 * have in common; NULL: nothing. All that is allocated is in the current context.
 */
extern void datom_pull_run(DatomReader *reader, TimestampTz at, const DatomPullPlan *plan,
						   const int64 *e, int n, Jsonb **answers);

#endif
