-- SCORING. A purchase is to be judged as of a moment: what did we know then of
-- the customer who made pur-8? Three tables answer as of that one moment.
\set at '2014-11-15T13:37:42Z'
WITH pur AS MATERIALIZED (SELECT * FROM datom.as_of('pur', :'at')),
	cus AS MATERIALIZED (SELECT * FROM datom.as_of('cus', :'at')),
	bil AS MATERIALIZED (SELECT * FROM datom.as_of('bil', :'at')),
	customer AS (
		SELECT cus.e, whose.v AS id FROM pur
			JOIN pur whose ON whose.e = pur.e AND whose.a = ':purchase/customer-id'
			JOIN cus ON cus.a = ':customer/id' AND cus.v = whose.v
		WHERE pur.a = ':purchase/id' AND pur.v = 'pur-8'),
	bought AS (
		SELECT whose.e, id.v AS id FROM customer
			JOIN pur whose ON whose.a = ':purchase/customer-id' AND whose.v = customer.id
			JOIN pur id ON id.a = ':purchase/id' AND id.e = whose.e)
SELECT (SELECT v::text FROM cus JOIN customer USING (e) WHERE a = ':customer/name') AS name,
	(SELECT v::text FROM cus JOIN customer USING (e) WHERE a = ':customer/city') AS city,
	(SELECT max(v::numeric) FROM pur JOIN bought USING (e) WHERE a = ':purchase/amount') AS largest,
	count(*) AS purchases,
	count(*) FILTER (WHERE status.v = ':bill.status/open') AS open,
	count(*) FILTER (WHERE status.v = ':bill.status/late') AS late
FROM bought
	JOIN bil whose ON whose.a = ':bill/purchase' AND whose.v = bought.id
	JOIN bil status ON status.e = whose.e AND status.a = ':bill/status';

-- ANALYSING. A view for people who know SQL. It names no moment: the session
-- does, and no query has to change.
CREATE VIEW customer AS
SELECT e, max(v::text) FILTER (WHERE a = ':customer/id') AS id,
	max(v::text) FILTER (WHERE a = ':customer/name') AS name,
	max(v::text) FILTER (WHERE a = ':customer/city') AS city
FROM datom.as_of('cus') WHERE a IN (':customer/id', ':customer/name', ':customer/city') GROUP BY e;

SELECT city, count(*) FROM customer GROUP BY city ORDER BY 2 DESC, 1 LIMIT 3;
SET datom.as_of = '2013-06-30T00:00:00Z';
SELECT city, count(*) FROM customer GROUP BY city ORDER BY 2 DESC, 1 LIMIT 3;
RESET datom.as_of;

-- What changed between two moments: who moved in the days before Christmas?
SELECT name, added, v AS city, datom.instant(tx)
FROM datom.diff('cus', '2014-12-16T00:00:00Z', '2014-12-24T00:00:00Z') JOIN customer USING (e)
WHERE a = ':customer/city' ORDER BY e, added LIMIT 6;

-- TRACING. One of her bills: what is it, since when, and what was it before?
SELECT datom.instant(h.tx), h.added, h.v
FROM datom.history('bil') h JOIN bil ON bil.e = h.e AND bil.a = ':bill/purchase' AND bil.v = 'pur-6656'
WHERE h.a = ':bill/status' ORDER BY h.tx, h.added;

-- And who says that Ana lives in São Paulo, since when, by what, and why?
SELECT h.v, h.added, t.instant::time(0) AS at, t.role, t.application, note.v AS note
FROM datom.history('people') h
	JOIN datom.tx t ON t.db = 'people'::regclass AND t.tx = h.tx
	LEFT JOIN people note ON note.e = -h.tx AND note.a = ':source/note'
WHERE h.a = ':person/city' AND h.e = (SELECT e FROM people WHERE a = ':person/name' AND v = 'Ana')
ORDER BY h.tx, h.added;
