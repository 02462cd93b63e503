# Random numbers: the same everywhere, and random.
#
# Philox is written again here, in Perl, and says the same to the last bit; so
# does what the compilers at hand make of it, also for 32 bits and without
# optimization. Numbers and samples are the same in every shard and plan, in
# several processes, on a standby, and under another version of PostgreSQL,
# where one is installed: the one of DATOM_OTHER_PG_CONFIG, else 17.
#
# Numbers of fixed seeds are uniform and independent by standard tests, of which
# each is two-sided at about one in a thousand: nothing may be too regular
# either. The controls are generators that are known to be bad, and fail.
use strict;
use warnings;
use Datom;
use Datom::Orders;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

note 'SEED=', my $seed = sow();
my $node = server('random', fsync => 'off', autovacuum => 'off', max_parallel_workers => 8, 'datom.wait' => 60000);
my $dbh = db($node);

#
# Philox again
#

sub philox
{
	my (@x) = @_;
	my @k = splice @x, 4;
	for (1 .. 10)
	{
		my ($p, $q) = (0xD2511F53 * $x[0], 0xCD9E8D57 * $x[2]);
		@x = (($q >> 32) ^ $x[1] ^ $k[0], $q & 0xFFFFFFFF, ($p >> 32) ^ $x[3] ^ $k[1], $p & 0xFFFFFFFF);
		@k = (($k[0] + 0x9E3779B9) & 0xFFFFFFFF, ($k[1] + 0xBB67AE85) & 0xFFFFFFFF);
	}
	return @x;
}

# The words of a number, the lower first.
sub words { return unpack 'L2', pack 'q', $_[0] }

sub number
{
	my ($key, $counter) = @_;
	my @x = philox(words($counter), 0, 0, words($key));
	return (($x[1] << 32 | $x[0]) >> 11) / 2**53;
}

# The published vectors: tests/kat_vectors of Random123.
my @vectors = (
	[ '00000000 00000000 00000000 00000000 00000000 00000000', '6627e8d5 e169c58d bc57ac4c 9b00dbd8' ],
	[ 'ffffffff ffffffff ffffffff ffffffff ffffffff ffffffff', '408f276d 41c83b0e a20bc7c6 6d5451fd' ],
	[ '243f6a88 85a308d3 13198a2e 03707344 a4093822 299f31d0', 'd16cfe09 94fdcceb 5001e420 24126ea1' ]);
is(sprintf('%08x %08x %08x %08x', philox(map { hex } split ' ', $_->[0])), $_->[1], 'Philox in Perl') for @vectors;

# Any numbers of 64 bits, the least and the greatest among them.
my @some = (0, 1, -1, 2**31, 2**32, -(2**32), 9223372036854775807, -9223372036854775807 - 1,
	map { unpack 'q', pack 'L2', int rand 2**32, int rand 2**32 } 1 .. 40);
my @want = map { my $key = $_; map { sprintf '%d %d %s', $key, $_, unpack 'H*', pack 'd>', number($key, $_) } @some } @some;
my $SAYS = q{SELECT format('%s %s %s', s, e, encode(float8send(datom.random_number(s, e)), 'hex'))
	FROM unnest($1::bigint[]) WITH ORDINALITY a(s, i), unnest($1::bigint[]) WITH ORDINALITY b(e, j) ORDER BY i, j};
is_deeply($dbh->selectcol_arrayref($SAYS, undef, \@some), \@want, scalar(@want) . ' numbers as in Perl, to the last bit');

#
# Compilers
#

my $place = PostgreSQL::Test::Utils::tempdir('philox');
append_to_file("$place/say.c", <<'C');
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "philox.h"
int main(int argc, char **argv)
{
	uint32 c[4], k[2], w[4];
	int64_t key, counter;
	uint64_t bits;
	double x;
	if (argc > 1)
		while (scanf("%" SCNx32 "%" SCNx32 "%" SCNx32 "%" SCNx32 "%" SCNx32 "%" SCNx32, c, c + 1, c + 2, c + 3, k, k + 1) == 6)
		{
			datom_philox(c, k, w);
			printf("%08" PRIx32 " %08" PRIx32 " %08" PRIx32 " %08" PRIx32 "\n", w[0], w[1], w[2], w[3]);
		}
	while (scanf("%" SCNd64 "%" SCNd64, &key, &counter) == 2)
	{
		x = datom_philox_unit(key, counter);
		memcpy(&bits, &x, sizeof bits);
		printf("%" PRId64 " %" PRId64 " %016" PRIx64 "\n", key, counter, bits);
	}
	return 0;
}
C

# The lines that the program answers to these.
sub said
{
	my ($asked, @arguments) = @_;
	IPC::Run::run([ "$place/say", @arguments ], '<', \join("\n", @$asked), '>', \my $said);
	return [ split /\n/, $said ];
}

for my $how ('gcc -O2', 'gcc -O0', 'gcc -O3 -march=native -ffast-math', 'gcc -m32', 'clang -O2', 'clang -fsanitize=undefined -fno-sanitize-recover=all')
{
	SKIP:
	{
		skip "no $how", 2 if system("$how -std=gnu99 -DDATOM_STANDALONE -Isrc $place/say.c src/philox.c -o $place/say > $place/log 2>&1") != 0;
		is_deeply(said([ map { $_->[0] } @vectors ], 'words'), [ map { $_->[1] } @vectors ], "$how: the published vectors");
		is_deeply(said([ map { my $key = $_; map { "$key $_" } @some } @some ]), \@want, "$how: the numbers");
	}
}

#
# The same in whatever way it is asked
#

my $w = new_world($dbh, 'pur', size => 400);
say_bulk($dbh, $w, 60);
merge($dbh, 'pur');
say_many($dbh, $w, 5);
# A world may have few attributes.
say_bulk($dbh, $w, 60) until one($dbh, q{SELECT count(*) FROM datom.as_of('pur')}) > 500;
$dbh->do("CREATE VIEW facts AS SELECT * FROM datom.as_of('pur')");
my $DRAWN = q{SELECT e, encode(float8send(datom.random_number(11, e)), 'hex'), datom.sample(e, 0.3, 11), datom.sample(e, 0.31, 11) FROM};
sub drawn { my ($session, $sql) = @_; return join "\n", sort map { join ' ', @$_ } @{ $session->selectall_arrayref($sql) } }
configure($dbh, orders => 0, scan => 0, workers => 0);
my $whole = drawn($dbh, "$DRAWN facts");
my @entities = map { /^(-?\d+) (\S+) (\S+) (\S+)/ or die; [ $1, $2, $3, $4 ] } split /\n/, $whole;
cmp_ok(scalar(@entities), '>', 500, scalar(@entities) . ' facts');
is(join(' ', map { $_->[1] } @entities), join(' ', map { unpack 'H*', pack 'd>', number(11, $_->[0]) } @entities), 'their entities\' numbers are those of Perl');
is(scalar(grep { $_->[2] && !$_->[3] } @entities), 0, 'the larger sample contains the smaller');
my $sampled = join "\n", sort map { $_->[0] } grep { $_->[2] } @entities;
cmp_ok(scalar(split /\n/, $sampled), '>', 0, 'which is not empty');
for my $how (configurations())
{
	configure($dbh, %$how);
	my $n = pick(2 .. 40);
	is(drawn($dbh, "$DRAWN facts"), $whole, name_of(%$how));
	is(join("\n", sort map { split /\n/, drawn($dbh, "$DRAWN facts WHERE datom.shard(e, $_, $n)") } 0 .. $n - 1), $whole, "in $n shards");
	is(drawn($dbh, 'SELECT e FROM facts WHERE datom.sample(e, 0.3, 11)'), $sampled, 'the sample');
	is(join("\n", sort map { split /\n/, drawn($dbh, "SELECT e FROM facts WHERE mod(e, $n) = $_ AND datom.sample(e, 0.3, 11)") } 1 - $n .. $n - 1), $sampled, "in $n parts");
}
$dbh->do($_) for 'SET plan_cache_mode = force_generic_plan', 'PREPARE part(float8, bigint) AS SELECT e FROM facts WHERE datom.sample(e, $1, $2)';
is(drawn($dbh, 'EXECUTE part(0.3, 11)'), $sampled, 'with parameters');
$dbh->do('RESET plan_cache_mode');
$dbh->do($_) for 'CREATE TABLE plain AS SELECT * FROM facts', 'CREATE INDEX ON plain (e) WHERE datom.sample(e, 0.3, 11)', 'ANALYZE plain', 'SET enable_seqscan = off';
like(join("\n", @{ $dbh->selectcol_arrayref('EXPLAIN SELECT e FROM plain WHERE datom.sample(e, 0.3, 11)') }), qr/Index/, 'an index of a sample');
is(drawn($dbh, 'SELECT e FROM plain WHERE datom.sample(e, 0.3, 11)'), $sampled, 'has it');
$dbh->do($_) for 'RESET enable_seqscan', 'SET parallel_setup_cost = 0', 'SET parallel_tuple_cost = 0', 'SET min_parallel_table_scan_size = 0', 'SET max_parallel_workers_per_gather = 3';
like(join("\n", @{ $dbh->selectcol_arrayref('EXPLAIN SELECT e FROM plain WHERE datom.sample(e, 0.5, 11)') }), qr/Gather.*Filter: datom.sample/s, 'workers take samples');
is(drawn($dbh, "$DRAWN plain"), $whole, 'and say the same');
my $standby = standby($node, 'random_standby');
launch($standby);
is(drawn(db($standby), "$DRAWN facts"), $whole, 'a standby, too');

#
# Another version
#

SKIP:
{
	my $config = $ENV{DATOM_OTHER_PG_CONFIG} || '/usr/lib/postgresql/17/bin/pg_config';
	skip 'PostgreSQL 17 is not installed', 2 unless -x $config;
	chomp(my ($bin, $include, $version) = map { scalar `$config --$_` } 'bindir', 'includedir-server', 'version');
	skip 'PostgreSQL 17 has no headers here', 2 unless -e "$include/postgres.h";
	is_deeply([ other_version($config, $bin) ], \@want, "$version says the same");
}

# Builds the very files for that version and asks its server.
sub other_version
{
	my ($config, $bin) = @_;
	my $there = PostgreSQL::Test::Utils::tempdir_short();
	system_or_bail('cp', 'src/random.c', 'src/philox.c', 'src/philox.h', $there);
	append_to_file("$there/compat.h", qq(#include "postgres.h"\n));
	append_to_file("$there/magic.c", qq(#include "postgres.h"\n#include "fmgr.h"\nPG_MODULE_MAGIC;\n));
	append_to_file("$there/Makefile", "MODULE_big = other\nOBJS = random.o philox.o magic.o\nPG_CONFIG = $config\nPGXS := \$(shell \$(PG_CONFIG) --pgxs)\ninclude \$(PGXS)\n");
	system_or_bail("make -s -C $there with_llvm=no > $there/log 2>&1");
	my ($sql) = slurp_file('datom--1.0.sql') =~ /^-- ---- random numbers ----\n(.*?)^-- ---- /ms;
	$sql =~ s/MODULE_PATHNAME/$there\/other/g;
	append_to_file("$there/make.sql", "CREATE SCHEMA datom;\n$sql\n");
	system_or_bail("$bin/initdb -D $there/data -A trust -N -E UTF8 --locale=C > $there/log 2>&1");
	system_or_bail("$bin/pg_ctl -D $there/data -l $there/log -w -o \"-F -k $there -c listen_addresses=''\" start > /dev/null");
	my $said = eval {
		my $other = DBI->connect("dbi:Pg:dbname=postgres;host=$there", undef, undef, { RaiseError => 1 });
		$other->do(slurp_file("$there/make.sql"));
		$other->selectcol_arrayref($SAYS, undef, \@some);
	};
	warn $@ if $@;
	system("$bin/pg_ctl -D $there/data -m immediate stop > /dev/null");
	return @{ $said || [] };
}

#
# Uniform and independent
#

my $N = torture() ? 1_000_000 : 100_000;

# How many standard deviations the statistic is off: Wilson and Hilferty.
sub chi_square
{
	my ($counts, $cells, $n) = @_;
	my $expected = $n / $cells;
	my $sum = 0;
	$sum += (($counts->[$_] // 0) - $expected)**2 / $expected for 0 .. $cells - 1;
	my $df = $cells - 1;
	return (($sum / $df)**(1 / 3) - (1 - 2 / (9 * $df))) / sqrt(2 / (9 * $df));
}

sub frequencies { my ($x) = @_; my @c; $c[ int 1000 * $_ ]++ for @$x; return chi_square(\@c, 1000, scalar @$x) }

# Kolmogorov's statistic, as if it were a normal one: beyond 1.95 and below 0.37
# lies one in a thousand each.
sub kolmogorov
{
	my ($x) = @_;
	my ($d, $i, $n) = (0, 0, scalar @$x);
	for (sort { $a <=> $b } @$x)
	{
		my ($above, $below) = (++$i / $n - $_, $_ - ($i - 1) / $n);
		$d = $above if $above > $d;
		$d = $below if $below > $d;
	}
	$d *= sqrt $n;
	return $d > 1.95 ? 9 : $d < 0.37 ? -9 : 0;
}

# Pairs in a grid of 50 by 50.
sub pairs
{
	my ($x, $y) = @_;
	my @c;
	$c[ 50 * int(50 * $x->[$_]) + int 50 * $y->[$_] ]++ for 0 .. $#$x;
	return chi_square(\@c, 2500, scalar @$x);
}

sub halves { my ($x) = @_; return [ map { $x->[ 2 * $_ ] } 0 .. @$x / 2 - 1 ], [ map { $x->[ 2 * $_ + 1 ] } 0 .. @$x / 2 - 1 ] }

# Runs above and below one half, which come in n - 1 tosses of a coin.
sub runs
{
	my ($x) = @_;
	my $runs = 0;
	$runs += ($x->[ $_ - 1 ] < 0.5) != ($x->[$_] < 0.5) for 1 .. $#$x;
	return ($runs - $#$x / 2) / sqrt($#$x / 4);
}

sub correlation
{
	my ($x, $y) = @_;
	my $sum = 0;
	$sum += ($x->[$_] - 0.5) * ($y->[$_] - 0.5) for 0 .. $#$x;
	return 12 * $sum / sqrt @$x;
}

# What fails of what is drawn by the generator for a seed and the next one.
sub failures
{
	my ($draw, $of) = @_;
	my ($x, $next) = ($draw->($of), $draw->($of + 1));
	my @shifted = @$x[ 1 .. $#$x, 0 ];
	my %by = (
		frequencies => frequencies($x), kolmogorov => kolmogorov($x), 'serial pairs' => pairs(halves($x)), runs => runs($x),
		'neighbouring entities' => correlation($x, \@shifted), 'neighbouring seeds' => correlation($x, $next),
		'one seed behind another' => correlation(\@shifted, $next), 'pairs of seeds' => pairs($x, $next));
	return join ', ', map { sprintf '%s (%.1f)', $_, $by{$_} } grep { abs $by{$_} > 3.3 } sort keys %by;
}

sub draw { return $dbh->selectcol_arrayref('SELECT x FROM datom.random_numbers(?, ?) ORDER BY i', undef, $N, $_[0]) }
is(failures(\&draw, $_), '', "seed $_: uniform and independent") for 0, 1, 42, -7, 1 << 40;

# Entities are seldom 1, 2, 3: as transactions and sequences of several tables give them.
for my $step (2, 35, 1000, 4294967296)
{
	is(failures(sub { $dbh->selectcol_arrayref("SELECT datom.random_number(?, i * ?) FROM generate_series(1::bigint, ?) i ORDER BY i", undef, $_[0], $step, $N) }, 5), '', "every ${step}th entity");
}

# Each bit of input that changes changes half of the bits that come out: of numbers
# that are the same in each run, since one run in a thousand would fail.
srand 1;
my ($flipped, $tried) = (0, 0);
for my $bit (0 .. 63)
{
	for my $i (1 .. 20)
	{
		my ($key, $counter) = map { unpack 'q', pack 'L2', int rand 2**32, int rand 2**32 } 1, 2;
		my $changed = unpack 'q', pack 'Q', (unpack 'Q', pack 'q', $i % 2 ? $key : $counter) ^ (1 << $bit);
		my ($p, $q) = @{ $dbh->selectcol_arrayref("SELECT (datom.random_number(k, e) * 2 ^ 53)::bigint FROM (VALUES (1, ?::bigint, ?::bigint), (2, ?, ?)) v(i, k, e) ORDER BY i",
			undef, $key, $counter, $i % 2 ? ($changed, $counter) : ($key, $changed)) };
		$flipped += unpack '%64b*', pack 'Q', $p ^ $q;
		$tried += 53;
	}
}
cmp_ok(abs($flipped / $tried - 0.5), '<', 3.3 * 0.5 / sqrt $tried, sprintf 'a changed bit changes %.2f %% of the bits', 100 * $flipped / $tried);

# A sample takes its share of each shard.
my @taken = @{ $dbh->selectcol_arrayref("SELECT count(*) FILTER (WHERE datom.sample(i, 0.1, 3)) FROM generate_series(1, $N) i GROUP BY i % 50 ORDER BY i % 50") };
my $taken = 0;
$taken += $_ for @taken;
cmp_ok(abs($taken - 0.1 * $N) / sqrt(0.09 * $N), '<', 3.3, "$taken of $N in a sample of 10 %");
cmp_ok(abs chi_square([@taken], 50, $taken), '<', 3.3, 'from all shards alike');

# The controls
my $fraction = sub { my ($x) = @_; return $x - int $x };
my %bad = (
	'multiples of the golden ratio' => sub { my ($of) = @_; [ map { $fraction->(($_ + $of) * 0.6180339887498949) } 1 .. $N ] },
	'RANDU' => sub { my $r = 2 * $_[0] + 1; [ map { $r = $r * 65539 % 2**31; $r / 2**31 } 1 .. $N ] },
	'a counter with the seed added' => sub { my ($of) = @_; [ map { number(0, $_ + $of) } 1 .. 20_000 ] },
	'one of a little too few small numbers' => sub { my ($of) = @_; [ map { $_**0.97 } @{ draw($of) } ] });
for my $name (sort keys %bad)
{
	isnt(my $failed = failures($bad{$name}, 3), '', "control: $name");
	note $failed;
}
done_testing();
