-- As of 1993-12-31: how large was the bank?
\set at '1993-12-31T00:00:00Z'
SELECT count(*) FILTER (WHERE a = ':account/id') AS accounts,
	count(*) FILTER (WHERE a = ':client/id') AS clients,
	count(*) FILTER (WHERE a = ':transaction/id') AS transactions,
	sum(v::numeric) FILTER (WHERE a = ':account/balance') AS balance,
	sum(v::numeric) FILTER (WHERE a = ':loan/amount') AS lent
FROM (SELECT a, CASE WHEN datom.value_type(v) IN ('long', 'bigdec') THEN v END FROM datom.as_of('bank', :'at')) f (a, v);

-- Where did the money lie?
WITH bank AS MATERIALIZED (SELECT * FROM datom.as_of('bank', :'at'))
SELECT region.v::text AS region, count(*) AS accounts, sum(balance.v::numeric) AS balance
FROM bank balance
	JOIN bank district ON district.e = balance.e AND district.a = ':account/district'
	JOIN bank region ON region.e = district.v::bigint AND region.a = ':district/region'
WHERE balance.a = ':account/balance'
GROUP BY 1 ORDER BY 3 DESC;

-- One account, every change of its balance in the last days of that year.
SELECT datom.instant(tx)::date, v AS balance
FROM datom.history('bank')
WHERE a = ':account/balance' AND added AND e = (SELECT e FROM bank WHERE a = ':account/id' AND v = '2378')
	AND datom.instant(tx) BETWEEN '1993-12-01Z' AND :'at'
ORDER BY 1;
SELECT datom.entity('bank', ':account/id', '2378');
SET datom.as_of = :'at';
SELECT datom.entity('bank', ':account/id', '2378');
