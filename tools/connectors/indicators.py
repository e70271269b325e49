"""Which kind of indicator a value is, in the words targets tell kinds apart by, and what a target calls it."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Literal

from core.canonical import JsonObject
from core.errors import ToolRefused
from tools.intel_values import clean

#: Kinds that a connector's `types` may name.
Kind = Literal["ipv4", "ipv6", "domain", "url", "email", "md5", "sha1", "sha256"]
_HASHES = {32: "md5", 40: "sha1", 64: "sha256"}


def indicator(value: str, types: Mapping[Kind, str], name: str) -> JsonObject:
    """`{"value": …, "type": …}`: the value refanged, and the target's word for its type.

    Raises:
        ToolRefused: the value is no indicator, or the target does not know its type.
    """
    try:
        plain, kind = clean(value)
    except ValueError:
        raise ToolRefused(f"`args.{name}` is no indicator, so nothing was sent.") from None
    if _is_network(plain):
        raise ToolRefused(f"`args.{name}` is a whole network, so nothing was sent; name single addresses.")
    match kind:
        case "ip":
            kind_there = f"ipv{ipaddress.ip_address(plain).version}"
        case "hash":
            kind_there = _HASHES.get(len(plain), "hash")
        case _:
            kind_there = kind
    called = {str(known): word for known, word in types.items()}
    if kind_there not in called:
        raise ToolRefused(f"This connector can take {', '.join(called)}, and no {kind_there}, so nothing was sent.")
    return {"value": plain, "type": called[kind_there]}


def _is_network(plain: str) -> bool:
    """Whether a value that reads like a URL without a scheme is a network."""
    try:
        ipaddress.ip_network(plain.removeprefix("http://"), strict=False)
    except ValueError:
        return False
    return "/" in plain.removeprefix("http://")
