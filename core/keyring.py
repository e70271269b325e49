"""Opens the master keys that the settings name: a file, an environment variable, or HashiCorp Vault."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from core.errors import VaultError
from core.settings import Settings
from core.vault import Keyring, MasterKeys, WrappedKey

Source = Literal["file", "environment", "transit"]


class Several(MasterKeys):
    """Master keys from more than one place: the first wraps, all open. For moving from one to another."""

    def __init__(self, sources: Sequence[MasterKeys]) -> None:
        self._first = sources[0]
        self._sources = sources

    def current(self) -> str:
        return self._first.current()

    def names(self) -> list[str]:
        return [name for source in self._sources for name in source.names()]

    def opens(self, key_id: str) -> bool:
        return any(source.opens(key_id) for source in self._sources)

    def wrap(self, place: str, key: bytes) -> WrappedKey:
        return self._first.wrap(place, key)

    def unwrap(self, place: str, wrapped: WrappedKey) -> bytes:
        for source in self._sources:
            if source.opens(wrapped.key_id):
                return source.unwrap(place, wrapped)
        return self._first.unwrap(place, wrapped)  # raises, and says what is missing

    def former_secret(self, purpose: str) -> bytes | None:
        told = (source.former_secret(purpose) for source in self._sources)
        return next((secret for secret in told if secret is not None), None)


def source_of(settings: Settings) -> Source:
    """Where the key that wraps comes from: as set, else the first that is there of Transit, environment, file."""
    if settings.master_key_source != "auto":
        return settings.master_key_source
    if settings.transit_url:
        return "transit"
    return "file" if settings.master_key is None else "environment"


def open_keys(settings: Settings, *, create: bool = False) -> MasterKeys:
    """The master keys of this process; with `create`, a first key file is made in its default place.

    What else is set, or lies in its default place, opens too, so that `casemate vault rotate` can move from it.

    Raises:
        VaultError: they are missing or malformed; the sentence never holds a key.
    """
    wraps = source_of(settings)
    opened: list[MasterKeys] = [_open(wraps, settings, create=create)]
    if wraps != "file" and (settings.master_key_file or settings.key_file.exists()):
        opened.append(_open("file", settings, create=False))
    if wraps != "environment" and settings.master_key is not None:
        opened.append(_open("environment", settings, create=False))
    if wraps != "transit" and settings.transit_url:
        opened.append(_open("transit", settings, create=False))
    return opened[0] if len(opened) == 1 else Several(opened)


def _open(source: Source, settings: Settings, *, create: bool) -> MasterKeys:
    if source == "file":
        return Keyring.from_file(settings.key_file, create=create and settings.master_key_file is None)
    if source == "environment":
        if settings.master_key is None:
            raise VaultError("CASEMATE_MASTER_KEY is not set; set it, or name another CASEMATE_MASTER_KEY_SOURCE.")
        return Keyring.from_base64(settings.master_key.get_secret_value())
    from core.transit import Transit

    if not settings.transit_url:
        raise VaultError("CASEMATE_TRANSIT_URL is not set; set it, or name another CASEMATE_MASTER_KEY_SOURCE.")
    return Transit(
        url=settings.transit_url,
        key=settings.transit_key,
        token=lambda: _transit_token(settings),
        mount=settings.transit_mount,
        namespace=settings.transit_namespace,
        ca_file=settings.transit_ca_file,
        timeout=settings.transit_timeout,
    )


def _transit_token(settings: Settings) -> str:
    file = settings.transit_token_file
    token = settings.transit_token.get_secret_value() if settings.transit_token else ""
    if file is not None:
        token = _read(file)
    if not token or not token.isascii() or not token.isprintable():
        raise VaultError("The Transit token is missing or malformed; set CASEMATE_TRANSIT_TOKEN_FILE or _TOKEN.")
    return token


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip()
    except OSError as error:
        raise VaultError(f"The Transit token file {file} cannot be read: {error.strerror}.") from None
