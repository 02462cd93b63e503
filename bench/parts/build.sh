# Making orders and btrees of facts that are there, and the room they take.

part_build() {
	once pur
	once eav
	local orders begin
	orders=$(psql -c "SELECT string_agg(indexrelid::regclass::text, ' ') FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
		JOIN pg_am ON pg_am.oid = relam WHERE indrelid = 'pur'::regclass AND amname = 'datom_order'")
	if [ -n "$orders" ]; then
		figure 'first VACUUM, which makes the orders, against three btrees on eav' "$pur_vacuum_took" "$pur_btrees_took" s faster '>= 1'
		row build 'first VACUUM; three btrees' "$pur_vacuum_took" "$pur_btrees_took"
		command[datom]="clock reindex pur $orders"
		command[eav]="clock reindex eav $(psql -c "SELECT string_agg(indexrelid::regclass::text, ' ') FROM pg_index WHERE indrelid = 'eav'::regclass")"
		in_turn '' datom eav
		figure 'REINDEX of the orders, against that of three btrees' "${taken[datom]}" "${taken[eav]}" s faster '>= 1'
		row build 'REINDEX of the orders; of three btrees' "${taken[datom]}" "${taken[eav]}"
		reindex_workers=2
		in_turn '' eav
		row build 'the same, btrees with 2 workers' '' "${taken[eav]}"
	fi
	bytes pur datom "$n"
	bytes eav eav "$n"
	local orders_size log_size eav_size
	orders_size=$(psql -c "SELECT coalesce(sum(pg_table_size(i::regclass)), 0) / $n::numeric FROM regexp_split_to_table('$orders', ' ') i WHERE i <> ''")
	log_size=$(psql -c "SELECT pg_table_size('pur') / $n::numeric + $orders_size")
	eav_size=$(psql -c "SELECT pg_total_relation_size('eav') / $n::numeric")
	[ -z "$orders" ] || figure 'all orders together' "$orders_size" '' 'bytes a datom' itself '<= 28'
	figure 'log and orders, against eav with three btrees' "$log_size" "$eav_size" 'bytes a datom' itself '<= 120'
	figure 'log and all indexes, btrees too' "$(psql -c "SELECT pg_total_relation_size('pur') / $n::numeric")" "$eav_size" 'bytes a datom' itself
}

reindex_workers=0
reindex() {
	local i
	shift
	for i; do
		psql -c "SET max_parallel_maintenance_workers = $reindex_workers" -c "REINDEX INDEX $i"
	done
}

# bytes TABLE NAME DATOMS: a row for the table and each index.
bytes() {
	local what size
	while IFS='|' read -r what size; do
		row bytes "$2: $what" "$size"
	done < <(psql -c "SELECT what, round(size / $3::numeric, 1) FROM (
		SELECT 0 AS i, CASE amname WHEN 'datom' THEN 'log' ELSE 'table' END AS what, pg_table_size(c.oid) AS size
			FROM pg_class c JOIN pg_am ON pg_am.oid = c.relam WHERE c.oid = '$1'::regclass
		UNION ALL SELECT indexrelid::bigint, replace(substring(pg_get_indexdef(indexrelid) FROM 'USING (.*)'), 'datom.', ''), pg_table_size(indexrelid)
			FROM pg_index WHERE indrelid = '$1'::regclass
		UNION ALL SELECT 1e10, 'all', pg_total_relation_size('$1')) x ORDER BY i")
}
