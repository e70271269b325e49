"""Secrets that settings and YAML name and never hold: API keys of vendors and target systems.

A reference reads `${secret:okta_token}`. The value is looked up when it is used: in the file `<folder>/okta_token`
(`CASEMATE_SECRETS_DIR`, default `CASEMATE_HOME/secrets`; Docker and Kubernetes mount secrets so), else in the
environment as `CASEMATE_SECRET_OKTA_TOKEN`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from pydantic import SecretStr

from core.errors import SecretMissing

NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
REFERENCE = re.compile(r"\$\{secret:([^}]*)\}")
#: Bytes of one secret; more is a file put there by mistake.
MAX_SECRET = 64 * 1024


class SecretStore:
    """Looks secrets up by name. Nothing is kept, so a rotated file counts at once."""

    def __init__(self, folder: Path, environ: Mapping[str, str] | None = None) -> None:
        self._folder = folder
        self._environ = os.environ if environ is None else environ

    def get(self, name: str) -> SecretStr:
        """The secret, without a newline at its end.

        Raises:
            SecretMissing: there is none of this name, it is empty, or it cannot be read; never quotes a value.
        """
        if not NAME.fullmatch(name):
            raise SecretMissing("A secret's name is lower case letters, digits and underscores.")
        variable = f"CASEMATE_SECRET_{name.upper()}"
        path = self._folder / name
        try:
            with path.open("rb") as file:
                raw = file.read(MAX_SECRET + 1)
            if len(raw) > MAX_SECRET:
                raise SecretMissing(f"The secret file {path} is larger than {MAX_SECRET} bytes.")
            value = raw.decode("utf-8").rstrip("\r\n")
        except FileNotFoundError:
            value = self._environ.get(variable, "")
        except OSError as error:
            raise SecretMissing(f"The secret file {path} cannot be read: {error.strerror}.") from None
        except UnicodeDecodeError:
            raise SecretMissing(f"The secret file {path} is not text.") from None
        if not value:
            raise SecretMissing(f"There is no secret {name!r}: write it to {path} (mode 0600) or set {variable}.")
        return SecretStr(value)

    def has(self, name: str) -> bool:
        """Whether `get` would find it."""
        try:
            self.get(name)
        except SecretMissing:
            return False
        return True


def names_in(text: str) -> tuple[str, ...]:
    """Names of the secrets that a text refers to, in order."""
    return tuple(dict.fromkeys(REFERENCE.findall(text)))


def filled(text: str, store: SecretStore) -> str:
    """The text with every reference replaced by its secret.

    Raises:
        SecretMissing: one of them is not there.
    """
    return REFERENCE.sub(lambda found: store.get(found.group(1)).get_secret_value(), text)
