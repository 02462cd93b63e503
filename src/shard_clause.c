/*
 * shard_clause.c: conditions by which a query asks for one shard.
 *
 *	mod(e, n) = i, e % n = i, and the same commuted
 *	datom.shard(e, i, n)
 *	datom.shard(e)
 *
 * and one of these OR e IS NULL; in place of e it may be coalesce(e, anything),
 * since an entity is never null. i and n may be any expressions that are the
 * same for all rows.
 *
 * The executor checks the clause itself on each row that is left, so that what
 * is wrong with i and n is reported where a row is there to be tested, as by any
 * other plan: a shard that cannot be had is not an error here.
 */
#include "shard_clause.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "nodes/nodeFuncs.h"
#include "nodes/supportnodes.h"
#include "optimizer/optimizer.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

#include "expression.h"
#include "settings.h"

/* How many shards to expect where the plan does not know. */
#define UNKNOWN_SHARDS 32

/*
 * Recognising
 */

static bool
is_entity(Node *node, int varno, AttrNumber column)
{
	Var		   *var = (Var *) node;

	if (IsA(node, CoalesceExpr))
		return is_entity(linitial(((CoalesceExpr *) node)->args), varno, column);
	return IsA(node, Var) && var->varno == varno && var->varattno == column &&
		var->varlevelsup == 0 && var->vartype == INT8OID;
}

/* The arguments, if it is e's remainder: a function call or an operator. */
static bool
match_remainder(Node *node, int varno, AttrNumber column, DatomShardClause *shard)
{
	List	   *args = NIL;

	if (IsA(node, FuncExpr) && ((FuncExpr *) node)->funcid == F_MOD_INT8_INT8)
		args = ((FuncExpr *) node)->args;
	else if (IsA(node, OpExpr) && get_opcode(((OpExpr *) node)->opno) == F_INT8MOD)
		args = ((OpExpr *) node)->args;
	if (args == NIL || !is_entity(linitial(args), varno, column) ||
		!datom_is_operand(lsecond(args), varno))
		return false;
	shard->n = lsecond(args);
	return true;
}

static bool
is_integer_equality(Oid operator)
{
	switch (get_opcode(operator))
	{
		case F_INT8EQ:
		case F_INT84EQ:
		case F_INT48EQ:
		case F_INT82EQ:
		case F_INT28EQ:
			return true;
		default:
			return false;
	}
}

static bool
match_mod(OpExpr *clause, int varno, AttrNumber column, DatomShardClause *shard)
{
	Node	   *other;

	if (list_length(clause->args) != 2 || !is_integer_equality(clause->opno))
		return false;
	if (match_remainder(linitial(clause->args), varno, column, shard))
		other = lsecond(clause->args);
	else if (match_remainder(lsecond(clause->args), varno, column, shard))
		other = linitial(clause->args);
	else
		return false;
	shard->form = SHARD_MOD;
	shard->i = (Expr *) other;
	return datom_is_operand(other, varno);
}

static bool
match_function(FuncExpr *call, int varno, AttrNumber column, DatomShardClause *shard)
{
	const char *symbol;

	if (call->funcresulttype != BOOLOID || call->args == NIL ||
		!is_entity(linitial(call->args), varno, column))
		return false;
	symbol = datom_function_symbol(call->funcid);
	if (symbol && strcmp(symbol, "datom_shard_session") == 0)
	{
		shard->form = SHARD_SESSION;
		return true;
	}
	if (symbol == NULL || strcmp(symbol, "datom_shard") != 0)
		return false;
	shard->form = SHARD_FLOORED;
	shard->i = lsecond(call->args);
	shard->n = lthird(call->args);
	return datom_is_operand((Node *) shard->i, varno) &&
		datom_is_operand((Node *) shard->n, varno);
}

/* Of `clause OR e IS NULL`, in any order, the clause. */
static Expr *
without_null_test(BoolExpr *expr, int varno, AttrNumber column)
{
	Expr	   *rest = NULL;
	ListCell   *lc;

	if (expr->boolop != OR_EXPR || list_length(expr->args) != 2)
		return NULL;
	foreach(lc, expr->args)
	{
		NullTest   *test = lfirst(lc);

		if (!IsA(test, NullTest) || test->nulltesttype != IS_NULL ||
			!is_entity((Node *) test->arg, varno, column))
			rest = rest ? NULL : (Expr *) test;
	}
	return rest == NULL || IsA(rest, BoolExpr) ? NULL : rest;
}

bool
datom_shard_match(Expr *clause, int varno, AttrNumber column, DatomShardClause *shard)
{
	bool		found = false;
	Expr	   *inner;

	*shard = (DatomShardClause) {0};
	if (IsA(clause, OpExpr))
		found = match_mod((OpExpr *) clause, varno, column, shard);
	else if (IsA(clause, FuncExpr))
		found = match_function((FuncExpr *) clause, varno, column, shard);
	else if (IsA(clause, BoolExpr))
	{
		inner = without_null_test((BoolExpr *) clause, varno, column);
		found = inner && datom_shard_match(inner, varno, column, shard);
	}
	shard->clause = clause;
	return found;
}

/*
 * Evaluating
 */

void
datom_shard_init(DatomShardClause *shard, PlanState *parent)
{
	shard->i_state = ExecInitExpr(shard->i, parent);
	shard->n_state = ExecInitExpr(shard->n, parent);
}

/* As datom_shard_eval(). */
static bool
shard_of(DatomShardForm form, int64 i, int64 n, bool isnull, DatomShard *out)
{
	uint64		positive_i = i < 0 ? -(uint64) i : (uint64) i;
	uint64		positive_n = n < 0 ? -(uint64) n : (uint64) n;

	*out = (DatomShard) {0};
	if (form == SHARD_MOD)
	{
		if (isnull || (n != 0 && positive_i >= positive_n))
			return false;
	}
	else if (isnull || i < 0 || i >= n)
		return true;
	if (n != 0)
		*out = (DatomShard) {n, i, form == SHARD_FLOORED};
	return true;
}

bool
datom_shard_eval(DatomShardClause *shard, ExprContext *econtext, DatomShard *out)
{
	bool		i_null;
	bool		n_null;
	Datum		i;
	Datum		n;

	if (shard->form == SHARD_SESSION)
	{
		*out = datom_shard_in_force();
		return true;
	}
	i = ExecEvalExpr(shard->i_state, econtext, &i_null);
	n = ExecEvalExpr(shard->n_state, econtext, &n_null);
	return shard_of(shard->form, i_null ? 0 : datom_integer_of(exprType((Node *) shard->i), i),
					n_null ? 0 : datom_integer_of(exprType((Node *) shard->n), n), i_null || n_null, out);
}

bool
datom_shards_eval(DatomShardClause *shards, int n, ExprContext *econtext, DatomShard *out)
{
	*out = (DatomShard) {0};
	for (int i = 0; i < n; i++)
	{
		DatomShard	shard;

		if (!datom_shard_eval(&shards[i], econtext, &shard))
			return false;
		if (out->n == 0)
			*out = shard;
	}
	return true;
}

static int64
constant_of(Expr *expr, bool *isnull)
{
	*isnull |= !IsA(expr, Const) || ((Const *) expr)->constisnull;
	return *isnull ? 0 : datom_integer_of(exprType((Node *) expr), ((Const *) expr)->constvalue);
}

bool
datom_shard_known(const DatomShardClause *shards, int n, DatomShard *out)
{
	for (int i = 0; i < n; i++)
	{
		bool		isnull = false;
		int64		i_value;
		int64		n_value;

		if (shards[i].form == SHARD_SESSION)
		{
			if (!datom_shard_read(datom_shard_setting, out))
				return false;
		}
		else
		{
			i_value = constant_of(shards[i].i, &isnull);
			n_value = constant_of(shards[i].n, &isnull);
			if (!shard_of(shards[i].form, i_value, n_value, isnull, out))
				return false;
		}
		if (out->n != 0)
			return true;
	}
	return false;
}

/*
 * Planning
 */

double
datom_shard_count(const DatomShardClause *shard, PlannerInfo *root)
{
	DatomShard	session;
	Const	   *n;

	if (shard->form == SHARD_SESSION)
	{
		if (!datom_shard_read(datom_shard_setting, &session) || session.n == 0)
			return 1;
		return session.n;
	}
	n = (Const *) estimate_expression_value(root, (Node *) shard->n);
	if (!IsA(n, Const) || n->constisnull)
		return UNKNOWN_SHARDS;
	return Max(fabs((double) datom_integer_of(exprType((Node *) shard->n), n->constvalue)), 1);
}

bool
datom_shard_estimate(PlannerInfo *root, RelOptInfo *rel, AttrNumber column)
{
	bool		found = false;
	DatomShardClause shard;
	ListCell   *lc;

	foreach(lc, rel->baserestrictinfo)
	{
		RestrictInfo *rinfo = lfirst_node(RestrictInfo, lc);

		if (!datom_shard_match(rinfo->clause, rel->relid, column, &shard))
			continue;
		/* Where the server looks before it asks what an operator selects. */
		rinfo->norm_selec = rinfo->outer_selec = 1 / datom_shard_count(&shard, root);
		found = true;
	}
	return found;
}

/*
 * Shards that follow
 */

typedef struct Replacement
{
	Var		   *column;
	Var		   *by;
} Replacement;

static Node *
replace_column(Node *node, void *context)
{
	Replacement *replacement = context;

	if (node && IsA(node, Var) && ((Var *) node)->varno == replacement->column->varno &&
		((Var *) node)->varattno == replacement->column->varattno)
		return copyObject((Node *) replacement->by);
	return expression_tree_mutator(node, replace_column, context);
}

/* The column that a member of an equivalence class is; NULL: not simply one. */
static Var *
member_column(const EquivalenceMember *member)
{
	Var		   *var = (Var *) member->em_expr;

	return IsA(var, Var) && var->vartype == INT8OID && var->varlevelsup == 0 &&
		!member->em_is_child && bms_is_empty(member->em_nullable_relids) ? var : NULL;
}

/* The relation's shard clauses on a column, of things that no row knows. */
static List *
shards_on(PlannerInfo *root, Var *column, Var *by)
{
	RelOptInfo *rel = root->simple_rel_array[column->varno];
	Replacement replacement = {column, by};
	List	   *found = NIL;
	DatomShardClause shard;
	ListCell   *lc;

	if (rel == NULL || rel->reloptkind != RELOPT_BASEREL)
		return NIL;
	foreach(lc, rel->baserestrictinfo)
	{
		RestrictInfo *rinfo = lfirst_node(RestrictInfo, lc);

		if (rinfo->security_level == 0 &&
			datom_shard_match(rinfo->clause, column->varno, column->varattno, &shard) &&
			!contain_var_clause((Node *) shard.i) && !contain_var_clause((Node *) shard.n))
			found = lappend(found, replace_column((Node *) shard.clause, &replacement));
	}
	return found;
}

/* Those that follow because of one class, of which `by` is a member. */
static List *
implied_by_class(PlannerInfo *root, const EquivalenceClass *ec, Var *by)
{
	List	   *found = NIL;
	ListCell   *lc;

	foreach(lc, ec->ec_members)
	{
		Var		   *other = member_column(lfirst(lc));

		if (other && other->varno != by->varno)
			found = list_concat(found, shards_on(root, other, by));
	}
	return found;
}

List *
datom_shard_implied(PlannerInfo *root, RelOptInfo *rel, AttrNumber column)
{
	List	   *found = NIL;
	int			i = -1;

	while (rel->reloptkind == RELOPT_BASEREL && found == NIL &&
		   (i = bms_next_member(rel->eclass_indexes, i)) >= 0)
	{
		EquivalenceClass *ec = list_nth(root->eq_classes, i);
		ListCell   *lc;

		if (ec->ec_has_volatile || ec->ec_below_outer_join)
			continue;
		foreach(lc, ec->ec_members)
		{
			Var		   *var = member_column(lfirst(lc));

			if (var && var->varno == (int) rel->relid && var->varattno == column)
				found = implied_by_class(root, ec, var);
		}
	}
	return found;
}

PG_FUNCTION_INFO_V1(datom_shard_support);

/* datom.shard_support(internal): what datom.shard() selects, for the planner. */
Datum
datom_shard_support(PG_FUNCTION_ARGS)
{
	SupportRequestSelectivity *request = (SupportRequestSelectivity *) PG_GETARG_POINTER(0);
	DatomShardClause shard = {.form = SHARD_SESSION};

	if (!IsA(request, SupportRequestSelectivity) || request->is_join)
		PG_RETURN_POINTER(NULL);
	if (list_length(request->args) == 3)
	{
		shard.form = SHARD_FLOORED;
		shard.n = lthird(request->args);
	}
	request->selectivity = 1 / datom_shard_count(&shard, request->root);
	PG_RETURN_POINTER(request);
}
