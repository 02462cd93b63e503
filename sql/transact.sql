--
-- datom.transact(): from transaction data to facts
--
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
SET timezone = 'UTC';
CREATE SCHEMA transact;
SET search_path = transact;
SET datestyle = 'ISO';

SELECT datom.create('pur');
-- what came (+) and went (-); the transaction's own entity is shown as tx
CREATE FUNCTION facts(datom.datom[]) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT concat_ws(' ', CASE WHEN added THEN '+' ELSE '-' END,
		CASE WHEN e < 0 THEN 'tx' ELSE e::text END, a, CASE WHEN v < datom.ref(0) AND v > datom.ref(-1000000) THEN '#ref tx' ELSE format('%s', v) END) FROM unnest($1)
$$;
-- tempids and facts, or SQLSTATE, message, detail and hint
CREATE FUNCTION say(tx_data text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE answer record; message text; detail text; hint text;
BEGIN
	SELECT * INTO answer FROM datom.transact('pur', tx_data);
	RETURN QUERY SELECT answer.tempids::text WHERE answer.tempids <> '{}';
	RETURN QUERY SELECT facts(answer.datoms);
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN NEXT concat_ws('; ', sqlstate || ' ' || message, nullif(detail, ''), nullif(hint, ''));
END $$;
-- the same in JSON
CREATE FUNCTION say_json(tx_data jsonb) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE answer record; message text; detail text; hint text;
BEGIN
	SELECT * INTO answer FROM datom.transact('pur', tx_data);
	RETURN QUERY SELECT answer.tempids::text WHERE answer.tempids <> '{}';
	RETURN QUERY SELECT facts(answer.datoms);
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN NEXT concat_ws('; ', sqlstate || ' ' || message, nullif(detail, ''), nullif(hint, ''));
END $$;
-- the same of any query that returns one value
CREATE FUNCTION try(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE answer text; message text; detail text; hint text;
BEGIN
	EXECUTE query INTO answer;
	RETURN answer;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN concat_ws('; ', sqlstate || ' ' || message, nullif(detail, ''), nullif(hint, ''));
END $$;

SELECT datom.define_attribute('pur', ':person/email', 'string', 'one', 'identity', doc => 'where letters go');
SELECT datom.define_attribute('pur', ':person/ssn', 'string', 'one', 'value');
SELECT datom.define_attribute('pur', ':person/name', 'string');
SELECT datom.define_attribute('pur', ':person/age', 'long');
SELECT datom.define_attribute('pur', ':person/aliases', 'string', 'many');
SELECT datom.define_attribute('pur', ':person/boss', 'ref');
SELECT datom.define_attribute('pur', ':person/friends', 'ref', 'many');
SELECT datom.define_attribute('pur', ':person/state', 'keyword');
SELECT datom.define_attribute('pur', ':passport/no', 'long', 'one', 'identity');
SELECT datom.define_attribute('pur', ':person/passport', 'ref', 'one', 'identity');
SELECT datom.define_attribute('pur', ':order/id', 'long', 'one', 'identity');
SELECT datom.define_attribute('pur', ':order/lines', 'ref', 'many', is_component => true);
SELECT datom.define_attribute('pur', ':order/note', 'ref', 'one', is_component => true);
SELECT datom.define_attribute('pur', ':line/product', 'string');
SELECT datom.define_attribute('pur', ':line/quantity', 'long');
SELECT count(datom.define_attribute('pur', (':t/' || t)::datom.attribute, t))
FROM unnest('{string,long,double,bigdec,boolean,instant,date,uuid,keyword,ref,bytes,json}'::text[]) t;
ALTER SEQUENCE pur_e_seq RESTART 101;

--
-- the answer: the transaction, what its tempids became, what came and went
--
BEGIN;
SELECT tx = datom.current_tx(), tempids, (SELECT array_agg(d.tx = t.tx) FROM unnest(datoms) d)
FROM datom.transact('pur', '[[:db/add "a" :person/name "Ann"] [:db/add "b" :person/name "Ben"] [:db/add "a" :person/age 30]]') t;
SELECT say('[]');
SELECT t.tempids, t.datoms FROM datom.transact('pur', '()') t;
ROLLBACK;
SELECT datom.transact('pur', NULL::text) IS NULL, datom.transact(NULL, '[]') IS NULL, datom.transact('pur', NULL::jsonb) IS NULL;
SELECT try($$SELECT datom.transact('nowhere', '[]')$$);
SELECT try($$SELECT datom.transact('pg_class', '[]')$$);
SELECT try($$SELECT datom.transact(0, '[]')$$);

--
-- list form: an entity by number, by a tempid that is new each time, by an identity value
--
SELECT say('[[:db/add 500 :person/name "Eve"] [:db/add 500 :person/age 30]]');
SELECT say('[[:db/add "x" :person/name "Ann"] (:db/add "x" :person/age 31) [:db/add "y" :person/boss "x"]]');
SELECT say('[[:db/add "x" :person/name "Ann"]]');
SELECT say('[[:db/add [:person/email "eve@x"] :person/age 1]]');
SELECT say('[[:db/add 500 :person/email "eve@x"]]');
SELECT say('[[:db/add [:person/email "eve@x"] :person/age 1] [:db/add [:person/ssn "none"] :person/age 1]]');
SELECT say('[[:db/add 500 :person/ssn "123"]]');
SELECT say('[[:db/add [:person/email "eve@x"] :person/age 32] [:db/add "f" :person/boss [:person/ssn "123"]]]');

-- a number that is given, if only to point to it, is given to nobody else
SELECT nextval('pur_e_seq') - 1 AS last \gset
SELECT string_agg((t.tempids ->> k)::bigint - :last || '', ' ' ORDER BY k)
FROM datom.transact('pur', format('[[:db/add %s :person/name "x"] [:db/add "a" :person/name "y"] [:db/add "b" :person/boss %s] [:db/add "c" :t/ref 9223372036854775807]]',
	:last + 2, :last + 4)) t, jsonb_object_keys(t.tempids) k;
SELECT say('[[:db/add 9223372036854775807 :person/name "none is left"]]');
--
-- map form: nested maps are entities of their own, components or not
--
SELECT say('[{:person/name "Ann" :person/age 30}]');
SELECT say('[{:db/id "ann" :person/name "Ann" :person/boss {:person/name "Bob" :person/boss {:db/id "top" :person/name "Cid"}}
	:person/friends [{:person/name "Dan"} "top" {:db/id "ann"}]}]');
SELECT say('[{:order/id 1 :order/lines [{:line/product "nails" :line/quantity 100} {:line/product "glue" :line/quantity 1}]
	:order/note {:t/string "in a hurry"}}]');
SELECT datom.entity('pur', ':order/id', '1') - ':db/id';
-- an entity with nothing said about it, and one that is only pointed to
SELECT say('[{:db/id "nobody"}]');
SELECT say('[[:db/add "a" :person/boss "b"]]');

--
-- upsert: whoever asserts an identity value speaks of its owner
--
SELECT say('[{:person/email "ann@x" :person/name "Ann"}]');
SELECT say('[{:person/email "ann@x" :person/age 30}]');
SELECT say('[{:db/id "new" :person/email "ann@x" :person/age 31} [:db/add "new" :person/name "Anne"]]');
SELECT say('[[:db/add "v" :person/email "ann@x"] [:db/add "v" :person/state :state/awake]]');
-- two tempids of one value are one entity, known or not
SELECT say('[{:db/id "a" :person/email "bob@x" :person/name "Bob"} {:db/id "b" :person/email "bob@x" :person/age 40} {:person/email "bob@x" :person/state :state/asleep}]');
SELECT say('[{:db/id "a" :person/email "ann@x"} {:db/id "b" :person/email "ann@x" :person/age 32}]');
-- chained through a ref that identifies: one passport, so one person
SELECT say('[{:db/id "p" :passport/no 7} {:db/id "q" :passport/no 7} {:db/id "a" :person/passport "p" :person/name "Cid"} {:db/id "b" :person/passport "q" :person/age 50}]');
SELECT say('[{:db/id "b" :person/passport {:passport/no 7} :person/age 51}]');
-- one tempid, two identities: of one entity, or of two
SELECT say('[{:person/email "ann@x" :order/id 9}]');
SELECT say('[{:person/email "ann@x" :order/id 9 :person/age 33}]');
SELECT say('[{:person/email "bob@x" :order/id 9}]');
SELECT say('[{:db/id "a" :person/email "ann@x"} {:db/id "a" :person/email "bob@x"}]');
-- an entity that is known is not merged into the owner
SELECT say('[[:db/add [:person/email "ann@x"] :person/email "bob@x"]]');
SELECT say('[{:db/id [:person/email "ann@x"] :order/id 9 :person/email "anne@x"}]');
SELECT say('[{:person/email "ann@x" :person/name "another"}]');

--
-- unique values belong to one entity and identify nobody in a map
--
SELECT say('[{:db/id 500 :person/ssn "1"} {:db/id 501 :person/ssn "2"}]');
SELECT say('[{:person/ssn "1" :person/name "Ann"}]');
SELECT say('[{:db/id 502 :person/ssn "3"} {:db/id 503 :person/ssn "3"}]');
SELECT say('[{:db/id 500 :person/ssn "1"}]');
-- values change hands within one transaction
SELECT say('[[:db/add 500 :person/ssn "2"] [:db/add 501 :person/ssn "1"]]');
SELECT say('[[:db/retract 500 :person/ssn "2"] [:db/add 502 :person/ssn "2"]]');
SELECT say('[[:db/retractEntity 500] [:db/retractEntity 501] [:db/retractEntity 502]]');

--
-- cardinality one: the new value in place of the old; many: besides the others
--
SELECT say('[{:db/id 500 :person/name "Ann" :person/aliases ["a" "b" "a"]}]');
SELECT say('[{:db/id 500 :person/name "Anne" :person/aliases #{"c" "a"}}]');
SELECT say('[[:db/add 500 :person/aliases "d"] {:db/id 500 :person/aliases ("e")} {:db/id 500 :person/aliases "f"} {:db/id 500 :person/aliases []}]');
SELECT say('[{:db/id 500 :person/name ["one" "two"]}]');
SELECT say('[[:db/add 500 :person/aliases ["g"]]]');
SELECT datom.entity('pur', 500);

--
-- what holds is not said again
--
SELECT say('[{:db/id 500 :person/name "Anne" :person/aliases ["a" "b"]}]');
SELECT say('[[:db/add 500 :person/name "Anne"] [:db/add 500 :person/name "Anne"] [:db/add 500 :person/age 1]]');
SELECT count(*) FROM pur WHERE e = 500 AND a = ':person/name';

--
-- :db/retract, of one value, of all, and of what does not hold
--
SELECT say('[[:db/retract 500 :person/aliases "a"] [:db/retract 500 :person/aliases "nope"] [:db/retract 500 :person/name "nope"]]');
SELECT say('[[:db/retract 500 :person/aliases]]');
SELECT say('[[:db/retract 500 :person/aliases]]');
SELECT say('[[:db/retract 500 :person/name] [:db/retract [:order/id 777] :person/age]]');
SELECT say('[[:db/retract 500 :person/age] [:db/add 500 :person/name "Ann"]]');
SELECT say('[[:db/retract "who" :person/name "Ann"]]');

--
-- :db/retractEntity: what is said of it, its components, and who points to them
--
SELECT say('[{:db/id 600 :order/id 60 :order/lines [{:db/id 601 :line/product "a"} {:db/id 602 :line/product "b"}] :order/note {:db/id 603 :t/string "n"}}
	{:db/id 604 :person/boss 600 :person/friends [601 605]} {:db/id 605 :t/ref 602} {:db/id 603 :person/boss 600}]');
SELECT say('[[:db/retractEntity [:order/id 60]]]');
SELECT datom.entity('pur', 600), datom.entity('pur', 601), datom.entity('pur', 604);
SELECT say('[[:db/retractEntity 600] [:db/retractEntity "nobody"]]');
SELECT say('[[:db/retractEntity 604] [:db/add 604 :person/name "again"]]');
SELECT say('[[:db/add 606 :person/boss 607] [:db/add 607 :order/note 606] [:db/add 606 :order/note 607]]');
SELECT say('[[:db.fn/retractEntity 606]]');
SELECT say('[[:db/retractEntity [:order/id 60]]]');

--
-- :db/cas: nil, wrong and right
--
SELECT say('[[:db/cas 700 :person/age 1 2]]');
SELECT say('[[:db/cas 700 :person/age nil 1]]');
SELECT say('[[:db/cas 700 :person/age nil 2]]');
SELECT say('[[:db/cas 700 :person/age 2 3]]');
SELECT say('[[:db/cas 700 :person/age 1 2]]');
SELECT say('[[:db.fn/cas 700 :person/age 2 2]]');
SELECT say('[[:db/cas 700 :person/boss nil 701]]');
SELECT say('[[:db/cas 700 :person/boss 701 [:person/email "nobody@x"]]]');
SELECT say('[[:db/cas 700 :person/boss 701 "new"] [:db/add "new" :person/name "Boss"]]');
SELECT say('[[:db/cas 700 :person/age 2 nil]]');
SELECT say('[[:db/cas 700 :person/aliases nil "a"]]');
SELECT say('[[:db/cas 700 :person/age 2]]');
SELECT say('[[:db/cas 700 :person/age 2 3] [:db/cas 700 :person/age 3 4]]');
SELECT say('[[:db/cas "new" :person/age nil 3]]');

--
-- reversed attributes
--
SELECT say('[{:db/id 800 :person/_boss [801 {:person/name "Dan"} "t"] :person/name "Boss"} [:db/add "t" :person/name "Tim"]]');
SELECT say('[{:db/id 800 :order/_lines {:order/id 80}}]');
SELECT say('[{:db/id 800 :person/_boss [:order/id 80]}]');
SELECT say('[{:db/id 800 :person/_name "Ann"}]');
SELECT say('[{:db/id 800 :person/_nothing 1}]');
SELECT say('[[:db/add 800 :person/_boss 801]]');

--
-- idents: of entities, and where a ref is wanted
--
SELECT say('[{:db/ident :color/green} {:db/id 900 :db/ident :color/red}]');
SELECT say('[[:db/add :color/red :db/doc "as blood"] [:db/add 901 :t/ref :color/green] [:db/add :person/name :person/state :state/odd]]');
SELECT say('[{:db/id :color/red :t/ref :color/red} [:db/cas 901 :t/ref :color/green :color/red]]');
SELECT say('[[:db/add 901 :t/ref :color/blue]]');
SELECT say('[[:db/add :color/blue :db/doc "none"]]');
SELECT say('[{:db/ident :color/red :person/age 1}]');
SELECT say('[[:db/retractEntity :color/red]]');

--
-- the transaction is an entity too
--
SELECT say('[[:db/add "datomic.tx" :db/doc "import of May"] {:db/id "datomic.tx" :person/name "Ann"} [:db/add 901 :t/ref "datomic.tx"]]');
SELECT say('[{:person/boss {:db/id "datomic.tx"}}]');
SELECT t.tx AS past FROM datom.transact('pur', '[{:db/id "datomic.tx" :db/doc "old"}]') t \gset
SELECT say(format('[[:db/add %s :db/doc "corrected later"]]', -:past));
SELECT datom.entity('pur', -:past) - '{:db/id,:db/txInstant,:db.tx/application,:db.tx/role}'::text[];
SELECT say('[[:db/add -9999999 :db/doc "no such"]]');
SELECT say('[[:db/add 0 :db/doc "none"]]');
SELECT say('[[:db/add -9223372036854775808 :db/doc "none"]]');
SELECT say('[[:db/add "datomic.tx" :db/txInstant #inst "2020-01-01T00:00:00Z"]]');

--
-- values of all types
--
SELECT say('[{:db/id 1000 :t/string "caf\u00e9 \"x\"" :t/long -9223372036854775808 :t/double 1e300 :t/bigdec 10.50M :t/boolean false
	:t/instant #inst "2014-11-15T13:37:42.123456+01:00" :t/uuid #uuid "f81d4fae-7dec-11d0-a765-00a0c91e6bf6" :t/keyword :a.b/c
	:t/ref #ref 1000 :t/bytes #bytes "cafe" :t/date #date "2014-11-15" :t/json #json "{\"a\": [1]}"}]');
SELECT say('[{:db/id 1001 :t/long 1N :t/double 1 :t/bigdec 1 :t/string \a :t/ref 5}]');
SELECT say('[[:db/add 1002 :t/double ##NaN] [:db/add 1003 :t/double ##-Inf] [:db/add 1004 :t/bigdec 123456789012345678901234567890]]');
SELECT say('[[:db/add 1002 :t/long 1.5]]');
SELECT say('[[:db/add 1002 :t/long 9223372036854775808]]');
SELECT say('[[:db/add 1002 :t/long "1"]]');
SELECT say('[[:db/add 1002 :t/string 1]]');
SELECT say('[[:db/add 1002 :t/string :k]]');
SELECT say('[[:db/add 1002 :t/string nil]]');
SELECT say('[[:db/add 1002 :t/string sym]]');
SELECT say('[[:db/add 1002 :t/string {:a 1}]]');
SELECT say('[[:db/add 1002 :t/instant "2014-11-15T13:37:42Z"]]');
SELECT say('[[:db/add 1002 :t/instant #inst "2014-11-15T25:37:42Z"]]');
SELECT say('[[:db/add 1002 :t/boolean 1]]');
SELECT say('[[:db/add 1002 :t/ref 1.5]]');
SELECT say('[[:db/add 1002 :t/ref nil]]');
SELECT say('[[:db/add 1002 :t/json #unknown 1]]');

--
-- contradictions within one transaction
--
SELECT say('[[:db/add 1100 :person/name "a"] [:db/add 1100 :person/name "b"]]');
SELECT say('[[:db/add 1100 :person/name "a"] [:db/retract 1100 :person/name "a"]]');
SELECT say('[[:db/add 1100 :person/name "a"]]');
SELECT say('[[:db/add 1100 :person/name "a"] [:db/retract 1100 :person/name "a"]]');
SELECT say('[[:db/add 1100 :person/name "a"] [:db/retract 1100 :person/name]]');
SELECT say('[[:db/add 1100 :person/name "b"] [:db/retract 1100 :person/name "a"]]');
SELECT say('[[:db/add 1100 :person/name "b"] [:db/add 1100 :person/name "c"]]');
SELECT say('[[:db/retractEntity 1100] [:db/add 1100 :person/name "b"]]');
SELECT say('[{:person/email "z@x" :person/name "a"} {:person/email "z@x" :person/name "b"}]');

--
-- several calls in one database transaction are one transaction
--
BEGIN;
SELECT t.tx AS one, t.tempids ->> 'a' AS a FROM datom.transact('pur', '[[:db/add "a" :person/name "Ann"]]') t \gset
SELECT t.tx = :one, t.tempids ->> 'a' = :'a' FROM datom.transact('pur', '[[:db/add "a" :person/name "Ann"]]') t;
SELECT say(format('[[:db/add %s :person/age 30] [:db/add %s :person/name "Ann"]]', :a, :a));
SELECT say(format('[[:db/add %s :person/name "Anne"]]', :a));
SELECT say(format('[[:db/retract %s :person/age 30]]', :a));
SELECT say(format('[[:db/retractEntity %s]]', :a));
SAVEPOINT s;
SELECT say(format('[{:db/id %s :person/email "savepoint@x"}]', :a));
ROLLBACK TO s;
SELECT say('[{:person/email "savepoint@x" :person/age 1}]');
COMMIT;
-- many values may be added and taken back in turns, of different ones
BEGIN;
SELECT say('[[:db/add 1200 :person/aliases "a"]]');
SELECT say('[[:db/add 1200 :person/aliases "b"]]');
COMMIT;
SELECT datom.entity('pur', 1200);
-- what it asserted it cannot take back, also where that held before
SELECT say('[[:db/add 1150 :person/aliases "a"]]');
BEGIN;
INSERT INTO pur (e, a, v) VALUES (1150, ':person/aliases', 'a');
SELECT say('[[:db/retract 1150 :person/aliases "a"]]');
ROLLBACK;
BEGIN;
SELECT say('[[:db/retract 1150 :person/aliases "a"]]');
SELECT say('[[:db/add 1150 :person/aliases "a"]]');
SELECT say('[[:db/retract 1150 :person/aliases "a"]]');
SELECT say('[[:db/retractEntity 1150]]');
COMMIT;
SELECT datom.entity('pur', 1150);
-- and one that fails leaves nothing
BEGIN;
SELECT t.tempids ->> 'a' AS a FROM datom.transact('pur', '[[:db/add "a" :person/name "gone"]]') t \gset
ROLLBACK;
SELECT datom.entity('pur', :a) IS NULL;

--
-- transaction functions
--
CREATE FUNCTION named(db regclass, name text) RETURNS text LANGUAGE sql AS
$$ SELECT format('[{:person/name %s}]', to_json(name)) $$;
CREATE FUNCTION older(db regclass, email text, years int) RETURNS jsonb LANGUAGE sql AS
$$ SELECT jsonb_build_array(jsonb_build_array(':db/add', jsonb_build_array(':person/email', email), ':person/age',
	coalesce((datom.entity(db, ':person/email', email::datom.value) ->> ':person/age')::int, 0) + years)) $$;
CREATE FUNCTION twice(db regclass, name text) RETURNS text LANGUAGE sql AS
$$ SELECT format('[[named %s] ["transact.named" 1]]', to_json(name)) $$;
CREATE FUNCTION pair(db regclass, name text) RETURNS text LANGUAGE sql AS
$$ SELECT format('[[named %s] [transact.named %s] {:db/id "datomic.tx" :db/doc "both"}]', to_json(name), to_json(name || '2')) $$;
CREATE FUNCTION nothing(db regclass) RETURNS text LANGUAGE sql AS 'SELECT NULL';
CREATE FUNCTION forever(db regclass) RETURNS text LANGUAGE sql AS $$ SELECT '[[forever]]' $$;
CREATE FUNCTION number(db regclass) RETURNS int LANGUAGE sql AS 'SELECT 5';
CREATE FUNCTION rows(db regclass) RETURNS SETOF text LANGUAGE sql AS $$ SELECT '[]' UNION ALL SELECT '[]' $$;
CREATE FUNCTION no_rows(db regclass) RETURNS SETOF text LANGUAGE sql AS $$ SELECT '[]' WHERE false $$;
CREATE FUNCTION one_op(db regclass) RETURNS text LANGUAGE sql AS $$ SELECT '{:person/name "x"}' $$;
CREATE FUNCTION broken(db regclass) RETURNS text LANGUAGE sql AS $$ SELECT '[[:db/add' $$;
CREATE FUNCTION raises(db regclass) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE 'too young' USING ERRCODE = 'P0042'; END $$;
CREATE FUNCTION no_table(name text) RETURNS text LANGUAGE sql AS $$ SELECT '[]' $$;
CREATE FUNCTION over(db regclass, a int) RETURNS text LANGUAGE sql AS $$ SELECT '[]' $$;
CREATE FUNCTION over(db regclass, a text) RETURNS text LANGUAGE sql AS $$ SELECT '[]' $$;
CREATE FUNCTION show(db regclass, a text) RETURNS text LANGUAGE sql AS $$ SELECT format('[[:db/add 1300 :t/string %s]]', to_json(coalesce(a, 'NULL'))) $$;
CREATE FUNCTION types(db regclass, a bigint, b numeric, c bool, d timestamptz, e datom.attribute, f jsonb, g text[]) RETURNS text LANGUAGE sql AS
$$ SELECT format('[[:db/add 1301 :t/string %s]]', to_json(concat_ws(' ', a, b, c, d, e, f, g))) $$;
CREATE FUNCTION with_own(db regclass, name text) RETURNS text LANGUAGE sql AS
$$ SELECT format('[[:db/add 1302 :person/age %s]]', (SELECT count(*) FROM unnest((datom.transact(db, format('[{:person/name %s}]', to_json(name)))).datoms))) $$;
CREATE SCHEMA "Odd ""one""";
CREATE FUNCTION "Odd ""one"""."a.b"(db regclass) RETURNS text LANGUAGE sql AS $$ SELECT '[{:person/name "odd"}]' $$;
SELECT say('[[named "Ann"] [transact.named "Ben \"x\""]]');
SELECT say('[{:person/email "age@x"}]');
SELECT say('[[older "age@x" 5]]');
SELECT say('[[older "age@x" 5] {:person/email "age@x" :person/name "Old"}]');
SELECT say('[[pair "Ann"]]');
SELECT say('[[twice "Ann"]]');
SELECT say('[[nothing] [no_rows]]');
SELECT say('[[with_own "Ann"]]');
SELECT say('[[show nil]]');
SELECT say('[[show [1 2.5 10.5M "a" :k nil true {:a "b", "c" [1]} (1 2) #{3} #inst "2014-11-15T13:37:42Z" sym \x]]]');
SELECT say('[[show {1 2}]]');
SELECT say('[[show {[1] 2}]]');
SELECT say('[[show #inst "2014-11-15T13:37:42Z"]]');
SELECT say('[[show #unknown 1]]');
SELECT say('[[types 1 1.50 true #inst "2014-11-15T13:37:42Z" :a/b {:x [1 2]} "{a,b}"]]');
SELECT say('[[types "one" 1 true "2014-11-15 13:37:42Z" :a/b nil nil]]');
SELECT say_json('[["\"Odd \"\"one\"\"\".\"a.b\""]]');
SELECT say('[[forever]]');
SELECT say('[[number]]');
SELECT say('[[rows]]');
SELECT say('[[one_op]]');
SELECT say('[[broken]]');
SELECT say('[[raises]]');
SELECT say('[[no_table "x"]]');
SELECT say('[[over 1]]');
SELECT say('[[nowhere 1]]');
SELECT say('[[nowhere.named 1]]');
SELECT say('[[a.b.c.d 1]]');
SELECT say('[[named]]');
SELECT say('[[named "a" "b"]]');
SELECT say('[[:named "a"]]');
SELECT say('[[pg_class "a"]]');
SELECT say('[[pg_catalog.pg_total_relation_size]]');
-- it is called as the user
CREATE ROLE regress_datom_caller;
GRANT USAGE ON SCHEMA transact TO regress_datom_caller;
GRANT SELECT, INSERT ON pur TO regress_datom_caller;
REVOKE EXECUTE ON FUNCTION named(regclass, text) FROM PUBLIC;
SET ROLE regress_datom_caller;
SELECT say('[[named "Ann"]]');
RESET ROLE;
DROP OWNED BY regress_datom_caller;
DROP ROLE regress_datom_caller;

--
-- shapes that are none, each with its position, counted in characters
--
SELECT say('{}');
SELECT say('1');
SELECT say('');
SELECT say('[');
SELECT say('[[:db/add 1 :person/name "a"]] []');
SELECT say('[1]');
SELECT say('[[]]');
SELECT say('[nil]');
SELECT say('[["é" 1]]');
SELECT say('[[:db/add 1 :person/name "ééé"] [1 2]]');
SELECT say('[[1 2 3]]');
SELECT say('[[:db/add]]');
SELECT say('[[:db/add 1 :person/name]]');
SELECT say('[[:db/add 1 :person/name "a" "b"]]');
SELECT say('[[:db/retract 1]]');
SELECT say('[[:db/retract 1 :person/name "a" "b"]]');
SELECT say('[[:db/retractEntity]]');
SELECT say('[[:db/retractEntity 1 2]]');
SELECT say('[[:db/nothing 1 :person/name "a"]]');
SELECT say('[[:db/add nil :person/name "a"]]');
SELECT say('[[:db/add 1.5 :person/name "a"]]');
SELECT say('[[:db/add 99999999999999999999 :person/name "a"]]');
SELECT say('[[:db/add [:person/email] :person/name "a"]]');
SELECT say('[[:db/add [:person/email 1] :person/name "a"]]');
SELECT say('[[:db/add [:person/email nil] :person/name "a"]]');
SELECT say('[[:db/add [:person/name "Ann"] :person/name "a"]]');
SELECT say('[[:db/add [:person/nothing "Ann"] :person/name "a"]]');
SELECT say('[[:db/add [1 2] :person/name "a"]]');
SELECT say('[[:db/add {:person/email "x"} :person/name "a"]]');
SELECT say('[[:db/add 1 :person/nothing "a"]]');
SELECT say('[[:db/add 1 "person/name" "a"]]');
SELECT say('[[:db/add 1 person/name "a"]]');
SELECT say('[[:db/add 1 :db/nothing "a"]]');
SELECT say('[{"name" 1}]');
SELECT say('[{:person/nothing 1}]');
SELECT say('[{:db/id nil}]');
SELECT say('[{:db/id {:person/email "x"}}]');
SELECT say('[{:person/boss #{1 2}}]');

--
-- JSON: keys and keywords are strings that look like keywords
--
SELECT say_json('[[":db/add", "a", ":person/name", "Ann"], {":db/id": "a", ":person/age": 30, ":person/aliases": ["x", "y"], ":person/state": ":state/awake"}]');
SELECT say_json('[{":person/email": "json@x", ":person/boss": {":person/name": "Boss"}}]');
SELECT say_json('[{":person/email": "json@x", ":person/_boss": [{":person/name": "Dan"}, 1400]}]');
SELECT say_json('[[":db/add", [":person/email", "json@x"], ":person/name", ":not/akeyword"]]');
SELECT say_json('[[":db/retract", [":person/email", "json@x"], ":person/name"], [":db/retract", 1400, ":person/boss", [":person/email", "json@x"]]]');
SELECT say_json('[[":db/cas", [":person/email", "json@x"], ":person/age", null, 1]]');
SELECT say_json('[[":db/cas", [":person/email", "json@x"], ":person/age", null, 2]]');
SELECT say_json('[[":db/retractEntity", [":person/email", "json@x"]], {":db/id": "datomic.tx", ":db/doc": "json"}]');
SELECT say_json('[["named", "Ann"], ["transact.older", "age@x", 1]]');
SELECT say_json('[{":db/id": 1401, ":t/string": "s", ":t/long": 9007199254740993, ":t/double": 1.5, ":t/bigdec": 10.50, ":t/boolean": true,
	":t/instant": "2014-11-15T13:37:42Z", ":t/date": "2014-11-15", ":t/uuid": "f81d4fae-7dec-11d0-a765-00a0c91e6bf6", ":t/keyword": ":a/b",
	":t/ref": 1401, ":t/bytes": "\\xcafe", ":t/json": {"a": [1, null, "x"]}}]');
SELECT say_json('[{":db/id": 1402, ":t/json": []}, {":db/id": 1403, ":t/json": "s"}, {":db/id": 1404, ":t/json": ":k"}, {":db/id": 1405, ":t/json": 1.0}, {":db/id": 1406, ":t/json": false}]');
SELECT say_json('[{":db/id": 1407, ":t/json": null}]');
SELECT say_json('[{":db/id": 1407, ":t/long": "5"}, {":db/id": 1408, ":t/string": ""}]');
SELECT say_json('[{":db/id": 1407, ":t/string": 5}]');
SELECT say_json('[{":db/id": 1407, ":t/keyword": "no keyword"}]');
SELECT say_json('[{":db/id": 1407, ":t/instant": "2014-11-15 13:37:42"}]');
SELECT say_json('[{":db/id": 1407, ":t/long": 1e100}]');
SELECT say_json('[{"name": 1}]');
SELECT say_json('{}');
SELECT say_json('5');
SELECT say_json('null');
SELECT say_json('[null]');
SELECT say_json('[[]]');
SELECT say_json('[[1]]');
SELECT say_json('[[":db/add", 1.5, ":person/name", "a"]]');
SELECT say_json('[["nowhere"]]');
SELECT say_json('[[""]]');
SELECT say_json('[["a b c"]]');
-- an untyped literal is EDN
SELECT facts((datom.transact('pur', '[{:person/name "Edna"}]')).datoms);

--
-- writing is refused while the session asks as of the past, and where nothing may be written
--
SET datom.as_of = '2100-01-01T00:00:00Z';
SELECT say('[]');
RESET datom.as_of;
BEGIN READ ONLY;
SELECT say('[]');
ROLLBACK;

--
-- triggers and constraints apply
--
CREATE FUNCTION told() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE NOTICE '% of %', TG_OP, (SELECT count(*) FROM new_rows); RETURN NULL; END $$;
CREATE TRIGGER told AFTER INSERT ON pur REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION told();
ALTER TABLE pur ADD CONSTRAINT grown CHECK (a <> ':person/age' OR v::bigint < 150) NOT VALID;
SELECT say('[{:person/name "Ann" :person/age 149}]');
SELECT say('[{:person/name "Ann" :person/age 150}]');
DROP TRIGGER told ON pur;

-- a value that changes hands within the data is its new owner's, in any order
SELECT count(*) FROM say('[{:db/id 9100 :person/email "hands"}]');
SELECT count(*) FROM say('[{:person/email "hands" :person/age 1} [:db/retract 9100 :person/email "hands"] [:db/add 9101 :person/email "hands"]]');
SELECT e, v FROM datom.as_of('pur') WHERE e IN (9100, 9101) ORDER BY e, a;

-- and after all this the log is sound
SELECT count(*) FROM datom.check('pur');
SET client_min_messages = warning;
DROP SCHEMA transact, "Odd ""one""" CASCADE;
