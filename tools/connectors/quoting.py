"""How a value gets into a place of a request without becoming part of its grammar, or is refused.

Arguments were written by strangers. A value that a place cannot hold safely refuses the action before anything is
sent; no sentence here repeats a value.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from types import MappingProxyType
from urllib.parse import quote

from core.canonical import Json
from core.errors import ToolRefused

#: Characters of one value in a URL; targets refuse longer ones with words of their own.
MAX_IN_URL = 2_000

_MESSAGE_ID = re.compile(r"<?([A-Za-z0-9.!#$%&'*+/=?^_`{|}~\-\[\]:@]*)>?")
_HOST = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62})(?:\.[A-Za-z0-9_-]{1,63})*")


def text_of(value: Json, name: str) -> str:
    """A scalar as text.

    Raises:
        ToolRefused: it is a list or an object, or holds characters that no request may carry.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str | int | float):
        raise ToolRefused(f"`{name}` is no single value, so it cannot stand inside a text; correct the connector.")
    text = str(value)
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in text):
        raise ToolRefused(f"`{name}` holds control characters, so nothing was sent; propose it with a plain value.")
    return text


def as_segment(value: str, name: str) -> str:
    """One segment of a path, percent-encoded; a slash in it is no separator.

    Raises:
        ToolRefused: it is empty, too long, or means another folder.
    """
    if value in ("", ".", "..") or len(value) > MAX_IN_URL:
        raise ToolRefused(f"`{name}` cannot be a segment of a URL, so nothing was sent; propose it with another value.")
    return quote(value, safe="")


def as_query(value: str, name: str) -> str:
    """A value in a query string, percent-encoded by RFC 3986.

    Raises:
        ToolRefused: it is too long.
    """
    if len(value) > MAX_IN_URL:
        raise ToolRefused(f"`{name}` is too long for a URL, so nothing was sent; propose it with a shorter value.")
    return quote(value, safe="-_.~")


def odata(value: str, name: str) -> str:
    """A string literal of OData: in single quotes, each quote doubled."""
    del name
    return "'" + value.replace("'", "''") + "'"


def fql(value: str, name: str) -> str:
    """A string of CrowdStrike's query language, which documents no escape for what these characters mean in it.

    Raises:
        ToolRefused: one of them is in it.
    """
    if not value or any(character in "'\"\\*?[]()+,~!<>" for character in value):
        raise ToolRefused(f"`{name}` holds characters that a query cannot hold safely, so nothing was sent.")
    return f"'{value}'"


def message_id(value: str, name: str) -> str:
    """A Message-ID with its angle brackets, which some systems write and others do not.

    Raises:
        ToolRefused: it is none.
    """
    found = _MESSAGE_ID.fullmatch(value.strip())
    if found is None or "@" not in found[1]:
        raise ToolRefused(f"`{name}` is no Message-ID, so nothing was sent; propose it as read_email reports it.")
    return f"<{found[1]}>"


def host(value: str, name: str) -> str:
    """A host name in lower case.

    Raises:
        ToolRefused: it is none.
    """
    if not _HOST.fullmatch(value) or value.replace(".", "").isdigit():
        raise ToolRefused(f"`{name}` is no host name, so nothing was sent; propose the host by its name.")
    return value.lower()


def short_host(value: str, name: str) -> str:
    """The first label of a host name. Raises as `host` does."""
    return host(value, name).partition(".")[0]


def account(value: str, name: str) -> str:
    """An account without the Windows domain before it.

    Raises:
        ToolRefused: nothing is left.
    """
    short = value.strip().rpartition("\\")[2]
    if not short:
        raise ToolRefused(f"`{name}` names no account, so nothing was sent.")
    return short


#: What may stand behind `|` in a placeholder.
FILTERS: Mapping[str, Callable[[str, str], str]] = MappingProxyType(
    {
        "odata": odata,
        "fql": fql,
        "path": as_segment,
        "message_id": message_id,
        "host": host,
        "short_host": short_host,
        "account": account,
        "lower": lambda value, name: value.lower(),
    }
)
