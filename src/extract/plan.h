/*
 * An extract: what was asked for, what was found out about it, and which of
 * its parts are there. All of it is in the manifest.
 */
#ifndef DATOM_PLAN_H
#define DATOM_PLAN_H

#include "postgres_fe.h"

#define DATOM_MAX_SHARDS 10000

typedef struct DatomPair
{
	char	   *name;
	char	   *value;
} DatomPair;

typedef struct DatomPairs
{
	DatomPair  *items;
	int			count;
} DatomPairs;

/* One shard, and the file it is in. */
typedef struct DatomPart
{
	bool		done;
	bool		taken;			/* by a job that runs */
	int64		rows;
	int64		bytes;
	char	   *sha256;			/* hexadecimal */
} DatomPart;

typedef struct DatomPlan
{
	/* The arguments. Whoever resumes must give the same. */
	char	   *query;
	DatomPairs	variables;
	DatomPairs	settings;
	char	   *as_of;			/* NULL: the basis */
	int64		shards;
	char	   *shard_by;		/* "column" or "setting" */
	char	   *shard_column;
	char	   *order_by;		/* NULL: the shard column, then all others */
	char	   *format;
	bool		header;

	/* Found out. The extract belongs to this database of this cluster. */
	char	   *basis;			/* the moment that is answered, an instant */
	char	   *system;			/* identifier of the cluster */
	char	   *database;
	char	   *server_version;
	char	   *started;
	char	   *finished;

	DatomPart  *parts;
} DatomPlan;

extern void datom_pairs_add(DatomPairs *pairs, const char *name, const char *value);
extern const char *datom_pairs_find(const DatomPairs *pairs, const char *name);
extern void datom_plan_set_shards(DatomPlan *plan, int64 shards);
extern char *datom_plan_part_name(const DatomPlan *plan, int shard);
extern int	datom_plan_next(const DatomPlan *plan);
extern int	datom_plan_done(const DatomPlan *plan, int64 *rows, int64 *bytes);
extern char *datom_plan_time(void);

#endif
