/*
 * store.c: the directory of an extract.
 *
 * It is DIR.partial until all parts are there, and DIR from then on, by one
 * rename: so who sees DIR sees all of it. What is in DIR.partial is written down
 * in its state, part by part after the part is on disk. The state of a whole
 * extract is its manifest.
 *
 * DIR.partial is locked by whoever works on it. The lock is on the directory
 * itself, because a file in it would have to be taken away before the rename.
 */
#include "store.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file_utils.h"
#include "common/logging.h"
#include "manifest.h"

static char *
inside(const char *directory, const char *name)
{
	return psprintf("%s/%s", directory, name);
}

static void
unlink_inside(const char *directory, const char *name)
{
	char	   *path = inside(directory, name);

	if (unlink(path) != 0 && errno != ENOENT)
		pg_fatal("could not remove file \"%s\": %m", path);
	pg_free(path);
}

static bool
exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

/* The text of a file; NULL if there is none. */
static char *
read_text(const char *path, int *len)
{
	int			fd = open(path, O_RDONLY);
	struct stat st;
	char	   *text;

	if (fd < 0 && errno == ENOENT)
		return NULL;
	if (fd < 0 || fstat(fd, &st) != 0)
		pg_fatal("could not open file \"%s\": %m", path);
	text = pg_malloc(st.st_size + 1);
	*len = read(fd, text, st.st_size);
	if (*len != st.st_size)
		pg_fatal("could not read file \"%s\": %m", path);
	text[*len] = '\0';
	close(fd);
	return text;
}

static void
write_text(const char *path, PQExpBuffer text)
{
	char	   *temporary = psprintf("%s.tmp", path);
	FILE	   *file = fopen(temporary, "w");

	if (file == NULL || PQExpBufferDataBroken(*text) ||
		fwrite(text->data, 1, text->len, file) != text->len ||
		fclose(file) != 0)
		pg_fatal("could not write file \"%s\": %m", temporary);
	if (durable_rename(temporary, path) != 0)
		exit(1);				/* it has said why */
	pg_free(temporary);
}

/* The plan that a file in a directory speaks of; false if there is none. */
bool
datom_store_read(const char *directory, const char *name, DatomPlan *plan)
{
	char	   *path = inside(directory, name);
	int			len;
	char	   *text = read_text(path, &len);

	*plan = (DatomPlan) {0};
	if (text && !datom_manifest_read(plan, text, len))
		pg_fatal("file \"%s\" is damaged", path);
	pg_free(text);
	pg_free(path);
	return text != NULL;
}

/*
 * Beginning
 */

/* False if somebody else has put another directory there meanwhile. */
static bool
still_there(const DatomStore *store)
{
	struct stat ours,
				there;

	return fstat(store->lock, &ours) == 0 && stat(store->partial, &there) == 0 &&
		ours.st_dev == there.st_dev && ours.st_ino == there.st_ino;
}

static void
enter(DatomStore *store)
{
	if (mkdir(store->partial, 0777) != 0 && errno != EEXIST)
		pg_fatal("could not create directory \"%s\": %m", store->partial);
	store->lock = open(store->partial, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (store->lock < 0)
		pg_fatal("could not open directory \"%s\": %m", store->partial);
	if (flock(store->lock, LOCK_EX | LOCK_NB) != 0 || !still_there(store))
		pg_fatal("another process works on \"%s\"", store->partial);
	if (exists(store->target))
		pg_fatal("\"%s\" exists", store->target);
}

static bool
is_empty(const char *directory)
{
	DIR		   *dir = opendir(directory);
	struct dirent *entry;
	bool		empty = true;

	while (dir && (entry = readdir(dir)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
			strcmp(entry->d_name, "state.json.tmp") != 0)
			empty = false;
	if (dir)
		closedir(dir);
	return empty;
}

/* Takes away what extracts leave, and nothing else; last what says that it is one. */
static void
clear(const char *directory)
{
	DIR		   *dir = opendir(directory);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)) != NULL)
	{
		char	   *path = inside(directory, entry->d_name);

		if (strncmp(entry->d_name, "part-", 5) == 0)
			unlink(path);
		pg_free(path);
	}
	if (dir)
		closedir(dir);
	unlink_inside(directory, "manifest.json");
	unlink_inside(directory, "state.json");
}

/* Only parts that are what the state says count. */
static void
check_parts(const DatomStore *store, DatomPlan *plan)
{
	for (int i = 0; i < plan->shards; i++)
	{
		DatomPart  *part = &plan->parts[i];
		char	   *name = datom_plan_part_name(plan, i);
		char	   *path = inside(store->partial, name);
		int64		bytes;
		char	   *sum = part->done ? datom_part_hash(path, &bytes) : NULL;

		if (part->done && (sum == NULL || bytes != part->bytes || strcmp(sum, part->sha256) != 0))
		{
			pg_log_warning("file \"%s\" is not what it was: it is made again", path);
			part->done = false;
		}
		pg_free(sum);
		pg_free(path);
		pg_free(name);
	}
}

/* Takes over what was found out and done before, for the same arguments. */
static void
resume(const DatomStore *store, DatomPlan *plan)
{
	DatomPlan	before;
	const char *difference;

	if (!datom_store_read(store->partial, "state.json", &before) &&
		!datom_store_read(store->partial, "manifest.json", &before))
	{
		if (is_empty(store->partial))
			return;
		pg_fatal("\"%s\" exists and is no extract", store->partial);
	}
	difference = datom_manifest_difference(&before, plan);
	if (difference)
	{
		pg_log_error("\"%s\" was begun with another \"%s\"", store->partial, difference);
		pg_log_error_hint("Give the same arguments to resume it, or --restart to begin anew.");
		exit(1);
	}
	*plan = before;
	check_parts(store, plan);
}

/*
 * Makes or finds DIR.partial, for this process alone. What was begun there for
 * the same arguments is gone on with.
 */
void
datom_store_open(DatomStore *store, const char *target, DatomPlan *plan, bool restart)
{
	char	   *state,
			   *manifest;

	store->target = pg_strdup(target);
	store->partial = psprintf("%s.partial", target);
	if (exists(target))
		pg_fatal("\"%s\" exists", target);
	enter(store);
	state = inside(store->partial, "state.json");
	manifest = inside(store->partial, "manifest.json");
	if (restart && (exists(state) || exists(manifest)))
		clear(store->partial);
	resume(store, plan);
	pg_free(state);
	pg_free(manifest);
}

/* Leaves DIR.partial to the next run, if anything is done. */
void
datom_store_leave(const DatomStore *store, const DatomPlan *plan)
{
	int64		rows,
				bytes;

	if (datom_plan_done(plan, &rows, &bytes) > 0)
	{
		datom_store_save(store, plan);
		pg_log_error_hint("What is done is kept: the same command goes on from there.");
		return;
	}
	clear(store->partial);
	(void) rmdir(store->partial);
}

/*
 * While it runs, and the end
 */

static void
save(const DatomStore *store, const DatomPlan *plan, const char *name)
{
	PQExpBuffer text = createPQExpBuffer();
	char	   *path = inside(store->partial, name);

	datom_manifest_write(plan, text);
	write_text(path, text);
	pg_free(path);
	destroyPQExpBuffer(text);
}

void
datom_store_save(const DatomStore *store, const DatomPlan *plan)
{
	save(store, plan, "state.json");
}

/* All parts are there: now it is to be seen. */
void
datom_store_finish(const DatomStore *store, DatomPlan *plan)
{
	plan->finished = datom_plan_time();
	save(store, plan, "manifest.json");
	unlink_inside(store->partial, "state.json.tmp");
	unlink_inside(store->partial, "state.json");
	fsync_fname(store->partial, true);
	if (exists(store->target))
		pg_fatal("\"%s\" exists", store->target);
	if (rename(store->partial, store->target) != 0)
		pg_fatal("could not rename \"%s\" to \"%s\": %m", store->partial, store->target);
	fsync_parent_path(store->target);
}
