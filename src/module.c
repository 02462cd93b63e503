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
#include "lineage.h"
#include "order_am.h"
#include "planner.h"
#include "run.h"
#include "run_table.h"
#include "settings.h"
#include "tail.h"
#include "ticker.h"
#include "txlog.h"
#include "usage.h"
#include "usage_table.h"
#include "watch.h"

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
	datom_watch_init();
	datom_usage_table_init();
	datom_usage_init();
	datom_run_table_init();
	datom_lineage_init();
	datom_run_init();
	MarkGUCPrefixReserved("datom");
}
