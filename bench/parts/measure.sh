# How things are measured, and how the report is made.

declare -A command sql with taken spent

# CPU time, in 10 ms, of the sessions and parallel workers of the past: waits
# for the server to bury those that have just ended.
cpu() {
	local postmaster
	postmaster=$(head -1 "$work/data/postmaster.pid")
	while ps --ppid "$postmaster" -o state=,cmd= | grep -qE '^Z|: postgres postgres'; do
		sleep 0.02
	done
	awk '{ sub(/.*\) /, ""); print $14 + $15 }' "/proc/$postmaster/stat"
}

# clock COMMAND: the seconds that it takes, and the CPU seconds of the server.
clock() {
	local begin=$EPOCHREALTIME cpu_begin end
	cpu_begin=$(cpu)
	"$@" > /dev/null
	end=$EPOCHREALTIME
	echo "$((${end/./} - ${begin/./})) $(($(cpu) - cpu_begin))" | awk '{ printf "%.3f %.2f\n", $1 / 1e6, $2 / 100 }'
}

# tps SCRIPT CLIENTS [OPTIONS]: transactions a second, and CPU seconds.
tps() {
	local script=$1 c=$2 cpu_begin
	shift 2
	cpu_begin=$(cpu)
	"$work/bin/pgbench" -n -M prepared -c "$c" -j 2 -T "$seconds" -f "$script" "$@" 2> "$work/pgbench.err" > "$work/pgbench.out" ||
		{ cat "$work/pgbench.err" >&2; return 1; }
	echo "$(sed -n 's/^tps = \([0-9]*\).*/\1/p' "$work/pgbench.out") $(($(cpu) - cpu_begin))"
}

# For questions: warm, without the time that a session takes to begin.
quiet='SET jit = off; SET work_mem = 1048576; SET random_page_cost = 1.1; SET max_parallel_workers_per_gather = 0;'
# workers N: settings under which N workers are asked for wherever they can.
workers() {
	echo "SET max_parallel_workers_per_gather = $1; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET min_parallel_index_scan_size = 0;"
}

# ask SQL [SETTINGS]: the seconds that it takes; planned once before.
ask() {
	printf '%s\n' "$quiet ${2:-};" "EXPLAIN $1;" '\timing on' "$1;" | psql -o /dev/null > "$work/asked" || return 1
	awk '/^Time: / { ms = $2 } END { printf "%.4f 0\n", ms / 1000 }' "$work/asked"
}
question() {
	ask "${sql[$1]}" "${with[$1]:-}"
}

# same SQL OTHER: fails where the answers differ.
same() {
	local one other
	one=$(psql -c "$quiet" -c "$1")
	other=$(psql -c "$quiet" -c "$2")
	[ "$one" = "$other" ] || { printf 'answers differ:\n%s\n%s\n%s\n%s\n' "$1" "$one" "$2" "$other" >&2; return 1; }
}

# median COLUMN
median() {
	awk -v column="$1" '{ print $column }' | sort -n |
		awk '{ x[NR] = $1 } END { print NR % 2 ? x[(NR + 1) / 2] : (x[NR / 2] + x[NR / 2 + 1]) / 2 }'
}

# in_turn PREPARE NAME...: measures command[NAME], which prints a figure and CPU
# seconds, of each in turn, after PREPARE NAME (if not empty) and a checkpoint;
# in each round another one begins. Medians go to taken[NAME] and spent[NAME].
in_turn() {
	local prepare=$1 i name begin=$SECONDS
	shift
	for name; do
		: > "$work/taken.$name"
	done
	for ((i = 0; i < rounds; i++)); do
		for name; do
			[ -z "$prepare" ] || $prepare "$name"
			psql -c CHECKPOINT
			${command[$name]} >> "$work/taken.$name"
		done
		set -- "${@:2}" "$1"
		[ "$i" -gt 0 ] || [ $((SECONDS - begin)) -lt "$long" ] || break
	done
	for name; do
		taken[$name]=$(median 1 < "$work/taken.$name")
		spent[$name]=$(median 2 < "$work/taken.$name")
	done
}

# asked NAME...: the same for sql[NAME] with the settings with[NAME].
asked() {
	local name
	for name; do
		command[$name]="question $name"
	done
	in_turn '' "$@"
}

# ---- rows of the report ----

# row SECTION WHAT CELL...
row() {
	local section=$1
	shift
	printf '| %s ' "$@" | sed 's/$/|/' | tee -a "$work/rows.$section" >&2
	echo >> "$work/rows.$section"
	echo >&2
}

# section NAME TITLE COLUMN...: prints what rows it has.
section() {
	local name=$1 title=$2
	shift 2
	[ -s "$work/rows.$name" ] || return 0
	printf '\n### %s\n\n| ' "$title"
	printf '| %s ' "$@"
	printf '|\n|---'
	printf '|---%.0s' "$@"
	printf '|\n'
	cat "$work/rows.$name"
}

note() {
	printf '%s\n' "$@" >> "$work/notes"
}

# number X: with three digits.
number() {
	awk -v x="$1" 'BEGIN { printf((x == int(x) ? "%d" : x >= 100 ? "%.0f" : x >= 10 ? "%.1f" : x >= 1 ? "%.2f" : x >= 0.1 ? "%.3f" : "%.4f"), x) }'
}

# figure WHAT DATOM AGAINST UNIT RATIO [REACH]: a row of what is to be reached.
# RATIO is "faster" (AGAINST / DATOM) or "times" (DATOM / AGAINST), and has to
# reach REACH, which is ">= X" or "<= X"; if it is "itself", DATOM has to.
figure() {
	local what=$1 datom=$2 against=$3 unit=$4 ratio=$5 reach=${6:-} reached=
	case $ratio in
	faster) ratio=$(awk -v x="$datom" -v y="$against" 'BEGIN { print (x > 0 ? y / x : 0) }') ;;
	times) ratio=$(awk -v x="$datom" -v y="$against" 'BEGIN { print (y > 0 ? x / y : 0) }') ;;
	itself) ratio= ;;
	esac
	[ -z "$reach" ] || reached=$(awk -v x="${ratio:-$datom}" -v reach="$reach" 'BEGIN {
		split(reach, r); print((r[1] == ">=" ? x >= r[2] : x <= r[2]) ? "reached" : "**missed**") }')
	reach=${reach/>=/≥}
	row figures "$what" "$(number "$datom") $unit" "${against:+$(number "$against") $unit}" "${ratio:+$(number "$ratio")}" "${reach/<=/≤}" "$reached"
}

# heap_row WHAT UNIT: of taken[datom] and taken[heap].
heap_row() {
	row heap "$1" "${taken[datom]} $2" "${taken[heap]} $2" $(awk -v unit="$2" -v datom="${taken[datom]}" -v heap="${taken[heap]}" \
		-v datom_cpu="${spent[datom]}" -v heap_cpu="${spent[heap]}" 'BEGIN {
		ratio = unit == "s" ? heap / datom : datom / heap
		cpu = datom_cpu == 0 ? 0 : heap_cpu / datom_cpu * (unit == "s" ? 1 : ratio)
		printf "%.2f %.2f\n", ratio, cpu }')
}

# compare WHAT UNIT DATOM HEAP [PREPARE]: two commands.
compare() {
	command[datom]=$3
	command[heap]=$4
	in_turn "${5:-}" datom heap
	heap_row "$1" "$2"
}
