# A dump, of any kind, restores the same datoms by the same transactions at the
# same instants, so that as_of answers as before; what is written afterwards
# comes after. What is dropped leaves nothing. Databases are copied and dropped
# while the ticker runs.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use DBD::Pg ':async';
use DatomTest;
use Time::HiRes 'sleep';

my $seed = $ENV{SEED} || int rand 1e9;
note "SEED=$seed";
srand $seed;

my $origin = new_server('origin', allows_streaming => 1, conf => "fsync = off\ndatom.wait = '10min'");
$origin->start;
my $target = new_server('target', conf => "fsync = off\ndatom.wait = '10min'");
$target->start;

my $s = connect_to($origin);
$s->do('CREATE DATABASE shop');
$s->disconnect;
$s = connect_to($origin, 'shop');

# Regular, with a name that needs quotes, importing, imported and live since.
my @dbs = ('pur', '"Odd Shop"."Customers; old"', 'past', 'bank');
$s->do($_) for 'CREATE EXTENSION datom', 'CREATE SCHEMA "Odd Shop"',
  "SELECT datom.create('pur')", q{SELECT datom.create('"Odd Shop"."Customers; old"')},
  map({ "SELECT datom.create('$_', importing => true)" } 'past', 'bank'), map({ "SELECT datom.create('$_')" } 'gone', 'lost');

sub define
{
	my ($db) = @_;
	$s->do("SELECT datom.define_attribute(?, (':t/' || t)::datom.attribute, t) FROM unnest(
		'{string,long,double,bigdec,boolean,instant,date,uuid,keyword,ref,bytes,json}'::text[]) t", undef, $db);
	$s->do("SELECT datom.define_attribute(?, ':n/many', 'string', 'many'), datom.define_attribute(?, ':n/id', 'string', 'one', 'identity')", undef, $db, $db);
}
define($_) for grep { !/past|bank/ } @dbs, 'gone', 'lost';

my %values = (string => q{'it''s "' || %1$d || E'"\n\\t'}, long => '%1$d', double => '%1$d / 7.0::float8', bigdec => '%1$d.50',
	boolean => '%1$d %% 2 = 0', instant => q{'2014-11-15T13:37:42.000001Z'::timestamptz + %1$d * interval '1 us'},
	date => q{'2014-11-15'::date + %1$d}, uuid => 'gen_random_uuid()', keyword => q{datom.keyword(':k/x%1$d')},
	ref => 'datom.ref(%1$d)', bytes => q{'\\xca00fe'::bytea}, json => q{'{"a": [%1$d, null]}'::jsonb});

# What one transaction may say.
sub say_something
{
	my ($session, $db) = @_;
	my ($e, $n) = (100 + int rand 20, int rand 1000);
	my $type = (sort keys %values)[ rand keys %values ];
	my $value = sprintf $values{$type}, $n;
	$session->do("INSERT INTO $db (e, a, v) VALUES ($e, ':t/$type', $value)");
	$session->do("INSERT INTO $db (e, a, v) VALUES ($e, ':n/many', 'm$n'::text)") if $n % 2;
	$session->do("INSERT INTO $db (e, a, v) VALUES ($e, ':n/id', 'id$n-$e'::text)") if $n % 5 == 0;
	$session->do("INSERT INTO $db (e, a, v) VALUES (-datom.current_tx(), ':t/string', 'said of it'::text)") if $n % 7 == 0 && $db !~ /past|bank/;
	$session->do("INSERT INTO $db (e, a, v, added) SELECT e, a, v, false FROM $db WHERE e = $e AND a = ':n/many' LIMIT 1") if $n % 3 == 0;
}

my $year = 1990;
for my $i (1 .. 60)
{
	for my $db (grep { !/past|bank/ } @dbs, 'gone', 'lost')
	{
		$s->do('BEGIN');
		say_something($s, $db);
		$s->do(rand() < 0.1 ? 'ROLLBACK' : 'COMMIT');
		$s->do("VACUUM $db") if rand() < 0.02;
	}
	next if $i % 2;
	$year++;
	for my $db ('past', 'bank')
	{
		$s->do('BEGIN');
		$s->do("SELECT datom.import_tx('$db', '$year-03-04T05:06:07.000008Z')");
		define($db) if $year == 1991;
		say_something($s, $db);
		$s->do('COMMIT');
	}
}
$s->do("SELECT datom.live('bank')");
$s->do("INSERT INTO bank (e, a, v) VALUES (101, ':t/string', 'live')");
$s->do("INSERT INTO pur (e, a, v) SELECT 10000 + i, ':t/string', repeat('long ', i) FROM generate_series(1, 1500) i");
$s->do("SELECT datom.define_attribute('pur', ':n/late', 'long', 'many', NULL, true, false, 'came late')");
$s->do("INSERT INTO pur (a, v) VALUES (':t/string', 'drawn'::text)");
# Entities that were given out and are in no row.
$s->do("SELECT nextval(pg_get_serial_sequence('pur', 'e')) FROM generate_series(1, 100)");

# -- what is dropped leaves nothing

my $orphans = 'SELECT count(*) FROM (SELECT db FROM datom.tx UNION ALL SELECT db FROM datom.importing) t
	WHERE NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = t.db)';
my $of_gone = value_of($s, "SELECT count(*) FROM datom.tx WHERE db = 'gone'::regclass");
cmp_ok($of_gone, '>', 20, 'entries of a table to be dropped');
my $gone = value_of($s, "SELECT 'gone'::regclass::oid");
$s->do('BEGIN');
$s->do('DROP TABLE gone');
is(value_of($s, $orphans), 0, 'DROP TABLE takes its entries along');
$s->do('ROLLBACK');
is(value_of($s, "SELECT count(*) FROM datom.tx WHERE db = 'gone'::regclass"), $of_gone, 'ROLLBACK brings them back');
is(value_of($s, "SELECT count(*) FROM datom.check('gone')"), 0, 'all of them');
$s->do('BEGIN');
$s->do("INSERT INTO gone (e, a, v) VALUES (1, ':t/long', 1)");
$s->do($_) for 'SAVEPOINT a', 'DROP TABLE gone', 'ROLLBACK TO a', 'COMMIT';
is(value_of($s, "SELECT count(*) FROM datom.check('gone')"), 0, 'as does ROLLBACK TO SAVEPOINT, for what was written before');
$s->do($_) for 'BEGIN', "INSERT INTO gone (e, a, v) VALUES (1, ':t/long', 2)", 'DROP TABLE gone', 'COMMIT';
is(value_of($s, "SELECT count(*) FROM datom.tx WHERE db = $gone"), 0, 'a table that was written and dropped has none');
$s->do('DROP TABLE lost CASCADE');
$s->do($_) for "SELECT datom.create('brief', importing => true)", 'BEGIN', 'DROP TABLE brief', 'ROLLBACK', 'DROP TABLE brief';
is(value_of($s, $orphans), 0, 'nothing is left of tables that were dropped');

# -- dump and restore

# What a database says of itself.
my %moments;
for my $db (@dbs)
{
	$moments{$db} = $s->selectcol_arrayref(q{
		SELECT m FROM (SELECT instant + d * interval '1 us' AS m FROM datom.tx, (VALUES (-1), (0), (0), (0)) v(d)
			WHERE db = $1::regclass) x GROUP BY m ORDER BY random() LIMIT 19}, undef, $db);
	push @{ $moments{$db} }, value_of($s, "SELECT datom.basis('$db')");
}

sub all_of
{
	my ($session, $what) = @_;
	return value_of($session, "SELECT count(*) || ' ' || md5(string_agg(r::text, chr(10) ORDER BY r::text)) FROM $what r");
}

sub answers
{
	my ($session) = @_;
	my %said;
	for my $db (@dbs)
	{
		my $all = sub { all_of($session, @_) };
		$said{"$db rows"} = $all->($db);
		$said{"$db history"} = $all->("datom.history('$db')");
		$said{"$db attributes"} = $all->("datom.attributes('$db')");
		$said{"$db entries"} = $all->("(SELECT instant, tx, role, application FROM datom.tx WHERE db = '$db'::regclass)");
		$said{"$db importing"} = value_of($session, "SELECT count(*) FROM datom.importing WHERE db = '$db'::regclass");
		$said{"$db faults"} = value_of($session, "SELECT count(*) FROM datom.check('$db')");
		$said{"$db as of $_"} = as_of($session, $db, $_) for @{ $moments{$db} };
		$said{"$db log"} = value_of($session, "SELECT md5(string_agg(r::text, chr(10))) FROM datom.log('$db') r");
	}
	return \%said;
}
my $truth = answers($s);
cmp_ok(keys(%$truth), '>', 100, keys(%$truth) . ' answers');
is($truth->{"$_ faults"}, 0, "$_ is sound") for @dbs;

my $dir = PostgreSQL::Test::Utils::tempdir();
my @dump = ('pg_dump', '-d', $origin->connstr('shop'));
my $n = 0;

# Restores by a command that gets the connection, and looks.
sub restored
{
	my ($how, $restore) = @_;
	my $name = 'restored' . ++$n;
	my $t = connect_to($target);
	$t->do("CREATE DATABASE $name");
	$t->disconnect;
	$restore->($name);
	$t = connect_to($target, $name);
	is_deeply(answers($t), $truth, "$how: the same answers");
	is(value_of($t, $orphans), 0, "$how: no entries of other tables");
	return $t;
}

# What comes afterwards comes after.
sub goes_on
{
	my ($t, $how) = @_;
	my ($tx, $instant, $e) = $s->selectrow_array('SELECT (SELECT last_value FROM datom.tx_id),
		greatest((SELECT max(instant) FROM datom.tx), (SELECT max(instant) FROM datom.clock)),
		(SELECT last_value FROM pur_e_seq)');
	my $new = value_of($t, "INSERT INTO pur (a, v) VALUES (':t/string', 'new'::text) RETURNING e");
	cmp_ok($new, '>', $e, "$how: new entities come after");
	my ($new_tx, $new_instant) = $t->selectrow_array('SELECT tx, instant FROM datom.tx ORDER BY instant DESC LIMIT 1');
	cmp_ok($new_tx, '>', $tx, "$how: new transactions come after");
	ok(value_of($t, 'SELECT ?::timestamptz > ?::timestamptz', $new_instant, $instant), "$how: new instants come after");
	is(error_of($t, "SELECT datom.import_tx('past', '$year-03-04T05:06:07.000008Z')"), '22023', "$how: an import does not go back");
	$t->do('BEGIN');
	$t->do("SELECT datom.import_tx('past', '$year-12-31T00:00:00Z')");
	$t->do("INSERT INTO past (e, a, v) VALUES (101, ':t/string', 'imported on'::text)");
	$t->do('COMMIT');
	is(value_of($t, "SELECT v::text FROM datom.as_of('past', '$year-12-31T00:00:00Z') WHERE e = 101 AND a = ':t/string'"), 'imported on', "$how: it goes on");
	is(error_of($t, "INSERT INTO pur (e, a, v) SELECT 999, a, v FROM datom.as_of('pur') WHERE a = ':n/id' LIMIT 1"), '23505', "$how: unique values are taken");
	for my $db (@dbs)
	{
		my @changed = grep { as_of($t, $db, $_) ne $truth->{"$db as of $_"} } @{ $moments{$db} };
		is(@changed, 0, "$how: $db is as it was as of the moments before");
	}
	is(value_of($t, "SELECT count(*) FROM unnest(?::text[]) db, datom.check(db::regclass)", '{' . join(',', map { s/"/\\"/gr =~ s/(.*)/"$1"/r } @dbs) . '}'), 0, "$how: sound");
	isnt(all_of($t, 'pur'), $truth->{'pur rows'}, "$how: control: a row more is seen");
}

my $t = restored('plain', sub {
	command_ok([ @dump, '-f', "$dir/plain.sql" ], 'pg_dump, plain');
	command_ok([ 'psql', '-qX', '-v', 'ON_ERROR_STOP=1', '-d', $target->connstr($_[0]), '-f', "$dir/plain.sql" ], 'psql');
});
goes_on($t, 'plain');
$t->disconnect;
unlike(slurp_file("$dir/plain.sql"), qr/\bgone\b|\blost\b|\bbrief\b/, 'the dump does not know dropped tables');

$t = restored('one transaction', sub {
	command_ok([ 'psql', '-qX1', '-v', 'ON_ERROR_STOP=1', '-d', $target->connstr($_[0]), '-f', "$dir/plain.sql" ], 'psql -1');
});
$t->disconnect;

$t = restored('custom', sub {
	command_ok([ @dump, '-Fc', '-f', "$dir/custom" ], 'pg_dump -Fc');
	command_ok([ 'pg_restore', '-e', '-d', $target->connstr($_[0]), "$dir/custom" ], 'pg_restore');
});
goes_on($t, 'custom');
$t->disconnect;
# Over what is there.
command_ok([ 'pg_restore', '-e', '--clean', '--if-exists', '-d', $target->connstr("restored$n"), "$dir/custom" ], 'pg_restore --clean');
$t = connect_to($target, "restored$n");
is_deeply(answers($t), $truth, 'restored over another state: the same answers');
$t->disconnect;

$t = restored('directory, 2 jobs', sub {
	command_ok([ @dump, '-Fd', '-j2', '-f', "$dir/directory" ], 'pg_dump -Fd -j2');
	command_ok([ 'pg_restore', '-e', '-j2', '-d', $target->connstr($_[0]), "$dir/directory" ], 'pg_restore -j2');
});
goes_on($t, 'directory, 2 jobs');
$t->disconnect;

$t = restored('--inserts', sub {
	command_ok([ @dump, '--inserts', '-f', "$dir/inserts.sql" ], 'pg_dump --inserts');
	command_ok([ 'psql', '-qX', '-v', 'ON_ERROR_STOP=1', '-d', $target->connstr($_[0]), '-f', "$dir/inserts.sql" ], 'psql');
});
goes_on($t, '--inserts');
$t->disconnect;

$t = restored('schema, then data', sub {
	command_ok([ @dump, '-s', '-f', "$dir/schema.sql" ], 'pg_dump -s');
	command_ok([ @dump, '-a', '--column-inserts', '--rows-per-insert=100', '-f', "$dir/data.sql" ], 'pg_dump -a --column-inserts');
	for my $part ('schema', 'data')
	{
		command_ok([ 'psql', '-qX', '-v', 'ON_ERROR_STOP=1', '-d', $target->connstr($_[0]), '-f', "$dir/$part.sql" ], "psql, $part");
	}
});
$t->disconnect;

# A server whose clock is a day behind.
my $slow = connect_to($target);
$slow->do("ALTER SYSTEM SET datom.test_clock_offset = '-1d'");
$slow->do('SELECT pg_reload_conf()');
$t = restored('clock behind', sub {
	command_ok([ 'pg_restore', '-e', '-d', $target->connstr($_[0]), "$dir/custom" ], 'pg_restore');
});
ok(until_true($t, "SELECT current_setting('datom.test_clock_offset') LIKE '-%'"), 'the clock is behind');
goes_on($t, 'clock behind');
$t->disconnect;
$slow->do('ALTER SYSTEM RESET datom.test_clock_offset');
$slow->do('SELECT pg_reload_conf()');
$slow->disconnect;

# A dump that is taken while others write is a moment of the past.
$s->do(q{
CREATE TABLE stop (i int);
CREATE PROCEDURE keep_saying() LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. 1000000 LOOP
		INSERT INTO pur (e, a, v) VALUES (100 + i % 10, ':t/long', i);
		COMMIT;
		EXIT WHEN EXISTS (SELECT FROM stop);
	END LOOP;
END $$});
my $busy = connect_to($origin, 'shop');
my $before = value_of($s, 'SELECT max(tx) FROM pur');
$busy->do('CALL keep_saying()', { pg_async => PG_ASYNC });
until_true($s, 'SELECT max(tx) > ? FROM pur', $before);
command_ok([ @dump, '-Fd', '-j2', '-f', "$dir/busy" ], 'pg_dump -j2 while others write');
$s->do('INSERT INTO stop VALUES (1)');
$busy->pg_result;
$busy->disconnect;
$t = connect_to($target);
$t->do('CREATE DATABASE busy');
$t->disconnect;
command_ok([ 'pg_restore', '-e', '-j2', '-d', $target->connstr('busy'), "$dir/busy" ], 'pg_restore');
$t = connect_to($target, 'busy');
is(value_of($t, "SELECT count(*) FROM datom.check('pur')"), 0, 'it is sound');
my ($tx, $at) = $t->selectrow_array("SELECT tx, instant FROM datom.tx WHERE db = 'pur'::regclass ORDER BY instant DESC LIMIT 1");
cmp_ok($tx, '>', $before, 'of the time when others wrote');
is(as_of($t, 'pur', $at), as_of($s, 'pur', $at), 'and a moment of the past');
$t->disconnect;

# -- owners, extensions

$s->do($_) for 'CREATE ROLE clerk', 'GRANT CREATE ON SCHEMA public TO clerk', 'GRANT USAGE ON SCHEMA datom TO clerk', 'SET ROLE clerk',
  "SELECT datom.create('mine')", "SELECT datom.define_attribute('mine', ':t/long', 'long')", "INSERT INTO mine (e, a, v) VALUES (1, ':t/long', 1)", 'RESET ROLE';
is(value_of($s, 'SELECT count(*) FROM datom.tx WHERE role = ?', 'clerk'), 2, 'a role without rights on the entries writes');
$s->do('DROP OWNED BY clerk');
is(value_of($s, $orphans), 0, 'DROP OWNED takes the entries along');
$s->do('DROP ROLE clerk');
$s->do('CREATE SCHEMA brief');
$s->do("SELECT datom.create('brief.pur', importing => true)");
$s->do('DROP SCHEMA brief CASCADE');
is(value_of($s, $orphans), 0, 'DROP SCHEMA too');

# -- databases, while a standby has the ticker run in each of them

$origin->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($origin, 'base', has_streaming => 1);
$standby->start;
my $admin = connect_to($origin);
my $ticker = q{SELECT count(*) > 0 FROM pg_stat_activity WHERE backend_type = 'datom ticker' AND datname = };
ok(until_true($admin, "$ticker 'shop'"), 'the ticker runs');
my $now = value_of($admin, 'SELECT clock_timestamp()');
$truth = answers($s);
$s->disconnect;
ok(until_true($admin, "SELECT count(*) = 0 FROM pg_stat_activity WHERE datname = 'shop' AND backend_type = 'client backend'"), 'nobody else is there');

# Again and again, because the ticker comes back.
my @failed;

sub attempt
{
	my ($sql) = @_;
	eval { $admin->do($sql); 1 } or push @failed, "$sql: " . $admin->errstr;
}

for my $i (1 .. 5)
{
	attempt('CREATE DATABASE copy TEMPLATE shop STRATEGY ' . ($i % 2 ? 'wal_log' : 'file_copy'));
	until_true($admin, "$ticker 'copy'");
	if ($i == 5)
	{
		$t = connect_to($origin, 'copy');
		is_deeply(answers($t), $truth, 'a copied database says the same');
		$t->do("INSERT INTO pur (e, a, v) VALUES (100, ':t/long', 77)");
		ok(value_of($t, 'SELECT max(instant) > ? FROM datom.tx', $now), 'and goes on');
		$origin->wait_for_catchup($standby);
		my $u = connect_to($standby, 'copy');
		my $last = value_of($t, 'SELECT max(instant) FROM datom.tx');
		is(as_of($u, 'pur', $last), as_of($t, 'pur', $last), 'on the standby as well');
		$_->disconnect for $t, $u;
	}
	attempt('ALTER DATABASE copy RENAME TO copied');
	until_true($admin, "$ticker 'copied'");
	attempt('DROP DATABASE copied');
}
is("@failed", '', 'databases are copied, renamed and dropped while the ticker runs');

# While it is on its way, and kept there. DROP DATABASE has sent it away.
my $gate = connect_to($origin);
$gate->do('BEGIN');
attempt('DROP DATABASE IF EXISTS none');
$gate->do('LOCK pg_db_role_setting');
ok(until_true($admin, q{SELECT count(*) > 0 FROM pg_locks WHERE relation = 'pg_db_role_setting'::regclass AND NOT granted}), 'a ticker comes');
$admin->do('CREATE DATABASE copy TEMPLATE shop', { pg_async => PG_ASYNC });
sleep 0.2;
$gate->do('COMMIT');
is(eval { $admin->pg_result; 1 } ? '' : $admin->errstr, '', 'a database is copied while the ticker comes');
attempt('DROP DATABASE copy');
$gate->disconnect;
$t = connect_to($origin, 'shop');
is_deeply(answers($t), $truth, 'the template has not changed');
ok(until_true($admin, "$ticker 'shop'"), 'and ticks again');
$origin->wait_for_catchup($standby);
my $u = connect_to($standby, 'shop');
is_deeply(answers($u), $truth, 'the standby has it too');
$u->disconnect;

# A dump of the standby.
$truth = answers($t);
@dump = ('pg_dump', '-d', $standby->connstr('shop'));
restored('from the standby', sub {
	command_ok([ @dump, '-Fc', '-f', "$dir/standby" ], 'pg_dump of a standby');
	command_ok([ 'pg_restore', '-e', '-d', $target->connstr($_[0]), "$dir/standby" ], 'pg_restore');
})->disconnect;

is(error_of($t, 'DROP EXTENSION datom'), '2BP01', 'DROP EXTENSION is refused while there are datom tables');
$t->do('DROP EXTENSION datom CASCADE');
is(value_of($t, "SELECT count(*) FROM pg_class WHERE relname IN ('pur', 'past', 'bank')"), 0, 'DROP EXTENSION CASCADE drops datom tables');
is(error_of($t, $_), '00000', "without the extension: $_")
  for 'CREATE TABLE datoms (e int)', 'ALTER TABLE datoms ADD COLUMN a text', 'CREATE TYPE t AS (i int)',
  'ALTER TYPE t RENAME ATTRIBUTE i TO j', 'CLUSTER', 'VACUUM FULL', 'DROP TABLE datoms';
$t->do('CREATE EXTENSION datom');
$t->do("SELECT datom.create('pur')");
$t->do("SELECT datom.define_attribute('pur', ':t/long', 'long')");
$t->do("INSERT INTO pur (e, a, v) VALUES (1, ':t/long', 1)");
is(value_of($t, "SELECT count(*) FROM datom.as_of('pur') WHERE a = ':t/long'"), 1, 'it can be made anew');
is(value_of($t, "SELECT count(*) FROM datom.check('pur')"), 0, 'and is sound');
$t->disconnect;
$admin->do('DROP DATABASE shop');

done_testing();
