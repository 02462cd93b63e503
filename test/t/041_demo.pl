# The demo data: the same facts for the same size and seed, and sensible ones;
# and demo/demo.sh, which must come to its end.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('demo');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'datom'\n");
$node->start;

sub generate
{
	my ($db, $n, $seed) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $db");
	$node->safe_psql($db, 'CREATE EXTENSION datom');
	$node->command_ok(
		[ 'psql', '-X', '-d', $node->connstr($db), '-v', "n=$n", '-v', "seed=$seed", '-f', 'demo/generate.sql' ],
		"$n purchases with seed $seed");
	return join ' ', map { $node->safe_psql($db, <<SQL) } qw(cus pur bil);
SELECT md5(string_agg(concat_ws('|', e, a, v, extract(epoch FROM datom.instant(tx)), added), ',' ORDER BY e, a, tx, v::text)) FROM $_
SQL
}

my $seed = $ENV{SEED} || time ^ $$;
note "SEED=$seed";
my $facts = generate('one', 2000, $seed);
is(generate('two', 2000, $seed), $facts, 'the same size and seed give the same facts');
isnt(generate('three', 2000, $seed + 1), $facts, 'control: another seed gives others');

sub is_sql
{
	my ($sql, $wanted, $what) = @_;
	is($node->safe_psql('one', $sql), $wanted, $what);
}

is_sql("SELECT * FROM datom.check('$_')", '', "datom.check('$_') finds no fault") for qw(cus pur bil);
is_sql(q(SELECT count(*) FILTER (WHERE a = ':purchase/id'), count(*) FROM pur WHERE a::text LIKE ':p%'), '2000|10000',
	'as many purchases as asked for');
is_sql(q(SELECT count(*) FROM bil WHERE a = ':bill/id'), '2000', 'and a bill for each');
is_sql(q(SELECT count(DISTINCT v) FROM cus WHERE a = ':customer/id'), '100', 'by a twentieth of them in customers');
is_sql(<<'SQL', 't', 'some of whom move');
SELECT count(*) BETWEEN 120 AND 240 FROM cus WHERE a = ':customer/city'
SQL
is_sql(<<'SQL', '0', 'a purchase is by a customer who is there');
SELECT count(*) FROM pur LEFT JOIN cus ON cus.a = ':customer/id' AND cus.v = pur.v
	AND datom.instant(cus.tx) <= datom.instant(pur.tx)
WHERE pur.a = ':purchase/customer-id' AND cus.e IS NULL
SQL
is_sql(<<'SQL', '0', 'a purchase is said at the end of its day');
SELECT count(*) FROM pur WHERE a = ':purchase/at'
	AND v::timestamptz NOT BETWEEN datom.instant(tx) - interval '1 day' AND datom.instant(tx) - interval '1 us'
SQL
is_sql(<<'SQL', "open\nopen,late\nopen,late,paid\nopen,paid", 'a bill is open, then late or paid');
SELECT DISTINCT string_agg(replace(v::text, ':bill.status/', ''), ',' ORDER BY tx) FROM bil WHERE a = ':bill/status' GROUP BY e ORDER BY 1
SQL
is_sql(<<'SQL', 't', 'it is late from the day after it was due, unless it was paid by then');
SELECT bool_and(CASE status.v::text WHEN ':bill.status/late' THEN said = due.v::date + 1
	WHEN ':bill.status/paid' THEN (said > due.v::date) = EXISTS (SELECT FROM bil late WHERE late.e = status.e AND late.v = ':bill.status/late')
	ELSE said < due.v::date END)
FROM bil status JOIN bil due ON due.e = status.e AND due.a = ':bill/due',
	LATERAL (SELECT (datom.instant(status.tx) AT TIME ZONE 'UTC')::date - 1) s (said)
WHERE status.a = ':bill/status'
SQL
$node->stop;

$ENV{TMPDIR} = $PostgreSQL::Test::Utils::tmp_check;
my ($out, $err) = ('', '');
ok(run_log([ 'demo/demo.sh' ], '>', \$out, '2>', \$err), 'the demo comes to its end') or diag $out, $err;
like($out, qr/^The union of the shards is the whole, line by line\.$/m, 'its shards are the whole');
like($out, qr/^== $_: /m, "it shows $_") for qw(SCORING TRAINING ANALYSIS TRACING);
like($out, qr/^ \["Ana [^"]+", "[^"]+", ":bill.status/m, 'a message is answered');
like($out, qr/^\s+\d{3,} \|\s+\d{2,}$/m, 'there are labels, some of them late');
like($out, qr/^ more than was due \|\s+\d{2,} \|\s+0 \|/m, 'one expectation is met');
like($out, qr/^ not given up \s+\|\s+\d{2,} \|\s+[1-9]\d* \| \{"id": "bil-/m, 'and one is not, with an example');
like($out, qr/^ public.overdue \|\s+3$/m, 'a change is undone by a third version');
like($out, qr/^ public.overdue \| \w+ \|\s+[1-9]/m, 'its use is counted');
like($out, qr/nothing is left behind\n$/, 'and it says so');
ok(!run_log([ 'demo/demo.sh', broken_bank() ], '>', \$out, '2>', \$err), 'control: a failure on the way ends it with an error');
like($err, qr/ERROR: .*\n.*district/, 'which is shown');
is_deeply([ glob("$ENV{TMPDIR}/datom-demo-*") ], [], 'nothing is left behind');

# Files of which one cannot be read.
sub broken_bank
{
	my $dir = "$PostgreSQL::Test::Utils::tmp_check/bank";
	mkdir $dir;
	for my $file (qw(account card client disp district loan order trans))
	{
		append_to_file("$dir/$file.csv", "not;what;it;should;be\n1;2;3\n");
	}
	return $dir;
}

done_testing();
