/*
 * A typed picture of the SQL that a query becomes, and how it is printed. Knows
 * nothing of Datalog's clauses.
 *
 * Text gets into the SQL from three places only: from forms, which are constants
 * of the compiler; from names, which the server's functions quote; and from
 * idents of attributes that are defined. All values are parameters.
 */
#ifndef DATOM_DATALOG_SQL_H
#define DATOM_DATALOG_SQL_H

#include "compat.h"
#include "nodes/pg_list.h"

#include "datalog_types.h"

struct SqlSelect;

typedef enum SqlKind
{
	SQL_FORM,					/* `text`, where each "?" stands for the next argument */
	SQL_OPERATOR,				/* the same; needs parentheses within another */
	SQL_LIST,					/* (arg text arg text ...) */
	SQL_CALL,					/* text(arg, ...): text is printed as it is */
	SQL_COLUMN,					/* of the item `item` */
	SQL_PARAM,					/* $number */
	SQL_LITERAL,				/* 'text'::type, of names only */
	SQL_CAST,					/* CAST(arg AS type) */
	SQL_SELECT					/* text(select), where text may be empty */
} SqlKind;

typedef struct SqlExpr
{
	SqlKind		kind;
	DatalogType type;
	Oid			sql_type;
	int32		typmod;
	const char *text;			/* a column's name too */
	List	   *args;			/* of SqlExpr */
	struct SqlItem *item;
	struct SqlSelect *select;
	DatalogParam *param;		/* of SQL_PARAM, and of columns made of one */
} SqlExpr;

typedef struct SqlColumn
{
	const char *name;
	Oid			sql_type;
	bool		key;			/* no two rows of the item have the same value there */
} SqlColumn;

/* What stands in FROM. */
typedef struct SqlItem
{
	char		letter;			/* of its alias */
	int			number;
	bool		lateral;
	SqlExpr    *call;			/* a function; or */
	struct SqlSelect *select;	/* a subquery; or */
	struct SqlItem *cte;		/* what WITH gives that name */
	bool		typed;			/* columns are told with their types */
	bool		is_set;			/* no two rows are the same */
	List	   *columns;		/* of SqlColumn */
} SqlItem;

typedef struct SqlOutput
{
	SqlExpr    *expr;
	const char *name;
} SqlOutput;

typedef struct SqlSelect
{
	List	   *with;			/* of SqlItem: name, columns, and select */
	bool		recursive;
	List	   *arms;			/* of SqlSelect: if there are any, only WITH stands beside */
	const char *between;		/* "UNION", "UNION ALL" */
	bool		distinct;
	List	   *outputs;		/* of SqlOutput; none: SELECT of nothing */
	List	   *from;			/* of SqlItem */
	List	   *where;			/* of SqlExpr, all true */
	List	   *group_by;		/* of SqlExpr */
	SqlExpr    *having;
	SqlExpr    *order_by;
	SqlExpr    *limit;
	SqlExpr    *offset;
} SqlSelect;

/* The SQL type of values of a type; InvalidOid where it has none of its own. */
extern Oid	datom_datalog_sql_type(DatalogType type);

/* The types datom.value and datom.attribute. */
extern Oid	datom_datalog_value_type(void);
extern Oid	datom_datalog_attribute_type(void);

/* Expressions of a type, in the SQL type that belongs to it. */
extern SqlExpr *datom_sql_form(DatalogType type, const char *form, ...);	/* up to NULL */
extern SqlExpr *datom_sql_operator(DatalogType type, const char *form, ...);
extern SqlExpr *datom_sql_list(DatalogType type, const char *between, List *args);
extern SqlExpr *datom_sql_call(DatalogType type, const char *name, List *args);
extern SqlExpr *datom_sql_column(DatalogType type, SqlItem *item, const char *name);
extern SqlExpr *datom_sql_literal(const char *text, const char *type_name);
extern SqlExpr *datom_sql_cast(SqlExpr *expr, DatalogType type);
extern SqlExpr *datom_sql_cast_to(SqlExpr *expr, Oid type, int32 typmod);
extern SqlExpr *datom_sql_select(DatalogType type, const char *before, SqlSelect *select);
extern SqlExpr *datom_sql_bool(bool truth);

extern bool datom_sql_is_bool(const SqlExpr *expr, bool truth);

extern void datom_sql_add_output(SqlSelect *select, SqlExpr *expr, const char *name);

/* A column of that type, added to the item's; NULL: the name is made. */
extern SqlExpr *datom_sql_add_column(SqlItem *item, DatalogType type, const char *name);

extern char *datom_sql_print(const SqlSelect *select);

#endif
