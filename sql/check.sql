--
-- datom.check(): each fault is named, and nothing else
--
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
SET timezone = 'UTC';
CREATE SCHEMA checking;
SET search_path = checking;
SET datestyle = 'ISO';

-- the faults of a table; transactions by their place, 99 for one without a place
CREATE FUNCTION faults(db regclass) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT concat_ws(' | ', c.rule, 'e ' || CASE WHEN c.e < 0 THEN 'tx' ELSE c.e::text END, c.a, 'tx ' || coalesce((
		SELECT i FROM (SELECT tx, row_number() OVER (ORDER BY tx) AS i FROM datom.tx t WHERE t.db = $1 GROUP BY tx) n
		WHERE n.tx = c.tx), CASE WHEN c.tx IS NOT NULL THEN 99 END), c.detail)
	FROM datom.check($1) c ORDER BY c.rule COLLATE "C", c.e, c.a, c.tx
$$;

-- a table without a row, and one without a fault
SELECT datom.create('pur');
SELECT count(*) FROM datom.check('pur');
BEGIN;
SELECT datom.define_attribute('pur', ':p/id', 'string', 'one', 'identity'),
	datom.define_attribute('pur', ':p/code', 'long', 'many', 'value'),
	datom.define_attribute('pur', ':p/name', 'string'),
	datom.define_attribute('pur', ':p/amount', 'bigdec'),
	datom.define_attribute('pur', ':p/tags', 'string', 'many'),
	datom.define_attribute('pur', ':p/to', 'ref', 'many');
SELECT count(*) FROM datom.check('pur');
COMMIT;
INSERT INTO pur (e, a, v) VALUES
	(100, ':p/id', 'a'), (100, ':p/code', '1'), (100, ':p/code', '2'), (100, ':p/name', 'Ann'), (100, ':p/amount', '1.0'),
	(100, ':p/tags', 'x'), (100, ':p/tags', 'y'), (101, ':p/id', 'b'), (101, ':p/to', '100');
-- of a cardinality-one attribute: a new value, the same again, the same in other digits
INSERT INTO pur (e, a, v) VALUES (100, ':p/name', 'Bob'), (100, ':p/name', 'Bob'), (100, ':p/amount', '1.0'), (100, ':p/amount', '1.00');
-- a unique value changes hands, and comes back
INSERT INTO pur (e, a, v, added) VALUES (100, ':p/id', 'a', false), (102, ':p/id', 'a', true);
INSERT INTO pur (e, a, v) VALUES (102, ':p/id', 'c'), (100, ':p/id', 'a');
-- facts about transactions, and about what is not there yet
INSERT INTO pur (e, a, v) SELECT -min(tx), ':p/tags', 'first' FROM datom.tx WHERE db = 'pur'::regclass;
INSERT INTO pur (e, a, v) VALUES (-datom.current_tx(), ':p/tags', 'this');
INSERT INTO pur (e, a, v) VALUES (100, ':p/to', '999999');
INSERT INTO pur (e, a, v, added) VALUES (103, ':p/id', 'never', false);
SELECT count(*) FROM datom.check('pur');
-- the numbers of transactions, by their place
SELECT array_agg(tx ORDER BY tx) AS txs, max(tx) AS last, max(tx) + 1000 AS unknown FROM datom.tx WHERE db = 'pur'::regclass \gset

-- one's own facts are sound before they are committed
BEGIN;
INSERT INTO pur (e, a, v) VALUES (104, ':p/id', 'own'), (-datom.current_tx(), ':p/tags', 'own');
SELECT count(*) FROM datom.check('pur');
ROLLBACK;

--
-- attribute
--
BEGIN;
INSERT INTO pur VALUES (110, ':p/unknown', 'x', :last, true), (110, ':db/unknown', 'x', :last, true), (111, ':p/gone', 'x', :last, false);
SELECT faults('pur');
ROLLBACK;
-- used before it was defined
BEGIN;
SELECT datom.define_attribute('pur', ':p/late', 'long') > 0;
INSERT INTO pur (e, a, v) VALUES (110, ':p/late', '1');
SELECT count(*) FROM datom.check('pur');
INSERT INTO pur VALUES (110, ':p/late', '1'::bigint, :last, true);
SELECT faults('pur');
ROLLBACK;

--
-- type
--
BEGIN;
INSERT INTO pur VALUES (110, ':p/name', 1::bigint, :last, true), (110, ':p/amount', 1::bigint, :last, true), (110, ':p/to', 'x'::text, :last, false),
	(110, ':p/amount', 1::numeric, :last, true);
SELECT faults('pur');
ROLLBACK;

--
-- unique: identities and values, now and in the past only
--
BEGIN;
INSERT INTO pur VALUES (110, ':p/id', 'b'::text, :last, true), (110, ':p/code', 2::bigint, :last, true), (110, ':p/code', 1::bigint, :last, false);
SELECT faults('pur');
ROLLBACK;
BEGIN;
INSERT INTO pur VALUES (110, ':p/id', 'b'::text, (:'txs'::bigint[])[3], true), (110, ':p/id', 'b'::text, (:'txs'::bigint[])[4], false);
SELECT faults('pur');
INSERT INTO pur VALUES (111, ':p/id', 'b'::text, (:'txs'::bigint[])[4], true), (111, ':p/id', 'd'::text, (:'txs'::bigint[])[5], true);
SELECT faults('pur');
ROLLBACK;
-- two, one after the other, while a third has it
BEGIN;
INSERT INTO pur VALUES (110, ':p/id', 'b'::text, (:'txs'::bigint[])[3], true), (110, ':p/id', 'b'::text, (:'txs'::bigint[])[4], false),
	(111, ':p/id', 'b'::text, (:'txs'::bigint[])[6], true), (111, ':p/id', 'b'::text, (:'txs'::bigint[])[7], false);
SELECT faults('pur');
ROLLBACK;
-- nobody else had it then
BEGIN;
INSERT INTO pur VALUES (110, ':p/id', 'z'::text, (:'txs'::bigint[])[2], true), (110, ':p/id', 'z'::text, (:'txs'::bigint[])[3], false),
	(111, ':p/id', 'z'::text, (:'txs'::bigint[])[3], true);
SELECT count(*) FROM datom.check('pur');
ROLLBACK;
-- an attribute that becomes unique is so from then on
BEGIN;
INSERT INTO pur (e, a, v) VALUES (110, ':p/name', 'twice'), (111, ':p/name', 'twice');
COMMIT;
INSERT INTO pur (e, a, v) VALUES (111, ':p/name', 'once');
SELECT datom.define_attribute('pur', ':p/name', 'string', 'one', 'value') > 0;
SELECT count(*) FROM datom.check('pur');
SELECT max(tx) AS last, max(tx) + 1000 AS unknown, array_agg(tx ORDER BY tx) AS txs FROM datom.tx WHERE db = 'pur'::regclass \gset
BEGIN;
INSERT INTO pur VALUES (112, ':p/name', 'once'::text, :last, true);
SELECT faults('pur');
ROLLBACK;

--
-- cardinality
--
BEGIN;
INSERT INTO pur VALUES (110, ':p/amount', 1::numeric, :last, true), (110, ':p/amount', 2::numeric, :last, true), (110, ':p/amount', 2.00::numeric, :last, true),
	(110, ':p/amount', 3::numeric, :last, false), (111, ':p/amount', 3::numeric, :last, true), (111, ':p/amount', 3.0::numeric, :last, true),
	(110, ':p/tags', 'x'::text, :last, true), (110, ':p/tags', 'y'::text, :last, true);
SELECT faults('pur');
ROLLBACK;
-- what was of cardinality many then, and is of cardinality one now
SELECT datom.define_attribute('pur', ':p/many', 'long', 'many') > 0;
INSERT INTO pur (e, a, v) VALUES (110, ':p/many', '1'), (110, ':p/many', '2');
INSERT INTO pur (e, a, v, added) VALUES (110, ':p/many', '2', false);
SELECT datom.define_attribute('pur', ':p/many', 'long', 'one') > 0;
INSERT INTO pur (e, a, v) VALUES (110, ':p/many', '3');
SELECT count(*) FROM datom.check('pur');
SELECT max(tx) AS last, max(tx) + 1000 AS unknown, array_agg(tx ORDER BY tx) AS txs FROM datom.tx WHERE db = 'pur'::regclass \gset
BEGIN;
INSERT INTO pur VALUES (110, ':p/many', 4::bigint, :last, true);
SELECT faults('pur');
ROLLBACK;

--
-- entry: a transaction that is not in datom.tx
--
BEGIN;
INSERT INTO pur VALUES (110, ':p/tags', 'x'::text, :unknown, true);
SELECT faults('pur');
ROLLBACK;
BEGIN;
DELETE FROM datom.tx WHERE db = 'pur'::regclass AND tx = (:'txs'::bigint[])[3];
SELECT faults('pur');
ROLLBACK;
-- it is in another table
BEGIN;
SELECT datom.create('cus');
UPDATE datom.tx SET db = 'cus'::regclass WHERE db = 'pur'::regclass AND tx = (:'txs'::bigint[])[3];
SELECT faults('pur');
SELECT count(*) FROM datom.check('cus');
ROLLBACK;

--
-- instant: two transactions at one, and one at two
--
CREATE TABLE entries AS SELECT * FROM datom.tx WHERE db = 'pur'::regclass;
UPDATE datom.tx SET instant = (SELECT instant FROM entries WHERE tx = (:'txs'::bigint[])[3])
WHERE db = 'pur'::regclass AND tx = (:'txs'::bigint[])[4];
SELECT regexp_replace(faults('pur'), 'tx [34]', 'tx 3 or 4');
UPDATE datom.tx SET instant = (SELECT instant FROM entries WHERE tx = (:'txs'::bigint[])[4])
WHERE db = 'pur'::regclass AND tx = (:'txs'::bigint[])[4];
SELECT count(*) FROM datom.check('pur');
INSERT INTO datom.tx SELECT db, instant + interval '1 microsecond', tx, low, role, application FROM entries WHERE tx = (:'txs'::bigint[])[3];
SELECT faults('pur');
-- what is deleted is gone, before VACUUM as after it
DELETE FROM datom.tx WHERE db = 'pur'::regclass;
SELECT count(*) > 0 FROM datom.check('pur') WHERE rule = 'entry';
SELECT datom.instant((:'txs'::bigint[])[3]) IS NULL;
INSERT INTO datom.tx SELECT * FROM entries;
SELECT count(*) FROM datom.check('pur');
-- those of other tables do not matter
BEGIN;
SELECT datom.create('cus');
INSERT INTO datom.tx SELECT 'cus', instant, tx, low, role, application FROM entries;
SELECT count(*) FROM datom.check('pur');
ROLLBACK;

--
-- entity: neither positive nor a transaction of the table
--
BEGIN;
INSERT INTO pur VALUES (0, ':p/tags', 'x'::text, :last, true), (-:unknown, ':p/tags', 'x'::text, :last, true),
	(-9223372036854775808, ':p/tags', 'x'::text, :last, true), (-:last, ':p/tags', 'x'::text, :last, true);
SELECT faults('pur');
ROLLBACK;

--
-- sequence: below an entity, and below a transaction
--
SELECT last_value AS e FROM pur_e_seq \gset
SELECT setval('pur_e_seq', 20) IS NOT NULL;
SELECT faults('pur');
SELECT setval('pur_e_seq', :e) IS NOT NULL;
SELECT count(*) FROM datom.check('pur');
SELECT last_value AS tx FROM datom.tx_id \gset
SELECT setval('datom.tx_id', 1) IS NOT NULL;
SELECT faults('pur');
SELECT setval('datom.tx_id', :tx) IS NOT NULL;
SELECT count(*) FROM datom.check('pur');

--
-- several at once, without the indexes too
--
BEGIN;
INSERT INTO pur VALUES (0, ':p/unknown', 'x', :unknown, true), (110, ':p/amount', 'x', :last, true), (110, ':p/amount', 'y', :last, true),
	(112, ':p/id', 'b', :last, true);
SELECT faults('pur');
DROP INDEX pur_tx_e_idx, pur_a_e_idx, pur_e_a_idx, pur_a_v_idx, pur_v_a_idx;
SELECT faults('pur');
ROLLBACK;

--
-- imported: sound as of its instants, and all that is asked is a datom table
--
SELECT datom.create('old', true);
BEGIN;
SELECT datom.import_tx('old', '2010-01-01T00:00:00Z') > 0, datom.define_attribute('old', ':p/id', 'string', 'one', 'identity');
SELECT datom.import_tx('old', '2011-01-01T00:00:00Z') > 0;
INSERT INTO old (e, a, v) VALUES (1000, ':p/id', 'a'), (-datom.current_tx(), ':p/id', 'now');
SELECT count(*) FROM datom.check('old');
ROLLBACK;
SELECT * FROM datom.check('pg_class');
\echo :LAST_ERROR_SQLSTATE
SELECT count(*) FROM datom.check(NULL);

SET client_min_messages = warning;
DROP SCHEMA checking CASCADE;
