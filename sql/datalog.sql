--
-- Datalog asked: q, q_json, answer; arguments, sources, plans
--
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
\pset null ~
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET client_min_messages = warning;
SET max_parallel_workers_per_gather = 0;
CREATE SCHEMA datalog;
SET search_path = datalog;

CREATE FUNCTION try(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE answer text; about text; help text;
BEGIN
	EXECUTE format('SELECT coalesce(string_agg(x::text, '' '' ORDER BY x::text), ''nothing'') FROM (%s) x', query) INTO answer;
	RETURN answer;
EXCEPTION WHEN query_canceled OR OTHERS THEN
	GET STACKED DIAGNOSTICS about = PG_EXCEPTION_DETAIL, help = PG_EXCEPTION_HINT;
	RETURN concat_ws(' | ', sqlstate || ' ' || sqlerrm, nullif(about, ''), nullif(help, ''));
END $$;
-- a plan without what depends on the orders there are
CREATE FUNCTION plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS off) ' || query LOOP
		IF line !~ '^ *(Order|Tail Rows|Basis)\M' THEN
			RETURN NEXT line;
		END IF;
	END LOOP;
END $$;

SELECT datom.create('people');
SELECT count(datom.define_attribute('people', ident::datom.attribute, type, card, uniqueness => uniq)) FROM (VALUES
	(':person/name', 'string', 'one', 'identity'), (':person/job', 'string', 'one', NULL), (':person/age', 'long', 'one', NULL),
	(':person/pay', 'bigdec', 'one', NULL), (':person/height', 'double', 'one', NULL), (':person/born', 'instant', 'one', NULL), (':person/day', 'date', 'one', NULL),
	(':person/status', 'keyword', 'one', NULL), (':person/friend', 'ref', 'many', NULL), (':person/key', 'uuid', 'one', NULL), (':person/note', 'json', 'one', NULL),
	(':person/bytes', 'bytes', 'one', NULL), (':person/tall', 'boolean', 'one', NULL)) a(ident, type, card, uniq);
SELECT tx AS early FROM datom.transact('people', '[
	{:db/id 101 :person/name "Steffi" :person/job "nurse" :person/age 40 :person/pay 10.50M :person/height 1.75 :person/born #inst "1984-01-01T00:00:00Z"
	 :person/day #date "1984-01-01" :person/status :status/open :person/friend [102 103] :person/key #uuid "6f2a1d0e-9f8a-4a0e-8a53-0e3d2b6c1f00" :person/tall true}
	{:db/id 102 :person/name "Jo" :person/job "smith" :person/age 30 :person/status :status/closed}
	{:db/id 103 :person/name "Al" :person/job "smith" :person/age 50 :person/pay 7M}]') \gset
SELECT tx AS late FROM datom.transact('people', '[{:db/id 103 :person/job "king"} {:db/id 104 :person/name "Zed" :person/job "clerk" :person/age 7}]') \gset

-- the queries of the talk: people, on the table that datom.db names
SET datom.db = 'people';
SELECT * FROM datom.q('{:find [?job] :in [?name] :where [[?p :person/name ?name] [?p :person/job ?job]]}', 'Jo') AS (job text);
SELECT * FROM datom.q('{:find [?name ?job] :where [[?p :person/name ?name] [?p :person/job ?job]]}') AS (name text, job text) ORDER BY name;
SELECT datom.q_json('{:find [?job] :in [?name] :where [[?p :person/name ?name] [?p :person/job ?job]]}', '["Jo"]');

-- the scoring message: three datom tables that it does not declare, as of one moment
SELECT datom.create('pur', true), datom.create('cus', true), datom.create('bil', true);
CREATE FUNCTION said(db regclass, at text, tx_data text) RETURNS boolean LANGUAGE sql AS $$
	SELECT tx > 0 FROM datom.transact(db, format('[{:db/id "datomic.tx" :db/txInstant #inst "%s"} %s]', at, tx_data))
$$;
SELECT said(db, '2014-01-01', (SELECT string_agg(format('{:db/ident %s :db/valueType :db.type/%s :db/cardinality :db.cardinality/one %s}', a.ident, a.type, a.more), ' ') FROM (VALUES
	('pur', ':purchase/id', 'string', ':db/unique :db.unique/identity'), ('pur', ':purchase/customer-id', 'string', ''),
	('cus', ':customer/id', 'string', ':db/unique :db.unique/identity'), ('cus', ':customer/name', 'string', ''),
	('bil', ':bill/customer-id', 'string', ''), ('bil', ':bill/amount', 'bigdec', '')) a(db, ident, type, more) WHERE a.db = d.db::text))
	FROM (VALUES ('pur'::regclass), ('cus'), ('bil')) d(db);
SELECT said('cus', '2014-02-01', '{:customer/id "c1" :customer/name "Ada"} {:customer/id "c2" :customer/name "Bob"}');
SELECT said('pur', '2014-03-01', '{:purchase/id "pur-8" :purchase/customer-id "c1"} {:purchase/id "pur-9" :purchase/customer-id "c2"}');
SELECT said('bil', '2014-04-01', '{:bill/customer-id "c1" :bill/amount 10M} {:bill/customer-id "c1" :bill/amount 12.50M} {:bill/customer-id "c2" :bill/amount 99M}');
SELECT said('bil', '2014-12-01', '{:bill/customer-id "c1" :bill/amount 1000M}');
SELECT said('cus', '2014-12-02', '{:customer/id "c1" :customer/name "Ada L"}');
SELECT said('pur', '2014-12-03', '{:purchase/id "pur-10" :purchase/customer-id "c2"}');
SELECT datom.live('pur'), datom.live('cus'), datom.live('bil');
SELECT datom.answer('{:as-of #inst "2014-11-15T13:37:42Z" :args ["pur-8"]
	:query {:find [?name (max ?amount)] :in [?purchase-id]
		:where [[$pur ?purchase :purchase/id ?purchase-id]
			[$pur ?purchase :purchase/customer-id ?customer-id]
			[$cus ?customer :customer/id ?customer-id]
			[$cus ?customer :customer/name ?name]
			[$bil ?bill :bill/customer-id ?customer-id]
			[$bil ?bill :bill/amount ?amount]]}}');
\set score '{:find [?name (max ?amount)] :in [?purchase-id] :where [[$pur ?purchase :purchase/id ?purchase-id] [$pur ?purchase :purchase/customer-id ?customer-id] [$cus ?customer :customer/id ?customer-id] [$cus ?customer :customer/name ?name] [$bil ?bill :bill/customer-id ?customer-id] [$bil ?bill :bill/amount ?amount]]}'
SELECT datom.answer(jsonb_build_object('args', '["pur-8"]'::jsonb, 'query', :'score'));
SELECT datom.answer(jsonb_build_object('as-of', '2014-11-15T13:37:42Z', 'args', '["pur-8"]'::jsonb, 'query', :'score'));
SELECT datom.q_json(:'score', '["pur-8"]', '2014-11-15T13:37:42Z');
SELECT * FROM datom.q(:'score', 'pur-8') AS (name text, amount numeric(10,2));
SET datom.as_of = '2014-11-15T13:37:42Z';
SELECT * FROM datom.q(:'score', 'pur-8') AS (name text, amount numeric(10,2));
RESET datom.as_of;

-- the extract: what the query says of the shard reaches the scan
\set shard '[:find ?id :in ?shard-index ?shard-count :where [$pur ?purchase :purchase/id ?id] [(mod ?purchase ?shard-count) ?shard-index]]'
SELECT sum(n) = 3, count(*) FROM generate_series(0, 34) i, LATERAL (SELECT count(*) FROM datom.q(:'shard', i, 35) AS (id text)) q(n);
SELECT plan(format('SELECT * FROM datom.q(%L, 0, 35) AS (id text)', :'shard'));

-- shapes: q_json gives rows, answer what :find says
CREATE TABLE shape (n int, query text);
INSERT INTO shape VALUES
	(1, '[:find ?n ?a :where [?p :person/name ?n] [?p :person/age ?a] [(>= ?a 40)]]'),
	(2, '[:find [?n ...] :where [?p :person/name ?n] [?p :person/age ?a] [(>= ?a 40)]]'),
	(3, '[:find [?n ?a] :where [?p :person/name ?n] [?p :person/age ?a] [(= ?a 40)]]'),
	(4, '[:find ?n . :where [?p :person/name ?n] [?p :person/age 40]]'),
	(5, '[:find ?n ?a :keys name age :where [?p :person/name ?n] [?p :person/age ?a] [(>= ?a 40)]]'),
	(6, '[:find [?n ?a] :strs name age :where [?p :person/name ?n] [?p :person/age ?a] [(= ?a 40)]]'),
	(7, '[:find ?n ?a :syms name age :where [?p :person/name ?n] [?p :person/age ?a] [(> ?a 40)]]'),
	(8, '[:find ?n :where [?p :person/name ?n] [?p :person/age 1]]'),
	(9, '[:find [?n ...] :where [?p :person/name ?n] [?p :person/age 1]]'),
	(10, '[:find [?n ?p] :where [?p :person/name ?n] [?p :person/age 1]]'),
	(11, '[:find ?n . :where [?p :person/name ?n] [?p :person/age 1]]'),
	(12, '[:find (count ?n) . :where [?p :person/name ?n]]'),
	(13, '[:find ?v :where [_ :person/pay ?v]]'), (14, '[:find ?v :where [_ :person/height ?v]]'), (15, '[:find ?v :where [_ :person/born ?v]]'),
	(16, '[:find ?v :where [_ :person/day ?v]]'), (17, '[:find ?v :where [_ :person/status ?v]]'), (18, '[:find ?v :where [_ :person/friend ?v]]'),
	(19, '[:find ?v :where [_ :person/key ?v]]'), (20, '[:find ?v :where [_ :person/tall ?v]]'), (21, '[:find ?a ?v :where [102 ?a ?v]]'),
	(22, '[:find (distinct ?j) . :where [_ :person/job ?j]]'), (23, '[:find (min 2 ?a) (max 1 ?v) :where [_ :person/age ?a] [_ :person/pay ?v]]'),
	(24, '[:find ?n (pull ?p [:person/age {:person/friend [:person/name]}]) :where [?p :person/name ?n] [?p :person/status _]]'),
	(25, '[:find ?t :where [?p :person/name ?n] [?p :person/age ?a] [(= ?a 7)] [(tuple ?n ?a) ?t]]'),
	(26, '[:find ?op . :where [103 :person/job "king" _ ?op]]');
SELECT n, (SELECT string_agg(j::text, ' ' ORDER BY j) FROM datom.q_json(query) j) FROM shape ORDER BY n;
SELECT n, CASE WHEN jsonb_typeof(a) = 'array' AND n NOT IN (3, 10) THEN (SELECT jsonb_agg(x ORDER BY x) FROM jsonb_array_elements(a) x) ELSE a END
	FROM (SELECT n, datom.answer(jsonb_build_object('query', query)) AS a FROM shape) s ORDER BY n;

-- :limit and :offset, and time that runs out
SELECT count(*) FROM datom.q('[:find ?n :limit 2 :where [_ :person/name ?n]]') AS (n text);
SELECT count(*) FROM datom.q('[:find ?n :limit 2 :offset 3 :where [_ :person/name ?n]]') AS (n text);
SELECT count(*) FROM datom.q_json('[:find ?n :limit 0 :where [_ :person/name ?n]]');
CREATE TABLE slow (query text);
INSERT INTO slow SELECT '[:find (count ?a0) . :timeout 20 :with ' || string_agg('?b' || i, ' ') || ' :where ' || string_agg(format('[_ :person/name ?a%s] [?b%s :person/age _]', i, i), ' ') || ']' FROM generate_series(0, 5) i;
SELECT try(format('SELECT * FROM datom.q(%L) AS (n bigint)', query)) FROM slow;
SELECT try(format('SELECT datom.q_json(%L)', query)) FROM slow;
SELECT try(format('SELECT datom.answer(%L::jsonb)', jsonb_build_object('query', query))) FROM slow;
SELECT pg_sleep(0.03);
SELECT * FROM datom.q('[:find ?n :timeout 100000 :where [?p :person/name ?n] [?p :person/age 40]]') AS (n text);

-- arguments: in place of q or by the function, with constants, custom and generic plans, the answer is the same
CREATE FUNCTION run(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE answer text;
BEGIN
	EXECUTE query INTO answer;
	RETURN answer;
EXCEPTION WHEN OTHERS THEN
	RETURN sqlstate || ' ' || sqlerrm;
END $$;
CREATE FUNCTION ways(query text, type text, arg text, OUT same boolean, OUT how text, OUT answer text) LANGUAGE plpgsql AS $$
DECLARE
	digest constant text := 'SELECT coalesce(string_agg(n, '','' ORDER BY n), ''nothing'') FROM datom.q(%L, %s) AS (n text)';
	call text := format(digest, query, arg || CASE WHEN type = 'unknown' THEN '' ELSE '::' || type END);
	slow text;
BEGIN
	answer := run(call);
	SET LOCAL datom.enable_scan = off;
	slow := run(call);
	SET LOCAL datom.enable_scan = on;
	same := answer = slow;
	IF type <> 'unknown' THEN
		EXECUTE format('PREPARE p(%s) AS ' || digest, type, query, '$1');
		SET LOCAL plan_cache_mode = force_custom_plan;
		same := same AND run(format('EXECUTE p(%s)', arg)) = answer;
		SET LOCAL plan_cache_mode = force_generic_plan;
		same := same AND run(format('EXECUTE p(%s)', arg)) = answer;
		how := CASE WHEN EXISTS (SELECT FROM plan(format('EXECUTE p(%s)', arg)) l WHERE l LIKE '%Function Scan on q%') THEN 'call' ELSE 'query' END;
		DEALLOCATE p;
	END IF;
END $$;
SELECT how, same, type, arg, answer FROM (VALUES
	(1, ':person/age', 'int', '40'), (2, ':person/age', 'smallint', '40'), (3, ':person/age', 'numeric', '40.0'), (4, ':person/age', 'numeric', $$'NaN'$$),
	(5, ':person/age', 'float8', '40'), (6, ':person/age', 'text', $$'40'$$), (7, ':person/age', 'unknown', $$'40'$$), (8, ':person/age', 'unknown', $$'4o'$$),
	(9, ':person/age', 'int', 'NULL'), (10, ':person/age', 'datom.value', $$'40'$$), (11, ':person/age', 'interval', $$'40'$$),
	(20, ':person/pay', 'numeric', '10.5'), (21, ':person/pay', 'float8', '10.5'), (22, ':person/pay', 'unknown', $$'10.5'$$), (23, ':person/pay', 'int', '7'),
	(30, ':person/status', 'datom.attribute', $$':status/open'$$), (31, ':person/status', 'text', $$':status/open'$$), (32, ':person/status', 'unknown', $$':status/open'$$), (33, ':person/status', 'unknown', $$'open'$$),
	(40, ':person/born', 'timestamptz', $$'1984-01-01T00:00:00Z'$$), (41, ':person/born', 'unknown', $$'1984-01-01T00:00:00Z'$$), (42, ':person/born', 'timestamp', $$'1984-01-01'$$),
	(43, ':person/day', 'date', $$'1984-01-01'$$), (44, ':person/day', 'unknown', $$'1984-01-01'$$),
	(50, ':person/name', 'varchar(9)', $$'Jo'$$), (51, ':person/name', 'char(9)', $$'Jo'$$), (52, ':person/name', 'name', $$'Jo'$$), (53, ':person/name', 'text', $$'"Jo"'$$),
	(54, ':person/key', 'uuid', $$'6f2a1d0e-9f8a-4a0e-8a53-0e3d2b6c1f00'$$), (55, ':person/tall', 'boolean', 'true'), (56, ':person/friend', 'bigint', '102'), (57, ':person/friend', 'unknown', $$'103'$$),
	(58, ':person/note', 'jsonb', $$'{}'$$), (59, ':person/bytes', 'bytea', $$'\x00'$$)) a(i, ident, type, arg),
	LATERAL ways(format('[:find ?n :in ?v :where [?e :person/name ?n] [?e %s ?v]]', ident), type, arg) ORDER BY i;
SELECT how, same, type, arg, answer FROM (VALUES
	(1, '[?n ...]', 'text[]', $$ARRAY['Jo','Al','x']$$), (2, '[?n ...]', 'text[]', $$'{}'$$), (3, '[?n ...]', 'text[]', $$ARRAY['Jo',NULL]$$), (4, '[?n ...]', 'text[]', $$'{{Jo,Al}}'$$),
	(5, '[?n ...]', 'unknown', $$'["Jo" "Al"]'$$), (6, '[?n ...]', 'text', $$'#{"Jo"}'$$), (7, '[?n ...]', 'jsonb', $$'["Jo", 5]'$$), (8, '[?n ...]', 'text', $$'Jo'$$), (9, '[?n ...]', 'text', $$'["Jo'$$),
	(10, '[?n ...]', 'varchar[]', $$ARRAY['Jo']$$), (11, '[?n ...]', 'int', '5'), (12, '[?n ...]', 'text[]', 'NULL'), (13, '[?n ...]', 'int[]', '''{{{1}}}'''),
	(20, '[?n ?j]', 'text[]', $$ARRAY['Jo','smith']$$), (21, '[?n ?j]', 'unknown', $$'["Jo" "smith"]'$$), (22, '[?n ?j]', 'jsonb', $$'["Jo", "smith"]'$$), (23, '[?n ?j]', 'jsonb', $$'["Jo"]'$$), (24, '[?n _]', 'text[]', $$ARRAY['Jo',NULL]$$),
	(30, '[[?n ?j]]', 'text[]', $$ARRAY[['Jo','smith'],['Al','x']]$$), (31, '[[?n ?j]]', 'unknown', $$'[["Jo" "smith"] ["Al" "king"]]'$$), (32, '[[?n ?j]]', 'jsonb', $$'[["Jo", "smith"], ["Al"]]'$$), (33, '[[?n _ ?j]]', 'jsonb', $$'[["Jo", null, "smith"]]'$$), (34, '[[?n ?j]]', 'jsonb', $$'[]'$$),
	(40, '_ ', 'text', 'NULL')) a(i, binding, type, arg),
	LATERAL ways(format('[:find ?n :in %s :where [?e :person/name ?n] [?e :person/job ?j]]', binding), type, arg) ORDER BY i;
-- entities by number, ident and lookup ref
SELECT how, same, type, arg, answer FROM (VALUES
	(1, 'bigint', '102'), (2, 'unknown', $$'102'$$), (3, 'text', $$'102'$$), (4, 'jsonb', $$'[":person/name", "Jo"]'$$), (5, 'text[]', $$ARRAY[':person/name', 'Jo']$$), (6, 'text[]', $$ARRAY[':person/name', 'nobody']$$),
	(7, 'text[]', $$ARRAY[':person/job', 'smith']$$), (8, 'text[]', $$ARRAY[':person/none', 'Jo']$$), (9, 'datom.attribute', $$':person/age'$$), (10, 'text', $$':person/age'$$), (11, 'unknown', $$':person/age'$$), (12, 'text', $$'Jo'$$)) a(i, type, arg),
	LATERAL ways('[:find ?n :in ?e :where (or-join [?e ?n] [?e :person/name ?n] (and [?e :db/valueType ?t] [(str ?t) ?n]))]', type, arg) ORDER BY i;
SELECT how, same, type, arg, answer FROM (VALUES ('jsonb', $$'[":person/name", "Jo"]'$$), ('text[]', $$ARRAY[':person/name', 'Jo']$$), ('text', $$':person/age'$$)) a(type, arg), LATERAL ways('[:find ?n :in ?v :where [(str ?v) ?n]]', type, arg);
SELECT * FROM datom.q('[:find ?n ?a :in [[?n _ ?a]] :where [?e :person/name ?n] [?e :person/age ?a]]', ARRAY[ROW('Jo', now(), 30), ROW('Al', NULL, 1)]) AS (n text, a int);
SELECT * FROM datom.q('[:find ?n ?a :in [?n ?a] :where [?e :person/name ?n] [?e :person/age ?a]]', ROW('Jo', 30)) AS (n text, a int);
SELECT * FROM datom.q('[:find ?n :in $a ?n :where [$a _ :person/name ?n]]', VARIADIC ARRAY['people', 'Jo']) AS (n text);
SELECT * FROM datom.q('[:find (count ?n) :where [_ :person/name ?n]]', VARIADIC '{}'::text[]) AS (n int);
-- arguments of each row
SELECT x, job FROM (VALUES ('Jo'), ('Al'), ('nobody')) v(x) LEFT JOIN LATERAL datom.q('[:find ?job :in ?name :where [?p :person/name ?name] [?p :person/job ?job]]', x) AS (job text) ON true ORDER BY x;

-- arguments in JSON: strings become what they are compared with
SELECT args, try(format('SELECT datom.q_json(%L, %L)', query, args)) FROM (VALUES
	('[:find ?n :in ?v :where [?e :person/name ?n] [?e :person/age ?v]]', '[40]'), ('[:find ?n :in ?v :where [?e :person/name ?n] [?e :person/age ?v]]', '["40"]'), ('[:find ?n :in ?v :where [?e :person/name ?n] [?e :person/age ?v]]', '["x"]'),
	('[:find ?n :in ?v :where [?e :person/name ?n] [?e :person/age ?v]]', '[null]'), ('[:find ?n :in ?v :where [?e :person/name ?n] [?e :person/age ?v]]', '[[1]]'), ('[:find ?n :in ?v :where [?e :person/name ?n] [?e :person/age ?v]]', '[{"a": 1}]'),
	('[:find ?n :in ?e :where [?e :person/name ?n]]', '[[":person/name", "Jo"]]'), ('[:find ?n :in ?e :where [?e :person/name ?n]]', '["102"]'), ('[:find ?n :in ?v :where [?e :person/name ?n] [?e :person/pay ?v]]', '[10.50]'),
	('[:find ?n :in ?v :where [?e :person/name ?n] [?e :person/status ?v]]', '[":status/open"]'), ('[:find ?n :in ?v :where [?e :person/name ?n] [?e :person/born ?v]]', '["1984-01-01T00:00:00Z"]'),
	('[:find ?n :in [[?n ?a]] :where [?e :person/name ?n] [?e :person/age ?a]]', '[[["Jo", 30], ["Al", 50.0], ["Zed", "7"]]]'), ('[:find ?n :in [?n ...] :where [?e :person/name ?n]]', '[["Jo", 5, true, {"a": 1}]]'),
	('[:find ?n :in % :where (named ?n)]', '["[[(named ?x) [_ :person/name ?x]]]"]'), ('[:find (pull ?e p) :in p :where [?e :person/age 7]]', '["[:person/name]"]'),
	('[:find ?n :in ?n :where [_ :person/name ?n]]', '[]'), ('[:find ?n :in ?n :where [_ :person/name ?n]]', '["Jo", 1]'), ('[:find ?n :where [_ :person/name ?n]]', '[1]'), ('[:find ?n :where [_ :person/name ?n]]', '{}'),
	('[:find ?v :in ?v :where [102 :person/age _]]', '["\"quoted"]'), ('[:find ?v :in ?v :where [102 :person/age _]]', '[9223372036854775808]')) a(query, args);

-- arguments in EDN say what they are
SELECT args, try(format('SELECT datom.answer(%L)', format('{:args %s :query %s}', args, query))) FROM (VALUES
	('[:find ?n . :in ?v :where [?e :person/name ?n] [?e :person/born ?v]]', '[#inst "1984-01-01"]'), ('[:find ?n . :in ?v :where [?e :person/name ?n] [?e :person/born ?v]]', '["1984-01-01T00:00:00Z"]'),
	('[:find ?n . :in ?v :where [?e :person/name ?n] [?e :person/pay ?v]]', '[10.5]'), ('[:find ?n . :in ?v :where [?e :person/name ?n] [?e :person/pay ?v]]', '[10.5M]'), ('[:find ?n . :in ?v :where [?e :person/name ?n] [?e :person/status ?v]]', '[:status/open]'),
	('[:find ?n . :in % ?a :where (aged ?n ?a)]', '[[[(aged ?n ?a) [?e :person/name ?n] [?e :person/age ?a]]] 50]'), ('[:find ?n . :in % ?a :where (aged ?n ?a)]', '[[[(aged ?n)]] 50]'), ('[:find (pull ?e p) . :in p :where [?e :person/age 7]]', '[[:person/name]]'),
	('[:find [?n ...] :in [?n ...] :where [_ :person/name ?n]]', '[("Jo")]'), ('[:find ?n . :in ?e :where [?e :person/name ?n]]', '[[:person/name "Jo"]]'), ('[:find ?n . :in ?n :where [_ :person/name ?n]]', '[nil]'), ('[:find ?n . :in ?n :where [_ :person/name ?n]]', '[sym]'),
	('[:find ?n . :in ?n _ :where [_ :person/name ?n]]', '["Jo" nil]')) a(query, args);

-- sources: as arguments, by name, as a message says, and what is wrong with them
CREATE SCHEMA shop;
SELECT datom.create('shop.pur');
SELECT datom.define_attribute('shop.pur', ':purchase/id', 'string') > 0;
SELECT count(*) FROM datom.transact('shop.pur', '[{:purchase/id "of the shop"}]');
SELECT replace(replace(source, :'early', 'EARLY'), :'late', 'LATE'), try(format('SELECT * FROM datom.q(''[:find ?n ?j :in $ :where [?e :person/name ?n] [?e :person/job ?j] [(= ?n "Al")]]'', %s) AS (n text, j text)', source)) FROM (VALUES
	($$'people'$$), ($$'datalog.people'$$), ($$'people'::regclass$$), ($$datom.source('people')$$), (format($$datom.source('people', as_of => '%s')$$, :'early')), (format($$'{:db people :as-of %s}'$$, :'early')), (format($$'{"db": "people", "since": %s}'::jsonb$$, :'early')),
	($$datom.source('people', history => true)$$), ($$'{:db people :as-of nil :history false}'$$), ($$'nowhere'$$), ($$'shop.nowhere'$$), ($$''$$), ($$'a.b.c.d'$$), ($$'shape'$$), ($$5$$), ($$NULL::text$$), ($$'{:as-of 5}'$$), ($$'{:db people :at 5}'$$), ($$'{:db people :as-of 5 :since 5}'$$), ($$'{:db people :as-of true}'$$), ($$'{:db people :as-of "long ago"}'$$)) s(source);
SELECT datom.q_json('[:find ?n :where [$people _ :person/name ?n] [(= ?n "Jo")]]'), datom.q_json('[:find ?n :where [$datalog.people _ :person/name ?n] [(= ?n "Jo")]]');
SELECT datom.q_json('[:find [?i ...] :where [$shop.pur _ :purchase/id ?i]]');
SELECT datom.answer('{:sources {$x "shop.pur" $people {:db people}} :query [:find ?i ?n :where [$x _ :purchase/id ?i] [$people 102 :person/name ?n]]}');
SELECT datom.answer('{"sources": {"$pur": "shop.pur"}, "query": "[:find ?i . :where [$pur _ :purchase/id ?i]]"}'::jsonb);
SELECT try($$SELECT datom.q_json('[:find ?n :where [$nowhere _ :person/name ?n]]')$$);
SELECT try($$SELECT datom.answer('{:as-of 1 :query [:find ?n :in $ :where [_ :person/name ?n]] :args [{:db people :history true}]}')$$);
SELECT try($$SELECT datom.answer('{:as-of "2099-01-01T00:00:00Z" :query [:find ?n :where [_ :person/name ?n]]}')$$);
SET datom.db = '';
SELECT try($$SELECT datom.q_json('[:find ?n :where [_ :person/name ?n]]')$$);
SET datom.db = 'nowhere';
SELECT try($$SELECT datom.q_json('[:find ?n :where [_ :person/name ?n]]')$$);
SET datom.db = 'people';
-- with as many arguments as there are sources and others, or as there are others
SELECT args, try(format('SELECT datom.q_json(''[:find ?n ?m :in $a ?n $b ?m :where [$a _ :person/name ?n] [$b _ :person/name ?m]]'', %L)', args)) FROM (VALUES ('["people", "Jo", "people", "Al"]'), ('["Jo", "Al"]'), ('["people", "Jo", "Al"]')) a(args);
SELECT datom.q_json('[:find ?n ?m :in $people ?n $datalog.people ?m :where [$people _ :person/name ?n] [$datalog.people _ :person/name ?m]]', '["Jo", "Al"]');
-- two moments of one table
SELECT * FROM datom.q('[:find ?n :in $then $now :where [$now ?p :person/name ?n] (not [$then ?p :person/name ?n])]', datom.source('people', as_of => :'early'), 'people') AS (n text);
SELECT * FROM datom.q('[:find ?j ?op :in $ :where [103 :person/job ?j _ ?op]]', datom.source('people', history => true)) AS (j text, op boolean) ORDER BY j, op;

-- messages that are none
SELECT message, try(format('SELECT datom.answer(%L::jsonb)', message)) FROM (VALUES ('5'), ('[]'), ('{}'), ('{"query": 5}'), ('{"query": "[:find ?n"}'), ('{"query": "[:find ?n :where [_ :person/name ?n]]", "args": 5}'), ('{"query": "[:find ?n :where [_ :person/name ?n]]", "sources": 5}'),
	('{"query": "[:find ?n . :where [102 :person/name ?n]]", "args": null, "as-of": null, "sources": null}'), ('{"query": "[:find ?n . :where [_ :person/name ?n]]", "as-of": false}'), ('{"query": "[:find ?n . :where [_ :person/name ?n]]", "Args": []}')) m(message);
SELECT message, try(format('SELECT datom.answer(%L::text)', message)) FROM (VALUES ('5'), ('{}'), ('{:query 5}'), ('{:query [:find ?n] :as-of nil}'), ('{:query "[:find ?n . :where [102 :person/name ?n]]"}'), ('{:query [:find ?n :where [?e :person/nome ?n]]}'), ('{:query [:find ?x :where [?e :person/name ?n]]}')) m(message);
SELECT datom.answer(NULL::text) IS NULL, datom.answer(NULL::jsonb) IS NULL;
SELECT try('SELECT datom.q_json(NULL)'), try('SELECT * FROM datom.q(NULL) AS (n text)');

-- columns: those that the caller wants
SELECT columns, try(format('SELECT * FROM datom.q(''[:find ?a ?n :where [?e :person/name ?n] [?e :person/age ?a] [(= ?a 40)]]'') AS (%s)', columns)) FROM (VALUES
	('a bigint, n text'), ('a int, n varchar(3)'), ('a text, n text'), ('a numeric(5,1), n text COLLATE "C"'), ('a datom.value, n datom.value'), ('a int'), ('a int, n text, x text'), ('a int, n int')) c(columns);
SELECT try($$SELECT datom.q('[:find ?n :where [_ :person/name ?n]]')$$);
SELECT * FROM ROWS FROM (datom.q('[:find ?n :where [?e :person/name ?n] [?e :person/age 40]]') AS (n text), generate_series(1, 2)) WITH ORDINALITY;

-- the query in place of q: one plan with what stands around it
SELECT plan($$SELECT * FROM datom.q('[:find ?n ?a :where [?e :person/name ?n] [?e :person/age ?a]]') AS (n text, a int) WHERE n = 'Jo'$$);
SET plan_cache_mode = force_generic_plan;
PREPARE by_name(text) AS SELECT * FROM datom.q('{:find [?e ?job] :in [?name] :where [[?e :person/name ?name] [?e :person/job ?job]]}', $1) AS (e bigint, job text);
SELECT plan('EXECUTE by_name(''Jo'')');
EXECUTE by_name('Jo');
-- left to the function: arguments that the type does not tell, rows, orders of its own, time that runs out
SELECT plan($$SELECT * FROM (VALUES ('Jo')) v(x), LATERAL datom.q('[:find ?n :in ?n :where [_ :person/name ?n]]', x || random()) AS (n text)$$);
SELECT plan($$SELECT * FROM datom.q('[:find ?n :timeout 1000 :where [_ :person/name ?n]]') AS (n text)$$);
SELECT plan($$SELECT * FROM datom.q('[:find ?n :where [_ :person/name ?n]]') AS (n text COLLATE "C") ORDER BY n$$);
SET datom.enable_scan = off;
SELECT plan($$SELECT * FROM datom.q('[:find ?n :where [_ :person/name ?n]]') AS (n text)$$);
RESET datom.enable_scan;

-- a plan that is kept learns of attributes, of names and of rights
PREPARE ages AS SELECT * FROM datom.q('[:find ?n ?a :where [?p :person/name ?n] [?p :person/age ?a]]') AS (n text, a int) ORDER BY n, a;
EXECUTE ages;
SELECT datom.define_attribute('people', ':person/age', 'long', 'many') > 0;
SELECT count(*) FROM datom.transact('people', '[[:db/add 102 :person/age 31]]');
EXECUTE ages;
SELECT count(*) FROM datom.transact('people', '[[:db/retract 102 :person/age 31]]');
SELECT datom.define_attribute('people', ':person/age', 'long') > 0;
EXECUTE ages;
SELECT datom.create('others');
SELECT datom.define_attribute('others', ':person/name', 'string') > 0, datom.define_attribute('others', ':person/age', 'long') > 0;
SELECT count(*) FROM datom.transact('others', '[{:person/name "other" :person/age 1}]');
SET datom.db = 'others';
EXECUTE ages;
BEGIN;
SET LOCAL datom.db = 'people';
EXECUTE ages;
ROLLBACK;
EXECUTE ages;
PREPARE bought AS SELECT * FROM datom.q('[:find ?i :where [$pur _ :purchase/id ?i]]') AS (i text) ORDER BY i;
EXECUTE bought;
SET search_path = shop;
EXECUTE bought;
SET search_path = datalog;
ALTER TABLE others RENAME TO elsewhere;
EXECUTE ages;
ALTER TABLE elsewhere RENAME TO others;
EXECUTE ages;
DROP TABLE others;
EXECUTE ages;
SET datom.db = 'people';
SET datom.as_of = '2001-01-01T00:00:00Z';
EXECUTE ages;
RESET datom.as_of;
DEALLOCATE ALL;
RESET plan_cache_mode;

-- views, functions, cursors
CREATE VIEW jobs AS SELECT * FROM datom.q('[:find ?n ?j :where [?p :person/name ?n] [?p :person/job ?j]]') AS (n text, j text);
SELECT * FROM jobs WHERE j = 'nurse';
CREATE FUNCTION job_of(name text) RETURNS SETOF text LANGUAGE sql STABLE AS $$ SELECT * FROM datom.q('[:find ?j :in ?n :where [?p :person/name ?n] [?p :person/job ?j]]', name) AS (j text) $$;
CREATE FUNCTION job_of_too(name text) RETURNS SETOF text LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY SELECT * FROM datom.q('[:find ?j :in ?n :where [?p :person/name ?n] [?p :person/job ?j]]', name) AS (j text); END $$;
SELECT job_of('Jo'), job_of_too(n) FROM jobs WHERE n = 'Al';
SELECT try('SELECT job_of(NULL)'), try('SELECT job_of_too(NULL)');
BEGIN READ ONLY;
DECLARE c CURSOR FOR SELECT * FROM datom.q('[:find ?n :where [?p :person/name ?n] [?p :person/age 40]]') AS (n text);
FETCH ALL FROM c;
SELECT datom.answer('{:query [:find ?n . :where [102 :person/name ?n]]}');
ROLLBACK;

-- what a transaction has said itself, and moments above its snapshot
BEGIN;
SELECT count(*) FROM datom.transact('people', '[{:person/name "New"}]');
SELECT n FROM jobs UNION SELECT n FROM datom.q('[:find ?n :where [_ :person/name ?n]]') AS (n text) ORDER BY n;
SELECT jsonb_array_length(datom.answer('{:query [:find ?n :where [_ :person/name ?n]]}'));
ROLLBACK;
SELECT count(*) FROM datom.q_json('[:find ?n :where [_ :person/name ?n]]', '[]', to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'));
SELECT count(*) FROM datom.q('[:find ?n :in $ :where [_ :person/name ?n]]', datom.source('people', as_of => to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))) AS (n text);

-- rights are the caller's, whoever planned
CREATE ROLE datalog_reader;
GRANT USAGE ON SCHEMA datalog TO datalog_reader;
GRANT SELECT ON jobs TO datalog_reader;
PREPARE mine AS SELECT count(*) FROM datom.q('[:find ?n :where [_ :person/name ?n]]') AS (n text);
EXECUTE mine;
SET ROLE datalog_reader;
EXECUTE mine;
SELECT try('SELECT * FROM jobs');
SELECT try($$SELECT datom.q_json('[:find ?n :where [_ :person/name ?n]]')$$), try($$SELECT datom.answer('{:query [:find ?n :where [_ :person/name ?n]]}')$$), try($$SELECT datom.q_sql('[:find ?n :where [_ :person/name ?n]]')$$);
RESET ROLE;
GRANT SELECT ON people TO datalog_reader;
SET ROLE datalog_reader;
EXECUTE mine;
SELECT count(*) FROM jobs;
RESET ROLE;
REVOKE EXECUTE ON FUNCTION datom.q(text) FROM PUBLIC;
SET ROLE datalog_reader;
EXECUTE mine;
RESET ROLE;
GRANT EXECUTE ON FUNCTION datom.q(text) TO PUBLIC;
REVOKE ALL ON people, jobs FROM datalog_reader;
REVOKE ALL ON SCHEMA datalog FROM datalog_reader;
DROP ROLE datalog_reader;

-- entities by lookup ref and ident, where a clause takes the variable for one
SELECT tx > 0 AS said FROM datom.transact('people', '[{:db/id 104 :db/ident :who/zed}]');
SELECT q FROM datom.q_json('[:find ?e ?job :in [?e ...] :where [?e :person/job ?job]]', '[[[":person/name", "Jo"], 103, ":who/zed", [":person/name", "Nobody"], ":who/nobody"]]') q ORDER BY q;
SELECT datom.q_json('[:find ?n . :in % ?f :where (likes ?e ?f) [?e :person/name ?n]]', '["[[(likes ?a ?b) [?a :person/friend ?b]]]", [":person/name", "Jo"]]');
SELECT datom.q_json('[:find (pull ?e [:person/name]) . :in ?e]', '[":who/zed"]'), datom.q_json('[:find (pull ?e [:person/name]) . :in ?e]', '[":who/zed"]', :'late');
SELECT * FROM datom.q('[:find ?job :in ?e :where [?e :person/job ?job]]', '[":person/name", "Zed"]'::jsonb) AS (job text);
-- and in EDN, as pull has it; text elsewhere stays text
SELECT type, arg, how, same, answer FROM (VALUES ('text', $$'[:person/name "Zed"]'$$), ('unknown', $$'[:person/name "Zed"]'$$), ('text', $$'[:person/name "Nobody"]'$$), ('text', $$'[:person/name'$$), ('text', $$'[1 2]'$$)) a(type, arg),
	LATERAL ways('[:find ?job :in ?e :where [?e :person/job ?job]]', type, arg);
SELECT * FROM datom.q('[:find ?job :in [?e ...] :where [?e :person/job ?job]]', ARRAY['[:person/name "Zed"]', ':who/zed']) AS (job text);
SELECT * FROM datom.q('[:find ?name :in ?name :where (not [_ :person/name ?name])]', '[:person/name "Zed"]') AS (name text);
SELECT try($$SELECT datom.q_json('[:find ?x :in ?x :where [_ :person/age ?x]]', '[[":person/name", "Jo"]]')$$), try($$SELECT datom.q_json('[:find ?j :in ?e :where [?e :person/job ?j]]', '[[":person/job", "smith"]]')$$), try($$SELECT datom.q_json('[:find ?j :in ?e :where [?e :person/job ?j]]', '[[":person/nobody", "x"]]')$$), try($$SELECT datom.q_json('[:find ?j :in ?e :where [?e :person/job ?j]]', '[[":person/name", null]]')$$);

-- functions of types that values do not have, and of several rows
SELECT try($$SELECT datom.q_json('[:find ?x :where [?e :person/name ?n] [(pg_catalog.string_to_array ?n ",") ?x]]')$$), try($$SELECT datom.q_json('[:find ?x :where [?e :person/name ?n] [(pg_catalog.string_to_table ?n ",") ?x]]')$$);

-- SQL without arguments is that for text; what it depends on must be given
SELECT datom.q_sql('[:find ?n :in $ ?n :where [_ :person/name ?n]]');
SELECT datom.q_sql('[:find ?n :in ?a :where [?e :person/name ?n] [?e :person/age ?a]]', '[40]') = datom.q_sql('[:find ?n :in ?a :where [?e :person/name ?n] [?e :person/age ?a]]');
SELECT try($$SELECT datom.q_sql('[:find ?n :in $ % ?a :where (r ?n)]')$$);

-- plans of no more than some queries are kept
SELECT count(*) FROM generate_series(1, 300) i, datom.q_json(format('[:find ?n%s :where [_ :person/name ?n%s]]', i, i));
SELECT count(*) BETWEEN 1 AND 250 FROM pg_backend_memory_contexts WHERE name = 'CachedPlanQuery';

DROP SCHEMA datalog CASCADE;
DROP SCHEMA shop CASCADE;
