# A snapshot sees what it saw, whatever is merged after it was taken.
#
# A random play of sessions with old snapshots, on the primary and on a standby,
# of writers, of commits that stay in flight, so that what is visible already
# lies above the basis, and of merges. What a session is answered by orders must
# be what the log answers in the same snapshot, and the first answers must not
# change. Then cursors over orders stay open while merges retire and reuse the
# pages under them; on a standby, where nothing holds them, they end with a
# serialization failure or go on rightly. Some are opened while runs are being
# replaced, and their control says too early who may still read these.
#
# The control reads runs up to their watermark whatever the snapshot's basis,
# and has to be caught by the same play.
use strict;
use warnings;
use Datom;
use Datom::Orders;
use DBD::Pg ':async';
use Test::More;
use Time::HiRes qw(sleep time);

note 'SEED=', my $seed = sow();
my $node = server('snapshots', fsync => 'off', autovacuum => 'off', max_standby_streaming_delay => "'-1'",
	lock_timeout => "'100ms'", 'datom.wait' => "'60s'", hot_standby_feedback => 'on', wal_receiver_status_interval => "'1s'");
my $standby = standby($node, 'snapshots_standby');
launch($standby);
my $dbh = db($node);

#
# The play
#
# All of its sessions are this one process, so nobody may wait for long.

my ($asked, @wrong, %done);

sub differs
{
	my ($how, $got, $want, $q) = @_;
	push @wrong, "$how: $got, not $want";
	diag "seed $seed: $wrong[-1]", $q ? ": $q->{got}" . ($q->{in_force} ? " as of $q->{in_force}" : '') : ''
		if @wrong <= 3 && !$q->{quiet};
}

# A reader: { on, where, way, saw }
sub take_snapshot
{
	my ($reader, $w) = @_;
	my $on = $reader->{on};
	configure($on, orders => 1, scan => maybe(0.7));
	$on->begin_work;
	$on->do('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ' . ($reader->{where} eq 'standby' ? '' : ', READ WRITE'));
	@$reader{qw(open said)} = (1, 0);
	$done{"snapshots on the $reader->{where}"}++;
	see($reader, $w);
}

# By the log, without orders.
sub see
{
	my ($reader, $w) = @_;
	$reader->{on}->do("SET LOCAL $_ = off") for 'datom.enable_orders', 'datom.enable_scan';
	look($reader->{on}, $reader->{w} = { %$w });
	$reader->{saw} = all_answers($reader->{on}, $w->{table}, $reader->{w}{basis});
	$reader->{on}->do("SET LOCAL $_ = on") for 'datom.enable_orders', 'datom.enable_scan';
}

sub check_snapshot
{
	my ($reader, $quiet) = @_;
	my ($on, $w) = @$reader{qw(on w)};
	my $said = all_answers($on, $w->{table}, $w->{basis});
	$said->{$_} ne $reader->{saw}{$_} and differs("$reader->{where}, $_" . ($reader->{said} ? ', own facts' : ''), $said->{$_}, $reader->{saw}{$_}, { quiet => $quiet, got => $_ })
		for sort keys %$said;
	$asked += keys %$said;
	for (1 .. 4)
	{
		my $q = question($w);
		$q->{quiet} = $quiet;
		my %how = (orders => 1, scan => maybe(0.7), workers => maybe(0.2));
		configure($on, %how);
		my $got = got($on, $q);
		configure($on);
		my $want = got($on, $q);
		configure($on, orders => 1, scan => 1);
		differs("$reader->{where}, " . name_of(%how) . ($reader->{said} ? ', own facts' : ''), $got, $want, $q) if $got ne $want;
		$asked++;
	}
}

sub end_snapshot
{
	my ($reader) = @_;
	eval { $reader->{on}->rollback };
	$reader->{open} = 0;
}

# What replay may do to a standby's snapshot.
sub retryable { my ($on) = @_; return ($on->state // '') eq '40001' || ($on->state // '') eq '40P01' }

sub turn
{
	my ($reader, $w, $quiet) = @_;
	if (!$reader->{open}) { take_snapshot($reader, $w) }
	elsif ($reader->{where} eq 'primary' && maybe(0.15))
	{
		# It says something itself.
		act($reader->{on}, $w, pick(qw(few bulk retract))) and $done{'own facts'}++;
		$reader->{said} = 1;
		see($reader, $w);
	}
	else
	{
		check_snapshot($reader, $quiet);
		end_snapshot($reader) if maybe(0.3);
	}
}

sub reader_turn
{
	my ($reader, $w, $quiet) = @_;
	return if eval { turn($reader, $w, $quiet); 1 };
	my $error = $@;
	if (!retryable($reader->{on})) { differs($reader->{where}, $error, 'an answer', { quiet => $quiet, got => '' }) }
	else { $done{'ended by replay'}++ }
	end_snapshot($reader);
}

# A commit that takes its time; false while the one before does.
my $slow;

sub commit_slowly
{
	my ($w) = @_;
	$slow //= { on => db($node) };
	my $on = $slow->{on};
	if ($slow->{busy})
	{
		return if !$on->pg_ready;
		$on->pg_result;
		$slow->{busy} = 0;
	}
	$on->do('BEGIN');
	$on->do('SET LOCAL datom.test_commit_delay = ' . pick(5, 30, 150));
	$on->do("INSERT INTO $w->{table} (e, a, v) SELECT 1001 + i, ':k/long', i % 7 FROM generate_series(?::int, ? + 40) i", undef, (int rand $w->{size}) x 2);
	$on->do('COMMIT', { pg_async => PG_ASYNC });
	$slow->{busy} = 1;
	$done{'slow commits'}++;
}

# A commit that merges may be in the way.
sub try_merge { return eval { merge($dbh, 'pur'); 1 } || ($dbh->state eq '55P03' ? 0 : die $@) }

# What has hardly happened yet.
sub rare
{
	my @rare = grep { ($done{$_} // 0) <= 3 } 'merges', 'slow commits', 'snapshots on the primary', 'snapshots on the standby';
	return @rare;
}

sub play
{
	my ($steps, %how) = @_;
	my $w = new_world($dbh, 'pur', size => 200);
	say_bulk($dbh, $w, 150);
	$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
	my @readers = map { { where => $_ < 4 ? 'primary' : 'standby', on => db($_ < 4 ? $node : $standby) } } 0 .. 5;
	$_->{on}->do("SET datom.test_break = '$how{break}'") for $how{break} ? @readers : ();
	my $end = time + ($how{seconds} // 20);
	for (1 .. $steps)
	{
		# Not before all has happened, also where that takes longer.
		last if $how{break} ? @wrong || time > $end : time > $end + 180 || (time > $end && !rare());
		my $dice = rand;
		if ($dice < 0.15) { say_many($dbh, $w, 1 + int rand 3); $done{writes}++ }
		elsif ($dice < 0.25) { commit_slowly($w) }
		elsif ($dice < 0.37) { try_merge() and $done{merges}++ }
		else { reader_turn(pick(@readers), $w, $how{break}) }
	}
	end_snapshot($_) for @readers;
	$_->{on}->disconnect for @readers;
	$slow->{on}->pg_result if $slow->{busy};
	undef $slow;
	$dbh->do('DROP TABLE pur');
}

#
# Pages that are reused
#

sub supersede
{
	my ($table, $n) = @_;
	$dbh->do("INSERT INTO $table (e, a, v) SELECT 1000 + i, ':k/long', ?::bigint + i FROM generate_series(1, ?) i", undef, int rand 1e9, $n);
}

# Changes much, and merges, so many times.
sub churn
{
	my ($table, $times) = @_;
	for (1 .. $times)
	{
		supersede($table, pick(50, 600, 2500));
		merge($dbh, $table);
	}
}

sub size_of { my ($table) = @_; return one($dbh, q{SELECT sum(pg_relation_size(indexrelid)) FROM pg_index i
	JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am am ON am.oid = c.relam WHERE indrelid = ?::regclass AND amname = 'datom_order'}, $table) }

my @cursors = (
	'SELECT d FROM TABLE d', q{SELECT d FROM datom.as_of('TABLE') d}, q{SELECT d FROM datom.as_of('TABLE', 'MOMENT'::timestamptz) d},
	q{SELECT d FROM datom.history('TABLE') d}, q{SELECT d FROM datom.as_of('TABLE', 'MOMENT'::timestamptz) d WHERE a = ':k/long'},
	q{SELECT d FROM TABLE d WHERE a = ':k/long' AND e > 1100}, q{SELECT d FROM datom.as_of('TABLE') d WHERE e BETWEEN 1200 AND 2900},
	q{SELECT d FROM generate_series(1001, 1300) e, LATERAL (SELECT d FROM TABLE d WHERE d.e = e.e OFFSET 0) d},
	q{SELECT datom.entity('TABLE', e) FROM generate_series(1001, 1200) e});

sub cursor
{
	my ($on, $table, $sql) = @_;
	my $at = one($on, 'SELECT instant FROM datom.tx WHERE db = ?::regclass AND instant <= datom.basis(db) ORDER BY random() LIMIT 1', $table);
	$sql =~ s/TABLE/$table/g;
	$sql =~ s/MOMENT/$at/g;
	$sql =~ s/\bd\b/d::text/ if $sql =~ /^SELECT d /;
	configure($on);
	my @want = sort @{ $on->selectcol_arrayref($sql) };
	configure($on, orders => 1, scan => 1, workers => maybe(0.2));
	$on->do("DECLARE c CURSOR FOR $sql");
	return { on => $on, sql => $sql, want => \@want, rows => [ @{ $on->selectcol_arrayref('FETCH ' . pick(0, 1, 10, 700) . ' FROM c') } ] };
}

# A query on the standby that takes a while, and is on its way.
sub long_query
{
	my ($sql) = @_;
	my $on = db($standby);
	$on->begin_work;
	$on->do('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ');
	my $at = one($on, q{SELECT instant FROM datom.tx WHERE db = 'churned'::regclass AND instant <= datom.basis(db) ORDER BY random() LIMIT 1});
	$sql =~ s/TABLE/churned/g;
	$sql =~ s/MOMENT/$at/g;
	$sql =~ s/^SELECT d /SELECT d::text AS t, d.e /;
	my $hash = 'SELECT count(*), sum(hashtext(t)::bigint) FROM';
	configure($on);
	my $want = join ' ', $on->selectrow_array("$hash ($sql) s");
	configure($on, orders => 1, scan => 1);
	my $query = $on->prepare("$hash ($sql WHERE CASE WHEN e % 100 = 0 THEN pg_sleep(0.005) IS NOT NULL ELSE true END) s",
		{ pg_async => PG_ASYNC });
	$query->execute;
	return { on => $on, sql => $sql, want => $want, query => $query };
}

# The rest of its rows; true if they are what they should be.
sub drain
{
	my ($c) = @_;
	if ($c->{query})
	{
		$c->{query}->pg_result;
		return join(' ', $c->{query}->fetchrow_array) eq $c->{want};
	}
	push @{ $c->{rows} }, @{ $c->{on}->selectcol_arrayref('FETCH ALL FROM c') };
	return join("\n", sort @{ $c->{rows} }) eq join("\n", @{ $c->{want} });
}

sub open_cursor
{
	my ($server, $table, $sql) = @_;
	my $on = db($server);
	$on->begin_work;
	$on->do('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ');
	return cursor($on, $table, $sql);
}

# Whether the standby asks the primary to keep what it may be reading.
sub feedback
{
	my ($on) = @_;
	settings($standby, hot_standby_feedback => $on);
	$standby->reload;
	wait_until("feedback is $on", sub { ($on eq 'on') == (one($dbh, 'SELECT count(backend_xmin) FROM pg_stat_replication') > 0) });
}

sub recycling
{
	feedback('off');
	datom_table($dbh, 'churned', ':k/long' => 'long one', ':k/name' => 'string one');
	$dbh->do(q{INSERT INTO churned (e, a, v) SELECT 1000 + i, ':k/name', 'n' || i FROM generate_series(1, 2500) i});
	my $rounds = torture() ? 40 : 2;
	my @bad;
	for (1 .. $rounds)
	{
		churn('churned', 3);
		my @open = map { open_cursor($node, 'churned', $_) } @cursors;
		churn('churned', torture() ? 12 : 5);
		for my $c (@open)
		{
			push @bad, "$c->{sql}: " . ($c->{on}->errstr // 'other rows') if !eval { drain($c) };
			# Before REINDEX would wait for its locks.
			eval { $c->{on}->rollback };
			$c->{on}->disconnect;
		}
	}
	is(join("\n", @bad), '', $rounds * @cursors . ' cursors go on over orders whose runs are replaced');
	churn('churned', torture() ? 60 : 20);
	my $size = size_of('churned');
	$dbh->do('REINDEX TABLE churned');
	my $least = size_of('churned');
	cmp_ok($size, '<', 8 * $least, "control: pages were reused: $size bytes, $least when made anew");
}

# A merge stops when it is about to replace runs; transactions end, and cursors are
# opened in newer snapshots, which still meet what is replaced. Returns what is
# wrong with their rows after the merge and others.
sub opened_in_between
{
	my ($break) = @_;
	my $merger = db($node);
	$merger->do("SET $_") for 'lock_timeout = 0', 'datom.test_gate = 4711', "datom.test_break = '$break'";
	one($dbh, 'SELECT pg_advisory_lock(4711)');
	my $waits = 0;
	until ($waits)
	{
		supersede('churned', 2500);
		$merger->do('VACUUM (TRUNCATE off) churned', { pg_async => PG_ASYNC });
		wait_until('it waits, or has ended', sub {
			return 1 if $merger->pg_ready;
			return $waits = one($dbh, q{SELECT count(*) FROM pg_locks WHERE pid = ? AND locktype = 'advisory' AND NOT granted}, $merger->{pg_pid});
		});
		$merger->pg_result if !$waits;
	}
	supersede('churned', 1) for 1 .. 3;
	my @open = map { open_cursor($node, 'churned', $_) } @cursors;
	one($dbh, 'SELECT pg_advisory_unlock(4711)');
	$merger->pg_result;
	$merger->disconnect;
	churn('churned', 5);
	my @bad;
	for my $c (@open)
	{
		push @bad, "$c->{sql}: " . ($c->{on}->errstr // 'other rows') if !eval { drain($c) };
		eval { $c->{on}->rollback };
		$c->{on}->disconnect;
	}
	return @bad;
}

# While a snapshot is held for more merges than there is room for what they
# replace, answers stay right; when it is given up, merging goes on.
sub held_for_long
{
	datom_table($dbh, 'held', ':k/long' => 'long one', ':k/name' => 'string many');
	$dbh->do(q{INSERT INTO held (e, a, v) SELECT 1000 + i, ':k/name', 'n' || i FROM generate_series(1, 300) i});
	supersede('held', 300);
	merge($dbh, 'held');
	my $on = db($node);
	configure($on, orders => 1, scan => 1);
	$on->begin_work;
	$on->do('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ');
	my $at = one($on, q{SELECT datom.basis('held')});
	my $truth = all_answers($on, 'held', $at);
	for (1 .. 100)
	{
		supersede('held', 1 + int rand 60);
		merge($dbh, 'held');
	}
	is_deeply(all_answers($on, 'held', $at), $truth, 'a snapshot that was held during 100 merges sees what it saw');
	configure($dbh);
	my $now = all_answers($dbh, 'held', $at);
	configure($dbh, orders => 1, scan => 1);
	is_deeply(all_answers($dbh, 'held', $at), $now, 'others see what is new');
	$on->rollback;
	for (1 .. 3) { supersede('held', 10); merge($dbh, 'held') }
	# What was said while a tick was on its way is merged by the next.
	my $stats = sub { join ', ', map { @$_ } @{ $dbh->selectall_arrayref(q{SELECT DISTINCT runs < 12, tail_pages FROM datom.stats('held')}) } };
	for (1 .. 50) { last if $stats->() eq '1, 0'; sleep 0.1; merge($dbh, 'held') }
	is($stats->(), '1, 0', 'when it is given up, all is merged');
	is(one($dbh, q{SELECT count(*) FROM datom.check('held')}), 0, 'and right');
}

# A standby that ends queries which are in the way of replay, or one that waits
# for them.
sub recycling_on_standby
{
	my $rounds = torture() ? 20 : 1;
	for my $delay ('0', '-1')
	{
		settings($standby, max_standby_streaming_delay => "'$delay'");
		$standby->reload;
		wait_until('it is set', sub { one(db($standby), q{SELECT setting FROM pg_settings WHERE name = 'max_standby_streaming_delay'}) eq $delay });
		my (%ended, @bad);
		# Again, where nothing was in the way of replay.
		for (my $round = 0; $round < $rounds || ($round < 10 && $delay eq '0' && !$ended{'ended by replay'}); $round++)
		{
			churn('churned', 2);
			$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
			my @open = map { eval { open_cursor($standby, 'churned', $_) } // () } @cursors;
			push @open, map { eval { long_query($_) } // () } @cursors[ 0 .. 3 ];
			churn('churned', torture() ? 12 : 5);
			$node->wait_for_catchup($standby, 'replay', $node->lsn('insert')) if $delay eq '0';
			for my $c (@open)
			{
				my $right = eval { drain($c) };
				my $state = defined $right ? $right ? 'right rows' : 'other rows' : $c->{on}->state;
				# A session that was idle in its transaction is ended.
				$state = 'ended by replay' if !defined $right && $c->{on}->errstr =~ /conflict with recovery/;
				$ended{$state}++;
				push @bad, "$c->{sql}: $state " . ($c->{on}->errstr // '')
					if $state ne 'right rows' && ($delay eq '-1' || $state !~ /^(40001|40P01|ended by replay)$/);
				eval { $c->{on}->disconnect };
			}
		}
		note "max_standby_streaming_delay = $delay: ", join ', ', map { "$ended{$_} x $_" } sort keys %ended;
		is(join("\n", @bad), '', $delay ? 'where replay waits, cursors on a standby go on' :
			'where it does not, they end with an error that can be retried');
		cmp_ok($ended{'ended by replay'} // 0, '>', 0, 'control: replay was in their way') if !$delay;
		$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
	}
	is(one(db($standby), q{SELECT count(*) FROM datom.check('churned')}), 0, 'the orders of the standby are sound');
}

play(torture() ? 40_000 : 1000, seconds => torture() ? 600 : 8);
note "$done{$_} x $_" for sort keys %done;
is(scalar @wrong, 0, "$asked answers in old snapshots are right");
is(join(', ', rare()), '', 'there were enough merges, slow commits and snapshots on both servers');
recycling();
is(join("\n", opened_in_between('none')), '', 'so do those that were opened while runs were being replaced');
my @ended;
my $tries = 0;
@ended = opened_in_between('early_until') while !@ended && $tries++ < 20;
note "noticed by ", scalar @ended, " of ", scalar @cursors, " cursors, try $tries";
like(join("\n", @ended), qr/The page belongs elsewhere/, 'control: not if what is replaced is dated before');
held_for_long();
recycling_on_standby();

@wrong = ();
$asked = 0;
for (1 .. 15)
{
	play(600, break => 'xid_only', seconds => 20);
	last if @wrong;
}
cmp_ok(scalar @wrong, '>', 0, "control: xid_only is caught, by one of $asked answers");
done_testing();
