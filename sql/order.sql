--
-- Orders: what can be made, what they hold, and what goes by them
--
\set SHOW_CONTEXT never
SET timezone = 'UTC';
CREATE SCHEMA orders;
SET search_path = orders;

SELECT datom.create('pur');
SELECT count(datom.define_attribute('pur', a::datom.attribute, type, cardinality, uniqueness, indexed)) FROM (VALUES
	(':p/id', 'string', 'one', 'identity', false),
	(':p/amount', 'bigdec', 'one', NULL, false),
	(':p/at', 'instant', 'one', NULL, true),
	(':p/tag', 'string', 'many', NULL, false),
	(':p/buyer', 'ref', 'one', NULL, false),
	(':p/note', 'string', 'one', NULL, false)) d(a, type, cardinality, uniqueness, indexed);
INSERT INTO pur (e, a, v) SELECT 1000 + i, f.a::datom.attribute, f.v FROM generate_series(1, 2000) i, LATERAL (VALUES
	(':p/id', datom.value('pur-' || i)), (':p/amount', datom.value(i / 100.0)),
	(':p/at', datom.value(timestamptz '2014-01-01Z' + i * interval '1 hour')),
	(':p/tag', datom.value('t' || i % 7)), (':p/buyer', datom.ref(1000 + i % 10 + 1))) f(a, v);

-- what can be made
SELECT indexrelid::regclass, pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = 'pur'::regclass ORDER BY 1::text;
CREATE INDEX ON pur USING datom_order (e);
CREATE INDEX ON pur USING datom_order (tx, e);
CREATE INDEX ON pur USING datom_order (a, e) WHERE e > 5;
CREATE INDEX ON pur USING datom_order (a, e, v);
CREATE UNIQUE INDEX ON pur USING datom_order (a, e);
CREATE INDEX ON pur USING datom_order (a, v) WITH (attributes = 'amount');
CREATE INDEX ON pur USING datom_order (a, v) WITH (fillfactor = 50);
CREATE TABLE plain (e bigint, a datom.attribute);
CREATE INDEX ON plain USING datom_order (e, a);
DROP TABLE plain;

-- nothing is merged yet, then everything is
CREATE FUNCTION stats() RETURNS TABLE (kind text, trusted boolean, runs integer, records bigint, closed bigint, dead bigint)
	LANGUAGE sql AS $$ SELECT kind, trusted, runs, records, closed, dead FROM datom.stats('pur') $$;
SELECT * FROM stats();
VACUUM pur;
SELECT * FROM stats();
SELECT jsonb_object_keys(bytes_by_attribute) FROM datom.stats('pur') WHERE kind = 'aevt' ORDER BY 1;
SELECT bool_and(watermark = datom.instant((SELECT max(tx) FROM pur))) AS final, max(tail_pages) AS tail FROM datom.stats('pur');

-- what ends is dead in the run that had it, until runs are merged
SELECT count(*) FROM datom.transact('pur', '[[:db/add [:p/id "pur-7"] :p/amount 7.5M] [:db/retract [:p/id "pur-8"] :p/tag "t1"]]');
INSERT INTO pur (e, a, v, added) VALUES (1009, ':p/amount', 0.09, true), (1010, ':p/amount', 99, false);
VACUUM pur;
SELECT * FROM stats();
SELECT datom.log('pur', (SELECT max(tx) - 1 FROM pur));
SELECT count(*) FROM pur WHERE tx >= (SELECT max(tx) - 1 FROM pur);
SELECT * FROM datom.check('pur');
REINDEX INDEX pur_a_e_idx;
SELECT * FROM stats();
SELECT * FROM datom.check('pur');

-- long values stay in the log
INSERT INTO pur (e, a, v) SELECT 5000 + i, ':p/note', string_agg(md5(i || '.' || j), '') FROM generate_series(1, 3) i, generate_series(1, 100 * i) j GROUP BY i;
VACUUM pur;
SELECT e, length(v::text), md5(v::text) FROM datom.as_of('pur') WHERE a = ':p/note' ORDER BY e;
SELECT count(*) FROM datom.transact('pur', '[[:db/add 5003 :p/note "short now"]]');
VACUUM pur;
SELECT e, length(v::text), md5(v::text) FROM datom.as_of('pur') WHERE a = ':p/note' ORDER BY e;
SELECT added, length(v::text) FROM datom.history('pur') WHERE e = 5003 ORDER BY added, 2;
SELECT * FROM datom.check('pur');

-- in AVET, too, where they stand last: a range of values finds them
SELECT count(*) FROM datom.define_attribute('pur', ':p/key', 'string', uniqueness => 'value');
INSERT INTO pur (e, a, v) SELECT 6000 + i, ':p/key', datom.value(chr(96 + i) || repeat(md5(i::text), CASE WHEN i % 2 = 0 THEN 200 ELSE 1 END)) FROM generate_series(1, 20) i;
VACUUM pur;
SELECT array_agg(e ORDER BY e) FROM datom.as_of('pur') WHERE a = ':p/key' AND v < datom.value('e'::text);
SELECT array_agg(e ORDER BY e) FROM datom.as_of('pur') WHERE a = ':p/key' AND v > datom.value('p'::text);
SELECT array_agg(f.e ORDER BY f.e) FROM datom.as_of('pur') f, datom.as_of('pur') g WHERE g.e = 6002 AND f.a = ':p/key' AND g.a = ':p/key' AND f.v >= g.v AND f.v < 'f';
SELECT array_agg(f.e) FROM datom.as_of('pur') f, datom.as_of('pur') g WHERE g.e = 6004 AND f.a = ':p/key' AND g.a = ':p/key' AND f.v = g.v;

-- which order a question goes by
CREATE FUNCTION goes_by(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE plan jsonb;
BEGIN
	EXECUTE 'EXPLAIN (ANALYZE, TIMING off, FORMAT json) ' || query INTO plan;
	RETURN concat_ws(' ', jsonb_path_query_first(plan, '$.**."Order"') #>> '{}',
		'rows ' || (jsonb_path_query_first(plan, '$.**."Actual Rows"') #>> '{}'),
		CASE WHEN jsonb_path_query_first(plan, '$.**."Blocks Read"')::int > 0 THEN 'by blocks' END);
END $$;
SELECT q, goes_by(q) FROM unnest('{
	SELECT * FROM datom.as_of(''pur''),
	SELECT * FROM datom.as_of(''pur'') WHERE e = 1234,
	SELECT * FROM datom.as_of(''pur'') WHERE a = '':p/amount'',
	SELECT * FROM datom.as_of(''pur'') WHERE a = '':p/id'' AND v = ''pur-77''::text::datom.value,
	SELECT * FROM datom.as_of(''pur'') WHERE a = '':p/at'' AND v < datom.value(timestamptz ''2014-01-02Z''),
	SELECT * FROM datom.as_of(''pur'') WHERE a = '':p/buyer'' AND v = datom.ref(1003),
	SELECT * FROM datom.as_of(''pur'') WHERE e < 1003,
	SELECT * FROM datom.history(''pur'') WHERE e = 1007,
	SELECT * FROM pur WHERE e = 1007,
	SELECT * FROM pur WHERE a = '':p/id'' AND v = ''pur-7''::text::datom.value
}'::text[]) q;

-- AVET holds what asks for it: an attribute that begins to ask is held as a whole from the next VACUUM on
SELECT count(*) FROM datom.define_attribute('pur', ':p/amount', 'bigdec', indexed => true);
SELECT goes_by($$SELECT * FROM datom.as_of('pur') WHERE a = ':p/amount' AND v = '7.5'$$);
INSERT INTO pur (e, a, v) VALUES (1020, ':p/amount', 7.5);
VACUUM pur;
SELECT goes_by($$SELECT * FROM datom.as_of('pur') WHERE a = ':p/amount' AND v = '7.5'$$);
DROP INDEX pur_a_v_idx;
CREATE INDEX pur_a_v_idx ON pur USING datom_order (a, v) WITH (attributes = ':p/tag, :p/note');
SELECT goes_by($$SELECT * FROM datom.as_of('pur') WHERE a = ':p/tag' AND v = 't3'$$);
SELECT * FROM datom.check('pur');
-- without orders, and with them again
DROP INDEX pur_a_v_idx, pur_a_e_idx, pur_e_a_idx, pur_v_a_idx;
SELECT goes_by($$SELECT * FROM datom.as_of('pur') WHERE e = 1234$$);
SELECT count(*) FROM datom.as_of('pur');
CREATE INDEX CONCURRENTLY ON pur USING datom_order (e, a);
SELECT goes_by($$SELECT * FROM datom.as_of('pur') WHERE e = 1234$$);
SELECT count(*) FROM datom.as_of('pur');
SELECT * FROM datom.check('pur');

-- VACUUM with workers for other indexes, and in serializable transactions
CREATE INDEX pur_e ON pur (e);
CREATE INDEX pur_tx ON pur (tx);
SET min_parallel_index_scan_size = 0;
INSERT INTO pur (e, a, v) VALUES (1021, ':p/amount', 7.5);
VACUUM (PARALLEL 2) pur;
SELECT bool_and(tail_pages = 0) FROM datom.stats('pur');
RESET min_parallel_index_scan_size;
BEGIN ISOLATION LEVEL SERIALIZABLE;
INSERT INTO pur (e, a, v) VALUES (1022, ':p/amount', 7.5);
SELECT e FROM datom.as_of('pur') WHERE a = ':p/amount' AND v = '7.5' ORDER BY e;
SELECT count(*) FROM datom.as_of('pur');
COMMIT;
INSERT INTO pur (e, a, v) VALUES (1023, ':p/id', 'pur-1');

-- rows of the past: the orders are not trusted until they are made anew
BEGIN;
INSERT INTO pur (e, a, v, tx, added) SELECT 1500, ':p/note', 'said before', min(tx), true FROM pur WHERE a = ':p/id';
SELECT trusted FROM datom.stats('pur');
SELECT v FROM datom.as_of('pur') WHERE e = 1500 AND a = ':p/note';
COMMIT;
SELECT v FROM datom.as_of('pur', (SELECT min(tx) FROM pur WHERE a = ':p/id')) WHERE e = 1500 AND a = ':p/note';
VACUUM pur;
SELECT trusted FROM datom.stats('pur');
SELECT v FROM datom.as_of('pur', (SELECT min(tx) FROM pur WHERE a = ':p/id')) WHERE e = 1500 AND a = ':p/note';
SELECT * FROM datom.check('pur');
DROP TABLE pur;

-- equal values that one transaction retracts: merges of few rows make the records that a build of all makes
SELECT datom.create('alike');
SELECT datom.define_attribute('alike', ':l/n', 'bigdec');
INSERT INTO alike (e, a, v) SELECT 1000 + i, ':l/n', datom.value((ARRAY[1, 1.0, 1.00])[1 + i % 3]) FROM generate_series(1, 30) i;
VACUUM alike;
INSERT INTO alike (e, a, v, added) SELECT 1000 + i, ':l/n', datom.value(v), false FROM generate_series(1, 30) i, unnest(ARRAY[1, 1.0, 1.00, -3]) v;
VACUUM alike;
-- so many rows of one entity and attribute that a build sorts them in another way
INSERT INTO alike (e, a, v, added) SELECT 1000 + i, ':l/n', datom.value(v), false FROM generate_series(1, 30) i, generate_series(1, i % 10) v;
VACUUM alike;
SELECT * FROM datom.check('alike');
DROP TABLE alike;

-- a value that stays in the log, said of several entities at once, ends for one
SELECT datom.create('far');
SELECT datom.define_attribute('far', ':l/s', 'string', indexed => true);
INSERT INTO far (e, a, v) SELECT 1000 + i, ':l/s', datom.value(string_agg(md5(j::text), '')) FROM generate_series(1, 3) i, generate_series(1, 200) j GROUP BY i;
INSERT INTO far (e, a, v) SELECT 2000 + i, ':l/s', datom.value(i::text) FROM generate_series(1, 30) i;
VACUUM far;
INSERT INTO far (e, a, v) VALUES (1001, ':l/s', 'short');
VACUUM far;
SELECT kind, runs, dead FROM datom.stats('far') WHERE kind = 'avet';
SELECT array_agg(e ORDER BY e) FROM datom.as_of('far') WHERE a = ':l/s' AND v > datom.value('a'::text);
SELECT * FROM datom.check('far');
DROP TABLE far;
DROP SCHEMA orders CASCADE;
