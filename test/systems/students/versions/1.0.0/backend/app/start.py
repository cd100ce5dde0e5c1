"""What the container runs: its own migration, then the server."""
import subprocess

from app.server import serve

subprocess.run(["python3", "-m", "alembic", "upgrade", "head"], check=True)
print("Alembic upgrade complete", flush=True)
serve()
