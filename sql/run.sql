-- Runs of saved queries: what they give, what counts as reading a shard, and the
-- event that lineage() shows. Events as they are emitted, standbys and restarts are
-- in test/t/102_runs.pl.
CREATE SCHEMA run_test;
GRANT USAGE ON SCHEMA run_test TO public;
SELECT datom.create('run_test.pur');
SELECT datom.define_attribute('run_test.pur', ':p/amount', 'long');
INSERT INTO run_test.pur (e, a, v) SELECT i, ':p/amount', i * 10 FROM generate_series(1, 100) i;
CREATE TABLE run_test.plain AS SELECT i - 50 AS e, i AS j FROM generate_series(1::bigint, 100) i;
INSERT INTO run_test.plain VALUES (NULL, 0);
SELECT datom.save_query('run_test.big', 'SELECT e, v::bigint AS amount FROM run_test.pur WHERE a = '':p/amount''');
SELECT datom.save_query('run_test.bigger', 'SELECT * FROM run_test.big WHERE amount > 500');
SELECT datom.save_query('run_test.others', 'SELECT e, j FROM run_test.plain');
SELECT datom.save_query('run_test.above', 'SELECT e, v::bigint AS amount FROM run_test.pur WHERE a = '':p/amount'' AND v::bigint > floor',
	arguments => 'floor bigint, names text[] DEFAULT ''{}'', doc jsonb DEFAULT NULL, day date DEFAULT NULL');
CREATE FUNCTION pg_temp.mask(text) RETURNS text LANGUAGE sql AS $$
	SELECT regexp_replace(regexp_replace($1, '[0-9a-f]{8}-[0-9a-f-]{27}', 'RUN', 'g'), '2\d{3}-[^'']*Z', 'BASIS', 'g') $$;

-- what a run gives
SELECT pg_temp.mask(r.sql) AS sql, pg_temp.mask(p) AS predicate, pg_temp.mask(r.settings) AS settings
FROM datom.run('run_test.big', shards => 3) r, unnest(r.predicates) p;
SELECT pg_temp.mask(r.sql) AS sql, pg_temp.mask(p) AS predicate FROM datom.run('run_test.big') r, unnest(r.predicates) p;
SELECT r.basis = datom.basis('run_test.pur') AS is_basis FROM datom.run('run_test.big') r;
SET search_path = run_test, public;
SELECT sql FROM datom.run('big');
RESET search_path;
SELECT pg_temp.mask(predicates[2]) FROM datom.run('run_test.others', shards => 2, key => 'j');

-- arguments by name and by position
SELECT sql FROM datom.run('run_test.above', '{"floor": 990, "names": ["a,b", "c\"d''e"], "doc": {"x": [1]}, "day": "2026-01-02"}');
SELECT sql FROM datom.run('run_test.above', '[990, ["x"]]');
SELECT sql FROM datom.run('run_test.above', '{"floor": 990, "day": null}');
\set VERBOSITY terse
SELECT * FROM datom.run('run_test.above', '{"flor": 990}');
SELECT * FROM datom.run('run_test.above', '{"floor": "x"}');
SELECT * FROM datom.run('run_test.above', '{"floor": "0); DROP TABLE run_test.plain; --"}');
SELECT * FROM datom.run('run_test.above', '{"day": "2026-01-02"}');
SELECT * FROM datom.run('run_test.above', '[1, [], {}, null, 5]');
SELECT * FROM datom.run('run_test.above', '3');
SELECT * FROM datom.run('run_test.big', '[1]');
\set VERBOSITY default

-- what there is no run of
SELECT * FROM datom.run('run_test.nix');
SELECT * FROM datom.run(NULL);
SELECT * FROM datom.run('run_test.big', shards => 0);
SELECT * FROM datom.run('run_test.big', shards => 1025);
SELECT * FROM datom.run('run_test.big', shards => 2, key => 'id');
SELECT * FROM datom.run('run_test.big', job => repeat('j', 1000));
SELECT * FROM datom.run('run_test.above', jsonb_build_array(1, '[]'::jsonb, repeat('x', 1025)));
SELECT * FROM datom.run('run_test.big', basis => '2099-01-01T00:00:00Z');
SELECT * FROM datom.run('run_test.big', basis => 'yesterday');
SELECT * FROM datom.run('run_test.bigger', basis => '2099-01-01T00:00:00Z');

-- the moment in force, a moment that is given, and that of the tables below views
SELECT substring(settings FROM '''(.*)''') AS then FROM datom.run('run_test.big') \gset
SET datom.as_of = :'then';
SELECT basis = :'then' AS in_force FROM datom.run('run_test.big');
RESET datom.as_of;
SELECT pg_sleep(0.01);
INSERT INTO run_test.pur (e, a, v) VALUES (1000, ':p/amount', 5000);
SELECT basis = :'then' AS given FROM datom.run('run_test.big', basis => :'then');
SELECT basis > :'then' AS newest FROM datom.run('run_test.bigger');

-- a gate, above a scan that knows its shard
SELECT run, sql, settings, predicates[1] AS p0, predicates[2] AS p1, predicates[3] AS p2
FROM datom.run('run_test.big', shards => 3, basis => :'then', job => 'nightly') \gset
:sql WHERE :p0;
:settings;
CREATE FUNCTION pg_temp.plan(text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || $1 LOOP RETURN NEXT pg_temp.mask(line); END LOOP;
END $$;
SELECT pg_temp.plan(:'sql' || ' WHERE ' || :'p0');
SELECT shard, attempts, rows, state, started_at <= ended_at AS ended FROM datom.run_shards(:'run');

-- neither EXPLAIN nor a probe counts
EXPLAIN (COSTS OFF) :sql WHERE 1 = 0;
:sql WHERE 1 = 0;
:sql WHERE (:p0) AND 1 = 0;
SELECT datom.in_run(:'run', 0, 3);
SELECT shard, attempts, rows, state FROM datom.run_shards(:'run');
SELECT query, job, args, shards, shards_done, rows, state, ended_at FROM datom.runs WHERE run = :'run';

-- reading the shards; each row is in exactly one
CREATE TEMP TABLE got AS :sql WHERE :p0;
SELECT state, shards_done FROM datom.runs WHERE run = :'run';
INSERT INTO got :sql WHERE (:p1);
INSERT INTO got :sql WHERE (:p2) AND amount > 0;
SELECT count(*), count(DISTINCT e), sum(amount) FROM got;
:sql EXCEPT SELECT * FROM got;
SELECT shard, attempts, rows, state FROM datom.run_shards(:'run');
SELECT query, job, args, shards, shards_done, rows, state, ended_at >= started_at AS ended FROM datom.runs WHERE run = :'run';

-- an attempt that fails, a cursor that is closed too early, and one read to its end
SELECT run, sql, settings, predicates[1] AS p0, predicates[2] AS p1 FROM datom.run('run_test.others', shards => 2) \gset
:settings;
SELECT 1 / (j - 50) FROM (:sql WHERE :p0) x;
SELECT shard, attempts, rows, state FROM datom.run_shards(:'run');
BEGIN;
DECLARE c CURSOR FOR :sql WHERE :p1;
FETCH 2 FROM c;
SELECT shard, attempts, rows, state FROM datom.run_shards(:'run');
CLOSE c;
COMMIT;
SELECT shard, attempts, rows, state FROM datom.run_shards(:'run');
SELECT state, shards_done FROM datom.runs WHERE run = :'run';
BEGIN;
DECLARE c CURSOR FOR :sql WHERE :p1;
MOVE 40 FROM c;
MOVE 40 FROM c;
DECLARE d CURSOR FOR :sql WHERE :p0;
COMMIT;
SELECT shard, attempts, rows, state FROM datom.run_shards(:'run');
SELECT count(*) FROM (:sql WHERE :p0) x;
:sql WHERE (:p0) AND e IS NULL;
SELECT shard, attempts, rows, state FROM datom.run_shards(:'run');
SELECT state, shards_done FROM datom.runs WHERE run = :'run';
-- shards that cannot be told apart
SELECT count(*) FROM (:sql WHERE :p0 UNION ALL :sql WHERE :p1) x;
SELECT shard, attempts FROM datom.run_shards(:'run');
-- there is no such shard, or run
SELECT datom.in_run(:'run', 2, 2);
SELECT datom.in_run(:'run', 0, 3);
SELECT datom.in_run('00000000-0000-0000-0000-000000000000', 0, 1);
SELECT * FROM datom.run_shards('00000000-0000-0000-0000-000000000000');
SELECT datom.lineage('00000000-0000-0000-0000-000000000000');
RESET datom.as_of;

-- parallel plans stay parallel, and count once
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
ANALYZE run_test.plain;
SELECT run, sql, settings, predicates[1] AS p0, predicates[2] AS p1 FROM datom.run('run_test.others', shards => 2) \gset
:settings;
SELECT pg_temp.plan(:'sql' || ' WHERE ' || :'p0');
SET parallel_leader_participation = off;
SELECT count(*) FROM (:sql WHERE :p0) x;
SELECT shard, attempts, rows, state FROM datom.run_shards(:'run');
RESET datom.as_of;

-- ended by hand
SELECT datom.abort_run(:'run');
SELECT state, shards_done, rows, ended_at IS NULL AS open FROM datom.runs WHERE run = :'run';
\set VERBOSITY sqlstate
:settings;
:sql WHERE :p1;
SELECT datom.abort_run(:'run');
SELECT datom.abort_run('00000000-0000-0000-0000-000000000000');
\set VERBOSITY default
SELECT datom.abort_run(NULL) IS NULL AS nothing;
RESET datom.as_of;

-- lineage
SELECT jsonb_pretty(datom.lineage(run) #- '{run,runId}' #- '{run,facets,externalQuery,externalQueryId}' #- '{eventTime}')
FROM datom.run('run_test.above', '{"floor": 990}', basis => :'then') \gset lineage_
SELECT replace(replace(regexp_replace(:'lineage_jsonb_pretty', '"postgres://[^"]*"', '"HOST"', 'g'),
	:'then', 'BASIS'), '"' || current_database() || '.', '"DB.') AS lineage;

-- inputs are what is read now, through views
CREATE VIEW run_test.between AS SELECT e FROM run_test.plain;
SELECT datom.save_query('run_test.through', 'SELECT e FROM run_test.between');
CREATE OR REPLACE VIEW run_test.between AS SELECT e FROM run_test.bigger;
CREATE FUNCTION pg_temp.inputs(query text) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT replace(i->>'name', current_database() || '.', '') || CASE WHEN i->'facets'->'version' IS NULL THEN '' ELSE ' as of the basis' END
	FROM datom.run(query), jsonb_array_elements(datom.lineage(run)->'inputs') i $$;
SELECT pg_temp.inputs('run_test.through');
SELECT inputs FROM datom.saved_query WHERE name = 'run_test.through';
SELECT r.basis = datom.basis('run_test.pur') AS is_basis FROM datom.run('run_test.through') r;
-- and through Datalog, for whoever may ask the query above
SELECT datom.save_query('run_test.found', '[:find ?e :where [$run_test.pur ?e :p/amount 20]]');
CREATE OR REPLACE VIEW run_test.between AS SELECT e FROM run_test.found;

-- others see names, not arguments
CREATE ROLE regress_run_other;
CREATE ROLE regress_run_stats IN ROLE pg_read_all_stats;
GRANT SELECT ON run_test.bigger, run_test.through TO regress_run_other;
SELECT run FROM datom.run('run_test.above', '{"floor": 990}') \gset
SET ROLE regress_run_other;
SELECT query, args, state FROM datom.runs WHERE run = :'run';
SELECT count(*) FROM datom.run_shards(:'run');
\set VERBOSITY sqlstate
SELECT datom.lineage(:'run');
\set VERBOSITY default
SELECT * FROM datom.run('run_test.big');
SELECT count(*) FROM run_test.found;
SELECT jsonb_path_query(datom.lineage(run), '$.inputs[*].facets.schema.fields[*].name') AS column FROM datom.run('run_test.through');
SELECT run AS own FROM datom.run('run_test.bigger', shards => 5) \gset
SELECT shards, args, state FROM datom.runs WHERE run = :'own';
BEGIN READ ONLY;
SELECT datom.lineage(run)->'eventType' FROM datom.run('run_test.bigger');
COMMIT;
SET ROLE regress_run_stats;
SELECT query, args, state FROM datom.runs WHERE run = :'run';
SELECT datom.lineage(:'run')->'eventType';
RESET ROLE;

SET client_min_messages = warning;
DROP OWNED BY regress_run_other;
DROP ROLE regress_run_other, regress_run_stats;
SELECT datom.drop_query('run_test.through');
DROP VIEW run_test.between;
SELECT datom.drop_query('run_test.found');
SELECT datom.drop_query(q) FROM unnest('{run_test.bigger,run_test.big,run_test.others,run_test.above}'::text[]) q;
DROP SCHEMA run_test CASCADE;
