--
-- Entity tables at other moments: the same rows, by a scan of the table or by the function
--
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
\pset null ~
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET client_min_messages = warning;
SET max_parallel_workers_per_gather = 0;
CREATE SCHEMA entities;
SET search_path = entities;

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
DECLARE answer text;
BEGIN
	EXECUTE query INTO answer;
	RETURN answer;
EXCEPTION WHEN OTHERS THEN
	RETURN sqlstate || ' ' || sqlerrm;
END $$;
-- how many scans of foreign tables and how many of functions, and do functions alone give the same rows?
CREATE FUNCTION same(query text, OUT scans int, OUT functions int, OUT same boolean, OUT rows bigint) LANGUAGE plpgsql AS $$
DECLARE
	digest constant text := 'SELECT md5(string_agg(r::text, chr(10) ORDER BY r::text)), count(*) FROM (%s) r';
	slow text;
	fast text;
	slow_rows bigint;
BEGIN
	SELECT count(*) FILTER (WHERE p ~ '(Foreign Scan|Aggregates)'), count(*) FILTER (WHERE p ~ '(Function Scan on entities_|ProjectSet)') INTO scans, functions FROM plan(query) p;
	EXECUTE format(digest, query) INTO fast, rows;
	SET LOCAL datom.enable_scan = off;
	EXECUTE format(digest, query) INTO slow, slow_rows;
	RESET datom.enable_scan;
	same := slow IS NOT DISTINCT FROM fast AND rows = slow_rows;
END $$;

SELECT datom.create('pur', true);
SELECT datom.import_tx('pur', '2010-01-01T00:00:00Z') IS NOT NULL, datom.define_attribute('pur', ':p/id', 'string', uniqueness => 'identity') > 0,
	datom.define_attribute('pur', ':p/amount', 'bigdec') > 0, datom.define_attribute('pur', ':p/tags', 'keyword', 'many') > 0, datom.define_attribute('pur', ':p/friend', 'ref') > 0;
CREATE FUNCTION said(year int, tx_data text) RETURNS bigint LANGUAGE sql AS $$
	SELECT tx FROM datom.transact('pur', format('[{:db/id "datomic.tx" :db/txInstant #inst "%s-01-01T00:00:00Z"} %s]', year, tx_data))
$$;
SELECT said(2011, string_agg(format('{:db/id %s :p/id "p%s" :p/amount %s.%sM :p/tags [:t%s :all] :p/friend %s}', 1000 + i, i, i % 10, i % 100, i % 3, 1001 + i % 7), ' ')) AS tx2011
	FROM generate_series(1, 300) i \gset
SELECT said(2012, string_agg(format('{:db/id %s :p/amount %sM}', 1000 + i, i), ' ')) AS tx2012 FROM generate_series(1, 100) i \gset
SELECT said(2013, string_agg(format('[:db/retract %s :p/tags :all]', 1000 + i), ' ') || ' {:p/id "new" :p/amount 1M} [:db/retractEntity 1009] [:db/retract 1010 :p/amount] [:db/retract 1003 :p/id] [:db/add 1003 :p/id "three"]') AS tx2013
	FROM generate_series(1, 5) i \gset
SELECT datom.live('pur');
VACUUM pur;
IMPORT FOREIGN SCHEMA pur FROM SERVER datom INTO entities OPTIONS (numeric '18,2');
CREATE FOREIGN TABLE friends (number bigint OPTIONS (attribute ':p/amount'), who text OPTIONS (attribute ':p/friend', identity ':p/id'), gone text OPTIONS (attribute ':p/id'), tags text[])
	SERVER datom OPTIONS (db 'entities.pur', namespace 'p', key 'any');
ALTER FOREIGN TABLE friends DROP COLUMN number, DROP COLUMN gone, ADD COLUMN amount numeric;
ANALYZE p;

--
-- moments
--
SELECT * FROM datom.entities_as_of(NULL::p, '2011-06-01T00:00:00Z'::timestamptz) WHERE id IN ('p1', 'p3', 'p9', 'p10', 'new', 'three') ORDER BY e;
SELECT * FROM datom.entities_as_of(NULL::p, :tx2012) WHERE id IN ('p1', 'p3', 'p9', 'p10', 'new', 'three') ORDER BY e;
SELECT * FROM datom.entities_as_of(NULL::p, '2013-01-01T00:00:00Z') WHERE id IN ('p1', 'p3', 'p9', 'p10', 'new', 'three') ORDER BY e;
SELECT * FROM datom.entities_as_of(NULL::friends, '2013-01-01T00:00:00Z'::timestamptz) f WHERE amount < 0.5 ORDER BY f;
SELECT * FROM datom.entities_since(NULL::p, :tx2012) ORDER BY e;
SELECT count(*) FROM datom.entities_as_of(NULL::p, '2010-06-01T00:00:00Z'::timestamptz);
SET datom.as_of = '2012-06-01T00:00:00Z';
SELECT count(*), count(id) FROM datom.entities_since(NULL::p, :tx2011);
SELECT count(*) FROM datom.entities_as_of(NULL::p, :tx2013);
RESET datom.as_of;

--
-- in FROM the table is scanned
--
SELECT plan($$SELECT * FROM datom.entities_as_of(NULL::p, '2011-06-01T00:00:00Z'::timestamptz) x WHERE e = 1005$$);
SELECT plan($$SELECT * FROM datom.entities_as_of(NULL::p, '2011-06-01T00:00:00Z'::timestamptz) x WHERE id = 'p5'$$);
SELECT plan($$SELECT id FROM datom.entities_since(NULL::p, now() - interval '1 year') WHERE mod(e, 35) = 3$$);
SELECT plan($$SELECT a.id, a.amount, b.amount FROM datom.entities_as_of(NULL::p, '2011-06-01T00:00:00Z'::text) a JOIN datom.entities_as_of(NULL::p, '2012-06-01T00:00:00Z'::text) b USING (id) WHERE a.e = 1005$$);
SELECT plan($$SELECT id FROM datom.entities_as_of(NULL::p, '2011-06-01T00:00:00Z'::timestamptz) x WHERE e < 1003$$, 'ANALYZE, COSTS off, TIMING off, SUMMARY off');
-- unless it cannot be
SELECT plan($$SELECT * FROM datom.entities_as_of(NULL::p, clock_timestamp())$$);
SELECT plan($$SELECT * FROM datom.entities_as_of((SELECT NULL::p), now())$$);
SELECT plan($$SELECT * FROM datom.entities_as_of(NULL::p, (SELECT now()))$$);
SELECT plan($$SELECT * FROM datom.entities_as_of(NULL::p, now()) WITH ORDINALITY$$);
SELECT plan($$SELECT * FROM ROWS FROM (datom.entities_as_of(NULL::p, now()), generate_series(1, 2))$$);
SELECT plan($$SELECT datom.entities_as_of(NULL::p, now())$$);
SELECT plan($$SELECT h.* FROM datom.entities_history(NULL::p) h$$);
SET datom.enable_scan = off;
SELECT plan($$SELECT * FROM datom.entities_as_of(NULL::p, now())$$);
RESET datom.enable_scan;

--
-- the same rows
--
CREATE VIEW before AS SELECT f.id, f.amount, f AS whole FROM datom.entities_as_of(NULL::p, '2011-06-01T00:00:00Z'::timestamptz) f;
CREATE VIEW friends_then AS SELECT f.*, f::text AS row FROM datom.entities_as_of(NULL::friends, '2011-06-01T00:00:00Z'::timestamptz) f;
CREATE VIEW barred WITH (security_barrier) AS SELECT * FROM datom.entities_since(NULL::p, '2011-06-01T00:00:00Z'::timestamptz) f WHERE amount > 20;
CREATE FUNCTION at(x timestamptz) RETURNS SETOF p LANGUAGE sql STABLE AS 'SELECT * FROM datom.entities_as_of(NULL::p, x)';
CREATE FUNCTION amounts_at(x timestamptz) RETURNS TABLE (id text, amount numeric) LANGUAGE sql STABLE BEGIN ATOMIC SELECT id, amount FROM at(x); END;
CREATE FUNCTION strictly(x timestamptz) RETURNS SETOF p LANGUAGE sql STABLE STRICT AS 'SELECT * FROM datom.entities_as_of(NULL::p, x)';
CREATE TABLE moments AS SELECT * FROM (VALUES (1, '2011-06-01T00:00:00Z'::timestamptz), (2, '2012-06-01T00:00:00Z'), (3, '2013-06-01T00:00:00Z')) m(i, at);
SELECT q, s.* FROM unnest(ARRAY[
	'SELECT * FROM AT', 'SELECT f FROM AT f', 'SELECT f::text FROM AT f', 'SELECT (f).id, f.*, to_jsonb(f) FROM AT f', 'SELECT f.c, a, f FROM AT f(a, b, c)', 'SELECT count(*), count(f), count(f.*) FROM AT f',
	'SELECT sum(amount), count(*), max(id COLLATE "C") FROM AT', 'SELECT amount, count(*) FROM AT GROUP BY amount HAVING count(*) > 1', 'SELECT DISTINCT tags FROM AT', 'SELECT e FROM AT ORDER BY e LIMIT 5',
	'SELECT * FROM AT WHERE amount IS NULL', 'SELECT * FROM AT f WHERE f IS NULL', 'SELECT * FROM AT f WHERE f IS NOT NULL', 'SELECT e FROM AT f WHERE f = ROW(1001, 1.10, 1002, ''p1'', ARRAY['':all'', '':t1''])::p',
	'SELECT * FROM AT WHERE id > ''p2'' COLLATE "C" AND ''all'' <> ALL (tags)', 'SELECT * FROM AT WHERE e IN (1001, 1002, 1003)', 'SELECT * FROM AT WHERE id = ANY (ARRAY[''p1'', ''p7'', NULL])',
	'SELECT * FROM moments m LEFT JOIN AT f ON f.e = 1000 + m.i', 'SELECT m.i, f.id, f FROM moments m LEFT JOIN AT f ON f.e = 2000 + m.i', 'SELECT m.i, f.x, f FROM moments m LEFT JOIN (SELECT *, 1 AS x FROM AT f) f ON f.e = 1001',
	'SELECT a, b FROM AT a FULL JOIN p b ON a.e = b.e AND a.amount = b.amount', 'SELECT b FROM AT a RIGHT JOIN p b ON a.e = b.e WHERE a.e IS NULL', 'SELECT * FROM p b WHERE NOT EXISTS (SELECT FROM AT a WHERE a.e = b.e)',
	'SELECT * FROM p b WHERE b.e IN (SELECT friend FROM AT)', 'SELECT *, (SELECT a.amount FROM AT a WHERE a.e = b.friend) FROM p b', 'SELECT * FROM moments m, LATERAL (SELECT * FROM AT f WHERE f.e = 1000 + m.i OFFSET 0) x',
	'SELECT * FROM moments m, LATERAL (SELECT * FROM AT f WHERE f.e = 1000 + m.i) x', 'WITH w AS (SELECT * FROM AT) SELECT * FROM w', 'WITH w AS MATERIALIZED (SELECT * FROM AT) SELECT * FROM w a JOIN w b ON a.e = b.friend',
	'SELECT * FROM AT UNION ALL SELECT * FROM p', 'SELECT e FROM AT EXCEPT SELECT e FROM p', 'SELECT e FROM (SELECT e FROM AT UNION ALL SELECT friend FROM AT) u WHERE e < 1005', 'SELECT e, rank() OVER (ORDER BY amount, e) FROM AT',
	'SELECT * FROM AT a NATURAL JOIN p b', 'SELECT * FROM AT a JOIN p b USING (id, amount) WHERE b.e < 1010', 'SELECT row_number() OVER () > 0, f FROM (SELECT f FROM AT f) s', 'SELECT * FROM AT LIMIT 0', 'SELECT * FROM AT WHERE false',
	'SELECT 1 FROM AT', 'SELECT FROM AT', 'SELECT a FROM AT a, AT b WHERE a.e = b.e AND a.e < 1005', 'SELECT (SELECT count(*) FROM AT f WHERE f.e <= m.i + 1000) FROM moments m', 'SELECT generate_series(1, 2), e FROM AT WHERE e < 1010']) q,
	same(regexp_replace(q, '\mAT\M', 'datom.entities_as_of(NULL::p, ''2011-06-01T00:00:00Z''::timestamptz)', 'g')) s;
SELECT q, s.* FROM unnest(ARRAY['SELECT * FROM before', 'SELECT id, whole FROM before WHERE amount > 5', 'SELECT (whole).* FROM before', 'SELECT * FROM friends_then', 'SELECT friends_then FROM friends_then WHERE who = ''p2''', 'SELECT * FROM barred WHERE e % 2 = 0',
	'SELECT * FROM at(''2012-06-01T00:00:00Z'')', 'SELECT f, id FROM at(''2012-06-01T00:00:00Z'') f WHERE e = 1005', 'SELECT * FROM amounts_at(''2012-06-01T00:00:00Z'') WHERE id < ''p3''', 'SELECT * FROM strictly(''2012-06-01T00:00:00Z'')',
	'SELECT m.i, a.* FROM moments m, at(m.at) a', 'SELECT m.i, a.* FROM moments m, datom.entities_as_of(NULL::p, m.at) a WHERE a.e = 1005', 'SELECT * FROM at(NULL) WHERE false',
	'SELECT * FROM datom.entities_as_of(NULL::friends, now())', 'SELECT f FROM datom.entities_as_of(NULL::friends, now()) f', 'SELECT f, f.who FROM moments m LEFT JOIN datom.entities_as_of(NULL::friends, now()) f ON f.amount = m.i + 4',
	'SELECT * FROM datom.entities_since(NULL::friends, ''2012-06-01T00:00:00Z''::timestamptz)', 'SELECT f FROM datom.entities_since(NULL::p, ''2012-06-01T00:00:00Z''::timestamptz) f', 'SELECT count(*), sum(amount) FROM datom.entities_since(NULL::p, ''2010-06-01T00:00:00Z''::timestamptz)',
	'SELECT h FROM datom.entities_history(NULL::p) h', 'SELECT datom.entities_as_of(NULL::p, m.at), m.i FROM moments m']) q, same(q) s;

-- commands
CREATE TABLE copy AS SELECT f.*, f AS whole FROM datom.entities_as_of(NULL::p, '2011-06-01T00:00:00Z'::timestamptz) f WHERE e < 1010;
INSERT INTO copy (e, amount, whole) SELECT f.e, f.amount, f FROM datom.entities_as_of(NULL::p, '2011-06-01T00:00:00Z'::timestamptz) f WHERE e = 1011 RETURNING whole;
UPDATE copy c SET amount = f.amount, whole = f FROM datom.entities_as_of(NULL::p, '2012-06-01T00:00:00Z'::timestamptz) f WHERE f.e = c.e AND c.e < 1003 RETURNING c.e, c.amount, c.whole;
DELETE FROM copy c USING datom.entities_since(NULL::p, '2012-06-01T00:00:00Z'::timestamptz) f WHERE f.e = c.e RETURNING c.e, f.id;
SELECT f.e FROM copy c, datom.entities_as_of(NULL::p, '2012-06-01T00:00:00Z'::timestamptz) f WHERE f.e = c.e AND c.e = 1006 FOR UPDATE;
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM datom.entities_as_of(NULL::p, '2012-06-01T00:00:00Z'::timestamptz) ORDER BY e;
FETCH 1 FROM c;
INSERT INTO pur (e, a, v) VALUES (1002, ':p/id', 'changed');
FETCH 1 FROM c;
SELECT id FROM p WHERE e = 1002;
ROLLBACK;

--
-- plans that are kept
--
CREATE FOREIGN TABLE r (e bigint, amount numeric(18, 2), id text) SERVER datom OPTIONS (db 'entities.pur', namespace 'p');
PREPARE at_moment(timestamptz, bigint) AS SELECT id, amount FROM datom.entities_as_of(NULL::r, $1) WHERE e = $2;
PREPARE rows AS SELECT count(f), count(f.amount) FROM datom.entities_as_of(NULL::r, '2012-06-01T00:00:00Z'::timestamptz) f;
SET plan_cache_mode = force_generic_plan;
SELECT plan('EXECUTE at_moment(now(), 1)');
EXECUTE at_moment('2011-06-01T00:00:00Z', 1001);
EXECUTE at_moment('2012-06-01T00:00:00Z', 1001);
EXECUTE at_moment(NULL, 1001);
EXECUTE at_moment('2100-01-01T00:00:00Z', 1001);
EXECUTE rows;
-- the table changes
ALTER FOREIGN TABLE r ADD COLUMN also text OPTIONS (attribute ':p/id');
EXECUTE rows;
EXECUTE at_moment('2012-06-01T00:00:00Z', 1001);
ALTER FOREIGN TABLE r ALTER amount TYPE numeric(18, 1);
EXECUTE at_moment('2011-06-01T00:00:00Z', 1099);
ALTER FOREIGN TABLE r ALTER amount TYPE float8;
EXECUTE at_moment('2012-06-01T00:00:00Z', 1001);
EXECUTE rows;
ALTER FOREIGN TABLE r ALTER amount TYPE numeric(18, 2);
EXECUTE at_moment('2012-06-01T00:00:00Z', 1001);
ALTER FOREIGN TABLE p ADD COLUMN also text OPTIONS (attribute ':p/id');
SELECT whole FROM before WHERE id = 'p1';
ALTER FOREIGN TABLE p DROP COLUMN also;
SELECT whole FROM before WHERE id = 'p1';
ALTER FOREIGN TABLE r DROP COLUMN also;
EXECUTE rows;
ALTER FOREIGN TABLE r RENAME TO q;
EXECUTE at_moment('2012-06-01T00:00:00Z', 1001);
ALTER FOREIGN TABLE q RENAME TO r;
-- and the moment is that of each execution
CREATE FUNCTION count_at(x timestamptz) RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT count(*) FROM datom.entities_as_of(NULL::r, x)); END $$;
SELECT i, count_at(at) FROM moments ORDER BY i;
RESET plan_cache_mode;

--
-- rights are the caller's
--
CREATE ROLE regress_entities_reader;
CREATE ROLE regress_entities_columns;
GRANT USAGE ON SCHEMA entities TO regress_entities_reader, regress_entities_columns;
GRANT SELECT ON before TO regress_entities_reader, regress_entities_columns;
GRANT SELECT (e, id) ON p, r TO regress_entities_columns;
CREATE FUNCTION ask(way text, question text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE answer text;
BEGIN
	PERFORM set_config('datom.enable_scan', way, true);
	answer := entities.try(question);
	RETURN way || ': ' || answer;
END $$;
SELECT plan('SELECT id FROM datom.entities_as_of(NULL::p, now())');
SET ROLE regress_entities_reader;
SELECT ask(way, q) FROM unnest(ARRAY['SELECT count(*) FROM datom.entities_as_of(NULL::entities.p, now())', 'SELECT count(*) FROM entities.before', 'SELECT count(*) FROM datom.entities_history(NULL::entities.p)']) q, unnest('{on,off}'::text[]) way;
EXPLAIN (COSTS off) SELECT count(*) FROM datom.entities_as_of(NULL::p, now());
EXECUTE rows;
RESET ROLE;
EXECUTE rows;
SET ROLE regress_entities_columns;
SELECT ask(way, 'SELECT count(e) FROM datom.entities_as_of(NULL::entities.p, now())') FROM unnest('{on,off}'::text[]) way;
EXECUTE rows;
RESET ROLE;
GRANT SELECT ON p, r TO regress_entities_reader;
SET ROLE regress_entities_reader;
SELECT ask(way, q) FROM unnest(ARRAY['SELECT count(*) FROM datom.entities_as_of(NULL::entities.p, now())', 'SELECT count(*) FROM entities.before', 'SELECT count(*) FROM datom.entities_history(NULL::entities.p)']) q, unnest('{on,off}'::text[]) way;
EXECUTE rows;
RESET ROLE;
BEGIN;
REVOKE EXECUTE ON FUNCTION datom.entities_as_of(anyelement, timestamptz) FROM PUBLIC;
SET LOCAL ROLE regress_entities_reader;
SELECT ask(way, 'SELECT count(*) FROM datom.entities_as_of(NULL::entities.p, now())') FROM unnest('{on,off}'::text[]) way;
EXECUTE rows;
ROLLBACK;
-- to the datom table they are those of the entity table's owner
BEGIN;
CREATE ROLE regress_entities_owner;
GRANT USAGE ON SCHEMA entities TO regress_entities_owner;
ALTER FOREIGN TABLE p OWNER TO regress_entities_owner;
SELECT ask(way, 'SELECT count(*) FROM datom.entities_as_of(NULL::p, now())') FROM unnest('{on,off}'::text[]) way;
SELECT ask('on', 'SELECT count(*) FROM datom.entities_history(NULL::p)');
ROLLBACK;

--
-- states
--
SELECT (entity).*, valid_from, valid_to FROM datom.entities_history(NULL::p) WHERE (entity).e IN (1001, 1003, 1009, 1010, 1200) ORDER BY 1, valid_from;
SELECT (entity).*, valid_from, valid_to FROM datom.entities_history(NULL::friends) WHERE (entity).amount < 6 AND (entity).who IN ('p3', 'three') ORDER BY entity, valid_from LIMIT 8;
-- those that hold at a moment are the rows then
SELECT i, count(*), count(*) FILTER (WHERE h.entity IS DISTINCT FROM p) FROM moments m, LATERAL (SELECT * FROM datom.entities_history(NULL::p) h WHERE h.valid_from <= m.at AND m.at < h.valid_to) h
	FULL JOIN LATERAL (SELECT p FROM datom.entities_as_of(NULL::p, m.at) p OFFSET 0) p ON (h.entity).e = (p.p).e GROUP BY i ORDER BY i;
SELECT m.i, (SELECT md5(string_agg(p::text, '' ORDER BY p)) FROM datom.entities_as_of(NULL::p, m.at) p) = (SELECT md5(string_agg(entity::text, '' ORDER BY entity)) FROM datom.entities_history(NULL::p) WHERE valid_from <= m.at AND m.at < valid_to) FROM moments m;
SET datom.as_of = '2012-06-01T00:00:00Z';
SELECT (entity).*, valid_from, valid_to FROM datom.entities_history(NULL::p) WHERE (entity).e IN (1003, 1009) ORDER BY 1, valid_from;
RESET datom.as_of;
-- what was said in this transaction has no instant yet
BEGIN;
INSERT INTO pur (e, a, v) VALUES (1009, ':p/id', 'again'), (1010, ':p/amount', 7::numeric);
SELECT (entity).*, valid_from, valid_to FROM datom.entities_history(NULL::p) WHERE (entity).e IN (1009, 1010) ORDER BY 1, valid_from;
SELECT count(*) FROM datom.entities_history(NULL::p) h FULL JOIN p ON h.entity = p WHERE coalesce(h.valid_to = 'infinity', false) IS DISTINCT FROM (p.e IS NOT NULL);
ROLLBACK;
-- as long as nothing that is shown changes
CREATE FOREIGN TABLE tenths (e bigint, amount numeric(18, 0)) SERVER datom OPTIONS (db 'entities.pur', namespace 'p', key ':p/id');
SELECT (entity).*, valid_from, valid_to FROM datom.entities_history(NULL::tenths) WHERE (entity).e IN (1001, 1002, 1006) ORDER BY 1, valid_from;

--
-- errors
--
SELECT q, try(q) FROM unnest(ARRAY['SELECT * FROM datom.entities_as_of(NULL::pg_class, now())', 'SELECT datom.entities_as_of(1, now())', 'SELECT datom.entities_history(NULL::moments)', 'SELECT datom.entities_since(NULL::text, now())',
	'SELECT * FROM datom.entities_as_of(NULL::p, NULL::text)', 'SELECT * FROM datom.entities_as_of(NULL::p, ''yesterday''::text)', 'SELECT * FROM datom.entities_as_of(NULL::p, 0)', 'SELECT count(*) FROM datom.entities_since(NULL::p, NULL::bigint)',
	'SELECT * FROM datom.entities_as_of(NULL::p, ''2100-01-01T00:00:00Z''::timestamptz)', 'SELECT datom.entities_at(1, false, 0, 1)']) q;
DROP SCHEMA entities CASCADE;
DROP ROLE regress_entities_reader, regress_entities_columns;
