/*
 * The command line.
 */
#ifndef DATOM_OPTIONS_H
#define DATOM_OPTIONS_H

#include "postgres_fe.h"

#include "plan.h"

/* Exit codes. */
#define DATOM_FAILED 1
#define DATOM_WRONG_USE 2
#define DATOM_INTERRUPTED 3

typedef struct DatomOptions
{
	DatomPlan	plan;			/* its arguments */
	char	   *output;
	char	   *verify;			/* a directory; nothing else is done */
	char	   *dbname;			/* or a connection string */
	char	   *host;			/* several between commas, and so the ports */
	char	   *port;
	char	   *user;
	int			jobs;
	int			retries;
	int			wait;			/* seconds until a server must have the moment */
	bool		restart;
	bool		quiet;
} DatomOptions;

extern void datom_options_read(DatomOptions *options, int argc, char **argv);

#endif
