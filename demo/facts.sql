-- A datom table takes facts: entity, attribute, value, and the transaction that
-- said so. What an attribute is, is said first.
SELECT datom.create('people');
SELECT datom.define_attribute('people', ':person/name', 'string', uniqueness => 'identity'),
	datom.define_attribute('people', ':person/city', 'string'),
	datom.define_attribute('people', ':source/note', 'string');

-- Facts are written,
SELECT d.* FROM datom.transact('people', '[
	{:person/name "Ana", :person/city "Recife"}
	{:person/name "Bruno", :person/city "Natal"}]') t, unnest(t.datoms) d;
SELECT datom.basis('people') AS before \gset

-- and changed: Ana is known by her name, and she has moved. Who is asked where
-- this comes from finds a note on the transaction itself.
SET application_name = 'call centre';
SELECT d.* FROM datom.transact('people', '[
	{:person/name "Ana", :person/city "São Paulo"}
	[:db/add "datomic.tx" :source/note "Ana called us"]]') t, unnest(t.datoms) d;

-- Now she lives in São Paulo. As of a moment ago she lives in Recife, for ever.
SELECT datom.entity('people', ':person/name', 'Ana');
SELECT e, v AS city FROM datom.as_of('people', :'before') WHERE a = ':person/city';

-- Plain SQL writes too, and what does not fit is refused.
INSERT INTO people (a, v) VALUES (':person/name', 'Clara');
\set ON_ERROR_STOP off
INSERT INTO people (a, v) VALUES (':person/name', 'Ana');
INSERT INTO people (a, v) VALUES (':person/nmae', 'Davi');
UPDATE people SET v = 'Rio' WHERE a = ':person/city';
\set ON_ERROR_STOP on
