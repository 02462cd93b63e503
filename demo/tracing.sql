-- One bill: what is it, since when, and what was it before?
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

-- And who changed the query that others use?
SELECT version, author, valid_from::time(0) AS from, valid_to::time(0) AS to, left(query, 40) AS query
FROM datom.saved_query_history WHERE name = 'public.overdue' ORDER BY version;
