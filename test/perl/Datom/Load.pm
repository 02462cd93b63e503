# Load.pm: those who write and those who ask, and what they were told.
#
# Writers write at random. Askers ask as_of, write down a hash of each answer,
# and ask again. A tally adds up what several askers wrote:
#
#	answers		{table}{moment} => hash of the first answer
#	changed		"table moment" of those that did not stay the same
#	count		answers and questions by kind
package Datom::Load;
use strict;
use warnings;
use Datom;
use Exporter 'import';
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

our @EXPORT = qw(stream new_table say_something writer asker answer in_flight
  new_tally collect changes ask_again faults set_clock scratch);

my $seed = $ENV{SEED} || int(rand(2**31));
note "seed $seed (SEED=$seed)";
my $dir;
my $streams = 0;    # of random numbers

# A file that is removed at the end.
sub scratch
{
	my ($name) = @_;
	$dir //= PostgreSQL::Test::Utils::tempdir;
	return "$dir/$name";
}

my $HASH = q{count(*) || ':' || coalesce(sum(hashtextextended(d::text, 0)), 0)};

sub new_table
{
	my ($node, $table) = @_;
	my $dbh = db($node);
	datom_table($dbh, $table, ':x/one' => 'long one', ':x/many' => 'string many');
	# A deferred trigger writes when the transaction is about to commit.
	$dbh->do("CREATE TABLE later_$table (e bigint, v text)");
	$dbh->do("CREATE FUNCTION later_$table() RETURNS trigger LANGUAGE plpgsql AS
		'BEGIN INSERT INTO $table (e, a, v) VALUES (NEW.e, '':x/many'', NEW.v); RETURN NULL; END'");
	$dbh->do("CREATE CONSTRAINT TRIGGER later AFTER INSERT ON later_$table
		DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION later_$table()");
}

#
# Writers
#

my $told = 0;

sub say_something
{
	my ($dbh, $table) = @_;
	my $e = 1000 + int rand 200;
	if (rand() < 0.5)
	{
		$dbh->do("INSERT INTO $table (e, a, v) VALUES (?, ':x/one', ?::bigint)",
			undef, $e, int rand 1e6);
	}
	else
	{
		$dbh->do("INSERT INTO $table (e, a, v) VALUES (?, ':x/many', ?::text)",
			undef, $e, "$$." . $told++);
	}
}

sub pause { sleep(rand() * $_[0]) if rand() < 0.5 }

# Each leaves the transaction open, or has failed.
my @transactions = (
	sub { say_something(@_) for 0 .. rand 3 },
	sub { say_something(@_); pause(0.004); say_something(@_) },
	sub {
		my ($dbh) = @_;
		say_something(@_) if rand() < 0.7;
		for my $depth (1 .. 1 + rand 3)
		{
			$dbh->do("SAVEPOINT s$depth");
			say_something(@_);
			pause(0.002);
		}
		$dbh->do('ROLLBACK TO s1') if rand() < 0.5;
		say_something(@_) if rand() < 0.5;
	},
	sub {
		my ($dbh, $table) = @_;
		$dbh->do("INSERT INTO later_$table VALUES (?, ?)", undef, 1000 + int rand 200, "$$." . $told++);
	},
	sub {
		my ($dbh) = @_;
		$dbh->do('SET LOCAL synchronous_commit = off');
		say_something(@_);
	},
	sub {
		my ($dbh, $table) = @_;
		$dbh->do('SET TRANSACTION ISOLATION LEVEL SERIALIZABLE');
		one($dbh, "SELECT count(*) FROM later_$table");
		$dbh->do("INSERT INTO later_$table VALUES (?, ?)", undef, 1000 + int rand 200, "$$." . $told++);
	},
	sub {
		my ($dbh, $table) = @_;
		say_something(@_);
		$dbh->do("INSERT INTO $table (e, a, v) VALUES (1, ':x/one', 'no number')");
	},
	sub {
		my ($dbh, $table) = @_;
		one($dbh, 'SELECT tx FROM datom.transact(?::regclass, ?::text)', $table,
			sprintf '[[:db/add %d :x/one %d] {:db/id "new" :x/many "%d.%d"}]',
			1000 + int rand 200, int rand 1e6, $$, $told++);
	},
	sub {
		my ($dbh) = @_;
		return say_something(@_) if rand() < 0.8;
		# More subtransactions than a snapshot holds.
		for (1 .. 70) { $dbh->do('SAVEPOINT s'); say_something(@_) if rand() < 0.1 }
	},
	sub {
		my ($dbh) = @_;
		say_something(@_);
		one($dbh, 'SELECT pg_terminate_backend(pg_backend_pid())') if rand() < 0.1;
	});

# A commit takes up to `delay` ms between its entry and its end.
sub write_once
{
	my ($dbh, $table, $delay) = @_;
	$dbh->begin_work;
	$dbh->do('SET LOCAL datom.test_commit_delay = ' . int rand 1 + $delay);
	$transactions[ rand @transactions ]->($dbh, $table);
	pause(0.003);
	rand() < 0.2 ? $dbh->rollback : $dbh->commit;
}

# One of `n` who write until the file "stop" appears, quickly at first and then
# slowly, because every answer costs a look at the whole table. Errors are part
# of the play: the transaction has then failed, or the server is gone for a
# moment.
sub writer
{
	my ($node, $table, $stop, $n, %set) = @_;
	my $dbh;
	# Half of the time commits stay in flight for a while.
	my $delay = delete $set{delay} // (rand() < 0.5 ? 0 : 2 * $n);
	for (my $done = 0; !-e $stop && !orphan(); $done++)
	{
		if (!$dbh || !$dbh->ping) { $dbh = try_db($node, %set) or do { sleep 0.02; next } }
		eval { write_once($dbh, $table, $delay); 1 } or eval { $dbh->rollback if !$dbh->{AutoCommit} };
		pause($done * $n < 4000 ? 0.004 * $n : 0.04 * $n);
	}
}

#
# Askers
#

# An instant that came with an entry, and a bit.
sub near_a_commit
{
	my ($dbh, $table) = @_;
	return one($dbh, 'SELECT instant + make_interval(secs => ?::float8) FROM datom.tx WHERE db = ?::regclass
		ORDER BY instant DESC OFFSET ?::int LIMIT 1', (int(rand 7) - 3) / 1e6, $table, int rand 4);
}

# The lowest instant of an entry that is in progress, if there is one. A reader
# whose basis is just below it, one of the broken rules, tells.
sub in_flight
{
	my ($dbh, $table) = @_;
	# In one transaction: should it fail, the rule is kept again.
	$dbh->begin_work;
	my $at = eval {
		$dbh->do("SET LOCAL datom.test_break = 'below_running'");
		one($dbh, "SELECT CASE WHEN b > '-infinity' THEN b + interval '1 us' END
			FROM (SELECT datom.basis(?::regclass) AS b) s", $table);
	};
	$dbh->rollback;
	return $at if $at && !one($dbh, 'SELECT EXISTS (SELECT FROM datom.tx WHERE db = ?::regclass
		AND instant = ?::timestamptz - interval \'1 us\')
		OR EXISTS (SELECT FROM datom.clock WHERE instant = ?::timestamptz - interval \'1 us\')',
		$table, $at, $at);
	return undef;
}

sub near_a_flight
{
	my ($dbh, $table) = @_;
	my $at = in_flight($dbh, $table) // return undef;
	return one($dbh, 'SELECT ?::timestamptz + make_interval(secs => ?::float8)', $at, (int(rand 5) - 2) / 1e6);
}

my %moments = (
	flight => \&near_a_flight,
	basis => sub { one($_[0], 'SELECT datom.basis(?)', $_[1]) },
	near => \&near_a_commit,
	now => sub { one($_[0], "SELECT clock_timestamp() - make_interval(secs => ?::float8)
		+ current_setting('datom.test_clock_offset')::interval", rand 0.002) },
	past => sub {
		one($_[0], 'SELECT min(instant) + ?::float8 * (max(instant) - min(instant)) FROM datom.tx
			WHERE db = ?::regclass', rand() ** 0.5, $_[1]);
	});

sub answer
{
	my ($dbh, $table, $at) = @_;
	return one($dbh, "SELECT $HASH FROM datom.as_of(?::regclass, ?::timestamptz) d", $table, $at);
}

# Asks until it has been answered `quota` times, or not for minutes; every second
# question is an old one. Writes "answer TABLE KIND MOMENT HASH", "again TABLE", "changed TABLE
# KIND MOMENT HASH HASH" and "refused SQLSTATE TIMES" into a file.
sub asker
{
	my ($node, $table, $quota, $file) = @_;
	my ($dbh, @asked, %refused);
	my $answered = 0;
	my @kinds = sort keys %moments;
	my $end = time + 600;
	open my $out, '>', $file or die $!;
	$out->autoflush(1);
	while ($answered < $quota && time < $end)
	{
		if (!$dbh || !$dbh->ping)
		{
			$dbh = try_db($node, 'datom.wait' => 300) or do { sleep 0.02; next }
		}
		my $kind = $kinds[ rand @kinds ];
		my $at = eval { $moments{$kind}->($dbh, $table) } // next;
		my $hash = eval { answer($dbh, $table, $at) };
		if (defined $hash)
		{
			print $out "answer $table $kind $at $hash\n";
			push @asked, [ $kind, $at, $hash ];
			$answered++;
			$end = time + 600;
		}
		else
		{
			$refused{ $dbh->state || '?' }++;
		}
		pause(0.004);
		next if !@asked;
		# Now one of the last few, whose neighbours are still committing.
		my $old = $asked[ rand() < 0.7 ? -1 - int rand(@asked < 20 ? @asked : 20) : rand @asked ];
		$hash = eval { answer($dbh, $table, $old->[1]) } // next;
		print $out "again $table\n";
		print $out "changed $table $old->[0] $old->[1] $old->[2] $hash\n" if $hash ne $old->[2];
	}
	print $out "refused $_ $refused{$_}\n" for sort keys %refused;
	close $out;
}

sub new_tally { return { count => { answer => 0, again => 0 }, answers => {}, changed => {}, quiet => $_[0] } }

# A moment whose answer is not what it was. Some are shown.
sub changed
{
	my ($all, $table, $at, $before, $after) = @_;
	note "changed: $table as of $at: $before, then $after"
		if !$all->{quiet} && keys %{ $all->{changed} } < 10;
	$all->{changed}{"$table $at"} = 1;
}

sub changes { return scalar keys %{ $_[0]{changed} } }

# Adds up what the askers wrote: the first answer for each moment of each table
# and how many there were of each kind.
sub collect
{
	my ($all, @files) = @_;
	for my $file (@files)
	{
		open my $in, '<', $file or die "$file: $!";
		while (my $line = <$in>)
		{
			my ($what, @rest) = split ' ', $line;
			$all->{count}{$what}++ if $what =~ /answer|again/;
			$all->{count}{"refused $rest[0]"} += $rest[1] if $what eq 'refused';
			next if $what !~ /answer|changed/;
			my ($table, $kind, $at, $hash, $later) = $line =~ /^\w+ (\w+) (\w+) (\S+(?: \S+)?) (\d+:\S+)(?: (\d+:\S+))?$/
				or die "cannot read: $line";
			changed($all, $table, $at, $hash, $later) if $what eq 'changed';
			next if $what ne 'answer';
			$all->{count}{$kind}++;
			my $before = $all->{answers}{$table}{$at} //= $hash;
			changed($all, $table, $at, $before, $hash) if $before ne $hash;
		}
	}
}

# Asks everything again; returns how many answers differ or do not come.
sub ask_again
{
	my ($node, $all) = @_;
	my (@questions, @pids);
	my $now = new_tally($all->{quiet});
	for my $table (sort keys %{ $all->{answers} })
	{
		push @questions, map { [ $table, $_, $all->{answers}{$table}{$_} ] } sort keys %{ $all->{answers}{$table} };
	}
	my @files = map { scratch("again.$_") } 0, 1;
	for my $part (0, 1)
	{
		push @pids, spawn(sub {
			my $dbh = db($node);
			open my $out, '>', $files[$part] or die $!;
			for (my $i = $part; $i < @questions; $i += 2)
			{
				my $hash = eval { answer($dbh, @{ $questions[$i] }[ 0, 1 ]) } // $dbh->state;
				print $out "$i $hash\n";
			}
			close $out or die $!;
		});
	}
	die 'questions were lost' if finish(@pids);
	my $asked = 0;
	for my $file (@files)
	{
		open my $in, '<', $file or die $!;
		while (my $line = <$in>)
		{
			my ($i, $hash) = split ' ', $line;
			$asked++;
			changed($now, @{ $questions[$i] }, $hash) if $hash ne $questions[$i][2];
		}
	}
	die 'questions were lost' if $asked != @questions;
	$all->{changed}{$_} = 1 for keys %{ $now->{changed} };
	return changes($now);
}

sub stream { my ($code) = @_; my $n = ++$streams; spawn(sub { srand($seed + $n); $code->() }) }

sub faults
{
	my ($node, $table) = @_;
	my $faults = db($node)->selectall_arrayref('SELECT * FROM datom."check"(?)', undef, $table);
	note join ' ', map { $_ // '' } @$_ for @$faults;
	return scalar @$faults;
}

sub set_clock
{
	my ($node, $offset) = @_;
	settings($node, 'datom.test_clock_offset' => $offset);
}

1;
