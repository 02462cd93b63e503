/*
 * entity_call.c: what a call of datom.entities() shows.
 *
 * It is an entity table that nobody has made: the first column is the entity, the
 * others are the attributes that the call names, and any of them makes a row. The
 * types are those of the query's column definitions, held against the attributes
 * that are defined when somebody asks.
 */
#include "entity_call.h"

#include "access/table.h"
#include "catalog/pg_type.h"
#include "optimizer/optimizer.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "attrs.h"
#include "expression.h"

/* As it stands in a query that may not have been simplified yet; NULL: not known. */
static Const *
known(Node *argument)
{
	if (!IsA(argument, Const) && datom_is_fixed(argument))
		argument = eval_const_expressions(NULL, argument);
	return IsA(argument, Const) && !((Const *) argument)->constisnull ?
		(Const *) argument : NULL;
}

bool
datom_entity_call_read(const RangeTblFunction *function, DatomEntityCall *call)
{
	FuncExpr   *expr = (FuncExpr *) function->funcexpr;
	const char *symbol;
	Const	   *db;
	Const	   *attributes;

	if (!IsA(expr, FuncExpr) || !expr->funcretset || function->funccolnames == NIL)
		return false;
	symbol = datom_function_symbol(expr->funcid);
	if (symbol == NULL || strcmp(symbol, "datom_entities") != 0)
		return false;
	db = known(linitial(expr->args));
	attributes = known(lsecond(expr->args));
	if (db == NULL || attributes == NULL)
		return false;
	*call = (DatomEntityCall) {
		.function = expr->funcid, .db = DatumGetObjectId(db->constvalue),
			.attributes = DatumGetArrayTypeP(attributes->constvalue),
			.moment = list_length(expr->args) > 2 ? lthird(expr->args) : NULL
	};
	return true;
}

bool
datom_entity_call(const RangeTblFunction *function, DatomEntityCall *call)
{
	return datom_entity_call_read(function, call) &&
		(call->moment == NULL || datom_is_fixed((Node *) call->moment));
}

TupleDesc
datom_entity_call_desc(const RangeTblFunction *function)
{
	return BuildDescFromLists(function->funccolnames, function->funccoltypes,
							  function->funccoltypmods, function->funccolcollations);
}

static int
read_idents(ArrayType *attributes, Datum **idents, bool **nulls)
{
	Oid			type = ARR_ELEMTYPE(attributes);
	int16		length;
	bool		by_value;
	char		align;
	int			n;

	get_typlenbyvalalign(type, &length, &by_value, &align);
	deconstruct_array(attributes, type, length, by_value, align, idents, nulls, &n);
	return n;
}

static bool
refuse_null(bool missing_ok)
{
	if (!missing_ok)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the attributes must not be null")));
	return false;
}

static bool
refuse_number(int has, int wanted, bool missing_ok)
{
	if (!missing_ok)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("an entity with these attributes has %d columns, and the query defines %d",
						wanted, has),
				 errhint("Define the entity first, as bigint, then a column for each attribute.")));
	return false;
}

static bool
read_column(DatomEntityColumn *column, int number, TupleDesc desc, const char *ident,
			const DatomAttr *attr, bool missing_ok)
{
	Form_pg_attribute att = TupleDescAttr(desc, number - 1);

	*column = (DatomEntityColumn) {
		.number = number, .name = pstrdup(NameStr(att->attname)), .ident = ident
	};
	if (datom_entity_column_type(column, att->atttypid, att->atttypmod, attr) &&
		(ident != NULL || att->atttypid == INT8OID))
		return true;
	if (!missing_ok)
		datom_entity_refuse_type(NULL, column->name, att->atttypid, attr);
	return false;
}

static bool
read_columns(DatomEntityTable *table, const DatomSchema *schema, ArrayType *attributes,
			 TupleDesc desc, bool missing_ok)
{
	const DatomAttr entity = {.type = DATOM_REF};
	Datum	   *idents;
	bool	   *nulls;
	int			n = read_idents(attributes, &idents, &nulls);

	if (desc->natts != n + 1)
		return refuse_number(desc->natts, n + 1, missing_ok);
	table->ncolumns = n + 1;
	table->columns = palloc(sizeof(DatomEntityColumn) * table->ncolumns);
	if (!read_column(&table->columns[0], 1, desc, NULL, &entity, missing_ok))
		return false;
	for (int i = 0; i < n; i++)
	{
		const char *ident;

		if (nulls[i])
			return refuse_null(missing_ok);
		ident = TextDatumGetCString(idents[i]);
		if (!read_column(&table->columns[i + 1], i + 2, desc, ident,
						 datom_schema_find(schema, ident, strlen(ident)), missing_ok))
			return false;
	}
	return true;
}

DatomEntityTable *
datom_entity_call_table(Oid db, Oid reader, ArrayType *attributes, TupleDesc desc,
						bool missing_ok)
{
	DatomEntityTable *table = palloc0(sizeof(DatomEntityTable));
	Relation	rel = table_open(db, AccessShareLock);
	bool		good;

	table->owner = reader;
	table->db = db;
	good = read_columns(table, datom_attrs(rel), attributes, desc, missing_ok);
	table_close(rel, NoLock);
	return good ? table : NULL;
}
