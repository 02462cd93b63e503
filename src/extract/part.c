/*
 * part.c: the file of one shard.
 *
 * It has a temporary name until it is whole and on disk, so a file with the name
 * of a part is a whole one, whenever the machine stops.
 */
#include "store.h"

#include <fcntl.h>
#include <unistd.h>

#include "common/file_utils.h"
#include "common/logging.h"
#include "common/sha2.h"

static pg_cryptohash_ctx *
hash_begin(void)
{
	pg_cryptohash_ctx *hash = pg_cryptohash_create(PG_SHA256);

	if (hash == NULL || pg_cryptohash_init(hash) < 0)
		pg_fatal("could not begin a checksum: %s", pg_cryptohash_error(hash));
	return hash;
}

static void
hash_add(pg_cryptohash_ctx *hash, const char *data, size_t len)
{
	if (pg_cryptohash_update(hash, (const uint8 *) data, len) < 0)
		pg_fatal("could not compute a checksum: %s", pg_cryptohash_error(hash));
}

static char *
hash_end(pg_cryptohash_ctx *hash)
{
	uint8		sum[PG_SHA256_DIGEST_LENGTH];
	char	   *text = pg_malloc(PG_SHA256_DIGEST_STRING_LENGTH);

	if (pg_cryptohash_final(hash, sum, sizeof(sum)) < 0)
		pg_fatal("could not compute a checksum: %s", pg_cryptohash_error(hash));
	for (int i = 0; i < (int) sizeof(sum); i++)
		sprintf(text + 2 * i, "%02x", sum[i]);
	pg_cryptohash_free(hash);
	return text;
}

DatomPartFile *
datom_part_begin(const DatomStore *store, const DatomPlan *plan, int shard)
{
	DatomPartFile *file = pg_malloc(sizeof(DatomPartFile));
	char	   *name = datom_plan_part_name(plan, shard);

	file->name = psprintf("%s/%s", store->partial, name);
	file->temporary = psprintf("%s.tmp", file->name);
	file->fd = open(file->temporary, O_WRONLY | O_CREAT | O_TRUNC, 0666);
	if (file->fd < 0)
		pg_fatal("could not create file \"%s\": %m", file->temporary);
	file->hash = hash_begin();
	file->bytes = 0;
	file->used = 0;
	pg_free(name);
	return file;
}

static void
put(DatomPartFile *file, const char *data, int len)
{
	hash_add(file->hash, data, len);
	file->bytes += len;
	while (len > 0)
	{
		int			n;

		errno = 0;
		n = write(file->fd, data, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
		{
			if (errno == 0)
				errno = ENOSPC;
			pg_fatal("could not write file \"%s\": %m", file->temporary);
		}
		data += n;
		len -= n;
	}
}

void
datom_part_write(DatomPartFile *file, const char *data, int len)
{
	if (len > (int) sizeof(file->buffer) - file->used)
	{
		put(file, file->buffer, file->used);
		file->used = 0;
		if (len > (int) sizeof(file->buffer))
		{
			put(file, data, len);
			return;
		}
	}
	memcpy(file->buffer + file->used, data, len);
	file->used += len;
}

static void
release(DatomPartFile *file)
{
	pg_free(file->name);
	pg_free(file->temporary);
	pg_free(file);
}

/* The part is there. */
void
datom_part_end(DatomPartFile *file, DatomPart *part, int64 rows)
{
	put(file, file->buffer, file->used);
	if (close(file->fd) != 0)
		pg_fatal("could not close file \"%s\": %m", file->temporary);
	if (durable_rename(file->temporary, file->name) != 0)
		exit(1);				/* it has said why */
	part->rows = rows;
	part->bytes = file->bytes;
	part->sha256 = hash_end(file->hash);
	part->done = true;
	release(file);
}

void
datom_part_drop(DatomPartFile *file)
{
	close(file->fd);
	unlink(file->temporary);
	pg_cryptohash_free(file->hash);
	release(file);
}

/* The checksum and size of a file that is there; NULL, with errno, if it cannot be read. */
char *
datom_part_hash(const char *path, int64 *bytes)
{
	int			fd = open(path, O_RDONLY);
	pg_cryptohash_ctx *hash;
	char		piece[64 * 1024];
	int			n;

	if (fd < 0)
		return NULL;
	hash = hash_begin();
	*bytes = 0;
	while ((n = read(fd, piece, sizeof(piece))) > 0)
	{
		hash_add(hash, piece, n);
		*bytes += n;
	}
	if (n < 0)
	{
		int			why = errno;

		close(fd);
		pg_cryptohash_free(hash);
		errno = why;
		return NULL;
	}
	close(fd);
	return hash_end(hash);
}
