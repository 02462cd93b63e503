# Writers at full rate and point readers at once, with autovacuum: first a datom
# table, then eav, for the same time.

mixed_n=${BENCH_MIXED_N:-$((n / 10))}
mixed_seconds=${BENCH_MIXED:-60}

part_mixed() {
	local which p=$((mixed_n / 5))
	datom_table mixed_datom "'identity'"
	psql -c "CREATE TABLE mixed_eav ($eav_columns)" -c "$(eav_indexes mixed_eav)" -c 'CREATE SEQUENCE mixed_eav_e_seq'
	for which in datom eav; do
		psql -c "INSERT INTO mixed_$which (e, a, v) SELECT * FROM facts(1, $p, 1)" -c "VACUUM FREEZE ANALYZE mixed_$which"
	done
	psql -c "SELECT setval('mixed_eav_e_seq', max(e)) FROM mixed_eav" > /dev/null
	psql -c 'ALTER SYSTEM SET autovacuum = on' -c 'SELECT pg_reload_conf()' > /dev/null
	for which in datom eav; do
		psql -c CHECKPOINT
		mixed $which "$p"
	done
	psql -c 'ALTER SYSTEM RESET autovacuum' -c 'SELECT pg_reload_conf()' > /dev/null
	figure 'p99 of point reads under writes, against btree lookups on eav' "$(cat "$work/p99.datom")" "$(cat "$work/p99.eav")" ms times '<= 4'
	[ ! -s "$work/tail" ] || figure 'longest tail under writes' "$(sort -n "$work/tail" | tail -1)" '' pages itself '<= 256'
	local file what
	for file in 'p50:point reads, p50, ms' 'p99:point reads, p99, ms' 'reads:point reads a second' 'writes:transactions of 3 to 5 facts a second'; do
		what=${file#*:}
		row mixed "$what" "$(cat "$work/${file%%:*}.datom")" "$(cat "$work/${file%%:*}.eav")"
	done
	[ ! -s "$work/tail" ] || row mixed 'longest tail, pages' "$(sort -n "$work/tail" | tail -1)" ''
	[ ! -s "$work/tail" ] || row mixed 'tail, median of each second, pages' "$(median 1 < "$work/tail")" ''
	psql -c 'DROP TABLE mixed_datom, mixed_eav' -c 'DROP SEQUENCE mixed_eav_e_seq'
}

# mixed WHICH PURCHASES: 4 writers, of which one in four transactions tells of a
# new purchase and three change a known one; 2 readers.
mixed() {
	local which=$1 p=$2 writer
	mixed_scripts "$which" "$p"
	rm -f "$work"/latency.*
	"$work/bin/pgbench" -n -M prepared -c 4 -j 1 -T "$mixed_seconds" -f "$work/mixed_known.sql@3" -f "$work/mixed_new.sql@1" \
		> "$work/writers.out" 2> "$work/writers.err" &
	writer=$!
	"$work/bin/pgbench" -n -M prepared -c 2 -j 1 -T "$mixed_seconds" -f "$work/mixed_entity.sql" -f "$work/mixed_identity.sql" \
		-l --log-prefix="$work/latency" > "$work/readers.out" 2> "$work/readers.err" &
	local reader=$!
	[ "$which" = eav ] || sample_tail
	wait $writer || { cat "$work/writers.err" >&2; return 1; }
	wait $reader || { cat "$work/readers.err" >&2; return 1; }
	percentile 50 "$work"/latency.* > "$work/p50.$which"
	percentile 99 "$work"/latency.* > "$work/p99.$which"
	sed -n 's/^tps = \([0-9]*\).*/\1/p' "$work/readers.out" > "$work/reads.$which"
	sed -n 's/^tps = \([0-9]*\).*/\1/p' "$work/writers.out" > "$work/writes.$which"
}

mixed_scripts() {
	local which=$1 p=$2 id value
	id=$(attribute :purchase/id)
	value="datom.value('pur-' || (:i)::bigint)"
	changed() {
		echo "($(attribute :purchase/amount), datom.value($1 % 99991 / 100.0)), ($(attribute :purchase/merchant), datom.value('merchant-' || $1 % 997)), ($(attribute :purchase/at), datom.value(now()))"
	}
	printf '%s\n' "\\set i random(1, $p)" '\set x random(1, 1000000)' \
		"INSERT INTO mixed_$which (e, a, v) SELECT 1000 + :i, a::datom.attribute, v FROM (VALUES $(changed '(:x)::bigint')) f (a, v);" > "$work/mixed_known.sql"
	printf '%s\n' "INSERT INTO mixed_$which (e, a, v) SELECT e, a::datom.attribute, v FROM nextval('mixed_${which}_e_seq') e, LATERAL (VALUES ($id, datom.value('pur-' || (e - 1000))), ($(attribute :purchase/customer-id), datom.value('cus-' || e % 100000)), $(changed e)) f (a, v);" > "$work/mixed_new.sql"
	printf '\\set i random(1, %s)\n' "$p" | tee "$work/mixed_entity.sql" > "$work/mixed_identity.sql"
	if [ "$which" = datom ]; then
		echo "SELECT e, a, v FROM datom.as_of('mixed_datom') WHERE e = 1000 + :i;" >> "$work/mixed_entity.sql"
		echo "SELECT e, a, v FROM datom.as_of('mixed_datom') WHERE a = $id AND v = $value;" >> "$work/mixed_identity.sql"
	else
		echo "SELECT e, a, v FROM (SELECT DISTINCT ON (a) e, a, v, added FROM mixed_eav WHERE e = 1000 + :i ORDER BY a, instant DESC) f WHERE added;" >> "$work/mixed_entity.sql"
		echo "SELECT e, a, v FROM mixed_eav WHERE a = $id AND datom.value_hash(v) = datom.value_hash($value) AND v = $value AND added;" >> "$work/mixed_identity.sql"
	fi
}

# Pages of the longest tail, each second, where it can be asked for.
sample_tail() {
	local i
	: > "$work/tail"
	[ -n "$(psql -c "SELECT to_regprocedure('datom.stats(regclass)')")" ] || return 0
	for ((i = 0; i < mixed_seconds; i++)); do
		psql -c "SELECT coalesce(max(tail_pages), 0) FROM datom.stats('mixed_datom')" >> "$work/tail"
		sleep 1
	done
}
