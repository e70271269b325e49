"""Envelope encryption: a data key (DEK) per ticket, wrapped by a master key (KEK); AES-256-GCM, NIST SP 800-38D.

Every seal draws a fresh random 96-bit nonce and binds its place (ticket, field) as associated data,
so a sealed value moved to another ticket or field does not open.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import secrets
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from core import keyfile
from core.errors import VaultError
from core.masking import Profile

#: Bytes of an AES-256 key.
KEY_BYTES = 32
#: Bytes of a GCM nonce.
NONCE_BYTES = 12
#: First byte of a wrapped key that carries a key commitment. Those of the first release have none and 60 bytes.
COMMITTED = b"\x02"
#: Bytes of a wrapped key of the first release: nonce, key, tag.
FIRST_FORMAT_BYTES = NONCE_BYTES + KEY_BYTES + 16


def seal(key: bytes, plaintext: bytes, *, context: str) -> bytes:
    """Nonce, ciphertext and tag in one byte string. `context` must be given again to open it."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plaintext, context.encode())


def unseal(key: bytes, sealed: bytes, *, context: str) -> bytes:
    """The plaintext.

    Raises:
        VaultError: wrong key, other context, or changed bytes.
    """
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], context.encode())
    except (InvalidTag, ValueError):
        raise VaultError(
            f"A sealed value ({context}) does not open: check that the master key is the one it was written with."
        ) from None


@dataclass(frozen=True, kw_only=True, slots=True)
class WrappedKey:
    """A data key under the master key `key_id`. Dropping a ticket's shreds the ticket."""

    key_id: str
    wrapped: bytes


class MasterKeys(ABC):
    """The key-encryption keys of this process. `place` says what a data key is for: a ticket's id, a secret's name."""

    @abstractmethod
    def current(self) -> str:
        """Id of the master key that wraps now."""

    @abstractmethod
    def names(self) -> list[str]:
        """Ids of the master keys that are here, the current one first."""

    @abstractmethod
    def opens(self, key_id: str) -> bool:
        """Whether this process has the master key of that id."""

    @abstractmethod
    def wrap(self, place: str, key: bytes) -> WrappedKey:
        """`key` under the current master key, bound to its place.

        Raises:
            Temporary: the master key is away.
        """

    @abstractmethod
    def unwrap(self, place: str, wrapped: WrappedKey) -> bytes:
        """The data key of a place.

        Raises:
            VaultError: the master key that wrapped it is not here, or it belongs to another place.
            Temporary: the master key is away.
        """

    def former_secret(self, purpose: str) -> bytes | None:
        """What the first release derived for a purpose, where that can still be told."""
        return None

    def new_key(self, ticket_id: str) -> tuple[bytes, WrappedKey]:
        """A fresh data key for a ticket, plain and wrapped."""
        key = secrets.token_bytes(KEY_BYTES)
        return key, self.wrap(ticket_id, key)

    def rewrap(self, place: str, wrapped: WrappedKey) -> WrappedKey:
        """The same data key under the current master key (rotation)."""
        return self.wrap(place, self.unwrap(place, wrapped))


class Keyring(MasterKeys):
    """Master keys in this process's memory: the first wraps, all open. One from a file follows the file."""

    def __init__(self, keys: dict[str, bytes], *, path: Path | None = None, seen: keyfile.Stamp | None = None) -> None:
        self._keys = keys
        self._path = path
        self._seen = seen

    @classmethod
    def from_base64(cls, text: str) -> Keyring:
        """Read one key a line, newest first: `base64` or `name:base64`."""
        return cls(_parse(text))

    @classmethod
    def from_file(cls, path: Path, *, create: bool = False) -> Keyring:
        """Read the master key file; with `create`, make one (mode 0600) where there is none."""
        if create:
            keyfile.make(path, new_line())
        seen = keyfile.stamp(path)  # before reading, so that a change in between is noticed later
        return cls(_parse(keyfile.read(path)), path=path, seen=seen)

    def current(self) -> str:
        return self.names()[0]

    def names(self) -> list[str]:
        return list(self._fresh())

    def opens(self, key_id: str) -> bool:
        return key_id in self._fresh(wanted=key_id)

    def wrap(self, place: str, key: bytes) -> WrappedKey:
        key_id, master = next(iter(self._fresh().items()))
        context = _committed_context(place, key_id)
        sealed = seal(master, key, context=context)
        return WrappedKey(key_id=key_id, wrapped=COMMITTED + _commitment(master, context, sealed) + sealed)

    def unwrap(self, place: str, wrapped: WrappedKey) -> bytes:
        master = self._fresh(wanted=wrapped.key_id).get(wrapped.key_id)
        if master is None:
            raise VaultError(f"Master key {wrapped.key_id} is not in the keyring; add it to the master keys.")
        if len(wrapped.wrapped) == FIRST_FORMAT_BYTES:
            return unseal(master, wrapped.wrapped, context=f"key:{place}")
        context = _committed_context(place, wrapped.key_id)
        version, commitment, sealed = wrapped.wrapped[:1], wrapped.wrapped[1:33], wrapped.wrapped[33:]
        if version != COMMITTED or not hmac.compare_digest(commitment, _commitment(master, context, sealed)):
            raise VaultError(f"The data key of {place} was not wrapped by master key {wrapped.key_id}, or was changed.")
        return unseal(master, sealed, context=context)

    def former_secret(self, purpose: str) -> bytes:
        master = next(iter(self._fresh().values()))
        return hmac.new(master, purpose.encode() + b"\x01", hashlib.sha256).digest()

    def _fresh(self, *, wanted: str | None = None) -> dict[str, bytes]:
        """The keys, read again when their file has changed or lacks the wanted one: a rotation needs no restart.

        A file that cannot be read, or not yet, changes nothing.
        """
        keys = self._keys
        if self._path is None or (stamp := keyfile.stamp(self._path)) is None:
            return keys
        if stamp == self._seen and (wanted is None or wanted in keys):
            return keys
        try:
            keys = _parse(keyfile.read(self._path))
        except VaultError:
            return keys
        self._keys, self._seen = keys, stamp
        return keys


def new_line() -> str:
    """A new master key as a line of a key file."""
    return base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode() + "\n"


def _parse(text: str) -> dict[str, bytes]:
    keys: dict[str, bytes] = {}
    for line in text.split():
        name, _, encoded = line.rpartition(":")
        try:
            key = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            raise VaultError("The master key is not base64; make one with `openssl rand -base64 32`.") from None
        if len(key) != KEY_BYTES:
            raise VaultError(f"A master key must be {KEY_BYTES} bytes, not {len(key)}.")
        key_id = name or hashlib.sha256(key).hexdigest()[:8]
        if keys.setdefault(key_id, key) != key:
            raise VaultError(f"Two master keys are named {key_id}; give each its own name.")
    if not keys:
        raise VaultError("The master key is empty; make one with `openssl rand -base64 32`.")
    return keys


def _committed_context(place: str, key_id: str) -> str:
    """Associated data of a wrapped key: format, place, master key."""
    return f"casemate/2|key|{place}|{key_id}"


def _commitment(master: bytes, context: str, sealed: bytes) -> bytes:
    """Ties a wrapped key to one master key: AES-GCM alone lets one ciphertext open under two."""
    return hmac.new(master, b"commit|" + sealed[:NONCE_BYTES] + context.encode(), hashlib.sha256).digest()


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenEntry:
    """One masked value of one ticket."""

    #: As models see it: `PERSON_K7Q2X`.
    token: str
    #: Entity type: `PERSON`, `EMAIL`, …
    entity: str
    #: The original. Never logged; empty for secrets, which cannot be restored.
    value: str
    #: Keyed hash of the normalised value, so that the same value finds its token again.
    fingerprint: str


class TokenVault(Protocol):
    """Where one ticket's tokens are kept."""

    @property
    def ticket_id(self) -> str: ...

    @property
    def profile(self) -> Profile:
        """For which models this ticket is masked. Tokens are restored by the rules that they were made by."""
        ...

    def key(self) -> bytes:
        """32 bytes that only this ticket uses, from which tokens and commitments are derived."""
        ...

    def entries(self) -> list[TokenEntry]:
        """All tokens of this ticket so far."""
        ...

    def add(self, entries: list[TokenEntry]) -> None:
        """Keep new tokens; one that is already there (same token) is left as it is."""
        ...


class MemoryVault:
    """A vault for dry runs (`casemate mask`) that forgets everything."""

    def __init__(self, ticket_id: str = "tkt_memory", key: bytes | None = None, *, profile: Profile = "local") -> None:
        self._ticket_id = ticket_id
        self._profile = profile
        self._key = key or secrets.token_bytes(KEY_BYTES)
        self._entries: dict[str, TokenEntry] = {}

    @property
    def ticket_id(self) -> str:
        return self._ticket_id

    @property
    def profile(self) -> Profile:
        return self._profile

    def key(self) -> bytes:
        return self._key

    def entries(self) -> list[TokenEntry]:
        return list(self._entries.values())

    def add(self, entries: list[TokenEntry]) -> None:
        for entry in entries:
            self._entries.setdefault(entry.token, entry)
