/*
 * pull_plan.c: pull patterns with what the schema knows of their attributes.
 *
 * What is not said of an attribute is filled in here: a ref without a pattern has
 * that of :db/id, a component that of everything, which is a plan that refers to
 * itself. A wildcard becomes a column for each attribute that there is, so that a
 * plan with one is asked for facts as any other.
 */
#include "pull_plan.h"

#include "miscadmin.h"

#include "attrs.h"

#define DB_ID ":db/id"

/* What Datomic gives of many values unless it is told otherwise. */
#define USUAL_LIMIT 1000

typedef struct Planner
{
	DatomReader *reader;
	TimestampTz at;
	const DatomSchema *schema;
	const DatomSchema *then;	/* as of the moment; NULL: not needed so far */
	DatomPullPlan *id_plan;
	DatomPullPlan *component_plan;	/* NULL: not needed so far */
	DatomPullAttr **recursive;
	int			nrecursive;
	int			recursive_room;
} Planner;

static void fill_plan(Planner *planner, DatomPullPlan *plan, const DatomPullPattern *pattern);

/*
 * JSON
 */

static void
set_string(JsonbValue *out, const char *text, int len)
{
	out->type = jbvString;
	out->val.string.val = (char *) text;
	out->val.string.len = len;
}

void
datom_pull_id(int64 e, JsonbValue *out)
{
	JsonbPair  *pair = palloc(sizeof(JsonbPair));

	set_string(&pair->key, DB_ID, strlen(DB_ID));
	pair->value.type = jbvNumeric;
	pair->value.val.numeric = int64_to_numeric(e);
	pair->order = 0;
	out->type = jbvObject;
	out->val.object.nPairs = 1;
	out->val.object.pairs = pair;
}

static void
refuse_form(const Edn *form, const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_SYNTAX_ERROR),
			 errmsg("%s cannot be %s of JSON", datom_edn_kind_name(form->kind), what),
			 datom_edn_at(form->pos, NULL)));
}

/* As values of that kind are shown; a symbol is a string. */
static void
scalar_json(const Edn *form, JsonbValue *out)
{
	DatomValue *v = form->kind == EDN_NIL ? NULL : datom_value_from_edn(form);

	if (form->kind == EDN_NIL)
		out->type = jbvNull;
	else if (v)
		datom_value_push_json(out, v);
	else if (form->kind == EDN_TAGGED)
		refuse_form(form, "a value");
	else
		set_string(out, form->text, form->len);
}

static JsonbValue *push_form(JsonbParseState **state, JsonbIteratorToken token, const Edn *form);

static void
push_map(JsonbParseState **state, const Edn *form)
{
	JsonbValue	key;

	for (int i = 0; i < form->count; i += 2)
	{
		const Edn  *name = form->items[i];

		if (name->text == NULL || name->kind == EDN_TAGGED)
			refuse_form(name, "a key");
		set_string(&key, name->text, name->len);
		pushJsonbValue(state, WJB_KEY, &key);
		push_form(state, WJB_VALUE, form->items[i + 1]);
	}
}

/* Collections of all kinds are arrays, and maps objects. */
static JsonbValue *
push_form(JsonbParseState **state, JsonbIteratorToken token, const Edn *form)
{
	JsonbValue	scalar;

	check_stack_depth();
	switch (form->kind)
	{
		case EDN_MAP:
			pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
			push_map(state, form);
			return pushJsonbValue(state, WJB_END_OBJECT, NULL);
		case EDN_LIST:
		case EDN_VECTOR:
		case EDN_SET:
			pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
			for (int i = 0; i < form->count; i++)
				push_form(state, WJB_ELEM, form->items[i]);
			return pushJsonbValue(state, WJB_END_ARRAY, NULL);
		default:
			scalar_json(form, &scalar);
			return pushJsonbValue(state, token, &scalar);
	}
}

static JsonbValue *
form_json(const Edn *form)
{
	JsonbParseState *state = NULL;
	JsonbValue *array;

	if (form == NULL)
		return NULL;
	pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
	push_form(&state, WJB_ELEM, form);
	array = pushJsonbValue(&state, WJB_END_ARRAY, NULL);
	return &array->val.array.elems[0];
}

/*
 * Attributes
 */

/* Whether an attribute is one of parts may have changed since the moment. */
static bool
is_component(Planner *planner, const DatomAttr *attr)
{
	const DatomAttr *then;

	if (planner->at == DT_NOEND)
		return attr->component;
	if (planner->then == NULL)
		planner->then = datom_attrs_at(planner->reader->rel, planner->reader->snapshot,
									   planner->at);
	then = datom_schema_find(planner->then, attr->ident, attr->len);
	return then && then->component;
}

static const DatomPullPlan *
component_plan(Planner *planner)
{
	static const DatomPullPattern everything = {.wildcard = true};

	if (planner->component_plan == NULL)
	{
		planner->component_plan = palloc0(sizeof(DatomPullPlan));
		fill_plan(planner, planner->component_plan, &everything);
	}
	return planner->component_plan;
}

static const DatomPullPlan *
new_plan(Planner *planner, const DatomPullPattern *pattern)
{
	DatomPullPlan *plan = palloc0(sizeof(DatomPullPlan));

	fill_plan(planner, plan, pattern);
	return plan;
}

static void
keep_recursive(Planner *planner, DatomPullAttr *attr)
{
	if (planner->nrecursive == planner->recursive_room)
	{
		planner->recursive_room = Max(8, planner->recursive_room * 2);
		planner->recursive = planner->recursive ?
			repalloc(planner->recursive, sizeof(DatomPullAttr *) * planner->recursive_room) :
			palloc(sizeof(DatomPullAttr *) * planner->recursive_room);
	}
	planner->recursive[planner->nrecursive++] = attr;
}

/* What is pulled of the entities that a ref, or its reverse, leads to. */
static void
set_sub(Planner *planner, DatomPullAttr *attr, const DatomPullPlan *plan)
{
	const DatomPullSpec *spec = attr->spec;
	bool		component = is_component(planner, attr->attr);
	bool		reverse = spec && spec->reverse;
	bool		all = component && !reverse;

	if (reverse)
		attr->many = !component;
	if (spec && spec->depth != 0)
	{
		attr->sub = plan;
		attr->depth = spec->depth;
		keep_recursive(planner, attr);
	}
	else if (spec && spec->pattern)
	{
		attr->sub = new_plan(planner, spec->pattern);
		all = spec->pattern->wildcard;
	}
	else
		attr->sub = all ? component_plan(planner) : planner->id_plan;
	attr->expands = attr->depth != 0 || (component && all);
}

static void
refuse_no_ref(const DatomPullSpec *spec, const DatomAttr *attr)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("attribute \"%s\" is not a ref", attr->ident),
			 datom_edn_at(spec->pos, "It does not lead to an entity that could be pulled.")));
}

/* With what a spec says of it, or with what is usual; attr NULL: not defined. */
static void
fill_attr(Planner *planner, DatomPullAttr *filled, const DatomAttr *attr, const char *ident,
		  int len, const DatomPullSpec *spec, const DatomPullPlan *plan)
{
	memset(filled, 0, sizeof(*filled));
	filled->spec = spec;
	filled->attr = attr;
	set_string(&filled->key, spec ? spec->key : ident, spec ? spec->key_len : len);
	filled->many = attr && datom_schema_many(attr, planner->at);
	filled->limit = spec == NULL || spec->limit == DATOM_PULL_USUAL ? USUAL_LIMIT :
		spec->limit == DATOM_PULL_ALL ? PG_INT64_MAX : spec->limit;
	filled->fallback = spec ? form_json(spec->fallback) : NULL;
	if (attr == NULL)
		return;
	if (attr->type == DATOM_REF)
		set_sub(planner, filled, plan);
	else if (spec && (spec->reverse || spec->pattern || spec->depth != 0))
		refuse_no_ref(spec, attr);
}

static void
fill_spec(Planner *planner, DatomPullAttr *filled, const DatomPullSpec *spec,
		  const DatomPullPlan *plan)
{
	CHECK_FOR_INTERRUPTS();
	fill_attr(planner, filled,
			  spec->is_id ? NULL : datom_schema_find(planner->schema, spec->ident, spec->len),
			  spec->ident, spec->len, spec, plan);
}

/*
 * Plans
 */

static int
compare_ident(const char *a, int alen, const char *b, int blen)
{
	int			order = memcmp(a, b, Min(alen, blen));

	return order != 0 ? order : alen - blen;
}

static int
by_ident(const void *a, const void *b)
{
	const DatomPullColumn *x = a;
	const DatomPullColumn *y = b;

	return compare_ident(x->ident, x->len, y->ident, y->len);
}

/* Those that are asked for by name; the specs of one attribute stand together. */
static void
add_named(Planner *planner, DatomPullPlan *plan, const DatomPullPattern *pattern)
{
	DatomPullAttr *attrs = palloc(sizeof(DatomPullAttr) * Max(pattern->nforward, 1));

	for (int i = 0; i < pattern->nforward; i++)
	{
		const DatomPullSpec *spec = &pattern->specs[i];
		DatomPullColumn *last = plan->columns + plan->ncolumns - 1;

		fill_spec(planner, &attrs[i], spec, plan);
		if (spec->is_id)
			plan->ids[plan->nids++] = attrs[i];
		else if (plan->ncolumns > 0 &&
				 compare_ident(last->ident, last->len, spec->ident, spec->len) == 0)
			last->nattrs++;
		else
			plan->columns[plan->ncolumns++] = (DatomPullColumn) {
				.ident = spec->ident, .len = spec->len, .nattrs = 1, .attrs = &attrs[i]
			};
	}
}

static void
add_unnamed(Planner *planner, DatomPullPlan *plan, int named, const DatomAttr *attr,
			const char *ident, int len)
{
	DatomPullColumn column = {.ident = ident, .len = len, .nattrs = 1};

	if (bsearch(&column, plan->columns, named, sizeof(DatomPullColumn), by_ident))
		return;
	column.attrs = palloc(sizeof(DatomPullAttr));
	fill_attr(planner, column.attrs, attr, ident, len, NULL, plan);
	plan->columns[plan->ncolumns++] = column;
}

/* What the order of commits says of a transaction is an attribute of no table. */
static const char *const of_transactions[] = {":db.tx/role", ":db.tx/application"};

static void
add_wildcard(Planner *planner, DatomPullPlan *plan)
{
	int			named = plan->ncolumns;

	for (int i = 0; i < datom_schema_count(planner->schema); i++)
	{
		const DatomAttr *attr = datom_schema_nth(planner->schema, i);

		add_unnamed(planner, plan, named, attr, attr->ident, attr->len);
	}
	for (int i = 0; i < (int) lengthof(of_transactions); i++)
		add_unnamed(planner, plan, named, NULL, of_transactions[i], strlen(of_transactions[i]));
	if (plan->nids == 0)
		fill_attr(planner, &plan->ids[plan->nids++], NULL, DB_ID, strlen(DB_ID), NULL, plan);
	qsort(plan->columns, plan->ncolumns, sizeof(DatomPullColumn), by_ident);
}

/* As jsonb sorts keys; of equal ones those that come later count. */
static int
by_key(const void *a, const void *b)
{
	const DatomPullAttr *x = *(DatomPullAttr *const *) a;
	const DatomPullAttr *y = *(DatomPullAttr *const *) b;
	int			order = x->key.val.string.len - y->key.val.string.len;

	if (order == 0)
		order = memcmp(x->key.val.string.val, y->key.val.string.val, x->key.val.string.len);
	return order != 0 ? order : x->rank < y->rank ? -1 : x->rank > y->rank;
}

static int
list_attrs(const DatomPullPlan *plan, DatomPullAttr **list)
{
	int			n = 0;

	for (int i = 0; i < plan->ncolumns; i++)
		for (int k = 0; k < plan->columns[i].nattrs; k++)
			list[n++] = &plan->columns[i].attrs[k];
	for (int i = 0; i < plan->nids; i++)
		list[n++] = &plan->ids[i];
	for (int i = 0; i < plan->nreverse; i++)
		list[n++] = &plan->reverse[i];
	return n;
}

static void
rank_keys(DatomPullPlan *plan, DatomPullAttr **list, int n)
{
	for (int i = 0; i < n; i++)
		list[i]->rank = i;
	qsort(list, n, sizeof(DatomPullAttr *), by_key);
	for (int i = 0; i < n; i++)
	{
		const JsonbValue *key = &list[i]->key;

		list[i]->rank = i;
		plan->repeats |= i > 0 && key->val.string.len == list[i - 1]->key.val.string.len &&
			memcmp(key->val.string.val, list[i - 1]->key.val.string.val,
				   key->val.string.len) == 0;
	}
}

static void
list_fallbacks(DatomPullPlan *plan)
{
	plan->fallbacks = palloc(sizeof(int) * Max(plan->ncolumns, 1));
	for (int i = 0; i < plan->ncolumns; i++)
	{
		bool		any = false;

		for (int k = 0; k < plan->columns[i].nattrs; k++)
			any |= plan->columns[i].attrs[k].fallback != NULL;
		if (any)
			plan->fallbacks[plan->nfallbacks++] = i;
	}
}

/* Room for what the pattern has, and for a wildcard. */
static void
make_room(Planner *planner, DatomPullPlan *plan, const DatomPullPattern *pattern)
{
	int			columns = pattern->nforward;

	if (pattern->wildcard)
		columns += datom_schema_count(planner->schema) + lengthof(of_transactions);
	plan->columns = palloc(sizeof(DatomPullColumn) * Max(columns, 1));
	plan->ids = palloc(sizeof(DatomPullAttr) * (pattern->nforward + 1));
	plan->reverse = palloc(sizeof(DatomPullAttr) * (pattern->nspecs - pattern->nforward + 1));
}

/* A plan that is not filled yet, because it is part of itself, is not pure. */
static void
fill_plan(Planner *planner, DatomPullPlan *plan, const DatomPullPattern *pattern)
{
	DatomPullAttr **list;
	int			n;
	bool		is_pure = true;

	check_stack_depth();
	make_room(planner, plan, pattern);
	add_named(planner, plan, pattern);
	if (pattern->wildcard)
		add_wildcard(planner, plan);
	for (int i = pattern->nforward; i < pattern->nspecs; i++)
		fill_spec(planner, &plan->reverse[plan->nreverse++], &pattern->specs[i], plan);
	n = plan->ncolumns + plan->nids + plan->nreverse;
	for (int i = 0; i < plan->ncolumns; i++)
		n += plan->columns[i].nattrs - 1;
	list = palloc(sizeof(DatomPullAttr *) * Max(n, 1));
	n = list_attrs(plan, list);
	rank_keys(plan, list, n);
	list_fallbacks(plan);
	for (int i = 0; i < n; i++)
		is_pure &= list[i]->sub == NULL || (!list[i]->expands && list[i]->sub->is_pure);
	plan->is_pure = is_pure;
	pfree(list);
}

/*
 * Recursion
 */

/* Equal specs of a recursion, wherever they stand, count their depth together. */
static int
by_recursion(const void *a, const void *b)
{
	const DatomPullSpec *x = (*(DatomPullAttr *const *) a)->spec;
	const DatomPullSpec *y = (*(DatomPullAttr *const *) b)->spec;
	int			order = compare_ident(x->ident, x->len, y->ident, y->len);

	if (order == 0)
		order = (int) x->reverse - (int) y->reverse;
	if (order == 0)
		order = compare_ident(x->key, x->key_len, y->key, y->key_len);
	if (order == 0)
		order = x->limit < y->limit ? -1 : x->limit > y->limit;
	return order != 0 ? order : x->depth < y->depth ? -1 : x->depth > y->depth;
}

static void
number_recursions(Planner *planner)
{
	int			number = 0;

	qsort(planner->recursive, planner->nrecursive, sizeof(DatomPullAttr *), by_recursion);
	for (int i = 0; i < planner->nrecursive; i++)
	{
		if (i > 0 && by_recursion(&planner->recursive[i - 1], &planner->recursive[i]) != 0)
			number++;
		planner->recursive[i]->counter = number;
	}
}

const DatomPullPlan *
datom_pull_plan(DatomReader *reader, TimestampTz at, const DatomPullPattern *pattern)
{
	Planner		planner = {
		.reader = reader, .at = at, .schema = datom_facts_schema(reader, at)
	};
	static DatomPullSpec id = {
		.ident = DB_ID, .len = sizeof(DB_ID) - 1, .is_id = true,
		.key = DB_ID, .key_len = sizeof(DB_ID) - 1
	};
	static const DatomPullPattern only_id = {.nspecs = 1, .nforward = 1, .specs = &id};
	const DatomPullPlan *plan;

	planner.id_plan = palloc0(sizeof(DatomPullPlan));
	fill_plan(&planner, planner.id_plan, &only_id);
	planner.id_plan->is_id = true;
	plan = new_plan(&planner, pattern);
	number_recursions(&planner);
	return plan;
}

int
datom_pull_column(const DatomPullPlan *plan, const char *ident, int len, int *hint)
{
	DatomPullColumn column = {.ident = ident, .len = len};
	const DatomPullColumn *found = plan->columns + *hint;

	if (*hint < plan->ncolumns && found->len == len && memcmp(found->ident, ident, len) == 0)
		return (*hint)++;
	found = bsearch(&column, plan->columns, plan->ncolumns, sizeof(DatomPullColumn), by_ident);
	if (found == NULL)
		return -1;
	*hint = found - plan->columns + 1;
	return found - plan->columns;
}
