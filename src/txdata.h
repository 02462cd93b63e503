/*
 * Transaction data: from EDN or JSON to a list of things to do, in which the
 * entities are not known yet.
 */
#ifndef DATOM_TXDATA_H
#define DATOM_TXDATA_H

#include "compat.h"
#include "nodes/pg_list.h"
#include "utils/jsonb.h"

#include "edn.h"
#include "schema.h"

typedef enum TxNodeKind
{
	NODE_FIXED,					/* given by its number */
	NODE_TX,					/* the transaction itself */
	NODE_TEMPID,				/* named, or nameless for a map without an id */
	NODE_LOOKUP					/* the owner of a unique value */
} TxNodeKind;

/* An entity as the data speak of it. */
typedef struct TxNode
{
	TxNodeKind	kind;
	int			pos;			/* character in the source; 0: none */
	const char *tempid;			/* NODE_TEMPID; NULL: nameless */
	const DatomAttr *attr;		/* NODE_LOOKUP */
	DatomValue *v;
	/* Filled when entities are resolved: */
	int64		e;				/* 0: not known */
	int			number;			/* among the nodes; stands in for e until it is known */
	bool		fresh;			/* e is new, and nothing was said about it */
	struct TxNode *same;		/* stands for the same entity as this one */
} TxNode;

typedef enum TxOpKind
{
	OP_ADD,
	OP_RETRACT,
	OP_RETRACT_ATTRIBUTE,		/* whatever its value is */
	OP_RETRACT_ENTITY,
	OP_CAS,
	OP_RETRACT_ATTRIBUTES,		/* the same of several */
	OP_RETRACT_OTHERS			/* what is not among these values */
} TxOpKind;

/* A value, or the entity that it will point to. */
typedef struct TxValue
{
	DatomValue *v;
	TxNode	   *node;
} TxValue;

typedef struct TxOp
{
	TxOpKind	kind;
	int			pos;
	TxNode	   *e;
	const DatomAttr *attr;
	TxValue		v;
	TxValue		old;			/* OP_CAS; empty: no value so far */
	List	   *attrs;			/* OP_RETRACT_ATTRIBUTES: of DatomAttr */
	List	   *keep;			/* OP_RETRACT_OTHERS: of TxValue */
} TxOp;

/* What the operations come down to: a fact to be asserted or retracted. */
typedef struct TxFact
{
	int64		e;
	const DatomAttr *attr;
	DatomValue *v;
	bool		added;
	bool		implied;		/* not written: it holds, or another value ends it */
	int			pos;
} TxFact;

typedef struct TxData
{
	Oid			db;
	const char *table;			/* for messages */
	const DatomSchema *schema;
	bool		json;			/* strings are literals, keywords strings */
	List	   *ops;			/* TxOp */
	List	   *nodes;			/* TxNode, tempids and lookups */
	struct tempids_hash *tempids;
	bool		calls;			/* it called transaction functions */
	bool		has_instant;	/* says its own :db/txInstant */
	TimestampTz instant;
} TxData;

extern TxData *datom_txdata_read(Oid db, const DatomSchema *schema,
								 const Edn *form, bool json);

/* JSON as the forms that EDN would give. */
extern Edn *datom_txdata_from_json(Jsonb *json);

#endif
