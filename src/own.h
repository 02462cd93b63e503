/*
 * What the transaction in progress has appended to datom tables, so that its
 * own rows are found without reading all of them.
 */
#ifndef DATOM_OWN_H
#define DATOM_OWN_H

#include "compat.h"

#include "log.h"

/* One datom table. */
typedef struct DatomOwn DatomOwn;

/* Rows of one transaction about one entity. */
typedef struct DatomOwnPlace
{
	int64		tx;
	int64		e;
} DatomOwnPlace;

extern void datom_own_init(void);

/* A row is about to be inserted; `by_value`: and will be asked for by its value. */
extern void datom_own_note(Oid relid, const DatomRow *row, bool by_value);

/* NULL: nothing. */
extern DatomOwn *datom_own_find(Oid relid);

/*
 * The numbers that its rows bear, several only where the past is imported or
 * restored.
 */
extern int	datom_own_txs(const DatomOwn *own, const int64 **txs);
extern bool datom_own_has(const DatomOwn *own, int64 tx);

/*
 * The places where rows may be, each once, palloc'd; -1 if it is better to read
 * all of them. More places come than have rows: a savepoint may have taken rows
 * back, and different values may look alike.
 */
extern int	datom_own_entity(const DatomOwn *own, int64 e, DatomOwnPlace **places);
extern int	datom_own_value(const DatomOwn *own, const char *a, int alen,
							const DatomValue *v, DatomOwnPlace **places);
extern int	datom_own_schema(const DatomOwn *own, DatomOwnPlace **places);

#endif
