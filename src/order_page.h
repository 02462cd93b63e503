/*
 * The pages of an order, for order.c and order_write.c only; order.c has the
 * layout.
 */
#ifndef DATOM_ORDER_PAGE_H
#define DATOM_ORDER_PAGE_H

#include "compat.h"
#include "storage/buf.h"
#include "utils/rel.h"

#include "order_block.h"

#include "port/pg_crc32c.h"
#include "storage/bufpage.h"

#define DATOM_ORDER_MAGIC 0xDA700DE5
#define DATOM_ORDER_VERSION 1
#define DATOM_METAPAGE 0

/* What a page is; a directory of level 1 points to blocks. */
enum
{
	DATOM_PAGE_META = 1,
	DATOM_PAGE_BLOCK,
	DATOM_PAGE_DIRECTORY,		/* and its level is added */
	DATOM_PAGE_RETIRED = 64
};

typedef struct DatomPageTail
{
	uint32		run;
	uint32		block;
	uint32		what;
	pg_crc32c	crc;
} DatomPageTail;

typedef struct DatomRefHead
{
	BlockNumber block;
	uint32		records;
	DatomZone	zone;
	int64		e;
	uint16		alen;
	uint16		flags;
	uint32		vlen;
} DatomRefHead;

#define DATOM_REF_CUT 1

/* What a block may use of its page. */
#define DATOM_BLOCK_ROOM ((int) (BLCKSZ - MAXALIGN(SizeOfPageHeaderData) - sizeof(DatomPageTail)))

static inline DatomPageTail *
datom_page_tail(Page page)
{
	return (DatomPageTail *) ((char *) page + BLCKSZ - sizeof(DatomPageTail));
}

/* Longer values are far in orders that are sorted by value. */
#define DATOM_KEY_LIMIT 1800

/* Keys in directories keep this much of a string. */
#define DATOM_KEY_CUT 64

extern pg_crc32c datom_page_crc(Page page);
extern void datom_page_broken(Relation index, BlockNumber block, const char *what) pg_attribute_noreturn();
extern Buffer datom_page_read(Relation index, BlockNumber block, uint32 run, uint32 what);

#endif
