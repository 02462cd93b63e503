/*
 * The settings that a session may change. Read when they are used, never
 * earlier: a plan made under one value may run under another.
 */
#ifndef DATOM_SETTINGS_H
#define DATOM_SETTINGS_H

#include "compat.h"

extern char *datom_as_of;		/* an instant with its zone, or a tx */
extern int	datom_wait;			/* milliseconds */

extern void datom_settings_init(void);

/* Is a moment of the past in force? */
extern bool datom_as_of_in_force(void);

#endif
