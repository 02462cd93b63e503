/*
 * pit.c: datom.pit(), labels with entities as they stood at the labels' moments.
 *
 * Labels are read once and sorted by entity, the past of entities comes in the
 * same order, and the two are merged. Three ways, with the same rows:
 *
 *	blocks	by the order AEVT, see pit_blocks.c; a row is made of places, or where a
 *			column is more than one value of one fact, of states
 *	few		each entity by itself, where labels are few
 *	log		without orders, or with a tail too long to be kept
 *
 * Rights come first: those of the caller to the columns of both that are read, then
 * those of the entity table's owner. Then the entity table is locked, and labels
 * are read, since the latest moment among them is to be settled: one snapshot
 * that knows all about it knows all about each.
 */
#include "compat.h"

#include "access/table.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "db.h"
#include "entities.h"
#include "pit_blocks.h"
#include "pit_labels.h"
#include "pit_states.h"

enum
{
	ARG_LABELS,
	ARG_E,
	ARG_AT,
	ARG_ENTITY,
	ARG_EVENT_TIME,
	ARG_KNOWN,
	ARG_MAX_AGE,
	ARG_INCLUSIVE
};

/* A label that costs more by itself than as many blocks cost with all others. */
#define BLOCKS_OF_LABEL 3

typedef enum OutputKind
{
	OUTPUT_LABEL,
	OUTPUT_ENTITY,
	OUTPUT_VALID_FROM
} OutputKind;

/* A column of the result. */
typedef struct Output
{
	OutputKind	kind;
	int			column;			/* its place in labels, or of the entity table */
} Output;

/* Labels that wait for the values of the batch. */
typedef struct Waiting
{
	MemoryContext context;
	int			n;
	DatomPitLabel labels[DATOM_PIT_BATCH];
	bool		is_row[DATOM_PIT_BATCH];
} Waiting;

typedef struct Pit
{
	DatomPitQuery query;
	Oid			entity;
	bool		whole;			/* all columns of the entity table count */
	const Interval *max_age;
	DatomPitColumn event;		/* number 0: none */
	DatomPitColumn *read;		/* of the entity table */
	int			nread;

	ReturnSetInfo *result;
	int			noutputs;
	Output	   *outputs;
	Datum	   *values;			/* of one row */
	bool	   *nulls;

	Relation	foreign;
	Relation	db;
	DatomEntityTable *table;
	bool	   *needed;
	DatomSettled settled;
	DatomPitLabels *labels;
	DatomPitLabel label;		/* the next one */
	bool		more;			/* there is one */
	DatomPitStates *states;
	DatomReader *reader;		/* NULL: not asked yet */
	Waiting		waiting;
} Pit;

/*
 * Columns
 */

static void
refuse_type(const char *name, Oid type, int32 typmod, const char *what, const char *rel)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("column \"%s\" of \"%s\" is of type %s, and not %s", name, rel,
					format_type_with_typemod(type, typmod), what)));
}

static DatomPitColumn
need_column(Oid relid, const char *name)
{
	DatomPitColumn column;

	if (!datom_pit_column(relid, name, &column))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" of relation \"%s\" does not exist", name,
						get_rel_name(relid))));
	return column;
}

static DatomPitColumn
need_entity(Oid relid, const char *name)
{
	DatomPitColumn column = need_column(relid, name);

	if (column.type != INT8OID && column.type != INT4OID)
		refuse_type(name, column.type, column.typmod, "bigint or integer", get_rel_name(relid));
	return column;
}

static DatomPitColumn
need_moment(Oid relid, const char *name)
{
	DatomPitColumn column = need_column(relid, name);

	if (column.type != TIMESTAMPTZOID && column.type != INT8OID)
		refuse_type(name, column.type, column.typmod, "timestamp with time zone or bigint",
					get_rel_name(relid));
	return column;
}

static DatomPitColumn
need_event_time(Oid relid, const char *name)
{
	DatomPitColumn column = need_column(relid, name);

	if (column.type != TIMESTAMPTZOID && column.type != DATEOID)
		refuse_type(name, column.type, column.typmod, "timestamp with time zone or date",
					get_rel_name(relid));
	return column;
}

/* A result without a modifier takes values with any. */
static void
match_type(Form_pg_attribute result, const DatomPitColumn *column, Oid relid)
{
	if (result->atttypid != column->type ||
		(result->atttypmod != -1 && result->atttypmod != column->typmod))
		refuse_type(column->name, column->type, column->typmod,
					format_type_with_typemod(result->atttypid, result->atttypmod),
					get_rel_name(relid));
}

#define ENTITY_PREFIX "entity_"

/* A column of the entity table, by its name or with the prefix. */
static bool
find_in_entity(Oid relid, const char *name, DatomPitColumn *column)
{
	int			len = strlen(ENTITY_PREFIX);

	return datom_pit_column(relid, name, column) ||
		(strncmp(name, ENTITY_PREFIX, len) == 0 && datom_pit_column(relid, name + len, column));
}

static int
add_column(DatomPitColumn *list, int *n, DatomPitColumn column)
{
	for (int i = 0; i < *n; i++)
		if (list[i].number == column.number)
			return i;
	list[*n] = column;
	return (*n)++;
}

/* What a column of the result shows, by its name. */
static Output
find_output(Pit *pit, Form_pg_attribute att, DatomPitColumn *columns)
{
	const char *name = NameStr(att->attname);
	DatomPitColumn column;

	if (datom_pit_column(pit->query.relid, name, &column))
	{
		match_type(att, &column, pit->query.relid);
		return (Output) {
			OUTPUT_LABEL, add_column(columns, &pit->query.ncolumns, column)
		};
	}
	if (find_in_entity(pit->entity, name, &column))
	{
		match_type(att, &column, pit->entity);
		return (Output) {
			OUTPUT_ENTITY, add_column(pit->read, &pit->nread, column)
		};
	}
	if (strcmp(name, "valid_from") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("neither \"%s\" nor \"%s\" has a column \"%s\"",
						get_rel_name(pit->query.relid), get_rel_name(pit->entity), name)));
	if (att->atttypid != TIMESTAMPTZOID)
		refuse_type(name, TIMESTAMPTZOID, -1,
					format_type_with_typemod(att->atttypid, att->atttypmod),
					get_rel_name(pit->entity));
	pit->whole = true;
	return (Output) {
		OUTPUT_VALID_FROM, 0
	};
}

static void
find_columns(Pit *pit, TupleDesc desc)
{
	DatomPitColumn *columns = palloc(sizeof(DatomPitColumn) * (desc->natts + 1));

	pit->read = palloc(sizeof(DatomPitColumn) * (desc->natts + 1));
	pit->outputs = palloc(sizeof(Output) * Max(desc->natts, 1));
	pit->noutputs = desc->natts;
	for (int i = 0; i < desc->natts; i++)
		pit->outputs[i] = find_output(pit, TupleDescAttr(desc, i), columns);
	if (pit->event.number != InvalidAttrNumber)
		(void) add_column(pit->read, &pit->nread, pit->event);
	pit->query.columns = columns;
}

/*
 * Arguments
 */

static void
refuse_nulls(FunctionCallInfo fcinfo)
{
	static const struct
	{
		int			number;
		const char *name;
	}			needed[] = {
		{ARG_LABELS, "labels"}, {ARG_E, "e"}, {ARG_AT, "at"}, {ARG_ENTITY, "entity"},
		{ARG_INCLUSIVE, "inclusive"}
	};

	for (int i = 0; i < (int) lengthof(needed); i++)
		if (PG_ARGISNULL(needed[i].number))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("\"%s\" must not be null", needed[i].name)));
}

static const char *
name_arg(FunctionCallInfo fcinfo, int number)
{
	return NameStr(*PG_GETARG_NAME(number));
}

static const Interval *
read_max_age(FunctionCallInfo fcinfo)
{
	static const Interval zero;
	Interval   *max_age;

	if (PG_ARGISNULL(ARG_MAX_AGE))
		return NULL;
	max_age = PG_GETARG_INTERVAL_P(ARG_MAX_AGE);
	if (DatumGetBool(DirectFunctionCall2(interval_lt, IntervalPGetDatum(max_age),
										 IntervalPGetDatum(&zero))))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"max_age\" must not be negative")));
	return max_age;
}

static void
read_arguments(FunctionCallInfo fcinfo, Pit *pit)
{
	refuse_nulls(fcinfo);
	pit->query.relid = PG_GETARG_OID(ARG_LABELS);
	pit->entity = PG_GETARG_OID(ARG_ENTITY);
	pit->query.inclusive = PG_GETARG_BOOL(ARG_INCLUSIVE);
	pit->max_age = read_max_age(fcinfo);
	datom_pit_require(pit->query.relid, NULL, 0);
	datom_pit_require(pit->entity, NULL, 0);
	if (!datom_entity_table_is(pit->entity))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not an entity table", get_rel_name(pit->entity))));
	pit->query.e = need_entity(pit->query.relid, name_arg(fcinfo, ARG_E));
	pit->query.at = need_moment(pit->query.relid, name_arg(fcinfo, ARG_AT));
	if (!PG_ARGISNULL(ARG_EVENT_TIME))
		pit->event = need_event_time(pit->entity, name_arg(fcinfo, ARG_EVENT_TIME));
	if (!PG_ARGISNULL(ARG_KNOWN))
	{
		if (PG_ARGISNULL(ARG_EVENT_TIME))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("\"known\" is of no use without \"event_time\""),
					 errhint("Without it \"at\" is the moment up to which facts are known.")));
		pit->query.known = need_moment(pit->query.relid, name_arg(fcinfo, ARG_KNOWN));
	}
	pit->whole = pit->max_age && pit->event.number == InvalidAttrNumber;
}

/* Of the caller, to what is read of both. */
static void
check_rights(Pit *pit)
{
	DatomPitColumn *columns = palloc(sizeof(DatomPitColumn) * (pit->query.ncolumns + 3));
	int			n = 0;

	for (int i = 0; i < pit->query.ncolumns; i++)
		columns[n++] = pit->query.columns[i];
	columns[n++] = pit->query.e;
	columns[n++] = pit->query.at;
	columns[n++] = pit->query.known;
	datom_pit_require(pit->query.relid, columns, n);
	if (!pit->whole)
		datom_pit_require(pit->entity, pit->read, pit->nread);
	else if (!datom_entities_readable(pit->entity))
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_FOREIGN_TABLE, get_rel_name(pit->entity));
}

/*
 * The entity table
 */

static int
column_of(const DatomEntityTable *table, AttrNumber number)
{
	for (int i = 0; i < table->ncolumns; i++)
		if (table->columns[i].number == number)
			return i;
	return -1;
}

/* Columns were looked up before the table was locked. */
static int
locked_column(const Pit *pit, const DatomPitColumn *column)
{
	int			i = column_of(pit->table, column->number);

	if (i < 0 || TupleDescAttr(RelationGetDescr(pit->foreign), column->number - 1)->atttypid !=
		column->type)
		datom_pit_refuse_changed(pit->entity, column->name);
	return i;
}

static void
open_tables(Pit *pit)
{
	pit->foreign = table_open(pit->entity, AccessShareLock);
	pit->table = datom_entity_table(pit->foreign);
	pit->db = table_open(pit->table->db, AccessShareLock);
	pit->query.db = pit->table->db;
	pit->needed = palloc(sizeof(bool) * Max(pit->table->ncolumns, 1));
	memset(pit->needed, pit->whole, sizeof(bool) * pit->table->ncolumns);
	for (int i = 0; i < pit->nread; i++)
		pit->needed[locked_column(pit, &pit->read[i])] = true;
	datom_entity_require_attributes(pit->table, pit->db, pit->needed);
	for (int i = 0; i < pit->noutputs; i++)
		if (pit->outputs[i].kind == OUTPUT_ENTITY)
			pit->outputs[i].column = column_of(pit->table, pit->read[pit->outputs[i].column].number);
}

static DatomReader *
reader(Pit *pit)
{
	if (pit->reader == NULL)
		pit->reader = datom_facts_reader_past(pit->db, pit->settled.snapshot, pit->settled.at);
	return pit->reader;
}

/*
 * Rows
 */

static void
put_row(Pit *pit)
{
	tuplestore_putvalues(pit->result->setResult, pit->result->setDesc, pit->values, pit->nulls);
}

/* The next label with a state; NULL: with none. */
static void
put_state(Pit *pit, const DatomPitState *state)
{
	const DatomPitLabel *label = &pit->label;

	for (int i = 0; i < pit->noutputs; i++)
	{
		const Output *output = &pit->outputs[i];

		pit->nulls[i] = output->kind != OUTPUT_LABEL && state == NULL;
		if (pit->nulls[i])
			continue;
		switch (output->kind)
		{
			case OUTPUT_LABEL:
				pit->values[i] = label->values[output->column];
				pit->nulls[i] = label->nulls[output->column];
				break;
			case OUTPUT_ENTITY:
				pit->values[i] = state->values[output->column];
				pit->nulls[i] = state->nulls[output->column];
				break;
			case OUTPUT_VALID_FROM:
				pit->values[i] = TimestampTzGetDatum(state->from);
				break;
		}
	}
	put_row(pit);
}

/* Goes to the next one that asks. */
static void
next_label(Pit *pit)
{
	while ((pit->more = datom_pit_labels_next(pit->labels, &pit->label)) && !pit->label.asks)
		put_state(pit, NULL);
}

/* Is there one about an entity up to this one? */
static bool
is_asked(const Pit *pit, int64 e)
{
	return pit->more && pit->label.e <= e;
}

/*
 * Labels that wait
 */

/* The next label, whose row the batch has if it is one. */
static void
wait_for_values(Pit *pit, bool is_row)
{
	Waiting    *waiting = &pit->waiting;
	MemoryContext old = MemoryContextSwitchTo(waiting->context);

	waiting->labels[waiting->n] = pit->label;
	datom_pit_labels_keep(pit->labels, &waiting->labels[waiting->n]);
	waiting->is_row[waiting->n++] = is_row;
	MemoryContextSwitchTo(old);
}

/* Puts out the labels that wait with the values of the batch. */
static void
put_waiting(Pit *pit, DatomPitBlocks *blocks)
{
	Waiting    *waiting = &pit->waiting;
	const Datum **values = palloc0(sizeof(Datum *) * Max(pit->noutputs, 1));
	const bool **nulls = palloc0(sizeof(bool *) * Max(pit->noutputs, 1));
	int			row = 0;

	for (int i = 0; i < pit->noutputs; i++)
		if (pit->outputs[i].kind == OUTPUT_ENTITY)
			datom_pit_blocks_values(blocks, pit->outputs[i].column, &values[i], &nulls[i]);
	for (int k = 0; k < waiting->n; k++)
	{
		for (int i = 0; i < pit->noutputs; i++)
		{
			int			place = pit->outputs[i].column;
			bool		of_label = pit->outputs[i].kind == OUTPUT_LABEL;

			pit->nulls[i] = of_label ? waiting->labels[k].nulls[place] :
				!waiting->is_row[k] || nulls[i][row];
			if (!pit->nulls[i])
				pit->values[i] = of_label ? waiting->labels[k].values[place] : values[i][row];
		}
		put_row(pit);
		row += waiting->is_row[k];
	}
	waiting->n = 0;
	MemoryContextReset(waiting->context);
	datom_pit_blocks_clear(blocks);
	pfree(values);
	pfree(nulls);
}

/*
 * By blocks, or few
 */

/* Goes to the entity of a label: true if its rows are made of places. */
static bool
go_to(Pit *pit, DatomPitBlocks *blocks, int64 e)
{
	if (blocks && datom_pit_blocks_go(blocks, e))
	{
		if (datom_pit_blocks_simple(blocks) && !pit->whole && pit->event.number == 0)
			return true;
		datom_pit_blocks_states(blocks, pit->states);
	}
	else
		datom_pit_states_read(pit->states, reader(pit), e);
	return false;
}

/* NULL: the entities one by one. */
static void
merge_entities(Pit *pit, DatomPitBlocks *blocks)
{
	bool		any = false;
	bool		by_places = false;
	int64		e = 0;

	for (; is_asked(pit, PG_INT64_MAX); next_label(pit))
	{
		bool		other = !any || e != pit->label.e;

		e = pit->label.e;
		any = true;
		if (pit->waiting.n == DATOM_PIT_BATCH ||
			(pit->waiting.n > 0 && other && !datom_pit_blocks_reach(blocks, e)))
			put_waiting(pit, blocks);
		if (other)
			by_places = go_to(pit, blocks, e);
		if (by_places)
			wait_for_values(pit, datom_pit_blocks_add(blocks, pit->label.known));
		else
			put_state(pit, datom_pit_states_find(pit->states, &pit->label));
	}
	if (pit->waiting.n > 0)
		put_waiting(pit, blocks);
}

/*
 * By the log
 */

typedef struct LogWay
{
	Pit		   *pit;
	bool		wanted;			/* a label asks about the entity at hand */
	int64		e;
} LogWay;

static void
end_entity(LogWay *way)
{
	Pit		   *pit = way->pit;

	if (!way->wanted)
		return;
	datom_pit_states_end(pit->states);
	for (; is_asked(pit, way->e); next_label(pit))
		put_state(pit, datom_pit_states_find(pit->states, &pit->label));
	way->wanted = false;
}

static void
take_facts(void *arg, int64 e, Datum a, const DatomFact *facts, int n)
{
	LogWay	   *way = arg;
	Pit		   *pit = way->pit;
	struct varlena *ident = (struct varlena *) DatumGetPointer(a);

	if (!way->wanted || way->e != e)
	{
		end_entity(way);
		for (; is_asked(pit, e - 1); next_label(pit))
			put_state(pit, NULL);
		if (!is_asked(pit, e))
			return;
		way->wanted = true;
		way->e = e;
		datom_pit_states_begin(pit->states, e);
	}
	datom_pit_states_take(pit->states, VARDATA_ANY(ident), VARSIZE_ANY_EXHDR(ident), facts, n);
}

static void
merge_log(Pit *pit)
{
	LogWay		way = {.pit = pit};

	datom_db_facts(pit->db, &pit->settled, take_facts, &way);
	end_entity(&way);
	for (; pit->more; next_label(pit))
		put_state(pit, NULL);
}

/*
 * Answering
 */

static void
merge(Pit *pit, int64 least, int64 most)
{
	DatomPitBlocks *blocks = NULL;

	if (datom_pit_labels_count(pit->labels) * BLOCKS_OF_LABEL < datom_pit_blocks_count(pit->db))
	{
		merge_entities(pit, NULL);
		return;
	}
	blocks = datom_pit_blocks_open(pit->db, pit->table, pit->needed, &pit->settled, least, most);
	if (blocks == NULL)
	{
		merge_log(pit);
		return;
	}
	pit->waiting.context = AllocSetContextCreate(CurrentMemoryContext, "datom waiting labels",
												 ALLOCSET_DEFAULT_SIZES);
	merge_entities(pit, blocks);
	datom_pit_blocks_close(blocks);
	MemoryContextDelete(pit->waiting.context);
}

static void
answer_asking(Pit *pit, int64 least, int64 most)
{
	int			event = pit->event.number == InvalidAttrNumber ? -1 :
		column_of(pit->table, pit->event.number);

	pit->settled = datom_settle_instant(pit->table->db, datom_pit_labels_known(pit->labels));
	pit->states = datom_pit_states_make(pit->db, pit->table, pit->needed, &pit->settled, event,
										pit->max_age);
	merge(pit, least, most);
	datom_pit_states_free(pit->states);
	if (pit->reader)
		datom_facts_end(pit->reader);
	datom_settled_end(&pit->settled);
}

static void
answer(Pit *pit)
{
	int64		least;
	int64		most;

	pit->values = palloc(sizeof(Datum) * Max(pit->noutputs, 1));
	pit->nulls = palloc(sizeof(bool) * Max(pit->noutputs, 1));
	pit->labels = datom_pit_labels_read(&pit->query);
	for (int i = 0; i < pit->noutputs; i++)
		if (pit->outputs[i].kind == OUTPUT_LABEL)
			pit->outputs[i].column = datom_pit_labels_place(pit->labels, pit->outputs[i].column);
	next_label(pit);
	if (datom_pit_labels_range(pit->labels, &least, &most))
		answer_asking(pit, least, most);
	datom_pit_labels_end(pit->labels);
}

PG_FUNCTION_INFO_V1(datom_pit);

/*
 * datom.pit(labels, e, at, entity [, event_time, known, max_age, inclusive]): each
 * row of `labels` once, with the row of the entity table `entity` for the entity in
 * column `e` as it stood at the moment in column `at`, or with nulls if there was
 * none, or if one of these columns is null. The columns that the query defines are
 * found by name: those of labels, then those of the entity table, then these with
 * "entity_" before them, then "valid_from", the instant since which the row as a
 * whole has held. `at` is an instant or the number of a transaction.
 *
 * With event_time, a column of the entity table: of the states that had begun at
 * `at`, or in column `known` of labels, the one with the latest event time up to
 * `at`; of equal ones the one that began last.
 *
 * max_age: what has held, or happened, longer than that before `at` does not
 * count. inclusive false: moments do not include themselves.
 *
 * Errors: 42703 unknown columns, 42804 columns of other types, 42809 what is not a
 * table or not an entity table, 42501 without SELECT on the columns that are read,
 * all that as_of() says of the latest moment that labels ask about.
 */
Datum
datom_pit(PG_FUNCTION_ARGS)
{
	MemoryContext context;
	MemoryContext old;
	Pit		   *pit;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	context = AllocSetContextCreate(CurrentMemoryContext, "datom labels and entities",
									ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	pit = palloc0(sizeof(Pit));
	pit->result = (ReturnSetInfo *) fcinfo->resultinfo;
	read_arguments(fcinfo, pit);
	find_columns(pit, pit->result->setDesc);
	check_rights(pit);
	open_tables(pit);
	answer(pit);
	table_close(pit->db, AccessShareLock);
	table_close(pit->foreign, NoLock);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return (Datum) 0;
}
