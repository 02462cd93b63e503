# Entity tables at other moments, however they are asked.
#
# entities_as_of(), entities_since() and entities_history() over a world with a
# random schema and a random history. Random questions as of random moments are
# answered as plain SQL over the log answers them: by a scan in place of the call
# and by the function, in FROM, in the target list and in a function in SQL that
# is inlined; with constants and with parameters, under custom and generic plans;
# with orders and without, in one process and in three; before a merge, after
# one with more said since, and in a transaction that has said something itself.
# Two moments meet in one query. The states that the history has at a moment are
# the rows as of that moment, they do not overlap, and none repeats the one
# before it.
#
# The control: the log that the oracle reads has one fact changed.
use strict;
use warnings;
use Datom;
use Datom::Entities;
use Datom::Orders;
use Test::More;

note 'SEED=', my $seed = sow();
my $PER_STATE = torture() ? 300 : 60;
my $EACH = torture() ? 80 : 8;

my $node = server('moments', fsync => 'off', autovacuum => 'off', max_parallel_workers => 8, 'datom.wait' => "'60s'");
my $dbh = db($node);
entity_oracle($dbh);
my $w = entity_world($dbh, 'pur', size => 80);
say_bulk($dbh, $w, 60);
say_many($dbh, $w, 25);
my @tables = entity_tables($dbh, $w);
my @with_e = grep { has_e($_) } @tables;
my ($wrong, %went) = (0);

sub has_e { my ($t) = @_; return scalar grep { !defined $_->{ident} } @{ $t->{columns} } }

sub differs
{
	my ($what, $got, $want, $sql) = @_;
	return if $got eq $want;
	diag "seed $seed, $what: $got, not $want\n$sql" if $wrong++ < 5;
}

# The moment as SQL.
sub written { my ($at) = @_; return pick("'$at'::timestamptz", "'$at'::text", "'$at'::timestamptz + interval '0'") }

# The question about the table now, about what replaces the table.
sub asked_of
{
	my ($q, $relation) = @_;
	return { got => $q->{got} =~ s/\b$q->{table}{name}\b/$relation/gr };
}

my $made = 0;
my %ways = (
	from => sub { my ($q, $at) = @_; return asked_of($q, "datom.entities_as_of(NULL::$q->{table}{name}, " . written($at) . ')') },
	target_list => sub {
		my ($q, $at) = @_;
		return asked_of($q, "(SELECT (datom.entities_as_of(NULL::$q->{table}{name}, " . written($at) . ')).*)');
	},
	inlined => sub {
		my ($q, $at) = @_;
		$dbh->do("CREATE FUNCTION pg_temp.at" . ++$made . "(x timestamptz) RETURNS SETOF $q->{table}{name} LANGUAGE sql STABLE AS
			'SELECT * FROM datom.entities_as_of(NULL::$q->{table}{name}, x)'");
		return asked_of($q, "pg_temp.at$made('$at')");
	},
	prepared => sub {
		my ($q, $at) = @_;
		$dbh->do('SET plan_cache_mode = ' . pick(qw(force_custom_plan force_generic_plan)));
		$dbh->do('PREPARE q' . ++$made . '(timestamptz) AS ' . asked_of($q, "datom.entities_as_of(NULL::$q->{table}{name}, \$1)")->{got});
		return { got => "EXECUTE q$made('$at')" };
	});
my @ways = (('from') x 4, sort keys %ways);

sub went
{
	my ($q) = @_;
	my $plan = eval { join "\n", @{ $dbh->selectcol_arrayref("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) $q->{got}") } } // '';
	$went{$_}++ for $plan =~ /As of: \d/ ? 'scan' : (), $plan =~ /Function Scan on entities_as_of|ProjectSet/ ? 'function' : (),
		$plan =~ /Workers Launched: [12]\b.*Foreign Scan/s ? 'in parallel' : ();
}

# Whole rows of a relation, as a text.
sub all_of
{
	my ($t, $relation) = @_;
	return 'SELECT ' . Datom::Entities::hashed(Datom::Entities::row_of('g', Datom::Entities::names($t))) . " FROM $relation g";
}

# What entities_since() shows, out of the facts.
sub rows_since
{
	my ($t, $at) = @_;
	my @columns = @{ $t->{columns} };
	my %idents = map { $_ => 1 } grep { defined } map { $_->{ident} } @columns;
	return '(SELECT NULL WHERE false)' if !%idents;
	my $n = 0;
	my @pivoted = map { Datom::Entities::pivoted($_) . ' AS c' . $n++ } @columns;
	my $now = "FROM oracle.valued f WHERE f.a = ':u/id' AND f.to_at IS NULL AND f.e";
	my @shown = map {
		my $c = $columns[$_];
		my $cast = $c->{type} =~ /numeric\(/ ? "::$c->{type}" . ($c->{many} ? '[]' : '') : '';
		my $shown = !$c->{identity} ? "p.c$_$cast"
			: $c->{many} ? "(SELECT array_agg(f.v::text ORDER BY f.v::text COLLATE \"C\") $now = ANY (p.c$_))" : "(SELECT f.v::text $now = p.c$_)";
		"$shown AS \"$c->{name}\"" } 0 .. $#columns;
	return "(SELECT ${\ join(', ', @shown)} FROM (SELECT ${\ join(', ', @pivoted)} FROM oracle.valued f
		WHERE f.at > '$at' AND f.to_at IS NULL AND f.a IN (${\ join(', ', map { qq('$_') } sort keys %idents)}) GROUP BY f.e) p)";
}

sub check
{
	my ($state, $how, $sql, $want) = @_;
	my $q = { got => $sql };
	differs("$state, " . name_of(%$how), got($dbh, $q), want($dbh, { want => $want }), $sql);
}

# Every question of some, as of its moment.
sub as_of_moments
{
	my ($state, $how, $questions) = @_;
	for (1 .. $EACH)
	{
		my $q = pick(@$questions);
		my $way = pick(@ways);
		my $asked = $ways{$way}->($q, $w->{asked}[ $q->{m} ]);
		differs("$state, $way, " . name_of(%$how), got($dbh, $asked), $q->{answer}, $asked->{got});
		went($asked) if maybe(0.3);
		$dbh->do('RESET plan_cache_mode');
	}
}

sub two_moments
{
	my ($state, $how) = @_;
	return if !@with_e;
	my $t = pick(@with_e);
	my @m = map { 1 + int rand(@{ $w->{asked} } - 1) } 1, 2;
	my @asked = map { "datom.entities_as_of(NULL::$t->{name}, " . written($w->{asked}[$_]) . ')' } @m;
	my $join = pick('JOIN', 'LEFT JOIN', 'FULL JOIN');
	my $sql = 'SELECT ' . Datom::Entities::hashed('concat_ws(\'|\', a::text, b::text)') . " FROM X a $join Y b ON a.e = b.e";
	check("$state, two moments", $how, $sql =~ s/X/$asked[0]/r =~ s/Y/$asked[1]/r,
		$sql =~ s/X/rows_of_table($t, $m[0])/er =~ s/Y/rows_of_table($t, $m[1])/er);
}

sub since
{
	my ($state, $how) = @_;
	my $t = pick(@tables);
	my $at = pick(@{ $w->{asked} }[ 1 .. $#{ $w->{asked} } ]);
	check("$state, since", $how, all_of($t, "datom.entities_since(NULL::$t->{name}, '$at'::timestamptz)"), all_of($t, rows_since($t, $at)));
}

sub history
{
	my ($state, $how) = @_;
	my $t = pick(@tables);
	my $m = int rand @{ $w->{asked} };
	my $at = $m ? "'$w->{asked}[$m]'::timestamptz" : "'9999-01-01'::timestamptz";
	my $states = "(SELECT (entity).* FROM datom.entities_history(NULL::$t->{name}) WHERE coalesce(valid_from, '9000-01-01') <= $at AND $at < coalesce(valid_to, '9000-01-01'))";
	check("$state, history", $how, all_of($t, $states), all_of($t, rows_of_table($t, $m)));
	return if !has_e($t);
	check("$state, states in turn", $how, "SELECT count(*) FILTER (WHERE valid_from >= valid_to) || ' ' || count(*) FILTER (WHERE ended > valid_from) || ' ' || count(*) FILTER (WHERE ended = valid_from AND entity::text = before::text)
		FROM (SELECT *, lag(valid_to) OVER w AS ended, lag(entity) OVER w AS before FROM datom.entities_history(NULL::$t->{name}) WINDOW w AS (PARTITION BY (entity).e ORDER BY valid_from)) s",
		"SELECT '0 0 0'");
}

sub hold_against
{
	my ($state, @hows) = @_;
	$wrong = 0;
	learn_entities($dbh, $w, 6, @tables);
	my @questions = grep { $_->{m} } map { entity_question($w, \@tables) } 1 .. $PER_STATE;
	$_->{answer} = want($dbh, $_) for @questions;
	for my $how (@hows)
	{
		configure($dbh, %$how);
		as_of_moments($state, $how, \@questions);
		two_moments($state, $how) for 1 .. 3;
		since($state, $how) for 1 .. 3;
		history($state, $how) for 1 .. 2;
	}
	is($wrong, 0, "$state: the answers are those of the log");
}

hold_against('unmerged', configurations());
merge($dbh, 'pur');
say_many($dbh, $w, 6);
hold_against('merged, and more', configurations());
merge($dbh, 'pur');
hold_against('merged', configurations());
$dbh->begin_work;
act($dbh, $w) for 1 .. 4;
hold_against('own rows', { orders => 1, scan => 1, workers => 0 }, { orders => 1, scan => 0, workers => 0 }, { orders => 1, scan => 1, workers => 1 });
$dbh->rollback;
# More questions, until each kind of plan was met.
for (1 .. 50)
{
	last if !grep { !$went{$_} } 'scan', 'function', 'in parallel';
	say_many($dbh, $w, 2);
	hold_against("further questions $_", configurations());
}
note join ', ', map { "$_ x $went{$_}" } sort keys %went;
cmp_ok($went{$_} // 0, '>', 0, "$_: there was one") for 'scan', 'function', 'in parallel';

# A row that another has changed meanwhile is looked at again, with the same
# row of the past.
$dbh->do("INSERT INTO pur (e, a, v) SELECT 800000 + i, ':u/id', 'kept ' || i FROM generate_series(1, 3) i");
my $kept = one($dbh, 'SELECT datom.now()');
$dbh->do('CREATE TABLE kept AS SELECT e, 0 AS n FROM (SELECT DISTINCT e FROM oracle.valued WHERE e > 0 UNION SELECT 800000 + i FROM generate_series(1, 3) i) x');
$dbh->do("CREATE FOREIGN TABLE identified (e bigint, id text, n bigint OPTIONS (attribute ':k/long')) SERVER datom OPTIONS (db 'pur', namespace 'u')");
for my $scan ('on', 'off')
{
	my ($other, $late) = map { db($node) } 1, 2;
	my $f = "datom.entities_as_of(NULL::identified, '$kept'::timestamptz)";
	$dbh->do('UPDATE kept SET n = 0');
	$late->do("SET datom.enable_scan = $scan");
	my $rows = one($late, "SELECT count(*) FROM kept k JOIN $f f USING (e)");
	$other->begin_work;
	$other->do('UPDATE kept SET n = 10');
	$late->do("UPDATE kept k SET n = k.n + 1 FROM $f f WHERE f.e = k.e AND f IS NOT DISTINCT FROM f", { pg_async => 1 });
	wait_until('it waits', sub { one($dbh, q{SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'}) });
	$other->commit;
	cmp_ok($rows, '>', 2, 'there are rows');
	is($late->pg_result + 0, $rows, "enable_scan = $scan: all rows were updated");
	is(one($dbh, 'SELECT count(*) FROM kept WHERE n = 11'), $rows, 'as another had left them');
}

# The control
my ($t) = grep { $_->{key} ne 'any' } @tables;
for (1 .. 100)
{
	learn_entities($dbh, $w, 6, @tables);
	last if one($dbh, all_of($t, rows_of_table($t, 0))) ne one($dbh, all_of($t, rows_of_table($t, 1)));
}
$dbh->do("UPDATE oracle.rows_$t->{name} SET m = 1 - m WHERE m IN (0, 1)");
configure($dbh, orders => 1, scan => 1, workers => 0);
my @different = grep { one($dbh, all_of($t, "datom.entities_as_of(NULL::$t->{name}, '$w->{asked}[$_]'::timestamptz)")) ne one($dbh, all_of($t, rows_of_table($t, $_))) } 1 .. $#{ $w->{asked} };
is("@different", '1', 'control: rows of another moment are noticed');
done_testing();
