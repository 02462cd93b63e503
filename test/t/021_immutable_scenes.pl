# An answer as of a moment never changes: scenes that broke earlier forms of the
# algorithm, one by one, each with a control that shows it would be noticed.
use strict;
use warnings;
use Datom;
use Datom::Load;
use PostgreSQL::Test::Utils;
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep);

my $clock = 0;

# Asks, or says why it cannot: the SQLSTATE.
sub ask
{
	my ($dbh, $table, $at) = @_;
	return eval { answer($dbh, $table, $at) } // $dbh->state;
}

my $said = 0;

# Says something; returns the instant of the commit.
sub say_at
{
	my ($dbh, $table) = @_;
	my $tx = one($dbh, "INSERT INTO $table (e, a, v) VALUES (1000, ':x/many', ?::text) RETURNING tx", 'said ' . $said++);
	return one($dbh, 'SELECT datom.instant(?)', $tx);
}

sub before { my ($dbh, $a, $b) = @_; return one($dbh, 'SELECT ?::timestamptz < ?::timestamptz', $a, $b) }

sub server_clock
{
	my ($dbh) = @_;
	return one($dbh, "SELECT clock_timestamp() + current_setting('datom.test_clock_offset')::interval");
}

sub restart_with_clock
{
	my ($node, $offset) = @_;
	crash($node, 'all');
	set_clock($node, $offset);
	launch($node);
	return db($node);
}

# Moves the clock while the server runs.
sub move_clock
{
	my ($node, $offset) = @_;
	set_clock($node, $offset);
	$node->reload;
	my $dbh = db($node);
	wait_until('the clock has moved', sub {
		one($dbh, "SELECT current_setting('datom.test_clock_offset')::interval = make_interval(secs => ?::float8)",
			$offset / 1000) });
}

# A scene begins with the clock ahead of all that earlier ones left.
sub clock_ahead
{
	my ($node) = @_;
	return clock_moves($node, 1_000_000);
}

sub clock_moves
{
	my ($node, $ms) = @_;
	move_clock($node, $clock += $ms);
	return db($node);
}

# Further back than what is done until then can take.
sub restart_in_the_past { return restart_with_clock($_[0], $clock -= 500_000) }

# A session that stays in its commit, its entry added, for a while.
sub commit_slowly
{
	my ($node, $ms, $sql) = @_;
	return spawn(sub {
		my $dbh = db($node, 'datom.test_commit_delay' => $ms);
		eval { $dbh->do($sql) };
	});
}

# The instant of an entry in progress, of which the slow commit is told. False
# if that has ended before it was seen.
sub flying
{
	my ($dbh, $table, $slow) = @_;
	my $at;
	wait_until('an entry is in progress', sub { ($at = in_flight($dbh, $table)) || waitpid $slow, POSIX::WNOHANG() });
	return $at;
}

# Until it is vacuumed a deleted tick may still be read. VACUUM passes over a
# page that somebody else looks at just then.
sub forget_ticks
{
	my ($dbh) = @_;
	$dbh->do('DELETE FROM datom.clock');
	wait_until('no tick is left', sub {
		$dbh->do('VACUUM (TRUNCATE) datom.clock');
		one($dbh, q{SELECT pg_relation_size('datom.clock') = 0}) });
}

sub scene_crash_after_now
{
	my ($node) = @_;
	new_table($node, 'now');
	for my $control (0, 1)
	{
		my $dbh = clock_ahead($node);
		say_at($dbh, 'now');
		my $at = server_clock($dbh);
		my $hash = ask($dbh, 'now', $at);
		like($hash, qr/^\d+:/, 'as of now, idle: answered');
		# The control forgets the tick, as if it had been kept in memory.
		forget_ticks($dbh) if $control;
		say_at(restart_in_the_past($node), 'now');
		# Nothing that is ahead of the clock is answered without the tick.
		my $again = ask(clock_moves($node, 500_000), 'now', $at);
		like($again, qr/^\d+:/, 'as of then: answered');
		$control
			? isnt($again, $hash, 'control: with the tick forgotten the answer changes')
			: is($again, $hash, 'as of now, crash, clock back, commit: the same');
	}
}

sub scene_below_running
{
	my ($node) = @_;
	new_table($node, 'below');
	my $dbh = clock_ahead($node);
	$dbh->do('SET datom.wait = 200');
	say_at($dbh, 'below');
	# It will not live to see its end.
	my $slow = commit_slowly($node, 600_000, "INSERT INTO below (e, a, v) VALUES (1, ':x/many', 'slow')");
	my $flying = flying($dbh, 'below', $slow);
	my $just_below = one($dbh, "SELECT ?::timestamptz - interval '1 us'", $flying);
	my $basis = one($dbh, "SELECT datom.basis('below')");
	my $at_basis = ask($dbh, 'below', $basis);
	my $refused = ask($dbh, 'below', $just_below);
	$dbh->do("SET datom.test_break = 'below_running'");
	my $broken = ask($dbh, 'below', $just_below);
	$dbh = restart_in_the_past($node);
	kill 'TERM', $slow;
	finish($slow);
	is(one($dbh, "SELECT count(*) FROM below WHERE v = 'slow'"), 0, 'a crash during a commit');
	say_at($dbh, 'below');
	$dbh = clock_moves($node, 500_000);
	ok(before($dbh, $basis, $flying), 'the basis lies below an entry in progress');
	is($refused, '55000', 'just below an entry in progress: not final');
	is(ask($dbh, 'below', $basis), $at_basis, 'at the basis, crash, clock back, commit: the same');
	like($broken, qr/^\d+:/, 'control: answered just below an entry in progress');
	my $again = ask($dbh, 'below', $just_below);
	like($again, qr/^\d+:/, 'control: and again, when it is over');
	isnt($again, $broken, 'control: and that answer changes');
}

# How long a commit takes that is to be looked at until its end: each time that
# this was too short, twice as long.
my @DELAYS = map { 1000 * 2 ** $_ } 0 .. 8;

sub scene_nothing_below
{
	my ($node) = @_;
	for my $delay (@DELAYS)
	{
		my $dbh = clock_ahead($node);
		my $table = "fresh_$delay";
		one($dbh, 'SELECT datom.create(?)', $table);
		forget_ticks($dbh);
		my $slow = commit_slowly($node, $delay, "SELECT datom.define_attribute('$table', ':x/slow', 'long')");
		my $flying = flying($dbh, $table, $slow) or next;
		one($dbh, "SELECT datom.define_attribute(?, ':x/quick', 'long')", $table);
		my @bases;
		for (;;)
		{
			# The basis, and whether the slow one has ended, in one snapshot.
			$dbh->do('BEGIN ISOLATION LEVEL REPEATABLE READ');
			my ($basis, $ended) = $dbh->selectrow_array(
				"SELECT datom.basis('$table'), EXISTS (SELECT FROM $table WHERE v = ':x/slow')");
			$dbh->do('COMMIT');
			last if $ended;
			push @bases, $basis;
			sleep 0.01;
		}
		finish($slow);
		my $instant = one($dbh, "SELECT datom.instant(min(tx)) FROM $table WHERE v = ':x/slow'");
		is($instant, $flying, 'the first entry was in progress');
		note scalar(@bases), ' samples';
		@bases or next;
		is(scalar(grep { !before($dbh, $_, $instant) } @bases), 0, 'the basis stays below it when a later one has committed');
		is(scalar(grep { $_ ne '-infinity' } @bases), 0, 'where nothing lies below, it is the beginning');
		return;
	}
	fail('no commit was slow enough');
}

sub scene_repeatable_read
{
	my ($node) = @_;
	my ($old, $new) = (clock_ahead($node), db($node));
	new_table($node, 'repeat');
	my $first = say_at($new, 'repeat');
	$old->do('BEGIN ISOLATION LEVEL REPEATABLE READ');
	my $basis = one($old, "SELECT datom.basis('repeat')");
	my $at_basis = ask($old, 'repeat', $basis);
	my $second = say_at($new, 'repeat');
	is(ask($old, 'repeat', $basis), $at_basis, 'snapshot between two commits: its basis is answered twice the same');
	is(ask($new, 'repeat', $basis), $at_basis, 'and the same by a newer snapshot');
	is(one($old, "SELECT datom.basis('repeat')"), $basis, 'its basis does not move');
	like(ask($new, 'repeat', $second), qr/^\d+:/, 'control: the second commit is answered by a newer snapshot');
	is(ask($old, 'repeat', $second), '55000', 'but not by the older one');
	$old->do('ROLLBACK');

	for my $delay (@DELAYS)
	{
		my $slow = commit_slowly($node, $delay, "INSERT INTO repeat (e, a, v) VALUES (1, ':x/many', 'slow $delay')");
		my $flying = flying($new, 'repeat', $slow) or next;
		$old->do('BEGIN ISOLATION LEVEL REPEATABLE READ');
		$basis = one($old, "SELECT datom.basis('repeat')");
		my $ended = one($old, "SELECT count(*) FROM repeat WHERE v = 'slow $delay'");
		$at_basis = ask($old, 'repeat', $basis);
		finish($slow);
		my $answer = ask($old, 'repeat', $flying);
		$old->do('ROLLBACK');
		next if $ended;
		is($answer, '55000', 'an entry that was in progress is refused after it has committed');
		like(ask($old, 'repeat', $flying), qr/^\d+:/, 'control: a newer snapshot answers it');
		is(ask($old, 'repeat', $basis), $at_basis, 'and the basis as before');
		return;
	}
	fail('no commit was slow enough');
}

sub scene_clock_back
{
	my ($node) = @_;
	my $dbh = clock_ahead($node);
	new_table($node, 'back');
	my $own = say_at($dbh, 'back');
	my $hash = ask($dbh, 'back', $own);
	move_clock($node, $clock - 10_000);
	is(ask($dbh, 'back', $own), $hash, 'clock back ten seconds: the moment of a commit is still answered');
	my $next = say_at($dbh, 'back');
	ok(before($dbh, $own, $next), 'and the next commit lies above it');
	is(ask($dbh, 'back', $own), $hash, 'and does not change it');
	is(ask($dbh, 'back', one($dbh, "SELECT ?::timestamptz + interval '1 hour'", $next)),
		'22023', 'what lies above clock, entries and ticks is in the future');
}

sub scene_failover
{
	my ($node) = @_;
	my $standby = standby($node, 'scene_standby');
	launch($standby);
	my $dbh = clock_ahead($node);
	new_table($node, 'failover');
	say_at($dbh, 'failover');
	# The extension comes into this database when the standby is listening, and
	# the ticker has found the database without it.
	$dbh->do('CREATE DATABASE late');
	my $there = db($standby);
	$node->wait_for_catchup($standby);
	# Nobody writes: the standby learns from ticks that this moment is over.
	my $at = server_clock($dbh);
	$there->do("CALL datom.sync(?::timestamptz, '10 minutes')", undef, $at);
	my $hash = ask($there, 'failover', $at);
	is($hash, ask($dbh, 'failover', $at), 'an idle standby answers as of now, as the primary does');
	sleep 3;
	my $late = db($node, dbname => 'late');
	$late->do('CREATE EXTENSION datom');
	datom_table($late, 'late', ':x/one' => 'long one');
	$node->wait_for_catchup($standby);
	db($standby, dbname => 'late')->do("CALL datom.sync(?::timestamptz, '10 minutes')", undef, server_clock($late));
	pass('a database that gets the extension later is ticked for as well');
	$node->wait_for_catchup($standby);
	crash($node, 'all');
	set_clock($standby, $clock - 30_000);
	$standby->reload;
	$standby->promote;
	wait_until('promoted', sub { !one($there, 'SELECT pg_is_in_recovery()') });
	my $next = say_at($there, 'failover');
	ok(before($there, $at, $next), 'promoted, its clock 30 s behind: the next commit lies above');
	is(ask($there, 'failover', $at), $hash, 'and the answer is the same');
}

# The snapshot of an autovacuum would keep ticks that are deleted.
my $node = server('scene', autovacuum => 'off', 'datom.wait' => "'10min'");
$_->($node) for \&scene_crash_after_now, \&scene_below_running, \&scene_nothing_below,
	\&scene_repeatable_read, \&scene_clock_back, \&scene_failover;
done_testing();
