/*
 * evolve.c: what may be said about attributes.
 *
 * An attribute may be defined, documented, made unique, given another
 * cardinality, or another type, as long as nothing that holds contradicts it;
 * a type also nothing that ever held. It is never renamed and never taken
 * away, because the log goes on speaking of it. A transaction that changes one
 * does not use it: the log does not tell what came first, and what was decided
 * by the old definition would be read by the new one.
 */
#include "evolve.h"

#include "access/genam.h"

#include "rows.h"
#include "txlog.h"

#include "attribute.h"

typedef struct Evolve
{
	DatomReader *reader;
	const char *table;
	const TxFact *facts;
	int			count;
} Evolve;

void
datom_evolve_refuse(const char *ident, const char *detail, int pos)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("attribute \"%s\" cannot be changed so", ident),
			 datom_edn_at(pos, detail)));
}

/* The values that the built-in attributes of keywords may have. */
static const char *const cardinalities[] = {":db.cardinality/one", ":db.cardinality/many", NULL};
static const char *const uniquenesses[] = {":db.unique/value", ":db.unique/identity", NULL};

static bool
is_one_of(const char *text, int len, const char *const *list)
{
	for (; *list; list++)
		if (strlen(*list) == (size_t) len && memcmp(*list, text, len) == 0)
			return true;
	return false;
}

static bool
is_type(const char *text, int len)
{
	static const char prefix[] = ":db.type/";
	int			plen = sizeof(prefix) - 1;
	DatomKind	kind;

	return len > plen && memcmp(text, prefix, plen) == 0 &&
		datom_value_kind_by_name(pnstrdup(text + plen, len - plen), &kind);
}

static void
refuse_schema_value(const TxFact *s, const char *text, int len)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("\"%s\" is not a value for attribute \"%s\"",
					datom_edn_clip(text, len), s->attr->ident),
			 datom_edn_at(s->pos, NULL)));
}

static void
check_schema_value(const TxFact *s)
{
	int			len;
	const char *text;
	bool		good = true;

	if (s->attr->type != DATOM_KEYWORD)
		return;
	text = datom_value_get_text(s->v, &len);
	if (s->attr->builtin == DB_VALUE_TYPE)
		good = is_type(text, len);
	else if (s->attr->builtin == DB_CARDINALITY)
		good = is_one_of(text, len, cardinalities);
	else if (s->attr->builtin == DB_UNIQUE)
		good = is_one_of(text, len, uniquenesses);
	else if (s->attr->builtin == DB_IDENT)
		good = !datom_schema_reserved(text, len) && datom_attribute_valid(text, len);
	if (!good)
		refuse_schema_value(s, text, len);
}

/* Was anything ever said with this attribute? */
static bool
is_used(const Evolve *t, const DatomAttr *attr)
{
	DatomRows  *rows = datom_rows_open(t->reader->rel, t->reader->snapshot, DT_NOEND, true);
	bool		used = datom_rows_any(rows, attr);

	datom_rows_close(rows);
	return used;
}

/* Do the data say something with it? */
static bool
is_said(const Evolve *t, const DatomAttr *attr)
{
	for (int i = 0; i < t->count; i++)
		if (!t->facts[i].implied && strcmp(t->facts[i].attr->ident, attr->ident) == 0)
			return true;
	return false;
}

/* Did this transaction say something with it, before these data? */
static bool
was_said(const Evolve *t, const DatomAttr *attr)
{
	DatomRow   *rows;
	int			n = datom_rows_value(t->reader->rows, attr, NULL, &rows);
	bool		said = false;

	for (int i = 0; i < n && !said; i++)
		said = datom_txlog_is_own(RelationGetRelid(t->reader->rel), rows[i].tx);
	return said;
}

/* What holds of an attribute in all entities, sorted by value or by entity. */
static int
all_holding(const Evolve *t, const DatomAttr *attr, Datom **held)
{
	DatomRow   *rows;
	int			n = datom_rows_value(t->reader->rows, attr, NULL, &rows);
	DatomFact  *facts;
	int			kept = 0;

	*held = palloc_extended(sizeof(Datom) * Max(n, 1), MCXT_ALLOC_HUGE);
	for (int i = 0; i < n; i++)
		(*held)[i] = (Datom) {
			.e = rows[i].e, .tx = rows[i].tx, .added = rows[i].added, .v = rows[i].v,
			.instant = rows[i].instant != DT_NOBEGIN ? rows[i].instant :
			datom_txmap_instant(t->reader->map, rows[i].tx)
		};
	qsort(*held, n, sizeof(Datom), datom_compare);
	facts = palloc(sizeof(DatomFact) * Max(n, 1));
	for (int i = 0, end; i < n; i = end)
	{
		int			count;

		for (end = i + 1; end < n && (*held)[end].e == (*held)[i].e; end++)
			;
		count = datom_fold(*held + i, end - i, datom_schema_many, attr, facts);
		for (int k = 0; k < count; k++)
			if (datom_fact_holds(&facts[k], DT_NOEND))
				(*held)[kept++] = (Datom) {
				.e = (*held)[i].e, .v = facts[k].v
			};
	}
	return kept;
}

static int
by_value(const void *a, const void *b)
{
	return datom_value_cmp(((const Datom *) a)->v, ((const Datom *) b)->v);
}

static void
check_attribute_change(const Evolve *t, const DatomAttr *attr, const TxFact *s)
{
	int			len = 0;
	const char *text = s->attr->type == DATOM_KEYWORD ?
		datom_value_get_text(s->v, &len) : NULL;
	Datom	   *held;
	int			n;

	if (datom_evolve_matters(s->attr) &&
		(is_said(t, attr) || (s->attr->builtin == DB_CARDINALITY && was_said(t, attr))))
		datom_evolve_refuse(attr->ident, "The same transaction says something with it.",
							s->pos);
	if (s->attr->builtin == DB_VALUE_TYPE && is_used(t, attr))
		datom_evolve_refuse(attr->ident, "It has values of its type already.", s->pos);
	if (s->attr->builtin == DB_CARDINALITY && !is_one_of(text, len, cardinalities + 1))
	{
		n = all_holding(t, attr, &held);
		for (int i = 1; i < n; i++)
			if (held[i].e == held[i - 1].e)
				datom_evolve_refuse(attr->ident, "Some entity has more than one value of it.",
								 s->pos);
	}
	if (s->attr->builtin == DB_UNIQUE)
	{
		n = all_holding(t, attr, &held);
		qsort(held, n, sizeof(Datom), by_value);
		for (int i = 1; i < n; i++)
			if (datom_value_equal(held[i].v, held[i - 1].v))
				datom_evolve_refuse(attr->ident, "Two entities have the same value of it.",
								 s->pos);
	}
}

/* Facts that would leave an attribute without its name or its type. */
static void
check_attribute_loss(const DatomAttr *attr, const TxFact *s)
{
	if (s->attr->builtin == DB_IDENT)
		datom_evolve_refuse(attr->ident, "An ident is never renamed.", s->pos);
	if (!s->implied && (s->attr->builtin == DB_VALUE_TYPE ||
						s->attr->builtin == DB_CARDINALITY))
		datom_evolve_refuse(attr->ident, "An attribute that is defined stays defined.",
						 s->pos);
}

/* Do the data say this of the new attribute? Its facts stand around the i-th. */
static bool
says(const Evolve *t, int i, DatomBuiltin what)
{
	int64		e = t->facts[i].e;

	while (i > 0 && t->facts[i - 1].e == e)
		i--;
	for (; i < t->count && t->facts[i].e == e; i++)
		if (t->facts[i].added && t->facts[i].attr->builtin == (int) what)
			return true;
	return false;
}

/* A new attribute needs a name, a type and a cardinality. */
static void
check_new_attribute(const Evolve *t, int i)
{
	if (says(t, i, DB_IDENT) && says(t, i, DB_VALUE_TYPE) && says(t, i, DB_CARDINALITY))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("attribute with entity " INT64_FORMAT " in \"%s\" is not fully defined",
					t->facts[i].e, t->table),
			 datom_edn_at(t->facts[i].pos,
						  "An attribute needs :db/ident, :db/valueType and :db/cardinality.")));
}

bool
datom_evolve_matters(const DatomAttr *attr)
{
	return attr->builtin == DB_VALUE_TYPE || attr->builtin == DB_CARDINALITY ||
		attr->builtin == DB_UNIQUE;
}

/* Facts that make an attribute of an entity, where it is none. */
static bool
defines(const DatomAttr *attr)
{
	return datom_evolve_matters(attr) || attr->builtin == DB_INDEX ||
		attr->builtin == DB_IS_COMPONENT;
}

static void
check_fact(const Evolve *t, int i)
{
	const TxFact *s = &t->facts[i];
	const DatomAttr *attr = datom_schema_find_entity(t->reader->schema, s->e);

	if (s->added)
		check_schema_value(s);
	if (attr == NULL && s->added && defines(s->attr))
		check_new_attribute(t, i);
	else if (attr && s->added && !s->implied)
		check_attribute_change(t, attr, s);
	else if (attr && !s->added)
		check_attribute_loss(attr, s);
}

void
datom_evolve_check(DatomReader *reader, const char *table, const TxFact *facts, int n)
{
	Evolve		t = {.reader = reader, .table = table, .facts = facts, .count = n};

	for (int i = 0; i < n; i++)
		if (facts[i].attr->builtin >= 0)
			check_fact(&t, i);
}
