--
-- Asking about the past
--
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
SET timezone = 'UTC';
CREATE SCHEMA timetravel;
SET search_path = timetravel;
SET datestyle = 'ISO';

-- the answer of a query, or SQLSTATE, message, detail and hint
CREATE FUNCTION try(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE answer text; message text; detail text; hint text;
BEGIN
	EXECUTE query INTO answer;
	RETURN answer;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN concat_ws('; ', sqlstate || ' ' || message, nullif(detail, ''), nullif(hint, ''));
END $$;
-- facts with the year of the transaction that said so in place of its number
CREATE FUNCTION show(facts datom.datom[]) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(concat_ws(' ', CASE WHEN added THEN '+' ELSE '-' END || e, a, v,
		coalesce(to_char(datom.instant(tx), 'YYYY'), 'now')), E'\n' ORDER BY i)
	FROM unnest(facts) WITH ORDINALITY f(e, a, v, tx, added, i)
$$;

--
-- one story, imported, a transaction a year
--
SELECT datom.create('pur', true);
SELECT datom.import_tx('pur', '2009-01-01T00:00:00Z') IS NOT NULL, datom.define_attribute('pur', ':x/one', 'string'),
	datom.define_attribute('pur', ':x/many', 'string', 'many');
CREATE FUNCTION said(year int, tx_data text) RETURNS bigint LANGUAGE sql AS $$
	SELECT tx FROM datom.transact('pur', format('[{:db/id "datomic.tx" :db/txInstant #inst "%s-01-01T00:00:00Z"} %s]', year, tx_data))
$$;
SELECT said(2010, '[:db/add 100 :x/one "a"] [:db/add 100 :x/many "a"] [:db/add 200 :x/one "z"]') AS tx2010 \gset
SELECT said(2011, '[:db/add 100 :x/one "b"] [:db/add 100 :x/many "b"]') AS tx2011 \gset
SELECT said(2012, '[:db/retract 100 :x/many "a"] [:db/retract 200 :x/one]') AS tx2012 \gset
SELECT said(2013, '[:db/add 100 :x/one "a"] [:db/add 100 :x/many "a"]') AS tx2013 \gset
SELECT said(2014, '') AS tx2014 \gset
CREATE VIEW story AS SELECT d.* FROM pur d WHERE a NOT LIKE ':db/%';
CREATE FUNCTION as_of(at text) RETURNS text LANGUAGE sql AS $$
	SELECT show(array_agg(d ORDER BY e, a, v)) FROM datom.as_of('pur', at) d WHERE a NOT LIKE ':db/%'
$$;

--
-- datom.as_of(): at a moment, which is included
--
SELECT as_of('2009-12-31T23:59:59.999999Z');
SELECT as_of('2010-01-01T00:00:00Z');
SELECT as_of('2010-12-31T23:59:59.999999Z');
SELECT as_of('2011-01-01T00:00:00Z');
SELECT as_of('2012-06-01T00:00:00Z');
SELECT as_of('2013-01-01T00:00:00Z');
SELECT as_of('2014-01-01T00:00:00Z');
-- before anything was said
SELECT count(*) FROM datom.as_of('pur', '2000-01-01T00:00:00Z');
SELECT count(*) FROM datom.as_of('pur', '-infinity'::timestamptz);
-- all forms of one question
SELECT count(*) FROM datom.as_of('pur', '2011-01-01T00:00:00Z');
SELECT count(*) FROM datom.as_of('pur', '2011-01-01 00:00:00+00'::timestamptz);
SELECT count(*) FROM datom.as_of('pur', :tx2011);
SELECT count(*) FROM datom.as_of('pur', :'tx2011');
SELECT count(*) FROM datom.as_of('pur'::regclass, at => '2011-01-01T02:00:00+02:00'::text);
SELECT count(*) FROM datom.as_of(db => 'pur', tx => :tx2011);
SELECT count(*) FROM datom.as_of('timetravel.pur', timestamptz '2011-01-01 01:00+01');
SELECT count(*) FROM datom.as_of('pur');
PREPARE q(text, timestamptz, bigint) AS SELECT (SELECT count(*) FROM datom.as_of('pur', $1)),
	(SELECT count(*) FROM datom.as_of('pur', $2)), (SELECT count(*) FROM datom.as_of('pur', $3));
EXECUTE q('2010-01-01T00:00:00Z', '2011-01-01T00:00:00Z', :tx2012);
EXECUTE q(:'tx2012', '2010-01-01T00:00:00Z', :tx2011);

--
-- what is no moment
--
SELECT try($$SELECT datom.as_of('pur', '2011-01-01')$$);
SELECT try($$SELECT datom.as_of('pur', '2011-01-01T00:00:00')$$);
SELECT try($$SELECT datom.as_of('pur', 'yesterday')$$);
SELECT try($$SELECT datom.as_of('pur', '')$$);
SELECT try($$SELECT datom.as_of('pur', '2011-13-01T00:00:00Z')$$);
SELECT try($$SELECT datom.as_of('pur', 'infinity')$$);
SELECT try($$SELECT datom.as_of('pur', '-5')$$);
SELECT try($$SELECT datom.as_of('pur', '99999999999999999999')$$);
SELECT try($$SELECT datom.as_of('pur', 999999999)$$);
SELECT try($$SELECT datom.as_of('pur', 0)$$);
SELECT try($$SELECT datom.as_of('pur', -1)$$);
SELECT try($$SELECT datom.as_of('pur', 'infinity'::timestamptz)$$);
SELECT try($$SELECT datom.as_of('pur', NULL::text)$$);
SELECT try($$SELECT datom.as_of('pur', NULL::timestamptz)$$);
SELECT try($$SELECT datom.as_of('pur', NULL::bigint)$$);
SELECT try($$SELECT datom.as_of(NULL, '2011-01-01T00:00:00Z')$$);
SELECT try($$SELECT datom.as_of(NULL)$$);
SELECT try($$SELECT datom.as_of('pg_class')$$);
SELECT try($$SELECT datom.as_of('nowhere')$$);
SELECT regexp_replace(try($$SELECT datom.as_of('pur', '2999-01-01T00:00:00Z')$$), '20\d\d-[^ ;]*Z', 'INSTANT');

--
-- datom.since(): facts in force that came after a moment, which is excluded
--
CREATE FUNCTION since(at text) RETURNS text LANGUAGE sql AS $$
	SELECT show(array_agg(d ORDER BY e, a, v)) FROM datom.since('pur', at) d WHERE a NOT LIKE ':db/%'
$$;
SELECT since('2010-12-31T23:59:59.999999Z');
SELECT since('2011-01-01T00:00:00Z');
SELECT since('2013-01-01T00:00:00Z');
SELECT count(*) FROM datom.since('pur', :tx2011);
SELECT count(*) FROM datom.since('pur', :'tx2010');
SELECT count(*) FROM datom.since('pur', timestamptz '2010-01-01Z');
SELECT count(*) FROM datom.since('pur', '-infinity'::timestamptz);
SELECT try($$SELECT datom.since('pur', NULL::text)$$);
SELECT try($$SELECT datom.since(NULL, 5)$$);
SELECT try($$SELECT datom.since('pur', '2011-01-01')$$);
SELECT try($$SELECT datom.since('pur', 999999999)$$);

--
-- datom.history(): what each transaction did, what it implied too
--
SELECT show(array_agg(d ORDER BY e, a, datom.instant(tx), added, v)) FROM datom.history('pur') d WHERE a NOT LIKE ':db/%';
SELECT try($$SELECT datom.history(NULL)$$);

--
-- datom.log(): history from a moment on, before another, in the order of commits
--
SELECT show(array_agg(d)) FROM datom.log('pur', '2011-01-01T00:00:00Z', '2013-01-01T00:00:00Z') d;
SELECT show(array_agg(d)) FROM datom.log('pur', '2012-01-01T00:00:00.000001Z', '2013-01-01T00:00:00.000001Z') d;
SELECT show(array_agg(d)) = (SELECT show(array_agg(d)) FROM datom.log('pur', :tx2011, :tx2013) d)
FROM datom.log('pur', timestamptz '2011-01-01Z', '2013-01-01Z') d;
SELECT count(*) FROM datom.log('pur', :tx2013);
SELECT count(*) FROM datom.log('pur', :'tx2013');
SELECT count(*) FROM datom.log('pur', timestamptz '2013-01-01Z');
SELECT count(*) FROM datom.log('pur', :tx2011, :tx2011);
SELECT count(*) FROM datom.log('pur', :tx2013, :tx2011);
SELECT count(*) = (SELECT count(*) FROM datom.history('pur')) FROM datom.log('pur');
SELECT count(*) FROM datom.log('pur', NULL::text, '2011-01-01T00:00:00Z');
SELECT count(*) FROM datom.log('pur', from_ => :tx2012, to_ => NULL);
SELECT count(*) FROM datom.log('pur', '-infinity'::timestamptz, '-infinity'::timestamptz);
SELECT try($$SELECT datom.log(NULL)$$);
SELECT try($$SELECT datom.log('pur', '2011-01-01')$$);
SELECT try($$SELECT datom.log('pur', 'infinity'::timestamptz)$$);
SELECT try($$SELECT datom.log('pur', 999999999)$$);

--
-- datom.diff(): what came and what went between two moments, both included
--
CREATE FUNCTION diff(a int, b int) RETURNS text LANGUAGE sql AS $$
	SELECT show(array_agg(d ORDER BY e, a, added, v)) FROM datom.diff('pur', a || '-01-01T00:00:00Z', b || '-01-01T00:00:00Z') d
$$;
SELECT diff(2009, 2010);
SELECT diff(2010, 2011);
SELECT diff(2010, 2013);
SELECT diff(2011, 2012);
SELECT diff(2012, 2012);
SELECT count(*) FROM datom.diff('pur', :tx2010, :tx2013);
SELECT count(*) FROM datom.diff('pur', :'tx2010', '2013-01-01T00:00:00Z');
SELECT count(*) FROM datom.diff('pur', timestamptz '2010-01-01Z', timestamptz '2013-01-01Z');
SELECT try($$SELECT datom.diff('pur', '2013-01-01T00:00:00Z', '2010-01-01T00:00:00Z')$$);
SELECT try($$SELECT datom.diff('pur', NULL, '2010-01-01T00:00:00Z'::text)$$);
SELECT try($$SELECT datom.diff('pur', (SELECT min(tx) FROM pur), NULL)$$);
SELECT try($$SELECT datom.diff(NULL, 1, 2)$$);
SELECT regexp_replace(try($$SELECT datom.diff('pur', '2013-01-01T00:00:00Z', '2999-01-01T00:00:00Z')$$), '20\d\d-[^ ;]*Z', 'INSTANT');

--
-- datom.basis(), datom.instant()
--
SELECT datom.basis('pur'), datom.instant(:tx2012), datom.instant(999999999), datom.instant(NULL), datom.basis(NULL);
SELECT try($$SELECT datom.basis('pg_class')$$);

--
-- the moment in force: what the functions that take none ask
--
SET datom.as_of = '2011-01-01T00:00:00Z';
SELECT datom.now(), count(*) FROM datom.as_of('pur');
SELECT (SELECT count(*) FROM datom.history('pur')), (SELECT count(*) FROM datom.log('pur')), (SELECT count(*) FROM datom.log('pur', :tx2011));
SELECT count(*) FROM datom.since('pur', :tx2010);
SELECT datom.entity('pur', 100), datom.entity('pur', 200);
-- those that take one are not bound by it
SELECT count(*) FROM datom.as_of('pur', :tx2012);
SELECT count(*) FROM datom.diff('pur', :tx2010, :tx2013);
-- the table always shows the whole log
SELECT count(*) FROM story;
SELECT datom.assert_as_of('2011-01-01T00:00:00Z'), datom.assert_as_of('2011-01-01 01:00:00+01'), datom.assert_as_of(NULL);
SELECT try($$SELECT datom.assert_as_of('2012-01-01T00:00:00Z')$$);
SELECT try(format('SELECT datom.assert_as_of(%L)', :tx2011));
SELECT try($$SELECT datom.assert_as_of('2011-01-01')$$);
SELECT set_config('datom.as_of', :'tx2012', false) = :'tx2012';
SELECT datom.now(), count(*) FROM datom.as_of('pur');
SELECT datom.assert_as_of(:'tx2012');
SELECT regexp_replace(try($$SELECT datom.assert_as_of('2012-01-01T00:00:00Z')$$), '\d+\.', 'TX.');
-- a write is refused
SELECT try($$INSERT INTO pur (e, a, v) VALUES (100, ':x/one', 'x')$$);
SELECT try($$SELECT datom.transact('pur', '[]')$$);
SELECT try($$SELECT datom.import_tx('pur', '2015-01-01T00:00:00Z')$$);
COPY pur (e, a, v) FROM stdin;
100	:x/one	x
\.
-- what cannot be read is an error when it is used, and never now
SET datom.as_of = 'last week';
SELECT try($$SELECT datom.as_of('pur')$$);
SELECT try($$SELECT datom.now()$$);
SELECT try($$SELECT datom.entity('pur', 100)$$);
SELECT try($$SELECT datom.assert_as_of('2011-01-01T00:00:00Z')$$);
SELECT try($$INSERT INTO pur (e, a, v) VALUES (100, ':x/one', 'x')$$);
SELECT count(*) FROM datom.as_of('pur', :tx2011);
SET datom.as_of = '999999999';
SELECT try($$SELECT datom.as_of('pur')$$);
SELECT try($$SELECT datom.now()$$);
-- it is read when a plan runs
PREPARE p AS SELECT count(*) FROM datom.as_of('pur');
SET plan_cache_mode = force_generic_plan;
SET datom.as_of = '2010-01-01T00:00:00Z';
EXECUTE p;
SET datom.as_of = '2011-01-01T00:00:00Z';
EXECUTE p;
BEGIN;
SET LOCAL datom.as_of = '2009-01-01T00:00:00Z';
EXECUTE p;
COMMIT;
EXECUTE p;
RESET plan_cache_mode;
RESET datom.as_of;
EXECUTE p;
SELECT datom.now() = now();
SELECT try($$SELECT datom.assert_as_of('2011-01-01T00:00:00Z')$$);
-- a function and a role may bring their own
CREATE FUNCTION past() RETURNS bigint LANGUAGE sql SET datom.as_of = '2011-01-01T00:00:00Z' AS $$ SELECT count(*) FROM datom.as_of('pur') $$;
SELECT past(), count(*) FROM datom.as_of('pur');

--
-- importing: instants in their order, none in the future, one importer
--
SELECT try($$SELECT datom.import_tx('pur', '2014-01-01T00:00:00Z')$$);
SELECT try($$SELECT datom.import_tx('pur', '2013-06-01T00:00:00Z')$$);
SELECT regexp_replace(try($$SELECT datom.import_tx('pur', now() + interval '1 hour')$$), '20\d\d-[^ ;]* [^ ;]*', 'INSTANT');
SELECT try($$SELECT datom.import_tx('pur', 'infinity')$$);
SELECT try($$SELECT datom.import_tx('pur', '-infinity')$$);
SELECT try($$SELECT datom.import_tx('pur', NULL)$$);
SELECT try($$SELECT datom.import_tx('pg_class', '2015-01-01T00:00:00Z')$$);
-- many in one commit, each of its own number
BEGIN;
SELECT datom.import_tx('pur', '2015-01-01T00:00:00Z') AS tx2015 \gset
INSERT INTO pur (e, a, v) VALUES (100, ':x/one', '15');
SELECT datom.import_tx('pur', '2016-01-01T00:00:00Z') AS tx2016 \gset
INSERT INTO pur (e, a, v) VALUES (100, ':x/one', '16');
SELECT :tx2015 < :tx2016, count(*) FROM pur WHERE tx IN (:tx2015, :tx2016);
SAVEPOINT s;
SELECT datom.import_tx('pur', '2017-01-01T00:00:00Z') AS tx2017 \gset
INSERT INTO pur (e, a, v) VALUES (100, ':x/one', '17');
SELECT v, tx = :tx2017 FROM datom.as_of('pur') WHERE e = 100 AND a = ':x/one';
ROLLBACK TO s;
INSERT INTO pur (e, a, v) VALUES (100, ':x/many', 'sixteen');
SELECT tx = :tx2016 FROM pur WHERE v = 'sixteen';
SELECT try($$SELECT datom.import_tx('pur', '2016-01-01T00:00:00Z')$$);
SELECT tx FROM datom.transact('pur', '[{:db/id "datomic.tx" :db/txInstant #inst "2016-07-01T00:00:00Z"} [:db/add 100 :x/one "16b"]]') \gset
SELECT tx = :tx, v FROM datom.as_of('pur') WHERE e = 100 AND a = ':x/one';
COMMIT;
SELECT string_agg(to_char(datom.instant(tx), 'YYYY-MM') || v, ' ' ORDER BY tx, v) FROM pur WHERE tx >= :tx2015;
SELECT as_of('2016-01-01T00:00:00Z');
-- nothing of the past after something of now, unless that is rolled back
BEGIN;
SAVEPOINT s;
INSERT INTO pur (e, a, v) VALUES (100, ':x/one', 'now');
SELECT try($$SELECT datom.import_tx('pur', '2017-01-01T00:00:00Z')$$);
SELECT try($$SELECT datom.transact('pur', '[{:db/id "datomic.tx" :db/txInstant #inst "2017-01-01T00:00:00Z"}]')$$);
ROLLBACK TO s;
SELECT datom.import_tx('pur', '2017-01-01T00:00:00Z') > 0;
ROLLBACK;
-- one instant a transaction, and only of the transaction itself
SELECT try($$SELECT datom.transact('pur', '[[:db/add 100 :db/txInstant #inst "2017-01-01T00:00:00Z"]]')$$);
SELECT try($$SELECT datom.transact('pur', '[[:db/retract "datomic.tx" :db/txInstant #inst "2017-01-01T00:00:00Z"]]')$$);
SELECT try($$SELECT datom.transact('pur', '[{:db/id "datomic.tx" :db/txInstant #inst "2017-01-01T00:00:00Z"} {:db/id "datomic.tx" :db/txInstant #inst "2018-01-01T00:00:00Z"}]')$$);
SELECT try($$SELECT datom.transact('pur', '[{:db/id "datomic.tx" :db/txInstant "2017-01-01T00:00:00Z"}]')$$);
SELECT try($$SELECT datom.transact('pur', '[{:db/id "datomic.tx" :db/txInstant #inst "2016-01-01T00:00:00Z"}]')$$);
-- what it imported is final, and no more
SELECT datom.basis('pur');
SELECT regexp_replace(try($$SELECT datom.as_of('pur', '2016-07-01T00:00:00.000001Z')$$), '20\d\d-[^ ;]*Z', 'INSTANT');
-- an import that gives no instant is one of now, and nothing can come before it any more
SELECT datom.create('imp', true);
INSERT INTO imp (e, a, v, tx, added) SELECT e, a, v, tx, added FROM pur WHERE a LIKE ':db/%';
INSERT INTO imp (e, a, v) VALUES (1, ':x/one', 'x');
SELECT regexp_replace(try($$SELECT datom.import_tx('imp', '2017-01-01T00:00:00Z')$$), '20\d\d-[^ ;]* [^ ;]*', 'INSTANT');

--
-- live: instants come from commits
--
SELECT datom.live('pur');
SELECT try($$SELECT datom.live('pur')$$);
SELECT try($$SELECT datom.live(NULL)$$);
SELECT try($$SELECT datom.live('pg_class')$$);
SELECT try($$SELECT datom.import_tx('pur', '2017-01-01T00:00:00Z')$$);
SELECT try($$SELECT datom.transact('pur', '[{:db/id "datomic.tx" :db/txInstant #inst "2017-01-01T00:00:00Z"}]')$$);
INSERT INTO pur (e, a, v) VALUES (100, ':x/one', 'live');
SELECT max(instant) > now() - interval '1 hour' FROM datom.tx WHERE db = 'pur'::regclass;
SELECT v FROM datom.as_of('pur', clock_timestamp()) WHERE e = 100 AND a = ':x/one';
SELECT as_of('2016-12-31T00:00:00Z');

--
-- a transaction sees what it says, until it asks as of a moment
--
BEGIN;
INSERT INTO pur (e, a, v) VALUES (100, ':x/one', 'mine'), (300, ':x/one', 'mine');
SELECT e, v FROM datom.as_of('pur') WHERE a = ':x/one' ORDER BY e;
SELECT e, v FROM datom.as_of('pur', clock_timestamp()) WHERE a = ':x/one' ORDER BY e;
SELECT e, v, added FROM datom.since('pur', clock_timestamp()) ORDER BY e;
SELECT e, v, added FROM datom.log('pur', clock_timestamp()) ORDER BY e, added;
SELECT datom.entity('pur', 300);
SELECT datom.instant(datom.current_tx()), try($$SELECT datom.as_of('pur', datom.current_tx())$$) LIKE '42704 transaction % is not known';
-- assert and retract in one transaction: the assertion stays
INSERT INTO pur (e, a, v, added) VALUES (300, ':x/many', 'both', true), (300, ':x/many', 'both', false), (300, ':x/many', 'never', false);
SELECT e, v FROM datom.as_of('pur') WHERE e = 300 ORDER BY v;
COMMIT;
SELECT v, added FROM datom.history('pur') WHERE e = 300 ORDER BY v;
-- of equal values the one with the shortest text is shown, whatever their order
SELECT datom.define_attribute('pur', ':x/amounts', 'bigdec', 'many') > 0;
INSERT INTO pur (e, a, v) VALUES (311, ':x/amounts', '1.00'), (311, ':x/amounts', '1'), (311, ':x/amounts', '1.0');
INSERT INTO pur (e, a, v) VALUES (312, ':x/amounts', '1'), (312, ':x/amounts', '1.0'), (312, ':x/amounts', '1.00');
SELECT e, v FROM datom.as_of('pur') WHERE a = ':x/amounts' ORDER BY e;
SELECT datom.entity('pur', 311), datom.entity('pur', 312);
SELECT d.e, d.v FROM unnest((datom.transact('pur', '[{:db/id 313 :x/amounts [2.00M 2M 2.0M]}]'::text)).datoms) d;
-- a snapshot that is older than the moment cannot tell
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM datom.as_of('pur', datom.basis('pur')) WHERE a = ':x/one';
SELECT regexp_replace(try($$SELECT datom.as_of('pur', clock_timestamp())$$), '20\d\d-[^ ;]*Z', 'INSTANT', 'g');
COMMIT;
-- as_of in views, joins, with itself
CREATE VIEW past_facts AS SELECT * FROM datom.as_of('pur', '2010-01-01T00:00:00Z');
SELECT a.v, b.v FROM past_facts a JOIN datom.as_of('pur', '2011-01-01T00:00:00Z') b USING (e, a) WHERE a.v <> b.v ORDER BY 1, 2;
SELECT i, (SELECT string_agg(v::text, ' ' ORDER BY v) FROM datom.as_of('pur', i || '-01-01T00:00:00Z') WHERE a = ':x/many') FROM generate_series(2010, 2014) i;

--
-- datom.shard(): one shard for each entity
--
SELECT n, count(*), count(DISTINCT e) FROM generate_series(-50, 50) e, generate_series(1, 7) n, generate_series(0, n - 1) i
WHERE datom.shard(e, i, n) GROUP BY n ORDER BY n;
SELECT datom.shard(7, 1, 3), datom.shard(-7, 2, 3), datom.shard(-7, -1 + 3, 3), datom.shard(NULL, 0, 3), datom.shard(NULL, 1, 3), datom.shard(0, 0, 1);
SELECT datom.shard(-9223372036854775808, 0, 2), datom.shard(9223372036854775807, 1, 2), datom.shard(-9223372036854775808, 9223372036854775806, 9223372036854775807),
	datom.shard(5, 5, 9223372036854775807);
SELECT try('SELECT datom.shard(1, 3, 3)');
SELECT try('SELECT datom.shard(1, -1, 3)');
SELECT try('SELECT datom.shard(1, 0, 0)');
SELECT try('SELECT datom.shard(1, 0, -3)');
SELECT try('SELECT datom.shard(1, NULL, 3)');
SELECT try('SELECT datom.shard(1, 0, NULL)');
SELECT try('SELECT datom.shard(NULL, 3, 3)');
SELECT sum(n) = (SELECT count(*) FROM story) FROM generate_series(0, 4) i, LATERAL (SELECT count(*) n FROM story WHERE datom.shard(e, i, 5)) s;

SELECT count(*) FROM datom.check('pur');
SET client_min_messages = warning;
DROP SCHEMA timetravel CASCADE;
