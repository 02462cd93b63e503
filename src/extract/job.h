/*
 * One connection, which makes one shard after the other.
 */
#ifndef DATOM_JOB_H
#define DATOM_JOB_H

#include "postgres_fe.h"

#include "connect.h"
#include "progress.h"
#include "store.h"

typedef enum DatomJobState
{
	JOB_IDLE,					/* not connected */
	JOB_WAITING,				/* until it may connect again */
	JOB_CONNECTING,
	JOB_ASKING,					/* what a session begins with */
	JOB_READY,					/* for a shard */
	JOB_COPYING
} DatomJobState;

typedef struct DatomJob
{
	DatomJobState state;
	PGconn	   *conn;
	int			host;
	short		events;			/* what to poll for */
	double		until;			/* when waiting or connecting ends */
	int			failures;		/* since a shard was made */
	int			late;			/* servers in a row that did not have the moment */

	int			step;			/* while asking */
	bool		standby;
	char	   *newest;			/* the moment to take if none is given */

	int			shard;			/* -1: none */
	DatomPartFile *file;
	int64		messages;		/* of COPY */
	int64		rows;			/* as it says when it ends */
} DatomJob;

/* What all jobs work on. */
typedef struct DatomRun
{
	DatomOptions *options;
	DatomPlan  *plan;
	char	   *query;			/* with its variables filled in */
	DatomHosts	hosts;
	DatomStore	store;
	DatomProgress progress;
	DatomJob   *jobs;
	bool		failed;			/* for good */
} DatomRun;

extern void datom_job_connect(DatomRun *run, DatomJob *job);
extern void datom_job_shard(DatomRun *run, DatomJob *job, int shard);
extern void datom_job_advance(DatomRun *run, DatomJob *job);
extern void datom_job_overdue(DatomRun *run, DatomJob *job);
extern void datom_job_end(DatomRun *run, DatomJob *job, bool cancel);
extern int64 datom_job_rows(const DatomRun *run, const DatomJob *job);

#endif
