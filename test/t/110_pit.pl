# Labels with entities at their own moments, against plainer ways to ask.
#
# In each of twenty worlds with random entity tables and histories, labels ask
# about random entities (which there are, or not; far off; transactions; null) at
# random moments (before everything, at an instant and a microsecond before and
# after it; null; as numbers of transactions), some of them twice. datom.pit()
# must answer what LATERAL datom.entity_as_of() does for each label, what
# entities_as_of() does, and what plain SQL makes of the log: before a merge,
# merged with more said since, merged, without orders, for few labels, with little
# memory, in a transaction that has said something itself, on a standby.
# valid_from, max_age and event time are held against SQL over entities_history().
#
# A large table has entities whose facts fill more than a block.
#
# Then a value that was recorded after a label's moment, with an earlier event
# time, must not be seen; the control, which lets labels know more, shows it.
use strict;
use warnings;
use Datom;
use Datom::Entities;
use Datom::Orders;
use Test::More;

note 'SEED=', my $seed = sow();
my $WORLDS = torture() ? 200 : 20;
my $node = server('pit', fsync => 'off', autovacuum => 'off', 'datom.wait' => 60000);
my $dbh = db($node);
entity_oracle($dbh);
$dbh->do('CREATE TABLE labels (l_n serial, l_e bigint, l_small int, l_m int, l_at timestamptz, l_tx bigint, l_event timestamptz, l_text text)');
$dbh->do('CREATE TABLE few (LIKE labels)');
$dbh->do('CREATE VIEW seen AS SELECT * FROM labels WHERE l_n > 0');
my ($wrong, %asked) = (0);

sub differs
{
	my ($what, $got, $want, $sql) = @_;
	return if $got eq $want;
	diag "seed $seed, $what: $got, not $want\n$sql" if $wrong++ < 5;
}

sub answer { my ($sql, $d) = @_; return one($d // $dbh, $sql) }

#
# Labels
#

# About any entities and moments of the world.
sub make_labels
{
	my ($w) = @_;
	my @moments = map { pick(@{ $w->{moments} }) } 1 .. 9;
	$dbh->do('TRUNCATE oracle.asked, labels, few RESTART IDENTITY');
	$dbh->do('INSERT INTO oracle.asked VALUES ' . join ', ', map { "($_, '$moments[$_ - 1][0]')" } 1 .. @moments);
	my $txs = join ', ', map { "($_, " . ($moments[ $_ - 1 ][1] // 'NULL') . '::bigint)' } 1 .. @moments;
	my ($x, $y) = (int rand 1e9, int rand 1e9);
	$dbh->do("INSERT INTO labels (l_e, l_small, l_m, l_at, l_tx, l_event, l_text)
		SELECT e, CASE WHEN e BETWEEN 0 AND 1e6 THEN e END, a.i, a.at, t.tx, timestamptz '2014-11-15T13:37:42Z' + CASE y % 2 WHEN 0 THEN y % 95 * interval '1 s' ELSE y % 55 * interval '1 day' END,
			CASE y % 5 WHEN 0 THEN NULL WHEN 1 THEN repeat('long', 700) ELSE 'label ' || y % 50 END
		FROM (SELECT CASE x % 19 WHEN 0 THEN NULL WHEN 1 THEN (ARRAY[2147483648, 9007199254740993, 999, -1, -9223372036854775808, 9223372036854775807])[1 + y % 6] ELSE 999 + x % ($w->{size} + 4) END AS e, x, y
			FROM (SELECT hashint8extended(i, $x) & 2147483647 AS x, hashint8extended(i, $y) & 2147483647 AS y FROM generate_series(1, 250) i) h) e
		LEFT JOIN oracle.asked a ON a.i = 1 + y / 7 % 10
		LEFT JOIN (VALUES $txs) t (m, tx) ON t.m = a.i");
	$dbh->do("INSERT INTO labels (l_e, l_m, l_at, l_tx) SELECT DISTINCT -tx, a.i, a.at, $w->{moments}[0][1] + NULL FROM (SELECT tx FROM datom.tx WHERE db = '$w->{table}'::regclass LIMIT 3) x, oracle.asked a")
		if defined $w->{moments}[0][1];
	$dbh->do('INSERT INTO labels (l_e, l_small, l_m, l_at, l_tx, l_event, l_text) SELECT l_e, l_small, l_m, l_at, l_tx, l_event, l_text FROM labels ORDER BY hashint4(l_n) LIMIT 40');
	$dbh->do('INSERT INTO few SELECT * FROM labels WHERE l_n < 3');
}

#
# Questions
#

sub names { my ($t) = @_; return map { $_->{name} } @{ $t->{columns} } }

sub has_e { my ($t) = @_; return scalar grep { !defined $_->{ident} } @{ $t->{columns} } }

sub defined_as { my ($c) = @_; return "\"$c->{name}\" $c->{type}" . ($c->{many} ? '[]' : '') }

# Of a table's columns some, and whole rows as a hash.
sub joined
{
	my ($t, $labels, $at, %more) = @_;
	my @columns = grep { maybe(0.8) } @{ $t->{columns} };
	my @own = ('l_n int', 'l_e bigint', (grep { maybe(0.5) } 'l_at timestamptz', 'l_text text', 'l_small int', 'l_tx bigint'));
	my @shown = map { s/ .*//r } @own;
	my $arguments = join '', map { ", $_ => '$more{$_}'" } grep { defined $more{$_} && !/^valid_from/ } sort keys %more;
	push @own, 'valid_from timestamptz' if $more{valid_from};
	my $hash = Datom::Entities::hashed(Datom::Entities::row_of('g', @shown, ($more{valid_from} ? 'valid_from' : ()), map { $_->{name} } @columns));
	return {
		t => $t, hash => $hash, at => $at,
		got => "SELECT $hash FROM datom.pit('$labels', '" . pick('l_e', 'l_e', exists $more{small} ? 'l_small' : 'l_e') . "', '$at', '$t->{name}'$arguments) g ("
			. join(', ', shuffled(@own, map { defined_as($_) } @columns)) . ')' };
}

sub shuffled { my @left = @_; return map { splice @left, rand @left, 1 } 1 .. @left }

sub by_lateral
{
	my ($q, $labels, $at) = @_;
	return "SELECT $q->{hash} FROM (SELECT l.*, p.* FROM $labels l LEFT JOIN LATERAL datom.entity_as_of(NULL::$q->{t}{name}, l.l_e, $at) p ON true) g";
}

sub by_rows
{
	my ($q, $labels) = @_;
	return "SELECT $q->{hash} FROM (SELECT l.*, p.* FROM $labels l LEFT JOIN LATERAL (SELECT * FROM datom.entities_as_of(NULL::$q->{t}{name}, coalesce(l.l_at, '1900-01-01Z')) x WHERE x.e = l.l_e) p ON true) g";
}

sub by_log
{
	my ($q, $labels) = @_;
	return "SELECT $q->{hash} FROM (SELECT l.*, " . join(', ', map { "r.\"$_\"" } names($q->{t})) . " FROM $labels l LEFT JOIN oracle.rows_$q->{t}{name} r ON r.m = l.l_m AND r.e = l.l_e) g";
}

# The states that entities_history() gives, and which of them is a label's.
sub by_history
{
	my ($q, $labels, $order, $condition, $age) = @_;
	return "SELECT $q->{hash} FROM (SELECT l.*, h.valid_from, (h.entity).* FROM $labels l LEFT JOIN LATERAL (
		SELECT * FROM states h WHERE (h.entity).e = l.l_e AND $condition ORDER BY $order LIMIT 1) h ON $age) g";
}

sub hold
{
	my ($what, $q, $want) = @_;
	differs($what, answer($q->{got}), answer($want), "$q->{got}\n$want");
	$asked{ $what =~ s/.*, //r }++;
}

sub by_commit
{
	my ($state, $t, $learned) = @_;
	for my $labels ('labels', 'few', pick('seen', 'labels'))
	{
		my $q = joined($t, $labels, 'l_at', valid_from => 0);
		hold("$state, lateral", $q, by_lateral($q, $labels, 'l.l_at'));
		hold("$state, the log", $q, by_log($q, $labels)) if $learned && has_e($t);
	}
	my $q = joined($t, 'labels', 'l_at', inclusive => 'false');
	hold("$state, exclusive", $q, by_lateral($q, 'labels', q(l.l_at - interval '1 us')));
	$q = joined($t, 'labels', 'l_tx');
	hold("$state, by transaction", $q, by_lateral($q, 'labels', 'l.l_tx'));
	return if !has_e($t);
	$q = joined($t, 'few', 'l_at');
	hold("$state, rows as of", $q, by_rows($q, 'few'));
}

sub by_states
{
	my ($state, $t) = @_;
	return if !has_e($t);
	$dbh->do('DROP TABLE IF EXISTS states');
	$dbh->do("CREATE TEMP TABLE states AS SELECT * FROM datom.entities_history(NULL::$t->{name})");
	for my $labels ('labels', 'few')
	{
		my $age = pick(undef, '1 ms', '20 ms', '1 s');
		my $q = joined($t, $labels, 'l_at', valid_from => 1, max_age => $age);
		hold("$state, valid_from", $q, by_history($q, $labels, 'valid_from DESC', 'h.valid_from <= l.l_at AND coalesce(h.valid_to, \'infinity\') > l.l_at', defined $age ? "h.valid_from >= l.l_at - interval '$age'" : 'true'));
		my ($c) = shuffled(grep { $_->{type} =~ /^(timestamptz|date)$/ && !$_->{many} } @{ $t->{columns} }) or next;
		my $event = "(h.entity).\"$c->{name}\"";
		$age = pick(undef, '5 s', '20 days');
		my ($inclusive, $lt) = maybe(0.3) ? ('false', '<') : ('true', '<=');
		$q = joined($t, $labels, 'l_event', event_time => $c->{name}, known => 'l_at', max_age => $age, inclusive => $inclusive, valid_from => maybe(0.5));
		hold("$state, event time", $q, by_history($q, $labels, "$event DESC, valid_from DESC", "h.valid_from $lt l.l_at AND $event $lt l.l_event", defined $age ? "$event >= l.l_event - interval '$age'" : 'true'));
		$q = joined($t, $labels, 'l_at', event_time => $c->{name});
		hold("$state, event time at once", $q, by_history($q, $labels, "$event DESC, valid_from DESC", "h.valid_from <= l.l_at AND $event <= l.l_at", 'true'));
	}
}

sub hold_against
{
	my ($state, $learned, @tables) = @_;
	for my $t (@tables)
	{
		by_commit($state, $t, $learned);
		by_states($state, $t) if torture() || maybe(0.5);
	}
}

# The control: what the log has for one moment is held against another.
sub notices
{
	my ($t) = @_;
	return 0 if !has_e($t);
	my $q = { t => $t, hash => Datom::Entities::hashed(Datom::Entities::row_of('g', 'l_n', 'e')) };
	my $got = answer("SELECT $q->{hash} FROM datom.pit('labels', 'l_e', 'l_at', '$t->{name}') g (l_n int, e bigint)");
	return $got ne answer(by_log($q, "(SELECT l_n, l_e, l_m % 9 + 1 AS l_m FROM labels)"));
}

#
# Worlds
#

my ($w, $noticed, $world, @tables) = (undef, 0, 0);
my @KINDS = ('lateral', 'the log', 'exclusive', 'by transaction', 'rows as of', 'valid_from', 'event time', 'event time at once');
# Some more, should chance have left out what is to be asked.
sub lacking { return grep { ($asked{$_} // 0) < $WORLDS / 2 } @KINDS, $noticed > 2 ? () : 'noticed' }
while ($world < $WORLDS || $world < 4 * $WORLDS && lacking())
{
	$world++;
	$w = entity_world($dbh, "pur$world", size => 20, importing => maybe(0.3), more => { ':m/two-words' => { type => 'string' },
		':u/long' => { type => 'long', index => 1 }, ':m/happened' => { type => 'instant' }, ':u/day' => { type => 'date' } });
	say_bulk($dbh, $w, 20);
	say_many($dbh, $w, 6);
	merge($dbh, $w->{table}) if maybe(0.5);
	say_many($dbh, $w, 5);
	@tables = (shuffled(entity_tables($dbh, $w)))[ 0 .. (torture() || maybe(0.3)) ];
	learn($dbh, $w);
	make_labels($w);
	Datom::Entities::learn_rows($dbh, $_) for @tables;
	configure($dbh, orders => 0, scan => 0, workers => 0);
	hold_against('no orders', 1, @tables) if $world % 4 == 0;
	configure($dbh, orders => 1, scan => 1, workers => 0);
	hold_against('with a tail', 1, @tables);
	merge($dbh, $w->{table});
	$dbh->do("SET work_mem = '64kB'") if $world % 3 == 0;
	hold_against('merged', 1, @tables);
	$dbh->do('RESET work_mem');
	$noticed += notices($_) for @tables;
	$dbh->begin_work;
	act($dbh, $w) for 1 .. 3;
	hold_against('own rows', 1, @tables);
	$dbh->rollback;
}
cmp_ok($noticed, '>', 2, "the control: rows of other moments are noticed $noticed times");
is($wrong, 0, "$world worlds: the answers are those of plainer ways");
cmp_ok($asked{$_} // 0, '>=', $WORLDS / 2, "$_: asked $asked{$_} times") for @KINDS;

# A standby answers the same, and refuses what it does not know yet.
my $standby = standby($node, 'standby');
launch($standby);
my $there = db($standby);
my @answers = map { my $q = joined($_, 'labels', 'l_at', maybe(0.5) ? (valid_from => 1) : ()); [ $q->{got}, answer($q->{got}) ] } @tables, @tables;
is_deeply([ map { answer($_->[0], $there) } @answers ], [ map { $_->[1] } @answers ], 'a standby answers the same');
like(answer("SELECT count(*) FROM datom.pit('labels', 'l_e', 'l_at', '$tables[0]{name}') g (l_n int)", $there), qr/^\d+$/, 'of labels alone too');
ok(!eval { one($there, "SELECT count(*) FROM datom.pit((SELECT 'later'::regclass), 'e', 'at', '$tables[0]{name}') g (e bigint)"); 1 }, 'labels that are not there');
$standby->{_pid} and shut_down($standby);

#
# Many blocks: entities with a few versions of each attribute, one with thousands.
#

$dbh->do($_) for q{SELECT datom.create('big', importing => true)}, q{CREATE FOREIGN TABLE bigs (e bigint, id text, n bigint, d numeric, s text, tags text[], at timestamptz) SERVER datom OPTIONS (db 'big', namespace 'b')};
$dbh->do(<<'SQL');
DO $$ BEGIN
	PERFORM datom.import_tx('big', '2010-01-01Z'), datom.define_attribute('big', ':b/id', 'string', uniqueness => 'identity'), datom.define_attribute('big', ':b/n', 'long'), datom.define_attribute('big', ':b/d', 'bigdec'),
		datom.define_attribute('big', ':b/s', 'string'), datom.define_attribute('big', ':b/tags', 'string', 'many'), datom.define_attribute('big', ':b/at', 'instant');
	FOR i IN 1 .. 2100 LOOP
		PERFORM datom.import_tx('big', timestamptz '2011-01-01Z' + i * interval '1 hour');
		INSERT INTO big (e, a, v) VALUES (1500, ':b/n', i);
		INSERT INTO big (e, a, v) SELECT 1000 + e, (':b/' || a)::datom.attribute, CASE a WHEN 'id' THEN datom.value('id' || e) WHEN 'n' THEN datom.value(i * e) WHEN 'd' THEN datom.value(round(i * e / 100.0, 2))
				WHEN 's' THEN datom.value('s' || i % 13) WHEN 'at' THEN datom.value(timestamptz '2011-01-01Z' + (i - e % 40) * interval '1 hour') ELSE datom.value('t' || i % 7) END
			FROM generate_series(i % 30 * 100, i % 30 * 100 + 99) e, unnest('{id,n,d,s,at,tags}'::text[]) a
			WHERE e <> 500 AND CASE a WHEN 'id' THEN i <= 30 ELSE i % 300 < 30 AND hashint4(e) % 3 <> i / 300 % 3 END;
	END LOOP;
	PERFORM datom.live('big');
END $$
SQL
my $MANY = torture() ? 20000 : 3000;
for my $state ('unmerged', 'merged', 'no orders')
{
	merge($dbh, 'big') if $state eq 'merged';
	configure($dbh, orders => $state ne 'no orders', scan => 1, workers => 0);
	$dbh->do('DROP TABLE IF EXISTS many');
	$dbh->do("CREATE TABLE many AS SELECT i AS l_n, CASE WHEN i % 9 = 0 THEN 1500 WHEN i % 50 = 1 THEN NULL ELSE 995 + hashint8extended(i, $seed) % 3100 END AS l_e, timestamptz '2010-12-30Z' + (hashint8extended(i, $seed + 1) & 2147483647) % 3100 * interval '1 hour' AS l_at FROM generate_series(1, $MANY) i");
	my $hash = sub { my $columns = shift; "count(*) || ':' || sum(hashtextextended(ROW(l_n, $columns)::text, 0))" };
	my $labels = $state eq 'no orders' ? '(SELECT * FROM many WHERE l_n % 20 = 0)' : 'many';
	my $where = $state eq 'no orders' ? 'WHERE l_n % 20 = 0' : '';
	for my $case ([ 'n, d, s, at', 'n bigint, d numeric, s text, at timestamptz' ], [ 'id, tags, n', 'id text, tags text[], n bigint' ], [ 'e, s, n', 'e bigint, s text, n bigint, valid_from timestamptz' ])
	{
		is(one($dbh, "SELECT ${\ $hash->($case->[0])} FROM datom.pit('many', 'l_e', 'l_at', 'bigs') g (l_n int, $case->[1]) $where"),
			one($dbh, "SELECT ${\ $hash->($case->[0])} FROM (SELECT l.l_n, p.* FROM $labels l LEFT JOIN LATERAL datom.entity_as_of(NULL::bigs, l.l_e, l.l_at) p ON true) g"), "many blocks, $state: $case->[0]");
	}
	$dbh->do('DROP TABLE IF EXISTS history');
	$dbh->do('CREATE TEMP TABLE history AS SELECT (entity).*, valid_from FROM datom.entities_history(NULL::bigs)');
	$dbh->do('CREATE INDEX ON history (e)');
	is(one($dbh, "SELECT ${\ $hash->('n, d, at')} FROM datom.pit('many', 'l_e', 'l_at', 'bigs', 'at') g (l_n int, n bigint, d numeric, at timestamptz) $where"),
		one($dbh, "SELECT ${\ $hash->('n, d, at')} FROM (SELECT l.l_n, h.* FROM $labels l LEFT JOIN LATERAL (SELECT * FROM history h WHERE h.e = l.l_e AND h.valid_from <= l.l_at AND h.at <= l.l_at ORDER BY h.at DESC, h.valid_from DESC LIMIT 1) h ON true) g"),
		"many blocks, $state: event time");
}

#
# The leak
#

$dbh->do($_) for q{SELECT datom.create('balance')}, q{SELECT datom.define_attribute('balance', ':balance/amount', 'long'), datom.define_attribute('balance', ':balance/at', 'instant')},
	q{CREATE FOREIGN TABLE balance_row (e bigint, amount bigint, at timestamptz) SERVER datom OPTIONS (db 'balance', namespace 'balance', key 'any')},
	q{INSERT INTO balance (e, a, v) VALUES (1001, ':balance/amount', 100), (1001, ':balance/at', timestamptz '2020-01-10Z')};
my $then = one($dbh, 'SELECT datom.now()');
# Recorded later than the label's moment, for an earlier day that is later than what was known.
$dbh->do(q{INSERT INTO balance (e, a, v) VALUES (1001, ':balance/amount', 999), (1001, ':balance/at', timestamptz '2020-01-20Z')});
my $later = one($dbh, 'SELECT datom.now()');
$dbh->do("CREATE TABLE frauds (customer bigint, at timestamptz, happened timestamptz, loaded timestamptz)");
$dbh->do("INSERT INTO frauds VALUES (1001, '$then', '$then', '$later')");
for my $case ([ 'as it stood', 'NULL' ], [ 'by event time', q('at') ])
{
	is(one($dbh, "SELECT amount FROM datom.pit('frauds', 'customer', 'happened', 'balance_row', $case->[1]) g (amount bigint)"), 100, "$case->[0], what was recorded later is not seen");
}
is(one($dbh, "SELECT amount FROM datom.pit('frauds', 'customer', 'happened', 'balance_row', 'at', known => 'loaded') g (amount bigint)"), 999, 'the control: where labels know what was recorded later, it is');
is(one($dbh, "SELECT amount FROM frauds LEFT JOIN LATERAL (SELECT * FROM balance_row b WHERE b.e = customer AND b.at <= happened ORDER BY b.at DESC LIMIT 1) b ON true"), 999, 'as in a join that goes by event time alone');
done_testing();
