# Blocks of orders: random records of all kinds come out as they went in, byte by
# byte, and no damage of a block makes a reader look outside of it, where it
# would be killed. SEED repeats a run.
#
# The controls: each thing that could come out changed is noticed, and who does
# look outside is killed.
use strict;
use warnings;
use Datom;
use Test::More;

my $seed = $ENV{SEED} || int(rand(2**31));
my $rounds = torture() ? 5000 : 100;
note "seed $seed (SEED=$seed)";

my $node = server('blocks', fsync => 'off', restart_after_crash => 'on');
my $dbh = db($node);
$dbh->do("CREATE FUNCTION $_ LANGUAGE c AS 'datom'") for (
	'datom_test_blocks(seed bigint, rounds int) RETURNS text',
	'datom_test_block_changes(seed bigint) RETURNS text',
	'datom_test_block_guard(past int) RETURNS int',
	'datom_test_block_costs(facts int) RETURNS text');

for my $k (0 .. 3)
{
	my $told = one($dbh, 'SELECT datom_test_blocks(?, ?)', $seed + $k, $rounds);
	like($told, qr/^\d+ records in \d+ blocks/, 'what was put into blocks comes out');
	note $told;
	my ($survived, $damaged) = $told =~ /(\d+) of (\d+) damaged/;
	ok($survived > 0 && $survived < $damaged, 'some damage is noticed, some is not');
}

is(one($dbh, 'SELECT datom_test_block_changes(?)', $seed), '9 of 9',
	'control: a record that comes out changed is noticed');
diag one($dbh, 'SELECT datom_test_block_costs(20000)');

ok(defined one($dbh, 'SELECT datom_test_block_guard(0)'), 'what is inside can be read');
ok(!eval { one($dbh, 'SELECT datom_test_block_guard(1)'); 1 } && !$dbh->ping,
	'control: who reads outside is killed');

done_testing();
