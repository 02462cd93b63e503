# Entity tables against tables that hold the same rows.
#
#	wide		a row for each purchase, without a past
#	history		a row for each state of one, with valid_from and valid_to
#	versioned	the same, kept by the extension `periods`
#	eav			pivoted by the fastest of six ways to write it
#
# "rows" hands all rows over to the executor, "in_scan" computes aggregates in
# the scan.

row_by_row='SET datom.enable_aggregates = off;'
shards=35
whole='SELECT count(*), sum(amount) FROM'
purchase_columns='e bigint, id text, customer_id text, amount numeric, merchant text, at timestamptz'

# ---- data ----

# entity_table NAME DATOMS
entity_table() {
	psql -c "CREATE FOREIGN TABLE $1 ($purchase_columns) SERVER datom OPTIONS (db '$2', namespace 'purchase')" -c "ANALYZE $1"
}
fill_purchase() {
	once pur
	entity_table purchase pur
}
fill_half_purchase() {
	once half
	entity_table half_purchase half
}
fill_few_purchase() {
	once few
	entity_table few_purchase few
	entity_table deep_purchase deep
}

# purchases_sql FROM TO VERSION: rows, as facts() has them.
purchases_sql() {
	echo "SELECT 1000 + i AS e, 'pur-' || i AS id, 'cus-' || h % 100000 AS customer_id, round((h % 100000) / 100.0, 2) AS amount,
		'merchant-' || h % 997 AS merchant, timestamptz '2013-01-01Z' + h % 63072000 * interval '1 s' AS at, i
	FROM generate_series($1, $2) i, LATERAL (SELECT hashint8extended(i, $3) & 4294967295) h (h)"
}
# The states that purchases of half had, and the table they have now.
fill_history() {
	local p=$((half_n / 5)) batch
	batch=$(((p + txs - 1) / txs))
	batch=$((batch > 0 ? batch : 1))
	instant() {
		echo "timestamptz '$1' + (i - 1) / $batch * (interval '500 days' / $txs)"
	}
	psql <<SQL
CREATE TABLE history AS
	SELECT e, id, customer_id, amount, merchant, at, $(instant "$first") AS valid_from,
		CASE WHEN e % 8 < 5 THEN $(instant 2015-01-01Z) ELSE 'infinity' END AS valid_to
	FROM ($(purchases_sql 1 "$p" 1)) p
	UNION ALL
	SELECT e, id, customer_id, amount, merchant, at, $(instant 2015-01-01Z), 'infinity' FROM ($(purchases_sql 1 "$p" 2)) p WHERE e % 8 < 5;
CREATE INDEX ON history (e, valid_from);
CREATE INDEX ON history (id, valid_from);
VACUUM FREEZE ANALYZE history;
CREATE TABLE half_wide AS SELECT e, id, customer_id, amount, merchant, at FROM history WHERE valid_to = 'infinity' ORDER BY e;
ALTER TABLE half_wide ADD PRIMARY KEY (e);
CREATE UNIQUE INDEX ON half_wide (id);
VACUUM FREEZE ANALYZE half_wide;
SQL
}
# Its instants are those of its own transactions, so what is past here is a
# moment between two of them.
fill_versioned() {
	local p=$((half_n / 5)) versioned='e, id, customer_id, amount, merchant, at'
	if ! psql -c 'CREATE EXTENSION periods CASCADE' 2> "$work/error"; then
		note 'versioned: the extension "periods" is missing (BENCH=1 make deps)' ''
		versioned_past=
		return 0
	fi
	psql > /dev/null <<SQL
CREATE TABLE versioned AS SELECT $versioned FROM ($(purchases_sql 1 "$p" 1)) p;
ALTER TABLE versioned ADD PRIMARY KEY (e);
SELECT periods.add_system_time_period('versioned', 'row_start', 'row_end');
SELECT periods.add_system_versioning('versioned');
SQL
	versioned_past=$(psql -c 'SELECT clock_timestamp()')
	psql -c "UPDATE versioned v SET (customer_id, amount, merchant, at) = (n.customer_id, n.amount, n.merchant, n.at)
			FROM ($(purchases_sql 1 "$p" 2)) n WHERE n.e = v.e AND v.e % 8 < 5" \
		-c 'VACUUM FULL versioned' -c 'VACUUM FREEZE ANALYZE versioned' -c 'VACUUM FREEZE ANALYZE versioned_history'
}

# ---- what is asked of eav ----

# pivot SHAPE WAY TABLE WHERE: a row for each entity that has an id.
pivot() {
	local id="a = ':purchase/id'" amount="a = ':purchase/amount'"
	case $1 in
	joined)
		echo "SELECT e, f.v::numeric AS amount FROM ($(eav_sql "$2" "$3" "$4 AND $id" v)) k LEFT JOIN ($(eav_sql "$2" "$3" "$4 AND $amount" v)) f USING (e)" ;;
	filtered)
		echo "SELECT e, max(v::numeric) FILTER (WHERE $amount) AS amount FROM ($(eav_sql "$2" "$3" "$4 AND ($id OR $amount)" v)) f GROUP BY e HAVING bool_or($id)" ;;
	esac
}

# pivoted TABLE WHERE AND WAY...: the fastest into sql[eav]. AND is of its rows,
# and may be empty.
pivoted() {
	local t=$1 w=$2 and=$3 best='' took way shape query line="$1 WHERE $2, pivoted:"
	shift 3
	for way; do
		for shape in joined filtered; do
			query="$whole ($(pivot $shape "$way" "$t" "$w")) p $and"
			if took=$(ask "$query" "SET statement_timeout = $(awk -v best="${best:-1e5}" 'BEGIN { printf "%d", 500 + best * 1500 }')" 2> "$work/error"); then
				took=${took% *}
				line+=" $way $shape $(number "$took") s,"
				if [ -z "$best" ] || awk -v x="$took" -v y="$best" 'BEGIN { exit !(x < y) }'; then
					best=$took
					sql[eav]=$query
				fi
			else
				grep -q 'statement timeout' "$work/error" || { cat "$work/error" >&2; return 1; }
				line+=" $way $shape given up,"
			fi
		done
	done
	note "${line%,}" "best: ${sql[eav]}" ''
	echo "   ${line%,}" >&2
}

# ---- how it is measured ----

# entity_row WHAT NAME...: a row of those that were asked.
entity_row() {
	local what=$1 name cells=()
	shift
	for name in rows in_scan wide history versioned eav; do
		case " $* " in
		*" $name "*) cells+=("${taken[$name]}") ;;
		*) cells+=('') ;;
		esac
	done
	row entity "$what" "${cells[@]}"
}

# both SQL: the same question, row by row and in the scan.
both() {
	sql[rows]=$1
	sql[in_scan]=$1
	with[rows]=$row_by_row
	with[in_scan]=
	same "SET datom.enable_aggregates = off; $1" "SET datom.enable_aggregates = on; $1"
}

# copied NAME: the seconds that COPY of its rows in binary takes.
copied() {
	printf '%s\n' "$quiet ${with[$1]:-};" "EXPLAIN ${sql[$1]};" '\timing on' "COPY (${sql[$1]}) TO STDOUT (FORMAT binary);" |
		psql -o /dev/null > "$work/asked" || return 1
	awk '/^Time: / { ms = $2 } END { printf "%.4f 0\n", ms / 1000 }' "$work/asked"
}

# together NAME: the seconds that all shards take, one after the other; SHARD
# stands for the number of one.
together() {
	local i
	{
		printf '%s\n' "$quiet ${with[$1]:-};" "EXPLAIN ${sql[$1]//SHARD/0};" '\timing on'
		for ((i = 0; i < shards; i++)); do
			echo "${sql[$1]//SHARD/$i};"
		done
	} | psql -o /dev/null > "$work/asked" || return 1
	awk '/^Time: / { ms += $2 } END { printf "%.4f 0\n", ms / 1000 }' "$work/asked"
}

# again NAME: the seconds of a question that the session has asked before.
again() {
	printf '%s\n' "$quiet ${with[$1]:-};" "${sql[$1]};" '\timing on' "${sql[$1]};" | psql -o /dev/null > "$work/asked" || return 1
	awk '/^Time: / { ms = $2 } END { printf "%.4f 0\n", ms / 1000 }' "$work/asked"
}

# cold NAME: the seconds of a first question, of a server that has just started
# with caches dropped where that is allowed.
cold() {
	server "$work/bin/pg_ctl" -D data -m fast -w stop > /dev/null
	sync
	caches=kept
	! echo 3 2> /dev/null > /proc/sys/vm/drop_caches || caches=dropped
	server "$work/bin/pg_ctl" -D data -l log -w start > /dev/null
	printf '%s\n' "$quiet ${with[$1]:-};" 'SELECT count(*) FROM pg_class;' '\timing on' "${sql[$1]};" | psql -o /dev/null > "$work/asked" || return 1
	awk '/^Time: / { ms = $2 } END { printf "%.4f 0\n", ms / 1000 }' "$work/asked"
}

# measured_by COMMAND NAME...
measured_by() {
	local how=$1 name
	shift
	for name; do
		command[$name]="$how $name"
	done
	in_turn '' "$@"
}

# against_wide WHAT SELECT [REST [REACH [IN_SCAN [PEER...]]]]: of purchases; what is
# to be reached where rows are handed over, and in the scan; who else is asked the
# same, by sql[PEER].
against_wide() {
	both "$2 FROM purchase ${3:-}"
	sql[wide]="$2 FROM wide ${3:-}"
	same "${sql[rows]}" "${sql[wide]}"
	asked rows in_scan wide "${@:6}"
	entity_row "$1" rows in_scan wide "${@:6}"
	figure "entity table, $1, row by row, against wide" "${taken[rows]}" "${taken[wide]}" s times "${4:-}"
	figure 'the same, in the scan' "${taken[in_scan]}" "${taken[wide]}" s times "${5:-}"
}

part_entity() {
	local t
	for t in purchase wide eav; do
		once $t
	done
	same "$digest datom.as_of('pur') WHERE $user_facts" "$digest eav"
	same 'SELECT count(*), sum(hashtextextended(p::text, 0)) FROM purchase p' 'SELECT count(*), sum(hashtextextended(p::text, 0)) FROM wide p'

	explained "$whole purchase"
	explained "$whole purchase" "$row_by_row"
	entity_now
	entity_shards
	entity_copied
	once half_purchase
	once history
	once half_eav
	once versioned
	entity_past
	once few_purchase
	entity_history
	entity_points
}

entity_now() {
	pivoted eav true '' plain distinct group antijoin
	same "$whole purchase" "${sql[eav]}"
	against_wide 'count and sum of all rows' 'SELECT count(*), sum(amount)' '' '<= 1.1' '<= 0.3' eav
	figure 'entity table, count and sum of all rows, row by row, against eav' "${taken[rows]}" "${taken[eav]}" s faster
	sql[two]=${sql[rows]}
	with[two]="$(workers 1) $row_by_row"
	asked rows two
	figure 'two processes against one, row by row' "${taken[two]}" "${taken[rows]}" s faster
	with[two]=
	against_wide 'count' 'SELECT count(*)' '' '' '<= 0.3'
	against_wide 'count, sum, min, max, avg' 'SELECT count(*), sum(amount), min(amount), max(amount), avg(amount)' '' '' '<= 0.3'
	against_wide 'count and sum by merchant' 'SELECT merchant, count(*), sum(amount)' 'GROUP BY merchant ORDER BY merchant' '' '<= 0.3'
	against_wide 'count and sum of a merchant' 'SELECT count(*), sum(amount)' "WHERE merchant = 'merchant-7'"
	against_wide 'count and sum of a tenth of the entities' 'SELECT count(*), sum(amount)' "WHERE e BETWEEN $((purchases / 2)) AND $((purchases / 2 + purchases / 10))"
}

# One of 35, and all of them, one after the other.
entity_shards() {
	local rows in_scan rows_again in_scan_again name
	both "$whole purchase"
	asked rows in_scan
	rows=${taken[rows]}
	in_scan=${taken[in_scan]}
	measured_by again rows in_scan
	rows_again=${taken[rows]}
	in_scan_again=${taken[in_scan]}
	both "$whole purchase WHERE mod(e, $shards) = 0"
	explained "${sql[rows]}"
	sql[wide]="$whole wide WHERE mod(e, $shards) = 0"
	same "${sql[rows]}" "${sql[wide]}"
	pivoted eav true "WHERE mod(e, $shards) = 0" plain distinct
	same "${sql[rows]}" "${sql[eav]}"
	asked rows in_scan wide eav
	entity_row "count and sum, shard 0 of $shards" rows in_scan wide eav
	figure "shard 0 of $shards, count and sum, row by row, against the whole" "${taken[rows]}" "$rows" s times '<= 0.05'
	figure 'the same, in the scan' "${taken[in_scan]}" "$in_scan" s times '<= 0.05'
	figure "shard 0 of $shards, row by row, against wide" "${taken[rows]}" "${taken[wide]}" s times
	measured_by again rows in_scan
	entity_row 'the same, asked again in a session' rows in_scan
	figure "shard 0 of $shards, asked again in a session, row by row, against the whole" "${taken[rows]}" "$rows_again" s times '<= 0.05'
	figure 'the same, in the scan' "${taken[in_scan]}" "$in_scan_again" s times '<= 0.05'
	measured_by cold rows wide
	entity_row "the same, cold (caches of the machine: $caches)" rows wide
	figure "the same, cold (caches of the machine: $caches), against wide" "${taken[rows]}" "${taken[wide]}" s times

	for name in rows in_scan; do
		sql[$name]="$whole purchase WHERE mod(e, $shards) = SHARD"
	done
	measured_by together rows in_scan
	entity_row "count and sum, all $shards shards" rows in_scan
	figure "$shards shards together, row by row, against the whole" "${taken[rows]}" "$rows" s times '<= 1.8'
	figure 'the same, in the scan' "${taken[in_scan]}" "$in_scan" s times '<= 1.8'
}

entity_copied() {
	local all
	sql[rows]='SELECT * FROM purchase'
	sql[wide]='SELECT * FROM wide'
	measured_by copied rows wide
	all=${taken[rows]}
	entity_row 'COPY of all rows and columns in binary' rows wide
	figure 'COPY of all rows and columns in binary, against wide' "${taken[rows]}" "${taken[wide]}" s times '<= 1.2'
	sql[rows]="SELECT * FROM purchase WHERE mod(e, $shards) = 0"
	sql[wide]="SELECT * FROM wide WHERE mod(e, $shards) = 0"
	measured_by copied rows wide
	entity_row "the same, shard 0 of $shards" rows wide
	figure "shard 0 of $shards, COPY in binary, against the whole" "${taken[rows]}" "$all" s times '<= 0.05'
}

# Half of the facts that held at a moment are superseded now.
entity_past() {
	local then="valid_from <= '$past' AND valid_to > '$past'" now now_in_scan peers='history eav'
	local in_force="SET datom.as_of = '$past';" digest_rows='SELECT count(*), sum(hashtextextended((e, id, customer_id, amount, merchant, at)::text, 0)) FROM'
	same "$digest_rows half_purchase" "$digest_rows half_wide"
	same "$in_force $digest_rows half_purchase" "$digest_rows history WHERE $then"
	both "$whole half_purchase"
	sql[wide]="$whole half_wide"
	sql[history]="$whole history WHERE valid_to = 'infinity'"
	same "${sql[rows]}" "${sql[history]}"
	pivoted half_eav true '' distinct group antijoin
	same "${sql[rows]}" "${sql[eav]}"
	if [ -n "$versioned_past" ]; then
		peers='history versioned eav'
		sql[versioned]="$whole versioned"
		same "${sql[rows]}" "${sql[versioned]}"
	fi
	asked rows in_scan wide $peers
	entity_row 'half superseded, now: count and sum' rows in_scan wide $peers
	now=${taken[rows]}
	now_in_scan=${taken[in_scan]}

	both "$whole half_purchase"
	with[rows]="$row_by_row $in_force"
	with[in_scan]=$in_force
	sql[history]="$whole history WHERE $then"
	same "$in_force ${sql[rows]}" "${sql[history]}"
	pivoted half_eav "instant <= '$past'" '' distinct group antijoin
	same "$in_force ${sql[rows]}" "${sql[eav]}"
	if [ -n "$versioned_past" ]; then
		sql[versioned]="$whole versioned__as_of('$versioned_past')"
		same "${sql[history]}" "${sql[versioned]}"
		note "$(psql -c "$quiet" -c "EXPLAIN (COSTS OFF) ${sql[versioned]}")" ''
	fi
	asked rows in_scan $peers
	entity_row 'half superseded, as of before: count and sum' rows in_scan $peers
	figure 'entity table, half superseded, as of before, row by row, against now' "${taken[rows]}" "$now" s times '<= 1.3'
	figure 'the same, in the scan' "${taken[in_scan]}" "$now_in_scan" s times '<= 1.3'
	figure 'as of before, row by row, against a history table' "${taken[rows]}" "${taken[history]}" s faster '>= 1'
	[ -z "$versioned_past" ] || figure 'the same, against periods' "${taken[rows]}" "${taken[versioned]}" s faster
	figure 'the same, against eav' "${taken[rows]}" "${taken[eav]}" s faster
	with[in_scan]=
}

entity_history() {
	same "$whole few_purchase" "$whole deep_purchase"
	both "$whole few_purchase"
	sql[deep]="$whole deep_purchase"
	with[deep]=$row_by_row
	sql[deep_in_scan]=${sql[deep]}
	with[deep_in_scan]=
	asked rows deep in_scan deep_in_scan
	entity_row "$((few_n / 5)) rows: count and sum" rows in_scan
	figure "entity table with $history × history behind it, row by row, against none" "${taken[deep]}" "${taken[rows]}" s times '<= 1.2'
	figure 'the same, in the scan' "${taken[deep_in_scan]}" "${taken[in_scan]}" s times '<= 1.2'
	taken[rows]=${taken[deep]}
	taken[in_scan]=${taken[deep_in_scan]}
	entity_row "$((few_n / 5)) rows with $history × history: count and sum" rows in_scan
}

# latency_then NAME: point_latency as of the past.
latency_then() {
	PGOPTIONS="$PGOPTIONS -c datom.as_of=$past" point_latency "$1"
}

# entity_point WHAT PURCHASES REACH QUESTION OTHER [THEN]: with :i in both, which
# must have the same answer; QUESTION as of the past if THEN is given.
entity_point() {
	local what=$1 p=$2 reach=$3 i one other options=$PGOPTIONS
	printf '%s\n' "\\set i random(1, $p)" "$4;" > "$work/point_entity.sql"
	printf '%s\n' "\\set i random(1, $p)" "$5;" > "$work/point_other.sql"
	[ -z "${6:-}" ] || options="$PGOPTIONS -c datom.as_of=$past"
	for i in 1 $((p / 3 + 1)) "$p"; do
		one=$(sed -n "2s/:i\b/$i/gp" "$work/point_entity.sql" | PGOPTIONS=$options psql)
		other=$(sed -n "2s/:i\b/$i/gp" "$work/point_other.sql" | psql)
		[ -n "$one" ] && [ "$one" = "$other" ] || { printf 'answers differ:\n%s\n%s\n' "$one" "$other" >&2; return 1; }
	done
	command[datom]='point_latency entity'
	[ -z "${6:-}" ] || command[datom]='latency_then entity'
	command[heap]='point_latency other'
	in_turn '' datom heap
	row rows "$what" "${taken[datom]}" "${taken[heap]}"
	figure "entity table, $what" "${taken[datom]}" "${taken[heap]}" ms times "$reach"
}

entity_points() {
	local half_p=$((half_n / 5)) id="id = 'pur-' || (:i)::bigint" e='e = 1000 + :i' columns='e, id, customer_id, amount, merchant, at'
	entity_point 'a row by identity, now, against wide' "$purchases" '<= 2' "SELECT $columns FROM purchase WHERE $id" "SELECT $columns FROM wide WHERE $id"
	entity_point 'a row by its entity, now, against wide' "$purchases" '' "SELECT $columns FROM purchase WHERE $e" "SELECT $columns FROM wide WHERE $e"
	entity_point 'a row by identity, half superseded, now, against wide' "$half_p" '<= 2' "SELECT $columns FROM half_purchase WHERE $id" "SELECT $columns FROM half_wide WHERE $id"
	entity_point 'a row by identity, as of before half was superseded, against history' "$half_p" '<= 2' \
		"SELECT $columns FROM half_purchase WHERE $id" "SELECT $columns FROM history WHERE $id AND valid_from <= '$past' AND valid_to > '$past'" then
	entity_point 'a row by its entity, as of before half was superseded, against history' "$half_p" '' \
		"SELECT $columns FROM half_purchase WHERE $e" "SELECT $columns FROM history WHERE $e AND valid_from <= '$past' AND valid_to > '$past'" then
}
