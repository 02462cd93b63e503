/*
 * lineage.c: RunEvents of OpenLineage, spec 2-0-2.
 *
 * What all events of a run have in common is made when it begins, by the SQL
 * function datom.run_event(), when the catalogs can be asked. An event is that and
 * what has happened since. It goes into the WAL as a logical message that is part
 * of no transaction, so the transaction may be READ ONLY, or fail.
 */
#include "lineage.h"

#include <unistd.h>

#include "access/xlog.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "postmaster/postmaster.h"
#include "replication/message.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "value.h"

#define PREFIX "datom.openlineage"
#define STATISTICS ",\"outputFacets\":{\"outputStatistics\":{\"_producer\":\"urn:postgresql-extension:datom\"," \
	"\"_schemaURL\":\"https://openlineage.io/spec/facets/1-0-2/OutputStatisticsOutputDatasetFacet.json#/$defs/OutputStatisticsOutputDatasetFacet\"," \
	"\"rowCount\":" INT64_FORMAT "}}"

static char *namespace_setting = NULL;

const char *
datom_lineage_namespace(void)
{
	char		host[256];

	if (namespace_setting && namespace_setting[0] != '\0')
		return namespace_setting;
	if (gethostname(host, sizeof(host)) != 0)
		strlcpy(host, "localhost", sizeof(host));
	host[sizeof(host) - 1] = '\0';
	return psprintf("postgres://%s:%d", host, PostPortNumber);
}

/* The event that tells the state of the run; from malloc(). NULL: no memory. */
static char *
event_of(const DatomQueryRun *run)
{
	static const char *const types[] = {"START", "RUNNING", "COMPLETE", "FAIL", "ABORT"};
	const char *output = run->event + strlen(run->event) + 1;
	bool		ended = run->state >= RUN_COMPLETE;
	TimestampTz at = ended ? run->ended :
		run->state == RUN_STARTED ? run->started : GetCurrentTimestamp();
	Size		size = run->event_len + 1024;
	char	   *event = malloc(size);
	char		time[DATOM_TIME_LEN];
	char		statistics[512] = "";

	if (event == NULL)
		return NULL;
	datom_instant_format(at, time);
	if (ended)
		snprintf(statistics, sizeof(statistics), STATISTICS, run->rows);
	snprintf(event, size, "{\"eventType\":\"%s\",\"eventTime\":\"%s\",%s,\"outputs\":[{%s%s}]}",
			 types[run->state], time, run->event, output, statistics);
	return event;
}

void
datom_lineage_emit(const DatomQueryRun *run)
{
	char	   *event = event_of(run);

	if (event == NULL)
		return;
	/* The walwriter flushes what nobody commits only if it is told how far. */
	if (RecoveryInProgress())
		ereport(LOG,
				(errmsg("OpenLineage event: %s", event),
				 errhidestmt(true), errhidecontext(true)));
	else
		XLogSetAsyncXactLSN(LogLogicalMessage(PREFIX, event, strlen(event), false));
	free(event);
}

PG_FUNCTION_INFO_V1(datom_lineage);

/*
 * datom.lineage(run): the event of the run as it stands now. It names arguments, so
 * it is for who asked for the run and for members of pg_read_all_stats.
 */
Datum
datom_lineage(PG_FUNCTION_ARGS)
{
	pg_uuid_t  *id = PG_GETARG_UUID_P(0);
	DatomQueryRun *run = datom_run_get(id);
	char	   *event;
	char	   *copy;

	if (!datom_run_open_to_caller(run))
		datom_run_refuse(id);
	event = event_of(run);
	if (event == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory")));
	copy = pstrdup(event);
	free(event);
	PG_RETURN_DATUM(DirectFunctionCall1(jsonb_in, CStringGetDatum(copy)));
}

void
datom_lineage_init(void)
{
	DefineCustomStringVariable("datom.lineage_namespace",
							   "The namespace of this server's tables and jobs in OpenLineage events.",
							   "Empty: postgres://, the name of the host, and the port.",
							   &namespace_setting, "", PGC_SIGHUP, 0,
							   NULL, NULL, NULL);
}
