/*
 * The catalogue: the datom table datom.queries, in which what analysts share is
 * written down.
 */
#ifndef DATOM_CATALOGUE_H
#define DATOM_CATALOGUE_H

#include "compat.h"
#include "nodes/pg_list.h"
#include "utils/jsonb.h"

/* An attribute of the catalogue; its type as in :db.type/string. */
typedef struct DatomCatalogueAttr
{
	const char *ident;			/* with its colon */
	const char *type;
	bool		many;
	bool		identity;
	const char *doc;
} DatomCatalogueAttr;

/* The table. */
extern Oid	datom_catalogue(void);

/* Defines those that are not defined yet. */
extern void datom_catalogue_define(const DatomCatalogueAttr *attrs, int n);

/*
 * Carries out transaction data in JSON, as datom.transact() reads them, with the
 * rights of the table's owner. datom.tx has the caller as the one who said so.
 * Whether they may is for whoever calls this to ask.
 */
extern void datom_catalogue_transact(Jsonb *tx_data);

/* Members of JSON in the making; NULL adds nothing. */
extern void datom_catalogue_add_string(JsonbParseState **state, const char *key,
									   const char *value);
extern void datom_catalogue_add_strings(JsonbParseState **state, const char *key,
										const List *values);
extern void datom_catalogue_add_long(JsonbParseState **state, const char *key, int64 value);
extern void datom_catalogue_add_true(JsonbParseState **state, const char *key);

#endif
