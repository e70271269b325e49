"""Opens what a command works with: settings, store, bell. Each command opens only what it needs."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from core.errors import CasemateError

if TYPE_CHECKING:
    from core.settings import Settings
    from core.store.engine import Store
    from policies.bundle import Bundle


class BadSettings(CasemateError):
    """A `CASEMATE_*` variable that cannot be used."""


def read_settings() -> Settings:
    """The settings of this process.

    Raises:
        BadSettings: names the variable and what is wrong with it, never its value.
    """
    from pydantic import ValidationError
    from pydantic_settings import SettingsError

    from core.log import configure
    from core.settings import Settings

    configure("error")  # a command answers on its own; processes that stay set their own level
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        name = "__".join(str(part) for part in first["loc"]).upper()
        raise BadSettings(f"CASEMATE_{name}: {first['msg']}; see docs/settings.md.") from None
    except SettingsError as error:
        raise BadSettings(f"{error}: it must be JSON; see docs/settings.md.") from None


@contextmanager
def open_store(settings: Settings, *, migrate: bool = False) -> Iterator[Store]:
    """The store, closed again at the end. With `migrate`, tables and a first master key are made."""
    from core.clock import SystemClock
    from core.keyring import open_keys
    from core.store.engine import Store

    store = Store.open(settings.store_url, clock=SystemClock(), keyring=open_keys(settings, create=migrate))
    try:
        if migrate:
            store.migrate()
        yield store
    finally:
        store.close()


def live_bundle(settings: Settings) -> Bundle:
    """The live bundle; where casemate was never started, the one that would go live then. Writes nothing.

    Raises:
        BundleInvalid: none loads.
    """
    from cli.output import complain
    from tools.registry import default_registry
    from workers.live import read_live

    bundle, trouble = read_live(settings, default_registry())
    if trouble is not None:
        complain(trouble)
    return bundle


def ringer(settings: Settings) -> Callable[[str], None]:
    """Rings the workers for a ticket."""
    from workers.app import make_app
    from workers.tasks import ringer as of

    ring: Callable[[str], None] = of(make_app(settings))
    return ring


def person() -> str:
    """Who sits at this terminal, as the operating system knows them."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
