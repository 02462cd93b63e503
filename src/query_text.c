/*
 * query_text.c: the text of a saved query, read.
 *
 * The server's parser reads SQL and lists of arguments, ours reads EDN; from then
 * on there are trees and no texts. EDN becomes SELECT * FROM datom.saved_q(...),
 * with its sources bound to the tables that they name now.
 */
#include "query_text.h"

#include "catalog/pg_language.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "executor/functions.h"
#include "mb/pg_wchar.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/analyze.h"
#include "parser/parse_node.h"
#include "parser/parse_type.h"
#include "parser/parser.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "datalog_describe.h"
#include "query_inputs.h"

/* A text of the caller's, and how many characters stand before it where it is read. */
typedef struct Source
{
	const char *text;
	int			before;
} Source;

/* Positions in errors are such in the text, and not in the statement of the caller. */
static void
transpose(void *arg)
{
	const Source *source = arg;
	int			pos = geterrposition();

	if (pos <= 0)
		return;
	errposition(0);
	internalerrposition(Min(pos - source->before,
							pg_mbstrlen(source->text) + 1));
	internalerrquery(source->text);
}

static List *
parse(const char *sql, Source source)
{
	ErrorContextCallback callback = {error_context_stack, transpose, &source};
	List	   *statements;

	error_context_stack = &callback;
	statements = raw_parser(sql, RAW_PARSE_DEFAULT);
	error_context_stack = callback.previous;
	return statements;
}

static SelectStmt *
read_sql(const char *query)
{
	List	   *statements = parse(query, (Source) {query, 0});

	if (list_length(statements) != 1 ||
		!IsA(linitial_node(RawStmt, statements)->stmt, SelectStmt))
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("a saved query in SQL must be one SELECT")));
	return castNode(SelectStmt, linitial_node(RawStmt, statements)->stmt);
}

/*
 * Arguments
 */

static void
check_argument(const FunctionParameter *argument)
{
	if (argument->mode == FUNC_PARAM_OUT || argument->mode == FUNC_PARAM_INOUT ||
		argument->mode == FUNC_PARAM_TABLE)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_FUNCTION_DEFINITION),
				 errmsg("argument \"%s\" of a saved query cannot be an output",
						argument->name ? argument->name : ""),
				 errdetail("The columns of the query are what it returns.")));
}

/*
 * Of the statement that is made around them only the parameters are taken, so
 * nothing else that the text may hold is ever carried out.
 */
static List *
read_arguments(const char *arguments)
{
	const char *before = "CREATE FUNCTION f(";
	List	   *statements = parse(psprintf("%s%s\n) RETURNS void", before, arguments),
								   (Source) {arguments, strlen(before)});
	CreateFunctionStmt *stmt = (CreateFunctionStmt *) linitial_node(RawStmt, statements)->stmt;
	ListCell   *lc;

	if (list_length(statements) != 1 || !IsA(stmt, CreateFunctionStmt) ||
		stmt->options != NIL || stmt->sql_body != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("the arguments of a saved query must be as in CREATE FUNCTION: a name and a type each")));
	foreach(lc, stmt->parameters)
		check_argument(lfirst_node(FunctionParameter, lc));
	return stmt->parameters;
}

static FunctionParameter *
make_argument(const DatalogColumn *arg)
{
	FunctionParameter *parameter = makeNode(FunctionParameter);

	parameter->name = pstrdup(arg->name);
	for (char *c = parameter->name; *c; c++)
		if (*c == '-')
			*c = '_';
	parameter->argType = makeTypeNameFromOid(arg->type, -1);
	parameter->mode = FUNC_PARAM_IN;
	return parameter;
}

/* The argument of the function that an argument of :in is. */
static const char *
find_argument(const List *arguments, const char *name)
{
	ListCell   *lc;

	foreach(lc, arguments)
	{
		FunctionParameter *argument = lfirst_node(FunctionParameter, lc);

		if (argument->name && strcmp(argument->name, name) == 0)
			return argument->name;
	}
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_PARAMETER),
			 errmsg("the query takes an argument \"%s\", which is not among those given", name)));
}

/*
 * EDN
 */

static Node *
make_string(const char *text)
{
	A_Const    *constant = makeNode(A_Const);

	constant->val.sval.type = T_String;
	constant->val.sval.sval = pstrdup(text);
	constant->location = -1;
	return (Node *) constant;
}

static Node *
make_table(Oid db)
{
	TypeCast   *cast = makeNode(TypeCast);

	cast->arg = make_string(datom_query_relation_name(db));
	cast->typeName = makeTypeNameFromOid(REGCLASSOID, -1);
	cast->location = -1;
	return (Node *) cast;
}

static Node *
make_column(Node *field)
{
	ColumnRef  *column = makeNode(ColumnRef);

	column->fields = list_make1(field);
	column->location = -1;
	return (Node *) column;
}

static List *
saved_q_arguments(const DatalogDescription *d, const char *query, const char *rules,
				  const List *arguments)
{
	List	   *args = list_make1(make_string(query));

	for (int i = 0; i < d->nsources; i++)
		args = lappend(lappend(args, make_string(d->sources[i].name)),
					   make_table(d->sources[i].db));
	if (rules)
		args = lappend(lappend(args, make_string("%")), make_string(rules));
	for (int i = 0; i < d->nargs; i++)
	{
		const char *name = find_argument(arguments, make_argument(&d->args[i])->name);

		args = lappend(lappend(args, make_string(psprintf("?%s", d->args[i].name))),
					   make_column((Node *) makeString(pstrdup(name))));
	}
	return args;
}

static List *
column_definitions(const DatalogDescription *d)
{
	List	   *columns = NIL;

	for (int i = 0; i < d->ncolumns; i++)
		columns = lappend(columns, makeColumnDef(d->columns[i].name, d->columns[i].type, -1,
												 get_typcollation(d->columns[i].type)));
	return columns;
}

/* SELECT * FROM datom.saved_q(query, ...) AS q (columns) */
static SelectStmt *
make_select(const DatalogDescription *d, const char *query, const char *rules,
			const List *arguments)
{
	SelectStmt *select = makeNode(SelectStmt);
	RangeFunction *from = makeNode(RangeFunction);
	ResTarget  *all = makeNode(ResTarget);
	List	   *name = list_make2(makeString("datom"), makeString("saved_q"));

	from->functions = list_make1(list_make2(makeFuncCall(name, saved_q_arguments(d, query, rules, arguments),
														 COERCE_EXPLICIT_CALL, -1), NIL));
	from->alias = makeAlias("q", NIL);
	from->coldeflist = column_definitions(d);
	all->val = make_column((Node *) makeNode(A_Star));
	all->location = -1;
	select->targetList = list_make1(all);
	select->fromClause = list_make1(from);
	return select;
}

/*
 * Analyzing
 */

static bool
locks_rows(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (!IsA(node, Query))
		return expression_tree_walker(node, locks_rows, context);
	return ((Query *) node)->rowMarks != NIL ||
		query_tree_walker((Query *) node, locks_rows, context, 0);
}

static void
check_query(Query *query)
{
	if (query->hasModifyingCTE)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("a saved query must not contain data-modifying statements in WITH")));
	if (locks_rows((Node *) query, NULL))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("a saved query must not lock rows"),
				 errhint("Leave out FOR UPDATE or FOR SHARE.")));
}

/* The types of arguments, and their names as the parser of a body wants them. */
static void
read_types(QueryText *text, SQLFunctionParseInfo *info)
{
	ParseState *pstate = make_parsestate(NULL);
	ArrayType  *all,
			   *modes,
			   *names;
	List	   *types = NIL;
	List	   *in_names = NIL;
	List	   *defaults;
	Oid			variadic,
				result;

	interpret_function_parameter_list(pstate, copyObject(text->arguments), SQLlanguageId,
									  OBJECT_FUNCTION, &text->types, &types, &all, &modes,
									  &names, &in_names, &defaults, &variadic, &result);
	free_parsestate(pstate);
	info->nargs = list_length(types);
	info->argtypes = text->types->values;
	info->argnames = palloc(sizeof(char *) * (info->nargs + 1));
	for (int i = 0; i < info->nargs; i++)
	{
		char	   *name = strVal(list_nth(in_names, i));

		info->argnames[i] = *name ? name : NULL;
	}
}

static Query *
analyze(QueryText *text, const char *name)
{
	SQLFunctionParseInfo info = {.fname = pstrdup(name)};
	ParseState *pstate = make_parsestate(NULL);
	Source		source = {text->source, 0};
	ErrorContextCallback callback = {error_context_stack, transpose, &source};
	Query	   *query;

	if (text->is_function)
	{
		read_types(text, &info);
		sql_fn_parser_setup(pstate, &info);
	}
	error_context_stack = &callback;
	pstate->p_sourcetext = text->source;
	query = transformStmt(pstate, copyObject((Node *) text->select));
	check_query(query);
	error_context_stack = callback.previous;
	free_parsestate(pstate);
	return query;
}

static void
fill_columns(QueryText *text, const Query *query)
{
	ListCell   *lc;

	foreach(lc, query->targetList)
	{
		TargetEntry *column = lfirst_node(TargetEntry, lc);
		Node	   *expr = (Node *) column->expr;

		if (!column->resjunk)
			text->columns = lappend(text->columns,
									makeColumnDef(column->resname, exprType(expr),
												  exprTypmod(expr), exprCollation(expr)));
	}
}

static void
read_edn(QueryText *text, const char *query, const char *rules)
{
	DatalogDescription *d = datom_datalog_describe(query, strlen(query), rules,
												   rules ? strlen(rules) : 0);

	if (!text->is_function)
		for (int i = 0; i < d->nargs; i++)
			text->arguments = lappend(text->arguments, make_argument(&d->args[i]));
	text->is_function |= d->nargs > 0;
	text->select = make_select(d, query, rules, text->arguments);
	text->inputs = datom_query_inputs_described(d);
}

static bool
is_edn(const char *query)
{
	query += strspn(query, " \t\r\n");
	return *query == '[' || *query == '{';
}

QueryText *
datom_query_text(const char *name, const char *query, const char *arguments,
				 const char *rules)
{
	QueryText  *text = palloc0(sizeof(QueryText));
	Query	   *analyzed;

	text->source = query;
	text->language = is_edn(query) ? "edn" : "sql";
	text->is_function = arguments != NULL;
	if (arguments)
		text->arguments = read_arguments(arguments);
	if (is_edn(query))
		read_edn(text, query, rules);
	else if (rules)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a saved query in SQL takes no rules")));
	else
		text->select = read_sql(query);
	analyzed = analyze(text, name);
	fill_columns(text, analyzed);
	if (!is_edn(query))
		text->inputs = datom_query_inputs(analyzed);
	return text;
}
