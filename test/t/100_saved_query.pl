# Saved queries survive: dumps restore them with all their versions, a standby
# shows and searches them, sessions that save the same at once make one version
# after the other, and what fails leaves nothing. Queries of seeded random texts
# are saved, changed, undone and dropped, and the catalogue is held against a
# plain list of what was done.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use DBD::Pg ':async';
use DatomTest;

my $seed = $ENV{SEED} || int rand 1e9;
note "SEED=$seed";
srand $seed;

my $origin = new_server('origin', allows_streaming => 1, conf => 'fsync = off');
$origin->start;
my $s = connect_to($origin);
$s->do('CREATE DATABASE shop');
$s->disconnect;
$s = connect_to($origin, 'shop');
$s->do($_) for 'CREATE EXTENSION datom', "SELECT datom.create('pur')",
  "SELECT datom.define_attribute('pur', ':purchase/id', 'string', 'one', 'identity'), datom.define_attribute('pur', ':purchase/amount', 'bigdec'), datom.define_attribute('pur', ':purchase/n', 'long')",
  q{SELECT datom.transact('pur', (SELECT jsonb_agg(jsonb_build_object(':purchase/id', 'p' || i, ':purchase/amount', i * 1.5, ':purchase/n', i)) FROM generate_series(1, 50) i))},
  'IMPORT FOREIGN SCHEMA pur FROM SERVER datom INTO public', 'CREATE ROLE keeper', 'CREATE ROLE reader', 'GRANT CREATE ON SCHEMA public TO keeper', 'GRANT SELECT ON purchase TO keeper';

# -- what was done, and what the catalogue says

my (%truth, @moments);
my @names = ('q1', 'q2', 'q3', '"Odd; ""name"""');
sub qualified { return "public.$_[0]" }

# Different columns, and arguments or none.
sub some_query
{
	my $n = int rand 50;
	my @kinds = (
		[ "SELECT id FROM purchase WHERE n > $n" ],
		[ "SELECT id, amount FROM purchase WHERE n > $n /* it's \$\$ ; \\ */" ],
		[ "SELECT id, amount, n FROM purchase WHERE n < $n" ],
		[ "SELECT amount AS id FROM purchase WHERE n = $n" ],
		[ "SELECT id, amount FROM purchase WHERE n > at_least + $n", 'at_least integer DEFAULT 1' ],
		[ "SELECT id FROM purchase WHERE n > at_least + $n AND id <> who", 'at_least bigint, who text DEFAULT $$it\'s$$::text' ],
		[ "[:find ?id ?a :where [?e :purchase/n ?n] [(> ?n $n)] [?e :purchase/id ?id] [?e :purchase/amount ?a]]" ],
		[ "[:find ?id :in \$ ?at-least :where [?e :purchase/n ?n] [(> ?n ?at-least)] [?e :purchase/id ?id]]", undef, 1 ]);
	return @{ $kinds[ rand @kinds ] };
}

$s->do("SET datom.db = 'public.pur'");
for my $i (1 .. 60)
{
	my $name = $names[ rand @names ];
	my $all = $truth{$name} //= { versions => [], dropped => 0, back => 0 };
	my $act = rand;
	if ($act < 0.6 || !@{ $all->{versions} })
	{
		my ($query, $arguments) = some_query();
		my $doc = "doc $i '\" \$\$";
		is(value_of($s, 'SELECT datom.save_query(?, ?, ?, tags => ?, arguments => ?)', $name, $query, $doc, [ 'b', "a$i" ], $arguments), qualified($name), "$i: saved");
		push @{ $all->{versions} }, [ $query, $doc, scalar @{ $all->{versions} } ];
		$all->{dropped} = 0;
	}
	elsif ($act < 0.8)
	{
		my @versions = @{ $all->{versions} };
		my $to = $all->{dropped} ? $versions[-1][2] : $versions[-1][2] - 1;
		if ($to < 0) { is(error_of($s, 'SELECT datom.undo_query(' . $s->quote($name) . ')'), '55000', "$i: nothing to undo") }
		else
		{
			my $source = $all->{dropped} ? $versions[-1] : $versions[$to];
			is(value_of($s, 'SELECT datom.undo_query(?)', $name), @versions + 1, "$i: undone");
			push @{ $all->{versions} }, [ $source->[0], $source->[1], $source->[2] ];
			$all->{dropped} = 0;
		}
	}
	else
	{
		is(error_of($s, 'SELECT datom.drop_query(' . $s->quote($name) . ')'), $all->{dropped} ? '42704' : '00000', "$i: dropped");
		$all->{dropped} = 1;
	}
	push @moments, [ value_of($s, q{SELECT max(instant) FROM datom.tx WHERE db = 'datom.queries'::regclass}), catalogue($s) ] if $i % 10 == 0;
}
for my $name (sort keys %truth)
{
	my $all = $truth{$name};
	my $said = $s->selectall_arrayref('SELECT query, doc FROM datom.saved_query_history WHERE name = ? ORDER BY version', undef, qualified($name));
	is_deeply($said, [ map { [ @$_[ 0, 1 ] ] } @{ $all->{versions} } ], "$name: " . @$said . ' versions');
	is_deeply($s->selectcol_arrayref('SELECT query FROM datom.saved_query WHERE name = ?', undef, qualified($name)), [ $all->{dropped} ? () : $all->{versions}[-1][0] ], 'and the newest is it');
}

# All that it says of itself, with what the views are and return.
sub catalogue
{
	my ($session) = @_;
	return join "\n", map { join '|', map { $_ // '~' } @$_ } @{ $session->selectall_arrayref(<<'SQL') };
SELECT name, version, query, doc, owner, tags::text, stability, author, extract(epoch FROM valid_from), extract(epoch FROM valid_to), NULL, NULL
FROM datom.saved_query_history
UNION ALL
SELECT name, version, language, arguments, owner, inputs::text, stability, author, extract(epoch FROM saved_at), NULL, relation IS NULL, function IS NULL
FROM datom.saved_query
ORDER BY 1, 2, 3
SQL
}
sub objects
{
	my ($session) = @_;
	$session->do("SET search_path = 'pg_catalog'");
	my $all = join "\n", map { join '|', map { $_ // '~' } @$_ } @{ $session->selectall_arrayref(<<'SQL') };
SELECT name, pg_get_viewdef(relation), obj_description(relation), pg_get_functiondef(function), obj_description(function, 'pg_proc'), (SELECT relacl::text FROM pg_class WHERE oid = relation)
FROM datom.saved_query ORDER BY 1
SQL
	$session->do('RESET search_path');
	return $all;
}
is_deeply($s->selectall_arrayref('SELECT * FROM datom.check_queries()'), [], 'all can be asked');
for my $at (@moments)
{
	$s->do("SET datom.as_of = '$at->[0]'");
	my $now = catalogue($s);
	# Whether the view is there is no fact of the catalogue.
	s/\|[01~]\|[01~]$//mg for $now, my $then = $at->[1];
	is($now, $then, "as of $at->[0] it is what it was then");
	$s->do('RESET datom.as_of');
}

# An old version by hand.
$s->do(q{SELECT datom.save_query('q1', 'SELECT id FROM purchase WHERE n <= 3', 'three')});
my $before = value_of($s, q{SELECT saved_at FROM datom.saved_query WHERE name = 'public.q1'});
$s->do(q{SELECT datom.save_query('q1', 'SELECT id FROM purchase WHERE n <= 5', 'five')});
$s->do(q{GRANT SELECT ON q1 TO reader});
$s->do("SET datom.as_of = '$before'");
my $old = value_of($s, q{SELECT query FROM datom.saved_query WHERE name = 'public.q1'});
$s->do('RESET datom.as_of');
is(value_of($s, "SELECT count(*) FROM ($old) x"), 3, 'an old version is read and asked');
is(value_of($s, 'SELECT count(*) FROM q1'), 5, 'the new one is in force');

# -- two at once

$s->do(q{SELECT datom.save_query('pair', 'SELECT 0 AS x')});
my @two = map { connect_to($origin, 'shop') } 1, 2;
$two[0]->begin_work;
value_of($two[0], q{SELECT datom.save_query('pair', 'SELECT 1 AS x, 1 AS y')});
$two[1]->do(q{SELECT datom.save_query('pair', 'SELECT 2 AS x')}, { pg_async => PG_ASYNC });
ok(until_true($s, q{SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query ~ 'SELECT 2 AS x' AND pid <> pg_backend_pid()}), 'the second waits for the first');
$two[0]->commit;
ok(eval { $two[1]->pg_result; 1 }, 'and then saves') or diag $two[1]->errstr;
is_deeply($s->selectcol_arrayref(q{SELECT query FROM datom.saved_query_history WHERE name = 'public.pair' ORDER BY version}),
	[ 'SELECT 0 AS x', 'SELECT 1 AS x, 1 AS y', 'SELECT 2 AS x' ], 'one after the other');
$two[0]->begin_work;
value_of($two[0], q{SELECT datom.save_query('fresh', 'SELECT 1 AS x')});
$two[1]->do(q{SELECT datom.save_query('fresh', 'SELECT 2 AS y')}, { pg_async => PG_ASYNC });
until_true($s, q{SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query ~ 'SELECT 2 AS y' AND pid <> pg_backend_pid()});
$two[0]->rollback;
ok(eval { $two[1]->pg_result; 1 }, 'a name that was new and rolled back is free');
is(value_of($s, q{SELECT max(version) FROM datom.saved_query_history WHERE name = 'public.fresh'}), 1, 'and this is its first version');
$_->disconnect for @two;

# Many, in the first write of a database: who defines the attributes?
$s->do('CREATE DATABASE young');
my $young = connect_to($origin, 'young');
$young->do('CREATE EXTENSION datom');
my @many = map { connect_to($origin, 'young') } 1 .. 6;
$many[$_]->do("SELECT datom.save_query('v$_', 'SELECT $_ AS x')", { pg_async => PG_ASYNC }) for 0 .. $#many;
is(scalar(grep { my $m = $_; eval { $m->pg_result; 1 } } @many), 6, 'six sessions make the first queries at once') or diag map { $_->errstr // '' } @many;
is(value_of($young, 'SELECT count(*) FROM datom.saved_query WHERE relation IS NOT NULL'), 6, 'all are there');
is(value_of($young, q{SELECT count(*) FROM datom.check('datom.queries')}), 0, 'and the catalogue is sound');
$_->disconnect for @many, $young;

# -- rights: the view's owner counts

for my $query ('SELECT id FROM public.purchase', '[:find ?id :where [$p ?e :purchase/id ?id]]')
{
	$s->do("SELECT datom.save_query('granted', ?)", undef, $query =~ s/\$p/\$pur/r);
	$s->do('GRANT SELECT ON granted TO reader');
	$s->do('SET ROLE reader');
	is(value_of($s, 'SELECT count(*) FROM granted'), 50, "the right on the view is enough: $query");
	is(error_of($s, 'SELECT * FROM pur'), '42501', 'and the datom table is closed');
	is(error_of($s, q{SELECT * FROM datom.q('[:find ?id :where [$pur ?e :purchase/id ?id]]') x(id text)}), '42501', 'also for Datalog');
	$s->do('RESET ROLE');
}
$s->do(q{SELECT datom.save_query('granted', 'SELECT e FROM datom.as_of(''public.pur'')')});
$s->do($_) for 'GRANT SELECT ON granted TO reader', 'SET ROLE reader';
is(error_of($s, 'SELECT * FROM granted'), '42501', 'control: a function asks for the rights of the caller, in a view too');
$s->do('RESET ROLE');
$s->do(q{SELECT datom.drop_query('granted')});

# -- dump and restore

my ($all, $objects) = (catalogue($s), objects($s));
cmp_ok(scalar(split /\n/, $all), '>', 20, 'the catalogue says much');
my $dir = PostgreSQL::Test::Utils::tempdir();
my @dump = ('pg_dump', '-d', $origin->connstr('shop'));
command_ok([ @dump, '-f', "$dir/plain.sql" ], 'pg_dump');
command_ok([ @dump, '-Fc', '-f', "$dir/custom" ], 'pg_dump -Fc');

sub same
{
	my ($database, $how) = @_;
	my $t = connect_to($origin, $database);
	is(catalogue($t), $all, "$how: the same versions");
	is(objects($t), $objects, "$how: the same views and functions");
	is(value_of($t, 'SELECT count(*) FROM q1'), 5, "$how: they can be asked");
	is(value_of($t, "SELECT count(*) FROM datom.check('datom.queries')"), 0, "$how: sound");
	is_deeply($t->selectall_arrayref('SELECT * FROM datom.check_queries()'), [], "$how: all can be asked");
	is(value_of($t, "SELECT datom.undo_query('q1')"), value_of($s, q{SELECT version + 1 FROM datom.saved_query WHERE name = 'public.q1'}), "$how: undo goes on");
	is(value_of($t, 'SELECT count(*) FROM q1'), 3, "$how: with what was before");
	isnt(catalogue($t), $all, "$how: control: a version more is seen");
	$t->disconnect;
}
$s->do("CREATE DATABASE $_") for 'plain', 'custom';
command_ok([ 'psql', '-qX', '-v', 'ON_ERROR_STOP=1', '-d', $origin->connstr('plain'), '-f', "$dir/plain.sql" ], 'psql');
same('plain', 'plain');
command_ok([ 'pg_restore', '-e', '-d', $origin->connstr('custom'), "$dir/custom" ], 'pg_restore');
same('custom', 'custom');
# Into a database whose catalogue has queries and attributes of its own.
command_ok([ 'pg_restore', '-e', '--clean', '--if-exists', '-d', $origin->connstr('young'), "$dir/custom" ], 'pg_restore --clean over another catalogue');
same('young', 'over another');

# -- a standby

$origin->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($origin, 'base', has_streaming => 1);
$standby->start;
$origin->wait_for_catchup($standby);
my $r = connect_to($standby, 'shop');
is(catalogue($r), $all, 'a standby shows the same');
is(value_of($r, 'SELECT count(*) FROM q1'), 5, 'and asks them');
is(value_of($r, "SELECT name FROM datom.search_queries('five')"), 'public.q1', 'and finds them');
is_deeply($r->selectall_arrayref('SELECT * FROM datom.check_queries()'), [], 'and checks them');
is(error_of($r, "SELECT datom.save_query('x', 'SELECT 1 AS x')"), '25006', 'but saves none');
$r->do('SET ROLE reader');
is(value_of($r, q{SELECT doc FROM datom.saved_query WHERE name = 'public.q1'}), 'five', 'whoever asks');
$r->disconnect;

# -- without the library preloaded

$s->disconnect;
$standby->stop;
$origin->append_conf('postgresql.conf', "shared_preload_libraries = ''");
$origin->restart;
my $bare = connect_to($origin);
$bare->do('CREATE EXTENSION datom');
is(value_of($bare, 'SELECT count(*) FROM datom.saved_query'), 0, 'the extension is made where the library is not preloaded');
is(error_of($bare, "SELECT datom.save_query('x', 'SELECT 1 AS x')"), '55000', 'a query is not saved there');
is(value_of($bare, "SELECT to_regclass('x')"), undef, 'and no view is left');
$bare->disconnect;
$bare = connect_to($origin, 'shop');
is(catalogue($bare), $all, 'but the catalogue is shown');
is(value_of($bare, 'SELECT count(*) FROM q1'), 5, 'and a view can be asked');
$bare->disconnect;
$origin->stop;

done_testing();
