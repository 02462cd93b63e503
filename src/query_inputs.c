/*
 * query_inputs.c: what a saved query reads.
 *
 * Attributes of datom tables where that can be seen, as columns of entity tables or
 * by the description of a Datalog query, and otherwise relations and functions. A
 * view is named and looked into, by its rule, and so is a function with a body in
 * SQL, each once, as functions may call themselves. All of a view counts, whichever
 * of its columns are asked for.
 *
 * A call of Datalog in a view is not compiled again, which may need rights that the
 * caller has not: if the view is a saved query, its version in the catalogue says
 * what it reads. Otherwise the datom tables that it is given are named.
 */
#include "query_inputs.h"

#include "access/htup_details.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_type.h"
#include "rewrite/prs2lock.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "entity_table.h"
#include "expression.h"
#include "query_version.h"

typedef struct Inputs
{
	List	   *names;
	List	   *views;			/* Oids of those that were looked into */
	List	   *functions;		/* likewise */
	const char *within;			/* the view or function at hand; NULL: none */
	const char *signature;		/* of the function; NULL: it is a view */
} Inputs;

static bool find_inputs(Node *node, void *context);

char *
datom_query_relation_name(Oid relid)
{
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)),
									  get_rel_name(relid));
}

static void
add_input(Inputs *inputs, Oid relid, const char *attribute)
{
	char	   *name;

	if (get_rel_name(relid) == NULL)
		return;
	name = datom_query_relation_name(relid);
	inputs->names = lappend(inputs->names,
							attribute ? psprintf("%s %s", name, attribute) : name);
}

/*
 * Views and functions
 */

/* Looks at what is within a view or a function. */
static void
look_into(Inputs *inputs, Node *node, const char *name, const char *signature)
{
	const char *within = inputs->within;
	const char *outer = inputs->signature;

	inputs->within = name;
	inputs->signature = signature;
	(void) find_inputs(node, inputs);
	inputs->within = within;
	inputs->signature = outer;
}

static void
look_into_view(Inputs *inputs, Oid relid)
{
	Relation	rel;

	if (list_member_oid(inputs->views, relid) ||
		(rel = try_table_open(relid, AccessShareLock)) == NULL)
		return;
	inputs->views = lappend_oid(inputs->views, relid);
	for (int i = 0; rel->rd_rules && i < rel->rd_rules->numLocks; i++)
		if (rel->rd_rules->rules[i]->event == CMD_SELECT)
			look_into(inputs, (Node *) rel->rd_rules->rules[i]->actions,
					  datom_query_relation_name(relid), NULL);
	table_close(rel, NoLock);
}

static char *
function_name(Oid function)
{
	return quote_qualified_identifier(get_namespace_name(get_func_namespace(function)),
									  get_func_name(function));
}

static void
look_into_function(Inputs *inputs, Oid function)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Datum		body;
	bool		isnull = true;

	if (!HeapTupleIsValid(tuple))
		return;
	body = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_prosqlbody, &isnull);
	if (!isnull && !list_member_oid(inputs->functions, function))
	{
		inputs->functions = lappend_oid(inputs->functions, function);
		look_into(inputs, stringToNode(TextDatumGetCString(body)), function_name(function),
				  format_procedure_qualified(function));
	}
	ReleaseSysCache(tuple);
}

/* What the catalogue says of the saved query at hand. False: it is none. */
static bool
add_noted(Inputs *inputs)
{
	const QueryVersion *version = inputs->within ?
		datom_query_newest(datom_query_versions(inputs->within)) : NULL;

	if (!datom_query_is_there(version) ||
		(version->signature == NULL) != (inputs->signature == NULL) ||
		(version->signature && strcmp(version->signature, inputs->signature) != 0))
		return false;
	inputs->names = list_concat(inputs->names, version->inputs);
	return true;
}

static bool
is_datalog(const FuncExpr *call)
{
	const char *symbol = call->funcretset ? datom_function_symbol(call->funcid) : NULL;

	return symbol && strcmp(symbol, "datom_saved_q") == 0;
}

/* A function that returns rows, as a saved query with arguments is one. */
static void
add_function(Inputs *inputs, const FuncExpr *call)
{
	Oid			schema = get_func_namespace(call->funcid);

	if (!call->funcretset || schema == PG_CATALOG_NAMESPACE ||
		schema == get_namespace_oid("datom", false))
		return;
	inputs->names = lappend(inputs->names, function_name(call->funcid));
	look_into_function(inputs, call->funcid);
}

/*
 * Relations
 */

static void
add_attribute(Inputs *inputs, const DatomEntityTable *table, const DatomEntityColumn *column)
{
	if (column->ident)
		add_input(inputs, table->db, column->ident);
	if (column->identity)
		add_input(inputs, table->db, column->identity);
}

static bool
is_selected(const Bitmapset *columns, AttrNumber number)
{
	return bms_is_member(number - FirstLowInvalidHeapAttributeNumber, columns);
}

/*
 * The attributes that selected columns of an entity table show, and the one that
 * makes an entity a row of it. If that is any of them, and none is selected, all; if it
 * shows none, the table itself.
 */
static void
add_entity_columns(Inputs *inputs, Oid relid, const Bitmapset *columns)
{
	Relation	rel = table_open(relid, AccessShareLock);
	DatomEntityTable *table = datom_entity_table_unchecked(rel);
	bool		all = is_selected(columns, InvalidAttrNumber);
	int			before = list_length(inputs->names);

	if (table->key)
		add_input(inputs, table->db, table->key);
	for (int i = 0; i < table->ncolumns; i++)
		if (all || is_selected(columns, table->columns[i].number))
			add_attribute(inputs, table, &table->columns[i]);
	if (list_length(inputs->names) == before)
		for (int i = 0; i < table->ncolumns; i++)
			add_attribute(inputs, table, &table->columns[i]);
	if (list_length(inputs->names) == before)
		add_input(inputs, table->db, NULL);
	table_close(rel, NoLock);
}

static void
add_relation(Inputs *inputs, Oid relid, const Bitmapset *columns)
{
	if (datom_entity_table_is(relid) && OidIsValid(datom_entity_table_db(relid, true)))
		add_entity_columns(inputs, relid, columns);
	else
	{
		add_input(inputs, relid, NULL);
		look_into_view(inputs, relid);
	}
}

/* Tables named as arguments are read too: as_of('pur', ...), entities_as_of(NULL::purchase, ...). */
static void
add_constant(Inputs *inputs, const Const *constant)
{
	Oid			relid = typeidTypeRelid(constant->consttype);
	Bitmapset  *all = bms_make_singleton(-FirstLowInvalidHeapAttributeNumber);

	if (constant->consttype == REGCLASSOID && !constant->constisnull)
		add_relation(inputs, DatumGetObjectId(constant->constvalue), all);
	else if (constant->constisnull && OidIsValid(relid) && datom_entity_table_is(relid))
		add_relation(inputs, relid, all);
}

/*
 * All
 */

static bool
find_inputs(Node *node, void *context)
{
	ListCell   *lc;

	if (node == NULL)
		return false;
	if (IsA(node, Const))
		add_constant(context, (Const *) node);
	if (IsA(node, FuncExpr) && is_datalog((FuncExpr *) node) && add_noted(context))
		return false;
	if (IsA(node, FuncExpr))
		add_function(context, (FuncExpr *) node);
	if (!IsA(node, Query))
		return expression_tree_walker(node, find_inputs, context);
	/* What is not in FROM is the target of a change, or the view whose rule it is. */
	foreach(lc, ((Query *) node)->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		if (rte->rtekind == RTE_RELATION && rte->inFromCl)
			add_relation(context, rte->relid, rte->selectedCols);
	}
	return query_tree_walker((Query *) node, find_inputs, context, 0);
}

static int
by_text(const ListCell *a, const ListCell *b)
{
	return strcmp(lfirst(a), lfirst(b));
}

static List *
sort_unique(List *texts)
{
	List	   *unique = NIL;
	ListCell   *lc;

	list_sort(texts, by_text);
	foreach(lc, texts)
		if (unique == NIL || strcmp(llast(unique), lfirst(lc)) != 0)
			unique = lappend(unique, lfirst(lc));
	return unique;
}

List *
datom_query_inputs(Query *query)
{
	Inputs		inputs = {0};

	(void) find_inputs((Node *) query, &inputs);
	return sort_unique(inputs.names);
}

List *
datom_query_inputs_described(const DatalogDescription *description)
{
	Inputs		inputs = {0};

	for (int i = 0; i < description->nreads; i++)
		add_input(&inputs, description->reads[i].db, description->reads[i].attribute);
	return sort_unique(inputs.names);
}

List *
datom_query_inputs_of(Oid view, Oid function)
{
	Inputs		inputs = {0};

	if (OidIsValid(view))
		look_into_view(&inputs, view);
	else
		look_into_function(&inputs, function);
	return sort_unique(inputs.names);
}
