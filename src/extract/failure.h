/*
 * What becomes of a job when something goes wrong.
 */
#ifndef DATOM_FAILURE_H
#define DATOM_FAILURE_H

#include "job.h"

extern void datom_fail(DatomRun *run, DatomJob *job, const char *code, const char *text,
					   const char *detail, const char *hint);
extern void datom_fail_by_result(DatomRun *run, DatomJob *job, const PGresult *result);
extern void datom_fail_by_connection(DatomRun *run, DatomJob *job);

#endif
