--
-- datom.value: one value of any kind
--
SET search_path = public, datom;

-- What the input function makes of a text.
CREATE FUNCTION read(text) RETURNS value LANGUAGE sql IMMUTABLE STRICT AS 'SELECT value_in(textout($1))';
CREATE FUNCTION edn(value) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS 'SELECT textin(value_out($1))';
CREATE FUNCTION show(text) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS
	$$SELECT value_type(v) || '  ' || edn(v) || '  ' || v::text FROM read($1) v$$;

-- numbers
SELECT show('100');
SELECT show('0');
SELECT show('-0');
SELECT show('+5');
SELECT show(' 100 ');
SELECT show('9223372036854775807');
SELECT show('-9223372036854775808');
SELECT show('9223372036854775808');
SELECT show('-9223372036854775809');
SELECT show('100N');
SELECT show('1.5');
SELECT show('100.0');
SELECT show('-0.0');
SELECT show('1e300');
SELECT show('1E-7');
SELECT show('1.7976931348623157e308');
SELECT show('4.9e-324');
SELECT show('0.1');
SELECT show('123456789012345678.5');
SELECT show('##NaN');
SELECT show('##Inf');
SELECT show('##-Inf');
SELECT show('10.5M');
SELECT show('10.50M');
SELECT show('0M');
SELECT show('-1E3M');
SELECT show('1E-3M');
-- beyond what a double can hold, digits are kept
SELECT show('1e-400') LIKE 'bigdec  0.000%1M  0.000%1' AS too_small;
SELECT show('1e400') LIKE 'bigdec  1000%000M  1000%000' AS too_large;

-- other scalars
SELECT show('true');
SELECT show('false');
SELECT show(':kw');
SELECT show(':ns/kw');
SELECT show('#inst "2014-11-15T13:37:42.000Z"');
SELECT show('#inst "2014-11-15T13:37:42.5Z"');
SELECT show('#inst "2014-11-15T13:37:42.123456-03:30"');
SELECT show('#inst "2014-11-15T13:37Z"');
SELECT show('#inst "2014-11-15"');
SELECT show('#inst "2014-11"');
SELECT show('#inst "2014"');
SELECT show('#inst "infinity"');
SELECT show('#inst "-infinity"');
SELECT show('#inst "-4713-11-24T00:00:00Z"');
SELECT show('#inst "0000-01-01T00:00:00Z"');
SELECT show('#inst "+10000-01-01T00:00:00Z"');
SELECT show('#inst "+294276-12-31T23:59:59.999999Z"');
SELECT show('#date "2014-11-15"');
SELECT show('#date "0000-02-29"');
SELECT show('#date "-4713-11-24"');
SELECT show('#date "+5874897-12-31"');
SELECT show('#date "infinity"');
SELECT show('#uuid "F81D4FAE-7dec-11d0-a765-00a0c91e6bf6"');
SELECT show('#ref 42');
SELECT show('#ref -1');
SELECT show('#bytes ""');
SELECT show('#bytes "00fFa0"');
SELECT show('#json "{\"b\": [1, 2.50, null], \"a\": \"x\"}"');
SELECT show('#json "null"');

-- strings
SELECT show('"Quercus"');
SELECT show('""');
SELECT show('"100"');
SELECT show('"a\"b\\c\nd\te\rf\u00e9g\u0007"');
SELECT show('"\ud83d\ude00 x"');
SELECT show(' "Quercus" ; oak');

-- anything else is a string as it stands
SELECT show('Quercus');
SELECT show('Quercus robur');
SELECT show('');
SELECT show('  two  blanks ');
SELECT show('nil');
SELECT show('[1 2 3]');
SELECT show('{:a 1}');
SELECT show('x');
SELECT show('truely');
SELECT show('007');
SELECT show('1.');
SELECT show('.5');
SELECT show('1 2');
SELECT show('100,');
SELECT show('1.5N');
SELECT show('0x10');
SELECT show('1e');
SELECT show('-');
SELECT show('NaN');
SELECT show(':');
SELECT show(':a b');
SELECT show(':a/b/c');
SELECT show('#foo "x"');
SELECT show('#instant');
SELECT show('#');
SELECT show('##Nan');
SELECT show('\a');
SELECT show('2014-11-15');
SELECT length(read(repeat('9', 140000))::text), value_type(read(repeat('9', 140000)));
SELECT value_type(read('1e200000')), value_type(read('1e-99999999999999'));

-- broken strings and broken content of known tags
SELECT show('"abc');
SELECT show('"abc" def');
SELECT show('"\q"');
SELECT show('"\u0000"');
SELECT show('"\ud83d"');
SELECT show('#inst');
SELECT show('#inst "yesterday"');
SELECT show('#inst "2014-11-15T13:37:42Z" x');
SELECT show('#inst "2014-02-29"');
SELECT show('#inst "2014-13-01T00:00:00Z"');
SELECT show('#inst "2014-11-15T24:00:00Z"');
SELECT show('#inst "2014-11-15T13:37:42.Z"');
SELECT show('#inst "2014-11-15T13:37:42+24"');
SELECT show('#inst "-4714-01-01T00:00:00Z"');
SELECT show('#inst "+294277-01-01T00:00:00Z"');
SELECT show('#inst "99999999-01-01"');
SELECT show('#inst 5');
SELECT show('#date "2014-11"');
SELECT show('#date "15.11.2014"');
SELECT show('#date "5874898-01-01"');
SELECT show('#uuid "f81d4fae-7dec-11d0-a765-00a0c91e6bf"');
SELECT show('#uuid "f81d4fae-7dec-11d0-a765-00a0c91e6bfg"');
SELECT show('#ref "42"');
SELECT show('#ref 9223372036854775808');
SELECT show('#ref 1.0');
SELECT show('#bytes "0"');
SELECT show('#bytes "0g"');
SELECT show('#bytes "\\x00"');
SELECT show('#json "{"');
SELECT show('#json "\"\\u0000\""');
SELECT show('#json "1e999999999"');
SELECT show('#json {:a 1}');

-- casts from the server's types
SELECT value_type(x), x FROM (VALUES (value('100'::text)), (value('abc  '::char(5))), (value(1::smallint)), (value(2::integer)),
	(value(3::bigint)), (value(0.1::real)), (value(0.1::float8)), (value(1.50::numeric)), (value(true)),
	(value('2014-11-15 13:37:42+00'::timestamptz)), (value('2014-11-15'::date)), (value('f81d4fae-7dec-11d0-a765-00a0c91e6bf6'::uuid)),
	(value('\x00ff'::bytea)), (value('{"a":1}'::jsonb)), (value('{"a":1, "a":2}'::json)), (value(':a/b'::attribute)),
	(ref(42)), (keyword(':a/b'))) t (x);
SELECT value('NaN'::numeric);
SELECT value('-Infinity'::numeric);
SELECT keyword('a/b');

-- they are made on assignment
CREATE TABLE given (v value);
INSERT INTO given SELECT 'abc'::text;
INSERT INTO given SELECT 'abc'::varchar;
INSERT INTO given SELECT 'abc '::char(4);
INSERT INTO given SELECT 1::smallint;
INSERT INTO given SELECT 1::integer;
INSERT INTO given SELECT 1::bigint;
INSERT INTO given SELECT 1.5::real;
INSERT INTO given SELECT 1.5::float8;
INSERT INTO given SELECT 1.5::numeric;
INSERT INTO given SELECT true;
INSERT INTO given SELECT '2014-11-15 13:37:42+00'::timestamptz;
INSERT INTO given SELECT '2014-11-15'::date;
INSERT INTO given SELECT 'f81d4fae-7dec-11d0-a765-00a0c91e6bf6'::uuid;
INSERT INTO given SELECT '\x00ff'::bytea;
INSERT INTO given SELECT '[1]'::jsonb;
INSERT INTO given SELECT '[1]'::json;
INSERT INTO given SELECT ':a/b'::attribute;
SELECT value_type(v), v FROM given;
INSERT INTO given SELECT 'abc'::name;
INSERT INTO given SELECT '2014-11-15'::timestamp;
INSERT INTO given SELECT '1 day'::interval;
DROP TABLE given;

-- casts to the server's types
SELECT '100'::value::bigint, '100'::value::integer, '100'::value::smallint, '#ref 42'::value::bigint;
SELECT '100'::value::numeric, '10.50M'::value::numeric, '0.1'::value::numeric, '##NaN'::value::numeric;
SELECT '100'::value::float8, '10.5M'::value::float8, '0.1'::value::float8, '##-Inf'::value::float8;
SELECT 'true'::value::boolean, ':a/b'::value::attribute, '#bytes "00ff"'::value::bytea, '#date "2014-11-15"'::value::date;
SELECT '#inst "2014-11-15T13:37:42Z"'::value::timestamptz = '2014-11-15 13:37:42+00', '#uuid "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"'::value::uuid;
SELECT '"a b"'::value::text, '"a b"'::value::varchar(2), '"a"'::value::char(3) || '|', '10.50M'::value::text;
SELECT v, v::jsonb FROM unnest('{true,100,1.5,1e20,10.50M,##NaN,##-Inf,:a/b,abc}'::text[]) x, read(x) v;
SELECT '#inst "2014-11-15T13:37:42Z"'::value::jsonb, '#date "2014-11-15"'::value::jsonb, '#ref 42'::value::jsonb, '#bytes "00ff"'::value::jsonb;
SELECT '#json "{\"a\":[1,2]}"'::value::jsonb, '#json "null"'::value::jsonb, jsonb_typeof('#json "\"x\""'::value::jsonb);

-- no other kind will do; the value is not shown
SELECT 'secret'::value::bigint;
SELECT '1.0'::value::integer;
SELECT '1M'::value::smallint;
SELECT 'secret'::value::numeric;
SELECT '#ref 1'::value::float8;
SELECT '1'::value::boolean;
SELECT '#date "2014-11-15"'::value::timestamptz;
SELECT '#inst "2014-11-15"'::value::date;
SELECT 'secret'::value::uuid;
SELECT 'secret'::value::bytea;
SELECT '":a"'::value::attribute;
SELECT '9999999999'::value::integer;
SELECT '99999'::value::smallint;
SELECT '1e400'::value::float8;
SELECT '1e-400'::value::float8;
SELECT (':' || repeat('a', 300))::text IS NOT NULL, read(':' || repeat('a', 300))::attribute;

-- a value of every kind, with all that is difficult about equality
CREATE TABLE samples (id int GENERATED ALWAYS AS IDENTITY, v value NOT NULL);
INSERT INTO samples (v) SELECT read(x) FROM unnest(ARRAY[
	'false', 'true',
	'##-Inf', '-1.7976931348623157e308', '-9223372036854775809', '-9223372036854775808', '-9223372036854775808.0', '-1', '-4.9e-324',
	'0', '-0.0', '0.0', '0M', '0.000M', '4.9e-324', '1e-400M', '0.1', '0.1M', '0.10M',
	'0.1000000000000000055511151231257827021181583404541015625M', '0.5', '0.5M', '1', '1.0', '1M', '1.00M', '1.5', '1.50M',
	'9007199254740992', '9007199254740992.0', '9007199254740993', '9007199254740993M', '9007199254740994', '9007199254740992.5M',
	'9223372036854775807', '9223372036854775807M', '9223372036854775807.5M', '9223372036854775808.0', '9223372036854775808',
	'18446744073709551616', '18446744073709551616.0', '1e23', '1e23M', '99999999999999991611392M', '1e300', '1e300M',
	'1.7976931348623157e308', '1e400M', '##Inf', '##NaN',
	':a', ':a/b', ':b', '""', '"1"', 'a', 'a b', 'ab', 'é', '"a\nb"', 'A',
	'#inst "-infinity"', '#inst "1970-01-01"', '#inst "2014-11-15T13:37:42.123456Z"', '#inst "infinity"',
	'#date "-infinity"', '#date "-0043-03-15"', '#date "2014-11-15"', '#date "infinity"',
	'#uuid "00000000-0000-0000-0000-000000000000"', '#uuid "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"',
	'#ref -1', '#ref 0', '#ref 42', '#bytes ""', '#bytes "00"', '#bytes "ff"',
	'#json "null"', '#json "1"', '#json "1.0"', '#json "[1]"', '#json "[]"', '#json "{}"', '#json "\"a\""', '#json "\"B\""',
	'#json "[1, [2]]"', '#json "[[1], 2]"', '#json "{\"a\": 1, \"b\": 2}"', '#json "{\"b\": 2.0, \"a\": 1.00}"', '#json "{\"a\": {\"b\": 2}}"',
	'#json "true"', '#json "false"', '#json "[true]"']) x;

-- every value reads back as the same value, of the same kind and look
SELECT v FROM samples WHERE NOT (read(edn(v)) = v) OR value_type(read(edn(v))) <> value_type(v)
	OR edn(read(edn(v))) <> edn(v);

-- and through the wire
CREATE TABLE received (LIKE samples);
\copy samples to 'results/value.bin' (format binary)
\copy received from 'results/value.bin' (format binary)
SELECT s.v, r.v FROM samples s JOIN received r USING (id)
	WHERE NOT (s.v = r.v) OR value_send(s.v) <> value_send(r.v) OR edn(s.v) <> edn(r.v);
SELECT count(*) FROM received;
DROP TABLE received;

-- the wire form of each kind
SELECT DISTINCT ON (value_type(v)) value_type(v), v, value_send(v) FROM samples WHERE length(edn(v)) < 60 ORDER BY value_type(v), id DESC;

-- the order is total
SELECT a.v, b.v FROM samples a, samples b WHERE value_cmp(a.v, b.v) <> -value_cmp(b.v, a.v);
SELECT a.v, b.v FROM samples a, samples b WHERE (a.v < b.v)::int + (a.v = b.v)::int + (a.v > b.v)::int <> 1
	OR (a.v <= b.v) <> (a.v < b.v OR a.v = b.v) OR (a.v >= b.v) <> (a.v > b.v OR a.v = b.v) OR (a.v <> b.v) = (a.v = b.v);
SELECT a.v, b.v, c.v FROM samples a, samples b, samples c WHERE a.v <= b.v AND b.v <= c.v AND NOT a.v <= c.v;
SELECT a.v, b.v, c.v FROM samples a, samples b, samples c WHERE a.v = b.v AND b.v = c.v AND NOT a.v = c.v;

-- equal values hash alike; the unequal ones here do not, but jsonb hashes [1] like 1
SELECT a.v, b.v FROM samples a, samples b WHERE (a.v = b.v) <> (value_hash(a.v) = value_hash(b.v))
	AND (a.v = b.v OR value_type(a.v) <> 'json');
SELECT a.v, b.v FROM samples a, samples b WHERE (a.v = b.v) <> (value_hash_extended(a.v, 42) = value_hash_extended(b.v, 42))
	AND (a.v = b.v OR value_type(a.v) <> 'json');
SELECT v FROM samples WHERE value_hash(v)::bigint & 4294967295 <> value_hash_extended(v, 0) & 4294967295;

-- the order itself, equal values on one line
SELECT string_agg(CASE WHEN length(edn(v)) < 60 THEN edn(v) ELSE left(edn(v), 20) || '... (' || length(edn(v)) || ')' END, ' = ' ORDER BY id) AS equal FROM samples GROUP BY v ORDER BY v;

-- hashes are stored in indexes: these numbers must never change
SELECT DISTINCT ON (value_type(v)) value_type(v), v, value_hash(v) FROM samples WHERE length(edn(v)) < 60 ORDER BY value_type(v), id DESC;

-- numbers compare as numerics do, whatever their kinds: 2^53 + 1, 0.1 and random ones
CREATE FUNCTION exact(v value) RETURNS numeric LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
	bits bigint;
	exponent int;
	result numeric;
BEGIN
	IF value_type(v) <> 'double' OR v >= '##Inf' OR v = '##-Inf' THEN
		RETURN v::numeric;
	END IF;
	bits := ('x' || encode(float8send(v::float8), 'hex'))::bit(64)::bigint;
	exponent := (bits >> 52) & 2047;
	result := bits & ((1::bigint << 52) - 1);
	IF exponent = 0 THEN exponent := 1; ELSE result := result + (1::bigint << 52); END IF;
	FOR i IN exponent .. 1074 LOOP result := result * 0.5; END LOOP;
	FOR i IN 1076 .. exponent LOOP result := result * 2; END LOOP;
	RETURN CASE WHEN bits < 0 THEN -result ELSE result END;
END $$;
\if :{?seed} \else \set seed 0.42 \endif
\echo seed :seed
SELECT setseed(:seed);
CREATE TABLE numbers AS
	SELECT v, exact(v) AS n FROM samples WHERE value_type(v) IN ('long', 'double', 'bigdec')
	UNION ALL
	SELECT v, exact(v) FROM (
		SELECT CASE (random() * 6)::int
			WHEN 0 THEN value((random() * 10)::int)
			WHEN 1 THEN value(round(random()::numeric * 10, (random() * 2)::int))
			WHEN 2 THEN value((random() * 80)::int / 8.0::float8)
			WHEN 3 THEN value(9007199254740992 + (random() * 8)::int)
			WHEN 4 THEN value((9007199254740992 + (random() * 8)::int)::float8)
			WHEN 5 THEN value(9007199254740992 + round(random()::numeric * 8, 1))
			ELSE value((random() - 0.5) * 10 ^ (random() * 40 - 20)) END AS v
		FROM generate_series(1, 600)) r;
SELECT :seed AS seed, a.v, b.v FROM numbers a, numbers b WHERE value_cmp(a.v, b.v) <> (a.n > b.n)::int - (a.n < b.n)::int;
SELECT :seed AS seed, a.v, b.v FROM numbers a, numbers b WHERE a.n = b.n AND value_hash_extended(a.v, 7) <> value_hash_extended(b.v, 7);

-- a sort, an index and a scan agree
CREATE TABLE things (id int GENERATED ALWAYS AS IDENTITY, v value);
INSERT INTO things (v) SELECT v FROM samples UNION ALL SELECT v FROM numbers;
INSERT INTO things (v)
	SELECT CASE (random() * 8)::int
		WHEN 0 THEN value(random() < 0.5)
		WHEN 1 THEN value((random() * 1e6)::int)
		WHEN 2 THEN value(md5((random() * 5000)::int::text))
		WHEN 3 THEN value('prefix of many ' || (random() * 5000)::int)
		WHEN 4 THEN value('2014-11-15 13:37:42.123456+00'::timestamptz + random() * interval '10 years')
		WHEN 5 THEN value('2014-11-15'::date + (random() * 5000)::int)
		WHEN 6 THEN ref((random() * 1e9)::bigint)
		WHEN 7 THEN value(md5(random()::text)::uuid)
		ELSE value(to_jsonb((random() * 100)::int)) END
	FROM generate_series(1, 20000);
INSERT INTO things (v) VALUES (NULL);
CREATE FUNCTION disorder(text) RETURNS TABLE (seen bigint, wrong bigint) LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE 'SELECT count(*), count(*) FILTER (WHERE value_cmp(v, before) < 0) FROM (SELECT v, lag(v) OVER () AS before FROM (' || $1 || ') o) w';
END $$;
SELECT * FROM disorder('SELECT v FROM things ORDER BY v');
SELECT * FROM disorder('SELECT v FROM (SELECT v FROM things ORDER BY v DESC OFFSET 0) d ORDER BY v');
SET work_mem = '64kB';
SELECT * FROM disorder('SELECT v FROM things ORDER BY v');
RESET work_mem;
CREATE INDEX things_v ON things (v);
ANALYZE things;
SET enable_seqscan = off;
SET enable_sort = off;
EXPLAIN (COSTS OFF) SELECT v FROM things ORDER BY v;
SELECT * FROM disorder('SELECT v FROM things ORDER BY v');
EXPLAIN (COSTS OFF) SELECT count(*) FROM things WHERE v >= '2.5' AND v < 'a';
CREATE TABLE counts AS SELECT s.id, count(*) FILTER (WHERE value_cmp(t.v, s.v) = 0) AS eq,
	count(*) FILTER (WHERE value_cmp(t.v, s.v) < 0) AS lt, count(*) FILTER (WHERE value_cmp(t.v, s.v) >= 0) AS ge
	FROM samples s, things t GROUP BY s.id;
SELECT s.v FROM samples s JOIN counts USING (id) WHERE eq <> (SELECT count(*) FROM things t WHERE t.v = s.v)
	OR lt <> (SELECT count(*) FROM things t WHERE t.v < s.v) OR ge <> (SELECT count(*) FROM things t WHERE t.v >= s.v);
DROP INDEX things_v;
RESET enable_sort;
RESET enable_seqscan;

-- the planner estimates all comparisons
DO $$
DECLARE
	op text;
	plan json;
BEGIN
	FOREACH op IN ARRAY '{=,<>,<,<=,>,>=}'::text[] LOOP
		EXECUTE format('EXPLAIN (FORMAT json) SELECT * FROM things WHERE v %s %L', op, '2.5') INTO plan;
		IF (plan->0->'Plan'->>'Plan Rows')::int NOT BETWEEN 1 AND 25000 THEN
			RAISE 'operator % is estimated at % rows', op, plan->0->'Plan'->>'Plan Rows';
		END IF;
	END LOOP;
END $$;

-- joins hash, merge and loop; the three agree
CREATE TABLE part AS SELECT v FROM things WHERE id % 7 = 0;
ANALYZE part;
SET enable_mergejoin = off;
SET enable_nestloop = off;
EXPLAIN (COSTS OFF) SELECT count(*) FROM part JOIN things USING (v);
CREATE TABLE joined AS SELECT count(*) FROM part JOIN things USING (v);
SET enable_hashjoin = off;
SET enable_mergejoin = on;
EXPLAIN (COSTS OFF) SELECT count(*) FROM part JOIN things USING (v);
SELECT (TABLE joined) = (SELECT count(*) FROM part JOIN things USING (v)) AS agree;
RESET enable_mergejoin;
RESET enable_nestloop;
RESET enable_hashjoin;
SELECT (TABLE joined) = (SELECT count(*) FROM part p, things t WHERE value_cmp(p.v, t.v) = 0) AS agree;
SELECT (SELECT count(*) FROM (SELECT v FROM things GROUP BY v) g) = (SELECT count(*) FROM (SELECT DISTINCT ON (v) v FROM things ORDER BY v) d) AS agree;
CREATE INDEX part_v ON part USING hash (v);
SET enable_seqscan = off;
SELECT s.v FROM samples s WHERE (SELECT count(*) FROM part p WHERE p.v = s.v) <> (SELECT count(*) FROM part p WHERE value_cmp(p.v, s.v) = 0);
RESET enable_seqscan;

-- hash partitions take values
CREATE TABLE parted (v value) PARTITION BY HASH (v);
CREATE TABLE parted_0 PARTITION OF parted FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO parted SELECT v FROM samples;
SELECT count(DISTINCT tableoid) AS partitions, count(*) = (SELECT count(*) FROM samples) AS complete FROM parted;
SELECT count(*) FROM parted WHERE v = '1';

-- settings of the session change nothing
CREATE TABLE seen AS SELECT id, edn(v) AS edn, v::text AS text, v::jsonb::text AS json FROM samples;
SET DateStyle = 'German, DMY';
SET TimeZone = 'Asia/Kathmandu';
SET IntervalStyle = 'iso_8601';
SET extra_float_digits = -15;
SET bytea_output = 'escape';
SET lc_numeric = 'C';
SET lc_monetary = 'C';
SET lc_time = 'C';
SELECT s.v FROM samples s JOIN seen USING (id)
	WHERE edn(s.v) <> edn OR s.v::text <> text OR s.v::jsonb::text <> json OR read(edn) <> s.v OR edn(read(edn)) <> edn;
RESET DateStyle;
RESET TimeZone;
RESET IntervalStyle;
RESET extra_float_digits;
RESET bytea_output;
RESET lc_numeric;
RESET lc_monetary;
RESET lc_time;

-- so casts can be indexed
CREATE INDEX ON things ((v::text));
CREATE INDEX things_words ON things USING gin (to_tsvector('simple', v::text));
CREATE INDEX ON things (value_hash(v));
INSERT INTO things (v) VALUES ('Quercus robur'), ('Fagus sylvatica');
SET enable_seqscan = off;
SELECT v FROM things WHERE to_tsvector('simple', v::text) @@ to_tsquery('simple', 'quercus');
RESET enable_seqscan;
SELECT proname FROM pg_proc WHERE pronamespace = 'datom'::regnamespace AND (proname LIKE 'value%' OR proname LIKE 'attribute%' AND proname <> 'attributes')
	AND (provolatile <> 'i' OR NOT proisstrict OR proparallel <> 's');

-- a literal compares like any other value, and is sent as one
SELECT '100'::value = value(100), value_hash('100') = value_hash(value(100)), value_send('100') = value_send(value(100)), edn('100') = edn(value(100));
SELECT pg_column_size('100'::value) > pg_column_size(value(100)) AS keeps_text;

-- large values
CREATE TABLE large (id int, v value);
INSERT INTO large VALUES (1, value(repeat('0123456789', 10000000)));
ALTER TABLE large ALTER v SET STORAGE external;
INSERT INTO large SELECT 2, value(repeat('0123456789', 100000));
INSERT INTO large SELECT 3, read('"' || repeat('\u00e9', 100000) || '"');
INSERT INTO large SELECT 4, read(repeat('abc ', 100000));
INSERT INTO large SELECT 5, value((repeat('7', 10000) || '.5')::numeric);
INSERT INTO large SELECT 6, value((SELECT jsonb_agg(i || '.5') FROM generate_series(1, 20000) i));
INSERT INTO large SELECT 7, value(decode(repeat('00ff', 100000), 'hex'));
SELECT id, value_type(v), length(v::text), value_cmp(v, v), value_hash(v) = value_hash(read(edn(v))) AS reads FROM large ORDER BY id;
SELECT id FROM large ORDER BY v;
SELECT md5(v::text) = md5(repeat('0123456789', 10000000)) AS same FROM large WHERE id = 1;

DROP TABLE samples, numbers, things, counts, part, joined, parted, seen, large;
DROP FUNCTION disorder(text), exact(value), show(text), edn(value), read(text);
