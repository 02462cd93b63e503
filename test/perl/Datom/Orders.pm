# Orders.pm: datom tables with random schemas and histories, and questions about
# them with the answers of plain SQL.
#
# A world is a datom table:
#
#	table		its name
#	attrs		{ident} => { type, many, unique, index }
#	size		how many entities there may be, from 1001 on
#	moments		[ instant, transaction or undef ] that can be asked for
#
# A question is SQL over a relation, `got`, and the same SQL over what
# test/oracle.sql makes of the rows of the log, `want`. The log itself is read
# by sequential scan. An answer is a text: how many rows, and a hash of them.
package Datom::Orders;
use strict;
use warnings;
use Datom;
use Exporter 'import';
use FindBin;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(sow pick maybe orders_of merge merger configure configurations name_of swap_orders
  new_world say_many say_bulk act oracle learn look question want got all_answers);

my $seed;

# The seed of the test; each run of it has its own, unless SEED is given.
sub sow
{
	my ($n) = @_;
	$seed = $n // $ENV{SEED} // int rand 1e6;
	srand $seed;
	return $seed;
}

sub pick { return $_[ rand @_ ] }
sub maybe { return rand() < $_[0] }

#
# Orders
#

# Which orders a datom table has, by name.
sub orders_of
{
	my ($dbh, $table) = @_;
	return @{ $dbh->selectcol_arrayref(q{SELECT i.indexrelid::regclass FROM pg_index i
		JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am am ON am.oid = c.relam
		WHERE i.indrelid = ?::regclass AND am.amname = 'datom_order' ORDER BY 1}, undef, $table) };
}

# Without giving up pages at the end of the log, which waits for others.
sub merge { my ($dbh, $table) = @_; $dbh->do("VACUUM (TRUNCATE off) $table") }

# For controls: two tables change their files of the order on these columns,
# such as "(a, e)". Returns how many files: 2.
sub swap_orders
{
	my ($dbh, $x, $y, $columns) = @_;
	return $dbh->do(q{WITH file AS (
			SELECT c.oid, c.relfilenode, i.indrelid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am am ON am.oid = c.relam
			WHERE am.amname = 'datom_order' AND i.indrelid IN (?::regclass, ?::regclass) AND pg_get_indexdef(c.oid) LIKE '%' || ? || '%')
		UPDATE pg_class c SET relfilenode = other.relfilenode FROM file mine, file other
		WHERE c.oid = mine.oid AND other.indrelid <> mine.indrelid}, undef, $x, $y, $columns);
}

# One who merges until the file "stop" appears, whatever happens to the server.
sub merger
{
	my ($node, $table, $stop, $pause) = @_;
	my $dbh;
	until (-e $stop || orphan())
	{
		if (!$dbh || !$dbh->ping) { $dbh = try_db($node) or do { Time::HiRes::sleep(0.02); next } }
		eval { merge($dbh, $table) };
		Time::HiRes::sleep(rand() * ($pause // 0.1));
	}
}

# How a session reads: `orders`, `scan`, and `workers`, each 0 or 1.
sub configure
{
	my ($dbh, %how) = @_;
	my %set = ('datom.enable_orders' => $how{orders} ? 'on' : 'off', 'datom.enable_scan' => $how{scan} ? 'on' : 'off',
		max_parallel_workers_per_gather => $how{workers} ? 2 : 0);
	@set{qw(parallel_setup_cost parallel_tuple_cost min_parallel_table_scan_size min_parallel_index_scan_size)} = (0) x 4
		if $how{workers};
	$dbh->do("SET $_ = '$set{$_}'") for sort keys %set;
}

# All of them. Without orders there is nothing for the scan to use.
sub configurations
{
	return map { my $o = $_; map { my $s = $_; map { { orders => $o, scan => $s, workers => $_ } } 0, 1 } 0, 1 } 0, 1;
}

sub name_of
{
	my (%how) = @_;
	return join ', ', map { ($how{$_} ? '' : 'no ') . $_ } qw(orders scan workers);
}

#
# Worlds
#

# A value of a type, from the SQL of a number that is not negative.
my %made_of = (
	string => sub { my ($h) = @_; return "CASE $h % 23 WHEN 0 THEN repeat(md5(($h % 7)::text), 1 + ($h % 97)::int)
		WHEN 1 THEN '' WHEN 2 THEN 'Zürich ' || $h % 5 ELSE 's' || $h % 40 END" },
	long => sub { my ($h) = @_; return "CASE $h % 61 WHEN 0 THEN $h WHEN 1 THEN -$h WHEN 2 THEN 9223372036854775807 WHEN 3 THEN -9223372036854775807 - 1 ELSE $h % 60 - 5 END" },
	double => sub { my ($h) = @_; return "CASE $h % 31 WHEN 0 THEN 'NaN' WHEN 1 THEN '-Infinity' ELSE ($h % 80) / 8.0 END::float8" },
	bigdec => sub { my ($h) = @_; return "CASE $h % 3 WHEN 0 THEN round(($h % 200) / 10.0, 1) WHEN 1 THEN round(($h % 200) / 10.0, 2) ELSE $h % 20 END::numeric" },
	boolean => sub { my ($h) = @_; return "($h % 2 = 0)" },
	instant => sub { my ($h) = @_; return "(CASE $h % 29 WHEN 0 THEN '0001-01-01Z' WHEN 1 THEN '9998-01-01Z' ELSE '2014-11-15T13:37:42Z' END::timestamptz + ($h % 90) * interval '1 second' + ($h % 3) * interval '1 us')" },
	date => sub { my ($h) = @_; return "(CASE $h % 29 WHEN 0 THEN '0001-01-01' WHEN 1 THEN '9998-01-01' ELSE '2014-11-15' END::date + ($h % 50)::int)" },
	uuid => sub { my ($h) = @_; return "md5(($h % 70)::text)::uuid" },
	keyword => sub { my ($h) = @_; return "datom.keyword(':s/k' || $h % 9)" },
	ref => sub { my ($h, $w) = @_; return "datom.ref(1001 + $h % $w->{size})" },
	bytes => sub { my ($h) = @_; return "decode(md5(($h % 30)::text), 'hex')" },
	json => sub { my ($h) = @_; return "jsonb_build_object('n', $h % 12)" });

sub number { my ($i, $salt) = @_; return "(hashint8extended($i, $salt) & 9223372036854775807)" }

sub define
{
	my ($dbh, $w, $a) = @_;
	my $d = $w->{attrs}{$a};
	one($dbh, 'SELECT datom.define_attribute(?, ?::text::datom.attribute, ?, ?, ?, ?)', $w->{table}, $a, $d->{type},
		$d->{many} ? 'many' : 'one', $d->{unique}, $d->{index} ? 't' : 'f');
}

# A new datom table. `size` is a number of entities, `importing` begins it with
# imports, `more` has further attributes, `never` the acts that are not to happen.
sub new_world
{
	my ($dbh, $table, %of) = @_;
	my $w = { table => $table, size => $of{size} // 300, never => $of{never} // {}, attrs => {
		%{ $of{more} // {} },
		':u/id' => { type => 'string', unique => 'identity' },
		':r/to' => { type => 'ref', many => 1, index => maybe(0.5) },
		':r/one' => { type => 'ref' },
		':k/long' => { type => 'long', index => maybe(0.5) },
		':l/string' => { type => 'string', many => maybe(0.6), index => maybe(0.5) } } };
	$w->{attrs}{':u/code'} = { type => 'long', unique => 'value' } if maybe(0.5);
	$w->{attrs}{":m/$_"} = { type => $_, many => maybe(0.5), index => maybe(0.4) }
		for grep { maybe(0.4) } sort keys %made_of;
	one($dbh, 'SELECT datom.create(?, ?)', $table, $of{importing} ? 't' : 'f');
	import_past($dbh, $w) if $of{importing};
	$dbh->begin_work;
	define($dbh, $w, $_) for sort keys %{ $w->{attrs} };
	$dbh->commit;
	return $w;
}

sub import_past
{
	my ($dbh, $w) = @_;
	for my $year (1990 .. 1996)
	{
		$dbh->begin_work;
		for my $month ('01', '07')
		{
			one($dbh, 'SELECT datom.import_tx(?, ?)', $w->{table}, "$year-$month-01T00:00:00Z");
			define($dbh, $w, ':k/long') if "$year$month" eq '199001';
			$dbh->do(rows_of($w, ':k/long', 40)) if "$year$month" ne '199001';
		}
		$dbh->commit;
	}
	one($dbh, 'SELECT datom.live(?)', $w->{table});
}

# An INSERT of about n rows of an attribute, one for each of so many entities.
sub rows_of
{
	my ($w, $a, $n) = @_;
	my $d = $w->{attrs}{$a};
	my ($salt, $other) = (int rand 1e9, int rand 1e9);
	my $e = $n > 20 || maybe(0.5) ? "1001 + " . number('i', $salt) . " % $w->{size}" : '1001 + i % 3';
	my $v = $d->{unique} ? $d->{type} eq 'long' ? "e * 1000 + $salt % 1000" : "'id' || e || '.' || $salt % 1000" :
		$made_of{ $d->{type} }->(number('i', $other), $w);
	return "INSERT INTO $w->{table} (e, a, v) SELECT e, '$a', $v FROM (
		SELECT DISTINCT ON (e) e, i FROM (SELECT $e AS e, i FROM generate_series(1, $n) i) s ORDER BY e, i) s";
}

sub some_of
{
	my ($w) = @_;
	return pick(sort keys %{ $w->{attrs} });
}

# What holds of an attribute, for some entities: as SQL over g.
sub holding
{
	my ($w, $a) = @_;
	return "datom.as_of('$w->{table}') g WHERE a = '$a' AND " . number('e', int rand 1e9) . ' % ' . pick(1, 3, 10, 40) . ' = 0';
}

sub identity { my ($w) = @_; return sprintf 'x%d', rand 12 }

sub transacted
{
	my ($dbh, $w, $data) = @_;
	one($dbh, 'SELECT tx FROM datom.transact(?, ?::text)', $w->{table}, $data);
}

sub entity_number { my ($w) = @_; return 1001 + int rand $w->{size} }

# Each says something, or fails.
my %acts = (
	few => sub { my ($dbh, $w) = @_; $dbh->do(rows_of($w, some_of($w), 1 + int rand 6)) },
	bulk => sub { my ($dbh, $w) = @_; $dbh->do(rows_of($w, some_of($w), 50 + int rand 400)) },
	retract => sub {
		my ($dbh, $w) = @_;
		$dbh->do("INSERT INTO $w->{table} (e, a, v, added) SELECT e, a, v, false FROM " . holding($w, some_of($w)));
	},
	repeat => sub {
		my ($dbh, $w) = @_;
		$dbh->do("INSERT INTO $w->{table} (e, a, v) SELECT e, a, v FROM " . holding($w, some_of($w)));
	},
	both => sub {
		my ($dbh, $w) = @_;
		$dbh->do("INSERT INTO $w->{table} (e, a, v, added) SELECT e, a, v, f FROM "
			. holding($w, some_of($w)) =~ s/ g / g, (VALUES (true), (false)) f(f) /r);
	},
	nothing => sub {
		my ($dbh, $w) = @_;
		$dbh->do(rows_of($w, pick(':k/long', ':r/to'), 20) =~ s/\(e, a, v\) SELECT e,/(added, e, a, v) SELECT false, e,/r);
	},
	about_tx => sub {
		my ($dbh, $w) = @_;
		$dbh->do("INSERT INTO $w->{table} (e, a, v) VALUES (-datom.current_tx(), ':k/long', ?::bigint)", undef, int rand 50);
	},
	far_off => sub {
		my ($dbh, $w) = @_;
		$dbh->do("INSERT INTO $w->{table} (e, a, v) VALUES (?, ':k/long', 1), (?, ':r/to', datom.ref(?))", undef,
			pick(2147483648, 9007199254740993), (pick(2147483647, 4611686018427387904)) x 2);
	},
	long_value => sub {
		my ($dbh, $w) = @_;
		$dbh->do("INSERT INTO $w->{table} (e, a, v) SELECT ?, ':l/string', repeat(md5(?::text), ?::int) || string_agg(md5((? + i)::text), '')
			FROM generate_series(1, ?::int) i", undef, entity_number($w), int rand 5, int rand 400, int rand 1e6, int rand 300);
	},
	upsert => sub {
		my ($dbh, $w) = @_;
		transacted($dbh, $w, sprintf '[{:u/id "%s" :k/long %d :r/one {:db/id "t" :k/long %d}} {:u/id "%s" :r/to [%d %d]}]',
			identity($w), rand 50, rand 50, identity($w), entity_number($w), entity_number($w));
	},
	change_hands => sub {
		my ($dbh, $w) = @_;
		my $id = identity($w);
		transacted($dbh, $w, qq([[:db/retract [:u/id "$id"] :u/id "$id"] [:db/add ${\ entity_number($w)} :u/id "$id"]]));
	},
	retract_entity => sub { my ($dbh, $w) = @_; transacted($dbh, $w, '[[:db/retractEntity ' . entity_number($w) . ']]') },
	retract_attribute => sub { my ($dbh, $w) = @_; transacted($dbh, $w, '[[:db/retract ' . entity_number($w) . ' ' . some_of($w) . ']]') },
	cardinality => sub {
		my ($dbh, $w) = @_;
		my $a = pick(grep { !$w->{attrs}{$_}{unique} } sort keys %{ $w->{attrs} });
		my %old = %{ $w->{attrs}{$a} };
		$w->{attrs}{$a}{many} = !$old{many};
		eval { define($dbh, $w, $a); 1 } or do { $w->{attrs}{$a} = \%old; die $@ };
		push @{ $w->{undo} }, [ $a, \%old ];
	},
	indexed => sub {
		my ($dbh, $w) = @_;
		my $a = pick(grep { !$w->{attrs}{$_}{unique} } sort keys %{ $w->{attrs} });
		push @{ $w->{undo} }, [ $a, { %{ $w->{attrs}{$a} } } ];
		$w->{attrs}{$a}{index} = !$w->{attrs}{$a}{index};
		define($dbh, $w, $a);
	});
my @likely = (('few') x 8, ('bulk') x 3, ('retract') x 3, ('repeat') x 2, ('both') x 2, 'nothing', 'about_tx', 'far_off', 'long_value',
	('upsert') x 3, 'change_hands', 'retract_entity', 'retract_attribute', 'cardinality', 'indexed');

# One act, in a savepoint, because some must fail.
sub act
{
	my ($dbh, $w, $kind) = @_;
	$dbh->do('SAVEPOINT act');
	my $undo = @{ $w->{undo} // [] };
	$kind //= pick(grep { !$w->{never}{$_} } @likely);
	my $kept = eval { $acts{$kind}->($dbh, $w); 1 } && !maybe(0.1);
	die $@ if !$dbh->ping;
	$dbh->do($kept ? 'RELEASE act' : 'ROLLBACK TO act');
	forget($w, $undo) if !$kept;
	return $kept;
}

# Attributes are again what they were.
sub forget
{
	my ($w, $since) = @_;
	while (@{ $w->{undo} // [] } > $since)
	{
		my ($a, $old) = @{ pop @{ $w->{undo} } };
		$w->{attrs}{$a} = $old;
	}
}

# So many transactions, some of which are rolled back.
sub say_many
{
	my ($dbh, $w, $n) = @_;
	for (1 .. $n)
	{
		$w->{undo} = [];
		$dbh->begin_work;
		act($dbh, $w) for 1 .. 1 + rand 3;
		maybe(0.85) ? $dbh->commit : do { $dbh->rollback; forget($w, 0) };
	}
}

# About n rows of every attribute, in a few transactions.
sub say_bulk
{
	my ($dbh, $w, $n) = @_;
	for my $a (sort keys %{ $w->{attrs} })
	{
		$dbh->do(rows_of($w, $a, $n)) for 1 .. 1 + rand 2;
	}
}

#
# The oracle
#

sub oracle
{
	my ($dbh) = @_;
	$dbh->do(slurp_file("$FindBin::Bin/../oracle.sql"));
	$dbh->do(q{
		CREATE UNLOGGED TABLE oracle.mirror OF datom.datom USING heap;
		CREATE UNLOGGED TABLE oracle.valued (
			e bigint, a datom.attribute, v datom.value, key text, tx bigint, at timestamptz, to_tx bigint, to_at timestamptz);
		CREATE VIEW oracle.turn AS
			SELECT e, a, v, tx, true AS added, at FROM oracle.valued
			UNION ALL
			SELECT e, a, v, to_tx, false, to_at FROM oracle.valued WHERE to_tx IS NOT NULL;
	});
}

# Computes all facts of a table from its log, in a transaction that is open or
# not, and remembers what moments there are.
sub learn
{
	my ($dbh, $w) = @_;
	my $table = $w->{table};
	$dbh->do("SET $_ = off") for qw(datom.enable_orders datom.enable_scan enable_indexscan enable_bitmapscan);
	$dbh->do('TRUNCATE oracle.journal, oracle.commits, oracle.mirror, oracle.valued');
	$dbh->do("INSERT INTO oracle.mirror SELECT * FROM $table");
	$dbh->do('INSERT INTO oracle.journal (db, tx, e, a, type, v, added)
		SELECT ?, tx, e, a::text, datom.value_type(v), v::text, added FROM oracle.mirror', undef, $table);
	$dbh->do('INSERT INTO oracle.commits (db, tx, instant, application)
		SELECT ?, tx, instant, application FROM datom.tx WHERE db = ?::regclass', undef, $table, $table);
	$dbh->do('ANALYZE oracle.journal, oracle.commits, oracle.mirror');
	$dbh->do('SELECT oracle.learn(?)', undef, $table);
	$dbh->do(q{INSERT INTO oracle.valued
		SELECT f.e, m.a, m.v, f.key, f.from_tx, f.from_at, f.to_tx, f.to_at
		FROM oracle.fact f JOIN (
			SELECT DISTINCT ON (e, a, tx, v::text COLLATE "C") * FROM oracle.mirror WHERE added) m
			ON (m.e, m.a::text, m.tx) = (f.e, f.a, f.from_tx) AND m.v::text COLLATE "C" = f.v});
	$dbh->do('ANALYZE oracle.valued');
	$dbh->do("RESET $_") for qw(enable_indexscan enable_bitmapscan);
	die 'facts were lost' if one($dbh, 'SELECT (SELECT count(*) FROM oracle.fact) <> (SELECT count(*) FROM oracle.valued)');
	look($dbh, $w, 'oracle.mirror');
}

# What may be asked for: moments, and some rows, of the table or of what it is
# called here.
sub look
{
	my ($dbh, $w, $log) = @_;
	my $table = $w->{table};
	$log //= $table;
	$w->{basis} = one($dbh, 'SELECT datom.basis(?)', $table);
	$w->{moments} = $dbh->selectall_arrayref(q{
		SELECT instant + d * interval '1 us', CASE d WHEN 0 THEN tx END FROM datom.tx, (VALUES (-1), (0), (0), (1)) d(d)
		WHERE db = ?::regclass AND instant + d * interval '1 us' <= ? ORDER BY instant, d}, undef, $table, $w->{basis});
	push @{ $w->{moments} }, [ '1900-01-01 00:00:00+00', undef ], [ $w->{basis}, undef ];
	$w->{rows} = $dbh->selectall_arrayref(qq{SELECT e, a, datom.value_type(v), v, tx FROM $log
		WHERE a::text NOT LIKE ':db/%' AND length(v::text) < 500 ORDER BY hashint8extended(tx, ?) # hashint8(e), a, v LIMIT 60},
		undef, int rand 1e9);
}

# A moment, rather often one of the last ones.
sub moment
{
	my ($w) = @_;
	my @all = @{ $w->{moments} };
	return $all[ maybe(0.3) ? -1 - int rand(@all < 12 ? @all : 12) : rand @all ];
}

sub quoted { my ($v) = @_; $v =~ s/'/''/g; return "'$v'" }

# A moment as it is written in SQL.
sub written
{
	my ($m) = @_;
	my ($at, $tx) = @$m;
	return "$tx\::bigint" if defined $tx && maybe(0.3);
	return defined $tx && maybe(0.3) ? "'$tx'::text" : "'$at'::text" if maybe(0.2);
	return "'$at'::timestamptz";
}

#
# Relations: each is what is asked, what SQL makes of it, and the moment in force
# if there is one.
#

my $HOLDS = 'SELECT e, a, v, tx, true AS added FROM oracle.valued WHERE';

sub at_moment { my ($at) = @_; return "at <= '$at' AND (to_at IS NULL OR to_at > '$at')" }

sub later_first { my ($x, $y) = @_; return $x->[0] le $y->[0] ? ($x, $y) : ($y, $x) }

my %relations = (
	table => sub { my ($w) = @_; return ($w->{table}, 'SELECT * FROM oracle.mirror') },
	now => sub { my ($w) = @_; return ("datom.as_of('$w->{table}')", "$HOLDS to_tx IS NULL") },
	as_of => sub {
		my ($w, $m) = @_;
		return ("datom.as_of('$w->{table}', " . written($m) . ')', "$HOLDS " . at_moment($m->[0]));
	},
	in_force => sub {
		my ($w, $m) = @_;
		return ("datom.as_of('$w->{table}')", "$HOLDS " . at_moment($m->[0]), $m->[0]);
	},
	since => sub {
		my ($w, $m) = @_;
		return ("datom.since('$w->{table}', " . written($m) . ')', "$HOLDS at > '$m->[0]' AND to_tx IS NULL");
	},
	since_until => sub {
		my ($w, $x, $y) = @_;
		return ("datom.since('$w->{table}', " . written($x) . ')', "$HOLDS at > '$x->[0]' AND " . at_moment($y->[0]), $y->[0]);
	},
	history => sub { my ($w) = @_; return ("datom.history('$w->{table}')", 'SELECT e, a, v, tx, added FROM oracle.turn') },
	history_until => sub {
		my ($w, $m) = @_;
		return ("datom.history('$w->{table}')", "SELECT e, a, v, tx, added FROM oracle.turn WHERE at <= '$m->[0]'", $m->[0]);
	},
	log => sub {
		my ($w, $x, $y) = @_;
		return ("datom.log('$w->{table}', '$x->[0]'::timestamptz, '$y->[0]'::timestamptz)",
			"SELECT e, a, v, tx, added FROM oracle.turn WHERE at >= '$x->[0]' AND at < '$y->[0]'");
	},
	log_all => sub { my ($w) = @_; return ("datom.log('$w->{table}')", 'SELECT e, a, v, tx, added FROM oracle.turn') },
	diff => sub {
		my ($w, $x, $y) = @_;
		my ($from, $to) = ($x->[0], $y->[0]);
		my $none = 'NOT EXISTS (SELECT FROM oracle.valued o WHERE (o.e, o.a, o.key) = (f.e, f.a, f.key) AND o.';
		return ("datom.diff('$w->{table}', '$from'::timestamptz, '$to'::timestamptz)",
			"SELECT e, a, v, tx, true AS added FROM oracle.valued f WHERE at > '$from' AND " . at_moment($to)
			. " AND $none" . at_moment($from) . ')'
			. " UNION ALL SELECT e, a, v, to_tx, false FROM oracle.valued f WHERE to_at <= '$to' AND " . at_moment($from)
			. " AND $none" . at_moment($to) . ')');
	});
my @asked = (('table') x 3, ('now') x 4, ('as_of') x 6, ('in_force') x 2, qw(since since_until history history_until history log log_all diff));

sub relation
{
	my ($w, $kind, $force) = @_;
	my ($x, $y) = (moment($w), moment($w));
	($x, $y) = $kind =~ /^(log|diff|since_until)$/ ? later_first($x, $y) : ($force // $x, $y);
	return $relations{$kind}->($w, $x, $y);
}

#
# Conditions, of g
#

sub value_like
{
	my ($row) = @_;
	return quoted($row->[3]) . (maybe(0.5) ? '::datom.value' : '');
}

sub some_row { my ($w) = @_; return pick(@{ $w->{rows} }) }

# The type that a value is cast to without loss.
my %shown_as = (boolean => 'boolean', long => 'bigint', double => 'float8', bigdec => 'numeric', keyword => 'text', string => 'text',
	instant => 'timestamptz', date => 'date', uuid => 'uuid', ref => 'bigint', bytes => 'bytea', json => 'jsonb');

my %conditions = (
	none => sub { return 'true' },
	a => sub { my ($w) = @_; return "g.a = '" . some_row($w)->[1] . "'" },
	any_a => sub { my ($w) = @_; return "g.a IN ('" . join("', '", map { some_row($w)->[1] } 1 .. 3) . "')" },
	no_a => sub { return q{g.a = ':never/defined'} },
	schema => sub { return q{g.a BETWEEN ':db/cardinality' AND ':db/valueType'} },
	e => sub { my ($w) = @_; return 'g.e = ' . pick(some_row($w)->[0], 999_999, -some_row($w)->[4]) },
	any_e => sub { my ($w) = @_; return 'g.e = ANY (ARRAY[' . join(', ', map { some_row($w)->[0] } 1 .. 4) . ']::bigint[])' },
	e_range => sub { my ($w) = @_; return 'g.e BETWEEN ' . some_row($w)->[0] . ' AND ' . some_row($w)->[0] },
	e_below => sub { my ($w) = @_; return pick('g.e < ', 'g.e >= ', 'g.e > ', 'g.e <= ') . some_row($w)->[0] },
	e_null => sub { return 'g.e = NULL::bigint' },
	ea => sub { my ($w) = @_; my $r = some_row($w); return "g.e = $r->[0] AND g.a = '$r->[1]'" },
	av => sub { my ($w) = @_; my $r = some_row($w); return "g.a = '$r->[1]' AND g.v = " . value_like($r) },
	v => sub { my ($w) = @_; return 'g.v = ' . value_like(some_row($w)) },
	any_v => sub {
		my ($w) = @_;
		my $r = some_row($w);
		return "g.a = '$r->[1]' AND g.v IN (" . join(', ', map { quoted($_->[3]) . '::datom.value' } $r, some_row($w)) . ')';
	},
	refs => sub { my ($w) = @_; return "g.a = ':r/to' AND g.v = datom.ref(" . entity_number($w) . ')' },
	ref => sub { my ($w) = @_; return 'g.v = datom.ref(' . entity_number($w) . ')' },
	v_above => sub {
		my ($w) = @_;
		my $r = some_row($w);
		return "g.a = '$r->[1]' AND g.v " . pick('<', '<=', '>', '>=', '<>') . ' ' . value_like($r);
	},
	v_range => sub {
		my ($w) = @_;
		my $r = some_row($w);
		my @other = grep { $_->[1] eq $r->[1] } @{ $w->{rows} };
		return "g.a = '$r->[1]' AND g.v BETWEEN " . value_like($r) . ' AND ' . value_like(pick(@other));
	},
	cast => sub {
		my ($w) = @_;
		my $r = some_row($w);
		my $d = $w->{attrs}{ $r->[1] };
		# A boolean alone costs no more than the attribute, and might be asked first.
		return q{g.a = ':k/long' AND g.v::bigint > } . int rand 30 if !$d || $d->{type} eq 'boolean';
		my $type = $shown_as{ $d->{type} };
		return "g.a = '$r->[1]' AND g.v::$type " . pick('=', '=', '=', '<', '>=', '<>') . ' ' . quoted($r->[3]) . "::datom.value::$type";
	},
	eav => sub { my ($w) = @_; my $r = some_row($w); return "g.e = $r->[0] AND g.a = '$r->[1]' AND g.v = " . value_like($r) },
	shard => sub { my $n = 2 + int rand 9; return 'datom.shard(g.e, ' . int(rand $n) . ", $n)" },
	residue => sub { my $n = 2 + int rand 9; return "g.e % $n = " . int rand $n },
	tx => sub { my ($w) = @_; return 'g.tx ' . pick('=', '>', '<=') . ' ' . some_row($w)->[4] },
	added => sub { return pick('g.added', 'NOT g.added') },
	either => sub { my ($w) = @_; return 'g.e = ' . some_row($w)->[0] . " OR g.a = '" . some_row($w)->[1] . "'" },
	text => sub { my ($w) = @_; return 'g.v::text = ' . quoted(some_row($w)->[3] =~ s/^"(.*)"$/$1/r) });
my @conditions = (sort(keys %conditions), ('av', 'cast') x 3, qw(v_range any_v refs ea));

sub condition
{
	my ($w) = @_;
	my $c = $conditions{ pick(@conditions) }->($w);
	$c = "($c) AND (" . $conditions{ pick(@conditions) }->($w) . ')' if maybe(0.25);
	return $c;
}

#
# Questions
#

my $ROW = q{concat_ws('|', g.e, g.a, datom.value_type(g.v), g.v::text, g.tx, g.added)};

sub hashed { my ($row) = @_; return "count(*) || ':' || coalesce(sum(hashtextextended($row, 0)), 0)" }

# What is made of the rows; REL is the relation, OTHER another one.
my %shapes = (
	rows => sub { my ($w) = @_; return 'SELECT ' . hashed($ROW) . " FROM REL g WHERE ${\ condition($w)}" },
	count => sub { my ($w) = @_; return "SELECT count(*) FROM REL g WHERE ${\ condition($w)}" },
	some_columns => sub {
		my ($w) = @_;
		my @columns = grep { maybe(0.5) } qw(g.e g.a::text g.v::text g.tx::text g.added::text);
		return 'SELECT ' . hashed("concat_ws('|', " . join(', ', 'NULL::text', @columns) . ')') . " FROM REL g WHERE ${\ condition($w)}";
	},
	groups => sub {
		my ($w) = @_;
		return "SELECT string_agg(a || ' ' || n || ' ' || lo || ' ' || hi, ', ' ORDER BY a) FROM (
			SELECT g.a::text COLLATE \"C\" AS a, count(*) AS n, min(g.e) AS lo, max(g.e) AS hi FROM REL g WHERE ${\ condition($w)} GROUP BY 1) s";
	},
	first => sub {
		my ($w) = @_;
		return "SELECT string_agg(r, chr(10)) FROM (SELECT $ROW AS r FROM REL g WHERE ${\ condition($w)}
			ORDER BY g.e, g.a, g.tx, g.added, g.v::text COLLATE \"C\" LIMIT ${\ int rand 20}) s";
	},
	join => sub {
		my ($w) = @_;
		return 'SELECT ' . hashed("concat_ws('|', g.e, g.v, h.a, h.v)") . " FROM REL g JOIN OTHER h ON h.e = g.e
			WHERE ${\ condition($w)} AND h.a = '${\ some_row($w)->[1]}'";
	},
	follow => sub {
		my ($w) = @_;
		return 'SELECT ' . hashed("concat_ws('|', g.e, h.e, h.a, h.v)") . " FROM REL g JOIN OTHER h ON h.e = g.v::bigint
			WHERE g.a = '${\ pick(':r/one', ':r/to')}' AND g.e % 7 = ${\ int rand 7} AND h.a <> ':l/string'";
	},
	lead => sub {
		my ($w) = @_;
		return 'SELECT ' . hashed("concat_ws('|', g.e, h.e, h.a, h.v)") . " FROM REL g JOIN OTHER h ON h.v::bigint = g.e
			WHERE h.a = '${\ pick(':r/one', ':r/to')}' AND g.e % 7 = ${\ int rand 7} AND g.a = '${\ some_row($w)->[1]}'";
	},
	each_e => sub {
		my ($w) = @_;
		return 'SELECT ' . hashed($ROW) . ' FROM (VALUES (' . join('::bigint), (', map { entity_number($w) } 1 .. 5) . "::bigint)) x(e),
			LATERAL (SELECT * FROM REL g WHERE g.e = x.e AND (${\ condition($w)}) OFFSET 0) g";
	},
	each_v => sub {
		my ($w) = @_;
		my $r = some_row($w);
		return 'SELECT ' . hashed($ROW) . ' FROM (VALUES (' . join('), (', map { quoted($_->[3]) . '::datom.value' } $r, map { some_row($w) } 1 .. 3) . ")) x(v),
			LATERAL (SELECT * FROM REL g WHERE g.a = '$r->[1]' AND g.v = x.v OFFSET 0) g";
	},
	exists => sub {
		my ($w) = @_;
		return 'SELECT ' . hashed($ROW) . " FROM REL g WHERE ${\ condition($w)} AND ${\ pick('', 'NOT ')}EXISTS (
			SELECT FROM OTHER h WHERE h.e = g.e AND h.a = '${\ some_row($w)->[1]}')";
	},
	between_moments => sub {
		my ($w) = @_;
		return 'SELECT ' . hashed("concat_ws('|', g.e, g.a, g.v, g.tx)") . " FROM (
			SELECT e, a, v::text, tx FROM REL g WHERE ${\ condition($w)} EXCEPT SELECT e, a, v::text, tx FROM OTHER o) g";
	});
my @shapes = (('rows') x 6, ('count') x 2, ('some_columns') x 2, sort keys %shapes);

# `kinds` restricts what is asked; a moment in force is the same for both
# relations.
sub question
{
	my ($w, @kinds) = @_;
	return about_entities($w, @kinds) if maybe(0.2);
	@kinds = @asked unless @kinds;
	my $kind = pick(@kinds);
	my ($rel, $sql, $in_force) = relation($w, $kind);
	my ($other, $other_sql) = $in_force
		? relation($w, pick('table', 'in_force'), [$in_force]) : relation($w, pick(grep { !/in_force|until/ } @kinds, 'table'));
	my $shape = $shapes{ pick(@shapes) }->($w);
	return {
		in_force => $in_force, kind => $kind,
		got => $shape =~ s/REL/$rel/r =~ s/OTHER/$other/r,
		want => $shape =~ s/REL/($sql)/r =~ s/OTHER/($other_sql)/r };
}

# Entities by number and by value, and attributes.
sub about_entities
{
	my ($w, @kinds) = @_;
	my $now = @kinds && !grep { /as_of|in_force/ } @kinds;
	my $m = $now || maybe(0.4) ? undef : moment($w);
	my $at = $m ? $m->[0] : 'infinity';
	my $q = { in_force => $m && $m->[0], kind => 'entity', at => $at };
	my $dice = rand;
	if ($dice < 0.6)
	{
		my @e = (map({ entity_number($w) } 1 .. 6), map({ some_row($w)->[0] } 1 .. 3), 1, 2, 999_999, $now ? () : (-some_row($w)->[4]));
		my %once = map { $_ => 1 } @e;
		my $values = join ', ', map { "($_\::bigint)" } sort keys %once;
		$q->{got} = 'SELECT ' . hashed("e || oracle.sorted(datom.entity('$w->{table}', e))::text") . " FROM (VALUES $values) x(e)";
		$q->{prepare} = [ 'TRUNCATE oracle.moment, oracle.entity', "INSERT INTO oracle.moment VALUES (0, '$at')",
			"INSERT INTO oracle.entity SELECT 0, e FROM (VALUES $values) x(e)" ];
		$q->{want} = 'SELECT ' . hashed("e || entity::text") . " FROM oracle.entities('$w->{table}')";
	}
	elsif ($dice < 0.8)
	{
		my $values = join ', ', map { "('$_')" } 'nobody', map({ identity($w) } 1 .. 5),
			map { $_->[3] =~ s/"//gr } grep { $_->[1] eq ':u/id' } @{ $w->{rows} };
		$q->{got} = 'SELECT ' . hashed("id || (datom.entity('$w->{table}', ':u/id', id::datom.value) ->> ':db/id')") . " FROM (VALUES $values) x(id)";
		$q->{want} = 'SELECT ' . hashed('id || f.e') . " FROM (VALUES $values) x(id)
			LEFT JOIN oracle.valued f ON f.a = ':u/id' AND f.v::text = id AND " . at_moment($at);
	}
	else
	{
		$q->{got} = 'SELECT ' . hashed('g::text') . " FROM datom.attributes('$w->{table}') g";
		$q->{prepare} = [ 'TRUNCATE oracle.moment', "INSERT INTO oracle.moment VALUES (0, '$at')" ];
		$q->{want} = 'SELECT ' . hashed('(a, e, type, cardinality, uniqueness, indexed, component, doc)::text') . ' FROM oracle.attribute';
	}
	return $q;
}

# What the oracle answers.
sub want
{
	my ($dbh, $q) = @_;
	$dbh->do($_) for @{ $q->{prepare} // [] };
	return one($dbh, $q->{want}) // 'NULL';
}

# What a session answers, or its error, which a transaction survives.
sub got
{
	my ($dbh, $q) = @_;
	my $inside = !$dbh->{AutoCommit};
	$dbh->do('SAVEPOINT question') if $inside;
	$dbh->do("SET datom.as_of = '$q->{in_force}'") if $q->{in_force};
	my $got = eval { one($dbh, $q->{got}) // 'NULL' };
	my $error = defined $got ? undef : $dbh->state . ' ' . $dbh->errstr;
	return $error if $error && !$dbh->ping;
	$dbh->do('ROLLBACK TO question') if $inside;
	$dbh->do('RESET datom.as_of') if $q->{in_force} && !$inside;
	return $got // $error;
}

# A few answers about all there is, from a session of any kind: by name.
sub all_answers
{
	my ($dbh, $table, @moments) = @_;
	my %said;
	my $ask = sub { my ($name, $what) = @_; $said{$name} = one($dbh, 'SELECT ' . hashed($ROW) . " FROM $what g") };
	$ask->('the table', $table);
	$ask->('now', "datom.as_of('$table')");
	$ask->('history', "datom.history('$table')");
	$ask->("as of $_", "datom.as_of('$table', '$_'::timestamptz)") for @moments;
	$ask->("since $moments[0]", "datom.since('$table', '$moments[0]'::timestamptz)") if @moments;
	$said{entities} = one($dbh, 'SELECT ' . hashed("datom.entity('$table', e)::text")
		. " FROM (SELECT DISTINCT e FROM $table ORDER BY e LIMIT 40) x");
	return \%said;
}

1;
