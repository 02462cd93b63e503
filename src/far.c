/*
 * far.c: values too long for an order.
 *
 * An order keeps the fingerprint of such a value. The value itself is in the
 * log, in a row that its transaction said about the entity and attribute.
 */
#include "far.h"

#include "log.h"

DatomValue *
datom_far_value(Relation rel, Snapshot snapshot, const DatomRecord *record)
{
	DatomLogScan *scan;
	DatomValue *found = NULL;
	DatomRow	row;

	if (!record->far)
		return record->v;
	scan = datom_log_scan_tx(rel, snapshot, record->tx, &record->e);
	while (found == NULL && datom_log_next(scan, &row))
		if (row.alen == record->alen && memcmp(row.a, record->a, row.alen) == 0 &&
			datom_value_far_hash(row.v) == record->far_hash)
			found = (DatomValue *) PG_DETOAST_DATUM_COPY(PointerGetDatum(row.v));
	datom_log_end(scan);
	if (found == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("datom table \"%s\" lacks a value of entity " INT64_FORMAT ", attribute \"%.*s\", transaction " INT64_FORMAT,
						RelationGetRelationName(rel), record->e, record->alen, record->a,
						record->tx),
				 errdetail("An order says that the log has it."),
				 errhint("See what datom.check() finds; REINDEX makes the orders anew.")));
	return found;
}
