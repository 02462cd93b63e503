/*
 * kind.h
 *		What a datom.value can be, and the name its bytes go by.
 */
#ifndef DATOM_KIND_H
#define DATOM_KIND_H

#include "postgres.h"

/*
 * The kinds, in their order of sorting; long, double and bigdec share one
 * place and compare as numbers.  The codes are stored on disk and sent over
 * the wire: never renumber.
 */
typedef enum DatomKind
{
	DATOM_BOOLEAN = 1,
	DATOM_LONG = 2,
	DATOM_DOUBLE = 3,
	DATOM_BIGDEC = 4,			/* always finite */
	DATOM_KEYWORD = 5,
	DATOM_STRING = 6,
	DATOM_INSTANT = 7,
	DATOM_DATE = 8,
	DATOM_UUID = 9,
	DATOM_REF = 10,
	DATOM_BYTES = 11,
	DATOM_JSON = 12
} DatomKind;

#define DATOM_KIND_FIRST DATOM_BOOLEAN
#define DATOM_KIND_LAST DATOM_JSON

/*
 * A value, detoasted; its header may be short or long and its bytes are not
 * aligned.  Functions take and return such; new ones are palloc'd.
 */
typedef struct varlena DatomValue;

#endif							/* DATOM_KIND_H */
