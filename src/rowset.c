/*
 * rowset.c: rows in memory.
 *
 * An array of rows, and chains through it: the rows of one entity, of one
 * attribute and value, and those about attributes. Attributes and values are
 * known by their hashes only, so a chain may hold rows of others, too.
 *
 * Rows are added and never removed. What they point to is allocated in pieces
 * of CHUNK bytes and does not move.
 */
#include "rowset.h"

#include "common/hashfn.h"
#include "utils/memutils.h"

#include "schema.h"

#define CHUNK (32 * 1024)

enum
{
	BY_ENTITY,
	BY_VALUE,
	BY_SCHEMA,
	CHAINS
};

#define END (-1)

typedef struct SetRow
{
	DatomRow	row;
	TransactionId xmin;
	int			next[CHAINS];
} SetRow;

/* Where a chain begins. */
typedef struct ChainHead
{
	uint64		key;
	int			first;
	char		status;
} ChainHead;

#define SH_PREFIX chainheads
#define SH_ELEMENT_TYPE ChainHead
#define SH_KEY_TYPE uint64
#define SH_KEY key
#define SH_HASH_KEY(tb, key) ((uint32) ((uint64) (key) * UINT64CONST(0x9E3779B97F4A7C15) >> 32))
#define SH_EQUAL(tb, a, b) ((a) == (b))
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

struct DatomRowSet
{
	MemoryContext context;
	SetRow	   *rows;
	int			count;
	int			room;
	chainheads_hash *heads[BY_SCHEMA];
	int			schema;
	char	   *chunk;			/* what is left of it */
	Size		chunk_left;
	const char *ident;			/* of the row added last */
	int			ident_len;
};

DatomRowSet *
datom_rowset_create(MemoryContext parent)
{
	MemoryContext context = AllocSetContextCreate(parent, "datom rows",
												  ALLOCSET_DEFAULT_SIZES);
	DatomRowSet *set = MemoryContextAllocZero(context, sizeof(DatomRowSet));

	set->context = context;
	set->room = 32;
	set->rows = MemoryContextAlloc(context, sizeof(SetRow) * set->room);
	set->heads[BY_ENTITY] = chainheads_create(context, 32, NULL);
	set->heads[BY_VALUE] = chainheads_create(context, 32, NULL);
	set->schema = END;
	return set;
}

MemoryContext
datom_rowset_context(const DatomRowSet *set)
{
	return set->context;
}

Size
datom_rowset_size(const DatomRowSet *set)
{
	return MemoryContextMemAllocated(set->context, false);
}

int
datom_rowset_count(const DatomRowSet *set)
{
	return set->count;
}

static void *
keep(DatomRowSet *set, const void *bytes, Size size)
{
	Size		taken = MAXALIGN(size);
	char	   *kept;

	if (taken > CHUNK / 8)
		kept = MemoryContextAlloc(set->context, size);
	else
	{
		if (taken > set->chunk_left)
		{
			set->chunk = MemoryContextAlloc(set->context, CHUNK);
			set->chunk_left = CHUNK;
		}
		kept = set->chunk;
		set->chunk += taken;
		set->chunk_left -= taken;
	}
	memcpy(kept, bytes, size);
	return kept;
}

static const char *
keep_ident(DatomRowSet *set, const char *a, int alen)
{
	if (set->ident == NULL || set->ident_len != alen || memcmp(set->ident, a, alen) != 0)
	{
		set->ident = keep(set, a, alen);
		set->ident_len = alen;
	}
	return set->ident;
}

static uint64
value_key(const char *a, int alen, const DatomValue *v)
{
	return hash_combine64(hash_bytes_extended((const unsigned char *) a, alen, 0),
						  datom_value_hash(v));
}

static int
chain(DatomRowSet *set, int which, uint64 key, int at)
{
	bool		found;
	ChainHead  *head = chainheads_insert(set->heads[which], key, &found);
	int			next = found ? head->first : END;

	head->first = at;
	return next;
}

void
datom_rowset_add(DatomRowSet *set, const DatomRow *row, TransactionId xmin)
{
	int			at = set->count;
	SetRow	   *added;

	if (at == set->room)
		set->rows = repalloc_huge(set->rows, sizeof(SetRow) * (set->room *= 2));
	added = &set->rows[at];
	added->row = *row;
	added->xmin = xmin;
	added->row.a = keep_ident(set, row->a, row->alen);
	added->row.v = keep(set, row->v, VARSIZE_ANY(row->v));
	added->next[BY_ENTITY] = chain(set, BY_ENTITY, (uint64) row->e, at);
	added->next[BY_VALUE] = chain(set, BY_VALUE, value_key(row->a, row->alen, row->v), at);
	added->next[BY_SCHEMA] = END;
	if (datom_schema_reserved(row->a, row->alen))
	{
		added->next[BY_SCHEMA] = set->schema;
		set->schema = at;
	}
	set->count++;
}

void
datom_rowset_all(DatomRowSetWalk *walk, const DatomRowSet *set)
{
	*walk = (DatomRowSetWalk) {
		.set = set, .chain = -1, .at = set->count - 1
	};
}

static void
walk_chain(DatomRowSetWalk *walk, const DatomRowSet *set, int which, uint64 key)
{
	ChainHead  *head = chainheads_lookup(set->heads[which], key);

	*walk = (DatomRowSetWalk) {
		.set = set, .chain = which, .at = head ? head->first : END
	};
}

void
datom_rowset_entity(DatomRowSetWalk *walk, const DatomRowSet *set, int64 e)
{
	walk_chain(walk, set, BY_ENTITY, (uint64) e);
}

void
datom_rowset_value(DatomRowSetWalk *walk, const DatomRowSet *set,
				   const char *a, int alen, const DatomValue *v)
{
	walk_chain(walk, set, BY_VALUE, value_key(a, alen, v));
}

void
datom_rowset_schema(DatomRowSetWalk *walk, const DatomRowSet *set)
{
	*walk = (DatomRowSetWalk) {
		.set = set, .chain = BY_SCHEMA, .at = set->schema
	};
}

const DatomRow *
datom_rowset_next(DatomRowSetWalk *walk)
{
	const SetRow *row;

	if (walk->at == END)
		return NULL;
	row = &walk->set->rows[walk->at];
	walk->last = walk->at;
	walk->at = walk->chain < 0 ? walk->at - 1 : row->next[walk->chain];
	return &row->row;
}

TransactionId
datom_rowset_xmin(const DatomRowSetWalk *walk)
{
	return walk->set->rows[walk->last].xmin;
}
