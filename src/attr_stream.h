/*
 * The facts of one attribute, those that hold at a moment or all that it has had
 * until then, as orders have them, in the order of their entities.
 */
#ifndef DATOM_ATTR_STREAM_H
#define DATOM_ATTR_STREAM_H

#include "compat.h"

#include "order_read.h"

/* Facts of one part of one run; those of the block that is open are at hand. */
typedef struct DatomStreamPart
{
	const DatomRun *run;
	DatomPartKind part;
	DatomBlockRef *refs;
	int			nrefs;
	int			ref;			/* that is open; -1: none yet */
	bool		dense;			/* it is not: its directory says that it has all from
								 * `least` to `most` */
	DatomOpenBlock open;
	DatomValues *values;		/* of the attribute, in the block */
	int			first;			/* row of its first fact there */
	int			count;			/* facts at hand; 0: no more in this part */
	int64		least;			/* their entities */
	int64		most;
	double		density;		/* facts for each entity in between */
	int64	   *e;				/* NULL: not unpacked; then `rows` is NULL too */
	uint16	   *rows;			/* where they are in the block; NULL: from `first` on */
	int			pos;			/* of those at hand, the next one */
	int			end;			/* of those of a batch, the one after the last */
	int64	   *from;			/* of the past: when those at hand began */
	int64	   *to;				/* and ended; DT_NOEND: they have not */

	/* Room for what is picked, and what has been made of the block's values. */
	int64	   *e_room;
	uint16	   *rows_room;
	int64	   *numbers;		/* all of the column; NULL: not yet */
	Datum	   *entries;		/* of a column that is listed; NULL: not yet */
	bool	   *entry_made;
} DatomStreamPart;

typedef struct DatomAttrStream
{
	DatomOrder *order;			/* AEVT */
	const char *ident;
	int			len;
	TimestampTz bound;
	TimestampTz begun;			/* facts that began before it do not count */
	bool		entities_only;	/* nobody asks for values */
	bool		past;			/* what has ended counts too */
	MemoryContext context;
	int			nparts;
	DatomStreamPart *parts;
} DatomAttrStream;

/*
 * The facts of entities from e_min to e_max; v bounds as in DatomBlockRange. With
 * entities_only, which only an attribute may be that was of cardinality one at all
 * times, values must not be asked for.
 */
extern DatomAttrStream *datom_stream_open(DatomOrder *order, const char *ident,
										  TimestampTz bound, TimestampTz begun,
										  const DatomBlockRange *range, bool entities_only);

/* All facts that began up to the bound, also those that have ended. */
extern DatomAttrStream *datom_stream_open_past(DatomOrder *order, const char *ident,
											   TimestampTz bound, const DatomBlockRange *range);
extern void datom_stream_close(DatomAttrStream *stream);

/* Moves on to the first fact of entity e or one behind it; false: there is none. */
extern bool datom_stream_seek(DatomAttrStream *stream, int64 e, int64 *head);

/* The greatest entity up to which all facts are at hand. */
extern int64 datom_stream_reach(const DatomAttrStream *stream);

/*
 * The same, of a stream with several facts of an entity, which may go on in the
 * next block: what lies between `pos` and there is whole.
 */
extern int64 datom_stream_whole(const DatomAttrStream *stream);

/* Sets `end` of all parts: what is at hand up to that entity. */
extern void datom_stream_take(DatomAttrStream *stream, int64 last);

static inline int
datom_stream_row(const DatomStreamPart *part, int i)
{
	return part->rows ? part->rows[i] : part->first + i;
}

/* The entity of fact i of those at hand. */
static inline int64
datom_stream_e(const DatomStreamPart *part, int i)
{
	if (part->dense)
		return part->least + i;
	return part->e ? part->e[i] : datom_packed_get(&part->open.block.e, part->first + i);
}

/* All of them, for who looks at most of them. */
extern int64 *datom_stream_unpack(DatomStreamPart *part);

/* The first of those at hand, from pos on, whose entity is not below e. */
extern int	datom_stream_find(const DatomStreamPart *part, int pos, int64 e);

/* The first of the list, which is ascending, from pos on that is not below e. */
static inline int
datom_stream_gallop(const int64 *list, int pos, int count, int64 e)
{
	int			step = 1;
	int			high;

	if (pos >= count || list[pos] >= e)
		return pos;
	for (; pos + step < count && list[pos + step] < e; step *= 2)
		pos += step;
	high = Min(pos + step, count);
	/* list[pos] is below e, and what is at `high` is not, or is not there. */
	for (pos++; pos < high;)
	{
		int			middle = pos + (high - pos) / 2;

		if (list[middle] < e)
			pos = middle + 1;
		else
			high = middle;
	}
	return pos;
}

#endif
