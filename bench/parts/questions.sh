# Questions to whole tables, now and as of the past.

# answer_row WHAT NAME...: a row of those that were asked, in columns datom,
# eav, eav_2, hist, wide.
answer_row() {
	local what=$1 name cells=()
	shift
	for name in datom eav eav_2 hist wide; do
		case " $* " in
		*" $name "*) cells+=("${taken[$name]}") ;;
		*) cells+=('') ;;
		esac
	done
	row whole "$what" "${cells[@]}"
}

# explained SQL [SETTINGS]: what a question to a datom table reads, as a note.
explained() {
	note "$1" "$(psql -c "$quiet ${2:-}" -c "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) $1")" ''
}

part_now() {
	local t
	for t in pur eav hist wide; do
		once $t
	done
	same "$digest datom.as_of('pur') WHERE $user_facts" "$digest eav"
	same "$digest eav" "$digest hist WHERE valid_to = 'infinity'"

	# All facts. That nothing was superseded is known to "plain" and to wide.
	local five='count(id) + count(customer_id) + count(amount) + count(merchant) + count(at)'
	sql[datom]="SELECT count(*) FROM datom.as_of('pur')"
	sql[hist]="SELECT count(*) FROM hist WHERE valid_to = 'infinity'"
	sql[wide]="SELECT $five FROM wide"
	explained "${sql[datom]}"
	best eav 'SELECT count(*)' eav true
	asked datom eav eav_2 hist wide
	answer_row 'now, nothing superseded: count of all facts' datom eav eav_2 hist wide
	figure 'now, all facts of 5 attributes, against eav' "${taken[datom]}" "${taken[eav]}" s faster '>= 5'
	figure 'the same, against eav with 2 workers' "${taken[datom]}" "${taken[eav_2]}" s faster
	figure 'the same, against hist' "${taken[datom]}" "${taken[hist]}" s faster
	plain "$(eav_sql plain eav true)" 'SELECT count(*)'
	asked eav eav_2
	answer_row 'the same, by count(*) of all rows of eav' eav eav_2
	figure 'the same, against count(*) of all rows of eav' "${taken[datom]}" "${taken[eav]}" s faster '>= 5'

	# Values, attributes and ranges; eav knows that nothing was superseded.
	some 'all values read' 'SELECT count(*), sum(datom.value_hash(v)::bigint)' "a >= ':purchase'" '' v
	some 'sum of an attribute' 'SELECT count(*), sum(v::numeric)' "a = ':purchase/amount'" 'SELECT count(amount), sum(amount) FROM wide' v
	some 'count of an attribute' 'SELECT count(*)' "a = ':purchase/merchant'" 'SELECT count(merchant) FROM wide'
	some 'count of a value' 'SELECT count(*)' "a = ':purchase/merchant' AND v = datom.value('merchant-7'::text)" "SELECT count(*) FROM wide WHERE merchant = 'merchant-7'" v
	local tenth="e BETWEEN $((purchases / 2)) AND $((purchases / 2 + purchases / 10))"
	some 'count of a tenth of the entities' 'SELECT count(*)' "$tenth" "SELECT $five FROM wide WHERE $tenth"

	sql[datom]="SELECT count(*) FROM datom.as_of('pur')"
	sql[two]=${sql[datom]}
	with[two]=$(workers 1)
	explained "${sql[two]}" "${with[two]}"
	asked datom two
	figure 'two processes against one' "${taken[two]}" "${taken[datom]}" s faster '>= 1.7'
	with[two]=
}

# plain INNER SELECT: as question to eav.
plain() {
	sql[eav]="$2 FROM ($1) f"
	sql[eav_2]=${sql[eav]}
	with[eav]=
	with[eav_2]=$(workers 2)
}

# some WHAT SELECT WHERE WIDE [V]: WIDE may be empty.
some() {
	local peers='eav hist wide' name
	[ -n "$4" ] || peers='eav hist'
	sql[datom]="$2 FROM datom.as_of('pur') WHERE $3"
	plain "$(eav_sql plain eav "$3" "${5:-}")" "$2"
	sql[hist]="$2 FROM hist WHERE valid_to = 'infinity' AND $3"
	sql[wide]=$4
	for name in $peers; do
		same "${sql[datom]}" "${sql[$name]}"
	done
	asked datom eav_2 $peers
	answer_row "now, nothing superseded: $1" datom eav_2 $peers
}

# Half of the facts that held at a moment are superseded now.
part_asof() {
	local then="instant <= '$past'" now
	once half
	once half_eav
	once half_hist
	local hist_then="valid_from <= '$past' AND valid_to > '$past'"
	same "$digest datom.as_of('half', '$past') WHERE $user_facts" "$digest ($(eav_sql distinct half_eav "$then" v)) f"
	same "$digest datom.as_of('half', '$past') WHERE $user_facts" "$digest half_hist WHERE $hist_then"
	same "$digest datom.as_of('half') WHERE $user_facts" "$digest half_hist WHERE valid_to = 'infinity'"

	best eav 'SELECT count(*)' half_eav true
	sql[datom]="SELECT count(*) FROM datom.as_of('half')"
	sql[hist]="SELECT count(*) FROM half_hist WHERE valid_to = 'infinity'"
	same "SELECT count(*) FROM datom.as_of('half') WHERE $user_facts" "${sql[eav]}"
	asked datom eav eav_2 hist
	answer_row 'half superseded, now: count of all facts' datom eav eav_2 hist
	figure 'half superseded, now, all facts, against eav' "${taken[datom]}" "${taken[eav]}" s faster '>= 5'
	now=${taken[datom]}

	best eav 'SELECT count(*)' half_eav "$then"
	sql[datom]="SELECT count(*) FROM datom.as_of('half', '$past')"
	sql[hist]="SELECT count(*) FROM half_hist WHERE $hist_then"
	same "SELECT count(*) FROM datom.as_of('half', '$past') WHERE $user_facts" "${sql[eav]}"
	explained "${sql[datom]}"
	asked datom eav eav_2 hist
	answer_row 'half superseded, as of before: count of all facts' datom eav eav_2 hist
	figure 'half superseded, as of before, against now' "${taken[datom]}" "$now" s times '<= 1.3'
	figure 'the same, against eav' "${taken[datom]}" "${taken[eav]}" s faster
	figure 'the same, against eav with 2 workers' "${taken[datom]}" "${taken[eav_2]}" s faster
	figure 'the same, against hist' "${taken[datom]}" "${taken[hist]}" s faster

	local sum='SELECT count(*), sum(v::numeric)' amount="a = ':purchase/amount'"
	best eav "$sum" half_eav "$then AND $amount" v
	sql[datom]="$sum FROM datom.as_of('half', '$past') WHERE $amount"
	sql[hist]="$sum FROM half_hist WHERE $hist_then AND $amount"
	same "${sql[datom]}" "${sql[eav]}"
	same "${sql[datom]}" "${sql[hist]}"
	asked datom eav eav_2 hist
	answer_row 'half superseded, as of before: sum of an attribute' datom eav eav_2 hist
}

part_history() {
	once few
	same "$digest datom.as_of('few') WHERE $user_facts" "$digest datom.as_of('deep') WHERE $user_facts"
	sql[few]="SELECT count(*) FROM datom.as_of('few')"
	sql[deep]="SELECT count(*) FROM datom.as_of('deep')"
	explained "${sql[deep]}"
	asked few deep
	figure "now, with $history × history behind it, against none" "${taken[deep]}" "${taken[few]}" s times '<= 1.2'
	taken[datom]=${taken[few]}
	answer_row "now, $few_n facts: count" datom
	taken[datom]=${taken[deep]}
	answer_row "now, $few_n facts with $history × history: count" datom
}

# A real bank, day by day from 1993 to 1998.
part_bank() {
	local files=${BENCH_BANK:-$here/../shared/data/berka} what at where hist_where facts ways=${ways/lateral/}
	PSQL="$work/bin/psql" "$here/demo/load_berka.sh" "$files" -q > "$work/bank.out"
	if [ -s "$work/bank.out" ]; then
		note "$(cat "$work/bank.out")" ''
		cat "$work/bank.out" >&2
		return 0
	fi
	psql -c 'VACUUM FREEZE ANALYZE bank'
	eav_of bank bank_eav
	hist_of bank_eav bank_hist :transaction/id
	facts=$(psql -c 'SELECT count(*) FROM bank')
	for at in '' 1996-01-01T00:00:00Z; do
		where=true
		hist_where="valid_to = 'infinity'"
		what="'bank'"
		if [ -n "$at" ]; then
			where="instant <= '$at'"
			hist_where="valid_from <= '$at' AND valid_to > '$at'"
			what="'bank', '$at'"
		fi
		same "$digest datom.as_of($what) WHERE $user_facts" "$digest ($(eav_sql distinct bank_eav "$where" v)) f"
		best eav 'SELECT count(*)' bank_eav "$where"
		sql[datom]="SELECT count(*) FROM datom.as_of($what)"
		sql[hist]="SELECT count(*) FROM bank_hist WHERE $hist_where"
		same "${sql[eav]}" "${sql[hist]}"
		asked datom eav eav_2 hist
		answer_row "bank of $facts datoms, ${at:+as of }${at:-now}: count of all facts" datom eav eav_2 hist
	done
	bytes bank bank "$facts"
	bytes bank_eav 'bank eav' "$facts"
}
