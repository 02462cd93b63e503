--
-- datom.attribute: the name of an attribute, a keyword
--
SET search_path = public, datom;

-- good input
SELECT ':name'::attribute;
SELECT ':person/name'::attribute;
SELECT ':db.type/string'::attribute;
SELECT ':person/_name'::attribute;
SELECT ':a'::attribute;
SELECT ':berry/größe'::attribute;
SELECT ':x.y.z/*+!-_?$%&=<>1#:a'::attribute;
SELECT (':' || repeat('a', 254))::attribute = (':' || repeat('a', 254))::attribute AS longest;

-- bad input
SELECT ''::attribute;
SELECT ':'::attribute;
SELECT 'person/name'::attribute;
SELECT ':person/'::attribute;
SELECT ':/name'::attribute;
SELECT ':/'::attribute;
SELECT '::name'::attribute;
SELECT ':a/b/c'::attribute;
SELECT ':person name'::attribute;
SELECT ' :name'::attribute;
SELECT ':name '::attribute;
SELECT ':name,'::attribute;
SELECT ':na"me'::attribute;
SELECT ':1a'::attribute;
SELECT (':' || repeat('a', 255))::attribute;
SELECT (':' || repeat('ä', 200))::attribute;
SELECT repeat('ä', 100)::attribute;

-- it is text where text is wanted
SELECT length(':person/name'::attribute);
SELECT ':person/name'::attribute || '!';
SELECT ':person/name'::attribute LIKE ':person/%';
SELECT ':person/name'::attribute = ':person/name'::text;
SELECT ':person/name'::text::attribute;
SELECT ':person/name'::varchar::attribute;
SELECT 'name'::text::attribute;
SELECT pg_typeof(':a'::attribute), pg_typeof((':a'::attribute)::text);

-- text becomes an attribute only when asked to
CREATE TABLE attributes (a attribute);
INSERT INTO attributes SELECT ':x'::text;
INSERT INTO attributes VALUES (':x');
TABLE attributes;

-- order is bytewise, whatever the collation
TRUNCATE attributes;
INSERT INTO attributes VALUES (':b'), (':B'), (':a/z'), (':a'), (':ä'), (':a-z'), (':a/b');
SELECT a FROM attributes ORDER BY a;
SELECT a FROM attributes ORDER BY a DESC LIMIT 2;
SELECT a FROM attributes WHERE a >= ':a' AND a < ':b' ORDER BY a;
SELECT ':a'::attribute = ':a', ':a'::attribute <> ':a', ':a'::attribute < ':b', ':a'::attribute <= ':a', ':a'::attribute > ':b', ':a'::attribute >= ':b';
SELECT attribute_cmp(':a', ':aa') < 0, attribute_cmp(':a', ':a'), attribute_cmp(':b', ':aa') > 0;

-- a btree finds what a scan finds
INSERT INTO attributes SELECT (':ns' || i % 7 || '/name' || i)::attribute FROM generate_series(1, 2000) i;
CREATE INDEX attributes_a ON attributes (a);
ANALYZE attributes;
SET enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT count(*) FROM attributes WHERE a = ':ns3/name500';
SELECT count(*) FROM attributes WHERE a = ':ns3/name500';
SELECT count(*) FROM attributes WHERE a >= ':ns3/a' AND a < ':ns4/a';
SET enable_seqscan = on;
SET enable_indexscan = off;
SET enable_bitmapscan = off;
SET enable_indexonlyscan = off;
SELECT count(*) FROM attributes WHERE a = ':ns3/name500';
SELECT count(*) FROM attributes WHERE a >= ':ns3/a' AND a < ':ns4/a';
RESET enable_indexscan;
RESET enable_bitmapscan;
RESET enable_indexonlyscan;
RESET enable_seqscan;

-- the index may fold equal keys
SELECT amproc FROM pg_amproc p JOIN pg_opfamily f ON f.oid = amprocfamily
	WHERE opfname = 'attribute_ops' AND amprocnum = 4;

-- joins hash and merge; the two agree
SET enable_mergejoin = off;
SET enable_nestloop = off;
SELECT count(*) FROM attributes x JOIN attributes y USING (a);
SET enable_hashjoin = off;
SET enable_mergejoin = on;
SELECT count(*) FROM attributes x JOIN attributes y USING (a);
RESET enable_hashjoin;
RESET enable_nestloop;
RESET enable_mergejoin;
SELECT attribute_hash(':a') = attribute_hash(':a'), attribute_hash(':a') = attribute_hash(':b');
SELECT attribute_hash_extended(a, 0) & 4294967295 = attribute_hash(a)::bigint & 4294967295 AS agree, count(*) FROM attributes GROUP BY 1;

-- binary form
SELECT attribute_send(':berry/größe');
DROP TABLE attributes;
