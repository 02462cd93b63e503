# Entities.pm: entity tables over the worlds of Datom::Orders, and questions
# about them with the answers of plain SQL.
#
# An entity table:
#
#	name		of the foreign table
#	key			ident, or "any"
#	columns		[ { name, ident (undef: the entity), type, many, identity, collate } ]
#	called		there is no foreign table: datom.entities() is asked for the same
#
# What it must show is computed from oracle.valued, which is made from the rows
# of the log, for some moments: into oracle.rows_NAME, whose column `m` is the
# number of the moment in oracle.asked, 0 for now. Then a question is the same
# SQL over the entity table, as of the moment, and over these rows.
package Datom::Entities;
use strict;
use warnings;
use Datom;
use Datom::Orders;
use Exporter 'import';

our @EXPORT = qw(entity_world entity_oracle entity_tables entity_calls drop_entity_tables learn_entities
  entity_question asked_at relation entity_shards rows_of_table);

my %sql_type = (boolean => 'boolean', long => 'bigint', double => 'float8', bigdec => 'numeric', keyword => 'text', string => 'text',
	instant => 'timestamptz', date => 'date', uuid => 'uuid', ref => 'bigint', bytes => 'bytea', json => 'jsonb');

# A world whose attributes keep their cardinality, since tables have their
# columns by it, and with a name that is no name of SQL.
sub entity_world
{
	my ($dbh, $table, %of) = @_;
	return new_world($dbh, $table, never => { cardinality => 1 },
		more => { ':m/two-words' => { type => 'string' }, ':u/long' => { type => 'long', index => 1 } }, %of);
}

#
# Tables
#

sub column
{
	my ($w, $ident, $name) = @_;
	my $d = $w->{attrs}{$ident} or return { name => $name, ident => $ident, type => 'text' };
	my $c = { name => $name, ident => $ident, type => $sql_type{ $d->{type} }, many => $d->{many}, kind => $d->{type} };
	# Numbers are shown by wider types too, and a fact alone as an array of one.
	$c->{type} = pick('numeric', 'float8') if $d->{type} eq 'long' && maybe(0.2);
	$c->{type} = 'float8' if $d->{type} eq 'bigdec' && maybe(0.15);
	$c->{type} = pick('numeric(30,1)', 'numeric(25,3)', $d->{type} eq 'bigdec' ? 'numeric(30,20)' : ()) if $c->{type} eq 'numeric' && maybe(0.4);
	$c->{collate} = pick('"und-x-icu"', 'oracle.caseless') if $d->{type} eq 'string' && maybe(0.2);
	@$c{qw(identity type)} = (':u/id', 'text') if $d->{type} eq 'ref' && maybe(0.4);
	$c->{many} = 1 if maybe(0.1);
	return $c;
}

# Of each column, whether it takes its attribute from its name is chance.
sub declared
{
	my ($c, $namespace) = @_;
	my $sql = "\"$c->{name}\" $c->{type}" . ($c->{many} ? '[]' : '');
	my $collate = $c->{collate} ? " COLLATE $c->{collate}" : '';
	return $sql . $collate if !defined $c->{ident};
	my %options;
	my $named = ":$namespace/" . ($c->{ident} =~ /two-words/ ? $c->{name} =~ s/_/-/gr : $c->{name});
	$options{attribute} = $c->{ident} if $named ne $c->{ident} || maybe(0.2);
	$options{identity} = $c->{identity} if $c->{identity};
	return $sql . (%options ? ' OPTIONS (' . join(', ', map { "$_ '$options{$_}'" } sort keys %options) . ')' : '') . $collate;
}

my $tables = 0;

sub entity_table
{
	my ($w, $namespace, $key, @idents) = @_;
	my $t = { name => 'et' . $tables++, key => $key, namespace => $namespace, columns => [], world => $w };
	my %taken;
	for my $ident (@idents)
	{
		my $name = $ident =~ m{^:\Q$namespace\E/(.*)} && maybe(0.8) ? $1 =~ s/-/_/gr : 'c' . @{ $t->{columns} };
		push @{ $t->{columns} }, column($w, $ident, $name) if !$taken{$name}++;
	}
	splice @{ $t->{columns} }, rand(1 + @{ $t->{columns} }), 0, { name => 'e', type => 'bigint' } if maybe(0.85);
	return $t;
}

sub create_table_sql
{
	my ($t, $default) = @_;
	return "CREATE FOREIGN TABLE $t->{name} (" . join(', ', map { declared($_, $t->{namespace}) } @{ $t->{columns} })
		. ") SERVER datom OPTIONS (db '$t->{world}{table}', namespace '$t->{namespace}'"
		. ($default ? '' : ", key '$t->{key}'") . ')';
}

sub shuffled
{
	my @left = @_;
	return map { splice @left, rand @left, 1 } 1 .. @left;
}

# Some tables of a world: of a namespace with all its attributes and the key that
# it has by default, of a key of many kinds, of any entity.
sub entity_tables
{
	my ($dbh, $w) = @_;
	my @all = sort keys %{ $w->{attrs} };
	my @tables = (
		entity_table($w, 'u', ':u/id', grep { /^:u/ } @all),
		entity_table($w, 'm', pick(':u/id', ':k/long', ':l/string'), shuffled(@all)),
		entity_table($w, pick('m', 'k'), pick('any', pick(@all)), (shuffled(@all))[ 0 .. rand 5 ]));
	push @tables, entity_table($w, 'm', 'any', grep { /^:m/ } @all) if maybe(0.5);
	my $n = 0;
	for my $t (@tables)
	{
		# A column that is dropped leaves its number.
		my $gap = maybe(0.3);
		splice @{ $t->{columns} }, rand @{ $t->{columns} }, 0, { name => 'gone', type => 'text', ident => ':no/such' } if $gap;
		$dbh->do(create_table_sql($t, $n++ == 0));
		$dbh->do("ALTER FOREIGN TABLE $t->{name} DROP COLUMN gone") if $gap;
		@{ $t->{columns} } = grep { $_->{name} ne 'gone' } @{ $t->{columns} };
	}
	make_rows($dbh, $_) for @tables;
	return @tables;
}

# What calls of datom.entities() show: with a key, and with several attributes that
# must be there, and whatever has any of them.
sub entity_calls
{
	my ($dbh, $w) = @_;
	my @all = sort keys %{ $w->{attrs} };
	my @calls = (
		entity_table($w, 'm', pick(':u/id', ':k/long', ':l/string'), shuffled(@all), maybe(0.3) ? ':m/unheard-of' : ()),
		entity_table($w, 'm', pick('any', pick(@all)), (shuffled(@all))[ 0 .. rand 5 ]));
	for my $t (@calls)
	{
		$t->{called} = 1;
		for my $c (grep { $_->{identity} } @{ $t->{columns} })
		{
			$c->{type} = 'bigint';
			delete $c->{identity};
		}
		make_rows($dbh, $t);
	}
	return @calls;
}

# Columns of a call that do not stand as it has them are picked out of it; what
# must be there may be asked for in a subquery only.
sub called
{
	my ($t, $g, $at) = @_;
	my @columns = @{ $t->{columns} };
	my ($e) = grep { !defined $_->{ident} } @columns;
	my @shown = grep { defined $_->{ident} } @columns;
	my @idents = map { $_->{ident} } @shown;
	my @defined = map { "\"$_->{name}\" $_->{type}" . ($_->{many} ? '[]' : '') . ($_->{collate} ? " COLLATE $_->{collate}" : '') } @shown;
	if ($t->{key} ne 'any')
	{
		push @idents, $t->{key};
		my $d = $t->{world}{attrs}{ $t->{key} };
		push @defined, '"its key" ' . $sql_type{ $d->{type} } . ($d->{many} ? '[]' : '');
	}
	my $call = "datom.entities('$t->{world}{table}', '{" . join(',', @idents) . "}'" . (defined $at ? ", $at" : '') . ')';
	my $list = '(' . join(', ', ($e ? '"e"' : '"its e"') . ' bigint', @defined) . ')';
	return "$call $g $list" if $t->{key} eq 'any' && $e && $columns[0] == $e;
	return '(SELECT ' . join(', ', map { "\"$_->{name}\"" } @columns) . " FROM $call x $list" . ($t->{key} eq 'any' ? '' : ' WHERE "its key" IS NOT NULL') . ") $g";
}

# What stands in FROM for the table, now or at a moment in SQL, as g.
sub relation
{
	my ($t, $g, $at) = @_;
	return called($t, $g, $at) if $t->{called};
	return defined $at ? "datom.entities_as_of(NULL::$t->{name}, $at) $g" : "$t->{name} $g";
}

# Also those of which the test has no word any more.
sub drop_entity_tables
{
	my ($dbh) = @_;
	$dbh->do("DROP TABLE $_") for @{ $dbh->selectcol_arrayref(q{SELECT oid::regclass FROM pg_class WHERE relnamespace = 'oracle'::regnamespace AND relname LIKE 'rows\_%' AND relkind = 'r'}) };
	$dbh->do("DROP FOREIGN TABLE $_") for @{ $dbh->selectcol_arrayref(q{SELECT oid::regclass FROM pg_class WHERE relkind = 'f'}) };
}

#
# The oracle
#

sub entity_oracle
{
	my ($dbh) = @_;
	oracle($dbh);
	$dbh->do(q{
		CREATE UNLOGGED TABLE oracle.asked (i int PRIMARY KEY, at timestamptz);
		CREATE COLLATION oracle.caseless (provider = icu, locale = 'und-u-ks-level2', deterministic = false)});
}

sub make_rows
{
	my ($dbh, $t) = @_;
	$dbh->do("CREATE UNLOGGED TABLE oracle.rows_$t->{name} (m int, "
		. join(', ', map { declared($_, $t->{namespace}) =~ s/ OPTIONS \(.*?\)//r } @{ $t->{columns} }) . ')');
}

sub rows_of_table
{
	my ($t, $m) = @_;
	return '(SELECT ' . join(', ', map { "\"$_->{name}\"" } @{ $t->{columns} }) . " FROM oracle.rows_$t->{name} WHERE m = $m)";
}

# A column out of the facts of one entity.
sub pivoted
{
	my ($c) = @_;
	return 'f.e' if !defined $c->{ident};
	my $of = "FILTER (WHERE f.a = '$c->{ident}')";
	return ($c->{many} ? "array_agg(f.v::bigint) $of" : "(array_agg(f.v::bigint) $of)[1]") if $c->{identity};
	return $c->{many} ? "array_agg(f.v::$c->{type} ORDER BY f.v) $of" : "(array_agg(f.v::$c->{type}) $of)[1]";
}

# What the table shows at the moments of oracle.asked.
sub learn_rows
{
	my ($dbh, $t) = @_;
	my @columns = @{ $t->{columns} };
	my %idents = map { $_ => 1 } grep { defined } map { $_->{ident} } @columns;
	my $having = $t->{key} eq 'any' ? 'true' : "bool_or(f.a = '$t->{key}')";
	$idents{ $t->{key} } = 1 if $t->{key} ne 'any';
	my $holds = 'f.at <= m.at AND (f.to_at IS NULL OR f.to_at > m.at)';
	my $n = 0;
	my @pivoted = map { pivoted($_) . ' AS c' . $n++ } @columns;
	my @shown = map { $columns[$_]{identity} ? "k$_.v" : "p.c$_" } 0 .. $#columns;
	my @joined = map { $columns[$_]{many}
		? "LEFT JOIN (SELECT p.m, p.of, array_agg(i.v ORDER BY i.v COLLATE \"C\") AS v FROM p, unnest(p.c$_) r JOIN ids i ON i.e = r WHERE i.m = p.m GROUP BY 1, 2) k$_ ON (k$_.m, k$_.of) = (p.m, p.of)"
		: "LEFT JOIN ids k$_ ON k$_.m = p.m AND k$_.e = p.c$_" } grep { $columns[$_]{identity} } 0 .. $#columns;
	$dbh->do("TRUNCATE oracle.rows_$t->{name}");
	$dbh->do("WITH ids AS (
			SELECT m.i AS m, f.e, f.v::text AS v FROM oracle.asked m JOIN oracle.valued f ON $holds WHERE f.a = ':u/id'
		), p AS (
			SELECT m.i AS m, f.e AS of, ${\ join(', ', @pivoted)} FROM oracle.asked m JOIN oracle.valued f ON $holds
			WHERE f.a IN (${\ join(', ', map { qq('$_') } sort keys %idents)}) GROUP BY m.i, f.e HAVING $having
		) INSERT INTO oracle.rows_$t->{name} SELECT p.m, ${\ join(', ', @shown)} FROM p ${\ join(' ', @joined)}");
	$dbh->do("ANALYZE oracle.rows_$t->{name}");
}

# Reads the log, and computes what the tables show now and at n moments. Each
# table gets some of its rows as examples.
sub learn_entities
{
	my ($dbh, $w, $n, @tables) = @_;
	learn($dbh, $w);
	my @at = map { pick(@{ $w->{moments} })->[0] } 1 .. $n;
	$w->{asked} = [ undef, @at ];
	$dbh->do('TRUNCATE oracle.asked');
	$dbh->do("INSERT INTO oracle.asked VALUES (0, 'infinity')" . join '', map { ", ($_, '$at[ $_ - 1 ]')" } 1 .. @at);
	for my $t (@tables)
	{
		learn_rows($dbh, $t);
		$t->{rows} = $dbh->selectall_arrayref('SELECT ' . join(', ', map { "\"$_->{name}\"::text" } @{ $t->{columns} })
			. " FROM oracle.rows_$t->{name} r ORDER BY hashtextextended(r::text, ?) LIMIT 40", undef, int rand 1e9);
		push @{ $t->{rows} }, [ map { undef } @{ $t->{columns} } ] if !@{ $t->{rows} };
	}
}

#
# Conditions, of g
#

sub quoted { my ($v) = @_; return 'NULL' if !defined $v; $v =~ s/'/''/g; return $v =~ /\\/ ? "E'" . $v =~ s/\\/\\\\/gr . "'" : "'$v'" }

# A value that the column has had somewhere, as text; long ones are rare.
sub value_of
{
	my ($t, $i) = @_;
	for (1 .. 6)
	{
		my $v = pick(@{ $t->{rows} })->[$i];
		next if !defined $v || length $v > 300 && maybe(0.8);
		return $v;
	}
	return undef;
}

sub literal
{
	my ($t, $i) = @_;
	my $c = $t->{columns}[$i];
	return quoted(value_of($t, $i)) . '::' . ($c->{type} =~ s/\(.*//r) . ($c->{many} ? '[]' : '');
}

# A number for e: that of a row, or of nobody.
sub entity_of
{
	my ($t) = @_;
	my ($i) = grep { !defined $t->{columns}[$_]{ident} } 0 .. $#{ $t->{columns} };
	return defined $i && maybe(0.7) && value_of($t, $i) || pick(1001 + int rand $t->{world}{size}, 999_999, -3);
}

my @comparisons = ('=', '=', '=', '<', '<=', '>', '>=', '<>');

# Of a column with one value.
sub about_one
{
	my ($t, $i, $g) = @_;
	my $type = $t->{columns}[$i]{type};
	my @some = map { literal($t, $i) } 1 .. 4;
	my @ways = (
		sub { return "$g " . pick(@comparisons) . " $some[0]" },
		sub { return "$some[0] " . pick(@comparisons) . " $g" },
		sub { return "$g IN (" . join(', ', @some[ 0 .. rand 4 ]) . ')' },
		sub { return "$g = ANY (ARRAY[" . join(', ', @some[ 0 .. rand 4 ]) . '])' },
		sub { return "$g BETWEEN $some[0] AND $some[1]" },
		sub { return "$g > $some[0] AND $g < $some[1]" },
		sub { return "$g IS NULL" },
		sub { return "$g IS NOT NULL" },
		sub { return "$g NOT IN (" . join(', ', @some[ 0 .. 2 ]) . ')' },
		sub { return "$g IS DISTINCT FROM $some[0]" });
	push @ways, sub { return "$g " . pick(@comparisons) . ' ' . pick('5::int2', '3::int4', '2.5', '7.0::float8', 'NULL') } if $type =~ /bigint|float8|numeric/;
	push @ways, sub { return "$g " . pick(@comparisons) . ' ' . pick("'NaN'", "'infinity'", "'-infinity'") } if $type =~ /float8|numeric/;
	push @ways, sub { return "$g " . pick(@comparisons) . ' ' . pick("'2014-11-15'::date", "'2014-11-15 13:38:00'::timestamp") } if $type =~ /timestamptz|date/;
	push @ways, sub { return pick($g, "NOT $g", "$g IS TRUE", "$g IS NOT TRUE", "$g IS UNKNOWN") } if $type eq 'boolean';
	push @ways, sub { return pick("$g = 'no keyword'", "$g IN ('no keyword', $some[0])", "'' = $g") } if $type eq 'text';
	push @ways, sub { return "upper($g) = upper($some[0])" }, sub { return "$g = upper($some[0])" } if $type eq 'text';
	push @ways, sub { return "$g COLLATE \"C\" > $some[0]" }, sub { return "$g COLLATE \"C\" LIKE 's1%'" } if $type eq 'text';
	return pick(@ways)->();
}

sub about_many
{
	my ($t, $i, $g) = @_;
	my $one = "(" . literal($t, $i) . ')[1]';
	return pick("$g IS NULL", "$g IS NOT NULL", "$one = ANY ($g)", "$g @> ARRAY[$one]", "cardinality($g) > 1", "$g = " . literal($t, $i), "${g}[1] = $one");
}

sub about_entity
{
	my ($t, $g) = @_;
	my @e = map { entity_of($t) } 1 .. 5;
	my ($lo, $hi) = sort { $a <=> $b } @e[ 0, 1 ];
	return pick("$g = $e[0]", "$g = $e[0]::bigint", "$g IN (" . join(', ', @e) . ')', "$g = ANY ('{" . join(',', @e) . "}'::bigint[])",
		"$g BETWEEN $lo AND $hi", "$g >= $e[0]", "$g < $e[0]", "$g > $lo AND $g <= $hi", "$e[0] = $g", "$g <> $e[0]",
		"$g IS NULL", "$g IS NOT NULL", "$g = NULL", "$g < 0", "$g = 1500.5", "$g > 1200.5", "$g = $e[0]::numeric");
}

my @moduli = (1 .. 40, 64, 97, 420);

sub early_entity { return 1001 + int rand 100 }

sub about_shard
{
	my ($g) = @_;
	my $n = pick(@moduli);
	my $i = int rand $n;
	return pick("mod($g, $n) = $i", "$g % $n = $i", "$i = $g % $n", "mod($g, ${n}::bigint) = $i", "datom.shard($g, $i, $n)",
		"mod($g, 9223372036854775807) = " . early_entity(), "mod($g, 4611686018427387905) = " . early_entity(), "mod($g, $n) = -$i", "mod($g, -$n) = $i", "mod($g, $n) = $n", "mod($g, $n) IN ($i, 0)", "mod($g, $n) = $i AND mod($g, 3) = 1");
}

sub condition
{
	my ($t) = @_;
	return 'true' if maybe(0.12);
	my $i = int rand @{ $t->{columns} };
	my $c = $t->{columns}[$i];
	my $g = "g.\"$c->{name}\"";
	my $sql = defined $c->{ident} ? ($c->{many} ? about_many($t, $i, $g) : about_one($t, $i, $g))
		: maybe(0.3) ? about_shard($g) : about_entity($t, $g);
	return "($sql) AND (${\ condition($t)})" if maybe(0.3);
	return "($sql) OR (${\ condition($t)})" if maybe(0.05);
	return "NOT ($sql)" if maybe(0.05);
	return $sql;
}

sub some_condition { my ($t) = @_; return maybe(0.5) ? 'true' : condition($t) }

#
# Questions
#

sub hashed { my ($row) = @_; return "count(*) || ':' || coalesce(sum(hashtextextended($row, 0)), 0)" }

# A row as text; names are those of the table, or some of them.
sub row_of
{
	my ($g, @names) = @_;
	return 'ROW(' . join(', ', map { "$g.\"$_\"" } @names) . ')::text';
}

sub names { my ($t, $part) = @_; return map { $_->{name} } grep { !defined $part || maybe($part) } @{ $t->{columns} } }

sub has_e { my ($t) = @_; return scalar grep { !defined $_->{ident} } @{ $t->{columns} } }

# An aggregate of a column, as a text that does not depend on the order of rows.
# Numbers that are equal may be shown with either scale.
sub aggregate
{
	my ($c) = @_;
	my $g = "g.\"$c->{name}\"";
	my @ways = ('count(*)', "count($g)");
	if (!$c->{many})
	{
		push @ways, "count(DISTINCT $g)";
		# Sums of float8 depend on the order of rows, unless all are small.
		push @ways, "sum($g)", "avg($g)", "sum($g) FILTER (WHERE $g > 2)", "sum($g / 2)" if $c->{type} =~ /bigint|numeric|float8/ && !($c->{type} eq 'float8' && $c->{kind} ne 'double');
		my ($lo, $hi) = map { "$_($g" . ($c->{collate} ? ' COLLATE "C"' : '') . ')' } qw(min max);
		push @ways, $c->{type} =~ /numeric/ ? map { "trim_scale($_)" } $lo, $hi : ($lo, $hi) if $c->{type} !~ /boolean|uuid|bytea|jsonb/;
		push @ways, "bool_or($g)" if $c->{type} eq 'boolean';
	}
	return pick(@ways);
}

sub group_of
{
	my ($c) = @_;
	my $g = "g.\"$c->{name}\"";
	return $c->{many} ? "cardinality($g)" : "$g COLLATE \"C\"" if $c->{collate};
	return $c->{type} !~ /numeric/ ? $g : $c->{many} ? "cardinality($g)" : "trim_scale($g)";
}

my %shapes = (
	rows => sub { my ($t) = @_; return 'SELECT ' . hashed(row_of('g', names($t))) . " FROM REL g WHERE ${\ condition($t)}" },
	whole_row => sub { my ($t) = @_; return 'SELECT ' . hashed('g::text') . " FROM REL g WHERE ${\ condition($t)}" },
	# Byte for byte: numbers that are printed alike may be laid out otherwise.
	sent => sub { my ($t) = @_; return 'SELECT ' . hashed("encode(record_send(g), 'hex')") . " FROM REL g WHERE ${\ condition($t)}" },
	count => sub { my ($t) = @_; return "SELECT count(*) FROM REL g WHERE ${\ condition($t)}" },
	some_columns => sub { my ($t) = @_; return 'SELECT ' . hashed(row_of('g', names($t, 0.3))) . " FROM REL g WHERE ${\ condition($t)}" },
	aggregates => sub {
		my ($t) = @_;
		return 'SELECT concat_ws(\'|\', ' . join(', ', map { 'coalesce((' . aggregate(pick(@{ $t->{columns} })) . ")::text, 'null')" } 1 .. 1 + rand 4)
			. ") FROM REL g WHERE ${\ some_condition($t)}";
	},
	groups => sub {
		my ($t) = @_;
		my $by = group_of(pick(@{ $t->{columns} }));
		my $having = maybe(0.2) ? 'HAVING count(*) > 1' : '';
		return "SELECT count(*) || ':' || sum(hashtextextended(k || '=' || n, 0)) FROM (
			SELECT coalesce(($by)::text, 'null') AS k, concat_ws('|', " . join(', ', map { 'coalesce((' . aggregate(pick(@{ $t->{columns} })) . ")::text, 'null')" } 1 .. 1 + rand 3)
			. ") AS n FROM REL g WHERE ${\ some_condition($t)} GROUP BY $by $having) s";
	},
	limit => sub {
		my ($t) = @_;
		return "SELECT count(*) FROM (SELECT * FROM REL g WHERE ${\ condition($t)} LIMIT ${\ int rand 30}) s";
	},
	appended => sub {
		my ($t) = @_;
		return 'SELECT ' . hashed(row_of('g', names($t))) . " FROM (SELECT * FROM REL i UNION ALL SELECT * FROM REL g WHERE ${\ condition($t)}) g WHERE ${\ condition($t)}";
	},
	exists => sub { my ($t) = @_; return "SELECT EXISTS (SELECT FROM REL g WHERE ${\ condition($t)})::text" });

# These need the entity.
my %shapes_of_e = (
	ordered => sub {
		my ($t) = @_;
		my $way = pick('', '', 'DESC');
		return "SELECT count(*) || ':' || md5(string_agg(r, chr(10) ORDER BY n)) FROM (SELECT row_number() OVER () AS n, r FROM (
			SELECT ${\ row_of('g', names($t, 0.7), 'e')} AS r FROM REL g WHERE ${\ condition($t)}
			ORDER BY g.e $way LIMIT ${\ pick(0, 1, 5, 40, 1e6)} OFFSET ${\ pick(0, 0, 3)}) s) s";
	},
	join_itself => sub {
		my ($t) = @_;
		return 'SELECT ' . hashed(row_of('g', names($t, 0.4)) . ' || ' . row_of('h', names($t, 0.4))) . " FROM REL g JOIN REL h ON h.e = g.e WHERE ${\ condition($t)}";
	},
	outer_join => sub {
		my ($t) = @_;
		return 'SELECT ' . hashed(row_of('x', 'e') . ' || ' . row_of('g', names($t, 0.4)))
			. " FROM (VALUES (" . join('::bigint), (', map { entity_of($t) } 1 .. 6) . "::bigint)) x(e) LEFT JOIN REL g ON g.e = x.e";
	},
	each_e => sub {
		my ($t) = @_;
		return 'SELECT ' . hashed(row_of('g', names($t, 0.6))) . ' FROM (VALUES (' . join('::bigint), (', map { entity_of($t) } 1 .. 6)
			. "::bigint)) x(e), LATERAL (SELECT * FROM REL g WHERE g.e = x.e AND (${\ condition($t)}) OFFSET 0) g";
	},
	except => sub {
		my ($t) = @_;
		return "SELECT count(*) || ':' || coalesce(sum(e), 0) FROM (SELECT e FROM REL g WHERE ${\ condition($t)} EXCEPT SELECT e FROM REL g WHERE ${\ condition($t)}) s";
	},
	anti => sub {
		my ($t) = @_;
		return 'SELECT ' . hashed(row_of('g', names($t, 0.3))) . " FROM REL g WHERE ${\ pick('', 'NOT ')}EXISTS (SELECT FROM REL h WHERE h.e = g.e + 1) AND ${\ condition($t)}";
	},
	shards => sub {
		my ($t) = @_;
		my $n = 2 + int rand 5;
		return 'SELECT ' . hashed(row_of('g', names($t))) . ' FROM (' . join(' UNION ALL ', map { "SELECT * FROM REL g WHERE datom.shard(g.e, $_, $n)" } 0 .. $n - 1) . ') g';
	});

# A nested loop on a column that may identify.
sub each_value
{
	my ($t) = @_;
	my @one = grep { defined $t->{columns}[$_]{ident} && !$t->{columns}[$_]{many} } 0 .. $#{ $t->{columns} };
	return $shapes{rows}->($t) if !@one;
	my @unique = grep { $t->{columns}[$_]{ident} =~ /^:u/ } @one;
	my $i = pick(@unique, @one);
	my $name = $t->{columns}[$i]{name};
	my $op = maybe(0.8) ? '=' : pick('<', '>=');
	return 'SELECT ' . hashed(row_of('g', names($t, 0.6))) . ' FROM (VALUES (' . join('), (', map { literal($t, $i) } 1 .. 5)
		. ")) x(v), LATERAL (SELECT * FROM REL g WHERE g.\"$name\" $op x.v OFFSET 0) g" if maybe(0.5);
	return 'SELECT ' . hashed(row_of('g', names($t, 0.6))) . ' FROM (VALUES (' . join('), (', map { literal($t, $i) } 1 .. 5)
		. ")) x(v) JOIN REL g ON g.\"$name\" $op x.v";
}

my @shapes = (('rows') x 4, ('aggregates') x 3, ('groups') x 3, 'each_value', sort(keys %shapes), sort(keys %shapes_of_e));

# A question of one of the tables: now, or as of a moment that was learnt.
sub entity_question
{
	my ($w, $tables, %of) = @_;
	my $t = $of{table} // pick(@$tables);
	my $m = $of{now} || maybe(0.35) ? 0 : int rand @{ $w->{asked} };
	my $kind = $of{shape} // pick(@shapes);
	$kind = 'rows' if $shapes_of_e{$kind} && !has_e($t);
	my $shape = $kind eq 'each_value' ? each_value($t) : ($shapes{$kind} // $shapes_of_e{$kind})->($t);
	my $rows = rows_of_table($t, $m);
	return asked_at({ kind => $kind, in_force => $m ? $w->{asked}[$m] : undef, m => $m, table => $t,
		shape => $shape, want => $shape =~ s/\bREL\b/$rows/gr });
}

# The same question at a moment in SQL, in place of that in force.
sub asked_at
{
	my ($q, $at) = @_;
	$q->{got} = $q->{shape} =~ s/\bREL (\w+)/relation($q->{table}, $1, $at)/ger;
	return $q;
}

#
# Shards
#

# Ways to ask for shard \$I of n by column e: a condition, what it means by plain
# arithmetic, and a setting. Remainders of negative numbers are not in a shard by
# the first two.
sub entity_shards
{
	my ($dbh, $n) = @_;
	my $floored = "(e % $n + $n) % $n = \$I";
	return [ "mod(e, $n) = \$I", "mod(e, $n) = \$I" ], [ "e % $n = \$I", "e % $n = \$I" ], [ "datom.shard(e, \$I, $n)", $floored ],
		[ 'datom.shard(e)', $floored, "\$I/$n" ],
		[ $dbh->selectall_arrayref("SELECT unnest(datom.shard_predicates($n, 'e'))"), $floored ];
}

1;
