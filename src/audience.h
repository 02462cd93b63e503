/*
 * Whether a relation shows everybody the same.
 */
#ifndef DATOM_AUDIENCE_H
#define DATOM_AUDIENCE_H

#include "compat.h"
#include "utils/rel.h"

/*
 * Does the relation show `role`, who may SELECT from it, what it shows its owner?
 * False if that cannot be told. It is locked.
 */
extern bool datom_audience_sees_all(Relation rel, Oid role);

#endif
