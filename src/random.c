/*
 * random.c: random numbers of entities, and samples.
 *
 * Nothing is kept: a number is a function of the seed and the entity. So it is
 * the same in every shard, plan and process, on a standby, and tomorrow.
 */
#include "compat.h"

#include <math.h>

#include "fmgr.h"
#include "nodes/supportnodes.h"
#include "optimizer/optimizer.h"
#include "utils/float.h"

#include "philox.h"

PG_FUNCTION_INFO_V1(datom_random_number);

/*
 * datom.random_number(seed, e): a number in [0, 1), a multiple of 2^-53, which
 * depends on the two arguments and on nothing else: Philox4x32-10 with the seed
 * as key and e as counter. NULL if an argument is.
 */
Datum
datom_random_number(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(datom_philox_unit(PG_GETARG_INT64(0), PG_GETARG_INT64(1)));
}

/* NaN is not between any two. */
static bool
is_fraction(double x)
{
	return x >= 0 && x <= 1;
}

PG_FUNCTION_INFO_V1(datom_sample);

/*
 * datom.sample(e, fraction, seed): does e belong to the sample? It does if its
 * random number is below the fraction (from 0 to 1), so that of two fractions
 * the smaller gives a part of the larger's sample. Never NULL: a row that has no
 * entity stands or falls with entity 0, as in datom.shard().
 */
Datum
datom_sample(PG_FUNCTION_ARGS)
{
	int64		e = PG_ARGISNULL(0) ? 0 : PG_GETARG_INT64(0);
	double		fraction;

	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the fraction and the seed of a sample must not be null")));
	fraction = PG_GETARG_FLOAT8(1);
	if (!is_fraction(fraction))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("fraction \"%s\" is not between 0 and 1",
						float8out_internal(fraction))));
	PG_RETURN_BOOL(datom_philox_unit(PG_GETARG_INT64(2), e) < fraction);
}

PG_FUNCTION_INFO_V1(datom_sample_support);

/* datom.sample_support(internal): what datom.sample() selects, for the planner. */
Datum
datom_sample_support(PG_FUNCTION_ARGS)
{
	SupportRequestSelectivity *request = (SupportRequestSelectivity *) PG_GETARG_POINTER(0);
	Const	   *fraction;

	if (!IsA(request, SupportRequestSelectivity))
		PG_RETURN_POINTER(NULL);
	fraction = (Const *) estimate_expression_value(request->root, lsecond(request->args));
	if (!IsA(fraction, Const) || fraction->constisnull ||
		!is_fraction(DatumGetFloat8(fraction->constvalue)))
		PG_RETURN_POINTER(NULL);
	request->selectivity = DatumGetFloat8(fraction->constvalue);
	PG_RETURN_POINTER(request);
}
