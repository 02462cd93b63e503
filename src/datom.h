/*
 * The record [e a v tx added], its order, and the fold that turns the records
 * of one entity and attribute into facts with a beginning and an end.
 */
#ifndef DATOM_DATOM_H
#define DATOM_DATOM_H

#include "compat.h"
#include "datatype/timestamp.h"

#include "value.h"

/* Columns of the type datom.datom. */
enum
{
	Anum_datom_e = 1,
	Anum_datom_a,
	Anum_datom_v,
	Anum_datom_tx,
	Anum_datom_added,
	Natts_datom = Anum_datom_added
};

/*
 * A record as stored, with the instant of its transaction. A transaction
 * without an entry that the reader can see (the reader's own) has the instant
 * DT_NOEND: it comes after everything.
 */
typedef struct Datom
{
	int64		e;
	int64		tx;
	TimestampTz instant;
	DatomValue *v;
	int			aid;			/* the reader's number for the attribute */
	bool		added;
} Datom;

/* A value that holds from one transaction until another; to_tx 0: still. */
typedef struct DatomFact
{
	DatomValue *v;
	int64		tx;
	int64		to_tx;
	TimestampTz from;
	TimestampTz to;
	int			began_by;		/* the row that asserted it */
	int			ended_by;		/* the row that retracted this very value, or -1 */
} DatomFact;

/* Was the attribute of cardinality many at this instant? */
typedef bool (*DatomManyFn) (const void *attr, TimestampTz at);

static inline bool
datom_fact_holds(const DatomFact *fact, TimestampTz at)
{
	return fact->from <= at && (fact->to_tx == 0 || fact->to > at);
}

extern int	datom_compare(const void *a, const void *b);
extern int	datom_fold(const Datom *rows, int n, DatomManyFn many,
					   const void *attr, DatomFact *facts);

#endif
