/*
 * expectation_query.c: the queries by which an expectation is checked.
 *
 * The server's parser reads the predicate as an expression, and its tree is put
 * into
 *
 *	SELECT count(*), count(*) FILTER (WHERE (predicate) IS FALSE) FROM relation
 *	SELECT to_jsonb(relation.*) FROM relation WHERE (predicate) IS FALSE LIMIT 5
 *
 * of which the second is asked only if rows fail. A row of which it is not known
 * whether it meets the predicate passes, as by a CHECK constraint.
 */
#include "expectation_query.h"

#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "executor/tstoreReceiver.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "parser/parse_func.h"
#include "parser/parse_node.h"
#include "parser/parser.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

/*
 * From the predicate to statements
 */

/* The position of an error is one in the predicate, and not in what was asked. */
static void
point_into_predicate(void *predicate)
{
	int			position = geterrposition();

	if (position <= 0)
		return;
	errposition(0);
	internalerrposition(position);
	internalerrquery(predicate);
}

static bool
is_star(Node *node)
{
	return IsA(node, ColumnRef) && IsA(linitial(((ColumnRef *) node)->fields), A_Star);
}

/* What may stand between SELECT and the end must be one expression. */
static Node *
parse(const char *predicate)
{
	List	   *statements = raw_parser(predicate, RAW_PARSE_PLPGSQL_EXPR);
	SelectStmt *given = castNode(SelectStmt, linitial_node(RawStmt, statements)->stmt);
	SelectStmt *bare = makeNode(SelectStmt);
	ResTarget  *target;

	bare->targetList = given->targetList;
	if (list_length(given->targetList) == 1 && equal(given, bare))
	{
		target = linitial_node(ResTarget, given->targetList);
		if (target->name == NULL && !is_star(target->val))
			return target->val;
	}
	ereport(ERROR,
			(errcode(ERRCODE_SYNTAX_ERROR),
			 errmsg("predicate \"%s\" is not one condition", predicate)));
}

static Node *
is_false(const char *predicate)
{
	BooleanTest *test = makeNode(BooleanTest);

	test->arg = (Expr *) parse(predicate);
	test->booltesttype = IS_FALSE;
	test->location = -1;
	return (Node *) test;
}

static ResTarget *
target(Node *expression)
{
	ResTarget  *result = makeNode(ResTarget);

	result->val = expression;
	result->location = -1;
	return result;
}

static ResTarget *
count_where(Node *filter)
{
	FuncCall   *call = makeFuncCall(SystemFuncName("count"), NIL, COERCE_EXPLICIT_CALL, -1);

	call->agg_star = true;
	call->agg_filter = filter;
	return target((Node *) call);
}

/* Qualified, because a column may have the name of the relation. */
static ResTarget *
row_as_json(const RangeVar *relation)
{
	ColumnRef  *row = makeNode(ColumnRef);

	row->fields = list_make2(makeString(relation->relname), makeNode(A_Star));
	row->location = -1;
	return target((Node *) makeFuncCall(SystemFuncName("to_jsonb"), list_make1(row),
										COERCE_EXPLICIT_CALL, -1));
}

static SelectStmt *
select_from(const RangeVar *relation, List *targets)
{
	SelectStmt *select = makeNode(SelectStmt);

	select->targetList = targets;
	select->fromClause = list_make1(copyObjectImpl(relation));
	return select;
}

static SelectStmt *
select_counts(const RangeVar *relation, const char *predicate)
{
	return select_from(relation, list_make2(count_where(NULL), count_where(is_false(predicate))));
}

static SelectStmt *
select_examples(const RangeVar *relation, const char *predicate)
{
	SelectStmt *select = select_from(relation, list_make1(row_as_json(relation)));
	A_Const    *limit = makeNode(A_Const);

	limit->val.ival.type = T_Integer;
	limit->val.ival.ival = EXPECTATION_EXAMPLES;
	limit->location = -1;
	select->whereClause = is_false(predicate);
	select->limitCount = (Node *) limit;
	select->limitOption = LIMIT_OPTION_COUNT;
	return select;
}

/*
 * Analysis and execution
 */

typedef SelectStmt *(*MakeSelect) (const RangeVar *relation, const char *predicate);

static Query *
analyze(MakeSelect make, const RangeVar *relation, const char *predicate)
{
	ErrorContextCallback callback = {
		error_context_stack, point_into_predicate, unconstify(char *, predicate)
	};
	RawStmt    *statement = makeNode(RawStmt);
	List	   *queries;

	error_context_stack = &callback;
	statement->stmt = (Node *) make(relation, predicate);
	queries = pg_analyze_and_rewrite_fixedparams(statement, predicate, NULL, 0, NULL);
	error_context_stack = callback.previous;
	return linitial_node(Query, queries);
}

/* Of the counts it is the WHERE of the other that says best what is wrong with it. */
void
datom_expectation_analyze(const RangeVar *relation, const char *predicate)
{
	analyze(select_examples, relation, predicate);
}

/* Its rows, and a slot for them. */
static Tuplestorestate *
execute(Query *query, const char *predicate, TupleTableSlot **slot)
{
	PlannedStmt *plan = pg_plan_query(query, predicate, CURSOR_OPT_PARALLEL_OK, NULL);
	Tuplestorestate *rows = tuplestore_begin_heap(false, false, work_mem);
	DestReceiver *dest = CreateDestReceiver(DestTuplestore);
	QueryDesc  *desc = CreateQueryDesc(plan, predicate, GetActiveSnapshot(), InvalidSnapshot,
									   dest, NULL, NULL, 0);

	SetTuplestoreDestReceiverParams(dest, rows, CurrentMemoryContext, false, NULL, NULL);
	ExecutorStart(desc, 0);
	*slot = MakeSingleTupleTableSlot(CreateTupleDescCopy(desc->tupDesc), &TTSOpsMinimalTuple);
	ExecutorRun(desc, ForwardScanDirection, 0, true);
	ExecutorFinish(desc);
	ExecutorEnd(desc);
	FreeQueryDesc(desc);
	dest->rDestroy(dest);
	return rows;
}

static void
find_counts(const RangeVar *relation, const char *predicate, ExpectationFound *found)
{
	TupleTableSlot *slot;
	Tuplestorestate *rows = execute(analyze(select_counts, relation, predicate), predicate, &slot);
	bool		isnull;

	if (!tuplestore_gettupleslot(rows, true, false, slot))
		elog(ERROR, "counting gave no row");
	found->rows = DatumGetInt64(slot_getattr(slot, 1, &isnull));
	found->failures = DatumGetInt64(slot_getattr(slot, 2, &isnull));
	ExecDropSingleTupleTableSlot(slot);
	tuplestore_end(rows);
}

static void
find_examples(const RangeVar *relation, const char *predicate, ExpectationFound *found)
{
	TupleTableSlot *slot;
	Tuplestorestate *rows = execute(analyze(select_examples, relation, predicate), predicate, &slot);
	JsonbParseState *state = NULL;
	bool		isnull;

	pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
	while (tuplestore_gettupleslot(rows, true, false, slot))
	{
		JsonbValue	row;

		JsonbToJsonbValue(DatumGetJsonbPCopy(slot_getattr(slot, 1, &isnull)), &row);
		pushJsonbValue(&state, WJB_ELEM, &row);
	}
	found->examples = JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_ARRAY, NULL));
	ExecDropSingleTupleTableSlot(slot);
	tuplestore_end(rows);
}

void
datom_expectation_run(const RangeVar *relation, const char *predicate, ExpectationFound *found)
{
	find_counts(relation, predicate, found);
	if (found->failures > 0)
		find_examples(relation, predicate, found);
}
