# Durable.pm: those who write until the server is gone, and what must be there
# when it is back.
#
# Every transaction says rows that carry one marker, and puts it into a plain
# table too. The writer notes "try" before, "yes" after a commit that was
# acknowledged, "no" after a rollback. A marker that has only been tried may be
# there or not, but whole.
package Datom::Durable;
use strict;
use warnings;
use Datom;
use Exporter 'import';
use Test::More;
use Time::HiRes qw(sleep time);

our @EXPORT = qw(durable_table markers marker_faults plain_writer);

sub durable_table
{
	my ($node, $table) = @_;
	my $dbh = db($node);
	datom_table($dbh, $table, ':x/marker' => 'string many', ':x/count' => 'long one');
	$dbh->do("CREATE TABLE plain_$table (marker text) USING heap");
}

sub say_marker
{
	my ($dbh, $table, $marker, $rows) = @_;
	$dbh->do("INSERT INTO plain_$table VALUES (?)", undef, $marker);
	$dbh->do("INSERT INTO $table (e, a, v) SELECT 1000 + i, ':x/marker', ?::text FROM generate_series(1, ?::int) i",
		undef, $marker, $rows);
}

# One transaction; returns whether it has committed.
sub say_once
{
	my ($dbh, $table, $marker, $rows) = @_;
	$dbh->begin_work;
	$dbh->do('SET LOCAL synchronous_commit = off') if rand() < 0.5;
	if (rand() < 0.2)
	{
		$dbh->do('SAVEPOINT s');
		say_marker($dbh, $table, "undone $marker", 2);
		$dbh->do('ROLLBACK TO s');
	}
	if (rand() < 0.2)
	{
		$dbh->do('SAVEPOINT s');
		say_marker($dbh, $table, $marker, $rows);
		$dbh->do('RELEASE s');
	}
	else
	{
		say_marker($dbh, $table, $marker, $rows);
	}
	one($dbh, 'SELECT tx FROM datom.transact(?::regclass, ?::text)', $table,
		sprintf '[[:db/add %d :x/count %d]]', 1000 + int rand 100, int rand 1e6) if rand() < 0.2;
	if (rand() < 0.1) { $dbh->rollback; return 0 }
	$dbh->commit;
	return 1;
}

# Writes until the server is gone. `name` may not hold blanks or dots.
sub markers
{
	my ($node, $table, $name, $file) = @_;
	my $dbh = try_db($node) or return;
	open my $out, '>', $file or die "$file: $!";
	$out->autoflush(1);
	for (my $n = 1;; $n++)
	{
		my $rows = 1 + int rand 3;
		my $marker = "$name.$n.$rows";
		print $out "try $marker\n";
		my $committed = eval { say_once($dbh, $table, $marker, $rows) };
		if (!defined $committed)
		{
			# A disk without power is an end too.
			die $@ if $dbh->ping && $@ !~ /Input\/output error/;
			$dbh->{InactiveDestroy} = 1;
			last;
		}
		print $out $committed ? "yes $marker\n" : "no $marker\n";
	}
}

# What is wrong with the markers of these files, in words, and how many
# commits were acknowledged.
sub marker_faults
{
	my ($node, $table, @files) = @_;
	my $dbh = db($node);
	my (%noted, @faults, $acknowledged);
	for my $file (@files)
	{
		open my $in, '<', $file or next;    # it has not come to write
		while (my $line = <$in>) { $noted{$2} = $1 if $line =~ /^(try|yes|no) (\S+)$/ }
	}
	my %there = map { @$_ } @{
		$dbh->selectall_arrayref("SELECT v::text, count(*) FROM $table WHERE a = ':x/marker' GROUP BY 1") };
	my %plain = map { @$_ } @{
		$dbh->selectall_arrayref("SELECT marker, count(*) FROM plain_$table GROUP BY 1") };
	my %instant = map { @$_ } @{
		$dbh->selectall_arrayref("SELECT DISTINCT v::text, datom.instant(tx) FROM $table WHERE a = ':x/marker'") };
	my %last;
	for my $marker (sort { ($a =~ /\.(\d+)\./)[0] <=> ($b =~ /\.(\d+)\./)[0] } keys %noted)
	{
		my ($writer, $rows) = $marker =~ /^(.*)\.\d+\.(\d+)$/;
		my $found = $there{$marker} || 0;
		$acknowledged++ if $noted{$marker} eq 'yes';
		push @faults, "lost: $marker" if $noted{$marker} eq 'yes' && $found == 0;
		push @faults, "rolled back, but there: $marker" if $noted{$marker} eq 'no' && $found;
		push @faults, "torn: $marker, $found of $rows rows" if $found && $found != $rows;
		push @faults, "unlike the plain table: $marker" if ($found > 0) != (($plain{$marker} || 0) > 0);
		next if !$found;
		push @faults, "not in the order of commits: $marker"
			if defined $last{$writer} && $last{$writer} ge $instant{$marker};
		$last{$writer} = $instant{$marker};
	}
	push @faults, map { "undone, but there: $_" } grep { /^undone/ } keys %there;
	return (\@faults, $acknowledged || 0);
}

# A writer into a table of heap alone whose commits do not wait for the WAL:
# what it is told is committed can be lost.
sub plain_writer
{
	my ($node, $table, $file) = @_;
	my $dbh = try_db($node, synchronous_commit => 'off') or return;
	open my $out, '>', $file or die "$file: $!";
	$out->autoflush(1);
	for (my $n = 1;; $n++)
	{
		last if !eval { $dbh->do("INSERT INTO $table VALUES (?)", undef, $n) };
		print $out "$n\n";
	}
}

1;
