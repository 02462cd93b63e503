/*
 * What a session begins with.
 */
#ifndef DATOM_ASK_H
#define DATOM_ASK_H

#include "job.h"
#include "pqexpbuffer.h"

extern bool datom_ask(const DatomRun *run, DatomJob *job, PQExpBuffer query);
extern void datom_ask_take(DatomRun *run, DatomJob *job, const PGresult *result);
extern bool datom_ask_syncs(const DatomJob *job);

#endif
