"""JSON sealed under a key of the house, for columns whose content names people and belongs to no ticket."""

from __future__ import annotations

import base64
import json
from typing import Any

from core.canonical import JsonObject
from core.errors import VaultError
from core.store.vault import Vault
from core.vault import seal, unseal


class Sealer:
    """Seals for one purpose; the key comes from the vault at first use and outlives a change of master key."""

    def __init__(self, vault: Vault, purpose: str) -> None:
        self._vault = vault
        self._purpose = purpose
        self._key: bytes | None = None

    def close(self, value: JsonObject, *, context: str) -> JsonObject:
        """`value` as it is stored; `context` must be given again to open it."""
        sealed = seal(self._secret(), json.dumps(value).encode(), context=context)
        return {"sealed": base64.b64encode(sealed).decode()}

    def open(self, stored: JsonObject, *, context: str) -> JsonObject:
        """What was sealed.

        Raises:
            VaultError: the master key is not here, or the column was changed.
        """
        try:
            sealed = base64.b64decode(stored["sealed"], validate=True)
        except (KeyError, TypeError, ValueError):
            raise VaultError(f"A sealed value ({context}) was changed in the database; restore it.") from None
        value: dict[str, Any] = json.loads(unseal(self._secret(), sealed, context=context))
        return value

    def _secret(self) -> bytes:
        if self._key is None:
            self._key = self._vault.secret(self._purpose)
        return self._key
