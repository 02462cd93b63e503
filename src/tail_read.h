/*
 * Rows of given transactions, read from the log: what a tail is put together
 * from.
 */
#ifndef DATOM_TAIL_READ_H
#define DATOM_TAIL_READ_H

#include "compat.h"
#include "utils/rel.h"
#include "utils/snapshot.h"

#include "log.h"

/* Which rows of the tail. */
typedef enum DatomTailWhich
{
	TAIL_ALL,
	TAIL_ENTITY,				/* of entity e, and attribute a unless NULL */
	TAIL_VALUE,					/* of attribute a and value v, or any value if NULL */
	TAIL_SCHEMA					/* about attributes: a begins with DB_PREFIX */
} DatomTailWhich;

typedef struct DatomTailQuery
{
	DatomTailWhich which;
	int64		e;
	const char *a;
	int			alen;
	const DatomValue *v;

	/*
	 * Rows above `above` (an instant at or below the basis), and at or below
	 * `at`. If `at` is DT_NOEND: all that the snapshot sees, the transaction's
	 * own included; `self`: and what the running command has inserted.
	 */
	TimestampTz above;
	TimestampTz at;
	Snapshot	snapshot;		/* MVCC, registered or active */
	TimestampTz basis;			/* of the table in it */
	bool		self;
} DatomTailQuery;

/* The most that is kept or returned of one table. */
#define TAIL_MOST_BYTES ((Size) 64 * 1024 * 1024)
#ifdef DATOM_TEST
#define TAIL_MOST_ROWS datom_test_tail_rows
#else
#define TAIL_MOST_ROWS 200000
#endif

typedef struct DatomTailEntry
{
	int64		tx;
	TimestampTz instant;
} DatomTailEntry;

/* In the memory context in which the first one is added. */
typedef struct DatomTailEntries
{
	DatomTailEntry *list;
	int			count;
	int			room;
} DatomTailEntries;

extern void datom_tail_add_entry(DatomTailEntries *entries, int64 tx, TimestampTz instant);
extern void datom_tail_free_entries(DatomTailEntries *entries);

/* Those whose rows the query asks for. */
extern DatomTailEntries datom_tail_asked_for(const DatomTailEntries *entries,
											 const DatomTailQuery *query);
extern bool datom_tail_matches(const DatomTailQuery *query, const DatomRow *row);

/* Takes a row; false: no more. */
typedef bool (*DatomTailTake) (void *arg, const DatomRow *row);

/* By whom rows were inserted: those of one tx may be of several, if they were given it. */
typedef enum DatomTailWhose
{
	WHOSE_ANYBODYS,
	WHOSE_OTHERS,
	WHOSE_MINE					/* in this transaction */
} DatomTailWhose;

typedef struct DatomTailReading
{
	Relation	rel;
	Snapshot	snapshot;
	const DatomTailQuery *query;	/* NULL: all rows */
	DatomTailWhose whose;

	/*
	 * Not NULL: the snapshot is MVCC, *unseen becomes true if others' rows are
	 * there that it does not see, and *xmin is that of the row handed out.
	 */
	bool	   *unseen;
	TransactionId *xmin;
	DatomTailTake take;
	void	   *arg;
} DatomTailReading;

/*
 * Hands out rows of transactions with the instants of the entries. False if the
 * taker had enough.
 */
extern bool datom_tail_read(const DatomTailReading *reading,
							const DatomTailEntries *entries);

/* The same for the rows that a scan returns. */
extern bool datom_tail_read_scan(const DatomTailReading *reading, DatomLogScan *scan,
								 TimestampTz instant);

/* Rows to be returned, in the current memory context. */
typedef struct DatomTailOut
{
	DatomRow   *rows;
	int			count;
	int			room;
	Size		copied;			/* bytes of values */
	const char *ident;			/* copied last */
	int			ident_len;
} DatomTailOut;

extern DatomRow *datom_tail_out_row(DatomTailOut *out);

/* A DatomTailTake. */
extern bool datom_tail_take_copy(void *out, const DatomRow *row);

#endif
