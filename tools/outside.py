"""How a tool asks for something outside of its sandbox: one typed question to the network broker, one answer.

The sandbox has no network. A question goes through the channel that the call came in by; whoever started the call
decides whether this tool may ask it, and of whom (`network.yaml`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tools.tool import Ask

Channel = Callable[[dict[str, Any]], dict[str, Any]]


class NotAnswered(Exception):
    """The broker refused or could not be reached; the sentence is for the model."""


_channels: list[Channel] = []


def ask(kind: Ask, **request: Any) -> dict[str, Any]:
    """The broker's answer to one question, such as `ask("dns", name="example.org", type="A")`.

    Raises:
        NotAnswered: policy does not let this tool ask that, the address is forbidden, or nothing answered.
    """
    if not _channels:
        raise NotAnswered("There is no network broker here, so nothing outside can be asked.")
    answer = _channels[-1]({"kind": kind, **request})
    if "refused" in answer:
        raise NotAnswered(str(answer["refused"])[:500])
    return answer


@contextmanager
def answered_by(channel: Channel) -> Iterator[None]:
    """Questions go to `channel` meanwhile; the sandbox's runtime sets it, and so do tests of a tool."""
    _channels.append(channel)
    try:
        yield
    finally:
        _channels.pop()
