-- An analyst saves a query: it is a view with a name, a history, and inputs. What
-- is to be paid for a bill is late()'s to say; one not paid yet is measured at the
-- moment in force.
SELECT datom.save_query('overdue', 'SELECT b.id, p.customer_id, b.amount, b.paid_on, l.days_late, l.fine_amount, l.mora, l.total
	FROM bill b JOIN purchase p ON p.id = b.purchase, datom.late(b.amount, b.due, b.paid_on) l
	WHERE l.days_late > 0', doc => 'Bills paid late or not yet, and what is to be paid for them', tags => '{bills}');
SELECT name, doc, inputs[1:3] AS "the first inputs" FROM datom.search_queries('late bills');

-- Another uses it. No query names a moment: the session does.
SET datom.as_of = '2013-06-30T00:00:00Z';
SELECT count(*) FILTER (WHERE paid_on IS NULL) AS unpaid, count(*) AS late, max(days_late) AS days, sum(fine_amount + mora) AS fines, sum(total) AS total FROM overdue;
SELECT * FROM overdue ORDER BY days_late DESC, id LIMIT 3;
RESET datom.as_of;

-- Can it be trusted? One expectation is met, and one was not in the middle of 2013.
SELECT datom.expect('overdue', 'more than was due', 'total > amount'), datom.expect('overdue', 'not given up', 'days_late <= 90');
SELECT expectation, rows, failures, examples[0] AS example FROM datom.check_expectations('2013-06-30T00:00:00Z');

-- It is changed, and undone; both are kept.
SELECT datom.save_query('overdue', $$SELECT * FROM bill WHERE status = ':bill.status/late'$$);
SELECT datom.undo_query('overdue');
SELECT name, version FROM datom.saved_query;

-- It is used, too.
SELECT query, role, calls, rows FROM datom.saved_query_usage;

-- Two moments in one query: who moved in the days before Christmas?
SELECT name, before.city AS from, after.city AS to
FROM datom.entities_as_of(NULL::customer, '2014-12-16T00:00:00Z') before
	JOIN datom.entities_as_of(NULL::customer, '2014-12-24T00:00:00Z') after USING (e, name)
WHERE before.city <> after.city ORDER BY e LIMIT 3;
