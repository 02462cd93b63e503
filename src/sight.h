/*
 * What a snapshot sees, to be compared: whoever keeps what was found out under
 * one snapshot may use it under another that sees the same.
 */
#ifndef DATOM_SIGHT_H
#define DATOM_SIGHT_H

#include "compat.h"
#include "storage/lock.h"
#include "utils/snapshot.h"

/* Transactions in progress that are compared, of a snapshot. */
#define DATOM_SIGHT_XIDS 64

/* Compared as bytes. */
typedef struct DatomSight
{
	LocalTransactionId lxid;
	CommandId	curcid;
	TransactionId xmin;
	TransactionId xmax;
	uint32		xcnt;
	int32		subxcnt;
	bool		suboverflowed;
	TransactionId xids[DATOM_SIGHT_XIDS];
} DatomSight;

/* False: too many transactions are in progress for it to be kept. */
extern bool datom_sight_set(DatomSight *sight, Snapshot snapshot);

/* Does the snapshot see what one saw for which datom_sight_set() was true? */
extern bool datom_sight_same(const DatomSight *sight, Snapshot snapshot);

#endif
