/*
 * The custom scan: a datom table, or a question about its past, in a plan.
 */
#ifndef DATOM_CUSTOM_SCAN_H
#define DATOM_CUSTOM_SCAN_H

#include "compat.h"
#include "nodes/pathnodes.h"

#include "scan.h"

typedef enum DatomQuestionKind
{
	QUESTION_ROWS,				/* the table itself */
	QUESTION_AS_OF,
	QUESTION_SINCE,
	QUESTION_HISTORY
} DatomQuestionKind;

/* What is asked, as it stands in a query. */
typedef struct DatomQuestion
{
	DatomQuestionKind kind;
	Oid			relid;
	Oid			funcid;			/* invalid: the table itself */
	Node	   *moment;			/* NULL: that in force, or none is needed */
	bool		late;			/* known only when the plan runs: it depends on rows */
	Oid			behalf;			/* of a function: whose rights count; see behalf.h */
	Oid			cast;			/* bounds on v cast to this are bounds on v; see bounds.h */
} DatomQuestion;

extern void datom_custom_scan_init(void);

/* The mode in which the question is scanned. */
extern DatomScanMode datom_question_mode(const DatomQuestion *question);

/*
 * A path of the relation without its costs; `order` is what the estimate named,
 * for EXPLAIN; `implied` are clauses that the relation need not meet, but may.
 */
extern CustomPath *datom_custom_path(RelOptInfo *rel, ParamPathInfo *param_info,
									 const DatomQuestion *question, const char *order,
									 List *implied);

#endif
