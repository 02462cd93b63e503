/*
 * Arguments of a query as they were given: from SQL, JSON or EDN, one tree.
 */
#ifndef DATOM_DATALOG_GIVEN_H
#define DATOM_DATALOG_GIVEN_H

#include "compat.h"
#include "utils/jsonb.h"

#include "datalog_types.h"
#include "edn.h"
#include "value.h"

/*
 * An argument or a part of one. What it is taken for is decided by the binding
 * that it is for, so it may be several of these.
 */
typedef struct DatalogGiven
{
	bool		null;
	DatomValue *value;			/* as one value; NULL: it is none */
	bool		literal;		/* of which `value` is the text: it becomes what it is
								 * compared with */
	DatomValue *json;			/* jsonb and json: where one value is wanted */
	int			n;
	struct DatalogGiven *items; /* as a list, or the values of a map; else NULL */
	const char **keys;			/* map: of its values, keywords without their colon */
	const Edn  *form;			/* as EDN */
	Oid			table;			/* as regclass */
	Oid			unknown;		/* only its type is known; UNKNOWNOID: not even that */
} DatalogGiven;

extern DatalogGiven datom_datalog_given_sql(Oid type, Datum value, bool isnull);
extern DatalogGiven datom_datalog_given_json(const JsonbValue *json);
extern DatalogGiven datom_datalog_given_jsonb(Jsonb *json);
extern DatalogGiven datom_datalog_given_edn(const Edn *form);

/* A string's, a symbol's; NULL if it is no text. */
extern const char *datom_datalog_given_text(const DatalogGiven *given);

/*
 * Its elements: its own, or if it is text, what is written there in EDN. False if
 * it has none.
 */
extern bool datom_datalog_given_list(const DatalogGiven *given, DatalogGiven *list);

/* Of a map; NULL if it has no such key. */
extern const DatalogGiven *datom_datalog_given_get(const DatalogGiven *map, const char *key);

/* What values of a SQL type are; false if arguments cannot be of it. */
extern bool datom_datalog_type_of(Oid type, DatalogType *result);

#endif
