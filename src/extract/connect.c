/*
 * connect.c: the servers that an extract may ask.
 *
 * libpq takes several hosts itself, and connects to the first that answers. We
 * take them apart, so that connections spread over them and a server that
 * accepts connections but ends them is left for the next.
 */
#include "connect.h"

#include "common/logging.h"

static bool
is_connection_string(const char *dbname)
{
	return dbname && (strchr(dbname, '=') || strncmp(dbname, "postgresql://", 13) == 0 ||
					  strncmp(dbname, "postgres://", 11) == 0);
}

/* What a connection string says of host and port; NULL if it says nothing. */
static void
read_connection_string(const char *string, char **host, char **port)
{
	char	   *error = NULL;
	PQconninfoOption *options = PQconninfoParse(string, &error);

	if (options == NULL)
		pg_fatal("%s", error ? error : "out of memory");
	for (PQconninfoOption *option = options; option->keyword; option++)
	{
		if (option->val && strcmp(option->keyword, "host") == 0)
			*host = pg_strdup(option->val);
		if (option->val && strcmp(option->keyword, "port") == 0)
			*port = pg_strdup(option->val);
	}
	PQconninfoFree(options);
}

/* Takes a list between commas apart; an empty or missing one has one item, NULL. */
static int
split(const char *list, char ***items)
{
	int			n = 0;
	const char *end;

	*items = pg_malloc0(sizeof(char *));
	if (list == NULL || list[0] == '\0')
		return 1;
	do
	{
		end = strchrnul(list, ',');
		*items = pg_realloc(*items, sizeof(char *) * (n + 1));
		(*items)[n++] = pnstrdup(list, end - list);
		list = end + 1;
	} while (*end);
	return n;
}

/* From the options, or else the connection string, or else the environment. */
void
datom_hosts_read(DatomHosts *hosts, const DatomOptions *options)
{
	char	   *host = getenv("PGHOST");
	char	   *port = getenv("PGPORT");
	int			ports;

	if (is_connection_string(options->dbname))
		read_connection_string(options->dbname, &host, &port);
	hosts->count = split(options->host ? options->host : host, &hosts->host);
	ports = split(options->port ? options->port : port, &hosts->port);
	if (ports != 1 && ports != hosts->count)
		pg_fatal("there are %d ports for %d hosts", ports, hosts->count);
	if (ports < hosts->count)
	{
		hosts->port = pg_realloc(hosts->port, sizeof(char *) * hosts->count);
		for (int i = 1; i < hosts->count; i++)
			hosts->port[i] = hosts->port[0];
	}
}

/* What to call a server in messages. */
const char *
datom_host_name(const DatomHosts *hosts, int host)
{
	return hosts->host[host] ? hosts->host[host] : "the server";
}

static void
show_notice(void *arg, const char *message)
{
	pg_log_info("%s", message);
}

/* Begins to connect. Errors then have their codes; see datom_connect_error(). */
PGconn *
datom_connect(const DatomOptions *options, const DatomHosts *hosts, int host)
{
	const char *names[] = {"dbname", "host", "port", "user", "fallback_application_name", NULL};
	const char *values[] = {options->dbname, hosts->host[host], hosts->port[host],
	options->user, "datom_extract", NULL};
	PGconn	   *conn = PQconnectStartParams(names, values, true);

	if (conn == NULL)
		pg_fatal("out of memory");
	PQsetErrorVerbosity(conn, PQERRORS_VERBOSE);
	PQsetNoticeProcessor(conn, show_notice, NULL);
	return conn;
}

/*
 * What a connection that failed says, with the code of the server's error or
 * an empty one. libpq keeps the code to itself, but for the verbose text:
 * "FATAL:  28000: text", and where in the source that came from.
 */
char *
datom_connect_error(PGconn *conn, char *code)
{
	char	   *text = pg_strdup(PQerrorMessage(conn));
	char	   *place = strstr(text, "\nLOCATION:");

	strcpy(code, PQconnectionNeedsPassword(conn) ? "28P01" : "");
	if (place)
		*place = '\0';
	for (char *at = strstr(text, ":  "); at; at = strstr(at + 1, ":  "))
		if (strspn(at + 3, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 5 && at[8] == ':')
		{
			strlcpy(code, at + 3, 6);
			memmove(at + 3, at + 10, strlen(at + 10) + 1);
			break;
		}
	while (strlen(text) > 0 && text[strlen(text) - 1] == '\n')
		text[strlen(text) - 1] = '\0';
	return text;
}

/*
 * May the same go well the next time, or elsewhere? If the connection was lost
 * or not made, the server is going down or coming up or full, or if a standby
 * could not keep what was being read.
 */
bool
datom_may_retry(const char *code)
{
	static const char *const codes[] = {
		"40001", "40P01", "53300", "57P01", "57P02", "57P03"
	};

	if (code[0] == '\0' || strncmp(code, "08", 2) == 0)
		return true;
	for (int i = 0; i < (int) lengthof(codes); i++)
		if (strcmp(code, codes[i]) == 0)
			return true;
	return false;
}
