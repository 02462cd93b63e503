/*
 * Foreign tables for the entities of a datom table.
 */
#ifndef DATOM_FDW_IMPORT_H
#define DATOM_FDW_IMPORT_H

#include "compat.h"

/*
 * Gives the columns of an entity table, where they have no comment, the :db/doc
 * of their attributes; nothing where the relation is none, or where its datom
 * table cannot be read.
 */
extern void datom_fdw_comment(Oid relid);

#endif
