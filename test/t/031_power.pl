# Nothing acknowledged is lost when the power fails.
#
# The data directory lies on an xfs in a file. xfs_io's shutdown drops whatever
# has not been synced, as a power failure does; the file system is mounted
# again and the server recovers. The control does the same with fsync = off.
# Runs as root, and with TORTURE only.
use strict;
use warnings;
use Datom;
use Datom::Durable;
use Datom::Orders qw(merger);
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

plan skip_all => 'power loss is for make torture' if !torture();
plan skip_all => 'power loss needs root, to mount a file system' if $> != 0;
plan skip_all => 'power loss needs xfsprogs' if grep { system("command -v $_ > /dev/null") } qw(mkfs.xfs xfs_io);

my $cycles = $ENV{CYCLES} || 50;
my $seed = $ENV{SEED} || int(rand(2**31));
note "seed $seed (SEED=$seed)";
srand $seed;
$ENV{PGUSER} = 'postgres';

# What Datom.pm asks of a node. A Cluster's initdb refuses root.
package Disk
{
	sub new
	{
		my ($class, $dir) = @_;
		return bless { dir => $dir, _pid => undef }, $class;
	}
	sub name { 'disk' }
	sub host { $_[0]{dir} }
	sub port { 5432 }
	sub data_dir { "$_[0]{dir}/disk/data" }
	sub logfile { "$_[0]{dir}/log" }
	sub _get_env { return %ENV }
	sub append_conf
	{
		my ($self, $file, $text) = @_;
		::append_to_file($self->data_dir . "/$file", "$text\n");
	}
	sub mount { ::run_quietly('mount', '-o', 'loop', "$_[0]{dir}/image", "$_[0]{dir}/disk") }
	sub umount { ::run_quietly('umount', "$_[0]{dir}/disk") }
}

sub run_quietly
{
	my $text = join ' ', map { "'$_'" } @_;
	my $said = `$text 2>&1`;
	die "$text: $said" if $?;
}

sub as_postgres
{
	my @command = @_;
	finish(spawn(sub {
		become_postgres();
		run_quietly(@command);
	})) and die "@command failed";
}

my @mounted;

sub new_disk
{
	my ($name, %conf) = @_;
	my $dir = PostgreSQL::Test::Utils::tempdir_short;
	chmod 0777, $dir;
	my $node = Disk->new($dir);
	mkdir "$dir/disk";
	run_quietly('truncate', '-s', '600M', "$dir/image");
	run_quietly('mkfs.xfs', '-q', "$dir/image");
	$node->mount;
	push @mounted, $node;
	chmod 0777, "$dir/disk";
	append_to_file($node->logfile, '');
	chmod 0666, $node->logfile;
	as_postgres('initdb', '-D', $node->data_dir, '-A', 'trust', '-U', 'postgres', '-E', 'UTF8', '--locale=C');
	settings($node, shared_preload_libraries => "'datom'", listen_addresses => "''",
		unix_socket_directories => "'$dir'", log_min_messages => "'fatal'", jit => 'off',
		max_wal_size => "'64MB'", %conf);
	launch($node);
	one(db($node), 'CREATE EXTENSION datom');
	durable_table($node, 'pur');
	# What is there from the start shall be there without fsync as well.
	system 'sync';
	return $node;
}

# The power fails, and comes back. False if the server does not.
sub fail_power
{
	my ($node) = @_;
	run_quietly('xfs_io', '-x', '-c', 'shutdown', "$node->{dir}/disk");
	crash($node, 'all');
	$node->umount;
	$node->mount;
	return eval { launch($node); 1 };
}

# Returns faults and acknowledged commits of one failure.
sub cycle
{
	my ($node, $n) = @_;
	my @files = map { "$node->{dir}/$n.$_" } 1 .. 4;
	my @writers = map {
		my $i = $_;
		spawn(sub { srand($seed + $n * 10 + $i); markers($node, 'pur', "c$n-w$i", $files[ $i - 1 ]) })
	} 1 .. 4;
	my $merger = spawn(sub { srand($seed + $n * 10); merger($node, 'pur', "$node->{dir}/$n.stop", 0.1) });
	sleep(0.3 + rand 0.5);
	my $back = fail_power($node);
	my $broken = finish(@writers);
	append_to_file("$node->{dir}/$n.stop", '');
	$broken += finish($merger);
	return (['the server does not start'], 0) if !$back;
	my ($faults, $acknowledged) = marker_faults($node, 'pur', @files);
	push @$faults, 'a writer failed' if $broken;
	push @$faults, map { join ' ', 'check:', map { $_ // '' } @$_ }
		@{ db($node)->selectall_arrayref('SELECT * FROM datom."check"(?)', undef, 'pur') };
	return ($faults, $acknowledged);
}

my $node = new_disk('safe');
my ($faults, $acknowledged) = (0, 0);
for my $n (1 .. $cycles)
{
	my ($bad, $good) = cycle($node, $n);
	$faults += @$bad;
	$acknowledged += $good;
	note "failure $n: $_" for @$bad[ 0 .. ($#$bad < 5 ? $#$bad : 5) ];
}
note "$cycles power failures, $acknowledged acknowledged commits, $faults faults";
is($faults, 0, 'nothing is lost, torn or undone');
cmp_ok($acknowledged, '>=', 20 * $cycles, 'they were at work');

my $unsafe = new_disk('unsafe', fsync => 'off');
my $lost = 0;
for my $n (1 .. 10)
{
	my $bad = eval { (cycle($unsafe, $n))[0] } // ["unreadable: $@"];
	$lost = grep { /^(lost|unreadable|the server)/ } @$bad;
	last if $lost;
}
note "control: with fsync = off $lost acknowledged commits are lost";
cmp_ok($lost, '>', 0, 'control: with fsync = off commits are lost');
done_testing();

END
{
	my $status = $?;
	for my $node (@mounted)
	{
		eval { crash($node, 'all') } if $node->{_pid};
		eval { $node->umount };
	}
	$? = $status;
}
