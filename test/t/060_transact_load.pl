# Eight clients at once: one identity is one entity, no compare-and-set and no
# call of a transaction function is lost, one attribute of cardinality one has
# one value, and what one retracts while another asserts it is told by a history
# in which both occur. Whatever a client was told is in the log.
#
# The controls do the same by reading and then inserting, and have to lose.
use strict;
use warnings;
use Datom;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

my $seed = $ENV{SEED} || int(rand(2**31));
note "seed $seed (SEED=$seed)";
my $CLIENTS = 8;
my $ROUNDS = 60;
my $BULKS = 3;
my $KEYS = 12;
my $dir = PostgreSQL::Test::Utils::tempdir;

# Commits are delayed at random, so that locks are held for a while.
my $node = server('load', fsync => 'off', deadlock_timeout => "'100ms'",
	'datom.test_commit_delay' => 2);
my $dbh = db($node);
$dbh->do($_) for <<'SQL' =~ /^(.+?);\n/msg;
SELECT datom.create('pur');
SELECT datom.define_attribute('pur', ':x/id', 'string', 'one', 'identity');
SELECT datom.define_attribute('pur', ':x/number', 'long', 'one', 'value');
SELECT datom.define_attribute('pur', ':x/count', 'long');
SELECT datom.define_attribute('pur', ':x/calls', 'long');
SELECT datom.define_attribute('pur', ':x/many', 'string', 'many');
SELECT datom.define_attribute('pur', ':x/one', 'string');
SELECT datom.define_attribute('pur', ':y/id', 'string');
CREATE FUNCTION increment(db regclass, id text) RETURNS text LANGUAGE sql AS
$$ SELECT format('[[:db/add [:x/id %s] :x/calls %s]]', to_json(id),
	coalesce((datom.entity(db, ':x/id', id::datom.value) ->> ':x/calls')::bigint, 0) + 1) $$;
SELECT datom.transact('pur', '[{:x/id "counter" :x/count 0} {:x/id "shared"}]');
SQL

# Runs a transaction; returns the datoms it reports as [e, a, v, added], or undef
# with the SQLSTATE in $state.
my $state;

sub transact
{
	my ($dbh, $data) = @_;
	my $rows = eval {
		$dbh->selectall_arrayref(
			'SELECT d.e, d.a, d.v::text, d.added FROM datom.transact(?, ?::text) t LEFT JOIN LATERAL unnest(t.datoms) d ON true',
			undef, 'pur', $data);
	};
	$state = $rows ? '00000' : $dbh->state;
	return $rows ? [ grep { defined $_->[0] } @$rows ] : undef;
}

my %acts = (
	# Two keys in one transaction, in any order: that is no deadlock.
	upsert => sub {
		my ($dbh, $tell, $value) = @_;
		my @keys = map { 'k' . int rand $KEYS } 1 .. 2;
		transact($dbh, '[' . join(' ', map { qq({:x/id "$_" :x/many "$value"}) } @keys) . ']')
		  or die "upsert: $state\n";
		$tell->("upsert $_ $value") for @keys;
	},
	cas => sub {
		my ($dbh, $tell) = @_;
		for (;;)
		{
			my $have = one($dbh, q{SELECT datom.entity('pur', ':x/id', 'counter') ->> ':x/count'});
			return $tell->('cas') if transact($dbh, "[[:db/cas [:x/id \"counter\"] :x/count $have " . ($have + 1) . ']]');
			die "cas: $state\n" if $state ne '40001';
			$tell->('lost');
		}
	},
	call => sub {
		my ($dbh, $tell) = @_;
		transact($dbh, '[[increment "counter"]]') or die "call: $state\n";
		$tell->('call');
	},
	# More facts than there are locks for, and a unique value.
	bulk => sub {
		my ($dbh, $tell, $value) = @_;
		transact($dbh, "[{:x/id \"bulk $value\"} " . join(' ', map { "[:db/add $_ :x/one \"$value\"]" } 5000 .. 5599) . ']')
		  or die "bulk: $state\n";
		$tell->('bulk');
	},
	set => sub {
		my ($dbh, $tell, $value) = @_;
		transact($dbh, "[[:db/add [:x/id \"shared\"] :x/one \"$value\"]]") or die "set: $state\n";
		$tell->("set $value");
	},
	flip => sub {
		my ($dbh, $tell) = @_;
		my $op = rand() < 0.5 ? ':db/add' : ':db/retract';
		my $rows = transact($dbh, "[[$op [:x/id \"shared\"] :x/many \"flag\"]]") or die "flip: $state\n";
		$tell->('flip ' . ($_->[3] ? '+' : '-')) for @$rows;
	},
	take => sub {
		my ($dbh, $tell, $value) = @_;
		my $number = int rand 40;
		my $rows = transact($dbh, "[{:x/id \"owner $value\" :x/number $number}]");
		die "take: $state\n" if !$rows && $state ne '23505';
		$tell->($rows ? "took $number $value" : 'taken');
	});

sub client
{
	my ($i) = @_;
	srand($seed + $i);
	my $dbh = db($node);
	open my $told, '>', "$dir/told.$i" or die $!;
	my $bulks = 0;
	for my $n (1 .. $ROUNDS)
	{
		my $act = (sort keys %acts)[ rand keys %acts ];
		$act = 'cas' if $act eq 'bulk' && $bulks++ >= $BULKS;
		$acts{$act}->($dbh, sub { print $told "@_\n" }, "$i.$n");
	}
	close $told;
}

is(finish(map { my $i = $_; spawn(sub { client($i) }) } 1 .. $CLIENTS),
	0, 'no client met an error that it does not expect: no deadlock either');
my @told = map { split /\n/, slurp_file("$dir/told.$_") } 1 .. $CLIENTS;
my %told;
$told{ (split ' ')[0] }++ for @told;
note join ', ', map { "$told{$_} $_" } sort keys %told;
cmp_ok($told{$_} // 0, '>', 0, "clients were told: $_") for qw(upsert cas lost call bulk set flip took taken);

# upserts
my %keys = map { (split ' ')[1] => 1 } grep { /^upsert/ } @told;
is(one($dbh, q{SELECT count(*) FROM datom.as_of('pur') WHERE a = ':x/id' AND v::text LIKE 'k%'}),
	scalar(keys %keys), scalar(keys %keys) . ' keys are as many entities');
is(one($dbh, q{SELECT count(*) FROM (SELECT v FROM pur WHERE a = ':x/id' AND added GROUP BY v HAVING count(*) > 1) s}),
	0, 'no key was ever given to two entities');
my %have = map { ("upsert $_->[0] $_->[1]" => 1) }
  @{ $dbh->selectall_arrayref(q{SELECT k.v::text, m.v::text FROM datom.as_of('pur') k JOIN datom.as_of('pur') m USING (e) WHERE k.a = ':x/id' AND m.a = ':x/many'}) };
is(join(', ', grep { /^upsert/ && !$have{$_} } @told), '', 'every upsert is in its entity');

# counters
my $counter = one($dbh, q{SELECT datom.entity('pur', ':x/id', 'counter')});
my ($count) = $counter =~ /":x\/count": (\d+)/;
my ($calls) = $counter =~ /":x\/calls": (\d+)/;
is($count, $told{cas}, "every compare-and-set of $told{cas} counts, $told{lost} were refused");
is($calls, $told{call}, "every call of $told{call} counts");
is(one($dbh, q{SELECT count(*) FROM datom.history('pur') WHERE a = ':x/count' AND added}),
	$told{cas} + 1, 'and each has its place in the history');

# one value
is(one($dbh, q{SELECT count(*) FROM datom.as_of('pur') WHERE a = ':x/one' AND e < 5000}), 1, 'one attribute has one value');
is(one($dbh, q{SELECT count(*) FROM datom.history('pur') WHERE a = ':x/one' AND e < 5000 AND added}),
	$told{set}, "after $told{set} that followed each other");
is(one($dbh, q{SELECT count(*) FROM datom.history('pur') WHERE a = ':x/one' AND e < 5000 AND NOT added}),
	$told{set} - 1, 'and each ended the one before');
is(one($dbh, q{SELECT count(DISTINCT v) || ' ' || count(*) FROM datom.as_of('pur') WHERE a = ':x/one' AND e >= 5000}), '1 600', 'the last of many facts at once left all of its own');

# retracted and asserted
my $flips = one($dbh, q{SELECT string_agg(CASE WHEN added THEN '+' ELSE '-' END, '' ORDER BY datom.instant(tx))
	FROM pur WHERE a = ':x/many' AND v = '"flag"'});
like($flips, qr/^(\+-)*\+?$/, 'a value is asserted and retracted in turns');
is(length $flips, $told{flip}, "$told{flip} times, as the clients were told");
my $told_up = grep { $_ eq 'flip +' } @told;
is(($flips =~ tr/+//), $told_up, "$told_up times it was asserted");

# unique values
my %owner = map { my (undef, $n, $v) = split ' '; ($n => "owner $v") } grep { /^took/ } @told;
is(scalar(keys %owner), $told{took}, "$told{took} numbers were taken, each once");
is_deeply(
	{ map { @$_ } @{ $dbh->selectall_arrayref(q{SELECT n.v::text, k.v::text FROM datom.as_of('pur') n JOIN datom.as_of('pur') k USING (e) WHERE n.a = ':x/number' AND k.a = ':x/id'}) } },
	\%owner, 'by those who were told so');
is(one($dbh, q{SELECT count(*) FROM datom.check('pur')}), 0, 'the log is sound');

#
# Controls
#

sub increment_plainly
{
	my ($dbh, $e) = @_;
	my $have = one($dbh, q{SELECT datom.entity('pur', ?::bigint) ->> ':x/count'}, $e);
	sleep rand 0.002;
	$dbh->do(q{INSERT INTO pur (e, a, v) VALUES (?, ':x/count', ?::bigint)}, undef, $e, $have + 1);
}

sub upsert_plainly
{
	my ($dbh, $key) = @_;
	my $e = one($dbh, q{SELECT e FROM datom.as_of('pur') WHERE a = ':y/id' AND v = ?::text::datom.value}, $key);
	sleep rand 0.002;
	$dbh->do(q{INSERT INTO pur (a, v) VALUES (':y/id', ?::text)}, undef, $key) unless $e;
}

# Until it loses something, and not for ever.
sub loses
{
	my ($what, $act, $lost) = @_;
	my $times = 0;
	for my $try (1 .. 20)
	{
		my $failed = finish(
			map {
				my $i = $_;
				spawn(sub { srand($seed + 100 * $try + $i); my $dbh = db($node); $act->($dbh, "$try.$_") for 1 .. 10 })
			} 1 .. $CLIENTS);
		is($failed, 0, "control: $what: clients finish") if $failed;
		$times += $CLIENTS * 10;
		my $n = $lost->($times);
		return pass("control: $what: $n lost of $times") if $n > 0;
	}
	fail("control: $what: none lost of $times");
}

my $plain = one($dbh, q{SELECT tempids ->> 'c' FROM datom.transact('pur', '[{:db/id "c" :x/count 0}]')});
loses('read, add 1, insert', sub { increment_plainly($_[0], $plain) },
	sub { $_[0] - one($dbh, q{SELECT datom.entity('pur', ?::bigint) ->> ':x/count'}, $plain) });
loses('look, and insert what is absent', sub { upsert_plainly($_[0], "key $_[1]") },
	sub { one($dbh, q{SELECT count(*) - count(DISTINCT v) FROM datom.as_of('pur') WHERE a = ':y/id'}) });

$node->stop;
done_testing();
