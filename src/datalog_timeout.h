/*
 * The time that a query gives itself.
 */
#ifndef DATOM_DATALOG_TIMEOUT_H
#define DATOM_DATALOG_TIMEOUT_H

#include "compat.h"

/*
 * Runs work(arg), but no longer than so many milliseconds, 0: without a limit;
 * error 57014 when they have passed. A limit that is in force already stays so.
 */
extern void datom_datalog_within(int64 milliseconds, void (*work) (void *), void *arg);

#endif
