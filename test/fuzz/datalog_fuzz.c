/*
 * datalog_fuzz.c: libFuzzer target for the parsers of Datalog and of pull patterns.
 *
 * Reads arbitrary bytes as EDN and what comes of it as a query, as rules, as a
 * message and as a pull pattern. Aborts if a tree or an error breaks a promise of
 * datalog_tree.h, datalog_parse.h or pull_pattern.h. Build and run:
 *
 *	clang -g -O1 -DDATOM_STANDALONE -fsanitize=fuzzer,address,undefined \
 *		-fno-sanitize-recover=undefined datalog_fuzz.c datalog_form.c \
 *		datalog_where.c datalog_parse.c pull_pattern.c edn.c edn_lex.c -o datalog_fuzz
 *	./datalog_fuzz -max_len=4096 -dict=datalog.dict new datalog_corpus
 *
 * where "new" is a directory for what it finds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "datalog_parse.h"
#include "pull_pattern.h"

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PROMISE(x) \
	do { if (!(x)) { fprintf(stderr, "broken: %s\n", #x); abort(); } } while (0)

static int	characters;			/* in the source */

static int	check_clauses(DatalogClause **clauses, int n, bool branches);

static bool
is_name(const char *name)
{
	return name != NULL && name[0] != '\0' && name[0] != '?' && name[0] != '$' &&
		strcmp(name, "_") != 0 && strcmp(name, "%") != 0;
}

static bool
is_source(const char *name)
{
	return name != NULL && name[0] == '$';
}

static void
check_pos(int pos)
{
	PROMISE(pos >= 1 && pos <= characters);
}

static void
check_term(const DatalogTerm *term)
{
	check_pos(term->pos);
	PROMISE((term->form != NULL) == (term->kind == TERM_CONSTANT));
	PROMISE((term->name != NULL) ==
			(term->kind == TERM_VARIABLE || term->kind == TERM_SOURCE));
	if (term->kind == TERM_VARIABLE)
		PROMISE(term->name[0] == '?' && strlen(term->name) > 1);
	if (term->kind == TERM_SOURCE)
		PROMISE(is_source(term->name));
	if (term->kind == TERM_CONSTANT)
		PROMISE(term->form->kind != EDN_SYMBOL && term->form->kind != EDN_LIST &&
				term->form->pos == term->pos);
}

/* Terms of the kinds in a set of bits. */
static void
check_terms(const DatalogTerm *terms, int n, int kinds)
{
	int			i;

	PROMISE(n >= 0 && n <= 200);
	for (i = 0; i < n; i++)
	{
		check_term(&terms[i]);
		PROMISE(kinds >> terms[i].kind & 1);
	}
}

#define VARIABLES	(1 << TERM_VARIABLE)
#define SLOTS		(VARIABLES | 1 << TERM_BLANK)
#define DATA		(SLOTS | 1 << TERM_CONSTANT)
#define ARGUMENTS	(VARIABLES | 1 << TERM_SOURCE | 1 << TERM_CONSTANT)

static void
check_distinct(const DatalogTerm *terms, int n)
{
	int			i;
	int			j;

	check_terms(terms, n, VARIABLES);
	for (i = 0; i < n; i++)
	{
		for (j = 0; j < i; j++)
			PROMISE(strcmp(terms[i].name, terms[j].name) != 0);
	}
}

static void
check_binding(const DatalogBinding *binding, bool in)
{
	check_pos(binding->pos);
	PROMISE(in ? binding->kind <= BIND_PATTERN : binding->kind <= BIND_RELATION);
	PROMISE((binding->name != NULL) == (binding->kind >= BIND_SOURCE));
	PROMISE((binding->nterms > 0) == (binding->kind <= BIND_RELATION));
	check_terms(binding->terms, binding->nterms, SLOTS);
	if (binding->kind <= BIND_SCALAR || binding->kind == BIND_COLLECTION)
		PROMISE(binding->nterms == 1);
	if (binding->kind <= BIND_SCALAR)
		PROMISE((binding->terms[0].kind == TERM_BLANK) == (binding->kind == BIND_BLANK));
	if (binding->kind == BIND_SOURCE)
		PROMISE(is_source(binding->name));
	if (binding->kind == BIND_PATTERN)
		PROMISE(is_name(binding->name));
}

static void
check_join(const DatalogClause *clause)
{
	PROMISE(!clause->join || clause->kind == CLAUSE_NOT || clause->kind == CLAUSE_OR);
	PROMISE(clause->join == (clause->nrequired + clause->nvars > 0));
	PROMISE(clause->nrequired == 0 || clause->kind == CLAUSE_OR);
	check_distinct(clause->required, clause->nrequired);
	check_distinct(clause->vars, clause->nvars);
}

static void
check_clause(const DatalogClause *clause)
{
	bool		holder = clause->kind >= CLAUSE_NOT;

	check_pos(clause->pos);
	PROMISE((clause->name == NULL) == (clause->kind == CLAUSE_PATTERN));
	if (clause->name != NULL)
		check_pos(clause->name_pos);
	PROMISE(clause->name == NULL || is_name(clause->name));
	PROMISE(clause->source == NULL || is_source(clause->source));
	PROMISE(holder == (clause->nclauses > 0));
	PROMISE(!holder || clause->nterms == 0);
	check_join(clause);
	if (clause->kind == CLAUSE_PATTERN)
		PROMISE(clause->nterms >= 1 && clause->nterms <= 5);
	if (clause->kind == CLAUSE_RULE)
		PROMISE(clause->nterms >= 1);
	check_terms(clause->terms, clause->nterms,
				clause->kind == CLAUSE_PREDICATE || clause->kind == CLAUSE_FUNCTION ?
				ARGUMENTS : DATA);
	if (clause->kind == CLAUSE_FUNCTION)
		check_binding(&clause->binding, false);
}

/* Returns how many there are, with those inside. */
static int
check_clauses(DatalogClause **clauses, int n, bool branches)
{
	int			all = n;
	int			i;

	PROMISE(n >= 0);
	for (i = 0; i < n; i++)
	{
		const DatalogClause *clause = clauses[i];

		PROMISE(branches || clause->kind != CLAUSE_AND);
		check_clause(clause);
		all += check_clauses(clause->clauses, clause->nclauses,
							 clause->kind == CLAUSE_OR);
	}
	return all;
}

static void
check_element(const DatalogElement *element)
{
	check_pos(element->pos);
	check_terms(&element->var, 1, VARIABLES);
	check_terms(element->terms, element->nterms, ARGUMENTS);
	PROMISE((element->name != NULL) == (element->kind == ELEMENT_AGGREGATE));
	PROMISE(element->nterms == 0 || element->kind == ELEMENT_AGGREGATE);
	if (element->kind != ELEMENT_PULL)
		return;
	PROMISE(element->source == NULL || is_source(element->source));
	if (element->pattern.kind == TERM_CONSTANT)
		PROMISE(element->pattern.form->kind == EDN_VECTOR);
	else
		PROMISE(element->pattern.kind == TERM_VARIABLE && is_name(element->pattern.name));
}

static void
check_keys(const DatalogQuery *query)
{
	int			i;

	if (query->keys == KEYS_NONE)
		return;
	PROMISE(query->find == FIND_RELATION || query->find == FIND_TUPLE);
	for (i = 0; i < query->nelements; i++)
		PROMISE(query->key_names[i][0] != '\0');
}

static void
check_query(const DatalogQuery *query)
{
	int			i;

	PROMISE(query->nelements >= 1 && query->nelements <= 200);
	if (query->find == FIND_COLLECTION || query->find == FIND_SCALAR)
		PROMISE(query->nelements == 1);
	for (i = 0; i < query->nelements; i++)
		check_element(&query->elements[i]);
	check_keys(query);
	check_distinct(query->with, query->nwith);
	PROMISE(query->has_in || query->nin == 0);
	for (i = 0; i < query->nin; i++)
		check_binding(&query->in[i], true);
	PROMISE(check_clauses(query->clauses, query->nclauses, false) <= 1000);
	PROMISE(query->limit >= -1 && query->offset >= 0 && query->timeout >= 0);
}

/* No call of one of the rules has another number of arguments. */
static void
check_calls(const DatalogRules *rules, DatalogClause **clauses, int n)
{
	int			i;
	int			j;

	for (i = 0; i < n; i++)
	{
		check_calls(rules, clauses[i]->clauses, clauses[i]->nclauses);
		for (j = 0; clauses[i]->kind == CLAUSE_RULE && j < rules->n; j++)
			PROMISE(strcmp(rules->rules[j].name, clauses[i]->name) != 0 ||
					rules->rules[j].nvars == clauses[i]->nterms);
	}
}

static void
check_rules(const DatalogRules *rules)
{
	int			clauses = 0;
	int			i;
	int			j;

	for (i = 0; i < rules->n; i++)
	{
		const DatalogRule *rule = &rules->rules[i];

		check_pos(rule->pos);
		PROMISE(is_name(rule->name) && rule->nclauses > 0);
		PROMISE(rule->nvars > 0 && rule->nrequired <= rule->nvars);
		check_distinct(rule->vars, rule->nvars);
		clauses += check_clauses(rule->clauses, rule->nclauses, false);
		check_calls(rules, rule->clauses, rule->nclauses);
		for (j = 0; j < i; j++)
			PROMISE(strcmp(rules->rules[j].name, rule->name) != 0 ||
					(rules->rules[j].nvars == rule->nvars &&
					 rules->rules[j].nrequired == rule->nrequired));
	}
	PROMISE(clauses <= 1000);
}

static void
check_message(const DatalogMessage *message)
{
	PROMISE(message->query != NULL);
	PROMISE(message->query->kind == EDN_VECTOR || message->query->kind == EDN_MAP ||
			message->query->kind == EDN_STRING);
	PROMISE(message->nargs >= 0 && (message->nargs == 0 || message->args != NULL));
	PROMISE(message->sources == NULL || message->sources->kind == EDN_MAP);
}

static void
check_spec(const DatomPullSpec *spec)
{
	check_pos(spec->pos);
	PROMISE(spec->len > 1 && spec->ident[0] == ':');
	PROMISE(strlen(spec->ident) == (size_t) spec->len);
	PROMISE(strlen(spec->key) == (size_t) spec->key_len);
	PROMISE(spec->is_id == (strcmp(spec->ident, ":db/id") == 0));
	PROMISE(spec->limit >= DATOM_PULL_ALL && spec->depth >= DATOM_PULL_ALL);
	PROMISE(spec->pattern == NULL || spec->depth == 0);
	PROMISE(!spec->is_id || (spec->pattern == NULL && spec->depth == 0 && !spec->reverse));
	PROMISE(spec->fallback == NULL || spec->fallback->kind != EDN_NIL);
}

static void
check_pattern(const DatomPullPattern *pattern)
{
	const DatomPullSpec *specs = pattern->specs;
	int			i;
	int			j;

	PROMISE(pattern->nspecs > 0 || pattern->wildcard);
	PROMISE(pattern->nforward >= 0 && pattern->nforward <= pattern->nspecs);
	for (i = 0; i < pattern->nspecs; i++)
	{
		check_spec(&specs[i]);
		PROMISE(specs[i].reverse == (i >= pattern->nforward));
		PROMISE(i == 0 || i == pattern->nforward ||
				strcmp(specs[i - 1].ident, specs[i].ident) <= 0);
		for (j = 0; j < i; j++)
			PROMISE(specs[i].reverse != specs[j].reverse ||
					strcmp(specs[i].key, specs[j].key) != 0);
		if (specs[i].pattern != NULL)
			check_pattern(specs[i].pattern);
	}
}

/* A message that is cut off would end in the last byte that there is. */
static void
check_error(const EdnError *err)
{
	const char *p;
	int			step;

	PROMISE(strcmp(err->sqlstate, "42601") == 0 || strcmp(err->sqlstate, "22023") == 0 ||
			strcmp(err->sqlstate, "0A000") == 0 || strcmp(err->sqlstate, "54000") == 0);
	PROMISE(strnlen(err->message, sizeof(err->message)) < sizeof(err->message) - 1);
	PROMISE(err->message[0] != '\0');
	check_pos(err->pos);
	for (p = err->message; *p != '\0'; p += step)
	{
		step = datom_edn_utf8_length(p);
		PROMISE(step > 0);
	}
}

static void
check_all(const Edn *form)
{
	EdnError	err;
	DatalogQuery *query = datom_datalog_parse(form, arena_alloc, &err);
	DatalogRules *rules;
	DatalogMessage *message;
	const DatomPullPattern *pattern;

	if (query != NULL)
		check_query(query);
	else
		check_error(&err);
	rules = datom_datalog_parse_rules(form, arena_alloc, &err);
	if (rules != NULL)
		check_rules(rules);
	else
		check_error(&err);
	message = datom_datalog_parse_message(form, arena_alloc, &err);
	if (message != NULL)
		check_message(message);
	else
		check_error(&err);
	pattern = datom_pull_pattern(form, arena_alloc, &err);
	if (pattern != NULL)
		check_pattern(pattern);
	else
		check_error(&err);
	if (message != NULL && message->query->kind != EDN_STRING)
		check_all(message->query);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	EdnError	err;
	Edn		   *form = datom_edn_read((const char *) data, size, arena_alloc, &err);
	size_t		i;

	characters = 0;
	for (i = 0; i < size; i++)
		characters += (data[i] & 0xC0) != 0x80;
	if (form != NULL)
		check_all(form);
	arena_free();
	return 0;
}
