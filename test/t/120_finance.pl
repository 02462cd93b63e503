# Day counts, interest and lateness against slow and obvious ways to compute them,
# and against QuantLib.
#
# test/oracle/finance.py makes random cases and says what must come out: dates from
# 1900 to 2199, ends of February, exchanged and null dates, negative rates, ties.
# The slow answers have no error, so ours have to be equal to the last digit
# where they are rounded or have an end, and otherwise to 15 digits, of powers to
# 17. To QuantLib, which computes in double precision, ours have to be equal to the
# last bit where it has one division to do, and otherwise to 1e-12.
#
# The controls: one convention, one rounding and one fine in place of another.
#
# SEED=n repeats a run. DATOM_ORACLE=1 asks for 20,000 cases, and QuantLib for
# 10,000.
use strict;
use warnings;
use Datom;
use FindBin;
use PostgreSQL::Test::Utils;
use Test::More;

note 'SEED=', my $seed = $ENV{SEED} // int rand 1e6;
my $PYTHON = '/usr/bin/python3';
my $node = server('finance', fsync => 'off', autovacuum => 'off');
my $dbh = db($node);
my $place = PostgreSQL::Test::Utils::tempdir('finance');

# Calendars: the shipped one, one at random, and none.
one($dbh, q{SELECT datom.create_calendar('cal')});
$dbh->do($_) for q{CREATE TABLE calendar (name text, days date[])},
  q{INSERT INTO calendar VALUES ('BR-bank', datom.holidays('cal', 'BR-bank')), ('none', '{}')},
  qq{INSERT INTO calendar SELECT 'random', array_agg(date '1900-01-01' + (datom.random_number($seed, i) * 109572)::int) FROM generate_series(1, 5000) i};
$dbh->do(q{UPDATE calendar SET days = (SELECT array_agg(d) FROM unnest(days) d WHERE d BETWEEN '1900-01-01' AND '2199-12-31') WHERE name = 'random'});
append_to_file("$place/calendars", join '', map { "$_->[0]\t$_->[1]\n" }
	@{ $dbh->selectall_arrayref(q{SELECT name, array_to_string(days, ',') FROM calendar}) });

$dbh->do($_) for
  q{CREATE TABLE interest (d1 date, d2 date, convention text, termination date, calendar text, days int, num numeric, den numeric,
	principal numeric, rate numeric, compounding text, frequency int, scale int, rounding text, owed numeric, rounded numeric, error numeric)},
  q{CREATE TABLE late (amount numeric, due date, paid date, fine numeric, mora numeric, basis text, remuneratory numeric, years_by text,
	grace int, cap numeric, scale int, rounding text, calendar text, days_late int, fine_amount numeric, mora_amount numeric, remuneratory_amount numeric, total numeric)},
  q{CREATE TABLE quantlib (d1 date, d2 date, convention text, termination date, calendar text, days int, years float8,
	principal numeric, rate numeric, compounding text, frequency int, owed float8)},
  q{CREATE TABLE brazil (day date)};

# Has the cases made and puts them into their tables.
sub load
{
	my ($how, $n) = @_;
	my %lines;
	open my $cases, '-|', $PYTHON, "$FindBin::RealBin/../oracle/finance.py", $how, $seed, $n, "$place/calendars" or die $!;
	while (<$cases>) { my ($table, $line) = /^(\w+)\t(.*)/s or die $_; push @{ $lines{$table} }, $line }
	ok(close($cases), "$how: cases are made");
	for my $table (sort keys %lines)
	{
		$dbh->do("COPY $table FROM STDIN");
		$dbh->pg_putcopydata($_) for @{ $lines{$table} };
		$dbh->pg_putcopyend;
	}
	$dbh->do('ANALYZE');
}

# No row of a query; up to three are shown.
sub none
{
	my ($sql, $name) = @_;
	my $rows = $dbh->selectall_arrayref("$sql LIMIT 3");
	is(scalar(@$rows), 0, $name) or diag join("\n", map { join ' ', map { $_ // '~' } @$_ } @$rows);
}
sub some { my ($sql, $name) = @_; cmp_ok(one($dbh, "SELECT count(*) FROM ($sql) x"), '>', 0, $name) }

my $DURATION = 'd1, d2, convention, termination, c.days';
my $FROM = 'FROM interest t JOIN calendar c ON name = calendar';
my $LOAN = 'principal, rate, d1, d2, convention, compounding, frequency, %s, rounding, termination, c.days';
my ($owed, $rounded) = map { "datom.interest(" . sprintf($LOAN, $_) . ')' } 'NULL', 'scale';

load('slow', my $n = $ENV{DATOM_ORACLE} ? 20000 : 2000);
is(one($dbh, 'SELECT count(*) FROM interest'), $n, "$n loans");
cmp_ok(one($dbh, 'SELECT count(*) FROM interest WHERE d1 > d2 AND rate < 0'), '>', $n / 20, 'back in time and at negative rates among them');
cmp_ok(one($dbh, 'SELECT count(*) FROM interest WHERE error = 0'), '>', $n / 10, 'and such of which all digits are known');
my $wrong_days = "SELECT t.*, datom.day_count($DURATION) $FROM WHERE datom.day_count($DURATION) IS DISTINCT FROM t.days";
none($wrong_days, 'days');
none("SELECT t.*, datom.year_fraction($DURATION) $FROM WHERE (datom.year_fraction($DURATION) IS NULL) <> (num IS NULL) OR abs(datom.year_fraction($DURATION) - num / den) > 1e-15", 'years');
none("SELECT t.*, datom.year_fraction($DURATION) $FROM WHERE 1e9 % den = 0 AND datom.year_fraction($DURATION) <> num / den", 'years that have an end');
none("SELECT t.*, $owed $FROM WHERE ($owed IS NULL) <> (owed IS NULL) OR abs($owed - owed) > error * abs(owed)", 'interest');
# A power that differs from a round number by less than 1e-8 units may be taken for it.
my $wrong_interest = "SELECT t.*, $rounded $FROM WHERE $rounded IS DISTINCT FROM rounded AND (error = 0 OR abs($rounded - owed) > 1e-8 * 10::numeric ^ -scale)";
none($wrong_interest, 'rounded interest');
none("SELECT t.* $FROM WHERE scale($rounded) <> greatest(scale, 0)", 'and its scale');

my $CHARGED = 'datom.late(amount, due, paid, fine, t.mora, basis, remuneratory, years_by, grace, cap, scale, rounding, c.days)';
my $wrong_late = "SELECT t.*, l.* FROM late t JOIN calendar c ON name = calendar, $CHARGED l
	WHERE (l.days_late, l.fine_amount, l.mora, l.remuneratory_amount, l.total) IS DISTINCT FROM (t.days_late, t.fine_amount, mora_amount, t.remuneratory_amount, t.total)";
is(one($dbh, 'SELECT count(*) FROM late'), $n, "$n bills");
cmp_ok(one($dbh, "SELECT count(*) FROM late WHERE $_->[0]"), '>', $n / 100, $_->[1])
  for [ 'paid > due AND days_late = 0', 'some forgiven for grace or holidays' ], [ 'total = amount + trunc(amount * cap, scale) AND days_late > 0', 'some at the cap' ];
none($wrong_late, 'charges');

# Controls, which undo themselves.
for my $planted (
	[ $wrong_days, q{UPDATE interest SET convention = '30E/360' WHERE convention = '30/360'}, 'another convention' ],
	[ $wrong_days, q{UPDATE interest SET calendar = 'none' WHERE calendar = 'BR-bank'}, 'a calendar without holidays' ],
	[ $wrong_interest, q{UPDATE interest SET rounding = 'up' WHERE rounding = 'down'}, 'another rounding' ],
	[ $wrong_late, q{UPDATE late SET fine = fine + 0.001}, 'another fine' ])
{
	$dbh->begin_work;
	$dbh->do($planted->[1]);
	some($planted->[0], "$planted->[2] is noticed");
	$dbh->rollback;
}

# QuantLib
SKIP:
{
	skip 'QuantLib is for make test-oracle', 1 unless $ENV{DATOM_ORACLE};
	skip 'quantlib-python is missing (make deps)', 1 if system("$PYTHON -c 'import QuantLib' > /dev/null 2>&1");
	# Version 1.29 does not know 20 November.
	my $QUANTLIB = q{FROM quantlib t JOIN (SELECT name, ARRAY(SELECT d FROM unnest(days) d WHERE name <> 'BR-bank' OR to_char(d, 'MMDD') <> '1120') AS days
		FROM (SELECT name, CASE WHEN name = 'BR-bank' THEN (SELECT array_agg(day) FROM brazil) ELSE days END AS days FROM calendar) x) c ON name = calendar};
	load('quantlib', 10000);
	is(one($dbh, 'SELECT count(*) FROM quantlib'), 10000, '10,000 loans');
	is(one($dbh, q{SELECT string_agg(DISTINCT to_char(d, 'MMDD') || ' from ' || (SELECT min(extract(year FROM m)) FROM unnest(days) m WHERE to_char(m, 'MMDD') = '1120'), ',')
		FROM calendar, unnest(days) d WHERE name = 'BR-bank' AND d >= '2003-01-01' AND extract(isodow FROM d) < 6 AND d NOT IN (SELECT day FROM brazil)}),
		'1120 from 2024', 'the shipped calendar of banks, 2003 to 2199: QuantLib lacks 20 November');
	none(q{SELECT day FROM brazil, calendar WHERE name = 'BR-bank' AND day <> ALL (days)}, 'and we lack nothing');
	# Before 2003 it has holidays that were none yet.
	my $KNOWN = q{(calendar <> 'BR-bank' OR convention <> 'BUS/252' OR least(d1, d2) >= '2003-01-01')};
	my $wrong = "SELECT t.*, datom.day_count($DURATION) $QUANTLIB WHERE datom.day_count($DURATION) IS DISTINCT FROM t.days AND $KNOWN";
	none($wrong, 'days');
	none("SELECT t.*, datom.year_fraction($DURATION) $QUANTLIB WHERE datom.year_fraction($DURATION)::float8 <> years AND convention <> 'ACT/ACT ISDA' AND $KNOWN", 'years, to the last bit');
	none("SELECT t.*, datom.year_fraction($DURATION) $QUANTLIB WHERE abs(datom.year_fraction($DURATION)::float8 - years) > 1e-12 * greatest(abs(years), 1)", 'years of ACT/ACT, to 1e-12')
	  if $dbh->do(q{DELETE FROM quantlib t WHERE NOT } . $KNOWN);
	my $due = 'principal + datom.interest(' . sprintf($LOAN, 'NULL') . ')';
	$due =~ s/rounding/'half_even'/;
	none("SELECT t.*, $due $QUANTLIB WHERE ($due IS NULL) <> (owed IS NULL) OR abs(($due)::float8 - owed) > 1e-12 * greatest(abs(owed), principal)", 'principal and interest, to 1e-12');
	$dbh->do(q{UPDATE quantlib SET convention = '30/360' WHERE convention = '30/360 US'});
	some($wrong, 'another convention is noticed');
}
$node->stop;
done_testing();
