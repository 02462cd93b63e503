/*
 * Alternatives: the branches of an or, the bodies of a rule.
 */
#ifndef DATOM_DATALOG_BRANCH_H
#define DATOM_DATALOG_BRANCH_H

#include "compat.h"

#include "datalog_scope.h"

typedef struct DatalogBranch
{
	int			n;
	DatalogClause *const *clauses;
	List	   *bound;			/* of DatalogVar: what is given to it */
	const char **outs;			/* names of what it gives, as many as the others */
} DatalogBranch;

/* How a branch sees what is around it. */
typedef struct DatalogView
{
	DatalogContext *context;
	DatalogScope *outer;		/* NULL: not at all */
	bool		sees_all;
	List	   *seen;
	const char *source;
} DatalogView;

/* What a branch becomes, without its outputs. */
extern DatalogScope *datom_branch_scope(const DatalogView *view, const DatalogBranch *branch);

/*
 * The rows of all branches, with nout columns c1, c2, ... of types that hold those
 * of each; duplicates stay.
 */
extern SqlSelect *datom_branches_rows(const DatalogView *view, List *branches, int nout,
									  DatalogType *types);

/* Rows of branches whose scopes are compiled. */
extern SqlSelect *datom_scopes_rows(List *scopes, List *branches, int nout, DatalogType *types);

/* Has any of the branches a row? */
extern SqlExpr *datom_branches_exist(const DatalogView *view, List *branches);

/* Has the scope a row, or not? Its conditions alone, where there is no item. */
extern SqlExpr *datom_scope_exists(DatalogScope *scope);
extern SqlExpr *datom_sql_not(SqlExpr *condition);

/*
 * Holds if the rows have one that is equal to these expressions, which are those of
 * `scope`.
 */
extern SqlExpr *datom_rows_have(DatalogScope *scope, SqlSelect *rows, int n,
								const DatalogType *types, SqlExpr **exprs);

/* An item of the rows in the scope, and its columns. */
extern SqlExpr **datom_rows_item(DatalogScope *scope, SqlSelect *rows, int n,
								 const DatalogType *types, bool lateral);

#endif
