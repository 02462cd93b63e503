# Rows of an entity table while others write and merge.
#
# Accounts: what one loses another gains, some end and begin again under another
# number and name, and someone merges all the time. Whoever reads, on the primary
# or on a standby, must find all accounts and all the money: now; in a snapshot
# that is held, and again; from a cursor that takes its time; as of a moment, as
# a whole and in shards, asked by several sessions in turn. What was said of a
# moment must be said again when all have ended, also by the log.
#
# The control: shards that are asked for without a moment. They do not add up.
use strict;
use warnings;
use Datom;
use Datom::Load;
use Datom::Orders;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

note 'SEED=', my $seed = sow();
my $SECONDS = $ENV{SECONDS} || (torture() ? 300 : 8);
my ($ACCOUNTS, $EACH) = (300, 100);
my $node = server('entity_load', fsync => 'off', autovacuum => 'off', max_parallel_workers => 4, 'datom.wait' => "'60s'", log_min_messages => 'log');
my $dbh = db($node);
one($dbh, "SELECT datom.create('acc')");
one($dbh, "SELECT datom.define_attribute('acc', ?::text::datom.attribute, ?, uniqueness => ?)", @$_)
	for [ ':a/id', 'string', 'identity' ], [ ':a/n', 'long', undef ], [ ':a/note', 'string', undef ];
$dbh->do('CREATE FOREIGN TABLE acc_rows (e bigint, id text, n bigint, note text) SERVER datom OPTIONS (db \'acc\', namespace \'a\')');
$dbh->do("INSERT INTO acc_rows (id, n) SELECT 'a' || i, $EACH FROM generate_series(1, $ACCOUNTS) i");
merge($dbh, 'acc');
my $standby = standby($node, 'entity_load_standby', max_standby_streaming_delay => "'5s'");
launch($standby);
my $stop = scratch('stop.entity_load');

sub transfer
{
	my ($on, $from, $to) = @_;
	my $d = 1 + int rand 20;
	($from, $to) = ($to, $from) if maybe(0.5);
	$on->do("UPDATE acc_rows SET n = n + CASE id WHEN '$from' THEN -$d ELSE $d END, note = 'moved $d' WHERE id IN ('$from', '$to')");
}

sub begin_again
{
	my ($on, $id, $as) = @_;
	$on->begin_work;
	my $n = one($on, "DELETE FROM acc_rows WHERE id = '$id' RETURNING n");
	$on->do("INSERT INTO acc_rows (id, n) VALUES ('$as', $n)") if defined $n;
	$on->commit;
}

sub write_on
{
	my ($i) = @_;
	srand $seed + $i;
	my $on = db($node);
	my ($kept, $again) = (0, 0);
	# Each has accounts that only it ends; the upper half never do, and are everyone's.
	my %name = map { $_ => "a$_" } grep { $_ % 4 == $i } 1 .. $ACCOUNTS / 2;
	until (-e $stop || orphan())
	{
		my $mine = pick(keys %name);
		# What meets another is tried again.
		my $done = eval {
			if (maybe(0.2))
			{
				my $as = "$name{$mine}'" =~ s/'/x/r;
				$as = "a$mine" if length $as > 12;
				begin_again($on, $name{$mine}, $as);
				$name{$mine} = $as;
			}
			else { transfer($on, $name{$mine}, 'a' . ($ACCOUNTS / 2 + 1 + int rand($ACCOUNTS / 2))) }
			1;
		};
		$done ? $kept++ : $again++;
		if (!$done)
		{
			die $@ if !$on->ping || $on->state !~ /^40/;
			$on->rollback if !$on->{AutoCommit};
		}
	}
	die "nothing was written\n" if !$kept;
}

my $MONEY = "count(*) || ' ' || sum(n)";
my $DIGEST = "count(*) || ' ' || sum(n) || ' ' || sum(hashtextextended(g::text, 0))";
my $ALL = "$ACCOUNTS " . $ACCOUNTS * $EACH;
my (%asked, @wrong, %said, $apart);

sub set_up
{
	my ($on) = @_;
	configure($on, orders => maybe(0.9), scan => maybe(0.8), workers => maybe(0.2));
	$on->do('SET datom.enable_aggregates = ' . pick(qw(on on off)));
}

sub compare
{
	my ($where, $how, $got, $want) = @_;
	$asked{"$how, $where"}++;
	push @wrong, "$how, $where: $got, not $want" if $got ne $want;
}

my %questions = (
	now => sub {
		my ($where, $on) = @_;
		compare($where, 'now', one($on, "SELECT $MONEY FROM acc_rows"), $ALL);
	},
	'now, by rows' => sub {
		my ($where, $on) = @_;
		my $rows = $on->selectall_arrayref('SELECT e, n FROM acc_rows ORDER BY e');
		my %once = map { $_->[0] => 1 } @$rows;
		my $sum = 0;
		$sum += $_->[1] for @$rows;
		compare($where, 'now, by rows', keys(%once) . " $sum", $ALL);
		compare($where, 'in order', join(' ', map { $_->[0] } @$rows), join(' ', sort { $a <=> $b } map { $_->[0] } @$rows));
	},
	'a snapshot' => sub {
		my ($where, $on) = @_;
		$on->begin_work;
		$on->do('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ');
		my $before = one($on, "SELECT $DIGEST FROM acc_rows g");
		for (1 .. 3)
		{
			sleep rand 0.1;
			set_up($on);
			compare($where, 'a snapshot', one($on, "SELECT $DIGEST FROM acc_rows g"), $before);
		}
		$on->commit;
	},
	'a cursor' => sub {
		my ($where, $on) = @_;
		$on->begin_work;
		$on->do('DECLARE c CURSOR FOR SELECT n FROM acc_rows');
		my @n;
		while (my $some = $on->selectcol_arrayref('FETCH ' . (1 + int rand 150) . ' FROM c'))
		{
			last if !@$some;
			push @n, @$some;
			sleep rand 0.05;
		}
		$on->commit;
		my $sum = 0;
		$sum += $_ for @n;
		compare($where, 'a cursor', @n . " $sum", $ALL);
	},
	shards => sub {
		my ($where, $on, @others) = @_;
		my $at = one($on, "SELECT datom.basis('acc')");
		my $n = 2 + int rand 8;
		$_->do("SET datom.as_of = '$at'") for $on, @others;
		my $whole = one($on, "SELECT $DIGEST FROM acc_rows g");
		my @sum = (0, 0, 0);
		for my $i (0 .. $n - 1)
		{
			my @part = split ' ', one(pick($on, @others), "SELECT count(*) || ' ' || coalesce(sum(n), 0) || ' ' || coalesce(sum(hashtextextended(g::text, 0)), 0) FROM acc_rows g WHERE mod(e, $n) = $i");
			$sum[0] += $part[0];
			$sum[1] += $part[1];
		}
		$_->do('RESET datom.as_of') for $on, @others;
		compare($where, 'shards', "$sum[0] $sum[1]", $ALL);
		compare($where, 'the whole', $whole =~ s/^(\d+ \d+).*/$1/r, $ALL);
		$said{$at} //= $whole;
		compare($where, 'the same moment', $whole, $said{$at});
		# The control
		@sum = (0, 0);
		for my $i (0 .. $n - 1)
		{
			my @part = split ' ', one($on, "SELECT count(*) || ' ' || coalesce(sum(n), 0) FROM acc_rows WHERE mod(e, $n) = $i");
			$sum[$_] += $part[$_] for 0, 1;
		}
		$apart++ if "@sum" ne $ALL;
	});

my @writers = (map { my $i = $_; spawn(sub { write_on($i) }) } 0 .. 3);
my $merger = spawn(sub { merger($node, 'acc', $stop, 0.2) });
my %on = (primary => [ map { db($node) } 1, 2 ], standby => [ map { db($standby) } 1, 2 ]);
my $end = time + $SECONDS;
my $ended = 0;
my @met = map { ("$_, primary", "$_, standby") } 'now', 'shards';

# On a slow machine it takes longer until all has been asked.
while (time < $end || (time < $end + 180 && (!$apart || grep { !$asked{$_} } @met)))
{
	my $where = pick(sort keys %on);
	my ($on, @others) = @{ $on{$where} };
	my $what = pick(sort keys %questions);
	eval { set_up($_) for $on, @others; $questions{$what}->($where, $on, @others); 1 } and next;
	# What replay does to a standby's readers: the statement, or the connection of whoever holds a snapshot.
	my $error = $@ =~ s/\s*\n\s*/; /gr;
	my @states = map { $_->state || '00000' } $on, @others;
	push @wrong, "$what, $where: $error (@states)" if $where ne 'standby' || !grep /^(40|08)/, @states;
	$ended++;
	for my $session (@{ $on{$where} })
	{
		# That may be ended as well.
		next if eval { $session->rollback if !$session->{AutoCommit}; $session->do('RESET datom.as_of'); 1 };
		wait_until('there is a session', sub { $session = try_db($where eq 'standby' ? $standby : $node) });
	}
}
open my $f, '>', $stop;
close $f;
is(finish(@writers, $merger), 0, 'writers and who merges end well');
note join ', ', map { "$_ x $asked{$_}" } sort keys %asked;
note "$ended ended by replay, ", scalar(keys %said), ' moments, ', one($dbh, "SELECT count(*) FROM datom.tx WHERE db = 'acc'::regclass"), ' transactions';
is(join("\n", @wrong[ 0 .. ($#wrong < 5 ? $#wrong : 5) ]), '', 'all accounts and all the money, always');
cmp_ok($asked{$_} // 0, '>', 0, "there were answers: $_") for @met;

my @changed;
for my $orders (0, 1)
{
	configure($dbh, orders => $orders, scan => 1);
	for my $at (sort keys %said)
	{
		$dbh->do("SET datom.as_of = '$at'");
		push @changed, $at if one($dbh, "SELECT $DIGEST FROM acc_rows g") ne $said{$at};
	}
	$dbh->do('RESET datom.as_of');
}
is(join(', ', @changed), '', 'the past is what it was, by orders and by the log');
unlike(slurp_file($_->logfile), qr/terminated by signal|PANIC/, 'no backend of ' . $_->name . ' has died') for $node, $standby;
is(one($dbh, q{SELECT count(*) FROM datom.check('acc')}), 0, 'and the table is sound');
cmp_ok($apart // 0, '>', 0, 'control: shards without a moment do not add up, ' . ($apart // 0) . ' times');
done_testing();
