-- oracle.sql: what datom tables must answer, by plain SQL over a journal.
--
-- oracle.journal is an ordinary table. Whoever writes into a datom table writes
-- there, in the same transaction, what was said: a type and a text for each
-- value. oracle.commits has the order of commits. From these two alone, and
-- from the rules below, the answers are computed by window functions:
--
--	a value holds from the first transaction that asserts it, until one
--	retracts it, or asserts another where the attribute is of cardinality one
--	at that instant; asserting what holds and retracting what does not hold
--	change nothing; in one transaction an assertion beats a retraction
--
-- oracle.raw() and oracle.transact() are the writers: they know what must be
-- refused, and journal what is not.
--
-- The functions that are called most are in PL/pgSQL, which keeps their plans.
--
-- SET oracle.flaw = '...' makes the oracle break one of its rules: so that it
-- can be seen that the histories notice.

CREATE SCHEMA oracle;

CREATE TABLE oracle.commits (
	seq serial, db text, tx bigint, instant timestamptz, application text, PRIMARY KEY (db, tx)
);

CREATE FUNCTION oracle.flaw(text) RETURNS boolean LANGUAGE sql STABLE
RETURN coalesce(current_setting('oracle.flaw', true) = $1, false);

-- An instant as RFC 3339 has it: no fraction, or one of 3 or 6 digits.
CREATE FUNCTION oracle.rfc3339(at timestamptz) RETURNS text LANGUAGE sql IMMUTABLE
RETURN to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS') ||
	CASE WHEN extract(microseconds FROM at)::bigint % 1000000 = 0 THEN ''
		WHEN extract(microseconds FROM at)::bigint % 1000 = 0 THEN to_char(at, '.MS')
		ELSE to_char(at, '.US') END || 'Z';

-- A value as v::text shows it.
CREATE FUNCTION oracle.show(type text, v text) RETURNS text LANGUAGE sql IMMUTABLE
RETURN CASE type
	WHEN 'long' THEN v::bigint::text
	WHEN 'ref' THEN v::bigint::text
	WHEN 'bigdec' THEN v::numeric::text
	WHEN 'double' THEN v::float8::text
	WHEN 'boolean' THEN v::boolean::text
	WHEN 'instant' THEN oracle.rfc3339(v::timestamptz)
	WHEN 'date' THEN v::date::text
	WHEN 'uuid' THEN v::uuid::text
	WHEN 'bytes' THEN v::bytea::text
	WHEN 'json' THEN v::jsonb::text
	ELSE v END COLLATE "C";

-- A text that is the same for equal values, and for them alone.
CREATE FUNCTION oracle.key(type text, v text) RETURNS text LANGUAGE sql IMMUTABLE
RETURN CASE type
	WHEN 'bigdec' THEN trim_scale(v::numeric)::text
	WHEN 'double' THEN (v::float8 + 0)::text
	ELSE oracle.show(type, v) END COLLATE "C";

-- A value as JSON has it.
CREATE FUNCTION oracle.json(type text, v text) RETURNS jsonb LANGUAGE sql IMMUTABLE
RETURN CASE
	WHEN type = 'double' AND v::float8 NOT IN ('NaN', 'Infinity', '-Infinity') THEN to_jsonb(v::float8::numeric)
	WHEN type IN ('long', 'ref', 'bigdec') THEN to_jsonb(v::numeric)
	WHEN type = 'boolean' THEN to_jsonb(v::boolean)
	WHEN type = 'json' THEN v::jsonb
	ELSE to_jsonb(oracle.show(type, v)) END;

CREATE TABLE oracle.journal (
	n bigserial, db text, tx bigint, e bigint, a text, type text, v text, added boolean,
	shown text COLLATE "C" GENERATED ALWAYS AS (oracle.show(type, v)) STORED,
	key text COLLATE "C" GENERATED ALWAYS AS (oracle.key(type, v)) STORED
);
CREATE INDEX ON oracle.journal (db, e);

-- What each transaction says, in the end, of each value. What has not
-- committed yet comes after all that has. Equal values of one transaction are
-- shown as the one with the shortest text.
CREATE FUNCTION oracle.said(db text)
RETURNS TABLE (e bigint, a text, key text, tx bigint, at timestamptz, added boolean, type text, v text)
LANGUAGE sql STABLE ROWS 500 AS $$
	SELECT j.e, j.a, CASE WHEN oracle.flaw('scale tells numbers apart') THEN j.shown ELSE j.key END,
		j.tx, coalesce(c.instant, 'infinity'),
		CASE WHEN oracle.flaw('a retraction wins') THEN bool_and(j.added) ELSE bool_or(j.added) END,
		min(j.type),
		(array_agg(j.shown ORDER BY length(j.shown), j.shown) FILTER (WHERE j.added))[1]
	FROM oracle.journal j LEFT JOIN oracle.commits c USING (db, tx)
	WHERE j.db = $1
	GROUP BY 1, 2, 3, 4, 5
$$;

-- All facts: what holds from one transaction until another. `entities` and
-- `attributes` choose some.
CREATE FUNCTION oracle.facts(db text, entities bigint[] DEFAULT NULL, attributes text[] DEFAULT NULL)
RETURNS TABLE (e bigint, a text, key text, type text, v text, from_at timestamptz, from_tx bigint, to_at timestamptz, to_tx bigint)
LANGUAGE plpgsql STABLE ROWS 500 AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	WITH said AS MATERIALIZED (
		SELECT * FROM oracle.said($1)
	), cardinality AS MATERIALIZED (
		SELECT i.v AS a, c.at, c.v = ':db.cardinality/many' AS many
		FROM said i JOIN said c USING (e)
		WHERE i.a = ':db/ident' AND c.a = ':db/cardinality' AND c.added
	), ruled AS MATERIALIZED (
		SELECT s.*, s.a NOT LIKE ':db/%' AND (
			SELECT c.many FROM cardinality c
			WHERE c.a = s.a AND (c.at <= s.at OR oracle.flaw('cardinality is as of now'))
			ORDER BY c.at DESC LIMIT 1) AS many
		FROM said s
		WHERE ($2 IS NULL OR s.e = ANY ($2)) AND ($3 IS NULL OR s.a = ANY ($3))
	), events AS (
		SELECT e, a, key, at, tx, added, type, v FROM ruled
		UNION ALL
		SELECT s.e, s.a, other.key, s.at, s.tx, false, NULL, NULL
		FROM ruled s JOIN (SELECT DISTINCT e, a, key FROM ruled WHERE added) other USING (e, a)
		WHERE s.added AND NOT s.many AND other.key <> s.key
			AND NOT oracle.flaw('an assertion ends nothing')
	), merged AS (
		SELECT e, a, key, at, tx, bool_or(added) AS added, max(type) AS type, max(v) AS v
		FROM events GROUP BY e, a, key, at, tx
	), turns AS (
		SELECT *, coalesce(lag(added) OVER (PARTITION BY e, a, key ORDER BY at), false) AS held
		FROM merged
	), spans AS (
		SELECT *, lead(at) OVER later AS to_at, lead(tx) OVER later AS to_tx
		FROM turns
		WHERE added <> held OR (added AND oracle.flaw('what holds can begin again'))
		WINDOW later AS (PARTITION BY e, a, key ORDER BY at)
	)
	SELECT e, a, key, type, v, at, tx, to_at, to_tx FROM spans WHERE added;
END $$;

-- What holds now, of the reader's own transaction too.
CREATE FUNCTION oracle.held(db text, entities bigint[] DEFAULT NULL, attributes text[] DEFAULT NULL)
RETURNS TABLE (e bigint, a text, key text, type text, v text, tx bigint)
LANGUAGE sql STABLE ROWS 200 AS $$
	SELECT e, a, key, type, v, from_tx FROM oracle.facts($1, $2, $3) WHERE to_tx IS NULL
$$;

-- The attributes that facts such as oracle.held() define.
CREATE FUNCTION oracle.attributes(db text)
RETURNS TABLE (a text, e bigint, type text, many boolean, uniqueness text, component boolean)
LANGUAGE plpgsql STABLE ROWS 20 AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	SELECT max(v) FILTER (WHERE a = ':db/ident'), e,
		max(substr(v, 10)) FILTER (WHERE a = ':db/valueType'),
		bool_or(v = ':db.cardinality/many') FILTER (WHERE a = ':db/cardinality'),
		max(substr(v, 12)) FILTER (WHERE a = ':db/unique'),
		coalesce(bool_or(v = 'true') FILTER (WHERE a = ':db/isComponent'), false)
	FROM oracle.held($1, NULL, '{:db/ident,:db/valueType,:db/cardinality,:db/unique,:db/isComponent}')
	GROUP BY e
	UNION ALL
	VALUES (':db/ident', 0, 'keyword', false, 'identity', false), (':db/valueType', 0, 'keyword', false, NULL, false),
		(':db/cardinality', 0, 'keyword', false, NULL, false), (':db/unique', 0, 'keyword', false, NULL, false),
		(':db/index', 0, 'boolean', false, NULL, false), (':db/isComponent', 0, 'boolean', false, NULL, false),
		(':db/doc', 0, 'string', false, NULL, false);
END $$;

-- Rows that were inserted or copied, [{e, a, type, v, added}]: journals them and
-- returns NULL, or returns the SQLSTATE with which they must be refused.
CREATE FUNCTION oracle.raw(db_ text, tx_ bigint, rows_ jsonb) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
	r record;
BEGIN
	FOR r IN
		SELECT x.*, oracle.key(x.type, x.v) AS key, t.many, t.uniqueness
		FROM jsonb_array_elements(rows_) WITH ORDINALITY AS o(row, n),
			jsonb_to_record(o.row) AS x(e bigint, a text, type text, v text, added boolean)
			JOIN oracle.attributes(db_) t USING (a)
		ORDER BY o.n
	LOOP
		IF r.added AND NOT r.many AND EXISTS (
			SELECT FROM oracle.journal j
			WHERE (j.db, j.tx, j.e, j.a, j.added) = (db_, tx_, r.e, r.a, true) AND j.key <> r.key)
		THEN
			RETURN '21000';
		END IF;
		IF r.added AND r.uniqueness IS NOT NULL AND EXISTS (
			SELECT FROM oracle.held(db_, NULL, ARRAY[r.a]) h WHERE h.key = r.key AND h.e <> r.e)
		THEN
			RETURN '23505';
		END IF;
		INSERT INTO oracle.journal (db, tx, e, a, type, v, added)
			VALUES (db_, tx_, r.e, r.a, r.type, r.v, r.added);
	END LOOP;
	RETURN NULL;
END $$;

CREATE TYPE oracle.effect AS (
	e bigint, a text, key text, type text, v text, added boolean,
	held boolean,	-- asserted, and holds already
	implied boolean	-- retracted because another value is asserted
);

-- What operations of a transaction come down to, given what holds:
-- [{op: add, retract, cas or retractEntity, e, a, type, v}], entities resolved.
CREATE FUNCTION oracle.effects(db text, ops jsonb) RETURNS SETOF oracle.effect
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	WITH RECURSIVE held AS MATERIALIZED (
		SELECT * FROM oracle.held($1)
	), attr AS MATERIALIZED (
		SELECT * FROM oracle.attributes($1)
	), op AS MATERIALIZED (
		SELECT x.*, oracle.key(x.type, x.v) AS key
		FROM jsonb_to_recordset($2) AS x(op text, e bigint, a text, type text, v text)
	), gone(e) AS (
		SELECT e FROM op WHERE op = 'retractEntity'
		UNION
		SELECT h.key::bigint FROM gone JOIN held h ON h.e = gone.e JOIN attr ON attr.a = h.a
		WHERE attr.component AND h.type = 'ref'
	), said AS (
		SELECT DISTINCT ON (op.e, op.a, op.key) op.*, h.e IS NOT NULL AS held, NOT attr.many AS one
		FROM op JOIN attr ON attr.a = op.a
			LEFT JOIN held h ON (h.e, h.a, h.key) = (op.e, op.a, op.key)
		WHERE op.op IN ('add', 'cas')
		ORDER BY op.e, op.a, op.key, length(oracle.show(op.type, op.v)), oracle.show(op.type, op.v)
	), taken AS (
		SELECT h.* FROM held h JOIN op ON (op.e, op.a) = (h.e, h.a)
		WHERE op.op = 'retract' AND (op.v IS NULL OR op.key = h.key)
		UNION
		SELECT h.* FROM held h
		WHERE h.e IN (SELECT e FROM gone) OR (h.type = 'ref' AND h.key::bigint IN (SELECT e FROM gone))
	), replaced AS (
		SELECT h.* FROM held h JOIN said s ON (s.e, s.a) = (h.e, h.a) WHERE s.one AND h.key <> s.key
		EXCEPT
		SELECT * FROM taken
	)
	SELECT e, a, key, type, v, true, held, false FROM said
	UNION ALL
	SELECT e, a, key, type, v, false, false, false FROM taken
	UNION ALL
	SELECT e, a, key, type, v, false, false, true FROM replaced;
END $$;

-- The SQLSTATEs with which the operations may be refused; empty: they must not.
CREATE FUNCTION oracle.refusals(db_ text, tx_ bigint, ops jsonb, effects oracle.effect[]) RETURNS text[]
LANGUAGE sql STABLE AS $$
	WITH effect AS MATERIALIZED (
		SELECT * FROM unnest($4)
	), attr AS MATERIALIZED (
		SELECT * FROM oracle.attributes($1)
	), mine AS MATERIALIZED (
		SELECT e, a, key FROM oracle.journal WHERE db = $1 AND tx = $2 AND added
	), held AS MATERIALIZED (
		SELECT h.* FROM oracle.held($1) h
	), reason(state) AS (
		-- contradictions in the data
		SELECT '21000' FROM effect x JOIN effect y USING (e, a, key) WHERE x.added AND NOT y.added
		UNION ALL
		SELECT '21000' FROM effect x JOIN effect y USING (e, a) JOIN attr USING (a)
		WHERE x.added AND y.added AND x.key <> y.key AND NOT attr.many
		-- and with what the same transaction has said before
		UNION ALL
		SELECT '21000' FROM effect x JOIN mine USING (e, a, key) WHERE NOT x.added
		UNION ALL
		SELECT '21000' FROM effect x JOIN mine m USING (e, a) JOIN attr USING (a)
		WHERE x.added AND NOT x.held AND x.key <> m.key AND NOT attr.many
		-- values of others
		UNION ALL
		SELECT '23505' FROM effect x JOIN attr USING (a) JOIN held h USING (a, key)
		WHERE x.added AND NOT x.held AND attr.uniqueness IS NOT NULL AND h.e <> x.e
			AND NOT EXISTS (SELECT FROM effect y WHERE NOT y.added AND (y.e, y.a, y.key) = (h.e, h.a, h.key))
		UNION ALL
		SELECT '23505' FROM effect x JOIN effect y USING (a, key) JOIN attr USING (a)
		WHERE x.added AND y.added AND attr.uniqueness IS NOT NULL AND x.e <> y.e
		-- a value that is not the expected one
		UNION ALL
		SELECT '40001'
		FROM jsonb_to_recordset($3) AS op(op text, e bigint, a text, type text, old text)
			LEFT JOIN held h USING (e, a)
		WHERE op.op = 'cas' AND h.key IS DISTINCT FROM oracle.key(op.type, op.old)
		-- attributes stay defined
		UNION ALL
		SELECT '22023' FROM effect x JOIN attr ON attr.e = x.e
		WHERE NOT x.added AND NOT x.implied AND x.a IN (':db/ident', ':db/valueType', ':db/cardinality')
		-- attributes that data contradict, or that this transaction has used
		UNION ALL
		SELECT '22023' FROM effect x JOIN attr ON attr.e = x.e JOIN held h ON h.a = attr.a
		WHERE x.added AND NOT x.held AND x.a = ':db/cardinality' AND x.key = ':db.cardinality/one'
		GROUP BY h.a, h.e HAVING count(*) > 1
		UNION ALL
		SELECT '22023' FROM effect x JOIN attr ON attr.e = x.e JOIN oracle.journal j ON j.a = attr.a
		WHERE x.added AND NOT x.held AND x.a = ':db/cardinality' AND (j.db, j.tx) = ($1, $2)
		UNION ALL
		SELECT '22023' FROM effect x JOIN attr ON attr.e = x.e JOIN held h ON h.a = attr.a
		WHERE x.added AND NOT x.held AND x.a = ':db/unique'
		GROUP BY h.a, h.key HAVING count(*) > 1
	)
	SELECT coalesce(array_agg(DISTINCT state), '{}') FROM reason
$$;

-- Data given to datom.transact(): journals them, or says how they may be
-- refused. `datoms` is what datom.transact() must answer.
CREATE FUNCTION oracle.transact(db_ text, tx_ bigint, ops jsonb, OUT refusals text[], OUT datoms jsonb)
LANGUAGE plpgsql AS $$
DECLARE
	effects oracle.effect[];
BEGIN
	effects := ARRAY(SELECT x FROM oracle.effects(db_, ops) x);
	refusals := oracle.refusals(db_, tx_, ops, effects);
	IF refusals = '{}' THEN
		INSERT INTO oracle.journal (db, tx, e, a, type, v, added)
			SELECT db_, tx_, x.e, x.a, x.type, x.v, x.added FROM unnest(effects) x WHERE NOT x.held AND NOT x.implied;
		datoms := (SELECT jsonb_agg(d ORDER BY d) FROM unnest(effects) x,
			jsonb_build_array(x.e, x.a, x.type, oracle.show(x.type, x.v), tx_, x.added) d
			WHERE NOT x.held);
	END IF;
END $$;

-- ---- comparing ----
--
-- oracle.learn() computes the facts of a table, oracle.ask() what it is asked,
-- oracle.compare() and oracle.compare_now() ask and compare.

CREATE UNLOGGED TABLE oracle.fact (
	e bigint, a text, key text, type text, v text, from_at timestamptz, from_tx bigint, to_at timestamptz, to_tx bigint
);

-- Moments, some of them named by a transaction; `said` is a text for each.
CREATE UNLOGGED TABLE oracle.moment (i int PRIMARY KEY, at timestamptz, tx bigint, said text);

-- Pairs of moments, the earlier one first, and entities at moments.
CREATE UNLOGGED TABLE oracle.pair (i serial, x int, y int);
CREATE UNLOGGED TABLE oracle.entity (i int, e bigint);

CREATE FUNCTION oracle.learn(db text) RETURNS void LANGUAGE sql AS $$
	TRUNCATE oracle.fact;
	INSERT INTO oracle.fact SELECT * FROM oracle.facts($1)
$$;

-- A number for a choice, the same in each run with this seed.
CREATE FUNCTION oracle.choice(seed int, i bigint, n bigint) RETURNS bigint LANGUAGE sql IMMUTABLE
RETURN abs(hashint8extended(i, seed) % n);

-- Each commit of the table, 1 microsecond before and after; and commits of
-- other tables, unless this one is still importing.
CREATE FUNCTION oracle.ask(db text, seed int, importing boolean) RETURNS void LANGUAGE sql AS $$
	TRUNCATE oracle.moment, oracle.pair, oracle.entity RESTART IDENTITY;
	INSERT INTO oracle.moment (i, at, tx)
	SELECT row_number() OVER (ORDER BY at, tx), at, tx FROM (
		SELECT instant, tx FROM oracle.commits c
		WHERE c.db = $1 OR (NOT $3 AND tx % 3 = 0 AND tx NOT IN (SELECT tx FROM oracle.commits o WHERE o.db = $1))
		UNION
		SELECT instant + make_interval(secs => d / 1e6), NULL FROM oracle.commits c, (VALUES (-1), (1)) AS around(d)
		WHERE c.db = $1 AND NOT ($3 AND d > 0)
		UNION ALL VALUES ('1900-01-01 00:00:00Z'::timestamptz, NULL::bigint)) m(at, tx);
	UPDATE oracle.moment SET said = CASE
		WHEN tx IS NOT NULL AND oracle.choice($2, i, 2) = 0 THEN tx::text
		WHEN oracle.choice($2, i, 3) = 0 THEN to_char(at AT TIME ZONE interval '+05:30', 'YYYY-MM-DD"T"HH24:MI:SS.US') || '+05:30'
		WHEN oracle.choice($2, i, 3) = 1 THEN to_char(at AT TIME ZONE interval '-03:00', 'YYYY-MM-DD HH24:MI:SS.US') || '-03'
		ELSE oracle.rfc3339(at) END;
	INSERT INTO oracle.pair (x, y)
	SELECT i, i + oracle.choice($2, i, (SELECT max(i) FROM oracle.moment) - i + 1) FROM oracle.moment
	UNION
	SELECT i, i + 1 FROM oracle.moment WHERE i < (SELECT max(i) FROM oracle.moment) AND oracle.choice($2, i, 3) = 0;
	INSERT INTO oracle.entity
	SELECT i, e FROM oracle.moment, (
		SELECT e FROM oracle.journal j WHERE j.db = $1 UNION SELECT -tx FROM oracle.commits UNION VALUES (9999999)) all_of(e)
	WHERE oracle.choice($2, i * 1000 + e, 12) = 0;
	ANALYZE oracle.moment, oracle.pair, oracle.entity
$$;

-- Each beginning and each end; a log has them in the order of at, added.
CREATE VIEW oracle.event AS
	SELECT e, a, type, v, from_tx AS tx, true AS added, from_at AS at FROM oracle.fact
	UNION ALL
	SELECT e, a, type, v, to_tx, false, to_at FROM oracle.fact WHERE to_tx IS NOT NULL;

-- One by one: whoever reads this sets a moment for each row.
CREATE VIEW oracle.pairs AS
	SELECT p.*, x.at AS x_at, x.tx AS x_tx, x.said AS x_said, y.at AS y_at, y.tx AS y_tx, y.said AS y_said
	FROM oracle.pair p JOIN oracle.moment x ON x.i = p.x JOIN oracle.moment y ON y.i = p.y OFFSET 0;

CREATE VIEW oracle.as_of AS
	SELECT m.i, m.at, f.* FROM oracle.moment m JOIN oracle.fact f
	ON f.from_at <= m.at AND (f.to_at IS NULL OR f.to_at > m.at)
		AND NOT (oracle.flaw('as_of excludes its moment') AND f.from_at = m.at);

CREATE VIEW oracle.attribute AS
	SELECT i, max(v) FILTER (WHERE a = ':db/ident') AS a, e,
		max(substr(v, 10)) FILTER (WHERE a = ':db/valueType') AS type,
		max(substr(v, 17)) FILTER (WHERE a = ':db/cardinality') AS cardinality,
		max(substr(v, 12)) FILTER (WHERE a = ':db/unique') AS uniqueness,
		coalesce(bool_or(v::boolean) FILTER (WHERE a = ':db/index'), false) AS indexed,
		coalesce(bool_or(v::boolean) FILTER (WHERE a = ':db/isComponent'), false) AS component,
		max(v) FILTER (WHERE a = ':db/doc') AS doc
	FROM oracle.as_of WHERE a LIKE ':db/%'
	GROUP BY i, e HAVING bool_or(a = ':db/ident');

-- The values of an identity, :u/id, that any entity ever had, and one more.
CREATE VIEW oracle.name AS SELECT v FROM oracle.fact WHERE a = ':u/id' UNION VALUES ('nobody');

-- An array has no order here.
CREATE FUNCTION oracle.sorted(jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE
RETURN (SELECT jsonb_object_agg(key, CASE jsonb_typeof(value)
		WHEN 'array' THEN (SELECT jsonb_agg(x ORDER BY x) FROM jsonb_array_elements(value) x) ELSE value END)
	FROM jsonb_each($1));

CREATE FUNCTION oracle.entities(db text) RETURNS TABLE (i int, e bigint, entity jsonb) LANGUAGE sql STABLE AS $$
	WITH part(i, e, a, v) AS (
		SELECT q.i, f.e, f.a, CASE WHEN t.cardinality = 'many' THEN jsonb_agg(x ORDER BY x) ELSE jsonb_agg(x) -> 0 END
		FROM oracle.entity q JOIN oracle.as_of f ON f.i = q.i AND f.e = q.e
			LEFT JOIN oracle.attribute t ON t.i = q.i AND t.a = f.a,
			oracle.json(f.type, f.v) x
		GROUP BY q.i, f.e, f.a, t.cardinality
		UNION ALL
		SELECT q.i, q.e, told.* FROM oracle.entity q JOIN oracle.moment m USING (i)
			JOIN oracle.commits c ON c.db = $1 AND -c.tx = q.e AND c.instant <= m.at,
			LATERAL (VALUES (':db/txInstant', to_jsonb(oracle.rfc3339(c.instant))), (':db.tx/role', to_jsonb(current_user)),
				(':db.tx/application', to_jsonb(c.application))) told
	)
	SELECT q.i, q.e, oracle.sorted(jsonb_build_object(':db/id', q.e) || jsonb_object_agg(part.a, part.v) FILTER (WHERE part.a IS NOT NULL))
	FROM oracle.entity q LEFT JOIN part ON part.i = q.i AND part.e = q.e
	GROUP BY q.i, q.e
$$;

-- Asks `got` and compares with `want`, rows that begin with the number of the
-- question; returns how many questions have rows, how many differ, and a row of
-- one of these. A moment in force is no parameter that a cache would know of.
CREATE FUNCTION oracle.differ(db text, got text, want text, OUT asked bigint, OUT wrong bigint, OUT example text)
LANGUAGE plpgsql SET enable_memoize = off AS $$
BEGIN
	EXECUTE format('WITH got AS MATERIALIZED (%s), want AS MATERIALIZED (%s),
			more(i) AS (TABLE got EXCEPT ALL TABLE want), less(i) AS (TABLE want EXCEPT ALL TABLE got)
		SELECT count(DISTINCT i),
			(SELECT count(DISTINCT i) FROM (SELECT i FROM more UNION ALL SELECT i FROM less) d),
			concat((SELECT ''more '' || more::text FROM more ORDER BY i LIMIT 1), (SELECT '' less '' || less::text FROM less ORDER BY i LIMIT 1))
		FROM want', got, want)
	INTO asked, wrong, example USING db;
	PERFORM set_config('datom.as_of', '', true);
END $$;

CREATE FUNCTION oracle.compare(db text, question text DEFAULT NULL) RETURNS TABLE (what text, asked bigint, wrong bigint, example text)
LANGUAGE plpgsql AS $$
DECLARE
	-- the columns of a datom g, and what else the questions are made of
	g constant text := 'g.e, g.a::text, datom.value_type(g.v), g.v::text, g.tx, g.added';
	f constant text := 'f.e, f.a, f.type, f.v, f.from_tx, true';
	ev constant text := 'ev.e, ev.a, ev.type, ev.v, ev.tx, ev.added';
	p constant text := 'oracle.pairs p';
	named constant text := 'p.x_tx IS NOT NULL AND p.y_tx IS NOT NULL';
	-- the table, once the moment is in force
	inforce constant text := 'LATERAL (SELECT CASE WHEN set_config(''datom.as_of'', %s, true) <> '''' THEN $1::regclass END OFFSET 0) s(db)';
	s constant text := 'oracle.moment m, ' || format(inforce, 'm.said');
	diff constant text := format('SELECT p.i, f.e, f.a, f.type, f.v, f.from_tx, true
		FROM %1$s JOIN oracle.fact f ON f.from_at > p.x_at AND f.from_at <= p.y_at AND (f.to_at IS NULL OR f.to_at > p.y_at)
		WHERE %2$s AND NOT EXISTS (SELECT FROM oracle.as_of o WHERE o.i = p.x AND (o.e, o.a, o.key) = (f.e, f.a, f.key))
		UNION ALL
		SELECT p.i, f.e, f.a, f.type, f.v, f.to_tx, false
		FROM %1$s JOIN oracle.fact f ON f.from_at <= p.x_at AND f.to_at > p.x_at AND f.to_at <= p.y_at
		WHERE %2$s AND NOT EXISTS (SELECT FROM oracle.as_of o WHERE o.i = p.y AND (o.e, o.a, o.key) = (f.e, f.a, f.key))', p, '%1$s');
	q record;
BEGIN
	FOR q IN VALUES
		('as_of at an instant',
			format('SELECT m.i, %s FROM oracle.moment m, datom.as_of($1::regclass, m.at) g', g),
			format('SELECT i, %s FROM oracle.as_of f', f)),
		('as_of at a transaction',
			format('SELECT m.i, %s FROM oracle.moment m, datom.as_of($1::regclass, m.tx) g WHERE m.tx IS NOT NULL', g),
			format('SELECT i, %s FROM oracle.as_of f JOIN oracle.moment m USING (i) WHERE m.tx IS NOT NULL', f)),
		('as_of at a text',
			format('SELECT m.i, %s FROM oracle.moment m, datom.as_of($1::regclass, m.said) g', g),
			format('SELECT i, %s FROM oracle.as_of f', f)),
		('as_of in force',
			format('SELECT m.i, %s FROM %s, datom.as_of(s.db) g', g, s),
			format('SELECT i, %s FROM oracle.as_of f', f)),
		('now in force',
			format('SELECT m.i, CASE WHEN s.db IS NOT NULL THEN datom.now() END FROM %s', s),
			'SELECT i, at FROM oracle.moment'),
		('history',
			format('SELECT m.i, %s FROM %s, datom.history(s.db) g', g, s),
			format('SELECT i, %s FROM oracle.moment m JOIN oracle.event ev ON ev.at <= m.at', ev)),
		('log, all',
			format('SELECT m.i, %s FROM %s, datom.log(s.db) g', g, s),
			format('SELECT i, %s FROM oracle.moment m JOIN oracle.event ev ON ev.at <= m.at', ev)),
		('log, order',
			format('SELECT m.i, string_agg(g.tx || g.added::text, '','' ORDER BY ordinality) FROM %s, datom.log(s.db) WITH ORDINALITY g GROUP BY m.i', s),
			'SELECT i, string_agg(ev.tx || ev.added::text, '','' ORDER BY ev.at, ev.added) FROM oracle.moment m JOIN oracle.event ev ON ev.at <= m.at GROUP BY i'),
		('log from an instant',
			format('SELECT m.i, %s FROM oracle.moment m, datom.log($1::regclass, m.at) g', g),
			format('SELECT i, %s FROM oracle.moment m JOIN oracle.event ev ON ev.at >= m.at', ev)),
		('log between instants',
			format('SELECT p.i, %s FROM %s, datom.log($1::regclass, p.x_at, p.y_at) g', g, p),
			format('SELECT p.i, %s FROM %s JOIN oracle.event ev ON ev.at >= p.x_at AND ev.at < p.y_at', ev, p)),
		('log between transactions',
			format('SELECT p.i, %s FROM %s, datom.log($1::regclass, p.x_tx, p.y_tx) g WHERE %s', g, p, named),
			format('SELECT p.i, %s FROM %s JOIN oracle.event ev ON ev.at >= p.x_at AND ev.at < p.y_at WHERE %s', ev, p, named)),
		('log between texts',
			format('SELECT p.i, %s FROM %s, datom.log($1::regclass, p.x_said, p.y_said) g', g, p),
			format('SELECT p.i, %s FROM %s JOIN oracle.event ev ON ev.at >= p.x_at AND ev.at < p.y_at', ev, p)),
		('since an instant',
			format('SELECT m.i, %s FROM oracle.moment m, datom.since($1::regclass, m.at) g', g),
			format('SELECT i, %s FROM oracle.moment m JOIN oracle.fact f ON f.from_at > m.at AND f.to_tx IS NULL', f)),
		('since a transaction',
			format('SELECT m.i, %s FROM oracle.moment m, datom.since($1::regclass, m.tx) g WHERE m.tx IS NOT NULL', g),
			format('SELECT i, %s FROM oracle.moment m JOIN oracle.fact f ON f.from_at > m.at AND f.to_tx IS NULL WHERE m.tx IS NOT NULL', f)),
		('since, until the moment in force',
			format('SELECT p.i, %s FROM %s, %s, datom.since(s.db, p.x_said) g', g, p, format(inforce, 'p.y_said')),
			format('SELECT p.i, %s FROM %s JOIN oracle.as_of f ON f.i = p.y AND f.from_at > p.x_at', f, p)),
		('diff of instants',
			format('SELECT p.i, %s FROM %s, datom.diff($1::regclass, p.x_at, p.y_at) g', g, p), format(diff, 'true')),
		('diff of transactions',
			format('SELECT p.i, %s FROM %s, datom.diff($1::regclass, p.x_tx, p.y_tx) g WHERE %s', g, p, named), format(diff, named)),
		('diff of texts',
			format('SELECT p.i, %s FROM %s, datom.diff($1::regclass, p.x_said, p.y_said) g', g, p), format(diff, 'true')),
		('attributes',
			format('SELECT m.i, g.ident::text, g.e, g.value_type, g.cardinality, g.uniqueness, g.indexed, g.is_component, g.doc FROM %s, datom.attributes(s.db) g', s),
			'SELECT i, a, e, type, cardinality, uniqueness, indexed, component, doc FROM oracle.attribute'),
		('entity',
			format('SELECT m.i, q.* FROM %s, LATERAL (SELECT q.e, oracle.sorted(datom.entity(s.db, q.e)) FROM oracle.entity q WHERE q.i = m.i OFFSET 0) q', s),
			'SELECT * FROM oracle.entities($1)'),
		('entity by a unique value',
			format('SELECT m.i, q.* FROM %s, LATERAL (SELECT u.v, datom.entity(s.db, '':u/id'', u.v::datom.value) -> '':db/id'' FROM oracle.name u OFFSET 0) q', s),
			'SELECT m.i, u.v, to_jsonb(f.e) FROM oracle.moment m CROSS JOIN oracle.name u
				LEFT JOIN oracle.as_of f ON (f.i, f.a, f.v) = (m.i, '':u/id'', u.v)')
	LOOP
		CONTINUE WHEN q.column1 <> question;
		what := q.column1;
		SELECT d.* INTO asked, wrong, example FROM oracle.differ(db, q.column2, q.column3) d;
		RETURN NEXT;
	END LOOP;
END $$;

-- The same without a moment: what a transaction sees, its own facts too.
CREATE FUNCTION oracle.compare_now(db text) RETURNS TABLE (what text, asked bigint, wrong bigint, example text)
LANGUAGE plpgsql AS $$
DECLARE
	g constant text := '0 AS i, g.e, g.a::text, datom.value_type(g.v), g.v::text, g.tx, g.added';
	q record;
BEGIN
	PERFORM oracle.learn(db);
	TRUNCATE oracle.moment, oracle.entity;
	INSERT INTO oracle.moment VALUES (0, 'infinity');
	INSERT INTO oracle.entity SELECT DISTINCT 0, e FROM oracle.journal j WHERE j.db = $1 AND e > 0;
	-- Transactions too, where none is the reader's own; and those that come next.
	IF current_setting('transaction_isolation') = 'repeatable read' THEN
		INSERT INTO oracle.entity SELECT DISTINCT 0, -tx - next FROM oracle.commits, generate_series(0, 3) next;
	END IF;
	FOR q IN VALUES
		('as_of', format('SELECT %s FROM datom.as_of($1::regclass) g', g),
			'SELECT 0 AS i, e, a, type, v, from_tx, true FROM oracle.as_of'),
		('history', format('SELECT %s FROM datom.history($1::regclass) g', g),
			'SELECT 0 AS i, e, a, type, v, tx, added FROM oracle.event'),
		('log', format('SELECT %s FROM datom.log($1::regclass) g', g),
			'SELECT 0 AS i, e, a, type, v, tx, added FROM oracle.event'),
		('log, order',
			'SELECT 0 AS i, string_agg(g.tx || g.added::text, '','' ORDER BY ordinality) FROM datom.log($1::regclass) WITH ORDINALITY g',
			'SELECT 0 AS i, string_agg(tx || added::text, '','' ORDER BY at, added) FROM oracle.event'),
		('attributes',
			'SELECT 0 AS i, g.ident::text, g.e, g.value_type, g.cardinality, g.uniqueness, g.indexed, g.is_component, g.doc FROM datom.attributes($1::regclass) g',
			'SELECT i, a, e, type, cardinality, uniqueness, indexed, component, doc FROM oracle.attribute'),
		('entity', 'SELECT 0 AS i, q.e, oracle.sorted(datom.entity($1::regclass, q.e)) FROM oracle.entity q',
			'SELECT * FROM oracle.entities($1)')
	LOOP
		what := q.column1;
		SELECT d.* INTO asked, wrong, example FROM oracle.differ(db, q.column2, q.column3) d;
		RETURN NEXT;
	END LOOP;
END $$;
