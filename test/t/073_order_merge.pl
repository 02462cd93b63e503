# Orders are right after whatever happens to a merge, and to the order.
#
# A backend that merges is killed at the first step, the second, and so on until
# it gets through; after each recovery all answers are those of the log, and
# datom.check finds no fault. Orders are made, made anew, and dropped, alone and
# while others write, in transactions that are rolled back, that have said
# something, that are cancelled; they are dumped and restored. And writers, whose
# transactions end in every way, write while others merge.
#
# The controls: an order that is another table's, and one that stopped at a
# merge, are noticed by the same comparison and by datom.check.
use strict;
use warnings;
use Datom;
use Datom::Load;
use Datom::Orders;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

note 'SEED=', sow();
my $node = server('merge', fsync => 'off', autovacuum => 'off', restart_after_crash => 'on', max_wal_size => "'256MB'",
	'datom.wait' => "'60s'");
our $dbh = db($node);

sub back
{
	wait_until('the server is back', sub { my $new = try_db($node); $new && $new->disconnect; $new });
	$dbh = db($node);
}

# What is wrong with the orders of a table, in words.
sub faults_of
{
	my ($table, @moments) = @_;
	my (@faults, %said);
	for my $how ({}, { orders => 1 }, { orders => 1, scan => 1 })
	{
		configure($dbh, %$how);
		my $said = eval { all_answers($dbh, $table, @moments) } // do { push @faults, name_of(%$how) . ': ' . $dbh->errstr; next };
		push @faults, map { name_of(%$how) . ": $_: $said->{$_}, not $said{$_}" }
			grep { ($said{$_} //= $said->{$_}) ne $said->{$_} } sort keys %$said;
	}
	push @faults, map { join ' ', 'check:', map { $_ // '' } @$_ }
		@{ $dbh->selectall_arrayref('SELECT * FROM datom."check"(?)', undef, $table) };
	return @faults;
}

sub sound
{
	my ($table, $what, @moments) = @_;
	my @faults = faults_of($table, @moments);
	is(join("\n", @faults[ 0 .. ($#faults < 4 ? $#faults : 4) ]), '', $what);
}

# Some moments of a table, the last one among them.
sub moments_of
{
	my ($table) = @_;
	return @{ $dbh->selectcol_arrayref(q{SELECT m FROM (SELECT instant AS m FROM datom.tx
			WHERE db = ?::regclass ORDER BY random() LIMIT 4) s UNION SELECT datom.basis(?)}, undef, $table, $table) };
}

#
# Killed at every step
#

sub killed_merges
{
	my $w = new_world($dbh, 'pur', size => 300);
	my ($step, $kills, $survived) = (0, 0, 0);
	my @faults;
	say_bulk($dbh, $w, 400);
	# From an empty order, then from one with runs.
	while ($survived < 2)
	{
		# Each step once; in a hurry later ones are tried here and there.
		$step += torture() || $step < 8 ? 1 : 1 + int rand 6;
		configure($dbh, orders => 1, scan => 1);
		say_many($dbh, $w, 2);
		say_bulk($dbh, $w, maybe(0.2) ? 30 : 3);
		my @moments = moments_of('pur');
		configure($dbh);
		my $truth = all_answers($dbh, 'pur', @moments);
		my $victim = db($node, 'datom.test_merge_step' => $step);
		my $lived = eval { merge($victim, 'pur'); 1 };
		if (!$lived && $victim->ping)
		{
			push @faults, "step $step: " . $victim->errstr;
			last;
		}
		if (!$lived)
		{
			$kills++;
			wait_until('the server has noticed', sub { !$dbh->ping });
			back();
		}
		my $how = "step $step, " . ($lived ? 'survived' : 'killed');
		configure($dbh, orders => 1, scan => maybe(0.5));
		my $said = all_answers($dbh, 'pur', @moments);
		push @faults, map { "$how: $_: $said->{$_}, not $truth->{$_}" } grep { $said->{$_} ne $truth->{$_} } sort keys %$truth;
		push @faults, map { "$how: $_" } faults_of('pur', @moments) if $lived || maybe(0.3);
		next unless $lived || maybe(0.3);
		merge($dbh, 'pur');
		push @faults, map { "$how, merged: $_" } faults_of('pur', @moments);
		next unless $lived;
		$survived++;
		note "a merge has fewer than $step steps";
		$step = 0;
	}
	note "$kills kills";
	note $_ for @faults[ 0 .. ($#faults < 9 ? $#faults : 9) ];
	is(scalar @faults, 0, "merges killed at any step leave right answers");
	cmp_ok($kills, '>', 8, 'they were killed');
	sound('pur', 'and at the end', moments_of('pur'));
}

#
# Made, made anew, dropped
#

my %columns = (aevt => 'a, e', eavt => 'e, a', avet => 'a, v', vaet => 'v, a');

sub create_order
{
	my ($kind, $name, $concurrently) = @_;
	return 'CREATE INDEX ' . ($concurrently ? 'CONCURRENTLY ' : '') . "$name ON pur USING datom_order ($columns{$kind})";
}

sub state_of
{
	my ($on, $sql) = @_;
	return eval { $on->do($sql); 1 } ? '00000' : $on->state;
}

sub made_and_dropped
{
	my $w = new_world($dbh, 'pur', size => 300);
	say_bulk($dbh, $w, 200);
	say_many($dbh, $w, 5);
	my @moments = moments_of('pur');
	is(scalar orders_of($dbh, 'pur'), 4, 'a datom table has four orders');
	merge($dbh, 'pur');
	say_many($dbh, $w, 3);
	sound('pur', 'merged', @moments);

	$dbh->do("REINDEX INDEX $_") for orders_of($dbh, 'pur');
	sound('pur', 'REINDEX INDEX', @moments);
	say_many($dbh, $w, 3);
	$dbh->do('REINDEX TABLE pur');
	sound('pur', 'REINDEX TABLE', @moments);
	$dbh->do("REINDEX INDEX CONCURRENTLY $_") for orders_of($dbh, 'pur');
	sound('pur', 'REINDEX INDEX CONCURRENTLY', @moments);

	$dbh->begin_work;
	$dbh->do("DROP INDEX $_") for orders_of($dbh, 'pur');
	say_bulk_inside($w);
	sound('pur', 'DROP INDEX, facts, not yet committed', @moments);
	$dbh->rollback;
	sound('pur', 'rolled back', @moments);

	for my $order (orders_of($dbh, 'pur'))
	{
		$dbh->do('DROP INDEX ' . (maybe(0.5) ? 'CONCURRENTLY ' : '') . $order);
		sound('pur', "DROP INDEX $order", @moments) if maybe(0.5);
	}
	sound('pur', 'without orders', @moments);
	for my $kind (sort { rand() <=> 0.5 } keys %columns)
	{
		my $concurrently = maybe(0.5);
		$dbh->do(create_order($kind, "made_$kind", $concurrently));
		say_many($dbh, $w, 2);
		sound('pur', "CREATE INDEX, $kind", @moments);
	}
	$dbh->begin_work;
	say_bulk_inside($w);
	$dbh->do('DROP INDEX made_aevt');
	$dbh->do(create_order('aevt', 'again'));
	sound('pur', 'an order made in a transaction that has said something', @moments);
	$dbh->do('SAVEPOINT s');
	$dbh->do('REINDEX INDEX made_eavt');
	$dbh->do('ROLLBACK TO s');
	$dbh->do('REINDEX INDEX made_avet');
	$dbh->commit;
	sound('pur', 'and after its commit', @moments);
	merge($dbh, 'pur');
	sound('pur', 'and a merge', @moments);

	# Two of a kind.
	$dbh->do(create_order('eavt', 'second_eavt'));
	say_many($dbh, $w, 3);
	merge($dbh, 'pur');
	sound('pur', 'two orders of a kind', @moments);
	$dbh->do('DROP INDEX made_eavt');
	say_many($dbh, $w, 3);
	sound('pur', 'one of them dropped', @moments);
	return ($w, @moments);
}

sub say_bulk_inside
{
	my ($w) = @_;
	act($dbh, $w, $_) for qw(bulk retract upsert few);
}

# What is not an order is refused by name.
sub refused
{
	$dbh->do('CREATE TABLE plain (a datom.attribute, e bigint, v datom.value)');
	my %refused = (
		'42809 on a heap table' => 'CREATE INDEX ON plain USING datom_order (a, e)',
		'0A000 other columns' => 'CREATE INDEX ON pur USING datom_order (e, v)',
		'0A000 one column' => 'CREATE INDEX ON pur USING datom_order (a)',
		'0A000 a condition' => 'CREATE INDEX ON pur USING datom_order (a, e) WHERE added',
		'0A000 UNIQUE' => 'CREATE UNIQUE INDEX ON pur USING datom_order (a, e)',
		'0A000 INCLUDE' => 'CREATE INDEX ON pur USING datom_order (a, e) INCLUDE (tx)',
		'0A000 DESC' => 'CREATE INDEX ON pur USING datom_order (a DESC, e)',
		'22023 an unknown option' => 'CREATE INDEX ON pur USING datom_order (a, e) WITH (fillfactor = 50)');
	for my $what (sort keys %refused)
	{
		my ($state, $words) = $what =~ /^(\S+) (.*)$/;
		is(state_of($dbh, $refused{$what}), $state, "refused: $words");
	}
}

# Orders are made while others write and merge.
sub made_under_load
{
	my $stop = scratch('stop.ddl');
	new_table($node, 'busy');
	my @others = (map({ stream(sub { writer($node, 'busy', $stop, 2, delay => 20) }) } 1, 2),
		stream(sub { merger($node, 'busy', $stop, 0.2) }));
	my $end = time + (torture() ? 60 : 4);
	my (%did, @failed);
	while (time < $end)
	{
		my @orders = orders_of($dbh, 'busy');
		my $sql = pick((map { ("REINDEX INDEX $_", "REINDEX INDEX CONCURRENTLY $_") } @orders), 'REINDEX TABLE CONCURRENTLY busy',
			@orders ? "DROP INDEX CONCURRENTLY $orders[0]" : (),
			map { create_order($_, "busy_${_}_" . int(rand 1e6), maybe(0.7)) =~ s/ON pur/ON busy/r }
				grep { my $kind = $_; @orders < 6 } sort keys %columns);
		my ($verb) = $sql =~ /^(\w+ \w+)/;
		# Some are cancelled, and leave something behind.
		$dbh->do('SET statement_timeout = ' . int rand 30) if maybe(0.2);
		my $state = state_of($dbh, $sql);
		# It may be too short for this as well.
		until (eval { $dbh->do('RESET statement_timeout') }) { }
		$did{ $state eq '57014' ? "$verb, cancelled" : $verb }++;
		push @failed, "$state $sql: " . $dbh->errstr if $state !~ /^(00000|57014|40P01)$/;
	}
	open my $touch, '>', $stop;
	finish(@others);
	note join ', ', map { "$did{$_} x $_" } sort keys %did;
	is(join("\n", @failed), '', 'orders are made and dropped while others write');
	sound('busy', 'and all answers are right', moments_of('busy'));
	merge($dbh, 'busy');
	sound('busy', 'after another merge, too', moments_of('busy'));
}

#
# Dump and restore
#

sub dumped
{
	my (@moments) = @_;
	my $dir = PostgreSQL::Test::Utils::tempdir;
	configure($dbh, orders => 1, scan => 1);
	my $truth = all_answers($dbh, 'pur', @moments);
	my $definitions = q{SELECT string_agg(pg_get_indexdef(indexrelid), '; ' ORDER BY indexrelid::regclass::text COLLATE "C") FROM pg_index WHERE indrelid = 'pur'::regclass};
	my $wanted = one($dbh, $definitions);
	command_ok([ 'pg_dump', '-Fc', '-f', "$dir/all", $node->connstr('postgres') ], 'pg_dump');
	for my $jobs (1, 2)
	{
		$dbh->do("CREATE DATABASE restored$jobs");
		command_ok([ 'pg_restore', '-e', "-j$jobs", '-d', $node->connstr("restored$jobs"), "$dir/all" ], "pg_restore -j$jobs");
		local $dbh = db($node, dbname => "restored$jobs");
		is(one($dbh, $definitions), $wanted, 'the same orders');
		is_deeply(all_answers($dbh, 'pur', @moments), $truth, 'the same answers');
		sound('pur', 'sound', @moments);
		merge($dbh, 'pur');
		sound('pur', 'also when merged', @moments);
		$dbh->do("INSERT INTO pur (e, a, v) SELECT 1000 + i, ':k/long', 4711::bigint FROM generate_series(1, 50) i");
		sound('pur', 'and written to', @moments);
		$dbh->disconnect;
	}
}

#
# Writers and mergers
#

sub under_load
{
	my $stop = scratch('stop.load');
	new_table($node, 'load');
	my @others = (map({ stream(sub { writer($node, 'load', $stop, 3) }) } 1 .. 3),
		map { stream(sub { merger($node, 'load', $stop, 0.05) }) } 1, 2);
	my ($asked, @wrong) = (0);
	my $end = time + (torture() ? 300 : 5);
	# Until they have written enough, also where that takes longer.
	while (time < $end || (time < $end + 180 && one($dbh, q{SELECT count(*) FROM load}) <= 100))
	{
		my $hash = q{SELECT count(*) || ':' || coalesce(sum(hashtextextended(d::text, 0)), 0) FROM };
		my $what = pick('load d', q{datom.as_of('load') d}, q{datom.history('load') d},
			map { "load d WHERE $_" } 'e = ' . (1000 + int rand 200), q{a = ':x/one'}, 'e < 1100');
		$dbh->do('BEGIN ISOLATION LEVEL REPEATABLE READ');
		my @said;
		for my $how ({}, { orders => 1 }, { orders => 1, scan => 1 })
		{
			configure($dbh, %$how);
			push @said, one($dbh, "$hash$what");
			sleep rand 0.02;
		}
		$dbh->do('COMMIT');
		$asked++;
		push @wrong, "$what: @said" if $said[0] ne $said[1] || $said[0] ne $said[2];
	}
	open my $touch, '>', $stop;
	finish(@others);
	note $_ for @wrong[ 0 .. ($#wrong < 9 ? $#wrong : 9) ];
	is(scalar @wrong, 0, "$asked questions in one snapshot each, while others write, roll back and merge");
	sound('load', 'all is right afterwards', moments_of('load'));
	merge($dbh, 'load');
	sound('load', 'and merged', moments_of('load'));
	cmp_ok(one($dbh, q{SELECT count(*) FROM load}), '>', 100, 'they have written');
}

#
# Controls
#

# Two tables change their files of one order.
sub control_swapped
{
	new_world($dbh, 'other', size => 200);
	my $w = new_world($dbh, 'same', size => 200);
	say_bulk($dbh, $w, 200);
	$dbh->do("INSERT INTO other (e, a, v) SELECT e, a, v FROM datom.as_of('same') WHERE e > 1000 AND a = ':k/long' AND e % 3 > 0");
	merge($dbh, $_) for 'other', 'same';
	sound($_, "control: $_ is sound") for 'other', 'same';
	for my $columns ('(a, e)', '(e, a)')
	{
		is(swap_orders($dbh, 'same', 'other', $columns), 2, "control: orders on $columns are swapped");
		my @faults = faults_of('same');
		note $_ for @faults[ 0 .. ($#faults < 3 ? $#faults : 3) ];
		ok((grep { !/^check/ } @faults), 'control: the answers differ');
		ok((grep { /^check/ } @faults), 'control: datom.check finds it');
		swap_orders($dbh, 'same', 'other', $columns);
		sound('same', 'control: back again');
	}
	$dbh->do('DROP TABLE same, other');
}

killed_merges();
$dbh->do('DROP TABLE pur');
my ($w, @moments) = made_and_dropped();
refused();
dumped(@moments);
made_under_load();
under_load();
control_swapped();
done_testing();
