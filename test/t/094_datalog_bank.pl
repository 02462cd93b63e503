# What an analyst would ask of the records of a bank, and of a shop's: each
# question as Datalog over facts and as SQL on entity tables, now and as of an
# earlier day. The answers are equal, until a fact is changed for one of the two.
# A view of the analyst shows the same to who may read nothing but the view.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Cwd qw(abs_path);
use DatomTest;

my $seed = $ENV{SEED} || time ^ $$;
srand $seed;
note "SEED=$seed";

my $node = new_server('bank');
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION datom; CREATE ROLE analyst; CREATE ROLE guest');
my $session;

# Who owns an account, and where it was opened.
my $rules = <<'EDN';
[[(owner ?client ?account)
  [?d :disposition/client ?client]
  [?d :disposition/account ?account]
  [?d :disposition/type :disposition.type/owner]]
 [(flow ?t ?way) [?t :transaction/type :transaction.type/credit] [(ground "in") ?way]]
 [(flow ?t ?way)
  (or [?t :transaction/type :transaction.type/debit] [?t :transaction/type :transaction.type/withdrawal])
  [(ground "out") ?way]]
 [(together ?a ?b)
  [?x :disposition/account ?account] [?x :disposition/client ?a]
  [?y :disposition/account ?account] [?y :disposition/client ?b]]
 [(connected ?a ?b) (together ?a ?b)]
 [(connected ?a ?b) (together ?a ?c) (connected ?c ?b)]]
EDN

# Each has `columns` of the answer, `query` in Datalog with its arguments `args`,
# as SQL, and `sql`. BEFORE stands for the end of the month before.
my @bank = (
	{   what => 'loans in arrears by district and status',
		columns => 'district text, status text, loans bigint, amount numeric',
		args => q('[:loan.status/in-debt :loan.status/defaulted]'),
		query => <<'EDN',
[:find ?district ?status (count ?loan) (sum ?amount)
 :in [?status ...]
 :where [?loan :loan/status ?status] [?loan :loan/amount ?amount] [?loan :loan/account ?account]
        [?account :account/district ?d] [?d :district/name ?district]]
EDN
		sql => <<'SQL' },
SELECT d.name, l.status, count(*), sum(l.amount)
FROM loan l JOIN account a ON a.e = l.account JOIN district d ON d.e = a.district
WHERE l.status IN (':loan.status/in-debt', ':loan.status/defaulted') GROUP BY 1, 2
SQL
	{   what => 'balances of a region, and at the end of the month before',
		columns => 'region text, was numeric, is_now numeric',
		args => q('{"db": "bank", "as-of": "BEFORE"}'::jsonb, 'bank'),
		query => <<'EDN',
[:find ?region (sum ?was) (sum ?is) :with ?account
 :in $before $now
 :where [$before ?account :account/balance ?was] [$now ?account :account/balance ?is]
        [$now ?account :account/district ?d] [$now ?d :district/region ?region]]
EDN
		sql => <<'SQL' },
SELECT d.region, sum(before.balance), sum(a.balance)
FROM account a JOIN datom.entities_as_of(NULL::account, 'BEFORE') before USING (e) JOIN district d ON d.e = a.district
WHERE a.balance IS NOT NULL AND before.balance IS NOT NULL GROUP BY 1
SQL
	{   what => 'accounts with a weekly statement and their balance, 0 before the first transaction',
		columns => 'id bigint, balance numeric',
		query => <<'EDN',
[:find ?id ?balance
 :where [?account :account/frequency :account.frequency/weekly] [?account :account/id ?id]
        [(get-else $ ?account :account/balance 0M) ?balance]]
EDN
		sql => q(SELECT id, coalesce(balance, 0) FROM account WHERE frequency = ':account.frequency/weekly') },
	{   what => 'owners and their cards, but for classic ones',
		columns => 'client bigint, card text, issued date',
		args => "'$rules'",
		query => <<'EDN',
{:find [?id ?type ?issued]
 :in [%]
 :where [[?card :card/type ?type] [(!= ?type :card.type/classic)] [?card :card/issued ?issued]
         [?card :card/disposition ?d] [?d :disposition/account ?account]
         [?d :disposition/client ?client] (owner ?client ?account) [?client :client/id ?id]]}
EDN
		sql => <<'SQL' },
SELECT c.id, card.type, card.issued
FROM card JOIN disposition d ON d.e = card.disposition JOIN client c ON c.e = d.client
WHERE d.type = ':disposition.type/owner' AND card.type <> ':card.type/classic'
SQL
	{   what => 'owners who repay a loan and have no card',
		columns => 'client bigint, birthday date',
		query => <<'EDN',
[:find ?id ?birthday
 :where [?loan :loan/status :loan.status/running] [?loan :loan/account ?account]
        [?d :disposition/account ?account] [?d :disposition/type :disposition.type/owner]
        (not [_ :card/disposition ?d])
        [?d :disposition/client ?client] [?client :client/id ?id] [?client :client/birthday ?birthday]]
EDN
		sql => <<'SQL' },
SELECT c.id, c.birthday
FROM loan l JOIN disposition d ON d.account = l.account JOIN client c ON c.e = d.client
WHERE l.status = ':loan.status/running' AND d.type = ':disposition.type/owner'
	AND NOT EXISTS (SELECT FROM card WHERE disposition = d.e)
SQL
	{   what => 'money in and out of those who pay for a household',
		columns => 'id bigint, payment numeric, way text, transactions bigint, amount numeric',
		args => "'$rules'",
		query => <<'EDN',
[:find ?id ?payment ?way (count ?t) (sum ?amount)
 :in %
 :where [?order :order/symbol :order.symbol/household] [?order :order/account ?account]
        [?order :order/amount ?payment] [?account :account/id ?id]
        [?t :transaction/account ?account] [?t :transaction/amount ?amount] (flow ?t ?way)]
EDN
		sql => <<'SQL' },
SELECT a.id, o.amount, CASE t.type WHEN ':transaction.type/credit' THEN 'in' ELSE 'out' END, count(*), sum(t.amount)
FROM (SELECT DISTINCT account, amount FROM "order" WHERE symbol = ':order.symbol/household') o
	JOIN account a ON a.e = o.account JOIN transaction t ON t.account = a.e
GROUP BY 1, 2, 3
SQL
	{   what => 'who is connected with one who has repaid a loan',
		columns => 'borrower bigint, other bigint',
		args => "'$rules'",
		query => <<'EDN',
[:find ?borrower ?other
 :in %
 :where [?loan :loan/status :loan.status/paid] [?loan :loan/account ?account]
        (owner ?a ?account) (connected ?a ?b) [(!= ?a ?b)]
        [?a :client/id ?borrower] [?b :client/id ?other]]
EDN
		sql => <<'SQL' },
WITH RECURSIVE together AS (SELECT x.client AS a, y.client AS b FROM disposition x JOIN disposition y USING (account)),
	connected AS (SELECT * FROM together UNION SELECT t.a, c.b FROM together t JOIN connected c ON c.a = t.b)
SELECT DISTINCT a.id, b.id
FROM loan l JOIN disposition d ON d.account = l.account JOIN connected ON connected.a = d.client
	JOIN client a ON a.e = connected.a JOIN client b ON b.e = connected.b
WHERE l.status = ':loan.status/paid' AND d.type = ':disposition.type/owner' AND a.e <> b.e
SQL
	{   what => 'loans from 1994 on, and when they were said',
		columns => 'id bigint, granted date, said timestamptz',
		query => <<'EDN',
[:find ?id ?granted ?said
 :where [?loan :loan/id ?id ?tx] [?tx :db/txInstant ?said] [?loan :loan/granted ?granted]
        [(>= ?said #inst "1994-01-01T00:00:00Z")]]
EDN
		sql => <<'SQL' },
SELECT l.id, l.granted, datom.instant(f.tx)
FROM loan l JOIN datom.as_of('bank') f ON f.e = l.e AND f.a = ':loan/id'
WHERE datom.instant(f.tx) >= '1994-01-01Z'
SQL
	{   what => 'what cards bring, at prices that are given',
		columns => 'region text, cards bigint, fees bigint',
		args => q('[[":card.type/gold", 100], [":card.type/classic", 20]]'::jsonb),
		query => <<'EDN',
[:find ?region (count ?card) (sum ?fee)
 :in [[?type ?fee]]
 :where [?card :card/type ?type] [?card :card/disposition ?d] [?d :disposition/account ?account]
        [?account :account/district ?district] [?district :district/region ?region]]
EDN
		sql => <<'SQL' },
SELECT region, count(*), sum(fee)
FROM card JOIN (VALUES (':card.type/gold', 100), (':card.type/classic', 20)) price (type, fee) USING (type)
	JOIN disposition d ON d.e = card.disposition JOIN account a ON a.e = d.account JOIN district ON district.e = a.district
GROUP BY 1
SQL
	{   what => 'loans with their account, its district and who may dispose of it',
		columns => 'loan jsonb',
		args => q('[:loan/id :loan/amount {:loan/account [:account/id {:account/district [:district/name]} {(:disposition/_account :as :persons) [:disposition/type {:disposition/client [:client/id]}]}]}]'),
		query => <<'EDN',
[:find (pull ?loan pattern)
 :in pattern
 :where [?loan :loan/duration 12]]
EDN
		sql => <<'SQL' },
SELECT jsonb_build_object(':loan/id', l.id, ':loan/amount', l.amount, ':loan/account', jsonb_build_object(
	':account/id', a.id, ':account/district', jsonb_build_object(':district/name', name),
	':persons', (SELECT jsonb_agg(jsonb_build_object(':disposition/type', d.type,
			':disposition/client', jsonb_build_object(':client/id', c.id)) ORDER BY d.e)
		FROM disposition d JOIN client c ON c.e = d.client WHERE d.account = a.e)))
FROM loan l JOIN account a ON a.e = l.account JOIN district ON district.e = a.district
WHERE l.duration = 12
SQL
	{   what => 'amounts borrowed by women and by men',
		columns => 'sex text, clients bigint, least numeric, most numeric, mean numeric(20, 4), median numeric(20, 4), deviation numeric(20, 4)',
		args => "'$rules'",
		query => <<'EDN',
[:find ?sex (count-distinct ?client) (min ?amount) (max ?amount) (avg ?amount) (median ?amount) (stddev ?amount)
 :with ?loan
 :in %
 :where [?loan :loan/amount ?amount] [?loan :loan/account ?account]
        (owner ?client ?account) [?client :client/sex ?sex]]
EDN
		sql => <<'SQL' },
SELECT c.sex, count(DISTINCT c.e), min(l.amount), max(l.amount), avg(l.amount)::numeric(20, 4),
	percentile_cont(0.5) WITHIN GROUP (ORDER BY l.amount)::numeric(20, 4), stddev_pop(l.amount)::numeric(20, 4)
FROM loan l JOIN disposition d ON d.account = l.account JOIN client c ON c.e = d.client
WHERE d.type = ':disposition.type/owner' GROUP BY 1
SQL
	{   what => 'accounts that cannot pay twice for the household',
		columns => 'id bigint, balance numeric, twice numeric',
		query => <<'EDN',
[:find ?id ?balance ?twice
 :where [?order :order/symbol :order.symbol/household] [?order :order/account ?account]
        [?order :order/amount ?payment] [?account :account/balance ?balance] [?account :account/id ?id]
        [(* 2 ?payment) ?twice] [(< ?balance ?twice)]]
EDN
		sql => <<'SQL' },
SELECT DISTINCT a.id, a.balance, 2 * o.amount
FROM account a JOIN "order" o ON o.account = a.e
WHERE o.symbol = ':order.symbol/household' AND a.balance < 2 * o.amount
SQL
	{   what => 'how often a balance has changed, and the lowest one, of accounts opened in a month',
		columns => 'id bigint, changes bigint, lowest numeric',
		args => q('bank', '{"db": "bank", "history": true}'::jsonb, date '1993-02-01'),
		query => <<'EDN',
[:find ?id (count ?tx) (min ?balance)
 :in $ $history ?until
 :where [?account :account/opened ?opened] [(< ?opened ?until)] [?account :account/id ?id]
        [$history ?account :account/balance ?balance ?tx true]]
EDN
		sql => <<'SQL' },
SELECT a.id, count(*), min(h.v::numeric)
FROM account a JOIN datom.history('bank') h ON h.e = a.e AND h.a = ':account/balance' AND h.added
WHERE a.opened < '1993-02-01' GROUP BY 1
SQL
	{   what => 'clients who live in the first district or in one with many villages',
		columns => 'district text, clients bigint',
		query => <<'EDN',
[:find ?name (count ?client)
 :where (or-join [?district]
          [?district :district/id 1]
          (and [?district :district/cities ?cities] [(< ?cities 6)]
               [?district :district/villages-below-500 ?villages] [(> ?villages 100)]))
        [?client :client/district ?district] [?district :district/name ?name]]
EDN
		sql => <<'SQL' },
SELECT name, count(*) FROM client c JOIN district d ON d.e = c.district
WHERE d.id = 1 OR cities < 6 AND villages_below_500 > 100 GROUP BY 1
SQL
	{   what => 'districts without a loan in arrears',
		columns => 'district text, salary bigint',
		args => q(ARRAY['Prague', 'south Moravia', 'north Bohemia']),
		query => <<'EDN',
[:find ?name ?salary
 :in [?region ...]
 :where [?district :district/region ?region] [?district :district/name ?name]
        [?district :district/average-salary ?salary]
        (not-join [?district]
          [?account :account/district ?district] [?loan :loan/account ?account]
          (or [?loan :loan/status :loan.status/in-debt] [?loan :loan/status :loan.status/defaulted]))]
EDN
		sql => <<'SQL' },
SELECT name, average_salary FROM district d
WHERE region IN ('Prague', 'south Moravia', 'north Bohemia') AND NOT EXISTS (
	SELECT FROM account a JOIN loan l ON l.account = a.e
	WHERE a.district = d.e AND l.status IN (':loan.status/in-debt', ':loan.status/defaulted'))
SQL
	{   what => 'what was lent after the end of the month before',
		columns => 'loans bigint, amount numeric',
		args => q('bank', '{"db": "bank", "since": "BEFORE"}'::jsonb),
		query => <<'EDN',
[:find [(count ?loan) (sum ?amount)]
 :in $ $since
 :where [$since ?loan :loan/id _] [?loan :loan/amount ?amount]]
EDN
		sql => <<'SQL' },
SELECT count(*), sum(amount) FROM loan JOIN datom.as_of('bank') f ON f.e = loan.e AND f.a = ':loan/id'
WHERE datom.instant(f.tx) > 'BEFORE' HAVING count(*) > 0
SQL
);

# The shop of demo/generate.sql: three datom tables.
my @shop = (
	{   what => 'the customer of a purchase, and what she has bought',
		columns => 'name text, largest numeric',
		args => q('pur-8'),
		query => <<'EDN',
{:find [?name (max ?amount)]
 :in [?purchase-id]
 :where [[$pur ?purchase :purchase/id ?purchase-id]
         [$pur ?purchase :purchase/customer-id ?customer-id]
         [$cus ?customer :customer/id ?customer-id]
         [$cus ?customer :customer/name ?name]
         [$pur ?other :purchase/customer-id ?customer-id]
         [$pur ?other :purchase/amount ?amount]]}
EDN
		sql => <<'SQL' },
SELECT c.name, max(p.amount)
FROM purchase asked JOIN customer c ON c.id = asked.customer_id JOIN purchase p ON p.customer_id = c.id
WHERE asked.id = 'pur-8' GROUP BY 1
SQL
	{   what => 'late bills by city',
		columns => 'city text, bills bigint, amount numeric',
		query => <<'EDN',
[:find ?city (count ?bill) (sum ?amount)
 :where [$bil ?bill :bill/status :bill.status/late] [$bil ?bill :bill/purchase ?id] [$bil ?bill :bill/amount ?amount]
        [$pur ?purchase :purchase/id ?id] [$pur ?purchase :purchase/customer-id ?customer-id]
        [$cus ?customer :customer/id ?customer-id] [$cus ?customer :customer/city ?city]]
EDN
		sql => <<'SQL' },
SELECT c.city, count(*), sum(b.amount)
FROM bill b JOIN purchase p ON p.id = b.purchase JOIN customer c ON c.id = p.customer_id
WHERE b.status = ':bill.status/late' GROUP BY 1
SQL
	{   what => 'who has moved since',
		columns => 'name text, was text, city text',
		args => q('{"db": "cus", "as-of": "2013-03-01T00:00:00Z"}'::jsonb, 'cus'),
		query => <<'EDN',
[:find ?name ?was ?city
 :in $before $
 :where [$before ?customer :customer/city ?was] [?customer :customer/city ?city] [(not= ?was ?city)]
        [?customer :customer/name ?name]]
EDN
		sql => <<'SQL' },
SELECT DISTINCT c.name, b.city, c.city FROM customer c JOIN datom.entities_as_of(NULL::customer, '2013-03-01T00:00:00Z') b USING (e)
WHERE b.city <> c.city
SQL
	{   what => 'customers without a late bill',
		columns => 'id text',
		query => <<'EDN',
[:find ?customer-id
 :where [$cus _ :customer/id ?customer-id]
        (not-join [?customer-id]
          [$pur ?purchase :purchase/customer-id ?customer-id] [$pur ?purchase :purchase/id ?id]
          [$bil ?bill :bill/purchase ?id] [$bil ?bill :bill/status :bill.status/late])]
EDN
		sql => <<'SQL' },
SELECT id FROM customer c WHERE NOT EXISTS (SELECT FROM purchase p JOIN bill b ON b.purchase = p.id
	WHERE p.customer_id = c.id AND b.status = ':bill.status/late')
SQL
	{   what => 'a shard of purchases',
		columns => 'id text, amount numeric',
		args => q(35, 0),
		query => <<'EDN',
{:find [?id ?amount]
 :in [?shard-count ?shard-index]
 :where [[$pur ?purchase :purchase/id ?id]
         [$pur ?purchase :purchase/amount ?amount]
         [(mod ?purchase ?shard-count) ?shard-index]]}
EDN
		sql => 'SELECT id, amount FROM purchase WHERE mod(e, 35) = 0' });

# The rows that one of the two answers has and the other has not, and how many
# rows there are.
sub differences
{
	my ($question, $before) = @_;
	my %q = %$question;
	s/BEFORE/$before/g for grep { defined } @q{qw(args sql)};
	my ($names) = join ', ', map { /(\w+)/ } split /, (?=\w+ \w)/, $q{columns};
	return $session->selectrow_array(<<SQL);
WITH answer AS MATERIALIZED (SELECT $names FROM datom.q(\$edn\$$q{query}\$edn\$@{[ $q{args} ? ", $q{args}" : '' ]}) q ($q{columns})),
	wanted ($names) AS MATERIALIZED ($q{sql}),
	wrong AS (SELECT 'too much: ' || w::text FROM (TABLE answer EXCEPT ALL TABLE wanted) w
		UNION ALL SELECT 'missing: ' || w::text FROM (TABLE wanted EXCEPT ALL TABLE answer) w)
SELECT (SELECT string_agg(wrong::text, chr(10)) FROM (TABLE wrong LIMIT 10) wrong), (SELECT count(*) FROM wanted)
SQL
}

# Of arguments in SQL, those between the commas that are in no quotes and brackets.
sub arguments
{
	my ($args) = @_;
	return $args =~ /\G((?:'(?:[^']|'')*'|\[[^\]]*\]|[^,'\[])+),?\s*/gs;
}

# A view of the question: arguments by their names, tables with their schema.
sub view_of
{
	my ($question, $args) = @_;
	my $query = $question->{query};
	my ($in) = $query =~ /:in\s+(.*?)\s*(?=:where)/s;
	$in = $in =~ s/^\[(.*)\]$/$1/sr if $in && $query =~ /^\{/;
	my @names = map { s/[\[\]]|\s*\.\.\.|\s+$//gr =~ s/ \?/_/gr } ($in // '') =~ /\[+[^\]]*\]+|\S+/g;
	my @values = arguments($args // '');
	@names = grep { !/^\$/ } @names if @names > @values;
	my %pairs;
	@pairs{@names} = @values;
	$pairs{$_} //= "'public." . ($_ eq '$' ? 'bank' : substr $_, 1) . "'::regclass" for $query =~ /(\$\w*)/g, $query =~ /\[\?\w+ :|\(pull \?/ ? ($question->{shop} ? () : '$') : ();
	for (grep { /^\$/ } keys %pairs)
	{
		$pairs{$_} =~ s/^'(\w+)'$/'public.$1'::regclass/;
		$pairs{$_} =~ s/"db": "(\w+)"/"db": "public.$1"/;
	}
	return "datom.saved_q(\$edn\$$query\$edn\$" . join('', map { ", '$_', $pairs{$_}" } sort { $b cmp $a } keys %pairs) . ") q ($question->{columns})";
}

sub rows_of { my ($sql) = @_; return join "\n", sort map { join '|', map { $_ // '~' } @$_ } @{ $session->selectall_arrayref($sql) } }

# The same by a view, to one who may read nothing else.
sub is_viewed
{
	my ($question, $before, $what) = @_;
	my %q = %$question;
	s/BEFORE/$before/g for grep { defined } $q{args};
	my $wanted = rows_of("SELECT * FROM datom.q(\$edn\$$q{query}\$edn\$" . ($q{args} ? ", $q{args}" : '') . ") q ($q{columns})");
	$session->do($_) for 'DROP VIEW IF EXISTS asked', 'SET ROLE analyst', 'CREATE VIEW asked AS SELECT * FROM ' . view_of($question, $q{args}), 'GRANT SELECT ON asked TO guest', 'SET ROLE guest';
	is(eval { rows_of('TABLE asked') } // $@, $wanted, "$what in a view");
	$session->do('RESET ROLE');
}

# All of them, as of a moment if it is given.
sub ask
{
	my ($questions, $before, $at) = @_;
	$session->do($at ? "SET datom.as_of = '$at'" : 'RESET datom.as_of');
	for my $question (@$questions)
	{
		my ($wrong, $rows) = eval { differences($question, $before) };
		my $as_of = $at ? "as of $at" : 'now';
		is($wrong // $@, '', "$as_of: $question->{what}: " . ($rows // 'no') . ' rows');
		cmp_ok($rows // 0, '>', 0, 'there are some') unless $at;
		is_viewed($question, $before, "$as_of: $question->{what}");
	}
	$session->do('RESET datom.as_of');
}

SKIP:
{
	my $files = $ENV{DATOM_BANK} || abs_path('../shared/data/berka') || '';
	skip 'the bank files are absent: set DATOM_BANK to their directory', 1 unless -r "$files/trans.csv";

	$node->safe_psql('postgres', 'CREATE DATABASE bank');
	$node->safe_psql('bank', 'CREATE EXTENSION datom');
	$node->command_ok([ abs_path('demo/load_berka.sh'), $files, '-d', $node->connstr('bank') ], 'the bank is imported');
	$session = connect_to($node, 'bank');
	$session->do($_) for "SET timezone = 'UTC'", 'VACUUM bank', 'IMPORT FOREIGN SCHEMA bank FROM SERVER datom INTO public',
		"SET datom.db = 'bank'", 'GRANT CREATE ON SCHEMA public TO analyst', 'GRANT SELECT ON bank TO analyst';
	ask(\@bank, '1994-02-28T00:00:00Z');
	my $month = 2 + int rand 2;
	ask(\@bank, ('1994-01-31T00:00:00Z', '1994-02-28T00:00:00Z')[ $month - 2 ], sprintf '1994-%02d-%02dT00:00:00Z', $month, 2 + int rand 26);

	# Control: SQL is asked about what held before a loan has changed.
	my $was = value_of($session, "SELECT datom.basis('bank')");
	my ($loan) = $session->selectrow_array("SELECT e FROM loan WHERE status = ':loan.status/in-debt' ORDER BY random() LIMIT 1");
	my %before = (%{ $bank[0] }, sql => "SELECT d.name, l.status, count(*), sum(l.amount)
		FROM datom.entities_as_of(NULL::loan, '$was') l JOIN account a ON a.e = l.account JOIN district d ON d.e = a.district
		WHERE l.status IN (':loan.status/in-debt', ':loan.status/defaulted') GROUP BY 1, 2");
	is((differences(\%before, ''))[0], undef, 'the loans in arrears are those there were');
	$session->do("INSERT INTO bank (e, a, v) VALUES ($loan, ':loan/status', datom.keyword(':loan.status/paid'))");
	my ($wrong) = differences(\%before, '');
	like($wrong, qr/missing: .*in-debt/, 'control: until one is paid');
	ask([ $bank[0] ], '');
	$session->disconnect;
}

$node->safe_psql('postgres', 'CREATE DATABASE shop');
$node->safe_psql('shop', 'CREATE EXTENSION datom');
$node->command_ok([ 'psql', '-X', '-d', $node->connstr('shop'), '-v', 'n=3000', '-v', "seed=$seed", '-f', 'demo/generate.sql' ],
	"a shop is made with seed $seed");
$session = connect_to($node, 'shop');
$session->do($_) for "SET timezone = 'UTC'", map { ("VACUUM $_", "IMPORT FOREIGN SCHEMA $_ FROM SERVER datom INTO public", "GRANT SELECT ON $_ TO analyst") } qw(cus pur bil);
$session->do('GRANT CREATE ON SCHEMA public TO analyst');
$_->{shop} = 1 for @shop;
ask(\@shop, '');
ask(\@shop, '', '2014-11-15T13:37:42Z');

# The first of them is a scoring message.
my $message = "{:as-of #inst \"2014-11-15T13:37:42Z\" :args [\"pur-8\"] :query $shop[0]{query}}";
my $wanted = "SELECT jsonb_agg(jsonb_build_array(name, largest)) FROM ($shop[0]{sql}) x (name, largest)";
$session->do("SET datom.as_of = '2014-11-15T13:37:42Z'");
my $then = value_of($session, $wanted);
$session->do('RESET datom.as_of');
is(value_of($session, 'SELECT datom.answer(?::text)', $message), $then, 'a scoring message is answered');
$session->do("INSERT INTO pur (e, a, v) SELECT e, ':purchase/amount', '9999.99' FROM datom.as_of('pur') WHERE a = ':purchase/id' AND v = 'pur-8'");
is(value_of($session, 'SELECT datom.answer(?::text)', $message), $then, 'and so it is when a purchase has changed since');
isnt(value_of($session, 'SELECT datom.answer(?::text)', "{:args [\"pur-8\"] :query $shop[0]{query}}"), $then,
	'control: as of now the answer is another one');
$session->disconnect;
$node->stop;
done_testing();
