# DatomTest: what several tests need beyond PostgreSQL::Test::Cluster.
package DatomTest;

use strict;
use warnings;
use DBI;
use Exporter 'import';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Time::HiRes qw(sleep clock_gettime CLOCK_MONOTONIC);

our @EXPORT = qw(new_server connect_to crash with_library
  without_library value_of error_of until_true as_of);

# A server with the library, ready to be started. Options: those of
# PostgreSQL::Test::Cluster->init, and conf => further settings.
sub new_server
{
	my ($name, %options) = @_;
	my $conf = delete $options{conf} || '';
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init(%options);
	$node->append_conf('postgresql.conf', "shared_preload_libraries = 'datom'
max_connections = 40
max_worker_processes = 16
wal_retrieve_retry_interval = 100ms
$conf");
	return $node;
}

# A session, which raises errors.
sub connect_to
{
	my ($node, $database) = @_;
	$database ||= 'postgres';
	return DBI->connect(
		'dbi:Pg:host=' . $node->host . ';port=' . $node->port . ";dbname=$database",
		undef, undef,
		{   RaiseError => 1, PrintError => 0, PrintWarn => 0, AutoCommit => 1,
			pg_server_prepare => 0 });
}

# As if the machine had stopped, and again up.
sub crash
{
	my ($node) = @_;
	$node->stop('immediate');
	$node->start;
}

# A copy of this PostgreSQL without our library and our extension; returns its
# directory. The server finds its files relative to its programs, so these are
# copied; all else may be links.
sub stock_installation
{
	my $root = PostgreSQL::Test::Utils::tempdir('stock');
	my ($bin, $lib, $share) = map { chomp(my $dir = `pg_config --$_`); $dir } 'bindir', 'pkglibdir', 'sharedir';
	system_or_bail('mkdir', '-p', map { "$root$_" } $bin, $lib, "$share/extension");
	system_or_bail('cp', map({ "$bin/$_" } 'postgres', 'pg_ctl', 'psql'), "$root$bin");
	for my $file (glob("$lib/* $share/* $share/extension/*"))
	{
		next if $file =~ m{/datom(\.|--)} || $file eq "$share/extension";
		symlink $file, "$root$file" or die "$file: $!";
	}
	symlink ".$bin", "$root/bin" or die $!;
	symlink ".$lib", "$root/lib" or die $!;
	return $root;
}

# Which of the two installations a server runs under when it is next started.
my $stock;

sub without_library
{
	my ($node) = @_;
	$stock ||= stock_installation();
	$node->append_conf('postgresql.conf', "shared_preload_libraries = ''");
	$node->{_install_path} = $stock;
}

sub with_library
{
	my ($node) = @_;
	$node->append_conf('postgresql.conf', "shared_preload_libraries = 'datom'");
	delete $node->{_install_path};
}

# A hash of the facts as of a moment.
sub as_of
{
	my ($session, $db, $at) = @_;
	return value_of($session, "SELECT md5(coalesce(string_agg(f::text, chr(10) ORDER BY e, a, v, tx), ''))
		FROM datom.as_of('$db', '$at'::timestamptz) f");
}

# The first column of the first row.
sub value_of
{
	my ($session, $sql, @arguments) = @_;
	my ($value) = $session->selectrow_array($sql, undef, @arguments);
	return $value;
}

# SQLSTATE of what the statement does; 00000 if it succeeds.
sub error_of
{
	my ($session, $sql) = @_;
	return '00000' if eval { $session->do($sql); 1 };
	return $session->state;
}

# Waits until the query returns true; false if it does not, however slow the
# machine.
sub until_true
{
	my ($session, $sql, @arguments) = @_;
	my $end = clock_gettime(CLOCK_MONOTONIC) + 300;
	while (clock_gettime(CLOCK_MONOTONIC) < $end)
	{
		return 1 if value_of($session, $sql, @arguments);
		sleep 0.02;
	}
	return 0;
}

1;
