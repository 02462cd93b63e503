/*
 * Runs: a saved query as of one moment, in shards.
 */
#ifndef DATOM_RUN_H
#define DATOM_RUN_H

#include "compat.h"

extern void datom_run_init(void);

#endif
