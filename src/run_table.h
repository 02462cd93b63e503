/*
 * Runs of saved queries, and what has become of their shards.
 */
#ifndef DATOM_RUN_TABLE_H
#define DATOM_RUN_TABLE_H

#include "compat.h"
#include "datatype/timestamp.h"
#include "nodes/pg_list.h"
#include "utils/uuid.h"

#define DATOM_RUN_SHARDS 1024
#define DATOM_RUN_ARGS 1024		/* bytes of arguments */
#define DATOM_RUN_NAME 264		/* bytes of a qualified, quoted name and its end */
#define DATOM_RUN_EVENT 24576	/* bytes of what events have in common */

typedef enum DatomQueryRunState
{
	RUN_STARTED,				/* no shard was read yet */
	RUN_RUNNING,
	RUN_COMPLETE,				/* all shards were read to their end */
	RUN_FAILED,					/* all were tried, and not all read */
	RUN_ABORTED					/* ended by hand, and stays as it was then */
} DatomQueryRunState;

typedef enum DatomShardState
{
	SHARD_WAITING,
	SHARD_RUNNING,
	SHARD_DONE,
	SHARD_FAILED
} DatomShardState;

typedef struct DatomQueryShard
{
	int64		rows;			/* that the last whole reading returned */
	TimestampTz started;		/* the last attempt; 0: none */
	TimestampTz ended;			/* 0: not */
	int32		attempts;
	int16		running;		/* attempts */
	int16		done;			/* it was read to its end, once or more */
} DatomQueryShard;

/* A run but for its shards and events. */
typedef struct DatomQueryRun
{
	pg_uuid_t	id;
	Oid			db;
	Oid			role;			/* who asked for it */
	TimestampTz basis;
	TimestampTz started;
	TimestampTz ended;			/* the last shard to end, or the run by hand; 0: none */
	int32		nshards;
	int32		state;			/* of DatomQueryRunState */
	int32		shards_done;
	int64		rows;			/* of shards that are done */
	char		query[DATOM_RUN_NAME];
	char		job[DATOM_RUN_NAME];
	char		args[DATOM_RUN_ARGS + 1];	/* jsonb as text */

	/*
	 * What all events of the run have in common: members of the object, and of the
	 * one output in it, without braces, as two strings one after the other.
	 */
	int32		event_len;
	char		event[DATOM_RUN_EVENT];
} DatomQueryRun;

extern void datom_run_table_init(void);

/* An error where the library was not preloaded: then runs are not kept. */
extern void datom_run_table_require(void);

/* A new run; if there is no room the oldest goes, first of those that have ended. */
extern void datom_run_put(const DatomQueryRun *run);

/* Copies, palloc'ed; an error if the run is not, or no longer, known. */
extern DatomQueryRun *datom_run_get(const pg_uuid_t *id);
extern DatomQueryShard *datom_run_shards_of(const pg_uuid_t *id, int *n);

/* May the caller see what is not for everybody? */
extern bool datom_run_open_to_caller(const DatomQueryRun *run);

/* Raises the error of those to whom a run is not open. */
extern void datom_run_refuse(const pg_uuid_t *id) pg_attribute_noreturn();

/*
 * Ends a run by hand, and copies it to `run`. False: it is not known any more, or is
 * complete or aborted.
 */
extern bool datom_run_abort(const pg_uuid_t *id, DatomQueryRun *run);

/* Copies of all runs of a database, the oldest first. */
extern List *datom_runs_of(Oid db);

/* The number of shards and the basis of a run; an error if it is not known or aborted. */
extern void datom_run_plan(const pg_uuid_t *id, int *nshards, TimestampTz *basis);

extern DatomShardState datom_run_shard_state(const DatomQueryShard *shard);

/* An attempt at reading a shard begins. */
extern bool datom_run_attempt(const pg_uuid_t *id, int shard);

typedef enum DatomAttempt
{
	ATTEMPT_NEVER_RAN,			/* and does not count */
	ATTEMPT_FAILED,
	ATTEMPT_DONE
} DatomAttempt;

/*
 * It ends. True if with it the run has, for the first time or otherwise than
 * before; then the run is copied to `run`. Allocates nothing.
 */
extern bool datom_run_attempt_ended(const pg_uuid_t *id, int shard, DatomAttempt how,
									int64 rows, DatomQueryRun *run);

#endif
