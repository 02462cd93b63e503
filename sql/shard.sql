--
-- Shards: which conditions reach the scan, and what they select
--
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
SET timezone = 'UTC';
SET client_min_messages = warning;
SET max_parallel_workers_per_gather = 0;
CREATE SCHEMA shard;
SET search_path = shard;

-- what a plan says of shards
CREATE FUNCTION shards(query text, options text DEFAULT 'COSTS off') RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
	FOR line IN EXECUTE format('EXPLAIN (%s) %s', options, query) LOOP
		IF line ~ '(Scan|Shard|Filter)\M' THEN
			RETURN NEXT line;
		END IF;
	END LOOP;
END $$;
-- the answer of a query, or SQLSTATE and message
CREATE FUNCTION try(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE answer text;
BEGIN
	EXECUTE query INTO answer;
	RETURN answer;
EXCEPTION WHEN OTHERS THEN
	RETURN sqlstate || ' ' || sqlerrm;
END $$;
-- does a condition reach the scan, and are the rows those of a function scan?
-- Entities of transactions are negative, and have other numbers each time.
CREATE FUNCTION taken(condition text, OUT shard text, OUT positive bigint, OUT same boolean) LANGUAGE plpgsql AS $$
DECLARE
	query constant text := format('SELECT count(*) FILTER (WHERE e > 0), concat(count(*), '' '', sum(e), '' '', sum(e::numeric * tx)) FROM datom.as_of(''pur'') d WHERE %s', condition);
	fast text;
	slow text;
	slow_rows bigint;
BEGIN
	SELECT substring(s FROM 'Shard: (.*)') INTO shard FROM shards(query) s WHERE s ~ 'Shard:';
	EXECUTE query INTO positive, fast;
	SET LOCAL datom.enable_scan = off;
	EXECUTE query INTO slow_rows, slow;
	RESET datom.enable_scan;
	same := (positive, fast) IS NOT DISTINCT FROM (slow_rows, slow);
END $$;
-- how many rows the planner expects of a query's first node
CREATE FUNCTION expected(query text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE plan json;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT json) ' || query INTO plan;
	RETURN plan -> 0 -> 'Plan' ->> 'Plan Rows';
END $$;

SELECT datom.create('pur');
SELECT datom.define_attribute('pur', ':p/amount', 'long') > 0 AS defined;
INSERT INTO pur (e, a, v) SELECT 1000 + i, ':p/amount', i FROM generate_series(1, 1000) i;
INSERT INTO pur (e, a, v) VALUES (-datom.current_tx(), ':p/amount', 1);
INSERT INTO pur (e, a, v) VALUES (-datom.current_tx(), ':p/amount', 2);
VACUUM ANALYZE pur;
INSERT INTO pur (e, a, v) VALUES (1001, ':p/amount', 5), (2001, ':p/amount', 6), (-datom.current_tx(), ':p/amount', 3);

-- conditions that are shards
SELECT c, t.* FROM unnest(ARRAY['mod(e, 7) = 3', '3 = mod(e, 7)', 'e % 7 = 3', '3 = e % 7', 'mod(e, 7::smallint) = 3::smallint', 'e % 7::bigint = 3::bigint',
	'3::bigint = e % 7', '3::smallint = e % 7', 'e % -7 = 3', 'e % 7 = -3', 'e % 7 = 0', 'e % 1 = 0', 'e % -1 = 0', 'e % 7 = 7', 'e % 7 = -9',
	'e % (-9223372036854775807 - 1) = 1003', 'e % 9223372036854775807 = 1003', 'e % 7 = NULL::bigint', 'e % NULL = 3',
	'datom.shard(e, 3, 7)', 'datom.shard(e, 0, 1)', 'datom.shard(e, 6, 7)', 'datom.shard(e, 3, 7) IS TRUE', 'e % 7 = 3 OR e IS NULL', 'e IS NULL OR datom.shard(e, 0, 7)',
	'mod(coalesce(e, 0), 7) = 3', 'coalesce(e, 0) % 7 = 0 OR e IS NULL', 'datom.shard(coalesce(e, 0), 3, 7)', 'e % 7 = (SELECT 3)', 'e % 7 = 1 + 2', 'e % 7 = 3 AND e % 11 = 5',
	'e % 7 = 3 AND e % 7 = 4', 'e % 7 = 3 AND e = 1004', 'e % 7 = 3 AND e = 1005', 'e % 7 = 3 AND a = '':p/amount''', 'e % 7 = 1 AND a = '':p/amount'' AND v = 6::datom.value']) c, taken(c) t;
-- and some that are not
SELECT c, t.shard, CASE WHEN c NOT LIKE '%tx%' THEN t.positive END, t.same FROM unnest(ARRAY['e % 7 <> 3', 'e % 7 > 3', 'mod(e + 1, 7) = 3', 'mod(7, e) = 0', 'tx % 7 = 3', 'datom.shard(tx, 3, 7)', 'mod(e, 7) = tx', 'mod(e, tx) = 0', 'NOT datom.shard(e, 3, 7)',
	'e % 7 = 3 OR e % 7 = 4', 'e % 7 = 3 OR a IS NULL', 'e % 7 = 3.0', 'e::numeric % 7 = 3', 'e::int % 7 = 3', 'e % 7 = (random() * 0)::int', 'e & 7 = 3']) c, taken(c) t;

-- what is wrong is an error where a row is there to be tested
SELECT c, try('SELECT count(*) FROM pur WHERE ' || c), try('SELECT count(*) FROM datom.as_of(''pur'') WHERE ' || c), try('SELECT count(*) FROM datom.as_of(''pur'', ''2000-01-01Z''::timestamptz) WHERE ' || c)
FROM unnest(ARRAY['e % 0 = 1', 'e % (SELECT 0) = 1', 'datom.shard(e, (SELECT 3), 3)', 'datom.shard(e, (SELECT -1), 3)', 'datom.shard(e, 0, (SELECT 0))', 'datom.shard(e, NULL, 3)', 'datom.shard(e, 0, NULL)']) c;

-- everywhere a table, or what holds, can stand
CREATE VIEW now AS SELECT e, v FROM datom.as_of('pur');
CREATE VIEW both_ AS SELECT e, v FROM now UNION ALL SELECT e, v FROM datom.history('pur') WHERE NOT added;
SELECT shards('SELECT * FROM pur WHERE e % 35 = 3');
SELECT shards('SELECT * FROM datom.since(''pur'', ''2020-01-01Z''::timestamptz) WHERE datom.shard(e, 3, 35)');
SELECT shards('SELECT * FROM datom.history(''pur'') h WHERE mod(h.e, 35) = 3');
SELECT shards('SELECT * FROM both_ b WHERE datom.shard(b.e, 3, 35)');
SELECT shards('SELECT * FROM (SELECT e, count(*) FROM now GROUP BY e) s WHERE datom.shard(e, 3, 35)');
SELECT shards('WITH s AS (SELECT * FROM now) SELECT * FROM s WHERE datom.shard(e, 3, 35)');
SELECT shards('SELECT * FROM now n JOIN pg_class c ON c.oid::bigint = n.e AND datom.shard(n.e, 3, 35)');
-- not through what must see all rows
SELECT shards('SELECT * FROM (SELECT e, rank() OVER (ORDER BY v) FROM now) s WHERE datom.shard(e, 3, 35)');
CREATE VIEW barred WITH (security_barrier) AS SELECT * FROM now WHERE v > 990::datom.value;
SELECT shards('SELECT * FROM barred WHERE e % 35 = 3');
SELECT shards('SELECT * FROM barred WHERE datom.shard(e, 3, 35)');

-- to what is joined by entity, if it can have no other row
CREATE FUNCTION joined(query text, OUT shards bigint, OUT same boolean) LANGUAGE plpgsql AS $$
DECLARE
	rows bigint;
	slow bigint;
BEGIN
	SELECT count(*) INTO shards FROM shards(query) s WHERE s ~ 'Shard: ';
	EXECUTE format('SELECT count(*) FROM (%s) q', query) INTO rows;
	SET LOCAL datom.enable_scan = off;
	EXECUTE format('SELECT count(*) FROM (%s) q', query) INTO slow;
	RESET datom.enable_scan;
	same := rows = slow;
END $$;
SELECT q, j.* FROM unnest(ARRAY['SELECT FROM now a JOIN pur b USING (e) WHERE datom.shard(e, 3, 7)', 'SELECT FROM now a JOIN now b ON a.e = b.e JOIN datom.history(''pur'') c ON c.e = b.e WHERE c.e % 7 = 3',
	'SELECT FROM now a, now b, now c WHERE a.e = b.e AND b.e = c.e AND a.e % 7 = 3 AND c.e % 5 = 2', 'SELECT FROM now a LEFT JOIN now b ON a.e = b.e WHERE b.e % 7 = 3', 'SELECT FROM now a WHERE EXISTS (SELECT FROM pur b WHERE b.e = a.e AND b.e % 7 = 3)',
	'SELECT FROM now a WHERE a.e IN (SELECT b.e FROM pur b WHERE b.e % 7 = 3)', 'SELECT FROM (SELECT e FROM now GROUP BY e) a JOIN pur b USING (e) WHERE datom.shard(e, 3, 7)', 'SELECT FROM now a JOIN pur b ON a.e = b.e AND datom.shard(b.e, 3, (SELECT 7))']) q, joined(q) j;
SELECT q, j.* FROM unnest(ARRAY['SELECT FROM now a LEFT JOIN now b ON a.e = b.e WHERE a.e % 7 = 3', 'SELECT FROM now a LEFT JOIN now b ON a.e = b.e AND b.e % 7 = 3', 'SELECT FROM now a FULL JOIN pur b ON a.e = b.e AND b.e % 7 = 3',
	'SELECT FROM now a WHERE NOT EXISTS (SELECT FROM pur b WHERE b.e = a.e AND b.e % 7 = 3)', 'SELECT FROM now a JOIN pur b ON a.e = b.e + 1 AND b.e % 7 = 3', 'SELECT FROM pur x LEFT JOIN (now a JOIN pur b USING (e)) ON x.e = a.e AND a.e % 7 = 3',
	'SELECT FROM now a JOIN pur b ON a.e = b.tx AND b.e % 7 = 3', 'SELECT FROM now a JOIN pg_class c ON c.oid::bigint = a.e AND c.oid::bigint % 7 = 3', 'SELECT FROM pur a JOIN pur b USING (e) WHERE datom.shard(b.e, 3, abs(a.tx) + 4)']) q, joined(q) j;

-- parameters
PREPARE part(bigint, int) AS SELECT count(*) FILTER (WHERE e > 0), max(e), count(*) FROM datom.as_of('pur') WHERE mod(e, $2) = $1 AND tx > 0;
PREPARE shard(bigint, int) AS SELECT count(*), min(e), max(e) FROM now WHERE datom.shard(e, $1, $2) AND e > 0;
SET plan_cache_mode = force_custom_plan;
SELECT shards('EXECUTE part(3, 35)'), shards('EXECUTE shard(3, 35)');
EXECUTE part(3, 35);
EXECUTE shard(3, 35);
SET plan_cache_mode = force_generic_plan;
SELECT shards('EXECUTE part(3, 35)'), shards('EXECUTE shard(3, 35)');
SELECT shards('EXECUTE part(3, 35)', 'ANALYZE, COSTS off, TIMING off, SUMMARY off');
EXECUTE part(3, 35);
EXECUTE part(-1, 1);
EXECUTE part(NULL, 2);
EXECUTE part(1, 0);
EXECUTE shard(3, 35);
EXECUTE shard(35, 35);
RESET plan_cache_mode;
CREATE FUNCTION part(i int, n int) RETURNS bigint LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN (SELECT count(*) FROM pur WHERE e % n = i); END $$;
SELECT sum(part(i, 4)), sum(part(i, 4)) FILTER (WHERE abs(i) = 4) FROM generate_series(-4, 4) i;

-- what is expected: the Nth part
SELECT n, expected(format('SELECT * FROM pur WHERE e %% %s = 0', n)) AS table_, expected(format('SELECT * FROM pur WHERE datom.shard(e, 0, %s)', n)) AS shard,
	expected(format('SELECT * FROM datom.as_of(''pur'') WHERE e %% %s = 0', n)) AS now, expected(format('SELECT * FROM now WHERE datom.shard(e, 0, %s)', n)) AS view_
FROM unnest(ARRAY[1, 2, 10, 100]) n;
SET datom.enable_scan = off;
SELECT expected('SELECT * FROM pur WHERE datom.shard(e, 0, 10)');
RESET datom.enable_scan;
SET datom.shard = '1/10';
SELECT expected('SELECT * FROM pur WHERE datom.shard(e)'), expected('SELECT * FROM now WHERE datom.shard(e)');
RESET datom.shard;
SELECT expected('SELECT * FROM pur WHERE datom.shard(e)'), expected('SELECT * FROM now WHERE datom.shard(e)');

-- the session's shard
CREATE VIEW base AS SELECT e, v FROM datom.as_of('pur') WHERE datom.shard(e) AND e > 0;
PREPARE base AS SELECT count(*), count(*) FILTER (WHERE NOT datom.shard(e, 3, 35)) FROM base;
EXECUTE base;
SET datom.shard = '3/35';
EXECUTE base;
SELECT shards('SELECT * FROM base');
SELECT datom.shard(3), datom.shard(-32), datom.shard(NULL), datom.shard(4);
SELECT shards('SELECT * FROM base WHERE datom.shard(e, 2, 4)');
SET datom.shard = '0/1';
EXECUTE base;
SELECT datom.shard(NULL), datom.shard(5);
SET datom.shard = '';
EXECUTE base;
SELECT shards('SELECT * FROM base WHERE datom.shard(e, 2, 4)', 'ANALYZE, COSTS off, TIMING off, SUMMARY off');
-- what is no shard is an error when it is used, and never all of them
SELECT setting, set_config('datom.shard', setting, false) IS NOT NULL, try('SELECT count(*) FROM base'), try('SELECT datom.shard(1)')
FROM unnest(ARRAY['3', '3/', '/3', '3/3', '-1/3', '0/0', '1/-3', ' 1/3', '1 /3', '1/3 ', '+1/3', 'x', '1/3/4', '0x1/3', '99999999999999999999/3', '1/99999999999999999999', '8/9223372036854775807']) setting;
SET datom.shard = 'half';
SELECT count(*) FROM base;
SELECT shards('SELECT * FROM base');
RESET datom.shard;

-- conditions for whoever reads in parts
SELECT datom.shard_predicates(3);
SELECT datom.shard_predicates(2, 'Entity No');
SELECT datom.shard_predicates(1, 'select');
SELECT datom.shard_predicates(NULL), datom.shard_predicates(2, NULL);
SELECT try('SELECT datom.shard_predicates(0)'), try('SELECT datom.shard_predicates(-1)');
CREATE TABLE numbers AS SELECT * FROM unnest(ARRAY[NULL, -9223372036854775807 - 1, -36, -35, -1, 0, 1, 34, 35, 9223372036854775807]) "E";
CREATE FUNCTION in_parts(n int, OUT rows bigint, OUT entities bigint) LANGUAGE plpgsql AS $$
DECLARE predicate text;
BEGIN
	CREATE TEMPORARY TABLE met (e bigint) ON COMMIT DROP;
	FOREACH predicate IN ARRAY datom.shard_predicates(n, 'E') LOOP
		EXECUTE 'INSERT INTO met SELECT "E" FROM numbers WHERE ' || predicate;
	END LOOP;
	SELECT count(*), count(DISTINCT coalesce(e, 7)) INTO rows, entities FROM met;
END $$;
SELECT * FROM in_parts(1);
SELECT * FROM in_parts(2);
SELECT * FROM in_parts(35);

DROP SCHEMA shard CASCADE;
