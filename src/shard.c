/*
 * shard.c: which of N shards an entity belongs to.
 */
#include "shard.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "settings.h"

/*
 * Many at once
 */

/*
 * e is in the shard if rotate(e * factor + offset, shift) <= limit: no division.
 *
 * Let x be e, moved or negated so that what may be in the shard is rest + q * d
 * for q from 0 to limit, without a sign, and d an odd number times 2^shift.
 * Multiplied by the inverse of the odd number modulo 2^64, x - rest becomes
 * q * 2^shift, and rotated q. Both steps map 64 bits one to one, so nothing else
 * comes to lie at or below the limit.
 */
typedef struct ShardTest
{
	uint64		factor;
	uint64		offset;
	uint64		limit;
	int			shift;
} ShardTest;

#define HALF (UINT64CONST(1) << 63)

static uint64
magnitude(int64 x)
{
	return x < 0 ? -(uint64) x : (uint64) x;
}

/* Modulo 2^64, of an odd number: each step doubles the bits that are right. */
static uint64
inverse(uint64 odd)
{
	uint64		x = odd;

	for (int bits = 3; bits < 64; bits *= 2)
		x *= 2 - odd * x;
	return x;
}

/* The shard exists: see is_empty(). */
static ShardTest
shard_test(const DatomShard *shard)
{
	uint64		d = magnitude(shard->n);
	ShardTest	test = {.shift = pg_rightmost_one_pos64(d)};
	uint64		inv = inverse(d >> test.shift);

	test.factor = inv;
	if (shard->floored || shard->i == 0)
	{
		/* x = e + 2^63 */
		uint64		rest = ((uint64) shard->i + HALF % d) % d;

		test.offset = (HALF - rest) * inv;
		test.limit = (PG_UINT64_MAX - rest) / d;
	}
	else
	{
		/* x = e of a positive remainder, which only positive ones have; else -e */
		uint64		rest = magnitude(shard->i);

		if (shard->i < 0)
			test.factor = -inv;
		test.offset = -rest * inv;
		test.limit = (HALF - (shard->i > 0) - rest) / d;
	}
	return test;
}

static bool
is_empty(const DatomShard *shard)
{
	return magnitude(shard->i) >= magnitude(shard->n) || (shard->floored && shard->i < 0);
}

static inline bool
passes(ShardTest test, int64 e)
{
	uint64		x = (uint64) e * test.factor + test.offset;

	return ((x >> test.shift) | (x << (-test.shift & 63))) <= test.limit;
}

int
datom_shard_select(const DatomShard *shard, const int64 *e, int n, uint16 *rows)
{
	ShardTest	test;
	int			count = 0;

	if (shard->n == 0)
	{
		for (int i = 0; i < n; i++)
			rows[i] = i;
		return n;
	}
	if (is_empty(shard))
		return 0;
	test = shard_test(shard);
	for (int i = 0; i < n; i++)
	{
		rows[count] = i;
		count += passes(test, e[i]);
	}
	return count;
}

bool
datom_shard_may_have(const DatomShard *shard, int64 least, int64 most)
{
	uint64		d = magnitude(shard->n);
	uint64		wanted;
	uint64		have;

	if (shard->n == 0)
		return true;
	if (is_empty(shard) || least > most)
		return false;
	if ((uint64) most - (uint64) least >= d - 1)
		return true;
	/* From the first entity to the next one with that remainder. */
	wanted = shard->i < 0 ? d - magnitude(shard->i) : (uint64) shard->i;
	have = ((uint64) least + HALF) % d;
	wanted = (wanted + HALF % d) % d;
	return (wanted >= have ? wanted - have : d - have + wanted) <=
		(uint64) most - (uint64) least;
}

/*
 * The session's shard
 */

bool
datom_shard_read(const char *text, DatomShard *shard)
{
	DatomShard	read = {.floored = true};
	char	   *end;

	*shard = (DatomShard) {0};
	if (text == NULL || text[0] == '\0')
		return true;
	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	read.i = strtoi64(text, &end, 10);
	if (errno != 0 || end[0] != '/' || end[1] < '0' || end[1] > '9')
		return false;
	read.n = strtoi64(end + 1, &end, 10);
	if (errno != 0 || end[0] != '\0' || read.i >= read.n)
		return false;
	*shard = read;
	return true;
}

DatomShard
datom_shard_in_force(void)
{
	DatomShard	shard;

	if (!datom_shard_read(datom_shard_setting, &shard))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid value for parameter \"%s\": \"%s\"", "datom.shard",
						datom_shard_setting),
				 errhint("Give a shard and the number of shards, such as 3/35; shards are numbered from 0.")));
	return shard;
}

/*
 * SQL
 */

static void
check_count(int64 n)
{
	if (n < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the number of shards must be at least 1, not " INT64_FORMAT, n)));
}

static void
check_shard(int64 i, int64 n)
{
	check_count(n);
	if (i < 0 || i >= n)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("shard " INT64_FORMAT " of " INT64_FORMAT " does not exist", i, n),
				 errdetail("Shards are numbered from 0.")));
}

PG_FUNCTION_INFO_V1(datom_shard);

/*
 * datom.shard(e, i, n): does entity e belong to shard i of n? True for exactly
 * one i from 0 to n - 1, whatever e is: the remainder of a negative number is
 * taken as not negative, and NULL belongs to shard 0. Never NULL.
 */
Datum
datom_shard(PG_FUNCTION_ARGS)
{
	int64		e = PG_ARGISNULL(0) ? 0 : PG_GETARG_INT64(0);
	DatomShard	shard = {.floored = true};

	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the shard and the number of shards must not be null")));
	shard.i = PG_GETARG_INT64(1);
	shard.n = PG_GETARG_INT64(2);
	check_shard(shard.i, shard.n);
	PG_RETURN_BOOL(datom_shard_has(&shard, e));
}

PG_FUNCTION_INFO_V1(datom_shard_session);

/*
 * datom.shard(e): does entity e belong to the shard that the session has set by
 * datom.shard? True for all if it has set none; a setting that is no shard is an
 * error. NULL belongs to shard 0. Never NULL.
 */
Datum
datom_shard_session(PG_FUNCTION_ARGS)
{
	int64		e = PG_ARGISNULL(0) ? 0 : PG_GETARG_INT64(0);
	DatomShard	shard = datom_shard_in_force();

	PG_RETURN_BOOL(datom_shard_has(&shard, e));
}

PG_FUNCTION_INFO_V1(datom_shard_predicates);

/*
 * datom.shard_predicates(n, column_name): n conditions, each row meeting exactly
 * one of them, for whoever reads in n parts. NULL if an argument is.
 */
Datum
datom_shard_predicates(PG_FUNCTION_ARGS)
{
	int32		n = PG_GETARG_INT32(0);
	const char *column = quote_identifier(text_to_cstring(PG_GETARG_TEXT_PP(1)));
	Datum	   *predicates;

	check_count(n);
	predicates = palloc(sizeof(Datum) * n);
	for (int i = 0; i < n; i++)
	{
		char	   *predicate = psprintf("datom.shard(%s, %d, %d)", column, i, n);

		CHECK_FOR_INTERRUPTS();
		predicates[i] = CStringGetTextDatum(predicate);
		pfree(predicate);
	}
	PG_RETURN_ARRAYTYPE_P(construct_array(predicates, n, TEXTOID, -1, false, TYPALIGN_INT));
}
