# Logical decoding sees the inserts into a datom table: a pgoutput subscriber
# receives the datoms, into a table of text, into a heap table of the same type
# and into a datom table; test_decoding shows them.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use DBD::Pg ':async';
use DatomTest;

my $publisher = new_server('publisher', allows_streaming => 'logical',
	conf => "fsync = off\nlogical_decoding_work_mem = 64kB");
$publisher->start;
my $subscriber = new_server('subscriber', allows_streaming => 'logical',
	conf => "fsync = off\nmax_logical_replication_workers = 12\nmax_worker_processes = 24");
$subscriber->start;

my $p = connect_to($publisher);
$p->do($_) for 'CREATE EXTENSION datom', "SELECT datom.create('pur')",
  "SELECT datom.define_attribute('pur', ':n/one', 'string')",
  "SELECT datom.define_attribute('pur', ':n/many', 'long', 'many')",
  "SELECT datom.define_attribute('pur', ':n/id', 'string', 'one', 'identity')",
  "INSERT INTO pur (e, a, v) SELECT 100 + i, ':n/one', 'copied ' || i FROM generate_series(1, 2000) i",
  'CREATE PUBLICATION datoms FOR TABLE pur',
  'CREATE PUBLICATION few FOR TABLE pur (e, a, v) WHERE (e >= 5000)';
is(error_of($p, "CREATE PUBLICATION filtered FOR TABLE pur WHERE (a = ':n/one')"), '0A000', 'no row filter over types of an extension');
$p->do(q{SELECT pg_create_logical_replication_slot('shown', 'test_decoding')});

# Databases of the subscriber, and how each has its table.
my $plain = '(e bigint, a text, v text, tx bigint, added boolean)';
my %subscribers = (
	text => ["CREATE TABLE pur $plain"],
	heap => [ 'CREATE EXTENSION datom', 'CREATE TABLE pur OF datom.datom' ],
	datom => [ 'CREATE EXTENSION datom', "SELECT datom.create('pur')" ],
	few => ['CREATE TABLE pur (e bigint, v text, a text, note text)']);
my %s;
for my $name (sort keys %subscribers)
{
	my $t = connect_to($subscriber);
	$t->do("CREATE DATABASE $name");
	$t->disconnect;
	$s{$name} = connect_to($subscriber, $name);
	$s{$name}->do($_) for @{ $subscribers{$name} };
	my $publication = $name eq 'few' ? 'few' : 'datoms';
	$s{$name}->do("CREATE SUBSCRIPTION $name CONNECTION '" . ($publisher->connstr('postgres') =~ s/'/''/gr) . "' PUBLICATION $publication WITH (streaming = on)");
}

my $all = "SELECT md5(string_agg(concat_ws(' ', e, a, v, tx, added), chr(10) ORDER BY e, a::text COLLATE \"C\", v::text COLLATE \"C\", tx, added))";
my %as = (text => "$all FROM pur", heap => "$all FROM (SELECT e, a, datom.value_out(v)::text AS v, tx, added FROM pur) d");
$as{datom} = $as{heap};

sub arrived
{
	my ($what) = @_;
	for my $name (sort keys %s)
	{
		$subscriber->wait_for_subscription_sync($publisher, $name, $name);
		$publisher->wait_for_catchup($name);
	}
	my $truth = value_of($p, $as{heap});
	is(value_of($s{$_}, $as{$_}), $truth, "$what: the $_ table has the datoms") for 'datom', 'heap', 'text';
}

arrived('what was there');
cmp_ok(value_of($s{text}, 'SELECT count(*) FROM pur'), '>', 2000, 'more than nothing');
is(value_of($s{few}, 'SELECT count(*) FROM pur'), 0, 'a row filter lets nothing through');

$p->do("INSERT INTO pur (e, a, v) VALUES (1, ':n/one', 'streamed \"with quotes\" and \\ more')");
$p->do("INSERT INTO pur (e, a, v, added) VALUES (1, ':n/many', 7, true), (1, ':n/many', 8, true)");
$p->do("INSERT INTO pur (e, a, v, added) VALUES (1, ':n/many', 7, false)");
arrived('single statements');

$p->do($_) for 'BEGIN', "INSERT INTO pur (e, a, v) VALUES (2, ':n/one', 'kept')", 'SAVEPOINT a',
  "INSERT INTO pur (e, a, v) VALUES (3, ':n/one', 'gone')", 'ROLLBACK TO a', "INSERT INTO pur (e, a, v) VALUES (4, ':n/one', 'kept too')", 'COMMIT';
$p->do($_) for 'BEGIN', "INSERT INTO pur (e, a, v) VALUES (3, ':n/one', 'gone')", 'ROLLBACK';
arrived('savepoints and rollbacks');
is(value_of($s{text}, "SELECT count(*) FROM pur WHERE e IN (2, 3, 4) AND a = ':n/one'"), 2, 'what was rolled back does not arrive');

$p->do("INSERT INTO pur (e, a, v) SELECT 5, ':n/one', string_agg(md5(i::text), '') FROM generate_series(1, 5000) i");
arrived('a long value');
is(value_of($s{text}, 'SELECT length(v) FROM pur WHERE e = 5'), 160002, 'all of it');

$p->do('COPY pur (e, a, v) FROM stdin');
$p->pg_putcopydata(join '', map { (5000 + $_) . "\t:n/one\tbulk $_\n" } 1 .. 3000);
$p->pg_putcopyend;
arrived('COPY, streamed in pieces');
is(value_of($s{few}, "SELECT count(*) FROM pur WHERE note IS NULL AND v LIKE '\"bulk %'"), 3000, 'a column list and a row filter');

$p->do('CREATE UNIQUE INDEX once ON pur (tx, e, a, datom.value_hash(v))');
$p->do("INSERT INTO pur (e, a, v) VALUES (6, ':n/one', 'on conflict') ON CONFLICT DO NOTHING");
arrived('ON CONFLICT');

$p->do("SELECT datom.define_attribute('pur', ':n/new', 'long')");
$p->do("INSERT INTO pur (e, a, v) VALUES (7, ':n/new', 1)");
arrived('an attribute');

# A datom table that subscribes is written by its transactions and knows their
# facts and attributes. Of their instants it is not told.
my $facts = "SELECT md5(string_agg(f::text, chr(10) ORDER BY e, a, v)) FROM datom.as_of('pur') f";
is(value_of($s{datom}, $facts), value_of($p, $facts), 'facts of the datom table that subscribes');
my $attributes = "SELECT md5(string_agg(ident::text || value_type, ' ' ORDER BY ident)) FROM datom.attributes('pur')";
is(value_of($s{datom}, $attributes), value_of($p, $attributes), 'its attributes');
is(value_of($s{datom}, "SELECT string_agg(DISTINCT rule, ' ') FROM datom.check('pur')"), 'entry', 'datom.check says that entries are missing');
my $newest = value_of($s{datom}, 'SELECT max(tx) FROM pur');
my ($e, $tx) = $s{datom}->selectrow_array("INSERT INTO pur (a, v) VALUES (':n/new', 2) RETURNING e, tx");
cmp_ok($e, '>', 8000, 'what is said here is said of new entities');
cmp_ok($tx, '>', $newest, 'by a transaction of a new number');
is(error_of($s{datom}, "INSERT INTO pur (e, a, v) VALUES (1, ':n/unknown', 2)"), '42704', 'and it checks what is said here');

# -- test_decoding

my $shown = $p->selectcol_arrayref(q{SELECT data FROM pg_logical_slot_get_changes('shown', NULL, NULL) WHERE data LIKE 'table public.pur:%'});
is(scalar(grep { !/^table public\.pur: INSERT: / } @$shown), 0, 'test_decoding shows inserts and nothing else');
is(scalar @$shown, value_of($p, q{SELECT count(*) FROM pur WHERE tx > (SELECT tx FROM pur WHERE e = 101 AND a = ':n/one')}), 'each of them');
my ($one) = grep { /\bv\[datom\.value\]:'"kept"'/ } @$shown;
like($one, qr/^table public\.pur: INSERT: e\[bigint\]:2 a\[datom\.attribute\]:':n\/one' v\[datom\.value\]:'"kept"' tx\[bigint\]:\d+ added\[boolean\]:true$/, 'as they are');

# A subscriber that missed something is told.
$s{text}->do('DELETE FROM pur WHERE e = 1');
isnt(value_of($s{text}, $as{text}), value_of($p, $as{heap}), 'control: missing datoms are seen');

$_->disconnect for $p, values %s;
done_testing();
