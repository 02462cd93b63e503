/*
 * Datalog as trees: queries, rules and messages as they are written. What is
 * legal is said where they are parsed.
 */
#ifndef DATOM_DATALOG_TREE_H
#define DATOM_DATALOG_TREE_H

#include "edn.h"

/*
 * Names are as written: variables with "?", sources with "$", keywords with ":".
 * Positions are those of EDN: characters from 1.
 */
typedef enum DatalogTermKind
{
	TERM_BLANK,					/* _ */
	TERM_VARIABLE,
	TERM_SOURCE,				/* an argument of a function, such as $ of get-else */
	TERM_CONSTANT				/* any other form: `form` */
} DatalogTermKind;

typedef struct DatalogTerm
{
	DatalogTermKind kind;
	int			pos;
	const char *name;			/* of a variable or a source */
	const Edn  *form;
} DatalogTerm;

/* Where values go: in :in, and behind functions. */
typedef enum DatalogBindingKind
{
	BIND_BLANK,					/* _ */
	BIND_SCALAR,				/* ?x */
	BIND_TUPLE,					/* [?a _ ?b] */
	BIND_COLLECTION,			/* [?x ...] */
	BIND_RELATION,				/* [[?a _ ?b]] */

	/* In :in only */
	BIND_SOURCE,				/* $ or $name */
	BIND_RULES,					/* % */
	BIND_PATTERN				/* a plain symbol: names a pull pattern */
} DatalogBindingKind;

typedef struct DatalogBinding
{
	DatalogBindingKind kind;
	int			pos;
	const char *name;			/* source, rules, pattern */
	int			nterms;			/* blank, scalar and collection: 1 */
	DatalogTerm *terms;			/* variables and blanks */
} DatalogBinding;

typedef enum DatalogClauseKind
{
	CLAUSE_PATTERN,				/* [src? e a v tx op] */
	CLAUSE_PREDICATE,			/* [(name args)] */
	CLAUSE_FUNCTION,			/* [(name args) binding] */
	CLAUSE_RULE,				/* (src? name args) */
	CLAUSE_NOT,					/* (src? not ...), (src? not-join [vars] ...) */
	CLAUSE_OR,					/* (src? or ...), (src? or-join [vars] ...) */
	CLAUSE_AND					/* (and ...) in or */
} DatalogClauseKind;

typedef struct DatalogClause
{
	DatalogClauseKind kind;
	int			pos;
	const char *source;			/* NULL: the default of the place */
	const char *name;			/* of a function or a rule; "not", "or-join"...;
								 * NULL: a pattern */
	int			name_pos;
	int			nterms;			/* of a pattern 1 to 5, without the source */
	DatalogTerm *terms;			/* of a pattern; arguments of the others */
	DatalogBinding binding;		/* function */
	bool		join;			/* not-join, or-join: */
	int			nrequired;		/* or-join [[?required] ?x] */
	DatalogTerm *required;
	int			nvars;			/* without the required ones */
	DatalogTerm *vars;
	int			nclauses;
	struct DatalogClause **clauses; /* of not, and; the branches of or */
} DatalogClause;

typedef enum DatalogFindKind
{
	FIND_RELATION,				/* ?a ?b */
	FIND_COLLECTION,			/* [?a ...] */
	FIND_TUPLE,					/* [?a ?b] */
	FIND_SCALAR					/* ?a . */
} DatalogFindKind;

typedef enum DatalogElementKind
{
	ELEMENT_VARIABLE,
	ELEMENT_AGGREGATE,			/* (name args ?x) */
	ELEMENT_PULL				/* (pull src? ?e pattern) */
} DatalogElementKind;

typedef struct DatalogElement
{
	DatalogElementKind kind;
	int			pos;
	const char *name;			/* aggregate */
	const char *source;			/* pull; NULL: the default one */
	DatalogTerm var;			/* the variable; of an aggregate its last argument */
	int			nterms;
	DatalogTerm *terms;			/* an aggregate's arguments before that */
	DatalogTerm pattern;		/* pull: a constant, or TERM_VARIABLE with the name
								 * of a pattern in :in */
} DatalogElement;

/* Of a return map: what its keys become. */
typedef enum DatalogKeys
{
	KEYS_NONE,
	KEYS_KEYWORDS,				/* :keys */
	KEYS_STRINGS,				/* :strs */
	KEYS_SYMBOLS				/* :syms */
} DatalogKeys;

typedef struct DatalogQuery
{
	DatalogFindKind find;
	int			nelements;
	DatalogElement *elements;
	DatalogKeys keys;
	const char **key_names;		/* one for each element */
	int			nwith;
	DatalogTerm *with;
	bool		has_in;			/* :in is written */
	int			nin;
	DatalogBinding *in;
	int			nclauses;
	DatalogClause **clauses;
	int64		limit;			/* -1: none */
	int64		offset;			/* 0: none */
	int64		timeout;		/* milliseconds; 0: none */
} DatalogQuery;

/* One body of a rule: [(name [?required] ?x) clause ...]. */
typedef struct DatalogRule
{
	const char *name;
	int			pos;
	int			nrequired;
	int			nvars;			/* the required ones come first */
	DatalogTerm *vars;
	int			nclauses;
	DatalogClause **clauses;
} DatalogRule;

typedef struct DatalogRules
{
	int			n;
	DatalogRule *rules;
} DatalogRules;

/* A query with what it is asked of. */
typedef struct DatalogMessage
{
	const Edn  *as_of;			/* NULL: not said; #inst, a string, a tx */
	const Edn  *query;			/* vector or map, or a string with one */
	int			nargs;
	Edn		  **args;			/* of :args */
	const Edn  *sources;		/* NULL, or a map: source symbol to table name or map */
} DatalogMessage;

#endif							/* DATOM_DATALOG_TREE_H */
