# The tail of a datom table against the slow truth, on random histories.
#
# Sessions write, roll back to savepoints, import, restore entries by hand, keep
# snapshots and cursors, and after each step one of them asks for a tail above
# some instant. What comes must be what a join of the table and datom.tx says in
# the same statement. Writers in processes of their own commit meanwhile, slowly,
# so that there are entries above the basis. A standby and a parallel worker are
# asked, too, and tails that are too long to be kept.
#
# The control: a row is hidden from the truth, and the comparison has to notice.
#
# SEED=n DATOM_SEEDS=1 repeats a history, as far as the writers allow.
use strict;
use warnings;
use Datom;
use Test::More;

my $SEEDS = $ENV{DATOM_SEEDS} || (torture() ? 40 : 4);
my $STEPS = $ENV{STEPS} || 300;
my $first = $ENV{SEED} || int(rand(1e6));

my $primary = server('tail', fsync => 'off', autovacuum => 'off', max_prepared_transactions => 5);
my $replica = standby($primary, 'tail_standby', max_standby_streaming_delay => "'-1'");
launch($replica);
my $admin = db($primary);

$admin->do($_) for q{
CREATE FUNCTION tail(db regclass, above timestamptz, at timestamptz, which text, q_e bigint, q_a text,
	q_v datom.value, self bool, own bigint,
	OUT e bigint, OUT a text, OUT v datom.value, OUT tx bigint, OUT added bool, OUT instant timestamptz)
	RETURNS SETOF record LANGUAGE c PARALLEL SAFE AS 'datom', 'datom_test_tail'
}, q{
CREATE FUNCTION basis(db regclass) RETURNS timestamptz LANGUAGE c PARALLEL SAFE AS 'datom', 'datom_test_basis'
}, q{
CREATE FUNCTION own(db regclass) RETURNS bigint LANGUAGE c AS 'datom', 'datom_test_own'
};

# Which rows differ, of how many, how much there is, and whether the tail was
# refused. `hidden` is an entity that the truth leaves out.
sub question
{
	my ($db, $hidden, $self) = @_;
	$self //= maybe(0.3) ? 'true' : 'false';
	return qq{
WITH q AS MATERIALIZED (SELECT least(above, b) AS above, CASE at WHEN 'infinity' THEN at ELSE least(at, b) END AS at,
		which, e, a, v, own
	FROM basis('$db') b, (SELECT ?::timestamptz AS above, ?::timestamptz AS at, ?::text AS which, ?::bigint AS e,
		?::text AS a, ?::datom.value AS v, ?::bigint AS own) given),
above AS MATERIALIZED (SELECT p.*, coalesce(t.instant, 'infinity') AS instant
	FROM q, $db p LEFT JOIN datom.tx t ON t.db = '$db'::regclass AND t.tx = p.tx
	WHERE coalesce(t.instant, 'infinity') > q.above AND coalesce(t.instant, 'infinity') <= q.at @{[ $hidden ? "AND p.e <> $hidden" : '' ]}),
truth AS (SELECT ROW(p.e, p.a::text, p.v, p.tx, p.added, p.instant)::text AS r FROM above p, q
	WHERE CASE q.which WHEN 'entity' THEN p.e = q.e AND coalesce(p.a::text = q.a, true)
		WHEN 'value' THEN p.a::text = q.a AND coalesce(p.v = q.v, true)
		WHEN 'schema' THEN p.a::text LIKE ':db/%' ELSE true END),
got AS MATERIALIZED (SELECT t.* FROM q, LATERAL tail('$db', q.above, q.at, q.which, q.e, q.a, q.v, $self, q.own) t),
shown AS (SELECT ROW(t.*)::text AS r FROM got t)
SELECT (SELECT string_agg(side || left(r, 120), chr(10)) FROM (
		SELECT '-' AS side, r FROM (TABLE truth EXCEPT ALL TABLE shown) missing UNION ALL
		SELECT '+', r FROM (TABLE shown EXCEPT ALL TABLE truth) extra) d),
	(SELECT count(*) FROM truth),
	CASE current_setting('transaction_isolation') WHEN 'serializable' THEN 1e9
		ELSE (SELECT count(*) FROM $db) + (SELECT count(*) FROM datom.tx WHERE db = '$db'::regclass) END,
	EXISTS (SELECT FROM got WHERE e IS NULL)};
}

my ($seed, %wrong, %seen, @sessions);
my @tables = ('pur', 'bare', 'imp');

sub pick { return $_[ rand @_ ] }
sub maybe { return rand() < $_[0] }

sub entity { return 1000 + int rand 12 }
sub attribute { return pick(':n/one', ':n/many', ':n/text') }

sub value
{
	my ($a) = @_;
	return $a eq ':n/text' ? pick('a', 'b', 'long ' x 2000, 'z' . int rand 5) : int rand 6;
}

# An instant that an entry has or that lies between two, or none at all.
sub instant
{
	my ($db, @ends) = @_;
	return pick(@ends) if @ends && maybe(0.4);
	return one($admin, q{SELECT coalesce((SELECT instant - (random() * 2)::int * interval '1 microsecond' FROM datom.tx
		WHERE db = ?::regclass ORDER BY random() LIMIT 1), now())}, $db);
}

my @windows;    # instants that are asked above again and again

sub above
{
	my ($db) = @_;
	return pick(@windows) if maybe(0.8);
	return instant($db, '-infinity', 'infinity');
}

# Asks a session; a cursor opened before is asked instead, if it has one.
sub ask
{
	my ($s, $db, $what) = @_;
	my $a = attribute();
	my $which = pick('all', 'entity', 'entity', 'value', 'value', 'schema');
	my @given = (above($db), maybe(0.7) ? 'infinity' : instant($db), $which);
	push @given, $which eq 'entity' ? (entity(), maybe(0.5) ? $a : undef, undef) :
	  (undef, $a, maybe(0.8) ? value($a) : undef);
	push @given, $s->{own} // 0;
	my $row = eval { $s->{dbh}->selectrow_arrayref(question($db), undef, @given) };
	# SSI takes readers, too.
	if (!$row && $s->{dbh}->state eq '40001')
	{
		$s->{dbh}->do('ROLLBACK');
		@$s{qw(open points cursor)} = (0, 0, undef);
		return;
	}
	unless ($row)
	{
		diag "seed $seed: $s->{name}, $what: $@";
		$wrong{$what}++;
		return;
	}
	judge($s, "$what $which", $db, $row, @given);
}

sub judge
{
	my ($s, $what, $db, $row, @given) = @_;
	my ($differ, $rows, $all, $refused) = @$row;
	$seen{"$what, " . ($refused ? 'refused' : $rows ? 'rows' : 'none')}++;
	return if $refused ? $all > ($s->{limit} // 200000) : !$differ;
	$wrong{$what}++;
	return if ++$wrong{$seed} > 5;
	$_ = defined ? substr($_, 0, 40) : 'null' for @given;
	my $how = $refused ? "refused, of $all in all" : "of $rows rows";
	diag "seed $seed: $s->{name}, $db, $what, $how (@given):\n", $differ // '';
}

#
# What sessions do
#

sub insert
{
	my ($s, $db, $n) = @_;
	for (1 .. $n || 1 + int rand 3)
	{
		my $a = attribute();
		$s->{dbh}->do("INSERT INTO $db (e, a, v, added) VALUES (?, ?, ?, ?)", undef,
			entity(), $a, value($a), $a eq ':n/many' && maybe(0.2) ? 'f' : 't');
	}
}

# An error ends the transaction, or what it did since its savepoint.
sub try
{
	my ($s, $code) = @_;
	return $code->() unless $s->{open};
	$s->{dbh}->do('SAVEPOINT step');
	return if eval { $code->(); 1 };
	my $state = $s->{dbh}->state;
	$seen{"state $state"}++;
	$s->{open} = $state ne '40001';
	$s->{dbh}->do('ROLLBACK' . ($s->{open} ? ' TO step' : ''));
}

sub begin
{
	my ($s, $how) = @_;
	$s->{dbh}->do("BEGIN ISOLATION LEVEL $how");
	$s->{dbh}->do('SELECT 1');
	$s->{open} = 1;
	$s->{points} = 0;
}

sub finish_transaction
{
	my ($s) = @_;
	$s->{dbh}->do('ROLLBACK') if !eval { $s->{dbh}->do(maybe(0.7) ? 'COMMIT' : 'ROLLBACK'); 1 };
	@$s{qw(open cursor)} = (0, undef);
}

sub savepoint
{
	my ($s) = @_;
	if ($s->{points} && maybe(0.6))
	{
		my $to = 1 + int rand $s->{points};
		$s->{dbh}->do(maybe(0.7) ? "ROLLBACK TO p$to" : "RELEASE p$to");
		$s->{points} = $to - 1;
		return;
	}
	$s->{dbh}->do('SAVEPOINT p' . ++$s->{points});
}

# More subtransactions than a snapshot lists.
sub many_savepoints
{
	my ($s) = @_;
	$s->{dbh}->do(q{DO $$ BEGIN FOR i IN 1..70 LOOP BEGIN
		INSERT INTO pur (e, a, v) VALUES (1000 + i % 12, ':n/many', i % 6);
		IF i % 7 = 0 THEN RAISE division_by_zero; END IF;
		EXCEPTION WHEN division_by_zero THEN NULL; END; END LOOP; END $$});
}

sub import
{
	my ($s) = @_;
	for (1 .. 1 + int rand 4)
	{
		one($s->{dbh}, q{SELECT datom.import_tx('imp', greatest((SELECT max(instant) FROM datom.tx
			WHERE db = 'imp'::regclass) + interval '1 second', '2001-01-01Z'))});
		insert($s, 'imp') if maybe(0.8);
		ask($s, 'imp', 'importing') if maybe(0.7);
	}
}

# What a restore does: entries and rows by hand, in any order; and rows for an
# entry that was there.
sub restore
{
	my ($s, $db) = @_;
	my $dbh = $s->{dbh};
	my $tx = one($dbh, q{SELECT nextval('datom.tx_id')});
	my $at = instant($db);
	my $say = sub { $dbh->do("INSERT INTO $db (e, a, v, tx) VALUES (?, ':n/many', ?::bigint::datom.value, ?)", undef, entity(), int rand 6, $tx) };
	my @do = ($say, sub { $dbh->do("INSERT INTO datom.tx VALUES (?::regclass, ?::timestamptz - interval '1 microsecond' * (1 + random() * 5)::int, ?, ?, 'restored', '')", undef, $db, $at, $tx, $at) });
	@do = reverse @do if maybe(0.5);
	my $alone = !$s->{open};
	$dbh->do('BEGIN'), $s->{open} = 1 if $alone;
	$do[0]->();
	ask($s, $db, 'between restored ones');
	$do[1]->();
	ask($s, $db, 'restored');
	finish_transaction($s) if $alone && $s->{open};
	return if maybe(0.5);
	$tx = one($dbh, 'SELECT tx FROM datom.tx WHERE db = ?::regclass ORDER BY random() LIMIT 1', $db) // return;
	$say->();
}

# A cursor sees what its statement saw, whatever the session says after it.
sub cursor
{
	my ($s, $db) = @_;
	if ($s->{cursor})
	{
		my $row = $s->{dbh}->selectrow_arrayref('FETCH c');
		judge($s, 'cursor', $s->{cursor}, $row) if $row;
		$s->{dbh}->do('CLOSE c');
		$s->{cursor} = undef;
		return;
	}
	my @given = map { defined ? $s->{dbh}->quote($_) : 'NULL' }
	  (above($db), 'infinity', pick('all', 'entity'), entity(), undef, undef, 0);
	(my $sql = question($db, undef, 'false')) =~ s/\?/shift @given/ge;
	$s->{dbh}->do("DECLARE c CURSOR FOR $sql");
	$s->{cursor} = $db;
}

sub step
{
	my ($s) = @_;
	my $db = pick('pur', 'pur', 'bare');
	my $x = rand;
	if (!$s->{open} && $x < 0.35) { begin($s, pick('READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE')) }
	elsif ($s->{open} && $x < 0.12) { finish_transaction($s) }
	elsif ($s->{open} && $x < 0.25) { try($s, sub { cursor($s, $db) }) }
	elsif ($s->{open} && $x < 0.40) { savepoint($s); $s->{cursor} = undef if !one($s->{dbh}, q{SELECT count(*) FROM pg_cursors WHERE name = 'c'}) }
	elsif ($x < 0.43) { try($s, sub { many_savepoints($s) }) }
	elsif ($x < 0.70 && $s->{importer}) { $s->{dbh}->do('BEGIN'), $s->{open} = 1, $s->{points} = 0 unless $s->{open}; try($s, sub { import($s) }) }
	elsif ($x < 0.53) { try($s, sub { restore($s, $db) }) }
	elsif ($x < 0.55) { $s->{dbh}->do('SET datom.test_tail_rows = ' . pick(3, 20, 60, 200000)) }
	elsif ($x < 0.56) { $admin->do("ANALYZE $db") }
	elsif ($x < 0.57) { try($s, sub { one($s->{dbh}, 'SELECT datom.define_attribute(?, ?, ?)', $db, ':x/n' . int(rand 1e9), 'long') }) }
	else { try($s, sub { insert($s, $db, maybe(0.05) ? 40 : undef) }) }
	# What was too much is remembered when more would be allowed.
	my $limit = one($s->{dbh}, 'SHOW datom.test_tail_rows');
	$s->{limit} = $limit if $limit < ($s->{limit} // $limit + 1);
	$s->{open} = 0 unless one($s->{dbh}, 'SELECT 1') && $s->{dbh}->{pg_pid} && $s->{dbh}->ping >= 3;
}

# A statement that a parallel worker executes.
sub ask_worker
{
	my ($s, $db) = @_;
	$s->{own} = one($s->{dbh}, 'SELECT own(?)', $db);
	return $s->{own} = 0 if $s->{own} < 0;
	$s->{dbh}->do('SET force_parallel_mode = on');
	try($s, sub { ask($s, $db, 'worker') });
	$s->{dbh}->do('RESET force_parallel_mode');
	$s->{own} = 0;
}

sub writer
{
	my ($seed, $stop) = @_;
	my $dbh = db($primary);
	srand $seed;
	until (-e $stop || orphan())
	{
		$dbh->do('SET datom.test_commit_delay = ' . pick(0, 2, 20));
		$dbh->do('BEGIN');
		my $good = eval { insert({ dbh => $dbh }, $_) for 'pur', maybe(0.5) ? 'bare' : (); 1 };
		$dbh->do($good && maybe(0.8) ? 'COMMIT' : 'ROLLBACK');
		Time::HiRes::sleep(rand 0.02);
	}
}

sub history
{
	srand $seed;
	for my $db (@tables)
	{
		$admin->do("DROP TABLE IF EXISTS $db");
		one($admin, 'SELECT datom.create(?, ?)', $db, $db eq 'imp' ? 't' : 'f');
		# An entry as of now would leave no instant of the past to import at.
		$admin->do('BEGIN');
		one($admin, q{SELECT datom.import_tx('imp', '2000-01-01Z')}) if $db eq 'imp';
		one($admin, 'SELECT datom.define_attribute(?, ?, ?, ?)', $db, @$_)
		  for [ ':n/one', 'long', 'one' ], [ ':n/many', 'long', 'many' ], [ ':n/text', 'string', 'one' ];
		$admin->do('COMMIT');
	}
	# Without the index on (tx, e): by others that serve, or by none.
	$admin->do('DROP INDEX bare_tx_e_idx');
	if (maybe(0.5))
	{
		$admin->do("CREATE INDEX ON bare $_") for '(e, a)', '(a, datom.value_hash(v))';
	}
	@sessions = map { { name => "session $_", dbh => db($primary), importer => $_ == 1, open => 0 } } 1 .. 4;
	$primary->wait_for_catchup($replica);
	my $on_replica = { name => 'standby', dbh => db($replica) };
	my $stop = PostgreSQL::Test::Utils::tempdir() . '/stop';
	my @pids = map { my $n = $_; spawn(sub { writer($seed + $n, $stop) }) } 1 .. 2;
	for my $i (1 .. $STEPS)
	{
		@windows = map { instant('pur', '-infinity') } 1 .. 2 if $i % 40 == 1;
		my $s = pick(@sessions);
		step($s);
		ask($s, pick(@tables, 'pur'), 'asked') for 1 .. 2;
		ask(pick(@sessions), 'pur', 'another') if maybe(0.5);
		ask_worker($s, pick('pur', 'imp')) if maybe(0.1);
		ask($on_replica, pick('pur', 'bare'), 'standby') if maybe(0.2);
	}
	open my $f, '>', $stop or die $!;
	close $f;
	is(finish(@pids), 0, "seed $seed: writers");
	for my $s (@sessions)
	{
		$s->{dbh}->do('ROLLBACK') if $s->{open};
		$s->{dbh}->disconnect;
	}
	$primary->wait_for_catchup($replica);
	ask($on_replica, $_, 'standby') for @tables;
	$on_replica->{dbh}->disconnect;
}

my @met = ('asked all, refused', map { "$_, rows" } 'asked all', 'asked entity', 'asked value', 'asked schema', 'another entity',
	'worker entity', 'standby all', 'cursor', 'importing all', 'importing entity', 'importing value', 'restored all',
	'between restored ones entity');

# More histories, if these have not led to all that is to be met.
for (my $n = 1; $n <= $SEEDS || ($n <= $SEEDS + 20 && grep { !$seen{$_} } @met); $n++)
{
	$seed = $first++;
	%wrong = ();
	history();
	is_deeply(\%wrong, {}, "seed $seed");
}
note join "\n", map { "$seen{$_} times: $_" } sort keys %seen;
ok($seen{$_}, "there were: $_") for @met;

# What the running command has inserted, with self and without.
my ($with, $without) = map {
	one($admin, q{WITH i AS (INSERT INTO pur (e, a, v) VALUES (1500, ':n/many', 1), (1500, ':n/many', 2) RETURNING e)
		SELECT count(t.tx) FROM (SELECT max(e) AS e FROM i) m, LATERAL tail('pur', 'infinity', 'infinity', 'entity', m.e, NULL, NULL, ?, 0) t}, $_)
} 't', 'f';
is($with, 2, 'the running command is seen with self');
is($without, 0, 'and only what was before it without');

my $missed = $admin->selectrow_arrayref(question('pur', 1500), undef, '-infinity', 'infinity', 'entity', 1500, undef, undef, 0);
like($missed->[0], qr/^\+/, 'control: a row that the truth lacks is noticed');
like(join("\n", @{ $admin->selectcol_arrayref("SET force_parallel_mode = on; EXPLAIN SELECT * FROM tail('pur', 'infinity', 'infinity', 'all', NULL, NULL, NULL, false, 0)") }),
	qr/Single Copy/, 'control: the function runs in a worker');
done_testing();
