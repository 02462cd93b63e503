"""extract.py: what Spark reads from a view, in shards, while others write. It is
right if it equals what one statement gives as of the same moment."""
import contextlib
import io
import json
import os
import runpy
import subprocess
import sys
import time

from harness import (READER, Killer, Seen, Writers, basis, check, connect, difference, direct, equal, execute,
                     fetch, note, one, predicates, raises, rows_of, run, same, start_spark, url)
import kinds

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
SHARDS = 35
spark = start_spark()
session = connect()
TYPES = [("e", "bigint"), ("id", "string"), ("amount", "decimal(18,2)"), ("merchant", "string"),
         ("at", "timestamp"), ("customer", "string"), ("name", "string"), ("state", "string")]
moment = None                   # of the first test; the others ask as of it again
expected = None


def sharded(as_of, view="training", column="e", **more):
    return spark.read.jdbc(url(as_of), view, predicates=predicates(session, SHARDS, column),
                           properties={**READER, **more})


def read(**options):
    return spark.read.format("jdbc").options(**{"url": url(moment), "dbtable": "training", **READER, **options}).load()


def each_row_once_while_writers_run():
    global moment, expected
    total = one(session, "SELECT sum(amount) FROM training")
    with Writers() as writers:
        while min(writers.commits) < 20 and not writers.errors:
            time.sleep(0.05)
        moment = basis(session)
        before = sum(writers.commits)
        with Seen() as seen:
            got = rows_of(sharded(moment))
        during = sum(writers.commits) - before
        expected = direct(session, moment)
        equal(got, expected, f"{SHARDS} shards, writers running: each row exactly once")

        # The control: without a moment, each shard is of another now, unless the
        # writers did not come to write.
        for _ in range(10):
            first = direct(session, basis(session))
            torn = rows_of(sharded(None))
            last = direct(session, basis(session))
            if torn not in (first, last):
                break
        check(torn not in (first, last), "control: without a moment the same reading is torn")
        note("against the moment at its end: " + difference(torn, last))
        note(f"sum of amounts {sum(r[2] or 0 for r in torn.elements())}, at every moment {total}")
    same(writers.errors, [], "the writers met no error")
    check(during > 10, "they wrote meanwhile", during)
    note(f"{sum(expected.values())} rows; {during} commits during the {SHARDS} shards")
    same(sum(row[2] or 0 for row in expected.elements()), total, "the sum is that of every moment")
    equal(rows_of(sharded(moment)), expected, "the same after the writers have ended")
    check(direct(session, basis(session)) != expected, "which is not what holds now")

    queries = seen.matching(r'^SELECT "e".* FROM training ')
    same(len(queries), SHARDS, "each predicate is a query of its own")
    same(len({pid for pid, sql in seen.all if sql in queries}), SHARDS, "in a session of its own")
    same(sharded(moment).dtypes, TYPES, "columns have the types that a view gives them")


def sessions_that_are_ended():
    killed = 0
    for _ in range(10):
        with Killer(5) as killer:
            equal(rows_of(sharded(moment)), expected, "tasks are tried again: each row exactly once")
        killed += killer.killed
        if killed > 1:
            break
    check(killed > 1, "their sessions were ended", killed)
    note(f"{killed} sessions ended")


def shares():
    plan = "\n".join(row[0] for row in fetch(session, "EXPLAIN SELECT * FROM training WHERE " +
                                             predicates(session, SHARDS, "e")[3]))
    check(f"Shard: 3/{SHARDS}" in plan, "a predicate reaches the scan of the entity table", plan)


def partition_column():
    got = read(partitionColumn="e", lowerBound="1000", upperBound="51000", numPartitions="8")
    same(got.rdd.getNumPartitions(), 8, "partitionColumn makes partitions")
    with Seen() as seen:
        equal(rows_of(got), expected, "partitionColumn: each row once, null and negative keys too")
    same(len(seen.matching(r'"e" < \d+ or "e" is null')), 1, "the first of them takes the null keys")
    raises(lambda: read(dbtable="", query="SELECT * FROM training", partitionColumn="e", lowerBound="1",
                        upperBound="2", numPartitions="2"),
           "partitionColumn|dbtable", "query together with partitionColumn is refused by Spark")


def query():
    got = spark.read.format("jdbc").options(url=url(moment), query="SELECT * FROM training WHERE amount > 900",
                                            **READER).load()
    equal(rows_of(got), direct(session, moment, "SELECT * FROM training WHERE amount > 900"), "query=")
    got = sharded(moment, "(SELECT state, e, amount FROM training WHERE name IS NOT NULL) q")
    equal(rows_of(got), direct(session, moment, "SELECT state, e, amount FROM training WHERE name IS NOT NULL"),
          "a query in shards, as dbtable=(…) q")


def session_init_statement():
    init = f"SET datom.as_of = '{moment}'; SELECT datom.assert_as_of('{moment}')"
    with Seen() as seen:
        frame = sharded(None, sessionInitStatement=init)
    probes = seen.matching(r"WHERE 1=0")
    check(probes and not seen.matching("datom.as_of"), "the schema probe does not run sessionInitStatement", seen.all)
    with Seen() as seen:
        equal(rows_of(frame), expected, "sessionInitStatement sets the moment for every shard")
    same(len(seen.matching("^SET datom.as_of")), SHARDS, "once in each session")

    guard = f"SELECT datom.assert_as_of('{moment}')"
    equal(rows_of(sharded(moment, sessionInitStatement=guard)), expected, "a guard lets the right moment pass")
    raises(lambda: sharded(None, sessionInitStatement=guard).count(), "does not ask as of that moment",
           "and stops a session that lost its options")


def other_zone(at):
    return one(session, """SELECT to_char(%s::timestamptz AT TIME ZONE 'Asia/Kolkata',
        'YYYY-MM-DD"T"HH24:MI:SS.US"+05:30"')""", at)


def time_zone():
    same(spark.sql("SELECT current_timezone()").first()[0], "America/Sao_Paulo", "the zone of the JVM is not UTC")
    got = spark.read.format("jdbc").options(url=url(moment), query="SELECT current_setting('TimeZone') AS zone",
                                            **READER).load().first().zone
    same(got, "America/Sao_Paulo", "and pgjdbc makes it that of the session")
    raises(lambda: spark.read.jdbc(url(moment.rstrip("Z")), "training", properties=READER).count(),
           "time zone|zone", "a moment without a zone is refused")
    other = other_zone(moment)
    equal(rows_of(sharded(other)), expected, "the moment in another zone is the same moment")
    plus = url(other).replace("%2B", "+")
    raises(lambda: spark.read.jdbc(plus, "training", properties=READER).count(), ".",
           "a plus sign that is not quoted in the URL is an error, not another moment")


def fetchsize():
    query = '"e" >= 1000 AND "e" < 21000'
    def fetches(size):
        with Seen() as seen:
            spark.read.jdbc(url(moment), "training", predicates=[query],
                            properties={**READER, "fetchsize": str(size)}).foreach(lambda row: None)
        return seen
    rows = one(session, f"SELECT count(*) FROM training WHERE {query}")
    seen = fetches(1000)
    check(seen.matching("^BEGIN"), "with a fetchsize Spark reads in a transaction", seen.all)
    same(seen.fetches, rows // 1000, "and by a cursor, thousand after thousand")
    seen = fetches(0)
    check(not seen.matching("^BEGIN") and seen.fetches == 0,
          "without, all at once, which the driver then holds", seen.all)


def pushdown():
    frame = sharded(moment)
    with Seen() as seen:
        same(frame.count(), sum(expected.values()), "count()")
    same(len(seen.matching(r"^SELECT 1 FROM training")), SHARDS, "count() asks for no column")
    with Seen() as seen:
        got = rows_of(frame.filter("amount > 500 AND state = ':SP'").select("e", "amount"))
    equal(got, direct(session, moment, "SELECT e, amount FROM training WHERE amount > 500 AND state = ':SP'"),
          "a filter in shards")
    same(len(seen.matching(r'^SELECT "e","amount" FROM training WHERE .*"amount" > 500.*"state" = \':SP\'.* AND ')),
         SHARDS, "filter and columns are in what the server was asked")

    grouped = "SELECT state, count(*) AS n, sum(amount) AS s, min(at) AS first FROM {} GROUP BY state"
    truth = direct(session, moment, grouped.format("training"))
    frame.createOrReplaceTempView("shards")
    equal(rows_of(spark.sql(grouped.format("shards"))), truth, "an aggregate over shards, by Spark")

    for key, value in {"": "org.apache.spark.sql.execution.datasources.v2.jdbc.JDBCTableCatalog",
                       ".url": url(moment), ".user": "bi", ".password": READER["password"],
                       ".driver": READER["driver"]}.items():
        spark.conf.set("spark.sql.catalog.pg" + key, value)
    with Seen() as seen:
        equal(rows_of(spark.sql(grouped.format("pg.public.training"))), truth, "an aggregate through a catalog")
    check(seen.matching(r'^SELECT "state",COUNT\(\*\),SUM\("amount"\),MIN\("at"\) FROM .* GROUP BY "state"'),
          "which the server computed", seen.all)
    with Seen() as seen:
        top = "SELECT e, amount FROM {} WHERE e IS NOT NULL ORDER BY amount DESC, e LIMIT 7"
        got = spark.sql(top.format("pg.public.training")).collect()
    same([tuple(row) for row in got], fetch_as_of(top.format("training")), "the largest, through a catalog")
    check(seen.matching("ORDER BY .*LIMIT 7"), "which the server found", seen.all)
    raises(lambda: spark.sql("SELECT * FROM pg.public.training TABLESAMPLE (10 PERCENT)").collect(), "TABLESAMPLE",
           "a sample pushed down to a view is an error of PostgreSQL")
    spark.conf.set("spark.sql.catalog.pg2", "org.apache.spark.sql.execution.datasources.v2.jdbc.JDBCTableCatalog")
    for key, value in {".url": url(moment), ".user": "bi", ".password": READER["password"],
                       ".driver": READER["driver"], ".pushDownTableSample": "false"}.items():
        spark.conf.set("spark.sql.catalog.pg2" + key, value)
    n = spark.sql("SELECT * FROM pg2.public.training TABLESAMPLE (10 PERCENT)").count()
    check(0 < n < sum(expected.values()) / 5, "with pushDownTableSample=false Spark samples itself", n)


def fetch_as_of(sql):
    execute(session, "SELECT set_config('datom.as_of', %s, false)", moment)
    rows = fetch(session, sql)
    execute(session, "RESET datom.as_of")
    return rows


def predicates_by_hand():
    keys = {row[0] for row in expected if row[0] is None or row[0] < 0}
    check(None in keys and len(keys) > 1, "there are null and negative keys", keys)
    by_hand = [f"mod(e, {SHARDS}) = {i}" for i in range(SHARDS)]
    got = rows_of(spark.read.jdbc(url(moment), "training", predicates=by_hand, properties=READER))
    lost = expected - got
    check({row[0] for row in lost} == keys, "control: predicates by mod() lose just these", difference(got, expected))
    note("mod(): " + difference(got, expected))


def runs():
    """What the README says of runs in Spark, as it stands there."""
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
        text = file.read().split("## Runs and lineage")[1]
    lines = text.split("```python\n")[1].split("```")[0]
    check("datom.run('training'" in lines, "the README has lines on runs", lines)
    place = {"spark": spark, "url": f"{url()}?user=bi&password={READER['password']}&currentSchema=saved"}
    with Writers() as writers:
        exec(lines, place)
        got = rows_of(place["rows"])
        id, at, n = fetch(session, """SELECT run, to_char(basis AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), rows
            FROM datom.runs WHERE state = 'complete' AND shards_done = 35""")[0]
    same(writers.errors, [], "runs while writers run")
    same(one(session, "SELECT count(*) FROM datom.runs"), 1, "one run is planned")
    truth = direct(session, at)
    equal(got, truth, "its shards: each row exactly once")
    same(n, sum(truth.values()), "and the server has counted these rows")
    same(fetch(session, "SELECT DISTINCT attempts, state FROM datom.run_shards(%s)", id), [(1, "done")],
         "each shard was read once: probes are no attempts")
    check(direct(session, basis(session)) != truth, "control: what holds now is something else")
    raises(lambda: spark.read.jdbc(place["url"], f"({place['run'].sql}) q", predicates=place["run"].predicates).count(),
           "does not ask as of that moment|as of", "without its settings a session gets an error")


def example():
    global spark
    out = os.path.join(os.environ["SPARK_WORK"], "out")
    page = os.path.join(ROOT, "examples/training.py")
    args = ["--url", url(), "--user", "bi", "--shards", str(SHARDS)]
    with Writers() as writers:
        done = subprocess.run(
            ["spark-submit", "--master", "local[2]", "--driver-class-path", "/usr/share/java/postgresql.jar",
             "--conf", "spark.ui.enabled=false", "--conf", "spark.driver.bindAddress=127.0.0.1",
             page, *args, "--saved", "saved.training", "--out", out],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if not same(done.returncode, 0, "examples/training.py runs while writers run"):
        note(done.stdout[-2000:] + done.stderr[-2000:])
        return
    same(writers.errors, [], "the writers met no error")
    with open(os.path.join(out, "_datom.json")) as file:
        manifest = json.load(file)
    truth = direct(session, manifest["as_of"])
    back = spark.read.parquet(out)
    equal(rows_of(back), truth, "its Parquet is what its manifest says")
    same(manifest["rows"], sum(truth.values()), "with so many rows")
    same(manifest["schema"], dict(back.dtypes), "and this schema")
    same(manifest["source"], "saved.training", "and this source")
    event = manifest["lineage"]
    check(json.dumps(event, indent=2) in done.stdout, "it prints the lineage of its run", done.stdout)
    same((event["eventType"], event["outputs"][0]["outputFacets"]["outputStatistics"]["rowCount"]),
         ("COMPLETE", manifest["rows"]), "which is complete, with all rows")
    same({i["name"] for i in event["inputs"] if "version" in i["facets"]}, {"postgres.public.pur", "postgres.public.cus"},
         "and names the datom tables behind the view")
    same({i["facets"]["version"]["datasetVersion"] for i in event["inputs"] if "version" in i["facets"]}, {manifest["as_of"]},
         "as of that moment")
    same(fetch(session, "SELECT shards_done, rows, state FROM datom.runs WHERE run = %s", event["run"]["runId"]),
         [(SHARDS, manifest["rows"], "complete")], "as the server has it")
    check(f"{SHARDS} of {SHARDS} shards done" in done.stdout, "it shows its progress", done.stdout)

    # Here, where Spark runs already; the page stops it when it is done.
    query = "SELECT e, amount FROM training WHERE amount > 500"
    execute(session, "SELECT datom.save_query('saved.large', %s)", query)
    execute(session, "GRANT SELECT ON saved.large TO bi")
    for what, more in (("a saved query and a moment", ["--saved", "saved.large", "--as-of", other_zone(moment)]),
                       ("a query and the basis of a table", ["--query", query, "--db", "pur", "--user", "postgres"])):
        target = f"{out}-{what.replace(' ', '-')}"
        sys.argv = [page, *args, *more, "--out", target]
        with contextlib.redirect_stdout(io.StringIO()):
            runpy.run_path(page, run_name="__main__")
        spark = start_spark()
        with open(os.path.join(target, "_datom.json")) as file:
            manifest = json.load(file)
        equal(rows_of(spark.read.parquet(target)), direct(session, manifest["as_of"], query),
              f"it takes {what}")
        if "--as-of" in more:
            same(manifest["as_of"], moment, "which is the same moment, in UTC")


def kinds_of_values():
    kinds.fill(session)
    kinds.seen_by_psycopg(session)
    kinds.seen_by_pgjdbc(spark)
    kinds.seen_by_spark(spark, session)


sys.exit(run(each_row_once_while_writers_run, sessions_that_are_ended, shares, partition_column, query,
             session_init_statement, time_zone, fetchsize, pushdown, predicates_by_hand, kinds_of_values, runs, example))
