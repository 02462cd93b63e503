/*
 * Making a datom table, filling it with the past, and going live.
 */
#ifndef DATOM_CREATE_H
#define DATOM_CREATE_H

#include "compat.h"
#include "datatype/timestamp.h"
#include "utils/rel.h"

extern int64 datom_import_begin(Relation rel, TimestampTz at);

#endif
