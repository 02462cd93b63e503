/*
 * Queries and messages of Datalog, from forms to trees.
 *
 * The grammar stands above the functions that parse it; what stands behind
 * :where is datalog_where.c's. A query is taken apart into its sections first,
 * so that a vector and a map are parsed alike.
 */
#ifndef DATOM_STANDALONE
#include "postgres.h"
#endif

#include <string.h>

#include "datalog_where.h"
#include "datalog_parse.h"

/* Sections of a query. */
typedef enum Section
{
	SECTION_FIND,
	SECTION_KEYS,				/* as DatalogKeys */
	SECTION_STRS,
	SECTION_SYMS,
	SECTION_WITH,
	SECTION_IN,
	SECTION_WHERE,
	SECTION_LIMIT,
	SECTION_OFFSET,
	SECTION_TIMEOUT,
	NSECTIONS
} Section;

static const char *const section_names[] = {
	":find", ":keys", ":strs", ":syms", ":with", ":in", ":where",
	":limit", ":offset", ":timeout"
};

/* What is said in each section, whose keyword is NULL if it is not there. */
typedef struct Sections
{
	const Edn  *keyword[NSECTIONS];
	DatalogForms forms[NSECTIONS];
} Sections;

/*
 * Find
 */

/*
 * pull = "(" "pull" source? variable ( pattern | name ) ")"
 *
 * The pattern is a vector, left to the parser of patterns, or named in :in.
 */
static void
parse_pull(DatalogParser *p, DatalogForms forms, DatalogElement *element)
{
	const Edn  *pattern;

	element->kind = ELEMENT_PULL;
	if (forms.n > 0 && datom_datalog_is_source(forms.items[0]))
	{
		element->source = forms.items[0]->text;
		forms = datom_datalog_rest(forms, 1);
	}
	if (forms.n != 2)
		datom_datalog_reject(p, element->pos, "42601",
							 "\"pull\" takes a variable and a pattern");
	element->var = datom_datalog_variable(p, forms.items[0], "\"pull\"");
	pattern = forms.items[1];
	element->pattern.pos = pattern->pos;
	element->pattern.kind = TERM_CONSTANT;
	if (pattern->kind == EDN_VECTOR)
		element->pattern.form = pattern;
	else if (datom_datalog_is_name(pattern))
	{
		element->pattern.kind = TERM_VARIABLE;
		element->pattern.name = pattern->text;
	}
	else
		datom_datalog_expected(p, pattern, "a pattern", "\"pull\"");
}

/* aggregate = "(" name argument* variable ")" */
static void
parse_aggregate(DatalogParser *p, const char *name, DatalogForms forms,
				DatalogElement *element)
{
	const char *where = datom_datalog_named(p, "aggregate", name);

	element->kind = ELEMENT_AGGREGATE;
	element->name = name;
	if (forms.n == 0)
		datom_datalog_reject(p, element->pos, "42601", "no variable in %s", where);
	forms.n--;
	element->var = datom_datalog_variable(p, forms.items[forms.n], where);
	element->nterms = forms.n;
	element->terms = datom_datalog_arguments(p, forms, where);
}

/* element = variable | pull | aggregate */
static void
parse_element(DatalogParser *p, const Edn *form, DatalogElement *element)
{
	DatalogForms forms = datom_datalog_items(form);
	const Edn  *name;

	element->pos = form->pos;
	if (form->kind != EDN_LIST)
	{
		if (!datom_datalog_is_variable(form))
			datom_datalog_expected(p, form, "a variable, an aggregate or a pull",
								   "\":find\"");
		element->kind = ELEMENT_VARIABLE;
		element->var = datom_datalog_variable(p, form, "\":find\"");
		return;
	}
	if (forms.n == 0)
		datom_datalog_reject(p, form->pos, "42601", "aggregate without a name");
	name = forms.items[0];
	if (!datom_datalog_is_name(name))
		datom_datalog_expected(p, name, "the name of an aggregate or \"pull\"",
							   "\":find\"");
	forms = datom_datalog_rest(forms, 1);
	if (datom_datalog_is_symbol(name, "pull"))
		parse_pull(p, forms, element);
	else
		parse_aggregate(p, name->text, forms, element);
}

/*
 * find = element+ | element "." | "[" element "..." "]" | "[" element+ "]"
 *
 * Rows; the one value of the first; a column; the first row.
 */
static void
parse_find(DatalogParser *p, DatalogForms forms, DatalogQuery *query)
{
	int			i;

	query->find = FIND_RELATION;
	if (forms.n == 2 && datom_datalog_is_symbol(forms.items[1], "."))
		query->find = FIND_SCALAR;
	else if (forms.n == 1 && forms.items[0]->kind == EDN_VECTOR)
	{
		forms = datom_datalog_items(forms.items[0]);
		query->find = FIND_TUPLE;
		if (forms.n == 2 && datom_datalog_is_symbol(forms.items[1], "..."))
			query->find = FIND_COLLECTION;
	}
	if (query->find == FIND_SCALAR || query->find == FIND_COLLECTION)
		forms.n = 1;
	if (forms.n == 0)
		datom_datalog_reject(p, forms.pos, "42601", "nothing to find in \":find\"");
	if (forms.n > DATALOG_MAX_TERMS)
		datom_datalog_reject(p, forms.items[DATALOG_MAX_TERMS]->pos, "54000",
							 "more than %d terms in \":find\"", DATALOG_MAX_TERMS);
	query->nelements = forms.n;
	query->elements = datom_datalog_new(p, DatalogElement, forms.n);
	for (i = 0; i < forms.n; i++)
		parse_element(p, forms.items[i], &query->elements[i]);
}

static void
check_key(DatalogParser *p, const DatalogQuery *query, int n, const Edn *form,
		  const char *where)
{
	int			i;

	if (form->kind != EDN_SYMBOL)
		datom_datalog_expected(p, form, "a symbol", where);
	for (i = 0; i < n; i++)
	{
		if (strcmp(query->key_names[i], form->text) == 0)
			datom_datalog_reject(p, form->pos, "42601", "key %s stands twice in %s",
								 datom_datalog_quoted(p, form->text), where);
	}
}

/* keys = symbol+, no two of them the same: one for each element of a row */
static void
parse_keys(DatalogParser *p, DatalogForms forms, Section section,
		   DatalogQuery *query)
{
	const char *where = datom_datalog_quoted(p, section_names[section]);
	int			i;

	if (query->find == FIND_COLLECTION || query->find == FIND_SCALAR)
		datom_datalog_reject(p, forms.pos, "42601",
							 "%s needs rows, but \":find\" asks for single values", where);
	if (forms.n != query->nelements)
		datom_datalog_reject(p, forms.pos, "42601",
							 "%s has %d keys for %d elements of \":find\"", where,
							 forms.n, query->nelements);
	query->keys = (DatalogKeys) section;
	query->key_names = datom_datalog_new(p, const char *, forms.n);
	for (i = 0; i < forms.n; i++)
	{
		check_key(p, query, i, forms.items[i], where);
		query->key_names[i] = forms.items[i]->text;
	}
}

/*
 * In
 */

/* Refuses a name that is there before, as another form. */
static void
check_once(DatalogParser *p, const DatalogQuery *query, const char *name, int pos)
{
	const DatalogBinding *in;
	int			i;

	for (in = query->in; in->name != name; in++)
	{
		bool		same = in->name != NULL && strcmp(in->name, name) == 0;

		for (i = 0; i < in->nterms && in->terms[i].name != name; i++)
			same |= in->terms[i].kind == TERM_VARIABLE &&
				strcmp(in->terms[i].name, name) == 0;
		if (same)
			datom_datalog_reject(p, pos, "42601", "%s stands twice in \":in\"",
								 datom_datalog_quoted(p, name));
		if (i < in->nterms)
			break;
	}
}

/* input = source | "%" | name | binding, where a name is a pattern's */
static void
parse_input(DatalogParser *p, const Edn *form, DatalogBinding *in)
{
	bool		source = datom_datalog_is_source(form);

	in->pos = form->pos;
	if (source || datom_datalog_is_symbol(form, "%") || datom_datalog_is_name(form))
	{
		in->kind = source ? BIND_SOURCE :
			datom_datalog_is_name(form) ? BIND_PATTERN : BIND_RULES;
		in->name = form->text;
	}
	else
		datom_datalog_binding(p, form, "\":in\"", in);
}

static void
check_input(DatalogParser *p, const DatalogQuery *query, const DatalogBinding *in)
{
	int			i;

	if (in->name != NULL)
		check_once(p, query, in->name, in->pos);
	for (i = 0; i < in->nterms; i++)
	{
		if (in->terms[i].kind == TERM_VARIABLE)
			check_once(p, query, in->terms[i].name, in->terms[i].pos);
	}
}

/* in = input*, no two of them of one name */
static void
parse_in(DatalogParser *p, DatalogForms forms, DatalogQuery *query)
{
	int			terms = 0;
	int			i;

	if (forms.n > DATALOG_MAX_TERMS)
		datom_datalog_reject(p, forms.items[DATALOG_MAX_TERMS]->pos, "54000",
							 "more than %d terms in \":in\"", DATALOG_MAX_TERMS);
	query->has_in = true;
	query->nin = forms.n;
	query->in = datom_datalog_new(p, DatalogBinding, forms.n);
	for (i = 0; i < forms.n; i++)
	{
		parse_input(p, forms.items[i], &query->in[i]);
		terms += query->in[i].nterms;
		if (terms > DATALOG_MAX_INPUTS)
			datom_datalog_reject(p, forms.items[i]->pos, "54000",
								 "more than %d variables in \":in\"",
								 DATALOG_MAX_INPUTS);
		check_input(p, query, &query->in[i]);
	}
}

/*
 * Sections
 */

static Section
find_section(DatalogParser *p, const Edn *keyword)
{
	int			i;

	if (keyword->kind != EDN_KEYWORD)
		datom_datalog_expected(p, keyword, "a section, such as :find,", "a query");
	for (i = 0; i < NSECTIONS; i++)
	{
		if (strcmp(section_names[i], keyword->text) == 0)
			return (Section) i;
	}
	datom_datalog_reject(p, keyword->pos, "42601", "section %s is not one of a query",
						 datom_datalog_quoted(p, keyword->text));
}

static void
add_section(DatalogParser *p, Sections *sections, const Edn *keyword,
			DatalogForms forms)
{
	Section		section = find_section(p, keyword);

	if (sections->keyword[section] != NULL)
		datom_datalog_reject(p, keyword->pos, "42601", "section %s stands twice in a query",
							 datom_datalog_quoted(p, keyword->text));
	sections->keyword[section] = keyword;
	sections->forms[section] = forms;
}

/* vector = "[" ( keyword form* )+ "]" */
static void
split_vector(DatalogParser *p, DatalogForms forms, Sections *sections)
{
	while (forms.n > 0)
	{
		const Edn  *keyword = forms.items[0];
		DatalogForms said = datom_datalog_rest(forms, 1);
		int			n = 0;

		while (n < said.n && said.items[n]->kind != EDN_KEYWORD)
			n++;
		forms = datom_datalog_rest(said, n);
		said.n = n;
		said.pos = keyword->pos;
		add_section(p, sections, keyword, said);
	}
}

/* map = "{" ( keyword ( vector | list | integer ) )* "}" */
static void
split_map(DatalogParser *p, const Edn *map, Sections *sections)
{
	int			i;

	for (i = 0; i < map->count; i += 2)
	{
		const Edn  *keyword = map->items[i];
		const Edn  *said = map->items[i + 1];
		DatalogForms one = {map->items + i + 1, 1, said->pos};
		bool		number = find_section(p, keyword) >= SECTION_LIMIT;

		if (!number && said->kind != EDN_VECTOR && said->kind != EDN_LIST)
			datom_datalog_expected(p, said, "a vector",
								   datom_datalog_quoted(p, keyword->text));
		add_section(p, sections, keyword, number ? one : datom_datalog_items(said));
	}
}

/* number = an integer, at least `least` */
static int64
parse_number(DatalogParser *p, const Sections *sections, Section section, int least)
{
	DatalogForms forms = sections->forms[section];
	const char *where = datom_datalog_quoted(p, section_names[section]);
	const Edn  *number;

	if (forms.n != 1)
		datom_datalog_reject(p, forms.pos, "42601", "%s takes one number", where);
	number = forms.items[0];
	if (number->kind != EDN_INT && number->kind != EDN_BIGINT)
		datom_datalog_expected(p, number, "an integer", where);
	if (number->kind == EDN_BIGINT || number->integer < least)
		datom_datalog_reject(p, number->pos, "22023", "%s is out of range for %s",
							 datom_datalog_quoted(p, number->text), where);
	return number->integer;
}

static void
parse_numbers(DatalogParser *p, const Sections *sections, DatalogQuery *query)
{
	query->limit = -1;
	if (sections->keyword[SECTION_LIMIT] != NULL)
		query->limit = parse_number(p, sections, SECTION_LIMIT, 0);
	if (sections->keyword[SECTION_OFFSET] != NULL)
		query->offset = parse_number(p, sections, SECTION_OFFSET, 0);
	if (sections->keyword[SECTION_TIMEOUT] != NULL)
		query->timeout = parse_number(p, sections, SECTION_TIMEOUT, 1);
}

/* At most one of :keys, :strs and :syms is there. */
static void
parse_return_map(DatalogParser *p, const Sections *sections, DatalogQuery *query)
{
	Section		section;

	for (section = SECTION_KEYS; section <= SECTION_SYMS; section++)
	{
		const Edn  *keyword = sections->keyword[section];

		if (keyword == NULL)
			continue;
		if (query->keys != KEYS_NONE)
			datom_datalog_reject(p, keyword->pos, "42601", "%s and %s exclude each other",
								 datom_datalog_quoted(p, section_names[query->keys]),
								 datom_datalog_quoted(p, keyword->text));
		parse_keys(p, sections->forms[section], section, query);
	}
}

/*
 * query = vector | map, with sections in any order, each once: ":find" find,
 *		   ( ":keys" | ":strs" | ":syms" ) keys, ":with" variables, ":in" in,
 *		   ":where" clause*, ":limit" number, ":offset" number, ":timeout" number
 */
static DatalogQuery *
parse_query(DatalogParser *p, const Edn *form)
{
	DatalogQuery *query = datom_datalog_new(p, DatalogQuery, 1);
	Sections	sections = {.keyword = {NULL}};
	DatalogForms *said = sections.forms;

	if (form->kind == EDN_MAP)
		split_map(p, form, &sections);
	else if (form->kind == EDN_VECTOR)
		split_vector(p, datom_datalog_items(form), &sections);
	else
		datom_datalog_expected(p, form, "a vector or a map", "place of a query");
	if (sections.keyword[SECTION_FIND] == NULL)
		datom_datalog_reject(p, form->pos, "42601", "query without \":find\"");
	parse_find(p, said[SECTION_FIND], query);
	parse_return_map(p, &sections, query);
	query->nwith = said[SECTION_WITH].n;
	query->with = datom_datalog_variables(p, said[SECTION_WITH], "\":with\"");
	if (sections.keyword[SECTION_IN] != NULL)
		parse_in(p, said[SECTION_IN], query);
	query->nclauses = said[SECTION_WHERE].n;
	query->clauses = datom_datalog_where(p, said[SECTION_WHERE]);
	parse_numbers(p, &sections, query);
	return query;
}

/*
 * Messages
 */

/* A moment: an #inst, the text of one, or the number of a transaction. */
static const Edn *
check_moment(DatalogParser *p, const Edn *form)
{
	bool		inst = form->kind == EDN_TAGGED && strcmp(form->text, "inst") == 0;

	if (!inst && form->kind != EDN_STRING && form->kind != EDN_INT)
		datom_datalog_expected(p, form, "an #inst, a string or a transaction",
							   "\":as-of\"");
	return form;
}

static const Edn *
check_kind(DatalogParser *p, const Edn *form, EdnKind kind, const char *what,
		   const char *where)
{
	if (form->kind != kind)
		datom_datalog_expected(p, form, what, where);
	return form;
}

static void
parse_message_key(DatalogParser *p, const Edn *key, const Edn *value,
				  DatalogMessage *message)
{
	if (key->kind != EDN_KEYWORD)
		datom_datalog_expected(p, key, "a keyword", "a message");
	if (strcmp(key->text, ":as-of") == 0)
		message->as_of = check_moment(p, value);
	else if (strcmp(key->text, ":query") == 0)
		message->query = value;
	else if (strcmp(key->text, ":args") == 0)
	{
		check_kind(p, value, EDN_VECTOR, "a vector", "\":args\"");
		message->nargs = value->count;
		message->args = value->items;
	}
	else if (strcmp(key->text, ":sources") == 0)
		message->sources = check_kind(p, value, EDN_MAP, "a map", "\":sources\"");
	else
		datom_datalog_reject(p, key->pos, "42601", "key %s is not one of a message",
							 datom_datalog_quoted(p, key->text));
}

/*
 * message = "{" ":query" ( query | string ), ":args" "[" form* "]",
 *			 ":as-of" moment, ":sources" map "}", all but the first optional
 *
 * The query is not parsed here.
 */
static DatalogMessage *
parse_message(DatalogParser *p, const Edn *form)
{
	DatalogMessage *message = datom_datalog_new(p, DatalogMessage, 1);
	int			i;

	check_kind(p, form, EDN_MAP, "a map", "place of a message");
	for (i = 0; i < form->count; i += 2)
		parse_message_key(p, form->items[i], form->items[i + 1], message);
	if (message->query == NULL)
		datom_datalog_reject(p, form->pos, "42601", "message without \":query\"");
	if (message->query->kind != EDN_STRING && message->query->kind != EDN_MAP)
		check_kind(p, message->query, EDN_VECTOR, "a vector, a map or a string",
				   "\":query\"");
	return message;
}

/*
 * Entry points
 */

DatalogQuery *
datom_datalog_parse(const Edn *form, void *(*alloc) (size_t), EdnError *err)
{
	DatalogParser p = {.alloc = alloc, .err = err};

	return setjmp(p.escape) == 0 ? parse_query(&p, form) : NULL;
}

DatalogRules *
datom_datalog_parse_rules(const Edn *form, void *(*alloc) (size_t), EdnError *err)
{
	DatalogParser p = {.alloc = alloc, .err = err};

	return setjmp(p.escape) == 0 ? datom_datalog_rules(&p, form) : NULL;
}

DatalogMessage *
datom_datalog_parse_message(const Edn *form, void *(*alloc) (size_t), EdnError *err)
{
	DatalogParser p = {.alloc = alloc, .err = err};

	return setjmp(p.escape) == 0 ? parse_message(&p, form) : NULL;
}

#ifndef DATOM_STANDALONE

DatalogQuery *
datom_datalog_read(const char *text, size_t len)
{
	EdnError	err = {0};
	DatalogQuery *query = datom_datalog_parse(datom_edn_parse(text, len), palloc, &err);

	if (query == NULL)
		datom_edn_raise(&err);
	return query;
}

DatalogRules *
datom_datalog_read_rules(const char *text, size_t len)
{
	EdnError	err = {0};
	DatalogRules *rules = datom_datalog_parse_rules(datom_edn_parse(text, len),
													palloc, &err);

	if (rules == NULL)
		datom_edn_raise(&err);
	return rules;
}

#endif							/* DATOM_STANDALONE */
