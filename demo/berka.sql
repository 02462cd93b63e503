-- The bank of the PKDD'99 challenge (Petr Berka): accounts and their owners,
-- orders, loans, cards and transactions of a Czech bank from 1993 on, in the
-- datom table bank. Run by demo/load_berka.sh in the directory of the files.
--
-- Each record is said at its own date, midnight UTC, in one transaction with
-- all else of that date:
--   account, loan, transaction, card   at the date they bear
--   disposition, order                 bear none: at the date of the account
--   client                             bears none: at the date of the account,
--                                      of the first if there are several
--   district                           bears none: at the bank's first date
-- Attributes are defined a day before the first. A reference to a record that
-- is not in the files is left out, as is whatever is blank or "?".
--
-- What changes is :account/balance: every day with a transaction leaves one.
-- The file doesn't say in which order transactions of one day came, and they
-- don't stand in it; but each has the balance after it, so the last is the one
-- whose balance no other of that day starts from ("near" it: balances are
-- rounded). The status of a loan bears no date: it is said with the loan.
--
-- What the bank abbreviates in Czech is said in English; a code that is not
-- known here is an error.
\set ON_ERROR_STOP on
\set QUIET on

BEGIN;
SET LOCAL TimeZone = 'UTC';
SET LOCAL client_min_messages = warning;
SELECT datom.create('bank', importing => true) \g /dev/null

-- ---- the files as they are ----

CREATE TEMP TABLE district (A1 bigint, A2 text, A3 text, A4 bigint, A5 bigint, A6 bigint, A7 bigint, A8 bigint,
	A9 bigint, A10 numeric, A11 numeric, A12 numeric, A13 numeric, A14 bigint, A15 bigint, A16 bigint) ON COMMIT DROP;
CREATE TEMP TABLE account (account_id bigint, district_id bigint, frequency text, date text) ON COMMIT DROP;
CREATE TEMP TABLE client (client_id bigint, birth_number text, district_id bigint) ON COMMIT DROP;
CREATE TEMP TABLE disp (disp_id bigint, client_id bigint, account_id bigint, type text) ON COMMIT DROP;
CREATE TEMP TABLE orders (order_id bigint, account_id bigint, bank_to text, account_to text, amount numeric,
	k_symbol text) ON COMMIT DROP;
CREATE TEMP TABLE loan (loan_id bigint, account_id bigint, date text, amount numeric, duration bigint,
	payments numeric, status text) ON COMMIT DROP;
CREATE TEMP TABLE card (card_id bigint, disp_id bigint, type text, issued text) ON COMMIT DROP;
CREATE TEMP TABLE trans (trans_id bigint, account_id bigint, date text, type text, operation text, amount numeric,
	balance numeric, k_symbol text, bank text, account text) ON COMMIT DROP;

\copy district FROM 'district.csv' (FORMAT csv, DELIMITER ';', HEADER, NULL '?')
\copy account FROM 'account.csv' (FORMAT csv, DELIMITER ';', HEADER)
\copy client FROM 'client.csv' (FORMAT csv, DELIMITER ';', HEADER)
\copy disp FROM 'disp.csv' (FORMAT csv, DELIMITER ';', HEADER)
\copy orders FROM 'order.csv' (FORMAT csv, DELIMITER ';', HEADER)
\copy loan FROM 'loan.csv' (FORMAT csv, DELIMITER ';', HEADER)
\copy card FROM 'card.csv' (FORMAT csv, DELIMITER ';', HEADER)
\copy trans FROM 'trans.csv' (FORMAT csv, DELIMITER ';', HEADER)

-- ---- what each record is: its entity, numbered as the files go, and its day ----

-- 930131, or 930131 00:00:00: all in the twentieth century.
CREATE FUNCTION pg_temp.day(yymmdd text) RETURNS date LANGUAGE sql IMMUTABLE STRICT AS $$
	SELECT make_date(1900 + left($1, 2)::int, substr($1, 3, 2)::int, substr($1, 5, 2)::int)
$$;

ALTER TABLE district ADD e bigint DEFAULT nextval('bank_e_seq'), ADD day date;
ALTER TABLE account ADD e bigint DEFAULT nextval('bank_e_seq'), ADD day date GENERATED ALWAYS AS (pg_temp.day(date)) STORED;
ALTER TABLE client ADD e bigint DEFAULT nextval('bank_e_seq'), ADD day date;
ALTER TABLE disp ADD e bigint DEFAULT nextval('bank_e_seq'), ADD day date;
ALTER TABLE orders ADD e bigint DEFAULT nextval('bank_e_seq'), ADD day date;
ALTER TABLE loan ADD e bigint DEFAULT nextval('bank_e_seq'), ADD day date GENERATED ALWAYS AS (pg_temp.day(date)) STORED;
ALTER TABLE card ADD e bigint DEFAULT nextval('bank_e_seq'), ADD day date GENERATED ALWAYS AS (pg_temp.day(issued)) STORED;
ALTER TABLE trans ADD e bigint DEFAULT nextval('bank_e_seq'), ADD day date GENERATED ALWAYS AS (pg_temp.day(date)) STORED;

UPDATE disp SET day = account.day FROM account WHERE account.account_id = disp.account_id;
UPDATE orders SET day = account.day FROM account WHERE account.account_id = orders.account_id;
UPDATE client SET day = d.day FROM (SELECT client_id, min(day) AS day FROM disp GROUP BY 1) d
	WHERE d.client_id = client.client_id;
CREATE TEMP TABLE bank_opens ON COMMIT DROP AS SELECT min(day) AS day FROM account;
UPDATE district SET day = o.day FROM bank_opens o;
UPDATE client SET day = o.day FROM bank_opens o WHERE client.day IS NULL;
UPDATE disp SET day = o.day FROM bank_opens o WHERE disp.day IS NULL;
UPDATE orders SET day = o.day FROM bank_opens o WHERE orders.day IS NULL;

-- ---- what the codes mean ----

CREATE TEMP TABLE code (a text, file text, meaning text, PRIMARY KEY (a, file)) ON COMMIT DROP;
INSERT INTO code VALUES
	(':account/frequency', 'POPLATEK MESICNE', 'monthly'),
	(':account/frequency', 'POPLATEK TYDNE', 'weekly'),
	(':account/frequency', 'POPLATEK PO OBRATU', 'after-transaction'),
	(':disposition/type', 'OWNER', 'owner'),
	(':disposition/type', 'DISPONENT', 'disponent'),
	(':card/type', 'junior', 'junior'),
	(':card/type', 'classic', 'classic'),
	(':card/type', 'gold', 'gold'),
	(':loan/status', 'A', 'paid'),
	(':loan/status', 'B', 'defaulted'),
	(':loan/status', 'C', 'running'),
	(':loan/status', 'D', 'in-debt'),
	(':order/symbol', 'POJISTNE', 'insurance'),
	(':order/symbol', 'SIPO', 'household'),
	(':order/symbol', 'LEASING', 'leasing'),
	(':order/symbol', 'UVER', 'loan'),
	(':transaction/type', 'PRIJEM', 'credit'),
	(':transaction/type', 'VYDAJ', 'debit'),
	(':transaction/type', 'VYBER', 'withdrawal'),
	(':transaction/operation', 'VKLAD', 'cash-credit'),
	(':transaction/operation', 'VYBER', 'cash-debit'),
	(':transaction/operation', 'VYBER KARTOU', 'card-debit'),
	(':transaction/operation', 'PREVOD Z UCTU', 'from-bank'),
	(':transaction/operation', 'PREVOD NA UCET', 'to-bank'),
	(':transaction/symbol', 'POJISTNE', 'insurance'),
	(':transaction/symbol', 'SIPO', 'household'),
	(':transaction/symbol', 'SLUZBY', 'statement'),
	(':transaction/symbol', 'UROK', 'interest'),
	(':transaction/symbol', 'SANKC. UROK', 'penalty-interest'),
	(':transaction/symbol', 'DUCHOD', 'pension'),
	(':transaction/symbol', 'UVER', 'loan');

-- A code as a value, such as :transaction.type/credit; NULL for a blank.
CREATE FUNCTION pg_temp.code(attribute text, written text) RETURNS datom.value LANGUAGE plpgsql STABLE STRICT AS $$
DECLARE
	known text := (SELECT meaning FROM code c WHERE c.a = attribute AND c.file = written);
BEGIN
	IF trim(written) = '' THEN RETURN NULL; END IF;
	IF known IS NULL THEN RAISE 'unknown code "%" for %', written, attribute; END IF;
	RETURN datom.keyword(replace(attribute, '/', '.') || '/' || known);
END
$$;

-- ---- the facts ----

CREATE TEMP TABLE fact (day date, e bigint, a datom.attribute, v datom.value) ON COMMIT DROP;

INSERT INTO fact
SELECT day, e, a, v FROM district, LATERAL (VALUES
	(':district/id'::datom.attribute, datom.value(A1)),
	(':district/name', datom.value(A2)),
	(':district/region', datom.value(A3)),
	(':district/inhabitants', datom.value(A4)),
	(':district/villages-below-500', datom.value(A5)),
	(':district/villages-below-2000', datom.value(A6)),
	(':district/towns-below-10000', datom.value(A7)),
	(':district/towns-above', datom.value(A8)),
	(':district/cities', datom.value(A9)),
	(':district/urban-ratio', datom.value(A10)),
	(':district/average-salary', datom.value(A11)),
	(':district/unemployment-1995', datom.value(A12)),
	(':district/unemployment-1996', datom.value(A13)),
	(':district/entrepreneurs', datom.value(A14)),
	(':district/crimes-1995', datom.value(A15)),
	(':district/crimes-1996', datom.value(A16))) f (a, v);

INSERT INTO fact
SELECT account.day, account.e, a, v FROM account LEFT JOIN district ON A1 = district_id, LATERAL (VALUES
	(':account/id'::datom.attribute, datom.value(account_id)),
	(':account/district', datom.ref(district.e)),
	(':account/frequency', pg_temp.code(':account/frequency', frequency)),
	(':account/opened', datom.value(account.day))) f (a, v);

-- In a woman's birth number 50 is added to the month.
INSERT INTO fact
SELECT client.day, client.e, a, v FROM client LEFT JOIN district ON A1 = district_id,
	LATERAL (SELECT substr(birth_number, 3, 2)::int) b (month), LATERAL (VALUES
	(':client/id'::datom.attribute, datom.value(client_id)),
	(':client/birthday', datom.value(make_date(1900 + left(birth_number, 2)::int, month % 50, right(birth_number, 2)::int))),
	(':client/sex', datom.keyword(CASE WHEN month > 50 THEN ':client.sex/female' ELSE ':client.sex/male' END)),
	(':client/district', datom.ref(district.e))) f (a, v);

INSERT INTO fact
SELECT disp.day, disp.e, a, v
FROM disp LEFT JOIN client USING (client_id) LEFT JOIN account USING (account_id), LATERAL (VALUES
	(':disposition/id'::datom.attribute, datom.value(disp_id)),
	(':disposition/client', datom.ref(client.e)),
	(':disposition/account', datom.ref(account.e)),
	(':disposition/type', pg_temp.code(':disposition/type', type))) f (a, v);

INSERT INTO fact
SELECT orders.day, orders.e, a, v FROM orders LEFT JOIN account USING (account_id), LATERAL (VALUES
	(':order/id'::datom.attribute, datom.value(order_id)),
	(':order/account', datom.ref(account.e)),
	(':order/to-bank', datom.value(bank_to)),
	(':order/to-account', datom.value(account_to)),
	(':order/amount', datom.value(amount)),
	(':order/symbol', pg_temp.code(':order/symbol', k_symbol))) f (a, v);

INSERT INTO fact
SELECT loan.day, loan.e, a, v FROM loan LEFT JOIN account USING (account_id), LATERAL (VALUES
	(':loan/id'::datom.attribute, datom.value(loan_id)),
	(':loan/account', datom.ref(account.e)),
	(':loan/granted', datom.value(loan.day)),
	(':loan/amount', datom.value(amount)),
	(':loan/duration', datom.value(duration)),
	(':loan/payment', datom.value(payments)),
	(':loan/status', pg_temp.code(':loan/status', status))) f (a, v);

INSERT INTO fact
SELECT card.day, card.e, a, v FROM card LEFT JOIN disp USING (disp_id), LATERAL (VALUES
	(':card/id'::datom.attribute, datom.value(card_id)),
	(':card/disposition', datom.ref(disp.e)),
	(':card/type', pg_temp.code(':card/type', card.type)),
	(':card/issued', datom.value(card.day))) f (a, v);

INSERT INTO fact
SELECT trans.day, trans.e, a, v FROM trans LEFT JOIN account USING (account_id), LATERAL (VALUES
	(':transaction/id'::datom.attribute, datom.value(trans_id)),
	(':transaction/account', datom.ref(account.e)),
	(':transaction/date', datom.value(trans.day)),
	(':transaction/type', pg_temp.code(':transaction/type', type)),
	(':transaction/operation', pg_temp.code(':transaction/operation', operation)),
	(':transaction/amount', datom.value(amount)),
	(':transaction/balance', datom.value(balance)),
	(':transaction/symbol', pg_temp.code(':transaction/symbol', k_symbol)),
	(':transaction/partner-bank', datom.value(nullif(bank, ''))),
	(':transaction/partner-account', datom.value(nullif(account, '')))) f (a, v);

-- The balance at the end of the day; of several candidates (a day may come full
-- circle) the one that stands last in the file.
CREATE INDEX ON trans (account_id, day);
ANALYZE trans;
INSERT INTO fact
SELECT DISTINCT ON (account.e, last.day) last.day, account.e, ':account/balance', datom.value(balance)
FROM trans last JOIN account USING (account_id)
ORDER BY account.e, last.day,
	EXISTS (SELECT FROM trans next WHERE next.account_id = last.account_id AND next.day = last.day AND next.e <> last.e
		AND abs(next.balance - CASE next.type WHEN 'PRIJEM' THEN 1 ELSE -1 END * next.amount - last.balance) < 0.15),
	last.e DESC;

CREATE INDEX ON fact (day);
ANALYZE fact;

-- ---- the import ----

SELECT datom.import_tx('bank', day - interval '1 day') FROM bank_opens \g /dev/null
SELECT datom.define_attribute('bank', ident, type, uniqueness => uniqueness, doc => doc)
FROM (VALUES
	(':district/id'::datom.attribute, 'long', 'identity', NULL),
	(':district/name', 'string', NULL, NULL),
	(':district/region', 'string', NULL, NULL),
	(':district/inhabitants', 'long', NULL, NULL),
	(':district/villages-below-500', 'long', NULL, 'municipalities with fewer than 500 inhabitants'),
	(':district/villages-below-2000', 'long', NULL, 'municipalities with 500 to 1999 inhabitants'),
	(':district/towns-below-10000', 'long', NULL, 'municipalities with 2000 to 9999 inhabitants'),
	(':district/towns-above', 'long', NULL, 'municipalities with 10000 inhabitants and more'),
	(':district/cities', 'long', NULL, NULL),
	(':district/urban-ratio', 'bigdec', NULL, 'percentage of inhabitants who live in towns'),
	(':district/average-salary', 'bigdec', NULL, NULL),
	(':district/unemployment-1995', 'bigdec', NULL, 'percentage'),
	(':district/unemployment-1996', 'bigdec', NULL, 'percentage'),
	(':district/entrepreneurs', 'long', NULL, 'of 1000 inhabitants'),
	(':district/crimes-1995', 'long', NULL, NULL),
	(':district/crimes-1996', 'long', NULL, NULL),
	(':account/id', 'long', 'identity', NULL),
	(':account/district', 'ref', NULL, 'of the branch'),
	(':account/frequency', 'keyword', NULL, 'when statements are issued'),
	(':account/opened', 'date', NULL, NULL),
	(':account/balance', 'bigdec', NULL, 'at the end of the last day with a transaction'),
	(':client/id', 'long', 'identity', NULL),
	(':client/birthday', 'date', NULL, NULL),
	(':client/sex', 'keyword', NULL, ':client.sex/female or male'),
	(':client/district', 'ref', NULL, 'where the client lives'),
	(':disposition/id', 'long', 'identity', 'the right of a client to dispose of an account'),
	(':disposition/client', 'ref', NULL, NULL),
	(':disposition/account', 'ref', NULL, NULL),
	(':disposition/type', 'keyword', NULL, 'only an owner may order and borrow'),
	(':order/id', 'long', 'identity', 'a standing order'),
	(':order/account', 'ref', NULL, 'who pays'),
	(':order/to-bank', 'string', NULL, NULL),
	(':order/to-account', 'string', NULL, NULL),
	(':order/amount', 'bigdec', NULL, NULL),
	(':order/symbol', 'keyword', NULL, 'what for'),
	(':loan/id', 'long', 'identity', NULL),
	(':loan/account', 'ref', NULL, NULL),
	(':loan/granted', 'date', NULL, NULL),
	(':loan/amount', 'bigdec', NULL, NULL),
	(':loan/duration', 'long', NULL, 'months'),
	(':loan/payment', 'bigdec', NULL, 'a month'),
	(':loan/status', 'keyword', NULL, 'paid or defaulted: over; running or in-debt: not over'),
	(':card/id', 'long', 'identity', NULL),
	(':card/disposition', 'ref', NULL, NULL),
	(':card/type', 'keyword', NULL, NULL),
	(':card/issued', 'date', NULL, NULL),
	(':transaction/id', 'long', 'identity', NULL),
	(':transaction/account', 'ref', NULL, NULL),
	(':transaction/date', 'date', NULL, NULL),
	(':transaction/type', 'keyword', NULL, 'credit, debit, or withdrawal: a debit too'),
	(':transaction/operation', 'keyword', NULL, NULL),
	(':transaction/amount', 'bigdec', NULL, 'never negative'),
	(':transaction/balance', 'bigdec', NULL, 'of the account, afterwards'),
	(':transaction/symbol', 'keyword', NULL, 'what for'),
	(':transaction/partner-bank', 'string', NULL, NULL),
	(':transaction/partner-account', 'string', NULL, NULL)
) definition (ident, type, uniqueness, doc) \g /dev/null

DO $$
DECLARE
	today date;
BEGIN
	FOR today IN SELECT DISTINCT day FROM fact WHERE v IS NOT NULL ORDER BY day LOOP
		PERFORM datom.import_tx('bank', today);
		INSERT INTO bank (e, a, v) SELECT e, a, v FROM fact WHERE day = today AND v IS NOT NULL;
	END LOOP;
END
$$;
SELECT datom.live('bank') \g /dev/null
COMMIT;
