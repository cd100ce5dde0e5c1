"""Reads one SQLite file. Argument: the file. Standard input: one statement. Standard output: its rows, one JSON object a line."""

import json
import pathlib
import sqlite3
import sys


def main(path):
    # mode=ro: a file that is missing is an error, never an empty database made in passing.
    uri = pathlib.Path(path).absolute().as_uri() + "?mode=ro"
    connection = sqlite3.connect(uri, uri=True, timeout=10)
    try:
        connection.execute("PRAGMA query_only = ON")
        cursor = connection.execute(sys.stdin.read())
        names = [column[0] for column in cursor.description or []]
        for row in cursor:
            print(json.dumps(dict(zip(names, map(plain, row)))))
    finally:
        connection.close()


def plain(value):
    """What JSON and JavaScript hold exactly: large integers as text, blobs as hex digits."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, int) and abs(value) > 2**53 - 1:
        return str(value)
    return value


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except sqlite3.Error as error:
        sys.exit(f"{sys.argv[1]}: {error}")
