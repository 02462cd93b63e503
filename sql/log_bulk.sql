--
-- Bulk loads: what COPY of hundreds of rows checks. It locks the table and
-- reads the log only for values that it has met before.
--
SET client_min_messages = warning;
SELECT datom.create('bulk');
SELECT datom.define_attribute('bulk', ':bulk/id', 'long', uniqueness => 'identity'),
	datom.define_attribute('bulk', ':bulk/name', 'string');

-- entities from first to last, each with the value itself plus shift, then more
CREATE PROCEDURE load(attribute text, first int, last int, shift int, more text DEFAULT '') LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('COPY bulk (e, a, v) FROM PROGRAM %L', format(
		'seq %s %s | awk ''{ print $1 "\t%s\t" $1 + %s }''; printf ''%s''', first, last, attribute, shift, more));
END
$$;

-- the attribute is new: values are unique among themselves
CALL load(':bulk/id', 1001, 1300, 1000000, '1400\t:bulk/id\t1001007\n');
CALL load(':bulk/id', 1001, 1300, 1000000, '1007\t:bulk/id\t1001007\n');
SELECT count(*), count(DISTINCT e), count(DISTINCT v) FROM bulk WHERE a = ':bulk/id';

-- it is not: and among those that were there
CALL load(':bulk/id', 2001, 2300, 1000000);
CALL load(':bulk/id', 3001, 3300, 999000);
CALL load(':bulk/id', 1001, 1300, 1000000);

-- in one transaction: several loads, and rows between them
SELECT datom.define_attribute('bulk', ':bulk/other', 'long', uniqueness => 'value');
BEGIN;
CALL load(':bulk/other', 1, 300, 0);
CALL load(':bulk/other', 1001, 1300, -1000);
ROLLBACK;
BEGIN;
CALL load(':bulk/other', 1, 300, 0);
INSERT INTO bulk (e, a, v) VALUES (5000, ':bulk/other', 7);
ROLLBACK;
BEGIN;
INSERT INTO bulk (e, a, v) VALUES (5000, ':bulk/other', 7);
CALL load(':bulk/other', 1, 300, 0);
ROLLBACK;

-- what a savepoint took back is free again
BEGIN;
SAVEPOINT s;
CALL load(':bulk/other', 1, 300, 0);
ROLLBACK TO s;
CALL load(':bulk/other', 1001, 1300, -1000);
CALL load(':bulk/other', 1301, 1600, -1000);
SAVEPOINT s;
CALL load(':bulk/other', 1601, 1900, -1000);
RELEASE s;
CALL load(':bulk/other', 1, 300, 700);
ROLLBACK;

-- rows with a transaction of their own leave no fingerprint, but are met
BEGIN;
CALL load(':bulk/other', 1, 300, 0);
INSERT INTO bulk (e, a, v, tx, added) VALUES (6000, ':bulk/other', 888::bigint, datom.current_tx(), true);
CALL load(':bulk/other', 601, 900, 0);
ROLLBACK;

-- one value of a cardinality-one attribute, in batches too
COPY bulk (e, a, v) FROM PROGRAM 'seq 1 500 | awk ''{ print 4 "\t:bulk/name\tsame" }''';
COPY bulk (e, a, v) FROM PROGRAM 'seq 1 5000 | awk ''{ print $1 "\t:bulk/name\t" $1 }''; printf "17\t:bulk/name\tother\n"';
SELECT count(*) FROM bulk WHERE a = ':bulk/name';
DROP TABLE bulk;
DROP PROCEDURE load;
