/*
 * module.c: what happens when the library is loaded.
 */
#include "compat.h"

#include "fmgr.h"
#include "utils/guc.h"

#include "append.h"
#include "call_scan.h"
#include "custom_scan.h"
#include "guard.h"
#include "log.h"
#include "order_am.h"
#include "planner.h"
#include "settings.h"
#include "tail.h"
#include "ticker.h"
#include "txlog.h"

PG_MODULE_MAGIC;

void		_PG_init(void);

void
_PG_init(void)
{
	datom_settings_init();
	datom_txlog_init();
	datom_log_init();
	datom_tail_init();
	datom_append_init();
	datom_order_am_init();
	datom_ticker_init();
	datom_custom_scan_init();
	datom_call_scan_init();
	datom_planner_init();
	datom_guard_init();
	MarkGUCPrefixReserved("datom");
}
