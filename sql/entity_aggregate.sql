--
-- aggregates computed inside the scan of an entity table
--
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
\pset null ~
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET client_min_messages = warning;
SET max_parallel_workers_per_gather = 0;
CREATE SCHEMA entity_aggregate;
SET search_path = entity_aggregate;

CREATE FUNCTION try(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE answer text;
BEGIN
	EXECUTE query INTO answer;
	RETURN answer;
EXCEPTION WHEN OTHERS THEN
	RETURN sqlstate || ' ' || sqlerrm;
END $$;
-- a plan without what depends on the orders there are
CREATE FUNCTION plan(query text, options text DEFAULT 'COSTS off') RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
	FOR line IN EXECUTE format('EXPLAIN (%s) %s', options, query) LOOP
		IF line !~ '^ *(Order|Blocks Read|Blocks Skipped|Tail Rows|Basis|Batches|Sort Method)\M' THEN
			RETURN NEXT line;
		END IF;
	END LOOP;
END $$;
-- is it computed in the scan, is it the same without, and what is it?
CREATE FUNCTION ask(query text, OUT scans bigint, OUT same boolean, OUT answer text) LANGUAGE plpgsql AS $$
DECLARE
	rows constant text := format('SELECT string_agg(r::text, '' '' ORDER BY r::text COLLATE "C") FROM (%s) r', query);
	slow text;
BEGIN
	SELECT count(*) INTO scans FROM plan(query) p WHERE p ~ 'DatomAggregate';
	answer := try(rows);
	SET LOCAL datom.enable_aggregates = off;
	slow := try(rows);
	RESET datom.enable_aggregates;
	same := slow IS NOT DISTINCT FROM answer;
END $$;

SELECT datom.create('pur');
SELECT count(datom.define_attribute('pur', a, t, c)) FROM (VALUES
	(':p/id'::datom.attribute, 'string', 'one'), (':p/amount', 'bigdec', 'one'), (':p/price', 'bigdec', 'one'),
	(':p/number', 'long', 'one'), (':p/weight', 'double', 'one'), (':p/kind', 'keyword', 'one'), (':p/day', 'date', 'one'),
	(':p/at', 'instant', 'one'), (':p/ok', 'boolean', 'one'), (':p/who', 'ref', 'one'), (':p/key', 'uuid', 'one'),
	(':p/raw', 'bytes', 'one'), (':p/more', 'json', 'one'), (':p/tags', 'keyword', 'many')) attribute(a, t, c);
CREATE FOREIGN TABLE p (e bigint, id text, amount numeric, price numeric(7,2), number bigint, weight float8, kind text,
	day date, at timestamptz, ok boolean, who bigint, key uuid, raw bytea, more jsonb, tags text[])
	SERVER datom OPTIONS (db 'pur', namespace 'p', key ':p/id');

-- nothing is there
SELECT * FROM ask('SELECT count(*), count(amount), sum(amount), avg(number), min(day), max(id), sum(weight) FROM p');
SELECT * FROM ask('SELECT kind, count(*) FROM p GROUP BY kind');
SELECT * FROM ask('SELECT count(*) FROM p HAVING count(*) > 0');

INSERT INTO pur (e, a, v) SELECT 1000 + i, ':p/id', 'pur-' || i FROM generate_series(1, 12) i;
INSERT INTO pur (e, a, v) SELECT 1000 + i, ':p/amount', (i * 10)::numeric FROM generate_series(1, 4) i;
INSERT INTO pur (e, a, v) VALUES (1005, ':p/amount', 1.5), (1006, ':p/amount', -2.250), (1007, ':p/amount', 1.50),
	(1008, ':p/amount', 10::numeric ^ 45 + 0.001), (1009, ':p/amount', -(10::numeric ^ 45)), (1010, ':p/amount', 9223372036854775807);
INSERT INTO pur (e, a, v) SELECT 1000 + i, ':p/price', i * 1.2345 FROM generate_series(1, 9) i;
INSERT INTO pur (e, a, v) SELECT 1000 + i, ':p/number', 9223372036854775807 - i % 3 FROM generate_series(1, 10) i;
INSERT INTO pur (e, a, v) SELECT 1000 + i, ':p/weight', i / 4.0::float8 FROM generate_series(1, 10) i;
INSERT INTO pur (e, a, v) SELECT 1000 + i, ':p/kind', datom.keyword((ARRAY[':online', ':store'])[1 + i % 2]) FROM generate_series(1, 11) i;
INSERT INTO pur (e, a, v) SELECT 1000 + i, ':p/day', date '2020-02-27' + i % 4 FROM generate_series(1, 10) i;
INSERT INTO pur (e, a, v) VALUES (1011, ':p/day', '-infinity'::date), (1012, ':p/day', 'infinity'::date),
	(1001, ':p/at', '-infinity'::timestamptz), (1002, ':p/at', 'infinity'::timestamptz), (1003, ':p/at', '2020-01-01'::timestamptz);
INSERT INTO pur (e, a, v) SELECT 1000 + i, ':p/ok', i % 3 = 0 FROM generate_series(1, 5) i;
INSERT INTO pur (e, a, v) SELECT 1000 + i, ':p/who', datom.ref(1001 + i % 2) FROM generate_series(1, 5) i;
INSERT INTO pur (e, a, v) SELECT 1000 + i, ':p/key', md5((i % 2)::text)::uuid FROM generate_series(1, 5) i;
INSERT INTO pur (e, a, v) SELECT 1000 + i, ':p/raw', decode('0' || i % 2, 'hex') FROM generate_series(1, 5) i;
INSERT INTO pur (e, a, v) SELECT 1000 + i, ':p/more', to_jsonb(i % 2) FROM generate_series(1, 5) i;
INSERT INTO pur (e, a, v) SELECT 1000 + i, ':p/tags', datom.keyword(':t' || i % 3) FROM generate_series(1, 5) i;
INSERT INTO pur (e, a, v) SELECT 1000 + i, ':p/tags', datom.keyword(':u') FROM generate_series(1, 3) i;

-- types
SELECT * FROM ask('SELECT count(*), count(1), count(e), count(amount), count(tags), count(more) FROM p');
SELECT * FROM ask('SELECT sum(amount), avg(amount), min(amount), max(amount) FROM p');
SELECT * FROM ask('SELECT sum(amount), avg(amount), min(amount), max(amount) FROM p WHERE e < 1008');
SELECT * FROM ask('SELECT sum(price), avg(price), min(price), max(price) FROM p');
SELECT * FROM ask('SELECT sum(number), avg(number), min(number), max(number) FROM p');
SELECT * FROM ask('SELECT sum(e), avg(e), min(e), max(e), sum(who), max(who) FROM p');
SELECT * FROM ask('SELECT sum(weight), avg(weight), min(weight), max(weight) FROM p');
SELECT * FROM ask('SELECT min(day), max(day), min(at), max(at) FROM p');
SELECT * FROM ask('SELECT min(id), max(id), min(kind), max(kind), min(tags), max(tags) FROM p');
SELECT c, a.* FROM unnest('{e,amount,price,number,weight,kind,day,at,ok,who,key,raw,more,tags}'::text[]) c,
	ask(format('SELECT %1$s, count(*), sum(e), sum(amount) FROM p GROUP BY %1$s', c)) a;

-- of equal values the last one stays, of equal keys the first one
SELECT * FROM ask('SELECT min(amount), max(amount) FROM p WHERE e IN (1005, 1007)');
SELECT * FROM ask('SELECT amount FROM p WHERE e IN (1005, 1007) GROUP BY amount');
SELECT * FROM ask('SELECT amount, kind, count(*) FROM p GROUP BY amount, kind');
INSERT INTO pur (e, a, v) VALUES (1011, ':p/weight', '-0'::float8), (1012, ':p/weight', '0'::float8);
SELECT * FROM ask('SELECT min(weight), sum(weight), avg(weight) FROM p WHERE weight = 0');
SELECT * FROM ask('SELECT weight, count(*) FROM p WHERE weight < 0.1 GROUP BY weight');
INSERT INTO pur (e, a, v) VALUES (1011, ':p/weight', 'NaN'::float8), (1012, ':p/weight', 'infinity'::float8);
SELECT * FROM ask('SELECT ok, min(weight), max(weight), sum(weight), avg(weight) FROM p GROUP BY ok');

-- errors of Postgres's own
INSERT INTO pur (e, a, v) VALUES (1011, ':p/weight', 1.5e308::float8), (1012, ':p/weight', 1.5e308::float8);
SELECT * FROM ask('SELECT sum(weight) FROM p');
SELECT * FROM ask('SELECT avg(weight) FROM p');
INSERT INTO pur (e, a, v) VALUES (1011, ':p/weight', 1::float8), (1012, ':p/weight', 1::float8);
INSERT INTO pur (e, a, v) VALUES (1012, ':p/price', 123456);
SELECT * FROM ask('SELECT sum(price) FROM p');
SELECT * FROM ask('SELECT count(*) FROM p WHERE price > 0');
INSERT INTO pur (e, a, v) VALUES (1012, ':p/price', 99999.994);
SELECT * FROM ask('SELECT sum(price) FROM p');
SELECT * FROM ask('SELECT 1 / (count(*) - 12) FROM p');

-- conditions, expressions, HAVING
SELECT * FROM ask('SELECT kind, number, count(*), sum(price) FROM p WHERE price > 2 OR ok IS NULL GROUP BY kind, number');
SELECT * FROM ask('SELECT kind || ''!'', sum(price) / count(*), coalesce(max(id), '''') FROM p GROUP BY kind HAVING count(*) > 1 AND max(id) > ''a''');
SELECT * FROM ask('SELECT count(*) FROM p HAVING sum(price) < 0');
SELECT * FROM ask('SELECT count(*) FROM p WHERE e % 5 = 2 AND id LIKE ''pur%''');
SELECT * FROM ask('SELECT count(*) FROM p WHERE tags @> ''{:u}'' AND kind = ANY (''{:online,:x}'')');
SELECT * FROM ask('SELECT count(*) FROM p WHERE e IN (SELECT who FROM p)');
SELECT * FROM ask('SELECT count(*) FROM p WHERE e NOT IN (SELECT who FROM p WHERE who IS NOT NULL)');
SELECT * FROM ask('SELECT x, (SELECT sum(price) FROM p WHERE number % 3 = x) FROM generate_series(0, 2) x');
SELECT * FROM ask('SELECT x, (SELECT sum(price) FROM p HAVING count(*) > x) FROM generate_series(11, 13) x');
SELECT * FROM ask('SELECT x FROM generate_series(0, 3) x WHERE EXISTS (SELECT kind FROM p WHERE number % 3 = x GROUP BY kind)');
SELECT * FROM ask('SELECT x, l.* FROM generate_series(0, 2) x, LATERAL (SELECT kind, count(*), max(e) + x FROM p WHERE number % 3 = x GROUP BY kind) l');
SELECT * FROM ask('SELECT count(*) FROM p UNION ALL SELECT sum(e) FROM p');
SELECT * FROM ask('SELECT a.kind, a.count, b.sum FROM (SELECT kind, count(*) FROM p GROUP BY kind) a JOIN (SELECT kind, sum(price) FROM p GROUP BY kind) b USING (kind)');
SELECT * FROM ask('SELECT kind, rank() OVER (ORDER BY sum(price)) FROM p GROUP BY kind');
SELECT * FROM ask('SELECT kind, generate_series(1, count(*) - 4) FROM p GROUP BY kind');
SELECT * FROM ask('SELECT DISTINCT count(*) FROM p GROUP BY kind');
SELECT kind, count(*) FROM p GROUP BY kind ORDER BY 2 DESC, 1 LIMIT 2;

SELECT * FROM ask('SELECT kind, count(*) FROM p GROUP BY kind HAVING sum(price) > (SELECT avg(price) FROM p WHERE e < 1005)');
SELECT * FROM ask('SELECT kind, count(*) FROM p GROUP BY kind HAVING EXISTS (SELECT 1 FROM p q WHERE q.kind = p.kind AND q.e % 1000 < sum(p.price))');
SELECT * FROM ask('SELECT count(*) FROM p WHERE amount > 1.4999 AND amount <= 30 AND number IS NOT NULL AND at IS NULL');
SELECT * FROM ask('SELECT count(*) FROM p WHERE amount < 1e300 AND amount > -1e300 AND amount <> ''NaN'' AND amount < ''infinity''');
SELECT * FROM ask('SELECT count(*), min(e) FROM p WHERE 1006 < e AND e % 2 = 1 AND e % 3 = 1');
SELECT * FROM ask('SELECT count(*) FROM p WHERE price = 1.23 OR price = 2.4690');
SELECT * FROM ask('SELECT count(*), max(price) FROM p WHERE price >= 2.469 AND price < 6.17');
SELECT * FROM ask('SELECT count(*) FROM p WHERE day > ''2020-02-28'' AND day < ''infinity'' AND number >= 9223372036854775806');

-- a collation in which other texts are equal
CREATE COLLATION either_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
INSERT INTO pur (e, a, v) SELECT 3000 + i, ':p/id', chr(CASE i % 2 WHEN 0 THEN 65 ELSE 97 END + i % 3) FROM generate_series(1, 6) i;
CREATE FOREIGN TABLE q (e bigint, id text COLLATE either_case) SERVER datom OPTIONS (db 'pur', namespace 'p', key ':p/id');
SELECT * FROM ask('SELECT id, count(*) FROM q WHERE e > 3000 GROUP BY id');
SELECT * FROM ask('SELECT count(*), min(id), max(id) FROM q WHERE id < ''C'' OR id = ''c''');
INSERT INTO pur (e, a, v, added) SELECT e, a, v, false FROM datom.as_of('pur') WHERE e > 3000;
DROP FOREIGN TABLE q;

-- what is left to Postgres
SELECT * FROM ask('SELECT count(*) FILTER (WHERE ok), count(DISTINCT kind) FROM p');
SELECT * FROM ask('SELECT sum(price + 1) FROM p');
SELECT * FROM ask('SELECT upper(kind), count(*) FROM p GROUP BY 1');
SELECT * FROM ask('SELECT kind, count(*) FROM p GROUP BY ROLLUP (kind)');
SELECT * FROM ask('SELECT string_agg(kind, '','' ORDER BY e), stddev(price), bool_or(ok) FROM p');
SELECT * FROM ask('SELECT count(*) FROM p WHERE tableoid = ''p''::regclass');
SELECT * FROM ask('SELECT count(*) FROM p a JOIN p b USING (e)');
SELECT * FROM ask('SELECT count(*) FROM p WHERE now() > ''2000-01-01'' AND (SELECT true)');
SELECT * FROM ask('SELECT count(NULL) FROM p');
SELECT * FROM ask('SELECT count(p) FROM p');

-- plans
SELECT plan('SELECT count(*), sum(price) FROM p');
SELECT plan('SELECT kind, ok, max(id) || kind FROM p WHERE price > 2 GROUP BY kind, ok HAVING count(*) > 1 ORDER BY kind', 'VERBOSE, COSTS off');
SELECT plan('SELECT kind, count(*) FROM p WHERE price > 2 GROUP BY kind', 'ANALYZE, COSTS off, TIMING off, SUMMARY off');
SELECT plan('SELECT x, (SELECT count(*) FROM p q WHERE number % 3 = x) FROM generate_series(0, 2) x', 'ANALYZE, COSTS off, TIMING off, SUMMARY off');

-- prepared, cursors
PREPARE prepared(bigint) AS SELECT kind, count(*), sum(price) FROM p WHERE number >= $1 AND e > $1 % 1001 GROUP BY kind ORDER BY kind;
SET plan_cache_mode = force_generic_plan;
EXECUTE prepared(0);
EXECUTE prepared(9223372036854775807);
EXECUTE prepared(NULL);
INSERT INTO pur (e, a, v) VALUES (2000, ':p/id', 'pur-2000'), (2000, ':p/number', 1);
EXECUTE prepared(0);
RESET plan_cache_mode;
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT kind, count(*) FROM p GROUP BY kind ORDER BY kind;
FETCH 2 FROM c;
INSERT INTO pur (e, a, v) VALUES (2001, ':p/id', 'pur-2001');
FETCH BACKWARD 1 FROM c;
FETCH ALL FROM c;
SELECT count(*) FROM p;
ROLLBACK;
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT count(*), sum(number) FROM p;
MOVE 1 FROM c;
FETCH BACKWARD 1 FROM c;
FETCH FORWARD 1 FROM c;
ROLLBACK;

-- the past
SELECT count(*) FROM p;
SELECT set_config('datom.as_of', (SELECT max(tx) - 1 FROM pur)::text, false) <> '';
EXECUTE prepared(0);
SELECT count(*) FROM p;
SET datom.as_of = 'garbage';
SELECT try('SELECT count(*) FROM p');
RESET datom.as_of;

-- merged
VACUUM pur;
SELECT * FROM ask('SELECT sum(amount), avg(price), min(day), max(id), sum(number) FROM p');
SELECT * FROM ask('SELECT kind, ok, count(*), sum(amount), avg(price), min(day), max(id) FROM p GROUP BY kind, ok');

-- blocks of decimals of different scales
SELECT datom.create('blocks');
SELECT count(datom.define_attribute('blocks', a, 'bigdec')) FROM unnest('{:d/n,:d/p}'::datom.attribute[]) a;
INSERT INTO blocks (e, a, v) SELECT 1000 + i, ':d/n', round(i % 7 - 3, (ARRAY[1, 0, 2])[1 + (i - 1) / 2048]) FROM generate_series(1, 6144) i;
INSERT INTO blocks (e, a, v) SELECT 1000 + i, ':d/p', round(i % 11 - 5, (i - 1) / 2048) FROM generate_series(1, 6144) i;
CREATE FOREIGN TABLE d (e bigint, n numeric, p numeric(9,3)) SERVER datom OPTIONS (db 'blocks', namespace 'd', key ':d/n');
VACUUM blocks;
SET enable_sort = off;
SELECT * FROM ask('SELECT count(*), sum(n), avg(n), min(n), max(n), sum(p), min(p) FROM d');
SELECT * FROM ask('SELECT count(*), sum(n), avg(n), min(n), max(n) FROM d WHERE e <= 5096');
SELECT * FROM ask('SELECT n, count(*), sum(n), avg(p), min(p), max(n) FROM d GROUP BY n');
SELECT * FROM ask('SELECT p, n, count(*), max(n) FROM d WHERE p > 3 GROUP BY p, n');
SELECT c, o, v, a.* FROM unnest('{n,p}'::text[]) c, unnest('{<,<=,=,>=,>,<>}'::text[]) o, unnest('{-1,-1.5,2,1.9999}'::text[]) v,
	ask(format('SELECT count(*), sum(n) FROM d WHERE %s %s %s', c, o, v)) a;
SELECT * FROM ask('SELECT e, n FROM d WHERE e % 2996 = 1001 GROUP BY e, n');
RESET enable_sort;
DROP FOREIGN TABLE d;
DROP TABLE blocks;

-- more groups than hash memory holds
INSERT INTO pur (e, a, v) SELECT 10000 + i, ':p/id', 'pur-' || i % 7 || i FROM generate_series(1, 3000) i;
INSERT INTO pur (e, a, v) SELECT 10000 + i, ':p/number', 3000 - i FROM generate_series(1, 3000) i;
VACUUM pur;
ANALYZE p;
SELECT * FROM ask('SELECT count(*), sum(s.count), count(s.number), max(s.count) FILTER (WHERE number IS NULL), max(s.count) FILTER (WHERE number = 0) FROM (SELECT number, count(*) FROM p GROUP BY number) s');
SELECT scans, same, length(answer) FROM ask('SELECT id, e, count(*) FROM p GROUP BY id, e');
SET work_mem = 64;
SET hash_mem_multiplier = 1;
SELECT scans, same, length(answer) FROM ask('SELECT id, e, count(*) FROM p GROUP BY id, e');
SELECT scans, same, length(answer) FROM ask('SELECT count(*) FROM p');
RESET work_mem;
RESET hash_mem_multiplier;
SET datom.enable_aggregates = off;
SELECT plan('SELECT count(*) FROM p');
RESET datom.enable_aggregates;

-- rights
CREATE ROLE aggregate_reader;
GRANT USAGE ON SCHEMA entity_aggregate TO aggregate_reader;
SET ROLE aggregate_reader;
SELECT try('SELECT count(*) FROM p');
RESET ROLE;
CREATE VIEW seen AS SELECT kind, price FROM p;
GRANT SELECT ON seen TO aggregate_reader;
GRANT SELECT (kind) ON p TO aggregate_reader;
SET ROLE aggregate_reader;
SELECT try('SELECT count(price) FROM seen');
SELECT try('SELECT count(kind) FROM p');
SELECT try('SELECT sum(price) FROM p');
SELECT try('SELECT count(kind) FROM p WHERE price > 0');
RESET ROLE;
BEGIN;
REVOKE EXECUTE ON FUNCTION sum(numeric) FROM public;
SET LOCAL ROLE aggregate_reader;
SELECT try('SELECT sum(price) FROM seen');
ROLLBACK;
DROP VIEW seen;
REVOKE ALL ON p FROM aggregate_reader;
REVOKE ALL ON SCHEMA entity_aggregate FROM aggregate_reader;
DROP ROLE aggregate_reader;

DROP FOREIGN TABLE p;
DROP TABLE pur;
DROP SCHEMA entity_aggregate CASCADE;
