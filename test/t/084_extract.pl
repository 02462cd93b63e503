# datom_extract writes what the query answers, all of it or nothing, whatever
# happens to it, to the servers, or to the table meanwhile.
#
# The files are compared with the query unsharded, as of the moment in the
# manifest; in csv and binary after the server has read them again. Extracts that
# were killed at random, whose servers crashed, whose connections were ended, and
# that changed over to another server are compared byte by byte with one that
# nothing happened to.
#
# The controls: of two moments the files differ, and a changed byte is noticed.
use strict;
use warnings;
use Datom;
use Digest::SHA;
use IPC::Run ();
use JSON::PP;
use POSIX ();
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my $seed = $ENV{SEED} || int rand 1e9;
note "SEED=$seed";
srand $seed;
delete $ENV{PGAPPNAME};

my $node = server('extract', 'datom.wait' => "'60s'", restart_after_crash => 'on');
my $dbh = db($node);
datom_table($dbh, 'pur', ':n/id' => 'long one', ':n/tag' => 'string many', ':n/at' => 'instant one');
$dbh->do($_) for
	q{INSERT INTO pur (e, a, v) SELECT 1000 + i, ':n/id', i::bigint FROM generate_series(1, 6000) i},
	q{INSERT INTO pur (e, a, v) SELECT 1000 + i, ':n/tag', E'a,"b"\n\\\\' || k || ':' || i % 7 FROM generate_series(1, 3000) i, generate_series(1, 2) k},
	q{INSERT INTO pur (e, a, v) SELECT 1000 + i, ':n/at', '2020-01-01 00:00:00Z'::timestamptz + i * interval '1 s' FROM generate_series(1, 2000) i},
	'VACUUM pur';

my $dir = PostgreSQL::Test::Utils::tempdir('extract');
my $n = 0;
END { diag slurp("$dir/said") if defined $dir && -e "$dir/said" && !Test::More->builder->is_passing }

my $QUERY = q{SELECT e, a::text, v::text, tx FROM datom.as_of('pur')};

# NULLs, also of e, and numbers below 0.
my $ROWS = q{SELECT nullif(g.e, 1000 + 5) - 3000 AS e, g.v::bigint / 7.0 AS share, t.v::text AS tag, d.v::timestamptz AS at
	FROM datom.as_of('pur') g
	LEFT JOIN datom.as_of('pur') t ON t.e = g.e AND t.a = ':n/tag'
	LEFT JOIN datom.as_of('pur') d ON d.e = g.e AND d.a = ':n/at'
	WHERE g.a = ':n/id' -- not all};

sub place { return "$dir/out" . $n++ }

# The command for an output, with further arguments.
sub command
{
	my ($out, @args) = @_;
	my @at = grep(/^-h|^-d/, @args) ? () : ('-d', $node->connstr('postgres'));
	return ('datom_extract', '-q', '-o', $out, @at, @args);
}

# Runs it; returns its exit code and what it says.
sub extract
{
	my ($out, @args) = @_;
	my ($said, $wrong);
	IPC::Run::run([ command($out, @args) ], '<', \undef, '>', \$said, '2>', \$wrong);
	return ($? >> 8, $wrong . $said);
}

sub extract_ok
{
	my ($name, $out, @args) = @_;
	my ($code, $said) = extract($out, @args);
	is($code, 0, $name) or diag $said;
	note $said if $said ne '' && $code == 0;
	return $out;
}

sub slurp { return PostgreSQL::Test::Utils::slurp_file($_[0]) }
sub manifest { return decode_json(slurp("$_[0]/manifest.json")) }
sub parts { my @parts = sort grep { !/tmp$/ } glob "$_[0]/part-*"; return @parts }

# All bytes of the parts, with their names.
sub bytes { return join '', map { m{([^/]*)$}; "$1:" . slurp($_) } parts($_[0]) }

sub same { my ($a, $b, $what) = @_; ok(bytes($a) eq bytes($b), $what) }

# The lines of text files are those of the unsharded query.
sub same_as_query
{
	my ($out, $query, $what) = @_;
	my $manifest = manifest($out);
	my $whole = $node->safe_psql('postgres', "SET datom.as_of = '$manifest->{basis}'; SET timezone = 'UTC';
		COPY ($query\n) TO STDOUT");
	my @is = sort map { split /\n/, slurp($_) } parts($out);
	my @should = sort split /\n/, $whole;
	is(scalar(@is), scalar(@should), "$what: as many rows");
	ok("@is" eq "@should", "$what: the same rows");
	is($manifest->{rows}, scalar(@is), "$what: the manifest counts them");
}

#
# What it writes
#

my $plain = extract_ok('an extract', place(), '--format', 'text', '-n', 7, $QUERY);
same_as_query($plain, $QUERY, 'text');
{
	my $m = manifest($plain);
	is(scalar(parts($plain)), 7, 'a file for each shard');
	is_deeply([ map { $_->{sha256} } @{ $m->{files} } ],
		[ map { Digest::SHA->new(256)->addfile($_)->hexdigest } parts($plain) ], 'checksums are those of the files');
	is_deeply([ map { $_->{bytes} } @{ $m->{files} } ], [ map { -s } parts($plain) ], 'so are the sizes');
	is_deeply([ @$m{qw(query as_of shards format)} ], [ $QUERY, undef, 7, 'text' ], 'the manifest has the arguments');
	is($m->{server_version}, one($dbh, 'SHOW server_version'), 'and the version of the server');
	ok(!-e "$plain.partial", 'nothing is left beside it');
	my ($code, $said) = extract('', '--verify', $plain);
	is($code, 0, 'it verifies') or diag $said;
	my ($i, $last) = (0, '');
	my $wrong = grep { !/^(-?\d+)\t/ || ($1 % 7) != 3 } split /\n/, slurp("$plain/part-00003-of-00007.txt");
	is($wrong, 0, 'a shard holds its entities');
}

# NULLs, quotes, line breaks, what the server reads again.
$dbh->do("CREATE TABLE back (e bigint, share numeric, tag text, at timestamptz)");
for my $format ([ 'csv' ], [ 'csv', '--header' ], [ 'binary' ], [ 'text', '--header' ])
{
	my $out = extract_ok("@$format", place(), '-n', 5, '--format', @$format, $ROWS);
	my $options = "FORMAT $format->[0]" . ($format->[1] ? ', HEADER MATCH' : '');
	$dbh->do('TRUNCATE back');
	$dbh->do("COPY back FROM '$_' ($options)") for parts($out);
	my $basis = manifest($out)->{basis};
	$dbh->do("SET datom.as_of = '$basis'");
	is(one($dbh, "SELECT count(*) FROM ((TABLE back EXCEPT ALL ($ROWS\n)) UNION ALL (($ROWS\n) EXCEPT ALL TABLE back)) x"),
		0, "@$format: read again it is what the query answers");
	is(manifest($out)->{rows}, one($dbh, 'SELECT count(*) FROM back'), "@$format: the manifest counts rows");
	$dbh->do('RESET datom.as_of');
}
is(one($dbh, 'SELECT count(*) > 0 AND bool_and(share IS NOT NULL) FROM back WHERE e IS NULL'), 1, 'a row without entity is there');

my $one = extract_ok('one shard', place(), '--format', 'text', '-n', 1, '-j', 5, $QUERY);
same_as_query($one, $QUERY, 'one shard');
my $empty = extract_ok('no rows', place(), '-n', 3, "$QUERY WHERE false");
is(manifest($empty)->{rows}, 0, 'no rows: none are counted');
is(join(',', map { -s } parts($empty)), '0,0,0', 'no rows: the files are there, and empty');

# Variables and settings.
my $filled = extract_ok('variables', place(), '--format', 'text', '-v', 'a=:n/id', '-v', q{col=it's "v"}, '-v', 'n=3000',
	'--set', 'timezone=Asia/Tokyo', '--set', 'extract.name=it\'s',
	q{SELECT e, v::bigint AS :"col", current_setting('timezone') || current_setting('extract.name') AS x
	FROM datom.as_of('pur') WHERE a = :'a' AND e > :n AND ':n' <> '' AND e::bigint > 0;});
same_as_query($filled, q{SELECT e, v::bigint AS n, 'Asia/Tokyoit''s' AS x FROM datom.as_of('pur') WHERE a = ':n/id' AND e > 3000}, 'variables');
is_deeply(manifest($filled)->{variables}, { a => ':n/id', col => q{it's "v"}, n => '3000' }, 'the manifest has the variables');

# As of moments that were given.
my $before = one($dbh, 'SELECT datom.basis(?)', 'pur');
my $tx = one($dbh, q{INSERT INTO pur (e, a, v) VALUES (1001, ':n/id', 999999) RETURNING tx});
my $as_of = extract_ok('as of an instant', place(), '--format', 'text', '--as-of', $before, $QUERY);
my $after = extract_ok('as of a transaction', place(), '--format', 'text', '--as-of', $tx, $QUERY);
my $now = extract_ok('as of the basis', place(), '--format', 'text', $QUERY);
same_as_query($_, $QUERY, manifest($_)->{as_of} // 'now') for $as_of, $after, $now;
same($after, $now, 'what has committed before it starts is in it');
ok(bytes($as_of) ne bytes($after), 'control: another moment, other bytes');
is(manifest($after)->{basis}, one($dbh, q{SELECT to_char(datom.instant(?) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')}, $tx),
	'the instant of the transaction is recorded');

# The session's setting says which shard.
SKIP:
{
	skip 'datom.shard(e) is not there', 5 unless one($dbh, q{SELECT to_regprocedure('datom.shard(bigint)') IS NOT NULL});
	my $marked = extract_ok('by the setting', place(), '--format', 'text', '--shard-by', 'setting', '-n', 16, "$QUERY WHERE datom.shard(e)");
	my $column = extract_ok('by the column', place(), '--format', 'text', '--as-of', manifest($marked)->{basis}, '-n', 16, $QUERY);
	same($marked, $column, 'both ways make the same shards');
	my ($code, $said) = extract(place(), '--shard-by', 'setting', $QUERY);
	is($code, 1, 'a query without the mark is noticed');
	like($said, qr/must say datom\.shard\(e\)/, 'and said');
}

# A role that has no right to the table.
$dbh->do($_) for 'CREATE ROLE analyst LOGIN',
	"CREATE FUNCTION seen() RETURNS TABLE (e bigint, a text, v text, tx bigint) LANGUAGE sql SECURITY DEFINER AS \$\$$QUERY\$\$";
my $seen = extract_ok('who may call a function', place(), '-U', 'analyst', '--format', 'text', 'SELECT * FROM seen()');
is(manifest($seen)->{rows}, one($dbh, "SELECT count(*) FROM datom.as_of('pur')"), 'extracts what it returns');

# What one sees of it: a line for each shard, or a bar on a terminal.
{
	my @command = grep { $_ ne '-q' } command(place(), '-n', 3, '--format', 'csv', $QUERY);
	my $said;
	IPC::Run::run(\@command, '<', \undef, '>', '/dev/null', '2>', \$said);
	is(scalar(() = $said =~ m{^shard \d: \d+ rows; \d of 3 shards, \d+ rows, \d+ rows/s, \d+:\d\d left$}mg), 3, 'lines');
	like($said, qr/is whole$/, 'and the end');
  SKIP:
	{
		skip 'there is no script(1)', 1 if system('command -v script > /dev/null');
		# One shard takes long, and the bar is drawn several times meanwhile.
		@command = grep { $_ ne '-q' } command(place(), '-n', 3, "SELECT *, pg_sleep(CASE e WHEN 3 THEN 2 ELSE 0.1 END) FROM (VALUES (1), (2), (3)) x (e)");
		my $line = join ' ', map { s/'/'\\''/gr =~ s/(.*)/'$1'/sr } @command;
		IPC::Run::run([ 'script', '-qec', $line, '/dev/null' ], '<', \undef, '>', \$said);
		like($said, qr{\r\x1b\[K\[[#]{6,}\.+\] \d+%, \d+ rows, \d+ rows/s, 0:\d\d left}, 'a bar') or diag $said;
	}
}

#
# What it refuses
#

my $full = place();
mkdir $full;
my %refused = (
	'no output' => [ 2, qr/no output/, '', 'SELECT 1 AS e' ],
	'no query' => [ 2, qr/no query/, place() ],
	'two queries' => [ 2, qr/too many/, place(), 'a', 'b' ],
	'an unknown option' => [ 2, qr/unrecognized/, place(), '--no-such', $QUERY ],
	'no shards' => [ 2, qr/shards must be/, place(), '-n', 0, $QUERY ],
	'an unknown format' => [ 2, qr/invalid value "xml"/, place(), '--format', 'xml', $QUERY ],
	'a header in binary' => [ 2, qr/no header/, place(), '--format', 'binary', '--header', $QUERY ],
	'the moment as a setting' => [ 2, qr/cannot be given by --set/, place(), '--set', 'datom.as_of=1', $QUERY ],
	'a setting that is not' => [ 1, qr/unrecognized configuration parameter "no_such"/, place(), '--set', 'no_such=1', $QUERY ],
	'what is not UTF-8' => [ 2, qr/not encoded/, place(), "SELECT 1 AS e, '\xff'" ],
	'an output that is there' => [ 1, qr/exists/, $full, $QUERY ],
	'a file of a query that is not' => [ 1, qr/could not open/, place(), '-f', "$dir/none" ],
	'a variable that is not given' => [ 1, qr/variable "a", which is not given/, place(), "$QUERY WHERE a = :'a'" ],
	'two statements' => [ 1, qr/more than one statement/, place(), 'SELECT 1 AS e; SELECT 2 AS e' ],
	'an open quote' => [ 1, qr/inside quotes/, place(), "SELECT 'a" ],
	'an open parenthesis' => [ 1, qr/inside a parenthesis/, place(), 'SELECT (1' ],
	'a backslash' => [ 1, qr/backslash command/, place(), 'SELECT 1 AS e \gexec' ],
	'a query without the column' => [ 1, qr/column .*e does not exist/, place(), 'SELECT 1 AS x' ],
	'a command that writes' => [ 1, qr/syntax error/, place(), 'DELETE FROM pur' ],
	'a function that writes' => [ 1, qr/read-only transaction/, place(), q{SELECT nextval('pur_e_seq') AS e} ],
	'the future' => [ 1, qr/in the future/, place(), '--as-of', '2200-01-01T00:00:00Z', $QUERY ],
	'a moment without a zone' => [ 1, qr/is not a moment/, place(), '--as-of', '2020-01-01', $QUERY ],
	'a database that is not' => [ 1, qr/does not exist/, place(), '-d', $node->connstr('none'), $QUERY ],
	'a database without datom' => [ 1, qr/Is the extension "datom" in this database/, place(), '-d', $node->connstr('template1'), $QUERY ],
	'no server' => [ 1, qr/No such file/, place(), '--retries', 1, '-h', '/nowhere', $QUERY ],
	'ports that do not fit' => [ 1, qr/2 ports for 3 hosts/, place(), '-h', 'a,b,c', '-p', '1,2', $QUERY ]);
for my $name (sort keys %refused)
{
	my ($code, $like, $out, @args) = @{ $refused{$name} };
	my ($is, $said) = extract($out, @args);
	is($is, $code, "refused: $name") or diag $said;
	like($said, $like, "it says so: $name");
	ok($out eq '' || $out eq $full || (!-e $out && !-e "$out.partial"), "nothing is left: $name");
}
program_help_ok('datom_extract');

# Damage.
{
	my ($code, $said);
	open my $f, '+<', "$one/part-00000-of-00001.txt" or die;
	seek $f, 1000, 0;
	print $f 'x';
	close $f;
	($code, $said) = extract('', '--verify', $one);
	is($code, 1, 'control: a changed byte is noticed');
	like($said, qr/not what the manifest says/, 'and said');
	unlink "$one/part-00000-of-00001.txt";
	is((extract('', '--verify', $one))[0], 1, 'so is a missing file');
	is((extract('', '--verify', $dir))[0], 1, 'so is a missing manifest');
}

#
# Writers, kills, crashes
#

# Slow enough to be met in the middle: 35 shards of some milliseconds.
my $SLOW = "SELECT q.*, CASE WHEN e % 40 = 0 THEN nullif(pg_sleep(0.002)::text, '') END AS z FROM ($QUERY) q";
my @MANY = ('-n', 35, '--format', 'text');

# Or it stops, on the primary, at the shards from this one on, while a session has
# closed the gate.
sub gated
{
	my ($from) = @_;
	return "SELECT q.*, CASE WHEN mod(e, 35) >= $from AND NOT pg_is_in_recovery() THEN nullif(pg_advisory_xact_lock_shared(4711)::text, '') END AS z FROM ($QUERY) q";
}

sub close_gate { one($dbh, 'SELECT pg_advisory_lock(4711)') }
sub open_gate { one($dbh, 'SELECT pg_advisory_unlock(4711)') }

# Begins one; returns its process.
sub begin
{
	my @command = command(@_);
	my $pid = fork // die "fork: $!";
	return $pid if $pid;
	open STDOUT, '>>', "$dir/said";
	open STDERR, '>&', \*STDOUT;
	exec @command or POSIX::_exit(127);
}

# The exit code of one; undef as long as it runs, if it is not to be waited for.
sub ended
{
	my ($pid, $nowait) = @_;
	return waitpid($pid, $nowait ? POSIX::WNOHANG() : 0) == $pid ? $? >> 8 : undef;
}

sub stop
{
	my ($pid, $signal) = @_;
	kill $signal, $pid;
	return ended($pid);
}

# Neither the directory nor a part is there before all of it is.
sub half_visible
{
	my ($out) = @_;
	return 0 unless -e $out;
	return !-e "$out/manifest.json" || scalar(parts($out)) != 35 || glob("$out/*.tmp") || -e "$out/state.json";
}

my $stop = "$dir/stop";
my $writer = spawn(sub {
	my $w = db($node);
	my $i = 0;
	until (-e $stop || orphan())
	{
		eval {
			$w->do(q{INSERT INTO pur (e, a, v) VALUES (?, ':n/id', ?::bigint)}, undef, 1000 + int rand 7000, $i++);
			$w->do('VACUUM pur') if $i % 500 == 0;
			1;
		} or do { sleep 0.05; $w = try_db($node) // $w };
		sleep 0.002;
	}
});

my $quiet = extract_ok('while others write', place(), @MANY, $SLOW);
my $basis = manifest($quiet)->{basis};
wait_until('more was written', sub { one($dbh, q{SELECT count(*) > 20 FROM datom.tx WHERE db = 'pur'::regclass AND instant > ?}, $basis) });
my $again = extract_ok('again, later, as of then', place(), @MANY, '--as-of', $basis, $SLOW);
same($quiet, $again, 'it is the same');
my $later = extract_ok('again, as of later', place(), @MANY, $SLOW);
ok(bytes($quiet) ne bytes($later), 'control: there were writers');

my @AS_OF = ('--as-of', $basis);

# Killed until it gets through. Whatever is found meanwhile is whole.
for my $round (1 .. (torture() ? 100 : 6))
{
	my $out = place();
	my ($kills, $half, $resumed) = (0, 0, 0);
	until (-e $out)
	{
		$resumed++ if -e "$out.partial/state.json" && slurp("$out.partial/state.json") =~ /sha256/;
		my $run = begin($out, '-j', 1 + int rand 3, @MANY, @AS_OF, $SLOW);
		my $end = time + rand(0.25) * ($kills < 6 ? 1 : 100);
		my $code;
		until (time > $end || defined($code = ended($run, 1)))
		{
			$half++ if half_visible($out);
			sleep 0.003;
		}
		last if defined $code;
		stop($run, 'KILL');
		$kills++;
		die 'it does not get through' if $kills > 50;
	}
	is($half, 0, "round $round: never half visible");
	same($out, $quiet, "round $round: the same after $kills kills, $resumed times resumed");
	is((extract('', '--verify', $out))[0], 0, "round $round: it verifies");
}

# Interrupted, it says so, and asks the server to stop.
{
	my $out = place();
	my @args = ('-n', 4, @AS_OF, "SELECT q.*, CASE WHEN datom.shard(e, 0, 4) THEN '' ELSE pg_sleep(1000)::text END AS z FROM ($QUERY) q");
	my $run = begin($out, @args);
	wait_until('it reads', sub { -e "$out.partial/part-00000-of-00004.csv" });
	is(stop($run, 'INT'), 3, 'interrupted');
	wait_until('its sessions end', sub { !one($dbh, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'datom_extract'") });
	ok(!-e $out && -e "$out.partial", 'what is done is kept, and not to be seen');
	ok(half_visible("$out.partial"), 'control: what is half there is noticed');

	# The same arguments, or anew.
	my ($code, $said) = extract($out, '-n', 5, @args[ 2 .. $#args ]);
	is($code, 1, 'other arguments do not go on with it');
	like($said, qr/begun with another "shards"/, 'it says which');
	like((extract($out, @args[ 0 .. 1 ], $QUERY))[1], qr/begun with another "query"/, 'nor does another query');

	# Two at once.
	$run = begin($out, @args);
	wait_until('it runs', sub { one($dbh, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'datom_extract' AND state = 'active'") });
	($code, $said) = extract($out, @args);
	is($code, 1, 'a second one does not work on the same');
	like($said, qr/another process/, 'it says why');
	is(stop($run, 'TERM'), 3, 'it can be ended by another signal');
	extract_ok('anew', $out, '--restart', @MANY, @AS_OF, $SLOW);
	same($out, $quiet, 'is as if nothing had been there');
}

# A part that was damaged between two runs.
{
	my $out = place();
	close_gate();
	my $run = begin($out, @MANY, @AS_OF, gated(30));
	wait_until('some are there', sub { -e "$out.partial/state.json" && slurp("$out.partial/state.json") =~ /sha256/ });
	stop($run, 'KILL');
	open_gate();
	my ($name) = slurp("$out.partial/state.json") =~ /"file": "([^"]*)"/;
	open my $f, '>>', "$out.partial/$name" or die;
	print $f "more\n";
	close $f;
	my ($code, $said) = extract($out, @MANY, @AS_OF, gated(30));
	like($said, qr/is made again/, 'a damaged part is noticed');
	same($out, $quiet, 'and made again');
}

# Sessions are ended, and the server crashes.
my $ended = 0;
for (1 .. 20)
{
	last if $ended > 5;
	my $out = place();
	my $there = $ended = 0;
	my $run = begin($out, '--retries', 100, @MANY, @AS_OF, $SLOW);
	until (defined ended($run, 1))
	{
		my @there = parts("$out.partial");
		sleep 0.005;
		next unless @there > $there;
		$there = @there;
		$ended += one($dbh, "SELECT count(*) FROM (SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			WHERE application_name = 'datom_extract' ORDER BY random() LIMIT 1) x");
	}
	same($out, $quiet, "the same when $ended sessions are ended");
}
cmp_ok($ended, '>', 5, 'sessions are ended');
for my $how ('immediate', 'all')
{
	my $out = place();
	close_gate();
	my $run = begin($out, '--retries', 100, @MANY, @AS_OF, gated(30));
	wait_until('some are there', sub { -e "$out.partial/part-00003-of-00035.txt" });
	# Nobody has closed the gate any more when it is back.
	crash($node, $how);
	my $half = half_visible($out);
	sleep 0.3;
	launch($node);
	is(ended($run), 0, 'it ends well');
	$dbh = db($node);
	ok(!$half && -e $out, "the server stops ($how) and starts: it goes on");
	same($out, $quiet, 'the result is the same');
}

#
# Standbys
#

my $standby = standby($node, 'beside', max_standby_streaming_delay => 0, hot_standby_feedback => 'off');
launch($standby);
my @BOTH = ('-h', join(',', $node->host, $standby->host), '-p', join(',', $node->port, $standby->port), '-d', 'postgres');
my @BESIDE = ('-d', $standby->connstr('postgres'), '--retries', 100);
extract_ok('from a standby', my $there = place(), @BESIDE, @MANY, @AS_OF, $SLOW);
same($there, $quiet, 'it is the same');
extract_ok('from both', $there = place(), @BOTH, '-j', 4, @MANY, @AS_OF, $SLOW);
same($there, $quiet, 'it is the same');
extract_ok('as of the basis of a standby', $there = place(), @BESIDE, @MANY, $SLOW);
extract_ok('as of then on the primary', my $here = place(), @MANY, '--as-of', manifest($there)->{basis}, $SLOW);
same($there, $here, 'it is the same');
extract_ok('by who may call a function', $there = place(), @BESIDE, '-U', 'analyst', 'SELECT * FROM seen()');

# A moment that the standby has not heard of yet.
$tx = one($dbh, q{INSERT INTO pur (e, a, v) VALUES (1001, ':n/id', 5) RETURNING tx});
extract_ok('what was said just now', $there = place(), @BESIDE, @MANY, '--as-of', $tx, $QUERY);
like(bytes($there), qr/^1001\t:n\/id\t5\t$tx/m, 'is in it');
my ($code, $said) = extract(place(), @BESIDE, '--wait', 1, '--as-of', '2200-01-01T00:00:00Z', $QUERY);
is($code, 1, 'a standby does not wait forever');
like($said, qr/not become final/, 'it says why');

# Reading conflicts with replay.
$dbh->do($_) for 'CREATE TABLE plain AS SELECT i FROM generate_series(1, 1000) i';
truncate "$dir/said", 0;
for (1 .. 10)
{
	last if slurp("$dir/said") =~ /conflict with recovery/;
	my $out = place();
	my $run = begin($out, @BESIDE, @MANY, @AS_OF,
		"SELECT q.*, NULL::text AS z FROM ($QUERY) q WHERE (SELECT count(*) || pg_sleep(0.1)::text FROM plain) <> ''");
	until (defined ended($run, 1))
	{
		# Until there were some, because on a slow machine it might never end.
		if (slurp("$dir/said") !~ /conflict with recovery/) { $dbh->do($_) for 'UPDATE plain SET i = i', 'VACUUM plain' }
		sleep 0.3;
	}
	same($out, $quiet, 'conflicts are overcome');
}
like(slurp("$dir/said"), qr/conflict with recovery/, 'there were some');

# One of them is down, and goes down.
{
	my $out = place();
	# The primary makes none before the standby goes down.
	close_gate();
	my $run = begin($out, @BOTH, '-j', 4, @MANY, @AS_OF, gated(0));
	wait_until('some are there', sub { parts("$out.partial") > 3 });
	crash($standby, 'immediate');
	open_gate();
	is(ended($run), 0, 'it ends well');
	same($out, $quiet, 'a standby goes down: the same');
	extract_ok('while a standby is down', $there = place(), @BOTH, '-j', 4, @MANY, @AS_OF, $SLOW);
	same($there, $quiet, 'it is the same');
}
open my $end, '>', $stop;
finish($writer);
launch($standby);
$dbh->disconnect;
crash($node, 'immediate');
extract_ok('while the primary is down', $there = place(), @BOTH, @MANY, @AS_OF, $SLOW);
same($there, $quiet, 'it is the same');
extract_ok('as of the basis, while it is down', place(), @BESIDE, @MANY, $SLOW);

# Another cluster is not mistaken for it.
my $other = server('other');
my $foreign = db($other);
datom_table($foreign, 'pur', ':n/id' => 'long one');
($code, $said) = extract(place(), '-j', 1, '-h', join(',', $standby->host, $other->host), '-p', join(',', $standby->port, $other->port),
	'-d', 'postgres', @MANY, $SLOW);
is($code, 0, 'a server that is not needed is not asked');
($code, $said) = extract(my $mixed = place(), '-j', 2, '-h', join(',', $standby->host, $other->host), '-p', join(',', $standby->port, $other->port),
	'-d', 'postgres', @MANY, "SELECT q.*, CASE WHEN mod(e, 35) = 34 THEN pg_sleep(300)::text END AS z FROM ($QUERY) q");
is($code, 1, 'another cluster is refused');
like($said, qr/is not the one where the extract was begun/, 'it says why');
ok(!-e $mixed, 'nothing of it is to be seen');
done_testing();
