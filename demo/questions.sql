-- Entities of the three tables as rows. Columns, and what they are, come from the
-- attributes.
IMPORT FOREIGN SCHEMA cus FROM SERVER datom INTO public;
IMPORT FOREIGN SCHEMA pur FROM SERVER datom INTO public OPTIONS (numeric '18,2');
IMPORT FOREIGN SCHEMA bil FROM SERVER datom INTO public OPTIONS (numeric '18,2');
VACUUM pur, cus, bil;

-- SCORING. A purchase is to be judged as of a moment: what did we know then of
-- the customer who made pur-8? A message asks three tables as of that one moment.
SELECT row AS "name, city, status of bills, how many, the largest" FROM jsonb_array_elements(datom.answer('
{:as-of #inst "2014-11-15T13:37:42Z"
 :args ["pur-8"]
 :query {:find [?name ?city ?status (count ?bill) (max ?amount)]
         :in [?purchase-id]
         :where [[$pur ?asked :purchase/id ?purchase-id]
                 [$pur ?asked :purchase/customer-id ?customer-id]
                 [$cus ?customer :customer/id ?customer-id]
                 [$cus ?customer :customer/name ?name]
                 [$cus ?customer :customer/city ?city]
                 [$pur ?purchase :purchase/customer-id ?customer-id]
                 [$pur ?purchase :purchase/id ?id]
                 [$pur ?purchase :purchase/amount ?amount]
                 [$bil ?bill :bill/purchase ?id]
                 [$bil ?bill :bill/status ?status]]}}')) row;

-- ANALYSING. No query names a moment: the session does.
SET datom.as_of = '2013-06-30T00:00:00Z';
SELECT city, count(*) FROM customer GROUP BY city ORDER BY 2 DESC, 1 LIMIT 3;
RESET datom.as_of;
SELECT city, count(*) FROM customer GROUP BY city ORDER BY 2 DESC, 1 LIMIT 3;
EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT count(*), sum(amount) FROM purchase WHERE amount > 100;

-- Two moments in one query: who moved in the days before Christmas?
SELECT name, before.city AS from, after.city AS to
FROM datom.entities_as_of(NULL::customer, '2014-12-16T00:00:00Z') before
	JOIN datom.entities_as_of(NULL::customer, '2014-12-24T00:00:00Z') after USING (e, name)
WHERE before.city <> after.city ORDER BY e LIMIT 3;

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
