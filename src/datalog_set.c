/*
 * datalog_set.c: whether the rows of a SELECT are a set already.
 *
 * A row is made of one row of each item of FROM. A scan of entities has one for
 * each entity and for each value that identifies; one of facts as of a moment, of one attribute, has one for each
 * entity and value. So if what tells these apart follows from the output, through
 * conditions that are equalities, no two rows have the same output. Sorting out
 * duplicates costs more than all the rest of a large query.
 */
#include "datalog_set.h"

typedef struct Known
{
	const SqlSelect *select;
	List	   *columns;		/* of SqlExpr: whose values follow */
	List	   *items;			/* of which the row follows */
} Known;

/* A value and what it is cast to tell each other, one kind at a time. */
static const SqlExpr *
strip(const SqlExpr *expr)
{
	while (expr->kind == SQL_CAST)
		expr = linitial(expr->args);
	return expr;
}

static bool
is_column(const SqlExpr *expr, const SqlItem *item, const char *name)
{
	return expr->kind == SQL_COLUMN && expr->item == item && strcmp(expr->text, name) == 0;
}

static bool
has_column(const Known *known, const SqlItem *item, const char *name)
{
	ListCell   *lc;

	if (list_member_ptr(known->items, item))
		return true;
	foreach(lc, known->columns)
		if (is_column(lfirst(lc), item, name))
			return true;
	return false;
}

static bool
follows(const Known *known, const SqlExpr *expr)
{
	if (expr->kind == SQL_PARAM || expr->kind == SQL_LITERAL)
		return true;
	return expr->kind == SQL_COLUMN && has_column(known, expr->item, expr->text);
}

static bool
is_equality(const SqlExpr *expr)
{
	return expr->kind == SQL_OPERATOR && strcmp(expr->text, "? = ?") == 0;
}

/* Takes one from the other; true if that is news. */
static bool
learn(Known *known, const SqlExpr *from, const SqlExpr *to)
{
	if (to->kind != SQL_COLUMN || !follows(known, from) || follows(known, to))
		return false;
	known->columns = lappend(known->columns, (void *) to);
	return true;
}

static bool
learn_equalities(Known *known)
{
	bool		news = false;
	ListCell   *lc;

	foreach(lc, known->select->where)
	{
		const SqlExpr *expr = lfirst(lc);

		if (is_equality(expr))
		{
			const SqlExpr *a = strip(linitial(expr->args));
			const SqlExpr *b = strip(lsecond(expr->args));

			news = learn(known, a, b) || learn(known, b, a) || news;
		}
	}
	return news;
}

static bool
has_key(const Known *known, const SqlItem *item)
{
	ListCell   *lc;

	foreach(lc, item->columns)
	{
		const SqlColumn *column = lfirst(lc);

		if (column->key && has_column(known, item, column->name))
			return true;
	}
	return false;
}

static bool
has_all(const Known *known, const SqlItem *item)
{
	ListCell   *lc;

	foreach(lc, item->columns)
		if (!has_column(known, item, ((SqlColumn *) lfirst(lc))->name))
			return false;
	return true;
}

static bool
is_told_apart(const Known *known, const SqlItem *item)
{
	switch (item->letter)
	{
		case 'e':
			return has_key(known, item);
		case 'f':
			return strcmp(item->call->text, "datom.as_of") == 0 &&
				has_column(known, item, "e") && has_column(known, item, "a") &&
				has_column(known, item, "v");
		case 't':
			return has_column(known, item, "tx");
		default:
			return item->is_set && has_all(known, item);
	}
}

static bool
learn_items(Known *known)
{
	bool		news = false;
	ListCell   *lc;

	foreach(lc, known->select->from)
		if (!list_member_ptr(known->items, lfirst(lc)) && is_told_apart(known, lfirst(lc)))
		{
			known->items = lappend(known->items, lfirst(lc));
			news = true;
		}
	return news;
}

bool
datom_sql_is_set(const SqlSelect *select, List *exprs)
{
	Known		known = {.select = select};
	bool		news = true;
	ListCell   *lc;

	foreach(lc, exprs)
	{
		const SqlExpr *expr = strip(lfirst(lc));

		if (expr->kind == SQL_COLUMN)
			known.columns = lappend(known.columns, (void *) expr);
	}
	while (news)
	{
		news = learn_equalities(&known);
		news = learn_items(&known) || news;
	}
	return list_length(known.items) == list_length(select->from);
}
