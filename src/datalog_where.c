/*
 * Clauses of Datalog, and rules, which are made of them.
 *
 * The grammar stands above the functions that parse it; terms, rule-vars and
 * bindings are datalog_form.c's. Whether variables are bound is not asked here.
 */
#ifndef DATOM_STANDALONE
#include "postgres.h"
#endif

#include <string.h>

#include "datalog_where.h"

#define PATTERN_TERMS 5			/* entity, attribute, value, tx, op */

static DatalogClause **parse_clauses(DatalogParser *p, DatalogForms forms,
									 bool branches);

/* Takes the source that may stand first. */
static const char *
take_source(DatalogForms *forms)
{
	const char *source = NULL;

	if (forms->n > 0 && datom_datalog_is_source(forms->items[0]))
	{
		source = forms->items[0]->text;
		*forms = datom_datalog_rest(*forms, 1);
	}
	return source;
}

/*
 * Vectors
 */

/* pattern = "[" source? datum{1,5} "]" */
static void
parse_pattern(DatalogParser *p, DatalogForms forms, DatalogClause *clause)
{
	clause->kind = CLAUSE_PATTERN;
	clause->source = take_source(&forms);
	if (forms.n == 0)
		datom_datalog_reject(p, forms.pos, "42601", "pattern without terms");
	if (forms.n > PATTERN_TERMS)
		datom_datalog_reject(p, forms.items[PATTERN_TERMS]->pos, "42601",
							 "more than %d terms in a pattern", PATTERN_TERMS);
	clause->nterms = forms.n;
	clause->terms = datom_datalog_data(p, forms, "a pattern");
}

/* call = "(" name argument* ")" */
static void
parse_call(DatalogParser *p, DatalogForms forms, DatalogClause *clause)
{
	const Edn  *name;

	if (forms.n == 0)
		datom_datalog_reject(p, forms.pos, "42601", "call without a function");
	name = forms.items[0];
	if (datom_datalog_is_variable(name))
		datom_datalog_reject(p, name->pos, "0A000",
							 "calling the function in variable %s is not supported",
							 datom_datalog_quoted(p, name->text));
	if (!datom_datalog_is_name(name))
		datom_datalog_expected(p, name, "a function", "a call");
	clause->name = name->text;
	clause->name_pos = name->pos;
	forms = datom_datalog_rest(forms, 1);
	clause->nterms = forms.n;
	clause->terms = datom_datalog_arguments(p, forms,
											datom_datalog_named(p, "function",
																name->text));
}

/*
 * predicate = "[" call "]"
 * function = "[" call binding "]"
 */
static void
parse_expression(DatalogParser *p, DatalogForms forms, DatalogClause *clause)
{
	const char *where;

	parse_call(p, datom_datalog_items(forms.items[0]), clause);
	where = datom_datalog_named(p, "function", clause->name);
	clause->kind = forms.n == 1 ? CLAUSE_PREDICATE : CLAUSE_FUNCTION;
	if (forms.n > 2)
		datom_datalog_reject(p, forms.items[2]->pos, "42601",
							 "more than one binding for %s", where);
	if (forms.n == 2)
		datom_datalog_binding(p, forms.items[1], where, &clause->binding);
}

/*
 * Lists
 *
 * Each of these gets what stands behind the clause's name.
 */

static void
parse_body(DatalogParser *p, DatalogForms forms, DatalogClause *clause)
{
	if (forms.n == 0)
		datom_datalog_reject(p, clause->pos, "42601", "no clauses in %s",
							 datom_datalog_quoted(p, clause->name));
	clause->nclauses = forms.n;
	clause->clauses = parse_clauses(p, forms, clause->kind == CLAUSE_OR);
}

/* not = "(" source? "not" clause+ ")" */
static void
parse_not(DatalogParser *p, DatalogForms forms, DatalogClause *clause)
{
	clause->kind = CLAUSE_NOT;
	parse_body(p, forms, clause);
}

/* Takes the vector of variables of a join. */
static DatalogForms
take_join(DatalogParser *p, DatalogForms *forms, DatalogClause *clause)
{
	const char *where = datom_datalog_quoted(p, clause->name);
	const Edn  *first;

	if (forms->n == 0)
		datom_datalog_reject(p, clause->pos, "42601", "no variables in %s", where);
	first = forms->items[0];
	if (first->kind != EDN_VECTOR)
		datom_datalog_expected(p, first, "a vector of variables", where);
	clause->join = true;
	*forms = datom_datalog_rest(*forms, 1);
	return datom_datalog_items(first);
}

/* not-join = "(" source? "not-join" "[" variables "]" clause+ ")" */
static void
parse_not_join(DatalogParser *p, DatalogForms forms, DatalogClause *clause)
{
	DatalogForms vars = take_join(p, &forms, clause);

	if (vars.n == 0)
		datom_datalog_reject(p, vars.pos, "42601", "no variables in \"not-join\"");
	clause->nvars = vars.n;
	clause->vars = datom_datalog_variables(p, vars, "\"not-join\"");
	parse_not(p, forms, clause);
}

/* or = "(" source? "or" ( clause | and )+ ")" */
static void
parse_or(DatalogParser *p, DatalogForms forms, DatalogClause *clause)
{
	clause->kind = CLAUSE_OR;
	parse_body(p, forms, clause);
}

/* or-join = "(" source? "or-join" "[" rule-vars "]" ( clause | and )+ ")" */
static void
parse_or_join(DatalogParser *p, DatalogForms forms, DatalogClause *clause)
{
	DatalogForms vars = take_join(p, &forms, clause);
	int			n;

	clause->required = datom_datalog_rule_vars(p, vars, "\"or-join\"",
											   &clause->nrequired, &n);
	clause->nvars = n - clause->nrequired;
	clause->vars = clause->required + clause->nrequired;
	parse_or(p, forms, clause);
}

/* and = "(" "and" clause+ ")" */
static void
parse_and(DatalogParser *p, DatalogForms forms, DatalogClause *clause)
{
	clause->kind = CLAUSE_AND;
	parse_body(p, forms, clause);
}

/* rule-call = "(" source? name datum+ ")" */
static void
parse_rule_call(DatalogParser *p, DatalogForms forms, DatalogClause *clause)
{
	clause->kind = CLAUSE_RULE;
	if (forms.n == 0)
		datom_datalog_reject(p, clause->pos, "42601", "rule %s without arguments",
							 datom_datalog_quoted(p, clause->name));
	clause->nterms = forms.n;
	clause->terms = datom_datalog_data(p, forms,
									   datom_datalog_named(p, "rule", clause->name));
}

typedef void (*ListParser) (DatalogParser *p, DatalogForms forms,
							DatalogClause *clause);

static ListParser
find_list_parser(const char *name)
{
	static const struct
	{
		const char *name;
		ListParser	parse;
	}			parsers[] = {
		{"not", parse_not}, {"not-join", parse_not_join},
		{"or", parse_or}, {"or-join", parse_or_join}, {"and", parse_and}
	};
	int			i;

	for (i = 0; i < 5; i++)
	{
		if (strcmp(parsers[i].name, name) == 0)
			return parsers[i].parse;
	}
	return parse_rule_call;
}

static void
parse_list(DatalogParser *p, DatalogForms forms, DatalogClause *clause, bool branch)
{
	const Edn  *name;
	ListParser	parse;

	clause->source = take_source(&forms);
	if (forms.n == 0)
		datom_datalog_reject(p, forms.pos, "42601", "clause without a name");
	name = forms.items[0];
	if (!datom_datalog_is_name(name))
		datom_datalog_expected(p, name, "the name of a rule, \"not\" or \"or\"",
							   "a clause");
	clause->name = name->text;
	clause->name_pos = name->pos;
	parse = find_list_parser(name->text);
	if (parse == parse_and && (!branch || clause->source != NULL))
		datom_datalog_reject(p, clause->pos, "42601", branch ?
							 "\"and\" takes no source" :
							 "\"and\" stands outside of \"or\" and \"or-join\"");
	parse(p, datom_datalog_rest(forms, 1), clause);
}

/*
 * Clauses
 */

/* clause = pattern | predicate | function | not | not-join | or | or-join | rule-call */
static DatalogClause *
parse_clause(DatalogParser *p, const Edn *form, bool branch)
{
	DatalogClause *clause = datom_datalog_new(p, DatalogClause, 1);
	DatalogForms forms = datom_datalog_items(form);

	clause->pos = form->pos;
	if (form->kind == EDN_LIST)
		parse_list(p, forms, clause, branch);
	else if (form->kind != EDN_VECTOR)
		datom_datalog_expected(p, form, "a vector or a list", "place of a clause");
	else if (forms.n > 0 && forms.items[0]->kind == EDN_LIST)
		parse_expression(p, forms, clause);
	else
		parse_pattern(p, forms, clause);
	return clause;
}

static DatalogClause **
parse_clauses(DatalogParser *p, DatalogForms forms, bool branches)
{
	int			room = DATALOG_MAX_CLAUSES - p->nclauses;
	DatalogClause **clauses;
	int			i;

	if (forms.n > room)
		datom_datalog_reject(p, forms.items[room]->pos, "54000",
							 "more than %d clauses", DATALOG_MAX_CLAUSES);
	p->nclauses += forms.n;
	clauses = datom_datalog_new(p, DatalogClause *, forms.n);
	for (i = 0; i < forms.n; i++)
		clauses[i] = parse_clause(p, forms.items[i], branches);
	return clauses;
}

DatalogClause **
datom_datalog_where(DatalogParser *p, DatalogForms forms)
{
	return parse_clauses(p, forms, false);
}

/*
 * Rules
 */

/* head = "(" name rule-vars ")" */
static void
parse_head(DatalogParser *p, const Edn *form, DatalogRule *rule)
{
	DatalogForms forms = datom_datalog_items(form);
	const Edn  *name;

	if (form->kind != EDN_LIST)
		datom_datalog_expected(p, form, "a head, such as (name ?x),", "a rule");
	if (forms.n == 0)
		datom_datalog_reject(p, forms.pos, "42601", "rule without a name");
	name = forms.items[0];
	if (!datom_datalog_is_name(name))
		datom_datalog_expected(p, name, "a name", "the head of a rule");
	if (find_list_parser(name->text) != parse_rule_call)
		datom_datalog_reject(p, name->pos, "42601", "no rule can be named %s",
							 datom_datalog_quoted(p, name->text));
	rule->name = name->text;
	rule->vars = datom_datalog_rule_vars(p, datom_datalog_rest(forms, 1),
										 datom_datalog_named(p, "the head of rule",
															 name->text),
										 &rule->nrequired, &rule->nvars);
}

/* rule = "[" head clause+ "]" */
static void
parse_rule(DatalogParser *p, const Edn *form, DatalogRule *rule)
{
	DatalogForms forms = datom_datalog_items(form);

	if (form->kind != EDN_VECTOR)
		datom_datalog_expected(p, form, "a rule, such as [(name ?x) [?x]],", "rules");
	if (forms.n == 0)
		datom_datalog_reject(p, forms.pos, "42601", "rule without a head");
	rule->pos = form->pos;
	parse_head(p, forms.items[0], rule);
	if (forms.n == 1)
		datom_datalog_reject(p, form->pos, "42601", "no clauses in rule %s",
							 datom_datalog_quoted(p, rule->name));
	forms = datom_datalog_rest(forms, 1);
	rule->nclauses = forms.n;
	rule->clauses = datom_datalog_where(p, forms);
}

/* All rules of a name take as many variables, and require as many. */
static void
check_alike(DatalogParser *p, const DatalogRules *rules, const DatalogRule *rule)
{
	const DatalogRule *first = rules->rules;

	while (strcmp(first->name, rule->name) != 0)
		first++;
	if (first->nvars != rule->nvars)
		datom_datalog_reject(p, rule->pos, "42601",
							 "rule %s has %d variables here, but %d at character %d",
							 datom_datalog_quoted(p, rule->name), rule->nvars,
							 first->nvars, first->pos);
	if (first->nrequired != rule->nrequired)
		datom_datalog_reject(p, rule->pos, "42601",
							 "rule %s requires %d variables here, but %d at character %d",
							 datom_datalog_quoted(p, rule->name), rule->nrequired,
							 first->nrequired, first->pos);
}

/* Calls of rules by rules have as many arguments as these have variables. */
static void
check_calls(DatalogParser *p, const DatalogRules *rules, DatalogClause *const *clauses,
			int n)
{
	int			i;
	int			j;

	for (i = 0; i < n; i++)
	{
		const DatalogClause *call = clauses[i];

		check_calls(p, rules, call->clauses, call->nclauses);
		for (j = 0; call->kind == CLAUSE_RULE && j < rules->n; j++)
		{
			const DatalogRule *rule = &rules->rules[j];

			if (strcmp(rule->name, call->name) == 0 && rule->nvars != call->nterms)
				datom_datalog_reject(p, call->pos, "42601",
									 "rule %s has %d arguments, not %d",
									 datom_datalog_quoted(p, call->name), rule->nvars,
									 call->nterms);
		}
	}
}

/* rules = "[" rule* "]" */
DatalogRules *
datom_datalog_rules(DatalogParser *p, const Edn *form)
{
	DatalogRules *rules = datom_datalog_new(p, DatalogRules, 1);
	int			i;

	if (form->kind != EDN_VECTOR)
		datom_datalog_expected(p, form, "a vector", "place of rules");
	if (form->count > DATALOG_MAX_CLAUSES)
		datom_datalog_reject(p, form->items[DATALOG_MAX_CLAUSES]->pos, "54000",
							 "more than %d rules", DATALOG_MAX_CLAUSES);
	rules->n = form->count;
	rules->rules = datom_datalog_new(p, DatalogRule, form->count);
	for (i = 0; i < form->count; i++)
	{
		parse_rule(p, form->items[i], &rules->rules[i]);
		check_alike(p, rules, &rules->rules[i]);
	}
	for (i = 0; i < rules->n; i++)
		check_calls(p, rules, rules->rules[i].clauses, rules->rules[i].nclauses);
	return rules;
}
