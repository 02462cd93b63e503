# Nothing acknowledged is lost.
#
# Writers note what they were told is committed, while another merges. The
# server is killed, the postmaster, all of it, one backend or one of its helpers,
# and comes back; then all that was acknowledged is there, nothing that was
# rolled back, nothing by halves, in the order of the commits, and answers as of
# earlier moments are the same. TORTURE: 500 cycles in place of 20.
use strict;
use warnings;
use Datom;
use Datom::Durable;
use Datom::Orders qw(merger);
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

my $seed = $ENV{SEED} || int(rand(2**31));
note "seed $seed (SEED=$seed)";
srand $seed;
my $cycles = torture() ? 500 : 20;
my $dir = PostgreSQL::Test::Utils::tempdir;
my @victims = qw(all postmaster backend immediate checkpointer walwriter ticker);

my $HASH = q{count(*) || ':' || coalesce(sum(hashtextextended(d::text, 0)), 0)};

# kill -9 of one process, which makes the postmaster restart all others.
sub kill_one
{
	my ($node, $type) = @_;
	my $dbh = db($node);
	my $started = one($dbh, 'SELECT pg_postmaster_start_time()');
	# Again, should that one have been about to end anyway.
	wait_until("the server has noticed", sub {
		my $pid = eval { one($dbh, 'SELECT pid FROM pg_stat_activity WHERE backend_type = ? AND pid <> pg_backend_pid()
			ORDER BY random() LIMIT 1', $type) };
		kill 'KILL', $pid if $pid;
		return !$dbh->ping;
	});
	wait_until("the server is back", sub { my $new = try_db($node); $new && $new->disconnect; $new });
	return $started eq one(db($node), 'SELECT pg_postmaster_start_time()');
}

sub strike
{
	my ($node, $victim) = @_;
	my %type = (backend => 'client backend', checkpointer => 'checkpointer',
		walwriter => 'walwriter', ticker => 'datom ticker launcher');
	return kill_one($node, $type{$victim}) if $type{$victim};
	crash($node, $victim);
	launch($node);
	return 1;
}

# How many commits the writers have been told of.
sub told { return scalar grep { /^yes/m } map { -e $_ ? split /^/, slurp_file($_) : () } @_ }

sub cycle
{
	my ($node, $table, $n, $remembered) = @_;
	my $victim = $victims[ $n % @victims ];
	my @files = map { "$dir/$n.$_" } 1 .. 4;
	my @writers = map {
		my $i = $_;
		spawn(sub { srand($seed + $n * 10 + $i); markers($node, $table, "c$n-w$i", $files[ $i - 1 ]) })
	} 1 .. 4;
	my $merger = spawn(sub { srand($seed + $n * 10); merger($node, $table, "$dir/$n.stop", 0.1) });
	wait_until('they are at work', sub { told(@files) >= 20 });
	sleep(rand 0.5);
	my ($at, $hash) = db($node)->selectrow_array("SELECT b::text, (SELECT $HASH FROM datom.as_of('$table', b) d)
		FROM (SELECT datom.basis('$table') AS b OFFSET 0) s");
	push @$remembered, [ $at, $hash ];
	shift @$remembered if @$remembered > 20;
	strike($node, $victim) or push @{ $node->{unstruck} }, $victim;
	my $broken = finish(@writers);
	open my $stop, '>', "$dir/$n.stop" or die $!;
	$broken += finish($merger);
	my ($faults, $acknowledged) = marker_faults($node, $table, @files);
	push @$faults, 'a writer failed' if $broken;
	my $dbh = db($node);
	for my $old (@$remembered)
	{
		my $now = one($dbh, "SELECT $HASH FROM datom.as_of('$table', ?::timestamptz) d", $old->[0]);
		push @$faults, "as of $old->[0]: $old->[1] became $now" if $now ne $old->[1];
	}
	push @$faults, map { join ' ', 'check:', map { $_ // '' } @$_ }
		@{ $dbh->selectall_arrayref('SELECT * FROM datom."check"(?)', undef, $table) };
	note "cycle $n, $victim: $_" for @$faults[ 0 .. ($#$faults < 5 ? $#$faults : 5) ];
	return (scalar @$faults, $acknowledged);
}

my $node = server('node', restart_after_crash => 'on', checkpoint_timeout => "'30s'", max_wal_size => "'64MB'");
my ($faults, $acknowledged, $table, $remembered) = (0, 0);
for my $n (1 .. $cycles)
{
	if ($n % 20 == 1)
	{
		$table = "t$n";
		$remembered = [];
		durable_table($node, $table);
	}
	my ($bad, $good) = cycle($node, $table, $n, $remembered);
	$faults += $bad;
	$acknowledged += $good;
	unlink glob("$dir/$n.*");
}
note "$cycles kills, $acknowledged acknowledged commits, $faults faults";
is($faults, 0, 'nothing is lost, torn, undone or changed');
cmp_ok($acknowledged, '>=', 20 * $cycles, 'they were at work');
is(scalar @{ $node->{unstruck} || [] }, 0, 'each kill struck');

# A control, that a kill loses what is not flushed: a heap table without datoms
# may be told of commits that are not.
my $lost = 0;
db($node)->do('CREATE TABLE unsafe (n int)');
settings($node, wal_writer_delay => "'10s'", checkpoint_timeout => "'1h'");
crash($node, 'all');
launch($node);
for my $try (1 .. 10)
{
	db($node)->do('TRUNCATE unsafe');
	unlink "$dir/unsafe";
	my $writer = spawn(sub { plain_writer($node, 'unsafe', "$dir/unsafe") });
	wait_until('it is at work', sub { -s "$dir/unsafe" });
	sleep 0.5;
	crash($node, 'all');
	finish($writer);
	launch($node);
	my @told = slurp_file("$dir/unsafe") =~ /^(\d+)$/mg;
	my %there = map { $_->[0] => 1 } @{ db($node)->selectall_arrayref('SELECT n FROM unsafe') };
	$lost += grep { !$there{$_} } @told;
	last if $lost;
}
note "control: a plain table with synchronous_commit = off loses $lost acknowledged rows";
cmp_ok($lost, '>', 0, 'control: a plain table with synchronous_commit = off loses rows');
done_testing();
