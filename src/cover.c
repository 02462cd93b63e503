/*
 * cover.c: which attributes an order holds.
 *
 * AEVT and EAVT hold all, VAET the refs, AVET those that ask for it: unique,
 * indexed, or listed in the option "attributes". An attribute that began to ask
 * when it had facts already is held as a whole only if the order was made anew
 * since; VACUUM does that. Until then AVET is not used for it.
 */
#include "cover.h"

/* Since when the attribute itself asks for AVET; DT_NOEND: it does not. */
static TimestampTz
wanted_since(const DatomAttr *attr)
{
	TimestampTz since = DT_NOEND;

	if (attr->unique != UNIQUE_NONE)
		since = attr->unique_since;
	if (attr->indexed)
		since = Min(since, attr->indexed_since);
	return since;
}

static bool
is_listed(const DatomOrder *order, const DatomAttr *attr)
{
	return datom_order_lists(order->index, attr->ident) &&
		datom_order_option_hash(order->index) == order->meta.wanted;
}

bool
datom_cover_includes(const DatomOrder *order, const DatomAttr *attr)
{
	switch (order->kind)
	{
		case ORDER_AVET:
			return attr->type != DATOM_JSON &&
				(attr->unique != UNIQUE_NONE || attr->indexed || is_listed(order, attr));
		case ORDER_VAET:
			return attr->type == DATOM_REF;
		default:
			return true;
	}
}

bool
datom_cover_all(const DatomOrder *order, const DatomAttr *attr)
{
	TimestampTz since = wanted_since(attr);

	if (order->kind != ORDER_AVET)
		return datom_cover_includes(order, attr);
	if (attr->type == DATOM_JSON)
		return false;
	if (is_listed(order, attr))
		return true;
	if (attr->unique == UNIQUE_NONE && !attr->indexed)
		return false;
	return since <= order->meta.built || since == attr->since;
}

bool
datom_cover_lacks(const DatomOrder *order, const DatomSchema *schema)
{
	if (order->kind != ORDER_AVET)
		return false;
	if (datom_order_option_hash(order->index) != order->meta.wanted)
		return true;
	for (int i = 0; i < datom_schema_count(schema); i++)
	{
		const DatomAttr *attr = datom_schema_nth(schema, i);

		if (datom_cover_includes(order, attr) && !datom_cover_all(order, attr))
			return true;
	}
	return false;
}
