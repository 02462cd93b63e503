/*
 * own.c: what the transaction in progress has appended, by entity, by attribute
 * and value, and what it has said about attributes.
 *
 * It only says where to look: each row is noted before it is inserted, and the
 * notes stay when a savepoint takes the row back. Nobody but this backend sees
 * them, and they go with the transaction.
 *
 *	value			a note for each row of an attribute that is looked up by its
 *					values; the others are `skipped`
 *	schema			a note for each row about attributes
 *	entity			none for the first transaction number, whose rows the index
 *					on (tx, e) finds; so none at all but for imports and restores
 *
 * A note is left out if the one before it under the same key is the same. When
 * the notes of a table fill NOTES_KB, a Bloom filter takes the keys that come
 * after. Then a key that is in it means that all rows must be read.
 */
#include "own.h"

#include "access/xact.h"
#include "common/hashfn.h"
#include "lib/bloomfilter.h"
#include "utils/memutils.h"

#include "schema.h"

#define NOTES_KB (256 * 1024)
/* 32 MB; with 50 million keys one in a hundred is found in vain. */
#define OVERFLOW_KB (32 * 1024)
#define OVERFLOW_ELEMENTS INT64CONST(64 * 1024 * 1024)

/* Of the rows about attributes, all under one key. */
#define SCHEMA_KEY UINT64CONST(0x64617475)
#define ENTITY_SEED 1
#define VALUE_SEED 2

/* A key, or the number of a transaction, and where it leads. */
typedef struct OwnSlot
{
	uint64		key;
	uint32		at;
	char		status;
} OwnSlot;

#define SH_PREFIX ownslots
#define SH_ELEMENT_TYPE OwnSlot
#define SH_KEY_TYPE uint64
#define SH_KEY key
#define SH_HASH_KEY(tb, key) ((uint32) ((uint64) (key) * UINT64CONST(0x9E3779B97F4A7C15) >> 32))
#define SH_EQUAL(tb, a, b) ((a) == (b))
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

#define NO_NOTE PG_UINT32_MAX

typedef struct Note
{
	int64		e;
	uint32		txno;
	uint32		next;			/* under the same key; NO_NOTE: none */
} Note;

struct DatomOwn
{
	Oid			relid;
	MemoryContext context;
	bool		full;			/* no more notes are taken */
	char	  **skipped;		/* attributes of which rows are not noted by value */
	int			nskipped;
	int64	   *txs;
	uint32		ntxs;
	uint32		txs_room;
	uint32		last_txno;
	ownslots_hash *by_tx;
	ownslots_hash *by_key;
	Note	   *notes;
	uint32		count;
	uint32		room;
	bloom_filter *overflow;
	struct DatomOwn *next;
};

static DatomOwn *owns = NULL;	/* in TopTransactionContext */

static uint64
entity_key(int64 e)
{
	return hash_bytes_extended((const unsigned char *) &e, sizeof(e), ENTITY_SEED);
}

static uint64
value_key(const char *a, int alen, const DatomValue *v)
{
	return hash_combine64(hash_bytes_extended((const unsigned char *) a, alen, VALUE_SEED),
						  datom_value_hash(v));
}

DatomOwn *
datom_own_find(Oid relid)
{
	DatomOwn   *own = owns;

	while (own && own->relid != relid)
		own = own->next;
	return own;
}

static DatomOwn *
own_create(Oid relid)
{
	MemoryContext context = AllocSetContextCreate(TopTransactionContext, "datom own rows",
												  ALLOCSET_DEFAULT_SIZES);
	DatomOwn   *own = MemoryContextAllocZero(context, sizeof(DatomOwn));

	own->relid = relid;
	own->context = context;
	own->by_tx = ownslots_create(context, 4, NULL);
	own->by_key = ownslots_create(context, 64, NULL);
	own->txs_room = 4;
	own->txs = MemoryContextAlloc(context, sizeof(int64) * own->txs_room);
	own->room = 64;
	own->notes = MemoryContextAlloc(context, sizeof(Note) * own->room);
	own->next = owns;
	owns = own;
	return own;
}

/* Room is made before anything is entered, because it may raise an error. */
static void
grow_txs(DatomOwn *own)
{
	own->txs = repalloc_huge(own->txs, sizeof(int64) * own->txs_room * 2);
	own->txs_room *= 2;
}

static void
grow_notes(DatomOwn *own)
{
	own->notes = repalloc_huge(own->notes, sizeof(Note) * own->room * 2);
	own->room *= 2;
}

/* The place of a number in txs. */
static uint32
number_tx(DatomOwn *own, int64 tx)
{
	OwnSlot    *slot;
	bool		found;

	if (own->ntxs > 0 && own->txs[own->last_txno] == tx)
		return own->last_txno;
	if (own->ntxs == own->txs_room)
		grow_txs(own);
	slot = ownslots_insert(own->by_tx, (uint64) tx, &found);
	if (!found)
	{
		own->txs[own->ntxs] = tx;
		slot->at = own->ntxs++;
	}
	return own->last_txno = slot->at;
}

static bool
is_skipped(const DatomOwn *own, const char *a, int alen)
{
	for (int i = own->nskipped; i-- > 0;)
		if (strlen(own->skipped[i]) == (size_t) alen && memcmp(own->skipped[i], a, alen) == 0)
			return true;
	return false;
}

static void
skip(DatomOwn *own, const char *a, int alen)
{
	MemoryContext old;

	if (is_skipped(own, a, alen))
		return;
	old = MemoryContextSwitchTo(own->context);
	own->skipped = own->skipped == NULL ? palloc(sizeof(char *)) :
		repalloc(own->skipped, sizeof(char *) * (own->nskipped + 1));
	own->skipped[own->nskipped] = pnstrdup(a, alen);
	own->nskipped++;
	MemoryContextSwitchTo(old);
}

static void
add_overflow(DatomOwn *own, uint64 key)
{
	MemoryContext old = MemoryContextSwitchTo(own->context);

	if (own->overflow == NULL)
		own->overflow = bloom_create(OVERFLOW_ELEMENTS, OVERFLOW_KB, 0);
	bloom_add_element(own->overflow, (unsigned char *) &key, sizeof(key));
	MemoryContextSwitchTo(old);
}

static void
add_note(DatomOwn *own, uint64 key, uint32 txno, int64 e)
{
	OwnSlot    *slot;
	Note	   *last;
	bool		found;

	if (own->full)
	{
		add_overflow(own, key);
		return;
	}
	if (own->count == own->room)
		grow_notes(own);
	slot = ownslots_insert(own->by_key, key, &found);
	last = found ? &own->notes[slot->at] : NULL;
	if (last && last->e == e && last->txno == txno)
		return;
	own->notes[own->count] = (Note) {
		.e = e, .txno = txno, .next = found ? slot->at : NO_NOTE
	};
	slot->at = own->count++;
	own->full = MemoryContextMemAllocated(own->context, false) > NOTES_KB * (Size) 1024;
}

void
datom_own_note(Oid relid, const DatomRow *row, bool by_value)
{
	DatomOwn   *own = datom_own_find(relid);
	uint32		txno;

	if (own == NULL)
		own = own_create(relid);
	txno = number_tx(own, row->tx);
	if (by_value)
		add_note(own, value_key(row->a, row->alen, row->v), txno, row->e);
	else
		skip(own, row->a, row->alen);
	if (txno > 0)
		add_note(own, entity_key(row->e), txno, row->e);
	if (datom_schema_reserved(row->a, row->alen))
		add_note(own, SCHEMA_KEY, txno, row->e);
}

int
datom_own_txs(const DatomOwn *own, const int64 **txs)
{
	*txs = own->txs;
	return (int) own->ntxs;
}

bool
datom_own_has(const DatomOwn *own, int64 tx)
{
	return ownslots_lookup(own->by_tx, (uint64) tx) != NULL;
}

static int
compare_places(const void *a, const void *b)
{
	const DatomOwnPlace *x = a;
	const DatomOwnPlace *y = b;

	if (x->tx != y->tx)
		return x->tx < y->tx ? -1 : 1;
	return x->e < y->e ? -1 : x->e > y->e;
}

static int
distinct(DatomOwnPlace *places, int n)
{
	int			count = 0;

	qsort(places, n, sizeof(DatomOwnPlace), compare_places);
	for (int i = 0; i < n; i++)
		if (count == 0 || compare_places(&places[i], &places[count - 1]) != 0)
			places[count++] = places[i];
	return count;
}

/*
 * The places noted under a key, in an array with room for one more. A place
 * costs more than a row that is read in passing, so when there are many of them
 * all rows are read.
 */
static int
places_of(const DatomOwn *own, uint64 key, DatomOwnPlace **places)
{
	OwnSlot    *slot = ownslots_lookup(own->by_key, key);
	uint32		most = own->count / 8 + 64;
	uint32		room = 8;
	uint32		n = 0;

	if (own->overflow &&
		!bloom_lacks_element(own->overflow, (unsigned char *) &key, sizeof(key)))
		return -1;
	*places = palloc(sizeof(DatomOwnPlace) * room);
	for (uint32 i = slot ? slot->at : NO_NOTE; i != NO_NOTE; i = own->notes[i].next)
	{
		if (n >= most)
			return -1;
		if (n + 1 == room)
			*places = repalloc_huge(*places, sizeof(DatomOwnPlace) * (room *= 2));
		(*places)[n++] = (DatomOwnPlace) {
			.tx = own->txs[own->notes[i].txno], .e = own->notes[i].e
		};
	}
	return (int) n;
}

static int
distinct_places_of(const DatomOwn *own, uint64 key, DatomOwnPlace **places)
{
	int			n = places_of(own, key, places);

	return n <= 1 ? n : distinct(*places, n);
}

int
datom_own_entity(const DatomOwn *own, int64 e, DatomOwnPlace **places)
{
	int			n = places_of(own, entity_key(e), places);

	if (n < 0)
		return n;
	(*places)[n++] = (DatomOwnPlace) {
		.tx = own->txs[0], .e = e
	};
	return distinct(*places, n);
}

int
datom_own_value(const DatomOwn *own, const char *a, int alen, const DatomValue *v,
				DatomOwnPlace **places)
{
	if (is_skipped(own, a, alen))
		return -1;
	return distinct_places_of(own, value_key(a, alen, v), places);
}

int
datom_own_schema(const DatomOwn *own, DatomOwnPlace **places)
{
	return distinct_places_of(own, SCHEMA_KEY, places);
}

static void
forget(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT ||
		event == XACT_EVENT_PREPARE)
		owns = NULL;
}

void
datom_own_init(void)
{
	RegisterXactCallback(forget, NULL);
}
