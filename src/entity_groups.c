/*
 * entity_groups.c: which rows belong together.
 *
 * Each key has a table that numbers its distinct values, by the hash function and
 * the equality of its type. A second key makes pairs of such numbers, a further
 * table numbers those, and so on: however many keys there are, a value is compared
 * only with values of its own column. Where the scan lists the distinct values of
 * a batch, each is looked up once for the batch.
 *
 * Equal values may print differently (1.0 and 1.00). A group shows those of its
 * first row, as a hash aggregate does: rows are looked at in their order, and the
 * keys of a new group are taken from the row that begins it.
 *
 * All groups stay in memory. Plans with more groups than hash memory holds are not
 * offered; when there are more than was expected, memory grows.
 */
#include "entity_groups.h"

#include "common/hashfn.h"
#include "fmgr.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#define NONE PG_UINT32_MAX

/* Distinct values, numbered. */
typedef struct Numbering
{
	uint32	   *slots;			/* number plus 1; 0 is free */
	uint32		mask;			/* of slots */
	uint32		count;
	uint32		room;			/* half as many as slots */
	uint32		null;			/* the number of null, which no slot has; or NONE */
	uint32	   *hashes;			/* by number, as what follows */
	Datum	   *values;
} Numbering;

/* When two values of a type are equal. */
typedef enum Equality
{
	BY_WORD,					/* the same datum */
	BY_BYTES,					/* of a varlena, the same bytes */
	BY_FUNCTION
} Equality;

typedef struct Key
{
	int			column;
	Equality	equality;
	FmgrInfo	hash;
	FmgrInfo	equal;
	Oid			collation;
	int16		len;
	bool		byval;
	Numbering	numbering;

	/* the batch */
	const Datum *values;		/* of each row, or of each code */
	const bool *nulls;
	const uint16 *codes;		/* NULL: not listed */
	int			ncodes;
	uint32		numbers[DATOM_BATCH];	/* of each selected row's value */
} Key;

struct DatomGroups
{
	MemoryContext context;
	int			nkeys;
	Key		   *keys;
	Numbering  *pairs;			/* of the keys up to one, and the next */
	uint32		count;
	uint32		room;
	Datum	   *first;			/* keys of each group's first row */
	bool	   *first_null;
	uint32		groups[DATOM_BATCH];
};

static inline uint32
hash_word(uint64 word)
{
	word ^= word >> 33;
	word *= UINT64CONST(0xff51afd7ed558ccd);
	word ^= word >> 33;
	word *= UINT64CONST(0xc4ceb9fe1a85ec53);
	return (uint32) (word >> 32);
}

/*
 * Numberings
 */

#define FIRST_ROOM 1024

static void *
more(MemoryContext context, void *old, Size size)
{
	return old ? repalloc_huge(old, size) : MemoryContextAllocHuge(context, size);
}

static void
grow(MemoryContext context, Numbering *numbering)
{
	uint32		room = numbering->room ? numbering->room * 2 : FIRST_ROOM;

	if (room >= PG_UINT32_MAX / 4)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many groups in an aggregate of an entity table"),
				 errhint("Turn off datom.enable_aggregates.")));
	if (numbering->slots)
		pfree(numbering->slots);
	numbering->slots = MemoryContextAllocExtended(context, sizeof(uint32) * 2 * (Size) room,
												  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	numbering->hashes = more(context, numbering->hashes, sizeof(uint32) * (Size) room);
	numbering->values = more(context, numbering->values, sizeof(Datum) * (Size) room);
	numbering->room = room;
	numbering->mask = 2 * room - 1;
	for (uint32 i = 0; i < numbering->count; i++)
	{
		uint32		slot = numbering->hashes[i] & numbering->mask;

		while (numbering->slots[slot] != 0)
			slot = (slot + 1) & numbering->mask;
		if (i != numbering->null)
			numbering->slots[slot] = i + 1;
	}
}

static void
init_numbering(MemoryContext context, Numbering *numbering)
{
	numbering->null = NONE;
	grow(context, numbering);
}

/* A new value, which found a free slot; the number it has from now on. */
static uint32
append(MemoryContext context, Numbering *numbering, uint32 hash, Datum value, uint32 slot)
{
	numbering->hashes[numbering->count] = hash;
	numbering->values[numbering->count] = value;
	numbering->slots[slot] = ++numbering->count;
	if (numbering->count == numbering->room)
		grow(context, numbering);
	return numbering->count - 1;
}

/* For words that are equal only to themselves. */
static inline uint32
number_of_word(MemoryContext context, Numbering *numbering, Datum word)
{
	uint32		hash = hash_word(word);
	uint32		slot = hash & numbering->mask;

	for (uint32 found; (found = numbering->slots[slot]) != 0; slot = (slot + 1) & numbering->mask)
		if (numbering->values[found - 1] == word)
			return found - 1;
	return append(context, numbering, hash, word, slot);
}

static inline uint32
hash_of(Key *key, Datum value)
{
	struct varlena *bytes = (struct varlena *) DatumGetPointer(value);

	if (key->equality == BY_BYTES)
		return hash_bytes((const unsigned char *) VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
	return murmurhash32(DatumGetUInt32(FunctionCall1Coll(&key->hash, key->collation, value)));
}

static inline bool
is_equal(Key *key, Datum a, Datum b)
{
	struct varlena *x = (struct varlena *) DatumGetPointer(a);
	struct varlena *y = (struct varlena *) DatumGetPointer(b);

	if (key->equality == BY_BYTES)
		return VARSIZE_ANY_EXHDR(x) == VARSIZE_ANY_EXHDR(y) &&
			memcmp(VARDATA_ANY(x), VARDATA_ANY(y), VARSIZE_ANY_EXHDR(x)) == 0;
	return DatumGetBool(FunctionCall2Coll(&key->equal, key->collation, a, b));
}

static uint32
number_of_value(MemoryContext context, Key *key, Datum value)
{
	Numbering  *numbering = &key->numbering;
	uint32		hash;
	uint32		slot;
	MemoryContext old;

	if (key->equality == BY_BYTES)
		value = PointerGetDatum(PG_DETOAST_DATUM_PACKED(value));
	hash = hash_of(key, value);
	slot = hash & numbering->mask;
	for (uint32 found; (found = numbering->slots[slot]) != 0; slot = (slot + 1) & numbering->mask)
		if (numbering->hashes[found - 1] == hash &&
			is_equal(key, numbering->values[found - 1], value))
			return found - 1;
	old = MemoryContextSwitchTo(context);
	value = datumCopy(value, key->byval, key->len);
	MemoryContextSwitchTo(old);
	return append(context, numbering, hash, value, slot);
}

static uint32
number_of_null(MemoryContext context, Numbering *numbering)
{
	if (numbering->null == NONE)
	{
		numbering->null = numbering->count;
		numbering->hashes[numbering->count] = 0;
		numbering->values[numbering->count] = 0;
		if (++numbering->count == numbering->room)
			grow(context, numbering);
	}
	return numbering->null;
}

/*
 * Keys
 */

static Equality
equality_of(Oid function, Oid collation)
{
	switch (function)
	{
		case F_INT8EQ:
		case F_DATE_EQ:
		case F_TIMESTAMPTZ_EQ:
		case F_BOOLEQ:
			return BY_WORD;
		case F_BYTEAEQ:
			return BY_BYTES;
		case F_TEXTEQ:
			return get_collation_isdeterministic(collation) ? BY_BYTES : BY_FUNCTION;
		default:
			return BY_FUNCTION;
	}
}

static void
init_key(MemoryContext context, Key *key, const DatomGroupKey *asked)
{
	RegProcedure hash;

	if (!get_op_hash_functions(asked->equal, &hash, NULL))
		elog(ERROR, "operator %u does not hash", asked->equal);
	key->column = asked->column;
	key->collation = asked->collation;
	get_typlenbyval(asked->type, &key->len, &key->byval);
	fmgr_info_cxt(hash, &key->hash, context);
	fmgr_info_cxt(get_opcode(asked->equal), &key->equal, context);
	key->equality = equality_of(key->equal.fn_oid, key->collation);
	init_numbering(context, &key->numbering);
}

DatomGroups *
datom_groups_create(const DatomGroupKey *keys, int nkeys)
{
	DatomGroups *groups = palloc0(sizeof(DatomGroups));

	groups->context = CurrentMemoryContext;
	groups->nkeys = nkeys;
	groups->keys = palloc0(sizeof(Key) * nkeys);
	groups->pairs = palloc0(sizeof(Numbering) * nkeys);
	for (int i = 0; i < nkeys; i++)
	{
		init_key(groups->context, &groups->keys[i], &keys[i]);
		if (i > 0)
			init_numbering(groups->context, &groups->pairs[i]);
	}
	return groups;
}

static uint32
number_of(DatomGroups *groups, Key *key, Datum value, bool isnull)
{
	if (isnull)
		return number_of_null(groups->context, &key->numbering);
	if (key->equality == BY_WORD)
		return number_of_word(groups->context, &key->numbering, value);
	return number_of_value(groups->context, key, value);
}

static void
number_listed(DatomGroups *groups, Key *key, const DatomSelection *batch)
{
	uint32	   *of_code = palloc(sizeof(uint32) * (key->ncodes + 1));

	memset(of_code, 0xff, sizeof(uint32) * (key->ncodes + 1));
	for (int i = 0; i < batch->n; i++)
	{
		int			code = key->codes[batch->rows[i]];

		if (of_code[code] == NONE)
			of_code[code] = number_of(groups, key,
									  code < key->ncodes ? key->values[code] : 0,
									  code == key->ncodes);
		key->numbers[i] = of_code[code];
	}
	pfree(of_code);
}

static void
number_rows(DatomGroups *groups, Key *key, const DatomSelection *batch)
{
	if (datom_selected_listed(batch, key->column, &key->codes, &key->values, &key->ncodes))
	{
		number_listed(groups, key, batch);
		return;
	}
	key->codes = NULL;
	datom_selected_values(batch, key->column, &key->values, &key->nulls);
	for (int i = 0; i < batch->n; i++)
	{
		int			row = batch->rows[i];

		key->numbers[i] = number_of(groups, key, key->values[row], key->nulls[row]);
	}
}

static Datum
key_of_row(const Key *key, int row, bool *isnull)
{
	int			code;

	if (key->codes == NULL)
	{
		*isnull = key->nulls[row];
		return *isnull ? 0 : key->values[row];
	}
	code = key->codes[row];
	*isnull = code == key->ncodes;
	return *isnull ? 0 : key->values[code];
}

/*
 * Groups
 */

static void
make_room(DatomGroups *groups)
{
	uint32		room = groups->room ? groups->room * 2 : FIRST_ROOM;
	Size		keys = (Size) room * groups->nkeys;

	groups->first = more(groups->context, groups->first, sizeof(Datum) * keys);
	groups->first_null = more(groups->context, groups->first_null, sizeof(bool) * keys);
	groups->room = room;
}

/* What the numbering keeps serves, unless it prints differently. */
static Datum
keep_key(DatomGroups *groups, const Key *key, uint32 number, Datum value)
{
	Datum		kept = key->numbering.values[number];
	MemoryContext old;

	if (datumIsEqual(kept, value, key->byval, key->len))
		return kept;
	old = MemoryContextSwitchTo(groups->context);
	value = datumCopy(value, key->byval, key->len);
	MemoryContextSwitchTo(old);
	return value;
}

/* The group that the i-th selected row begins. */
static void
begin_group(DatomGroups *groups, const DatomSelection *batch, int i)
{
	Size		at = (Size) groups->count * groups->nkeys;

	if (groups->count == groups->room)
		make_room(groups);
	for (int k = 0; k < groups->nkeys; k++)
	{
		const Key  *key = &groups->keys[k];
		bool		isnull;
		Datum		value = key_of_row(key, batch->rows[i], &isnull);

		groups->first[at + k] = isnull ? 0 : keep_key(groups, key, key->numbers[i], value);
		groups->first_null[at + k] = isnull;
	}
	groups->count++;
}

const uint32 *
datom_groups_of(DatomGroups *groups, const DatomSelection *batch)
{
	number_rows(groups, &groups->keys[0], batch);
	memcpy(groups->groups, groups->keys[0].numbers, sizeof(uint32) * batch->n);
	for (int k = 1; k < groups->nkeys; k++)
	{
		Key		   *key = &groups->keys[k];

		number_rows(groups, key, batch);
		for (int i = 0; i < batch->n; i++)
			groups->groups[i] = number_of_word(groups->context, &groups->pairs[k],
											   (Datum) groups->groups[i] << 32 | key->numbers[i]);
	}
	for (int i = 0; i < batch->n; i++)
		if (groups->groups[i] == groups->count)
			begin_group(groups, batch, i);
	return groups->groups;
}

uint32
datom_groups_count(const DatomGroups *groups)
{
	return groups->count;
}

Datum
datom_groups_key(const DatomGroups *groups, uint32 group, int key, bool *isnull)
{
	Size		at = (Size) group * groups->nkeys + key;

	*isnull = groups->first_null[at];
	return groups->first[at];
}

Size
datom_groups_size(int nkeys)
{
	/* A numbering half full, of each key and each pair, and the keys. */
	Size		numbering = 2 * (2 * sizeof(uint32) + sizeof(uint32) + sizeof(Datum));

	return numbering * (2 * nkeys - 1) + (sizeof(Datum) + sizeof(bool)) * nkeys;
}
