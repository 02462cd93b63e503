/*
 * order_write.c: writing runs, and recycling them.
 *
 * A run is written page by page into free pages of the file, and counts from
 * the moment when a metapage that names it is published, which is one page and
 * one WAL record. A writer that dies leaves pages that nobody can reach; the
 * next one takes them.
 *
 * Free is what cannot be reached: whoever begins a run walks the directories of
 * all runs that the metapage names and takes the rest. A run that is replaced
 * stays named, as retired, until no snapshot is left that is as old as its
 * replacement, because whoever copied the metapage before then may still read
 * it. How old that is can be said only when the replacement is published, and
 * its WAL is written: transactions that end meanwhile would let newer snapshots
 * meet the old metapage. Retired runs stand in a list of pages that begins in
 * the metapage, the newest first. When they are dropped from it, btree's own
 * record of reuse is written, by which a standby first ends or waits for its
 * readers of that age.
 *
 * Who locks what. One writer at a time for each order, which merge.c sees to.
 * Pages that are not published are nobody else's, and only writers read the list
 * of retired runs. The metapage is written under its buffer's exclusive lock.
 * Every page is logged whole.
 */
#include "order.h"

#include <signal.h>

#include "access/nbtxlog.h"
#include "access/transam.h"
#include "access/xlog.h"
#include "access/xloginsert.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "order_page.h"
#include "settings.h"

/* Runs that were replaced together. */
typedef struct DatomRetiredPage
{
	FullTransactionId until;	/* no snapshot may be as old as this; invalid:
								 * not known yet */
	BlockNumber next;			/* those that were replaced before */
	uint32		count;
	DatomRun	runs[DATOM_MAX_RUNS];
} DatomRetiredPage;

/* A last block of an attribute with fewer records shares it with others. */
#define OWN_BLOCK 256

/* Records that wait for their block, in the order of their keys. */
typedef struct Stream
{
	const char *a;				/* AEVT: of this attribute */
	int			alen;
	MemoryContext contexts[2];	/* of the records, in turn */
	int			turn;
	DatomRecord *records;
	int			count;
	int			room;
	DatomBlockRef *refs;		/* blocks written */
	int			nrefs;
	int			refs_room;
} Stream;

typedef struct StreamList
{
	Stream	  **streams;
	int			count;
	int			room;
	int			last;
} StreamList;

struct DatomRunWriter
{
	DatomOrder *order;
	MemoryContext context;
	DatomRun	run;
	StreamList	parts[PART_DEAD];	/* AEVT: one for each attribute */
	int64	   *dead;
	int64		ndead;
	int64		dead_room;
	BlockNumber nblocks;
	uint8	   *reachable;		/* bits: pages that may not be taken */
	BlockNumber next_free;
	char	   *page;			/* where pages are put together */
};

/*
 * Pages
 */

#ifdef DATOM_TEST
/* Each page written is a step of a merge. */
static void
test_step(void)
{
	if (datom_test_merge_step > 0 && --datom_test_merge_step == 0)
		kill(MyProcPid, SIGKILL);
}

/* Waits for who holds the advisory lock. */
static void
test_gate(void)
{
	Datum		gate = Int64GetDatum(datom_test_gate);

	if (datom_test_gate == 0)
		return;
	DirectFunctionCall1(pg_advisory_lock_int8, gate);
	DirectFunctionCall1(pg_advisory_unlock_int8, gate);
}
#else
#define test_step() ((void) 0)
#define test_gate() ((void) 0)
#endif

static void
log_page(Relation index, Buffer buffer, const char *image)
{
	test_step();
	START_CRIT_SECTION();
	memcpy(BufferGetPage(buffer), image, BLCKSZ);
	MarkBufferDirty(buffer);
	if (RelationNeedsWAL(index))
		log_newpage_buffer(buffer, true);
	END_CRIT_SECTION();
}

static void
finish_page(char *page, BlockNumber block, uint32 run, uint32 what)
{
	DatomPageTail *tail = datom_page_tail(page);

	tail->run = run;
	tail->block = block;
	tail->what = what;
	tail->crc = datom_page_crc(page);
}

/* A page that nobody can reach, locked: a free one, or a new one at the end. */
static Buffer
take_page(DatomRunWriter *writer)
{
	BlockNumber block = P_NEW;

	while (writer->next_free < writer->nblocks)
	{
		BlockNumber next = writer->next_free++;

		if ((writer->reachable[next / 8] & (1 << next % 8)) == 0)
		{
			block = next;
			break;
		}
	}
	return ReadBufferExtended(writer->order->index, MAIN_FORKNUM, block,
							  RBM_ZERO_AND_LOCK, NULL);
}

/* Writes what stands in writer->page, and returns where. */
static BlockNumber
put_page(DatomRunWriter *writer, uint32 what)
{
	Buffer		buffer = take_page(writer);
	BlockNumber block = BufferGetBlockNumber(buffer);

	CHECK_FOR_INTERRUPTS();
	finish_page(writer->page, block, writer->run.id, what);
	log_page(writer->order->index, buffer, writer->page);
	UnlockReleaseBuffer(buffer);
	writer->run.pages++;
	return block;
}

static void
put_meta(Relation index, const DatomOrderMeta *meta, Buffer buffer)
{
	PGAlignedBlock page;

	PageInit(page.data, BLCKSZ, sizeof(DatomPageTail));
	memcpy(PageGetContents(page.data), meta, sizeof(DatomOrderMeta));
	((PageHeader) page.data)->pd_lower =
		PageGetContents(page.data) - page.data + sizeof(DatomOrderMeta);
	finish_page(page.data, DATOM_METAPAGE, 0, DATOM_PAGE_META);
	log_page(index, buffer, page.data);
}

/* The metapage of a new file. */
void
datom_order_create(Relation index, DatomOrderKind kind)
{
	DatomOrderMeta *meta = palloc0(sizeof(DatomOrderMeta));
	Buffer		buffer = ReadBufferExtended(index, MAIN_FORKNUM, P_NEW,
											RBM_ZERO_AND_LOCK, NULL);

	StaticAssertStmt(sizeof(DatomOrderMeta) < DATOM_BLOCK_ROOM, "the metapage is one page");
	meta->magic = DATOM_ORDER_MAGIC;
	meta->version = DATOM_ORDER_VERSION;
	meta->kind = kind;
	meta->next_run = 1;
	meta->watermark = meta->built = DT_NOBEGIN;
	meta->retired = InvalidBlockNumber;
	put_meta(index, meta, buffer);
	UnlockReleaseBuffer(buffer);
	pfree(meta);
}

/*
 * Recycling
 */

static void
put_retired(Relation index, const DatomRetiredPage *retired, Buffer buffer)
{
	PGAlignedBlock page;

	PageInit(page.data, BLCKSZ, sizeof(DatomPageTail));
	memcpy(PageGetContents(page.data), retired, sizeof(DatomRetiredPage));
	((PageHeader) page.data)->pd_lower =
		PageGetContents(page.data) - page.data + sizeof(DatomRetiredPage);
	finish_page(page.data, BufferGetBlockNumber(buffer), 0, DATOM_PAGE_RETIRED);
	log_page(index, buffer, page.data);
}

static DatomRetiredPage
read_retired(Relation index, BlockNumber block)
{
	Buffer		buffer = datom_page_read(index, block, 0, DATOM_PAGE_RETIRED);
	DatomRetiredPage retired;

	memcpy(&retired, PageGetContents(BufferGetPage(buffer)), sizeof(retired));
	ReleaseBuffer(buffer);
	if (retired.count > DATOM_MAX_RUNS)
		datom_page_broken(index, block, "The page has too many runs.");
	return retired;
}

/* Those who meet these runs have begun by now. */
static FullTransactionId
date_retired(Relation index, BlockNumber block)
{
	DatomRetiredPage retired = read_retired(index, block);
	Buffer		buffer = ReadBuffer(index, block);

	retired.until = ReadNextFullTransactionId();
	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	put_retired(index, &retired, buffer);
	UnlockReleaseBuffer(buffer);
	return retired.until;
}

/* From here on readers go by order->meta. */
void
datom_order_publish(DatomOrder *order)
{
	Buffer		buffer;

	if (order->undated)
		test_gate();
	buffer = ReadBuffer(order->index, DATOM_METAPAGE);
	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	put_meta(order->index, &order->meta, buffer);
	UnlockReleaseBuffer(buffer);
	if (order->undated && !DATOM_BROKEN(BREAK_EARLY_UNTIL))
		(void) date_retired(order->index, order->meta.retired);
	order->undated = false;
}

/* Takes runs out of the list of order->meta; they stay until readers are gone. */
void
datom_order_retire(DatomOrder *order, int from, int count)
{
	DatomOrderMeta *meta = &order->meta;
	DatomRetiredPage retired = {
		.next = meta->retired, .count = count
	};
	Buffer		buffer;

	if (count == 0)
		return;
	if (DATOM_BROKEN(BREAK_EARLY_UNTIL))
		retired.until = ReadNextFullTransactionId();
	memcpy(retired.runs, &meta->runs[from], sizeof(DatomRun) * count);
	buffer = ReadBufferExtended(order->index, MAIN_FORKNUM, P_NEW, RBM_ZERO_AND_LOCK, NULL);
	put_retired(order->index, &retired, buffer);
	meta->retired = BufferGetBlockNumber(buffer);
	meta->nretired += count;
	order->undated = true;
	UnlockReleaseBuffer(buffer);
	memmove(&meta->runs[from], &meta->runs[from + count],
			sizeof(DatomRun) * (meta->nruns - from - count));
	meta->nruns -= count;
}

static void
log_reuse(Relation index, FullTransactionId until)
{
	xl_btree_reuse_page record = {
		.node = index->rd_node, .block = DATOM_METAPAGE,
		.latestRemovedFullXid = until
	};

	if (!RelationNeedsWAL(index) || !XLogStandbyInfoActive())
		return;
	XLogBeginInsert();
	XLogRegisterData((char *) &record, SizeOfBtreeReusePage);
	XLogInsert(RM_BTREE_ID, XLOG_BTREE_REUSE_PAGE);
}

/* Ends the list after the page `last`, or before its first one. */
static void
cut_retired(DatomOrder *order, BlockNumber last)
{
	DatomRetiredPage retired;
	Buffer		buffer;

	if (!BlockNumberIsValid(last))
	{
		order->meta.retired = InvalidBlockNumber;
		return;
	}
	retired = read_retired(order->index, last);
	retired.next = InvalidBlockNumber;
	buffer = ReadBuffer(order->index, last);
	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	put_retired(order->index, &retired, buffer);
	UnlockReleaseBuffer(buffer);
}

/*
 * Forgets retired runs that nobody can be reading. The newest come first, so
 * what comes after one that can be forgotten can be, too. Standbys are told
 * before anything says so, and the metapage says so before pages are written to.
 */
void
datom_order_drop_retired(DatomOrder *order)
{
	BlockNumber last = InvalidBlockNumber;
	BlockNumber at = order->meta.retired;
	FullTransactionId until = InvalidFullTransactionId;

	while (BlockNumberIsValid(at))
	{
		DatomRetiredPage retired = read_retired(order->index, at);

		/* Who published these did not come to it. */
		if (!FullTransactionIdIsValid(retired.until))
			retired.until = date_retired(order->index, at);
		if (!FullTransactionIdIsValid(until) &&
			GlobalVisCheckRemovableFullXid(NULL, retired.until))
			until = retired.until;
		if (FullTransactionIdIsValid(until))
			order->meta.nretired -= retired.count;
		else
			last = at;
		at = retired.next;
	}
	if (!FullTransactionIdIsValid(until))
		return;
	log_reuse(order->index, until);
	cut_retired(order, last);
	datom_order_publish(order);
}

static void
reach(DatomRunWriter *writer, BlockNumber block)
{
	if (block < writer->nblocks)
		writer->reachable[block / 8] |= 1 << block % 8;
}

static void
reach_directory(DatomRunWriter *writer, const DatomRun *run, BlockNumber number, uint32 level)
{
	Buffer		buffer = datom_page_read(writer->order->index, number, run->id,
										 DATOM_PAGE_DIRECTORY + level);
	Page		page = BufferGetPage(buffer);
	OffsetNumber max = PageGetMaxOffsetNumber(page);

	reach(writer, number);
	for (OffsetNumber i = FirstOffsetNumber; i <= max; i++)
	{
		DatomRefHead head;

		memcpy(&head, PageGetItem(page, PageGetItemId(page, i)), sizeof(head));
		if (level > 1)
			reach_directory(writer, run, head.block, level - 1);
		else
			reach(writer, head.block);
	}
	ReleaseBuffer(buffer);
}

static void
reach_run(DatomRunWriter *writer, const DatomRun *run)
{
	for (int part = 0; part < PART_KINDS; part++)
		if (BlockNumberIsValid(run->parts[part].root))
			reach_directory(writer, run, run->parts[part].root, run->parts[part].levels);
}

static void
find_free(DatomRunWriter *writer)
{
	DatomOrderMeta *meta = &writer->order->meta;

	writer->nblocks = RelationGetNumberOfBlocks(writer->order->index);
	writer->reachable = palloc0(writer->nblocks / 8 + 1);
	reach(writer, DATOM_METAPAGE);
	for (int i = 0; i < meta->nruns; i++)
		reach_run(writer, &meta->runs[i]);
	for (BlockNumber at = meta->retired; BlockNumberIsValid(at);)
	{
		DatomRetiredPage retired = read_retired(writer->order->index, at);

		reach(writer, at);
		for (uint32 i = 0; i < retired.count; i++)
			reach_run(writer, &retired.runs[i]);
		at = retired.next;
	}
}

/*
 * Streams
 */

static Stream *
new_stream(DatomRunWriter *writer, StreamList *list, const char *a, int alen)
{
	Stream	   *stream = palloc0(sizeof(Stream));

	if (list->count == list->room)
	{
		list->room = Max(8, list->room * 2);
		list->streams = list->streams ?
			repalloc(list->streams, sizeof(Stream *) * list->room) :
			palloc(sizeof(Stream *) * list->room);
	}
	list->streams[list->count++] = stream;
	stream->a = pnstrdup(a, alen);
	stream->alen = alen;
	for (int i = 0; i < 2; i++)
		stream->contexts[i] = GenerationContextCreate(writer->context, "datom run",
													  0, 64 * 1024, 64 * 1024);
	return stream;
}

static Stream *
find_stream(DatomRunWriter *writer, StreamList *list, const DatomRecord *record)
{
	bool		by_attribute = writer->order->kind == ORDER_AEVT;

	for (int i = 0; i < list->count; i++)
	{
		int			k = (list->last + i) % list->count;
		Stream	   *stream = list->streams[k];

		if (!by_attribute || (stream->alen == record->alen &&
							  memcmp(stream->a, record->a, record->alen) == 0))
		{
			list->last = k;
			return stream;
		}
	}
	list->last = list->count;
	return new_stream(writer, list, record->a, record->alen);
}

static DatomRecord
copy_record(Stream *stream, const DatomRecord *record)
{
	DatomRecord copy = *record;
	const DatomRecord *before = stream->count > 0 ? &stream->records[stream->count - 1] : NULL;
	MemoryContext context = stream->contexts[stream->turn];

	if (record->alen == stream->alen && memcmp(record->a, stream->a, record->alen) == 0)
		copy.a = stream->a;
	else if (before && before->alen == record->alen &&
			 memcmp(before->a, record->a, record->alen) == 0)
		copy.a = before->a;
	else
	{
		char	   *a = MemoryContextAlloc(context, record->alen + 1);

		memcpy(a, record->a, record->alen);
		copy.a = a;
	}
	if (record->v)
	{
		copy.v = MemoryContextAlloc(context, VARSIZE_ANY(record->v));
		memcpy(copy.v, record->v, VARSIZE_ANY(record->v));
	}
	return copy;
}

/*
 * The attribute of a record of a directory is copied, since the record's own
 * goes with its stream's context.
 */
static DatomBlockRef
make_ref(DatomOrderKind kind, BlockNumber block, const DatomRecord *first, int records,
		 const DatomZone *zone)
{
	DatomBlockRef ref = {
		.block = block, .records = records, .zone = *zone, .e = first->e,
		.a = pnstrdup(first->a, first->alen), .alen = first->alen
	};

	if ((kind == ORDER_AVET || kind == ORDER_VAET) && !first->far)
	{
		DatomValue *cut = datom_value_cut(first->v);

		ref.cut = cut != first->v;
		ref.v = palloc(VARSIZE_ANY(cut));
		memcpy(ref.v, cut, VARSIZE_ANY(cut));
	}
	return ref;
}

static void
add_ref(Stream *stream, const DatomBlockRef *ref)
{
	if (stream->nrefs == stream->refs_room)
	{
		stream->refs_room = Max(16, stream->refs_room * 2);
		stream->refs = stream->refs ?
			repalloc_huge(stream->refs, sizeof(DatomBlockRef) * stream->refs_room) :
			palloc(sizeof(DatomBlockRef) * stream->refs_room);
	}
	stream->refs[stream->nrefs++] = *ref;
}

/* The first n records are written: the rest moves up, into the other context. */
static void
keep_rest(Stream *stream, int n)
{
	int			count = stream->count;

	stream->turn = !stream->turn;
	stream->count = 0;
	for (int i = n; i < count; i++)
	{
		DatomRecord record = stream->records[i];

		stream->records[stream->count] = copy_record(stream, &record);
		stream->count++;
	}
	MemoryContextReset(stream->contexts[!stream->turn]);
}

/* Writes one block of the first records of the stream. */
static void
write_block(DatomRunWriter *writer, Stream *stream)
{
	DatomZone	zone;
	DatomBlockRef ref;
	BlockNumber block;
	int			used;
	int			n;

	PageInit(writer->page, BLCKSZ, sizeof(DatomPageTail));
	n = datom_block_fill(PageGetContents(writer->page), DATOM_BLOCK_ROOM, stream->records,
						 stream->count, &zone, &used);
	((PageHeader) writer->page)->pd_lower =
		PageGetContents(writer->page) - writer->page + used;
	block = put_page(writer, DATOM_PAGE_BLOCK);
	ref = make_ref(writer->order->kind, block, &stream->records[0], n, &zone);
	add_ref(stream, &ref);
	keep_rest(stream, n);
}

/* Adds a record; in AEVT keys must rise within an attribute, else at all. */
void
datom_run_add(DatomRunWriter *writer, DatomPartKind part, const DatomRecord *record)
{
	MemoryContext old = MemoryContextSwitchTo(writer->context);
	Stream	   *stream = find_stream(writer, &writer->parts[part], record);

	if (stream->count == stream->room)
	{
		stream->room = Min(DATOM_BLOCK_FACTS, Max(64, stream->room * 4));
		stream->records = stream->records ?
			repalloc(stream->records, sizeof(DatomRecord) * stream->room) :
			palloc(sizeof(DatomRecord) * stream->room);
	}
	stream->records[stream->count] = copy_record(stream, record);
	stream->count++;
	writer->run.parts[part].records++;
	if (stream->count == DATOM_BLOCK_FACTS)
		write_block(writer, stream);
	MemoryContextSwitchTo(old);
}

/* Adds the locator of an open fact, of an older run, that has ended. */
void
datom_run_add_dead(DatomRunWriter *writer, int64 locator)
{
	if (writer->ndead == writer->dead_room)
	{
		writer->dead_room = Max(1024, writer->dead_room * 2);
		writer->dead = writer->dead ?
			repalloc_huge(writer->dead, sizeof(int64) * writer->dead_room) :
			MemoryContextAlloc(writer->context, sizeof(int64) * writer->dead_room);
	}
	writer->dead[writer->ndead++] = locator;
}

/*
 * Directories
 */

static void
merge_zone(DatomZone *zone, const DatomZone *other)
{
	zone->e_min = Min(zone->e_min, other->e_min);
	zone->e_max = Max(zone->e_max, other->e_max);
	zone->from_min = Min(zone->from_min, other->from_min);
	zone->from_max = Max(zone->from_max, other->from_max);
	zone->to_max = Max(zone->to_max, other->to_max);
	zone->v_known = zone->v_known && other->v_known;
	zone->v_min = Min(zone->v_min, other->v_min);
	zone->v_max = Max(zone->v_max, other->v_max);
}

static bool
add_item(char *page, const DatomBlockRef *ref)
{
	char		item[BLCKSZ];
	uint32		vlen = ref->v ? VARSIZE_ANY(ref->v) : 0;
	DatomRefHead head = {
		.block = ref->block, .records = ref->records, .zone = ref->zone, .e = ref->e,
		.alen = ref->alen, .flags = ref->cut ? DATOM_REF_CUT : 0, .vlen = vlen
	};

	memcpy(item, &head, sizeof(head));
	memcpy(item + sizeof(head), ref->a, ref->alen);
	if (ref->v)
		memcpy(item + sizeof(head) + ref->alen, ref->v, vlen);
	return PageAddItem(page, (Item) item, sizeof(head) + ref->alen + vlen,
					   InvalidOffsetNumber, false, false) != InvalidOffsetNumber;
}

/* Writes one level over n pages; their number above is returned, in *refs. */
static int
write_level(DatomRunWriter *writer, uint32 level, DatomBlockRef *refs, int n)
{
	int			above = 0;

	for (int i = 0; i < n;)
	{
		DatomBlockRef parent = refs[i];

		PageInit(writer->page, BLCKSZ, sizeof(DatomPageTail));
		parent.records = 0;
		for (; i < n && add_item(writer->page, &refs[i]); i++)
		{
			merge_zone(&parent.zone, &refs[i].zone);
			parent.records += refs[i].records;
		}
		parent.block = put_page(writer, DATOM_PAGE_DIRECTORY + level);
		refs[above++] = parent;
	}
	return above;
}

static void
write_directories(DatomRunWriter *writer, DatomPart *part, DatomBlockRef *refs, int n)
{
	part->blocks = n;
	part->root = InvalidBlockNumber;
	part->levels = 0;
	if (n == 0)
		return;
	do
		n = write_level(writer, ++part->levels, refs, n);
	while (n > 1);
	part->root = refs[0].block;
}

/*
 * The end
 */

static int
by_attribute(const void *a, const void *b)
{
	const Stream *x = *(Stream *const *) a;
	const Stream *y = *(Stream *const *) b;
	int			order = memcmp(x->a, y->a, Min(x->alen, y->alen));

	return order != 0 ? order : x->alen - y->alen;
}

static void
flush(DatomRunWriter *writer, Stream *stream)
{
	while (stream->count > 0)
		write_block(writer, stream);
}

static void
move_records(DatomRunWriter *writer, Stream *to, Stream *from)
{
	for (int i = 0; i < from->count; i++)
	{
		if (to->count == to->room)
		{
			to->room = Max(64, to->room * 2);
			to->records = to->records ?
				repalloc(to->records, sizeof(DatomRecord) * to->room) :
				palloc(sizeof(DatomRecord) * to->room);
		}
		to->records[to->count] = copy_record(to, &from->records[i]);
		if (++to->count == DATOM_BLOCK_FACTS)
			write_block(writer, to);
	}
	from->count = 0;
}

/*
 * Joins the streams of all attributes into one list of blocks in the order of
 * keys. What is left of an attribute shares a block with the attributes after
 * it, if it is little and they have no blocks yet.
 */
static Stream *
join_streams(DatomRunWriter *writer, StreamList *list)
{
	StreamList	joined = {0};
	Stream	   *all;

	if (list->count == 0)
		return NULL;
	if (writer->order->kind != ORDER_AEVT)
	{
		flush(writer, list->streams[0]);
		return list->streams[0];
	}
	qsort(list->streams, list->count, sizeof(Stream *), by_attribute);
	all = new_stream(writer, &joined, "", 0);
	for (int i = 0; i < list->count; i++)
	{
		Stream	   *stream = list->streams[i];

		if (stream->nrefs > 0 || stream->count >= OWN_BLOCK)
			flush(writer, all);
		for (int k = 0; k < stream->nrefs; k++)
			add_ref(all, &stream->refs[k]);
		move_records(writer, all, stream);
		if (stream->nrefs > 0 && all->count >= OWN_BLOCK)
			flush(writer, all);
	}
	flush(writer, all);
	return all;
}

static int
by_number(const void *a, const void *b)
{
	int64		x = *(const int64 *) a;
	int64		y = *(const int64 *) b;

	return x < y ? -1 : x > y;
}

static void
write_dead(DatomRunWriter *writer)
{
	DatomRecord nobody = {.a = "", .far = true};
	StreamList	list = {0};
	Stream	   *stream = new_stream(writer, &list, "", 0);

	qsort(writer->dead, writer->ndead, sizeof(int64), by_number);
	for (int64 i = 0, n; i < writer->ndead; i += n)
	{
		DatomZone	zone = {.e_min = writer->dead[i], .from_max = DT_NOEND, .to_max = DT_NOEND,
		.from_min = DT_NOBEGIN};
		DatomBlockRef ref;
		int			used;

		PageInit(writer->page, BLCKSZ, sizeof(DatomPageTail));
		n = datom_block_fill_numbers(PageGetContents(writer->page), DATOM_BLOCK_ROOM,
									 writer->dead + i,
									 Min(writer->ndead - i, DATOM_BLOCK_FACTS), &used);
		((PageHeader) writer->page)->pd_lower =
			PageGetContents(writer->page) - writer->page + used;
		zone.e_max = writer->dead[i + n - 1];
		nobody.e = writer->dead[i];
		ref = make_ref(ORDER_EAVT, put_page(writer, DATOM_PAGE_BLOCK), &nobody, n, &zone);
		add_ref(stream, &ref);
	}
	writer->run.parts[PART_DEAD].records = writer->ndead;
	write_directories(writer, &writer->run.parts[PART_DEAD], stream->refs, stream->nrefs);
}

/* Begins a run; the order must be locked for writing, see merge.c. */
DatomRunWriter *
datom_run_begin(DatomOrder *order)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "datom run",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	DatomRunWriter *writer = palloc0(sizeof(DatomRunWriter));

	writer->order = order;
	writer->context = context;
	writer->run.id = order->meta.next_run++;
	writer->page = palloc(BLCKSZ);
	datom_order_drop_retired(order);
	find_free(writer);
	MemoryContextSwitchTo(old);
	return writer;
}

/* Writes what is left. The caller puts the run into order->meta and publishes. */
DatomRun
datom_run_end(DatomRunWriter *writer)
{
	MemoryContext old = MemoryContextSwitchTo(writer->context);
	DatomRun	run;

	for (int part = 0; part < PART_DEAD; part++)
	{
		Stream	   *stream = join_streams(writer, &writer->parts[part]);

		write_directories(writer, &writer->run.parts[part], stream ? stream->refs : NULL,
						  stream ? stream->nrefs : 0);
	}
	write_dead(writer);
	run = writer->run;
	MemoryContextSwitchTo(old);
	MemoryContextDelete(writer->context);
	return run;
}
