# A damaged order gives an error that names it and the place, or right rows;
# never wrong rows, never a signal, with checksums off.
#
# A database with one datom table, whose orders have several runs, is copied.
# While the server is down one byte of each order of each copy is changed, now
# and then in the metapage, or a block is zeroed, cut off, or put in another's
# place; then all copies are asked. After each round the damage is undone.
# REINDEX heals. The control changes values of the log instead, which nothing
# protects, and reads the log: wrong rows are noticed.
use strict;
use warnings;
use Datom;
use Datom::Orders;
use PostgreSQL::Test::Utils;
use Test::More;

note 'SEED=', sow();
my $FLIPS = torture() ? 1000 : 150;
my $COPIES = 10;
my $node = server('damaged', autovacuum => 'off', fsync => 'off', 'datom.wait' => "'60s'", log_min_messages => "'log'", log_checkpoints => 'off');

#
# The table, and what is asked
#

db($node)->do('CREATE DATABASE original');
my $dbh = db($node, dbname => 'original');
$dbh->do('CREATE EXTENSION datom');
my $w = new_world($dbh, 'pur', size => 1500);
say_bulk($dbh, $w, 1200);
merge($dbh, 'pur');
for (1 .. 3)
{
	say_many($dbh, $w, 6);
	say_bulk($dbh, $w, 150) if $_ == 2;
	merge($dbh, 'pur');
}
# A merge may have taken all runs together.
for (1 .. 10)
{
	last if one($dbh, 'SELECT max(runs) FROM datom.stats(?)', 'pur') > 1;
	say_bulk($dbh, $w, 150);
	merge($dbh, 'pur');
}
say_many($dbh, $w, 2);

my @some = @{ $dbh->selectcol_arrayref(q{SELECT e FROM (SELECT DISTINCT e FROM pur WHERE e > 0) s ORDER BY random() LIMIT 60}) };
my @moments = @{ $dbh->selectcol_arrayref(q{SELECT instant FROM datom.tx WHERE db = 'pur'::regclass ORDER BY random() LIMIT 3}) };
my $hash = q{SELECT count(*) || ':' || coalesce(sum(hashtextextended(d::text, 0)), 0) FROM };
my @questions = (
	'pur d', q{datom.as_of('pur') d}, q{datom.history('pur') d}, map({ "datom.as_of('pur', '$_'::timestamptz) d" } @moments),
	"datom.since('pur', '$moments[0]'::timestamptz) d",
	map({ "datom.as_of('pur') d WHERE a = '$_'" } sort keys %{ $w->{attrs} }),
	map({ "pur d WHERE e = $_" } @some[ 0 .. 4 ]), map({ "datom.as_of('pur', '$moments[1]'::timestamptz) d WHERE e BETWEEN $_ AND $_ + 50" } @some[ 5 .. 9 ]),
	map({ my $e = $_; map { "pur d WHERE a = '$_' AND v = datom.ref($e)" } ':r/to', ':r/one' } @some[ 0 .. 4 ]),
	"(SELECT datom.entity('pur', e) FROM (VALUES (" . join('), (', @some) . ')) s(e)) d',
	q{(SELECT datom.entity('pur', ':u/id', v) FROM (SELECT v FROM oracle_ids) s) d});
$dbh->do(q{CREATE TABLE oracle_ids AS SELECT v FROM pur WHERE a = ':u/id' ORDER BY random() LIMIT 60});
my @reads = ({ orders => 1 }, { orders => 1, scan => 1 });
configure($dbh);
my @truth = map { one($dbh, "$hash$_") } @questions;
my @names = orders_of($dbh, 'pur');
my %runs = map { @$_ } @{ $dbh->selectall_arrayref('SELECT name, runs FROM datom.stats(?)', undef, 'pur') };
note "$_: $runs{$_} runs, ", one($dbh, 'SELECT pg_relation_size(?::regclass) / 8192', $_), ' pages' for @names;
cmp_ok((sort { $b <=> $a } values %runs)[0], '>', 1, 'orders have several runs');
my %file = map { $_ => one($dbh, 'SELECT pg_relation_filenode(?::regclass)', $_) } @names, 'pur';
$dbh->disconnect;
db($node)->do("CREATE DATABASE copy$_ TEMPLATE original") for 1 .. $COPIES;
my %directory = map { $_ => $node->data_dir . '/base/' . one(db($node), 'SELECT oid FROM pg_database WHERE datname = ?', $_) } map { "copy$_" } 1 .. $COPIES;

#
# Damage
#

sub content { my ($file) = @_; open my $f, '<:raw', $file or die "$file: $!"; local $/; return scalar <$f> }

sub put
{
	my ($file, $content) = @_;
	open my $f, '>:raw', $file or die "$file: $!";
	print $f $content;
	close $f or die "$file: $!";
}

# Each changes the content of a file and says what it did.
my %damages = (
	flip => sub {
		my $at = maybe(0.1) ? int rand 8192 : int rand length $_[0];
		my $mask = maybe(0.6) ? 1 << int rand 8 : 1 + int rand 255;
		substr($_[0], $at, 1) ^= chr $mask;
		return sprintf 'byte %d of block %d xor %02x', $at % 8192, $at / 8192, $mask;
	},
	zero => sub {
		my $block = int rand(length($_[0]) / 8192);
		substr($_[0], $block * 8192, 8192) = "\0" x 8192;
		return "block $block is zeros";
	},
	swap => sub {
		my ($x, $y) = map { int rand(length($_[0]) / 8192) } 1, 2;
		my $was = substr $_[0], $x * 8192, 8192;
		substr($_[0], $x * 8192, 8192) = substr $_[0], $y * 8192, 8192;
		substr($_[0], $y * 8192, 8192) = $was;
		return "blocks $x and $y are swapped";
	},
	cut => sub {
		my $blocks = 1 + int rand(length($_[0]) / 8192 - 1);
		$_[0] = substr $_[0], 0, $blocks * 8192;
		return "cut off at block $blocks";
	});

# What is in the files, and what they held before: { copy, order, file, was, how }.
sub damage
{
	my ($copy, $order, $kind) = @_;
	my $file = "$directory{$copy}/$file{$order}";
	my $content = my $was = content($file);
	my $how = $damages{$kind}->($content);
	put($file, $content);
	return { copy => $copy, order => $order, file => $file, was => $was, how => $how };
}

sub undo { put($_->{file}, $_->{was}) for @_ }

#
# Asking
#

my (%told, @wrong);

# The error must name one of the orders that are damaged, and a block.
sub names_it
{
	my ($state, $text, @damages) = @_;
	return $state =~ /^XX00[12]$/ && $text =~ /\bblock \d+/
		&& grep { $text =~ /"\Q$_->{order}\E"/ || $text =~ m{/\Q$file{ $_->{order} }\E\b} } @damages;
}

sub ask
{
	my ($copy, @damages) = @_;
	my $on = db($node, dbname => $copy);
	my $noticed = 0;
	for my $i (0 .. $#questions)
	{
		configure($on, %{ pick(@reads) });
		my $got = eval { one($on, "$hash$questions[$i]") };
		my $outcome = defined $got ? $got eq $truth[$i] ? 'right rows' : 'wrong rows' :
			names_it($on->state, $on->errstr, @damages) ? 'errors that name the place' : 'other errors';
		$told{$outcome}++;
		$noticed ||= !defined $got;
		push @wrong, "$outcome: $questions[$i]: " . ($got // $on->state . ' ' . $on->errstr) . ' (' . join(', ', map { "$_->{order} $_->{how}" } @damages) . ')'
			if $outcome =~ /wrong|other/;
		if (!$on->ping) { push @wrong, "the session is gone: $questions[$i]"; $on = db($node, dbname => $copy) }
	}
	# It names them as well, or reports a fault.
	my $faults = eval { $on->selectall_arrayref(q{SELECT * FROM datom.check('pur')}) };
	push @wrong, 'datom.check: ' . $on->state . ' ' . $on->errstr if !$faults && !names_it($on->state, $on->errstr, @damages);
	$noticed ||= !$faults || @$faults > 0;
	$told{$noticed ? 'noticed' : 'not noticed'}++;
	return $on;
}

# Merging over damage, and REINDEX.
sub heal
{
	my ($on, @damages) = @_;
	for my $sql (q{INSERT INTO pur (e, a, v) SELECT 1001 + i, ':k/long', -i::bigint FROM generate_series(1, 100) i}, 'VACUUM pur')
	{
		# What a merge misses it names by entity and attribute.
		push @wrong, "$sql: " . $on->state . ' ' . $on->errstr if !eval { $on->do($sql); 1 }
			&& !names_it($on->state, $on->errstr, @damages) && $on->errstr !~ /^ERROR:  index "\w+" lacks a fact/;
	}
	configure($on);
	my @new = map { one($on, "$hash$_") } @questions;
	for my $when ('merged', 'REINDEX')
	{
		$on->do('REINDEX TABLE pur') if $when eq 'REINDEX';
		configure($on, orders => 1, scan => 1);
		for my $i (0 .. $#questions)
		{
			my $got = eval { one($on, "$hash$questions[$i]") };
			push @wrong, "$when: $questions[$i]: " . ($got // $on->errstr)
				if defined $got ? $got ne $new[$i] : $when eq 'REINDEX' || !names_it($on->state, $on->errstr, @damages);
		}
	}
}

my $flips = 0;
my $rounds = 0;
while ($flips < $FLIPS)
{
	shut_down($node);
	my %damaged;
	for my $copy (sort keys %directory)
	{
		for my $order (@names)
		{
			push @{ $damaged{$copy} }, damage($copy, $order, maybe(0.85) ? 'flip' : pick(sort keys %damages));
			$flips++;
		}
	}
	launch($node);
	ask($_, @{ $damaged{$_} })->disconnect for sort keys %damaged;
	$rounds++;
	if ($flips >= $FLIPS)
	{
		for my $copy (map { "copy$_" } 1 .. (torture() ? $COPIES - 1 : 4))
		{
			my $on = db($node, dbname => $copy);
			heal($on, @{ $damaged{$copy} });
			$on->disconnect;
			delete $damaged{$copy};
		}
	}
	shut_down($node);
	undo(map { @$_ } values %damaged);
	launch($node);
}
note "$flips damages in $rounds rounds: ", join ', ', map { "$told{$_} $_" } sort keys %told;
note $_ for @wrong[ 0 .. ($#wrong < 9 ? $#wrong : 9) ];
is(scalar @wrong, 0, "$flips damages: right rows, or errors that name the place");
cmp_ok($told{'errors that name the place'} // 0, '>', $flips / 4, 'they were met');
my $log = slurp_file($node->logfile);
unlike($log, qr/terminated by signal|PANIC|TRAP/, 'and no process ended by a signal');

# The control: the log has no such protection.
shut_down($node);
my $copy = "copy$COPIES";
my $log_file = "$directory{$copy}/$file{pur}";
my $was = content($log_file);
my $content = $was;
my $changed = $content =~ s/(id1\d\d\d\.)/reverse($1)/ge;
cmp_ok($changed, '>', 0, 'control: values of the log are changed');
put($log_file, $content);
launch($node);
%told = @wrong = ();
# What is read from an order instead would be right.
my @by_orders = splice @reads, 0, @reads, {};
ask($copy)->disconnect;
note "$changed values: ", join ', ', map { "$told{$_} $_" } sort keys %told;
cmp_ok($told{'wrong rows'} // 0, '>', 0, 'control: wrong rows are noticed');
shut_down($node);
put($log_file, $was);
launch($node);
%told = @wrong = ();
push @reads, @by_orders;
ask($copy)->disconnect;
is_deeply(\@wrong, [], 'control: undone, all is right');
done_testing();
