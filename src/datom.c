/*
 * datom.c: what a sequence of records says.
 *
 * The log holds what was said; a fact is what held because of it. The fold
 * reads the records of one entity and attribute in the order of their
 * transactions, and inside one transaction retractions before assertions:
 *
 *	an assertion of a value that holds adds nothing;
 *	an assertion of another value ends the one before it, where the attribute
 *	was of cardinality one at that instant;
 *	a retraction ends a value that holds, and otherwise adds nothing;
 *	a value both retracted and asserted in one transaction is asserted;
 *	of equal values that one transaction asserts, such as 1.0M and 1.00M, the
 *	one with the shortest text is shown, whatever their order in the table.
 *
 * Every answer about the past is a selection of the facts that come out.
 */
#include "datom.h"

/*
 * The values that hold at one point of the fold: numbers of facts, and above
 * SMALL of them a hash from value to fact, so that a million values of one
 * attribute do not cost a million squared.
 */
typedef struct OpenValue
{
	DatomValue *v;
	int			slot;			/* index in Open.facts */
	uint32		hash;
	char		status;
} OpenValue;

#define SH_PREFIX openset
#define SH_ELEMENT_TYPE OpenValue
#define SH_KEY_TYPE DatomValue *
#define SH_KEY v
#define SH_HASH_KEY(tb, key) datom_value_hash(key)
#define SH_EQUAL(tb, a, b) datom_value_equal(a, b)
#define SH_STORE_HASH
#define SH_GET_HASH(tb, a) (a)->hash
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

#define SMALL 16

typedef struct Open
{
	int			small[SMALL];
	int		   *facts;
	int			count;
	int			room;
	openset_hash *index;
} Open;

/* By what is stored: 1.0M and 1.00M are equal, but not the same. */
static int
compare_bytes(const DatomValue *a, const DatomValue *b)
{
	int			alen = VARSIZE_ANY_EXHDR(a);
	int			blen = VARSIZE_ANY_EXHDR(b);

	return alen != blen ? (alen < blen ? -1 : 1) :
		memcmp(VARDATA_ANY(a), VARDATA_ANY(b), alen);
}

/*
 * Order of records: entity, attribute, transaction (by instant; those without
 * one by number), retraction before assertion, value, bytes of the value.
 *
 * Of several equal values the first one that is retracted ends a fact, and
 * whether it is the same value decides what an order holds of it. So nothing is
 * left to the sort: a merge of a few rows must see them as a build of all does,
 * or datom.check() finds a difference.
 */
int
datom_compare(const void *a, const void *b)
{
	const Datom *x = a;
	const Datom *y = b;
	int			order;

	if (x->e != y->e)
		return x->e < y->e ? -1 : 1;
	if (x->aid != y->aid)
		return x->aid < y->aid ? -1 : 1;
	if (x->instant != y->instant)
		return x->instant < y->instant ? -1 : 1;
	if (x->tx != y->tx)
		return x->tx < y->tx ? -1 : 1;
	if (x->added != y->added)
		return x->added ? 1 : -1;
	order = datom_value_cmp(x->v, y->v);
	return order != 0 ? order : compare_bytes(x->v, y->v);
}

static int
open_find(const Open *open, const DatomFact *facts, DatomValue *v)
{
	if (open->index)
	{
		OpenValue  *found = openset_lookup(open->index, v);

		return found ? found->slot : -1;
	}
	for (int i = 0; i < open->count; i++)
		if (datom_value_equal(facts[open->facts[i]].v, v))
			return i;
	return -1;
}

static void
open_index(Open *open, const DatomFact *facts, int slot)
{
	bool		found;
	OpenValue  *entry = openset_insert(open->index,
									   facts[open->facts[slot]].v, &found);

	entry->slot = slot;
}

static void
open_add(Open *open, const DatomFact *facts, int fact)
{
	if (open->count == open->room)
	{
		int		   *more = palloc(sizeof(int) * open->room * 2);

		memcpy(more, open->facts, sizeof(int) * open->count);
		if (open->facts != open->small)
			pfree(open->facts);
		open->facts = more;
		open->room *= 2;
	}
	open->facts[open->count++] = fact;
	if (open->index)
		open_index(open, facts, open->count - 1);
	else if (open->count > SMALL)
	{
		open->index = openset_create(CurrentMemoryContext, open->count * 2, NULL);
		for (int i = 0; i < open->count; i++)
			open_index(open, facts, i);
	}
}

/* Row k ends the value in this slot; the last one takes its place. */
static void
open_end(Open *open, DatomFact *facts, int slot, const Datom *rows, int k)
{
	DatomFact  *fact = &facts[open->facts[slot]];
	int			last = --open->count;

	fact->to_tx = rows[k].tx;
	fact->to = rows[k].instant;
	fact->ended_by = !rows[k].added && compare_bytes(rows[k].v, fact->v) == 0 ? k : -1;
	if (open->index)
		openset_delete(open->index, fact->v);
	if (slot != last)
	{
		open->facts[slot] = open->facts[last];
		if (open->index)
			openset_lookup(open->index, facts[open->facts[slot]].v)->slot = slot;
	}
}

static void
open_reset(Open *open)
{
	if (open->index)
		openset_destroy(open->index);
	if (open->facts != open->small)
		pfree(open->facts);
}

/* Is v among these assertions, which are sorted by value? */
static bool
asserts(const Datom *rows, int n, const DatomValue *v)
{
	while (n > 0)
	{
		int			middle = n / 2;
		int			order = datom_value_cmp(rows[middle].v, v);

		if (order == 0)
			return true;
		if (order < 0)
		{
			rows += middle + 1;
			n -= middle + 1;
		}
		else
			n = middle;
	}
	return false;
}

/* An equal value asserted by the transaction that the fact began with. */
static void
prefer(DatomFact *fact, const Datom *rows, int k)
{
	if (fact->tx == rows[k].tx && datom_value_preferred(rows[k].v, fact->v))
	{
		fact->v = rows[k].v;
		fact->began_by = k;
	}
}

/*
 * Folds the rows of one entity and attribute, sorted by datom_compare, into
 * facts in the order of their beginning, and returns how many. `facts` has
 * room for n. A fact that began and ended in one transaction is left out.
 */
int
datom_fold(const Datom *rows, int n, DatomManyFn many, const void *attr,
		   DatomFact *facts)
{
	Open		open = {.room = SMALL};
	int			count = 0;

	open.facts = open.small;
	for (int i = 0, end; i < n; i = end)
	{
		int			first = i;	/* first assertion of this transaction */
		int			began = count;

		for (end = i + 1; end < n && rows[end].tx == rows[i].tx; end++)
			;
		while (first < end && !rows[first].added)
			first++;
		for (int k = i; k < first; k++)
		{
			int			slot = open_find(&open, facts, rows[k].v);

			if (slot >= 0 && !asserts(rows + first, end - first, rows[k].v))
				open_end(&open, facts, slot, rows, k);
		}
		for (int k = first; k < end; k++)
		{
			int			slot = open_find(&open, facts, rows[k].v);

			if (slot >= 0)
			{
				prefer(&facts[open.facts[slot]], rows, k);
				continue;
			}
			if (!many(attr, rows[k].instant))
				while (open.count > 0)
					open_end(&open, facts, open.count - 1, rows, k);
			if (count > began && facts[count - 1].to_tx == rows[k].tx)
				count--;
			facts[count] = (DatomFact) {
				.v = rows[k].v, .tx = rows[k].tx, .from = rows[k].instant,
				.began_by = k, .ended_by = -1
			};
			open_add(&open, facts, count++);
		}
	}
	open_reset(&open);
	return count;
}
