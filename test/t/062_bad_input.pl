# No input crashes a backend or raises an internal error: nesting, size, broken
# text, hostile names, and 10,000 random mutations of data that are good. What
# is wrong with a text is told with its position.
#
# The controls: an internal error and a backend that dies are noticed.
use strict;
use warnings;
use utf8;
use Datom;
use PostgreSQL::Test::Utils;
use Test::More;

my $seed = $ENV{SEED} || int(rand(2**31));
my $MUTATIONS = $ENV{MUTATIONS} || (torture() ? 200_000 : 10_000);
note "seed $seed (SEED=$seed), $MUTATIONS mutations (MUTATIONS=$MUTATIONS)";
srand $seed;

my $node = server('bad_input', fsync => 'off', log_min_messages => "'log'", restart_after_crash => 'on', 'datom.wait' => "'10min'");
my $dbh = db($node);
my $started = one($dbh, 'SELECT pg_postmaster_start_time()');
$dbh->do(<<'SQL');
CREATE TABLE canary (a int);
INSERT INTO canary VALUES (1);
SELECT datom.create('pur');
SELECT datom.define_attribute('pur', (':t/' || t)::datom.attribute, t)
	FROM unnest('{string,long,double,bigdec,boolean,instant,date,uuid,keyword,ref,bytes,json}'::text[]) t;
SELECT datom.define_attribute('pur', ':x/id', 'string', 'one', 'identity');
SELECT datom.define_attribute('pur', ':x/number', 'long', 'one', 'value');
SELECT datom.define_attribute('pur', ':x/many', 'string', 'many');
SELECT datom.define_attribute('pur', ':x/part', 'ref', 'many', is_component => true);
SELECT datom.transact('pur', '[{:x/id "a" :x/number 1 :x/many ["a" "b"] :x/part {:x/id "part"}}]');
CREATE FUNCTION say(db regclass, arg text) RETURNS text LANGUAGE sql AS $$ SELECT format('[{:x/many %s}]', to_json(coalesce(arg, ''))) $$;
CREATE FUNCTION pass(db regclass, data text) RETURNS text LANGUAGE sql AS $$ SELECT data $$;
-- SQLSTATE, message, detail; the length of the message stands first
CREATE FUNCTION try(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE detail text;
BEGIN EXECUTE query; RETURN '00000';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
	RETURN concat_ws(' ', sqlstate, CASE WHEN length(sqlerrm) > 1000 THEN 'LONG' END, left(sqlerrm, 300), '|', left(detail, 300));
END $$;
CREATE FUNCTION edn(data text) RETURNS text LANGUAGE sql AS $$ SELECT try(format('SELECT datom.transact(''pur'', %L::text)', data)) $$;
CREATE FUNCTION json(data text) RETURNS text LANGUAGE sql AS $$ SELECT try(format('SELECT datom.transact(''pur'', %L::jsonb)', data)) $$;
SQL

# In ASCII, for the names of tests and what is said about failures.
sub shown { return $_[0] =~ s/([^ -~\n\t])/sprintf '\x{%x}', ord $1/ger }

# `$sql` gives what try() returns.
sub answers
{
	my ($sql, $expected, $what) = @_;
	my $answer = eval { one($dbh, "SELECT $sql") } // 'failed: ' . $dbh->state . " $@";
	like($answer, $expected, $what);
	unlike($answer, qr/^\w+ LONG/, "$what: the message is short") if $answer =~ /LONG/;
}

#
# Nesting of 10^6
#
my %deep = ('[' => 1001, '(' => 1001, '#{' => 2001, '{:a ' => 4001, '{[] ' => 3998, '#a ' => 3001, '#_ ' => 3001, '[{:x/part ' => undef);
for my $open (sort keys %deep)
{
	my $position = $deep{$open} // '\d+';
	answers("edn(repeat('$open', 1000000))", qr/^54001 .*\| At character $position\.$/, "EDN: 10^6 times $open");
}
answers(q~edn('[' || repeat('{:x/part ', 900) || '"x"' || repeat('}', 900) || ']')~, qr/^(00000|54001)/, 'EDN: maps nested 900 deep');
answers(q~edn('[[:db/add 1 :t/json ' || repeat('[', 990) || repeat(']', 990) || ']]')~, qr/^42804 .*At character 21/, 'EDN: vectors nested 990 deep');
answers(q~edn('[[say ' || repeat('[', 990) || repeat(']', 990) || ']]')~, qr/^00000/, 'EDN: an argument nested 990 deep');
answers(q~json(repeat('[', 1000000))~, qr/^(54001|22P02)/, 'JSON: 10^6 times [');
answers(q~json(repeat('{"a":', 1000000))~, qr/^(54001|22P02)/, 'JSON: 10^6 times {');
for my $depth (100, 1000, 3000, 5000)
{
	answers("json('[{\":t/json\": ' || repeat('[', $depth) || repeat(']', $depth) || '}]')", qr/^(00000|54001)/, "JSON: arrays nested $depth deep");
	answers("json('[' || repeat('{\":x/part\": ', $depth) || '1' || repeat('}', $depth) || ']')", qr/^(00000|54001)/, "JSON: maps nested $depth deep");
	answers("json(repeat('[', $depth) || repeat(']', $depth))", qr/^(22P02|54001)/, "JSON: empty arrays nested $depth deep");
}
answers(q~try('SELECT ' || quote_literal(repeat('[', 1000000)) || '::datom.value')~, qr/^00000/, 'a value of 10^6 brackets is a string');
answers(q~try('SELECT ' || quote_literal(repeat('#a ', 1000000)) || '::datom.value')~, qr/^(00000|54001|22P02)/, 'a value of 10^6 tags');

#
# Tokens of 64 MB
#
my $MB64 = 64 * 1024 * 1024;
for my $case (
	[ q~'[{:t/string "' || X || '"}]'~, qr/^00000/ ],
	[ q~'[{:t/keyword :' || X || '}]'~, qr/^00000/ ],
	[ q~'[{:' || X || ' 1}]'~, qr/^42704 .*At character 3\.$/ ],
	[ q~'[[' || X || ' 1]]'~, qr/^42883 .*At character 2\.$/ ],
	[ q~'[{:t/long 1' || NINE || '}]'~, qr/^22003 .*At character 11\.$/ ],
	[ q~'[{:t/bigdec 1e' || NINE || 'M}]'~, qr/^(42804|22003) .*/ ],
	[ q~'[{:db/id "' || X || '" :x/many "x"}]'~, qr/^00000/ ],
	[ q~'[;' || X || E'\n]'~, qr/^00000/ ],
	[ q~'[{:t/string "' || X~, qr/^22P02 .*At character 13\.$/ ])
{
	my ($text, $expected) = @$case;
	(my $sql = $text) =~ s/X/repeat('x', $MB64)/;
	$sql =~ s/NINE/repeat('9', $MB64)/;
	answers("edn($sql)", $expected, "64 MB: $text");
}
# A million forms: the elements of one vector, the keys of one map.
answers(q~edn('[' || repeat('[] ', 1000000) || ']')~, qr/^22P02 .*At character 2\.$/, 'a million vectors');
answers(q~edn('[{' || (SELECT string_agg(':k' || i || ' 1', ' ') FROM generate_series(1, 1000000) i) || '}]')~, qr/^42704 .*At character 3\.$/, 'a million keys');
answers(q~edn('[{:x/many #{' || (SELECT string_agg('"k' || i || '"', ' ') FROM generate_series(1, 20000) i) || '}}]')~, qr/^00000/, 'a set of 20,000');
answers(q~try('SELECT datom.as_of(''pur'', ' || quote_literal(repeat('9', 1000000)) || ')')~, qr/^22007/, 'a moment of 1 MB');
answers(q~try('SELECT ' || quote_literal(':' || repeat('x', 1000000)) || '::datom.attribute')~, qr/^42622/, 'an attribute of 1 MB');

#
# Text that is none
#
for my $case (
	[ '[{:t/string "\ud800"}]', '22P02|22021' ], [ '[{:t/string "\udc00\ud800"}]', '22P02|22021' ], [ '[{:t/string "\ud83d\ude00"}]', '00000' ],
	[ '[{:t/string "\u0000"}]', '22P02|22021' ], [ '[{:t/string "\u12"}]', '22P02' ], [ '[{:t/string "\q"}]', '22P02' ], [ '[{:t/string \u0000}]', '22P02|22021' ],
	[ '[{:t/string "\377"}]', '22P02' ], [ "[{:t/string \"\x{10ffff}\"}]", '00000' ], [ "[{:t/string \"\x{feff}\x{202e}\"}]", '00000' ],
	[ "\x{feff}[]", '22P02' ], [ '[{:t/string "a" "b"}]', '22P02' ], [ '[#unknown {:x/id "a"}]', '22P02' ], [ '[#_]', '22P02' ], [ '[{#_ :x/id "a"}]', '22P02' ],
	[ '[{:t/instant #inst}]', '22P02' ], [ '[{:t/instant #inst 5}]', '22P02' ], [ '[{:t/instant #inst "9999999-01-01T00:00:00Z"}]', '22P02|22008' ],
	[ '[{:t/uuid #uuid "zz"}]', '22P02' ], [ '[{:t/bytes #bytes "abc"}]', '22P02' ], [ '[{:t/ref #ref 99999999999999999999}]', '22P02' ],
	[ '[{:t/json #json "{"}]', '22P02' ], [ '[{:t/date #date "2014-02-30"}]', '22P02' ], [ '[{:t/double ##Infinity}]', '22P02' ], [ '[{:t/double 1e999}]', '22P02|22003|42804' ],
	[ '[{:t/long 9223372036854775808}]', '42804' ], [ '[{:t/long -9223372036854775809}]', '42804' ], [ '[{:t/long 1N}]', '00000' ], [ '[{:t/long 01}]', '22P02' ],
	[ '[[:db/add 9223372036854775808 :t/long 1]]', '22P02' ], [ '[[:db/add -1N :t/long 1]]', '22P02|22023' ], [ '[[:db/add #db/id [:db.part/user -1] :t/long 1]]', '22P02' ],
	[ '[[:db/add #inst "2014-01-01T00:00:00Z" :t/long 1]]', '22P02' ], [ '[[:db/add "" :t/long 1]]', '00000' ], [ '[{:x/_part {:x/_part {:x/_part "a"}}}]', '00000' ],
	[ '[{:/ 1}]', '22P02' ], [ '[{: 1}]', '22P02' ], [ '[{:a/b/c 1}]', '22P02|42704' ], [ '[{:_ 1}]', '42704' ], [ '[{:x/_ 1}]', '42704|22P02' ], [ '[{:/_x 1}]', '22P02|42704' ])
{
	my ($text, $states) = @$case;
	my $answer = one($dbh, 'SELECT edn(?)', $text);
	like($answer, $states eq '00000' ? qr/^00000/ : qr/^($states) .*At character \d+\.$/, shown("EDN: $text"));
}
for my $bytes ('\xff', '\xc0\x80', '\xed\xa0\x80', '\xf8\x88\x80\x80\x80', '\xe9', '\x00')
{
	for my $quoted ("[{:t/string \"$bytes\"}]", "[{:t/$bytes 1}]")
	{
		$dbh->{pg_enable_utf8} = 0;
		answers("try(\$q\$SELECT datom.transact('pur', E'$quoted')\$q\$)", qr/^22021/, "broken UTF-8 in $quoted");
		$dbh->{pg_enable_utf8} = -1;
	}
}
for my $json ('["\u0000"]', '[{":t/string": "\ud800"}]', '[{":t/string": "\u0000"}]', '[{"\u0000": 1}]')
{
	like(one($dbh, 'SELECT json(?)', $json), qr/^22P0[25]/, "JSON: $json");
}

#
# Names that would like to be more than names
#
my @names = ("x'; DROP TABLE canary; --", 'x"; DROP TABLE canary; --', '$$; DROP TABLE canary; $$', '\\', '\\\'', "\n\t\r", '%s%n%1$s', 'ü' x 40, 'n' x 63, 'n' x 64,
	'', ' ', '.', 'a.b', '"', '""', "'", ';', '--', '/*', '*/', '${x}', '`id`', "\x{202e}", 'select', 'pg_catalog', '0', ':x', '[', '{', '(');
sub quoted { return '"' . ($_[0] =~ s/"/""/gr) . '"' }
sub literal { return $dbh->quote($_[0]) }
sub edn_string { return '"' . ($_[0] =~ s/([\\"])/\\$1/gr) . '"' }
my (%made, @unsound);
for my $name (@names)
{
	my $schema = 'odd ' . keys(%made) . ' ' . $name;
	$dbh->do('CREATE SCHEMA ' . quoted($schema));
	my $full = quoted($schema) . '.' . quoted($name);
	my $state = one($dbh, 'SELECT try(?)', 'SELECT datom.create(' . literal($full) . ')');
	# Names that are none, or too long to be told apart, are refused.
	if ($state !~ /^00000/)
	{
		push @unsound, "$full: $state" if $name ne '' || $state !~ /^42601/;
		next;
	}
	my $table = literal($full) . '::regclass';
	my $data = '[{:k/id ' . edn_string($name) . ' :k/v ' . edn_string($name) . '} {:db/id ' . edn_string($name) . ' :k/v "t"}]';
	my @steps = (
		"SELECT datom.define_attribute($table, ':k/id', 'string', 'one', 'identity', doc => " . literal($name) . ')', "SELECT datom.define_attribute($table, ':k/v', 'string')",
		"SELECT datom.transact($table, " . literal($data) . '::text)', "INSERT INTO $full (a, v) VALUES (':k/v', " . literal($name) . '::text)',
		"SELECT datom.transact($table, " . literal('[[:db/add [:k/id ' . edn_string($name) . '] :k/v "again"]]') . '::text)',
		"SELECT datom.as_of($table), datom.history($table), datom.log($table), datom.attributes($table), datom.basis($table), datom.check($table)",
		"SELECT datom.as_of($table, clock_timestamp()), datom.since($table, datom.current_tx() - 1)");
	for my $step (@steps)
	{
		my $answer = one($dbh, 'SELECT try(?)', $step);
		push @unsound, "$step: $answer" if $answer !~ /^00000/;
	}
	my $entity = one($dbh, "SELECT datom.entity($table, ':k/id', ?::text::datom.value) ->> ':k/id'", $name);
	push @unsound, "$full: the entity is not found by its name" if ($entity // 'none') ne $name;
	$made{$name} = 1;
	for my $query ("SELECT datom.transact('pur', " . literal('[[' . edn_string($name) . ' 1]]') . '::text)',
		"SELECT datom.transact('pur', jsonb_build_array(jsonb_build_array(" . literal($name) . ', 1)))',
		"SELECT datom.transact('pur', " . literal("[[$name 1]]") . '::text)', "SELECT datom.create(" . literal($name) . ')',
		"SELECT datom.define_attribute('pur', " . literal(":$name") . "::datom.attribute, 'string')", "SELECT datom.define_attribute('pur', ':z/z', " . literal($name) . ')',
		"SELECT datom.define_attribute('pur', ':z/z', 'string', " . literal($name) . ')', "SELECT datom.as_of('pur', " . literal($name) . '::text)',
		"SELECT datom.entity('pur', ':x/id', " . literal($name) . ')', "SELECT datom.assert_as_of(" . literal($name) . ')', "SET LOCAL datom.as_of = " . literal($name) . "; SELECT datom.now()")
	{
		my $answer = one($dbh, 'SELECT try(?)', $query);
		push @unsound, "$query: $answer" if $answer =~ /^XX/;
	}
}
is(shown(join("\n", @unsound)), '', scalar(keys %made) . ' of ' . @names . ' hostile names are tables, strings, tempids and lookup refs');
is(one($dbh, 'SELECT count(*) FROM canary'), 1, 'and none of them did anything else');
$dbh->do('SET standard_conforming_strings = off');
$dbh->do('SET backslash_quote = on');
is(one($dbh, "SELECT try(?)", q{SELECT datom.create(E'"odd "."t\\\\''x"'), datom.define_attribute(E'"odd "."t\\\\''x"', ':a/b', 'string')}) =~ /^00000|does not exist/ ? 1 : 0, 1, 'also where backslashes are not what they are elsewhere');
$dbh->do("RESET $_") for qw(standard_conforming_strings backslash_quote);
is(one($dbh, 'SELECT count(*) FROM canary'), 1, 'nor then');

#
# Mutations
#
my @edn = (
	'[]', '[[:db/add "t" :t/string "text"] [:db/add "t" :t/long 42]]', '[{:x/id "a" :x/many ["a" "b"] :t/double 1.5 :t/bigdec 10.50M}]',
	'[{:db/id "p" :x/id "q" :x/part [{:t/string "x"} {:x/part {:t/long -1}}]} {:x/id "a" :x/_part "p"}]', '[[:db/retract [:x/id "a"] :x/many "a"] [:db/add [:x/id "a"] :x/many "c"]]',
	'[[:db/retract [:x/id "a"] :x/many]]', '[[:db/retractEntity [:x/id "q"]]]', '[[:db/cas [:x/id "a"] :x/number 1 2]]', '[[:db/cas [:x/id "a"] :t/long nil 1]]',
	'[{:db/id "datomic.tx" :db/doc "why"} [:db/add 500 :t/ref "datomic.tx"]]', '[{:t/instant #inst "2014-11-15T13:37:42.000Z" :t/date #date "2014-11-15" :t/uuid #uuid "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"}]',
	'[{:t/boolean true :t/keyword :a.b/c-d :t/bytes #bytes "cafe" :t/json #json "{\"a\": [1]}" :t/ref #ref 500}]', '[[say "x"] [say [1 2.5 :k nil #{3} {:a "b"}]]]', '[[pass "[[:db/add 501 :t/long 5]]"]]',
	"; a comment\n[#_ (skipped) {:t/string \"esc \\n \\u00e9 \\\\ \\\"\"}, {:t/double ##Inf}]", '[{:db/ident :m/attr :db/valueType :db.type/string :db/cardinality :db.cardinality/one :db/unique :db.unique/identity :db/doc "d"}]',
	'[{:db/ident :m/enum} [:db/add 502 :t/ref :m/enum]]', '[(:db/add 503 :t/long 9223372036854775807) [:db/add 504 :t/bigdec 123456789012345678901234567890]]', '[[:db/add -1 :db/doc "first"]]', '[{:x/id "é" :t/string "日本"}]');
my @json = (
	'[]', '[[":db/add", "t", ":t/string", "text"], {":db/id": "t", ":t/long": 42}]', '[{":x/id": "a", ":x/many": ["a", "b"], ":t/double": 1.5, ":t/bigdec": 10.50}]',
	'[{":x/id": "q", ":x/part": [{":t/string": "x"}, {":x/part": {":t/long": -1}}]}]', '[[":db/retract", [":x/id", "a"], ":x/many", "a"]]', '[[":db/retractEntity", [":x/id", "q"]]]', '[[":db/cas", [":x/id", "a"], ":x/number", null, 2]]',
	'[{":t/instant": "2014-11-15T13:37:42Z", ":t/json": {"a": [1, null, true]}, ":t/keyword": ":a/b", ":t/boolean": false}]', '[["say", "x"], ["pass", "[]"], ["say", {"a": [1, "b"]}]]', '[{":db/id": "datomic.tx", ":db/doc": "why"}]');
my @patterns = (
	'[*]', '[:x/id :x/many :db/id]', '[{:x/part [:t/string {:x/part ...}]} :x/_part]', '[(:x/many :as "m" :limit 1) [:t/long :default 5] (limit :x/many nil) ["default" :x/id "none"]]',
	'[{(:x/part :limit 2) 3, :t/ref [*]} {:x/_part [:x/id {:t/_ref [:db/id]}]}]', '("*" :t/json (:db/id :as :id))', '[(:t/double :default {"a" [1 nil #inst "2014-11-15"]})]');
my @pieces = ('[', ']', '{', '}', '(', ')', '#{', '"', '\\', ':', '/', '#', '#_', '##', ';', ',', ' ', "\n", 'nil', 'true', '-', '+', '.', '_', 'e9', 'M', 'N', '0', '1', '99999999999999999999', '-9223372036854775808',
	':db/id', ':db/add', ':db/retract', ':db/retractEntity', ':db/cas', ':x/id', ':x/_part', ':x/part', ':t/ref', ':t/json', '"datomic.tx"', '#inst ', '#uuid ', '#ref ', '#json ', 'say', 'pass', ':db/ident', ':db/valueType', ':db.type/long',
	':db/cardinality', ':db.cardinality/many', ':db/unique', 'null', '\u0000', '\ud800', "\x{e9}", "\x{10000}", '$1', "'", '%s');

sub mutated
{
	my ($text, @others) = @_;
	for (1 .. 1 + int rand 4)
	{
		my $length = length $text;
		my $at = int rand($length + 1);
		my $some = int rand(1 + ($length - $at) * (rand() < 0.2 ? 1 : 0.1));
		my $how = int rand 7;
		if ($how == 0) { substr($text, $at, $some) = '' }
		elsif ($how == 1) { substr($text, $at, 0) = $pieces[ rand @pieces ] }
		elsif ($how == 2) { substr($text, $at, $some) = $pieces[ rand @pieces ] }
		elsif ($how == 3) { substr($text, $at, 0) = substr($text, $at, $some) }
		elsif ($how == 4) { my $other = $others[ rand @others ]; substr($text, $at, 0) = substr($other, rand length $other) }
		elsif ($how == 5) { substr($text, $at, 1) = chr(32 + int rand 96) if $at < $length }
		else { my @words = split /(?=[\s\[\]{}()])/, $text; @words[ rand @words, rand @words ] = @words[ rand @words, rand @words ] if @words; $text = join '', grep { defined } @words }
	}
	return $text;
}

# The same with whole forms, so that brackets match and more is understood.
my $TOKEN = qr/"(?:\\.|[^"\\])*"|#\{|[\[\](){}]|[^\s\[\](){}",]+|[\s,]+/s;
my @forms = ('[]', '{}', '()', '#{}', '[:x/id "a"]', '[:x/id "none"]', '[:t/string "a"]', '[:x/number 1]', '{:x/id "b"}', '{:db/id "t"}', '{:db/id 500 :t/long 1}', '#{1 2}', '["a" "b"]', '[1 2]', '[[:x/id "a"]]',
	'0', '-1', '1', '500', '9223372036854775807', '1.5', '1e400', '2M', 'nil', 'true', '"t"', '"datomic.tx"', '#inst "2014-01-01T00:00:00Z"', '#ref 500', '#unknown 1', '\\a', 'say', 'pass', 'nothing', '##NaN',
	map { ":$_" } qw(db/id db/add db/retract db/retractEntity db/cas db.fn/cas db/ident db/doc db/valueType db/cardinality db/unique db/isComponent db/index db/txInstant db.type/long db.cardinality/many db.unique/identity
	x/id x/number x/many x/part x/_part t/string t/long t/ref t/json t/keyword t/bigdec t/_ref m/enum m/attr));

sub restructured
{
	my ($text) = @_;
	my @tokens = $text =~ /$TOKEN/g;
	for (1 .. 1 + int rand 3)
	{
		my @atoms = grep { $tokens[$_] !~ /^(#\{|[\[\](){}]|[\s,]+)$/ } 0 .. $#tokens;
		last unless @atoms;
		my ($one, $other) = @atoms[ rand @atoms, rand @atoms ];
		my $how = int rand 4;
		if ($how < 2) { $tokens[$one] = $forms[ rand @forms ] }
		elsif ($how == 2) { @tokens[ $one, $other ] = @tokens[ $other, $one ] }
		else { splice @tokens, $one, rand() < 0.5 ? 1 : 0, ' ' . $forms[ rand @forms ] . ' ' }
	}
	my $made = join '', @tokens;
	# Two transactions in one.
	$made =~ s/\]\s*$/' ' . substr($edn[ rand @edn ] =~ s{^;.*\n}{}r, 1)/e if rand() < 0.2;
	return $made;
}

# Messages about the text itself; others come from what the data mean, or from
# functions that they call.
my $ABOUT_TEXT = qr/^(22P02|22021|54001|42601|42704|42804|P0002)/;
my (%states, @bad);

sub judge
{
	my ($kind, $text, $answer) = @_;
	my ($state) = $answer =~ /^(\w{5})/;
	$states{$kind}{$state}++;
	push @bad, "$kind $text\n\t$answer" if $state =~ /^XX/ || $answer =~ /^\w+ LONG/;
	push @bad, "$kind without a position: $text\n\t$answer"
	  if $kind =~ /EDN|pull/ && $state =~ $ABOUT_TEXT && $answer !~ /At character \d+\.$/ && $text !~ /say|pass/;
}

sub try_one
{
	my ($kind, $text) = @_;
	my $function = $kind eq 'EDN' ? 'edn' : $kind eq 'JSON' ? 'json' : 'try';
	my $query = $kind eq 'value' ? 'SELECT datom.value_type(v), v::text FROM (SELECT ' . literal($text) . '::datom.value v) s'
	  : $kind eq 'pull' ? "SELECT datom.pull('pur', " . literal($text) . ', 500)'
	  : $kind eq 'moment' ? 'SELECT datom.as_of(\'pur\', ' . literal($text) . '::text)' : $text;
	judge($kind, $text, one($dbh, "SELECT $function(?)", $query));
}

my @values = ('"text"', '42', '1.5', '10.5M', 'true', ':a/b', '#inst "2014-11-15T13:37:42.000Z"', '#date "2014-11-15"', '#uuid "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"', '#ref 42', '#bytes "cafe"', '#json "{\"a\": 1}"', '##NaN', '[1 2]', 'Quercus');
my @moments = ('2014-11-15T13:37:42Z', '2014-11-15 13:37:42.123456+01:00', '12345', '-4712-01-01T00:00:00Z', '294276-12-31T23:59:59Z');
for my $i (1 .. $MUTATIONS)
{
	my $kind = $i % 20 == 0 ? 'value' : $i % 20 == 1 ? 'moment' : $i % 10 == 2 ? 'pull' : $i % 4 == 0 ? 'JSON' : 'EDN';
	my @good = $kind eq 'EDN' ? @edn : $kind eq 'JSON' ? @json : $kind eq 'value' ? @values : $kind eq 'pull' ? @patterns : @moments;
	my $good = $good[ rand @good ];
	try_one($kind, $kind =~ /EDN|pull/ && rand() < 0.6 ? restructured($good) : mutated($good, @good));
}
for my $kind (sort keys %states)
{
	note "$kind: ", join ', ', map { "$states{$kind}{$_} $_" } sort keys %{ $states{$kind} };
}
is(shown(join("\n", @bad[ 0 .. ($#bad > 9 ? 9 : $#bad) ])), '', "$MUTATIONS mutations give an SQLSTATE, no internal error, and a position in EDN");
# Those of which there are dozens.
is(join(' ', grep { !$states{EDN}{$_} } qw(22023 22P02 40001 42704 42804 42883 P0002)), '', 'of many kinds');
cmp_ok($states{EDN}{'00000'}, '>', $MUTATIONS / 100, 'and some are good');
is(one($dbh, 'SELECT pg_postmaster_start_time()'), $started, 'the server lives');
unlike(slurp_file($node->logfile), qr/was terminated by signal|PANIC/, 'and no backend has died');
is(join("\n", map { "@$_" } @{ $dbh->selectall_arrayref(q{SELECT c FROM datom.check('pur') c}) }), '', 'the log is sound');

#
# Controls
#
$dbh->do(q{CREATE FUNCTION internal(db regclass) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE 'x' USING ERRCODE = 'XX000'; END $$});
@bad = ();
try_one('EDN', '[[internal]]');
is(scalar(@bad), 1, 'control: an internal error is noticed');
my $victim = db($node);
kill 'SEGV', one($victim, 'SELECT pg_backend_pid()');
wait_until('the log tells of the crash', sub { slurp_file($node->logfile) =~ /was terminated by signal 11/ });
pass('control: a backend that dies is noticed');
wait_until('the server is back', sub { my $back = try_db($node); $back && $back->disconnect; $back });

$node->stop;
done_testing();
