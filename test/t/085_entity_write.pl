# Writing to entity tables: clients that add to the same rows at once lose
# nothing, in no isolation level, and change no row that is none of theirs any
# more; random statements leave what they leave in a heap table; what is taken
# back leaves nothing; what a client was told is there after a crash, and the past
# is what it was.
#
# The control adds without locking the rows that are scanned, and has to lose.
use strict;
use warnings;
use Datom;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

my $seed = $ENV{SEED} || int(rand(2**31));
note "seed $seed (SEED=$seed)";
srand $seed;
my $CLIENTS = 8;
my $ROUNDS = torture() ? 500 : 40;
my $STATEMENTS = torture() ? 5000 : 300;
my $CRASHES = torture() ? 50 : 3;
my $dir = PostgreSQL::Test::Utils::tempdir;

my $node = server('write', deadlock_timeout => "'100ms'", 'datom.wait' => "'60s'", 'datom.test_commit_delay' => 1,
	restart_after_crash => 'on');
my $dbh = db($node);
make_table($dbh, 'pur');
$dbh->do('IMPORT FOREIGN SCHEMA pur LIMIT TO (x) FROM SERVER datom INTO public');

sub make_table
{
	my ($dbh, $name) = @_;
	one($dbh, 'SELECT datom.create(?)', $name);
	one($dbh, "SELECT datom.define_attribute('$name', ?, ?, ?, ?)", @$_) for (
		[ ':x/id', 'string', 'one', 'identity' ], [ ':x/receipt', 'long', 'one', 'value' ],
		[ ':x/amount', 'bigdec', 'one', undef ], [ ':x/note', 'string', 'one', undef ],
		[ ':x/tags', 'keyword', 'many', undef ]);
}

# Runs a statement; its rows as one text, or SQLSTATE.
sub outcome
{
	my ($dbh, $sql) = @_;
	my $rows = eval {
		my $sth = $dbh->prepare($sql, { pg_server_prepare => 0 });
		my $n = $sth->execute;
		$sth->{NUM_OF_FIELDS} ? $sth->fetchall_arrayref : [ [ $n + 0 ] ];
	};
	return $dbh->state unless $rows;
	return join '; ', sort map { join ',', map { $_ // '~' } @$_ } @$rows;
}

sub faults
{
	my ($dbh) = @_;
	return join "\n", map { join ' ', map { $_ // '' } @$_ }
	  @{ $dbh->selectall_arrayref(q{SELECT * FROM datom."check"('pur')}) };
}

#
# Adding at once
#

my @KEYS = map { "k$_" } 1 .. 4;

sub add_all
{
	my ($break) = @_;
	$dbh->do('DELETE FROM x');
	$dbh->do('INSERT INTO x (id, amount) VALUES ' . join ', ', map { "('$_', 0)" } @KEYS);
	$dbh->do('VACUUM pur') if rand() < 0.5;
	my @clients = map { my $i = $_; spawn(sub { add_one($i, $break) }) } 1 .. $CLIENTS;
	is(finish(@clients), 0, 'all clients came through');
	my %told;
	for my $i (1 .. $CLIENTS)
	{
		my $text = slurp_file("$dir/told.$i");
		$told{$1} += $2 while $text =~ /^(\w+) (\d+)$/mg;
	}
	my $lost = 0;
	for my $key (@KEYS)
	{
		my $have = one($dbh, 'SELECT amount FROM x WHERE id = ?', $key);
		note "$key: told $told{$key}, have $have";
		$lost += abs($told{$key} - $have);
	}
	return $lost;
}

# What a client does to the rows it names; returns how much it added to each.
my %adds = (
	one => sub {
		my ($dbh, $key) = @_;
		$dbh->do("UPDATE x SET amount = amount + 1 WHERE id = '$key'") == 1 or die 'no row';
		return ($key => 1);
	},
	all => sub {
		my ($dbh) = @_;
		$dbh->do('UPDATE x SET amount = amount + 2') == @KEYS or die 'not all rows';
		return map { $_ => 2 } @KEYS;
	},
	join => sub {
		my ($dbh, $key) = @_;
		$dbh->do("UPDATE x SET amount = x.amount + v.more FROM (VALUES ('$key', 3)) v(id, more) WHERE v.id = x.id") == 1
		  or die 'no row';
		return ($key => 3);
	},
	read_first => sub {
		my ($dbh, $key) = @_;
		my $amount = one($dbh, "SELECT amount FROM x WHERE id = '$key' FOR UPDATE");
		$dbh->do('UPDATE x SET amount = ? WHERE id = ?', undef, $amount + 4, $key);
		return ($key => 4);
	},
	transact => sub {
		my ($dbh, $key) = @_;
		my $amount = one($dbh, "SELECT amount FROM x WHERE id = '$key'");
		one($dbh, 'SELECT tx FROM datom.transact(?, ?::text)', 'pur',
			"[[:db/cas [:x/id \"$key\"] :x/amount ${amount}M " . ($amount + 5) . 'M]]');
		return ($key => 5);
	},
	repeatable => sub {
		my ($dbh, $key) = @_;
		$dbh->do('SET TRANSACTION ISOLATION LEVEL ' . (rand() < 0.5 ? 'REPEATABLE READ' : 'SERIALIZABLE'));
		$dbh->do("UPDATE x SET amount = amount + 6 WHERE id IN ('$key', 'k1')");
		return ($key => 6, k1 => 6);
	});

sub add_one
{
	my ($i, $break) = @_;
	srand($seed + $i);
	my $dbh = db($node, $break ? ('datom.test_break' => $break) : ());
	open my $told, '>', "$dir/told.$i" or die $!;
	for (my $n = 0; $n < $ROUNDS;)
	{
		my $act = $break ? 'one' : (sort keys %adds)[ rand keys %adds ];
		$dbh->begin_work;
		my %added = eval { my %done = $adds{$act}->($dbh, $KEYS[ rand @KEYS ]); $dbh->commit; %done };
		if (!%added)
		{
			my $state = $dbh->state;
			eval { $dbh->rollback };
			next if $state =~ /^40/;
			die "$act: $state $@";
		}
		print $told "$_ $added{$_}\n" for keys %added;
		$n++;
	}
	close $told;
}

is(add_all(), 0, 'no addition is lost');
is(faults($dbh), '', 'the table is sound');
my $lost = 0;
for (1 .. 10) { $lost ||= add_all('no_row_lock') }
cmp_ok($lost, '>', 0, 'control: without locks while scanning, additions are lost');

# Statements that change more rows than there are locks for, a few, and one: each is
# a transaction, and none of them deadlocks.
$dbh->do('DELETE FROM x');
$dbh->do("INSERT INTO x (id, amount) SELECT 'm' || i, 0 FROM generate_series(1, 700) i");
my @crowd = map {
	my $i = $_;
	spawn(sub {
		srand($seed + $i);
		my $dbh = db($node);
		for (1 .. $ROUNDS / 4)
		{
			my $where = ('true', 'e % 7 = ' . int(rand 7), "id IN ('m1', 'm" . int(rand 700) . "', 'm5')")[ $i % 3 ];
			$dbh->do("UPDATE x SET amount = amount + 1 WHERE $where AND amount >= 0");
			$dbh->do("UPDATE x SET amount = amount - 1 WHERE $where");
		}
	})
} 1 .. 6;
is(finish(@crowd), 0, 'many rows and few do not deadlock');
is(one($dbh, 'SELECT count(*) FROM x WHERE amount <> 0'), 0, 'and lose nothing');

#
# Two sessions, step by step
#

my $other = db($node);

# Runs a statement in a process of its own that has to wait for $dbh.
sub waiting
{
	my ($sql, $level) = @_;
	unlink "$dir/answer";
	my $pid = spawn(sub {
		my $dbh = db($node);
		$dbh->begin_work;
		$dbh->do("SET TRANSACTION ISOLATION LEVEL $level");
		one($dbh, 'SELECT count(*) FROM x');
		open my $ready, '>', "$dir/ready" or die $!;
		my $answer = outcome($dbh, $sql);
		$dbh->commit if $answer !~ /^\d\w{4}$/ || $answer eq '00000';
		open my $f, '>', "$dir/answer" or die $!;
		print $f $answer;
		close $f;
	});
	wait_until('it waits', sub { one($other, "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'advisory'") });
	return $pid;
}

sub race
{
	my ($first, $second, $level) = @_;
	$dbh->do('DELETE FROM x');
	$dbh->do("INSERT INTO x (id, amount, note) VALUES ('a', 1, 'open'), ('b', 2, 'open')");
	$dbh->begin_work;
	$dbh->do($first);
	my $pid = waiting($second, $level || 'READ COMMITTED');
	$dbh->commit;
	finish($pid);
	return slurp_file("$dir/answer");
}
my $close = "UPDATE x SET note = 'closed', amount = amount + 10 WHERE id = 'a'";
is(race($close, "UPDATE x SET note = 'taken' WHERE note = 'open' RETURNING id"), 'b', 'a row that changed is looked at again');
is(race($close, "UPDATE x SET amount = amount + 1 RETURNING id, amount"), 'a,12; b,3', 'and computed anew');
is(race("DELETE FROM x WHERE id = 'a'", "UPDATE x SET amount = 5 RETURNING id"), 'b', 'a row that went is left out');
is(race("DELETE FROM x WHERE id = 'a'", "DELETE FROM x RETURNING id"), 'b', 'also by DELETE');
is(race($close, "DELETE FROM x WHERE note = 'open' RETURNING id"), 'b', 'DELETE looks again');
is(race($close, "SELECT id, amount, note FROM x WHERE note = 'open' ORDER BY id FOR UPDATE"), 'b,2,open', 'FOR UPDATE looks again');
is(race($close, "SELECT id, amount, note FROM x WHERE id = 'a' FOR SHARE"), 'a,11,closed', 'FOR SHARE reads anew');
is(race($close, "UPDATE x SET amount = amount + 1 WHERE id = 'a'", $_), '40001', "a row that changed is 40001 in $_")
  for 'REPEATABLE READ', 'SERIALIZABLE';
is(race("INSERT INTO x (id) VALUES ('c')", "INSERT INTO x (id) VALUES ('c')"), '23505', 'an identity is given once');
is(race("INSERT INTO x (id) VALUES ('c')", "INSERT INTO x (id) VALUES ('c') ON CONFLICT DO NOTHING"), '0', 'or not again');
is(race("INSERT INTO x (e, id) VALUES (500000, 'c')", "INSERT INTO x (e, id) VALUES (500000, 'd')"), '23505', 'an entity is inserted once');

#
# The same statements on a heap table
#

my $TAGS = q{(SELECT array_agg(DISTINCT t COLLATE "C" ORDER BY t COLLATE "C") FROM unnest(%s::text[]) t)};

sub ids { return join ', ', map { "'i" . int(rand 40) . "'" } 1 .. 1 + int rand 5 }

sub tags { return 'ARRAY[' . join(', ', map { "':t" . int(rand 5) . "'" } 1 .. 1 + int rand 4) . ']' }

sub value { return (rand() < 0.2 ? 'NULL' : int rand 100) }

sub note_value { return rand() < 0.2 ? 'NULL' : "'n" . int(rand 10) . "'" }

sub where
{
	return (
		'id IN (' . ids() . ')', 'amount < ' . int(rand 60), 'amount IS NULL', "note = 'n" . int(rand 10) . "'",
		"':t" . int(rand 5) . "' = ANY (tags)", 'receipt > ' . int(rand 1000))[ rand 6 ];
}

sub rows
{
	return join ', ', map {
		sprintf "('i%d', %s, %s, %s::text[], %s)", int rand 40, value(), note_value(),
		  rand() < 0.3 ? 'NULL' : sprintf($TAGS, tags()), rand() < 0.5 ? 'NULL' : int rand 1000
	} 1 .. 1 + int rand 4;
}
my @statements = (
	sub { 'INSERT INTO %s (id, amount, note, tags, receipt) VALUES ' . rows() },
	sub { 'INSERT INTO %s (id, amount, note, tags, receipt) VALUES ' . rows() . ' RETURNING id, amount, tags::text' },
	sub { 'INSERT INTO %s (id, amount, note, tags, receipt) VALUES ' . rows() . ' ON CONFLICT DO NOTHING RETURNING id' },
	sub { 'UPDATE %s SET amount = amount + ' . int(rand 9) . ' WHERE ' . where() . ' RETURNING id, amount, note, tags::text' },
	sub { 'UPDATE %s SET note = ' . note_value() . ', receipt = NULL WHERE ' . where() },
	sub { 'UPDATE %s SET amount = ' . value() . ', note = ' . note_value() . ' WHERE ' . where() . ' RETURNING id, note' },
	sub { 'UPDATE %s SET tags = ' . sprintf($TAGS, tags()) . ' WHERE ' . where() . ' RETURNING id, tags::text' },
	sub { 'UPDATE %s SET tags = ' . sprintf($TAGS, 'tags || ' . tags()) . ' WHERE ' . where() },
	sub { 'UPDATE %s SET tags = NULL WHERE ' . where() },
	sub { 'UPDATE %s SET id = ' . (rand() < 0.5 ? "'i" . int(rand 40) . "'" : 'NULL') . ' WHERE id IN (' . ids() . ')' },
	sub { 'UPDATE %s SET receipt = ' . int(rand 30) . ' WHERE id = ' . "'i" . int(rand 40) . "'" },
	sub { 'DELETE FROM %s WHERE ' . where() . ' RETURNING id, amount, note, tags::text, receipt' },
	sub { 'DELETE FROM %s WHERE id IN (' . ids() . ')' },
	sub { "UPDATE %s u SET amount = v.amount FROM (VALUES ('i1', 5), ('i2', 6), ('i3', 7)) v(id, amount) WHERE v.id = u.id RETURNING u.id, u.amount" },
	sub { 'WITH gone AS (DELETE FROM %1$s WHERE id IN (' . ids() . ') RETURNING *)
		INSERT INTO %1$s (id, amount, note, tags) SELECT id || \'+\', amount, note, tags FROM gone RETURNING id' },
	sub { 'WITH gone AS (DELETE FROM %1$s WHERE ' . where() . ' RETURNING *)
		INSERT INTO %1$s (id, amount, note, tags, receipt) SELECT id, amount + 1, note, tags, receipt FROM gone RETURNING id, amount, receipt' },
	sub { 'INSERT INTO %1$s (id, amount) SELECT id || \'-\', amount + 1 FROM %1$s WHERE id IN (' . ids() . ')' },
	sub { 'DELETE FROM %s WHERE length(id) > 4' });

my $STATE = "SELECT coalesce(string_agg(concat_ws(',', id, coalesce(amount::text, '~'), coalesce(note, '~'), coalesce(tags::text, '~'), coalesce(receipt::text, '~')), E'\n' ORDER BY id COLLATE \"C\"), '') FROM %s";

$dbh->do('DELETE FROM x');
$dbh->do('CREATE TABLE heap (id text PRIMARY KEY, amount numeric, note text, tags text[], receipt bigint UNIQUE) USING heap');
my ($different, %seen) = (0);
# And on until some have failed in either way.
for (my $n = 1; $n <= $STATEMENTS || ($n <= 20 * $STATEMENTS && !($seen{23505} && $seen{23502})); $n++)
{
	my @said = map { $statements[ rand @statements ]->() } 1 .. (rand() < 0.2 ? 2 : 1);
	my @results;
	for my $table ('x', 'heap')
	{
		my @outcomes;
		$dbh->begin_work if @said > 1;
		for my $i (0 .. $#said)
		{
			$dbh->do('SAVEPOINT s') if @said > 1;
			push @outcomes, outcome($dbh, sprintf $said[$i], $table);
			$dbh->do('ROLLBACK TO s') if @said > 1 && ($i < $#said || $outcomes[-1] =~ /^[0-9A-Z]{5}$/);
		}
		$dbh->commit if @said > 1;
		push @results, join "\n-> ", @outcomes, one($dbh, sprintf $STATE, $table);
		$seen{$_}++ for $table eq 'x' ? grep { /^[0-9A-Z]{5}$/ } @outcomes : ();
	}
	$dbh->do('VACUUM pur') if rand() < 0.03;
	next if $results[0] eq $results[1];
	diag "statement $n: @said\nentity table: $results[0]\nheap table: $results[1]" if $different++ < 3;
	$dbh->do('DELETE FROM x');
	$dbh->do('TRUNCATE heap');
}
note join ', ', map { "$_: $seen{$_}" } sort keys %seen;
is($different, 0, "$STATEMENTS statements leave what they leave in a heap table");
ok($seen{23505} && $seen{23502}, 'and fail where they fail there');
is(faults($dbh), '', 'the table is sound');

#
# What is taken back leaves nothing
#

$dbh->do('DELETE FROM x');
$dbh->do("INSERT INTO x (id, amount, tags) SELECT 'r' || i, i, '{:a}' FROM generate_series(1, 1500) i");
my %writes = (
	insert => "INSERT INTO x (id, amount) SELECT 's' || i, i FROM generate_series(1, 1500) i",
	update => "UPDATE x SET amount = amount + 1, tags = '{:b}' WHERE id LIKE 'r%'",
	delete => "DELETE FROM x WHERE id LIKE 'r%'",
	one => "UPDATE x SET amount = 0 WHERE id = 'r7'");
my %ends = (
	rollback => sub { my ($dbh, $sql) = @_; $dbh->begin_work; $dbh->do($sql); $dbh->rollback },
	savepoint => sub {
		my ($dbh, $sql) = @_;
		$dbh->begin_work;
		$dbh->do($_) for 'SAVEPOINT s', $sql, 'ROLLBACK TO s', 'SAVEPOINT s', $sql, 'RELEASE s', 'SAVEPOINT t';
		$dbh->rollback;
	},
	exception => sub {
		my ($dbh, $sql) = @_;
		$dbh->do("DO \$\$ BEGIN BEGIN $sql; PERFORM 1 / 0; EXCEPTION WHEN division_by_zero THEN NULL; END; END \$\$");
	},
	late => sub { my ($dbh, $sql) = @_; eval { $dbh->do("WITH w AS ($sql RETURNING 1) SELECT 1 / (count(*) - count(*)) FROM w") } },
	cancel => sub {
		my ($dbh, $sql) = @_;
		$dbh->begin_work;
		$dbh->do("SET LOCAL statement_timeout = '8ms'");
		eval { $dbh->do("WITH w AS ($sql RETURNING 1) SELECT pg_sleep(1) FROM w LIMIT 1") };
		$dbh->rollback;
	},
	terminate => sub {
		my ($dbh, $sql) = @_;
		my $victim = db($node);
		$victim->begin_work;
		$victim->do($sql);
		one($dbh, 'SELECT pg_terminate_backend(?)', $victim->{pg_pid});
		eval { $victim->commit };
	});
my $HASH = q{SELECT md5(string_agg(f::text, E'\n' ORDER BY e, a, v)) FROM datom.as_of('pur') f};
my $before = one($dbh, $HASH) . one($dbh, sprintf $STATE, 'x');
for my $end (sort keys %ends)
{
	for my $write (sort keys %writes)
	{
		$ends{$end}->($dbh, $writes{$write});
		is(one($dbh, $HASH) . one($dbh, sprintf $STATE, 'x'), $before, "$end: nothing is left of $write");
	}
}
$dbh->do($writes{$_}) for qw(one update insert delete);
is(one($dbh, 'SELECT count(*) FROM x'), 1500, 'and it can be done again');
is(faults($dbh), '', 'the table is sound');

#
# Crashes, and the past
#

# Rows as of a moment.
sub past
{
	my ($at) = @_;
	my $dbh = db($node, 'datom.as_of' => $at);
	return one($dbh, sprintf "SELECT md5(x) FROM ($STATE) s(x)", 'x');
}
my %past;

sub write_until_killed
{
	my ($n, $i) = @_;
	srand($seed + 100 * $n + $i);
	my $dbh = db($node);
	open my $told, '>', "$dir/told.$n.$i" or die $!;
	$told->autoflush(1);
	for (my $k = 1;; $k++)
	{
		exit if orphan();
		my $amount = int rand 1000;
		eval {
			$dbh->begin_work;
			$dbh->do("INSERT INTO x (id, amount) VALUES ('c$n.$i.$k', $amount), ('c$n.$i.$k+', $amount)");
			$dbh->do("UPDATE x SET note = 'last' WHERE id = 'c$n.$i." . ($k - 1) . "'") if $k > 1;
			$dbh->do("DELETE FROM x WHERE id = 'c$n.$i." . ($k - 2) . "+'") if $k > 2;
			$dbh->commit;
			1;
		} or last;
		print $told "$k $amount\n";
	}
}

# What a client was told, so far.
sub told
{
	my ($client) = @_;
	my @told = map { [split] } -e "$dir/told.$client" ? split /\n/, slurp_file("$dir/told.$client") : ();
	return @told;
}

my ($acknowledged, $missing) = (0, 0);
for my $n (1 .. $CRASHES)
{
	my @writers = map { my $i = $_; spawn(sub { write_until_killed($n, $i) }) } 1 .. 3;
	sleep(0.3 + rand 0.5);
	wait_until('all are at work', sub { !grep { told("$n.$_") < 5 } 1 .. 3 });
	my $at = one($dbh, q{SELECT to_char(datom.basis('pur'), 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')});
	$past{$at} = past($at);
	$dbh->do('VACUUM pur') if rand() < 0.5;
	sleep(rand 0.3);
	crash($node, 'all');
	finish(@writers);
	launch($node);
	$dbh = db($node);
	my %there = map { $_->[0] => $_ } @{ $dbh->selectall_arrayref("SELECT id, amount, note FROM x WHERE id LIKE 'c$n.%'") };
	for my $i (1 .. 3)
	{
		my @told = told("$n.$i");
		$acknowledged += @told;
		for my $told (@told)
		{
			my ($k, $amount) = @$told;
			my $row = $there{"c$n.$i.$k"};
			$missing++ unless $row && $row->[1] == $amount;
			$missing++ if $k < @told && ($row->[2] // '') ne 'last';
			$missing++ if $k < @told - 1 && $there{"c$n.$i.$k+"};
		}
	}
}
is(past($_), $past{$_}, "as of $_ the rows are what they were") for sort keys %past;
note "$acknowledged acknowledged transactions";
cmp_ok($acknowledged, '>', 10 * $CRASHES, 'clients were at work');
is($missing, 0, 'what was acknowledged is there after a crash');
is(faults($dbh), '', 'the table is sound');
done_testing();
