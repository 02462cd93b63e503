--
-- A moment for each row: datom.entity_as_of() and datom.pit()
--
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
\pset null ~
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET client_min_messages = warning;
CREATE SCHEMA point_in_time;
SET search_path = point_in_time;

CREATE FUNCTION try(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE hint text;
BEGIN
	EXECUTE query;
	RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
	RETURN SQLSTATE || ' ' || SQLERRM || CASE hint WHEN '' THEN '' ELSE ' | ' || hint END;
END $$;

SELECT datom.create('pur', importing => true);
BEGIN;
SELECT datom.import_tx('pur', '2012-01-01Z') > 0, datom.define_attribute('pur', ':p/id', 'string', uniqueness => 'identity') > 0, datom.define_attribute('pur', ':p/amount', 'bigdec') > 0,
	datom.define_attribute('pur', ':p/tags', 'string', 'many') > 0, datom.define_attribute('pur', ':p/at', 'instant') > 0, datom.define_attribute('pur', ':p/day', 'date') > 0, datom.define_attribute('pur', ':p/buyer', 'ref') > 0;
SELECT datom.import_tx('pur', '2013-01-01Z') AS tx2013 \gset
INSERT INTO pur (e, a, v) VALUES (1001, ':p/id', 'p1'), (1001, ':p/amount', 10.125), (1001, ':p/at', '2012-12-30Z'::timestamptz), (1001, ':p/day', '2012-12-30'::date), (1001, ':p/tags', 'a'),
	(1002, ':p/id', 'p2'), (1002, ':p/buyer', datom.ref(1001));
SELECT datom.import_tx('pur', '2014-01-01Z') AS tx2014 \gset
INSERT INTO pur (e, a, v) VALUES (1001, ':p/amount', 20), (1001, ':p/tags', 'b'), (1001, ':p/id', 'p1 again'), (1002, ':p/amount', 7);
SELECT datom.import_tx('pur', '2015-01-01Z') AS tx2015 \gset
INSERT INTO pur (e, a, v, added) VALUES (1001, ':p/id', 'p1 again', false), (1002, ':p/amount', 7, false);
SELECT datom.import_tx('pur', '2016-01-01Z') AS tx2016 \gset
INSERT INTO pur (e, a, v) VALUES (1001, ':p/id', 'back'), (1001, ':p/at', '2012-12-31Z'::timestamptz), (1001, ':p/day', '2012-12-31'::date);
COMMIT;
SELECT datom.live('pur');
CREATE FOREIGN TABLE p (e bigint, id text, amount numeric(10,2), tags text[], at timestamptz, day date, buyer text OPTIONS (identity ':p/id')) SERVER datom OPTIONS (db 'pur', namespace 'p');
CREATE TABLE labels (n serial, e bigint, t timestamptz, tx bigint, fraud boolean, small int, name text, soon timestamptz);
INSERT INTO labels (e, t, tx, fraud) VALUES (1001, '2012-12-31 23:59:59.999999Z', NULL, true), (1001, '2013-01-01Z', :tx2013, false), (1001, '2013-06-01Z', NULL, true), (1001, '2014-01-01Z', :tx2014, true),
	(1001, '2015-06-01Z', :tx2015, false), (1001, '2016-06-01Z', :tx2016, true), (1002, '2014-06-01Z', :tx2014, true), (1002, '2015-06-01Z', NULL, true), (1003, '2014-06-01Z', :tx2014, false),
	(NULL, '2014-06-01Z', :tx2014, true), (1001, NULL, NULL, true), (1001, '2013-06-01Z', NULL, false), (1001, '-infinity', NULL, false);
UPDATE labels SET small = e, soon = t + interval '1000 days', name = 'label ' || n;

-- one entity at a time
SELECT n, p.* FROM labels l LEFT JOIN LATERAL datom.entity_as_of(NULL::p, l.e, l.t) p ON true ORDER BY n;
SELECT n, id FROM labels l, datom.entity_as_of(NULL::p, l.e, l.tx) ORDER BY n;
SELECT n, id, amount FROM labels l, datom.entity_as_of(NULL::p, l.e, to_char(l.t, 'YYYY-MM-DD"T"HH24:MI:SSZ')) WHERE isfinite(t) ORDER BY n;
SELECT datom.entity_as_of(NULL::p, 1001, '2013-06-01T00:00:00Z');
SELECT n, (datom.entity_as_of(NULL::p, e, tx)).id FROM labels WHERE n IN (2, 9, 10, 7) ORDER BY n;
SELECT count(*) FROM datom.entity_as_of(NULL::p, NULL, now()) x, datom.entity_as_of(NULL::p, 1001, NULL::timestamptz) y;

-- all at once
SELECT * FROM datom.pit('labels', 'e', 't', 'p') x (n int, e bigint, t timestamptz, fraud boolean, id text, amount numeric, tags text[], buyer text) ORDER BY n;
-- a column is the entity table's where labels have none of that name, or where it says so
SELECT * FROM datom.pit('labels', 'small', 't', 'p') x (n int, e bigint, entity_e bigint, entity_amount numeric(10,2), valid_from timestamptz) ORDER BY n;
-- at transactions, and before them
SELECT * FROM datom.pit('labels', 'e', 'tx', 'p') x (n int, id text, valid_from timestamptz) ORDER BY n;
SELECT * FROM datom.pit('labels', 'e', 't', 'p', inclusive => false) x (n int, t timestamptz, id text, amount numeric) WHERE n < 7 ORDER BY n;
-- what began too long before does not count
SELECT * FROM datom.pit('labels', 'e', 't', 'p', max_age => '200 days') x (n int, t timestamptz, id text, valid_from timestamptz) ORDER BY n;
-- by event time, as far as it was known
SELECT * FROM datom.pit('labels', 'e', 't', 'p', 'at') x (n int, t timestamptz, at timestamptz, amount numeric, valid_from timestamptz) ORDER BY n;
SELECT * FROM datom.pit('labels', 'e', 't', 'p', 'day', known => 'soon') x (n int, t timestamptz, day date, amount numeric, valid_from timestamptz) ORDER BY n;
SELECT * FROM datom.pit('labels', 'e', 't', 'p', 'day', max_age => '1 year 2 days') x (n int, t timestamptz, day date) ORDER BY n;
-- that reaches back to before all time is none
SELECT age, (SELECT count(*) FROM (SELECT * FROM datom.pit('labels', 'e', 't', 'p', max_age => age) x (n int, amount numeric, valid_from timestamptz)
		EXCEPT SELECT * FROM datom.pit('labels', 'e', 't', 'p') x (n int, amount numeric, valid_from timestamptz)) d) AS differ
	FROM (VALUES (interval '6738 years'), ('6739 years'), ('100000 years'), ('178000000 years'), ('2147483647 days')) a(age);
SELECT count(*) FROM datom.pit('labels', 'e', 't', 'p', 'day', max_age => '10000 years') x (n int, day date) WHERE day IS NOT NULL;
-- labels from a view, and from the entity table itself
CREATE VIEW some_labels AS SELECT e AS "The Entity", t AS "select" FROM labels WHERE n < 4;
SELECT * FROM datom.pit('some_labels', 'The Entity', 'select', 'p') x ("select" timestamptz, id text) ORDER BY 1;
SELECT * FROM datom.pit('p', 'e', 'at', 'p', 'at', known => 'at') x (id text, e bigint, entity_id text) ORDER BY 2;
SELECT count(*) FROM datom.pit('p', 'e', 'at', 'p', 'at') x (id text);
SELECT count(*) FROM datom.pit('pur', 'e', 'tx', 'p') x (e bigint, id text) WHERE id IS NOT NULL;
-- whatever is in force
SET datom.as_of = '2013-06-01Z';
SELECT * FROM datom.pit('labels', 'e', 't', 'p') x (n int, id text, amount numeric) WHERE n IN (3, 6) ORDER BY n;
SELECT id FROM datom.entity_as_of(NULL::p, 1001, '2016-06-01Z'::timestamptz);
RESET datom.as_of;
-- what this transaction has said was said after all moments
BEGIN;
INSERT INTO pur (e, a, v) VALUES (1001, ':p/id', 'own'), (1003, ':p/id', 'own too');
SELECT id FROM p ORDER BY id;
SELECT * FROM datom.pit('labels', 'e', 't', 'p') x (n int, id text) WHERE n IN (6, 9) ORDER BY n;
SELECT * FROM datom.pit('labels', 'e', 't', 'p', 'at') x (n int, id text) WHERE n IN (6, 9) ORDER BY n;
ROLLBACK;

-- no workers where a moment may need a newer snapshot
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
EXPLAIN (COSTS off) SELECT count(*) FROM labels;
EXPLAIN (COSTS off) SELECT count(*) FROM labels l, datom.entity_as_of(NULL::p, l.e, l.t);
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;

-- what is wrong
CREATE INDEX some_index ON labels (e);
CREATE FUNCTION pit(arguments text, columns text DEFAULT 'n int, id text') RETURNS text LANGUAGE sql AS $$ SELECT try(format('SELECT * FROM datom.pit(%s) x (%s)', arguments, columns)) $$;
SELECT pit(a) FROM unnest(ARRAY[$$'labels', 'nobody', 't', 'p'$$, $$'labels', 'e', 'when', 'p'$$, $$'labels', 'name', 't', 'p'$$, $$'labels', 'e', 'name', 'p'$$, $$'labels', 'e', 't', 'labels'$$, $$'some_index', 'e', 't', 'p'$$,
	$$'labels', 'e', 't', 'p', 'happened'$$, $$'labels', 'e', 't', 'p', 'amount'$$, $$'labels', 'e', 't', 'p', known => 't'$$, $$'labels', 'e', 't', 'p', 'at', 'fraud'$$, $$'labels', 'e', 't', 'p', max_age => '-1 s'$$,
	$$NULL, 'e', 't', 'p'$$, $$'labels', NULL, 't', 'p'$$, $$'labels', 'e', NULL, 'p'$$, $$'labels', 'e', 't', NULL$$, $$'labels', 'e', 't', 'p', inclusive => NULL$$, $$1, 'e', 't', 'p'$$, $$'labels', 'ctid', 't', 'p'$$]) a;
SELECT pit($$'labels', 'e', 't', 'p'$$, c) FROM unnest('{n bigint,amount float8,"amount numeric(5,1)",id varchar,"tags text",valid_from text,nothing int,entity_nothing int,"entity_e int"}'::text[]) c;
SELECT try($$SELECT datom.pit('labels', 'e', 't', 'p')$$);
SELECT try($$SELECT * FROM datom.entity_as_of(1, 1, now())$$);
SELECT try($$SELECT * FROM datom.entity_as_of(NULL::labels, 1, now())$$);
-- moments to come, of anybody, and transactions that there are not
INSERT INTO labels (e, t, tx, name) VALUES (77, '2900-01-01Z', 4000000000, 'far');
SELECT pit(format($$'labels', 'e', '%s', 'p'$$, c)) FROM unnest('{t,tx}'::text[]) c;
ALTER TABLE labels ADD past timestamptz DEFAULT '2016-06-01Z';
SELECT count(*), count(at) FROM datom.pit('labels', 'e', 't', 'p', 'at', known => 'past') x (e bigint, at timestamptz);
UPDATE labels SET t = 'infinity' WHERE name = 'far';
SELECT pit($$'labels', 'e', 't', 'p'$$);
SELECT try($$SELECT * FROM datom.entity_as_of(NULL::p, 1001, '2900-01-01Z'::timestamptz)$$);
DELETE FROM labels WHERE name = 'far';

-- rights: those of the caller to what is read of both
CREATE ROLE regress_pit;
GRANT USAGE ON SCHEMA point_in_time TO regress_pit;
CREATE FUNCTION ask(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE said text;
BEGIN
	SET LOCAL ROLE regress_pit;
	said := try(query);
	RESET ROLE;
	RETURN said;
END $$;
SET variable.q = $$SELECT * FROM datom.pit('labels', 'e', 't', 'p') x (n int, amount numeric)$$;
SELECT ask(current_setting('variable.q'));
GRANT SELECT ON p TO regress_pit;
SELECT ask(current_setting('variable.q'));
GRANT SELECT (n, e) ON labels TO regress_pit;
SELECT ask(current_setting('variable.q'));
GRANT SELECT (t) ON labels TO regress_pit;
SELECT ask(current_setting('variable.q'));
SELECT ask($$SELECT * FROM datom.pit('labels', 'e', 't', 'p') x (n int, fraud boolean)$$);
REVOKE SELECT ON p FROM regress_pit;
GRANT SELECT (amount, at) ON p TO regress_pit;
SELECT ask(current_setting('variable.q'));
SELECT ask(format($$SELECT * FROM datom.pit('labels', 'e', 't', 'p'%s) x (%s)$$, a, c)) FROM (VALUES ('', 'n int, id text'), ('', 'n int, valid_from timestamptz'), (', max_age => ''1 day''', 'n int, amount numeric'),
	(', ''day''', 'n int, amount numeric'), (', ''at''', 'n int, amount numeric'), ('', 'n int')) x (a, c);
SELECT ask($$SELECT * FROM datom.entity_as_of(NULL::p, 1001, '2014-01-01Z')$$);
-- rows that a policy hides are no labels
ALTER TABLE labels ENABLE ROW LEVEL SECURITY;
CREATE POLICY two ON labels TO regress_pit USING (n < 3);
SET ROLE regress_pit;
SELECT * FROM datom.pit('labels', 'e', 't', 'p') x (n int, amount numeric) ORDER BY n;
RESET ROLE;
-- and the right of the entity table's owner to the datom table
CREATE ROLE regress_pit_owner;
ALTER FOREIGN TABLE p OWNER TO regress_pit_owner;
SELECT ask(current_setting('variable.q'));
SELECT try($$SELECT * FROM datom.entity_as_of(NULL::p, 1001, '2014-01-01Z')$$);

RESET search_path;
DROP SCHEMA point_in_time CASCADE;
DROP ROLE regress_pit, regress_pit_owner;
