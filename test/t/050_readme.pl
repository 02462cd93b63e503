# Every SQL example of README.md, in the order of the page, in one session; and
# then the commands that extract.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my (@examples, @commands, $list);
my ($heading, $block) = ('', undef);
open my $page, '<', 'README.md' or die $!;
while (my $line = <$page>)
{
	if (!defined $block)
	{
		$heading = $1 if $line =~ /^#+ (.*)/;
		($block, $list) = ('', $1 eq 'sql' ? \@examples : \@commands) if $line =~ /^```(sql|sh)/;
	}
	elsif ($line =~ /^```/)
	{
		push @$list, [ $heading, $block ];
		undef $block;
	}
	else { $block .= $line }
}
close $page;
cmp_ok(scalar(@examples), '>', 30, 'the page has examples');

my $node = PostgreSQL::Test::Cluster->new('readme');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'datom'\nwal_level = logical\ndatom.wait = '10min'\n");
$node->start;

# One session, as a reader would type them: a file with a mark after each.
my $script = "\\set ON_ERROR_STOP 1\n";
my $n = 0;
$script .= "$_->[1]\n\\echo done " . $n++ . "\n" for @examples;
my ($out, $err);
my $code = $node->psql('postgres', $script, stdout => \$out, stderr => \$err);
is($code, 0, 'all of them run') or diag $err;
for my $i (0 .. $#examples)
{
	like($out, qr/^done $i$/m, "$examples[$i][0]: example $i");
}

# And what the page says of them.
is($node->safe_psql('postgres', "SELECT datom.entity('pur', ':purchase/id', 'pur-10') - ':db/id'"),
	'{":purchase/id": "pur-10", ":purchase/note": "Corrected", ":purchase/tags": [":online"], ":purchase/amount": 40}',
	'the purchase is what was said of it');
is($node->safe_psql('postgres', "SELECT v FROM datom.as_of('pur') WHERE e = 101 AND a = ':purchase/amount'"),
	'12.00M', 'the later value took the place of the one before');
is($node->safe_psql('postgres', "SELECT count(*) FROM datom.as_of('pur') WHERE v = ':online' AND e = 101"),
	'0', 'the retracted fact is gone');
is($node->safe_psql('postgres', "SELECT v FROM datom.as_of('bil', '1993-11-30T00:00:00Z') WHERE e = 1001"),
	':open', 'the bill was open then');
is($node->safe_psql('postgres', "SELECT sum(n) = (SELECT count(*) FROM datom.as_of('pur')) FROM (SELECT count(*) n FROM generate_series(0, 34) i, datom.as_of('pur') WHERE datom.shard(e, i, 35)) x"),
	't', 'the shards together are the whole');
is($node->safe_psql('postgres', "SELECT count(*) FROM datom.check('pur')"), '0', 'the table is sound');

# Commands of the page that need a server and nothing else.
my $place = PostgreSQL::Test::Utils::tempdir('commands');
@commands = map { $_->[1] } grep { $_->[0] =~ /without Spark/ } @commands;
cmp_ok(scalar(@commands), '>', 2, 'the page has commands');
{
	local %ENV = ($node->_get_env(), PGDATABASE => 'postgres');
	for my $command (@commands)
	{
		my $said = '';
		IPC::Run::run([ 'sh', '-e' ], '<', \"cd $place\n$command", '>&', \$said);
		is($?, 0, 'runs: ' . ($command =~ /(.*)/)[0]) or diag $said;
	}
}
is(slurp_file("$place/amounts/part-00005-of-00016.csv"), "e,id,amount\n101,pur-8,12.00\n", 'a purchase is in its shard');
$node->stop;
done_testing();
