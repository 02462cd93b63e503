--
-- What is expected of the rows of saved queries
--
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
SET timezone = 'UTC';
SET datestyle = 'ISO';
CREATE SCHEMA expectation;
SET search_path = expectation;

-- SQLSTATE, message, position and hint of what a statement does
CREATE FUNCTION try(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE message text; detail text; hint text;
BEGIN
	EXECUTE statement;
	RETURN 'done';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN concat_ws('; ', sqlstate || ' ' || message, nullif(detail, ''), nullif(hint, ''));
END $$;

SELECT * FROM datom.check_expectations();
SELECT count(*) FROM datom.expectation;

SELECT datom.create('pur');
SELECT count(datom.define_attribute('pur', a::datom.attribute, t)) FROM (VALUES (':p/id', 'string'), (':p/amount', 'bigdec'), (':p/state', 'string')) v(a, t);
SELECT tx > 0 FROM datom.transact('pur', '[{:p/id "a" :p/amount 10M :p/state "open"} {:p/id "b" :p/amount 20M :p/state "paid"} {:p/id "c" :p/state "open"}]');
SELECT max(instant) AS before FROM datom.tx WHERE db = 'pur'::regclass \gset
CREATE VIEW purchase AS SELECT id, amount, state FROM datom.entities('pur', '{:p/id,:p/amount,:p/state}') AS p(e bigint, id text, amount numeric, state text);

-- declared, and met; a row of which it is unknown passes
SELECT datom.expect('purchase', 'positive', 'amount > 0', 'what costs nothing is no purchase');
SELECT datom.expect('expectation.purchase', 'known state', 'state IN (''open'', ''paid'')');
SELECT query, name, predicate, doc, search_path, author = current_user AS mine, declared_at BETWEEN now() - interval '1 hour' AND clock_timestamp() AS now FROM datom.expectation ORDER BY name;
SELECT * FROM datom.check_expectations();
-- and not met
SELECT tx > 0 FROM datom.transact('pur', '[{:p/id "d" :p/amount -1M :p/state "lost"}]');
SELECT * FROM datom.check_expectations();
-- as of before; and with what was expected then, which was nothing
SELECT * FROM datom.check_expectations(:'before');
SELECT datom.expect('purchase', 'complete', 'amount IS NOT NULL AND purchase.state IS NOT NULL');
SELECT * FROM datom.check_expectations(as_of => :'before', query => 'purchase');
SET datom.as_of = :'before';
SELECT * FROM datom.check_expectations();
SELECT count(*) FROM datom.expectation;
SELECT try($$SELECT datom.expect('purchase', 'x', 'true')$$);
RESET datom.as_of;
-- replaced: the last one counts, also in one transaction
BEGIN;
SELECT datom.expect('purchase', 'complete', 'amount IS NOT NULL');
SELECT datom.drop_expectation('purchase', 'complete');
SELECT datom.expect('purchase', 'complete', 'state IS NOT NULL');
SELECT name, predicate, declared_at IS NULL AS saying FROM datom.expectation ORDER BY name;
SELECT * FROM datom.check_expectations(query => 'purchase') WHERE expectation = 'complete';
COMMIT;
SELECT name, predicate, declared_at IS NULL AS saying FROM datom.expectation ORDER BY name;
SELECT datom.drop_expectation('purchase', 'complete');
SELECT datom.drop_expectation('purchase', 'complete');
SELECT expectation, failures FROM datom.check_expectations();

-- what is no condition on a row
SELECT p, try(format('SELECT datom.expect(''purchase'', ''bad'', %L)', p)) FROM unnest(ARRAY['amount', 'amout > 0', 'amount > ', 'amount >> 0', '', '*', 'purchase.*', 'true, false', 'amount > 0 AS x', 'true FROM pg_class',
	'true WHERE true', 'DISTINCT true', 'true LIMIT 1', 'true ORDER BY 1', 'true) IS FALSE; DROP VIEW purchase; --', 'count(*) > 0', 'row_number() OVER () > 0', 'generate_series(1, 2) > 1',
	'no_such(amount)', '$1 > 0', 'amount > ''x''', 'SELECT true', 'true; true']) p;
SELECT datom.expect('purchase', 'bad', 'amount > 0 AND amuont < 7');
-- what is one
SELECT p, try(format('SELECT datom.expect(''purchase'', %L, %L)', 'no ' || i, p)) FROM unnest(ARRAY['true', 'NULL', 'purchase IS NOT NULL', '(purchase.*) IS NOT NULL', 'amount > (SELECT -5)', 'id = ''a'' OR /* or */ id > ''a'' -- and so on',
	'CASE WHEN amount < 0 THEN 1 / (amount + 1) > 0 ELSE true END', 'NOT EXISTS (SELECT FROM purchase p WHERE p.id = purchase.id HAVING count(*) > 1)']) WITH ORDINALITY a(p, i);
-- an error ends only its own
SELECT expectation, rows, failures, examples, error FROM datom.check_expectations() WHERE expectation LIKE 'no %';
SELECT count(datom.drop_expectation('purchase', 'no ' || i)) FROM generate_series(1, 8) i;

-- arguments
SELECT q, try('SELECT ' || q) FROM unnest(ARRAY['datom.expect(NULL, ''x'', ''true'')', 'datom.expect(''purchase'', NULL, ''true'')', 'datom.expect(''purchase'', ''x'', NULL)', 'datom.expect(''purchase'', '''', ''true'')',
	'datom.expect(''nothing'', ''x'', ''true'')', 'datom.expect(''no.such'', ''x'', ''true'')', 'datom.expect(''a.b.c.d'', ''x'', ''true'')', 'datom.expect(''pur_e_seq'', ''x'', ''true'')',
	'datom.drop_expectation(''purchase'', ''nothing'')', 'datom.drop_expectation(''nothing'', ''x'')', 'datom.check_expectations(''yesterday'')', 'datom.check_expectations(''1'')', 'datom.check_expectations(query => ''nothing'')']) q;
CREATE TEMPORARY VIEW fleeting AS SELECT 1 AS i;
SELECT try($$SELECT datom.expect('fleeting', 'x', 'i > 0')$$);

-- at most five examples; tables; columns of any type and name
CREATE TABLE "Odd" AS SELECT i AS "Odd", NULL::int AS nothing, 'infinity'::timestamptz AS "When" FROM generate_series(1, 100) i;
SELECT datom.expect('"Odd"', 'small', '"Odd" < 91');
SELECT datom.expect('"Odd"', 'row', '("Odd".*) IS NULL');
SELECT expectation, rows, failures, jsonb_array_length(examples) AS examples, examples -> 0 ?& '{Odd,nothing,When}' AS columns FROM datom.check_expectations(query => '"Odd"');
-- names are understood as when it was declared
CREATE SCHEMA other;
CREATE FUNCTION small(int) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RETURN $1 < (SELECT 50 FROM here); END $$;
CREATE TABLE here AS SELECT 1;
CREATE FUNCTION other.small(int) RETURNS boolean LANGUAGE sql AS 'SELECT false';
SELECT datom.expect('"Odd"', 'small', 'small("Odd")');
SET search_path = other;
SELECT query, expectation, failures, error FROM datom.check_expectations() ORDER BY 1, 2;
SHOW search_path;
SET search_path = expectation;
-- what is gone says so, by name
ALTER TABLE "Odd" RENAME "Odd" TO even;
SELECT expectation, rows, failures, error FROM datom.check_expectations(query => '"Odd"');
DROP TABLE "Odd";
SELECT expectation, rows, failures, error FROM datom.check_expectations(query => 'expectation."Odd"');
SELECT datom.drop_expectation('expectation."Odd"', 'small'), datom.drop_expectation('expectation."Odd"', 'row');
SELECT try($$SELECT datom.check_expectations(query => 'expectation."Odd"')$$);
-- all that was ever said is kept
SELECT count(*) > 15 FROM datom.queries WHERE a = ':expectation/name';

DROP SCHEMA other CASCADE;
DROP SCHEMA expectation CASCADE;
