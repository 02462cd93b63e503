/*
 * sight.c: what a snapshot sees.
 */
#include "sight.h"

#include "storage/proc.h"

bool
datom_sight_set(DatomSight *sight, Snapshot snapshot)
{
	memset(sight, 0, sizeof(*sight));
	sight->lxid = MyProc->lxid;
	sight->curcid = snapshot->curcid;
	sight->xmin = snapshot->xmin;
	sight->xmax = snapshot->xmax;
	sight->xcnt = snapshot->xcnt;
	sight->subxcnt = snapshot->subxcnt;
	sight->suboverflowed = snapshot->suboverflowed;
	if (snapshot->xcnt > DATOM_SIGHT_XIDS ||
		snapshot->subxcnt > DATOM_SIGHT_XIDS - (int) snapshot->xcnt)
		return false;
	memcpy(sight->xids, snapshot->xip, sizeof(TransactionId) * snapshot->xcnt);
	memcpy(sight->xids + snapshot->xcnt, snapshot->subxip,
		   sizeof(TransactionId) * snapshot->subxcnt);
	return true;
}

bool
datom_sight_same(const DatomSight *sight, Snapshot snapshot)
{
	DatomSight	other;

	return datom_sight_set(&other, snapshot) && memcmp(sight, &other, sizeof(other)) == 0;
}
