# No query crashes a backend, raises an internal error or becomes other SQL than it
# should: 10,000 hostile names and values in all places where a query has one, and
# 10,000 random mutations of good queries. Queries may be deep, huge, endless or
# meaningless; each is answered or refused with an SQLSTATE, and a fault in the
# text is told with its position. What is stored under a hostile name or as a
# hostile value is found by it.
#
# The SQL that queries become is read by the server's own parser: it is one SELECT,
# it reads the datom tables that were asked for and nothing else, and calls only
# functions that change nothing.
#
# The controls: SQL with another statement, another table or another function, an
# internal error, and a crash are noticed.
use strict;
use warnings;
use utf8;
use Datom;
use Encode qw(encode_utf8);
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $seed = $ENV{SEED} || int(rand(2**31));
my $HOSTILE = $ENV{HOSTILE} || (torture() ? 100_000 : 10_000);
my $MUTATIONS = $ENV{MUTATIONS} || (torture() ? 200_000 : 10_000);
note "seed $seed (SEED=$seed), $HOSTILE names and values (HOSTILE=$HOSTILE), $MUTATIONS mutations (MUTATIONS=$MUTATIONS)";
srand $seed;

my $json = JSON::PP->new->allow_nonref->canonical;
my $node = server('datalog_bad', fsync => 'off', log_min_messages => "'log'", restart_after_crash => 'on');
my $dbh = db($node);
my $started = one($dbh, 'SELECT pg_postmaster_start_time()');

$dbh->do(<<'SQL');
CREATE TABLE canary (a int);
INSERT INTO canary VALUES (1);
SELECT datom.create('pur');
SELECT datom.define_attribute('pur', (':t/' || t)::datom.attribute, t)
	FROM unnest('{string,long,double,bigdec,boolean,instant,date,uuid,keyword,ref,bytes,json}'::text[]) t;
SELECT datom.define_attribute('pur', ':k/id', 'string', 'one', 'identity');
SELECT datom.define_attribute('pur', ':k/n', 'long', 'one', 'value');
SELECT datom.define_attribute('pur', ':k/many', 'string', 'many');
SELECT datom.define_attribute('pur', ':k/next', 'ref');
SELECT datom.define_attribute('pur', ':k/none', 'string');
CREATE FUNCTION twice(bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT $1 * 2';
CREATE FUNCTION leak(text) RETURNS text LANGUAGE plpgsql VOLATILE AS 'BEGIN UPDATE canary SET a = a + 1; RETURN $1; END';
-- SQLSTATE, message, detail; the length of the message stands first
CREATE FUNCTION try(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE detail text; answer text;
BEGIN
	EXECUTE query INTO answer;
	RETURN concat_ws(' ', '00000', answer);
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
	RETURN concat_ws(' ', sqlstate, CASE WHEN length(sqlerrm) > 1000 OR length(detail) > 2000 THEN 'LONG' END, left(sqlerrm, 400), '|', left(detail, 400));
END $$;
CREATE FUNCTION ask(query text, args jsonb, as_of text DEFAULT NULL) RETURNS text LANGUAGE sql AS
	$$ SELECT try(format('SELECT coalesce(jsonb_agg(r ORDER BY r), ''[]'') FROM datom.q_json(%L, %L, %L) r', query, args, as_of)) $$;
CREATE FUNCTION message(m text) RETURNS text LANGUAGE sql AS $$ SELECT try(format('SELECT datom.answer(%L::text)', m)) $$;
CREATE FUNCTION message(m jsonb) RETURNS text LANGUAGE sql AS $$ SELECT try(format('SELECT datom.answer(%L::jsonb)', m)) $$;
CREATE FUNCTION the_sql(query text, args jsonb) RETURNS text LANGUAGE sql AS $$ SELECT try(format('SELECT datom.q_sql(%L, %L)', query, args)) $$;
SQL
$dbh->do("SET datom.db = 'pur'");

# In ASCII, for the names of tests and what is said about failures.
sub shown { return substr($_[0], 0, 1500) =~ s/([^ -~\n\t])/sprintf '\x{%x}', ord $1/ger }
sub literal { return $dbh->quote($_[0]) }
sub quoted { return '"' . ($_[0] =~ s/"/""/gr) . '"' }
sub edn_string { return '"' . ($_[0] =~ s/([\\"])/\\$1/gr) . '"' }

# What try() returns; a backend that dies is told with what it died of.
sub answer
{
	my ($sql, @args) = @_;
	return eval { one($dbh, $sql, @args) } // ($dbh->state eq '57014' ? '57014 in time' : undef) // die shown("$@ of $sql: " . join ' ', map { $_ // 'null' } @args);
}

sub ask
{
	my ($query, $args, $as_of) = @_;
	return answer('SELECT ask(?, ?, ?)', $query, ref $args ? $json->encode($args) : $args, $as_of);
}

#
# What may be in the SQL
#

my %kind_of_sql;
my $n_functions = 0;

# The SQL with nulls in place of parameters. What is unnested are arrays, of types
# that the SQL does not tell; these are given, or 'text[]'.
sub without_parameters
{
	my ($sql, @types) = @_;
	my $unnests = 0;
	my $take = sub { my $type = shift @types; return 'NULL::' . ($type // 'text[]') };
	return $sql =~ s{('(?:[^']|'')*'|"(?:[^"]|"")*")|(unnest\()|(\))|\$\d+}
		{ $unnests = defined $2 if defined $2 || defined $3; $1 // $2 // $3 // ($unnests ? $take->() : 'NULL') }gesr;
}

# What is wrong with the SQL; undef if nothing. `allowed` are regclasses of the
# sources and functions that the query names.
sub fault_of_sql
{
	my ($sql, @allowed) = @_;
	my $fault;
	for my $types ([], ['bigint[]'], [ 'text[]', 'bigint[]' ])
	{
		my $plain = without_parameters($sql, @$types);
		$dbh->begin_work;
		$fault = eval {
			# A statement of the extended protocol can only be one.
			$dbh->prepare($plain, { pg_placeholder_dollaronly => 1, pg_server_prepare => 1, pg_prepare_now => 1 });
			$n_functions++;
			$dbh->do("CREATE FUNCTION pg_temp.f$n_functions() RETURNS SETOF record LANGUAGE sql BEGIN ATOMIC $plain; END");
			fault_of_tree(one($dbh, "SELECT prosqlbody::text FROM pg_proc WHERE proname = 'f$n_functions' AND pronamespace = pg_my_temp_schema()"), @allowed);
		};
		$fault = "does not parse: $@" if $@;
		$dbh->rollback;
		last if !defined $fault || $fault !~ /operator does not exist/;
	}
	return $fault;
}

sub fault_of_tree
{
	my ($tree, @allowed) = @_;
	my %commands = map { $_ => 1 } $tree =~ /:commandType (\d+)/g;
	return 'is not a SELECT' if join(' ', sort keys %commands) ne '1';
	return 'locks rows' if $tree =~ /\{ROWMARKCLAUSE/;
	my %relids = map { $_ => 1 } $tree =~ /:relid (\d+)/g;
	delete $relids{0};
	my %allowed = map { $_ => 1 } 'datom.tx', @allowed;
	for my $relid (sort keys %relids)
	{
		my $name = one($dbh, 'SELECT ?::oid::regclass::text', $relid);
		return "reads $name" unless $allowed{$name};
	}
	my %funcids = map { $_ => 1 } $tree =~ /:(?:funcid|aggfnoid|winfnoid|opfuncid) (\d+)/g;
	delete $funcids{0};
	my $bad = $dbh->selectcol_arrayref(
		q{SELECT p.oid::regprocedure::text FROM pg_proc p WHERE oid = ANY (?::oid[]) AND pronamespace = 'pg_catalog'::regnamespace AND provolatile = 'v' AND NOT oid::regprocedure::text = ANY (?)
			OR oid = ANY (?::oid[]) AND pronamespace NOT IN ('pg_catalog'::regnamespace, 'datom'::regnamespace) AND NOT oid::regprocedure::text = ANY (?)},
		undef, [ keys %funcids ], \@allowed, [ keys %funcids ], \@allowed);
	return 'calls ' . join ', ', @$bad if @$bad;
	$kind_of_sql{$_}++ for @{ $dbh->selectcol_arrayref(q{SELECT p.oid::regproc::text FROM pg_proc p WHERE oid = ANY (?::oid[])}, undef, [ keys %funcids ]) };
	return undef;
}

#
# Hostile names and values
#

my @pieces = ("'", "''", '"', '""', '\\', '\\\\', '$$', '$x$', '$1', '$9', '?', '?x', ':a', ';', '--', '/*', '*/', '(', ')', '[', ']', '{', '}', ',', '.', ' ', "\n", "\t", "\r", '%', '%s', '%1$n', '%I', '_', '|', '||', '::text', '=', '#', '#{', '#_', '^', '@', '`', '&', '~', '!',
	"'; DROP TABLE canary; --", '"; DROP TABLE canary; --', '$$; DROP TABLE canary; $$', "') UNION SELECT a FROM canary --", "' OR '1'='1", ') s; DELETE FROM canary; --', '\\\'; DROP TABLE canary; --', "E'\\047'", 'U&"\0041"', 'U&\'\0041\'', '*/ DROP TABLE canary; /*', '$q$', '\\u0000', '\\u0041', "\x{1}", "\x{7f}",
	'select', 'from', 'null', 'true', 'pg_sleep(9)', 'leak', 'canary', 'datom.create', 'x', 'X', '0', '-1', "\x{e9}", "\x{65e5}\x{672c}", "\x{202e}", "\x{feff}", "\x{a0}", "\x{2028}", "\x{10ffff}", "\x{301}", 'n' x 63, 'n' x 64);
# Those that EDN allows in a symbol.
my @name_pieces = ('--', '$1', '$$', '?', '*', '%', '%s', '%I', '%1$n', '.', '..', '_', '=', '<>', '!=', '&', '+', '-', 'U&', 'E', 'select', 'from', 'null', 'true', 'drop', 'canary', 'leak', 'pg_sleep', 'pg_catalog', 'x', 'X', '#', '#_', ':', '::text', '0', '9',
	"\x{e9}", "\x{65e5}", "\x{202e}", "\x{a0}", "\x{2028}", "\x{10ffff}", "\x{301}", "\x{ff07}", "\x{2019}", 'n' x 63, 'n' x 64, 'x' x 300);

sub some_of { my ($n, @from) = @_; return join '', map { $from[ rand @from ] } 1 .. 1 + int rand $n }
sub hostile_value { return rand() < 0.001 ? some_of(4, @pieces) x 20_000 : some_of(4, @pieces) }
sub hostile_name { my $name; do { $name = some_of(4, @name_pieces) } while $name =~ m{^(?:[-+.]?\d|[:#]|[.%_]$|\.\.\.$|null$|true$)}; return $name }

# Values that are there, each with its number.
my (@values, %number);
while (@values < 400)
{
	my $value = hostile_value();
	next if exists $number{$value} || length $value > 10_000;
	push @values, $value;
	$number{$value} = @values;
}
one($dbh, "SELECT datom.transact('pur', ?::text)", '[' . join(' ', map { "{:k/id " . edn_string($_) . " :k/n $number{$_} :k/many [\"m\" " . edn_string("m$_") . ']}' } @values) . ']');

# Attributes of hostile names, each with a value.
my %attribute;
while (keys %attribute < 60)
{
	my $name = hostile_name();
	$name .= '/' . hostile_name() if rand() < 0.5;
	next if exists $attribute{$name} || length(encode_utf8($name)) > 200 || $name =~ m{^[_/]|/_|^db[./]|^[:#]|/[:#]};
	my $made = answer('SELECT try(?)', "SELECT datom.define_attribute('pur', " . literal(":$name") . ", 'string')");
	next if $made !~ /^00000/;
	$attribute{$name} = 'v' . keys %attribute;
	one($dbh, "SELECT datom.transact('pur', jsonb_build_array(jsonb_build_object(':k/n', 100000 + ?::int, ?::text, ?::text)))", scalar(keys %attribute), ":$name", $attribute{$name});
}
my @attributes = sort keys %attribute;

# Datom tables of hostile names, as they are written in SQL.
my @tables;
while (@tables < 40)
{
	my $name = hostile_value();
	next if length(encode_utf8($name)) > 63;
	my $full = 'public.' . quoted($name);
	next if grep { $_ eq $full } @tables;
	next if answer('SELECT try(?)', 'SELECT datom.create(' . literal($full) . ')') !~ /^00000/;
	push @tables, $full;
	one($dbh, "SELECT datom.define_attribute(?, ':k/n', 'long')", $full);
	one($dbh, 'SELECT datom.transact(?, ?::text)', $full, '[{:k/n ' . @tables . '}]');
}
$dbh->do('VACUUM ANALYZE');

# Each case is a query with its arguments and what it must answer, as Perl data;
# or, where the name or value may be meaningless, nothing: then any error that is
# the query's will do.
my %with_value = (
	constant => sub { "[:find [?n ...] :where [?e :k/id $_[1]] [?e :k/n ?n]]", [], [ $_[2] ] },
	argument => sub { '[:find [?n ...] :in ?id :where [?e :k/id ?id] [?e :k/n ?n]]', [ $_[0] ], [ $_[2] ] },
	'part of a tuple' => sub { '[:find [?n ...] :in [?id _] :where [?e :k/id ?id] [?e :k/n ?n]]', [ [ $_[0], 1 ] ], [ $_[2] ] },
	'part of a collection' => sub { '[:find [?n ...] :in [?id ...] :where [?e :k/id ?id] [?e :k/n ?n]]', [ [ $_[0], 'none' ] ], [ $_[2] ] },
	'part of a relation' => sub { '[:find [?n ...] :in [[?id ?m]] :where [?e :k/id ?id] [?e :k/n ?n] [(= ?n ?m)]]', [ [ [ $_[0], $_[2] ], [ $_[0], 0 ] ] ], [ $_[2] ] },
	'lookup ref' => sub { "[:find [?n ...] :where [[:k/id $_[1]] :k/n ?n]]", [], [ $_[2] ] },
	predicate => sub { "[:find [?n ...] :where [?e :k/id ?id] [?e :k/n ?n] [(= ?id $_[1])]]", [], [ $_[2] ] },
	ground => sub { "[:find [?n ...] :where [(ground $_[1]) ?id] [?e :k/id ?id] [?e :k/n ?n]]", [], [ $_[2] ] },
	'collection of ground' => sub { "[:find [?n ...] :where [(ground [$_[1] \"none\"]) [?id ...]] [?e :k/id ?id] [?e :k/n ?n]]", [], [ $_[2] ] },
	'get-else' => sub { "[:find [?v ...] :where [?e :k/n $_[2]] [(get-else \$ ?e :k/none $_[1]) ?v]]", [], [ $_[0] ] },
	str => sub { "[:find [?v ...] :where [?e :k/n $_[2]] [(str $_[1] ?e $_[1]) ?w] [(str \"<\" $_[1]) ?v]]", [], [ "<$_[0]" ] },
	answer => sub { '[:find [?id ...] :where [?e :k/n ' . $_[2] . '] [?e :k/id ?id]]', [], [ $_[0] ] },
	'maximum' => sub { '[:find [(max ?id) ...] :where [?e :k/n ' . $_[2] . '] [?e :k/id ?id]]', [], [ $_[0] ] },
	not => sub { "[:find [?n ...] :where [?e :k/n ?n] [(<= ?n $_[2])] [(>= ?n $_[2])] (not [?e :k/id $_[1]])]", [], [] },
	or => sub { "[:find [?n ...] :where (or [?e :k/id $_[1]] [?e :k/id \"none\"]) [?e :k/n ?n]]", [], [ $_[2] ] },
	rule => sub { '[:find [?n ...] :in % :where (r ?e) [?e :k/n ?n]]', [ "[[(r ?e) [?e :k/id $_[1]]]]" ], [ $_[2] ] },
	'argument of a rule' => sub { "[:find [?n ...] :in % :where (r ?e $_[1]) [?e :k/n ?n]]", [ '[[(r ?e ?id) [?e :k/id ?id]]]' ], [ $_[2] ] },
	'default of pull' => sub { "[:find [(pull ?e [(:k/none :default $_[1])]) ...] :where [?e :k/n $_[2]]]", [], [ { ':k/none' => $_[0] } ] },
	'name in pull' => sub { "[:find [(pull ?e [[:k/n :as $_[1]]]) ...] :where [?e :k/n $_[2]]]", [], [ { $_[0] => $_[2] } ] });
my %with_name = (
	variable => sub { "[:find [?$_[0] ...] :where [?e$_[0] :k/n ?$_[0]] [(< ?$_[0] 3)]]", [], [ 1, 2 ] },
	'two variables' => sub { '[:find ?Na ?Nb :where [?N :k/n ?Na] [?N :k/n ?Nb] [(= ?Na 7)]]' =~ s/N/$_[0]/gr, [], [ [ 7, 7 ] ] },
	'argument' => sub { "[:find [?n ...] :in ?$_[0] :where [?e :k/n ?n] [(= ?n ?$_[0])]]", [ 5 ], [ 5 ] },
	keys => sub { "[:find ?n ?m :keys $_[0] $_[0]x :where [?e :k/n ?n] [(= ?n 3)] [(ground 4) ?m]]", [], [ { $_[0] => 3, "$_[0]x" => 4 } ] },
	strs => sub { "[:find ?n :strs $_[0] :where [?e :k/n ?n] [(= ?n 3)]]", [], [ { $_[0] => 3 } ] },
	syms => sub { "[:find ?n :syms $_[0] :where [?e :k/n ?n] [(= ?n 3)]]", [], [ { $_[0] => 3 } ] },
	rule => sub { "[:find [?n ...] :in % :where (r$_[0] ?n)]", [ "[[(r$_[0] ?$_[0]) [?e :k/n ?$_[0]] [(< ?$_[0] 3)]]]" ], [ 1, 2 ] },
	'rule that recurs' => sub { "[:find [?n ...] :in % :where (r$_[0] ?n)]", [ "[[(r$_[0] ?m) [?e :k/n ?m] [(< ?m 2)]] [(r$_[0] ?m) (r$_[0] ?k) [(+ ?k 1) ?m] [(< ?m 4)]]]" ], [ 1, 2, 3 ] },
	source => sub { "[:find [?n ...] :in \$$_[0] :where [\$$_[0] _ :k/n ?n] [(< ?n 3)]]", ['pur'], [ 1, 2 ] },
	'source with the rule' => sub { "[:find [?n ...] :in % \$$_[0] :where (\$$_[0] r ?n)]", [ '[[(r ?n) [_ :k/n ?n] [(< ?n 3)]]]', 'pur' ], [ 1, 2 ] },
	'source that is not there' => sub { "[:find [?n ...] :where [\$$_[0] _ :k/n ?n] [(< ?n 3)]]", [] },
	attribute => sub { "[:find [?v ...] :where [_ :$_[0] ?v]]", [] },
	'attribute of a namespace' => sub { "[:find [?v ...] :where [_ :k/$_[0] ?v]]", [] },
	keyword => sub { "[:find [?v ...] :where [_ :t/keyword :$_[0]]]", [] },
	'ident' => sub { "[:find [?v ...] :where [:$_[0] :k/n ?v]]", [] },
	function => sub { "[:find [?v ...] :where [?e :k/n ?n] [($_[0] ?n) ?v]]", [] },
	predicate => sub { "[:find [?n ...] :where [?e :k/n ?n] [($_[0] ?n)]]", [] },
	aggregate => sub { "[:find ($_[0] ?n) :where [?e :k/n ?n]]", [] },
	'pattern' => sub { "[:find [(pull ?e p$_[0]) ...] :in p$_[0] :where [?e :k/n 3]]", ['[:k/n]'], [ { ':k/n' => 3 } ] },
	'attribute in pull' => sub { "[:find [(pull ?e [:$_[0] :k/_$_[0]]) ...] :where [?e :k/n 3]]", [] },
	tag => sub { "[:find [?n ...] :where [?e :k/n ?n] [?e :k/id #a$_[0] \"x\"]]", [] });

# What an error may be; never one that the SQL has.
my $REFUSED = qr/^(?:22|42|54|0A|P0002|21000|23)\w* /;
my (%states, @unsound);

sub sound
{
	my ($what, $query, $answer, $expected) = @_;
	my ($state) = $answer =~ /^(\w{5})/;
	$states{$what}{$state}++;
	my $wrong =
		$answer =~ /^\w+ LONG/ ? 'a long message'
	  : $answer =~ /syntax error at or near|operator does not exist|unterminated|does not exist.*\| *$/s && $answer !~ /At character/ && $answer =~ /syntax|operator|unterminated/ ? 'an error of the SQL'
	  : $state =~ /^XX|^57P/ ? 'an internal error'
	  : $state ne '00000' ? (defined $expected ? 'an error' : $answer =~ $REFUSED ? undef : 'another error')
	  : undef;
	if (!$wrong && defined $expected)
	{
		my $wanted = $json->encode($expected);
		my $got = $json->encode($json->decode($answer =~ s/^00000 //r));
		$wrong = "expected $wanted" if $got ne $wanted;
	}
	push @unsound, "$what: $wrong: $query\n\t$answer" if $wrong;
	return !$wrong;
}

# The same by way of messages, SQL and JSON.
sub asked_otherwise
{
	my ($query, $args) = @_;
	my $how = int rand 4;
	return answer('SELECT message(?::jsonb)', $json->encode({ query => $query, args => $args })) if $how == 0;
	if ($how == 1)
	{
		my $edn = join ' ', map { ref $_ ? edn_of($_) : /^-?\d+$/ ? $_ : edn_string($_) } @$args;
		my $text = rand() < 0.5 ? $query : edn_string($query);
		return answer('SELECT message(?::text)', "{:query $text :args [$edn]}");
	}
	return ask($query, $args) if grep { ref } @$args || $query !~ /^\[:find \[/ || $query =~ /pull/;
	my $type = $query =~ /^\[:find \[(\(max )?\?(v|id)/ ? 'text' : 'bigint';
	my $column = quoted(hostile_value() || 'c');
	return answer('SELECT try(?)', 'SELECT coalesce(jsonb_agg(' . $column . '), $$[]$$) FROM datom.q(' . join(', ', map { /^-?\d+$/ ? $_ : literal($_) . '::text' } $query, @$args) . ") AS ($column $type)");
}

sub edn_of
{
	my ($of) = @_;
	return '[' . join(' ', map { ref $_ ? edn_of($_) : /^-?\d+$/ ? $_ : edn_string($_) } @$of) . ']';
}

my $sql_checked = 0;
my $untyped = 0;
sub check_sql
{
	my ($what, $query, $args, @allowed) = @_;
	my $sql = answer('SELECT the_sql(?, ?)', $query, $json->encode($args));
	return if $sql !~ s/^00000 //;
	$sql_checked++;
	my $fault = fault_of_sql($sql, 'pur', @allowed);
	return $untyped++ if $what eq 'mutation' && ($fault // '') =~ /is not unique|operator does not exist|function .* does not exist|could not determine|cannot be matched|cannot cast type|could not convert type/;
	push @unsound, "$what: the SQL $fault: $query\n\t$sql" if defined $fault;
}

my @of_values = sort keys %with_value;
my @of_names = sort keys %with_name;
for my $i (1 .. $HOSTILE)
{
	my ($what, $query, $args, $expected);
	if ($i % 2)
	{
		$what = $of_values[ rand @of_values ];
		my $value = $values[ rand @values ];
		($query, $args, $expected) = $with_value{$what}->($value, edn_string($value), $number{$value});
	}
	else
	{
		$what = $of_names[ rand @of_names ];
		($query, $args, $expected) = $with_name{$what}->(hostile_name());
		$what .= ', by name';
	}
	my $good = sound($what, $query, ask($query, $args), $expected);
	sound("$what, otherwise", $query, asked_otherwise($query, $args)) if $good && rand() < 0.3;
	check_sql($what, $query, $args) if $good;
}
for my $kind (qw(value name))
{
	my %all;
	for my $what (grep { $kind eq 'name' ? /by name/ : !/by name/ } keys %states) { $all{$_} += $states{$what}{$_} for keys %{ $states{$what} } }
	note "$kind: ", join ', ', map { "$all{$_} $_" } sort keys %all;
}

# Attributes and tables that have such names.
for my $name (@attributes)
{
	my $n = 100_000 + substr($attribute{$name}, 1) + 1;
	for my $query ("[:find [?v ...] :where [?e :$name ?v]]", "[:find [?v ...] :where [?e :k/n $n] [(get-else \$ ?e :$name \"none\") ?v]]", "[:find [?v ...] :where [?e :$name] [?e ?a ?v] [(= ?v $attribute{$name})]]" =~ s/(v\d+)\)/"$1")/r,
		"[:find [?v ...] :where [?e :$name ?v] (not [(missing? \$ ?e :$name)])]", "[:find [?v ...] :in \$ ?a :where [?e :k/n $n] [?e ?a ?v]]")
	{
		my @args = $query =~ /:in/ ? ('pur', ":$name") : ();
		sound('attribute that is there', $query, ask($query, \@args), [ $attribute{$name} ]);
		check_sql('attribute that is there', $query, \@args);
	}
	my $query = "[:find [(pull ?e [:$name {:k/next [:$name]}]) ...] :where [?e :k/n $n]]";
	sound('attribute that is there, pulled', $query, ask($query, []), [ { ":$name" => $attribute{$name} } ]);
	my $pulled = answer('SELECT try(?)', 'SELECT datom.pull($$pur$$, ' . literal("[:$name]") . "::text, e) FROM pur WHERE a = ':k/n' AND v = '$n' AND added");
	sound('attribute that is there, by pull()', $name, $pulled, { ":$name" => $attribute{$name} });
}
for my $i (0 .. $#tables)
{
	my $query = '[:find [?n ...] :in $a :where [$a _ :k/n ?n]]';
	for my $source ($tables[$i], { db => $tables[$i] }, { db => $tables[$i], 'as-of' => '2990-01-01T00:00:00Z' })
	{
		my $answer = ask($query, [$source]);
		ref $source && $source->{'as-of'}
		  ? like($answer, qr/^(22|55)/, shown("$tables[$i]: no moment to come" =~ s/\n/ /gr))
		  : sound('table that is there', $query, $answer, [ $i + 1 ]);
	}
	check_sql('table that is there', $query, [ $tables[$i] ], one($dbh, 'SELECT ?::regclass::text', $tables[$i]));
	my $message = '{:query [:find ?n . :where [$b _ :k/n ?n]] :sources {$b ' . edn_string($tables[$i]) . '}}';
	sound('table in a message', $message, answer('SELECT message(?::text)', $message), $i + 1);
	$dbh->do('SET datom.db = ' . literal($tables[$i]));
	sound('table in datom.db', $tables[$i], ask('[:find [?n ...] :where [_ :k/n ?n]]', []), [ $i + 1 ]);
	$dbh->do("SET datom.db = 'pur'");
}

# Texts that are no names and no queries at all.
for (1 .. $HOSTILE / 10)
{
	my $value = hostile_value();
	my @calls = (
		[ 'SELECT ask(?, ?)', $value, '[]' ],
		[ 'SELECT ask(?, ?, ?)', '[:find ?n :where [_ :k/n ?n]]', '[]', $value ],
		[ 'SELECT message(?::text)', $value ],
		[ 'SELECT message(?::text)', '{:query ' . edn_string($value) . '}' ],
		[ 'SELECT message(?::jsonb)', $json->encode({ query => $value, $value => 1 }) ],
		[ 'SELECT message(?::jsonb)', $json->encode({ query => '[:find ?n . :where [$a _ :k/n ?n]]', sources => { '$a' => $value, $value => $value } }) ],
		[ 'SELECT ask(?, ?)', '[:find ?n :in $ ?x :where [_ :k/n ?n]]', $json->encode([ { db => 'pur', $value => $value }, $value ]) ],
		[ 'SELECT ask(?, ?)', '[:find ?n :in $ % :where [_ :k/n ?n]]', $json->encode([ 'pur', $value ]) ],
		[ 'SELECT ask(?, ?)', '[:find (pull ?e p) :in p :where [?e :k/n 3]]', $json->encode([$value]) ],
		[ 'SELECT try(?)', 'SELECT datom.pull($$pur$$, ' . literal($value) . '::text, 1)' ],
		[ 'SELECT try(?)', 'SELECT datom.q_sql(' . literal($value) . ')' ],
		[ 'SELECT try(?)', 'SET LOCAL datom.db = ' . literal($value) . '; SELECT datom.q_json(\'[:find ?n :where [_ :k/n ?n]]\')' ]);
	my ($sql, @args) = @{ $calls[ rand @calls ] };
	sound('text that is none', join(' ', @args), answer($sql, @args));
}
is(shown(join("\n", @unsound[ 0 .. ($#unsound > 9 ? 9 : $#unsound) ])), '', "$HOSTILE hostile names and values are found or refused, and nothing else (" . @unsound . ' are not)');
cmp_ok($sql_checked, '>', $HOSTILE / 2, "$sql_checked times the SQL is one SELECT from the sources");
note 'functions called: ', join ' ', sort keys %kind_of_sql;
is(one($dbh, 'SELECT array_agg(a)::text FROM canary'), '{1}', 'nothing else was done');
@unsound = ();

#
# Deep, huge, unbound, endless
#

# `$sql` gives what try() returns.
sub answers
{
	my ($sql, $expected, $what) = @_;
	my $answer = eval { one($dbh, "SELECT $sql") } // 'failed: ' . $dbh->state . " $@";
	like($answer, $expected, $what);
	unlike($answer, qr/^\w+ LONG/, "$what: the message is short") if $answer =~ /LONG/;
}
sub asks { my ($query, $expected, $what, @args) = @_; answers('ask(' . literal($query) . ', ' . literal($json->encode(\@args)) . ')', $expected, $what) }

my $ANSWERED = qr/^00000/;
my $AT = qr/At character \d+\.$/;
for my $open ('[', '(', '{:find ', '#{', '[:find ?e :where ', '[:find ?e :where (not ', '[:find (', '[:find (pull ?e [{:k/next ')
{
	answers("ask(repeat(" . literal($open) . ", 1000000), '[]')", qr/^54001 .*$AT/, "10^6 times $open");
}
for my $depth (20, 200, 900)
{
	my $n = $depth * 2;
	asks('[:find (count ?e) . :where [?e :k/n] ' . '(not [?e :k/id "none"] ' x $depth . ')' x $depth . ']', qr/^(00000|54001|54000)/, "not nested $depth deep");
	asks('[:find (count ?e) . :where ' . '(or [?e :k/none] (and [?e :k/n] ' x $depth . '[?e :k/id]' . '))' x $depth . ']', qr/^(00000|54001|54000)/, "or nested $depth deep");
	asks('[:find [(pull ?e ' . '[:k/n {:k/next ' x $depth . '[:k/id]' . '}]' x $depth . ') ...] :where [?e :k/n 1]]', qr/^(00000|54001|54000)/, "pull nested $depth deep");
}
asks('[:find ?e :where ' . '[?e :k/n]' x 1000 . ']', qr/^(00000|54000|54001)/, '1000 clauses of one entity');
asks('[:find ?e0 :where ' . join(' ', map { "[?e$_ :k/next ?e" . ($_ + 1) . ']' } 0 .. 99) . ']', qr/^(00000|54000|54001)/, 'a chain of 100 entities');
asks('[:find ?e :where ' . '[?e :k/n]' x 1001 . ']', qr/^54000 .*$AT/, '1001 clauses');
asks('[:find ?e :in % :where (r ?e)]', qr/^(00000|54000|54001)/, 'a rule of 1000 bodies', '[' . join('', map { "[(r ?e) [?e :k/n $_]]" } 1 .. 1000) . ']');
asks('[:find ?e :in % :where (r0 ?e)]', qr/^(00000|54000|54001)/, '300 rules that call each other in a row', '[' . join('', map { "[(r$_ ?e) (r" . ($_ + 1) . ' ?e)]' } 0 .. 299) . '[(r300 ?e) [?e :k/n 7]]]');
asks('[:find ?e :in % :where (r0 ?e)]', qr/^(00000|0A000|54000|54001)/, '100 rules that call each other in a circle',
	'[[(r0 ?e) [?e :k/n 7]]' . join('', map { "[(r$_ ?e) (r" . (($_ + 1) % 100) . ' ?e)]' } 0 .. 99) . ']');
# Each body calls two others: written out, they would be 2^60.
asks('[:find ?e :in % :where (r0 ?e)]', qr/^(00000|54000|54001)/, 'rules that double', '[' . join('', map { "[(r$_ ?e) (r" . ($_ + 1) . ' ?e) (r' . ($_ + 1) . ' ?e)]' } 0 .. 59) . '[(r60 ?e) [?e :k/n 7]]]');
asks("[:find [?x ...] :where [(ground [" . '1 ' x 100_000 . ']) [?x ...]]]', qr/^00000 \[1\]$/, 'a collection of 100,000');
asks("[:find (count ?n) . :in [?n ...]]", qr/^00000 \[100000\]$/, 'an argument of 100,000', [ 1 .. 100_000 ]);
answers("ask('[:find ?e :where [?e :k/id \"' || repeat('x', 60000000) || '\"]]', '[]')", qr/^(00000 \[\]|54000)/, 'a string of 60 MB');
answers("ask('[:find ?e :where [?e :' || repeat('x', 10000000) || ']]', '[]')", qr/^(42704|22P02|42622) .*At character/, 'an attribute of 10 MB');
for my $place ('[:find ?X :where [?X :k/n]]', '[:find (X ?e) :where [?e :k/n]]', '[:find ?e :where [$X ?e :k/n]]', '[:find ?e :where [?e :k/n ?n] [(X ?n)]]', '[:find ?e :where (X ?e)]',
	'[:find ?e :X 1]', '[:find ?e :keys X :where [?e :k/n]]', '[:find ?e :in X :where [?e :k/n]]', '[:find ?e ?X :where [?e :k/n]]', '[:find (pull ?e X) :where [?e :k/n]]', '[:find (pull ?e [:k/X]) :where [?e :k/n]]',
	'[:find ?e :where [?e :k/n ?n] [(< ?X ?n)]]', '[:find ?e :where [?e :k/n] (not [?X :k/n])]', '[:find ?e :in ?X :where [?e :k/n]]', '[:find ?e :in % :where [?e :k/n] (X ?e)]')
{
	my $parts = join " || repeat('x', 2000000) || ", map { literal($_) } split /X/, $place;
	answers("ask($parts, '[]')", qr/^(00000|42|54|22|0A)/, "a name of 2 MB: $place");
}

# Each needs a variable that nothing binds, or binds it too late.
for my $case (
	[ '[:find ?x :where [?e :k/n]]', '\?x' ], [ '[:find (count ?x) :where [?e :k/n]]', '\?x' ], [ '[:find ?e :with ?x :where [?e :k/n]]', '\?x' ], [ '[:find (pull ?x [*]) :where [?e :k/n]]', '\?x' ],
	[ '[:find ?e :where [?e :k/n] [(< ?x 3)]]', '\?x' ], [ '[:find ?y :where [?e :k/n] [(+ ?x 3) ?y]]', '\?x' ], [ '[:find ?y :where [?e :k/n] [(+ ?y 3) ?y]]', '\?y' ],
	[ '[:find ?e :where (not [?e :k/n])]', '\?e' ], [ '[:find ?e :where [?e :k/n] (not-join [?x] [?x :k/id "a"])]', '\?x' ],
	[ '[:find ?e :where (or [?e :k/n] [?x :k/n])]', '\?[ex]' ], [ '[:find ?e :where (or-join [[?x] ?e] [?e :k/n ?x])]', '\?x' ], [ '[:find ?e :where (or-join [?e] [?x :k/n])]', '\?e' ],
	[ '[:find ?v :where [(get-else $ ?e :k/n 1) ?v]]', '\?e' ], [ '[:find ?x :where [(ground 1) ?y]]', '\?x' ], [ '[:find ?x]', '\?x' ], [ '[:find ?x :where [(< 1 2)]]', '\?x' ])
{
	my ($query, $variable) = @$case;
	asks($query, qr/^42\w* .*"$variable".*$AT/, "unbound: $query");
}
for my $case (
	[ '[[(r ?x) [?y :k/n]]]', '\?e' ], [ '[[(r [?x]) [?x :k/n]]]', '\?e' ], [ '[[(r ?x) (not [?x :k/n])]]', '\?e' ], [ '[[(r ?x) [?x :k/n] [(< ?y 3)]]]', '\?y' ], [ '[[(r ?x) (r ?x)]]', undef ], [ '[[(s ?x) [?x :k/n]]]', 'r' ], [ '[[(r ?x ?y) [?x :k/n ?y]]]', 'r' ])
{
	my ($rules, $named) = @$case;
	asks('[:find ?e :in % :where (r ?e)]', defined $named ? qr/^42\w* .*"$named".*$AT/ : qr/^(00000 \[\]$|42.*$AT)/, "rules: $rules", $rules);
}

# What asks for an entity's attributes, with anything in any place.
@unsound = ();
sub tuples { my ($n, @of) = @_; return $n == 0 ? [] : map { my $first = $_; map { [ $first, @$_ ] } tuples($n - 1, @of) } @of }
my @anything = ('$', '?e', ':k/none', '_', '3', '"none"', '[:k/n 3]', '?n');
for my $arguments ((map { tuples($_, @anything) } 1 .. 3), tuples(4, @anything[ 0 .. 4 ]))
{
	for my $call ('[(get-else A) ?v]', '[(get-some A) [_ ?v]]', '[(missing? A)] [(ground 1) ?v]')
	{
		my $query = '[:find ?v :where [?e :k/n ?n] [(= ?n 3)] ' . $call =~ s/A/@$arguments/r . ']';
		sound('arguments in any place', $query, ask($query, []));
	}
}
is(shown(join("\n", @unsound[ 0 .. ($#unsound > 9 ? 9 : $#unsound) ])), '', 'get-else, get-some and missing? with anything in any place (' . @unsound . ' are wrong)');
cmp_ok($states{'arguments in any place'}{'00000'}, '>', 20, 'some are answered');
asks("[:find ?v :where [?e :k/n ?n] [($_) ?v]]", qr/^42601 function "[^"]+" needs (more|fewer) arguments .*$AT/, $_) for 'get-else ?e :k/none $ "none"', 'get-else ?e :k/none "a" "b"', 'get-else $ ?e :k/none', 'get-some $ ?e', 'missing? ?e :k/none :k/n', 'missing? $ ?e';

# Recursion that is written in all ways gives the same, or says that it cannot.
one($dbh, "SELECT datom.transact('pur', ?::text)", '[' . join(' ', map { "{:db/id \"e$_\" :k/n " . (200_000 + $_) . ' :k/next "e' . (($_ * 7 + 1) % 40) . '"}' } 0 .. 39) . ']');
my $right = ask('[:find (count ?m) . :in % :where [?a :k/n 200003] (r ?a ?b) [?b :k/n ?m]]', [ '[[(r ?a ?b) [?a :k/next ?b]] [(r ?a ?b) [?a :k/next ?c] (r ?c ?b)]]' ]);
like($right, qr/^00000 \[\d+\]$/, "right recursion: $right");
for my $case (
	[ left => '[[(r ?a ?b) [?a :k/next ?b]] [(r ?a ?b) (r ?a ?c) [?c :k/next ?b]]]' ],
	[ 'left and first' => '[[(r ?a ?b) (r ?a ?c) [?c :k/next ?b]] [(r ?a ?b) [?a :k/next ?b]]]' ],
	[ double => '[[(r ?a ?b) [?a :k/next ?b]] [(r ?a ?b) (r ?a ?c) (r ?c ?b)]]' ],
	[ mutual => '[[(r ?a ?b) [?a :k/next ?b]] [(r ?a ?b) [?a :k/next ?c] (s ?c ?b)] [(s ?a ?b) (r ?a ?b)]]' ],
	[ 'of three' => '[[(r ?a ?b) (s ?a ?b)] [(s ?a ?b) (t ?a ?b)] [(t ?a ?b) [?a :k/next ?b]] [(t ?a ?b) [?a :k/next ?c] (r ?c ?b)]]' ],
	[ 'under or' => '[[(r ?a ?b) (or [?a :k/next ?b] (and [?a :k/next ?c] (r ?c ?b)))]]' ],
	[ 'with required' => '[[(r [?a] ?b) [?a :k/next ?b]] [(r [?a] ?b) [?a :k/next ?c] (r ?c ?b)]]' ],
	[ 'twice the same' => '[[(r ?a ?b) [?a :k/next ?b]] [(r ?a ?b) [?a :k/next ?c] (r ?c ?b)] [(r ?x ?y) [?x :k/next ?z] (r ?z ?y)]]' ])
{
	my ($what, $rules) = @$case;
	my $answer = ask('[:find (count ?m) . :in % :where [?a :k/n 200003] (r ?a ?b) [?b :k/n ?m]]', [$rules]);
	$answer =~ /^(0A000|42P19)/ ? like($answer, $AT, "$what: refused, with a position") : is($answer, $right, "recursion, $what");
}
asks('[:find ?a :in % :where (r ?a)]', qr/^(42|0A).*$AT/, 'recursion through not', '[[(r ?a) [?a :k/n] (not (r ?a))]]');
asks('[:find ?a :in % :where (r ?a)]', qr/^(42|0A).*$AT/, 'recursion through not of another', '[[(r ?a) [?a :k/n] (not (s ?a))] [(s ?a) [?a :k/id] (r ?a)]]');

# What never ends, or not in time, can be stopped.
my %endless = (
	'a rule that counts' => [ '[:find ?n :in % :where (r ?n)]', '[[(r ?n) [(ground 1) ?n]] [(r ?n) (r ?m) [(+ ?m 1) ?n]]]' ],
	'a product' => [ '[:find (count ?f) . :where ' . join(' ', map { "[?$_ :k/n] [?$_ :k/id]" } 'a' .. 'f') . ']' ],
	'text that grows' => [ '[:find ?n :in % :where (r ?n)]', '[[(r ?n) [(ground "ab") ?n]] [(r ?n) (r ?m) [(str ?m ?m) ?n]]]' ]);
for my $what (sort keys %endless)
{
	my ($query, @args) = @{ $endless{$what} };
	my $called = 'SELECT count(*) FROM datom.q_json(' . literal($query) . ', ' . literal($json->encode(\@args)) . ')';
	for my $how ('statement_timeout', ':timeout', 'cancel')
	{
		my $session = db($node);
		$session->do("SET datom.db = 'pur'");
		my $sql = $how eq ':timeout' ? $called =~ s/:find /:timeout 500 :find /r : $called;
		$session->do('SET statement_timeout = ' . ($how eq 'statement_timeout' ? 500 : 120_000));
		my $canceller = $how eq 'cancel' ? one($session, 'SELECT pg_backend_pid()') : undef;
		# It runs, or has ended already: the query is shown then, too.
		my $child = $canceller && spawn(sub { my $other = db($node); wait_until('it runs', sub { one($other, "SELECT query LIKE '%q_json%' FROM pg_stat_activity WHERE pid = $canceller") }); select undef, undef, undef, 0.5; one($other, "SELECT pg_cancel_backend($canceller)") });
		my $began = time;
		eval { one($session, $sql) };
		my $took = time - $began;
		is(finish($child), 0, 'it is cancelled') if $child;
		like($session->state, qr/^(57014|22\w{3}|54000)$/, "$what ends by $how");
		cmp_ok($took, '<', 60, 'within seconds');
	}
}

#
# Mutations
#

my @good = (
	[ '[:find ?n :where [?e :k/id "x"] [?e :k/n ?n]]' ], [ '{:find [?n] :in [?id] :where [[?e :k/id ?id] [?e :k/n ?n]]}', 'x' ], [ '[:find [?n ...] :in $ [?id ...] :where [$ ?e :k/id ?id] [?e :k/n ?n]]', 'pur', [ 'a', 'b' ] ],
	[ '[:find ?n . :in [[?id _]] :where [?e :k/id ?id] [?e :k/n ?n]]', [ [ 'a', 1 ] ] ], [ '[:find ?e ?v ?t ?op :where [?e :k/n ?v ?t ?op] [(< ?v 5)]]' ], [ '[:find (count ?n) (min 3 ?n) (sum ?n) (avg ?n) (median ?n) :with ?e :where [?e :k/n ?n]]' ],
	[ '[:find ?n :keys n :where [?e :k/n ?n] (not [?e :k/next]) [(> ?n 200000)]]' ], [ '[:find [(pull ?e [:k/n {:k/next [* :k/_next]} (:k/none :default "none")]) ...] :where [?e :k/n 200001]]' ],
	[ '[:find ?n :in % :where [?a :k/n 200003] (r ?a ?b) [?b :k/n ?n]]', '[[(r ?a ?b) [?a :k/next ?b]] [(r ?a ?b) [?a :k/next ?c] (r ?c ?b)]]' ], [ '[:find ?n :where (or [?e :k/n 3] (and [?e :k/n 4] [?e :k/id])) [?e :k/n ?n]]' ],
	[ '[:find ?n :where (or-join [?e] [?e :k/n 3] (and [?e :k/next ?x] [?x :k/n 200003])) [?e :k/n ?n] (not-join [?e] [?e :k/next ?f] [?f :k/none])]' ],
	[ '[:find ?s :where [?e :k/n ?n] [(< ?n 9)] [(+ ?n 1) ?m] [(* ?m 2) ?k] [(str ?k "-" ?n) ?s] [(subs ?s 0 1) ?t] [(!= ?t "1")]]' ], [ '[:find ?v :where [?e :k/n 3] [(get-else $ ?e :k/none "none") ?v] [(missing? $ ?e :t/string)]]' ],
	[ '[:find ?a ?v :where [?e :k/n 200003] [(get-some $ ?e :k/none :k/n) [?a ?v]] [(tuple ?a ?v) ?t] [(untuple ?t) [?b ?w]]]' ], [ '[:find ?x ?y :where [(ground [[1 "a"] [2 "b"]]) [[?x ?y]]] [(mod ?x 2) ?z] [(= ?z 1)] [(quot ?x 1) ?q] [(rem ?x 2) ?r]]' ],
	[ '[:find ?n :where [$pur ?e :k/n ?n] [[:k/n 3] :k/id] [(mod ?e 3) ?i] [(= ?i 0)] :limit 5 :offset 1 :timeout 10000]' ], [ '[:find ?e ?k :where [?e :t/keyword ?k] [?e :t/instant #inst "2014-11-15T13:37:42Z"] [?e :t/bigdec 10.50M] [?e :t/ref [:k/n 3]]]' ],
	[ '[:find (twice ?n) :where [?e :k/n ?n] [(public.twice ?n) ?m]]' ], [ '[:find ?m :where [?e :k/n ?n] [(public.twice ?n) ?m] [(< ?m 20)]]' ], [ '[:find (distinct ?n) (count-distinct ?n) (variance ?n) (stddev ?n) (max ?n) (sample 2 ?n) (rand 2 ?n) :where [?e :k/n ?n]]' ]);
my @messages = ('{:as-of #inst "2990-01-01T00:00:00Z" :args ["x"] :query {:find [?n (max ?n)] :in [?id] :where [[$pur ?e :k/id ?id] [?e :k/n ?n]]}}', '{:query "[:find ?n . :in $ ?x :where [?e :k/n ?n] [(= ?n ?x)]]" :args ["pur" 3] :sources {$ "pur" $pur {"db" "pur"}}}',
	'{:query [:find ?n :in $ [?x ...] :where [?e :k/n ?n] [(= ?n ?x)]] :args [{:db "pur" :history true} [3 4]]}');
my @patterns = ('[*]', '[:k/n :k/id {:k/next [:k/n {:k/next 3}]}]', '[{:k/next ...} :k/_next (:k/none :default 0)]', '[(:k/many :limit 2) [:k/n :as "n"] {(:k/_next :limit 1) [*]}]');
my @parts = ('[', ']', '{', '}', '(', ')', '#{', '"', '\\', ':', '/', '#', '#_', ';', ',', ' ', "\n", 'nil', 'true', '-', '.', '...', '_', '%', '$', '?', '?x', '?e', '0', '1', '-1', '1.5', '2M', '99999999999999999999', ':find', ':in', ':where', ':with', ':keys', ':limit', ':offset', ':timeout',
	'not', 'not-join', 'or', 'or-join', 'and', 'pull', 'count', 'sum', 'rand', 'ground', 'get-else', 'missing?', 'tuple', 'untuple', 'str', 'subs', '+', '/', '<', '=', '!=', 'r', 'twice', 'leak', 'now', 'pg_sleep', 'public.twice', ':k/id', ':k/n', ':k/next', ':k/_next', ':k/none', ':t/json', ':t/bytes', ':db/ident', ':db/txInstant', ':db/doc',
	'#inst "2014-01-01T00:00:00Z"', '#json "{}"', '#uuid "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"', '\\a', "\x{e9}", "\x{10000}", "'", '$1', '%s', '"a"', '[:k/n 3]', '[?x ...]', '[[?x ?y]]', '[?x]', '[(< ?n 3)]', '[?e :k/n ?n]', '(r ?a ?b)', '[(+ ?n 1) ?m]', '(not [?e :k/id])');

sub mutated
{
	my ($text, @others) = @_;
	for (1 .. 1 + int rand 3)
	{
		my $length = length $text;
		my $at = int rand($length + 1);
		my $some = int rand(1 + ($length - $at) * (rand() < 0.2 ? 1 : 0.1));
		my $how = int rand 6;
		if ($how == 0) { substr($text, $at, $some) = '' }
		elsif ($how == 1) { substr($text, $at, 0) = $parts[ rand @parts ] }
		elsif ($how == 2) { substr($text, $at, $some) = $parts[ rand @parts ] }
		elsif ($how == 3) { substr($text, $at, 0) = substr($text, $at, $some) }
		elsif ($how == 4) { my $other = $others[ rand @others ]; substr($text, $at, 0) = substr($other, rand length $other) }
		else { substr($text, $at, 1) = chr(32 + int rand 96) if $at < $length }
	}
	return $text;
}

# The same with whole forms, so that brackets match and more is understood.
my $TOKEN = qr/"(?:\\.|[^"\\])*"|#\{|[\[\](){}]|[^\s\[\](){}",]+|[\s,]+/s;

sub restructured
{
	my ($text) = @_;
	my @tokens = $text =~ /$TOKEN/g;
	my @whole = grep { /^[^\[\](){}";,\\#]+$|^\[.*\]$|^\(.*\)$/ } @parts;
	for (1 .. 1 + int rand 3)
	{
		my @atoms = grep { $tokens[$_] !~ /^(#\{|[\[\](){}]|[\s,]+)$/ } 0 .. $#tokens;
		last unless @atoms;
		my ($one, $other) = @atoms[ rand @atoms, rand @atoms ];
		my $how = int rand 5;
		if ($how < 2) { $tokens[$one] = $whole[ rand @whole ] }
		elsif ($how == 2) { @tokens[ $one, $other ] = @tokens[ $other, $one ] }
		elsif ($how == 3) { $tokens[$one] = $tokens[$other] }
		else { splice @tokens, $one, rand() < 0.5 ? 1 : 0, ' ' . $whole[ rand @whole ] . ' ' }
	}
	return join '', @tokens;
}

# Errors about the text of a query say where. Others are about an argument, or about
# values that are met when the query runs.
my $ABOUT_TEXT = qr/^(42|22P02|22021|54001|0A000)/;
my $ABOUT_VALUE = qr/given as argument|argument \d+, "|asked for as source|^42804 cannot cast a value of type/;
my (%mutated, @bad);

sub judge
{
	my ($kind, $text, $answer, $mutant) = @_;
	my ($state) = $answer =~ /^(\w{5})/;
	$mutated{$kind}{$state}++;
	push @bad, "$kind $text\n\t$answer" if $state =~ /^XX|^57P|^58/ || $answer =~ /^\w+ LONG/ || $answer =~ /syntax error at or near|operator does not exist|cache lookup/;
	push @bad, "$kind without a position: $text\n\t$answer" if $state =~ $ABOUT_TEXT && $answer !~ /At character \d+\.$|$ABOUT_VALUE/ && $mutant;
}

# Some have far more answers than one would wait for.
$dbh->do('SET statement_timeout = 3000');
for my $i (1 .. $MUTATIONS)
{
	my $kind = $i % 10 == 0 ? 'message' : $i % 10 == 1 ? 'pattern' : $i % 10 == 2 ? 'rules' : 'query';
	if ($kind eq 'query')
	{
		my ($query, @args) = @{ $good[ rand @good ] };
		my $mutant = rand() < 0.8 ? restructured($query) : mutated($query, map { $_->[0] } @good);
		my $answer = ask($mutant, \@args);
		judge($kind, "$mutant " . $json->encode(\@args), $answer, 1);
		next if $answer !~ /^00000/;
		$dbh->do('SET statement_timeout = 0');
		check_sql('mutation', $mutant, \@args, 'twice(bigint)', 'random()');
		$dbh->do('SET statement_timeout = 3000');
	}
	elsif ($kind eq 'rules')
	{
		my $mutant = rand() < 0.8 ? restructured($good[8][1]) : mutated($good[8][1], $good[10][0]);
		judge($kind, $mutant, ask($good[8][0], [$mutant]), 1);
	}
	elsif ($kind eq 'message')
	{
		my $message = $messages[ rand @messages ];
		my $mutant = rand() < 0.8 ? restructured($message) : mutated($message, @messages);
		judge($kind, $mutant, answer('SELECT message(?::text)', $mutant), 1);
	}
	else
	{
		my $mutant = rand() < 0.8 ? restructured($patterns[ rand @patterns ]) : mutated($patterns[ rand @patterns ], @patterns);
		judge($kind, $mutant, answer('SELECT try(?)', 'SELECT datom.pull($$pur$$, ' . literal($mutant) . "::text, (SELECT e FROM pur WHERE a = ':k/n' AND v = '200003'))"), 1);
	}
}
$dbh->do('RESET statement_timeout');
for my $kind (sort keys %mutated)
{
	note "$kind: ", join ', ', map { "$mutated{$kind}{$_} $_" } sort keys %{ $mutated{$kind} };
}
is(shown(join("\n", @unsound)), '', "the SQL of those that are good is one SELECT");
cmp_ok($untyped, '<', $mutated{query}{'00000'} / 2, "$untyped have parameters whose types are not told");
is(shown(join("\n", @bad[ 0 .. ($#bad > 9 ? 9 : $#bad) ])), '', "$MUTATIONS mutations give an SQLSTATE, no error of the SQL, and a position (" . @bad . ' do not)');
cmp_ok(scalar(keys %{ $mutated{query} }), '>=', 6, 'of many kinds');
cmp_ok($mutated{query}{'00000'}, '>', $MUTATIONS / 40, 'and some are good');
is(one($dbh, 'SELECT array_agg(a)::text FROM canary'), '{1}', 'nothing else was done');
is(one($dbh, 'SELECT pg_postmaster_start_time()'), $started, 'the server lives');
unlike(slurp_file($node->logfile), qr/was terminated by signal|PANIC/, 'and no backend has died');

#
# Controls
#

my $some = answer('SELECT the_sql(?, ?)', '[:find ?n :where [?e :k/n ?n]]', '[]') =~ s/^00000 //r;
is(fault_of_sql($some, 'pur'), undef, 'control: the SQL of a query');
for my $case (
	[ "$some; DROP TABLE canary", 'another statement' ], [ "$some UNION ALL SELECT a FROM canary", 'another table' ], [ "SELECT leak('x')", 'another function' ], [ "SELECT pg_sleep(0), set_config('a.b', 'c', false)", 'functions of the server' ],
	[ "WITH x AS (DELETE FROM canary RETURNING a) SELECT a FROM x", 'another command' ], [ 'SELECT e FROM pur FOR UPDATE', 'a lock of rows' ], [ 'SELECT 1 WHERE', 'no SQL' ], [ 'SELECT * FROM pg_authid', 'a catalog' ])
{
	isnt(fault_of_sql($case->[0], 'pur'), undef, "control: $case->[1] is noticed");
}
$dbh->do(q{CREATE FUNCTION internal(bigint) RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RAISE 'x' USING ERRCODE = 'XX000'; END $$});
@bad = ();
judge('query', 'x', ask('[:find ?m :where [?e :k/n ?n] [(public.internal ?n) ?m]]', []), 1);
is(scalar(@bad), 1, 'control: an internal error is noticed');
@unsound = ();
ok(!sound('control', 'x', '00000 [1]', [2]), 'control: a wrong answer is noticed');
my $victim = db($node);
kill 'SEGV', one($victim, 'SELECT pg_backend_pid()');
wait_until('the log tells of the crash', sub { slurp_file($node->logfile) =~ /was terminated by signal 11/ });
pass('control: a backend that dies is noticed');
# Nobody waits for its recovery.
crash($node, 'immediate');
done_testing();
