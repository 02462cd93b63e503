/*
 * The servers that an extract may ask.
 */
#ifndef DATOM_CONNECT_H
#define DATOM_CONNECT_H

#include "postgres_fe.h"

#include "libpq-fe.h"

#include "options.h"

typedef struct DatomHosts
{
	int			count;			/* at least 1 */
	char	  **host;			/* NULL: what libpq takes */
	char	  **port;
} DatomHosts;

extern void datom_hosts_read(DatomHosts *hosts, const DatomOptions *options);
extern const char *datom_host_name(const DatomHosts *hosts, int host);
extern PGconn *datom_connect(const DatomOptions *options, const DatomHosts *hosts, int host);
extern char *datom_connect_error(PGconn *conn, char *code);
extern bool datom_may_retry(const char *code);

#endif
