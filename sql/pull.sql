--
-- What patterns find of entities
--
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
SET timezone = 'UTC';
CREATE SCHEMA pull;
SET search_path = pull;

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

SELECT datom.create('pur', true);
SELECT datom.import_tx('pur', '2010-01-01T00:00:00Z') IS NOT NULL,
	(SELECT count(datom.define_attribute('pur', (':t/' || t)::datom.attribute, t))
	FROM unnest('{string,long,double,bigdec,boolean,instant,date,uuid,keyword,ref,bytes,json}'::text[]) t),
	datom.define_attribute('pur', ':person/name', 'string', 'one', 'identity'),
	datom.define_attribute('pur', ':person/nick', 'string', 'many'),
	datom.define_attribute('pur', ':person/boss', 'ref'),
	datom.define_attribute('pur', ':person/friend', 'ref', 'many'),
	datom.define_attribute('pur', ':person/heart', 'ref', 'one', NULL, false, true),
	datom.define_attribute('pur', ':person/limb', 'ref', 'many', NULL, false, true);
CREATE FUNCTION said(year int, tx_data text) RETURNS bigint LANGUAGE sql AS $$
	SELECT tx FROM datom.transact('pur', format('[{:db/id "datomic.tx" :db/txInstant #inst "%s-01-01T00:00:00Z"} %s]', year, tx_data))
$$;
SELECT said(2011, '{:db/id 100 :t/string "s \"q\"" :t/long 9007199254740993 :t/double 1.5 :t/bigdec 10.50M :t/boolean false
	:t/instant #inst "2014-11-15T13:37:42.5Z" :t/date #date "2014-11-15" :t/uuid #uuid "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"
	:t/keyword :a/b :t/ref 201 :t/bytes #bytes "cafe" :t/json #json "{\"a\": [1, null]}"}') > 0;
SELECT said(2012, '{:db/id 201 :db/ident :the/first :person/name "Ann" :person/nick ["b" "c" "a"]} {:db/id 202 :person/name "Bob" :person/boss 201 :person/friend [201 203]}
	{:db/id 203 :person/name "Cid" :person/boss 202 :person/friend 202} {:db/id 204 :person/name "Dan" :person/boss 202}
	{:db/id 205 :person/friend [204 206 203 202]}') > 0;
SELECT said(2013, '{:db/id 201 :person/heart 301 :person/limb [302 303]} {:db/id 301 :person/name "heart"} {:db/id 302 :person/name "arm" :person/limb [304 305]}
	{:db/id 303 :person/name "leg" :person/boss 202} {:db/id 304 :person/name "thumb"} {:db/id 305 :t/long 5 :person/limb 201}') > 0;
SELECT said(2014, '[:db/add 202 :person/name "Robert"] [:db/retract 201 :person/nick "c"] {:db/id "datomic.tx" :db/doc "renamed" :person/boss 201}') AS tx2014 \gset

--
-- attributes, :db/id, all types
--
SELECT jsonb_pretty(datom.pull('pur', '[*]', 100));
SELECT datom.pull('pur', '[:person/name :person/nick]', 201);
SELECT datom.pull('pur', '[:db/id :person/boss]', 202);
SELECT datom.pull('pur', '(:person/name "*")', 202);

--
-- nothing to be found
--
SELECT datom.pull('pur', '[:person/name]', 205) IS NULL, datom.pull('pur', '[:not/defined {:not/_defined [*]}]', 201) IS NULL,
	datom.pull('pur', '[:person/name]', 999) IS NULL, datom.pull('pur', '[:person/name]', NULL::bigint) IS NULL, datom.pull('pur', '[{:person/boss [:t/long]}]', 202) IS NULL;
SELECT datom.pull('pur', '[:db/id]', 999), datom.pull('pur', '[*]', 999), datom.pull('pur', '[:db/id {:person/friend [:t/long]}]', 202);

--
-- maps, refs, components
--
SELECT datom.pull('pur', '[:person/name {:person/boss [:person/name :person/nick], :person/friend [:db/id]}]', 202);
SELECT datom.pull('pur', '[{:person/boss [{:person/boss [{:person/boss [:person/name]} :person/name]}]}]', 203);
SELECT datom.pull('pur', '[:person/heart :person/limb]', 201);
SELECT datom.pull('pur', '[{:person/limb [:person/name]}]', 201);
SELECT datom.pull('pur', '[*]', 302);

--
-- reverse: a list, but one whole of a part
--
SELECT datom.pull('pur', '[:person/_boss {:person/_friend [:person/name]}]', 202);
SELECT datom.pull('pur', '[:person/_limb {:person/_heart [:person/name]}]', 301), datom.pull('pur', '[{:person/_limb [:person/name {:person/_limb [:person/name]}]}]', 304);

--
-- recursion, and its circles
--
SELECT datom.pull('pur', '[:person/name {:person/boss ...}]', 203);
SELECT datom.pull('pur', '[:person/name {:person/boss 1}]', 203);
SELECT datom.pull('pur', '[:person/name {:person/_boss ...}]', 201);
SELECT datom.pull('pur', '[:person/name {:person/friend ...}]', 202);
SELECT datom.pull('pur', '[:person/name {:person/friend 2 :person/boss 1}]', 203);

--
-- options
--
SELECT datom.pull('pur', '[(:person/name :as "Name") [:person/nick :as :nick :limit 1] (:db/id :as 7) (:person/boss :default "nobody" :as boss)]', 201);
SELECT datom.pull('pur', '[(limit :person/friend 2) ["default" :t/long 0] (default :t/boolean false)]', 205);
SELECT datom.pull('pur', '[{(:person/friend :limit 2) [:person/name]}]', 205);
SELECT datom.pull('pur', '[{(:person/friend :limit nil :as :f) [(:person/name :default [1 2.50M nil {:k #{:v}} #inst "2014-11-15"])]}]', 205);
SELECT datom.pull('pur', '[:person/name (:person/name :as "again") (:t/long :as "again" :default 1)]', 202);
SELECT datom.pull('pur', '[* (:person/name :as "n") {:person/limb [:db/id]}]', 201);
SELECT datom.pull('pur', '[(:t/long :default nil)]', 201) IS NULL;

--
-- by ident and lookup ref
--
SELECT datom.pull('pur', '[:db/id]', '[:person/name "Robert"]'), datom.pull('pur', '[:db/id]', ':the/first'), datom.pull('pur', '[:db/id]', '202'),
	datom.pull('pur', '[:db/id]', '(:person/name "nobody")') IS NULL, datom.pull('pur', '[:db/id]', NULL::text) IS NULL;

--
-- many, in their order
--
SELECT * FROM datom.pull_many('pur', '[:person/name {:person/boss [:db/id]}]', '{204,201,NULL,999,204,203}');
SELECT count(*) FROM datom.pull_many('pur', '[*]', NULL);
SELECT count(*), count(p), count(DISTINCT p) FROM datom.pull_many('pur', '[:person/name]', (SELECT array_agg(200 + i % 6) FROM generate_series(1, 5000) i)) p;
SELECT datom.pull_many('pur', '[:person/name]', '{201,202}') ->> ':person/name';

--
-- as of a moment
--
SELECT datom.pull('pur', '[*]', 202, '2012-06-01T00:00:00Z'), datom.pull('pur', '[:person/name]', 202, timestamptz '2012-06-01T00:00:00Z'),
	datom.pull('pur', '[:person/name]', 202, :tx2014), datom.pull('pur', '[:person/name]', 202, '2011-06-01T00:00:00Z') IS NULL;
SELECT datom.pull('pur', '[:person/nick]', '[:person/name "Ann"]', '2013-06-01T00:00:00Z'), datom.pull('pur', '[:person/nick]', '[:person/name "Ann"]', :tx2014);
SELECT * FROM datom.pull_many('pur', '[:person/name]', '{202,100}', '2012-06-01T00:00:00Z');
SET datom.as_of = '2012-06-01T00:00:00Z';
SELECT datom.pull('pur', '[:person/name :person/limb]', 202), datom.pull('pur', '[:db/id]', '[:person/name "Bob"]');
RESET datom.as_of;

--
-- a transaction
--
SELECT datom.pull('pur', '[:db/txInstant :db/doc {:person/boss [:person/name]}]', -:tx2014);
SELECT datom.pull('pur', '[*]', -:tx2014) - ':db/id' - ':db.tx/role' - ':db.tx/application';
SELECT datom.pull('pur', '[(:db.tx/role :as "role")]', -:tx2014) = jsonb_build_object('role', current_user);
SELECT datom.pull('pur', '[:db/txInstant]', -:tx2014, '2013-06-01T00:00:00Z') IS NULL;

--
-- what is a part is so as of the moment
--
SELECT said(2015, '{:db/ident :person/heart :db/isComponent false} {:db/ident :person/boss :db/isComponent true}') > 0;
SELECT datom.pull('pur', '[:person/heart]', 201), datom.pull('pur', '[:person/heart]', 201, '2014-06-01T00:00:00Z');
SELECT datom.pull('pur', '[:person/_heart]', 301), datom.pull('pur', '[:person/_heart]', 301, '2014-06-01T00:00:00Z');
SELECT datom.pull('pur', '[{:person/boss [:db/id]} :person/_boss]', 303), datom.pull('pur', '[:person/boss]', 303, '2014-06-01T00:00:00Z');

--
-- 1,000 of many, unless more are asked for
--
BEGIN;
SELECT datom.import_tx('pur', '2016-01-01T00:00:00Z') IS NOT NULL;
INSERT INTO pur (e, a, v) SELECT 400, ':person/nick', lpad(i::text, 4, '0') FROM generate_series(1, 1100) i;
INSERT INTO pur (e, a, v) SELECT 1000 + i, ':person/boss', datom.ref(400) FROM generate_series(1, 1100) i;
INSERT INTO pur (e, a, v) SELECT 1000 + i, ':person/friend', datom.ref(400) FROM generate_series(1, 1100) i;
COMMIT;
SELECT jsonb_array_length(p -> ':person/nick'), p -> ':person/nick' ->> 999, jsonb_array_length(p -> ':person/_friend')
FROM datom.pull('pur', '[:person/nick :person/_friend]', 400) p;
SELECT jsonb_array_length(p -> ':person/nick'), jsonb_array_length(p -> 'f')
FROM datom.pull('pur', '[(:person/nick :limit nil) {(:person/_friend :limit 1050 :as "f") [:db/id]}]', 400) p;

--
-- the same with orders, without them, and while some is above their watermark
--
CREATE TABLE answers AS SELECT e, p, datom.pull('pur', p, e), datom.pull('pur', p, e, '2013-06-01T00:00:00Z') AS then
FROM generate_series(199, 310) e, unnest('{[*],"[{:person/_friend [*]} {:person/limb ...}]"}'::text[]) p;
SELECT said(2017, '[:db/add 1999 :t/long 1]') > 0;
SET datom.enable_orders = off;
SELECT count(*), count(pull), bool_and(pull IS NOT DISTINCT FROM datom.pull('pur', p, e) AND answers.then IS NOT DISTINCT FROM datom.pull('pur', p, e, '2013-06-01T00:00:00Z')) FROM answers;
RESET datom.enable_orders;
SELECT bool_and(pull IS NOT DISTINCT FROM datom.pull('pur', p, e) AND answers.then IS NOT DISTINCT FROM datom.pull('pur', p, e, '2013-06-01T00:00:00Z')) FROM answers;
VACUUM pur;
SELECT bool_and(pull IS NOT DISTINCT FROM datom.pull('pur', p, e) AND answers.then IS NOT DISTINCT FROM datom.pull('pur', p, e, '2013-06-01T00:00:00Z')) FROM answers;
SELECT count(*), bool_and(pull IS NOT DISTINCT FROM many) FROM (SELECT p, array_agg(e ORDER BY e) AS all_of_them FROM answers GROUP BY p) x,
	LATERAL datom.pull_many('pur', x.p, all_of_them) WITH ORDINALITY AS m (many, n), answers a WHERE a.p = x.p AND e = all_of_them[n];

--
-- a call site meets patterns, tables, moments, and facts of its own statements
--
SELECT datom.create('other');
SELECT datom.define_attribute('other', ':person/name', 'long', 'many') > 0;
INSERT INTO other (e, a, v) VALUES (201, ':person/name', 17);
SELECT string_agg(coalesce(datom.pull(db::regclass, p, 201, at)::text, '-'), ' ' ORDER BY n) FROM (VALUES (1, 'pur', '[:person/name]', '2015-01-01Z'::timestamptz), (2, 'other', '[:person/name]', '2015-01-01Z'),
	(3, 'pur', '[:person/nick]', '2013-01-01Z'), (4, 'pur', '[:person/nick]', '2014-01-01Z'), (5, 'pur', '[:person/name]', '2011-01-01Z')) x (n, db, p, at);
DO $$
DECLARE p jsonb; said text;
BEGIN
	FOR i IN 1 .. 3 LOOP
		INSERT INTO other (e, a, v) VALUES (201, ':person/name', i);
		p := datom.pull('other', '[*]', 201);
		said := concat_ws(' ', said, p ->> ':person/name');
		IF i = 2 THEN
			PERFORM datom.define_attribute('other', ':person/age', 'long');
			INSERT INTO other (e, a, v) VALUES (201, ':person/age', 40);
		END IF;
	END LOOP;
	RAISE NOTICE '% %', said, p;
END $$;
BEGIN;
SAVEPOINT a;
INSERT INTO other (e, a, v) VALUES (201, ':person/age', 41);
SELECT datom.pull('other', '[*]', 201);
ROLLBACK TO a;
SELECT datom.pull('other', '[*]', 201);
DROP TABLE other;
COMMIT;

--
-- what is no pattern
--
SELECT p, try(format('SELECT datom.pull(%L, %L, 201)', 'pur', p)) FROM unnest(ARRAY['', '[', '[:a] :b', ':a/b', '{:a/b [*]}', '[]', '[{}]', '[{:person/boss []}]', '[{:person/boss}]', '[[]]',
	'[:person/name 5]', '[* "x"]', '[nil]', '[#{:a}]', '[person/name]', '[(:person/name)]', '[(:person/name :as)]', '[(:person/name :as [])]', '[(:person/name :as nil)]',
	'[(:person/nick :limit 0)]', '[(:person/nick :limit -1)]', '[(:person/nick :limit 1.5)]', '[(:person/nick :limit 99999999999999999999)]', '[(:person/nick :limit "2")]',
	'[(:person/name :more 1)]', '[(:person/name "as" 1)]', '[(:person/name :xform str)]', '[(limit :person/nick)]', '[(limit 3 :person/nick)]', '[(default :t/long 1 2)]', '[(unknown :t/long 1)]',
	'[{:person/boss 0}]', '[{:person/boss ..}]', '[{:person/boss "x"}]', '[{:db/id [*]}]', '[:db/_id]', '[{[:db/id :as 1] 2}]', '[{"x" [*]}]', '[{* [*]}]',
	'[(:t/long :default {[1] 2})]', '[(:t/long :default #foo 1)]', '[:person/name {:person/friend [:person/name {:person/boss [:Ärger 5]}]}]']) p;
SELECT try('SELECT datom.pull(''pur'', ''[{:person/name [*]}]'', 201)');
SELECT try('SELECT datom.pull(''pur'', ''[:person/boss {:person/nick ...}]'', 201)');
SELECT try('SELECT datom.pull(''pur'', ''[:db/id (:person/_name :limit 1)]'', 201)');
SELECT try(format('SELECT datom.pull(%L, %L, 201)', 'pur', repeat('[{:person/boss ', 500) || '[*]' || repeat('}]', 500)));
SELECT try(format('SELECT datom.pull(%L, %L, 201)', 'pur', repeat('[{:person/boss ', 400) || '[*]' || repeat('}]', 400)));
SELECT try(format('SELECT datom.pull(%L, %L, 201)', 'pur', '[' || repeat(':a ', 100001) || ']'));

--
-- what is no entity, no table, no moment
--
SELECT e, try(format('SELECT datom.pull(%L, %L, %L::text)', 'pur', '[*]', e)) FROM unnest(ARRAY['', 'x', '"x"', '[:person/name]', '[:person/name "a" "b"]', '[:person/nick "b"]', '[:not/defined 1]', '[:person/name 5]',
	'[:person/name [1]]', '[5 5]', '99999999999999999999', '1.5']) e;
SELECT try('SELECT datom.pull(NULL, ''[*]'', 1)'), try('SELECT datom.pull(''pur'', NULL, 1)'), try('SELECT datom.pull(''pur'', ''[*]'', 1, NULL::timestamptz)');
SELECT try('SELECT datom.pull(''answers'', ''[*]'', 1)'), try('SELECT datom.pull(''pur'', ''[*]'', 1, ''yesterday'')'), try('SELECT datom.pull(''pur'', ''[*]'', 1, 0)');
SELECT try('SELECT * FROM datom.pull_many(''pur'', ''[*'', NULL)');

--
-- long chains, and more paths than there is time for
--
BEGIN;
SELECT datom.import_tx('pur', '2018-01-01T00:00:00Z') IS NOT NULL;
INSERT INTO pur (e, a, v) SELECT 5000 + i, ':person/friend', datom.ref(5001 + i) FROM generate_series(1, 30000) i;
INSERT INTO pur (e, a, v) SELECT 4000 + i, ':person/friend', datom.ref(4000 + k) FROM generate_series(1, 12) i, generate_series(1, 12) k;
COMMIT;
SELECT length(datom.pull('pur', '[:db/id {:person/friend 2000}]', 5001)::text);
SELECT left(try('SELECT datom.pull(''pur'', ''[:db/id {:person/friend ...}]'', 5001)'), 34);
BEGIN;
SET LOCAL statement_timeout = 200;
SELECT datom.pull('pur', '[:db/id {:person/friend ...}]', 4001);
ROLLBACK;

--
-- entities of a block whose numbers are large and close together
--
SELECT datom.create('far');
SELECT datom.define_attribute('far', ':far/n', 'long', cardinality => 'many');
INSERT INTO far (e, a, v) SELECT (1::bigint << 62) - 500 + i, ':far/n', datom.value(k::bigint) FROM generate_series(1, 400) i, generate_series(1, 20) k;
VACUUM far;
SELECT count(*), sum(jsonb_array_length(p -> ':far/n')) FROM datom.pull_many('far', '[*]', ARRAY(SELECT (1::bigint << 62) - i FROM generate_series(1, 600) i)) p;

--
-- rights
--
CREATE ROLE regress_pull;
GRANT USAGE ON SCHEMA pull TO regress_pull;
SET ROLE regress_pull;
SELECT try('SELECT datom.pull(''pur'', ''[*]'', 201)'), try('SELECT datom.pull_many(''pur'', ''[*]'', ''{201}'')'), try('SELECT datom.pull(''pur'', ''[*]'', ''[:person/name "Ann"]'')');
RESET ROLE;
GRANT SELECT (e, a, v) ON pur TO regress_pull;
SET ROLE regress_pull;
SELECT try('SELECT datom.pull(''pur'', ''[:person/name]'', 201)');
RESET ROLE;
GRANT SELECT ON pur TO regress_pull;
SET ROLE regress_pull;
SELECT try('SELECT datom.pull(''pur'', ''[:person/name]'', 201)');
RESET ROLE;
ALTER TABLE pur ENABLE ROW LEVEL SECURITY;
SET ROLE regress_pull;
SELECT try('SELECT datom.pull(''pur'', ''[:person/name]'', 201)');
RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA pull CASCADE;
DROP ROLE regress_pull;
