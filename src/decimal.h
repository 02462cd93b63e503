/*
 * Exact decimals: arithmetic of numeric, and rounding that is asked for by name.
 */
#ifndef DATOM_DECIMAL_H
#define DATOM_DECIMAL_H

#include "compat.h"
#include "utils/numeric.h"

#include "choice.h"

typedef enum DatomRoundingMode
{
	ROUND_HALF_UP,				/* ties away from zero, as round(numeric) */
	ROUND_HALF_EVEN,
	ROUND_HALF_DOWN,			/* ties towards zero */
	ROUND_UP,					/* away from zero */
	ROUND_DOWN,					/* towards zero */
	ROUND_CEILING,
	ROUND_FLOOR
} DatomRoundingMode;

/* Room for any result, but not for nonsense. */
#define DATOM_SCALE_MAX 1000

typedef struct DatomRounding
{
	bool		exact;			/* nothing is rounded */
	int			scale;			/* digits after the point; below 0: before it */
	DatomRoundingMode mode;
} DatomRounding;

extern DatomRounding datom_rounding(DatomChoice *last, bool exact, int scale,
									const text *mode);

extern Numeric datom_decimal_add(Numeric x, Numeric y);
extern Numeric datom_decimal_sub(Numeric x, Numeric y);
extern Numeric datom_decimal_mul(Numeric x, Numeric y);
extern Numeric datom_decimal_div(Numeric x, Numeric y);
extern int	datom_decimal_cmp(Numeric x, Numeric y);
extern int	datom_decimal_sign(Numeric x);	/* NaN: 1 */

/* x, with at least `scale` digits after the point. */
extern Numeric datom_decimal_pad(Numeric x, int scale);

/* x to the power of n > 0, exactly. */
extern Numeric datom_decimal_power(Numeric x, int n);

/* About log10 of |x|, to choose numbers of digits by. */
extern double datom_decimal_magnitude(Numeric x);

/*
 * x / y, y > 0, as if the quotient were known to all its digits and then
 * rounded once. If it is not to be rounded: as numeric's division has it, but
 * with at least three digits more than x, which are enough for it to be exact
 * wherever a quotient by 30, 252, 360, 365 or 365 * 366 has an end.
 */
extern Numeric datom_decimal_quotient(Numeric x, int64 y, const DatomRounding *to);
extern Numeric datom_decimal_round(Numeric x, const DatomRounding *to);

#endif
