/*
 * The arguments of a run, as arguments of a call in SQL.
 */
#ifndef DATOM_RUN_ARGS_H
#define DATOM_RUN_ARGS_H

#include "compat.h"
#include "utils/jsonb.h"

/*
 * "(name => value, ...)", in the order of the function's arguments; nothing for an
 * invalid one, which stands for a view. An error about arguments that it does not take.
 */
extern char *datom_run_arguments(Oid function, Jsonb *args);

#endif
