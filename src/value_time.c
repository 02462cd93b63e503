/*
 * value_time.c
 *		Owns the text form of instants and dates: ISO 8601 as RFC 3339 narrows
 *		it, read and written without regard to DateStyle and TimeZone.
 *
 *		date	= [ sign ] year "-" month "-" day		year: 4 to 7 digits
 *		instant	= date ( "T" | " " ) hh ":" mm [ ":" ss [ "." digits ] ] zone
 *		zone	= "Z" | sign hh [ [ ":" ] mm [ ":" ss ] ]
 *
 * Years are those of ISO: 0000 is 1 BC, -0043 is 44 BC.  A year is written
 * with four digits, and with a sign if it is negative or needs more digits.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

#include "value.h"

typedef struct TimeReader
{
	const char *at;
	const char *end;
	struct pg_tm tm;
	fsec_t		fsec;			/* microseconds, up to and with a million */
	int			zone;			/* seconds west of UTC, as tm2timestamp wants */
} TimeReader;

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Takes the character if it comes next. */
static bool
take(TimeReader *r, char c)
{
	if (r->at == r->end || *r->at != c)
		return false;
	r->at++;
	return true;
}

/* Takes exactly two digits, of a number up to max. */
static bool
take_two(TimeReader *r, int max, int *number)
{
	if (r->end - r->at < 2 || !is_digit(r->at[0]) || !is_digit(r->at[1]))
		return false;
	*number = (r->at[0] - '0') * 10 + (r->at[1] - '0');
	r->at += 2;
	return *number <= max;
}

/* Takes "+" as 1 and "-" as -1; 0 if neither comes next. */
static int
take_sign(TimeReader *r)
{
	return take(r, '-') ? -1 : take(r, '+') ? 1 : 0;
}

static bool
take_year(TimeReader *r)
{
	int			sign = take_sign(r);
	const char *first = r->at;
	int			year = 0;

	while (r->at < r->end && is_digit(*r->at) && r->at - first < 7)
		year = year * 10 + (*r->at++ - '0');
	r->tm.tm_year = sign < 0 ? -year : year;
	return r->at - first >= 4;
}

/* Is there such a day, and can the server count it? */
static bool
day_exists(const struct pg_tm *tm)
{
	return tm->tm_mon >= 1 && tm->tm_mday >= 1 &&
		tm->tm_mday <= day_tab[isleap(tm->tm_year)][tm->tm_mon - 1] &&
		IS_VALID_JULIAN(tm->tm_year, tm->tm_mon, tm->tm_mday);
}

static bool
take_date(TimeReader *r)
{
	return take_year(r) &&
		take(r, '-') && take_two(r, MONTHS_PER_YEAR, &r->tm.tm_mon) &&
		take(r, '-') && take_two(r, 31, &r->tm.tm_mday) &&
		day_exists(&r->tm);
}

/* Digits after the point, rounded to microseconds as the server does. */
static bool
take_fraction(TimeReader *r)
{
	const char *first = r->at;
	int			unit = 100000;

	for (; r->at < r->end && is_digit(*r->at); r->at++)
	{
		int			digit = *r->at - '0';

		if (r->at - first == 6)
			r->fsec += digit >= 5;
		r->fsec += digit * unit;
		unit /= 10;
	}
	return r->at > first;
}

static bool
take_time(TimeReader *r)
{
	if (!take_two(r, 23, &r->tm.tm_hour) ||
		!take(r, ':') || !take_two(r, 59, &r->tm.tm_min))
		return false;
	if (!take(r, ':'))
		return true;
	/* 60 is a leap second: the first of the next minute, as for the server. */
	return take_two(r, 60, &r->tm.tm_sec) && (!take(r, '.') || take_fraction(r));
}

static bool
take_zone(TimeReader *r)
{
	int			sign;
	int			hours;
	int			minutes = 0;
	int			seconds = 0;

	if (take(r, 'Z') || take(r, 'z'))
		return true;
	sign = take_sign(r);
	if (sign == 0 || !take_two(r, 23, &hours))
		return false;
	if (r->at < r->end && (take(r, ':') || is_digit(*r->at)) &&
		!take_two(r, 59, &minutes))
		return false;
	if (take(r, ':') && !take_two(r, 59, &seconds))
		return false;
	r->zone = -sign * ((hours * MINS_PER_HOUR + minutes) * SECS_PER_MINUTE + seconds);
	return true;
}

static void
start(TimeReader *r, const char *text, int len)
{
	memset(r, 0, sizeof(*r));
	r->at = text;
	r->end = text + len;
	r->tm.tm_mon = 1;
	r->tm.tm_mday = 1;
}

/* What was read, if all was read and the server has such an instant. */
static bool
finish(TimeReader *r, TimestampTz *out)
{
	TimestampTz instant;

	if (r->at != r->end ||
		tm2timestamp(&r->tm, r->fsec, &r->zone, &instant) != 0)
		return false;
	*out = instant;
	return true;
}

static bool
take_separator(TimeReader *r)
{
	return take(r, 'T') || take(r, 't') || take(r, ' ');
}

bool
datom_instant_parse(const char *text, int len, TimestampTz *out)
{
	TimeReader	r;

	start(&r, text, len);
	return take_date(&r) && take_separator(&r) && take_time(&r) &&
		take_zone(&r) && finish(&r, out);
}

/* Reads year [ "-" month [ "-" day ] ]. */
static bool
take_partial_date(TimeReader *r)
{
	if (!take_year(r))
		return false;
	if (!take(r, '-'))
		return day_exists(&r->tm);
	if (!take_two(r, MONTHS_PER_YEAR, &r->tm.tm_mon))
		return false;
	if (take(r, '-') && !take_two(r, 31, &r->tm.tm_mday))
		return false;
	return day_exists(&r->tm);
}

static bool
text_is(const char *text, int len, const char *word)
{
	return len == (int) strlen(word) && memcmp(text, word, len) == 0;
}

bool
datom_instant_parse_lenient(const char *text, int len, TimestampTz *out)
{
	TimeReader	r;

	if (text_is(text, len, "infinity"))
		*out = DT_NOEND;
	else if (text_is(text, len, "-infinity"))
		*out = DT_NOBEGIN;
	else
	{
		start(&r, text, len);
		if (!take_partial_date(&r))
			return false;
		if (take_separator(&r) && !take_time(&r))
			return false;
		if (r.at != r.end && !take_zone(&r))
			return false;
		return finish(&r, out);
	}
	return true;
}

bool
datom_date_parse(const char *text, int len, DateADT *out)
{
	TimeReader	r;

	if (text_is(text, len, "infinity"))
		*out = DATEVAL_NOEND;
	else if (text_is(text, len, "-infinity"))
		*out = DATEVAL_NOBEGIN;
	else
	{
		DateADT		date;

		start(&r, text, len);
		if (!take_date(&r) || r.at != r.end)
			return false;
		date = date2j(r.tm.tm_year, r.tm.tm_mon, r.tm.tm_mday) - POSTGRES_EPOCH_JDATE;
		if (!IS_VALID_DATE(date))
			return false;
		*out = date;
	}
	return true;
}

/* Writes the date; returns its length. */
static int
format_day(int year, int month, int day, char *out)
{
	char	   *at = out;

	if (year < 0 || year > 9999)
		*at++ = year < 0 ? '-' : '+';
	at = pg_ultostr_zeropad(at, abs(year), 4);
	*at++ = '-';
	at = pg_ultostr_zeropad(at, month, 2);
	*at++ = '-';
	at = pg_ultostr_zeropad(at, day, 2);
	*at = '\0';
	return at - out;
}

/* The fraction of a second takes no digits, three or six. */
void
datom_instant_format(TimestampTz instant, char *out)
{
	struct pg_tm tm;
	fsec_t		fsec;

	if (TIMESTAMP_IS_NOEND(instant) || TIMESTAMP_IS_NOBEGIN(instant))
	{
		strcpy(out, TIMESTAMP_IS_NOEND(instant) ? "infinity" : "-infinity");
		return;
	}
	if (timestamp2tm(instant, NULL, &tm, &fsec, NULL, NULL) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("instant out of range")));
	out += format_day(tm.tm_year, tm.tm_mon, tm.tm_mday, out);
	*out++ = 'T';
	out = pg_ultostr_zeropad(out, tm.tm_hour, 2);
	*out++ = ':';
	out = pg_ultostr_zeropad(out, tm.tm_min, 2);
	*out++ = ':';
	out = pg_ultostr_zeropad(out, tm.tm_sec, 2);
	if (fsec != 0)
		*out++ = '.';
	if (fsec % 1000 != 0)
		out = pg_ultostr_zeropad(out, fsec, 6);
	else if (fsec != 0)
		out = pg_ultostr_zeropad(out, fsec / 1000, 3);
	strcpy(out, "Z");
}

void
datom_date_format(DateADT date, char *out)
{
	int			year;
	int			month;
	int			day;

	if (DATE_NOT_FINITE(date))
	{
		strcpy(out, DATE_IS_NOEND(date) ? "infinity" : "-infinity");
		return;
	}
	j2date(date + POSTGRES_EPOCH_JDATE, &year, &month, &day);
	format_day(year, month, day, out);
}
