/*
 * Files in pg_stat, which keep over a restart what shared memory holds.
 */
#ifndef DATOM_STAT_FILE_H
#define DATOM_STAT_FILE_H

#include "compat.h"
#include "lib/stringinfo.h"

/* Writes what a later read of the same version returns; a LOG line if it cannot. */
extern void datom_stat_file_write(const char *path, uint32 version, const StringInfo data);

/*
 * What was written last, or NULL: where there is no file, where it is of another
 * version or damaged, which the log then says, and where it came with a base backup.
 */
extern StringInfo datom_stat_file_read(const char *path, uint32 version);

/*
 * Takes the next `size` bytes, aligned as they may be, to `to`; false if they are
 * not there.
 */
extern bool datom_stat_file_take(StringInfo data, void *to, Size size);

#endif
