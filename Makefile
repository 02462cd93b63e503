MODULE_big = datom
EXTENSION = datom
EXTVERSION = $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" $(EXTENSION).control)
DATA = datom--1.0.sql

# Ground floor first: a file may include only headers of its own floor or of
# those before it. `make floors` checks that.
FLOORS = \
	compat settings expression behalf inlined edn_lex edn \
	attribute kind value_rep value value_time value_write value_read value_io value_cast \
	datom schema shard \
	order_pack order_codec order_values order_column order_block \
	order_page order order_write order_read \
	locks ledger txlog basis log own rowset tail_read tail_own tail \
	rowsort far cover rows attrs merge audit stats facts append log_am order_am ticker \
	sight instant db scan_blocks order_view count scan timetravel create node \
	entity txdata resolve evolve say transact check \
	shard_clause moment_clause sql_value entity_table entity_call entity_row entity_history \
	attr_stream entity_batch entity_rows entity_scan entity_blocks entity_values \
	entity_clause entity_node entity_slot entity_selected entity_filter entity_groups entity_sums \
	entity_paths call_scan fdw_plan fdw_lock fdw fdw_import fdw_write fdw_aggregate entities \
	pull_pattern pull_plan pull_run pull \
	datalog_tree datalog_form datalog_where datalog_parse \
	datalog_types datalog_sql datalog_value datalog_scope datalog_pattern datalog_bound \
	datalog_branch datalog_call datalog_closure datalog_recursion datalog_rule datalog_clause datalog_set \
	datalog_find datalog_compile \
	datalog_given datalog_source datalog_entity datalog_args datalog_named datalog_plan datalog_timeout datalog_run datalog_json datalog datalog_rewrite \
	bounds custom_scan entity_rewrite planner \
	datalog_describe \
	entity_at pit_labels pit_states pit_blocks pit \
	choice decimal day_count interest late holidays \
	philox random \
	catalogue query_version query_inputs query_text query_object saved_query query_check \
	watch stat_file usage_table usage \
	run_table run_args lineage run \
	audience expectation_query expectation \
	order_block_test tail_test guard module
OBJS = $(patsubst %.c,%.o,$(wildcard $(FLOORS:%=src/%.c)))

REGRESS = attribute value log log_refuse log_index log_bulk order timetravel custom_scan shard entity transact evolve check entity_table entity_aggregate entity_write entities entity_scan pull datalog_sql datalog datalog_view point_in_time random_numbers finance holidays saved_query saved_query_usage run expectation
REGRESS_OPTS = --load-extension=datom
ISOLATION = $(basename $(notdir $(wildcard test/isolation/specs/*.spec)))
ISOLATION_OPTS = --inputdir=test/isolation --outputdir=output_iso --load-extension=datom

PG_CFLAGS = -std=gnu99 -Wall -Wextra -Werror -Wno-unused-parameter $(DATOM_CFLAGS)

EXTRACT_OBJS = $(patsubst %.c,%.o,$(wildcard src/extract/*.c))
EXTRA_CLEAN = datom_extract $(EXTRACT_OBJS)

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

# PGXS knows nothing of headers.
$(OBJS): $(wildcard src/*.h)

# datom_extract, a program that needs libpq and no server. PGXS builds a library
# or a program, not both.
all: datom_extract
datom_extract: $(EXTRACT_OBJS)
	$(CC) $(CFLAGS) $(EXTRACT_OBJS) -L$(pkglibdir) -lpgfeutils $(libpq_pgport) -lcrypto -lm $(LDFLAGS) $(LDFLAGS_EX) -o $@
$(EXTRACT_OBJS): CPPFLAGS := -I$(libpq_srcdir) -DDATOM_VERSION='"$(EXTVERSION)"' $(CPPFLAGS)
$(EXTRACT_OBJS): $(wildcard src/extract/*.h)
install: install-extract
install-extract: datom_extract
	$(MKDIR_P) '$(DESTDIR)$(bindir)'
	$(INSTALL_PROGRAM) datom_extract '$(DESTDIR)$(bindir)'
uninstall: uninstall-extract
uninstall-extract:
	rm -f '$(DESTDIR)$(bindir)/datom_extract'
.PHONY: install-extract uninstall-extract

# SUITES and TESTS select: make test SUITES=tap TESTS=006; see test/run.
.PHONY: test test-spark test-oracle torture demo bench deps
test:
	test/run $(SUITES)
test-spark:
	test/run spark
test-oracle:
	DATOM_ORACLE=1 TESTS="090 091 120" test/run tap
torture:
	TORTURE=1 test/run $(SUITES)
demo:
	demo/demo.sh
bench:
	bench/run
deps:
	test/deps

# A header that stands later in FLOORS than the file that includes it.
.PHONY: floors
floors:
	@printf '%s\n' $(FLOORS) | awk ' \
		FILENAME == "-" { floor[$$1] = ++n; next } \
		FNR == 1 { me = FILENAME; gsub(/^src\/|\.[ch]$$/, "", me); \
			if (!(me in floor)) { print FILENAME ": has no floor"; bad = 1 } } \
		/^#include "[a-z_]+\.h"/ { h = $$2; gsub(/"|\.h/, "", h); \
			if (h in floor && floor[h] > floor[me]) { \
				print FILENAME ": includes " h ".h from a floor above"; bad = 1 } } \
		END { exit bad }' - src/*.c src/*.h
