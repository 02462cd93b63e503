/*
 * datalog_recursion.c: rules that call themselves, as WITH RECURSIVE.
 *
 * If each body calls the rule once at most, the rows found in one round are enough
 * to find those of the next, as SQL has it. What the call gives is handed down, so
 * that only what can be reached from there is looked at:
 *
 * - an argument that all bodies pass on unchanged stands in the bodies as it is:
 *
 *		(below ?root ?x)	[?y :node/parent ?root]...	(below ?root ?y) [?x :node/parent ?y]
 *
 * - otherwise the arguments with which the rule comes to be called are found first
 *   ("m" below), beginning with those of the call. If the others are passed on
 *   unchanged, its rows are those of the bodies that end it, for any of these:
 *
 *		(below ?root ?x)	[?y :node/parent ?root] (below ?y ?x)
 *
 *   If what ends the rule is what is done at each step, as it is there, what it
 *   comes to be called with is what it finds. And if others are not passed on, the rows are found as in the first case, but for these alone.
 *
 * Rules that call each other, or themselves twice, need all rows that were found in
 * earlier rounds. There the rows of a round are arrays, one for each column of each
 * rule, and a round takes those of the one before as a whole, until there are no
 * more of them.
 */
#include "datalog_recursion.h"

#include "utils/lsyscache.h"

#include "datalog_bound.h"
#include "datalog_branch.h"
#include "datalog_closure.h"
#include "datalog_value.h"

/* A rule that is being compiled. */
typedef struct Running
{
	const char *name;
	const char *source;
	int			n;				/* arguments */
	const bool *given;			/* those that are no columns */
	SqlItem    *cte;			/* its rows so far; or */
	SqlItem    *reference;		/* an item that has one of them at a time; or */
	SqlExpr   **arrays;			/* arrays of them, one for each argument */
	DatalogType *types;			/* of columns; 0: not known yet */
} Running;

/* A call of a rule of which each body calls it once at most. */
typedef struct Linear
{
	DatalogScope *scope;
	const DatalogClause *call;
	SqlExpr   **args;
	const char *source;
	int			n;
	List	   *ends;			/* of DatalogRule: bodies that do not call it */
	List	   *steps;			/* those that do */
	bool	   *given;			/* arguments that are handed down */
} Linear;

/* Where the compiler stood, for what is compiled to see its types only. */
typedef struct Mark
{
	int			numbers[lengthof(((DatalogContext *) NULL)->numbers)];
	int			nparams;
	int			ntables;		/* whose moments are parameters */
} Mark;

static Mark
mark(const DatalogContext *context)
{
	Mark		at;

	memcpy(at.numbers, context->numbers, sizeof(at.numbers));
	at.nparams = list_length(context->params);
	at.ntables = list_length(context->tables);
	return at;
}

static void
go_back(DatalogContext *context, const Mark *at)
{
	memcpy(context->numbers, at->numbers, sizeof(at->numbers));
	context->params = list_truncate(context->params, at->nparams);
	context->tables = list_truncate(context->tables, at->ntables);
}

/*
 * Calls of what is being compiled
 */

static Running *
find_running(const DatalogContext *context, const char *name, const char *source)
{
	ListCell   *lc;

	foreach(lc, context->running)
	{
		Running    *running = lfirst(lc);

		if (strcmp(running->name, name) == 0 && strcmp(running->source, source) == 0)
			return running;
	}
	return NULL;
}

static SqlExpr *
unnest(SqlExpr **arrays, int n)
{
	List	   *args = NIL;

	for (int i = 0; i < n; i++)
		args = lappend(args, arrays[i]);
	return datom_sql_call(DATALOG_TUPLE, "unnest", args);
}

static SqlItem *
refer_to(DatalogScope *scope, const Running *running)
{
	SqlItem    *item;

	if (running->reference)
		return running->reference;
	item = datom_scope_item(scope, 'r');
	if (running->arrays)
		item->call = unnest(running->arrays, running->n);
	item->cte = running->cte;
	for (int i = 0; i < running->n; i++)
		if (running->given == NULL || !running->given[i])
			(void) datom_sql_add_column(item, running->types[i], NULL);
	return item;
}

static void
match_argument(DatalogScope *scope, const DatalogTerm *term, SqlExpr *arg, SqlExpr *column)
{
	if (term->kind == TERM_VARIABLE)
		datom_scope_bind(scope, term->name, column);
	else if (term->kind == TERM_CONSTANT)
		datom_scope_require(scope, datom_expr_equal(column, arg));
}

/* The arguments that are no constants of the rule's rows are their columns in order. */
static void
match_columns(DatalogScope *scope, const DatalogClause *call, SqlExpr **args, SqlItem *item,
			  const bool *given, const DatalogType *types)
{
	int			k = 0;

	for (int i = 0; i < call->nterms; i++)
	{
		const SqlColumn *column;

		if (given && given[i])
			continue;
		column = list_nth(item->columns, k++);
		match_argument(scope, &call->terms[i], args[i],
					   datom_sql_column(types[i], item, column->name));
	}
}

bool
datom_recursion_refer(DatalogScope *scope, const DatalogClause *clause, SqlExpr **args)
{
	Running    *running = find_running(scope->context, clause->name,
									   clause->source ? clause->source : scope->source);

	if (running == NULL)
		return false;
	match_columns(scope, clause, args, refer_to(scope, running), running->given, running->types);
	return true;
}

/*
 * Bodies that call the rule once
 */

static bool
reaches(const DatalogContext *context, const DatalogClause *clause, const char *name)
{
	if (clause->kind == CLAUSE_RULE &&
		(strcmp(clause->name, name) == 0 || datom_rule_calls(context->rules, clause->name, name)))
		return true;
	for (int i = 0; i < clause->nclauses; i++)
		if (reaches(context, clause->clauses[i], name))
			return true;
	return false;
}

static int
count_reaching(const DatalogContext *context, const DatalogRule *rule, const char *name)
{
	int			count = 0;

	for (int i = 0; i < rule->nclauses; i++)
		count += reaches(context, rule->clauses[i], name);
	return count;
}

/* The one call of itself in a body, which is not within another clause; or NULL. */
static const DatalogClause *
own_call(const DatalogRule *rule)
{
	for (int i = 0; i < rule->nclauses; i++)
		if (rule->clauses[i]->kind == CLAUSE_RULE &&
			strcmp(rule->clauses[i]->name, rule->name) == 0 && rule->clauses[i]->source == NULL)
			return rule->clauses[i];
	return NULL;
}

static bool
is_linear(const DatalogContext *context, List *bodies)
{
	ListCell   *lc;

	foreach(lc, bodies)
	{
		const DatalogRule *rule = lfirst(lc);
		int			count = count_reaching(context, rule, rule->name);

		if (count > 1 || (count == 1 && own_call(rule) == NULL))
			return false;
	}
	return true;
}

static void
refuse_endless(const DatalogClause *clause)
{
	datom_datalog_fail(ERRCODE_INVALID_RECURSION, clause->name_pos,
					   "rule \"%s\" has no body that does not call it",
					   datom_edn_clip(clause->name, strlen(clause->name)));
}

/* Do all bodies pass that argument on as they have it? */
static bool
is_passed_on(const Linear *linear, int i)
{
	ListCell   *lc;

	foreach(lc, linear->steps)
	{
		const DatalogRule *rule = lfirst(lc);
		const DatalogTerm *term = &own_call(rule)->terms[i];

		if (term->kind != TERM_VARIABLE || strcmp(term->name, rule->vars[i].name) != 0)
			return false;
	}
	return true;
}

/* Is there no other word about that argument in the bodies that go on? */
static bool
is_only_passed_on(const Linear *linear, int i)
{
	ListCell   *lc;

	if (!is_passed_on(linear, i))
		return false;
	foreach(lc, linear->steps)
	{
		const DatalogRule *rule = lfirst(lc);

		for (int k = 0; k < rule->nclauses; k++)
			if (rule->clauses[k] != own_call(rule) &&
				datom_names_have(datom_clause_names(NIL, rule->clauses[k]), rule->vars[i].name))
				return false;
		for (int k = 0; k < rule->nvars; k++)
			if (k != i && own_call(rule)->terms[k].kind == TERM_VARIABLE &&
				strcmp(own_call(rule)->terms[k].name, rule->vars[i].name) == 0)
				return false;
	}
	return true;
}

static bool
is_fixed(const SqlExpr *expr)
{
	return expr->kind == SQL_PARAM;
}

/* The variables of a body that are known before its own call is made. */
static List *
bound_before(const Linear *linear, const DatalogRule *rule)
{
	DatalogClause **others = palloc(sizeof(DatalogClause *) * (rule->nclauses + 1));
	List	   *bound = NIL;
	int			n = 0;

	for (int i = 0; i < rule->nvars; i++)
		if (linear->given[i])
			bound = datom_names_add(bound, rule->vars[i].name);
	for (int i = 0; i < rule->nclauses; i++)
		if (rule->clauses[i] != own_call(rule))
			others[n++] = rule->clauses[i];
	return datom_clauses_bind(linear->scope->context->rules, n, others, bound);
}

/* Does each body know that argument of its own call before it makes it? */
static bool
is_handed_on(const Linear *linear, int i)
{
	ListCell   *lc;

	foreach(lc, linear->steps)
	{
		const DatalogRule *rule = lfirst(lc);
		const DatalogTerm *term = &own_call(rule)->terms[i];

		if (term->kind == TERM_BLANK ||
			(term->kind == TERM_VARIABLE &&
			 !datom_names_have(bound_before(linear, rule), term->name)))
			return false;
	}
	return true;
}

static bool
is_needed(const Linear *linear, int i)
{
	return datom_rule_needs(linear->scope->context->rules, linear->call->name, i);
}

/* Leaves out what gets lost on the way; what is left may hang on that. */
static bool
keep_handed_on(Linear *linear)
{
	bool		some = false;

	for (int i = 0; i < linear->n; i++)
		if (linear->given[i] && !is_needed(linear, i) && !is_handed_on(linear, i))
		{
			linear->given[i] = false;
			i = -1;
		}
	for (int i = 0; i < linear->n; i++)
		some = some || linear->given[i];
	return some;
}

/*
 * What is handed down: what stands in the query or was given to it; if that is
 * nothing, the first argument that is bound; and those that must be.
 */
static void
choose_given(Linear *linear)
{
	bool		some;

	linear->given = palloc0(sizeof(bool) * (linear->n + 1));
	for (int i = 0; i < linear->n; i++)
		linear->given[i] = linear->args[i] &&
			(is_fixed(linear->args[i]) || is_needed(linear, i));
	some = keep_handed_on(linear);
	for (int i = 0; !some && i < linear->n; i++)
		if (linear->args[i])
		{
			linear->given[i] = true;
			some = keep_handed_on(linear);
		}
}

static bool
each_argument(const Linear *linear, bool given, bool (*test) (const Linear *, int))
{
	for (int i = 0; i < linear->n; i++)
		if (linear->given[i] == given && !test(linear, i))
			return false;
	return true;
}

static int
count_given(const Linear *linear, bool given)
{
	int			count = 0;

	for (int i = 0; i < linear->n; i++)
		count += linear->given[i] == given;
	return count;
}

/* The bodies as branches that give those of their arguments that are `given`, or not. */
static List *
branches_of(const Linear *linear, List *bodies, SqlExpr **args, bool all)
{
	List	   *branches = NIL;
	ListCell   *lc;

	foreach(lc, bodies)
	{
		const DatalogRule *rule = lfirst(lc);
		DatalogBranch *branch = palloc0(sizeof(DatalogBranch));
		int			k = 0;

		branch->n = rule->nclauses;
		branch->clauses = rule->clauses;
		branch->outs = palloc(sizeof(char *) * (linear->n + 1));
		for (int i = 0; i < linear->n; i++)
		{
			DatalogVar *var = palloc(sizeof(DatalogVar));

			*var = (DatalogVar) {
				.name = rule->vars[i].name, .expr = args[i]
			};
			if (linear->given[i] && args[i])
				branch->bound = lappend(branch->bound, var);
			if (all || !linear->given[i])
				branch->outs[k++] = rule->vars[i].name;
		}
		branches = lappend(branches, branch);
	}
	return branches;
}

static DatalogView
view_of(const Linear *linear)
{
	return (DatalogView) {
		.context = linear->scope->context, .source = linear->source
	};
}

static Running *
begin_running(const Linear *linear, const bool *given, DatalogType *types)
{
	DatalogContext *context = linear->scope->context;
	Running    *running = palloc0(sizeof(Running));

	*running = (Running) {
		.name = linear->call->name, .source = linear->source, .n = linear->n,
			.given = given, .types = types
	};
	context->running = lcons(running, context->running);
	return running;
}

static void
end_running(const Linear *linear)
{
	DatalogContext *context = linear->scope->context;

	context->running = list_delete_first(context->running);
}

/*
 * SQL allows one reference to the rows so far. Several arms share it, as an item
 * beside which they stand.
 */
static SqlSelect *
beside(DatalogContext *context, SqlItem *reference, SqlSelect *arms, int n,
	   const DatalogType *types)
{
	DatalogScope *scope = datom_scope_make(context, NULL, "$");
	SqlExpr   **columns;

	scope->select->from = list_make1(reference);
	columns = datom_rows_item(scope, arms, n, types, true);
	for (int i = 0; i < n; i++)
		datom_sql_add_output(scope->select, columns[i], NULL);
	return scope->select;
}

static SqlItem *
make_cte(DatalogContext *context, char letter, int n, const DatalogType *types)
{
	SqlItem    *cte = datom_context_item(context, letter);

	for (int i = 0; i < n; i++)
		(void) datom_sql_add_column(cte, types[i], NULL);
	return cte;
}

static SqlItem *
make_reference(DatalogContext *context, SqlItem *cte)
{
	SqlItem    *item = datom_context_item(context, cte->letter);

	item->cte = cte;
	item->columns = cte->columns;
	return item;
}

static SqlSelect *
union_of(SqlSelect *first, SqlSelect *second)
{
	SqlSelect  *both = palloc0(sizeof(SqlSelect));

	both->arms = list_make2(first, second);
	both->between = "UNION";
	return both;
}

/* Types by argument, as those of the columns, which leave out what is given. */
static void
spread_types(const Linear *linear, const DatalogType *columns, DatalogType *types)
{
	int			k = 0;

	for (int i = 0; i < linear->n; i++)
		if (!linear->given[i])
			types[i] = columns[k++];
}

/*
 * The rows of the rule, as a common table: the bodies with what is given in its
 * place. True if the types of its columns turned out to be wider, so that it must be
 * made again.
 */
static bool
make_rows(const Linear *linear, DatalogType *columns, SqlItem **made)
{
	DatalogContext *context = linear->scope->context;
	DatalogView view = view_of(linear);
	int			n = count_given(linear, false);
	DatalogType *types = palloc0(sizeof(DatalogType) * (linear->n + 1));
	DatalogType *before;
	SqlSelect  *ends = datom_branches_rows(&view, branches_of(linear, linear->ends, linear->args, false),
										   n, columns);
	SqlItem    *cte = make_cte(context, 'r', n, columns);
	Running    *running;
	SqlSelect  *steps;

	spread_types(linear, columns, types);
	before = memcpy(palloc(sizeof(DatalogType) * (n + 1)), columns, sizeof(DatalogType) * n);
	running = begin_running(linear, linear->given, types);
	running->cte = cte;
	if (list_length(linear->steps) > 1)
		running->reference = make_reference(context, cte);
	steps = datom_branches_rows(&view, branches_of(linear, linear->steps, linear->args, false), n,
								columns);
	end_running(linear);
	if (running->reference)
		steps = beside(context, running->reference, steps, n, columns);
	cte->select = union_of(ends, steps);
	*made = cte;
	return memcmp(before, columns, sizeof(DatalogType) * n) != 0;
}

static bool
is_lateral(const Linear *linear)
{
	for (int i = 0; i < linear->n; i++)
		if (linear->given[i] && !is_fixed(linear->args[i]))
			return true;
	return false;
}

/* The rows as an item of the scope of the call. */
static void
put_rows(const Linear *linear, SqlSelect *rows, int n, const DatalogType *columns)
{
	SqlExpr   **exprs = datom_rows_item(linear->scope, rows, n, columns, is_lateral(linear));
	int			k = 0;

	((SqlItem *) llast(linear->scope->select->from))->is_set = rows->arms == NIL &&
		list_length(rows->from) == 1;
	for (int i = 0; i < linear->n; i++)
		if (!linear->given[i] || n == linear->n)
			match_argument(linear->scope, &linear->call->terms[i], linear->args[i], exprs[k++]);
}

static SqlSelect *
select_all(SqlItem *reference, const DatalogType *types)
{
	SqlSelect  *select = palloc0(sizeof(SqlSelect));
	ListCell   *lc;

	select->from = list_make1(reference);
	foreach(lc, reference->columns)
		datom_sql_add_output(select, datom_sql_column(types[foreach_current_index(lc)], reference,
													  ((SqlColumn *) lfirst(lc))->name), NULL);
	return select;
}

static void
add_passed_on(const Linear *linear)
{
	DatalogContext *context = linear->scope->context;
	int			n = count_given(linear, false);
	DatalogType *columns = palloc0(sizeof(DatalogType) * (n + 1));
	Mark		at = mark(context);
	SqlItem    *cte;
	SqlSelect  *rows;

	while (make_rows(linear, columns, &cte))
		go_back(context, &at);
	rows = select_all(make_reference(context, cte), columns);
	rows->with = list_make1(cte);
	rows->recursive = true;
	put_rows(linear, rows, n, columns);
}

/*
 * Arguments with which the rule is called
 */

/* Columns of an item in place of the arguments that are given. */
static SqlExpr **
given_columns(const Linear *linear, SqlItem *item, const DatalogType *types)
{
	SqlExpr   **args = palloc0(sizeof(SqlExpr *) * (linear->n + 1));
	int			k = 0;

	for (int i = 0; i < linear->n; i++)
		if (linear->given[i])
		{
			const SqlColumn *column = list_nth(item->columns, k);

			args[i] = datom_sql_column(types[k++], item, column->name);
		}
	return args;
}

static SqlSelect *
first_call(const Linear *linear, const DatalogType *types)
{
	SqlSelect  *select = palloc0(sizeof(SqlSelect));
	int			k = 0;

	for (int i = 0; i < linear->n; i++)
		if (linear->given[i])
			datom_sql_add_output(select, datom_expr_as(linear->args[i], types[k++]), NULL);
	return select;
}

/* The clauses of a body, but for its own call, whose variables are bound then. */
static List *
clauses_before(const Linear *linear, const DatalogRule *rule)
{
	List	   *bound = bound_before(linear, rule);
	List	   *before = NIL;

	for (int i = 0; i < rule->nclauses; i++)
	{
		DatalogClause *clause = rule->clauses[i];
		bool		all = clause != own_call(rule);
		ListCell   *lc;

		foreach(lc, datom_clause_names(NIL, clause))
			all = all && (clause->kind == CLAUSE_NOT || datom_names_have(bound, lfirst(lc)));
		if (all)
			before = lappend(before, clause);
	}
	return before;
}

/*
 * With what a body calls the rule, if it was called with what `args` are. The types
 * become wider where they do not hold that.
 */
static SqlSelect *
next_call(const Linear *linear, const DatalogRule *rule, SqlItem *reference, bool shared,
		  SqlExpr **args, DatalogType *types)
{
	DatalogContext *context = linear->scope->context;
	DatalogScope *scope = datom_scope_make(context, NULL, linear->source);
	List	   *before = clauses_before(linear, rule);
	DatalogClause **clauses = palloc(sizeof(DatalogClause *) * (list_length(before) + 1));
	int			k = 0;
	ListCell   *lc;

	foreach(lc, before)
		clauses[foreach_current_index(lc)] = lfirst(lc);
	if (!shared)
		scope->select->from = list_make1(reference);
	for (int i = 0; i < linear->n; i++)
		if (linear->given[i])
			datom_scope_bind(scope, rule->vars[i].name, args[i]);
	context->clauses(scope, list_length(before), clauses);
	for (int i = 0; i < linear->n; i++)
	{
		SqlExpr    *arg;

		if (!linear->given[i])
			continue;
		arg = datom_scope_operand(scope, &own_call(rule)->terms[i]);
		types[k] = datom_type_common(types[k], arg->type);
		datom_sql_add_output(scope->select, datom_expr_as(arg, types[k++]), NULL);
	}
	return scope->select;
}

static SqlItem *
make_calls_of(const Linear *linear, DatalogType *types)
{
	DatalogContext *context = linear->scope->context;
	int			n = count_given(linear, true);
	SqlItem    *cte = make_cte(context, 'm', n, types);
	SqlItem    *reference = make_reference(context, cte);
	SqlExpr   **args = given_columns(linear, reference, types);
	bool		shared = list_length(linear->steps) > 1;
	SqlSelect  *steps = palloc0(sizeof(SqlSelect));
	ListCell   *lc;

	steps->between = "UNION ALL";
	foreach(lc, linear->steps)
		steps->arms = lappend(steps->arms,
							  next_call(linear, lfirst(lc), reference, shared, args, types));
	steps = shared ? beside(context, reference, steps, n, types) : linitial(steps->arms);
	cte->select = union_of(first_call(linear, types), steps);
	return cte;
}

/* All calls, as a common table; `types` are those of the first one, and widened. */
static SqlItem *
make_calls(const Linear *linear, DatalogType *types)
{
	DatalogContext *context = linear->scope->context;
	size_t		size = sizeof(DatalogType) * count_given(linear, true);
	DatalogType *before = palloc(size + 1);
	Mark		at = mark(context);
	SqlItem    *calls;

	do
	{
		go_back(context, &at);
		memcpy(before, types, size);
		calls = make_calls_of(linear, types);
	} while (memcmp(before, types, size) != 0);
	return calls;
}

/* The types of what is given, once it is known what literals are compared with. */
static DatalogType *
given_types(const Linear *linear)
{
	DatalogContext *context = linear->scope->context;
	Mark		at = mark(context);
	DatalogView view = view_of(linear);
	int			n = count_given(linear, false);
	DatalogType *types = palloc0(sizeof(DatalogType) * (linear->n + 1));
	int			k = 0;

	(void) datom_branches_rows(&view, branches_of(linear, linear->ends, linear->args, false), n,
							   types);
	go_back(context, &at);
	for (int i = 0; i < linear->n; i++)
		if (linear->given[i])
		{
			datom_expr_settle(linear->args[i], DATALOG_STRING);
			types[k++] = linear->args[i]->type;
		}
	return types;
}

/* Bodies of calls: each beside an item of the arguments it may be called with. */
static SqlSelect *
rows_of_calls(const Linear *linear, List *bodies, SqlItem *calls, const DatalogType *given,
			  bool all, DatalogType *columns)
{
	DatalogView view = view_of(linear);
	List	   *branches = NIL;
	List	   *scopes = NIL;
	ListCell   *lc;

	foreach(lc, bodies)
	{
		SqlItem    *reference = make_reference(linear->scope->context, calls);
		DatalogBranch *branch = linitial(branches_of(linear, list_make1(lfirst(lc)),
													 given_columns(linear, reference, given), all));
		DatalogScope *scope = datom_branch_scope(&view, branch);

		scope->select->from = lcons(reference, scope->select->from);
		branches = lappend(branches, branch);
		scopes = lappend(scopes, scope);
	}
	return datom_scopes_rows(scopes, branches, all ? linear->n : count_given(linear, false), columns);
}

static void
add_ends_of_calls(const Linear *linear)
{
	DatalogType *given = given_types(linear);
	SqlItem    *calls = make_calls(linear, given);
	int			n = count_given(linear, false);
	DatalogType *columns = palloc0(sizeof(DatalogType) * (n + 1));
	SqlSelect  *rows = rows_of_calls(linear, linear->ends, calls, given, false, columns);

	rows->with = list_make1(calls);
	rows->recursive = true;
	put_rows(linear, rows, n, columns);
}

static void
add_rows_of_calls(const Linear *linear)
{
	DatalogContext *context = linear->scope->context;
	DatalogType *given = given_types(linear);
	SqlItem    *calls = make_calls(linear, given);
	DatalogType *columns = palloc0(sizeof(DatalogType) * (linear->n + 1));
	Mark		at = mark(context);
	DatalogType *before = palloc(sizeof(DatalogType) * (linear->n + 1));
	SqlSelect  *rows;
	SqlItem    *cte;

	do
	{
		SqlSelect  *ends;
		SqlSelect  *steps;
		Running    *running;

		go_back(context, &at);
		ends = rows_of_calls(linear, linear->ends, calls, given, true, columns);
		memcpy(before, columns, sizeof(DatalogType) * linear->n);
		cte = make_cte(context, 'r', linear->n, columns);
		running = begin_running(linear, NULL, columns);
		running->cte = cte;
		if (list_length(linear->steps) > 1)
			running->reference = make_reference(context, cte);
		steps = rows_of_calls(linear, linear->steps, calls, given, true, columns);
		end_running(linear);
		if (running->reference)
			steps = beside(context, running->reference, steps, linear->n, columns);
		cte->select = union_of(ends, steps);
	} while (memcmp(before, columns, sizeof(DatalogType) * linear->n) != 0);
	rows = select_all(make_reference(context, cte), columns);
	rows->with = list_make2(calls, cte);
	rows->recursive = true;
	put_rows(linear, rows, linear->n, columns);
}

/*
 * A closure
 */

/* Is what ends the rule done at each step, from one argument to the other? */
static bool
is_closure(const Linear *linear)
{
	const DatalogRule *end = linitial(linear->ends);
	const DatalogRule *step = linear->steps ? linitial(linear->steps) : NULL;
	int			given = linear->given[0] ? 0 : 1;
	const DatalogTerm *next;

	if (linear->n != 2 || count_given(linear, true) != 1 ||
		list_length(linear->ends) != 1 || list_length(linear->steps) != 1)
		return false;
	next = &own_call(step)->terms[given];
	return next->kind == TERM_VARIABLE &&
		datom_clauses_alike(step->nclauses, step->clauses, own_call(step), end->nclauses, end->clauses,
							list_make2((void *) step->vars[given].name, (void *) next->name),
							list_make2((void *) end->vars[given].name,
									   (void *) end->vars[1 - given].name));
}

/* False: the types of the two arguments are not the same. */
static bool
add_closure(const Linear *linear)
{
	DatalogContext *context = linear->scope->context;
	Mark		at = mark(context);
	DatalogView view = view_of(linear);
	int			given = linear->given[0] ? 0 : 1;
	DatalogType columns[1] = {0};
	SqlSelect  *first = datom_branches_rows(&view, branches_of(linear, linear->ends, linear->args, false),
											1, columns);
	DatalogType type = columns[0];
	SqlItem    *cte = make_cte(context, 'r', 1, columns);
	SqlItem    *reference = make_reference(context, cte);
	SqlExpr    *args[2] = {NULL, NULL};
	DatalogScope *scope;
	DatalogBranch *branch;
	SqlSelect  *rows;

	args[given] = datom_sql_column(type, reference, "c1");
	branch = linitial(branches_of(linear, linear->ends, args, false));
	scope = datom_branch_scope(&view, branch);
	scope->select->from = lcons(reference, scope->select->from);
	rows = datom_scopes_rows(list_make1(scope), list_make1(branch), 1, columns);
	if (columns[0] != type || linear->args[given]->type == DATALOG_ANY)
	{
		go_back(context, &at);
		return false;
	}
	cte->select = union_of(first, rows);
	rows = select_all(make_reference(context, cte), columns);
	rows->with = list_make1(cte);
	rows->recursive = true;
	put_rows(linear, rows, 1, columns);
	return true;
}

static void
add_linear(DatalogScope *scope, const DatalogClause *clause, List *bodies, SqlExpr **args,
		   const char *source)
{
	Linear		linear = {
		.scope = scope, .call = clause, .args = args, .source = source,
		.n = clause->nterms
	};
	ListCell   *lc;

	foreach(lc, bodies)
	{
		if (own_call(lfirst(lc)))
			linear.steps = lappend(linear.steps, lfirst(lc));
		else
			linear.ends = lappend(linear.ends, lfirst(lc));
	}
	if (linear.ends == NIL)
		refuse_endless(clause);
	choose_given(&linear);
	if (each_argument(&linear, true, is_passed_on) && count_given(&linear, false) > 0)
		add_passed_on(&linear);
	else if (each_argument(&linear, false, is_only_passed_on))
	{
		if (!is_closure(&linear) || !add_closure(&linear))
			add_ends_of_calls(&linear);
	}
	else
		add_rows_of_calls(&linear);
}

/*
 * Rules that call each other, or themselves more than once
 */

typedef struct Round
{
	DatalogScope *scope;
	const DatalogClause *call;
	const char *source;
	List	   *rules;			/* of Running */
} Round;

static void
refuse_negation(const DatalogContext *context, const DatalogClause *clause, const char *name)
{
	if (clause->kind == CLAUSE_NOT && reaches(context, clause, name))
		datom_datalog_fail(ERRCODE_INVALID_RECURSION, clause->pos,
						   "rule \"%s\" calls itself within \"not\"",
						   datom_edn_clip(name, strlen(name)));
	for (int i = 0; i < clause->nclauses; i++)
		refuse_negation(context, clause->clauses[i], name);
}

/* The rules that come to call each other, that of the call first. */
static List *
find_rules(const Round *round)
{
	const DatalogRules *rules = round->scope->context->rules;
	const char *name = round->call->name;
	List	   *names = list_make1((void *) name);
	List	   *found = NIL;
	ListCell   *lc;

	for (int i = 0; i < rules->n; i++)
		if (datom_rule_calls(rules, name, rules->rules[i].name) &&
			datom_rule_calls(rules, rules->rules[i].name, name))
			names = datom_names_add(names, rules->rules[i].name);
	foreach(lc, names)
	{
		const DatalogRule *rule = linitial(datom_rule_bodies(rules, lfirst(lc)));
		Running    *running = palloc0(sizeof(Running));

		*running = (Running) {
			.name = rule->name, .source = round->source, .n = rule->nvars,
				.types = palloc0(sizeof(DatalogType) * (rule->nvars + 1))
		};
		for (int i = 0; i < rule->nvars; i++)
			if (datom_rule_needs(rules, rule->name, i))
				datom_datalog_fail(ERRCODE_FEATURE_NOT_SUPPORTED, round->call->name_pos,
								   "rule \"%s\" calls others that call it, and needs \"%s\" to be bound",
								   datom_edn_clip(rule->name, strlen(rule->name)),
								   datom_edn_clip(rule->vars[i].name, strlen(rule->vars[i].name)));
		found = lappend(found, running);
	}
	return found;
}

/* Does the body call one of which nothing is known yet? */
static bool
is_early(const Round *round, const DatalogRule *rule)
{
	ListCell   *lc;

	foreach(lc, round->rules)
	{
		const Running *running = lfirst(lc);

		for (int i = 0; running->types[0] == 0 && i < rule->nclauses; i++)
		{
			List	   *clauses = list_make1(rule->clauses[i]);

			while (clauses != NIL)
			{
				const DatalogClause *clause = linitial(clauses);

				clauses = list_delete_first(clauses);
				if (clause->kind == CLAUSE_RULE && strcmp(clause->name, running->name) == 0)
					return true;
				for (int k = 0; k < clause->nclauses; k++)
					clauses = lappend(clauses, clause->clauses[k]);
			}
		}
	}
	return false;
}

/* The rows of a rule, of those bodies of which the types are known. */
static SqlSelect *
rule_rows(const Round *round, Running *running)
{
	DatalogContext *context = round->scope->context;
	DatalogView view = {.context = context, .source = round->source};
	List	   *branches = NIL;
	ListCell   *lc;

	foreach(lc, datom_rule_bodies(context->rules, running->name))
	{
		const DatalogRule *rule = lfirst(lc);
		DatalogBranch *branch;

		if (is_early(round, rule))
			continue;
		branch = palloc0(sizeof(DatalogBranch));
		branch->n = rule->nclauses;
		branch->clauses = rule->clauses;
		branch->outs = palloc(sizeof(char *) * (rule->nvars + 1));
		for (int i = 0; i < rule->nvars; i++)
			branch->outs[i] = rule->vars[i].name;
		branches = lappend(branches, branch);
	}
	if (branches == NIL)
		return NULL;
	return datom_branches_rows(&view, branches, running->n, running->types);
}

/* Finds the types of all columns. */
static void
find_types(const Round *round)
{
	DatalogContext *context = round->scope->context;
	Mark		at = mark(context);
	SqlExpr    *any[] = {datom_sql_form(DATALOG_TUPLE, "NULL", NULL)};
	bool		changed;
	ListCell   *lc;

	do
	{
		changed = false;
		foreach(lc, round->rules)
		{
			Running    *running = lfirst(lc);
			DatalogType *before = palloc(sizeof(DatalogType) * (running->n + 1));

			memcpy(before, running->types, sizeof(DatalogType) * running->n);
			running->reference = NULL;
			running->arrays = palloc(sizeof(SqlExpr *) * (running->n + 1));
			for (int i = 0; i < running->n; i++)
				running->arrays[i] = any[0];
			(void) rule_rows(round, running);
			go_back(context, &at);
			changed = changed || memcmp(before, running->types, sizeof(DatalogType) * running->n) != 0;
		}
	} while (changed);
	foreach(lc, round->rules)
		if (((Running *) lfirst(lc))->types[0] == 0)
			refuse_endless(round->call);
}

/* The arrays of all rules, as columns of one item; they are NULL while empty. */
static SqlItem *
make_arrays(const Round *round)
{
	SqlItem    *cte = datom_context_item(round->scope->context, 'r');
	ListCell   *lc;

	foreach(lc, round->rules)
	{
		const Running *running = lfirst(lc);

		for (int i = 0; i < running->n; i++)
			(void) datom_sql_add_column(cte, running->types[i], NULL);
	}
	return cte;
}

static void
use_arrays(const Round *round, SqlItem *reference)
{
	int			k = 0;
	ListCell   *lc;

	foreach(lc, round->rules)
	{
		Running    *running = lfirst(lc);

		for (int i = 0; i < running->n; i++)
		{
			const SqlColumn *column = list_nth(reference->columns, k++);

			running->arrays[i] = datom_sql_column(running->types[i], reference, column->name);
		}
	}
}

static SqlSelect *
no_rows(const SqlItem *cte)
{
	SqlSelect  *select = palloc0(sizeof(SqlSelect));
	ListCell   *lc;

	foreach(lc, cte->columns)
	{
		const SqlColumn *column = lfirst(lc);

		datom_sql_add_output(select, datom_sql_cast_to(datom_sql_form(DATALOG_TUPLE, "NULL", NULL),
													   get_array_type(column->sql_type), -1), NULL);
	}
	return select;
}

static SqlExpr *
size_of(SqlExpr *array)
{
	return datom_sql_form(DATALOG_LONG, "coalesce(pg_catalog.cardinality(?), 0)", array, NULL);
}

/* One rule's arrays of the next round, as an item; and whether they have grown. */
static SqlExpr *
add_next(const Round *round, DatalogScope *scope, Running *running)
{
	DatalogContext *context = round->scope->context;
	DatalogScope *inner = datom_scope_make(context, NULL, "$");
	SqlSelect  *rows = rule_rows(round, running);
	SqlExpr   **columns;
	SqlExpr   **arrays;

	if (rows->arms)
		rows->between = "UNION";
	else
		rows->distinct = true;
	columns = datom_rows_item(inner, rows, running->n, running->types, false);
	for (int i = 0; i < running->n; i++)
		datom_sql_add_output(inner->select,
							 datom_sql_call(running->types[i], "pg_catalog.array_agg",
											list_make1(columns[i])), NULL);
	arrays = datom_rows_item(scope, inner->select, running->n, running->types, true);
	for (int i = 0; i < running->n; i++)
		datom_sql_add_output(scope->select, arrays[i], NULL);
	return datom_sql_operator(DATALOG_BOOLEAN, "? > ?", size_of(arrays[0]), size_of(running->arrays[0]),
							  NULL);
}

static SqlSelect *
next_round(const Round *round, SqlItem *reference)
{
	DatalogScope *scope = datom_scope_make(round->scope->context, NULL, "$");
	List	   *grown = NIL;
	ListCell   *lc;

	scope->select->from = list_make1(reference);
	use_arrays(round, reference);
	foreach(lc, round->rules)
		grown = lappend(grown, add_next(round, scope, lfirst(lc)));
	datom_scope_require(scope, datom_sql_list(DATALOG_BOOLEAN, " OR ", grown));
	return scope->select;
}

/* The arrays of the last round. */
static SqlSelect *
last_round(const Round *round, SqlItem *cte)
{
	SqlItem    *reference = make_reference(round->scope->context, cte);
	SqlSelect  *select = palloc0(sizeof(SqlSelect));
	List	   *sizes = NIL;
	ListCell   *lc;

	use_arrays(round, reference);
	select->from = list_make1(reference);
	foreach(lc, reference->columns)
		datom_sql_add_output(select, datom_sql_column(DATALOG_TUPLE, reference,
													  ((SqlColumn *) lfirst(lc))->name), NULL);
	foreach(lc, round->rules)
		sizes = lappend(sizes, size_of(((Running *) lfirst(lc))->arrays[0]));
	select->order_by = datom_sql_form(DATALOG_LONG, "? DESC",
									  datom_sql_list(DATALOG_LONG, " + ", sizes), NULL);
	select->limit = datom_sql_form(DATALOG_LONG, "1", NULL);
	select->with = list_make1(cte);
	select->recursive = true;
	return select;
}

static void
add_round(DatalogScope *scope, const DatalogClause *clause, SqlExpr **args, const char *source)
{
	DatalogContext *context = scope->context;
	Round		round = {.scope = scope, .call = clause, .source = source};
	List	   *before = context->running;
	Running    *called;
	SqlItem    *cte;
	SqlItem    *last;
	SqlItem    *item;

	round.rules = find_rules(&round);
	called = linitial(round.rules);
	context->running = list_concat_copy(round.rules, before);
	find_types(&round);
	cte = make_arrays(&round);
	cte->select = palloc0(sizeof(SqlSelect));
	cte->select->arms = list_make2(no_rows(cte),
								   next_round(&round, make_reference(context, cte)));
	cte->select->between = "UNION ALL";
	context->running = before;
	last = datom_scope_item(scope, 's');
	last->select = last_round(&round, cte);
	last->columns = cte->columns;
	use_arrays(&round, last);
	item = datom_scope_item(scope, 'r');
	item->call = unnest(called->arrays, called->n);
	for (int i = 0; i < called->n; i++)
		(void) datom_sql_add_column(item, called->types[i], NULL);
	match_columns(scope, clause, args, item, NULL, called->types);
}

void
datom_datalog_recursion(DatalogScope *scope, const DatalogClause *clause, List *bodies,
						SqlExpr **args, const char *source)
{
	const DatalogRules *rules = scope->context->rules;

	for (int i = 0; i < rules->n; i++)
		for (int k = 0; k < rules->rules[i].nclauses; k++)
			if (datom_rule_calls(rules, clause->name, rules->rules[i].name))
				refuse_negation(scope->context, rules->rules[i].clauses[k], rules->rules[i].name);
	if (is_linear(scope->context, bodies))
		add_linear(scope, clause, bodies, args, source);
	else
		add_round(scope, clause, args, source);
}
