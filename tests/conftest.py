"""Fixtures every level of the suite shares."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from core.clock import FixedClock
from core.store.engine import Store
from core.vault import Keyring
from tests.servers import http_server, postgres_server, redis_server
from tests.tables import TEMPLATE, database, migrate, on, with_tables


@pytest.hookimpl(tryfirst=True)
def pytest_configure() -> None:
    """What is imported and collected stays until the end: looking for garbage in it takes long and finds none."""
    gc.disable()


#: Objects that are made before garbage among the youngest is looked for, and how often that is before the older ones.
LOOK_FOR_GARBAGE = (7000, 10, 10)
#: Folders whose files take longest, and files that take as long.
LONG = ("integration", "journey", "console")
LONG_FILES = ("test_mutations.py", "test_simulate.py", "test_twins.py", "test_tiers.py", "test_hostile.py")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first, so that no worker is left with one when the others are through. Otherwise as they came."""
    items.sort(key=lambda item: item.path.parent.name not in LONG and item.path.name not in LONG_FILES)


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Nor is it looked through while tests run: it is far more than they make, and was a sixth of their time."""
    gc.freeze()
    gc.set_threshold(*LOOK_FOR_GARBAGE)
    gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    """At the end it is looked through once more, or libraries in C++ speak of leaks."""
    gc.unfreeze()


@pytest.fixture
def clock() -> FixedClock:
    """A clock that a test moves by hand."""
    return FixedClock()


@pytest.fixture
def keyring(tmp_path: Path) -> Keyring:
    return Keyring.from_file(tmp_path / "master.key", create=True)


@pytest.fixture
def store(tmp_path: Path, clock: FixedClock, keyring: Keyring) -> Iterator[Store]:
    """A migrated SQLite store on the fixed clock."""
    opened = Store.open(f"sqlite:///{with_tables(tmp_path / 'casemate.db')}", clock=clock, keyring=keyring)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL that this test process started."""
    with postgres_server() as url:
        yield url


@pytest.fixture(scope="session")
def redis() -> Iterator[str]:
    """The URL of a Redis that this test process started."""
    with redis_server() as url:
        yield url


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The playbook model on a loopback port, recording what it is sent; gives its URL and the record."""
    from serving.playbook import create_app

    record = tmp_path_factory.mktemp("model") / "requests.jsonl"
    with http_server(create_app(record=record)) as address:
        yield f"{address}/v1", record


@pytest.fixture
def postgres_url(postgres: str) -> Iterator[str]:
    """The URL of an empty database for one test."""
    with database(postgres) as url:
        yield url


@pytest.fixture(scope="session")
def postgres_template(postgres: str) -> str:
    """The name of a database with all tables and nothing in them."""
    import psycopg

    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{TEMPLATE}"')
    migrate(on(postgres, TEMPLATE))
    return TEMPLATE


@pytest.fixture
def postgres_with_tables(postgres: str, postgres_template: str) -> Iterator[str]:
    """The URL of a migrated database for one test."""
    with database(postgres, template=postgres_template) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def any_store(request: pytest.FixtureRequest, tmp_path: Path, clock: FixedClock, keyring: Keyring) -> Iterator[Store]:
    """The same test on both databases, migrated."""
    if request.param == "sqlite":
        url = f"sqlite:///{with_tables(tmp_path / 'any.db')}"
    else:
        url = request.getfixturevalue("postgres_with_tables")
    opened = Store.open(url, clock=clock, keyring=keyring)
    yield opened
    opened.close()


@pytest.fixture(autouse=True)
def log_of_its_own() -> Iterator[None]:
    """A test that sets up logging writes to a stream that closes with it; the next one must not log there."""
    yield
    structlog.reset_defaults()
