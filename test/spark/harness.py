"""harness.py: checks and their tally, the server that test/run has started, one
Spark, writers, and the statements that the server saw."""
import datetime
import os
import re
import threading
import time
import traceback
from collections import Counter
from urllib.parse import quote

import psycopg2
from pyspark.sql import SparkSession

HOST, PORT = os.environ["PGHOST"], os.environ["PGPORT"]
PASSWORD = os.environ["PGPASSWORD"]
LOG = os.environ["SERVER_LOG"]
# Where it is not UTC, and where midnight is missing once a year.
ZONE = "America/Sao_Paulo"
READER = {"user": "bi", "password": PASSWORD, "driver": "org.postgresql.Driver",
          "fetchsize": "1000"}

passed, failed = [], []


def check(good, what, detail=""):
    (passed if good else failed).append(what)
    if not good:
        print("not ok - " + what, flush=True)
        note(str(detail)[:2000])
    return good


def same(got, expected, what):
    return check(got == expected, what, f"got {got!r}\nexpected {expected!r}")


def note(text):
    print("# " + text.replace("\n", "\n# "), flush=True)


def raises(call, pattern, what):
    try:
        call()
    except Exception as error:  # Spark has many
        return check(re.search(pattern, str(error)), what, error)
    return check(False, what, "no error")


def run(*tests):
    """Runs tests to the end of each; one that dies has failed."""
    for test in tests:
        began, before = time.monotonic(), len(passed)
        try:
            test()
        except Exception:
            check(False, f"{test.__name__} runs to its end", traceback.format_exc())
        name, took = test.__name__.replace("_", " "), time.monotonic() - began
        print(f"{name}: {len(passed) - before} ok, {took:.1f} s", flush=True)
    print(f"{len(passed)} passed, {len(failed)} failed", flush=True)
    return 1 if failed else 0


# ---- the server, without Spark ----

def connect(user="postgres", **more):
    session = psycopg2.connect(host=HOST, port=PORT, user=user, password=PASSWORD,
                               dbname="postgres", **more)
    session.autocommit = True
    return session


def fetch(session, sql, *args):
    with session.cursor() as cursor:
        cursor.execute(sql, args or None)
        return cursor.fetchall()


def one(session, sql, *args):
    return fetch(session, sql, *args)[0][0]


def execute(session, sql, *args):
    with session.cursor() as cursor:
        cursor.execute(sql, args or None)


def basis(session):
    """The basis of both tables, as text with its zone."""
    return one(session, """SELECT to_char(least(datom.basis('pur'), datom.basis('cus'))
        AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')""")


def direct(session, as_of, sql="SELECT * FROM training"):
    """The rows as of a moment by one statement, without Spark."""
    execute(session, "SELECT set_config('datom.as_of', %s, false)", as_of)
    rows = [comparable(row) for row in fetch(session, sql)]
    execute(session, "RESET datom.as_of")
    return Counter(rows)


EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def comparable(row):
    """Instants as microseconds, so that no zone has a say."""
    return tuple((value - EPOCH) // datetime.timedelta(microseconds=1)
                 if isinstance(value, datetime.datetime) else value for value in row)


# ---- Spark ----

def start_spark():
    os.environ["TZ"] = ZONE
    time.tzset()
    # Two at once; a task may fail seven times, as one may four times on a cluster.
    return (SparkSession.builder.master("local[2,8]").appName("datom")
            .config("spark.driver.extraClassPath", "/usr/share/java/postgresql.jar")
            .config("spark.driver.extraJavaOptions", f"-Duser.timezone={ZONE}")
            .config("spark.driver.bindAddress", "127.0.0.1")
            .config("spark.ui.enabled", "false")
            .config("spark.sql.warehouse.dir", os.path.join(os.environ["SPARK_WORK"], "warehouse"))
            .config("spark.sql.shuffle.partitions", "2")
            .getOrCreate())


def url(as_of=None):
    base = f"jdbc:postgresql://{HOST}:{PORT}/postgres"
    return base if as_of is None else base + "?options=" + quote(f"-c datom.as_of={as_of}", safe="")


def predicates(session, n, column):
    return one(session, "SELECT datom.shard_predicates(%s, %s)", n, column)


def rows_of(frame):
    """The rows of a frame, comparable() with those of direct()."""
    columns = [f"unix_micros(`{name}`) AS `{name}`" if kind == "timestamp" else f"`{name}`"
               for name, kind in frame.dtypes]
    return Counter(tuple(row) for row in frame.selectExpr(*columns).collect())


def difference(got, expected):
    return (f"{sum(got.values())} rows, {sum(expected.values())} expected, "
            f"{sum((expected - got).values())} missing, {sum((got - expected).values())} too many")


def equal(got, expected, what):
    return check(got == expected, what, difference(got, expected))


class Killer(threading.Thread):
    """Ends n sessions of user bi amid their queries."""

    def __init__(self, n):
        super().__init__(daemon=True)
        self.n, self.killed, self.stop = n, 0, threading.Event()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *error):
        self.stop.set()
        self.join()

    def run(self):
        session = connect()
        while self.killed < self.n and not self.stop.wait(0.02):
            self.killed += len(fetch(session, """SELECT FROM pg_stat_activity WHERE usename = 'bi'
                AND query LIKE 'SELECT "e"%' AND state <> 'idle' AND pg_terminate_backend(pid) LIMIT 1"""))


class Seen:
    """The statements of user bi that the server has seen since the block began:
    (process, statement), white space made single; and how often more rows of one
    were fetched."""

    def __enter__(self):
        self.begin = os.path.getsize(LOG)
        return self

    def __exit__(self, *error):
        with open(LOG, encoding="utf-8", errors="replace") as log:
            log.seek(self.begin)
            text = log.read()
        entry = re.compile(r"^(\d+) bi LOG:  (statement|execute [^:]*): (.*(?:\n\t.*)*)", re.M)
        entries = [(int(pid), how, " ".join(sql.split())) for pid, how, sql in entry.findall(text)]
        self.all = [(pid, sql) for pid, how, sql in entries if "fetch from" not in how]
        self.fetches = len(entries) - len(self.all)

    def matching(self, pattern):
        return [sql for _, sql in self.all if re.search(pattern, sql)]


class Writers:
    """Threads that write while the block runs. The sum of all amounts is the same
    after each of their transactions."""

    def __init__(self, n=2):
        self.stop = threading.Event()
        self.commits, self.errors = [0] * n, []
        self.threads = [threading.Thread(target=self.run, args=(i, n), daemon=True) for i in range(n)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *error):
        self.stop.set()
        for thread in self.threads:
            thread.join()

    def run(self, i, n):
        try:
            session = connect()
            session.autocommit = False
            amounts = dict(fetch(session, "SELECT e, amount FROM purchase WHERE e >= 1000 AND mod(e, %s) = %s", n, i))
            session.commit()
            entities = sorted(amounts)
            while not self.stop.wait(0.005):
                step = self.commits[i]
                # Two that lie far apart, so in different shards at different times.
                a = entities[step * 7907 % len(entities)]
                b = entities[(step * 7907 + 3571) % len(entities)]
                moved = step % 997 + 1
                amounts[a] -= moved
                amounts[b] += moved
                with session.cursor() as cursor:
                    for e in (a, b):
                        cursor.execute("""INSERT INTO pur (e, a, v)
                            VALUES (%s, ':purchase/amount', datom.value(%s::numeric))""", (e, amounts[e]))
                    if step % 5 == 0:
                        cursor.execute("INSERT INTO pur (a, v) VALUES (':purchase/id', %s) RETURNING e",
                                       (f"new-{i}-{step}-{time.time_ns()}",))
                        cursor.execute("INSERT INTO pur (e, a, v) VALUES (%s, ':purchase/amount', '0.00')",
                                       cursor.fetchone())
                    if step % 3 == 0:
                        cursor.execute("INSERT INTO cus (e, a, v) VALUES (%s, ':customer/state', %s)",
                                       (1001 + step % 1000, f":state-{step}"))
                session.commit()
                self.commits[i] += 1
        except Exception as error:
            self.errors.append(error)
