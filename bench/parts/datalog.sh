# Datalog and pull: queries against the same in SQL on entity tables, on plain
# tables with btrees, which have no past, and on eav.
#
#	pur, cus, bil	n datoms each, cus no less than 500,000: purchases, customers,
#					a bill for each purchase; then cities and bills have changed
#					for 5 in 8
#	wide, wide_cus, wide_bil	rows of what they held before
#	tree			nodes that refer to their parents
#	item			entities of 10 attributes, one of which refers to another;
#					half of its facts are superseded

# ---- data ----

psql <<'SQL'
-- As facts(), which has purchases of the first 100,000 customers.
CREATE FUNCTION cus_facts(bigint, bigint, bigint) RETURNS TABLE (e bigint, a datom.attribute, v datom.value) LANGUAGE sql STABLE AS $$
SELECT 1000 + i, f.a, f.v
FROM generate_series($1, $2) i, LATERAL (SELECT hashint8extended(i, $3) & 4294967295) h (h), LATERAL (VALUES
	(':customer/id'::datom.attribute, datom.value('cus-' || i - 1)),
	(':customer/name', datom.value('Customer ' || i)),
	(':customer/city', datom.value('City ' || h % 311)),
	(':customer/segment', datom.value('segment-' || i % 13)),
	(':customer/since', datom.value(date '2000-01-01' + (h % 4000)::int))) f (a, v)
$$;
CREATE FUNCTION bil_facts(bigint, bigint, bigint) RETURNS TABLE (e bigint, a datom.attribute, v datom.value) LANGUAGE sql STABLE AS $$
SELECT 1000 + i, f.a, f.v
FROM generate_series($1, $2) i, LATERAL (SELECT hashint8extended(i, 1) & 4294967295) h (h), LATERAL (VALUES
	(':bill/id'::datom.attribute, datom.value('bil-' || i)),
	(':bill/purchase', datom.value('pur-' || i)),
	(':bill/due', datom.value(date '2013-02-01' + (h % 730)::int)),
	(':bill/amount', datom.value(round((h % 100000) / 100.0, 2))),
	(':bill/status', datom.keyword(CASE WHEN $3 > 1 THEN ':paid' WHEN h % 7 = 0 THEN ':late' ELSE ':open' END))) f (a, v)
$$;
CREATE FUNCTION tree_facts(bigint, bigint, bigint) RETURNS TABLE (e bigint, a datom.attribute, v datom.value) LANGUAGE sql STABLE AS $$
SELECT 1000 + i, ':node/parent'::datom.attribute, datom.ref(1000 + i / 4) FROM generate_series(greatest($1, 2), $2) i
$$;
CREATE FUNCTION item_facts(bigint, bigint, bigint) RETURNS TABLE (e bigint, a datom.attribute, v datom.value) LANGUAGE sql STABLE AS $$
SELECT 1000 + i, f.a, f.v
FROM generate_series($1, $2) i, LATERAL (SELECT hashint8extended(i, $3) & 4294967295) h (h), LATERAL (
	SELECT ':item/id'::datom.attribute, datom.value('item-' || i)
	UNION ALL SELECT (':item/number-' || k)::datom.attribute, datom.value((h + k) % 1000) FROM generate_series(1, 4) k
	UNION ALL SELECT (':item/text-' || k)::datom.attribute, datom.value('text ' || (h + k) % 1000) FROM generate_series(1, 4) k
	UNION ALL SELECT ':item/kept-in', datom.ref(1001 + h % 1000)) f (a, v)
$$;
SQL

# defined NAME: a datom table whose attributes, "ident type [more]", are read from
# standard input; still importing.
defined() {
	local ident type more
	{
		echo "SELECT datom.create('$1', importing => true); SELECT datom.import_tx('$1', '2012-12-31Z');"
		while read -r ident type more; do
			echo "SELECT datom.define_attribute('$1', '$ident', '$type'${more:+, $more});"
		done
	} | psql -1 > /dev/null
}
# imported_from NAME COUNT [CHANGED]: what the function NAME_facts has; then a
# second version of the facts of which CHANGED is true.
imported_from() {
	psql -c "CALL import_facts('$1', $2, 1, '$first', interval '500 days' / $txs, $txs, source => '$1_facts')"
	[ -z "${3:-}" ] || psql -c "CALL import_facts('$1', $2, 2, '2015-01-01Z', interval '500 days' / $txs, $txs, \$\$$3\$\$, '$1_facts')"
	psql -c "SELECT datom.live('$1')" -c "VACUUM FREEZE ANALYZE $1" -c CHECKPOINT > /dev/null
}

customers=$((purchases > 100000 ? purchases : 100000))
unique="uniqueness => 'identity'"
fill_cus() {
	defined cus <<-LIST
		:customer/id string $unique
		:customer/name string
		:customer/city string
		:customer/segment string
		:customer/since date
	LIST
	imported_from cus "$customers" "a = ':customer/city' AND e % 8 < 5"
}
fill_bil() {
	defined bil <<-LIST
		:bill/id string $unique
		:bill/purchase string indexed => true
		:bill/due date
		:bill/amount bigdec
		:bill/status keyword
	LIST
	imported_from bil "$purchases" "a = ':bill/status' AND e % 8 < 5"
}
fill_wide_cus() {
	psql <<SQL
CREATE TABLE wide_cus AS SELECT 1000 + i AS e, 'cus-' || i - 1 AS id, 'Customer ' || i AS name, 'City ' || h % 311 AS city,
	'segment-' || i % 13 AS segment, date '2000-01-01' + (h % 4000)::int AS since
FROM generate_series(1, $customers) i, LATERAL (SELECT hashint8extended(i, 1) & 4294967295) h (h);
CREATE UNIQUE INDEX ON wide_cus (id);
VACUUM FREEZE ANALYZE wide_cus;
SQL
}
fill_wide_bil() {
	psql <<SQL
CREATE TABLE wide_bil AS SELECT 1000 + i AS e, 'bil-' || i AS id, 'pur-' || i AS purchase, date '2013-02-01' + (h % 730)::int AS due,
	round((h % 100000) / 100.0, 2) AS amount, CASE WHEN h % 7 = 0 THEN ':late' ELSE ':open' END AS status
FROM generate_series(1, $purchases) i, LATERAL (SELECT hashint8extended(i, 1) & 4294967295) h (h);
CREATE INDEX ON wide_bil (purchase);
VACUUM FREEZE ANALYZE wide_bil;
SQL
}
fill_customer() {
	once cus
	psql -c "CREATE FOREIGN TABLE customer (e bigint, id text, name text, city text, segment text) SERVER datom OPTIONS (db 'cus', namespace 'customer')" \
		-c 'ANALYZE customer'
}
fill_cus_eav() {
	once cus
	eav_of cus cus_eav
}

tree_n=${BENCH_TREE_N:-$((n / 10))}
fill_tree() {
	defined tree <<< ':node/parent ref'
	imported_from tree "$tree_n"
	psql -c "CREATE TABLE plain_tree AS SELECT 1000 + i AS e, 1000 + i / 4 AS parent FROM generate_series(2, $tree_n) i" \
		-c 'CREATE INDEX ON plain_tree (parent)' -c 'VACUUM FREEZE ANALYZE plain_tree' \
		-c "CREATE FOREIGN TABLE node (e bigint, parent bigint) SERVER datom OPTIONS (db 'tree', namespace 'node')" -c 'ANALYZE node'
}

item_n=$((n / 100 > 1000 ? n / 100 : 1000))
fill_item() {
	{
		echo ":item/id string $unique"
		printf ':item/number-%s long\n' 1 2 3 4
		printf ':item/text-%s string\n' 1 2 3 4
		echo ':item/kept-in ref'
	} | defined item
	imported_from item "$item_n" "a <> ':item/id' AND e % 8 < 5"
	eav_of item item_eav
}

# ---- how it is measured ----

in_force="SET datom.as_of = '$past';"

# literal TEXT: without colons, which pgbench would take for its own.
literal() {
	tr '\n\t' '  ' <<< "$1" | sed "s/'/''/g; s/:/\\\\003a/g; s/^/U\&'/; s/ *$/'/"
}

# script NAME SQL: for pgbench, with :i for the number of a purchase.
script() {
	printf '\\set i random(1, %s)\n%s;\n' "$purchases" "$(tr '\n\t' '  ' <<< "$2")" > "$work/score_$1.sql"
}
# scripted NAME I
scripted() {
	sed -n "2s/:i::text/'$2'/gp" "$work/score_$1.sql"
}

# latencies NAME: p50 and p99, in milliseconds; as of the past, where that means
# anything.
latencies() {
	local half=$((seconds / 2))
	rm -f "$work"/latency.*
	PGOPTIONS="$PGOPTIONS -c datom.as_of=$past" "$work/bin/pgbench" -n -M prepared -c 2 -j 1 -T $((half > 0 ? half : 1)) \
		-f "$work/score_$1.sql" -l --log-prefix="$work/latency" > "$work/pgbench.out" 2> "$work/pgbench.err" ||
		{ cat "$work/pgbench.err" >&2; return 1; }
	echo "$(percentile 50 "$work"/latency.*) $(percentile 99 "$work"/latency.*)"
}

# q QUERY COLUMNS [ARGUMENTS]: in FROM.
q() {
	echo "datom.q(\$\$$1\$\$${3:+, $3}) AS ($2)"
}

milliseconds() {
	awk -v x="$1" 'BEGIN { printf "%.4g", x * 1000 }'
}

part_datalog() {
	local t
	for t in pur wide eav purchase cus bil wide_cus wide_bil customer cus_eav; do
		once $t
	done
	psql -c 'CREATE INDEX ON wide (customer_id)' -c 'VACUUM ANALYZE wide'
	indexed true
	datalog_messages
	datalog_join
	datalog_text
	once tree
	datalog_tree
	once item
	datalog_pull
	indexed false
}

# indexed BOOLEAN: whether purchases are looked up by their customers. Not so in
# other parts.
indexed() {
	psql -c "SELECT datom.transact('pur', '[{:db/ident :purchase/customer-id :db/index $1}]')" \
		-c 'DROP INDEX pur_a_v_idx' -c 'CREATE INDEX pur_a_v_idx ON pur USING datom_order (a, v)' -c 'VACUUM ANALYZE pur' > /dev/null
}

# The message of the talk: who made a purchase, and what did her largest bill come
# to, as of a moment; as a message, and as a query as of a moment of the session.
datalog_messages() {
	local i wanted name query='{:find [?name (max ?amount)] :in [?purchase-id]
		:where [[$pur ?purchase :purchase/id ?purchase-id] [$pur ?purchase :purchase/customer-id ?customer-id]
			[$cus ?customer :customer/id ?customer-id] [$cus ?customer :customer/name ?name]
			[$pur ?other :purchase/customer-id ?customer-id] [$pur ?other :purchase/id ?other-id]
			[$bil ?bill :bill/purchase ?other-id] [$bil ?bill :bill/amount ?amount]]}'
	script answer "SELECT datom.answer(concat($(literal "{:as-of #inst \"$past\" :args [\"pur-"), :i::text, $(literal "\"] :query $query}")))"
	script q "SELECT coalesce(jsonb_agg(jsonb_build_array(name, most)), '[]') FROM datom.q($(literal "$query"), 'pur-' || :i::text) AS (name text, most numeric)"
	script wide "SELECT coalesce(jsonb_agg(jsonb_build_array(name, most)), '[]') FROM (SELECT c.name, max(b.amount) AS most FROM wide asked
		JOIN wide_cus c ON c.id = asked.customer_id JOIN wide p ON p.customer_id = c.id JOIN wide_bil b ON b.purchase = p.id
		WHERE asked.id = 'pur-' || :i::text GROUP BY c.name) s"
	for i in 1 2 $((purchases / 3)) "$purchases"; do
		for name in answer q; do
			same "$in_force $(scripted $name "$i")" "$(scripted wide "$i")"
		done
	done
	note "$(PGOPTIONS="$PGOPTIONS -c datom.as_of=$past" psql -c "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) $(scripted q 1)")" ''
	command[answer]='latencies answer'
	command[q]='latencies q'
	command[wide]='latencies wide'
	in_turn '' answer q wide
	row messages 'a scoring message, p50' "${taken[answer]}" "${taken[wide]}" ''
	row messages 'a scoring message, p99' "${spent[answer]}" "${spent[wide]}" ''
	row messages 'its query, prepared in SQL, p50' "${taken[q]}" "${taken[wide]}" ''
	row messages 'its query, prepared in SQL, p99' "${spent[q]}" "${spent[wide]}" ''
	figure 'scoring message, as of, 2 clients, p50' "${taken[answer]}" '' ms itself '<= 2'
	figure 'scoring message, as of, 2 clients, p99' "${spent[answer]}" '' ms itself '<= 10'
	figure 'the same, p50, against plain tables' "${taken[answer]}" "${taken[wide]}" ms times '<= 2'
	figure 'its query, prepared in SQL, p50, against plain tables' "${taken[q]}" "${taken[wide]}" ms times '<= 2'
}

# Four patterns of one entity; and an entity of pur joined with one of cus.
datalog_join() {
	local where="at >= '2014-01-01Z'" name
	local shapes=("SELECT m.v::text AS merchant, a.v::numeric AS amount FROM PART(:purchase/id) i JOIN PART(:purchase/merchant) m USING (e)
			JOIN PART(:purchase/amount) a USING (e) JOIN PART(:purchase/at) t USING (e) WHERE t.v::timestamptz >= '2014-01-01Z'"
		"SELECT merchant, amount FROM (SELECT e, max(v::text) FILTER (WHERE a = ':purchase/merchant') AS merchant,
			max(v::numeric) FILTER (WHERE a = ':purchase/amount') AS amount, max(v::timestamptz) FILTER (WHERE a = ':purchase/at') AS at,
			bool_or(a = ':purchase/id') AS has_id FROM PARTS(a IN (':purchase/id', ':purchase/merchant', ':purchase/amount', ':purchase/at')) f GROUP BY e) p
		WHERE has_id AND $where AND merchant IS NOT NULL AND amount IS NOT NULL")
	sql[datalog]="SELECT * FROM $(q '[:find ?merchant (count ?p) (sum ?amount)
			:where [$pur ?p :purchase/id _] [$pur ?p :purchase/merchant ?merchant] [$pur ?p :purchase/amount ?amount]
				[$pur ?p :purchase/at ?at] [(>= ?at #inst "2014-01-01T00:00:00Z")]]' 'merchant text, n bigint, amount numeric') ORDER BY merchant"
	sql[entity]="SELECT merchant, count(*), sum(amount) FROM purchase WHERE id IS NOT NULL AND amount IS NOT NULL AND $where GROUP BY merchant ORDER BY merchant"
	sql[wide]=${sql[entity]/purchase/wide}
	explained "${sql[datalog]}"
	fastest_eav 'SELECT merchant, count(*), sum(amount)' 'GROUP BY merchant ORDER BY merchant' eav '' "${shapes[@]}"
	datalog_compared 'count and sum by merchant: four patterns of one entity' '<= 1.2' '>= 10'

	shapes=("SELECT s.v::text AS segment, a.v::numeric AS amount FROM PART(:purchase/customer-id) i JOIN PART(:purchase/amount) a USING (e)
		JOIN OTHER(:customer/id) c ON c.v = i.v JOIN OTHER(:customer/segment) s ON s.e = c.e")
	sql[datalog]="SELECT * FROM $(q '[:find ?segment (count ?p) (sum ?amount)
			:where [$pur ?p :purchase/customer-id ?id] [$pur ?p :purchase/amount ?amount]
				[$cus ?c :customer/id ?id] [$cus ?c :customer/segment ?segment]]' 'segment text, n bigint, amount numeric') ORDER BY segment"
	sql[entity]='SELECT segment, count(*), sum(amount) FROM purchase p JOIN customer c ON c.id = p.customer_id WHERE amount IS NOT NULL AND segment IS NOT NULL GROUP BY segment ORDER BY segment'
	sql[wide]='SELECT segment, count(*), sum(amount) FROM wide p JOIN wide_cus c ON c.id = p.customer_id GROUP BY segment ORDER BY segment'
	explained "${sql[datalog]}"
	fastest_eav 'SELECT segment, count(*), sum(amount)' 'GROUP BY segment ORDER BY segment' eav cus_eav "${shapes[@]}"
	datalog_compared 'count and sum by segment: two patterns of each of two tables' '<= 1.2' ''
}

# fastest_eav SELECT REST TABLE OTHER SHAPE...: into sql[eav]; PART(attribute) of a
# shape is an attribute of TABLE, OTHER(attribute) one of OTHER, PARTS(condition)
# what the condition is true of.
fastest_eav() {
	local select=$1 rest=$2 t=$3 other=$4 shape way query took best='' line="$3 ${4:-}:"
	shift 4
	for shape; do
		for way in plain distinct; do
			query=$shape
			while [[ $query =~ (PART|OTHER|PARTS)\(([^()]*(\([^()]*\))?[^()]*)\) ]]; do
				case ${BASH_REMATCH[1]} in
				PART) took="($(eav_sql $way "$t" "a = '${BASH_REMATCH[2]}'" v))" ;;
				OTHER) took="($(eav_sql $way "$other" "a = '${BASH_REMATCH[2]}'" v))" ;;
				PARTS) took="($(eav_sql $way "$t" "${BASH_REMATCH[2]}" v))" ;;
				esac
				query=${query/"${BASH_REMATCH[0]}"/"$took"}
			done
			query="$select FROM ($query) x $rest"
			if took=$(ask "$query" "SET statement_timeout = $(awk -v best="${best:-1e5}" 'BEGIN { printf "%d", 500 + best * 1500 }')" 2> "$work/error"); then
				took=${took% *}
				line+=" $way $(number "$took") s,"
				if [ -z "$best" ] || awk -v x="$took" -v y="$best" 'BEGIN { exit !(x < y) }'; then
					best=$took
					sql[eav]=$query
				fi
			else
				grep -q 'statement timeout' "$work/error" || { cat "$work/error" >&2; return 1; }
				line+=" $way given up,"
			fi
		done
	done
	note "${line%,}" "best: ${sql[eav]}" ''
	echo "   ${line%,}" >&2
}

# datalog_compared WHAT REACH-ENTITY REACH-EAV
datalog_compared() {
	local name
	for name in entity wide eav; do
		same "${sql[datalog]}" "${sql[$name]}"
	done
	asked datalog entity wide eav
	row datalog "$1" "${taken[datalog]}" "${taken[entity]}" "${taken[wide]}" "${taken[eav]}"
	figure "Datalog, $1, against SQL on entity tables" "${taken[datalog]}" "${taken[entity]}" s times "$2"
	figure 'the same, against eav' "${taken[datalog]}" "${taken[eav]}" s faster "$3"
	figure 'the same, against plain tables' "${taken[datalog]}" "${taken[wide]}" s times
}

# What it takes from the text of a query of 10 clauses to SQL.
datalog_text() {
	local times=1000 query='[:find ?name ?segment (count ?bill) (sum ?amount) :in ?since
		:where [$pur ?p :purchase/id ?pid] [$pur ?p :purchase/customer-id ?id] [$pur ?p :purchase/at ?at] [(>= ?at ?since)]
			[$cus ?c :customer/id ?id] [$cus ?c :customer/name ?name] [$cus ?c :customer/segment ?segment]
			[$bil ?bill :bill/purchase ?pid] [$bil ?bill :bill/amount ?amount] (not [$bil ?bill :bill/status :paid])]'
	# No two texts are the same.
	sql[text]="SELECT sum(length(datom.q_sql(\$\$$query\$\$ || repeat(' ', i)))) FROM generate_series(1, $times) i"
	note "$(psql -c "SELECT datom.q_sql(\$\$$query\$\$)")" ''
	measured_by again text
	taken[text]=$(milliseconds "$(awk -v x="${taken[text]}" -v n=$times 'BEGIN { print x / n }')")
	row messages 'from the text of 10 clauses to SQL' "${taken[text]}" '' ''
	figure 'parse, bind and print of a query of 10 clauses' "${taken[text]}" '' ms itself '<= 1'
}

# All that is below the root.
datalog_tree() {
	local rules='[[(below ?x ?y) [?y :node/parent ?x]] [(below ?x ?y) [?y :node/parent ?z] (below ?x ?z)]]' table
	sql[datalog]="SELECT * FROM $(q '[:find (count ?y) (sum ?y) :in $ % ?x :where (below ?x ?y)]' 'n bigint, total numeric' "'tree', '$rules', 1001::bigint")"
	for table in node plain_tree; do
		sql[$table]="WITH RECURSIVE below AS (SELECT e FROM $table WHERE parent = 1001
			UNION SELECT t.e FROM below JOIN $table t ON t.parent = below.e) SELECT count(*), sum(e) FROM below"
		same "${sql[datalog]}" "${sql[$table]}"
	done
	explained "${sql[datalog]}"
	explained "${sql[node]}"
	asked datalog node plain_tree
	row datalog "all below the root, of $tree_n nodes" "${taken[datalog]}" "${taken[node]}" "${taken[plain_tree]}" ''
	figure "recursive rule, $tree_n nodes, against WITH RECURSIVE on the entity table" "${taken[datalog]}" "${taken[node]}" s times '<= 1.5'
	figure 'the same, on a plain table' "${taken[datalog]}" "${taken[plain_tree]}" s times '<= 1.5'
}

# 1,000 entities with what they refer to; the same of eav in the faster of two ways.
# Either makes documents, which are counted, so that no digest of them is measured;
# the number of an entity is in those of pull alone.
datalog_pull() {
	local es name built='' kept="max(v::bigint) FILTER (WHERE a = ':item/kept-in')" inside best=joined
	local made="asked.built || jsonb_build_object(':item/kept-in', inside.built)" same_made="p - ':db/id' #- '{:item/kept-in,:db/id}'"
	es=$(psql -c "SELECT array_agg(1001 + (hashint8extended(i, 5) & 4294967295) % $item_n) FROM generate_series(1, 1000) i")
	for name in id number-1 number-2 number-3 number-4 text-1 text-2 text-3 text-4; do
		built+="':item/$name', max(v::jsonb::text) FILTER (WHERE a = ':item/$name')::jsonb, "
	done
	inside="jsonb_build_object(${built}':item/kept-in', jsonb_build_object(':db/id', $kept))"
	# item WHERE: the newest facts of entities.
	item() {
		echo "(SELECT DISTINCT ON (e, a) e, a, v, added FROM item_eav WHERE $1 ORDER BY e, a, instant DESC) f WHERE added"
	}
	# digested SQL MADE DIGESTED: the query with a digest of DIGESTED in place of the count of MADE.
	digested() {
		echo "${1/"count($2)"/"count(*), sum(hashtextextended(($3)::text, 0))"}"
	}
	sql[pull]="SELECT count(p) FROM datom.pull_many('item', '[* {:item/kept-in [*]}]', '$es') p"
	sql[joined]="WITH asked AS MATERIALIZED (SELECT e, $kept AS kept, jsonb_build_object(${built%, }) AS built FROM $(item "e = ANY('$es')") GROUP BY e),
		inside AS (SELECT e, $inside AS built FROM $(item 'e IN (SELECT kept FROM asked)') GROUP BY e)
		SELECT count($made) FROM unnest('$es'::bigint[]) w (e) JOIN asked USING (e) JOIN inside ON inside.e = kept"
	sql[lateral]="SELECT count($made) FROM unnest('$es'::bigint[]) w (e),
			LATERAL (SELECT $kept AS kept, jsonb_build_object(${built%, }) AS built FROM $(item 'e = w.e')) asked,
			LATERAL (SELECT $inside AS built FROM $(item 'e = kept')) inside"
	for name in joined lateral; do
		same "$(digested "${sql[pull]}" p "$same_made")" "$(digested "${sql[$name]}" "$made" "$made")"
	done
	measured_by again pull joined lateral
	! awk -v x="${taken[lateral]}" -v y="${taken[joined]}" 'BEGIN { exit !(x < y) }' || best=lateral
	note "pull: eav joined $(milliseconds "${taken[joined]}") ms, lateral $(milliseconds "${taken[lateral]}") ms" \
		"best: $(sed "s/{[0-9,]*}/{...}/g" <<< "${sql[$best]}")" ''
	row messages '1,000 entities of 10 attributes and what they refer to' "$(milliseconds "${taken[pull]}")" '' "$(milliseconds "${taken[$best]}")"
	figure 'pull of 1,000 entities of 10 attributes, one reference deep, against jsonb_build_object over eav' \
		"$(milliseconds "${taken[pull]}")" "$(milliseconds "${taken[$best]}")" ms faster '>= 5'
}
