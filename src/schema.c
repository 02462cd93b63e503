/*
 * schema.c: from datoms about attributes to attributes.
 *
 * An attribute is an entity with a :db/ident and a :db/valueType. The built-in
 * ones are not stored: they are implied, from the beginning of time, so that a
 * table without a datom can be asked anything.
 *
 * Cardinality decides what an assertion ends, so the fold of any attribute
 * asks for the cardinality at the instant of each assertion: an attribute
 * keeps all that it ever had. Everything else is as of one moment.
 */
#include "schema.h"

#include "utils/memutils.h"

struct DatomSchema
{
	int			count;
	DatomAttr  *attrs;			/* built-in ones, then the others by ident */
	int			entities;
	DatomAttr **by_entity;
};

static const struct
{
	const char *ident;
	DatomKind	type;
	DatomUnique unique;
	const char *doc;
}			builtins[DB_BUILTINS] = {
	[DB_IDENT] = {":db/ident", DATOM_KEYWORD, UNIQUE_IDENTITY,
	"The keyword that names an entity; of an attribute, its name."},
	[DB_VALUE_TYPE] = {":db/valueType", DATOM_KEYWORD, UNIQUE_NONE,
	"The type of an attribute's values, such as :db.type/string."},
	[DB_CARDINALITY] = {":db/cardinality", DATOM_KEYWORD, UNIQUE_NONE,
	"Whether an entity has one value at a time or many."},
	[DB_UNIQUE] = {":db/unique", DATOM_KEYWORD, UNIQUE_NONE,
	"Whether a value belongs to one entity at most, and identifies it."},
	[DB_INDEX] = {":db/index", DATOM_BOOLEAN, UNIQUE_NONE,
	"Whether entities are looked up by this attribute."},
	[DB_IS_COMPONENT] = {":db/isComponent", DATOM_BOOLEAN, UNIQUE_NONE,
	"Whether what this attribute points to is a part of its entity."},
	[DB_DOC] = {":db/doc", DATOM_STRING, UNIQUE_NONE,
	"What an entity is for, in words."},
	[DB_TX_INSTANT] = {":db/txInstant", DATOM_INSTANT, UNIQUE_NONE,
	"The instant of a transaction."},
};

static DatomCardinality always_one = {DT_NOBEGIN, false};

int
datom_schema_builtin(const char *ident, int len)
{
	for (int i = 0; i < DB_BUILTINS; i++)
		if (strlen(builtins[i].ident) == (size_t) len &&
			memcmp(builtins[i].ident, ident, len) == 0)
			return i;
	return -1;
}

const char *
datom_schema_builtin_ident(int builtin)
{
	return builtins[builtin].ident;
}

bool
datom_schema_reserved(const char *ident, int len)
{
	return len >= 4 && memcmp(ident, ":db", 3) == 0 &&
		(ident[3] == '/' || ident[3] == '.');
}

const char *
datom_unique_name(DatomUnique unique)
{
	static const char *const names[] = {NULL, "value", "identity"};

	return names[unique];
}

bool
datom_schema_many(const void *attr, TimestampTz at)
{
	const DatomAttr *a = attr;

	if (a == NULL)
		return true;
	for (int i = a->changes - 1; i >= 0; i--)
		if (a->cardinality[i].since <= at)
			return a->cardinality[i].many;
	/* Said before the attribute was defined: by a restore, or not at all. */
	return a->changes > 0 ? a->cardinality[0].many : a->many;
}

static bool
keyword_is(const DatomValue *v, const char *keyword)
{
	int			len;
	const char *text = datom_value_get_text(v, &len);

	return strlen(keyword) == (size_t) len && memcmp(text, keyword, len) == 0;
}

static char *
value_text(const DatomValue *v)
{
	int			len;
	const char *text = datom_value_get_text(v, &len);

	return pnstrdup(text, len);
}

static DatomUnique
unique_of(const DatomValue *v)
{
	if (keyword_is(v, ":db.unique/identity"))
		return UNIQUE_IDENTITY;
	return keyword_is(v, ":db.unique/value") ? UNIQUE_VALUE : UNIQUE_NONE;
}

static DatomKind
type_of(const DatomValue *v)
{
	static const char prefix[] = ":db.type/";
	DatomKind	kind = 0;
	char	   *name = value_text(v);

	if (strncmp(name, prefix, sizeof(prefix) - 1) == 0)
		datom_value_kind_by_name(name + sizeof(prefix) - 1, &kind);
	pfree(name);
	return kind;
}

static void
add_cardinality(DatomAttr *attr, const DatomFact *facts, int n)
{
	attr->cardinality = palloc(sizeof(DatomCardinality) * n);
	attr->changes = n;
	for (int i = 0; i < n; i++)
		attr->cardinality[i] = (DatomCardinality) {
			.since = facts[i].from,
			.many = keyword_is(facts[i].v, ":db.cardinality/many")
		};
}

/* Takes in what holds of one attribute's entity. */
static void
add_fact(DatomAttr *attr, DatomBuiltin what, const DatomFact *fact)
{
	const DatomValue *v = fact->v;

	switch (what)
	{
		case DB_IDENT:
			attr->ident = value_text(v);
			attr->len = strlen(attr->ident);
			break;
		case DB_VALUE_TYPE:
			attr->type = type_of(v);
			attr->since = fact->from;
			break;
		case DB_CARDINALITY:
			attr->many = keyword_is(v, ":db.cardinality/many");
			break;
		case DB_UNIQUE:
			attr->unique = unique_of(v);
			attr->unique_since = fact->from;
			break;
		case DB_INDEX:
			attr->indexed = datom_value_get_bool(v);
			attr->indexed_since = fact->from;
			break;
		case DB_IS_COMPONENT:
			attr->component = datom_value_get_bool(v);
			break;
		case DB_DOC:
			attr->doc = value_text(v);
			break;
		default:
			break;
	}
}

static int
compare_idents(const char *a, int alen, const char *b, int blen)
{
	int			order = memcmp(a, b, Min(alen, blen));

	return order != 0 ? order : alen - blen;
}

static int
by_ident(const void *a, const void *b)
{
	const DatomAttr *x = a;
	const DatomAttr *y = b;

	return compare_idents(x->ident, x->len, y->ident, y->len);
}

static int
by_entity(const void *a, const void *b)
{
	const DatomAttr *x = *(DatomAttr *const *) a;
	const DatomAttr *y = *(DatomAttr *const *) b;

	return x->e < y->e ? -1 : x->e > y->e;
}

static void
add_builtins(DatomSchema *schema)
{
	for (int i = 0; i < DB_BUILTINS; i++)
		schema->attrs[schema->count++] = (DatomAttr) {
			.ident = builtins[i].ident, .len = strlen(builtins[i].ident),
			.builtin = i, .type = builtins[i].type,
			.unique = builtins[i].unique, .doc = builtins[i].doc,
			.since = DT_NOBEGIN, .unique_since = DT_NOBEGIN,
			.changes = 1, .cardinality = &always_one
		};
}

/* Reads the rows of one entity; true if they make an attribute. */
static bool
read_entity(Datom *rows, int n, TimestampTz at, DatomAttr *attr)
{
	DatomFact  *facts = palloc(sizeof(DatomFact) * n);

	*attr = (DatomAttr) {
		.builtin = -1, .e = rows[0].e
	};
	for (int i = 0, end; i < n; i = end)
	{
		int			count;

		for (end = i + 1; end < n && rows[end].aid == rows[i].aid; end++)
			;
		count = datom_fold(rows + i, end - i, datom_schema_many,
						   &(DatomAttr) {.changes = 0}, facts);
		if (rows[i].aid == DB_CARDINALITY)
			add_cardinality(attr, facts, count);
		for (int k = 0; k < count; k++)
			if (datom_fact_holds(&facts[k], at))
				add_fact(attr, rows[i].aid, &facts[k]);
	}
	pfree(facts);
	return attr->ident != NULL && attr->type != 0;
}

DatomSchema *
datom_schema_build(Datom *rows, int n, TimestampTz at)
{
	DatomSchema *schema = palloc0(sizeof(DatomSchema));

	schema->attrs = palloc(sizeof(DatomAttr) * (DB_BUILTINS + n));
	add_builtins(schema);
	qsort(rows, n, sizeof(Datom), datom_compare);
	for (int i = 0, end; i < n; i = end)
	{
		for (end = i + 1; end < n && rows[end].e == rows[i].e; end++)
			;
		if (read_entity(rows + i, end - i, at, &schema->attrs[schema->count]))
			schema->count++;
	}
	qsort(schema->attrs + DB_BUILTINS, schema->count - DB_BUILTINS,
		  sizeof(DatomAttr), by_ident);
	schema->entities = schema->count - DB_BUILTINS;
	schema->by_entity = palloc(sizeof(DatomAttr *) * (schema->entities + 1));
	for (int i = 0; i < schema->entities; i++)
		schema->by_entity[i] = &schema->attrs[DB_BUILTINS + i];
	qsort(schema->by_entity, schema->entities, sizeof(DatomAttr *), by_entity);
	return schema;
}

const DatomAttr *
datom_schema_find(const DatomSchema *schema, const char *ident, int len)
{
	int			low = DB_BUILTINS;
	int			high = schema->count;

	if (datom_schema_reserved(ident, len))
	{
		int			builtin = datom_schema_builtin(ident, len);

		return builtin < 0 ? NULL : &schema->attrs[builtin];
	}
	while (low < high)
	{
		int			middle = (low + high) / 2;
		const DatomAttr *attr = &schema->attrs[middle];
		int			order = compare_idents(ident, len, attr->ident, attr->len);

		if (order == 0)
			return attr;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

const DatomAttr *
datom_schema_find_entity(const DatomSchema *schema, int64 e)
{
	int			low = 0;
	int			high = schema->entities;

	while (low < high)
	{
		int			middle = (low + high) / 2;
		const DatomAttr *attr = schema->by_entity[middle];

		if (attr->e == e)
			return attr;
		if (e < attr->e)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

int
datom_schema_count(const DatomSchema *schema)
{
	return schema->count;
}

const DatomAttr *
datom_schema_nth(const DatomSchema *schema, int i)
{
	return &schema->attrs[i];
}

const DatomAttr *
datom_schema_need(const DatomSchema *schema, const char *ident, int len,
				  const char *table, int pos)
{
	const DatomAttr *attr = datom_schema_find(schema, ident, len);

	if (attr == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("attribute \"%s\" is not defined in \"%s\"",
						datom_edn_clip(ident, len), table),
				 datom_edn_at(pos, NULL),
				 errhint("Define it with datom.define_attribute().")));
	return attr;
}
