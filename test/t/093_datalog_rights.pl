# Datalog and pull go by the rights of their caller, whoever wrote the view or
# planned the statement: whoever may not read a datom table is told nothing of it,
# whether as an answer, an error, the SQL of a query or its plan, and does not wait
# for its lock. A query calls no function that its caller may not execute.
#
# Each way to ask is tried by roles that may read and by roles that may not, in
# place of the call and by the function, in statements that were prepared before,
# in functions and in views.
#
# The control is a build that does not ask: each way has to be seen to read then.
use strict;
use warnings;
use Datom;
use Test::More;

my $SECRET = 'xyzzy4711';
my $node = server('datalog_rights', fsync => 'off', autovacuum => 'off', 'datom.wait' => 60000);
my $dbh = db($node);
my @roles = qw(keeper reader group_of_readers nobody columns asker);
$dbh->do("CREATE ROLE $_ LOGIN") for @roles;
$dbh->do('GRANT CREATE, USAGE ON SCHEMA public TO keeper, reader, asker, nobody');
my %session = map { $_ => role($_) } @roles;

sub role
{
	my ($name, $on) = (@_, $node);
	return DBI->connect(
		sprintf("dbi:Pg:dbname=postgres;host=%s;port=%d;options='-c timezone=UTC -c lock_timeout=1s'", $on->host, $on->port),
		$name, '', { RaiseError => 1, PrintError => 0, PrintWarn => 0, AutoInactiveDestroy => 1 });
}

# Runs a statement; returns its SQLSTATE and all that was said about an error.
sub state_of
{
	my ($on, $sql) = @_;
	if ($sql =~ /^COPY/)
	{
		return '00000' if eval { $on->do($sql); my $line; 1 while $on->pg_getcopydata($line) >= 0; 1 };
	}
	else
	{
		return '00000' if eval { my $sth = $on->prepare($sql); $sth->execute; $sth->fetchall_arrayref if $sth->{NUM_OF_FIELDS}; 1 };
	}
	return wantarray ? ($on->state, "$@") : $on->state;
}

sub make_datoms
{
	my ($name, $n) = @_;
	my $keeper = $session{keeper};
	one($keeper, 'SELECT datom.create(?)', $name);
	one($keeper, "SELECT datom.define_attribute(?, ':x/id', 'string', 'one', 'identity', doc => ?)", $name, $SECRET);
	one($keeper, "SELECT datom.define_attribute(?, ':x/v', 'string', indexed => true)", $name);
	one($keeper, "SELECT datom.define_attribute(?, ':x/n', 'long')", $name);
	one($keeper, "SELECT datom.define_attribute(?, ':x/next', 'ref')", $name);
	one($keeper, 'SELECT tx FROM datom.transact(?, ?::text)', $name,
		'[' . join(' ', map { qq({:db/id "e$_" :x/id "$SECRET-$_" :x/v "$SECRET" :x/n $_ :x/next "e) . ($_ % $n + 1) . '"}' } 1 .. $n) . ']') if $n;
	$dbh->do("VACUUM ANALYZE $name");
}
make_datoms('secret', 300);
make_datoms('empty', 0);
make_datoms('open', 10);
my $keeper = $session{keeper};
$keeper->do($_) for 'GRANT SELECT ON secret TO reader', 'GRANT SELECT ON open TO PUBLIC', 'GRANT SELECT (e, a, tx) ON secret TO columns';
my $now = one($dbh, "SELECT datom.basis('secret')::text");
my $entity = one($keeper, "SELECT e FROM secret WHERE a = ':x/n' AND v = '7'");

#
# Ways to ask TABLE. Those in FROM have a plan to be prepared.
#

my $NEXT = '[[(after ?a ?b) [?a :x/next ?b]] [(after ?a ?b) [?a :x/next ?c] (after ?c ?b)]]';
my %in_from = (
	'an argument' => q{datom.q('[:find ?id ?n :in $ :where [?e :x/id ?id] [?e :x/n ?n]]', 'TABLE') AS q (id text, n bigint)},
	'a name' => q{datom.q('[:find ?id ?n :where [$TABLE ?e :x/id ?id] [$TABLE ?e :x/n ?n]]') AS q (id text, n bigint)},
	'a map' => q{datom.q('[:find ?n :in $ :where [?e :x/n ?n]]', '{"db": "TABLE"}'::jsonb) AS q (n bigint)},
	'a moment' => qq{datom.q('[:find ?n :in \$ :where [?e :x/n ?n]]', '{"db": "TABLE", "as-of": "$now"}'::jsonb) AS q (n bigint)},
	since => q{datom.q('[:find ?n :in $ :where [?e :x/n ?n]]', '{"db": "TABLE", "since": "2001-01-01T00:00:00Z"}'::jsonb) AS q (n bigint)},
	history => q{datom.q('[:find ?n ?op :in $ :where [?e :x/n ?n _ ?op]]', '{"db": "TABLE", "history": true}'::jsonb) AS q (n bigint, op boolean)},
	'a regclass' => q{datom.q('[:find ?n :in $ :where [?e :x/n ?n]]', 'TABLE'::regclass) AS q (n bigint)},
	'two sources' => q{datom.q('[:find ?n :in $open :where [$open ?e :x/n ?n] [$TABLE ?f :x/n ?n]]', 'open') AS q (n bigint)},
	'a source that is not used' => q{datom.q('[:find ?x :in $ :where [(ground 1) ?x]]', 'TABLE') AS q (x bigint)},
	facts => q{datom.q('[:find ?e ?a ?v :where [$TABLE ?e ?a ?v]]') AS q (e bigint, a text, v text)},
	'transactions of facts' => q{datom.q('[:find ?e ?tx :where [$TABLE ?e :x/n _ ?tx]]') AS q (e bigint, tx bigint)},
	'instants of transactions' => q{datom.q('[:find ?tx ?t :where [$TABLE ?tx :db/txInstant ?t]]') AS q (tx bigint, t timestamptz)},
	attributes => q{datom.q('[:find ?i ?doc :where [$TABLE ?e :db/ident ?i] [$TABLE ?e :db/doc ?doc]]') AS q (i text, doc text)},
	'a lookup ref' => qq{datom.q('[:find ?n :where [\$TABLE [:x/id "$SECRET-7"] :x/n ?n]]') AS q (n bigint)},
	'a value' => qq{datom.q('[:find ?e :in ?v :where [\$TABLE ?e :x/v ?v]]', '$SECRET'::text) AS q (e bigint)},
	'an entity' => qq{datom.q('[:find ?v :in ?e :where [\$TABLE ?e :x/v ?v]]', $entity) AS q (v text)},
	aggregates => q{datom.q('[:find ?v (sum ?n) (count ?e) :where [$TABLE ?e :x/v ?v] [$TABLE ?e :x/n ?n]]') AS q (v text, s numeric, c bigint)},
	negation => q{datom.q('[:find ?n :where [$open ?e :x/n ?n] (not [$TABLE _ :x/n ?n])]') AS q (n bigint)},
	alternatives => q{datom.q('[:find ?n :where [$open ?e :x/n ?n] (or [$TABLE _ :x/n ?n] [$open _ :x/n ?n])]') AS q (n bigint)},
	rules => qq{datom.q('[:find ?n :in \$ % :where [?e :x/n 7] (after ?e ?f) [?f :x/n ?n]]', 'TABLE', '$NEXT') AS q (n bigint)},
	'get-else' => q{datom.q('[:find ?v :in $ :where [?e :x/n 7] [(get-else $ ?e :x/v "none") ?v]]', 'TABLE') AS q (v text)},
	'a shard' => q{datom.q('[:find ?n :in $ ?k ?i :where [?e :x/n ?n] [(mod ?e ?k) ?i]]', 'TABLE', 5, 1) AS q (n bigint)},
	pulled => q{datom.q('[:find (pull $TABLE ?e [*]) :where [$TABLE ?e :x/n 7]]') AS q (p jsonb)},
	'in time' => q{datom.q('[:find ?n :timeout 60000 :in $ :where [?e :x/n ?n]]', 'TABLE') AS q (n bigint)},
	'what is not known before' => q{datom.q((SELECT '[:find ?n :in $ :where [?e :x/n ?n]]'::text), 'TABLE') AS q (n bigint)},
	'as JSON' => q{datom.q_json('[:find ?id ?n :in $ :where [?e :x/id ?id] [?e :x/n ?n]]', '["TABLE"]') q},
	'as JSON as of' => qq{datom.q_json('[:find ?n :where [\$TABLE ?e :x/n ?n]]', '[]', '$now') q},
	'many pulled' => q{datom.pull_many('TABLE', '[:x/id {:x/next [:x/n]}]', '{1,7,300}') q},
	'many pulled as of' => qq{datom.pull_many('TABLE', '[:x/id]', '{1,7,300}', '$now'::timestamptz) q});
my %ways = (
	(map { $_ => "SELECT count(q) FROM $in_from{$_}" } keys %in_from),
	'a join' => q{SELECT count(*) FROM generate_series(1, 9) i JOIN datom.q('[:find ?n :where [$TABLE ?e :x/n ?n]]') AS q (n bigint) ON n = i},
	'beside rows' => q{SELECT count(*) FROM generate_series(1, 9) i, datom.q('[:find ?e :in ?n :where [$TABLE ?e :x/n ?n]]', i) AS q (e bigint)},
	'below EXISTS' => q{SELECT EXISTS (SELECT FROM datom.q('[:find ?n :where [$TABLE ?e :x/n ?n]]') AS q (n bigint))},
	'as a column' => q{SELECT datom.q_json('[:find ?id :in $ :where [?e :x/id ?id]]', '["TABLE"]')},
	copied => q{COPY (SELECT * FROM datom.q('[:find ?n :where [$TABLE ?e :x/n ?n]]') AS q (n bigint)) TO STDOUT},
	explained => q{EXPLAIN SELECT * FROM datom.q('[:find ?n :where [$TABLE ?e :x/n ?n]]') AS q (n bigint)},
	'explained and run' => q{EXPLAIN ANALYZE SELECT * FROM datom.q('[:find ?n :where [$TABLE ?e :x/n ?n]]') AS q (n bigint)},
	'the SQL' => q{SELECT datom.q_sql('[:find ?n :where [$TABLE ?e :x/n ?n]]')},
	'the SQL for arguments' => q{SELECT datom.q_sql('[:find ?n :in $ :where [?e :x/n ?n]]', '["TABLE"]')},
	message => q~SELECT datom.answer('{:query [:find (max ?n) . :where [$TABLE ?e :x/n ?n]]}'::text)~,
	'message as of' => qq~SELECT datom.answer('{:as-of #inst "$now" :query [:find (max ?n) . :where [\$TABLE ?e :x/n ?n]]}'::text)~ =~ s/(\d) (\d)/$1T$2/r =~ s/\+00"/Z"/r,
	'message with sources' => q~SELECT datom.answer('{:query [:find ?n :where [$s ?e :x/n ?n]] :sources {$s "TABLE"}}'::text)~,
	'message in JSON' => q~SELECT datom.answer('{"query": "[:find ?n :in $ :where [?e :x/n ?n]]", "args": ["TABLE"]}'::jsonb)~,
	pull => qq{SELECT datom.pull('TABLE', '[*]', $entity)},
	'pull by a lookup ref' => qq{SELECT datom.pull('TABLE', '[*]', '[:x/id "$SECRET-7"]'::text)},
	'pull as of' => qq{SELECT datom.pull('TABLE', '[:x/v]', $entity, '$now'::timestamptz)},
	'pull backwards' => qq{SELECT datom.pull('TABLE', '[{:x/_next [:x/id]}]', $entity)});
my @ways = sort keys %ways;

sub way { my ($name, $table) = @_; return $ways{$name} =~ s/TABLE/$table/gr }

# Which ways are refused with this state, but for some; the rest by name. What is said may repeat
# the query, and nothing else.
sub refused
{
	my ($role, $table, $state, $what, @but) = @_;
	my @other;
	for my $name (@ways)
	{
		next if grep { $_ eq $name } @but;
		my ($got, $said) = state_of($session{$role}, way($name, $table));
		push @other, "$name: $got " . ($said // '') if $got ne $state;
		push @other, "$name tells: $said" if ($said // '') =~ /$SECRET(?!-7|')/;
	}
	is(join(', ', @other), '', $what);
}

sub allowed
{
	my ($role, $table, $what) = @_;
	my @other = map { my ($got, $said) = state_of($session{$role}, way($_, $table)); $got eq '00000' ? () : "$_: $said" } @ways;
	is(join(', ', @other), '', $what);
}

#
# Who may read
#

for my $scan ('on', 'off')
{
	$_->do("SET datom.enable_scan = $scan") for values %session;
	my $where = $scan eq 'on' ? 'in place of calls' : 'by functions';
	allowed('keeper', 'secret', "the owner asks in " . @ways . " ways, $where");
	allowed('reader', 'secret', "so does who may read, $where");
	allowed('nobody', 'open', "anybody asks what is open, $where");
	# To explain a call of the function tells nothing.
	my @but = $scan eq 'on' ? () : 'explained';
	refused('nobody', 'secret', '42501', "who has no right is refused all, $where", @but);
	refused('columns', 'secret', '42501', "so is who may read some columns, $where", @but);
}
$_->do('RESET datom.enable_scan') for values %session;
for my $role (qw(reader nobody))
{
	my $on = $session{$role};
	$on->do("SET datom.db = 'secret'");
	for my $sql (q{SELECT * FROM datom.q('[:find ?n :where [?e :x/n ?n]]') AS (n bigint)}, q{SELECT datom.q_json('[:find ?n :where [?e :x/n ?n]]')}, q{SELECT datom.q_sql('[:find ?n :where [?e :x/n ?n]]')},
		q~SELECT datom.answer('{:query [:find ?n . :where [?e :x/n ?n]]}'::text)~)
	{
		is(state_of($on, $sql), $role eq 'reader' ? '00000' : '42501', "datom.db as $role: $sql");
	}
	$on->do('RESET datom.db');
	# What there is and is not, and which moments are to come, is told to who may read.
	for my $sql (q{SELECT * FROM datom.q('[:find ?n :in $ :where [?e :x/n ?n]]', datom.source('secret', as_of => '2999-01-01T00:00:00Z')) AS (n bigint)}, q{SELECT datom.q_json('[:find ?n :where [$secret ?e :x/n ?n]]', as_of => '2999-01-01T00:00:00Z')},
		q{SELECT datom.pull('secret', '[*]', 1, '2999-01-01T00:00:00Z'::timestamptz)}, q~SELECT datom.answer('{:as-of "2999-01-01T00:00:00Z" :query [:find ?n . :where [$secret ?e :x/n ?n]]}'::text)~)
	{
		is(state_of($on, $sql), $role eq 'reader' ? '22023' : '42501', "a moment to come as $role: $sql");
	}
	is(state_of($on, "SELECT datom.q_json('[:find ?n :where [\$secret ?e :x/$_ ?n]]')"), $role eq 'nobody' ? '42501' : $_ eq 'n' ? '00000' : '42704', "attribute $_ as $role") for qw(n none);
}
$dbh->do($_) for 'CREATE SCHEMA hidden', 'ALTER TABLE empty SET SCHEMA hidden';
$dbh->do('GRANT SELECT ON hidden.empty TO nobody');
for my $table (qw(hidden.empty hidden.none))
{
	is(state_of($session{nobody}, "SELECT datom.q_json('[:find ?n :in \$ :where [?e :x/n ?n]]', '[\"$table\"]')"), '42501', "$table in a schema that one may not use");
	is(state_of($session{nobody}, "SELECT datom.q_json('[:find ?n :where [\$$table ?e :x/n ?n]]')"), '42501', "$table by its name");
	is(state_of($session{nobody}, "SELECT * FROM datom.q('[:find ?n :where [\$$table ?e :x/n ?n]]') AS (n bigint)"), '42501', "$table in FROM");
}
$dbh->do($_) for 'ALTER TABLE hidden.empty SET SCHEMA public', 'REVOKE ALL ON empty FROM nobody';
for my $name ('a name', 'a join', 'aggregates', 'a lookup ref', 'facts')
{
	my ($full, $none) = map { my ($state, $said) = state_of($session{nobody}, 'EXPLAIN ' . way($name, $_)); "$state " . $said =~ s/\b(secret|empty)\b/T/gr } qw(secret empty);
	is($full, $none, "EXPLAIN does not show how much there is: $name");
}

#
# Views and functions
#

my $QUERY = q{datom.q('[:find ?n :where [$secret ?e :x/n ?n]]') AS q (n bigint)};
my %over = (of_reader => 'reader', of_nobody => 'nobody');
for my $view (sort keys %over)
{
	my $on = $session{ $over{$view} };
	my $body = "SELECT n FROM $QUERY";
	# A view is not planned when it is made.
	$on->do($_) for "CREATE VIEW v_$view AS $body", "CREATE VIEW i_$view WITH (security_invoker) AS $body", "CREATE VIEW j_$view AS SELECT datom.q_json('[:find ?n :where [\$secret ?e :x/n ?n]]') n",
		"CREATE VIEW p_$view AS SELECT datom.pull('secret', '[*]', $entity) n",
		"CREATE FUNCTION f_$view() RETURNS bigint LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT count(*) FROM v_$view); END'",
		"CREATE FUNCTION s_$view() RETURNS SETOF bigint STABLE LANGUAGE sql AS \$\$ SELECT n FROM $QUERY \$\$",
		"CREATE FUNCTION d_$view() RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS \$\$ BEGIN RETURN (SELECT count(*) FROM $QUERY); END \$\$",
		"CREATE FUNCTION m_$view() RETURNS jsonb LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS \$\$ SELECT datom.answer('{:query [:find (max ?n) . :where [\$secret ?e :x/n ?n]]}'::text) \$\$",
		"GRANT SELECT ON v_$view, i_$view, j_$view, p_$view TO PUBLIC";
}
for my $round (1, 2, 3)
{
	for my $view (sort keys %over)
	{
		for my $role (qw(nobody reader columns nobody))
		{
			my $on = $session{$role};
			my $caller = $role eq 'reader' ? '00000' : '42501';
			my $owner = $over{$view} eq 'reader' ? '00000' : '42501';
			my @sql = (map({ "SELECT * FROM ${_}_$view" } qw(v i j p)), "SELECT * FROM s_$view()", map { "SELECT ${_}_$view()" } qw(f d m));
			my @states = map { scalar state_of($on, $_) } @sql;
			is("@states", join(' ', ($caller) x 6, ($owner) x 2), "views and functions $view as $role, round $round: the caller counts, and in SECURITY DEFINER its owner");
		}
	}
}

#
# Statements that were prepared before
#

my @with_plan = grep { $ways{$_} !~ /^(COPY|EXPLAIN)/ } @ways;
sub prepare_all
{
	my ($on) = @_;
	my $n = 0;
	$on->do('PREPARE p' . ++$n . ' AS ' . way($_, 'secret')) for @with_plan;
	for my $i (1 .. $n) { state_of($on, "EXECUTE p$i") for 1 .. 6 }
	return map { [ $with_plan[ $_ - 1 ], "EXECUTE p$_" ] } 1 .. $n;
}

sub states
{
	my ($on, $state, @of) = @_;
	return join ', ', map { my ($got, $said) = state_of($on, $_->[1]); $got eq $state ? () : "$_->[0]: $got " . ($said // '') } @of;
}

my %losses = (
	revoked => [ 'REVOKE SELECT ON secret FROM reader', 'GRANT SELECT ON secret TO reader' ],
	'some columns left' => [ 'REVOKE SELECT ON secret FROM reader; GRANT SELECT (e, a) ON secret TO reader', 'REVOKE SELECT (e, a) ON secret FROM reader; GRANT SELECT ON secret TO reader' ],
	'out of the group' => [ 'GRANT SELECT ON secret TO group_of_readers; GRANT group_of_readers TO reader; REVOKE SELECT ON secret FROM reader', 'REVOKE group_of_readers FROM reader', 'GRANT SELECT ON secret TO reader; REVOKE SELECT ON secret FROM group_of_readers' ]);
for my $mode (qw(force_generic_plan force_custom_plan))
{
	my $on = role('reader');
	$on->do("SET plan_cache_mode = $mode");
	my @plans = prepare_all($on);
	is(states($on, '00000', @plans), '', "what was prepared reads, $mode");
	for my $loss (sort keys %losses)
	{
		my @steps = @{ $losses{$loss} };
		if (@steps == 3)
		{
			$dbh->do(shift @steps);
			is(states($on, '00000', @plans), '', "the right may come from a group, $mode");
		}
		$dbh->do($steps[0]);
		is(states($on, '42501', @plans), '', "$loss: what was prepared is refused, $mode");
		$dbh->do($steps[1]);
		is(states($on, '00000', @plans), '', "$loss: and back, $mode");
	}
	$on->disconnect;
	# One session in several roles.
	my $root = db($node);
	$root->do("SET plan_cache_mode = $mode");
	@plans = prepare_all($root);
	for ([ reader => '00000' ], [ nobody => '42501' ], [ keeper => '00000' ], [ columns => '42501' ], [ nobody => '42501' ], [ reader => '00000' ])
	{
		$root->do("SET ROLE $_->[0]");
		is(states($root, $_->[1], @plans), '', "prepared by another, as $_->[0], $mode");
		$root->do('RESET ROLE');
	}
	# Prepared by who has no right: told at the latest when it runs.
	$root->do($_) for 'DEALLOCATE ALL', 'SET ROLE nobody';
	@plans = prepare_all($root);
	is(states($root, '42501', @plans), '', "prepared by who has no right, $mode");
	$root->do($_) for 'RESET ROLE', 'SET ROLE reader';
	is(states($root, '00000', @plans), '', "and run by who has it, $mode");
	$root->disconnect;
}

#
# Functions
#

$session{asker}->do($_) for (
	"CREATE FUNCTION hidden_twice(bigint) RETURNS bigint IMMUTABLE LANGUAGE sql AS 'SELECT \$1 * 2'", 'REVOKE EXECUTE ON FUNCTION hidden_twice(bigint) FROM PUBLIC', 'GRANT EXECUTE ON FUNCTION hidden_twice(bigint) TO keeper',
	"CREATE FUNCTION volatile_twice(bigint) RETURNS bigint VOLATILE LANGUAGE sql AS 'SELECT \$1 * 2'", "CREATE FUNCTION open_twice(bigint) RETURNS bigint IMMUTABLE LANGUAGE sql AS 'SELECT \$1 * 2'");
my %calls = (
	'a function' => q{[:find ?m :where [$secret ?e :x/n ?n] [(public.F ?n) ?m]]},
	'a predicate' => q{[:find ?n :where [$secret ?e :x/n ?n] [(public.F ?n) ?m] [(> ?m 9)]]},
	'of a constant' => q{[:find ?m :where [(public.F 7) ?m]]},
	'in a negation' => q{[:find ?n :where [$secret ?e :x/n ?n] (not [$secret _ :x/n ?m] [(public.F ?n) ?m])]});
for my $what (sort keys %calls)
{
	for my $way (q{SELECT * FROM datom.q('QUERY') AS (n bigint)}, q{SELECT datom.q_json('QUERY')}, q~SELECT datom.answer('{:query QUERY}'::text)~, q{SELECT datom.q_sql('QUERY')})
	{
		my ($open, $hidden, $volatile) = map { my $f = $_; $way =~ s/QUERY/$calls{$what} =~ s{F}{$f}r/er } qw(open_twice hidden_twice volatile_twice);
		is(state_of($session{reader}, $open), '00000', "$what that all may call: $way");
		is(state_of($session{reader}, $hidden), '42501', "$what that one may not call: $way");
		is(state_of($session{keeper}, $hidden), '00000', "and who may: $way");
		is(state_of($session{keeper}, $volatile), '42P13', "$what that is volatile: $way");
	}
}
my $root = db($node);
$root->do('SET plan_cache_mode = force_generic_plan');
$root->do(q{PREPARE calls AS SELECT * FROM datom.q('[:find ?m :where [$secret ?e :x/n ?n] [(public.hidden_twice ?n) ?m]]') AS (m bigint)});
for ([ keeper => '00000' ], [ reader => '42501' ], [ keeper => '00000' ])
{
	$root->do("SET ROLE $_->[0]");
	my ($role, $state) = @$_;
	is(state_of($root, 'EXECUTE calls'), $state, "a prepared call as $role, time $_") for 1, 2;
	$root->do('RESET ROLE');
}
$session{asker}->do('REVOKE EXECUTE ON FUNCTION hidden_twice(bigint) FROM keeper');
$root->do('SET ROLE keeper');
is(state_of($root, 'EXECUTE calls'), '42501', 'and when the right to call it is gone');
$root->do('RESET ROLE');
$dbh->do('REVOKE EXECUTE ON FUNCTION datom.q(text), datom.q(text, "any"), datom.q_json(text, jsonb, text), datom.answer(text) FROM PUBLIC');
my $reader = role('reader');
is(state_of($reader, $_), '42501', "without the right to ask: $_") for "SELECT * FROM $QUERY", q{SELECT datom.q_json('[:find ?n :where [$secret ?e :x/n ?n]]')}, q~SELECT datom.answer('{:query [:find ?n . :where [$secret ?e :x/n ?n]]}'::text)~;
$dbh->do('GRANT EXECUTE ON FUNCTION datom.q(text), datom.q(text, "any"), datom.q_json(text, jsonb, text), datom.answer(text) TO PUBLIC');
is(state_of($reader, "SELECT * FROM $QUERY"), '00000', 'and with it');
$reader->do(q{PREPARE asked AS SELECT * FROM datom.q('[:find ?n :where [$secret ?e :x/n ?n]]') AS (n bigint)});
state_of($reader, 'EXECUTE asked') for 1 .. 6;
$dbh->do('REVOKE EXECUTE ON FUNCTION datom.q(text) FROM PUBLIC');
is(state_of($reader, 'EXECUTE asked'), '42501', 'what was prepared asks for it again');
$dbh->do('GRANT EXECUTE ON FUNCTION datom.q(text) TO PUBLIC');
is(state_of($reader, 'EXECUTE asked'), '00000', 'and reads again');

#
# Row-level security
#

my $before = role('reader');
my @plans = prepare_all($before);
$dbh->do($_) for 'ALTER TABLE secret ENABLE ROW LEVEL SECURITY', 'CREATE POLICY half ON secret USING (e % 2 = 0)';
refused('reader', 'secret', '0A000', 'where row-level security applies all is refused');
is(states($before, '0A000', @plans), '', 'also what was prepared before');
refused('nobody', 'secret', '42501', 'the right is asked for first');
allowed('keeper', 'secret', 'policies do not apply to the owner');
$dbh->do('ALTER TABLE secret FORCE ROW LEVEL SECURITY');
refused('keeper', 'secret', '0A000', 'unless they are forced');
$dbh->do('ALTER ROLE reader BYPASSRLS');
allowed('reader', 'secret', 'nor to who bypasses them');
$dbh->do($_) for 'ALTER ROLE reader NOBYPASSRLS', 'ALTER TABLE secret NO FORCE ROW LEVEL SECURITY', 'ALTER TABLE secret DISABLE ROW LEVEL SECURITY';
allowed('reader', 'secret', 'without row-level security all is as it was');
is(states($before, '00000', @plans), '', 'what was prepared too');

#
# Locks
#

my @waited;
$keeper->begin_work;
$keeper->do('LOCK secret');
for my $name (@ways)
{
	my $got = state_of($session{nobody}, way($name, 'secret'));
	push @waited, "$name: $got" if $got ne '42501';
}
my $waits = state_of($session{reader}, way('a name', 'secret'));
$keeper->rollback;
is(join(', ', @waited), '', 'who has no right does not wait for a lock');
is($waits, '55P03', 'who has it does');

#
# A standby
#

my $standby = standby($node, 'datalog_standby');
launch($standby);
my $far = db($standby);
sub catch_up { $node->wait_for_catchup($standby, 'replay', $node->lsn('insert')) }
catch_up();
{
	local @session{qw(nobody reader)} = map { role($_, $standby) } qw(nobody reader);
	refused('nobody', 'secret', '42501', 'a standby refuses who may not');
	allowed('reader', 'secret', 'and answers who may');
	$_->disconnect for @session{qw(nobody reader)};
}

my $all = '[:find ?id ?n :where [$secret ?e :x/id ?id] [$secret ?e :x/n ?n]]';
my $digest = "SELECT md5(string_agg(id || n, ',' ORDER BY id, n)) FROM datom.q('$all') AS (id text, n bigint)";
my @questions = ($digest,
	"SELECT datom.answer('{:query [:find (sum ?n) . :with ?e :where [\$secret ?e :x/n ?n]]}')",
	"SELECT datom.q_json('[:find ?id :in \$ ?n :where [?e :x/n ?n] [?e :x/id ?id]]', '[\"secret\", 7]')",
	"SELECT id FROM datom.q('[:find ?id :in \$ ?n :where [?e :x/n ?n] [?e :x/id ?id]]', 'secret', 7) AS (id text)");
is(one($far, $_), one($dbh, $_), "it answers as the primary does: $_") for @questions;

$far->do('SET plan_cache_mode = force_generic_plan');
$far->do("PREPARE p AS $digest");
is(one($far, 'EXECUTE p'), one($dbh, $digest), 'with a plan that it keeps');
one($dbh, "SELECT datom.define_attribute('secret', ':x/n', 'long', 'many')");
one($dbh, "SELECT tx FROM datom.transact('secret', '[[:db/add $entity :x/n 1000]]')");
my $tx = one($dbh, "SELECT tx FROM datom.transact('secret', '[[:db/add $entity :x/n 2000]]')");
catch_up();
is(one($far, 'EXECUTE p'), one($dbh, $digest), 'the plan learns of a change of attributes');
is(one($far, $_), one($dbh, $_), "so does what functions keep: $_") for @questions;
is(one($far, "SELECT jsonb_array_length(datom.answer('{:as-of $tx :query $all}'))"), 302, 'as of a transaction');
my $soon = "SELECT count(*) FROM datom.q_json('$all', as_of => to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'))";
# Without replay no tick can come between the clock and the question.
$far->do('SELECT pg_wal_replay_pause()');
wait_until('replay is paused', sub { one($far, 'SELECT pg_get_wal_replay_pause_state()') eq 'paused' });
is(state_of($far, $soon), '55000', 'what the standby cannot know yet is an error there');
$far->do('SELECT pg_wal_replay_resume()');
is(one($dbh, $soon), 302, 'and waited for here');

#
# The control
#

$dbh->do(q{ALTER ROLE nobody SET "datom.test_break" = 'no_check'});
$session{nobody} = role('nobody');
is(one($session{nobody}, 'SHOW datom.test_break'), 'no_check', 'control: the build that does not ask');
allowed('nobody', 'secret', 'control: is seen to read in every way');

$_->disconnect for values %session;
$node->stop;
done_testing();
