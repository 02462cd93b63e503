--
-- Finance: day counts, interest, lateness
--
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
\pset null ~
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET client_min_messages = warning;
SET max_parallel_workers_per_gather = 0;
CREATE SCHEMA finance;
SET search_path = finance;
-- 30/360: ISDA's spreadsheet (isda.org, 2008-12-22, 30/360 day count conventions)
-- and QuantLib's test-suite/daycounters.cpp
CREATE TABLE thirty (convention text, d1 date, d2 date, termination date, days int);
INSERT INTO thirty VALUES
	('30/360', '2006-08-20'::date, '2007-02-20'::date, NULL, 180),
	('30/360', '2007-02-20'::date, '2007-08-20'::date, NULL, 180),
	('30/360', '2007-08-20'::date, '2008-02-20'::date, NULL, 180),
	('30/360', '2008-02-20'::date, '2008-08-20'::date, NULL, 180),
	('30/360', '2008-08-20'::date, '2009-02-20'::date, NULL, 180),
	('30/360', '2009-02-20'::date, '2009-08-20'::date, NULL, 180),
	('30/360', '2006-08-31'::date, '2007-02-28'::date, NULL, 178),
	('30/360', '2007-02-28'::date, '2007-08-31'::date, NULL, 183),
	('30/360', '2007-08-31'::date, '2008-02-29'::date, NULL, 179),
	('30/360', '2008-02-29'::date, '2008-08-31'::date, NULL, 182),
	('30/360', '2008-08-31'::date, '2009-02-28'::date, NULL, 178),
	('30/360', '2009-02-28'::date, '2009-08-31'::date, NULL, 183),
	('30/360', '2006-01-31'::date, '2006-02-28'::date, NULL, 28),
	('30/360', '2006-01-30'::date, '2006-02-28'::date, NULL, 28),
	('30/360', '2006-02-28'::date, '2006-03-03'::date, NULL, 5),
	('30/360', '2006-02-14'::date, '2006-02-28'::date, NULL, 14),
	('30/360', '2006-09-30'::date, '2006-10-31'::date, NULL, 30),
	('30/360', '2006-10-31'::date, '2006-11-28'::date, NULL, 28),
	('30/360', '2007-08-31'::date, '2008-02-28'::date, NULL, 178),
	('30/360', '2008-02-28'::date, '2008-08-28'::date, NULL, 180),
	('30/360', '2008-02-28'::date, '2008-08-30'::date, NULL, 182),
	('30/360', '2008-02-28'::date, '2008-08-31'::date, NULL, 183),
	('30/360', '2007-02-26'::date, '2008-02-28'::date, NULL, 362),
	('30/360', '2007-02-26'::date, '2008-02-29'::date, NULL, 363),
	('30/360', '2008-02-29'::date, '2009-02-28'::date, NULL, 359),
	('30/360', '2008-02-28'::date, '2008-03-30'::date, NULL, 32),
	('30/360', '2008-02-28'::date, '2008-03-31'::date, NULL, 33),
	('30E/360', '2006-08-20'::date, '2007-02-20'::date, NULL, 180),
	('30E/360', '2007-02-20'::date, '2007-08-20'::date, NULL, 180),
	('30E/360', '2007-08-20'::date, '2008-02-20'::date, NULL, 180),
	('30E/360', '2008-02-20'::date, '2008-08-20'::date, NULL, 180),
	('30E/360', '2008-08-20'::date, '2009-02-20'::date, NULL, 180),
	('30E/360', '2009-02-20'::date, '2009-08-20'::date, NULL, 180),
	('30E/360', '2006-02-28'::date, '2006-08-31'::date, NULL, 182),
	('30E/360', '2006-08-31'::date, '2007-02-28'::date, NULL, 178),
	('30E/360', '2007-02-28'::date, '2007-08-31'::date, NULL, 182),
	('30E/360', '2007-08-31'::date, '2008-02-29'::date, NULL, 179),
	('30E/360', '2008-02-29'::date, '2008-08-31'::date, NULL, 181),
	('30E/360', '2008-08-31'::date, '2009-02-28'::date, NULL, 178),
	('30E/360', '2009-02-28'::date, '2009-08-31'::date, NULL, 182),
	('30E/360', '2009-08-31'::date, '2010-02-28'::date, NULL, 178),
	('30E/360', '2010-02-28'::date, '2010-08-31'::date, NULL, 182),
	('30E/360', '2010-08-31'::date, '2011-02-28'::date, NULL, 178),
	('30E/360', '2011-02-28'::date, '2011-08-31'::date, NULL, 182),
	('30E/360', '2011-08-31'::date, '2012-02-29'::date, NULL, 179),
	('30E/360', '2006-01-31'::date, '2006-02-28'::date, NULL, 28),
	('30E/360', '2006-01-30'::date, '2006-02-28'::date, NULL, 28),
	('30E/360', '2006-02-28'::date, '2006-03-03'::date, NULL, 5),
	('30E/360', '2006-02-14'::date, '2006-02-28'::date, NULL, 14),
	('30E/360', '2006-09-30'::date, '2006-10-31'::date, NULL, 30),
	('30E/360', '2006-10-31'::date, '2006-11-28'::date, NULL, 28),
	('30E/360', '2007-08-31'::date, '2008-02-28'::date, NULL, 178),
	('30E/360', '2008-02-28'::date, '2008-08-28'::date, NULL, 180),
	('30E/360', '2008-02-28'::date, '2008-08-30'::date, NULL, 182),
	('30E/360', '2008-02-28'::date, '2008-08-31'::date, NULL, 182),
	('30E/360', '2007-02-26'::date, '2008-02-28'::date, NULL, 362),
	('30E/360', '2007-02-26'::date, '2008-02-29'::date, NULL, 363),
	('30E/360', '2008-02-29'::date, '2009-02-28'::date, NULL, 359),
	('30E/360', '2008-02-28'::date, '2008-03-30'::date, NULL, 32),
	('30E/360', '2008-02-28'::date, '2008-03-31'::date, NULL, 32),
	('30/360 US', '2006-08-20'::date, '2007-02-20'::date, NULL, 180),
	('30/360 US', '2007-02-20'::date, '2007-08-20'::date, NULL, 180),
	('30/360 US', '2007-08-20'::date, '2008-02-20'::date, NULL, 180),
	('30/360 US', '2008-02-20'::date, '2008-08-20'::date, NULL, 180),
	('30/360 US', '2008-08-20'::date, '2009-02-20'::date, NULL, 180),
	('30/360 US', '2009-02-20'::date, '2009-08-20'::date, NULL, 180),
	('30/360 US', '2006-08-31'::date, '2007-02-28'::date, NULL, 178),
	('30/360 US', '2007-02-28'::date, '2007-08-31'::date, NULL, 180),
	('30/360 US', '2007-08-31'::date, '2008-02-29'::date, NULL, 179),
	('30/360 US', '2008-02-29'::date, '2008-08-31'::date, NULL, 180),
	('30/360 US', '2008-08-31'::date, '2009-02-28'::date, NULL, 178),
	('30/360 US', '2009-02-28'::date, '2009-08-31'::date, NULL, 180),
	('30/360 US', '2006-01-31'::date, '2006-02-28'::date, NULL, 28),
	('30/360 US', '2006-01-30'::date, '2006-02-28'::date, NULL, 28),
	('30/360 US', '2006-02-28'::date, '2006-03-03'::date, NULL, 3),
	('30/360 US', '2006-02-14'::date, '2006-02-28'::date, NULL, 14),
	('30/360 US', '2006-09-30'::date, '2006-10-31'::date, NULL, 30),
	('30/360 US', '2006-10-31'::date, '2006-11-28'::date, NULL, 28),
	('30/360 US', '2007-08-31'::date, '2008-02-28'::date, NULL, 178),
	('30/360 US', '2008-02-28'::date, '2008-08-28'::date, NULL, 180),
	('30/360 US', '2008-02-28'::date, '2008-08-30'::date, NULL, 182),
	('30/360 US', '2008-02-28'::date, '2008-08-31'::date, NULL, 183),
	('30/360 US', '2007-02-26'::date, '2008-02-28'::date, NULL, 362),
	('30/360 US', '2007-02-26'::date, '2008-02-29'::date, NULL, 363),
	('30/360 US', '2008-02-29'::date, '2009-02-28'::date, NULL, 360),
	('30/360 US', '2008-02-28'::date, '2008-03-30'::date, NULL, 32),
	('30/360 US', '2008-02-28'::date, '2008-03-31'::date, NULL, 33),
	('30E/360 ISDA', '2006-08-20'::date, '2007-02-20'::date, '2009-08-20'::date, 180),
	('30E/360 ISDA', '2007-02-20'::date, '2007-08-20'::date, '2009-08-20'::date, 180),
	('30E/360 ISDA', '2007-08-20'::date, '2008-02-20'::date, '2009-08-20'::date, 180),
	('30E/360 ISDA', '2008-02-20'::date, '2008-08-20'::date, '2009-08-20'::date, 180),
	('30E/360 ISDA', '2008-08-20'::date, '2009-02-20'::date, '2009-08-20'::date, 180),
	('30E/360 ISDA', '2009-02-20'::date, '2009-08-20'::date, '2009-08-20'::date, 180),
	('30E/360 ISDA', '2006-02-28'::date, '2006-08-31'::date, '2012-02-29'::date, 180),
	('30E/360 ISDA', '2006-08-31'::date, '2007-02-28'::date, '2012-02-29'::date, 180),
	('30E/360 ISDA', '2007-02-28'::date, '2007-08-31'::date, '2012-02-29'::date, 180),
	('30E/360 ISDA', '2007-08-31'::date, '2008-02-29'::date, '2012-02-29'::date, 180),
	('30E/360 ISDA', '2008-02-29'::date, '2008-08-31'::date, '2012-02-29'::date, 180),
	('30E/360 ISDA', '2008-08-31'::date, '2009-02-28'::date, '2012-02-29'::date, 180),
	('30E/360 ISDA', '2009-02-28'::date, '2009-08-31'::date, '2012-02-29'::date, 180),
	('30E/360 ISDA', '2009-08-31'::date, '2010-02-28'::date, '2012-02-29'::date, 180),
	('30E/360 ISDA', '2010-02-28'::date, '2010-08-31'::date, '2012-02-29'::date, 180),
	('30E/360 ISDA', '2010-08-31'::date, '2011-02-28'::date, '2012-02-29'::date, 180),
	('30E/360 ISDA', '2011-02-28'::date, '2011-08-31'::date, '2012-02-29'::date, 180),
	('30E/360 ISDA', '2011-08-31'::date, '2012-02-29'::date, '2012-02-29'::date, 179),
	('30E/360 ISDA', '2006-01-31'::date, '2006-02-28'::date, '2008-02-29'::date, 30),
	('30E/360 ISDA', '2006-01-30'::date, '2006-02-28'::date, '2008-02-29'::date, 30),
	('30E/360 ISDA', '2006-02-28'::date, '2006-03-03'::date, '2008-02-29'::date, 3),
	('30E/360 ISDA', '2006-02-14'::date, '2006-02-28'::date, '2008-02-29'::date, 16),
	('30E/360 ISDA', '2006-09-30'::date, '2006-10-31'::date, '2008-02-29'::date, 30),
	('30E/360 ISDA', '2006-10-31'::date, '2006-11-28'::date, '2008-02-29'::date, 28),
	('30E/360 ISDA', '2007-08-31'::date, '2008-02-28'::date, '2008-02-29'::date, 178),
	('30E/360 ISDA', '2008-02-28'::date, '2008-08-28'::date, '2008-02-29'::date, 180),
	('30E/360 ISDA', '2008-02-28'::date, '2008-08-30'::date, '2008-02-29'::date, 182),
	('30E/360 ISDA', '2008-02-28'::date, '2008-08-31'::date, '2008-02-29'::date, 182),
	('30E/360 ISDA', '2007-02-28'::date, '2008-02-28'::date, '2008-02-29'::date, 358),
	('30E/360 ISDA', '2007-02-28'::date, '2008-02-29'::date, '2008-02-29'::date, 359),
	('30E/360 ISDA', '2008-02-29'::date, '2009-02-28'::date, '2008-02-29'::date, 360),
	('30E/360 ISDA', '2008-02-29'::date, '2008-03-30'::date, '2008-02-29'::date, 30),
	('30E/360 ISDA', '2008-02-29'::date, '2008-03-31'::date, '2008-02-29'::date, 30);
SELECT convention, count(*), count(*) FILTER (WHERE datom.day_count(d1, d2, convention, termination) = days) FROM thirty GROUP BY 1 ORDER BY 1;
SELECT count(*) FROM thirty WHERE datom.day_count(d2, d1, convention, termination) = -days;
SELECT count(*) FROM thirty WHERE datom.year_fraction(d1, d2, convention, termination) * 360 - days BETWEEN -1e-12 AND 1e-12;
-- a control: another convention is noticed
SELECT a.convention, b.convention, count(*) FILTER (WHERE datom.day_count(d1, d2, b.convention, termination) <> days) > 0
FROM thirty a, (VALUES ('30/360'), ('30E/360'), ('30/360 US'), ('30E/360 ISDA')) b (convention)
WHERE a.convention <> b.convention GROUP BY 1, 2 ORDER BY 1, 2;
-- ACT/ACT ISDA: the same, from ISDA's memorandum of 1999
SELECT d1, abs(datom.year_fraction(d1, d2, 'ACT/ACT ISDA') - years) < 1e-10, datom.day_count(d1, d2, 'ACT/ACT ISDA') = d2 - d1
FROM (VALUES (date '2003-11-01', date '2004-05-01', 0.497724380567), ('1999-02-01', '1999-07-01', 0.410958904110),
	('1999-07-01', '2000-07-01', 1.001377348600), ('2002-08-15', '2003-07-15', 0.915068493151),
	('2003-07-15', '2004-01-15', 0.504004790778), ('1999-07-30', '2000-01-30', 0.503892506924),
	('2000-01-30', '2000-06-30', 0.415300546448)) v (d1, d2, years);
-- a whole year is one, leap or not, and times add up
SELECT count(*) FILTER (WHERE datom.year_fraction(make_date(y, 1, 1), make_date(y + 1, 1, 1), 'ACT/ACT ISDA') <> 1) FROM generate_series(1900, 2199) y;
SELECT c, count(*) FILTER (WHERE datom.day_count(a, b, c) + datom.day_count(b, d, c) <> datom.day_count(a, d, c)) FROM
	unnest('{ACT/360,ACT/365F,ACT/ACT ISDA,BUS/252}'::text[]) c,
	(SELECT date '1900-01-01' + i * 977 % 109000, date '1900-01-01' + i * 7919 % 109000, date '1900-01-01' + i * 104729 % 109000 FROM generate_series(1, 300) i) x (a, b, d)
	GROUP BY 1 ORDER BY 1;
-- 2024-01-31 to 2024-02-29
SELECT c, datom.day_count('2024-01-31', '2024-02-29', c), datom.year_fraction('2024-01-31', '2024-02-29', c)
FROM unnest('{ACT/360,ACT/365F,ACT/ACT ISDA,30/360,30E/360,30E/360 ISDA,30/360 US,BUS/252}'::text[]) WITH ORDINALITY x (c, i) ORDER BY i;
SELECT datom.day_count('2024-01-31', '2024-02-29', 'BUS/252', NULL, '{2024-02-12,2024-02-13}');
-- BUS/252: QuantLib's Brazil, 2002 to 2016
SELECT datom.create_calendar('cal');
CREATE TABLE brazil AS SELECT datom.holidays('cal', 'BR-bank') AS days;
SELECT d1, d2, abs(datom.year_fraction(d1, d2, 'BUS/252', NULL, days) - years) < 1e-12
FROM brazil, (VALUES (date '2002-02-01', date '2002-02-04', 0.0039682539683), ('2002-02-04', '2003-05-16', 1.2738095238095),
	('2003-05-16', '2003-12-17', 0.6031746031746), ('2003-12-17', '2004-12-17', 0.9960317460317), ('2004-12-17', '2005-12-19', 1),
	('2005-12-19', '2006-01-02', 0.0396825396825), ('2006-01-02', '2006-03-13', 0.1904761904762), ('2006-03-13', '2006-05-15', 0.1666666666667),
	('2006-05-15', '2006-03-17', -0.1507936507937), ('2006-03-17', '2006-05-15', 0.1507936507937), ('2006-05-15', '2006-07-26', 0.2023809523810),
	('2006-07-26', '2007-06-28', 0.912698412698), ('2007-06-28', '2009-09-16', 2.214285714286), ('2009-09-16', '2016-07-26', 6.841269841270)) v (d1, d2, years);
-- spellings
SELECT c, datom.day_count('2007-02-28', '2007-08-31', c), datom.year_fraction('2007-02-28', '2007-08-31', c)
FROM unnest(ARRAY['act/360', 'Actual/360', 'ACT/365.FIXED', 'Actual/365 (Fixed)', 'actual/actual (isda)', 'Act/Act', 'ACT/ACT.ISDA',
	'30/360 bond basis', 'Bond Basis', '360/360', '30e/360', 'Eurobond basis', '30E/360 (ISDA)', '30E/360.ISDA', '30U/360', '30/360 (US)',
	'business/252', 'du/252']) WITH ORDINALITY x (c, i) ORDER BY i;
-- weekends, before 2000 too; a holiday counts once, and not at all at a weekend
SELECT datom.day_count('1999-12-31', '2000-01-04', 'BUS/252'), datom.day_count('1900-01-01', '1900-01-08', 'BUS/252'), datom.day_count('2024-06-01', '2024-06-03', 'BUS/252'),
	datom.day_count('2024-06-03', '2024-06-10', 'BUS/252', NULL, '{2024-06-05,2024-06-05,2024-06-08,2024-06-10,2024-06-03,infinity}');
-- reversed, equal, null, infinite
SELECT c, datom.day_count('2024-03-31', '2024-01-31', c), datom.day_count('2024-03-31', '2024-03-31', c), datom.year_fraction('2024-03-31', '2024-03-31', c)
FROM unnest('{ACT/360,ACT/ACT ISDA,30/360,30E/360 ISDA,BUS/252}'::text[]) c;
SELECT datom.day_count(NULL, '2024-01-01', 'ACT/360'), datom.day_count('2024-01-01', NULL, 'ACT/360'), datom.day_count('2024-01-01', '2024-01-02', NULL),
	datom.year_fraction('2024-01-01', NULL, 'ACT/360'), datom.day_count('2024-01-01', '2024-01-02', 'ACT/360', NULL, NULL), datom.day_count(NULL, NULL, 'nonsense');
SELECT datom.day_count('2024-01-01', 'infinity', 'ACT/360');
SELECT datom.year_fraction('-infinity', '2024-01-01', '30/360');
SELECT datom.day_count('4713-01-01 BC', '5874897-12-31', '30/360'), datom.year_fraction('4713-01-01 BC', '5874897-12-31', 'ACT/ACT'), datom.day_count('4713-01-01 BC', '5874897-12-31', 'BUS/252');
SELECT datom.day_count('2024-01-01', '2024-01-02', 'ACT/365');
SELECT datom.day_count('2024-01-01', '2024-01-02', repeat('A', 200));
SELECT datom.day_count('2024-01-01', '2024-01-02', '');
SELECT datom.day_count('2024-01-01', '2024-01-02', 'BUS/252', NULL, '{2024-01-01,NULL}');
-- each row its own convention and holidays
SELECT i, datom.day_count('2024-01-31', '2024-03-31', c, NULL, h) FROM (VALUES (1, 'BUS/252', '{2024-02-12}'::date[]), (2, '30/360', '{}'), (3, 'BUS/252', '{}'),
	(4, 'BUS/252', '{2024-02-13}'), (5, 'BUS/252', '{2024-02-12,2024-02-13}'), (6, 'ACT/360', '{2024-02-17}'), (7, 'BUS/252', '{2024-02-17}')) x (i, c, h) ORDER BY i;

-- interest: BUS/252 as Brazilian bonds have it, and the three ways
SELECT round(1000 + datom.interest(1000, 0.1365, '2024-01-02', '2024-07-01', 'BUS/252', 'compounded', holidays => days), 11) FROM brazil;
SELECT c, datom.interest(1000, 0.05, '2023-01-01', '2024-01-01', 'ACT/365F', c) FROM unnest('{simple,compounded,continuous}'::text[]) WITH ORDINALITY x (c, i) ORDER BY i;
-- equivalent rates: E. G. Haug, Option Pricing Formulas, p. 181, as in QuantLib's test-suite/interestrates.cpp
SELECT round(ln(1 + datom.interest(1, 0.08, '2023-01-01', '2024-01-01', '30/360', 'compounded', 4)), 4), datom.interest(1, 0.12, '2023-01-01', '2024-01-01', '30/360', 'continuous', scale => 4),
	datom.interest(1, 0.08, '2023-01-01', '2024-01-01', '30/360', 'compounded', 4, 4), round(2 * (sqrt(1 + datom.interest(1, 0.07, '2023-01-01', '2024-01-01', '30/360', 'compounded', 4)) - 1), 4),
	datom.interest(1, 0.03, '2023-01-01', '2023-07-01', '30/360', 'compounded', 2), datom.interest(1, 0.05, '2023-01-01', '2023-04-01', '30/360', 'compounded', 4);
-- exact where decimals are: 12 months at half a percent, and a simple 1/8 of a year of a number with many digits
SELECT datom.interest(1000, 0.06, '2024-01-01', '2025-01-01', '30/360', 'compounded', 12) = 61.677811864499568789707617431640625,
	datom.interest(100000000000000000001, 1, '2024-01-01', '2024-02-16', '30/360'), datom.interest(100000000000000000001.0000001, 1, '2024-01-01', '2024-02-16', '30/360');
-- the growth of a day at a tiny rate has as many digits as any
SELECT datom.interest(1, 1e-9, '2024-01-01', '2024-01-02', 'ACT/365F', 'compounded'), datom.interest(1e9, 1e-9, '2024-01-01', '2024-01-02', 'ACT/365F', 'continuous'),
	datom.interest(1, 1e-40, '2024-01-01', '2024-01-02', 'ACT/365F', 'continuous');
-- negative rates, time backwards
SELECT c, datom.interest(1000, -0.005, '2024-01-01', '2024-07-01', '30/360', c), datom.interest(1000, 0.05, '2024-07-01', '2024-01-01', '30/360', c), datom.interest(1000, 0.05, '2024-07-01', '2024-07-01', '30/360', c, scale => 2)
FROM unnest('{simple,compounded,continuous}'::text[]) WITH ORDINALITY x (c, i) ORDER BY i;
SELECT datom.interest(1000, -1, '2024-01-01', '2025-01-01', '30/360', 'compounded'), datom.interest(1000, -3, '2024-01-01', '2026-01-01', '30/360', 'compounded'), datom.interest(1000, -3, '2026-01-01', '2024-01-01', '30/360', 'compounded');
SELECT datom.interest(1000, -1.5, '2024-01-01', '2024-07-01', '30/360', 'compounded');
SELECT datom.interest(1000, -12, '2024-01-01', '2024-01-16', '30/360', 'compounded', 12);
SELECT datom.interest(1000, -1, '2025-01-01', '2024-01-01', '30/360', 'compounded');
-- rounding: what is an exact tie, and what only looks like one
SELECT m, array_agg(datom.interest(x, 1, '2024-01-01', '2025-01-01', '30/360', scale => s, rounding => m) ORDER BY i)
FROM (VALUES (1, 2.5, 0), (2, 3.5, 0), (3, -2.5, 0), (4, 0.125, 2), (5, 0.135, 2), (6, -0.125, 2), (7, 1250, -2), (8, 1350, -2), (9, -1250, -2), (10, 0.1250000000000000000000000000000000001, 2), (11, 7, 2), (12, 0, 2), (13, -0.001, 2), (14, 49, -2)) v (i, x, s),
	unnest('{half_up,half_even,half_down,up,down,ceiling,floor}'::text[]) WITH ORDINALITY r (m, j) GROUP BY j, m ORDER BY j;
-- 1/360 of this is above 0.5 by less than a division by numeric shows
SELECT datom.interest(180.0000000000000000000000000001, 1, '2024-01-01', '2024-01-02', 'ACT/360', scale => 0), datom.interest(180, 1, '2024-01-01', '2024-01-02', 'ACT/360', scale => 0),
	datom.interest(-180.0000000000000000000000000001, 1, '2024-01-01', '2024-01-02', 'ACT/360', scale => 0), datom.interest(179.9999999999999999999999999999, 1, '2024-01-01', '2024-01-02', 'ACT/360', scale => 0, rounding => 'half_up');
SELECT datom.interest(1, 1, '2024-01-01', '2025-01-01', '30/360', scale => 3, rounding => 'HALF-UP'), datom.interest(12345678901234567890.12, 0.05, '2024-01-01', '2024-04-10', 'ACT/360', 'compounded', scale => 10);
SELECT datom.interest(NULL, 1, '2024-01-01', '2025-01-01'), datom.interest(1, NULL, '2024-01-01', '2025-01-01'), datom.interest(1, 1, NULL, '2025-01-01'), datom.interest(1, 1, '2024-01-01', NULL), datom.interest(1, 1, '2024-01-01', '2025-01-01', NULL);
SELECT datom.interest('NaN', 1, '2024-01-01', '2025-01-01', scale => 2), datom.interest('Infinity', -0.5, '2024-01-01', '2025-01-01', '30/360', 'compounded', scale => 2), datom.interest(1, 'NaN', '2024-01-01', '2025-01-01', '30/360', 'continuous');
SELECT datom.interest(1, 1, '2024-01-01', '2025-01-01', 'ACT/365F', 'daily');
SELECT datom.interest(1, 1, '2024-01-01', '2025-01-01', frequency => 0);
SELECT datom.interest(1, 1, '2024-01-01', '2025-01-01', scale => 2, rounding => 'bankers');
SELECT datom.interest(1, 1, '2024-01-01', '2025-01-01', scale => 1001);
SELECT datom.interest(1, 1e6, '2024-01-01', '2924-01-01', 'ACT/365F', 'continuous');
SELECT datom.interest(1, 1, '2024-01-01', 'infinity');

-- late: R$ 1,000.00, 30 days
SELECT * FROM datom.late(1000, '2024-01-01', '2024-01-31');
-- on time, early, and within grace; beyond it all days count
SELECT p, l.* FROM unnest('{2023-12-01,2024-01-01,2024-01-02,2024-01-06,2024-01-07}'::date[]) p, datom.late(1000, '2024-01-01', p, grace_days => 5) l;
-- due on a Saturday before carnival: to be paid on Ash Wednesday; then it counts from the Saturday
SELECT p, l.* FROM brazil, unnest('{2024-02-12,2024-02-14,2024-02-15}'::date[]) p, datom.late(1000, '2024-02-10', p, holidays => days) l;
SELECT l.* FROM datom.late(1000, '2024-02-10', '2024-02-12') l;
SELECT p, l.days_late FROM brazil, unnest('{2024-02-16,2024-02-17}'::date[]) p, datom.late(1000, '2024-02-10', p, holidays => days, grace_days => 2) l;
-- mora by convention, remuneratory interest over business days
SELECT b, l.* FROM unnest('{30,30E/360,ACT/365F,ACT/360}'::text[]) b, datom.late(1000, '2024-01-31', '2024-02-29', mora_basis => b) l;
SELECT l.* FROM brazil, datom.late(1000, '2024-01-02', '2024-07-01', remuneratory => 0.1365, holidays => days) l;
SELECT l.* FROM datom.late(1000, '2024-01-01', '2024-12-31', remuneratory => 1, remuneratory_basis => '30/360') l;
-- the cap: of all charges, from the last to the first
SELECT c, l.* FROM unnest('{3,1,0.5,0.13,0.02,0.01999,0}'::numeric[]) c, datom.late(1000, '2023-01-01', '2024-01-01', remuneratory => 1, remuneratory_basis => '30/360', cap => c) l;
SELECT l.* FROM datom.late(33.33, '2024-01-01', '2024-01-31', cap => 0.0299) l;
-- scale and rounding
SELECT m, l.* FROM unnest('{half_up,half_even,half_down,up,down}'::text[]) m, datom.late(106.25, '2024-01-01', '2024-01-25', rounding => m) l;
SELECT l.* FROM datom.late(100, '2024-01-01', '2024-01-11', scale => NULL) l;
SELECT l.* FROM datom.late(123456, '2024-01-01', '2024-01-31', scale => -1) l;
-- nothing, less than nothing, null
SELECT a, l.* FROM unnest('{0,-100,NULL,NaN}'::numeric[]) a, datom.late(a, '2024-01-01', '2024-01-31') l;
SELECT l.* FROM datom.late(100, NULL, '2024-01-31') l;
SELECT l.* FROM datom.late(100, '2024-01-01', '2024-01-31', fine => NULL) l;
-- not paid: until the moment in force, as a day in the zone
SET datom.as_of = '2024-01-31T01:30:00Z';
SELECT z, l.* FROM unnest('{UTC,America/Sao_Paulo,Asia/Tokyo}'::text[]) z, datom.late(1000, '2024-01-01', zone => z) l;
SET timezone = 'Asia/Tokyo';
SELECT l.days_late FROM datom.late(1000, '2024-01-01') l;
SET timezone = 'UTC';
SET datom.as_of = '2023-12-31T23:59:59Z';
SELECT l.* FROM datom.late(1000, '2024-01-01') l;
RESET datom.as_of;
SELECT l.days_late = (now() AT TIME ZONE 'UTC')::date - date '2024-01-01' FROM datom.late(1000, '2024-01-01') l;
SELECT datom.late(1000, '2024-01-01', zone => 'Nowhere');
SELECT datom.late(1000, '2024-01-01', '2024-01-31', fine => -0.02);
SELECT datom.late(1000, '2024-01-01', '2024-01-31', grace_days => -1);
SELECT datom.late(1000, '2024-01-01', '2023-01-31', mora_basis => '31');
SELECT datom.late(1000, '2024-01-01', '2023-01-31', remuneratory_basis => '30');
SELECT datom.late(1000, '2024-01-01', 'infinity');
-- computed once for a row, and in workers
CREATE TABLE bills AS SELECT i, i::numeric / 8 AS amount, date '2024-01-01' + i % 90 AS due, CASE WHEN i % 3 > 0 THEN date '2024-02-01' + i % 60 END AS paid FROM generate_series(1, 20000) i;
ANALYZE bills;
SET datom.as_of = '2024-06-30T12:00:00Z';
CREATE FUNCTION sums(OUT bigint, OUT numeric, OUT numeric, OUT numeric) STABLE LANGUAGE sql AS $$
SELECT sum(l.days_late), sum(l.mora), sum(l.total), sum(datom.interest(amount, 0.1, due, paid, 'BUS/252', 'compounded', scale => 2, holidays => (SELECT days FROM brazil)))
FROM bills, datom.late(amount, due, paid, holidays => (SELECT days FROM brazil), remuneratory => 0.1) l $$;
SELECT * FROM sums() \gset alone_
SET max_parallel_workers_per_gather = 2;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
EXPLAIN (COSTS off) SELECT sum(l.total) FROM bills, datom.late(amount, due, paid, holidays => (SELECT days FROM brazil)) l;
SELECT sum(l.days_late) = :alone_column1, sum(l.mora) = :alone_column2, sum(l.total) = :alone_column3, sum(datom.interest(amount, 0.1, due, paid, 'BUS/252', 'compounded', scale => 2, holidays => (SELECT days FROM brazil))) = :alone_column4
FROM bills, datom.late(amount, due, paid, holidays => (SELECT days FROM brazil), remuneratory => 0.1) l;
