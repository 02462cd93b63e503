/*
 * query_version.c: versions of saved queries, from and to the catalogue.
 *
 * A version is an entity with the attributes below. Nothing is said about it later
 * but that it was dropped.
 */
#include "query_version.h"

#include "access/table.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "attrs.h"
#include "catalogue.h"
#include "facts.h"

#define ID ":query/id"
#define NUMBER ":query/version"
#define RESTORES ":query/restores"
#define DROPPED ":query/dropped"
#define NAME ":query/name"

static const DatomCatalogueAttr attributes[] = {
	{ID, ":db.type/string", .identity = true, .doc = "name and version"},
	{NUMBER, ":db.type/long", .doc = "its number among the versions of the name, from 1"},
	{RESTORES, ":db.type/long", .doc = "the version that this one repeats"},
	{DROPPED, ":db.type/boolean", .doc = "true: the query was dropped at this version"},
	{NAME, ":db.type/string", .doc = "name, with its schema"},
	{":query/language", ":db.type/string", .doc = "sql or edn"},
	{":query/text", ":db.type/string", .doc = "the query as it was given"},
	{":query/arguments", ":db.type/string", .doc = "names and types of arguments, of a function"},
	{":query/rules", ":db.type/string", .doc = "rules of a Datalog query"},
	{":query/doc", ":db.type/string", .doc = "what it is for"},
	{":query/owner", ":db.type/string", .doc = "who answers for it"},
	{":query/stability", ":db.type/string", .doc = "experimental or production"},
	{":query/signature", ":db.type/string", .doc = "the function, by its name and types"},
	{":query/search-path", ":db.type/string", .doc = "the schemas in which names were looked up"},
	{":query/db", ":db.type/string", .doc = "datom.db when it was saved"},
	{":query/tag", ":db.type/string", .many = true, .doc = "a word by which it can be found"},
	{":query/input", ":db.type/string", .many = true, .doc = "an attribute or relation that it reads"}
};

static const struct
{
	const char *ident;
	size_t		offset;
}			texts[] = {
	{NAME, offsetof(QueryVersion, name)},
	{":query/language", offsetof(QueryVersion, language)},
	{":query/text", offsetof(QueryVersion, query)},
	{":query/arguments", offsetof(QueryVersion, arguments)},
	{":query/rules", offsetof(QueryVersion, rules)},
	{":query/doc", offsetof(QueryVersion, doc)},
	{":query/owner", offsetof(QueryVersion, owner)},
	{":query/stability", offsetof(QueryVersion, stability)},
	{":query/signature", offsetof(QueryVersion, signature)},
	{":query/search-path", offsetof(QueryVersion, search_path)},
	{":query/db", offsetof(QueryVersion, db)}
},			lists[] = {
	{":query/tag", offsetof(QueryVersion, tags)},
	{":query/input", offsetof(QueryVersion, inputs)}
};

#define FIELD(version, type, field) ((type *) ((char *) (version) + (field).offset))

/*
 * Versions, from and to the catalogue
 */

static void
take_value(QueryVersion *version, const char *ident, const DatomValue *v)
{
	for (size_t i = 0; i < lengthof(texts); i++)
		if (strcmp(ident, texts[i].ident) == 0)
			*FIELD(version, const char *, texts[i]) = datom_value_text_cstring(v);
	for (size_t i = 0; i < lengthof(lists); i++)
		if (strcmp(ident, lists[i].ident) == 0)
			*FIELD(version, List *, lists[i]) =
				lappend(*FIELD(version, List *, lists[i]), datom_value_text_cstring(v));
	if (strcmp(ident, NUMBER) == 0)
		version->number = datom_value_get_int(v);
	if (strcmp(ident, RESTORES) == 0)
		version->restores = datom_value_get_int(v);
	if (strcmp(ident, DROPPED) == 0)
		version->dropped = datom_value_get_bool(v);
}

static QueryVersion *
read_version(DatomReader *reader, int64 e)
{
	QueryVersion    *version = palloc0(sizeof(QueryVersion));
	DatomEntityFacts *facts;
	int			n = datom_facts_entity(reader, e, &facts);

	version->e = e;
	for (int i = 0; i < n; i++)
		for (int k = 0; facts[i].attr && k < facts[i].count; k++)
			if (datom_fact_holds(&facts[i].facts[k], DT_NOEND))
				take_value(version, facts[i].attr->ident, facts[i].facts[k].v);
	return version;
}

static int
by_number(const ListCell *a, const ListCell *b)
{
	const QueryVersion *x = lfirst(a);
	const QueryVersion *y = lfirst(b);

	return x->number < y->number ? -1 : x->number > y->number;
}

List *
datom_query_versions(const char *name)
{
	Relation	rel = table_open(datom_catalogue(), AccessShareLock);
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	DatomReader *reader = datom_facts_reader(rel, snapshot, DT_NOEND);
	const DatomAttr *attr = datom_schema_find(datom_attrs(rel), NAME, strlen(NAME));
	List	   *versions = NIL;
	int64	   *entities;
	int			n = attr ? datom_facts_with(reader, attr, datom_value_make_string(name, strlen(name)),
											DT_NOEND, &entities) : 0;

	for (int i = 0; i < n; i++)
		versions = lappend(versions, read_version(reader, entities[i]));
	list_sort(versions, by_number);
	datom_facts_end(reader);
	UnregisterSnapshot(snapshot);
	table_close(rel, AccessShareLock);
	return versions;
}

void
datom_query_write(const QueryVersion *version)
{
	JsonbParseState *state = NULL;

	datom_catalogue_define(attributes, lengthof(attributes));
	pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	datom_catalogue_add_string(&state, ID, psprintf("%s " INT64_FORMAT, version->name, version->number));
	datom_catalogue_add_long(&state, NUMBER, version->number);
	if (version->restores)
		datom_catalogue_add_long(&state, RESTORES, version->restores);
	for (size_t i = 0; i < lengthof(texts); i++)
		datom_catalogue_add_string(&state, texts[i].ident, *FIELD(version, const char *, texts[i]));
	for (size_t i = 0; i < lengthof(lists); i++)
		datom_catalogue_add_strings(&state, lists[i].ident, *FIELD(version, List *, lists[i]));
	pushJsonbValue(&state, WJB_END_OBJECT, NULL);
	datom_catalogue_transact(JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_ARRAY, NULL)));
}

void
datom_query_write_dropped(const QueryVersion *version)
{
	JsonbParseState *state = NULL;

	pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	datom_catalogue_add_long(&state, ":db/id", version->e);
	datom_catalogue_add_true(&state, DROPPED);
	pushJsonbValue(&state, WJB_END_OBJECT, NULL);
	datom_catalogue_transact(JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_ARRAY, NULL)));
}

const QueryVersion *
datom_query_newest(const List *versions)
{
	return versions ? llast(versions) : NULL;
}

bool
datom_query_is_there(const QueryVersion *version)
{
	return version && !version->dropped;
}
