/*
 * entity_slot.c: rows of a node that reads entities, one by one.
 */
#include "entity_slot.h"

#include "miscadmin.h"

void
datom_entity_slots_init(DatomEntitySlots *slots, DatomEntityNode *node)
{
	const DatomEntityTable *table = node->table;

	slots->node = node;
	slots->columns = palloc(sizeof(DatomSlotColumn) * Max(table->ncolumns, 1));
	for (int i = 0; i < table->ncolumns; i++)
		if (node->needed[i])
			slots->columns[slots->ncolumns++] = (DatomSlotColumn) {
				.column = i, .slot = table->columns[i].number - 1
			};
}

/* False: there are no more rows. */
static bool
next_batch(DatomEntitySlots *slots)
{
	DatomEntityScan *scan = datom_entity_node_scan(slots->node);
	const int64 *e;

	CHECK_FOR_INTERRUPTS();
	slots->row = 0;
	slots->n = scan ? datom_entity_next(scan, &e) : 0;
	for (int i = 0; slots->n > 0 && i < slots->ncolumns; i++)
		datom_entity_values(scan, slots->columns[i].column, &slots->columns[i].values,
							&slots->columns[i].nulls);
	return slots->n > 0;
}

bool
datom_entity_slots_advance(DatomEntitySlots *slots)
{
	return ++slots->row < slots->n || next_batch(slots);
}

void
datom_entity_slots_store(const DatomEntitySlots *slots, TupleTableSlot *slot)
{
	int			row = slots->row;

	ExecClearTuple(slot);
	/* Columns that nobody reads stay so. */
	if (row == 0)
		memset(slot->tts_isnull, true, sizeof(bool) * slot->tts_tupleDescriptor->natts);
	for (int i = 0; i < slots->ncolumns; i++)
	{
		const DatomSlotColumn *column = &slots->columns[i];

		slot->tts_values[column->slot] = column->values[row];
		slot->tts_isnull[column->slot] = column->nulls[row];
	}
	ExecStoreVirtualTuple(slot);
}

void
datom_entity_slots_pick(const DatomEntitySlots *slots, const int *picked, TupleTableSlot *slot)
{
	int			natts = slot->tts_tupleDescriptor->natts;

	ExecClearTuple(slot);
	for (int i = 0; i < natts; i++)
	{
		const DatomSlotColumn *column = &slots->columns[picked[i]];

		slot->tts_values[i] = column->values[slots->row];
		slot->tts_isnull[i] = column->nulls[slots->row];
	}
	ExecStoreVirtualTuple(slot);
}

void
datom_entity_slots_rescan(DatomEntitySlots *slots)
{
	slots->n = slots->row = 0;
}
