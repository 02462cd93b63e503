# However a transaction ends, a datom table shows what a heap table shows that
# was written beside it: the same rows, an entry in datom.tx for each
# transaction that left a row and for no other, and as_of of each moment.
#
# Each way to end is tried with commit and with abort, and looked at on the live
# primary, on a standby, and on the primary after a crash.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use DBD::Pg ':async';
use DatomTest;
use Time::HiRes 'sleep';

my $seed = $ENV{SEED} || int rand 1e9;
note "SEED=$seed";
srand $seed;

my $primary = new_server('primary', allows_streaming => 1, conf => q{
max_prepared_transactions = 5
deadlock_timeout = 50ms
synchronous_commit = local
datom.wait = 60s
});
$primary->start;
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;

my $s = connect_to($primary);
$s->do($_) for 'CREATE EXTENSION datom', "SELECT datom.create('pur')",
  "SELECT datom.define_attribute('pur', ':n/one', 'string')",
  "SELECT datom.define_attribute('pur', ':n/many', 'string', 'many')",
  "SELECT datom.define_attribute('pur', ':n/id', 'string', 'one', 'identity')",
  q{
CREATE TABLE twin (step int DEFAULT current_setting('test.step')::int, e bigint,
	a text, v text, tx bigint DEFAULT datom.current_tx(), added boolean DEFAULT true);
CREATE INDEX ON twin (e, a);
CREATE VIEW facts AS SELECT e, a::text, v::text, tx, added FROM pur WHERE a NOT LIKE ':db/%';

-- What the twin says of the rows, and of the entries of the transactions.
CREATE FUNCTION rows_that_differ() RETURNS bigint LANGUAGE sql STABLE AS $$
	SELECT count(*) FROM (
		(TABLE facts EXCEPT ALL SELECT e, a, v, tx, added FROM twin) UNION ALL
		(SELECT e, a, v, tx, added FROM twin EXCEPT ALL TABLE facts)) d
$$;
CREATE FUNCTION entries_that_differ(first bigint) RETURNS bigint LANGUAGE sql STABLE AS $$
	SELECT count(*) FROM (
		(SELECT tx FROM datom.tx WHERE tx >= first EXCEPT ALL SELECT DISTINCT tx FROM twin) UNION ALL
		(SELECT DISTINCT tx FROM twin EXCEPT ALL SELECT tx FROM datom.tx WHERE tx >= first)) d
$$;
CREATE FUNCTION entries_out_of_order() RETURNS bigint LANGUAGE sql STABLE AS $$
	SELECT count(*) FROM (SELECT instant <= lag(instant) OVER (ORDER BY step) AS late
		FROM (SELECT DISTINCT step, tx FROM twin) w JOIN datom.tx USING (tx)) d WHERE late
$$;

-- What holds after a step. An assertion of a cardinality-one attribute ends
-- the one before it.
CREATE FUNCTION holds(until int) RETURNS TABLE (e bigint, a text, v text) LANGUAGE sql STABLE AS $$
	SELECT w.e, w.a, w.v
	FROM (SELECT DISTINCT ON (e, a, v) * FROM twin WHERE step <= until ORDER BY e, a, v, step DESC) w
	WHERE w.added AND (w.a = ':n/many' OR NOT EXISTS (SELECT FROM twin o
		WHERE o.e = w.e AND o.a = w.a AND o.v <> w.v AND o.added AND o.step > w.step AND o.step <= until))
$$;
CREATE FUNCTION facts_that_differ(until int, at timestamptz) RETURNS bigint LANGUAGE sql STABLE AS $$
	SELECT count(*) FROM (
		(SELECT e, a::text, v::text FROM datom.as_of('pur', at) WHERE a NOT LIKE ':db/%' EXCEPT ALL SELECT * FROM holds(until)) UNION ALL
		(SELECT * FROM holds(until) EXCEPT ALL SELECT e, a::text, v::text FROM datom.as_of('pur', at) WHERE a NOT LIKE ':db/%')) d
$$;

-- A trigger at commit: refuses, or says more.
CREATE FUNCTION at_commit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF NEW.v::text LIKE 'refuse %' THEN
		RAISE EXCEPTION 'refused';
	ELSIF NEW.v::text LIKE 'more %' THEN
		INSERT INTO pur (e, a, v) VALUES (NEW.e, ':n/many', 'said at commit');
		INSERT INTO twin (e, a, v) VALUES (NEW.e, ':n/many', 'said at commit');
	END IF;
	RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON pur DEFERRABLE INITIALLY DEFERRED
	FOR EACH ROW WHEN (NEW.a = ':n/one') EXECUTE FUNCTION at_commit();
CREATE TABLE lock (id int PRIMARY KEY);
INSERT INTO lock VALUES (1), (2);
CREATE TABLE probe ();
};
my $first = value_of($s, "SELECT nextval('datom.tx_id')") + 1;

my $step = 0;
my $checked = 0;     # steps that have been looked at

# Statements that say the same in both tables.
sub say
{
	my ($e, $v, $a, $added) = @_;
	$a ||= ':n/one';
	$added ||= 'true';
	return ("INSERT INTO pur (e, a, v, added) VALUES ($e, '$a', '$v', $added)",
		"INSERT INTO twin (e, a, v, added) VALUES ($e, '$a', '$v', $added)");
}

sub run { my ($session, @statements) = @_; $session->do($_) for @statements }

# The next step, in a session. Facts are about few entities, so that values end
# others.
sub next_step
{
	my ($session) = @_;
	$step++;
	$session->do("SET test.step = $step");
	return 1 + int rand 5;
}

# Rows, entries and answers, all told of this server at this moment.
sub differences
{
	my ($node, @steps) = @_;
	my $session = connect_to($node);
	my %differ = (
		rows => value_of($session, 'SELECT rows_that_differ()'),
		entries => value_of($session, "SELECT entries_that_differ($first)"),
		order => value_of($session, 'SELECT entries_out_of_order()'),
		faults => value_of($session, "SELECT count(*) FROM datom.check('pur')"));
	for my $until (@steps)
	{
		my $at = value_of($session, 'SELECT instant FROM twin JOIN datom.tx USING (tx)
			WHERE step <= ? ORDER BY step DESC LIMIT 1', $until);
		next unless defined $at;
		my $wrong = value_of($session, 'SELECT facts_that_differ(?, ?)', $until, $at);
		$differ{"as of step $until"} = $wrong if $wrong;
	}
	$session->disconnect;
	return join ', ', map { "$differ{$_} $_" } grep { $differ{$_} } sort keys %differ;
}

sub looks_alike
{
	my ($node, $what) = @_;
	my @steps = ($checked .. $step, map { int rand($step + 1) } 1 .. 5);
	is(differences($node, @steps), '', $what);
}

# Something that waits in a session until it is asked for.
sub begin_waiting
{
	my ($session, $sql) = @_;
	$session->do($sql, { pg_async => PG_ASYNC });
}

sub waits_for
{
	my ($session, $condition) = @_;
	until_true($s, "SELECT count(*) > 0 FROM pg_stat_activity WHERE pid = $session->{pg_pid} AND $condition")
	  or die "not seen: $condition";
}

sub outcome
{
	my ($session) = @_;
	return '00000' if eval { $session->pg_result; 1 };
	return $session->state;
}

my @cells;
sub cell { push @cells, [@_] }

cell 'top level', sub {
	my $e = next_step($s);
	run($s, 'BEGIN', say($e, "top $step"), say($e, "top $step", ':n/many'), 'COMMIT');
	# By single statements: each is a transaction.
	$e = next_step($s);
	$s->do("WITH w AS (INSERT INTO pur (e, a, v) VALUES ($e, ':n/one', 'single $step') RETURNING *)
		INSERT INTO twin (e, a, v) SELECT e, a, v::text FROM w");
	# What was said is taken back.
	$e = next_step($s);
	run($s, 'BEGIN', say($e, 'brief', ':n/many'), 'COMMIT');
	next_step($s);
	run($s, 'BEGIN', say($e, 'brief', ':n/many', 'false'), 'COMMIT');
}, sub {
	my $e = next_step($s);
	run($s, 'BEGIN', say($e, "top $step"), 'ROLLBACK');
	is(error_of($s, "INSERT INTO pur (e, a, v) SELECT i, ':n/one', (1 / (3 - i))::text FROM generate_series(1, 3) i"),
		'22012', 'error in the third row of a statement');
	run($s, 'BEGIN', say($e, "top $step"));
	is(error_of($s, 'SELECT 1 / 0'), '22012', 'error in a transaction');
	$s->do('COMMIT');
};

# Savepoints: `depth` of them, written at each level from `from` on, and cut off
# at level `cut` and below (0: not at all).
for my $depth (1 .. 3)
{
	my $savepoints = sub {
		my ($cut, $from, $release) = @_;
		my $e = next_step($s);
		run($s, 'BEGIN');
		run($s, say($e, "base $step"), say($e, "base $step", ':n/many')) if $from == 0;
		for my $level (1 .. $depth)
		{
			run($s, "SAVEPOINT s$level");
			# Another entity at each level: cardinality one is for later tests.
			run($s, say($e + $level, "level $level $step"), say($e, "level $level $step", ':n/many'))
			  if $level >= $from;
		}
		if ($cut)
		{
			run($s, $release && $cut < $depth ? "RELEASE s" . ($cut + 1) : (), "ROLLBACK TO s$cut");
			run($s, say($e, "again $step", ':n/many')) if $release;
		}
		elsif ($release)
		{
			run($s, map { "RELEASE s$_" } reverse 1 .. $depth);
		}
		run($s, 'COMMIT');
	};
	cell "savepoints $depth deep", sub {
		for my $from (0 .. $depth) { $savepoints->(0, $from, $_) for 0, 1 }
	}, sub {
		for my $cut (1 .. $depth)
		{
			for my $from (0 .. $depth) { $savepoints->($cut, $from, $_) for 0, 1 }
		}
		my $e = next_step($s);
		run($s, 'BEGIN', map({ ("SAVEPOINT s$_", say($e + $_, "gone $step")) } 1 .. $depth),
			"RELEASE s1", 'ROLLBACK');
	};
}

cell 'plpgsql exception block', sub {
	my $e = next_step($s);
	my ($pur, $twin) = say($e, "block $step");
	my ($pur2, $twin2) = say($e + 1, "inner $step");
	$s->do("DO \$\$ BEGIN $pur; $twin; BEGIN $pur2; $twin2; EXCEPTION WHEN division_by_zero THEN NULL; END; END \$\$");
}, sub {
	for my $outer ('', join('; ', say(7, 'outer')) . ';')
	{
		my $e = next_step($s);
		my ($pur, $twin) = say($e, "inner $step");
		my ($pur2, $twin2) = say($e, "handler $step", ':n/many');
		for my $handler ('NULL', "$pur2; $twin2")
		{
			next_step($s) if $handler ne 'NULL';
			$s->do("DO \$\$ BEGIN $outer BEGIN $pur; $twin; PERFORM 1 / 0;
				EXCEPTION WHEN division_by_zero THEN $handler; END; END \$\$");
		}
	}
	next_step($s);
	is(error_of($s, 'DO $$ BEGIN ' . join('; ', say(3, 'raised')) . '; RAISE EXCEPTION \'no\'; END $$'), 'P0001', 'exception of a block');
	# A loop of blocks, every other of which fails: many subtransactions.
	next_step($s);
	$s->do("DO \$\$ BEGIN FOR i IN 1 .. 100 LOOP BEGIN
		INSERT INTO pur (e, a, v) VALUES (100 + i, ':n/one', 'loop $step');
		INSERT INTO twin (e, a, v) VALUES (100 + i, ':n/one', 'loop $step');
		PERFORM 1 / (i % 2);
		EXCEPTION WHEN division_by_zero THEN NULL; END; END LOOP; END \$\$");
};

# Rows of COPY, more than one batch; the last may be bad.
sub copy_both
{
	my ($session, $bad) = @_;
	for my $table ('pur', 'twin')
	{
		$session->do("COPY $table (e, a, v) FROM stdin");
		$session->pg_putcopydata(join '', map { (1000 + $_) . "\t:n/one\tcopied $step\n" } 1 .. 1200);
		$session->pg_putcopydata("0\t:n/one\tbad\n") if $bad && $table eq 'pur';
		$session->pg_putcopyend;
	}
}

cell 'COPY', sub {
	next_step($s);
	$s->do('BEGIN');
	copy_both($s, 0);
	$s->do('COMMIT');
}, sub {
	my $e = next_step($s);
	run($s, 'BEGIN', say($e, "before $step"));
	is(eval { copy_both($s, 1); 1 }, undef, 'bad row in COPY');
	$s->do('ROLLBACK');
	run($s, 'BEGIN', say($e, "before $step"), 'SAVEPOINT a');
	is(eval { copy_both($s, 1); 1 }, undef, 'bad row in COPY in a savepoint');
	run($s, 'ROLLBACK TO a', 'COMMIT');
	next_step($s);
	run($s, 'BEGIN', 'SAVEPOINT a');
	copy_both($s, 0);
	run($s, 'ROLLBACK TO a', 'COMMIT');
};

cell 'deferred constraint trigger', sub {
	my $e = next_step($s);
	run($s, 'BEGIN', say($e, "more $step"), 'COMMIT');
	$e = next_step($s);
	run($s, 'BEGIN', say($e, "more $step"), 'SET CONSTRAINTS ALL IMMEDIATE', say($e, "and $step", ':n/many'), 'COMMIT');
}, sub {
	my $e = next_step($s);
	run($s, 'BEGIN', say($e, "refuse $step"));
	is(error_of($s, 'COMMIT'), 'P0001', 'refused at commit');
	run($s, 'BEGIN', say($e, "before $step", ':n/many'), 'SAVEPOINT a', say($e, "refuse $step"));
	is(error_of($s, 'SET CONSTRAINTS ALL IMMEDIATE'), 'P0001', 'refused before');
	run($s, 'ROLLBACK TO a', 'COMMIT');
	# One trigger has written when the other refuses.
	next_step($s);
	run($s, 'BEGIN', say(1, "more $step"), say(2, "refuse $step"));
	is(error_of($s, 'COMMIT'), 'P0001', 'refused after more was written');
};

# One session commits, the other is the victim.
cell 'deadlock', sub {
	my ($one, $two) = (connect_to($primary), connect_to($primary));
	my $e = next_step($two);
	$one->do("SET test.step = $step");
	# They do not touch the same entity: no order between them is known.
	run($one, 'BEGIN', say(50, "deadlock $step"), 'SELECT FROM lock WHERE id = 1 FOR UPDATE');
	run($two, 'BEGIN', say(50, "deadlock $step"), 'SELECT FROM lock WHERE id = 2 FOR UPDATE');
	begin_waiting($one, 'SELECT FROM lock WHERE id = 2 FOR UPDATE');
	waits_for($one, "wait_event_type = 'Lock'");
	begin_waiting($two, 'SELECT FROM lock WHERE id = 1 FOR UPDATE');
	my @outcomes = (outcome($one), outcome($two));
	is(join(' ', sort @outcomes), '00000 40P01', 'one is the victim');
	$_->do('COMMIT') for $one, $two;
	$_->disconnect for $one, $two;
}, sub {
	# The victim goes on after a savepoint; a unique value is what they wait for.
	my ($one, $two) = (connect_to($primary), connect_to($primary));
	next_step($one);
	run($one, 'BEGIN', say(51, "kept $step"), 'SAVEPOINT a', say(52, "u1 $step", ':n/id'));
	$step++;
	run($two, "SET test.step = $step", 'BEGIN', say(53, "kept $step"), 'SAVEPOINT a', say(54, "u2 $step", ':n/id'));
	my ($mine, $theirs) = ($step - 1, $step);
	begin_waiting($one, "INSERT INTO pur (e, a, v) VALUES (55, ':n/id', 'u2 $theirs')");
	waits_for($one, "wait_event_type = 'Lock'");
	begin_waiting($two, "INSERT INTO pur (e, a, v) VALUES (56, ':n/id', 'u1 $mine')");
	# Which of them is the victim is for Postgres to say; the other may be done
	# as soon as it has said so.
	sleep 0.01 until $one->pg_ready || $two->pg_ready;
	my ($first, $second) = $one->pg_ready ? ($one, $two) : ($two, $one);
	my %outcome = ($first => outcome($first));
	my ($victim, $other) = $outcome{$first} eq '00000' ? ($second, $first) : ($first, $second);
	is($outcome{$victim} // outcome($victim), '40P01', 'the victim of a deadlock over unique values');
	run($victim, 'ROLLBACK TO a');
	is($outcome{$other} // outcome($other), '00000', 'the other goes on');
	# The twin learns what the other said.
	$other->do($other == $one ? "INSERT INTO twin (e, a, v) VALUES (55, ':n/id', 'u2 $theirs')"
		: "INSERT INTO twin (e, a, v) VALUES (56, ':n/id', 'u1 $mine')");
	$_->do('COMMIT') for $one, $two;
	$_->disconnect for $one, $two;
};

cell 'serialization failure', sub {
	my ($one, $two) = (connect_to($primary), connect_to($primary));
	next_step($one);
	$step++;
	$two->do("SET test.step = $step");
	run($_, 'BEGIN ISOLATION LEVEL SERIALIZABLE') for $one, $two;
	run($one, 'SELECT count(*) FROM lock WHERE id = 1', say(60, "serial $step"));
	run($two, 'SELECT count(*) FROM lock WHERE id = 2', say(61, "serial $step"));
	is(error_of($one, 'COMMIT'), '00000', 'one');
	is(error_of($two, 'COMMIT'), '00000', 'and the other, which reads nothing of it');
	$_->disconnect for $one, $two;
}, sub {
	my ($one, $two) = (connect_to($primary), connect_to($primary));
	next_step($one);
	$two->do("SET test.step = $step");
	run($_, 'BEGIN ISOLATION LEVEL SERIALIZABLE') for $one, $two;
	run($one, 'SELECT count(*) FROM pur', 'SELECT count(*) FROM twin', say(62, "skew $step"));
	run($two, 'SELECT count(*) FROM pur', 'SELECT count(*) FROM twin', say(63, "skew $step"));
	is(error_of($one, 'COMMIT'), '00000', 'the first commits');
	# It fails when it has its entry: the check comes last.
	is(error_of($two, 'COMMIT'), '40001', 'the second fails at commit');
	$_->disconnect for $one, $two;
};

# Returns when commits wait for the standby that is named in the settings: they
# do from when the checkpointer has read them, however long it takes.
sub commits_wait
{
	my $probe = connect_to($primary);
	run($probe, 'SET synchronous_commit = on');
	my $waits;
	do
	{
		begin_waiting($probe, 'INSERT INTO probe DEFAULT VALUES');
		sleep 0.01 until $probe->pg_ready
		  || ($waits = value_of($s, "SELECT count(*) FROM pg_stat_activity WHERE pid = $probe->{pg_pid} AND wait_event = 'SyncRep'"));
		$s->do("SELECT pg_cancel_backend($probe->{pg_pid})") if $waits;
		outcome($probe);
	} until $waits;
	$probe->disconnect;
}

# A commit that waits for a standby that does not exist, until it is shaken.
sub shaken_commit
{
	my ($how) = @_;
	my $session = connect_to($primary);
	my $e = next_step($session);
	$primary->append_conf('postgresql.conf', "synchronous_standby_names = 'nobody'");
	$primary->reload;
	commits_wait();
	run($session, 'SET synchronous_commit = on', 'BEGIN', say($e, "shaken $step"));
	begin_waiting($session, 'COMMIT');
	waits_for($session, "wait_event = 'SyncRep'");
	ok(value_of($s, "SELECT pg_${how}_backend($session->{pg_pid})"), "$how while the commit waits");
	my $outcome = outcome($session);
	$primary->append_conf('postgresql.conf', "synchronous_standby_names = ''");
	$primary->reload;
	# Others that commit must not have waited, and must not now.
	until_true($s, "SELECT current_setting('synchronous_standby_names') = ''");
	eval { $session->disconnect };
	return $outcome;
}

cell 'cancel', sub {
	my $e = next_step($s);
	my $session = connect_to($primary);
	run($session, "SET test.step = $step", 'BEGIN', say($e, "cancelled $step"), 'SAVEPOINT a', say($e + 1, "cancelled $step"));
	begin_waiting($session, 'SELECT pg_sleep(600)');
	waits_for($session, "wait_event = 'PgSleep'");
	$s->do("SELECT pg_cancel_backend($session->{pg_pid})");
	is(outcome($session), '57014', 'a statement is cancelled');
	run($session, 'ROLLBACK TO a', 'COMMIT');
	$session->disconnect;
	is(shaken_commit('cancel'), '00000', 'a cancelled wait for a standby is a commit');
}, sub {
	my $e = next_step($s);
	my $session = connect_to($primary);
	run($session, "SET test.step = $step", 'BEGIN', say($e, "cancelled $step"));
	begin_waiting($session, 'SELECT pg_sleep(600)');
	waits_for($session, "wait_event = 'PgSleep'");
	$s->do("SELECT pg_cancel_backend($session->{pg_pid})");
	is(outcome($session), '57014', 'a statement is cancelled');
	$session->do('COMMIT');
	# In the middle of a statement that writes.
	$session->do('BEGIN');
	begin_waiting($session, "INSERT INTO pur (e, a, v) SELECT 2000 + i, ':n/one', 'x' FROM generate_series(1, 3) i, pg_sleep(600) z WHERE i > 0 OR z IS NULL");
	waits_for($session, "wait_event = 'PgSleep'");
	$s->do("SELECT pg_cancel_backend($session->{pg_pid})");
	is(outcome($session), '57014', 'a statement that writes is cancelled');
	$session->do('ROLLBACK');
	$session->disconnect;
};

cell 'terminate', sub {
	my $outcome = shaken_commit('terminate');
	isnt($outcome, '00000', "a terminated wait for a standby says so ($outcome)");
}, sub {
	my $e = next_step($s);
	for my $how ('idle', 'busy')
	{
		my $session = connect_to($primary);
		run($session, "SET test.step = $step", 'BEGIN', say($e, "terminated $step"), 'SAVEPOINT a', say($e + 1, "terminated $step"));
		begin_waiting($session, 'SELECT pg_sleep(600)') if $how eq 'busy';
		waits_for($session, "wait_event = 'PgSleep'") if $how eq 'busy';
		my $pid = $session->{pg_pid};
		ok(value_of($s, "SELECT pg_terminate_backend($pid)"), "terminated while $how");
		until_true($s, "SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = $pid");
		outcome($session) if $how eq 'busy';
		is(eval { $session->do('COMMIT'); 1 }, undef, 'nothing to commit with');
		eval { $session->disconnect };
	}
};

cell 'WITH HOLD cursor', sub {
	my $e = next_step($s);
	run($s, 'BEGIN', say($e, "held $step"),
		'DECLARE p CURSOR WITH HOLD FOR SELECT * FROM facts ORDER BY e, a, v, tx',
		'DECLARE t CURSOR WITH HOLD FOR SELECT e, a, v, tx, added FROM twin ORDER BY e, a, v, tx',
		q{DECLARE f CURSOR WITH HOLD FOR SELECT e, a::text, v::text FROM datom.as_of('pur') WHERE a NOT LIKE ':db/%' ORDER BY e, a, v},
		# A cursor that writes when the commit runs it.
		"DECLARE w CURSOR WITH HOLD FOR SELECT say_both($e + 1, 'by a cursor')",
		say($e, "not held $step", ':n/many'), 'COMMIT');
	my ($p, $t) = map { $s->selectall_arrayref("FETCH ALL FROM $_") } 'p', 't';
	is_deeply($p, $t, 'cursors over both show the same after commit');
	cmp_ok(scalar @$p, '>', 0, 'and not nothing');
	ok(!(grep { $_->[2] eq "not held $step" } @$p), 'nothing that was said later');
	is(scalar @{ $s->selectall_arrayref('FETCH ALL FROM f') },
		value_of($s, "SELECT count(*) FROM holds($step) WHERE v NOT IN ('not held $step', 'by a cursor')"), 'a cursor over facts');
	run($s, map { "CLOSE $_" } 'p', 't', 'f', 'w');
}, sub {
	my $e = next_step($s);
	run($s, 'BEGIN', say($e, "held $step"), 'DECLARE p CURSOR WITH HOLD FOR SELECT * FROM facts',
		"DECLARE w CURSOR WITH HOLD FOR SELECT say_both($e + 1, 'by a cursor')", 'ROLLBACK');
	is(error_of($s, 'FETCH ALL FROM p'), '34000', 'no cursor after abort');
	# A cursor that fails when the commit runs it.
	run($s, 'BEGIN', say($e, "held $step"), 'DECLARE p CURSOR WITH HOLD FOR SELECT 1 / (e - e) FROM facts');
	is(error_of($s, 'COMMIT'), '22012', 'a cursor fails at commit');
};

cell 'parallel reader', sub {
	my $e = next_step($s);
	run($s, 'SET parallel_setup_cost = 0', 'SET parallel_tuple_cost = 0', 'SET min_parallel_table_scan_size = 0',
		'SET datom.enable_scan = off');
	my $count = "SELECT count(*) FROM pur WHERE a LIKE ':n/%'";
	like(join("\n", map { $_->[0] } @{ $s->selectall_arrayref("EXPLAIN $count") }), qr/Gather/, 'workers read');
	run($s, 'BEGIN', say($e, "parallel $step"), 'SAVEPOINT a', say($e + 1, "parallel $step"));
	is(value_of($s, $count), value_of($s, 'SELECT count(*) FROM twin'), 'workers see what is not committed');
	run($s, 'ROLLBACK TO a');
	is(value_of($s, $count), value_of($s, 'SELECT count(*) FROM twin'), 'and not what was rolled back');
	is(value_of($s, q{SELECT count(*) FROM datom.as_of('pur') f JOIN pur USING (e, a, v, tx, added) WHERE a LIKE ':n/%'}),
		value_of($s, "SELECT count(*) FROM holds($step)"), 'facts beside workers');
	run($s, 'COMMIT');
	is(value_of($s, $count), value_of($s, 'SELECT count(*) FROM twin'), 'after commit');
}, sub {
	my $e = next_step($s);
	run($s, 'BEGIN', say($e, "parallel $step"));
	value_of($s, "SELECT count(*) FROM pur WHERE a LIKE ':n/%'");
	# An error in a worker.
	is(error_of($s, "SELECT count(*) FROM pur WHERE a LIKE ':n/%' AND 1 / length(replace(v::text, 'parallel $step', '')) > 0"),
		'22012', 'a worker fails');
	run($s, 'ROLLBACK');
	is(value_of($s, "SELECT count(*) FROM pur WHERE a LIKE ':n/%'"), value_of($s, 'SELECT count(*) FROM twin'), 'after abort');
	run($s, 'RESET parallel_setup_cost', 'RESET parallel_tuple_cost', 'RESET min_parallel_table_scan_size');
};

# A datom table has no two-phase commit: it must refuse and leave nothing behind.
cell 'PREPARE', sub {
	# What read, or took back what it wrote, can be prepared.
	my $e = next_step($s);
	run($s, 'BEGIN', 'SELECT count(*) FROM pur', "SELECT count(*) FROM datom.as_of('pur')",
		'SAVEPOINT a', say($e, "prepared $step"), 'ROLLBACK TO a', 'INSERT INTO lock VALUES (3)',
		"PREPARE TRANSACTION 'reader'");
	run($s, "COMMIT PREPARED 'reader'");
	is(value_of($s, 'SELECT count(*) FROM lock'), 3, 'prepared and committed');
	run($s, 'BEGIN', say($e, "after $step"), 'COMMIT');
}, sub {
	my $e = next_step($s);
	run($s, 'BEGIN', say($e, "prepared $step"));
	is(error_of($s, "PREPARE TRANSACTION 'writer'"), '0A000', 'refused');
	is(value_of($s, 'SELECT count(*) FROM pg_prepared_xacts'), 0, 'nothing is prepared');
	run($s, 'BEGIN', 'SAVEPOINT a', say($e, "u $step", ':n/id'), 'RELEASE a');
	is(error_of($s, "PREPARE TRANSACTION 'writer'"), '0A000', 'refused after a savepoint');
	# Neither of the session nor of a prepared transaction, which has no process.
	is(value_of($s, "SELECT count(*) FROM pg_locks WHERE (pid IS NULL OR pid = pg_backend_pid())
		AND (locktype = 'advisory' OR relation = 'pur'::regclass)"), 0, 'no lock is left');
	my $other = connect_to($primary);
	run($other, "SET test.step = $step", 'BEGIN', say($e + 1, "u $step", ':n/id'), 'COMMIT');
	$other->disconnect;
};

# Not in any session's hands.
cell 'crash while it runs', sub {
	my $e = next_step($s);
	run($s, 'BEGIN', say($e, "acknowledged $step"), 'COMMIT');
}, sub {
	my @sessions = map { connect_to($primary) } 1 .. 3;
	next_step($_) for @sessions;
	run($_, 'BEGIN', say(70, "lost $step"), 'SAVEPOINT a', say(71, "lost $step")) for @sessions;
	# Its rows and the WAL of its rows reach the disk, its commit does not.
	$s->do('CHECKPOINT');
	eval { crash($primary) };
	$s = connect_to($primary);
	eval { $_->disconnect } for @sessions;
};

$s->do(q{
CREATE FUNCTION say_both(e bigint, v text) RETURNS void LANGUAGE sql AS $$
	INSERT INTO pur (e, a, v) VALUES (e, ':n/many', say_both.v::datom.value);
	INSERT INTO twin (e, a, v) VALUES (e, ':n/many', v);
$$});

for (@cells)
{
	my ($name, $commit, $abort) = @$_;
	my %do = (commit => $commit, abort => $abort);
	for my $end ('commit', 'abort')
	{
		subtest "$name, $end" => sub {
			$do{$end}->();
			looks_alike($primary, 'live');
			$primary->wait_for_catchup($standby);
			looks_alike($standby, 'on the standby');
			$s->disconnect;
			crash($primary);
			$s = connect_to($primary);
			looks_alike($primary, 'after a crash');
			$checked = $step;
		};
	}
}

# Every moment once more, on both; then things that must not be so are seen.
$primary->wait_for_catchup($standby);
for my $node ($primary, $standby)
{
	is(differences($node, 1 .. $step), '', "all $step steps on the " . $node->name);
}
cmp_ok(value_of($s, 'SELECT count(DISTINCT tx) FROM twin'), '>', 50, 'transactions that left rows');
$s->do("UPDATE twin SET v = v || '!' WHERE tx = (SELECT max(tx) FROM twin)");
like(differences($primary, $step), qr/\d as of step/, 'control: another value is seen');
$s->do('DELETE FROM twin WHERE tx = (SELECT max(tx) FROM twin)');
like(differences($primary, $step), qr/1 entries, 1 rows/, 'control: a row and an entry too many are seen');
$s->do('UPDATE twin SET step = -step');
like(differences($primary, $step), qr/\d order/, 'control: another order is seen');

done_testing();
