/*
 * Which attributes an order holds.
 */
#ifndef DATOM_COVER_H
#define DATOM_COVER_H

#include "compat.h"

#include "order.h"
#include "schema.h"

/* Do facts of the attribute go into the order? */
extern bool datom_cover_includes(const DatomOrder *order, const DatomAttr *attr);

/* Does the order hold all facts of the attribute, up to its watermark? */
extern bool datom_cover_all(const DatomOrder *order, const DatomAttr *attr);

/* Does some attribute ask for AVET that the order does not hold as a whole? */
extern bool datom_cover_lacks(const DatomOrder *order, const DatomSchema *schema);

#endif
