/*
 * What clauses are compiled into: scopes, their variables, sources, parameters.
 */
#ifndef DATOM_DATALOG_SCOPE_H
#define DATOM_DATALOG_SCOPE_H

#include "compat.h"

#include "datalog_sql.h"
#include "schema.h"

/* A datom table that a query reads. */
typedef struct DatalogTable
{
	const char *name;			/* of its source, with "$" */
	DatalogSource source;
	const char *relname;		/* quoted, with its schema */
	const DatomSchema *schema;
	SqlExpr    *moment;			/* NULL: that in force */
	List	   *read;			/* idents of attributes that the query names */
	bool		reads_any;		/* whichever there are, too */
} DatalogTable;

struct DatalogScope;

typedef void (*DatalogClausesFn) (struct DatalogScope *scope, int n,
								  DatalogClause *const *clauses);

typedef struct DatalogContext
{
	DatalogSourceFn find_source;
	void	   *arg;
	List	   *tables;			/* of DatalogTable */
	List	   *params;			/* of DatalogParam */
	const DatalogRules *rules;	/* NULL: none are given */
	List	   *patterns;		/* of DatalogNamedPattern: pull patterns */
	List	   *running;		/* rules that are being compiled, innermost first */
	int			numbers[128];	/* of items, by letter */
	int			nclauses;		/* that have been compiled */
	DatalogClausesFn clauses;	/* of whoever is above; for nesting */
} DatalogContext;

typedef struct DatalogNamedPattern
{
	const char *name;
	const Edn  *form;
} DatalogNamedPattern;

typedef struct DatalogVar
{
	const char *name;
	SqlExpr    *expr;
} DatalogVar;

/*
 * One SELECT in the making. It sees the variables of those around it, as far as
 * these let it: a variable that is bound there is the same here.
 */
typedef struct DatalogScope
{
	DatalogContext *context;
	struct DatalogScope *home;	/* whose SELECT it is: its own, but for a rule's body
								 * that is compiled in its place */
	struct DatalogScope *outer; /* NULL: none is seen */
	bool		sees_all;		/* of the outer, or only: */
	List	   *seen;			/* names */
	SqlSelect  *select;
	List	   *vars;			/* of DatalogVar: bound here */
	List	   *scans;			/* of its home: of entities; see datalog_pattern.c */
	const char *source;			/* default */
} DatalogScope;

extern DatalogScope *datom_scope_make(DatalogContext *context, DatalogScope *outer,
									  const char *source);

/* One with variables of its own and the SELECT of another. */
extern DatalogScope *datom_scope_make_within(DatalogScope *home, const char *source);

/* NULL: not bound. */
extern SqlExpr *datom_scope_find(const DatalogScope *scope, const char *name);

/* The same, or an error. */
extern SqlExpr *datom_scope_need(const DatalogScope *scope, const DatalogTerm *var);

/* Binds it to that, or has both be equal if it is bound. */
extern void datom_scope_bind(DatalogScope *scope, const char *name, SqlExpr *expr);

/* Only what meets the condition. */
extern void datom_scope_require(DatalogScope *scope, SqlExpr *condition);

/* Can no row come out of it? */
extern bool datom_scope_is_empty(const DatalogScope *scope);

/* A new item of FROM; numbers are given by letter. */
extern SqlItem *datom_scope_item(DatalogScope *scope, char letter);
extern SqlItem *datom_context_item(DatalogContext *context, char letter);

/* The table of a source; NULL: the default one. */
extern DatalogTable *datom_scope_table(DatalogScope *scope, const char *source, int pos);

/* Notes that the query names the attribute. */
extern void datom_table_note(DatalogTable *table, const char *ident, int len);

/* Makes a source known by its name. */
extern void datom_context_add_source(DatalogContext *context, const char *name,
									 const DatalogSource *source, int pos);

/* Parameters */
extern SqlExpr *datom_context_value(DatalogContext *context, DatomValue *value,
									DatalogType type);
extern SqlExpr *datom_context_input(DatalogContext *context, DatalogType type, int input,
									int term, bool column);
extern SqlExpr *datom_context_text(DatalogContext *context, const char *text);

/* A constant of a query as a value of its own kind; an error if it is none. */
extern DatomValue *datom_datalog_constant(const DatalogTerm *term);

/* Does its kind compare as a number? Then *kind, if it is not NULL. */
extern DatalogType datom_datalog_kind(const DatomValue *value);

/* An expression of a variable or a constant; one that is bound. */
extern SqlExpr *datom_scope_operand(DatalogScope *scope, const DatalogTerm *term);

/* The error where a clause is wrong: SQLSTATE, position, message. */
extern void datom_datalog_fail(int sqlstate, int pos, const char *format,...)
			pg_attribute_noreturn() pg_attribute_printf(3, 4);

#endif
