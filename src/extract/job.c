/*
 * job.c: one connection, which makes one shard after the other.
 *
 * Nothing here waits: what can be done is done, and `events` says for what to
 * poll. A connection begins by asking who is there and by setting the moment;
 * the first of all finds out the moment if none was given.
 *
 * A shard is read by one COPY. If anything happens to it, its file is dropped
 * and the shard is to be made again, by this job or another, as of the same
 * moment, which makes it the same.
 */
#include "job.h"

#include <poll.h>

#include "ask.h"
#include "common/logging.h"
#include "failure.h"
#include "query.h"

#define CONNECT_SECONDS 30.0

/* The job has no connection and no shard any more. */
void
datom_job_end(DatomRun *run, DatomJob *job, bool cancel)
{
	char		error[256];
	PGcancel   *canceller;

	if (cancel && job->conn && job->state >= JOB_ASKING &&
		(canceller = PQgetCancel(job->conn)) != NULL)
	{
		(void) PQcancel(canceller, error, sizeof(error));
		PQfreeCancel(canceller);
	}
	if (job->file)
		datom_part_drop(job->file);
	if (job->shard >= 0)
		run->plan->parts[job->shard].taken = false;
	PQfinish(job->conn);
	job->file = NULL;
	job->shard = -1;
	job->conn = NULL;
	job->state = JOB_IDLE;
}

/* What was waited for has not come, or has passed. */
void
datom_job_overdue(DatomRun *run, DatomJob *job)
{
	if (job->state == JOB_CONNECTING)
		datom_fail(run, job, "", "no connection in time", NULL, NULL);
	else if (job->state == JOB_WAITING)
		job->state = JOB_IDLE;
}

/*
 * Sending
 */

static void
send_query(DatomRun *run, DatomJob *job, PQExpBuffer query)
{
	int			flushed = -1;

	if (PQExpBufferDataBroken(*query))
		pg_fatal("out of memory");
	if (PQsendQuery(job->conn, query->data))
		flushed = PQflush(job->conn);
	job->events = flushed == 1 ? POLLIN | POLLOUT : POLLIN;
	destroyPQExpBuffer(query);
	if (flushed < 0)
		datom_fail_by_connection(run, job);
}

static void
ask(DatomRun *run, DatomJob *job)
{
	PQExpBuffer query = createPQExpBuffer();

	if (datom_ask(run, job, query))
	{
		send_query(run, job, query);
		return;
	}
	destroyPQExpBuffer(query);
	job->state = JOB_READY;
	job->events = 0;
}

void
datom_job_connect(DatomRun *run, DatomJob *job)
{
	job->conn = datom_connect(run->options, &run->hosts, job->host);
	job->state = JOB_CONNECTING;
	job->events = POLLOUT;
	job->until = datom_progress_now() + CONNECT_SECONDS;
	if (PQstatus(job->conn) == CONNECTION_BAD)
		datom_fail_by_connection(run, job);
}

void
datom_job_shard(DatomRun *run, DatomJob *job, int shard)
{
	PQExpBuffer query = createPQExpBuffer();

	job->shard = shard;
	run->plan->parts[shard].taken = true;
	job->file = datom_part_begin(&run->store, run->plan, shard);
	job->messages = 0;
	job->rows = -1;
	job->state = JOB_COPYING;
	datom_query_copy(run->plan, run->query, shard, query);
	send_query(run, job, query);
}

/*
 * Receiving
 */

static void
advance_connecting(DatomRun *run, DatomJob *job)
{
	switch (PQconnectPoll(job->conn))
	{
		case PGRES_POLLING_READING:
			job->events = POLLIN;
			break;
		case PGRES_POLLING_WRITING:
			job->events = POLLOUT;
			break;
		case PGRES_POLLING_OK:
			PQsetErrorVerbosity(job->conn, PQERRORS_DEFAULT);
			PQsetnonblocking(job->conn, 1);
			job->state = JOB_ASKING;
			job->step = 0;
			ask(run, job);
			break;
		default:
			datom_fail_by_connection(run, job);
			break;
	}
}

static void
take_result(DatomRun *run, DatomJob *job, const PGresult *result)
{
	if (job->state == JOB_COPYING)
	{
		const char *rows = PQcmdTuples((PGresult *) result);

		if (rows[0] != '\0')
			job->rows = strtoll(rows, NULL, 10);
	}
	else if (PQntuples(result) == 1)
		datom_ask_take(run, job, result);
}

/* The state grows with the shards: of many, it is not written after each. */
static void
save(DatomRun *run)
{
	int64		rows,
				bytes;
	int			done = datom_plan_done(run->plan, &rows, &bytes);

	if (done % (done / 64 + 1) == 0)
		datom_store_save(&run->store, run->plan);
}

/*
 * Shards of an entity's rows have no row in common. If the setting was to make
 * them, and the query does not say so, each would hold everything.
 */
static bool
repeats(const DatomPlan *plan, int shard)
{
	const DatomPart *part = &plan->parts[shard];

	if (strcmp(plan->shard_by, "setting") != 0 || plan->order_by || part->rows == 0)
		return false;
	for (int i = 0; i < plan->shards; i++)
		if (i != shard && plan->parts[i].done && strcmp(plan->parts[i].sha256, part->sha256) == 0)
			return true;
	return false;
}

/* The server has answered all of it. */
static void
end_query(DatomRun *run, DatomJob *job)
{
	if (job->state == JOB_ASKING)
	{
		job->step++;
		ask(run, job);
		return;
	}
	if (job->rows < 0)
		pg_fatal("shard %d: the query returned no rows to copy", job->shard);
	datom_part_end(job->file, &run->plan->parts[job->shard], job->rows);
	job->file = NULL;
	if (repeats(run->plan, job->shard))
	{
		pg_log_error("shard %d is the same as another", job->shard);
		pg_log_error_hint("The query must say datom.shard(e) to be sharded by setting.");
		run->plan->parts[job->shard].done = false;
		run->failed = true;
		return;
	}
	save(run);
	datom_progress_part(&run->progress, run->plan, job->shard);
	job->shard = -1;
	job->failures = job->late = 0;
	job->state = JOB_READY;
	job->events = 0;
}

/* Writes what has come of a COPY; true when it has ended. */
static bool
receive_rows(DatomJob *job)
{
	char	   *data;
	int			len;

	while ((len = PQgetCopyData(job->conn, &data, 1)) > 0)
	{
		datom_part_write(job->file, data, len);
		job->messages++;
		PQfreemem(data);
	}
	return len < 0;
}

/* One result; false if more must come first. */
static bool
receive_result(DatomRun *run, DatomJob *job)
{
	PGresult   *result;
	ExecStatusType status;

	if (PQisBusy(job->conn))
		return false;
	result = PQgetResult(job->conn);
	if (result == NULL)
	{
		end_query(run, job);
		return false;
	}
	status = PQresultStatus(result);
	if (status == PGRES_COPY_OUT && job->state == JOB_COPYING)
	{
		if (!receive_rows(job))
		{
			PQclear(result);
			return false;
		}
	}
	else if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
		take_result(run, job, result);
	else
	{
		datom_fail_by_result(run, job, result);
		PQclear(result);
		return false;
	}
	PQclear(result);
	return true;
}

/* What was polled for has come. */
void
datom_job_advance(DatomRun *run, DatomJob *job)
{
	int			flushed;

	if (job->state == JOB_CONNECTING)
	{
		advance_connecting(run, job);
		return;
	}
	if (!PQconsumeInput(job->conn) || (flushed = PQflush(job->conn)) < 0)
	{
		datom_fail_by_connection(run, job);
		return;
	}
	job->events = flushed == 1 ? POLLIN | POLLOUT : POLLIN;
	while (job->conn && receive_result(run, job))
		;
}

/* Rows of the shard that have come, about: COPY says more than rows. */
int64
datom_job_rows(const DatomRun *run, const DatomJob *job)
{
	bool		more = run->plan->header || strcmp(run->plan->format, "binary") == 0;

	return job->state == JOB_COPYING ? Max(job->messages - more, 0) : 0;
}
