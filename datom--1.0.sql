-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION datom" to load this file. \quit

-- What somebody has put into the schema, or whoever owns it may put there,
-- would be called in place of what is meant.
DO $$
BEGIN
	IF EXISTS (SELECT FROM pg_catalog.pg_depend
		WHERE refclassid = 'pg_catalog.pg_namespace'::pg_catalog.regclass
			AND refobjid = 'datom'::pg_catalog.regnamespace AND deptype = 'n'
			AND classid <> 'pg_catalog.pg_extension'::pg_catalog.regclass)
		OR NOT (SELECT r.rolsuper FROM pg_catalog.pg_namespace n
			JOIN pg_catalog.pg_roles r ON r.oid = n.nspowner WHERE n.nspname = 'datom')
	THEN
		RAISE EXCEPTION 'schema "datom" is not empty, or belongs to somebody else'
			USING ERRCODE = 'duplicate_schema', HINT = 'Drop the schema first.';
	END IF;
	-- EDN is UTF-8, and so are the values read from it.
	IF pg_catalog.getdatabaseencoding() NOT IN ('UTF8', 'SQL_ASCII') THEN
		RAISE EXCEPTION 'the encoding of the database is "%", and must be "UTF8"', pg_catalog.getdatabaseencoding()
			USING ERRCODE = 'feature_not_supported';
	END IF;
END $$;

-- ---- datom.attribute: a keyword that names an attribute ----

CREATE TYPE datom.attribute;

CREATE FUNCTION datom.attribute_in(cstring) RETURNS datom.attribute
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'datom_attribute_in';
COMMENT ON FUNCTION datom.attribute_in(cstring) IS 'I/O';

CREATE FUNCTION datom.attribute_out(datom.attribute) RETURNS cstring
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'datom_attribute_out';
COMMENT ON FUNCTION datom.attribute_out(datom.attribute) IS 'I/O';

CREATE FUNCTION datom.attribute_recv(internal) RETURNS datom.attribute
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'datom_attribute_recv';
COMMENT ON FUNCTION datom.attribute_recv(internal) IS 'I/O';

CREATE FUNCTION datom.attribute_send(datom.attribute) RETURNS bytea
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'datom_attribute_send';
COMMENT ON FUNCTION datom.attribute_send(datom.attribute) IS 'I/O';

CREATE TYPE datom.attribute (
	INPUT = datom.attribute_in,
	OUTPUT = datom.attribute_out,
	RECEIVE = datom.attribute_recv,
	SEND = datom.attribute_send,
	INTERNALLENGTH = VARIABLE,
	ALIGNMENT = int4,
	STORAGE = extended,
	CATEGORY = 'S'
);
COMMENT ON TYPE datom.attribute IS 'name of an attribute: a keyword such as :person/name';

CREATE FUNCTION datom.attribute(text) RETURNS datom.attribute
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'datom_attribute_from_text';
COMMENT ON FUNCTION datom.attribute(text) IS 'convert text to attribute';

CREATE CAST (datom.attribute AS text) WITHOUT FUNCTION AS IMPLICIT;
COMMENT ON CAST (datom.attribute AS text) IS 'an attribute is its text';

CREATE CAST (text AS datom.attribute) WITH FUNCTION datom.attribute(text);
COMMENT ON CAST (text AS datom.attribute) IS 'if the text is a keyword';

CREATE FUNCTION datom.attribute_eq(datom.attribute, datom.attribute) RETURNS boolean
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'datom_attribute_eq';
COMMENT ON FUNCTION datom.attribute_eq(datom.attribute, datom.attribute) IS 'implementation of = operator';

CREATE FUNCTION datom.attribute_ne(datom.attribute, datom.attribute) RETURNS boolean
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'datom_attribute_ne';
COMMENT ON FUNCTION datom.attribute_ne(datom.attribute, datom.attribute) IS 'implementation of <> operator';

CREATE FUNCTION datom.attribute_lt(datom.attribute, datom.attribute) RETURNS boolean
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'datom_attribute_lt';
COMMENT ON FUNCTION datom.attribute_lt(datom.attribute, datom.attribute) IS 'implementation of < operator';

CREATE FUNCTION datom.attribute_le(datom.attribute, datom.attribute) RETURNS boolean
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'datom_attribute_le';
COMMENT ON FUNCTION datom.attribute_le(datom.attribute, datom.attribute) IS 'implementation of <= operator';

CREATE FUNCTION datom.attribute_gt(datom.attribute, datom.attribute) RETURNS boolean
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'datom_attribute_gt';
COMMENT ON FUNCTION datom.attribute_gt(datom.attribute, datom.attribute) IS 'implementation of > operator';

CREATE FUNCTION datom.attribute_ge(datom.attribute, datom.attribute) RETURNS boolean
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'datom_attribute_ge';
COMMENT ON FUNCTION datom.attribute_ge(datom.attribute, datom.attribute) IS 'implementation of >= operator';

CREATE FUNCTION datom.attribute_cmp(datom.attribute, datom.attribute) RETURNS integer
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'datom_attribute_cmp';
COMMENT ON FUNCTION datom.attribute_cmp(datom.attribute, datom.attribute) IS 'less-equal-greater: -1, 0 or 1';

CREATE FUNCTION datom.attribute_sortsupport(internal) RETURNS void
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'datom_attribute_sortsupport';
COMMENT ON FUNCTION datom.attribute_sortsupport(internal) IS 'sort support';

CREATE FUNCTION datom.attribute_hash(datom.attribute) RETURNS integer
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'datom_attribute_hash';
COMMENT ON FUNCTION datom.attribute_hash(datom.attribute) IS 'hash: the same for equal attributes, and for ever';

CREATE FUNCTION datom.attribute_hash_extended(datom.attribute, bigint) RETURNS bigint
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'datom_attribute_hash_extended';
COMMENT ON FUNCTION datom.attribute_hash_extended(datom.attribute, bigint) IS '64-bit hash with a seed';

CREATE OPERATOR pg_catalog.= (
	LEFTARG = datom.attribute, RIGHTARG = datom.attribute, FUNCTION = datom.attribute_eq,
	COMMUTATOR = OPERATOR(pg_catalog.=), NEGATOR = OPERATOR(pg_catalog.<>), RESTRICT = eqsel, JOIN = eqjoinsel, HASHES, MERGES
);
COMMENT ON OPERATOR pg_catalog.= (datom.attribute, datom.attribute) IS 'equal';

CREATE OPERATOR pg_catalog.<> (
	LEFTARG = datom.attribute, RIGHTARG = datom.attribute, FUNCTION = datom.attribute_ne,
	COMMUTATOR = OPERATOR(pg_catalog.<>), NEGATOR = OPERATOR(pg_catalog.=), RESTRICT = neqsel, JOIN = neqjoinsel
);
COMMENT ON OPERATOR pg_catalog.<> (datom.attribute, datom.attribute) IS 'not equal';

CREATE OPERATOR pg_catalog.< (
	LEFTARG = datom.attribute, RIGHTARG = datom.attribute, FUNCTION = datom.attribute_lt,
	COMMUTATOR = OPERATOR(pg_catalog.>), NEGATOR = OPERATOR(pg_catalog.>=), RESTRICT = scalarltsel, JOIN = scalarltjoinsel
);
COMMENT ON OPERATOR pg_catalog.< (datom.attribute, datom.attribute) IS 'less than';

CREATE OPERATOR pg_catalog.<= (
	LEFTARG = datom.attribute, RIGHTARG = datom.attribute, FUNCTION = datom.attribute_le,
	COMMUTATOR = OPERATOR(pg_catalog.>=), NEGATOR = OPERATOR(pg_catalog.>), RESTRICT = scalarlesel, JOIN = scalarlejoinsel
);
COMMENT ON OPERATOR pg_catalog.<= (datom.attribute, datom.attribute) IS 'less than or equal';

CREATE OPERATOR pg_catalog.> (
	LEFTARG = datom.attribute, RIGHTARG = datom.attribute, FUNCTION = datom.attribute_gt,
	COMMUTATOR = OPERATOR(pg_catalog.<), NEGATOR = OPERATOR(pg_catalog.<=), RESTRICT = scalargtsel, JOIN = scalargtjoinsel
);
COMMENT ON OPERATOR pg_catalog.> (datom.attribute, datom.attribute) IS 'greater than';

CREATE OPERATOR pg_catalog.>= (
	LEFTARG = datom.attribute, RIGHTARG = datom.attribute, FUNCTION = datom.attribute_ge,
	COMMUTATOR = OPERATOR(pg_catalog.<=), NEGATOR = OPERATOR(pg_catalog.<), RESTRICT = scalargesel, JOIN = scalargejoinsel
);
COMMENT ON OPERATOR pg_catalog.>= (datom.attribute, datom.attribute) IS 'greater than or equal';

CREATE OPERATOR CLASS datom.attribute_ops DEFAULT FOR TYPE datom.attribute USING btree AS
	OPERATOR 1 pg_catalog.<, OPERATOR 2 pg_catalog.<=, OPERATOR 3 pg_catalog.=, OPERATOR 4 pg_catalog.>=, OPERATOR 5 pg_catalog.>,
	FUNCTION 1 datom.attribute_cmp(datom.attribute, datom.attribute),
	FUNCTION 2 datom.attribute_sortsupport(internal),
	FUNCTION 4 pg_catalog.btequalimage(oid);
COMMENT ON OPERATOR CLASS datom.attribute_ops USING btree IS 'bytewise order of attributes';
COMMENT ON OPERATOR FAMILY datom.attribute_ops USING btree IS 'order of type datom.attribute';

CREATE OPERATOR CLASS datom.attribute_ops DEFAULT FOR TYPE datom.attribute USING hash AS
	OPERATOR 1 pg_catalog.=,
	FUNCTION 1 datom.attribute_hash(datom.attribute),
	FUNCTION 2 datom.attribute_hash_extended(datom.attribute, bigint);
COMMENT ON OPERATOR CLASS datom.attribute_ops USING hash IS 'equality of attributes';
COMMENT ON OPERATOR FAMILY datom.attribute_ops USING hash IS 'equality of type datom.attribute';


-- ---- datom.value: a value of any kind ----

CREATE TYPE datom.value;

CREATE FUNCTION datom.value_in(cstring) RETURNS datom.value
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'datom_value_in';
COMMENT ON FUNCTION datom.value_in(cstring) IS 'I/O';

CREATE FUNCTION datom.value_out(datom.value) RETURNS cstring
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'datom_value_out';
COMMENT ON FUNCTION datom.value_out(datom.value) IS 'I/O';

CREATE FUNCTION datom.value_recv(internal) RETURNS datom.value
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'datom_value_recv';
COMMENT ON FUNCTION datom.value_recv(internal) IS 'I/O';

CREATE FUNCTION datom.value_send(datom.value) RETURNS bytea
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'datom_value_send';
COMMENT ON FUNCTION datom.value_send(datom.value) IS 'I/O';

CREATE TYPE datom.value (
	INPUT = datom.value_in,
	OUTPUT = datom.value_out,
	RECEIVE = datom.value_recv,
	SEND = datom.value_send,
	INTERNALLENGTH = VARIABLE,
	ALIGNMENT = int4,
	STORAGE = extended
);
COMMENT ON TYPE datom.value IS 'a value of one of twelve kinds: string, long, double, bigdec, boolean, instant, date, uuid, keyword, ref, bytes, json';

CREATE FUNCTION datom.value_type(datom.value) RETURNS text
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'datom_value_type';
COMMENT ON FUNCTION datom.value_type(datom.value) IS 'name of the kind of value: string, long, ...';

CREATE FUNCTION datom.ref(bigint) RETURNS datom.value
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'datom_ref';
COMMENT ON FUNCTION datom.ref(bigint) IS 'reference to an entity';

CREATE FUNCTION datom.keyword(text) RETURNS datom.value
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'datom_keyword';
COMMENT ON FUNCTION datom.keyword(text) IS 'keyword, given with its colon';

CREATE FUNCTION datom.value_eq(datom.value, datom.value) RETURNS boolean
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'datom_value_eq';
COMMENT ON FUNCTION datom.value_eq(datom.value, datom.value) IS 'implementation of = operator';

CREATE FUNCTION datom.value_ne(datom.value, datom.value) RETURNS boolean
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'datom_value_ne';
COMMENT ON FUNCTION datom.value_ne(datom.value, datom.value) IS 'implementation of <> operator';

CREATE FUNCTION datom.value_lt(datom.value, datom.value) RETURNS boolean
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'datom_value_lt';
COMMENT ON FUNCTION datom.value_lt(datom.value, datom.value) IS 'implementation of < operator';

CREATE FUNCTION datom.value_le(datom.value, datom.value) RETURNS boolean
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'datom_value_le';
COMMENT ON FUNCTION datom.value_le(datom.value, datom.value) IS 'implementation of <= operator';

CREATE FUNCTION datom.value_gt(datom.value, datom.value) RETURNS boolean
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'datom_value_gt';
COMMENT ON FUNCTION datom.value_gt(datom.value, datom.value) IS 'implementation of > operator';

CREATE FUNCTION datom.value_ge(datom.value, datom.value) RETURNS boolean
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'datom_value_ge';
COMMENT ON FUNCTION datom.value_ge(datom.value, datom.value) IS 'implementation of >= operator';

CREATE FUNCTION datom.value_cmp(datom.value, datom.value) RETURNS integer
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'datom_value_cmp_sql';
COMMENT ON FUNCTION datom.value_cmp(datom.value, datom.value) IS 'less-equal-greater: -1, 0 or 1';

CREATE FUNCTION datom.value_sortsupport(internal) RETURNS void
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'datom_value_sortsupport';
COMMENT ON FUNCTION datom.value_sortsupport(internal) IS 'sort support';

CREATE FUNCTION datom.value_hash(datom.value) RETURNS integer
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'datom_value_hash_sql';
COMMENT ON FUNCTION datom.value_hash(datom.value) IS 'hash: the same for equal values, and for ever';

CREATE FUNCTION datom.value_hash_extended(datom.value, bigint) RETURNS bigint
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'datom_value_hash_extended';
COMMENT ON FUNCTION datom.value_hash_extended(datom.value, bigint) IS '64-bit hash with a seed';

CREATE OPERATOR pg_catalog.= (
	LEFTARG = datom.value, RIGHTARG = datom.value, FUNCTION = datom.value_eq,
	COMMUTATOR = OPERATOR(pg_catalog.=), NEGATOR = OPERATOR(pg_catalog.<>), RESTRICT = eqsel, JOIN = eqjoinsel, HASHES, MERGES
);
COMMENT ON OPERATOR pg_catalog.= (datom.value, datom.value) IS 'equal';

CREATE OPERATOR pg_catalog.<> (
	LEFTARG = datom.value, RIGHTARG = datom.value, FUNCTION = datom.value_ne,
	COMMUTATOR = OPERATOR(pg_catalog.<>), NEGATOR = OPERATOR(pg_catalog.=), RESTRICT = neqsel, JOIN = neqjoinsel
);
COMMENT ON OPERATOR pg_catalog.<> (datom.value, datom.value) IS 'not equal';

CREATE OPERATOR pg_catalog.< (
	LEFTARG = datom.value, RIGHTARG = datom.value, FUNCTION = datom.value_lt,
	COMMUTATOR = OPERATOR(pg_catalog.>), NEGATOR = OPERATOR(pg_catalog.>=), RESTRICT = scalarltsel, JOIN = scalarltjoinsel
);
COMMENT ON OPERATOR pg_catalog.< (datom.value, datom.value) IS 'less than';

CREATE OPERATOR pg_catalog.<= (
	LEFTARG = datom.value, RIGHTARG = datom.value, FUNCTION = datom.value_le,
	COMMUTATOR = OPERATOR(pg_catalog.>=), NEGATOR = OPERATOR(pg_catalog.>), RESTRICT = scalarlesel, JOIN = scalarlejoinsel
);
COMMENT ON OPERATOR pg_catalog.<= (datom.value, datom.value) IS 'less than or equal';

CREATE OPERATOR pg_catalog.> (
	LEFTARG = datom.value, RIGHTARG = datom.value, FUNCTION = datom.value_gt,
	COMMUTATOR = OPERATOR(pg_catalog.<), NEGATOR = OPERATOR(pg_catalog.<=), RESTRICT = scalargtsel, JOIN = scalargtjoinsel
);
COMMENT ON OPERATOR pg_catalog.> (datom.value, datom.value) IS 'greater than';

CREATE OPERATOR pg_catalog.>= (
	LEFTARG = datom.value, RIGHTARG = datom.value, FUNCTION = datom.value_ge,
	COMMUTATOR = OPERATOR(pg_catalog.<=), NEGATOR = OPERATOR(pg_catalog.<), RESTRICT = scalargesel, JOIN = scalargejoinsel
);
COMMENT ON OPERATOR pg_catalog.>= (datom.value, datom.value) IS 'greater than or equal';

CREATE OPERATOR CLASS datom.value_ops DEFAULT FOR TYPE datom.value USING btree AS
	OPERATOR 1 pg_catalog.<, OPERATOR 2 pg_catalog.<=, OPERATOR 3 pg_catalog.=, OPERATOR 4 pg_catalog.>=, OPERATOR 5 pg_catalog.>,
	FUNCTION 1 datom.value_cmp(datom.value, datom.value),
	FUNCTION 2 datom.value_sortsupport(internal);
COMMENT ON OPERATOR CLASS datom.value_ops USING btree IS 'one total order over values of all kinds';
COMMENT ON OPERATOR FAMILY datom.value_ops USING btree IS 'order of type datom.value';

CREATE OPERATOR CLASS datom.value_ops DEFAULT FOR TYPE datom.value USING hash AS
	OPERATOR 1 pg_catalog.=,
	FUNCTION 1 datom.value_hash(datom.value),
	FUNCTION 2 datom.value_hash_extended(datom.value, bigint);
COMMENT ON OPERATOR CLASS datom.value_ops USING hash IS 'equality of values';
COMMENT ON OPERATOR FAMILY datom.value_ops USING hash IS 'equality of type datom.value';


-- ---- casts to datom.value keep the type as the kind ----

CREATE FUNCTION datom.value(text) RETURNS datom.value
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'datom_value_from_text';
COMMENT ON FUNCTION datom.value(text) IS 'convert text to value of kind string';

CREATE FUNCTION datom.value(bpchar) RETURNS datom.value
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'datom_value_from_bpchar';
COMMENT ON FUNCTION datom.value(bpchar) IS 'convert bpchar to value of kind string';

CREATE FUNCTION datom.value(smallint) RETURNS datom.value
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'datom_value_from_int2';
COMMENT ON FUNCTION datom.value(smallint) IS 'convert smallint to value of kind long';

CREATE FUNCTION datom.value(integer) RETURNS datom.value
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'datom_value_from_int4';
COMMENT ON FUNCTION datom.value(integer) IS 'convert integer to value of kind long';

CREATE FUNCTION datom.value(bigint) RETURNS datom.value
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'datom_value_from_int8';
COMMENT ON FUNCTION datom.value(bigint) IS 'convert bigint to value of kind long';

CREATE FUNCTION datom.value(real) RETURNS datom.value
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'datom_value_from_float4';
COMMENT ON FUNCTION datom.value(real) IS 'convert real to value of kind double';

CREATE FUNCTION datom.value(double precision) RETURNS datom.value
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'datom_value_from_float8';
COMMENT ON FUNCTION datom.value(double precision) IS 'convert double precision to value of kind double';

CREATE FUNCTION datom.value(numeric) RETURNS datom.value
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'datom_value_from_numeric';
COMMENT ON FUNCTION datom.value(numeric) IS 'convert numeric to value of kind bigdec';

CREATE FUNCTION datom.value(boolean) RETURNS datom.value
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'datom_value_from_bool';
COMMENT ON FUNCTION datom.value(boolean) IS 'convert boolean to value of kind boolean';

CREATE FUNCTION datom.value(timestamptz) RETURNS datom.value
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'datom_value_from_timestamptz';
COMMENT ON FUNCTION datom.value(timestamptz) IS 'convert timestamptz to value of kind instant';

CREATE FUNCTION datom.value(date) RETURNS datom.value
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'datom_value_from_date';
COMMENT ON FUNCTION datom.value(date) IS 'convert date to value of kind date';

CREATE FUNCTION datom.value(uuid) RETURNS datom.value
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'datom_value_from_uuid';
COMMENT ON FUNCTION datom.value(uuid) IS 'convert uuid to value of kind uuid';

CREATE FUNCTION datom.value(bytea) RETURNS datom.value
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'datom_value_from_bytea';
COMMENT ON FUNCTION datom.value(bytea) IS 'convert bytea to value of kind bytes';

CREATE FUNCTION datom.value(jsonb) RETURNS datom.value
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'datom_value_from_jsonb';
COMMENT ON FUNCTION datom.value(jsonb) IS 'convert jsonb to value of kind json';

CREATE FUNCTION datom.value(json) RETURNS datom.value
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'datom_value_from_json';
COMMENT ON FUNCTION datom.value(json) IS 'convert json to value of kind json';

CREATE FUNCTION datom.value(datom.attribute) RETURNS datom.value
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'datom_value_from_attribute';
COMMENT ON FUNCTION datom.value(datom.attribute) IS 'convert attribute to value of kind keyword';

CREATE CAST (text AS datom.value) WITH FUNCTION datom.value(text) AS ASSIGNMENT;
COMMENT ON CAST (text AS datom.value) IS 'as a value of kind string';
CREATE CAST (varchar AS datom.value) WITH FUNCTION datom.value(text) AS ASSIGNMENT;
COMMENT ON CAST (varchar AS datom.value) IS 'as a value of kind string';
CREATE CAST (bpchar AS datom.value) WITH FUNCTION datom.value(bpchar) AS ASSIGNMENT;
COMMENT ON CAST (bpchar AS datom.value) IS 'as a value of kind string';
CREATE CAST (smallint AS datom.value) WITH FUNCTION datom.value(smallint) AS ASSIGNMENT;
COMMENT ON CAST (smallint AS datom.value) IS 'as a value of kind long';
CREATE CAST (integer AS datom.value) WITH FUNCTION datom.value(integer) AS ASSIGNMENT;
COMMENT ON CAST (integer AS datom.value) IS 'as a value of kind long';
CREATE CAST (bigint AS datom.value) WITH FUNCTION datom.value(bigint) AS ASSIGNMENT;
COMMENT ON CAST (bigint AS datom.value) IS 'as a value of kind long';
CREATE CAST (real AS datom.value) WITH FUNCTION datom.value(real) AS ASSIGNMENT;
COMMENT ON CAST (real AS datom.value) IS 'as a value of kind double';
CREATE CAST (double precision AS datom.value) WITH FUNCTION datom.value(double precision) AS ASSIGNMENT;
COMMENT ON CAST (double precision AS datom.value) IS 'as a value of kind double';
CREATE CAST (numeric AS datom.value) WITH FUNCTION datom.value(numeric) AS ASSIGNMENT;
COMMENT ON CAST (numeric AS datom.value) IS 'as a value of kind bigdec';
CREATE CAST (boolean AS datom.value) WITH FUNCTION datom.value(boolean) AS ASSIGNMENT;
COMMENT ON CAST (boolean AS datom.value) IS 'as a value of kind boolean';
CREATE CAST (timestamptz AS datom.value) WITH FUNCTION datom.value(timestamptz) AS ASSIGNMENT;
COMMENT ON CAST (timestamptz AS datom.value) IS 'as a value of kind instant';
CREATE CAST (date AS datom.value) WITH FUNCTION datom.value(date) AS ASSIGNMENT;
COMMENT ON CAST (date AS datom.value) IS 'as a value of kind date';
CREATE CAST (uuid AS datom.value) WITH FUNCTION datom.value(uuid) AS ASSIGNMENT;
COMMENT ON CAST (uuid AS datom.value) IS 'as a value of kind uuid';
CREATE CAST (bytea AS datom.value) WITH FUNCTION datom.value(bytea) AS ASSIGNMENT;
COMMENT ON CAST (bytea AS datom.value) IS 'as a value of kind bytes';
CREATE CAST (jsonb AS datom.value) WITH FUNCTION datom.value(jsonb) AS ASSIGNMENT;
COMMENT ON CAST (jsonb AS datom.value) IS 'as a value of kind json';
CREATE CAST (json AS datom.value) WITH FUNCTION datom.value(json) AS ASSIGNMENT;
COMMENT ON CAST (json AS datom.value) IS 'as a value of kind json';
CREATE CAST (datom.attribute AS datom.value) WITH FUNCTION datom.value(datom.attribute) AS ASSIGNMENT;
COMMENT ON CAST (datom.attribute AS datom.value) IS 'as a value of kind keyword';

-- ---- casts from datom.value want their own kind ----

CREATE FUNCTION datom.value_to_text(datom.value) RETURNS text
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'datom_value_to_text';
COMMENT ON FUNCTION datom.value_to_text(datom.value) IS 'text of any kind of value; a string as it is';

CREATE FUNCTION datom.value_to_int2(datom.value) RETURNS smallint
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'datom_value_to_int2';
COMMENT ON FUNCTION datom.value_to_int2(datom.value) IS 'convert value of kind long or ref to smallint';

CREATE FUNCTION datom.value_to_int4(datom.value) RETURNS integer
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'datom_value_to_int4';
COMMENT ON FUNCTION datom.value_to_int4(datom.value) IS 'convert value of kind long or ref to integer';

CREATE FUNCTION datom.value_to_int8(datom.value) RETURNS bigint
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'datom_value_to_int8';
COMMENT ON FUNCTION datom.value_to_int8(datom.value) IS 'convert value of kind long or ref to bigint';

CREATE FUNCTION datom.value_to_numeric(datom.value) RETURNS numeric
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'datom_value_to_numeric';
COMMENT ON FUNCTION datom.value_to_numeric(datom.value) IS 'convert value of kind long, bigdec or double to numeric';

CREATE FUNCTION datom.value_to_float8(datom.value) RETURNS double precision
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'datom_value_to_float8';
COMMENT ON FUNCTION datom.value_to_float8(datom.value) IS 'convert value of kind long, double or bigdec to double precision';

-- Its result may be a condition by itself, and those that cost least are tried
-- first: before it must come that on the attribute, or other kinds are an error.
CREATE FUNCTION datom.value_to_bool(datom.value) RETURNS boolean
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 2 AS 'MODULE_PATHNAME', 'datom_value_to_bool';
COMMENT ON FUNCTION datom.value_to_bool(datom.value) IS 'convert value of kind boolean to boolean';

CREATE FUNCTION datom.value_to_timestamptz(datom.value) RETURNS timestamptz
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'datom_value_to_timestamptz';
COMMENT ON FUNCTION datom.value_to_timestamptz(datom.value) IS 'convert value of kind instant to timestamptz';

CREATE FUNCTION datom.value_to_date(datom.value) RETURNS date
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'datom_value_to_date';
COMMENT ON FUNCTION datom.value_to_date(datom.value) IS 'convert value of kind date to date';

CREATE FUNCTION datom.value_to_uuid(datom.value) RETURNS uuid
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'datom_value_to_uuid';
COMMENT ON FUNCTION datom.value_to_uuid(datom.value) IS 'convert value of kind uuid to uuid';

CREATE FUNCTION datom.value_to_bytea(datom.value) RETURNS bytea
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'datom_value_to_bytea';
COMMENT ON FUNCTION datom.value_to_bytea(datom.value) IS 'convert value of kind bytes to bytea';

CREATE FUNCTION datom.value_to_jsonb(datom.value) RETURNS jsonb
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'datom_value_to_jsonb';
COMMENT ON FUNCTION datom.value_to_jsonb(datom.value) IS 'convert value of any kind to natural JSON';

CREATE FUNCTION datom.value_to_attribute(datom.value) RETURNS datom.attribute
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'datom_value_to_attribute';
COMMENT ON FUNCTION datom.value_to_attribute(datom.value) IS 'convert value of kind keyword to attribute';

CREATE CAST (datom.value AS text) WITH FUNCTION datom.value_to_text(datom.value);
COMMENT ON CAST (datom.value AS text) IS 'text of any kind of value';
CREATE CAST (datom.value AS varchar) WITH FUNCTION datom.value_to_text(datom.value);
COMMENT ON CAST (datom.value AS varchar) IS 'text of any kind of value';
CREATE CAST (datom.value AS bpchar) WITH FUNCTION datom.value_to_text(datom.value);
COMMENT ON CAST (datom.value AS bpchar) IS 'text of any kind of value';
CREATE CAST (datom.value AS smallint) WITH FUNCTION datom.value_to_int2(datom.value);
COMMENT ON CAST (datom.value AS smallint) IS 'from a value of kind long or ref';
CREATE CAST (datom.value AS integer) WITH FUNCTION datom.value_to_int4(datom.value);
COMMENT ON CAST (datom.value AS integer) IS 'from a value of kind long or ref';
CREATE CAST (datom.value AS bigint) WITH FUNCTION datom.value_to_int8(datom.value);
COMMENT ON CAST (datom.value AS bigint) IS 'from a value of kind long or ref';
CREATE CAST (datom.value AS numeric) WITH FUNCTION datom.value_to_numeric(datom.value);
COMMENT ON CAST (datom.value AS numeric) IS 'from a value of kind long, bigdec or double';
CREATE CAST (datom.value AS double precision) WITH FUNCTION datom.value_to_float8(datom.value);
COMMENT ON CAST (datom.value AS double precision) IS 'from a value of kind long, double or bigdec';
CREATE CAST (datom.value AS boolean) WITH FUNCTION datom.value_to_bool(datom.value);
COMMENT ON CAST (datom.value AS boolean) IS 'from a value of kind boolean';
CREATE CAST (datom.value AS timestamptz) WITH FUNCTION datom.value_to_timestamptz(datom.value);
COMMENT ON CAST (datom.value AS timestamptz) IS 'from a value of kind instant';
CREATE CAST (datom.value AS date) WITH FUNCTION datom.value_to_date(datom.value);
COMMENT ON CAST (datom.value AS date) IS 'from a value of kind date';
CREATE CAST (datom.value AS uuid) WITH FUNCTION datom.value_to_uuid(datom.value);
COMMENT ON CAST (datom.value AS uuid) IS 'from a value of kind uuid';
CREATE CAST (datom.value AS bytea) WITH FUNCTION datom.value_to_bytea(datom.value);
COMMENT ON CAST (datom.value AS bytea) IS 'from a value of kind bytes';
CREATE CAST (datom.value AS jsonb) WITH FUNCTION datom.value_to_jsonb(datom.value);
COMMENT ON CAST (datom.value AS jsonb) IS 'natural JSON of any kind of value';
CREATE CAST (datom.value AS datom.attribute) WITH FUNCTION datom.value_to_attribute(datom.value);
COMMENT ON CAST (datom.value AS datom.attribute) IS 'from a value of kind keyword';

-- ---- the record, and the tables in which the order of commits is kept ----

CREATE TYPE datom.datom AS (e bigint, a datom.attribute, v datom.value, tx bigint, added boolean);
COMMENT ON TYPE datom.datom IS 'a fact: entity, attribute, value, the transaction that said so, and whether it asserts or retracts';

CREATE SEQUENCE datom.tx_id;
COMMENT ON SEQUENCE datom.tx_id IS 'numbers of transactions';

CREATE TABLE datom.tx (
	db regclass NOT NULL,
	instant timestamptz NOT NULL,
	tx bigint NOT NULL,
	low timestamptz NOT NULL,
	role text NOT NULL,
	application text NOT NULL
) USING heap WITH (vacuum_truncate = off);
CREATE INDEX tx_db_instant_idx ON datom.tx (db, instant);
CREATE INDEX tx_tx_idx ON datom.tx (tx);
COMMENT ON TABLE datom.tx IS 'which transaction said something in which datom table, when it committed, and who it was';
COMMENT ON COLUMN datom.tx.db IS 'the datom table';
COMMENT ON COLUMN datom.tx.instant IS 'the instant of the commit: strictly increasing in the order of commits';
COMMENT ON COLUMN datom.tx.tx IS 'the number of the transaction';
COMMENT ON COLUMN datom.tx.low IS 'the lowest instant that was in flight when this one was given';
COMMENT ON COLUMN datom.tx.role IS 'the role that committed';
COMMENT ON COLUMN datom.tx.application IS 'its application_name';

CREATE TABLE datom.clock (
	instant timestamptz NOT NULL,
	low timestamptz NOT NULL
) USING heap WITH (vacuum_truncate = off);
CREATE INDEX clock_instant_idx ON datom.clock (instant);
COMMENT ON TABLE datom.clock IS 'ticks: nothing is said any more at or below the newest instant';
COMMENT ON COLUMN datom.clock.instant IS 'all entries that are added later lie above';
COMMENT ON COLUMN datom.clock.low IS 'the lowest instant that was in flight when this one was given';

CREATE TABLE datom.importing (db regclass PRIMARY KEY) USING heap;
COMMENT ON TABLE datom.importing IS 'the datom tables that are importing: datom.live() ends it';
COMMENT ON COLUMN datom.importing.db IS 'the datom table';

SELECT pg_catalog.pg_extension_config_dump('datom.tx_id', '');
SELECT pg_catalog.pg_extension_config_dump('datom.tx', '');
SELECT pg_catalog.pg_extension_config_dump('datom.clock', '');
SELECT pg_catalog.pg_extension_config_dump('datom.importing', '');

-- Entries that a restore inserts have instants too.
CREATE FUNCTION datom.entries_given() RETURNS trigger
	LANGUAGE C AS 'MODULE_PATHNAME', 'datom_entries_given';
COMMENT ON FUNCTION datom.entries_given() IS 'trigger: instants were inserted that new ones must lie above';
CREATE TRIGGER entries_given AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON datom.tx
	FOR EACH STATEMENT EXECUTE FUNCTION datom.entries_given();
CREATE TRIGGER entries_given AFTER INSERT ON datom.clock
	FOR EACH STATEMENT EXECUTE FUNCTION datom.entries_given();
ALTER TABLE datom.tx ENABLE ALWAYS TRIGGER entries_given;
ALTER TABLE datom.clock ENABLE ALWAYS TRIGGER entries_given;
COMMENT ON TRIGGER entries_given ON datom.tx IS 'new instants lie above those that are inserted';
COMMENT ON TRIGGER entries_given ON datom.clock IS 'new instants lie above those that are inserted';

-- Whoever may read a datom table may read who wrote in it.
ALTER TABLE datom.tx ENABLE ROW LEVEL SECURITY;
CREATE POLICY readers ON datom.tx FOR SELECT
	USING (pg_catalog.has_table_privilege(db, 'SELECT'));
GRANT SELECT ON datom.tx TO PUBLIC;
GRANT SELECT ON datom.clock TO PUBLIC;
GRANT USAGE ON SCHEMA datom TO PUBLIC;

-- ---- the log ----

CREATE FUNCTION datom.tableam_handler(internal) RETURNS table_am_handler
	LANGUAGE C STRICT AS 'MODULE_PATHNAME', 'datom_tableam_handler';
COMMENT ON FUNCTION datom.tableam_handler(internal) IS 'handler of the access method "datom"';

CREATE ACCESS METHOD datom TYPE TABLE HANDLER datom.tableam_handler;
COMMENT ON ACCESS METHOD datom IS 'append-only tables of facts';

CREATE FUNCTION datom.order_handler(internal) RETURNS index_am_handler
	LANGUAGE C STRICT AS 'MODULE_PATHNAME', 'datom_order_handler';
COMMENT ON FUNCTION datom.order_handler(internal) IS 'handler of the access method "datom_order"';

CREATE ACCESS METHOD datom_order TYPE INDEX HANDLER datom.order_handler;
COMMENT ON ACCESS METHOD datom_order IS 'sorted, compressed copies of a datom table: (a, e), (e, a), (a, v), (v, a)';

CREATE OPERATOR CLASS datom.entity_order_ops DEFAULT FOR TYPE bigint USING datom_order AS STORAGE bigint;
CREATE OPERATOR CLASS datom.attribute_order_ops DEFAULT FOR TYPE datom.attribute USING datom_order AS STORAGE datom.attribute;
CREATE OPERATOR CLASS datom.value_order_ops DEFAULT FOR TYPE datom.value USING datom_order AS STORAGE datom.value;
COMMENT ON OPERATOR CLASS datom.entity_order_ops USING datom_order IS 'entities in orders';
COMMENT ON OPERATOR CLASS datom.attribute_order_ops USING datom_order IS 'attributes in orders';
COMMENT ON OPERATOR CLASS datom.value_order_ops USING datom_order IS 'values in orders';
COMMENT ON OPERATOR FAMILY datom.entity_order_ops USING datom_order IS 'entities in orders';
COMMENT ON OPERATOR FAMILY datom.attribute_order_ops USING datom_order IS 'attributes in orders';
COMMENT ON OPERATOR FAMILY datom.value_order_ops USING datom_order IS 'values in orders';

CREATE FUNCTION datom.create(name text, importing boolean DEFAULT false) RETURNS regclass
	LANGUAGE C STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'datom_create';
COMMENT ON FUNCTION datom.create(text, boolean) IS 'make a datom table, with its entity sequence and indexes';

CREATE FUNCTION datom.live(db regclass) RETURNS void
	LANGUAGE C STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'datom_live';
COMMENT ON FUNCTION datom.live(regclass) IS 'end the import of a datom table: from here on instants come from commits';

CREATE FUNCTION datom.import_tx(db regclass, at timestamptz) RETURNS bigint
	LANGUAGE C STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'datom_import_tx';
COMMENT ON FUNCTION datom.import_tx(regclass, timestamptz) IS 'begin a transaction at an instant of the past in a datom table that is importing; returns its number';

CREATE FUNCTION datom.current_tx() RETURNS bigint
	LANGUAGE C STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'datom_current_tx';
COMMENT ON FUNCTION datom.current_tx() IS 'the number of this transaction';

-- ---- time ----

-- They may have to take a newer snapshot than the statement's, and a parallel
-- plan has room for one. So log and diff are unsafe. The others are restricted
-- because a custom scan may take their place, which settles its snapshot before
-- there are workers; where none does, the library plans without workers.

CREATE FUNCTION datom.as_of(db regclass) RETURNS SETOF datom.datom
	LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 100000 AS 'MODULE_PATHNAME', 'datom_as_of_facts';
CREATE FUNCTION datom.as_of(db regclass, at timestamptz) RETURNS SETOF datom.datom
	LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 100000 AS 'MODULE_PATHNAME', 'datom_as_of_facts';
CREATE FUNCTION datom.as_of(db regclass, tx bigint) RETURNS SETOF datom.datom
	LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 100000 AS 'MODULE_PATHNAME', 'datom_as_of_facts';
CREATE FUNCTION datom.as_of(db regclass, at text) RETURNS SETOF datom.datom
	LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 100000 AS 'MODULE_PATHNAME', 'datom_as_of_facts';
COMMENT ON FUNCTION datom.as_of(regclass) IS 'the facts that hold at the moment in force';
COMMENT ON FUNCTION datom.as_of(regclass, timestamptz) IS 'the facts that hold at an instant, which is included';
COMMENT ON FUNCTION datom.as_of(regclass, bigint) IS 'the facts that hold after a transaction';
COMMENT ON FUNCTION datom.as_of(regclass, text) IS 'the facts that hold at a moment: an instant with its zone, or a transaction';

CREATE FUNCTION datom.since(db regclass, at timestamptz) RETURNS SETOF datom.datom
	LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 10000 AS 'MODULE_PATHNAME', 'datom_since';
CREATE FUNCTION datom.since(db regclass, tx bigint) RETURNS SETOF datom.datom
	LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 10000 AS 'MODULE_PATHNAME', 'datom_since';
CREATE FUNCTION datom.since(db regclass, at text) RETURNS SETOF datom.datom
	LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 10000 AS 'MODULE_PATHNAME', 'datom_since';
COMMENT ON FUNCTION datom.since(regclass, timestamptz) IS 'the facts in force that were asserted after an instant, which is excluded';
COMMENT ON FUNCTION datom.since(regclass, bigint) IS 'the facts in force that were asserted after a transaction';
COMMENT ON FUNCTION datom.since(regclass, text) IS 'the facts in force that were asserted after a moment: an instant with its zone, or a transaction';

CREATE FUNCTION datom.history(db regclass) RETURNS SETOF datom.datom
	LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 100000 AS 'MODULE_PATHNAME', 'datom_history';
COMMENT ON FUNCTION datom.history(regclass) IS 'all assertions and retractions, implied ones too, up to the moment in force';

CREATE FUNCTION datom.log(db regclass, from_ timestamptz, to_ timestamptz DEFAULT NULL) RETURNS SETOF datom.datom
	LANGUAGE C STABLE PARALLEL UNSAFE ROWS 10000 AS 'MODULE_PATHNAME', 'datom_log';
CREATE FUNCTION datom.log(db regclass, from_ bigint, to_ bigint DEFAULT NULL) RETURNS SETOF datom.datom
	LANGUAGE C STABLE PARALLEL UNSAFE ROWS 10000 AS 'MODULE_PATHNAME', 'datom_log';
CREATE FUNCTION datom.log(db regclass, from_ text DEFAULT NULL, to_ text DEFAULT NULL) RETURNS SETOF datom.datom
	LANGUAGE C STABLE PARALLEL UNSAFE ROWS 10000 AS 'MODULE_PATHNAME', 'datom_log';
COMMENT ON FUNCTION datom.log(regclass, timestamptz, timestamptz) IS 'assertions and retractions from an instant on, before another, in the order of commits';
COMMENT ON FUNCTION datom.log(regclass, bigint, bigint) IS 'assertions and retractions from a transaction on, before another, in the order of commits';
COMMENT ON FUNCTION datom.log(regclass, text, text) IS 'assertions and retractions from a moment on, before another, in the order of commits; all by default';

CREATE FUNCTION datom.diff(db regclass, a timestamptz, b timestamptz) RETURNS SETOF datom.datom
	LANGUAGE C STABLE PARALLEL UNSAFE ROWS 10000 AS 'MODULE_PATHNAME', 'datom_diff';
CREATE FUNCTION datom.diff(db regclass, a bigint, b bigint) RETURNS SETOF datom.datom
	LANGUAGE C STABLE PARALLEL UNSAFE ROWS 10000 AS 'MODULE_PATHNAME', 'datom_diff';
CREATE FUNCTION datom.diff(db regclass, a text, b text) RETURNS SETOF datom.datom
	LANGUAGE C STABLE PARALLEL UNSAFE ROWS 10000 AS 'MODULE_PATHNAME', 'datom_diff';
COMMENT ON FUNCTION datom.diff(regclass, timestamptz, timestamptz) IS 'what came (added) and what went (not added) from one instant to another';
COMMENT ON FUNCTION datom.diff(regclass, bigint, bigint) IS 'what came (added) and what went (not added) from one transaction to another';
COMMENT ON FUNCTION datom.diff(regclass, text, text) IS 'what came (added) and what went (not added) from one moment to another';

CREATE FUNCTION datom.basis(db regclass) RETURNS timestamptz
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'datom_basis';
COMMENT ON FUNCTION datom.basis(regclass) IS 'the newest instant up to which everything in the datom table is final';

CREATE FUNCTION datom.instant(tx bigint) RETURNS timestamptz
	LANGUAGE C STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'datom_instant';
COMMENT ON FUNCTION datom.instant(bigint) IS 'when a transaction committed';

CREATE FUNCTION datom.now() RETURNS timestamptz
	LANGUAGE C STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'datom_now';
COMMENT ON FUNCTION datom.now() IS 'the moment in force: what datom.as_of says, otherwise now()';

CREATE FUNCTION datom.assert_as_of(at text) RETURNS boolean
	LANGUAGE C STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'datom_assert_as_of';
COMMENT ON FUNCTION datom.assert_as_of(text) IS 'true if the session asks as of this moment, otherwise an error';

CREATE PROCEDURE datom.sync(at timestamptz, timeout interval DEFAULT '30 seconds')
	LANGUAGE C AS 'MODULE_PATHNAME', 'datom_sync';
CREATE PROCEDURE datom.sync(tx bigint, timeout interval DEFAULT '30 seconds')
	LANGUAGE C AS 'MODULE_PATHNAME', 'datom_sync';
CREATE PROCEDURE datom.sync(at text, timeout interval DEFAULT '30 seconds')
	LANGUAGE C AS 'MODULE_PATHNAME', 'datom_sync';
COMMENT ON PROCEDURE datom.sync(timestamptz, interval) IS 'wait, without a snapshot, until this server has all that was said up to an instant';
COMMENT ON PROCEDURE datom.sync(bigint, interval) IS 'wait, without a snapshot, until this server has a transaction';
COMMENT ON PROCEDURE datom.sync(text, interval) IS 'wait, without a snapshot, until this server has all up to a moment';

-- ---- shards ----

CREATE FUNCTION datom.shard_support(internal) RETURNS internal
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'datom_shard_support';
COMMENT ON FUNCTION datom.shard_support(internal) IS 'tells the planner what datom.shard() selects';

CREATE FUNCTION datom.shard(e bigint, i bigint, n bigint) RETURNS boolean
	LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT datom.shard_support AS 'MODULE_PATHNAME', 'datom_shard';
CREATE FUNCTION datom.shard(e bigint) RETURNS boolean
	LANGUAGE C STABLE PARALLEL SAFE SUPPORT datom.shard_support AS 'MODULE_PATHNAME', 'datom_shard_session';
COMMENT ON FUNCTION datom.shard(bigint, bigint, bigint) IS 'does an entity belong to shard i of n? True for exactly one i, never null';
COMMENT ON FUNCTION datom.shard(bigint) IS 'does an entity belong to the shard that datom.shard is set to? True for all if it is not set, never null';

CREATE FUNCTION datom.shard_predicates(n integer, column_name text DEFAULT 'e') RETURNS text[]
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'datom_shard_predicates';
COMMENT ON FUNCTION datom.shard_predicates(integer, text) IS 'n conditions of which each row meets exactly one';

-- ---- schema and transactions ----

CREATE FUNCTION datom.transact(db regclass, tx_data text,
		OUT tx bigint, OUT tempids jsonb, OUT datoms datom.datom[]) RETURNS record
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'datom_transact_edn';
CREATE FUNCTION datom.transact(db regclass, tx_data jsonb,
		OUT tx bigint, OUT tempids jsonb, OUT datoms datom.datom[]) RETURNS record
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'datom_transact_json';
COMMENT ON FUNCTION datom.transact(regclass, text) IS 'say facts, given as transaction data in EDN; returns the transaction, what its tempids became, and the facts that came and went';
COMMENT ON FUNCTION datom.transact(regclass, jsonb) IS 'say facts, given as transaction data in JSON; returns the transaction, what its tempids became, and the facts that came and went';

CREATE FUNCTION datom.attributes(db regclass, OUT ident datom.attribute, OUT e bigint,
		OUT value_type text, OUT cardinality text, OUT uniqueness text,
		OUT indexed boolean, OUT is_component boolean, OUT doc text) RETURNS SETOF record
	LANGUAGE C STABLE STRICT PARALLEL UNSAFE ROWS 50 AS 'MODULE_PATHNAME', 'datom_attributes';
COMMENT ON FUNCTION datom.attributes(regclass) IS 'the attributes defined at the moment in force';

CREATE FUNCTION datom.define_attribute(db regclass, ident datom.attribute, value_type text,
		cardinality text DEFAULT 'one', uniqueness text DEFAULT NULL,
		indexed boolean DEFAULT false, is_component boolean DEFAULT false,
		doc text DEFAULT NULL) RETURNS bigint
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
	SELECT (t.tempids ->> 'attribute')::bigint
	FROM datom.transact(db,
		jsonb_build_array(jsonb_strip_nulls(jsonb_build_object(
			':db/id', 'attribute',
			':db/ident', ident::text,
			':db/valueType', ':db.type/' || value_type,
			':db/cardinality', ':db.cardinality/' || cardinality,
			':db/unique', ':db.unique/' || uniqueness,
			':db/index', nullif(indexed, false),
			':db/isComponent', nullif(is_component, false),
			':db/doc', doc)))
		|| coalesce((
			SELECT jsonb_agg(jsonb_build_array(':db/retract', ident::text, gone.what))
			FROM datom.attributes(db) old,
				LATERAL (VALUES
					(':db/unique', old.uniqueness IS NOT NULL AND define_attribute.uniqueness IS NULL),
					(':db/index', old.indexed AND NOT define_attribute.indexed),
					(':db/isComponent', old.is_component AND NOT define_attribute.is_component),
					(':db/doc', old.doc IS NOT NULL AND define_attribute.doc IS NULL)) gone(what, yes)
			WHERE old.ident = define_attribute.ident AND gone.yes), '[]')) t;
END;
COMMENT ON FUNCTION datom.define_attribute(regclass, datom.attribute, text, text, text, boolean, boolean, text) IS 'define an attribute, or define it anew; returns its entity';

CREATE FUNCTION datom.entity(db regclass, e bigint) RETURNS jsonb
	LANGUAGE C STABLE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'datom_entity';
CREATE FUNCTION datom.entity(db regclass, a datom.attribute, v datom.value) RETURNS jsonb
	LANGUAGE C STABLE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'datom_entity_lookup';
COMMENT ON FUNCTION datom.entity(regclass, bigint) IS 'what holds of an entity at the moment in force';
COMMENT ON FUNCTION datom.entity(regclass, datom.attribute, datom.value) IS 'what holds, at the moment in force, of the entity to which a unique value belongs';

-- ---- pull ----

CREATE FUNCTION datom.pull(db regclass, pattern text, e bigint) RETURNS jsonb
	LANGUAGE C STABLE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'datom_pull';
CREATE FUNCTION datom.pull(db regclass, pattern text, e bigint, at timestamptz) RETURNS jsonb
	LANGUAGE C STABLE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'datom_pull';
CREATE FUNCTION datom.pull(db regclass, pattern text, e bigint, tx bigint) RETURNS jsonb
	LANGUAGE C STABLE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'datom_pull';
CREATE FUNCTION datom.pull(db regclass, pattern text, e bigint, at text) RETURNS jsonb
	LANGUAGE C STABLE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'datom_pull';
CREATE FUNCTION datom.pull(db regclass, pattern text, entity text) RETURNS jsonb
	LANGUAGE C STABLE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'datom_pull_entity';
CREATE FUNCTION datom.pull(db regclass, pattern text, entity text, at timestamptz) RETURNS jsonb
	LANGUAGE C STABLE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'datom_pull_entity';
CREATE FUNCTION datom.pull(db regclass, pattern text, entity text, tx bigint) RETURNS jsonb
	LANGUAGE C STABLE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'datom_pull_entity';
CREATE FUNCTION datom.pull(db regclass, pattern text, entity text, at text) RETURNS jsonb
	LANGUAGE C STABLE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'datom_pull_entity';
CREATE FUNCTION datom.pull_many(db regclass, pattern text, entities bigint[]) RETURNS SETOF jsonb
	LANGUAGE C STABLE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'datom_pull_many';
CREATE FUNCTION datom.pull_many(db regclass, pattern text, entities bigint[], at timestamptz) RETURNS SETOF jsonb
	LANGUAGE C STABLE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'datom_pull_many';
CREATE FUNCTION datom.pull_many(db regclass, pattern text, entities bigint[], tx bigint) RETURNS SETOF jsonb
	LANGUAGE C STABLE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'datom_pull_many';
CREATE FUNCTION datom.pull_many(db regclass, pattern text, entities bigint[], at text) RETURNS SETOF jsonb
	LANGUAGE C STABLE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'datom_pull_many';
COMMENT ON FUNCTION datom.pull(regclass, text, bigint) IS 'what a pull pattern finds of an entity at the moment in force';
COMMENT ON FUNCTION datom.pull(regclass, text, bigint, timestamptz) IS 'what a pull pattern finds of an entity as of an instant, which is included';
COMMENT ON FUNCTION datom.pull(regclass, text, bigint, bigint) IS 'what a pull pattern finds of an entity as of a transaction, which is included';
COMMENT ON FUNCTION datom.pull(regclass, text, bigint, text) IS 'what a pull pattern finds of an entity as of a moment: an instant with its zone, or a transaction';
COMMENT ON FUNCTION datom.pull(regclass, text, text) IS 'what a pull pattern finds of an entity at the moment in force; the entity in EDN: a number, an ident or a lookup ref';
COMMENT ON FUNCTION datom.pull(regclass, text, text, timestamptz) IS 'what a pull pattern finds of an entity as of an instant, which is included; the entity in EDN: a number, an ident or a lookup ref';
COMMENT ON FUNCTION datom.pull(regclass, text, text, bigint) IS 'what a pull pattern finds of an entity as of a transaction, which is included; the entity in EDN: a number, an ident or a lookup ref';
COMMENT ON FUNCTION datom.pull(regclass, text, text, text) IS 'what a pull pattern finds of an entity as of a moment: an instant with its zone, or a transaction; the entity in EDN: a number, an ident or a lookup ref';
COMMENT ON FUNCTION datom.pull_many(regclass, text, bigint[]) IS 'what a pull pattern finds of each of some entities at the moment in force';
COMMENT ON FUNCTION datom.pull_many(regclass, text, bigint[], timestamptz) IS 'what a pull pattern finds of each of some entities as of an instant, which is included';
COMMENT ON FUNCTION datom.pull_many(regclass, text, bigint[], bigint) IS 'what a pull pattern finds of each of some entities as of a transaction, which is included';
COMMENT ON FUNCTION datom.pull_many(regclass, text, bigint[], text) IS 'what a pull pattern finds of each of some entities as of a moment: an instant with its zone, or a transaction';

-- ---- entity tables ----

CREATE FUNCTION datom.fdw_handler() RETURNS fdw_handler
	LANGUAGE C STRICT AS 'MODULE_PATHNAME', 'datom_fdw_handler';
COMMENT ON FUNCTION datom.fdw_handler() IS 'foreign data wrapper';

CREATE FUNCTION datom.fdw_validator(text[], oid) RETURNS void
	LANGUAGE C STRICT AS 'MODULE_PATHNAME', 'datom_fdw_validator';
COMMENT ON FUNCTION datom.fdw_validator(text[], oid) IS 'options of entity tables';

CREATE FOREIGN DATA WRAPPER datom HANDLER datom.fdw_handler VALIDATOR datom.fdw_validator;
COMMENT ON FOREIGN DATA WRAPPER datom IS 'entities of datom tables as rows';

CREATE SERVER datom FOREIGN DATA WRAPPER datom;
GRANT USAGE ON FOREIGN SERVER datom TO PUBLIC;
COMMENT ON SERVER datom IS 'the datom tables of this database';

CREATE FUNCTION datom.refresh_entities(db regclass, into_schema regnamespace) RETURNS SETOF text
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE ROWS 10 AS 'MODULE_PATHNAME', 'datom_refresh_entities';
COMMENT ON FUNCTION datom.refresh_entities(regclass, regnamespace) IS 'make entity tables that are missing in a schema, and columns for attributes that none of the caller''s shows; returns the commands';

CREATE FUNCTION datom.entities(db regclass, attributes datom.attribute[]) RETURNS SETOF record
	LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 100000 AS 'MODULE_PATHNAME', 'datom_entities';
CREATE FUNCTION datom.entities(db regclass, attributes datom.attribute[], at timestamptz) RETURNS SETOF record
	LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 100000 AS 'MODULE_PATHNAME', 'datom_entities';
CREATE FUNCTION datom.entities(db regclass, attributes datom.attribute[], tx bigint) RETURNS SETOF record
	LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 100000 AS 'MODULE_PATHNAME', 'datom_entities';
CREATE FUNCTION datom.entities(db regclass, attributes datom.attribute[], at text) RETURNS SETOF record
	LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 100000 AS 'MODULE_PATHNAME', 'datom_entities';
COMMENT ON FUNCTION datom.entities(regclass, datom.attribute[]) IS 'the entities of which any of the attributes holds at the moment in force, as rows: the entity, then a column for each attribute, which the query defines';
COMMENT ON FUNCTION datom.entities(regclass, datom.attribute[], timestamptz) IS 'the entities of which any of the attributes holds at an instant, which is included, as rows';
COMMENT ON FUNCTION datom.entities(regclass, datom.attribute[], bigint) IS 'the entities of which any of the attributes holds after a transaction, as rows';
COMMENT ON FUNCTION datom.entities(regclass, datom.attribute[], text) IS 'the entities of which any of the attributes holds at a moment, which is included, as rows';

CREATE FUNCTION datom.entities_as_of(entity anyelement, at timestamptz) RETURNS SETOF anyelement
	LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 100000 AS 'MODULE_PATHNAME', 'datom_entities_as_of';
CREATE FUNCTION datom.entities_as_of(entity anyelement, tx bigint) RETURNS SETOF anyelement
	LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 100000 AS 'MODULE_PATHNAME', 'datom_entities_as_of';
CREATE FUNCTION datom.entities_as_of(entity anyelement, at text) RETURNS SETOF anyelement
	LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 100000 AS 'MODULE_PATHNAME', 'datom_entities_as_of';
COMMENT ON FUNCTION datom.entities_as_of(anyelement, timestamptz) IS 'the rows of an entity table as of an instant, which is included; name the table as in NULL::purchase';
COMMENT ON FUNCTION datom.entities_as_of(anyelement, bigint) IS 'the rows of an entity table as of a transaction, which is included; name the table as in NULL::purchase';
COMMENT ON FUNCTION datom.entities_as_of(anyelement, text) IS 'the rows of an entity table as of a moment, which is included; name the table as in NULL::purchase';

CREATE FUNCTION datom.entities_since(entity anyelement, at timestamptz) RETURNS SETOF anyelement
	LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 10000 AS 'MODULE_PATHNAME', 'datom_entities_since';
CREATE FUNCTION datom.entities_since(entity anyelement, tx bigint) RETURNS SETOF anyelement
	LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 10000 AS 'MODULE_PATHNAME', 'datom_entities_since';
CREATE FUNCTION datom.entities_since(entity anyelement, at text) RETURNS SETOF anyelement
	LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 10000 AS 'MODULE_PATHNAME', 'datom_entities_since';
COMMENT ON FUNCTION datom.entities_since(anyelement, timestamptz) IS 'what rows of an entity table show of the facts in force that were asserted after an instant, which is excluded';
COMMENT ON FUNCTION datom.entities_since(anyelement, bigint) IS 'what rows of an entity table show of the facts in force that were asserted after a transaction';
COMMENT ON FUNCTION datom.entities_since(anyelement, text) IS 'what rows of an entity table show of the facts in force that were asserted after a moment, which is excluded';

CREATE FUNCTION datom.entities_history(anyelement) RETURNS TABLE (entity anyelement, valid_from timestamptz, valid_to timestamptz)
	LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 100000 AS 'MODULE_PATHNAME', 'datom_entities_history';
COMMENT ON FUNCTION datom.entities_history(anyelement) IS 'each state that rows of an entity table have had, from valid_from until before valid_to';

CREATE FUNCTION datom.entities_at_support(internal) RETURNS internal
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'datom_entities_at_support';
COMMENT ON FUNCTION datom.entities_at_support(internal) IS 'tells the planner that a moment selects all rows';

CREATE FUNCTION datom.entities_at("column" "any", since boolean, function oid, moment "any") RETURNS boolean
	LANGUAGE C STABLE PARALLEL SAFE SUPPORT datom.entities_at_support AS 'MODULE_PATHNAME', 'datom_entities_at';
COMMENT ON FUNCTION datom.entities_at("any", boolean, oid, "any") IS 'for the planner only';

-- ---- Datalog ----

-- Unsafe because they may have to take a newer snapshot than the statement's, for
-- which a parallel plan has no room. What the planner puts in place of q is not.

CREATE FUNCTION datom.q(query text) RETURNS SETOF record
	LANGUAGE C STABLE PARALLEL UNSAFE ROWS 1000 AS 'MODULE_PATHNAME', 'datom_q';
CREATE FUNCTION datom.q(query text, VARIADIC args "any") RETURNS SETOF record
	LANGUAGE C STABLE PARALLEL UNSAFE ROWS 1000 AS 'MODULE_PATHNAME', 'datom_q';
COMMENT ON FUNCTION datom.q(text) IS 'the rows that a Datalog query finds';
COMMENT ON FUNCTION datom.q(text, "any") IS 'the rows that a Datalog query finds, given the arguments of its :in';

CREATE FUNCTION datom.saved_q(query text) RETURNS SETOF record
	LANGUAGE C STABLE PARALLEL UNSAFE ROWS 1000 AS 'MODULE_PATHNAME', 'datom_saved_q';
CREATE FUNCTION datom.saved_q(query text, VARIADIC named "any") RETURNS SETOF record
	LANGUAGE C STABLE PARALLEL UNSAFE ROWS 1000 AS 'MODULE_PATHNAME', 'datom_saved_q';
COMMENT ON FUNCTION datom.saved_q(text) IS 'the rows that a Datalog query finds; in a view with the rights of its owner';
COMMENT ON FUNCTION datom.saved_q(text, "any") IS 'the rows that a Datalog query finds, given its sources and arguments as names and values; in a view with the rights of its owner';

CREATE FUNCTION datom.q_given(VARIADIC args "any") RETURNS boolean
	LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'datom_q_given';
COMMENT ON FUNCTION datom.q_given("any") IS 'for the planner only';

CREATE FUNCTION datom.q_allowed(role oid, db regclass) RETURNS boolean
	LANGUAGE C STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'datom_q_allowed';
COMMENT ON FUNCTION datom.q_allowed(oid, regclass) IS 'for the planner only';

CREATE FUNCTION datom.q_json(query text, args jsonb DEFAULT '[]', as_of text DEFAULT NULL) RETURNS SETOF jsonb
	LANGUAGE C STABLE PARALLEL UNSAFE ROWS 1000 AS 'MODULE_PATHNAME', 'datom_q_json';
COMMENT ON FUNCTION datom.q_json(text, jsonb, text) IS 'the rows that a Datalog query finds as JSON, given its arguments as a JSON array';

CREATE FUNCTION datom.q_sql(query text, args jsonb DEFAULT NULL) RETURNS text
	LANGUAGE C STABLE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'datom_q_sql';
COMMENT ON FUNCTION datom.q_sql(text, jsonb) IS 'the SQL that a Datalog query becomes';

CREATE FUNCTION datom.q_describe(query text, rules text DEFAULT NULL) RETURNS jsonb
	LANGUAGE C STABLE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'datom_q_describe';
COMMENT ON FUNCTION datom.q_describe(text, text) IS 'the columns that a Datalog query finds, the arguments that it takes and the attributes that it reads';

CREATE FUNCTION datom.answer(message text) RETURNS jsonb
	LANGUAGE C STABLE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'datom_answer_edn';
CREATE FUNCTION datom.answer(message jsonb) RETURNS jsonb
	LANGUAGE C STABLE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'datom_answer_json';
COMMENT ON FUNCTION datom.answer(text) IS 'the answer to a message in EDN: a Datalog query with its arguments, sources and moment';
COMMENT ON FUNCTION datom.answer(jsonb) IS 'the answer to a message in JSON: a Datalog query with its arguments, sources and moment';

CREATE FUNCTION datom.source(db regclass, as_of text DEFAULT NULL, since text DEFAULT NULL,
		history boolean DEFAULT false) RETURNS jsonb
	LANGUAGE sql STABLE PARALLEL SAFE
RETURN jsonb_strip_nulls(jsonb_build_object('db', db::text, 'as-of', as_of, 'since', since,
		'history', nullif(history, false)));
COMMENT ON FUNCTION datom.source(regclass, text, text, boolean) IS 'a datom table at a moment, as an argument of a Datalog query';

-- ---- a moment for each row ----

CREATE FUNCTION datom.entity_as_of(entity anyelement, e bigint, at timestamptz) RETURNS SETOF anyelement
	LANGUAGE C STABLE PARALLEL RESTRICTED COST 50 ROWS 1 AS 'MODULE_PATHNAME', 'datom_entity_as_of';
CREATE FUNCTION datom.entity_as_of(entity anyelement, e bigint, tx bigint) RETURNS SETOF anyelement
	LANGUAGE C STABLE PARALLEL RESTRICTED COST 50 ROWS 1 AS 'MODULE_PATHNAME', 'datom_entity_as_of';
CREATE FUNCTION datom.entity_as_of(entity anyelement, e bigint, at text) RETURNS SETOF anyelement
	LANGUAGE C STABLE PARALLEL RESTRICTED COST 50 ROWS 1 AS 'MODULE_PATHNAME', 'datom_entity_as_of';
COMMENT ON FUNCTION datom.entity_as_of(anyelement, bigint, timestamptz) IS 'the row of an entity table for one entity as of an instant, which is included; name the table as in NULL::purchase';
COMMENT ON FUNCTION datom.entity_as_of(anyelement, bigint, bigint) IS 'the row of an entity table for one entity as of a transaction, which is included; name the table as in NULL::purchase';
COMMENT ON FUNCTION datom.entity_as_of(anyelement, bigint, text) IS 'the row of an entity table for one entity as of a moment, which is included; name the table as in NULL::purchase';

CREATE FUNCTION datom.pit(labels regclass, e name, at name, entity regclass, event_time name DEFAULT NULL,
		known name DEFAULT NULL, max_age interval DEFAULT NULL, inclusive boolean DEFAULT true) RETURNS SETOF record
	LANGUAGE C STABLE PARALLEL UNSAFE ROWS 100000 AS 'MODULE_PATHNAME', 'datom_pit';
COMMENT ON FUNCTION datom.pit(regclass, name, name, regclass, name, name, interval, boolean) IS 'each row of a table of labels with the row of an entity table as it stood at the label''s own moment; the query defines the columns, which are taken by name';

-- ---- random numbers ----

CREATE FUNCTION datom.random_number(seed bigint, e bigint) RETURNS double precision
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'datom_random_number';
COMMENT ON FUNCTION datom.random_number(bigint, bigint) IS 'a random number in [0, 1), the same for a seed and an entity everywhere';

-- Not strict and stable, so that the planner puts the query in its place; and the
-- numbers are counted in the list of columns, where they are made one by one.
CREATE FUNCTION datom.random_numbers(n bigint, seed bigint, OUT i bigint, OUT x double precision)
		RETURNS SETOF record
	LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT s.i, datom.random_number(seed, s.i) FROM (SELECT generate_series(1, n) AS i) s;
END;
COMMENT ON FUNCTION datom.random_numbers(bigint, bigint) IS 'n random numbers: those of a seed for 1 to n';

CREATE FUNCTION datom.sample_support(internal) RETURNS internal
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'datom_sample_support';
COMMENT ON FUNCTION datom.sample_support(internal) IS 'tells the planner what datom.sample() selects';
CREATE FUNCTION datom.sample(e bigint, fraction double precision, seed bigint DEFAULT 0)
		RETURNS boolean
	LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT datom.sample_support AS 'MODULE_PATHNAME', 'datom_sample';
COMMENT ON FUNCTION datom.sample(bigint, double precision, bigint) IS 'is the random number of an entity below the fraction? Never null';

-- ---- interest and lateness ----

CREATE FUNCTION datom.day_count(d1 date, d2 date, convention text, termination date DEFAULT NULL,
		holidays date[] DEFAULT '{}') RETURNS integer
	LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'datom_day_count';
COMMENT ON FUNCTION datom.day_count(date, date, text, date, date[]) IS 'the days from a date, included, to another, excluded, by a day count convention: ACT/360, ACT/365F, ACT/ACT ISDA, 30/360, 30E/360, 30E/360 ISDA, 30/360 US or BUS/252 (2006 ISDA Definitions, section 4.16; BUS/252: Brazil)';

CREATE FUNCTION datom.year_fraction(d1 date, d2 date, convention text, termination date DEFAULT NULL,
		holidays date[] DEFAULT '{}') RETURNS numeric
	LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'datom_year_fraction';
COMMENT ON FUNCTION datom.year_fraction(date, date, text, date, date[]) IS 'the years from a date, included, to another, excluded, by a day count convention';

CREATE FUNCTION datom.interest(principal numeric, rate numeric, d1 date, d2 date,
		convention text DEFAULT 'ACT/365F', compounding text DEFAULT 'simple', frequency integer DEFAULT 1,
		scale integer DEFAULT NULL, rounding text DEFAULT 'half_even', termination date DEFAULT NULL,
		holidays date[] DEFAULT '{}') RETURNS numeric
	LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'datom_interest';
COMMENT ON FUNCTION datom.interest(numeric, numeric, date, date, text, text, integer, integer, text, date, date[]) IS 'interest on a principal P at a yearly rate r over t years: simple P r t, compounded P ((1 + r/f)^(f t) - 1), continuous P (e^(r t) - 1)';

CREATE FUNCTION datom.late(amount numeric, due date, paid date DEFAULT NULL, fine numeric DEFAULT 0.02,
		mora_monthly numeric DEFAULT 0.01, mora_basis text DEFAULT '30',
		remuneratory numeric DEFAULT 0, remuneratory_basis text DEFAULT 'BUS/252',
		grace_days integer DEFAULT 0, cap numeric DEFAULT NULL, scale integer DEFAULT 2,
		rounding text DEFAULT 'half_up', holidays date[] DEFAULT '{}', zone text DEFAULT 'UTC',
		OUT days_late integer, OUT fine_amount numeric, OUT mora numeric, OUT remuneratory_amount numeric,
		OUT total numeric) RETURNS record
	LANGUAGE C STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'datom_late';
COMMENT ON FUNCTION datom.late(numeric, date, date, numeric, numeric, text, numeric, text, integer, numeric, integer, text, date[], text) IS 'what is to be paid for a bill, and of what it is made: the fine, mora and remuneratory interest of Brazil; what is not paid is measured at the moment in force (CDC art. 52, Lei 7.089/1983, CMN 4.882/2020, Lei 14.690/2023)';

-- ---- calendars ----

CREATE FUNCTION datom.create_calendar(name text) RETURNS regclass
	LANGUAGE C STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'datom_create_calendar';
COMMENT ON FUNCTION datom.create_calendar(text) IS 'make a datom table of holidays, with those of Brazil, BR and BR-bank, each known from the day on which its law was published';

-- In one pass: nothing says beforehand how many holidays a join would have to find.
CREATE FUNCTION datom.holidays(db regclass, calendar text DEFAULT 'BR') RETURNS date[]
	LANGUAGE sql STABLE PARALLEL RESTRICTED
BEGIN ATOMIC
	SELECT coalesce(array_agg(DISTINCT day ORDER BY day), '{}')
	FROM (SELECT max(v::date) FILTER (WHERE a = ':holiday/date') AS day FROM datom.as_of(db)
		WHERE a = ':holiday/date' OR a = ':holiday/calendar' AND v = datom.value(calendar)
		GROUP BY e HAVING bool_or(a = ':holiday/calendar')) listed
	WHERE day IS NOT NULL;
END;
CREATE FUNCTION datom.holidays(db regclass, calendar text, at timestamptz) RETURNS date[]
	LANGUAGE sql STABLE PARALLEL RESTRICTED
BEGIN ATOMIC
	SELECT coalesce(array_agg(DISTINCT day ORDER BY day), '{}')
	FROM (SELECT max(v::date) FILTER (WHERE a = ':holiday/date') AS day FROM datom.as_of(db, at)
		WHERE a = ':holiday/date' OR a = ':holiday/calendar' AND v = datom.value(calendar)
		GROUP BY e HAVING bool_or(a = ':holiday/calendar')) listed
	WHERE day IS NOT NULL;
END;
CREATE FUNCTION datom.holidays(db regclass, calendar text, tx bigint) RETURNS date[]
	LANGUAGE sql STABLE PARALLEL RESTRICTED
BEGIN ATOMIC
	SELECT coalesce(array_agg(DISTINCT day ORDER BY day), '{}')
	FROM (SELECT max(v::date) FILTER (WHERE a = ':holiday/date') AS day FROM datom.as_of(db, tx)
		WHERE a = ':holiday/date' OR a = ':holiday/calendar' AND v = datom.value(calendar)
		GROUP BY e HAVING bool_or(a = ':holiday/calendar')) listed
	WHERE day IS NOT NULL;
END;
CREATE FUNCTION datom.holidays(db regclass, calendar text, at text) RETURNS date[]
	LANGUAGE sql STABLE PARALLEL RESTRICTED
BEGIN ATOMIC
	SELECT coalesce(array_agg(DISTINCT day ORDER BY day), '{}')
	FROM (SELECT max(v::date) FILTER (WHERE a = ':holiday/date') AS day FROM datom.as_of(db, at)
		WHERE a = ':holiday/date' OR a = ':holiday/calendar' AND v = datom.value(calendar)
		GROUP BY e HAVING bool_or(a = ':holiday/calendar')) listed
	WHERE day IS NOT NULL;
END;
COMMENT ON FUNCTION datom.holidays(regclass, text) IS 'the holidays of a calendar, in order, as known at the moment in force';
COMMENT ON FUNCTION datom.holidays(regclass, text, timestamptz) IS 'the holidays of a calendar, in order, as known at an instant';
COMMENT ON FUNCTION datom.holidays(regclass, text, bigint) IS 'the holidays of a calendar, in order, as known after a transaction';
COMMENT ON FUNCTION datom.holidays(regclass, text, text) IS 'the holidays of a calendar, in order, as known at a moment: an instant with its zone, or a transaction';

-- ---- saved queries ----

-- The catalogue: a datom table, so that what it said stays. Its attributes are
-- defined by the first who writes, and not here, where a restore would meet them.
-- Made without datom.create(), which needs the library preloaded.
CREATE TABLE datom.queries OF datom.datom USING datom;
CREATE SEQUENCE datom.queries_e_seq OWNED BY datom.queries.e;
ALTER TABLE datom.queries ALTER e SET DEFAULT pg_catalog.nextval('datom.queries_e_seq'::pg_catalog.regclass);
CREATE INDEX ON datom.queries (tx, e);
CREATE INDEX ON datom.queries USING datom_order (a, e);
CREATE INDEX ON datom.queries USING datom_order (e, a);
CREATE INDEX ON datom.queries USING datom_order (a, v);
CREATE INDEX ON datom.queries USING datom_order (v, a);
COMMENT ON TABLE datom.queries IS 'the catalogue: a datom table of what is said about saved queries';
COMMENT ON COLUMN datom.queries.e IS 'the entity';
COMMENT ON COLUMN datom.queries.a IS 'the attribute';
COMMENT ON COLUMN datom.queries.v IS 'the value';
COMMENT ON COLUMN datom.queries.tx IS 'the transaction that said so';
COMMENT ON COLUMN datom.queries.added IS 'whether it asserts or retracts';
COMMENT ON SEQUENCE datom.queries_e_seq IS 'entities of the catalogue';
SELECT pg_catalog.pg_extension_config_dump('datom.queries', '');
SELECT pg_catalog.pg_extension_config_dump('datom.queries_e_seq', '');
GRANT SELECT ON datom.queries TO PUBLIC;

CREATE FUNCTION datom.save_query(name text, query text, doc text DEFAULT NULL, owner text DEFAULT NULL,
		tags text[] DEFAULT NULL, stability text DEFAULT NULL, arguments text DEFAULT NULL,
		rules text DEFAULT NULL) RETURNS text
	LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'datom_save_query';
COMMENT ON FUNCTION datom.save_query(text, text, text, text, text[], text, text, text) IS 'make a query in SQL or EDN a view, or a function if it takes arguments, and a version in the catalogue; returns its qualified name';

CREATE FUNCTION datom.undo_query(name text, version integer DEFAULT NULL) RETURNS integer
	LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'datom_undo_query';
COMMENT ON FUNCTION datom.undo_query(text, integer) IS 'make an older version of a saved query, by default the one before, its newest version; returns its number';

CREATE FUNCTION datom.drop_query(name text) RETURNS void
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'datom_drop_query';
COMMENT ON FUNCTION datom.drop_query(text) IS 'drop the view or function of a saved query; its versions stay';

-- Facts turned to columns here, because datom.entities() wants attributes that are
-- defined. A version of which datom.tx does not know yet is this transaction's.
CREATE VIEW datom.saved_query_version AS
WITH version AS (
	SELECT e, min(tx) AS tx,
		max(tx) FILTER (WHERE a = ':query/dropped') AS dropped_tx,
		max(v::text) FILTER (WHERE a = ':query/name') AS name,
		max(v::integer) FILTER (WHERE a = ':query/version') AS version,
		max(v::text) FILTER (WHERE a = ':query/language') AS language,
		max(v::text) FILTER (WHERE a = ':query/text') AS query,
		max(v::text) FILTER (WHERE a = ':query/arguments') AS arguments,
		max(v::text) FILTER (WHERE a = ':query/signature') AS signature,
		max(v::text) FILTER (WHERE a = ':query/doc') AS doc,
		max(v::text) FILTER (WHERE a = ':query/owner') AS owner,
		coalesce(array_agg(v::text ORDER BY v) FILTER (WHERE a = ':query/tag'), '{}') AS tags,
		max(v::text) FILTER (WHERE a = ':query/stability') AS stability,
		coalesce(array_agg(v::text ORDER BY v) FILTER (WHERE a = ':query/input'), '{}') AS inputs
	FROM datom.as_of('datom.queries')
	GROUP BY e
	HAVING bool_or(a = ':query/version'))
SELECT v.*, parse_ident(name) AS part, said.role AS author, said.instant AS valid_from, dropped.instant AS dropped_at,
	row_number() OVER (PARTITION BY name ORDER BY version DESC) = 1 AND dropped_tx IS NULL AS is_newest
FROM version v
LEFT JOIN datom.tx said ON said.tx = v.tx AND said.db = 'datom.queries'::regclass
LEFT JOIN datom.tx dropped ON dropped.tx = v.dropped_tx AND dropped.db = 'datom.queries'::regclass;
COMMENT ON VIEW datom.saved_query_version IS 'what saved_query and saved_query_history show a part of';

CREATE VIEW datom.saved_query_history AS
SELECT name, version, query, doc, owner, tags, stability, author, valid_from,
	least(dropped_at, lead(valid_from) OVER (PARTITION BY name ORDER BY version)) AS valid_to
FROM datom.saved_query_version;
COMMENT ON VIEW datom.saved_query_history IS 'all versions of saved queries up to the moment in force';
COMMENT ON COLUMN datom.saved_query_history.name IS 'the qualified name';
COMMENT ON COLUMN datom.saved_query_history.version IS 'its number among the versions of the name';
COMMENT ON COLUMN datom.saved_query_history.query IS 'its text, in SQL or EDN';
COMMENT ON COLUMN datom.saved_query_history.doc IS 'what it is for';
COMMENT ON COLUMN datom.saved_query_history.owner IS 'who answers for it';
COMMENT ON COLUMN datom.saved_query_history.tags IS 'words by which it can be found';
COMMENT ON COLUMN datom.saved_query_history.stability IS 'experimental or production';
COMMENT ON COLUMN datom.saved_query_history.author IS 'the role that saved it';
COMMENT ON COLUMN datom.saved_query_history.valid_from IS 'when it was saved; null until the transaction has committed';
COMMENT ON COLUMN datom.saved_query_history.valid_to IS 'when the next version came, or it was dropped; null: it is the newest';

-- Joined by the parts of the name: if the signature could be hashed, each function of
-- the database would be asked for its own.
CREATE VIEW datom.saved_query AS
SELECT q.name, view.oid::regclass AS relation, function.oid::regprocedure AS function, q.language, q.query, q.arguments,
	q.doc, q.owner, q.author, q.tags, q.stability, q.inputs, q.version, q.valid_from AS saved_at
FROM datom.saved_query_version q
LEFT JOIN (pg_class view JOIN pg_namespace view_schema ON view_schema.oid = view.relnamespace)
	ON q.signature IS NULL AND view.relkind = 'v' AND view_schema.nspname = q.part[1] AND view.relname = q.part[2]
LEFT JOIN (pg_proc function JOIN pg_namespace function_schema ON function_schema.oid = function.pronamespace)
	ON q.signature IS NOT NULL AND function_schema.nspname = q.part[1] AND function.proname = q.part[2]
		AND (pg_identify_object('pg_proc'::regclass, function.oid, 0)).identity IS NOT DISTINCT FROM q.signature
WHERE q.is_newest;
COMMENT ON VIEW datom.saved_query IS 'saved queries as of the moment in force';
COMMENT ON COLUMN datom.saved_query.name IS 'the qualified name';
COMMENT ON COLUMN datom.saved_query.relation IS 'its view; null if it is a function, or was dropped or renamed by hand';
COMMENT ON COLUMN datom.saved_query.function IS 'its function; null if it is a view, or was dropped or renamed by hand';
COMMENT ON COLUMN datom.saved_query.language IS 'sql or edn';
COMMENT ON COLUMN datom.saved_query.query IS 'its text';
COMMENT ON COLUMN datom.saved_query.arguments IS 'names and types of its arguments; null: it takes none';
COMMENT ON COLUMN datom.saved_query.doc IS 'what it is for';
COMMENT ON COLUMN datom.saved_query.owner IS 'who answers for it';
COMMENT ON COLUMN datom.saved_query.author IS 'the role that saved this version';
COMMENT ON COLUMN datom.saved_query.tags IS 'words by which it can be found';
COMMENT ON COLUMN datom.saved_query.stability IS 'experimental or production';
COMMENT ON COLUMN datom.saved_query.inputs IS 'what it reads: a datom table and an attribute, a relation or a function, through views and functions in SQL';
COMMENT ON COLUMN datom.saved_query.version IS 'the number of its version';
COMMENT ON COLUMN datom.saved_query.saved_at IS 'when this version was saved; null until the transaction has committed';

GRANT SELECT ON datom.saved_query, datom.saved_query_history TO PUBLIC;

CREATE FUNCTION datom.search_queries(words text) RETURNS SETOF datom.saved_query
	LANGUAGE sql STABLE STRICT PARALLEL RESTRICTED
BEGIN ATOMIC
	SELECT q.*
	FROM datom.saved_query q,
		to_tsquery('simple', (SELECT string_agg(word || ':*', ' & ')
			FROM regexp_split_to_table(words, '[^[:alnum:]]+') word WHERE word <> '')) AS sought,
		LATERAL (SELECT
			setweight(to_tsvector('simple', regexp_replace(q.name, '[^[:alnum:]]+', ' ', 'g')), 'A')
			|| setweight(to_tsvector('simple', regexp_replace(array_to_string(q.tags, ' '), '[^[:alnum:]]+', ' ', 'g')), 'B')
			|| setweight(to_tsvector('simple', regexp_replace(coalesce(q.doc, ''), '[^[:alnum:]]+', ' ', 'g')), 'C') AS text) d
	WHERE sought IS NULL OR d.text @@ sought
	ORDER BY ts_rank(d.text, sought) DESC NULLS LAST, q.name;
END;
COMMENT ON FUNCTION datom.search_queries(text) IS 'saved queries of which name, tags and doc have words that begin with all of these, the best first';

CREATE FUNCTION datom.check_queries(OUT name text, OUT error text) RETURNS SETOF record
	LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10 AS 'MODULE_PATHNAME', 'datom_check_queries';
COMMENT ON FUNCTION datom.check_queries() IS 'saved queries that the caller cannot ask, with the error';

-- ---- use of saved queries ----

CREATE FUNCTION datom.usage(OUT class oid, OUT schema oid, OUT name name, OUT role oid,
		OUT calls bigint, OUT rows bigint, OUT total_time double precision, OUT last_used timestamptz)
	RETURNS SETOF record
	LANGUAGE C VOLATILE PARALLEL SAFE ROWS 100 AS 'MODULE_PATHNAME', 'datom_usage';
COMMENT ON FUNCTION datom.usage() IS 'how often views and SQL functions of this database were used, by role';

CREATE VIEW datom.saved_query_usage AS
SELECT q.name AS query, pg_get_userbyid(u.role)::text AS role, u.calls, u.rows, u.total_time, u.last_used
FROM datom.usage() u
JOIN pg_namespace n ON n.oid = u.schema
JOIN datom.saved_query q ON q.name = format('%I.%I', n.nspname, u.name)
	AND u.class = CASE WHEN q.arguments IS NULL THEN 'pg_class'::regclass ELSE 'pg_proc'::regclass END;
COMMENT ON VIEW datom.saved_query_usage IS 'how often saved queries were used, by role';
COMMENT ON COLUMN datom.saved_query_usage.query IS 'the qualified name of the query';
COMMENT ON COLUMN datom.saved_query_usage.role IS 'who asked';
COMMENT ON COLUMN datom.saved_query_usage.calls IS 'statements that used it and did not fail';
COMMENT ON COLUMN datom.saved_query_usage.rows IS 'rows that these statements returned';
COMMENT ON COLUMN datom.saved_query_usage.total_time IS 'how long they ran, in milliseconds';
COMMENT ON COLUMN datom.saved_query_usage.last_used IS 'when the last of them began';
GRANT SELECT ON datom.saved_query_usage TO PUBLIC;

-- ---- runs and lineage ----

CREATE FUNCTION datom.in_run_support(internal) RETURNS internal
	LANGUAGE C STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'datom_in_run_support';
COMMENT ON FUNCTION datom.in_run_support(internal) IS 'tells the library which function in_run is';

-- Safe in workers, which evaluate the gate as well: it is the leader that counts.
CREATE FUNCTION datom.in_run(run uuid, i integer, n integer) RETURNS boolean
	LANGUAGE C STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'datom_in_run'
	SUPPORT datom.in_run_support;
COMMENT ON FUNCTION datom.in_run(uuid, integer, integer) IS 'true: the statement reads shard i of n of a run; an error if its session asks as of another moment';

CREATE FUNCTION datom.run_inputs(inputs text[]) RETURNS TABLE (input text, relation oid, attribute text)
	LANGUAGE sql STABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
	SELECT i.name, to_regclass(i.name)::oid, i.attribute
	FROM (SELECT regexp_replace(i, ' :[^ "]+$', '') AS name, substring(i FROM ' (:[^ "]+)$') AS attribute
		FROM unnest(inputs) i) i;
END;
COMMENT ON FUNCTION datom.run_inputs(text[]) IS 'inputs of a saved query, taken apart';

CREATE FUNCTION datom.run_tables(inputs text[]) RETURNS SETOF oid
	LANGUAGE sql STABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
	SELECT DISTINCT c.oid FROM datom.run_inputs(inputs) i JOIN pg_class c ON c.oid = i.relation JOIN pg_am m ON m.oid = c.relam
	WHERE m.amname = 'datom';
END;
COMMENT ON FUNCTION datom.run_tables(text[]) IS 'the datom tables among the inputs of a saved query';

CREATE FUNCTION datom.run_event(id uuid, query text, job text, namespace text, sql text, args jsonb, shards integer,
		basis text, inputs text[], columns text[], types text[], with_schemas boolean, OUT common text, OUT output text)
	LANGUAGE sql STABLE PARALLEL RESTRICTED
BEGIN ATOMIC
	WITH facet AS (
		SELECT name, jsonb_build_object('_producer', 'urn:postgresql-extension:datom',
			'_schemaURL', format('https://openlineage.io/spec/facets/%s/%s.json#/$defs/%2$s', version, name)) AS head
		FROM (VALUES ('NominalTimeRunFacet', '1-0-1'), ('ExternalQueryRunFacet', '1-0-2'), ('ExecutionParametersRunFacet', '1-0-0'),
			('SQLJobFacet', '1-1-0'), ('JobTypeJobFacet', '2-0-4'), ('SchemaDatasetFacet', '1-2-0'), ('DatasetVersionDatasetFacet', '1-0-1')) f(name, version)),
	facets AS (SELECT jsonb_object_agg(name, head) AS f FROM facet),
	relation AS (
		SELECT i.input, i.relation, coalesce(m.amname = 'datom', false) AS is_datom,
			jsonb_agg(i.attribute ORDER BY i.attribute) FILTER (WHERE i.attribute IS NOT NULL) AS attributes
		FROM datom.run_inputs(inputs) i LEFT JOIN pg_class c ON c.oid = i.relation LEFT JOIN pg_am m ON m.oid = c.relam
		GROUP BY 1, 2, 3),
	-- Types of attributes are for those who may read the table.
	readable AS MATERIALIZED (SELECT relation FROM relation WHERE is_datom AND has_table_privilege(relation, 'SELECT')),
	typed AS (SELECT r.relation, a.ident::text AS name, a.value_type AS type FROM readable r, datom.attributes(r.relation::regclass) a),
	field AS (
		SELECT r.input, jsonb_build_object('name', a.name) || CASE WHEN t.type IS NULL THEN '{}' ELSE jsonb_build_object('type', t.type) END AS field, a.name AS place
		FROM relation r CROSS JOIN jsonb_array_elements_text(r.attributes) a(name) LEFT JOIN typed t ON t.relation = r.relation AND t.name = a.name
		UNION ALL
		SELECT r.input, jsonb_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod)), to_char(a.attnum, '00000')
		FROM relation r JOIN pg_attribute a ON a.attrelid = r.relation AND a.attnum > 0 AND NOT a.attisdropped
		WHERE NOT r.is_datom),
	schema AS (SELECT input, jsonb_agg(field ORDER BY place) AS fields FROM field WHERE with_schemas GROUP BY input),
	input AS (
		SELECT jsonb_build_object('namespace', namespace, 'name', current_database() || '.' || r.input,
			'facets', CASE WHEN s.fields IS NULL THEN '{}' ELSE jsonb_build_object('schema', f->'SchemaDatasetFacet' || jsonb_build_object('fields', s.fields)) END
				|| CASE WHEN r.is_datom THEN jsonb_build_object('version', f->'DatasetVersionDatasetFacet' || jsonb_build_object('datasetVersion', basis)) ELSE '{}' END) AS input
		FROM facets, relation r LEFT JOIN schema s USING (input))
	SELECT substr(body::text, 2, length(body::text) - 2), substr(output::text, 2, length(output::text) - 2)
	FROM facets,
		LATERAL (SELECT jsonb_build_object(
			'producer', 'urn:postgresql-extension:datom',
			'schemaURL', 'https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent',
			'run', jsonb_build_object('runId', id, 'facets', jsonb_build_object(
				'nominalTime', f->'NominalTimeRunFacet' || jsonb_build_object('nominalStartTime', basis),
				'externalQuery', f->'ExternalQueryRunFacet' || jsonb_build_object('externalQueryId', id, 'source', namespace),
				'executionParameters', f->'ExecutionParametersRunFacet' || jsonb_build_object('parameters',
					jsonb_build_array(jsonb_build_object('key', 'as_of', 'value', basis), jsonb_build_object('key', 'shards', 'value', shards::text),
						jsonb_build_object('key', 'args', 'value', args::text))))),
			'job', jsonb_build_object('namespace', namespace, 'name', current_database() || '.' || job, 'facets', jsonb_build_object(
				'sql', f->'SQLJobFacet' || jsonb_build_object('query', sql, 'dialect', 'postgresql'),
				'jobType', f->'JobTypeJobFacet' || jsonb_build_object('processingType', 'BATCH', 'integration', 'DATOM', 'jobType', 'QUERY'))),
			'inputs', coalesce((SELECT jsonb_agg(i.input ORDER BY i.input->>'name') FROM input i), '[]')) AS body) b,
		LATERAL (SELECT jsonb_build_object('namespace', namespace, 'name', current_database() || '.' || query,
			'facets', jsonb_build_object('version', f->'DatasetVersionDatasetFacet' || jsonb_build_object('datasetVersion', basis))
				|| CASE WHEN with_schemas THEN jsonb_build_object('schema', f->'SchemaDatasetFacet' || jsonb_build_object('fields',
					(SELECT jsonb_agg(jsonb_build_object('name', c.name, 'type', c.type) ORDER BY c.i) FROM unnest(columns, types) WITH ORDINALITY c(name, type, i))))
					ELSE '{}' END) AS output) o;
END;
COMMENT ON FUNCTION datom.run_event(uuid, text, text, text, text, jsonb, integer, text, text[], text[], text[], boolean) IS 'what all OpenLineage events of a run have in common, as members of the object and of its output';

CREATE FUNCTION datom.run(query text, args jsonb DEFAULT '{}', basis text DEFAULT NULL, shards integer DEFAULT 1,
		job text DEFAULT NULL, key text DEFAULT 'e',
		OUT run uuid, OUT basis timestamptz, OUT sql text, OUT predicates text[], OUT settings text)
	LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'datom_run';
COMMENT ON FUNCTION datom.run(text, jsonb, text, integer, text, text) IS 'plan the reading of a saved query as of one moment, in shards';

CREATE FUNCTION datom.run_list(OUT run uuid, OUT query text, OUT job text, OUT args jsonb, OUT basis timestamptz, OUT shards integer,
		OUT role oid, OUT started_at timestamptz, OUT ended_at timestamptz, OUT shards_done integer, OUT rows bigint, OUT state text)
	RETURNS SETOF record
	LANGUAGE C VOLATILE PARALLEL SAFE ROWS 100 AS 'MODULE_PATHNAME', 'datom_run_list';
COMMENT ON FUNCTION datom.run_list() IS 'the runs that this server remembers';

CREATE VIEW datom.runs AS
SELECT run, query, job, args, basis, shards, pg_get_userbyid(role)::text AS role, started_at, ended_at, shards_done, rows, state
FROM datom.run_list();
COMMENT ON VIEW datom.runs IS 'the runs that this server remembers';
COMMENT ON COLUMN datom.runs.run IS 'its id';
COMMENT ON COLUMN datom.runs.query IS 'the saved query';
COMMENT ON COLUMN datom.runs.job IS 'what it is part of';
COMMENT ON COLUMN datom.runs.args IS 'arguments of the query; null for who may not see them';
COMMENT ON COLUMN datom.runs.basis IS 'the moment as of which it reads';
COMMENT ON COLUMN datom.runs.shards IS 'how many there are';
COMMENT ON COLUMN datom.runs.role IS 'who asked for it';
COMMENT ON COLUMN datom.runs.started_at IS 'when it was planned';
COMMENT ON COLUMN datom.runs.ended_at IS 'when the last shard ended, or it was aborted; null while some have not';
COMMENT ON COLUMN datom.runs.shards_done IS 'how many were read to their end';
COMMENT ON COLUMN datom.runs.rows IS 'rows of these';
COMMENT ON COLUMN datom.runs.state IS 'started, running, complete, failed or aborted, which it then stays';
GRANT SELECT ON datom.runs TO PUBLIC;

CREATE FUNCTION datom.run_shards(run uuid, OUT shard integer, OUT attempts integer, OUT rows bigint, OUT state text,
		OUT started_at timestamptz, OUT ended_at timestamptz) RETURNS SETOF record
	LANGUAGE C VOLATILE STRICT PARALLEL SAFE ROWS 35 AS 'MODULE_PATHNAME', 'datom_run_shards';
COMMENT ON FUNCTION datom.run_shards(uuid) IS 'how far the shards of a run are';

CREATE FUNCTION datom.abort_run(run uuid) RETURNS void
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'datom_abort_run';
COMMENT ON FUNCTION datom.abort_run(uuid) IS 'end a run that will not be read to its end';

CREATE FUNCTION datom.lineage(run uuid) RETURNS jsonb
	LANGUAGE C VOLATILE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'datom_lineage';
COMMENT ON FUNCTION datom.lineage(uuid) IS 'a run as an OpenLineage event, as it stands now';

-- ---- expectations ----

-- Of declarations of the same name the last counts: by commit, then by entity. What
-- the transaction in progress has said is in no entry yet.
CREATE VIEW datom.expectation AS
	SELECT said.query, said.name, said.predicate, said.doc, said.search_path, said.author, said.instant AS declared_at
	FROM (SELECT DISTINCT ON (d.query, d.name) d.*, t.instant
		FROM (SELECT e, max(tx) AS tx,
				max(v::text) FILTER (WHERE a = ':expectation/query') AS query,
				max(v::text) FILTER (WHERE a = ':expectation/name') AS name,
				max(v::text) FILTER (WHERE a = ':expectation/predicate') AS predicate,
				max(v::text) FILTER (WHERE a = ':expectation/doc') AS doc,
				max(v::text) FILTER (WHERE a = ':expectation/search-path') AS search_path,
				max(v::text) FILTER (WHERE a = ':expectation/author') AS author
			FROM datom.as_of('datom.queries')
			WHERE a IN (':expectation/query', ':expectation/name', ':expectation/predicate',
				':expectation/doc', ':expectation/search-path', ':expectation/author')
			GROUP BY e) d
		LEFT JOIN datom.tx t ON t.db = 'datom.queries'::regclass AND t.tx = d.tx
		ORDER BY d.query, d.name, t.instant DESC NULLS FIRST, d.e DESC) said
	WHERE said.predicate IS NOT NULL;
COMMENT ON VIEW datom.expectation IS 'what is expected of the rows of views, as declared at the moment in force';
COMMENT ON COLUMN datom.expectation.query IS 'the view';
COMMENT ON COLUMN datom.expectation.name IS 'the name of the expectation among those of the view';
COMMENT ON COLUMN datom.expectation.predicate IS 'the condition that each row must meet';
COMMENT ON COLUMN datom.expectation.doc IS 'what it is for';
COMMENT ON COLUMN datom.expectation.search_path IS 'the schemas in which its names are looked up';
COMMENT ON COLUMN datom.expectation.author IS 'the role that declared it';
COMMENT ON COLUMN datom.expectation.declared_at IS 'when; null for what the transaction itself declares';
GRANT SELECT ON datom.expectation TO PUBLIC;

CREATE FUNCTION datom.expect(query text, name text, predicate text, doc text DEFAULT NULL) RETURNS void
	LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'datom_expect';
COMMENT ON FUNCTION datom.expect(text, text, text, text) IS 'declares that each row of a view meets a condition';
CREATE FUNCTION datom.drop_expectation(query text, name text) RETURNS void
	LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'datom_drop_expectation';
COMMENT ON FUNCTION datom.drop_expectation(text, text) IS 'takes an expectation back';
CREATE FUNCTION datom.check_expectations(as_of text DEFAULT NULL, INOUT query text DEFAULT NULL,
		OUT expectation text, OUT rows bigint, OUT failures bigint, OUT examples jsonb, OUT error text)
		RETURNS SETOF record
	LANGUAGE C STABLE PARALLEL UNSAFE ROWS 10 AS 'MODULE_PATHNAME', 'datom_check_expectations';
COMMENT ON FUNCTION datom.check_expectations(text, text) IS 'how many rows of views do not meet what is expected of them, with examples';

-- ---- proof ----

CREATE FUNCTION datom."check"(db regclass, OUT rule text, OUT e bigint, OUT a datom.attribute,
		OUT tx bigint, OUT detail text) RETURNS SETOF record
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED ROWS 10 AS 'MODULE_PATHNAME', 'datom_check';
COMMENT ON FUNCTION datom."check"(regclass) IS 'faults of a datom table, each with its rule and place; none if it is sound';

CREATE FUNCTION datom.stats(db regclass, OUT name regclass, OUT kind text, OUT watermark timestamptz,
		OUT trusted boolean, OUT runs integer, OUT records bigint, OUT closed bigint, OUT dead bigint,
		OUT levels bigint[], OUT pages bigint, OUT retired integer, OUT tail_pages bigint,
		OUT bytes_by_attribute jsonb) RETURNS SETOF record
	LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED ROWS 4 AS 'MODULE_PATHNAME', 'datom_stats';
COMMENT ON FUNCTION datom.stats(regclass) IS 'the orders of a datom table: up to which instant they hold everything, in how many runs and pages, and how many pages of the log are newer';
