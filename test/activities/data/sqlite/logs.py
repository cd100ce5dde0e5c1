"""Files and logs as applications leave them: `logs.py PROGRAM SEED WORLDS`. Prints how many pairs of one moment there were, and of two; and of each, how many `follows` refuses."""

import importlib.util
import os
import pathlib
import random
import sqlite3
import sys
import tempfile

program, seed, worlds = sys.argv[1:]
spec = importlib.util.spec_from_file_location("program", program)
ours = importlib.util.module_from_spec(spec)
spec.loader.exec_module(ours)
drawn = random.Random(int(seed))
STATEMENTS = [
    *["INSERT INTO t (x) VALUES (randomblob(500))"] * 3,
    "INSERT INTO t (x) VALUES (randomblob(5000))",
    *["UPDATE t SET x = randomblob(20) WHERE i = 1 + abs(random()) % 20"] * 4,
    "DELETE FROM t WHERE i < abs(random()) % 10",
    "CREATE TABLE IF NOT EXISTS more (a)",
    "DROP TABLE IF EXISTS more",
    "PRAGMA wal_checkpoint(PASSIVE)",
    "PRAGMA wal_checkpoint(RESTART)",
    "PRAGMA wal_checkpoint(TRUNCATE)",
    "BEGIN; INSERT INTO t (x) VALUES (zeroblob(20000)); ROLLBACK",
    "VACUUM",
]


def connect(path):
    connection = sqlite3.connect(path, isolation_level=None, timeout=0)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA wal_autocheckpoint = {drawn.choice([0, 2, 5, 20])}")
    return connection


def moments(path):
    """What stands there after each statement of several connections, some of which end."""
    connections = [connect(path)]
    connections[0].execute("CREATE TABLE t (i INTEGER PRIMARY KEY, x)")
    for _ in range(60):
        if drawn.random() < 0.05:
            connections.append(connect(path))
        if drawn.random() < 0.03 and len(connections) > 1:
            connections.pop(drawn.randrange(len(connections))).close()
        try:
            drawn.choice(connections).executescript(drawn.choice(STATEMENTS))
        except sqlite3.OperationalError:
            pass
        log = pathlib.Path(path + "-wal")
        yield pathlib.Path(path).read_bytes(), log.read_bytes() if log.exists() else b""
    for connection in connections:
        connection.close()


def refused(folder, file, log):
    path = os.path.join(folder, "pair")
    pathlib.Path(path).write_bytes(file)
    pathlib.Path(path + "-wal").write_bytes(log)
    return not ours.follows(path, pathlib.Path(path + "-wal"))


counts = [0, 0, 0, 0]
for _ in range(int(worlds)):
    with tempfile.TemporaryDirectory() as folder:
        seen = [pair for pair in moments(os.path.join(folder, "app.db")) if pair[1]]
        for file, log in seen:
            counts[0] += 1
            counts[1] += refused(folder, file, log)
        for _ in range(60):
            (file, _), (other, log) = drawn.sample(seen, 2)
            if file != other:
                counts[2] += 1
                counts[3] += refused(folder, file, log)
print(*counts)
