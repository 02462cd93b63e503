/*
 * The labels of a point-in-time join: rows of a relation, each with an entity and
 * the moment that it asks about.
 */
#ifndef DATOM_PIT_LABELS_H
#define DATOM_PIT_LABELS_H

#include "compat.h"
#include "access/attnum.h"
#include "datatype/timestamp.h"

/* A column of the relation that is asked for, as it was when it was looked up. */
typedef struct DatomPitColumn
{
	const char *name;
	AttrNumber	number;
	Oid			type;
	int32		typmod;
} DatomPitColumn;

typedef struct DatomPitQuery
{
	Oid			relid;
	Oid			db;				/* whose transactions numbers name */
	DatomPitColumn e;			/* bigint or integer */
	DatomPitColumn at;			/* timestamptz, or bigint: a transaction */
	DatomPitColumn known;		/* the same; number 0: as `at` */
	bool		inclusive;
	int			ncolumns;
	const DatomPitColumn *columns;	/* to be handed out */
} DatomPitQuery;

/* One label. Values are good until the next one. */
typedef struct DatomPitLabel
{
	bool		asks;			/* no column above is null; else values are all it has */
	int64		e;
	TimestampTz at;				/* what the label says */
	TimestampTz until;			/* the last instant that counts for it... */
	TimestampTz known;			/* ...and the last one at which something was said */
	const Datum *values;		/* as datom_pit_labels_place() says */
	const bool *nulls;
} DatomPitLabel;

typedef struct DatomPitLabels DatomPitLabels;

/* A relation's column of that name; false: there is none. */
extern bool datom_pit_column(Oid relid, const char *name, DatomPitColumn *column);

/*
 * Refuses what is no table nor view, or one of these columns if the caller may not
 * read it; without columns, what he may read nothing of.
 */
extern void datom_pit_require(Oid relid, const DatomPitColumn *columns, int n);

/* The error about a column that is not any more what it was when it was looked up. */
extern void datom_pit_refuse_changed(Oid relid, const char *name);

/*
 * Reads all of them as the caller, in the active snapshot, and sorts them by
 * entity. An error if a moment of the labels names a transaction that is not known,
 * or is infinity.
 */
extern DatomPitLabels *datom_pit_labels_read(const DatomPitQuery *query);

/* Sees to it that its values stay when others come, in the current context. */
extern void datom_pit_labels_keep(const DatomPitLabels *labels, DatomPitLabel *label);

/* Where a label has column i of the query's. */
extern int	datom_pit_labels_place(const DatomPitLabels *labels, int i);

/* How many there are, and the greatest of what they know; DT_NOBEGIN: none asks. */
extern int64 datom_pit_labels_count(const DatomPitLabels *labels);
extern TimestampTz datom_pit_labels_known(const DatomPitLabels *labels);

/* The entities are from *least to *most; false: no label asks. */
extern bool datom_pit_labels_range(const DatomPitLabels *labels, int64 *least, int64 *most);

/* In the order of entities. */
extern bool datom_pit_labels_next(DatomPitLabels *labels, DatomPitLabel *label);
extern void datom_pit_labels_end(DatomPitLabels *labels);

#endif
