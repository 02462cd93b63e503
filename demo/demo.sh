#!/bin/bash
# demo.sh [DIR]: shows what datom does, on a private server in a temporary
# directory, which is gone at the end. DIR holds the files of the bank; by
# default $DATOM_BANK, or ../shared/data/berka beside this project. Any
# failure ends it with an error.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
bank=${1:-${DATOM_BANK:-$here/../../shared/data/berka}}
export LC_ALL=C.UTF-8
for name in $(env | sed -n 's/^\(PG[A-Z_]*\)=.*/\1/p'); do
	[ "$name" = PG_CONFIG ] || unset "$name"
done

work=$(mktemp -d "${TMPDIR:-/tmp}/datom-demo-XXXXXX")
chmod 755 "$work"
server() {
	if [ "$(id -u)" = 0 ]; then
		(cd "$work" && exec runuser -u postgres -- "$@")
	else
		(cd "$work" && exec "$@")
	fi
}
stop() {
	[ ! -f "$work/data/postmaster.pid" ] || server "$work/bin/pg_ctl" -D data -t 600 stop > /dev/null
	rm -rf "$work"
}
trap stop EXIT
trap 'exit 1' INT TERM HUP

say() {
	printf '\n== %s\n\n' "$*"
}
psql() {
	"$work/bin/psql" -X -q -v ON_ERROR_STOP=1 -P pager=off "$@"
}
# show SCRIPT [ERRORS]: a script and what it answers; so many errors are wanted.
show() {
	psql -a -f "$here/$1" 2>&1 | sed 's/^psql:[^ ]* //' | tee "$work/shown"
	[ "$(grep -c '^ERROR:' "$work/shown" || true)" = "${2:-0}" ]
}

say 'A private server, with datom built from this directory'
"$here/../test/prefix" "$work"
[ "$(id -u)" != 0 ] || chown postgres: "$work"
server "$work/bin/initdb" -D data -A trust -U postgres --no-sync > "$work/initdb.log"
cat >> "$work/data/postgresql.conf" <<EOF
listen_addresses = ''
unix_socket_directories = '$work'
shared_preload_libraries = 'datom'
timezone = 'UTC'
EOF
server "$work/bin/pg_ctl" -D data -l log -t 600 start > /dev/null || { cat "$work/log" >&2; exit 1; }
export PGHOST=$work PGUSER=postgres PGDATABASE=postgres
psql -c 'CREATE EXTENSION datom'
psql -At -c 'SELECT version()'

say 'Facts are written, changed, and asked for as of any moment'
show facts.sql 3

say 'Two years of a shop: 10000 purchases, their customers and bills'
psql -v n=10000 -v seed=10 -f "$here/generate.sql"
psql -c "SELECT 'cus' AS \"table\", count(*) AS datoms FROM cus UNION ALL SELECT 'pur', count(*) FROM pur UNION ALL SELECT 'bil', count(*) FROM bil"
show tables.sql

say 'SCORING: a message asks what was known when a purchase was made'
show scoring.sql

say 'TRAINING: 35 shards, each fact once, all as of one moment; and labels'
at=2014-11-15T13:37:42Z
echo "datom_extract --output shards --shards 35 --as-of $at 'SELECT * FROM purchase'"
"$work/bin/datom_extract" --output "$work/shards" --shards 35 --as-of $at 'SELECT * FROM purchase' 2>&1 | tail -1
(cd "$work/shards" && wc -l part-*) | awk '$2 != "total" {
	printf "shard %2d: %d%s", NR - 1, $1, NR % 7 ? "   " : "\n"; sum += $1 } END { print "together " sum }'
PGOPTIONS="-c datom.as_of=$at" psql -c "COPY (SELECT * FROM purchase) TO STDOUT (FORMAT csv)" > "$work/whole"
echo "the whole $(wc -l < "$work/whole")"
sort "$work"/shards/part-* > "$work/united"
sort "$work/whole" | cmp - "$work/united"
echo 'The union of the shards is the whole, line by line.'
echo
show training.sql

say 'ANALYSIS: saved queries, late bills, expectations'
show analysis.sql

say 'TRACING: who said what, when, and what was it before?'
show tracing.sql

say 'A real bank: every file, each record at its own date'
if [ -r "$bank/trans.csv" ]; then
	PSQL="$work/bin/psql" "$here/load_berka.sh" "$bank" -q
	psql -c "SELECT count(*) AS datoms, count(DISTINCT tx) AS transactions, min(datom.instant(tx))::date AS first, max(datom.instant(tx))::date AS last FROM bank"
	show bank.sql
else
	PSQL=false "$here/load_berka.sh" "$bank"
fi

say 'The server stops, and nothing is left behind'
