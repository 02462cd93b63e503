/*
 * What goes into the compiling of a query, and what comes out: inputs, parameters,
 * results, and the types of all of these.
 */
#ifndef DATOM_DATALOG_TYPES_H
#define DATOM_DATALOG_TYPES_H

#include "compat.h"
#include "nodes/pg_list.h"

#include "datalog_tree.h"
#include "instant.h"
#include "value.h"

/*
 * What the values of an expression are: of a kind of values, which SQL has as the
 * type of that kind; or one of the others.
 */
typedef enum DatalogType
{
	DATALOG_BOOLEAN = DATOM_BOOLEAN,
	DATALOG_LONG = DATOM_LONG,
	DATALOG_DOUBLE = DATOM_DOUBLE,
	DATALOG_BIGDEC = DATOM_BIGDEC,
	DATALOG_KEYWORD = DATOM_KEYWORD,
	DATALOG_STRING = DATOM_STRING,
	DATALOG_INSTANT = DATOM_INSTANT,
	DATALOG_DATE = DATOM_DATE,
	DATALOG_UUID = DATOM_UUID,
	DATALOG_REF = DATOM_REF,
	DATALOG_BYTES = DATOM_BYTES,
	DATALOG_JSON = DATOM_JSON,

	DATALOG_ANY = 20,			/* values of several kinds: datom.value */
	DATALOG_LITERAL,			/* of an argument: text that becomes what it is compared
								 * with, else a string; null and empty arguments too */
	DATALOG_TX,					/* a transaction: bigint; as an entity it is negated */
	DATALOG_ARRAY,				/* of a result: an array, of `element` */
	DATALOG_OBJECT,				/* of a result: jsonb */
	DATALOG_TUPLE				/* several expressions as one value; what has no type */
} DatalogType;

/* A datom table at a moment, as a source. */
typedef struct DatalogSource
{
	Oid			db;
	enum
	{
		SOURCE_AS_OF,
		SOURCE_SINCE,
		SOURCE_HISTORY
	}			view;
	DatomMoment moment;			/* MOMENT_NOW: that in force */
	Oid			behalf;			/* whose rights to it count; see behalf.h */
} DatalogSource;

/* What is given for one binding of :in. */
typedef struct DatalogInput
{
	DatalogSource source;		/* BIND_SOURCE */
	DatalogRules *rules;		/* BIND_RULES */
	const Edn  *pattern;		/* BIND_PATTERN */

	/*
	 * Scalar, tuple, collection, relation: the type of each of its variables'
	 * values, as many as the binding has terms.
	 */
	int			ntypes;
	DatalogType *types;
} DatalogInput;

/* A source by its name, where :in does not declare it. */
typedef DatalogSource (*DatalogSourceFn) (void *arg, const char *name, int pos);

/* What is to be handed over for $1, $2, ... of the SQL. */
typedef struct DatalogParam
{
	int			number;			/* from 1 */
	Oid			type;			/* SQL type; an array's for PARAM_COLUMN */
	enum
	{
		PARAM_VALUE,			/* `value`, which stands in the query */
		PARAM_SCALAR,			/* the one value of a term of an input */
		PARAM_COLUMN,			/* the values of a term of an input, of all rows */
		PARAM_MOMENT			/* `moment`, as timestamptz or bigint */
	}			what;
	DatalogType datalog_type;	/* what the values are to be made */
	DatomValue *value;
	DatomMoment moment;
	int			input;			/* of :in */
	int			term;
} DatalogParam;

typedef struct DatalogResult
{
	const char *name;			/* "job" of ?job, "max_amount" of (max ?amount) */
	DatalogType type;
	DatalogType element;		/* DATALOG_ARRAY: of its elements */
	Oid			sql_type;
} DatalogResult;

typedef struct DatalogSql
{
	const char *text;			/* one SELECT */
	int			nparams;
	DatalogParam *params;
	int			nresults;
	DatalogResult *results;
	List	   *tables;			/* of DatalogTable: what it reads */
} DatalogSql;

/* What a caller of datom.q() wants its columns to be. */
typedef struct DatalogTarget
{
	int			n;
	Oid		   *types;
	int32	   *typmods;
} DatalogTarget;

#endif
