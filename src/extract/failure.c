/*
 * failure.c: what becomes of a job when something goes wrong.
 *
 * What may pass is tried again, at the next host; when all have been tried, after
 * a while. A shard that is made resets the count. Everything else ends the run:
 * a query that is wrong is wrong everywhere.
 */
#include "failure.h"

#include "ask.h"
#include "common/logging.h"

#define DELAY_SECONDS 0.1		/* before all hosts are tried again; doubles */
#define MAX_DELAY_SECONDS 5.0

static double
delay(const DatomRun *run, const DatomJob *job)
{
	int			rounds = job->failures / run->hosts.count;

	if (job->failures % run->hosts.count != 0)
		return 0;
	return rounds > 6 ? MAX_DELAY_SECONDS : DELAY_SECONDS * (1 << (rounds - 1));
}

static void
report(const DatomRun *run, const DatomJob *job, const char *text,
	   const char *detail, const char *hint)
{
	enum pg_log_level level = run->failed ? PG_LOG_ERROR : PG_LOG_WARNING;
	const char *host = datom_host_name(&run->hosts, job->host);

	if (job->shard < 0)
		pg_log_generic(level, PG_LOG_PRIMARY, "%s: %s", host, text);
	else
		pg_log_generic(level, PG_LOG_PRIMARY, "shard %d: %s: %s", job->shard, host, text);
	if (detail)
		pg_log_generic(level, PG_LOG_DETAIL, "%s", detail);
	if (hint)
		pg_log_generic(level, PG_LOG_HINT, "%s", hint);
}

/*
 * Something went wrong: the job tries again, elsewhere if it can, or everything
 * has failed. `code` is empty where the server said nothing; detail and hint
 * may be NULL.
 */
void
datom_fail(DatomRun *run, DatomJob *job, const char *code, const char *text,
	 const char *detail, const char *hint)
{
	bool		late = datom_ask_syncs(job) && strcmp(code, "55000") == 0;

	job->failures++;
	job->late = late ? job->late + 1 : 0;
	run->failed = (!late && !datom_may_retry(code)) || job->late >= run->hosts.count ||
		job->failures > (int64) run->options->retries * run->hosts.count;
	report(run, job, text, detail, hint);
	datom_job_end(run, job, false);
	job->host = (job->host + 1) % run->hosts.count;
	job->until = datom_progress_now() + delay(run, job);
	job->state = JOB_WAITING;
}

void
datom_fail_by_connection(DatomRun *run, DatomJob *job)
{
	char		code[6];
	char	   *text = datom_connect_error(job->conn, code);

	datom_fail(run, job, code, text, NULL, NULL);
	pg_free(text);
}

void
datom_fail_by_result(DatomRun *run, DatomJob *job, const PGresult *result)
{
	const char *code = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

	const char *hint = PQresultErrorField(result, PG_DIAG_MESSAGE_HINT);

	if (job->state == JOB_ASKING && code &&
		(strcmp(code, "42P01") == 0 || strcmp(code, "3F000") == 0))
		hint = "Is the extension \"datom\" in this database?";
	if (text)
		datom_fail(run, job, code ? code : "", text,
				   PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL), hint);
	else
		datom_fail_by_connection(run, job);
}
