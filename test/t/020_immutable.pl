# An answer as of a moment never changes.
#
# Writers commit with random delays, savepoints and aborts, while others ask
# as_of at the basis, within microseconds of commits, now, and at arbitrary
# moments of the past, on the primary and on a standby, and write down a hash
# of each answer. In the middle of it the server crashes and comes back with a
# clock that has stepped back. All the time orders are merged. Every question is asked again: soon, at the end,
# on the standby, after the next crash, and on the standby after its promotion.
#
# The controls break the rules that make this hold and have to be caught.
use strict;
use warnings;
use Datom;
use Datom::Load;
use Datom::Orders qw(merger);
use PostgreSQL::Test::Utils;
use Test::More;

my $clock = 0;

# One table, so many writers, so many answers, and a crash in the middle.
sub round
{
	my ($primary, $standby, $all, $name, $writers, $quota, $crash) = @_;
	my $stop = scratch("stop.$name");
	my (@writers, @askers, @files);
	new_table($primary, $name);
	$primary->wait_for_catchup($standby);
	push @writers, stream(sub { writer($primary, $name, $stop, $writers) }) for 1 .. $writers;
	push @writers, stream(sub { merger($primary, $name, $stop, 0.5) });
	for my $i (0 .. 2)
	{
		my $node = $i < 2 ? $primary : $standby;
		push @files, scratch("$name.$i");
		push @askers, stream(sub { asker($node, $name, int($quota * ($i < 2 ? 0.35 : 0.3)), $files[$i]) });
	}
	wait_until('half the questions are answered', sub { lines($files[0]) > $quota * 0.35 });
	if ($crash)
	{
		crash($primary, $crash);
		set_clock($primary, $clock -= 3000);
		launch($primary);
		crash($standby, 'all');
		launch($standby);
	}
	is(finish(@askers), 0, "$writers writers: questions were asked");
	open my $touch, '>', $stop;
	finish(@writers);
	my $round = new_tally();
	collect($_, @files) for $round, $all;
	note sprintf '%d writers, crash: %s: %d commits, %s', $writers, $crash || 'none',
		one(db($primary), 'SELECT count(*) FROM datom.tx WHERE db = ?::regclass', $name),
		join ', ', map { "$_ $round->{count}{$_}" } sort keys %{ $round->{count} };
	cmp_ok($round->{count}{answer}, '>=', $quota, "$writers writers: enough answers");
	is(changes($round), 0, "$writers writers: none changed");
	is(faults($primary, $name), 0, "$writers writers: datom.check finds no fault");
}

sub lines
{
	my ($file) = @_;
	open my $in, '<', $file or return 0;
	my $n = 0;
	$n++ while <$in>;
	return $n;
}

# The standby has everything that the primary can say.
sub synced
{
	my ($primary, $standby) = @_;
	$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
}

sub under_load
{
	my $quota = torture() ? 10_000 : 2_000;
	my $all = new_tally();
	my $primary = server('primary');
	# Replay waits for questions, or it would end some of them.
	my $standby = standby($primary, 'standby', max_standby_streaming_delay => -1);
	launch($standby);
	round($primary, $standby, $all, 'two', 2, $quota, 'immediate');
	round($primary, $standby, $all, 'eight', 8, $quota, 'all');
	round($primary, $standby, $all, 'many', 32, $quota, 'postmaster');
	synced($primary, $standby);
	is(ask_again($standby, $all), 0, 'the standby answers all as before');
	crash($primary, 'all');
	set_clock($primary, $clock -= 3000);
	launch($primary);
	is(ask_again($primary, $all), 0, 'so does the primary after another crash');

	# Failover to a clock that lags still more.
	synced($primary, $standby);
	crash($primary, 'all');
	set_clock($standby, $clock -= 3000);
	$standby->reload;
	$standby->promote;
	wait_until('promoted', sub { !one(db($standby), 'SELECT pg_is_in_recovery()') });
	my $dbh = db($standby);
	for my $table (qw(two eight many))
	{
		say_something($dbh, $table) for 1 .. 20;
	}
	is(ask_again($standby, $all), 0, 'so does the promoted standby, whose clock lags');
	note changes($all), " of $all->{count}{answer} answers changed";
	cmp_ok($all->{count}{answer}, '>=', 3 * $quota, 'enough answers in all');
	is(changes($all), 0, 'and none ever changed');
}

# Writers who break a rule are caught by the same questions.
sub control
{
	my ($node, $break) = @_;
	my $table = "broken_$break";
	my $all = new_tally('quiet');
	new_table($node, $table);
	for my $try (1 .. 6)
	{
		my $stop = scratch("stop.$table.$try");
		my @files = map { scratch("$table.$try.$_") } 0, 1;
		my @writers = map {
			stream(sub { writer($node, $table, $stop, 8, delay => 0, 'datom.test_break' => $break) })
		} 1 .. 8;
		my @askers = map { my $file = $_; stream(sub { asker($node, $table, 400, $file) }) } @files;
		finish(@askers);
		open my $touch, '>', $stop;
		finish(@writers);
		collect($all, @files);
		ask_again($node, $all);
		last if changes($all);
	}
	note sprintf 'control %s: %d of %d answers changed', $break, changes($all), $all->{count}{answer};
	cmp_ok(changes($all), '>', 0, "control: $break is caught");
}

sub controls
{
	my $node = server('control');
	control($node, $_) for qw(write_time early_release no_lock);
}

under_load();
controls();
done_testing();
