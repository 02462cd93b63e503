-- Which purchases were not paid in time? One in ten is a label, the same ones each
-- time, and each has the customer as known at the moment of the purchase.
CREATE TABLE labels AS
	SELECT c.e, p.at, p.id AS purchase, p.amount, b.paid_on > b.due OR b.paid_on IS NULL AS late
	FROM purchase p JOIN customer c ON c.id = p.customer_id JOIN bill b ON b.purchase = p.id
	WHERE datom.sample(p.e, 0.1, seed => 7);
SELECT count(*) AS labels, count(*) FILTER (WHERE late) AS late FROM labels;
SELECT purchase, late, l.city AS "city then", c.city AS "city now"
FROM datom.pit('labels', 'e', 'at', 'customer') AS l (e bigint, purchase text, late boolean, city text)
	JOIN customer c USING (e) WHERE l.city <> c.city ORDER BY purchase LIMIT 3;
