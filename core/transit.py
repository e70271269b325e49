"""Master keys that never leave HashiCorp Vault (or OpenBao): its Transit engine wraps and unwraps data keys.

A data key is bound to its place as associated data, as in the keyring. Transit's own `rewrap` cannot carry
associated data, so rotation unwraps and wraps; what passes through this process is a data key, never a master key.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from core.errors import CasemateError, Temporary, VaultError
from core.vault import KEY_BYTES, MasterKeys, WrappedKey

#: Seconds an unwrapped data key is remembered, so that a step asks once and not for every row it opens.
REMEMBER_SECONDS = 300
#: Data keys remembered at most.
REMEMBER_KEYS = 1024
#: What Transit answers to an encryption: the version of its key, then nonce and ciphertext.
CIPHERTEXT = re.compile(r"vault:v([1-9][0-9]{0,8}):[A-Za-z0-9+/]{40,}={0,2}")
#: Hosts that may be spoken to without TLS.
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Transit(MasterKeys):
    """One named key of a Transit engine. Fails closed: what the server does not confirm is not done."""

    def __init__(
        self,
        *,
        url: str,
        key: str,
        token: Callable[[], str],
        mount: str = "transit",
        namespace: str = "",
        ca_file: Path | None = None,
        timeout: float = 5.0,
    ) -> None:
        """`token` is called again when the server refuses it, so that an agent may renew it in a file.

        Raises:
            VaultError: the address is not one to send keys to.
        """
        address = urlsplit(url)
        if address.scheme != "https" and not (address.scheme == "http" and address.hostname in LOOPBACK):
            raise VaultError("CASEMATE_TRANSIT_URL must be an https:// address; plain http is for this machine only.")
        self._url = url
        self._key = key
        self._token = token
        self._mount = mount.strip("/")
        self._namespace = namespace
        self._verify = str(ca_file) if ca_file else True
        self._timeout = timeout
        self._lock = threading.Lock()
        self._client: Any = None
        self._binds = False
        self._remembered: OrderedDict[bytes, tuple[float, bytes]] = OrderedDict()

    def current(self) -> str:
        """Asks the server, which alone knows its newest version."""
        return self.wrap("probe", secrets.token_bytes(KEY_BYTES)).key_id

    def names(self) -> list[str]:
        return [self.current()]

    def opens(self, key_id: str) -> bool:
        return key_id.startswith(f"{self._mount}/{self._key}:v")

    def wrap(self, place: str, key: bytes) -> WrappedKey:
        """Raises:
        Temporary: the server is away, sealed, or does not let this token in.
        """
        wrapped = self._encrypt(place, key)
        self._prove_binding(wrapped)
        self._remember(place, wrapped, key)
        return wrapped

    def unwrap(self, place: str, wrapped: WrappedKey) -> bytes:
        if not self.opens(wrapped.key_id):
            raise VaultError(f"Master key {wrapped.key_id} is not in Transit; add the keyring it came from.")
        with self._lock:
            kept = self._remembered.get(_label(place, wrapped))
        if kept is not None and kept[0] > time.monotonic():
            return kept[1]
        key = self._decrypt(place, wrapped)
        self._remember(place, wrapped, key)
        return key

    def _prove_binding(self, wrapped: WrappedKey) -> None:
        """Once: the key must not open in another place. Servers before 1.13 ignore associated data."""
        if self._binds:
            return
        try:
            self._decrypt("another place", wrapped)
        except VaultError:
            self._binds = True
            return
        raise Temporary(f"{self._where('decrypt')} ignores associated data; update it to 1.13 or later.")

    def _encrypt(self, place: str, key: bytes) -> WrappedKey:
        ciphertext = self._ask("encrypt", place, plaintext=base64.b64encode(key).decode()).get("ciphertext")
        version = CIPHERTEXT.fullmatch(ciphertext) if isinstance(ciphertext, str) else None
        if version is None:
            raise Temporary(f"{self._where('encrypt')} answered no ciphertext; check that a Transit engine is there.")
        return WrappedKey(key_id=f"{self._mount}/{self._key}:v{version[1]}", wrapped=str(ciphertext).encode())

    def _decrypt(self, place: str, wrapped: WrappedKey) -> bytes:
        answer = self._ask("decrypt", place, ciphertext=wrapped.wrapped.decode("ascii", "replace"))
        try:
            key = base64.b64decode(answer.get("plaintext") or "", validate=True)
        except (binascii.Error, TypeError, ValueError):
            key = b""
        if len(key) != KEY_BYTES:
            raise Temporary(f"{self._where('decrypt')} answered no data key; check that a Transit engine is there.")
        return key

    def _remember(self, place: str, wrapped: WrappedKey, key: bytes) -> None:
        with self._lock:
            self._remembered[_label(place, wrapped)] = (time.monotonic() + REMEMBER_SECONDS, key)
            while len(self._remembered) > REMEMBER_KEYS:
                self._remembered.popitem(last=False)

    def _ask(self, act: Literal["encrypt", "decrypt"], place: str, **values: str) -> dict[str, Any]:
        """One request; a refused token is read again once, because an agent may have renewed it."""
        for last in (False, True):
            client = self._connected()
            said = self._request(client, act, place, values)
            if isinstance(said, dict):
                return said
            if last or client.token == self._token():
                raise said
            self._client = None
        raise AssertionError("unreachable")

    def _request(self, client: Any, act: str, place: str, values: dict[str, str]) -> dict[str, Any] | CasemateError:
        """What the server answered, or the refusal of the token; every other error is raised."""
        from hvac import exceptions  # type: ignore[import-untyped]

        call = getattr(client.secrets.transit, f"{act}_data")
        bound = base64.b64encode(f"casemate/2|key|{place}".encode()).decode()
        try:
            answer = call(name=self._key, mount_point=self._mount, associated_data=bound, **values)
        except (exceptions.Forbidden, exceptions.Unauthorized):
            return Temporary(
                f"{self._where(act)} refuses the token; renew it, and let its policy update both encrypt and decrypt."
            )
        except exceptions.InvalidRequest:
            raise self._refused(act, place) from None
        except exceptions.InvalidPath:
            raise Temporary(
                f"{self._where(act)} is not there; check the address, the mount and the namespace."
            ) from None
        except exceptions.VaultDown:
            raise Temporary(f"{self._where(act)} is sealed or in maintenance; unseal it.") from None
        except exceptions.VaultError as error:
            raise Temporary(f"{self._where(act)} fails ({type(error).__name__}); look at its log.") from None
        except (OSError, ValueError) as error:  # what `requests` raises; its text could quote the address and more
            raise Temporary(
                f"{self._where(act)} does not answer ({type(error).__name__}); check CASEMATE_TRANSIT_URL, "
                "its certificate and that it runs."
            ) from None
        data = answer.get("data") if isinstance(answer, dict) else None
        if not isinstance(data, dict):
            raise Temporary(f"{self._where(act)} answers something else than Transit does; check the address.")
        return data

    def _refused(self, act: str, place: str) -> CasemateError:
        if act == "encrypt":
            return Temporary(f"{self._where(act)} refuses to wrap; make a key of that name and of type aes256-gcm96.")
        return VaultError(
            f"The data key of {place} does not open in Transit: it belongs to another place or key, was changed, "
            "or its version is below min_decryption_version."
        )

    def _connected(self) -> Any:
        with self._lock:
            if self._client is None:
                self._client = self._connect()
            return self._client

    def _connect(self) -> Any:
        try:
            import hvac
        except ImportError:
            raise VaultError("HashiCorp Vault needs the package hvac; install casemate[vault].") from None
        client = hvac.Client(
            url=self._url,
            token=self._token(),
            namespace=self._namespace or None,
            verify=self._verify,
            timeout=self._timeout,
            allow_redirects=False,  # a redirect would take the token to another host
        )
        client.session.trust_env = False  # no proxy, .netrc or CA bundle that the environment slips in
        return client

    def _where(self, act: str) -> str:
        return f"HashiCorp Vault ({self._mount}/{act}/{self._key})"


def _label(place: str, wrapped: WrappedKey) -> bytes:
    return hashlib.sha256(place.encode() + b"\x00" + wrapped.wrapped).digest()
