/*
 * Philox4x32-10: random numbers that need no state.
 *
 * Compiles without the server when DATOM_STANDALONE is defined.
 */
#ifndef DATOM_PHILOX_H
#define DATOM_PHILOX_H

#ifdef DATOM_STANDALONE
#include <stdint.h>

typedef uint32_t uint32;
typedef uint64_t uint64;
#else
#include "compat.h"
#endif

/* Four words that look random, of a counter and a key. */
extern void datom_philox(const uint32 counter[4], const uint32 key[2], uint32 words[4]);

/* One of the 2^53 multiples of 2^-53 in [0, 1). */
extern double datom_philox_unit(uint64 key, uint64 counter);

#endif
