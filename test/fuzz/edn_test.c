/*
 * edn_test.c: unit tests of the EDN reader, without a server.
 *
 *	gcc -std=c99 -DDATOM_STANDALONE edn_test.c edn.c edn_lex.c -o edn_test
 *	./edn_test
 *	valgrind ./edn_test 1 60
 *
 * Prints what fails and the number of tests; exits non-zero if any failed.
 */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "arena.h"
#include "edn.h"

static int	passed;
static int	failed;

/* ---- checks ---- */

static void
report(bool good, const char *test, const char *got)
{
	if (good)
		passed++;
	else
	{
		failed++;
		printf("failed: %s\n   got: %s\n", test, got);
	}
}

/*
 * The tree written out in full: kind@position, then the text or, in brackets,
 * the items.
 */
static void
describe(const Edn *form, char *out, size_t size)
{
	size_t		len;
	int			i;

	snprintf(out, size, "%s@%d%s%s%s", datom_edn_kind_name(form->kind), form->pos,
			 form->text != NULL ? "<" : "", form->text != NULL ? form->text : "",
			 form->text != NULL ? ">" : "");
	if (form->text != NULL && strlen(form->text) != (size_t) form->len)
		strncat(out, " wrong length", size - strlen(out) - 1);
	for (i = 0; i < form->count; i++)
	{
		strncat(out, i == 0 ? "(" : " ", size - strlen(out) - 1);
		len = strlen(out);
		describe(form->items[i], out + len, size - len);
	}
	if (form->count > 0)
		strncat(out, ")", size - strlen(out) - 1);
}

static void
good_bytes(const char *src, size_t len, const char *expected)
{
	char		got[4096];
	EdnError	err;
	Edn		   *form = datom_edn_read(src, len, arena_alloc, &err);

	if (form == NULL)
		snprintf(got, sizeof(got), "%s %s at %d", err.sqlstate, err.message, err.pos);
	else
		describe(form, got, sizeof(got));
	report(strcmp(got, expected) == 0, src, got);
	arena_free();
}

static void
good(const char *src, const char *expected)
{
	good_bytes(src, strlen(src), expected);
}

static void
bad_bytes(const char *src, size_t len, const char *sqlstate, int pos,
		  const char *message)
{
	char		got[4096];
	EdnError	err;
	Edn		   *form = datom_edn_read(src, len, arena_alloc, &err);
	bool		same = false;

	if (form != NULL)
		describe(form, got, sizeof(got));
	else
	{
		snprintf(got, sizeof(got), "%s %s at %d", err.sqlstate, err.message, err.pos);
		same = strcmp(err.sqlstate, sqlstate) == 0 && err.pos == pos &&
			strcmp(err.message, message) == 0;
	}
	report(same, src, got);
	arena_free();
}

static void
bad(const char *src, int pos, const char *message)
{
	bad_bytes(src, strlen(src), "22P02", pos, message);
}

static void
bad_encoding(const char *src, size_t len, int pos, const char *message)
{
	bad_bytes(src, len, "22021", pos, message);
}

static void
integer(const char *src, int64 expected)
{
	EdnError	err;
	Edn		   *form = datom_edn_read(src, strlen(src), arena_alloc, &err);

	report(form != NULL && form->kind == EDN_INT && form->integer == expected,
		   src, "another integer");
	arena_free();
}

static void
real(const char *src, double expected)
{
	EdnError	err;
	Edn		   *form = datom_edn_read(src, strlen(src), arena_alloc, &err);

	report(form != NULL && form->kind == EDN_DOUBLE &&
		   (isnan(expected) ? isnan(form->real) :
			form->real == expected && !signbit(form->real) == !signbit(expected)),
		   src, "another double");
	arena_free();
}

static void
truth(const char *src, bool expected)
{
	EdnError	err;
	Edn		   *form = datom_edn_read(src, strlen(src), arena_alloc, &err);

	report(form != NULL && form->kind == EDN_BOOL && form->truth == expected,
		   src, "another truth");
	arena_free();
}

static void
keyword(const char *text, bool valid)
{
	report(datom_edn_keyword_valid(text, (int) strlen(text)) == valid,
		   text, valid ? "not valid" : "valid");
}

/* ---- good inputs ---- */

static void
good_words(void)
{
	good("nil", "nil@1<nil>");
	good("true", "boolean@1<true>");
	good("false", "boolean@1<false>");
	truth("true", true);
	truth("false", false);
	good("nill", "symbol@1<nill>");
	good("foo", "symbol@1<foo>");
	good("foo/bar", "symbol@1<foo/bar>");
	good("/", "symbol@1</>");
	good("?x", "symbol@1<?x>");
	good("$", "symbol@1<$>");
	good("$pur", "symbol@1<$pur>");
	good("%", "symbol@1<%>");
	good(".", "symbol@1<.>");
	good("...", "symbol@1<...>");
	good("_", "symbol@1<_>");
	good("*", "symbol@1<*>");
	good("-", "symbol@1<->");
	good("+", "symbol@1<+>");
	good("->", "symbol@1<->>");
	good("<=", "symbol@1<<=>");
	good("!=", "symbol@1<!=>");
	good("-a", "symbol@1<-a>");
	good(".a", "symbol@1<.a>");
	good("a#b:c", "symbol@1<a#b:c>");
	good("or-join", "symbol@1<or-join>");
	good("db.fn/cas", "symbol@1<db.fn/cas>");
	good("\xd1\x8f", "symbol@1<\xd1\x8f>");
	good(":a", "keyword@1<:a>");
	good(":tree/species", "keyword@1<:tree/species>");
	good(":db.type/ref", "keyword@1<:db.type/ref>");
	good(":a.b/c-d?", "keyword@1<:a.b/c-d?>");
	good(":tree/_parent", "keyword@1<:tree/_parent>");
	good(":nil", "keyword@1<:nil>");
	good(":+", "keyword@1<:+>");
	good(":\xc3\xa9/\xd1\x8f", "keyword@1<:\xc3\xa9/\xd1\x8f>");
}

static void
good_numbers(void)
{
	good("0", "integer@1<0>");
	good("-0", "integer@1<-0>");
	good("+7", "integer@1<+7>");
	good("100", "integer@1<100>");
	integer("0", 0);
	integer("-0", 0);
	integer("+7", 7);
	integer("-12", -12);
	integer("9223372036854775807", INT64_MAX);
	integer("-9223372036854775808", INT64_MIN);
	good("9223372036854775808", "big integer@1<9223372036854775808>");
	good("-9223372036854775809", "big integer@1<-9223372036854775809>");
	good("99999999999999999999999", "big integer@1<99999999999999999999999>");
	good("12N", "big integer@1<12>");
	good("0N", "big integer@1<0>");
	good("1.5", "double@1<1.5>");
	good("-1.5e-3", "double@1<-1.5e-3>");
	real("1.5", 1.5);
	real("0.0", 0.0);
	real("-0.0", -0.0);
	real("1e3", 1000.0);
	real("1E+3", 1000.0);
	real("-25e-1", -2.5);
	real("1.7976931348623157e308", DBL_MAX);
	real("1e400", INFINITY);
	real("-1e400", -INFINITY);
	real("1e-400", 0.0);
	real("##NaN", NAN);
	real("##Inf", INFINITY);
	real("##-Inf", -INFINITY);
	good("##NaN", "double@1<##NaN>");
	good("##-Inf", "double@1<##-Inf>");
	good("10.5M", "decimal@1<10.5>");
	good("1M", "decimal@1<1>");
	good("-1.50e99999M", "decimal@1<-1.50e99999>");
}

static void
good_strings(void)
{
	good("\"\"", "string@1<>");
	good("\"Quercus\"", "string@1<Quercus>");
	good("\"a\\tb\\rc\\nd\\\\e\\\"f\"", "string@1<a\tb\rc\nd\\e\"f>");
	good("\"\\b\\f\"", "string@1<\b\f>");
	good("\"two\nlines\"", "string@1<two\nlines>");
	good("\"\\u0041\\u00e9\\u20AC\"", "string@1<A\xc3\xa9\xe2\x82\xac>");
	good("\"\\uD83D\\uDE00!\"", "string@1<\xf0\x9f\x98\x80!>");
	good("\"\\uFFFF\\uE000\\uD7FF\"", "string@1<\xef\xbf\xbf\xee\x80\x80\xed\x9f\xbf>");
	good("\";#_[{\"", "string@1<;#_[{>");
	good("\"\x7f\x01\"", "string@1<\x7f\x01>");
	good("\\a", "character@1<a>");
	good("\\u", "character@1<u>");
	good("\\n", "character@1<n>");
	good("\\newline", "character@1<\n>");
	good("\\return", "character@1<\r>");
	good("\\space", "character@1< >");
	good("\\tab", "character@1<\t>");
	good("\\formfeed", "character@1<\f>");
	good("\\backspace", "character@1<\b>");
	good("\\u00e9", "character@1<\xc3\xa9>");
	good("\\\xf0\x9f\x98\x80", "character@1<\xf0\x9f\x98\x80>");
	good("\\\\", "character@1<\\>");
	good("\\,", "character@1<,>");
	good("[\\(\\)\\\"]", "vector@1(character@2<(> character@4<)> character@6<\">)");
}

static void
good_collections(void)
{
	good("()", "list@1");
	good("[]", "vector@1");
	good("{}", "map@1");
	good("#{}", "set@1");
	good("(1 [2])", "list@1(integer@2<1> vector@4(integer@5<2>))");
	good("{:a 1, :b nil}",
		 "map@1(keyword@2<:a> integer@5<1> keyword@8<:b> nil@11<nil>)");
	good("#{1 \"1\" \\1}",
		 "set@1(integer@3<1> string@5<1> character@9<1>)");
	good("[1\"a\"b:c(d)]",
		 "vector@1(integer@2<1> string@3<a> symbol@6<b:c> list@9(symbol@10<d>))");
	good("{[1 2] 3 (1 2 3) 4}",
		 "map@1(vector@2(integer@3<1> integer@5<2>) integer@8<3> "
		 "list@10(integer@11<1> integer@13<2> integer@15<3>) integer@18<4>)");
	good("#{1 1.0 1M}", "set@1(integer@3<1> double@5<1.0> decimal@9<1>)");
	good("#{:a a \"a\" \\a nil true false}",
		 "set@1(keyword@3<:a> symbol@6<a> string@8<a> character@12<a> "
		 "nil@15<nil> boolean@19<true> boolean@24<false>)");
	good("#{{:a 1} {:a 2}}",
		 "set@1(map@3(keyword@4<:a> integer@7<1>) map@10(keyword@11<:a> integer@14<2>))");
}

static void
good_tags_and_space(void)
{
	good("#inst \"2014\"", "tagged form@1<inst>(string@7<2014>)");
	good("#inst\"2014\"", "tagged form@1<inst>(string@6<2014>)");
	good("#my.app/Person {:a 1}",
		 "tagged form@1<my.app/Person>(map@16(keyword@17<:a> integer@20<1>))");
	good("#a #b 1", "tagged form@1<a>(tagged form@4<b>(integer@7<1>))");
	good("#a #_x 1", "tagged form@1<a>(integer@8<1>)");
	good(" ,\t\r\n\f\v1 ,", "integer@8<1>");
	good("; c\n1 ; d", "integer@5<1>");
	good("; c\r1", "integer@5<1>");
	good("#_a 1", "integer@5<1>");
	good("#_ #_ a b 1", "integer@11<1>");
	good("1 #_[2 (3)]", "integer@1<1>");
	good("[1 #_2 3 #_4]", "vector@1(integer@2<1> integer@8<3>)");
	good("{:a #_1 2}", "map@1(keyword@2<:a> integer@9<2>)");
	good("#_#unknown/tag 1 2", "integer@18<2>");
	good("[\xd0\x94 \"\xf0\x9f\x98\x80\" x]",
		 "vector@1(symbol@2<\xd0\x94> string@4<\xf0\x9f\x98\x80> symbol@8<x>)");
}

/* ---- bad inputs ---- */

static void
bad_ends(void)
{
	bad("", 1, "unexpected end of EDN text");
	bad("  ; only this", 14, "unexpected end of EDN text");
	bad("#_", 3, "unexpected end of EDN text");
	bad("#_a", 4, "unexpected end of EDN text");
	bad("#a", 3, "unexpected end of EDN text");
	bad("1 2", 3, "EDN text has more than one form");
	bad("[] ; c\n]", 8, "EDN text has more than one form");
	bad("[1 (2 3", 4, "nothing closes \"(\"");
	bad(" #{1", 2, "nothing closes \"#{\"");
	bad("{:a 1", 1, "nothing closes \"{\"");
	bad("[1 #_]", 6, "nothing opens \"]\"");
	bad("[1 #a]", 6, "nothing opens \"]\"");
	bad(")", 1, "nothing opens \")\"");
	bad("[1 2)", 5, "nothing opens \")\"");
	bad("\xd0\x94}", 2, "EDN text has more than one form");
	bad("[\xd0\x94}", 3, "nothing opens \"}\"");
	bad(" \"abc", 2, "nothing closes the string");
	bad("\"abc\\\"", 1, "nothing closes the string");
	bad("\"abc\\", 1, "nothing closes the string");
}

static void
bad_scalars(void)
{
	bad("007", 1, "invalid number \"007\"");
	bad("-01", 1, "invalid number \"-01\"");
	bad("1.", 1, "invalid number \"1.\"");
	bad(".5", 1, "invalid number \".5\"");
	bad("-.5", 1, "invalid number \"-.5\"");
	bad("1.2.3", 1, "invalid number \"1.2.3\"");
	bad("1e", 1, "invalid number \"1e\"");
	bad("1e+", 1, "invalid number \"1e+\"");
	bad("1.5N", 1, "invalid number \"1.5N\"");
	bad("1NM", 1, "invalid number \"1NM\"");
	bad("1/2", 1, "invalid number \"1/2\"");
	bad("0x1F", 1, "invalid number \"0x1F\"");
	bad("12ab", 1, "invalid number \"12ab\"");
	bad("##inf", 1, "invalid symbolic value \"##inf\"");
	bad("##", 1, "invalid symbolic value \"##\"");
	bad("a@b", 1, "invalid symbol \"a@b\"");
	bad("'a", 1, "invalid symbol \"'a\"");
	bad("[a b/c/d]", 4, "invalid symbol \"b/c/d\"");
	bad("a/", 1, "invalid symbol \"a/\"");
	bad("/a", 1, "invalid symbol \"/a\"");
	bad("a/1", 1, "invalid symbol \"a/1\"");
	bad(":", 1, "invalid keyword \":\"");
	bad("::a", 1, "invalid keyword \"::a\"");
	bad(":/", 1, "invalid keyword \":/\"");
	bad(":/a", 1, "invalid keyword \":/a\"");
	bad(":a/", 1, "invalid keyword \":a/\"");
	bad(":1", 1, "invalid keyword \":1\"");
	bad(":a/b/c", 1, "invalid keyword \":a/b/c\"");
	bad(":a\x01", 1, "invalid keyword \":a\x01\"");
	bad("#1 2", 1, "invalid tag \"1\"");
	bad("#", 1, "invalid tag \"\"");
	bad("#(a)", 1, "invalid tag \"\"");
	bad("#-a 1", 1, "invalid tag \"-a\"");
	bad("#:a {}", 1, "invalid tag \":a\"");
	bad(":0123456789012345678901234567890123456789012345678901234567890123456789",
		1, "invalid keyword \":012345678901234567890123456789012345678901234567890123456789012...\"");
	bad(":01234567890123456789012345678901234567890123456789012345678901\xd0\x94",
		1, "invalid keyword \":01234567890123456789012345678901234567890123456789012345678901...\"");
}

static void
bad_strings(void)
{
	bad("\"ab\\q\"", 4, "invalid escape \"\\q\"");
	bad("\"\xd0\x94\\\xd0\x94\"", 3, "invalid escape \"\\\xd0\x94\"");
	bad("\"\\101\"", 2, "invalid escape \"\\1\"");
	bad("\"\\u12\"", 2, "invalid escape \"\\u\"");
	bad("\"\\u12g4\"", 2, "invalid escape \"\\u\"");
	bad("\"\\uD83D\"", 2, "invalid escape \"\\u\"");
	bad("\"\\uD83Dx\"", 2, "invalid escape \"\\u\"");
	bad("\"\\uD83D\\u0041\"", 2, "invalid escape \"\\u\"");
	bad("\"\\uDE00\\uD83D\"", 2, "invalid escape \"\\u\"");
	bad("\\", 1, "invalid character name \"\"");
	bad("\\ a", 1, "invalid character name \"\"");
	bad("\\ab", 1, "invalid character name \"ab\"");
	bad("\\Newline", 1, "invalid character name \"Newline\"");
	bad("\\uD83D", 1, "invalid character name \"uD83D\"");
	bad("\\u00g1", 1, "invalid character name \"u00g1\"");
	bad("\\u00411", 1, "invalid character name \"u00411\"");
}

static void
bad_collections(void)
{
	bad("{:a}", 2, "last key of map has no value");
	bad("{:a 1 :b}", 7, "last key of map has no value");
	bad("{:a 1 :b 2 :a 3}", 12, "duplicate keyword in map \":a\"");
	bad("{\"k\" 1 \"k\" 2}", 8, "duplicate string in map");
	bad("{1 1 1N 2}", 6, "duplicate big integer in map");
	bad("{nil 1 nil 2}", 8, "duplicate nil in map");
	bad("{b 1 a 1 a 2 b 3}", 10, "duplicate symbol in map \"a\"");
	bad("#{1 +1}", 5, "duplicate integer in set");
	bad("#{0 -0}", 5, "duplicate integer in set");
	bad("#{1.0 1.00}", 7, "duplicate double in set");
	bad("#{##NaN ##NaN}", 9, "duplicate double in set");
	bad("#{\\a \\u0061}", 6, "duplicate character in set");
	bad("#{[1] [1]}", 7, "duplicate vector in set");
	bad("#{[1] (1)}", 7, "duplicate list in set");
	bad("#{#{1 2} #{2 1}}", 10, "duplicate set in set");
	bad("{{1 2 3 4} 5 {3 4 1 2} 6}", 14, "duplicate map in map");
	bad("#{#a 1 #a 1}", 8, "duplicate tagged form in set");
	bad("#{{} {}}", 6, "duplicate map in set");
}

#define STR(s) s, sizeof(s) - 1

static void
bad_encodings(void)
{
	bad_encoding(STR("\"ab\0c\""), 4, "NUL character in EDN text");
	bad_encoding(STR("\0"), 1, "NUL character in EDN text");
	bad_encoding(STR("1\0"), 2, "NUL character in EDN text");
	bad_encoding(STR("\"\\u0000\""), 2, "NUL character in EDN text");
	bad_encoding(STR("[\\u0000]"), 2, "NUL character in EDN text");
	bad_encoding(STR("\"\x80\""), 2, "invalid UTF-8 in EDN text");
	bad_encoding(STR("\"\xd0\x94\xff\""), 3, "invalid UTF-8 in EDN text");
	bad_encoding(STR("\xc3"), 1, "invalid UTF-8 in EDN text");
	bad_encoding(STR("\xe2\x82"), 1, "invalid UTF-8 in EDN text");
	bad_encoding(STR("\xf0\x9f\x98"), 1, "invalid UTF-8 in EDN text");
	bad_encoding(STR("\xc0\x80"), 1, "invalid UTF-8 in EDN text");
	bad_encoding(STR("\xc1\xbf"), 1, "invalid UTF-8 in EDN text");
	bad_encoding(STR("\xe0\x9f\xbf"), 1, "invalid UTF-8 in EDN text");
	bad_encoding(STR("\xf0\x8f\xbf\xbf"), 1, "invalid UTF-8 in EDN text");
	bad_encoding(STR("\xed\xa0\x80"), 1, "invalid UTF-8 in EDN text");
	bad_encoding(STR("\xf4\x90\x80\x80"), 1, "invalid UTF-8 in EDN text");
	bad_encoding(STR("\xf5\x80\x80\x80"), 1, "invalid UTF-8 in EDN text");
	bad_encoding(STR("\xf9\x80\x80\x80"), 1, "invalid UTF-8 in EDN text");
	good_bytes(STR("\"\xed\x9f\xbf\xf4\x8f\xbf\xbf\""),
			   "string@1<\xed\x9f\xbf\xf4\x8f\xbf\xbf>");
}

/* ---- what else edn.h offers ---- */

static void
keywords(void)
{
	keyword(":a", true);
	keyword(":tree/species", true);
	keyword(":a/b:c", true);
	keyword("", false);
	keyword(":", false);
	keyword("a", false);
	keyword(":a b", false);
	keyword(":a/b/c", false);
	keyword(":a,", false);
	keyword(":a\"", false);
	report(!datom_edn_keyword_valid(":a\0b", 4), "keyword with NUL", "valid");
	report(datom_edn_keyword_valid(":a b", 2), "keyword by length", "not valid");
	report(!datom_edn_keyword_valid(":-1", 3), "keyword like a number", "valid");
	report(datom_edn_keyword_valid(":-1", 2), "keyword cut short", "not valid");
}

static void
lookups(void)
{
	const char *src = "{:a 1 \":b\" 2 :b 3}";
	EdnError	err;
	Edn		   *map = datom_edn_read(src, strlen(src), arena_alloc, &err);

	report(map != NULL && datom_edn_get(map, ":a") == map->items[1], "get :a", "?");
	report(map != NULL && datom_edn_get(map, ":b") == map->items[5], "get :b", "?");
	report(map != NULL && datom_edn_get(map, ":c") == NULL, "get :c", "?");
	arena_free();
}

/* ---- limits: each must be read fast ---- */

static double patience = 2.0;	/* seconds */

static char *
repeat(const char *unit, int times, const char *head, const char *tail)
{
	size_t		len = strlen(unit);
	char	   *text = arena_alloc(strlen(head) + len * times + strlen(tail) + 1);
	char	   *to = text + strlen(head);
	int			i;

	strcpy(text, head);
	for (i = 0; i < times; i++, to += len)
		memcpy(to, unit, len);
	strcpy(to, tail);
	return text;
}

/* Expects the SQLSTATE, or NULL for success. */
static void
quick(const char *test, const char *src, const char *sqlstate)
{
	clock_t		start = clock();
	EdnError	err;
	Edn		   *form = datom_edn_read(src, strlen(src), arena_alloc, &err);
	double		seconds = (double) (clock() - start) / CLOCKS_PER_SEC;
	char		got[256];

	snprintf(got, sizeof(got), "%s after %.2f s",
			 form != NULL ? "success" : err.sqlstate, seconds);
	if (getenv("EDN_TEST_TIMES") != NULL)
		printf("%-34s %s\n", test, got);
	report((form == NULL ? sqlstate != NULL && strcmp(err.sqlstate, sqlstate) == 0 :
			sqlstate == NULL) && seconds < patience, test, got);
	arena_free();
}

static char *
numbered(const char *open, const char *format, int n, const char *close)
{
	char	   *text = arena_alloc((size_t) n * 24 + 16);
	char	   *to = text + sprintf(text, "%s", open);
	int			i;

	for (i = 0; i < n; i++)
		to += sprintf(to, format, (int) ((i * 7919LL) % n));
	strcpy(to, close);
	return text;
}

/* A set of two deep sets, whose innermost ones are wide and differ by one. */
static char *
twins(void)
{
	char	   *close = repeat("}", 900, "", " ");
	char	   *one = numbered("#{", "%d ", 100000, "x}");
	char	   *two = numbered("#{", "%d ", 100000, "y}");

	two = repeat("#{", 900, "", repeat(two, 1, "", repeat(close, 1, "", "}")));
	one = repeat("#{", 900, "#{", repeat(one, 1, "", close));
	return repeat(one, 1, "", two);
}

static void
limits(int scale)
{
	int			big = scale << 20;

	quick("1000 levels", repeat("[", 1000, "", repeat("]", 1000, "", "")), NULL);
	quick("1001 levels", repeat("[", 1001, "", repeat("]", 1001, "", "")), "54001");
	quick("1000 tags", repeat("#t ", 1000, "", "1"), NULL);
	quick("1001 tags", repeat("#t ", 1001, "", "1"), "54001");
	quick("1001 discards", repeat("#_", 1001, "", "1"), "54001");
	quick("a million lists", repeat("(", 1000000, "", ""), "54001");
	quick("a million maps", repeat("{1 ", 1000000, "", ""), "54001");
	quick("a million sets", repeat("#{", 1000000, "", ""), "54001");
	quick("a million tags", repeat("#a ", 1000000, "", ""), "54001");
	quick("a million discards", repeat("#_", 1000000, "", ""), "54001");
	quick("a million discards in turn", repeat("#_a ", 1000000, "", "1"), NULL);
	quick("a long string", repeat("x", big, "\"", "\""), NULL);
	quick("a long string of escapes", repeat("\\n", big / 2, "\"", "\""), NULL);
	quick("a long string of surrogates",
		  repeat("\\uD83D\\uDE00", big / 12, "\"", "\""), NULL);
	quick("a long string, never closed", repeat("x", big, "\"", ""), "22P02");
	quick("long digits", repeat("9", big, "", ""), NULL);
	quick("long digits, then a letter", repeat("9", big, "", "x"), "22P02");
	quick("a long fraction", repeat("9", big, "0.", ""), NULL);
	quick("a long fraction of zeros", repeat("0", big, "0.", "1"), NULL);
	quick("a long exponent", repeat("9", big, "1e", ""), NULL);
	quick("a long decimal", repeat("9", big, "0.", "M"), NULL);
	quick("a long symbol", repeat("x", big, "", ""), NULL);
	quick("a long keyword", repeat("x", big, ":", ""), NULL);
	quick("a long keyword of slashes", repeat("/", big, ":", ""), "22P02");
	quick("a long character name", repeat("x", big, "\\", ""), "22P02");
	quick("a long tag", repeat("x", big, "#", " 1"), NULL);
	quick("long blanks", repeat(" ,", big / 2, "", "1"), NULL);
	quick("a long comment", repeat(";", big, "", "\n1"), NULL);
	quick("many comments", repeat(";\n", big / 2, "", "1"), NULL);
	quick("long two-byte text", repeat("\xd0\x94", big / 2, "\"", "\""), NULL);
	quick("a million strings", repeat("\"\xd0\x94\"", 1000000, "[", "]"), NULL);
	quick("a million errors at the end", repeat("[]", 1000000, "[", ")"), "22P02");
	quick("200000 keys", numbered("{", ":k/k%d 1 ", 200000, "}"), NULL);
	quick("200000 keys and one again", numbered("{", ":k/k%d 1 ", 200000, ":k/k7 1}"), "22P02");
	quick("200000 equal keys", repeat(":k 1 ", 200000, "{", "}"), "22P02");
	quick("200000 integers", numbered("#{", "%d ", 200000, "}"), NULL);
	quick("200000 vectors", numbered("#{", "[1 2 %d] ", 200000, "}"), NULL);
	quick("sets in sets",
		  repeat("#{1 ", 990, "", numbered("#{", "%d ", 200000,
										   repeat("}", 991, "", ""))), NULL);
	quick("twins that differ at the end", twins(), NULL);
}

/*
 * Takes the size of long tokens in MB and the seconds each may take, for
 * valgrind, which wants less of the one and more of the other: edn_test 1 60
 */
int
main(int argc, char **argv)
{
	if (argc > 2)
		patience = atof(argv[2]);
	good_words();
	good_numbers();
	good_strings();
	good_collections();
	good_tags_and_space();
	bad_ends();
	bad_scalars();
	bad_strings();
	bad_collections();
	bad_encodings();
	keywords();
	lookups();
	limits(argc > 1 ? atoi(argv[1]) : 64);
	printf("%d passed, %d failed\n", passed, failed);
	return failed > 0;
}
