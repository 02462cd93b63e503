/*
 * progress.c: what the user sees while an extract runs.
 *
 * On a terminal a bar, drawn over and over; elsewhere a line for each shard.
 * How many rows there will be is not known. Shards are about as large as each
 * other, so what is left is estimated by those that are there.
 */
#include "progress.h"

#include <time.h>
#include <unistd.h>

#include "common/logging.h"

#define WIDTH 20
#define EVERY 0.2				/* seconds between two drawings */

static bool line_open;			/* is there a bar on the line? */

/* Seconds, from some time on, whatever is done to the clock. */
double
datom_progress_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

/* Messages do not go into the bar. */
static void
clear_line(void)
{
	if (line_open)
		fputs("\r\033[K", stderr);
	line_open = false;
}

void
datom_progress_begin(DatomProgress *progress, const DatomPlan *plan, bool quiet)
{
	int64		bytes;

	*progress = (DatomProgress) {
		.bar = isatty(STDERR_FILENO) && !quiet, .quiet = quiet, .started = datom_progress_now()
	};
	progress->parts_before = datom_plan_done(plan, &progress->rows_before, &bytes);
	pg_logging_set_pre_callback(clear_line);
	if (progress->parts_before > 0 && !quiet)
		pg_log_info("resuming as of %s: %d of %d shards are there",
					plan->basis, progress->parts_before, (int) plan->shards);
}

/* Hours, minutes and seconds. */
static const char *
duration(double seconds)
{
	static char text[32];
	int64		s = seconds < 0 ? 0 : (int64) (seconds + 0.5);

	if (s >= 3600)
		snprintf(text, sizeof(text), INT64_FORMAT ":%02d:%02d", s / 3600, (int) (s / 60 % 60), (int) (s % 60));
	else
		snprintf(text, sizeof(text), "%d:%02d", (int) (s / 60), (int) (s % 60));
	return text;
}

/* The number of shards that are there, with the running ones in fractions. */
static double
shards_read(const DatomPlan *plan, const int64 *running, int n, int64 *rows)
{
	int64		bytes;
	int			done = datom_plan_done(plan, rows, &bytes);
	double		each = done > 0 ? (double) *rows / done : 0;
	double		parts = done;

	for (int i = 0; i < n; i++)
	{
		*rows += running[i];
		if (each > 0)
			parts += Min(running[i] / each, 0.99);
	}
	return parts;
}

/* The middle of a line: rows, rate and time left. */
static void
print_state(const DatomProgress *progress, const DatomPlan *plan, double parts, int64 rows)
{
	double		elapsed = datom_progress_now() - progress->started;
	double		here = parts - progress->parts_before;

	fprintf(stderr, INT64_FORMAT " rows, %.0f rows/s", rows,
			elapsed > 0 ? (rows - progress->rows_before) / elapsed : 0);
	if (here > 0)
		fprintf(stderr, ", %s left", duration((plan->shards - parts) * elapsed / here));
}

/* A shard has come to be there. */
void
datom_progress_part(DatomProgress *progress, const DatomPlan *plan, int shard)
{
	int64		rows;
	double		done;

	if (progress->quiet || progress->bar)
		return;
	done = shards_read(plan, NULL, 0, &rows);
	fprintf(stderr, "shard %d: " INT64_FORMAT " rows; %.0f of %d shards, ",
			shard, plan->parts[shard].rows, done, (int) plan->shards);
	print_state(progress, plan, done, rows);
	fputc('\n', stderr);
}

/* The bar, if it is time; `running` are the rows of shards on their way. */
void
datom_progress_draw(DatomProgress *progress, const DatomPlan *plan,
					const int64 *running, int n)
{
	double		now = datom_progress_now();
	char		bar[WIDTH + 1];
	int64		rows;
	double		parts;

	if (!progress->bar || now - progress->drawn < EVERY)
		return;
	progress->drawn = now;
	parts = shards_read(plan, running, n, &rows);
	for (int i = 0; i < WIDTH; i++)
		bar[i] = i < WIDTH * parts / plan->shards ? '#' : '.';
	bar[WIDTH] = '\0';
	clear_line();
	fprintf(stderr, "[%s] %d%%, ", bar, (int) (100 * parts / plan->shards));
	print_state(progress, plan, parts, rows);
	fflush(stderr);
	line_open = true;
}

void
datom_progress_end(DatomProgress *progress, const DatomPlan *plan, const char *where)
{
	int64		rows,
				bytes;

	clear_line();
	(void) datom_plan_done(plan, &rows, &bytes);
	if (!progress->quiet)
		fprintf(stderr, INT64_FORMAT " rows, " INT64_FORMAT " bytes, as of %s, in %s: \"%s\" is whole\n",
				rows, bytes, plan->basis, duration(datom_progress_now() - progress->started), where);
}
