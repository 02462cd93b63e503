--
-- Random numbers of entities, and samples
--
\pset format unaligned
\pset tuples_only on
CREATE SCHEMA random;
SET search_path = random;
SET max_parallel_workers_per_gather = 0;

-- SQLSTATE and message of what a query does
CREATE FUNCTION try(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE answer text;
BEGIN
	EXECUTE query INTO answer;
	RETURN answer;
EXCEPTION WHEN OTHERS THEN
	RETURN sqlstate || ' ' || sqlerrm;
END $$;
-- how many rows the planner expects of a query's first node
CREATE FUNCTION expected(query text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE plan json;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT json) ' || query INTO plan;
	RETURN plan -> 0 -> 'Plan' ->> 'Plan Rows';
END $$;

-- Random123's vector for the counter 0 and the key 0 begins 6627e8d5 e169c58d.
SELECT datom.random_number(0, 0), datom.random_number(0, 0) * 2 ^ 53 = (x'e169c58d'::bigint * 2 ^ 21 + (x'6627e8d5'::bigint >> 11));
-- These must never change: samples that were taken depend on them.
SELECT seed, e, datom.random_number(seed, e) FROM unnest(ARRAY[0, 1, -1, 7, 9223372036854775807, -9223372036854775807 - 1]) seed,
	unnest(ARRAY[0, 1, -1, 4294967296, 9223372036854775807, -9223372036854775807 - 1]) e;
SELECT datom.random_number(NULL, 1) IS NULL, datom.random_number(1, NULL) IS NULL;
SELECT provolatile, proparallel FROM pg_proc WHERE oid = 'datom.random_number'::regproc;

-- in rows
SELECT * FROM datom.random_numbers(5, 7);
SELECT count(*), bool_and(x = datom.random_number(42, i)), min(i), max(i), min(x) >= 0, max(x) < 1 FROM datom.random_numbers(1000, 42);
SELECT (SELECT count(*) FROM datom.random_numbers(0, 7)), (SELECT count(*) FROM datom.random_numbers(-3, 7)), (SELECT count(*) FROM datom.random_numbers(NULL, 7)),
	(SELECT count(*) FROM datom.random_numbers(3, NULL) WHERE x IS NULL);
SELECT n, (SELECT count(*) FROM datom.random_numbers(n, 7)), (SELECT sum(x) = sum(datom.random_number(n, i)) FROM datom.random_numbers(3, n)) FROM generate_series(1, 2) n;
-- one by one: as many as are wanted
SELECT * FROM datom.random_numbers(9223372036854775807, 7) LIMIT 2;
EXPLAIN (COSTS off) SELECT * FROM datom.random_numbers(1000000, 7) LIMIT 2;
SELECT expected('SELECT * FROM datom.random_numbers(1000000, 7)');

-- samples
SELECT count(*) FILTER (WHERE datom.sample(e, 0.1, 7)) AS tenth, count(*) FILTER (WHERE datom.sample(e, 0.2, 7)) AS fifth,
	count(*) FILTER (WHERE datom.sample(e, 0.1, 7) AND NOT datom.sample(e, 0.2, 7)) AS lost, count(*) FILTER (WHERE datom.sample(e, 0.1, 8)) AS another,
	count(*) FILTER (WHERE datom.sample(e, 0)) AS nothing, count(*) FILTER (WHERE datom.sample(e, 1)) AS everything,
	count(*) FILTER (WHERE datom.sample(e, 0.1, 7) <> (datom.random_number(7, e) < 0.1)) AS different, count(*) FILTER (WHERE datom.sample(e, 0.1) <> datom.sample(e, 0.1, 0)) AS seed
FROM generate_series(-5000, 4999) e;
-- a row without an entity is on one side, that of entity 0
SELECT bool_and(datom.sample(NULL, f, seed) = datom.sample(0, f, seed)), count(*) FROM generate_series(0.0, 1.0, 0.1) f, generate_series(1, 20) seed;
-- what is no fraction
SELECT f, try(format('SELECT datom.sample(1, %s)', f)) FROM unnest(ARRAY['-0.0001', '1.0001', '''NaN''', '''Infinity''', '''-Infinity''', '10', 'NULL', '0', '-0.0', '1', '0.5, NULL', '1e-300']) f;

-- what the planner expects
CREATE TABLE numbers AS SELECT e::bigint FROM generate_series(1, 10000) e;
ANALYZE numbers;
SELECT f, expected(format('SELECT * FROM numbers WHERE %s', f)) FROM unnest(ARRAY['datom.sample(e, 0.1, 7)', 'datom.sample(e, 0.25)', 'datom.sample(e, 1)', 'NOT datom.sample(e, 0.1, 7)',
	'datom.sample(e, (SELECT 0.1))', 'datom.sample(e, 0.1 * 2)', 'datom.sample(e, 0.1) AND datom.sample(e, 0.1, 1)', 'datom.sample(e, 7)', 'datom.sample(e, NULL)']) f;
PREPARE part(float8) AS SELECT * FROM numbers WHERE datom.sample(e, $1);
SELECT expected('EXECUTE part(0.01)');
SELECT expected('SELECT * FROM numbers a JOIN numbers b ON a.e = b.e WHERE datom.sample(a.e, 0.1) AND datom.sample(a.e + b.e, 0.1)');
-- in a datom table, and in Datalog
SELECT datom.create('pur');
SELECT datom.define_attribute('pur', ':p/amount', 'long') > 0;
INSERT INTO pur (e, a, v) SELECT 1000 + i, ':p/amount', i FROM generate_series(1, 1000) i;
VACUUM ANALYZE pur;
SELECT expected('SELECT * FROM datom.as_of(''pur'') WHERE a = '':p/amount'' AND datom.sample(e, 0.1, 7)') BETWEEN 95 AND 105;
SELECT count(*), sum(v::bigint) FROM datom.as_of('pur') WHERE a = ':p/amount' AND datom.sample(e, 0.1, 7);
SELECT * FROM datom.q('[:find (count ?p) (sum ?v) :where [$pur ?p :p/amount ?v] [(datom.sample ?p 0.1 7)]]') AS (n bigint, sum numeric);

DROP SCHEMA random CASCADE;
