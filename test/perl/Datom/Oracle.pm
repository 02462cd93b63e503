# Oracle.pm: programs under test/oracle, which compare DataScript with us.
#
# Such a program has no connection of its own. It writes lines of JSON, { sql,
# args } to be run, and { note } and { ok, name } to be reported, and reads what
# came of each sql; see server.js.
package Datom::Oracle;
use strict;
use warnings;
use Exporter 'import';
use FindBin;
use IPC::Open2;
use JSON::PP;
use Test::More;

our @EXPORT = qw(oracle_missing converse);

my $json = JSON::PP->new->utf8->allow_nonref;

# Why such programs cannot run; undef if they can.
sub oracle_missing
{
	my $at = $ENV{DATOM_DATASCRIPT} // "$FindBin::RealBin/../../build/oracle";
	return 'Node.js is missing (make deps)' if system('node --version > /dev/null 2>&1');
	return 'DataScript is missing (make deps)' unless -e "$at/node_modules/datascript/package.json";
	return undef;
}

sub result
{
	my ($dbh, $sql, $args) = @_;
	my $sth = $dbh->prepare($sql);
	$sth->execute(@$args);
	return { rows => $sth->{NUM_OF_FIELDS} ? [ map { [ map { defined ? "$_" : undef } @$_ ] } @{ $sth->fetchall_arrayref } ] : [] };
}

# Runs a program with these arguments, and what it asks for in the session.
# Returns whether it came to its end.
sub converse
{
	my ($dbh, $program, @args) = @_;
	my $pid = open2(my $from, my $to, 'node', "$FindBin::RealBin/../oracle/$program", @args);
	$to->autoflush(1);
	while (my $line = <$from>)
	{
		my $said = $json->decode($line);
		if (exists $said->{note}) { note $said->{note} }
		elsif (exists $said->{name}) { ok($said->{ok}, $said->{name}) }
		else
		{
			my $answer = eval { result($dbh, $said->{sql}, $said->{args}) }
				// { error => $dbh->errstr // "$@", state => $dbh->state };
			print $to $json->encode($answer), "\n";
		}
	}
	waitpid $pid, 0;
	return $? == 0;
}

1;
