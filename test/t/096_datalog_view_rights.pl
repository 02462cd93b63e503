# A view over datom.saved_q() reads with the rights of its owner: who is granted
# the view needs none on the datom tables, and gets none by it. What the owner may
# not read, or may not any more, nobody reads through the view, however it is asked
# and whenever it was planned. Elsewhere saved_q() goes by the rights of its caller,
# as q() does everywhere.
#
# The control is a build that does not ask: each view has to be seen to read then.
use strict;
use warnings;
use Datom;
use PostgreSQL::Test::Utils;
use Test::More;

my $seed = $ENV{SEED} || time ^ $$;
srand $seed;
note "SEED=$seed";
my $SECRET = 'xyzzy4711';
my $node = server('view_rights', fsync => 'off', autovacuum => 'off');
my $dbh = db($node);
# keeper has the tables, author the views, second a view of hers upon them; viewer
# may read views, reader the tables too, nobody neither.
my @roles = qw(keeper author second viewer reader nobody readers);
$dbh->do("CREATE ROLE $_ LOGIN") for @roles;
$dbh->do("GRANT CREATE, USAGE ON SCHEMA public TO keeper, author, second, viewer");
my %session = map { $_ => role($_) } @roles;

sub role
{
	my ($name, $database) = (@_, 'postgres');
	return DBI->connect(
		sprintf("dbi:Pg:dbname=$database;host=%s;port=%d;options='-c timezone=UTC -c lock_timeout=1s'", $node->host, $node->port),
		$name, '', { RaiseError => 1, PrintError => 0, PrintWarn => 0, AutoInactiveDestroy => 1 });
}

# Runs a statement; returns its SQLSTATE, or its rows if it has any, as text.
sub result_of
{
	my ($on, $sql) = @_;
	my @rows;
	if ($sql =~ /^COPY/)
	{
		return eval { $on->do($sql); my $line; push @rows, $line while $on->pg_getcopydata($line) >= 0; 1 } ? join("\n", sort map { s/\n$//r =~ s/\\\\/\\/gr } @rows) : $on->state;
	}
	my $rows = eval { my $sth = $on->prepare($sql); $sth->execute; $sth->{NUM_OF_FIELDS} ? $sth->fetchall_arrayref : [] };
	return $on->state unless $rows;
	return join "\n", sort map { join '|', map { $_ // '~' } @$_ } @$rows;
}

sub said { my ($on, $sql) = @_; return eval { $on->do($sql); 1 } ? '' : "$@" }

my $keeper = $session{keeper};
for my $table (qw(secret open))
{
	one($keeper, 'SELECT datom.create(?)', $table);
	one($keeper, "SELECT datom.define_attribute(?, ':x/id', 'string', 'one', 'identity')", $table);
	one($keeper, "SELECT datom.define_attribute(?, ':x/v', 'string', indexed => true)", $table);
	one($keeper, "SELECT datom.define_attribute(?, ':x/n', 'long')", $table);
	one($keeper, "SELECT datom.define_attribute(?, ':x/k', 'keyword', 'many')", $table);
	one($keeper, "SELECT datom.define_attribute(?, ':x/next', 'ref')", $table);
	one($keeper, 'SELECT tx FROM datom.transact(?, ?::text)', $table,
		'[' . join(' ', map { qq({:db/id "e$_" :x/id "$SECRET-$_" :x/v "$SECRET" :x/n $_ :x/k [:k/a :k/b] :x/next "e) . ($_ % 200 + 1) . '"}' } 1 .. 200) . ']');
}
my $tx = one($keeper, q{SELECT tx FROM datom.transact('secret', ?::text)}, qq([{:x/id "$SECRET-3" :x/n 300}]));
one($keeper, q{SELECT tx FROM datom.transact('secret', ?::text)}, qq([{:x/id "$SECRET-4" :x/n 400}]));
$dbh->do($_) for 'VACUUM ANALYZE secret', 'VACUUM ANALYZE open', 'GRANT SELECT ON secret, open TO author', 'GRANT SELECT ON secret TO reader', 'GRANT SELECT ON open TO PUBLIC';
my $entity = one($keeper, q{SELECT e FROM secret WHERE a = ':x/n' AND v = '7'});
my $before = one($keeper, "SELECT datom.instant($tx)::text") =~ s/ /T/r =~ s/\+00$/Z/r;

#
# The views: a query, its arguments, its columns
#

my $NEXT = '[[(after ?a ?b) [?a :x/next ?b]] [(after ?a ?b) [?a :x/next ?c] (after ?c ?b)]]';
my %query = (
	entities => [ '[:find ?id ?n :where [?e :x/id ?id] [?e :x/n ?n]]', '', 'id text, n bigint' ],
	declared => [ '[:find ?id ?n :in $ ?n :where [?e :x/id ?id] [?e :x/n ?n]]', q{'?n', 7}, 'id text, n bigint' ],
	facts => [ '[:find ?e ?a ?v :where [?e ?a ?v]]', '', 'e bigint, a text, v text' ],
	many => [ '[:find ?id ?k :where [?e :x/id ?id] [?e :x/k ?k]]', '', 'id text, k text' ],
	transactions => [ '[:find ?id ?tx :where [?e :x/id ?id ?tx]]', '', 'id text, tx bigint' ],
	instants => [ '[:find ?tx ?t :where [?tx :db/txInstant ?t]]', '', 'tx bigint, t timestamptz' ],
	'instants of facts' => [ '[:find ?id ?t :where [?e :x/id ?id ?tx] [?tx :db/txInstant ?t]]', '', 'id text, t timestamptz' ],
	attributes => [ '[:find ?i :where [?a :db/ident ?i]]', '', 'i text' ],
	'a lookup ref' => [ qq{[:find ?n :where [[:x/id "$SECRET-7"] :x/n ?n]]}, '', 'n bigint' ],
	'a value' => [ '[:find ?e :in $ ?v :where [?e :x/v ?v]]', "'?v', '$SECRET'", 'e bigint' ],
	'an entity' => [ '[:find ?v :in $ ?e :where [?e :x/v ?v]]', "'?e', $entity", 'v text' ],
	'a collection' => [ '[:find ?id :in $ [?n ...] :where [?e :x/id ?id] [?e :x/n ?n]]', q{'?n', ARRAY[7, 8]}, 'id text' ],
	'a relation' => [ '[:find ?id ?s :in $ [[?n ?s]] :where [?e :x/id ?id] [?e :x/n ?n]]', q{'?n_s', '[[7, "seven"]]'::jsonb}, 'id text, s text' ],
	aggregates => [ '[:find ?v (sum ?n) (count ?e) :where [?e :x/v ?v] [?e :x/n ?n]]', '', 'v text, s numeric, c bigint' ],
	negation => [ '[:find ?n :in $ $open :where [$open ?e :x/n ?n] (not [_ :x/n ?n])]', q{'$open', 'open'::regclass}, 'n bigint' ],
	undeclared => [ '[:find ?n :where [$open ?e :x/n ?n] [?f :x/n ?n]]', q{'$open', 'open'::regclass}, 'n bigint' ],
	alternatives => [ '[:find ?n :where [?e :x/id] (or-join [?e ?n] [?e :x/n ?n] (and [?e :x/next ?f] [?f :x/n ?n]))]', '', 'n bigint' ],
	rules => [ '[:find ?n :in $ % :where [?e :x/n 7] (after ?e ?f) [?f :x/n ?n]]', "'%', '$NEXT'", 'n bigint' ],
	'get-else' => [ '[:find ?v :where [?e :x/n 7] [(get-else $ ?e :x/v "none") ?v]]', '', 'v text' ],
	missing => [ '[:find ?id :where [?e :x/id ?id] [(missing? $ ?e :x/next)]]', '', 'id text' ],
	'a shard' => [ '[:find ?n :in $ ?k ?i :where [?e :x/n ?n] [(mod ?e ?k) ?i]]', q{'?i', 1, '?k', 5}, 'n bigint' ],
	pulled => [ '[:find (pull ?e [:x/id {:x/next [:x/n]}]) :where [?e :x/n 7]]', '', 'p jsonb' ],
	'a pattern' => [ '[:find (pull ?e pattern) :in $ pattern :where [?e :x/n 7]]', q{'pattern', '[*]'}, 'p jsonb' ],
	unused => [ '[:find ?x :in $ :where [(ground 1) ?x]]', '', 'x bigint' ],
	limited => [ '[:find ?id :limit 300 :where [?e :x/id ?id]]', '', 'id text' ]);
# The same of another moment.
my %of = (
	(map { $_ => q{'public.TABLE'::regclass} } keys %query),
	'as of' => qq{'{"db": "public.TABLE", "as-of": "$before"}'::jsonb},
	'as of a transaction' => qq{'{:db "public.TABLE" :as-of $tx}'},
	since => qq{'{"db": "public.TABLE", "since": $tx}'::jsonb}, history => q{'{:db "public.TABLE" :history true}'});
$query{$_} = $query{entities} for 'as of', 'as of a transaction';
$query{since} = [ '[:find ?e ?n :where [?e :x/n ?n]]', '', 'e bigint, n bigint' ];
$query{history} = [ '[:find ?id ?n ?op :where [?e :x/n ?n _ ?op] [?e :x/id ?id _ _]]', '', 'id text, n bigint, op boolean' ];
for my $at ('as of', 'as of a transaction', 'since') { $query{"instants $at"} = $query{instants}; $of{"instants $at"} = $of{$at} }
for my $at ('as of', 'as of a transaction') { $query{"pulled $at"} = $query{pulled}; $of{"pulled $at"} = $of{$at} }
my @names = sort keys %query;
my %view;
@view{@names} = map { "v$_" } 1 .. @names;

# The call in FROM, of a table.
sub asked
{
	my ($name, $table) = @_;
	my ($query, $args, $columns) = @{ $query{$name} };
	return "datom.saved_q(\$q\$$query\$q\$, '\$', " . $of{$name} =~ s/TABLE/$table/r . ($args ? ", $args" : '') . ") AS q ($columns)";
}

my $author = $session{author};
for my $name (@names)
{
	my $v = $view{$name};
	my $from = asked($name, 'secret');
	$author->do($_) for "CREATE VIEW $v AS SELECT * FROM $from", "CREATE VIEW b$v WITH (security_barrier) AS SELECT * FROM $from",
		"CREATE VIEW i$v WITH (security_invoker) AS SELECT * FROM $from", "CREATE VIEW n$v WITH (security_invoker) AS SELECT * FROM $v",
		"CREATE VIEW j$v AS SELECT * FROM i$v",
		"GRANT SELECT ON $v, b$v, i$v, n$v, j$v TO viewer, reader, second";
	$session{second}->do($_) for "CREATE VIEW o$v AS SELECT * FROM $v", "GRANT SELECT ON o$v TO viewer, reader, author";
}

# The ways to read a view; those that its owner's rights are enough for.
my %way = (
	'itself' => 'SELECT q::text FROM VIEW q', 'by a barrier' => 'SELECT q::text FROM bVIEW q', 'through the view of another' => 'SELECT q::text FROM oVIEW q',
	'through a view for its invoker' => 'SELECT q::text FROM nVIEW q',
	'joined' => 'SELECT q::text FROM generate_series(1, 1) i LEFT JOIN VIEW q ON true', 'below EXISTS' => 'SELECT q::text FROM VIEW q WHERE EXISTS (SELECT FROM VIEW)',
	'in a CTE' => 'WITH x AS MATERIALIZED (TABLE VIEW) SELECT q::text FROM x q', 'copied' => 'COPY (SELECT q::text FROM VIEW q) TO STDOUT',
	'in a union' => 'SELECT q::text FROM VIEW q UNION SELECT q::text FROM VIEW q');
my @ways = sort keys %way;

sub reads
{
	my ($way, $name) = @_;
	return $way{$way} =~ s/VIEW/$view{$name}/gr;
}

# What differs from what is expected: an answer for each view, or one state for all.
sub wrong
{
	my ($on, $expected, @of) = @_;
	my @wrong;
	@of = @ways unless @of;
	for my $name (@names)
	{
		for my $way (@of)
		{
			my $got = result_of($on, reads($way, $name));
			my $want = ref $expected ? $expected->{$name} : $expected;
			$want = '~' if $way eq 'joined' && $want eq '';
			push @wrong, "$name, $way: " . substr($got, 0, 60) . ' for ' . substr($want, 0, 60) if $got ne $want;
		}
	}
	return join "\n", @wrong;
}

#
# Who may read
#

my %answer = map { $_ => result_of($keeper, 'SELECT q::text FROM ' . asked($_, 'secret')) } @names;
my @empty = grep { $answer{$_} eq '' && !/missing|negation/ } @names;
is("@empty", '', 'each of ' . @names . ' views has rows');
is(join(' ', grep { $answer{$_} =~ /^\w{5}$/ && $answer{$_} !~ /^\d{1,3}$/ } @names), '', 'and no error');
is(wrong($author, \%answer), '', "the author of views reads them in " . @ways . ' ways');
is(wrong($session{viewer}, \%answer), '', 'and so does who may only read the views');
is(result_of($session{viewer}, 'SELECT * FROM ' . asked($_, 'secret')), '42501', "who may not read the table itself: $_") for @names;
is(result_of($session{viewer}, $_), '42501', "nor: $_") for q{TABLE secret}, q{SELECT datom.as_of('secret')}, "SELECT datom.pull('secret', '[*]', $entity)",
	q{SELECT datom.q_json('[:find ?n :where [$secret ?e :x/n ?n]]')}, q{SELECT datom.q_describe('[:find ?n :where [$secret ?e :x/n ?n]]')};
is(one($session{viewer}, q{SELECT count(*) FROM datom.tx WHERE db = 'secret'::regclass}), 0, 'nor who wrote in it');
is(wrong($session{nobody}, '42501'), '', 'who has no right to the views reads nothing');
for my $kind ('i', 'j')
{
	is(join(' ', grep { result_of($session{viewer}, "SELECT q::text FROM $kind$view{$_} q") ne '42501' } @names), '', 'a view for its invoker goes by that one' . ($kind eq 'j' ? ', also in another' : ''));
	is(join(' ', grep { result_of($session{reader}, "SELECT q::text FROM $kind$view{$_} q") ne $answer{$_} } @names), '', 'who may read the table reads through it');
}

# Without scans the functions ask their caller: an error, and no other answer.
$session{$_}->do('SET datom.enable_scan = off') for qw(viewer reader author);
is(wrong($session{viewer}, '42501', 'itself', 'by a barrier', 'through the view of another'), '', 'by functions the caller counts');
is(wrong($session{reader}, \%answer, 'itself'), '', 'who may read the table');
$session{$_}->do('RESET datom.enable_scan') for qw(viewer reader author);

# What the owner may not read.
$session{second}->do($_) for "CREATE VIEW stolen AS SELECT * FROM " . asked('entities', 'secret'), 'GRANT SELECT ON stolen TO PUBLIC';
is(result_of($session{$_}, 'TABLE stolen'), '42501', "a view of who may not read the table, as $_") for qw(second viewer reader nobody keeper);
$session{viewer}->do('CREATE TEMP VIEW mine AS SELECT * FROM ' . asked('pulled', 'secret'));
is(result_of($session{viewer}, 'TABLE mine'), '42501', 'one does not give rights to oneself');

# q() and the rest go by their caller, whoever's view it is.
my %plain = (q => q{SELECT * FROM datom.q('[:find ?n :in $ :where [?e :x/n ?n]]', 'secret'::regclass) AS q (n bigint)}, as_of => q{SELECT * FROM datom.as_of('secret')},
	entities => q{SELECT * FROM datom.entities('secret', '{:x/n}') AS (e bigint, n bigint)}, pull => "SELECT datom.pull('secret', '[*]', $entity)");
for my $what (sort keys %plain)
{
	$author->do($_) for "CREATE VIEW plain_$what AS $plain{$what}", "GRANT SELECT ON plain_$what TO viewer, reader";
	is(result_of($session{viewer}, "TABLE plain_$what"), '42501', "$what() in a view goes by its caller");
	isnt(result_of($session{reader}, "TABLE plain_$what"), '42501', 'who may read');
}

# Functions go by their caller too, but for SECURITY DEFINER.
$author->do($_) for 'CREATE FUNCTION f(n bigint) RETURNS TABLE (id text) STABLE LANGUAGE sql AS ' . q{$f$ SELECT * FROM datom.saved_q('[:find ?id :in $ ?n :where [?e :x/id ?id] [?e :x/n ?n]]', '$', 'public.secret'::regclass, '?n', n) AS (id text) $f$},
	'CREATE FUNCTION p(n bigint) RETURNS SETOF text STABLE LANGUAGE plpgsql AS ' . q{$f$ BEGIN RETURN QUERY SELECT id FROM f(n); END $f$},
	'CREATE FUNCTION d(n bigint) RETURNS SETOF text STABLE LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS ' . q{$f$ SELECT id FROM f(n) $f$},
	'CREATE FUNCTION w() RETURNS bigint LANGUAGE plpgsql AS ' . "\$f\$ BEGIN RETURN (SELECT count(*) FROM $view{entities}); END \$f\$",
	'CREATE VIEW over_f AS SELECT * FROM f(7)', 'GRANT SELECT ON over_f TO viewer, reader';
is(join(' ', map { my $s = $_; map { result_of($session{$s}, $_) } 'SELECT * FROM f(7)', 'SELECT * FROM p(7)', 'TABLE over_f' } qw(viewer reader)), '42501 42501 42501' . " $SECRET-7" x 3, 'functions go by their caller');
is(result_of($session{viewer}, $_), "$SECRET-7", "SECURITY DEFINER goes by its owner, time") for ('SELECT * FROM d(7)') x 2;
is(result_of($session{viewer}, 'SELECT w()'), 200, 'and a view in a function by its own');

# In rules and materialized views, whoever asks.
$author->do($_) for "CREATE MATERIALIZED VIEW kept AS TABLE $view{entities}", 'GRANT SELECT ON kept TO viewer';
$author->do('REFRESH MATERIALIZED VIEW kept');
is(one($session{viewer}, 'SELECT count(*) FROM kept'), 200, 'a materialized view');
$keeper->do('REVOKE SELECT ON secret FROM author');
is(result_of($author, 'REFRESH MATERIALIZED VIEW kept'), '42501', 'is refreshed with the rights of its owner');
is(result_of($dbh, 'REFRESH MATERIALIZED VIEW kept'), '42501', 'also by a superuser');
$keeper->do('GRANT SELECT ON secret TO author');

# Names that the caller could make mean another table.
$dbh->do($_) for 'CREATE SCHEMA other', 'GRANT USAGE ON SCHEMA other TO PUBLIC';
my %named = (default => '', text => q{, '$', 'secret'}, map => q{, '$', '{"db": "secret"}'::jsonb}, known => q{, '$', 'public.secret'::regclass});
for my $how (sort keys %named)
{
	$author->do($_) for "CREATE VIEW named_$how AS SELECT * FROM datom.saved_q('[:find ?n :where [?e :x/n ?n]]'$named{$how}) AS (n bigint)", "GRANT SELECT ON named_$how TO viewer, reader";
	for my $role (qw(viewer reader author))
	{
		$session{$role}->do("SET datom.db = 'secret'");
		my $got = result_of($session{$role}, "SELECT count(*) FROM named_$how");
		is($got, $how eq 'known' ? 200 : '42501', "a source as $how, as $role");
		like(said($session{$role}, "SELECT * FROM named_$how"), qr/source "\$" of a view goes by its name.*Datalog query of view "named_$how"/s, 'which is said') if $how ne 'known';
		$session{$role}->do('RESET datom.db');
	}
}

# A function in SQL that the query calls is the caller's to execute, as in any view.
$author->do($_) for "CREATE FUNCTION twice(bigint) RETURNS bigint IMMUTABLE LANGUAGE sql AS 'SELECT \$1 * 2'", 'REVOKE EXECUTE ON FUNCTION twice FROM PUBLIC',
	q{CREATE VIEW calls AS SELECT * FROM datom.saved_q('[:find ?m :where [?e :x/n ?n] [(public.twice ?n) ?m]]', '$', 'public.secret'::regclass) AS (m bigint)}, 'GRANT SELECT ON calls TO viewer';
is(result_of($session{viewer}, 'TABLE calls'), '42501', 'a function that one may not execute');
$author->do('GRANT EXECUTE ON FUNCTION twice TO viewer');
is(one($session{viewer}, 'SELECT count(*) FROM calls'), 200, 'and may');
$dbh->do('REVOKE EXECUTE ON FUNCTION datom.saved_q(text, "any") FROM PUBLIC');
is(result_of($session{viewer}, "TABLE $view{entities}"), '42501', 'the call itself');
$dbh->do('GRANT EXECUTE ON FUNCTION datom.saved_q(text, "any") TO PUBLIC');

#
# Statements that were prepared before
#

sub prepared
{
	my ($on, @of) = @_;
	my $n = 0;
	my @plans;
	for my $name (@names)
	{
		for my $way (@of)
		{
			$on->do('PREPARE p' . ++$n . ' AS ' . reads($way, $name));
			result_of($on, "EXECUTE p$n") for 1 .. 2;
			push @plans, [ $name, "EXECUTE p$n" ];
		}
	}
	return @plans;
}

sub wrong_plans
{
	my ($on, $expected, @plans) = @_;
	return join "\n", map {
		my $got = result_of($on, $_->[1]);
		my $want = ref $expected ? $expected->{ $_->[0] } : $expected;
		$got eq $want ? () : "$_->[0]: " . substr($got, 0, 60)
	} @plans;
}

my @steps = (
	[ 'revoked' => '42501', 'REVOKE SELECT ON secret FROM author' ],
	[ 'by a group' => \%answer, 'GRANT SELECT ON secret TO readers; GRANT readers TO author' ],
	[ 'out of the group' => '42501', 'REVOKE readers FROM author' ],
	[ 'granted' => \%answer, 'GRANT SELECT ON secret TO author; REVOKE SELECT ON secret FROM readers' ],
	[ 'some columns left' => '42501', 'REVOKE SELECT ON secret FROM author; GRANT SELECT (e, a) ON secret TO author' ],
	[ 'all columns again' => \%answer, 'REVOKE SELECT (e, a) ON secret FROM author; GRANT SELECT ON secret TO author' ],
	[ 'of a new owner' => '42501', map { "ALTER VIEW $view{$_} OWNER TO second" } @names ],
	[ 'who may read' => \%answer, 'GRANT SELECT ON secret TO second' ],
	[ 'of the old owner' => \%answer, 'REVOKE SELECT ON secret FROM second', map { "ALTER VIEW $view{$_} OWNER TO author" } @names ],
	[ 'where row-level security applies' => '0A000', 'ALTER TABLE secret ENABLE ROW LEVEL SECURITY', 'CREATE POLICY half ON secret USING (e % 2 = 0)' ],
	[ 'to an owner who bypasses it' => \%answer, 'ALTER ROLE author BYPASSRLS' ],
	[ 'without it' => \%answer, 'ALTER ROLE author NOBYPASSRLS', 'ALTER TABLE secret DISABLE ROW LEVEL SECURITY' ],
	[ 'gone from the view' => '42501', map { "REVOKE SELECT ON $view{$_} FROM viewer" } @names ],
	[ 'and back' => \%answer, map { "GRANT SELECT ON $view{$_} TO viewer" } @names ]);
my %modes;
for my $mode (qw(force_generic_plan force_custom_plan))
{
	my $on = role('viewer');
	$on->do("SET plan_cache_mode = $mode");
	$modes{$mode} = [ $on, prepared($on, 'itself') ];
}
for my $step (@steps)
{
	my ($what, $expected, @do) = @$step;
	$dbh->do($_) for map { split /; / } @do;
	is(wrong_plans($modes{$_}[0], $expected, @{ $modes{$_} }[ 1 .. $#{ $modes{$_} } ]), '', "$what: what was prepared, $_") for sort keys %modes;
	is(wrong($session{viewer}, $expected, 'itself'), '', "$what: and what is asked anew");
	like(said($session{viewer}, "SELECT * FROM $view{entities}"), qr/(permission denied for table secret|row-level security applies).*Datalog query of view "$view{entities}"/s, 'said of which view') if $what eq 'revoked' || $what =~ /applies/;
}
$_->[0]->disconnect for values %modes;

# One session in several roles.
for my $mode (qw(force_generic_plan force_custom_plan))
{
	my $root = db($node);
	$root->do("SET plan_cache_mode = $mode");
	my @plans = prepared($root, 'itself');
	for ([ viewer => \%answer ], [ nobody => '42501' ], [ author => \%answer ], [ viewer => \%answer ], [ reader => \%answer ])
	{
		$root->do("SET ROLE $_->[0]");
		is(wrong_plans($root, $_->[1], @plans), '', "prepared by another, as $_->[0], $mode");
		$root->do('RESET ROLE');
	}
	$root->disconnect;
}

#
# Conditions, shards, moments
#

my $viewer = $session{viewer};
my $n = 2 + int rand 5;
for my $sql ("SELECT id, n FROM VIEW WHERE n > $n * 10 ORDER BY 1", "SELECT sum(n) FROM VIEW WHERE id = '$SECRET-" . (1 + int rand 200) . q{'}, "SELECT count(*), max(id) FROM VIEW GROUP BY n % $n ORDER BY 1, 2",
	"SELECT a.id FROM VIEW a JOIN VIEW b ON b.n = a.n + $n")
{
	my $from = asked('entities', 'secret') =~ s/ AS q \(.*//r;
	my $own = $sql =~ s/VIEW( \w(?= JOIN| ON))?/"(SELECT * FROM $from AS q (id text, n bigint)) " . ($1 \/\/ ' x')/ger;
	is(result_of($viewer, $sql =~ s/VIEW/$view{entities}/gr), result_of($keeper, $own), "as the query itself: $sql");
}
$viewer->do("SET datom.as_of = '$before'");
is(result_of($viewer, reads('itself', 'entities')), $answer{'as of'}, 'the moment in force counts');
is(result_of($viewer, reads('itself', 'instants')), $answer{'instants as of'}, 'also for instants');
$viewer->do('RESET datom.as_of');
my $plan = join "\n", map { $_->[0] } @{ $viewer->selectall_arrayref("EXPLAIN (COSTS OFF) SELECT * FROM $view{entities} WHERE id = '$SECRET-9'") };
like($plan, qr/^Custom Scan \(DatomEntities\)\n.*(Bounded|Looked up) by: c1/s, 'a condition reaches the scan');

# Workers read on behalf of the owner too.
$viewer->do($_) for 'SET parallel_setup_cost = 0', 'SET parallel_tuple_cost = 0', 'SET min_parallel_table_scan_size = 0', 'SET max_parallel_workers_per_gather = 2', 'SET force_parallel_mode = on';
like(join("\n", map { $_->[0] } @{ $viewer->selectall_arrayref("EXPLAIN (ANALYZE) SELECT * FROM $view{facts}") }), qr/Workers Launched: [12]/, 'with workers');
is(wrong($viewer, \%answer, 'itself'), '', 'the answers are the same');
$viewer->do("RESET $_") for qw(parallel_setup_cost parallel_tuple_cost min_parallel_table_scan_size max_parallel_workers_per_gather force_parallel_mode);

#
# Dump and restore
#

like(said($dbh, 'DROP TABLE secret'), qr/depend on it/, 'a table that views read is not dropped');
$dbh->do('CREATE DATABASE restored');
my $dump = PostgreSQL::Test::Utils::tempdir() . '/dump.sql';
$node->command_ok([ 'pg_dump', '-f', $dump, '-d', $node->connstr('postgres') ], 'dumped');
$node->command_ok([ 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-f', $dump, '-d', $node->connstr('restored') ], 'restored');
my $there = role('viewer', 'restored');
is(wrong($there, \%answer, 'itself', 'by a barrier'), '', 'views answer as before');
is(result_of($there, 'TABLE secret'), '42501', 'with the rights of their owner');
is(result_of($there, 'SELECT * FROM d(7)'), "$SECRET-7", 'functions too');
$there->disconnect;

#
# Locks
#

my @waited;
$dbh->do('REVOKE SELECT ON secret FROM author');
$keeper->begin_work;
$keeper->do('LOCK secret');
for my $name (@names)
{
	my $got = result_of($viewer, reads('itself', $name));
	push @waited, "$name: $got" if $got ne '42501';
}
$keeper->rollback;
is(join(', ', @waited), '', 'where the owner has no right, nobody waits for a lock');
is(result_of($viewer, reads('itself', $_)), '42501', 'nor reads') for 'entities', 'unused';

#
# The control: the build that does not ask
#

$dbh->do(q{ALTER ROLE viewer SET "datom.test_break" = 'no_check'});
my $broken = role('viewer');
is(one($broken, 'SHOW datom.test_break'), 'no_check', 'control: the build that does not ask');
my %control = map { $_ => $answer{$_} } @names;
# Who wrote is shown by a policy, which the server asks.
$control{$_} = '' for grep { /^instants/ } @names;
is(wrong($broken, \%control, 'itself', 'by a barrier'), '', 'control: reads through every view what its owner may not');

$_->disconnect for values %session, $broken;
$node->stop;
done_testing();
