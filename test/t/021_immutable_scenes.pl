# An answer as of a moment never changes: scenes that broke earlier forms of the
# algorithm, one by one, each with a control that shows it would be noticed.
use strict;
use warnings;
use Datom;
use Datom::Load;
use PostgreSQL::Test::Utils;
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
	move_clock($node, $clock += 100_000);
	return db($node);
}

# A session that stays in its commit, its entry added, for a while.
sub commit_slowly
{
	my ($node, $ms, $sql) = @_;
	return spawn(sub {
		my $dbh = db($node, 'datom.test_commit_delay' => $ms);
		eval { $dbh->do($sql) };
	});
}

# Until it is vacuumed a deleted tick may still be read.
sub forget_ticks
{
	my ($dbh) = @_;
	$dbh->do('DELETE FROM datom.clock');
	$dbh->do('VACUUM datom.clock');
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
		$dbh = restart_with_clock($node, $clock -= 5000);
		say_at($dbh, 'now');
		my $again = ask($dbh, 'now', $at);
		$control
			? isnt($again, $hash, 'control: with the tick forgotten the answer changes')
			: is($again, $hash, 'as of now, crash, clock back, commit: the same');
	}
}

sub scene_below_running
{
	my ($node) = @_;
	new_table($node, 'below');
	for my $try (1 .. 10)
	{
		my $dbh = clock_ahead($node);
		$dbh->do('SET datom.wait = 200');
		my $committed = say_at($dbh, 'below');
		my $slow = commit_slowly($node, 10_000, "INSERT INTO below (e, a, v) VALUES (1, ':x/many', 'slow $try')");
		my $flying;
		wait_until('an entry is in progress', sub { $flying = in_flight($dbh, 'below') });
		my $just_below = one($dbh, "SELECT ?::timestamptz - interval '1 us'", $flying);
		my $basis = one($dbh, "SELECT datom.basis('below')");
		my $at_basis = ask($dbh, 'below', $basis);
		my $refused = ask($dbh, 'below', $just_below);
		$dbh->do("SET datom.test_break = 'below_running'");
		my $broken = ask($dbh, 'below', $just_below);
		my $landed = one($dbh, "SELECT count(*) FROM below WHERE v = 'slow $try'");
		$dbh = restart_with_clock($node, $clock -= 20_000);
		kill 'TERM', $slow;
		finish($slow);
		$landed ||= one($dbh, "SELECT count(*) FROM below WHERE v = 'slow $try'");
		# Too quick: it has committed after all.
		next if $landed;
		say_at($dbh, 'below');
		ok(before($dbh, $basis, $flying), 'the basis lies below an entry in progress');
		is($refused, '55000', 'just below an entry in progress: not final');
		is(ask($dbh, 'below', $basis), $at_basis, 'at the basis, crash, clock back, commit: the same');
		like($broken, qr/^\d+:/, 'control: answered just below an entry in progress');
		isnt(ask($dbh, 'below', $just_below), $broken, 'control: and that answer changes');
		return;
	}
	fail('no commit was slow enough');
}

sub scene_nothing_below
{
	my ($node) = @_;
	my $dbh = clock_ahead($node);
	one($dbh, "SELECT datom.create('fresh')");
	forget_ticks($dbh);
	my $slow = commit_slowly($node, 3000, "SELECT datom.define_attribute('fresh', ':x/slow', 'long')");
	wait_until('it is committing', sub {
		one($dbh, "SELECT count(*) FROM pg_locks WHERE relation = 'datom.tx'::regclass AND mode = 'RowExclusiveLock'") });
	one($dbh, "SELECT datom.define_attribute('fresh', ':x/quick', 'long')");
	my ($samples, $wrong, $beginning, @bases) = (0, 0, 0);
	for (;;)
	{
		# The basis, and whether the slow one has ended, in one snapshot.
		$dbh->do('BEGIN ISOLATION LEVEL REPEATABLE READ');
		my ($basis, $ended) = $dbh->selectrow_array(
			"SELECT datom.basis('fresh'), EXISTS (SELECT FROM fresh WHERE v = ':x/slow')");
		$dbh->do('COMMIT');
		last if $ended;
		$samples++;
		$beginning++ if $basis eq '-infinity';
		push @bases, $basis;
		sleep 0.01;
	}
	finish($slow);
	my $instant = one($dbh, "SELECT datom.instant(min(tx)) FROM fresh WHERE v = ':x/slow'");
	$wrong += !before($dbh, $_, $instant) for @bases;
	note "$samples samples";
	cmp_ok($samples, '>', 0, 'the first entry is in progress, a later one has committed');
	is($wrong, 0, 'the basis stays below the first entry');
	cmp_ok($beginning, '>', 0, 'where nothing lies below, it is the beginning');
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

	my $slow = commit_slowly($node, 3000, "INSERT INTO repeat (e, a, v) VALUES (1, ':x/many', 'slow')");
	my $flying;
	wait_until('an entry is in progress', sub { $flying = in_flight($new, 'repeat') });
	$old->do('BEGIN ISOLATION LEVEL REPEATABLE READ');
	$basis = one($old, "SELECT datom.basis('repeat')");
	$at_basis = ask($old, 'repeat', $basis);
	finish($slow);
	is(ask($old, 'repeat', $flying), '55000', 'an entry that was in progress is refused after it has committed');
	$old->do('ROLLBACK');
	like(ask($old, 'repeat', $flying), qr/^\d+:/, 'control: a newer snapshot answers it');
	is(ask($old, 'repeat', $basis), $at_basis, 'and the basis as before');
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
	$there->do("CALL datom.sync(?::timestamptz, '60 seconds')", undef, $at);
	my $hash = ask($there, 'failover', $at);
	is($hash, ask($dbh, 'failover', $at), 'an idle standby answers as of now, as the primary does');
	sleep 3;
	my $late = db($node, dbname => 'late');
	$late->do('CREATE EXTENSION datom');
	datom_table($late, 'late', ':x/one' => 'long one');
	$node->wait_for_catchup($standby);
	db($standby, dbname => 'late')->do("CALL datom.sync(?::timestamptz, '60 seconds')", undef, server_clock($late));
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

my $node = server('scene');
$_->($node) for \&scene_crash_after_now, \&scene_below_running, \&scene_nothing_below,
	\&scene_repeatable_read, \&scene_clock_back, \&scene_failover;
done_testing();
