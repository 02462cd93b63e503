/*
 * shard.c: which of N shards an entity belongs to.
 */
#include "compat.h"

#include "fmgr.h"

static void
check_shard(int64 i, int64 n)
{
	if (n < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the number of shards must be at least 1, not " INT64_FORMAT, n)));
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
	int64		i;
	int64		n;
	int64		rest;

	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the shard and the number of shards must not be null")));
	i = PG_GETARG_INT64(1);
	n = PG_GETARG_INT64(2);
	check_shard(i, n);
	rest = e % n;
	PG_RETURN_BOOL((rest < 0 ? rest + n : rest) == i);
}
