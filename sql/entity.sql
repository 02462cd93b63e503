--
-- One entity at the moment in force
--
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
SET timezone = 'UTC';
CREATE SCHEMA entity;
SET search_path = entity;

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
	datom.define_attribute('pur', ':id/name', 'string', 'one', 'identity'),
	datom.define_attribute('pur', ':id/number', 'long', 'one', 'value'),
	datom.define_attribute('pur', ':id/both', 'string', 'many', 'identity'),
	datom.define_attribute('pur', ':x/many', 'long', 'many');
CREATE FUNCTION said(year int, tx_data text) RETURNS bigint LANGUAGE sql AS $$
	SELECT tx FROM datom.transact('pur', format('[{:db/id "datomic.tx" :db/txInstant #inst "%s-01-01T00:00:00Z"} %s]', year, tx_data))
$$;
SELECT said(2011, '{:db/id 100 :t/string "s \"q\"" :t/long 9007199254740993 :t/double 1.5 :t/bigdec 10.50M :t/boolean true
	:t/instant #inst "2014-11-15T13:37:42.5Z" :t/date #date "2014-11-15" :t/uuid #uuid "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"
	:t/keyword :a/b :t/ref 200 :t/bytes #bytes "cafe" :t/json #json "{\"a\": [1, null]}"}') > 0;
SELECT said(2012, '{:db/id 200 :id/name "two" :id/number 2 :x/many [3 1 2] :id/both ["b" "a"] :db/ident :the/two :db/doc "d"}') > 0;
SELECT said(2013, '[:db/add 200 :id/name "deux"] [:db/retract 200 :x/many 1] [:db/add 300 :id/name "two"] {:db/id "datomic.tx" :db/doc "renamed" :x/many [1 2]}') AS tx2013 \gset
SELECT said(2014, '[:db/retractEntity 300]') > 0;

--
-- every type as natural JSON
--
SELECT jsonb_pretty(datom.entity('pur', 100));

--
-- by number, by each unique attribute
--
SELECT datom.entity('pur', 200);
SELECT datom.entity('pur', ':id/name', 'deux') = datom.entity('pur', 200), datom.entity('pur', ':id/number', '2') = datom.entity('pur', 200),
	datom.entity('pur', ':id/both', 'a') = datom.entity('pur', 200), datom.entity('pur', ':id/number', 2::bigint::datom.value) = datom.entity('pur', 200),
	datom.entity('pur', ':db/ident', ':the/two') = datom.entity('pur', 200), datom.entity(db => 'pur', a => ':id/name', v => '"deux"') = datom.entity('pur', 200);
SELECT datom.entity('pur', ':db/ident', ':id/name');

--
-- nothing there
--
SELECT datom.entity('pur', 300) IS NULL, datom.entity('pur', 12345) IS NULL, datom.entity('pur', 0) IS NULL, datom.entity('pur', -12345) IS NULL,
	datom.entity('pur', -9223372036854775808) IS NULL, datom.entity('pur', ':id/name', 'two') IS NULL, datom.entity('pur', ':id/number', '77') IS NULL;
SELECT datom.entity('pur', NULL) IS NULL, datom.entity(NULL, 1) IS NULL, datom.entity('pur', ':id/name', NULL) IS NULL, datom.entity('pur', NULL, 'x') IS NULL;

--
-- as of a moment
--
SET datom.as_of = '2012-12-31T00:00:00Z';
SELECT datom.entity('pur', 200);
SELECT datom.entity('pur', ':id/name', 'two') = datom.entity('pur', 200), datom.entity('pur', ':id/name', 'deux') IS NULL;
SET datom.as_of = :'tx2013';
SELECT datom.entity('pur', ':id/name', 'two');
SET datom.as_of = '2011-12-31T00:00:00Z';
SELECT datom.entity('pur', 200) IS NULL, datom.entity('pur', ':id/name', 'two') IS NULL;
RESET datom.as_of;

--
-- a transaction, with what the order of commits knows of it
--
SELECT datom.entity('pur', -:tx2013) - ':db/id' = jsonb_build_object(':db/doc', 'renamed', ':x/many', '[1, 2]'::jsonb, ':db.tx/role', current_user,
	':db.tx/application', current_setting('application_name'), ':db/txInstant', '2013-01-01T00:00:00Z');
SET datom.as_of = '2012-12-31T00:00:00Z';
SELECT datom.entity('pur', -:tx2013) IS NULL;
RESET datom.as_of;
SELECT datom.live('pur');
BEGIN;
SELECT tx FROM datom.transact('pur', '[{:db/id "datomic.tx" :db/doc "now"}]') \gset
SELECT datom.entity('pur', -:tx) - ':db/id';
COMMIT;
SELECT datom.entity('pur', -:tx) - '{:db/id,:db/txInstant}'::text[] ? ':db.tx/role';
-- of another table it says nothing
SELECT datom.create('other');
SELECT datom.entity('other', -:tx) IS NULL;

--
-- bad questions
--
SELECT try($$SELECT datom.entity('pur', ':t/string', 's')$$);
SELECT try($$SELECT datom.entity('pur', ':no/such', 's')$$);
SELECT try($$SELECT datom.entity('pur', ':id/number', 'x')$$);
SELECT try($$SELECT datom.entity('pur', ':id/number', 2.5::datom.value)$$);
SELECT try($$SELECT datom.entity('pur', 'id/name', 'x')$$);
SELECT try($$SELECT datom.entity('pg_class', 1)$$);
SELECT try($$SELECT datom.entity('pg_class', ':id/name', 'x')$$);
SELECT try($$SELECT datom.entity(0, 1)$$);

SET client_min_messages = warning;
DROP SCHEMA entity CASCADE;
