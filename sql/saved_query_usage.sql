-- Use of saved queries: what counts as a call. Counting under many clients, on
-- standbys and over restarts is in test/t/101_usage.pl.
SET search_path = usage_test, public;
CREATE SCHEMA usage_test;
GRANT USAGE ON SCHEMA usage_test TO public;
CREATE ROLE regress_usage_reader;
CREATE TABLE facts AS SELECT i FROM generate_series(1, 1000) i;
CREATE VIEW small AS SELECT i FROM facts WHERE i <= 10;
CREATE VIEW total AS SELECT sum(i) AS total FROM small;
CREATE VIEW odd AS SELECT i FROM facts WHERE i % 2 = 1;
CREATE FUNCTION upto(n int) RETURNS TABLE (x int) STABLE LANGUAGE sql AS 'SELECT i FROM usage_test.facts WHERE i <= n';
CREATE FUNCTION called(n int) RETURNS TABLE (x int) VOLATILE LANGUAGE sql AS 'SELECT i FROM usage_test.small WHERE i <= n';
CREATE FUNCTION plain(n int) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE s bigint := 0; r record;
BEGIN
	FOR r IN SELECT i FROM usage_test.odd WHERE i <= n LOOP s := s + r.i; END LOOP;
	RETURN s;
END $$;
GRANT SELECT ON ALL TABLES IN SCHEMA usage_test TO public;
-- What has been counted since it was last asked.
CREATE TEMP TABLE seen AS SELECT name, role, calls, rows FROM datom.usage() LIMIT 0;
CREATE PROCEDURE pg_temp.report() LANGUAGE plpgsql AS $$
DECLARE u record;
BEGIN
	FOR u IN SELECT n.name, n.role::regrole AS role, n.calls - coalesce(s.calls, 0) AS calls, n.rows - coalesce(s.rows, 0) AS rows
			FROM datom.usage() n LEFT JOIN seen s USING (name, role)
			WHERE n.schema = 'usage_test'::regnamespace AND n.calls > coalesce(s.calls, 0) ORDER BY name COLLATE "C", n.role LOOP
		RAISE INFO '% by %: % calls, % rows', u.name, CASE u.role WHEN current_user::regrole THEN 'me' ELSE u.role::text END, u.calls, u.rows;
	END LOOP;
	DELETE FROM seen;
	INSERT INTO seen SELECT name, role, calls, rows FROM datom.usage() WHERE schema = 'usage_test'::regnamespace;
END $$;

-- a view, and the views that it reads
SELECT count(*) FROM small;
SELECT * FROM total;
CALL pg_temp.report();

-- a view that is named twice is used once
SELECT count(*) FROM odd a JOIN odd b USING (i);
CALL pg_temp.report();

-- wherever a statement names it
SELECT count(*) FROM facts WHERE EXISTS (SELECT FROM small WHERE small.i = facts.i);
WITH s AS MATERIALIZED (SELECT * FROM odd) SELECT count(*) FROM s;
CREATE TABLE copied AS SELECT * FROM small;
INSERT INTO copied SELECT i FROM small WHERE i < 4;
COPY (SELECT * FROM small WHERE i < 3) TO STDOUT;
SELECT count(*) FROM odd WHERE false;
CALL pg_temp.report();

-- functions that become part of the statement, and those that are called
SELECT count(*) FROM upto(7);
SELECT x FROM called(2);
SELECT upto(2);
CALL pg_temp.report();

-- statements inside of functions
SELECT plain(10);
DO $$ BEGIN PERFORM * FROM usage_test.small LIMIT 3; PERFORM usage_test.plain(3); END $$;
CALL pg_temp.report();

-- prepared statements, with plans of either kind
PREPARE p(int) AS SELECT i FROM small WHERE i <= $1;
EXECUTE p(1);
EXECUTE p(2);
SET plan_cache_mode = force_generic_plan;
EXECUTE p(3);
EXECUTE p(1);
RESET plan_cache_mode;
CALL pg_temp.report();

-- a cursor counts when it is closed, with the rows that were fetched
BEGIN;
DECLARE c CURSOR FOR SELECT i FROM small;
FETCH 2 FROM c;
FETCH 3 FROM c;
CALL pg_temp.report();
CLOSE c;
DECLARE d SCROLL CURSOR FOR SELECT i FROM odd ORDER BY i;
FETCH 4 FROM d;
FETCH BACKWARD 2 FROM d;
COMMIT;
CALL pg_temp.report();
-- but not if it was never read
BEGIN;
DECLARE c CURSOR FOR SELECT i FROM small;
CLOSE c;
COMMIT;
CALL pg_temp.report();
-- nor if it is open when its transaction is rolled back
BEGIN;
DECLARE c CURSOR FOR SELECT i FROM small;
FETCH 1 FROM c;
ROLLBACK;
CALL pg_temp.report();

-- EXPLAIN runs nothing, EXPLAIN ANALYZE does
EXPLAIN (COSTS OFF) SELECT * FROM small;
CALL pg_temp.report();
DO $$ BEGIN EXECUTE 'EXPLAIN ANALYZE SELECT * FROM usage_test.small'; END $$;
CALL pg_temp.report();

-- a call that fails does not count
SELECT 1 / (i - 3) FROM small;
DO $$
BEGIN
	PERFORM 1 / (i - 3) FROM usage_test.small;
EXCEPTION WHEN division_by_zero THEN PERFORM i FROM usage_test.odd;
END $$;
CALL pg_temp.report();

-- in a transaction that writes nothing, by a role that may write nothing
SET ROLE regress_usage_reader;
BEGIN READ ONLY;
SELECT * FROM total;
COMMIT;
RESET ROLE;
CALL pg_temp.report();

-- parallel workers are part of the statement
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
ANALYZE facts;
SELECT count(*) FROM odd;
SET parallel_leader_participation = off;
SELECT count(*) FROM odd;
RESET parallel_leader_participation;
CALL pg_temp.report();

-- counts go by name: they go on in a view that is made anew, and one with a new
-- name begins anew
DROP VIEW odd;
CREATE VIEW odd AS SELECT i, 'odd' AS kind FROM facts WHERE i % 2 = 1;
SELECT count(*) FROM odd;
ALTER VIEW odd RENAME TO uneven;
SELECT count(*) FROM uneven;
SELECT name, calls > 3 AS many FROM datom.usage() WHERE schema = 'usage_test'::regnamespace AND name IN ('odd', 'uneven') ORDER BY name;

-- not counted: temporary views, the server's own, and anything while it is off
CALL pg_temp.report();
CREATE TEMP VIEW mine AS SELECT 1 AS i;
SELECT * FROM mine;
SELECT count(*) >= 0 FROM pg_views;
SET datom.track_usage = off;
SELECT * FROM total;
RESET datom.track_usage;
CALL pg_temp.report();
SELECT count(*) FROM datom.usage() WHERE name IN ('mine', 'pg_views');
SET ROLE regress_usage_reader;
SET datom.track_usage = off;
RESET ROLE;

-- shown are saved queries
SELECT datom.save_query('usage_test.few', 'SELECT i FROM usage_test.facts WHERE i <= 3');
SELECT datom.save_query('usage_test.first', 'SELECT i FROM usage_test.facts WHERE i <= n', arguments => 'n int');
GRANT SELECT ON few TO public;
SELECT count(*) FROM few;
SELECT * FROM few;
SELECT count(*) FROM first(5);
SET ROLE regress_usage_reader;
SELECT count(*) FROM few;
SELECT query, CASE role WHEN session_user THEN 'me' ELSE role END AS role, calls, rows,
	total_time > 0 AS has_time, last_used <= clock_timestamp() AS has_end
FROM datom.saved_query_usage WHERE query LIKE 'usage_test.%' ORDER BY 1, 2;
RESET ROLE;
-- as long as they are, and on from there if they are saved again
SELECT datom.drop_query('usage_test.few');
SELECT query, calls FROM datom.saved_query_usage WHERE query LIKE 'usage_test.%' ORDER BY 1, 2;
SELECT datom.save_query('usage_test.few', 'SELECT i, 1 AS one FROM usage_test.facts WHERE i <= 3');
SELECT count(*) FROM few;
SELECT query, CASE role WHEN session_user THEN 'me' ELSE role END AS role, calls, rows
FROM datom.saved_query_usage WHERE query LIKE 'usage_test.%' ORDER BY 1, 2;

SET client_min_messages = warning;
SELECT datom.drop_query(q) FROM unnest('{usage_test.few,usage_test.first}'::text[]) q;
DROP SCHEMA usage_test CASCADE;
DROP ROLE regress_usage_reader;
