# The bank files, imported by demo/load_berka.sh: as of any date the table
# holds what the files say up to it. The figures to compare with are computed
# by awk, straight from the files.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Cwd qw(abs_path);

my $files = $ENV{DATOM_BANK} || abs_path('../shared/data/berka') || '';
plan skip_all => 'the bank files are absent: set DATOM_BANK to their directory'
	unless -r "$files/trans.csv";

my $seed = $ENV{SEED} || time ^ $$;
srand $seed;
note "SEED=$seed";

# Figures of each attribute up to a day: the number of values, and a sum: of
# numbers themselves, of dates as yymmdd, of lengths of strings, of the ids of
# what is referred to, and for codes of the squares of how often each occurs,
# which no translation changes.
my $awk = <<'AWK';
BEGIN { FS = ";" }
FNR == 1 { sub(/.*\//, "", FILENAME); next }
{ gsub(/["\r]/, ""); sub(/ 00:00:00/, "") }
function put(a, x) { n[a]++; s[a] += x }
function code(a, x) { if (x !~ /^ *$/) { n[a]++; s[a] += 2 * seen[a, x]++ + 1 } }
function string(a, x) { if (x != "") put(a, length(x)) }
FILENAME == "account.csv" { opened[$1] = $4 }
FILENAME == "account.csv" && $4 <= until {
	put(":account/id", $1); put(":account/district", $2); code(":account/frequency", $3); put(":account/opened", $4) }
FILENAME == "disp.csv" && opened[$3] <= until {
	put(":disposition/id", $1); put(":disposition/client", $2); put(":disposition/account", $3); code(":disposition/type", $4)
	here[$2] = 1 }
FILENAME == "client.csv" && $1 in here {
	month = substr($2, 3, 2); put(":client/id", $1); put(":client/district", $3)
	put(":client/birthday", $2 - (month > 50) * 5000); code(":client/sex", month > 50 ? "f" : "m") }
FILENAME == "order.csv" && opened[$2] <= until {
	put(":order/id", $1); put(":order/account", $2); string(":order/to-bank", $3); string(":order/to-account", $4)
	put(":order/amount", $5); code(":order/symbol", $6) }
FILENAME == "loan.csv" && $3 <= until {
	put(":loan/id", $1); put(":loan/account", $2); put(":loan/granted", $3); put(":loan/amount", $4)
	put(":loan/duration", $5); put(":loan/payment", $6); code(":loan/status", $7) }
FILENAME == "card.csv" && $4 <= until {
	put(":card/id", $1); put(":card/disposition", $2); code(":card/type", $3); put(":card/issued", $4) }
FILENAME == "trans.csv" && $3 <= until {
	put(":transaction/id", $1); put(":transaction/account", $2); put(":transaction/date", $3)
	code(":transaction/type", $4); code(":transaction/operation", $5); put(":transaction/amount", $6)
	put(":transaction/balance", $7); code(":transaction/symbol", $8)
	string(":transaction/partner-bank", $9); string(":transaction/partner-account", $10)
	if ($3 > day[$2]) { day[$2] = $3; records[$2] = 0 }
	if ($3 == day[$2]) {
		i = ++records[$2]; after[$2, i] = $7; before[$2, i] = $7 - ($4 == "PRIJEM" ? $6 : -$6) } }
FILENAME == "district.csv" && 930101 <= until {
	split(":id name region inhabitants villages-below-500 villages-below-2000 towns-below-10000 towns-above cities " \
		"urban-ratio average-salary unemployment-1995 unemployment-1996 entrepreneurs crimes-1995 crimes-1996", name, " ")
	put(":district/id", $1); string(":district/name", $2); string(":district/region", $3)
	for (i = 4; i <= 16; i++) if ($i != "?") put(":district/" name[i], $i) }
END {
	for (account in day) {
		# the last of the day: the one whose balance no other starts from
		last = after[account, records[account]]
		for (i = 1; i <= records[account]; i++) {
			used = 0
			for (j = 1; j <= records[account]; j++) {
				gap = before[account, j] - after[account, i]
				if (j != i && gap < 0.15 && gap > -0.15) used = 1 }
			if (!used) last = after[account, i] }
		put(":account/balance", last) }
	for (a in n) printf "%s|%d|%.2f\n", a, n[a], s[a] }
AWK

my @files = map { "$files/$_.csv" } qw(account disp client order loan card trans district);

# yymmdd
sub from_files
{
	my $until = shift;
	my ($out, $err) = run_command([ 'awk', '-v', "until=$until", $awk, @files ]);
	die $err if $err;
	return join "\n", sort split /\n/, $out;
}

my $node = PostgreSQL::Test::Cluster->new('bank');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'datom'\n");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION datom');

sub from_table
{
	my $until = shift;
	my $at = '19' . join('-', $until =~ /(..)(..)(..)/) . 'T00:00:00Z';
	my $out = $node->safe_psql('postgres', <<SQL);
CREATE TEMP TABLE fact AS SELECT e, a, v, datom.value_type(v) AS type FROM datom.as_of('bank', '$at');
SELECT f.a, count(*), sum(CASE type
	WHEN 'date' THEN to_char(f.v::date, 'YYMMDD')::numeric
	WHEN 'string' THEN length(f.v::text)
	WHEN 'ref' THEN id.v
	ELSE f.v::numeric END)::numeric(20, 2)
FROM fact f LEFT JOIN
	(SELECT e, v::numeric FROM fact WHERE a::text LIKE '%/id') id ON id.e = CASE type WHEN 'ref' THEN f.v::bigint END
WHERE f.a::text NOT LIKE ':db/%' AND type <> 'keyword' GROUP BY 1
UNION ALL
SELECT a, sum(n), sum(n * n)::numeric(20, 2)
FROM (SELECT a, v, count(*) FROM fact WHERE a::text NOT LIKE ':db/%' AND type = 'keyword' GROUP BY 1, 2) c (a, v, n)
GROUP BY 1;
SQL
	return join "\n", sort split /\n/, $out;
}

# Nothing to import is no error.
my $load = abs_path('demo/load_berka.sh');
my ($out, $err) = run_command([ $load, '/nonexistent', '-d', $node->connstr('postgres') ]);
is($out, 'the bank is not imported: there is no /nonexistent/account.csv', 'absent files are said to be absent');
is($node->safe_psql('postgres', q(SELECT to_regclass('bank'))), '', 'and nothing is made');

$node->command_ok([ $load, $files, '-d', $node->connstr('postgres') ], 'every file is imported');

# One transaction for each date in the files, and one for the attributes.
my ($dates) = run_command([ 'sh', '-c', <<'SH', '-', $files ]);
cd "$1"; { tail -n +2 -q account.csv card.csv | cut -d';' -f4; tail -n +2 -q loan.csv trans.csv | cut -d';' -f3; } |
	tr -d '"\r' | cut -c1-6 | sort -u
SH
my @dates = split /\n/, $dates;
is($node->safe_psql('postgres', q(SELECT count(*) FROM datom.tx WHERE db = 'bank'::regclass)), @dates + 1,
	'one transaction for each of ' . @dates . ' dates, and one for the attributes');
is($node->safe_psql('postgres', q(SET timezone = 'UTC'; SELECT string_agg(to_char(instant, 'YYMMDD'), ',' ORDER BY instant)
		FROM datom.tx WHERE db = 'bank'::regclass AND instant > (SELECT min(instant) FROM datom.tx WHERE db = 'bank'::regclass))),
	join(',', @dates), 'at these dates');

# The day before the bank opens, 1993-12-31, some dates of transactions, some
# of any record, the last.
my %random;
$random{ $dates[ int rand 360 ] } = 1 while keys %random < 4;
$random{ $dates[ 360 + int rand(@dates - 361) ] } = 1 while keys %random < 7;
for my $until ('921231', '931231', (sort keys %random), $dates[-1])
{
	is(from_table($until), from_files($until), "as of 19$until");
}
unlike(from_table('931231'), qr/^$/, 'there is something to compare');
isnt(from_table('931231'), from_files('931230'), 'control: another day is told apart');
is($node->safe_psql('postgres', q(SELECT * FROM datom.check('bank'))), '', 'and datom.check() finds no fault');
is(scalar(split /\n/, from_table($dates[-1])), 56, 'every attribute has values in the end');
is($node->safe_psql('postgres', <<'SQL'), '0', 'no code is without its meaning');
SELECT count(*) FROM datom.as_of('bank') WHERE datom.value_type(v) = 'keyword' AND a::text NOT LIKE ':db/%'
	AND v::text NOT LIKE replace(a::text, '/', '.') || '/%'
SQL

$node->stop;
done_testing();
