"""Redis and PostgreSQL of the fault run, which can be killed and started again."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import redis
import sqlalchemy as sa

from campaigns.cli import redis_server
from tests.postgres_databases import start_server


class PrivateRedis:
    """On a Unix socket, without persistence: killing it loses everything."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = folder / "redis.sock"
        self.url = f"unix://{self.socket}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        options = ["--port", "0", "--unixsocket", str(self.socket), "--dir", str(self.folder), "--save", ""]
        self.process = subprocess.Popen(
            [redis_server.binary(), *options, "--appendonly", "no"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with suppress(redis.RedisError, OSError):
                self.client().ping()
                return
            time.sleep(0.02)
        raise AssertionError("Redis did not start")

    def client(self) -> redis.Redis:
        return redis.Redis(unix_socket_path=str(self.socket))

    def fill(self, *, evicts: bool) -> None:
        """Fill its memory: from now on it refuses writes, or evicts keys for each new one."""
        client = self.client()
        client.config_set("maxmemory-policy", "allkeys-random" if evicts else "noeviction")
        # Current use; refusing needs less memory than that, evicting must keep the newest.
        used = int(client.info("memory")["used_memory"])  # type: ignore[index]
        client.config_set("maxmemory", used + 20_000 if evicts else 1_000)

    def empty(self) -> None:
        """Free its memory."""
        self.client().config_set("maxmemory", 0)

    def kill(self) -> None:
        """kill -9: all data is lost."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
        self.socket.unlink(missing_ok=True)


class PrivatePostgres:
    """On a Unix socket, with default durability."""

    def __init__(self, root: Path | None = None) -> None:
        # In a folder of its own under /tmp: the package makes every parent folder of its data accessible.
        self.folder = tempfile.mkdtemp(prefix="columba-faults-pg-", dir=root)
        self.server: Any = start_server(self.folder)
        self.admin_url = self._url("postgres")
        self.url = self._url("columba")
        self._run("CREATE DATABASE columba")

    def _url(self, database: str) -> str:
        url = sa.engine.make_url(self.server.get_uri()).set(drivername="postgresql+psycopg")
        return url.set(database=database).render_as_string(hide_password=False)

    def _run(self, statement: str) -> Any:
        engine = sa.create_engine(self.admin_url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        with engine.connect() as connection:
            return connection.exec_driver_sql(statement)

    def allow(self, connections: int) -> None:
        """Restart it with that many connections allowed."""
        self._run(f"ALTER SYSTEM SET max_connections = {connections}")
        self.stop_at_once()
        self.start()

    def end_connections(self) -> int:
        """pg_terminate_backend for every connection of the app; returns how many."""
        engine = sa.create_engine(self.admin_url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        with engine.connect() as connection:
            ended = connection.exec_driver_sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'columba'"
            )
            return len(ended.all())

    def stop_at_once(self) -> None:
        """An immediate shutdown: every backend stops where it is; the next start recovers from the log."""
        pid = int((Path(self.folder) / "postmaster.pid").read_text().splitlines()[0])
        os.kill(pid, signal.SIGQUIT)
        deadline = time.monotonic() + 10
        while _runs(pid) and time.monotonic() < deadline:
            time.sleep(0.02)

    def freeze(self, signal_number: int = signal.SIGSTOP) -> None:
        """Freeze its processes: it does not respond, and no connection breaks, like a network failure."""
        pid = int((Path(self.folder) / "postmaster.pid").read_text().splitlines()[0])
        for each in [pid, *_children(pid)]:
            with suppress(ProcessLookupError):
                os.kill(each, signal_number)

    def thaw(self) -> None:
        self.freeze(signal.SIGCONT)

    def start(self) -> None:
        self.server.ensure_postgres_running()

    def back_up(self, copy: Path) -> None:
        """Copy all its files, with the server stopped meanwhile."""
        self.stop_at_once()
        subprocess.run(["cp", "-a", self.folder, copy], check=True)
        self.start()

    def put_back(self, copy: Path) -> None:
        """Replace its files by the backup, which is moved."""
        self.stop_at_once()
        shutil.rmtree(self.folder)
        shutil.move(copy, self.folder)
        self.start()

    def remove(self) -> None:
        self.server.cleanup()
        shutil.rmtree(self.folder, ignore_errors=True)


def _children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _runs(pid: int) -> bool:
    """Whether the process lives; a zombie does not."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
