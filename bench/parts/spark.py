"""spark.py URL DB TABLE ROUNDS: the seconds that Spark takes to read a table whole,
and in 35 shards with 2 cores, as of one moment: a line for all columns and one for
a sum, as "what whole shards rows"."""
import os
import statistics
import sys
import time

from pyspark.sql import SparkSession

url, db, table, rounds = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
options = {"user": "postgres", "password": os.environ["PGPASSWORD"], "driver": "org.postgresql.Driver",
           "fetchsize": "10000"}
spark = (SparkSession.builder.master("local[2]")
         .config("spark.driver.extraClassPath", "/usr/share/java/postgresql.jar")
         .config("spark.driver.bindAddress", "127.0.0.1").config("spark.ui.enabled", "false")
         .config("spark.driver.memory", "2g").getOrCreate())
head = spark.read.format("jdbc").options(url=url, query=f"""
    SELECT to_char(datom.basis('{db}') AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS moment,
        datom.shard_predicates(35, 'e') AS predicates""", **options).load().first()
url += "?options=-c%20datom.as_of%3D" + head.moment


def rows(predicates):
    return spark.read.jdbc(url, table, predicates=predicates, properties=options)


def everything(frame):
    frame.write.format("noop").mode("overwrite").save()


def total(frame):
    frame.selectExpr("sum(amount)").collect()


whole, shards = rows(["true"]), rows(list(head.predicates))
n = whole.count()
assert shards.count() == n
for what, read in ("all", everything), ("sum", total):
    taken = {"whole": [], "shards": []}
    for _ in range(rounds + 1):
        for name, frame in ("whole", whole), ("shards", shards):
            began = time.monotonic()
            read(frame)
            taken[name].append(time.monotonic() - began)
    # The first ones compile.
    print(what, *(f"{statistics.median(times[1:]):.3f}" for times in taken.values()), n)
