/*
 * plan.c: the bookkeeping of an extract in memory.
 */
#include "plan.h"

#include <time.h>

void
datom_pairs_add(DatomPairs *pairs, const char *name, const char *value)
{
	pairs->items = pg_realloc(pairs->items, sizeof(DatomPair) * (pairs->count + 1));
	pairs->items[pairs->count++] = (DatomPair) {
		pg_strdup(name), pg_strdup(value)
	};
}

/* The value that was given last; NULL if none was. */
const char *
datom_pairs_find(const DatomPairs *pairs, const char *name)
{
	for (int i = pairs->count - 1; i >= 0; i--)
		if (strcmp(pairs->items[i].name, name) == 0)
			return pairs->items[i].value;
	return NULL;
}

void
datom_plan_set_shards(DatomPlan *plan, int64 shards)
{
	plan->shards = shards;
	plan->parts = pg_malloc0(sizeof(DatomPart) * shards);
}

/* The file of a shard, in the directory of the extract. */
char *
datom_plan_part_name(const DatomPlan *plan, int shard)
{
	return psprintf("part-%05d-of-%05d.%s", shard, (int) plan->shards,
					strcmp(plan->format, "text") == 0 ? "txt" :
					strcmp(plan->format, "binary") == 0 ? "bin" : plan->format);
}

/* A shard that is neither there nor on its way; -1 if there is none. */
int
datom_plan_next(const DatomPlan *plan)
{
	for (int i = 0; i < plan->shards; i++)
		if (!plan->parts[i].done && !plan->parts[i].taken)
			return i;
	return -1;
}

/* How many shards are there, with how many rows and bytes. */
int
datom_plan_done(const DatomPlan *plan, int64 *rows, int64 *bytes)
{
	int			done = 0;

	*rows = *bytes = 0;
	for (int i = 0; i < plan->shards; i++)
		if (plan->parts[i].done)
		{
			done++;
			*rows += plan->parts[i].rows;
			*bytes += plan->parts[i].bytes;
		}
	return done;
}

/* This second, as the manifest has it. */
char *
datom_plan_time(void)
{
	time_t		now = time(NULL);
	char		text[32];

	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", gmtime(&now));
	return pg_strdup(text);
}
