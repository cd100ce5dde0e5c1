"""What Slipway asks of one SQLite file: `sqlite.py rows|copy|look|settle FILE [TO]`. Nothing here makes a file that is missing."""

import concurrent.futures
import contextlib
import hashlib
import json
import marshal
import pathlib
import sqlite3
import struct
import sys

BUSY = 3


def rows(path):
    """Standard input: one statement. Standard output: its rows, one JSON object a line."""
    connection = open_file(path, "mode=ro")
    connection.execute("PRAGMA query_only = ON")
    cursor = connection.execute(sys.stdin.read())
    names = [column[0] for column in cursor.description or []]
    for row in cursor:
        print(json.dumps(dict(zip(names, map(plain, row)))))
    connection.close()


def copy(path, to):
    """Into a file that is there, empty, by SQLite's own backup, beside whoever writes: in one step, so that no write makes it begin anew."""
    source = open_file(path, "mode=ro", timeout=60)
    map_pages(source)
    target = sqlite3.connect(to, isolation_level=None)
    # The caller makes it durable; what an error leaves is thrown away.
    target.execute("PRAGMA journal_mode = OFF")
    target.execute("PRAGMA synchronous = OFF")
    source.backup(target, pages=-1)
    target.close()
    source.close()


def look(path, option=""):
    """All that makes two databases equal, as JSON. `checked`: with what SQLite finds wrong. The file is one that nobody writes; `live`: it may have a log."""
    connection = open_file(path, "mode=ro" if option == "live" else "immutable=1")
    damage = connection.execute("PRAGMA integrity_check") if option == "checked" else []
    damage = [line for (line,) in damage if line != "ok"]
    found = {"tables": tables_of(connection), "catalog": catalog_of(connection), "damage": damage}
    print(json.dumps({**found, "columns": connection.execute(COLUMNS).fetchall()}))


def count(path):
    """As `look`, of the tables alone, and of a file that others may have open."""
    connection = open_file(path, "mode=ro", timeout=60)
    connection.execute("BEGIN")
    print(json.dumps({"tables": tables_of(connection)}))
    connection.close()


def settle(path):
    """Plays what a crash or an open log left into the file, so that it is whole by itself. Fails where somebody else uses it, or the log does not fit."""
    refuse_strange_log(path)
    connection = open_file(path, "mode=rw", timeout=5)
    connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    connection.close()
    if busy:
        fail(f"{path}: somebody else uses it", BUSY)


def refuse_strange_log(path):
    """No file names its log, so SQLite plays another one's in without a word: what would come of it is looked at while both are as they were."""
    log = pathlib.Path(path + "-wal")
    if not log.exists() or log.stat().st_size == 0:
        return
    if not follows(path, log):
        fail(f"{path}: the log beside it is that of another moment of it")
    connection = open_file(path, "mode=ro", timeout=5)
    (found,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    connection.close()
    if found != "ok":
        fail(f"{path}: damaged with the log beside it: {found}")


def follows(path, log):
    """
    Whether the log begins where the file stands. Each first page that it has counts on from the one before, so a log that was made for a later state of the
    file begins too high, and one that is left of an earlier state ends too low. False only where that is certain: a log without that page tells nothing.
    """
    with open(path, "rb") as file:
        file.seek(24)
        stands = int.from_bytes(file.read(4), "big")
    counted = first_pages(log)
    return counted is None or counted[0] - 1 <= stands <= counted[1]


def first_pages(log, most=8 << 20):
    """The first and the highest change counter in them; None where there is none, or none in what is read of a log, whose frames are proven by their sums."""
    first, highest = None, 0
    with open(log, "rb") as file:
        head = file.read(32)
        if head[:3] != b"\x37\x7f\x06":
            return None
        words, size, salt = "<>"[head[3] & 1], int.from_bytes(head[8:12], "big"), head[16:24]
        sums = checksum(words, head[:24], (0, 0))
        while len(frame := file.read(24)) == 24 and frame[8:16] == salt:
            is_first = frame[:4] == b"\0\0\0\1"
            if first is not None and not is_first:
                file.seek(size, 1)
                continue
            page = file.read(size)
            if len(page) < size:
                break
            if first is None:
                sums = checksum(words, page, checksum(words, frame[:8], sums))
                if struct.unpack(">II", frame[16:]) != sums or file.tell() > most:
                    return None
            if is_first:
                counter = int.from_bytes(page[24:28], "big")
                first = counter if first is None else first
                highest = max(highest, counter)
    return None if first is None else (first, highest)


def checksum(words, content, sums):
    """SQLite's own, over pairs of words in the order of bytes that the log's head tells."""
    one, other = sums
    for even, odd in struct.iter_unpack(words + "II", content):
        one = (one + even + other) & 0xFFFFFFFF
        other = (other + odd + one) & 0xFFFFFFFF
    return one, other


def open_file(path, option, timeout=10):
    uri = pathlib.Path(path).absolute().as_uri() + "?"
    connection = sqlite3.connect(uri + option, uri=True, timeout=timeout, isolation_level=None)
    if option == "immutable=1":
        map_pages(connection)
    if option != "mode=ro":
        return connection
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError as error:
        if "readonly" not in str(error):
            raise
        # A writer that was killed left a journal to play back: whoever reads next has to, and who only reads may not.
        with contextlib.closing(sqlite3.connect(uri + "mode=rw", uri=True, timeout=timeout)) as writer:
            writer.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return connection


def map_pages(connection):
    """Up to half the time of reading page by page. Whoever cuts the file short kills the reader: no SQLite does beside one that is reading."""
    connection.execute(f"PRAGMA mmap_size = {2**40}")


def tables_of(connection):
    """Rows and a hash of every table that has content of its own: a virtual one keeps its content in others."""
    listed = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL %' OR name = 'sqlite_sequence' ORDER BY name"
    )
    return {name: content(connection, name) for (name,) in listed.fetchall()}


def content(connection, table):
    try:
        return hash_rows(connection, table)
    except sqlite3.OperationalError as error:
        if "decode" not in str(error):
            raise
    # Text that is no UTF-8 is content all the same.
    connection.text_factory = lambda found: found.decode("utf-8", "surrogateescape")
    try:
        return hash_rows(connection, table)
    finally:
        connection.text_factory = str


def hash_rows(connection, table):
    found, hashed = 0, hashlib.sha256()
    cursor = connection.execute('SELECT * FROM "' + table.replace('"', '""') + '"')
    # One thread hashes what the other has read.
    with concurrent.futures.ThreadPoolExecutor(1) as hasher:
        hashing = hasher.submit(int)
        while some := cursor.fetchmany(500):
            found += len(some)
            # Format 2 tells types apart and is the same for the same values, whichever Python writes it.
            written = marshal.dumps(some, 2)
            hashing.result()
            hashing = hasher.submit(hashed.update, written)
    return {"rows": found, "hash": hashed.hexdigest()}


COLUMNS = """SELECT m.name, c.name, c.type, c."notnull", c.dflt_value, c.pk
    FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table' ORDER BY 1, 2"""
PRAGMAS = ["user_version", "application_id", "encoding", "page_size", "auto_vacuum"]


def catalog_of(connection):
    schema = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name")
    broken = {}
    for table, *_ in connection.execute("PRAGMA foreign_key_check"):
        broken[table] = broken.get(table, 0) + 1
    return {
        "schema": [json.dumps(row) for row in schema],
        "settings": [f"{name} = {connection.execute('PRAGMA ' + name).fetchone()[0]}" for name in PRAGMAS],
        # Many applications never turn foreign keys on: what was broken before is no fault of the copy.
        "broken foreign keys": [f"{table}: {rows}" for table, rows in sorted(broken.items())],
    }


def plain(value):
    """What JSON and JavaScript hold exactly: large integers as text, blobs as hex digits."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, int) and abs(value) > 2**53 - 1:
        return str(value)
    return value


def fail(text, code=1):
    print(text, file=sys.stderr)
    sys.exit(code)


if __name__ == "__main__":
    command, *arguments = sys.argv[1:]
    try:
        {"rows": rows, "copy": copy, "look": look, "count": count, "settle": settle}[command](*arguments)
    except (sqlite3.Error, UnicodeError) as error:
        fail(f"{arguments[0]}: {error}")
