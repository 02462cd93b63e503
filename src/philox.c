/*
 * philox.c: the counter-based generator Philox4x32-10 of J. K. Salmon, M. A.
 * Moraes, R. O. Dror and D. E. Shaw, "Parallel random numbers: as easy as
 * 1, 2, 3" (SC'11), section 4.3.
 *
 * A number is a function of its counter and the key, so it is the same whoever
 * asks for it, in whatever order and in how many processes. It is arithmetic on
 * unsigned integers alone, so it is the same on every machine. What is stored
 * and compared elsewhere depends on it: it must not change.
 */
#include "philox.h"

#define ROUNDS 10

/* Table 2 of the paper: multipliers; then the golden ratio and the root of 3 less 1. */
#define MULTIPLIER_0	0xD2511F53u
#define MULTIPLIER_1	0xCD9E8D57u
#define WEYL_0			0x9E3779B9u
#define WEYL_1			0xBB67AE85u

void
datom_philox(const uint32 counter[4], const uint32 key[2], uint32 words[4])
{
	uint32		x[4] = {counter[0], counter[1], counter[2], counter[3]};
	uint32		k[2] = {key[0], key[1]};

	for (int round = 0; round < ROUNDS; round++)
	{
		uint64		product_0 = (uint64) MULTIPLIER_0 * x[0];
		uint64		product_1 = (uint64) MULTIPLIER_1 * x[2];

		x[0] = (uint32) (product_1 >> 32) ^ x[1] ^ k[0];
		x[1] = (uint32) product_1;
		x[2] = (uint32) (product_0 >> 32) ^ x[3] ^ k[1];
		x[3] = (uint32) product_0;
		k[0] += WEYL_0;
		k[1] += WEYL_1;
	}
	for (int i = 0; i < 4; i++)
		words[i] = x[i];
}

/*
 * Low words come first, in what goes in and in what comes out. The highest 53
 * bits of the first two words, so that the double is exact.
 */
double
datom_philox_unit(uint64 key, uint64 counter)
{
	const uint32 counters[4] = {(uint32) counter, (uint32) (counter >> 32), 0, 0};
	const uint32 keys[2] = {(uint32) key, (uint32) (key >> 32)};
	uint32		words[4];

	datom_philox(counters, keys, words);
	return (double) (((uint64) words[1] << 32 | words[0]) >> 11) / 9007199254740992.0;
}
