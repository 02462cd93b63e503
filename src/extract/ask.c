/*
 * ask.c: what a session begins with: its settings, who is there, and the moment.
 *
 * The first session of an extract finds out the moment, if none was given. All
 * others take that.
 */
#include "ask.h"

#include "common/logging.h"
#include "query.h"

enum
{
	STEP_SETTINGS, STEP_IDENTITY, STEP_SYNC, STEP_AS_OF, STEPS
};

static const char *
moment(const DatomRun *run, const DatomJob *job)
{
	return run->plan->basis ? run->plan->basis :
		run->plan->as_of ? run->plan->as_of : job->newest;
}

/* The primary has all there is, but a moment of our own may not be final yet. */
static bool
must_sync(const DatomRun *run, const DatomJob *job)
{
	return job->standby || (run->plan->basis == NULL && run->plan->as_of == NULL);
}

/* Makes the query of the job's step; false if nothing is left to ask. */
bool
datom_ask(const DatomRun *run, DatomJob *job, PQExpBuffer query)
{
	if (job->step == STEP_SYNC && !must_sync(run, job))
		job->step++;
	if (job->step == STEPS)
		return false;
	if (job->step == STEP_SETTINGS)
		datom_query_settings(run->plan, query);
	else if (job->step == STEP_IDENTITY)
		datom_query_identity(run->plan, query);
	else if (job->step == STEP_SYNC)
		datom_query_sync(moment(run, job), run->options->wait, query);
	else
		datom_query_as_of(moment(run, job), query);
	return true;
}

/* Is it waiting until the server knows of the moment? */
bool
datom_ask_syncs(const DatomJob *job)
{
	return job->state == JOB_ASKING && job->step == STEP_SYNC;
}

static char *
text_of(const PGresult *result, int column)
{
	return PQgetisnull(result, 0, column) ? NULL : pg_strdup(PQgetvalue(result, 0, column));
}

/* All servers, in all runs, must be of one cluster. */
static void
take_identity(DatomRun *run, DatomJob *job, const PGresult *result)
{
	DatomPlan  *plan = run->plan;
	char	   *system = text_of(result, 0);
	char	   *database = text_of(result, 1);

	if (plan->system && (strcmp(plan->system, system) != 0 ||
						 strcmp(plan->database, database) != 0))
	{
		pg_log_error("%s: database \"%s\" of cluster %s is not the one where the extract was begun, \"%s\" of %s",
					 datom_host_name(&run->hosts, job->host), database, system,
					 plan->database, plan->system);
		run->failed = true;
	}
	if (plan->system == NULL)
	{
		plan->system = system;
		plan->database = database;
	}
	if (plan->server_version == NULL)
		plan->server_version = text_of(result, 2);
	job->standby = strcmp(PQgetvalue(result, 0, 3), "t") == 0;
	job->newest = text_of(result, 4);
}

/* Takes the row that answers. */
void
datom_ask_take(DatomRun *run, DatomJob *job, const PGresult *result)
{
	if (job->step == STEP_IDENTITY)
		take_identity(run, job, result);
	else if (job->step == STEP_AS_OF && run->plan->basis == NULL)
		run->plan->basis = text_of(result, 0);
}
