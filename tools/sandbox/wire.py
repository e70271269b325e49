"""Frames between a worker and the process that runs one tool call: a kind, a length, and that many bytes of JSON."""

from __future__ import annotations

import struct

#: The process is confined and waits for its call.
READY = b"R"
#: It could not be confined; the rest says why.
BROKEN = b"E"
#: What the call may use, and the call itself.
LIMITS, CALL = b"L", b"C"
#: A question to the network broker, and its answer.
QUESTION, REPLY = b"Q", b"Y"
#: The answer of the tool; nothing follows it.
ANSWER = b"A"

HEADER = struct.Struct(">cI")
#: Bytes of one question or reply.
MAX_QUESTION, MAX_REPLY = 64 * 1024, 4 * 1024 * 1024


def frame(kind: bytes, body: bytes = b"") -> bytes:
    """One frame, ready to be sent."""
    return HEADER.pack(kind, len(body)) + body
