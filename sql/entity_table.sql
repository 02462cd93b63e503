--
-- entity tables: options, import, what rows show
--
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
\pset null ~
SET timezone = 'UTC';
SET datestyle = 'ISO';
CREATE SCHEMA entity_table;
SET search_path = entity_table;

SELECT datom.create('pur');
CREATE FUNCTION try(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE answer text; message text; detail text; hint text;
BEGIN
	EXECUTE query INTO answer;
	RETURN answer;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN concat_ws('; ', sqlstate || ' ' || message, nullif(detail, ''), nullif(hint, ''));
END $$;
-- columns of a table, their types, options and comments
CREATE FUNCTION columns(relid regclass) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT concat_ws(' ', attname, format_type(atttypid, atttypmod), CASE WHEN attnotnull THEN 'not null' END,
		attfdwoptions, '-- ' || col_description(relid, attnum))
	FROM pg_attribute WHERE attrelid = relid AND attnum > 0 AND NOT attisdropped ORDER BY attnum
$$;

SELECT count(datom.define_attribute('pur', a, t, c, u, doc => d)) FROM (VALUES
	(':purchase/id'::datom.attribute, 'string', 'one', 'identity', 'what the clerk calls it'),
	(':purchase/amount', 'bigdec', 'one', NULL, 'what was paid'),
	(':purchase/tags', 'keyword', 'many', NULL, NULL),
	(':purchase/customer-id', 'ref', 'one', NULL, NULL),
	(':purchase/friends', 'ref', 'many', NULL, NULL),
	(':customer/email', 'string', 'one', 'identity', NULL),
	(':customer/number', 'long', 'one', 'identity', NULL),
	(':customer/nick_name', 'string', 'one', NULL, NULL),
	(':log.entry/what', 'string', 'one', NULL, NULL),
	(':log.entry/e', 'long', 'one', NULL, NULL),
	(':log-entry/what', 'string', 'one', NULL, NULL),
	(':bare', 'long', 'one', NULL, NULL)) attribute(a, t, c, u, d);
SELECT count(*) FROM datom.transact('pur', '[
	{:db/id "joe" :customer/email "joe@x" :customer/number 7 :customer/nick_name "J"}
	{:db/id "ann" :customer/email "ann@x"}
	{:db/id "nobody" :log.entry/what "x"}
	{:db/id "pur-1" :purchase/id "pur-1" :purchase/amount 10.505M :purchase/tags [:b :a :c]
		:purchase/customer-id "joe" :purchase/friends ["joe" "ann" "nobody"]}
	{:purchase/id "pur-2"}
	{:db/id "stray" :purchase/amount 99M}]');

-- import
CREATE SCHEMA s;
IMPORT FOREIGN SCHEMA pur FROM SERVER datom INTO s;
SELECT ftrelid::regclass, ftoptions FROM pg_foreign_table WHERE ftrelid::regclass::text LIKE 's.%' ORDER BY 1::text;
SELECT columns('s.purchase');
SELECT columns('s.customer');
SELECT columns('s.log_entry');
SELECT columns('s.log_entry_2');
SELECT * FROM s.purchase ORDER BY id;
SELECT * FROM s.customer ORDER BY email;
SELECT what FROM s.log_entry;
SELECT p.id, c.email FROM s.purchase p JOIN s.customer c ON c.e = p.customer_id;
SELECT id FROM s.purchase WHERE amount IS NULL;
SELECT count(*) FROM s.purchase p WHERE (p).e = p.e AND p::text LIKE '(%)';

-- which tables, what for bigdecs
CREATE SCHEMA part;
IMPORT FOREIGN SCHEMA "entity_table.pur" LIMIT TO (purchase) FROM SERVER datom INTO part OPTIONS (numeric '18,2');
SELECT columns('part.purchase');
SELECT amount FROM part.purchase WHERE id = 'pur-1';
CREATE SCHEMA others;
IMPORT FOREIGN SCHEMA pur EXCEPT (purchase, log_entry) FROM SERVER datom INTO others;
SELECT ftrelid::regclass FROM pg_foreign_table WHERE ftrelid::regclass::text LIKE 'others.%' ORDER BY 1::text;
SELECT try('IMPORT FOREIGN SCHEMA pur FROM SERVER datom INTO others OPTIONS (numeric ''2,18'')');
SELECT try('IMPORT FOREIGN SCHEMA pur FROM SERVER datom INTO others OPTIONS (nmeric ''18,2'')');
SELECT try('IMPORT FOREIGN SCHEMA nothing FROM SERVER datom INTO others');
SELECT try('IMPORT FOREIGN SCHEMA pg_class FROM SERVER datom INTO others');

-- new attributes
SELECT datom.define_attribute('pur', ':purchase/note', 'string', doc => 'what the clerk wrote');
SELECT datom.define_attribute('pur', ':shop/place', 'string');
SELECT datom.refresh_entities('pur', 's');
SELECT columns('s.purchase') OFFSET 6;
SELECT datom.refresh_entities('pur', 's');

-- options
SELECT try('CREATE FOREIGN TABLE f (e bigint) SERVER datom');
SELECT try('CREATE FOREIGN TABLE f (e bigint) SERVER datom OPTIONS (db ''pur'', name ''x'')');
SELECT try('CREATE FOREIGN TABLE f (e bigint) SERVER datom OPTIONS (db ''a.b.c.d'')');
SELECT try('CREATE FOREIGN TABLE f (e bigint) SERVER datom OPTIONS (db ''pur'', namespace '':purchase'')');
SELECT try('CREATE FOREIGN TABLE f (e bigint) SERVER datom OPTIONS (db ''pur'', key ''id'')');
SELECT try('CREATE FOREIGN TABLE f (e bigint OPTIONS (attribute ''id'')) SERVER datom OPTIONS (db ''pur'')');
SELECT try('CREATE FOREIGN TABLE f (e bigint OPTIONS (colum '':a/b'')) SERVER datom OPTIONS (db ''pur'')');
SELECT try('CREATE SERVER x FOREIGN DATA WRAPPER datom OPTIONS (host ''x'')');
SELECT try('CREATE USER MAPPING FOR current_user SERVER datom OPTIONS (user ''x'')');
CREATE FOREIGN TABLE f (e bigint) SERVER datom OPTIONS (db 'nothing', namespace 'purchase');
SELECT try('SELECT count(*) FROM f');
ALTER FOREIGN TABLE f OPTIONS (SET db 'pg_catalog.pg_class');
SELECT try('SELECT count(*) FROM f');
ALTER FOREIGN TABLE f OPTIONS (SET db 'pur');
SELECT try('SELECT count(*) FROM f');
ALTER FOREIGN TABLE f ADD COLUMN amount integer;
SELECT try('SELECT count(*) FROM f');
ALTER FOREIGN TABLE f DROP COLUMN amount, ADD COLUMN tags text;
SELECT try('SELECT count(*) FROM f');
ALTER FOREIGN TABLE f DROP COLUMN tags, ADD COLUMN nothing json;
SELECT try('SELECT count(*) FROM f');
ALTER FOREIGN TABLE f DROP COLUMN nothing, ADD COLUMN nothing text;
SELECT try('SELECT count(*) FROM f');
SELECT try('SELECT count(*) FROM f WHERE nothing IS NULL');
ALTER FOREIGN TABLE f ADD COLUMN amount boolean;
SELECT try('SELECT max(amount::int) FROM f');
ALTER FOREIGN TABLE f ALTER e TYPE text;
SELECT try('SELECT count(*) FROM f');
DROP FOREIGN TABLE f;
CREATE FOREIGN TABLE f (e bigint, amount numeric) SERVER datom OPTIONS (db 'pur');
SELECT try('SELECT count(*) FROM f');
DROP FOREIGN TABLE f;
-- a table beside the foreign table, and no other that search_path finds
SELECT datom.create('others.pur');
CREATE FOREIGN TABLE others.f (amount numeric) SERVER datom OPTIONS (db 'pur', namespace 'purchase', key 'any');
SELECT count(*) FROM others.f;
ALTER FOREIGN TABLE others.f OPTIONS (SET db 'entity_table.pur');
SELECT count(*) FROM others.f;

-- keys
CREATE FOREIGN TABLE any_ (e bigint, amount numeric) SERVER datom OPTIONS (db 'pur', namespace 'purchase', key 'any');
SELECT amount FROM any_ ORDER BY amount;
CREATE FOREIGN TABLE by_tags (id text, amount numeric) SERVER datom OPTIONS (db 'pur', namespace 'purchase', key ':purchase/tags');
SELECT * FROM by_tags;
CREATE FOREIGN TABLE mixed (paid numeric OPTIONS (attribute ':purchase/amount'), customer_id bigint,
	customer text OPTIONS (attribute ':purchase/customer-id', identity ':customer/email'),
	number bigint OPTIONS (attribute ':purchase/customer-id', identity ':customer/number'),
	friends text[] OPTIONS (identity ':customer/email'))
	SERVER datom OPTIONS (db 'pur', namespace 'purchase');
SELECT customer_id = (SELECT e FROM s.customer WHERE email = 'joe@x'), paid, customer, number, friends FROM mixed ORDER BY paid;

-- every kind
SELECT count(datom.define_attribute('pur', (':k/' || kind)::datom.attribute, kind)),
	count(datom.define_attribute('pur', (':k/' || kind || 's')::datom.attribute, kind, 'many'))
FROM unnest('{boolean,long,double,bigdec,keyword,string,instant,date,uuid,ref,bytes,json}'::text[]) kind;
INSERT INTO pur (e, a, v) VALUES
	(1000, ':k/boolean', 'true'), (1000, ':k/long', '-9223372036854775808'), (1000, ':k/double', '##NaN'),
	(1000, ':k/bigdec', '1.50'), (1000, ':k/keyword', ':a/b'), (1000, ':k/string', ''),
	(1000, ':k/instant', '#inst "infinity"'), (1000, ':k/date', '2015-02-28'),
	(1000, ':k/uuid', '6d6ed6a6-9fa3-4a3b-9d59-0f6f7b1b6b9f'), (1000, ':k/ref', '7'), (1000, ':k/bytes', '\x00ff'),
	(1000, ':k/json', '{"a": [1, null]}'),
	(1001, ':k/booleans', 'true'), (1001, ':k/booleans', 'false'), (1001, ':k/longs', '2'), (1001, ':k/longs', '-1'),
	(1001, ':k/doubles', '2.5'), (1001, ':k/bigdecs', '10'), (1001, ':k/bigdecs', '9.50'), (1001, ':k/keywords', ':b'),
	(1001, ':k/strings', 'B'), (1001, ':k/strings', 'a'), (1001, ':k/instants', '2015-01-01T00:00:00Z'),
	(1001, ':k/dates', '2015-02-28'), (1001, ':k/uuids', '6d6ed6a6-9fa3-4a3b-9d59-0f6f7b1b6b9f'),
	(1001, ':k/refs', '9'), (1001, ':k/refs', '8'), (1001, ':k/bytess', '\x00'), (1001, ':k/jsons', '[1]');
IMPORT FOREIGN SCHEMA pur LIMIT TO (k) FROM SERVER datom INTO entity_table;
SELECT columns('k');
\x
SELECT * FROM k ORDER BY e;
\x
CREATE FOREIGN TABLE wide (long numeric, bigdec double precision, boolean boolean) SERVER datom OPTIONS (db 'pur', namespace 'k', key 'any');
SELECT * FROM wide;
CREATE FOREIGN TABLE wider (e bigint, long double precision, bigdec numeric(4, 1), one text[] OPTIONS (attribute ':k/string')) SERVER datom OPTIONS (db 'pur', namespace 'k', key 'any');
SELECT * FROM wider;

-- compared with what no fact can be
CREATE FOREIGN TABLE kinds (e bigint, keyword text, bigdec numeric, double double precision, instant timestamptz, date date) SERVER datom OPTIONS (db 'pur', namespace 'k', key 'any');
SELECT count(*) FROM kinds WHERE keyword = 'no keyword';
SELECT count(*) FROM kinds WHERE keyword IN (':a/b', 'no keyword');
SELECT count(*) FROM kinds WHERE bigdec < 'NaN' AND bigdec > '-infinity' AND double >= 'NaN' AND instant = 'infinity' AND date < 'infinity';

-- moments
SELECT max(tx) AS before FROM datom.tx WHERE db = 'pur'::regclass \gset
INSERT INTO pur (e, a, v) SELECT e, ':purchase/amount', '11' FROM s.purchase WHERE id = 'pur-2';
SELECT id, amount FROM s.purchase ORDER BY id;
SET datom.as_of = :'before';
SELECT id, amount FROM s.purchase ORDER BY id;
RESET datom.as_of;

-- rights: the caller's on the entity table, its owner's on the datom table
CREATE ROLE entity_table_owner;
CREATE ROLE entity_table_reader;
GRANT USAGE ON SCHEMA entity_table, part, s TO entity_table_owner, entity_table_reader;
GRANT SELECT ON part.purchase TO entity_table_reader;
SET ROLE entity_table_reader;
SELECT count(*) FROM part.purchase;
SELECT try('SELECT count(*) FROM pur');
SELECT try('SELECT count(*) FROM s.purchase');
SELECT try('IMPORT FOREIGN SCHEMA pur FROM SERVER datom INTO part');
RESET ROLE;
ALTER FOREIGN TABLE part.purchase OWNER TO entity_table_owner;
SET ROLE entity_table_reader;
SELECT try('SELECT count(*) FROM part.purchase');
RESET ROLE;
GRANT SELECT ON pur TO entity_table_owner;
SET ROLE entity_table_reader;
SELECT try('SELECT count(*) FROM part.purchase');
RESET ROLE;
ALTER TABLE pur ENABLE ROW LEVEL SECURITY;
SELECT try('SELECT count(*) FROM part.purchase');
ALTER TABLE pur DISABLE ROW LEVEL SECURITY;

SET client_min_messages = warning;
DROP FOREIGN TABLE any_, by_tags, mixed, k, wide, wider;
DROP SCHEMA s, part, others CASCADE;
DROP SCHEMA entity_table CASCADE;
DROP ROLE entity_table_owner, entity_table_reader;
