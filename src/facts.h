/*
 * What holds, or held, of a few entities: for whoever needs the facts of one
 * entity, and not a whole table's.
 */
#ifndef DATOM_FACTS_H
#define DATOM_FACTS_H

#include "compat.h"
#include "utils/rel.h"
#include "utils/snapshot.h"

#include "log.h"
#include "schema.h"
#include "basis.h"
#include "rows.h"

/* The facts of one entity and one attribute; attr is NULL if not defined. */
typedef struct DatomEntityFacts
{
	const DatomAttr *attr;
	const char *ident;
	int			count;
	DatomFact  *facts;
} DatomEntityFacts;

/* A reader of single entities; `snapshot` may be SnapshotSelf. */
typedef struct DatomReader
{
	Relation	rel;
	Snapshot	snapshot;
	const DatomSchema *schema;
	DatomTxMap *map;
	DatomRows  *rows;
	Snapshot	must_see;		/* NULL, or 40001 for rows it does not see */
	DatomTxMap *seen;			/* what it sees, and up to where all */
	TimestampTz seen_basis;
} DatomReader;

/* Of what holds at `at`, or DT_NOEND: now. */
extern DatomReader *datom_facts_reader(Relation rel, Snapshot snapshot, TimestampTz at);

/* Of all that held until `at`. */
extern DatomReader *datom_facts_reader_past(Relation rel, Snapshot snapshot, TimestampTz at);
extern void datom_facts_end(DatomReader *reader);

/*
 * The schema that says what is one value and what are many: that which the
 * snapshot knows, where that may be an old one.
 */
extern const DatomSchema *datom_facts_schema(DatomReader *reader, TimestampTz at);

/* The facts of an entity and an attribute, in order; those that ended may be missing. */
extern int	datom_facts_read(DatomReader *reader, int64 e,
							 const DatomAttr *attr, DatomFact **facts);

/* All facts of an entity, by attribute in the order of idents. */
extern int	datom_facts_entity(DatomReader *reader, int64 e,
							   DatomEntityFacts **attrs);

/*
 * What holds of an entity at `at`, that of the reader: value by value, in no
 * order. Palloc'd in the current context, or of the transaction.
 */
extern void datom_facts_holding(DatomReader *reader, int64 e, TimestampTz at,
								const DatomHolding *holding);

/*
 * What the order of commits says of a transaction, which is no datom; false if it
 * has not committed by then, or not to this table.
 */
extern bool datom_facts_entry(DatomReader *reader, int64 tx, TimestampTz at,
							  DatomEntry *entry);

/*
 * The entities of which (attr, v) holds at `at`; the reverse of a ref. In
 * ascending order, each once.
 */
extern int	datom_facts_with(DatomReader *reader, const DatomAttr *attr,
							 const DatomValue *v, TimestampTz at, int64 **entities);

/*
 * Those, and others: who may have it. In ascending order, each once; of who is not
 * sure it must be asked whether it holds.
 */
extern int	datom_facts_holders(DatomReader *reader, const DatomAttr *attr,
								const DatomValue *v, DatomHolder **holders);

/* Those, and others of which it may have held at some time, or will. */
extern int	datom_facts_candidates(DatomReader *reader, const DatomAttr *attr,
								   const DatomValue *v, int64 **entities);

/* Does v hold of e? */
extern bool datom_facts_holds(DatomReader *reader, int64 e, const DatomAttr *attr,
							  const DatomValue *v, TimestampTz at);

/* The entity of which (attr, v) holds now, of a unique attribute. */
extern bool datom_facts_owner(Relation rel, Snapshot snapshot,
							  const DatomAttr *attr, const DatomValue *v,
							  int64 *owner);

extern DatomValue *datom_facts_lookup_value(const DatomAttr *attr, DatomValue *v,
											int pos);

#endif
