#!/bin/sh
# load_berka.sh DIR [psql options]: imports the bank files in DIR into the datom
# table bank; see berka.sql. Where the files are absent it says so and does
# nothing. psql is $PSQL, or the one in PATH.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
dir=${1:?usage: load_berka.sh DIR [psql options]}
shift
for file in account card client disp district loan order trans; do
	if ! [ -r "$dir/$file.csv" ]; then
		echo "the bank is not imported: there is no $dir/$file.csv"
		exit 0
	fi
done
cd "$dir"
exec "${PSQL:-psql}" -X -v ON_ERROR_STOP=1 "$@" -f "$here/berka.sql"
