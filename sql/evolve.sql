--
-- What attributes are, and how they may change
--
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
SET timezone = 'UTC';
CREATE SCHEMA evolve;
SET search_path = evolve;

SELECT datom.create('pur');
-- what came (+) and went (-), or SQLSTATE, message, detail and hint
CREATE FUNCTION say(tx_data text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE answer record; message text; detail text; hint text;
BEGIN
	SELECT * INTO answer FROM datom.transact('pur', tx_data);
	RETURN QUERY SELECT concat_ws(' ', CASE WHEN added THEN '+' ELSE '-' END, e, a, v) FROM unnest(answer.datoms);
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN NEXT concat_ws('; ', sqlstate || ' ' || message, nullif(detail, ''), nullif(hint, ''));
END $$;
-- what defining an attribute said
CREATE FUNCTION define(ident text, value_type text, cardinality text DEFAULT 'one', uniqueness text DEFAULT NULL,
	indexed boolean DEFAULT false, is_component boolean DEFAULT false, doc text DEFAULT NULL)
RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE message text; detail text; hint text; before bigint[] = ARRAY(SELECT DISTINCT tx FROM pur); attribute bigint;
BEGIN
	attribute := datom.define_attribute('pur', ident::datom.attribute, value_type, cardinality, uniqueness, indexed, is_component, doc);
	RETURN QUERY SELECT concat_ws(' ', CASE WHEN added THEN '+' ELSE '-' END, CASE WHEN e <> attribute THEN e END, a, v)
	FROM pur WHERE tx <> ALL (before) ORDER BY a, added, v;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN NEXT concat_ws('; ', sqlstate || ' ' || message, nullif(detail, ''), nullif(hint, ''));
END $$;

--
-- datom.define_attribute(): each type, cardinality, uniqueness
--
SELECT datom.define_attribute('pur', ':a/string', 'string');
SELECT datom.define_attribute('pur', ':a/string', 'string') = 1;
SELECT count(datom.define_attribute('pur', (':a/' || t)::datom.attribute, t)) FROM unnest('{long,double,bigdec,boolean,instant,date,uuid,keyword,ref,bytes,json}'::text[]) t;
SELECT define(':a/all', 'ref', 'many', 'identity', true, true, 'all of it');
SELECT define(':plain', 'string', uniqueness => 'value');
SELECT * FROM datom.attributes('pur');
-- built-in attributes are implied, not stored
SELECT count(*) FROM datom.attributes('pur') WHERE ident LIKE ':db/%';
SELECT count(*) FROM pur WHERE a = ':db/ident' AND v::text LIKE ':db/%';

--
-- bad definitions
--
SELECT define(':b/x', 'text');
SELECT define(':b/x', '');
SELECT define(':b/x', 'string', 'two');
SELECT define(':b/x', 'string', 'one', 'primary');
SELECT define(':b/x', NULL);
SELECT define(NULL, 'string');
SELECT define(':b/x', 'string', NULL);
SELECT define('b/x', 'string');
SELECT define(':b/', 'string');
SELECT define(':b/x y', 'string');
SELECT define(':' || repeat('x', 254), 'string');
SELECT define(':' || repeat('x', 255), 'string');
SELECT define(':db/x', 'string');
SELECT define(':db.x/y', 'string');
SELECT define(':db/ident', 'string');
SELECT define(':dbx/y', 'string');
SELECT say('[{:db/ident :b/x :db/valueType :db.type/string}]');
SELECT say('[{:db/ident :b/x :db/cardinality :db.cardinality/one}]');
SELECT say('[{:db/valueType :db.type/string :db/cardinality :db.cardinality/one}]');
SELECT say('[{:db/ident :b/x :db/valueType :db.type/strin :db/cardinality :db.cardinality/one}]');
SELECT say('[{:db/ident :b/x :db/valueType :string :db/cardinality :db.cardinality/one}]');
SELECT say('[{:db/ident :b/x :db/valueType "string" :db/cardinality :db.cardinality/one}]');
SELECT say('[{:db/ident :b/x :db/valueType :db.type/string :db/cardinality :db.cardinality/none}]');
SELECT say('[{:db/ident :b/x :db/valueType :db.type/string :db/cardinality :db.cardinality/one :db/unique :db.unique/none}]');
SELECT say('[{:db/ident :b/x :db/unique :db.unique/value}]');
SELECT say('[{:db/ident :db/x}]');
SELECT say('[{:db/ident "b/x"}]');
SELECT say(format('[{:db/ident :%s :db/valueType :db.type/string :db/cardinality :db.cardinality/one}]', repeat('x', 255)));
SELECT say('[{:db/id 50 :db/index true}]');

--
-- an attribute in tx-data, which its own transaction cannot use yet
--
SELECT say('[{:db/id "new" :db/ident :b/x :db/valueType :db.type/string :db/cardinality :db.cardinality/one :db/doc "x"}]');
SELECT say('[[:db/add 10000 :b/x "x"]]');
SELECT say('[{:db/ident :b/y :db/valueType :db.type/string :db/cardinality :db.cardinality/one} [:db/add 10000 :b/y "y"]]');
-- an entity that has a name already, and facts
SELECT say('[{:db/ident :b/z :b/x "z"}]');
SELECT say('[[:db/add :b/z :db/doc "an attribute soon"]]');
SELECT define(':b/z', 'long', doc => 'an attribute');
SELECT say('[[:db/add 10000 :b/z 1]]');

--
-- doc, index and component may change at any time, and :db/doc is for all
--
SELECT define(':b/x', 'string', doc => 'y', indexed => true);
SELECT define(':b/x', 'string', doc => 'y', indexed => true);
SELECT define(':b/x', 'string', is_component => true);
SELECT define(':b/x', 'string');
SELECT say('[[:db/add :b/x :db/doc "z"]]');
SELECT say('[[:db/retract :b/x :db/doc]]');

--
-- the type, until it is used
--
SELECT define(':c/unused', 'string');
SELECT define(':c/unused', 'long');
SELECT say('[[:db/add 10100 :c/unused 5]]');
SELECT define(':c/unused', 'string');
SELECT say('[[:db/add :c/unused :db/valueType :db.type/string]]');
SELECT say('[[:db/retract 10100 :c/unused]]');
SELECT define(':c/unused', 'string');

--
-- the cardinality, while nobody has two values
--
SELECT define(':c/card', 'long');
SELECT say('[[:db/add 10200 :c/card 1] [:db/add 10300 :c/card 1]]');
SELECT define(':c/card', 'long', 'many');
SELECT say('[[:db/add 10200 :c/card 2]]');
SELECT define(':c/card', 'long', 'one');
SELECT say('[[:db/retract 10200 :c/card 1]]');
SELECT define(':c/card', 'long', 'one');
SELECT say('[[:db/add 10200 :c/card 3]]');
SELECT datom.entity('pur', 10200);
-- the past keeps the cardinality that it had
SELECT string_agg(concat(CASE WHEN added THEN '+' ELSE '-' END, v), ' ' ORDER BY tx, added) FROM datom.history('pur') WHERE e = 10200;

--
-- uniqueness, while no two entities share a value
--
SELECT define(':c/unique', 'string');
SELECT say('[[:db/add 10400 :c/unique "a"] [:db/add 10500 :c/unique "a"]]');
SELECT define(':c/unique', 'string', uniqueness => 'value');
SELECT define(':c/unique', 'string', uniqueness => 'identity');
SELECT say('[[:db/add 10500 :c/unique "b"]]');
SELECT define(':c/unique', 'string', uniqueness => 'value');
SELECT say('[[:db/add 10600 :c/unique "b"]]');
SELECT define(':c/unique', 'string', uniqueness => 'identity');
SELECT say('[{:c/unique "b" :b/x "found"}]');
SELECT define(':c/unique', 'string');
SELECT say('[[:db/add 10600 :c/unique "b"]]');
SELECT define(':c/many', 'string', 'many');
SELECT say('[{:db/id 10700 :c/many ["a" "b"]} {:db/id 10800 :c/many ["c" "d"]}]');
SELECT define(':c/many', 'string', 'many', 'identity');
SELECT say('[{:c/many ["c" "e"]}]');
SELECT say('[{:c/many ["c" "a"]}]');

--
-- what an attribute is never loses
--
SELECT say('[[:db/add :b/x :db/ident :b/renamed]]');
SELECT say('[[:db/retract :b/x :db/ident :b/x]]');
SELECT say('[[:db/retract :b/x :db/valueType]]');
SELECT say('[[:db/retract :b/x :db/cardinality :db.cardinality/one]]');
SELECT say('[[:db/retractEntity :b/x]]');
SELECT say('[{:db/ident :d/name}]');
SELECT say('[[:db/add :d/name :db/ident :d/renamed]]');
SELECT say('[[:db/retractEntity :d/renamed]]');

--
-- an attribute does not change in the transaction that uses it
--
SELECT define(':e/unused', 'string');
SELECT say('[[:db/add :e/unused :db/valueType :db.type/long] [:db/add 11000 :e/unused "a"]]');
SELECT define(':e/unique', 'string');
SELECT say('[[:db/add :e/unique :db/unique :db.unique/value] [:db/add 11000 :e/unique "a"] [:db/add 11100 :e/unique "a"]]');
SELECT define(':e/many', 'string', 'many');
SELECT say('[[:db/add :e/many :db/cardinality :db.cardinality/one] [:db/add 11000 :e/many "a"] [:db/add 11000 :e/many "b"]]');
SELECT define(':e/one', 'string');
SELECT say('[[:db/add 11000 :e/one "a"]]');
SELECT say('[[:db/add :e/one :db/cardinality :db.cardinality/many] [:db/add 11000 :e/one "b"]]');
-- nor in another call of the same transaction
BEGIN;
SELECT say('[[:db/add 11000 :e/one "b"]]');
SELECT define(':e/one', 'string', 'many');
COMMIT;
BEGIN;
INSERT INTO pur (e, a, v) VALUES (11000, ':e/one', 'c');
SELECT define(':e/one', 'string', 'many');
COMMIT;
SELECT datom.entity('pur', 11000);
-- but may be used after it has changed, or is defined
BEGIN;
SELECT define(':e/one', 'string', 'many');
SELECT say('[[:db/add 11000 :e/one "d"]]');
SELECT define(':e/new', 'string', uniqueness => 'identity');
SELECT say('[{:e/new "a" :e/one "e"}]');
INSERT INTO pur (e, a, v) VALUES (11200, ':e/new', 'b');
ROLLBACK;
SELECT say('[[:db/add 11000 :e/new "d"]]');
SELECT define(':e/one', 'string', 'many');
SELECT say('[[:db/add 11000 :e/one "d"]]');
SELECT datom.entity('pur', 11000);

--
-- a savepoint that is rolled back takes its definitions along
--
BEGIN;
SAVEPOINT s;
SELECT define(':f/x', 'string');
SELECT say('[[:db/add 11300 :f/x "x"]]');
ROLLBACK TO s;
SELECT say('[[:db/add 11300 :f/x "x"]]');
SELECT define(':f/x', 'long');
SELECT say('[[:db/add 11300 :f/x 1]]');
COMMIT;
SELECT datom.entity('pur', 11300);

--
-- datom.attributes() as of the moment in force
--
SELECT datom.create('imp', true);
SELECT datom.transact('imp', '[{:db/id "datomic.tx" :db/txInstant #inst "2014-01-01T00:00:00Z"} {:db/id 1 :db/ident :x/one :db/valueType :db.type/long :db/cardinality :db.cardinality/one}]') IS NOT NULL;
SELECT datom.transact('imp', '[{:db/id "datomic.tx" :db/txInstant #inst "2015-01-01T00:00:00Z"} {:db/id 1 :db/unique :db.unique/value :db/doc "a number"}]') IS NOT NULL;
SELECT datom.transact('imp', '[{:db/id "datomic.tx" :db/txInstant #inst "2016-01-01T00:00:00Z"} {:db/id 1 :db/cardinality :db.cardinality/many :db/index true} [:db/retract 1 :db/unique] {:db/id 2 :db/ident :x/two :db/valueType :db.type/ref :db/cardinality :db.cardinality/one :db/isComponent true}]') IS NOT NULL;
SELECT * FROM datom.attributes('imp');
SET datom.as_of = '2015-12-31T23:59:59.999999Z';
SELECT * FROM datom.attributes('imp');
SET datom.as_of = '2014-12-31T00:00:00Z';
SELECT * FROM datom.attributes('imp');
SET datom.as_of = '2013-12-31T00:00:00Z';
SELECT * FROM datom.attributes('imp');
SELECT define(':x/three', 'string');
SET datom.as_of = 'rubbish';
SELECT * FROM datom.attributes('imp');
RESET datom.as_of;
SELECT count(*) FROM datom.attributes(NULL);

-- definitions are facts like others, and cannot be inserted past their checks
INSERT INTO pur (e, a, v) VALUES (1, ':db/doc', 'x');
SELECT count(*) FROM datom.check('pur');
SELECT count(*) FROM datom.check('imp');
SET client_min_messages = warning;
DROP SCHEMA evolve CASCADE;
