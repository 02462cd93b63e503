/*
 * The conditions of a scan of an entity table, checked on batches of its rows.
 */
#ifndef DATOM_ENTITY_FILTER_H
#define DATOM_ENTITY_FILTER_H

#include "compat.h"
#include "nodes/execnodes.h"

#include "entity_selected.h"

typedef struct DatomFilter DatomFilter;

/*
 * Of the conditions of the plan node of a scan, which no row is asked for; in the
 * current memory context. They are evaluated as its own.
 */
extern DatomFilter *datom_filter_create(ScanState *scan, const DatomEntityTable *table);

/* What they are compared with is looked at again: once for each scan. */
extern void datom_filter_begin(DatomFilter *filter);

/* Leaves the selected rows that meet them. */
extern void datom_filter_select(DatomFilter *filter, DatomSelection *batch);

#endif
