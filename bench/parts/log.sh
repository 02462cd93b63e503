# The log: writing facts, and reading the rows of a table one after the other.

# COPY of all facts, in text or in binary; in binary the heap tables, too, hold
# values of the right types, and no text of literals. Orders are made later, by
# VACUUM: see build.sh.
part_copy() {
	local format uniqueness t
	copy_prepare() {
		psql -c "DROP TABLE IF EXISTS copy_$1"
		case $1 in
		datom) datom_table copy_datom "$uniqueness" ;;
		heap) heap_table copy_heap ;;
		eav) psql -c "CREATE TABLE copy_eav ($eav_columns)" -c "$(eav_indexes copy_eav)" ;;
		esac
	}
	copy_one() {
		psql -c "COPY copy_$1 (e, a, v) FROM '$work/facts' (FORMAT $format)"
	}
	for t in datom heap eav; do
		command[$t]="clock copy_one $t"
	done
	for format in ${BENCH_COPY:-binary}; do
		psql -c "COPY (SELECT * FROM facts(1, $purchases, 1)) TO '$work/facts' (FORMAT $format)"
		uniqueness=NULL
		in_turn copy_prepare datom heap eav
		heap_row "COPY, $format" s
		figure "COPY, $format, against eav with three btrees" "${taken[datom]}" "${taken[eav]}" s faster '>= 1.2'
		row build "COPY, $format" "${taken[datom]}" "${taken[eav]}"
		uniqueness="'identity'"
		in_turn copy_prepare datom heap
		heap_row "COPY, $format, one of 5 attributes unique" s
		rm "$work/facts"
	done
	psql -c 'DROP TABLE copy_datom, copy_heap, copy_eav'
}

# Few facts a transaction, by number of clients; with a unique one, by the
# highest.
part_small() {
	local uniqueness what c which clients=${BENCH_CLIENTS:-1 8 32}
	for uniqueness in NULL "'identity'"; do
		what='3 datoms a transaction'
		[ "$uniqueness" = NULL ] || { what='3 datoms, one of them unique'; clients=${clients##* }; }
		datom_table small_datom "$uniqueness"
		heap_table small_heap
		psql -c 'CREATE SEQUENCE small_heap_e_seq'
		for which in datom heap; do
			# \003a is a colon, which pgbench would take for its own.
			cat > "$work/small_$which.sql" <<SQL
INSERT INTO small_$which (e, a, v) SELECT e, a, v FROM nextval('small_${which}_e_seq') e, LATERAL (VALUES
	(U&'\003apurchase/id'::datom.attribute, datom.value('pur-' || e)), (U&'\003apurchase/amount', datom.value(e / 100.0)),
	(U&'\003apurchase/merchant', datom.value('merchant-' || e % 997))) f (a, v);
SQL
		done
		for c in $clients; do
			compare "$what, $c client$([ "$c" = 1 ] || echo s)" tps "tps $work/small_datom.sql $c" "tps $work/small_heap.sql $c"
		done
		psql -c 'DROP TABLE small_datom, small_heap' -c 'DROP SEQUENCE small_heap_e_seq'
	done
}

part_scan() {
	once pur
	once heap
	local workers
	for workers in 0 2; do
		scan() {
			psql -c "SET enable_indexscan = off; SET enable_bitmapscan = off; SET max_parallel_workers_per_gather = $workers" \
				-c "SELECT count(*), sum(v::numeric) FROM $1 WHERE a = ':purchase/amount'"
		}
		[ "$(scan pur)" = "$(scan heap)" ] || { echo 'the scans differ' >&2; return 1; }
		compare "sequential scan, count and sum of an attribute$([ $workers = 0 ] || echo ", $workers workers")" s \
			'clock scan pur' 'clock scan heap'
	done
}

# 20 purchases of 5 facts each; every other one is known already, each from
# another twentieth, so that no transaction speaks twice of one.
part_transact() {
	once pur
	local i c
	{
		for ((i = 1; i <= 20; i++)); do
			if [ $((i % 2)) = 0 ]; then
				echo "\\set i$i random($((purchases / 20 * (i - 1))) + 1, $((purchases / 20 * i)))"
			else
				echo "\\set i$i random($purchases + 1, 1000000000000)"
			fi
			echo "\\set x$i random(1, 99999)"
		done
		printf "SELECT datom.transact('pur', '["
		for ((i = 1; i <= 20; i++)); do
			printf '{:purchase/id "pur-:i%s" :purchase/customer-id "cus-:x%s" :purchase/amount :x%s.25M :purchase/merchant "merchant-:x%s" :purchase/at #inst "2015-01-01T00:00:00Z"}' $i $i $i $i
		done
		printf "]');\n"
	} > "$work/transact.sql"
	for c in 1 8; do
		rm -f "$work"/latency.*
		tps "$work/transact.sql" "$c" -M simple -l --log-prefix="$work/latency" > "$work/tps"
		row transact "transact of 100 facts with upserts, $c client$([ "$c" = 1 ] || echo s)" \
			"p50 $(percentile 50 "$work"/latency.*) ms, p95 $(percentile 95 "$work"/latency.*) ms" \
			"$(awk '{ printf "%.0f", $1 * 100 }' "$work/tps")"
	done
}

# percentile P LOG...: in milliseconds, of what pgbench logged.
percentile() {
	local p=$1
	shift
	cat "$@" | cut -d' ' -f3 | sort -n > "$work/sorted"
	sed -n "$((($(wc -l < "$work/sorted") - 1) * p / 100 + 1))p" "$work/sorted" | awk '{ printf "%.3f\n", $1 / 1000 }'
}
