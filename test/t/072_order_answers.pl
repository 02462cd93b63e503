# One answer, however it is asked for.
#
# A world with a random schema and a random history is asked random questions:
# of the table, of as_of, since, history, log and diff, of entities and of
# values, now and at moments of the past. The answers must be those of plain SQL
# over the log, and the same whether orders are read or not, before there was a
# merge, after one with more said since, after several, after REINDEX and
# without orders; with the custom scan and without; in one process and in three;
# on the primary and on a standby; in a transaction that has said something
# itself; and from a cursor that was opened before all that came later.
#
# The controls: the oracle breaks a rule, and a table is given the orders of
# another: the comparison has to notice.
#
# DATOM_SEEDS says how many worlds; SEED=n DATOM_SEEDS=1 repeats the one that
# failed.
use strict;
use warnings;
use Datom;
use Datom::Orders;
use Test::More;

my $SEEDS = $ENV{DATOM_SEEDS} || (torture() ? 20 : 2);
my $PER_STATE = torture() ? 300 : 40;
my $EACH = torture() ? 60 : 6;

my $node = server('answers', fsync => 'off', autovacuum => 'off', max_parallel_workers => 8,
	'datom.wait' => "'60s'");
my $standby = standby($node, 'answers_standby');
launch($standby);
my $dbh = db($node);
my $reader = db($node);
my $there = db($standby);
oracle($dbh);

my ($seed, $wrong, %asked);

sub differs
{
	my ($w, $q, $how, $got, $want) = @_;
	diag "seed $seed, $how: $got, not $want\n", $q->{in_force} ? "as of $q->{in_force}: " : '', "$q->{got}\nfor $q->{want}"
		if $wrong++ < 5;
}

# What a plan did, so that it can be seen that all was done.
my %went;

sub went
{
	my ($on, $q) = @_;
	my $plan = eval {
		$on->do("SET datom.as_of = '$q->{in_force}'") if $q->{in_force};
		join "\n", @{ $on->selectcol_arrayref("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) $q->{got}") };
	} // '';
	$on->do('RESET datom.as_of') if $q->{in_force};
	$went{$_}++ for $plan =~ /^ *(Facts: \w+|Order: \w+)/mg, $plan =~ /Workers Launched: [12]\b.*DatomScan/s ? 'in parallel' : (),
		$plan =~ /Blocks Skipped: [1-9]/ ? 'skipped blocks' : (), $plan =~ /Tail Rows: [1-9]/ ? 'read a tail' : ();
}

# Each question in the ways given: [ session, name, settings ].
sub hold_against
{
	my ($w, $state, $questions, $n, @ways) = @_;
	for my $way (@ways)
	{
		my ($on, $name, $how) = @$way;
		configure($on, %$how);
		for (1 .. $n)
		{
			my $q = pick(@$questions);
			my $got = got($on, $q);
			differs($w, $q, "$state, $name, " . name_of(%$how), $got, $q->{answer}) if $got ne $q->{answer};
			$asked{ $q->{kind} }++;
			$asked{$state}++;
			went($on, $q) if $how->{scan} && $how->{orders} && $on != $dbh && maybe(0.3);
		}
	}
}

sub questions
{
	my ($w, $n, @kinds) = @_;
	my @questions = map { question($w, @kinds) } 1 .. $n;
	$_->{answer} = want($dbh, $_) for @questions;
	return \@questions;
}

# All ways to ask in this state of the orders.
sub ask
{
	my ($w, $state) = @_;
	learn($dbh, $w);
	my $questions = questions($w, $PER_STATE);
	$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
	hold_against($w, $state, $questions, $EACH,
		map { my $how = $_; ([ $reader, 'primary', $how ], [ $there, 'standby', $how ]) } configurations());
}

# In a transaction that says something, and then more.
sub ask_inside
{
	my ($w, $state) = @_;
	configure($dbh, orders => 1, scan => 1);
	$dbh->begin_work;
	act($dbh, $w, pick(qw(few bulk retract both upsert))) for 1 .. 4;
	learn($dbh, $w);
	my $questions = questions($w, 20, qw(table now history log_all));
	hold_against($w, "$state, in a transaction", $questions, 5, map { [ $dbh, 'primary', $_ ] } configurations());
	# Cursors do not see what is said after they were opened.
	my @open = map { declare($dbh, $w, "$state, in a transaction", orders => 1, scan => maybe(0.8), workers => maybe(0.3)) // () } 1 .. 3;
	act($dbh, $w, pick(qw(few bulk retract both upsert))) for 1 .. 3;
	drain($_) for @open;
	$asked{'a cursor, then own facts'} += @open;
	$dbh->rollback;
}

# A cursor for the rows of a question, with what they must be; undef if the
# question has none.
sub declare
{
	my ($on, $w, $state, %how) = @_;
	my $q = question($w, qw(table now as_of history));
	return if $q->{in_force} || $q->{got} !~ /^SELECT count\(\*\) \|\|.*?(hashtextextended\(concat_ws\(.*?\), 0\)).*?( FROM .*)$/s;
	my ($row, $from) = ($1, $2);
	my ($want) = $q->{want} =~ /^SELECT count.*?( FROM .*)$/s;
	my $rows = join ' ', sort @{ $dbh->selectcol_arrayref("SELECT $row$want") };
	configure($on, %how);
	$on->begin_work if $on->{AutoCommit};
	my $name = 'c' . int rand 1e9;
	$on->do("DECLARE $name CURSOR FOR SELECT $row$from");
	return { on => $on, name => $name, rows => $on->selectcol_arrayref('FETCH ' . pick(0, 1, 7, 500) . " FROM $name"),
		q => $q, w => $w, state => $state, how => name_of(%how), want => $rows };
}

sub drain
{
	my ($c) = @_;
	my $rest = eval { $c->{on}->selectcol_arrayref("FETCH ALL FROM $c->{name}") } // [ $c->{on}->errstr ];
	differs($c->{w}, $c->{q}, "cursor from \"$c->{state}\", $c->{how}", scalar(@{ $c->{rows} }) . '+' . @$rest . ' rows', 'those')
		if join(' ', sort @{ $c->{rows} }, @$rest) ne $c->{want};
}

# Each in a session of its own.
my @cursors;

sub open_cursors
{
	my ($w, $state, $n) = @_;
	push @cursors, map { declare(db($node), $w, $state, orders => 1, scan => maybe(0.8), workers => maybe(0.3)) // () } 1 .. $n;
}

# Those that have been open for long enough go on to their end.
sub close_cursors
{
	my ($all) = @_;
	my @kept;
	for my $c (@cursors)
	{
		if (!$all && maybe(0.5)) { push @kept, $c; next }
		drain($c);
		$c->{on}->disconnect;
		$asked{'a held cursor'}++;
	}
	@cursors = @kept;
}

sub say
{
	my ($w, $n) = @_;
	configure($dbh, orders => 1, scan => 1);
	say_many($dbh, $w, $n);
}

sub state_of
{
	my ($w, $state) = @_;
	ask($w, $state);
	ask_inside($w, $state) if maybe(0.6);
	close_cursors();
	learn($dbh, $w);
	open_cursors($w, $state, 4);
}

sub world
{
	my $w = new_world($dbh, 'pur', size => pick(40, 300, 2000), importing => maybe(0.4));
	say($w, 25);
	state_of($w, 'unmerged');
	say_bulk($dbh, $w, pick(100, 1500));
	state_of($w, 'unmerged, bulk');
	merge($dbh, 'pur');
	say($w, 12);
	state_of($w, 'half merged');
	for (1 .. 4)
	{
		say($w, 5);
		merge($dbh, 'pur');
	}
	state_of($w, 'merged');
	say_bulk($dbh, $w, 60);
	say($w, 10);
	merge($dbh, 'pur') if maybe(0.5);
	close_cursors(1);
	if (maybe(0.6))
	{
		my ($avet) = grep { one($dbh, 'SELECT pg_get_indexdef(?::regclass)', $_) =~ /\(a, v\)/ } orders_of($dbh, 'pur');
		$dbh->do("ALTER INDEX $avet SET (attributes = '" . join(', ', grep { maybe(0.5) } sort keys %{ $w->{attrs} }) . "')");
		merge($dbh, 'pur') if maybe(0.5);
		say($w, 3);
	}
	$dbh->do('REINDEX INDEX ' . (maybe(0.5) ? 'CONCURRENTLY ' : '') . $_) for grep { maybe(0.6) } orders_of($dbh, 'pur');
	say($w, 3);
	ask($w, 'some reindexed');
	given_by_hand($w);
	control_swapped($w) if !$wrong;
	my @orders = orders_of($dbh, 'pur');
	my @gone = maybe(0.5) ? @orders : grep { maybe(0.5) } @orders;
	$dbh->do("DROP INDEX $_") for @gone;
	say($w, 3);
	ask($w, @gone == @orders ? 'no orders' : 'some orders');
	close_cursors(1);
	my $faults = $dbh->selectall_arrayref(q{SELECT * FROM datom.check('pur')});
	differs($w, { got => 'datom.check', want => '' }, 'check', join(' ', map { $_ // '' } @{ $faults->[0] }), 'none') if @$faults;
	control_flaw($w) if !$wrong;
}

# Rows of transactions of long ago, as a restore gives them.
sub given_by_hand
{
	my ($w) = @_;
	my ($tx) = map { $_->[1] } grep { defined $_->[1] } @{ $w->{moments} };
	merge($dbh, 'pur');
	$dbh->do("INSERT INTO pur (e, a, v, tx, added) SELECT 1000 + i, ':k/long', -1000::bigint, ?, true FROM generate_series(1, 400) i", undef, $tx);
	ask($w, 'facts given by hand');
	merge($dbh, 'pur');
	ask($w, 'facts given by hand, merged');
}

#
# Controls
#

my (%tried, %caught);

# Is it by one of so many questions at most?
sub noticed
{
	my ($w, $most, @kinds) = @_;
	configure($reader, orders => 1, scan => 1);
	for (1 .. $most / 10)
	{
		my $questions = questions($w, 10, @kinds);
		return 1 if grep { got($reader, $_) ne $_->{answer} } @$questions;
	}
	return 0;
}

# What a history does not lead to, a flaw in it does not change: then the next.
sub control_flaw
{
	my ($w) = @_;
	$tried{'the oracle breaks a rule'}++;
	for my $flaw (sort { $a->[0] <=> $b->[0] } map { [ rand, $_ ] } 'a retraction wins', 'an assertion ends nothing', 'what holds can begin again')
	{
		$dbh->do("SET oracle.flaw = '$flaw->[1]'");
		eval { learn($dbh, $w); 1 } or note "oracle: $@";
		my $noticed = noticed($w, 100, qw(as_of now history));
		$dbh->do('RESET oracle.flaw');
		next if !$noticed;
		$caught{'the oracle breaks a rule'}++;
		return;
	}
}

# Its orders are those of another table.
sub control_swapped
{
	my ($w) = @_;
	new_world($dbh, 'other', size => $w->{size});
	merge($dbh, $_) for 'pur', 'other';
	swap_orders($dbh, 'pur', 'other', $_) for '(a, e)', '(e, a)';
	$tried{'orders of another table'}++;
	$caught{'orders of another table'}++ if noticed($w, 200, qw(as_of now history));
	swap_orders($dbh, 'pur', 'other', $_) for '(a, e)', '(e, a)';
	$dbh->do('DROP TABLE other');
}

# What is to be met, and has not been.
sub missing
{
	my @missing = grep { !$went{$_} && !$caught{$_} } map({ "Order: $_" } qw(aevt eavt avet)), map({ "Facts: $_" } qw(as_of since history)),
		'in parallel', 'skipped blocks', 'read a tail', 'the oracle breaks a rule', 'orders of another table';
	return @missing;
}

note 'SEED=', my $first = sow(), " DATOM_SEEDS=$SEEDS";
# More worlds, if these have not led to all of it.
my $failed = 0;
for (my $n = 0; $n < $SEEDS || ($n < $SEEDS + 10 && !$failed && missing()); $n++)
{
	$seed = sow($first + $n);
	$wrong = 0;
	my %before = %asked;
	eval { world(); 1 } or do { diag "seed $seed: $@"; $wrong++; $_->ping == 1 || $_->rollback for $dbh, $reader, $there };
	$_->{on}->disconnect for @cursors;
	@cursors = ();
	is($wrong, 0, "seed $seed: all answers are the oracle's");
	$failed += $wrong;
	$dbh->do('DROP TABLE IF EXISTS pur');
}
note "$asked{$_} answers: $_" for sort keys %asked;
note join ', ', map { "$_ x $went{$_}" } sort keys %went;
note "control: $_: noticed in ", $caught{$_} // 0, " of $tried{$_} worlds" for sort keys %tried;
is(join(', ', missing()), '', 'all kinds of scans were met, and the controls were noticed');
done_testing();
