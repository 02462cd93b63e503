-- Demo data: customers who move from city to city, purchases, and bills that
-- are paid in time, paid late or not at all, in the datom tables cus, pur and
-- bil. Two years, 2013 and 2014, each day imported as one transaction at its
-- end: midnight UTC.
--
--   psql -v n=100000 -v seed=1 -f demo/generate.sql
--
-- n is the number of purchases, and of bills; a twentieth of it, of customers.
-- The same n and seed give the same facts on every machine: what looks like
-- chance is a hash of the seed and the record's number.
\set ON_ERROR_STOP on
\if :{?n}
\else
	\set n 10000
\endif
\if :{?seed}
\else
	\set seed 1
\endif
\set QUIET on

BEGIN;
SET LOCAL TimeZone = 'UTC';
SET LOCAL client_min_messages = warning;

CREATE TEMP TABLE size ON COMMIT DROP AS
	SELECT :n::bigint AS n, greatest(3, :n / 20)::bigint AS customers, :seed::bigint AS seed,
		timestamptz '2013-01-01 00:00:00Z' AS start, 730 AS days;

-- A number from 0 up to, not including, 1, that depends on the seed, on what
-- it decides and on i, and on nothing else.
CREATE FUNCTION pg_temp.chance(what text, i bigint) RETURNS double precision LANGUAGE sql STABLE AS $$
	SELECT (hashint8extended(i, hashtextextended(what, seed)) & (2 ^ 53)::bigint - 1) / 2 ^ 53 FROM size
$$;
CREATE FUNCTION pg_temp.pick(list text[], what text, i bigint) RETURNS text LANGUAGE sql STABLE AS $$
	SELECT list[1 + floor(pg_temp.chance(what, i) * cardinality(list))::int]
$$;

-- ---- the records, with the day on which each was said (0 is the first) ----

-- Half of the customers are there on the first day; the others join over the
-- first year, in the order of their numbers.
CREATE TEMP TABLE customers ON COMMIT DROP AS
SELECT k, greatest(0, ceil((2.0 * k / customers - 1) * 365))::int AS day,
	pg_temp.pick('{Ana,Bruno,Clara,Davi,Elisa,Fabio,Gabriela,Hugo,Ines,Joaquim,Katia,Luis,Marina,Nelson,Olga,Paulo,Rita,Sergio,Tereza,Vitor}',
		'first name', k) || ' ' ||
	pg_temp.pick('{Almeida,Barros,Carvalho,Dias,Esteves,Ferreira,Gomes,Henriques,Lima,Martins,Nogueira,Oliveira,Pereira,Queiroz,Ribeiro,Silva,Teixeira,Vieira}',
		'last name', k) AS name
FROM size, generate_series(1, customers) k;

-- Half of them move, up to three times; no two cities in a row are the same,
-- because the step from one to the next is never a whole round.
CREATE TEMP TABLE cities ON COMMIT DROP AS
SELECT DISTINCT ON (k, day) *
FROM (
	SELECT k,
		CASE WHEN move = 0 THEN c.day
			ELSE c.day + 1 + floor(pg_temp.chance('move ' || move, k) * (days - c.day - 1))::int END AS day,
		('{Belém,Brasília,Curitiba,Fortaleza,Manaus,Natal,Porto Alegre,Recife,Salvador,São Paulo}'::text[])
			[1 + (floor(pg_temp.chance('city', k) * 10)::int + move * (1 + floor(pg_temp.chance('step', k) * 9)::int)) % 10] AS city
	FROM size, customers c, generate_series(0, 3) move
	WHERE move <= CASE WHEN pg_temp.chance('moves', k) < 0.50 THEN 0
		WHEN pg_temp.chance('moves', k) < 0.80 THEN 1
		WHEN pg_temp.chance('moves', k) < 0.95 THEN 2 ELSE 3 END
) moves
ORDER BY k, day, city;

-- Purchases come at an even pace, each by one of the customers who are there.
CREATE TEMP TABLE purchases ON COMMIT DROP AS
SELECT i, day, at,
	1 + floor(pg_temp.chance('customer', i) * (customers * (365 + least(day, 365)) / 730))::bigint AS k,
	(5 + 795 * pg_temp.chance('amount', i) ^ 3)::numeric(12, 2) AS amount,
	pg_temp.pick('{Quercus,Padaria Aurora,Livraria Lume,Metro,Posto Sol,Farmácia Vida,Mercado Bom,Café Norte,Cinema Ideal,Oficina Rápida}',
		'merchant', i) AS merchant
FROM (
	SELECT size.*, i, start + at AS at, extract(epoch FROM at)::bigint / 86400 AS day
	FROM size, generate_series(1, n) i,
		LATERAL (SELECT make_interval(secs => floor((i - 1 + pg_temp.chance('moment', i)) * days * 86400 / n))) m(at)
) p;

-- A bill for each purchase, due after 30 days. How often a customer is late is
-- the customer's own: seldom with most, half of the time with some.
CREATE TEMP TABLE bills ON COMMIT DROP AS
SELECT i, day, amount, day + 30 AS due, lateness >= fate AS late,
	CASE WHEN lateness < fate THEN day + 1 + floor(wait * 29)::int
		WHEN fate > lateness / 4 THEN day + 32 + floor(wait * 60)::int END AS paid	-- NULL: never
FROM purchases,
	LATERAL (SELECT 0.02 + 0.5 * pg_temp.chance('lateness', k) ^ 4, pg_temp.chance('fate', i), pg_temp.chance('wait', i)) c(lateness, fate, wait);

CREATE INDEX ON customers (day);
CREATE INDEX ON cities (day);
CREATE INDEX ON purchases (day);
CREATE INDEX ON bills (day);
CREATE INDEX ON bills (due) WHERE late;
CREATE INDEX ON bills (paid);
ANALYZE customers, cities, purchases, bills;

-- ---- the datom tables ----

SELECT datom.create('cus', importing => true), datom.create('pur', importing => true), datom.create('bil', importing => true) \g /dev/null
SELECT datom.import_tx(db, start) FROM size, unnest('{cus,pur,bil}'::regclass[]) db \g /dev/null

SELECT datom.define_attribute(db, ident, type, uniqueness => uniqueness, doc => doc)
FROM (VALUES
	('cus'::regclass, ':customer/id'::datom.attribute, 'string', 'identity', 'what purchases call the customer'),
	('cus', ':customer/name', 'string', NULL, NULL),
	('cus', ':customer/city', 'string', NULL, 'where the customer lives'),
	('pur', ':purchase/id', 'string', 'identity', 'what bills call the purchase'),
	('pur', ':purchase/customer-id', 'string', NULL, 'whose it is: a :customer/id'),
	('pur', ':purchase/amount', 'bigdec', NULL, NULL),
	('pur', ':purchase/merchant', 'string', NULL, NULL),
	('pur', ':purchase/at', 'instant', NULL, 'when the card was used'),
	('bil', ':bill/id', 'string', 'identity', NULL),
	('bil', ':bill/purchase', 'string', NULL, 'what it is for: a :purchase/id'),
	('bil', ':bill/due', 'date', NULL, 'the last day to pay in time'),
	('bil', ':bill/amount', 'bigdec', NULL, NULL),
	('bil', ':bill/status', 'keyword', NULL, ':bill.status/open, late or paid'),
	('bil', ':bill/paid-on', 'date', NULL, NULL)
) definition (db, ident, type, uniqueness, doc) \g /dev/null

-- Every day in turn. Entities are numbered in the order of the records, after
-- the attributes.
DO $$
DECLARE
	cus bigint := nextval(pg_get_serial_sequence('cus', 'e'));
	pur bigint := nextval(pg_get_serial_sequence('pur', 'e'));
	bil bigint := nextval(pg_get_serial_sequence('bil', 'e'));
	first date;
	last int;
	night timestamptz;
BEGIN
	SELECT start::date, days - 1, start INTO first, last, night FROM size;
	FOR today IN 0 .. last LOOP
		night := night + interval '1 day';

		PERFORM datom.import_tx('cus', night);
		INSERT INTO cus (e, a, v)
			SELECT cus + k, a, v FROM customers, LATERAL (VALUES
				(':customer/id'::datom.attribute, datom.value('cus-' || k)),
				(':customer/name', datom.value(name))) f (a, v)
			WHERE day = today
			UNION ALL
			SELECT cus + k, ':customer/city', datom.value(city) FROM cities WHERE day = today;

		PERFORM datom.import_tx('pur', night);
		INSERT INTO pur (e, a, v)
			SELECT pur + i, a, v FROM purchases, LATERAL (VALUES
				(':purchase/id'::datom.attribute, datom.value('pur-' || i)),
				(':purchase/customer-id', datom.value('cus-' || k)),
				(':purchase/amount', datom.value(amount)),
				(':purchase/merchant', datom.value(merchant)),
				(':purchase/at', datom.value(at))) f (a, v)
			WHERE day = today;

		PERFORM datom.import_tx('bil', night);
		INSERT INTO bil (e, a, v)
			SELECT bil + i, a, v FROM bills, LATERAL (VALUES
				(':bill/id'::datom.attribute, datom.value('bil-' || i)),
				(':bill/purchase', datom.value('pur-' || i)),
				(':bill/due', datom.value(first + due::int)),
				(':bill/amount', datom.value(amount)),
				(':bill/status', datom.keyword(':bill.status/open'))) f (a, v)
			WHERE day = today
			UNION ALL
			SELECT bil + i, ':bill/status', datom.keyword(':bill.status/late')
			FROM bills WHERE late AND due + 1 = today
			UNION ALL
			SELECT bil + i, a, v FROM bills, LATERAL (VALUES
				(':bill/status'::datom.attribute, datom.keyword(':bill.status/paid')),
				(':bill/paid-on', datom.value(first + today))) f (a, v)
			WHERE paid = today;
	END LOOP;
END
$$;

SELECT datom.live('cus'), datom.live('pur'), datom.live('bil') \g /dev/null
COMMIT;
