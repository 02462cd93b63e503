# An entity table shows what a view would show: to who may read the table, while
# its owner may read the datom table.
#
# Each way to read (rows, aggregates, plans that were made before, functions,
# other moments, statistics) is tried by roles that may and by roles that may
# not, before and after the owner of the entity table lost the right, or the
# table its owner. Who may not is told nothing, does not wait for a lock, and
# does not see in a plan how much there is.
#
# datom.entities() shows the same to who may read the datom table himself, in all
# of these ways, also where it stands in a view or in a plan of another's.
#
# The control is a build that does not ask for the right to read the datom table:
# each way has to be seen to read then, but where the function itself is called.
use strict;
use warnings;
use Datom;
use Datom::Entities;
use Test::More;

my $SECRET = 'xyzzy4711';
my $node = server('entity_rights', fsync => 'off', autovacuum => 'off');
my $dbh = db($node);

# The datom table belongs to keeper, entity tables to owner, who may read it.
my @roles = qw(keeper owner group_of_owners reader viewer column_reader writer nobody planter);
$dbh->do("CREATE ROLE $_ LOGIN") for @roles;
$dbh->do('GRANT CREATE, USAGE ON SCHEMA public TO keeper, owner, planter');
my %session = map { $_ => role($_) } @roles;

sub role
{
	my ($name) = @_;
	return DBI->connect(
		sprintf("dbi:Pg:dbname=postgres;host=%s;port=%d;options='-c timezone=UTC -c lock_timeout=1s'", $node->host, $node->port),
		$name, '', { RaiseError => 1, PrintError => 0, PrintWarn => 0, AutoInactiveDestroy => 1 });
}

# Runs a statement; returns its SQLSTATE and all that was said about an error.
sub state_of
{
	my ($on, $sql) = @_;
	return '00000' if eval { my $sth = $on->prepare($sql); $sth->execute; $sth->fetchall_arrayref if $sth->{NUM_OF_FIELDS}; 1 };
	return wantarray ? ($on->state, "$@") : $on->state;
}

sub make_datoms
{
	my ($name, $n) = @_;
	my $keeper = $session{keeper};
	one($keeper, 'SELECT datom.create(?)', $name);
	one($keeper, "SELECT datom.define_attribute(?, ':x/id', 'string', 'one', 'identity', doc => ?)", $name, $SECRET);
	one($keeper, "SELECT datom.define_attribute(?, ':x/v', 'string', indexed => true)", $name);
	one($keeper, "SELECT datom.define_attribute(?, ':x/n', 'long')", $name);
	one($keeper, 'SELECT tx FROM datom.transact(?, ?::text)', $name,
		'[' . join(' ', map { qq({:x/id "$SECRET-$_" :x/v "$SECRET" :x/n $_}) } 1 .. $n) . ']') if $n;
	$dbh->do("VACUUM ANALYZE $name");
}
make_datoms('secret', 300);
make_datoms('empty', 0);
my $before = one($dbh, "SELECT datom.basis('secret')::text");

$dbh->do($_) for "CREATE TABLE labels AS SELECT 1000 + i::bigint AS l_e, '$before'::timestamptz AS l_at FROM generate_series(1, 300) i", 'GRANT SELECT ON labels TO PUBLIC';

# A foreign table of a role.
sub make_table
{
	my ($owner, $name, $db) = @_;
	$session{$owner}->do("CREATE FOREIGN TABLE $name (e bigint, id text, v text, n bigint) SERVER datom OPTIONS (db '$db', namespace 'x')");
}
$session{keeper}->do('GRANT SELECT ON secret, empty TO owner');
make_table('owner', 'shown', 'secret');
$session{owner}->do($_) for (
	'CREATE VIEW seen AS SELECT id, n FROM shown WHERE n > 2', 'CREATE VIEW seen_by_caller WITH (security_invoker) AS SELECT id, n FROM shown',
	'GRANT SELECT ON shown TO reader', 'GRANT SELECT (e, n) ON shown TO column_reader', 'GRANT SELECT ON seen, seen_by_caller TO viewer',
	"CREATE FUNCTION sum_for_all() RETURNS numeric LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS 'BEGIN RETURN (SELECT sum(n) FROM shown); END'");

#
# Ways to read TABLE
#

my %ways = (
	rows => 'SELECT * FROM TABLE',
	'one row' => "SELECT v FROM TABLE WHERE id = '$SECRET-7'",
	'one entity' => 'SELECT v FROM TABLE WHERE e = (SELECT 1010)',
	'a range' => "SELECT e FROM TABLE WHERE v > 'a' AND n BETWEEN 3 AND 90",
	'no columns' => 'SELECT FROM TABLE',
	count => 'SELECT count(*) FROM TABLE',
	aggregates => 'SELECT count(n), sum(n), min(v), avg(n) FROM TABLE',
	groups => 'SELECT v, count(*) FROM TABLE GROUP BY v',
	exists => 'SELECT EXISTS (SELECT FROM TABLE)',
	'a shard' => 'SELECT count(*), sum(n) FROM TABLE WHERE mod(e, 5) = 1',
	sorted => 'SELECT e FROM TABLE ORDER BY e LIMIT 3',
	'a join' => 'SELECT count(*) FROM TABLE x JOIN TABLE y USING (id)',
	copy => 'COPY (SELECT * FROM TABLE) TO STDOUT',
	'explain analyze' => 'EXPLAIN ANALYZE SELECT sum(n) FROM TABLE',
	lock => 'SELECT e FROM TABLE WHERE n = 5 FOR SHARE',
	'as of a moment' => "SELECT * FROM datom.entities_as_of(NULL::TABLE, '$before'::timestamptz)",
	'as of a moment, called' => "SELECT datom.entities_as_of(NULL::TABLE, '$before'::timestamptz)",
	since => "SELECT * FROM datom.entities_since(NULL::TABLE, '2001-01-01Z'::timestamptz)",
	history => 'SELECT count(*) FROM datom.entities_history(NULL::TABLE)',
	'one at a moment' => "SELECT * FROM datom.entity_as_of(NULL::TABLE, 1010, '$before'::timestamptz)",
	'labels' => "SELECT * FROM datom.pit('labels', 'l_e', 'l_at', 'TABLE') x (l_e bigint, id text, n bigint)",
	'labels and states' => "SELECT * FROM datom.pit('labels', 'l_e', 'l_at', 'TABLE') x (l_e bigint, v text, valid_from timestamptz)");
my @ways = sort keys %ways;

# In place of an entity table, "called secret" is what the like of it shows by a
# call about the datom table. These are other ways to call.
my %calls = (
	lock => 'SELECT CALL.n FROM CALL FOR UPDATE',
	'as of a moment' => "SELECT * FROM CALL('$before'::timestamptz)",
	'as of a moment, called' => 'SELECT * FROM LATERAL (SELECT count(*) FROM CALL) x',
	since => 'SELECT t FROM CALL WHERE t IS NOT NULL',
	history => 'SELECT n FROM CALL WHERE v IS NOT NULL AND id IS NOT NULL UNION SELECT e FROM CALL',
	'one at a moment' => "SELECT * FROM CALL('$before'::timestamptz) WHERE e = 1010",
	labels => "SELECT * FROM labels LEFT JOIN CALL ON e = l_e",
	'labels and states' => "SELECT * FROM labels LEFT JOIN CALL('$before'::timestamptz) ON e = l_e");

sub called
{
	my ($name, $db) = @_;
	my $sql = $calls{$name} // $ways{$name} =~ s/\bTABLE\b( [xy]\b)?/'CALL' . ($1 \/\/ '')/ger;
	$sql =~ s/CALL\.//g;
	return $sql =~ s/CALL(?:\(([^)]*)\))?( [xy]\b)?/"datom.entities('$db', '{:x\/id,:x\/v,:x\/n}'" . (defined $1 ? ", $1" : '') . ')' . ($2 \/\/ ' t') . '(e bigint, id text, v text, n bigint)'/ger;
}

sub way
{
	my ($name, $table) = @_;
	return $table =~ /^called (\w+)/ ? called($name, $1) : $ways{$name} =~ s/TABLE/$table/gr;
}

# COPY gives its rows otherwise. A lock of rows takes another right, and readers
# have it not.
sub read_by
{
	my ($on, $name, $table) = @_;
	my $sql = way($name, $table);
	if ($name eq 'copy')
	{
		return '00000' if eval { $on->do($sql); my $line; 1 while $on->pg_getcopydata($line) >= 0; 1 };
		return wantarray ? ($on->state, "$@") : $on->state;
	}
	return state_of($on, $sql);
}

# Which ways are refused with this state, of all; the rest by name.
sub refused
{
	my ($role, $table, $state, $what) = @_;
	my @other;
	for my $name (@ways)
	{
		my ($got, $said) = read_by($session{$role}, $name, $table);
		push @other, "$name: $got" if $got ne $state && !($name eq 'lock' && $got eq '42501');
		push @other, "$name tells: $said" if ($said // '') =~ /$SECRET/;
	}
	is(join(', ', @other), '', $what);
}

sub allowed
{
	my ($role, $table, $what) = @_;
	my @other = map { my ($got, $said) = read_by($session{$role}, $_, $table); $got eq '00000' || $_ eq 'lock' ? () : "$_: $said" } @ways;
	is(join(', ', @other), '', $what);
}

#
# Who may read
#

allowed('owner', 'shown', 'the owner reads in ' . @ways . ' ways');
allowed('reader', 'shown', 'so does who may read the entity table');
is(state_of($session{reader}, 'SELECT * FROM secret'), '42501', 'but not the datom table');
is(state_of($session{reader}, "SELECT * FROM datom.as_of('secret')"), '42501', 'nor by the functions');
is(one($session{viewer}, 'SELECT count(*) FROM seen'), 298, 'who may read a view over it reads it');
is(one($session{viewer}, 'SELECT sum(n) FROM seen WHERE n % 7 = 0'), one($dbh, 'SELECT sum(n) FROM generate_series(3, 300) n WHERE n % 7 = 0'), 'with conditions and aggregates');
refused('viewer', 'shown', '42501', 'and not the entity table');
is(state_of($session{viewer}, 'SELECT * FROM seen_by_caller'), '42501', 'nor by a view that asks as its caller');
refused('nobody', 'shown', '42501', 'who has no right reads nothing, in any way');
is(one($session{nobody}, 'SELECT sum_for_all()'), 45150, 'but by what a definer lets him');
for my $sql ('SELECT * FROM seen', 'SELECT * FROM seen_by_caller', 'EXPLAIN SELECT * FROM shown', 'EXPLAIN SELECT sum(n) FROM shown',
	"EXPLAIN SELECT * FROM shown WHERE id = '$SECRET-1'", 'TABLE shown', 'ANALYZE shown; SELECT 1/0', 'DROP FOREIGN TABLE shown',
	"INSERT INTO shown (id) VALUES ('x')", "UPDATE shown SET n = 1", 'DELETE FROM shown', q{ALTER FOREIGN TABLE shown OPTIONS (SET db 'empty')},
	'ALTER FOREIGN TABLE shown OWNER TO nobody')
{
	my ($state, $said) = state_of($session{nobody}, $sql);
	like($state, $sql =~ /^ANALYZE/ ? qr/22012/ : qr/42501/, "nobody cannot: $sql");
	unlike($said, qr/$SECRET(?!-1')/, 'and is not told') if defined $said;
}

# Columns
is(state_of($session{column_reader}, $_), '00000', "some columns: $_") for 'SELECT e, n FROM shown', 'SELECT count(*), sum(n) FROM shown', 'SELECT n, count(*) FROM shown GROUP BY n', 'SELECT count(*) FROM shown WHERE mod(e, 7) = 3';
is(state_of($session{column_reader}, $_), '42501', "others: $_") for 'SELECT * FROM shown', 'SELECT shown FROM shown', 'SELECT max(v) FROM shown', 'SELECT v, count(*) FROM shown GROUP BY v',
	"SELECT e FROM shown WHERE id = '$SECRET-1'", 'SELECT e FROM shown ORDER BY id', "EXPLAIN SELECT e FROM shown WHERE v > 'a'",
	map { way($_, 'shown') } 'as of a moment', 'since', 'history';

# Statistics
$dbh->do('ANALYZE shown');
is(one($session{$_}, q{SELECT count(*) FROM pg_stats WHERE tablename = 'shown'}), 0, "$_ sees no statistics") for qw(nobody viewer);
is(one($session{column_reader}, q{SELECT string_agg(attname, ' ' ORDER BY attname) FROM pg_stats WHERE tablename = 'shown'}), 'e n', 'who may read some columns sees theirs');
cmp_ok(one($session{reader}, q{SELECT count(*) FROM pg_stats WHERE tablename = 'shown'}), '>=', 4, 'who may read sees them');
is(state_of($session{nobody}, 'SELECT * FROM pg_statistic'), '42501', 'and nobody reads the catalog of them');

#
# The owner of the entity table must be able to read
#

# What was planned before the right was lost.
sub plans_of
{
	my ($on) = @_;
	$on->do('SET plan_cache_mode = force_generic_plan');
	my $n = 0;
	my @plans;
	for my $name (grep { !/copy|explain/ } @ways)
	{
		$n++;
		$on->do("PREPARE p$n AS " . way($name, 'shown'));
		push @plans, [ $name, "EXECUTE p$n" ];
	}
	push @plans, [ 'a prepared explain', 'EXPLAIN (ANALYZE) EXECUTE p1' ];
	state_of($on, $_->[1]) for map { ($_) x 6 } @plans;
	return @plans;
}

$dbh->do(q{CREATE FUNCTION counted() RETURNS bigint LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT count(*) FROM shown); END';
	CREATE FUNCTION summed() RETURNS numeric LANGUAGE sql AS 'SELECT sum(n) FROM shown WHERE n > 5'});
my @plans = plans_of($session{reader});
my @functions = map { [ $_, "SELECT $_()" ] } qw(counted summed sum_for_all);
state_of($session{reader}, $_->[1]) for map { ($_) x 6 } @functions;

sub states
{
	my ($state, @of) = @_;
	return join ', ', map { my ($got, $said) = state_of($session{reader}, $_->[1]); $got eq $state || $_->[0] eq 'lock' ? () : "$_->[0]: $got " . ($said // '') } @of;
}

is(states('00000', @plans, @functions), '', 'plans and functions read, before');

# Each takes the owner's right away, and gives it back.
my %losses = (
	revoked => [ 'REVOKE SELECT ON secret FROM owner', 'GRANT SELECT ON secret TO owner' ],
	'some columns left' => [ 'REVOKE SELECT ON secret FROM owner; GRANT SELECT (e, a) ON secret TO owner', 'REVOKE SELECT (e, a) ON secret FROM owner; GRANT SELECT ON secret TO owner' ],
	'another owner' => [ 'ALTER FOREIGN TABLE shown OWNER TO planter', 'ALTER FOREIGN TABLE shown OWNER TO owner' ],
	'out of the group' => [ 'REVOKE SELECT ON secret FROM owner; REVOKE group_of_owners FROM owner', 'GRANT SELECT ON secret TO owner' ]);
$session{keeper}->do('GRANT SELECT ON secret TO group_of_owners');
for my $loss (sort keys %losses)
{
	# That it came from a group is not in any cached plan.
	if ($loss =~ /group/)
	{
		$dbh->do('GRANT group_of_owners TO owner; REVOKE SELECT ON secret FROM owner');
		allowed('reader', 'shown', 'the right may come from a group');
		is(states('00000', @plans, @functions), '', 'for plans too');
	}
	$dbh->do($losses{$loss}[0]);
	refused('reader', 'shown', '42501', "$loss: nobody reads any more");
	is(states('42501', @plans, @functions), '', "$loss: not by what was planned before");
	refused('owner', 'shown', '42501', "$loss: nor does the owner") if $loss ne 'another owner';
	$dbh->do($losses{$loss}[1]);
	allowed('reader', 'shown', "$loss: and back");
	is(states('00000', @plans, @functions), '', "$loss: plans too");
}
allowed('owner', 'shown', 'all is as it was');

# A superuser who reads is refused what the owner may not read: as with a view.
$dbh->do('REVOKE SELECT ON secret FROM owner');
is(state_of($dbh, 'SELECT * FROM shown'), '42501', 'a superuser reads with the right of the owner, too');
$dbh->do('GRANT SELECT ON secret TO owner');

# Roles that change in a session.
$dbh->do('PREPARE changing AS SELECT count(*) FROM shown');
for my $mode (qw(force_generic_plan force_custom_plan))
{
	$dbh->do("SET plan_cache_mode = $mode");
	for ([ reader => '00000' ], [ nobody => '42501' ], [ owner => '00000' ], [ viewer => '42501' ], [ reader => '00000' ])
	{
		$dbh->do("SET ROLE $_->[0]");
		is(state_of($dbh, 'EXECUTE changing'), $_->[1], "a prepared statement as $_->[0], $mode");
		is(state_of($dbh, 'SELECT counted()'), $_->[1], "a function as $_->[0], $mode");
		$dbh->do('RESET ROLE');
	}
}
$dbh->do('RESET plan_cache_mode');

#
# Writing: INSERT, UPDATE or DELETE of the entity table is the writer's, INSERT
# into the datom table its owner's
#

my %writes = (
	insert => "INSERT INTO shown (id, n) VALUES ('new', 1)", copy => q{COPY shown (id, n) FROM PROGRAM 'echo "copied	1"'},
	update => "UPDATE shown SET n = n + 1 WHERE id = '$SECRET-7'", delete => "DELETE FROM shown WHERE id = '$SECRET-9'",
	'insert and look' => "INSERT INTO shown (id, n) VALUES ('new', 1) RETURNING e");
$dbh->do('GRANT pg_execute_server_program TO writer, nobody, reader');

# In a transaction that is taken back.
sub write_by
{
	my ($role, $name) = @_;
	my $on = $session{$role};
	$on->begin_work;
	my ($state, $said) = state_of($on, $writes{$name});
	$on->rollback;
	unlike($said, qr/$SECRET(?!-\d+'|-7|-9)/, "$role is not told, $name") if defined $said;
	return $state;
}

sub writes
{
	my ($role, $what, %expected) = @_;
	is(join(', ', map { "$_ " . write_by($role, $_) } sort keys %expected), join(', ', map { "$_ $expected{$_}" } sort keys %expected), $what);
}

my %refused = map { $_ => '42501' } keys %writes;
my %done = map { $_ => '00000' } keys %writes;
writes('nobody', 'nobody writes nothing', %refused);
writes('reader', 'who may read writes nothing', %refused);
$session{owner}->do('GRANT INSERT, UPDATE, DELETE ON shown TO writer');
writes('writer', 'who may write does not, while the owner may not', %refused);
$session{keeper}->do('GRANT INSERT ON secret TO owner');
writes('writer', 'and then what needs no reading', %refused, insert => '00000', copy => '00000');
$session{owner}->do('GRANT SELECT ON shown TO writer');
writes('writer', 'and all, with the right to read', %done);
is(state_of($session{writer}, "INSERT INTO secret (e, a, v) VALUES (1, ':x/v', 'x')"), '42501', 'but not into the datom table');
writes('owner', 'the owner does', map { $_ => '00000' } grep { $_ ne 'copy' } keys %writes);
$session{writer}->do('PREPARE change AS ' . $writes{update});
$session{writer}->do('SET plan_cache_mode = force_generic_plan');
$session{writer}->do('EXECUTE change') for 1 .. 3;
$session{keeper}->do('REVOKE INSERT ON secret FROM owner');
is(state_of($session{writer}, 'EXECUTE change'), '42501', 'a prepared statement asks again');
writes('writer', 'nor does anything write any more', %refused);
$session{owner}->do('REVOKE SELECT, INSERT, UPDATE, DELETE ON shown FROM writer; GRANT INSERT (id) ON shown TO writer');
$session{keeper}->do('GRANT INSERT ON secret TO owner');
writes('writer', 'INSERT of some columns is INSERT of these', %refused);
is(state_of($session{writer}, "BEGIN; INSERT INTO shown (id) VALUES ('new')"), '00000', 'and they are inserted');
$session{writer}->do('ROLLBACK');
$session{keeper}->do('REVOKE INSERT ON secret FROM owner');

#
# Row-level security of the datom table
#

$dbh->do($_) for 'ALTER TABLE secret ENABLE ROW LEVEL SECURITY', 'CREATE POLICY half ON secret USING (e % 2 = 0)';
refused('reader', 'shown', '0A000', 'row-level security for the owner is refused');
is(states('0A000', @plans, @functions), '', 'also to what was planned before');
refused('nobody', 'shown', '42501', 'the right is asked for first');
$session{reader}->do('SET row_security = off');
isnt(state_of($session{reader}, 'SELECT * FROM shown'), '00000', 'row_security = off opens nothing');
$session{reader}->do('RESET row_security');
$dbh->do('ALTER ROLE owner BYPASSRLS');
allowed('reader', 'shown', 'an owner with BYPASSRLS');
$dbh->do('ALTER ROLE owner NOBYPASSRLS');
$dbh->do('ALTER FOREIGN TABLE shown OWNER TO keeper');
allowed('reader', 'shown', 'policies do not apply to who owns the datom table');
$dbh->do('ALTER TABLE secret FORCE ROW LEVEL SECURITY');
refused('reader', 'shown', '0A000', 'unless they are forced');
$dbh->do($_) for 'ALTER TABLE secret NO FORCE ROW LEVEL SECURITY', 'ALTER TABLE secret DISABLE ROW LEVEL SECURITY', 'ALTER FOREIGN TABLE shown OWNER TO owner';
allowed('reader', 'shown', 'without row-level security all is as it was');

#
# Who plants a table on what he may not read
#

my ($state, $said) = state_of($session{planter}, "CREATE FOREIGN TABLE planted (e bigint, id text, v text, n bigint) SERVER datom OPTIONS (db 'secret', namespace 'x')");
unlike($said // '', qr/$SECRET/, 'a table on what one may not read: nothing is told');
if ($state ne '00000')
{
	is($state, '42501', 'it cannot be made');
	make_table('owner', 'planted', 'secret');
	$dbh->do('ALTER FOREIGN TABLE planted OWNER TO planter');
}
($state) = state_of($session{planter}, "CREATE FOREIGN TABLE planted_empty (e bigint, id text, v text, n bigint) SERVER datom OPTIONS (db 'empty', namespace 'x')");
if ($state ne '00000')
{
	make_table('owner', 'planted_empty', 'empty');
	$dbh->do('ALTER FOREIGN TABLE planted_empty OWNER TO planter');
}
refused('planter', 'planted', '42501', 'and shows nothing');
is(state_of($session{planter}, 'IMPORT FOREIGN SCHEMA secret FROM SERVER datom INTO public'), '42501', 'nor can it be imported');
for my $sql ('SELECT * FROM TABLE', 'SELECT * FROM TABLE WHERE n > 100', "SELECT * FROM TABLE WHERE id = '$SECRET-3'", 'SELECT v, count(*) FROM TABLE GROUP BY v', 'SELECT count(*) FROM TABLE')
{
	my ($full, $empty) = map {
		my $t = $_;
		my ($state, $said) = ('00000');
		my $plan = eval { join "\n", @{ $session{planter}->selectcol_arrayref('EXPLAIN ' . $sql =~ s/TABLE/$t/r) } } // 'error ' . $session{planter}->state;
		$plan =~ s/\b(planted_empty|planted|secret|empty)\b/T/gr;
	} qw(planted planted_empty);
	is($full, $empty, "EXPLAIN $sql does not show how much there is");
}
state_of($session{planter}, 'ANALYZE planted');
is(one($dbh, q{SELECT count(*) FROM pg_stats WHERE tablename = 'planted'}), 0, 'nor does ANALYZE');
cmp_ok(one($dbh, q{SELECT reltuples FROM pg_class WHERE relname = 'planted'}), '<=', 0, 'and how many rows');

# At once, where others would wait.
sub at_once
{
	my @waited;
	$session{keeper}->begin_work;
	$session{keeper}->do('LOCK secret');
	for my $name (@ways)
	{
		my $got = read_by($session{planter}, $name, 'planted');
		push @waited, "$name: $got" if $got ne '42501';
	}
	my $waits = state_of($session{reader}, 'SELECT * FROM shown');
	$session{keeper}->rollback;
	return ($waits, @waited);
}
my ($waits, @waited) = at_once();
is(join(', ', @waited), '', 'who has no right does not wait for a lock');
is($waits, '55P03', 'who has it does');

# The server of the extension is for all, and a table needs no user mapping.
is(one($dbh, q{SELECT count(*) FROM pg_user_mappings WHERE srvname = 'datom'}), 0, 'there is no user mapping');
isnt(state_of($session{nobody}, $_), '00000', "nobody cannot: $_") for "ALTER SERVER datom OPTIONS (ADD db 'secret')", 'ALTER SERVER datom OWNER TO nobody', 'DROP SERVER datom CASCADE';

# Columns of a wrong type tell nothing of what is there.
for my $type (qw(bigint numeric uuid date timestamptz bytea boolean jsonb float8))
{
	my ($state, $said) = state_of($session{owner}, "CREATE FOREIGN TABLE wrong (e bigint, v $type) SERVER datom OPTIONS (db 'secret', namespace 'x', key ':x/id'); SELECT * FROM wrong");
	$said //= '';
	unlike($said, qr/$SECRET/, "a column of type $type for a string: $state");
	isnt($state, '00000', 'is refused');
	eval { $session{owner}->do('DROP FOREIGN TABLE IF EXISTS wrong') };
}

#
# datom.entities(): who calls must be able to read the datom table
#

allowed('keeper', 'called secret', 'its owner calls in all ways');
allowed('owner', 'called secret', 'so does who may read it');
refused('reader', 'called secret', '42501', 'who may read an entity table over it does not');
refused('nobody', 'called secret', '42501', 'nor does nobody');
like(join("\n", @{ $session{owner}->selectcol_arrayref('EXPLAIN ' . way($_, 'called secret')) }), qr/DatomEntities/, "it is a scan: $_")
  for grep { !/copy|explain/ } @ways;
$session{owner}->do($_) for
  "CREATE VIEW called_view AS SELECT id, n FROM datom.entities('secret', '{:x/id,:x/n}') t(e bigint, id text, n bigint) WHERE id IS NOT NULL",
  'GRANT SELECT ON called_view TO viewer, keeper',
  "CREATE FUNCTION called_for_all() RETURNS numeric LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS
	'BEGIN RETURN (SELECT sum(n) FROM datom.entities(''secret'', ''{:x/n}'') t(e bigint, n bigint)); END'",
  "CREATE FUNCTION called_sql() RETURNS numeric LANGUAGE sql AS 'SELECT sum(n) FROM called_view'";
is(one($session{keeper}, 'SELECT count(*) FROM called_view'), 300, 'in a view it asks for the right of who reads the view');
is(state_of($session{viewer}, 'SELECT count(*) FROM called_view'), '42501', 'as a function does');
is(one($session{nobody}, 'SELECT called_for_all()'), one($dbh, 'SELECT sum(n) FROM shown'), 'a definer lets others ask');
is(state_of($session{nobody}, 'SELECT called_sql()'), '42501', 'and nobody else');

# Plans of who may read, run by others and later.
$dbh->do('SET plan_cache_mode = force_generic_plan');
my $called = 0;
my @called = map { my $sql = 'EXECUTE called' . ++$called; $dbh->do("PREPARE called$called AS " . way($_, 'called secret')); [ $_, $sql ] } grep { !/copy|explain/ } @ways;
sub run_as
{
	my ($role, $state) = @_;
	$dbh->do("SET ROLE $role");
	my @other = map { my ($got, $said) = state_of($dbh, $_->[1]); $got eq $state ? () : "$_->[0]: $got" } @called;
	push @other, 'tells' if grep { my ($got, $said) = state_of($dbh, $_->[1]); ($said // '') =~ /$SECRET/ } @called;
	$dbh->do('RESET ROLE');
	is(join(', ', @other), '', "plans of calls as $role: $state");
}
run_as(@$_) for [ keeper => '00000' ], [ nobody => '42501' ], [ owner => '00000' ], [ reader => '42501' ], [ keeper => '00000' ];
$session{keeper}->do('REVOKE SELECT ON secret FROM owner');
run_as(owner => '42501');
refused('owner', 'called secret', '42501', 'a right that was revoked');
$session{keeper}->do('GRANT SELECT (e, a, v, tx, added) ON secret TO owner');
my ($by_columns) = state_of($session{owner}, way('rows', 'called secret'));
is(state_of($session{owner}, "SELECT * FROM datom.as_of('secret')"), $by_columns, 'rights on columns are worth to it what they are to as_of()');
$session{keeper}->do('REVOKE SELECT (e, a, v, tx, added) ON secret FROM owner; GRANT SELECT ON secret TO owner');
run_as(owner => '00000');
$dbh->do($_) for 'ALTER TABLE secret ENABLE ROW LEVEL SECURITY';
run_as(owner => '0A000');
run_as(nobody => '42501');
refused('owner', 'called secret', '0A000', 'row-level security');
$dbh->do($_) for 'ALTER TABLE secret DISABLE ROW LEVEL SECURITY', 'RESET plan_cache_mode';
allowed('owner', 'called secret', 'and without it all is as it was');
for my $sql (map { way($_, 'called TABLE') } 'rows', 'a range', 'groups', 'count')
{
	my ($full, $empty) = map { my $t = $_; join("\n", @{ $session{nobody}->selectcol_arrayref('EXPLAIN ' . $sql =~ s/TABLE/$t/gr) }) =~ s/\b$t\b/T/gr } qw(secret empty);
	is($full, $empty, 'EXPLAIN of a call does not show how much there is');
}
$session{keeper}->begin_work;
$session{keeper}->do('LOCK secret');
my @called_waits = map { my $got = read_by($session{nobody}, $_, 'called secret'); $got eq '42501' ? () : "$_: $got" } @ways;
my $called_waits = state_of($session{owner}, way('rows', 'called secret'));
$session{keeper}->rollback;
is(join(', ', @called_waits), '', 'who has no right to call does not wait for a lock');
is($called_waits, '55P03', 'who has it does');

#
# The control
#

$dbh->do('REVOKE SELECT ON secret FROM owner');
$dbh->do('ALTER ROLE reader SET "datom.test_break" = ' . "'no_check'");
$session{reader} = role('reader');
my $broken = one($session{reader}, 'SHOW datom.test_break');
is($broken, 'no_check', 'control: the build that does not ask');
my @missed = map { read_by($session{reader}, $_, 'shown') eq '00000' || $_ eq 'lock' ? () : $_ } @ways;
is(join(', ', @missed), '', 'control: is seen to read in every way');
@missed = map { read_by($session{reader}, $_, 'called secret') eq '00000' ? () : $_ } @ways;
is(join(', ', @missed), '', 'control: and by a call');
done_testing();
