#!/usr/bin/env python3
"""training.py: a training extract out of PostgreSQL with datom, by Spark.

    spark-submit --packages org.postgresql:postgresql:42.7.4 training.py \\
        --url jdbc:postgresql://db.example/shop --user bi \\
        --saved public.training --out /data/training-2026-11

Each shard is read through a connection of its own, when an executor gets to it,
and once more if its task is tried again. Each row is there exactly once all the
same, whoever writes meanwhile: all connections ask as of one moment, which the
driver fixes before the first. Ask as of that moment again in ten years and the
rows are the same.

A saved query is read as a run: the server counts shards and rows, shows how far it
is, datom.runs, and has its lineage, which is printed at the end. A view, an entity
table or a SELECT are read all the same, without.

Beside the data stands _datom.json, with all that it takes to do so. It is written
last: a directory without it is not a whole extract.
"""
import argparse
import json
import os
import threading
import time
from urllib.parse import quote

from pyspark.sql import SparkSession


def arguments():
    parser = argparse.ArgumentParser(description="Extract rows as of one moment to Parquet.")
    parser.add_argument("--url", required=True, help="jdbc:postgresql://host/database")
    parser.add_argument("--user", default=os.environ.get("PGUSER"))
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--saved", help="a saved query without arguments, with its schema")
    source.add_argument("--view", help="a view or an entity table, with its schema")
    source.add_argument("--query", help="a SELECT, without a semicolon")
    parser.add_argument("--key", default="e", help="the bigint column by which to shard")
    parser.add_argument("--shards", type=int, default=35)
    parser.add_argument("--as-of", help="an instant with its zone, or a transaction; default: now")
    parser.add_argument("--db", help="without --as-of: the basis of this datom table, not the "
                        "server's clock; for a standby, which is behind the clock")
    parser.add_argument("--fetchsize", type=int, default=10000)
    parser.add_argument("--out", required=True, help="a directory that does not exist yet")
    return parser.parse_args()


def as_of(url, moment):
    """The URL for sessions that ask as of a moment."""
    if "options=" in url:
        raise SystemExit("the URL has options already")
    setting = "-c datom.as_of=" + moment.replace(" ", "\\ ")
    # Nothing is safe: a plus sign, unquoted, would arrive as a space.
    return url + ("&" if "?" in url else "?") + "options=" + quote(setting, safe="")


def literal(text):
    return "'" + text.replace("'", "''") + "'"


class Progress(threading.Thread):
    """Prints how many shards are done, until the block ends."""

    def __init__(self, context, shards):
        super().__init__(daemon=True)
        self.tracker, self.shards = context.statusTracker(), shards
        self.ended = threading.Event()
        context.setJobGroup("extract", "shards to Parquet")

    def __enter__(self):
        self.start()

    def __exit__(self, *error):
        self.ended.set()
        self.join()

    def run(self):
        began, before = time.monotonic(), None
        last = False
        while not last:
            last = self.ended.wait(0.5)
            done, running = 0, 0
            for job in self.tracker.getJobIdsForGroup("extract"):
                for stage in self.tracker.getJobInfo(job).stageIds:
                    info = self.tracker.getStageInfo(stage)
                    if info:
                        done += info.numCompletedTasks
                        running += info.numActiveTasks
            if (done, running) != before:
                before = done, running
                print(f"{time.monotonic() - began:7.1f} s  {done} of {self.shards} shards done, "
                      f"{running} running", flush=True)


def write_text(spark, directory, name, text):
    """Writes a file on whatever file system the directory is on."""
    path = spark._jvm.org.apache.hadoop.fs.Path(directory, name)
    stream = path.getFileSystem(spark._jsc.hadoopConfiguration()).create(path, False)
    stream.write(bytearray(text.encode()))
    stream.close()


def main():
    args = arguments()
    spark = SparkSession.builder.appName("training extract").getOrCreate()
    # With a fetchsize the driver of PostgreSQL reads by cursor. Without, each
    # executor holds all rows of its shard in memory before it sees the first.
    options = {"driver": "org.postgresql.Driver", "fetchsize": str(args.fetchsize)}
    if args.user:
        options["user"] = args.user
    if os.environ.get("PGPASSWORD"):
        options["password"] = os.environ["PGPASSWORD"]

    def ask(url, sql):
        return spark.read.format("jdbc").options(url=url, query=sql, **options).load().first()

    # The moment, once, on the driver; and what else only the server knows.
    moment = "datom.now()"
    if args.db and not args.as_of:
        moment = f"datom.basis({literal(args.db)})"
    plan = f"""(SELECT {moment} AS basis, datom.shard_predicates({args.shards}, {literal(args.key)}) AS predicates)"""
    if args.saved:
        plan = f"datom.run({literal(args.saved)}, shards => {args.shards}, key => {literal(args.key)}, job => 'training extract')"
    head = ask(as_of(args.url, args.as_of) if args.as_of else args.url, f"""
        SELECT to_char(basis AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS moment, predicates,
            {"run::text" if args.saved else "NULL::text"} AS run,
            current_database() AS database, current_setting('server_version') AS postgresql,
            (SELECT extversion FROM pg_extension WHERE extname = 'datom') AS datom
        FROM {plan} p""")
    url = as_of(args.url, head.moment)
    print(f"as of {head.moment}", flush=True)

    # A pooler may drop the options of a connection: then the answer would be of
    # now. So each session must say first that it asks as of the moment.
    options["sessionInitStatement"] = f"SELECT datom.assert_as_of('{head.moment}')"
    source = args.saved or args.view or f"({args.query}) q"
    rows = spark.read.jdbc(url, source, predicates=list(head.predicates), properties=options)
    with Progress(spark.sparkContext, args.shards):
        rows.write.mode("errorifexists").parquet(args.out)

    # Read back, and count in the database once more, undivided.
    written = spark.read.parquet(args.out).count()
    expected = ask(url, f"SELECT count(*) AS n FROM {source}").n
    if written != expected:
        raise SystemExit(f"{written} rows in {args.out}, but {expected} in the database")
    lineage = None
    if head.run:
        lineage = json.loads(ask(url, f"SELECT datom.lineage('{head.run}')::text AS event").event)
        print(json.dumps(lineage, indent=2))
    write_text(spark, args.out, "_datom.json", json.dumps({
        "as_of": head.moment,
        "source": args.saved or args.view or args.query,
        "lineage": lineage,
        "url": args.url,
        "database": head.database,
        "shards": args.shards,
        "key": args.key,
        "rows": written,
        "schema": {field.name: field.dataType.simpleString() for field in rows.schema},
        "versions": {"postgresql": head.postgresql, "datom": head.datom, "spark": spark.version},
    }, indent=2) + "\n")
    print(f"{written} rows in {args.out}")
    spark.stop()


if __name__ == "__main__":
    main()
