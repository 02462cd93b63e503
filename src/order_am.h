/*
 * The index access method "datom_order".
 */
#ifndef DATOM_ORDER_AM_H
#define DATOM_ORDER_AM_H

extern void datom_order_am_init(void);

#endif
