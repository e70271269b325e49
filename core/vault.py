"""Envelope encryption: a data key per ticket, wrapped by a master key (AES-256-GCM, NIST SP 800-38D).

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
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from core.errors import VaultError

#: Bytes of an AES-256 key.
KEY_BYTES = 32
#: Bytes of a GCM nonce.
NONCE_BYTES = 12


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
    """A ticket's data key under the master key `key_id`. Dropping it shreds the ticket."""

    key_id: str
    wrapped: bytes


class Keyring:
    """The master keys of this process: the first wraps, all open."""

    def __init__(self, keys: dict[str, bytes], *, current: str) -> None:
        for key_id, key in keys.items():
            if len(key) != KEY_BYTES:
                raise VaultError(f"Master key {key_id} must be {KEY_BYTES} bytes, not {len(key)}.")
        self._keys = keys
        self._current = current

    @classmethod
    def from_base64(cls, text: str) -> Keyring:
        """Read one key a line, newest first: `base64` or `name:base64`."""
        keys: dict[str, bytes] = {}
        for line in text.split():
            name, _, encoded = line.rpartition(":")
            try:
                key = base64.b64decode(encoded, validate=True)
            except binascii.Error:
                raise VaultError("The master key is not base64; make one with `openssl rand -base64 32`.") from None
            keys[name or hashlib.sha256(key).hexdigest()[:8]] = key
        if not keys:
            raise VaultError("The master key is empty; make one with `openssl rand -base64 32`.")
        return cls(keys, current=next(iter(keys)))

    @classmethod
    def from_file(cls, path: Path, *, create: bool = False) -> Keyring:
        """Read the master key file; with `create`, make one (mode 0600) where there is none."""
        if create and not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            fresh = path.with_suffix(f".{os.getpid()}.{secrets.token_hex(4)}")
            fresh.touch(mode=0o600)
            fresh.write_text(base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode() + "\n")
            try:
                os.link(fresh, path)  # fails if another process was first, whose key then counts
            except FileExistsError:
                pass
            finally:
                fresh.unlink()
        try:
            return cls.from_base64(path.read_text())
        except OSError as error:
            raise VaultError(f"The master key file {path} cannot be read: {error.strerror}.") from None

    def new_key(self, ticket_id: str) -> tuple[bytes, WrappedKey]:
        """A fresh data key for a ticket, plain and wrapped."""
        key = secrets.token_bytes(KEY_BYTES)
        wrapped = seal(self._keys[self._current], key, context=f"key:{ticket_id}")
        return key, WrappedKey(key_id=self._current, wrapped=wrapped)

    def unwrap(self, ticket_id: str, wrapped: WrappedKey) -> bytes:
        """The data key of a ticket.

        Raises:
            VaultError: this process does not have the master key that wrapped it.
        """
        if wrapped.key_id not in self._keys:
            raise VaultError(f"Master key {wrapped.key_id} is not in the keyring; add it to the master key file.")
        return unseal(self._keys[wrapped.key_id], wrapped.wrapped, context=f"key:{ticket_id}")

    def rewrap(self, ticket_id: str, wrapped: WrappedKey) -> WrappedKey:
        """The same data key under the current master key (rotation)."""
        key = self.unwrap(ticket_id, wrapped)
        fresh = seal(self._keys[self._current], key, context=f"key:{ticket_id}")
        return WrappedKey(key_id=self._current, wrapped=fresh)

    def derive(self, purpose: str) -> bytes:
        """A 32-byte key for one purpose (HKDF-Expand of one block, RFC 5869), e.g. webhook or index keys."""
        return hmac.new(self._keys[self._current], purpose.encode() + b"\x01", hashlib.sha256).digest()


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

    def __init__(self, ticket_id: str = "tkt_memory", key: bytes | None = None) -> None:
        self._ticket_id = ticket_id
        self._key = key or secrets.token_bytes(KEY_BYTES)
        self._entries: dict[str, TokenEntry] = {}

    @property
    def ticket_id(self) -> str:
        return self._ticket_id

    def key(self) -> bytes:
        return self._key

    def entries(self) -> list[TokenEntry]:
        return list(self._entries.values())

    def add(self, entries: list[TokenEntry]) -> None:
        for entry in entries:
            self._entries.setdefault(entry.token, entry)
