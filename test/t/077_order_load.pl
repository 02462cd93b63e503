# While some write as fast as they can, what orders do not hold yet stays short,
# with nobody to merge but autovacuum and the writers themselves, although one
# transaction has been open, having written, since the beginning, and another
# reads in a snapshot of then. What is read meanwhile is right.
use strict;
use warnings;
use Datom;
use Datom::Load;
use Datom::Orders;
use Test::More;
use Time::HiRes qw(sleep time);

note 'SEED=', sow();
my $SECONDS = $ENV{SECONDS} || (torture() ? 300 : 8);
my $node = server('load', fsync => 'on', 'datom.wait' => "'60s'", autovacuum => 'on', autovacuum_naptime => torture() ? "'1min'" : "'3s'");
my $dbh = db($node);
datom_table($dbh, 'load', ':k/long' => 'long one', ':k/name' => 'string one', ':k/tag' => 'keyword many');
my $stop = scratch('stop.load');

sub write_on
{
	my ($i) = @_;
	my $on = db($node);
	for (my $n = 0; !-e $stop && !orphan(); $n++)
	{
		my $e = 1000 + int rand 5000;
		eval {
			$on->do("INSERT INTO load (e, a, v) SELECT ? + i, ':k/long', ?::bigint FROM generate_series(1, 12) i", undef, $e, $n);
			$on->begin_work;
			$on->do("INSERT INTO load (e, a, v) SELECT ? + i, ':k/name', 'n' || ?::text FROM generate_series(1, 6) i", undef, $e, $n);
			$on->do("INSERT INTO load (e, a, v) SELECT ? + i, ':k/tag', datom.keyword(':t/t' || ? % 20) FROM generate_series(1, 6) i", undef, $e, $n);
			rand() < 0.1 ? $on->rollback : $on->commit;
			1;
		} or do { warn $@; die $@ };
	}
}

# What is asked in one snapshot, by orders and without.
sub wrong_answers
{
	my $e = 1000 + int rand 5000;
	my @said;
	my $what = pick("load g WHERE e = $e", "datom.as_of('load') g WHERE e BETWEEN $e AND $e + 20", q{datom.as_of('load') g WHERE a = ':k/name' AND v = 'n10'},
		"datom.history('load') g WHERE e = $e");
	$dbh->begin_work;
	$dbh->do('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ');
	for my $how ({ orders => 1, scan => 1 }, { orders => 1 }, {})
	{
		configure($dbh, %$how);
		push @said, one($dbh, "SELECT count(*) || ':' || coalesce(sum(hashtextextended(g::text, 0)), 0) FROM $what");
	}
	$dbh->commit;
	return () if $said[0] eq $said[1] && $said[0] eq $said[2];
	return "$what: @said";
}

my ($old, $older) = (db($node), db($node));
$old->begin_work;
$old->do(q{INSERT INTO load (e, a, v) VALUES (999, ':k/long', 1)});
$older->begin_work;
$older->do('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ');
my $seen = one($older, 'SELECT count(*) FROM load');
my @writers = map { my $i = $_; stream(sub { write_on($i) }) } 1, 2;
my ($longest, $asked, @wrong) = (0, 0);
sub log_pages { return one($dbh, q{SELECT pg_relation_size('load') / 8192}) }
my $end = time + $SECONDS;
# On a slow machine it takes longer until there is so much that a tail could be long.
while (time < $end || (time < $end + 180 && log_pages() < 600))
{
	my $tail = one($dbh, q{SELECT max(tail_pages) FROM datom.stats('load')});
	$longest = $tail if $tail > $longest;
	push @wrong, wrong_answers();
	$asked++;
	sleep 0.1;
}
open my $touch, '>', $stop;
is(finish(@writers), 0, 'they wrote to the end');
my $last = one($dbh, q{SELECT max(tail_pages) FROM datom.stats('load')});
my $pages = log_pages();
note "$pages pages; $asked samples: the longest tail was $longest pages, at the end $last";
note $_ for @wrong[ 0 .. ($#wrong < 9 ? $#wrong : 9) ];
cmp_ok($longest, '<', 256, 'the tail was short');
cmp_ok($last, '<', 256, 'and is at the end');
cmp_ok($pages, '>', 512, 'control: without merges it would have been long');
is(scalar @wrong, 0, "$asked answers were right meanwhile");
is(one($older, 'SELECT count(*) FROM load'), $seen, 'the old snapshot sees what it saw');
$older->commit;
$old->commit;
is(one($dbh, q{SELECT count(*) FROM load WHERE e = 999}), 1, 'the old transaction is there after its commit');
my @moments = @{ $dbh->selectcol_arrayref(q{SELECT instant FROM datom.tx WHERE db = 'load'::regclass ORDER BY random() LIMIT 5}) };
configure($dbh);
my $truth = all_answers($dbh, 'load', @moments);
configure($dbh, orders => 1, scan => 1);
is_deeply(all_answers($dbh, 'load', @moments), $truth, 'all is right afterwards');
merge($dbh, 'load');
is_deeply(all_answers($dbh, 'load', @moments), $truth, 'and merged');
is(faults($node, 'load'), 0, 'datom.check finds no fault');
done_testing();
