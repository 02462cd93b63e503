# A standby answers as the primary does, also while the primary is idle; it can
# be promoted; a base backup with the archive answers up to the target and
# knows nothing beyond; and a server without the library recovers and streams
# the cluster.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use DBD::Pg ':async';
use DatomTest;

my $seed = $ENV{SEED} || int rand 1e9;
note "SEED=$seed";
srand $seed;

my $primary = new_server('primary', allows_streaming => 1, has_archiving => 1, conf => "datom.wait = '10min'");
$primary->start;
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;
my $p = connect_to($primary);

# As soon as somebody listens the ticker looks for the extension, finds none,
# and must look again when it comes.
sleep 3;
$p->do($_) for 'CREATE EXTENSION datom', "SELECT datom.create('pur')", "SELECT datom.create('cus')",
  "SELECT datom.create('old', importing => true)",
  map { ("SELECT datom.define_attribute('$_', ':n/one', 'string')",
		"SELECT datom.define_attribute('$_', ':n/many', 'long', 'many')",
		"SELECT datom.define_attribute('$_', ':n/id', 'string', 'one', 'identity')") } 'pur', 'cus';

my @dbs = ('pur', 'cus', 'old');
my @moments;    # [db, instant]

# One more transaction, of a random kind.
sub say_something
{
	my ($session) = @_;
	my $db = $dbs[ rand 2 ];
	my $e = 100 + int rand 30;
	my $n = int rand 1000;
	my @said = (
		"INSERT INTO $db (e, a, v) VALUES ($e, ':n/one', 'v$n')",
		"INSERT INTO $db (e, a, v) SELECT $e, ':n/many', i FROM generate_series(1, 1 + $n % 5) i",
		"INSERT INTO $db (e, a, v, added) SELECT e, a, v, false FROM datom.as_of('$db') WHERE a = ':n/many' LIMIT 3",
		"INSERT INTO pur (e, a, v) VALUES ($e, ':n/one', 'both $n'); INSERT INTO cus (e, a, v) VALUES ($e, ':n/one', 'both $n')");
	$session->do('BEGIN');
	$session->do($said[ rand @said ]);
	my $tx = value_of($session, 'SELECT datom.current_tx()');
	$session->do(rand() < 0.2 ? 'ROLLBACK' : 'COMMIT');
	$session->do("VACUUM $db") if rand() < 0.1;
	push @moments, map { [@$_] } @{ $session->selectall_arrayref('SELECT db::text, instant FROM datom.tx WHERE tx = ?', undef, $tx) };
}

# A transaction of the past.
my $year = 1990;
sub import_something
{
	my ($session) = @_;
	$year++;
	$session->do('BEGIN');
	my $tx = value_of($session, "SELECT datom.import_tx('old', '$year-06-01T00:00:00Z')");
	$session->do("SELECT datom.define_attribute('old', ':n/one', 'string')") if $year == 1991;
	$session->do("INSERT INTO old (e, a, v) VALUES (100 + $year % 3, ':n/one', '$year')");
	$session->do('COMMIT');
	push @moments, ['old', "$year-06-01T00:00:00Z"];
}

# What a server says about everything, as text by name.
sub answers
{
	my ($session, @of) = @_;
	@of = @moments unless @of;
	my %said;
	for my $db (@dbs)
	{
		$said{"rows of $db"} = value_of($session, "SELECT md5(string_agg(r::text, chr(10) ORDER BY r::text)) FROM $db r");
		$said{"history of $db"} = value_of($session, "SELECT md5(string_agg(r::text, chr(10) ORDER BY r::text)) FROM datom.history('$db') r");
		$said{"log of $db"} = value_of($session, "SELECT md5(string_agg(r::text, chr(10))) FROM datom.log('$db') r");
	}
	$said{faults} = value_of($session, "SELECT count(*) FROM unnest('{pur,cus,old}'::regclass[]) db, datom.check(db)");
	$said{entries} = value_of($session, 'SELECT md5(string_agg(r::text, chr(10) ORDER BY db, instant)) FROM datom.tx r');
	my $before = {};
	for (@of)
	{
		my ($db, $at) = @$_;
		$said{"$db as of $at"} = as_of($session, $db, $at);
		$said{"$db since $at"} = value_of($session, "SELECT md5(string_agg(r::text, chr(10) ORDER BY r::text)) FROM datom.since('$db', '$at') r");
		$said{"$db until $at"} = value_of($session, "SELECT md5(string_agg(r::text, chr(10) ORDER BY r::text)) FROM datom.diff('$db', '$before->{$db}', '$at') r")
		  if $before->{$db};
		$before->{$db} = $at;
	}
	return \%said;
}

for (1 .. 30) { say_something($p); import_something($p) if $_ % 3 == 0 }

# -- the standby equals the primary

$primary->wait_for_catchup($standby);
my $s = connect_to($standby);
my $truth = answers($p);
is_deeply(answers($s), $truth, 'the standby says the same about ' . keys(%$truth) . ' questions');
is(error_of($s, "INSERT INTO pur (e, a, v) VALUES (1, ':n/one', 'x')"), '25006', 'it cannot be written to');
is(error_of($s, "SELECT datom.import_tx('old', now())"), '25006', 'nor imported into');
$s->do("SET datom.as_of = '$moments[0][1]'");
is(value_of($s, "SELECT count(*) FROM datom.as_of('$moments[0][0]')"),
	value_of($p, "SELECT count(*) FROM datom.as_of('$moments[0][0]', '$moments[0][1]'::timestamptz)"), 'the moment in force');
$s->do('RESET datom.as_of');

$s->disconnect;
crash($standby);
# It takes connections as soon as it is consistent, before it is where it was.
$primary->wait_for_catchup($standby);
$s = connect_to($standby);
is_deeply(answers($s), $truth, 'and after it has crashed');

# -- while the primary is idle

my $entries = value_of($p, 'SELECT count(*) FROM datom.tx');
for my $round (1 .. 2)
{
	my $now = value_of($p, 'SELECT clock_timestamp()');
	ok(until_true($s, "SELECT datom.basis('pur') >= ? AND datom.basis('cus') >= ?", $now, $now), "a tick reaches the standby ($round)");
	is(as_of($s, 'pur', $now), as_of($p, 'pur', $now), 'so that it answers as of a moment in which nothing was said');
}
my $now = value_of($p, 'SELECT clock_timestamp()');
$s->do("CALL datom.sync('$now'::timestamptz, '10 minutes')");
is(as_of($s, 'cus', $now), as_of($p, 'cus', $now), 'datom.sync waits for a moment');
$s->do("CALL datom.sync('$now'::text, '10 minutes')");
is(value_of($p, 'SELECT count(*) FROM datom.tx'), $entries, 'nothing was written meanwhile');
$p->do("INSERT INTO pur (e, a, v) VALUES (100, ':n/one', 'synced')");
my $tx = value_of($p, 'SELECT max(tx) FROM pur');
$s->do("CALL datom.sync($tx, '10 minutes')");
is(value_of($s, "SELECT v::text FROM datom.as_of('pur', $tx) WHERE e = 100 AND a = ':n/one'"), 'synced', 'and for a transaction');

# -- what it cannot know yet

# Were it to wait, it would be until the statement times out.
$s->do("SET statement_timeout = '60s'");
my $later = value_of($p, "SELECT to_char((clock_timestamp() + interval '1 hour') AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')");
my $day = substr $later, 0, 10;
is(error_of($s, "SELECT * FROM datom.as_of('pur', '$later')"), '55000', 'a moment above the basis is refused at once');
like($s->errstr, qr/"pur" is not final as of \Q$later\E.*final up to \d{4}-\d\d-\d\dT/s, 'by an error that names both moments');
is(error_of($s, 'SELECT * FROM datom.as_of(\'pur\', ' . ($tx + 100000) . ')'), '42704', 'a transaction that is not known');
is(error_of($s, "CALL datom.sync('$later', '100ms')"), '55000', 'datom.sync gives up in time');
is(error_of($s, 'CALL datom.sync(' . ($tx + 100000) . "::bigint, '100ms')"), '55000', 'for a transaction too');
$s->do('BEGIN');
is(error_of($s, "CALL datom.sync('$now')"), '25001', 'and does not run in a transaction block');
$s->do('ROLLBACK');
$s->do('BEGIN ISOLATION LEVEL REPEATABLE READ');
my $snapshot = value_of($s, "SELECT datom.basis('pur')");
$p->do("INSERT INTO pur (e, a, v) VALUES (100, ':n/one', 'not in the snapshot')");
my $unseen = value_of($p, "SELECT max(instant) FROM datom.tx WHERE db = 'pur'::regclass");
until_true(my $other = connect_to($standby), "SELECT datom.basis('pur') >= ?", $unseen);
is(as_of($s, 'pur', $snapshot), as_of($p, 'pur', $snapshot), 'an old snapshot answers up to its basis');
is(error_of($s, "SELECT * FROM datom.as_of('pur', '$unseen'::timestamptz)"), '55000', 'and no further');
$s->do('ROLLBACK');
is(as_of($s, 'pur', $unseen), as_of($p, 'pur', $unseen), 'a new one does');
$s->do('RESET statement_timeout');

# Replay goes on while somebody waits.
$s->do("CALL datom.sync('$later', '1 hour')", { pg_async => PG_ASYNC });
$p->do($_) for 'CREATE TABLE gone AS SELECT 1 AS i', 'DELETE FROM gone', 'VACUUM gone', 'DROP TABLE gone',
  'VACUUM (FREEZE) pur', 'VACUUM (FREEZE) datom.tx';
$primary->wait_for_catchup($standby);
ok(!$s->pg_ready, 'replay goes on while datom.sync waits');
$s->pg_cancel;
$other->disconnect;

# -- base backup and archive: up to a target, and nothing beyond

my @states;    # after each transaction: where, and what was true
do { push @states, mark() } until @states >= 12 && !unchanged() || @states == 100;

# What the last state has in common with the first.
sub unchanged { return grep { $states[0]{answers}{$_} eq $states[-1]{answers}{$_} } 'rows of pur', 'entries' }

sub mark
{
	say_something($p);
	import_something($p) if rand() < 0.3;
	my $point = 'point ' . @states;
	return { name => $point,
		lsn => value_of($p, 'SELECT pg_create_restore_point(?)', $point),
		time => value_of($p, 'SELECT clock_timestamp()'),
		last => $p->selectrow_arrayref('SELECT max(tx), max(instant) FROM datom.tx'),
		answers => answers($p, @moments[ -20 .. -1 ]), said => [ @moments[ -20 .. -1 ] ] };
}
my $segment = value_of($p, 'SELECT pg_walfile_name(?)', $states[-1]{lsn});
$p->do('SELECT pg_switch_wal()');
until_true($p, 'SELECT last_archived_wal >= ? FROM pg_stat_archiver', $segment);
is(join(', ', unchanged()), '', 'control: rows and entries have changed meanwhile');

for my $kind ('name', 'lsn', 'time')
{
	my $state = $states[ int rand $#states ];
	my $restored = PostgreSQL::Test::Cluster->new("restored_$kind");
	$restored->init_from_backup($primary, 'base', has_restoring => 1, standby => 0);
	$restored->append_conf('postgresql.conf', "recovery_target_$kind = '$state->{$kind}'
recovery_target_action = promote
archive_mode = off");
	$restored->start;
	my $r = connect_to($restored);
	until_true($r, 'SELECT NOT pg_is_in_recovery()');
	is_deeply(answers($r, @{ $state->{said} }), $state->{answers}, "restored to the $kind of \"$state->{name}\": the same answers");
	is_deeply($r->selectrow_arrayref('SELECT max(tx), max(instant) FROM datom.tx'), $state->{last}, 'and nothing beyond');
	# Of what came later it knows nothing, and says so or answers what holds.
	is(value_of($r, 'SELECT count(*) FROM pur, datom.tx WHERE pur.tx > ? AND datom.tx.tx > ?', $state->{last}[0], $state->{last}[0]), 0, 'no later fact');
	$r->do("INSERT INTO pur (e, a, v) VALUES (100, ':n/one', 'another future')");
	my $new = $r->selectrow_hashref("SELECT tx > $state->{last}[0] AS number, instant > '$state->{last}[1]' AS instant FROM datom.tx ORDER BY tx DESC LIMIT 1");
	ok($new->{number} && $new->{instant}, 'its own future begins after');
	is(as_of($r, $state->{said}[-1][0], $state->{said}[-1][1]), $state->{answers}{"$state->{said}[-1][0] as of $state->{said}[-1][1]"}, 'and leaves the past alone');
	$r->disconnect;
	$restored->stop('immediate');
}

# -- a server without the library

# A base backup of a server that is being written to.
$p->do(q{
CREATE TABLE stop (i int);
CREATE PROCEDURE keep_saying() LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. 1000000 LOOP
		INSERT INTO cus (e, a, v) VALUES (100 + i % 10, ':n/one', i::text);
		COMMIT;
		EXIT WHEN EXISTS (SELECT FROM stop);
	END LOOP;
END $$});
my $busy = connect_to($primary);
$busy->do('CALL keep_saying()', { pg_async => PG_ASYNC });
my $plain = PostgreSQL::Test::Cluster->new('plain');
$primary->backup('later');
$p->do('INSERT INTO stop VALUES (1)');
$busy->pg_result;
$busy->disconnect;
$plain->init_from_backup($primary, 'later', has_streaming => 1);
without_library($plain);
$plain->start;
for (1 .. 5) { say_something($p); import_something($p) }
$primary->wait_for_catchup($plain);
pass('a standby without the library streams');
my $x = connect_to($plain);
is(error_of($x, 'SELECT * FROM pur'), '58P01', 'it cannot read a datom table');
is(value_of($x, 'SELECT count(*) FROM datom.tx'), value_of($p, 'SELECT count(*) FROM datom.tx'), 'it can read entries');
$x->disconnect;
$plain->stop('immediate');
$plain->start;
$primary->wait_for_catchup($plain);
$plain->stop;
with_library($plain);
$plain->start;
$primary->wait_for_catchup($plain);
$truth = answers($p);
my @known = @moments;
$x = connect_to($plain);
is_deeply(answers($x), $truth, 'with the library it has all that the primary has');
$x->disconnect;
$plain->stop;

# -- promotion

$primary->wait_for_catchup($standby);
$p->disconnect;
$primary->stop('immediate');
my $ticks = value_of($s, 'SELECT max(instant) FROM datom.clock');
my ($last_tx, $last_instant) = $s->selectrow_array('SELECT max(tx), max(instant) FROM datom.tx');
$standby->promote;
is_deeply(answers($s), $truth, 'a promoted standby says the same');
$s->do("INSERT INTO pur (e, a, v) VALUES (100, ':n/one', 'promoted') ");
$s->do("INSERT INTO pur (a, v) VALUES (':n/one', 'drawn')");
my ($new_tx, $new_instant) = $s->selectrow_array("SELECT min(tx), min(instant) FROM datom.tx WHERE tx > $last_tx");
ok(value_of($s, "SELECT '$new_instant'::timestamptz > '$last_instant' AND '$new_instant'::timestamptz > '$ticks'"), 'its instants lie above all of the past');
is(value_of($s, "SELECT count(*) FROM pur WHERE e = (SELECT e FROM pur WHERE v = 'drawn'::text::datom.value)"), 1, 'its entities are new');
import_something($s);
say_something($s) for 1 .. 5;
my %again = map { ("$_->[0] as of $_->[1]" => as_of($s, @$_)) } @known;
is_deeply(\%again, { map { $_ => $truth->{$_} } keys %again }, 'and the past is as it was, as of ' . keys(%again) . ' moments');
isnt(answers($s)->{'rows of pur'}, $truth->{'rows of pur'}, 'control: the present is not');
$now = value_of($s, 'SELECT clock_timestamp()');
is(error_of($s, "SELECT * FROM datom.as_of('pur', '$now'::timestamptz)"), '00000', 'it waits for its own clock');
$s->disconnect;

# -- the old primary, crashed, under a server without the library

without_library($primary);
$primary->start;
$x = connect_to($primary);
is(error_of($x, 'SELECT * FROM pur'), '58P01', 'a server without the library recovers a crashed cluster');
is(value_of($x, 'SELECT count(*) > 0 FROM datom.tx'), 1, 'and reads entries');
is(error_of($x, 'CREATE TABLE beside AS SELECT 1 AS i'), '00000', 'and writes beside');
$x->disconnect;
$primary->stop('immediate');
$primary->start;
$primary->stop;
with_library($primary);
$primary->start;
$p = connect_to($primary);
is_deeply(answers($p, @known), $truth, 'with the library all is there');
my $was = value_of($p, 'SELECT max(instant) FROM datom.tx');
$p->do("INSERT INTO pur (e, a, v) VALUES (100, ':n/one', 'on it goes')");
ok(value_of($p, 'SELECT max(instant) > ? FROM datom.tx', $was), 'and it goes on');

done_testing();
