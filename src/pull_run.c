/*
 * pull_run.c: pulling entities by a plan.
 *
 * Level by level: first the entities that are asked for, then all to which refs of
 * these lead, and so on. Those of one level are read in ascending order, so that
 * a block of EAVT is opened once for all of them. An answer that depends on
 * nothing but its entity is made once in a level.
 *
 * Recursion is DataScript's, which was held against Datomic's. On each path the
 * entities are remembered that it entered by a recursive attribute, or by a
 * component of which everything is pulled; where it would enter one again, that is
 * given as its :db/id and no more. The entity at which the path begins was not
 * entered by anything, so in a circle it appears once more. A depth is counted
 * down on the path, for equal specs together; at its end there is nothing.
 *
 * A limit counts what there is to show, not values: an entity of which the pattern
 * finds nothing does not count. So levels below may have to be made again with
 * more, which is rare.
 *
 * Differences from DataScript: an attribute may be asked for twice, with different
 * keys; the limit of 1,000 is also that of reverse attributes of cardinality one;
 * attributes that are not defined are absent, and no error, in any place; a limit
 * of what has one value is taken, and means nothing. An ident that a ref leads to is
 * its number, as any entity is.
 */
#include "pull_run.h"

#include "miscadmin.h"
#include "utils/memutils.h"

/* Entered on a path, the last one first. */
typedef struct Seen
{
	int64		e;
	const struct Seen *before;
} Seen;

/* How often a recursion may go on, the last one first. */
typedef struct Countdown
{
	int			counter;
	int64		left;
	const struct Countdown *before;
} Countdown;

/* An entity and what is asked of it. */
typedef struct PullNode
{
	int64		e;
	const DatomPullPlan *plan;
	const Seen *seen;
	const Countdown *counts;
	bool		is_done;		/* there is an answer, or there will be none */
	JsonbValue *answer;			/* NULL: nothing */
	JsonbPair  *pairs;			/* their `order` is the rank of the key */
	int			npairs;
} PullNode;

/* What refs of a node lead to, and where it goes. */
typedef struct Pending
{
	const PullNode *node;
	const DatomPullAttr *attr;
	int			pair;			/* of the node's */
	DatomHolder *targets;		/* not sure: whether it refers to the node */
	int			ntargets;
	int			next;			/* of targets */
	int64		left;			/* of the limit */
	PullNode	   *children;		/* of this round */
	int			nchildren;
	JsonbValue *elems;
	int			nelems;
	int			room;
} Pending;

typedef struct Level
{
	Pending    *pending;
	int			npending;
	int			room;
} Level;

/* The values of a column that hold. */
typedef struct Values
{
	DatomValue **v;
	int			n;
	int			room;
} Values;

typedef struct Pull
{
	DatomReader *reader;
	TimestampTz at;
	Size		spent;			/* bytes, about */
	/* What is being gathered of one entity. */
	const DatomPullPlan *plan;
	int			hint;
	Values	   *values;			/* by column; all empty in between */
	int			room;
	int		   *touched;		/* columns that have values */
	int			ntouched;
} Pull;

static void pull_level(Pull *pull, PullNode *nodes, int n);

/*
 * In a graph with circles there may be more paths than there is memory, and an
 * answer may not be longer than a quarter of this.
 */
#define MOST_BYTES MaxAllocSize

static void
spend(Pull *pull, Size bytes)
{
	pull->spent += bytes;
	if (pull->spent > MOST_BYTES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("what is pulled takes too much memory"),
				 errdetail("A recursive attribute, or a component, may lead to an entity by many paths."),
				 errhint("Give it a depth or a pattern.")));
}

/*
 * Gathering what holds
 */

static int
choose_column(void *arg, const char *a, int alen)
{
	Pull	   *pull = arg;

	return datom_pull_column(pull->plan, a, alen, &pull->hint);
}

static void
take_value(void *arg, int column, DatomValue *v)
{
	Pull	   *pull = arg;
	Values	   *values = &pull->values[column];

	if (values->n == 0)
		pull->touched[pull->ntouched++] = column;
	if (values->n == values->room)
	{
		values->room = Max(4, values->room * 2);
		values->v = values->v ?
			repalloc_huge(values->v, sizeof(DatomValue *) * values->room) :
			palloc(sizeof(DatomValue *) * values->room);
	}
	values->v[values->n++] = v;
	spend(pull, VARSIZE_ANY(v));
}

static void
make_columns(Pull *pull, int columns)
{
	if (columns <= pull->room)
		return;
	pull->room = columns;
	pull->values = palloc0(sizeof(Values) * columns);
	pull->touched = palloc(sizeof(int) * columns);
}

/* Of a transaction, what is no datom. */
static void
gather_entry(Pull *pull, int64 tx)
{
	static const char *const idents[] = {":db/txInstant", ":db.tx/role", ":db.tx/application"};
	int			columns[lengthof(idents)];
	bool		any = false;
	DatomEntry	entry;

	for (int i = 0; i < (int) lengthof(idents); i++)
	{
		columns[i] = choose_column(pull, idents[i], strlen(idents[i]));
		any |= columns[i] >= 0;
	}
	if (!any || !datom_facts_entry(pull->reader, tx, pull->at, &entry))
		return;
	if (columns[0] >= 0)
		take_value(pull, columns[0], datom_value_make_instant(entry.instant));
	if (columns[1] >= 0)
		take_value(pull, columns[1], datom_value_make_string(entry.role, strlen(entry.role)));
	if (columns[2] >= 0)
		take_value(pull, columns[2],
				   datom_value_make_string(entry.application, strlen(entry.application)));
}

static void
gather(Pull *pull, const PullNode *node)
{
	DatomHolding holding = {.which = choose_column, .take = take_value, .arg = pull};

	pull->plan = node->plan;
	pull->hint = 0;
	make_columns(pull, node->plan->ncolumns);
	if (node->plan->ncolumns > 0)
		datom_facts_holding(pull->reader, node->e, pull->at, &holding);
	if (node->e < 0)
		gather_entry(pull, -node->e);
}

static void
forget_gathered(Pull *pull)
{
	for (int i = 0; i < pull->ntouched; i++)
		pull->values[pull->touched[i]].n = 0;
	pull->ntouched = 0;
}

/*
 * Pairs of an answer
 */

/* No value of a finished answer is of this type. */
#define NOT_THERE jbvBinary

static JsonbPair *
add_pair(PullNode *node, const DatomPullAttr *attr)
{
	JsonbPair  *pair = &node->pairs[node->npairs++];

	pair->key = attr->key;
	pair->order = attr->rank;
	pair->value.type = NOT_THERE;
	return pair;
}

/* A value of type json may be a container, which must be taken apart. */
static void
value_json(const DatomValue *v, JsonbValue *out)
{
	JsonbParseState *state = NULL;
	JsonbValue	binary;

	datom_value_push_json(out, v);
	if (out->type != jbvBinary)
		return;
	binary = *out;
	pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
	pushJsonbValue(&state, WJB_ELEM, &binary);
	*out = pushJsonbValue(&state, WJB_END_ARRAY, NULL)->val.array.elems[0];
}

static void
set_array(JsonbValue *out, JsonbValue *elems, int n)
{
	out->type = jbvArray;
	out->val.array.nElems = n;
	out->val.array.elems = elems;
	out->val.array.rawScalar = false;
}

static void
add_plain(PullNode *node, const DatomPullAttr *attr, const Values *values)
{
	JsonbPair  *pair = add_pair(node, attr);
	int			n = Min(values->n, attr->limit);
	JsonbValue *elems;

	if (!attr->many && values->n == 1)
	{
		value_json(values->v[0], &pair->value);
		return;
	}
	elems = palloc_extended(sizeof(JsonbValue) * n, MCXT_ALLOC_HUGE);
	for (int i = 0; i < n; i++)
		value_json(values->v[i], &elems[i]);
	set_array(&pair->value, elems, n);
}

static Pending *
add_pending(Level *level, PullNode *node, const DatomPullAttr *attr)
{
	Pending    *pending;

	if (level->npending == level->room)
	{
		level->room = Max(16, level->room * 2);
		level->pending = level->pending ?
			repalloc_huge(level->pending, sizeof(Pending) * level->room) :
			palloc(sizeof(Pending) * level->room);
	}
	pending = &level->pending[level->npending++];
	memset(pending, 0, sizeof(*pending));
	pending->node = node;
	pending->attr = attr;
	pending->pair = add_pair(node, attr) - node->pairs;
	pending->left = attr->limit;
	return pending;
}

static void
add_refs(Level *level, PullNode *node, const DatomPullAttr *attr, const Values *values)
{
	Pending    *pending = add_pending(level, node, attr);

	pending->targets = palloc_extended(sizeof(DatomHolder) * values->n, MCXT_ALLOC_HUGE);
	for (int i = 0; i < values->n; i++)
		if (datom_value_kind(values->v[i]) == DATOM_REF)
			pending->targets[pending->ntargets++] = (DatomHolder) {
				.e = datom_value_get_int(values->v[i]), .sure = true
			};
}

static void
add_fallback(PullNode *node, const DatomPullAttr *attr)
{
	if (attr->fallback)
		add_pair(node, attr)->value = *attr->fallback;
}

static int
by_value(const void *a, const void *b)
{
	return datom_value_cmp(*(DatomValue *const *) a, *(DatomValue *const *) b);
}

static void
add_column(Pull *pull, Level *level, PullNode *node, int column)
{
	const DatomPullColumn *asked = &node->plan->columns[column];
	Values	   *values = &pull->values[column];

	if (values->n > 1)
		qsort(values->v, values->n, sizeof(DatomValue *), by_value);
	for (int i = 0; i < asked->nattrs; i++)
	{
		const DatomPullAttr *attr = &asked->attrs[i];

		if (values->n == 0)
			add_fallback(node, attr);
		else if (attr->sub)
			add_refs(level, node, attr, values);
		else
			add_plain(node, attr, values);
	}
}

typedef struct Reference
{
	const DatomAttr *attr;
	int64		to;
	bool		holds;
} Reference;

static int
choose_reference(void *arg, const char *a, int alen)
{
	const DatomAttr *attr = ((Reference *) arg)->attr;

	return attr->len == alen && memcmp(attr->ident, a, alen) == 0 ? 0 : -1;
}

static void
take_reference(void *arg, int which, DatomValue *v)
{
	Reference  *reference = arg;

	reference->holds |= datom_value_kind(v) == DATOM_REF &&
		datom_value_get_int(v) == reference->to;
}

static bool
refers(Pull *pull, const DatomPullAttr *attr, const DatomHolder *holder, int64 to)
{
	Reference	reference = {.attr = attr->attr, .to = to};
	DatomHolding holding = {
		.which = choose_reference, .take = take_reference, .arg = &reference
	};

	CHECK_FOR_INTERRUPTS();
	if (holder->sure)
		return true;
	datom_facts_holding(pull->reader, holder->e, pull->at, &holding);
	return reference.holds;
}

static void
add_reverse(Pull *pull, Level *level, PullNode *node, const DatomPullAttr *attr)
{
	DatomHolder *targets = NULL;
	int			n = 0;
	int			first = 0;
	Pending    *pending;

	if (attr->sub)
		n = datom_facts_holders(pull->reader, attr->attr, datom_value_make_ref(node->e), &targets);
	while (first < n && !refers(pull, attr, &targets[first], node->e))
		first++;
	if (first == n)
	{
		add_fallback(node, attr);
		return;
	}
	targets[first].sure = true;
	pending = add_pending(level, node, attr);
	pending->targets = targets + first;
	pending->ntargets = attr->many ? n - first : 1;
}

static int
most_pairs(const Pull *pull, const DatomPullPlan *plan)
{
	int			n = plan->nids + plan->nreverse;

	for (int i = 0; i < pull->ntouched; i++)
		n += plan->columns[pull->touched[i]].nattrs;
	for (int i = 0; i < plan->nfallbacks; i++)
		n += plan->columns[plan->fallbacks[i]].nattrs;
	return n;
}

/* All of a node's answer but what refs lead to. */
static void
visit(Pull *pull, Level *level, PullNode *node)
{
	const DatomPullPlan *plan = node->plan;
	int			room;

	CHECK_FOR_INTERRUPTS();
	gather(pull, node);
	room = most_pairs(pull, plan);
	spend(pull, sizeof(JsonbPair) * room);
	node->pairs = palloc(sizeof(JsonbPair) * Max(room, 1));
	for (int i = 0; i < pull->ntouched; i++)
		add_column(pull, level, node, pull->touched[i]);
	for (int i = 0; i < plan->nfallbacks; i++)
		if (pull->values[plan->fallbacks[i]].n == 0)
			add_column(pull, level, node, plan->fallbacks[i]);
	forget_gathered(pull);
	for (int i = 0; i < plan->nids; i++)
	{
		JsonbValue *id = &add_pair(node, &plan->ids[i])->value;

		id->type = jbvNumeric;
		id->val.numeric = int64_to_numeric(node->e);
	}
	for (int i = 0; i < plan->nreverse; i++)
		add_reverse(pull, level, node, &plan->reverse[i]);
}

static int
by_order(const void *a, const void *b)
{
	const JsonbPair *x = a;
	const JsonbPair *y = b;

	return x->order < y->order ? -1 : x->order > y->order;
}

/* A few are sorted by their numbers, because pairs are large. */
#define FEW_PAIRS 32

static JsonbPair *
sort_pairs(JsonbPair *pairs, int n)
{
	JsonbPair  *sorted;
	uint8		places[FEW_PAIRS];

	if (n > FEW_PAIRS)
	{
		qsort(pairs, n, sizeof(JsonbPair), by_order);
		return pairs;
	}
	for (int i = 0; i < n; i++)
	{
		int			k = i;

		for (; k > 0 && pairs[places[k - 1]].order > pairs[i].order; k--)
			places[k] = places[k - 1];
		places[k] = i;
	}
	sorted = palloc(sizeof(JsonbPair) * Max(n, 1));
	for (int i = 0; i < n; i++)
		sorted[i] = pairs[places[i]];
	/* The next node's are sorted into its room. */
	pfree(pairs);
	return sorted;
}

static bool
is_same_key(const JsonbPair *x, const JsonbPair *y)
{
	return x->key.val.string.len == y->key.val.string.len &&
		memcmp(x->key.val.string.val, y->key.val.string.val, x->key.val.string.len) == 0;
}

/* The object of the pairs that have a value, in the order that jsonb wants. */
static void
finish(PullNode *node)
{
	JsonbPair  *pairs = node->pairs = sort_pairs(node->pairs, node->npairs);
	int			n = 0;

	for (int i = 0; i < node->npairs; i++)
	{
		if (pairs[i].value.type == NOT_THERE)
			continue;
		if (node->plan->repeats && n > 0 && is_same_key(&pairs[n - 1], &pairs[i]))
			n--;
		if (n != i)
			pairs[n] = pairs[i];
		n++;
	}
	node->is_done = true;
	if (n == 0)
		return;
	node->answer = palloc(sizeof(JsonbValue));
	node->answer->type = jbvObject;
	node->answer->val.object.nPairs = n;
	node->answer->val.object.pairs = pairs;
}

/*
 * Following refs
 */

static bool
is_seen(const Seen *seen, int64 e)
{
	for (; seen; seen = seen->before)
		if (seen->e == e)
			return true;
	return false;
}

static const Countdown *
find_count(const Countdown *counts, int counter)
{
	while (counts && counts->counter != counter)
		counts = counts->before;
	return counts;
}

static void
answer_id(PullNode *child)
{
	child->answer = palloc(sizeof(JsonbValue));
	datom_pull_id(child->e, child->answer);
	child->is_done = true;
}

/* Enters an entity by an attribute that may lead back to it. */
static void
expand(PullNode *child, const PullNode *node, const DatomPullAttr *attr)
{
	const Countdown *count = attr->depth != 0 ? find_count(node->counts, attr->counter) : NULL;
	int64		left = count ? count->left : attr->depth;
	Seen	   *seen;
	Countdown  *next;

	if (is_seen(node->seen, child->e))
	{
		answer_id(child);
		return;
	}
	if (count && count->left == 0)
	{
		child->is_done = true;
		return;
	}
	seen = palloc(sizeof(Seen));
	*seen = (Seen) {.e = child->e, .before = node->seen};
	child->seen = seen;
	if (left <= 0)
		return;
	next = palloc(sizeof(Countdown));
	*next = (Countdown) {.counter = attr->counter, .left = left - 1, .before = node->counts};
	child->counts = next;
}

static void
begin_child(PullNode *child, int64 e, const PullNode *node, const DatomPullAttr *attr)
{
	*child = (PullNode) {.e = e, .plan = attr->sub, .seen = node->seen, .counts = node->counts};
	if (attr->expands)
		expand(child, node, attr);
	else if (attr->sub->is_id)
		answer_id(child);
}

/* How many children a round may give at most. */
static int64
wanted(const Pending *pending)
{
	return Min(pending->left, pending->ntargets - pending->next);
}

static void
begin_children(Pull *pull, Pending *pending, PullNode *children)
{
	int64		most = wanted(pending);

	pending->children = children;
	pending->nchildren = 0;
	while (pending->nchildren < most && pending->next < pending->ntargets)
	{
		const DatomHolder *target = &pending->targets[pending->next++];

		if (refers(pull, pending->attr, target, pending->node->e))
			begin_child(&children[pending->nchildren++], target->e, pending->node, pending->attr);
	}
}

static void
take_children(Pending *pending)
{
	if (pending->nelems + pending->nchildren > pending->room)
	{
		pending->room = pending->nelems + pending->nchildren;
		pending->elems = pending->elems ?
			repalloc_huge(pending->elems, sizeof(JsonbValue) * pending->room) :
			palloc_extended(sizeof(JsonbValue) * pending->room, MCXT_ALLOC_HUGE);
	}
	for (int i = 0; i < pending->nchildren; i++)
		if (pending->children[i].answer)
		{
			pending->elems[pending->nelems++] = *pending->children[i].answer;
			pending->left--;
		}
}

/* One level below, for all that is pending; false: there was nothing left to do. */
static bool
follow(Pull *pull, Level *level)
{
	int64		most = 0;
	int			n = 0;
	PullNode	   *children;

	for (int i = 0; i < level->npending; i++)
		most += wanted(&level->pending[i]);
	if (most == 0)
		return false;
	spend(pull, sizeof(PullNode) * most);
	children = palloc_extended(sizeof(PullNode) * most, MCXT_ALLOC_HUGE);
	for (int i = 0; i < level->npending; i++)
	{
		begin_children(pull, &level->pending[i], children + n);
		n += level->pending[i].nchildren;
	}
	pull_level(pull, children, n);
	for (int i = 0; i < level->npending; i++)
		take_children(&level->pending[i]);
	pfree(children);
	return true;
}

static void
settle_pending(const Pending *pending)
{
	JsonbValue *value = &pending->node->pairs[pending->pair].value;

	if (pending->nelems == 0)
		return;
	if (!pending->attr->many && pending->ntargets == 1)
		*value = pending->elems[0];
	else
		set_array(value, pending->elems, pending->nelems);
}

/*
 * Levels
 */

static int
by_entity(const void *a, const void *b)
{
	const PullNode *x = *(PullNode *const *) a;
	const PullNode *y = *(PullNode *const *) b;

	if (x->e != y->e)
		return x->e < y->e ? -1 : 1;
	return x->plan < y->plan ? -1 : x->plan > y->plan;
}

/* Those that have no answer yet, by entity. */
static int
arrange(PullNode *nodes, int n, PullNode **arranged)
{
	int			count = 0;

	for (int i = 0; i < n; i++)
		if (!nodes[i].is_done)
			arranged[count++] = &nodes[i];
	qsort(arranged, count, sizeof(PullNode *), by_entity);
	return count;
}

/* Has it the answer of the one before? */
static bool
is_same(PullNode *const *arranged, int i)
{
	return i > 0 && arranged[i]->plan->is_pure && by_entity(&arranged[i - 1], &arranged[i]) == 0;
}

static void
pull_level(Pull *pull, PullNode *nodes, int n)
{
	PullNode	  **arranged = palloc_extended(sizeof(PullNode *) * Max(n, 1), MCXT_ALLOC_HUGE);
	Level		level = {0};

	check_stack_depth();
	n = arrange(nodes, n, arranged);
	for (int i = 0; i < n; i++)
		if (!is_same(arranged, i))
			visit(pull, &level, arranged[i]);
	while (follow(pull, &level))
		;
	for (int i = 0; i < level.npending; i++)
		settle_pending(&level.pending[i]);
	for (int i = 0; i < n; i++)
		if (is_same(arranged, i))
			arranged[i]->answer = arranged[i - 1]->answer;
		else
			finish(arranged[i]);
	pfree(arranged);
}

DatomPulled *
datom_pull_run(DatomReader *reader, TimestampTz at, const DatomPullPlan *plan,
			   const int64 *e, int n)
{
	Pull		pull = {.reader = reader, .at = at};
	PullNode	   *nodes = palloc_extended(sizeof(PullNode) * Max(n, 1), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);

	for (int i = 0; i < n; i++)
	{
		nodes[i].e = e[i];
		nodes[i].plan = plan;
	}
	pull_level(&pull, nodes, n);
	return nodes;
}

Jsonb *
datom_pull_answer(const DatomPulled *pulled, int i)
{
	return pulled[i].answer ? JsonbValueToJsonb(pulled[i].answer) : NULL;
}
