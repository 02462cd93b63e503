# Nothing is shown to who has no right to it. The functions are taken from
# pg_proc and each must be of a kind that is known here, so that a new one
# cannot be forgotten: a function that takes a datom table is called by roles
# that lack the right, once while another session has locked the table, so that
# who locks before asking is seen to wait. At the end functions without such
# checks are planted, and have to be found by the same enumeration.
use strict;
use warnings;
use Datom;
use PostgreSQL::Test::Utils;
use Test::More;

my $SECRET = 'xyzzy4711';
# An autovacuum would be waited for, and waiting is told apart here.
my $node = server('permissions', fsync => 'off', autovacuum => 'off');
my $dbh = db($node);

# Statements of these roles: what they have is what follows here.
my @roles = qw(owner nobody reader writer scribe columns all_columns columns_insert filtered);
$dbh->do("CREATE ROLE $_ LOGIN") for @roles;
$dbh->do('GRANT CREATE, USAGE ON SCHEMA public TO owner');
$dbh->do($_) for 'CREATE SCHEMA entities', 'GRANT CREATE, USAGE ON SCHEMA entities TO public';
my %session = map { $_ => role($_) } @roles;

sub role
{
	my ($name) = @_;
	return DBI->connect(
		sprintf("dbi:Pg:dbname=postgres;host=%s;port=%d;options='-c timezone=UTC -c lock_timeout=1s'", $node->host, $node->port),
		$name, '', { RaiseError => 1, PrintError => 0, PrintWarn => 0, AutoInactiveDestroy => 1 });
}

# Runs a statement; returns its SQLSTATE and all that was said about an error.
sub state_of
{
	my ($dbh, $sql) = @_;
	return '00000' if eval { my $sth = $dbh->prepare($sql); $sth->execute; $sth->fetchall_arrayref if $sth->{NUM_OF_FIELDS}; 1 };
	return wantarray ? ($dbh->state, "$@") : $dbh->state;
}

sub make_table
{
	my ($name) = @_;
	my $owner = $session{owner};
	one($owner, 'SELECT datom.create(?)', $name);
	one($owner, "SELECT datom.define_attribute(?, ':x/id', 'string', 'one', 'identity')", $name);
	one($owner, "SELECT datom.define_attribute(?, ':x/v', 'string')", $name);
	one($owner, "SELECT datom.define_attribute(?, ':x/n', 'long')", $name);
	return one($owner, 'SELECT tx FROM datom.transact(?, ?::text)', $name,
		qq([{:x/id "$SECRET" :x/v "$SECRET" :x/n 42} {:x/id "mine" :x/v "seen"}]));
}
my $tx = make_table('secret');
$session{owner}->do($_) for (
	'GRANT SELECT ON secret TO reader', 'GRANT INSERT ON secret TO writer',
	'GRANT SELECT, INSERT ON secret TO scribe', 'GRANT SELECT (e, a) ON secret TO columns',
	'GRANT SELECT (e, a, v, tx, added) ON secret TO all_columns',
	'GRANT SELECT, INSERT (e, a, v) ON secret TO columns_insert');

#
# The functions: of which kind is each?
#

# What the functions of types and operators take and return.
my $TYPES = "'datom.value'::regtype, 'datom.attribute'::regtype, 'text'::regtype, 'bpchar'::regtype, 'int2'::regtype, 'int4'::regtype,
	'int8'::regtype, 'float4'::regtype, 'float8'::regtype, 'numeric'::regtype, 'bool'::regtype, 'timestamptz'::regtype, 'date'::regtype,
	'uuid'::regtype, 'bytea'::regtype, 'jsonb'::regtype, 'json'::regtype, 'cstring'::regtype, 'internal'::regtype, 'void'::regtype";

# These take no datom table. What each could tell is told where it is tested.
my %TABLELESS = map { $_ => 1 } (
	'datom.tableam_handler(internal)',    # not to be called
	'datom.order_handler(internal)',      # likewise
	'datom.fdw_handler()',                # likewise
	'datom.fdw_validator(text[],oid)',    # what it is given
	'datom."create"(text,boolean)',       # needs CREATE on the schema
	'datom.current_tx()',                 # the caller's own
	'datom.instant(bigint)',              # only of tables that the user may use
	'datom.now()',                        # likewise
	'datom.assert_as_of(text)',           # the session's own setting
	'datom.sync(timestamp with time zone,interval)', # whether time has passed
	'datom.sync(bigint,interval)', 'datom.sync(text,interval)',
	'datom.shard(bigint)',                # arithmetic, and the session's own setting
	'datom.shard_predicates(integer,text)', # text
	'datom.random_numbers(bigint,bigint)', # arithmetic
	'datom.day_count(date,date,text,date,date[])', 'datom.year_fraction(date,date,text,date,date[])', # arithmetic
	'datom.interest(numeric,numeric,date,date,text,text,integer,integer,text,date,date[])', # likewise
	'datom.late(numeric,date,date,numeric,numeric,text,numeric,text,integer,numeric,integer,text,date[],text)', # likewise
	'datom.create_calendar(text)',        # needs CREATE on the schema
	'datom.expect(text,text,text,text)', 'datom.drop_expectation(text,text)', # of views: see 103_expectations.pl
	'datom.check_expectations(text,text)', # likewise
	'datom.entries_given()',              # a trigger of datom.tx
	'datom.usage()',                      # counts by name and role, for everybody
	'datom.run(text,jsonb,text,integer,text,text)', # names a saved query: see 102_runs.pl
	'datom.in_run(uuid,integer,integer)', 'datom.run_list()', 'datom.run_shards(uuid)', 'datom.lineage(uuid)', 'datom.abort_run(uuid)', # likewise
	'datom.in_run_support(internal)',     # not to be called
	'datom.run_inputs(text[])', 'datom.run_tables(text[])', # what catalogs show to all
	'datom.run_event(uuid,text,text,text,text,jsonb,integer,text,text[],text[],text[],boolean)', # likewise
	'datom.entities_at("any",boolean,oid,"any")', # not to be called
	map({ my $f = $_; map { "datom.entities_$f(anyelement,$_)" } 'timestamp with time zone', 'bigint', 'text' } 'as_of', 'since'), # need SELECT on the entity table
	'datom.entities_history(anyelement)', # likewise
	map({ "datom.entity_as_of(anyelement,bigint,$_)" } 'timestamp with time zone', 'bigint', 'text'), # likewise
	'datom.pit(regclass,name,name,regclass,name,name,interval,boolean)', # and on its labels: see 082_entity_rights.pl
	'datom.q(text)', 'datom.q(text,"any")', # name their tables in text: see 093_datalog_rights.pl
	'datom.q_json(text,jsonb,text)', 'datom.q_sql(text,jsonb)', 'datom.answer(text)', 'datom.answer(jsonb)',
	'datom.q_describe(text,text)',        # likewise
	'datom.saved_q(text)', 'datom.saved_q(text,"any")', # likewise: see 096_datalog_view_rights.pl
	'datom.q_given("any")',               # what it is given
	'datom.q_allowed(oid,regclass)',      # what has_table_privilege() says
	'datom.source(regclass,text,text,boolean)', # likewise, as JSON
	'datom.save_query(text,text,text,text,text[],text,text,text)', # needs CREATE on the schema, and to own what is there: see saved_query
	'datom.undo_query(text,integer)', 'datom.drop_query(text)', # likewise
	'datom.search_queries(text)',         # the catalogue, which is open to all
	'datom.check_queries()');             # what the caller may plan
# Who writes needs INSERT, and SELECT as well where the answer tells of facts.
my %NEEDS = ('import_tx' => 'INSERT', 'transact' => 'SELECT INSERT', 'define_attribute' => 'SELECT INSERT', 'live' => 'owner');

my %ARGUMENT = (
	regclass => "'secret'", text => "'2014-11-15T13:37:42Z'", bigint => '1', 'bigint[]' => q('{1}'), boolean => 'true', jsonb => q('[]'::jsonb),
	'timestamp with time zone' => q(timestamptz '2014-11-15 13:37:42Z'), 'datom.attribute' => q(':x/id'::datom.attribute),
	'datom.value' => qq('$SECRET'::datom.value), regnamespace => q('entities'), 'datom.attribute[]' => q('{:x/v}'::datom.attribute[]));

# All functions in the schema or of the extension: signature, name, kind, argument types.
sub functions
{
	return @{ $dbh->selectall_arrayref(<<"SQL", { Slice => {} }) };
SELECT p.oid::regprocedure::text AS signature, proname AS name, prokind AS kind, prosecdef AS definer, proconfig::text AS config, proretset AS returns_set,
	coalesce((SELECT string_agg(format_type(t, NULL), ',' ORDER BY i) FROM unnest(proargtypes) WITH ORDINALITY a(t, i)), '') AS arguments,
	'regclass'::regtype = ANY (proargtypes::oid[]) AS takes_table,
	prorettype = 'record'::regtype AND proargnames IS NOT NULL AND proallargtypes IS NULL AS defined_by_query,
	provolatile = 'i' AND lanname = 'c' AND prorettype IN ($TYPES) AND proargtypes::oid[] <@ ARRAY[$TYPES]::oid[] AS of_type,
	obj_description(p.oid, 'pg_proc') IS NOT NULL AS described
FROM pg_proc p JOIN pg_language l ON l.oid = prolang
WHERE pronamespace = 'datom'::regnamespace OR EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_proc'::regclass AND objid = p.oid
	AND deptype = 'e' AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'datom'))
ORDER BY 1
SQL
}

sub call
{
	my ($f) = @_;
	my @arguments = split ',', $f->{arguments};
	my @values = map { ($ARGUMENT{$_} // die "no argument of type $_ for $f->{signature}\n") . "::$_" } @arguments;
	# Text that is none of a moment.
	$values[1] = "'[]'::text" if $f->{name} eq 'transact' && $arguments[1] eq 'text';
	$values[1] = "'[:x/v]'::text" if $f->{name} =~ /^pull/;
	$values[2] = q('[:x/id "mine"]'::text) if $f->{name} eq 'pull' && $arguments[2] eq 'text';
	my $list = join ', ', @values;
	return ($f->{kind} eq 'p' ? 'CALL' : 'SELECT') . " datom.\"$f->{name}\"($list)";
}

# The ways to call it: in FROM the planner may put a scan in its place.
sub ways
{
	my ($f) = @_;
	my $sql = call($f);
	(my $from = $sql) =~ s/^SELECT/SELECT * FROM/;
	return "$from x (e bigint, v text)" if $f->{defined_by_query};
	return $f->{returns_set} ? ($sql, $from) : $sql;
}

# A plan that was made for who has the right, run by who has not, and while the
# table is locked: the plan must ask before it locks.
sub plan_faults
{
	my ($f) = @_;
	my $sql = (ways($f))[-1];
	my @faults;
	$dbh->do("PREPARE plan AS $sql");
	$dbh->do($_) for 'SET plan_cache_mode = force_generic_plan', q{SET lock_timeout = '1s'};
	state_of($dbh, 'EXECUTE plan');
	$session{owner}->begin_work;
	$session{owner}->do('LOCK secret');
	$dbh->do('SET ROLE nobody');
	my $state = state_of($dbh, 'EXECUTE plan');
	push @faults, "its plan let nobody do it: $state" if $state ne '42501';
	$session{owner}->rollback;
	$dbh->do($_) for 'RESET ROLE', 'RESET plan_cache_mode', 'RESET lock_timeout', 'DEALLOCATE plan';
	return @faults;
}

# Faults of a function, by what it does.
sub faults
{
	my ($f) = @_;
	my @faults;
	push @faults, 'has no comment' unless $f->{described};
	push @faults, 'is SECURITY DEFINER without a fixed search_path'
	  if $f->{definer} && ($f->{config} // '') !~ /search_path=(pg_catalog|datom)[^"]*pg_temp/;
	return @faults if $f->{of_type} || $TABLELESS{ $f->{signature} };
	return (@faults, 'is of no kind that is known here') unless $f->{takes_table};
	my $needs = $NEEDS{ $f->{name} } // 'SELECT';
	my %lacks = ('nobody' => 1, 'columns' => 1, 'reader' => $needs ne 'SELECT', 'writer' => $needs ne 'INSERT',
		'all_columns' => $needs ne 'SELECT', 'columns_insert' => $needs ne 'SELECT', 'scribe' => $needs eq 'owner');
	for my $sql (ways($f))
	{
		my $way = $sql =~ /FROM/ ? ' in FROM' : '';
		for my $role (sort keys %lacks)
		{
			my ($state, $text) = state_of($session{$role}, $sql);
			push @faults, "let $role do it$way" if $lacks{$role} && $state ne '42501';
			push @faults, "kept $role from it$way: $text" if !$lacks{$role} && $state eq '42501';
			push @faults, "told $role the value$way: $text" if $lacks{$role} && ($text // '') =~ /$SECRET/;
		}
		# While the table is locked: at once, or it has tried to lock.
		$session{owner}->begin_work;
		$session{owner}->do('LOCK secret');
		my $state = state_of($session{nobody}, $sql);
		push @faults, "waited for a lock before it asked for the right$way: $state" if $state ne '42501';
		$session{owner}->rollback;
	}
	push @faults, plan_faults($f) if $f->{returns_set};
	return @faults;
}

my @functions = functions();
my @with_table = grep { $_->{takes_table} && !$TABLELESS{ $_->{signature} } } @functions;
cmp_ok(scalar(@functions), '>', 90, scalar(@functions) . ' functions, ' . @with_table . ' of which take a datom table');
for my $f (@functions)
{
	my @faults = faults($f);
	if (@faults || $f->{takes_table}) { is(join('; ', @faults), '', $f->{signature}) }
}
cmp_ok(scalar(@with_table), '>', 20, 'the enumeration finds the functions that ask about the past');
is(join(', ', grep { my $s = $_; !grep { $_->{signature} eq $s } @functions } sort keys %TABLELESS), '', 'and none is excused that is not there');

# Who has the right waits for the lock: so waiting can be seen.
$session{owner}->begin_work;
$session{owner}->do('LOCK secret');
is(state_of($session{reader}, "SELECT datom.as_of('secret')"), '55P03', 'who may read waits for the lock');
$session{owner}->rollback;

#
# Those that take no table
#
is(state_of($session{nobody}, "SELECT datom.create('public.mine')"), '42501', 'who may not create tables cannot create datom tables');
is(one($session{nobody}, "SELECT datom.instant($tx)"), undef, 'datom.instant() tells nobody of a transaction in what they cannot read');
isnt(one($session{reader}, "SELECT datom.instant($tx)"), undef, 'but the reader');
is(state_of($session{nobody}, "SET datom.as_of = '$tx'; SELECT datom.now()"), '42704', 'neither does datom.now()');
$session{nobody}->do('RESET datom.as_of');

#
# Who is the caller?
#
$session{owner}->do($_) for (
	q{CREATE FUNCTION for_all() RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
		AS $$ SELECT count(*) FROM datom.as_of('public.secret') $$},
	q{CREATE FUNCTION say_for_all() RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
		AS $$ SELECT tx FROM datom.transact('public.secret', '[]'::text) $$},
	q{CREATE FUNCTION for_caller() RETURNS bigint LANGUAGE sql AS $$ SELECT count(*) FROM datom.as_of('public.secret') $$},
	q{CREATE VIEW over_table AS SELECT e, v FROM secret WHERE a = ':x/v'},
	q{CREATE VIEW over_function AS SELECT e, v FROM datom.as_of('secret') WHERE a = ':x/v'},
	q{CREATE VIEW over_entity AS SELECT datom.entity('secret', e) FROM secret},
	q{GRANT SELECT ON over_table, over_function, over_entity TO nobody, reader});
is(state_of($session{nobody}, 'SELECT for_all()'), '00000', 'SECURITY DEFINER: the definer counts');
is(state_of($session{nobody}, 'SELECT say_for_all()'), '00000', 'also for writing');
is(state_of($session{nobody}, 'SELECT for_caller()'), '42501', 'SECURITY INVOKER: the caller counts');
is(state_of($session{nobody}, 'SELECT * FROM over_table'), '00000', 'in a view over the table its owner counts');
is(state_of($session{nobody}, 'SELECT * FROM over_function'), '42501', 'in a view over a function the caller counts');
is(state_of($session{nobody}, 'SELECT * FROM over_entity'), '42501', 'also where its owner may read the rows');
is(state_of($session{reader}, 'SELECT * FROM over_function'), '00000', 'who may read may read through it');
$dbh->do('SET ROLE nobody');
is(state_of($dbh, "SELECT datom.as_of('secret')"), '42501', 'a superuser who has become another by SET ROLE is that other');
is(state_of($dbh, "SELECT datom.transact('secret', '[]'::text)"), '42501', 'also for writing');
$dbh->do('RESET ROLE');
is(state_of($dbh, "SELECT datom.as_of('secret')"), '00000', 'and not any more');
# A plan that is cached asks again.
$dbh->do("PREPARE p AS SELECT count(*) FROM datom.as_of('secret')");
$dbh->do('SET plan_cache_mode = force_generic_plan');
is(state_of($dbh, 'EXECUTE p'), '00000', 'a prepared statement');
$dbh->do('SET ROLE nobody');
is(state_of($dbh, 'EXECUTE p'), '42501', 'asks again after SET ROLE');
$dbh->do($_) for 'RESET ROLE', 'DEALLOCATE p', 'RESET plan_cache_mode';

#
# The order of commits, statistics, plans
#
$dbh->do('ANALYZE secret');
for my $role (qw(nobody columns writer))
{
	is(one($session{$role}, 'SELECT count(*) FROM datom.tx'), 0, "$role sees nothing in datom.tx");
	is(one($session{$role}, q{SELECT count(*) FROM pg_stats WHERE tablename ~ 'secret' AND attname NOT IN ('e', 'a')}), 0, "$role sees no statistics of values");
}
cmp_ok(one($session{reader}, "SELECT count(*) FROM datom.tx WHERE db = 'secret'::regclass"), '>', 0, 'the reader sees who wrote');
cmp_ok(one($session{reader}, q{SELECT count(*) FROM pg_stats WHERE tablename = 'secret' AND attname = 'v'}), '>', 0, 'and statistics');
for my $sql ('INSERT INTO datom.tx SELECT * FROM datom.tx', 'DELETE FROM datom.tx', 'UPDATE datom.tx SET tx = 1', 'TRUNCATE datom.tx',
	'INSERT INTO datom.clock VALUES (now(), now())', 'DELETE FROM datom.clock', 'SELECT * FROM datom.importing', 'INSERT INTO datom.importing VALUES (1)',
	q{SELECT nextval('datom.tx_id')}, q{SELECT setval('datom.tx_id', 1)}, 'CREATE FUNCTION datom.mine() RETURNS int LANGUAGE sql AS \'SELECT 1\'',
	"INSERT INTO secret (e, a, v, tx, added) VALUES (1, ':x/v', 'x', 1, true)")
{
	is(state_of($session{scribe}, $sql), '42501', "an ordinary role cannot: $sql");
}
sub plan_of { return join "\n", map { $_->[0] } @{ $_[0]->selectall_arrayref("EXPLAIN $_[1]") } }
make_table('empty');
$dbh->do('ANALYZE empty');
for my $what ("datom.as_of('TABLE')", "datom.history('TABLE')", "datom.since('TABLE', 1)", "datom.log('TABLE')")
{
	my ($full, $empty) = map { my $t = $_; my $sql = "SELECT * FROM $what WHERE v = 'x'"; $sql =~ s/TABLE/$t/; my $p = plan_of($session{nobody}, $sql); $p =~ s/$t/T/g; $p } qw(secret empty);
	is($full, $empty, "EXPLAIN of $what tells nobody how much there is");
}
is(state_of($session{nobody}, 'EXPLAIN SELECT * FROM secret'), '42501', 'EXPLAIN of the table is refused');
is(state_of($session{nobody}, "EXPLAIN ANALYZE SELECT * FROM datom.as_of('secret')"), '42501', 'EXPLAIN ANALYZE is, too');
unlike(plan_of($session{reader}, "SELECT * FROM secret WHERE a = ':x/v' AND v > 'a' AND e > 0"), qr/$SECRET/, 'EXPLAIN shows no values but those that were asked for');

#
# Row-level security: applied to the table, refused by functions
#
make_table('rls');
$session{owner}->do($_) for (
	'GRANT SELECT, INSERT ON rls TO filtered',
	'ALTER TABLE rls ENABLE ROW LEVEL SECURITY',
	q{CREATE POLICY mine ON rls TO filtered USING (v::text = 'seen') WITH CHECK (v::text LIKE 'mine%')});
my $filtered = $session{filtered};
is(join(',', map { $_->[0] } @{ $filtered->selectall_arrayref('SELECT v::text FROM rls') }), 'seen', 'a policy applies to SELECT');
is(state_of($filtered, "INSERT INTO rls (e, a, v) VALUES (500, ':x/v', 'mine 1')"), '00000', 'and to INSERT: this is allowed');
my ($state, $text) = state_of($filtered, "INSERT INTO rls (e, a, v) VALUES (500, ':x/v', '$SECRET 2')");
is($state, '42501', 'and that is not');
unlike($text, qr/$SECRET/, 'without the value');
is(state_of($filtered, 'COPY rls (e, a, v) FROM STDIN'), '0A000', 'COPY is refused, as Postgres does');
for my $f (@with_table)
{
	next if $f->{name} =~ /^(live|import_tx)$/;
	for my $sql (ways($f))
	{
		$sql =~ s/'secret'/'rls'/;
		is(state_of($filtered, $sql), '0A000', "$f->{signature} is refused" . ($sql =~ /FROM/ ? ' in FROM' : ''));
	}
}
is(state_of($filtered, "SELECT datom.import_tx('rls', now())"), '0A000', 'import_tx is, too');
is(one($filtered, "SELECT count(*) FROM pg_stats WHERE tablename = 'rls'"), 0, 'no statistics either');
is(state_of($session{owner}, "SELECT datom.as_of('rls')"), '00000', 'the owner is not subject to it');
$session{owner}->do('ALTER TABLE rls FORCE ROW LEVEL SECURITY');
is(state_of($session{owner}, "SELECT datom.as_of('rls')"), '0A000', 'unless it is forced');
is(state_of($dbh, "SELECT datom.as_of('rls')"), '00000', 'a superuser never is');
$filtered->do('SET row_security = off');
isnt(state_of($filtered, "SELECT datom.as_of('rls')"), '00000', 'row_security = off opens nothing');
$filtered->do('RESET row_security');
$dbh->do('ALTER ROLE filtered BYPASSRLS');
is(state_of($filtered, "SELECT datom.as_of('rls')"), '00000', 'BYPASSRLS does');
$dbh->do('ALTER ROLE filtered NOBYPASSRLS');

#
# Errors show no values, whoever reads the log of the server
#
one($session{owner}, "SELECT datom.define_attribute('secret', ':x/u', 'string', 'one', 'value')");
one($session{owner}, "SELECT datom.define_attribute('secret', ':x/many', 'string', 'many')");
one($session{owner}, "SELECT datom.define_attribute('secret', ':t/$_', '$_')") for qw(long double bigdec boolean instant date uuid keyword ref bytes json);
one($session{owner}, qq(SELECT tx FROM datom.transact('secret', '[{:db/id 700 :x/u "$SECRET" :x/many ["$SECRET" "b"]} {:db/id 701 :x/many ["$SECRET"]}]'::text)));
my $MIXED = qq("$SECRET");
my @failing = (
	(map { my $t = $_; (
		"INSERT INTO secret (e, a, v) VALUES (600, ':t/$t', '$SECRET')",
		"INSERT INTO secret (e, a, v) VALUES (600, ':t/$t', '$SECRET'::text)",
		"INSERT INTO secret (e, a, v) VALUES (600, ':t/$t', '#inst \"$SECRET\"')",
		"SELECT datom.transact('secret', '[{\":t/$t\": {\"a\": \"$SECRET\"}}]'::jsonb)",
		# A string in place of a ref is a tempid.
		$t eq 'ref' ? () : (
			"SELECT datom.transact('secret', '[[:db/add 600 :t/$t \"$SECRET\"]]'::text)",
			"SELECT datom.transact('secret', '[{\":t/$t\": \"$SECRET\"}]'::jsonb)")) }
		qw(long double bigdec boolean instant date uuid keyword ref)),
	"INSERT INTO secret (e, a, v) VALUES (600, ':t/json', '{$SECRET')",
	"INSERT INTO secret (e, a, v) VALUES (600, ':t/bytes', '$SECRET')",
	"INSERT INTO secret (e, a, v) VALUES (600, ':x/undefined', '$SECRET')",
	"INSERT INTO secret (e, a, v) VALUES (600, ':x/v', '$SECRET'), (600, ':x/v', 'b')",
	"INSERT INTO secret (e, a, v) VALUES (600, ':x/id', '$SECRET')",
	"INSERT INTO secret (e, a, v) VALUES (0, ':x/v', '$SECRET')",
	"INSERT INTO secret (e, a, v) VALUES (NULL, ':x/v', '$SECRET')",
	"INSERT INTO secret (e, a, v) VALUES (600, ':db/doc', '$SECRET')",
	"UPDATE secret SET v = '$SECRET'", "DELETE FROM secret WHERE v = '$SECRET'",
	(map { "SELECT datom.transact('secret', '$_'::text)" } (
		"[[:db/add 600 :x/v $MIXED] [:db/add 600 :x/v \"b\"]]", "[[:db/add 600 :x/id $MIXED]]", "[[:db/add 600 :x/u $MIXED]]",
		"[{:db/id 600 :x/u \"n$SECRET\"} {:db/id 601 :x/u \"n$SECRET\"}]", "[{:x/id $MIXED :x/u $MIXED} {:db/id [:x/u $MIXED] :x/id \"mine\"}]",
		"[[:db/add [:x/id \"no$SECRET\"] :x/v \"b\"]]", "[[:db/add [:x/v $MIXED] :x/v \"b\"]]", "[[:db/add 1 :t/ref [:x/u \"no$SECRET\"]]]",
		"[[:db/cas 700 :x/u $MIXED $MIXED] [:db/cas 700 :x/u \"no$SECRET\" \"b\"]]", "[[:db/cas 700 :x/u \"no$SECRET\" $MIXED]]",
		"[[:db/add 0 :x/v $MIXED]]", "[[:db/add -99 :x/v $MIXED]]", "[[:db/add 600 :x/none $MIXED]]", "[[:db/add 600 :x/v $MIXED $MIXED]]",
		"[[:db/retract 600 :x/none $MIXED]]", "[{:x/v [$MIXED]}]", "[{:x/v {:a $MIXED}}]", "[[$MIXED 1 2]]", "[$MIXED]", "$MIXED",
		"[[no_function $MIXED]]", "[[:db/nothing $MIXED]]", "[[:db/add 600 :t/long $MIXED]]", "[[:db/add 600 :x/v #unknown $MIXED]]",
		"[[:db/add $MIXED :x/none 1]]")),
	"SELECT datom.define_attribute('secret', ':x/many', 'string', 'one')", "SELECT datom.define_attribute('secret', ':x/many', 'string', 'many', 'value')",
	"SELECT datom.define_attribute('secret', ':x/u', 'long')",
	"SELECT datom.entity('secret', ':x/v', '$SECRET')", "SELECT datom.entity('secret', ':t/long', '$SECRET')", "SELECT datom.entity('secret', ':x/none', '$SECRET')",
	"SELECT v::bigint FROM secret WHERE a = ':x/v'", "SELECT v::uuid FROM secret WHERE a = ':x/v'", "SELECT v::boolean FROM secret WHERE a = ':x/v'",
	"SELECT v::jsonb::int FROM secret WHERE a = ':x/v'", "SELECT v::datom.attribute FROM secret WHERE a = ':x/v'", "SELECT v::numeric FROM secret WHERE a = ':x/v'",
	"SELECT v::timestamptz FROM secret WHERE a = ':x/v'", "SELECT v::bytea FROM secret WHERE a = ':x/v'",
	"SELECT * FROM secret FOR UPDATE", "SELECT datom.live('secret')");
my (@silent, @told);
for my $sql (@failing)
{
	my ($state, $text) = state_of($session{owner}, $sql);
	push @silent, $sql if $state eq '00000';
	# DBI adds nothing to what the server says but its own line number; the
	# statement is shown with it only for errors of syntax in the statement.
	$text //= '';
	$text =~ s/^LINE \d+:.*\n.*\n//mg;
	push @told, "$state $sql: $text" if $text =~ /$SECRET/;
}
is(join("\n", @silent), '', scalar(@failing) . ' statements fail');
is(join("\n", @told), '', 'and none tells the value');

#
# The install script
#
my $sharedir = `pg_config --sharedir`;
chomp $sharedir;
my $script = slurp_file("$sharedir/extension/datom--1.0.sql");
unlike($script, qr/OR\s+REPLACE/i, 'the script replaces nothing');
unlike($script, qr/IF\s+NOT\s+EXISTS/i, 'and takes nothing that is there already');
is(join(', ', map { $_->[0] } @{ $dbh->selectall_arrayref(<<'SQL') }), '', 'every object of the extension has a comment');
SELECT pg_describe_object(classid, objid, 0) FROM pg_depend
WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e' AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'datom')
	AND classid NOT IN ('pg_namespace'::regclass) AND obj_description(objid, classid::regclass::name) IS NULL
SQL
is(join(', ', map { $_->[0] } @{ $dbh->selectall_arrayref(<<'SQL') }), '', 'every column of its tables has one');
SELECT attrelid::regclass || '.' || attname FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
WHERE relnamespace = 'datom'::regnamespace AND relkind = 'r' AND attnum > 0 AND NOT attisdropped AND col_description(attrelid, attnum) IS NULL
SQL
like($dbh->selectrow_array(q{SELECT rolsuper FROM pg_roles JOIN pg_namespace ON nspowner = pg_roles.oid WHERE nspname = 'datom'}), qr/^(1|t)/, 'the schema belongs to a superuser');
is(one($dbh, q{SELECT count(*) FROM aclexplode((SELECT nspacl FROM pg_namespace WHERE nspname = 'datom')) WHERE privilege_type = 'CREATE' AND grantee = 0}), 0, 'and nobody else creates in it');
ok(!one($dbh, q{SELECT superuser IS NOT TRUE OR trusted FROM pg_available_extension_versions WHERE name = 'datom'}), 'only a superuser installs it');

# What is there before makes CREATE EXTENSION fail, whatever it is.
$dbh->do('CREATE DATABASE other');
my $other = DBI->connect(sprintf('dbi:Pg:dbname=other;host=%s;port=%d', $node->host, $node->port), '', '',
	{ RaiseError => 1, PrintError => 0, PrintWarn => 0, AutoInactiveDestroy => 1 });
for my $object ('FUNCTION datom.as_of(db regclass) RETURNS int LANGUAGE sql AS \'SELECT 1\'', 'FUNCTION datom.other() RETURNS int LANGUAGE sql AS \'SELECT 1\'',
	'FUNCTION datom.jsonb_strip_nulls(json) RETURNS json LANGUAGE sql AS \'SELECT $1\'',
	'OPERATOR datom.|| (LEFTARG = jsonb, RIGHTARG = text, FUNCTION = jsonb_delete)',
	'TABLE datom.tx (a int)', 'TABLE datom.other (a int)', 'TYPE datom.value AS (a int)', 'DOMAIN datom.text AS text', 'SEQUENCE datom.tx_id', 'VIEW datom.v AS SELECT 1')
{
	$other->begin_work;
	$other->do('CREATE SCHEMA datom');
	$other->do("CREATE $object");
	isnt(state_of($other, 'CREATE EXTENSION datom'), '00000', 'CREATE EXTENSION fails after CREATE ' . ($object =~ s/ (RETURNS|AS|\().*//r));
	$other->rollback;
}
$other->begin_work;
$other->do('CREATE SCHEMA datom AUTHORIZATION nobody');
isnt(state_of($other, 'CREATE EXTENSION datom'), '00000', 'and in the schema of an ordinary role');
$other->rollback;
is(state_of($other, 'CREATE SCHEMA datom; CREATE EXTENSION datom'), '00000', 'an empty schema of a superuser is fine');
$other->disconnect;

#
# Controls: what has no check is found by the same enumeration
#
my %plants = (
	'a function in SQL that is the definer' => [
		'leak', q{CREATE FUNCTION datom.leak(db regclass) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER
			AS $$ DECLARE n bigint; BEGIN EXECUTE format('SELECT count(*) FROM %s', db) INTO n; RETURN n; END $$},
		qr/SECURITY DEFINER without/, qr/let nobody do it/, qr/has no comment/ ],
	'a function in C that does not ask' => [
		'size', q{CREATE FUNCTION datom.size(db regclass) RETURNS bigint LANGUAGE internal AS 'pg_total_relation_size'},
		qr/let nobody do it/, qr/waited for a lock/ ],
	'a function that locks before it asks' => [
		'lock_first', q{CREATE FUNCTION datom.lock_first(db regclass) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
			AS $$ BEGIN EXECUTE format('LOCK TABLE %s IN ACCESS SHARE MODE', db);
				IF NOT has_table_privilege(session_user, db, 'SELECT') THEN RAISE insufficient_privilege; END IF; RETURN 1; END $$},
		qr/waited for a lock/ ],
	'a function that tells the value' => [
		'tells', q{CREATE FUNCTION datom.tells(db regclass) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
			AS $$ BEGIN RAISE insufficient_privilege USING MESSAGE = (SELECT max(v::text) FROM public.secret); END $$},
		qr/told nobody the value/ ],
	'a function that takes no table' => [
		'all', q{CREATE FUNCTION datom.all() RETURNS bigint LANGUAGE sql AS 'SELECT 1'}, qr/is of no kind/ ],
	'a function of values that is not immutable' => [
		'volatile', q{CREATE FUNCTION datom.volatile(datom.value) RETURNS bigint VOLATILE LANGUAGE sql AS 'SELECT 1'}, qr/is of no kind/ ]);
for my $what (sort keys %plants)
{
	my ($name, $sql, @signs) = @{ $plants{$what} };
	$dbh->do($sql);
	my @found = grep { $_->{name} eq $name } functions();
	my $faults = @found ? join('; ', faults($found[0])) : 'not found';
	like($faults, $_, "control: $what is caught") for @signs;
	$dbh->do("DROP FUNCTION datom.\"$name\"");
}

# The scan that the planner puts in the place of a call, without its check.
like(plan_of($session{reader}, "SELECT * FROM datom.$_->[0]"), qr/Datom(Scan|Entities)/, "the planner takes $_->[1]")
  for [ "as_of('secret')", 'as_of' ], [ "since('secret', 1)", 'since' ], [ "history('secret')", 'history' ], [ "entities('secret', '{:x/v}') x(e bigint, v text)", 'entities' ];
$dbh->do($_) for q{ALTER SYSTEM SET datom.test_break = 'no_check'}, 'SELECT pg_reload_conf()';
for my $session ($dbh, values %session)
{
	wait_until('the rule is broken', sub { one($session, q{SELECT current_setting('datom.test_break')}) eq 'no_check' });
}
for my $f (grep { $_->{signature} =~ /^datom.(as_of\(regclass\)|since\(regclass,text\)|history|entities\(regclass,datom.attribute\[\](,text)?\))/ } functions())
{
	my $faults = join '; ', faults($f);
	like($faults, $_, "control: $f->{signature} without a check is caught")
	  for qr/let nobody do it in FROM/, qr/waited for a lock before it asked for the right in FROM/, qr/its plan let nobody do it/;
	unlike($faults, qr/let \w+ do it(;|$)/, 'the function itself still asks');
}

$_->disconnect for values %session;
$node->stop;
done_testing();
