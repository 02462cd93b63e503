/*
 * datalog_rewrite.c: Datalog in place of datom.q() and datom.saved_q().
 *
 * A call in FROM becomes, before the query is planned, the SQL that its query
 * becomes, so that both are planned together: joins with other tables, conditions
 * on its columns, shards. A prepared statement is then planned with it.
 *
 * That is done only where the answer is the same:
 *
 *	The query is a constant, and has no :timeout, which runs per call.
 *	Arguments are constants, by now. One that is not may be a value of a type that
 *	says its kind, or an array of such for a collection; text only where a string is
 *	wanted. It stays an expression, and must not depend on rows, nor be volatile.
 *	That it is not null and can be an argument is asked once when the plan runs, by a
 *	condition above it all.
 *	Columns have the collations of their types.
 *	The caller may call the function.
 *
 * The plan holds what the query was when it was planned: which tables its sources
 * are, and what attributes these have. The tables become dependencies of the plan;
 * a change of their attributes invalidates them as one of their columns would. Of
 * names search_path decides, which the plan cache compares, and datom.db, which
 * when set invalidates all plans. The moment in force is not in the plan.
 *
 * What is wrong with the query is raised when it is planned, with the view or the
 * function that it stands in as context.
 *
 * Rights are the caller's, but those of a view's owner for saved_q in a view: as whom
 * the server would check its entry in FROM, what takes its place is read.
 */
#include "datalog_rewrite.h"

#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/pathnodes.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "parser/parse_coerce.h"
#include "parser/parse_func.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "datalog_named.h"
#include "datalog_parse.h"
#include "datalog_plan.h"
#include "datalog_run.h"
#include "expression.h"
#include "inlined.h"
#include "settings.h"

typedef struct Rewrite
{
	PlannerInfo *root;			/* of no query: for parameters and dependencies */
	List	   *tables;
	int			replaced;
	const char *kind;			/* of what the query at hand stands in: "view" */
	const char *name;			/* of that; NULL: nothing */
} Rewrite;

/* A call and what it becomes. */
typedef struct Call
{
	FuncExpr   *call;
	RangeTblFunction *function;
	bool		saved;			/* it is datom.saved_q() */
	Oid			behalf;			/* whose rights count; see behalf.h */
	List	   *args;			/* of the call, as far as they are known */
	DatalogGiven *given;		/* arguments of the query */
	Node	  **exprs;			/* the same as expressions; NULL: they are known */
	int			ngiven;
	DatalogAsked asked;
} Call;

/*
 * Which calls
 */

static bool
is_q(Node *node, bool *saved)
{
	const char *symbol;

	if (!IsA(node, FuncExpr) || !((FuncExpr *) node)->funcretset)
		return false;
	symbol = datom_function_symbol(((FuncExpr *) node)->funcid);
	*saved = symbol && strcmp(symbol, "datom_saved_q") == 0;
	return symbol && (*saved || strcmp(symbol, "datom_q") == 0);
}

static bool
has_own_collation(RangeTblFunction *function)
{
	ListCell   *type;
	ListCell   *collation;

	forboth(type, function->funccoltypes, collation, function->funccolcollations)
		if (lfirst_oid(collation) != get_typcollation(lfirst_oid(type)))
			return true;
	return false;
}

static bool
is_call(RangeTblEntry *rte, Call *call)
{
	if (rte->rtekind != RTE_FUNCTION || rte->funcordinality ||
		list_length(rte->functions) != 1)
		return false;
	call->function = linitial(rte->functions);
	call->behalf = rte->checkAsUser;
	call->call = (FuncExpr *) call->function->funcexpr;
	return is_q((Node *) call->call, &call->saved) && call->function->funccolnames != NIL &&
		!has_own_collation(call->function) &&
		pg_proc_aclcheck(call->call->funcid, GetUserId(), ACL_EXECUTE) == ACLCHECK_OK;
}

static bool
is_text(Node *node)
{
	return IsA(node, Const) && ((Const *) node)->consttype == TEXTOID &&
		!((Const *) node)->constisnull;
}

/*
 * Arguments
 */

static bool
give_argument(Node *arg, DatalogGiven *given)
{
	Const	   *constant = (Const *) arg;

	if (IsA(arg, Const))
		*given = datom_datalog_given_sql(constant->consttype, constant->constvalue,
										 constant->constisnull);
	else if (datom_is_fixed(arg))
		*given = (DatalogGiven) {
			.unknown = exprType(arg)
		};
	else
		return false;
	return true;
}

/* The elements of a VARIADIC array, which must be known. */
static bool
give_array(Node *arg, Call *call)
{
	DatalogGiven array;

	if (!give_argument(arg, &array) || OidIsValid(array.unknown))
		return false;
	call->given = array.items;
	call->ngiven = array.n;
	return true;
}

static bool
give_arguments(Call *call)
{
	int			n = list_length(call->args) - 1;

	if (n > 0 && call->call->funcvariadic)
		return give_array(lsecond(call->args), call);
	call->given = palloc0(sizeof(DatalogGiven) * Max(1, n));
	call->exprs = palloc(sizeof(Node *) * Max(1, n));
	call->ngiven = n;
	for (int i = 0; i < n; i++)
	{
		call->exprs[i] = list_nth(call->args, i + 1);
		if (!give_argument(call->exprs[i], &call->given[i]))
			return false;
	}
	return true;
}

/* From names and values to arguments. False: a name or a source is not known. */
static bool
sort_arguments(Call *call)
{
	DatalogPairs pairs;
	Node	  **exprs = palloc0(sizeof(Node *) * (call->asked.query->nin + 1));

	for (int i = 0; i < call->ngiven; i += 2)
		if (OidIsValid(call->given[i].unknown))
			return false;
	pairs = datom_datalog_pairs(call->asked.query, call->given, call->ngiven,
								&call->asked.sources);
	for (int i = 0; i < pairs.n; i++)
		if (call->exprs && pairs.from[i] >= 0)
			exprs[i] = call->exprs[pairs.from[i] * 2 + 1];
	call->given = pairs.given;
	call->ngiven = pairs.n;
	call->exprs = exprs;
	return !pairs.undecided;
}

/*
 * The SQL
 */

static DatalogTarget
target_of(RangeTblFunction *function)
{
	DatalogTarget target = {.n = list_length(function->funccoltypes)};

	target.types = palloc(sizeof(Oid) * target.n);
	target.typmods = palloc(sizeof(int32) * target.n);
	for (int i = 0; i < target.n; i++)
	{
		target.types[i] = list_nth_oid(function->funccoltypes, i);
		target.typmods[i] = list_nth_int(function->funccoltypmods, i);
	}
	return target;
}

/* The expression that is given for the parameter; NULL: its value is known. */
static Node *
expression_for(const Call *call, const DatalogParam *param)
{
	int			argument;

	if (param->what != PARAM_SCALAR && param->what != PARAM_COLUMN)
		return NULL;
	argument = call->asked.args->args[param->input].argument;
	return argument >= 0 && OidIsValid(call->given[argument].unknown) ?
		call->exprs[argument] : NULL;
}

/* Does a cast make of values of one kind what datom_datalog_param() makes? */
static bool
is_cast(DatalogType from, DatalogType to)
{
	return from == to || to == DATALOG_ANY ||
		(from == DATALOG_LITERAL && to == DATALOG_STRING) ||
		(from == DATALOG_LONG &&
		 (to == DATALOG_BIGDEC || to == DATALOG_REF || to == DATALOG_TX));
}

/* NULL: it cannot be had. */
static Node *
argument_of(const Call *call, const DatalogParam *param)
{
	Node	   *expression = expression_for(call, param);
	const DatalogArgs *args = call->asked.args;
	int16		len;
	bool		byval;
	bool		isnull;
	Datum		value;

	if (expression)
		return is_cast(args->inputs[param->input].types[param->term], param->datalog_type) ?
			coerce_to_target_type(NULL, copyObject(expression), exprType(expression),
								  param->type, -1, COERCION_EXPLICIT, COERCE_IMPLICIT_CAST,
								  -1) : NULL;
	if (datom_datalog_is_looked_up(args, param))
		return NULL;
	value = datom_datalog_param(args, param, &isnull);
	get_typlenbyval(param->type, &len, &byval);
	return (Node *) makeConst(param->type, -1, get_typcollation(param->type), len, value,
							  isnull, byval);
}

/* Puts what is in the array `arguments` in place of parameters. */
static Node *
put_arguments(Node *node, void *arguments)
{
	if (node == NULL)
		return NULL;
	if (IsA(node, Query))
		return (Node *) query_tree_mutator((Query *) node, put_arguments, arguments, 0);
	if (IsA(node, Param) && ((Param *) node)->paramkind == PARAM_EXTERN)
		return copyObject(((Node **) arguments)[((Param *) node)->paramid - 1]);
	return expression_tree_mutator(node, put_arguments, arguments);
}

static Query *
make_query(const Call *call)
{
	const DatalogSql *sql = call->asked.sql;
	Node	  **arguments = palloc0(sizeof(Node *) * Max(1, sql->nparams));

	for (int i = 0; i < sql->nparams; i++)
	{
		Node	   *argument = argument_of(call, &sql->params[i]);

		if (argument == NULL)
			return NULL;
		arguments[sql->params[i].number - 1] = argument;
	}
	return (Query *) put_arguments((Node *) datom_datalog_analyze(sql, call->behalf),
									arguments);
}

/*
 * The condition above
 */

/* A call of one of the functions that are there for it. */
static Node *
make_check(const char *function, int ntypes, const Oid *types, List *args)
{
	return (Node *) makeFuncExpr(LookupFuncName(list_make2(makeString("datom"),
														   makeString(pstrdup(function))),
												ntypes, types, false),
								 BOOLOID, args, InvalidOid, DEFAULT_COLLATION_OID,
								 COERCE_EXPLICIT_CALL);
}

/* datom.q_given() over all arguments that are not known; NIL if all are. */
static List *
arguments_given(const Call *call)
{
	Oid			types[1] = {ANYOID};
	List	   *args = NIL;

	for (int i = 0; i < call->asked.query->nin; i++)
	{
		int			argument = call->asked.args->args[i].argument;
		const char *name;

		if (argument < 0 || !OidIsValid(call->given[argument].unknown) ||
			call->asked.query->in[i].kind == BIND_BLANK)
			continue;
		name = datom_datalog_name(call->asked.args, i);
		args = lappend(args, makeConst(TEXTOID, -1, DEFAULT_COLLATION_OID, -1,
									   CStringGetTextDatum(name), false, false));
		args = lappend(args, copyObject(call->exprs[argument]));
	}
	return args == NIL ? NIL : list_make1(make_check("q_given", 1, types, args));
}

/* Collects the tables that functions in FROM read, whose scans check the rights. */
static bool
add_scanned(Node *node, void *tables)
{
	RangeTblEntry *rte = (RangeTblEntry *) node;
	FuncExpr   *function;
	Const	   *table;

	if (node == NULL)
		return false;
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, add_scanned, tables, QTW_EXAMINE_RTES_BEFORE);
	if (!IsA(node, RangeTblEntry))
		return expression_tree_walker(node, add_scanned, tables);
	if (rte->rtekind != RTE_FUNCTION)
		return false;
	function = (FuncExpr *) ((RangeTblFunction *) linitial(rte->functions))->funcexpr;
	table = IsA(function, FuncExpr) && function->args ? linitial(function->args) : NULL;
	if (table && IsA(table, Const) && table->consttype == REGCLASSOID && !table->constisnull)
		*(List **) tables = list_append_unique_oid(*(List **) tables,
												   DatumGetObjectId(table->constvalue));
	return false;
}

/* datom.q_allowed() for each table that is read on another's behalf without a scan. */
static List *
tables_allowed(const Call *call, Query *query)
{
	Oid			types[2] = {OIDOID, REGCLASSOID};
	List	   *scanned = NIL;
	List	   *checks = NIL;
	ListCell   *lc;

	if (!OidIsValid(call->behalf))
		return NIL;
	(void) add_scanned((Node *) query, &scanned);
	foreach(lc, call->asked.sources.tables)
		if (!list_member_oid(scanned, lfirst_oid(lc)))
			checks = lappend(checks,
							 make_check("q_allowed", 2, types,
										list_make2(makeConst(OIDOID, -1, InvalidOid, sizeof(Oid),
															 ObjectIdGetDatum(call->behalf), false, true),
												   makeConst(REGCLASSOID, -1, InvalidOid, sizeof(Oid),
															 ObjectIdGetDatum(lfirst_oid(lc)), false, true))));
	return checks;
}

static Node *
make_condition(const Call *call, Query *query)
{
	List	   *checks = list_concat(arguments_given(call), tables_allowed(call, query));

	return checks == NIL ? NULL : (Node *) make_ands_explicit(checks);
}

static List *
all_columns(Query *query)
{
	List	   *list = NIL;
	ListCell   *lc;

	foreach(lc, query->targetList)
	{
		TargetEntry *entry = lfirst_node(TargetEntry, lc);
		Node	   *expr = (Node *) entry->expr;

		if (!entry->resjunk)
			list = lappend(list, makeTargetEntry((Expr *) makeVar(1, entry->resno, exprType(expr),
																  exprTypmod(expr),
																  exprCollation(expr), 0),
												 entry->resno, pstrdup(entry->resname), false));
	}
	return list;
}

static List *
column_names(Query *query)
{
	List	   *names = NIL;
	ListCell   *lc;

	foreach(lc, query->targetList)
		if (!lfirst_node(TargetEntry, lc)->resjunk)
			names = lappend(names, makeString(pstrdup(lfirst_node(TargetEntry, lc)->resname)));
	return names;
}

/* SELECT * FROM (query) q WHERE condition */
static Query *
put_below(Query *query, Node *condition)
{
	Query	   *above = makeNode(Query);
	RangeTblEntry *rte = makeNode(RangeTblEntry);
	RangeTblRef *ref = makeNode(RangeTblRef);

	rte->rtekind = RTE_SUBQUERY;
	rte->subquery = query;
	rte->eref = makeAlias("q", column_names(query));
	rte->inFromCl = true;
	ref->rtindex = 1;
	above->commandType = CMD_SELECT;
	above->querySource = QSRC_ORIGINAL;
	above->canSetTag = true;
	above->rtable = list_make1(rte);
	above->targetList = all_columns(query);
	above->jointree = makeFromExpr(list_make1(ref), condition);
	return above;
}

/*
 * Replacing
 */

/* The plan is good as long as the function is, and who may call it. */
static void
note_function(Rewrite *rewrite, Oid function)
{
	PlanInvalItem *item = makeNode(PlanInvalItem);

	item->cacheId = PROCOID;
	item->hashValue = GetSysCacheHashValue1(PROCOID, ObjectIdGetDatum(function));
	rewrite->root->glob->invalItems = lappend(rewrite->root->glob->invalItems, item);
}

/* What the call asks; NULL if it must be left. */
static Query *
query_of(Call *call)
{
	text	   *written = DatumGetTextPP(((Const *) linitial(call->args))->constvalue);
	DatalogTarget target = target_of(call->function);
	DatalogQuery *query = datom_datalog_read(VARDATA_ANY(written), VARSIZE_ANY_EXHDR(written));

	call->asked.query = query;
	if (!call->saved)
		call->behalf = InvalidOid;
	call->asked.sources.behalf = call->behalf;
	if (query->timeout > 0 || !give_arguments(call) || (call->saved && !sort_arguments(call)))
		return NULL;
	datom_datalog_prepare(&call->asked, call->given, call->ngiven, &target);
	return call->asked.sql ? make_query(call) : NULL;
}

/* Which stored query it is, where that can be known. */
static void
say_where(void *arg)
{
	const Rewrite *rewrite = arg;

	if (rewrite->name)
		errcontext("Datalog query of %s \"%s\"", rewrite->kind, rewrite->name);
}

static Query *
replacement(Call *call, Rewrite *rewrite)
{
	ErrorContextCallback context = {
		.previous = error_context_stack, .callback = say_where, .arg = rewrite
	};
	Query	   *query = NULL;
	Node	   *condition;

	error_context_stack = &context;
	call->args = (List *) eval_const_expressions(rewrite->root,
												 copyObject((Node *) call->call->args));
	if (is_text(linitial(call->args)))
		query = query_of(call);
	if (query)
	{
		condition = make_condition(call, query);
		query = condition ? put_below(query, condition) : query;
	}
	error_context_stack = context.previous;
	return query;
}

static bool replace_calls(Node *node, void *context);

/* Only if there is something to be replaced in it. */
static void
inline_function(RangeTblEntry *rte, Rewrite *rewrite)
{
	Rewrite		outer = *rewrite;
	List	   *items = list_copy(rewrite->root->glob->invalItems);
	Query	   *query = datom_inlined(rewrite->root, rte, "saved_q");

	if (query == NULL)
		return;
	rewrite->kind = "function";
	rewrite->name = get_func_name(((FuncExpr *) ((RangeTblFunction *) linitial(rte->functions))->funcexpr)->funcid);
	(void) replace_calls((Node *) query, rewrite);
	rewrite->kind = outer.kind;
	rewrite->name = outer.name;
	if (rewrite->replaced > outer.replaced)
		datom_inlined_put(rte, query);
	else
		rewrite->root->glob->invalItems = items;
}

static void
replace_call(RangeTblEntry *rte, Rewrite *rewrite)
{
	List	   *items = list_copy(rewrite->root->glob->invalItems);
	Call		call = {0};
	Query	   *query;

	if (!is_call(rte, &call))
	{
		inline_function(rte, rewrite);
		return;
	}
	query = replacement(&call, rewrite);
	if (query == NULL)
	{
		rewrite->root->glob->invalItems = items;
		return;
	}
	datom_inlined_put(rte, query);
	rte->lateral = false;
	rewrite->replaced++;
	rewrite->tables = list_concat_unique_oid(rewrite->tables, call.asked.sources.tables);
	note_function(rewrite, call.call->funcid);
}

/* The view whose query it is, by the entry that the server leaves there; or NULL. */
static const char *
view_of(const Query *query)
{
	const RangeTblEntry *first = query->rtable ? linitial(query->rtable) : NULL;

	return first && first->rtekind == RTE_RELATION && first->relkind == RELKIND_VIEW &&
		!first->inFromCl && strcmp(first->eref->aliasname, "old") == 0 ?
		get_rel_name(first->relid) : NULL;
}

static bool
replace_calls(Node *node, void *context)
{
	Rewrite    *rewrite = context;
	Rewrite		outer = *rewrite;
	const char *view;
	ListCell   *lc;

	if (node == NULL)
		return false;
	if (!IsA(node, Query))
		return expression_tree_walker(node, replace_calls, rewrite);
	view = view_of((Query *) node);
	if (view)
	{
		rewrite->kind = "view";
		rewrite->name = view;
	}
	foreach(lc, ((Query *) node)->rtable)
		replace_call(lfirst(lc), rewrite);
	(void) query_tree_walker((Query *) node, replace_calls, rewrite, 0);
	rewrite->kind = outer.kind;
	rewrite->name = outer.name;
	return false;
}

DatalogRewritten
datom_datalog_rewrite(Query *query, ParamListInfo params)
{
	PlannerGlobal glob = {.type = T_PlannerGlobal, .boundParams = params};
	PlannerInfo root = {.type = T_PlannerInfo, .glob = &glob};
	Rewrite		rewrite = {.root = &root};

	if (datom_enable_scan)
		(void) replace_calls((Node *) query, &rewrite);
	return (DatalogRewritten) {
		.tables = rewrite.tables, .items = glob.invalItems
	};
}

void
datom_datalog_rewritten(const DatalogRewritten *rewritten, PlannedStmt *plan)
{
	if (rewritten->tables == NIL && rewritten->items == NIL)
		return;
	plan->relationOids = list_concat_unique_oid(plan->relationOids, rewritten->tables);
	plan->invalItems = list_concat(plan->invalItems, rewritten->items);
	/* Others may be refused the tables or the function. */
	plan->dependsOnRole = true;
}
