--
-- What a datom table refuses: each refusal with its SQLSTATE
--
\set SHOW_CONTEXT never

SELECT datom.create('pur');
SELECT count(datom.define_attribute('pur', ':purchase/id', 'string', 'one', 'identity'));
INSERT INTO pur (e, a, v) VALUES (10, ':purchase/id', 'a'), (11, ':purchase/id', 'b');
CREATE VIEW facts AS SELECT e, v FROM pur WHERE a = ':purchase/id';
CREATE TABLE plain (e bigint, v text);
INSERT INTO plain VALUES (10, 'x');

--
-- what was said stays said
--
UPDATE pur SET v = 'z' WHERE e = 10;
\echo :LAST_ERROR_SQLSTATE
UPDATE pur SET added = false;
UPDATE facts SET v = 'z';
\echo :LAST_ERROR_SQLSTATE
UPDATE pur SET v = plain.v FROM plain WHERE plain.e = pur.e;
\echo :LAST_ERROR_SQLSTATE
DELETE FROM pur WHERE e = 10;
\echo :LAST_ERROR_SQLSTATE
DELETE FROM facts;
\echo :LAST_ERROR_SQLSTATE
WITH gone AS (DELETE FROM pur RETURNING *) SELECT count(*) FROM gone;
\echo :LAST_ERROR_SQLSTATE
BEGIN;
DECLARE c CURSOR FOR SELECT * FROM pur;
FETCH FROM c \gset
DELETE FROM pur WHERE CURRENT OF c;
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
DO $$ BEGIN DELETE FROM pur; EXCEPTION WHEN feature_not_supported THEN RAISE NOTICE 'refused'; END $$;
-- by a foreign key that cascades
CREATE TABLE parent (e bigint PRIMARY KEY);
INSERT INTO parent VALUES (10), (11), (12);
ALTER TABLE pur ADD CONSTRAINT child FOREIGN KEY (e) REFERENCES parent ON DELETE CASCADE ON UPDATE CASCADE NOT VALID;
DELETE FROM parent WHERE e = 10;
\echo :LAST_ERROR_SQLSTATE
UPDATE parent SET e = 13 WHERE e = 10;
\echo :LAST_ERROR_SQLSTATE
DELETE FROM parent WHERE e = 12;
INSERT INTO pur (e, a, v) VALUES (12, ':purchase/id', 'c');
\echo :LAST_ERROR_SQLSTATE
ALTER TABLE pur DROP CONSTRAINT child;

--
-- TRUNCATE, of a table of this transaction too
--
TRUNCATE pur;
\echo :LAST_ERROR_SQLSTATE
TRUNCATE plain, pur RESTART IDENTITY CASCADE;
\echo :LAST_ERROR_SQLSTATE
SELECT count(*) FROM plain;
BEGIN;
SELECT datom.create('young');
SELECT count(datom.define_attribute('young', ':purchase/id', 'string'));
TRUNCATE young;
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
BEGIN;
SELECT datom.create('young');
SELECT count(datom.define_attribute('young', ':purchase/id', 'string'));
SAVEPOINT s;
TRUNCATE young;
\echo :LAST_ERROR_SQLSTATE
ROLLBACK TO s;
COMMIT;
SELECT count(*) > 0 AS kept FROM young;
DROP TABLE young;
-- one that was never written may be, as by pg_restore with several jobs
SELECT datom.create('young');
TRUNCATE young;
BEGIN;
TRUNCATE young;
SELECT count(datom.define_attribute('young', ':purchase/id', 'string'));
TRUNCATE young;
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
DROP TABLE young;

--
-- rewrites
--
CLUSTER pur USING pur_e_a_idx;
\echo :LAST_ERROR_SQLSTATE
ALTER TABLE pur CLUSTER ON pur_e_a_idx;
\echo :LAST_ERROR_SQLSTATE
CLUSTER pur;
\echo :LAST_ERROR_SQLSTATE
CREATE INDEX plain_e ON plain (e);
CLUSTER plain USING plain_e;
VACUUM FULL pur;
VACUUM (FULL) pur (e), plain;
VACUUM (FULL, ANALYZE) pur, plain;
VACUUM (FULL false) pur;
VACUUM (FREEZE, ANALYZE) pur;
-- the whole database: other tables are done, datom tables are not
SELECT current_database() AS home \gset
CREATE DATABASE regression_datom_full;
\c regression_datom_full
CREATE EXTENSION datom;
SELECT datom.create('pur');
CREATE TABLE plain AS SELECT i FROM generate_series(1, 10) i;
SELECT (SELECT relfilenode FROM pg_class WHERE relname = 'pur') AS pur,
	(SELECT relfilenode FROM pg_class WHERE relname = 'plain') AS plain \gset
VACUUM FULL;
CLUSTER;
SELECT relname, relfilenode IN (:pur, :plain) AS same_file FROM pg_class WHERE relname IN ('pur', 'plain') ORDER BY 1;
\c :home
\set SHOW_CONTEXT never
DROP DATABASE regression_datom_full;

--
-- access methods
--
ALTER TABLE pur SET ACCESS METHOD heap;
\echo :LAST_ERROR_SQLSTATE
ALTER TABLE plain SET ACCESS METHOD datom;
\echo :LAST_ERROR_SQLSTATE
CREATE TABLE twin OF datom.datom;
ALTER TABLE twin SET ACCESS METHOD datom;
\echo :LAST_ERROR_SQLSTATE
DROP TABLE twin;
CREATE MATERIALIZED VIEW counted AS SELECT count(*) FROM pur;
ALTER MATERIALIZED VIEW counted SET ACCESS METHOD datom;
\echo :LAST_ERROR_SQLSTATE
DROP MATERIALIZED VIEW counted;

--
-- columns and types
--
ALTER TABLE pur NOT OF;
\echo :LAST_ERROR_SQLSTATE
CREATE TYPE other AS (e bigint, a datom.attribute, v datom.value, tx bigint, added boolean);
ALTER TABLE pur OF other;
\echo :LAST_ERROR_SQLSTATE
ALTER TABLE pur ADD COLUMN extra text;
\echo :LAST_ERROR_SQLSTATE
ALTER TABLE pur DROP COLUMN added;
\echo :LAST_ERROR_SQLSTATE
ALTER TABLE pur ALTER COLUMN e TYPE integer;
\echo :LAST_ERROR_SQLSTATE
ALTER TABLE pur RENAME COLUMN e TO entity;
\echo :LAST_ERROR_SQLSTATE
ALTER TABLE pur SET UNLOGGED;
\echo :LAST_ERROR_SQLSTATE
ALTER TABLE pur SET (fillfactor = 50), NOT OF;
\echo :LAST_ERROR_SQLSTATE
ALTER TYPE datom.datom ADD ATTRIBUTE extra text CASCADE;
\echo :LAST_ERROR_SQLSTATE
ALTER TYPE datom.datom DROP ATTRIBUTE added CASCADE;
\echo :LAST_ERROR_SQLSTATE
ALTER TYPE datom.datom ALTER ATTRIBUTE e TYPE integer CASCADE;
\echo :LAST_ERROR_SQLSTATE
ALTER TYPE datom.datom RENAME ATTRIBUTE e TO entity CASCADE;
\echo :LAST_ERROR_SQLSTATE
DROP TYPE datom.datom CASCADE;
\echo :LAST_ERROR_SQLSTATE
-- what does not touch the shape is as for any table
ALTER TABLE pur SET (autovacuum_enabled = false);
ALTER TABLE pur ALTER v SET STATISTICS 50;
ALTER TABLE pur ALTER v SET STORAGE external;
ALTER TABLE pur RENAME TO bought;
CREATE SCHEMA shop;
ALTER TABLE bought SET SCHEMA shop;
UPDATE shop.bought SET v = 'z';
\echo :LAST_ERROR_SQLSTATE
INSERT INTO shop.bought (e, a, v) VALUES (14, ':purchase/id', 'd') RETURNING e, a, v;
ALTER TABLE shop.bought SET SCHEMA public;
ALTER TABLE bought RENAME TO pur;
DROP SCHEMA shop;

--
-- other shapes
--
CREATE TABLE wrong (e bigint, v text) USING datom;
\echo :LAST_ERROR_SQLSTATE
CREATE TABLE wrong (e bigint, a datom.attribute, v datom.value, tx bigint, added boolean) USING datom;
\echo :LAST_ERROR_SQLSTATE
CREATE TABLE wrong OF other USING datom;
\echo :LAST_ERROR_SQLSTATE
CREATE TABLE wrong (LIKE pur) USING datom;
\echo :LAST_ERROR_SQLSTATE
CREATE TABLE wrong (LIKE pur INCLUDING ALL) USING datom;
\echo :LAST_ERROR_SQLSTATE
CREATE TABLE wrong () INHERITS (parent) USING datom;
\echo :LAST_ERROR_SQLSTATE
CREATE TABLE wrong () INHERITS (pur);
\echo :LAST_ERROR_SQLSTATE
CREATE TABLE wrong (LIKE pur);
ALTER TABLE wrong INHERIT pur;
\echo :LAST_ERROR_SQLSTATE
DROP TABLE wrong;
CREATE TABLE wrong PARTITION OF pur DEFAULT;
\echo :LAST_ERROR_SQLSTATE
CREATE TABLE wrong USING datom AS SELECT * FROM pur;
\echo :LAST_ERROR_SQLSTATE
CREATE TABLE wrong USING datom AS SELECT 1 AS x WITH NO DATA;
\echo :LAST_ERROR_SQLSTATE
CREATE MATERIALIZED VIEW wrong USING datom AS SELECT * FROM pur;
\echo :LAST_ERROR_SQLSTATE
CREATE MATERIALIZED VIEW wrong USING datom AS SELECT * FROM pur WITH NO DATA;
\echo :LAST_ERROR_SQLSTATE
CREATE TABLE wrong OF datom.datom PARTITION BY RANGE (e) USING datom;
\echo :LAST_ERROR_SQLSTATE
CREATE TABLE parts (LIKE pur) PARTITION BY RANGE (e);
CREATE TABLE wrong PARTITION OF parts FOR VALUES FROM (1) TO (100) USING datom;
\echo :LAST_ERROR_SQLSTATE
ALTER TABLE parts ATTACH PARTITION pur FOR VALUES FROM (1) TO (100);
\echo :LAST_ERROR_SQLSTATE
CREATE TABLE base (LIKE pur);
ALTER TABLE pur INHERIT base;
\echo :LAST_ERROR_SQLSTATE
SET default_table_access_method = datom;
CREATE TABLE wrong (e bigint);
\echo :LAST_ERROR_SQLSTATE
CREATE TABLE wrong AS SELECT 1 AS x;
\echo :LAST_ERROR_SQLSTATE
SELECT 1 AS x INTO wrong;
\echo :LAST_ERROR_SQLSTATE
CREATE MATERIALIZED VIEW wrong AS SELECT 1 AS x;
\echo :LAST_ERROR_SQLSTATE
CREATE TEMP TABLE wrong (e bigint);
\echo :LAST_ERROR_SQLSTATE
CREATE TABLE right_shape OF datom.datom;
SELECT amname FROM pg_class c JOIN pg_am a ON a.oid = relam WHERE relname = 'right_shape';
DROP TABLE right_shape;
RESET default_table_access_method;
CREATE TEMP TABLE wrong OF datom.datom USING datom;
\echo :LAST_ERROR_SQLSTATE
CREATE UNLOGGED TABLE wrong OF datom.datom USING datom;
\echo :LAST_ERROR_SQLSTATE
SELECT datom.create('pg_temp.wrong');
\echo :LAST_ERROR_SQLSTATE
CREATE TABLE right_shape OF datom.datom (CONSTRAINT positive CHECK (e <> 0), added WITH OPTIONS NOT NULL) USING datom;
DROP TABLE right_shape;
SELECT count(*) FROM pg_class WHERE relname = 'wrong';

--
-- row locks: rows that never change can be shared, not locked for a change
--
SELECT e, v FROM pur WHERE e = 10 FOR UPDATE;
\echo :LAST_ERROR_SQLSTATE
SELECT e, v FROM pur WHERE e = 10 FOR NO KEY UPDATE;
\echo :LAST_ERROR_SQLSTATE
SELECT e, v FROM pur WHERE e = 10 FOR UPDATE SKIP LOCKED;
\echo :LAST_ERROR_SQLSTATE
SELECT pur.e, plain.v FROM pur JOIN plain USING (e) WHERE pur.a = ':purchase/id' FOR UPDATE OF plain;
SELECT e, v FROM pur WHERE e = 10 FOR SHARE;
SELECT e, v FROM pur WHERE e = 10 FOR KEY SHARE NOWAIT;
SELECT xmax FROM pur WHERE e = 10;
-- which is what a foreign key to facts needs
CREATE UNIQUE INDEX pur_once ON pur (tx, e, a);
CREATE TABLE note (tx bigint, e bigint, a datom.attribute, FOREIGN KEY (tx, e, a) REFERENCES pur (tx, e, a));
INSERT INTO note SELECT tx, e, a FROM pur WHERE e = 10;
INSERT INTO note VALUES (0, 10, ':purchase/id');
\echo :LAST_ERROR_SQLSTATE
DROP TABLE note;

--
-- ON CONFLICT and MERGE: where they insert they work
--
INSERT INTO pur (e, a, v) VALUES (20, ':purchase/id', 'e') ON CONFLICT DO NOTHING;
INSERT INTO pur (e, a, v, tx, added) SELECT e, a, v, tx, added FROM pur WHERE e = 20 ON CONFLICT DO NOTHING;
INSERT INTO pur (e, a, v, tx, added) SELECT e, a, v, tx, added FROM pur WHERE e = 20 ON CONFLICT (tx, e, a) DO NOTHING;
INSERT INTO pur (e, a, v, tx, added) SELECT e, a, v, tx, added FROM pur WHERE e = 20
	ON CONFLICT (tx, e, a) DO UPDATE SET v = excluded.v;
\echo :LAST_ERROR_SQLSTATE
INSERT INTO pur (e, a, v) VALUES (21, ':purchase/id', 'f')
	ON CONFLICT (tx, e, a) DO UPDATE SET v = excluded.v RETURNING e, v;
SELECT e, v, count(*) FROM pur WHERE e IN (20, 21) GROUP BY 1, 2 ORDER BY 1;
-- that a value is taken is no conflict of an index
INSERT INTO pur (e, a, v) VALUES (22, ':purchase/id', 'f') ON CONFLICT DO NOTHING;
\echo :LAST_ERROR_SQLSTATE
MERGE INTO pur USING (VALUES (10, 'a'), (30, 'g')) s(e, v) ON pur.e = s.e AND a = ':purchase/id'
	WHEN NOT MATCHED THEN INSERT (e, a, v) VALUES (s.e, ':purchase/id', s.v);
SELECT e, v FROM pur WHERE e IN (10, 30) ORDER BY 1;
MERGE INTO pur USING plain s ON pur.e = s.e WHEN MATCHED THEN UPDATE SET v = s.v;
\echo :LAST_ERROR_SQLSTATE
MERGE INTO pur USING plain s ON pur.e = s.e WHEN MATCHED THEN DELETE;
\echo :LAST_ERROR_SQLSTATE
MERGE INTO pur USING plain s ON pur.e = s.e WHEN MATCHED THEN DO NOTHING;

--
-- a transaction that has written cannot be prepared
--
BEGIN;
INSERT INTO pur (e, a, v) VALUES (40, ':purchase/id', 'h');
PREPARE TRANSACTION 'datom';
\echo :LAST_ERROR_SQLSTATE
COMMIT;
SELECT count(*) FROM pur WHERE e = 40;
SELECT count(*) FROM pg_prepared_xacts;
BEGIN;
SAVEPOINT s;
INSERT INTO pur (e, a, v) VALUES (40, ':purchase/id', 'h');
RELEASE s;
PREPARE TRANSACTION 'datom';
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
SELECT datom.create('old', importing => true);
BEGIN;
SELECT datom.import_tx('old', '2014-11-15T13:37:42Z') > 0;
PREPARE TRANSACTION 'datom';
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;

-- nothing of all this has changed a fact
SELECT e, v, added FROM pur WHERE a = ':purchase/id' ORDER BY e;

DROP VIEW facts;
DROP TABLE plain, parent, parts, base, pur, old;
DROP TYPE other;
