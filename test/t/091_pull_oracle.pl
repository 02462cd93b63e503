# datom.pull and datom.pull_many against DataScript.
#
# The same random patterns, which have all that there is in pull and DataScript
# knows, over the same random facts: now and as of moments of the past, with what
# the transaction itself has said, with orders that hold some of the facts and
# without. For the past, DataScript is what the transactions up to that moment made
# of it. The head of src/pull_run.c says what differs; it is not asked.
#
# A standby gives the same answers as its primary, now and as of the past.
#
# The control: answers as of one transaction later, where DataScript says that this
# matters, have to be noticed.
#
# DATOM_ORACLE=1 asks 5,000 patterns about 20 worlds, otherwise it is 300 about 3.
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
my $node = server('pull', fsync => 'off', autovacuum => 'off', statement_timeout => 60000);
my $dbh = db($node);
ok(converse($dbh, 'pull.js', $ENV{SEED} // int rand 1e6, $ENV{DATOM_SEEDS} // $worlds, $each, $ENV{DATOM_QUESTION} // -1),
	'the comparison comes to its end');

# All entities of the last world, in both places.
my $standby = standby($node, 'pull_standby');
launch($standby);
my $there = db($standby);
my ($last, $past) = @{ $dbh->selectcol_arrayref("SELECT tx FROM datom.tx WHERE db = 'pul'::regclass ORDER BY instant DESC LIMIT 2 OFFSET 0") }[ 0, 1 ];
$there->do("CALL datom.sync($last, '10 minutes')");
for my $at ('', ", $last", ", $past")
{
	my $all = "SELECT md5(string_agg(p::text, ' ' ORDER BY e)) FROM (SELECT e, datom.pull('pul', '[* {:n/_friend [:n/name]}]', e$at) AS p FROM generate_series(990, 1100) e) x";
	is(one($there, $all), one($dbh, $all), "a standby pulls the same$at");
}
done_testing();
