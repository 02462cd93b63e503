/*
 * What the planner is told about datom tables.
 */
#ifndef DATOM_PLANNER_H
#define DATOM_PLANNER_H

#include "compat.h"

extern void datom_planner_init(void);

#endif
