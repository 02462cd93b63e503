# Expectations are other people's code about other people's rows. Whoever checks
# them lends them nothing and loses nothing; whoever may not read a view is told
# nothing of it; and they are kept: as of a moment, on a standby, in a dump.
#
# The controls are the same predicates, asked plainly: there they do their harm.
use strict;
use warnings;
use Datom;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $SECRET = 'xyzzy4711';
my $node = server('expectations', fsync => 'off', autovacuum => 'off', 'datom.wait' => 60000);
my $dbh = db($node);
my @roles = qw(ann bob mallory leaver nobody);
$dbh->do("CREATE ROLE $_ LOGIN") for @roles;
$dbh->do("CREATE SCHEMA $_ AUTHORIZATION $_") for @roles;
$dbh->do("GRANT USAGE ON SCHEMA $_ TO public") for @roles;
my %session = map { $_ => role($_) } @roles;
my ($ann, $bob, $mallory) = @session{qw(ann bob mallory)};

sub role
{
	my ($name) = @_;
	return DBI->connect(
		sprintf("dbi:Pg:dbname=postgres;host=%s;port=%d;options='-c timezone=UTC -c lock_timeout=1s'", $node->host, $node->port),
		$name, '', { RaiseError => 1, PrintError => 0, PrintWarn => 0, AutoInactiveDestroy => 1 });
}

sub state_of
{
	my ($on, $sql) = @_;
	return '00000' if eval { $on->selectall_arrayref($sql); 1 };
	return wantarray ? ($on->state, "$@") : $on->state;
}

# What a check says of a view's expectation: rows and failures, or the error; ''
# if nothing.
sub found
{
	my ($on, $view, $name) = @_;
	my ($row) = grep { $_->{query} eq $view && (!defined $name || $_->{expectation} eq $name) }
	  @{ $on->selectall_arrayref('SELECT * FROM datom.check_expectations()', { Slice => {} }) };
	return '' unless $row;
	return $row->{error} // "$row->{failures} of $row->{rows}: " . ($row->{examples} // '');
}

sub expect { my ($on, @arguments) = @_; $on->do('SELECT datom.expect(?, ?, ?)', undef, @arguments) }

#
# Who sees what
#

$ann->do($_) for "SELECT datom.create('ann.secret')", "SELECT datom.define_attribute('ann.secret', ':x/v', 'string')",
	"INSERT INTO ann.secret (e, a, v) VALUES (1001, ':x/v', '$SECRET'), (1002, ':x/v', 'public')",
	'CREATE TABLE ann.guarded (v text)', "INSERT INTO ann.guarded VALUES ('$SECRET'), ('public')", 'ALTER TABLE ann.guarded ENABLE ROW LEVEL SECURITY',
	"CREATE POLICY part ON ann.guarded TO bob USING (v = 'public')",
	'CREATE FUNCTION ann.whatever(text) RETURNS text LANGUAGE sql STABLE AS $$ SELECT $1 $$',
	'CREATE FUNCTION ann.same(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT $1 $$';
my %same = (
	plain => "SELECT v::text AS v FROM ann.secret WHERE a = ':x/v'",
	of_time => "SELECT v::text AS v, now() AS at, date_trunc('day', now()) AS day, concat(e, v) AS both_, datom.now() FROM ann.secret WHERE a = ':x/v'",
	computed => "SELECT ann.same(v::text) AS v, datom.sample(e, 0.5) FROM ann.secret WHERE a = ':x/v'",
	datalog => "SELECT * FROM datom.saved_q('[:find ?v :in \$ :where [?e :x/v ?v]]', '\$', 'ann.secret'::regclass) AS (v text)",
	x_outer => 'SELECT * FROM ann.plain',
	over_policy => 'SELECT * FROM ann.guarded');
my %asking = (
	call => "SELECT v::text AS v FROM datom.as_of('ann.secret') WHERE a = ':x/v'",
	rows => "SELECT v FROM datom.entities('ann.secret', '{:x/v}') AS e(e bigint, v text)",
	query => "SELECT * FROM datom.q('[:find ?v :in \$ :where [?e :x/v ?v]]', 'ann.secret') AS (v text)",
	who => "SELECT v::text AS v FROM ann.secret WHERE a = ':x/v' AND (v = '\"public\"' OR current_user = 'ann')",
	belongs => "SELECT v::text AS v FROM ann.secret WHERE a = ':x/v' AND pg_has_role('ann', 'member')",
	setting => "SELECT v::text AS v FROM ann.secret WHERE a = ':x/v' AND current_setting('lock_timeout') <> ''",
	unknown => "SELECT ann.whatever(v::text) AS v FROM ann.secret WHERE a = ':x/v'",
	deep => "SELECT v::text AS v FROM ann.secret WHERE a = ':x/v' AND EXISTS (SELECT FROM (SELECT session_user AS u) s WHERE u <> '')",
	nested => 'SELECT * FROM ann.call');
for my $name (sort keys %same, grep({ $_ ne 'nested' } sort keys %asking), 'nested')
{
	$ann->do("CREATE VIEW ann.$name AS " . ($same{$name} // $asking{$name}));
	expect($ann, "ann.$name", 'no secret', "v <> '$SECRET'");
}
$ann->do("CREATE VIEW ann.invoker WITH (security_invoker) AS $same{plain}");
expect($ann, "ann.$_", 'no secret', "v <> '$SECRET'") for 'invoker', 'guarded';
for my $name (sort(keys %same, keys %asking), 'invoker', 'guarded')
{
	$ann->do("GRANT SELECT ON ann.$name TO bob");
	my $want = '1 of 2: [{"v": "' . $SECRET . '"';
	is(substr(found($_->[1], "ann.$name"), 0, length $want), $want, "$_->[0] sees ann.$name") for [ 'its owner', $ann ], [ 'a superuser', $dbh ];
	is(found($session{nobody}, "ann.$name"), '', 'who may not read it does not');
	my $seen = found($bob, "ann.$name");
	if ($same{$name}) { is(substr($seen, 0, length $want), $want, 'who may read it does') }
	else { like($seen, qr/^what "ann.$name" shows may depend on who asks/, 'who may read it does not, since it asks who they are') }
	next unless $asking{$name};
	unlike(join(' ', map { @$_ } @{ (eval { $bob->selectall_arrayref("SELECT v FROM ann.$name") }) || [] }), qr/$SECRET/, 'control: indeed it does not show them the same')
	  if $name !~ /^(setting|unknown|belongs|deep)$/;
}
is(state_of($session{nobody}, "SELECT * FROM datom.check_expectations(query => 'ann.plain')"), '42501', 'who asks for it by name is refused');
is(state_of($bob, "SELECT * FROM datom.check_expectations(query => 'ann.plain')"), '00000', 'but not who may read it');
$dbh->do('GRANT ann TO bob');
like(found($bob, 'ann.call'), qr/^1 of 2/, 'a member of the owner is the owner');
$dbh->do('REVOKE ann FROM bob');
$dbh->do('REVOKE USAGE ON SCHEMA ann FROM public');
is(found($bob, 'ann.plain'), '', 'not without the schema');
$dbh->do('GRANT USAGE ON SCHEMA ann TO public');

# Who declares and drops
for my $what ("expect('ann.plain', 'x', 'true')", "drop_expectation('ann.plain', 'no secret')")
{
	$ann->begin_work;
	$ann->do('LOCK ann.secret, ann.plain');
	is(state_of($bob, "SELECT datom.$what"), '42501', "only the owner: $what; without waiting");
	$ann->rollback;
}
is(state_of($dbh, "SELECT datom.expect('ann.plain', 'another', 'length(v) > 3')"), '00000', 'or a superuser');
is(found($ann, 'ann.plain', 'another'), '0 of 2: ', 'whose expectation counts');
is(state_of($bob, q{SELECT datom.expect('bob.none', 'x', 'true')}), '42P01', 'of nothing nothing is expected');
is(state_of($bob, "INSERT INTO datom.queries (e, a, v) VALUES (1, ':expectation/query', 'x')"), '42501', 'the catalogue is written by functions alone');

#
# Traps
#

$mallory->do($_) for 'CREATE VIEW mallory.v AS SELECT 1 AS i', 'CREATE TABLE mallory.seen (i int)';
my %traps = (
	promote => [ 'ALTER ROLE mallory SUPERUSER', qr/must be superuser|read-only/ ],
	grant => [ 'GRANT SELECT ON ann.secret TO mallory', qr/permission denied|read-only/ ],
	write => [ 'INSERT INTO mallory.seen VALUES (1)', qr/read-only/ ],
	read_write => [ 'SET transaction_read_only = off; INSERT INTO mallory.seen VALUES (1)', qr/read-write/ ],
	other => [ 'SET ROLE postgres; GRANT SELECT ON ann.secret TO mallory', qr/cannot set parameter "role" within security-restricted operation/ ],
	back => [ 'RESET ROLE; GRANT SELECT ON ann.secret TO mallory', qr/within security-restricted operation/ ],
	session => [ 'SET SESSION AUTHORIZATION postgres', qr/within security-restricted operation/ ],
	temporary => [ 'CREATE TEMPORARY TABLE t (i int)', qr/within security-restricted operation|read-only/ ],
	peek => [ 'PERFORM * FROM ann.secret', qr/permission denied/ ],
	listen => [ 'LISTEN mallory', qr/within security-restricted operation/ ],
	sequence => [ q{PERFORM nextval('mallory.s')}, qr/read-only/ ]);
$mallory->do('CREATE SEQUENCE mallory.s');
for my $name (sort keys %traps)
{
	my $body = join '; ', map { /^PERFORM/ ? $_ : 'EXECUTE $s$' . $_ . '$s$' } split /; /, $traps{$name}[0];
	$mallory->do("CREATE FUNCTION mallory.$name(i int) RETURNS boolean LANGUAGE plpgsql AS \$\$ BEGIN $body; RETURN true; END \$\$");
	expect($mallory, 'mallory.v', $name, "mallory.$name(i)");
	like(found($dbh, 'mallory.v', $name), $traps{$name}[1], "a predicate cannot: $traps{$name}[0]");
}
is(one($dbh, q{SELECT rolsuper OR has_table_privilege('mallory', 'ann.secret', 'SELECT') OR EXISTS (SELECT FROM mallory.seen) FROM pg_roles WHERE rolname = 'mallory'}), 0, 'and did not');
is(one($dbh, 'SELECT current_user || session_user'), one($dbh, q{SELECT current_user || current_user}), 'the session is whose it was');
for my $name (qw(promote grant write peek))
{
	$dbh->begin_work;
	is(state_of($dbh, "SELECT * FROM mallory.v WHERE mallory.$name(i)"), '00000', "control: asked plainly by a superuser it can: $name");
	$dbh->rollback;
}
# Settings that a predicate changes are as they were.
$mallory->do(q{CREATE FUNCTION mallory.settings(i int) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM set_config('datom.as_of', '2001-01-01T00:00:00Z', false), set_config('search_path', 'mallory', false); RETURN true; END $$});
expect($mallory, 'mallory.v', 'settings', 'settings(i)') if eval { $mallory->do('SET search_path = mallory, public'); 1 };
is(found($dbh, 'mallory.v', 'settings'), '0 of 1: ', 'a predicate that sets');
is(one($dbh, q{SELECT current_setting('datom.as_of') || current_setting('search_path') || current_setting('transaction_read_only')}), '"$user", publicoff', 'leaves nothing set');
$dbh->do('SET search_path = mallory');
expect($ann, 'ann.plain', 'its own names', "lower(v) <> '$SECRET'");
$mallory->do('CREATE FUNCTION mallory.lower(text) RETURNS text LANGUAGE sql AS $$ SELECT $1 $$');
like(found($dbh, 'ann.plain', 'its own names'), qr/^1 of 2/, 'names are those of the declaration');
$dbh->do('RESET search_path');

# Another's view of the same name does not run what was declared of the one before.
$mallory->do('DROP VIEW mallory.v');
like(found($dbh, 'mallory.v', 'promote'), qr/relation "mallory.v" does not exist/, 'a view that is gone');
$dbh->do('CREATE VIEW mallory.v AS SELECT 1 AS i');
like(found($dbh, 'mallory.v', $_), qr/role "mallory", who declared this, does not own "mallory.v"/, "a superuser's view in its place does not run: $_") for sort keys %traps;
is(state_of($mallory, "SELECT datom.expect('mallory.v', 'promote', 'mallory.promote(i)')"), '42501', 'nor is anything declared of it');
is(one($dbh, q{SELECT rolsuper FROM pg_roles WHERE rolname = 'mallory'}), 0, 'still not');
$dbh->do('ALTER VIEW mallory.v OWNER TO mallory');
like(found($dbh, 'mallory.v', 'write'), qr/read-only/, 'given back, it counts again');
$dbh->do("SELECT datom.drop_expectation('mallory.v', expectation) FROM (SELECT name FROM datom.expectation WHERE query = 'mallory.v') x(expectation)");

# Who has left stands for nothing any more.
$session{leaver}->do('CREATE VIEW leaver.v AS SELECT 1 AS i');
expect($session{leaver}, 'leaver.v', 'x', 'i > 0');
is(found($dbh, 'leaver.v'), '0 of 1: ', 'while its author is there');
$session{leaver}->disconnect;
delete $session{leaver};
$dbh->do($_) for 'ALTER SCHEMA leaver OWNER TO ann', 'ALTER VIEW leaver.v OWNER TO ann', 'DROP ROLE leaver';
like(found($dbh, 'leaver.v'), qr/role "leaver", who declared this, does not own/, 'not afterwards');

# A check can be stopped.
expect($ann, 'ann.plain', 'slow', 'pg_sleep(60) IS NOT NULL');
$dbh->begin_work;
$dbh->do(q{SET LOCAL statement_timeout = '500ms'});
is(state_of($dbh, 'SELECT * FROM datom.check_expectations()'), '57014', 'a timeout is not taken for an error of the predicate');
$dbh->rollback;
$ann->do("SELECT datom.drop_expectation('ann.plain', 'slow')");
# Two at the same time: the last commit counts.
my $second = role('ann');
$_->begin_work for $ann, $second;
expect($ann, 'ann.plain', 'both', 'false');
expect($second, 'ann.plain', 'both', 'true');
$second->commit;
$ann->commit;
is(found($dbh, 'ann.plain', 'both') =~ /^(\d)/ && $1, 2, 'the last commit counts, whoever began first');

#
# Kept: as of a moment, standby, dump
#

sub all_of { my ($on, $as_of) = @_; return join "\n", map { join '|', map { $_ // '' } @$_ } @{ $on->selectall_arrayref('SELECT * FROM datom.check_expectations(?) ORDER BY query, expectation', undef, $as_of) } }
# Its rows have the time of the question in them.
$ann->do("SELECT datom.drop_expectation('ann.of_time', 'no secret')");
$dbh->begin_work;
$dbh->do('SET TRANSACTION READ ONLY');
my $all = all_of($dbh);
$dbh->commit;
cmp_ok(scalar(split /\n/, $all), '>', 15, 'a read-only transaction checks: ' . scalar(split /\n/, $all) . ' expectations');
my $then = one($dbh, q{SELECT clock_timestamp()});
$ann->do("INSERT INTO ann.secret (e, a, v) VALUES (1003, ':x/v', '$SECRET')");
expect($ann, 'ann.plain', 'no secret', 'true');
my $entities = found($dbh, 'ann.rows');
like($entities, qr/^2 of 3/, 'now');
like(all_of($dbh, $then), qr/^ann\.rows\|no secret\|2\|1\|/m, 'as of before: the rows of then');
like(all_of($dbh, $then), qr/^ann\.plain\|no secret\|3\|0\|/m, 'and the expectations of now');
$dbh->do("SET datom.as_of = '$then'");
is(one($dbh, q{SELECT predicate FROM datom.expectation WHERE query = 'ann.plain' AND name = 'no secret'}), "v <> '$SECRET'", 'with datom.as_of set, those of then');
like(found($dbh, 'ann.rows'), qr/^1 of 2/, 'of the rows of then');
$dbh->do('RESET datom.as_of');

my $standby = standby($node, 'expectations_standby');
launch($standby);
my $s = db($standby);
is(all_of($s), all_of($dbh), 'a standby finds the same');
is(all_of($s, $then), all_of($dbh, $then), 'as of then, too');
is(state_of($s, q{SELECT datom.expect('ann.plain', 'x', 'true')}), '25006', 'and declares nothing');
$s->disconnect;

my $dump = PostgreSQL::Test::Utils::tempdir('dump') . '/all.sql';
$node->command_ok([ 'pg_dump', '-h', $node->host, '-p', $node->port, '-U', $dbh->{pg_user}, '-f', $dump, 'postgres' ], 'a dump');
$dbh->do('CREATE DATABASE copy');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-h', $node->host, '-p', $node->port, '-U', $dbh->{pg_user}, '-f', $dump, 'copy' ], 'is restored');
is(all_of(db($node, dbname => 'copy')), all_of($dbh), 'with all that is expected');
done_testing();
