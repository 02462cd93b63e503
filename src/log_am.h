/*
 * The table access method "datom".
 */
#ifndef DATOM_LOG_AM_H
#define DATOM_LOG_AM_H

#include "compat.h"

/* Refuses a change to a datom table, with one text for each kind of change. */
typedef enum DatomRefusal
{
	REFUSE_UPDATE,
	REFUSE_DELETE,
	REFUSE_TRUNCATE,
	REFUSE_LOCK,
	REFUSE_CLUSTER,
	REFUSE_ACCESS_METHOD,
	REFUSE_TO_DATOM,
	REFUSE_SHAPE,
	REFUSE_TYPE,
	REFUSE_CHILD,
	REFUSE_PERSISTENCE
} DatomRefusal;

extern void datom_refuse(DatomRefusal why, const char *table) pg_attribute_noreturn();

#endif
