#!/usr/bin/env python3
"""scoring.py: answers messages from a standby with datom.

    scoring.py --connect "host=standby dbname=shop" messages/
    some-queue | scoring.py --connect "host=standby dbname=shop" --workers 4

A message is EDN: a query, its arguments, and the moment as of which to answer. It
is a file in a directory, or a line of standard input.

    {:as-of #inst "2014-11-15T13:37:42Z" :args ["pur-8"]
     :query {:find [?amount] :in [?id] :where [[$pur ?p :purchase/id ?id] [$pur ?p :purchase/amount ?amount]]}}

For each a line of JSON goes to standard output, {"file" or "line", "answer", "ms"},
or {"file" or "line", "error", "message", "ms"} with the SQLSTATE. At the end it
says on standard error how long the answers took.

What held at a moment does not depend on when it is asked, or on which server. So a
message may be asked again whatever comes between: a moment that a standby does not
have yet is waited for, a lost connection is made again, a conflict with recovery
is tried again. Only what the message is to blame for becomes its error.
"""
import argparse
import json
import os
import queue
import re
import signal
import sys
import threading
import time

import psycopg2

# Perhaps not here yet: a moment that is not final, what is in the future by a clock
# that is behind, a transaction, an attribute or a table that is not known.
LATE = {"55000", "22023", "42704", "42P01"}
# Conflicts with recovery.
CONFLICT = {"40001", "40P01"}
# The server has ended the connection, or takes none now. There is no code if it
# cannot be reached.
LOST = {None, "57P01", "57P02", "57P03", "57P04", "53300"}

# The server reads the messages. Here the moment is only looked for to know how long
# to wait: one that is not found, or not the right one, makes no answer wrong.
MOMENT = re.compile(r':as-of\s*(?:#inst\s*)?(?:"([^"]*)"|(\d+))')


def arguments():
    parser = argparse.ArgumentParser(description="Answer messages from a server with datom.")
    parser.add_argument("directory", nargs="?", help="of *.edn files; default: standard input")
    parser.add_argument("--connect", default="", help="as libpq has it; default: PGHOST and so on")
    parser.add_argument("--watch", action="store_true", help="go on with files that come later, "
                        "until a signal; rename them into the directory when they are whole")
    parser.add_argument("--workers", type=int, default=1, help="messages at a time")
    parser.add_argument("--timeout", type=float, default=10, help="seconds to try for an answer")
    args = parser.parse_args()
    if args.watch and not args.directory:
        parser.error("--watch is for a directory")
    return args


# Messages are a name and a function that reads them. What is not UTF-8 becomes
# an error when it is to be sent.

def lines():
    sys.stdin.reconfigure(encoding="utf-8", errors="surrogateescape")
    for number, line in enumerate(sys.stdin, 1):
        if line.strip():
            yield {"line": number}, lambda line=line: line


def files(directory, watch):
    def read(path):
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()

    seen = set()
    while True:
        new = sorted(name for name in os.listdir(directory)
                     if name.endswith(".edn") and name not in seen)
        for name in new:
            seen.add(name)
            path = os.path.join(directory, name)
            yield {"file": name}, lambda path=path: read(path)
        if not watch:
            return
        if not new:
            time.sleep(0.01)


class Worker(threading.Thread):
    """Answers messages from a queue, through a connection of its own."""

    def __init__(self, args, messages, results):
        super().__init__()
        self.args, self.messages, self.results = args, messages, results
        self.connection = None

    def run(self):
        while (message := self.messages.get()) is not None:
            name, read = message
            began = time.monotonic()
            answer, error = None, None
            try:
                answer = self.answer(read(), began + self.args.timeout)
            except psycopg2.Error as e:
                error = e.pgcode, (e.diag.message_primary or str(e)).strip()
            except (OSError, ValueError) as e:
                error = None, str(e)
            self.results.add(name, answer, error, (time.monotonic() - began) * 1000)
        self.disconnect()

    def answer(self, text, until):
        synced = False
        while True:
            try:
                return self.ask("SELECT datom.answer(%s::text)::text", text)
            except psycopg2.Error as error:
                left = until - time.monotonic()
                if left <= 0:
                    raise
                if error.pgcode in LATE and not synced and MOMENT.search(text):
                    synced = self.sync(text, left)
                elif error.pgcode in LOST:
                    self.disconnect()
                    synced = False
                    time.sleep(min(left, 0.1))
                elif error.pgcode not in CONFLICT:
                    raise

    def ask(self, sql, *values):
        """The first value of the first row; text, so that numbers keep their digits."""
        if self.connection is None:
            self.connection = psycopg2.connect(self.args.connect)
            # datom.sync() is nothing for transactions, and an answer needs none.
            self.connection.autocommit = True
        cursor = self.connection.cursor()
        cursor.execute(sql, values)
        return cursor.fetchone()[0] if cursor.description else None

    def sync(self, text, seconds):
        """Waits until the server has the moment. If it fails, asking again will tell why.
        False if a conflict has broken it off: then it may be tried again."""
        moment = MOMENT.search(text)
        try:
            self.ask("CALL datom.sync(%s::text, make_interval(secs => %s))",
                     moment[1] or moment[2], seconds)
        except psycopg2.Error as error:
            return error.pgcode not in CONFLICT
        return True

    def disconnect(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None


class Results:
    """Prints them, and knows how long the answers took."""

    def __init__(self):
        self.lock, self.taken, self.errors = threading.Lock(), [], 0

    def add(self, name, answer, error, ms):
        said = {key: json.dumps(value) for key, value in name.items()}
        if error is None:
            said["answer"] = answer  # which is JSON
        else:
            said["error"], said["message"] = map(json.dumps, error)
        said["ms"] = f"{ms:.3f}"
        line = "{" + ", ".join(f'"{key}": {value}' for key, value in said.items()) + "}"
        with self.lock:
            if error is None:
                self.taken.append(ms)
            else:
                self.errors += 1
            try:
                print(line, flush=True)
            except BrokenPipeError:
                os._exit(1)

    def latencies(self):
        taken = sorted(self.taken)
        said = f"{len(taken)} answers, {self.errors} errors"
        if taken:
            p50, p99 = (taken[-(-len(taken) * p // 100) - 1] for p in (50, 99))
            said += f"; p50 {p50:.2f} ms, p99 {p99:.2f} ms, max {taken[-1]:.2f} ms"
        return said


class Ended(Exception):
    pass


def end(number, _):
    signal.signal(number, signal.SIG_DFL)
    raise Ended


def main():
    args = arguments()
    # Short: after a signal, what is in it is still answered.
    messages = queue.Queue(args.workers)
    results = Results()
    workers = [Worker(args, messages, results) for _ in range(args.workers)]
    for worker in workers:
        worker.start()
    signal.signal(signal.SIGINT, end)
    signal.signal(signal.SIGTERM, end)
    try:
        for message in files(args.directory, args.watch) if args.directory else lines():
            messages.put(message)
    except Ended:
        pass
    finally:
        for _ in workers:
            messages.put(None)
    for worker in workers:
        worker.join()
    print(results.latencies(), file=sys.stderr)


if __name__ == "__main__":
    main()
