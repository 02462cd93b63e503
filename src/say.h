/*
 * Writing the facts that a transaction says.
 */
#ifndef DATOM_SAY_H
#define DATOM_SAY_H

#include "compat.h"
#include "utils/array.h"
#include "utils/rel.h"

#include "txdata.h"

/*
 * Inserts what is not implied, retractions first, with one statement, through
 * triggers, constraints, rules and indexes. They run as the caller; the right to
 * INSERT is that of `role`.
 */
extern void datom_say(Relation rel, Oid role, TxFact *facts, int n);

/* A type of the extension; an array of it; an attribute as a datum. */
extern Oid	datom_say_type(const char *name);
extern ArrayType *datom_say_array(Datum *values, int n, Oid type);
extern Datum datom_say_attribute(const DatomAttr *attr);

#endif
