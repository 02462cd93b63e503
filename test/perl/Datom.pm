# Datom.pm: what the tests under test/t share.
#
# Servers are PostgreSQL::Test::Cluster nodes, but their postmasters are
# children of the test: so that after kill -9 the test learns at once that one
# is gone, and does not depend on how soon init reaps it.
package Datom;
use strict;
use warnings;
use DBI;
use Exporter 'import';
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep clock_gettime CLOCK_MONOTONIC);

our @EXPORT = qw(server standby launch crash shut_down wait_until settings db try_db
  datom_table spawn orphan finish torture one become_postgres);

# Is this make torture?
sub torture { return $ENV{TORTURE} ? 1 : 0 }

# A new server that streams; `%conf` is added to its configuration.
sub server
{
	my ($name, %conf) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init(allows_streaming => 1, extra => [ '--encoding=UTF8', '--locale=C' ]);
	settings(
		$node,
		shared_preload_libraries => "'datom'",
		fsync => 'on', max_connections => 100, shared_buffers => "'64MB'",
		log_statement => "'none'", log_min_messages => "'fatal'",
		log_min_error_statement => "'panic'", jit => 'off',
		wal_keep_size => "'1GB'", max_worker_processes => 16, %conf);
	launch($node);
	one(db($node), 'CREATE EXTENSION datom');
	return $node;
}

# A standby of it, not started.
sub standby
{
	my ($of, $name, %conf) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	$of->backup("for_$name");
	$node->init_from_backup($of, "for_$name", has_streaming => 1);
	settings($node, %conf);
	return $node;
}

sub settings
{
	my ($node, %conf) = @_;
	$node->append_conf('postgresql.conf', "$_ = $conf{$_}") for sort keys %conf;
}

# PostgreSQL does not run as root.
sub become_postgres
{
	my (undef, undef, $uid, $gid) = getpwnam 'postgres' or die 'there is no user "postgres"';
	$) = "$gid $gid";
	$( = $gid;
	POSIX::setuid($uid) or die "setuid: $!";
}

# Starts the server and waits until it takes connections.
sub launch
{
	my ($node) = @_;
	local %ENV = ($node->_get_env(), PGAPPNAME => '');
	delete $ENV{PGAPPNAME};
	my $pid = fork // die "fork: $!";
	if ($pid == 0)
	{
		become_postgres() if $> == 0;
		open STDIN, '<', '/dev/null';
		open STDOUT, '>>', $node->logfile;
		open STDERR, '>&', \*STDOUT;
		exec 'postgres', '-D', $node->data_dir, "--cluster-name=" . $node->name
			or POSIX::_exit(1);
	}
	$node->{_pid} = $pid;
	wait_until($node->name . ' is up',
		sub {
			if (waitpid($pid, POSIX::WNOHANG()) == $pid)
			{
				$node->{_pid} = undef;
				die $node->name . ' does not start';
			}
			my $dbh = try_db($node);
			$dbh && $dbh->disconnect;
			return $dbh;
		});
}

sub children_of
{
	my ($parent) = @_;
	my @pids;
	for my $stat (glob '/proc/[0-9]*/stat')
	{
		open my $f, '<', $stat or next;
		my $line = <$f> // next;
		push @pids, $1 if $line =~ /^(\d+) \(.*\) \S (\d+)/ && $2 == $parent;
	}
	return @pids;
}

# Stops the server as a crash does, and returns when nothing of it runs.
#	immediate	as pg_ctl stop -m immediate
#	postmaster	kill -9 of the postmaster; its children find out
#	all			kill -9 of the postmaster and all its children
sub crash
{
	my ($node, $how) = @_;
	my $pid = $node->{_pid};
	if ($how ne 'immediate')
	{
		# Or it could have a child that is not among those found now, and that
		# still holds the shared memory when the server is to start again.
		kill 'STOP', $pid;
		wait_until('the postmaster has stopped', sub { state_of($pid) =~ /^[TZX]?$/ });
	}
	my @children = children_of($pid);
	kill($how eq 'immediate' ? 'QUIT' : 'KILL', $pid);
	kill 'KILL', @children if $how eq 'all';
	waitpid $pid, 0;
	$node->{_pid} = undef;
	wait_until('backends are gone', sub { !grep { running($_) } @children });
}

# Stops the server as one should.
sub shut_down
{
	my ($node) = @_;
	kill 'INT', $node->{_pid};
	waitpid $node->{_pid}, 0;
	$node->{_pid} = undef;
}

# R, S, T and so on, as ps shows it; empty if there is no such process.
sub state_of
{
	my ($pid) = @_;
	open my $f, '<', "/proc/$pid/stat" or return '';
	return (<$f> // '') =~ /^\d+ \(.*\) (\S)/ ? $1 : '';
}

# A zombie that init has not reaped yet does not run.
sub running { return state_of($_[0]) !~ /^[ZX]?$/ }

# Gives up when no machine could be so slow. While it sleeps, so does this clock.
sub wait_until
{
	my ($what, $true) = @_;
	my $end = clock_gettime(CLOCK_MONOTONIC) + 300;
	until ($true->())
	{
		die "gave up waiting until $what" if clock_gettime(CLOCK_MONOTONIC) > $end;
		sleep 0.01;
	}
}

# A connection, or undef. `%set` are settings of the session, and `dbname`.
sub try_db
{
	my ($node, %set) = @_;
	my $database = delete $set{dbname} // 'postgres';
	my $options = join ' ', map { "-c $_=$set{$_}" } sort keys %set;
	return eval {
		DBI->connect(
			sprintf("dbi:Pg:dbname=%s;host=%s;port=%d;options='-c timezone=UTC %s'",
				$database, $node->host, $node->port, $options),
			'', '',
			{   RaiseError => 1, PrintError => 0, PrintWarn => 0, Warn => 0,
				AutoInactiveDestroy => 1 });
	};
}

sub db
{
	return try_db(@_) || die "cannot connect to " . $_[0]->name . ": $DBI::errstr";
}

# The first column of the first row.
sub one
{
	my ($dbh, $sql, @args) = @_;
	my $sth = $dbh->prepare($sql);
	$sth->execute(@args);
	return $sth->{NUM_OF_FIELDS} ? ($sth->fetchrow_array)[0] : undef;
}

# Makes a datom table with these attributes: ident => "type cardinality".
sub datom_table
{
	my ($dbh, $table, %attributes) = @_;
	one($dbh, 'SELECT datom.create(?)', $table);
	one($dbh, 'SELECT datom.define_attribute(?, ?, ?, ?)', $table, $_, split ' ', $attributes{$_})
		for sort keys %attributes;
}

# Runs a function in a process of its own.
my $parent;

sub spawn
{
	my ($code) = @_;
	my $test = $$;
	my $pid = fork // die "fork: $!";
	return $pid if $pid;
	$parent = $test;
	my $ok = eval { $code->(); 1 };
	warn $@ unless $ok;
	# Not exit: the servers are the parent's to stop.
	POSIX::_exit($ok ? 0 : 1);
}

# In such a process: has the test died, so that nobody will ask it to stop?
sub orphan { return defined $parent && getppid() != $parent }

# Waits for processes; returns how many failed.
sub finish
{
	my $failed = 0;
	for my $pid (@_)
	{
		waitpid $pid, 0;
		$failed++ if $?;
	}
	return $failed;
}

1;
