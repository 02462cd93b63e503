/*
 * Commands that would change a datom table behind the log's back.
 */
#ifndef DATOM_GUARD_H
#define DATOM_GUARD_H

extern void datom_guard_init(void);

#endif
