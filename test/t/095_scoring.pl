# examples/scoring.py answers messages from a standby that is behind, while the
# primary is written to, connections are cut and the standby restarts: as the
# primary answers them itself.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use DBD::Pg ':async';
use JSON::PP;
use DatomTest;

my @python = '/usr/bin/python3';
plan skip_all => 'psycopg2 is missing (make deps)'
	unless run_log([ @python, '-c', 'import psycopg2' ], '2>', \my $missing);

my $primary = new_server('primary', allows_streaming => 1, conf => "datom.wait = 60s\n");
$primary->start;
$primary->safe_psql('postgres', 'CREATE EXTENSION datom');
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->append_conf('postgresql.conf', "log_statement = all\nmax_standby_streaming_delay = 0\n");
$standby->start;
my $p = connect_to($primary);

$p->do($_) for map({ ("SELECT datom.create('$_')") } qw(pur cus)),
	"SELECT datom.define_attribute('pur', ':purchase/id', 'string', uniqueness => 'identity')",
	"SELECT datom.define_attribute('pur', ':purchase/customer-id', 'string', indexed => true)",
	"SELECT datom.define_attribute('pur', ':purchase/amount', 'bigdec')",
	"SELECT datom.define_attribute('cus', ':customer/id', 'string', uniqueness => 'identity')",
	"SELECT datom.define_attribute('cus', ':customer/name', 'string')",
	'CREATE TABLE stop (i int)',
	map { qq{SELECT datom.transact('cus', '[{:customer/id "cus-$_" :customer/name "Customer $_"}]')} } 1 .. 5;

# Somebody writes all the while.
$p->do(q{
CREATE PROCEDURE keep_saying() LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. 1000000 LOOP
		PERFORM datom.transact('cus', format('[{:customer/id "cus-%s" :customer/name "Name %s"}]', 1 + i % 5, i));
		COMMIT;
		PERFORM pg_sleep(0.005);
		EXIT WHEN EXISTS (SELECT FROM stop);
	END LOOP;
END $$});
my $busy = connect_to($primary);
$busy->do('CALL keep_saying()', { pg_async => PG_ASYNC });

my $query = <<'EDN' =~ s/\s+/ /gr;
{:find [?name (max ?amount)]
 :in [?purchase-id]
 :where [[$pur ?purchase :purchase/id ?purchase-id]
         [$pur ?purchase :purchase/customer-id ?customer-id]
         [$cus ?customer :customer/id ?customer-id]
         [$cus ?customer :customer/name ?name]
         [$pur ?other :purchase/customer-id ?customer-id]
         [$pur ?other :purchase/amount ?amount]]}
EDN

# One more purchase, and the message that asks for it as of its transaction, of
# its instant, or of a moment at which nothing was said.
my $n = 0;
my $instant = q(SELECT to_char(%s AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'));
sub purchase
{
	$n++;
	my $customer = 1 + $n % 5;
	my $tx = value_of($p, "SELECT tx FROM datom.transact('pur', ?)",
		qq([{:purchase/id "pur-$n" :purchase/customer-id "cus-$customer" :purchase/amount $n.25M}]));
	my $at = $n % 3 == 0 ? $tx : '#inst "' . value_of($p, sprintf $instant, $n % 3 == 1 ? "datom.instant($tx)" : 'clock_timestamp()') . '"';
	return qq({:as-of $at :args ["pur-$n"] :query $query});
}

my $dir = PostgreSQL::Test::Utils::tempdir('messages');
my %messages;
sub write_message
{
	my ($name, $text) = @_;
	append_to_file("$dir/$name.tmp", $text);
	rename "$dir/$name.tmp", "$dir/$name" or die $!;
	$messages{$name} = $text;
}

my @scoring = (@python, 'examples/scoring.py', '--timeout', 300, '--connect', $standby->connstr('postgres'));
my $latencies = qr/^\d+ answers, \d+ errors; p50 [\d.]+ ms, p99 [\d.]+ ms, max [\d.]+ ms$/m;

# What it printed, by the name of the message: JSON, with the text of the answer
# as the server gave it.
sub printed
{
	my ($key, $out) = @_;
	my %said;
	for my $line (split /\n/, $out)
	{
		my $json = decode_json($line);
		$said{ $json->{$key} } = $json;
		$json->{text} = $1 if $line =~ /"answer": (.*), "ms": [\d.]+\}$/;
	}
	return \%said;
}

# Every message is answered as the primary answers it.
sub as_the_primary
{
	my ($said, $texts, $what) = @_;
	my @wrong;
	for my $name (sort keys %$texts)
	{
		my $truth = value_of($p, 'SELECT datom.answer(?::text)', $texts->{$name});
		my $answer = $said->{$name}{text} // $said->{$name}{message} // 'nothing';
		push @wrong, "$name: $answer, not $truth" if $answer ne $truth;
	}
	is(join("\n", @wrong), '', $what);
}

# -- a directory, of messages that come before what they ask of

my $s = connect_to($standby);
$primary->wait_for_catchup($standby);
$s->do('SELECT pg_wal_replay_pause()');
write_message("one-$_.edn", purchase()) for 1 .. 60;
$p->do($_) for "SELECT datom.create('late')", "SELECT datom.define_attribute('late', ':late/since', 'long')",
	"INSERT INTO late (e, a, v) VALUES (100, ':late/since', 17)";
write_message('one-61.edn', '{:as-of #inst "' . value_of($p, sprintf $instant, 'clock_timestamp()') . '" :query [:find ?v . :where [$late _ :late/since ?v]]}');
append_to_file("$dir/no-message.txt", 'other files are left alone');
my ($out, $err) = ('', '');
my $scoring = IPC::Run::start([ @scoring, '--workers', 3, $dir ], '>', \$out, '2>', \$err);
ok($standby->wait_for_log(qr/CALL datom\.sync/), 'a moment that is not there is waited for');
$s->do('SELECT pg_wal_replay_resume()');
ok($scoring->finish, 'and a directory is answered') or diag $err;
my $said = printed(file => $out);
is(keys %$said, 61, 'all of it');
as_the_primary($said, \%messages, 'every message is answered as the primary does');
like($said->{'one-60.edn'}{ms}, qr/^[\d.]+$/, 'it says how long each took');
like($err, $latencies, 'and all of them');
like($err, qr/^61 answers, 0 errors/m, 'none of which is an error');
isnt(value_of($p, 'SELECT datom.answer(?::text)', $messages{'one-2.edn'} =~ s/:as-of \S+ "[^"]*"//r),
	value_of($p, 'SELECT datom.answer(?::text)', $messages{'one-2.edn'}), 'control: as of now the answer is another one');

# -- a directory that is watched, questions that are cancelled by recovery,
# connections that are cut, a standby that restarts

$s->disconnect;
unlink glob "$dir/*";
%messages = ();
($out, $err) = ('', '');
$scoring = IPC::Run::start([ @scoring, '--workers', 2, '--watch', $dir ], '>', \$out, '2>', \$err);
sub lines_of_answers
{
	$scoring->pump_nb;
	return $out =~ tr/\n//;
}

# Waits for so many lines, or for something else that is true before.
sub answered
{
	my ($lines, $or) = @_;
	my $end = time + 600;
	select undef, undef, undef, 0.02 while time < $end && lines_of_answers() < $lines && !($or && $or->());
}

# Recovery may cancel this as well.
sub cut_connections
{
	my $cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%datom.%' AND pid <> pg_backend_pid()";
	for (1 .. 20) { return if $standby->psql('postgres', $cut) == 0 }
	die 'connections cannot be cut';
}

for my $i (1 .. 60)
{
	write_message("two-$i.edn", purchase());
	cut_connections() if $i % 10 == 0;
	$standby->restart if $i == 35;
}
my $answers = 60;
answered($answers);

# Questions that take long, until one of them is cancelled.
$s = connect_to($standby);
my $long = join ' ', map { "[\$pur ?$_ :purchase/customer-id \"cus-1\"]" } 'a' .. 'd';
my $at = value_of($p, sprintf $instant, 'clock_timestamp()');
my $cancelled = qr/canceling statement due to conflict with recovery/;
for my $i (1 .. 20)
{
	write_message("two-long-$i.edn", "{:as-of #inst \"$at\" :query {:find [(count ?a) .] :where [$long]}}");
	my $asked = "SELECT count(*) > 0 FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'SELECT datom.answer%cus-1%' AND pid <> pg_backend_pid()";
	answered($answers + 1, sub { eval { value_of($s, $asked) } });
	$p->do($_) for 'BEGIN', 'LOCK TABLE pur IN ACCESS EXCLUSIVE MODE', 'COMMIT';
	answered(++$answers);
	last if slurp_file($standby->logfile) =~ $cancelled;
}
like(slurp_file($standby->logfile), $cancelled, 'a question is cancelled by recovery');
$s->disconnect;
$scoring->signal('TERM');
ok($scoring->finish, 'it ends at a signal') or diag $err;
$said = printed(file => $out);
as_the_primary($said, \%messages, 'messages that come later are answered, whatever comes between');
like($err, qr/^$answers answers, 0 errors/m, 'each once');

# -- standard input, and messages that are not right

my @lines = (purchase(),
	'{:as-of #inst "2014-11-15T13:37:42Z" :args ["pur-1"',
	'',
	purchase(),
	'{:query {:find [?v] :where [[$pur _ :purchase/nothing ?v]]}}',
	"{:query \"\xff\"}",
	qq({:args ["pur-1"] :query $query}),
	'{:args [3.14159265358979323846M] :query {:find [?x .] :in [?y] :where [[$pur _ :purchase/id "pur-1"] [(identity ?y) ?x]]}}',
	purchase());
($out, $err) = ('', '');
ok(run_log(\@scoring, '<', \join("\n", @lines), '>', \$out, '2>', \$err), 'standard input is answered') or diag $err;
$said = printed(line => $out);
as_the_primary($said, { map { ($_ => $lines[ $_ - 1 ]) } 1, 4, 9 }, 'line by line');
is($said->{2}{error}, '22P02', 'a message that is not one is an error');
like($said->{2}{message}, qr/./, 'which says what is wrong');
ok(!exists $said->{3}, 'an empty line is none');
ok(exists $said->{5}{error}, 'what is not defined is an error');
ok(exists $said->{6}{message} && !exists $said->{6}{answer}, 'and so is what is not UTF-8');
ok(exists $said->{7}{answer}, 'a message without a moment is answered as of now');
like($out, qr/3\.14159265358979323846/, 'numbers keep their digits');
like($err, qr/^5 answers, 3 errors/m, 'and the others are answered');

$p->do('INSERT INTO stop VALUES (1)');
$busy->pg_result;
$busy->disconnect;
$p->disconnect;
$standby->stop;
$primary->stop;
done_testing();
