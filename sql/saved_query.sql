--
-- Saved queries: views and functions, versions, undo, what they read
--
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
\pset null ~
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET client_min_messages = warning;
CREATE SCHEMA saved;
CREATE SCHEMA "Other one";
SET search_path = saved;

-- the answer of a query, or SQLSTATE, message, detail and hint
CREATE FUNCTION try(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE answer text; about text; help text;
BEGIN
	EXECUTE query INTO answer;
	RETURN answer;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS about = PG_EXCEPTION_DETAIL, help = PG_EXCEPTION_HINT;
	RETURN concat_ws(' | ', sqlstate || ' ' || sqlerrm, nullif(about, ''), nullif(help, ''));
END $$;
CREATE FUNCTION versions(of text) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT concat_ws(' | ', version, query, doc, CASE owner WHEN current_user THEN 'me' ELSE owner END, tags, stability, CASE author WHEN current_user THEN 'me' ELSE author END, CASE WHEN valid_to IS NULL THEN 'in force' WHEN valid_to > valid_from THEN 'ended' ELSE 'at once' END)
	FROM datom.saved_query_history WHERE name = of ORDER BY version
$$;

-- nothing was saved, and the catalogue has no attributes
SELECT count(*) FROM datom.saved_query WHERE name ~ '^saved';
SELECT count(*) FROM datom.saved_query_history WHERE name ~ '^saved';
SELECT count(*) FROM datom.search_queries('large');
SELECT count(*) FROM datom.check_queries();
SELECT try($$SELECT datom.undo_query('big')$$);
SELECT try($$SELECT datom.drop_query('saved.big')$$);
SELECT try($$SELECT datom.drop_query('nowhere.big')$$);

SELECT datom.create('pur');
SELECT count(datom.define_attribute('pur', (':purchase/' || n)::datom.attribute, t)) FROM (VALUES ('amount', 'bigdec'), ('customer', 'ref'), ('note', 'string')) a(n, t);
SELECT datom.define_attribute('pur', ':purchase/id', 'string', 'one', 'identity') > 0, datom.define_attribute('pur', ':customer/id', 'string', 'one', 'identity') > 0;
SELECT tx > 0 FROM datom.transact('pur', '[{:db/id "ann" :customer/id "ann"} {:db/id "bob" :customer/id "bob"} {:purchase/id "a" :purchase/amount 10.50M :purchase/customer "ann"}
	{:purchase/id "b" :purchase/amount 20M :purchase/customer "bob"} {:purchase/id "c" :purchase/amount 30M :purchase/customer "ann"}]'::text);
IMPORT FOREIGN SCHEMA pur FROM SERVER datom INTO saved;
CREATE TABLE plain (id text, label int);
INSERT INTO plain VALUES ('a', 1), ('b', 2);

-- a view
SELECT datom.save_query('big', 'SELECT id, amount FROM purchase WHERE amount > 15;', 'Large purchases', tags => '{risk,money}');
SELECT * FROM big ORDER BY id;
SELECT name, relation, function, language, query, arguments, doc, owner = current_user, author = current_user, tags, stability, inputs, version, saved_at < clock_timestamp()
FROM datom.saved_query WHERE name = 'saved.big';
SELECT obj_description('big'::regclass);
SELECT pg_get_viewdef('big'::regclass);

-- a function, which the server puts in place of its call
SELECT datom.save_query('of_customer', 'SELECT p.id, amount FROM purchase p JOIN customer c ON c.e = p.customer WHERE c.id = who AND amount >= at_least',
	'Purchases of a customer', 'analytics', '{}', 'production', 'who text, at_least numeric DEFAULT 0');
SELECT * FROM of_customer('ann') ORDER BY id;
SELECT * FROM of_customer('ann', 20);
SELECT * FROM of_customer(at_least => 1, who => 'bob');
EXPLAIN (COSTS off) SELECT * FROM of_customer('ann') WHERE amount < 5;
SELECT name, relation, function, arguments, doc, owner, tags, stability, inputs FROM datom.saved_query WHERE name = 'saved.of_customer';
SELECT obj_description('of_customer'::regproc);
SELECT datom.save_query('largest', 'SELECT max(amount) FROM purchase', arguments => '');
SELECT * FROM largest();
SELECT datom.save_query('several', 'SELECT id FROM purchase WHERE id = ANY (ids) ORDER BY id', arguments => 'VARIADIC ids text[]');
SELECT * FROM several('a', 'c');

-- what they read
CREATE VIEW over_plain AS SELECT * FROM plain;
CREATE FUNCTION inputs_of(query text, arguments text DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
	SELECT datom.save_query('probe', query, arguments => arguments);
	SELECT array_to_string(inputs, ', ') FROM datom.saved_query WHERE name = 'saved.probe'
$$;
SELECT inputs_of(q) FROM unnest(ARRAY['SELECT 1 AS one', 'SELECT e FROM purchase', 'SELECT count(*) FROM customer', 'SELECT p FROM purchase p',
	'SELECT 1 AS x FROM purchase WHERE amount > 1', 'SELECT x.id FROM (SELECT id FROM plain) x', 'SELECT label FROM over_plain', 'SELECT id FROM big',
	'SELECT id FROM of_customer(''ann'')', 'SELECT e FROM datom.as_of(''saved.pur'')', 'SELECT e FROM pur', 'SELECT id FROM datom.entities_as_of(NULL::saved.customer, now())',
	'WITH w AS (SELECT note FROM purchase) SELECT * FROM w WHERE EXISTS (SELECT FROM plain WHERE id = note)', 'VALUES (1), (2)', 'SELECT id FROM plain UNION SELECT id FROM purchase']) q;

-- EDN: arguments of :in become those of a function, sources the tables they name now
SET datom.db = 'saved.pur';
SELECT datom.save_query('found', '[:find ?id ?amount :where [?e :purchase/id ?id] [?e :purchase/amount ?amount] [(> ?amount 15M)]]', 'By Datalog');
SELECT language, relation, function, arguments, inputs FROM datom.saved_query WHERE name = 'saved.found';
SELECT pg_get_viewdef('found'::regclass);
SELECT datom.save_query('found_of', '[:find ?id ?amount :in $pur ?who ?at-least :where [$pur ?c :customer/id ?who] [$pur ?e :purchase/customer ?c] [$pur ?e :purchase/id ?id] [$pur ?e :purchase/amount ?amount] [(>= ?amount ?at-least)]]');
SELECT language, relation, function, arguments, inputs FROM datom.saved_query WHERE name = 'saved.found_of';
SELECT datom.save_query('ruled', '[:find ?id :in $ % :where (large ?e) [?e :purchase/id ?id]]', rules => '[[(large ?e) [?e :purchase/amount ?a] [(> ?a 25)]]]');
SELECT datom.save_query('defaults', '[:find ?id :in $ ?at-least :where [?e :purchase/id ?id] [?e :purchase/amount ?a] [(>= ?a ?at-least)]]', arguments => 'at_least numeric DEFAULT 25');
SELECT * FROM found ORDER BY 1;
SELECT * FROM found_of('ann', 1) ORDER BY 1;
SELECT * FROM ruled;
SELECT * FROM defaults();
-- through views and functions in SQL, each once: functions may call themselves
CREATE MATERIALIZED VIEW kept AS SELECT id FROM found;
CREATE FUNCTION again(n int) RETURNS TABLE (id text) LANGUAGE sql BEGIN ATOMIC SELECT label::text FROM plain; END;
CREATE OR REPLACE FUNCTION again(n int) RETURNS TABLE (id text) LANGUAGE sql BEGIN ATOMIC SELECT note FROM purchase UNION ALL SELECT id FROM again(n - 1) WHERE n > 0; END;
CREATE FUNCTION dark() RETURNS SETOF text LANGUAGE sql AS 'SELECT id FROM saved.plain';
CREATE VIEW by_hand AS SELECT * FROM datom.saved_q('[:find ?id :where [$pur ?e :purchase/id ?id]]', '$pur', 'saved.pur'::regclass) q (id text);
CREATE VIEW over_all AS SELECT b.label AS l FROM over_plain b WHERE EXISTS (SELECT FROM big WHERE id = b.label::text);
SELECT inputs_of(q) FROM unnest(ARRAY['SELECT id FROM found', 'SELECT id FROM found_of(''ann'', 1)', 'SELECT id FROM kept', 'SELECT id FROM again(2)', 'SELECT x FROM dark() x',
	'SELECT id FROM by_hand', 'SELECT l FROM over_all', 'SELECT id FROM ruled JOIN found USING (id) JOIN over_all ON l = 1']) q;
-- they are those of when it was saved
SELECT datom.save_query('probe', 'SELECT l FROM over_all');
CREATE OR REPLACE VIEW over_all AS SELECT 1 AS l;
SELECT inputs FROM datom.saved_query WHERE name = 'saved.probe';
SELECT inputs_of('SELECT l FROM over_all');
SELECT datom.drop_query('probe');
DROP VIEW over_all, by_hand;
DROP MATERIALIZED VIEW kept;
DROP FUNCTION again, dark;
SELECT try($$SELECT datom.save_query('defaults', '[:find ?id :in $ ?at-least :where [?e :purchase/id ?id]]', arguments => 'other int')$$);
SELECT try($$SELECT datom.save_query('found', '[:find ?id :in ?x % :where [?e :purchase/id ?id]]')$$);
RESET datom.db;
SELECT datom.save_query('found', 'SELECT 1 AS x');
SELECT datom.undo_query('found');
SELECT count(*) FROM found;
SELECT * FROM datom.check_queries() WHERE name ~ '^saved';

-- versions: the same columns, more, others
SELECT datom.save_query('big', 'SELECT id, amount FROM purchase WHERE amount > 25');
SELECT * FROM big;
SELECT datom.save_query('big', 'SELECT id, amount, note FROM purchase WHERE amount > 25', stability => 'production');
SELECT datom.save_query('big', 'SELECT id FROM purchase WHERE amount > 5', '', tags => '{}');
SELECT * FROM big ORDER BY id;
SELECT datom.save_query('big', 'SELECT e AS id, id AS name FROM purchase WHERE amount > 25', 'By number', 'ann');
SELECT name FROM big;
SELECT versions('saved.big');
SELECT obj_description('big'::regclass);

-- undo, again and again, to a version, and after dropping
SELECT datom.undo_query('big');
SELECT * FROM big ORDER BY id;
SELECT datom.undo_query('big');
SELECT * FROM big ORDER BY id;
SELECT datom.undo_query('big', 1);
SELECT (SELECT string_agg(attname, ' ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'big'::regclass AND attnum > 0);
SELECT try($$SELECT datom.undo_query('big')$$);
SELECT try($$SELECT datom.undo_query('big', 99)$$);
SELECT datom.drop_query('big');
SELECT to_regclass('big'), (SELECT count(*) FROM datom.saved_query WHERE name = 'saved.big');
SELECT try($$SELECT datom.drop_query('big')$$);
SELECT datom.undo_query('saved.big');
SELECT count(*) FROM big;
SELECT versions('saved.big');

-- several in one transaction
BEGIN;
SELECT datom.save_query('twice', 'SELECT 1 AS x');
SELECT datom.save_query('twice', 'SELECT 2 AS x');
SELECT datom.undo_query('twice');
SELECT datom.drop_query('twice');
SELECT datom.undo_query('twice');
SELECT x, (SELECT version || coalesce(author, ' not yet') FROM datom.saved_query WHERE name = 'saved.twice') FROM twice;
SAVEPOINT a;
SELECT datom.save_query('twice', 'SELECT 5 AS x');
ROLLBACK TO a;
COMMIT;
SELECT versions('saved.twice');
BEGIN;
SELECT datom.save_query('never', 'SELECT 1 AS x');
ROLLBACK;
SELECT count(*) FROM datom.saved_query_history WHERE name = 'saved.never';

-- a query that cannot be made leaves nothing, and the one before stays
SELECT try($$SELECT datom.save_query('twice', 'SELECT nothing FROM nowhere')$$);
SELECT try($$SELECT datom.save_query('twice', 'SELECT 1 AS a, 2 AS a')$$);
SELECT x, (SELECT version FROM datom.saved_query WHERE name = 'saved.twice') FROM twice;

-- as of before the change
SELECT valid_from::text AS first FROM datom.saved_query_history WHERE name = 'saved.big' AND version = 1 \gset
SELECT valid_from::text AS fourth FROM datom.saved_query_history WHERE name = 'saved.big' AND version = 4 \gset
SET datom.as_of = :'first';
SELECT version, query, doc, tags FROM datom.saved_query WHERE name = 'saved.big';
SELECT count(*) FROM datom.saved_query WHERE name = 'saved.of_customer';
SELECT try($$SELECT datom.save_query('big', 'SELECT 1 AS x')$$);
SELECT try($$SELECT datom.undo_query('big')$$);
SET datom.as_of = :'fourth';
SELECT version, query, doc, tags, stability FROM datom.saved_query WHERE name = 'saved.big';
SELECT versions('saved.big');
RESET datom.as_of;

-- what was given to a view that is made anew: owner, grants, options, comments
CREATE ROLE regress_saved_owner;
CREATE ROLE regress_saved_reader;
GRANT USAGE, CREATE ON SCHEMA saved TO regress_saved_owner;
GRANT USAGE ON SCHEMA saved TO regress_saved_reader;
ALTER VIEW big OWNER TO regress_saved_owner;
GRANT SELECT ON big TO regress_saved_reader WITH GRANT OPTION;
GRANT SELECT ON plain TO regress_saved_owner;
GRANT UPDATE (id) ON big TO regress_saved_reader;
ALTER VIEW big SET (security_barrier);
COMMENT ON COLUMN big.id IS 'the id';
COMMENT ON COLUMN big.amount IS 'goes';
CREATE FUNCTION given() RETURNS SETOF text LANGUAGE sql AS $$
	SELECT concat_ws(' | ', relowner::regrole, replace(relacl::text, session_user, 'me'), reloptions, (SELECT string_agg(concat_ws(' ', attname, attacl, col_description(attrelid, attnum)), ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0))
	FROM pg_class c WHERE oid = 'saved.big'::regclass
	UNION ALL
	SELECT string_agg(deptype::text || ' ' || refobjid::regrole::text, ', ' ORDER BY refobjid::regrole::text) FROM pg_shdepend WHERE classid = 'pg_class'::regclass AND objid = 'saved.big'::regclass AND objsubid = 0
$$;
SELECT given();
SELECT datom.save_query('big', 'SELECT 1 AS other, id FROM plain');
SELECT given();
SELECT datom.save_query('big', 'SELECT 2 AS other, id FROM plain');
SELECT given();
SELECT datom.save_query('big', 'SELECT 2::text AS other, id FROM plain');
SELECT given();
SELECT datom.save_query('big', 'SELECT id::varchar(9) FROM plain');
SELECT given();
SELECT has_table_privilege('regress_saved_reader', 'big', 'SELECT');
SELECT datom.undo_query('big', 11);
-- but not a function for a view
SELECT datom.save_query('big', 'SELECT id FROM plain WHERE label = which', arguments => 'which int');
SELECT relation, function, version FROM datom.saved_query WHERE name = 'saved.big';
SELECT id, (SELECT proowner::regrole FROM pg_proc WHERE oid = 'big'::regproc) FROM big(2);
GRANT EXECUTE ON FUNCTION big TO regress_saved_reader;
REVOKE EXECUTE ON FUNCTION big FROM PUBLIC;
SELECT datom.save_query('big', 'SELECT id, label FROM plain WHERE label = which', arguments => 'which bigint');
SELECT proowner::regrole, proacl FROM pg_proc WHERE oid = 'big'::regproc;
SELECT datom.save_query('big', 'SELECT id, label FROM plain WHERE label > which', arguments => 'which bigint DEFAULT 1');
SELECT * FROM big();
-- nor a view for a function, which all may call with rights of their own
SELECT has_function_privilege('regress_saved_reader', 'big(bigint)', 'EXECUTE');
SELECT datom.undo_query('big');
SELECT datom.undo_query('big');
SELECT datom.undo_query('big');
SELECT * FROM big;
SELECT has_table_privilege('regress_saved_reader', 'big', 'SELECT');
SELECT count(*) FROM pg_proc WHERE proname = 'big' AND pronamespace = 'saved'::regnamespace;

-- what depends on it
SELECT datom.save_query('base', 'SELECT id, label FROM plain');
CREATE VIEW above AS SELECT id FROM base;
SELECT datom.save_query('base', 'SELECT id, label, 1 AS one FROM plain WHERE label < 2');
SELECT * FROM above;
SELECT try($$SELECT datom.save_query('base', 'SELECT label FROM plain')$$);
SELECT try($$SELECT datom.drop_query('base')$$);
SELECT version, (SELECT count(*) FROM above) FROM datom.saved_query WHERE name = 'saved.base';

-- what is no saved query is left alone
SELECT try($$SELECT datom.save_query('plain', 'SELECT 1 AS x')$$);
SELECT try($$SELECT datom.save_query('above', 'SELECT 1 AS x')$$);
SELECT try($$SELECT datom.save_query('try', 'SELECT 1 AS x', arguments => 'a int')$$);
SELECT try($$SELECT datom.save_query('plain_id', 'SELECT 1 AS x', arguments => 'a int')$$);
DROP VIEW twice;
SELECT relation, version FROM datom.saved_query WHERE name = 'saved.twice';
SELECT * FROM datom.check_queries() WHERE name ~ '^saved';
CREATE TABLE twice (x int);
SELECT try($$SELECT datom.save_query('twice', 'SELECT 1 AS x')$$);
DROP TABLE twice;
SELECT datom.save_query('twice', 'SELECT 6 AS x');
SELECT relation, version FROM datom.saved_query WHERE name = 'saved.twice';

-- a query goes by its name: what is renamed or moved is none, until it is back
SELECT datom.save_query('moved', 'SELECT a AS x', arguments => 'a int');
ALTER VIEW twice RENAME TO thrice;
ALTER FUNCTION moved SET SCHEMA "Other one";
SELECT name, relation, function FROM datom.saved_query WHERE name ~ 'twice|thrice|moved' ORDER BY 1;
SELECT name, error FROM datom.check_queries() WHERE name ~ '^saved';
SELECT try($$SELECT datom.save_query('thrice', 'SELECT 1 AS x')$$);
SELECT try($$SELECT datom.drop_query('"Other one".moved')$$);
ALTER VIEW thrice RENAME TO twice;
SELECT datom.drop_query('moved');
SELECT name, relation, function FROM datom.saved_query WHERE name ~ 'twice|thrice|moved' ORDER BY 1;
SELECT "Other one".moved(3), x FROM twice;
SELECT * FROM datom.check_queries() WHERE name ~ '^saved';

-- names
SELECT datom.save_query('"Other one"."A ""name"""', 'SELECT 1 AS "the one"');
SELECT * FROM "Other one"."A ""name""";
SELECT name, relation FROM datom.saved_query WHERE name ~ '^"Other';
SELECT datom.save_query('"a.b;--"', 'SELECT 1 AS x'), datom.drop_query('"a.b;--"');
SELECT try('SELECT datom.save_query(' || quote_nullable(n) || ', ''SELECT 1 AS x'')') FROM unnest(ARRAY['', '.', 'a.b.c', 'a.b.c.d', 'a b', 'a;b', '"a', 'nowhere.x', 'pg_temp.x', NULL]) n;
SET search_path = '';
SELECT saved.try($$SELECT datom.save_query('x', 'SELECT 1 AS x')$$);
-- going back under another search_path means the same tables
SET search_path = saved;
SELECT datom.save_query('where_from', 'SELECT label FROM plain ORDER BY 1');
CREATE TABLE "Other one".plain (label int);
SET search_path = "Other one", saved;
SELECT datom.save_query('saved.where_from', 'SELECT count(*) FROM plain');
SELECT datom.undo_query('where_from');
SELECT (SELECT inputs FROM datom.saved_query WHERE name = 'saved.where_from'), current_setting('search_path');
SET search_path = saved;

-- texts
SELECT try(format('SELECT datom.save_query(''text'', %L)', q)) FROM unnest(ARRAY['', ' ', ';', '-- only this', 'SELECT 1 AS x; DROP TABLE plain', 'SELECT 1 AS x; SELECT 2 AS x',
	'SELECT 1 AS x INTO gone', 'DELETE FROM plain RETURNING id', 'WITH d AS (DELETE FROM plain RETURNING id) SELECT * FROM d', 'SELECT id FROM plain FOR UPDATE',
	'SELECT id FROM (SELECT id FROM plain FOR SHARE) x', 'SELECT $1 AS x', 'SELECT who AS x', 'TABLE plain', 'EXPLAIN SELECT 1', 'CREATE TABLE t (a int)', 'SELECT ''a', 'SELECT /* 1', 'SELECT $$a', 'SELECT 1 AS x)',
	'(SELECT 1 AS x', 'COPY plain TO STDOUT', 'SELECT', 'SELECT $q$; DROP TABLE plain; --$q$ AS x', 'SELECT 1 AS x /* ; */ -- ;', 'begin', '[', '{:find [?e]', '[:find ?e :where [?e :no/where]]']) q;
SELECT try(format('SELECT datom.save_query(''text'', ''SELECT 1 AS x'', arguments => %L)', a)) FROM unnest(ARRAY['int', 'a', 'a int, a int', 'a int) RETURNS int LANGUAGE sql AS $$SELECT 1$$; --', 'a int) RETURNS TABLE (b int',
	'a int) RETURNS int; CREATE FUNCTION g(b int', 'OUT a int', 'a int, INOUT b int', 'a nothing', 'a int DEFAULT (SELECT 1)', 'a int DEFAULT no()', 'a anyelement', 'a int -- one', 'a int /*', 'x int; DROP TABLE plain', 'x text']) a;
SELECT try($$SELECT datom.save_query('text', NULL)$$);
SELECT try($$SELECT datom.save_query('text', 'SELECT 1 AS x', stability => 'solid')$$);
SELECT try($$SELECT datom.save_query('text', 'SELECT 1 AS x', tags => '{a,NULL}')$$);
SELECT try($$SELECT datom.save_query('text', 'SELECT 1 AS x', rules => '[]')$$);
SELECT count(*) FROM plain;
\set VERBOSITY default
SELECT datom.save_query('text', E'SELECT 1 AS one,\n  nothing FROM plain');
SELECT datom.save_query('text', 'SELECT FROM FROM');
SELECT datom.save_query('text', 'SELECT 1 AS x', arguments => 'a int b');
BEGIN READ ONLY;
SELECT datom.save_query('text', 'SELECT 1 AS x');
ROLLBACK;

-- search
SELECT datom.save_query('late_purchases', 'SELECT 1 AS x', $$Purchases that are over-due; 'quoted' & | ! : * ( $$, tags => '{Risk,"two words"}');
SELECT datom.save_query('lateness', 'SELECT 1 AS x', 'How late');
SELECT words, (SELECT string_agg(name, ' ') FROM datom.search_queries(words) WHERE name ~ '^saved') FROM unnest(ARRAY['late', 'LATE purch', 'risk', 'how', 'over due', 'over-due', 'words', 'saved late', 'late & !how | :* ()', 'nothing', 'e']) words;
SELECT count(*) = (SELECT count(*) FROM datom.saved_query) FROM datom.search_queries(' ');

-- who may
SET ROLE regress_saved_reader;
SELECT count(*) > 10 FROM datom.saved_query WHERE name ~ '^saved';
SELECT try($$SELECT datom.save_query('saved.mine', 'SELECT 1 AS x')$$);
SELECT try($$SELECT datom.undo_query('saved.base')$$);
SELECT try($$SELECT datom.drop_query('saved.base')$$);
SELECT try($$INSERT INTO datom.queries (e, a, v) VALUES (1, ':query/text', 'x')$$);
SELECT try($$SELECT datom.transact('datom.queries', '[]'::text)$$);
SET ROLE regress_saved_owner;
SELECT try($$SELECT datom.save_query('saved.base', 'SELECT 1 AS x')$$);
SELECT try($$SELECT datom.drop_query('saved.base')$$);
SELECT try($$SELECT datom.save_query('saved.mine', 'SELECT id FROM saved.purchase')$$);
SELECT datom.save_query('saved.mine', 'SELECT 7 AS x');
RESET ROLE;
SELECT owner, author FROM datom.saved_query WHERE name = 'saved.mine';
SELECT datom.save_query('saved.mine', 'SELECT 8 AS y');
SELECT (SELECT relowner::regrole FROM pg_class WHERE oid = 'mine'::regclass);
SELECT owner, author = current_user FROM datom.saved_query WHERE name = 'saved.mine';
-- the view's owner counts, and the datom table stays closed
GRANT SELECT ON late_purchases TO regress_saved_reader;
SELECT datom.save_query('shown', 'SELECT id, amount FROM purchase WHERE amount > 15'), datom.save_query('asked', $$SELECT e FROM datom.as_of('saved.pur')$$);
GRANT SELECT ON shown, asked TO regress_saved_reader;
SET ROLE regress_saved_reader;
SELECT count(*) FROM shown;
SELECT try('SELECT count(*) FROM purchase');
SELECT try('SELECT count(*) FROM pur');
SELECT try('SELECT count(*) FROM asked');
SELECT name, error FROM datom.check_queries() WHERE name IN ('saved.shown', 'saved.asked', 'saved.base', 'saved.of_customer');
RESET ROLE;

-- an attribute is gone: the table was dropped and made anew
SELECT datom.drop_query(name) FROM (SELECT unnest('{asked,found,found_of,ruled,defaults}'::text[]) AS name) q;
DROP TABLE pur;
SELECT datom.create('pur');
SELECT try('SELECT * FROM shown');
SELECT name, error FROM datom.check_queries() WHERE name ~ '^saved';
SELECT datom.define_attribute('pur', ':purchase/id', 'string', 'one', 'identity') > 0;
SELECT tx > 0 FROM datom.transact('pur', '[{:purchase/id "a"}]'::text);
-- in each form, and other columns can be asked
SELECT f, try(format('SELECT count(x::text) FROM (SELECT %s) x', f)) FROM unnest(ARRAY[
	'purchase.id FROM purchase', 'amount FROM purchase', 'max(amount) FROM purchase', 'x.id FROM datom.entities_as_of(NULL::purchase, now()) x', 'x.amount FROM datom.entities_as_of(NULL::purchase, now()) x',
	'datom.entities_as_of(NULL::purchase, now())', 'x.amount FROM datom.entities_since(NULL::purchase, ''-infinity''::timestamptz) x', 'datom.entities_since(NULL::purchase, ''-infinity''::timestamptz)',
	'datom.entities_history(NULL::purchase)', 'datom.entity_as_of(NULL::purchase, 1, now())']) f;
CREATE VIEW labels AS SELECT 2::bigint AS l, now() - interval '1 us' AS at;
SELECT try($$SELECT count(*) FROM datom.pit('labels', 'l', 'at', 'purchase') p(l bigint, amount numeric)$$);
SELECT try($$SELECT count(*) FROM datom.pit('labels', 'l', 'at', 'purchase') p(l bigint, id text)$$);
SELECT name, error FROM datom.check_queries() WHERE name ~ '^saved';
SELECT count(*) FROM datom.check('datom.queries');
DROP OWNED BY regress_saved_owner, regress_saved_reader;
DROP ROLE regress_saved_owner, regress_saved_reader;
SET client_min_messages = warning;
DROP SCHEMA saved, "Other one" CASCADE;
