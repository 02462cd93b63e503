#!/bin/sh
# recv_fuzz.sh [COUNT [SEED]]: feeds damaged binary values to COPY.
#
# Each of COUNT one-row files holds the wire form of a value with a few bytes
# changed, cut off or added.  Every COPY must succeed or fail with an error,
# no backend may die, and what was accepted must read back as it was, from
# text and from the wire.  The usual PG* variables say which database; it must
# have the types, and its table public.recv_fuzz is replaced.
set -eu
count=${1:-20000}
seed=${2:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}
echo "seed $seed, $count files"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
sql="psql -X -q -At -v ON_ERROR_STOP=0"

$sql <<'SQL'
SET client_min_messages = warning;
DROP TABLE IF EXISTS public.recv_fuzz;
CREATE TABLE public.recv_fuzz (v datom.value);
SQL
started=$($sql -c "SELECT pg_postmaster_start_time()")

# One valid wire form per line, in hexadecimal.
$sql > "$dir/valid" <<'SQL'
SELECT encode(datom.value_send(datom.value_in(textout(x))), 'hex') FROM unnest(ARRAY['true', '100', '-1', '1.5', '##NaN', '##Inf',
	'10.5M', '-0.00012345M', '123456789012345678901234567890M', ':a', ':ns/kw', 'Quercus', '"é ü 😀"', '""',
	'#inst "2014-11-15T13:37:42.123456Z"', '#inst "infinity"', '#date "2014-11-15"', '#date "-infinity"',
	'#uuid "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"', '#ref 42', '#bytes "00ff"', '#bytes ""',
	'#json "{\"a\": [1, 2.5, null, {\"b\": \"x\"}], \"c\": true}"', '#json "1e10"', '#json "[[[[]]]]"']) x;
SQL

python3 - "$dir" "$count" "$seed" <<'PY'
import random, struct, sys
dir, count, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
rnd = random.Random(seed)
valid = [bytes.fromhex(line.strip()) for line in open(dir + '/valid')]
interesting = [0, 1, 2, 4, 11, 12, 13, 0x22, 0x3a, 0x5c, 0x7b, 0x7f, 0x80, 0xc0, 0xc3, 0xed, 0xf0, 0xff]

def damage(data):
    data = bytearray(data)
    for _ in range(rnd.choice([1, 1, 1, 2, 3, 8])):
        how = rnd.randrange(6)
        at = rnd.randrange(len(data) + 1)
        if how == 0 and at < len(data):
            data[at] = rnd.randrange(256)
        elif how == 1 and at < len(data):
            data[at] = rnd.choice(interesting)
        elif how == 2:
            del data[at:]
        elif how == 3:
            data[at:at] = bytes(rnd.choice(interesting) for _ in range(rnd.randrange(1, 9)))
        elif how == 4 and at < len(data):
            data[at] ^= 1 << rnd.randrange(8)
        elif data:
            data[0] = rnd.randrange(0, 15)
    return bytes(data)

with open(dir + '/copies.sql', 'w') as copies:
    for i in range(count):
        data = damage(rnd.choice(valid))
        with open('%s/%d' % (dir, i), 'wb') as f:
            f.write(b'PGCOPY\n\xff\r\n\0' + struct.pack('>iihi', 0, 0, 1, len(data)) + data + struct.pack('>h', -1))
        copies.write("\\copy public.recv_fuzz from '%s/%d' (format binary)\n" % (dir, i))
PY

# The name of the file, which stands before each error, may spell anything.
$sql -v VERBOSITY=sqlstate -f "$dir/copies.sql" 2>&1 | sed 's/^psql:.*copies\.sql:[0-9]*: *//' > "$dir/errors"
accepted=$($sql -c "SELECT count(*) FROM public.recv_fuzz")
refused=$(grep -c '^ERROR:' "$dir/errors" || true)
echo "accepted $accepted, refused $refused:"
sed 's/^ERROR: */  /' "$dir/errors" | sort | uniq -c | sort -rn

changed=$($sql <<'SQL'
SELECT count(*) FROM public.recv_fuzz, LATERAL (SELECT datom.value_in(datom.value_out(v)) AS w) r
	WHERE datom.value_send(v) <> datom.value_send(w) OR datom.value_cmp(v, w) <> 0 OR datom.value_hash(v) <> datom.value_hash(w);
SQL
)
again=$($sql -c "SELECT pg_postmaster_start_time()")
[ "$started" = "$again" ] || { echo "the server restarted"; exit 1; }
! grep -q 'terminat\|crash\|connection' "$dir/errors" || { echo "a backend died"; exit 1; }
! grep -q 'XX' "$dir/errors" || { echo "internal error"; exit 1; }
[ $((accepted + refused)) -eq "$count" ] || { echo "files lost"; exit 1; }
[ "$changed" = 0 ] || { echo "$changed accepted values read back differently"; exit 1; }
$sql -c "DROP TABLE public.recv_fuzz"
echo ok
