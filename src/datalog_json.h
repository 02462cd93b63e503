/*
 * Answers of queries as JSON.
 */
#ifndef DATOM_DATALOG_JSON_H
#define DATOM_DATALOG_JSON_H

#include "compat.h"
#include "utils/jsonb.h"

#include "datalog_run.h"

/* Takes one row of an answer; NULL is a null. */
typedef void (*DatalogJsonFn) (void *arg, Jsonb *row);

/*
 * Runs the query and hands out its rows: arrays, or objects where it has a return
 * map; of a collection or a scalar the values.
 */
extern void datom_datalog_rows(const DatalogAsked *asked, DatalogJsonFn take, void *arg);

/* Runs the query; the whole answer in the shape of its :find. */
extern Jsonb *datom_datalog_answer(const DatalogAsked *asked);

#endif
