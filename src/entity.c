/*
 * entity.c: one entity as JSON, and the attributes of a table.
 */
#include "compat.h"

#include "access/table.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "attribute.h"
#include "facts.h"
#include "instant.h"
#include "attrs.h"
#include "log.h"
#include "basis.h"
#include "txlog.h"

static void
push_key(JsonbParseState **state, const char *key)
{
	JsonbValue	v = {.type = jbvString};

	v.val.string.val = (char *) key;
	v.val.string.len = strlen(key);
	pushJsonbValue(state, WJB_KEY, &v);
}

static void
push_value(JsonbParseState **state, JsonbIteratorToken token, const DatomValue *v)
{
	JsonbValue	json;

	datom_value_push_json(&json, v);
	pushJsonbValue(state, token, &json);
}

static void
push_pair(JsonbParseState **state, const char *key, const DatomValue *v)
{
	push_key(state, key);
	push_value(state, WJB_VALUE, v);
}

static int
count_holding(const DatomEntityFacts *one, TimestampTz at)
{
	int			count = 0;

	for (int i = 0; i < one->count; i++)
		count += datom_fact_holds(&one->facts[i], at);
	return count;
}

/* The values of one attribute that hold; an array if it may have many. */
static bool
push_attribute(JsonbParseState **state, const DatomEntityFacts *one,
			   const DatomAttr *attr, TimestampTz at)
{
	bool		many = datom_schema_many(attr, at) || count_holding(one, at) > 1;
	int			pushed = 0;

	for (int i = 0; i < one->count; i++)
	{
		if (!datom_fact_holds(&one->facts[i], at))
			continue;
		if (pushed++ == 0)
		{
			push_key(state, one->ident);
			if (many)
				pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
		}
		push_value(state, many ? WJB_ELEM : WJB_VALUE, one->facts[i].v);
	}
	if (many && pushed > 0)
		pushJsonbValue(state, WJB_END_ARRAY, NULL);
	return pushed > 0;
}

/* Of a transaction, what is no datom. */
static bool
push_transaction(JsonbParseState **state, DatomReader *reader, int64 tx, TimestampTz at)
{
	DatomEntry	entry;

	if (!datom_facts_entry(reader, tx, at, &entry))
		return false;
	push_pair(state, ":db/txInstant", datom_value_make_instant(entry.instant));
	push_pair(state, ":db.tx/role",
			  datom_value_make_string(entry.role, strlen(entry.role)));
	push_pair(state, ":db.tx/application",
			  datom_value_make_string(entry.application, strlen(entry.application)));
	return true;
}

/* NULL if nothing holds of the entity. */
static Jsonb *
entity_json(DatomReader *reader, int64 e, TimestampTz at)
{
	JsonbParseState *state = NULL;
	DatomEntityFacts *attrs;
	int			n = datom_facts_entity(reader, e, &attrs);
	const DatomSchema *schema = datom_facts_schema(reader, at);
	bool		any = false;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	push_pair(&state, ":db/id", datom_value_make_long(e));
	for (int i = 0; i < n; i++)
		any |= push_attribute(&state, &attrs[i],
							  datom_schema_find(schema, attrs[i].ident, strlen(attrs[i].ident)),
							  at);
	if (e < 0)
		any |= push_transaction(&state, reader, -e, at);
	return any ? JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL)) : NULL;
}

PG_FUNCTION_INFO_V1(datom_entity);

/*
 * datom.entity(db, e): what holds of an entity at the moment in force: its
 * attributes and values, those of cardinality many as arrays, and :db/id. The
 * entity of a transaction is its number, negated. NULL if nothing holds.
 */
Datum
datom_entity(PG_FUNCTION_ARGS)
{
	Relation	rel = datom_log_open(PG_GETARG_OID(0), ACL_SELECT);
	DatomSettled settled = datom_settle(RelationGetRelid(rel), datom_moment_in_force());
	DatomReader *reader = datom_facts_reader(rel, settled.snapshot, settled.at);
	Jsonb	   *json = entity_json(reader, PG_GETARG_INT64(1), settled.at);

	datom_facts_end(reader);
	datom_settled_end(&settled);
	table_close(rel, AccessShareLock);
	if (json == NULL)
		PG_RETURN_NULL();
	PG_RETURN_JSONB_P(json);
}

PG_FUNCTION_INFO_V1(datom_entity_lookup);

/*
 * datom.entity(db, a, v): the entity to which a value of a unique attribute
 * belongs at the moment in force. NULL if it belongs to none.
 */
Datum
datom_entity_lookup(PG_FUNCTION_ARGS)
{
	Relation	rel = datom_log_open(PG_GETARG_OID(0), ACL_SELECT);
	struct varlena *a = PG_GETARG_VARLENA_PP(1);
	DatomSettled settled = datom_settle(RelationGetRelid(rel), datom_moment_in_force());
	DatomReader *reader = datom_facts_reader(rel, settled.snapshot, settled.at);
	const DatomAttr *attr = datom_schema_need(reader->schema, VARDATA_ANY(a),
											  VARSIZE_ANY_EXHDR(a),
											  RelationGetRelationName(rel), 0);
	DatomValue *v = datom_facts_lookup_value(attr, PG_GETARG_DATOM_VALUE_PP(2), 0);
	int64	   *entities;
	Jsonb	   *json = NULL;

	if (datom_facts_with(reader, attr, v, settled.at, &entities) > 0)
		json = entity_json(reader, entities[0], settled.at);
	datom_facts_end(reader);
	datom_settled_end(&settled);
	table_close(rel, AccessShareLock);
	if (json == NULL)
		PG_RETURN_NULL();
	PG_RETURN_JSONB_P(json);
}

/* Columns of datom.attributes(). */
enum
{
	ATTR_IDENT,
	ATTR_E,
	ATTR_TYPE,
	ATTR_CARDINALITY,
	ATTR_UNIQUENESS,
	ATTR_INDEXED,
	ATTR_COMPONENT,
	ATTR_DOC,
	ATTR_COLUMNS
};

static void
put_text(Datum *value, bool *isnull, const char *text)
{
	*isnull = text == NULL;
	if (text)
		*value = CStringGetTextDatum(text);
}

static void
put_attribute(ReturnSetInfo *result, const DatomAttr *attr)
{
	Datum		values[ATTR_COLUMNS];
	bool		nulls[ATTR_COLUMNS] = {0};

	values[ATTR_IDENT] = PointerGetDatum(datom_attribute_make(attr->ident, attr->len));
	values[ATTR_E] = Int64GetDatum(attr->e);
	values[ATTR_TYPE] = CStringGetTextDatum(datom_value_kind_name(attr->type));
	values[ATTR_CARDINALITY] = CStringGetTextDatum(attr->many ? "many" : "one");
	put_text(&values[ATTR_UNIQUENESS], &nulls[ATTR_UNIQUENESS],
			 datom_unique_name(attr->unique));
	values[ATTR_INDEXED] = BoolGetDatum(attr->indexed);
	values[ATTR_COMPONENT] = BoolGetDatum(attr->component);
	put_text(&values[ATTR_DOC], &nulls[ATTR_DOC], attr->doc);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

PG_FUNCTION_INFO_V1(datom_attributes);

/*
 * datom.attributes(db): the attributes that are defined at the moment in
 * force, by ident. Built-in ones are left out.
 */
Datum
datom_attributes(PG_FUNCTION_ARGS)
{
	Relation	rel = datom_log_open(PG_GETARG_OID(0), ACL_SELECT);
	DatomSettled settled = datom_settle(RelationGetRelid(rel), datom_moment_in_force());
	const DatomSchema *schema = datom_attrs_at(rel, settled.snapshot, settled.at);

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < datom_schema_count(schema); i++)
		if (datom_schema_nth(schema, i)->builtin < 0)
			put_attribute((ReturnSetInfo *) fcinfo->resultinfo,
						  datom_schema_nth(schema, i));
	datom_settled_end(&settled);
	table_close(rel, AccessShareLock);
	return (Datum) 0;
}
