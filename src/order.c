/*
 * order.c: the file of an order, as a reader sees it.
 *
 * Block 0 is the metapage. All other pages belong to one run and never change
 * until they are recycled:
 *
 *	metapage	DatomOrderMeta
 *	retired		see order_write.c
 *	block		up to 1,024 records, see order_block.c
 *	directory	items, in the order of their keys, each with what it says of a
 *				block, or of a directory one level below:
 *		0	uint32	page
 *		4	uint32	records below
 *		8			DatomZone
 *		..	int64	e of the first record
 *			uint16	length of its attribute
 *			uint16	flags: REF_CUT, the value is the beginning of a longer one
 *			uint32	length of its value, as a varlena; 0: none
 *					the attribute, the value
 *
 * and every page ends with
 *
 *	-16	uint32	run: who wrote it; 0 in the metapage
 *	-12	uint32	its own number
 *	 -8	uint32	what it is
 *	 -4	uint32	CRC of the page without its LSN, its checksum and this
 *
 * The CRC is there because a page that is silently wrong gives answers that are
 * silently wrong, and servers need not have checksums. A backend verifies a page
 * that it reads, which costs 1 us, unless it did so less than ten seconds before.
 *
 * Who locks what. A reader takes its snapshot first, then copies the metapage
 * under its buffer's share lock. The runs that it names stay until no snapshot
 * of that age is left, here or on a standby (see order_write.c), so pages of
 * runs are read under a pin and no lock.
 */
#include "order.h"

#include "access/genam.h"
#include "access/xact.h"
#include "common/hashfn.h"
#include "pgstat.h"
#include "port/pg_crc32c.h"
#include "storage/bufmgr.h"
#include "utils/memutils.h"

#include "datom.h"
#include "order_page.h"

/* After so many blocks all locators are read at once, if they are few. */
#define FEW_BLOCKS 4
#define FEW_DEAD 2000

const DatomBlockRange datom_order_everything = {
	.e_min = PG_INT64_MIN, .e_max = PG_INT64_MAX,
	.from_min = DT_NOBEGIN, .from_max = DT_NOEND, .to_after = DT_NOBEGIN
};

static const char *const names[ORDER_KINDS] = {"aevt", "eavt", "avet", "vaet"};

const char *
datom_order_name(DatomOrderKind kind)
{
	return names[kind];
}

/* Which order the columns of an index make; false: none. */
bool
datom_order_kind(Relation index, DatomOrderKind *kind)
{
	static const AttrNumber columns[ORDER_KINDS][2] = {
		[ORDER_AEVT] = {Anum_datom_a, Anum_datom_e},
		[ORDER_EAVT] = {Anum_datom_e, Anum_datom_a},
		[ORDER_AVET] = {Anum_datom_a, Anum_datom_v},
		[ORDER_VAET] = {Anum_datom_v, Anum_datom_a},
	};
	Form_pg_index form = index->rd_index;

	if (form->indnatts != 2 || RelationGetIndexPredicate(index) != NIL)
		return false;
	for (int i = 0; i < ORDER_KINDS; i++)
		if (form->indkey.values[0] == columns[i][0] &&
			form->indkey.values[1] == columns[i][1])
		{
			*kind = i;
			return true;
		}
	return false;
}

static const char *
listed(Relation index)
{
	DatomOrderOptions *options = (DatomOrderOptions *) index->rd_options;

	return options && options->attributes ? (char *) options + options->attributes : "";
}

bool
datom_order_lists(Relation index, const char *ident)
{
	size_t		len = strlen(ident);

	for (const char *at = listed(index); *at;)
	{
		size_t		n;

		at += strspn(at, ", ");
		n = strcspn(at, ", ");
		if (n == len && memcmp(at, ident, len) == 0)
			return true;
		at += n;
	}
	return false;
}

uint32
datom_order_option_hash(Relation index)
{
	const char *list = listed(index);

	return hash_bytes((const unsigned char *) list, strlen(list));
}

/*
 * Keys
 */

static int
compare_text(const char *x, int xlen, const char *y, int ylen)
{
	int			order = memcmp(x, y, Min(xlen, ylen));

	return order != 0 ? order : xlen - ylen;
}

bool
datom_far_key(const DatomValue *v)
{
	return VARSIZE_ANY_EXHDR(v) > DATOM_KEY_LIMIT;
}

const DatomValue *
datom_far_probe(void)
{
	static const char zeros[DATOM_KEY_LIMIT + 1];

	return datom_value_make_bytes(zeros, sizeof(zeros));
}

DatomValue *
datom_value_cut(const DatomValue *v)
{
	DatomKind	kind = datom_value_kind(v);
	const char *bytes;
	int			len;

	if (VARSIZE_ANY_EXHDR(v) <= DATOM_KEY_CUT ||
		(kind != DATOM_STRING && kind != DATOM_BYTES && kind != DATOM_KEYWORD))
		return (DatomValue *) v;
	bytes = datom_value_get_text(v, &len);
	return kind == DATOM_STRING ? datom_value_make_string(bytes, DATOM_KEY_CUT) :
		kind == DATOM_BYTES ? datom_value_make_bytes(bytes, DATOM_KEY_CUT) :
		datom_value_make_keyword(bytes, DATOM_KEY_CUT);
}

static inline int
compare_int(int64 x, int64 y)
{
	return x < y ? -1 : x > y;
}

/* Values too long for a key come last, by their hash, as merge.c sorts it. */
static int
compare_value(const DatomRecord *x, const DatomRecord *y)
{
	if (x->far || y->far)
		return x->far != y->far ? (int) x->far - (int) y->far :
			compare_int((int64) x->far_hash, (int64) y->far_hash);
	return datom_value_cmp(x->v, y->v);
}

/* AEVT and EAVT sort facts of one entity and attribute by time. */
int
datom_record_compare(DatomOrderKind kind, const DatomRecord *x, const DatomRecord *y)
{
	int			order = 0;

	if (kind == ORDER_EAVT)
		order = compare_int(x->e, y->e);
	if (kind == ORDER_VAET)
		order = compare_value(x, y);
	if (order == 0)
		order = compare_text(x->a, x->alen, y->a, y->alen);
	if (order == 0 && kind == ORDER_AVET)
		order = compare_value(x, y);
	if (order == 0)
		order = compare_int(x->e, y->e);
	return order != 0 ? order : compare_int(x->from, y->from);
}

static int
probe_value(const DatomValue *v, bool far, const DatomProbe *probe)
{
	if (far || datom_far_key(probe->v))
		return far && datom_far_key(probe->v) ? 0 : far ? 1 : -1;
	return datom_value_cmp(v, probe->v);
}

/*
 * Where a key stands to a probe: 0 if it agrees in all that the probe has. The
 * columns are compared in the order's sequence, up to the first one missing.
 */
static int
probe_key(DatomOrderKind kind, int64 e, const char *a, int alen, const DatomValue *v,
		  bool far, const DatomProbe *probe)
{
	int			order = 0;

	if (kind == ORDER_EAVT)
	{
		if (probe->has_e)
			order = compare_int(e, probe->e);
		return order != 0 || !probe->has_e || probe->a == NULL ? order :
			compare_text(a, alen, probe->a, probe->alen);
	}
	if (kind == ORDER_VAET)
	{
		if (probe->v == NULL)
			return 0;
		order = probe_value(v, far, probe);
	}
	if (order != 0 || probe->a == NULL)
		return order;
	order = compare_text(a, alen, probe->a, probe->alen);
	if (kind == ORDER_AVET && order == 0)
	{
		if (probe->v == NULL)
			return 0;
		order = probe_value(v, far, probe);
	}
	return order != 0 || !probe->has_e ? order : compare_int(e, probe->e);
}

int
datom_probe_record(DatomOrderKind kind, const DatomRecord *record, const DatomProbe *probe)
{
	return probe_key(kind, record->e, record->a, record->alen, record->v, record->far, probe);
}

/*
 * Pages
 */

pg_crc32c
datom_page_crc(Page page)
{
	pg_crc32c	crc;

	INIT_CRC32C(crc);
	COMP_CRC32C(crc, (char *) page + offsetof(PageHeaderData, pd_flags),
				BLCKSZ - offsetof(PageHeaderData, pd_flags) - sizeof(pg_crc32c));
	FIN_CRC32C(crc);
	return crc;
}

void
datom_page_broken(Relation index, BlockNumber block, const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_INDEX_CORRUPTED),
			 errmsg("index \"%s\" is corrupted at block %u",
					RelationGetRelationName(index), block),
			 errdetail("%s", what),
			 errhint("REINDEX it: the log has all that it held.")));
}

/*
 * Pages that this backend has verified not long ago, by their numbers, and where in
 * shared buffers they were: there they are found with half the work.
 */
#define VERIFIED_PAGES 16384
#define VERIFIED_FOR (10 * USECS_PER_SEC)

typedef struct VerifiedPage
{
	Oid			node;
	BlockNumber block;
	XLogRecPtr	lsn;
	TimestampTz at;
	Buffer		buffer;
} VerifiedPage;

static VerifiedPage *
verified_page(Relation index, BlockNumber block)
{
	static VerifiedPage verified[VERIFIED_PAGES];
	uint32		hash = hash_combine(murmurhash32(index->rd_node.relNode), murmurhash32(block));

	return &verified[hash % VERIFIED_PAGES];
}

static bool
is_of(const VerifiedPage *known, Relation index, BlockNumber block)
{
	return known->node == index->rd_node.relNode && known->block == block;
}

static void
verify_crc(Relation index, BlockNumber block, Buffer buffer)
{
	VerifiedPage *known = verified_page(index, block);
	TimestampTz now = GetCurrentStatementStartTimestamp();
	Page		page = BufferGetPage(buffer);

	known->buffer = buffer;
	if (is_of(known, index, block) && known->lsn == PageGetLSN(page) &&
		now - known->at < VERIFIED_FOR)
		return;
	known->node = InvalidOid;
	if (PageIsNew(page))
		datom_page_broken(index, block, "The page is empty.");
	if (datom_page_tail(page)->crc != datom_page_crc(page))
		datom_page_broken(index, block, "The checksum of the page is wrong.");
	*known = (VerifiedPage) {
		.node = index->rd_node.relNode, .block = block, .lsn = PageGetLSN(page), .at = now,
			.buffer = buffer
	};
}

static Buffer
read_buffer(Relation index, BlockNumber block)
{
	const VerifiedPage *known = verified_page(index, block);

	if (is_of(known, index, block) &&
		ReadRecentBuffer(index->rd_node, MAIN_FORKNUM, block, known->buffer))
	{
		pgstat_count_buffer_read(index);
		pgstat_count_buffer_hit(index);
		return known->buffer;
	}
	return ReadBuffer(index, block);
}

static void
verify_identity(Relation index, BlockNumber block, Page page, uint32 run, uint32 what)
{
	DatomPageTail *tail = datom_page_tail(page);

	if (tail->run != run || tail->block != block || tail->what != what)
		datom_page_broken(index, block, "The page belongs elsewhere.");
}

/* A page of a run, pinned. */
Buffer
datom_page_read(Relation index, BlockNumber block, uint32 run, uint32 what)
{
	Buffer		buffer = read_buffer(index, block);

	verify_crc(index, block, buffer);
	verify_identity(index, block, BufferGetPage(buffer), run, what);
	return buffer;
}

void
datom_order_read_meta(DatomOrder *order)
{
	Buffer		buffer = ReadBuffer(order->index, DATOM_METAPAGE);
	Page		page = BufferGetPage(buffer);

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	verify_crc(order->index, DATOM_METAPAGE, buffer);
	verify_identity(order->index, DATOM_METAPAGE, page, 0, DATOM_PAGE_META);
	memcpy(&order->meta, PageGetContents(page), sizeof(DatomOrderMeta));
	UnlockReleaseBuffer(buffer);
	if (order->meta.magic != DATOM_ORDER_MAGIC || order->meta.version != DATOM_ORDER_VERSION)
		datom_page_broken(order->index, DATOM_METAPAGE, "The page is of another version.");
	order->kind = order->meta.kind;
}

DatomOrder *
datom_order_open(Oid index, LOCKMODE lock)
{
	DatomOrder *order = palloc0(sizeof(DatomOrder));

	order->index = index_open(index, lock);
	order->context = CurrentMemoryContext;
	datom_order_read_meta(order);
	return order;
}

void
datom_order_close(DatomOrder *order, LOCKMODE lock)
{
	index_close(order->index, lock);
	datom_order_forget_dead(order);
	pfree(order);
}

void
datom_order_count(DatomOrder *order, int64 *blocks_read, int64 *blocks_skipped)
{
	*blocks_read += order->blocks_read;
	*blocks_skipped += order->blocks_skipped;
	order->blocks_read = order->blocks_skipped = 0;
}

/*
 * Directories
 */

static inline DatomBlockRef
read_ref(DatomOrder *order, BlockNumber directory, Page page, OffsetNumber number)
{
	ItemId		item = PageGetItemId(page, number);
	char	   *bytes = (char *) PageGetItem(page, item);
	DatomRefHead head;

	if (ItemIdGetLength(item) < sizeof(head) ||
		ItemIdGetOffset(item) + ItemIdGetLength(item) > BLCKSZ)
		datom_page_broken(order->index, directory, "An item of the directory is broken.");
	memcpy(&head, bytes, sizeof(head));
	if (sizeof(head) + head.alen + head.vlen > ItemIdGetLength(item))
		datom_page_broken(order->index, directory, "An item of the directory is broken.");
	return (DatomBlockRef) {
		.block = head.block, .records = head.records, .zone = head.zone, .e = head.e,
		.a = bytes + sizeof(head), .alen = head.alen, .cut = (head.flags & DATOM_REF_CUT) != 0,
		.v = head.vlen ? (DatomValue *) (bytes + sizeof(head) + head.alen) : NULL
	};
}

/*
 * A key that is cut short is not known to lie before or behind what begins as
 * it does.
 */
int
datom_probe_ref(DatomOrderKind kind, const DatomBlockRef *ref, const DatomProbe *probe)
{
	DatomProbe	cut = *probe;

	if (ref->cut && probe->v && !datom_far_key(probe->v))
	{
		cut.v = datom_value_cut(probe->v);
		cut.has_e = false;
		if (kind == ORDER_VAET)
			cut.a = NULL;
		probe = &cut;
	}
	return probe_key(kind, ref->e, ref->a, ref->alen, ref->v,
					 ref->v == NULL && (kind == ORDER_AVET || kind == ORDER_VAET), probe);
}

/* May records of the range, keys apart, be where the zone is? */
bool
datom_in_zone(const DatomZone *zone, const DatomBlockRange *range)
{
	return zone->e_max >= range->e_min && zone->e_min <= range->e_max &&
		zone->from_min <= range->from_max && zone->from_max >= range->from_min &&
		(zone->to_max > range->to_after || range->to_after == DT_NOBEGIN) &&
		(!range->has_v || !zone->v_known ||
		 (zone->v_max >= range->v_min && zone->v_min <= range->v_max));
}

typedef struct RefList
{
	DatomBlockRef *refs;
	int			count;
	int			room;
} RefList;

static void
keep_ref(RefList *list, const DatomBlockRef *ref)
{
	DatomBlockRef *kept;
	char	   *a;

	if (list->count == list->room)
	{
		list->room = Max(16, list->room * 2);
		list->refs = list->refs ?
			repalloc_huge(list->refs, sizeof(DatomBlockRef) * list->room) :
			palloc(sizeof(DatomBlockRef) * list->room);
	}
	kept = &list->refs[list->count++];
	*kept = *ref;
	a = palloc(ref->alen + 1);
	memcpy(a, ref->a, ref->alen);
	kept->a = a;
	if (ref->v)
	{
		kept->v = palloc(VARSIZE_ANY(ref->v));
		memcpy(kept->v, ref->v, VARSIZE_ANY(ref->v));
	}
}

/* The first item of a directory in which a key at or above lo may be. */
static OffsetNumber
first_item(DatomOrder *order, DatomOrderKind kind, BlockNumber number, Page page,
		   const DatomProbe *lo)
{
	OffsetNumber low = FirstOffsetNumber;
	OffsetNumber high = PageGetMaxOffsetNumber(page) + 1;

	if (lo == NULL)
		return low;
	while (low < high)
	{
		OffsetNumber middle = (low + high) / 2;
		DatomBlockRef ref = read_ref(order, number, page, middle);

		if (datom_probe_ref(kind, &ref, lo) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return Max(low - 1, FirstOffsetNumber);
}

/* What lies in the range below a directory is added to the list. */
static void
read_directory(DatomOrder *order, const DatomRun *run, DatomOrderKind kind,
			   BlockNumber number, uint32 level, const DatomBlockRange *range, RefList *list)
{
	Buffer		buffer = datom_page_read(order->index, number, run->id,
										 DATOM_PAGE_DIRECTORY + level);
	Page		page = BufferGetPage(buffer);
	OffsetNumber max = PageGetMaxOffsetNumber(page);

	for (OffsetNumber i = first_item(order, kind, number, page, range->lo); i <= max; i++)
	{
		DatomBlockRef ref = read_ref(order, number, page, i);

		if (range->hi && datom_probe_ref(kind, &ref, range->hi) > 0)
			break;
		if (!datom_in_zone(&ref.zone, range))
			order->blocks_skipped += level > 1 ? ref.records / DATOM_BLOCK_FACTS : 1;
		else if (level > 1)
			read_directory(order, run, kind, ref.block, level - 1, range, list);
		else
			keep_ref(list, &ref);
	}
	ReleaseBuffer(buffer);
}

/*
 * The blocks of a part in which keys of the range may be, in the order of keys;
 * palloc'd. Returns how many.
 */
int
datom_order_blocks(DatomOrder *order, const DatomRun *run, DatomPartKind part,
				   const DatomBlockRange *range, DatomBlockRef **refs)
{
	RefList		list = {0};
	const DatomPart *tree = &run->parts[part];

	if (BlockNumberIsValid(tree->root))
		read_directory(order, run, part == PART_DEAD ? ORDER_EAVT : order->kind,
					   tree->root, tree->levels, range, &list);
	*refs = list.refs;
	return list.count;
}

/* Opens a block; the buffer must stay pinned while it is read. */
Buffer
datom_order_block(DatomOrder *order, const DatomRun *run, BlockNumber number,
				  DatomBlock *block)
{
	Buffer		buffer = datom_page_read(order->index, number, run->id, DATOM_PAGE_BLOCK);
	const char *wrong = datom_block_open(block, PageGetContents(BufferGetPage(buffer)),
										 DATOM_BLOCK_ROOM);

	if (wrong)
		datom_page_broken(order->index, number, wrong);
	order->blocks_read++;
	return buffer;
}

/*
 * Dead facts
 */

static int
by_number(const void *a, const void *b)
{
	return compare_int(*(const int64 *) a, *(const int64 *) b);
}

/* The locators of a run that lie in a range of blocks; the list grows. */
static void
read_dead(DatomOrder *order, const DatomRun *run, const DatomBlockRange *range,
		  int64 **numbers, int64 *count, int64 *room)
{
	DatomBlockRef *refs;
	int			n = datom_order_blocks(order, run, PART_DEAD, range, &refs);

	for (int i = 0; i < n; i++)
	{
		DatomBlock	block;
		Buffer		buffer = datom_order_block(order, run, refs[i].block, &block);

		if (*count + block.n > *room)
		{
			*room = (*count + block.n) * 2;
			*numbers = *numbers ? repalloc_huge(*numbers, sizeof(int64) * *room) :
				palloc_extended(sizeof(int64) * *room, MCXT_ALLOC_HUGE);
		}
		datom_packed_unpack(&block.e, block.n, *numbers + *count);
		*count += block.n;
		ReleaseBuffer(buffer);
	}
}

/* Reads all locators at once, for who reads many blocks. */
void
datom_order_load_dead(DatomOrder *order)
{
	int64		room = 0;
	int64		skipped = order->blocks_skipped;
	MemoryContext old;

	if (order->dead)
		return;
	old = MemoryContextSwitchTo(order->context);
	for (int i = 0; i < order->meta.nruns; i++)
		read_dead(order, &order->meta.runs[i], &datom_order_everything, &order->dead,
				  &order->ndead, &room);
	if (order->dead == NULL)
		order->dead = palloc(sizeof(int64));
	qsort(order->dead, order->ndead, sizeof(int64), by_number);
	order->blocks_skipped = skipped;
	MemoryContextSwitchTo(old);
}

/* Is it time to read all locators, rather than those of one more block? */
static bool
should_load_dead(DatomOrder *order)
{
	uint64		total = 0;

	if (order->dead || ++order->dead_asked <= FEW_BLOCKS)
		return false;
	for (int i = 0; i < order->meta.nruns; i++)
		total += order->meta.runs[i].parts[PART_DEAD].records;
	return total <= FEW_DEAD;
}

/* When the runs of order->meta change, or the context goes that they were read in. */
void
datom_order_forget_dead(DatomOrder *order)
{
	if (order->dead)
		pfree(order->dead);
	order->dead = NULL;
	order->ndead = 0;
}

static void
set_dead(int64 number, uint64 *bits)
{
	int			row = number & ((1 << DATOM_LOCATOR_BITS) - 1);

	if (row < DATOM_BLOCK_FACTS)
		bits[row / 64] |= UINT64CONST(1) << (row % 64);
}

static bool
mark_dead(const int64 *numbers, int64 count, BlockNumber block, uint64 *bits)
{
	int64		first = datom_locator(block, 0);
	int64		low = 0;
	int64		high = count;
	bool		any = false;

	while (low < high)
	{
		int64		middle = (low + high) / 2;

		if (numbers[middle] < first)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < count && numbers[low] < datom_locator(block + 1, 0); low++)
	{
		set_dead(numbers[low], bits);
		any = true;
	}
	return any;
}

/* The first of the packed numbers of a block at or above `number`. */
static int
first_packed(const DatomBlock *block, int64 number)
{
	int			low = 0;
	int			high = block->n;

	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (datom_packed_get(&block->e, middle) < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* What a run says is dead in one block, found without unpacking the rest. */
static bool
mark_dead_of_run(DatomOrder *order, const DatomRun *run, const DatomBlockRange *range,
				 uint64 *bits)
{
	DatomBlockRef *refs;
	int			n = datom_order_blocks(order, run, PART_DEAD, range, &refs);
	bool		any = false;

	for (int i = 0; i < n; i++)
	{
		DatomBlock	block;
		Buffer		buffer = datom_order_block(order, run, refs[i].block, &block);

		for (int k = first_packed(&block, range->e_min); k < block.n; k++)
		{
			int64		number = datom_packed_get(&block.e, k);

			if (number > range->e_max)
				break;
			set_dead(number, bits);
			any = true;
		}
		ReleaseBuffer(buffer);
	}
	return any;
}

/*
 * Which records of an open block are dead: DATOM_DEAD_WORDS words of bits. False,
 * and bits not set, if none is.
 */
bool
datom_order_dead(DatomOrder *order, const DatomRun *run, BlockNumber block, uint64 *bits)
{
	DatomBlockRange range = datom_order_everything;
	bool		any = false;

	if (should_load_dead(order))
		datom_order_load_dead(order);
	if (order->dead && order->ndead == 0)
		return false;
	memset(bits, 0, sizeof(uint64) * DATOM_DEAD_WORDS);
	if (order->dead)
		return mark_dead(order->dead, order->ndead, block, bits);
	range.e_min = datom_locator(block, 0);
	range.e_max = datom_locator(block + 1, 0) - 1;
	for (int i = order->meta.nruns - 1; i >= 0 && order->meta.runs[i].id > run->id; i--)
		any |= mark_dead_of_run(order, &order->meta.runs[i], &range, bits);
	return any;
}
