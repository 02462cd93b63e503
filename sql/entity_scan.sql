--
-- datom.entities(): entities of any attributes as rows, by a scan or by the function
--
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
\pset null ~
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET client_min_messages = warning;
SET max_parallel_workers_per_gather = 0;
CREATE SCHEMA entity_scan;
SET search_path = entity_scan;

-- a plan without what depends on the orders there are
CREATE FUNCTION plan(query text, options text DEFAULT 'COSTS off') RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
	FOR line IN EXECUTE format('EXPLAIN (%s) %s', options, query) LOOP
		IF line !~ '^ *(Order|Blocks Read|Blocks Skipped|Tail Rows|Basis|Buckets|Memory|Sort Method)\M' THEN
			RETURN NEXT line;
		END IF;
	END LOOP;
END $$;
CREATE FUNCTION try(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	answer text;
	hint text;
BEGIN
	EXECUTE query INTO answer;
	RETURN answer;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
	RETURN sqlstate || ' ' || sqlerrm || coalesce(' ' || nullif(hint, ''), '');
END $$;
-- how many scans and how many calls, and do functions alone give the same rows?
CREATE FUNCTION same(query text, OUT scans int, OUT functions int, OUT same boolean, OUT rows bigint) LANGUAGE plpgsql AS $$
DECLARE
	digest constant text := 'SELECT md5(string_agg(r::text, chr(10) ORDER BY r::text)), count(*) FROM (%s) r';
	slow text;
	fast text;
	slow_rows bigint;
BEGIN
	SELECT count(*) FILTER (WHERE p ~ 'DatomEntities'), count(*) FILTER (WHERE p ~ '(Function Scan on entities|ProjectSet)') INTO scans, functions FROM plan(query) p;
	EXECUTE format(digest, query) INTO fast, rows;
	SET LOCAL datom.enable_scan = off;
	EXECUTE format(digest, query) INTO slow, slow_rows;
	RESET datom.enable_scan;
	same := slow IS NOT DISTINCT FROM fast AND rows = slow_rows;
END $$;
-- how many rows the planner expects
CREATE FUNCTION expected(query text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE plan json;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT json) ' || query INTO plan;
	RETURN plan->0->'Plan'->>'Plan Rows';
END $$;

SELECT datom.create('pur', true);
SELECT datom.import_tx('pur', '2010-01-01T00:00:00Z') IS NOT NULL, datom.define_attribute('pur', ':p/id', 'string', uniqueness => 'identity') > 0,
	datom.define_attribute('pur', ':p/amount', 'bigdec') > 0, datom.define_attribute('pur', ':p/tags', 'keyword', 'many') > 0, datom.define_attribute('pur', ':p/friend', 'ref') > 0, datom.define_attribute('pur', ':x/note', 'string') > 0,
	datom.define_attribute('pur', ':x/n', 'long', indexed => true) > 0;
CREATE FUNCTION said(year int, tx_data text) RETURNS bigint LANGUAGE sql AS $$
	SELECT tx FROM datom.transact('pur', format('[{:db/id "datomic.tx" :db/txInstant #inst "%s-01-01T00:00:00Z"} %s]', year, tx_data))
$$;
SELECT said(2011, string_agg(format('{:db/id %s :p/id "p%s" :p/amount %s.%sM :p/tags [:t%s :all] :p/friend %s}', 1000 + i, i, i % 10, i % 100, i % 3, 1001 + i % 7), ' ')) AS tx2011
	FROM generate_series(1, 300) i \gset
SELECT said(2012, string_agg(format('{:db/id %s :p/amount %sM :x/n %s}', 1000 + i, i, i % 20), ' ')) AS tx2012 FROM generate_series(1, 100) i \gset
SELECT said(2013, string_agg(format('[:db/retract %s :p/tags :all] [:db/add %s :x/note "note %s"] [:db/add %s :x/note "alone"]', 1000 + i, 1100 + i, i, 2000 + i), ' ')
	|| ' {:p/id "new" :p/amount 1M} [:db/retractEntity 1009] [:db/retract 1010 :p/amount] [:db/retract 1003 :p/id] [:db/add 1003 :p/id "three"]') AS tx2013
	FROM generate_series(1, 5) i \gset
SELECT datom.live('pur');
VACUUM pur;

--
-- rows
--
SELECT * FROM datom.entities('pur', '{:p/id,:p/amount,:p/tags,:p/friend,:x/note}') p(e bigint, id text, amount numeric(10, 1), tags text[], friend bigint, note text) WHERE e IN (1001, 1009, 1010, 1101, 2001) ORDER BY e;
SELECT * FROM datom.entities('pur', '{:x/note}') p(e bigint, note text) ORDER BY e;
SELECT * FROM datom.entities('pur', '{:x/note,:p/id}') p(e bigint, note text, id text) WHERE note IS NOT NULL AND id IS NOT NULL ORDER BY e;
-- an array of one, one attribute twice, one that nobody has defined, none
SELECT * FROM datom.entities('pur', '{:p/id,:p/id,:p/unheard-of}') p(e bigint, id text, ids text[], unheard date) WHERE e < 1003 ORDER BY e;
SELECT count(*), count(u) FROM datom.entities('pur', '{:p/unheard-of}') p(e bigint, u uuid);
SELECT count(*) FROM datom.entities('pur', '{}') p(e bigint);
SELECT * FROM datom.entities('pur', ARRAY[':db/ident', ':db/doc']::datom.attribute[]) a(e bigint, ident text, doc text) WHERE ident ~ '^:[px]/' ORDER BY e;
-- moments
SELECT e, amount, tags FROM datom.entities('pur', '{:p/amount,:p/tags}', '2011-06-01T00:00:00Z'::timestamptz) p(e bigint, amount numeric, tags text[]) WHERE e IN (1001, 1009) ORDER BY e;
SELECT e, amount, tags FROM datom.entities('pur', '{:p/amount,:p/tags}', :tx2012) p(e bigint, amount numeric, tags text[]) WHERE e IN (1001, 1009) ORDER BY e;
SELECT e, amount, tags FROM datom.entities('pur', '{:p/amount,:p/tags}', '2013-01-01T00:00:00Z') p(e bigint, amount numeric, tags text[]) WHERE e IN (1001, 1009) ORDER BY e;
SELECT count(*) FROM datom.entities('pur', '{:p/id}', '2010-06-01T00:00:00Z') p(e bigint, id text);
SET datom.as_of = '2011-06-01T00:00:00Z';
SELECT count(*), count(n), sum(amount) FROM datom.entities('pur', '{:p/amount,:x/n}') p(e bigint, amount numeric, n bigint);
SELECT count(*), count(n), sum(amount) FROM datom.entities('pur', '{:p/amount,:x/n}', :tx2013) p(e bigint, amount numeric, n bigint);
RESET datom.as_of;

--
-- in FROM it is a scan
--
SELECT plan($$SELECT * FROM datom.entities('pur', '{:p/id,:p/amount}') p(e bigint, id text, amount numeric)$$);
SELECT plan($$SELECT amount FROM datom.entities('pur', '{:p/id,:p/amount,:x/note}') p(e bigint, id text, amount numeric, note text) WHERE id IS NOT NULL AND amount > 5$$);
SELECT plan($$SELECT * FROM datom.entities('pur', '{:p/id,:p/amount}') AS entities(e bigint, id text, amount numeric) WHERE id = 'p5' AND amount IS NOT NULL$$);
SELECT plan($$SELECT * FROM datom.entities('pur', '{:x/n,:p/id}', '2012-06-01T00:00:00Z'::timestamptz) p(e bigint, n bigint, id text) WHERE n = 7$$);
SELECT plan($$SELECT id FROM datom.entities('pur', '{:p/id}', now()) p(e bigint, id text) WHERE e = ANY ('{1001,1005}'::bigint[])$$);
SELECT plan($$SELECT id FROM datom.entities('pur', '{:p/id}') p(e bigint, id text) WHERE id IS NOT NULL ORDER BY e LIMIT 3$$);
SELECT plan($$SELECT id FROM datom.entities('pur', '{:p/id}') p(e bigint, id text) WHERE mod(e, 35) = 3$$);
SELECT plan($$SELECT p FROM datom.entities('pur', '{:p/id}') p(e bigint, id text) WHERE datom.shard(e, 3, 35)$$);
SELECT plan($$SELECT id FROM datom.entities('pur', '{:p/id}') p(e bigint, id text) WHERE id IS NOT NULL AND e < 1003$$, 'ANALYZE, COSTS off, TIMING off, SUMMARY off');
SELECT plan($$SELECT p.id, f.id, f.amount FROM datom.entities('pur', '{:p/id,:p/friend}') p(e bigint, id text, friend bigint) JOIN datom.entities('pur', '{:p/id,:p/amount}') f(e bigint, id text, amount numeric) ON f.e = p.friend
	WHERE p.id = 'p5' AND p.friend IS NOT NULL AND f.id IS NOT NULL AND f.amount IS NOT NULL$$);
SELECT plan($$SELECT a.id FROM datom.entities('pur', '{:p/id}', '2011-06-01T00:00:00Z'::text) a(e bigint, id text) JOIN datom.entities('pur', '{:p/id}') b(e bigint, id text) USING (e) WHERE mod(a.e, 5) = 1 AND a.id IS NOT NULL AND a.id <> b.id$$);
SELECT plan($$SELECT friend, count(*), sum(amount) FROM datom.entities('pur', '{:p/friend,:p/amount}') p(e bigint, friend bigint, amount numeric) WHERE friend IS NOT NULL AND amount > 3 GROUP BY friend$$);
SELECT plan($$SELECT id FROM datom.entities('pur', '{:p/id}') p(e bigint, id text) WHERE e < 1003$$, 'FORMAT yaml, COSTS off');
SELECT plan($$SELECT p.id FROM datom.entities('pur', '{:p/id}', '2011-06-01T00:00:00Z'::timestamptz) p(e bigint, id text) WHERE datom.shard(e)$$);
-- unless it cannot be
CREATE TABLE moments AS SELECT * FROM (VALUES (1, '2011-06-01T00:00:00Z'::timestamptz), (2, '2012-06-01T00:00:00Z'), (3, '2013-06-01T00:00:00Z')) m(i, at);
SELECT plan($$SELECT * FROM datom.entities('pur', '{:p/id}', clock_timestamp()) p(e bigint, id text)$$);
SELECT plan($$SELECT * FROM datom.entities('pur', '{:p/id}', (SELECT now())) p(e bigint, id text)$$);
SELECT plan($$SELECT * FROM datom.entities((SELECT 'pur'::regclass), '{:p/id}') p(e bigint, id text)$$);
SELECT plan($$SELECT * FROM moments m, datom.entities('pur', '{:p/id}', m.at) p(e bigint, id text)$$);
SELECT plan($$SELECT * FROM ROWS FROM (datom.entities('pur', '{:p/id}') AS (e bigint, id text)) WITH ORDINALITY$$);
SELECT plan($$SELECT * FROM ROWS FROM (datom.entities('pur', '{:p/id}') AS (e bigint, id text), generate_series(1, 2))$$);
SELECT plan($$SELECT * FROM datom.entities('pur', '{:p/id}') p(e bigint, id varchar)$$);
SET datom.enable_scan = off;
SELECT plan($$SELECT * FROM datom.entities('pur', '{:p/id}') p(e bigint, id text) WHERE id = 'p5'$$);
RESET datom.enable_scan;

-- as many entities as the rarest attribute that is required
SELECT datom.create('many');
SELECT datom.define_attribute('many', ':m/common', 'long') > 0, datom.define_attribute('many', ':m/rare', 'long') > 0;
INSERT INTO many (e, a, v) SELECT 1000 + i, ':m/common', i FROM generate_series(1, 30000) i;
INSERT INTO many (e, a, v) SELECT 1000 + i, ':m/rare', i FROM generate_series(1, 30000, 100) i;
VACUUM many;
SELECT q, expected(format($$SELECT * FROM datom.entities('many', '{:m/common,:m/rare}') m(e bigint, common bigint, rare bigint) WHERE %s$$, q)) BETWEEN least AND most AS right
	FROM (VALUES ('common IS NOT NULL', 25000, 35000), ('rare IS NOT NULL', 200, 5000), ('common IS NOT NULL AND rare IS NOT NULL', 200, 5000), ('common IS NOT NULL AND e = 1001', 1, 1), ('common IS NOT NULL AND mod(e, 100) = 1', 200, 400)) q (q, least, most);
-- a value is looked up by whatever order has it
SELECT plan($$SELECT * FROM datom.entities('many', '{:m/common,:m/rare}') m(e bigint, common bigint, rare bigint) WHERE common = 7$$);
DROP INDEX many_a_v_idx;
CREATE INDEX ON many USING datom_order (a, v) WITH (attributes = ':m/common');
SELECT plan($$SELECT * FROM datom.entities('many', '{:m/common,:m/rare}') m(e bigint, common bigint, rare bigint) WHERE common = 7$$);
SELECT * FROM datom.entities('many', '{:m/common,:m/rare}') m(e bigint, common bigint, rare bigint) WHERE common IN (1, 7) ORDER BY e;
-- workers
BEGIN;
SET LOCAL max_parallel_workers_per_gather = 2;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL datom.enable_aggregates = off;
SELECT plan($$SELECT count(*), sum(amount) FROM datom.entities('pur', '{:p/id,:p/amount}', '2012-06-01T00:00:00Z'::timestamptz) p(e bigint, id text, amount numeric) WHERE id IS NOT NULL$$);
SELECT count(*), sum(amount), count(p) FROM datom.entities('pur', '{:p/id,:p/amount}', '2012-06-01T00:00:00Z'::timestamptz) p(e bigint, id text, amount numeric) WHERE id IS NOT NULL;
SELECT plan($$SELECT count(*) FROM datom.entities('pur', '{:p/id}') p(e bigint, id text), moments m, datom.entities('pur', '{:p/id}', m.at) q(e bigint, id text) WHERE q.e = p.e$$);
ROLLBACK;

--
-- the same rows
--
CREATE VIEW now_and_then AS SELECT p.id, p.amount, q.amount AS before, p::text AS whole FROM datom.entities('pur', '{:p/id,:p/amount}') p(e bigint, id text, amount numeric)
	LEFT JOIN datom.entities('pur', '{:p/amount}', '2011-06-01T00:00:00Z'::timestamptz) q(e bigint, amount numeric) USING (e);
CREATE VIEW barred WITH (security_barrier) AS SELECT * FROM datom.entities('pur', '{:p/amount,:x/n}', '2012-06-01T00:00:00Z'::timestamptz) f(e bigint, amount numeric, n bigint) WHERE amount > 20;
CREATE FUNCTION at(x timestamptz) RETURNS TABLE (e bigint, id text) LANGUAGE sql STABLE AS $$ SELECT p.e, p.id FROM datom.entities('entity_scan.pur', '{:p/id}', x) p(e bigint, id text) $$;
SELECT q, s.* FROM unnest(ARRAY[
	'SELECT * FROM P', 'SELECT p FROM P', 'SELECT p::text, to_jsonb(p) FROM P', 'SELECT p.c, a, p FROM datom.entities(''pur'', ''{:p/id,:p/tags}'') p(a bigint, "b c" text, c text[])', 'SELECT count(*), count(p), count(p.*) FROM P',
	'SELECT sum(amount), count(*), max(id COLLATE "C") FROM P', 'SELECT sum(n), count(*) FROM P WHERE id IS NOT NULL', 'SELECT amount, count(*) FROM P GROUP BY amount HAVING count(*) > 1', 'SELECT DISTINCT tags FROM P', 'SELECT e FROM P ORDER BY e LIMIT 5',
	'SELECT note, count(*) FROM P WHERE note IS NOT NULL GROUP BY note', 'SELECT count(*) FROM P WHERE note IS NOT NULL AND n IS NULL', 'SELECT count(*) FROM P WHERE id IS NULL', 'SELECT count(p.e) FROM P WHERE tags IS NOT NULL AND e > 1100',
	'SELECT * FROM P WHERE amount IS NULL', 'SELECT * FROM P WHERE p IS NULL', 'SELECT * FROM P WHERE p IS NOT NULL', 'SELECT e FROM P WHERE p = ROW(1001::bigint, ''p1''::text, 1.0, ''{:t1}''::text[], NULL::text, 1::bigint)', 'SELECT p.e, (p).id FROM P WHERE note > ''a'' AND (p).id IS NOT NULL',
	'SELECT * FROM P WHERE id > ''p2'' COLLATE "C" AND '':all'' <> ALL (tags)', 'SELECT * FROM P WHERE e IN (1001, 1002, 1003)', 'SELECT * FROM P WHERE id = ANY (ARRAY[''p1'', ''p7'', NULL])', 'SELECT e, n FROM P WHERE n BETWEEN 3 AND 5 AND amount IS NOT NULL',
	'SELECT * FROM moments m LEFT JOIN P ON p.e = 1000 + m.i', 'SELECT m.i, p.id, p FROM moments m LEFT JOIN P ON p.e = 2000 + m.i', 'SELECT m.i, f.x, f FROM moments m LEFT JOIN (SELECT *, 1 AS x FROM P) f ON f.e = 1001', 'SELECT m.i, p.e FROM moments m LEFT JOIN P ON p.n = m.i AND p.id IS NOT NULL',
	'SELECT p, q FROM P FULL JOIN Q ON p.e = q.e AND p.amount = q.amount', 'SELECT q FROM P RIGHT JOIN Q ON p.e = q.e WHERE p.e IS NULL', 'SELECT * FROM Q WHERE NOT EXISTS (SELECT FROM P WHERE p.e = q.e AND p.tags IS NOT NULL)',
	'SELECT * FROM Q WHERE q.e IN (SELECT friend FROM datom.entities(''pur'', ''{:p/friend}'') f(e bigint, friend bigint))', 'SELECT *, (SELECT p.amount FROM P WHERE p.e = q.e) FROM Q', 'SELECT * FROM moments m, LATERAL (SELECT * FROM P WHERE p.e = 1000 + m.i OFFSET 0) x',
	'SELECT * FROM moments m, LATERAL (SELECT * FROM P WHERE p.n = m.i AND id IS NOT NULL) x', 'WITH w AS (SELECT * FROM P) SELECT * FROM w', 'WITH w AS MATERIALIZED (SELECT * FROM P) SELECT * FROM w a JOIN w b ON a.e = b.n + 1000',
	'SELECT * FROM P UNION ALL SELECT * FROM P', 'SELECT e FROM P EXCEPT SELECT e FROM Q', 'SELECT e FROM (SELECT e FROM P UNION ALL SELECT n FROM P) u WHERE e < 1005', 'SELECT e, rank() OVER (ORDER BY amount, e) FROM P',
	'SELECT * FROM P NATURAL JOIN Q', 'SELECT * FROM P JOIN Q USING (id, amount) WHERE p.e < 1010', 'SELECT row_number() OVER () > 0, f FROM (SELECT p AS f FROM P) s', 'SELECT * FROM P LIMIT 0', 'SELECT * FROM P WHERE false',
	'SELECT 1 FROM P', 'SELECT FROM P', 'SELECT FROM P WHERE id IS NOT NULL AND n IS NOT NULL', 'SELECT p FROM P, Q WHERE p.e = q.e AND p.e < 1005', 'SELECT (SELECT count(*) FROM P WHERE p.e <= m.i + 1000) FROM moments m', 'SELECT generate_series(1, 2), e FROM P WHERE e < 1010',
	'SELECT * FROM now_and_then', 'SELECT id, whole FROM now_and_then WHERE amount > 5', 'SELECT * FROM barred WHERE e % 2 = 0 AND n IS NOT NULL', 'SELECT * FROM at(''2012-06-01T00:00:00Z'') WHERE id < ''p3''', 'SELECT m.i, a.* FROM moments m, at(m.at) a',
	'SELECT m.i, a.* FROM moments m, datom.entities(''pur'', ''{:p/amount}'', m.at) a(e bigint, amount float8) WHERE a.e = 1005', 'SELECT * FROM ROWS FROM (datom.entities(''pur'', ''{:p/id}'') AS (e bigint, id text)) WITH ORDINALITY', 'SELECT * FROM at(NULL) WHERE false']) q,
	same(regexp_replace(regexp_replace(q, '\mP\M', 'datom.entities(''pur'', ''{:p/id,:p/amount,:p/tags,:x/note,:x/n}'') p(e bigint, id text, amount numeric, tags text[], note text, n bigint)', 'g'),
		'\mQ\M', 'datom.entities(''pur'', ''{:p/id,:p/amount}'', ''2011-06-01T00:00:00Z''::timestamptz) q(e bigint, id text, amount numeric)', 'g')) s;

-- commands
CREATE TABLE copy AS SELECT f.*, f::text AS whole FROM datom.entities('pur', '{:p/id,:p/amount}', '2011-06-01T00:00:00Z'::timestamptz) f(e bigint, id text, amount numeric) WHERE e < 1010;
INSERT INTO copy (e, amount, whole) SELECT f.e, f.amount, f::text FROM datom.entities('pur', '{:p/id,:p/amount}') f(e bigint, id text, amount numeric) WHERE e = 1011 RETURNING whole;
UPDATE copy c SET amount = f.amount, whole = f::text FROM datom.entities('pur', '{:p/id,:p/amount}') f(e bigint, id text, amount numeric) WHERE f.e = c.e AND c.e < 1003 AND f.id IS NOT NULL RETURNING c.e, c.amount, c.whole;
DELETE FROM copy c USING datom.entities('pur', '{:p/id}') f(e bigint, id text) WHERE f.e = c.e AND f.id = 'three' RETURNING c.e, f.id;
SELECT f.e FROM copy c, datom.entities('pur', '{:p/id}') f(e bigint, id text) WHERE f.e = c.e AND c.e = 1006 FOR UPDATE;
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM datom.entities('pur', '{:p/id}') f(e bigint, id text) WHERE id IS NOT NULL ORDER BY e;
FETCH 1 FROM c;
INSERT INTO pur (e, a, v) VALUES (1002, ':p/id', 'changed'), (1003, ':p/tags', datom.keyword(':own'));
FETCH 1 FROM c;
SELECT e, id, tags FROM datom.entities('pur', '{:p/id,:p/tags}') f(e bigint, id text, tags text[]) WHERE id IS NOT NULL AND e BETWEEN 1002 AND 1003 ORDER BY e;
SELECT count(*) FROM datom.entities('pur', '{:p/tags}') f(e bigint, tags text[]) WHERE tags IS NOT NULL AND tags @> '{:own}';
ROLLBACK;

--
-- plans that are kept
--
CREATE TABLE other AS SELECT 1 AS e;
SELECT datom.create('kept');
SELECT datom.define_attribute('kept', ':k/id', 'string') > 0;
INSERT INTO kept (e, a, v) VALUES (1001, ':k/id', 'one'), (1002, ':k/id', 'two');
PREPARE at_moment(timestamptz, bigint) AS SELECT id, amount FROM datom.entities('pur', '{:p/id,:p/amount}', $1) p(e bigint, id text, amount numeric) WHERE e = $2;
PREPARE at_table(regclass) AS SELECT count(*) FROM datom.entities($1, '{:k/id}') p(e bigint, id text);
PREPARE kept AS SELECT * FROM datom.entities('kept', '{:k/id,:k/later}') p(e bigint, id text, later text) ORDER BY e;
PREPARE in_force AS SELECT count(*) FROM datom.entities('pur', '{:p/id}') p(e bigint, id text);
SET plan_cache_mode = force_generic_plan;
SELECT plan('EXECUTE at_moment(now(), 1)');
SELECT plan('EXECUTE at_table(''kept'')');
EXECUTE at_moment('2011-06-01T00:00:00Z', 1001);
EXECUTE at_moment('2012-06-01T00:00:00Z', 1001);
EXECUTE at_moment(NULL, 1001);
EXECUTE at_moment('2100-01-01T00:00:00Z', 1001);
EXECUTE at_table('kept');
EXECUTE at_table('other');
EXECUTE kept;
EXECUTE in_force;
-- the moment in force is that of each execution
SET datom.as_of = '2010-06-01T00:00:00Z';
EXECUTE in_force;
RESET datom.as_of;
EXECUTE in_force;
CREATE FUNCTION count_at(x timestamptz) RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT count(*) FROM datom.entities('pur', '{:p/id}', x) p(e bigint, id text)); END $$;
SELECT i, count_at(at) FROM moments ORDER BY i;
-- an attribute is defined that the column can show, and one that it cannot
SELECT datom.define_attribute('kept', ':k/later', 'string') > 0;
INSERT INTO kept (e, a, v) VALUES (1001, ':k/later', 'later');
EXECUTE kept;
SELECT tx > 0 FROM datom.transact('kept', '[[:db/add :k/later :db/cardinality :db.cardinality/many]]');
EXECUTE kept;
-- orders go and come
DROP INDEX kept_a_e_idx, kept_e_a_idx;
EXECUTE at_table('kept');
-- the table goes, and another has its name
DROP TABLE kept;
EXECUTE kept;
SELECT datom.create('kept');
SELECT datom.define_attribute('kept', ':k/id', 'string') > 0;
INSERT INTO kept (e, a, v) VALUES (1001, ':k/id', 'another');
EXECUTE kept;
RESET plan_cache_mode;

--
-- rights are the caller's, to the datom table
--
CREATE ROLE regress_scan_reader;
CREATE ROLE regress_scan_nobody;
GRANT USAGE ON SCHEMA entity_scan TO regress_scan_reader, regress_scan_nobody;
GRANT SELECT ON pur TO regress_scan_reader;
GRANT SELECT ON now_and_then TO regress_scan_nobody;
GRANT SELECT (e, a, v) ON pur TO regress_scan_nobody;
PREPARE ids AS SELECT count(*) FROM datom.entities('pur', '{:p/id}') p(e bigint, id text) WHERE id IS NOT NULL;
CREATE FUNCTION ask(way text, question text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE answer text;
BEGIN
	PERFORM set_config('datom.enable_scan', way, true);
	answer := entity_scan.try(question);
	RETURN way || ': ' || answer;
END $$;
EXECUTE ids;
SET ROLE regress_scan_reader;
SELECT ask(way, q) FROM unnest(ARRAY['SELECT count(*) FROM datom.entities(''entity_scan.pur'', ''{:p/id}'') p(e bigint, id text)', 'SELECT count(*) FROM entity_scan.at(now())']) q, unnest('{on,off}'::text[]) way;
EXECUTE ids;
SET ROLE regress_scan_nobody;
SELECT ask(way, q) FROM unnest(ARRAY['SELECT count(*) FROM datom.entities(''entity_scan.pur'', ''{:p/id}'') p(e bigint, id text)', 'SELECT count(*) FROM entity_scan.now_and_then']) q, unnest('{on,off}'::text[]) way;
EXECUTE ids;
EXPLAIN (COSTS off) SELECT count(*) FROM datom.entities('pur', '{:p/id}') p(e bigint, id text) WHERE id IS NOT NULL;
RESET ROLE;
EXECUTE ids;
BEGIN;
REVOKE EXECUTE ON FUNCTION datom.entities(regclass, datom.attribute[]) FROM PUBLIC;
SET LOCAL ROLE regress_scan_reader;
SELECT ask(way, 'SELECT count(*) FROM datom.entities(''entity_scan.pur'', ''{:p/id}'') p(e bigint, id text)') FROM unnest('{on,off}'::text[]) way;
EXECUTE ids;
ROLLBACK;
BEGIN;
ALTER TABLE pur ENABLE ROW LEVEL SECURITY;
SET LOCAL ROLE regress_scan_reader;
SELECT ask(way, 'SELECT count(*) FROM datom.entities(''entity_scan.pur'', ''{:p/id}'') p(e bigint, id text)') FROM unnest('{on,off}'::text[]) way;
EXECUTE ids;
ROLLBACK;

--
-- errors
--
SELECT q, try(q) FROM unnest(ARRAY['SELECT * FROM datom.entities(''pur'', ''{:p/id,:p/amount}'') p(e bigint, id text)', 'SELECT * FROM datom.entities(''pur'', ''{:p/id}'') p(e bigint, id text, amount numeric)', 'SELECT * FROM datom.entities(''pur'', ''{:p/id}'') p(e int, id text)',
	'SELECT * FROM datom.entities(''pur'', ''{:p/id}'') p(e bigint, id varchar)', 'SELECT * FROM datom.entities(''pur'', ''{:p/amount}'') p(e bigint, amount numeric(2, 1)) WHERE amount > 99', 'SELECT * FROM datom.entities(''pur'', ''{:p/amount}'') p(e bigint, amount text)',
	'SELECT * FROM datom.entities(''pur'', ''{:p/tags}'') p(e bigint, tags text)', 'SELECT * FROM datom.entities(''pur'', ''{:x/n}'') p(e bigint, n bigint[])', 'SELECT * FROM datom.entities(''pur'', ''{:x/n}'') p(e bigint, n timestamptz(3))',
	'SELECT * FROM datom.entities(''pur'', ''{:p/id,NULL}'') p(e bigint, id text, x text)', 'SELECT * FROM datom.entities(''pur'', NULL) p(e bigint)', 'SELECT * FROM datom.entities(NULL, ''{:p/id}'') p(e bigint, id text)',
	'SELECT * FROM datom.entities(''pur'', ''{p/id}'') p(e bigint, id text)', 'SELECT * FROM datom.entities(''moments'', ''{:p/id}'') p(e bigint, id text)', 'SELECT * FROM datom.entities(0, ''{:p/id}'') p(e bigint, id text)',
	'SELECT * FROM datom.entities(''pur'', ''{:p/id}'', NULL::text) p(e bigint, id text)', 'SELECT * FROM datom.entities(''pur'', ''{:p/id}'', ''yesterday''::text) p(e bigint, id text)', 'SELECT * FROM datom.entities(''pur'', ''{:p/id}'', 0) p(e bigint, id text)',
	'SELECT * FROM datom.entities(''pur'', ''{:p/id}'', ''2100-01-01T00:00:00Z''::timestamptz) p(e bigint, id text)', 'SELECT * FROM datom.entities(''pur'', ''{:p/id}'')', 'SELECT datom.entities(''pur'', ''{:p/id}'')']) q;
DROP SCHEMA entity_scan CASCADE;
DROP ROLE regress_scan_reader, regress_scan_nobody;
