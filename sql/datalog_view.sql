--
-- Datalog in views and functions: saved_q; what a query is said to be: q_describe
--
\pset format unaligned
\pset tuples_only on
\pset null ~
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET client_min_messages = warning;
SET max_parallel_workers_per_gather = 0;
CREATE SCHEMA datalog_view;
SET search_path = datalog_view;

-- what is said of an error, and in which stored query
CREATE FUNCTION try(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE answer text; about text; help text; place text;
BEGIN
	EXECUTE format('SELECT coalesce(string_agg(x::text, '' '' ORDER BY x::text), ''nothing'') FROM (%s) x', query) INTO answer;
	RETURN answer;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS about = PG_EXCEPTION_DETAIL, help = PG_EXCEPTION_HINT, place = PG_EXCEPTION_CONTEXT;
	RETURN concat_ws(' | ', sqlstate || ' ' || sqlerrm, nullif(about, ''), nullif(help, ''), substring(place FROM '^Datalog query of [^\n]*'));
END $$;
-- a plan without what depends on the orders there are
CREATE FUNCTION plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS off) ' || query LOOP
		IF line !~ '^ *(Order|Tail Rows|Basis)\M' THEN
			RETURN NEXT regexp_replace(line, '''\d+''::oid', 'OID', 'g');
		END IF;
	END LOOP;
END $$;

SELECT datom.create('people'), datom.create('pur');
SELECT count(datom.define_attribute('people', ident::datom.attribute, type, card, uniq)) FROM (VALUES
	(':person/name', 'string', 'one', 'identity'), (':person/status', 'keyword', 'one', NULL), (':person/tags', 'string', 'many', NULL),
	(':person/boss', 'ref', 'one', NULL), (':person/pay', 'bigdec', 'one', NULL)) a(ident, type, card, uniq);
SELECT count(datom.define_attribute('pur', ident::datom.attribute, type, 'one', uniq, indexed => true)) FROM (VALUES
	(':purchase/id', 'string', 'identity'), (':purchase/buyer', 'string', NULL), (':purchase/amount', 'bigdec', NULL), (':purchase/on', 'date', NULL)) a(ident, type, uniq);
SELECT tx > 0 FROM datom.transact('people', '[
	{:db/id 101 :person/name "Ann" :person/status :status/open :person/tags ["old" "rich"] :person/pay 10M}
	{:db/id 102 :person/name "Bob" :person/status :status/open :person/boss 101 :person/pay 7M}
	{:db/id 103 :person/name "Eve" :person/status :status/closed :person/boss 102}]');
SELECT tx > 0 FROM datom.transact('pur', '[
	{:db/id 201 :purchase/id "p1" :purchase/buyer "Ann" :purchase/amount 10M :purchase/on #date "2014-01-01"}
	{:db/id 202 :purchase/id "p2" :purchase/buyer "Bob" :purchase/amount 20M :purchase/on #date "2014-02-01"}
	{:db/id 203 :purchase/id "p3" :purchase/buyer "Ann" :purchase/amount 30M}]');
SELECT basis AS then FROM datom.basis('people') \gset
SELECT tx > 0 FROM datom.transact('people', '[{:db/id 103 :person/status :status/open}]');

-- arguments by their names, in any order
SELECT * FROM datom.saved_q('[:find ?name ?amount :in $ $pur ?least :where [?e :person/name ?name] [$pur ?p :purchase/buyer ?name] [$pur ?p :purchase/amount ?amount] [(>= ?amount ?least)]]',
	'?least', 15, '$pur', 'pur'::regclass, '$', 'people'::regclass) AS (name text, amount numeric) ORDER BY 2;
-- sources that :in does not declare, or that go by their names elsewhere than in views
SELECT * FROM datom.saved_q('[:find ?name :where [$staff ?e :person/name ?name] [$pur _ :purchase/buyer ?name]]', '$staff', 'people'::regclass) AS (name text) ORDER BY 1;
SELECT * FROM datom.saved_q('[:find ?name :where [$people ?e :person/name ?name]]') AS (name text) ORDER BY 1;
-- collections, tuples, relations, rules, patterns, blanks
SELECT * FROM datom.saved_q('[:find ?name :in $ [?tag ...] :where [?e :person/tags ?tag] [?e :person/name ?name]]', '$', 'people'::regclass, '?tag', ARRAY['old', 'new']) AS (name text);
SELECT * FROM datom.saved_q('[:find ?name ?x :in $ [?name _ ?x] :where [?e :person/name ?name]]', '$', 'people'::regclass, '?name_x', '["Bob", 1, 2]'::jsonb) AS (name text, x bigint);
SELECT * FROM datom.saved_q('[:find ?name ?x :in $ [[?name ?x]] :where [?e :person/name ?name]]', '$', 'people'::regclass, '?name_x', '[["Bob", 1], ["Zed", 2]]'::jsonb) AS (name text, x bigint);
SELECT * FROM datom.saved_q('[:find ?a ?b :in % _ $ :where (under ?x ?y) [?x :person/name ?a] [?y :person/name ?b]]', '$', 'people'::regclass,
	'%', '[[(under ?a ?b) [?a :person/boss ?b]] [(under ?a ?b) [?a :person/boss ?c] (under ?c ?b)]]') AS (a text, b text) ORDER BY 1, 2;
SELECT * FROM datom.saved_q('[:find (pull ?e pattern) :in $ pattern :where [?e :person/name "Bob"]]', 'pattern', '[:person/name {:person/boss [:person/name]}]', '$', 'people'::regclass) AS (p jsonb);
SELECT * FROM datom.saved_q('[:find ?x :where [(ground 1) ?x]]') AS (x bigint);
-- all of them in an array
SELECT * FROM datom.saved_q('[:find ?x :in $ ?name :where [?e :person/name ?name] [?e :person/status ?x]]', VARIADIC ARRAY['?name', 'Bob', '$', 'people']) AS (x text);
-- moments
SELECT * FROM datom.saved_q('[:find ?s :where [?e :person/name "Eve"] [?e :person/status ?s]]', '$', datom.source('people', as_of => :'then')) AS (s text);
SELECT * FROM datom.saved_q('[:find ?s ?op :where [?e :person/name "Eve" _ _] [?e :person/status ?s _ ?op]]', '$', '{"db": "people", "history": true}'::jsonb) AS (s text, op boolean) ORDER BY 1, 2;
-- by the function and in its place the answer is the same
SELECT plan($$SELECT * FROM datom.saved_q('[:find ?pay :in $ ?name :where [?e :person/name ?name] [?e :person/pay ?pay]]', '?name', 'Ann', '$', 'people'::regclass) AS (pay numeric)$$);
SET datom.enable_scan = off;
SELECT plan($$SELECT * FROM datom.saved_q('[:find ?pay :in $ ?name :where [?e :person/name ?name] [?e :person/pay ?pay]]', '?name', 'Ann', '$', 'people'::regclass) AS (pay numeric)$$);
SELECT * FROM datom.saved_q('[:find ?pay :in $ ?name :where [?e :person/name ?name] [?e :person/pay ?pay]]', '?name', 'Ann', '$', 'people'::regclass) AS (pay numeric);
SELECT * FROM datom.saved_q('[:find ?name ?x :in $ [[?name ?x]] :where [?e :person/name ?name]]', '$', 'people'::regclass, '?name_x', '[["Bob", 1], ["Zed", 2]]'::jsonb) AS (name text, x bigint);
RESET datom.enable_scan;

-- names that are wrong, in the place of the call and by the function
CREATE FUNCTION by_each(arguments text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE query text := format('SELECT * FROM datom.saved_q(''[:find ?name :in $ ?name :where [?e :person/name ?name]]''%s) AS (name text)', arguments);
	first text := try(query);
BEGIN
	RETURN NEXT first;
	SET LOCAL datom.enable_scan = off;
	IF try(query) IS DISTINCT FROM first THEN RETURN NEXT 'but ' || try(query); END IF;
	RESET datom.enable_scan;
END $$;
SELECT by_each($$, '$', 'people'::regclass, '?name', 'Ann'$$);
SELECT by_each($$, '$', 'people'::regclass, '?nome', 'Ann'$$);
SELECT by_each($$, '$', 'people'::regclass$$);
SELECT by_each($$, '$', 'people'::regclass, '?name'$$);
SELECT by_each($$, '?name', 'Ann', '$', 'people'::regclass, '?name', 'Bob'$$);
SELECT by_each($$, 1, 'people'::regclass$$);
SELECT by_each($$, NULL, 'people'::regclass$$);
SELECT by_each($$, '$', 'people'::regclass, '?name', NULL::text$$);
SELECT by_each($$, '$', NULL::regclass, '?name', 'Ann'$$);
SELECT by_each($$, '$', 'pg_class'::regclass, '?name', 'Ann'$$);
SELECT by_each($$, '$', 'people'::regclass, '?name', ARRAY['Ann']$$);
SELECT try($$SELECT * FROM datom.saved_q(NULL) AS (name text)$$);
SELECT try($$SELECT * FROM datom.saved_q('[:find ?x :where [(ground 1) ?x]]', '?x', 1) AS (x bigint)$$);
SELECT try($$SELECT datom.saved_q('[:find ?x :where [(ground 1) ?x]]')$$);

--
-- Views
--
CREATE VIEW spent AS SELECT * FROM datom.saved_q('[:find ?name ?id ?amount :where [?e :person/name ?name] [$pur ?p :purchase/buyer ?name] [$pur ?p :purchase/amount ?amount] [$pur ?p :purchase/id ?id]]',
	'$', 'people'::regclass, '$pur', 'pur'::regclass) AS (name text, id text, amount numeric);
CREATE VIEW sorted WITH (security_barrier) AS SELECT * FROM spent ORDER BY amount;
SELECT * FROM spent WHERE name = 'Ann' ORDER BY id;
SELECT name, sum(amount) FROM spent GROUP BY 1 ORDER BY 1;
SELECT * FROM sorted;
-- a view is planned as what it stands for: conditions and shards reach the scans
CREATE FUNCTION differs(condition text) RETURNS TABLE (difference text) LANGUAGE sql AS $$
	WITH a AS (SELECT plan('SELECT id FROM spent WHERE ' || condition) AS line),
		b AS (SELECT plan($q$SELECT id FROM datom.q('[:find ?name ?id ?amount :in $ $pur :where [?e :person/name ?name] [$pur ?p :purchase/buyer ?name] [$pur ?p :purchase/amount ?amount] [$pur ?p :purchase/id ?id]]', 'people', 'pur') AS q (name text, id text, amount numeric) WHERE $q$ || condition) AS line)
	(TABLE a EXCEPT TABLE b) UNION ALL (TABLE b EXCEPT TABLE a)
$$;
SELECT condition, differs(condition) FROM unnest(ARRAY['name = ''Ann''', 'amount > 15', 'id IN (''p1'', ''p2'')', 'mod(length(id), 2) = 0']) condition;
SELECT plan($$SELECT * FROM spent WHERE id = 'p2'$$);
CREATE VIEW sharded AS SELECT * FROM datom.saved_q('[:find ?p ?amount :where [?p :purchase/amount ?amount]]', '$', 'pur'::regclass) AS (e bigint, amount numeric);
SELECT plan('SELECT * FROM sharded WHERE mod(e, 4) = 1');
SELECT * FROM sharded WHERE mod(e, 4) = 1;
SELECT string_agg(amount::text, ' ' ORDER BY amount) FROM generate_series(0, 3) i, LATERAL (SELECT amount FROM sharded WHERE mod(e, 4) = i) s;
PREPARE shard(int, int) AS SELECT count(*) FROM sharded WHERE mod(e, $1) = $2;
SET plan_cache_mode = force_generic_plan;
EXECUTE shard(4, 1);
RESET plan_cache_mode;
-- the moment in force
CREATE VIEW statuses AS SELECT * FROM datom.saved_q('[:find ?name ?s :where [?e :person/name ?name] [?e :person/status ?s]]', '$', 'people'::regclass) AS (name text, status text);
SELECT * FROM statuses WHERE name = 'Eve';
SET datom.as_of = :'then';
SELECT * FROM statuses WHERE name = 'Eve';
RESET datom.as_of;
-- on behalf of the owner: what a source is must not be up to who asks
CREATE VIEW by_name AS SELECT * FROM datom.saved_q('[:find ?name :where [$people ?e :person/name ?name]]') AS (name text);
CREATE VIEW by_text AS SELECT * FROM datom.saved_q('[:find ?name :where [?e :person/name ?name]]', '$', 'people') AS (name text);
CREATE VIEW by_schema AS SELECT * FROM datom.saved_q('[:find ?name :where [?e :person/name ?name]]', '$', 'datalog_view.people') AS (name text);
CREATE VIEW by_setting AS SELECT * FROM datom.saved_q('[:find ?name :where [?e :person/name ?name]]') AS (name text);
SET datom.db = 'datalog_view.people';
SELECT try('TABLE ' || v) FROM unnest(ARRAY['by_name', 'by_text', 'by_schema', 'by_setting']) v;
RESET datom.db;
-- instants of transactions, on behalf of the owner
CREATE VIEW said AS SELECT * FROM datom.saved_q('[:find ?name ?t :where [?e :person/name ?name ?tx] [?tx :db/txInstant ?t]]', '$', 'people'::regclass) AS (name text, t timestamptz);
SELECT name, t <= now() FROM said ORDER BY 1;
CREATE VIEW all_said AS SELECT * FROM datom.saved_q('[:find ?tx ?t :where [?tx :db/txInstant ?t]]', '$', 'people'::regclass) AS (tx bigint, t timestamptz);
SELECT line FROM plan('SELECT * FROM all_said') line WHERE line ~ 'q_allowed';
SELECT count(*) FROM all_said;

--
-- Functions
--
CREATE FUNCTION spending(buyer text, lowest numeric DEFAULT 0) RETURNS TABLE (id text, amount numeric) LANGUAGE sql STABLE AS $$
	SELECT * FROM datom.saved_q('[:find ?id ?amount :in $ ?buyer ?least :where [?p :purchase/buyer ?buyer] [?p :purchase/amount ?amount] [?p :purchase/id ?id] [(>= ?amount ?least)]]',
		'$', 'datalog_view.pur'::regclass, '?buyer', buyer, '?least', lowest) AS (id text, amount numeric) $$;
CREATE FUNCTION atomic(buyer text) RETURNS TABLE (id text) LANGUAGE sql STABLE BEGIN ATOMIC
	SELECT q.id FROM datom.saved_q('[:find ?id :in $ ?buyer :where [?p :purchase/buyer ?buyer] [?p :purchase/id ?id]]',
		'$', 'datalog_view.pur'::regclass, '?buyer', buyer) AS q (id text); END;
SELECT * FROM spending('Ann') ORDER BY 1;
SELECT * FROM spending('Ann', 20);
SELECT * FROM atomic('Bob');
SELECT n, id FROM unnest(ARRAY['Ann', 'Bob', 'Eve']) n LEFT JOIN LATERAL atomic(n) ON true ORDER BY 1, 2;
-- they are planned where they stand
SELECT plan($$SELECT * FROM spending('Ann') WHERE amount > 15$$);
SELECT plan($$SELECT * FROM atomic('Bob')$$);
PREPARE spend(text) AS SELECT id FROM spending($1) ORDER BY 1;
SET plan_cache_mode = force_generic_plan;
SELECT plan('EXECUTE spend(''Ann'')');
EXECUTE spend('Bob');
RESET plan_cache_mode;
SELECT try('SELECT * FROM spending(NULL)');
-- their rights are the caller's, also in a view
CREATE VIEW of_ann AS SELECT * FROM spending('Ann');
CREATE ROLE regress_datom_viewer;
GRANT USAGE ON SCHEMA datalog_view TO regress_datom_viewer;
GRANT SELECT ON of_ann, spent, all_said, statuses TO regress_datom_viewer;
SET ROLE regress_datom_viewer;
SELECT try('TABLE of_ann'), try('TABLE people');
SELECT count(*) FROM spent;
SELECT count(*) FROM all_said;
SELECT has_table_privilege('people', 'SELECT');
RESET ROLE;

--
-- What is wrong with a stored query is said when it is used, and of which one
--
CREATE VIEW wrong AS SELECT * FROM datom.saved_q('[:find ?x :where [?e :person/gone ?x]]', '$', 'people'::regclass) AS (x text);
CREATE VIEW missing AS SELECT * FROM datom.saved_q('[:find ?name :in $ ?name :where [?e :person/name ?name]]', '$', 'people'::regclass) AS (name text);
CREATE FUNCTION wrong_function() RETURNS SETOF text LANGUAGE sql STABLE AS $$ SELECT x FROM datom.saved_q('[:find ?x :where [?e :person/gone ?x]]', '$', 'people'::regclass) AS (x text) $$;
CREATE VIEW above AS SELECT * FROM wrong;
SELECT try(query) FROM unnest(ARRAY['TABLE wrong', 'TABLE above', 'TABLE missing', 'SELECT * FROM wrong_function()']) query;
-- a table that views read stays; one that is made anew is another
SELECT try('SELECT 1 FROM statuses'), try($$SELECT datom.define_attribute('people', ':person/gone', 'string')$$);
SELECT try(query) FROM unnest(ARRAY['TABLE wrong', 'SELECT * FROM wrong_function()']) query;
CREATE FUNCTION dropped(what text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE 'DROP TABLE ' || what;
	RETURN 'dropped';
EXCEPTION WHEN dependent_objects_still_exist THEN
	RETURN sqlerrm;
END $$;
SELECT dropped('pur');
ALTER TABLE pur RENAME TO purchases;
SELECT count(*) FROM spent;
SELECT pg_get_viewdef('sharded');
-- what the catalogue prints makes the same view
DO $$ BEGIN EXECUTE 'CREATE VIEW again AS ' || pg_get_viewdef('spent'); END $$;
SELECT * FROM again ORDER BY id;
-- a text names no table for ever
CREATE VIEW loose AS SELECT * FROM datom.saved_q('[:find ?e :where [?e :purchase/id]]', '$', 'datalog_view.purchases') AS (e bigint);
DROP TABLE purchases CASCADE;
SELECT try('TABLE loose');
SELECT datom.create('purchases');
SELECT try('TABLE loose');

--
-- q_describe
--
SELECT jsonb_pretty(datom.q_describe('[:find ?name (sum ?pay) (pull ?e [:person/name {:person/_boss [:person/tags]}]) ?e ?any :in $ ?name [?status ...] ?least [[?x ?y]] % $other _
	:where [?e :person/name ?name] [?e :person/status ?status] [?e :person/pay ?pay] [(> ?pay ?least)] [$other ?e ?a ?any ?tx] (r ?e)]', '[[(r ?e) [?e :person/boss ?b] [(missing? $ ?b :person/gone)]] [(unused ?e) [?e :person/never]]]'))
	FROM set_config('datom.db', 'datalog_view.people', false), (SELECT datom.create('other')) made;
SELECT datom.q_describe('[:find ?a :keys x :in ?from :where [?a :db/txInstant ?t] [(>= ?t ?from)]]');
SELECT datom.q_describe('[:find ?e ?x :keys who what :where [?e :person/boss ?x]]');
SELECT datom.q_describe(NULL) IS NULL;
SELECT try(format('SELECT datom.q_describe(%L)', q)) FROM unnest(ARRAY['[:find ?x :where [?e :person/nothing ?x]]', '[:find ?x :in $ % :where (r ?x)]', '[:find (pull ?x p) :in $ p :where [?x :person/name]]', '[:find ?x]', '[:find ?x :where [$none ?x :a/b]]']) q;
DROP OWNED BY regress_datom_viewer;
DROP ROLE regress_datom_viewer;
DROP SCHEMA datalog_view CASCADE;
