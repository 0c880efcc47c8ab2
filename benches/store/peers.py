#!/usr/bin/env python3
"""The events and questions of the store's benchmark, asked of PostgreSQL and of SQLite with FTS5.

    cargo bench --bench store -- 1000000 FOLDER
    benches/store/peers.py FOLDER [postgresql] [sqlite]

Both are set up as somebody would who knows them: a partition a day and an index for each question in PostgreSQL, an
index for each in SQLite; 1,024 events a transaction, synced. On Debian: apt install postgresql. PGBIN names the folder
of initdb where it is not in PATH. As root, PostgreSQL is run by the user `postgres`, who must be able to read FOLDER.
"""

import datetime
import json
import os
import pathlib
import re
import shutil
import sqlite3
import statistics
import subprocess
import sys
import time

BATCH = 1024
COUNTED_TIMES = 10
COLUMNS = ["seq", "time", "actor", "action", "target", "ip", "text", "body"]
COUNTS = {
    "count of an action with a word": {"action": "RESCHEDULED", "word": "review", "select": "count"},
    "days of everything": {"select": "days"},
    "one facet of everything (action)": {"select": "actions"},
}


def rows(folder):
    """Events as rows, the time in milliseconds, the text as full-text search sees it."""
    with open(folder / "events.ndjson", encoding="utf-8") as file:
        for seq, line in enumerate(file, 1):
            event = json.loads(line)
            at = datetime.datetime.fromisoformat(event["time"].replace("Z", "+00:00"))
            actor, target = event["actor"], event["target"]
            text = [event["action"], event["title"], event["message"]["text"], event.get("reason", ""), target["name"], actor["name"], actor["email"]]
            yield [seq, round(at.timestamp() * 1000), actor["id"], event["action"], target["id"], event["client"]["ip"], " . ".join(text), line.rstrip("\n")]


def batches(folder):
    batch = []
    for row in rows(folder):
        batch.append(row)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def told(what, figure):
    print(f"| {what} | {figure} |", flush=True)


def percentiles(took_ms):
    ordered = sorted(took_ms)
    return f"{ordered[len(ordered) // 2]:.2f} ms, p99 {ordered[int(len(ordered) * 0.99)]:.2f} ms"


class Sqlite:
    name = "SQLite"

    def __init__(self, work):
        self.path = work / "events.db"
        self.db = sqlite3.connect(self.path, isolation_level=None)
        self.db.executescript(
            """
            pragma journal_mode = wal; pragma synchronous = full; pragma cache_size = -262144;
            create table events (seq integer primary key, time integer, actor text, action text, target text, ip text, text text, body text);
            create index by_time on events (time, seq); create index by_actor on events (actor, seq);
            create index by_action on events (action, seq); create index by_target on events (target, seq);
            create index by_ip on events (ip, seq);
            create virtual table words using fts5 (text, content = 'events', content_rowid = 'seq');
            """
        )

    def fill(self, folder):
        took = 0
        for batch in batches(folder):
            began = time.perf_counter()
            self.db.execute("begin")
            self.db.executemany("insert into events values (?, ?, ?, ?, ?, ?, ?, ?)", batch)
            self.db.executemany("insert into words (rowid, text) values (?, ?)", [(row[0], row[6]) for row in batch])
            self.db.execute("commit")
            took += time.perf_counter() - began
        self.db.executescript("pragma wal_checkpoint(truncate); analyze;")
        return took

    def disk_bytes(self):
        return self.path.stat().st_size

    def ask(self, questions):
        took_ms = []
        for question in questions:
            sql, values = self._sql(question)
            began = time.perf_counter()
            self.db.execute(sql, values).fetchall()
            took_ms.append((time.perf_counter() - began) * 1000)
        return took_ms

    def _sql(self, question):
        where, values = _plain(question, "?", lambda ms: ms)
        if match := _match(question):
            where.append("words match ?")
            values.append(match)
        source = "words join events e on e.seq = words.rowid" if match else "events e"
        order = "words.rowid" if match else "e.seq"
        match question.get("select"):
            case "count":
                return f"select count(*) from {source} where {' and '.join(where)}", values
            case "days":
                return "select time / 86400000, count(*) from events group by 1", []
            case "actions":
                return "select action, count(*) from events group by 1", []
        return f"select e.body from {source} where {' and '.join(where) or 'true'} order by {order} desc limit 50", values

    def stop(self):
        self.db.close()


class Postgresql:
    name = "PostgreSQL"

    def __init__(self, work):
        self.data, self.sockets = work / "postgresql", work
        self.user = "postgres" if os.geteuid() == 0 else None
        self.bin = os.environ.get("PGBIN", "")
        if self.user:
            shutil.chown(work, self.user)
        self._run("initdb", "-D", self.data, "-A", "trust", "-U", "bench", "--locale=C.UTF-8")
        options = f"-c listen_addresses='' -c unix_socket_directories={self.sockets} -c shared_buffers=1GB -c work_mem=64MB -c max_wal_size=8GB -c jit=off"
        self._run("pg_ctl", "-D", self.data, "-w", "-l", work / "postgresql.log", "-o", options, "start")

    def fill(self, folder):
        first = datetime.date(2026, 1, 1)
        days = [first + datetime.timedelta(days=n) for n in range(61)]
        parts = "".join(f"create table day_{n} partition of events for values from ('{day}Z') to ('{day + datetime.timedelta(days=1)}Z');" for n, day in enumerate(days))
        indexes = "".join(f"create index on events ({column}, time desc, seq desc);" for column in ("actor", "action", "target", "ip"))
        self._psql(
            f"""
            create table events (seq bigint not null, time timestamptz not null, actor text, action text, target text, ip inet, text text, body jsonb,
                words tsvector generated always as (to_tsvector('simple', text)) stored) partition by range (time);
            {parts} {indexes} create index on events (time desc, seq desc); create index on events using gin (words);
            """
        )
        took = 0
        with subprocess.Popen([*self._client(), "-q"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as client:
            for batch in batches(folder):
                lines = "".join("\t".join(_copied(at, value) for at, value in enumerate(row)) + "\n" for row in batch)
                began = time.perf_counter()
                client.stdin.write(f"copy events ({', '.join(COLUMNS)}) from stdin;\n{lines}\\.\n\\echo done\n")
                client.stdin.flush()
                client.stdout.readline()
                took += time.perf_counter() - began
            client.stdin.close()
        self._psql("vacuum analyze events;")
        return took

    def disk_bytes(self):
        return int(self._psql("select pg_database_size('postgres');", "-A", "-t").strip())

    def ask(self, questions):
        asked = "".join(self._sql(question) + ";\n" for question in questions)
        out = self._psql(f"select 1;\n\\timing on\n\\o /dev/null\n{asked}")
        return [float(took) for took in re.findall(r"Time: ([0-9.]+) ms", out)]

    def _sql(self, question):
        quoted = lambda ms: datetime.datetime.fromtimestamp(ms / 1000, datetime.timezone.utc).isoformat()
        where, values = _plain(question, "'{}'", quoted)
        where = [one.format(value) for one, value in zip(where, values)]
        for name, function, form in (
            ("word", "plainto_tsquery", "{}"), ("phrase", "phraseto_tsquery", "{}"), ("prefix", "to_tsquery", "{}:*"), ("without", "to_tsquery", "!{}"),
        ):
            if question.get(name):
                where.append(f"words @@ {function}('simple', '{form.format(question[name])}')")
        match question.get("select"):
            case "count":
                return f"select count(*) from events where {' and '.join(where)}"
            case "days":
                return "select date_trunc('day', time), count(*) from events group by 1"
            case "actions":
                return "select action, count(*) from events group by 1"
        return f"select body from events where {' and '.join(where) or 'true'} order by time desc, seq desc limit 50"

    def _client(self):
        return [os.path.join(self.bin, "psql"), "-X", "-v", "ON_ERROR_STOP=1", "-h", str(self.sockets), "-U", "bench", "-d", "postgres"]

    def _psql(self, sql, *options):
        return subprocess.run([*self._client(), *options], input=sql, capture_output=True, text=True, check=True).stdout

    def _run(self, program, *options):
        command = [os.path.join(self.bin, program), *map(str, options)]
        subprocess.run(command, user=self.user, check=True, stdout=subprocess.DEVNULL, cwd=self.sockets)

    def stop(self):
        self._run("pg_ctl", "-D", self.data, "-m", "immediate", "stop")


def _plain(question, mark, time_of):
    """Conditions on columns, and their values."""
    where, values = [], []
    for name, column in (("actor", "actor"), ("action", "action"), ("target_id", "target"), ("ip", "ip")):
        if question.get(name):
            where.append(f"{column} = {mark}")
            values.append(question[name])
    for condition, ms in zip(("time >=", "time <"), question.get("times") or []):
        where.append(f"{condition} {mark}")
        values.append(time_of(ms))
    return where, values


def _match(question):
    """What FTS5 is asked."""
    parts = [f'"{question[name]}"' for name in ("word", "phrase") if question.get(name)]
    if question.get("prefix"):
        parts.append(f'"{question["prefix"]}"*')
    without = f' NOT "{question["without"]}"' if question.get("without") else ""
    return " AND ".join(parts) + without


def _copied(at, value):
    if at == 1:
        return datetime.datetime.fromtimestamp(value / 1000, datetime.timezone.utc).isoformat()
    return str(value).replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")


def measure(store, folder):
    with open(folder / "questions.json", encoding="utf-8") as file:
        questions = json.load(file)
    count = sum(1 for _ in open(folder / "events.ndjson", "rb"))
    print(f"| {store.name}, {count} events | |\n|---|---|")
    took = store.fill(folder)
    told("taken in, searchable, to the disk", f"{count / took:.0f} events/s")
    told("on the disk, an event", f"{store.disk_bytes() // count} bytes")
    for asked in questions:
        told(asked[0]["name"], percentiles(store.ask(asked)))
    for name, question in COUNTS.items():
        told(name, f"{statistics.median(store.ask([question] * COUNTED_TIMES)):.2f} ms")


def main():
    folder = pathlib.Path(sys.argv[1]).resolve()
    wanted = sys.argv[2:] or ["postgresql", "sqlite"]
    for kind in (Postgresql, Sqlite):
        if kind.name.lower() not in wanted:
            continue
        work = folder / kind.name.lower()
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        store = kind(work)
        try:
            measure(store, folder)
        finally:
            store.stop()
            shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
