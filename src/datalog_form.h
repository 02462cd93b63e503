/*
 * What the parsers of Datalog share: names, terms, lists of variables, bindings,
 * and how a parser fails.
 *
 * Compiles without the server when DATOM_STANDALONE is defined.
 */
#ifndef DATOM_DATALOG_FORM_H
#define DATOM_DATALOG_FORM_H

#include <setjmp.h>

#include "datalog_tree.h"

#define DATALOG_MAX_CLAUSES	1000	/* of a query, and of a set of rules */
#define DATALOG_MAX_TERMS	200 /* in one list */
#define DATALOG_MAX_INPUTS	1000	/* variables in :in */

/*
 * A failure fills *err and jumps to `escape`, which the entry point sets. What
 * is allocated until then is left to the context or arena behind alloc.
 */
typedef struct DatalogParser
{
	void	   *(*alloc) (size_t);
	EdnError   *err;
	jmp_buf		escape;
	int			nclauses;		/* so far */
} DatalogParser;

/* Some forms in a row, and where they stand. */
typedef struct DatalogForms
{
	Edn		  **items;
	int			n;
	int			pos;
} DatalogForms;

/* Memory full of zeros, for so many of a type. */
#define datom_datalog_new(p, type, n) \
	((type *) datom_datalog_alloc(p, sizeof(type), n))
extern void *datom_datalog_alloc(DatalogParser *p, size_t size, int n);

extern void datom_datalog_reject(DatalogParser *p, int pos, const char *sqlstate,
								 const char *format,...)
			__attribute__((noreturn, format(printf, 4, 5)));

/* "`what` expected in `where`, but found ...", which names a name. */
extern void datom_datalog_expected(DatalogParser *p, const Edn *form,
								   const char *what, const char *where)
			__attribute__((noreturn));

/* A name for a message, quoted and clipped. */
extern const char *datom_datalog_quoted(DatalogParser *p, const char *name);
extern const char *datom_datalog_named(DatalogParser *p, const char *what,
									   const char *name);

extern DatalogForms datom_datalog_items(const Edn *form);

/* All but the first n. */
extern DatalogForms datom_datalog_rest(DatalogForms forms, int n);

extern bool datom_datalog_is_symbol(const Edn *form, const char *name);
extern bool datom_datalog_is_variable(const Edn *form); /* ?x */
extern bool datom_datalog_is_source(const Edn *form);	/* $ or $name */
extern bool datom_datalog_is_name(const Edn *form); /* of a function, a rule... */

extern DatalogTerm datom_datalog_variable(DatalogParser *p, const Edn *form,
										  const char *where);
extern DatalogTerm *datom_datalog_variables(DatalogParser *p, DatalogForms forms,
											const char *where);
extern DatalogTerm *datom_datalog_data(DatalogParser *p, DatalogForms forms,
									   const char *where);
extern DatalogTerm *datom_datalog_arguments(DatalogParser *p, DatalogForms forms,
											const char *where);
extern DatalogTerm *datom_datalog_rule_vars(DatalogParser *p, DatalogForms forms,
											const char *where, int *nrequired,
											int *nvars);
extern void datom_datalog_binding(DatalogParser *p, const Edn *form,
								  const char *where, DatalogBinding *binding);

#endif							/* DATOM_DATALOG_FORM_H */
