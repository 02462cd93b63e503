/*
 * datalog_closure.c: whether clauses are the same but for names.
 *
 * They are compared as they are written, in their order. So a rule may be missed
 * that could be recognised with more effort; it is then compiled as any other.
 */
#include "datalog_closure.h"

#include "miscadmin.h"

/* Names that stand for each other. */
typedef struct Renaming
{
	List	   *from;
	List	   *to;
} Renaming;

static bool
names_alike(Renaming *renaming, const char *a, const char *b)
{
	ListCell   *la;
	ListCell   *lb;

	forboth(la, renaming->from, lb, renaming->to)
	{
		bool		is_a = strcmp(lfirst(la), a) == 0;
		bool		is_b = strcmp(lfirst(lb), b) == 0;

		if (is_a || is_b)
			return is_a && is_b;
	}
	renaming->from = lappend(renaming->from, (void *) a);
	renaming->to = lappend(renaming->to, (void *) b);
	return true;
}

static bool
texts_alike(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static bool
terms_alike(Renaming *renaming, int n, const DatalogTerm *a, int m, const DatalogTerm *b)
{
	if (n != m)
		return false;
	for (int i = 0; i < n; i++)
	{
		if (a[i].kind != b[i].kind)
			return false;
		if (a[i].kind == TERM_VARIABLE && !names_alike(renaming, a[i].name, b[i].name))
			return false;
		if (a[i].kind == TERM_SOURCE && strcmp(a[i].name, b[i].name) != 0)
			return false;
		if (a[i].kind == TERM_CONSTANT &&
			strcmp(datom_edn_text(a[i].form), datom_edn_text(b[i].form)) != 0)
			return false;
	}
	return true;
}

static bool
clauses_alike(Renaming *renaming, const DatalogClause *a, const DatalogClause *b)
{
	check_stack_depth();
	if (a->kind != b->kind || a->join != b->join || a->nclauses != b->nclauses ||
		a->binding.kind != b->binding.kind ||
		!texts_alike(a->source, b->source) || !texts_alike(a->name, b->name) ||
		!terms_alike(renaming, a->nterms, a->terms, b->nterms, b->terms) ||
		!terms_alike(renaming, a->binding.nterms, a->binding.terms, b->binding.nterms,
					 b->binding.terms) ||
		!terms_alike(renaming, a->nrequired, a->required, b->nrequired, b->required) ||
		!terms_alike(renaming, a->nvars, a->vars, b->nvars, b->vars))
		return false;
	for (int i = 0; i < a->nclauses; i++)
		if (!clauses_alike(renaming, a->clauses[i], b->clauses[i]))
			return false;
	return true;
}

bool
datom_clauses_alike(int n, DatalogClause *const *clauses, const DatalogClause *without,
					int nothers, DatalogClause *const *others, List *from, List *to)
{
	Renaming	renaming = {.from = list_copy(from), .to = list_copy(to)};
	int			k = 0;

	for (int i = 0; i < n; i++)
	{
		if (clauses[i] == without)
			continue;
		if (k == nothers || !clauses_alike(&renaming, clauses[i], others[k++]))
			return false;
	}
	return k == nothers;
}
