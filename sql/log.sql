--
-- Writing into the log: what a row must be, and what becomes of it
--
\set SHOW_CONTEXT never
SET timezone = 'UTC';
\getenv abs_builddir PG_ABS_BUILDDIR
\set file :abs_builddir '/results/log.data'

SELECT datom.create('log');
SELECT count(datom.define_attribute('log', (':t/' || t)::datom.attribute, t))
FROM unnest('{string,long,double,bigdec,boolean,instant,date,uuid,keyword,ref,bytes,json}'::text[]) t;
SELECT count(datom.define_attribute('log', (':many/' || t)::datom.attribute, t, 'many'))
FROM unnest('{string,long}'::text[]) t;
SELECT count(datom.define_attribute('log', ':id/name', 'string', 'one', 'identity'));
SELECT count(datom.define_attribute('log', ':id/number', 'long', 'one', 'value'));
SELECT count(datom.define_attribute('log', ':id/alias', 'string', 'many', 'identity'));

-- what users said, less what defines the attributes
CREATE VIEW said AS SELECT e, a, v, added FROM log WHERE a NOT LIKE ':db/%';

--
-- an untyped literal is read as the attribute's type
--
BEGIN;
INSERT INTO log (e, a, v) VALUES
	(101, ':t/string', 'Quercus'), (102, ':t/string', '100'), (103, ':t/string', '"quoted"'),
	(104, ':t/string', ':kw'), (105, ':t/string', ''), (106, ':t/string', '#inst "2014-11-15T13:37:42Z"'),
	(111, ':t/long', '100'), (112, ':t/long', '-9223372036854775808'),
	(121, ':t/double', '100'), (122, ':t/double', '1.5'), (123, ':t/double', '-1e300'), (124, ':t/double', '0.1'),
	(131, ':t/bigdec', '100'), (132, ':t/bigdec', '10.50'), (133, ':t/bigdec', '10.5M'),
	(134, ':t/bigdec', '123456789012345678901234567890.123456789'),
	(141, ':t/boolean', 'true'), (142, ':t/boolean', 'false'),
	(151, ':t/instant', '2014-11-15T13:37:42Z'), (152, ':t/instant', '#inst "2014-11-15T13:37:42.123456Z"'),
	(153, ':t/instant', '2014-11-15 13:37:42+01'),
	(161, ':t/date', '2014-11-15'), (162, ':t/date', '#date "2014-11-15"'),
	(171, ':t/uuid', 'f81d4fae-7dec-11d0-a765-00a0c91e6bf6'), (172, ':t/uuid', '#uuid "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"'),
	(181, ':t/keyword', ':status/paid'),
	(191, ':t/ref', '101'), (192, ':t/ref', '#ref 102'),
	(201, ':t/bytes', '\xcafe'), (202, ':t/bytes', '#bytes "cafe"'),
	(211, ':t/json', '{"a": [1, 2]}'), (212, ':t/json', '"text"'), (213, ':t/json', '1');
SELECT e, a, v, datom.value_type(v) = substr(a, 4) AS of_type FROM said ORDER BY e;
ROLLBACK;

-- and so it is in COPY
BEGIN;
COPY log (e, a, v) FROM stdin;
101	:t/string	100
111	:t/long	100
121	:t/double	100
131	:t/bigdec	100
141	:t/boolean	true
151	:t/instant	2014-11-15T13:37:42Z
161	:t/date	2014-11-15
171	:t/uuid	f81d4fae-7dec-11d0-a765-00a0c91e6bf6
181	:t/keyword	:status/paid
191	:t/ref	101
201	:t/bytes	\\xcafe
211	:t/json	{"a": [1, 2]}
\.
SELECT e, a, v, datom.value_type(v) = substr(a, 4) AS of_type FROM said ORDER BY e;
ROLLBACK;

-- values of other types are taken where nothing is lost
BEGIN;
INSERT INTO log (e, a, v) VALUES (101, ':t/string', 'x'::text);
INSERT INTO log (e, a, v) VALUES (111, ':t/long', 1::int2), (112, ':t/long', 2), (113, ':t/long', 3::int8);
INSERT INTO log (e, a, v) VALUES (121, ':t/double', 1.5::float4), (122, ':t/double', 2.5::float8), (123, ':t/double', 3);
INSERT INTO log (e, a, v) VALUES (131, ':t/bigdec', 1.50), (132, ':t/bigdec', 2);
INSERT INTO log (e, a, v) VALUES (141, ':t/boolean', true);
INSERT INTO log (e, a, v) VALUES (151, ':t/instant', '2014-11-15T13:37:42Z'::timestamptz);
INSERT INTO log (e, a, v) VALUES (161, ':t/date', '2014-11-15'::date);
INSERT INTO log (e, a, v) VALUES (171, ':t/uuid', 'f81d4fae-7dec-11d0-a765-00a0c91e6bf6'::uuid);
INSERT INTO log (e, a, v) VALUES (181, ':t/keyword', ':x/y'::datom.attribute), (182, ':t/keyword', datom.keyword(':x/z'));
INSERT INTO log (e, a, v) VALUES (191, ':t/ref', 101), (192, ':t/ref', datom.ref(101));
INSERT INTO log (e, a, v) VALUES (201, ':t/bytes', '\xcafe'::bytea);
INSERT INTO log (e, a, v) VALUES (211, ':t/json', '{"a": 1}'::jsonb), (212, ':t/json', '[1]'::json);
SELECT e, a, v, datom.value_type(v) = substr(a, 4) AS of_type FROM said ORDER BY e;
ROLLBACK;

-- otherwise the error names the entity, the attribute and the type, never the value
INSERT INTO log (e, a, v) VALUES (1, ':t/long', 'Quercus');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO log (e, a, v) VALUES (1, ':t/long', '1.5');
INSERT INTO log (e, a, v) VALUES (1, ':t/long', '9223372036854775808');
INSERT INTO log (e, a, v) VALUES (1, ':t/double', 'Quercus');
INSERT INTO log (e, a, v) VALUES (1, ':t/bigdec', 'Quercus');
INSERT INTO log (e, a, v) VALUES (1, ':t/boolean', 'yes');
INSERT INTO log (e, a, v) VALUES (1, ':t/instant', '2014-11-15T13:37:42');
INSERT INTO log (e, a, v) VALUES (1, ':t/instant', '2014-13-15T13:37:42Z');
INSERT INTO log (e, a, v) VALUES (1, ':t/date', '2014-02-30');
INSERT INTO log (e, a, v) VALUES (1, ':t/uuid', 'f81d4fae');
INSERT INTO log (e, a, v) VALUES (1, ':t/keyword', 'paid');
INSERT INTO log (e, a, v) VALUES (1, ':t/ref', 'one');
INSERT INTO log (e, a, v) VALUES (1, ':t/bytes', '\xcaf');
INSERT INTO log (e, a, v) VALUES (1, ':t/json', '{"a": ');
INSERT INTO log (e, a, v) VALUES (1, ':t/string', 1);
\echo :LAST_ERROR_SQLSTATE
INSERT INTO log (e, a, v) VALUES (1, ':t/long', '100'::text);
INSERT INTO log (e, a, v) VALUES (1, ':t/long', 1.0);
INSERT INTO log (e, a, v) VALUES (1, ':t/double', 9007199254740993);
INSERT INTO log (e, a, v) VALUES (1, ':t/bigdec', 1.5::float8);
INSERT INTO log (e, a, v) VALUES (1, ':t/instant', '2014-11-15'::date);
INSERT INTO log (e, a, v) VALUES (1, ':t/instant', '2014-11-15'::timestamp);
\echo :LAST_ERROR_SQLSTATE
COPY log (e, a, v) FROM stdin;
1	:t/string	fine
1	:t/long	Quercus
\.
\echo :LAST_ERROR_SQLSTATE

--
-- attributes
--
INSERT INTO log (e, a, v) VALUES (1, ':t/unknown', 1);
\echo :LAST_ERROR_SQLSTATE
COPY log (e, a, v) FROM stdin;
1	:t/unknown	1
\.
\echo :LAST_ERROR_SQLSTATE
INSERT INTO log (e, a, v) VALUES (1, 'unknown', 1);
\echo :LAST_ERROR_SQLSTATE
-- schema is said through functions, which check it
INSERT INTO log (e, a, v) VALUES (1, ':db/ident', ':t/sneaked'::datom.attribute);
\echo :LAST_ERROR_SQLSTATE
INSERT INTO log (e, a, v) VALUES (1, ':db.install/x', 1);
\echo :LAST_ERROR_SQLSTATE
-- one that is defined in this transaction is known in it, and gone with it
BEGIN;
SELECT count(datom.define_attribute('log', ':t/late', 'long'));
INSERT INTO log (e, a, v) VALUES (1, ':t/late', '1');
ROLLBACK;
INSERT INTO log (e, a, v) VALUES (1, ':t/late', '1');
BEGIN;
SAVEPOINT s;
SELECT count(datom.define_attribute('log', ':t/late', 'long'));
ROLLBACK TO s;
INSERT INTO log (e, a, v) VALUES (1, ':t/late', '1');
ROLLBACK;

--
-- columns
--
INSERT INTO log (e, a, v) VALUES (NULL, ':t/long', 1);
\echo :LAST_ERROR_SQLSTATE
INSERT INTO log (e, a, v) VALUES (1, NULL, 1);
INSERT INTO log (e, a, v) VALUES (1, ':t/long', NULL);
INSERT INTO log (e) VALUES (1);
COPY log (e, a) FROM stdin;
1	:t/long
\.
\echo :LAST_ERROR_SQLSTATE
INSERT INTO log (e, a, v) VALUES (0, ':t/long', 1);
\echo :LAST_ERROR_SQLSTATE
INSERT INTO log (e, a, v) VALUES (-1000000, ':t/long', 1);
\echo :LAST_ERROR_SQLSTATE
INSERT INTO log (e, a, v) VALUES (-9223372036854775808, ':t/long', 1);
-- a fact about the transaction that says it
BEGIN;
INSERT INTO log (e, a, v) VALUES (-datom.current_tx(), ':t/string', 'from the till') RETURNING e = -tx AS about_itself;
ROLLBACK;

--
-- the transaction and what is left out
--
BEGIN;
INSERT INTO log (e, a, v) VALUES (1, ':t/long', 1)
	RETURNING e, a, v, tx = datom.current_tx() AS mine, added;
INSERT INTO log (e, a, v, added) VALUES (1, ':t/long', 1, false)
	RETURNING e, a, v, tx = datom.current_tx() AS mine, added;
INSERT INTO log (e, a, v, tx, added) VALUES (2, ':t/long', 1, NULL, NULL)
	RETURNING e, a, v, tx = datom.current_tx() AS mine, added;
WITH w AS (INSERT INTO log (e, a, v) SELECT 10 + i, ':t/long', i FROM generate_series(1, 3) i RETURNING *)
	SELECT count(*), count(DISTINCT tx), bool_and(tx = datom.current_tx()) AS mine FROM w;
SELECT datom.current_tx() AS tx \gset
COMMIT;
SELECT count(*), bool_and(tx = :tx) AS by_one FROM log WHERE a = ':t/long';
SELECT db, tx = :tx AS its_tx, role = current_user AS its_role, application FROM datom.tx WHERE tx = :tx;
SELECT datom.instant(:tx) = (SELECT instant FROM datom.tx WHERE tx = :tx) AS instant;
-- a literal is stored as what it was read as
INSERT INTO log (e, a, v) VALUES (3, ':t/bigdec', '1') RETURNING v, datom.value_type(v);
SELECT v FROM log WHERE v = 1.0::numeric::datom.value AND a = ':t/bigdec';

--
-- entities come from the sequence, which moves past those given
--
INSERT INTO log (a, v) VALUES (':t/string', 'next') RETURNING e > 0 AS positive;
INSERT INTO log (e, a, v) VALUES (5000, ':t/string', 'given');
INSERT INTO log (a, v) VALUES (':t/string', 'after') RETURNING e;
INSERT INTO log (e, a, v) VALUES (4000, ':t/string', 'below');
INSERT INTO log (a, v) VALUES (':t/string', 'after') RETURNING e;
COPY log (e, a, v) FROM stdin;
6000	:t/string	copied
5500	:t/string	copied
\.
INSERT INTO log (a, v) VALUES (':t/string', 'after') RETURNING e;
-- also when what gave it is rolled back, as sequences do
BEGIN;
INSERT INTO log (e, a, v) VALUES (7000, ':t/string', 'gone');
ROLLBACK;
INSERT INTO log (a, v) VALUES (':t/string', 'after') RETURNING e;
COPY log (a, v) FROM stdin;
:t/string	drawn
:t/string	drawn
\.
SELECT e FROM log WHERE v = 'drawn'::text::datom.value ORDER BY e;
-- but not to its end, which would leave none for others
INSERT INTO log (e, a, v) VALUES (9223372036854775807, ':t/string', 'the last');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO log (e, a, v) VALUES (8000, ':t/ref', '9223372036854775807'), (8001, ':t/string', 'x');
INSERT INTO log (a, v) VALUES (':t/string', 'after') RETURNING e;
INSERT INTO log (e, a, v) VALUES (4611686018427387904, ':t/string', 'the last');
INSERT INTO log (a, v) VALUES (':t/string', 'after') RETURNING e;
SELECT setval(pg_get_serial_sequence('log', 'e'), 100000);

--
-- cardinality one: two values in one transaction
--
BEGIN;
INSERT INTO log (e, a, v) VALUES (20, ':t/long', 1);
INSERT INTO log (e, a, v) VALUES (20, ':t/long', 1);
INSERT INTO log (e, a, v) VALUES (20, ':t/long', 2);
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
INSERT INTO log (e, a, v) VALUES (20, ':t/long', 1), (20, ':t/long', 2);
COPY log (e, a, v) FROM stdin;
20	:t/long	1
20	:t/string	one
20	:t/long	2
\.
\echo :LAST_ERROR_SQLSTATE
-- a batch that COPY has flushed counts
BEGIN;
CREATE TEMP TABLE many_rows AS SELECT i AS e FROM generate_series(10000, 12999) i;
COPY (SELECT e, ':t/long', e FROM many_rows UNION ALL SELECT 10000, ':t/long', 5) TO :'file';
COPY log (e, a, v) FROM :'file';
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
-- what a savepoint took back does not
BEGIN;
SAVEPOINT s;
INSERT INTO log (e, a, v) VALUES (20, ':t/long', 1);
ROLLBACK TO s;
INSERT INTO log (e, a, v) VALUES (20, ':t/long', 2);
SAVEPOINT t;
INSERT INTO log (e, a, v) VALUES (20, ':t/long', 3);
ROLLBACK TO t;
COMMIT;
SELECT * FROM said WHERE e = 20;
-- another transaction may, and the new value holds
INSERT INTO log (e, a, v) VALUES (20, ':t/long', 4);
SELECT e, a, v FROM datom.as_of('log') WHERE e = 20;
-- a retraction of the old value is no second value
BEGIN;
INSERT INTO log (e, a, v, added) VALUES (20, ':t/long', 4, false), (20, ':t/long', 5, true);
COMMIT;
SELECT e, a, v FROM datom.as_of('log') WHERE e = 20;
-- cardinality many takes them all
INSERT INTO log (e, a, v) VALUES (21, ':many/long', 1), (21, ':many/long', 2), (21, ':many/long', 2);
SELECT e, a, v FROM datom.as_of('log') WHERE e = 21 ORDER BY v;

--
-- uniqueness
--
INSERT INTO log (e, a, v) VALUES (30, ':id/name', 'ann'), (30, ':id/number', 30);
INSERT INTO log (e, a, v) VALUES (31, ':id/name', 'ann');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO log (e, a, v) VALUES (31, ':id/number', '30');
\echo :LAST_ERROR_SQLSTATE
-- the same entity may say it again, another attribute has its own values
INSERT INTO log (e, a, v) VALUES (30, ':id/name', 'ann');
INSERT INTO log (e, a, v) VALUES (31, ':id/alias', 'ann'), (31, ':id/alias', 'anna');
INSERT INTO log (e, a, v) VALUES (32, ':id/alias', 'anna');
-- within a statement, a batch, a transaction
INSERT INTO log (e, a, v) VALUES (33, ':id/name', 'bob'), (34, ':id/name', 'bob');
COPY log (e, a, v) FROM stdin;
33	:id/name	bob
34	:id/name	bob
\.
\echo :LAST_ERROR_SQLSTATE
COPY log (e, a, v) FROM stdin;
33	:id/name	bob
34	:id/name	ann
\.
BEGIN;
INSERT INTO log (e, a, v) VALUES (33, ':id/name', 'bob');
INSERT INTO log (e, a, v) VALUES (34, ':id/name', 'bob');
ROLLBACK;
BEGIN;
SAVEPOINT s;
INSERT INTO log (e, a, v) VALUES (33, ':id/name', 'bob');
ROLLBACK TO s;
INSERT INTO log (e, a, v) VALUES (34, ':id/name', 'bob');
COMMIT;
-- a bulk of COPY
COPY (SELECT 20000 + i, ':id/name', 'bulk ' || i FROM generate_series(1, 500) i UNION ALL SELECT 20501, ':id/name', 'bulk 77') TO :'file';
COPY log (e, a, v) FROM :'file';
\echo :LAST_ERROR_SQLSTATE
COPY (SELECT 20000 + i, ':id/name', 'bulk ' || i FROM generate_series(1, 500) i UNION ALL SELECT 20501, ':id/name', 'ann') TO :'file';
COPY log (e, a, v) FROM :'file';
COPY (SELECT 20000 + i, ':id/name', 'bulk ' || i FROM generate_series(1, 500) i) TO :'file';
COPY log (e, a, v) FROM :'file';
INSERT INTO log (e, a, v) VALUES (20600, ':id/name', 'bulk 77');
-- a value is free when it is retracted, and when its entity has another
INSERT INTO log (e, a, v, added) VALUES (30, ':id/name', 'ann', false);
INSERT INTO log (e, a, v) VALUES (35, ':id/name', 'ann');
INSERT INTO log (e, a, v) VALUES (35, ':id/name', 'ann-marie');
INSERT INTO log (e, a, v) VALUES (36, ':id/name', 'ann');
INSERT INTO log (e, a, v) VALUES (35, ':id/name', 'ann');
\echo :LAST_ERROR_SQLSTATE
-- in the same transaction too
BEGIN;
INSERT INTO log (e, a, v, added) VALUES (36, ':id/name', 'ann', false);
INSERT INTO log (e, a, v) VALUES (37, ':id/name', 'ann');
COMMIT;
SELECT e, v FROM datom.as_of('log') WHERE a = ':id/name' AND e < 100 ORDER BY e;

--
-- giving tx by hand is for those who may write datom.tx
--
CREATE ROLE regress_datom_writer;
GRANT SELECT, INSERT ON log TO regress_datom_writer;
GRANT USAGE ON SEQUENCE log_e_seq TO regress_datom_writer;
SET ROLE regress_datom_writer;
INSERT INTO log (e, a, v) VALUES (40, ':t/long', 1) RETURNING e;
INSERT INTO log (a, v) VALUES (':t/string', 'drawn by the writer') RETURNING v;
INSERT INTO log (e, a, v, tx, added) VALUES (40, ':t/long', 2, :tx, true);
\echo :LAST_ERROR_SQLSTATE
COPY log FROM stdin;
40	:t/long	2	1	t
\.
\echo :LAST_ERROR_SQLSTATE
INSERT INTO datom.tx VALUES ('log', now(), 1, now(), '', '');
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
GRANT INSERT ON datom.tx TO regress_datom_writer;
SET ROLE regress_datom_writer;
INSERT INTO log (e, a, v, tx, added) VALUES (40, ':t/long', 2, :tx, true) RETURNING tx = :tx AS given;
RESET ROLE;
-- and moves the numbers past it, as entities do theirs
BEGIN;
SELECT datom.current_tx() + 1000 AS far \gset
INSERT INTO log (e, a, v, tx, added) VALUES (41, ':t/long', 2, :far, true);
ROLLBACK;
SELECT datom.current_tx() > :far AS beyond;
REVOKE INSERT ON datom.tx FROM regress_datom_writer;
SET ROLE regress_datom_writer;
INSERT INTO log (e, a, v, tx, added) VALUES (40, ':t/long', 2, :tx, true);
RESET ROLE;

--
-- triggers
--
CREATE FUNCTION before_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF NEW.v::text = 'skip' THEN
		RETURN NULL;
	END IF;
	NEW.v := upper(NEW.v::text);
	RETURN NEW;
END $$;
CREATE FUNCTION after_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE NOTICE '% row: % % % by its transaction: %', TG_WHEN, NEW.e, NEW.a, NEW.v, NEW.tx = datom.current_tx();
	RETURN NULL;
END $$;
CREATE FUNCTION after_statement() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE NOTICE '% statement: % rows, of this transaction: %', TG_WHEN,
		(SELECT count(*) FROM new_rows), (SELECT bool_and(tx = datom.current_tx()) FROM new_rows);
	RETURN NULL;
END $$;
CREATE TRIGGER a BEFORE INSERT ON log FOR EACH ROW WHEN (NEW.a = ':t/string') EXECUTE FUNCTION before_row();
CREATE TRIGGER b AFTER INSERT ON log FOR EACH ROW EXECUTE FUNCTION after_row();
CREATE TRIGGER c AFTER INSERT ON log REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION after_statement();
INSERT INTO log (e, a, v) VALUES (50, ':t/string', 'loud'), (51, ':t/string', 'skip'), (52, ':t/bigdec', '1.5')
	RETURNING e, v, tx = datom.current_tx() AS mine, added;
COPY log (e, a, v) FROM stdin;
53	:t/string	loud
54	:t/string	skip
55	:t/bigdec	1.5
\.
SELECT e, v, datom.value_type(v) FROM said WHERE e BETWEEN 50 AND 55 ORDER BY e;
DROP TRIGGER a ON log;
DROP TRIGGER b ON log;
DROP TRIGGER c ON log;
-- a constraint trigger that runs at commit sees the rows; an error takes them back
CREATE FUNCTION at_commit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF (SELECT count(*) FROM log WHERE e = NEW.e) < 2 THEN
		RAISE EXCEPTION 'entity % has one fact only', NEW.e;
	END IF;
	RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER d AFTER INSERT ON log DEFERRABLE INITIALLY DEFERRED
	FOR EACH ROW WHEN (NEW.a = ':t/long') EXECUTE FUNCTION at_commit();
BEGIN;
INSERT INTO log (e, a, v) VALUES (60, ':t/long', 1);
COMMIT;
SELECT * FROM said WHERE e = 60;
BEGIN;
INSERT INTO log (e, a, v) VALUES (60, ':t/long', 1);
INSERT INTO log (e, a, v) VALUES (60, ':t/string', 'x');
COMMIT;
SELECT * FROM said WHERE e = 60 ORDER BY a;
DROP TRIGGER d ON log;
-- what a deferred trigger writes belongs to the transaction
CREATE FUNCTION write_at_commit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO log (e, a, v) VALUES (NEW.e, ':t/boolean', true);
	RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER d AFTER INSERT ON log DEFERRABLE INITIALLY DEFERRED
	FOR EACH ROW WHEN (NEW.a = ':t/long') EXECUTE FUNCTION write_at_commit();
INSERT INTO log (e, a, v) VALUES (61, ':t/long', 1);
SELECT count(*), count(DISTINCT tx) FROM log WHERE e = 61;
DROP TRIGGER d ON log;
-- constraints look at what is given
ALTER TABLE log ADD CONSTRAINT small CHECK (a <> ':t/long' OR v::bigint < 1000) NOT VALID;
INSERT INTO log (e, a, v) VALUES (62, ':t/long', '1000');
\echo :LAST_ERROR_SQLSTATE
ALTER TABLE log DROP CONSTRAINT small;

--
-- while a moment of the past is in force nothing is written
--
SET datom.as_of = '2014-11-15T13:37:42Z';
INSERT INTO log (e, a, v) VALUES (70, ':t/long', 1);
\echo :LAST_ERROR_SQLSTATE
COPY log (e, a, v) FROM stdin;
70	:t/long	1
\.
\echo :LAST_ERROR_SQLSTATE
RESET datom.as_of;

-- values that are stored elsewhere
INSERT INTO log (e, a, v) SELECT 80, ':t/string', string_agg(md5(i::text), '') FROM generate_series(1, 10000) i;
INSERT INTO log (e, a, v) SELECT 81, ':t/string', repeat('x', 1000000);
SELECT e, length(v::text), md5(v::text) FROM datom.as_of('log') WHERE e IN (80, 81) ORDER BY e;
INSERT INTO log (e, a, v) SELECT 82, a, v FROM log WHERE e = 80;
SELECT (SELECT v FROM log WHERE e = 82) = (SELECT v FROM log WHERE e = 80) AS same;

DROP VIEW said;
DROP TABLE log;
SELECT count(*) AS left_of_it FROM datom.tx t WHERE NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = t.db);
DROP ROLE regress_datom_writer;
DROP FUNCTION before_row, after_row, after_statement, at_commit, write_at_commit;
