/*
 * datom_extract: what a query answers as of one moment, in files.
 *
 *	options		the command line
 *	plan		what was asked for and what is there, in memory
 *	manifest	the same as JSON
 *	query		the statements that are sent
 *	part store	files and their directory
 *	verify		looking at them again
 *	connect		servers, and which errors may pass
 *	progress	what the user sees
 *	ask			what a session begins with
 *	failure		what becomes of a job when something goes wrong
 *	job			a connection: from one state to the next
 *	run			the loop over all of them
 *
 * Names of functions begin with datom_ as in the library.
 */
#include "postgres_fe.h"

#include "common/logging.h"
#include "run.h"
#include "store.h"

int
main(int argc, char **argv)
{
	DatomOptions options;

	pg_logging_init(argv[0]);
	set_pglocale_pgservice(argv[0], PG_TEXTDOMAIN("datom"));
	datom_options_read(&options, argc, argv);
	if (options.verify)
		return datom_store_verify(options.verify) == 0 ? 0 : DATOM_FAILED;
	return datom_run(&options);
}
