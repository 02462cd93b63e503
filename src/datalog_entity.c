/*
 * datalog_entity.c: idents and lookup refs among arguments.
 *
 * Where they are to be looked up is read off the query, before it is compiled;
 * they are looked up when it is run.
 */
#include "datalog_entity.h"

#include "access/table.h"
#include "miscadmin.h"
#include "utils/rel.h"

#include "attrs.h"
#include "behalf.h"
#include "facts.h"
#include "log.h"

/*
 * Names
 */

/* A keyword's, or that of text which can be one; NULL: it is neither. */
static const char *
keyword_of(const DatalogGiven *given, int *len)
{
	const char *text = NULL;

	if (given->value && (datom_value_kind(given->value) == DATOM_KEYWORD ||
						 (given->literal && !given->json)))
		text = datom_value_get_text(given->value, len);
	return text && *len > 0 && text[0] == ':' ? text : NULL;
}

bool
datom_datalog_is_lookup_ref(const DatalogGiven *given)
{
	int			len;

	return given->items && given->n == 2 && given->keys == NULL && !given->value &&
		keyword_of(&given->items[0], &len);
}

bool
datom_datalog_names_entity(const DatalogGiven *given)
{
	int			len;

	return datom_datalog_is_lookup_ref(given) || keyword_of(given, &len);
}

/*
 * Where a variable is an entity
 */

typedef struct Search
{
	const DatalogQuery *query;
	const DatalogInput *inputs;
	DatalogSources *sources;
	const DatalogRules *rules;
	List	   *seen;			/* variables of rules: pointers to their terms */
} Search;

static const DatalogSource *
find_source(const Search *search, const char *name, int pos)
{
	DatalogSource *source;

	for (int i = 0; i < search->query->nin; i++)
		if (search->query->in[i].kind == BIND_SOURCE &&
			strcmp(search->query->in[i].name, name) == 0)
			return &search->inputs[i].source;
	source = palloc(sizeof(DatalogSource));
	*source = datom_datalog_source_named(search->sources, name, pos);
	return source;
}

static bool
is_variable(const DatalogTerm *term, const char *name)
{
	return term->kind == TERM_VARIABLE && strcmp(term->name, name) == 0;
}

static Relation
open_source(const DatalogSource *source)
{
	datom_log_require_of(source->db, datom_behalf_role(source->behalf), ACL_SELECT);
	return table_open(source->db, AccessShareLock);
}

/* Is that an attribute of references there? */
static bool
is_reference(const DatalogSource *source, const DatalogTerm *term)
{
	const DatomAttr *attr;
	Relation	rel;
	bool		result;

	if (term->kind != TERM_CONSTANT || term->form->kind != EDN_KEYWORD)
		return false;
	rel = open_source(source);
	attr = datom_schema_find(datom_attrs(rel), term->form->text, term->form->len);
	result = attr && attr->type == DATOM_REF;
	table_close(rel, NoLock);
	return result;
}

static const DatalogSource *search_clauses(Search *search, int n, DatalogClause *const *clauses,
										   const char *name, const char *source);

static const DatalogSource *
search_pattern(Search *search, const DatalogClause *clause, const char *name,
			   const char *source)
{
	const DatalogSource *found;

	if (is_variable(&clause->terms[0], name))
		return find_source(search, source, clause->pos);
	if (clause->nterms < 3 || !is_variable(&clause->terms[2], name))
		return NULL;
	found = find_source(search, source, clause->pos);
	return is_reference(found, &clause->terms[1]) ? found : NULL;
}

/* get-else and its kin have the source and the entity first. */
static const DatalogSource *
search_call(Search *search, const DatalogClause *clause, const char *name)
{
	if (clause->nterms < 2 || clause->terms[0].kind != TERM_SOURCE ||
		!is_variable(&clause->terms[1], name))
		return NULL;
	return find_source(search, clause->terms[0].name, clause->terms[0].pos);
}

/* Into a body for one of its variables, unless that was done before. */
static const DatalogSource *
search_body(Search *search, const DatalogRule *rule, DatalogTerm *var, const char *source)
{
	if (list_member_ptr(search->seen, var))
		return NULL;
	search->seen = lappend(search->seen, var);
	return search_clauses(search, rule->nclauses, rule->clauses, var->name, source);
}

static const DatalogSource *
search_rule(Search *search, const DatalogClause *clause, const char *name, const char *source)
{
	const DatalogSource *found = NULL;

	for (int i = 0; search->rules && found == NULL && i < search->rules->n; i++)
	{
		const DatalogRule *rule = &search->rules->rules[i];

		for (int k = 0; strcmp(rule->name, clause->name) == 0 && found == NULL &&
			 k < Min(clause->nterms, rule->nvars); k++)
			if (is_variable(&clause->terms[k], name))
				found = search_body(search, rule, &rule->vars[k], source);
	}
	return found;
}

static const DatalogSource *
search_clause(Search *search, const DatalogClause *clause, const char *name,
			  const char *source)
{
	if (clause->source && strcmp(clause->source, "$") != 0)
		source = clause->source;
	switch (clause->kind)
	{
		case CLAUSE_PATTERN:
			return search_pattern(search, clause, name, source);
		case CLAUSE_PREDICATE:
		case CLAUSE_FUNCTION:
			return search_call(search, clause, name);
		case CLAUSE_RULE:
			return search_rule(search, clause, name, source);
		default:
			return search_clauses(search, clause->nclauses, clause->clauses, name, source);
	}
}

static const DatalogSource *
search_clauses(Search *search, int n, DatalogClause *const *clauses, const char *name,
			   const char *source)
{
	const DatalogSource *found = NULL;

	check_stack_depth();
	for (int i = 0; found == NULL && i < n; i++)
		found = search_clause(search, clauses[i], name, source);
	return found;
}

const DatalogSource *
datom_datalog_entity_source(const DatalogQuery *query, const DatalogInput *inputs,
							DatalogSources *sources, const char *name)
{
	Search		search = {.query = query, .inputs = inputs, .sources = sources};
	const DatalogSource *found;

	for (int i = 0; i < query->nin; i++)
		if (query->in[i].kind == BIND_RULES)
			search.rules = inputs[i].rules;
	found = search_clauses(&search, query->nclauses, query->clauses, name, "$");
	for (int i = 0; found == NULL && i < query->nelements; i++)
	{
		const DatalogElement *element = &query->elements[i];

		if (element->kind == ELEMENT_PULL && is_variable(&element->var, name))
			found = find_source(&search, element->source ? element->source : "$", element->pos);
	}
	return found;
}

/*
 * Entities
 */

/* As the attribute's type. */
static DatomValue *
lookup_value(const DatomAttr *attr, const DatalogGiven *given)
{
	DatomValue *v = given->value;
	const char *text;
	int			len;

	if (v == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the lookup ref by attribute \"%s\" has no value", attr->ident)));
	if (given->literal && attr->type != DATOM_STRING)
	{
		text = datom_value_get_text(v, &len);
		v = datom_value_literal(text, len);
	}
	return datom_facts_lookup_value(attr, v, 0);
}

static int64
find_entity(Relation rel, DatomReader *reader, TimestampTz at, const DatalogGiven *given)
{
	bool		lookup = datom_datalog_is_lookup_ref(given);
	int			len;
	const char *keyword = keyword_of(lookup ? &given->items[0] : given, &len);
	const char *ident = datom_schema_builtin_ident(DB_IDENT);
	const DatomAttr *attr;
	DatomValue *v;
	int64	   *entities;

	if (lookup)
	{
		attr = datom_schema_need(reader->schema, keyword, len, RelationGetRelationName(rel), 0);
		v = lookup_value(attr, &given->items[1]);
	}
	else
	{
		attr = datom_schema_find(reader->schema, ident, strlen(ident));
		v = datom_value_make_keyword(keyword, len);
	}
	return datom_facts_with(reader, attr, v, at, &entities) > 0 ? entities[0] : 0;
}

int64
datom_datalog_entity(const DatalogSource *source, const DatalogGiven *given)
{
	bool		in_force = source->view != SOURCE_AS_OF || source->moment.kind == MOMENT_NOW;
	Relation	rel = open_source(source);
	DatomSettled settled = datom_settle(source->db, in_force ? datom_moment_in_force() :
										source->moment);
	DatomReader *reader = datom_facts_reader(rel, settled.snapshot, settled.at);
	int64		e = find_entity(rel, reader, settled.at, given);

	datom_facts_end(reader);
	datom_settled_end(&settled);
	table_close(rel, AccessShareLock);
	return e;
}
