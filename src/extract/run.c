/*
 * run.c: all jobs of an extract, in one loop.
 *
 * Signals are let in only while the loop polls, so none is missed between a
 * look at `interrupted` and the poll.
 */
#include "run.h"

#include <poll.h>
#include <signal.h>

#include "common/logging.h"
#include "job.h"
#include "query.h"

static volatile sig_atomic_t interrupted = 0;

static void
interrupt(int signal_number)
{
	interrupted = 1;
}

/* Returns the signals to let in while polling. */
static sigset_t
hold_signals(void)
{
	struct sigaction action = {.sa_handler = interrupt};
	sigset_t	held,
				before;

	sigemptyset(&held);
	sigaddset(&held, SIGINT);
	sigaddset(&held, SIGTERM);
	sigprocmask(SIG_BLOCK, &held, &before);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
	return before;
}

/* A second signal ends a process that the first has not ended yet. */
static void
release_signals(const sigset_t *before)
{
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	sigprocmask(SIG_SETMASK, before, NULL);
}

/* Gives a job what there is to do. */
static void
start(DatomRun *run, DatomJob *job)
{
	int			shard = datom_plan_next(run->plan);

	if (shard < 0 && (job->state == JOB_READY || job->state == JOB_WAITING))
		datom_job_end(run, job, false);
	else if (shard >= 0 && job->state == JOB_IDLE)
		datom_job_connect(run, job);
	else if (shard >= 0 && job->state == JOB_READY)
		datom_job_shard(run, job, shard);
}

/* The first to be ready has found out what the plan did not say. */
static bool
settle(DatomRun *run)
{
	if (run->jobs[0].state != JOB_READY)
		return false;
	if (run->plan->basis == NULL)
		pg_fatal("the server does not say which moment it answers");
	if (run->plan->started == NULL)
		run->plan->started = datom_plan_time();
	datom_store_save(&run->store, run->plan);
	return true;
}

/* How long to poll, in seconds. */
static double
patience(const DatomRun *run, int n)
{
	double		now = datom_progress_now();
	double		left = run->progress.bar ? 0.2 : 60;

	for (int i = 0; i < n; i++)
		if (run->jobs[i].state == JOB_WAITING || run->jobs[i].state == JOB_CONNECTING)
			left = Min(left, Max(run->jobs[i].until - now, 0));
	return left;
}

/* Waits until one of the jobs can go on, and lets it. */
static void
poll_jobs(DatomRun *run, struct pollfd *fds, int n, const sigset_t *signals)
{
	double		seconds = patience(run, n);
	struct timespec timeout = {(time_t) seconds, (long) ((seconds - (time_t) seconds) * 1e9)};

	for (int i = 0; i < n; i++)
		fds[i] = (struct pollfd) {
		.fd = run->jobs[i].conn ? PQsocket(run->jobs[i].conn) : -1,
		.events = run->jobs[i].events
	};
	if (ppoll(fds, n, &timeout, signals) < 0 && errno != EINTR)
		pg_fatal("could not wait for connections: %m");
	for (int i = 0; i < n && !run->failed && !interrupted; i++)
	{
		DatomJob   *job = &run->jobs[i];

		if (fds[i].fd >= 0 && fds[i].revents)
			datom_job_advance(run, job);
		else if ((job->state == JOB_WAITING || job->state == JOB_CONNECTING) &&
				 datom_progress_now() >= job->until)
			datom_job_overdue(run, job);
	}
}

static void
draw(DatomRun *run, int64 *rows)
{
	int			n = run->options->jobs;

	for (int i = 0; i < n; i++)
		rows[i] = datom_job_rows(run, &run->jobs[i]);
	datom_progress_draw(&run->progress, run->plan, rows, n);
}

static void
loop(DatomRun *run)
{
	int			n = run->options->jobs;
	struct pollfd *fds = pg_malloc0(sizeof(struct pollfd) * n);
	int64	   *rows = pg_malloc0(sizeof(int64) * n);
	sigset_t	signals = hold_signals();
	bool		settled = false;
	int64		total,
				bytes;

	while (datom_plan_done(run->plan, &total, &bytes) < run->plan->shards)
	{
		if (settled || (settled = settle(run)))
			for (int i = 0; i < n && !run->failed; i++)
				start(run, &run->jobs[i]);
		else if (run->jobs[0].state == JOB_IDLE)
			datom_job_connect(run, &run->jobs[0]);
		if (run->failed || interrupted)
			break;
		poll_jobs(run, fds, n, &signals);
		if (run->failed || interrupted)
			break;
		draw(run, rows);
	}
	release_signals(&signals);
	pg_free(rows);
	pg_free(fds);
}

static void
begin(DatomRun *run, DatomOptions *options)
{
	*run = (DatomRun) {.options = options, .plan = &options->plan};
	run->query = datom_query_fill(options->plan.query, &options->plan.variables);
	datom_hosts_read(&run->hosts, options);
	datom_store_open(&run->store, options->output, run->plan, options->restart);
	run->jobs = pg_malloc0(sizeof(DatomJob) * options->jobs);
	for (int i = 0; i < options->jobs; i++)
	{
		run->jobs[i].host = i % run->hosts.count;
		run->jobs[i].shard = -1;
	}
	datom_progress_begin(&run->progress, run->plan, options->quiet);
}

/* Makes the extract; returns the exit code. */
int
datom_run(DatomOptions *options)
{
	DatomRun	run;

	begin(&run, options);
	loop(&run);
	for (int i = 0; i < options->jobs; i++)
		datom_job_end(&run, &run.jobs[i], true);
	if (run.failed || interrupted)
	{
		if (!run.failed)
			pg_log_error("interrupted");
		datom_store_leave(&run.store, run.plan);
		return run.failed ? DATOM_FAILED : DATOM_INTERRUPTED;
	}
	datom_store_finish(&run.store, run.plan);
	datom_progress_end(&run.progress, run.plan, run.store.target);
	return 0;
}
