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

/* The facts of an entity and an attribute, in order; those that ended may be missing. */
extern int	datom_facts_read(DatomReader *reader, int64 e,
							 const DatomAttr *attr, DatomFact **facts);

/* All facts of an entity, by attribute in the order of idents. */
extern int	datom_facts_entity(DatomReader *reader, int64 e,
							   DatomEntityFacts **attrs);

/*
 * The entities of which (attr, v) holds at `at`; the reverse of a ref. In
 * ascending order, each once.
 */
extern int	datom_facts_with(DatomReader *reader, const DatomAttr *attr,
							 const DatomValue *v, TimestampTz at, int64 **entities);

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
