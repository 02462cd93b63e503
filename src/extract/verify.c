/*
 * verify.c: extracts that are whole, looked at again.
 */
#include "store.h"

#include "common/logging.h"

/* Are the files of a whole extract what its manifest says? Returns how many are not. */
int
datom_store_verify(const char *directory)
{
	DatomPlan	plan;
	int			bad = 0;
	int64		rows,
				total;

	if (!datom_store_read(directory, "manifest.json", &plan))
		pg_fatal("there is no manifest in \"%s\"", directory);
	for (int i = 0; i < plan.shards; i++)
	{
		char	   *path = psprintf("%s/%s", directory, datom_plan_part_name(&plan, i));
		int64		bytes;
		char	   *sum = datom_part_hash(path, &bytes);

		if (!plan.parts[i].done)
			pg_log_error("file \"%s\" is not in the manifest", path);
		else if (sum == NULL)
			pg_log_error("could not read file \"%s\": %m", path);
		else if (bytes != plan.parts[i].bytes || strcmp(sum, plan.parts[i].sha256) != 0)
			pg_log_error("file \"%s\" is not what the manifest says", path);
		else
			continue;
		bad++;
	}
	(void) datom_plan_done(&plan, &rows, &total);
	if (bad == 0)
		printf("%d files, " INT64_FORMAT " rows as of %s: whole\n",
			   (int) plan.shards, rows, plan.basis);
	return bad;
}
