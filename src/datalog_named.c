/*
 * datalog_named.c: arguments that go by their names.
 *
 * What is stored outlives its author's memory of an order of arguments. So here
 * each says for what it is, by the name that datom_datalog_called() gives to a
 * binding.
 */
#include "datalog_named.h"

/* "$", "?name", "%"; for messages */
static const char *
spell_all(const DatalogQuery *query)
{
	StringInfoData text;

	initStringInfo(&text);
	for (int i = 0; i < query->nin; i++)
		if (query->in[i].kind != BIND_BLANK)
			appendStringInfo(&text, "%s\"%s\"", text.len > 0 ? ", " : "",
							 datom_datalog_called(&query->in[i]));
	return datom_edn_clip(text.data, text.len);
}

static const char *
clip(const char *name)
{
	return datom_edn_clip(name, strlen(name));
}

static void
refuse_name(const DatalogQuery *query, const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("the query takes no argument \"%s\"", clip(name)),
			 query->nin == 0 ? errdetail("It has no :in.") :
			 errdetail("It takes %s.", spell_all(query))));
}

static void
refuse_missing(const DatalogQuery *query, const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("argument \"%s\" of the query is missing", clip(name)),
			 errdetail("It takes %s.", spell_all(query))));
}

/* The name of the pair, which must have a value. */
static const char *
name_of(const DatalogGiven *given, int n, int pair)
{
	const char *name = datom_datalog_given_text(&given[pair * 2]);

	if (name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the name of an argument must be text"),
				 errhint("Arguments go in pairs, as in '$', 'pur'::regclass, '?id', 'pur-8'.")));
	if (pair * 2 + 1 == n)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" has no value", clip(name))));
	return name;
}

static void
check_twice(const char *const *names, int pair)
{
	for (int i = 0; i < pair; i++)
		if (strcmp(names[i], names[pair]) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("argument \"%s\" is given twice", clip(names[pair]))));
}

static bool
is_taken(const DatalogQuery *query, const char *name)
{
	if (name[0] == '$')
		return true;
	for (int i = 0; i < query->nin; i++)
		if (query->in[i].kind != BIND_BLANK &&
			strcmp(datom_datalog_called(&query->in[i]), name) == 0)
			return true;
	return false;
}

/* The sources among the pairs, as a map. */
static const DatalogGiven *
sources_of(const DatalogGiven *given, const char *const *names, int npairs, bool *undecided)
{
	DatalogGiven *map = palloc0(sizeof(DatalogGiven));

	map->items = palloc(sizeof(DatalogGiven) * Max(1, npairs));
	map->keys = palloc(sizeof(char *) * Max(1, npairs));
	for (int i = 0; i < npairs; i++)
	{
		if (names[i][0] != '$')
			continue;
		*undecided |= OidIsValid(given[i * 2 + 1].unknown);
		map->keys[map->n] = names[i];
		map->items[map->n++] = given[i * 2 + 1];
	}
	return map;
}

static int
find_pair(const DatalogQuery *query, const char *name, const char *const *names, int npairs)
{
	for (int i = 0; i < npairs; i++)
		if (strcmp(names[i], name) == 0)
			return i;
	refuse_missing(query, name);
	return -1;					/* not reached */
}

static void
put(DatalogPairs *pairs, const DatalogGiven *given, int from)
{
	pairs->given[pairs->n] = *given;
	pairs->from[pairs->n++] = from;
}

DatalogPairs
datom_datalog_pairs(const DatalogQuery *query, const DatalogGiven *given, int n,
					DatalogSources *sources)
{
	const DatalogGiven null = {.null = true};
	DatalogPairs pairs = {0};
	int			npairs = (n + 1) / 2;
	const char **names = palloc(sizeof(char *) * Max(1, npairs));

	for (int i = 0; i < npairs; i++)
	{
		names[i] = name_of(given, n, i);
		check_twice(names, i);
		if (!is_taken(query, names[i]))
			refuse_name(query, names[i]);
	}
	pairs.given = palloc(sizeof(DatalogGiven) * Max(1, query->nin));
	pairs.from = palloc(sizeof(int) * Max(1, query->nin));
	for (int i = 0; i < query->nin; i++)
	{
		int			from;

		if (query->in[i].kind == BIND_SOURCE)
			continue;
		if (query->in[i].kind == BIND_BLANK)
		{
			put(&pairs, &null, -1);
			continue;
		}
		from = find_pair(query, datom_datalog_called(&query->in[i]), names, npairs);
		put(&pairs, &given[from * 2 + 1], from);
	}
	sources->named = sources_of(given, names, npairs, &pairs.undecided);
	sources->by_name = true;
	return pairs;
}
