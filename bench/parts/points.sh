# Questions for one entity or one fact.

# attribute NAME: written without its colon, which pgbench would take for a
# variable of its own.
attribute() {
	echo "U&'\\003a${1#:}'"
}

# point_latency NAME: mean milliseconds of $work/point_NAME.sql, two clients.
point_latency() {
	local half=$((seconds / 2))
	"$work/bin/pgbench" -n -M prepared -c 2 -j 1 -T $((half > 0 ? half : 1)) -f "$work/point_$1.sql" 2> "$work/pgbench.err" > "$work/pgbench.out" ||
		{ cat "$work/pgbench.err" >&2; return 1; }
	echo "$(sed -n 's/^latency average = \([0-9.]*\) ms/\1/p' "$work/pgbench.out") 0"
}

# points WHAT PURCHASES DATOM EAV: two questions with :i in them, which must have
# the same answers.
points() {
	local what=$1 p=$2 which i one other
	for which in datom eav; do
		shift
		printf '%s\n' "\\set i random(1, $p)" "$2;" > "$work/point_$which.sql"
		command[$which]="point_latency $which"
	done
	for i in 1 $((p / 3 + 1)) "$p"; do
		one=$(sed -n "2s/:i\b/$i/gp" "$work/point_datom.sql" | psql | sort)
		other=$(sed -n "2s/:i\b/$i/gp" "$work/point_eav.sql" | psql | sort)
		[ -n "$one" ] && [ "$one" = "$other" ] || { printf 'answers differ:\n%s\n%s\n' "$one" "$other" >&2; return 1; }
	done
	in_turn '' datom eav
	row points "$what" "${taken[datom]}" "${taken[eav]}"
	figure "$what, against a btree lookup on eav" "${taken[datom]}" "${taken[eav]}" ms times '<= 1.5'
}

# Now where nothing was superseded, so that a lookup of eav is one index scan,
# and as of a moment whose facts are half superseded.
part_points() {
	local half_p=$((half_n / 5)) id value last
	id=$(attribute :purchase/id)
	value="datom.value('pur-' || (:i)::bigint)"
	once pur
	once eav
	once half
	once half_eav
	points 'one entity, now' "$purchases" \
		"SELECT e, a, v FROM datom.as_of('pur') WHERE e = 1000 + :i" \
		"SELECT e, a, v FROM eav WHERE e = 1000 + :i AND added"
	points 'one fact by identity, now' "$purchases" \
		"SELECT e, a, v FROM datom.as_of('pur') WHERE a = $id AND v = $value" \
		"SELECT e, a, v FROM eav WHERE a = $id AND datom.value_hash(v) = datom.value_hash($value) AND v = $value AND added"
	points 'one entity, as of before half was superseded' "$half_p" \
		"SELECT e, a, v FROM datom.as_of('half', '$past') WHERE e = 1000 + :i" \
		"SELECT e, a, v FROM (SELECT DISTINCT ON (a) e, a, v, added FROM half_eav WHERE e = 1000 + :i AND instant <= '$past' ORDER BY a, instant DESC) f WHERE added"
	# Nobody else had the value; that it still holds is looked up in the same btree.
	last="SELECT FROM half_eav l WHERE l.e = d.e AND l.a = d.a AND l.instant > d.instant AND l.instant <= '$past'"
	points 'one fact by identity, as of before half was superseded' "$half_p" \
		"SELECT e, a, v FROM datom.as_of('half', '$past') WHERE a = $id AND v = $value" \
		"SELECT e, a, v FROM half_eav d WHERE a = $id AND datom.value_hash(v) = datom.value_hash($value) AND v = $value AND instant <= '$past' AND added AND NOT EXISTS ($last)"
	note "$(sed -n 2p "$work/point_datom.sql")" \
		"$(sed -n '2{s/:i\b/7/g;s/^/EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) /p}' "$work/point_datom.sql" | psql)" ''
}
