/*
 * catalogue.c: writing in the catalogue.
 *
 * The extension's script makes datom.queries empty, without attributes, because a
 * restore makes it by the script and then inserts all that was said in it, the
 * attributes among it. So whoever writes first defines them. Defining is
 * idempotent: an ident is an identity, so of two sessions that define the same at
 * the same time one waits for the other's commit and then says nothing new.
 *
 * Everybody may read the table, nobody but its owner may write in it. What writes
 * here has asked before whether the caller may.
 */
#include "catalogue.h"

#include "access/table.h"
#include "catalog/namespace.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"
#include "utils/rel.h"

#include "attrs.h"
#include "transact.h"

Oid
datom_catalogue(void)
{
	return get_relname_relid("queries", get_namespace_oid("datom", false));
}

static JsonbValue *
string_value(const char *text, JsonbValue *v)
{
	v->type = jbvString;
	v->val.string.val = (char *) text;
	v->val.string.len = strlen(text);
	return v;
}

void
datom_catalogue_add_string(JsonbParseState **state, const char *key, const char *value)
{
	JsonbValue	v;

	if (value == NULL)
		return;
	pushJsonbValue(state, WJB_KEY, string_value(key, &v));
	pushJsonbValue(state, WJB_VALUE, string_value(value, &v));
}

void
datom_catalogue_add_strings(JsonbParseState **state, const char *key, const List *values)
{
	JsonbValue	v;
	ListCell   *lc;

	if (values == NIL)
		return;
	pushJsonbValue(state, WJB_KEY, string_value(key, &v));
	pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
	foreach(lc, values)
		pushJsonbValue(state, WJB_ELEM, string_value(lfirst(lc), &v));
	pushJsonbValue(state, WJB_END_ARRAY, NULL);
}

void
datom_catalogue_add_long(JsonbParseState **state, const char *key, int64 value)
{
	JsonbValue	v;

	pushJsonbValue(state, WJB_KEY, string_value(key, &v));
	v.type = jbvNumeric;
	v.val.numeric = int64_to_numeric(value);
	pushJsonbValue(state, WJB_VALUE, &v);
}

void
datom_catalogue_add_true(JsonbParseState **state, const char *key)
{
	JsonbValue	v;

	pushJsonbValue(state, WJB_KEY, string_value(key, &v));
	v.type = jbvBool;
	v.val.boolean = true;
	pushJsonbValue(state, WJB_VALUE, &v);
}

static void
transact(Relation rel, Jsonb *tx_data)
{
	datom_transact_json_as(rel, tx_data, rel->rd_rel->relowner);
}

static void
push_definition(JsonbParseState **state, const DatomCatalogueAttr *attr)
{
	pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
	datom_catalogue_add_string(state, ":db/ident", attr->ident);
	datom_catalogue_add_string(state, ":db/valueType", attr->type);
	datom_catalogue_add_string(state, ":db/cardinality",
							   attr->many ? ":db.cardinality/many" : ":db.cardinality/one");
	datom_catalogue_add_string(state, ":db/unique",
							   attr->identity ? ":db.unique/identity" : NULL);
	datom_catalogue_add_string(state, ":db/doc", attr->doc);
	pushJsonbValue(state, WJB_END_OBJECT, NULL);
}

void
datom_catalogue_define(const DatomCatalogueAttr *attrs, int n)
{
	Relation	rel = table_open(datom_catalogue(), RowExclusiveLock);
	const DatomSchema *schema = datom_attrs(rel);
	JsonbParseState *state = NULL;
	bool		missing = false;

	pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
	for (int i = 0; i < n; i++)
		if (datom_schema_find(schema, attrs[i].ident, strlen(attrs[i].ident)) == NULL)
		{
			push_definition(&state, &attrs[i]);
			missing = true;
		}
	if (missing)
		transact(rel, JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_ARRAY, NULL)));
	table_close(rel, NoLock);
}

void
datom_catalogue_transact(Jsonb *tx_data)
{
	Relation	rel = table_open(datom_catalogue(), RowExclusiveLock);

	transact(rel, tx_data);
	table_close(rel, NoLock);
}
