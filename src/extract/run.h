/*
 * All jobs of an extract.
 */
#ifndef DATOM_RUN_H
#define DATOM_RUN_H

#include "postgres_fe.h"

#include "options.h"

extern int	datom_run(DatomOptions *options);

#endif
