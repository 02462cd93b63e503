/*
 * Sorting rows of the log by entity, attribute and time.
 */
#ifndef DATOM_ROWSORT_H
#define DATOM_ROWSORT_H

#include "compat.h"

#include "log.h"
#include "schema.h"

/*
 * Takes the rows of one entity and attribute, in the order of datom_compare();
 * attr is NULL where the attribute is not defined.
 */
typedef void (*DatomRowsFn) (void *arg, Datum a, const DatomAttr *attr,
							 const Datom *rows, int n);

typedef struct DatomRowSort DatomRowSort;

extern DatomRowSort *datom_rowsort_begin(const DatomSchema *schema, int kilobytes);
extern bool datom_rowsort_put(DatomRowSort *sort, const DatomRow *row, TimestampTz instant);
extern int64 datom_rowsort_count(const DatomRowSort *sort);
extern void datom_rowsort_drain(DatomRowSort *sort, DatomRowsFn take, void *arg);
extern void datom_rowsort_end(DatomRowSort *sort);

#endif
