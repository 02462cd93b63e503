# Point-in-time joins: a training set, each label with its entity as it stood.
#
#	pit			datom.pit()
#	one_by_one	LATERAL datom.entity_as_of() for each label
#	ranged		LATERAL on a heap table with a row for each fact, valid_from and
#				valid_to: all facts of the entity that held then, pivoted
#	newest		the same, the newest fact of each attribute by an index
#	joined		labels and that table joined as a whole, and grouped by label
#	event_time	datom.pit() by event time
#
# pit: a row for each purchase, 5 facts of it and 4 that supersede all but the id.

pit_p=$((n / 9))
pit_labels=$((n / 10))
pit_columns='customer_id text, amount numeric, merchant text, at timestamptz'
pit_sums='count(*), sum(fraud), sum(amount), count(customer_id), count(merchant), max(at)'
pit_digest="count(*), sum(hashtextextended(ROW(n, customer_id, trim_scale(amount), merchant, at)::text, 0))"

fill_pit() {
	imported pit "$pit_p"
	psql -c "CALL import_facts('pit', $pit_p, 2, '2015-01-01Z', interval '500 days' / $txs, $txs, \$\$a <> ':purchase/id'\$\$)" \
		-c "SELECT datom.live('pit')" -c 'VACUUM FREEZE ANALYZE pit' -c CHECKPOINT > /dev/null
	entity_table pit_purchase pit
	psql -c "CREATE TABLE labels AS SELECT i AS n, 1001 + (hashint8extended(i, 7) & 4294967295) % $pit_p AS e,
			timestamptz '2013-01-01Z' + (hashint8extended(i, 8) & 4294967295) % (1200 * 86400) * interval '1 s' AS label_at, (i % 2)::int AS fraud
		FROM generate_series(1, $pit_labels) i" -c 'VACUUM FREEZE ANALYZE labels'
}
fill_pit_hist() {
	psql -c "SET work_mem = '1GB'" \
		-c "CREATE TABLE pit_hist AS SELECT d.e, d.a::text COLLATE \"C\" AS a, d.v, t.instant AS valid_from,
			coalesce(lead(t.instant) OVER (PARTITION BY d.e, d.a ORDER BY t.instant), 'infinity') AS valid_to
		FROM pit d JOIN datom.tx t ON t.tx = d.tx AND t.db = 'pit'::regclass WHERE d.a NOT IN (SELECT x FROM builtins)" \
		-c 'CREATE INDEX ON pit_hist (e, a, valid_from)' -c 'CREATE INDEX ON pit_hist (a, e, valid_from)' -c 'VACUUM FREEZE ANALYZE pit_hist' -c CHECKPOINT
}

# newest ATTRIBUTE COLUMN TYPE: the fact of an attribute that held at the label's moment.
newest() {
	echo "LEFT JOIN LATERAL (SELECT v::$3 AS $2 FROM pit_hist h WHERE h.a = ':purchase/$1' AND h.e = l.e AND h.valid_from <= l.label_at ORDER BY h.valid_from DESC LIMIT 1) $2 ON true"
}

part_pit() {
	local held='h.e = l.e AND h.valid_from <= l.label_at AND h.valid_to > l.label_at' pivot c best name
	pivot="max(h.v::text) FILTER (WHERE h.a = ':purchase/customer-id') AS customer_id, max(h.v::numeric) FILTER (WHERE h.a = ':purchase/amount') AS amount,
		max(h.v::text) FILTER (WHERE h.a = ':purchase/merchant') AS merchant, max(h.v::timestamptz) FILTER (WHERE h.a = ':purchase/at') AS at"
	once pit
	once pit_hist
	declare -A from=(
		[pit]="datom.pit('labels', 'e', 'label_at', 'pit_purchase') f (n int, fraud int, e bigint, label_at timestamptz, $pit_columns)"
		[one_by_one]='labels l LEFT JOIN LATERAL datom.entity_as_of(NULL::pit_purchase, l.e, l.label_at) p ON true'
		[ranged]="labels l LEFT JOIN LATERAL (SELECT $pivot FROM pit_hist h WHERE $held) p ON true"
		[newest]="labels l $(newest customer-id customer_id text) $(newest amount amount numeric) $(newest merchant merchant text) $(newest at at timestamptz)"
		[joined]="(SELECT l.n, l.fraud, $pivot FROM labels l LEFT JOIN pit_hist h ON $held AND h.a <> ':purchase/id' GROUP BY l.n, l.fraud) p"
		[event_time]="datom.pit('labels', 'e', 'label_at', 'pit_purchase', 'at') f (n int, fraud int, e bigint, label_at timestamptz, $pit_columns)")
	for name in "${!from[@]}"; do
		sql[$name]="SELECT $pit_sums FROM ${from[$name]}"
		with[$name]=
		note "$name: ${sql[$name]}" "$(psql -c "$quiet" -c "EXPLAIN (COSTS OFF) ${sql[$name]}")" ''
	done
	for name in one_by_one ranged newest joined; do
		same "SELECT $pit_digest FROM ${from[pit]}" "SELECT $pit_digest FROM ${from[$name]}"
	done
	asked pit ranged newest joined one_by_one event_time
	row pit "$pit_labels labels, $n datoms" "${taken[pit]}" "${taken[event_time]}" "${taken[one_by_one]}" "${taken[ranged]}" "${taken[newest]}" "${taken[joined]}"
	best=$(printf '%s\n' "${taken[ranged]}" "${taken[newest]}" | sort -g | head -1)
	figure "pit of $pit_labels labels, 4 columns, against LATERAL as-of on a heap history table" "${taken[pit]}" "$best" s faster '>= 10'
	figure 'the same, against that table joined as a whole' "${taken[pit]}" "${taken[joined]}" s faster
	figure 'LATERAL entity_as_of(), against LATERAL on the heap history table' "${taken[one_by_one]}" "$best" s faster
}
