/*
 * datalog_json.c: answers of queries as JSON.
 *
 * Values are natural JSON, as those of entity() are: numbers and booleans as such,
 * instants, keywords and all else as strings, null where there is none.
 */
#include "datalog_json.h"

#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "say.h"
#include "sql_value.h"

/*
 * Values
 */

static void
push_null(JsonbParseState **state, JsonbIteratorToken token)
{
	JsonbValue	v = {.type = jbvNull};

	pushJsonbValue(state, token, &v);
}

static void
push_document(JsonbParseState **state, JsonbIteratorToken token, Jsonb *json)
{
	JsonbValue	v;

	if (!JsonbExtractScalar(&json->root, &v))
	{
		v.type = jbvBinary;
		v.val.binary.data = &json->root;
		v.val.binary.len = VARSIZE_ANY_EXHDR(json);
	}
	pushJsonbValue(state, token, &v);
}

/*
 * A value in the SQL type of its kind, or a datom.value. What is pushed is copied:
 * the answer outlives the row.
 */
static void
push_value(JsonbParseState **state, JsonbIteratorToken token, Datum value, Oid type)
{
	JsonbValue	v;

	if (type == JSONBOID)
		push_document(state, token, DatumGetJsonbPCopy(value));
	else
	{
		if (!datom_sql_is_type(type) && type != datom_say_type("value"))
			elog(ERROR, "no JSON for values of type %u", type);
		datom_value_push_json(&v, datom_sql_is_type(type) ? datom_sql_make_value(value, type) :
							  (DatomValue *) PG_DETOAST_DATUM_COPY(value));
		pushJsonbValue(state, token, &v);
	}
}

static void
push_array(JsonbParseState **state, JsonbIteratorToken token, Datum value, Oid type)
{
	Datum	   *values;
	bool	   *nulls;
	int			n;
	int16		len;
	bool		byval;
	char		align;

	get_typlenbyvalalign(type, &len, &byval, &align);
	deconstruct_array(DatumGetArrayTypeP(value), type, len, byval, align, &values, &nulls, &n);
	pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
	for (int i = 0; i < n; i++)
	{
		if (nulls[i])
			push_null(state, WJB_ELEM);
		else
			push_value(state, WJB_ELEM, values[i], type);
	}
	pushJsonbValue(state, WJB_END_ARRAY, NULL);
}

static void
push_result(JsonbParseState **state, JsonbIteratorToken token, Datum value, bool isnull,
			const DatalogResult *result)
{
	Oid			element = get_element_type(result->sql_type);

	if (isnull)
		push_null(state, token);
	else if (OidIsValid(element))
		push_array(state, token, value, element);
	else
		push_value(state, token, value, result->sql_type);
}

/*
 * Rows
 */

static void
push_key(JsonbParseState **state, const char *key)
{
	JsonbValue	v = {.type = jbvString};

	v.val.string.val = (char *) key;
	v.val.string.len = strlen(key);
	pushJsonbValue(state, WJB_KEY, &v);
}

static void
push_row(JsonbParseState **state, const DatalogAsked *asked, TupleTableSlot *slot)
{
	bool		map = asked->query->keys != KEYS_NONE;

	pushJsonbValue(state, map ? WJB_BEGIN_OBJECT : WJB_BEGIN_ARRAY, NULL);
	for (int i = 0; i < asked->sql->nresults; i++)
	{
		if (map)
			push_key(state, asked->query->key_names[i]);
		push_result(state, map ? WJB_VALUE : WJB_ELEM, slot->tts_values[i],
					slot->tts_isnull[i], &asked->sql->results[i]);
	}
	pushJsonbValue(state, map ? WJB_END_OBJECT : WJB_END_ARRAY, NULL);
}

static bool
is_single(const DatalogAsked *asked)
{
	return asked->query->find == FIND_COLLECTION || asked->query->find == FIND_SCALAR;
}

static Jsonb *
row_json(const DatalogAsked *asked, TupleTableSlot *slot)
{
	JsonbParseState *state = NULL;
	JsonbValue *json;

	pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
	if (is_single(asked))
		push_result(&state, WJB_ELEM, slot->tts_values[0], slot->tts_isnull[0],
					&asked->sql->results[0]);
	else
		push_row(&state, asked, slot);
	json = pushJsonbValue(&state, WJB_END_ARRAY, NULL);
	return JsonbValueToJsonb(&json->val.array.elems[0]);
}

/* Takes rows from the executor. */
typedef struct Receiver
{
	DestReceiver pub;
	const DatalogAsked *asked;
	void		(*take) (struct Receiver *receiver, TupleTableSlot *slot);
	MemoryContext each;			/* of one row */
	JsonbParseState *state;		/* the answer so far */
	DatalogJsonFn row;
	void	   *arg;
} Receiver;

static bool
receive(TupleTableSlot *slot, DestReceiver *self)
{
	Receiver   *receiver = (Receiver *) self;

	slot_getallattrs(slot);
	receiver->take(receiver, slot);
	return true;
}

static void
start(DestReceiver *self, int operation, TupleDesc desc)
{
}

static void
finish(DestReceiver *self)
{
}

static Receiver
make_receiver(const DatalogAsked *asked)
{
	return (Receiver) {
		.pub = {
			.receiveSlot = receive, .rStartup = start, .rShutdown = finish,
			.rDestroy = finish, .mydest = DestNone
		},
			.asked = asked
	};
}

static void
hand_out(Receiver *receiver, TupleTableSlot *slot)
{
	MemoryContext old = MemoryContextSwitchTo(receiver->each);

	receiver->row(receiver->arg, row_json(receiver->asked, slot));
	MemoryContextSwitchTo(old);
	MemoryContextReset(receiver->each);
}

void
datom_datalog_rows(const DatalogAsked *asked, DatalogJsonFn take, void *arg)
{
	Receiver	receiver = make_receiver(asked);

	receiver.take = hand_out;
	receiver.row = take;
	receiver.arg = arg;
	receiver.each = AllocSetContextCreate(CurrentMemoryContext, "datom row",
										  ALLOCSET_DEFAULT_SIZES);
	datom_datalog_run(asked, &receiver.pub);
	MemoryContextDelete(receiver.each);
}

/*
 * Answers
 */

static void
add(Receiver *receiver, TupleTableSlot *slot)
{
	MemoryContext old = MemoryContextSwitchTo(receiver->each);

	if (is_single(receiver->asked))
		push_result(&receiver->state, WJB_ELEM, slot->tts_values[0], slot->tts_isnull[0],
					&receiver->asked->sql->results[0]);
	else
		push_row(&receiver->state, receiver->asked, slot);
	MemoryContextSwitchTo(old);
}

Jsonb *
datom_datalog_answer(const DatalogAsked *asked)
{
	Receiver	receiver = make_receiver(asked);
	DatalogFindKind find = asked->query->find;
	JsonbValue *json;
	JsonbValue	null = {.type = jbvNull};

	receiver.take = add;
	receiver.each = CurrentMemoryContext;
	pushJsonbValue(&receiver.state, WJB_BEGIN_ARRAY, NULL);
	datom_datalog_run(asked, &receiver.pub);
	json = pushJsonbValue(&receiver.state, WJB_END_ARRAY, NULL);
	if (find == FIND_RELATION || find == FIND_COLLECTION)
		return JsonbValueToJsonb(json);
	return JsonbValueToJsonb(json->val.array.nElems > 0 ? &json->val.array.elems[0] : &null);
}
