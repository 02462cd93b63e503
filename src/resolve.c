/*
 * resolve.c: from names to entities.
 *
 * Nodes that turn out to be one entity are joined (union-find over `same`; the
 * one that is known, or else the first, speaks for all). An assertion of an
 * identity value joins its entity with the owner of that value in the log, and
 * with every other node in the data that asserts the same value. An identity
 * value may itself be a ref, to an entity that is not known yet: for as long,
 * the number of its node is the value. What is learned of one may tell of
 * another, so this is repeated until nothing new is learned.
 */
#include "resolve.h"

#include "commands/sequence.h"
#include "common/hashfn.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

/* Who asserts an identity value in these data. */
typedef struct ClaimKey
{
	const DatomAttr *attr;
	DatomValue *v;
} ClaimKey;

typedef struct Claim
{
	ClaimKey	key;
	TxNode	   *node;
	uint32		hash;
	char		status;
} Claim;

static inline uint32
claim_hash(ClaimKey key)
{
	return hash_combine(datom_value_hash(key.v),
						hash_bytes((const unsigned char *) key.attr->ident, key.attr->len));
}

#define SH_PREFIX claims
#define SH_ELEMENT_TYPE Claim
#define SH_KEY_TYPE ClaimKey
#define SH_KEY key
#define SH_HASH_KEY(tb, k) claim_hash(k)
#define SH_EQUAL(tb, a, b) ((a).attr == (b).attr && datom_value_equal((a).v, (b).v))
#define SH_STORE_HASH
#define SH_GET_HASH(tb, a) (a)->hash
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

TxNode *
datom_resolve_find(TxNode *node)
{
	while (node->same)
	{
		if (node->same->same)
			node->same = node->same->same;
		node = node->same;
	}
	return node;
}

static void
refuse_two(TxData *data, const TxOp *op, int64 one, int64 other)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNIQUE_VIOLATION),
			 errmsg("the value of attribute \"%s\" in \"%s\" belongs to another entity",
					op->attr->ident, data->table),
			 datom_edn_at(op->pos,
						  psprintf("It identifies entity " INT64_FORMAT ", and the data speak of entity " INT64_FORMAT ".",
								   one, other))));
}

/* Joins two nodes; true if that was news. */
static bool
join(TxData *data, const TxOp *op, TxNode *a, TxNode *b)
{
	a = datom_resolve_find(a);
	b = datom_resolve_find(b);
	if (a == b)
		return false;
	if (a->e != 0 && b->e != 0)
	{
		if (a->e != b->e)
			refuse_two(data, op, a->e, b->e);
		return false;
	}
	if (a->e == 0)
		a->same = b;
	else
		b->same = a;
	return true;
}

int64
datom_resolve_lookup(DatomReader *reader, const DatomAttr *attr,
					 const DatomValue *v, TimestampTz at)
{
	int64	   *entities;
	int			n = datom_facts_with(reader, attr, v, at, &entities);

	return n > 0 ? entities[0] : 0;
}

static void
refuse_lookup(TxData *data, const TxNode *node)
{
	ereport(ERROR,
			(errcode(ERRCODE_NO_DATA_FOUND),
			 errmsg("no entity in \"%s\" has the value that is looked up by attribute \"%s\"",
					data->table, node->attr->ident),
			 datom_edn_at(node->pos, NULL)));
}

/*
 * Forgets what was found, and finds what the log alone can tell: the entities
 * of idents and lookup refs, which must exist.
 */
static void
resolve_lookups(TxData *data, DatomReader *reader)
{
	ListCell   *lc;

	foreach(lc, data->nodes)
	{
		TxNode	   *node = lfirst(lc);

		node->number = foreach_current_index(lc) + 1;
		node->same = NULL;
		node->fresh = false;
		node->e = 0;
		if (node->kind != NODE_LOOKUP)
			continue;
		node->e = datom_resolve_lookup(reader, node->attr, node->v, DT_NOEND);
		if (node->e == 0)
			refuse_lookup(data, node);
	}
}

static void
resolve_transaction(TxData *data, int64 tx)
{
	ListCell   *lc;

	foreach(lc, data->ops)
	{
		TxOp	   *op = lfirst(lc);

		if (op->e->kind == NODE_TX)
			op->e->e = -tx;
		if (op->v.node && op->v.node->kind == NODE_TX)
			op->v.node->e = -tx;
	}
}

/* What the claim to an identity value is known by. */
static DatomValue *
claimed_value(const TxOp *op)
{
	TxNode	   *node = op->v.node ? datom_resolve_find(op->v.node) : NULL;

	return node && node->e == 0 ?
		datom_value_make_ref(PG_INT64_MIN + node->number) :
		datom_resolve_value(&op->v);
}

/*
 * Learns from an assertion of an identity value; true if that was something.
 * That a known entity is given another's value is refused later, when it is
 * clear whether the other keeps it.
 */
static bool
resolve_identity(TxData *data, DatomReader *reader, claims_hash *claims, TxOp *op)
{
	TxNode	   *node = datom_resolve_find(op->e);
	Claim	   *claim;
	DatomValue *v;
	bool		found;

	v = claimed_value(op);
	claim = claims_insert(claims, (ClaimKey) {op->attr, v}, &found);
	if (found)
		return join(data, op, claim->node, node);
	claim->node = node;
	if (node->e == 0)
		node->e = datom_resolve_lookup(reader, op->attr, v, DT_NOEND);
	return true;
}

/*
 * Those of entities that are known, or the others. The known ones come first,
 * because a value that these data take from its owner is not the owner's.
 */
static bool
resolve_identities(TxData *data, DatomReader *reader, claims_hash *claims, bool known)
{
	bool		learned = false;
	ListCell   *lc;

	foreach(lc, data->ops)
	{
		TxOp	   *op = lfirst(lc);

		if (op->kind == OP_ADD && op->attr->unique == UNIQUE_IDENTITY &&
			(datom_resolve_find(op->e)->e != 0) == known)
			learned |= resolve_identity(data, reader, claims, op);
	}
	return learned;
}

void
datom_resolve(TxData *data, DatomReader *reader, int64 tx)
{
	claims_hash *claims = claims_create(CurrentMemoryContext, 64, NULL);
	bool		learned = true;

	resolve_lookups(data, reader);
	resolve_transaction(data, tx);
	while (learned)
		learned = resolve_identities(data, reader, claims, true) |
			resolve_identities(data, reader, claims, false);
	claims_destroy(claims);
}

int64
datom_resolve_new(const char *table, Oid sequence)
{
	if (!OidIsValid(sequence))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("datom table \"%s\" has no entity sequence", table),
				 errhint("Create it with datom.create(), or a sequence owned by its column e.")));
	return nextval_internal(sequence, false);
}

void
datom_resolve_allocate(TxData *data, Oid sequence)
{
	ListCell   *lc;

	foreach(lc, data->nodes)
	{
		TxNode	   *node = datom_resolve_find(lfirst(lc));

		if (node->e != 0)
			continue;
		node->e = datom_resolve_new(data->table, sequence);
		node->fresh = true;
	}
}

DatomValue *
datom_resolve_value(const TxValue *value)
{
	return value->node ?
		datom_value_make_ref(datom_resolve_find(value->node)->e) : value->v;
}
