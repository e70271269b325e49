"""Files and texts altered as a fuzzer alters them: a fixed number of examples, the same on every run."""

from __future__ import annotations

import json
import struct
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from core.canonical import canonical_bytes
from tools.sandbox import reply

#: Numbers at which lengths, offsets and counts break.
EDGES = (0, 1, 7, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFA, 0xFFFFFFFF)
PIECES = (
    b"\0", b"\xff" * 4, b"PK\x03\x04", b"PK\x05\x06", b"\xd0\xcf\x11\xe0", b"endstream", b"<<", b"=?utf-8?b?", b"\r\n",
    b"--b", b"\xed\xa0\x80", "\u202e".encode(), b"{" * 50, b"(" * 50, b"<" * 50,
)  # fmt: skip

Change = tuple[str, float, int]
changes = st.lists(
    st.tuples(
        st.sampled_from(["flip", "edge", "cut", "drop", "repeat", "piece", "zero"]),
        st.floats(0, 1),
        st.integers(0, 255),
    ),
    min_size=1,
    max_size=6,
)


def fixed(examples: int) -> settings:
    """No clock, no database, no chance: what a run finds, every run finds."""
    return settings(
        max_examples=examples, derandomize=True, deadline=None, database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )  # fmt: skip


def altered(seed: bytes, plan: list[Change]) -> bytes:
    """The seed after every change of the plan, at most twice as long."""
    data = bytearray(seed)
    for kind, place, value in plan:
        at = int(place * max(0, len(data) - 1))
        span = 1 + value % 64
        match kind:
            case "flip" if data:
                data[at] ^= value or 1
            case "edge":
                edge = struct.pack(
                    ("<I", ">I", "<H")[value % 3],
                    EDGES[value % len(EDGES)] & (0xFFFF if value % 3 == 2 else 0xFFFFFFFF),
                )
                data[at : at + len(edge)] = edge
            case "cut":
                del data[max(1, at) :]
            case "drop":
                del data[at : at + span]
            case "repeat":
                data[at:at] = data[at : at + span] * (1 + value % 8)
            case "piece":
                data[at:at] = PIECES[value % len(PIECES)]
            case "zero":
                data[at : at + span] = bytes(len(data[at : at + span]))
            case _:
                pass
    return bytes(data[: 2 * len(seed) + 64])


def carried(result: Any) -> Any:
    """The result as it arrives outside the sandbox: whatever the tool made of its input, this must take it."""
    sent = json.dumps(result, allow_nan=False, ensure_ascii=False).encode("utf-8", "replace")
    arrived = reply.parse(sent)
    assert canonical_bytes(arrived)
    return arrived
