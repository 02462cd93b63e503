# Saved queries: a view against its own SQL, and against its own Datalog; and what
# it costs to count how they are used. Differences are small, so that there are more
# rounds than elsewhere.

# save NAME QUERY
save() {
	psql -v name="$1" -v query="$2" > /dev/null <<< "SELECT datom.save_query(:'name', :'query');"
}

fill_saved() {
	once purchase
	once customer
	saved_sql="SELECT p.id, p.amount, c.city FROM purchase p JOIN customer c ON c.id = p.customer_id"
	saved_edn='[:find ?id ?amount ?city :where
		[$pur ?p :purchase/id ?id] [$pur ?p :purchase/amount ?amount] [$pur ?p :purchase/customer-id ?customer]
		[$cus ?c :customer/id ?customer] [$cus ?c :customer/city ?city]]'
	save saved_sql "$saved_sql"
	save saved_edn "$saved_edn"
}

# Where each language stands by itself in FROM. pgbench takes a word behind a colon
# for a variable of its own.
saved_itself() {
	case $1 in
	sql) echo "($saved_sql) q" ;;
	edn) echo "datom.q(U&'${saved_edn//:/\\003a}') AS q (id text, amount numeric, city text)" ;;
	esac
}

# saved_whole LANGUAGE: a question to all rows.
saved_whole() {
	local what='SELECT count(*), sum(amount), min(city) FROM'
	sql[view]="$what saved_$1"
	sql[itself]="$what $(saved_itself "$1")"
	same "${sql[view]}" "${sql[itself]}"
	asked view itself
	figure "all rows of a saved view ($1), against the query itself" "${taken[view]}" "${taken[itself]}" s times '<= 1.02'
}

# saved_point LANGUAGE: for one key, by prepared statements.
saved_point() {
	local which from where="WHERE id = 'pur-' || (:i)::bigint;"
	for which in view itself; do
		[ "$which" = view ] && from="saved_$1" || from=$(saved_itself "$1" | tr '\n\t' '  ')
		printf '%s\n' "\\set i random(1, $purchases)" "SELECT * FROM $from $where" > "$work/point_$which.sql"
		command[$which]="point_latency $which"
	done
	in_turn '' view itself
	figure "one row of a saved view ($1), 2 clients" "${taken[view]}" "${taken[itself]}" ms times '<= 1.02'
}

# tracked on|off: transactions a second.
tracked() {
	PGOPTIONS="$PGOPTIONS -c datom.track_usage=$1" tps "$work/point_view.sql" 32
}

part_saved() {
	local rounds=$((rounds > 1 ? 3 * rounds : 1)) language which
	once saved
	for language in sql edn; do
		saved_whole "$language"
		saved_point "$language"
		# Left for the next measurement: a question for one row.
		[ "$language" != sql ] || cp "$work/point_view.sql" "$work/point_counted.sql"
	done
	mv "$work/point_counted.sql" "$work/point_view.sql"
	for which in on off; do
		command[$which]="tracked $which"
	done
	in_turn '' on off
	figure 'uses that are counted, 32 clients, against uncounted' "${taken[on]}" "${taken[off]}" 'a second' times '>= 0.98'
	note "$(psql -c "SELECT format('counted: %s calls of %s', calls, query) FROM datom.saved_query_usage")" ''
}
