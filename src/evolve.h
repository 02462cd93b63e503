/*
 * What may be said about attributes.
 */
#ifndef DATOM_EVOLVE_H
#define DATOM_EVOLVE_H

#include "compat.h"

#include "facts.h"
#include "txdata.h"

/*
 * Refuses, among facts sorted by entity, those about attributes that would
 * define one by halves, take away what one is, or contradict what the reader
 * sees of its values. Writers of the attributes that change are locked out.
 */
extern void datom_evolve_check(DatomReader *reader, const char *table,
							   const TxFact *facts, int n);

/* Does a fact with this built-in attribute decide what values may be? */
extern bool datom_evolve_matters(const DatomAttr *attr);

extern void datom_evolve_refuse(const char *ident, const char *detail, int pos);

#endif
