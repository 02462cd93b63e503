/*
 * stat_file.c: files that keep shared memory over a restart.
 *
 *	0	4	"dtms"
 *	4	4	version of the data, which whoever writes it counts up
 *	8	8	length of the data
 *	16		the data
 *			4 bytes: CRC-32C of all that comes before
 *
 * Numbers are the machine's own: pg_stat does not move between machines.
 *
 * Only the postmaster reads and writes, when it starts and when it has stopped
 * everybody else, so no lock is needed. The file stays: after a crash the state is
 * that of the last shutdown. A base backup carries the file of the server that it
 * was taken from, which says nothing about the new one, so it is removed there.
 */
#include "stat_file.h"

#include <unistd.h>

#include "access/xlog.h"
#include "port/pg_crc32c.h"
#include "storage/fd.h"
#include "utils/memutils.h"

#define MAGIC "dtms"

typedef struct Header
{
	char		magic[4];
	uint32		version;
	uint64		length;
} Header;

static pg_crc32c
checksum(const Header *header, const char *data)
{
	pg_crc32c	crc;

	INIT_CRC32C(crc);
	COMP_CRC32C(crc, header, sizeof(Header));
	COMP_CRC32C(crc, data, header->length);
	FIN_CRC32C(crc);
	return crc;
}

static bool
write_all(FILE *file, const Header *header, const StringInfo data)
{
	pg_crc32c	crc = checksum(header, data->data);

	return fwrite(header, sizeof(Header), 1, file) == 1 &&
		(data->len == 0 || fwrite(data->data, data->len, 1, file) == 1) &&
		fwrite(&crc, sizeof(crc), 1, file) == 1;
}

void
datom_stat_file_write(const char *path, uint32 version, const StringInfo data)
{
	Header		header = {.magic = MAGIC, .version = version, .length = data->len};
	char		temporary[MAXPGPATH];
	FILE	   *file;
	bool		written;

	snprintf(temporary, MAXPGPATH, "%s.tmp", path);
	file = AllocateFile(temporary, PG_BINARY_W);
	written = file != NULL && write_all(file, &header, data);
	if (file != NULL && FreeFile(file) != 0)
		written = false;
	if (!written)
		ereport(LOG,
				(errcode_for_file_access(),
				 errmsg("could not write file \"%s\": %m", temporary)));
	else
		durable_rename(temporary, path, LOG);
}

/* What the file has after its header; NULL if it is not as it was written. */
static StringInfo
read_all(FILE *file, uint32 version)
{
	Header		header;
	StringInfo	data;
	pg_crc32c	crc;

	if (fread(&header, sizeof(Header), 1, file) != 1 ||
		memcmp(header.magic, MAGIC, sizeof(header.magic)) != 0 ||
		header.version != version || header.length >= MaxAllocSize)
		return NULL;
	data = makeStringInfo();
	enlargeStringInfo(data, header.length);
	data->len = fread(data->data, 1, header.length, file);
	if ((uint64) data->len != header.length || fread(&crc, sizeof(crc), 1, file) != 1 ||
		!EQ_CRC32C(crc, checksum(&header, data->data)))
		return NULL;
	return data;
}

StringInfo
datom_stat_file_read(const char *path, uint32 version)
{
	FILE	   *file;
	StringInfo	data;

	if (access(BACKUP_LABEL_FILE, F_OK) == 0)
		durable_unlink(path, DEBUG1);
	file = AllocateFile(path, PG_BINARY_R);
	if (file == NULL)
	{
		if (errno != ENOENT)
			ereport(LOG,
					(errcode_for_file_access(),
					 errmsg("could not read file \"%s\": %m", path)));
		return NULL;
	}
	data = read_all(file, version);
	FreeFile(file);
	if (data == NULL)
		ereport(LOG,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("ignoring file \"%s\"", path),
				 errdetail("It is damaged, or was written by another version.")));
	return data;
}

bool
datom_stat_file_take(StringInfo data, void *to, Size size)
{
	if ((Size) (data->len - data->cursor) < size)
		return false;
	memcpy(to, data->data + data->cursor, size);
	data->cursor += size;
	return true;
}
