--
-- INSERT, UPDATE, DELETE and COPY on entity tables
--
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
\pset null ~
SET timezone = 'UTC';
SET datestyle = 'ISO';
CREATE SCHEMA entity_write;
SET search_path = entity_write;

SELECT datom.create('pur');
CREATE FUNCTION try(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE message text; detail text; hint text;
BEGIN
	EXECUTE query;
	RETURN 'done';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN concat_ws('; ', sqlstate || ' ' || message, nullif(detail, ''), nullif(hint, ''));
END $$;
-- what a transaction said
CREATE FUNCTION said(tx_ bigint) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT concat_ws(' ', CASE WHEN added THEN '+' ELSE '-' END, e, a, v) FROM pur WHERE tx = tx_ ORDER BY e, a, added, v
$$;
SELECT count(datom.define_attribute('pur', a, t, c, u)) FROM (VALUES
	(':purchase/id'::datom.attribute, 'string', 'one', 'identity'),
	(':purchase/receipt', 'long', 'one', 'value'),
	(':purchase/amount', 'bigdec', 'one', NULL),
	(':purchase/note', 'string', 'one', NULL),
	(':purchase/status', 'keyword', 'one', NULL),
	(':purchase/tags', 'keyword', 'many', NULL),
	(':purchase/customer', 'ref', 'one', NULL),
	(':customer/email', 'string', 'one', 'identity'),
	(':other/fact', 'string', 'one', NULL)) attribute(a, t, c, u);
IMPORT FOREIGN SCHEMA pur FROM SERVER datom INTO entity_write;
CREATE VIEW bought AS SELECT id, amount, note, receipt, status, tags FROM purchase;

-- INSERT
INSERT INTO customer (email) VALUES ('joe@x'), ('ann@x') RETURNING *;
INSERT INTO purchase (id, amount, tags, customer) VALUES ('a', 1.50, '{:y,:x,:y}', 20), ('b', NULL, '{}', NULL) RETURNING *;
SELECT said(max(tx)) FROM pur;
INSERT INTO purchase (e, id, amount) VALUES (100, 'c', 3) RETURNING e;
INSERT INTO purchase (id, status) VALUES ('d', ':open') RETURNING e, tableoid::regclass;
SELECT try('INSERT INTO purchase (id) VALUES (''a'')');
SELECT try('INSERT INTO purchase (id) VALUES (''x''), (''x'')');
SELECT try('INSERT INTO purchase (id, receipt) VALUES (''x'', 1), (''y'', 1)');
SELECT try('INSERT INTO purchase (e, id) VALUES (100, ''x'')');
SELECT try('INSERT INTO purchase (e, id) VALUES (200, ''x''), (200, ''y'')');
SELECT try('INSERT INTO purchase (e, id) VALUES (-1000000, ''x'')');
SELECT try('INSERT INTO purchase (amount) VALUES (1)');
SELECT try('INSERT INTO purchase (id, status) VALUES (''x'', ''open'')');
SELECT try('INSERT INTO purchase (id, tags) VALUES (''x'', ''{:a,null}'')');
SELECT try('INSERT INTO purchase (id, tags) VALUES (''x'', ''{{:a},{:b}}'')');
SELECT try('INSERT INTO purchase (id, amount) VALUES (''x'', ''NaN'')');
SELECT count(*) FROM purchase;
-- an entity of another namespace becomes a row
INSERT INTO purchase (e, id) SELECT e, 'joe' FROM customer WHERE email = 'joe@x' RETURNING e;
INSERT INTO purchase (id, receipt) VALUES ('b', 1), ('e', 7), ('e', 8), ('f', 7) ON CONFLICT DO NOTHING RETURNING id, receipt;
INSERT INTO purchase (e, id) VALUES (100, 'x') ON CONFLICT DO NOTHING;
SELECT try('INSERT INTO purchase (id) VALUES (''x'') ON CONFLICT (id) DO NOTHING');

-- UPDATE
UPDATE purchase SET amount = coalesce(amount, 0) + 1 WHERE id IN ('a', 'b') RETURNING id, amount;
SELECT said(max(tx)) FROM pur;
UPDATE purchase SET tags = '{:z,:x}', note = 'x', status = ':done' WHERE id = 'a' RETURNING *;
SELECT said(max(tx)) FROM pur;
UPDATE purchase SET tags = NULL, note = NULL, amount = amount, status = ':done' WHERE id = 'a' RETURNING *;
SELECT said(max(tx)) FROM pur;
UPDATE purchase SET tags = array_append(tags, ':new') WHERE id = 'a' RETURNING tags;
UPDATE purchase SET tags = array_remove(tags, ':new') WHERE id = 'a' RETURNING tags;
SELECT try('UPDATE purchase SET e = 7');
SELECT try('UPDATE purchase SET id = NULL WHERE id = ''a''');
SELECT try('UPDATE purchase SET id = ''b'' WHERE id = ''a''');
SELECT try('UPDATE purchase SET receipt = 1 WHERE id IN (''a'', ''b'')');
UPDATE purchase SET id = CASE id WHEN 'a' THEN 'b' ELSE 'a' END WHERE id IN ('a', 'b') RETURNING e, id;
UPDATE purchase SET id = CASE id WHEN 'a' THEN 'b' ELSE 'a' END WHERE id IN ('a', 'b');
UPDATE purchase p SET note = c.email FROM customer c WHERE c.e = p.customer RETURNING p.id, p.note, c.email;
-- a row is updated once, though it is found three times
UPDATE purchase SET amount = amount + x FROM generate_series(1, 3) x WHERE id = 'a' RETURNING amount = 2.50 + x;
-- many at once, each once, and more than fit into memory
SET work_mem = '64kB';
INSERT INTO purchase (id, amount) SELECT 'n' || i, i FROM generate_series(1, 3000) i;
UPDATE purchase SET amount = amount + 1 WHERE id LIKE 'n%';
SELECT count(*), sum(amount), max(amount) FROM purchase WHERE id LIKE 'n%';
INSERT INTO purchase (id, amount) SELECT id || 'x', amount FROM purchase WHERE id LIKE 'n%';
SELECT count(*), sum(amount), max(amount) FROM purchase WHERE id LIKE 'n%';
WITH gone AS (DELETE FROM purchase WHERE id LIKE 'n%x' RETURNING id, amount),
	changed AS (UPDATE purchase SET amount = -1 WHERE id LIKE 'n%' AND id NOT LIKE '%x' RETURNING amount),
	made AS (INSERT INTO purchase (id, amount) SELECT id || 'y', amount FROM gone RETURNING amount)
SELECT (SELECT count(*) FROM gone), (SELECT sum(amount) FROM changed), (SELECT sum(amount) FROM made),
	(SELECT count(*) FROM purchase WHERE id LIKE 'n%');
SELECT count(*), sum(amount) FROM purchase WHERE id LIKE 'n%';

-- a volatile condition is asked once for each row
CREATE SEQUENCE asked;
UPDATE purchase SET amount = amount WHERE id LIKE 'n%' AND nextval('asked') > 0;
SELECT last_value = (SELECT count(*) FROM purchase WHERE id LIKE 'n%') FROM asked;
-- a value, and a whole row, that one part takes and another gives
WITH gone AS (DELETE FROM purchase WHERE id = 'n7' RETURNING *) INSERT INTO purchase (id, amount) SELECT id, 77 FROM gone RETURNING id, amount;
WITH gone AS (DELETE FROM purchase WHERE id = 'n8' RETURNING *) INSERT INTO purchase SELECT * FROM gone RETURNING id, amount;
-- a row is changed by one part of a statement
WITH changed AS (UPDATE purchase SET amount = 5 WHERE id = 'n9' RETURNING e) UPDATE purchase SET amount = 6 WHERE id = 'n9' RETURNING amount;
SELECT id, amount FROM purchase WHERE id IN ('n7', 'n8', 'n9') ORDER BY id;
-- DELETE
DELETE FROM purchase WHERE id LIKE 'n%';
RESET work_mem;
INSERT INTO other (e, fact) SELECT e, 'stays' FROM purchase WHERE id = 'a';
INSERT INTO customer (e, email) SELECT e, 'a@x' FROM purchase WHERE id = 'c';
UPDATE purchase SET customer = 100 WHERE id = 'a';
WITH gone AS (DELETE FROM purchase WHERE id IN ('a', 'c') RETURNING *) SELECT * FROM gone ORDER BY e;
SELECT said(max(tx)) FROM pur;
SELECT * FROM purchase ORDER BY id;
SELECT * FROM other;
SELECT email FROM customer ORDER BY email;
DELETE FROM purchase WHERE id = 'nobody';
INSERT INTO purchase (id, amount) VALUES ('a', 9);
DELETE FROM purchase USING customer c WHERE purchase.customer = c.e;
SELECT try('TRUNCATE purchase');

-- COPY
COPY purchase (id, amount, tags, note) FROM stdin;
k1	5	{:b,:a}	\N
k2	6	\N	a\tb
\.
SELECT id, amount, tags, note FROM purchase WHERE id LIKE 'k%' ORDER BY id;
COPY purchase (e, id) FROM stdin;
300	k3
300	k4
\.
COPY (SELECT id, amount FROM purchase WHERE id LIKE 'k%' ORDER BY id) TO stdout;

-- through a view, a partitioned table, a prepared statement, a function
INSERT INTO bought (id, amount) VALUES ('v', 1) RETURNING *;
UPDATE bought SET amount = amount * 2 WHERE id = 'v' RETURNING *;
DELETE FROM bought WHERE id = 'v';
CREATE VIEW cheap AS SELECT id, amount FROM purchase WHERE amount < 100 WITH CHECK OPTION;
SELECT try('INSERT INTO cheap VALUES (''v'', 100)');
SELECT try('UPDATE cheap SET amount = 100 WHERE id = ''k1''');
CREATE TABLE parts (e bigint, id text, amount numeric) PARTITION BY LIST (id);
CREATE TABLE parts_a PARTITION OF parts FOR VALUES IN ('pa', 'pc');
CREATE FOREIGN TABLE parts_b PARTITION OF parts FOR VALUES IN ('pb') SERVER datom OPTIONS (db 'pur', namespace 'purchase');
CREATE TABLE parts_rest PARTITION OF parts DEFAULT;
INSERT INTO parts (id, amount) VALUES ('pa', 1), ('pb', 2), ('pc', 3);
UPDATE parts SET amount = amount + 5 WHERE id LIKE 'p%';
SELECT id, amount FROM purchase WHERE id LIKE 'p%';
DELETE FROM purchase WHERE id = 'pb';
UPDATE parts SET id = 'pb' WHERE id = 'pa' RETURNING id, amount;
SELECT id, amount FROM purchase WHERE id LIKE 'p%';
SELECT tableoid::regclass, id, amount FROM parts WHERE id LIKE 'p%' ORDER BY id;
DROP TABLE parts;
PREPARE change(text, numeric) AS UPDATE purchase SET amount = $2 WHERE id = $1 RETURNING amount;
EXECUTE change('k1', 11);
EXECUTE change('k1', 12);
DO $$
BEGIN
	FOR i IN 1..3 LOOP
		INSERT INTO purchase (id, amount) VALUES ('f' || i, i);
	END LOOP;
	DELETE FROM purchase WHERE id = 'k1';
	IF NOT FOUND THEN RAISE 'not found'; END IF;
END $$;
SELECT id, amount FROM purchase WHERE id LIKE 'f%' ORDER BY id;
SELECT try('MERGE INTO purchase USING customer ON false WHEN NOT MATCHED THEN INSERT (id) VALUES (''x'')');

-- one transaction says one value
BEGIN;
INSERT INTO purchase (id, amount) VALUES ('once', 1);
UPDATE purchase SET note = 'too' WHERE id = 'once';
SAVEPOINT here;
UPDATE purchase SET amount = 2 WHERE id = 'once';
ROLLBACK TO here;
DELETE FROM purchase WHERE id = 'once';
ROLLBACK TO here;
COMMIT;
SELECT id, amount, note FROM purchase WHERE id = 'once';
BEGIN;
SAVEPOINT here;
UPDATE purchase SET amount = 2 WHERE id = 'once';
ROLLBACK TO here;
UPDATE purchase SET amount = 3 WHERE id = 'once' RETURNING amount;
COMMIT;

-- rows shown by identity, without an entity, of several columns for one attribute
CREATE FOREIGN TABLE named (e bigint, id text, customer text OPTIONS (identity ':customer/email'),
	customer_e bigint OPTIONS (attribute ':purchase/customer')) SERVER datom OPTIONS (db 'pur', namespace 'purchase');
INSERT INTO named (id, customer) VALUES ('i', 'joe@x') RETURNING id, customer;
SELECT id, customer, customer_e FROM named WHERE id = 'i';
SELECT try('INSERT INTO named (id, customer) VALUES (''i2'', ''nobody'')');
UPDATE named SET customer = 'ann@x' WHERE id = 'i';
SELECT id, customer, customer_e FROM named WHERE id = 'i';
SELECT try('UPDATE named SET customer = ''joe@x'', customer_e = 20 WHERE id = ''i''');
CREATE FOREIGN TABLE nameless (id text, amount numeric, undefined text) SERVER datom OPTIONS (db 'pur', namespace 'purchase');
INSERT INTO nameless (id, amount) VALUES ('nameless', 1);
SELECT try('INSERT INTO nameless (id, undefined) VALUES (''nameless2'', ''x'')');
ALTER FOREIGN TABLE nameless DROP COLUMN undefined;
SELECT try('UPDATE nameless SET amount = 2');
SELECT try('DELETE FROM nameless');
SELECT try('SELECT id FROM nameless FOR UPDATE');
CREATE FOREIGN TABLE any_ (e bigint, fact text) SERVER datom OPTIONS (db 'pur', namespace 'other', key 'any');
SELECT try('INSERT INTO any_ (fact) VALUES (NULL)');
SELECT try('UPDATE any_ SET fact = NULL');
CREATE FOREIGN TABLE keyless (e bigint, amount numeric) SERVER datom OPTIONS (db 'pur', namespace 'purchase');
SELECT try('INSERT INTO keyless (amount) VALUES (1)');
CREATE FOREIGN TABLE attributes (e bigint, ident text OPTIONS (attribute ':db/ident'), doc text OPTIONS (attribute ':db/doc'))
	SERVER datom OPTIONS (db 'pur', key ':db/ident');
SELECT ident, doc FROM attributes WHERE ident = ':purchase/id';
SELECT try('UPDATE attributes SET doc = ''x'' WHERE ident = '':purchase/id''');

-- the type of a column
CREATE FOREIGN TABLE rounded (e bigint, id text, amount numeric(10, 1) CHECK (amount < 1000), note text NOT NULL DEFAULT 'none')
	SERVER datom OPTIONS (db 'pur', namespace 'purchase');
UPDATE purchase SET amount = 1.25 WHERE id = 'a';
UPDATE rounded SET note = 'x', amount = amount WHERE id = 'a' RETURNING amount;
SELECT amount FROM purchase WHERE id = 'a';
UPDATE rounded SET amount = amount + 1 WHERE id = 'a';
SELECT amount FROM purchase WHERE id = 'a';
SELECT try('UPDATE rounded SET amount = 1000 WHERE id = ''a''');
SELECT try('INSERT INTO rounded (id, note) VALUES (''x'', NULL)');
INSERT INTO rounded (id) VALUES ('default') RETURNING note;

-- triggers of the datom table, and of the entity table
CREATE FUNCTION note_fact() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE NOTICE '% % % %', TG_OP, CASE WHEN NEW.added THEN '+' ELSE '-' END, NEW.a, NEW.v;
	RETURN NEW;
END $$;
CREATE TRIGGER note_fact AFTER INSERT ON pur FOR EACH ROW EXECUTE FUNCTION note_fact();
INSERT INTO purchase (id, tags) VALUES ('t', '{:a,:b}');
UPDATE purchase SET tags = '{:c}' WHERE id = 't';
DELETE FROM purchase WHERE id = 't';
DROP TRIGGER note_fact ON pur;
CREATE FUNCTION note_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE NOTICE '% % % % % of %', TG_WHEN, TG_OP, TG_LEVEL, OLD.amount, NEW.amount, (SELECT sum(amount) FROM purchase WHERE id LIKE 't%');
	IF TG_WHEN = 'BEFORE' AND TG_LEVEL = 'ROW' AND TG_OP = 'UPDATE' THEN NEW.note = 'changed'; END IF;
	RETURN coalesce(NEW, OLD);
END $$;
CREATE TRIGGER before_row BEFORE INSERT OR UPDATE OR DELETE ON purchase FOR EACH ROW EXECUTE FUNCTION note_row();
CREATE TRIGGER after_row AFTER INSERT OR UPDATE OR DELETE ON purchase FOR EACH ROW EXECUTE FUNCTION note_row();
INSERT INTO purchase (id, amount) VALUES ('t1', 1), ('t2', 2);
UPDATE purchase SET amount = amount + 10 WHERE id LIKE 't%';
SELECT id, amount, note FROM purchase WHERE id LIKE 't%' ORDER BY id;
DELETE FROM purchase WHERE id LIKE 't%';
DROP TRIGGER before_row ON purchase;
DROP TRIGGER after_row ON purchase;

-- moments, and importing
SET datom.as_of = '2015-01-01T00:00:00Z';
SELECT try('INSERT INTO purchase (id) VALUES (''x'')');
SELECT try('UPDATE purchase SET amount = 1');
SELECT try('DELETE FROM purchase');
SELECT try('SELECT id FROM purchase FOR UPDATE');
RESET datom.as_of;
BEGIN READ ONLY;
INSERT INTO purchase (id) VALUES ('x');
ROLLBACK;

-- locking clauses
SELECT id FROM purchase WHERE id IN ('a', 'b') ORDER BY id FOR UPDATE;
SELECT id FROM purchase WHERE id IN ('a', 'b') ORDER BY id LIMIT 1 FOR SHARE;
SELECT try('SELECT id FROM purchase FOR UPDATE NOWAIT');
SELECT try('SELECT id FROM purchase FOR UPDATE SKIP LOCKED');

-- rights: the caller's on the entity table, its owner's on the datom table and its schema
CREATE ROLE entity_write_owner;
CREATE ROLE entity_write_writer;
CREATE SCHEMA hidden;
CREATE SCHEMA seen;
SELECT datom.create('hidden.pur');
SELECT count(datom.define_attribute('hidden.pur', ':x/id', 'long', uniqueness => 'identity'));
IMPORT FOREIGN SCHEMA "hidden.pur" FROM SERVER datom INTO seen;
GRANT USAGE ON SCHEMA seen, entity_write TO entity_write_writer;
GRANT SELECT, INSERT ON seen.x TO entity_write_writer;
SET ROLE entity_write_writer;
INSERT INTO seen.x (id) VALUES (1), (2);
SELECT count(*) FROM seen.x;
SELECT try('DELETE FROM seen.x');
RESET ROLE;
SELECT role FROM datom.tx WHERE db = 'hidden.pur'::regclass ORDER BY tx DESC LIMIT 1;
ALTER FOREIGN TABLE seen.x OWNER TO entity_write_owner;
GRANT SELECT ON hidden.pur TO entity_write_owner;
SET ROLE entity_write_writer;
SELECT try('INSERT INTO seen.x (id) VALUES (3)');
RESET ROLE;
GRANT USAGE ON SCHEMA hidden TO entity_write_owner;
GRANT INSERT ON hidden.pur TO entity_write_owner;
SET ROLE entity_write_writer;
SELECT try('INSERT INTO seen.x (id) VALUES (3)');
RESET ROLE;

SELECT * FROM datom."check"('pur');
SELECT * FROM datom."check"('hidden.pur');
SET client_min_messages = warning;
DROP SCHEMA hidden, seen, entity_write CASCADE;
DROP ROLE entity_write_owner, entity_write_writer;
