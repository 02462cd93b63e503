/*
 * What is small in Datalog: names, terms, lists of variables, bindings. And how
 * a parser fails: it says what it expected, where, and what it found.
 *
 * A form is judged by its kind and a symbol by its first character. What names
 * stand for is the binder's affair.
 */
#ifdef DATOM_STANDALONE
#include <stdio.h>
#else
#include "postgres.h"
#endif

#include <stdarg.h>
#include <string.h>

#include "datalog_form.h"

#define MAX_SHOWN 30			/* bytes of a name: a message has 160 */

/*
 * Failing
 */

void *
datom_datalog_alloc(DatalogParser *p, size_t size, int n)
{
	void	   *memory = p->alloc(n == 0 ? 1 : size * n);

	memset(memory, 0, size * n);
	return memory;
}

void
datom_datalog_reject(DatalogParser *p, int pos, const char *sqlstate,
					 const char *format,...)
{
	va_list		args;

	p->err->sqlstate = sqlstate;
	p->err->pos = pos;
	va_start(args, format);
	vsnprintf(p->err->message, sizeof(p->err->message), format, args);
	va_end(args);
	longjmp(p->escape, 1);
}

const char *
datom_datalog_quoted(DatalogParser *p, const char *name)
{
	size_t		len = strlen(name);
	size_t		shown = len < MAX_SHOWN ? len : MAX_SHOWN;
	char	   *quoted = p->alloc(MAX_SHOWN + 6);

	while (shown < len && ((unsigned char) name[shown] & 0xC0) == 0x80)
		shown--;				/* not half a character */
	snprintf(quoted, MAX_SHOWN + 6, "\"%.*s%s\"", (int) shown, name,
			 shown < len ? "..." : "");
	return quoted;
}

/* `function "name"` */
const char *
datom_datalog_named(DatalogParser *p, const char *what, const char *name)
{
	size_t		size = strlen(what) + MAX_SHOWN + 7;
	char	   *named = p->alloc(size);

	snprintf(named, size, "%s %s", what, datom_datalog_quoted(p, name));
	return named;
}

void
datom_datalog_expected(DatalogParser *p, const Edn *form, const char *what,
					   const char *where)
{
	bool		named = form->kind == EDN_SYMBOL || form->kind == EDN_KEYWORD ||
		form->kind == EDN_TAGGED;

	datom_datalog_reject(p, form->pos, "42601", "%s expected in %s, but found %s%s%s",
						 what, where, datom_edn_kind_name(form->kind),
						 named ? " " : "",
						 named ? datom_datalog_quoted(p, form->text) : "");
}

/*
 * Forms and names
 */

DatalogForms
datom_datalog_items(const Edn *form)
{
	DatalogForms forms = {form->items, form->count, form->pos};

	return forms;
}

DatalogForms
datom_datalog_rest(DatalogForms forms, int n)
{
	DatalogForms rest = {forms.items + n, forms.n - n, forms.pos};

	return rest;
}

bool
datom_datalog_is_symbol(const Edn *form, const char *name)
{
	return form->kind == EDN_SYMBOL && strcmp(form->text, name) == 0;
}

/* variable = a symbol that begins with "?" and goes on */
bool
datom_datalog_is_variable(const Edn *form)
{
	return form->kind == EDN_SYMBOL && form->text[0] == '?' && form->len > 1;
}

/* source = a symbol that begins with "$" */
bool
datom_datalog_is_source(const Edn *form)
{
	return form->kind == EDN_SYMBOL && form->text[0] == '$';
}

/* name = any other symbol, but "_", "%", "." and "..." */
bool
datom_datalog_is_name(const Edn *form)
{
	static const char *const reserved[] = {"_", "%", ".", "..."};
	int			i;

	if (form->kind != EDN_SYMBOL || form->text[0] == '?' || form->text[0] == '$')
		return false;
	for (i = 0; i < 4; i++)
	{
		if (strcmp(form->text, reserved[i]) == 0)
			return false;
	}
	return true;
}

/*
 * Terms
 */

/* One for each form. */
static DatalogTerm *
new_terms(DatalogParser *p, DatalogForms forms, const char *where)
{
	if (forms.n > DATALOG_MAX_TERMS)
		datom_datalog_reject(p, forms.items[DATALOG_MAX_TERMS]->pos, "54000",
							 "more than %d terms in %s", DATALOG_MAX_TERMS, where);
	return datom_datalog_new(p, DatalogTerm, forms.n);
}

/* Whether it is "_" or a variable. Else it is a constant or refused. */
static bool
read_term(const Edn *form, DatalogTerm *term)
{
	term->pos = form->pos;
	if (datom_datalog_is_symbol(form, "_"))
		term->kind = TERM_BLANK;
	else if (datom_datalog_is_variable(form))
	{
		term->kind = TERM_VARIABLE;
		term->name = form->text;
	}
	else
	{
		term->kind = TERM_CONSTANT;
		term->form = form;
	}
	return term->kind != TERM_CONSTANT;
}

DatalogTerm
datom_datalog_variable(DatalogParser *p, const Edn *form, const char *where)
{
	DatalogTerm term = {.kind = TERM_VARIABLE};

	if (!read_term(form, &term) || term.kind != TERM_VARIABLE)
		datom_datalog_expected(p, form, "a variable", where);
	return term;
}

static void
refuse_twice(DatalogParser *p, const DatalogTerm *term, const char *where)
{
	datom_datalog_reject(p, term->pos, "42601", "variable %s stands twice in %s",
						 datom_datalog_quoted(p, term->name), where);
}

static void
check_distinct(DatalogParser *p, const DatalogTerm *terms, int n, const char *where)
{
	int			i;
	int			j;

	for (i = 1; i < n; i++)
	{
		for (j = 0; j < i; j++)
		{
			if (strcmp(terms[i].name, terms[j].name) == 0)
				refuse_twice(p, &terms[i], where);
		}
	}
}

/* variables = variable*, no two of them the same */
DatalogTerm *
datom_datalog_variables(DatalogParser *p, DatalogForms forms, const char *where)
{
	DatalogTerm *terms = new_terms(p, forms, where);
	int			i;

	for (i = 0; i < forms.n; i++)
		terms[i] = datom_datalog_variable(p, forms.items[i], where);
	check_distinct(p, terms, forms.n, where);
	return terms;
}

/*
 * datum = "_" | variable | constant
 * constant = any form but a symbol, a list, a set or a map
 *
 * A vector may be a lookup ref.
 */
DatalogTerm *
datom_datalog_data(DatalogParser *p, DatalogForms forms, const char *where)
{
	DatalogTerm *terms = new_terms(p, forms, where);
	int			i;

	for (i = 0; i < forms.n; i++)
	{
		const Edn  *form = forms.items[i];

		if (!read_term(form, &terms[i]) &&
			(form->kind == EDN_SYMBOL || form->kind == EDN_LIST ||
			 form->kind == EDN_SET || form->kind == EDN_MAP))
			datom_datalog_expected(p, form, "a variable, a constant or \"_\"", where);
	}
	return terms;
}

/*
 * argument = variable | source | constant
 * constant = any form but a symbol or a list
 */
DatalogTerm *
datom_datalog_arguments(DatalogParser *p, DatalogForms forms, const char *where)
{
	DatalogTerm *terms = new_terms(p, forms, where);
	int			i;

	for (i = 0; i < forms.n; i++)
	{
		const Edn  *form = forms.items[i];

		if (datom_datalog_is_source(form))
		{
			terms[i].kind = TERM_SOURCE;
			terms[i].pos = form->pos;
			terms[i].name = form->text;
			continue;
		}
		if (form->kind == EDN_LIST)
			datom_datalog_reject(p, form->pos, "42601", "nested call in %s", where);
		read_term(form, &terms[i]);
		if (terms[i].kind == TERM_BLANK || (terms[i].kind == TERM_CONSTANT &&
											form->kind == EDN_SYMBOL))
			datom_datalog_expected(p, form, "a variable, a source or a constant",
								   where);
	}
	return terms;
}

/*
 * rule-vars = variable+ | [variable+] variable*
 *
 * Those in the vector must be bound where they are used. They come first in what
 * is returned, and *nvars counts them too. No variable stands twice.
 */
DatalogTerm *
datom_datalog_rule_vars(DatalogParser *p, DatalogForms forms, const char *where,
						int *nrequired, int *nvars)
{
	bool		requires = forms.n > 0 && forms.items[0]->kind == EDN_VECTOR;
	DatalogForms required = {.n = 0};
	DatalogTerm *terms;

	if (requires)
	{
		required = datom_datalog_items(forms.items[0]);
		forms = datom_datalog_rest(forms, 1);
	}
	if (requires ? required.n == 0 : forms.n == 0)
		datom_datalog_reject(p, requires ? required.pos : forms.pos, "42601",
							 "no variables in %s", where);
	*nrequired = required.n;
	*nvars = required.n + forms.n;
	terms = datom_datalog_new(p, DatalogTerm, *nvars);
	memcpy(terms, datom_datalog_variables(p, required, where),
		   required.n * sizeof(DatalogTerm));
	memcpy(terms + required.n, datom_datalog_variables(p, forms, where),
		   forms.n * sizeof(DatalogTerm));
	check_distinct(p, terms, *nvars, where);
	return terms;
}

/*
 * Bindings
 */

static void
refuse_binding(DatalogParser *p, const Edn *form, const char *where)
{
	datom_datalog_expected(p, form, "?x, _, [?x _], [?x ...] or [[?x _]]", where);
}

/* slots = ( variable | "_" )+ */
static void
read_slots(DatalogParser *p, DatalogForms forms, const char *where,
		   DatalogBinding *binding)
{
	int			i;

	binding->terms = new_terms(p, forms, where);
	binding->nterms = forms.n;
	for (i = 0; i < forms.n; i++)
	{
		if (!read_term(forms.items[i], &binding->terms[i]))
			refuse_binding(p, forms.items[i], where);
	}
}

/*
 * binding = "_" | variable | [slots] | [( variable | "_" ) "..."] | [[slots]]
 *
 * They bind nothing, a scalar, a tuple, a collection and a relation.
 */
void
datom_datalog_binding(DatalogParser *p, const Edn *form, const char *where,
					  DatalogBinding *binding)
{
	DatalogForms all = {(Edn **) &form, 1, form->pos};
	DatalogForms items = datom_datalog_items(form);

	binding->pos = form->pos;
	if (form->kind != EDN_VECTOR)
	{
		read_slots(p, all, where, binding);
		binding->kind = binding->terms[0].kind == TERM_BLANK ? BIND_BLANK : BIND_SCALAR;
		return;
	}
	binding->kind = BIND_TUPLE;
	if (items.n == 1 && items.items[0]->kind == EDN_VECTOR)
	{
		binding->kind = BIND_RELATION;
		items = datom_datalog_items(items.items[0]);
	}
	else if (items.n == 2 && datom_datalog_is_symbol(items.items[1], "..."))
	{
		binding->kind = BIND_COLLECTION;
		items.n = 1;
	}
	if (items.n == 0)
		datom_datalog_reject(p, items.pos, "42601", "no variables in %s", where);
	read_slots(p, items, where, binding);
}
