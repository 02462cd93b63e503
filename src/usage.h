/*
 * Use of saved queries.
 */
#ifndef DATOM_USAGE_H
#define DATOM_USAGE_H

#include "compat.h"

extern void datom_usage_init(void);

#endif
