"""kinds.py: what Spark, pgjdbc and psycopg see of values of every kind."""
import datetime
from decimal import Decimal

from harness import READER, execute, fetch, raises, same, url

UTC = datetime.timezone.utc
AT = datetime.datetime(2018, 11, 4, 3, 30, 0, 123457, UTC)
OLD = datetime.datetime(1900, 1, 1, tzinfo=UTC)
UUID = "0f0e0d0c-0b0a-0908-0706-050403020100"
TEXT = 'Ünïcode, "quoted" \\ and\na line'


def micros(at):
    return (at - datetime.datetime(1970, 1, 1, tzinfo=UTC)) // datetime.timedelta(microseconds=1)


class Kind:
    """A kind of values: the type of its column, what pgjdbc calls that and what Spark
    makes of it; and values, ascending: in SQL, in Spark, in psycopg."""

    def __init__(self, sql, jdbc, spark, *values):
        self.sql, self.jdbc, self.spark, self.values = sql, jdbc, spark, values


# As java.sql.Types has them.
BIGINT, DOUBLE, NUMERIC, VARCHAR, BIT = -5, 8, 2, 12, -7
TIMESTAMP, DATE, BINARY, OTHER, ARRAY = 93, 91, -2, 1111, 2003

KINDS = {
    "boolean": Kind("boolean", ("bool", BIT), "boolean", ("false", False, False), ("true", True, True)),
    "long": Kind("bigint", ("int8", BIGINT), "bigint",
                 ("'-9223372036854775808'::bigint", -2**63, -2**63), ("0::bigint", 0, 0),
                 ("9223372036854775807", 2**63 - 1, 2**63 - 1)),
    "double": Kind("float8", ("float8", DOUBLE), "double", ("'-1e308'::float8", -1e308, -1e308),
                   ("0.1::float8", 0.1, 0.1), ("1.5::float8", 1.5, 1.5)),
    # Without a scale, as Spark guesses it.
    "bigdec": Kind("numeric", ("numeric", NUMERIC), "decimal(38,18)",
                   ("-0.000000000000000001", Decimal("-0.000000000000000001"), Decimal("-0.000000000000000001")),
                   ("10.50", Decimal("10.50"), Decimal("10.50")),
                   ("99999999999999999999.0", Decimal(10**20 - 1), Decimal(10**20 - 1))),
    "scaled": Kind("numeric(18,2)", ("numeric", NUMERIC), "decimal(18,2)",
                   ("-0.005", Decimal("-0.01"), Decimal("-0.01")),
                   ("10.50", Decimal("10.50"), Decimal("10.50")),
                   ("9999999999999999.99", Decimal("9999999999999999.99"), Decimal("9999999999999999.99"))),
    "string": Kind("text", ("text", VARCHAR), "string", ("''::text", "", ""), ("'a'::text", "a", "a"),
                   ("E'" + TEXT.replace("\\", "\\\\").replace("\n", "\\n") + "'::text", TEXT, TEXT)),
    "keyword": Kind("text", ("text", VARCHAR), "string",
                    ("datom.keyword(':a.b/c')", ":a.b/c", ":a.b/c"), ("datom.keyword(':paid')", ":paid", ":paid")),
    "instant": Kind("timestamptz", ("timestamptz", TIMESTAMP), "timestamp",
                    (f"timestamptz '{OLD.isoformat()}'", micros(OLD), OLD),
                    (f"timestamptz '{AT.isoformat()}'", micros(AT), AT)),
    # In the zone of the JVM one of these days has no midnight.
    "date": Kind("date", ("date", DATE), "date",
                 *((f"date '{day.isoformat()}'", day, day) for day in
                   (datetime.date(1, 1, 2), datetime.date(2018, 11, 4), datetime.date(9999, 12, 31)))),
    "uuid": Kind("uuid", ("uuid", OTHER), "string", (f"'{UUID}'::uuid", UUID, UUID)),
    "ref": Kind("bigint", ("int8", BIGINT), "bigint",
                ("datom.ref(1001)", 1001, 1001), ("datom.ref(1002)", 1002, 1002)),
    "bytes": Kind("bytea", ("bytea", BINARY), "binary", ("''::bytea", b"", b""),
                  (r"'\x00ff0a'::bytea", b"\x00\xff\n", b"\x00\xff\n")),
    "json": Kind("jsonb", ("jsonb", OTHER), "string", ("'1'::jsonb", "1", 1),
                 ("""'{"a": [1, null]}'::jsonb""", '{"a": [1, null]}', {"a": [1, None]})),
}
FIRST, NOTHING, INFINITE, MINUS_INFINITE = 1001, 1101, 1102, 1103


def fill(session):
    """Entities FIRST and on with a value of each kind, and all of them at the first;
    one of which nothing is known, and two of infinities."""
    def say(e, name, value):
        if not value.startswith("datom."):
            value = f"datom.value({value})"
        execute(session, f"INSERT INTO all_kinds (e, a, v) VALUES ({e}, ':kind/{name}', {value})")

    most = max(len(kind.values) for kind in KINDS.values())
    for e in [*range(FIRST, FIRST + most), NOTHING, INFINITE, MINUS_INFINITE]:
        say(e, "id", str(e) + "::bigint")
    for name, kind in KINDS.items():
        for i, value in enumerate(kind.values):
            say(FIRST + i, name, value[0])
            say(FIRST, name + "s", value[0])
    for e, infinity in (INFINITE, "infinity"), (MINUS_INFINITE, "-infinity"):
        for name, type in ("instant", "timestamptz"), ("date", "date"):
            say(e, name, f"{type} '{infinity}'")


def plain(value):
    """Bytes are bytes, however a driver hands them out."""
    if isinstance(value, (memoryview, bytearray)):
        return bytes(value)
    if isinstance(value, list):
        return [plain(v) for v in value]
    return value


def compare(rows, values, who, name):
    """rows: entity to one and many; values: what they must be."""
    got = [plain(rows[FIRST + i][0]) for i in range(len(values))]
    same(got, values, f"{who}: {name}")
    # psycopg2 leaves arrays of uuid as they are printed.
    many = plain(rows[FIRST][1])
    same(many, "{%s}" % UUID if isinstance(many, str) else values, f"{who}: many of {name}")
    same(tuple(rows[NOTHING]), (None, None), f"{who}: no {name}")


def seen_by_psycopg(session):
    for name, kind in KINDS.items():
        rows = {row[0]: row[1:] for row in fetch(session, f'SELECT e, "{name}", "{name}s" FROM kind')}
        compare(rows, [value[2] for value in kind.values], "psycopg", name)


def seen_by_pgjdbc(spark):
    properties = spark._jvm.java.util.Properties()
    for key, value in READER.items():
        properties.setProperty(key, value)
    connection = spark._jvm.org.postgresql.Driver().connect(url(), properties)
    meta = connection.createStatement().executeQuery("SELECT * FROM kind").getMetaData()
    got = {meta.getColumnName(i):
           (meta.getColumnTypeName(i), meta.getColumnType(i), meta.getPrecision(i), meta.getScale(i))
           for i in range(1, meta.getColumnCount() + 1)}
    connection.close()
    for name, kind in KINDS.items():
        same(got[name][:2], kind.jdbc, f"pgjdbc: {name}")
        same(got[name + "s"][:2], ("_" + kind.jdbc[0], ARRAY), f"pgjdbc: many of {name}")
    same(got["scaled"][2:], (18, 2), "pgjdbc: precision and scale of numeric(18,2)")
    same(got["bigdec"][2:], (0, 0), "pgjdbc: precision and scale of numeric")


def seen_by_spark(spark, session):
    frame = spark.read.jdbc(url(), "kind", properties=READER)
    types = dict(frame.dtypes)
    columns = ["e"]
    for name, kind in KINDS.items():
        same(types[name], kind.spark, f"Spark: type of {name}")
        same(types[name + "s"], f"array<{kind.spark}>", f"Spark: type of many of {name}")
        columns += [f"`{name}`", f"`{name}s`"] if kind.spark != "timestamp" else \
            [f"unix_micros(`{name}`)", f"transform(`{name}s`, t -> unix_micros(t))"]
    rows = {row[0]: row[1:] for row in frame.where(f"e <= {NOTHING}").selectExpr(*columns).collect()}
    for i, (name, kind) in enumerate(KINDS.items()):
        compare({e: row[2 * i:2 * i + 2] for e, row in rows.items()},
                [value[1] for value in kind.values], "Spark", name)

    # Infinity is a day that others may be, give or take the zone of the JVM.
    year = {row.e: (row.t, row.d) for row in
            frame.where(f"e > {NOTHING}").selectExpr("e", "year(instant) AS t", "year(date) AS d").collect()}
    same(year, {INFINITE: (9999, 9999), MINUS_INFINITE: (1, 1)}, "Spark: infinity is clamped to 9999 and 1")

    execute(session, f"INSERT INTO all_kinds (e, a, v) VALUES ({NOTHING}, ':kind/bigdec', '1e25')")
    raises(lambda: frame.select("bigdec").collect(), "NUMERIC_VALUE_OUT_OF_RANGE",
           "Spark: without a scale, a number of 26 digits is an error")
