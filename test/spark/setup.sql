-- Purchases and customers in two datom tables, with a past; for the tests.
\set ON_ERROR_STOP 1
CREATE EXTENSION datom;
CREATE ROLE bi LOGIN PASSWORD :'password';
ALTER ROLE bi SET log_statement = 'all';

SELECT datom.create('pur');
SELECT datom.define_attribute('pur', ':purchase/id', 'string', uniqueness => 'identity');
SELECT datom.define_attribute('pur', ':purchase/customer-id', 'string');
SELECT datom.define_attribute('pur', ':purchase/amount', 'bigdec');
SELECT datom.define_attribute('pur', ':purchase/merchant', 'keyword');
SELECT datom.define_attribute('pur', ':purchase/at', 'instant');
SELECT datom.create('cus');
SELECT datom.define_attribute('cus', ':customer/id', 'string', uniqueness => 'identity');
SELECT datom.define_attribute('cus', ':customer/name', 'string');
SELECT datom.define_attribute('cus', ':customer/state', 'keyword');

INSERT INTO cus (e, a, v)
SELECT 1000 + c, a, CASE a WHEN ':customer/id' THEN datom.value('cus-' || c)
	WHEN ':customer/name' THEN datom.value('Customer ' || c || ' – Ünïcode, "quoted"')
	ELSE datom.keyword(':' || (ARRAY['SP', 'RJ', 'MG'])[1 + c % 3]) END
FROM generate_series(1, 1000) c, unnest(ARRAY[':customer/id', ':customer/name', ':customer/state']::datom.attribute[]) a;

-- Purchases of the first 900 customers. The second holds at a midnight that
-- São Paulo skipped.
CREATE PROCEDURE purchases(first bigint, last bigint) LANGUAGE sql AS $$
	INSERT INTO pur (e, a, v)
	SELECT 1000 + p, a, CASE a WHEN ':purchase/id' THEN datom.value('pur-' || p)
		WHEN ':purchase/customer-id' THEN datom.value('cus-' || 1 + p * 7 % 900)
		WHEN ':purchase/amount' THEN datom.value((p * 7919 % 100000) / 100.0)
		WHEN ':purchase/merchant' THEN datom.keyword(':merchant-' || p % 97)
		ELSE datom.value(timestamptz '2018-11-04 00:00:00Z' + p * interval '1 minute 0.000001 s') END
	FROM generate_series(first, last) p,
		unnest(ARRAY[':purchase/id', ':purchase/customer-id', ':purchase/amount', ':purchase/merchant', ':purchase/at']::datom.attribute[]) a
$$;
CALL purchases(1, 50000);
-- The past: a third of the amounts were others, some purchases were taken back,
-- some have no merchant.
INSERT INTO pur (e, a, v) SELECT 1000 + p, ':purchase/amount', datom.value((p * 104729 % 100000) / 100.0)
FROM generate_series(1::bigint, 50000, 3) p;
INSERT INTO pur (e, a, v, added) SELECT e, a, v, false FROM datom.as_of('pur')
WHERE a >= ':purchase' AND e >= 1000 AND e % 100 = 50;
INSERT INTO pur (e, a, v, added) SELECT e, a, v, false FROM datom.as_of('pur')
WHERE a = ':purchase/merchant' AND e >= 1000 AND e % 100 = 51;
-- Transactions that are purchases themselves: their numbers are negative.
INSERT INTO pur (e, a, v) VALUES (-datom.current_tx(), ':purchase/id', 'own-1'), (-datom.current_tx(), ':purchase/amount', '1.00');
INSERT INTO pur (e, a, v) VALUES (-datom.current_tx(), ':purchase/id', 'own-2'), (-datom.current_tx(), ':purchase/amount', '2.00');
VACUUM ANALYZE pur, cus;

CREATE FOREIGN TABLE purchase (e bigint, id text, customer_id text, amount numeric(18,2), merchant text, at timestamptz)
SERVER datom OPTIONS (db 'pur', namespace 'purchase');
CREATE FOREIGN TABLE customer (e bigint, id text, name text, state text)
SERVER datom OPTIONS (db 'cus', namespace 'customer');

-- What a model is trained on: purchases with what is known of the customer, and
-- customers who bought nothing, whose e is null. A null without a scale would
-- take the scale from all amounts.
CREATE VIEW training AS
SELECT p.e, p.id, p.amount, p.merchant, p.at, c.id AS customer, c.name, c.state
FROM purchase p LEFT JOIN customer c ON c.id = p.customer_id
UNION ALL
SELECT NULL, NULL, NULL::numeric(18,2), NULL, NULL, c.id, c.name, c.state
FROM customer c WHERE NOT EXISTS (SELECT FROM purchase p WHERE p.customer_id = c.id);
GRANT SELECT ON training TO bi;
CREATE SCHEMA saved;
GRANT USAGE ON SCHEMA saved TO bi;
SELECT datom.save_query('saved.training', 'SELECT * FROM public.training');
GRANT SELECT ON saved.training TO bi;

-- All kinds of values, of cardinality one and many.
SELECT datom.create('all_kinds');
SELECT datom.define_attribute('all_kinds', ':kind/id', 'long', uniqueness => 'identity');
SELECT datom.define_attribute('all_kinds', (':kind/' || name)::datom.attribute, kind),
	datom.define_attribute('all_kinds', (':kind/' || name || 's')::datom.attribute, kind, 'many')
FROM unnest('{boolean,long,double,bigdec,bigdec,string,keyword,instant,date,uuid,ref,bytes,json}'::text[],
	'{boolean,long,double,bigdec,scaled,string,keyword,instant,date,uuid,ref,bytes,json}'::text[]) x (kind, name);
CREATE FOREIGN TABLE kind (e bigint, id bigint,
	boolean boolean, booleans boolean[], long bigint, longs bigint[], double float8, doubles float8[],
	bigdec numeric, bigdecs numeric[], scaled numeric(18,2), scaleds numeric(18,2)[],
	string text, strings text[], keyword text, keywords text[],
	instant timestamptz, instants timestamptz[], date date, dates date[], uuid uuid, uuids uuid[],
	ref bigint, refs bigint[], bytes bytea, bytess bytea[], json jsonb, jsons jsonb[])
SERVER datom OPTIONS (db 'all_kinds', namespace 'kind');
GRANT SELECT ON kind TO bi;
