/*
 * watch.c: which statements run in this backend, for those who count them.
 *
 * The executor's hooks, once for all watchers. Statements nest, and cursors
 * overlap, so those that are watched stand in a list; there are rarely more than
 * two. What is known of one lies in the memory of its execution, and a callback
 * of that memory tells when it is thrown away before the statement has ended:
 * the statement has failed. That comes late in the rollback, when locks and
 * buffers have been let go of.
 *
 * What parallel workers run is part of the leader's statement. EXPLAIN without
 * ANALYZE runs nothing.
 */
#include "watch.h"

#include "access/parallel.h"
#include "executor/executor.h"
#include "lib/ilist.h"
#include "portability/instr_time.h"
#include "utils/memutils.h"

#define WATCHERS 2

typedef struct Running
{
	dlist_node	node;
	QueryDesc  *desc;
	instr_time	time;
	DatomWatched so_far;
	void	   *states[WATCHERS];
	bool		ended;
	MemoryContextCallback thrown_away;
} Running;

static const DatomWatcher *watchers[WATCHERS];
static int	nwatchers = 0;
static dlist_head running = DLIST_STATIC_INIT(running);
static ExecutorStart_hook_type prev_start = NULL;
static ExecutorRun_hook_type prev_run = NULL;
static ExecutorEnd_hook_type prev_end = NULL;

void
datom_watch_add(const DatomWatcher *watcher)
{
	Assert(nwatchers < WATCHERS);
	watchers[nwatchers++] = watcher;
}

static Running *
find(const QueryDesc *desc)
{
	dlist_iter	iter;

	dlist_foreach(iter, &running)
	{
		Running    *statement = dlist_container(Running, node, iter.cur);

		if (statement->desc == desc)
			return statement;
	}
	return NULL;
}

static void
end(Running *statement)
{
	dlist_delete(&statement->node);
	statement->ended = true;
	statement->so_far.time = INSTR_TIME_GET_MILLISEC(statement->time);
	for (int i = 0; i < nwatchers; i++)
		if (statement->states[i])
			watchers[i]->end(statement->states[i], &statement->so_far);
}

static void
fail(void *arg)
{
	Running    *statement = arg;

	if (statement->ended)
		return;
	statement->so_far.failed = true;
	end(statement);
}

static void
begin(QueryDesc *desc)
{
	MemoryContext old = MemoryContextSwitchTo(desc->estate->es_query_cxt);
	Running    *statement = NULL;

	for (int i = 0; i < nwatchers; i++)
	{
		void	   *state = watchers[i]->begin(desc);

		if (state == NULL)
			continue;
		if (statement == NULL)
			statement = palloc0(sizeof(Running));
		statement->states[i] = state;
	}
	MemoryContextSwitchTo(old);
	if (statement == NULL)
		return;
	statement->desc = desc;
	dlist_push_head(&running, &statement->node);
	statement->thrown_away.func = fail;
	statement->thrown_away.arg = statement;
	MemoryContextRegisterResetCallback(desc->estate->es_query_cxt, &statement->thrown_away);
}

static void
executor_start(QueryDesc *desc, int eflags)
{
	if (prev_start)
		prev_start(desc, eflags);
	else
		standard_ExecutorStart(desc, eflags);
	if ((eflags & EXEC_FLAG_EXPLAIN_ONLY) == 0 && !IsParallelWorker())
		begin(desc);
}

static void
pass_on_run(QueryDesc *desc, ScanDirection direction, uint64 count, bool once)
{
	if (prev_run)
		prev_run(desc, direction, count, once);
	else
		standard_ExecutorRun(desc, direction, count, once);
}

/* The executor counts the rows of each call; a cursor makes several. */
static void
executor_run(QueryDesc *desc, ScanDirection direction, uint64 count, bool once)
{
	Running    *statement = find(desc);
	instr_time	began;
	instr_time	now;
	uint64		rows;

	if (statement == NULL)
	{
		pass_on_run(desc, direction, count, once);
		return;
	}
	INSTR_TIME_SET_CURRENT(began);
	pass_on_run(desc, direction, count, once);
	INSTR_TIME_SET_CURRENT(now);
	INSTR_TIME_ACCUM_DIFF(statement->time, now, began);
	rows = desc->estate->es_processed;
	statement->so_far.ran = true;
	if (ScanDirectionIsNoMovement(direction))
		return;
	statement->so_far.rows += rows;
	statement->so_far.whole = ScanDirectionIsForward(direction) && (count == 0 || rows < count);
}

static void
executor_end(QueryDesc *desc)
{
	Running    *statement = find(desc);

	if (statement)
		end(statement);
	if (prev_end)
		prev_end(desc);
	else
		standard_ExecutorEnd(desc);
}

void
datom_watch_init(void)
{
	prev_start = ExecutorStart_hook;
	ExecutorStart_hook = executor_start;
	prev_run = ExecutorRun_hook;
	ExecutorRun_hook = executor_run;
	prev_end = ExecutorEnd_hook;
	ExecutorEnd_hook = executor_end;
}
