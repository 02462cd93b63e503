# Shards: the parts together are the whole.
#
# A world with a random history, entities of transactions (which are negative)
# among them, is read in N parts by every way to write that: datom.shard() with
# numbers and by the session's setting, mod(), %, commuted and with OR e IS NULL,
# and the predicates made for Spark; from the table, as_of, since and history,
# through views, subqueries, joins and UNION ALL; in statements with constants,
# with parameters under custom and generic plans and in PL/pgSQL; by the scan and
# without it, with orders and without, in one process and in three; merged, with
# rows said since, and in a transaction that has said something itself. The rows
# of all parts, counted and hashed, must be those of the whole.
#
# EXPLAIN shows the shard, and expects an Nth of the rows. Where it could show
# what a view or a policy hides, the condition does not reach the scan.
#
# The control is a way that is known to lose rows: mod(e, N) from 0 to N - 1.
use strict;
use warnings;
use Datom;
use Datom::Orders;
use Math::BigInt;
use Test::More;

note 'SEED=', my $seed = sow();
my @SIZES = (1 .. 40, 64, 97, 420);
my $node = server('shards', fsync => 'off', autovacuum => 'off', max_parallel_workers => 8, 'datom.wait' => "'60s'");
my $dbh = db($node);
my $w = new_world($dbh, 'pur', size => 200);
say_bulk($dbh, $w, 60);
say_many($dbh, $w, 10);
about_tx() for 1 .. 10;
merge($dbh, 'pur');
say_many($dbh, $w, 5);
about_tx() for 1 .. 5;
look($dbh, $w);
my ($then) = map { $_->[0] } $w->{moments}[ @{ $w->{moments} } / 2 ];

sub about_tx { $dbh->do(q{INSERT INTO pur (e, a, v) VALUES (-datom.current_tx(), ':k/long', 1)}) }

#
# Ways to ask for part i of n: conditions on g.e
#

my %forms = (
	shard => sub { my ($n) = @_; return map { "datom.shard(g.e, $_, $n)" } 0 .. $n - 1 },
	mod => sub { my ($n) = @_; return map { "mod(g.e, $n) = $_" } 1 - $n .. $n - 1 },
	operator => sub { my ($n) = @_; return map { "g.e % $n\::bigint = $_" } 1 - $n .. $n - 1 },
	negative => sub { my ($n) = @_; return map { "$_ = g.e % (-$n)" } 1 - $n .. $n - 1 },
	or_null => sub { my ($n) = @_; return map { "(g.e IS NULL OR coalesce(g.e, 0) % $n = $_)" } 1 - $n .. $n - 1 },
	predicates => sub {
		my ($n) = @_;
		return map { s/\(e,/(g.e,/r } @{ one($dbh, 'SELECT datom.shard_predicates(?)', $n) };
	});

my %relations = (
	table => 'pur', now => "datom.as_of('pur')", then => "datom.as_of('pur', '$then'::timestamptz)", since => "datom.since('pur', '$then'::text)",
	history => "datom.history('pur')", view => 'seen', union => 'seen_twice',
	subquery => "(SELECT * FROM (SELECT * FROM datom.as_of('pur') WHERE a <> ':k/long' OFFSET 0) x UNION ALL SELECT * FROM pur WHERE a = ':k/long')",
	join => "(SELECT p.e, p.a, q.v, q.tx, p.added FROM datom.as_of('pur') p JOIN datom.history('pur') q ON q.e = p.e AND q.a = p.a WHERE p.a IN (':k/long', ':r/one'))",
	outer => "(SELECT p.e, p.a, q.v, q.tx, p.added FROM pur p LEFT JOIN datom.as_of('pur', '$then'::timestamptz) q ON q.e = p.e AND q.a = p.a AND q.a = ':k/long')",
	barred => 'barred');
$dbh->do($_) for "CREATE VIEW seen AS SELECT * FROM datom.as_of('pur')",
	"CREATE VIEW seen_twice AS SELECT * FROM seen UNION ALL SELECT * FROM datom.history('pur') WHERE NOT added UNION ALL SELECT * FROM pur",
	"CREATE VIEW barred WITH (security_barrier) AS SELECT * FROM pur WHERE a = ':k/long'";

my $SUM = q{count(*) || ':' || coalesce(sum(hashtextextended(concat_ws('|', g.e, g.a, g.v, g.tx, g.added), 0)), 0)};

# Counts and hashes of several answers, added up.
sub together
{
	my ($rows, $hash) = (0, Math::BigInt->new(0));
	for (@_) { my ($r, $h) = split /:/; $rows += $r; $hash += $h }
	return "$rows:$hash";
}

sub parts
{
	my ($relation, @conditions) = @_;
	return together(map { one($dbh, "SELECT $SUM FROM $relation g WHERE $_") } @conditions);
}

sub whole
{
	my ($relation) = @_;
	configure($dbh, orders => 0, scan => 0, workers => 0);
	return one($dbh, "SELECT $SUM FROM $relation g");
}

sub differs
{
	my ($what, $got, $want) = @_;
	return 0 if $got eq $want;
	diag "seed $seed, $what: $got, not $want";
	return 1;
}

# All relations in n parts each, as `how` says, in a random form each time.
sub all_whole
{
	my ($name, $how, @sizes) = @_;
	my %want = map { $_ => whole($relations{$_}) } sort keys %relations;
	my $wrong = 0;
	configure($dbh, %$how);
	for my $n (@sizes)
	{
		for my $relation (sort keys %relations)
		{
			next if @sizes > 10 && $n > 40 && $relation =~ /outer|join|union/;
			my $form = pick(sort keys %forms);
			my $got = parts($relations{$relation}, $forms{$form}->($n));
			$wrong += differs("$name, $relation by $form in $n", $got, $want{$relation});
		}
	}
	is($wrong, 0, "$name: the parts are the whole");
}

my %fast = (orders => 1, scan => 1, workers => 0);
all_whole('every number of parts', \%fast, @SIZES);
for my $how (configurations())
{
	all_whole(name_of(%$how), $how, pick(2 .. 9), pick(10 .. 40));
}
merge($dbh, 'pur');
all_whole('merged', \%fast, 1, 7, 35, 97);
$dbh->begin_work;
# First: an act may say another value of the same, and fails then.
about_tx();
act($dbh, $w) for 1 .. 4;
all_whole('own rows', \%fast, 3, 35);
all_whole('own rows, with workers', { %fast, workers => 1 }, 4);
$dbh->rollback;

# The control
configure($dbh, %fast);
isnt(parts('pur', map { "mod(g.e, 7) = $_" } 0 .. 6), whole('pur'), 'mod() from 0 loses the negative ones, which is noticed');

#
# Parameters
#

configure($dbh, %fast);
$dbh->do("PREPARE by_shard(bigint, bigint) AS SELECT $SUM FROM datom.as_of('pur') g WHERE datom.shard(e, \$1, \$2)");
$dbh->do("PREPARE by_mod(bigint, int) AS SELECT $SUM FROM seen_twice g WHERE mod(e, \$2) = \$1");
$dbh->do("PREPARE by_session AS SELECT $SUM FROM pur g WHERE datom.shard(e)");
$dbh->do("CREATE FUNCTION part(i int, n int) RETURNS text LANGUAGE plpgsql STABLE AS \$\$ BEGIN RETURN (SELECT $SUM FROM datom.history('pur') g WHERE g.e % n = i); END \$\$");
for my $mode ('force_custom_plan', 'force_generic_plan', 'auto')
{
	my $wrong = 0;
	for my $n (1, 2, 7, 35)
	{
		my %want = map { $_ => whole($_) } "datom.as_of('pur')", 'seen_twice', 'pur', "datom.history('pur')";
		configure($dbh, %fast);
		$dbh->do("SET plan_cache_mode = $mode");
		$wrong += differs("$mode, shard", together(map { one($dbh, "EXECUTE by_shard($_, $n)") } 0 .. $n - 1), $want{"datom.as_of('pur')"});
		$wrong += differs("$mode, mod", together(map { one($dbh, "EXECUTE by_mod($_, $n)") } 1 - $n .. $n - 1), $want{seen_twice});
		$wrong += differs("$mode, plpgsql", together(map { one($dbh, "SELECT part($_, $n)") } 1 - $n .. $n - 1), $want{"datom.history('pur')"});
		$wrong += differs("$mode, session", together(map { $dbh->do("SET datom.shard = '$_/$n'"); one($dbh, 'EXECUTE by_session') } 0 .. $n - 1), $want{pur});
		$dbh->do('RESET datom.shard');
		$wrong += differs("$mode, no shard", one($dbh, 'EXECUTE by_session'), $want{pur});
	}
	is($wrong, 0, "$mode: the parts are the whole");
}
$dbh->do('RESET plan_cache_mode');

# The session's setting reaches the workers.
configure($dbh, %fast, workers => 1);
$dbh->do("SET datom.shard = '2/5'");
is(one($dbh, "SELECT $SUM FROM datom.as_of('pur') g WHERE datom.shard(e)"), one($dbh, "SELECT $SUM FROM datom.as_of('pur') g WHERE datom.shard(e, 2, 5)"),
	'the setting counts in workers');
like(explained("SELECT count(*) FROM datom.as_of('pur') g WHERE datom.shard(e)"), qr/Gather.*Shard: 2\/5/s, 'of which there were some');
$dbh->do('SET datom.enable_scan = off');
is(one($dbh, "SELECT count(*) FROM pur g WHERE datom.shard(e)"), one($dbh, "SELECT count(*) FROM pur g WHERE datom.shard(e, 2, 5)"), 'also in those of the server');
$dbh->do('RESET datom.shard');

# A setting that is wrong from the beginning is never silently all entities.
for my $bad ('3', '5/5')
{
	my $session = db($node, 'datom.shard' => $bad);
	ok(!eval { one($session, 'SELECT count(*) FROM pur WHERE datom.shard(e)'); 1 }, "$bad from the connection is an error");
	is($session->state, '22023', 'that says so');
}

#
# Plans
#

sub explained { my ($sql) = @_; return join "\n", @{ $dbh->selectcol_arrayref("EXPLAIN (COSTS OFF) $sql") } }

sub expected { my ($sql) = @_; return one($dbh, "EXPLAIN $sql") =~ /rows=(\d+)/ ? $1 : die }

configure($dbh, %fast);
for my $relation (grep { !/join|outer|barred|subquery|union/ } sort keys %relations)
{
	my $rel = $relations{$relation};
	my $all = expected("SELECT * FROM $rel g");
	for my $n (2, 10)
	{
		for my $condition ("datom.shard(g.e, 1, $n)", "mod(g.e, $n) = 1", "$n - 1 = g.e % $n")
		{
			like(explained("SELECT * FROM $rel g WHERE $condition"), qr/Shard: \d\/$n$/m, "$relation: the plan shows $condition");
			my $rows = expected("SELECT * FROM $rel g WHERE $condition");
			cmp_ok(abs($rows - $all / $n), '<=', 1, "and expects the ${n}th part of $all rows");
		}
	}
}
is(scalar(() = explained("SELECT * FROM seen_twice g WHERE datom.shard(e, 1, 5)") =~ /Shard: 1\/5/g), 3, 'a shard of each part of a union');
like(explained("SELECT a, count(*) FROM (SELECT e, a FROM seen GROUP BY e, a) g WHERE datom.shard(e, 1, 5) GROUP BY a"), qr/Shard: 1\/5/, 'below a grouping by entity');

#
# Rights
#

$dbh->do($_) for 'CREATE ROLE reader', 'CREATE ROLE filtered', 'GRANT SELECT ON barred TO reader, filtered', 'GRANT SELECT ON pur TO filtered',
	q{CREATE FUNCTION spy(e bigint) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS $$ BEGIN RAISE NOTICE 'saw %', e; RETURN true; END $$},
	'ALTER TABLE pur ENABLE ROW LEVEL SECURITY', q{CREATE POLICY longs ON pur TO filtered USING (a = ':k/long')};
for my $case ([ 'reader', 'barred' ], [ 'filtered', 'pur' ])
{
	my ($role, $rel) = @$case;
	my $hidden = $dbh->selectcol_arrayref(q{SELECT DISTINCT e FROM pur EXCEPT SELECT e FROM pur WHERE a = ':k/long'});
	my %seen;
	local $SIG{__WARN__} = sub { $_[0] =~ /saw (-?\d+)/ and $seen{$1} = 1 };
	$dbh->do("SET ROLE $role");
	$dbh->do('SET client_min_messages = notice');
	local @$dbh{qw(Warn PrintWarn)} = (1, 1);
	my $rows = one($dbh, "SELECT count(*) FROM $rel g WHERE spy(e) AND datom.shard(e, 1, 3)");
	ok(!grep({ $seen{$_} } @$hidden), "$role does not get to see what $rel hides");
	cmp_ok(scalar keys %seen, '>', 0, 'but what it shows');
	unlike(explained("SELECT * FROM $rel g WHERE datom.shard(e, 1, 3)"), qr/Shard:/, 'the condition stays above it');
	$dbh->do('RESET ROLE');
	is(one($dbh, q{SELECT count(*) FROM pur WHERE a = ':k/long' AND datom.shard(e, 1, 3)}), $rows, 'and answers the same');
}
$dbh->do('SET ROLE reader');
for my $question ('SELECT * FROM pur WHERE datom.shard(e, 0, 3)', "SELECT * FROM datom.as_of('pur') WHERE e % 3 = 0", "EXPLAIN ANALYZE SELECT * FROM datom.as_of('pur') WHERE e % 3 = 0")
{
	ok(!eval { $dbh->do($question); 1 } && $dbh->state eq '42501', "without rights: $question");
}
$dbh->do('RESET ROLE');
done_testing();
