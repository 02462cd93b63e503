/*
 * Differences between PostgreSQL versions. The only file that may look at
 * PG_VERSION_NUM.
 */
#ifndef DATOM_COMPAT_H
#define DATOM_COMPAT_H

#include "postgres.h"

#if PG_VERSION_NUM < 150000 || PG_VERSION_NUM >= 160000
#error "datom is written for PostgreSQL 15"
#endif

#endif
