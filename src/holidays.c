/*
 * holidays.c: calendars of holidays, as datom tables.
 *
 * A new calendar holds Brazil's holidays until LAST_YEAR, from rules. What a law
 * declares is imported with the day of its publication in the Diario Oficial as
 * its instant, and for days from then on, so that as of an earlier moment nobody
 * knows of it. Calendars:
 *
 *	BR			national holidays, by law: Lei 662/1949, whose first article Lei
 *				10.607/2002 wrote anew; 1.266/1950; 6.802/1980; 7.658/1988;
 *				14.759/2023
 *	BR-bank		these, and the days that are no business days of the financial market
 *				(Resolucao CMN 2.516/1998, now 4.880/2020): carnival, Good Friday,
 *				Corpus Christi and 2 November. Banks closed on them before it was
 *				written down, so they are there from the beginning.
 *
 * From 1985 until 1990 Lei 7.320/1985 had many holidays observed on the Monday
 * before: that is not in here.
 *
 * The day of publication of Lei 1.266/1950 is that of its signature.
 */
#include "compat.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/json.h"

#define FIRST_YEAR 1949
#define LAST_YEAR 2199

typedef enum Law
{
	LEI_662, CUSTOM, LEI_1266, LEI_6802, LEI_7658, LEI_10607, LEI_14759, LAWS
} Law;

/* In the order of their instants, which are midnights in Brasilia. */
static const struct
{
	const char *name;
	int			y,
				m,
				d;
}			laws[LAWS] = {
	[LEI_662] = {"Lei 662, de 6 de abril de 1949", 1949, 4, 13},
	[CUSTOM] = {"Costume bancário; Resolução CMN 2.516, de 29 de junho de 1998", 1949, 4, 13},
	[LEI_1266] = {"Lei 1.266, de 8 de dezembro de 1950", 1950, 12, 8},
	[LEI_6802] = {"Lei 6.802, de 30 de junho de 1980", 1980, 7, 1},
	[LEI_7658] = {"Lei 7.658, de 29 de abril de 1988", 1988, 5, 2},
	[LEI_10607] = {"Lei 10.607, de 19 de dezembro de 2002", 2002, 12, 20},
	[LEI_14759] = {"Lei 14.759, de 21 de dezembro de 2023", 2023, 12, 22}
};

/* A day of each year, or with m = 0 so many days after Easter. */
static const struct
{
	Law			law;
	int			m,
				d;
	int			last_year;		/* 0: LAST_YEAR */
	const char *name;
}			rules[] = {
	{LEI_662, 1, 1, 0, "Confraternização Universal"},
	{LEI_662, 5, 1, 0, "Dia do Trabalho"},
	{LEI_662, 9, 7, 0, "Independência do Brasil"},
	{LEI_662, 11, 15, 0, "Proclamação da República"},
	{LEI_662, 12, 25, 0, "Natal"},
	{CUSTOM, 0, -48, 0, "Carnaval"},
	{CUSTOM, 0, -47, 0, "Carnaval"},
	{CUSTOM, 0, -2, 0, "Paixão de Cristo"},
	{CUSTOM, 0, 60, 0, "Corpus Christi"},
	{CUSTOM, 11, 2, 0, "Finados"},
	{LEI_1266, 4, 21, 0, "Tiradentes"},
	{LEI_6802, 10, 12, 0, "Nossa Senhora Aparecida"},
	{LEI_7658, 5, 13, 1988, "Centenário da Abolição da Escravatura"},
	{LEI_10607, 11, 2, 0, "Finados"},
	{LEI_14759, 11, 20, 0, "Dia Nacional de Zumbi e da Consciência Negra"}
};

/*
 * Easter Sunday of a Gregorian year, as a Julian day number. The anonymous
 * algorithm of 1876 (Nature 13, p. 487; J. Meeus, Astronomical Algorithms, ch. 8).
 */
static int
easter(int year)
{
	int			a = year % 19;
	int			b = year / 100;
	int			c = year % 100;
	int			g = (b - (b + 8) / 25 + 1) / 3;
	int			h = (19 * a + b - b / 4 - g + 15) % 30;
	int			l = (32 + 2 * (b % 4) + 2 * (c / 4) - h - c % 4) % 7;
	int			m = (a + 11 * h + 22 * l) / 451;
	int			month = (h + l - 7 * m + 114) / 31;
	int			day = (h + l - 7 * m + 114) % 31 + 1;

	return date2j(year, month, day);
}

static void
append_string(StringInfo json, const char *utf8)
{
	escape_json(json, pg_any_to_server(utf8, strlen(utf8), PG_UTF8));
}

static void
append_holiday(StringInfo json, int rule, int day)
{
	int			y,
				m,
				d;

	j2date(day, &y, &m, &d);
	appendStringInfo(json, "%s{\":holiday/date\": \"%04d-%02d-%02d\", \":holiday/calendar\": %s, \":holiday/name\": ",
					 json->len > 1 ? ", " : "", y, m, d,
					 rules[rule].law == CUSTOM ? "[\"BR-bank\"]" : "[\"BR\", \"BR-bank\"]");
	append_string(json, rules[rule].name);
	appendStringInfoString(json, ", \":holiday/law\": ");
	append_string(json, laws[rules[rule].law].name);
	appendStringInfoChar(json, '}');
}

/* What a law declares, as transaction data. */
static char *
declared_by(Law law)
{
	int			published = date2j(laws[law].y, laws[law].m, laws[law].d);
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfoChar(&json, '[');
	for (int i = 0; i < (int) lengthof(rules); i++)
	{
		int			last = rules[i].last_year ? rules[i].last_year : LAST_YEAR;

		if (rules[i].law != law)
			continue;
		for (int year = FIRST_YEAR; year <= last; year++)
		{
			int			day = rules[i].m == 0 ? easter(year) + rules[i].d :
				date2j(year, rules[i].m, rules[i].d);

			if (day >= published)
				append_holiday(&json, i, day);
		}
	}
	appendStringInfoChar(&json, ']');
	return json.data;
}

static const char attributes[] =
	"[{\":db/ident\": \":holiday/date\", \":db/valueType\": \":db.type/date\", \":db/cardinality\": \":db.cardinality/one\"},"
	" {\":db/ident\": \":holiday/name\", \":db/valueType\": \":db.type/string\", \":db/cardinality\": \":db.cardinality/one\"},"
	" {\":db/ident\": \":holiday/calendar\", \":db/valueType\": \":db.type/string\", \":db/cardinality\": \":db.cardinality/many\"},"
	" {\":db/ident\": \":holiday/law\", \":db/valueType\": \":db.type/string\", \":db/cardinality\": \":db.cardinality/one\"}]";

/* Runs a query of ours on the calendar, with a text if it takes one. */
static Datum
run(const char *sql, Datum first, Oid type, const char *second)
{
	Oid			types[] = {type, TEXTOID};
	Datum		values[] = {first, second ? CStringGetTextDatum(second) : 0};
	bool		isnull;

	if (SPI_execute_with_args(sql, second ? 2 : 1, types, values, NULL, false, 0) != SPI_OK_SELECT ||
		SPI_processed != 1)
		elog(ERROR, "no row of: %s", sql);
	return SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
}

static void
say(Datum db, const char *tx_data)
{
	run("SELECT (datom.transact($1, $2::pg_catalog.jsonb)).tx", db, REGCLASSOID, tx_data);
}

/* What was published on one day is one transaction. */
static void
begin_law(Datum db, Law law)
{
	char	   *at = psprintf("%04d-%02d-%02dT00:00:00-03:00", laws[law].y, laws[law].m, laws[law].d);

	run("SELECT datom.import_tx($1, $2::pg_catalog.timestamptz)", db, REGCLASSOID, at);
}

PG_FUNCTION_INFO_V1(datom_create_calendar);

/*
 * datom.create_calendar(name): makes a datom table as datom.create() does, with
 * the attributes of holidays and those of Brazil in it, and returns it. Needs
 * CREATE on the schema.
 */
Datum
datom_create_calendar(PG_FUNCTION_ARGS)
{
	Datum		db;

	SPI_connect();
	db = run("SELECT datom.\"create\"($1, true)", PG_GETARG_DATUM(0), TEXTOID, NULL);
	for (Law law = 0; law < LAWS; law++)
	{
		if (law != CUSTOM)
			begin_law(db, law);
		if (law == LEI_662)
			say(db, attributes);
		say(db, declared_by(law));
	}
	run("SELECT datom.live($1)", db, REGCLASSOID, NULL);
	SPI_finish();
	return db;
}
