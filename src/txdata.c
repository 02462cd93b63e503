/*
 * txdata.c: reading transaction data.
 *
 *	data	  = [op*]
 *	op		  = [:db/add e a v] | [:db/retract e a v?] | [:db/retractEntity e]
 *			  | [:db/cas e a old new] | [function arg*] | map
 *	map		  = {:db/id e, a v | [v*], :ns/_reversed e | [e*]}
 *	e		  = number | "tempid" | "datomic.tx" | :ident | [a v]
 *	v		  = value | e, where the attribute is a ref | map, likewise
 *
 * Everything is checked that can be checked without reading the log: shapes,
 * attributes, types. A map, nested or not, becomes an op for each of its
 * pairs. Which entities tempids, idents and lookup refs stand for is left to
 * the resolver.
 *
 * A transaction function is a SQL function that takes the datom table and the
 * arguments of the form and returns transaction data, as text or jsonb. It is
 * called as the user, by its name or qualified name, and what it returns is
 * read in its place. It may read whatever it likes and decide upon it, so the
 * whole table is locked before it is called; in READ COMMITTED it then sees
 * what holds.
 *
 * In JSON there are no keywords: a string that looks like one is one, where a
 * keyword may stand, and values are literals that take their attribute's type.
 */
#include "txdata.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "common/hashfn.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/varlena.h"

#include "attribute.h"
#include "facts.h"
#include "locks.h"

#define MAX_CALL_DEPTH 100

typedef struct Tempid
{
	const char *name;
	TxNode	   *node;
	char		status;
} Tempid;

#define SH_PREFIX tempids
#define SH_ELEMENT_TYPE Tempid
#define SH_KEY_TYPE const char *
#define SH_KEY name
#define SH_HASH_KEY(tb, key) hash_bytes((const unsigned char *) (key), strlen(key))
#define SH_EQUAL(tb, a, b) (strcmp(a, b) == 0)
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

static void read_op(TxData *data, const Edn *form, int depth);
static TxNode *read_map(TxData *data, const Edn *map, int depth);

/*
 * Refusals
 */

static void
refuse_form(const Edn *form, const char *expected)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
			 errmsg("%s expected in transaction data, but found %s",
					expected, datom_edn_kind_name(form->kind)),
			 datom_edn_at(form->pos, NULL)));
}

static void
refuse_value(TxData *data, const Edn *form, const DatomAttr *attr)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("value for attribute \"%s\" in \"%s\" is not of type \"%s\"",
					attr->ident, data->table, datom_value_kind_name(attr->type)),
			 datom_edn_at(form->pos, NULL)));
}

/*
 * JSON
 */

static Edn *
json_scalar(const JsonbValue *v)
{
	Edn		   *form = palloc0(sizeof(Edn));

	switch (v->type)
	{
		case jbvNull:
			form->kind = EDN_NIL;
			return form;
		case jbvBool:
			form->kind = EDN_BOOL;
			form->truth = v->val.boolean;
			form->text = v->val.boolean ? "true" : "false";
			break;
		case jbvNumeric:
			form->text = DatumGetCString(DirectFunctionCall1(numeric_out,
															 NumericGetDatum(v->val.numeric)));
			form->kind = strpbrk(form->text, ".eE") ? EDN_DECIMAL : EDN_BIGINT;
			break;
		default:
			form->text = pnstrdup(v->val.string.val, v->val.string.len);
			form->kind = datom_attribute_valid(v->val.string.val, v->val.string.len) ?
				EDN_KEYWORD : EDN_STRING;
			break;
	}
	form->len = strlen(form->text);
	if (form->kind == EDN_BIGINT && form->len < 19)
	{
		form->kind = EDN_INT;
		form->integer = pg_strtoint64(form->text);
	}
	return form;
}

static Edn *
json_container(JsonbIterator **it, EdnKind kind)
{
	Edn		   *form = palloc0(sizeof(Edn));
	int			room = 8;
	JsonbValue	v;
	JsonbIteratorToken token;

	check_stack_depth();
	form->kind = kind;
	form->items = palloc(sizeof(Edn *) * room);
	while ((token = JsonbIteratorNext(it, &v, false)) != WJB_END_ARRAY &&
		   token != WJB_END_OBJECT)
	{
		if (form->count == room)
			form->items = repalloc_huge(form->items, sizeof(Edn *) * (room *= 2));
		if (token == WJB_BEGIN_ARRAY)
			form->items[form->count++] = json_container(it, EDN_VECTOR);
		else if (token == WJB_BEGIN_OBJECT)
			form->items[form->count++] = json_container(it, EDN_MAP);
		else
			form->items[form->count++] = json_scalar(&v);
	}
	return form;
}

Edn *
datom_txdata_from_json(Jsonb *json)
{
	JsonbIterator *it = JsonbIteratorInit(&json->root);
	JsonbValue	v;
	JsonbIteratorToken token = JsonbIteratorNext(&it, &v, false);
	Edn		   *form = json_container(&it, token == WJB_BEGIN_OBJECT ?
									  EDN_MAP : EDN_VECTOR);

	return JB_ROOT_IS_SCALAR(json) ? form->items[0] : form;
}

static void
write_json_scalar(StringInfo out, const Edn *form)
{
	const DatomValue *v;

	switch (form->kind)
	{
		case EDN_NIL:
			appendStringInfoString(out, "null");
			return;
		case EDN_BOOL:
		case EDN_INT:
		case EDN_BIGINT:
		case EDN_DECIMAL:
			appendStringInfoString(out, form->text + (form->text[0] == '+'));
			return;
		case EDN_DOUBLE:
			if (form->text[0] != '#')
			{
				appendStringInfoString(out, form->text + (form->text[0] == '+'));
				return;
			}
			break;
		case EDN_TAGGED:
			v = datom_value_from_edn(form);
			if (v == NULL)
				refuse_form(form, "a value");
			escape_json(out, datom_value_text_cstring(v));
			return;
		default:
			break;
	}
	escape_json(out, form->text);
}

/*
 * Puts a form into the words of JSON: a set or a list is an array, what JSON
 * has no kind for is a string of its text.
 */
static void
write_json(StringInfo out, const Edn *form)
{
	bool		map = form->kind == EDN_MAP;

	check_stack_depth();
	if (!map && form->kind != EDN_VECTOR && form->kind != EDN_LIST &&
		form->kind != EDN_SET)
	{
		write_json_scalar(out, form);
		return;
	}
	appendStringInfoChar(out, map ? '{' : '[');
	for (int i = 0; i < form->count; i++)
	{
		const Edn  *item = form->items[i];

		if (i > 0)
			appendStringInfoChar(out, map && i % 2 == 1 ? ':' : ',');
		if (map && i % 2 == 0)
		{
			if (item->text == NULL || item->kind == EDN_TAGGED)
				refuse_form(item, "a key");
			escape_json(out, item->text);
		}
		else
			write_json(out, item);
	}
	appendStringInfoChar(out, map ? '}' : ']');
}

/*
 * Entities
 */

static TxNode *
new_node(TxData *data, TxNodeKind kind, int pos)
{
	TxNode	   *node = palloc0(sizeof(TxNode));

	node->kind = kind;
	node->pos = pos;
	if (kind == NODE_TEMPID || kind == NODE_LOOKUP)
		data->nodes = lappend(data->nodes, node);
	return node;
}

static const DatomAttr *
read_attribute(TxData *data, const Edn *form)
{
	if (form->kind != EDN_KEYWORD)
		refuse_form(form, "an attribute");
	return datom_schema_need(data->schema, form->text, form->len, data->table,
							 form->pos);
}

static TxNode *
tempid_node(TxData *data, const Edn *form)
{
	Tempid	   *tempid;
	bool		found;

	if (strcmp(form->text, "datomic.tx") == 0)
		return new_node(data, NODE_TX, form->pos);
	tempid = tempids_insert(data->tempids, form->text, &found);
	if (!found)
	{
		tempid->node = new_node(data, NODE_TEMPID, form->pos);
		tempid->node->tempid = form->text;
	}
	return tempid->node;
}

static TxNode *
lookup_node(TxData *data, const DatomAttr *attr, DatomValue *v, int pos)
{
	TxNode	   *node = new_node(data, NODE_LOOKUP, pos);

	node->attr = attr;
	node->v = v;
	return node;
}

static bool
is_lookup_ref(TxData *data, const Edn *form)
{
	const DatomAttr *attr;

	if (form->kind != EDN_VECTOR || form->count != 2 ||
		form->items[0]->kind != EDN_KEYWORD)
		return false;
	attr = datom_schema_find(data->schema, form->items[0]->text, form->items[0]->len);
	return attr && attr->unique != UNIQUE_NONE;
}

/* A scalar as a value of the attribute's type; NULL if it cannot be. */
static DatomValue *
read_scalar(TxData *data, const Edn *form, const DatomAttr *attr)
{
	DatomValue *v;

	if (form->kind == EDN_NIL)
		return NULL;
	if (data->json && attr->type == DATOM_JSON)
	{
		StringInfoData text;

		initStringInfo(&text);
		write_json(&text, form);
		v = datom_value_literal(text.data, text.len);
	}
	else if (data->json && (form->kind == EDN_STRING || form->kind == EDN_KEYWORD))
	{
		if (attr->type == DATOM_STRING)
			return datom_value_make_string(form->text, form->len);
		v = datom_value_literal(form->text, form->len);
	}
	else
		v = datom_value_from_edn(form);
	return v ? datom_value_coerce(v, attr->type) : NULL;
}

/* e = number | "tempid" | "datomic.tx" | :ident | [a v] */
static TxNode *
read_entity(TxData *data, const Edn *form)
{
	TxNode	   *node;
	DatomValue *v;

	switch (form->kind)
	{
		case EDN_INT:
			node = new_node(data, NODE_FIXED, form->pos);
			node->e = form->integer;
			return node;
		case EDN_STRING:
			return tempid_node(data, form);
		case EDN_KEYWORD:
			return lookup_node(data, datom_schema_nth(data->schema, DB_IDENT),
							   datom_value_make_keyword(form->text, form->len),
							   form->pos);
		case EDN_VECTOR:
			if (form->count != 2)
				refuse_form(form, "an entity");
			node = lookup_node(data, read_attribute(data, form->items[0]), NULL,
							   form->pos);
			v = read_scalar(data, form->items[1], node->attr);
			if (v == NULL)
				refuse_value(data, form->items[1], node->attr);
			node->v = datom_facts_lookup_value(node->attr, v, form->pos);
			return node;
		default:
			refuse_form(form, "an entity");
	}
	return NULL;
}

static TxValue
read_value(TxData *data, const Edn *form, const DatomAttr *attr, int depth)
{
	TxValue		value = {0};

	if (attr->type == DATOM_REF && form->kind == EDN_MAP)
		value.node = read_map(data, form, depth);
	else if (attr->type == DATOM_REF && form->kind != EDN_TAGGED)
		value.node = read_entity(data, form);
	else
	{
		value.v = read_scalar(data, form, attr);
		if (value.v == NULL)
			refuse_value(data, form, attr);
	}
	return value;
}

/*
 * Operations
 */

/* The instant that the data give their transaction; it is not a fact. */
static void
read_tx_instant(TxData *data, const TxOp *op)
{
	if (op->e->kind != NODE_TX || op->kind != OP_ADD)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("attribute \"%s\" can only be asserted of the transaction itself",
						op->attr->ident),
				 datom_edn_at(op->pos, NULL)));
	if (data->has_instant && data->instant != datom_value_get_instant(op->v.v))
		ereport(ERROR,
				(errcode(ERRCODE_CARDINALITY_VIOLATION),
				 errmsg("the data give their transaction two instants"),
				 datom_edn_at(op->pos, NULL)));
	data->has_instant = true;
	data->instant = datom_value_get_instant(op->v.v);
}

static void
add_op(TxData *data, TxOp op)
{
	TxOp	   *copy;

	if (op.attr && op.attr->builtin == DB_TX_INSTANT)
	{
		read_tx_instant(data, &op);
		return;
	}
	copy = palloc(sizeof(TxOp));
	*copy = op;
	data->ops = lappend(data->ops, copy);
}

static bool
is_collection(TxData *data, const Edn *form, const DatomAttr *attr)
{
	if (form->kind == EDN_SET)
		return true;
	if (form->kind != EDN_VECTOR && form->kind != EDN_LIST)
		return false;
	return !(attr->type == DATOM_REF && is_lookup_ref(data, form)) &&
		!(attr->type == DATOM_JSON && data->json);
}

static void
read_pair(TxData *data, TxNode *e, const Edn *key, const Edn *form, int depth)
{
	const DatomAttr *attr = read_attribute(data, key);
	TxOp		op = {.kind = OP_ADD, .pos = form->pos, .e = e, .attr = attr};

	if (!is_collection(data, form, attr))
	{
		op.v = read_value(data, form, attr, depth);
		add_op(data, op);
		return;
	}
	if (!attr->many)
		refuse_value(data, form, attr);
	for (int i = 0; i < form->count; i++)
	{
		op.pos = form->items[i]->pos;
		op.v = read_value(data, form->items[i], attr, depth);
		add_op(data, op);
	}
}

/* ":ns/_name" as ":ns/name", or NULL if the keyword is not reversed. */
static Edn *
reversed(const Edn *key)
{
	const char *slash = key->kind == EDN_KEYWORD ? strchr(key->text, '/') : NULL;
	Edn		   *forward;

	if (slash == NULL || slash[1] != '_')
		return NULL;
	forward = palloc(sizeof(Edn));
	*forward = *key;
	forward->text = psprintf("%.*s/%s", (int) (slash - key->text), key->text, slash + 2);
	forward->len = key->len - 1;
	return forward;
}

/* The other end of a reversed attribute: an entity, or a map that is one. */
static void
read_reverse(TxData *data, TxNode *e, const Edn *key, const Edn *form, int depth)
{
	const DatomAttr *attr = read_attribute(data, key);
	TxOp		op = {.kind = OP_ADD, .pos = form->pos, .attr = attr};

	if (attr->type != DATOM_REF)
		refuse_value(data, form, attr);
	if (is_collection(data, form, attr))
	{
		for (int i = 0; i < form->count; i++)
			read_reverse(data, e, key, form->items[i], depth);
		return;
	}
	op.v.node = e;
	op.e = form->kind == EDN_MAP ? read_map(data, form, depth) :
		read_entity(data, form);
	add_op(data, op);
}

/* map = {:db/id e, a v | [v*], :ns/_reversed e | [e*]} */
static TxNode *
read_map(TxData *data, const Edn *map, int depth)
{
	const Edn  *id = datom_edn_get(map, ":db/id");
	TxNode	   *node;

	check_stack_depth();
	node = id ? read_entity(data, id) : new_node(data, NODE_TEMPID, map->pos);
	for (int i = 0; i < map->count; i += 2)
	{
		const Edn  *key = map->items[i];
		const Edn  *back = reversed(key);

		if (map->items[i + 1] == id)
			continue;
		if (back)
			read_reverse(data, node, back, map->items[i + 1], depth);
		else
			read_pair(data, node, key, map->items[i + 1], depth);
	}
	return node;
}

static void
need_count(const Edn *form, int low, int high)
{
	if (form->count < low || form->count > high)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("operation \"%s\" in transaction data has %d parts, not %d",
						form->items[0]->text, form->count, low),
				 datom_edn_at(form->pos, NULL)));
}

/* [:db/cas e a old new] */
static void
read_cas(TxData *data, const Edn *form, int depth)
{
	TxOp		op = {.kind = OP_CAS, .pos = form->pos};

	need_count(form, 5, 5);
	op.e = read_entity(data, form->items[1]);
	op.attr = read_attribute(data, form->items[2]);
	if (op.attr->many)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cannot compare and set attribute \"%s\" of cardinality many",
						op.attr->ident),
				 datom_edn_at(form->pos, NULL)));
	if (form->items[3]->kind != EDN_NIL)
		op.old = read_value(data, form->items[3], op.attr, depth);
	op.v = read_value(data, form->items[4], op.attr, depth);
	add_op(data, op);
}

static void
read_retract(TxData *data, const Edn *form, int depth)
{
	TxOp		op = {.kind = OP_RETRACT, .pos = form->pos};

	need_count(form, 3, 4);
	op.e = read_entity(data, form->items[1]);
	op.attr = read_attribute(data, form->items[2]);
	if (form->count == 3)
		op.kind = OP_RETRACT_ATTRIBUTE;
	else
		op.v = read_value(data, form->items[3], op.attr, depth);
	add_op(data, op);
}

static void
read_list(TxData *data, const Edn *form, int depth)
{
	const char *name = form->items[0]->text;
	TxOp		op = {.pos = form->pos};

	if (strcmp(name, ":db/add") == 0)
	{
		need_count(form, 4, 4);
		op.kind = OP_ADD;
		op.e = read_entity(data, form->items[1]);
		op.attr = read_attribute(data, form->items[2]);
		op.v = read_value(data, form->items[3], op.attr, depth);
		add_op(data, op);
	}
	else if (strcmp(name, ":db/retract") == 0)
		read_retract(data, form, depth);
	else if (strcmp(name, ":db/cas") == 0 || strcmp(name, ":db.fn/cas") == 0)
		read_cas(data, form, depth);
	else if (strcmp(name, ":db/retractEntity") == 0 ||
			 strcmp(name, ":db.fn/retractEntity") == 0)
	{
		need_count(form, 2, 2);
		op.kind = OP_RETRACT_ENTITY;
		op.e = read_entity(data, form->items[1]);
		add_op(data, op);
	}
	else
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("operation \"%s\" in transaction data is not known",
						datom_edn_clip(name, form->items[0]->len)),
				 datom_edn_at(form->pos, NULL)));
}

/*
 * Transaction functions
 */

/* Steps to a candidate that takes a table and n arguments. */
static FuncCandidateList
taking_table(FuncCandidateList candidate, int nargs)
{
	while (candidate && (candidate->nargs != nargs + 1 ||
						 candidate->args[0] != REGCLASSOID))
		candidate = candidate->next;
	return candidate;
}

/* The one function of that name that takes a table and n arguments. */
static Oid
find_function(List *names, int nargs, int pos, Oid **argtypes)
{
	FuncCandidateList found =
	taking_table(FuncnameGetCandidates(names, nargs + 1, NIL, false,
									   false, false, true), nargs);

	if (found && taking_table(found->next, nargs))
		ereport(ERROR,
				(errcode(ERRCODE_AMBIGUOUS_FUNCTION),
				 errmsg("transaction function \"%s\" with %d arguments is not unique",
						NameListToString(names), nargs),
				 datom_edn_at(pos, NULL)));
	if (found == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("transaction function \"%s\" with %d arguments does not exist",
						NameListToString(names), nargs),
				 errhint("It takes a regclass, the datom table, and then its arguments."),
				 datom_edn_at(pos, NULL)));
	*argtypes = found->args;
	return found->oid;
}

/* An argument as text, which the call casts to the parameter's type. */
static char *
argument_text(const Edn *form)
{
	StringInfoData out;

	if (form->kind == EDN_NIL)
		return NULL;
	if (form->text && form->kind != EDN_TAGGED)
		return pstrdup(form->text);
	if (form->kind == EDN_TAGGED)
	{
		DatomValue *v = datom_value_from_edn(form);

		if (v == NULL)
			refuse_form(form, "an argument");
		return datom_value_text_cstring(v);
	}
	initStringInfo(&out);
	write_json(&out, form);
	return out.data;
}

/* SELECT function($1::pg_catalog.regclass, $2::type, ...) */
static char *
call_text(Oid function, int nargs, const Oid *argtypes)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT %s(",
					 quote_qualified_identifier(get_namespace_name(get_func_namespace(function)),
												get_func_name(function)));
	for (int i = 0; i <= nargs; i++)
		appendStringInfo(&sql, "%sCAST($%d AS %s)", i > 0 ? ", " : "", i + 1,
						 format_type_extended(argtypes[i], -1,
											  FORMAT_TYPE_FORCE_QUALIFY));
	appendStringInfoChar(&sql, ')');
	return sql.data;
}

static void
check_result(const Edn *form)
{
	Oid			type = SPI_gettypeid(SPI_tuptable->tupdesc, 1);

	if (type != TEXTOID && type != JSONBOID)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("transaction function \"%s\" returns %s, not text or jsonb",
						form->items[0]->text, format_type_be(type)),
				 datom_edn_at(form->pos, NULL)));
	if (SPI_processed > 1)
		ereport(ERROR,
				(errcode(ERRCODE_CARDINALITY_VIOLATION),
				 errmsg("transaction function \"%s\" returned more than one row",
						form->items[0]->text),
				 datom_edn_at(form->pos, NULL)));
}

/* Takes the forms that a function returned out of SPI's memory. */
static Edn *
take_result(MemoryContext into, bool *json)
{
	MemoryContext old = MemoryContextSwitchTo(into);
	bool		isnull = true;
	Edn		   *form = NULL;
	Datum		value = (Datum) 0;

	if (SPI_processed == 1)
		value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	if (!isnull)
	{
		*json = SPI_gettypeid(SPI_tuptable->tupdesc, 1) == JSONBOID;
		if (*json)
			form = datom_txdata_from_json(DatumGetJsonbPCopy(value));
		else
		{
			text	   *source = DatumGetTextPCopy(value);

			form = datom_edn_parse(VARDATA(source), VARSIZE(source) - VARHDRSZ);
		}
	}
	MemoryContextSwitchTo(old);
	return form;
}

static void
tell_function(void *arg)
{
	const Edn  *form = arg;

	errcontext("data returned by transaction function \"%s\"", form->items[0]->text);
}

/* Reads what a function returned, in its place. */
static void
read_result(TxData *data, const Edn *result, int depth)
{
	if (result->kind != EDN_VECTOR && result->kind != EDN_LIST)
		refuse_form(result, "a vector of operations");
	for (int i = 0; i < result->count; i++)
		read_op(data, result->items[i], depth + 1);
}

static void
read_call(TxData *data, const Edn *form, int depth)
{
	int			nargs = form->count - 1;
	MemoryContext own = CurrentMemoryContext;
	bool		json = data->json;
	ErrorContextCallback context = {error_context_stack, tell_function, (void *) form};
	Oid		   *argtypes;
	Oid			function;
	Edn		   *result;
	Datum	   *values = palloc(sizeof(Datum) * form->count);
	Oid		   *types = palloc(sizeof(Oid) * form->count);
	char	   *nulls = palloc(form->count);

	if (depth >= MAX_CALL_DEPTH)
		ereport(ERROR,
				(errcode(ERRCODE_STATEMENT_TOO_COMPLEX),
				 errmsg("transaction functions call each other too deeply"),
				 datom_edn_at(form->pos, NULL)));
	function = find_function(stringToQualifiedNameList(form->items[0]->text), nargs,
							 form->pos, &argtypes);
	for (int i = 0; i <= nargs; i++)
	{
		char	   *text = i == 0 ? NULL : argument_text(form->items[i]);

		types[i] = i == 0 ? OIDOID : TEXTOID;
		values[i] = i == 0 ? ObjectIdGetDatum(data->db) :
			text ? CStringGetTextDatum(text) : (Datum) 0;
		nulls[i] = i > 0 && text == NULL ? 'n' : ' ';
	}
	/* It may read whatever it likes: nobody else says anything until we end. */
	data->calls = true;
	datom_lock_all(data->db);
	SPI_connect();
	SPI_execute_with_args(call_text(function, nargs, argtypes), nargs + 1, types,
						  values, nulls, false, 2);
	check_result(form);
	error_context_stack = &context;
	result = take_result(own, &json);
	SPI_finish();
	data->json = json;
	if (result)
		read_result(data, result, depth);
	error_context_stack = context.previous;
}

/* Is it the name of a function? In JSON, any string that is no keyword. */
static bool
is_function_name(TxData *data, const Edn *form)
{
	return form->kind == EDN_SYMBOL || (data->json && form->kind == EDN_STRING);
}

static void
read_op(TxData *data, const Edn *form, int depth)
{
	bool		json = data->json;

	CHECK_FOR_INTERRUPTS();
	check_stack_depth();
	if (form->kind == EDN_MAP)
		read_map(data, form, depth);
	else if ((form->kind != EDN_VECTOR && form->kind != EDN_LIST) || form->count == 0)
		refuse_form(form, "an operation");
	else if (is_function_name(data, form->items[0]))
		read_call(data, form, depth);
	else if (form->items[0]->kind == EDN_KEYWORD)
		read_list(data, form, depth);
	else
		refuse_form(form->items[0], "the name of an operation");
	data->json = json;
}

TxData *
datom_txdata_read(Oid db, const DatomSchema *schema, const Edn *form, bool json)
{
	TxData	   *data = palloc0(sizeof(TxData));

	data->db = db;
	data->table = get_rel_name(db);
	data->schema = schema;
	data->json = json;
	data->tempids = tempids_create(CurrentMemoryContext, 16, NULL);
	if (form->kind != EDN_VECTOR && form->kind != EDN_LIST)
		refuse_form(form, "a vector of operations");
	for (int i = 0; i < form->count; i++)
		read_op(data, form->items[i], 0);
	return data;
}
