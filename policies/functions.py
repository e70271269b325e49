"""What the functions of conditions do, where CEL has no own: networks, and regular expressions outside CEL."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from functools import partial
from typing import Any


def in_cidr(address: str, network: str) -> bool:
    """Whether an address lies in a network. Raises ValueError when either is none."""
    return ipaddress.ip_address(address) in ipaddress.ip_network(network)


def network_flaw(text: str) -> str | None:
    """Why a text is no network, or None."""
    try:
        ipaddress.ip_network(text)
    except ValueError as error:
        return f"`{text}` is not a network ({error}); write it like 10.0.0.0/8"
    return None


def expression_flaw(pattern: str) -> str | None:
    """Why a text is no regular expression of RE2, or None."""
    import re2

    try:
        _compiled(pattern)
    except re2.error as error:
        said = error.args[0]
        words = said.decode(errors="replace") if isinstance(said, bytes) else str(said)
        return f"`{pattern}` is not a regular expression ({words})"
    return None


def searcher(pattern: str) -> Callable[[str], bool]:
    """Whether an expression is found anywhere in a text, by the engine that CEL uses.

    It goes past the wrapper of google-re2, whose generators and match objects cost more than most searches.
    """
    import re2

    search = partial(_compiled(pattern)._regexp.Match, re2._Anchor.UNANCHORED)  # noqa: SLF001

    def found(text: str) -> bool:
        encoded = text.encode()
        return bool(search(encoded, 0, len(encoded))[0][0] >= 0)

    return found


def _compiled(pattern: str) -> Any:
    import re2

    options = re2.Options()
    options.log_errors = False
    return re2.compile(pattern.encode(), options)
