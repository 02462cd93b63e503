/*
 * choice.c: words as arguments, such as a convention.
 */
#include "choice.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"

#define KEY_LEN 40

/* False if it is longer than any word. */
static bool
make_key(const char *given, int len, char *key)
{
	int			n = 0;

	for (int i = 0; i < len; i++)
	{
		if (given[i] == '\0' || strchr(" ()._-", given[i]) != NULL)
			continue;
		if (n == KEY_LEN - 1)
			return false;
		key[n++] = pg_ascii_toupper((unsigned char) given[i]);
	}
	key[n] = '\0';
	for (char *at = key; (at = strstr(at, "ACTUAL")) != NULL; at++)
		memmove(at + 3, at + 6, strlen(at + 6) + 1);
	return true;
}

static const char *
names_of(const DatomWord *words)
{
	StringInfoData list;

	initStringInfo(&list);
	for (const DatomWord *word = words; word->key; word++)
		if (word->name)
			appendStringInfo(&list, "%s%s", list.len > 0 ? ", " : "", word->name);
	return list.data;
}

static int
find(const char *given, int len, const DatomWord *words, const char *what)
{
	char		key[KEY_LEN];

	if (make_key(given, len, key))
		for (const DatomWord *word = words; word->key; word++)
			if (strcmp(word->key, key) == 0)
				return word->value;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown %s \"%s\"", what,
					pnstrdup(given, pg_mbcliplen(given, len, 80))),
			 errhint("It is one of %s.", names_of(words))));
}

int
datom_choice(DatomChoice *last, const text *given,
			 const DatomWord *words, const char *what)
{
	const char *bytes = VARDATA_ANY(given);
	int			len = VARSIZE_ANY_EXHDR(given);

	if (last->known && last->len == len && memcmp(last->bytes, bytes, len) == 0)
		return last->value;
	last->value = find(bytes, len, words, what);
	last->known = len <= (int) sizeof(last->bytes);
	if (last->known)
		memcpy(last->bytes, bytes, last->len = len);
	return last->value;
}
