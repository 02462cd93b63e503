/*
 * The directory of an extract.
 */
#ifndef DATOM_STORE_H
#define DATOM_STORE_H

#include "postgres_fe.h"

#include "common/cryptohash.h"

#include "plan.h"

typedef struct DatomStore
{
	char	   *target;			/* what appears when all is there */
	char	   *partial;		/* where it is until then */
	int			lock;			/* file descriptor of the latter, locked */
} DatomStore;

/* The file of a shard while it is written. */
typedef struct DatomPartFile
{
	int			fd;
	char	   *name;			/* as it will be called, with the directory */
	char	   *temporary;
	pg_cryptohash_ctx *hash;
	int64		bytes;
	int			used;			/* of the buffer */
	char		buffer[128 * 1024];
} DatomPartFile;

extern void datom_store_open(DatomStore *store, const char *target, DatomPlan *plan,
							 bool restart);
extern void datom_store_save(const DatomStore *store, const DatomPlan *plan);
extern void datom_store_finish(const DatomStore *store, DatomPlan *plan);
extern void datom_store_leave(const DatomStore *store, const DatomPlan *plan);
extern bool datom_store_read(const char *directory, const char *name, DatomPlan *plan);
extern int	datom_store_verify(const char *directory);

extern DatomPartFile *datom_part_begin(const DatomStore *store, const DatomPlan *plan, int shard);
extern void datom_part_write(DatomPartFile *file, const char *data, int len);
extern void datom_part_end(DatomPartFile *file, DatomPart *part, int64 rows);
extern void datom_part_drop(DatomPartFile *file);
extern char *datom_part_hash(const char *path, int64 *bytes);

#endif
