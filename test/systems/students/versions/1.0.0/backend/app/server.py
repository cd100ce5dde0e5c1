"""Students and their grades, in one SQLite file, over HTTP."""
import json
import os
import secrets
import sqlite3
import time
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

FILE = os.environ["DATABASE_URL"].removeprefix("sqlite:///")
VERSION = os.environ.get("VERSION", "unknown")
TOKENS: set[str] = set()
RECENT: deque[float] = deque()


def query(statement, *values):
    with sqlite3.connect(FILE) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        return connection.execute(statement, values).fetchall()


def grades():
    rows = query("SELECT student_id, grade FROM grades")
    return [{"student": student, "grade": float(grade)} for student, grade in rows]


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        pages = {
            "/health": lambda: {"status": "healthy", "version": VERSION},
            "/health/ready": lambda: {"status": "ready", "students": query("SELECT count(*) FROM students")[0][0]},
            "/health/live": lambda: {"status": "alive"},
            "/api/v1/students": lambda: {"items": [{"id": i, "name": n} for i, n in query("SELECT id, name FROM students")]},
            "/api/v1/grades": lambda: {"items": grades()},
        }
        if self.path == "/":
            return self.answer(200, b'<!doctype html><script src="/assets/main.js"></script>', "text/html")
        if self.path == "/assets/main.js":
            return self.answer(200, b"export default 1;", "text/javascript")
        if self.path not in pages:
            return self.json(404, {"detail": "not found"})
        if self.path.startswith("/api/"):
            if self.headers.get("authorization", "").removeprefix("Bearer ") not in TOKENS:
                return self.json(401, {"detail": "log in first"})
            if self.too_many():
                return self.json(429, {"detail": "too many requests"}, {"Retry-After": "2"})
        try:
            self.json(200, pages[self.path]())
        except Exception as error:
            self.json(500, {"detail": str(error)})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))) or b"{}")
        if self.path == "/api/v1/auth/login":
            if body.get("password") != os.environ["SECRET_KEY"][:12]:
                return self.json(401, {"detail": "wrong password"})
            token = secrets.token_urlsafe(16)
            TOKENS.add(token)
            return self.json(200, {"access_token": token})
        if self.path == "/api/v1/students":
            query("INSERT INTO students (name) VALUES (?)", body["name"])
            return self.json(201, {"name": body["name"]})
        self.json(404, {"detail": "not found"})

    def too_many(self):
        now = time.monotonic()
        while RECENT and RECENT[0] < now - 2:
            RECENT.popleft()
        RECENT.append(now)
        return len(RECENT) > 60

    def json(self, status, value, headers=None):
        self.answer(status, json.dumps(value).encode(), "application/json", headers)

    def answer(self, status, body, kind, headers=None):
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def serve():
    ThreadingHTTPServer(("0.0.0.0", 8000), Handler).serve_forever()
