--
-- Calendars of holidays: what is shipped, as of when, and what users add
--
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
\pset null ~
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET client_min_messages = warning;
SET max_parallel_workers_per_gather = 0;
CREATE SCHEMA holidays;
SET search_path = holidays;
SELECT datom.create_calendar('cal');
SELECT datom.create_calendar('cal');
SELECT datom.create_calendar(NULL);
SELECT count(*) FROM datom.check('cal');
SELECT ident, value_type, cardinality FROM datom.attributes('cal');
-- a year of each calendar, with what is told of it
ANALYZE cal;
CREATE TABLE told AS
SELECT d.e, d.v::date AS day, c.v::text AS calendar, n.v::text AS name, l.v::text AS law
FROM datom.as_of('cal') d JOIN datom.as_of('cal') c USING (e) JOIN datom.as_of('cal') n USING (e) JOIN datom.as_of('cal') l USING (e)
WHERE d.a = ':holiday/date' AND c.a = ':holiday/calendar' AND n.a = ':holiday/name' AND l.a = ':holiday/law';
ANALYZE told;
SELECT calendar, day, name, law FROM told WHERE day BETWEEN '2024-01-01' AND '2024-12-31' ORDER BY 1, 2, 4;
-- every day has all of it
SELECT count(DISTINCT e) = (SELECT count(*) FROM datom.as_of('cal') WHERE a = ':holiday/date'), count(*) FILTER (WHERE calendar = 'BR') < count(*) FROM told;
-- sorted, distinct, from the first law to 2199; BR is part of BR-bank
SELECT cardinality(h), h[1], h[cardinality(h)], h = (SELECT array_agg(DISTINCT d ORDER BY d) FROM unnest(h) d) FROM unnest('{BR,BR-bank}'::text[]) c, datom.holidays('cal', c) h;
SELECT datom.holidays('cal') <@ datom.holidays('cal', 'BR-bank'), datom.holidays('cal') = datom.holidays('cal', 'BR'), datom.holidays('cal', 'XX'), datom.holidays('cal', NULL);
-- Easter: Good Fridays and Corpus Christi of years at the ends of its range
SELECT y, f.day + 2 AS easter, c.day - f.day FROM unnest('{1954,1961,1981,2000,2008,2011,2019,2024,2038,2049,2076,2199}'::int[]) y, told f, told c
WHERE f.name LIKE 'Pai%' AND c.name LIKE 'Corpus%' AND extract(year FROM f.day) = y AND extract(year FROM c.day) = y ORDER BY y;
SELECT count(*), min(day), max(day), count(*) FILTER (WHERE extract(isodow FROM day) <> 5), min(to_char(day, 'MMDD')), max(to_char(day, 'MMDD')) FROM told WHERE name LIKE 'Pai%';
SELECT extract(isodow FROM day), count(*) FROM told WHERE name = 'Carnaval' GROUP BY 1 ORDER BY 1;
-- which law says what from when: the first day of each
SELECT law, calendar, min(day), count(*) FROM told GROUP BY 1, 2 ORDER BY 3, 1, 2;
SELECT t.instant, count(DISTINCT d.e) FROM datom.history('cal') d JOIN datom.tx t ON t.tx = d.tx AND t.db = 'cal'::regclass WHERE d.a = ':holiday/date' GROUP BY 1 ORDER BY 1;
-- what was known then: 20 November and 12 October
SELECT a, date '2024-11-20' = ANY (h), date '1980-10-12' = ANY (h), date '2030-10-12' = ANY (h), cardinality(h)
FROM unnest('{1949-04-12T00:00:00Z,1950-01-01T00:00:00Z,1980-06-30T00:00:00Z,1980-07-02T00:00:00Z,2023-01-01T00:00:00Z,2023-12-22T02:59:59Z,2023-12-22T03:00:00Z}'::text[]) a, datom.holidays('cal', 'BR', a) h ORDER BY a;
SELECT datom.holidays('cal', 'BR', timestamptz '2023-01-01') = datom.holidays('cal', 'BR', '2023-01-01T00:00:00Z'), datom.holidays('cal', 'BR', max(tx)) = datom.holidays('cal') FROM datom.tx WHERE db = 'cal'::regclass;
SET datom.as_of = '2023-01-01T00:00:00Z';
SELECT date '2024-11-20' = ANY (datom.holidays('cal')), datom.day_count('2024-11-01', '2024-12-01', 'BUS/252', NULL, datom.holidays('cal', 'BR-bank'));
RESET datom.as_of;
SELECT date '2024-11-20' = ANY (datom.holidays('cal')), datom.day_count('2024-11-01', '2024-12-01', 'BUS/252', NULL, datom.holidays('cal', 'BR-bank'));
SELECT datom.holidays('cal', 'BR', 'then');
SELECT datom.holidays('pg_class');
-- a calendar that is changed later does not change what was computed as of before
CREATE FUNCTION owed(OUT interest numeric, OUT late numeric) STABLE LANGUAGE sql AS $$
SELECT datom.interest(1000, 0.1365, '2024-01-02', '2024-07-01', 'BUS/252', 'compounded', scale => 8, holidays => h),
	(datom.late(1000, '2024-01-02', '2024-07-01', remuneratory => 0.1365, scale => 8, holidays => h)).total
FROM (SELECT datom.holidays('cal', 'BR-bank') OFFSET 0) x (h) $$;
SELECT * FROM owed() \gset before_
SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS before \gset
SELECT tx AS added FROM datom.transact('cal', '[{:holiday/date #date "2024-03-13" :holiday/name "Tests" :holiday/calendar ["BR-bank"] :holiday/law "None"}]') \gset
SELECT tx AS gone FROM datom.transact('cal', (SELECT jsonb_build_array(jsonb_build_array(':db/retract', e, ':holiday/date', '2024-05-30')) FROM told WHERE day = '2024-05-30')) \gset
SELECT datom.day_count('2024-03-13', '2024-03-14', 'BUS/252', NULL, datom.holidays('cal', 'BR-bank')), datom.day_count('2024-05-30', '2024-05-31', 'BUS/252', NULL, datom.holidays('cal', 'BR-bank'));
-- one came and another one went: for the control only the first
SELECT interest = :before_interest, late = :before_late FROM owed();
SET datom.as_of = :'added';
SELECT interest = :before_interest, interest < :before_interest, late < :before_late FROM owed();
SET datom.as_of = :'before';
SELECT interest = :before_interest, late = :before_late FROM owed();
SET datom.as_of = '2024-01-01T00:00:00Z';
SELECT interest = :before_interest, late = :before_late FROM owed();
RESET datom.as_of;
SELECT count(*) FROM datom.check('cal');
-- calendars of one's own, also in a table that is no calendar yet
SELECT tx FROM datom.transact('cal', '[{:holiday/date #date "2025-07-09" :holiday/calendar ["BR-SP"]} {:holiday/date #date "2025-01-25" :holiday/calendar ["BR-SP"]} {:holiday/date #date "2025-07-09" :holiday/calendar ["BR-SP"]}]') \gset
SELECT datom.holidays('cal', 'BR-SP');
SELECT datom.create('plain');
SELECT datom.holidays('plain');
-- read once for a query, also where workers read the rows
CREATE TABLE days AS SELECT i, date '2000-01-01' + i AS d FROM generate_series(1, 5000) i;
ANALYZE days;
SET max_parallel_workers_per_gather = 2;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
EXPLAIN (COSTS off) SELECT sum(datom.day_count(d, date '2020-01-01', 'BUS/252', NULL, (SELECT datom.holidays('cal', 'BR-bank')))) FROM days;
SELECT sum(datom.day_count(d, date '2020-01-01', 'BUS/252', NULL, (SELECT datom.holidays('cal', 'BR-bank')))) FROM days;
SET max_parallel_workers_per_gather = 0;
SELECT sum(datom.day_count(d, date '2020-01-01', 'BUS/252', NULL, (SELECT datom.holidays('cal', 'BR-bank')))) FROM days;
