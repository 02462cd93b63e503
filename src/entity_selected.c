/*
 * entity_selected.c: the rows of a batch that a query selects, and their columns.
 */
#include "entity_selected.h"

#include "catalog/pg_type.h"

StaticAssertDecl(sizeof(Datum) == sizeof(int64), "an entity is a datum as it is");

const int64 datom_power_of_ten[DATOM_INT64_DIGITS + 1] = {
	INT64CONST(1), INT64CONST(10), INT64CONST(100), INT64CONST(1000), INT64CONST(10000),
	INT64CONST(100000), INT64CONST(1000000), INT64CONST(10000000), INT64CONST(100000000),
	INT64CONST(1000000000), INT64CONST(10000000000), INT64CONST(100000000000),
	INT64CONST(1000000000000), INT64CONST(10000000000000), INT64CONST(100000000000000),
	INT64CONST(1000000000000000), INT64CONST(10000000000000000),
	INT64CONST(100000000000000000), INT64CONST(1000000000000000000)
};

static const bool no_nulls[DATOM_BATCH];

bool
datom_selected_next(DatomSelection *batch)
{
	batch->size = datom_entity_next(batch->scan, &batch->e);
	batch->n = batch->size;
	for (int i = 0; i < batch->n; i++)
		batch->rows[i] = i;
	return batch->size > 0;
}

static bool
is_entity(const DatomSelection *batch, int column)
{
	return batch->table->columns[column].ident == NULL;
}

void
datom_selected_values(const DatomSelection *batch, int column,
					  const Datum **values, const bool **nulls)
{
	if (!is_entity(batch, column))
	{
		datom_entity_values(batch->scan, column, values, nulls);
		return;
	}
	*values = (const Datum *) batch->e;
	*nulls = no_nulls;
}

bool
datom_selected_listed(const DatomSelection *batch, int column, const uint16 **codes,
					  const Datum **values, int *count)
{
	return !is_entity(batch, column) &&
		datom_entity_listed(batch->scan, column, codes, values, count);
}

const bool *
datom_selected_nulls(const DatomSelection *batch, int column, bool room[DATOM_BATCH])
{
	const int64 *numbers;
	const uint16 *codes;
	const Datum *values;
	const bool *nulls;
	int			count;
	bool		decimal;

	if (is_entity(batch, column))
		return no_nulls;
	if (datom_entity_numbers(batch->scan, column, &numbers, &nulls, &count, &decimal))
		return nulls;
	if (!datom_entity_listed(batch->scan, column, &codes, &values, &count))
	{
		datom_entity_values(batch->scan, column, &values, &nulls);
		return nulls;
	}
	for (int row = 0; row < batch->size; row++)
		room[row] = codes[row] == count;
	return room;
}

/*
 * Numbers
 */

int
datom_scale_of_type(Oid type, int32 typmod)
{
	/* As numeric.c packs them; one that is negative there is more than 1000 here. */
	return type != NUMERICOID || typmod < (int32) VARHDRSZ ? -1 :
		((typmod - (int) VARHDRSZ) & 0x7ff);
}

/* Does the column show the numbers as they are? If not, its cast may be an error. */
static bool
are_shown(const DatomSelection *batch, const DatomEntityColumn *column,
		  const int64 *numbers, const bool *nulls, int scale)
{
	int			type_scale = datom_scale_of_type(column->type, column->typmod);
	int			digits = ((column->typmod - (int) VARHDRSZ) >> 16) - type_scale + scale;

	if (type_scale < 0)
		return true;
	if (scale > type_scale || digits < 0)
		return false;
	if (digits > DATOM_INT64_DIGITS)
		return true;
	for (int row = 0; row < batch->size; row++)
		if (!nulls[row] && (numbers[row] >= datom_power_of_ten[digits] ||
							numbers[row] <= -datom_power_of_ten[digits]))
			return false;
	return true;
}

bool
datom_selected_numbers(const DatomSelection *batch, int column, const int64 **numbers,
					   const bool **nulls, int *scale)
{
	const DatomEntityColumn *shown = &batch->table->columns[column];
	bool		decimal;

	if (is_entity(batch, column))
	{
		*numbers = batch->e;
		*nulls = no_nulls;
		*scale = 0;
		return true;
	}
	if (!datom_entity_numbers(batch->scan, column, numbers, nulls, scale, &decimal))
		return false;
	switch (shown->type)
	{
		case INT8OID:
		case DATEOID:
		case TIMESTAMPTZOID:
			return !decimal && *scale == 0;
		case NUMERICOID:
			return *scale >= 0 && *scale <= DATOM_INT64_DIGITS &&
				are_shown(batch, shown, *numbers, *nulls, *scale);
		default:
			return false;
	}
}
