/*
 * datalog_run.c: running a query.
 *
 * It is run as a function in SQL that is stable runs one: with the snapshot of
 * the statement that calls. Where a source is as of a moment that this snapshot
 * does not know, as_of() takes a newer one for itself; which is why none of this
 * may happen in a parallel plan.
 */
#include "datalog_run.h"

#include "executor/executor.h"
#include "miscadmin.h"
#include "utils/plancache.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"

#include "datalog_compile.h"
#include "datalog_plan.h"
#include "datalog_timeout.h"

void
datom_datalog_prepare(DatalogAsked *asked, const DatalogGiven *given, int n,
					  const DatalogTarget *target)
{
	asked->args = datom_datalog_args(asked->query, given, n, &asked->sources);
	if (asked->args->undecided)
		return;
	asked->sql = datom_datalog_compile(asked->query, asked->args->inputs,
									   datom_datalog_source_named, &asked->sources, target);
}

static ParamListInfo
make_params(const DatalogAsked *asked)
{
	ParamListInfo params = makeParamList(asked->sql->nparams);

	for (int i = 0; i < asked->sql->nparams; i++)
	{
		const DatalogParam *from = &asked->sql->params[i];
		ParamExternData *to = &params->params[from->number - 1];

		to->value = datom_datalog_param(asked->args, from, &to->isnull);
		to->pflags = PARAM_FLAG_CONST;
		to->ptype = from->type;
	}
	return params;
}

typedef struct Work
{
	const DatalogAsked *asked;
	DestReceiver *dest;
} Work;

static void
execute(PlannedStmt *plan, ParamListInfo params, Work *work)
{
	QueryDesc  *query = CreateQueryDesc(plan, work->asked->sql->text, GetActiveSnapshot(),
										InvalidSnapshot, work->dest, params, NULL, 0);

	ExecutorStart(query, 0);
	ExecutorRun(query, ForwardScanDirection, 0, true);
	ExecutorFinish(query);
	ExecutorEnd(query);
	FreeQueryDesc(query);
}

static void
plan_and_execute(void *arg)
{
	Work	   *work = arg;
	ParamListInfo params = make_params(work->asked);
	CachedPlan *plan = datom_datalog_plan(work->asked->sql, params);

	execute(linitial_node(PlannedStmt, plan->stmt_list), params, work);
	ReleaseCachedPlan(plan, CurrentResourceOwner);
}

void
datom_datalog_run(const DatalogAsked *asked, DestReceiver *dest)
{
	Work		work = {.asked = asked, .dest = dest};

	datom_datalog_within(asked->query->timeout, plan_and_execute, &work);
}
