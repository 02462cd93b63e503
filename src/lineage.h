/*
 * Runs as OpenLineage has them.
 */
#ifndef DATOM_LINEAGE_H
#define DATOM_LINEAGE_H

#include "compat.h"

#include "run_table.h"

extern void datom_lineage_init(void);

/* postgres://host:port, or as datom.lineage_namespace says. */
extern const char *datom_lineage_namespace(void);

/*
 * Says what has become of the run: to whoever decodes this server's WAL, or on a
 * standby to its log. Allocates nothing in memory contexts and raises no error, so it
 * may be called while a transaction is rolled back.
 */
extern void datom_lineage_emit(const DatomQueryRun *run);

#endif
