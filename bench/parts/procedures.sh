# Interest and lateness over many rows, against SQL that computes the same with
# numeric and rounds it the same way.
#
#	loan	BENCH_LOANS rows (1000000): an amount with cents, a yearly rate, two
#			dates; every other one is paid in time

# procedure WHAT SQL OTHER [REACH]: the answers are the same.
procedure() {
	same "$2" "$3"
	sql[datom]=$2
	sql[bare]=$3
	asked datom bare
	[ -z "${4:-}" ] || figure "$1, ${loans} rows" "${taken[datom]}" "${taken[bare]}" s times "$4"
	row procedures "$1" "$(number "${taken[datom]}")" "$(number "${taken[bare]}")" "$(awk -v x="${taken[datom]}" -v y="${taken[bare]}" 'BEGIN { printf "%.2f", x / y }')"
	note "$1:" "	$2" "	$3"
}

part_procedures() {
	local loans=${BENCH_LOANS:-1000000}
	psql > /dev/null <<SQL
CREATE UNLOGGED TABLE loan AS
SELECT i, (100000 + h % 9900000)::numeric * 0.01 AS amount, (h % 3000)::numeric * 0.0001 AS rate,
	date '2012-01-01' + (h % 1000)::int AS due, date '2012-01-01' + (h % 1000 + h / 1000 % 400 - 200)::int AS paid
FROM generate_series(1, $loans) i, LATERAL (SELECT hashint8extended(i, 5) & 4294967295) x (h);
VACUUM ANALYZE loan;
SELECT datom.create_calendar('calendar');
VACUUM ANALYZE calendar;
SQL
	procedure 'Simple interest' \
		"SELECT sum(datom.interest(amount, rate, due, paid, scale => 2, rounding => 'half_up')) FROM loan" \
		'SELECT sum(round(amount * rate * (paid - due) / 365, 2)) FROM loan' '<= 3'
	procedure 'Compounded interest' \
		"SELECT sum(datom.interest(amount, rate, due, paid, 'ACT/365F', 'compounded', scale => 2, rounding => 'half_up')) FROM loan" \
		'SELECT sum(round(amount * (power(1 + rate, (paid - due) / 365.0) - 1), 2)) FROM loan' '<= 3'
	# Nobody counts business days by arithmetic: weekends go by a table of days.
	procedure 'Compounded interest over business days' \
		"SELECT sum(datom.interest(amount, rate, due, paid, 'BUS/252', 'compounded', scale => 2, rounding => 'half_up', holidays => (SELECT datom.holidays('calendar', 'BR-bank')))) FROM loan" \
		"WITH h AS MATERIALIZED (SELECT unnest(datom.holidays('calendar', 'BR-bank')) AS d), day AS MATERIALIZED (SELECT d::date AS d, count(*) FILTER (WHERE extract(isodow FROM d) < 6 AND d::date NOT IN (SELECT d FROM h)) OVER (ORDER BY d ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS n FROM generate_series(timestamp '2011-01-01', '2016-12-31', '1 day') d) SELECT sum(round(amount * (power(1 + rate, (b.n - a.n) / 252.0) - 1), 2)) FROM loan JOIN day a ON a.d = due JOIN day b ON b.d = paid"
	procedure 'Lateness, five columns, in FROM' \
		'SELECT sum(days_late), sum(fine_amount), sum(mora), sum(remuneratory_amount), sum(total) FROM loan, datom.late(amount, due, paid)' \
		"$(bare_late)" '<= 3'
	procedure 'Lateness, five columns, from a subquery' \
		'SELECT sum((l).days_late), sum((l).fine_amount), sum((l).mora), sum((l).remuneratory_amount), sum((l).total) FROM (SELECT datom.late(amount, due, paid) AS l FROM loan OFFSET 0) x' \
		"$(bare_late)" '<= 3'
	procedure 'Lateness, five columns, by (late(…)).*' \
		'SELECT sum(days_late), sum(fine_amount), sum(mora), sum(remuneratory_amount), sum(total) FROM (SELECT (datom.late(amount, due, paid)).* FROM loan) x' \
		"$(bare_late)"
	psql -c 'DROP TABLE loan' -c 'DROP TABLE calendar'
}

bare_late() {
	echo 'SELECT sum(greatest(paid - due, 0)), sum(fine), sum(mora), sum(0.00), sum(amount + fine + mora + 0.00) FROM (SELECT *, CASE WHEN paid > due THEN round(amount * 0.02, 2) ELSE 0.00 END AS fine, CASE WHEN paid > due THEN round(amount * 0.01 * (paid - due) / 30, 2) ELSE 0.00 END AS mora FROM loan OFFSET 0) x'
}
