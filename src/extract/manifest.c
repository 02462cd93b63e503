/*
 * manifest.c: plans to JSON and back.
 *
 * While an extract runs, the same text with the parts that are there is its
 * state: a run that is resumed reads what the one before has written, and
 * refuses if it was asked for something else.
 */
#include "manifest.h"

#include <stddef.h>

#include "common/jsonapi.h"
#include "mb/pg_wchar.h"

typedef enum Kind
{
	TEXT, NUMBER, TRUTH, PAIRS
} Kind;

static const struct Field
{
	const char *name;
	Kind		kind;
	size_t		offset;
	bool		argument;		/* the same whenever it is resumed */
}			fields[] =
{
	{"query", TEXT, offsetof(DatomPlan, query), true},
	{"variables", PAIRS, offsetof(DatomPlan, variables), true},
	{"settings", PAIRS, offsetof(DatomPlan, settings), true},
	{"as_of", TEXT, offsetof(DatomPlan, as_of), true},
	{"basis", TEXT, offsetof(DatomPlan, basis), false},
	{"shards", NUMBER, offsetof(DatomPlan, shards), true},
	{"shard_by", TEXT, offsetof(DatomPlan, shard_by), true},
	{"shard_column", TEXT, offsetof(DatomPlan, shard_column), true},
	{"order_by", TEXT, offsetof(DatomPlan, order_by), true},
	{"format", TEXT, offsetof(DatomPlan, format), true},
	{"header", TRUTH, offsetof(DatomPlan, header), true},
	{"database", TEXT, offsetof(DatomPlan, database), false},
	{"system_identifier", TEXT, offsetof(DatomPlan, system), false},
	{"server_version", TEXT, offsetof(DatomPlan, server_version), false},
	{"started", TEXT, offsetof(DatomPlan, started), false},
	{"finished", TEXT, offsetof(DatomPlan, finished), false},
};

#define AT(plan, field, type) ((type *) ((char *) (plan) + (field)->offset))

static void
write_text(PQExpBuffer out, const char *text)
{
	if (text == NULL)
	{
		appendPQExpBufferStr(out, "null");
		return;
	}
	appendPQExpBufferChar(out, '"');
	for (; *text; text++)
	{
		if (*text == '"' || *text == '\\')
			appendPQExpBuffer(out, "\\%c", *text);
		else if (*text == '\n')
			appendPQExpBufferStr(out, "\\n");
		else if ((unsigned char) *text < ' ')
			appendPQExpBuffer(out, "\\u%04x", *text);
		else
			appendPQExpBufferChar(out, *text);
	}
	appendPQExpBufferChar(out, '"');
}

static void
write_pairs(PQExpBuffer out, const DatomPairs *pairs)
{
	appendPQExpBufferChar(out, '{');
	for (int i = 0; i < pairs->count; i++)
	{
		appendPQExpBufferStr(out, i ? ", " : "");
		write_text(out, pairs->items[i].name);
		appendPQExpBufferStr(out, ": ");
		write_text(out, pairs->items[i].value);
	}
	appendPQExpBufferChar(out, '}');
}

static void
write_field(PQExpBuffer out, const DatomPlan *plan, const struct Field *field)
{
	switch (field->kind)
	{
		case TEXT:
			write_text(out, *AT(plan, field, char *));
			break;
		case NUMBER:
			appendPQExpBuffer(out, INT64_FORMAT, *AT(plan, field, int64));
			break;
		case TRUTH:
			appendPQExpBufferStr(out, *AT(plan, field, bool) ? "true" : "false");
			break;
		case PAIRS:
			write_pairs(out, AT(plan, field, DatomPairs));
			break;
	}
}

static void
write_files(PQExpBuffer out, const DatomPlan *plan)
{
	const char *between = "";

	for (int i = 0; i < plan->shards; i++)
	{
		const DatomPart *part = &plan->parts[i];
		char	   *name;

		if (!part->done)
			continue;
		name = datom_plan_part_name(plan, i);
		appendPQExpBuffer(out, "%s\n    {\"shard\": %d, \"file\": \"%s\", \"rows\": " INT64_FORMAT
						  ", \"bytes\": " INT64_FORMAT ", \"sha256\": \"%s\"}",
						  between, i, name, part->rows, part->bytes, part->sha256);
		between = ",";
		pg_free(name);
	}
}

void
datom_manifest_write(const DatomPlan *plan, PQExpBuffer out)
{
	int64		rows,
				bytes;

	(void) datom_plan_done(plan, &rows, &bytes);
	appendPQExpBufferStr(out, "{\n");
	for (int i = 0; i < (int) lengthof(fields); i++)
	{
		appendPQExpBuffer(out, "  \"%s\": ", fields[i].name);
		write_field(out, plan, &fields[i]);
		appendPQExpBufferStr(out, ",\n");
	}
	appendPQExpBuffer(out, "  \"rows\": " INT64_FORMAT ",\n  \"bytes\": " INT64_FORMAT ",\n  \"files\": [",
					  rows, bytes);
	write_files(out, plan);
	appendPQExpBufferStr(out, "\n  ]\n}\n");
}

/*
 * Reading
 */

typedef struct Reader
{
	DatomPlan  *plan;
	int			depth;
	char	   *field;			/* of the whole */
	char	   *key;			/* of what is in it */
	DatomPart  *part;			/* the file that is being read */
	bool		bad;
} Reader;

static void
begin_object(void *arg)
{
	Reader	   *reader = arg;

	reader->depth++;
	reader->part = NULL;
}

static void
end_object(void *arg)
{
	((Reader *) arg)->depth--;
}

static void
begin_field(void *arg, char *name, bool isnull)
{
	Reader	   *reader = arg;

	*(reader->depth == 1 ? &reader->field : &reader->key) = name;
}

static void
read_field(DatomPlan *plan, const struct Field *field, char *value)
{
	switch (field->kind)
	{
		case TEXT:
			*AT(plan, field, char *) = value;
			break;
		case NUMBER:
			*AT(plan, field, int64) = value ? strtoll(value, NULL, 10) : 0;
			break;
		case TRUTH:
			*AT(plan, field, bool) = value && strcmp(value, "true") == 0;
			break;
		case PAIRS:
			break;
	}
}

/* "shard" comes before the rest of a file, and "shards" before all files. */
static void
read_file(Reader *reader, const char *value)
{
	if (strcmp(reader->key, "shard") == 0)
	{
		int64		shard = strtoll(value, NULL, 10);

		if (reader->plan->parts == NULL || shard < 0 || shard >= reader->plan->shards)
			reader->bad = true;
		else
			reader->part = &reader->plan->parts[shard];
	}
	else if (reader->part == NULL)
		reader->bad = true;
	else if (strcmp(reader->key, "rows") == 0)
		reader->part->rows = strtoll(value, NULL, 10);
	else if (strcmp(reader->key, "bytes") == 0)
		reader->part->bytes = strtoll(value, NULL, 10);
	else if (strcmp(reader->key, "sha256") == 0)
	{
		reader->part->sha256 = pg_strdup(value);
		reader->part->done = true;
	}
}

static void
read_scalar(void *arg, char *value, JsonTokenType type)
{
	Reader	   *reader = arg;

	if (type == JSON_TOKEN_NULL)
		value = NULL;
	if (reader->depth == 2 && strcmp(reader->field, "files") == 0 && value)
		read_file(reader, value);
	for (int i = 0; i < (int) lengthof(fields); i++)
	{
		if (reader->depth == 0 || strcmp(reader->field, fields[i].name) != 0)
			continue;
		if (reader->depth == 1)
			read_field(reader->plan, &fields[i], value);
		else if (fields[i].kind == PAIRS && value)
			datom_pairs_add(AT(reader->plan, &fields[i], DatomPairs), reader->key, value);
		if (fields[i].kind == NUMBER && reader->plan->parts == NULL)
		{
			if (reader->plan->shards < 1 || reader->plan->shards > DATOM_MAX_SHARDS)
				reader->bad = true;
			else
				datom_plan_set_shards(reader->plan, reader->plan->shards);
		}
	}
}

/* Fills an empty plan; false if the text is no manifest. */
bool
datom_manifest_read(DatomPlan *plan, char *json, int len)
{
	Reader		reader = {.plan = plan};
	JsonSemAction actions = {
		.semstate = &reader, .object_start = begin_object, .object_end = end_object,
		.object_field_start = begin_field, .scalar = read_scalar
	};
	JsonLexContext *lex = makeJsonLexContextCstringLen(json, len, PG_UTF8, true);

	return pg_parse_json(lex, &actions) == JSON_SUCCESS && !reader.bad &&
		plan->parts != NULL && plan->query != NULL && plan->format != NULL;
}

static bool
same_field(const DatomPlan *a, const DatomPlan *b, const struct Field *field)
{
	PQExpBuffer texts[] = {createPQExpBuffer(), createPQExpBuffer()};
	bool		same;

	write_field(texts[0], a, field);
	write_field(texts[1], b, field);
	same = strcmp(texts[0]->data, texts[1]->data) == 0;
	destroyPQExpBuffer(texts[0]);
	destroyPQExpBuffer(texts[1]);
	return same;
}

/* The name of the first argument that differs; NULL if all are the same. */
const char *
datom_manifest_difference(const DatomPlan *a, const DatomPlan *b)
{
	for (int i = 0; i < (int) lengthof(fields); i++)
		if (fields[i].argument && !same_field(a, b, &fields[i]))
			return fields[i].name;
	return NULL;
}
