/*
 * Shards: every entity belongs to exactly one of N.
 */
#ifndef DATOM_SHARD_H
#define DATOM_SHARD_H

#include "compat.h"

/* Entities whose remainder is i. */
typedef struct DatomShard
{
	int64		n;				/* 0: all entities */
	int64		i;
	bool		floored;		/* the remainder is never negative, as datom.shard() has
								 * it; else as mod() has it */
} DatomShard;

static inline bool
datom_shard_has(const DatomShard *shard, int64 e)
{
	int64		rest;

	if (shard->n == 0)
		return true;
	rest = shard->n == -1 ? 0 : e % shard->n;
	if (shard->floored && rest < 0)
		rest += shard->n;
	return rest == shard->i;
}

/* Writes which of the entities, sorted or not, are in it; returns how many. */
extern int	datom_shard_select(const DatomShard *shard, const int64 *e, int n, uint16 *rows);

/* May one of the entities from `least` to `most` be in it? */
extern bool datom_shard_may_have(const DatomShard *shard, int64 least, int64 most);

/* What the setting datom.shard says; false if that is no shard. */
extern bool datom_shard_read(const char *text, DatomShard *shard);

/* The shard of the session. */
extern DatomShard datom_shard_in_force(void);

#endif
