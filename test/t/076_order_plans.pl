# What was planned before is not answered from what was true then.
#
# A session keeps prepared statements, with custom and with generic plans, and
# functions in SQL and PL/pgSQL whose statements it has planned. Between their
# executions roles, rights, policies, settings, the moment in force, orders,
# attributes, facts and the table behind the name change, at random; and of an
# entity table its owner and options. Each time
# they answer what they answer in a new session in which nothing is planned and
# orders are not read: the same rows, or an error of the same kind.
#
# The control is a function that says it is immutable: its plan goes stale, and
# that is noticed.
use strict;
use warnings;
use Datom;
use Datom::Orders;
use Test::More;

note 'SEED=', my $seed = sow();
my $ROUNDS = $ENV{ROUNDS} || (torture() ? 3000 : 120);
my $node = server('plans', fsync => 'off', autovacuum => 'off', max_parallel_workers => 4, 'datom.wait' => "'60s'");
my $admin = db($node);
$admin->do($_) for 'CREATE ROLE reader', 'CREATE ROLE nobody', 'CREATE ROLE filtered', 'CREATE SCHEMA beside', 'GRANT USAGE ON SCHEMA beside TO PUBLIC';
my %worlds = map { $_ => new_world($admin, $_, size => 60) } 'public.pur', 'public.other', 'beside.pur';
for my $w (map { $worlds{$_} } sort keys %worlds)
{
	say_bulk($admin, $w, 60);
	say_many($admin, $w, 5);
	merge($admin, $w->{table});
	say_many($admin, $w, 3);
	$admin->do("GRANT SELECT ON $w->{table} TO reader, filtered");
	$admin->do("CREATE POLICY thirds ON $w->{table} TO filtered USING (e % 3 = 0)");
}
my $w = $worlds{'public.pur'};
look($admin, $w);

#
# What is kept. Parameters: e, a, an instant, a value, a table.
#

my $SUM = q{count(*) || ':' || coalesce(sum(hashtextextended(concat_ws('|', g.e, g.a, g.v, g.tx, g.added), 0)), 0)};
my $ROWS = q{count(*) || ':' || coalesce(sum(hashtextextended(concat_ws('|', g.e, g.id, g.long), 0)), 0)};
my %statements = (
	all => "SELECT $SUM FROM pur g",
	one_e => "SELECT $SUM FROM pur g WHERE e = \$1",
	one_a => "SELECT $SUM FROM pur g WHERE a = \$2",
	now => "SELECT $SUM FROM datom.as_of('pur') g",
	now_e => "SELECT $SUM FROM datom.as_of('pur') g WHERE e = \$1",
	now_av => "SELECT $SUM FROM datom.as_of('pur') g WHERE a = \$2 AND v = \$4",
	then => "SELECT $SUM FROM datom.as_of('pur', \$3) g WHERE a = \$2",
	then_e => "SELECT $SUM FROM datom.as_of('pur', \$3) g WHERE e BETWEEN \$1 AND \$1 + 10",
	of => "SELECT $SUM FROM datom.as_of(\$5) g WHERE e > \$1",
	since => "SELECT $SUM FROM datom.since('pur', \$3) g",
	history => "SELECT $SUM FROM datom.history('pur') g WHERE e = \$1",
	join => "SELECT $SUM FROM datom.as_of('pur', \$3) g JOIN pur h USING (e) WHERE h.a = \$2",
	qualified => "SELECT $SUM FROM datom.as_of('public.pur') g",
	entity => q{SELECT datom.entity('pur', $1)::text},
	rows => "SELECT $ROWS FROM public.rows g",
	row => "SELECT $ROWS FROM public.rows g WHERE e = \$1",
	row_by_id => "SELECT $ROWS FROM public.rows g WHERE id = \$4::text",
	rows_between => "SELECT $ROWS FROM public.rows g WHERE long BETWEEN 0 AND \$1 % 50",
	rows_then => "SELECT $ROWS FROM datom.entities_as_of(NULL::public.rows, \$3) g WHERE e > \$1",
	rows_of_shard => "SELECT $ROWS FROM public.rows g WHERE mod(e, 5) = \$1 % 5",
	rows_counted => "SELECT count(*) || ' ' || coalesce(sum(long), 0) || ' ' || coalesce(max(id), '') FROM public.rows",
	rows_by_value => "SELECT md5(string_agg(k, ',' ORDER BY k)) FROM (SELECT long || ' ' || count(*) FROM public.rows GROUP BY long) s(k)",
	rows_viewed => "SELECT $ROWS FROM public.seen_rows g WHERE datom.shard(e)",
	viewed => "SELECT $SUM FROM public.seen g WHERE e > \$1",
	viewed_now => "SELECT $SUM FROM public.seen_now g WHERE a = \$2");
my @types = ('bigint', 'datom.attribute', 'timestamptz', 'datom.value', 'regclass');

# Views look names up when they are made, entity tables when they are read.
$admin->do($_) for q{CREATE FOREIGN TABLE public.rows (e bigint, id text OPTIONS (attribute ':u/id'), long bigint) SERVER datom OPTIONS (db 'pur', namespace 'k', key ':k/long')},
	'GRANT SELECT ON public.rows TO reader, filtered', 'CREATE VIEW public.seen_rows AS SELECT * FROM public.rows', 'GRANT SELECT ON public.seen_rows TO PUBLIC',
	'CREATE VIEW seen AS SELECT * FROM public.pur', q{CREATE VIEW seen_now AS SELECT * FROM datom.as_of('public.pur')},
	'GRANT SELECT ON seen, seen_now TO PUBLIC';

my %forms = (
	prepared => sub { my ($name) = @_; return "EXECUTE p_$name(ARGS)" },
	plpgsql => sub { my ($name) = @_; return "SELECT plpgsql_$name(ARGS)" },
	sql => sub { my ($name) = @_; return "SELECT sql_$name(ARGS)" },
	definer => sub { my ($name) = @_; return "SELECT definer_$name(ARGS)" });

sub make_functions
{
	for my $name (sort keys %statements)
	{
		my $sql = $statements{$name};
		my $list = join ', ', @types;
		$admin->do("CREATE FUNCTION public.sql_$name($list) RETURNS text LANGUAGE sql STABLE AS \$\$ $sql \$\$");
		$admin->do("CREATE FUNCTION public.plpgsql_$name($list) RETURNS text LANGUAGE plpgsql STABLE AS
			\$\$ BEGIN RETURN ($sql); END \$\$");
		$admin->do("CREATE FUNCTION public.definer_$name($list) RETURNS text LANGUAGE plpgsql VOLATILE SECURITY DEFINER AS
			\$\$ BEGIN RETURN ($sql); END \$\$");
	}
}

sub prepare
{
	my ($on) = @_;
	$on->do("PREPARE p_$_(" . join(', ', @types) . ") AS $statements{$_}") for sort keys %statements;
}

sub arguments
{
	my $row = pick(@{ $w->{rows} });
	return join ', ', $row->[0], "'$row->[1]'", "'$w->{moments}[ rand @{ $w->{moments} } ][0]'",
		$admin->quote($row->[3]), "'" . pick('pur', 'pur', 'other') . "'";
}

#
# A session: what was set in it, so that a new one can be set likewise
#

sub session
{
	my (%set) = @_;
	my $on = db($node);
	$on->do("SET $_ = '$set{$_}'") for grep { $_ ne 'role' } sort keys %set;
	return $on;
}

sub become
{
	my ($on, %set) = @_;
	$on->do(defined $set{role} ? "SET ROLE $set{role}" : 'RESET ROLE');
}

sub outcome
{
	my ($on, $sql) = @_;
	return eval { one($on, $sql) // 'NULL' } // 'error ' . $on->state;
}

#
# What happens between executions
#

my %set;        # in the session that keeps plans
my $kept;

sub set
{
	my ($name, $value) = @_;
	if (defined $value) { $set{$name} = $value; $kept->do("SET $name = '$value'") }
	else { delete $set{$name}; $kept->do("RESET $name") }
}

sub some_table { return pick(sort keys %worlds) }

my %events = (
	role => sub { $set{role} = pick(undef, undef, qw(reader reader nobody filtered)) },
	revoke => sub { $admin->do('REVOKE SELECT ON ' . some_table() . ' FROM ' . pick(qw(reader filtered))) },
	grant => sub { $admin->do('GRANT SELECT ON ' . some_table() . ' TO ' . pick(qw(reader filtered nobody))) },
	regrant => sub {
		$admin->do("GRANT SELECT ON $_ TO reader, filtered") for sort keys %worlds;
		$admin->do("REVOKE SELECT ON $_ FROM nobody") for sort keys %worlds;
	},
	grant_rows => sub { $admin->do(pick('GRANT SELECT ON rows TO ', 'REVOKE SELECT ON rows FROM ') . pick(qw(reader filtered nobody))) },
	own_rows => sub { $admin->do('ALTER FOREIGN TABLE rows OWNER TO ' . pick('postgres', 'postgres', qw(reader filtered nobody))) },
	options => sub { $admin->do('ALTER FOREIGN TABLE rows OPTIONS (SET ' . pick("db 'pur'", "db 'beside.pur'", "db 'other'", "key 'any'", "key ':k/long'", "key ':u/id'") . ')') },
	shard => sub { set('datom.shard', pick(undef, undef, '0/2', '1/3', maybe(0.2) ? 'x' : undef)) },
	aggregates => sub { set('datom.enable_aggregates', pick(qw(on on off))) },
	policies => sub { $admin->do('ALTER TABLE ' . some_table() . ' ' . pick(qw(ENABLE DISABLE DISABLE)) . ' ROW LEVEL SECURITY') },
	moment => sub { set('datom.as_of', pick(undef, undef, 'garbage', '2200-01-01T00:00:00Z', map({ $_->[1] // $_->[0] . ':00' } pick(@{ $w->{moments} })))) },
	orders => sub { set('datom.enable_orders', pick(qw(on on off))) },
	scan => sub { set('datom.enable_scan', pick(qw(on on off))) },
	plans => sub { set('plan_cache_mode', pick(qw(auto force_generic_plan force_generic_plan force_custom_plan))) },
	workers => sub {
		set('max_parallel_workers_per_gather', pick(0, 2));
		set($_, pick(0, 1000)) for qw(parallel_setup_cost parallel_tuple_cost);
	},
	path => sub { set('search_path', pick('public', 'public', 'beside')) },
	security => sub { set('row_security', pick(qw(on on off))) },
	say => sub { say_many($admin, $worlds{ some_table() }, 1) },
	say_bulk => sub { say_bulk($admin, $worlds{ some_table() }, 5) },
	attribute => sub { $admin->begin_work; act($admin, $worlds{ some_table() }, pick(qw(cardinality indexed))); $admin->commit },
	merge => sub { merge($admin, some_table()) },
	drop_order => sub { my @orders = orders_of($admin, some_table()); $admin->do('DROP INDEX ' . pick(@orders)) if @orders },
	create_order => sub { $admin->do('CREATE INDEX ON ' . some_table() . ' USING datom_order (' . pick('a, e', 'e, a', 'a, v', 'v, a') . ')') },
	reindex => sub { $admin->do('REINDEX TABLE ' . some_table()) },
	analyze => sub { $admin->do('ANALYZE ' . some_table()) },
	rename => sub {
		$admin->begin_work;
		$admin->do($_) for 'ALTER TABLE public.pur RENAME TO between', 'ALTER TABLE public.other RENAME TO pur', 'ALTER TABLE public.between RENAME TO other';
		$admin->commit;
		# A world goes by its name.
		@worlds{qw(public.pur public.other)} = map { my $world = $worlds{ $_->[0] }; $world->{table} = $_->[1]; $world }
			[ 'public.other', 'public.pur' ], [ 'public.pur', 'public.other' ];
		look($admin, $w = $worlds{'public.pur'});
	},
	discard => sub { $kept->do('DISCARD TEMP') });
my @events = (('role') x 3, ('moment') x 2, ('plans') x 3, ('say') x 2, sort keys %events);

#
# The run
#

make_functions();
$kept = session();
prepare($kept);
my (%done, %outcomes, @wrong, @events_so_far);
for my $round (1 .. $ROUNDS)
{
	for (1 .. 1 + rand 2)
	{
		my $event = pick(@events);
		become($kept);
		eval { $events{$event}->(); 1 } or $admin->{AutoCommit} || $admin->rollback;
		push @events_so_far, $event;
		$done{$event}++;
	}
	my $fresh = session(%set, 'datom.enable_orders' => 'off', 'datom.enable_scan' => 'off', plan_cache_mode => 'auto', max_parallel_workers_per_gather => 0);
	prepare($fresh);
	become($_, %set) for $kept, $fresh;
	for (1 .. 14)
	{
		my ($form, $name) = (pick(sort keys %forms), pick(sort keys %statements));
		my $sql = $forms{$form}->($name) =~ s/ARGS/arguments()/er;
		# Functions of public are not found from everywhere.
		$sql =~ s/SELECT /SELECT public./ if $form ne 'prepared';
		my ($got, $want) = map { outcome($_, $sql) } $kept, $fresh;
		$outcomes{ $want =~ /^error/ ? $want : 'rows' }++;
		push @wrong, "round $round, $sql: $got, not $want; set: "
			. join(', ', map { "$_=" . ($set{$_} // '') } sort keys %set) . '; after ' . join(' ', @events_so_far[ -5 .. -1 ])
			if $got ne $want;
	}
	$fresh->disconnect;
}
note join ', ', map { "$done{$_} x $_" } sort keys %done;
note join ', ', map { "$outcomes{$_} x $_" } sort keys %outcomes;
diag "seed $seed: $_" for @wrong[ 0 .. ($#wrong < 4 ? $#wrong : 4) ];
is(scalar @wrong, 0, 'nothing is answered from what was true before');
cmp_ok($outcomes{$_} // 0, '>', 10, "there were $_") for 'rows', 'error 42501', torture() ? 'error 0A000' : ();

# The control.
become($kept);
$kept->do('RESET ALL');
$admin->do("ALTER TABLE public.pur DISABLE ROW LEVEL SECURITY");
$admin->do(q{CREATE FUNCTION public.frozen() RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN (SELECT count(*) FROM datom.as_of('public.pur')); END $$});
$kept->do('SET plan_cache_mode = force_generic_plan');
$kept->do('PREPARE frozen AS SELECT public.frozen()');
my $before = outcome($kept, 'EXECUTE frozen');
say_bulk($admin, $worlds{'public.pur'}, 60);
isnt(outcome(session(), 'SELECT public.frozen()'), $before, 'control: it has changed');
is(outcome($kept, 'EXECUTE frozen'), $before, 'control: what is frozen in a plan is noticed');
done_testing();
