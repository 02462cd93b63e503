/*
 * Ticks when nobody commits: for those who ask about now, and for standbys.
 */
#ifndef DATOM_TICKER_H
#define DATOM_TICKER_H

#include "compat.h"

extern void datom_ticker_init(void);

/* Asks for a tick in this database; returns at once. False: none to be had. */
extern bool datom_ticker_ask(void);

/* Sends all tickers away from their databases and waits until they are gone. */
extern void datom_ticker_leave(void);

#endif
