# tap.pl [TEST ...]: runs test/t, or the tests named by a number, a name or a
# path, and writes "passed failed skipped" into the file named by TALLY.
use strict;
use warnings;
use TAP::Harness;

my @tests;
for my $name (@ARGV)
{
	my @found = grep { -e } $name, glob("test/t/$name*");
	die "there is no test \"$name\"\n" unless @found;
	push @tests, @found;
}
@tests = sort glob('test/t/*.pl') unless @tests;

# A test that takes long begins first, so that the others fit beside it.
my $jobs = $ENV{JOBS} || 2;
my $harness = TAP::Harness->new(
	{   jobs => $jobs, timer => 1, failures => 1, comments => 1,
		lib => [ split /:/, $ENV{PERL5LIB} || '' ] });
my $all = $harness->runtests(@tests);

my ($passed, $failed, $skipped) = (0, 0, 0);
for my $parser ($all->parsers)
{
	my $bad = $parser->failed;
	my $good = $parser->passed - $parser->skipped;
	# A test that died, or stopped short of its plan, failed as well.
	$bad++ if !$bad && $parser->has_problems;
	# A file that is skipped as a whole counts once.
	$skipped += $parser->skip_all ? 1 : $parser->skipped;
	$passed += $good;
	$failed += $bad;
}
open my $tally, '>', $ENV{TALLY} or die $!;
print $tally "$passed $failed $skipped\n";
close $tally;
if ($failed)
{
	for my $file (glob("$ENV{TESTDIR}/tmp_check/log/regress_log_*"))
	{
		my $text = do { local (@ARGV, $/) = ($file); <> };
		next if $text !~ /^\s*(#\s+Failed|not ok|Bail|.* died)/m;
		print "==== end of $file\n", join '', (split /^/, $text)[ -60 .. -1 ];
	}
}
exit($failed > 0);
