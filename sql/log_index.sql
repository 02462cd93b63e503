--
-- Indexes of every kind, parallel plans and maintenance over a datom table
--
\set SHOW_CONTEXT never
SET timezone = 'UTC';
-- which would compete with the indexes
SET datom.enable_scan = off;

SELECT datom.create('pur');
SELECT count(datom.define_attribute('pur', a::datom.attribute, t)) FROM (VALUES
	(':purchase/id', 'string'), (':purchase/amount', 'long'), (':purchase/text', 'string')) d(a, t);
INSERT INTO pur (e, a, v) SELECT 1000 + i, ':purchase/id', 'pur-' || i FROM generate_series(1, 3000) i;
INSERT INTO pur (e, a, v) SELECT 1000 + i, ':purchase/amount', i % 100 FROM generate_series(1, 3000) i;
INSERT INTO pur (e, a, v) SELECT 1000 + i, ':purchase/text',
	(ARRAY['oak', 'beech', 'birch'])[1 + i % 3] || ' table ' || i FROM generate_series(1, 3000) i;
ANALYZE pur;

-- the index that a query goes by, and whether a sequential scan says the same
CREATE FUNCTION by(q text, OUT index text, OUT same boolean, OUT rows bigint) LANGUAGE plpgsql AS $$
DECLARE
	line text;
	slow text;
	fast text;
BEGIN
	SET LOCAL enable_indexscan = off;
	SET LOCAL enable_indexonlyscan = off;
	SET LOCAL enable_bitmapscan = off;
	EXECUTE format('SELECT md5(string_agg(r::text, chr(10) ORDER BY r::text)), count(*) FROM (%s) r', q) INTO slow, rows;
	RESET enable_indexscan;
	RESET enable_indexonlyscan;
	RESET enable_bitmapscan;
	SET LOCAL enable_seqscan = off;
	FOR line IN EXECUTE 'EXPLAIN (COSTS off) ' || q LOOP
		index := coalesce(index, substring(line from '(?:using|Bitmap Index Scan on) (\w+)'));
	END LOOP;
	EXECUTE format('SELECT md5(string_agg(r::text, chr(10) ORDER BY r::text)) FROM (%s) r', q) INTO fast;
	RESET enable_seqscan;
	same := slow IS NOT DISTINCT FROM fast;
END $$;

-- the one that datom.create() makes, and those that it does not need
SELECT * FROM by($$SELECT * FROM pur WHERE tx = 1$$);
CREATE INDEX pur_e_a ON pur (e, a);
CREATE INDEX pur_a_value_hash ON pur (a, datom.value_hash(v));
SELECT * FROM by($$SELECT * FROM pur WHERE e = 1234 AND a = ':purchase/id'$$);
SELECT * FROM by($$SELECT * FROM pur WHERE a = ':purchase/id' AND datom.value_hash(v) = datom.value_hash('pur-77'::text::datom.value)$$);
-- the others alone
DROP INDEX pur_e_a, pur_a_value_hash, pur_tx_e_idx;

-- btree on v: one order over all kinds
CREATE INDEX by_value ON pur (v, a);
SELECT * FROM by($$SELECT * FROM pur WHERE v = 7::datom.value$$);
SELECT * FROM by($$SELECT * FROM pur WHERE v > 97::bigint::datom.value AND v < 'a'::text::datom.value AND a LIKE ':purchase/%'$$);
SELECT * FROM by($$SELECT * FROM pur WHERE v >= 'pur-299'::text::datom.value AND a = ':purchase/id'$$);
SET enable_seqscan = off;
SET enable_sort = off;
EXPLAIN (COSTS off) SELECT v FROM pur ORDER BY v, a;
RESET enable_sort;
RESET enable_seqscan;
DROP INDEX by_value;
-- INCLUDE, and what it includes without looking at the table
CREATE INDEX by_value ON pur (a, v) INCLUDE (e, tx, added);
VACUUM pur;
SELECT * FROM by($$SELECT e, v FROM pur WHERE a = ':purchase/amount' AND v = 7::datom.value$$);
DROP INDEX by_value;
-- partial, and on an expression
CREATE INDEX by_amount ON pur ((v::bigint)) WHERE a = ':purchase/amount';
SELECT * FROM by($$SELECT e FROM pur WHERE a = ':purchase/amount' AND v::bigint BETWEEN 10 AND 12$$);
DROP INDEX by_amount;
-- hash
CREATE INDEX by_value ON pur USING hash (v);
SELECT * FROM by($$SELECT * FROM pur WHERE v = 'pur-77'::text::datom.value$$);
DROP INDEX by_value;
CREATE INDEX by_attribute ON pur USING hash (a);
SELECT * FROM by($$SELECT * FROM pur WHERE a = ':purchase/text'$$);
DROP INDEX by_attribute;
-- GIN: full text
CREATE INDEX by_word ON pur USING gin (to_tsvector('simple', v::text));
SELECT * FROM by($$SELECT e FROM pur WHERE to_tsvector('simple', v::text) @@ to_tsquery('simple', 'beech & !300')$$);
INSERT INTO pur (e, a, v) VALUES (9000, ':purchase/text', 'a zelkova table');
SELECT * FROM by($$SELECT e, v FROM pur WHERE to_tsvector('simple', v::text) @@ 'zelkova'$$);
DROP INDEX by_word;
-- BRIN
CREATE INDEX by_entity ON pur USING brin (e, tx) WITH (pages_per_range = 4);
SELECT * FROM by($$SELECT * FROM pur WHERE e BETWEEN 1100 AND 1200$$);
INSERT INTO pur (e, a, v) VALUES (9001, ':purchase/text', 'late');
SELECT brin_summarize_new_values('by_entity') >= 0 AS summarized;
SELECT * FROM by($$SELECT * FROM pur WHERE e > 9000$$);
DROP INDEX by_entity;
-- GiST and SP-GiST
CREATE INDEX by_point ON pur USING gist (point(e, tx));
SELECT * FROM by($$SELECT * FROM pur WHERE point(e, tx) <@ box '(1100,1000000),(1110,0)'$$);
DROP INDEX by_point;
CREATE INDEX by_text ON pur USING spgist ((v::text)) WHERE a = ':purchase/id';
SELECT * FROM by($$SELECT * FROM pur WHERE a = ':purchase/id' AND v::text ^@ 'pur-299'$$);
DROP INDEX by_text;
-- unique
\set VERBOSITY terse
CREATE UNIQUE INDEX once ON pur (tx, e, a, v);
INSERT INTO pur (e, a, v) VALUES (9002, ':purchase/text', 'twice'), (9002, ':purchase/text', 'twice');
\echo :LAST_ERROR_SQLSTATE
CREATE UNIQUE INDEX never ON pur (a);
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY default
DROP INDEX once;

-- built and rebuilt beside writers
CREATE INDEX CONCURRENTLY by_value ON pur (v);
SELECT * FROM by($$SELECT * FROM pur WHERE v = 'pur-77'::text::datom.value$$);
REINDEX INDEX by_value;
REINDEX INDEX CONCURRENTLY by_value;
REINDEX TABLE pur;
REINDEX TABLE CONCURRENTLY pur;
SELECT * FROM by($$SELECT * FROM pur WHERE v = 'pur-77'::text::datom.value$$);
SELECT count(*) FROM pg_index WHERE indrelid = 'pur'::regclass AND NOT indisvalid;
CREATE UNIQUE INDEX CONCURRENTLY never ON pur (a);
\echo :LAST_ERROR_SQLSTATE
DROP INDEX never;
DROP INDEX CONCURRENTLY by_value;

-- what is said and asked does not need the two indexes that datom.create() makes
CREATE FUNCTION facts() RETURNS text LANGUAGE sql AS
	$$SELECT md5(string_agg(f::text, chr(10) ORDER BY e, a, v)) FROM datom.as_of('pur') f$$;
SELECT count(datom.define_attribute('pur', ':purchase/number', 'long', 'one', 'identity'));
INSERT INTO pur (e, a, v) VALUES (9010, ':purchase/number', 1);
INSERT INTO pur (e, a, v) VALUES (9011, ':purchase/number', 1);
\echo :LAST_ERROR_SQLSTATE
INSERT INTO pur (e, a, v) VALUES (9010, ':purchase/amount', 1), (9010, ':purchase/amount', 2);
\echo :LAST_ERROR_SQLSTATE
SELECT facts() AS slow \gset
CREATE INDEX CONCURRENTLY ON pur (e, a);
CREATE INDEX CONCURRENTLY ON pur (a, datom.value_hash(v));
SELECT facts() = :'slow' AS same;
INSERT INTO pur (e, a, v) VALUES (9011, ':purchase/number', 1);
\echo :LAST_ERROR_SQLSTATE
INSERT INTO pur (e, a, v) VALUES (9010, ':purchase/amount', 1), (9010, ':purchase/amount', 2);
\echo :LAST_ERROR_SQLSTATE

-- parallel
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET min_parallel_index_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
EXPLAIN (COSTS off) SELECT count(*), sum(v::bigint) FROM pur WHERE a = ':purchase/amount' AND v::bigint >= 0;
SELECT count(*), sum(v::bigint) FROM pur WHERE a = ':purchase/amount' AND v::bigint >= 0;
SET enable_seqscan = off;
SET enable_bitmapscan = off;
EXPLAIN (COSTS off) SELECT count(*) FROM pur WHERE e BETWEEN 1501 AND 3500;
SELECT count(*) FROM pur WHERE e BETWEEN 1501 AND 3500;
SET enable_bitmapscan = on;
SET enable_indexscan = off;
SET enable_indexonlyscan = off;
EXPLAIN (COSTS off) SELECT count(v) FROM pur WHERE e BETWEEN 1501 AND 3500;
SELECT count(v) FROM pur WHERE e BETWEEN 1501 AND 3500;
RESET enable_seqscan;
RESET enable_indexscan;
RESET enable_indexonlyscan;
-- workers see what this transaction wrote
BEGIN;
INSERT INTO pur (e, a, v) VALUES (9020, ':purchase/amount', 1000000);
SELECT count(*), sum(v::bigint) FROM pur WHERE a = ':purchase/amount' AND v::bigint >= 0;
SAVEPOINT s;
INSERT INTO pur (e, a, v) VALUES (9021, ':purchase/amount', 1000000);
ROLLBACK TO s;
SELECT count(*), sum(v::bigint) FROM pur WHERE a = ':purchase/amount' AND v::bigint >= 0;
ROLLBACK;
-- as_of beside workers, and over their rows
SELECT count(*) FROM pur JOIN datom.as_of('pur') f USING (e, a, v, tx, added) WHERE a LIKE ':purchase/%';
SET maintenance_work_mem = '64MB';
ALTER TABLE pur SET (parallel_workers = 2);
CREATE INDEX by_value ON pur (v);
SELECT * FROM by($$SELECT * FROM pur WHERE v = 'pur-77'::text::datom.value$$);
DROP INDEX by_value;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
RESET min_parallel_index_scan_size;
RESET max_parallel_workers_per_gather;

-- other ways to read it
SELECT count(*) FROM pur TABLESAMPLE system (100) WHERE e BETWEEN 1001 AND 4000;
SELECT count(*) FROM pur TABLESAMPLE bernoulli (100) WHERE e BETWEEN 1001 AND 4000;
SELECT count(*) > 0 AND count(*) < 3000 AS first_page FROM pur WHERE ctid < '(1,0)';
SELECT e, a, v FROM pur WHERE ctid = (SELECT ctid FROM pur WHERE e = 1001 AND a = ':purchase/id');
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT e FROM pur WHERE a = ':purchase/id' ORDER BY e;
FETCH 2 FROM c;
FETCH BACKWARD 1 FROM c;
COMMIT;
CREATE STATISTICS pur_stats ON e, a FROM pur;
ANALYZE pur;
SELECT count(*) FROM pg_stats WHERE tablename = 'pur';
VACUUM (FREEZE, ANALYZE) pur;
SELECT age(relfrozenxid) < 1000 AS frozen, relallvisible > 0 AS visible FROM pg_class WHERE oid = 'pur'::regclass;
SELECT pg_table_size('pur') > 0 AND pg_relation_size('pur', 'vm') > 0 AS sizes;
SELECT md5(string_agg(d::text, chr(10) ORDER BY d.e, d.a, d.v)) = (SELECT md5(string_agg(d::text, chr(10) ORDER BY d.e, d.a, d.v))
	FROM (SELECT DISTINCT ON (e, a) * FROM pur ORDER BY e, a, tx DESC) d) AS same FROM datom.as_of('pur') d;

-- several tables are one by a view
SELECT datom.create('pur2');
SELECT count(datom.define_attribute('pur2', ':purchase/id', 'string'));
INSERT INTO pur2 (e, a, v) VALUES (1, ':purchase/id', 'other');
CREATE VIEW every AS SELECT tableoid::regclass AS db, * FROM pur UNION ALL SELECT tableoid::regclass, * FROM pur2;
SELECT db, e, v FROM every WHERE e = 1001 AND a = ':purchase/id' OR db = 'pur2'::regclass AND e = 1 AND a = ':purchase/id' ORDER BY 1;

DROP VIEW every;
DROP TABLE pur, pur2;
DROP FUNCTION by, facts;
