/*
 * options.c: the command line.
 */
#include "options.h"

#include <limits.h>

#include "common/logging.h"
#include "fe_utils/option_utils.h"
#include "getopt_long.h"
#include "mb/pg_wchar.h"
#include "pqexpbuffer.h"

enum
{
	OPT_SET = 256, OPT_AS_OF, OPT_SHARD_COLUMN, OPT_SHARD_BY, OPT_ORDER_BY,
	OPT_FORMAT, OPT_HEADER, OPT_RETRIES, OPT_WAIT, OPT_RESTART, OPT_VERIFY
};

static const struct option long_options[] = {
	{"output", required_argument, NULL, 'o'},
	{"query-file", required_argument, NULL, 'f'},
	{"variable", required_argument, NULL, 'v'},
	{"set", required_argument, NULL, OPT_SET},
	{"as-of", required_argument, NULL, OPT_AS_OF},
	{"shards", required_argument, NULL, 'n'},
	{"jobs", required_argument, NULL, 'j'},
	{"shard-column", required_argument, NULL, OPT_SHARD_COLUMN},
	{"shard-by", required_argument, NULL, OPT_SHARD_BY},
	{"order-by", required_argument, NULL, OPT_ORDER_BY},
	{"format", required_argument, NULL, OPT_FORMAT},
	{"header", no_argument, NULL, OPT_HEADER},
	{"retries", required_argument, NULL, OPT_RETRIES},
	{"wait", required_argument, NULL, OPT_WAIT},
	{"restart", no_argument, NULL, OPT_RESTART},
	{"verify", required_argument, NULL, OPT_VERIFY},
	{"quiet", no_argument, NULL, 'q'},
	{"dbname", required_argument, NULL, 'd'},
	{"host", required_argument, NULL, 'h'},
	{"port", required_argument, NULL, 'p'},
	{"username", required_argument, NULL, 'U'},
	{NULL, 0, NULL, 0}
};

static void
help(const char *progname)
{
	printf("%s writes what a query answers as of one moment into files, in shards.\n\n", progname);
	printf("Usage:\n  %s [OPTION]... --output=DIR QUERY\n  %s --verify=DIR\n\n", progname, progname);
	printf("What is extracted:\n"
		   "  -f, --query-file=FILE      read the query from a file (\"-\": from standard input)\n"
		   "  -v, --variable=NAME=VALUE  what :'NAME', :\"NAME\" and :NAME stand for in the query,\n"
		   "                             as a literal, as an identifier, and as it is\n"
		   "      --as-of=MOMENT         an instant with its zone, or the number of a transaction\n"
		   "                             (default: the newest moment that is final)\n"
		   "      --set=NAME=VALUE       a setting of the sessions\n\n");
	printf("Shards:\n"
		   "  -n, --shards=N             how many (default: 16)\n"
		   "  -j, --jobs=N               how many at once, each by a connection (default: 2)\n"
		   "      --shard-column=NAME    the column of the query that has the entity (default: e)\n"
		   "      --shard-by=WHAT        column: by that column (default)\n"
		   "                             setting: the query says datom.shard(e) itself, which\n"
		   "                             is then answered by the setting datom.shard\n"
		   "      --order-by=LIST        of rows in a shard (default: the shard column, then all\n"
		   "                             others); one that leaves nothing open, or a shard that\n"
		   "                             is made again may differ\n\n");
	printf("Files:\n"
		   "  -o, --output=DIR           the directory to make: until it is whole it is DIR.partial,\n"
		   "                             which is resumed when the same is asked for again\n"
		   "      --format=FORMAT        csv (default), text or binary, as of COPY\n"
		   "      --header               names of columns in the first line of each file\n"
		   "      --restart              throw DIR.partial away and begin anew\n"
		   "      --verify=DIR           see whether the files are what the manifest says\n\n");
	printf("Connections:\n"
		   "  -d, --dbname=DBNAME        database, or connection string\n"
		   "  -h, --host=HOST[,HOST]...  servers of one cluster, which are asked in turn\n"
		   "  -p, --port=PORT[,PORT]...  one for all of them, or one for each\n"
		   "  -U, --username=NAME        role\n"
		   "      --retries=N            how often in a row a shard is tried again, at each host,\n"
		   "                             after a lost connection or a conflict (default: 10)\n"
		   "      --wait=SECONDS         how long a server may take to learn of the moment\n"
		   "                             (default: 30)\n\n");
	printf("Others:\n"
		   "  -q, --quiet                print errors and warnings only\n"
		   "  -V, --version              print the version\n"
		   "  -?, --help                 print this\n\n"
		   "Passwords come from a password file or the environment.\n\n"
		   "Exit codes:\n"
		   "  0  the output is whole\n"
		   "  1  failed; what was done before is kept in DIR.partial\n"
		   "  2  wrong use; nothing was done\n"
		   "  3  interrupted; what was done before is kept in DIR.partial\n");
}

static void
help_or_version(const char *first)
{
	bool		version = strcmp(first, "--version") == 0 || strcmp(first, "-V") == 0;

	if (version)
		puts("datom_extract " DATOM_VERSION);
	else if (strcmp(first, "--help") == 0 || strcmp(first, "-?") == 0)
		help("datom_extract");
	else
		return;
	exit(0);
}

static void pg_attribute_noreturn()
wrong_use(void)
{
	pg_log_error_hint("Try \"datom_extract --help\" for more information.");
	exit(DATOM_WRONG_USE);
}

static int
number(const char *name, int min, int max)
{
	int			value;

	if (!option_parse_int(optarg, name, min, max, &value))
		wrong_use();
	return value;
}

static void
pair(DatomPairs *pairs, const char *name)
{
	char	   *text = pg_strdup(optarg);
	char	   *value = strchr(text, '=');

	if (value == NULL || value == text)
	{
		pg_log_error("%s takes NAME=VALUE, not \"%s\"", name, optarg);
		wrong_use();
	}
	*value++ = '\0';
	datom_pairs_add(pairs, text, value);
	pg_free(text);
}

/* One of the words between bars. */
static char *
word(const char *name, const char *words)
{
	size_t		len = strlen(optarg);

	for (const char *at = words; at; at = strchr(at, '|') ? strchr(at, '|') + 1 : NULL)
		if (len > 0 && strncmp(at, optarg, len) == 0 && (at[len] == '|' || at[len] == '\0'))
			return optarg;
	pg_log_error("invalid value \"%s\" for option %s", optarg, name);
	wrong_use();
}

static char *
read_file(const char *name)
{
	FILE	   *file = strcmp(name, "-") == 0 ? stdin : fopen(name, "r");
	PQExpBuffer text = createPQExpBuffer();
	char		piece[4096];
	size_t		n;

	if (file == NULL)
		pg_fatal("could not open file \"%s\": %m", name);
	while ((n = fread(piece, 1, sizeof(piece), file)) > 0)
		appendBinaryPQExpBuffer(text, piece, n);
	if (ferror(file) || PQExpBufferBroken(text))
		pg_fatal("could not read file \"%s\": %m", name);
	if (file != stdin)
		fclose(file);
	return text->data;
}

/* The settings that answers depend on are not the user's. */
static void
check_settings(const DatomPairs *settings)
{
	static const char *const ours[] = {
		"datom.as_of", "datom.shard", "client_encoding", "standard_conforming_strings"
	};

	for (int i = 0; i < settings->count; i++)
		for (int k = 0; k < (int) lengthof(ours); k++)
			if (pg_strcasecmp(settings->items[i].name, ours[k]) == 0)
			{
				pg_log_error("\"%s\" cannot be given by --set", ours[k]);
				wrong_use();
			}
}

/* What goes to the server, and into the manifest. */
static void
check_encoding(const char *text)
{
	if (pg_encoding_verifymbstr(PG_UTF8, text, strlen(text)) != (int) strlen(text))
	{
		pg_log_error("\"%s\" is not encoded in UTF-8", text);
		wrong_use();
	}
}

static void
check_encodings(const DatomPlan *plan)
{
	check_encoding(plan->query);
	check_encoding(plan->shard_column);
	check_encoding(plan->as_of ? plan->as_of : "");
	check_encoding(plan->order_by ? plan->order_by : "");
	for (int i = 0; i < plan->variables.count; i++)
	{
		check_encoding(plan->variables.items[i].name);
		check_encoding(plan->variables.items[i].value);
	}
	for (int i = 0; i < plan->settings.count; i++)
		check_encoding(plan->settings.items[i].value);
}

static void
check(DatomOptions *options)
{
	DatomPlan  *plan = &options->plan;

	if (options->verify)
		return;
	if (plan->query == NULL || options->output == NULL || options->output[0] == '\0')
	{
		pg_log_error(plan->query == NULL ? "no query is given" : "no output is given");
		wrong_use();
	}
	if (plan->header && strcmp(plan->format, "binary") == 0)
	{
		pg_log_error("there is no header in the format \"binary\"");
		wrong_use();
	}
	check_settings(&plan->settings);
	check_encodings(plan);
	canonicalize_path(options->output);
}

static void
take_option(DatomOptions *options, int c)
{
	DatomPlan  *plan = &options->plan;

	switch (c)
	{
		case 'o': options->output = pg_strdup(optarg); break;
		case 'f': plan->query = read_file(optarg); break;
		case 'v': pair(&plan->variables, "-v/--variable"); break;
		case OPT_SET: pair(&plan->settings, "--set"); break;
		case OPT_AS_OF: plan->as_of = optarg; break;
		case 'n': datom_plan_set_shards(plan, number("-n/--shards", 1, DATOM_MAX_SHARDS)); break;
		case 'j': options->jobs = number("-j/--jobs", 1, 1000); break;
		case OPT_SHARD_COLUMN: plan->shard_column = optarg; break;
		case OPT_SHARD_BY: plan->shard_by = word("--shard-by", "column|setting"); break;
		case OPT_ORDER_BY: plan->order_by = optarg; break;
		case OPT_FORMAT: plan->format = word("--format", "csv|text|binary"); break;
		case OPT_HEADER: plan->header = true; break;
		case OPT_RETRIES: options->retries = number("--retries", 0, INT_MAX / 2); break;
		case OPT_WAIT: options->wait = number("--wait", 0, INT_MAX / 2); break;
		case OPT_RESTART: options->restart = true; break;
		case OPT_VERIFY: options->verify = optarg; break;
		case 'q': options->quiet = true; break;
		case 'd': options->dbname = optarg; break;
		case 'h': options->host = optarg; break;
		case 'p': options->port = optarg; break;
		case 'U': options->user = optarg; break;
		default: wrong_use();
	}
}

void
datom_options_read(DatomOptions *options, int argc, char **argv)
{
	int			c;

	*options = (DatomOptions) {
		.plan = {.shard_by = "column", .shard_column = "e", .format = "csv"},
		.jobs = 2, .retries = 10, .wait = 30
	};
	if (argc > 1)
		help_or_version(argv[1]);
	while ((c = getopt_long(argc, argv, "o:f:v:n:j:qd:h:p:U:", long_options, NULL)) != -1)
		take_option(options, c);
	if (optind < argc && options->plan.query == NULL)
		options->plan.query = argv[optind++];
	if (optind < argc)
	{
		pg_log_error("too many command-line arguments (first is \"%s\")", argv[optind]);
		wrong_use();
	}
	if (options->plan.parts == NULL)
		datom_plan_set_shards(&options->plan, 16);
	check(options);
}
