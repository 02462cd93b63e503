--
-- The custom scan: the same rows, by another way
--
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET client_min_messages = warning;
CREATE SCHEMA custom_scan;
SET search_path = custom_scan;

-- a plan without what depends on the orders there are
CREATE FUNCTION plan(query text, options text DEFAULT 'COSTS off') RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
	FOR line IN EXECUTE format('EXPLAIN (%s) %s', options, query) LOOP
		IF line !~ '^ *(Order|Blocks Read|Blocks Skipped|Tail Rows|Basis|Heap Blocks|Buckets|Memory|Sort Method|Worker \d)\M' THEN
			RETURN NEXT regexp_replace(line, 'Memory Usage: \S+', 'Memory Usage: x');
		END IF;
	END LOOP;
END $$;
-- the answer of a query, or SQLSTATE and message
CREATE FUNCTION try(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE answer text;
BEGIN
	EXECUTE query INTO answer;
	RETURN answer;
EXCEPTION WHEN OTHERS THEN
	RETURN sqlstate || ' ' || sqlerrm;
END $$;
-- how many custom scans, and do functions and sequential scans give the same rows?
CREATE FUNCTION same(query text, OUT scans int, OUT same boolean, OUT rows bigint) LANGUAGE plpgsql AS $$
DECLARE
	digest constant text := 'SELECT md5(string_agg(r::text, chr(10) ORDER BY r::text)), count(*) FROM (%s) r';
	slow text;
	fast text;
	slow_rows bigint;
BEGIN
	SELECT count(*) INTO scans FROM plan(query) p WHERE p ~ 'Custom Scan';
	EXECUTE format(digest, query) INTO fast, rows;
	SET LOCAL datom.enable_scan = off;
	EXECUTE format(digest, query) INTO slow, slow_rows;
	RESET datom.enable_scan;
	same := slow IS NOT DISTINCT FROM fast AND rows = slow_rows;
END $$;
-- a query with parameters, by a plan for its values and by one for all values
CREATE FUNCTION prepared(types text, query text, VARIADIC arguments text[], OUT answers text) LANGUAGE plpgsql AS $$
DECLARE
	mode text;
	answer text;
BEGIN
	EXECUTE format('PREPARE prepared(%s) AS %s', types, query);
	FOREACH mode IN ARRAY '{force_custom_plan,force_generic_plan}'::text[] LOOP
		PERFORM set_config('plan_cache_mode', mode, true);
		answer := try(format('EXECUTE prepared(%s)', array_to_string(arguments, ', ', 'NULL')));
		answers := concat_ws(' | ', answers, coalesce(answer, 'null'));
	END LOOP;
	DEALLOCATE prepared;
	PERFORM set_config('plan_cache_mode', 'auto', true);
END $$;

SELECT datom.create('pur', true);
SELECT datom.import_tx('pur', '2010-01-01T00:00:00Z') IS NOT NULL, datom.define_attribute('pur', ':p/id', 'string'),
	datom.define_attribute('pur', ':p/amount', 'long'), datom.define_attribute('pur', ':p/tag', 'string', 'many'),
	datom.define_attribute('pur', ':p/buyer', 'ref');
CREATE FUNCTION said(year int, tx_data text) RETURNS bigint LANGUAGE sql AS $$
	SELECT tx FROM datom.transact('pur', format('[{:db/id "datomic.tx" :db/txInstant #inst "%s-01-01T00:00:00Z"} %s]', year, tx_data))
$$;
SELECT said(2011, string_agg(format('{:db/id %s :p/id "pur-%s" :p/amount %s :p/tag ["t%s" "all"] :p/buyer %s}',
	1000 + i, i, i % 100, i % 7, 1001 + i % 10), ' ')) AS tx2011 FROM generate_series(1, 1000) i \gset
SELECT said(2012, string_agg(format('{:db/id %s :p/amount %s}', 1000 + i, i % 30), ' ')) AS tx2012 FROM generate_series(1, 500) i \gset
SELECT said(2013, string_agg(format('[:db/retract %s :p/tag "all"]', 1000 + i), ' ')) AS tx2013 FROM generate_series(1, 100) i \gset
SELECT datom.live('pur');
VACUUM ANALYZE pur;
CREATE TABLE other AS SELECT 1000 + i AS e, 1000 + i AS small, (ARRAY['2010-06-01T00:00:00Z', '2011-06-01T00:00:00Z', '2012-06-01T00:00:00Z', '2013-06-01T00:00:00Z'])[1 + i % 4]::timestamptz AS at
	FROM generate_series(1, 20) i;
ANALYZE other;

--
-- which questions it takes
--
SELECT plan($$SELECT * FROM datom.as_of('pur')$$);
SELECT plan($$SELECT * FROM datom.as_of('pur', '2012-06-01T00:00:00Z'::timestamptz) d WHERE e = 1005 AND a = ':p/amount'$$);
SELECT plan($$SELECT count(*) FROM datom.since('pur', '2012-06-01T00:00:00Z'::text) s$$);
SELECT plan($$SELECT count(*) FROM datom.history('pur')$$);
SELECT plan($$SELECT e FROM datom.as_of('pur', now() - interval '1 year') WHERE a IN (':p/id', ':p/tag') AND v > 'pur-5' AND tx > 0$$);
-- and which it leaves
SELECT plan($$SELECT * FROM datom.as_of('pur') WITH ORDINALITY$$);
SELECT plan($$SELECT * FROM ROWS FROM (datom.as_of('pur'), generate_series(1, 2))$$);
SELECT plan($$SELECT datom.as_of('pur')$$);
SELECT plan($$SELECT * FROM datom.as_of('pur'::text::regclass)$$);
SELECT plan($$SELECT * FROM datom.as_of('pur', clock_timestamp())$$);
SELECT plan($$SELECT * FROM datom.log('pur')$$);
SELECT plan($$SELECT * FROM datom.as_of('other')$$);
SET datom.enable_scan = off;
SELECT plan($$SELECT * FROM datom.as_of('pur')$$);
RESET datom.enable_scan;
-- what a SQL function is inlined to, and a view
CREATE FUNCTION amounts(at timestamptz) RETURNS TABLE (e bigint, v datom.value) LANGUAGE sql STABLE AS
	$$ SELECT e, v FROM datom.as_of('pur', at) WHERE a = ':p/amount' $$;
SELECT plan($$SELECT * FROM amounts('2012-06-01T00:00:00Z') WHERE e = 1001$$);
CREATE VIEW amount_now AS SELECT e, v FROM datom.as_of('pur') WHERE a = ':p/amount';
SELECT plan($$SELECT * FROM amount_now WHERE e < 1003$$);
-- looking up
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET enable_material = off;
SELECT plan($$SELECT d.v FROM other o JOIN datom.as_of('pur') d ON d.e = o.e WHERE d.a = ':p/amount' AND o.small = 1003$$);
SELECT same($$SELECT d.v FROM other o JOIN datom.as_of('pur') d ON d.e = o.e WHERE d.a = ':p/amount'$$);
SELECT same($$SELECT o.e, d.v FROM other o LEFT JOIN datom.as_of('pur', '2012-06-01T00:00:00Z') d ON d.e = o.small + 995 AND d.a = ':p/amount'$$);
SELECT same($$SELECT x.e, y.e FROM datom.as_of('pur') x JOIN datom.as_of('pur') y ON y.v = x.v AND y.a = x.a WHERE x.e = 1002$$);
-- a value by what it is cast to, where it is that of one attribute
SELECT plan($$SELECT e FROM datom.as_of('pur') WHERE a = ':p/buyer' AND v::bigint = 1003$$);
SELECT plan($$SELECT e FROM datom.history('pur') WHERE a = ':p/id' AND 'pur-7' = v::text$$);
SELECT plan($$SELECT e FROM pur WHERE a = ':p/buyer' AND v::bigint = ANY ('{1003,1005}') AND e < 1100$$);
SELECT same($$SELECT o.e, b.e FROM other o JOIN datom.as_of('pur') b ON b.v::bigint = o.e WHERE b.a = ':p/buyer'$$);
SELECT same($$SELECT d.e, b.e FROM datom.as_of('pur') d JOIN datom.as_of('pur') b ON b.v::bigint = d.e WHERE d.a = ':p/id' AND d.v = 'pur-7' AND b.a = ':p/buyer'$$);
SELECT same($$SELECT o.e, b.e FROM other o LEFT JOIN datom.since('pur', '2005-06-01T00:00:00Z'::timestamptz) b ON b.v::bigint = o.e AND b.a = ':p/buyer'$$);
SELECT datom.create('points');
SELECT datom.define_attribute('points', ':p/to', 'ref') > 0, datom.define_attribute('points', ':p/id', 'string', uniqueness => 'value') > 0;
INSERT INTO points (e, a, v) SELECT 1000 + i, ':p/to', datom.ref(1000 + i % 5000) FROM generate_series(1, 20000) i;
INSERT INTO points (e, a, v) SELECT 1000 + i, ':p/id', datom.value('p' || i) FROM generate_series(1, 20000) i;
VACUUM points;
SELECT plan($$SELECT p.e FROM datom.as_of('points') p JOIN datom.as_of('points') t ON p.v::bigint = t.e WHERE t.a = ':p/id' AND t.v::text = 'p7' AND p.a = ':p/to'$$);
SELECT same($$SELECT p.e FROM datom.as_of('points') p JOIN datom.as_of('points') t ON p.v::bigint = t.e WHERE t.a = ':p/id' AND t.v::text = 'p7' AND p.a = ':p/to'$$);
-- not of several, nor of another kind, nor in an order that values have not
SELECT plan($$SELECT e FROM datom.as_of('pur') WHERE a IN (':p/buyer', ':p/amount') AND v::bigint = 1003$$);
SELECT plan($$SELECT e FROM datom.as_of('pur') WHERE v::text = 'pur-7'$$);
SELECT plan($$SELECT e FROM datom.as_of('pur') WHERE a = ':p/amount' AND v::text = '7'$$);
SELECT plan($$SELECT e FROM datom.as_of('pur') WHERE a = ':p/id' AND v::text > 'pur-7'$$);
SELECT same($$SELECT o.e FROM other o WHERE EXISTS (SELECT FROM datom.as_of('pur', o.at) d WHERE d.e = o.e AND d.v = 'all')$$);
RESET enable_hashjoin;
RESET enable_mergejoin;
RESET enable_material;
-- a moment of each row
SELECT plan($$SELECT o.e, d.v FROM other o, datom.as_of('pur', o.at) d WHERE d.e = o.e AND d.a = ':p/amount'$$);
SELECT same($$SELECT o.e, d.v FROM other o, datom.as_of('pur', o.at) d WHERE d.e = o.e AND d.a = ':p/amount'$$);
SELECT same($$SELECT o.e, d.* FROM other o LEFT JOIN LATERAL (SELECT * FROM datom.since('pur', o.at) s WHERE s.e = o.e) d ON true$$);
SELECT same($$SELECT * FROM datom.as_of('pur', (SELECT max(at) FROM other)) WHERE e = 1003$$);

--
-- the same rows
--
CREATE FUNCTION matrix(tx bigint) RETURNS TABLE (question text, condition text, scans int, same boolean, rows bigint) LANGUAGE sql AS $$
SELECT regexp_replace(question, ', \d+', ', tx'), condition, s.* FROM
	(VALUES ('as_of(''pur'')'), ('as_of(''pur'', ''2011-06-01T00:00:00Z''::timestamptz)'), ('as_of(''pur'', ''2005-06-01T00:00:00Z''::timestamptz)'),
		('since(''pur'', ''2011-06-01T00:00:00Z''::timestamptz)'), ('history(''pur'')'), ('as_of(''pur'', ' || tx || ')')) q(question),
	(VALUES ('e = 1050'), ('e = 1050::int2'), ('e = 1050.0'), ('1050 = e'), ('e < 1003'), ('1003 >= e AND e > 1001'), ('e BETWEEN 1010 AND 1012'), ('e BETWEEN 1012 AND 1010'),
		('e IN (1002, 1500, 5)'), ('e = ANY (ARRAY[1002, NULL, 1007]::bigint[])'), ('e = ANY (''{}''::bigint[])'), ('e <> ALL (ARRAY[1, 2]::bigint[])'),
		('e = NULL::bigint'), ('e IS NULL'), ('e = 1050 OR e = 1060'), ('e = 9223372036854775807'), ('e > -9223372036854775808 AND e < 1002'), ('e = e'), ('e = tx'),
		('a = '':p/id'''), ('a = '':p/none'''), ('a IN ('':p/id'', '':p/amount'', '':p/id'')'), ('a IN ('':p/id'', '':p/amount'') AND a = '':p/tag'''), ('a > '':p/id'''),
		('a LIKE '':p/%'' AND e = 1001'), ('a = '':p/amount'' AND v = 7::datom.value'), ('a = '':p/amount'' AND v = 7.0::numeric::datom.value'), ('v = ''all'' AND e < 1200'),
		('a = '':p/amount'' AND v > 95::datom.value'), ('a = '':p/id'' AND v >= ''pur-99'' AND v < ''pur-999'''), ('v IN (7::datom.value, ''t1'')'), ('a = '':p/buyer'' AND v = datom.ref(1003)'),
		('a = '':p/buyer'' AND v::bigint = 1003'), ('a = '':p/amount'' AND v::bigint BETWEEN 5 AND 7::int2'), ('a = '':p/id'' AND v::text = ''pur-99'''), ('a = '':p/id'' AND v::text = ANY (ARRAY[''pur-99'', NULL, ''pur-7''])'),
		('a = '':p/amount'' AND v::text = ''7'''), ('a = '':p/amount'' AND v::numeric = 7'), ('a = '':p/id'' AND v::text > ''pur-98'''), ('a IN ('':p/buyer'', '':p/amount'') AND v::bigint = 1003'), ('a = '':p/id'' AND v::text = NULL'),
		('v = NULL'), ('tx = 1'), ('added AND e = 1001'), ('NOT added'), ('e = 1000 + (random() * 0)::int + 1')) c(condition),
	LATERAL same(format('SELECT * FROM datom.%s d WHERE %s', question, condition)) s
$$;
-- from orders alone; with rows that they do not hold, one's own as well; and without orders
CREATE TABLE answers AS SELECT * FROM matrix(:tx2012);
SELECT count(*) FROM answers;
SELECT * FROM answers WHERE NOT same OR scans <> 1 AND condition !~ '(IS|=) NULL' OR
	condition IN ('e = 1050', 'a = '':p/amount'' AND v = 7::datom.value', 'e = ANY (''{}''::bigint[])');
SELECT tx IS NULL FROM datom.transact('pur', '[{:db/id 1050 :p/amount 7 :p/tag "new"} [:db/retract 1060 :p/id] {:db/id 5500 :p/amount 7}]');
SELECT * FROM matrix(:tx2012) WHERE NOT same;
BEGIN;
INSERT INTO pur (e, a, v) VALUES (1050, ':p/amount', 8), (1050, ':p/tag', 'newer'), (5600, ':p/amount', 7);
SELECT * FROM matrix(:tx2012) WHERE NOT same;
SELECT count(*) FROM datom.as_of('pur') WHERE a = ':p/amount' AND v IN (7::datom.value, 8::datom.value);
ROLLBACK;
SET datom.enable_orders = off;
SELECT * FROM matrix(:tx2012) WHERE NOT same;
RESET datom.enable_orders;
-- whatever columns are read
SELECT columns, s.* FROM (VALUES ('1'), ('e'), ('a'), ('v'), ('tx'), ('added'), ('d'), ('d, d.e'), ('(d).v'), ('count(*)'), ('count(v)'), ('max(v::text)'), ('e, count(DISTINCT v)'), ('d::text'),
		('length(v::text)'), ('e + 1 AS x')) c(columns),
	LATERAL same(format('SELECT %s FROM datom.as_of(''pur'', ''2012-06-01T00:00:00Z'') d WHERE e < 1040 %s', columns, CASE WHEN columns ~ '^e, count' THEN 'GROUP BY e' ELSE '' END)) s;
SELECT same($$SELECT e, length(v::text) FROM datom.as_of('pur') ORDER BY e$$);
SELECT same($$SELECT d FROM datom.as_of('pur') d ORDER BY d.v, d LIMIT 10$$);
SELECT same($$SELECT x, y.v FROM datom.as_of('pur', '2011-06-01T00:00:00Z') x FULL JOIN datom.as_of('pur', '2013-06-01T00:00:00Z') y USING (e, a, v) WHERE x IS NULL OR y IS NULL$$);
SELECT same($$SELECT * FROM datom.as_of('pur', '2011-06-01T00:00:00Z') EXCEPT SELECT * FROM datom.as_of('pur', '2012-06-01T00:00:00Z')$$);
SELECT same($$SELECT * FROM datom.as_of('pur', '2011-06-01T00:00:00Z') WHERE e = 1002 UNION ALL SELECT * FROM datom.as_of('pur', '2012-06-01T00:00:00Z') WHERE e = 1002 UNION ALL SELECT * FROM datom.history('pur') WHERE e = 1002$$);
SELECT same($$WITH t AS MATERIALIZED (SELECT * FROM datom.as_of('pur', '2011-06-01T00:00:00Z')) SELECT count(*) FROM t x JOIN t y USING (e, a)$$);
-- a long value
INSERT INTO pur (e, a, v) SELECT 3000, ':p/id', string_agg(md5(i::text), '') FROM generate_series(1, 1000) i;
SELECT same($$SELECT d, v FROM datom.as_of('pur') d WHERE e = 3000$$);

--
-- the table itself
--
SET enable_seqscan = off;
SET enable_indexscan = off;
SET enable_bitmapscan = off;
SET enable_indexonlyscan = off;
SELECT plan($$SELECT * FROM pur p WHERE e = 1005 AND a = ':p/amount'$$);
SELECT same($$SELECT *, tableoid::regclass FROM pur WHERE e = 1005$$);
SELECT same($$SELECT p FROM pur p WHERE e = 1005$$);
SELECT same($$SELECT e FROM pur p WHERE a = ':p/amount'$$);
SELECT same($$SELECT count(*) FROM pur p WHERE a = ':p/amount' AND v = 7::datom.value$$);
SELECT same($$SELECT o.e, p.v FROM other o JOIN pur p ON p.e = o.e WHERE p.a = ':p/amount'$$);
-- what only the heap has
SELECT bool_or(p ~ 'Custom') FROM plan($$SELECT ctid FROM pur WHERE e = 1005$$) p;
SELECT bool_or(p ~ 'Custom') FROM plan($$SELECT e FROM pur WHERE e = 1005 AND xmin <> '0'$$) p;
SELECT bool_or(p ~ 'Custom') FROM plan($$SELECT e FROM pur TABLESAMPLE system (100) WHERE e = 1005$$) p;
SELECT bool_or(p ~ 'Custom') FROM plan($$UPDATE other o SET small = 0 FROM pur p WHERE p.e = 1005 AND o.e = p.e$$) p;
-- own rows, and those that come later
BEGIN;
INSERT INTO pur (e, a, v) VALUES (2000, ':p/amount', 1);
DECLARE c CURSOR FOR SELECT e, a, v FROM pur WHERE e IN (2000, 2001) ORDER BY e, a, v;
DECLARE d CURSOR FOR SELECT e, a, v FROM datom.as_of('pur') WHERE e IN (2000, 2001) ORDER BY e, a, v;
INSERT INTO pur (e, a, v) VALUES (2001, ':p/amount', 1);
FETCH ALL FROM c;
FETCH ALL FROM d;
SELECT e, a, v FROM pur WHERE e IN (2000, 2001) ORDER BY e, a, v;
SELECT e, a, v FROM datom.as_of('pur') WHERE e IN (2000, 2001) ORDER BY e, a, v;
INSERT INTO pur (e, a, v) SELECT e + 1000, a, v FROM datom.as_of('pur') WHERE e IN (2000, 2001);
SELECT count(*) FROM datom.as_of('pur') WHERE e >= 2000 AND e < 3005;
ROLLBACK;
RESET enable_seqscan;
RESET enable_indexscan;
RESET enable_bitmapscan;
RESET enable_indexonlyscan;

--
-- the moment
--
SELECT try($$SELECT count(*) FROM datom.as_of('pur', NULL::timestamptz)$$);
SELECT try($$SELECT count(*) FROM datom.as_of('pur', 'yesterday'::text)$$);
SELECT try($$SELECT count(*) FROM datom.as_of('pur', 'infinity'::timestamptz)$$);
SELECT try($$SELECT count(*) FROM datom.as_of('pur', 123456789)$$);
SELECT try($$SELECT count(*) FROM datom.since('pur', NULL::bigint)$$);
-- a question that is never asked
SELECT try($$SELECT count(*) FROM other LEFT JOIN LATERAL (SELECT * FROM datom.as_of('pur', NULL::text)) d ON small < 0 WHERE small < 0$$);
SELECT prepared('timestamptz', $$SELECT count(*) FROM datom.as_of('pur', $1) WHERE $1 IS NOT NULL$$, 'NULL');
-- in force: when it runs
SET datom.as_of = '2011-06-01T00:00:00Z';
SELECT same($$SELECT * FROM datom.as_of('pur')$$);
SELECT same($$SELECT * FROM datom.since('pur', '2010-06-01T00:00:00Z')$$);
SELECT same($$SELECT * FROM datom.history('pur')$$);
SELECT same($$SELECT * FROM datom.as_of('pur', '2012-06-01T00:00:00Z') WHERE a = ':p/amount'$$);
SET plan_cache_mode = force_generic_plan;
PREPARE p AS SELECT count(*), (SELECT count(*) FROM datom.history('pur')) FROM datom.as_of('pur') WHERE e < 1600;
EXECUTE p;
SET datom.as_of = '2013-06-01T00:00:00Z';
EXECUTE p;
SET datom.as_of = 'never';
EXECUTE p;
RESET datom.as_of;
SET datom.enable_scan = off;
EXECUTE p;
RESET datom.enable_scan;
DEALLOCATE p;
RESET plan_cache_mode;
SELECT plan($$SELECT count(*) FROM datom.as_of('pur', '2012-06-01T00:00:00Z'::timestamptz) WHERE e = 1001$$, 'ANALYZE, COSTS off, TIMING off, SUMMARY off');
SELECT plan($$SELECT count(*) FROM datom.since('pur', now() - interval '100 years') WHERE e = 1001$$, 'COSTS off, VERBOSE');

--
-- parameters
--
SELECT prepared('bigint', $$SELECT count(*) FROM datom.as_of('pur') WHERE e = $1$$, '1001');
SELECT prepared('int', $$SELECT count(*) FROM datom.as_of('pur') WHERE e = $1$$, '1001');
SELECT prepared('bigint', $$SELECT count(*) FROM datom.as_of('pur') WHERE e = $1$$, 'NULL');
SELECT prepared('bigint[]', $$SELECT count(*) FROM datom.as_of('pur') WHERE e = ANY ($1)$$, $$'{1001,1003,NULL}'$$);
SELECT prepared('bigint[]', $$SELECT count(*) FROM datom.as_of('pur') WHERE e = ANY ($1)$$, 'NULL');
SELECT prepared('datom.attribute[], datom.value', $$SELECT count(*) FROM datom.as_of('pur') WHERE a = ANY ($1) AND v = $2$$, $$'{:p/amount,:p/id}'$$, '7');
SELECT prepared('datom.attribute, datom.value, datom.value', $$SELECT count(*) FROM pur WHERE a = $1 AND v BETWEEN $2 AND $3$$, $$':p/amount'$$, '7', '9');
SELECT prepared('timestamptz', $$SELECT count(*) FROM datom.as_of('pur', $1) WHERE a = ':p/tag'$$, $$'2013-06-01T00:00:00Z'$$);
SELECT prepared('text', $$SELECT count(*) FROM datom.as_of('pur', $1) WHERE a = ':p/tag'$$, $$'2011-06-01T00:00:00Z'$$);
SELECT prepared('text', $$SELECT count(*) FROM datom.as_of('pur', $1) WHERE a = ':p/tag'$$, $$'2011-06-01'$$);
SELECT prepared('bigint', $$SELECT count(*) FROM datom.as_of('pur', $1) WHERE a = ':p/tag'$$, 'NULL');
SELECT prepared('regclass', $$SELECT count(*) FROM datom.as_of($1) WHERE a = ':p/tag'$$, $$'pur'$$);
-- in plpgsql
CREATE FUNCTION loop_over(at timestamptz, OUT n int, OUT total bigint) LANGUAGE plpgsql AS $$
DECLARE r record;
BEGIN
	n := 0;
	total := 0;
	FOR r IN SELECT e, v::bigint AS amount FROM datom.as_of('pur', at) WHERE a = ':p/amount' ORDER BY e LOOP
		BEGIN
			n := n + 1;
			total := total + r.amount / (CASE WHEN r.amount = 13 THEN 0 ELSE 1 END);
		EXCEPTION WHEN division_by_zero THEN
			total := total + (SELECT count(*) FROM datom.as_of('pur', at) d WHERE d.e = r.e);
		END;
	END LOOP;
END $$;
SELECT l.* FROM unnest('{2011-06-01T00:00:00Z,2013-06-01T00:00:00Z}'::timestamptz[]) at, loop_over(at) l;
SET datom.enable_scan = off;
SELECT l.* FROM unnest('{2011-06-01T00:00:00Z,2013-06-01T00:00:00Z}'::timestamptz[]) at, loop_over(at) l;
RESET datom.enable_scan;

--
-- cursors
--
BEGIN;
DECLARE c CURSOR FOR SELECT e, v FROM datom.as_of('pur', '2012-06-01T00:00:00Z') WHERE a = ':p/amount' AND e <= 1004;
FETCH 1 FROM c;
SAVEPOINT s;
FETCH 1 FROM c;
ROLLBACK TO s;
SET LOCAL datom.as_of = '2011-06-01T00:00:00Z';
FETCH 1 FROM c;
CLOSE c;
COMMIT;
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT e, v FROM datom.as_of('pur') WHERE a = ':p/amount' AND e <= 1004 ORDER BY e;
DECLARE d SCROLL CURSOR FOR SELECT e, v FROM datom.as_of('pur') WHERE a = ':p/amount' AND e <= 1004;
DECLARE h CURSOR WITH HOLD FOR SELECT e, v FROM datom.as_of('pur') WHERE a = ':p/amount' AND e <= 1003;
SAVEPOINT s;
FETCH 2 FROM c;
FETCH 3 FROM d;
FETCH BACKWARD 2 FROM d;
ROLLBACK TO s;
FETCH 2 FROM c;
FETCH 2 FROM d;
MOVE FIRST FROM d;
FETCH RELATIVE 0 FROM d;
FETCH 1 FROM h;
COMMIT;
FETCH ALL FROM h;
CLOSE h;

--
-- plans that outlive the table, and find it under another name
--
SET plan_cache_mode = force_generic_plan;
SELECT datom.create('gone');
CREATE VIEW of_gone AS SELECT * FROM datom.as_of('gone') WHERE e = 1;
PREPARE p AS SELECT count(*) FROM of_gone;
EXECUTE p;
ALTER TABLE gone RENAME TO went;
EXECUTE p;
SELECT plan('SELECT * FROM of_gone');
DROP TABLE went CASCADE;
EXECUTE p;
DEALLOCATE p;
RESET plan_cache_mode;

--
-- rights
--
CREATE ROLE regress_datom_owner;
CREATE ROLE regress_datom_reader;
CREATE ROLE regress_datom_other;
GRANT USAGE ON SCHEMA custom_scan TO PUBLIC;
CREATE VIEW owners AS SELECT e, v FROM pur WHERE a = ':p/amount' AND e = 1005;
CREATE VIEW callers AS SELECT e, v FROM datom.as_of('pur') WHERE a = ':p/amount' AND e = 1005;
GRANT SELECT ON owners, callers TO PUBLIC;
GRANT SELECT ON pur TO regress_datom_reader;
CREATE FUNCTION as_who(who name, query text, OUT answer text) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('role', who, true);
	answer := try(query);
	RESET ROLE;
END $$;
SELECT as_who(who, query) FROM unnest('{regress_datom_reader,regress_datom_other}'::name[]) who,
	unnest(ARRAY['SELECT count(*) FROM owners', 'SELECT count(*) FROM callers', $$SELECT count(*) FROM datom.as_of('pur', '2011-06-01T00:00:00Z')$$,
		$$SELECT count(*) FROM datom.history('pur')$$, $$SELECT count(*) FROM datom.since('pur', '2010-06-01T00:00:00Z')$$, $$SELECT count(*) FROM pur WHERE e = 1005$$]) query;
-- a plan is made by one and run by another
SET plan_cache_mode = force_generic_plan;
PREPARE p AS SELECT count(*) FROM datom.as_of('pur') WHERE e = 1005;
EXECUTE p;
SET ROLE regress_datom_reader;
EXECUTE p;
SET ROLE regress_datom_other;
EXECUTE p;
EXPLAIN (COSTS off) EXECUTE p;
RESET ROLE;
DEALLOCATE p;
SET ROLE regress_datom_other;
PREPARE p AS SELECT count(*) FROM datom.as_of('pur') WHERE e = 1005;
EXECUTE p;
SELECT plan('EXECUTE p');
RESET ROLE;
EXECUTE p;
DEALLOCATE p;
-- the function may be forbidden, too
REVOKE EXECUTE ON FUNCTION datom.history(regclass) FROM PUBLIC;
SELECT as_who('regress_datom_reader', $$SELECT count(*) FROM datom.history('pur')$$);
GRANT EXECUTE ON FUNCTION datom.history(regclass) TO PUBLIC;
-- row-level security
ALTER TABLE pur ENABLE ROW LEVEL SECURITY;
CREATE POLICY few ON pur USING (e < 1010);
SELECT as_who('regress_datom_reader', $$SELECT count(*) FROM datom.as_of('pur')$$);
SELECT as_who('regress_datom_reader', $$SELECT count(*) FROM pur WHERE e >= 1005 AND a = ':p/amount'$$);
SET ROLE regress_datom_reader;
SELECT bool_or(p ~ 'Custom') FROM plan($$SELECT e FROM pur WHERE a = ':p/amount'$$) p;
SELECT plan($$SELECT e FROM datom.as_of('pur') WHERE e = 1005$$);
RESET ROLE;
PREPARE p AS SELECT count(*) FROM datom.as_of('pur') WHERE e = 1005;
EXECUTE p;
SET ROLE regress_datom_reader;
EXECUTE p;
RESET ROLE;
DEALLOCATE p;
DROP POLICY few ON pur;
ALTER TABLE pur DISABLE ROW LEVEL SECURITY;
RESET plan_cache_mode;

--
-- workers
--
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
SELECT plan($$SELECT count(*) FROM datom.as_of('pur', '2012-06-01T00:00:00Z')$$);
SELECT p FROM plan($$SELECT count(*) FROM datom.as_of('pur', '2012-06-01T00:00:00Z') WHERE a = ':p/amount'$$,
	'ANALYZE, COSTS off, TIMING off, SUMMARY off') p WHERE p ~ 'Facts|As of|Bounds';
-- each with workers, and without the scan
\set q 'SELECT count(*), sum(e), max(v::text) FROM datom.as_of(''pur'', ''2012-06-01T00:00:00Z'');'
:q
SET datom.enable_scan = off;
:q
RESET datom.enable_scan;
\set q 'SELECT count(*), sum(e), max(v::text) FROM datom.as_of(''pur'', now());'
:q
SET datom.enable_scan = off;
:q
RESET datom.enable_scan;
\set q 'SELECT count(*), sum(e), max(tx) - min(tx) FROM datom.history(''pur'') WHERE v > ''pur-5'';'
:q
SET datom.enable_scan = off;
:q
RESET datom.enable_scan;
\set q 'SELECT a, count(*) FROM datom.since(''pur'', ''2011-06-01T00:00:00Z'') GROUP BY a ORDER BY a;'
:q
SET datom.enable_scan = off;
:q
RESET datom.enable_scan;
\set q 'SELECT count(*), sum(x.e) FROM datom.as_of(''pur'', ''2011-06-01T00:00:00Z'') x JOIN datom.as_of(''pur'', ''2012-06-01T00:00:00Z'') y USING (e, a) WHERE x.v <> y.v;'
:q
SET datom.enable_scan = off;
:q
RESET datom.enable_scan;
\set q 'SELECT count(*), sum(x.e) FROM datom.as_of(''pur'', ''2011-06-01T00:00:00Z'') x JOIN other USING (e);'
:q
SET datom.enable_scan = off;
:q
RESET datom.enable_scan;
\set q 'SELECT count(*), sum(e) FROM pur WHERE a = '':p/amount'';'
:q
SET datom.enable_scan = off;
:q
RESET datom.enable_scan;
\set q 'SELECT count(*), count(d), sum(length(d.a || d.v::text)) FROM datom.as_of(''pur'', ''2012-06-01T00:00:00Z'') d WHERE e > 1001;'
:q
SET datom.enable_scan = off;
:q
RESET datom.enable_scan;
SELECT prepared('bigint, timestamptz', $$SELECT count(*) || ' ' || sum(e) FROM datom.as_of('pur', $2) WHERE e > $1$$, '1100', $$'2012-06-01T00:00:00Z'$$);
SELECT prepared('bigint, timestamptz', $$SELECT count(*) || ' ' || coalesce(sum(e), 0) FROM datom.as_of('pur', $2) WHERE e > $1$$, 'NULL', $$'2012-06-01T00:00:00Z'$$);
SELECT prepared('bigint, timestamptz', $$SELECT count(*) || ' ' || sum(e) FROM datom.as_of('pur', $2) WHERE e > $1$$, '1100', 'NULL');
-- rescans
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET enable_material = off;
SELECT count(*), sum(n) FROM generate_series(1, 3) i, LATERAL (SELECT count(*) AS n FROM datom.as_of('pur', '2012-06-01T00:00:00Z') WHERE e > 1000 + i) d;
RESET enable_hashjoin;
RESET enable_mergejoin;
RESET enable_material;
SELECT e FROM datom.as_of('pur', '2012-06-01T00:00:00Z') WHERE v = 't1' AND tx > 0 AND e = 1001 LIMIT 1;
-- one's own rows
BEGIN;
INSERT INTO pur (e, a, v) SELECT 5000 + i, ':p/amount', 1 FROM generate_series(1, 10) i;
SELECT count(*), count(*) FILTER (WHERE e > 5000 AND e < 5100) FROM datom.as_of('pur') WHERE a = ':p/amount';
SELECT count(*) FROM datom.as_of('pur', '2012-06-01T00:00:00Z') WHERE a = ':p/amount';
ROLLBACK;
-- and those that workers cannot find
SELECT datom.create('past', true);
SELECT datom.import_tx('past', '2010-01-01T00:00:00Z') IS NULL, datom.define_attribute('past', ':x/n', 'long');
BEGIN;
SELECT datom.import_tx('past', '2010-06-01T00:00:00Z') IS NULL;
INSERT INTO past (e, a, v) SELECT 1000 + i, ':x/n', 0 FROM generate_series(1, 20000) i;
COMMIT;
VACUUM ANALYZE past;
BEGIN;
SELECT datom.import_tx('past', '2011-01-01T00:00:00Z') IS NULL;
INSERT INTO past (e, a, v) SELECT 100 + i, ':x/n', i FROM generate_series(1, 100) i;
SELECT datom.import_tx('past', '2012-01-01T00:00:00Z') IS NULL;
INSERT INTO past (e, a, v) SELECT 100 + i, ':x/n', i + 1 FROM generate_series(1, 50) i;
SET LOCAL parallel_leader_participation = off;
SELECT trim(p) FROM plan($$SELECT count(*), sum(v::bigint) FROM datom.as_of('past') WHERE a = ':x/n'$$, 'ANALYZE, COSTS off, TIMING off, SUMMARY off') p WHERE p ~ 'Workers';
SELECT count(*), sum(v::bigint) FROM datom.as_of('past') WHERE a = ':x/n';
SELECT count(*), sum(v::bigint) FROM past WHERE a = ':x/n';
COMMIT;
SELECT count(*), sum(v::bigint) FROM datom.as_of('past') WHERE a = ':x/n';
-- in one process where a call is left, or a moment hangs on rows
SELECT bool_or(p ~ 'Gather') FROM plan($$SELECT count(*) FROM datom.as_of('pur', '2012-06-01T00:00:00Z') x, (SELECT datom.as_of('pur') LIMIT 1) y$$) p;
SELECT bool_or(p ~ 'Gather') FROM plan($$SELECT count(*) FROM pur, (SELECT datom.as_of('pur') LIMIT 1) y$$) p;
SELECT bool_or(p ~ 'Gather') FROM plan($$SELECT count(*) FROM pur p, other o, datom.as_of('pur', o.at) y$$) p;
SELECT bool_or(p ~ 'Gather') FROM plan($$SELECT count(*) FROM pur p WHERE EXISTS (SELECT datom.history('pur'))$$) p;
SELECT bool_or(p ~ 'Gather') FROM plan($$SELECT count(*) FROM pur p$$) p;
SET datom.enable_scan = off;
SELECT bool_or(p ~ 'Gather') FROM plan($$SELECT count(*) FROM pur p WHERE e IN (SELECT e FROM datom.as_of('pur'))$$) p;
RESET datom.enable_scan;
GRANT SELECT ON other TO regress_datom_other;
SET ROLE regress_datom_other;
SELECT bool_or(p ~ 'Gather') FROM plan($$SELECT count(*) FROM other p WHERE e IN (SELECT e FROM datom.as_of('pur'))$$) p;
RESET ROLE;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
RESET max_parallel_workers_per_gather;

--
-- EXPLAIN for machines
--
CREATE FUNCTION plan_json(query text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE plan jsonb;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT json, ANALYZE, COSTS off, TIMING off, SUMMARY off) ' || query INTO plan;
	RETURN plan->0->'Plan';
END $$;
SELECT p->>'Node Type', p->>'Custom Plan Provider', p->>'Facts', p->>'As of', p->>'Bounds', p->>'Filter', p ? 'Order', jsonb_typeof(p->'Blocks Read'),
	jsonb_typeof(p->'Blocks Skipped'), jsonb_typeof(p->'Tail Rows')
	FROM plan_json($$SELECT * FROM datom.as_of('pur', '2012-06-01T00:00:00Z') "My d" WHERE e = 1001$$) p;

--
-- A value that many have
--
SELECT datom.create('kinds');
SELECT datom.define_attribute('kinds', ':k/id', 'string', uniqueness => 'identity'),
	datom.define_attribute('kinds', ':k/kind', 'keyword', indexed => true), datom.define_attribute('kinds', ':k/of', 'ref');
INSERT INTO kinds (e, a, v) SELECT 100 + i, ':k/id', datom.value('k' || i) FROM generate_series(1, 12000) i;
INSERT INTO kinds (e, a, v) SELECT 100 + i, ':k/kind', datom.keyword(CASE WHEN i % 3 < 2 THEN ':most' WHEN i % 9 = 2 THEN ':some' ELSE ':other' END)
	FROM generate_series(1, 11997) i;
INSERT INTO kinds (e, a, v) VALUES (12098, ':k/kind', ':rare'), (12099, ':k/kind', ':rare'), (12100, ':k/kind', ':rare');
INSERT INTO kinds (e, a, v) SELECT 100 + i, ':k/of', datom.ref(101 + i % 2) FROM generate_series(1, 12000) i;
VACUUM kinds;
CREATE FOREIGN TABLE k (e bigint, id text, kind text, of bigint) SERVER datom OPTIONS (db 'custom_scan.kinds', namespace 'k');
-- is what the planner expects near to what is there, which way does it go, and are the rows those of the log?
CREATE FUNCTION expected(query text, OUT near boolean, OUT way text, OUT same boolean) LANGUAGE plpgsql AS $$
DECLARE
	digest constant text := 'SELECT md5(string_agg(r::text, chr(10) ORDER BY r::text)) FROM (%s) r';
	plan jsonb;
	log text;
	orders text;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT json, ANALYZE, TIMING off, SUMMARY off) ' || query INTO plan;
	plan := plan->0->'Plan';
	near := (plan->>'Plan Rows')::numeric / greatest((plan->>'Actual Rows')::numeric, 100) BETWEEN 0.3 AND 3;
	way := plan->>'Order';
	EXECUTE format(digest, query) INTO orders;
	SET LOCAL datom.enable_orders = off;
	EXECUTE format(digest, query) INTO log;
	RESET datom.enable_orders;
	same := log IS NOT DISTINCT FROM orders;
END $$;
SELECT query, e.* FROM unnest(ARRAY[
	$$SELECT * FROM k WHERE kind = ':most'$$,
	$$SELECT * FROM k WHERE kind = ':rare'$$,
	$$SELECT * FROM k WHERE kind = ':none'$$,
	$$SELECT * FROM k WHERE kind = ANY (ARRAY[':most', ':other'])$$,
	$$SELECT * FROM k WHERE kind = ':most' AND e > 0$$,
	$$SELECT * FROM k WHERE of = (SELECT 101::bigint)$$,
	$$SELECT * FROM k WHERE of = 101$$,
	$$SELECT * FROM k WHERE of = 103$$,
	$$SELECT e, v FROM datom.as_of('kinds') WHERE a = ':k/kind' AND v = ':most'$$,
	$$SELECT e, v FROM datom.as_of('kinds') WHERE a = ':k/kind' AND v::text = ':most'$$,
	$$SELECT e, v FROM datom.as_of('kinds') WHERE a = ':k/kind' AND v = ':rare'$$,
	$$SELECT e, v FROM datom.as_of('kinds') WHERE a = ':k/of' AND v = datom.ref(101)$$]) query, expected(query) e;
-- what has changed since, and was otherwise before
INSERT INTO kinds (e, a, v) SELECT 100 + i, ':k/kind', datom.keyword(':rare') FROM generate_series(1, 12000, 7) i;
SELECT query, e.same FROM unnest(ARRAY[
	$$SELECT e, v FROM datom.as_of('kinds') WHERE a = ':k/kind' AND v = ':most'$$,
	$$SELECT e, v, added FROM datom.history('kinds') WHERE a = ':k/kind' AND v = ':most'$$,
	$$SELECT e, v FROM kinds WHERE a = ':k/kind' AND v = ':most'$$,
	$$SELECT e, v FROM datom.as_of('kinds', '2000-01-01T00:00:00Z') WHERE a = ':k/kind' AND v = ':most'$$]) query, expected(query) e;
VACUUM kinds;
SELECT query, e.same FROM unnest(ARRAY[
	$$SELECT e, v FROM datom.as_of('kinds') WHERE a = ':k/kind' AND v = ':most'$$,
	$$SELECT e, v FROM datom.as_of('kinds') WHERE a = ':k/kind' AND v = ':rare'$$,
	$$SELECT e, v, added FROM datom.history('kinds') WHERE a = ':k/kind' AND v = ':most'$$,
	$$SELECT e, v FROM datom.since('kinds', '2000-01-01T00:00:00Z') WHERE a = ':k/kind' AND v = ':rare'$$]) query, expected(query) e;

DROP OWNED BY regress_datom_owner, regress_datom_reader, regress_datom_other;
DROP ROLE regress_datom_owner, regress_datom_reader, regress_datom_other;
RESET client_min_messages;
SET client_min_messages = warning;
DROP SCHEMA custom_scan CASCADE;
