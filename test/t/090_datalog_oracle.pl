# datom.q_json against DataScript.
#
# The same random queries over the same random facts: some made of all that
# Datalog has and DataScript knows, now and as of moments of the past, with orders
# that hold some of the facts and with scans off. For the past, DataScript is what
# the transactions up to that moment made of it. test/oracle/query.js says what it
# lacks and is told in other words.
#
# The control: some queries are given to us with one pattern less, or joined to
# nothing in one place, and where DataScript says that this matters, the
# comparison has to notice.
#
# DATOM_ORACLE=1 asks 5,000 queries about 20 worlds, otherwise it is 300 about 3.
# SEED=n DATOM_SEEDS=1 repeats the world that failed; DATOM_QUESTION=n asks only
# this question of it.
use strict;
use warnings;
use Datom;
use Datom::Oracle;
use Test::More;

my $missing = oracle_missing();
plan skip_all => $missing if $missing;

my ($worlds, $each) = $ENV{DATOM_ORACLE} ? (20, 250) : (3, 100);
my $node = server('datalog', fsync => 'off', autovacuum => 'off', statement_timeout => 60000);
my $dbh = db($node);
ok(converse($dbh, 'datalog.js', $ENV{SEED} // int rand 1e6, $ENV{DATOM_SEEDS} // $worlds, $each, $ENV{DATOM_QUESTION} // -1),
	'the comparison comes to its end');
done_testing();
