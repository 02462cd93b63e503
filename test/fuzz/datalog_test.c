/*
 * datalog_test.c: unit tests of the parser of Datalog, without a server.
 *
 *	gcc -std=c99 -DDATOM_STANDALONE datalog_test.c datalog_*.c edn.c edn_lex.c \
 *		-o datalog_test
 *
 * A test is a text and what comes of it: the tree, printed, or
 * "SQLSTATE at character: message". Prints what fails and the number of tests;
 * exits non-zero if any failed.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "datalog_parse.h"

typedef struct Case
{
	const char *text;
	const char *expected;
} Case;

static int	passed;
static int	failed;

static char out[1 << 16];
static size_t used;
static bool with_positions;

/* ---- printing trees ---- */

static void print_clauses(DatalogClause **clauses, int n);

static void
say(const char *format,...)
{
	va_list		args;

	va_start(args, format);
	used += vsnprintf(out + used, sizeof(out) - used, format, args);
	va_end(args);
	if (used >= sizeof(out))
		exit(2);
}

static void
say_pos(int pos)
{
	if (with_positions)
		say("@%d", pos);
}

/* Nothing before the first, a blank before the others. */
static void
gap(int i)
{
	if (i > 0)
		say(" ");
}

static void
print_form(const Edn *form)
{
	static const char *const brackets[] = {"()", "[]", "{}", "{}"};
	int			i;

	if (form->kind == EDN_TAGGED)
	{
		say("#%s ", form->text);
		print_form(form->items[0]);
	}
	else if (form->kind >= EDN_LIST)
	{
		say("%s%c", form->kind == EDN_SET ? "#" : "", brackets[form->kind - EDN_LIST][0]);
		for (i = 0; i < form->count; i++)
		{
			gap(i);
			print_form(form->items[i]);
		}
		say("%c", brackets[form->kind - EDN_LIST][1]);
	}
	else if (form->kind == EDN_STRING)
		say("\"%s\"", form->text);
	else
		say("%s%s%s", form->kind == EDN_CHAR ? "\\" : "", form->text,
			form->kind == EDN_BIGINT ? "N" : form->kind == EDN_DECIMAL ? "M" : "");
}

static void
print_term(const DatalogTerm *term)
{
	if (term->kind == TERM_BLANK)
		say("_");
	else if (term->kind == TERM_CONSTANT)
		print_form(term->form);
	else
		say("%s%s", term->kind == TERM_SOURCE ? "source " : "", term->name);
	say_pos(term->pos);
}

static void
print_terms(const DatalogTerm *terms, int n)
{
	int			i;

	for (i = 0; i < n; i++)
	{
		gap(i);
		print_term(&terms[i]);
	}
}

static void
print_binding(const DatalogBinding *binding)
{
	static const char *const names[] = {
		"blank", "scalar", "tuple", "collection", "relation", "source", "rules",
		"pattern"
	};

	say("%s", names[binding->kind]);
	say_pos(binding->pos);
	say("(");
	if (binding->name != NULL)
		say("%s", binding->name);
	print_terms(binding->terms, binding->nterms);
	say(")");
}

static void
print_source(const char *source)
{
	if (source != NULL)
		say("%s ", source);
}

static void
print_vars(const DatalogClause *clause)
{
	if (!clause->join)
		return;
	say("[");
	if (clause->nrequired > 0)
	{
		say("[");
		print_terms(clause->required, clause->nrequired);
		say("]%s", clause->nvars > 0 ? " " : "");
	}
	print_terms(clause->vars, clause->nvars);
	say("] ");
}

static void
print_clause(const DatalogClause *clause)
{
	static const char *const names[] = {
		"pattern", "predicate", "function", "rule", "not", "or", "and"
	};

	say("%s%s", names[clause->kind], clause->join ? "-join" : "");
	say_pos(clause->pos);
	say("(");
	print_source(clause->source);
	if (clause->kind >= CLAUSE_PREDICATE && clause->kind <= CLAUSE_RULE)
	{
		say("%s", clause->name);
		say_pos(clause->name_pos);
		gap(clause->nterms);
	}
	print_terms(clause->terms, clause->nterms);
	print_vars(clause);
	print_clauses(clause->clauses, clause->nclauses);
	say(")");
	if (clause->kind == CLAUSE_FUNCTION)
	{
		say(" to ");
		print_binding(&clause->binding);
	}
}

static void
print_clauses(DatalogClause **clauses, int n)
{
	int			i;

	for (i = 0; i < n; i++)
	{
		gap(i);
		print_clause(clauses[i]);
	}
}

static void
print_element(const DatalogElement *element)
{
	if (element->kind == ELEMENT_VARIABLE)
		print_term(&element->var);
	else if (element->kind == ELEMENT_AGGREGATE)
	{
		say("aggregate");
		say_pos(element->pos);
		say("(%s ", element->name);
		print_terms(element->terms, element->nterms);
		gap(element->nterms);
		print_term(&element->var);
		say(")");
	}
	else
	{
		say("pull");
		say_pos(element->pos);
		say("(");
		print_source(element->source);
		print_term(&element->var);
		say(element->pattern.kind == TERM_VARIABLE ? " named " : " ");
		print_term(&element->pattern);
		say(")");
	}
}

static void
print_sections(const DatalogQuery *query)
{
	static const char *const keys[] = {"", "keys", "strs", "syms"};
	int			i;

	if (query->keys != KEYS_NONE)
		say(" %s", keys[query->keys]);
	for (i = 0; query->keys != KEYS_NONE && i < query->nelements; i++)
		say(" %s", query->key_names[i]);
	if (query->nwith > 0)
		say(" with ");
	print_terms(query->with, query->nwith);
	if (query->has_in)
		say(" in");
	for (i = 0; i < query->nin; i++)
	{
		say(" ");
		print_binding(&query->in[i]);
	}
	if (query->nclauses > 0)
		say(" where ");
	print_clauses(query->clauses, query->nclauses);
	if (query->limit != -1)
		say(" limit %lld", (long long) query->limit);
	if (query->offset != 0)
		say(" offset %lld", (long long) query->offset);
	if (query->timeout != 0)
		say(" timeout %lld", (long long) query->timeout);
}

static void
print_query(const DatalogQuery *query)
{
	static const char *const finds[] = {"rows", "column", "row", "value"};
	int			i;

	say("%s ", finds[query->find]);
	for (i = 0; i < query->nelements; i++)
	{
		gap(i);
		print_element(&query->elements[i]);
	}
	print_sections(query);
}

static void
print_rules(const DatalogRules *rules)
{
	int			i;

	for (i = 0; i < rules->n; i++)
	{
		const DatalogRule *rule = &rules->rules[i];

		gap(i);
		say("%s", rule->name);
		say_pos(rule->pos);
		say("/%d(", rule->nrequired);
		print_terms(rule->vars, rule->nvars);
		say("): ");
		print_clauses(rule->clauses, rule->nclauses);
	}
}

static void
print_message(const DatalogMessage *message)
{
	int			i;

	say("query ");
	print_form(message->query);
	for (i = 0; i < message->nargs; i++)
	{
		say(i == 0 ? " args " : " ");
		print_form(message->args[i]);
	}
	if (message->as_of != NULL)
		say(" as of ");
	if (message->as_of != NULL)
		print_form(message->as_of);
	if (message->sources != NULL)
		say(" sources ");
	if (message->sources != NULL)
		print_form(message->sources);
}

/* ---- running cases ---- */

/* False after an error. */
typedef bool (*Parse) (const Edn *form, EdnError *err);

static bool
parse_query(const Edn *form, EdnError *err)
{
	DatalogQuery *query = datom_datalog_parse(form, arena_alloc, err);

	if (query != NULL)
		print_query(query);
	return query != NULL;
}

static bool
parse_rules(const Edn *form, EdnError *err)
{
	DatalogRules *rules = datom_datalog_parse_rules(form, arena_alloc, err);

	if (rules != NULL)
		print_rules(rules);
	return rules != NULL;
}

static bool
parse_message(const Edn *form, EdnError *err)
{
	DatalogMessage *message = datom_datalog_parse_message(form, arena_alloc, err);

	if (message != NULL)
		print_message(message);
	return message != NULL;
}

static void
check(const char *text, const char *expected, Parse parse)
{
	EdnError	err;
	Edn		   *form = datom_edn_read(text, strlen(text), arena_alloc, &err);

	used = 0;
	out[0] = '\0';
	if (form == NULL || !parse(form, &err))
		say("%s at %d: %s", err.sqlstate, err.pos, err.message);
	if (strcmp(out, expected) == 0)
		passed++;
	else
	{
		failed++;
		printf("failed: %s\n   got: %s\n", text, out);
	}
	arena_free();
}

#define CHECK(cases, parse) \
	check_all(cases, sizeof(cases) / sizeof(cases[0]), parse)

static void
check_all(const Case *cases, int n, Parse parse)
{
	int			i;

	for (i = 0; i < n; i++)
		check(cases[i].text, cases[i].expected, parse);
}

/* ---- queries ---- */

static const Case sections[] = {
	{"[:find ?e]", "rows ?e"},
	{"{:find [?e]}", "rows ?e"},
	{"{:find [?job] :in [?name] :where [[?p :person/name ?name] [?p :person/job ?job]]}",
	"rows ?job in scalar(?name) where pattern(?p :person/name ?name) pattern(?p :person/job ?job)"},
	{"[:find ?e :where [?e :a] :in $ ?x :with ?y :keys e]",
	"rows ?e keys e with ?y in source($) scalar(?x) where pattern(?e :a)"},
	{"[:find ?e :limit 10 :offset 5 :timeout 1000]", "rows ?e limit 10 offset 5 timeout 1000"},
	{"{:find [?e] :limit 0 :offset 0 :timeout 1}", "rows ?e limit 0 timeout 1"},
	{"[:find ?e :in :with :where]", "rows ?e in"},
	{"{:find (?e) :in [] :with [] :where ()}", "rows ?e in"},
	{"[]", "42601 at 1: query without \":find\""},
	{"{}", "42601 at 1: query without \":find\""},
	{"[:where [?e :a]]", "42601 at 1: query without \":find\""},
	{"(:find ?e)", "42601 at 1: a vector or a map expected in place of a query, but found list"},
	{"\"[:find ?e]\"", "42601 at 1: a vector or a map expected in place of a query, but found string"},
	{"[?e :find ?e]", "42601 at 2: a section, such as :find, expected in a query, but found symbol \"?e\""},
	{"{\":find\" [?e]}", "42601 at 2: a section, such as :find, expected in a query, but found string"},
	{"[:find ?e :rules [[]]]", "42601 at 11: section \":rules\" is not one of a query"},
	{"{:find [?e] :wher [[?e :a]]}", "42601 at 13: section \":wher\" is not one of a query"},
	{"[:find ?e :find ?x]", "42601 at 11: section \":find\" stands twice in a query"},
	{"[:find ?e :where [?e :a] :where [?e :b]]", "42601 at 26: section \":where\" stands twice in a query"},
	{"{:find ?e}", "42601 at 8: a vector expected in \":find\", but found symbol \"?e\""},
	{"{:find [?e] :where {:a 1}}", "42601 at 20: a vector expected in \":where\", but found map"},
	{"[:find ?e :limit]", "42601 at 11: \":limit\" takes one number"},
	{"[:find ?e :limit 1 2]", "42601 at 11: \":limit\" takes one number"},
	{"[:find ?e :limit ?n]", "42601 at 18: an integer expected in \":limit\", but found symbol \"?n\""},
	{"{:find [?e] :limit [1]}", "42601 at 20: an integer expected in \":limit\", but found vector"},
	{"{:find [?e] :offset 1.0}", "42601 at 21: an integer expected in \":offset\", but found double"},
	{"[:find ?e :limit -1]", "22023 at 18: \"-1\" is out of range for \":limit\""},
	{"[:find ?e :limit 1N]", "22023 at 18: \"1\" is out of range for \":limit\""},
	{"[:find ?e :offset 9223372036854775808]", "22023 at 19: \"9223372036854775808\" is out of range for \":offset\""},
	{"[:find ?e :offset -1]", "22023 at 19: \"-1\" is out of range for \":offset\""},
	{"[:find ?e :timeout 0]", "22023 at 20: \"0\" is out of range for \":timeout\""},
	{"[:find ?e :with ?x 1]", "42601 at 20: a variable expected in \":with\", but found integer"},
	{"[:find ?e :with _]", "42601 at 17: a variable expected in \":with\", but found symbol \"_\""},
	{"[:find ?e :with ?x ?y ?x]", "42601 at 23: variable \"?x\" stands twice in \":with\""},
	{"[:find ?e :with ?]", "42601 at 17: a variable expected in \":with\", but found symbol \"?\""},
	{"[:find ?e :where [\xc3\xa9 \xd1\x8f]]", "42601 at 19: a variable, a constant or \"_\" expected in a pattern, but found symbol \"\xc3\xa9\""},
};

static const Case finds[] = {
	{"[:find ?a ?b]", "rows ?a ?b"},
	{"[:find ?a .]", "value ?a"},
	{"[:find [?a ...]]", "column ?a"},
	{"[:find [?a ?b]]", "row ?a ?b"},
	{"[:find [?a]]", "row ?a"},
	{"{:find [[?a ...]]}", "column ?a"},
	{"{:find [[?a ?b]]}", "row ?a ?b"},
	{"{:find [?a .]}", "value ?a"},
	{"[:find (count ?a) .]", "value aggregate(count ?a)"},
	{"[:find [(sum ?a) ...]]", "column aggregate(sum ?a)"},
	{"[:find ?name (max ?amount)]", "rows ?name aggregate(max ?amount)"},
	{"[:find (min 3 ?a) (rand ?n ?a) (my.schema/agg $ \"x\" :k ?a)]",
	"rows aggregate(min 3 ?a) aggregate(rand ?n ?a) aggregate(my.schema/agg source $ \"x\" :k ?a)"},
	{"[:find (pull ?e [*]) (pull $pur ?e [:a {:b [:c]}]) (pull ?e p)]",
	"rows pull(?e [*]) pull($pur ?e [:a {:b [:c]}]) pull(?e named p)"},
	{"[:find ?a ?b :keys a b]", "rows ?a ?b keys a b"},
	{"[:find [?a ?b] :strs a x/b]", "row ?a ?b strs a x/b"},
	{"[:find ?a :syms a]", "rows ?a syms a"},
	{"[:find ?a ?b :keys ?a $]", "rows ?a ?b keys ?a $"},
	{"[:find :where [?e :a]]", "42601 at 2: nothing to find in \":find\""},
	{"{:find []}", "42601 at 8: nothing to find in \":find\""},
	{"[:find []]", "42601 at 8: nothing to find in \":find\""},
	{"[:find [...]]", "42601 at 9: a variable, an aggregate or a pull expected in \":find\", but found symbol \"...\""},
	{"[:find .]", "42601 at 8: a variable, an aggregate or a pull expected in \":find\", but found symbol \".\""},
	{"[:find ?a ?b .]", "42601 at 14: a variable, an aggregate or a pull expected in \":find\", but found symbol \".\""},
	{"[:find [?a ?b ...]]", "42601 at 15: a variable, an aggregate or a pull expected in \":find\", but found symbol \"...\""},
	{"[:find ?a [?b ...]]", "42601 at 11: a variable, an aggregate or a pull expected in \":find\", but found vector"},
	{"[:find [?a ...] .]", "42601 at 8: a variable, an aggregate or a pull expected in \":find\", but found vector"},
	{"[:find _]", "42601 at 8: a variable, an aggregate or a pull expected in \":find\", but found symbol \"_\""},
	{"[:find 1]", "42601 at 8: a variable, an aggregate or a pull expected in \":find\", but found integer"},
	{"[:find ()]", "42601 at 8: aggregate without a name"},
	{"[:find (?f ?a)]", "42601 at 9: the name of an aggregate or \"pull\" expected in \":find\", but found symbol \"?f\""},
	{"[:find (:k ?a)]", "42601 at 9: the name of an aggregate or \"pull\" expected in \":find\", but found keyword \":k\""},
	{"[:find (count)]", "42601 at 8: no variable in aggregate \"count\""},
	{"[:find (count 1)]", "42601 at 15: a variable expected in aggregate \"count\", but found integer"},
	{"[:find (count _)]", "42601 at 15: a variable expected in aggregate \"count\", but found symbol \"_\""},
	{"[:find (min _ ?a)]", "42601 at 13: a variable, a source or a constant expected in aggregate \"min\", but found symbol \"_\""},
	{"[:find (sum (count ?a) ?b)]", "42601 at 13: nested call in aggregate \"sum\""},
	{"[:find (pull ?e)]", "42601 at 8: \"pull\" takes a variable and a pattern"},
	{"[:find (pull)]", "42601 at 8: \"pull\" takes a variable and a pattern"},
	{"[:find (pull $ ?e)]", "42601 at 8: \"pull\" takes a variable and a pattern"},
	{"[:find (pull ?e [*] [*])]", "42601 at 8: \"pull\" takes a variable and a pattern"},
	{"[:find (pull [*] ?e)]", "42601 at 14: a variable expected in \"pull\", but found vector"},
	{"[:find (pull ?e ?p)]", "42601 at 17: a pattern expected in \"pull\", but found symbol \"?p\""},
	{"[:find (pull ?e \"[*]\")]", "42601 at 17: a pattern expected in \"pull\", but found string"},
	{"[:find ?a ?b :keys a]", "42601 at 14: \":keys\" has 1 keys for 2 elements of \":find\""},
	{"[:find ?a :keys]", "42601 at 11: \":keys\" has 0 keys for 1 elements of \":find\""},
	{"[:find ?a ?b :strs a a]", "42601 at 22: key \"a\" stands twice in \":strs\""},
	{"{:find [?a] :keys [:a]}", "42601 at 20: a symbol expected in \":keys\", but found keyword \":a\""},
	{"[:find ?a :keys \"a\"]", "42601 at 17: a symbol expected in \":keys\", but found string"},
	{"[:find [?a ...] :keys a]", "42601 at 17: \":keys\" needs rows, but \":find\" asks for single values"},
	{"[:find ?a . :syms a]", "42601 at 13: \":syms\" needs rows, but \":find\" asks for single values"},
	{"[:find ?a :syms a :keys a]", "42601 at 11: \":keys\" and \":syms\" exclude each other"},
};

static const Case inputs[] = {
	{"[:find ?a :in $ $pur % ?x _ [?b _ ?c] [?d ...] [[?f ?g]] p]",
	"rows ?a in source($) source($pur) rules(%) scalar(?x) blank(_) tuple(?b _ ?c) collection(?d) relation(?f ?g) pattern(p)"},
	{"[:find ?a :in [_ ...] [_ _] [[_]]]", "rows ?a in collection(_) tuple(_ _) relation(_)"},
	{"[:find ?a :in ?shard-index ?x/y]", "rows ?a in scalar(?shard-index) scalar(?x/y)"},
	{"[:find ?a :in ?x ?x]", "42601 at 18: \"?x\" stands twice in \":in\""},
	{"[:find ?a :in ?x [?y ?x]]", "42601 at 22: \"?x\" stands twice in \":in\""},
	{"[:find ?a :in [?y ?y]]", "42601 at 19: \"?y\" stands twice in \":in\""},
	{"[:find ?a :in [[?y _ ?z]] [?z ...]]", "42601 at 28: \"?z\" stands twice in \":in\""},
	{"[:find ?a :in $ $]", "42601 at 17: \"$\" stands twice in \":in\""},
	{"[:find ?a :in $a % $b %]", "42601 at 23: \"%\" stands twice in \":in\""},
	{"[:find ?a :in p q p]", "42601 at 19: \"p\" stands twice in \":in\""},
	{"[:find ?a :in 1]", "42601 at 15: ?x, _, [?x _], [?x ...] or [[?x _]] expected in \":in\", but found integer"},
	{"[:find ?a :in ?]", "42601 at 15: ?x, _, [?x _], [?x ...] or [[?x _]] expected in \":in\", but found symbol \"?\""},
	{"[:find ?a :in (?x)]", "42601 at 15: ?x, _, [?x _], [?x ...] or [[?x _]] expected in \":in\", but found list"},
	{"[:find ?a :in []]", "42601 at 15: no variables in \":in\""},
	{"[:find ?a :in [[]]]", "42601 at 16: no variables in \":in\""},
	{"[:find ?a :in [...]]", "42601 at 16: ?x, _, [?x _], [?x ...] or [[?x _]] expected in \":in\", but found symbol \"...\""},
	{"[:find ?a :in [?x ?y ...]]", "42601 at 22: ?x, _, [?x _], [?x ...] or [[?x _]] expected in \":in\", but found symbol \"...\""},
	{"[:find ?a :in [?x [?y]]]", "42601 at 19: ?x, _, [?x _], [?x ...] or [[?x _]] expected in \":in\", but found vector"},
	{"[:find ?a :in [[?x] ...]]", "42601 at 16: ?x, _, [?x _], [?x ...] or [[?x _]] expected in \":in\", but found vector"},
	{"[:find ?a :in [[[?x]]]]", "42601 at 17: ?x, _, [?x _], [?x ...] or [[?x _]] expected in \":in\", but found vector"},
	{"[:find ?a :in [$x]]", "42601 at 16: ?x, _, [?x _], [?x ...] or [[?x _]] expected in \":in\", but found symbol \"$x\""},
};

/* The query is one clause. */
static const Case clauses[] = {
	{"[?e :a ?v]", "pattern(?e :a ?v)"},
	{"[?e]", "pattern(?e)"},
	{"[?e ?a ?v ?tx ?op]", "pattern(?e ?a ?v ?tx ?op)"},
	{"[$pur _ :a \"x\" _ true]", "pattern($pur _ :a \"x\" _ true)"},
	{"[[:a \"x\"] :b [:c 1]]", "pattern([:a \"x\"] :b [:c 1])"},
	{"[17 :a 1.5 #inst \"2014\"]", "pattern(17 :a 1.5 #inst \"2014\")"},
	{"[?e :a 10.5M]", "pattern(?e :a 10.5M)"},
	{"[]", "42601 at 1: pattern without terms"},
	{"[$]", "42601 at 1: pattern without terms"},
	{"[?a ?b ?c ?d ?e ?f]", "42601 at 17: more than 5 terms in a pattern"},
	{"[$ ?a ?b ?c ?d ?e ?f]", "42601 at 19: more than 5 terms in a pattern"},
	{"[?e $ ?v]", "42601 at 5: a variable, a constant or \"_\" expected in a pattern, but found symbol \"$\""},
	{"[?e foo ?v]", "42601 at 5: a variable, a constant or \"_\" expected in a pattern, but found symbol \"foo\""},
	{"[not [?e :a]]", "42601 at 2: a variable, a constant or \"_\" expected in a pattern, but found symbol \"not\""},
	{"[% ?e]", "42601 at 2: a variable, a constant or \"_\" expected in a pattern, but found symbol \"%\""},
	{"[?e :a (f)]", "42601 at 8: a variable, a constant or \"_\" expected in a pattern, but found list"},
	{"[?e :a {:b 1}]", "42601 at 8: a variable, a constant or \"_\" expected in a pattern, but found map"},
	{"[?e :a #{1}]", "42601 at 8: a variable, a constant or \"_\" expected in a pattern, but found set"},
	{"[$ (f ?x)]", "42601 at 4: a variable, a constant or \"_\" expected in a pattern, but found list"},

	{"[(< ?a 3)]", "predicate(< ?a 3)"},
	{"[(f)]", "predicate(f)"},
	{"[(/ ?a 2) ?b]", "function(/ ?a 2) to scalar(?b)"},
	{"[(- 10 ?a) ?b]", "function(- 10 ?a) to scalar(?b)"},
	{"[(!= ?a ?b)]", "predicate(!= ?a ?b)"},
	{"[(my.schema/fn ?a \"x\" :k nil) ?b]", "function(my.schema/fn ?a \"x\" :k nil) to scalar(?b)"},
	{"[(get-else $ ?e :a \"none\") ?v]", "function(get-else source $ ?e :a \"none\") to scalar(?v)"},
	{"[(missing? $pur ?e :a)]", "predicate(missing? source $pur ?e :a)"},
	{"[(ground [1 2]) [?x ...]]", "function(ground [1 2]) to collection(?x)"},
	{"[(ground [[1 2]]) [[?x _]]]", "function(ground [[1 2]]) to relation(?x _)"},
	{"[(ground #{1}) ?s]", "function(ground #{1}) to scalar(?s)"},
	{"[(untuple ?t) [?a ?a]]", "function(untuple ?t) to tuple(?a ?a)"},
	{"[(f ?x) _]", "function(f ?x) to blank(_)"},
	{"[()]", "42601 at 2: call without a function"},
	{"[(?f 1)]", "0A000 at 3: calling the function in variable \"?f\" is not supported"},
	{"[(1 2)]", "42601 at 3: a function expected in a call, but found integer"},
	{"[($ f 2)]", "42601 at 3: a function expected in a call, but found symbol \"$\""},
	{"[(:k ?m)]", "42601 at 3: a function expected in a call, but found keyword \":k\""},
	{"[(f _)]", "42601 at 5: a variable, a source or a constant expected in function \"f\", but found symbol \"_\""},
	{"[(f x)]", "42601 at 5: a variable, a source or a constant expected in function \"f\", but found symbol \"x\""},
	{"[(f ?)]", "42601 at 5: a variable, a source or a constant expected in function \"f\", but found symbol \"?\""},
	{"[(f %)]", "42601 at 5: a variable, a source or a constant expected in function \"f\", but found symbol \"%\""},
	{"[(< (+ ?a 1) 3)]", "42601 at 5: nested call in function \"<\""},
	{"[(f) ?a ?b]", "42601 at 9: more than one binding for function \"f\""},
	{"[(f) 1]", "42601 at 6: ?x, _, [?x _], [?x ...] or [[?x _]] expected in function \"f\", but found integer"},
	{"[(f) $]", "42601 at 6: ?x, _, [?x _], [?x ...] or [[?x _]] expected in function \"f\", but found symbol \"$\""},
	{"[(f) p]", "42601 at 6: ?x, _, [?x _], [?x ...] or [[?x _]] expected in function \"f\", but found symbol \"p\""},
	{"[(f) []]", "42601 at 6: no variables in function \"f\""},
	{"[(f) [?a [?b]]]", "42601 at 10: ?x, _, [?x _], [?x ...] or [[?x _]] expected in function \"f\", but found vector"},

	{"(friend ?a ?b)", "rule(friend ?a ?b)"},
	{"($pur friend _ \"x\" 3 [:a 1])", "rule($pur friend _ \"x\" 3 [:a 1])"},
	{"(friend)", "42601 at 1: rule \"friend\" without arguments"},
	{"(friend $ ?a)", "42601 at 9: a variable, a constant or \"_\" expected in rule \"friend\", but found symbol \"$\""},
	{"(friend (f))", "42601 at 9: a variable, a constant or \"_\" expected in rule \"friend\", but found list"},
	{"()", "42601 at 1: clause without a name"},
	{"($)", "42601 at 1: clause without a name"},
	{"(?f ?a)", "42601 at 2: the name of a rule, \"not\" or \"or\" expected in a clause, but found symbol \"?f\""},
	{"([?e :a])", "42601 at 2: the name of a rule, \"not\" or \"or\" expected in a clause, but found vector"},
	{"($ $ not [?e])", "42601 at 4: the name of a rule, \"not\" or \"or\" expected in a clause, but found symbol \"$\""},

	{"(not [?e :a])", "not(pattern(?e :a))"},
	{"(not [?e :a] (not [(< ?e 1)]))", "not(pattern(?e :a) not(predicate(< ?e 1)))"},
	{"($pur not [?e :a])", "not($pur pattern(?e :a))"},
	{"(not-join [?a ?b] [?a :x ?b])", "not-join([?a ?b] pattern(?a :x ?b))"},
	{"($ not-join [?a] [?a :x])", "not-join($ [?a] pattern(?a :x))"},
	{"(or [?e :a] [?e :b])", "or(pattern(?e :a) pattern(?e :b))"},
	{"(or (and [?e :a] [?e :b]) (r ?e))", "or(and(pattern(?e :a) pattern(?e :b)) rule(r ?e))"},
	{"($s or [?e :a])", "or($s pattern(?e :a))"},
	{"(or-join [?a] (and [?a :x ?b] [?b :y]))", "or-join([?a] and(pattern(?a :x ?b) pattern(?b :y)))"},
	{"(or-join [[?a ?b] ?c] [?a ?b ?c])", "or-join([[?a ?b] ?c] pattern(?a ?b ?c))"},
	{"($s or-join [[?a]] [?a])", "or-join($s [[?a]] pattern(?a))"},
	{"(or (and (or [?e :a])))", "or(and(or(pattern(?e :a))))"},
	{"(not)", "42601 at 1: no clauses in \"not\""},
	{"($ or)", "42601 at 1: no clauses in \"or\""},
	{"(or (and))", "42601 at 5: no clauses in \"and\""},
	{"(not-join [?a])", "42601 at 1: no clauses in \"not-join\""},
	{"(or-join [?a])", "42601 at 1: no clauses in \"or-join\""},
	{"(not-join)", "42601 at 1: no variables in \"not-join\""},
	{"(not-join [] [?e])", "42601 at 11: no variables in \"not-join\""},
	{"(or-join [] [?e])", "42601 at 10: no variables in \"or-join\""},
	{"(or-join [[]] [?e])", "42601 at 11: no variables in \"or-join\""},
	{"(or-join [[] ?a] [?e])", "42601 at 11: no variables in \"or-join\""},
	{"(not-join ?a [?a])", "42601 at 11: a vector of variables expected in \"not-join\", but found symbol \"?a\""},
	{"(or-join ([?a]) [?a])", "42601 at 10: a vector of variables expected in \"or-join\", but found list"},
	{"(not-join [_] [?a])", "42601 at 12: a variable expected in \"not-join\", but found symbol \"_\""},
	{"(not-join [[?a]] [?a])", "42601 at 12: a variable expected in \"not-join\", but found vector"},
	{"(or-join [?b [?a]] [?a])", "42601 at 14: a variable expected in \"or-join\", but found vector"},
	{"(not-join [?a ?a] [?a])", "42601 at 15: variable \"?a\" stands twice in \"not-join\""},
	{"(or-join [[?a] ?a] [?a])", "42601 at 16: variable \"?a\" stands twice in \"or-join\""},
	{"(and [?a])", "42601 at 1: \"and\" stands outside of \"or\" and \"or-join\""},
	{"(not (and [?a]))", "42601 at 6: \"and\" stands outside of \"or\" and \"or-join\""},
	{"(or (and (and [?a])))", "42601 at 10: \"and\" stands outside of \"or\" and \"or-join\""},
	{"(or ($ and [?a]))", "42601 at 5: \"and\" takes no source"},
	{"(not :a)", "42601 at 6: a vector or a list expected in place of a clause, but found keyword \":a\""},
	{"?e", "42601 at 1: a vector or a list expected in place of a clause, but found symbol \"?e\""},
	{"\"[?e]\"", "42601 at 1: a vector or a list expected in place of a clause, but found string"},
	{"{:a 1}", "42601 at 1: a vector or a list expected in place of a clause, but found map"},
};

/* Names are clipped, not in the middle of a character. */
static const Case clipped[] = {
	{"[:find ?e :with 012345678901234567890123456789012345678901234567890]",
	"22P02 at 17: invalid number \"012345678901234567890123456789012345678901234567890\""},
	{"[:find ?e :with abcdefghijabcdefghijabcdefghijk]",
	"42601 at 17: a variable expected in \":with\", but found symbol \"abcdefghijabcdefghijabcdefghij...\""},
	{"[:find ?e :with abcdefghijabcdefghijabcdefghi\xd1\x8f]",
	"42601 at 17: a variable expected in \":with\", but found symbol \"abcdefghijabcdefghijabcdefghi...\""},
	{"[:find ?e :where [(abcdefghijabcdefghijabcdefghijk abcdefghijabcdefghijabcdefghijk)]]",
	"42601 at 52: a variable, a source or a constant expected in function \"abcdefghijabcdefghijabcdefghij...\", "
	"but found symbol \"abcdefghijabcdefghijabcdefghij...\""},
	{"[:find ?e :where [(abcdefghijabcdefghijabcdefghijk) #abcdefghijabcdefghijabcdefghijk 1]]",
	"42601 at 53: ?x, _, [?x _], [?x ...] or [[?x _]] expected in function \"abcdefghijabcdefghijabcdefghij...\", "
	"but found tagged form \"abcdefghijabcdefghijabcdefghij...\""},
};

static const Case positions[] = {
	{"[:find ?a (count  ?b) (pull $ ?e [*]) :in $ [?x _]\n :where [$ ?a :x \"\xd1\x8f\"] [(+ ?a 1) [?b ...]] (or (r ?a))]",
	"rows ?a@8 aggregate@11(count ?b@19) pull@23($ ?e@31 [*]@34) in source@43($) tuple@45(?x@46 _@49) "
	"where pattern@60($ ?a@63 :x@66 \"\xd1\x8f\"@69) function@74(+@76 ?a@78 1@81) to collection@84(?b@85) "
	"or@94(rule@98(r@99 ?a@101))"},
};

static const Case rules[] = {
	{"[]", ""},
	{"[[(r ?x) [?x :a]]]", "r/0(?x): pattern(?x :a)"},
	{"[[(r [?x] ?y) [?x :a ?y] (s ?y)] [(s ?y) (not [?y :b])]]",
	"r/1(?x ?y): pattern(?x :a ?y) rule(s ?y) s/0(?y): not(pattern(?y :b))"},
	{"[[(r [?x ?y]) [?x :a ?y]] [(r [?b ?a]) [?a :b ?b]]]",
	"r/2(?x ?y): pattern(?x :a ?y) r/2(?b ?a): pattern(?a :b ?b)"},
	{"[[(a.b/r ?x) (a.b/r ?x)]]", "a.b/r/0(?x): rule(a.b/r ?x)"},
	{"([(r ?x) [?x]])", "42601 at 1: a vector expected in place of rules, but found list"},
	{"[(r ?x)]", "42601 at 2: a rule, such as [(name ?x) [?x]], expected in rules, but found list"},
	{"[[]]", "42601 at 2: rule without a head"},
	{"[[[r ?x] [?x]]]", "42601 at 3: a head, such as (name ?x), expected in a rule, but found vector"},
	{"[[() [?x]]]", "42601 at 3: rule without a name"},
	{"[[(?r ?x) [?x]]]", "42601 at 4: a name expected in the head of a rule, but found symbol \"?r\""},
	{"[[($ r ?x) [?x]]]", "42601 at 4: a name expected in the head of a rule, but found symbol \"$\""},
	{"[[(\"r\" ?x) [?x]]]", "42601 at 4: a name expected in the head of a rule, but found string"},
	{"[[(not ?x) [?x]]]", "42601 at 4: no rule can be named \"not\""},
	{"[[(or-join ?x) [?x]]]", "42601 at 4: no rule can be named \"or-join\""},
	{"[[(and ?x) [?x]]]", "42601 at 4: no rule can be named \"and\""},
	{"[[(r) [?x]]]", "42601 at 3: no variables in the head of rule \"r\""},
	{"[[(r []) [?x]]]", "42601 at 6: no variables in the head of rule \"r\""},
	{"[[(r 1) [?x]]]", "42601 at 6: a variable expected in the head of rule \"r\", but found integer"},
	{"[[(r _) [?x]]]", "42601 at 6: a variable expected in the head of rule \"r\", but found symbol \"_\""},
	{"[[(r ?x ?x) [?x]]]", "42601 at 9: variable \"?x\" stands twice in the head of rule \"r\""},
	{"[[(r [?y ?x] ?x) [?x]]]", "42601 at 14: variable \"?x\" stands twice in the head of rule \"r\""},
	{"[[(r ?x)]]", "42601 at 2: no clauses in rule \"r\""},
	{"[[(r ?x) ?x]]", "42601 at 10: a vector or a list expected in place of a clause, but found symbol \"?x\""},
	{"[[(r ?x) [?x]] [(s ?x) [?x]] [(r ?x ?y) [?x _ ?y]]]",
	"42601 at 30: rule \"r\" has 2 variables here, but 1 at character 2"},
	{"[[(r ?x) (s ?x)] [(s ?x ?y) [?x _ ?y]]]", "42601 at 10: rule \"s\" has 2 arguments, not 1"},
	{"[[(r ?x) [?x] (not [?x] (or (r ?x ?x) [?x]))]]", "42601 at 29: rule \"r\" has 1 arguments, not 2"},
	{"[[(r ?x) (s ?x)]]", "r/0(?x): rule(s ?x)"},
	{"[[(r ?x ?y) [?x _ ?y]] [(r [?x] ?y) [?x _ ?y]]]",
	"42601 at 24: rule \"r\" requires 1 variables here, but 0 at character 2"},
};

static const Case messages[] = {
	{"{:query [:find ?e]}", "query [:find ?e]"},
	{"{:as-of #inst \"2014-11-15T13:37:42Z\" :args [\"pur-8\" [1]] :query {:find [?e]} :sources {$pur \"p\"}}",
	"query {:find [?e]} args \"pur-8\" [1] as of #inst \"2014-11-15T13:37:42Z\" sources {$pur \"p\"}"},
	{"{:query \"[:find ?e]\" :args [] :as-of 17}", "query \"[:find ?e]\" as of 17"},
	{"{:query [] :as-of \"2014-11-15\"}", "query [] as of \"2014-11-15\""},
	{"[:query []]", "42601 at 1: a map expected in place of a message, but found vector"},
	{"{}", "42601 at 1: message without \":query\""},
	{"{:query 1}", "42601 at 9: a vector, a map or a string expected in \":query\", but found integer"},
	{"{:query [] :limit 1}", "42601 at 12: key \":limit\" is not one of a message"},
	{"{\"query\" []}", "42601 at 2: a keyword expected in a message, but found string"},
	{"{:query [] :args {:a 1}}", "42601 at 18: a vector expected in \":args\", but found map"},
	{"{:query [] :args nil}", "42601 at 18: a vector expected in \":args\", but found nil"},
	{"{:query [] :as-of nil}", "42601 at 19: an #inst, a string or a transaction expected in \":as-of\", but found nil"},
	{"{:query [] :as-of #date \"2014-11-15\"}",
	"42601 at 19: an #inst, a string or a transaction expected in \":as-of\", but found tagged form \"date\""},
	{"{:query [] :sources [$pur]}", "42601 at 21: a map expected in \":sources\", but found vector"},
};

/* Puts each clause into a query, where it stands at character 19. */
static void
check_clauses(void)
{
	size_t		i;

	for (i = 0; i < sizeof(clauses) / sizeof(clauses[0]); i++)
	{
		const char *expected = clauses[i].expected;
		char		text[1024];
		char		result[1024];
		int			pos;
		int			len = 0;

		snprintf(text, sizeof(text), "[:find ?e :where  %s]", clauses[i].text);
		snprintf(result, sizeof(result), "rows ?e where %s", expected);
		if (sscanf(expected, "%*5s at %d%n", &pos, &len) == 1 && len > 0)
			snprintf(result, sizeof(result), "%.5s at %d%s", expected, pos + 18,
					 expected + len);
		check(text, result, parse_query);
	}
}

/* ---- limits ---- */

/* Some text, some text often, and some more. */
static char *
repeat(const char *head, const char *unit, int n, const char *tail)
{
	size_t		len = strlen(unit);
	char	   *text = arena_alloc(strlen(head) + len * n + strlen(tail) + 1);
	char	   *to = text + sprintf(text, "%s", head);

	for (; n > 0; n--, to += len)
		memcpy(to, unit, len);
	strcpy(to, tail);
	return text;
}

static char *
numbered(const char *head, const char *format, int n, const char *tail)
{
	char	   *text = arena_alloc(strlen(head) + n * (strlen(format) + 16) + strlen(tail) + 1);
	char	   *to = text + sprintf(text, "%s", head);
	int			i;

	for (i = 0; i < n; i++)
		to += sprintf(to, format, i, i);
	strcpy(to, tail);
	return text;
}

static void
check_state(const char *what, const char *text, Parse parse, const char *expected)
{
	EdnError	err = {NULL, "", 0};
	Edn		   *form = datom_edn_read(text, strlen(text), arena_alloc, &err);
	char		got[256] = "good";

	if (form == NULL || (parse == parse_query ?
						 datom_datalog_parse(form, arena_alloc, &err) == NULL :
						 datom_datalog_parse_rules(form, arena_alloc, &err) == NULL))
		snprintf(got, sizeof(got), "%s at %d: %s", err.sqlstate, err.pos, err.message);
	if (strcmp(got, expected) == 0)
		passed++;
	else
	{
		failed++;
		printf("failed: %s\n   got: %s\n", what, got);
	}
	arena_free();
}

static void
check_limits(void)
{
	check_state("1000 clauses", repeat("[:find ?e :where ", "[?e]", 1000, "]"), parse_query, "good");
	check_state("1001 clauses", repeat("[:find ?e :where ", "[?e]", 1001, "]"), parse_query,
				"54000 at 4018: more than 1000 clauses");
	check_state("1001 clauses in not", repeat("[:find ?e :where (not ", "[?e]", 1000, ")]"), parse_query,
				"54000 at 4019: more than 1000 clauses");
	check_state("10^6 clauses", repeat("[:find ?e :where ", "[?e]", 1000000, "]"), parse_query,
				"54000 at 4018: more than 1000 clauses");
	check_state("200 variables", numbered("[:find ?e :with ", "?%d ", 200, "]"), parse_query, "good");
	check_state("201 variables", numbered("[:find ?e :with ", "?%d ", 201, "]"), parse_query,
				"54000 at 907: more than 200 terms in \":with\"");
	check_state("200 elements", repeat("[:find ", "?e ", 200, "]"), parse_query, "good");
	check_state("201 elements", repeat("[:find ", "?e ", 201, "]"), parse_query,
				"54000 at 608: more than 200 terms in \":find\"");
	check_state("201 inputs", repeat("[:find ?e :in ", "_ ", 201, "]"), parse_query,
				"54000 at 415: more than 200 terms in \":in\"");
	check_state("1001 variables of inputs", repeat("[:find ?e :in [", "_ ", 200, repeat("] [", "_ ", 200,
				repeat("] [", "_ ", 200, repeat("] [", "_ ", 200, repeat("] [", "_ ", 200, "] ?x]"))))), parse_query,
				"54000 at 2030: more than 1000 variables in \":in\"");
	check_state("201 arguments", repeat("[:find ?e :where [(f ", "1 ", 201, ")]]"), parse_query,
				"54000 at 422: more than 200 terms in function \"f\"");
	check_state("a vector of 10^6 is a constant", repeat("[:find ?e :where [(ground [", "1 ", 1000000, "]) [?e ...]]]"),
				parse_query, "good");
	check_state("990 times not", repeat("[:find ?e :where ", "(not ", 990, repeat("[?e]", ")", 990, "]")), parse_query, "good");
	check_state("1000 rules", numbered("[", "[(r%d ?x) [?x %d]]", 1000, "]"), parse_rules, "good");
	check_state("1000 bodies", repeat("[", "[(r ?x) [?x]]", 1000, "]"), parse_rules, "good");
	check_state("1001 rules", repeat("[", "[(r ?x) [?x]]", 1001, "]"), parse_rules,
				"54000 at 13002: more than 1000 rules");
	check_state("1001 clauses in rules", repeat("[[(s ?x) [?x] [?x]]", "[(r ?x) [?x]]", 999, "]"), parse_rules,
				"54000 at 13002: more than 1000 clauses");
}

int
main(void)
{
	CHECK(sections, parse_query);
	CHECK(finds, parse_query);
	CHECK(inputs, parse_query);
	check_clauses();
	CHECK(clipped, parse_query);
	with_positions = true;
	CHECK(positions, parse_query);
	with_positions = false;
	CHECK(rules, parse_rules);
	CHECK(messages, parse_message);
	check_limits();
	printf("%d passed, %d failed\n", passed, failed);
	return failed > 0;
}
