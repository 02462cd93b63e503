# Use of saved queries is counted exactly, and kept.
#
# 32 clients of four roles ask five views, under all three protocols; what was
# counted is what they asked. A standby counts what is asked of it, and nothing
# else. A restart keeps the counts; a crash, of one backend or of the server, goes
# back to those of the last shutdown; a file that is damaged is ignored and the log
# says so; and a base backup brings none. When there is no room for more, what is
# used least goes.
#
# The control is datom.track_usage = off, under which nothing is counted.
use strict;
use warnings;
use Datom;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = server('usage', fsync => 'off', log_min_messages => 'log', 'datom.usage_max' => 100, restart_after_crash => 'on');
my $dbh = db($node);
my @roles = map { "analyst_$_" } 1 .. 4;
my $ROUNDS = torture() ? 1000 : 25;
$dbh->do($_) for 'CREATE TABLE facts AS SELECT i FROM generate_series(1, 100) i',
  map({ "CREATE VIEW query_$_ AS SELECT i FROM facts WHERE i <= $_" } 1 .. 4),
  'CREATE VIEW query_5 AS SELECT sum(i) FROM query_4',
  map({ "CREATE ROLE $_ LOGIN" } @roles), 'GRANT SELECT ON ALL TABLES IN SCHEMA public TO public';

# role => name => [calls, rows]
sub counted
{
	my ($dbh) = @_;
	my %counted;
	$counted{ $_->[0] }{ $_->[1] } = [ @$_[2, 3] ]
	  for @{ $dbh->selectall_arrayref('SELECT role::regrole, name, calls, rows FROM datom.usage() WHERE name LIKE \'query%\'') };
	return \%counted;
}

# All views from 8 clients of each role.
my $script = PostgreSQL::Test::Utils::tempdir('usage') . '/ask.sql';
append_to_file($script, join '', map { "SELECT * FROM query_$_;\n" } 1 .. 5);
sub ask_all
{
	my %how = (0 => 'simple', 1 => 'extended', 2 => 'prepared', 3 => 'simple');
	my $failed = finish(map {
			my $i = $_;
			spawn(sub {
					my @pgbench = ('pgbench', '-n', '-c', 8, '-t', $ROUNDS, '-M', $how{$i}, '-f', $script,
						'-U', $roles[$i], '-h', $node->host, '-p', $node->port, 'postgres');
					my $said = '';
					IPC::Run::run(\@pgbench, '>&', \$said) or die $said;
				})
		} 0 .. 3);
	is($failed, 0, '32 clients have asked');
}

my $n = 8 * $ROUNDS;
my $expected = {
	map {
		$_ => {
			(map { ("query_$_" => [ $n, $n * $_ ]) } 1 .. 3),
			query_4 => [ 2 * $n, $n * 4 + $n ], query_5 => [ $n, $n ] }
	} @roles };
ask_all();
is_deeply(counted($dbh), $expected, 'exactly these calls and rows are counted, views under views too');
ok(one($dbh, q{SELECT bool_and(total_time > 0 AND last_used BETWEEN now() - interval '5 minutes' AND clock_timestamp())
	FROM datom.usage() WHERE name LIKE 'query%'}), 'with times');

# -- the control

$dbh->do($_) for 'ALTER SYSTEM SET datom.track_usage = off', 'SELECT pg_reload_conf()';
wait_until('the setting is off', sub { one(db($node), 'SHOW datom.track_usage') eq 'off' });
ask_all();
is_deeply(counted($dbh), $expected, 'control: while tracking is off nothing is counted');
$dbh->do($_) for 'ALTER SYSTEM RESET datom.track_usage', 'SELECT pg_reload_conf()';
wait_until('the setting is on', sub { one(db($node), 'SHOW datom.track_usage') eq 'on' });

# -- restarts and crashes

sub again
{
	my ($how, $between) = @_;
	$dbh->disconnect;
	$how->($node);
	$between->() if $between;
	launch($node);
	$dbh = db($node);
}
my $file = $node->data_dir . '/pg_stat/datom_usage.stat';
my $me = one($dbh, 'SELECT current_user');
again(\&shut_down);
is_deeply(counted($dbh), $expected, 'a restart keeps the counts');
one($dbh, 'SELECT count(*) FROM query_1') for 1 .. 3;
is_deeply(counted($dbh)->{$me}, { query_1 => [ 3, 3 ] }, 'counting goes on');
again(sub { crash(shift, 'all') });
is_deeply(counted($dbh), $expected, 'a crash goes back to the last shutdown');

one($dbh, 'SELECT count(*) FROM query_1');
my $victim = db($node);
my $postmaster = one($dbh, 'SELECT pg_postmaster_start_time()');
kill 'KILL', one($victim, 'SELECT pg_backend_pid()');
wait_until('the server has noticed', sub { !eval { one($dbh, 'SELECT true') } });
wait_until('the server is up again', sub { $dbh = try_db($node) });
is(one($dbh, 'SELECT pg_postmaster_start_time()'), $postmaster, 'a backend crashes, the postmaster does not');
is_deeply(counted($dbh), $expected, 'and so does the crash of a backend');

# -- on a standby

one($dbh, 'SELECT count(*) FROM query_1');
again(\&shut_down);
ok(-e $file, 'there is a file');
my $standby = standby($node, 'standby', hot_standby => 'on');
ok(-e $standby->data_dir . '/pg_stat/datom_usage.stat', 'which the backup has too');
launch($standby);
my $s = db($standby);
is_deeply(counted($s), {}, 'a standby begins anew');
one($s, 'SELECT sum FROM query_5') for 1 .. 7;
$s->do('BEGIN READ ONLY');
one($s, 'SELECT sum FROM query_5');
$s->do('COMMIT');
my $there = { $me => { query_4 => [ 8, 8 ], query_5 => [ 8, 8 ] } };
is_deeply(counted($s), $there, 'and counts what is asked of it');
$s->disconnect;
shut_down($standby);
launch($standby);
$s = db($standby);
is_deeply(counted($s), $there, 'also over a restart');
$s->disconnect;
shut_down($standby);
my $here = { %$expected, $me => { query_1 => [ 1, 1 ] } };
is_deeply(counted($dbh), $here, 'the primary knows nothing of it');

# -- files that cannot be read

sub said_since
{
	my ($offset) = @_;
	return substr slurp_file($node->logfile), $offset;
}
my $whole;
for my $fault (
	[ 'a byte is another', sub { substr($_[0], length($_[0]) / 2, 1) ^= "\x01" } ],
	[ 'the end is missing', sub { substr($_[0], -10) = '' } ],
	[ 'another version', sub { substr($_[0], 4, 1) = "\x7f" } ],
	[ 'the length is nonsense', sub { substr($_[0], 8, 8) = "\xff" x 8 } ],
	[ 'something else', sub { $_[0] = 'x' x 100 } ],
	[ 'nothing', sub { $_[0] = '' } ])
{
	my ($what, $break) = @$fault;
	my $offset = -s $node->logfile;
	again(\&shut_down, sub {
			my $bytes = $whole //= slurp_file($file);
			$break->($bytes);
			open my $out, '>:raw', $file or die $!;
			print $out $bytes;
			close $out;
		});
	is_deeply(counted($dbh), {}, "$what: counting begins anew");
	like(said_since($offset), qr/LOG: .*ignoring file "pg_stat\/datom_usage\.stat"/, 'and the log says so');
}
again(\&shut_down, sub { open my $out, '>:raw', $file or die $!; print $out $whole; close $out });
is_deeply(counted($dbh), $here, 'the file as it was is read');
my $offset = -s $node->logfile;
again(\&shut_down, sub { unlink $file });
is_deeply(counted($dbh), {}, 'without a file counting begins anew');
unlike(said_since($offset), qr/datom_usage/, 'which is nothing to speak of');

# -- no room

$dbh->do("CREATE VIEW query_$_ AS SELECT 1") for 10 .. 199;
one($dbh, "SELECT count(*) FROM query_$_ a, query_$_ b") for map { ($_) x 3 } 10 .. 59;
one($dbh, "SELECT count(*) FROM query_$_") for 60 .. 199;
my $left = counted($dbh)->{$me};
cmp_ok(one($dbh, 'SELECT count(*) FROM datom.usage()'), '<=', 100, 'there are never more than datom.usage_max');
is_deeply([ grep { !$left->{"query_$_"} } 10 .. 59 ], [], 'what is used more stays');
ok($left->{query_199} && !$left->{query_60}, 'and of what is used as little, what was used last');
is($left->{query_10}[0], 3, 'a statement counts once');

$dbh->disconnect;
done_testing();
