/*
 * The manifest of an extract: its plan as JSON.
 */
#ifndef DATOM_MANIFEST_H
#define DATOM_MANIFEST_H

#include "postgres_fe.h"

#include "pqexpbuffer.h"

#include "plan.h"

extern void datom_manifest_write(const DatomPlan *plan, PQExpBuffer out);
extern bool datom_manifest_read(DatomPlan *plan, char *json, int len);
extern const char *datom_manifest_difference(const DatomPlan *a, const DatomPlan *b);

#endif
