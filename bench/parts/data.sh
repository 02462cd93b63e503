# The facts, the tables that hold them, and what is asked of heap tables.

# facts(from, to, version): of those purchases, entity 1000 + i; another version
# has other values, but for the id.
psql <<'SQL'
CREATE FUNCTION facts(bigint, bigint, bigint) RETURNS TABLE (e bigint, a datom.attribute, v datom.value) LANGUAGE sql STABLE AS $$
SELECT 1000 + i, f.a, f.v
FROM generate_series($1, $2) i, LATERAL (SELECT hashint8extended(i, $3) & 4294967295) h (h), LATERAL (VALUES
	(':purchase/id'::datom.attribute, datom.value('pur-' || i)),
	(':purchase/customer-id', datom.value('cus-' || h % 100000)),
	(':purchase/amount', datom.value(round((h % 100000) / 100.0, 2))),
	(':purchase/merchant', datom.value('merchant-' || h % 997)),
	(':purchase/at', datom.value(timestamptz '2013-01-01Z' + h % 63072000 * interval '1 s'))) f (a, v)
$$;

-- A version of the first `purchases`, as far as `chosen`, each import_tx later
-- than the one before by `step`; or of what another function has, as facts().
CREATE PROCEDURE import_facts(db regclass, purchases bigint, version bigint, first timestamptz, step interval, txs int,
	chosen text DEFAULT 'true', source regproc DEFAULT 'facts')
LANGUAGE plpgsql AS $$
DECLARE
	batch bigint := greatest(1, (purchases + txs - 1) / txs);
BEGIN
	FOR t IN 0 .. (purchases - 1) / batch LOOP
		PERFORM datom.import_tx(db, first + t * step);
		EXECUTE format('INSERT INTO %s (e, a, v) SELECT * FROM %s($1, $2, $3) WHERE %s', db, source, chosen)
			USING t * batch + 1, least((t + 1) * batch, purchases), version;
	END LOOP;
END
$$;

-- A digest of facts: equal for equal sets.
CREATE FUNCTION digest_one(e bigint, a text, v datom.value) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
SELECT hashint8extended(e, hashtext(a)::bigint # datom.value_hash(v)) >> 24
$$;
SQL
digest='SELECT count(*), sum(digest_one(e, a::text, v)) FROM'
txs=${BENCH_TXS:-1000}
first=2013-01-01Z
# The facts were imported by then; superseding facts came later.
past=2014-07-01T00:00:00Z

# datom_table NAME UNIQUENESS [INSTANT]: with the attributes of a purchase, where
# the id may be unique; importing if an instant of their definition is given.
datom_table() {
	psql -1 > /dev/null <<SQL
SELECT datom.create('$1', importing => ${3:+true OR }false);
${3:+SELECT datom.import_tx('$1', '$3');}
SELECT datom.define_attribute('$1', ':purchase/id', 'string', uniqueness => $2);
SELECT datom.define_attribute('$1', ':purchase/customer-id', 'string');
SELECT datom.define_attribute('$1', ':purchase/amount', 'bigdec');
SELECT datom.define_attribute('$1', ':purchase/merchant', 'string');
SELECT datom.define_attribute('$1', ':purchase/at', 'instant');
SQL
}

# imported NAME PURCHASES: of one version, over 500 days; still importing.
imported() {
	datom_table "$1" "'identity'" 2012-12-31Z
	psql -c "CALL import_facts('$1', $2, 1, '$first', interval '500 days' / $txs, $txs)"
}

heap_table() {
	psql <<SQL
CREATE TABLE $1 (e bigint, a datom.attribute, v datom.value, tx bigint DEFAULT 1, added boolean DEFAULT true);
CREATE INDEX ON $1 (e, a);
CREATE INDEX ON $1 (a, datom.value_hash(v));
SQL
}

# Attributes are text in "C", which sorts fast and which a btree stores once for
# many rows; values have their types.
eav_columns="e bigint, a text COLLATE \"C\", v datom.value, tx bigint DEFAULT 1, instant timestamptz DEFAULT now(), added boolean DEFAULT true"
eav_indexes() {
	echo "CREATE INDEX ON $1 (e, a, instant DESC); CREATE INDEX ON $1 (a, datom.value_hash(v)); CREATE INDEX ON $1 (instant);"
}
# eav_of DATOM EAV: the same facts; leaves the seconds that the three btrees took.
eav_of() {
	psql -c "CREATE TABLE $2 ($eav_columns)" \
		-c "INSERT INTO $2 SELECT d.e, d.a::text, d.v, d.tx, t.instant, d.added FROM $1 d JOIN datom.tx t ON t.tx = d.tx AND t.db = '$1'::regclass WHERE d.a NOT IN (SELECT x FROM builtins)" \
		-c "VACUUM FREEZE ANALYZE $2" -c CHECKPOINT
	eav_btrees_took=$(clock psql -c 'SET max_parallel_maintenance_workers = 0' -c "$(eav_indexes "$2")" | cut -d' ' -f1)
	psql -c "VACUUM ANALYZE $2"
}
psql -c "CREATE VIEW builtins AS SELECT x::datom.attribute FROM unnest('{:db/ident,:db/valueType,:db/cardinality,:db/unique,:db/index,:db/isComponent,:db/doc,:db/txInstant}'::text[]) x"
# What was asserted about attributes is in the datom table only.
user_facts='a NOT IN (SELECT x FROM builtins)'

# hist_of EAV HIST IDENTITY
hist_of() {
	psql -c "SET work_mem = '1GB'" \
		-c "CREATE TABLE $2 AS SELECT e, a, v, instant AS valid_from,
			coalesce(lead(instant) OVER (PARTITION BY e, a ORDER BY instant), 'infinity') AS valid_to, tx FROM $1" \
		-c "CREATE INDEX ON $2 (e, a, valid_from)" \
		-c "CREATE INDEX ON $2 (datom.value_hash(v)) WHERE a = '$3'" \
		-c "VACUUM FREEZE ANALYZE $2"
}

# ---- data that several parts use ----

once() {
	local done=filled_$1
	[ -z "${!done:-}" ] || return 0
	printf -v "$done" yes
	echo "   filling $1" >&2
	fill_$1
}

# pur: n datoms, no fact superseded. The VACUUM is the first that orders see.
fill_pur() {
	imported pur "$purchases"
	psql -c "SELECT datom.live('pur')" -c CHECKPOINT > /dev/null
	pur_vacuum_took=$(clock psql -c 'VACUUM pur' | cut -d' ' -f1)
	psql -c 'VACUUM FREEZE ANALYZE pur' -c CHECKPOINT
}
fill_heap() {
	once pur
	psql -c 'CREATE TABLE heap AS SELECT * FROM pur' -c 'VACUUM FREEZE ANALYZE heap' -c CHECKPOINT
}
fill_eav() {
	once pur
	eav_of pur eav
	pur_btrees_took=$eav_btrees_took
}
fill_hist() {
	once eav
	hist_of eav hist :purchase/id
}
fill_wide() {
	psql <<SQL
CREATE TABLE wide AS SELECT 1000 + i AS e, 'pur-' || i AS id, 'cus-' || h % 100000 AS customer_id,
	round((h % 100000) / 100.0, 2) AS amount, 'merchant-' || h % 997 AS merchant,
	timestamptz '2013-01-01Z' + h % 63072000 * interval '1 s' AS at
FROM generate_series(1, $purchases) i, LATERAL (SELECT hashint8extended(i, 1) & 4294967295) h (h);
ALTER TABLE wide ADD PRIMARY KEY (e);
CREATE UNIQUE INDEX ON wide (id);
VACUUM FREEZE ANALYZE wide;
SQL
}

# half: as many datoms as facts hold are followed by half as many, each of which
# supersedes one: 4 of 5 attributes of 5 in 8 purchases, all over the table.
half_n=${BENCH_HALF_N:-$((n / 2))}
fill_half() {
	imported half $((half_n / 5))
	psql -c "CALL import_facts('half', $((half_n / 5)), 2, '2015-01-01Z', interval '500 days' / $txs, $txs, \$\$a <> ':purchase/id' AND e % 8 < 5\$\$)" \
		-c "SELECT datom.live('half')" -c 'VACUUM FREEZE ANALYZE half' -c CHECKPOINT > /dev/null
}
fill_half_eav() {
	once half
	eav_of half half_eav
}
fill_half_hist() {
	once half_eav
	hist_of half_eav half_hist :purchase/id
}

# few: facts without a history. deep: the same behind so many times as many
# facts, which were superseded one after the other.
few_n=${BENCH_HISTORY_N:-$((n / 10))}
history=${BENCH_HISTORY:-10}
fill_few() {
	local p=$((few_n / 5)) versions=$(((history * 5 + 3) / 4)) i
	imported few "$p"
	imported deep "$p"
	for ((i = versions - 1; i >= 0; i--)); do
		psql -c "CALL import_facts('deep', $p, $((i + 1)), timestamptz '$past' + $((versions - i)) * interval '2000 days' / $versions, interval '1900 days' / $versions / $txs, $txs, \$\$a <> ':purchase/id'\$\$)"
	done
	psql -c "SELECT datom.live('few'), datom.live('deep')" -c 'VACUUM FREEZE ANALYZE few' -c 'VACUUM FREEZE ANALYZE deep' -c CHECKPOINT > /dev/null
}

# ---- what holds, in SQL over an eav table ----

# eav_sql WAY TABLE WHERE [V]: the facts that hold among the rows WHERE; v is
# carried along only if it is asked for, here and in as_of.
eav_sql() {
	local t=$2 w=$3 v=${4:+, v}
	case $1 in
	plain) # right only where nothing was ever superseded or retracted
		echo "SELECT e, a$v FROM $t WHERE $w AND added" ;;
	distinct)
		echo "SELECT e, a$v FROM (SELECT DISTINCT ON (e, a) e, a$v, added FROM $t WHERE $w ORDER BY e, a, instant DESC) d WHERE added" ;;
	window)
		echo "SELECT e, a$v FROM (SELECT e, a$v, added, row_number() OVER (PARTITION BY e, a ORDER BY instant DESC) n FROM $t WHERE $w) d WHERE n = 1 AND added" ;;
	group)
		if [ -z "$v" ]; then
			echo "SELECT e, a FROM $t WHERE $w GROUP BY e, a HAVING max(instant) FILTER (WHERE added) >= coalesce(max(instant) FILTER (WHERE NOT added), '-infinity')"
		else
			echo "SELECT e, a, v FROM $t JOIN (SELECT e, a, max(instant) AS instant FROM $t WHERE $w GROUP BY e, a) m USING (e, a, instant) WHERE added"
		fi ;;
	antijoin)
		echo "SELECT e, a$v FROM $t d WHERE $w AND added AND NOT EXISTS (SELECT FROM $t l WHERE l.e = d.e AND l.a = d.a AND l.instant > d.instant AND $w)" ;;
	lateral) # knows that every entity has an id
		echo "SELECT p.e, f.a$v FROM (SELECT e FROM $t WHERE a = ':purchase/id' GROUP BY e) p, unnest('{:purchase/id,:purchase/customer-id,:purchase/amount,:purchase/merchant,:purchase/at}'::text[]) f (a), LATERAL (SELECT added$v FROM $t d WHERE d.e = p.e AND d.a = f.a COLLATE \"C\" AND $w ORDER BY instant DESC LIMIT 1) l WHERE added" ;;
	skip)
		echo "WITH RECURSIVE k AS ((SELECT e, a FROM $t ORDER BY e, a LIMIT 1) UNION ALL SELECT l.e, l.a FROM k, LATERAL (SELECT e, a FROM $t d WHERE (d.e, d.a) > (k.e, k.a) ORDER BY d.e, d.a LIMIT 1) l) SELECT e, a$v FROM k, LATERAL (SELECT added$v FROM $t d WHERE d.e = k.e AND d.a = k.a AND $w ORDER BY instant DESC LIMIT 1) l WHERE added" ;;
	esac
}

ways='distinct window group antijoin lateral skip'

# best NAME SELECT TABLE WHERE [V]: tries all ways, in one process and with 2
# workers, and puts the fastest into sql[NAME] and sql[NAME_2], with[NAME_2]. A
# way is given up when it takes twice as long as the best before it.
best() {
	local name=$1 select=$2 t=$3 w=$4 v=${5:-} set took best line way w_name
	psql -c "SELECT count(v), count(instant) FROM $t" > /dev/null
	for set in 0 2; do
		best=
		line="$t WHERE $w, $set workers:"
		w_name=$name
		[ $set = 0 ] || w_name=${name}_2
		for way in $ways; do
			# Walking an index from row to row is nothing for workers.
			[ $set = 0 ] || [[ $way != skip && $way != lateral ]] || continue
			local query="$select FROM ($(eav_sql $way "$t" "$w" "$v")) f"
			if took=$(ask "$query" "$(workers $set) SET statement_timeout = $(awk -v best="${best:-1e5}" 'BEGIN { printf "%d", 500 + best * 1500 }')" 2> "$work/error"); then
				took=${took% *}
				line+=" $way $(number "$took") s,"
				if [ -z "$best" ] || awk -v x="$took" -v y="$best" 'BEGIN { exit !(x < y) }'; then
					best=$took
					sql[$w_name]=$query
				fi
			else
				grep -q 'statement timeout' "$work/error" || { cat "$work/error" >&2; return 1; }
				line+=" $way given up,"
			fi
		done
		note "${line%,}" "best: ${sql[$w_name]}"
		echo "   ${line%,}" >&2
	done
	with[$name]=$(workers 0)
	with[${name}_2]=$(workers 2)
	note "$(psql -c "$quiet" -c "EXPLAIN (COSTS OFF) ${sql[$name]}")" ''
}
